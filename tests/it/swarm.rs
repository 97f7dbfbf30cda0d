//! Random worlds from seeds: whatever goes wrong, every invariant holds and all comes to rest.
//!
//! `CADRAN_SEEDS=5000` walks that many worlds, `CADRAN_SEED=8812` one alone, and
//! `CADRAN_DIARY=FILE` writes down everything that happens in it.

use std::collections::BTreeSet;

use cadran::core::{Fact, Order, Settings};
use cadran::sim::{Witness, swarm};
use cadran::units::{Mono, Now};

type Claim = Result<(), Box<dyn std::error::Error>>;

/// Worlds walked when `CADRAN_SEEDS` does not say how many.
const SEEDS: u64 = 200;

/// Every seed that ever failed, for ever.
const FAILED_ONCE: &str = include_str!("seeds.txt");

fn number(name: &str) -> Result<Option<u64>, Box<dyn std::error::Error>> {
    match std::env::var(name) {
        Ok(text) => Ok(Some(text.parse().map_err(|fault| format!("{name}={text}: {fault}"))?)),
        Err(_) => Ok(None),
    }
}

fn seeds() -> Result<BTreeSet<u64>, Box<dyn std::error::Error>> {
    if let Some(seed) = number("CADRAN_SEED")? {
        return Ok(BTreeSet::from([seed]));
    }
    let mut seeds: BTreeSet<u64> = (1..=number("CADRAN_SEEDS")?.unwrap_or(SEEDS)).collect();
    let lines = FAILED_ONCE.lines().map(|line| line.split('#').next().unwrap_or("").trim());
    for line in lines.filter(|line| !line.is_empty()) {
        seeds.insert(line.parse()?);
    }
    Ok(seeds)
}

#[test]
fn random_worlds_keep_every_invariant_and_come_to_rest() -> Claim {
    let mut failed = Vec::new();
    for seed in seeds()? {
        let mut diary = Diary::default();
        let told = std::env::var_os("CADRAN_DIARY");
        let witness = told.is_some().then_some(&mut diary as &mut dyn Witness);
        let (_, findings) = swarm::run(seed, witness)?;
        if let Some(path) = told {
            std::fs::write(path, diary.0.join("\n"))?;
        }
        if let Some(first) = findings.first() {
            failed.push(format!(
                "CADRAN_SEED={seed} cargo test --test it swarm::random_worlds\n  {} {} (and {} more)",
                first.at.since(Mono::START),
                first.what,
                findings.len() - 1,
            ));
        }
        if number("CADRAN_SEED")?.is_some() {
            failed.extend(findings.iter().map(|finding| format!("{finding:?}")));
        }
    }
    assert!(failed.is_empty(), "{} worlds failed:\n{}", failed.len(), failed.join("\n"));
    Ok(())
}

/// Everything that happened in a world, a batch an entry.
#[derive(Default)]
struct Diary(Vec<String>);

impl Witness for Diary {
    fn made(&mut self, settings: Settings, now: Now) {
        self.0.push(format!("{} {settings:?}", now.mono.since(Mono::START)));
    }

    fn batch(&mut self, now: Now, facts: &[Fact], orders: &[Order]) {
        let moment = format!("{} {}", now.mono.since(Mono::START), now.wall);
        let facts = facts.iter().map(|fact| format!("\n    {fact:?}"));
        let orders = orders.iter().map(|order| format!("\n  > {order:?}"));
        self.0.push(facts.chain(orders).fold(moment, |entry, line| entry + &line));
    }
}

#[test]
fn a_world_goes_the_same_way_twice() -> Claim {
    for seed in [5, 6] {
        let (mut one, mut two) = (Diary::default(), Diary::default());
        let first = swarm::run(seed, Some(&mut one))?;
        let second = swarm::run(seed, Some(&mut two))?;
        assert!(one.0.len() > 100, "seed {seed}: too short a world to tell");
        assert_eq!(one.0, two.0, "seed {seed}");
        assert_eq!(first, second, "seed {seed}");
    }
    Ok(())
}

#[cfg(feature = "engine")]
mod scenarios {
    use super::Claim;
    use cadran::config::scenario;
    use cadran::core::campaign::Mode;
    use cadran::sim::{RunSettings, run};

    const FILES: [(&str, &str); 8] = [
        ("b2c_evening", include_str!("scenarios/b2c_evening.toml")),
        ("b2b", include_str!("scenarios/b2b.toml")),
        ("appointment", include_str!("scenarios/appointment.toml")),
        ("drift", include_str!("scenarios/drift.toml")),
        ("step_shock", include_str!("scenarios/step_shock.toml")),
        ("churn", include_str!("scenarios/churn.toml")),
        ("bimodal", include_str!("scenarios/bimodal.toml")),
        ("markov", include_str!("scenarios/markov_check.toml")),
    ];

    #[test]
    fn every_scenario_file_is_read() -> Claim {
        for (name, text) in FILES {
            assert_eq!(scenario::read(text)?.name, name);
        }
        Ok(())
    }

    /// The progressive column for 20 agents of an independent simulator (docs/simulator.md), few
    /// days each; the band is three points, about twice the spread of such means.
    #[test]
    fn progressive_days_agree_with_an_independent_simulator() -> Claim {
        let reference = [68.0, 54.8, 83.4, 57.9, 71.9, 68.2, 62.7];
        for ((name, text), expected) in FILES.iter().zip(reference) {
            let settings = RunSettings {
                agents: 20,
                mode: Mode::Progressive,
                days: 2,
                seed: 1,
                check: true,
                meter: None,
            };
            let summary = run(&scenario::read(text)?, &settings);
            let occupancy = 100.0 * summary.total.occupancy().get();
            assert!((occupancy - expected).abs() < 3.0, "{name}: {occupancy:.1} is not {expected}");
            assert!(summary.findings.is_empty(), "{name}: {:?}", summary.findings.first());
            assert_eq!(summary.days.len(), 2);
        }
        Ok(())
    }

    #[test]
    fn an_agent_more_disturbs_no_fate_of_a_call() -> Claim {
        let scenario = scenario::read(FILES[0].1)?;
        let alone = |agents| {
            let mode = Mode::Progressive;
            run(
                &scenario,
                &RunSettings { agents, mode, days: 1, seed: 4, check: false, meter: None },
            )
        };
        assert_eq!(alone(3), alone(3));
        assert!(alone(3).total.attempts < alone(4).total.attempts);
        Ok(())
    }
}
