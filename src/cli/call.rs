//! `cadran call`.

use clap::{Args, Subcommand};

use super::client::{At, Client};
use super::failure::{Exit, Outcome};
use super::french::told;
use super::listed::{self, Country};
use super::output::{Lang, Output, Sheet, minute, moment};
use super::{Global, wait_for};
use crate::api::calls::ShownCall;
use crate::api::receipt::Decided;
use crate::api::types;
use crate::config::measure;
use crate::core::order::EndedBy;
use crate::units::{Number, Span};
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
    /// Hand the person in a call over to another number, and wait until that has succeeded
    #[command(before_help = "Examples:
  cadran call transfer 42 +33199001234")]
    Transfer(Transfer),
}

/// The outcomes as the API names them, each with its French.
const OUTCOMES: [(&str, &str); 12] = [
    ("connected", "mis en relation"),
    ("abandoned", "abandonné"),
    ("machine", "répondeur"),
    ("busy", "occupé"),
    ("no_answer", "ne répond pas"),
    ("invalid", "faux numéro"),
    ("declined", "refusé"),
    ("blocked", "bloqué"),
    ("cancelled", "annulé"),
    ("congestion", "réseau saturé"),
    ("trunk_fault", "panne du trunk"),
    ("interrupted", "interrompu"),
];

/// Gives the outcomes as the API names them.
pub(super) fn outcomes() -> [&'static str; 12] {
    OUTCOMES.map(|(code, _)| code)
}

/// Says an outcome to people; programs read its code under `--json`.
pub(super) fn outcome_word(code: &str, lang: Lang) -> String {
    let known = OUTCOMES.iter().find(|(known, _)| *known == code);
    known.map_or(code, |(code, french)| lang.say(code, french)).to_owned()
}

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
    #[arg(long, value_parser = outcomes())]
    outcome: Option<String>,
    /// To this number
    #[arg(long, value_name = "NUMBER")]
    to: Option<String>,
    /// The country of a number without a country code, such as FR, GB or US
    #[arg(long, value_name = "COUNTRY", default_value = "FR", value_parser = listed::region)]
    region: Country,
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

/// A call, and whom it is handed over to.
#[derive(Debug, Args)]
pub(super) struct Transfer {
    /// The call's number
    #[arg(value_parser = call_number)]
    call: u64,
    /// The number to hand it over to, E.164
    #[arg(value_name = "NUMBER")]
    to: String,
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
            Self::Transfer(transfer) => transfer.run(&client, output),
        }
    }
}

impl ListCalls {
    fn run(self, client: &Client, output: &Output) -> Outcome {
        let to = self.to.as_deref().map(|text| self.region.number(text)).transpose()?;
        let path = At::path(["calls"])
            .with("campaign", self.campaign)
            .with("agent", self.agent)
            .with("outcome", self.outcome)
            .with("to", to.as_ref().map(Number::reveal))
            .with("last_s", self.last.map(|last| last.as_millis() / 1_000))
            .with("limit", Some(self.limit))
            .with("after", self.after);
        let calls: types::Calls = wait_for(client.get(&path))?;
        output.show(&calls, |lang| sheet(&calls.calls, lang));
        if let Some(next) = &calls.next {
            let more = output.lang.say("more calls: add", "suite des appels : ajoutez");
            output.note(&format!("    → {more} --after {next}"));
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
            outcome(call, lang),
            if call.sip_code > 0 { call.sip_code.to_string() } else { String::new() },
            call.agent.clone().unwrap_or_default(),
            call.talk_s.map(crate::watch::clock).unwrap_or_default(),
            call.disposition.clone().unwrap_or_default(),
        ]);
    }
    sheet
}

/// Says how a call ended, or that it goes on.
pub(super) fn outcome(call: &types::Call, lang: Lang) -> String {
    let word = call.outcome.map(serde_json::to_value);
    match word {
        Some(Ok(serde_json::Value::String(word))) => outcome_word(&word, lang),
        None if call.ended_at.is_none() => lang.say("goes on", "en cours").to_owned(),
        Some(_) | None => String::new(),
    }
}

impl Show {
    fn run(self, client: &Client, output: &Output) -> Outcome {
        let id = self.call.to_string();
        let shown: ShownCall = wait_for(client.get(&At::path(["calls", &id])))?;
        output.show(&shown, |lang| described(&shown, lang));
        Ok(Exit::Done)
    }
}

