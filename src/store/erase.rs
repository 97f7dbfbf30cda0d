//! Erasing a person: his or her keys are destroyed, and with them all that was sealed.
//!
//! What counts and what must stay known keeps its rows, which hold ids only: attempts, refusals,
//! consents with their proofs, wishes (RGPD article 17 §3 b and e). The numbers of an erased
//! contact stay known as one consumer's, so that attempts and wishes on one count on the others
//! when a list brings them again.

use std::collections::{BTreeMap, BTreeSet};

use super::access::contacts_of;
use super::audit::chain::Notes;
use super::audit::{Kind, said};
use super::backend::{Db, both, each, statements};
use super::text::{at, json};
use super::{CallRow, InboundRow, NEVER, Shared, Store, StoreError, inbound, report};
use crate::units::{CallId, ContactId, InboundId, Number, PersonId, Wall};

/// Who is erased.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// Whoever has this number: every contact that has it, with their other numbers.
    Number(Number),
    /// One contact, with its numbers.
    Contact(ContactId),
}

/// What an erasure destroyed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Erased {
    /// The contacts that are nobody's any more.
    pub contacts: Vec<ContactId>,
    /// The person-slots whose digits are gone.
    pub persons: Vec<PersonId>,
    /// Numbers that another contact still needs, and keeps.
    pub kept: u64,
    /// Calls whose notes, appointments and changed fields are gone.
    pub details: u64,
    /// Webhook events that tell of a call without its person now, those to be sent among them.
    pub events: u64,
}

macro_rules! contacts {
    ($before:literal, $after:literal) => {
        each(
            concat!($before, "(select value from json_each($1))", $after),
            concat!(
                $before,
                "(select cast(value as bigint)
                  from jsonb_array_elements_text(cast($1 as jsonb)))",
                $after
            ),
        )
    };
}

