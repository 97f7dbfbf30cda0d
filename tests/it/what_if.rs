//! A recorded day under other circumstances, beside the truth: the same town, paced otherwise.

use std::path::Path;
use std::process::Command;

use cadran::config::scenario;
use cadran::core::campaign::{Guarantee, Mode};
use cadran::core::{Fact, Order, Settings};
use cadran::engine::tape::Recorder;
use cadran::sim::plan::Plan;
use cadran::sim::report::Day;
use cadran::sim::{RunSettings, Witness, World};
use cadran::units::{Now, Span};
use serde_json::Value;

type Claim = Result<(), Box<dyn std::error::Error>>;

/// The pool and the seed of the town whose day is recorded.
const AGENTS: u32 = 8;
const SEED: u64 = 11;

/// Records a world's one dialer.
struct Taping<'p> {
    path: &'p Path,
    recorder: Option<Recorder>,
}

impl Witness for Taping<'_> {
    fn made(&mut self, settings: Settings, now: Now) {
        self.recorder = Recorder::create(self.path, settings, now, false).ok();
    }

    fn batch(&mut self, now: Now, facts: &[Fact], orders: &[Order]) {
        let Some(recorder) = &mut self.recorder else { return };
        recorder.begin(now, facts);
        orders.iter().for_each(|order| recorder.order(order));
        recorder.end();
    }
}

/// Runs an hour and a half of the town in a mode, recorded or not.
fn town(mode: Mode, tape: Option<&Path>) -> Result<Day, Box<dyn std::error::Error>> {
    hours("b2c_evening.toml", mode, tape)
}

/// Runs an hour and a half of a scenario in a mode, recorded or not.
fn hours(file: &str, mode: Mode, tape: Option<&Path>) -> Result<Day, Box<dyn std::error::Error>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/scenarios").join(file);
    let mut town = scenario::read(&std::fs::read_to_string(path)?)?;
    town.day = Span::secs(5_400);
    let run = RunSettings {
        agents: AGENTS,
        mode,
        days: 1,
        seed: SEED,
        full_info: false,
        check: false,
        meter: None,
    };
    let world = World::new(Plan::of(&town, &run, SEED));
    let Some(path) = tape else { return Ok(world.run().0) };
    let mut taping = Taping { path, recorder: None };
    let (day, _) = world.witnessed(&mut taping).run();
    let recorder = taping.recorder.ok_or("the tape could not be made")?;
    assert_eq!(recorder.lost(), 0, "the disk of this machine is too slow for the test");
    recorder.finish()?;
    Ok(day)
}

fn replayed(tape: &Path, words: &[&str]) -> Result<Value, Box<dyn std::error::Error>> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cadran"));
    command.args(["replay", "day"]).arg(tape).args(words).args(["--seeds", "6", "--json"]);
    let output = command.output()?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    Ok(serde_json::from_slice(&output.stdout)?)
}

fn band(bands: &Value, figure: &str) -> Result<std::ops::RangeInclusive<f64>, String> {
    let wanting = || format!("no {figure} in {bands}");
    let edge = |edge: &str| bands[figure][edge].as_f64().ok_or_else(wanting);
    Ok(edge("low")?..=edge("high")?)
}

#[test]
fn a_progressive_day_foretells_what_predictive_would_have_made_of_it() -> Claim {
    let dir = tempfile::tempdir()?;
    let tape = dir.path().join("day.tape");
    let recorded = town(Mode::Progressive, Some(&tape))?;
    let truth = town(Mode::Predictive { guarantee: Guarantee::Expected }, None)?;
    let told = replayed(&tape, &["--mode", "predictive"])?;

    let occupancy = told["recorded"]["occupancy"].as_f64().ok_or("it was recorded")?;
    assert!((occupancy - recorded.occupancy().get()).abs() < 0.005, "{told}");
    assert_eq!(told["recorded"]["calls"].as_f64(), Some(recorded.attempts as f64), "{told}");
    assert_eq!(told["reproduced"], true, "{told}");
    let unknown = told["unknown"].as_str().ok_or("what is not known is not said")?;
    for named in ["never placed", "begins cold", "a rate shared", "the window", "calling hours"] {
        assert!(unknown.contains(named), "{named} is not named in {unknown}");
    }

    let figures = [
        ("occupancy", truth.occupancy().get()),
        ("abandon", truth.abandon().get()),
        ("talks", truth.connected as f64),
        ("calls", truth.attempts as f64),
    ];
    for (figure, really) in figures {
        let foretold = band(&told["what_if"], figure)?;
        assert!(foretold.contains(&really), "{figure} was {really}: {told}");
    }
    // A band that told nothing would hold everything.
    let gain = band(&told["difference"], "occupancy")?;
    assert!(*gain.start() > 0.0 && gain.end() - gain.start() < 0.2, "{told}");
    Ok(())
}

