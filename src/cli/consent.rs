//! `cadran consent`.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueHint};

use super::audit;
use super::client::{At, Client};
use super::dossier;
use super::failure::{Exit, Failure, Outcome};
use super::french::told;
use super::listed::{self, Country, Listed};
use super::output::{Lang, Output, Sheet, minute};
use super::{Global, wait_for};
use crate::api::consents::{ClientDossier, Dossier, Signed, Withdrawal};
use crate::api::import::Need;
use crate::api::types::ImportReport;
use crate::units::Number;

/// Record who may be called, show it and prove it.
#[derive(Debug, Subcommand)]
pub(super) enum Consent {
    /// Say whether a number may be called for a consent or a contract, and until when
    #[command(before_help = "Examples:
  cadran consent check 0612345678
  cadran consent check +33612345678 --client \"Acme Jardin\"

It is asked for calls that sell something to a consumer, now; hours, attempts and refusals are other
rules. The exit code is 0 when one of the client companies may call and 4 when none may.")]
    Check(About),
    /// Import consents: a list (CSV, or a sheet of a workbook) of numbers and days
    #[command(before_help = "Examples:
  cadran consent import consentements.csv --client \"Acme Jardin\" --dry-run
  cadran consent import consentements.csv --client \"Acme Jardin\"

Columns: the number, the day of the consent (date consentement), and where they are known source,
preuve, fin consentement, hors horaires; for a contract numéro contrat, objet contrat, fin contrat.
Rejected records go to consentements.rejets.csv beside the list. The exit code is then 8.")]
    Import(Import),
    /// Show every consent, contract and withdrawal of a number
    #[command(before_help = "Examples:
  cadran consent show +33612345678
  cadran consent show +33612345678 --json")]
    Show(About),
    /// Take back every right to call a number; at once, also while it only rings
    #[command(before_help = "Examples:
  cadran consent withdraw +33612345678 --source \"letter of 12 September\"
  cadran consent withdraw +33612345678 --client \"Acme Jardin\"

Consents and contracts given until now count no more, those imported later among them; a new one
given after now does.")]
    Withdraw(Withdraw),
    /// Write a signed file and a page to print of all that is known about a number
    #[command(before_help = "Examples:
  cadran consent prove +33612345678 --to proofs
  cadran consent prove --verify proofs/33612345678.json --key 5f1c…

Checking needs no engine; the exit code is 4 if the file was changed after it was signed, or was
signed with another key than --key, which `cadran audit key` prints. Without it only the file itself
says whose key it is.")]
    Prove(Prove),
}

/// Which number, and for whom.
#[derive(Debug, Args)]
pub(super) struct About {
    /// The number
    number: String,
    /// The country of a number without a country code, such as FR, GB or US
    #[arg(long, value_name = "COUNTRY", default_value = "FR", value_parser = listed::region)]
    region: Country,
    /// The client company [default: every one]
    #[arg(long, value_name = "NAME")]
    client: Option<String>,
}

/// Consents to be imported.
#[derive(Debug, Args)]
pub(super) struct Import {
    #[command(flatten)]
    list: Listed,
    /// The client company they were given to
    #[arg(long, value_name = "NAME")]
    client: String,
}

/// What is taken back.
#[derive(Debug, Args)]
pub(super) struct Withdraw {
    #[command(flatten)]
    about: About,
    /// Where it was said
    #[arg(long, value_name = "TEXT")]
    source: Option<String>,
}

/// What is proved.
#[derive(Debug, Args)]
pub(super) struct Prove {
    /// The number
    #[arg(required_unless_present = "verify")]
    number: Option<String>,
    /// The country of a number without a country code, such as FR, GB or US
    #[arg(long, value_name = "COUNTRY", default_value = "FR", value_parser = listed::region)]
    region: Country,
    /// The client company [default: every one]
    #[arg(long, value_name = "NAME")]
    client: Option<String>,
    /// The folder for the two files
    #[arg(long, value_name = "FOLDER", default_value = ".", value_hint = ValueHint::DirPath)]
    to: PathBuf,
    /// Check a signed file instead
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    #[arg(conflicts_with_all = ["number", "client"])]
    verify: Option<PathBuf>,
    /// The public key it must be signed with, as `cadran audit key` prints it
    #[arg(long, value_name = "KEY", requires = "verify", value_parser = audit::key)]
    key: Option<String>,
}

