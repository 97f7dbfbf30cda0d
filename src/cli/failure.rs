//! How a command ends: its exit code, and what it says when it fails.

use std::fmt;
use std::process::ExitCode;

use crate::api::types;
use crate::config::Problems;

/// How a command ended; documented by `cadran help exit-codes`, never renumbered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Done.
    Done,
    /// It failed for a reason with no code of its own.
    Error,
    /// The command line is wrong (clap's own code).
    Usage,
    /// A file or value is wrong.
    Invalid,
    /// A rule that protects people forbids it.
    Refused,
    /// There is no such campaign, agent, call or trunk.
    NotFound,
    /// It cannot be done in the present state.
    WrongState,
    /// The engine or a trunk does not answer.
    Unreachable,
    /// Done, and some records were rejected.
    Rejects,
    /// Interrupted from the keyboard.
    Interrupted,
}

/// Every exit with its code and meaning, in the order of the codes.
pub const EXITS: [(Exit, u8, &str, &str); 10] = [
    (Exit::Done, 0, "done", "fait"),
    (Exit::Error, 1, "error", "erreur"),
    (Exit::Usage, 2, "wrong command line", "ligne de commande incorrecte"),
    (Exit::Invalid, 3, "invalid file or value", "fichier ou valeur invalide"),
    (Exit::Refused, 4, "refused by a guard", "refusé par un garde-fou"),
    (Exit::NotFound, 5, "not found", "introuvable"),
    (Exit::WrongState, 6, "wrong state", "état incompatible"),
    (Exit::Unreachable, 7, "engine or trunk unreachable", "moteur ou trunk injoignable"),
    (Exit::Rejects, 8, "done, with rejected records", "fait, avec des fiches rejetées"),
    (Exit::Interrupted, 130, "interrupted", "interrompu"),
];

impl Exit {
    /// Gives the number the shell sees.
    #[must_use]
    pub fn code(self) -> u8 {
        EXITS.iter().find(|(exit, ..)| *exit == self).map_or(1, |(_, code, ..)| *code)
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// Why a command failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// How it ends.
    pub exit: Exit,
    /// The stable code of the error.
    pub code: String,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
}

/// What a command gives back.
pub(super) type Outcome = Result<Exit, Failure>;

impl Failure {
    /// Makes a failure without advice.
    pub(super) fn new(exit: Exit, code: &str, message: impl fmt::Display) -> Self {
        Self { exit, code: code.to_owned(), message: message.to_string(), hint: None }
    }

    /// Makes the failure of a command line that clap refuses: its first paragraph says what is
    /// wrong, the tip or the usage after it what to do.
    pub(super) fn usage(error: &clap::Error) -> Self {
        if error.kind() == clap::error::ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
            return Self::new(Exit::Usage, "usage", "a command is missing")
                .hint("`cadran help` lists the commands");
        }
        let text = error.render().to_string();
        let mut paragraphs = text.split("\n\n").map(|paragraph| {
            paragraph.lines().map(str::trim).collect::<Vec<_>>().join(" ").trim().to_owned()
        });
        let message = paragraphs.next().unwrap_or_default();
        let failure = Self::new(Exit::Usage, "usage", message.trim_start_matches("error: "));
        match paragraphs.next().filter(|hint| !hint.is_empty()) {
            Some(hint) => failure.hint(hint.trim_start_matches("tip: ")),
            None => failure.hint("`cadran help` explains every command"),
        }
    }

    /// Adds what to do.
    pub(super) fn hint(mut self, hint: impl fmt::Display) -> Self {
        self.hint = Some(hint.to_string());
        self
    }
}

impl From<Problems> for Failure {
    /// Tells every problem with its hint; one alone has it apart, as every other failure.
    fn from(Problems(mut problems): Problems) -> Self {
        let hint = match problems.as_mut_slice() {
            [only] => only.hint.take(),
            _ => None,
        };
        Self { hint, ..Self::new(Exit::Invalid, "config_invalid", Problems(problems)) }
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::new(Exit::Error, "io", error)
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::new(Exit::Error, "error", format!("{error:#}"))
    }
}

impl From<types::Problem> for Failure {
    fn from(problem: types::Problem) -> Self {
        let exit = match problem.status {
            400 | 413 | 415 | 422 => Exit::Invalid,
            403 | 451 => Exit::Refused,
            404 => Exit::NotFound,
            409 => Exit::WrongState,
            502..=504 => Exit::Unreachable,
            _ => Exit::Error,
        };
        Self { exit, code: problem.code, message: problem.detail, hint: problem.hint }
    }
}
