//! A campaign-day as the scenario files describe it, in types that cannot be wrong.

use crate::core::respect;
use crate::sim::rng::{Law, Stream};
use crate::units::{Ratio, Span};

/// One campaign-day: who answers when, how long people talk, and how agents come and go.
#[derive(Clone, Debug, PartialEq)]
pub struct Scenario {
    /// Its name.
    pub name: String,
    /// The length of the campaign-day.
    pub day: Span,
    /// The greatest allowed share of live answers that are abandoned.
    pub cap: Ratio,
    /// How long a person may wait for an agent.
    pub connect_within: Span,
    /// How long a person waits before hanging up by himself.
    pub patience: Law,
    /// From dialling to the first ring; added to every outcome's ring time.
    pub setup: Law,
    /// From the first ring to the outcome.
    pub ring: Ring,
    /// What becomes of a call, by the moment of dialling.
    pub outcomes: Outcomes,
    /// Times at which more people answer.
    pub burst: Option<Burst>,
    /// Machine detection.
    pub amd: Amd,
    /// How long a person talks.
    pub talk: Law,
    /// How long an agent writes up.
    pub wrap: Law,
    /// The agents' habits.
    pub agents: Habits,
    /// Trunk channels per agent of the nominal pool.
    pub trunks_per_agent: f64,
    /// Calls per second per agent of the nominal pool.
    pub calls_per_second_per_agent: f64,
    /// Calls per second at least, whatever the pool.
    pub calls_per_second_min: f64,
    /// Other lists put in the place of this one in the course of the day, in order.
    pub swaps: Vec<Swap>,
    /// Times at which the carrier fails every call.
    pub outages: Vec<Outage>,
    /// Other campaigns served by the same agents over the same trunk.
    pub companions: Vec<Self>,
    /// Whether the abandoned of all these campaigns are counted together.
    pub shared_rate: bool,
    /// How many leads the list holds, each called once; `None` for one that never ends.
    pub leads: Option<u64>,
    /// Whether they may call around the clock, so that no pacer knows when the day ends.
    pub around_the_clock: bool,
    /// What an answered call is worth, against those of the companions.
    pub value: f64,
    /// What is owed to the agents between and among their calls.
    pub respect: respect::Settings,
    /// The pool the scenario is meant for, if it is for a certain one.
    pub pool: Option<u32>,
}

/// Another list takes the place of the one before: what it leaves open stays as it was. Shares by
/// outcome go by [`Outcomes`].
#[derive(Clone, Debug, PartialEq)]
pub struct Swap {
    /// From when.
    pub at: Span,
    /// From the first ring to the outcome.
    pub ring: Option<Ring>,
    /// How long a person talks.
    pub talk: Option<Law>,
    /// How long an agent writes up.
    pub wrap: Option<Law>,
}

/// A time at which the carrier fails every new call; calls in progress go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outage {
    /// From when.
    pub at: Span,
    /// For how long.
    pub length: Span,
    /// Whether the dialer is told that its trunk is down.
    pub told: bool,
}

/// From the first ring to each outcome.
#[derive(Clone, Debug, PartialEq)]
pub struct Ring {
    /// A person answers.
    pub live: Law,
    /// A machine answers.
    pub machine: Law,
    /// The line is busy.
    pub busy: Law,
    /// The network gives up.
    pub no_answer: Law,
    /// The call fails.
    pub fail: Law,
}

/// Machine detection.
#[derive(Clone, Debug, PartialEq)]
pub struct Amd {
    /// Whether answers are judged at all.
    pub enabled: bool,
    /// From the answer to the verdict.
    pub delay: Law,
    /// The share of persons taken for machines.
    pub false_machine: Ratio,
    /// The share of machines taken for persons.
    pub missed_machine: Ratio,
    /// How long such a machine keeps an agent.
    pub missed_talk: Law,
}

/// Times at which more (or fewer) people answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Burst {
    /// The exponential gap between two bursts.
    pub gap: Law,
    /// The length of one.
    pub length: Span,
    /// What the share of live answers is multiplied with; the other outcomes are rescaled.
    pub live_factor: f64,
}

impl Scenario {
    /// Gives the laws of the ring time of a call dialled at a moment of the day.
    #[must_use]
    pub fn ring_at(&self, moment: Span) -> &Ring {
        self.latest(moment, |swap| swap.ring.as_ref()).unwrap_or(&self.ring)
    }

    /// Gives the law of a talk that begins at a moment of the day.
    #[must_use]
    pub fn talk_at(&self, moment: Span) -> &Law {
        self.latest(moment, |swap| swap.talk.as_ref()).unwrap_or(&self.talk)
    }

