//! Lists of contacts, taken in by portions of a few statements each. While one is written the next
//! is read; a transaction holds as many as are written before somebody else wants to write.
//!
//! Fingerprints are scattered over their whole index: the more of them a transaction brings, the
//! more share a page, which is written once (docs/adr/0019-lists-written-while-nobody-waits.md).

use std::collections::BTreeSet;

use tokio::sync::Mutex;

use super::backend::{Db, both, each, statements};
use super::consent::spread_withdrawals;
use super::pen::{Entry, Pen};
use super::people::add_persons;
use super::reading::{Ahead, Fresh, Sealed, meanwhile};
use super::text::{at, json, word};
use super::{
    ImportSource, ImportSummary, NewContact, NewNumber, SCORE_MAX, Shared, Store, StoreError,
    insist, next_id,
};
use crate::units::{CampaignId, ContactId, Territory, Wall};

/// Portions in one transaction at most: half a second of work where nobody else wants to write.
const TOGETHER_MAX: usize = 40;

/// Where the contacts of a list go.
struct Target<'s> {
    campaign: CampaignId,
    client: u32,
    list: i64,
    lane: i64,
    due: i64,
    source: &'s ImportSource,
}

/// What the database knows about a number of the chunk.
struct Known {
    person: i64,
    taken: bool,
    do_not_call: bool,
    /// Whether another live campaign of the client has to call it.
    elsewhere: bool,
}

/// The chunk's numbers in their order, with what the database knows of them. `cross join` holds
/// SQLite to the order written: it would read all numbers again for each of the chunk's.
macro_rules! known_of {
    ($persons:literal) => {
        concat!(
            "select p.id,
               exists (select 1 from number n where n.campaign_id = $2 and n.person_id = p.id),
               exists (select 1 from do_not_call d where d.person_id = p.id
                 and (d.until_at is null or d.until_at > $4)
                 and (d.scope = 'everyone' or d.scope = 'campaign' and d.scope_id = $2
                   or d.scope = 'client' and d.scope_id = $3)),
               exists (select 1 from campaign g cross join number n cross join contact c
                 where g.client_id = $3 and g.id <> $2
                   and g.state in ('running', 'paused', 'draining')
                   and n.campaign_id = g.id and n.person_id = p.id
                   and c.id = n.contact_id and c.state = 'open')
             from ",
            $persons,
            " join person p on p.fingerprint = j.value ->> 1 order by j.key"
        )
    };
}

/// Of external ids that are taken, those whose contact has a number beside them in the chunk.
macro_rules! same_of {
    ($pairs:literal) => {
        concat!(
            "select distinct c.external_id from ",
            $pairs,
            " cross join person p cross join number n cross join contact c
             where p.fingerprint = j.value ->> 1
               and n.campaign_id = $1 and n.person_id = p.id
               and c.id = n.contact_id and c.external_id = j.value ->> 0"
        )
    };
}

