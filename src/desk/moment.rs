//! Moments as people say them: `demain 10h`, `lundi aprem`, `monday 2:30 pm`, `dans 2 heures`.
//!
//! Read on the clock of the person called. French and English are read alike, whatever the page's
//! language: télévendeurs type what they hear. What is not understood is refused, never guessed.

use jiff::civil::{Date, DateTime, Time, Weekday};
use jiff::{Span, ToSpan};

/// A text is not longer than this: the longest that means something is half of it.
const LETTERS_MAX: usize = 60;

/// Why a text is no moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unread {
    /// A word of it is not known.
    #[error("this is no moment: write a day and an hour, such as \"demain 10h\"")]
    Unknown,
    /// It names a day alone.
    #[error("at what hour? write it behind the day, such as \"demain 10h\"")]
    HourMissing,
    /// It is over.
    #[error("that moment is over")]
    Past,
}

/// Reads a moment to come, `now` being that of the person's own clock.
///
/// # Errors
/// The text names none; see [`Unread`].
pub fn read(text: &str, now: DateTime) -> Result<DateTime, Unread> {
    if let Ok(exact) = text.trim().parse::<DateTime>()
        && text.contains(':')
    {
        return later(exact, now);
    }
    let words = words(text).ok_or(Unread::Unknown)?;
    let mut rest = words.iter().map(String::as_str).collect::<Vec<_>>();
    rest.retain(|word| !FILLERS.contains(word));
    if let Some(span) = from_now(&rest) {
        return soon(span, now);
    }
    let day = take(&mut rest, |words| day(words, now.date()));
    let hour = take(&mut rest, hour);
    if !rest.is_empty() {
        return Err(Unread::Unknown);
    }
    match (day, hour) {
        (Some(day), Some(hour)) => that_day(day, hour, now),
        (None, Some(hour)) => {
            let today = now.date().to_datetime(hour);
            if today > now { Ok(today) } else { add(today, 1.days()) }
        }
        (Some(_), None) => Err(Unread::HourMissing),
        (None, None) => Err(Unread::Unknown),
    }
}

/// Words that change nothing.
const FILLERS: [&str; 11] = ["l", "le", "a", "at", "on", "the", "vers", "around", "de", "du", "of"];

/// A day as it was said.
#[derive(Clone, Copy, Debug)]
enum Day {
    /// That one.
    On(Date),
    /// The next day of that name, today if its hour is still to come.
    Next(Weekday),
    /// The next day of that name after today.
    After(Weekday),
}

fn that_day(day: Day, hour: Time, now: DateTime) -> Result<DateTime, Unread> {
    let today = now.date();
    match day {
        Day::On(date) => later(date.to_datetime(hour), now),
        Day::Next(name) if today.weekday() == name && today.to_datetime(hour) > now => {
            Ok(today.to_datetime(hour))
        }
        Day::Next(name) | Day::After(name) => {
            let date = today.nth_weekday(1, name).map_err(|_| Unread::Unknown)?;
            Ok(date.to_datetime(hour))
        }
    }
}

fn later(at: DateTime, now: DateTime) -> Result<DateTime, Unread> {
    if at > now { Ok(at) } else { Err(Unread::Past) }
}

fn add(at: DateTime, span: Span) -> Result<DateTime, Unread> {
    at.checked_add(span).map_err(|_| Unread::Unknown)
}

/// A span from now, to the minute above.
fn soon(span: Span, now: DateTime) -> Result<DateTime, Unread> {
    let at = add(now, span)?;
    let whole = at.date().to_datetime(Time::constant(at.hour(), at.minute(), 0, 0));
    if whole < at { add(whole, 1.minutes()) } else { Ok(whole) }
}

/// Cuts a text into small words without accents; numbers stand apart from letters. `None` of one
/// that is too long.
fn words(text: &str) -> Option<Vec<String>> {
    if text.chars().count() > LETTERS_MAX {
        return None;
    }
    let mut words: Vec<String> = Vec::new();
    let mut glued = false;
    for letter in text.chars().flat_map(char::to_lowercase).map(plain) {
        if letter.is_alphanumeric() || matches!(letter, ':' | '/') {
            let last = words.last().filter(|_| glued).and_then(|word| word.chars().next_back());
            let same = last.is_some_and(|last| last.is_alphabetic() == letter.is_alphabetic());
            match words.last_mut().filter(|_| same) {
                Some(word) => word.push(letter),
                None => words.push(letter.to_string()),
            }
            glued = true;
        } else {
            glued = false;
        }
    }
    Some(words)
}

const fn plain(letter: char) -> char {
    match letter {
        'à' | 'â' => 'a',
        'é' | 'è' | 'ê' => 'e',
        'î' => 'i',
        'ô' => 'o',
        'û' | 'ù' => 'u',
        'ç' => 'c',
        other => other,
    }
}

