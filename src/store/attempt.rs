//! What happens to attempts and their contacts: each record is one trip to the database.
//!
//! Statements are guarded by keys and by what the statement before them changed: what was written
//! once is not written again.

use super::audit::Kind;
use super::audit::chain::Notes;
use super::audit::said;
use super::backend::{Db, Query, Sql, both, guarded, statements, together, told};
use super::text::{NextColumns, at, json, some_at, word};
use super::{Shared, StoreError, cards, quota, report};
use crate::core::campaign::DispositionClass;
use crate::core::fact::SkipReason;
use crate::core::order::{Abandoned, Bridged, Closed, Next, Opened, Qualified, RuleRefusal};
use crate::core::rules::RuleId;
use crate::core::rules::law::LawId;
use crate::engine::handle::Details;
use crate::units::{AgentId, CallId, CampaignId, ContactId, Ratio, Wall};

/// Sets what becomes of a contact from the parameters 1 to 7 of [`with_next`].
macro_rules! set_next {
    () => {
        "update contact set
           state = coalesce($1, state),
           done_reason = case when $1 is null then done_reason else $2 end,
           turn = case when $1 is null then turn
             else turn / 1000 * 1000 + coalesce($3, 101 * priority - score) end,
           next_at = coalesce($4, next_at),
           callback_at = case when $1 is null then callback_at else $5 end,
           callback_agent_id = case when $1 is null then callback_agent_id else $6 end,
           next_number_id = case when $1 is null then next_number_id
             when $3 = 0 then last_number_id else $7 end"
    };
}

/// Sets it, and makes the contact claimable again when it is due, unless it is done.
macro_rules! set_next_free {
    () => {
        concat!(
            set_next!(),
            ", free_at = case when coalesce($1, state) = 'open' then coalesce($4, next_at)
                 else 9223372036854775807 end"
        )
    };
}

