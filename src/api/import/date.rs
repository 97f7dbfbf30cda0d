//! A day or a moment as spreadsheets write it.

use jiff::civil::{self, DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};

use crate::units::{Wall, Zone};

/// The day before the first in a spreadsheet's count, but for the 29 February 1900 it has and the
/// calendar has not (ECMA-376, part 1, §18.17.4.1).
const SERIAL_ZERO: civil::Date = civil::date(1899, 12, 30);

/// Days in that count that are taken for dates: 2000 to 2099.
const SERIALS: core::ops::RangeInclusive<i64> = 36_526..=73_050;

/// Seconds of a day.
const DAY_S: f64 = 86_400.0;

/// The months by their French and English names.
const MONTHS: [(&str, i8); 24] = [
    ("janvier", 1),
    ("fevrier", 2),
    ("mars", 3),
    ("avril", 4),
    ("mai", 5),
    ("juin", 6),
    ("juillet", 7),
    ("aout", 8),
    ("septembre", 9),
    ("octobre", 10),
    ("novembre", 11),
    ("decembre", 12),
    ("january", 1),
    ("february", 2),
    ("march", 3),
    ("april", 4),
    ("may", 5),
    ("june", 6),
    ("july", 7),
    ("august", 8),
    ("september", 9),
    ("october", 10),
    ("november", 11),
    ("december", 12),
];

/// A date as a list writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Date {
    /// A day.
    Day(civil::Date),
    /// A day and a time on the clock there.
    Clock(DateTime),
    /// A moment with its offset.
    Moment(Timestamp),
}

impl Date {
    /// Reads `12/09/2026`, `12.9.26 14:30`, `12 septembre 2026`, ISO 8601 and a spreadsheet's count
    /// of days; `month_first` reads `09/12/2026` as Americans do. `None` for anything else.
    pub(super) fn read(cell: &str, month_first: bool) -> Option<Self> {
        let cell = cell.trim();
        if let Ok(number) = cell.replace(',', ".").parse::<f64>()
            && let Some(date) = serial(number)
        {
            return Some(date);
        }
        if let Ok(moment) = cell.parse() {
            return Some(Self::Moment(moment));
        }
        let iso = cell.bytes().take_while(u8::is_ascii_digit).count() == 4;
        if iso && cell.contains(':') {
            return cell.parse().ok().map(Self::Clock);
        }
        if cell.len() == 8 && cell.bytes().all(|byte| byte.is_ascii_digit()) {
            return cell.parse().ok().map(Self::Day);
        }
        let words = cell.split(['/', '.', '-', ' ', ',', '\u{a0}', '\u{202f}']);
        let words: Vec<String> = words.map(plain).filter(|word| !is_filler(word)).collect();
        let (day, time) = match words.as_slice() {
            [one, two, three] => (day([one, two, three], month_first)?, None),
            [one, two, three, time] => (day([one, two, three], month_first)?, Some(time)),
            _ => return None,
        };
        match time {
            None => Some(Self::Day(day)),
            Some(time) => clock(time).map(|time| Self::Clock(day.to_datetime(time))),
        }
    }

    /// Gives the moment it begins in a zone.
    pub(super) fn begins(self, zone: &Zone) -> Option<Wall> {
        let zone = TimeZone::get(zone.name()).ok()?;
        let local = match self {
            Self::Day(day) => day.to_datetime(Time::midnight()),
            Self::Clock(local) => local,
            Self::Moment(moment) => return Some(Wall::from(moment)),
        };
        zone.to_timestamp(local).ok().map(Wall::from)
    }

    /// Gives the first moment after it: a day is over at its end.
    pub(super) fn ends(self, zone: &Zone) -> Option<Wall> {
        match self {
            Self::Day(day) => Self::Day(day.tomorrow().ok()?).begins(zone),
            Self::Clock(_) | Self::Moment(_) => self.begins(zone),
        }
    }
}

/// Reads a spreadsheet's count of days, with the time of day behind the point.
fn serial(number: f64) -> Option<Date> {
    let days = number.floor();
    #[expect(clippy::cast_possible_truncation, reason = "checked by the range below")]
    let whole = days as i64;
    if !SERIALS.contains(&whole) {
        return None;
    }
    let day = SERIAL_ZERO.checked_add(whole.days()).ok()?;
    #[expect(clippy::cast_possible_truncation, reason = "a part of a day has few seconds")]
    let seconds = ((number - days) * DAY_S).round() as i64;
    if seconds == 0 {
        return Some(Date::Day(day));
    }
    day.to_datetime(Time::midnight()).checked_add(seconds.seconds()).ok().map(Date::Clock)
}