impl Consent {
    pub(super) fn run(self, global: &Global, output: &Output) -> Outcome {
        match self {
            Self::Check(about) => about.check(global, output),
            Self::Import(import) => import.run(global, output),
            Self::Show(about) => about.show(global, output),
            Self::Withdraw(withdraw) => withdraw.run(global, output),
            Self::Prove(prove) => prove.run(global, output),
        }
    }
}

impl About {
    fn ask(&self, global: &Global) -> Result<Dossier, Failure> {
        let number = self.region.number(&self.number)?;
        let path = At::path(["consents"])
            .with("number", Some(number.reveal()))
            .with("client", self.client.as_ref());
        wait_for(Client::open(global)?.get(&path))
    }

    fn check(self, global: &Global, output: &Output) -> Outcome {
        let dossier = self.ask(global)?;
        output.show(&dossier, |lang| checked(&dossier, lang));
        let may = dossier.clients.iter().any(|client| client.may_call);
        Ok(if may { Exit::Done } else { Exit::Refused })
    }

    fn show(self, global: &Global, output: &Output) -> Outcome {
        let dossier = self.ask(global)?;
        output.show(&dossier, |lang| history(&dossier, lang));
        Ok(Exit::Done)
    }
}

impl Import {
    fn run(self, global: &Global, output: &Output) -> Outcome {
        let mut options = self.list.source.options(global)?;
        options.need = Need::Always;
        let mapping = options.mapping.clone();
        options.mapping = options.mapping.of_consents();
        let text = self.list.source.text(output)?;
        let report = if self.list.dry_run {
            self.list.check(&text, options, global, output)?
        } else {
            let at = At::path(["clients", &self.client, "consents:import"]);
            let [checked, sent] =
                self.list.import(&text, options, (at, &mapping), global, output)?;
            ImportReport { consents_added: sent.consents_added, ..checked }
        };
        output.show(&report, |lang| listed::summary(&report, false, lang));
        self.list.advise(&report, output);
        Ok(if report.rejected > 0 { Exit::Rejects } else { Exit::Done })
    }
}

impl Withdraw {
    fn run(self, global: &Global, output: &Output) -> Outcome {
        let About { number, region, client } = self.about;
        let number = region.number(&number)?.reveal().to_owned();
        let withdrawal = Withdrawal { number, client, source: self.source };
        let client = Client::open(global)?;
        let dossier: Dossier =
            wait_for(client.post(&At::path(["consents", "withdraw"]), &withdrawal))?;
        output.show(&dossier, |lang| checked(&dossier, lang));
        Ok(Exit::Done)
    }
}

impl Prove {
    fn run(self, global: &Global, output: &Output) -> Outcome {
        if let Some(file) = &self.verify {
            return verify(file, self.key.as_deref(), output);
        }
        let number = self.number.as_deref().map(|text| self.region.number(text)).transpose()?;
        let path = At::path(["consents", "proof"])
            .with("number", number.as_ref().map(Number::reveal))
            .with("client", self.client.as_ref());
        let signed: Signed = wait_for(Client::open(global)?.get(&path))?;
        let dossier = read(&signed)?;
        let name = dossier.number.trim_start_matches('+').to_owned();
        std::fs::create_dir_all(&self.to).map_err(|error| unwritable(&self.to, &error))?;
        let text = serde_json::to_string_pretty(&signed).map_err(std::io::Error::other)? + "\n";
        let page = dossier::page(&signed, &dossier, output.lang);
        for (extension, text) in [("json", text), ("html", page)] {
            let file = self.to.join(format!("{name}.{extension}"));
            std::fs::write(&file, text).map_err(|error| unwritable(&file, &error))?;
            output.note(&format!("→ {}", file.display()));
        }
        output.show(&dossier, |lang| checked(&dossier, lang));
        Ok(Exit::Done)
    }
}