statements! {
    CLIENT = both("select client_id from campaign where id = $1");
    HIGHEST_LIST = both("select max(id) from list_import where id between $1 and $2");
    HIGHEST_CONTACT = both("select max(id) from contact where id between $1 and $2");
    HIGHEST_NUMBER = both("select max(id) from number where id between $1 and $2");
    ADD_LIST = both(
        "insert into list_import
           (id, campaign_id, file, sha256, started_at, read_count, added_count, lane)
         values ($1, $2, $3, $4, $5, 0, 0, $6) on conflict (campaign_id, sha256) do nothing",
    );
    LIST = both(
        "select id, ended_at, lane from list_import where campaign_id = $1 and sha256 = $2",
    );
    END_LIST = both(
        "update list_import set ended_at = $2, read_count = $3, added_count = added_count + $4
         where id = $1",
    );
    ADD_DIGITS = each(
        "insert into person_personal (person_id, key, e164)
         select value ->> 0, value ->> 1, value ->> 2 from json_each($1) where true
         on conflict (person_id) do nothing",
        "insert into person_personal (person_id, key, e164)
         select cast(value ->> 0 as bigint), value ->> 1, value ->> 2
         from jsonb_array_elements(cast($1 as jsonb))
         on conflict (person_id) do nothing",
    );
    /// A person-slot, who has it in the campaign of a contact, and where that contact's next number
    /// stands.
    PLACE = both(
        "select k.campaign_id, p.id as person_id,
           (select n.contact_id from number n
             where n.campaign_id = k.campaign_id and n.person_id = p.id) as holder,
           (select cast(coalesce(max(n.position), -1) + 1 as bigint) from number n
             where n.contact_id = k.id) as position
         from contact k cross join person p where k.id = $1 and p.fingerprint = $2",
    );
    MEND = both(
        "update number set invalid = false where contact_id = $1 and person_id = $2 and invalid",
    );
    TAKEN = each(
        "select external_id from contact
         where campaign_id = $1 and external_id in (select value from json_each($2))",
        "select external_id from contact
         where campaign_id = $1
           and external_id in (select jsonb_array_elements_text(cast($2 as jsonb)))",
    );
    SAME = each(
        same_of!("json_each($2) j"),
        same_of!("jsonb_array_elements(cast($2 as jsonb)) j (value)"),
    );
    KNOWN = each(
        known_of!("json_each($1) j"),
        known_of!("jsonb_array_elements(cast($1 as jsonb)) with ordinality j (value, key)"),
    );
    ADD_CONTACTS = each(
        "insert into contact (id, campaign_id, client_id, list_import_id, external_id, priority,
           owner_agent_id, state, attempts, faults, score, turn, next_at, free_at, lease_epoch,
           kind)
         select value ->> 0, $2, $3, $4, value ->> 1, value ->> 2, value ->> 3, 'open', 0, 0,
           value ->> 4, 1000 * $6 + 101 * (value ->> 2) - (value ->> 4), $5, $5, 0, value ->> 5
         from json_each($1)",
        "insert into contact (id, campaign_id, client_id, list_import_id, external_id, priority,
           owner_agent_id, state, attempts, faults, score, turn, next_at, free_at, lease_epoch,
           kind)
         select cast(value ->> 0 as bigint), $2, $3, $4, value ->> 1, cast(value ->> 2 as bigint),
           cast(value ->> 3 as bigint), 'open', 0, 0, cast(value ->> 4 as bigint),
           1000 * $6 + 101 * cast(value ->> 2 as bigint) - cast(value ->> 4 as bigint), $5, $5, 0,
           value ->> 5
         from jsonb_array_elements(cast($1 as jsonb))",
    );
    ADD_CARDS = each(
        "insert into contact_personal (contact_id, key, fields)
         select value ->> 0, value ->> 1, value ->> 2 from json_each($1)",
        "insert into contact_personal (contact_id, key, fields)
         select cast(value ->> 0 as bigint), value ->> 1, value ->> 2
         from jsonb_array_elements(cast($1 as jsonb))",
    );
    ADD_NUMBERS = each(
        "insert into number (id, campaign_id, contact_id, person_id, position, zone, class,
           territory, invalid, added_at)
         select value ->> 0, $2, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5,
           value ->> 6, false, $3
         from json_each($1)",
        "insert into number (id, campaign_id, contact_id, person_id, position, zone, class,
           territory, invalid, added_at)
         select cast(value ->> 0 as bigint), $2, cast(value ->> 1 as bigint),
           cast(value ->> 2 as bigint), cast(value ->> 3 as bigint), value ->> 4, value ->> 5,
           value ->> 6, false, $3
         from jsonb_array_elements(cast($1 as jsonb))",
    );
}

