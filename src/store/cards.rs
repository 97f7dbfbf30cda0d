//! What agents correct on contacts' cards, and lists with where their contacts stand.

use std::collections::BTreeMap;

use super::audit::chain::Notes;
use super::backend::{Db, Row, both, each, statements};
use super::claim::card;
use super::consent::spread_withdrawals;
use super::import::{Taken, add_number};
use super::seal::{Seal, Seals, plain};
use super::text::{at, json, read_some};
use super::{Card, NUMBERS_MAX, NewNumber, PAGE_MAX, Shared, Store, StoreError};
use crate::core::order::{DoneReason, Outcome};
use crate::units::{AgentId, CallId, CampaignId, ContactId, Number, PersonId, Wall};

/// The name of a contact, as a corrected field; and its numbers.
pub const NAME: &str = "name";
/// A contact's numbers, as a corrected field: one was added, or is wrong.
pub const NUMBER: &str = "number";

statements! {
    CARD = both(
        "select k.*, p.key as contact_key, p.fields from contact k
           left join contact_personal p on p.contact_id = k.id where k.id = $1",
    );
    OF_CALL = both(
        "select contact_id, agent_id from attempt where call_id = $1",
    );
    SET_CARD = both("update contact_personal set fields = $2 where contact_id = $1");
    ADD_CHANGE = both(
        "insert into contact_change_personal
           (contact_id, field, nth, at, agent_id, call_id, source, before, after)
         select $1, $2, coalesce(max(nth), 0) + 1, $3, $4, $5, $6, $7, $8
         from contact_change_personal where contact_id = $1 and field = $2",
    );
    /// Whether what was said of a field in a call at a moment is written down already.
    SAID = both(
        "select 1 from contact_change_personal
         where contact_id = $1 and field = $2 and call_id = $3 and source = $4 and at = $5",
    );
    WRONG = both(
        "update number set invalid = true where contact_id = $1 and not invalid
           and person_id = (select id from person where fingerprint = $2)",
    );
    CLIENT = both("select client_id from contact where id = $1");
    COUNT = both("select count(*) from number where contact_id = $1");
    CHANGES = each(
        "select c.*, p.key as contact_key, a.name as agent_name
         from contact_change_personal c
           left join contact_personal p on p.contact_id = c.contact_id
           left join agent a on a.id = c.agent_id
         where c.contact_id in (select value from json_each($1))
         order by c.contact_id, c.at, c.field, c.nth",
        "select c.*, p.key as contact_key, a.name as agent_name
         from contact_change_personal c
           left join contact_personal p on p.contact_id = c.contact_id
           left join agent a on a.id = c.agent_id
         where c.contact_id in (
           select cast(value as bigint) from jsonb_array_elements_text(cast($1 as jsonb)))
         order by c.contact_id, c.at, c.field, c.nth",
    );
    NUMBERS = each(
        "select n.contact_id, n.invalid, p.e164, p.key as digits_key from number n
           left join person_personal p on p.person_id = n.person_id
         where n.contact_id in (select value from json_each($1))
         order by n.contact_id, n.position, n.id",
        "select n.contact_id, n.invalid, p.e164, p.key as digits_key from number n
           left join person_personal p on p.person_id = n.person_id
         where n.contact_id in (
           select cast(value as bigint) from jsonb_array_elements_text(cast($1 as jsonb)))
         order by n.contact_id, n.position, n.id",
    );
    PAGE = both(
        "select k.*, p.key as contact_key, p.fields, a.outcome as last_outcome, a.disposition_code
         from contact k
           left join contact_personal p on p.contact_id = k.id
           left join attempt a on a.call_id = k.last_call_id
         where k.campaign_id = $1 and k.id > $2 and k.erased_at is null
           and (not $3 or exists (
             select 1 from contact_change_personal c where c.contact_id = k.id))
         order by k.id limit $4",
    );
}

/// What an agent corrects of a contact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Correction {
    /// The contact.
    pub contact: ContactId,
    /// Fields with their new values, [`NAME`] for the name.
    pub fields: BTreeMap<String, String>,
    /// Numbers the contact has besides.
    pub added: Vec<NewNumber>,
    /// Numbers that are not the contact's.
    pub wrong: Vec<Number>,
    /// Who.
    pub agent: AgentId,
    /// In which call, if it was in one.
    pub call: Option<CallId>,
    /// Through what: an API, a page.
    pub source: String,
    /// When.
    pub at: Wall,
}

