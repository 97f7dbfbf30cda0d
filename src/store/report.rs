//! What was done: calls one by one, and what they add up to.

use super::Store;
use super::backend::{Db, Query, Row, both, statements};
use super::seal::{Seal, Seals, plain};
use super::text::{at, from_json, read, read_some, word};
use super::{CallFilter, CallRow, Cursor, DispositionRow, PAGE_MAX, Page, Stats, StoreError};
use crate::core::campaign::DispositionClass;
use crate::core::fact::{Answerer, Heard};
use crate::units::{
    AgentId, CallId, CampaignId, ClientId, ContactId, Number, NumberId, Ratio, Span, TrunkId, Wall,
};

/// A call's row, with all that hangs on it; a condition is to be appended.
macro_rules! select_call {
    () => {
        "select a.*, c.name as campaign_name, c.endpoint, k.external_id, p.e164,
           p.key as digits_key, kp.key as contact_key, g.name as agent_name, d.label, d.class,
           t.details
         from attempt a
           join campaign c on c.id = a.campaign_id
           left join contact k on k.id = a.contact_id
           left join person_personal p on p.person_id = a.person_id
           left join contact_personal kp on kp.contact_id = a.contact_id
           left join agent g on g.id = a.agent_id
           left join disposition d
             on d.campaign_id = a.campaign_id and d.code = a.disposition_code
           left join attempt_personal t on t.call_id = a.call_id
         where "
    };
}

statements! {
    CALL = both(concat!(select_call!(), "a.call_id = $1"));
    CALLS = both(concat!(select_call!(), "true"));
    TOLD = both("select count(*) from outbox where call_id = $1");
    SUMS = both(
        "select count(*),
           count(*) filter (where ringing_at is not null or answered_at is not null),
           count(answered_at),
           count(*) filter (where answered_at is not null and heard in ('machine', 'fax')),
           count(bridged_at),
           count(*) filter (where outcome = 'abandoned'),
           count(*) filter (where outcome = 'abandoned' and forced),
           cast(coalesce(sum(ended_at - bridged_at - held_us)
             filter (where outcome <> 'interrupted'), 0) as bigint),
           cast(coalesce(sum(held_us), 0) as bigint),
           cast(coalesce(sum(wrap_us), 0) as bigint),
           cast(coalesce(sum(bridged_at - answered_at), 0) as bigint),
           count(*) filter (where amount_cents is not null),
           cast(coalesce(sum(amount_cents), 0) as bigint)
         from attempt where campaign_id = $1 and opened_at >= $2 and opened_at < $3",
    );
    OUTCOMES = both(
        "select outcome, count(*) from attempt
         where campaign_id = $1 and opened_at >= $2 and opened_at < $3 and outcome is not null
         group by outcome",
    );
    DISPOSITIONS = both(
        "select a.disposition_code, d.class, count(*)
         from attempt a left join disposition d
           on d.campaign_id = a.campaign_id and d.code = a.disposition_code
         where a.campaign_id = $1 and a.opened_at >= $2 and a.opened_at < $3
           and a.disposition_code is not null
         group by a.disposition_code, d.class",
    );
    REFUSALS = both(
        "select rule, count(*) from rule_refusal
         where campaign_id = $1 and at >= $2 and at < $3 group by rule",
    );
    INBOUND = both(
        "select count(*), count(opposed_at) from inbound_call
         where campaign_id = $1 and answered_at >= $2 and answered_at < $3",
    );
    CONTACTS = both(
        "select count(*), count(*) filter (where state = 'done')
         from contact where campaign_id = $1",
    );
}

/// A call with what its event needs besides.
pub(super) struct Story {
    pub(super) call: CallRow,
    /// The key of the contact; none once it was erased.
    pub(super) key: Option<Seal>,
    /// Where its events go.
    pub(super) endpoint: Option<String>,
    /// The how-manieth event of the call comes next, from 1.
    pub(super) sequence: u32,
}

/// Reads a call's story inside the transaction that is writing it.
pub(super) async fn story(
    db: &mut Db<'_>,
    seals: &Seals,
    call: CallId,
) -> Result<Option<Story>, StoreError> {
    let id = call.0.cast_signed();
    let Some(row) = CALL.bind(id).fetch_optional(db).await? else { return Ok(None) };
    let endpoint: Option<String> = row.try_get("endpoint")?;
    let told: u32 =
        if endpoint.is_some() { TOLD.bind(id).fetch_one(db).await?.try_get(0)? } else { 0 };
    let key = seals.contact(&row)?;
    Ok(Some(Story { call: call_row(seals, &row)?, key, endpoint, sequence: told + 1 }))
}

impl Store {
    /// Gives one call.
    ///
    /// # Errors
    /// The database failed.
    pub async fn call(&self, call: CallId) -> Result<Option<CallRow>, StoreError> {
        let row = CALL.bind(call.0.cast_signed());
        let row = row.fetch_optional(&mut self.reader().await?.db()).await?;
        row.as_ref().map(|row| call_row(&self.shared.seals, row)).transpose()
    }

