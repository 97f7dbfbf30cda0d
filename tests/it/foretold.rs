//! What a decision foretold stands with each call it granted, and with no other.

use cadran::config::scenario;
use cadran::core::campaign::{Guarantee, Mode};
use cadran::core::pacing::Decision;
use cadran::core::{Fact, Order, Record, Settings};
use cadran::sim::plan::Plan;
use cadran::sim::report::Day;
use cadran::sim::rng::Law;
use cadran::sim::{RunSettings, Witness, World};
use cadran::units::{Now, Ratio, Span};

type Claim = Result<(), Box<dyn std::error::Error>>;

/// Two campaigns whose agents serve both: each instant may bring several decisions.
const TOWN: &str = include_str!("scenarios/hard/two_campaigns.toml");

/// Sets what was opened beside what the decision that follows it foretold.
#[derive(Debug, Default)]
struct Seen {
    foretold: u64,
    wrong: Vec<String>,
}

impl Seen {
    fn decided(&mut self, decision: &Decision, opened: &mut Vec<Option<Ratio>>) {
        let placed = usize::try_from(decision.placed).unwrap_or(usize::MAX);
        let granted = opened.split_off(opened.len().saturating_sub(placed));
        let mean = decision.forecast.map(|forecast| forecast.mean);
        self.foretold += u64::from(mean > Some(Ratio::new(0.0))) * granted.len() as u64;
        if granted.len() != placed || granted.iter().any(|chance| *chance != mean) {
            self.wrong.push(format!("{granted:?} of {mean:?}"));
        }
    }
}

impl Witness for Seen {
    fn made(&mut self, _: Settings, _: Now) {}

    fn batch(&mut self, _: Now, _: &[Fact], orders: &[Order]) {
        let mut opened = Vec::new();
        for order in orders {
            if let Order::Record(Record::Opened(call)) = order {
                opened.push(call.chance);
            } else if let Order::Record(Record::Decided(_, decision)) = order {
                self.decided(decision, &mut opened);
            }
        }
        // What no decision asked for replaces a call that a trunk refused: nothing is foretold.
        if opened.iter().any(Option::is_some) {
            self.wrong.push(format!("{opened:?} without a decision"));
        }
    }
}

#[test]
fn a_call_stands_with_the_forecast_of_its_own_decision() -> Claim {
    let mut town = scenario::read(TOWN)?;
    town.day = Span::secs(1_200);
    let run = RunSettings {
        agents: 10,
        mode: Mode::Predictive { guarantee: Guarantee::Expected },
        days: 1,
        seed: 5,
        full_info: false,
        check: true,
        meter: None,
    };
    let mut seen = Seen::default();
    let (_, findings) = World::new(Plan::of(&town, &run, 5)).witnessed(&mut seen).run();
    assert_eq!(findings, []);
    assert_eq!(seen.wrong, Vec::<String>::new());
    assert!(seen.foretold > 100, "{} calls were foretold", seen.foretold);
    Ok(())
}

#[test]
fn lost_legs_force_abandons_and_a_day_without_them_forces_none() -> Claim {
    let mut town = scenario::read(include_str!("scenarios/jardin.toml"))?;
    town.day = Span::secs(3_600);
    let run = RunSettings {
        agents: 20,
        mode: Mode::Predictive { guarantee: Guarantee::Expected },
        days: 1,
        seed: 7,
        full_info: false,
        check: true,
        meter: None,
    };
    let whole = Plan::of(&town, &run, 7);
    let mut broken = whole.clone();
    broken.faults.lasts = Span::secs(3_600);
    broken.faults.leg_drop = Some(Law::fixed(20.0)?);
    let days = [whole, broken].map(|plan| World::new(plan).run());
    let [(whole, sound), (broken, also_sound)] = &days;
    assert_eq!((sound.as_slice(), also_sound.as_slice()), (&[][..], &[][..]));
    assert!(whole.abandoned > 0 && whole.forced == 0, "{} forced", whole.forced);
    assert_eq!(whole.abandon_unforced(), whole.abandon());
    let Day { abandoned, forced, .. } = broken;
    assert!(0 < *forced && forced < abandoned, "{forced} of {abandoned} forced");
    assert!(broken.abandon_unforced() < broken.abandon());
    Ok(())
}
