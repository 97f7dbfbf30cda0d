//! What asking the gate costs: whether a French consumer may be called to be sold something, with a
//! consent, wishes, three attempts of the last month and all rules of the country's law pack.
//!
//! `cargo bench --bench gate`: a number that may be called, one that has been called as often as
//! the law lets, and one outside the calling hours. A thousand contacts in turn, so that none is
//! asked twice with the same warm cache.

use std::hint::black_box;

use cadran::config::law::{Called, Purpose, regimes};
use cadran::core::campaign::{Mode, Settings};
use cadran::core::fact::{Lead, LeadNumber};
use cadran::core::rules::consent::{Basis, Right};
use cadran::core::rules::inquiry::Inquiry;
use cadran::units::{
    CallId, CampaignId, ContactId, NumberId, PersonId, Span, Territory, TrunkId, Wall, Zone,
};
use criterion::Criterion;

/// 2026-11-23T11:00:00Z: Monday, noon in Paris.
const NOON: Wall = Wall::micros(1_795_431_600_000_000);
const DAY: Span = Span::secs(86_400);
const CONTACTS: u64 = 1_000;

fn leads(attempts: u64, zone: &Zone) -> Result<Vec<Lead>, Box<dyn std::error::Error>> {
    let territory = Territory::new("FR")?;
    let right = Right {
        id: None,
        basis: Basis::Consent,
        obtained: Some(NOON - DAY.times(30)),
        until: None,
        out_of_hours: false,
    };
    let lead = |id: u64| {
        let number = LeadNumber {
            territory: Some(territory.clone()),
            recent: (0..attempts).rev().map(|nth| NOON - DAY.times(3 * nth + 2)).collect(),
            rights: vec![right],
            ..LeadNumber::new(NumberId(id), PersonId(id), zone.clone())
        };
        Lead::new(ContactId(id), vec![number])
    };
    Ok((1..=CONTACTS).map(lead).collect())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut criterion = Criterion::default().configure_from_args();
    let paris = Zone::new("Europe/Paris")?;
    let mut settings = Settings::new(Mode::Progressive, TrunkId(1), paris.clone());
    settings.rules.law = regimes(Purpose::Prospecting, Called::Consumers);
    for (name, attempts, at, may) in [
        ("allowed", 3, NOON, true),
        ("attempt cap", 4, NOON, false),
        ("hours", 3, NOON + Span::secs(12 * 3_600), false),
    ] {
        let leads = leads(attempts, &paris)?;
        let on_line = (1..=CONTACTS).map(|id| (PersonId(CONTACTS + id), CallId(id)));
        let mut inquiry = Inquiry::new(CampaignId(1), &settings, on_line);
        let answer = leads.first().is_some_and(|lead| inquiry.may_call(lead, at).is_ok());
        if answer != may {
            return Err(format!("{name}: the gate says {answer}").into());
        }
        let mut turn = leads.iter().cycle();
        criterion.bench_function(&format!("gate, {name}"), |bencher| {
            bencher.iter(|| turn.next().map(|lead| black_box(inquiry.may_call(lead, at).is_ok())));
        });
    }
    criterion.final_summary();
    Ok(())
}
