//! Checks: of the settings that come in, and of the invariants over the whole dialer, a scan of
//! everything for tests, simulations and debug builds.

use std::collections::{BTreeMap, BTreeSet};

use super::agent::{Leg, State as Seat};
use super::call::State;
use super::campaign::{Campaign, Guarantee, PACE_EVERY_RANGE, Settings, VALUE};
use super::floor::CallStage;
use super::order::{AgentState, CampaignState};
use super::pacing::account::Window;
use super::{Dialer, Wake};
use crate::units::{AgentId, CallId, CampaignId, Span};

/// A setting of a campaign that the dialer cannot work with. The fault is of whoever made the
/// settings; the same ones are refused again.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum Unusable {
    /// The worth of an answered call is no number, or out of all proportion.
    #[error(
        "the campaign's `value` is {0}: give a number from {min} to {max}, 1 if its calls are \
         worth as much as others'",
        min = VALUE.0,
        max = VALUE.1
    )]
    Value(f64),
    /// The pacer would never rest, or never run.
    #[error(
        "the campaign's `pace_every` is {0}: give a time from {min} to {max}, such as 0.250s",
        min = PACE_EVERY_RANGE.0,
        max = PACE_EVERY_RANGE.1
    )]
    PaceEvery(Span),
    /// A cap is to be proved of a count that events outside the proof move.
    #[error(
        "the campaign's guarantee is `strict`, and its rate is counted over a rolling window or \
         with the detector's mistakes: count by the day or the campaign, and without them"
    )]
    Unprovable,
}

impl Settings {
    /// Checks what the types leave open; [`Dialer::take`] refuses settings that fail: a surprise.
    ///
    /// # Errors
    /// The first setting that cannot be used.
    pub fn check(&self) -> Result<(), Unusable> {
        if !(VALUE.0..=VALUE.1).contains(&self.value) {
            return Err(Unusable::Value(self.value));
        }
        if !(PACE_EVERY_RANGE.0..=PACE_EVERY_RANGE.1).contains(&self.pace_every) {
            return Err(Unusable::PaceEvery(self.pace_every));
        }
        let rolls = matches!(self.account.window, Window::Rolling(_));
        let strict = self.mode.guarantee() == Some(Guarantee::Strict);
        if strict && (rolls || self.account.false_positives.get() > 0.0) {
            return Err(Unusable::Unprovable);
        }
        Ok(())
    }
}

/// An invariant of the dialer that does not hold: a defect of ours.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the dialer contradicts itself: {0}")]
pub struct Violation(pub String);

/// Stops at the first broken invariant, saying which one and for whom.
macro_rules! holds {
    ($condition:expr, $($what:tt)+) => {
        if !$condition {
            return Err(Violation(format!($($what)+)));
        }
    };
}

impl Dialer {
    /// Checks every invariant over the whole dialer; costs a scan of all it holds.
    ///
    /// # Errors
    /// The first invariant found broken.
    pub fn check(&self) -> Result<(), Violation> {
        self.check_calls()?;
        self.check_agents()?;
        self.check_trunks()?;
        for &id in self.campaigns.keys() {
            self.check_campaign(id)?;
        }
        self.check_timers()
    }

    /// Every call has its person to itself, its campaign, its time limit, and the agent it names.
    fn check_calls(&self) -> Result<(), Violation> {
        holds!(
            self.persons.on_line.len() == self.calls.len(),
            "{} persons on the line, {} calls",
            self.persons.on_line.len(),
            self.calls.len()
        );
        for (&id, call) in &self.calls {
            let person = call.number().person;
            holds!(self.persons.on_line.get(&person) == Some(&id), "{id} has not {person} alone");
            holds!(self.campaigns.contains_key(&call.campaign), "{id} has no campaign");
            let talks =
                if let State::Talking { agent, .. } = call.state { Some(agent) } else { None };
            holds!(call.due.is_some() != talks.is_some(), "{id} has no end: {:?}", call.state);
            let looks_for_one = !call.gave_up() && talks.is_none();
            holds!(looks_for_one || call.reserved.is_none(), "{id} needs no agent and has one");
            let Some(agent) = talks.or(call.reserved) else { continue };
            let seat = self.agents.get(&agent).map(super::agent::Agent::label);
            let expected = match (talks, seat) {
                (Some(_), Some(AgentState::Talking(own) | AgentState::Holding(own))) => own == id,
                (None, Some(AgentState::Reserved(own))) => own == id,
                (_, _) => false,
            };
            holds!(expected, "{id} names {agent}, who is {seat:?}");
        }
        Ok(())
    }