#[test]
fn fewer_agents_of_the_same_day_talk_less_over_the_same_trunks() -> Claim {
    let dir = tempfile::tempdir()?;
    let tape = dir.path().join("day.tape");
    town(Mode::Progressive, Some(&tape))?;
    let told = replayed(&tape, &["--agents", "4", "--cap", "1%"])?;
    assert_eq!((&told["agents"], &told["abandon_cap"]), (&4.into(), &0.01.into()), "{told}");
    let talks = band(&told["difference"], "talks")?;
    assert!(*talks.end() < 0.0, "{told}");
    let mut shown = Command::new(env!("CARGO_BIN_EXE_cadran"));
    shown.args(["replay", "day"]).arg(&tape).args(["--agents", "4", "--lines", "3"]);
    shown.args(["--seeds", "2"]);
    let shown = shown.args(["--lang", "en"]).output()?;
    let (table, notes) = (String::from_utf8(shown.stdout)?, String::from_utf8(shown.stderr)?);
    let difference = table.lines().find(|line| line.contains("difference")).unwrap_or_default();
    assert!(difference.contains(" pt (") && !difference.contains('%'), "{table}");
    assert!(notes.contains("An interval of 2 days is wide"), "{notes}");
    assert!(notes.contains("--lines changes nothing here"), "{notes}");
    let alone = replayed(&tape, &[])?;
    assert!(alone["what_if"].is_null() && alone["as_it_was"] == told["as_it_was"], "{alone}");
    Ok(())
}

#[test]
fn a_power_day_is_dialled_by_its_own_lines_unless_others_are_asked_for() -> Claim {
    let dir = tempfile::tempdir()?;
    let tape = dir.path().join("day.tape");
    town(Mode::Power { lines_per_agent: 3.0 }, Some(&tape))?;
    let attempts = |words: &[&str]| -> Result<u64, Box<dyn std::error::Error>> {
        let mut run = Command::new(env!("CARGO_BIN_EXE_cadran"));
        run.args(["simulate", "run", "--from-tape"]).arg(&tape).args(words).arg("--json");
        let cells: Value = serde_json::from_slice(&run.output()?.stdout)?;
        Ok(cells[0]["attempts"].as_u64().ok_or_else(|| format!("no attempts in {cells}"))?)
    };
    let own = attempts(&[])?;
    assert_eq!(own, attempts(&["--lines", "3"])?);
    assert_ne!(own, attempts(&["--lines", "1"])?);
    let same = replayed(&tape, &["--mode", "power"])?;
    assert_eq!(same["what_if"], same["as_it_was"], "{same}");
    let fewer = replayed(&tape, &["--lines", "1"])?;
    let calls = |bands: &Value| bands["calls"]["mean"].as_f64();
    assert!(calls(&fewer["what_if"]) < calls(&fewer["as_it_was"]), "{fewer}");
    assert!(calls(&fewer["what_if"]).is_some(), "{fewer}");
    Ok(())
}

#[test]
fn what_a_model_of_a_tape_is_worth_is_told() -> Claim {
    let dir = tempfile::tempdir()?;
    for (file, campaigns) in [("b2c_evening.toml", 1), ("hard/two_campaigns.toml", 2)] {
        let tape = dir.path().join(format!("{campaigns}.tape"));
        hours(file, Mode::Progressive, Some(&tape))?;
        let mut run = Command::new(env!("CARGO_BIN_EXE_cadran"));
        run.args(["simulate", "run", "--from-tape"]).arg(&tape).args(["--days", "1"]);
        let told = run.args(["--lang", "en"]).output()?;
        let notes = String::from_utf8(told.stderr)?;
        assert!(told.status.success() && notes.contains("cadran replay day TAPE"), "{notes}");
        assert_eq!(notes.contains("2 campaigns dialled"), campaigns == 2, "{notes}");
    }
    Ok(())
}