impl Store {
    /// Imports contacts into a campaign, by portions between which others may write. The same list
    /// again adds nothing. While the database is busy or away, the portion waits with [`insist`].
    ///
    /// A number belongs to one contact of a campaign: one that is known already is left out, and
    /// a contact left without any is counted as doubled.
    ///
    /// # Errors
    /// There is no such campaign, the list is longer than [`super::IMPORT_MAX`], patience ended, or
    /// the database failed; the portions written before stay, and importing the list again goes on
    /// from there.
    pub async fn import<I, P>(
        &self,
        campaign: CampaignId,
        source: &ImportSource,
        contacts: I,
        patience: impl Fn() -> P,
    ) -> Result<ImportSummary, StoreError>
    where
        I: IntoIterator<Item = NewContact>,
        P: Future<Output = bool>,
    {
        let begin = || self.begin_list(campaign, source);
        let (target, seen_before) = insist(begin, &patience).await?;
        let ahead = Ahead::begin(contacts.into_iter(), &self.shared, target.client).await?;
        let ahead = Mutex::new(ahead);
        let mut summary = ImportSummary { seen_before, ..ImportSummary::default() };
        while !ahead.lock().await.is_at_end() {
            let together = || async {
                let mut ahead = ahead.lock().await;
                self.import_together(&target, &mut ahead, summary).await
            };
            summary = insist(together, &patience).await?;
        }
        let told = ahead.into_inner().told();
        summary.read = told.read;
        summary.without_number = told.without_number;
        summary.doubled_in_campaign += told.doubled_in_campaign;
        summary.numbers_dropped += told.numbers_dropped;
        summary.woken = insist(|| self.wake_entitled(target.client, source.at), &patience).await?;
        insist(|| self.end_list(&target, source.at, &summary), &patience).await?;
        Ok(summary)
    }

    async fn begin_list<'s>(
        &self,
        campaign: CampaignId,
        source: &'s ImportSource,
    ) -> Result<(Target<'s>, Option<Wall>), StoreError> {
        let mut writer = self.writer().await;
        let mut transaction = writer.begin().await?;
        let mut db = transaction.db()?;
        let client = CLIENT.bind(campaign.0).fetch_optional(&mut db).await?;
        let client = client.ok_or(StoreError::Unknown("campaign"))?.try_get(0)?;
        let id = next_id(&mut db, HIGHEST_LIST, self.shared.node).await?;
        let lane = self.shared.plans().get(&campaign).map_or(0, |plan| plan.lane(&source.file));
        ADD_LIST
            .bind(id)
            .bind(campaign.0)
            .bind(&source.file)
            .bind(&source.sha256)
            .bind(at(source.at))
            .bind(lane)
            .execute(&mut db)
            .await?;
        let row = LIST.bind(campaign.0).bind(&source.sha256).fetch_one(&mut db).await?;
        transaction.commit().await?;
        let (list, ended) = (row.try_get(0)?, row.try_get::<Option<i64>>(1)?);
        let lane = row.try_get(2)?;
        let target = Target { campaign, client, list, lane, due: at(source.at), source };
        Ok((target, ended.map(Wall::micros)))
    }

    async fn end_list(
        &self,
        target: &Target<'_>,
        moment: Wall,
        summary: &ImportSummary,
    ) -> Result<(), StoreError> {
        let mut writer = self.writer().await;
        END_LIST
            .bind(target.list)
            .bind(at(moment))
            .bind(summary.read.cast_signed())
            .bind(summary.added.cast_signed())
            .execute(&mut writer.db().await?)
            .await?;
        Ok(())
    }

    /// Writes portions in one transaction, and reads on meanwhile; gives the summary with them.
    async fn import_together<I: Iterator<Item = NewContact>>(
        &self,
        target: &Target<'_>,
        ahead: &mut Ahead<'_, I>,
        summary: ImportSummary,
    ) -> Result<ImportSummary, StoreError> {
        let mut pen = self.writer().await;
        pen.make_room(true).await?;
        let written = self.import_portions(&mut pen, target, ahead, summary).await;
        pen.make_room(false).await?;
        written
    }

    async fn import_portions<I: Iterator<Item = NewContact>>(
        &self,
        pen: &mut Pen,
        target: &Target<'_>,
        ahead: &mut Ahead<'_, I>,
        mut summary: ImportSummary,
    ) -> Result<ImportSummary, StoreError> {
        let mut entry = pen.begin().await?;
        let mut written = 0;
        loop {
            let Some((portion, reading)) = ahead.portion(written) else { break };
            let write = self.import_portion(&mut entry, target, portion, summary);
            let (done, read) = meanwhile(write, reading).await;
            // First what was read: it must not be lost with a transaction that failed.
            ahead.keep(read?);
            summary = done?;
            written += 1;
            if written == TOGETHER_MAX || self.writer.is_wanted() {
                break;
            }
        }
        entry.commit().await?;
        ahead.forget(written);
        Ok(summary)
    }

    /// Writes a portion and gives the summary with it.
    async fn import_portion(
        &self,
        entry: &mut Entry<'_>,
        target: &Target<'_>,
        portion: &[Fresh],
        mut summary: ImportSummary,
    ) -> Result<ImportSummary, StoreError> {
        let (mut db, notes) = entry.parts()?;
        let node = self.shared.node;
        let taken = taken_external_ids(&mut db, target, portion).await?;
        let is_new =
            |own: &&Fresh| own.contact.external_id.as_ref().is_none_or(|id| !taken.contains(id));
        let (fresh, old): (Vec<&Fresh>, Vec<_>) = portion.iter().partition(is_new);
        summary.doubled_in_campaign += old.len() as u64;
        summary.ids_taken += others(&mut db, target, &old).await?;
        let prints = fresh.iter().flat_map(|own| &own.numbers).map(|own| own.fingerprint.as_str());
        let persons = add_persons(&mut db, node, prints).await?;
        let mut known = known_numbers(&mut db, target, &persons).await?.into_iter();
        let mut contact_id = next_id(&mut db, HIGHEST_CONTACT, node).await?;
        let first_contact = contact_id;
        let mut number_id = next_id(&mut db, HIGHEST_NUMBER, node).await?;
        let mut rows = Rows::default();
        for own in fresh {
            let mine = own.contact.numbers.iter().zip(&own.numbers).zip(&mut known);
            let mine: Vec<_> = mine.filter(|(_, known)| !known.taken).collect();
            if mine.is_empty() {
                summary.doubled_in_campaign += 1;
                continue;
            }
            if !target.source.also_elsewhere && mine.iter().any(|(_, known)| known.elsewhere) {
                summary.elsewhere += 1;
                continue;
            }
            summary.added += 1;
            summary.numbers_dropped += (own.numbers.len() - mine.len()) as u64;
            summary.do_not_call += u64::from(mine.iter().any(|(_, known)| known.do_not_call));
            for (position, ((number, sealed), known)) in mine.into_iter().enumerate() {
                let row = number_row(number_id, contact_id, known.person, position, number);
                rows.numbers.push(row);
                rows.digits.push(sealed.digits.row(known.person));
                number_id += 1;
            }
            rows.contacts.push(contact_row(contact_id, &own.contact));
            rows.cards.push(own.card.row(contact_id));
            contact_id += 1;
        }
        rows.insert(&mut db, target).await?;
        let added = (first_contact..contact_id, target.source.at);
        let spread = spread_withdrawals(&mut db, notes, target.client, added).await?;
        summary.withdrawn += spread.len() as u64;
        // Also of contacts the campaign has already: a consent is renewed by a new list.
        let told: Vec<&NewContact> = portion.iter().map(|own| &own.contact).collect();
        let of = (target.client, target.source);
        summary.consents += self.add_consents(&mut db, notes, of, &told).await?;
        Ok(summary)
    }
}

