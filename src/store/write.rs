//! One [`Write`] becomes rows, all its statements in one trip to the database where one suffices.

use super::audit::Kind;
use super::audit::chain::Notes;
use super::audit::said;
use super::backend::{Db, Query, both, guarded, statements, together};
use super::consent::taken_back;
use super::text::{agent_state, at, json, scope, word};
use super::{Delivery, Shared, StoreError, Then, Write};
use super::{attempt, decisions, inbound, people, prior};
use crate::core::fact::DncScope;
use crate::core::order::{AgentState, CampaignState, Record};
use crate::sip::StoredDialog;
use crate::units::{AgentId, CallId, CampaignId, LegId, PersonId, Wall};

statements! {
    DO_NOT_CALL = both(
        "insert into do_not_call (person_id, scope, scope_id, reason, source, at)
         values ($1, $2, $3, $4, $5, $6)
         on conflict (person_id, scope, scope_id) do update set reason = excluded.reason,
           source = excluded.source, at = excluded.at, until_at = null
         where do_not_call.until_at is not null and do_not_call.at < excluded.at
         returning person_id",
    );
    /// Whoever wants no call of a client company takes back what gave it the right to call.
    TAKE_BACK = both(
        "insert into consent_withdrawal (client_id, person_id, at, source)
         select id, cast($1 as bigint), cast($4 as bigint), cast($5 as text) from client
         where $2 = 'everyone' or $2 = 'client' and id = $3
         on conflict do nothing returning client_id, person_id, at, source",
    );
    /// Of several states in one instant the last one lasts; the others took no time.
    AGENT_IS = together!(
        "insert into agent_state (agent_id, at, state, subject) values ($1, $2, $3, $4)
         on conflict (agent_id, at) do update
           set state = excluded.state, subject = excluded.subject",
        "update agent set state = $3, state_subject = $4, state_at = $2 where id = $1"
    );
    CAMPAIGN_IS = both("update campaign set state = $2, state_at = $3 where id = $1");
    DIALOG_UP = both(
        "insert into dialog_personal (leg_id, call_id, dialog) values ($1, $2, $3)
         on conflict (leg_id) do update set call_id = excluded.call_id, dialog = excluded.dialog",
    );
    DIALOG_GONE = both("delete from dialog_personal where leg_id = $1");
    BOUND = both(
        "insert into phone_binding (agent_id, binding, until_at) values ($1, $2, $3)
         on conflict (agent_id) do update set binding = excluded.binding,
           until_at = excluded.until_at",
    );
    BINDING_GONE = both("delete from phone_binding where agent_id = $1");
    DELIVERED = guarded!(
        "update outbox set tries = $2, delivered_at = $3, next_try_at = $4, status = $5,
           error = $6
         where event_id = $1 and tries = $2 - 1",
        "update endpoint set disabled_at = $7
         where cast($7 as bigint) is not null and disabled_at is null
           and name = (select endpoint from outbox where event_id = $1)"
    );
}

/// Writes one of them and gives the number of webhook events it added.
pub(super) async fn apply(
    db: &mut Db<'_>,
    notes: &mut Notes,
    shared: &Shared,
    write: &Write,
) -> Result<u32, StoreError> {
    match write {
        Write::Record { record, at } => return record_one(db, (notes, shared), record, *at).await,
        Write::Details { call, details, at } => {
            attempt::details(db, shared, *call, (details, *at)).await?;
        }
        Write::Dialog { leg, call, dialog } => {
            dialog_up(shared, *leg, *call, dialog)?.execute(db).await?;
        }
        Write::DialogGone(leg) => {
            DIALOG_GONE.bind(leg.0.cast_signed()).execute(db).await?;
        }
        Write::Caller { inbound, from, called } => {
            inbound::caller(db, shared, *inbound, from.as_ref(), called).await?;
        }
        Write::Bindings { agent, bindings } => {
            let kept = bindings.iter().map(|(binding, until)| (binding, at(*until)));
            let kept: Vec<_> = kept.collect();
            let last = kept.iter().map(|(_, until)| *until).max().unwrap_or_default();
            BOUND.bind(agent.0).bind(json(&kept)).bind(last).execute(db).await?;
        }
        Write::BindingGone(agent) => {
            BINDING_GONE.bind(agent.0).execute(db).await?;
        }
        Write::Delivery(delivery) => {
            delivered(delivery).execute(db).await?;
        }
    }
    Ok(0)
}

