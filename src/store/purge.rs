//! Forgetting what has been kept long enough, a portion at a time.
//!
//! What is too old is looked for beside the writer, which only has to delete rows it is named:
//! whoever commits waits for a portion, a few milliseconds.

use super::audit::{Kind, said};
use super::backend::{Db, Query, Row, Sql, both, each, statements};
use super::text::{at, json};
use super::{Store, StoreError};
use crate::units::{ContactId, Span, Wall};

/// Rows of a kind forgotten at once at most: a transaction as long as those of other writes.
const PORTION: u32 = 500;

/// Contacts erased at once at most: each takes its calls and events along.
const CONTACTS_PORTION: u32 = 50;

/// How long a consent counts at the longest, two years (ES-1): its proof's time begins when the
/// right has ended.
const RIGHT_LASTS: Span = Span::secs(2 * 365 * 86_400);

/// How long each kind of data is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Contacts after their list came or they were spoken to or gave a right.
    pub contacts: Span,
    /// Proofs of consents after the right ended or was used.
    pub proofs: Span,
    /// The same of persons in Germany.
    pub german_proofs: Span,
    /// Notes, appointments and changed fields of calls, and who made those that came in.
    pub details: Span,
    /// Webhook events that were delivered or given up.
    pub webhooks: Span,
    /// Refusals by rules.
    pub refusals: Span,
}

/// What was forgotten, or would be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Purged {
    /// Contacts erased.
    pub contacts: u64,
    /// Which they were; not of those that only would be.
    pub erased: Vec<ContactId>,
    /// Proofs of consents.
    pub proofs: u64,
    /// Details of calls.
    pub details: u64,
    /// Webhook events.
    pub webhooks: u64,
    /// Refusals by rules.
    pub refusals: u64,
}

impl Purged {
    /// Gives how much it was in all.
    #[must_use]
    pub const fn rows(&self) -> u64 {
        self.contacts + self.proofs + self.details + self.webhooks + self.refusals
    }

    /// Adds what was forgotten besides.
    pub fn add(&mut self, more: Self) {
        self.contacts += more.contacts;
        self.erased.extend(more.erased);
        self.proofs += more.proofs;
        self.details += more.details;
        self.webhooks += more.webhooks;
        self.refusals += more.refusals;
    }
}

/// Contacts that no dialer holds, of lists that came before $1, to whom nobody spoke since, who
/// gave no right since and whose contract does not run.
macro_rules! old_contacts {
    ($select:literal, $end:literal) => {
        concat!(
            "select ",
            $select,
            " from contact c join list_import l on l.id = c.list_import_id
             where l.started_at < $1 and c.erased_at is null
               and (c.state = 'done' or c.free_at = c.next_at) and c.open_call_id is null
               and coalesce(c.callback_at, 0) < $1
               and not exists (select 1 from attempt a
                 where a.contact_id = c.id and a.bridged_at >= $1)
               and not exists (select 1 from number n
                 join consent k on k.person_id = n.person_id and k.client_id = c.client_id
                 where n.contact_id = c.id and (coalesce(k.obtained_at, k.recorded_at) >= $1
                   or k.basis = 'contract' and coalesce(k.expires_at, $1) >= $1))",
            $end
        )
    };
}

/// Proofs whose right ended, and whose person was called last, before $1, in Germany before $2. The
/// proof of a contract without an end is kept as long as its contract may run.
macro_rules! old_proofs {
    ($select:literal, $end:literal) => {
        concat!(
            "select ",
            $select,
            " from (
               select k.*, case when exists (select 1 from number n
                   where n.person_id = k.person_id and n.territory = upper('de'))
                 or exists (select 1 from erased_number e
                   where e.person_id = k.person_id and e.territory = upper('de'))
                 then cast($2 as bigint) else cast($1 as bigint) end as bound
               from consent k) as k
             where coalesce(k.expires_at, case when k.basis = 'consent'
                 then coalesce(k.obtained_at, k.recorded_at) + cast($3 as bigint) end) < k.bound
               and k.recorded_at < k.bound
               and not exists (select 1 from attempt a where a.person_id = k.person_id
                 and a.client_id = k.client_id and a.opened_at >= k.bound)",
            $end
        )
    };
}

macro_rules! old_details {
    ($select:literal, $end:literal) => {
        concat!(
            "select ",
            $select,
            " from attempt_personal t join attempt a on a.call_id = t.call_id
             where a.completed_at < $1",
            $end
        )
    };
}

