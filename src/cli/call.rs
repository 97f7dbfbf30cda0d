//! `cadran call`.

use clap::{Args, Subcommand};

use super::client::{At, Client};
use super::failure::{Exit, Outcome};
use super::output::{Lang, Output, Sheet, moment};
use super::{Global, wait_for};
use crate::api::types;
use crate::config::measure;
use crate::units::Span;
use crate::watch::decimal;

/// Look calls up.
#[derive(Debug, Subcommand)]
pub(super) enum Call {
    /// List calls, newest first
    #[command(before_help = "Examples:
  cadran call list
  cadran call list --campaign vente --outcome connected --last 1h
  cadran call list --agent amina --limit 500 --json")]
    List(ListCalls),
    /// Show everything known about one call
    #[command(before_help = "Examples:
  cadran call show 42
  cadran call show 42 --json")]
    Show(Show),
}

/// The outcomes as the API names them.
pub(super) const OUTCOMES: [&str; 11] = [
    "connected",
    "abandoned",
    "machine",
    "busy",
    "no_answer",
    "invalid",
    "declined",
    "cancelled",
    "congestion",
    "trunk_fault",
    "interrupted",
];

/// Which calls.
#[derive(Debug, Args)]
pub(super) struct ListCalls {
    /// Of this campaign
    #[arg(long)]
    campaign: Option<String>,
    /// Of this agent
    #[arg(long)]
    agent: Option<String>,
    /// With this outcome
    #[arg(long, value_parser = OUTCOMES)]
    outcome: Option<String>,
    /// To this number, E.164
    #[arg(long, value_name = "NUMBER")]
    to: Option<String>,
    /// How far back, such as 1h or 30d
    #[arg(long, value_name = "TIME", value_parser = measure::span)]
    last: Option<Span>,
    /// How many at most
    #[arg(long, value_name = "COUNT", default_value_t = 50)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=1_000))]
    limit: u32,
    /// Go on after a page: the `next` of the page before
    #[arg(long, value_name = "NEXT")]
    after: Option<String>,
}

/// One call.
#[derive(Debug, Args)]
pub(super) struct Show {
    /// The call's number
    #[arg(value_parser = call_number)]
    call: u64,
}

/// Reads a call's number, with the `C` it has in webhooks or without.
fn call_number(text: &str) -> Result<u64, String> {
    text.strip_prefix('C').unwrap_or(text).parse().map_err(|_| {
        "a call is named by its number, such as 42: `cadran call list` shows them".to_owned()
    })
}

impl Call {
    pub(super) fn run(self, global: &Global, output: &Output) -> Outcome {
        let client = Client::open(global)?;
        match self {
            Self::List(list) => list.run(&client, output),
            Self::Show(show) => show.run(&client, output),
        }
    }
}

impl ListCalls {
    fn run(self, client: &Client, output: &Output) -> Outcome {
        let path = At::path(["calls"])
            .with("campaign", self.campaign)
            .with("agent", self.agent)
            .with("outcome", self.outcome)
            .with("to", self.to)
            .with("last_s", self.last.map(|last| last.as_millis() / 1_000))
            .with("limit", Some(self.limit))
            .with("after", self.after);
        let calls: types::Calls = wait_for(client.get(&path))?;
        output.show(&calls, |lang| sheet(&calls.calls, lang));
        if let Some(next) = &calls.next {
            output.note(&format!("    → --after {next}"));
        }
        Ok(Exit::Done)
    }
}

fn sheet(calls: &[types::Call], lang: Lang) -> Sheet {
    let mut sheet = Sheet::new(&[
        lang.say("call", "appel"),
        lang.say("began", "début"),
        lang.say("campaign", "campagne"),
        lang.say("number", "numéro"),
        lang.say("outcome", "issue"),
        "SIP",
        "agent",
        lang.say("talk", "conversation"),
        lang.say("disposition", "qualification"),
    ]);
    for call in calls {
        sheet.add([
            call.call.to_string(),
            moment(&call.started_at, "%Y-%m-%d %H:%M:%S"),
            call.campaign.clone(),
            call.to.clone().unwrap_or_default(),
            outcome(call),
            if call.sip_code > 0 { call.sip_code.to_string() } else { String::new() },
            call.agent.clone().unwrap_or_default(),
            call.talk_s.map(crate::watch::clock).unwrap_or_default(),
            call.disposition.clone().unwrap_or_default(),
        ]);
    }
    sheet
}