    /// Lists calls, newest first, at most [`PAGE_MAX`] a page.
    ///
    /// # Errors
    /// The database failed.
    pub async fn calls(
        &self,
        filter: &CallFilter,
        after: Option<&Cursor>,
        limit: u32,
    ) -> Result<Page<CallRow>, StoreError> {
        let limit = limit.clamp(1, PAGE_MAX);
        let mut query = CALLS.query();
        self.narrow(&mut query, filter);
        if let Some(cursor) = after {
            query.push(" and (a.opened_at, a.call_id) < (").push_bind(at(cursor.at));
            query.push(", ").push_bind(cursor.key.cast_signed()).push(")");
        }
        query.push(" order by a.opened_at desc, a.call_id desc limit ").push_bind(limit);
        let rows = query.fetch_all(&mut self.reader().await?.db()).await?;
        let rows = rows.iter().map(|row| call_row(&self.shared.seals, row));
        let rows = rows.collect::<Result<Vec<_>, _>>()?;
        let full = rows.len() == usize::try_from(limit).unwrap_or(usize::MAX);
        let last = rows.last().filter(|_| full);
        let next = last.map(|row| Cursor { at: row.opened, key: row.call.0 });
        Ok(Page { rows, next })
    }

    fn narrow(&self, query: &mut Query, filter: &CallFilter) {
        if let Some(campaign) = filter.campaign {
            query.push(" and a.campaign_id = ").push_bind(campaign.0);
        }
        if let Some(contact) = filter.contact {
            query.push(" and a.contact_id = ").push_bind(contact.0.cast_signed());
        }
        if let Some(agent) = filter.agent {
            query.push(" and a.agent_id = ").push_bind(agent.0);
        }
        if let Some(number) = &filter.to {
            query.push(" and a.person_id = (select id from person where fingerprint = ");
            query.push_bind(self.shared.fingerprints.of(number)).push(")");
        }
        if let Some(outcome) = &filter.outcome {
            query.push(" and a.outcome = ").push_bind(word(outcome));
        }
        if let Some(since) = filter.since {
            query.push(" and a.opened_at >= ").push_bind(at(since));
        }
        if let Some(until) = filter.until {
            query.push(" and a.opened_at < ").push_bind(at(until));
        }
    }

    /// Counts what a campaign did from `from`, included, to `to`, excluded.
    ///
    /// # Errors
    /// The database failed.
    pub async fn stats(
        &self,
        campaign: CampaignId,
        from: Wall,
        to: Wall,
    ) -> Result<Stats, StoreError> {
        // One read transaction, so that the sums agree with each other.
        let mut snapshot = self.readers.snapshot().await?;
        let mut db = snapshot.db();
        let mut stats = sums(&mut db, campaign, from, to).await?;
        outcomes(&mut db, campaign, from, to, &mut stats).await?;
        dispositions(&mut db, campaign, from, to, &mut stats).await?;
        refusals(&mut db, campaign, from, to, &mut stats).await?;
        let inbound = INBOUND.bind(campaign.0).bind(at(from)).bind(at(to));
        let inbound = inbound.fetch_one(&mut db).await?;
        stats.called_back = count(&inbound, 0)?;
        stats.oppositions = count(&inbound, 1)?;
        let contacts = CONTACTS.bind(campaign.0).fetch_one(&mut db).await?;
        stats.contacts = count(&contacts, 0)?;
        stats.contacts_done = count(&contacts, 1)?;
        Ok(stats)
    }
}

async fn sums(
    db: &mut Db<'_>,
    campaign: CampaignId,
    from: Wall,
    to: Wall,
) -> Result<Stats, StoreError> {
    let row = SUMS.bind(campaign.0).bind(at(from)).bind(at(to)).fetch_one(db).await?;
    let [attempts, rang, answered, machines, bridged, abandoned, forced, times @ .., sales] =
        counts::<12>(&row)?;
    let [talk, hold, wrap, wait] = times.map(Span::micros);
    Ok(Stats {
        attempts,
        rang,
        answered,
        machines,
        humans: answered.saturating_sub(machines),
        bridged,
        abandoned,
        forced,
        talk,
        hold,
        wrap,
        wait,
        sales,
        sales_cents: row.try_get(12)?,
        ..Stats::default()
    })
}

async fn outcomes(
    db: &mut Db<'_>,
    campaign: CampaignId,
    from: Wall,
    to: Wall,
    stats: &mut Stats,
) -> Result<(), StoreError> {
    let rows = OUTCOMES.bind(campaign.0).bind(at(from)).bind(at(to)).fetch_all(db).await?;
    for row in rows {
        stats.outcomes.insert(read("outcome", &row.try_get::<String>(0)?)?, count(&row, 1)?);
    }
    Ok(())
}

