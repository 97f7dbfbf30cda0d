//! The command line: one file per noun.
//!
//! Data goes to standard output through `output`, everything else to standard error; the exit
//! codes are those of [`failure::EXITS`].

mod about;
mod account;
mod agent;
mod audit;
mod call;
mod campaign;
mod client;
mod columns;
mod compliance;
mod consent;
mod correct;
mod demo;
mod dnc;
mod doctor;
mod dossier;
mod exported;
mod failure;
mod french;
mod gdpr;
mod idle;
mod inspect;
mod law;
mod list;
mod listed;
mod map;
mod output;
mod pacing;
mod qualify;
mod recycle;
mod replay;
mod report;
mod score;
mod serve;
mod simulate;
mod speed;
mod stats;
mod trial;
mod trunk;
mod unread;
mod webhook;
mod why;
mod wishes;

use std::future::Future;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueHint};

use tracing_subscriber::EnvFilter;

pub use demo::{AudioDelay, DayReport};
pub use failure::{EXITS, Exit, Failure};
pub use output::{Form, Lang, Output, Sheet};

use failure::Outcome;

/// The help's order: what it is, examples, then the rest.
const HELP: &str = "{about-with-newline}\n{before-help}{usage-heading} {usage}\n\n{all-args}";

/// A predictive and progressive outbound dialer engine
#[derive(Debug, Parser)]
#[command(
    name = "cadran",
    version,
    disable_help_subcommand = true,
    arg_required_else_help = true,
    before_help = "Examples:
  cadran demo --for 60s                        a whole call centre on this machine
  cadran serve                                 the engine, told by ./cadran.toml
  cadran list import mars.csv --campaign prospection-fr
  cadran agent login --all && cadran campaign start prospection-fr
  cadran stats"
)]
pub(super) struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// Flags that every command takes, before or after its name.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Everywhere")]
pub(super) struct Global {
    /// The engine's file [default: ./cadran.toml]
    #[arg(long, global = true, env = "CADRAN_CONFIG", hide_env_values = true)]
    #[arg(value_hint = ValueHint::FilePath)]
    config: Option<PathBuf>,
    /// The socket of a running engine [default: as configured]
    #[arg(long, global = true, env = "CADRAN_SOCKET", hide_env_values = true)]
    #[arg(value_hint = ValueHint::FilePath)]
    socket: Option<PathBuf>,
    /// Print data as one JSON value
    #[arg(long, global = true)]
    json: bool,
    /// Print one record a line, columns apart by tabs, no titles
    #[arg(long, global = true, conflicts_with = "json")]
    plain: bool,
    /// Print without colours
    #[arg(long, global = true)]
    no_color: bool,
    /// Print data and errors only
    #[arg(long, short, global = true)]
    quiet: bool,
    /// The language of tables and messages [default: the system's]
    #[arg(long, global = true, env = "CADRAN_LANG", hide_env_values = true, value_parser = lang())]
    lang: Option<Lang>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a whole call centre on this machine: carrier, agents, calls
    Demo(demo::Demo),
    /// Run the engine
    Serve(serve::Serve),
    /// Check, list and drive campaigns
    #[command(subcommand)]
    Campaign(campaign::Campaign),
    /// Import and export lists of contacts
    #[command(subcommand)]
    List(list::List),
    /// Record who may be called, show it and prove it
    #[command(subcommand)]
    Consent(consent::Consent),
    /// Add agents and act for them
    #[command(subcommand)]
    Agent(agent::Agent),
    /// Say who may sign in at the desk, and as what
    #[command(subcommand)]
    Account(account::Account),
    /// Count what campaigns did
    Stats(stats::Stats),
    /// Explain why a campaign, an agent, a number or a contact waits
    Why(why::Why),
    /// Explain how fast campaigns dial
    #[command(subcommand)]
    Pacing(pacing::Pacing),
    /// Write reports for a manager
    #[command(subcommand)]
    Report(report::Report),
    /// Look calls up
    #[command(subcommand)]
    Call(call::Call),
    /// List and test trunks
    #[command(subcommand)]
    Trunk(trunk::Trunk),
    /// Keep the list of those who must not be called
    #[command(subcommand)]
    Dnc(dnc::Dnc),
    /// Tell what is held of a person, erase it, and forget what is old (GDPR)
    #[command(subcommand)]
    Gdpr(gdpr::Gdpr),
    /// Print the law of the countries called, and ask it about a number
    #[command(subcommand)]
    Law(law::Law),
    /// Verify, show and hand out the chain of what was done under the law
    #[command(subcommand)]
    Audit(audit::Audit),
    /// Test webhooks and list their deliveries
    #[command(subcommand)]
    Webhook(webhook::Webhook),
    /// Simulate campaign days
    #[command(subcommand)]
    Simulate(simulate::Simulate),
    /// Run recorded tapes again
    #[command(subcommand)]
    Replay(replay::Replay),
    /// Check this machine and its configuration
    Doctor(doctor::Doctor),
    /// Ask a running engine how it is
    Health(about::Health),
    /// Print the version
    Version(about::Version),
    /// Print completions for a shell
    Completions(about::Completions),
    /// Write the manual pages
    Man(about::Man),
    /// Explain a command, or a topic such as exit-codes
    Help(about::Help),
}

