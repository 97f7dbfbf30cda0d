//! Quotas, scores and promised callbacks against a running engine.

use std::error::Error;
use std::fs;
use std::path::Path;

use cadran::core::order::{Next, Outcome, Record};
use cadran::engine::clock::Clock;
use cadran::engine::tasks::Tasks;
use cadran::store::{NewCampaign, Settings, Store};
use cadran::units::Span;
use jiff::{ToSpan as _, Zoned};

use super::running::{Engine, field};
use super::{Claim, code, text};
use crate::store::fixture::{
    LEASE, call, closed, contact, list, new_campaign, opened, record, settings,
};

/// Starts an engine whose campaign may call from ten to six and wants nobody of Paris, with two
/// contacts there of whom the first was called once.
fn world() -> Result<Engine, Box<dyn Error>> {
    Engine::start_with(|folder| {
        let path = folder.join("campaigns/essai.toml");
        let file = fs::read_to_string(&path)?;
        let file = file.replace("00:00-24:00", "10:00-18:00")
            + "[[disposition]]\nkey = \"2\"\ncode = \"rappel\"\nclass = \"cna\"\n\
               then = \"callback\"\n";
        fs::write(&path, &file)?;
        let quota = "[[quota]]\nname = \"Paris\"\nwhere = { ville = \"paris\" }\nmax = 0\n";
        let full = file.replace("\"essai\"", "\"complet\"").replace("10:00-18:00", "00:00-24:00");
        fs::write(path.with_file_name("complet.toml"), full + quota)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(filled(folder)).map_err(std::io::Error::other)
    })
}

async fn filled(folder: &Path) -> Result<(), Box<dyn Error + Send + Sync>> {
    let tasks = Tasks::new();
    let key = Some(folder.join("cadran.key"));
    let store = Store::open(Settings { key, ..settings(folder) }, &tasks).await?;
    for (name, n) in [("essai", 1), ("complet", 11)] {
        let campaign = NewCampaign { client: "Acme".to_owned(), ..new_campaign(name) };
        let campaign = store.set_campaign(&campaign).await?;
        list(&store, campaign, [n, n + 1].map(|n| contact(&format!("{name}-{n}"), n))).await?;
        if name == "essai" {
            let now = Clock::start().now().wall;
            let leads = store.claim(campaign, 1, LEASE, now).await?.leads;
            let lead = leads.first().ok_or("nothing is due")?;
            let next = Next::Retry { at: now + Span::secs(7_200), number: None };
            let end = closed(1, campaign, lead, Outcome::NoAnswer, next);
            let told = record(Record::Completed(call(1)), now);
            store.commit(vec![opened(1, campaign, lead, 1), end, told]).await?;
        }
    }
    drop(store);
    tasks.finished().await;
    Ok(())
}

#[test]
fn a_full_quota_is_the_first_cause_with_its_counts() -> Claim {
    let engine = world()?;
    let stopped = engine.ask(&["why", "complet-11"])?;
    assert_eq!(field(&stopped, "/contacts/0/causes/0/code"), "quota-full", "{stopped}");
    assert_eq!(field(&stopped, "/contacts/0/callable"), false);
    engine.ask(&["campaign", "start", "complet"])?;
    let why = engine.ask_until(&["why", "complet"], "/causes/0/code", "quota-full")?;
    assert_eq!(field(&why, "/causes/0/contacts"), 2, "{why}");
    let quota = serde_json::json!({ "name": "Paris", "reached": 0, "max": 0 });
    assert_eq!(field(&why, "/causes/0/quota"), &quota, "{why}");
    for (lang, words) in
        [("en", "quota full: Paris, 0 of 0"), ("fr", "quota atteint : Paris, 0 sur 0")]
    {
        let told = engine.run(&["why", "complet", "--lang", lang])?;
        assert!(text(&told.stdout)?.contains(words), "{told:?}");
    }
    Ok(())
}

#[test]
fn a_callback_outside_the_hours_is_refused_with_the_nearest_moment() -> Claim {
    let engine = world()?;
    engine.ask(&["agent", "add", "a1", "--sip", "sip:a1@127.0.0.1:9", "--campaign", "essai"])?;
    let now = Clock::start().now().wall.timestamp().in_tz("Europe/Paris")?;
    let tomorrow: Zoned = now.checked_add(1.day())?;
    let at = |time: &str| format!("{}T{time}", tomorrow.date());
    let promise = |at: &str, lang: &str| {
        let first = ["agent", "qualify", "a1", "rappel", "--call", "1", "--callback", at];
        engine.run(&[&first[..], &["--lang", lang]].concat())
    };
    // Without an offset the time is that of the person called.
    let night = promise(&at("03:00"), "en")?;
    assert_ne!(code(&night)?, 0);
    let told = text(&night.stderr)?;
    assert!(told.contains("no call may ring then (window)"), "{told}");
    let nearest = format!("the nearest moment is {}T10:00:00+0", tomorrow.date());
    assert!(told.contains(&nearest), "{told}");
    let told = promise(&at("18:30"), "fr")?;
    let told = text(&told.stderr)?;
    assert!(told.contains("aucun appel ne peut sonner à ce moment-là (hors horaires)"), "{told}");
    // The hours allow this one; that the call is over is another matter.
    let noon = promise(&at("12:00"), "en")?;
    assert!(!text(&noon.stderr)?.contains("callback_at"), "{noon:?}");
    Ok(())
}

#[test]
fn scores_of_a_file_put_a_list_in_another_order() -> Claim {
    let engine = world()?;
    let file = engine.folder.path().join("appetence.csv");
    fs::write(&file, "ref;score\nessai-1;10\nessai-2;90,4\nessai-9;5\n")?;
    let file = file.to_str().ok_or("a path that is no text")?;
    let output = engine.run(&["list", "score", file, "--campaign", "essai", "--json"])?;
    assert_eq!(code(&output)?, 8, "a reference is unknown: {output:?}");
    let told: serde_json::Value = serde_json::from_slice(&output.stdout)?;
    assert_eq!((field(&told, "/scored"), field(&told, "/unknown")), (&2.into(), &1.into()));
    fs::write(file, "ref;score\nessai-1;1000\n")?;
    let wrong = engine.run(&["list", "score", file, "--campaign", "essai"])?;
    assert!(text(&wrong.stderr)?.contains("line 2: no score"), "{wrong:?}");
    Ok(())
}
