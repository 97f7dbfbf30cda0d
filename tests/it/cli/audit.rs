//! The audit chain by the command line: shown, verified, handed out, and what decided each call.

use std::error::Error;
use std::fs;
use std::path::Path;

use cadran::core::order::{Next, Outcome, Record};
use cadran::core::rules::consent::Basis;
use cadran::core::rules::law::LawId;
use cadran::core::rules::receipt::{Receipt, Tally, Used};
use cadran::engine::tasks::Tasks;
use cadran::store::{NewCampaign, Settings, Store, StoreError, Write};
use cadran::units::{ConsentId, Span, Territory, Zone};
use nix::sys::signal::Signal;

use super::running::{Engine, field};
use super::{Claim, code, json, run, text};
use crate::store::fixture::{
    LEASE, NOON, call, closed, contact, list, new_campaign, opened, record, settings,
};
use crate::store::forgery::forge;

/// A real number of nobody's acquaintance: the law holds for it.
const NUMBER: &str = "+33612345678";

/// Starts an engine on a store with one call that was let out by a consent.
fn world() -> Result<Engine, Box<dyn Error>> {
    Engine::start_with(|folder| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(filled(folder)).map_err(std::io::Error::other)
    })
}

async fn filled(folder: &Path) -> Result<(), Box<dyn Error + Send + Sync>> {
    let tasks = Tasks::new();
    let key = Some(folder.join("cadran.key"));
    let store = Store::open(Settings { key, ..settings(folder) }, &tasks).await?;
    let campaign = NewCampaign { client: "Acme".to_owned(), ..new_campaign("essai") };
    let essai = store.set_campaign(&campaign).await?;
    list(&store, essai, [contact("c1", 1)]).await?;
    let leads = store.claim(essai, 1, LEASE, NOON).await?.leads;
    let lead = leads.first().ok_or(StoreError::Closed)?;
    let Write::Record { record: Record::Opened(mut open), at } = opened(1, essai, lead, 2) else {
        return Err("an attempt begins with its row".into());
    };
    open.receipt = Some(Box::new(Receipt {
        zone: Zone::new("Indian/Reunion")?,
        territory: Some(Territory::new("FR-974")?),
        edition: "2026-11-23".into(),
        rules: vec![LawId::new("FR-1"), LawId::new("FR-6")],
        right: Some(Used {
            id: Some(ConsentId(12)),
            basis: Basis::Consent,
            until: Some(NOON + Span::secs(86_400)),
        }),
        opens_hours: None,
        attempts: vec![Tally { law: Some(LawId::new("FR-6")), made: 1, allowed: 4 }],
        refused: Some(NOON - Span::secs(8_000_000)),
        abandoned: None,
    }));
    let next = Next::Retry { at: NOON, number: None };
    let over = closed(1, essai, lead, Outcome::NoAnswer, next);
    let told = record(Record::Completed(call(1)), NOON);
    store.commit(vec![record(Record::Opened(open), at), over, told]).await?;
    drop(store);
    tasks.finished().await;
    Ok(())
}

#[test]
fn a_call_shows_what_decided_that_it_might_be_placed() -> Claim {
    let engine = world()?;
    let shown = engine.ask(&["call", "show", "1"])?;
    let decided = |key: &str| field(&shown, &format!("/decided/{key}")).clone();
    assert_eq!(decided("rules"), serde_json::json!(["FR-1", "FR-6"]), "{shown}");
    assert_eq!(decided("right/id"), 12, "{shown}");
    assert_eq!(decided("law_pack"), "2026-11-23");
    assert_eq!(
        decided("attempts/0"),
        serde_json::json!({
            "rule": "FR-6", "made": 1, "allowed": 4
        })
    );
    assert_eq!(decided("local_time"), "2023-11-20T16:00:01+04:00[Indian/Reunion]");
    assert_eq!(field(&shown, "/attempt"), 2, "{shown}");
    let told = engine.run(&["call", "show", "1", "--lang", "fr"])?;
    let told = text(&told.stdout)?;
    for said in ["2023-11-20 16:00 Indian/Reunion", "FR-974, recueil du 2026-11-23", "1 sur 4"] {
        assert!(told.contains(said), "{said}: {told}");
    }
    Ok(())
}

