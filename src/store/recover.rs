//! Mending what a crash left, before the engine dials.

use super::audit::chain::Notes;
use super::backend::{Db, Row, both, statements};
use super::report::heard;
use super::seal::{Seals, plain};
use super::text::{at, from_json, read_agent_state};
use super::{Recovered, StoreError, Write};
use super::{Shared, Store, inbound, write};
use crate::core::fact::Callback;
use crate::core::order::{AgentState, Closed, EndedBy, Next, Outcome, Record};
use crate::core::recycle::UNQUALIFIED_WAIT;
use crate::sip::{StoredBinding, StoredDialog};
use crate::units::{AgentId, CallId, CampaignId, ContactId, LegId, NumberId, Span, Wall};

statements! {
    UNFINISHED = both(
        "select a.call_id, a.campaign_id, a.contact_id, a.number_id, a.agent_id, a.opened_at,
           a.ended_at, a.abandoned_at, a.forced, a.ringing_at, a.answered_at, a.bridged_at,
           a.heard, a.heard_confidence, k.callback_at, k.callback_agent_id
         from attempt a left join contact k on k.id = a.contact_id
         where a.completed_at is null order by a.call_id",
    );
    SIGNED_IN = both(
        "select id, state, state_subject from agent where state <> 'logged_out' order by id",
    );
    ALIVE = both(
        "insert into meta (name, value) values ('alive_at', $1)
         on conflict (name) do update set value = excluded.value",
    );
    LAST_SIGN = both(
        "select max(m) from (select max(opened_at) as m from attempt
           union all select max(state_at) from agent
           union all select cast(value as bigint) from meta where name = 'alive_at') as signs",
    );
    NEW_EPOCH = both("update campaign set owner_epoch = owner_epoch + 1");
    END_LEASES = both(
        "update contact set free_at = next_at
         where state = 'open' and open_call_id is null and free_at <> next_at and held is null",
    );
    HIGHEST_CALL = both("select max(call_id) from attempt where call_id between $1 and $2");
    DIALOGS = both("select leg_id, dialog from dialog_personal order by leg_id");
    BINDINGS = both(
        "select agent_id, binding from phone_binding
         where until_at > $1 and agent_id in (select id from agent where not removed)
         order by agent_id",
    );
}

/// How long after the last sign of life agents are still taken to sit there: a crash and what it
/// takes to see and mend it, but no break and no end of the working day.
pub const STILL_THERE: Span = Span::secs(300);

impl Store {
    /// Notes that the engine lives.
    ///
    /// # Errors
    /// The database failed.
    pub async fn note_alive(&self, now: Wall) -> Result<(), StoreError> {
        let mut writer = self.writer().await;
        let mut entry = writer.begin().await?;
        let (mut db, _) = entry.parts()?;
        ALIVE.bind(at(now).to_string()).execute(&mut db).await?;
        entry.commit().await
    }

    /// Mends what a crash left, once, before the engine dials: open attempts are closed as
    /// interrupted, or as abandoned if their person was by then, and completed (outbox row
    /// included), leases end, agents are signed out as of the last sign of life. Who was signed in
    /// [`STILL_THERE`] ago is told.
    ///
    /// # Errors
    /// The database failed.
    pub async fn recover(&self, now: Wall) -> Result<Recovered, StoreError> {
        let mut recovered = Recovered::default();
        {
            let mut writer = self.writer().await;
            let mut entry = writer.begin().await?;
            let (mut db, notes) = entry.parts()?;
            recovered.interrupted = close_open_attempts(&mut db, notes, &self.shared, now).await?;
            recovered.at_work = sign_everybody_out(&mut db, notes, &self.shared, now).await?;
            end_leases(&mut db).await?;
            recovered.first_call = first_call(&mut db, self.shared.node).await?;
            recovered.first_inbound = inbound::recover(&mut db, &self.shared, now).await?;
            recovered.dialogs = dialogs(&mut db, &self.shared.seals).await?;
            recovered.bindings = bindings(&mut db, now).await?;
            entry.commit().await?;
        }
        self.shared.event_added.notify_one();
        // Incoming legs have the highest bit and are counted by the signalling itself.
        let own = recovered.dialogs.iter().map(|(leg, _)| leg.0).filter(|leg| leg >> 63 == 0);
        recovered.first_leg = own.max().map_or(1, |leg| leg.saturating_add(1));
        recovered.campaigns = self.campaigns().await?;
        recovered.agents = self.agents().await?;
        Ok(recovered)
    }
}

/// Closes and completes every attempt whose story was not told to the end.
async fn close_open_attempts(
    db: &mut Db<'_>,
    notes: &mut Notes,
    shared: &Shared,
    now: Wall,
) -> Result<Vec<CallId>, StoreError> {
    let rows = UNFINISHED.query().fetch_all(db).await?;
    let mut interrupted = Vec::new();
    for row in &rows {
        let call = CallId(row.try_get::<i64>("call_id")?.cast_unsigned());
        if row.try_get::<Option<i64>>("ended_at")?.is_none() {
            let mut closed = interrupted_record(row, call, now, shared.interrupted_rest)?;
            if let Some(abandoned) = row.try_get::<Option<i64>>("abandoned_at")? {
                closed = abandoned_record(row, closed, Wall::micros(abandoned))?;
            } else {
                interrupted.push(call);
            }
            let record = Record::Closed(closed);
            write::apply(db, notes, shared, &Write::Record { record, at: now }).await?;
        }
        let record = Record::Completed(call);
        write::apply(db, notes, shared, &Write::Record { record, at: now }).await?;
    }
    Ok(interrupted)
}

