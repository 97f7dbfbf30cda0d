//! How fast the next hundred of a very long list are claimed, in what order, and how fast a list is
//! put in another order.
//!
//! `cargo bench --bench order`: contacts of nine priorities and a hundred scores, in lists of a
//! million, on SQLite; beside it on PostgreSQL where `CADRAN_TEST_POSTGRES` names a server and a
//! database that may be filled (`scripts/postgres run cargo bench --bench order`). Of each hundred
//! claimed sixty wait for their calling hours, thirty for a retry within the hour, ten are closed:
//! what waits piles up in front of what is due. `CADRAN_CONTACTS` (5,000,000) and `CADRAN_CLAIMS`
//! (1,000) say how much.
#![expect(clippy::print_stdout, reason = "a bench prints its figures")]

use std::collections::BTreeMap;
use std::error::Error;

use cadran::core::fact::{Lead, NumberClass};
use cadran::core::order::{DoneReason, Next, Record, RuleRefusal, Stage};
use cadran::core::rules::{Refusal, RuleId};
use cadran::engine::clock::Clock;
use cadran::engine::tasks::Tasks;
use cadran::hooks::event;
use cadran::store::{
    Access, ImportSource, NewCampaign, NewContact, NewNumber, Place, Settings, Store, Write,
};
use cadran::units::{CampaignId, Mono, Number, NumberId, Span, Wall, Zone};

const NOON: Wall = Wall::micros(1_700_481_600_000_000);
const HUNDRED: u32 = 100;
const LIST: u64 = 1_000_000;
const LEASE: Span = Span::secs(600);
const SCORED: u64 = 50_000;

fn main() -> Result<(), Box<dyn Error>> {
    let runtime = tokio::runtime::Runtime::new()?;
    let dir = tempfile::tempdir()?;
    runtime.block_on(measure("SQLite", Place::File(dir.path().join("cadran.db")), &dir))?;
    if let Ok(url) = std::env::var("CADRAN_TEST_POSTGRES") {
        let place = Place::Server(Access { url, password: None });
        runtime.block_on(measure("PostgreSQL", place, &dir))?;
    }
    Ok(())
}

/// Reads how much is asked for.
fn asked(name: &str, usual: u64) -> u64 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(usual)
}

async fn measure(what: &str, place: Place, dir: &tempfile::TempDir) -> Result<(), Box<dyn Error>> {
    let settings = Settings {
        place,
        key: Some(dir.path().join(format!("{what}.key"))),
        node: 0,
        full_sync: false,
        interrupted_rest: Span::ZERO,
        tell: event::call_completed,
        tell_inbound: cadran::hooks::received::tell,
        random: |bytes| getrandom::fill(bytes).map_err(std::io::Error::other),
    };
    let tasks = Tasks::new();
    let store = Store::open(settings, &tasks).await?;
    let contacts = asked("CADRAN_CONTACTS", 5_000_000);
    let campaign = fill(&store, contacts).await?;
    let mut spans = Vec::new();
    for turn in 0..asked("CADRAN_CLAIMS", 1_000) {
        let now = NOON + Span::secs(turn);
        let clock = Clock::start();
        let leads = store.claim(campaign, HUNDRED, LEASE, now).await?.leads;
        spans.push(clock.mono().since(Mono::START));
        store.commit(outcomes(campaign, &leads, now)).await?;
    }
    spans.sort_unstable();
    let at = |share: usize| {
        let span = spans.get((spans.len() * share / 100).min(spans.len().saturating_sub(1)));
        span.map_or(0.0, |span| span.as_secs_f64() * 1e3)
    };
    println!("{what}: {HUNDRED} of {contacts}: p50 {:.1} ms, p99 {:.1} ms", at(50), at(99));
    let scores = (0..SCORED.min(contacts)).map(|n| (reference(n), score(n + 37)));
    let scores: Vec<_> = scores.collect();
    let clock = Clock::start();
    let changed = store.score(campaign, &scores).await?;
    println!("{what}: {changed} put in another order in {}", clock.mono().since(Mono::START));
    drop(store);
    tasks.finished().await;
    Ok(())
}

fn reference(n: u64) -> String {
    format!("c{n}")
}

fn score(n: u64) -> u8 {
    u8::try_from(n * 7_919 % 101).unwrap_or(0)
}

async fn fill(store: &Store, contacts: u64) -> Result<CampaignId, Box<dyn Error>> {
    let campaign = NewCampaign {
        name: "bench".to_owned(),
        client: "acme".to_owned(),
        endpoint: None,
        caller_ids: vec![Number::new("+33199000900")?],
        dispositions: vec![],
        shares: vec![],
        quotas: vec![],
        history: true,
    };
    let campaign = store.set_campaign(&campaign).await?;
    let zone = Zone::new("Europe/Paris")?;
    for from in (0..contacts).step_by(usize::try_from(LIST)?) {
        let source = ImportSource {
            file: format!("{from}.csv"),
            sha256: from.to_string(),
            original: None,
            at: NOON,
            also_elsewhere: true,
        };
        let people = (from..contacts.min(from + LIST)).filter_map(|n| {
            let number = Number::new(&format!("+336{n:08}")).ok()?;
            let (zone, class) = (zone.clone(), NumberClass::Mobile);
            Some(NewContact {
                external_id: Some(reference(n)),
                name: None,
                fields: BTreeMap::new(),
                priority: u8::try_from(n % 9 + 1).unwrap_or(9),
                score: score(n),
                owner: None,
                kind: None,
                numbers: vec![NewNumber { number, zone, territory: None, class }],
                consents: Vec::new(),
            })
        });
        store.import(campaign, &source, people, async || false).await?;
    }
    Ok(campaign)
}

/// What becomes of a hundred: most wait.
fn outcomes(campaign: CampaignId, leads: &[Lead], now: Wall) -> Vec<Write> {
    let next = |nth: u64| match nth % 10 {
        0..=5 => Next::Retry { at: now + Span::secs(72_000), number: None },
        6..=8 => Next::Retry { at: now + Span::secs(600 + nth * 30), number: None },
        _ => Next::Done(DoneReason::Exhausted),
    };
    let refused = |(nth, lead): (u64, &Lead)| {
        let next = next(nth);
        let until = if let Next::Retry { at, .. } = next { Some(at) } else { None };
        let number = lead.numbers.first().map_or(NumberId(0), |number| number.number);
        let refusal = Refusal { rule: RuleId::Window, law: None, until };
        let (contact, stage) = (lead.contact, Stage::Hopper);
        let (at, receipt) = (now, None);
        let record = RuleRefusal { campaign, contact, number, stage, refusal, next, at, receipt };
        Write::Record { record: Record::Refused(record), at: now }
    };
    (0..).zip(leads).map(refused).collect()
}
