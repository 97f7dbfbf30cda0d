//! `cadran gdpr`.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueHint};

use super::client::{At, Client};
use super::failure::{Exit, Failure, Outcome};
use super::listed::{self, Country};
use super::output::{Lang, Output, Sheet};
use super::{Global, dossier, wait_for};
use crate::api::gdpr::{Erasure, Forgotten, Held, Purge, Whom};

/// Tell what is held of a person, erase it, and forget what is old (GDPR).
#[derive(Debug, Subcommand)]
pub(super) enum Gdpr {
    /// Tell everything held of a person: contacts, numbers, fields, calls, consents, wishes
    #[command(before_help = "Examples:
  cadran gdpr export +33639981234 --to answers
  cadran gdpr export --contact 42 --json

Without --to the answer is printed; with it, it is written to the folder as JSON and as a page.")]
    Export(Export),
    /// Erase a person: the keys of all that names him or her are destroyed
    #[command(before_help = "Examples:
  cadran gdpr erase +33639981234 --dry-run
  cadran gdpr erase +33639981234 --yes

A number means whoever has it: every contact with it, and their other numbers unless another contact
needs them. Attempts, refusals, consents and wishes keep rows that name nobody; wishes still hold.
Whoever shall not be called either needs a wish: cadran dnc add. A contact in a call is not erased
before the call is over and written up; the exit code is then 6.")]
    Erase(Erase),
    /// Forget what was kept long enough, as the engine does every day
    #[command(before_help = "Examples:
  cadran gdpr purge --dry-run
  cadran gdpr purge

How long each kind of data is kept is set under [retention] of cadran.toml. Wishes not to be called
are never forgotten.")]
    Purge(Purged),
}

/// Who is meant.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Who {
    /// The number, as +33639981234
    number: Option<String>,
    /// One contact, by its id
    #[arg(long, value_name = "ID")]
    contact: Option<u64>,
}

/// What is told.
#[derive(Debug, Args)]
pub(super) struct Export {
    #[command(flatten)]
    who: Who,
    /// The country of a number without a country code, such as FR, GB or US
    #[arg(long, value_name = "COUNTRY", default_value = "FR", value_parser = listed::region)]
    region: Country,
    /// The folder for the two files
    #[arg(long, value_name = "FOLDER", value_hint = ValueHint::DirPath)]
    to: Option<PathBuf>,
}

/// Who is erased.
#[derive(Debug, Args)]
pub(super) struct Erase {
    #[command(flatten)]
    who: Who,
    /// The country of a number without a country code, such as FR, GB or US
    #[arg(long, value_name = "COUNTRY", default_value = "FR", value_parser = listed::region)]
    region: Country,
    /// Erase; nobody can undo it
    #[arg(long)]
    yes: bool,
    /// Only tell what would be erased
    #[arg(long, conflicts_with = "yes")]
    dry_run: bool,
}

/// What is forgotten.
#[derive(Debug, Args)]
pub(super) struct Purged {
    /// Only count it
    #[arg(long)]
    dry_run: bool,
}

impl Gdpr {
    pub(super) fn run(self, global: &Global, output: &Output) -> Outcome {
        let client = Client::open(global)?;
        match self {
            Self::Export(export) => export.run(&client, output),
            Self::Erase(erase) => erase.run(&client, output),
            Self::Purge(purged) => purged.run(&client, output),
        }
    }
}

impl Who {
    /// Reads the number as a list is read.
    fn read(self, region: &Country, dry_run: bool) -> Result<Whom, Failure> {
        let number = self.number.map(|text| region.number(&text)).transpose()?;
        let number = number.map(|number| number.reveal().to_owned());
        Ok(Whom { number, contact: self.contact, dry_run })
    }
}

impl Export {
    fn run(self, client: &Client, output: &Output) -> Outcome {
        let whom = self.who.read(&self.region, false)?;
        let path = At::path(["gdpr", "export"])
            .with("number", whom.number.as_ref())
            .with("contact", whom.contact);
        let held: Held = wait_for(client.get(&path))?;
        let Some(folder) = self.to else {
            output.show(&held, |lang| contacts(&held, lang));
            return Ok(Exit::Done);
        };
        let name = match (whom.number, whom.contact) {
            (Some(number), _) => number.trim_start_matches('+').to_owned(),
            (None, contact) => format!("contact-{}", contact.unwrap_or_default()),
        };
        std::fs::create_dir_all(&folder).map_err(|error| unwritable(&folder, &error))?;
        let text = serde_json::to_string_pretty(&held).map_err(std::io::Error::other)? + "\n";
        let page = dossier::held(&held, output.lang);
        for (extension, text) in [("json", text), ("html", page)] {
            let file = folder.join(format!("{name}.{extension}"));
            std::fs::write(&file, text).map_err(|error| unwritable(&file, &error))?;
            output.note(&format!("→ {}", file.display()));
        }
        Ok(Exit::Done)
    }
}