/// Makes the end of a call a crash cut. Of its course only what was written while it lasted is
/// known: who talked to whom, and since when.
fn interrupted_record(
    row: &Row,
    call: CallId,
    now: Wall,
    rest: Span,
) -> Result<Closed, StoreError> {
    let opened = Wall::micros(row.try_get("opened_at")?);
    let known = |column| row.try_get(column).map(|at: Option<i64>| at.map(Wall::micros));
    let bridged = known("bridged_at")?;
    // Who talked is not called again the same afternoon, as after any talk nobody qualified.
    let at = now + if bridged.is_some() { rest.max(UNQUALIFIED_WAIT) } else { rest };
    // A promise stays one: to the same agent, as soon as the person has had some rest.
    let next = match row.try_get::<Option<i64>>("callback_at")? {
        Some(promised) => Next::Callback(Callback {
            at: at.max(Wall::micros(promised)),
            agent: row.try_get::<Option<u32>>("callback_agent_id")?.map(AgentId),
        }),
        None => Next::Retry { at, number: None },
    };
    Ok(Closed {
        call,
        campaign: CampaignId(row.try_get("campaign_id")?),
        contact: ContactId(row.try_get::<i64>("contact_id")?.cast_unsigned()),
        number: NumberId(row.try_get::<i64>("number_id")?.cast_unsigned()),
        outcome: Outcome::Interrupted,
        forced: false,
        cause: 0,
        ended_by: EndedBy::Dialer,
        agent: row.try_get::<Option<u32>>("agent_id")?.map(AgentId),
        heard: heard(row)?,
        ringing: known("ringing_at")?,
        answered: known("answered_at")?,
        bridged,
        ended: now.max(opened),
        held: Span::ZERO,
        next,
    })
}

/// Makes it the end of a call whose person was abandoned before the crash: that counts, and what
/// becomes of the contact was written down then.
fn abandoned_record(row: &Row, cut: Closed, at: Wall) -> Result<Closed, StoreError> {
    Ok(Closed {
        outcome: Outcome::Abandoned,
        forced: row.try_get("forced")?,
        ended: at,
        next: Next::Untouched,
        ..cut
    })
}

/// Signs out whoever was signed in, as of the last sign of life: nobody worked while the engine
/// was gone, however long that was. Gives those who are still there, as they were.
async fn sign_everybody_out(
    db: &mut Db<'_>,
    notes: &mut Notes,
    shared: &Shared,
    now: Wall,
) -> Result<Vec<(AgentId, AgentState)>, StoreError> {
    let agents = SIGNED_IN.query().fetch_all(db).await?;
    let last: Option<i64> = LAST_SIGN.query().fetch_one(db).await?.try_get(0)?;
    let at = last.map_or(now, |last| now.min(Wall::micros(last)));
    let mut signed_in = Vec::new();
    for row in agents {
        let agent = AgentId(row.try_get(0)?);
        signed_in.push((agent, read_agent_state(&row.try_get::<String>(1)?, row.try_get(2)?)?));
        let record = Record::AgentState { agent, state: AgentState::LoggedOut };
        write::apply(db, notes, shared, &Write::Record { record, at }).await?;
    }
    if now.since(at) > STILL_THERE {
        signed_in.clear();
    }
    Ok(signed_in)
}

/// Frees every leased contact; the new epoch makes leases of an earlier run unable to speak.
async fn end_leases(db: &mut Db<'_>) -> Result<(), StoreError> {
    NEW_EPOCH.query().execute(db).await?;
    END_LEASES.query().execute(db).await?;
    Ok(())
}

async fn first_call(db: &mut Db<'_>, node: u16) -> Result<u64, StoreError> {
    let lowest = CallId::of(node, 0).0.cast_signed();
    let highest = CallId::of(node, u64::MAX).0.cast_signed();
    let row = HIGHEST_CALL.bind(lowest).bind(highest).fetch_one(db).await?;
    let last: Option<i64> = row.try_get(0)?;
    Ok(last.map_or(1, |last| CallId(last.cast_unsigned()).count() + 1))
}

async fn dialogs(db: &mut Db<'_>, seals: &Seals) -> Result<Vec<(LegId, StoredDialog)>, StoreError> {
    let rows = DIALOGS.query().fetch_all(db).await?;
    rows.iter()
        .map(|row| {
            let leg = LegId(row.try_get::<i64>(0)?.cast_unsigned());
            let dialog = plain(Some(seals.passing()), row.try_get(1)?)?.unwrap_or_default();
            Ok((leg, from_json("dialog", &dialog)?))
        })
        .collect()
}

async fn bindings(
    db: &mut Db<'_>,
    now: Wall,
) -> Result<Vec<(AgentId, StoredBinding, Wall)>, StoreError> {
    let rows = BINDINGS.bind(at(now)).fetch_all(db).await?;
    let mut bindings = Vec::new();
    for row in &rows {
        let agent = AgentId(row.try_get(0)?);
        let kept: Vec<(StoredBinding, i64)> = from_json("binding", &row.try_get::<String>(1)?)?;
        let kept = kept.into_iter().map(|(binding, until)| (agent, binding, Wall::micros(until)));
        bindings.extend(kept.filter(|(.., until)| *until > now));
    }
    Ok(bindings)
}
