//! The agents: when they come, pause and go, and what they do in and after a call.

use super::plan::List;
use super::report::Time;
use super::rng::{Actor, Stream};
use super::{Event, World};
use crate::core::Fact;
use crate::core::fact::{AgentFact, Callback, SkipReason};
use crate::core::order::AgentState;
use crate::units::{AgentId, CallId, ContactId, DispositionId, Mono, PauseId, Span, whole};

/// The pause code between signing in and the first *ready*.
pub(super) const PAUSE_AT_LOGIN: PauseId = PauseId(0);
const BREAK: PauseId = PauseId(1);

/// One agent as a person: what he or she does and wants, which the dialer may not know yet.
#[derive(Debug)]
pub(super) struct Agent {
    stream: Stream,
    phase: Phase,
    since: Mono,
    /// The pool wants him or her at present.
    staffed: bool,
    /// Churn: gone for a while.
    away: bool,
    leg: bool,
    /// The campaign of the present or latest call, by its place in the plan.
    campaign: usize,
    /// What the screen shows.
    shown: AgentState,
    /// Counts the times the agent came, so that an old plan to leave is known as old.
    shift: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Off,
    Arriving,
    Idle,
    Talking(CallId),
    Wrapping(CallId),
    OnBreak,
}

impl Phase {
    const fn time(self) -> Time {
        match self {
            Self::Off | Self::Arriving => Time::Off,
            Self::Idle => Time::Idle,
            Self::Talking(_) => Time::Talk,
            Self::Wrapping(_) => Time::Wrap,
            Self::OnBreak => Time::Paused,
        }
    }
}

/// A conversation that begins.
pub(super) struct Talk {
    /// The campaign, by its place in the plan.
    pub(super) campaign: usize,
    /// How long the person waited for it.
    pub(super) waited: Span,
    /// How long it will last.
    pub(super) length: Span,
}

/// What an agent does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Comes,
    LegComesUp,
    WrapEnds(CallId),
    BreakEnds,
    Churns(u32),
    Returns,
    LooksUp,
    Decides(ContactId),
    Holds(CallId),
    Retrieves(CallId),
    Qualifies(CallId),
}

/// How often an agent in a faulty world compares the screen with what he or she is doing.
const LOOKS_UP: Span = Span::secs(20);
/// How long a dropped phone takes to come back.
const LEG_RETURNS: Span = Span::secs(10);

/// Gives the id of a world's nth agent, from 0.
pub(super) fn nth_agent(index: usize) -> AgentId {
    AgentId(u32::try_from(index + 1).unwrap_or(u32::MAX))
}

const fn place(agent: AgentId) -> usize {
    (agent.0 as usize).wrapping_sub(1)
}

impl Agent {
    pub(super) fn new(seed: u64, index: usize) -> Self {
        Self {
            stream: Stream::new(seed, Actor::Agent(nth_agent(index).0)),
            phase: Phase::Off,
            since: Mono::START,
            staffed: false,
            away: false,
            leg: false,
            campaign: 0,
            shown: AgentState::LoggedOut,
            shift: 0,
        }
    }

    fn wants_work(&self) -> bool {
        self.staffed && !self.away
    }

    /// Says whether the agent has gone home and the dialer knows.
    pub(super) fn rests(&self) -> bool {
        self.phase == Phase::Off && self.shown == AgentState::LoggedOut
    }
}

