//! The demo and the simulator are one town: what a campaign does over real SIP and RTP in true
//! time, the simulator must do in its own.

use std::error::Error;
use std::process::Command;

use cadran::config::scenario;
use cadran::core::campaign::{Guarantee, Mode};
use cadran::sim::plan::Plan;
use cadran::sim::report::Summary;
use cadran::sim::rng::{Actor, seed_of};
use cadran::sim::{Learnt, RunSettings, World};
use cadran::units::Span;
use serde_json::Value;

type Claim = Result<(), Box<dyn Error>>;

const TOWN: &str = include_str!("scenarios/jardin.toml");

/// What the demo begins with.
const PRIOR: &str = include_str!("../../src/cli/demo/prior.json");

/// How long the demo runs when `CADRAN_AGREE_S` does not say.
const SECONDS: u64 = 60;

/// The agents of the demo.
const AGENTS: u32 = 20;

/// Simulated runs of the same length: what chance alone makes of it.
const RUNS: u32 = 100;

/// Allowed distance in standard deviations of one run, beside [`UNLIKE`].
const SIGMAS: f64 = 3.0;

/// What the occupancy may differ in by construction: a real call is set up some milliseconds
/// later, and the demo's agents notice the end of a call five times a second.
const UNLIKE: f64 = 0.005;

#[test]
#[ignore = "runs in true time: scripts/test gives it a minute alone, scripts/long half an hour"]
fn the_demo_does_what_the_simulator_foretells() -> Claim {
    let seconds = std::env::var("CADRAN_AGREE_S").map_or(Ok(SECONDS), |text| text.parse())?;
    let demo = demo(seconds)?;
    for key in ["/foretold", "/forecast/threshold", "/forecast/chance"] {
        let told = demo.pointer(key).and_then(Value::as_f64);
        assert!(told.is_some(), "the demo does not tell {key}: {demo}");
    }
    let summary = simulated(seconds)?;
    let occupancy = summary.days.iter().map(|day| day.0.get()).collect::<Vec<_>>();
    let abandon = summary.days.iter().map(|day| day.1.get()).collect::<Vec<_>>();
    for (what, real, simulated, unlike) in [
        ("occupancy", number(&demo, "occupancy")?, occupancy, UNLIKE),
        ("abandon", share(&demo)?, abandon, 0.0),
    ] {
        let (mean, deviation) = moments(&simulated);
        announce(&format!(
            "{what}: {:.2} % over SIP, {:.2} ± {:.2} % simulated ({seconds} s, {AGENTS} agents)",
            real * 100.0,
            mean * 100.0,
            deviation * 100.0
        ));
        let apart = (real - mean).abs();
        assert!(apart <= SIGMAS * deviation + unlike, "{what}: {real} is no {mean} ± {deviation}");
    }
    Ok(())
}

fn demo(seconds: u64) -> Result<Value, Box<dyn Error>> {
    let contacts = (seconds * 50).clamp(1_000, 60_000).to_string();
    let (length, agents) = (format!("{seconds}s"), AGENTS.to_string());
    let output = Command::new(env!("CARGO_BIN_EXE_cadran"))
        .args(["demo", "--json", "--for", &length, "--agents", &agents, "--contacts", &contacts])
        .output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

fn simulated(seconds: u64) -> Result<Summary, Box<dyn Error>> {
    let mut town = scenario::read(TOWN)?;
    town.day = Span::secs(seconds);
    let run = RunSettings {
        agents: AGENTS,
        mode: Mode::Predictive { guarantee: Guarantee::Expected },
        days: RUNS,
        seed: 1,
        check: false,
        full_info: false,
        meter: None,
    };
    let prior: Learnt = serde_json::from_str(PRIOR)?;
    let mut summary = Summary::of(&town, AGENTS);
    for nth in 0..RUNS {
        let mut plan = Plan::of(&town, &run, seed_of(run.seed, Actor::Day(u64::from(nth))));
        // The demo's trunk takes its calls one by one, no second's worth at once.
        plan.trunks.iter_mut().for_each(|(_, trunk)| trunk.burst = 1);
        let (day, findings) = World::new(plan).remembering(&prior).run();
        summary.add(&day, findings);
    }
    Ok(summary)
}

fn number(report: &Value, key: &str) -> Result<f64, Box<dyn Error>> {
    report[key].as_f64().ok_or_else(|| format!("the demo does not tell its {key}").into())
}

/// The demo's abandoned share of those who were bridged or abandoned, as the simulator counts it.
fn share(report: &Value) -> Result<f64, Box<dyn Error>> {
    let (abandoned, bridged) = (number(report, "abandoned")?, number(report, "bridged")?);
    Ok(abandoned / (abandoned + bridged).max(1.0))
}

#[expect(clippy::cast_precision_loss, reason = "a hundred runs are counted exactly")]
fn moments(values: &[f64]) -> (f64, f64) {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let spread = values.iter().map(|value| (value - mean) * (value - mean)).sum::<f64>() / count;
    (mean, spread.sqrt())
}

/// Prints the figures, which a long run is made for.
#[expect(clippy::print_stderr, reason = "the figures are what a long run is made for")]
fn announce(line: &str) {
    eprintln!("{line}");
}