/// Parses the command line, runs it and gives its exit code.
#[must_use]
pub fn run() -> ExitCode {
    let parsed = dressed().try_get_matches().and_then(|matches| Cli::from_arg_matches(&matches));
    let cli = match parsed {
        Ok(cli) => cli,
        Err(error) => return not_run(&error),
    };
    let output = cli.global.output();
    match cli.command.run(&cli.global, &output) {
        Ok(exit) => exit.into(),
        Err(failure) => {
            output.failure(&failure);
            failure.exit.into()
        }
    }
}

/// Prints the help that was asked for, or says what is wrong with the command line; under
/// `--json`, which clap has not read then, in the shape of every other failure.
fn not_run(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() {
        // Help and version go to standard output; if that fails there is nobody left to tell.
        drop(error.print());
        return Exit::Done.into();
    }
    let mut flags = std::env::args_os().take_while(|argument| argument != "--");
    if flags.any(|argument| argument == "--json") {
        let output = Output { form: Form::Json, color: false, quiet: false, lang: Lang::default() };
        output.failure(&Failure::usage(error));
    } else {
        drop(error.print());
    }
    Exit::Usage.into()
}

impl Command {
    fn run(self, global: &Global, output: &Output) -> Outcome {
        match self {
            Self::Demo(demo) => demo.run(output),
            Self::Serve(serve) => serve.run(global, output),
            Self::Campaign(campaign) => campaign.run(global, output),
            Self::List(list) => list.run(global, output),
            Self::Consent(consent) => consent.run(global, output),
            Self::Agent(agent) => agent.run(global, output),
            Self::Account(account) => account.run(global, output),
            Self::Stats(stats) => stats.run(global, output),
            Self::Why(why) => why.run(global, output),
            Self::Pacing(pacing) => pacing.run(global, output),
            Self::Report(report) => report.run(global, output),
            Self::Call(call) => call.run(global, output),
            Self::Trunk(trunk) => trunk.run(global, output),
            Self::Dnc(dnc) => dnc.run(global, output),
            Self::Gdpr(gdpr) => gdpr.run(global, output),
            Self::Law(law) => law.run(output),
            Self::Audit(audit) => audit.run(global, output),
            Self::Webhook(webhook) => webhook.run(global, output),
            Self::Simulate(simulate) => simulate.run(output),
            Self::Replay(replay) => replay.run(output),
            Self::Doctor(doctor) => doctor.run(global, output),
            Self::Health(health) => health.run(global, output),
            Self::Version(version) => version.run(output),
            Self::Completions(completions) => completions.run(output),
            Self::Man(man) => man.run(output),
            Self::Help(help) => help.run(output),
        }
    }
}

impl Global {
    fn config_path(&self) -> PathBuf {
        self.config.clone().unwrap_or_else(|| PathBuf::from("cadran.toml"))
    }

    fn output(&self) -> Output {
        let form = match (self.json, self.plain) {
            (true, _) => Form::Json,
            (false, true) => Form::Plain,
            (false, false) => Form::Table,
        };
        let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let plain = self.no_color || set("NO_COLOR") || dumb || !std::io::stderr().is_terminal();
        let lang = self.lang.unwrap_or_else(system_lang);
        Output { form, color: !plain, quiet: self.quiet, lang }
    }
}

fn lang() -> impl TypedValueParser<Value = Lang> {
    let word = |word: String| if word == "fr" { Lang::Fr } else { Lang::En };
    PossibleValuesParser::new(["en", "fr"]).map(word)
}

/// Tells the language of the system, as POSIX orders its variables.
fn system_lang() -> Lang {
    let names = ["LC_ALL", "LC_MESSAGES", "LANG"];
    let value = names.iter().find_map(|name| std::env::var(name).ok().filter(|v| !v.is_empty()));
    if value.is_some_and(|value| value.starts_with("fr")) { Lang::Fr } else { Lang::En }
}

/// Gives the command tree with the help of each command in our order.
pub(super) fn dressed() -> clap::Command {
    fn dress(command: clap::Command) -> clap::Command {
        command.help_template(HELP).mut_subcommands(dress)
    }
    dress(Cli::command())
}

/// Runs a short exchange with a running engine.
fn wait_for<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(work)
}

/// Sends the log to standard error: lines for people, JSON for programs. `CADRAN_LOG` chooses
/// what is told, as `tracing_subscriber`'s filters do.
pub(super) fn log(output: &Output, usual: &str) {
    let filter = EnvFilter::try_from_env("CADRAN_LOG").unwrap_or_else(|_| EnvFilter::new(usual));
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        // Complaining about a log nobody reads would end the engine with it.
        .log_internal_errors(false)
        .with_ansi(output.color);
    let begun =
        if std::io::stderr().is_terminal() { lines.try_init() } else { lines.json().try_init() };
    if let Err(error) = begun {
        output.warn(&format!("the log stays off: {error}"));
    }
}

/// Chooses the TLS arithmetic of this program, once.
pub(super) fn install_crypto() {
    // A second call finds the same choice in place, which is what it wanted.
    drop(rustls::crypto::ring::default_provider().install_default());
}
