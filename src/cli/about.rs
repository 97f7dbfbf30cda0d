//! Commands about the program itself.

use std::path::PathBuf;

use clap::{Args, ValueHint};
use clap_complete::Shell;

use super::client::{At, Client};
use super::failure::{EXITS, Exit, Failure, Outcome};
use super::french::told;
use super::output::{Lang, Output, Sheet, moment};
use super::{Global, dressed, wait_for};
use crate::api::types;

/// `cadran health`.
#[derive(Debug, Args)]
#[command(before_help = "Examples:
  cadran health            exit code 0 when the engine answers, 7 when it does not")]
pub(super) struct Health {}

impl Health {
    pub(super) fn run(self, global: &Global, output: &Output) -> Outcome {
        let client = Client::open(global)?;
        let health: types::Health = wait_for(client.get(&At::path(["health"])))?;
        output.show(&health, |lang| {
            let mut sheet = Sheet::new(&[
                "version",
                lang.say("up", "depuis"),
                lang.say("calls", "appels"),
                lang.say("draining", "arrêt en cours"),
                lang.say("database", "base"),
            ]);
            sheet.add([
                health.version.clone(),
                format!("{:.0} s", health.uptime_s),
                health.calls.to_string(),
                lang.say(
                    if health.draining { "yes" } else { "no" },
                    if health.draining { "oui" } else { "non" },
                )
                .to_owned(),
                database(&health, lang),
            ]);
            sheet
        });
        Ok(Exit::Done)
    }
}

/// Says whether the database answers, and if not, since when as far as that is known.
fn database(health: &types::Health, lang: Lang) -> String {
    if health.database_ok {
        return lang.say("answers", "répond").to_owned();
    }
    let fails = lang.say("does not answer", "ne répond pas");
    let since = health.database_fails_since.as_deref().map_or_else(String::new, |since| {
        let stops = lang.say(": no call is placed since", " : aucun appel depuis");
        format!("{stops} {}", moment(since, "%Y-%m-%d %H:%M:%S"))
    });
    let fault = health.database_fault.as_deref();
    let fault = fault.map_or_else(String::new, |fault| format!(" ({})", told(fault, lang)));
    format!("{fails}{since}{fault}")
}

/// `cadran version`.
#[derive(Debug, Args)]
#[command(before_help = "Examples:
  cadran version
  cadran version --json")]
pub(super) struct Version {}

impl Version {
    pub(super) fn run(self, output: &Output) -> Outcome {
        let version = env!("CARGO_PKG_VERSION");
        let data = serde_json::json!({ "name": "cadran", "version": version });
        if output.form == super::Form::Json {
            output.json(&data);
        } else {
            output.text(&format!("cadran {version}\n"));
        }
        Ok(Exit::Done)
    }
}

/// `cadran completions`.
#[derive(Debug, Args)]
#[command(before_help = "Examples:
  cadran completions bash > /etc/bash_completion.d/cadran
  cadran completions fish > ~/.config/fish/completions/cadran.fish")]
pub(super) struct Completions {
    /// The shell
    shell: Shell,
}

impl Completions {
    pub(super) fn run(self, output: &Output) -> Outcome {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut dressed(), "cadran", &mut script);
        output.text(&String::from_utf8_lossy(&script));
        Ok(Exit::Done)
    }
}

/// `cadran man`.
#[derive(Debug, Args)]
#[command(before_help = "Examples:
  cadran man | man -l -             read the manual's first page
  cadran man --to /usr/local/share/man/man1")]
pub(super) struct Man {
    /// Write one page per command into this folder, made if missing, instead of the first to
    /// standard output
    #[arg(long, value_name = "FOLDER", value_hint = ValueHint::DirPath)]
    to: Option<PathBuf>,
}

impl Man {
    pub(super) fn run(self, output: &Output) -> Outcome {
        if let Some(folder) = self.to {
            std::fs::create_dir_all(&folder)?;
            clap_mangen::generate_to(dressed(), &folder)?;
            output.note(&format!("manual pages written to {}", folder.display()));
            return Ok(Exit::Done);
        }
        let mut page = Vec::new();
        clap_mangen::Man::new(dressed()).render(&mut page)?;
        output.text(&String::from_utf8_lossy(&page));
        Ok(Exit::Done)
    }
}

/// `cadran help`.
#[derive(Debug, Args)]
#[command(before_help = "Examples:
  cadran help
  cadran help campaign start
  cadran help exit-codes")]
pub(super) struct Help {
    /// A command, or `exit-codes`
    topic: Vec<String>,
}

impl Help {
    pub(super) fn run(self, output: &Output) -> Outcome {
        if self.topic == ["exit-codes"] {
            exit_codes(output);
            return Ok(Exit::Done);
        }
        let mut command = dressed();
        command.build();
        let mut found = &mut command;
        for word in &self.topic {
            let missing = || {
                Failure::new(Exit::NotFound, "topic_unknown", format!("no help on {word:?}"))
                    .hint("`cadran help` lists the commands; `cadran help exit-codes` the codes")
            };
            found = found.find_subcommand_mut(word).ok_or_else(missing)?;
        }
        output.text(&found.render_long_help().to_string());
        Ok(Exit::Done)
    }
}

fn exit_codes(output: &Output) {
    let row = |(_, code, en, fr)| serde_json::json!({ "code": code, "en": en, "fr": fr });
    output.show(&EXITS.map(row), |lang| {
        let mut sheet = Sheet::new(&["code", lang.say("meaning", "signification")]);
        for (_, code, english, french) in EXITS {
            sheet.add([code.to_string(), lang.say(english, french).to_owned()]);
        }
        sheet
    });
}