statements! {
    OPEN = told!(
        "insert into attempt (call_id, campaign_id, client_id, contact_id, number_id, person_id,
           trunk_id, caller_id, caller_e164, attempt, agent_id, opened_at, cause, held_us,
           wrong_number, chance)
         select $1, id, client_id, $3, $4, $5, $6, $7,
           (select e164 from caller_id where campaign_id = $2 and position = $7), $8, $9, $10, 0, 0,
           false, $11
         from campaign where id = $2 and not exists
           (select 1 from contact where id = $3 and erased_at is not null)
         on conflict (call_id) do nothing"
        => "client_id, caller_e164",
        "update contact set attempts = case when attempts < $8 then $8 else attempts end,
           last_number_id = $4, last_call_id = $1, open_call_id = $1,
           free_at = 9223372036854775806
         where id = $3"
    );
    KNOWN = both("select 1 from attempt where call_id = $1");
    BRIDGED = both(
        "update attempt set agent_id = $2, heard = $3, heard_confidence = $4, ringing_at = $5,
           answered_at = $6, bridged_at = $7
         where call_id = $1 and ended_at is null",
    );
    ABANDONED = guarded!(
        "update attempt set abandoned_at = $10, answered_at = $11, heard = $12,
           heard_confidence = $13, forced = $14
         where call_id = $9 and ended_at is null and abandoned_at is null",
        concat!(
            set_next!(),
            " where id = $8 and last_call_id = $9 and not exists
               (select 1 from attempt where call_id = $9 and qualified_at is not null)"
        )
    );
    UNRECORDED = both(concat!(
        set_next_free!(),
        ", last_call_id = $9
         where id = $8 and open_call_id is null and erased_at is null
           and coalesce(last_call_id, 0) < $9
           and not exists (select 1 from attempt where call_id = $9)"
    ));
    CLOSED = told!(
        "update attempt set outcome = $10, cause = $11, ended_by = $12,
           agent_id = coalesce($13, agent_id), heard = $14, heard_confidence = $15,
           ringing_at = $16, answered_at = $17, bridged_at = $18, ended_at = $19, held_us = $20,
           forced = $22
         where call_id = $9 and ended_at is null"
        => "call_id",
        concat!(
            set_next!(),
            ", faults = faults + case
                 when $10 in ('congestion', 'trunk_fault', 'blocked') or $12 = 'nobody'
               then 1 else 0 end
             where id = $8 and last_call_id = $9 and not exists
               (select 1 from attempt where call_id = $9 and qualified_at is not null)"
        ),
        "update number set invalid = true where id = $21 and $10 = 'invalid' and not invalid"
    );
    QUALIFIED = told!(
        "update attempt set qualified_at = $13, wrap_us = $12, agent_id = coalesce(agent_id, $14),
           wrong_number = $15,
           disposition_code = coalesce(
             (select code from disposition where campaign_id = $11 and position = $10),
             '#' || cast($10 as text))
         where call_id = $9 and completed_at is null"
        => "disposition_code, (select class from disposition
             where campaign_id = attempt.campaign_id and code = attempt.disposition_code) as class",
        concat!(set_next!(), " where id = $8 and last_call_id = $9")
    );
    /// Whether a call was qualified as a refusal, and may be otherwise yet.
    STOOD = both(
        "select 1 from attempt a join disposition d
           on d.campaign_id = a.campaign_id and d.code = a.disposition_code
         where a.call_id = $1 and a.completed_at is null and d.class = $2",
    );
    /// Contacts of the consumer of a call that a rule put off, in the client company's campaigns.
    FREE = both(
        "update contact set next_at = $3, free_at = $3,
           callback_at = case when callback_at is null then null else $3 end
         where state = 'open' and open_call_id is null and free_at = next_at and next_at > $3
           and id in (
             select k.id from attempt a
               join number p on p.person_id = a.person_id
               join number o on o.contact_id = p.contact_id
               join number n on n.person_id = o.person_id
               join contact k on k.id = n.contact_id and k.client_id = a.client_id
               join rule_refusal r on r.contact_id = k.id
             where a.call_id = $1 and r.rule = $2 and r.until_at = k.next_at)
         returning campaign_id",
    );
    REFUSED = told!(
        "insert into rule_refusal
           (contact_id, number_id, stage, at, campaign_id, rule, until_at, law)
         values ($8, $9, $10, $11, $12, $13, $14, $15) on conflict do nothing"
        => "contact_id",
        concat!(
            set_next_free!(),
            " where id = $8 and open_call_id is null and erased_at is null"
        )
    );
    SKIPPED = guarded!(
        "insert into preview_skip (contact_id, at, campaign_id, agent_id, reason)
         values ($8, $9, $10, $11, $12) on conflict do nothing",
        concat!(
            set_next_free!(),
            " where id = $8 and open_call_id is null and erased_at is null"
        )
    );
    COMPLETED = together!(
        "update attempt set completed_at = $2 where call_id = $1",
        "update number set invalid = true
         where id = $4 and not invalid
           and exists (select 1 from attempt where call_id = $1 and wrong_number)",
        "update contact set open_call_id = null, free_at =
           case when state = 'open' then next_at else 9223372036854775807 end
         where id = $3 and open_call_id = $1"
    );
    TOLD = together!(
        "insert into outbox
           (event_id, endpoint, campaign_id, call_id, kind, created_at, tries, next_try_at)
         values ($1, $2, $3, $4, 'call.completed', $5, 0, $5) on conflict do nothing",
        "insert into outbox_personal (event_id, body) values ($1, $6) on conflict do nothing"
    );
    SET_DETAILS = together!(
        "insert into attempt_personal (call_id, details) values ($1, $2)
         on conflict (call_id) do update set details = excluded.details",
        "update attempt set amount_cents = $3, appointed = $4 where call_id = $1"
    );
    KEY = both(
        "select k.key as contact_key
         from attempt a join contact_personal k on k.contact_id = a.contact_id
         where a.call_id = $1",
    );
}

/// Fills in what becomes of a contact, the parameters 1 to 7.
fn with_next(statement: Sql, next: &Next) -> Query {
    let next = NextColumns::from(next);
    statement
        .bind(next.state)
        .bind(next.done_reason)
        .bind(next.turn)
        .bind(next.next_at)
        .bind(next.callback_at)
        .bind(next.callback_agent)
        .bind(next.next_number)
}