/// Takes the words that mean something away from the front, or else from the end.
fn take<T>(words: &mut Vec<&str>, read: impl Fn(&[&str]) -> Option<(T, usize)>) -> Option<T> {
    for start in 0..words.len() {
        if let Some((found, taken)) = read(words.get(start..)?) {
            words.drain(start..start + taken);
            return Some(found);
        }
    }
    None
}

/// Reads `dans 2 heures`, `in 30 min`, `dans une semaine`.
fn from_now(words: &[&str]) -> Option<Span> {
    let (["dans" | "in", count, unit] | ["d", "ici", count, unit]) = words else { return None };
    let count: i64 = match *count {
        "un" | "une" | "an" | "one" => 1,
        digits => digits.parse().ok().filter(|count| (1..=999).contains(count))?,
    };
    Some(match *unit {
        "minute" | "minutes" | "min" | "mn" => count.minutes(),
        "heure" | "heures" | "h" | "hour" | "hours" => count.hours(),
        "jour" | "jours" | "j" | "day" | "days" => count.days(),
        "semaine" | "semaines" | "week" | "weeks" => count.weeks(),
        _ => return None,
    })
}

/// Reads the day that words begin with, and how many of them it takes.
fn day(words: &[&str], today: Date) -> Option<(Day, usize)> {
    let ahead = |days: i64, taken| Some((Day::On(today.checked_add(days.days()).ok()?), taken));
    match words {
        ["aujourd", "hui", ..] => ahead(0, 2),
        ["aujourdhui" | "today", ..] => ahead(0, 1),
        ["tonight", ..] | ["ce" | "this" | "cet" | "cette", ..] => ahead(0, 0),
        ["apres", "demain", ..] => ahead(2, 2),
        ["day", "after", "tomorrow", ..] => ahead(2, 3),
        ["demain" | "tomorrow", ..] => ahead(1, 1),
        ["next", name, ..] => Some((Day::After(weekday(name)?), 2)),
        [name, "prochain", ..] => Some((Day::After(weekday(name)?), 2)),
        [name, rest @ ..] if weekday(name).is_some() => match dated(rest, today) {
            Some((date, taken)) => Some((Day::On(date), taken + 1)),
            None => Some((Day::Next(weekday(name)?), 1)),
        },
        _ => dated(words, today).map(|(date, taken)| (Day::On(date), taken)),
    }
}

fn weekday(word: &str) -> Option<Weekday> {
    Some(match word {
        "lundi" | "lun" | "monday" | "mon" => Weekday::Monday,
        "mardi" | "tuesday" | "tue" => Weekday::Tuesday,
        "mercredi" | "mer" | "wednesday" | "wed" => Weekday::Wednesday,
        "jeudi" | "jeu" | "thursday" | "thu" => Weekday::Thursday,
        "vendredi" | "ven" | "friday" | "fri" => Weekday::Friday,
        "samedi" | "sam" | "saturday" | "sat" => Weekday::Saturday,
        "dimanche" | "dim" | "sunday" | "sun" => Weekday::Sunday,
        _ => return None,
    })
}

/// Reads `25/11`, `25/11/2026`, `25 novembre`, `november 25`; a day that is over is next year's.
fn dated(words: &[&str], today: Date) -> Option<(Date, usize)> {
    let number = |word: &str| word.parse::<i8>().ok();
    let in_year = |day: i8, month: i8| {
        let date = Date::new(today.year(), month, day).ok()?;
        if date < today { Date::new(today.year() + 1, month, day).ok() } else { Some(date) }
    };
    if let Some((first, rest)) = words.first().and_then(|word| word.split_once('/')) {
        let (month, year) = match rest.split_once('/') {
            Some((month, year)) => (number(month)?, Some(year.parse::<i16>().ok()?)),
            None => (number(rest)?, None),
        };
        let date = match year {
            Some(year) => {
                Date::new(if year < 100 { year + 2000 } else { year }, month, number(first)?).ok()
            }
            None => in_year(number(first)?, month),
        };
        return Some((date?, 1));
    }
    match words {
        [day, name, ..] if month(name).is_some() => Some((in_year(number(day)?, month(name)?)?, 2)),
        [name, day, ..] if month(name).is_some() => Some((in_year(number(day)?, month(name)?)?, 2)),
        _ => None,
    }
}

fn month(word: &str) -> Option<i8> {
    const MONTHS: [[&str; 2]; 12] = [
        ["janvier", "january"],
        ["fevrier", "february"],
        ["mars", "march"],
        ["avril", "april"],
        ["mai", "may"],
        ["juin", "june"],
        ["juillet", "july"],
        ["aout", "august"],
        ["septembre", "september"],
        ["octobre", "october"],
        ["novembre", "november"],
        ["decembre", "december"],
    ];
    let place = MONTHS.iter().position(|names| names.contains(&word))?;
    i8::try_from(place + 1).ok()
}

