//! `cadran serve`.

use clap::Args;

use super::Global;
use super::failure::{Exit, Failure, Outcome};
use super::output::Output;
use crate::config::Config;

/// `cadran serve`.
#[derive(Debug, Args)]
#[command(before_help = "Examples:
  cadran serve
  cadran serve --config /etc/cadran/cadran.toml

The first Ctrl-C or SIGTERM places no new calls, lets conversations end and leaves; the second one
ends them.")]
pub(super) struct Serve {}

impl Serve {
    pub(super) fn run(self, global: &Global, output: &Output) -> Outcome {
        let config = Config::load(&global.config_path())?;
        for warning in &config.warnings {
            output.note(&warning.to_string());
        }
        Err(Failure::new(Exit::Error, "serve", "the engine is not in this build"))
    }
}
