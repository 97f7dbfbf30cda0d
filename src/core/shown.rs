//! Numbers shown to those called: what each may carry, when it rests, and whose turn it is.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use super::fact::Carried;
use super::floor::ShownFloor;
use super::pacing::Limit;
use super::trunks::{Blocked, Load, interval};
use crate::units::{Now, ShownId, Span, Wall};

/// What a number shown may carry, in all campaigns that show it together.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cap {
    /// The number.
    pub number: ShownId,
    /// Calls that show it at once at most.
    pub channels: Option<u32>,
    /// Calls that may start showing it per second at most, none together.
    pub calls_per_second: Option<f64>,
    /// Calls that show it in any hour at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calls_per_hour: Option<u32>,
    /// Calls that show it in any 24 hours at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calls_per_day: Option<u32>,
    /// When it rests because networks refuse it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rest: Option<Rest>,
}

impl Cap {
    /// Makes the cap of a number that may carry anything.
    #[must_use]
    pub const fn none(number: ShownId) -> Self {
        Self {
            number,
            channels: None,
            calls_per_second: None,
            calls_per_hour: None,
            calls_per_day: None,
            rest: None,
        }
    }
}

/// When a number rests that networks refuse as an unwanted caller's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rest {
    /// Refusals, 1 to [`BLOCKS_MAX`].
    pub blocks: u32,
    /// The time within which they come.
    pub within: Span,
    /// How long it rests after the last of them.
    pub lasts: Span,
}

/// A number rests only where at least one call in so many was refused meanwhile: some persons have
/// filters of their own, however many calls it places.
pub const ONE_IN: u32 = 10;

/// Refusals are counted up to here.
pub const BLOCKS_MAX: u32 = 100;

impl Default for Rest {
    /// Gives an hour of rest after twenty refusals within an hour.
    fn default() -> Self {
        Self { blocks: 20, within: HOUR, lasts: HOUR }
    }
}

const HOUR: Span = Span::secs(3_600);
const DAY: Span = Span::secs(86_400);

/// The grain in which calls are counted: a day is some 1,440 of these.
pub const GRAIN: Span = Span::secs(60);

/// What one number carries, and what it carried lately.
#[derive(Debug, Default)]
struct Number {
    load: Load,
    /// Calls by the minute they began in, the oldest first.
    calls: VecDeque<(Wall, u32)>,
    /// When networks refused it, the oldest first.
    blocks: VecDeque<Wall>,
}

impl Number {
    /// Counts calls that began at a moment; more in a minute than the clock before it had counted
    /// go to the latest minute, so that the order stands when a clock is set back.
    fn count(&mut self, at: Wall, calls: u32) {
        let minute = at.floor(GRAIN);
        match self.calls.back_mut() {
            Some((last, count)) if *last >= minute => *count = count.saturating_add(calls),
            Some(_) | None => self.calls.push_back((minute, calls)),
        }
        while self.calls.front().is_some_and(|(first, _)| *first + GRAIN + DAY <= at) {
            self.calls.pop_front();
        }
    }

    fn refused(&mut self, at: Wall) {
        self.blocks.push_back(at);
        while self.blocks.len() > BLOCKS_MAX as usize {
            self.blocks.pop_front();
        }
    }

    /// Gives the calls in the last stretch of a length.
    fn within(&self, window: Span, at: Wall) -> u32 {
        let young = self.calls.iter().rev().take_while(|(minute, _)| *minute + GRAIN + window > at);
        young.map(|(_, calls)| *calls).sum()
    }

    /// Says until when a budget is spent, if it is.
    fn spent(&self, most: Option<u32>, window: Span, at: Wall) -> Option<Wall> {
        let most = most?;
        let mut count = self.within(window, at);
        let young = self.calls.iter().skip_while(|(minute, _)| *minute + GRAIN + window <= at);
        for (minute, calls) in young {
            if count < most {
                return None;
            }
            count -= calls;
            if count < most {
                return Some(*minute + GRAIN + window);
            }
        }
        None
    }

    /// Says until when the budgets of its cap are spent, if one is.
    fn spent_until(&self, cap: &Cap, at: Wall) -> Option<Wall> {
        let hour = self.spent(cap.calls_per_hour, HOUR, at);
        hour.max(self.spent(cap.calls_per_day, DAY, at))
    }

    /// Says until when its budgets are spent or it rests, if either is so.
    fn held_until(&self, cap: &Cap, at: Wall) -> Option<Wall> {
        self.spent_until(cap, at).max(self.rests_until(cap, at))
    }

