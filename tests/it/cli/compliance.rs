//! `cadran report compliance` and `cadran list recycle`, over attempts that are told to their end.

use std::fs;

use cadran::core::Record;
use cadran::core::fact::Lead;
use cadran::core::order::{DoneReason, Next, Opened, Outcome};
use cadran::engine::clock::Clock;
use cadran::engine::tasks::Tasks;
use cadran::store::{NewCampaign, Settings, Store, StoreError};
use cadran::units::{CampaignId, Span, TrunkId, Wall};

use super::running::{Engine, field};
use super::{Claim, code, text};
use crate::store::fixture::{LEASE, call, closed, contact, list, new_campaign, record, settings};

/// Three attempts at one person and one at another, in a campaign that allows two in thirty days.
async fn filled(folder: &std::path::Path) -> Result<(), StoreError> {
    let tasks = Tasks::new();
    let key = Some(folder.join("cadran.key"));
    let store = Store::open(Settings { key, ..settings(folder) }, &tasks).await?;
    let essai = NewCampaign { client: "Acme".to_owned(), ..new_campaign("essai") };
    let essai = store.set_campaign(&essai).await?;
    list(&store, essai, [1, 2].map(|n| contact(&format!("c{n}"), n))).await?;
    let now = Clock::start().now().wall;
    let leads = store.claim(essai, 2, LEASE, now).await?.leads;
    let mut tries = leads.iter().take(1).cycle().take(3).chain(leads.iter().skip(1));
    for n in 1..=4_u64 {
        let Some(lead) = tries.next() else { break };
        let next = Next::Done(DoneReason::Exhausted);
        let ended = closed(n, essai, lead, Outcome::NoAnswer, next);
        let completed = record(Record::Completed(call(n)), now);
        let began = attempt(essai, lead, n, now - Span::secs(600 - n));
        store.commit(vec![began, ended, completed]).await?;
    }
    drop(store);
    tasks.finished().await;
    Ok(())
}

fn attempt(campaign: CampaignId, lead: &Lead, n: u64, at: Wall) -> cadran::store::Write {
    let number = lead.numbers.first().expect("a contact of the list has a number");
    let opened = Opened {
        call: call(n),
        campaign,
        contact: lead.contact,
        number: number.number,
        person: number.person,
        trunk: TrunkId(1),
        caller_id: 0,
        attempt: 1,
        agent: None,
        chance: None,
        at,
    };
    record(Record::Opened(opened), at)
}

#[test]
fn attempts_against_a_rule_are_named_and_told_apart_by_the_exit_code() -> Claim {
    let engine = Engine::start_with(|folder| {
        let path = folder.join("campaigns/essai.toml");
        let file = fs::read_to_string(&path)?;
        fs::write(&path, file.replace("mode =", "attempt_caps = [\"2/30d\"]\nmode ="))?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(filled(folder)).map_err(std::io::Error::other)
    })?;
    let output = engine.command(&["report", "compliance", "essai", "--json"]).output()?;
    assert_eq!(code(&output)?, 4, "{output:?}");
    let told: serde_json::Value = serde_json::from_slice(&output.stdout)?;
    assert_eq!((field(&told, "/attempts"), field(&told, "/numbers")), (&4.into(), &2.into()));
    assert_eq!(field(&told, "/asked_again/attempts"), 4, "{told}");
    let rule = field(&told, "/asked_again/against/0");
    assert_eq!(field(rule, "/rule"), "attempt-cap", "{told}");
    assert_eq!(field(rule, "/calls"), &serde_json::json!([call(3).0]), "{told}");
    for (lang, words) in [("en", "AGAINST attempt-cap"), ("fr", "CONTRAIRE À attempt-cap")] {
        let told = engine.run(&["report", "compliance", "essai", "--lang", lang])?;
        assert!(text(&told.stdout)?.contains(words), "{told:?}");
    }
    let before = engine.ask(&["report", "compliance", "essai", "--until", "2026-01-02"])?;
    assert_eq!(field(&before, "/attempts"), 0, "{before}");
    let wrong = engine.run(&["report", "compliance", "essai", "--since", "2099-01-02"])?;
    assert_eq!(code(&wrong)?, 3, "{wrong:?}");
    Ok(())
}

#[test]
fn closed_contacts_are_told_by_how_they_ended_and_called_again_on_demand() -> Claim {
    let engine = Engine::start_with(|folder| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(filled(folder)).map_err(std::io::Error::other)
    })?;
    let closed = engine.ask(&["list", "recycle", "essai"])?;
    assert_eq!(field(&closed, "/0/reason"), "exhausted", "{closed}");
    assert_eq!(
        (field(&closed, "/0/outcome"), field(&closed, "/0/contacts")),
        (&"no_answer".into(), &2.into())
    );
    let recycle = |more: &[&str]| engine.ask(&[&["list", "recycle", "essai"], more].concat());
    let counted = recycle(&["--outcomes", "no_answer,busy", "--dry-run"])?;
    assert_eq!(field(&counted, "/contacts"), 2, "{counted}");
    assert_eq!(field(&engine.ask(&["stats", "essai"])?, "/0/contacts_done"), 2);
    assert_eq!(field(&recycle(&["--outcomes", "busy"])?, "/contacts"), 0);
    assert_eq!(field(&recycle(&["--outcomes", "no_answer"])?, "/contacts"), 2);
    assert_eq!(field(&engine.ask(&["stats", "essai"])?, "/0/contacts_done"), 0);
    for (wrong, exit) in [(["--outcomes", "nothing"], 2), (["--dispositions", "vante"], 5)] {
        let told = engine.run(&[&["list", "recycle", "essai"], &wrong[..]].concat())?;
        assert_eq!(code(&told)?, exit, "{told:?}");
    }
    Ok(())
}
