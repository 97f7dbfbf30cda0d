//! Every example parses, makes settings, and simulates; every list holds fiction numbers only.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use cadran::api::import::{self, List, Options, Row};
use cadran::config::{Config, scenario};
use cadran::core::campaign::{Guarantee, Mode, Then};
use cadran::core::pacing::account::{self, Window};
use cadran::sim::{self, RunSettings};
use cadran::units::{ClientId, Span, TrunkId, Zone};

type Claim = Result<(), Box<dyn Error>>;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Copies the engine's example beside the folder of examples, as its reader does.
pub(crate) fn project() -> Result<tempfile::TempDir, Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    fs::copy(root().join("docs/cadran.toml"), folder.path().join("cadran.toml"))?;
    std::os::unix::fs::symlink(root().join("campaigns"), folder.path().join("campaigns"))?;
    Ok(folder)
}

fn examples() -> Result<Config, Box<dyn Error>> {
    Ok(Config::load(&project()?.path().join("cadran.toml"))?)
}

/// Numbers kept for fiction: Arcep's blocks (décision 2018-0881), Ofcom's drama numbers, and
/// 555-01xx of the North American plan.
const FICTION: [&str; 8] = [
    "+3319900",
    "+3326191",
    "+3335301",
    "+3346571",
    "+3353649",
    "+3363998",
    "+442079460",
    "+120255501",
];

/// Platform numbers (Arcep 2022-1583) with a block of zeros behind, which no operator assigns.
const PLATFORM: [&str; 12] = [
    "+33162", "+33163", "+33270", "+33271", "+33377", "+33378", "+33424", "+33425", "+33568",
    "+33569", "+33948", "+33949",
];

#[test]
fn every_example_parses_without_a_warning() -> Claim {
    let config = examples()?;
    assert!(config.warnings.is_empty(), "{:#?}", config.warnings);
    let names: Vec<_> = config.campaigns.iter().map(|campaign| campaign.name.as_str()).collect();
    let expected = [
        "fidelisation-rappels",
        "power-us",
        "predictive-uk",
        "preview-b2b",
        "prospection-fr",
        "qualification-fichier",
        "rendez-vous-fr",
        "vente",
    ];
    assert_eq!(names, expected);
    for campaign in &config.campaigns {
        let file = campaign.path.file_stem().and_then(|stem| stem.to_str());
        assert_eq!(file, Some(campaign.name.as_str()), "a campaign is named like its file");
    }
    Ok(())
}

#[test]
fn every_example_makes_settings_and_lets_people_object() -> Claim {
    let config = examples()?;
    let ids = |(place, trunk): (u32, &cadran::config::Trunk)| (trunk.name.clone(), TrunkId(place));
    let trunks: BTreeMap<_, _> = (1..).zip(&config.trunks).map(ids).collect();
    for campaign in &config.campaigns {
        let settings = campaign.settings(ClientId(1), &trunks, &config.shown)?;
        assert_eq!(settings.dispositions.len(), campaign.dispositions.len());
        assert!(settings.ring_min <= settings.ring_max, "{}", campaign.name);
        assert_eq!(usize::from(settings.caller_ids), campaign.caller_ids.len());
        let objects =
            |meaning: &cadran::core::campaign::Disposition| meaning.then == Then::DoNotCall;
        assert!(settings.dispositions.values().any(objects), "{}: no opposition", campaign.name);
        let open: usize = settings.rules.week.days.iter().map(Vec::len).sum();
        assert!(open > 0, "{} never calls", campaign.name);
    }
    Ok(())
}

#[test]
fn examples_count_the_abandoned_as_their_countrys_rule_does() -> Claim {
    let config = examples()?;
    let day = |zone| account::Settings::calendar_day(zone);
    let month = Window::Rolling(Span::secs(30 * 86_400));
    let (paris, london) = (Zone::new("Europe/Paris")?, Zone::new("Europe/London")?);
    let new_york = Zone::new("America/New_York")?;
    let expected = [
        ("prospection-fr", Guarantee::Expected, day(paris)),
        ("predictive-uk", Guarantee::Strict, day(london)),
    ];
    for (name, guarantee, account) in expected {
        let campaign = config.campaign(name).ok_or("an example is gone")?;
        assert_eq!(campaign.mode, Mode::Predictive { guarantee }, "{name}");
        assert_eq!(campaign.account, account, "{name}");
        assert!(campaign.abandon.cap.get() <= 0.03, "{name}");
    }
    let campaign = config.campaign("power-us").ok_or("an example is gone")?;
    assert_eq!(campaign.account, account::Settings { window: month, ..day(new_york) });
    Ok(())
}

#[test]
fn french_consumer_examples_keep_the_windows_and_caps_of_the_code() -> Claim {
    let config = examples()?;
    for name in ["prospection-fr", "vente", "qualification-fichier"] {
        let campaign = config.campaign(name).ok_or("an example is gone")?;
        let week = cadran::config::hours::say(&campaign.week);
        assert_eq!(week, cadran::config::hours::FR_D223_9, "{name}");
        let monthly = cadran::config::measure::attempt_cap("4/30d")?;
        assert!(campaign.attempt_caps.contains(&monthly), "{name} may call a fifth time");
        for number in &campaign.caller_ids {
            let shown = number.reveal();
            assert!(PLATFORM.iter().any(|block| shown.starts_with(block)), "{name} shows {shown}");
        }
    }
    Ok(())
}

#[test]
fn every_example_simulates_an_hour_in_its_mode_without_a_finding() -> Claim {
    let text = fs::read_to_string(root().join("tests/it/scenarios/b2b.toml"))?;
    let hour =
        text.lines().map(|line| if line.starts_with("day_s") { "day_s = 3600" } else { line });
    let scenario = scenario::read(&hour.collect::<Vec<_>>().join("\n"))?;
    for campaign in examples()?.campaigns {
        let mode = campaign.mode;
        let run = RunSettings {
            agents: 4,
            mode,
            days: 1,
            seed: 11,
            check: true,
            full_info: false,
            meter: None,
        };
        let summary = sim::run(&scenario, &run);
        assert!(summary.findings.is_empty(), "{}: {:?}", campaign.name, summary.findings);
        assert!(summary.total.connected > 0, "{} connects nobody", campaign.name);
    }
    Ok(())
}

fn lists() -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let mut lists = Vec::new();
    for entry in fs::read_dir(root().join("campaigns/lists"))? {
        lists.push(entry?.path());
    }
    lists.sort();
    Ok(lists)
}

#[test]
fn every_list_imports_whole_with_fiction_numbers_only() -> Claim {
    let lists = lists()?;
    assert_eq!(lists.len(), 8);
    for path in lists {
        let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        let region = import::region(match stem {
            "uk" | "b2b" => "GB",
            "us" => "US",
            _ => "FR",
        });
        let options = Options { region: region.ok_or("no such region")?, ..Options::default() };
        let bytes = fs::read(&path)?;
        let mut list = List::open(bytes.as_slice(), options)?;
        let mut references = BTreeSet::new();
        while let Some(row) = list.next_row()? {
            let Row::Contact(contact) = row else { panic!("{stem}: {row:?}") };
            let reference =
                contact.external_id.ok_or_else(|| format!("{stem}: a record has no id"))?;
            assert!(references.insert(reference), "{stem}: an id stands twice");
            for number in &contact.numbers {
                let digits = number.number.reveal();
                let fiction = FICTION.iter().any(|block| digits.starts_with(block));
                assert!(fiction, "{stem}: {digits} may be somebody's");
            }
        }
    }
    Ok(())
}