    /// Says until when it rests, if it does.
    fn rests_until(&self, cap: &Cap, at: Wall) -> Option<Wall> {
        let rest = cap.rest?;
        let count = rest.blocks.clamp(1, BLOCKS_MAX) as usize;
        let last = *self.blocks.back()?;
        let first = *self.blocks.get(self.blocks.len().checked_sub(count)?)?;
        let until = last + rest.lasts;
        let meanwhile = self.calls.iter();
        let meanwhile = meanwhile.filter(|(minute, _)| *minute + GRAIN > first && *minute <= last);
        let placed: u32 = meanwhile.map(|(_, calls)| *calls).sum();
        let often = u32::try_from(count).is_ok_and(|count| count * ONE_IN >= placed);
        (often && last.since(first) <= rest.within && until > at).then_some(until)
    }
}

/// What every number with a cap carries.
#[derive(Debug, Default)]
pub(super) struct Shown {
    all: BTreeMap<ShownId, Number>,
}

impl Shown {
    /// Chooses the number of the next call by its place in a campaign's list: the first from
    /// `turn` on, going round, that has room. `caps` has a place for each number, or none at all.
    pub(super) fn choose(&self, caps: &[Option<Cap>], turn: u16, now: Now) -> Result<u16, Blocked> {
        let mut nearest: Option<Blocked> = None;
        let (before, after) = caps.split_at(usize::from(turn).min(caps.len()));
        for (cap, index) in after.iter().zip(turn..).chain(before.iter().zip(0..)) {
            let Err(blocked) = self.room(cap.as_ref(), now) else { return Ok(index) };
            nearest = Some(nearest.map_or(blocked, |nearest| nearest.sooner(blocked)));
        }
        nearest.map_or(Ok(turn), Err)
    }

    /// Says whether a number may show in one more call now.
    pub(super) fn room(&self, cap: Option<&Cap>, now: Now) -> Result<(), Blocked> {
        cap.and_then(|cap| self.blocked(cap, now)).map_or(Ok(()), Err)
    }

    /// Whether a number's budgets are spent, or it rests, beyond a later moment.
    pub(super) fn is_held(&self, cap: &Cap, at: Wall, beyond: Wall) -> bool {
        self.all.get(&cap.number).and_then(|number| number.held_until(cap, at)) > Some(beyond)
    }

    /// Counts a call onto a number.
    pub(super) fn seize(&mut self, cap: &Cap, now: Now) {
        let number = self.all.entry(cap.number).or_default();
        number.load.seize(cap.calls_per_second.map_or(UNBOUND, interval), now.mono);
        number.count(now.wall, 1);
    }

    /// Counts a call off a number.
    pub(super) fn release(&mut self, number: ShownId) {
        if let Some(number) = self.all.get_mut(&number) {
            number.load.release();
        }
    }

    /// Charges a number with a network's refusal.
    pub(super) fn refused(&mut self, number: ShownId, at: Wall) {
        self.all.entry(number).or_default().refused(at);
    }

    /// Takes over what a number carried before.
    pub(super) fn carried(&mut self, number: ShownId, carried: &Carried) {
        let number = self.all.entry(number).or_default();
        carried.calls.iter().for_each(|&(at, calls)| number.count(at, calls));
        carried.blocks.iter().for_each(|&at| number.refused(at));
    }

    /// Gives each number with the calls it carries.
    pub(super) fn each(&self) -> impl Iterator<Item = (ShownId, u32)> {
        self.all.iter().map(|(&number, held)| (number, held.load.busy))
    }

    /// Gives how a number is, as others may see it.
    pub(super) fn told(&self, cap: &Cap, at: Wall) -> ShownFloor {
        let none = Number::default();
        let number = self.all.get(&cap.number).unwrap_or(&none);
        ShownFloor {
            number: cap.number,
            busy: number.load.busy,
            hour: number.within(HOUR, at),
            day: number.within(DAY, at),
            spent_until: number.spent_until(cap, at),
            blocks: number.blocks.iter().filter(|then| **then + DAY > at).count(),
            rests_until: number.rests_until(cap, at),
        }
    }

    fn blocked(&self, cap: &Cap, now: Now) -> Option<Blocked> {
        let number = self.all.get(&cap.number)?;
        let limit = Limit::CallerIds;
        if cap.channels.is_some_and(|channels| number.load.busy >= channels) {
            return Some(Blocked { limit, until: None });
        }
        if let Some(until) = number.held_until(cap, now.wall) {
            let until = Some(now.mono + until.since(now.wall));
            return Some(Blocked { limit, until });
        }
        let token = number.load.next_token(interval(cap.calls_per_second?), 1);
        (token > now.mono).then_some(Blocked { limit, until: Some(token) })
    }
}

