//! At which hours of the week people are reached: learnt of every attempt, told of one contact.
//!
//! A beta-binomial model of three levels. With `n` attempts of which `y` reached a person, and a
//! prior beta distribution of mean `p` and weight `m`, the posterior mean of the chance is
//! `(y + m p) / (n + m)` (Gelman et al., *Bayesian Data Analysis*, 3rd edition, §2.4 and §5.3; the
//! weights are counts of attempts that the prior is worth). The campaign's whole rate is the prior
//! of each hour, an hour's rate that of the same hour of one list, and this segment's that of the
//! contact, whose own attempts then count. Twenty attempts' weight keeps an hour with few attempts
//! near the mean of all; the contact's four let a handful of unanswered calls move it to another
//! hour.

use std::collections::BTreeMap;

use jiff::civil::Weekday;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use super::fact::Tried;
use super::order::Outcome;
use crate::units::{ListId, Wall, Zone};

/// The weight of the whole rate for an hour, and of an hour for a segment, in attempts.
const SEGMENT_WEIGHT: f64 = 20.0;

/// The weight of the segment for a contact, in attempts.
const CONTACT_WEIGHT: f64 = 4.0;

/// What is known before the first attempt: one in five reaches a person, worth five attempts.
const BEFORE: Tally = Tally { tried: 5, reached: 1 };

/// How long back the store counts: seasons change whom one finds at home.
pub const KEPT_DAYS: u64 = 90;

/// An hour of the week, of which all working days are one: 24 of a working day, of a Saturday and
/// of a Sunday.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Hour(u8);

/// Attempts, and how many of them reached a person.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Attempts that could have reached somebody.
    pub tried: u32,
    /// Those that did.
    pub reached: u32,
}

/// What an hour brought in one list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Habit {
    /// The list; `None` for contacts without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub list: Option<ListId>,
    /// The hour, in the called number's zone.
    pub hour: Hour,
    /// What it brought.
    pub tally: Tally,
}

/// What is known of a campaign's hours.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Habits {
    all: Tally,
    hours: BTreeMap<Hour, Tally>,
    segments: BTreeMap<(Option<ListId>, Hour), Tally>,
}

/// The chance to reach a contact at an hour, and what it was reckoned of.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Odds {
    /// The chance, 0 to 1.
    pub chance: f64,
    /// The attempts of the contact's list at that hour.
    pub segment: Tally,
    /// The contact's own at that hour.
    pub own: Tally,
}

impl Hour {
    /// Gives the hour of a moment in a zone; `None` in a zone the data does not know.
    #[must_use]
    pub fn of(at: Wall, zone: &Zone) -> Option<Self> {
        TimeZone::get(zone.name()).ok().map(|zone| Self::there(at, &zone))
    }

    /// Gives the hour of a moment.
    pub(super) fn there(at: Wall, zone: &TimeZone) -> Self {
        let local = at.timestamp().to_zoned(zone.clone());
        let class = match local.weekday() {
            Weekday::Saturday => 24,
            Weekday::Sunday => 48,
            Weekday::Monday
            | Weekday::Tuesday
            | Weekday::Wednesday
            | Weekday::Thursday
            | Weekday::Friday => 0,
        };
        Self(class + local.hour().unsigned_abs())
    }
}

impl Tally {
    fn add(&mut self, other: Self) {
        self.tried = self.tried.saturating_add(other.tried);
        self.reached = self.reached.saturating_add(other.reached);
    }

    /// Gives the posterior mean under a prior of that mean and weight.
    fn under(self, mean: f64, weight: f64) -> f64 {
        (f64::from(self.reached) + weight * mean) / (f64::from(self.tried) + weight)
    }
}

/// Says whether an outcome reached a person; `None` where it tells nothing of the hour.
#[must_use]
pub fn reached(outcome: Outcome) -> Option<bool> {
    match outcome {
        Outcome::Connected | Outcome::Abandoned => Some(true),
        Outcome::Machine | Outcome::Busy | Outcome::NoAnswer | Outcome::Declined => Some(false),
        Outcome::Invalid
        | Outcome::Cancelled
        | Outcome::Congestion
        | Outcome::TrunkFault
        | Outcome::Blocked
        | Outcome::Interrupted => None,
    }
}

impl Habits {
    /// Takes what an hour brought.
    pub fn learn(&mut self, habit: Habit) {
        self.all.add(habit.tally);
        self.hours.entry(habit.hour).or_default().add(habit.tally);
        self.segments.entry((habit.list, habit.hour)).or_default().add(habit.tally);
    }