impl Erase {
    fn run(self, client: &Client, output: &Output) -> Outcome {
        let whom = self.who.read(&self.region, !self.yes)?;
        let erasure: Erasure = wait_for(client.post(&At::path(["gdpr", "erase"]), &whom))?;
        output.show(&erasure, |lang| erased(&erasure, lang));
        if !self.yes && !self.dry_run {
            let message = "nothing was erased: this is what would be";
            let failure = Failure::new(Exit::Refused, "not_confirmed", message);
            return Err(failure.hint("add --yes to erase it; nobody can undo that"));
        }
        if self.yes && erasure.do_not_call == Some(false) {
            output.note(output.lang.say(
                "No wish stands against the number: a later list may bring it again. If it shall \
                 not be called, note that with cadran dnc add.",
                "Aucune opposition ne vise ce numéro : un autre fichier peut le ramener. S'il ne \
                 doit plus être appelé, notez-le par cadran dnc add.",
            ));
        }
        Ok(Exit::Done)
    }
}

impl Purged {
    fn run(self, client: &Client, output: &Output) -> Outcome {
        let purge = Purge { dry_run: self.dry_run };
        let told: Forgotten = wait_for(client.post(&At::path(["gdpr", "purge"]), &purge))?;
        output.show(&told, |lang| forgotten(&told, lang));
        Ok(Exit::Done)
    }
}

fn unwritable(path: &Path, error: &std::io::Error) -> Failure {
    let message = format!("{}: cannot be written: {error}", path.display());
    Failure::new(Exit::Error, "answer_unwritable", message).hint("name another folder with --to")
}

fn contacts(held: &Held, lang: Lang) -> Sheet {
    let mut sheet = Sheet::new(&[
        lang.say("contact", "fiche"),
        lang.say("campaign", "campagne"),
        lang.say("client", "client"),
        lang.say("name", "nom"),
        lang.say("numbers", "numéros"),
        lang.say("fields", "champs"),
        lang.say("calls", "appels"),
        lang.say("refusals", "refus"),
        "webhooks",
    ]);
    for contact in &held.contacts {
        let fields = contact.fields.iter().map(|(key, value)| format!("{key}: {value}"));
        sheet.add([
            contact.contact.to_string(),
            contact.campaign.clone(),
            contact.client.clone(),
            contact.name.clone().unwrap_or_default(),
            contact.numbers.join(", "),
            fields.collect::<Vec<_>>().join(", "),
            contact.calls.len().to_string(),
            contact.refusals.len().to_string(),
            contact.webhooks.len().to_string(),
        ]);
    }
    sheet
}

fn erased(erasure: &Erasure, lang: Lang) -> Sheet {
    counts(&[
        (lang.say("contacts erased", "fiches effacées"), erasure.contacts.len() as u64),
        (lang.say("numbers erased", "numéros effacés"), erasure.numbers),
        (
            lang.say("numbers other contacts need", "numéros d'autres fiches, gardés"),
            erasure.numbers_kept,
        ),
        (lang.say("calls without their notes", "appels sans leurs notes"), erasure.details),
        (lang.say("webhooks without a person", "webhooks sans la personne"), erasure.webhooks),
    ])
}

fn forgotten(told: &Forgotten, lang: Lang) -> Sheet {
    counts(&[
        (lang.say("contacts erased", "fiches effacées"), told.contacts),
        (lang.say("proofs of consents", "preuves de consentement"), told.proofs),
        (lang.say("notes of calls", "notes d'appels"), told.details),
        ("webhooks", told.webhooks),
        (lang.say("refusals by rules", "refus des règles"), told.refusals),
    ])
}

fn counts(rows: &[(&str, u64)]) -> Sheet {
    let mut sheet = Sheet::new(&["", ""]);
    for (what, count) in rows {
        sheet.add([(*what).to_owned(), count.to_string()]);
    }
    sheet
}