    /// Every agent with a call is named by it, calls need a leg, and queues hold who is ready.
    fn check_agents(&self) -> Result<(), Violation> {
        let mut ready = BTreeSet::new();
        for (&id, agent) in &self.agents {
            let call = match &agent.state {
                Seat::Reserved(call) => self.calls.get(call).map(|c| c.reserved == Some(id)),
                Seat::Talking(call) | Seat::Holding(call) => self
                    .calls
                    .get(call)
                    .map(|call| matches!(call.state, State::Talking { agent, .. } if agent == id)),
                Seat::Wrapping(writing) => {
                    Some(self.calls.get(&writing.call).is_none_or(|call| call.writing))
                }
                Seat::LoggedOut
                | Seat::Paused { .. }
                | Seat::Ready
                | Seat::Previewing(..)
                | Seat::Resting { .. } => Some(true),
            };
            holds!(call == Some(true), "{id} is {:?} without its call", agent.label());
            let needs_leg = matches!(
                agent.state,
                Seat::Ready | Seat::Previewing(..) | Seat::Reserved(_) | Seat::Talking(_)
            );
            holds!(!needs_leg || agent.leg == Leg::Up, "{id} is {:?} legless", agent.label());
            holds!(
                self.kept.contains(&id) == agent.kept_from.is_some(),
                "{id} is kept for nothing"
            );
            let returns = |id| agent.comes_back() && agent.settings.campaigns.contains(&id);
            holds!(agent.serving.is_none_or(returns), "{id} does not come back, and is foreseen");
            holds!(agent.at_work() || agent.leg == Leg::Down, "{id} left, the leg did not");
            holds!(agent.is_aside() || !self.bound.contains(&id), "{id} is bound, and not aside");
            if agent.state == Seat::Ready {
                ready.insert((agent.team, agent.is_aside(), agent.idle_since, id));
                holds!(!self.someone_waits_for(id), "{id} is ready and somebody waits");
            }
        }
        let queued = self.teams.each().enumerate().flat_map(|(place, team)| {
            let of = move |aside| move |&(since, agent)| (place, aside, since, agent);
            team.ready.iter().map(of(false)).chain(team.aside.iter().map(of(true)))
        });
        holds!(queued.collect::<BTreeSet<_>>() == ready, "the ready queues hold others");
        for (place, team) in self.teams.each().enumerate() {
            let of_it = || self.agents.values().filter(|agent| agent.team == place);
            let at_work = of_it().filter(|agent| agent.at_work()).count();
            let paused = of_it().filter(|a| matches!(a.state, Seat::Paused { .. })).count();
            let resting = of_it().filter(|a| matches!(a.state, Seat::Resting { .. })).count();
            let counted = (team.at_work as usize, team.paused as usize, team.resting as usize);
            holds!(counted == (at_work, paused, resting), "team {place} counts {counted:?}");
        }
        Ok(())
    }

    fn someone_waits_for(&self, id: AgentId) -> bool {
        self.agents.get(&id).is_some_and(|agent| {
            let waits =
                |id: &CampaignId| self.campaigns.get(id).is_some_and(|c| !c.waiting.is_empty());
            agent.settings.campaigns.iter().any(waits)
        })
    }

    fn check_trunks(&self) -> Result<(), Violation> {
        let mut busy = BTreeMap::new();
        for call in self.calls.values() {
            *busy.entry(call.trunk).or_insert(0) += 1;
        }
        for floor in self.trunks.each(crate::units::Mono::START) {
            let (id, counted) = (floor.trunk, floor.busy);
            let calls = busy.get(&id).copied().unwrap_or(0);
            holds!(counted == calls, "{id} counts {counted} calls and carries {calls}");
        }
        for (id, counted) in self.shown.each() {
            let calls = self.calls.values().filter(|call| call.shown == Some(id)).count();
            holds!(counted as usize == calls, "{id} counts {counted} calls and carries {calls}");
        }
        Ok(())
    }

    /// A campaign's counts match its calls, and its leases are what it holds, no more.
    fn check_campaign(&self, id: CampaignId) -> Result<(), Violation> {
        let Some(campaign) = self.campaigns.get(&id) else { return Ok(()) };
        let calls = || self.calls.iter().filter(|(_, call)| call.campaign == id);
        for stage in CallStage::ALL {
            let kept = campaign.count(stage) as usize;
            let found = calls().filter(|(_, call)| call.stage() == stage).count();
            holds!(kept == found, "{id} counts {kept} {stage:?}, not {found}");
        }
        let waiting = calls().filter(|(_, call)| call.state == State::Waiting);
        let waiting: BTreeSet<_> = waiting.map(|(&id, call)| (call.since, id)).collect();
        holds!(waiting == campaign.waiting, "{id} has another queue of waiting persons");
        let reserved = calls().filter(|(_, call)| call.reserved.is_some()).count();
        holds!(campaign.reserved as usize == reserved, "{id} counts {reserved} reserved");
        let seats = || self.agents.values().map(|agent| &agent.state);
        let shown = seats().filter_map(|seat| match seat {
            Seat::Previewing(own, stocked) if *own == id => Some(stocked.lead.contact),
            Seat::LoggedOut
            | Seat::Paused { .. }
            | Seat::Ready
            | Seat::Previewing(..)
            | Seat::Reserved(_)
            | Seat::Talking(_)
            | Seat::Holding(_)
            | Seat::Wrapping(_)
            | Seat::Resting { .. } => None,
        });
        let shown = shown.collect::<Vec<_>>();
        holds!(shown.len() == campaign.previewing as usize, "{id} counts other previews");
        let wraps = seats().filter(|s| matches!(s, Seat::Wrapping(w) if w.campaign == id)).count();
        holds!(wraps == campaign.wrapping as usize, "{id} counts other write-ups");
        self.check_pacer(id, campaign)?;
        let stocked = campaign.hopper.each().map(|stocked| stocked.lead.contact);
        let held = stocked.chain(shown).chain(calls().map(|(_, call)| call.lead.contact));
        let held = held.collect::<Vec<_>>();
        let leased = held.iter().copied().collect::<BTreeSet<_>>();
        holds!(held.len() == leased.len(), "{id} holds a contact twice");
        holds!(leased == *campaign.hopper.leased(), "{id} holds what it has not leased");
        let size = campaign.settings.hopper.size as usize;
        holds!(campaign.hopper.len() <= size, "{id} has {} leads", campaign.hopper.len());
        let live = matches!(campaign.state, CampaignState::Running | CampaignState::Paused);
        holds!(live || campaign.hopper.len() == 0, "{id} is over and has stock");
        Ok(())
    }

