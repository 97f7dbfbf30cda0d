//! Predictive: as many lines as the agents who will be free by the time somebody answers.

use super::balance::{Balance, Load};
use super::grant::{Question, exposed};
use super::grid::{HORIZON_S, HORIZONS, RING_BINS, slot_of};
use super::hazard::{Hazard, Reach};
use super::price::{Books, Price};
use super::release::{Release, Task};
use super::truth::{Known, Truth};
use super::{Ask, Forecast, View, Why};
use crate::core::campaign::Guarantee;
use crate::core::floor::CallStage;
use crate::core::order::AgentState;
use crate::units::{AgentId, Mono, Now, Ratio, Span};

/// One campaign's predictive pacer: learns from the calls and agents it is told of.
#[derive(Clone, Debug)]
pub(in crate::core) struct Pacer {
    hazard: Hazard,
    release: Release,
    price: Price,
    known: Option<Known>,
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
}

/// What a call was placed with, kept with the call.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(in crate::core) struct Odds {
    threshold: f64,
    chance: f64,
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

/// What the campaign's rules allow.
#[derive(Clone, Copy, Debug)]
pub(in crate::core) struct Allowance {
    pub(in crate::core) cap: Ratio,
    pub(in crate::core) guarantee: Guarantee,
    /// Calling time left in the window the cap is counted in, if its end is known.
    pub(in crate::core) left: Option<Span>,
    pub(in crate::core) every: Span,
}

/// What the pacer asks for, and why.
#[derive(Clone, Copy, Debug)]
pub(in crate::core) struct Asked {
    pub(in crate::core) ask: Ask,
    pub(in crate::core) forecast: Forecast,
    /// What every call asked for is placed with.
    pub(in crate::core) odds: Odds,
    /// The abandon rule, not the forecast, held it back.
    pub(in crate::core) held: bool,
}

impl Asked {
    fn nothing(why: Why, room: f64) -> Self {
        let (forecast, odds) = (Forecast { room, ..Forecast::default() }, Odds::default());
        Self { ask: Ask { calls: 0, why }, forecast, odds, held: true }
    }
}

/// Answers per second as of late.
#[derive(Clone, Debug)]
struct Pulse {
    answers: f64,
    time_s: f64,
    at: Mono,
}

/// How long the pulse remembers, in seconds.
const PULSE_MEMORY_S: f64 = 2_400.0;
/// The weight of the guess it begins with, in seconds.
const PULSE_PRIOR_S: f64 = 600.0;
/// The share of their time agents are guessed to be busy for that.
const PULSE_PRIOR_BUSY: f64 = 0.7;
/// The part of the abandon limit a person waits on average before it is too late.
const GRACE_PART: f64 = 0.75;
/// Nothing is predicted before so many calls came to an end, the first dialled so long ago: less
/// says nothing of those that ring longest.
const WARM_CALLS: u64 = 12;
const WARM_AFTER: Span = Span::secs(60);
/// How long the first forecasts are made prudent, by which factor and spread.
const YOUNG: Span = Span::secs(120);
const YOUNG_FACTOR: f64 = 1.15;
const YOUNG_SPREAD: f64 = 0.03;
/// Calls asked for at once at most, and more per agent: a flood cannot be taken back.
const BURST: u32 = 12;
const BURST_AGENTS: u32 = 4;
/// The pause between two decisions per agent: in a large pool many things happen at once.
const SPACING_PER_AGENT: Span = Span::micros(100);
/// How many times the campaign's own pace a decision may wait when nothing is near.
const SLOW: u64 = 4;
/// How likely a person who waits already is abandoned.
const WAITING_LOST: f64 = 0.7;

impl Pacer {
    pub(in crate::core) fn new(now: Mono, within: Span) -> Self {
        Self {
            hazard: Hazard::new(slot_of(now)),
            release: Release::new(GRACE_PART * within.as_secs_f64()),
            price: Price::new(),
            known: None,
            hearing: [0; RING_BINS],
            pulse: Pulse { answers: 0.0, time_s: 0.0, at: now },
            first_dial: None,
            warm_since: None,
            decided_at: now,
            next: now,
            stale: true,
        }
    }

