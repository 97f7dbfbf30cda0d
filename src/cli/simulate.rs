//! `cadran simulate`.

mod cells;
mod chart;
mod compare;
pub(super) mod day;
mod dialers;
mod page;
mod plot;
mod png;
mod prior;
mod report;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, Subcommand, ValueHint};

use super::failure::{Exit, Failure, Outcome};
use super::output::{Form, Output};
use crate::config::measure;
use crate::config::respect::OCCUPANCY_MIN;
use crate::config::scenario::{self, ScenarioError};
use crate::core::campaign::Mode;
use crate::core::respect;
use crate::sim::scenario::Scenario;
use crate::units::{Ratio, Span};
use cells::{Cell, Prior, Solved};
use compare::Beside;
use dialers::{Word, lines_per_agent};
use report::Report;

/// Simulate campaign days.
#[derive(Debug, Subcommand)]
pub(super) enum Simulate {
    /// Simulate days of scenarios and report occupancy, abandon and waits
    #[command(before_help = "Examples:
  cadran simulate run tests/it/scenarios/b2c_evening.toml
  cadran simulate run tests/it/scenarios/*.toml --agents 5,20 --mode progressive,vici-best --json
  cadran simulate run tests/it/scenarios/churn.toml --mode power --lines 1.5 --check
  cadran simulate run tests/it/scenarios/b2b.toml --mode predictive --days 20 --prior learn
  cadran simulate run --from-tape tapes/2026-11-20.tape --agents 10,12,15 --days 20")]
    Run(Run),
    /// Set every dialer beside one of them, on the very same days
    #[command(before_help = "Examples:
  cadran simulate compare tests/it/scenarios/b2b.toml
  cadran simulate compare tests/it/scenarios/b2b.toml --agents 12 --mode progressive,vici-best")]
    Compare(Compare),
    /// Go through pools, caps and dialers
    #[command(before_help = "Examples:
  cadran simulate sweep tests/it/scenarios/b2b.toml --cap 1%,3% --mode progressive,ratio
  cadran simulate sweep tests/it/scenarios/*.toml --agents 1,3,5,10,20 --days 20 --json")]
    Sweep(Sweep),
    /// Draw the same as bars here, or as charts in an SVG, PNG or HTML file
    #[command(before_help = "Examples:
  cadran simulate plot tests/it/scenarios/b2b.toml --mode progressive,vici-average,vici-best
  cadran simulate plot tests/it/scenarios/b2b.toml --agents 5,20,50 --html tomorrow.html
  cadran simulate plot --from-tape tapes/2026-11-20.tape --png tomorrow.png")]
    Plot(Plot),
}

/// A simulation: every scenario with every pool and every dialer.
#[derive(Debug, Args)]
pub(super) struct Run {
    #[command(flatten)]
    what: What,
    /// Which dialer paces [default: as the tape's day was paced, else progressive]
    #[arg(long, value_enum, value_delimiter = ',')]
    mode: Vec<Word>,
    /// What a predictive pacer begins each day with: `none`, `learn` (what the days before taught
    /// it), or a file that --prior-out wrote
    #[arg(long, value_name = "none|learn|FILE", default_value = "none")]
    prior: prior::Source,
    /// Write what the days taught the pacer to this file; for one scenario, pool and dialer
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    prior_out: Option<PathBuf>,
    /// Have an oracle look for calls without end and agents without rest
    #[arg(long)]
    check: bool,
}

/// A comparison.
#[derive(Debug, Args)]
pub(super) struct Compare {
    #[command(flatten)]
    what: What,
    /// Which dialers; the others are compared with the first [default: all of them]
    #[arg(long, value_enum, value_delimiter = ',')]
    mode: Vec<Word>,
}

/// A sweep.
#[derive(Debug, Args)]
pub(super) struct Sweep {
    #[command(flatten)]
    what: What,
    #[command(flatten)]
    caps: Caps,
    /// Which dialers pace [default: as the tape's day was paced, else progressive]
    #[arg(long, value_enum, value_delimiter = ',')]
    mode: Vec<Word>,
}

/// A drawing.
#[derive(Debug, Args)]
pub(super) struct Plot {
    #[command(flatten)]
    what: What,
    #[command(flatten)]
    caps: Caps,
    /// Which dialers pace [default: predictive, predictive-strict, progressive, vici-average]
    #[arg(long, value_enum, value_delimiter = ',')]
    mode: Vec<Word>,
    /// Write the charts to this SVG file
    #[arg(long, value_hint = ValueHint::FilePath)]
    svg: Option<PathBuf>,
    /// Write the charts to this PNG file, with a font of this machine
    #[arg(long, value_hint = ValueHint::FilePath)]
    png: Option<PathBuf>,
    /// Write the charts and the figures to this HTML file, which loads nothing from elsewhere
    #[arg(long, value_hint = ValueHint::FilePath)]
    html: Option<PathBuf>,
}

/// What is simulated, and how much.
#[derive(Debug, Args)]
struct What {
    /// The scenarios
    #[arg(required_unless_present = "from_tape", value_hint = ValueHint::FilePath)]
    scenarios: Vec<PathBuf>,
    /// Learn a scenario from a recorded day as well: outcomes by the hour, times as measured
    #[arg(long, value_hint = ValueHint::FilePath)]
    from_tape: Vec<PathBuf>,
    /// Agents in the pool [default: as the scenario says, else 20]
    #[arg(long, value_delimiter = ',')]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=10_000))]
    agents: Vec<u32>,
    /// Lines per idle agent in power mode, 1 to 10 [default: those of the tape's day, else 1.5]
    #[arg(long, value_parser = lines)]
    lines: Option<f64>,
    /// Days [default: 1, or 8 where bands are wanted]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    days: Option<u32>,
    /// The seed: the same one gives the same figures
    #[arg(long, default_value_t = 42)]
    seed: u64,
    #[command(flatten)]
    owed: Owed,
}

/// What is owed to the agents, in place of what the scenario says.
#[derive(Debug, Args)]
struct Owed {
    /// How long an agent is left alone after each call, such as 10s
    #[arg(long, value_parser = measure::span)]
    breath: Option<Span>,
    /// The ceiling on an agent's occupancy, such as 85%
    #[arg(long, value_parser = ceiling)]
    occupancy_max: Option<Ratio>,
    /// From which attempt on a contact is hard, to be shared fairly among the agents
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=100))]
    hard_from: Option<u32>,
}

impl Owed {
    fn over(&self, own: respect::Settings) -> respect::Settings {
        respect::Settings {
            breath: self.breath.unwrap_or(own.breath),
            occupancy_max: self.occupancy_max.or(own.occupancy_max),
            hard_from: self.hard_from.or(own.hard_from),
        }
    }
}

/// The abandon caps gone through.
#[derive(Debug, Args)]
struct Caps {
    /// Abandon caps, such as 1%,3% [default: the scenario's]
    #[arg(long, value_delimiter = ',', value_parser = cap)]
    cap: Vec<Ratio>,
}

/// What paces where neither the command nor a tape says so.
const USUAL: Word = Word::Progressive;

/// The pool where neither the command nor the scenario names one.
const POOL: u32 = 20;
/// Days where the spread of the days is of interest: enough for an interval.
const DAYS: u32 = 8;

fn lines(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(lines) if (1.0..=10.0).contains(&lines) => Ok(lines),
        Ok(_) | Err(_) => Err(format!("{text:?} is no number from 1 to 10")),
    }
}

fn cap(text: &str) -> Result<Ratio, String> {
    let percent = text.strip_suffix('%').and_then(|number| number.trim().parse::<f64>().ok());
    match percent {
        Some(percent) if (0.0..=100.0).contains(&percent) => Ok(Ratio::new(percent / 100.0)),
        Some(_) | None => Err(format!("{text:?} is no share such as 3%")),
    }
}

fn ceiling(text: &str) -> Result<Ratio, String> {
    let ceiling = cap(text)?;
    if ceiling.get() < OCCUPANCY_MIN {
        return Err(format!("{text:?} is below {:.0}%", OCCUPANCY_MIN * 100.0));
    }
    Ok(ceiling)
}

fn read(path: &Path) -> Result<Scenario, Failure> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        let message = format!("{}: cannot be read: {error}", path.display());
        Failure::new(Exit::Invalid, "scenario_unreadable", message)
    })?;
    scenario::read(&text).map_err(|error| {
        if let Some(other) = other_file(path, &text) {
            return other;
        }
        let place = error.place(&text);
        let place = place.map_or_else(String::new, |(line, column)| format!(":{line}:{column}"));
        let fault = match &error {
            ScenarioError::Toml(error) => error.message().to_owned(),
            ScenarioError::Law { .. } | ScenarioError::Number { .. } | ScenarioError::Day(_) => {
                error.to_string()
            }
        };
        let message = format!("{}{place}: {fault}", path.display());
        Failure::new(Exit::Invalid, "scenario_invalid", message)
    })
}

/// Tells a campaign's and the engine's file from a scenario with mistakes.
fn other_file(path: &Path, text: &str) -> Option<Failure> {
    let keys = text.parse::<toml::Table>().ok()?;
    let (what, command) = if keys.contains_key("routes") || keys.contains_key("disposition") {
        ("a campaign's file", format!("cadran campaign validate {}", path.display()))
    } else if keys.contains_key("trunk") {
        ("the engine's file", format!("cadran doctor --config {}", path.display()))
    } else {
        return None;
    };
    let message = format!("{}: is {what}, not a scenario", path.display());
    let hint = format!(
        "`{command}` checks it; a day of it is simulated from its tape: \
         `cadran simulate run --from-tape TAPE`"
    );
    Some(Failure::new(Exit::Invalid, "scenario_invalid", message).hint(hint))
}

/// Gives the scenario of a recorded day, and how it was paced.
fn learn(path: &Path, output: &Output) -> Result<(Scenario, Option<Mode>), Failure> {
    let learner = day::learn(path, output)?;
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    learner.scenario(&name).map(|scenario| (scenario, learner.mode())).map_err(|error| {
        let message = format!("{}: {error}", path.display());
        Failure::new(Exit::Invalid, "nothing_to_learn", message)
            .hint("simulate from a scenario file, or from the tape of a fuller day")
    })
}

/// Refuses two scenarios of one name: all that is shown, drawn and compared goes by it.
fn namesakes(name: &str, one: &Path, other: &Path) -> Failure {
    let message = format!("{} and {} are both named \"{name}\"", one.display(), other.display());
    Failure::new(Exit::Invalid, "scenario_ambiguous", message)
        .hint("give one of them another `name`, or a tape another file name")
}

/// Says that lines per idle agent were named where nothing goes by them.
fn warn_of_lines(output: &Output) {
    output.warn(output.lang.say(
        "--lines changes nothing here: power alone goes by it",
        "--lines ne change rien ici : seul power en tient compte",
    ));
}

impl What {
    /// Gives every scenario with every cap, every pool and every dialer, in this order; without a
    /// word, that of the day.
    fn cells(
        &self,
        (caps, words): (&[Ratio], &[Word]),
        days: u32,
        output: &Output,
    ) -> Result<Vec<Cell>, Failure> {
        let mut cells = Vec::new();
        let mut named = BTreeMap::new();
        let files = self.scenarios.iter().map(|path| (path, read(path).map(|own| (own, None))));
        let tapes = self.from_tape.iter().map(|path| (path, learn(path, output)));
        for (path, own) in files.chain(tapes) {
            let (own, mode) = own?;
            if let Some(other) = named.insert(own.name.clone(), path) {
                return Err(namesakes(&own.name, other, path));
            }
            let usual = [mode.and_then(Word::of).unwrap_or(USUAL)];
            let words = if words.is_empty() { &usual } else { words };
            let owed = self.owed.over(own.respect);
            let own = own.owing(owed);
            let caps = if caps.is_empty() { vec![own.cap] } else { caps.to_vec() };
            for cap in caps {
                let scenario = Arc::new(own.clone().capped(cap));
                for agents in self.pools(&scenario) {
                    cells.extend(words.iter().map(|&word| Cell {
                        scenario: Arc::clone(&scenario),
                        agents,
                        word,
                        lines: lines_per_agent(self.lines, mode),
                        days: self.days.unwrap_or(days),
                        seed: self.seed,
                        check: false,
                        prior: Prior::None,
                    }));
                }
            }
        }
        if self.lines.is_some() && cells.iter().all(|cell| cell.word != Word::Power) {
            warn_of_lines(output);
        }
        Ok(cells)
    }

    /// Says that intervals of so few days tell little, and what a model of a tape is worth; `days`
    /// are those taken if none were named.
    fn doubt(&self, days: u32, output: &Output) {
        if let Some(few) = report::few(self.days.unwrap_or(days), output.lang) {
            output.note(&few);
        }
        if !self.from_tape.is_empty() {
            output.note(output.lang.say(
                "A model learnt from a tape: `cadran replay day TAPE` tells whether it reproduces \
                 that day, and what it takes for granted.",
                "Un modèle appris d'une bande : `cadran replay day BANDE` dit s'il reproduit cette \
                 journée, et ce qu'il suppose.",
            ));
        }
    }

    fn pools(&self, scenario: &Scenario) -> Vec<u32> {
        let own = || vec![scenario.pool.unwrap_or(POOL)];
        if self.agents.is_empty() { own() } else { self.agents.clone() }
    }
}

impl Simulate {
    pub(super) fn run(self, output: &Output) -> Outcome {
        match self {
            Self::Run(run) => run.run(output),
            Self::Compare(compare) => compare.run(output),
            Self::Sweep(sweep) => sweep.run(output),
            Self::Plot(plot) => plot.run(output),
        }
    }
}

fn reports(solved: &[Solved]) -> Vec<Report> {
    solved.iter().map(Report::of).collect()
}

impl Run {
    fn run(self, output: &Output) -> Outcome {
        let mut cells = self.what.cells((&[], &self.mode), 1, output)?;
        let prior = self.prior.read()?;
        if !matches!(prior, Prior::None) {
            self.warn_of_the_forgetful(output);
        }
        for cell in &mut cells {
            (cell.check, cell.prior) = (self.check, prior.clone());
        }
        let solved = cells::solve(cells, output)?;
        if let Some(path) = &self.prior_out {
            prior::keep(path, &solved, output)?;
        }
        let reports = reports(&solved);
        output.show(&reports, |lang| report::sheet(&reports, lang));
        self.what.doubt(1, output);
        let sound = reports.iter().all(|report| report.findings.is_empty());
        Ok(if sound { Exit::Done } else { Exit::Error })
    }
}

impl Run {
    /// Says which dialers make nothing of what was learnt before.
    fn warn_of_the_forgetful(&self, output: &Output) {
        let usual = [USUAL];
        let words = match self.mode.as_slice() {
            [] if self.what.from_tape.is_empty() => &usual,
            words => words,
        };
        let forgetful = words.iter().filter(|word| !word.remembers());
        let names = forgetful.map(|word| word.name()).collect::<Vec<_>>().join(", ");
        if !names.is_empty() {
            let (english, french) = (
                "--prior changes nothing for {names}: predictive and predictive-strict alone learn",
                "--prior ne change rien pour {names} : seuls predictive et predictive-strict \
                 apprennent",
            );
            output.warn(&output.lang.say(english, french).replace("{names}", &names));
        }
    }
}

impl Compare {
    fn run(self, output: &Output) -> Outcome {
        let modes = if self.mode.is_empty() { Word::all() } else { self.mode };
        let cells = self.what.cells((&[], &modes), DAYS, output)?;
        let rows = Beside::all(&cells::solve(cells, output)?);
        output.show(&rows, |lang| compare::sheet(&rows, lang));
        self.what.doubt(DAYS, output);
        Ok(Exit::Done)
    }
}

impl Sweep {
    fn run(self, output: &Output) -> Outcome {
        let cells = self.what.cells((&self.caps.cap, &self.mode), DAYS, output)?;
        let reports = reports(&cells::solve(cells, output)?);
        output.show(&reports, |lang| report::a_line_each(&reports, lang));
        self.what.doubt(DAYS, output);
        Ok(Exit::Done)
    }
}

/// What a chart shows unless told otherwise: more lines hide each other.
const DRAWN: [Word; 4] =
    [Word::Predictive, Word::PredictiveStrict, Word::Progressive, Word::ViciAverage];

impl Plot {
    fn run(self, output: &Output) -> Outcome {
        let modes = if self.mode.is_empty() { DRAWN.to_vec() } else { self.mode };
        let cells = self.what.cells((&self.caps.cap, &modes), DAYS, output)?;
        let solved = cells::solve(cells, output)?;
        let (reports, lang) = (reports(&solved), output.lang);
        let charts = plot::charts(&solved, lang);
        let lead = lang.say(
            "Simulated days; bands are 95 % intervals of the mean, through the day four days \
             in five.",
            "Journées simulées ; bandes : intervalle à 95 % de la moyenne, au fil de la \
             journée quatre jours sur cinq.",
        );
        let days = self.what.days.unwrap_or(DAYS);
        let doubt = report::few(days, lang).map_or_else(String::new, |few| format!(" {few}"));
        let lead = format!("{lead} {} {}.{doubt}", lang.say("Seed", "Graine"), self.what.seed);
        if let Some(path) = &self.svg {
            write(path, chart::file(&charts, &lead).as_bytes(), output)?;
        }
        if let Some(path) = &self.png {
            let picture = png::png(&chart::file(&charts, &lead)).map_err(|error| {
                Failure::new(Exit::Error, "chart_undrawn", error)
                    .hint("install a font, such as the package fonts-dejavu-core, or take --svg")
            })?;
            write(path, &picture, output)?;
        }
        if let Some(path) = &self.html {
            let title = lang.say("What tomorrow would look like", "À quoi ressemblerait demain");
            let figures = report::a_line_each(&reports, lang);
            let page = page::page(title, &lead, &charts, &figures, lang);
            write(path, page.as_bytes(), output)?;
        }
        match output.form {
            Form::Json => output.json(&reports),
            Form::Plain => output.text(&plot::bars(&reports, true, lang)),
            Form::Table => output.text(&plot::bars(&reports, false, lang)),
        }
        self.what.doubt(DAYS, output);
        Ok(Exit::Done)
    }
}

fn write(path: &Path, bytes: &[u8], output: &Output) -> Result<(), Failure> {
    std::fs::write(path, bytes).map_err(|error| {
        let message = format!("{}: cannot be written: {error}", path.display());
        Failure::new(Exit::Error, "chart_unwritten", message)
    })?;
    output.note(&format!("→ {}", path.display()));
    Ok(())
}
