//! The course of a day: what happened in each five minutes, and in which stretch it was worst.

use std::collections::VecDeque;

use super::report::{count, share};
use crate::units::{Mono, Ratio, Span};

/// The length of a slot.
pub const SLOT: Span = Span::secs(300);
/// The longest campaign-day: a week, far more than any.
pub const DAY_MAX: Span = Span::secs(7 * 86_400);
/// Slots of a day at most.
#[expect(clippy::cast_possible_truncation, reason = "a week has 2,016 slots")]
const SLOTS_MAX: usize = (DAY_MAX.as_micros() / SLOT.as_micros()) as usize;
/// Answers of the window whose abandon share is watched (pacing.md §3, "worst 500 answers").
const WINDOW: usize = 500;
/// Slots of a clock hour, and the answers below which an hour is no sample.
const HOUR: usize = 12;
const HOUR_ANSWERS_MIN: u64 = 30;

/// What happened in five minutes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Slot {
    /// Time agents talked or wrote up.
    pub busy: Span,
    /// Time agents waited for a call.
    pub idle: Span,
    /// Live answers bridged to an agent.
    pub connected: u64,
    /// Live answers no agent came for.
    pub abandoned: u64,
}

impl Slot {
    /// Adds another slot's counts.
    pub fn add(&mut self, other: &Self) {
        self.busy += other.busy;
        self.idle += other.idle;
        self.connected += other.connected;
        self.abandoned += other.abandoned;
    }

    /// Gives the occupancy; `None` if no agent was at work.
    #[must_use]
    pub fn occupancy(&self) -> Option<Ratio> {
        let at_work = self.busy + self.idle;
        (at_work > Span::ZERO).then(|| share(self.busy.as_secs_f64(), at_work.as_secs_f64()))
    }

    /// Gives the abandon share, 0 without answers.
    #[must_use]
    pub fn abandon(&self) -> Ratio {
        share(count(self.abandoned), count(self.abandoned + self.connected))
    }
}

/// A day's slots, in order, and its worst stretch.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Course {
    /// What happened in each five minutes.
    pub slots: Vec<Slot>,
    /// Whether each of the latest answers was abandoned.
    latest: VecDeque<bool>,
    abandoned: usize,
    worst: f64,
}

impl Course {
    fn slot(&mut self, moment: Mono) -> Option<&mut Slot> {
        let nth = moment.since(Mono::START).as_micros() / SLOT.as_micros();
        let nth = usize::try_from(nth).ok().filter(|nth| *nth < SLOTS_MAX)?;
        if self.slots.len() <= nth {
            self.slots.resize(nth + 1, Slot::default());
        }
        self.slots.get_mut(nth)
    }

    /// Books an agent's time from a moment to another.
    pub(super) fn book(&mut self, busy: bool, since: Mono, until: Mono) {
        let mut from = since;
        while from < until {
            let slots = from.since(Mono::START).as_micros() / SLOT.as_micros() + 1;
            let ends = Mono::START + SLOT.times(slots);
            let part = ends.min(until).since(from);
            let Some(slot) = self.slot(from) else { return };
            if busy {
                slot.busy += part;
            } else {
                slot.idle += part;
            }
            from = ends;
        }
    }

    /// Counts a live answer.
    pub(super) fn answered(&mut self, now: Mono, abandoned: bool) {
        if let Some(slot) = self.slot(now) {
            slot.connected += u64::from(!abandoned);
            slot.abandoned += u64::from(abandoned);
        }
        if self.latest.len() == WINDOW {
            self.abandoned -= usize::from(self.latest.pop_front() == Some(true));
        }
        self.latest.push_back(abandoned);
        self.abandoned += usize::from(abandoned);
        if self.latest.len() == WINDOW {
            self.worst = self.worst.max(count(self.abandoned as u64) / count(WINDOW as u64));
        }
    }

    /// Gives the greatest abandon share of 500 consecutive answers; of all, if there are fewer.
    #[must_use]
    pub fn worst_window(&self) -> Ratio {
        if self.latest.len() < WINDOW {
            return share(count(self.abandoned as u64), count(self.latest.len() as u64));
        }
        Ratio::new(self.worst)
    }

    /// Gives the greatest abandon share of a clock hour with 30 answers or more, 0 without one.
    #[must_use]
    pub fn worst_hour(&self) -> Ratio {
        let hour = |slots: &[Slot]| {
            let mut hour = Slot::default();
            slots.iter().for_each(|slot| hour.add(slot));
            hour
        };
        let hours = self.slots.chunks(HOUR).map(hour);
        let sampled = hours.filter(|hour| hour.connected + hour.abandoned >= HOUR_ANSWERS_MIN);
        Ratio::new(sampled.map(|hour| hour.abandon().get()).fold(0.0, f64::max))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: u64) -> Mono {
        Mono::START + Span::secs(secs)
    }

    #[test]
    fn time_is_booked_to_the_slots_it_lies_in() {
        let mut course = Course::default();
        course.book(true, at(290), at(910));
        course.book(false, at(0), at(10));
        let busy: Vec<u64> = course.slots.iter().map(|slot| slot.busy.as_millis()).collect();
        assert_eq!(busy, [10_000, 300_000, 300_000, 10_000]);
        assert_eq!(course.slots.first().map(|slot| slot.idle), Some(Span::secs(10)));
    }

    #[test]
    fn the_worst_stretch_is_found_wherever_it_lies() {
        let mut course = Course::default();
        for nth in 0..1_000_u64 {
            course.answered(at(10 * nth), (100..150).contains(&nth));
        }
        assert_eq!(course.worst_window(), Ratio::new(0.1));
        // 360 answers an hour, all 50 in the first.
        assert!((course.worst_hour().get() - 50.0 / 360.0).abs() < 1e-9);
    }
}