/// Reads the hour that words begin with, and how many of them it takes.
fn hour(words: &[&str]) -> Option<(Time, usize)> {
    let at = |hour: i8, minute: i8| Time::new(hour, minute, 0, 0).ok();
    let number = |word: &str| word.parse::<i8>().ok();
    // 12 am is midnight, 12 pm noon.
    let of_half = |hour: i8, half: &str| match (hour, half) {
        (12, "am") => Some(0),
        (1..=11, "am") | (12, "pm") => Some(hour),
        (1..=11, "pm") => Some(hour + 12),
        _ => None,
    };
    match words {
        ["ce" | "this" | "cet" | "cette", rest @ ..] => {
            hour(rest).map(|(time, taken)| (time, taken + 1))
        }
        ["apres", "midi", ..] => Some((at(15, 0)?, 2)),
        ["aprem" | "apresmidi" | "afternoon", ..] => Some((at(15, 0)?, 1)),
        ["midi" | "noon", ..] => Some((at(12, 0)?, 1)),
        ["matin" | "matinee" | "morning", ..] => Some((at(10, 0)?, 1)),
        ["soir" | "soiree" | "evening" | "tonight", ..] => Some((at(18, 30)?, 1)),
        [clock, half @ ("am" | "pm"), ..] => {
            let (hour, minute) = match clock.split_once(':') {
                Some((hour, minute)) => (number(hour)?, number(minute)?),
                None => (number(clock)?, 0),
            };
            Some((at(of_half(hour, half)?, minute)?, 2))
        }
        [clock, ..] if clock.contains(':') => {
            let (hour, minute) = clock.split_once(':')?;
            Some((at(number(hour)?, number(minute)?)?, 1))
        }
        [hour, "h" | "heures" | "heure", "30" | "demi", ..] => Some((at(number(hour)?, 30)?, 3)),
        [hour, "h" | "heures" | "heure", minute, ..]
            if minute.len() == 2 && number(minute).is_some() =>
        {
            Some((at(number(hour)?, number(minute)?)?, 3))
        }
        [hour, "h" | "heures" | "heure", ..] => Some((at(number(hour)?, 0)?, 2)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    /// Tuesday, 24 November 2026, a quarter past two.
    fn now() -> DateTime {
        date(2026, 11, 24).at(14, 15, 20, 0)
    }

    #[test]
    fn moments_are_read_as_people_say_them() {
        let at = |month, day, hour, minute| Ok(date(2026, month, day).at(hour, minute, 0, 0));
        let cases = [
            ("demain 10h", at(11, 25, 10, 0)),
            ("Demain à 10 h 30", at(11, 25, 10, 30)),
            ("lundi 14h30", at(11, 30, 14, 30)),
            ("lundi aprem", at(11, 30, 15, 0)),
            ("lundi après-midi", at(11, 30, 15, 0)),
            ("mardi 17h", at(11, 24, 17, 0)),
            ("mardi 9h", at(12, 1, 9, 0)),
            ("mardi prochain 17h", at(12, 1, 17, 0)),
            ("après-demain matin", at(11, 26, 10, 0)),
            ("apres demain apres midi", at(11, 26, 15, 0)),
            ("ce soir", at(11, 24, 18, 30)),
            ("16h", at(11, 24, 16, 0)),
            ("9h", at(11, 25, 9, 0)),
            ("10h demain", at(11, 25, 10, 0)),
            ("le 30/11 à 11h", at(11, 30, 11, 0)),
            ("lundi 30 novembre 11h15", at(11, 30, 11, 15)),
            ("30/11/2026 11:15", at(11, 30, 11, 15)),
            ("dans 2 heures", at(11, 24, 16, 16)),
            ("dans 30 min", at(11, 24, 14, 46)),
            ("dans une semaine", at(12, 1, 14, 16)),
            ("tomorrow at 10am", at(11, 25, 10, 0)),
            ("monday 2:30 pm", at(11, 30, 14, 30)),
            ("next tuesday 17:00", at(12, 1, 17, 0)),
            ("the day after tomorrow, morning", at(11, 26, 10, 0)),
            ("december 1 noon", at(12, 1, 12, 0)),
            ("aujourd'hui 17h", at(11, 24, 17, 0)),
            ("midi et demi", Err(Unread::Unknown)),
            ("2026-11-25T10:00", at(11, 25, 10, 0)),
            ("2026-11-25 10:00", at(11, 25, 10, 0)),
            ("demain", Err(Unread::HourMissing)),
            ("lundi", Err(Unread::HourMissing)),
            ("aujourd'hui 9h", Err(Unread::Past)),
            ("2026-11-23T10:00", Err(Unread::Past)),
            ("24/11 10h", Err(Unread::Past)),
            ("32/11 10h", Err(Unread::Unknown)),
            ("demain 25h", Err(Unread::Unknown)),
            ("quand il veut", Err(Unread::Unknown)),
            ("", Err(Unread::Unknown)),
        ];
        for (text, expected) in cases {
            assert_eq!(read(text, now()), expected, "{text}");
        }
        let next_year = Ok(date(2027, 11, 23).at(10, 0, 0, 0));
        assert_eq!(read("23/11 10h", now()), next_year);
        assert_eq!(read(&"demain ".repeat(50), now()), Err(Unread::Unknown));
    }
}
