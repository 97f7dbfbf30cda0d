//! Predictive: as many lines as the agents who will be free by the time somebody answers.

use std::collections::BTreeSet;

use super::View;
use super::grid::{Curve, HORIZON_S, HORIZONS, RING_BINS, slot_of};
use super::hazard::{Hazard, Reach};
use super::memory::Recall;
use super::prior::Service;
use super::rate::Rate;
use super::release::{Release, Task};
use super::truth::{Known, Truth};
use crate::core::floor::CallStage;
use crate::core::order::AgentState;
use crate::units::{AgentId, Mono, Now, Ratio, Span};

/// One campaign's predictive pacer: learns from the calls and agents it is told of.
#[derive(Clone, Debug)]
pub(in crate::core) struct Pacer {
    hazard: Hazard,
    release: Release,
    known: Option<Known>,
    /// It began with what was learnt before.
    recalled: bool,
    /// Answered calls whose verdict is awaited, by the ring age of the answer.
    hearing: [u32; RING_BINS],
    pulse: Pulse,
    first_dial: Option<Mono>,
    /// Since when there is prediction.
    warm_since: Option<Mono>,
    decided_at: Mono,
    /// The moment of the next decision if nothing happens.
    next: Mono,
    /// Something happened since the last decision.
    stale: bool,
    /// Abandons expected, at the last decision, of its calls in flight.
    lost: f64,
}

/// What a call was placed with, kept with the call.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::core) struct Odds {
    pub(super) threshold: f64,
    pub(super) chance: f64,
    /// The record of the forecasts does not count it: no forecast was asked, or one from a prior
    /// that nothing had confirmed yet.
    pub(super) unproved: bool,
}

impl Odds {
    /// Those of a call that no forecast placed.
    pub(in crate::core) const UNFORESEEN: Self =
        Self { threshold: 0.0, chance: 0.0, unproved: true };

    /// The same for the record of the forecasts no longer: what comes of the call is none of
    /// theirs.
    pub(in crate::core) fn off_the_record(self) -> Self {
        Self { unproved: true, ..self }
    }

    /// The chance of abandon, should a person answer: the mean of the decision's calls.
    pub(in crate::core) fn foretold(self) -> Ratio {
        Ratio::new(self.chance)
    }
}

/// What one campaign adds to the books of its rate.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::core) struct Share {
    /// Answers per second, as of late.
    pub(super) rate: f64,
    /// Calling time left in the window the cap is counted in, in seconds, if its end is known.
    pub(super) left_s: Option<f64>,
    /// Agents at work for it.
    pub(super) agents: f64,
    /// The share of their time they would be busy with one line each.
    pub(super) progressive: f64,
}

/// A line of the campaign as its pacer sees it.
#[derive(Clone, Copy, Debug)]
pub(in crate::core) struct Line {
    pub(in crate::core) dialed: Mono,
    /// Since when it is in the stage it leaves.
    pub(in crate::core) since: Mono,
    pub(in crate::core) odds: Odds,
    /// It ends on our own wish, which says nothing of whether it would have been answered.
    pub(in crate::core) given_up: bool,
}

/// Answers per second as of late.
#[derive(Clone, Debug)]
struct Pulse {
    answers: f64,
    time_s: f64,
    at: Mono,
}

/// How long the pulse remembers, in seconds: the 40 minutes over which pacing.md §4.4 spends what
/// is left of an allowance.
const PULSE_MEMORY_S: f64 = 2_400.0;
/// The weight of the guess it begins with, in seconds: a quarter of that memory, by judgement; no
/// source gives it.
const PULSE_PRIOR_S: f64 = 600.0;
/// The share of their time agents are guessed to be busy for that: about the occupancy of
/// progressive dialling in most scenarios (pacing.md §3).
const PULSE_PRIOR_BUSY: f64 = 0.7;
/// The part of the abandon limit a person waits on average before it is too late: the 1.5 s of 2 s
/// of pacing.md §4.2, in proportion (docs/pacing.md, "When agents come free").
const GRACE_PART: f64 = 0.75;
/// Nothing is predicted before so many calls came to an end, the first dialled so long ago: less
/// says nothing of those that ring longest (pacing.md §4.5).
const WARM_CALLS: u64 = 12;
const WARM_AFTER: Span = Span::secs(60);
/// How long the first forecasts are made prudent, by which factor and spread: those of pacing.md
/// §4.5, which also gives three minutes in all where this is two (docs/pacing.md, "Priors").
const YOUNG: Span = Span::secs(120);
const YOUNG_FACTOR: f64 = 1.15;
const YOUNG_SPREAD: f64 = 0.03;
/// The pause between two decisions per agent: in a large pool many things happen at once.
const SPACING_PER_AGENT: Span = Span::micros(100);

