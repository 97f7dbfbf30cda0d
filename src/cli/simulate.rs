//! `cadran simulate`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum, ValueHint};
use serde::Serialize;

use super::failure::{Exit, Failure, Outcome};
use super::output::{Lang, Output, Sheet};
use crate::config::scenario;
use crate::core::campaign::Mode;
use crate::core::order;
use crate::sim::report::{Histogram, Summary};
use crate::sim::{self, RunSettings};
use crate::units::Ratio;

/// Simulate campaign days.
#[derive(Debug, Subcommand)]
pub(super) enum Simulate {
    /// Simulate days of a scenario and report occupancy, abandon and waits
    #[command(before_help = "Examples:
  cadran simulate run scenarios/b2c_evening.toml
  cadran simulate run scenarios/b2b.toml --agents 12 --days 20 --seed 7 --json
  cadran simulate run scenarios/churn.toml --mode power --lines 1.5 --check")]
    Run(Run),
}

/// How calls are started in a simulation; agents there never preview.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ModeWord {
    Progressive,
    Power,
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
    /// How calls are started
    #[arg(long, value_enum, default_value_t = ModeWord::Progressive)]
    mode: ModeWord,
    /// Lines per idle agent in power mode, 1 to 10
    #[arg(long, default_value_t = 1.5, value_parser = lines)]
    lines: f64,
    /// Days
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    days: u32,
    /// The seed: the same one gives the same bytes
    #[arg(long, default_value_t = 42)]
    seed: u64,
    /// Have an oracle look for calls without end and agents without rest
    #[arg(long)]
    check: bool,
}

fn lines(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(lines) if (1.0..=10.0).contains(&lines) => Ok(lines),
        Ok(_) | Err(_) => Err(format!("{text:?} is no number from 1 to 10")),
    }
}

impl Simulate {
    pub(super) fn run(self, output: &Output) -> Outcome {
        let Self::Run(run) = self;
        let text = std::fs::read_to_string(&run.scenario).map_err(|error| {
            let message = format!("{}: cannot be read: {error}", run.scenario.display());
            Failure::new(Exit::Invalid, "scenario_unreadable", message)
        })?;
        let scenario = scenario::read(&text).map_err(|error| {
            let message = format!("{}: {error}", run.scenario.display());
            Failure::new(Exit::Invalid, "scenario_invalid", message)
        })?;
        let mode = match run.mode {
            ModeWord::Progressive => Mode::Progressive,
            ModeWord::Power => Mode::Power { lines_per_agent: run.lines },
        };
        let (agents, days, seed, check) = (run.agents, run.days, run.seed, run.check);
        let bar = output.progress(None, output.lang.say("simulating", "simulation"));
        let summary = sim::run(
            &scenario,
            &RunSettings { agents, mode, full_info: false, days, seed, check, meter: None },
        );
        bar.finish_and_clear();
        let report = Report::of(&summary, &run);
        output.show(&report, |lang| report.sheet(lang));
        Ok(if report.findings.is_empty() { Exit::Done } else { Exit::Error })
    }
}

/// What a simulation came to.
#[derive(Debug, Serialize)]
struct Report {
    scenario: String,
    agents: u32,
    days: u32,
    seed: u64,
    occupancy: f64,
    occupancy_ci95: Option<f64>,
    abandon: f64,
    abandon_cap: f64,
    abandon_worst_day: f64,
    days_over_cap: f64,
    attempts: u64,
    connected: u64,
    abandoned: u64,
    outcomes: BTreeMap<order::Outcome, u64>,
    talk_min_per_hour: f64,
    idle_s_per_call: f64,
    agent_wait_s: Waits,
    person_wait_s: Waits,
    findings: Vec<String>,
}

/// Percentiles of a wait in seconds.
#[derive(Debug, Serialize)]
struct Waits {
    p50: f64,
    p90: f64,
    p99: f64,
}

impl Waits {
    fn of(millis: &Histogram) -> Self {
        let seconds = |share: f64| millis.quantile(Ratio::new(share)) / 1_000.0;
        Self { p50: seconds(0.5), p90: seconds(0.9), p99: seconds(0.99) }
    }

    fn say(&self) -> String {
        format!("{:.1} / {:.1} / {:.1} s", self.p50, self.p90, self.p99)
    }
}

impl Report {
    fn of(summary: &Summary, run: &Run) -> Self {
        let total = &summary.total;
        let finding = |finding: &sim::oracle::Finding| {
            format!("{} s: {}", finding.at.since(crate::units::Mono::START), finding.what)
        };
        Self {
            scenario: summary.scenario.clone(),
            agents: summary.agents,
            days: run.days,
            seed: run.seed,
            occupancy: total.occupancy().get(),
            occupancy_ci95: summary.occupancy_ci95(),
            abandon: total.abandon().get(),
            abandon_cap: summary.cap.get(),
            abandon_worst_day: summary.worst_day().get(),
            days_over_cap: summary.days_over().get(),
            attempts: total.attempts,
            connected: total.connected,
            abandoned: total.abandoned,
            outcomes: total.outcomes.clone(),
            talk_min_per_hour: total.talk_min_per_hour(),
            idle_s_per_call: total.idle_s_per_call(),
            agent_wait_s: Waits::of(&total.agent_waits),
            person_wait_s: Waits::of(&total.person_waits),
            findings: summary.findings.iter().map(finding).collect(),
        }
    }

    fn sheet(&self, lang: Lang) -> Sheet {
        let mut sheet = Sheet::new(&["", ""]);
        let mut line = |english: &str, french: &str, value: String| {
            sheet.add([lang.say(english, french).to_owned(), value]);
        };
        let percent = |share: f64| format!("{:.1} %", share * 100.0);
        let spread =
            self.occupancy_ci95.map_or_else(String::new, |half| format!(" ± {:.1}", half * 100.0));
        let (agents, days) = (self.agents, self.days);
        line("scenario", "scénario", self.scenario.clone());
        line("agents × days", "agents × journées", format!("{agents} × {days}"));
        line("seed", "graine", self.seed.to_string());
        line("occupancy", "taux d'occupation", percent(self.occupancy) + &spread);
        line(
            "talk per hour",
            "conversation par heure",
            format!("{:.1} min", self.talk_min_per_hour),
        );
        line("agent's wait p50/p90/p99", "attente agent p50/p90/p99", self.agent_wait_s.say());
        line("person's wait p50/p90/p99", "attente appelé p50/p90/p99", self.person_wait_s.say());
        line("attempts", "appels émis", self.attempts.to_string());
        line("connected", "mis en relation", self.connected.to_string());
        line("abandoned", "abandonnés", format!("{} ({})", self.abandoned, percent(self.abandon)));
        line("worst day's abandon", "abandon du pire jour", percent(self.abandon_worst_day));
        line("days over the cap", "jours au-dessus du plafond", percent(self.days_over_cap));
        for finding in &self.findings {
            line("found wrong", "anomalie", finding.clone());
        }
        sheet
    }
}
