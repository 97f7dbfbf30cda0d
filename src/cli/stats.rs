//! `cadran stats`.

use clap::Args;

use super::client::{At, Client};
use super::failure::{Exit, Outcome};
use super::output::{Lang, Output, Sheet};
use super::{Global, wait_for};
use crate::api::types;
use crate::config::measure;
use crate::units::Span;
use crate::watch::percent;

/// `cadran stats`.
#[derive(Debug, Args)]
#[command(before_help = "Examples:
  cadran stats                         every campaign, the last 24 hours
  cadran stats prospection-fr --last 1h
  cadran stats vente --json")]
pub(super) struct Stats {
    /// The campaign; every one otherwise
    campaign: Option<String>,
    /// How far back to count, such as 1h or 30d
    #[arg(long, value_name = "TIME", default_value = "24h", value_parser = measure::span)]
    last: Span,
}

impl Stats {
    pub(super) fn run(self, global: &Global, output: &Output) -> Outcome {
        let client = Client::open(global)?;
        let path = At::path(["stats"])
            .with("campaign", self.campaign.as_ref())
            .with("last_s", Some(self.last.as_millis() / 1_000));
        let stats: Vec<types::Stats> = wait_for(client.get(&path))?;
        output.show(&stats, |lang| sheet(&stats, lang));
        Ok(Exit::Done)
    }
}

fn sheet(stats: &[types::Stats], lang: Lang) -> Sheet {
    let mut sheet = Sheet::new(&[
        lang.say("campaign", "campagne"),
        lang.say("attempts", "appels"),
        lang.say("answered", "décrochés"),
        lang.say("humans", "humains"),
        lang.say("bridged", "en relation"),
        lang.say("abandon", "abandon"),
        "CA+",
        "CA−",
        "CNA",
        lang.say("sales", "ventes"),
        lang.say("talk", "conversation"),
        lang.say("called back", "rappels reçus"),
        lang.say("list closed", "fiches closes"),
    ]);
    for stats in stats {
        sheet.add([
            stats.campaign.clone(),
            stats.attempts.to_string(),
            stats.answered.to_string(),
            stats.humans.to_string(),
            stats.bridged.to_string(),
            abandon(stats, lang),
            stats.argued_positive.to_string(),
            stats.argued_negative.to_string(),
            stats.not_argued.to_string(),
            stats.sales.to_string(),
            crate::watch::clock(stats.talk_s),
            called_back(stats, lang),
            format!("{}/{}", stats.contacts_done, stats.contacts),
        ]);
    }
    sheet
}

/// Says how many called back, and how many of them asked to be called no more, if any.
fn called_back(stats: &types::Stats, lang: Lang) -> String {
    let mut text = stats.called_back.to_string();
    if stats.oppositions > 0 {
        text += &format!(" ({} {})", stats.oppositions, lang.say("opposed", "oppositions"));
    }
    text
}

/// Says how many were abandoned, the share, and how many of them a lost agent forced, if any.
fn abandon(stats: &types::Stats, lang: Lang) -> String {
    let mut text = format!("{} ({})", stats.abandoned, percent(stats.abandon_ratio, lang));
    if stats.forced > 0 {
        let forced = lang.say("by a lost agent", "par perte d'un agent");
        text += &format!(", {} {forced}", stats.forced);
    }
    text
}
