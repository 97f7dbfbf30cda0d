//! Calling windows: `"lun-ven 10:00-13:00, 14:00-20:00"`.

use crate::core::rules::{DaySpan, Week};

/// The days of a week from Monday, French then English.
const DAYS: [[&str; 2]; 7] = [
    ["lundi", "monday"],
    ["mardi", "tuesday"],
    ["mercredi", "wednesday"],
    ["jeudi", "thursday"],
    ["vendredi", "friday"],
    ["samedi", "saturday"],
    ["dimanche", "sunday"],
];

/// The shortest abbreviation of a day that no other day shares in either language.
const DAY_LETTERS_MIN: usize = 3;

/// The windows of D.223-9 of the French consumer code (décret 2022-1313): Monday to Friday, 10 to
/// 13 and 14 to 20 o'clock; on public holidays the law pack says no.
pub const FR_D223_9: &str = "lun-ven 10:00-13:00, 14:00-20:00";

/// Adds the windows of one or several day groups, separated by `;`, to a week.
///
/// # Errors
/// The text is no such list, or a window overlaps another one.
pub fn add(week: &mut Week, text: &str) -> Result<(), String> {
    for group in text.split(';') {
        let (days, spans) = group.trim().split_once(char::is_whitespace).ok_or_else(|| {
            "names no day and window: write \"lun-ven 10:00-13:00, 14:00-20:00\"".to_owned()
        })?;
        add_days(week, days, spans)?;
    }
    Ok(())
}

/// Adds windows to the named days: `lun-ven`, `mon`, `lun,mer,ven`.
///
/// # Errors
/// A day or a window cannot be read, or a window overlaps another one.
pub fn add_days(week: &mut Week, days: &str, spans: &str) -> Result<(), String> {
    let spans = spans.split(',').map(day_span).collect::<Result<Vec<_>, _>>()?;
    for day in these_days(days)? {
        let Some(of_day) = week.days.get_mut(day) else { continue };
        of_day.extend(&spans);
        of_day.sort_by_key(|span| span.from);
        if of_day.windows(2).any(|pair| matches!(pair, [a, b] if a.to > b.from)) {
            return Err("has windows of one day that overlap".to_owned());
        }
    }
    Ok(())
}

/// Reads a day group into places from Monday, 0.
fn these_days(text: &str) -> Result<Vec<usize>, String> {
    let mut days = Vec::new();
    for part in text.split(',') {
        match part.split_once('-') {
            None => days.push(day(part)?),
            Some((first, last)) => {
                let (first, last) = (day(first)?, day(last)?);
                let length = (last + 7 - first) % 7;
                days.extend((0..=length).map(|offset| (first + offset) % 7));
            }
        }
    }
    Ok(days)
}

/// Reads a day of the week: 1 for Monday to 7 for Sunday (ISO 8601).
///
/// # Errors
/// The text names none.
pub(super) fn weekday(text: &str) -> Result<i8, String> {
    Ok(i8::try_from(day(text)?).unwrap_or(6) + 1)
}

fn day(text: &str) -> Result<usize, String> {
    let text = text.trim().to_lowercase();
    let named = |names: &[&str; 2]| names.iter().any(|name| name.starts_with(&text));
    let found = DAYS.iter().position(named).filter(|_| text.len() >= DAY_LETTERS_MIN);
    found.ok_or_else(|| format!("names no day: {text:?} is neither lun…dim nor mon…sun"))
}

/// Reads one window such as `10:00-13:00` or `14h-20h`.
///
/// # Errors
/// The text is no window.
pub(super) fn day_span(text: &str) -> Result<DaySpan, String> {
    let wrong = || format!("has no window: {:?} is not like 10:00-13:00", text.trim());
    let (from, to) = text.split_once('-').ok_or_else(wrong)?;
    let (from, to) = (minute(from).ok_or_else(wrong)?, minute(to).ok_or_else(wrong)?);
    let window = text.trim();
    if from.max(to) > DAY_MINUTES {
        Err(format!("has a window past the day: {window:?} goes beyond 24:00"))
    } else if from >= to {
        Err(format!("has a window that does not end after its beginning: {window:?}"))
    } else {
        Ok(DaySpan { from, to })
    }
}

