//! `cadran demo`, and the report at the end of a day.

mod centre;
mod staff;

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, ValueHint};
use serde::{Deserialize, Serialize};

use self::centre::Centre;
use super::failure::{Exit, Failure, Outcome};
use super::output::{Form, Lang, Output, Sheet};
use super::serve::Signals;
use crate::config::measure;
use crate::core::floor::occupancy;
use crate::core::order::CampaignState;
use crate::core::pacing::Forecast;
use crate::engine::handle::Snapshot;
use crate::units::{Ratio, Span};
use crate::watch::{self, decimal, percent};

/// `cadran demo`.
#[derive(Debug, Args)]
#[command(before_help = "Examples:
  cadran demo                        until Ctrl-C, which lets conversations end
  cadran demo --for 60s --json       a minute, then one JSON object
  cadran demo --keep essai           keep the project to go on with it

Everything stays on this machine: a carrier of its own, agents' phones with audio, contacts with
telephone numbers kept for fiction. Nothing is left behind unless --keep is given.")]
pub(super) struct Demo {
    /// End by itself after this long, such as 60s
    #[arg(long = "for", value_name = "TIME", value_parser = measure::span)]
    pub(super) length: Option<Span>,
    /// Keep the configuration, the database and the tape in this folder
    #[arg(long, value_name = "FOLDER", value_hint = ValueHint::DirPath)]
    pub(super) keep: Option<PathBuf>,
    /// Simulated agents
    #[arg(long, value_name = "COUNT", default_value_t = 20)]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=200))]
    pub(super) agents: u16,
    /// Fictional contacts
    #[arg(long, value_name = "COUNT", default_value_t = 2_000)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=i64::from(centre::PEOPLE_MAX)))]
    pub(super) contacts: u32,
    /// The seed of the carrier's and the agents' chance
    #[arg(long, default_value_t = 42)]
    pub(super) seed: u64,
}

/// How long conversations may go on once a demo's time is up.
const TALK_OUT: Duration = Duration::from_secs(5);

/// How long they may when somebody ends it, who can cut them: the carrier's people ring and talk
/// for some 20 s, few for three times that.
const TALK_OUT_ASKED: Duration = Duration::from_secs(60);

impl Demo {
    pub(super) fn run(self, output: &Output) -> Outcome {
        crate::cli::install_crypto();
        crate::cli::log(output, "warn");
        tokio::runtime::Runtime::new()?.block_on(self.play(output))
    }

    async fn play(self, output: &Output) -> Outcome {
        let mut signals = Signals::new()?;
        let mut centre = Centre::open(&self).await?;
        let (handle, clock) = (centre.running.handle.clone(), centre.running.clock);
        centre.running.tasks.spawn(staff::work(handle, clock, self.seed));
        output.note("a call centre is at work on this machine; Ctrl-C lets conversations end");
        let asked = watch_until_over(&self, &centre, &mut signals, output).await?;
        let handle = centre.running.handle.clone();
        // The drain is no part of the day.
        let DayReport { occupancy, .. } = DayReport::of(&handle.snapshot());
        let patience = self.length.map_or(TALK_OUT_ASKED, |_| TALK_OUT);
        output.note(&farewell(&handle.snapshot(), patience, output.lang));
        let forced = tokio::select! {
            () = centre.running.drain() => false,
            () = tokio::time::sleep(patience) => false,
            () = signals.next() => true,
        };
        centre.end_conversations().await;
        let foretold = centre.foretold().await;
        let report = DayReport { foretold, occupancy, ..DayReport::of(&handle.snapshot()) };
        drop(handle);
        report.print(output);
        centre.running.delivered().await;
        let (events, plural) = (centre.events(), if centre.events() == 1 { "" } else { "s" });
        output.note(&format!("the demo's CRM took {events} signed webhook{plural}"));
        let tape = centre.running.tape.clone();
        if let Some(folder) = centre.close().await {
            go_on(output, &folder, tape.as_deref());
        }
        Ok(if forced && !asked { Exit::Interrupted } else { Exit::Done })
    }
}