pub(super) async fn open(
    db: &mut Db<'_>,
    notes: &mut Notes,
    record: &Opened,
) -> Result<(), StoreError> {
    let opened = OPEN
        .bind(record.call.0.cast_signed())
        .bind(record.campaign.0)
        .bind(record.contact.0.cast_signed())
        .bind(record.number.0.cast_signed())
        .bind(record.person.0.cast_signed())
        .bind(record.trunk.0)
        .bind(record.caller_id)
        .bind(record.attempt)
        .bind(record.agent.map(|agent| agent.0))
        .bind(at(record.at))
        .bind(record.chance.map(Ratio::get))
        .fetch_all(db)
        .await?;
    if let Some(row) = opened.first() {
        let shown = row.try_get::<Option<String>>(1)?.map(|number| notes.of_words(&number));
        let said = said::attempt(record, row.try_get(0)?, shown);
        notes.add(record.at, Kind::Attempt, record.call.0.cast_signed(), &said);
        return Ok(());
    }
    // Nothing was written: a replay, or a campaign that does not exist. No call without a row.
    let known = KNOWN.bind(record.call.0.cast_signed()).fetch_optional(db).await?;
    if known.is_some() { Ok(()) } else { Err(StoreError::Unknown("campaign")) }
}

/// Notes in an open attempt who talks to whom; the end overrules it.
pub(super) fn bridged(record: &Bridged) -> Query {
    BRIDGED
        .bind(record.call.0.cast_signed())
        .bind(record.agent.0)
        .bind(record.heard.map(|heard| word(&heard.what)))
        .bind(record.heard.map(|heard| heard.confidence.get()))
        .bind(some_at(record.ringing))
        .bind(some_at(record.answered))
        .bind(some_at(record.bridged))
}

/// Notes in an open attempt that its person is abandoned; the end overrules it.
pub(super) fn abandoned(record: &Abandoned) -> Query {
    with_next(ABANDONED, &record.next)
        .bind(record.contact.0.cast_signed())
        .bind(record.call.0.cast_signed())
        .bind(at(record.at))
        .bind(some_at(record.answered))
        .bind(record.heard.map(|heard| word(&heard.what)))
        .bind(record.heard.map(|heard| heard.confidence.get()))
        .bind(record.forced)
}

pub(super) async fn close(
    db: &mut Db<'_>,
    notes: &mut Notes,
    record: &Closed,
) -> Result<(), StoreError> {
    if closed(record).fetch_all(db).await?.is_empty() {
        unrecorded(record).execute(db).await?;
    } else {
        notes.add(record.ended, Kind::End, record.call.0.cast_signed(), &said::end(record));
    }
    Ok(())
}

/// Lets the contact of an attempt go whose row was refused, so that nothing was dialled.
fn unrecorded(record: &Closed) -> Query {
    with_next(UNRECORDED, &record.next)
        .bind(record.contact.0.cast_signed())
        .bind(record.call.0.cast_signed())
}

fn closed(record: &Closed) -> Query {
    with_next(CLOSED, &record.next)
        .bind(record.contact.0.cast_signed())
        .bind(record.call.0.cast_signed())
        .bind(word(&record.outcome))
        .bind(record.cause)
        .bind(word(&record.ended_by))
        .bind(record.agent.map(|agent| agent.0))
        .bind(record.heard.map(|heard| word(&heard.what)))
        .bind(record.heard.map(|heard| heard.confidence.get()))
        .bind(some_at(record.ringing))
        .bind(some_at(record.answered))
        .bind(some_at(record.bridged))
        .bind(at(record.ended))
        .bind(record.held.as_micros().cast_signed())
        .bind(record.number.0.cast_signed())
        .bind(record.forced)
}

pub(super) async fn qualify(
    db: &mut Db<'_>,
    (notes, shared): (&mut Notes, &Shared),
    record: &Qualified,
) -> Result<(), StoreError> {
    let call = record.call.0.cast_signed();
    let refusal = word(&DispositionClass::ArguedNegative);
    let stood = STOOD.bind(call).bind(&refusal).fetch_optional(db).await?.is_some();
    for row in qualified(record).fetch_all(db).await? {
        let (code, class) = (row.try_get::<String>(0)?, row.try_get::<Option<String>>(1)?);
        if stood && class.as_ref() != Some(&refusal) {
            free(db, shared, call, record.at).await?;
        }
        let said = said::disposition(&code, class.as_deref(), record.wrong_number);
        let what = (record.at, Kind::Disposition, record.call.0.cast_signed());
        notes.add_once(db, what, &said).await?;
    }
    Ok(())
}

/// Lets the contacts of a consumer go who waited for a refusal that was none.
async fn free(db: &mut Db<'_>, shared: &Shared, call: i64, now: Wall) -> Result<(), StoreError> {
    let rule = word(&RuleId::Refused);
    for row in FREE.bind(call).bind(rule).bind(at(now)).fetch_all(db).await? {
        shared.restock(CampaignId(row.try_get(0)?));
    }
    Ok(())
}