/// Counts the contacts whose external id the campaign has with other numbers.
async fn others(db: &mut Db<'_>, target: &Target<'_>, old: &[&Fresh]) -> Result<u64, StoreError> {
    if old.is_empty() {
        return Ok(0);
    }
    let pairs = old.iter().flat_map(|own| {
        own.numbers.iter().map(move |number| (&own.contact.external_id, &number.fingerprint))
    });
    let pairs: Vec<_> = pairs.collect();
    let same = SAME.bind(target.campaign.0).bind(json(&pairs)).fetch_all(db).await?.len();
    Ok(old.len().saturating_sub(same) as u64)
}

/// What became of a number that a contact is to have besides.
pub(super) enum Taken {
    /// It has it now.
    Added,
    /// It had it, and it was not wrong.
    Already,
    /// Another contact of the campaign has it.
    Elsewhere,
}

/// Gives a contact a further number, behind those it has; one that was wrong is right again.
pub(super) async fn add_number(
    db: &mut Db<'_>,
    shared: &Shared,
    contact: ContactId,
    (new, moment): (&NewNumber, Wall),
) -> Result<Taken, StoreError> {
    let contact = contact.0.cast_signed();
    let fingerprint = shared.fingerprints.of(&new.number);
    add_persons(db, shared.node, [fingerprint.as_str()].into_iter()).await?;
    let place = PLACE.bind(contact).bind(fingerprint);
    let row = place.fetch_optional(db).await?.ok_or(StoreError::Unknown("contact"))?;
    let campaign: u32 = row.try_get("campaign_id")?;
    let person: i64 = row.try_get("person_id")?;
    match row.try_get::<Option<i64>>("holder")? {
        None => {}
        Some(holder) if holder != contact => return Ok(Taken::Elsewhere),
        Some(_) => {
            let mended = MEND.bind(contact).bind(person).execute(db).await?;
            return Ok(if mended > 0 { Taken::Added } else { Taken::Already });
        }
    }
    let id = next_id(db, HIGHEST_NUMBER, shared.node).await?;
    let position = usize::try_from(row.try_get::<i64>("position")?).unwrap_or(usize::MAX);
    let digits = Sealed::digits(&shared.seals, new)?;
    ADD_DIGITS.bind(json(&[digits.row(person)])).execute(db).await?;
    let numbers = json(&[number_row(id, contact, person, position, new)]);
    ADD_NUMBERS.bind(numbers).bind(campaign).bind(at(moment)).execute(db).await?;
    Ok(Taken::Added)
}

