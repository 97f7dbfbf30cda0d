//! `cadran simulate`.

mod cells;
mod dialers;
mod report;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, Subcommand, ValueHint};

use super::failure::{Exit, Failure, Outcome};
use super::output::Output;
use crate::config::scenario;
use crate::sim::scenario::Scenario;
use cells::Cell;
use dialers::Word;
use report::Report;

/// Simulate campaign days.
#[derive(Debug, Subcommand)]
pub(super) enum Simulate {
    /// Simulate days of scenarios and report occupancy, abandon and waits
    #[command(before_help = "Examples:
  cadran simulate run scenarios/b2c_evening.toml
  cadran simulate run scenarios/*.toml --agents 5,20 --days 8 --mode progressive,vici-best --json
  cadran simulate run scenarios/churn.toml --mode power --lines 1.5 --check")]
    Run(Run),
}

/// A simulation: every scenario with every pool and every dialer.
#[derive(Debug, Args)]
pub(super) struct Run {
    /// The scenarios
    #[arg(required = true, value_hint = ValueHint::FilePath)]
    scenarios: Vec<PathBuf>,
    #[command(flatten)]
    what: What,
    /// Which dialer paces
    #[arg(long, value_enum, value_delimiter = ',', default_value = "progressive")]
    mode: Vec<Word>,
    /// Have an oracle look for calls without end and agents without rest
    #[arg(long)]
    check: bool,
}

/// The pool where neither the command nor the scenario names one.
const POOL: u32 = 20;

/// How much is simulated.
#[derive(Debug, Args)]
struct What {
    /// Agents in the pool [default: as the scenario says, else 20]
    #[arg(long, value_delimiter = ',')]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=10_000))]
    agents: Vec<u32>,
    /// Lines per idle agent in power mode, 1 to 10
    #[arg(long, default_value_t = 1.5, value_parser = lines)]
    lines: f64,
    /// Days
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    days: u32,
    /// The seed: the same one gives the same figures
    #[arg(long, default_value_t = 42)]
    seed: u64,
}

fn lines(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(lines) if (1.0..=10.0).contains(&lines) => Ok(lines),
        Ok(_) | Err(_) => Err(format!("{text:?} is no number from 1 to 10")),
    }
}

fn read(path: &Path) -> Result<Scenario, Failure> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        let message = format!("{}: cannot be read: {error}", path.display());
        Failure::new(Exit::Invalid, "scenario_unreadable", message)
    })?;
    scenario::read(&text).map_err(|error| {
        let message = format!("{}: {error}", path.display());
        Failure::new(Exit::Invalid, "scenario_invalid", message)
    })
}

impl What {
    /// Gives every scenario with every pool and every dialer, in this order.
    fn cells(&self, scenarios: &[PathBuf], words: &[Word]) -> Result<Vec<Cell>, Failure> {
        let mut cells = Vec::new();
        for path in scenarios {
            let scenario = Arc::new(read(path)?);
            let own = [scenario.pool.unwrap_or(POOL)];
            let pools = if self.agents.is_empty() { &own[..] } else { &self.agents };
            for &agents in pools {
                cells.extend(words.iter().map(|&word| Cell {
                    scenario: Arc::clone(&scenario),
                    agents,
                    word,
                    lines: self.lines,
                    days: self.days,
                    seed: self.seed,
                    check: false,
                }));
            }
        }
        Ok(cells)
    }
}

impl Simulate {
    pub(super) fn run(self, output: &Output) -> Outcome {
        match self {
            Self::Run(run) => run.run(output),
        }
    }
}

impl Run {
    fn run(self, output: &Output) -> Outcome {
        let mut cells = self.what.cells(&self.scenarios, &self.mode)?;
        cells.iter_mut().for_each(|cell| cell.check = self.check);
        let solved = cells::solve(cells, output)?;
        let reports: Vec<Report> = solved.iter().map(Report::of).collect();
        output.show(&reports, |lang| report::sheet(&reports, lang));
        let sound = reports.iter().all(|report| report.findings.is_empty());
        Ok(if sound { Exit::Done } else { Exit::Error })
    }
}