impl Pacer {
    pub(in crate::core) fn new(now: Mono, within: Span) -> Self {
        Self {
            hazard: Hazard::new(slot_of(now)),
            release: Release::new(grace_s(within)),
            known: None,
            recalled: false,
            hearing: [0; RING_BINS],
            pulse: Pulse { answers: 0.0, time_s: 0.0, at: now },
            first_dial: None,
            warm_since: None,
            decided_at: now,
            next: now,
            stale: true,
            lost: 0.0,
        }
    }

    /// Takes the true laws of an invented world.
    pub(in crate::core) fn know(&mut self, now: Now, truth: &Truth) {
        self.known = Some(Known::new(now, truth));
        self.release.know(&truth.talk, &truth.wrap, truth.returns);
    }

    /// Whether it has neither dialled nor been told anything.
    pub(in crate::core) fn is_new(&self) -> bool {
        self.first_dial.is_none() && !self.recalled && self.known.is_none()
    }

    /// Takes what the campaign remembers of such an hour and such a stock.
    pub(in crate::core) fn recall(&mut self, recall: &Recall) {
        match recall {
            Recall::Begin(drawn) => {
                self.recalled = true;
                self.hazard.seed(drawn);
                self.release.seed(&drawn.service);
            }
            Recall::Move(shift) => self.hazard.shift(*shift),
        }
        self.stale = true;
    }

    /// What was seen of the agents, as whole counts.
    pub(in crate::core) fn served(&self) -> &Service {
        self.release.served()
    }

    /// A new day's counts begin.
    pub(in crate::core) fn forget_served(&mut self) {
        self.release.forget_served();
    }

    /// A person may wait for an agent so long from now on.
    pub(in crate::core) fn waits(&mut self, within: Span) {
        self.release.grant(grace_s(within));
        self.stale = true;
    }

    /// A call is dialled.
    pub(in crate::core) fn dialed(&mut self, now: Mono) {
        self.advance(now);
        self.first_dial = self.first_dial.or(Some(now));
        self.hazard.dialed(slot_of(now));
    }

    /// A call was dialled before there was a pacer.
    pub(in crate::core) fn adopt(
        &mut self,
        now: Mono,
        dialed: Mono,
        since: Mono,
        rings: bool,
    ) -> Odds {
        self.first_dial = self.first_dial.or(Some(now));
        if rings {
            self.hazard.dialed(slot_of(dialed));
        } else {
            self.hear(dialed, since, true);
        }
        Odds::UNFORESEEN
    }

    /// An agent was busy before there was a pacer.
    pub(in crate::core) fn adopt_agent(
        &mut self,
        now: Mono,
        agent: AgentId,
        state: AgentState,
        since: Mono,
    ) {
        let wraps = matches!(state, AgentState::Wrapping(_) | AgentState::Resting(_));
        let task = if wraps { Task::Wrap } else { Task::Talk };
        self.release.begin(now, agent, task, since);
    }