impl World<'_> {
    /// Takes the pool to a share of the nominal one; the last agents go first.
    pub(super) fn staff_to(&mut self, share: f64) {
        #[expect(clippy::cast_precision_loss, reason = "a pool is small")]
        let target = whole(share * self.staff.len() as f64);
        for index in 0..self.staff.len() {
            self.staff[index].staffed = (index as u64) < target;
            self.agent_reconsiders(index);
        }
    }

    /// Lets an agent come or go, if what he or she wants has changed.
    pub(super) fn agent_reconsiders(&mut self, index: usize) {
        let agent = &mut self.staff[index];
        match (agent.phase, agent.wants_work()) {
            (Phase::Off, true) => self.agent_comes(index),
            (Phase::Arriving | Phase::Idle | Phase::OnBreak, false) => {
                self.say(index, AgentFact::LoggedOut);
            }
            (Phase::Talking(_) | Phase::Wrapping(_), false) => {
                if agent.stream.yes(self.plan.manners.impatient) {
                    self.say(index, AgentFact::LoggedOut);
                }
            }
            (Phase::Off, false)
            | (
                Phase::Arriving
                | Phase::Idle
                | Phase::OnBreak
                | Phase::Talking(_)
                | Phase::Wrapping(_),
                true,
            ) => {}
        }
    }

    fn say(&mut self, index: usize, fact: AgentFact) {
        self.tell(Fact::Agent(nth_agent(index), fact));
    }

    fn agent_comes(&mut self, index: usize) {
        self.turn(index, Phase::Arriving);
        self.staff[index].shift += 1;
        self.say(index, AgentFact::LoggedIn);
        let agent = &mut self.staff[index];
        if let Some((stay, _)) = &self.plan.habits.churn {
            let (gap, shift) = (agent.stream.span(stay), agent.shift);
            self.after_agent(gap, index, Step::Churns(shift));
        }
        if self.plan.faults.any() {
            self.after_agent(LOOKS_UP, index, Step::LooksUp);
        }
    }

    fn after_agent(&mut self, gap: Span, index: usize, step: Step) {
        self.after(gap, Event::Agent(nth_agent(index), step));
    }

    /// Books the phase that ends and begins another.
    fn turn(&mut self, index: usize, phase: Phase) {
        let agent = &mut self.staff[index];
        self.tally.book(agent.phase.time(), agent.since, self.now);
        agent.phase = phase;
        agent.since = self.now;
    }

    /// Books what is under way, at the end of the day.
    pub(super) fn close_books(&mut self) {
        for agent in &self.staff {
            self.tally.book(agent.phase.time(), agent.since, self.now);
        }
    }

    pub(super) fn agent_steps(&mut self, agent: AgentId, step: Step) {
        let index = place(agent);
        let Some(this) = self.staff.get_mut(index) else { return };
        match step {
            Step::Comes => self.agent_reconsiders(index),
            Step::LegComesUp => self.leg_comes_up(index),
            Step::WrapEnds(call) if this.phase == Phase::Wrapping(call) => {
                self.wrap_ends(index, call);
            }
            Step::BreakEnds if this.phase == Phase::OnBreak => {
                self.turn(index, Phase::Idle);
                self.say(index, AgentFact::Ready);
            }
            Step::Churns(shift) if this.shift == shift && this.phase != Phase::Off => {
                this.away = true;
                self.agent_reconsiders(index);
            }
            Step::Returns => {
                this.away = false;
                self.agent_reconsiders(index);
            }
            Step::LooksUp => self.look_up(index),
            Step::Decides(contact) if this.shown == AgentState::Previewing(contact) => {
                let skips = this.stream.yes(self.plan.manners.skips);
                let skipped = AgentFact::PreviewSkipped(SkipReason::Later);
                self.say(index, if skips { skipped } else { AgentFact::PreviewDialed });
            }
            Step::Holds(call) if this.phase == Phase::Talking(call) => {
                self.say(index, AgentFact::Held);
                self.after_agent(Span::secs(5), index, Step::Retrieves(call));
            }
            Step::Retrieves(call) if this.phase == Phase::Talking(call) => {
                self.say(index, AgentFact::Retrieved);
            }
            Step::Qualifies(call) if this.phase == Phase::Talking(call) => {
                self.qualify(index, call);
            }
            Step::Qualifies(_)
            | Step::WrapEnds(_)
            | Step::BreakEnds
            | Step::Churns(_)
            | Step::Decides(_)
            | Step::Holds(_)
            | Step::Retrieves(_) => {}
        }
    }

    /// Brings the agent's leg up when the dialer calls it.
    pub(super) fn raise_leg(&mut self, agent: AgentId) {
        let round_trip = self.plan.faults.round_trip.as_ref();
        let gap = round_trip.map_or(Span::ZERO, |law| self.chance.span(law));
        self.after(gap, Event::Agent(agent, Step::LegComesUp));
    }

    fn leg_comes_up(&mut self, index: usize) {
        let agent = &mut self.staff[index];
        if agent.phase == Phase::Off {
            return;
        }
        agent.leg = true;
        let phase = agent.phase;
        self.say(index, AgentFact::LegUp);
        if phase == Phase::Arriving {
            self.turn(index, Phase::Idle);
        }
        if matches!(phase, Phase::Arriving | Phase::Idle) {
            self.say(index, AgentFact::Ready);
        }
    }

    /// Drops the agent's leg on our order.
    pub(super) fn drop_leg(&mut self, agent: AgentId) {
        if let Some(this) = self.staff.get_mut(place(agent)) {
            this.leg = false;
        }
    }

    /// Takes the agent's phone away by misfortune; says whether there was one.
    pub(super) fn agent_loses_leg(&mut self, index: usize) -> bool {
        let agent = &mut self.staff[index];
        let phase = agent.phase;
        if !core::mem::take(&mut agent.leg) {
            return false;
        }
        if let Phase::Talking(call) = phase {
            self.agent_stops_talking(nth_agent(index), call);
            self.loses_agent(call);
        }
        self.after_agent(LEG_RETURNS, index, Step::LegComesUp);
        true
    }

    /// Puts the agent before a dead screen: the engine crashed.
    pub(super) fn agent_loses_everything(&mut self, index: usize) {
        self.turn(index, Phase::Off);
        let agent = &mut self.staff[index];
        agent.leg = false;
        agent.shown = AgentState::LoggedOut;
    }

    /// Begins a conversation.
    pub(super) fn agent_talks(&mut self, agent: AgentId, call: CallId, talk: &Talk) {
        let index = place(agent);
        let Some(this) = self.staff.get_mut(index) else { return };
        this.campaign = talk.campaign;
        let idle = self.now.since(this.since);
        let holds = this.stream.yes(self.plan.manners.holds);
        let early = this.stream.yes(self.plan.manners.early);
        self.tally.bridged(self.now, talk.waited, idle);
        self.turn(index, Phase::Talking(call));
        if holds {
            self.after_agent(Span::micros(talk.length.as_micros() / 3), index, Step::Holds(call));
        }
        if early {
            self.after_agent(
                Span::micros(talk.length.as_micros() / 2),
                index,
                Step::Qualifies(call),
            );
        }
    }

    /// Ends a conversation, whoever ended it, and begins the wrap-up.
    pub(super) fn agent_stops_talking(&mut self, agent: AgentId, call: CallId) {
        let index = place(agent);
        let Some(this) = self.staff.get_mut(index) else { return };
        if this.phase != Phase::Talking(call) {
            return;
        }
        let campaign = &self.plan.campaigns[this.campaign];
        let wrap = campaign.scenario.wrap_at(self.now.since(Mono::START));
        let wrap = this.stream.span(wrap);
        let forgets = this.stream.yes(self.plan.manners.forgets);
        let ends_by_itself = campaign.settings.wrap.max.is_some();
        self.turn(index, Phase::Wrapping(call));
        if !forgets || !ends_by_itself {
            self.after_agent(wrap, index, Step::WrapEnds(call));
        }
    }

    fn wrap_ends(&mut self, index: usize, call: CallId) {
        self.qualify(index, call);
        let agent = &mut self.staff[index];
        let pause = self.plan.habits.pause.as_ref();
        let rests = pause.filter(|(share, _)| agent.stream.yes(share.get()));
        let rests = rests.map(|(_, law)| agent.stream.span(law));
        if !agent.wants_work() {
            self.turn(index, Phase::Idle);
            self.say(index, AgentFact::LoggedOut);
        } else if let Some(length) = rests {
            self.turn(index, Phase::OnBreak);
            self.say(index, AgentFact::Paused(BREAK));
            self.after_agent(length, index, Step::BreakEnds);
        } else {
            self.turn(index, Phase::Idle);
            self.say(index, AgentFact::Ready);
        }
    }

    fn qualify(&mut self, index: usize, call: CallId) {
        let endless = self.plan.campaigns[self.staff[index].campaign].list == List::Endless;
        let wall = self.now().wall;
        let agent = &mut self.staff[index];
        // One sale in five; on finite lists also callbacks, wrong numbers and opt-outs.
        let disposition = match agent.stream.below(if endless { 10 } else { 20 }) {
            0..=1 => 0,
            2..=9 => 1,
            10..=14 => 2,
            15..=17 => 3,
            18.. => 4,
        };
        let callback = (disposition == 2).then(|| Callback {
            at: wall + Span::secs(300 + agent.stream.below(1_500)),
            agent: agent.stream.yes(0.5).then(|| nth_agent(index)),
        });
        let disposition = DispositionId(disposition);
        self.say(index, AgentFact::Qualified { call, disposition, callback });
    }

    /// Shows the agent a preview.
    pub(super) fn show_preview(&mut self, agent: AgentId, contact: ContactId) {
        let Some(this) = self.staff.get_mut(place(agent)) else { return };
        let gap = Span::secs(3 + this.stream.below(15));
        self.after(gap, Event::Agent(agent, Step::Decides(contact)));
    }

    /// Shows the agent his or her state as the dialer has it.
    pub(super) fn show_state(&mut self, agent: AgentId, state: AgentState) {
        let index = place(agent);
        let Some(this) = self.staff.get_mut(index) else { return };
        this.shown = state;
        match (state, this.phase) {
            (AgentState::LoggedOut, phase) if phase != Phase::Off => {
                this.leg = false;
                let away = this.away;
                self.turn(index, Phase::Off);
                if let (true, Some((_, law))) = (away, &self.plan.habits.churn) {
                    let gap = self.staff[index].stream.span(law);
                    self.after_agent(gap, index, Step::Returns);
                } else {
                    self.after_agent(LOOKS_UP, index, Step::Comes);
                }
            }
            // The wrap-up ran out: the agent takes what comes.
            (
                AgentState::Ready | AgentState::Paused(_) | AgentState::Resting(_),
                Phase::Wrapping(_),
            ) => {
                self.turn(index, Phase::Idle);
                self.agent_reconsiders(index);
            }
            (
                AgentState::LoggedOut
                | AgentState::Paused(_)
                | AgentState::Ready
                | AgentState::Previewing(_)
                | AgentState::Reserved(_)
                | AgentState::Talking(_)
                | AgentState::Holding(_)
                | AgentState::Wrapping(_)
                | AgentState::Resting(_),
                _,
            ) => {}
        }
    }

    /// Lets the agent say again what the screen shows was not understood.
    fn look_up(&mut self, index: usize) {
        let agent = &self.staff[index];
        let fact = match (agent.phase, agent.shown) {
            (Phase::Off, _) => return,
            (_, AgentState::LoggedOut) => Some(AgentFact::LoggedIn),
            (Phase::Idle | Phase::Arriving | Phase::OnBreak, _) if !agent.wants_work() => {
                Some(AgentFact::LoggedOut)
            }
            (
                Phase::Idle | Phase::Wrapping(_) | Phase::OnBreak,
                AgentState::Talking(_) | AgentState::Holding(_),
            ) => Some(AgentFact::HungUp),
            (Phase::Idle, AgentState::Paused(_) | AgentState::Wrapping(_)) if agent.leg => {
                Some(AgentFact::Ready)
            }
            (
                Phase::OnBreak,
                AgentState::Ready
                | AgentState::Wrapping(_)
                | AgentState::Previewing(_)
                | AgentState::Resting(_),
            ) => Some(AgentFact::Paused(BREAK)),
            (
                Phase::Arriving
                | Phase::Idle
                | Phase::Talking(_)
                | Phase::Wrapping(_)
                | Phase::OnBreak,
                AgentState::Paused(_)
                | AgentState::Ready
                | AgentState::Previewing(_)
                | AgentState::Reserved(_)
                | AgentState::Talking(_)
                | AgentState::Holding(_)
                | AgentState::Wrapping(_)
                | AgentState::Resting(_),
            ) => None,
        };
        if let AgentState::Previewing(contact) = agent.shown {
            self.after_agent(Span::ZERO, index, Step::Decides(contact));
        }
        if !self.staff[index].leg {
            self.after_agent(Span::ZERO, index, Step::LegComesUp);
        }
        if let Some(fact) = fact {
            self.say(index, fact);
        }
        self.after_agent(LOOKS_UP, index, Step::LooksUp);
    }
}