/// Reads day, month and year in the order they come in.
fn day([one, two, three]: [&str; 3], month_first: bool) -> Option<civil::Date> {
    let named = |word: &str| word.starts_with(char::is_alphabetic);
    let year_first = one.len() == 4 && one.bytes().all(|byte| byte.is_ascii_digit());
    let (day, month, year) = if year_first {
        (three, two, one)
    } else if named(one) || month_first && !named(two) {
        (two, one, three)
    } else {
        (one, two, three)
    };
    let bare = ["er", "st", "nd", "rd", "th"].iter().find_map(|end| day.strip_suffix(end));
    let year: i16 = match year.len() {
        2 => 2_000 + year.parse::<i16>().ok()?,
        4 => year.parse().ok()?,
        _ => return None,
    };
    let month = if named(month) { month_of(month)? } else { month.parse().ok()? };
    civil::Date::new(year, month, bare.unwrap_or(day).parse().ok()?).ok()
}

/// Finds a month by its name or the beginning of it, if no other begins so.
fn month_of(word: &str) -> Option<i8> {
    let mut fitting = MONTHS.iter().filter(|(name, _)| word.len() >= 3 && name.starts_with(word));
    let (_, month) = fitting.next()?;
    fitting.all(|(_, other)| other == month).then_some(*month)
}

/// Reads `14:30`, `14:30:05` or `14h30`.
fn clock(word: &str) -> Option<Time> {
    let word = word.replace('h', ":");
    let mut parts = word.split(':').map(|part| if part.is_empty() { "0" } else { part });
    let mut part = || parts.next().map_or(Some(0), |part| part.parse::<i8>().ok());
    let time = Time::new(part()?, part()?, part()?, 0).ok()?;
    parts.next().is_none().then_some(time)
}

/// Tells whether a word says nothing of the date.
fn is_filler(word: &str) -> bool {
    word.is_empty() || ["le", "a", "at", "of", "the"].contains(&word)
}

/// Writes a word in small letters without accents.
fn plain(word: &str) -> String {
    word.trim().to_lowercase().replace(['é', 'è'], "e").replace(['û', 'ù'], "u").replace('à', "a")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(cell: &str) -> Option<String> {
        Date::read(cell, false).map(|date| match date {
            Date::Day(day) => day.to_string(),
            Date::Clock(local) => local.to_string(),
            Date::Moment(moment) => moment.to_string(),
        })
    }

    #[test]
    fn dates_are_read_as_french_and_english_spreadsheets_write_them() {
        for cell in [
            "12/09/2026",
            "12-09-2026",
            "12.9.26",
            "le 12 septembre 2026",
            "12 sept. 2026",
            "September 12, 2026",
            "12th Sep 2026",
            "2026-09-12",
            "2026/09/12",
            "20260912",
            "46277",
            " 12/09/26 ",
        ] {
            assert_eq!(told(cell).as_deref(), Some("2026-09-12"), "{cell}");
        }
        for cell in [
            "12/09/2026 14:30",
            "12/09/2026 à 14h30",
            "2026-09-12T14:30",
            "2026-09-12 14:30:00",
            "46277,6041666667",
            "46277.6041666667",
        ] {
            assert_eq!(told(cell).as_deref(), Some("2026-09-12T14:30:00"), "{cell}");
        }
        assert_eq!(told("1er mars 2026").as_deref(), Some("2026-03-01"));
        assert_eq!(told("3 août 2026").as_deref(), Some("2026-08-03"));
        assert_eq!(told("2026-09-12T14:30:00+02:00").as_deref(), Some("2026-09-12T12:30:00Z"));
        assert_eq!(Date::read("09/12/2026", true), Date::read("12/09/2026", false));
    }

    #[test]
    fn what_is_no_date_is_none() {
        for cell in [
            "",
            "oui",
            "31/02/2026",
            "12/13/2026",
            "12/09",
            "2026",
            "12 jui 2026",
            "##########",
            "12/09/2026 25:00",
            "0",
            "99999",
            "hier",
            "12/09/226",
            "１２/09/2026",
            "-1",
            "NaN",
        ] {
            assert_eq!(told(cell), None, "{cell}");
        }
    }

    #[test]
    fn a_day_begins_and_ends_at_the_midnights_there() -> Result<(), Box<dyn std::error::Error>> {
        let zone = Zone::new("Indian/Reunion")?;
        let day = Date::read("12/09/2026", false).ok_or("no date")?;
        let wall = |text: &str| text.parse::<Timestamp>().map(Wall::from);
        assert_eq!(day.begins(&zone), Some(wall("2026-09-11T20:00:00Z")?));
        assert_eq!(day.ends(&zone), Some(wall("2026-09-12T20:00:00Z")?));
        Ok(())
    }
}