/// Says what is still on the line, how long that may last, and how to cut it.
fn farewell(snapshot: &Snapshot, patience: Duration, lang: Lang) -> String {
    let views = snapshot.floor.campaigns.iter().map(|campaign| campaign.view);
    let (talking, ringing) = views.fold((0, 0), |(talking, ringing), view| {
        (talking + view.talking, ringing + view.ringing + view.listening + view.waiting)
    });
    let seconds = patience.as_secs();
    match lang {
        Lang::En => format!(
            "no new calls; conversations: {talking}, calls not yet with an agent: {ringing}. They \
             have {seconds} s to end, then they are cut; Ctrl-C cuts them now"
        ),
        Lang::Fr => format!(
            "plus de nouveaux appels ; conversations : {talking}, appels encore sans agent : \
             {ringing}. Ils ont {seconds} s pour finir, puis sont coupés ; Ctrl-C coupe tout de \
             suite"
        ),
    }
}

/// Says where the project is kept and what can be done with it.
fn go_on(output: &Output, folder: &Path, tape: Option<&Path>) {
    let config = folder.join("cadran.toml");
    let config = config.display();
    output.note(&format!("the project is kept in {}; go on with", folder.display()));
    output.note(&format!("    → cadran serve --config {config}"));
    output.note(&format!("    → cadran stats --config {config}    and the like, from elsewhere"));
    if let Some(tape) = tape {
        output.note(&format!("    → cadran replay verify {}", tape.display()));
    }
    output.note("the demo's carrier and phones are gone: put your own into [[trunk]] first");
}

/// Shows the floor until the time is up, the campaign is over, or somebody asks to leave; tells
/// whether somebody did.
async fn watch_until_over(
    demo: &Demo,
    centre: &Centre,
    signals: &mut Signals,
    output: &Output,
) -> Result<bool, Failure> {
    let handle = &centre.running.handle;
    let mut floor = handle.watch();
    let completed = floor.wait_for(|snapshot| {
        let campaigns = &snapshot.floor.campaigns;
        campaigns.iter().any(|campaign| campaign.state == CampaignState::Completed)
    });
    let length = demo.length.map_or(Duration::MAX, Duration::from);
    let over = async {
        tokio::select! {
            _ = completed => {}
            () = tokio::time::sleep(length) => {}
        }
    };
    let (names, lang) = (&centre.names, output.lang);
    if output.form == Form::Json || output.quiet || !std::io::stderr().is_terminal() {
        tokio::select! {
            () = watch::lines(handle, names, lang, over, |line| output.note(line)) => Ok(false),
            () = signals.next() => Ok(true),
        }
    } else {
        tokio::select! {
            biased;
            () = signals.next() => Ok(true),
            ended = watch::screen(handle, names, lang, over) => Ok(ended? == watch::Ended::Asked),
        }
    }
}

/// What a day came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DayReport {
    /// Calls placed.
    pub attempts: u64,
    /// Calls answered by anyone or anything.
    pub answered: u64,
    /// Calls bridged to an agent.
    pub bridged: u64,
    /// Persons who answered and found no agent.
    pub abandoned: u64,
    /// The share of the agents' time spent talking or writing up (words.md, taux d'occupation
    /// AFRC): (talk + wrap) / (talk + wrap + idle), 0 to 1. A demo's is that of the time in which
    /// it called.
    pub occupancy: f64,
    /// From the 200 OK to audio both ways with an agent, the wait for a free one included.
    pub answer_to_audio_ms: AudioDelay,
    /// The share of those who were bridged or abandoned that were abandoned, 0 to 1.
    pub abandon: f64,
    /// Abandons that the forecasts of the calls answered foretold; `None` without forecasts.
    pub foretold: Option<f64>,
    /// The forecast of the latest decision, of the campaign that has one.
    pub forecast: Option<Forecast>,
    /// Calls the stored prior was learnt from that the pacer of that campaign began with; `None`
    /// if it began with nothing.
    pub prior_calls: Option<u64>,
}

