//! Public holidays: rules of the calendar that give each territory its days off, year by year.

use std::collections::BTreeSet;

use jiff::civil::{Date, Weekday};
use serde::{Deserialize, Serialize};

use crate::units::Territory;

/// A public holiday.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holiday {
    /// What it is called where it is kept.
    pub name: String,
    /// The countries and parts of countries that keep it.
    pub territories: Vec<Territory>,
    /// The day of the year.
    pub on: Falls,
    /// What happens when it falls on a weekend.
    pub kept: Kept,
    /// The first year it is kept, and the last.
    pub years: (i16, i16),
}

/// The day of a year on which a holiday falls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Falls {
    /// A day of a month.
    On {
        /// 1 to 12.
        month: i8,
        /// From 1.
        day: i8,
    },
    /// So many days after Easter Sunday, or before.
    Easter(i16),
    /// The nth such weekday of a month; the last of them for -1.
    Nth {
        /// 1 to 4, or -1.
        nth: i8,
        /// 1 for Monday to 7 for Sunday (ISO 8601).
        weekday: i8,
        /// 1 to 12.
        month: i8,
    },
    /// The last such weekday before a day of a month.
    Before {
        /// 1 for Monday to 7 for Sunday (ISO 8601).
        weekday: i8,
        /// 1 to 12.
        month: i8,
        /// From 1.
        day: i8,
    },
}

/// What happens to a holiday on a Saturday or Sunday. The day itself is a holiday all the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kept {
    /// Nothing.
    #[default]
    ThatDay,
    /// A Sunday's is kept on Monday too.
    Sunday,
    /// It is kept on Monday too.
    Monday,
    /// It is kept on the next weekday that is no holiday yet.
    Weekday,
    /// It is kept on the Friday before, or the Monday after.
    Nearest,
}

/// Gives the public holidays of a territory in a year, in order, each once.
#[must_use]
pub fn in_year(holidays: &[Holiday], territory: &Territory, year: i16) -> Vec<Date> {
    let here = |holiday: &&Holiday| holiday.territories.iter().any(|kept| territory.lies_in(kept));
    let here: Vec<&Holiday> = holidays.iter().filter(here).collect();
    // One of January may be kept in the year before.
    let years = [year, year.saturating_add(1)];
    let mut all: Vec<(Date, Kept)> = years
        .into_iter()
        .flat_map(|year| here.iter().filter_map(move |holiday| holiday.in_year(year)))
        .collect();
    all.sort_unstable_by_key(|(day, _)| *day);
    let mut days: BTreeSet<Date> = all.iter().map(|(day, _)| *day).collect();
    for (day, kept) in all {
        days.extend(kept.instead(day, &days));
    }
    days.into_iter().filter(|day| day.year() == year).collect()
}

impl Holiday {
    fn in_year(&self, year: i16) -> Option<(Date, Kept)> {
        let kept = (self.years.0..=self.years.1).contains(&year);
        kept.then(|| self.on.in_year(year)).flatten().map(|day| (day, self.kept))
    }
}

impl Falls {
    fn in_year(self, year: i16) -> Option<Date> {
        match self {
            Self::On { month, day } => Date::new(year, month, day).ok(),
            Self::Easter(days) => shifted(easter(year)?, days),
            Self::Nth { nth, weekday, month } => {
                let first = Date::new(year, month, 1).ok()?;
                first.nth_weekday_of_month(nth, iso(weekday)?).ok()
            }
            Self::Before { weekday, month, day } => {
                Date::new(year, month, day).ok()?.nth_weekday(-1, iso(weekday)?).ok()
            }
        }
    }
}

impl Kept {
    /// Gives the day it is kept on instead of a weekend, beside those taken already.
    fn instead(self, day: Date, taken: &BTreeSet<Date>) -> Option<Date> {
        let (saturday, sunday) =
            (day.weekday() == Weekday::Saturday, day.weekday() == Weekday::Sunday);
        if !saturday && !sunday {
            return None;
        }
        let monday = shifted(day, if saturday { 2 } else { 1 })?;
        match self {
            Self::ThatDay => None,
            Self::Sunday => sunday.then_some(monday),
            Self::Monday => Some(monday),
            Self::Weekday => {
                std::iter::successors(Some(monday), |day| shifted(*day, 1)).find(|day| {
                    let weekend = [Weekday::Saturday, Weekday::Sunday].contains(&day.weekday());
                    !weekend && !taken.contains(day)
                })
            }
            Self::Nearest => {
                if saturday {
                    shifted(day, -1)
                } else {
                    Some(monday)
                }
            }
        }
    }
}

fn shifted(day: Date, days: i16) -> Option<Date> {
    day.checked_add(jiff::SignedDuration::from_hours(i64::from(days) * 24)).ok()
}

fn iso(weekday: i8) -> Option<Weekday> {
    Weekday::from_monday_one_offset(weekday).ok()
}

/// Gives Easter Sunday of the Gregorian calendar, by the rule of the golden number, the epact and
/// the Sunday letter (Meeus, *Astronomical Algorithms*, chapter 8).
fn easter(year: i16) -> Option<Date> {
    let year_of = i32::from(year);
    let golden = year_of % 19;
    let (century, rest) = (year_of / 100, year_of % 100);
    let moon = (century - (century + 8) / 25 + 1) / 3;
    let epact = (19 * golden + century - century / 4 - moon + 15) % 30;
    let letter = (32 + 2 * (century % 4) + 2 * (rest / 4) - epact - rest % 4) % 7;
    let late = (golden + 11 * epact + 22 * letter) / 451;
    let days = epact + letter - 7 * late + 114;
    let (month, day) = (i8::try_from(days / 31).ok()?, i8::try_from(days % 31 + 1).ok()?);
    Date::new(year, month, day).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn easter_falls_where_almanacs_have_it() {
        let dates = [
            (1818, 3, 22),
            (1943, 4, 25),
            (2000, 4, 23),
            (2024, 3, 31),
            (2025, 4, 20),
            (2026, 4, 5),
            (2035, 3, 25),
            (2038, 4, 25),
        ];
        for (year, month, day) in dates {
            assert_eq!(easter(year), Date::new(year, month, day).ok(), "{year}");
        }
    }
}
