//! Numbers shown to those called: what each may carry, and whose turn it is.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::pacing::Limit;
use super::trunks::{Blocked, Load, interval};
use crate::units::{Mono, ShownId, Span};

/// What a number shown may carry, in all campaigns that show it together.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cap {
    /// The number.
    pub number: ShownId,
    /// Calls that show it at once at most.
    pub channels: Option<u32>,
    /// Calls that may start showing it per second at most, none together.
    pub calls_per_second: Option<f64>,
}

/// What every number with a cap carries.
#[derive(Debug, Default)]
pub(super) struct Shown {
    all: BTreeMap<ShownId, Load>,
}

impl Shown {
    /// Chooses the number of the next call by its place in a campaign's list: the first from
    /// `turn` on, going round, that has room. `caps` has a place for each number, or none at all.
    pub(super) fn choose(
        &self,
        caps: &[Option<Cap>],
        turn: u16,
        now: Mono,
    ) -> Result<u16, Blocked> {
        let mut nearest: Option<Blocked> = None;
        let (before, after) = caps.split_at(usize::from(turn).min(caps.len()));
        for (cap, index) in after.iter().zip(turn..).chain(before.iter().zip(0..)) {
            let Some(blocked) = cap.as_ref().and_then(|cap| self.blocked(cap, now)) else {
                return Ok(index);
            };
            nearest = Some(nearest.map_or(blocked, |nearest| nearest.sooner(blocked)));
        }
        nearest.map_or(Ok(turn), Err)
    }

    /// Counts a call onto a number.
    pub(super) fn seize(&mut self, cap: &Cap, now: Mono) {
        let load = self.all.entry(cap.number).or_default();
        load.seize(cap.calls_per_second.map_or(UNBOUND, interval), now);
    }

    /// Counts a call off a number.
    pub(super) fn release(&mut self, number: ShownId) {
        if let Some(load) = self.all.get_mut(&number) {
            load.release();
        }
    }

    /// Gives each number with the calls it carries.
    pub(super) fn each(&self) -> impl Iterator<Item = (ShownId, u32)> {
        self.all.iter().map(|(&number, load)| (number, load.busy))
    }

    fn blocked(&self, cap: &Cap, now: Mono) -> Option<Blocked> {
        let load = self.all.get(&cap.number)?;
        let limit = Limit::CallerIds;
        if cap.channels.is_some_and(|channels| load.busy >= channels) {
            return Some(Blocked { limit, until: None });
        }
        let token = load.next_token(interval(cap.calls_per_second?), 1);
        (token > now).then_some(Blocked { limit, until: Some(token) })
    }
}

/// Between the calls of a number without a rate: the core's own grain.
const UNBOUND: Span = Span::micros(1);

#[cfg(test)]
mod tests {
    use super::*;

    fn cap(number: u16, channels: Option<u32>, calls_per_second: Option<f64>) -> Option<Cap> {
        Some(Cap { number: ShownId(number), channels, calls_per_second })
    }

    #[test]
    fn numbers_without_room_are_passed_over_in_the_turn() {
        let mut shown = Shown::default();
        let caps = [cap(1, Some(1), None), None, cap(2, None, Some(0.5))];
        let mut chosen = Vec::new();
        let mut turn = 0;
        for _ in 0..6 {
            let Ok(index) = shown.choose(&caps, turn, Mono::START) else { break };
            if let Some(cap) = caps.get(usize::from(index)).and_then(Option::as_ref) {
                shown.seize(cap, Mono::START);
            }
            chosen.push(index);
            turn = (index + 1) % 3;
        }
        assert_eq!(chosen, [0, 1, 2, 1, 1, 1]);
        shown.release(ShownId(1));
        assert_eq!(shown.choose(&caps, 2, Mono::START), Ok(0));
        assert_eq!(shown.choose(&caps, 2, Mono::START + Span::secs(2)), Ok(2));
    }

    #[test]
    fn with_every_number_full_the_nearest_room_is_told() {
        let mut shown = Shown::default();
        let caps = [cap(1, Some(1), None), cap(2, None, Some(0.25)), cap(3, None, Some(0.5))];
        for cap in caps.iter().flatten() {
            shown.seize(cap, Mono::START);
        }
        let until = Some(Mono::START + Span::secs(2));
        let full = Err(Blocked { limit: Limit::CallerIds, until });
        assert_eq!(shown.choose(&caps, 1, Mono::START), full);
        assert_eq!(shown.choose(&[], 7, Mono::START), Ok(7), "no caps bind nothing");
    }
}
