//! `cadran pacing`.

use clap::{Args, Subcommand};
use jiff::Timestamp;
use jiff::civil;
use jiff::tz::TimeZone;

use super::client::{At, Client};
use super::failure::{Exit, Failure, Outcome};
use super::output::{self, Form, Lang, Output, Sheet};
use super::{Global, speed, wait_for};
use crate::api::types;
use crate::core::order::CampaignState;
use crate::engine::clock::Clock;
use crate::watch::{decimal, percent};

/// Explain how fast campaigns dial.
#[derive(Debug, Subcommand)]
pub(super) enum Pacing {
    /// Say why a campaign dials at the speed it does, now or at a past moment
    #[command(before_help = "Examples:
  cadran pacing explain                                every running campaign, now
  cadran pacing explain prospection-fr
  cadran pacing explain prospection-fr --at 14:32      today at that time
  cadran pacing explain prospection-fr --at 2026-11-23T14:32:05+01:00 --json")]
    Explain(Explain),
}

/// Of which campaign, and of which moment.
#[derive(Debug, Args)]
pub(super) struct Explain {
    /// The campaign; every running one otherwise
    campaign: Option<String>,
    /// A past moment: 14:32, 2026-11-23T14:32 on this machine's clock, or with a zone
    #[arg(long, value_name = "TIME", requires = "campaign")]
    at: Option<String>,
}

impl Pacing {
    pub(super) fn run(self, global: &Global, output: &Output) -> Outcome {
        match self {
            Self::Explain(explain) => explain.run(global, output),
        }
    }
}

impl Explain {
    fn run(self, global: &Global, output: &Output) -> Outcome {
        let at = self.at.as_deref().map(|text| moment(text, &here())).transpose()?;
        let client = Client::open(global)?;
        let Some(name) = self.campaign else { return explain_running(&client, output) };
        let path = At::path(["campaigns", &name, "pacing"]).with("at", at);
        let pacing: types::Pacing = wait_for(client.get(&path))?;
        if output.form == Form::Json {
            output.json(&pacing);
        } else {
            tell(&pacing, output);
        }
        Ok(Exit::Done)
    }
}

fn explain_running(client: &Client, output: &Output) -> Outcome {
    let all: Vec<types::Pacing> = wait_for(async {
        let campaigns: Vec<types::Campaign> = client.get(&At::path(["campaigns"])).await?;
        let mut all = Vec::new();
        for campaign in campaigns.iter().filter(|c| c.state == CampaignState::Running) {
            all.push(client.get(&At::path(["campaigns", &campaign.name, "pacing"])).await?);
        }
        Ok(all)
    })?;
    if output.form == Form::Json {
        output.json(&all);
        return Ok(Exit::Done);
    }
    if all.is_empty() {
        let lang = output.lang;
        output.note(lang.say("no campaign is running", "aucune campagne n'est en cours"));
        output.note("    → cadran campaign list");
    }
    all.iter().for_each(|pacing| tell(pacing, output));
    Ok(Exit::Done)
}

/// Prints the sentences and the figures behind them.
fn tell(pacing: &types::Pacing, output: &Output) {
    if output.form == Form::Table {
        let sentences = speed::sentences(pacing, output.lang);
        let made = pacing.at.as_ref().map_or_else(String::new, |at| {
            let at = output::moment(at, "%Y-%m-%d %H:%M:%S");
            format!(" · {at}")
        });
        output.text(&format!("{}{made}\n{}\n\n", pacing.campaign, sentences.join("\n")));
    }
    output.show(pacing, |lang| figures(pacing, lang));
}

fn figures(pacing: &types::Pacing, lang: Lang) -> Sheet {
    let mut sheet = Sheet::new(&["", ""]);
    let mut line = |english: &str, french: &str, value: String| {
        sheet.add([lang.say(english, french).to_owned(), value]);
    };
    let mode = match pacing.guarantee {
        Some(guarantee) => format!("{} ({})", pacing.mode, speed::guarantee_word(guarantee)),
        None => pacing.mode.clone(),
    };
    line("mode", "mode", mode);
    if let (Some(at), Some(decision)) = (&pacing.at, &pacing.decision) {
        line("decided at", "décidé à", output::moment(at, "%Y-%m-%d %H:%M:%S %Z"));
        let granted = format!("{} / {}", decision.ask.calls, decision.placed);
        line("asked / granted", "demandé / accordé", granted);
        line("bound by", "limité par", speed::limit(pacing, decision, lang));
        if let Some(forecast) = decision.forecast {
            line("price θ", "prix θ", percent(forecast.threshold.get(), lang));
            line("answers expected", "décrochés attendus", decimal(forecast.answers, 1, lang));
            let releases = decimal(forecast.releases, 1, lang);
            line("agents expected free", "agents attendus libres", releases);
            let chance = percent(forecast.chance.get(), lang);
            line("risk of the last call", "risque du dernier appel", chance);
            // Of before the engine was started again: the cap may be another one now.
            if pacing.restarted.is_none() {
                let room = decimal(forecast.room, 1, lang);
                line("abandons still allowed", "abandons encore permis", room);
            }
        }
    }
    let cap = &pacing.cap;
    let share = format!(
        "{}/{} = {} ({} {})",
        cap.abandoned,
        cap.answered,
        percent(cap.share, lang),
        lang.say("cap", "plafond"),
        percent(cap.cap, lang)
    );
    line("abandoned", "abandonnés", share);
    line("counted over", "comptés sur", speed::window(cap, lang));
    if let Some(foretold) = &pacing.foresight {
        let foreseen = decimal(foretold.foretold, 1, lang);
        let came = format!("{foreseen} / {}", foretold.abandoned);
        line("abandons foretold / come", "abandons prévus / constatés", came);
    }
    sheet
}

/// Gives this machine's clock and zone.
fn here() -> jiff::Zoned {
    Clock::start().now().wall.timestamp().to_zoned(TimeZone::system())
}

/// Reads a moment: with its zone, or else on this machine's clock, today if it has no date.
fn moment(text: &str, now: &jiff::Zoned) -> Result<Timestamp, Failure> {
    if let Ok(at) = text.parse::<Timestamp>() {
        return Ok(at);
    }
    let date_time = match text.parse::<civil::DateTime>() {
        Ok(date_time) => Ok(date_time),
        Err(_) => text.parse::<civil::Time>().map(|time| now.date().to_datetime(time)),
    };
    let at = date_time.and_then(|local| local.to_zoned(now.time_zone().clone()));
    at.map(|at| at.timestamp()).map_err(|_| {
        let message = format!("{text:?} is no moment");
        Failure::new(Exit::Usage, "time_invalid", message)
            .hint("write one such as 14:32, 2026-11-23T14:32 or 2026-11-23T14:32:05+01:00")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_without_a_zone_is_on_this_machines_clock() -> Result<(), jiff::Error> {
        let now: jiff::Zoned = "2026-11-23T15:00:00+01:00[Europe/Paris]".parse()?;
        for (text, expected) in [
            ("14:32", Some("2026-11-23T13:32:00Z")),
            ("14:32:05", Some("2026-11-23T13:32:05Z")),
            ("2026-11-20T09:00", Some("2026-11-20T08:00:00Z")),
            ("2026-11-20 09:00", Some("2026-11-20T08:00:00Z")),
            ("2026-11-20T09:00:00Z", Some("2026-11-20T09:00:00Z")),
            ("half past two", None),
            ("25:00", None),
        ] {
            let read = moment(text, &now).ok().map(|at| at.to_string());
            assert_eq!(read.as_deref(), expected, "{text}");
        }
        Ok(())
    }
}
