//! Public holidays by country: data in the folder beside this file, and in a centre's own files.

use std::path::Path;

use super::hours::weekday;
use super::reader::{Fields, Reader, Value};
use crate::core::rules::holidays::{Falls, Holiday, Kept};
use crate::units::Territory;

/// The countries whose holidays come along.
const BUILT_IN: [(&str, &str); 8] = [
    ("BE", include_str!("holidays/be.toml")),
    ("CA", include_str!("holidays/ca.toml")),
    ("DE", include_str!("holidays/de.toml")),
    ("ES", include_str!("holidays/es.toml")),
    ("FR", include_str!("holidays/fr.toml")),
    ("GB", include_str!("holidays/gb.toml")),
    ("IT", include_str!("holidays/it.toml")),
    ("US", include_str!("holidays/us.toml")),
];

/// What `kept` may say.
const KEPT: [(&str, Kept); 4] = [
    ("sunday", Kept::Sunday),
    ("monday", Kept::Monday),
    ("weekday", Kept::Weekday),
    ("nearest", Kept::Nearest),
];

const ORDINALS: [(&str, i8); 5] = [("1st", 1), ("2nd", 2), ("3rd", 3), ("4th", 4), ("last", -1)];

const FORMS: &str = "is no day of a year: write 05-01, easter+39, \"1st monday of 09\" or \
                     \"monday before 05-25\"";

/// Gives the holidays of a country and all its parts; none for a country that has no file.
#[must_use]
pub fn of_country(code: &str) -> Vec<Holiday> {
    let file = BUILT_IN.iter().find(|(country, _)| *country == code);
    file.map(|(country, text)| read(country, text).0).unwrap_or_default()
}

/// Reads a country's file, with the problems it has.
fn read(country: &str, text: &str) -> (Vec<Holiday>, Vec<super::Problem>) {
    let path = format!("holidays {country}");
    let reader = Reader::new(Path::new(&path), text);
    let Some(document) = reader.parse() else { return (Vec::new(), reader.finish()) };
    let fields = Fields::root(&reader, &document);
    let whole = Territory::new(country).ok();
    let holidays = fields.tables("holiday");
    let holidays = holidays.iter().filter_map(|fields| holiday(fields, whole.as_ref())).collect();
    fields.finish();
    (holidays, reader.finish())
}

fn holiday(fields: &Fields<'_, '_>, country: Option<&Territory>) -> Option<Holiday> {
    let name = fields.must("name", "\"Noël\"").and_then(|value| value.name());
    let on = fields.must("on", "\"12-25\"").and_then(|value| value.parse(falls));
    let kept = fields.or("kept", Kept::ThatDay, |value| value.choice(&KEPT));
    let year =
        |value: &Value<'_, '_>| value.whole(1900..=2200).and_then(|year| i16::try_from(year).ok());
    let years = (fields.or("from", i16::MIN, year), fields.or("until", i16::MAX, year));
    let territories = match fields.get("in") {
        Some(value) => value.list().iter().filter_map(territory).collect(),
        None => country.into_iter().cloned().collect(),
    };
    fields.finish();
    Some(Holiday { name: name?, territories, on: on?, kept, years })
}

fn territory(value: &Value<'_, '_>) -> Option<Territory> {
    value.parse(|code| {
        Territory::new(code).map_err(|_| "is no territory: write FR or FR-974".to_owned())
    })
}

/// Reads the day of a year.
fn falls(text: &str) -> Result<Falls, String> {
    let wrong = || FORMS.to_owned();
    if let Some(days) = text.strip_prefix("easter") {
        let days = if days.is_empty() { Ok(0) } else { days.parse() };
        return days.map(Falls::Easter).map_err(|_| wrong());
    }
    if let Some((day, date)) = text.split_once(" before ") {
        let (month, day_of_month) = month_day(date).ok_or_else(wrong)?;
        return Ok(Falls::Before { weekday: weekday(day)?, month, day: day_of_month });
    }
    if let Some((nth, month)) = text.split_once(" of ") {
        let (nth, day) = nth.split_once(' ').ok_or_else(wrong)?;
        let nth = ORDINALS.iter().find(|(word, _)| *word == nth).ok_or_else(wrong)?.1;
        let month = month.parse().ok().filter(|month| (1..=12).contains(month));
        return Ok(Falls::Nth { nth, weekday: weekday(day)?, month: month.ok_or_else(wrong)? });
    }
    let (month, day) = month_day(text).ok_or_else(wrong)?;
    Ok(Falls::On { month, day })
}

/// Reads a month and a day that a leap year has.
fn month_day(text: &str) -> Option<(i8, i8)> {
    let (month, day) = text.split_once('-')?;
    let (month, day) = (month.parse().ok()?, day.parse().ok()?);
    jiff::civil::Date::new(2024, month, day).ok().map(|_| (month, day))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::rules::holidays::in_year;
    use jiff::civil::{Date, Weekday};

    #[test]
    fn every_file_that_comes_along_can_be_read() {
        for (country, text) in BUILT_IN {
            let (holidays, problems) = read(country, text);
            assert!(problems.is_empty() && holidays.len() >= 10, "{country}: {problems:?}");
        }
        assert!(of_country("XX").is_empty());
    }

    /// Every territory and year of 2024 to 2035, worked out by the Python library holidays 0.109.
    const KNOWN: &str = include_str!("../../tests/it/law/holidays.txt");

    #[test]
    fn holidays_fall_where_another_calendar_has_them() -> Result<(), Box<dyn std::error::Error>> {
        let mut seen = 0;
        for line in KNOWN.lines().filter(|line| !line.starts_with('#')) {
            let mut words = line.split(' ');
            let territory = Territory::new(words.next().unwrap_or_default())?;
            let year: i16 = words.next().unwrap_or_default().parse()?;
            let days: Result<Vec<Date>, _> =
                words.map(|day| format!("{year}-{day}").parse()).collect();
            // Sundays are in no calling window; calendars differ in whether they name them.
            let weekday = |day: &Date| day.weekday() != Weekday::Sunday;
            let known: Vec<Date> = days?.into_iter().filter(weekday).collect();
            let all = of_country(territory.country());
            let ours: Vec<Date> =
                in_year(&all, &territory, year).into_iter().filter(weekday).collect();
            assert_eq!(ours, known, "{line}");
            seen += 1;
        }
        assert_eq!(seen, 52 * 12);
        Ok(())
    }

    #[test]
    fn a_day_that_no_year_has_is_refused() {
        for text in ["", "02-30", "13-01", "easter+x", "5th monday of 01", "monday before 02-31"] {
            assert!(falls(text).is_err(), "{text}");
        }
        assert_eq!(falls("last monday of 05"), Ok(Falls::Nth { nth: -1, weekday: 1, month: 5 }));
    }
}