fn qualified(record: &Qualified) -> Query {
    with_next(QUALIFIED, &record.next)
        .bind(record.contact.0.cast_signed())
        .bind(record.call.0.cast_signed())
        .bind(record.disposition.0)
        .bind(record.campaign.0)
        .bind(record.wrap.as_micros().cast_signed())
        .bind(at(record.at))
        .bind(record.agent.map(|agent| agent.0))
        .bind(record.wrong_number)
}

pub(super) async fn refuse(
    db: &mut Db<'_>,
    notes: &mut Notes,
    record: &RuleRefusal,
) -> Result<(), StoreError> {
    if !refused(record).fetch_all(db).await?.is_empty() {
        let contact = record.contact.0.cast_signed();
        notes.add(record.at, Kind::Refusal, contact, &said::refusal(record));
    }
    Ok(())
}

fn refused(record: &RuleRefusal) -> Query {
    with_next(REFUSED, &record.next)
        .bind(record.contact.0.cast_signed())
        .bind(record.number.0.cast_signed())
        .bind(word(&record.stage))
        .bind(at(record.at))
        .bind(record.campaign.0)
        .bind(word(&record.refusal.rule))
        .bind(some_at(record.refusal.until))
        .bind(record.refusal.law.as_ref().map(LawId::as_str))
}

pub(super) fn skipped(
    campaign: CampaignId,
    contact: ContactId,
    agent: AgentId,
    reason: SkipReason,
    next: &Next,
    moment: Wall,
) -> Query {
    with_next(SKIPPED, next)
        .bind(contact.0.cast_signed())
        .bind(at(moment))
        .bind(campaign.0)
        .bind(agent.0)
        .bind(word(&reason))
}

/// Tells the call's story to its endpoint and lets its contact go.
pub(super) async fn complete(
    db: &mut Db<'_>,
    shared: &Shared,
    call: CallId,
    moment: Wall,
) -> Result<u32, StoreError> {
    let Some(mut story) = report::story(db, &shared.seals, call).await? else {
        tracing::debug!(%call, "a call without a row was completed: nothing was dialled");
        return Ok(0);
    };
    if story.call.completed.is_some() {
        return Ok(0);
    }
    if story.call.ended.is_none() {
        tracing::error!(%call, "a call was completed before it was closed; it stays open");
        return Ok(0);
    }
    if let Some(said) = &story.call.disposition {
        let contact = (story.call.campaign, story.call.contact);
        quota::count(db, shared, contact, said.class).await?;
    }
    story.call.completed = Some(moment);
    COMPLETED
        .bind(call.0.cast_signed())
        .bind(at(moment))
        .bind(story.call.contact.0.cast_signed())
        .bind(story.call.number.0.cast_signed())
        .execute(db)
        .await?;
    let Some(endpoint) = story.endpoint else { return Ok(0) };
    let body = (shared.tell)(story.sequence, &story.call);
    let body = story.key.map_or_else(|| Ok(body.clone()), |key| key.seal(&body))?;
    let event = format!("evt_{}_{}_{}", shared.instance, call.0, story.sequence);
    TOLD.bind(event)
        .bind(endpoint)
        .bind(story.call.campaign.0)
        .bind(call.0.cast_signed())
        .bind(at(moment))
        .bind(body)
        .execute(db)
        .await?;
    Ok(1)
}

/// Keeps what was agreed in a call, and what the agent changed of the contact's card.
pub(super) async fn details(
    db: &mut Db<'_>,
    shared: &Shared,
    call: CallId,
    (details, moment): (&Details, Wall),
) -> Result<(), StoreError> {
    let id = call.0.cast_signed();
    // Without the key there is nobody any more whom the details could be about.
    let Some(row) = KEY.bind(id).fetch_optional(db).await? else { return Ok(()) };
    let Some(key) = shared.seals.contact(&row)? else { return Ok(()) };
    SET_DETAILS
        .bind(id)
        .bind(key.seal(json(details))?)
        .bind(details.amount_cents)
        .bind(details.appointment.is_some())
        .execute(db)
        .await?;
    if !details.changed_fields.is_empty() {
        cards::of_call(db, shared, (call, moment), &details.changed_fields).await?;
    }
    Ok(())
}