    /// Gives the law of a wrap-up that begins at a moment of the day.
    #[must_use]
    pub fn wrap_at(&self, moment: Span) -> &Law {
        self.latest(moment, |swap| swap.wrap.as_ref()).unwrap_or(&self.wrap)
    }

    /// Gives the same world with other things owed to its agents, in every campaign.
    #[must_use]
    pub fn owing(self, respect: respect::Settings) -> Self {
        self.with(&|campaign| campaign.respect = respect)
    }

    /// Gives the same world with another abandon cap, in every campaign.
    #[must_use]
    pub fn capped(self, cap: Ratio) -> Self {
        self.with(&|campaign| campaign.cap = cap)
    }

    /// Changes every campaign.
    fn with(mut self, change: &impl Fn(&mut Self)) -> Self {
        change(&mut self);
        self.companions = self.companions.into_iter().map(|other| other.with(change)).collect();
        self
    }

    fn latest<'s, T>(
        &'s self,
        moment: Span,
        of: impl Fn(&'s Swap) -> Option<&'s T>,
    ) -> Option<&'s T> {
        self.swaps.iter().rev().filter(|swap| swap.at <= moment).find_map(of)
    }
}

/// The agents' habits.
#[derive(Clone, Debug, PartialEq)]
pub struct Habits {
    /// The share of wrap-ups followed by a break, and how long it lasts.
    pub pause: Option<(Ratio, Law)>,
    /// The target pool as a share of the nominal one, from each moment on, in order.
    pub staffing: Vec<(Span, Ratio)>,
    /// How long an agent stays, and how long he or she is away then.
    pub churn: Option<(Law, Law)>,
}

/// What becomes of a dialled call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fate {
    /// A person answers.
    Live,
    /// A machine answers.
    Machine,
    /// The line is busy.
    Busy,
    /// Nobody answers until the network gives up.
    NoAnswer,
    /// The call fails.
    Fail,
}

/// The probabilities of every fate at one moment; they sum to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shares {
    /// A person.
    pub live: f64,
    /// A machine.
    pub machine: f64,
    /// Busy.
    pub busy: f64,
    /// Nobody.
    pub no_answer: f64,
    /// A failure.
    pub fail: f64,
}

/// The numbers make no scenario.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum NoScenario {
    /// The shares of one block are no probabilities.
    #[error("the outcomes from {at} on sum to {sum}: the five shares of a block must sum to 1")]
    Shares {
        /// The block's beginning.
        at: Span,
        /// What they sum to.
        sum: f64,
    },
    /// There is no block, or the first begins after the day does.
    #[error("the first [[outcomes]] block must have at_s = 0")]
    NoFirstBlock,
    /// The blocks or steps are not in order of time.
    #[error("{0} must be in the order of their times")]
    OutOfOrder(&'static str),
}

/// A block of outcome probabilities.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Block {
    /// From when.
    pub at: Span,
    /// The probabilities.
    pub shares: Shares,
    /// Whether they change linearly towards the next block's.
    pub ramp: bool,
}

/// What becomes of a call, by the moment of dialling: at least one block, the first at 0.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcomes(Vec<Block>);

/// How far the shares of a block may be from 1 in sum, for decimals written by hand.
const SHARES_SLACK: f64 = 1e-6;

impl Outcomes {
    /// Takes the blocks of a file.
    ///
    /// # Errors
    /// A block's shares are no probabilities, or the blocks are not in order from 0.
    pub fn new(blocks: Vec<Block>) -> Result<Self, NoScenario> {
        if blocks.first().is_none_or(|block| block.at > Span::ZERO) {
            return Err(NoScenario::NoFirstBlock);
        }
        in_order("[[outcomes]]", blocks.iter().map(|block| block.at))?;
        for block in &blocks {
            let sum: f64 = block.shares.list().iter().map(|(_, share)| share).sum();
            let shares = block.shares.list();
            let sane = shares.iter().all(|(_, share)| share.is_finite() && *share >= 0.0);
            if !sane || (sum - 1.0).abs() > SHARES_SLACK {
                return Err(NoScenario::Shares { at: block.at, sum });
            }
        }
        Ok(Self(blocks))
    }

    /// Gives the probabilities for a call dialled at a moment of the day.
    #[must_use]
    pub fn at(&self, moment: Span) -> Shares {
        let next = self.0.partition_point(|block| block.at <= moment);
        let block = &self.0[next.saturating_sub(1)];
        match self.0.get(next) {
            Some(after) if block.ramp => {
                let part = (moment - block.at).as_secs_f64() / (after.at - block.at).as_secs_f64();
                block.shares.towards(after.shares, part)
            }
            Some(_) | None => block.shares,
        }
    }
}

