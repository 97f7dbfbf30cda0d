//! A pilot's report, from calls in the store to the manager's page.

use std::path::Path;

use cadran::engine::tasks::Tasks;
use cadran::store::{NewCampaign, Settings, Store};

use super::running::{Engine, field};
use super::{Claim, code, text};
use crate::store::fixture::settings;
use crate::store::pilot::{fill, pilot_campaign};

/// Starts an engine on a store that holds a pilot already.
fn engine() -> Result<Engine, Box<dyn std::error::Error>> {
    Engine::start_with(|folder| {
        let path = folder.join("campaigns/essai.toml");
        let text = std::fs::read_to_string(&path)?;
        let (head, _) = text.split_once("[[disposition]]").ok_or_else(no_dispositions)?;
        let said = ["rdv\"\nclass = \"ca+", "refus\"\nclass = \"ca-", "absent\"\nclass = \"cna"];
        let said = said.map(|said| format!("[[disposition]]\ncode = \"{said}\"\n"));
        std::fs::write(&path, head.to_owned() + &said.concat())?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(filled(folder)).map_err(std::io::Error::other)
    })
}

fn no_dispositions() -> std::io::Error {
    std::io::Error::other("the project's campaign has no dispositions")
}

async fn filled(folder: &Path) -> Result<(), cadran::store::StoreError> {
    let tasks = Tasks::new();
    let key = Some(folder.join("cadran.key"));
    let store = Store::open(Settings { key, ..settings(folder) }, &tasks).await?;
    let essai = NewCampaign { client: "Acme".to_owned(), ..pilot_campaign("essai") };
    let essai = store.set_campaign(&essai).await?;
    fill(&store, essai).await?;
    drop(store);
    tasks.finished().await;
    Ok(())
}

#[test]
fn a_pilot_is_judged_from_its_calls_to_the_managers_page() -> Claim {
    let engine = engine()?;
    let told = engine.ask(&["report", "pilot", "essai"])?;
    let counts = ["attempts", "contacts", "contacts_tried", "contacts_reached", "argued"];
    let counted = counts.map(|name| field(&told, &format!("/{name}")).clone());
    assert_eq!(counted, [5, 5, 4, 3, 2].map(serde_json::Value::from), "{told}");
    assert_eq!((field(&told, "/appointments"), field(&told, "/agents")), (&1.into(), &2.into()));
    assert_eq!(field(&told, "/production_s"), 660.0);
    assert_eq!(field(&told, "/contact_rate/value"), 0.75);
    assert_eq!(field(&told, "/penetration/value"), 0.6);
    assert_eq!(field(&told, "/verdict"), &serde_json::Value::Null);
    // 660 s at 32 € an hour, and 63 s at 0.012 € a minute.
    let cost = field(&told, "/cost").as_f64().ok_or("no cost")?;
    assert!((cost - (660.0 * 32.0 / 3_600.0 + 63.0 * 0.012 / 60.0)).abs() < 1e-9, "{cost}");

    let judged = |target: &str| {
        let flags = ["report", "pilot", "essai", "--hourly-cost", "32,00"];
        engine.ask(&[&flags[..], &["--cost-per-contact-max", target]].concat())
    };
    assert_eq!(field(&judged("1000")?, "/verdict"), "go");
    assert_eq!(field(&judged("0.10")?, "/verdict"), "no_go");
    let open = judged("3")?;
    assert_eq!(field(&open, "/verdict"), "not_yet");
    assert!(field(&open, "/contacts_needed").as_u64().is_some_and(|needed| needed > 0), "{open}");

    let page = std::fs::read_to_string("docs/reports.md")?;
    for name in told.as_object().ok_or("no object")?.keys() {
        assert!(page.contains(&format!("`{name}`")), "docs/reports.md does not name {name}");
    }
    let since = engine.ask(&["report", "pilot", "essai", "--since", "2024-01-01"])?;
    assert_eq!((field(&since, "/attempts"), field(&since, "/contacts")), (&0.into(), &5.into()));
    Ok(())
}

#[test]
fn the_page_says_its_verdict_first_in_both_languages() -> Claim {
    let engine = engine()?;
    let page = |lang: &str, target: &str| -> Result<String, Box<dyn std::error::Error>> {
        let flags = ["report", "pilot", "essai", "--cost-per-contact-max", target, "--lang", lang];
        let output = engine.run(&flags)?;
        assert_eq!(code(&output)?, 0, "{output:?}");
        Ok(text(&output.stdout)?.to_owned())
    };
    let french = page("fr", "1000")?;
    assert!(french.starts_with("essai · GO"), "{french}");
    assert!(french.contains("taux de contact") && french.contains("75,0 %"), "{french}");
    let english = page("en", "3")?;
    assert!(english.starts_with("essai · NOT YET"), "{english}");
    assert!(english.contains("more contacts needed, and the list has 1 left"), "{english}");
    assert!(english.lines().count() <= 30, "a page is read in a minute: {english}");
    Ok(())
}

#[test]
fn an_amount_that_is_none_is_refused() -> Claim {
    let engine = engine()?;
    let output = engine.run(&["report", "pilot", "essai", "--hourly-cost", "cher"])?;
    assert_eq!(code(&output)?, 2);
    let output = engine.run(&["report", "pilot", "inconnue"])?;
    assert_eq!(code(&output)?, 5);
    Ok(())
}