    /// A call goes from one stage to another, or is gone.
    pub(in crate::core) fn call_moved(
        &mut self,
        now: Mono,
        rate: &mut Rate,
        line: &Line,
        (from, to): (CallStage, Option<CallStage>),
    ) {
        use CallStage::{Dialing, Ending, Listening, Notice, Ringing, Talking, Waiting};
        if from == Dialing && to == Some(Ringing) {
            return;
        }
        self.advance(now);
        self.stale = true;
        let dialed = slot_of(line.dialed);
        match (from, to) {
            (Dialing | Ringing, Some(Listening)) => {
                self.hazard.stopped(dialed, Some(true));
                self.hear(line.dialed, now, true);
            }
            (Dialing | Ringing, Some(Waiting | Talking)) => {
                self.hazard.stopped(dialed, Some(true));
                self.hazard.judged(age(line.dialed, now), true, 0.0);
                self.person(now, rate, line);
            }
            (Dialing | Ringing, _) => {
                let answered = if line.given_up { None } else { Some(false) };
                self.hazard.stopped(dialed, answered);
            }
            (Listening, _) => {
                self.hear(line.dialed, line.since, false);
                let person = matches!(to, Some(Waiting | Talking));
                let after = now.since(line.since).as_secs_f64();
                self.hazard.judged(age(line.dialed, line.since), person, after);
                if person {
                    self.person(now, rate, line);
                }
            }
            (Waiting, to) => {
                if to != Some(Talking) && !line.odds.unproved {
                    rate.price.abandoned();
                }
            }
            (Talking | Notice | Ending, _) => {}
        }
    }

    fn hear(&mut self, dialed: Mono, answered: Mono, begins: bool) {
        let here = &mut self.hearing[age(dialed, answered)];
        *here = if begins { *here + 1 } else { here.saturating_sub(1) };
    }

    fn person(&mut self, now: Mono, rate: &mut Rate, line: &Line) {
        self.pulse.count(now);
        if !line.odds.unproved {
            rate.price.answered(line.odds.threshold, line.odds.chance);
        }
    }

    /// An agent of the campaign goes from one state to another.
    pub(in crate::core) fn agent_moved(
        &mut self,
        now: Mono,
        agent: AgentId,
        from: AgentState,
        to: AgentState,
    ) {
        self.advance(now);
        self.stale = true;
        match to {
            AgentState::Talking(_) => {
                if !matches!(from, AgentState::Holding(_)) {
                    self.release.begin(now, agent, Task::Talk, now);
                }
            }
            AgentState::Holding(_) => {}
            AgentState::Wrapping(_) => {
                self.release.end(agent, true);
                self.release.begin(now, agent, Task::Wrap, now);
            }
            // For the forecast the write-up lasts until the agent is ready.
            AgentState::Resting(_) => {
                if !matches!(from, AgentState::Wrapping(_)) {
                    self.release.end(agent, true);
                    self.release.begin(now, agent, Task::Wrap, now);
                }
            }
            AgentState::Ready | AgentState::Previewing(_) | AgentState::Reserved(_) => {
                self.freed(agent, true);
            }
            AgentState::Paused(_) | AgentState::LoggedOut => {
                let written = matches!(from, AgentState::Wrapping(_) | AgentState::Resting(_));
                if written {
                    self.freed(agent, false);
                } else {
                    self.release.end(agent, false);
                }
            }
        }
    }

    /// A busy agent will not come free for the campaign: he goes, serves others, or is kept for
    /// leads of his own.
    pub(in crate::core) fn loses_sight(&mut self, now: Mono, agent: AgentId) {
        self.advance(now);
        self.stale = true;
        self.release.end(agent, false);
    }

    fn freed(&mut self, agent: AgentId, ready: bool) {
        let Some(task) = self.release.end(agent, true) else { return };
        if task == Task::Talk {
            self.release.skip_wrap();
        }
        self.release.returns(ready);
    }

    fn advance(&mut self, now: Mono) {
        let turned = self.hazard.advance(slot_of(now));
        self.release.advance(now, turned);
    }

    /// The lines that ring, the answers that are judged and the busy agents it sees.
    pub(in crate::core) fn sees(&self) -> (usize, usize, usize) {
        let count = |count: u32| usize::try_from(count).unwrap_or(usize::MAX);
        let ringing = self.hazard.by_age().iter().sum::<u32>();
        (count(ringing), count(self.hearing.iter().sum::<u32>()), count(self.release.busy()))
    }

    /// Whether a decision is due: something happened, or time alone has moved the forecast.
    pub(in crate::core) fn due(&self, now: Mono, view: &View) -> bool {
        let at_work = view.ready + self.release.busy();
        let spacing = SPACING_PER_AGENT.times(u64::from(at_work));
        let settled = now >= self.decided_at + spacing || view.ready > view.lines();
        now >= self.next || (self.stale && settled)
    }

