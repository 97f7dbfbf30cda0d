use std::sync::Arc;

use super::super::law::{Regime, Rule};
use super::*;

fn week() -> Settings {
    let day = vec![DaySpan { from: 600, to: 780 }, DaySpan { from: 840, to: 1_200 }];
    let mut week = Week::default();
    week.days[..5].fill(day);
    Settings { week, ..Settings::default() }
}

fn wall(text: &str) -> Result<Wall, jiff::Error> {
    text.parse::<jiff::Timestamp>().map(Wall::from)
}

#[test]
fn french_windows_open_and_close_to_the_second() -> Result<(), Box<dyn std::error::Error>> {
    let cases = [
        ("2026-11-20T08:59:59Z", "Europe/Paris", false, "2026-11-20T09:00:00Z"),
        ("2026-11-20T09:00:00Z", "Europe/Paris", true, ""),
        ("2026-11-20T11:59:59Z", "Europe/Paris", true, ""),
        ("2026-11-20T12:00:00Z", "Europe/Paris", false, "2026-11-20T13:00:00Z"),
        ("2026-11-20T18:59:59Z", "Europe/Paris", true, ""),
        ("2026-11-20T19:00:00Z", "Europe/Paris", false, "2026-11-23T09:00:00Z"),
        ("2026-11-20T09:00:00Z", "Indian/Reunion", false, "2026-11-20T10:00:00Z"),
        // Summer time ends on Sunday 25 October 2026: Monday opens an hour later in UTC.
        ("2026-10-24T10:00:00Z", "Europe/Paris", false, "2026-10-26T09:00:00Z"),
        ("2026-10-23T08:00:00Z", "Europe/Paris", true, ""),
    ];
    let mut hours = Hours::default();
    for (at, zone, open, opens) in cases {
        let spell = hours.at(&week(), (&Zone::new(zone)?, &None, false), wall(at)?);
        let expected = if opens.is_empty() { None } else { Some(wall(opens)?) };
        assert_eq!((spell.open, spell.opens), (open, expected), "{at} {zone}");
    }
    Ok(())
}

#[test]
fn a_week_without_windows_never_opens() -> Result<(), Box<dyn std::error::Error>> {
    let zone = Zone::new("Europe/Paris")?;
    let spell = spell(&Settings::default(), (&zone, None), false, Wall::micros(0));
    assert_eq!((spell.open, spell.opens), (false, None));
    Ok(())
}

#[test]
fn windows_shut_where_none_adjoins() -> Result<(), Box<dyn std::error::Error>> {
    let mut rules = week();
    // Friday from noon on: 12:00 to 13:00 adjoins the morning.
    let parts = [(600, 720), (720, 780), (840, 1_200)];
    rules.week.days[4] = parts.map(|(from, to)| DaySpan { from, to }).to_vec();
    let (zone, mut hours) = (Zone::new("Europe/Paris")?, Hours::default());
    let cases = [
        ("2026-11-20T10:59:30Z", 60, None),
        ("2026-11-20T11:59:30Z", 30, None),
        ("2026-11-20T11:59:30Z", 31, Some("2026-11-20T12:00:00Z")),
        ("2026-11-20T12:00:00Z", 1, Some("2026-11-20T12:00:00Z")),
    ];
    for (at, within, shuts) in cases {
        let found = hours.shut_within(&rules, (&zone, &None, false), wall(at)?, Span::secs(within));
        let shuts = shuts.map(wall).transpose()?;
        assert_eq!(found.map(|(at, _)| at), shuts, "{at} within {within} s");
    }
    Ok(())
}

#[test]
fn a_consent_opens_hours_of_the_law_and_none_of_the_campaigns()
-> Result<(), Box<dyn std::error::Error>> {
    let mut law = Week::default();
    law.days[4] = vec![DaySpan { from: 600, to: 720 }];
    let asks = Asks::Hours { week: law, closed_on_holidays: false, opened_by_consent: true };
    let rule = Rule { id: LawId::new("X-1"), from: None, until: None, asks };
    let there = Territory::new("FR")?;
    let regime = Regime {
        territory: there.clone(),
        edition: Arc::default(),
        holidays: Vec::new(),
        rules: vec![rule],
    };
    let rules = Settings { law: vec![regime], ..week() };
    let (zone, there) = (Zone::new("Europe/Paris")?, Some(there));
    let mut hours = Hours::default();
    let at = |minute: &str| wall(&format!("2026-11-20T{minute}:00Z"));
    for (minute, consented, open) in [
        ("10:30", false, true),
        ("11:30", false, false),
        ("11:30", true, true),
        ("11:31", false, false),
        ("12:30", true, false),
    ] {
        let spell = hours.at(&rules, (&zone, &there, consented), at(minute)?);
        assert_eq!(spell.open, open, "{minute} {consented}");
        assert_eq!(spell.law.is_some(), !open && !consented, "{minute}");
    }
    Ok(())
}