    /// Takes the true laws of an invented world.
    pub(in crate::core) fn know(&mut self, now: Now, truth: &Truth) {
        self.known = Some(Known::new(now, truth));
        self.release.know(&truth.talk, &truth.wrap, truth.returns);
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
        Odds::default()
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
        line: &Line,
        from: CallStage,
        to: Option<CallStage>,
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
                self.person(now, line);
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
                    self.person(now, line);
                }
            }
            (Waiting, to) => {
                if to != Some(Talking) {
                    self.price.abandoned();
                }
            }
            (Talking | Notice | Ending, _) => {}
        }
    }

    fn hear(&mut self, dialed: Mono, answered: Mono, begins: bool) {
        let here = &mut self.hearing[age(dialed, answered)];
        *here = if begins { *here + 1 } else { here.saturating_sub(1) };
    }

    fn person(&mut self, now: Mono, line: &Line) {
        self.pulse.count(now);
        self.price.answered(line.odds.threshold, line.odds.chance);
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

    /// A busy agent is kept for leads of his own: he will not come free for others.
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

    /// Fewer calls were placed than asked for.
    pub(in crate::core) fn cut(&mut self) {
        self.stale = true;
    }

    /// Decides how many calls to place now.
    pub(in crate::core) fn ask(&mut self, now: Mono, view: &View, allowance: &Allowance) -> Asked {
        self.advance(now);
        self.stale = false;
        self.decided_at = now;
        let books = self.books(now, view, allowance);
        self.price.sized(books.agents);
        let warm = self.warm(now);
        let why = if warm { Why::Predicted } else { Why::Learning };
        if Question::floor(view) == 0 && (!warm || books.aim() <= 0.0) {
            self.next = now + allowance.every.times(SLOW);
            return Asked::nothing(why, books.room());
        }
        let load = self.load(now, view);
        let balance = Balance::new(&load);
        let (answers, releases) = balance.expected();
        let ahead = Span::from_secs_f64(balance.ahead_s());
        let grant = Question {
            view,
            price: &self.price,
            books,
            balance,
            reach: load.fresh[HORIZONS - 1],
            guarantee: allowance.guarantee,
            warm,
            most: view.stock.min(BURST + (view.ready + self.release.busy()) / BURST_AGENTS),
        }
        .answer();
        // The further the next call is from being granted, the longer time alone may take.
        let pause = match grant.next / grant.threshold.max(1e-9) {
            ratio if ratio < 2.0 => 1,
            ratio if ratio < 5.0 => 2,
            _ => SLOW,
        };
        self.next = now + allowance.every.times(pause);
        Asked {
            ask: Ask { calls: grant.calls, why },
            forecast: Forecast {
                threshold: Ratio::new(grant.threshold),
                answers,
                releases,
                chance: Ratio::new(grant.last),
                room: books.room(),
                mean: Ratio::new(grant.mean),
                next: (grant.next > grant.last).then(|| Ratio::new(grant.next)),
                ahead,
            },
            odds: Odds { threshold: grant.threshold, chance: grant.mean },
            held: grant.held,
        }
    }

    fn warm(&mut self, now: Mono) -> bool {
        if self.warm_since.is_none() {
            let old = self.first_dial.is_some_and(|first| now.since(first) >= WARM_AFTER);
            if self.known.is_some() || (old && self.hazard.resolved() >= WARM_CALLS) {
                self.hazard.reset_levels();
                self.warm_since = Some(now);
            }
        }
        self.warm_since.is_some()
    }

    #[expect(clippy::cast_precision_loss, reason = "2^53 calls are not made")]
    fn books(&self, now: Mono, view: &View, allowance: &Allowance) -> Books {
        let agents = f64::from(view.ready + self.release.busy());
        let guess = PULSE_PRIOR_BUSY * agents / self.release.handling_s().max(1.0);
        Books {
            cap: allowance.cap.get(),
            // Who still waits has not been served, and may not count as such when the day ends.
            answered: view.answered.saturating_sub(u64::from(view.waiting)) as f64,
            abandoned: view.abandoned as f64,
            pending: WAITING_LOST * f64::from(view.waiting),
            exposed: exposed(view, 1),
            rate: self.pulse.rate(now, guess),
            left_s: allowance.left.map(Span::as_secs_f64),
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

    /// Draws what is on its way.
    fn load(&self, now: Mono, view: &View) -> Load {
        let slot = slot_of(now);
        let young =
            self.known.is_none() && self.warm_since.is_none_or(|since| now.since(since) < YOUNG);
        let factor = if young { YOUNG_FACTOR / self.hazard.answering.mean().min(1.0) } else { 1.0 };
        let scaled = |curve: &[f64; HORIZONS]| curve.map(|p| (p * factor).min(1.0));
        let mut lines = Vec::with_capacity(RING_BINS);
        for (age, &count) in self.hazard.by_age().iter().enumerate() {
            if count > 0 {
                let reach = self.reach(slot.saturating_sub(age as u64));
                lines.push((scaled(&reach.ringing[age]), count));
            }
        }
        for (age, &count) in self.hearing.iter().enumerate() {
            if count > 0 {
                let reach = self.reach(slot.saturating_sub(age as u64));
                let heard = |ahead: f64| (0.5 * ahead / reach.delay_s.max(1e-3)).min(1.0);
                lines.push((HORIZON_S.map(|ahead| reach.person[age] * heard(ahead)), count));
            }
        }
        let level = self.release.level();
        let mut busy = Vec::new();
        let freed = self.release.freed();
        let tables = [
            (self.release.talk.by_age(), &freed.talking, level),
            (self.release.wrap.by_age(), &freed.wrapping, 1.0),
        ];
        for (here, table, level) in tables {
            for (&count, curve) in here.iter().zip(table) {
                if count > 0 {
                    busy.push((curve.map(|p| (p * level).min(1.0)), count));
                }
            }
        }
        let mut spread = if self.known.is_some() { 0.0 } else { self.hazard.answering.spread() };
        if young {
            spread = spread.max(YOUNG_SPREAD);
        }
        let steady = self.known.is_some();
        Load {
            lines,
            busy,
            free: i64::from(view.ready) - i64::from(view.waiting),
            answer_spread: spread,
            release_spread: if steady { 0.0 } else { self.release.ending.spread() },
            fresh: scaled(&self.reach(slot).ringing[0]),
            quick: freed.quick,
        }
    }

    /// The table of the calls dialled in a half second.
    fn reach(&self, slot: u64) -> &Reach {
        let known = self.known.as_ref().and_then(|known| known.at(slot));
        known.unwrap_or_else(|| self.hazard.reach())
    }
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
fn age(dialed: Mono, answered: Mono) -> usize {
    let slots = slot_of(answered).saturating_sub(slot_of(dialed));
    super::grid::index(slots).min(RING_BINS - 1)
}