statements! {
    /// A person whose digits are known and no contact's.
    ALONE = both(
        "select p.id from person p where p.fingerprint = $1
           and not exists (select 1 from number n where n.person_id = p.id)
           and (exists (select 1 from person_personal d where d.person_id = p.id)
             or exists (select 1 from inbound_call i
               join inbound_call_personal d on d.inbound_id = i.id where i.person_id = p.id))",
    );
    IN_A_CALL = contacts!("select id, open_call_id from contact where open_call_id is not null
        and id in ", " order by id limit 1");
    /// The persons behind contacts, and whether a contact that stays needs their digits.
    NUMBERS = contacts!("select distinct n.person_id, n.contact_id, exists (select 1 from number o
          join contact k on k.id = o.contact_id
          where o.person_id = n.person_id and k.erased_at is null)
        from number n where n.contact_id in ", " order by n.person_id, n.contact_id");
    MARK = contacts!("update contact set erased_at = $2,
          done_reason = case when state = 'done' then done_reason else 'erased' end,
          state = 'done', external_id = null, owner_agent_id = null, next_number_id = null,
          callback_at = null, callback_agent_id = null, held = null, free_at = $3
        where erased_at is null and id in ", "");
    REMEMBER = contacts!("insert into erased_number
          (person_id, contact_id, client_id, territory, added_at)
        select n.person_id, n.contact_id, k.client_id, n.territory, n.added_at
        from number n join contact k on k.id = n.contact_id
        where n.contact_id in ", " on conflict do nothing");
    FORGET_NUMBERS = contacts!("delete from number where contact_id in ", "");
    FORGET_CARDS = contacts!("delete from contact_personal where contact_id in ", "");
    FORGET_CHANGES = contacts!("delete from contact_change_personal where contact_id in ", "");
    FORGET_DETAILS = contacts!("delete from attempt_personal where call_id in
        (select call_id from attempt where contact_id in ", ")");
    FORGET_DIGITS = contacts!("delete from person_personal where person_id in ", "");
    FORGET_CALLERS = contacts!("delete from inbound_call_personal where inbound_id in
        (select id from inbound_call where person_id in ", ")");
    EVENTS = contacts!("select o.event_id, o.call_id from attempt a
          join outbox o on o.call_id = a.call_id
        where a.contact_id in ", " order by o.event_id");
    CALLERS_EVENTS = contacts!("select o.event_id, o.kind, i.id from inbound_call i
          join outbox o on o.inbound_id = i.id
        where i.person_id in ", " order by o.event_id");
    RETELL = both("update outbox_personal set body = $2 where event_id = $1");
}

impl Store {
    /// Erases somebody, all or nothing; whoever is erased already is found no more. With `rehearse`
    /// it only tells what that would destroy.
    ///
    /// # Errors
    /// [`StoreError::Engaged`] while a contact is in a call or being written up, or the database
    /// failed.
    pub async fn erase(
        &self,
        subject: &Subject,
        now: Wall,
        rehearse: bool,
    ) -> Result<Erased, StoreError> {
        let mut writer = self.writer().await;
        let mut entry = writer.begin().await?;
        let (mut db, notes) = entry.parts()?;
        let contacts = contacts_of(&mut db, &self.shared, subject).await?;
        let alone = alone(&mut db, &self.shared, subject).await?;
        let erased = erase(&mut db, notes, &self.shared, (&contacts, alone), now).await?;
        if rehearse {
            return Ok(erased);
        }
        entry.commit().await?;
        writer.overwrite().await;
        drop(writer);
        self.uncount(&erased.contacts).await?;
        Ok(erased)
    }

    /// Erases contacts whose time is over; those in a call are left for another time.
    pub(super) async fn erase_all(
        &self,
        contacts: &[i64],
        now: Wall,
    ) -> Result<Erased, StoreError> {
        let mut writer = self.writer().await;
        let mut entry = writer.begin().await?;
        let (mut db, notes) = entry.parts()?;
        let erased = erase(&mut db, notes, &self.shared, (contacts, Vec::new()), now).await?;
        entry.commit().await?;
        drop(writer);
        self.uncount(&erased.contacts).await?;
        Ok(erased)
    }
}

/// Finds the person-slot of a number that is no contact's any more and whose digits are known.
async fn alone(
    db: &mut Db<'_>,
    shared: &Shared,
    subject: &Subject,
) -> Result<Vec<i64>, StoreError> {
    let Subject::Number(number) = subject else { return Ok(Vec::new()) };
    let rows = ALONE.bind(shared.fingerprints.of(number)).fetch_all(db).await?;
    rows.iter().map(|row| row.try_get(0)).collect()
}

/// Erases contacts, and persons nobody needs, within a transaction.
async fn erase(
    db: &mut Db<'_>,
    notes: &mut Notes,
    shared: &Shared,
    (contacts, mut persons): (&[i64], Vec<i64>),
    now: Wall,
) -> Result<Erased, StoreError> {
    let list = json(&contacts);
    if let Some(row) = IN_A_CALL.bind(&list).fetch_optional(db).await? {
        let id = |column| row.try_get::<i64>(column).map(i64::cast_unsigned);
        return Err(StoreError::Engaged(ContactId(id(0)?), CallId(id(1)?)));
    }
    MARK.bind(&list).bind(at(now)).bind(NEVER).execute(db).await?;
    let (mut behind, mut kept) = (BTreeMap::<i64, Vec<i64>>::new(), BTreeSet::new());
    for row in NUMBERS.bind(&list).fetch_all(db).await? {
        let person = row.try_get(0)?;
        behind.entry(person).or_default().push(row.try_get(1)?);
        if row.try_get::<bool>(2)? {
            kept.insert(person);
        }
    }
    persons.extend(behind.keys().filter(|person| !kept.contains(person)));
    REMEMBER.bind(&list).execute(db).await?;
    let details = FORGET_DETAILS.bind(&list).execute(db).await?;
    for forget in [FORGET_NUMBERS, FORGET_CARDS, FORGET_CHANGES] {
        forget.bind(&list).execute(db).await?;
    }
    let gone = json(&persons);
    for forget in [FORGET_DIGITS, FORGET_CALLERS] {
        forget.bind(&gone).execute(db).await?;
    }
    let events = retell(db, shared, &list).await? + retell_callers(db, shared, &gone).await?;
    for person in persons.iter().chain(&kept) {
        let contacts = behind.get(person).map(Vec::as_slice).unwrap_or_default();
        notes.add(now, Kind::Erased, *person, &said::erased(contacts));
    }
    Ok(Erased {
        contacts: contacts.iter().map(|id| ContactId(id.cast_unsigned())).collect(),
        persons: persons.iter().map(|id| PersonId(id.cast_unsigned())).collect(),
        kept: kept.len() as u64,
        details,
        events,
    })
}

/// Writes the events of erased contacts' calls anew: without keys a call's story has no person.
async fn retell(db: &mut Db<'_>, shared: &Shared, contacts: &str) -> Result<u64, StoreError> {
    let mut told = 0;
    for row in EVENTS.bind(contacts).fetch_all(db).await? {
        let event: String = row.try_get(0)?;
        let call = CallId(row.try_get::<i64>(1)?.cast_unsigned());
        let Some(story) = report::story(db, &shared.seals, call).await? else { continue };
        // A number that is kept for another contact is not this one's any more either.
        let call = CallRow { to: None, ..story.call };
        // An event's id ends with its place among those of its call.
        let place = event.rsplit('_').next().and_then(|place| place.parse().ok());
        let body = (shared.tell)(place.unwrap_or(1), &call);
        told += RETELL.bind(event).bind(body).execute(db).await?;
    }
    Ok(told)
}

/// The same for calls that erased persons made.
async fn retell_callers(
    db: &mut Db<'_>,
    shared: &Shared,
    persons: &str,
) -> Result<u64, StoreError> {
    let mut told = 0;
    for row in CALLERS_EVENTS.bind(persons).fetch_all(db).await? {
        let id = InboundId(row.try_get::<i64>(2)?.cast_unsigned());
        let Some(call) = inbound::read(db, &shared.seals, id).await? else { continue };
        let opposed = row.try_get::<String>(1)? == inbound::OPPOSED_KIND;
        let body = (shared.tell_inbound)(opposed, &InboundRow { from: None, ..call });
        told += RETELL.bind(row.try_get::<String>(0)?).bind(body).execute(db).await?;
    }
    Ok(told)
}