/// One correction of one field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The field; [`NAME`] and [`NUMBER`] besides those of the list.
    pub field: String,
    /// What it was; `None` for a field that was not there.
    pub before: Option<String>,
    /// What it is since; `None` for a number that is wrong.
    pub after: Option<String>,
    /// When.
    pub at: Wall,
    /// The agent's name, if one is known.
    pub agent: Option<String>,
    /// In which call, if it was in one.
    pub call: Option<CallId>,
    /// Through what.
    pub source: String,
}

/// A contact of a list with where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct ListedContact {
    /// Its card.
    pub card: Card,
    /// Its numbers in their order, and whether each is wrong; erased ones are left out.
    pub numbers: Vec<(Number, bool)>,
    /// Why it is closed, if it is.
    pub done: Option<DoneReason>,
    /// When it is due, if it is open and in no call.
    pub due: Option<Wall>,
    /// How its last call ended.
    pub outcome: Option<Outcome>,
    /// What its agent said of that.
    pub disposition: Option<String>,
    /// What agents corrected, the oldest first.
    pub changes: Vec<Change>,
}

/// What a correction came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Corrected {
    /// So many values are others now.
    pub changed: u64,
    /// Whether numbers are among them.
    pub numbers: bool,
    /// The numbers on which a withdrawal counts now: one that was added shows whose they are.
    pub withdrawn: Vec<PersonId>,
}

/// Whose word a change is.
struct Author<'a> {
    agent: Option<AgentId>,
    call: Option<CallId>,
    source: &'a str,
    at: Wall,
}

impl Author<'_> {
    /// Whether the same moment of the same call counts once.
    fn once(&self) -> bool {
        self.source == QUALIFICATION
    }
}

/// A contact's card, and the key of all that is known of the contact.
struct Sheet {
    card: Card,
    key: Seal,
}

/// What was changed while a call was qualified.
const QUALIFICATION: &str = "qualification";

impl Store {
    /// Takes what an agent corrects of a contact, all or nothing; what is so already changes
    /// nothing and leaves no trace.
    ///
    /// # Errors
    /// There is no such contact, a number is another contact's of the campaign or one too many, or
    /// the database failed.
    pub async fn correct(&self, new: &Correction) -> Result<Corrected, StoreError> {
        let mut writer = self.writer().await;
        let mut entry = writer.begin().await?;
        let (mut db, notes) = entry.parts()?;
        let (id, source) = (new.contact, new.source.as_str());
        let author = Author { agent: Some(new.agent), call: new.call, source, at: new.at };
        let sheet = sheet(&mut db, &self.shared.seals, id).await?;
        let mut sheet = sheet.ok_or(StoreError::Unknown("contact"))?;
        let fields = set_fields(&mut db, &mut sheet, &new.fields, &author).await?;
        let mut corrected = Corrected { changed: fields, ..Corrected::default() };
        for number in &new.wrong {
            let fingerprint = self.shared.fingerprints.of(number);
            if WRONG.bind(key(id)).bind(fingerprint).execute(&mut db).await? > 0 {
                let digits = Some(number.reveal());
                note(&mut db, &sheet, NUMBER, (digits, None), &author).await?;
                corrected.changed += 1;
            }
        }
        for number in &new.added {
            if let Some(spread) = self.add(&mut db, notes, (&sheet, number), &author).await? {
                corrected.changed += 1;
                corrected.withdrawn.extend(spread);
            }
        }
        entry.commit().await?;
        corrected.numbers = corrected.changed > fields;
        Ok(corrected)
    }

