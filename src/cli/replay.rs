//! `cadran replay`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueHint};

use super::failure::{Exit, Failure, Outcome};
use super::output::Output;

/// Run recorded tapes again.
#[derive(Debug, Subcommand)]
pub(super) enum Replay {
    /// Run tapes again and compare every order and decision, bit for bit
    #[command(before_help = "Examples:
  cadran replay verify tapes/2026-11-21.tape
  cadran replay verify tapes/*.tape --json")]
    Verify(Verify),
}

/// Tapes.
#[derive(Debug, Args)]
pub(super) struct Verify {
    /// The tapes
    #[arg(required = true, value_hint = ValueHint::FilePath)]
    tapes: Vec<PathBuf>,
}

impl Replay {
    pub(super) fn run(self, _output: &Output) -> Outcome {
        let Self::Verify(verify) = self;
        let message = format!("{} tapes are not read in this build", verify.tapes.len());
        Err(Failure::new(Exit::Error, "replay", message))
    }
}
