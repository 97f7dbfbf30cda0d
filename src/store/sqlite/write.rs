//! One [`Write`] becomes rows, all its statements in one trip to the database.
//!
//! Statements are guarded by keys and by `changes()`, the count of rows the statement before
//! changed (<https://www.sqlite.org/lang_corefunc.html#changes>): what was written once is not
//! written again.

use sqlx::query::Query;
use sqlx::sqlite::{Sqlite as Engine, SqliteArguments, SqliteConnection};

use super::text::{NextColumns, agent_state, at, json, scope, some_at, word};
use super::{Shared, decisions, prior, report};
use crate::core::fact::{DncScope, SkipReason};
use crate::core::order::{
    Abandoned, AgentState, CampaignState, Closed, Next, Opened, Qualified, Record, RuleRefusal,
};
use crate::engine::handle::Details;
use crate::sip::StoredDialog;
use crate::store::{Delivery, StoreError, Then, Write};
use crate::units::{AgentId, CallId, CampaignId, ContactId, LegId, PersonId, Ratio, Wall};

type Statement = Query<'static, Engine, SqliteArguments>;

/// Sets what becomes of a contact from the parameters 1 to 7 of [`bind_next`].
macro_rules! set_next {
    () => {
        "update contact set
           state = coalesce($1, state),
           done_reason = case when $1 is null then done_reason else $2 end,
           turn = case when $1 is null then turn else coalesce($3, priority) end,
           next_at = coalesce($4, next_at),
           callback_at = case when $1 is null then callback_at else $5 end,
           callback_agent_id = case when $1 is null then callback_agent_id else $6 end,
           next_number_id = case when $1 is null then next_number_id
             when $3 = 0 then last_number_id else $7 end "
    };
}

/// Makes a contact claimable again when it is due, unless a call is open or it is done.
macro_rules! set_free {
    () => {
        "update contact set free_at =
           case when state = 'open' then next_at else 9223372036854775807 end "
    };
}

/// Writes one of them and gives the number of webhook events it added.
pub(super) async fn apply(
    db: &mut SqliteConnection,
    shared: &Shared,
    write: &Write,
) -> Result<u32, StoreError> {
    match write {
        Write::Record { record, at } => return record_one(db, shared, record, *at).await,
        Write::Details { call, details } => details_of(*call, details).execute(db).await?,
        Write::Dialog { leg, call, dialog } => dialog_up(*leg, *call, dialog).execute(db).await?,
        Write::DialogGone(leg) => dialog_gone(*leg).execute(db).await?,
        Write::Delivery(delivery) => delivered(delivery).execute(db).await?,
    };
    Ok(0)
}

async fn record_one(
    db: &mut SqliteConnection,
    shared: &Shared,
    record: &Record,
    moment: Wall,
) -> Result<u32, StoreError> {
    let statement = match record {
        Record::Opened(record) => {
            open(db, record).await?;
            return Ok(0);
        }
        Record::Completed(call) => return complete(db, shared, *call, moment).await,
        Record::Abandoned(record) => abandoned(record),
        Record::Closed(record) => {
            close(db, record).await?;
            return Ok(0);
        }
        Record::Qualified(record) => qualified(record),
        Record::Refused(record) => refused(record),
        Record::Skipped { campaign, contact, agent, reason, next } => {
            skipped(*campaign, *contact, *agent, *reason, next, moment)
        }
        Record::DoNotCall { person, scope, call } => do_not_call(*person, *scope, *call, moment),
        Record::AgentState { agent, state } => agent_is(*agent, *state, moment),
        Record::CampaignState { campaign, state } => campaign_is(*campaign, *state, moment),
        Record::Decided(campaign, decision) => decisions::decided(*campaign, decision, moment),
        Record::Learnt(campaign, lesson) => prior::learnt(*campaign, lesson),
    };
    statement.execute(db).await?;
    Ok(0)
}

