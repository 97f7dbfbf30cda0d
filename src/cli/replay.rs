//! `cadran replay`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueHint};
use serde::Serialize;

use super::failure::{Exit, Failure, Outcome};
use super::french;
use super::output::Output;
use super::output::Sheet;
use super::simulate::day::Day;
use crate::engine::tape::{self, Ending, TapeError};

/// Run recorded tapes again.
#[derive(Debug, Subcommand)]
pub(super) enum Replay {
    /// Run tapes again and compare every order and decision, bit for bit
    #[command(before_help = "Examples:
  cadran replay verify tapes/2026-11-21.tape
  cadran replay verify tapes/*.tape --json")]
    Verify(Verify),
    /// Run a recorded day again under another cap, staffing or mode, and say how sure that is
    #[command(before_help = "Examples:
  cadran replay day tapes/2026-11-20.tape
  cadran replay day tapes/2026-11-20.tape --mode predictive --cap 2%
  cadran replay day tapes/2026-11-20.tape --agents 12 --seeds 50 --json")]
    Day(Day),
}

/// Tapes.
#[derive(Debug, Args)]
pub(super) struct Verify {
    /// The tapes
    #[arg(required = true, value_hint = ValueHint::FilePath)]
    tapes: Vec<PathBuf>,
}

/// What became of one tape.
#[derive(Debug, Serialize)]
struct Replayed {
    tape: PathBuf,
    program: String,
    batches: u64,
    ending: &'static str,
    same: bool,
    detail: String,
}

impl Replay {
    pub(super) fn run(self, output: &Output) -> Outcome {
        match self {
            Self::Verify(verify) => verify.run(output),
            Self::Day(day) => day.run(output),
        }
    }
}

impl Verify {
    fn run(self, output: &Output) -> Outcome {
        let bar = output.progress(u64::try_from(self.tapes.len()).ok(), "replay");
        let mut replayed = Vec::with_capacity(self.tapes.len());
        for path in self.tapes {
            let verdict = tape::verify(&path).map_err(|error| unreadable(&error))?;
            let (ending, same, detail) = told(&verdict.ending);
            let (program, batches) = (verdict.program, verdict.batches);
            replayed.push(Replayed { tape: path, program, batches, ending, same, detail });
            bar.inc(1);
        }
        bar.finish_and_clear();
        output.show(&replayed, |lang| {
            let mut sheet = Sheet::new(&[
                lang.say("tape", "bande"),
                lang.say("verdict", "verdict"),
                lang.say("batches", "lots"),
                "",
            ]);
            for replayed in &replayed {
                sheet.add([
                    replayed.tape.display().to_string(),
                    french::told(replayed.ending, lang),
                    replayed.batches.to_string(),
                    french::told(&replayed.detail, lang),
                ]);
            }
            sheet
        });
        Ok(if replayed.iter().all(|replayed| replayed.same) { Exit::Done } else { Exit::Error })
    }
}

pub(super) fn unreadable(error: &TapeError) -> Failure {
    let exit = match error {
        TapeError::Io { source, .. } if source.kind() == std::io::ErrorKind::NotFound => {
            Exit::NotFound
        }
        TapeError::Io { .. } => Exit::Error,
        TapeError::NoTape { .. } => Exit::Invalid,
    };
    Failure::new(exit, "tape_unreadable", error)
}

pub(super) fn told(ending: &Ending) -> (&'static str, bool, String) {
    match ending {
        Ending::Same => ("same", true, String::new()),
        Ending::CutShort => ("cut_short", true, "its last line was never finished".to_owned()),
        Ending::Gap { batch, lost } => {
            ("gap", false, format!("{lost} lines are missing before batch {batch}"))
        }
        Ending::Damaged { batch } => ("damaged", false, format!("batch {batch} is unreadable")),
        Ending::Differs { batch, recorded, replayed } => {
            let recorded = match recorded {
                Some(orders) => format!("{orders:?}"),
                None => "other orders".to_owned(),
            };
            ("differs", false, format!("batch {batch}: recorded {recorded}, now {replayed:?}"))
        }
    }
}
