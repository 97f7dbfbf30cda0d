//! A telephone number → the territory whose law holds for it.

use rlibphonenumber::{PHONE_NUMBER_UTIL, Region};

use crate::units::{Number, Territory};

/// Parts of France that have country codes or regions of their own, with their ISO 3166-2 codes.
const FRENCH: [(Region, &str); 11] = [
    (Region::GP, "FR-971"),
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
];

/// Postal codes of the French departments whose holidays differ (code du travail, L.3134-13).
const ALSACE_MOSELLE: [&str; 3] = ["57", "67", "68"];

/// Beginnings and lengths of numbers kept for fiction, which are nobody's: Arcep, décision
/// 2018-0881; Ofcom, numbers for drama use. With a length of zero, any.
const FICTION: [(&str, usize); 11] = [
    ("+3319900", 12),
    ("+3326191", 12),
    ("+3335301", 12),
    ("+3346571", 12),
    ("+3353649", 12),
    ("+3363998", 12),
    ("+44207946", 13),
    ("+441632960", 13),
    ("+447700900", 13),
    ("+441134960", 13),
    ("+443069990", 13),
];

/// Whether a number is kept for fiction.
#[must_use]
pub fn fictional(number: &Number) -> bool {
    let digits = number.reveal();
    let kept = FICTION
        .iter()
        .any(|(prefix, length)| digits.starts_with(prefix) && digits.len() == *length);
    // 555-0100 to 555-0199 in every North American area (ATIS-0300115).
    let american = digits.strip_prefix("+1").and_then(|national| national.get(3..8));
    kept || american == Some("55501") && digits.len() == 12
}

/// Gives the territory whose law holds for a number; `None` for one kept for fiction, which is
/// nobody's, and for one of no country.
///
/// The postal code tells Alsace and Moselle from the rest of metropolitan France.
#[must_use]
pub fn of(number: &Number, postal_code: Option<&str>) -> Option<Territory> {
    if fictional(number) {
        return None;
    }
    let parsed = PHONE_NUMBER_UTIL.parse(number.reveal(), None).ok()?;
    let region = PHONE_NUMBER_UTIL.get_region_for_number(&parsed)?;
    if region == Region::FR {
        let postal_code = postal_code.map(str::trim).filter(|code| code.len() == 5);
        let department = postal_code.and_then(|code| code.get(..2));
        let there = department.filter(|department| ALSACE_MOSELLE.contains(department));
        let code = there.map_or_else(|| "FR".to_owned(), |department| format!("FR-{department}"));
        return Territory::new(&code).ok();
    }
    let french = FRENCH.iter().find(|(part, _)| *part == region);
    match french {
        Some((_, code)) => Territory::new(code).ok(),
        None => Territory::new(&region.to_string()).ok(),
    }
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
            ("+33388123456", Some("6700"), Some("FR")),
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