/// The minutes of a day.
const DAY_MINUTES: u16 = 1_440;

/// Reads `10:00`, `10h30` or `10h` as minutes after midnight; `24:00` is the end of the day, and
/// what is beyond is left to the caller.
fn minute(text: &str) -> Option<u16> {
    let (hours, minutes) = text.trim().split_once([':', 'h'])?;
    let two_digits = |text: &str| text.len() <= 2 && text.bytes().all(|b| b.is_ascii_digit());
    let minutes = if minutes.is_empty() { "0" } else { minutes };
    if !two_digits(hours) || !two_digits(minutes) {
        return None;
    }
    let (hours, minutes) = (hours.parse::<u16>().ok()?, minutes.parse::<u16>().ok()?);
    (minutes < 60).then_some(hours * 60 + minutes)
}

/// Writes a week as it would be configured, days of equal windows together.
#[must_use]
pub fn say(week: &Week) -> String {
    let short = |day: usize| DAYS.get(day).and_then(|names| names[0].get(..3)).unwrap_or("");
    let mut groups: Vec<(usize, usize)> = Vec::new();
    for (day, spans) in week.days.iter().enumerate().filter(|(_, spans)| !spans.is_empty()) {
        match groups.last_mut() {
            Some((first, last)) if *last + 1 == day && week.days.get(*first) == Some(spans) => {
                *last = day;
            }
            Some(_) | None => groups.push((day, day)),
        }
    }
    let clock = |minute: u16| format!("{:02}:{:02}", minute / 60, minute % 60);
    let group = |(first, last): &(usize, usize)| {
        let days = if first == last {
            short(*first).to_owned()
        } else {
            format!("{}-{}", short(*first), short(*last))
        };
        let spans = week.days.get(*first).map(Vec::as_slice).unwrap_or_default();
        let window = |span: &DaySpan| format!("{}-{}", clock(span.from), clock(span.to));
        format!("{days} {}", spans.iter().map(window).collect::<Vec<_>>().join(", "))
    };
    groups.iter().map(group).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn week(text: &str) -> Result<Week, String> {
        let mut week = Week::default();
        add(&mut week, text)?;
        Ok(week)
    }

    #[test]
    fn the_french_windows_are_two_spans_on_five_days() -> Result<(), String> {
        let week = week(FR_D223_9)?;
        let spans = vec![DaySpan { from: 600, to: 780 }, DaySpan { from: 840, to: 1_200 }];
        for (day, found) in week.days.iter().enumerate() {
            assert_eq!(*found, if day < 5 { spans.clone() } else { Vec::new() }, "day {day}");
        }
        Ok(())
    }

    #[test]
    fn french_and_english_days_mean_the_same() -> Result<(), String> {
        assert_eq!(
            week("lun-ven 10h-13h; samedi 9h30-12h")?,
            week("Mon-Fri 10:00-13:00; sat 9:30-12:00")?
        );
        assert_eq!(week("ven-lun 10:00-11:00")?, week("fri,sat,sun,mon 10:00-11:00")?);
        Ok(())
    }

    #[test]
    fn a_week_reads_back_what_it_says() -> Result<(), String> {
        for text in [FR_D223_9, "lun-dim 00:00-24:00", "mar 10:00-12:00; sam-dim 9:05-10:00"] {
            let first = week(text)?;
            assert_eq!(week(&say(&first))?, first, "{text}");
        }
        Ok(())
    }

    #[test]
    fn nonsense_is_refused() {
        for bad in [
            "",
            "lun",
            "lun-ven",
            "10:00-13:00",
            "lu 10:00-11:00",
            "foo 10:00-11:00",
            "lun 13:00-10:00",
            "lun 10:00-10:00",
            "lun 10:60-11:00",
            "lun 10:00-24:01",
            "lun 10:00-12:00, 11:00-13:00",
            "lun +1:00-2:00",
        ] {
            assert!(week(bad).is_err(), "{bad}");
        }
    }
}
