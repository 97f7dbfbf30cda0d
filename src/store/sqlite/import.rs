//! Lists of contacts, taken in by chunks: each chunk is one transaction of a few statements, and
//! between two chunks others may write.

use std::collections::{BTreeSet, HashSet};

use serde_json::{Value, json};
use sqlx::sqlite::SqliteConnection;
use sqlx::{Connection as _, Row as _};

use super::text::{at, word};
use super::{Sqlite, next_id};
use crate::store::{
    IMPORT_MAX, ImportSource, ImportSummary, NUMBERS_MAX, NewContact, NewNumber, StoreError,
};
use crate::units::{CampaignId, Number, Wall};

/// Contacts in one transaction: some ten milliseconds, so that no dial waits longer for it.
const CHUNK: usize = 500;

/// Where the contacts of a list go.
struct Target {
    campaign: CampaignId,
    client: u32,
    list: i64,
    due: i64,
}

/// What stood earlier in the list.
#[derive(Default)]
struct Seen {
    numbers: HashSet<Number>,
    external_ids: HashSet<String>,
}

/// What the database knows about a number of the chunk.
struct Known {
    person: i64,
    taken: bool,
    do_not_call: bool,
}

impl Sqlite {
    pub(in crate::store) async fn import(
        &self,
        campaign: CampaignId,
        source: &ImportSource,
        mut contacts: impl Iterator<Item = NewContact> + Send,
        mut progress: impl FnMut(u64) + Send,
    ) -> Result<ImportSummary, StoreError> {
        let mut summary = ImportSummary::default();
        let target = self.begin_list(campaign, source, &mut summary).await?;
        let mut seen = Seen::default();
        loop {
            let chunk: Vec<NewContact> = contacts.by_ref().take(CHUNK).collect();
            if chunk.is_empty() {
                break;
            }
            summary.read += chunk.len() as u64;
            if summary.read > IMPORT_MAX as u64 {
                return Err(StoreError::TooLong(IMPORT_MAX));
            }
            let fresh = chunk.into_iter().filter_map(|contact| seen.sift(contact, &mut summary));
            self.import_chunk(&target, fresh.collect(), &mut summary).await?;
            progress(summary.read);
        }
        self.end_list(&target, source.at, &summary).await?;
        Ok(summary)
    }

    async fn begin_list(
        &self,
        campaign: CampaignId,
        source: &ImportSource,
        summary: &mut ImportSummary,
    ) -> Result<Target, StoreError> {
        let mut writer = self.writer().await;
        let mut db = writer.begin_with("begin immediate").await?;
        let client = sqlx::query_scalar("select client_id from campaign where id = $1");
        let client = client.bind(campaign.0).fetch_optional(&mut *db).await?;
        let client = client.ok_or(StoreError::Unknown("campaign"))?;
        let id = next_id(&mut db, "list_import", self.shared.node).await?;
        sqlx::query(
            "insert into list_import
               (id, campaign_id, file, sha256, started_at, read_count, added_count)
             values ($1, $2, $3, $4, $5, 0, 0) on conflict (campaign_id, sha256) do nothing",
        )
        .bind(id)
        .bind(campaign.0)
        .bind(&source.file)
        .bind(&source.sha256)
        .bind(at(source.at))
        .execute(&mut *db)
        .await?;
        let (list, ended): (i64, Option<i64>) = sqlx::query_as(
            "select id, ended_at from list_import where campaign_id = $1 and sha256 = $2",
        )
        .bind(campaign.0)
        .bind(&source.sha256)
        .fetch_one(&mut *db)
        .await?;
        db.commit().await?;
        summary.seen_before = ended.map(Wall::micros);
        Ok(Target { campaign, client, list, due: at(source.at) })
    }

    async fn end_list(
        &self,
        target: &Target,
        moment: Wall,
        summary: &ImportSummary,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "update list_import set ended_at = $2, read_count = $3, added_count = added_count + $4
             where id = $1",
        )
        .bind(target.list)
        .bind(at(moment))
        .bind(summary.read.cast_signed())
        .bind(summary.added.cast_signed())
        .execute(&mut *self.writer().await)
        .await?;
        Ok(())
    }

    async fn import_chunk(
        &self,
        target: &Target,
        mut contacts: Vec<NewContact>,
        summary: &mut ImportSummary,
    ) -> Result<(), StoreError> {
        let mut writer = self.writer().await;
        let mut db = writer.begin_with("begin immediate").await?;
        let node = self.shared.node;
        let taken = taken_external_ids(&mut db, target, &contacts).await?;
        contacts.retain(|contact| {
            let fresh = contact.external_id.as_ref().is_none_or(|id| !taken.contains(id));
            summary.doubled_in_campaign += u64::from(!fresh);
            fresh
        });
        let persons = self.persons(&mut db, &contacts).await?;
        let mut known = known_numbers(&mut db, target, &persons).await?.into_iter();
        let (mut contact_id, mut number_id) =
            (next_id(&mut db, "contact", node).await?, next_id(&mut db, "number", node).await?);
        let (mut rows, mut numbers) = (Vec::new(), Vec::new());
        for contact in &contacts {
            let mine: Vec<_> =
                contact.numbers.iter().zip(&mut known).filter(|(_, known)| !known.taken).collect();
            if mine.is_empty() {
                summary.doubled_in_campaign += 1;
                continue;
            }
            summary.added += 1;
            summary.numbers_dropped += (contact.numbers.len() - mine.len()) as u64;
            summary.do_not_call += u64::from(mine.iter().any(|(_, known)| known.do_not_call));
            for (position, (number, known)) in mine.into_iter().enumerate() {
                numbers.push(number_row(number_id, contact_id, known.person, position, number));
                number_id += 1;
            }
            rows.push(contact_row(contact_id, contact));
            contact_id += 1;
        }
        insert(&mut db, target, &Value::from(rows), &Value::from(numbers)).await?;
        db.commit().await?;
        Ok(())
    }

    /// Makes person-slots for numbers that have none; gives the fingerprints in order.
    async fn persons(
        &self,
        db: &mut SqliteConnection,
        contacts: &[NewContact],
    ) -> Result<Value, StoreError> {
        let first = next_id(db, "person", self.shared.node).await?;
        let numbers = contacts.iter().flat_map(|contact| &contact.numbers);
        let persons: Vec<Value> = (first..)
            .zip(numbers)
            .map(|(id, new)| {
                json!([id, self.shared.fingerprints.of(&new.number), new.number.reveal()])
            })
            .collect();
        let persons = Value::from(persons);
        sqlx::query(
            "insert into person (id, fingerprint)
             select value ->> 0, value ->> 1 from json_each($1) where true
             on conflict (fingerprint) do nothing;
             insert into person_personal (person_id, e164)
             select p.id, j.value ->> 2
             from json_each($1) j join person p on p.fingerprint = j.value ->> 1 where true
             on conflict (person_id) do nothing",
        )
        .bind(persons.to_string())
        .execute(db)
        .await?;
        Ok(persons)
    }
}

