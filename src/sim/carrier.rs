//! The carrier: what becomes of a dialled call, bursts, refusals and outages.

use super::rng::{Actor, Law, Stream};
use super::scenario::{Fate, Scenario};
use crate::core::fact::Failure;
use crate::units::{Mono, Span};

/// Decides every call's fate.
#[derive(Clone, Debug)]
pub(super) struct Carrier {
    stream: Stream,
    /// Each campaign's bursts, from and until, in order.
    bursts: Vec<Vec<(Span, Span)>>,
    /// Until when every call is refused, if the trunk is out.
    pub(super) out_until: Option<Mono>,
}

/// Bursts per day at most: one a second is more than any scenario means.
const BURSTS_MAX: usize = 100_000;

impl Carrier {
    pub(super) fn new<'s>(seed: u64, scenarios: impl Iterator<Item = &'s Scenario>) -> Self {
        let mut stream = Stream::new(seed, Actor::Carrier);
        let bursts = scenarios.map(|scenario| bursts_of(scenario, &mut stream)).collect();
        Self { stream, bursts, out_until: None }
    }

    /// Gives the fate of a call dialled now, drawn from the callee's own stream.
    pub(super) fn fate(
        &self,
        scenario: &Scenario,
        campaign: usize,
        now: Mono,
        callee: &mut Stream,
    ) -> Fate {
        if self.out_until.is_some_and(|until| now < until) {
            return Fate::Fail;
        }
        let moment = now.since(Mono::START);
        let shares = scenario.outcomes.at(moment);
        let bursts = self.bursts.get(campaign).map_or(&[][..], Vec::as_slice);
        let nth = bursts.partition_point(|(from, _)| *from <= moment);
        let bursting = nth.checked_sub(1).and_then(|last| bursts.get(last));
        match (&scenario.burst, bursting) {
            (Some(burst), Some((_, until))) if moment < *until => {
                shares.with_live_times(burst.live_factor).draw(callee)
            }
            (Some(_) | None, _) => shares.draw(callee),
        }
    }

    /// Gives the reason and code of a failed call.
    pub(super) fn failure(&mut self) -> (Failure, u16) {
        if self.out_until.is_some() {
            return (Failure::TrunkFault, 500);
        }
        // Mostly numbers that do not exist, as in a list of some age.
        match self.stream.below(10) {
            0 => (Failure::Declined, 603),
            1 => (Failure::Congestion, 503),
            2..=10 => (Failure::Invalid, 404),
            11.. => (Failure::TrunkFault, 500),
        }
    }
}

fn bursts_of(scenario: &Scenario, stream: &mut Stream) -> Vec<(Span, Span)> {
    let mut bursts = Vec::new();
    let Some(burst) = &scenario.burst else { return bursts };
    let mut at = stream.span(&burst.gap);
    while at < scenario.day && bursts.len() < BURSTS_MAX {
        bursts.push((at, at + burst.length));
        at = at + burst.length + stream.span(&burst.gap);
    }
    bursts
}

/// From an order to end a leg to its end, one round trip on a good network.
pub(super) fn teardown(law: Option<&Law>, stream: &mut Stream) -> Span {
    law.map_or(Span::ZERO, |law| stream.span(law))
}