    /// A campaign's pacer sees the lines and agents there are.
    fn check_pacer(&self, id: CampaignId, campaign: &Campaign) -> Result<(), Violation> {
        let Some(pacer) = &campaign.pacer else { return Ok(()) };
        let paced = || {
            let own = self.calls.values().filter(|call| call.campaign == id);
            own.filter(|call| call.odds.is_some())
        };
        let ringing = paced().filter(|call| call.unanswered()).count();
        let heard = paced().filter(|call| call.state == State::Listening).count();
        let busy = self.agents.values().filter(|agent| agent.serving == Some(id)).count();
        let sees = pacer.sees();
        let there = (ringing, heard, busy);
        holds!(sees == there, "the pacer of {id} sees {sees:?}, there are {there:?}");
        Ok(())
    }

    fn check_timers(&self) -> Result<(), Violation> {
        for wake in self.timers.wakes() {
            let lives = match wake {
                Wake::Pace(id) | Wake::Hopper(id) => self.campaigns.contains_key(&id),
                Wake::Call(id) => self.calls.get(&id).is_some_and(|call| call.due.is_some()),
                Wake::Agent(id) => self.agents.get(&id).is_some_and(|agent| agent.due().is_some()),
                Wake::Inbound(id) => self.inbound.contains_key(&id),
                Wake::Leg(id) => self.agents.get(&id).is_some_and(super::agent::Agent::at_work),
            };
            holds!(lives, "{wake:?} is to wake nobody");
        }
        let timed = self.timers.wakes().filter(|wake| matches!(wake, Wake::Call(_))).count();
        let due = self.calls.iter().filter(|(_, call)| call.due.is_some());
        let due = due.map(|(&id, _)| id).collect::<Vec<CallId>>();
        holds!(timed == due.len(), "{timed} call timers for {} calls with an end", due.len());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::Fact;
    use super::super::campaign::Mode;
    use super::super::fact::CampaignFact;
    use super::*;
    use crate::core::pacing::account;
    use crate::units::{Now, TrunkId, UnknownZone, Zone};

    #[test]
    fn settings_without_meaning_are_told_and_change_nothing() -> Result<(), UnknownZone> {
        let usual = Settings::new(Mode::Progressive, TrunkId(1), Zone::new("Europe/Paris")?);
        let value = |value| Settings { value, ..usual.clone() };
        let every = |pace_every| Settings { pace_every, ..usual.clone() };
        let mode = Mode::Predictive { guarantee: Guarantee::Strict };
        let window = Window::Rolling(Span::secs(86_400));
        let account = account::Settings { window, ..usual.account.clone() };
        let unproved = Settings { mode, account, ..usual.clone() };
        let refused = [
            (unproved, "guarantee is `strict`"),
            (value(0.0), "`value` is 0"),
            (value(-1.0), "`value` is -1"),
            (value(f64::NAN), "`value` is NaN"),
            (value(f64::INFINITY), "a number from 0.01 to 100"),
            (every(Span::ZERO), "`pace_every` is 0.000s"),
            (every(Span::MAX), "from 0.010s to 60.000s"),
        ];
        let mut dialer = Dialer::new(crate::core::Settings { node: 0, first_call: 1, seed: 1 });
        let mut set = |settings: &Settings| {
            let fact = CampaignFact::Set(Box::new(settings.clone()));
            dialer.take(Now::default(), Fact::Campaign(CampaignId(1), fact));
            (dialer.surprises(), dialer.campaign_state(CampaignId(1)))
        };
        for (nth, (settings, told)) in (1..).zip(&refused) {
            let error = settings.check().err().map(|error| error.to_string()).unwrap_or_default();
            assert!(error.contains(told), "{error} does not say {told}");
            assert_eq!(set(settings), (nth, None), "{told}");
        }
        for settings in [usual.clone(), value(0.01), value(100.0), every(Span::secs(60))] {
            assert_eq!(settings.check(), Ok(()));
            assert_eq!(set(&settings).1, Some(CampaignState::Stopped));
        }
        Ok(())
    }
}
