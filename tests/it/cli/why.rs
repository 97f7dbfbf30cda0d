//! `cadran why`: the first true cause is named, with its count and its end, in both languages.

use std::error::Error;
use std::fs;
use std::path::Path;

use cadran::carrier::Persona;
use cadran::core::Record;
use cadran::core::fact::{Callback, Lead};
use cadran::core::order::{Closed, DoneReason, EndedBy, Next, Opened, Outcome, RuleRefusal, Stage};
use cadran::core::rules::law::LawId;
use cadran::core::rules::{Refusal, RuleId};
use cadran::engine::clock::Clock;
use cadran::engine::tasks::Tasks;
use cadran::store::{DncScope, NewCampaign, NewDoNotCall, Settings, Store, StoreError, Write};
use cadran::units::{CallId, CampaignId, NumberId, PersonId, Span, TrunkId, Wall};
use jiff::tz::TimeZone;
use serde_json::Value;

use super::running::{Engine, field};
use super::shown::{Centre, Line, NUMBER, fiction};
use super::{Claim, code, json, text};
use crate::store::fixture::{LEASE, contact, list, new_campaign, number_of, record, settings};

/// What was done to the contacts of a campaign.
#[derive(Clone, Copy)]
enum Seed {
    /// A rule put them off, some seconds from now; with the rule of law behind it.
    PutOff(RuleId, u64, Option<&'static str>),
    /// They were tried so often in the last hour, ended so, and are due again or not.
    Tried(u32, Outcome, Then),
    /// A wish stands against them.
    Wish,
}

/// What became of a contact.
#[derive(Clone, Copy)]
enum Then {
    Due,
    Later,
    Callback,
    Done(DoneReason),
}

/// A campaign, what was done to its contacts, the first cause and its words.
type Case = (&'static str, Seed, &'static str, &'static str, &'static str);

const CASES: [Case; 15] = [
    (
        "fenetre",
        Seed::PutOff(RuleId::Window, 18_000, Some("FR-5")),
        "window",
        "outside the calling hours (FR-5, cadran law show FR-5)",
        "hors des horaires d'appel (FR-5",
    ),
    (
        "plafond",
        Seed::PutOff(RuleId::AttemptCap, 1_728_000, Some("FR-6")),
        "attempt-cap",
        "the attempts allowed in the time are made (FR-6",
        "tentatives permises sur la période atteintes (FR-6",
    ),
    (
        "plafond-essais",
        Seed::Tried(2, Outcome::NoAnswer, Then::Due),
        "attempt-cap",
        "the attempts allowed in the time are made",
        "tentatives permises sur la période atteintes",
    ),
    (
        "refus",
        Seed::PutOff(RuleId::Refused, 4_320_000, Some("FR-7")),
        "refused",
        "refused lately (FR-7",
        "refus récent (FR-7",
    ),
    (
        "sans-consentement",
        Seed::PutOff(RuleId::NoConsent, 86_400, Some("FR-1")),
        "no-consent",
        "the law asks for a consent, and there is none: cadran consent import (FR-1",
        "la loi exige un consentement, et il n'y en a pas : cadran consent import (FR-1",
    ),
    (
        "consentement-echu",
        Seed::PutOff(RuleId::ConsentExpired, 86_400, Some("FR-3")),
        "consent-expired",
        "the consent that the law asks for is over: cadran consent import (FR-3",
        "le consentement que la loi exige est échu : cadran consent import (FR-3",
    ),
    (
        "verrou",
        Seed::Tried(1, Outcome::Abandoned, Then::Due),
        "recall-lock",
        "abandoned lately",
        "appel abandonné récemment",
    ),
    (
        "agent-absent",
        Seed::PutOff(RuleId::AgentAway, 900, None),
        "agent-away",
        "kept for an agent who is away",
        "réservé à un agent absent",
    ),
    (
        "sans-route",
        Seed::PutOff(RuleId::NoRoute, 600, None),
        "no-route",
        "no trunk or no number to show is free for it",
        "ni trunk ni numéro présenté n'est libre",
    ),
    (
        "delai",
        Seed::Tried(1, Outcome::NoAnswer, Then::Later),
        "retry-delay",
        "the time until the next attempt",
        "délai avant la prochaine tentative",
    ),
    (
        "rappels",
        Seed::Tried(1, Outcome::Connected, Then::Callback),
        "callback",
        "a callback is promised",
        "un rappel est promis",
    ),
    (
        "opposition",
        Seed::Wish,
        "do-not-call",
        "not to be called: do-not-call list",
        "liste d'opposition",
    ),
    (
        "faux-numero",
        Seed::Tried(1, Outcome::Invalid, Then::Done(DoneReason::NoNumber)),
        "invalid-number",
        "no number that exists",
        "aucun numéro qui existe",
    ),
    (
        "epuisees",
        Seed::Tried(1, Outcome::NoAnswer, Then::Done(DoneReason::Exhausted)),
        "exhausted",
        "every attempt of the campaign is made",
        "toutes les tentatives de la campagne",
    ),
    (
        "occupee",
        Seed::PutOff(RuleId::PersonBusy, 600, None),
        "person-busy",
        "the same person is on the line",
        "la même personne est déjà en ligne",
    ),
];

/// Starts an engine on a store in which every case happened to two contacts of its campaign.
fn world() -> Result<Engine, Box<dyn Error>> {
    Engine::start_with(|folder| {
        let path = folder.join("campaigns/essai.toml");
        let file = fs::read_to_string(&path)?;
        for (name, ..) in CASES {
            let named = file.replace("\"essai\"", &format!("\"{name}\""));
            let capped = named.replace("mode =", "attempt_caps = [\"2/30d\"]\nmode =");
            fs::write(path.with_file_name(format!("{name}.toml")), capped)?;
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(filled(folder)).map_err(std::io::Error::other)
    })
}

async fn filled(folder: &Path) -> Result<(), StoreError> {
    let tasks = Tasks::new();
    let key = Some(folder.join("cadran.key"));
    let store = Store::open(Settings { key, ..settings(folder) }, &tasks).await?;
    let mut nth = 0;
    for (name, seed, ..) in CASES {
        let campaign = NewCampaign { client: "Acme".to_owned(), ..new_campaign(name) };
        let campaign = store.set_campaign(&campaign).await?;
        let contacts = [1, 2].map(|n| contact(&format!("{name}-{n}"), nth + n));
        list(&store, campaign, contacts).await?;
        let now = Clock::start().now().wall;
        for lead in store.claim(campaign, 2, LEASE, now).await?.leads {
            nth += 1;
            sow(&store, campaign, &lead, (seed, nth), now).await?;
        }
    }
    drop(store);
    tasks.finished().await;
    Ok(())
}

async fn sow(
    store: &Store,
    campaign: CampaignId,
    lead: &Lead,
    (seed, nth): (Seed, u32),
    now: Wall,
) -> Result<(), StoreError> {
    let number = lead.numbers.first().map_or(NumberId(0), |number| number.number);
    match seed {
        Seed::PutOff(rule, seconds, law) => {
            let until = now + Span::secs(seconds);
            let refusal = RuleRefusal {
                campaign,
                contact: lead.contact,
                number,
                stage: Stage::Hopper,
                refusal: Refusal { rule, law: law.map(LawId::new), until: Some(until) },
                receipt: None,
                next: Next::Retry { at: until, number: Some(number) },
                at: now,
            };
            store.commit(vec![record(Record::Refused(refusal), now)]).await
        }
        Seed::Tried(times, outcome, then) => {
            let next = match then {
                Then::Due => Next::Retry { at: now - Span::secs(60), number: None },
                Then::Later => Next::Retry { at: now + Span::secs(7_200), number: None },
                Then::Callback => {
                    Next::Callback(Callback { at: now + Span::secs(10_800), agent: None })
                }
                Then::Done(reason) => Next::Done(reason),
            };
            for attempt in 1..=times {
                let call = CallId::of(0, u64::from(nth * 10 + attempt));
                let tried = (call, outcome, attempt);
                store.commit(attempt_of(campaign, lead, tried, next, now)).await?;
            }
            Ok(())
        }
        Seed::Wish => {
            let wish = NewDoNotCall {
                number: number_of(nth).map_err(|_| StoreError::Closed)?,
                scope: DncScope::Everyone,
                reason: "said so".to_owned(),
                source: "letter".to_owned(),
                at: now,
                until: None,
            };
            store.add_do_not_call(&[wish]).await?;
            Ok(())
        }
    }
}

/// An attempt of some half an hour ago, told to its end.
fn attempt_of(
    campaign: CampaignId,
    lead: &Lead,
    (call, outcome, attempt): (CallId, Outcome, u32),
    next: Next,
    now: Wall,
) -> Vec<Write> {
    let at = now - Span::secs(1_800 + u64::from(attempt));
    let number = lead.numbers.first();
    let (number, person) =
        number.map_or((NumberId(0), PersonId(0)), |number| (number.number, number.person));
    let opened = Opened {
        call,
        campaign,
        contact: lead.contact,
        number,
        person,
        trunk: TrunkId(1),
        caller_id: 0,
        attempt,
        agent: None,
        chance: None,
        receipt: None,
        at,
    };
    let closed = Closed {
        call,
        campaign,
        contact: lead.contact,
        number,
        outcome,
        forced: false,
        cause: 480,
        ended_by: EndedBy::Callee,
        agent: None,
        heard: None,
        ringing: Some(at),
        answered: None,
        bridged: None,
        ended: at + Span::secs(20),
        held: Span::ZERO,
        next,
    };
    let records = [Record::Opened(opened), Record::Closed(closed), Record::Completed(call)];
    records.map(|one| record(one, at)).into()
}

/// Whether time alone ends a cause.
fn passes(cause: &str) -> bool {
    !matches!(cause, "do-not-call" | "invalid-number" | "exhausted")
}

#[test]
fn each_contact_is_told_what_keeps_it_and_until_when() -> Claim {
    let engine = world()?;
    for (name, _, cause, en, fr) in CASES {
        let reference = format!("{name}-2");
        let why = engine.ask(&["why", &reference])?;
        assert_eq!(field(&why, "/kind"), "contacts", "{why}");
        assert_eq!(field(&why, "/contacts/0/causes/0/code"), cause, "{why}");
        let until = field(&why, "/contacts/0/causes/0/until");
        assert_eq!(until.is_string(), passes(cause), "{why}");
        assert_eq!(field(&why, "/contacts/0/callable"), false, "{why}");
        for (lang, words) in [("en", en), ("fr", fr)] {
            let told = engine.run(&["why", &reference, "--lang", lang])?;
            assert!(text(&told.stdout)?.contains(&format!("  1. {words}")), "{told:?}");
        }
        let number = field(&why, "/contacts/0/number").as_str().ok_or("no number")?;
        let by_number = engine.ask(&["why", number, "--kind", "number"])?;
        assert_eq!(field(&by_number, "/contacts/0/external_id"), reference.as_str());
    }
    Ok(())
}

#[test]
fn each_campaign_is_told_what_keeps_its_contacts_and_how_many() -> Claim {
    let engine = world()?;
    for (name, _, cause, en, fr) in CASES {
        let stopped = engine.ask(&["why", name])?;
        assert_eq!(field(&stopped, "/causes/0/code"), "stopped", "{stopped}");
        engine.ask(&["campaign", "start", name])?;
        let why = engine.ask_until(&["why", name], "/causes/0/code", cause)?;
        assert_eq!(field(&why, "/causes/0/contacts"), 2, "{why}");
        assert_eq!(field(&why, "/causes/0/until").is_string(), passes(cause), "{why}");
        assert_eq!(field(&why, "/callable"), 0, "{why}");
        for (lang, words) in [("en", en), ("fr", fr)] {
            let told = engine.run(&["why", name, "--lang", lang])?;
            assert!(text(&told.stdout)?.contains(&format!("  1. {words}")), "{told:?}");
            assert!(text(&told.stdout)?.contains(" · 2 "), "{told:?}");
        }
        let plain = engine.run(&["why", name, "--plain"])?;
        let line = text(&plain.stdout)?;
        assert!(line.starts_with(&format!("{name}\t{cause}\t2\t")), "{line}");
    }
    Ok(())
}

#[test]
fn what_keeps_a_campaign_beside_its_contacts_is_told_first() -> Claim {
    let engine = Engine::start()?;
    let first = |wanted: &str, en: &str, fr: &str| -> Claim {
        engine.ask_until(&["why", "essai"], "/causes/0/code", wanted)?;
        for (lang, words) in [("en", en), ("fr", fr)] {
            let told = engine.run(&["why", "essai", "--lang", lang])?;
            assert!(text(&told.stdout)?.contains(words), "{told:?}");
        }
        Ok(())
    };
    engine.ask(&["campaign", "start", "essai"])?;
    first("completed", "1. it has no open contacts", "1. elle n'a plus de fiche ouverte")?;
    fs::write(engine.folder.path().join("l.csv"), "ref;téléphone\nK1;01 99 00 00 01\n")?;
    engine.ask(&["list", "import", "l.csv", "--campaign", "essai"])?;
    first("nobody-signed-in", "no agent of it is signed in", "aucun de ses agents")?;
    engine.ask(&["agent", "add", "a1", "--sip", "sip:{name}@127.0.0.1:9"])?;
    let out = engine.ask(&["why", "a1"])?;
    assert_eq!(field(&out, "/causes/0/code"), "signed-out", "{out}");
    engine.ask(&["agent", "login", "a1"])?;
    first("no-phone", "phone is connected", "aucun poste d'agent n'est connecté")?;
    let agent = engine.ask(&["why", "a1"])?;
    assert_eq!(field(&agent, "/kind"), "agent", "{agent}");
    assert_eq!(field(&agent, "/causes/0/code"), "no-phone", "{agent}");
    let told = engine.run(&["why", "a1", "--lang", "fr"])?;
    assert!(text(&told.stdout)?.contains("1. le poste n'est pas connecté"), "{told:?}");
    engine.ask(&["agent", "pause", "a1", "--code", "repas"])?;
    let away = engine.ask_until(&["why", "a1"], "/causes/1/who", "repas")?;
    assert_eq!(field(&away, "/causes/1/code"), "on-break", "{away}");
    for (lang, words) in [("en", "2. on a break (repas)"), ("fr", "2. en pause (repas)")] {
        let told = engine.run(&["why", "a1", "--lang", lang])?;
        assert!(text(&told.stdout)?.contains(words), "{told:?}");
    }
    engine.ask(&["campaign", "pause", "essai"])?;
    first("paused", "cadran campaign start essai", "cadran campaign start essai")?;
    let fresh = engine.ask(&["why", "0199000001"])?;
    assert_eq!(field(&fresh, "/contacts/0/callable"), true, "{fresh}");
    assert_eq!(field(&fresh, "/contacts/0/causes/0/code"), "paused", "{fresh}");
    assert_eq!(field(&fresh, "/contacts/0/last"), &Value::Null);
    for (lang, words) in [("en", "never tried"), ("fr", "jamais essayé")] {
        let told = engine.run(&["why", "+33199000001", "--lang", lang])?;
        assert!(text(&told.stdout)?.contains(words), "{told:?}");
    }
    Ok(())
}

#[test]
fn outside_the_hours_it_is_told_when_they_open_and_a_wish_comes_first() -> Claim {
    let now = Clock::start().now().wall.timestamp().to_zoned(TimeZone::get("Europe/Paris")?);
    let far = (now.hour() + 12).rem_euclid(24);
    let engine = Engine::start_with(|folder| {
        let path = folder.join("campaigns/essai.toml");
        let hours = format!("{far:02}:00-{far:02}:59");
        fs::write(&path, fs::read_to_string(&path)?.replace("00:00-24:00", &hours))
    })?;
    fs::write(engine.folder.path().join("l.csv"), "ref;téléphone\nK1;01 99 00 00 01\n")?;
    engine.ask(&["list", "import", "l.csv", "--campaign", "essai"])?;
    let contact = engine.ask(&["why", "K1"])?;
    assert_eq!(field(&contact, "/contacts/0/causes/0/code"), "window", "{contact}");
    let opens = field(&contact, "/contacts/0/causes/0/until");
    assert!(opens.is_string(), "{contact}");
    assert_eq!(field(&contact, "/contacts/0/next"), opens, "{contact}");
    for (lang, hours, next) in [
        ("en", "1. outside the calling hours → until", "may be called from"),
        ("fr", "1. hors des horaires d'appel → jusqu'au", "appelable à partir du"),
    ] {
        let told = engine.run(&["why", "K1", "--lang", lang])?;
        let told = text(&told.stdout)?;
        assert!(told.contains(hours) && told.contains(next), "{told}");
    }
    engine.ask(&["agent", "add", "a1", "--sip", "sip:{name}@127.0.0.1:9"])?;
    engine.ask(&["agent", "login", "a1"])?;
    engine.ask(&["campaign", "start", "essai"])?;
    let campaign = engine.ask_until(&["why", "essai"], "/causes/0/code", "window")?;
    assert_eq!(field(&campaign, "/causes/0/contacts"), 1, "{campaign}");
    assert_eq!(field(&campaign, "/causes/0/until"), opens, "{campaign}");
    let told = |words: &str| -> Result<bool, Box<dyn Error>> {
        Ok(text(&engine.run(&["why", "essai", "--lang", "en"])?.stdout)?.contains(words))
    };
    assert!(told("Nothing to correct")?, "time alone mends it");
    engine.ask(&["agent", "logout", "a1"])?;
    let campaign = engine.ask_until(&["why", "essai"], "/causes/1/code", "nobody-signed-in")?;
    assert_eq!(field(&campaign, "/causes/0/code"), "window", "{campaign}");
    assert!(told("2. then too: no agent of it is signed in")? && !told("Nothing to correct")?);
    engine.ask(&["dnc", "add", "0199000001"])?;
    let wish = engine.ask(&["why", "0199000001"])?;
    assert_eq!(field(&wish, "/contacts/0/causes/0/code"), "do-not-call", "{wish}");
    assert_eq!(field(&wish, "/contacts/0/causes/1/code"), "window", "{wish}");
    assert_eq!(field(&wish, "/contacts/0/next"), &Value::Null, "{wish}");
    Ok(())
}

#[test]
fn a_number_that_may_not_be_shown_is_told_with_its_law() -> Claim {
    // A machine may show it in its own country, and not in France (FR-12).
    let engine = Engine::start_with(|folder| {
        let path = folder.join("campaigns/essai.toml");
        fs::write(&path, fs::read_to_string(&path)?.replace("+33162000000", "+442079460123"))
    })?;
    fs::write(engine.folder.path().join("l.csv"), "ref;téléphone\nK1;06 12 34 56 78\n")?;
    engine.ask(&["list", "import", "l.csv", "--campaign", "essai", "--consent-later"])?;
    engine.ask(&["campaign", "start", "essai"])?;
    let why = engine.ask_until(&["why", "essai"], "/causes/0/code", "caller-id")?;
    assert_eq!(field(&why, "/causes/0/law"), "FR-12", "{why}");
    assert_eq!(field(&why, "/causes/0/contacts"), 1, "{why}");
    let contact = engine.ask(&["why", "K1"])?;
    assert_eq!(field(&contact, "/contacts/0/causes/0/code"), "caller-id", "{contact}");
    for (lang, words) in [
        ("en", "1. the law lets no number of caller_ids be shown there"),
        ("fr", "1. la loi ne permet d'y présenter aucun numéro de caller_ids"),
    ] {
        for of in ["essai", "K1"] {
            let told = engine.run(&["why", of, "--lang", lang])?;
            assert!(text(&told.stdout)?.contains(words), "{told:?}");
        }
    }
    Ok(())
}

/// Waits for the first cause of a campaign, and for its words.
fn told_first(engine: &Engine, cause: &str, said: [&str; 2]) -> Result<Value, Box<dyn Error>> {
    let why = engine.ask_until(&["why", "essai"], "/causes/0/code", cause)?;
    for (lang, words) in ["en", "fr"].into_iter().zip(said) {
        let told = engine.run(&["why", "essai", "--lang", lang])?;
        assert!(text(&told.stdout)?.contains(&format!("  1. {words}")), "{told:?}");
    }
    Ok(why)
}

/// A centre whose people answer in this way, over a trunk with these keys.
fn line(everybody: Persona, trunk: &str, agents: u32) -> Line<'_> {
    let extra = [NUMBER, "[wrap]\nmax = \"10m\"\n"];
    let (everybody, mode) = ((everybody, (603, "")), "progressive");
    Line { everybody, scale: 0.01, trunk, extra, agents, mode }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_who_write_up_are_the_first_cause() -> Claim {
    let wide = "channels = 9\ncalls_per_second = \"50/s\"\n";
    let centre = Centre::of(&line(Persona::Talks, wide, 1), &fiction()?).await?;
    let said = ["all 1 agents are writing up", "tous les agents (1) sont en post-appel"];
    let why = told_first(&centre.engine, "all-wrapping", said)?;
    assert_eq!(field(&why, "/causes/0/agents"), 1, "{why}");
    centre.tasks.abort();
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trunk_that_rests_is_the_first_cause_with_its_end() -> Claim {
    let weak = "channels = 9\ncalls_per_second = \"50/s\"\nrest_after = \"3/10m\"\n\
                rest_min = \"10m\"\n";
    let centre = Centre::of(&line(Persona::Congested, weak, 1), &fiction()?).await?;
    let said = ["no trunk of it answers (t1)", "aucun de ses trunks ne répond (t1)"];
    let why = told_first(&centre.engine, "no-trunk", said)?;
    assert!(field(&why, "/causes/0/until").is_string(), "{why}");
    centre.tasks.abort();
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_trunk_is_the_first_cause() -> Claim {
    let narrow = "channels = 1\ncalls_per_second = \"50/s\"\n";
    let line = Line { scale: 0.2, ..line(Persona::Talks, narrow, 2) };
    let centre = Centre::of(&line, &fiction()?).await?;
    let said = ["its trunks are full (t1)", "ses trunks sont pleins (t1)"];
    told_first(&centre.engine, "channels", said)?;
    centre.tasks.abort();
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rate_that_is_spent_is_the_first_cause() -> Claim {
    let slow = "channels = 9\ncalls_per_second = \"0.01/s\"\n";
    let centre = Centre::of(&line(Persona::Busy, slow, 1), &fiction()?).await?;
    let said = [
        "a trunk takes no more calls this second: the next one follows by itself",
        "un trunk ne prend plus d'appels cette seconde : le suivant part de lui-même",
    ];
    told_first(&centre.engine, "calls-per-second", said)?;
    centre.tasks.abort();
    Ok(())
}

#[test]
fn a_name_nobody_has_or_two_have_is_told_with_what_to_do() -> Claim {
    let engine = Engine::start()?;
    let told = |name: &[&str]| -> Result<(i32, String), Box<dyn Error>> {
        let output = engine.run(&[&["why"], name].concat())?;
        Ok((code(&output)?, text(&output.stderr)?.to_owned()))
    };
    let (exit, words) = told(&["esai"])?;
    assert!(exit == 5 && words.contains("did you mean `essai`?"), "{exit} {words}");
    let (exit, words) = told(&["0199000077"])?;
    assert!(exit == 5 && words.contains("cadran law test") && !words.contains("77"), "{words}");
    let (exit, words) = told(&["0199000077", "--lang", "fr"])?;
    assert!(exit == 5 && words.contains("aucune campagne n'a de fiche"), "{words}");
    engine.ask(&["agent", "add", "essai", "--sip", "sip:{name}@127.0.0.1:9"])?;
    let (exit, words) = told(&["essai"])?;
    assert!(exit == 3 && words.contains("--kind campaign, --kind agent"), "{exit} {words}");
    let (exit, words) = told(&["essai", "--lang", "fr"])?;
    assert!(exit == 3 && words.contains("précisez : --kind campaign"), "{exit} {words}");
    let one = engine.run(&["why", "essai", "--kind", "agent", "--json"])?;
    assert_eq!(field(&json(&one)?, "/kind"), "agent");
    assert_eq!(told(&["0199", "--region", "XX"])?.0, 2);
    Ok(())
}
