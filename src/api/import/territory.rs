//! A telephone number → the territory whose law holds for it.

use rlibphonenumber::{PHONE_NUMBER_UTIL, PhoneNumber, Region};

use super::fiction;
use crate::units::{Number, Territory};

/// Whose country code Saint-Barthélemy and Saint-Martin share.
const GUADELOUPE: &str = "FR-971";

/// Parts of France and of the United States that have country codes or regions of their own, with
/// their ISO 3166-2 codes.
const PARTS: [(Region, &str); 16] = [
    (Region::GP, GUADELOUPE),
    (Region::MQ, "FR-972"),
    (Region::GF, "FR-973"),
    (Region::RE, "FR-974"),
    (Region::YT, "FR-976"),
    (Region::BL, "FR-BL"),
    (Region::MF, "FR-MF"),
    (Region::NC, "FR-NC"),
    (Region::PF, "FR-PF"),
    (Region::PM, "FR-PM"),
    (Region::WF, "FR-WF"),
    (Region::AS, "US-AS"),
    (Region::GU, "US-GU"),
    (Region::MP, "US-MP"),
    (Region::PR, "US-PR"),
    (Region::VI, "US-VI"),
];

/// Beginnings of postal codes, La Poste's or INSEE's, where holidays are others than the number
/// tells: Alsace and Moselle (code du travail, L.3134-13), and Saint-Barthélemy and Saint-Martin,
/// which share Guadeloupe's country code.
const POSTAL_CODES: [(&str, &str); 7] = [
    ("57", "FR-57"),
    ("67", "FR-67"),
    ("68", "FR-68"),
    ("97133", "FR-BL"),
    ("977", "FR-BL"),
    ("97150", "FR-MF"),
    ("978", "FR-MF"),
];

/// Beginnings of the landline numbers of Alsace and Moselle (Arcep; libphonenumber's places).
const ALSACE_MOSELLE: [(&str, &str); 7] = [
    ("+33367", "FR-67"),
    ("+33368", "FR-67"),
    ("+33369", "FR-68"),
    ("+33387", "FR-57"),
    ("+33388", "FR-67"),
    ("+33389", "FR-68"),
    ("+33390", "FR-67"),
];

/// Gives the territory whose law holds for a number; `None` for one kept for fiction, which is
/// nobody's, and for one of no country.
///
/// The postal code tells Alsace and Moselle from the rest of metropolitan France, and
/// Saint-Barthélemy and Saint-Martin from Guadeloupe; without one, a landline number of Alsace or
/// Moselle does.
#[must_use]
pub fn of(number: &Number, postal_code: Option<&str>) -> Option<Territory> {
    let parsed = PHONE_NUMBER_UTIL.parse(number.reveal(), None).ok()?;
    of_parsed(&parsed, number.reveal(), postal_code)
}

/// As [`of`], for a number that was parsed already and its digits from the `+` on.
pub(super) fn of_parsed(
    parsed: &PhoneNumber,
    e164: &str,
    postal_code: Option<&str>,
) -> Option<Territory> {
    if fiction::kept(e164) {
        return None;
    }
    let region = PHONE_NUMBER_UTIL.get_region_for_number(parsed)?;
    let postal_code = postal_code.and_then(french_postal_code);
    let antilles = [Region::GP, Region::BL, Region::MF].contains(&region);
    let told = match postal_code {
        Some(code) if region == Region::FR => begins(&POSTAL_CODES, &code),
        Some(code) if antilles => begins(&POSTAL_CODES, &code).or(Some(GUADELOUPE)),
        None if region == Region::FR => begins(&ALSACE_MOSELLE, e164),
        Some(_) | None => None,
    };
    let part = PARTS.iter().find(|(part, _)| *part == region).map(|(_, code)| *code);
    match told.or(part) {
        Some(code) => Territory::new(code).ok(),
        None => Territory::new(&region.to_string()).ok(),
    }
}

fn begins(known: &[(&'static str, &'static str)], text: &str) -> Option<&'static str> {
    known.iter().find(|(start, _)| text.starts_with(start)).map(|(_, code)| *code)
}

/// Gives the five digits of a French postal code: `67 000`, `F-67000`, `67000 Strasbourg`.
fn french_postal_code(text: &str) -> Option<String> {
    let signs = text.chars().filter(|sign| !sign.is_whitespace());
    let from = signs.skip_while(|sign| sign.is_alphabetic() || "-.'".contains(*sign));
    let digits: String = from.take_while(char::is_ascii_digit).take(5).collect();
    (digits.len() == 5).then_some(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_numbers_place_is_its_countrys_or_its_own_part() -> Result<(), Box<dyn std::error::Error>> {
        let cases = [
            ("+33612345678", None, Some("FR")),
            ("+33388123456", Some("67000"), Some("FR-67")),
            ("+33387123456", Some("57000"), Some("FR-57")),
            ("+33612345678", Some("67 000"), Some("FR-67")),
            ("+33612345678", Some("F-67000"), Some("FR-67")),
            ("+33612345678", Some("FR-68000"), Some("FR-68")),
            ("+33612345678", Some("67000 Strasbourg"), Some("FR-67")),
            ("+33612345678", Some("57\u{a0}000"), Some("FR-57")),
            ("+33612345678", Some("'67000"), Some("FR-67")),
            ("+33612345678", Some("67000.0"), Some("FR-67")),
            ("+33612345678", Some("6700"), Some("FR")),
            ("+33388123456", Some("6700"), Some("FR-67")),
            ("+33388123456", Some("75011"), Some("FR")),
            ("+33388123456", None, Some("FR-67")),
            ("+33387123456", Some("Metz"), Some("FR-57")),
            ("+33389123456", None, Some("FR-68")),
            ("+33390221234", None, Some("FR-67")),
            ("+33386123456", None, Some("FR")),
            ("+590590271234", Some("97133"), Some("FR-BL")),
            ("+590690271234", Some("97150"), Some("FR-MF")),
            ("+590690271234", Some("97110"), Some("FR-971")),
            ("+590590271234", Some("97110"), Some("FR-971")),
            ("+590590201234", None, Some("FR-971")),
            ("+17872345678", None, Some("US-PR")),
            ("+16712345678", None, Some("US-GU")),
            ("+13402345678", None, Some("US-VI")),
            ("+18762345678", None, Some("JM")),
            ("+262692201234", None, Some("FR-974")),
            ("+262639201234", None, Some("FR-976")),
            ("+590590201234", None, Some("FR-971")),
            ("+596696201234", None, Some("FR-972")),
            ("+594694201234", None, Some("FR-973")),
            ("+508412345", None, Some("FR-PM")),
            ("+687261234", None, Some("FR-NC")),
            ("+442071838750", None, Some("GB")),
            ("+12124567890", None, Some("US")),
            ("+14165550000", None, Some("CA")),
            ("+4930901820", None, Some("DE")),
            ("+33199001234", None, None),
            ("+33639981234", Some("67000"), None),
            ("+442079460123", None, None),
            ("+12025550123", None, None),
            ("+99912345678", None, None),
        ];
        for (number, postal_code, territory) in cases {
            let ours = of(&Number::new(number)?, postal_code);
            assert_eq!(ours.as_ref().map(Territory::code), territory, "{number}");
        }
        Ok(())
    }
}