fn bind_next(statement: Statement, next: &Next) -> Statement {
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

async fn open(db: &mut SqliteConnection, record: &Opened) -> Result<(), StoreError> {
    let statement = sqlx::query(
        "insert into attempt (call_id, campaign_id, client_id, contact_id, number_id, person_id,
           trunk_id, caller_id, caller_e164, attempt, agent_id, opened_at, cause, held_us,
           wrong_number, chance)
         select $1, id, client_id, $3, $4, $5, $6, $7,
           (select e164 from caller_id where campaign_id = $2 and position = $7), $8, $9, $10, 0, 0,
           false, $11
         from campaign where id = $2
         on conflict (call_id) do nothing;
         update contact set attempts = max(attempts, $8), last_number_id = $4, last_call_id = $1,
           open_call_id = $1, free_at = 9223372036854775806
         where id = $3 and changes() > 0",
    );
    let done = statement
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
        .execute(&mut *db)
        .await?;
    if done.rows_affected() > 0 {
        return Ok(());
    }
    // Nothing was written: a replay, or a campaign that does not exist. No call without a row.
    let known = sqlx::query("select 1 from attempt where call_id = $1")
        .bind(record.call.0.cast_signed())
        .fetch_optional(db)
        .await?;
    if known.is_some() { Ok(()) } else { Err(StoreError::Unknown("campaign")) }
}

/// Notes in an open attempt that its person is abandoned; the end overrules it.
fn abandoned(record: &Abandoned) -> Statement {
    let statement = sqlx::query(concat!(
        "update attempt set abandoned_at = $10, answered_at = $11, heard = $12,
           heard_confidence = $13, forced = $14
         where call_id = $9 and ended_at is null and abandoned_at is null; ",
        set_next!(),
        "where id = $8 and changes() > 0 and last_call_id = $9
           and not exists (select 1 from attempt where call_id = $9 and qualified_at is not null)"
    ));
    bind_next(statement, &record.next)
        .bind(record.contact.0.cast_signed())
        .bind(record.call.0.cast_signed())
        .bind(at(record.at))
        .bind(some_at(record.answered))
        .bind(record.heard.map(|heard| word(&heard.what)))
        .bind(record.heard.map(|heard| heard.confidence.get()))
        .bind(record.forced)
}

async fn close(db: &mut SqliteConnection, record: &Closed) -> Result<(), StoreError> {
    if closed(record).execute(&mut *db).await?.rows_affected() == 0 {
        unrecorded(record).execute(db).await?;
    }
    Ok(())
}

/// Lets the contact of an attempt go whose row was refused, so that nothing was dialled.
fn unrecorded(record: &Closed) -> Statement {
    let statement = sqlx::query(concat!(
        set_next!(),
        ", last_call_id = $9
         where id = $8 and open_call_id is null and coalesce(last_call_id, 0) < $9
           and not exists (select 1 from attempt where call_id = $9); ",
        set_free!(),
        "where id = $8 and changes() > 0"
    ));
    bind_next(statement, &record.next)
        .bind(record.contact.0.cast_signed())
        .bind(record.call.0.cast_signed())
}

