//! `cadran simulate`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueHint};

use super::failure::{Exit, Failure, Outcome};
use super::output::Output;

/// Simulate campaign days.
#[derive(Debug, Subcommand)]
pub(super) enum Simulate {
    /// Simulate days of a scenario and report occupancy, abandon and waits
    #[command(before_help = "Examples:
  cadran simulate run scenarios/b2c_evening.toml
  cadran simulate run scenarios/b2b.toml --agents 12 --days 20 --seed 7 --json")]
    Run(Run),
}

/// A simulation.
#[derive(Debug, Args)]
pub(super) struct Run {
    /// The scenario
    #[arg(value_hint = ValueHint::FilePath)]
    scenario: PathBuf,
    /// Agents in the pool
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    agents: u32,
    /// Days
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    days: u32,
    /// The seed: the same one gives the same bytes
    #[arg(long, default_value_t = 42)]
    seed: u64,
}

impl Simulate {
    pub(super) fn run(self, _output: &Output) -> Outcome {
        let Self::Run(run) = self;
        let message = format!("{} is not simulated in this build", run.scenario.display());
        Err(Failure::new(Exit::Error, "simulate", message))
    }
}