/// Checks that times do not go backwards.
///
/// # Errors
/// They do.
pub fn in_order(
    what: &'static str,
    times: impl Iterator<Item = Span> + Clone,
) -> Result<(), NoScenario> {
    if times.clone().zip(times.skip(1)).any(|(one, next)| next < one) {
        return Err(NoScenario::OutOfOrder(what));
    }
    Ok(())
}

impl Shares {
    const fn list(&self) -> [(Fate, f64); 5] {
        [
            (Fate::Live, self.live),
            (Fate::Machine, self.machine),
            (Fate::Busy, self.busy),
            (Fate::NoAnswer, self.no_answer),
            (Fate::Fail, self.fail),
        ]
    }

    fn towards(self, other: Self, part: f64) -> Self {
        let mix = |from: f64, to: f64| from + (to - from) * part;
        Self {
            live: mix(self.live, other.live),
            machine: mix(self.machine, other.machine),
            busy: mix(self.busy, other.busy),
            no_answer: mix(self.no_answer, other.no_answer),
            fail: mix(self.fail, other.fail),
        }
    }

    /// Multiplies the live share and rescales the rest, so that they still sum to 1.
    #[must_use]
    pub fn with_live_times(self, factor: f64) -> Self {
        let live = (self.live * factor).min(1.0);
        let rest = 1.0 - self.live;
        let scale = if rest > 0.0 { (1.0 - live) / rest } else { 0.0 };
        Self {
            live,
            machine: self.machine * scale,
            busy: self.busy * scale,
            no_answer: self.no_answer * scale,
            fail: self.fail * scale,
        }
    }

    /// Draws one fate.
    pub fn draw(&self, stream: &mut Stream) -> Fate {
        let mut left = stream.unit();
        for (fate, share) in self.list() {
            if left < share {
                return fate;
            }
            left -= share;
        }
        Fate::NoAnswer
    }
}

impl Ring {
    /// Gives the law of the ring time before a fate.
    #[must_use]
    pub const fn before(&self, fate: Fate) -> &Law {
        match fate {
            Fate::Live => &self.live,
            Fate::Machine => &self.machine,
            Fate::Busy => &self.busy,
            Fate::NoAnswer => &self.no_answer,
            Fate::Fail => &self.fail,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUIET: Shares = Shares { live: 0.1, machine: 0.2, busy: 0.1, no_answer: 0.5, fail: 0.1 };
    const LOUD: Shares = Shares { live: 0.3, machine: 0.2, busy: 0.1, no_answer: 0.3, fail: 0.1 };

    fn block(at: u64, shares: Shares, ramp: bool) -> Block {
        Block { at: Span::secs(at), shares, ramp }
    }

    #[test]
    fn shares_ramp_where_a_block_says_so_and_step_elsewhere() -> Result<(), NoScenario> {
        let outcomes = Outcomes::new(vec![
            block(0, QUIET, false),
            block(100, QUIET, true),
            block(200, LOUD, false),
        ])?;
        for (at, live) in [(0, 0.1), (99, 0.1), (150, 0.2), (200, 0.3), (9_999, 0.3)] {
            let seen = outcomes.at(Span::secs(at)).live;
            assert!((seen - live).abs() < 1e-12, "{at}: {seen}");
        }
        Ok(())
    }

    #[test]
    fn a_burst_rescales_the_other_fates() {
        let shares = QUIET.with_live_times(3.0);
        let sum: f64 = shares.list().iter().map(|(_, share)| share).sum();
        assert!((shares.live - 0.3).abs() < 1e-12 && (sum - 1.0).abs() < 1e-12, "{shares:?}");
    }

    #[test]
    fn blocks_that_make_no_day_are_refused() {
        let late = Outcomes::new(vec![block(5, QUIET, false)]);
        assert_eq!(late, Err(NoScenario::NoFirstBlock));
        let mixed = Outcomes::new(vec![
            block(0, QUIET, false),
            block(9, QUIET, false),
            block(5, QUIET, false),
        ]);
        assert_eq!(mixed, Err(NoScenario::OutOfOrder("[[outcomes]]")));
        let thin = Outcomes::new(vec![block(0, Shares { live: 0.0, ..QUIET }, false)]);
        assert!(matches!(thin, Err(NoScenario::Shares { .. })));
    }
}