/// Between the calls of a number without a rate: the core's own grain.
const UNBOUND: Span = Span::micros(1);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Mono;

    const START: Now = Now { mono: Mono::START, wall: Wall::micros(0) };

    fn at(secs: u64) -> Now {
        let span = Span::secs(secs);
        Now { mono: Mono::START + span, wall: START.wall + span }
    }

    fn cap(number: u16, channels: Option<u32>, calls_per_second: Option<f64>) -> Option<Cap> {
        Some(Cap { channels, calls_per_second, ..Cap::none(ShownId(number)) })
    }

    #[test]
    fn numbers_without_room_are_passed_over_in_the_turn() {
        let mut shown = Shown::default();
        let caps = [cap(1, Some(1), None), None, cap(2, None, Some(0.5))];
        let mut chosen = Vec::new();
        let mut turn = 0;
        for _ in 0..6 {
            let Ok(index) = shown.choose(&caps, turn, START) else { break };
            if let Some(cap) = caps.get(usize::from(index)).and_then(Option::as_ref) {
                shown.seize(cap, START);
            }
            chosen.push(index);
            turn = (index + 1) % 3;
        }
        assert_eq!(chosen, [0, 1, 2, 1, 1, 1]);
        shown.release(ShownId(1));
        assert_eq!(shown.choose(&caps, 2, START), Ok(0));
        assert_eq!(shown.choose(&caps, 2, at(2)), Ok(2));
    }

    #[test]
    fn with_every_number_full_the_nearest_room_is_told() {
        let mut shown = Shown::default();
        let caps = [cap(1, Some(1), None), cap(2, None, Some(0.25)), cap(3, None, Some(0.5))];
        for cap in caps.iter().flatten() {
            shown.seize(cap, START);
        }
        let until = Some(Mono::START + Span::secs(2));
        let full = Err(Blocked { limit: Limit::CallerIds, until });
        assert_eq!(shown.choose(&caps, 1, START), full);
        assert_eq!(shown.choose(&[], 7, START), Ok(7), "no caps bind nothing");
    }

    #[test]
    fn a_budget_is_of_any_hour_and_any_day_and_tells_when_it_opens() {
        let mut shown = Shown::default();
        let cap = Cap { calls_per_hour: Some(2), calls_per_day: Some(3), ..Cap::none(ShownId(1)) };
        let room = |shown: &Shown, secs| {
            let room = shown.room(Some(&cap), at(secs));
            room.map_err(|blocked| blocked.until.map(|until| until.since(Mono::START)))
        };
        shown.seize(&cap, at(10));
        assert_eq!(room(&shown, 20), Ok(()));
        shown.seize(&cap, at(1_810));
        // The first call counts to the end of its minute an hour later.
        assert_eq!(room(&shown, 1_820), Err(Some(Span::secs(3_660))));
        assert_eq!(room(&shown, 3_659), Err(Some(Span::secs(3_660))));
        assert_eq!(room(&shown, 3_660), Ok(()));
        shown.seize(&cap, at(3_660));
        assert_eq!(room(&shown, 20_000), Err(Some(Span::secs(86_460))));
        assert_eq!(room(&shown, 86_460), Ok(()));
        assert_eq!(shown.told(&cap, at(20_000).wall).day, 3);
    }

    #[test]
    fn what_was_carried_before_a_restart_is_spent() {
        let mut shown = Shown::default();
        let cap = Cap { calls_per_hour: Some(4), ..Cap::none(ShownId(3)) };
        let calls = vec![(START.wall, 3), (at(120).wall, 1)];
        shown.carried(ShownId(3), &Carried { calls, blocks: Vec::new() });
        let until = Some(at(3_660).mono);
        let spent = Err(Blocked { limit: Limit::CallerIds, until });
        assert_eq!(shown.room(Some(&cap), at(200)), spent);
        assert_eq!(shown.room(Some(&cap), at(3_660)), Ok(()));
    }

    #[test]
    fn a_number_refused_too_often_rests_and_so_it_does_after_a_restart() {
        let rest = Rest { blocks: 2, within: Span::secs(600), lasts: Span::secs(1_000) };
        let cap = Cap { rest: Some(rest), ..Cap::none(ShownId(1)) };
        let mut shown = Shown::default();
        for (secs, rests) in [(0, None), (700, None), (1_200, Some(2_200))] {
            shown.refused(ShownId(1), at(secs).wall);
            let until = shown.told(&cap, at(secs).wall).rests_until;
            assert_eq!(until, rests.map(|secs| at(secs).wall), "{secs}");
        }
        assert!(shown.room(Some(&cap), at(2_199)).is_err());
        assert_eq!(shown.room(Some(&cap), at(2_200)), Ok(()));
        let blocks = [700, 1_200].map(|secs| at(secs).wall).to_vec();
        let mut again = Shown::default();
        again.carried(ShownId(1), &Carried { calls: Vec::new(), blocks: blocks.clone() });
        assert!(again.room(Some(&cap), at(2_199)).is_err());
        for (calls, rests) in [(20, true), (21, false)] {
            let mut busy = Shown::default();
            let calls = vec![(at(0).wall, 500), (at(720).wall, calls)];
            busy.carried(ShownId(1), &Carried { calls, blocks: blocks.clone() });
            assert_eq!(busy.room(Some(&cap), at(2_199)).is_err(), rests, "one in ten");
        }
    }
}