    /// Gives a contact a number, unless it has it; gives on which numbers a withdrawal counts now.
    async fn add(
        &self,
        db: &mut Db<'_>,
        notes: &mut Notes,
        (sheet, new): (&Sheet, &NewNumber),
        author: &Author<'_>,
    ) -> Result<Option<Vec<PersonId>>, StoreError> {
        let contact = sheet.card.contact;
        match add_number(db, &self.shared, contact, (new, author.at)).await? {
            Taken::Already => return Ok(None),
            Taken::Elsewhere => {
                return Err(StoreError::Conflict("a contact with this number"));
            }
            Taken::Added => {}
        }
        let count: i64 = COUNT.bind(key(contact)).fetch_one(db).await?.try_get(0)?;
        if usize::try_from(count).unwrap_or(usize::MAX) > NUMBERS_MAX {
            return Err(StoreError::Conflict("as many numbers as a contact may have"));
        }
        // Whoever took rights back on another number did so on this one, too.
        let client = CLIENT.bind(key(contact)).fetch_one(db).await?.try_get(0)?;
        let here = (key(contact)..key(contact) + 1, author.at);
        let spread = spread_withdrawals(db, notes, client, here).await?;
        note(db, sheet, NUMBER, (None, Some(new.number.reveal())), author).await?;
        Ok(Some(spread))
    }

    /// Lists contacts of a campaign, at most `limit` behind another one; those alone that agents
    /// corrected, if asked.
    ///
    /// # Errors
    /// The database failed.
    pub async fn listed(
        &self,
        campaign: CampaignId,
        after: Option<ContactId>,
        changed: bool,
        limit: u32,
    ) -> Result<Vec<ListedContact>, StoreError> {
        let after = after.map_or(-1, key);
        let page = PAGE.bind(campaign.0).bind(after).bind(changed).bind(limit.clamp(1, PAGE_MAX));
        let rows = page.fetch_all(&mut self.reader().await?.db()).await?;
        let cards = rows
            .iter()
            .map(|row| listed(&self.shared.seals, row))
            .collect::<Result<Vec<_>, _>>()?;
        let ids: Vec<i64> = cards.iter().map(|listed| key(listed.card.contact)).collect();
        let (mut numbers, mut changes) = self.behind(&ids).await?;
        let whole = |listed: ListedContact| {
            let id = key(listed.card.contact);
            let numbers = numbers.remove(&id).unwrap_or_default();
            ListedContact { numbers, changes: changes.remove(&id).unwrap_or_default(), ..listed }
        };
        Ok(cards.into_iter().map(whole).collect())
    }

    /// Gives what agents corrected of a contact, the oldest first.
    ///
    /// # Errors
    /// The database failed.
    pub async fn changes(&self, contact: ContactId) -> Result<Vec<Change>, StoreError> {
        let (_, mut changes) = self.behind(&[key(contact)]).await?;
        Ok(changes.remove(&key(contact)).unwrap_or_default())
    }

    async fn behind(
        &self,
        ids: &[i64],
    ) -> Result<(ByContact<Listed>, ByContact<Change>), StoreError> {
        let mut reader = self.reader().await?;
        let mut db = reader.db();
        let (mut numbers, mut changes) = (BTreeMap::new(), BTreeMap::new());
        for row in NUMBERS.bind(json(&ids)).fetch_all(&mut db).await? {
            if let Some(number) = self.shared.seals.digits(&row)? {
                let of: &mut Vec<Listed> = numbers.entry(row.try_get(0)?).or_default();
                of.push((number, row.try_get("invalid")?));
            }
        }
        for row in CHANGES.bind(json(&ids)).fetch_all(&mut db).await? {
            let of: &mut Vec<Change> = changes.entry(row.try_get("contact_id")?).or_default();
            of.push(change(&self.shared.seals, &row)?);
        }
        Ok((numbers, changes))
    }
}

type Listed = (Number, bool);
type ByContact<T> = BTreeMap<i64, Vec<T>>;

/// Takes the fields an agent changed while qualifying a call.
pub(super) async fn of_call(
    db: &mut Db<'_>,
    shared: &Shared,
    (call, at): (CallId, Wall),
    fields: &BTreeMap<String, String>,
) -> Result<(), StoreError> {
    let Some(row) = OF_CALL.bind(call.0.cast_signed()).fetch_optional(db).await? else {
        return Ok(());
    };
    let contact = ContactId(row.try_get::<i64>("contact_id")?.cast_unsigned());
    let agent = row.try_get::<Option<u32>>("agent_id")?.map(AgentId);
    let author = Author { agent, call: Some(call), source: QUALIFICATION, at };
    if let Some(mut sheet) = sheet(db, &shared.seals, contact).await? {
        set_fields(db, &mut sheet, fields, &author).await?;
    }
    Ok(())
}