/// Checks a signed file without an engine.
fn verify(file: &Path, key: Option<&str>, output: &Output) -> Outcome {
    let wrong = |what: &dyn std::fmt::Display| {
        Failure::new(Exit::Invalid, "proof_invalid", format!("{}: {what}", file.display()))
    };
    let text = std::fs::read(file).map_err(|error| wrong(&format!("cannot be read: {error}")))?;
    let signed: Signed = serde_json::from_slice(&text).map_err(|error| wrong(&error))?;
    if !signed.is_whole() {
        let message = format!("{}: was changed after it was signed", file.display());
        return Err(Failure::new(Exit::Refused, "proof_changed", message));
    }
    let dossier = read(&signed)?;
    audit::check_key(file, &signed.signature.key, key, output)?;
    output.show(&dossier, |lang| checked(&dossier, lang));
    Ok(Exit::Done)
}

fn read(signed: &Signed) -> Result<Dossier, Failure> {
    signed.dossier().map_err(|error| Failure::new(Exit::Invalid, "proof_invalid", error))
}

fn unwritable(path: &Path, error: &std::io::Error) -> Failure {
    let message = format!("{}: cannot be written: {error}", path.display());
    Failure::new(Exit::Error, "proof_unwritable", message).hint("name another folder with --to")
}

fn checked(dossier: &Dossier, lang: Lang) -> Sheet {
    let mut sheet = Sheet::new(&[
        lang.say("client", "client"),
        lang.say("may call", "peut appeler"),
        lang.say("why", "pourquoi"),
        lang.say("law", "loi"),
        lang.say("until", "jusqu'au"),
        lang.say("out of hours", "hors horaires"),
    ]);
    for client in &dossier.clients {
        sheet.add([
            client.client.clone(),
            lang.say(
                if client.may_call { "yes" } else { "no" },
                if client.may_call { "oui" } else { "non" },
            )
            .to_owned(),
            why(client, lang),
            client.law.clone().unwrap_or_default(),
            client.until.as_deref().map(minute).unwrap_or_default(),
            if client.out_of_hours { lang.say("yes", "oui") } else { "" }.to_owned(),
        ]);
    }
    sheet
}

/// Says what gives the right, or what denies it.
pub(super) fn why(client: &ClientDossier, lang: Lang) -> String {
    match (&client.rule, client.basis.as_deref(), &client.law) {
        (Some(rule), ..) => told(rule, lang),
        (None, Some("contract"), _) => lang.say("a contract", "un contrat").to_owned(),
        (None, Some(_), _) => lang.say("a consent", "un consentement").to_owned(),
        (None, None, _) => lang
            .say("no law asks for a consent there", "aucune loi n'y exige de consentement")
            .to_owned(),
    }
}

fn history(dossier: &Dossier, lang: Lang) -> Sheet {
    let mut sheet = Sheet::new(&[
        lang.say("client", "client"),
        lang.say("what", "quoi"),
        lang.say("given", "donné le"),
        lang.say("ends", "fin"),
        lang.say("taken back", "retiré le"),
        "source",
        lang.say("proof", "preuve"),
    ]);
    let at = |text: &Option<String>| text.as_deref().map(minute).unwrap_or_default();
    for client in &dossier.clients {
        for right in &client.rights {
            let mut what = told(&right.basis, lang);
            for part in [&right.contract, &right.object, &right.scope].into_iter().flatten() {
                what = format!("{what}, {part}");
            }
            if right.out_of_hours {
                what = format!("{what}, {}", lang.say("out of hours too", "hors horaires aussi"));
            }
            sheet.add([
                client.client.clone(),
                what,
                at(&right.obtained_at),
                at(&right.expires_at),
                at(&right.withdrawn_at),
                right.source.clone().unwrap_or_default(),
                right.proof.clone(),
            ]);
        }
        let said = [
            (&client.withdrawals, lang.say("taken back", "retrait")),
            (&client.opt_outs, lang.say("do not call", "ne pas appeler")),
        ];
        for (said, what) in
            said.into_iter().flat_map(|(all, what)| all.iter().map(move |s| (s, what)))
        {
            let at = minute(&said.at);
            let empty = String::new;
            let (client, what) = (client.client.clone(), what.to_owned());
            sheet.add([client, what, at, empty(), empty(), said.source.clone(), empty()]);
        }
    }
    sheet
}
