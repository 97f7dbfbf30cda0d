//! `cadran list export`: a list as it stands, or what agents corrected of it.

use std::collections::BTreeSet;
use std::io;

use clap::Args;

use super::client::{At, Client};
use super::failure::{Exit, Failure, Outcome};
use super::output::{Form, Output};
use super::{Global, wait_for};
use crate::api::contacts::Contact;
use crate::api::import;

/// A list to be exported.
#[derive(Debug, Args)]
pub(super) struct Export {
    /// The campaign
    campaign: String,
    /// Only contacts that agents corrected, and only the fields they corrected
    #[arg(long)]
    changed: bool,
}

impl Export {
    pub(super) fn run(self, global: &Global, output: &Output) -> Outcome {
        let client = Client::open(global)?;
        let contacts = self.contacts(&client)?;
        if output.form == Form::Json {
            output.json(&contacts);
        } else {
            output.text(&csv(&contacts, self.changed)?);
        }
        Ok(Exit::Done)
    }

    fn contacts(&self, client: &Client) -> Result<Vec<Contact>, Failure> {
        let mut all: Vec<Contact> = Vec::new();
        loop {
            let at = At::path(["campaigns", &self.campaign, "contacts"])
                .with("changed", self.changed.then_some(true))
                .with("after", all.last().map(|last| last.contact));
            let mut page: Vec<Contact> = wait_for(client.get(&at))?;
            if page.is_empty() {
                return Ok(all);
            }
            all.append(&mut page);
        }
    }
}

/// The mark by which Excel knows UTF-8.
const MARK: &str = "\u{feff}";

/// Writes contacts as Excel in French opens a list, and `cadran list import` reads it back: columns
/// that begin with `_` tell where a contact stands, and are passed over there.
fn csv(contacts: &[Contact], changed: bool) -> io::Result<String> {
    let names = |contact: &Contact| -> Vec<String> {
        let own = |field: &&str| **field != *crate::store::NAME;
        if changed {
            contact.corrected().into_keys().filter(own).map(str::to_owned).collect()
        } else {
            contact.fields.keys().cloned().collect()
        }
    };
    let fields: BTreeSet<String> = contacts.iter().flat_map(names).collect();
    let phones = contacts.iter().map(|contact| right(contact).count()).max().unwrap_or(0).max(1);
    let mut builder = csv::WriterBuilder::new();
    let mut csv = builder
        .delimiter(b';')
        .terminator(csv::Terminator::CRLF)
        .from_writer(MARK.as_bytes().to_vec());
    let mut titles = vec!["id".to_owned(), "nom".to_owned()];
    titles.extend((1..=phones).map(|nth| format!("telephone_{nth}")));
    titles.extend(fields.iter().map(|field| import::unarmed(field)));
    titles.extend(STANDING.map(str::to_owned));
    csv.write_record(&titles)?;
    for contact in contacts {
        csv.write_record(row(contact, &fields, phones, changed))?;
    }
    let bytes = csv.into_inner().map_err(|error| error.into_error())?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// What is told of where a contact stands.
const STANDING: [&str; 10] = [
    "_fiche",
    "_etat",
    "_motif",
    "_tentatives",
    "_issue",
    "_qualification",
    "_prochain_appel",
    "_faux_numeros",
    "_corrige_le",
    "_corrige_par",
];

fn row(contact: &Contact, fields: &BTreeSet<String>, phones: usize, changed: bool) -> Vec<String> {
    let corrected = contact.corrected();
    let value = |field: &str| {
        let present = contact.fields.get(field).map(String::as_str);
        if changed { corrected.get(field).copied() } else { present }
    };
    let name =
        if changed { corrected.get(crate::store::NAME).copied() } else { contact.name.as_deref() };
    let text = |text: Option<&str>| import::unarmed(text.unwrap_or_default());
    let word = |word: Option<serde_json::Result<serde_json::Value>>| match word {
        Some(Ok(serde_json::Value::String(word))) => word,
        Some(_) | None => String::new(),
    };
    let mut cells = vec![text(contact.external_id.as_deref()), text(name)];
    let mut numbers = right(contact);
    cells.extend((0..phones).map(|_| text(numbers.next())));
    cells.extend(fields.iter().map(|field| text(value(field))));
    let wrong = contact.numbers.iter().filter(|number| number.wrong);
    let wrong: Vec<&str> = wrong.map(|number| number.number.as_str()).collect();
    let last = contact.changes.last();
    cells.extend([
        contact.contact.to_string(),
        contact.state.clone(),
        word(contact.done.map(serde_json::to_value)),
        contact.attempts.to_string(),
        word(contact.outcome.map(serde_json::to_value)),
        text(contact.disposition.as_deref()),
        contact.due_at.clone().unwrap_or_default(),
        import::unarmed(&wrong.join(" ")),
        last.map(|change| change.at.clone()).unwrap_or_default(),
        text(last.and_then(|change| change.agent.as_deref())),
    ]);
    cells
}

/// Gives the numbers that are not wrong.
fn right(contact: &Contact) -> impl Iterator<Item = &str> {
    let right = contact.numbers.iter().filter(|number| !number.wrong);
    right.map(|number| number.number.as_str())
}
