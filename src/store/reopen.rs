//! Closed contacts that are to be called again.

use super::backend::{both, each, statements};
use super::report::count;
use super::text::{at, json, read, read_some, word};
use super::{Store, StoreError};
use crate::core::order::{DoneReason, Outcome};
use crate::units::{CampaignId, Wall};

/// Contacts of one transaction: some ten milliseconds, so that no dial waits longer for it.
const CHUNK: u32 = 2_000;

/// Which closed contacts of a campaign.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reopening {
    /// Those that had every attempt, the last of which ended so; after `invalid` those with no
    /// other number too, and the numbers that were unknown are tried again.
    pub outcomes: Vec<Outcome>,
    /// Those an agent qualified so; contacts under a do-not-call wish never are among them.
    pub dispositions: Vec<String>,
    /// Those a do-not-call wish closed that stands no more.
    pub freed: bool,
}

/// Closed contacts behind one, by what their last call came to.
macro_rules! chosen {
    ($outcomes:literal, $codes:literal) => {
        concat!(
            "select c.id from contact c left join attempt a on a.call_id = c.last_call_id
             where c.campaign_id = $1 and c.state = 'done' and c.erased_at is null
               and c.open_call_id is null and c.id > $2
               and ((c.done_reason = 'exhausted'
                   or c.done_reason = 'no_number' and a.outcome = 'invalid') and a.outcome in (",
            $outcomes,
            ") or c.done_reason = 'qualified' and a.disposition_code in (",
            $codes,
            ") or $6 and c.done_reason = 'do_not_call' and not exists (
               select 1 from number n join do_not_call d on d.person_id = n.person_id
               where n.contact_id = c.id and (d.until_at is null or d.until_at > $7)
                 and (d.scope = 'everyone' or d.scope = 'campaign' and d.scope_id = c.campaign_id
                   or d.scope = 'client' and d.scope_id = c.client_id)))
             order by c.id limit $5"
        )
    };
}

statements! {
    CHOSEN = each(
        chosen!("select value from json_each($3)", "select value from json_each($4)"),
        chosen!(
            "select jsonb_array_elements_text(cast($3 as jsonb))",
            "select jsonb_array_elements_text(cast($4 as jsonb))"
        ),
    );
    REOPEN = each(
        "update contact set state = 'open', done_reason = null, attempts = 0, faults = 0,
           next_number_id = null, callback_at = null, callback_agent_id = null,
           turn = turn / 1000 * 1000 + 101 * priority - score, next_at = $2, free_at = $2
         where state = 'done' and erased_at is null and open_call_id is null
           and id in (select value from json_each($1))",
        "update contact set state = 'open', done_reason = null, attempts = 0, faults = 0,
           next_number_id = null, callback_at = null, callback_agent_id = null,
           turn = turn / 1000 * 1000 + 101 * priority - score, next_at = $2, free_at = $2
         where state = 'done' and erased_at is null and open_call_id is null
           and id in (select cast(value as bigint)
             from jsonb_array_elements_text(cast($1 as jsonb)))",
    );
    /// Numbers that a carrier did not know; those that an agent called wrong stay set aside.
    TRUST = each(
        "update number set invalid = false
         where invalid and contact_id in (select value from json_each($1)) and exists
           (select 1 from attempt a where a.contact_id = number.contact_id
              and a.number_id = number.id and a.outcome = 'invalid')",
        "update number set invalid = false
         where invalid and contact_id in (select cast(value as bigint)
             from jsonb_array_elements_text(cast($1 as jsonb))) and exists
           (select 1 from attempt a where a.contact_id = number.contact_id
              and a.number_id = number.id and a.outcome = 'invalid')",
    );
    DONE = both(
        "select coalesce(a.outcome, ''), coalesce(a.disposition_code, ''), c.done_reason, count(*)
         from contact c left join attempt a on a.call_id = c.last_call_id
         where c.campaign_id = $1 and c.state = 'done' and c.erased_at is null
         group by a.outcome, a.disposition_code, c.done_reason order by count(*) desc",
    );
}

/// Closed contacts of a campaign that ended alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClosedAlike {
    /// Why they are closed.
    pub reason: DoneReason,
    /// What their last call came to, if there was one.
    pub outcome: Option<Outcome>,
    /// The disposition of their last call, if it has one.
    pub disposition: Option<String>,
    /// How many they are.
    pub contacts: u64,
}

impl Store {
    /// Opens closed contacts of a campaign anew, as if they had never been tried: due at `now`,
    /// by their priority. What the law counts of their persons stays. With `dry` they are only
    /// counted. Gives how many they are.
    ///
    /// # Errors
    /// The database failed; what was opened before stays so.
    pub async fn reopen(
        &self,
        campaign: CampaignId,
        which: &Reopening,
        now: Wall,
        dry: bool,
    ) -> Result<u64, StoreError> {
        let outcomes: Vec<String> = which.outcomes.iter().map(word).collect();
        let (outcomes, codes) = (json(&outcomes), json(&which.dispositions));
        let (mut last, mut opened) = (-1_i64, 0);
        loop {
            let page = CHOSEN.bind(campaign.0).bind(last).bind(&outcomes).bind(&codes).bind(CHUNK);
            let page = page.bind(which.freed).bind(at(now));
            let rows = page.fetch_all(&mut self.reader().await?.db()).await?;
            let ids = rows.iter().map(|row| row.try_get::<i64>(0));
            let ids = ids.collect::<Result<Vec<_>, _>>()?;
            let Some(end) = ids.last() else { return Ok(opened) };
            last = *end;
            if dry {
                opened += u64::try_from(ids.len()).unwrap_or(u64::MAX);
            } else {
                opened += self.open_anew(&json(&ids), which, now).await?;
            }
        }
    }

    async fn open_anew(&self, ids: &str, which: &Reopening, now: Wall) -> Result<u64, StoreError> {
        let mut writer = self.writer().await;
        let mut transaction = writer.begin().await?;
        let mut db = transaction.db()?;
        let opened = REOPEN.bind(ids).bind(at(now)).execute(&mut db).await?;
        if which.outcomes.contains(&Outcome::Invalid) {
            TRUST.bind(ids).execute(&mut db).await?;
        }
        transaction.commit().await?;
        Ok(opened)
    }

    /// Counts the closed contacts of a campaign by how they ended, the most frequent first.
    ///
    /// # Errors
    /// The database failed.
    pub async fn closed_alike(&self, campaign: CampaignId) -> Result<Vec<ClosedAlike>, StoreError> {
        let rows = DONE.bind(campaign.0).fetch_all(&mut self.reader().await?.db()).await?;
        let some = |text: String| Some(text).filter(|text| !text.is_empty());
        rows.iter()
            .map(|row| {
                let outcome = some(row.try_get(0)?);
                Ok(ClosedAlike {
                    reason: read("done reason", &row.try_get::<String>(2)?)?,
                    outcome: read_some("outcome", outcome.as_deref())?,
                    disposition: some(row.try_get(1)?),
                    contacts: count(row, 3)?,
                })
            })
            .collect()
    }
}