async fn record_one(
    db: &mut Db<'_>,
    (notes, shared): (&mut Notes, &Shared),
    record: &Record,
    moment: Wall,
) -> Result<u32, StoreError> {
    let statement = match record {
        Record::Opened(record) => return attempt::open(db, notes, record).await.map(|()| 0),
        Record::Completed(call) => return attempt::complete(db, shared, *call, moment).await,
        Record::Bridged(record) => attempt::bridged(record),
        Record::Abandoned(record) => attempt::abandoned(record),
        Record::Closed(record) => return attempt::close(db, notes, record).await.map(|()| 0),
        Record::Qualified(record) => {
            return attempt::qualify(db, (notes, shared), record).await.map(|()| 0);
        }
        Record::Refused(record) => return attempt::refuse(db, notes, record).await.map(|()| 0),
        Record::Skipped { campaign, contact, agent, reason, next } => {
            attempt::skipped(*campaign, *contact, *agent, *reason, next, moment)
        }
        Record::DoNotCall { person, scope, call: Some(call) } => {
            return do_not_call(db, notes, (*person, *scope, *call), moment).await.map(|()| 0);
        }
        // Whoever told the engine of it outside a call had written it down.
        Record::DoNotCall { call: None, .. } => return Ok(0),
        Record::AgentState { agent, state } => agent_is(*agent, *state, moment),
        Record::CampaignState { campaign, state } => campaign_is(*campaign, *state, moment),
        Record::Decided(campaign, decision) => decisions::decided(*campaign, decision, moment),
        Record::Learnt(campaign, lesson) => prior::learnt(*campaign, lesson),
        Record::Received { inbound, trunk, campaign, at } => {
            inbound::received(*inbound, *trunk, *campaign, *at)
        }
        Record::ReceivedEnded { inbound, at } => {
            return inbound::ended(db, shared, *inbound, *at).await;
        }
    };
    statement.execute(db).await?;
    Ok(0)
}

async fn do_not_call(
    db: &mut Db<'_>,
    notes: &mut Notes,
    (person, reach, call): (PersonId, DncScope, CallId),
    moment: Wall,
) -> Result<(), StoreError> {
    let (person, (word, id)) = (person.0.cast_signed(), scope(reach));
    let (reason, source) = ("asked not to be called", call.to_string());
    people::keep_wish(db, person, (word, id), moment).await?;
    let wish = DO_NOT_CALL.bind(person).bind(word).bind(id).bind(reason).bind(&source);
    if !wish.bind(at(moment)).fetch_all(db).await?.is_empty() {
        let words = notes.of_words(&said::wish_words(reason, &source));
        notes.add(moment, Kind::Wish, person, &said::wish((word, id.into()), None, words));
    }
    let back = TAKE_BACK.bind(person).bind(word).bind(id).bind(at(moment)).bind(&source);
    taken_back(notes, &back.fetch_all(db).await?).map(drop)
}

fn agent_is(agent: AgentId, state: AgentState, moment: Wall) -> Query {
    let (state, subject) = agent_state(state);
    AGENT_IS.bind(agent.0).bind(at(moment)).bind(state).bind(subject)
}

fn campaign_is(campaign: CampaignId, state: CampaignState, moment: Wall) -> Query {
    CAMPAIGN_IS.bind(campaign.0).bind(word(&state)).bind(at(moment))
}

fn dialog_up(
    shared: &Shared,
    leg: LegId,
    call: Option<CallId>,
    dialog: &StoredDialog,
) -> Result<Query, StoreError> {
    let sealed = shared.seals.passing().seal(json(dialog))?;
    let call = call.map(|call| call.0.cast_signed());
    Ok(DIALOG_UP.bind(leg.0.cast_signed()).bind(call).bind(sealed))
}

fn delivered(delivery: &Delivery) -> Query {
    let (delivered, next_try, disabled) = match delivery.then {
        Then::Delivered => (Some(at(delivery.at)), None, None),
        Then::Retry(next) => (None, Some(at(next)), None),
        Then::GiveUp => (None, None, None),
        Then::Disable => (None, Some(at(delivery.at)), Some(at(delivery.at))),
    };
    DELIVERED
        .bind(delivery.event.clone())
        .bind(delivery.tries)
        .bind(delivered)
        .bind(next_try)
        .bind(delivery.status)
        .bind(delivery.error.clone())
        .bind(disabled)
}
