//! `cadran list recycle`.

use clap::Args;
use serde::Deserialize as _;
use serde::de::IntoDeserializer as _;

use super::client::{At, Client};
use super::failure::{Exit, Outcome};
use super::output::{Form, Lang, Output, Sheet};
use super::{Global, call, wait_for};
use crate::api::recycle::{Closed, Recycle, Recycled};
use crate::core::order;

/// Which closed contacts are to be called again.
#[derive(Debug, Args)]
pub(super) struct Recycling {
    /// The campaign's name
    campaign: String,
    /// Those that had every attempt, the last of which ended so: no_answer, busy, machine …
    #[arg(long, value_name = "OUTCOME", value_delimiter = ',', value_parser = outcome)]
    outcomes: Vec<order::Outcome>,
    /// Those an agent qualified so
    #[arg(long, value_name = "CODE", value_delimiter = ',')]
    dispositions: Vec<String>,
    /// Those a do-not-call wish closed that stands no more
    #[arg(long)]
    freed: bool,
    /// Count them only
    #[arg(long)]
    dry_run: bool,
}

fn outcome(word: &str) -> Result<order::Outcome, String> {
    let read = word.into_deserializer();
    order::Outcome::deserialize(read)
        .map_err(|_: serde::de::value::Error| format!("is none of {}", call::outcomes().join(", ")))
}

impl Recycling {
    pub(super) fn run(self, global: &Global, output: &Output) -> Outcome {
        let client = Client::open(global)?;
        if self.outcomes.is_empty() && self.dispositions.is_empty() && !self.freed {
            let at = At::path(["campaigns", &self.campaign, "contacts:closed"]);
            let closed: Vec<Closed> = wait_for(client.get(&at))?;
            output.show(&closed, |lang| sheet(&closed, lang));
            if output.form == Form::Table {
                output.note(output.lang.say(
                    "Nothing was recycled: choose with --outcomes, --dispositions or --freed.",
                    "Rien n'a été recyclé : choisissez par --outcomes, --dispositions ou --freed.",
                ));
            }
            return Ok(Exit::Done);
        }
        let Self { campaign, outcomes, dispositions, freed, dry_run } = self;
        let at = At::path(["campaigns", &campaign, "contacts:recycle"]);
        let wanted = Recycle { outcomes, dispositions, freed, dry_run };
        let told: Recycled = wait_for(client.post(&at, &wanted))?;
        output.show(&told, |lang| {
            let mut sheet = Sheet::new(&[if told.dry_run {
                lang.say("contacts that would be open", "fiches qui seraient rouvertes")
            } else {
                lang.say("contacts opened anew", "fiches rouvertes")
            }]);
            sheet.add([told.contacts.to_string()]);
            sheet
        });
        Ok(Exit::Done)
    }
}

fn sheet(closed: &[Closed], lang: Lang) -> Sheet {
    let mut sheet = Sheet::new(&[
        lang.say("contacts", "fiches"),
        lang.say("closed as", "closes car"),
        lang.say("last outcome", "dernière issue"),
        lang.say("disposition", "qualification"),
    ]);
    for one in closed {
        let word = |value: serde_json::Value| value.as_str().unwrap_or_default().to_owned();
        sheet.add([
            one.contacts.to_string(),
            reason(one.reason, lang).to_owned(),
            call::outcome_word(&word(serde_json::json!(one.outcome)), lang),
            one.disposition.clone().unwrap_or_default(),
        ]);
    }
    sheet
}

/// Says why contacts are closed: in English by the code that JSON has.
fn reason(reason: order::DoneReason, lang: Lang) -> &'static str {
    match reason {
        order::DoneReason::Qualified => lang.say("qualified", "qualifiées"),
        order::DoneReason::Exhausted => lang.say("exhausted", "tentatives épuisées"),
        order::DoneReason::NoNumber => lang.say("no_number", "sans numéro valable"),
        order::DoneReason::DoNotCall => lang.say("do_not_call", "ne pas appeler"),
        order::DoneReason::Skipped => lang.say("skipped", "écartées par un agent"),
        order::DoneReason::Erased => lang.say("erased", "effacées"),
    }
}
