//! What a person may be told of what is held about him or her (RGPD article 15).

use super::backend::{Db, Row, both, statements};
use super::outbox::event_row;
use super::{EventRow, Shared, Store, StoreError, Subject};
use crate::units::{ContactId, Wall};

/// Events told of one contact at most: ten a call of a hundred calls.
const EVENTS_MAX: u32 = 1_000;

/// Refusals told of one contact at most.
const REFUSALS_MAX: u32 = 1_000;

/// A refusal as it was recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusalRow {
    /// When.
    pub at: Wall,
    /// The rule that said no.
    pub rule: String,
    /// The rule of law behind it, if one is.
    pub law: Option<String>,
    /// Until when.
    pub until: Option<Wall>,
}

statements! {
    WITH_NUMBER = both(
        "select distinct n.contact_id from number n join person p on p.id = n.person_id
         where p.fingerprint = $1 order by n.contact_id",
    );
    LIVING = both("select id from contact where id = $1 and erased_at is null");
    REFUSALS = both(
        "select at, rule, law, until_at from rule_refusal
         where contact_id = $1 order by at desc limit $2",
    );
    LIST = both(
        "select l.file, l.started_at from contact c join list_import l on l.id = c.list_import_id
         where c.id = $1",
    );
    EVENTS = both(
        "select o.*, p.body, k.key as contact_key
         from attempt a join outbox o on o.call_id = a.call_id
           left join outbox_personal p on p.event_id = o.event_id
           left join contact_personal k on k.contact_id = a.contact_id
         where a.contact_id = $1 order by o.created_at, o.event_id limit $2",
    );
}

impl Store {
    /// Finds every contact somebody is, the erased ones left out.
    ///
    /// # Errors
    /// The database failed.
    pub async fn contacts_of(&self, subject: &Subject) -> Result<Vec<ContactId>, StoreError> {
        let ids = contacts_of(&mut self.reader().await?.db(), &self.shared, subject).await?;
        Ok(ids.into_iter().map(|id| ContactId(id.cast_unsigned())).collect())
    }

    /// Lists what rules refused a contact, the latest first, a thousand at most.
    ///
    /// # Errors
    /// The database failed.
    pub async fn refusals(&self, contact: ContactId) -> Result<Vec<RefusalRow>, StoreError> {
        let rows = REFUSALS.bind(contact.0.cast_signed()).bind(REFUSALS_MAX);
        let rows = rows.fetch_all(&mut self.reader().await?.db()).await?;
        rows.iter().map(refusal_row).collect()
    }

    /// Finds the list a contact came with: its file's name, and when that was.
    ///
    /// # Errors
    /// The database failed.
    pub async fn list_of(&self, contact: ContactId) -> Result<Option<(String, Wall)>, StoreError> {
        let rows = LIST.bind(contact.0.cast_signed());
        let rows = rows.fetch_all(&mut self.reader().await?.db()).await?;
        let list = |row: &Row| Ok((row.try_get(0)?, Wall::micros(row.try_get(1)?)));
        rows.first().map(list).transpose()
    }

    /// Lists the webhook events of a contact's calls, a thousand at most.
    ///
    /// # Errors
    /// The database failed.
    pub async fn events_of(&self, contact: ContactId) -> Result<Vec<EventRow>, StoreError> {
        let rows = EVENTS.bind(contact.0.cast_signed()).bind(EVENTS_MAX);
        let rows = rows.fetch_all(&mut self.reader().await?.db()).await?;
        rows.iter().map(|row| event_row(&self.shared.seals, row)).collect()
    }
}

/// Finds the contacts somebody is, the erased ones left out.
pub(super) async fn contacts_of(
    db: &mut Db<'_>,
    shared: &Shared,
    subject: &Subject,
) -> Result<Vec<i64>, StoreError> {
    let found = match subject {
        Subject::Number(number) => WITH_NUMBER.bind(shared.fingerprints.of(number)),
        Subject::Contact(contact) => LIVING.bind(contact.0.cast_signed()),
    };
    found.fetch_all(db).await?.iter().map(|row| row.try_get(0)).collect()
}

fn refusal_row(row: &Row) -> Result<RefusalRow, StoreError> {
    Ok(RefusalRow {
        at: Wall::micros(row.try_get("at")?),
        rule: row.try_get("rule")?,
        law: row.try_get("law")?,
        until: row.try_get::<Option<i64>>("until_at")?.map(Wall::micros),
    })
}
