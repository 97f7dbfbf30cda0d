//! Human units: `"1h30m"`, `"3%"`, `"2/s"`, `"4/30d"`.

use crate::core::rules::AttemptCap;
use crate::units::{Ratio, Span};

/// The units of time, longest name of each last; `j` is the French day.
const UNITS: [(&str, u64); 10] = [
    ("ms", 1),
    ("s", 1_000),
    ("m", 60_000),
    ("min", 60_000),
    ("h", 3_600_000),
    ("d", 86_400_000),
    ("j", 86_400_000),
    ("day", 86_400_000),
    ("days", 86_400_000),
    ("jours", 86_400_000),
];

/// The longest time that may be written: a century, by judgement; more is a slip of the keys.
const LONGEST: Span = Span::secs(36_525 * 86_400);

/// Reads a length of time such as `500ms`, `2s`, `1h30m`, `30d`.
///
/// # Errors
/// The text is no length of time, or longer than a century; the message says so in the user's
/// words.
pub fn span(text: &str) -> Result<Span, String> {
    let wrong =
        || "is no length of time: write one such as \"30s\", \"1h30m\" or \"30d\"".to_owned();
    let mut rest = text.trim();
    let mut total = Span::ZERO;
    if rest.is_empty() {
        return Err(wrong());
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
        let (count, tail) = rest.split_at(digits);
        let tail = tail.trim_start();
        let letters = tail.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(letters);
        let (_, millis) = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(wrong)?;
        let count: u64 = count.parse().map_err(|_| wrong())?;
        total += Span::millis(*millis).times(count);
        rest = tail.trim_start();
    }
    if total > LONGEST {
        return Err("is longer than a century: write one such as \"30s\" or \"30d\"".to_owned());
    }
    Ok(total)
}

/// Writes a length of time in its largest whole unit.
#[must_use]
pub fn say(span: Span) -> String {
    let millis = span.as_millis();
    let units = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000)];
    match units.iter().find(|(_, unit)| millis >= *unit && millis.is_multiple_of(*unit)) {
        Some((name, unit)) => format!("{}{name}", millis / unit),
        None if millis == 0 => "0s".to_owned(),
        None => format!("{millis}ms"),
    }
}

/// Reads a share such as `3%` or `2.5 %`; a decimal comma is taken too.
///
/// # Errors
/// The text is no share between 0 % and 100 %.
pub fn ratio(text: &str) -> Result<Ratio, String> {
    let number = text.trim().strip_suffix('%').map(|number| number.trim().replace(',', "."));
    match number.and_then(|number| number.parse::<f64>().ok()) {
        Some(percent) if (0.0..=100.0).contains(&percent) => Ok(Ratio::new(percent / 100.0)),
        Some(_) | None => Err("is no share: write one such as \"3%\", from 0% to 100%".to_owned()),
    }
}

/// Writes a share in percent.
#[must_use]
pub fn say_ratio(ratio: Ratio) -> String {
    // Six decimals of a percent, so that 7 % is not 7.000000000000001.
    format!("{}%", libm::round(ratio.get() * 1e8) / 1e6)
}

/// Reads a rate such as `2/s` or `30/min`.
///
/// # Errors
/// The text is no rate above zero.
pub fn per_second(text: &str) -> Result<f64, String> {
    let (number, per) = match text.trim().split_once('/') {
        Some((number, "s")) => (number, 1.0),
        Some((number, "min" | "m")) => (number, 60.0),
        Some(_) | None => ("", 1.0),
    };
    match number.trim().replace(',', ".").parse::<f64>() {
        Ok(number) if number > 0.0 && number <= 10_000.0 => Ok(number / per),
        Ok(_) | Err(_) => Err("is no rate: write one such as \"2/s\" or \"30/min\"".to_owned()),
    }
}

/// Reads an attempt cap such as `4/30d`.
///
/// # Errors
/// The text is no cap of at least one attempt.
pub fn attempt_cap(text: &str) -> Result<AttemptCap, String> {
    let wrong = || "is no attempt cap: write one such as \"4/30d\"".to_owned();
    let (max, window) = text.split_once('/').ok_or_else(wrong)?;
    let max: u32 = max.trim().parse().map_err(|_| wrong())?;
    let window = span(window).map_err(|_| wrong())?;
    if max == 0 || window == Span::ZERO { Err(wrong()) } else { Ok(AttemptCap { max, window }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_carry_their_unit() {
        let good = [
            ("500ms", 500),
            ("2s", 2_000),
            ("1h30m", 5_400_000),
            ("15 min", 900_000),
            ("30d", 2_592_000_000),
            ("30j", 2_592_000_000),
        ];
        for (text, millis) in good {
            assert_eq!(span(text), Ok(Span::millis(millis)), "{text}");
        }
        for bad in ["", "2", "s", "2 parsecs", "-2s", "1.5h", "2s!", "36526d", "50005000050000s0s"]
        {
            assert!(span(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_said_reads_back_as_the_same_length() {
        for millis in [0, 1, 1_000, 90_000, 3_600_000, 86_400_000, 259_200_000] {
            assert_eq!(span(&say(Span::millis(millis))), Ok(Span::millis(millis)));
        }
    }

    #[test]
    fn shares_and_rates_need_their_sign() {
        assert_eq!(ratio("2,5 %"), Ok(Ratio::new(0.025)));
        assert_eq!(say_ratio(Ratio::new(0.07)), "7%");
        assert_eq!(say_ratio(Ratio::new(0.025)), "2.5%");
        assert!(ratio("0.03").is_err() && ratio("101%").is_err() && ratio("-1%").is_err());
        assert_eq!(per_second("30/min"), Ok(0.5));
        assert!(per_second("2").is_err() && per_second("0/s").is_err());
    }

    #[test]
    fn a_cap_is_so_many_within_so_long() {
        let cap = AttemptCap { max: 4, window: Span::secs(30 * 86_400) };
        assert_eq!(attempt_cap("4/30d"), Ok(cap));
        assert!(attempt_cap("0/30d").is_err() && attempt_cap("4").is_err());
    }
}
