//! Learns a scenario from what really happened: the facts and orders of a recorded day.
//!
//! Shares of outcomes are taken by the hour of dialling, times as they were measured. What a
//! recording cannot tell is assumed and said so: people wait as long as in the scenario files,
//! detection makes no errors, and talks that were under way at the end do not count. The day ends
//! when its last campaign does: while a drain waits for conversations nobody is called.

use std::collections::{BTreeMap, BTreeSet};

use super::report::Day;
use super::rng::{Law, NoLaw, Stream};
use super::scenario::{Amd, Block, Fate, Habits, NoScenario, Outcomes, Ring, Scenario, Shares};
use crate::core::campaign::Mode;
use crate::core::fact::{CallFact, CampaignFact, TrunkFact};
use crate::core::order::{AgentState, CampaignState, Closed, Opened, Outcome};
use crate::core::rules::Week;
use crate::core::{Fact, Order, Record, campaign, trunks};
use crate::units::{AgentId, CallId, CampaignId, Mono, Now, Ratio, Span, TrunkId, Wall};

/// Nothing can be learned from a recording; the fault is the recording's.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum NoDay {
    /// Too few calls, or too short.
    #[error("{calls} calls of one campaign were resolved: at least {CALLS_MIN} are needed")]
    TooFew {
        /// Calls resolved.
        calls: usize,
    },
    /// No person talked to an agent.
    #[error("no person was ever bridged to an agent")]
    NobodyTalked,
    /// What was measured makes no law.
    #[error(transparent)]
    Law(#[from] NoLaw),
    /// What was counted makes no day.
    #[error(transparent)]
    Scenario(#[from] NoScenario),
}

/// Calls without which shares say nothing: ± 10 points at a share of a half.
const CALLS_MIN: usize = 100;
/// A block of outcome shares, and the calls below which it is counted to the one before.
const BLOCK: Span = Span::secs(3_600);

/// Takes a day in, batch by batch.
#[derive(Clone, Debug, Default)]
pub struct Learner {
    campaigns: BTreeMap<CampaignId, Learnt>,
    trunks: BTreeMap<TrunkId, trunks::Settings>,
    calls: BTreeMap<CallId, (CampaignId, Wall)>,
    answered: BTreeMap<CallId, Mono>,
    agents: BTreeMap<AgentId, (AgentState, Mono)>,
    /// Agents at work whenever that changed, from the first call on.
    staffed: Vec<(Span, u32)>,
    begun: Option<Mono>,
    last: Mono,
    running: BTreeSet<CampaignId>,
    /// When the last campaign that ran stopped doing so, with what the day had come to.
    ended: Option<(Mono, Day)>,
    wraps: Vec<f64>,
    breaks: Vec<f64>,
    delays: Vec<f64>,
    /// What the day came to so far, all campaigns together.
    day: Day,
}

/// What one campaign's calls were like.
#[derive(Clone, Debug, Default)]
struct Learnt {
    settings: Option<campaign::Settings>,
    /// When each call was dialled, since the first, and what became of it.
    fates: Vec<(Span, Fate)>,
    setup: Vec<f64>,
    rang: BTreeMap<Fate, Vec<Rang>>,
    talks: Vec<f64>,
}

/// How long a call rang before it was resolved.
#[derive(Clone, Copy, Debug)]
enum Rang {
    /// From its first ring on.
    For(f64),
    /// From dialling on: the far end told of no ring, so the set-up is part of it.
    Unheard(f64),
}

impl Learner {
    /// Takes in a batch: the facts the dialer was told and the orders it gave.
    pub fn batch(&mut self, now: Now, facts: &[Fact], orders: &[Order]) {
        self.last = now.mono;
        facts.iter().for_each(|fact| self.fact(now, fact));
        for order in orders {
            if let Order::Record(record) = order {
                self.record(now, record);
            }
        }
        if orders.iter().any(moves_staff) {
            self.count_staff(now.mono);
        }
    }

    fn fact(&mut self, now: Now, fact: &Fact) {
        match fact {
            Fact::Campaign(id, CampaignFact::Set(settings)) => {
                self.campaigns.entry(*id).or_default().settings = Some((**settings).clone());
            }
            Fact::Trunk(id, TrunkFact::Set(settings)) => {
                self.trunks.insert(*id, *settings);
            }
            Fact::Call(call, CallFact::Answered) => {
                self.answered.insert(*call, now.mono);
            }
            Fact::Call(call, CallFact::Heard(_)) => {
                if let Some(at) = self.answered.remove(call) {
                    self.delays.push(now.mono.since(at).as_secs_f64());
                }
            }
            Fact::Campaign(..)
            | Fact::Trunk(..)
            | Fact::Agent(..)
            | Fact::Call(..)
            | Fact::DoNotCall(..)
            | Fact::Withdrawn(..)
            | Fact::Erased(..)
            | Fact::Shown(..)
            | Fact::Inbound(..) => {}
        }
    }

    fn record(&mut self, now: Now, record: &Record) {
        match record {
            Record::Opened(opened) => self.opened(now, opened),
            Record::Closed(closed) => self.closed(now, closed),
            Record::AgentState { agent, state } => self.agent(now, *agent, *state),
            Record::CampaignState { campaign, state } => self.ran(now.mono, *campaign, *state),
            Record::Completed(_)
            | Record::Qualified(_)
            | Record::Refused(_)
            | Record::Skipped { .. }
            | Record::DoNotCall { .. }
            | Record::Decided(..)
            | Record::Bridged(_)
            | Record::Abandoned(_)
            | Record::Learnt(..)
            | Record::Received { .. }
            | Record::ReceivedEnded { .. } => {}
        }
    }

    fn ran(&mut self, now: Mono, campaign: CampaignId, state: CampaignState) {
        if state == CampaignState::Running {
            self.running.insert(campaign);
            self.ended = None;
        } else if self.running.remove(&campaign) && self.running.is_empty() {
            self.ended = Some((now, self.day_until(now)));
        }
    }

    fn opened(&mut self, now: Now, opened: &Opened) {
        self.begun.get_or_insert(now.mono);
        self.calls.insert(opened.call, (opened.campaign, opened.at));
        self.day.attempts += 1;
    }

    fn closed(&mut self, now: Now, closed: &Closed) {
        self.answered.remove(&closed.call);
        let (Some((id, dialled)), Some(begun)) = (self.calls.remove(&closed.call), self.begun)
        else {
            return;
        };
        self.day.abandoned += u64::from(closed.outcome == Outcome::Abandoned);
        let Some(fate) = fate_of(closed.outcome) else { return };
        let learnt = self.campaigns.entry(id).or_default();
        let age = closed.ended.since(dialled);
        let at = now.mono.since(begun) - age;
        learnt.fates.push((at, fate));
        let resolved = closed.answered.unwrap_or(closed.ended);
        let rang = if let Some(rings) = closed.ringing {
            learnt.setup.push(rings.since(dialled).as_secs_f64());
            Rang::For(resolved.since(rings).as_secs_f64())
        } else {
            Rang::Unheard(resolved.since(dialled).as_secs_f64())
        };
        learnt.rang.entry(fate).or_default().push(rang);
        if let Some(bridged) = closed.bridged {
            learnt.talks.push(closed.ended.since(bridged).as_secs_f64());
        }
    }

    fn agent(&mut self, now: Now, agent: AgentId, state: AgentState) {
        let before = self.agents.insert(agent, (state, now.mono));
        let Some((before, since)) = before else { return };
        let met = matches!(state, AgentState::Talking(_));
        self.day.connected += u64::from(met && !matches!(before, AgentState::Holding(_)));
        if let Some(begun) = self.begun {
            book(&mut self.day, before, now.mono.since(since.max(begun)));
        }
        let length = now.mono.since(since).as_secs_f64();
        match before {
            AgentState::Wrapping(_) => self.wraps.push(length),
            // The pause between signing in and the first ready is none.
            AgentState::Paused(_) if state == AgentState::Ready && length > 1.0 => {
                self.breaks.push(length);
            }
            AgentState::Paused(_)
            | AgentState::LoggedOut
            | AgentState::Ready
            | AgentState::Previewing(_)
            | AgentState::Reserved(_)
            | AgentState::Talking(_)
            | AgentState::Holding(_)
            | AgentState::Resting(_) => {}
        }
    }

    fn count_staff(&mut self, now: Mono) {
        let Some(begun) = self.begun else { return };
        let at_work = self.agents.values().filter(|(state, _)| *state != AgentState::LoggedOut);
        let at_work = u32::try_from(at_work.count()).unwrap_or(u32::MAX);
        match self.staffed.last_mut() {
            Some((_, known)) if *known == at_work => {}
            Some(_) => self.staffed.push((now.since(begun), at_work)),
            None => self.staffed.push((Span::ZERO, at_work)),
        }
    }

    /// Gives what the day came to, all campaigns together, as far as a recording tells: the agents'
    /// times until it drained, and attempts, talks and abandoned persons until its last call ended.
    #[must_use]
    pub fn recorded(&self) -> Day {
        let Some((_, day)) = &self.ended else { return self.day_until(self.last) };
        let Day { attempts, connected, abandoned, .. } = self.day;
        Day { attempts, connected, abandoned, ..day.clone() }
    }

    fn day_until(&self, now: Mono) -> Day {
        let mut day = self.day.clone();
        let Some(begun) = self.begun else { return day };
        for (state, since) in self.agents.values() {
            book(&mut day, *state, now.since((*since).max(begun)));
        }
        day
    }

    /// How long the day was, from its first call on.
    fn length(&self, begun: Mono) -> Span {
        self.ended.as_ref().map_or(self.last, |(at, _)| *at).since(begun)
    }

    /// Gives how the campaign with most calls was dialled.
    #[must_use]
    pub fn mode(&self) -> Option<Mode> {
        self.busiest().and_then(|learnt| learnt.settings.as_ref()).map(|settings| settings.mode)
    }

    /// Counts the campaigns whose calls were heard of.
    #[must_use]
    pub fn dialed(&self) -> usize {
        self.campaigns.values().filter(|learnt| !learnt.fates.is_empty()).count()
    }

    fn busiest(&self) -> Option<&Learnt> {
        self.campaigns.values().max_by_key(|learnt| learnt.fates.len())
    }

    /// Gives the same day with its calls, talks and write-ups drawn from the recorded ones with
    /// replacement: how much of what was learnt is chance (Efron, "Bootstrap methods: another look
    /// at the jackknife", Annals of Statistics 7, 1979). The staffing stays as it was.
    #[must_use]
    pub fn resampled(&self, chance: &mut Stream) -> Self {
        let mut other = self.clone();
        for times in [&mut other.wraps, &mut other.breaks, &mut other.delays] {
            *times = drawn(times, chance);
        }
        for learnt in other.campaigns.values_mut() {
            learnt.fates = drawn(&learnt.fates, chance);
            learnt.fates.sort_by_key(|(at, _)| *at);
            learnt.setup = drawn(&learnt.setup, chance);
            learnt.talks = drawn(&learnt.talks, chance);
            for rang in learnt.rang.values_mut() {
                *rang = drawn(rang, chance);
            }
        }
        other
    }

    /// Makes the scenario of the campaign with most calls.
    ///
    /// # Errors
    /// Too little was recorded; see [`NoDay`].
    pub fn scenario(&self, name: &str) -> Result<Scenario, NoDay> {
        let busiest = self.busiest();
        let calls = busiest.map_or(0, |learnt| learnt.fates.len());
        let (Some(learnt), Some(begun)) = (busiest, self.begun) else {
            return Err(NoDay::TooFew { calls });
        };
        let Some(settings) = learnt.settings.as_ref().filter(|_| calls >= CALLS_MIN) else {
            return Err(NoDay::TooFew { calls });
        };
        if learnt.talks.is_empty() {
            return Err(NoDay::NobodyTalked);
        }
        let pool = self.staffed.iter().map(|(_, at_work)| *at_work).max().unwrap_or(1).max(1);
        let channels: u32 = self.trunks.values().map(|trunk| trunk.channels).sum();
        let pace: f64 = self.trunks.values().map(|trunk| trunk.calls_per_second).sum();
        Ok(Scenario {
            name: name.to_owned(),
            day: self.length(begun),
            cap: settings.abandon.cap,
            connect_within: settings.abandon.within,
            respect: settings.respect,
            patience: Law::lognormal(8.0, 0.8)?,
            setup: measured(&learnt.setup)?,
            ring: learnt.ring()?,
            outcomes: learnt.outcomes()?,
            burst: None,
            amd: Amd {
                enabled: settings.listen,
                delay: measured(&self.delays)?,
                false_machine: Ratio::new(0.0),
                missed_machine: Ratio::new(0.0),
                missed_talk: Law::fixed(0.0)?,
            },
            talk: measured(&learnt.talks)?,
            wrap: measured(&self.wraps)?,
            agents: self.habits(pool, self.length(begun))?,
            trunks_per_agent: f64::from(channels) / f64::from(pool),
            calls_per_second_per_agent: pace / f64::from(pool),
            calls_per_second_min: pace,
            swaps: Vec::new(),
            outages: Vec::new(),
            companions: Vec::new(),
            shared_rate: false,
            leads: None,
            around_the_clock: settings.rules.week == Week::always(),
            value: 1.0,
            pool: Some(pool),
        })
    }

    fn habits(&self, pool: u32, day: Span) -> Result<Habits, NoDay> {
        let often = share(self.breaks.len(), self.wraps.len());
        let pause = if self.breaks.is_empty() || self.wraps.is_empty() {
            None
        } else {
            Some((Ratio::new(often), measured(&self.breaks)?))
        };
        let step =
            |(at, at_work): &(Span, u32)| (*at, Ratio::new(f64::from(*at_work) / f64::from(pool)));
        let staffing = self.staffed.iter().filter(|(at, _)| *at < day || at.as_micros() == 0);
        Ok(Habits { pause, staffing: staffing.map(step).collect(), churn: None })
    }
}

impl Learnt {
    fn ring(&self) -> Result<Ring, NoLaw> {
        let setup = median(&self.setup);
        let seconds = |rang: &Rang| match rang {
            Rang::For(seconds) => *seconds,
            Rang::Unheard(seconds) => (seconds - setup).max(0.0),
        };
        let of = |fate| {
            let rang = self.rang.get(&fate).into_iter().flatten();
            measured(&rang.map(seconds).collect::<Vec<_>>())
        };
        Ok(Ring {
            live: of(Fate::Live)?,
            machine: of(Fate::Machine)?,
            busy: of(Fate::Busy)?,
            no_answer: of(Fate::NoAnswer)?,
            fail: of(Fate::Fail)?,
        })
    }

    /// Gives the shares by the hour; an hour of few calls counts to the one before.
    fn outcomes(&self) -> Result<Outcomes, NoScenario> {
        let mut hours: BTreeMap<u64, BTreeMap<Fate, usize>> = BTreeMap::new();
        for (at, fate) in &self.fates {
            let hour = hours.entry(at.as_micros() / BLOCK.as_micros()).or_default();
            *hour.entry(*fate).or_default() += 1;
        }
        let mut blocks: Vec<(Span, BTreeMap<Fate, usize>)> = Vec::new();
        for (hour, counts) in hours {
            let few = counts.values().sum::<usize>() < CALLS_MIN;
            match blocks.last_mut() {
                Some((_, before)) if few => {
                    for (fate, count) in counts {
                        *before.entry(fate).or_default() += count;
                    }
                }
                Some(_) => blocks.push((BLOCK.times(hour), counts)),
                None => blocks.push((Span::ZERO, counts)),
            }
        }
        Outcomes::new(blocks.into_iter().map(|(at, counts)| block(at, &counts)).collect())
    }
}

/// Says whether an order may have changed who is at work, or begins the day.
const fn moves_staff(order: &Order) -> bool {
    matches!(order, Order::Record(Record::Opened(_) | Record::AgentState { .. }))
}

/// Draws as many values as there are, each from all of them.
fn drawn<T: Copy>(values: &[T], chance: &mut Stream) -> Vec<T> {
    let one = |_: &T| {
        let nth = usize::try_from(chance.below(values.len() as u64)).unwrap_or(0);
        values.get(nth).copied()
    };
    values.iter().filter_map(one).collect()
}

/// Books what an agent did for so long.
fn book(day: &mut Day, state: AgentState, length: Span) {
    match state {
        AgentState::Talking(_) | AgentState::Holding(_) => day.talk += length,
        AgentState::Wrapping(_) => day.wrap += length,
        AgentState::Ready
        | AgentState::Previewing(_)
        | AgentState::Reserved(_)
        | AgentState::Resting(_) => day.idle += length,
        AgentState::Paused(_) => day.paused += length,
        AgentState::LoggedOut => {}
    }
}

fn block(at: Span, counts: &BTreeMap<Fate, usize>) -> Block {
    let all = counts.values().sum();
    let of = |fate| share(counts.get(&fate).copied().unwrap_or(0), all);
    let shares = Shares {
        live: of(Fate::Live),
        machine: of(Fate::Machine),
        busy: of(Fate::Busy),
        no_answer: of(Fate::NoAnswer),
        fail: of(Fate::Fail),
    };
    Block { at, shares, ramp: false }
}

#[expect(clippy::cast_precision_loss, reason = "no day has 2^53 calls")]
fn share(part: usize, all: usize) -> f64 {
    if all == 0 { 0.0 } else { part as f64 / all as f64 }
}

/// Makes a law of what was measured; of what never happened, a law that is never drawn from.
fn measured(seconds: &[f64]) -> Result<Law, NoLaw> {
    if seconds.is_empty() { Law::fixed(0.0) } else { Law::empirical(seconds.to_vec()) }
}

/// Gives the middle of what was measured, the upper of two; 0 of nothing.
fn median(seconds: &[f64]) -> f64 {
    let mut sorted = seconds.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(0.0)
}

/// What became of a call, if it was left to itself.
const fn fate_of(outcome: Outcome) -> Option<Fate> {
    match outcome {
        Outcome::Connected | Outcome::Abandoned => Some(Fate::Live),
        Outcome::Machine => Some(Fate::Machine),
        Outcome::Busy => Some(Fate::Busy),
        Outcome::NoAnswer => Some(Fate::NoAnswer),
        Outcome::Invalid
        | Outcome::Declined
        | Outcome::Blocked
        | Outcome::Congestion
        | Outcome::TrunkFault => Some(Fate::Fail),
        Outcome::Cancelled | Outcome::Interrupted => None,
    }
}