/// Names an outcome as JSON does; the words are codes, in every language.
pub(super) fn outcome(call: &types::Call) -> String {
    let word = call.outcome.map(serde_json::to_value);
    match word {
        Some(Ok(serde_json::Value::String(word))) => word,
        Some(_) | None => String::new(),
    }
}

impl Show {
    fn run(self, client: &Client, output: &Output) -> Outcome {
        let id = self.call.to_string();
        let call: types::Call = wait_for(client.get(&At::path(["calls", &id])))?;
        output.show(&call, |lang| described(&call, lang));
        Ok(Exit::Done)
    }
}

fn described(call: &types::Call, lang: Lang) -> Sheet {
    let mut sheet = Sheet::new(&["", ""]);
    let mut line = |english: &str, french: &str, value: Option<String>| {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            sheet.add([lang.say(english, french).to_owned(), value]);
        }
    };
    let exactly = |text: Option<&String>| text.map(|text| moment(text, "%Y-%m-%d %H:%M:%S.%3f %Z"));
    let seconds = |seconds: Option<f64>| seconds.map(|seconds| decimal(seconds, 1, lang) + " s");
    line("call", "appel", Some(call.call.to_string()));
    line("campaign", "campagne", Some(call.campaign.clone()));
    line("contact", "fiche", Some(call.contact.to_string()));
    line("reference", "référence", call.external_id.clone());
    line("number", "numéro", call.to.clone());
    line("number shown", "numéro présenté", call.from.clone());
    line("trunk", "trunk", Some(call.trunk.clone()));
    line("attempt", "tentative", Some(call.attempt.to_string()));
    line("began", "début", exactly(Some(&call.started_at)));
    line("rang", "sonnerie", exactly(call.ringing_at.as_ref()));
    line("answered", "décroché", exactly(call.answered_at.as_ref()));
    line("bridged", "mise en relation", exactly(call.bridged_at.as_ref()));
    line("ended", "fin", exactly(call.ended_at.as_ref()));
    line("outcome", "issue", Some(outcome(call)));
    line("SIP code", "code SIP", (call.sip_code > 0).then(|| call.sip_code.to_string()));
    line("agent", "agent", call.agent.clone());
    line("talk", "conversation", seconds(call.talk_s));
    line("hold", "garde", (call.hold_s > 0.0).then(|| decimal(call.hold_s, 1, lang) + " s"));
    line("wrap-up", "post-appel", seconds(call.wrap_s));
    line("disposition", "qualification", call.disposition.clone());
    line("note", "note", call.details.notes.clone());
    let amount = call.details.amount_cents;
    line("amount", "montant", amount.map(|cents| format!("{}.{:02}", cents / 100, cents % 100)));
    let appointment = call.details.appointment.as_ref();
    line("appointment", "rendez-vous", appointment.map(|appointment| appointment.at.clone()));
    sheet
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::order::Outcome;

    #[test]
    fn every_outcome_may_be_asked_for() -> Result<(), serde_json::Error> {
        for word in OUTCOMES {
            let read: Outcome = serde_json::from_value(word.into())?;
            assert_eq!(serde_json::to_value(read)?, word);
        }
        // The reader names every word it knows when it meets one it does not.
        let unknown = serde_json::from_value::<Outcome>("zzz".into()).map_err(|e| e.to_string());
        let known = unknown.expect_err("no outcome is called so").matches('`').count() / 2 - 1;
        assert_eq!(known, OUTCOMES.len());
        Ok(())
    }
}