    /// When the next decision wants to be made.
    pub(in crate::core) fn next(&self, now: Mono, view: &View) -> Mono {
        if !self.stale {
            return self.next;
        }
        let at_work = view.ready + self.release.busy();
        let spacing = SPACING_PER_AGENT.times(u64::from(at_work));
        (self.decided_at + spacing).max(now).min(self.next)
    }

    /// Fewer calls were placed than asked for: the next decision is wanted when the limit passes.
    pub(in crate::core) fn cut(&mut self, until: Mono) {
        self.next = self.next.min(until);
    }

    /// Begins a decision it takes part in.
    pub(in crate::core) fn begin(&mut self, now: Mono) {
        self.advance(now);
        self.stale = false;
        self.decided_at = now;
        self.warm_up(now);
    }

    /// Ends it: when the next is wanted, and how many of its calls are expected to be abandoned.
    pub(in crate::core) fn end(&mut self, next: Mono, lost: f64) {
        (self.next, self.lost) = (next, lost);
    }

    /// Whether enough is known to predict.
    pub(super) fn warm(&self) -> bool {
        self.warm_since.is_some()
    }

    /// Abandons expected, at the last decision, of its calls in flight.
    pub(in crate::core) fn lost(&self) -> f64 {
        self.lost
    }

    /// Agents who talk or write up for it.
    pub(super) fn busy(&self) -> u32 {
        self.release.busy()
    }

    fn warm_up(&mut self, now: Mono) {
        if self.warm_since.is_none() {
            let old = self.first_dial.is_some_and(|first| now.since(first) >= WARM_AFTER);
            if self.recalled {
                self.warm_since = Some(now);
            } else if self.known.is_some() || (old && self.hazard.resolved() >= WARM_CALLS) {
                self.hazard.reset_levels();
                self.warm_since = Some(now);
            }
        }
    }

    /// Counts the agents at work for it, `home` being the ready ones who count for it.
    pub(in crate::core) fn at_work(&self, home: u32) -> f64 {
        f64::from(home + self.release.busy())
    }

    /// Gives what the campaign adds to the books of its rate, `home` being the ready agents who
    /// count for it, `left` the calling time left and `leads` those left to dial, as far as either
    /// is known.
    pub(in crate::core) fn share(
        &self,
        now: Mono,
        home: u32,
        left: Option<Span>,
        leads: Option<u64>,
    ) -> Share {
        let agents = self.at_work(home);
        let guess = PULSE_PRIOR_BUSY * agents / self.release.handling_s().max(1.0);
        let left_s = left.map(Span::as_secs_f64);
        // A list that runs out ends the calling before its hours do.
        let until_dry = leads
            .zip(left_s)
            .map(|(leads, left_s)| self.fresh(now)[HORIZONS - 1] * leads as f64 / left_s.max(1.0));
        Share {
            rate: self.pulse.rate(now, guess).min(until_dry.unwrap_or(f64::INFINITY)),
            left_s,
            agents,
            progressive: self.progressive(now),
        }
    }

    /// The share of their time agents would be busy with one line each: handling, then as many
    /// calls as it takes to reach a person.
    fn progressive(&self, now: Mono) -> f64 {
        let reach = self.reach(slot_of(now));
        let person = reach.ringing.first().map_or(0.0, |row| row[HORIZONS - 1]);
        let handling = self.release.handling_s();
        handling / (handling + reach.ring_s / person.max(0.01))
    }

    /// Whether it foretells from a prior that nothing has confirmed yet.
    pub(super) fn unproved(&self, now: Mono) -> bool {
        self.recalled && self.young(now)
    }

    /// Whether its forecasts are too fresh to be trusted.
    fn young(&self, now: Mono) -> bool {
        // A pacer that remembers is warm before its first call.
        let since = self.warm_since.and_then(|since| Some(since.max(self.first_dial?)));
        self.known.is_none() && since.is_none_or(|since| now.since(since) < YOUNG)
    }

