//! The wishes a list tells of: whom each line says must not be called, by whom, why and until when.

use std::collections::BTreeMap;
use std::io::BufRead;

use super::failure::Failure;
use super::listed::{self, Country};
use crate::api::dnc::{NewWishes, Reach, WORDS_MAX};
use crate::api::import::{self, List, Options, Reason, Row};
use crate::api::types::{Campaign, ImportReport};
use crate::engine::clock::Clock;
use crate::store::NewContact;
use crate::units::{Wall, Zone};

/// Titles, as fields are named, of the columns that tell more of a wish.
const CLIENT: [&str; 4] = ["client", "client_company", "commanditaire", "donneur_d_ordre"];
const CAMPAIGN: [&str; 3] = ["campaign", "campagne", "operation"];
const REACH: [&str; 3] = ["reach", "portee", "scope"];
const REASON: [&str; 3] = ["reason", "motif", "raison"];
const SOURCE: [&str; 3] = ["source", "origine", "provenance"];
const UNTIL: [&str; 8] = [
    "until",
    "jusqu_au",
    "expires",
    "expires_at",
    "expiration",
    "date_expiration",
    "fin",
    "date_de_fin",
];

/// What a reach may say instead of a name.
const EVERYONE: [&str; 6] = ["everyone", "all", "tous", "toutes", "tout", "*"];

/// Reads a list: wishes that are alike but for their numbers together, what a line does not tell as
/// it is given for the whole list.
pub(super) fn read(
    list: impl BufRead,
    country: &Country,
    given: &NewWishes,
    campaigns: &[Campaign],
) -> Result<(Vec<NewWishes>, ImportReport), Failure> {
    let options = Options { region: country.region, uncalled: true, ..Options::default() };
    let mut list = List::open(list, options).map_err(|error| listed::no_list(&error))?;
    let lines = Lines { given, campaigns, country, now: Clock::start().now().wall };
    let mut alike: BTreeMap<String, NewWishes> = BTreeMap::new();
    while let Some(row) = list.next_row()? {
        let Row::Contact(contact) = row else { continue };
        match lines.wish(&contact) {
            Err((reason, title)) => list.refuse(reason, title),
            Ok(wish) => {
                let said = serde_json::json!(wish).to_string();
                let numbers = contact.numbers.iter().map(|new| new.number.reveal().to_owned());
                alike.entry(said).or_insert(wish).numbers.extend(numbers);
            }
        }
    }
    Ok((alike.into_values().collect(), list.report()))
}

/// How lines are read.
struct Lines<'l> {
    given: &'l NewWishes,
    campaigns: &'l [Campaign],
    country: &'l Country,
    now: Wall,
}

/// Why a line is none, and the column at fault.
type Wrong = (Reason, &'static str);

impl Lines<'_> {
    /// Reads a line's wish, without its numbers.
    fn wish(&self, contact: &NewContact) -> Result<NewWishes, Wrong> {
        let text = |titles: &[&'static str]| {
            let (_, text) = cell(contact, titles)?;
            Some(text.chars().take(WORDS_MAX).collect::<String>())
        };
        Ok(NewWishes {
            numbers: Vec::new(),
            reach: self.reach(contact)?,
            reason: text(&REASON).unwrap_or_else(|| self.given.reason.clone()),
            source: text(&SOURCE).unwrap_or_else(|| self.given.source.clone()),
            until: self.until(contact)?.or_else(|| self.given.until.clone()),
        })
    }

    /// Reads how far it reaches: a campaign before its client company, unless the reach says which.
    fn reach(&self, contact: &NewContact) -> Result<Reach, Wrong> {
        let (client, campaign) = (cell(contact, &CLIENT), cell(contact, &CAMPAIGN));
        let told = cell(contact, &REACH);
        let word = told.map(|(_, word)| word.to_lowercase());
        let (client, campaign) = match word.as_deref() {
            None => (client.filter(|_| campaign.is_none()), campaign),
            Some(word) if EVERYONE.contains(&word) => return Ok(Reach::default()),
            Some("client" | "client company" | "commanditaire") => (client, None),
            Some("campaign" | "campagne" | "operation" | "opération") => (None, campaign),
            Some(_) => {
                return Err((Reason::ReachUnknown, told.map_or(REACH[0], |(title, _)| title)));
            }
        };
        match (client, campaign) {
            (None, None) => Ok(self.given.reach.clone()),
            (Some((_, name)), _) | (None, Some((_, name))) if everyone(name) => {
                Ok(Reach::default())
            }
            (Some((title, name)), _) => {
                let known = self.campaigns.iter().map(|campaign| &campaign.client);
                let client = same(known, name).ok_or((Reason::ReachUnknown, title))?;
                Ok(Reach { client: Some(client), campaign: None })
            }
            (None, Some((title, name))) => {
                let known = self.campaigns.iter().map(|campaign| &campaign.name);
                let campaign = same(known, name).ok_or((Reason::ReachUnknown, title))?;
                Ok(Reach { campaign: Some(campaign), client: None })
            }
        }
    }

    /// Reads when it ends.
    fn until(&self, contact: &NewContact) -> Result<Option<String>, Wrong> {
        let Some((title, text)) = cell(contact, &UNTIL) else { return Ok(None) };
        let number = contact.numbers.first().map(|new| &new.number);
        let zone = number.and_then(import::zone_of).or_else(|| Zone::new("Etc/UTC").ok());
        let end = zone.and_then(|zone| import::end_of(text, &zone, self.country.region));
        let end = end.ok_or((Reason::EndUnreadable, title))?;
        if end <= self.now {
            return Err((Reason::EndOver, title));
        }
        Ok(Some(end.to_string()))
    }
}

/// Gives the first cell that is not empty under one of some titles.
fn cell<'c>(contact: &'c NewContact, titles: &[&'static str]) -> Option<(&'static str, &'c str)> {
    let mut cells =
        titles.iter().filter_map(|title| Some((*title, contact.fields.get(*title)?.trim())));
    cells.find(|(_, text)| !text.is_empty())
}

fn everyone(word: &str) -> bool {
    EVERYONE.contains(&word.to_lowercase().as_str())
}

/// Finds a name, whatever its case.
fn same<'n>(mut known: impl Iterator<Item = &'n String>, name: &str) -> Option<String> {
    known.find(|known| known.to_lowercase() == name.to_lowercase()).cloned()
}