    /// Takes what one attempt brought.
    pub(super) fn note(&mut self, list: Option<ListId>, hour: Hour, outcome: Outcome) {
        let Some(reached) = reached(outcome) else { return };
        let tally = Tally { tried: 1, reached: u32::from(reached) };
        self.learn(Habit { list, hour, tally });
    }

    /// Gives the chance to reach a contact at an hour; its attempts are told with their hours.
    pub(super) fn odds(&self, list: Option<ListId>, hour: Hour, own: &[(Hour, bool)]) -> Odds {
        let mut all = self.all;
        all.add(BEFORE);
        let mean = f64::from(all.reached) / f64::from(all.tried);
        let of = |tally: Option<&Tally>| tally.copied().unwrap_or_default();
        let mean = of(self.hours.get(&hour)).under(mean, SEGMENT_WEIGHT);
        let segment = of(self.segments.get(&(list, hour)));
        let mean = segment.under(mean, SEGMENT_WEIGHT);
        let mut tally = Tally::default();
        for (_, reached) in own.iter().filter(|(then, _)| *then == hour) {
            tally.add(Tally { tried: 1, reached: u32::from(*reached) });
        }
        Odds { chance: tally.under(mean, CONTACT_WEIGHT), segment, own: tally }
    }

    /// Gives the chance to reach a contact at a moment, for whoever asks why it is called then;
    /// `None` in a zone the data does not know.
    #[must_use]
    pub fn explain(
        &self,
        list: Option<ListId>,
        tried: &[Tried],
        zone: &Zone,
        at: Wall,
    ) -> Option<Odds> {
        let zone = TimeZone::get(zone.name()).ok()?;
        Some(self.odds(list, Hour::there(at, &zone), &own_hours(tried, &zone)))
    }
}

/// Gives the hours of a contact's attempts, and whether they reached a person.
pub(super) fn own_hours(tried: &[Tried], zone: &TimeZone) -> Vec<(Hour, bool)> {
    let hour = |tried: &Tried| Some((Hour::there(tried.at, zone), reached(tried.outcome)?));
    tried.iter().filter_map(hour).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: Option<ListId> = Some(ListId(1));
    const MORNING: Hour = Hour(10);
    const EVENING: Hour = Hour(18);

    fn learnt() -> Habits {
        let mut habits = Habits::default();
        for (hour, tried, reached) in [(MORNING, 100, 10), (EVENING, 100, 30)] {
            habits.learn(Habit { list: LIST, hour, tally: Tally { tried, reached } });
        }
        habits
    }

    #[test]
    fn the_chance_is_the_posterior_mean_of_each_level() {
        let odds = learnt().odds(LIST, EVENING, &[]);
        let whole = 41.0 / 205.0;
        let hour = (30.0 + 20.0 * whole) / 120.0;
        let segment = (30.0 + 20.0 * hour) / 120.0;
        assert!((odds.chance - segment).abs() < 1e-12, "{odds:?}");
        assert_eq!(odds.segment, Tally { tried: 100, reached: 30 });
    }

    #[test]
    fn another_list_without_attempts_expects_what_the_hour_brings() {
        let habits = learnt();
        let [own, other] = [LIST, None].map(|list| habits.odds(list, EVENING, &[]).chance);
        assert!(own > other && other > habits.odds(None, MORNING, &[]).chance);
    }

    #[test]
    fn unanswered_calls_of_its_own_move_a_contact_to_another_hour() {
        let habits = learnt();
        let own = [(EVENING, false); 8];
        let evening = |count: usize| habits.odds(LIST, EVENING, &own[..count]).chance;
        let morning = habits.odds(LIST, MORNING, &own).chance;
        assert!(evening(2) > morning, "two do not");
        assert!(evening(8) < morning, "eight do");
        let two = [(MORNING, true); 2];
        assert!(habits.odds(LIST, MORNING, &two).chance > evening(0), "two answers bring it back");
    }

    #[test]
    fn working_days_are_one_and_the_weekend_is_apart() -> Result<(), crate::units::UnknownZone> {
        let paris = Zone::new("Europe/Paris")?;
        let monday = Wall::micros(1_700_481_600_000_000);
        let day = |days: u64| monday + crate::units::Span::secs(days * 86_400);
        let hours = [0, 1, 5, 6].map(|days| Hour::of(day(days), &paris).map(|hour| hour.0));
        assert_eq!(hours, [Some(13), Some(13), Some(37), Some(61)]);
        Ok(())
    }
}
