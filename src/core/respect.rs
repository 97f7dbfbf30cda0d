//! What is owed to agents: a breath between two calls, a ceiling on their occupancy, and a fair
//! share of the hard calls.

use core::cmp::Ordering;
use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::fact::Lead;
use crate::units::{Mono, Ratio, Span, whole};

/// What a campaign owes to the agents who took its calls; nothing by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// How long an agent is left alone after the end of a write-up, or of a talk that needs none.
    pub breath: Span,
    /// The greatest share of an agent's last hour of work spent in talk and write-up, above 0.
    pub occupancy_max: Option<Ratio>,
    /// From the how-manieth attempt on a contact is a hard one, to be shared fairly among the
    /// agents; attempts a trunk refused do not count.
    pub hard_from: Option<u32>,
}

impl Settings {
    /// Whether a call to this contact is one of the hard ones.
    pub(super) fn is_hard(&self, lead: &Lead) -> bool {
        let attempt = lead.attempts.saturating_sub(lead.faults).saturating_add(1);
        self.hard_from.is_some_and(|from| attempt >= from)
    }
}

/// Why an agent rests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rest {
    /// The breath after a call.
    Breath,
    /// Talk and write-up are above their ceiling.
    Occupancy,
}

impl Rest {
    /// Names the reason as its serialized form does.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Breath => "breath",
            Self::Occupancy => "occupancy",
        }
    }
}

/// The work over which occupancy is counted, breaks left out: long enough that one long call does
/// not send an agent away for as long again, short enough that a hard hour is paid back in it.
pub const WINDOW: Span = Span::secs(3_600);

/// Who comes back after this long begins a new shift: longer than a lunch, shorter than a night.
const NIGHT: Span = Span::secs(6 * 3_600);

/// Busy pieces kept of the window: a call every five seconds for an hour, which nobody has. The
/// oldest are forgotten beyond it.
const PIECES_MAX: usize = 720;

/// What an agent has done in this shift.
#[derive(Debug, Default)]
pub(super) struct Shift {
    /// Work so far: everything but breaks.
    worked: Span,
    /// When in that work he talked or wrote up, the oldest first, as far as the window reaches.
    busy: VecDeque<(Span, Span)>,
    /// Calls taken, and the hard ones among them.
    taken: u64,
    hard: u64,
    /// What the campaign of the latest call owes.
    owed: Settings,
    /// When the breath after it is over.
    breath_until: Mono,
}

impl Shift {
    /// Begins the shift anew if the agent was away for a night.
    pub(super) fn begin(&mut self, away: Span) {
        if away >= NIGHT {
            *self = Self::default();
        }
    }

    /// Counts a call taken, of a campaign that owes so much.
    pub(super) fn take(&mut self, owed: Settings, hard: bool) {
        self.owed = owed;
        self.taken += 1;
        self.hard += u64::from(hard);
    }

    /// The latest call is over, its write-up included.
    pub(super) fn done(&mut self, now: Mono) {
        self.breath_until = now + self.owed.breath;
    }

    /// Counts time at work.
    pub(super) fn pass(&mut self, busy: bool, time: Span) {
        let from = self.worked;
        self.worked += time;
        if busy && time > Span::ZERO {
            match self.busy.back_mut().filter(|(_, to)| *to == from) {
                Some((_, to)) => *to = self.worked,
                None => self.busy.push_back((from, self.worked)),
            }
        }
        let gone = |&(_, to): &(Span, Span)| to + WINDOW <= self.worked;
        while self.busy.len() > PIECES_MAX || self.busy.front().is_some_and(gone) {
            self.busy.pop_front();
        }
    }

    /// Says until when the agent must rest before the next call, and why; `None` if he may take
    /// one now.
    pub(super) fn rest(&self, now: Mono) -> Option<(Mono, Rest)> {
        let cools = self.owed.occupancy_max.map_or(Span::ZERO, |ceiling| self.cools(ceiling));
        let (breath, cool) = (self.breath_until, now + cools);
        let (until, why) =
            if breath >= cool { (breath, Rest::Breath) } else { (cool, Rest::Occupancy) };
        (until > now).then_some((until, why))
    }

    /// How long the agent must do nothing until his occupancy is at a ceiling or below it: the
    /// share of the window, or of the shift so far while it is shorter. Never more than
    /// `(1 − ceiling) · WINDOW`: whoever rested that long is below it whatever went before.
    fn cools(&self, ceiling: Ratio) -> Span {
        let start = self.worked - WINDOW;
        let pieces = || self.busy.iter().map(|&(from, to)| (from.max(start), to));
        let busy = pieces().fold(Span::ZERO, |sum, (from, to)| sum + (to - from));
        let micros = |span: Span| span.as_secs_f64() * 1e6;
        let most = Span::micros(whole(libm::floor(ceiling.get() * micros(WINDOW))));
        if busy == Span::ZERO {
            return Span::ZERO;
        }
        if busy <= most {
            let enough = Span::micros(whole(libm::ceil(micros(busy) / ceiling.get())));
            return enough.min(WINDOW) - self.worked;
        }
        // The oldest of it must leave the window.
        let mut excess = busy - most;
        for (from, to) in pieces() {
            if to - from >= excess {
                return from + excess + WINDOW - self.worked;
            }
            excess = excess - (to - from);
        }
        WINDOW
    }

