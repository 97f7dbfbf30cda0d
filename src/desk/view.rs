//! What an agent sees, composed of the engine's snapshot and the files.

use super::protocol::{Campaign, Card, Choice, Day, Pause, View};
use super::seats::Note;
use crate::api::Desk;
use crate::api::agents::call_of;
use crate::api::types::Cause;
use crate::config::{self, Need};
use crate::core::campaign::Then;
use crate::core::floor::AgentFloor;
use crate::core::order::AgentState;
use crate::engine::handle::Snapshot;
use crate::units::{AgentId, CampaignId, Mono, PauseId, Span, Wall};

/// Finds an agent on the floor.
pub(super) fn at(snapshot: &Snapshot, agent: AgentId) -> Option<&AgentFloor> {
    snapshot.floor.agents.iter().find(|floor| floor.agent == agent)
}

/// What a view is made of besides the floor.
pub(super) struct Around<'a> {
    pub(super) name: &'a str,
    pub(super) note: &'a Note,
    pub(super) card: Option<&'a Card>,
    pub(super) why: Option<&'a Cause>,
}

/// Composes what an agent sees; nothing of it changes by the mere passing of time.
pub(super) fn compose(
    desk: &Desk,
    (snapshot, agent): (&Snapshot, AgentId),
    around: &Around<'_>,
) -> View {
    let pauses = desk.config.pauses.iter();
    let view = View {
        agent: around.name.to_owned(),
        state: AgentState::LoggedOut.name().to_owned(),
        pauses: pauses
            .map(|pause| Pause { code: pause.code.clone(), label: pause.label.clone() })
            .collect(),
        ..View::default()
    };
    let Some(floor) = at(snapshot, agent) else { return view };
    let call = call_of(floor.state);
    let campaign = floor.card.and_then(|(campaign, _)| campaign_of(desk, campaign));
    let said = floor.said.filter(|_| around.note.undone != call || call.is_none());
    let said = said.and_then(|said| campaign?.dispositions.get(usize::from(said.0)));
    View {
        state: floor.state.name().to_owned(),
        since: millis(desk, floor.since),
        until: floor.until.map(|until| millis(desk, until)),
        more_s: floor.more.as_secs_f64(),
        phone: floor.leg_up,
        pause: if let AgentState::Paused(code) = floor.state { pause(desk, code) } else { None },
        after: after(desk, floor, around.note),
        last_call: around.note.last_call.is_some(),
        campaign: campaign.map(|campaign| Campaign {
            title: campaign.title.clone(),
            client: campaign.client.clone(),
        }),
        call: call.map(|call| call.0),
        said: said.map(|said| said.code.clone()),
        undo_until: around.note.undoable(call).map(|until| millis(desk, until)),
        card: around.card.cloned(),
        dispositions: campaign
            .map_or_else(Vec::new, |own| own.dispositions.iter().map(choice).collect()),
        why: around.why.cloned(),
        day: day(floor, snapshot.now.mono),
        ..view
    }
}

/// Finds the file of a campaign.
pub(super) fn campaign_of(desk: &Desk, id: CampaignId) -> Option<&config::Campaign> {
    let row = desk.campaigns.iter().find(|row| row.id == id)?;
    desk.config.campaign(&row.name)
}

/// Gives a moment of the engine's clock in milliseconds since 1970.
pub(super) fn millis(desk: &Desk, at: Mono) -> i64 {
    millis_of(desk.begun() + at.since(Mono::START))
}

const fn millis_of(at: Wall) -> i64 {
    at.as_micros() / 1_000
}

fn pause(desk: &Desk, code: PauseId) -> Option<String> {
    desk.config.pauses.get(usize::from(code.0)).map(|pause| pause.code.clone())
}

fn after(desk: &Desk, floor: &AgentFloor, note: &Note) -> Option<String> {
    match (floor.after, note.last_call) {
        (Some(AgentState::Paused(code)), _) | (None, Some(code)) => pause(desk, code),
        (Some(state), _) => Some(state.name().to_owned()),
        (None, None) => None,
    }
}

fn choice(own: &config::Disposition) -> Choice {
    Choice {
        code: own.code.clone(),
        key: own.key,
        label: own.label.clone(),
        class: own.class,
        needs: match own.needs {
            Some(Need::Amount) => Some("amount"),
            Some(Need::Appointment) => Some("appointment"),
            Some(Need::Callback) => Some("callback"),
            None => matches!(own.then, Then::Callback(_)).then_some("callback"),
        },
        do_not_call: own.then == Then::DoNotCall,
    }
}

/// Counts a shift up to the beginning of the present state.
fn day(floor: &AgentFloor, now: Mono) -> Day {
    let present = now.since(floor.since);
    let until_then = |all: Span, counts: bool| {
        if counts { Span::micros(all.as_micros().saturating_sub(present.as_micros())) } else { all }
    };
    let (talks, writes) = match floor.state {
        AgentState::Talking(_) | AgentState::Holding(_) => (true, false),
        AgentState::Wrapping(_) => (false, true),
        AgentState::LoggedOut
        | AgentState::Paused(_)
        | AgentState::Ready
        | AgentState::Previewing(_)
        | AgentState::Reserved(_)
        | AgentState::Resting(_) => (false, false),
    };
    let waits = !talks && !writes && !matches!(floor.state, AgentState::Paused(_));
    let idle = until_then(floor.idle, waits).as_micros() / 1_000_000;
    Day {
        handled: floor.handled,
        talk_s: until_then(floor.talk, talks).as_micros() / 1_000_000,
        wrap_s: until_then(floor.wrap, writes).as_micros() / 1_000_000,
        wait_s: idle / floor.handled.max(1),
    }
}