impl Transfer {
    fn run(self, client: &Client, output: &Output) -> Outcome {
        let id = self.call.to_string();
        let request = types::TransferRequest { to: self.to };
        let path = At::path(["calls", &id, "transfer"]);
        let accepted: types::Accepted = wait_for(client.post(&path, &request))?;
        output.show(&accepted, |lang| {
            let mut sheet = Sheet::new(&["", ""]);
            sheet.add([lang.say("transferred", "transféré").to_owned(), id.clone()]);
            sheet
        });
        Ok(Exit::Done)
    }
}

fn described(shown: &ShownCall, lang: Lang) -> Sheet {
    let call = &shown.call;
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
    line("outcome", "issue", Some(outcome(call, lang)));
    let handed_over = call.ended_by == Some(EndedBy::Transfer);
    let handed_over = handed_over.then(|| lang.say("yes", "oui").to_owned());
    line("transferred", "transféré", handed_over);
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
    line("appointment", "rendez-vous", appointment.map(|appointment| minute(&appointment.at)));
    for (name, value) in shown.decided.iter().flat_map(|decided| why(decided, lang)) {
        sheet.add([name.to_owned(), value]);
    }
    sheet
}

/// Says what decided that a call might be placed.
fn why(decided: &Decided, lang: Lang) -> Vec<(&'static str, String)> {
    let exactly = |text: &str| moment(text, "%Y-%m-%d %H:%M:%S %Z");
    let mut lines = vec![(lang.say("called person's clock", "heure du client"), {
        let (local, zone) = decided.local_time.split_once('[').unwrap_or_default();
        let local = local.get(..16).unwrap_or(local).replace('T', " ");
        format!("{local} {}", zone.trim_end_matches(']'))
    })];
    let pack = decided.law_pack.as_ref().zip(decided.territory.as_ref());
    lines.extend(pack.map(|(day, territory)| {
        let rules = decided.rules.join(", ");
        let of = lang.say("pack of", "recueil du");
        (lang.say("law", "loi"), format!("{territory}, {of} {day} : {rules}"))
    }));
    lines.extend(decided.right.as_ref().map(|right| {
        let id = right.id.map(|id| format!(" {id}")).unwrap_or_default();
        let until = right
            .until
            .as_deref()
            .map(|until| format!(" {} {}", lang.say("until", "jusqu'au"), exactly(until)));
        let what = format!("{}{id}{}", told(&right.basis, lang), until.unwrap_or_default());
        (lang.say("right to call", "droit d'appel"), what)
    }));
    let opened = decided.out_of_hours_until.as_deref();
    lines.extend(
        opened.map(|until| {
            (lang.say("out of hours until", "hors horaires jusqu'au"), exactly(until))
        }),
    );
    for counted in &decided.attempts {
        let own = lang.say("the campaign's cap", "plafond de la campagne");
        let rule = counted.rule.as_deref().unwrap_or(own);
        let (made, allowed) = (counted.made, counted.allowed);
        let of = lang.say("of", "sur");
        let before = lang.say("attempts before", "tentatives avant");
        lines.push((before, format!("{made} {of} {allowed} ({rule})")));
    }
    let refused = decided.refused_at.as_deref();
    lines.extend(refused.map(|at| (lang.say("last refusal", "dernier refus"), exactly(at))));
    let abandoned = decided.abandoned_at.as_deref();
    lines.extend(abandoned.map(|at| (lang.say("last abandoned", "dernier abandon"), exactly(at))));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::order::Outcome;

    #[test]
    fn every_outcome_may_be_asked_for() -> Result<(), serde_json::Error> {
        for word in outcomes() {
            let read: Outcome = serde_json::from_value(word.into())?;
            assert_eq!(serde_json::to_value(read)?, word);
        }
        assert_eq!(outcome_word("no_answer", Lang::Fr), "ne répond pas");
        // The reader names every word it knows when it meets one it does not.
        let unknown = serde_json::from_value::<Outcome>("zzz".into()).map_err(|e| e.to_string());
        let known = unknown.expect_err("no outcome is called so").matches('`').count() / 2 - 1;
        assert_eq!(known, OUTCOMES.len());
        Ok(())
    }
}