fn closed(record: &Closed) -> Statement {
    let statement = sqlx::query(concat!(
        "update attempt set outcome = $10, cause = $11, ended_by = $12,
           agent_id = coalesce($13, agent_id), heard = $14, heard_confidence = $15,
           ringing_at = $16, answered_at = $17, bridged_at = $18, ended_at = $19, held_us = $20,
           forced = $22
         where call_id = $9 and ended_at is null; ",
        set_next!(),
        ", faults = faults + ($10 in ('congestion', 'trunk_fault'))
         where id = $8 and changes() > 0 and last_call_id = $9
           and not exists (select 1 from attempt where call_id = $9 and qualified_at is not null);
         update number set invalid = true where id = $21 and $10 = 'invalid' and not invalid"
    ));
    bind_next(statement, &record.next)
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

fn qualified(record: &Qualified) -> Statement {
    let statement = sqlx::query(concat!(
        "update attempt set qualified_at = $13, wrap_us = $12, agent_id = coalesce(agent_id, $14),
           wrong_number = $15,
           disposition_code = coalesce(
             (select code from disposition where campaign_id = $11 and position = $10), '#' || $10)
         where call_id = $9 and completed_at is null; ",
        set_next!(),
        "where id = $8 and changes() > 0 and last_call_id = $9"
    ));
    bind_next(statement, &record.next)
        .bind(record.contact.0.cast_signed())
        .bind(record.call.0.cast_signed())
        .bind(record.disposition.0)
        .bind(record.campaign.0)
        .bind(record.wrap.as_micros().cast_signed())
        .bind(at(record.at))
        .bind(record.agent.map(|agent| agent.0))
        .bind(record.wrong_number)
}

fn refused(record: &RuleRefusal) -> Statement {
    let statement = sqlx::query(concat!(
        "insert into rule_refusal
           (contact_id, number_id, stage, at, campaign_id, rule, until_at)
         values ($8, $9, $10, $11, $12, $13, $14) on conflict do nothing; ",
        set_next!(),
        "where id = $8 and changes() > 0 and open_call_id is null; ",
        set_free!(),
        "where id = $8 and changes() > 0"
    ));
    bind_next(statement, &record.next)
        .bind(record.contact.0.cast_signed())
        .bind(record.number.0.cast_signed())
        .bind(word(&record.stage))
        .bind(at(record.at))
        .bind(record.campaign.0)
        .bind(word(&record.refusal.rule))
        .bind(some_at(record.refusal.until))
}

fn skipped(
    campaign: CampaignId,
    contact: ContactId,
    agent: AgentId,
    reason: SkipReason,
    next: &Next,
    moment: Wall,
) -> Statement {
    let statement = sqlx::query(concat!(
        "insert into preview_skip (contact_id, at, campaign_id, agent_id, reason)
         values ($8, $9, $10, $11, $12) on conflict do nothing; ",
        set_next!(),
        "where id = $8 and changes() > 0 and open_call_id is null; ",
        set_free!(),
        "where id = $8 and changes() > 0"
    ));
    bind_next(statement, next)
        .bind(contact.0.cast_signed())
        .bind(at(moment))
        .bind(campaign.0)
        .bind(agent.0)
        .bind(word(&reason))
}

fn do_not_call(person: PersonId, reach: DncScope, call: Option<CallId>, moment: Wall) -> Statement {
    let (word, id) = scope(reach);
    sqlx::query(
        "insert into do_not_call (person_id, scope, scope_id, reason, source, at)
         values ($1, $2, $3, 'asked not to be called', $4, $5) on conflict do nothing",
    )
    .bind(person.0.cast_signed())
    .bind(word)
    .bind(id)
    .bind(call.map_or_else(|| "engine".to_owned(), |call| call.to_string()))
    .bind(at(moment))
}

fn agent_is(agent: AgentId, state: AgentState, moment: Wall) -> Statement {
    let (state, subject) = agent_state(state);
    // Of several states in one instant the last one lasts; the others took no time.
    sqlx::query(
        "insert into agent_state (agent_id, at, state, subject) values ($1, $2, $3, $4)
         on conflict (agent_id, at) do update
           set state = excluded.state, subject = excluded.subject;
         update agent set state = $3, state_subject = $4, state_at = $2 where id = $1",
    )
    .bind(agent.0)
    .bind(at(moment))
    .bind(state)
    .bind(subject)
}

fn campaign_is(campaign: CampaignId, state: CampaignState, moment: Wall) -> Statement {
    sqlx::query("update campaign set state = $2, state_at = $3 where id = $1")
        .bind(campaign.0)
        .bind(word(&state))
        .bind(at(moment))
}

/// Tells the call's story to its endpoint and lets its contact go.
async fn complete(
    db: &mut SqliteConnection,
    shared: &Shared,
    call: CallId,
    moment: Wall,
) -> Result<u32, StoreError> {
    let Some(mut story) = report::story(db, call).await? else {
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
    story.call.completed = Some(moment);
    sqlx::query(concat!(
        "update attempt set completed_at = $2 where call_id = $1;
         update number set invalid = true
         where id = $4 and not invalid
           and exists (select 1 from attempt where call_id = $1 and wrong_number);
         update contact set open_call_id = null where id = $3 and open_call_id = $1; ",
        set_free!(),
        "where id = $3 and changes() > 0"
    ))
    .bind(call.0.cast_signed())
    .bind(at(moment))
    .bind(story.call.contact.0.cast_signed())
    .bind(story.call.number.0.cast_signed())
    .execute(&mut *db)
    .await?;
    let Some(endpoint) = story.endpoint else { return Ok(0) };
    let event = format!("evt_{}_{}_{}", shared.instance, call.0, story.sequence);
    sqlx::query(
        "insert into outbox
           (event_id, endpoint, campaign_id, call_id, kind, created_at, tries, next_try_at)
         values ($1, $2, $3, $4, 'call.completed', $5, 0, $5) on conflict do nothing;
         insert into outbox_personal (event_id, body) values ($1, $6) on conflict do nothing",
    )
    .bind(event)
    .bind(endpoint)
    .bind(story.call.campaign.0)
    .bind(call.0.cast_signed())
    .bind(at(moment))
    .bind((shared.tell)(story.sequence, &story.call))
    .execute(db)
    .await?;
    Ok(1)
}

fn details_of(call: CallId, details: &Details) -> Statement {
    sqlx::query(
        "insert into attempt_personal (call_id, details) values ($1, $2)
         on conflict (call_id) do update set details = excluded.details;
         update attempt set amount_cents = $3 where call_id = $1;
         update contact_personal set fields = json_patch(fields, $4)
         where contact_id = (select contact_id from attempt where call_id = $1)",
    )
    .bind(call.0.cast_signed())
    .bind(json(details))
    .bind(details.amount_cents)
    .bind(json(&details.changed_fields))
}

fn dialog_up(leg: LegId, call: Option<CallId>, dialog: &StoredDialog) -> Statement {
    sqlx::query(
        "insert into dialog_personal (leg_id, call_id, dialog) values ($1, $2, $3)
         on conflict (leg_id) do update set call_id = excluded.call_id, dialog = excluded.dialog",
    )
    .bind(leg.0.cast_signed())
    .bind(call.map(|call| call.0.cast_signed()))
    .bind(json(dialog))
}

fn dialog_gone(leg: LegId) -> Statement {
    sqlx::query("delete from dialog_personal where leg_id = $1").bind(leg.0.cast_signed())
}

fn delivered(delivery: &Delivery) -> Statement {
    let (delivered, next_try, disabled) = match delivery.then {
        Then::Delivered => (Some(at(delivery.at)), None, None),
        Then::Retry(next) => (None, Some(at(next)), None),
        Then::GiveUp => (None, None, None),
        Then::Disable => (None, Some(at(delivery.at)), Some(at(delivery.at))),
    };
    sqlx::query(
        "update outbox set tries = $2, delivered_at = $3, next_try_at = $4, status = $5,
           error = $6
         where event_id = $1 and tries = $2 - 1;
         update endpoint set disabled_at = $7
         where changes() > 0 and $7 is not null and disabled_at is null
           and name = (select endpoint from outbox where event_id = $1)",
    )
    .bind(delivery.event.clone())
    .bind(delivery.tries)
    .bind(delivered)
    .bind(next_try)
    .bind(delivery.status)
    .bind(delivery.error.clone())
    .bind(disabled)
}