impl Seen {
    /// Takes out the numbers that stood earlier in the list, and contacts left without any.
    fn sift(&mut self, mut contact: NewContact, summary: &mut ImportSummary) -> Option<NewContact> {
        if contact.numbers.is_empty() {
            summary.without_number += 1;
            return None;
        }
        if let Some(id) = &contact.external_id
            && !self.external_ids.insert(id.clone())
        {
            summary.doubled_in_list += 1;
            return None;
        }
        let before = contact.numbers.len();
        contact.numbers.truncate(NUMBERS_MAX);
        contact.numbers.retain(|new| self.numbers.insert(new.number.clone()));
        if contact.numbers.is_empty() {
            summary.doubled_in_list += 1;
            return None;
        }
        summary.numbers_dropped += (before - contact.numbers.len()) as u64;
        Some(contact)
    }
}

async fn taken_external_ids(
    db: &mut SqliteConnection,
    target: &Target,
    contacts: &[NewContact],
) -> Result<BTreeSet<String>, StoreError> {
    let ids: Vec<_> = contacts.iter().filter_map(|contact| contact.external_id.clone()).collect();
    let taken: Vec<String> = sqlx::query_scalar(
        "select external_id from contact
         where campaign_id = $1 and external_id in (select value from json_each($2))",
    )
    .bind(target.campaign.0)
    .bind(Value::from(ids).to_string())
    .fetch_all(db)
    .await?;
    Ok(taken.into_iter().collect())
}

/// Looks the chunk's numbers up, in their order.
async fn known_numbers(
    db: &mut SqliteConnection,
    target: &Target,
    persons: &Value,
) -> Result<Vec<Known>, StoreError> {
    let rows = sqlx::query(
        "select p.id,
           exists (select 1 from number n where n.campaign_id = $2 and n.person_id = p.id),
           exists (select 1 from do_not_call d where d.person_id = p.id
             and (d.until_at is null or d.until_at > $4)
             and (d.scope = 'everyone' or d.scope = 'campaign' and d.scope_id = $2
               or d.scope = 'client' and d.scope_id = $3))
         from json_each($1) j join person p on p.fingerprint = j.value ->> 1 order by j.key",
    )
    .bind(persons.to_string())
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
            })
        })
        .collect()
}

fn contact_row(id: i64, contact: &NewContact) -> Value {
    json!([
        id,
        contact.external_id,
        contact.priority.clamp(1, 9),
        contact.owner.map(|agent| agent.0),
        contact.name,
        json!(contact.fields).to_string(),
    ])
}

fn number_row(id: i64, contact: i64, person: i64, position: usize, number: &NewNumber) -> Value {
    json!([id, contact, person, position, number.zone.name(), word(&number.class)])
}

async fn insert(
    db: &mut SqliteConnection,
    target: &Target,
    contacts: &Value,
    numbers: &Value,
) -> Result<(), StoreError> {
    sqlx::query(
        "insert into contact (id, campaign_id, client_id, list_import_id, external_id, priority,
           owner_agent_id, state, attempts, faults, turn, next_at, free_at, lease_epoch)
         select value ->> 0, $3, $4, $5, value ->> 1, value ->> 2, value ->> 3, 'open', 0, 0,
           value ->> 2, $6, $6, 0
         from json_each($1);
         insert into contact_personal (contact_id, name, fields)
         select value ->> 0, value ->> 4, value ->> 5 from json_each($1);
         insert into number
           (id, campaign_id, contact_id, person_id, position, zone, class, invalid)
         select value ->> 0, $3, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5,
           false
         from json_each($2)",
    )
    .bind(contacts.to_string())
    .bind(numbers.to_string())
    .bind(target.campaign.0)
    .bind(target.client)
    .bind(target.list)
    .bind(target.due)
    .execute(db)
    .await?;
    Ok(())
}