async fn taken_external_ids(
    db: &mut Db<'_>,
    target: &Target<'_>,
    portion: &[Fresh],
) -> Result<BTreeSet<String>, StoreError> {
    let ids = portion.iter().filter_map(|own| own.contact.external_id.as_deref());
    let taken = TAKEN.bind(target.campaign.0).bind(json(&ids.collect::<Vec<_>>()));
    taken.fetch_all(db).await?.iter().map(|row| row.try_get(0)).collect()
}

/// Looks the chunk's numbers up, in their order.
async fn known_numbers(
    db: &mut Db<'_>,
    target: &Target<'_>,
    persons: &str,
) -> Result<Vec<Known>, StoreError> {
    let rows = KNOWN
        .bind(persons)
        .bind(target.campaign.0)
        .bind(target.client)
        .bind(target.due)
        .fetch_all(db)
        .await?;
    rows.iter()
        .map(|row| {
            Ok(Known {
                person: row.try_get(0)?,
                taken: row.try_get(1)?,
                do_not_call: row.try_get(2)?,
                elsewhere: row.try_get(3)?,
            })
        })
        .collect()
}

type ContactRow<'a> = (i64, Option<&'a str>, u8, Option<u32>, u8, Option<String>);
type NumberRow<'a> = (i64, i64, i64, usize, &'a str, String, Option<&'a str>);
type SealedRow<'a> = (i64, &'a str, &'a str);

fn contact_row(id: i64, contact: &NewContact) -> ContactRow<'_> {
    (
        id,
        contact.external_id.as_deref(),
        contact.priority.clamp(1, 9),
        contact.owner.map(|agent| agent.0),
        contact.score.min(SCORE_MAX),
        contact.kind.map(|kind| word(&kind)),
    )
}

fn number_row(
    id: i64,
    contact: i64,
    person: i64,
    position: usize,
    number: &NewNumber,
) -> NumberRow<'_> {
    let territory = number.territory.as_ref().map(Territory::code);
    (id, contact, person, position, number.zone.name(), word(&number.class), territory)
}

/// What a portion adds.
#[derive(Default)]
struct Rows<'a> {
    contacts: Vec<ContactRow<'a>>,
    cards: Vec<SealedRow<'a>>,
    numbers: Vec<NumberRow<'a>>,
    digits: Vec<SealedRow<'a>>,
}

impl Rows<'_> {
    async fn insert(&self, db: &mut Db<'_>, target: &Target<'_>) -> Result<(), StoreError> {
        ADD_CONTACTS
            .bind(json(&self.contacts))
            .bind(target.campaign.0)
            .bind(target.client)
            .bind(target.list)
            .bind(target.due)
            .bind(target.lane)
            .execute(db)
            .await?;
        ADD_CARDS.bind(json(&self.cards)).execute(db).await?;
        let numbers = ADD_NUMBERS.bind(json(&self.numbers)).bind(target.campaign.0);
        numbers.bind(target.due).execute(db).await?;
        // Those of persons who were known have their digits already.
        ADD_DIGITS.bind(json(&self.digits)).execute(db).await?;
        Ok(())
    }
}
