//! A cell of a list → a telephone number with its class and zone.

use rlibphonenumber::{PhoneNumber, PhoneNumberFormat, PhoneNumberType, Region};

use super::territory;
use crate::core::fact::NumberClass;
use crate::store::NewNumber;
use crate::units::{Number, Zone};

/// Why a cell is no telephone number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotAPhone {
    /// A spreadsheet rounded it to a few digits: `3,36E+10`.
    DigitsLost,
    /// It has the wrong length or prefix.
    Invalid,
    /// Its country has several time zones and nothing says which.
    ZoneUnknown,
}

/// A telephone number as read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Phone {
    /// The number, its class and zone.
    pub(super) number: NewNumber,
    /// Whether the cell had to be mended.
    pub(super) repaired: bool,
}

/// A cell is no longer than this: the longest honest one has a prefix, blanks and an extension.
const CELL_CHARS_MAX: usize = 64;

/// The French overseas prefixes after the 0, with the country code that reaches them
/// (plan de numérotation, Arcep). 639 98 is kept for fiction in metropolitan France.
const OVERSEAS: [(&str, &str); 15] = [
    ("262", "262"),
    ("263", "262"),
    ("269", "262"),
    ("639", "262"),
    ("692", "262"),
    ("693", "262"),
    ("590", "590"),
    ("690", "590"),
    ("691", "590"),
    ("594", "594"),
    ("694", "594"),
    ("596", "596"),
    ("696", "596"),
    ("697", "596"),
    ("508", "508"),
];

/// The block of mobile numbers kept for fiction (Arcep, décision 2018-0881).
const FICTION: &str = "+3363998";

/// The zones of countries with one, by the digits a number begins with, longest first (IANA).
const ZONES: [(&str, &str); 26] = [
    ("+262269", "Indian/Mayotte"),
    ("+262639", "Indian/Mayotte"),
    ("+262", "Indian/Reunion"),
    ("+590", "America/Guadeloupe"),
    ("+594", "America/Cayenne"),
    ("+596", "America/Martinique"),
    ("+508", "America/Miquelon"),
    ("+687", "Pacific/Noumea"),
    ("+689", "Pacific/Tahiti"),
    ("+681", "Pacific/Wallis"),
    ("+33", "Europe/Paris"),
    ("+31", "Europe/Amsterdam"),
    ("+32", "Europe/Brussels"),
    ("+34", "Europe/Madrid"),
    ("+350", "Europe/Gibraltar"),
    ("+352", "Europe/Luxembourg"),
    ("+353", "Europe/Dublin"),
    ("+377", "Europe/Monaco"),
    ("+39", "Europe/Rome"),
    ("+41", "Europe/Zurich"),
    ("+43", "Europe/Vienna"),
    ("+44", "Europe/London"),
    ("+45", "Europe/Copenhagen"),
    ("+46", "Europe/Stockholm"),
    ("+47", "Europe/Oslo"),
    ("+49", "Europe/Berlin"),
];

/// Reads a cell; numbers without a country code are of `region`. What the list tells of where the
/// person lives, the zone and the postal code, comes before what the number tells.
///
/// # Errors
/// The cell is no telephone number; see [`NotAPhone`].
pub(super) fn read(
    cell: &str,
    region: Region,
    (zone, postal_code): (Option<&Zone>, Option<&str>),
) -> Result<Phone, NotAPhone> {
    let (text, unwrapped) = unwrap(cell);
    if text.chars().count() > CELL_CHARS_MAX {
        return Err(NotAPhone::Invalid);
    }
    let rounded = |text: &str| {
        let digits = text.to_ascii_uppercase();
        digits.contains("E+") && digits.starts_with(|c: char| c.is_ascii_digit())
    };
    if rounded(&text) {
        return Err(NotAPhone::DigitsLost);
    }
    let (written, mended) = if region == Region::FR { french(&text) } else { (text, false) };
    let parsed = rlibphonenumber::PHONE_NUMBER_UTIL
        .parse(&written, Some(region))
        .map_err(|_| NotAPhone::Invalid)?;
    let e164 = parsed.format_as(PhoneNumberFormat::E164);
    let fiction = e164.starts_with(FICTION) && e164.len() == "+33639980000".len();
    if !fiction && !parsed.is_valid() {
        return Err(NotAPhone::Invalid);
    }
    let number = Number::new(&e164).map_err(|_| NotAPhone::Invalid)?;
    let zone = zone.cloned().or_else(|| usual_zone(&number)).ok_or(NotAPhone::ZoneUnknown)?;
    let class = if fiction { NumberClass::Mobile } else { class(&parsed) };
    let territory = territory::of(&number, postal_code);
    Ok(Phone {
        number: NewNumber { number, zone, territory, class },
        repaired: unwrapped || mended,
    })
}

/// Takes off what spreadsheets put around numbers: `="06…"`, `'06…`, hard blanks.
fn unwrap(cell: &str) -> (String, bool) {
    let inner = cell.trim().trim_start_matches("=\"").trim_start_matches('\'');
    let inner = inner.trim_end_matches('"');
    let text = inner.replace(['\u{a0}', '\u{202f}', '\u{2009}'], " ").replace("(0)", "");
    let changed = inner.len() != cell.trim().len();
    (text.trim().to_owned(), changed)
}