/// Two percentiles of a delay in milliseconds, by nearest rank; zero without any measurement.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AudioDelay {
    /// The median.
    pub p50: f64,
    /// All but one in a hundred are below.
    pub p99: f64,
}

impl DayReport {
    /// Sums a snapshot up, all campaigns together.
    #[must_use]
    pub fn of(snapshot: &Snapshot) -> Self {
        let mut report = Self {
            occupancy: occupancy(&snapshot.floor.agents).map_or(0.0, Ratio::get),
            answer_to_audio_ms: AudioDelay::of(&snapshot.answer_to_audio_ms),
            ..Self::default()
        };
        for campaign in &snapshot.floor.campaigns {
            report.attempts += campaign.totals.attempts;
            report.answered += campaign.totals.answered;
            report.bridged += campaign.totals.bridged;
            report.abandoned += campaign.totals.abandoned;
            let forecast = campaign.decision.and_then(|decision| decision.forecast);
            report.forecast = report.forecast.or(forecast);
            let prior = campaign.recalled.map(|recalled| recalled.calls);
            report.prior_calls = report.prior_calls.or(prior);
        }
        let persons = (report.bridged + report.abandoned).max(1);
        #[expect(clippy::cast_precision_loss, reason = "no day counts to 2^53")]
        let abandon = report.abandoned as f64 / persons as f64;
        Self { abandon, ..report }
    }

    /// Prints the report: one JSON object, or a table.
    pub fn print(&self, output: &Output) {
        output.show(self, |lang| self.sheet(lang));
    }

    fn sheet(&self, lang: Lang) -> Sheet {
        let mut sheet = Sheet::new(&[lang.say("the day", "la journée"), ""]);
        let mut line = |english: &str, french: &str, value: String| {
            sheet.add([lang.say(english, french).to_owned(), value]);
        };
        let AudioDelay { p50, p99 } = self.answer_to_audio_ms;
        line("attempts", "appels émis", self.attempts.to_string());
        line("answered", "décrochés", self.answered.to_string());
        line("bridged", "mis en relation", self.bridged.to_string());
        let abandon = format!("{} ({})", self.abandoned, percent(self.abandon, lang));
        line("abandoned", "abandonnés", abandon);
        if let Some(foretold) = self.foretold {
            line("abandons foretold", "abandons prévus", decimal(foretold, 1, lang));
        }
        if self.forecast.is_some() {
            let prior = match self.prior_calls {
                Some(calls) => format!("{calls} {}", lang.say("calls", "appels")),
                None => lang.say("none", "aucun").to_owned(),
            };
            line("stored prior", "acquis", prior);
        }
        line("occupancy", "taux d'occupation", format!("{:.0} %", self.occupancy * 100.0));
        line(
            "answer to audio with an agent, the wait for one included, p50 / p99",
            "du décroché à la voix de l'agent, attente comprise, p50 / p99",
            format!("{p50:.0} / {p99:.0} ms"),
        );
        sheet
    }
}

impl AudioDelay {
    /// Takes the percentiles of some measurements, in any order.
    #[must_use]
    pub fn of(millis: &[f64]) -> Self {
        let mut sorted = millis.to_vec();
        sorted.sort_by(f64::total_cmp);
        let rank = |percent: usize| {
            let place = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
            sorted.get(place).copied().unwrap_or(0.0)
        };
        Self { p50: rank(50), p99: rank(99) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_measurements_that_were_made() {
        let millis: Vec<f64> = (1..=100).rev().map(f64::from).collect();
        assert_eq!(AudioDelay::of(&millis), AudioDelay { p50: 50.0, p99: 99.0 });
        assert_eq!(AudioDelay::of(&[7.0]), AudioDelay { p50: 7.0, p99: 7.0 });
        assert_eq!(AudioDelay::of(&[]), AudioDelay::default());
    }
}