    /// Compares two agents' shares of hard calls; who took none yet has the smallest.
    pub(super) fn burden(&self, other: &Self) -> Ordering {
        let weighed = |one: &Self, other: &Self| one.hard.saturating_mul(other.taken.max(1));
        weighed(self, other).cmp(&weighed(other, self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::ContactId;

    fn owing(breath: u64, ceiling: f64) -> Settings {
        let occupancy_max = Some(Ratio::new(ceiling));
        Settings { breath: Span::secs(breath), occupancy_max, hard_from: None }
    }

    /// The share of busy seconds in the last hour of seconds worked.
    fn share(seconds: &[bool]) -> f64 {
        let last = &seconds[seconds.len().saturating_sub(3_600)..];
        let busy = last.iter().filter(|&&busy| busy).count();
        #[expect(clippy::cast_precision_loss, reason = "an hour has few seconds")]
        let share = busy as f64 / last.len().max(1) as f64;
        share
    }

    #[test]
    fn a_rest_ends_in_the_first_second_at_or_below_the_ceiling() {
        let mut draw = 7_u64;
        let mut below = |most: u64| {
            draw = draw.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (draw >> 33) % most
        };
        for ceiling in [0.5, 0.7, 0.85, 0.95] {
            let (mut shift, mut seconds, mut rested) = (Shift::default(), Vec::new(), 0);
            shift.take(owing(0, ceiling), false);
            for _ in 0..200 {
                for (busy, most) in [(false, 40), (true, 400)] {
                    let time = below(most);
                    shift.pass(busy, Span::secs(time));
                    seconds.extend((0..time).map(|_| busy));
                }
                let rest = shift.cools(Ratio::new(ceiling));
                assert!(rest <= Span::from_secs_f64((1.0 - ceiling) * 3_600.0 + 1e-6), "{rest}");
                let (mut waited, mut so_far) = (0, seconds.clone());
                while share(&so_far) > ceiling + 1e-9 {
                    so_far.push(false);
                    waited += 1;
                }
                assert_eq!(rest.as_micros().div_ceil(1_000_000), waited, "after {rested}");
                shift.pass(false, rest);
                seconds.extend((0..waited).map(|_| false));
                // Whole seconds on both sides, so that they stay comparable.
                shift.pass(false, Span::secs(waited) - rest);
                rested += waited;
                assert_eq!(shift.cools(Ratio::new(ceiling)), Span::ZERO);
            }
            assert!(rested > 0, "the ceiling of {ceiling} never bound");
        }
    }

    #[test]
    fn the_longer_of_breath_and_rest_counts_and_says_why() {
        let now = Mono::START + Span::secs(100);
        let mut shift = Shift::default();
        assert_eq!(shift.rest(now), None);
        shift.take(owing(10, 0.8), false);
        shift.pass(true, Span::secs(30));
        shift.done(now);
        assert_eq!(shift.rest(now), Some((now + Span::secs(10), Rest::Breath)));
        shift.pass(true, Span::secs(30));
        assert_eq!(shift.rest(now), Some((now + Span::secs(15), Rest::Occupancy)));
        shift.pass(false, Span::secs(15));
        assert_eq!(shift.rest(now + Span::secs(15)), None);
    }

    #[test]
    fn the_shortest_calls_fill_no_more_than_their_room() {
        let mut shift = Shift::default();
        shift.take(owing(0, 0.5), false);
        for _ in 0..2_000 {
            shift.pass(true, Span::secs(1));
            shift.pass(false, Span::secs(1));
        }
        assert_eq!(shift.busy.len(), PIECES_MAX);
        assert_eq!(shift.cools(Ratio::new(0.5)), Span::ZERO);
    }

    #[test]
    fn who_took_the_smaller_share_of_hard_calls_comes_first() {
        let of = |taken, hard| Shift { taken, hard, ..Shift::default() };
        assert_eq!(of(10, 2).burden(&of(5, 1)), Ordering::Equal);
        assert_eq!(of(10, 1).burden(&of(5, 1)), Ordering::Less);
        assert_eq!(of(0, 0).burden(&of(5, 1)), Ordering::Less);
        assert_eq!(of(1, 1).burden(&of(5, 1)), Ordering::Greater);
    }

    #[test]
    fn a_contact_is_hard_from_an_attempt_on_that_was_its_own() {
        let lead =
            |attempts, faults| Lead { attempts, faults, ..Lead::new(ContactId(1), Vec::new()) };
        let third = Settings { hard_from: Some(3), ..Settings::default() };
        assert!(!third.is_hard(&lead(1, 0)) && third.is_hard(&lead(2, 0)));
        assert!(!third.is_hard(&lead(4, 3)) && !Settings::default().is_hard(&lead(9, 0)));
    }

    #[test]
    fn a_night_away_begins_a_new_shift_and_a_lunch_does_not() {
        let mut shift = Shift::default();
        shift.take(owing(0, 0.5), true);
        shift.begin(Span::secs(3_600));
        assert_eq!(shift.hard, 1);
        shift.begin(NIGHT);
        assert_eq!((shift.hard, shift.taken), (0, 0));
    }
}