async fn dispositions(
    db: &mut Db<'_>,
    campaign: CampaignId,
    from: Wall,
    to: Wall,
    stats: &mut Stats,
) -> Result<(), StoreError> {
    let rows = DISPOSITIONS.bind(campaign.0).bind(at(from)).bind(at(to)).fetch_all(db).await?;
    for row in rows {
        let given = count(&row, 2)?;
        stats.dispositions.insert(row.try_get(0)?, given);
        match read_some("disposition class", row.try_get::<Option<String>>(1)?.as_deref())? {
            Some(DispositionClass::ArguedPositive) => stats.argued_positive += given,
            Some(DispositionClass::ArguedNegative) => stats.argued_negative += given,
            Some(DispositionClass::NotArgued) | None => stats.not_argued += given,
        }
    }
    Ok(())
}

async fn refusals(
    db: &mut Db<'_>,
    campaign: CampaignId,
    from: Wall,
    to: Wall,
    stats: &mut Stats,
) -> Result<(), StoreError> {
    let rows = REFUSALS.bind(campaign.0).bind(at(from)).bind(at(to)).fetch_all(db).await?;
    for row in rows {
        stats.refused.insert(row.try_get(0)?, count(&row, 1)?);
    }
    Ok(())
}

/// Reads the first columns of a row as counts.
pub(super) fn counts<const N: usize>(row: &Row) -> Result<[u64; N], StoreError> {
    let mut counts = [0; N];
    for (column, read) in counts.iter_mut().enumerate() {
        *read = count(row, column)?;
    }
    Ok(counts)
}

/// Reads a count or a sum of lengths; a negative sum, from clocks that were set back, gives 0.
pub(super) fn count(row: &Row, column: usize) -> Result<u64, StoreError> {
    let value: i64 = row.try_get(column)?;
    Ok(u64::try_from(value).unwrap_or(0))
}

fn call_row(seals: &Seals, row: &Row) -> Result<CallRow, StoreError> {
    let id = |column| row.try_get::<i64>(column).map(i64::cast_unsigned);
    let wall = |column| row.try_get(column).map(|micros: Option<i64>| micros.map(Wall::micros));
    let from: Option<String> = row.try_get("caller_e164")?;
    let details = match row.try_get::<Option<String>>("details")? {
        Some(details) => plain(seals.contact(row)?.as_ref(), details)?,
        None => None,
    };
    Ok(CallRow {
        call: CallId(id("call_id")?),
        campaign: CampaignId(row.try_get("campaign_id")?),
        campaign_name: row.try_get("campaign_name")?,
        client: ClientId(row.try_get("client_id")?),
        contact: ContactId(id("contact_id")?),
        external_id: row.try_get("external_id")?,
        number: NumberId(id("number_id")?),
        to: seals.digits(row)?,
        from: from.and_then(|text| Number::new(&text).ok()),
        trunk: TrunkId(row.try_get("trunk_id")?),
        attempt: row.try_get("attempt")?,
        agent: row.try_get::<Option<u32>>("agent_id")?.map(AgentId),
        agent_name: row.try_get("agent_name")?,
        opened: Wall::micros(row.try_get("opened_at")?),
        ringing: wall("ringing_at")?,
        answered: wall("answered_at")?,
        bridged: wall("bridged_at")?,
        ended: wall("ended_at")?,
        completed: wall("completed_at")?,
        outcome: read_some("outcome", row.try_get::<Option<String>>("outcome")?.as_deref())?,
        cause: row.try_get("cause")?,
        ended_by: read_some("ended by", row.try_get::<Option<String>>("ended_by")?.as_deref())?,
        heard: heard(row)?,
        held: Span::micros(id("held_us")?),
        wrap: row.try_get::<Option<i64>>("wrap_us")?.map(i64::cast_unsigned).map(Span::micros),
        disposition: disposition(row)?,
        details: details
            .map(|details| from_json("call details", &details))
            .transpose()?
            .unwrap_or_default(),
    })
}

pub(super) fn heard(row: &Row) -> Result<Option<Heard>, StoreError> {
    let what: Option<Answerer> =
        read_some("listener's verdict", row.try_get::<Option<String>>("heard")?.as_deref())?;
    let confidence: Option<f64> = row.try_get("heard_confidence")?;
    Ok(what.map(|what| Heard { what, confidence: Ratio::new(confidence.unwrap_or(0.0)) }))
}

fn disposition(row: &Row) -> Result<Option<DispositionRow>, StoreError> {
    let Some(code) = row.try_get::<Option<String>>("disposition_code")? else {
        return Ok(None);
    };
    let label: Option<String> = row.try_get("label")?;
    let class = read_some("disposition class", row.try_get::<Option<String>>("class")?.as_deref())?;
    Ok(Some(DispositionRow {
        label: label.unwrap_or_else(|| code.clone()),
        code,
        class: class.unwrap_or(DispositionClass::NotArgued),
    }))
}