/// Writes a French number internationally: lost zeros given back, overseas prefixes told apart.
fn french(text: &str) -> (String, bool) {
    let signs = |c: &char| !matches!(c, ' ' | '.' | '-' | '/' | '(' | ')');
    let compact: String = text.chars().filter(signs).collect();
    let all_digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let (national, mended) = if let Some(rest) = compact.strip_prefix("+33") {
        (rest.trim_start_matches('0'), false)
    } else if let Some(rest) = compact.strip_prefix("0033") {
        (rest.trim_start_matches('0'), false)
    } else if compact.len() == 11 && compact.starts_with("33") {
        (compact.get(2..).unwrap_or(""), true)
    } else if compact.len() == 10 && compact.starts_with('0') {
        (compact.get(1..).unwrap_or(""), false)
    } else if compact.len() == 9 && !compact.starts_with('0') {
        (compact.as_str(), true)
    } else {
        return (text.to_owned(), false);
    };
    if national.len() != 9 || !all_digits(national) {
        return (text.to_owned(), false);
    }
    let overseas = OVERSEAS.iter().find(|(prefix, _)| national.starts_with(prefix));
    let country = match overseas {
        Some(_) if national.starts_with("63998") => "33",
        Some((_, country)) => country,
        None => "33",
    };
    (format!("+{country}{national}"), mended)
}

/// Gives the zone of a number whose country has one; `None` for the others.
#[must_use]
pub fn usual_zone(number: &Number) -> Option<Zone> {
    let digits = number.reveal();
    let (_, zone) = ZONES.iter().find(|(prefix, _)| digits.starts_with(prefix))?;
    Zone::new(zone).ok()
}

fn class(number: &PhoneNumber) -> NumberClass {
    let class = number.get_type();
    if class == PhoneNumberType::FixedLine {
        NumberClass::Fixed
    } else if class == PhoneNumberType::Mobile {
        NumberClass::Mobile
    } else {
        NumberClass::Other
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fr(cell: &str) -> Result<(String, NumberClass, String, bool), NotAPhone> {
        let phone = read(cell, Region::FR, (None, None))?;
        let number = phone.number;
        let zone = number.zone.name().to_owned();
        Ok((number.number.reveal().to_owned(), number.class, zone, phone.repaired))
    }

    #[test]
    fn french_numbers_are_read_in_every_dress() {
        let cells = [
            ("01 99 00 12 34", false),
            ("01.99.00.12.34", false),
            ("+33 (0)1 99 00 12 34", false),
            ("0033199001234", false),
            ("01\u{202f}99\u{a0}00 12 34", false),
            ("199001234", true),
            ("33199001234", true),
            ("=\"0199001234\"", true),
            ("'0199001234", true),
        ];
        for (cell, repaired) in cells {
            let expected =
                ("+33199001234".into(), NumberClass::Fixed, "Europe/Paris".into(), repaired);
            assert_eq!(fr(cell), Ok(expected), "{cell}");
        }
    }

    #[test]
    fn numbers_kept_for_fiction_are_mobile_and_metropolitan() {
        let expected = ("+33639981234".into(), NumberClass::Mobile, "Europe/Paris".into(), false);
        assert_eq!(fr("06 39 98 12 34"), Ok(expected));
    }

    #[test]
    fn overseas_numbers_have_their_own_country_and_zone() {
        let cells = [
            ("0262 20 12 34", "+262262201234", "Indian/Reunion"),
            ("0692 20 12 34", "+262692201234", "Indian/Reunion"),
            ("0639 20 12 34", "+262639201234", "Indian/Mayotte"),
            ("0590 20 12 34", "+590590201234", "America/Guadeloupe"),
            ("0694 20 12 34", "+594694201234", "America/Cayenne"),
            ("0696 20 12 34", "+596696201234", "America/Martinique"),
        ];
        for (cell, number, zone) in cells {
            let read = fr(cell).map(|(number, _, zone, _)| (number, zone));
            assert_eq!(read, Ok((number.into(), zone.into())), "{cell}");
        }
    }

    #[test]
    fn what_cannot_be_known_is_refused() {
        assert_eq!(fr("3,36E+10"), Err(NotAPhone::DigitsLost));
        assert_eq!(fr("01 99 00 12"), Err(NotAPhone::Invalid));
        assert_eq!(fr("néant"), Err(NotAPhone::Invalid));
        assert_eq!(fr("+1 202 555 0123"), Err(NotAPhone::ZoneUnknown));
    }

    #[test]
    fn other_regions_are_read_as_theirs() -> Result<(), Box<dyn std::error::Error>> {
        let phone =
            read("020 7946 0123", Region::GB, (None, None)).map_err(|e| format!("{e:?}"))?;
        assert_eq!(phone.number.number.reveal(), "+442079460123");
        assert_eq!(phone.number.zone.name(), "Europe/London");
        let zone = Zone::new("America/New_York")?;
        let phone = read("(202) 555-0123", Region::US, (Some(&zone), None))
            .map_err(|e| format!("{e:?}"))?;
        assert_eq!(phone.number.number.reveal(), "+12025550123");
        Ok(())
    }
}