    fn scaled(&self, now: Mono, curve: &Curve) -> Curve {
        let young = self.young(now);
        let factor = if young { YOUNG_FACTOR / self.hazard.answering.mean().min(1.0) } else { 1.0 };
        scaled(curve, factor)
    }

    /// Adds its lines: how likely a person is on them within each moment ahead.
    pub(super) fn lines(&self, now: Mono, lines: &mut Vec<(Curve, u32)>) {
        let slot = slot_of(now);
        for (age, &count) in self.hazard.by_age().iter().enumerate() {
            if count > 0 {
                let reach = self.reach(slot.saturating_sub(age as u64));
                lines.push((self.scaled(now, &reach.ringing[age]), count));
            }
        }
        for (age, &count) in self.hearing.iter().enumerate() {
            if count > 0 {
                let reach = self.reach(slot.saturating_sub(age as u64));
                let heard = |ahead: f64| (0.5 * ahead / reach.delay_s.max(1e-3)).min(1.0);
                lines.push((HORIZON_S.map(|ahead| reach.person[age] * heard(ahead)), count));
            }
        }
    }

    /// Adds its busy agents, or those among `only`: how likely they are free within each moment
    /// ahead.
    pub(super) fn releases(&self, only: Option<&BTreeSet<AgentId>>, busy: &mut Vec<(Curve, u32)>) {
        let freed = self.release.freed();
        let level = self.release.level();
        let tables = [(Task::Talk, &freed.talking, level), (Task::Wrap, &freed.wrapping, 1.0)];
        for (task, table, level) in tables {
            let here = self.release.by_age(task, only);
            for (&count, curve) in here.iter().zip(table) {
                if count > 0 {
                    busy.push((scaled(curve, level), count));
                }
            }
        }
    }

    /// The chance that a new call has a person on the line within each moment ahead.
    pub(super) fn fresh(&self, now: Mono) -> Curve {
        self.scaled(now, &self.reach(slot_of(now)).ringing[0])
    }

    /// How likely somebody bridged at one moment ahead is done with at another.
    pub(super) fn quick(&self) -> &[Curve; HORIZONS] {
        &self.release.freed().quick
    }

    /// The squared coefficients of variation of the levels of its answers and releases.
    pub(super) fn spreads(&self, now: Mono) -> (f64, f64) {
        if self.known.is_some() {
            return (0.0, 0.0);
        }
        let answers = self.hazard.answering.spread();
        let answers = if self.young(now) { answers.max(YOUNG_SPREAD) } else { answers };
        (answers, self.release.ending.spread())
    }

    /// The table of the calls dialled in a half second.
    fn reach(&self, slot: u64) -> &Reach {
        let known = self.known.as_ref().and_then(|known| known.at(slot));
        known.unwrap_or_else(|| self.hazard.reach())
    }
}

/// How long a person waits on average before it is too late, in seconds.
fn grace_s(within: Span) -> f64 {
    GRACE_PART * within.as_secs_f64()
}

/// Chances times a factor. A loop, because mapping an array calls its function out of line.
fn scaled(curve: &Curve, factor: f64) -> Curve {
    let mut scaled = *curve;
    scaled.iter_mut().for_each(|p| *p = (*p * factor).min(1.0));
    scaled
}

impl Pulse {
    fn fade(&mut self, now: Mono) {
        let gap = now.since(self.at).as_secs_f64();
        let keep = libm::exp(-gap / PULSE_MEMORY_S);
        self.answers *= keep;
        self.time_s = self.time_s * keep + PULSE_MEMORY_S * (1.0 - keep);
        self.at = now;
    }

    fn count(&mut self, now: Mono) {
        self.fade(now);
        self.answers += 1.0;
    }

    fn rate(&self, now: Mono, guess: f64) -> f64 {
        let mut present = self.clone();
        present.fade(now);
        (present.answers + guess * PULSE_PRIOR_S) / (present.time_s + PULSE_PRIOR_S)
    }
}

/// The bin of a ring age.
pub(super) fn age(dialed: Mono, answered: Mono) -> usize {
    let slots = slot_of(answered).saturating_sub(slot_of(dialed));
    super::grid::index(slots).min(RING_BINS - 1)
}
