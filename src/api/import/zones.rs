//! A telephone number → the time zone of whoever answers it.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::units::{Number, Zone};

/// The zones of countries with one, by the digits a number begins with, longest first (IANA). In
/// Spain only landlines tell the islands from the rest (CNMC, plan de numeración: 822, 828, 922,
/// 928).
const ZONES: [(&str, &str); 33] = [
    ("+262269", "Indian/Mayotte"),
    ("+262639", "Indian/Mayotte"),
    ("+26270935", "Indian/Mayotte"),
    ("+26270936", "Indian/Mayotte"),
    ("+26270937", "Indian/Mayotte"),
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
    ("+34822", "Atlantic/Canary"),
    ("+34828", "Atlantic/Canary"),
    ("+34922", "Atlantic/Canary"),
    ("+34928", "Atlantic/Canary"),
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

/// The zones of the area codes behind +1.
const AREA_CODES: &str = include_str!("area_codes.txt");

/// Two moments between which every clock put forward is put back: 15 January and 15 July 2026.
const WINTER_AND_SUMMER: [i64; 2] = [1_768_435_200, 1_784_073_600];

static COUNTRIES: LazyLock<Vec<(&str, Zone)>> = LazyLock::new(|| {
    let zone = |(prefix, name): &(&'static str, &str)| Some((*prefix, Zone::new(name).ok()?));
    ZONES.iter().filter_map(zone).collect()
});

static AREAS: LazyLock<BTreeMap<&str, Vec<Zone>>> = LazyLock::new(|| {
    let mut areas = BTreeMap::<_, Vec<Zone>>::new();
    for line in AREA_CODES.lines().filter(|line| !line.starts_with('#')) {
        let mut words = line.split(' ');
        let Some(zone) = words.next().and_then(|name| Zone::new(name).ok()) else { continue };
        for code in words {
            areas.entry(code).or_default().push(zone.clone());
        }
    }
    areas
});

/// Gives the zone of a number whose country or area has one; `None` for the others.
#[must_use]
pub fn usual_zone(number: &Number) -> Option<Zone> {
    match area(number) {
        Some([zone]) => return Some(zone.clone()),
        Some(_) => return None,
        None => {}
    }
    let digits = number.reveal();
    let country = COUNTRIES.iter().find(|(prefix, _)| digits.starts_with(prefix));
    country.map(|(_, zone)| zone.clone())
}

/// Tells whether whoever answers a number may live by a zone's clock, as far as its digits tell.
pub(super) fn possible(number: &Number, zone: &Zone) -> bool {
    area(number).is_none_or(|zones| zones.iter().any(|known| same_clock(known, zone)))
}

/// Gives the zones of a number's area: none where the area is not known; `None` outside +1.
fn area(number: &Number) -> Option<&'static [Zone]> {
    let national = number.reveal().strip_prefix("+1")?;
    let zones = national.get(..3).and_then(|code| AREAS.get(code));
    Some(zones.map_or(&[], Vec::as_slice))
}

fn same_clock(one: &Zone, other: &Zone) -> bool {
    let offsets = |zone: &Zone| {
        let zone = TimeZone::get(zone.name()).ok()?;
        let at = |second| Some(zone.to_offset(Timestamp::from_second(second).ok()?));
        Some(WINTER_AND_SUMMER.map(at))
    };
    one == other || offsets(one) == offsets(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usual(number: &str) -> Option<String> {
        Number::new(number).ok().and_then(|number| usual_zone(&number)).map(String::from)
    }

    #[test]
    fn a_number_tells_the_clock_of_its_country_island_or_area() {
        for (number, zone) in [
            ("+33199001234", Some("Europe/Paris")),
            ("+34911234567", Some("Europe/Madrid")),
            ("+34928123456", Some("Atlantic/Canary")),
            ("+34822123456", Some("Atlantic/Canary")),
            ("+34612345678", Some("Europe/Madrid")),
            ("+13105550123", Some("America/Los_Angeles")),
            ("+12125550123", Some("America/New_York")),
            ("+14165550123", Some("America/Toronto")),
            ("+16025550123", Some("America/Phoenix")),
            ("+17875550123", Some("America/Puerto_Rico")),
            ("+18505550123", None),
            ("+19285550123", None),
            ("+12995550123", None),
            ("+61412345678", None),
        ] {
            assert_eq!(usual(number).as_deref(), zone, "{number}");
        }
    }

    #[test]
    fn every_zone_of_the_tables_is_one_and_no_area_has_two_of_one_clock() {
        assert_eq!(COUNTRIES.len(), ZONES.len());
        let named = AREA_CODES.lines().filter(|line| !line.starts_with('#'));
        let codes: usize = named.map(|line| line.split(' ').count() - 1).sum();
        assert_eq!(AREAS.values().map(Vec::len).sum::<usize>(), codes);
        for (code, zones) in AREAS.iter() {
            assert!(code.len() == 3 && code.bytes().all(|b| b.is_ascii_digit()), "{code}");
            for (place, zone) in zones.iter().enumerate() {
                assert!(zones.iter().skip(place + 1).all(|other| !same_clock(zone, other)));
            }
        }
        assert!(AREAS.len() > 400, "{}", AREAS.len());
    }

    #[test]
    fn an_area_of_two_clocks_takes_either_and_no_third() -> Result<(), Box<dyn std::error::Error>> {
        let panhandle = Number::new("+18505550123")?;
        for (zone, may) in [
            ("America/Chicago", true),
            ("America/New_York", true),
            ("US/Central", true),
            ("America/Detroit", true),
            ("America/Denver", false),
            ("Europe/Paris", false),
        ] {
            assert_eq!(possible(&panhandle, &Zone::new(zone)?), may, "{zone}");
        }
        assert!(possible(&Number::new("+61412345678")?, &Zone::new("Australia/Perth")?));
        Ok(())
    }
}
