//! Configuration: the engine's file, a campaign's, a carrier's profile, a scenario.
//!
//! The first byte says which. No file is written or looked for but those the text names.

use std::path::Path;

use cadran::config::{Campaign, Config, Problem, Problems, Profile, Severity, hours, measure};
use cadran::config::{join_rates, scenario};
use cadran::core::rules::Week;

/// Reads a text as one kind of file.
pub fn run(data: &[u8]) {
    let Some((kind, text)) = data.split_first() else { return };
    let Ok(text) = std::str::from_utf8(text) else { return };
    let path = Path::new("nowhere/a.toml");
    match kind % 5 {
        0 => match Config::read(path, text) {
            Ok(config) => engine(&config),
            Err(problems) => claim_told(text, &problems),
        },
        1 => match Campaign::read(path, text) {
            Ok(campaign) => calls(campaign),
            Err(problems) => claim_told(text, &problems),
        },
        2 => profile(text),
        3 => drop(scenario::read(text)),
        _ => words(text),
    }
}

/// Claims that each problem has a place in the text and words of its own.
fn claim_told(text: &str, Problems(problems): &Problems) {
    assert!(problems.iter().any(|problem| problem.severity == Severity::Error), "refused for what");
    let lines = text.lines().count();
    for problem @ Problem { line, column, message, .. } in problems {
        assert!(!message.trim().is_empty(), "a problem without a word: {problem:?}");
        // A mistake may stand behind the last line's end.
        assert!(*line <= lines + 1, "line {line} of {lines}: {problem}");
        assert_eq!(*line == 0, *column == 0, "half a place: {problem}");
    }
}

fn engine(config: &Config) {
    assert!(config.rtp.first <= config.rtp.last && config.rtp.legs() > 0);
    let wanted = config.legs_wanted(60);
    assert_eq!(config.check_ports(60).is_ok(), config.rtp.legs() >= wanted);
    for trunk in &config.trunks {
        assert!(!trunk.name.is_empty() && !trunk.domain().is_empty());
        let settings = trunk.settings();
        assert!(settings.channels > 0, "a trunk without a channel");
    }
}

fn calls(campaign: Campaign) {
    let said = hours::say(&campaign.week);
    if let Ok(week) = read_hours(&said) {
        assert_eq!(week, campaign.week, "{said:?} reads otherwise");
    }
    assert!(!campaign.name.is_empty() && !campaign.routes.is_empty());
    let mut both = [campaign.clone(), campaign];
    let _differences = join_rates(&mut both);
    assert_eq!(both[0].shared, both[1].shared);
}

fn profile(text: &str) {
    let profile = Profile { name: "mine".to_owned(), text: text.to_owned().into() };
    if let Some(card) = profile.card() {
        let statuses = card.responses.iter().flat_map(|response| &response.statuses);
        assert!(statuses.copied().all(|status| (300..700).contains(&status)));
    }
}

fn read_hours(text: &str) -> Result<Week, String> {
    let mut week = Week::default();
    text.split(", ").try_for_each(|part| hours::add(&mut week, part))?;
    Ok(week)
}

/// Reads the small languages within the files: spans, shares, rates, caps, hours.
fn words(text: &str) {
    if let Ok(span) = measure::span(text) {
        assert_eq!(measure::span(&measure::say(span)), Ok(span), "{text:?}");
    }
    if let Ok(ratio) = measure::ratio(text) {
        let again = measure::ratio(&measure::say_ratio(ratio)).expect("what is said can be read");
        assert!((again.get() - ratio.get()).abs() < 1e-3, "{text:?}");
    }
    if let Ok(rate) = measure::per_second(text) {
        assert!(rate.is_finite() && rate > 0.0, "{text:?}: {rate}");
    }
    drop(measure::attempt_cap(text));
    if let Ok(week) = read_hours(text) {
        let said = hours::say(&week);
        assert_eq!(read_hours(&said), Ok(week), "{text:?} is said as {said:?}");
    }
}