/// Who made calls that came in, once their events, which are sealed with the same key, are gone.
macro_rules! old_callers {
    ($select:literal, $end:literal) => {
        concat!(
            "select ",
            $select,
            " from inbound_call_personal t join inbound_call i on i.id = t.inbound_id
             where i.ended_at < $1
               and not exists (select 1 from outbox o where o.inbound_id = i.id)",
            $end
        )
    };
}

macro_rules! old_webhooks {
    ($select:literal, $end:literal) => {
        concat!(
            "select ",
            $select,
            " from outbox where created_at < $1 and next_try_at is null",
            $end
        )
    };
}

macro_rules! delete {
    ($from:literal, $column:literal) => {
        each(
            concat!(
                "delete from ",
                $from,
                " where ",
                $column,
                " in (select value from json_each($1))"
            ),
            concat!(
                "delete from ",
                $from,
                " where ",
                $column,
                " in (select cast(value as bigint)
                    from jsonb_array_elements_text(cast($1 as jsonb)))"
            ),
        )
    };
}

statements! {
    OLD_LISTS = both("select count(*) from list_import where started_at < $1");
    CONTACTS = both(old_contacts!("c.id", " order by c.id limit $2"));
    CONTACTS_COUNT = both(old_contacts!("count(*)", ""));
    PROOFS = both(old_proofs!("k.id", " order by k.id limit $4"));
    PROOFS_COUNT = both(old_proofs!("count(*)", ""));
    FORGET_PROOFS = delete!("consent", "id");
    DETAILS = both(old_details!("t.call_id", " order by t.call_id limit $2"));
    DETAILS_COUNT = both(old_details!("count(*)", ""));
    FORGET_DETAILS = delete!("attempt_personal", "call_id");
    CALLERS = both(old_callers!("t.inbound_id", " order by t.inbound_id limit $2"));
    CALLERS_COUNT = both(old_callers!("count(*)", ""));
    FORGET_CALLERS = delete!("inbound_call_personal", "inbound_id");
    WEBHOOKS_COUNT = both(old_webhooks!("count(*)", ""));
    WEBHOOKS = both(old_webhooks!("event_id", " order by created_at limit $2"));
    FORGET_BODIES = each(
        "delete from outbox_personal where event_id in (select value from json_each($1))",
        "delete from outbox_personal
         where event_id in (select jsonb_array_elements_text(cast($1 as jsonb)))",
    );
    FORGET_WEBHOOKS = each(
        "delete from outbox where event_id in (select value from json_each($1))",
        "delete from outbox
         where event_id in (select jsonb_array_elements_text(cast($1 as jsonb)))",
    );
    CAMPAIGNS = both("select id from campaign order by id");
    REFUSALS_COUNT = both("select count(*) from rule_refusal where at < $1");
    /// By the index on campaign and moment; those of one moment go together.
    FORGET_REFUSALS = both(
        "delete from rule_refusal where campaign_id = $1 and at < $2 and at <= (
           select max(at) from (
             select at from rule_refusal where campaign_id = $1 and at < $2
             order by at limit $3) as oldest)",
    );
}

impl Store {
    /// Forgets a portion of what was kept long enough, of every kind; call it again until nothing
    /// is left. Wishes and withdrawals are never forgotten.
    ///
    /// # Errors
    /// The database failed; what is left is forgotten the next time.
    pub async fn purge(&self, kept: &Kept, now: Wall) -> Result<Purged, StoreError> {
        let erased = self.purge_contacts(at(now - kept.contacts), now).await?;
        let mut purged = Purged { contacts: erased.len() as u64, erased, ..Purged::default() };
        let proofs = PROOFS.bind(at(now - kept.proofs)).bind(at(now - kept.german_proofs));
        let proofs = proofs.bind(RIGHT_LASTS.as_micros().cast_signed()).bind(PORTION);
        purged.proofs = self.purge_proofs(self.ids(proofs).await?, now).await?;
        let details = DETAILS.bind(at(now - kept.details)).bind(PORTION);
        purged.details = self.forget(self.ids(details).await?, FORGET_DETAILS).await?;
        purged.webhooks = self.purge_webhooks(at(now - kept.webhooks)).await?;
        let callers = CALLERS.bind(at(now - kept.details)).bind(PORTION);
        purged.details += self.forget(self.ids(callers).await?, FORGET_CALLERS).await?;
        purged.refusals = self.purge_refusals(at(now - kept.refusals), now).await?;
        Ok(purged)
    }

    /// Leaves nothing of what was purged where that can be had at once.
    pub async fn overwrite(&self) {
        self.writer().await.overwrite().await;
    }