#[test]
fn the_chain_is_verified_beside_the_engine_and_as_a_file() -> Claim {
    let mut engine = world()?;
    let folder = engine.folder.path().to_owned();
    engine.ask(&["dnc", "add", NUMBER, "--reason", "letter"])?;
    let verified = engine.ask(&["audit", "verify"])?;
    assert_eq!(field(&verified, "/sound"), true, "{verified}");
    // Two of the call, the start, the settings, a wish and what it took back.
    assert_eq!((field(&verified, "/records"), field(&verified, "/rows")), (&6.into(), &4.into()));
    let all = engine.ask(&["audit", "show"])?;
    let kinds: Vec<_> = (0..6).map(|nth| field(&all, &format!("/{nth}/kind")).clone()).collect();
    let expected = ["attempt", "end", "started", "settings", "wish", "withdrawal"];
    assert_eq!(kinds, expected.map(serde_json::Value::from), "{all}");
    assert_eq!(field(&all, "/2/said/law/FR").as_str().map(str::len), Some(10), "{all}");
    let settings = field(&all, "/3/said");
    assert_eq!(field(settings, "/purpose"), "prospecting", "{settings}");
    assert_eq!(field(settings, "/hours/days/6/0/to"), 1_440, "{settings}");
    for secret in ["612345678", "162000000", "letter", "Camille"] {
        assert!(!all.to_string().contains(secret), "{secret}: {all}");
    }
    let of_call = engine.ask(&["audit", "show", "--call", "1"])?;
    assert_eq!(field(&of_call, "/0/said/why/right/id"), 12, "{of_call}");
    let of_number = engine.ask(&["audit", "show", "--number", NUMBER])?;
    assert_eq!(of_number.as_array().map(Vec::len), Some(2), "{of_number}");
    assert_eq!(code(&engine.run(&["audit", "show", "--contact", "999"])?)?, 5);

    engine.signal(Signal::SIGTERM)?;
    engine.child.wait()?;
    let stopped = engine.ask(&["audit", "verify"])?;
    assert_eq!(field(&stopped, "/sound"), true, "{stopped}");
    assert_eq!(field(&stopped, "/unsigned"), 0, "it is signed at the stop: {stopped}");
    let key = engine.ask(&["audit", "key"])?;
    let key = field(&key, "/key").as_str().ok_or("no key")?.to_owned();
    engine.ask(&["audit", "export", "chain.jsonl"])?;
    let file = folder.join("chain.jsonl");
    let path = file.to_str().ok_or("a path that is no text")?;
    let pinned = run(&["audit", "verify", path, "--key", &key, "--json"])?;
    assert_eq!(code(&pinned)?, 0, "{pinned:?}");
    assert_eq!(field(&json(&pinned)?, "/key_pinned"), true);
    let own = run(&["audit", "verify", path, "--lang", "fr"])?;
    assert_eq!(code(&own)?, 0, "{own:?}");
    assert!(text(&own.stderr)?.contains("seul le fichier"), "{own:?}");
    let other = run(&["audit", "verify", path, "--key", &"0".repeat(64)])?;
    assert_eq!(code(&other)?, 4, "{other:?}");
    let whole = fs::read_to_string(&file)?;
    fs::write(&file, whole.replace("\"made\":1", "\"made\":0"))?;
    let changed = run(&["audit", "verify", path, "--key", &key, "--json"])?;
    assert_eq!(code(&changed)?, 4, "{changed:?}");
    let fault = field(&json(&changed)?, "/faults/0").clone();
    assert_eq!((field(&fault, "/record"), field(&fault, "/what")), (&1.into(), &"changed".into()));
    Ok(())
}

#[test]
fn an_engine_that_signs_what_others_wrote_says_so() -> Claim {
    let mut engine = world()?;
    engine.signal(Signal::SIGTERM)?;
    engine.child.wait()?;
    assert_eq!(field(&engine.ask(&["audit", "verify"])?, "/resumes"), 0);
    let engine = engine.again_after(|folder| {
        let settings = Settings { key: Some(folder.join("cadran.key")), ..settings(folder) };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(forge(&settings, 0))
    })?;
    let verified = engine.run(&["audit", "verify", "--json"])?;
    assert_eq!(code(&verified)?, 4, "{verified:?}");
    let verified = json(&verified)?;
    // The call was of years ago; two records of it and two of the first start.
    let told = serde_json::json!({ "record": 1, "until": 4, "what": "unsigned" });
    assert_eq!(field(&verified, "/faults"), &serde_json::json!([told]), "{verified}");
    let signed = field(&verified, "/signed").as_i64();
    assert!(signed >= Some(5), "the engine signed it: {verified}");
    let start = field(&verified, "/resumed/0");
    let place = ["record", "first", "last"].map(|key| start[key].as_i64());
    assert_eq!(place, [Some(5), Some(1), Some(4)], "{verified}");
    let told = engine.run(&["audit", "verify", "--lang", "fr"])?;
    for said in ["5 : sur 1 à 4, signés par personne", "1: sans signature jusqu'à 4"] {
        assert!(text(&told.stdout)?.contains(said), "{said}: {told:?}");
    }
    Ok(())
}