/// Reads a contact's card with its key; none for a contact that is not there or was erased.
async fn sheet(
    db: &mut Db<'_>,
    seals: &Seals,
    contact: ContactId,
) -> Result<Option<Sheet>, StoreError> {
    let Some(row) = CARD.bind(key(contact)).fetch_optional(db).await? else { return Ok(None) };
    let Some(key) = seals.contact(&row)? else { return Ok(None) };
    Ok(Some(Sheet { card: card(seals, &row)?, key }))
}

/// Writes new values of fields and what they were; gives how many changed.
async fn set_fields(
    db: &mut Db<'_>,
    sheet: &mut Sheet,
    fields: &BTreeMap<String, String>,
    author: &Author<'_>,
) -> Result<u64, StoreError> {
    let mut changed = 0;
    for (field, value) in fields {
        let known = sheet.card.fields.get(field);
        let before = if field == NAME { sheet.card.name.clone() } else { known.cloned() };
        if before.as_ref() == Some(value) {
            continue;
        }
        if !(author.once() && said(db, sheet, field, author).await?) {
            note(db, sheet, field, (before.as_deref(), Some(value)), author).await?;
        }
        if field == NAME {
            sheet.card.name = Some(value.clone());
        } else {
            sheet.card.fields.insert(field.clone(), value.clone());
        }
        changed += 1;
    }
    if changed > 0 {
        let Card { contact, name, fields, .. } = &sheet.card;
        let told = sheet.key.seal(json(&(name, fields)))?;
        SET_CARD.bind(key(*contact)).bind(told).execute(db).await?;
    }
    Ok(changed)
}

/// Tells whether it was written down before, as when a sequence of writes is written again.
async fn said(
    db: &mut Db<'_>,
    sheet: &Sheet,
    field: &str,
    author: &Author<'_>,
) -> Result<bool, StoreError> {
    let said = SAID.bind(key(sheet.card.contact)).bind(field);
    let said = said.bind(author.call.map(|call| call.0.cast_signed())).bind(author.source);
    Ok(said.bind(at(author.at)).fetch_optional(db).await?.is_some())
}

async fn note(
    db: &mut Db<'_>,
    sheet: &Sheet,
    field: &str,
    (before, after): (Option<&str>, Option<&str>),
    author: &Author<'_>,
) -> Result<(), StoreError> {
    let sealed = |value: Option<&str>| value.map(|value| sheet.key.seal(value)).transpose();
    ADD_CHANGE
        .bind(key(sheet.card.contact))
        .bind(field)
        .bind(at(author.at))
        .bind(author.agent.map(|agent| agent.0))
        .bind(author.call.map(|call| call.0.cast_signed()))
        .bind(author.source)
        .bind(sealed(before)?)
        .bind(sealed(after)?)
        .execute(db)
        .await?;
    Ok(())
}

fn listed(seals: &Seals, row: &Row) -> Result<ListedContact, StoreError> {
    let card = card(seals, row)?;
    let reason: Option<String> = row.try_get("done_reason")?;
    let open = !card.done && row.try_get::<Option<i64>>("open_call_id")?.is_none();
    Ok(ListedContact {
        numbers: Vec::new(),
        done: read_some("reason of a closed contact", reason.as_deref())?.filter(|_| card.done),
        due: open.then_some(Wall::micros(row.try_get("next_at")?)),
        outcome: read_some("outcome", row.try_get::<Option<String>>("last_outcome")?.as_deref())?,
        disposition: row.try_get("disposition_code")?,
        changes: Vec::new(),
        card,
    })
}

fn change(seals: &Seals, row: &Row) -> Result<Change, StoreError> {
    let key = seals.contact(row)?;
    let value = |column: &str| {
        let text: Option<String> = row.try_get(column)?;
        text.map_or(Ok(None), |text| plain(key.as_ref(), text))
    };
    Ok(Change {
        field: row.try_get("field")?,
        before: value("before")?,
        after: value("after")?,
        at: Wall::micros(row.try_get("at")?),
        agent: row.try_get("agent_name")?,
        call: row.try_get::<Option<i64>>("call_id")?.map(|id| CallId(id.cast_unsigned())),
        source: row.try_get("source")?,
    })
}

const fn key(contact: ContactId) -> i64 {
    contact.0.cast_signed()
}