    /// Counts what has been kept long enough.
    ///
    /// # Errors
    /// The database failed.
    pub async fn purgeable(&self, kept: &Kept, now: Wall) -> Result<Purged, StoreError> {
        let mut reader = self.reader().await?;
        let mut db = reader.db();
        let proofs = PROOFS_COUNT.bind(at(now - kept.proofs)).bind(at(now - kept.german_proofs));
        let proofs = proofs.bind(RIGHT_LASTS.as_micros().cast_signed());
        Ok(Purged {
            contacts: count(CONTACTS_COUNT.bind(at(now - kept.contacts)), &mut db).await?,
            erased: Vec::new(),
            proofs: count(proofs, &mut db).await?,
            details: count(DETAILS_COUNT.bind(at(now - kept.details)), &mut db).await?
                + count(CALLERS_COUNT.bind(at(now - kept.details)), &mut db).await?,
            webhooks: count(WEBHOOKS_COUNT.bind(at(now - kept.webhooks)), &mut db).await?,
            refusals: count(REFUSALS_COUNT.bind(at(now - kept.refusals)), &mut db).await?,
        })
    }

    async fn purge_contacts(&self, before: i64, now: Wall) -> Result<Vec<ContactId>, StoreError> {
        if count(OLD_LISTS.bind(before), &mut self.reader().await?.db()).await? == 0 {
            return Ok(Vec::new());
        }
        let old = self.ids(CONTACTS.bind(before).bind(CONTACTS_PORTION)).await?;
        if old.is_empty() {
            return Ok(Vec::new());
        }
        match self.erase_all(&old, now).await {
            // One was called this very moment: the others wait with it for another time.
            Err(StoreError::Engaged(..)) => Ok(Vec::new()),
            erased => Ok(erased?.contacts),
        }
    }

    async fn purge_webhooks(&self, before: i64) -> Result<u64, StoreError> {
        let rows = WEBHOOKS.bind(before).bind(PORTION);
        let rows = rows.fetch_all(&mut self.reader().await?.db()).await?;
        let events = rows.iter().map(|row| row.try_get(0)).collect::<Result<Vec<String>, _>>()?;
        if events.is_empty() {
            return Ok(0);
        }
        let events = json(&events);
        let mut writer = self.writer().await;
        let mut transaction = writer.begin().await?;
        let mut db = transaction.db()?;
        FORGET_BODIES.bind(&events).execute(&mut db).await?;
        let forgotten = FORGET_WEBHOOKS.bind(&events).execute(&mut db).await?;
        transaction.commit().await?;
        Ok(forgotten)
    }

    async fn purge_refusals(&self, before: i64, now: Wall) -> Result<u64, StoreError> {
        let (mut forgotten, said) = (0, said::forgotten_refusals(before));
        for campaign in self.ids(CAMPAIGNS.query()).await? {
            let mut writer = self.writer().await;
            let mut entry = writer.begin().await?;
            let (mut db, notes) = entry.parts()?;
            let forget = FORGET_REFUSALS.bind(campaign).bind(before).bind(PORTION);
            let rows = forget.execute(&mut db).await?;
            if rows > 0 {
                // Once for all portions of a day's.
                notes.add_once(&mut db, (now, Kind::Forgotten, campaign), &said).await?;
                forgotten += rows;
            }
            entry.commit().await?;
        }
        Ok(forgotten)
    }

    async fn purge_proofs(&self, consents: Vec<i64>, now: Wall) -> Result<u64, StoreError> {
        if consents.is_empty() {
            return Ok(0);
        }
        let mut writer = self.writer().await;
        let mut entry = writer.begin().await?;
        let (mut db, notes) = entry.parts()?;
        for consent in &consents {
            notes.add(now, Kind::Forgotten, *consent, &said::forgotten_proof());
        }
        let forgotten = FORGET_PROOFS.bind(json(&consents)).execute(&mut db).await?;
        entry.commit().await?;
        Ok(forgotten)
    }

    async fn ids(&self, query: Query) -> Result<Vec<i64>, StoreError> {
        let rows = query.fetch_all(&mut self.reader().await?.db()).await?;
        rows.iter().map(|row: &Row| row.try_get(0)).collect()
    }

    async fn forget(&self, ids: Vec<i64>, forget: Sql) -> Result<u64, StoreError> {
        if ids.is_empty() {
            return Ok(0);
        }
        forget.bind(json(&ids)).execute(&mut self.writer().await.db().await?).await
    }
}

async fn count(query: Query, db: &mut Db<'_>) -> Result<u64, StoreError> {
    Ok(query.fetch_one(db).await?.try_get::<i64>(0)?.cast_unsigned())
}
