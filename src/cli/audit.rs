//! `cadran audit`.

use std::fs::File;
use std::io::{BufReader, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueHint};
use serde::Serialize;

use super::failure::{Exit, Failure, Outcome};
use super::listed::{self, Country};
use super::output::{Lang, Output, Sheet, moment};
use super::{Global, wait_for};
use crate::config::Config;
use crate::engine::boot::store_place;
use crate::store::audit::{self, About, AuditRecord, Auditor, Fault, Flaw, Resumed, Verdict};
use crate::store::proof::public_key;
use crate::store::{Fault as Blame, StoreError};
use crate::units::{CallId, ContactId, Wall};

/// Starts over unsigned records shown to people: the latest.
const STARTS_SHOWN: usize = 10;

/// Verify, show and hand out the chain of what was done under the law.
#[derive(Debug, Subcommand)]
pub(super) enum Audit {
    /// Verify the chain of this database, or a file that was handed out
    #[command(before_help = "Examples:
  cadran audit verify
  cadran audit verify chain.jsonl --key 5f1c…

The database is read beside a running engine or without one; a file needs neither. What was changed,
removed or added is named record by record, and the exit code is then 4. Records after the last
signature, made every minute and at the stop, could be cut off without a trace: they are told. So
is each start over records that nobody had signed: a crash leaves some, and so does who rewrites
them.")]
    Verify(Verify),
    /// Write the chain as a file that anybody can verify
    #[command(before_help = "Examples:
  cadran audit export chain.jsonl
  cadran audit verify chain.jsonl --key $(cadran audit key)")]
    Export {
        /// The file, JSON lines; an older one is replaced
        #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
        file: PathBuf,
    },
    /// Show records of the chain: attempts with what decided them, refusals, rights, wishes
    #[command(before_help = "Examples:
  cadran audit show --last 20
  cadran audit show --call 42
  cadran audit show --contact 1007
  cadran audit show --number +33612345678 --json")]
    Show(Show),
    /// Print the public key of this database, to pin what it signs
    #[command(before_help = "Examples:
  cadran audit key
  cadran consent prove --verify proofs/33612345678.json --key $(cadran audit key)

Keep it where an inspector finds it, apart from the files. It needs no engine.")]
    Key,
}

/// What is verified.
#[derive(Debug, Args)]
pub(super) struct Verify {
    /// A file of `cadran audit export` [default: this database]
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    file: Option<PathBuf>,
    /// The public key it must be signed with, as `cadran audit key` prints it
    #[arg(long, value_name = "KEY", value_parser = key)]
    key: Option<String>,
}

/// Which records.
#[derive(Debug, Args)]
pub(super) struct Show {
    /// The record in this place
    #[arg(value_name = "RECORD", conflicts_with_all = ["call", "contact", "number"])]
    record: Option<i64>,
    /// Of this call
    #[arg(long, value_name = "CALL", conflicts_with_all = ["contact", "number"])]
    call: Option<u64>,
    /// Of this contact and its calls
    #[arg(long, value_name = "CONTACT", conflicts_with = "number")]
    contact: Option<u64>,
    /// Of this number: calls, consents, what was taken back, wishes
    #[arg(long, value_name = "NUMBER")]
    number: Option<String>,
    /// The country of a number without a country code, such as FR, GB or US
    #[arg(long, value_name = "COUNTRY", default_value = "FR", value_parser = listed::region)]
    region: Country,
    /// How many at most, the latest
    #[arg(long, value_name = "COUNT", default_value_t = 20)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=100_000))]
    last: u32,
}

/// Reads a public key.
pub(super) fn key(text: &str) -> Result<String, String> {
    public_key(text).ok_or_else(|| {
        "is no public key: give the 64 hexadecimal digits that `cadran audit key` prints".to_owned()
    })
}

/// Compares the key a file was signed with with the one it must be; says which one it is, and that
/// nothing tells whose if none was given.
///
/// # Errors
/// It is another.
pub(super) fn check_key(
    file: &Path,
    signed: &str,
    wanted: Option<&str>,
    output: &Output,
) -> Result<(), Failure> {
    if wanted.is_some_and(|wanted| wanted != signed) {
        let message = format!("{}: was signed with another key", file.display());
        return Err(Failure::new(Exit::Refused, "key_differs", message).hint(
            "`cadran audit key` prints that of a database; ask whoever gave the file which it is",
        ));
    }
    let said = output.lang.say("signed by the key", "signé par la clé");
    output.note(&format!("{said} {signed}"));
    if wanted.is_none() {
        output.warn(
            "that key is named by the file alone, which whoever forged it could do too: give \
             the one of `cadran audit key` with --key",
        );
    }
    Ok(())
}

impl Audit {
    pub(super) fn run(self, global: &Global, output: &Output) -> Outcome {
        match self {
            Self::Verify(verify) => verify.run(global, output),
            Self::Export { file } => export(&file, global, output),
            Self::Show(show) => show.run(global, output),
            Self::Key => {
                let config = Config::load_engine(&global.config_path())?;
                let key = audit::key_of(&config.store.key_file).map_err(unread)?;
                output.show(&serde_json::json!({ "key": key }), |_| {
                    let mut sheet = Sheet::new(&[""]);
                    sheet.add([key.clone()]);
                    sheet
                });
                Ok(Exit::Done)
            }
        }
    }
}

/// Opens the chain of the configured database.
async fn open(config: &Config) -> Result<Auditor, Failure> {
    let place = store_place(&config.store.database)
        .map_err(|error| Failure::new(Exit::Invalid, "secret_missing", error))?;
    Auditor::open(&place, &config.store.key_file).await.map_err(unread)
}

fn unread(error: StoreError) -> Failure {
    let exit = match error.fault() {
        Blame::Caller => Exit::NotFound,
        Blame::Operator | Blame::Us => Exit::Error,
    };
    Failure::new(exit, "audit_unreadable", error)
}

/// What a verification found, as `--json` gives it.
#[derive(Serialize)]
struct Found {
    sound: bool,
    records: u64,
    from: Option<String>,
    to: Option<String>,
    signatures: u64,
    /// The last record that a signature covers.
    signed: i64,
    /// Records after it, which could be cut off without a trace.
    unsigned: i64,
    /// Starts over records that nobody had signed; the latest thousand follow.
    resumes: u64,
    resumed: Vec<Start>,
    /// Rows compared; `None` for a file.
    rows: Option<u64>,
    key: String,
    /// Whether the key was given, or read from the key file, and not just named by the file.
    key_pinned: bool,
    /// How much is wrong; the first thousand follow.
    faulty: u64,
    faults: Vec<Wrong>,
}

/// A start over records that nobody had signed.
#[derive(Serialize)]
struct Start {
    /// The record of it.
    record: i64,
    at: String,
    /// What was not signed.
    first: i64,
    last: i64,
    /// When the earliest and the latest of it happened.
    since: Option<String>,
    until: Option<String>,
}

impl Start {
    fn of(resumed: &Resumed) -> Self {
        let said = |at: i64| Wall::micros(at).to_string();
        let (since, until) = resumed.tail.span.unzip();
        Self {
            record: resumed.seq,
            at: said(resumed.at),
            first: resumed.tail.first,
            last: resumed.tail.last,
            since: since.map(said),
            until: until.map(said),
        }
    }

    fn told(&self, lang: Lang) -> String {
        let Self { record, first, last, .. } = self;
        match lang {
            Lang::En => format!("{record}: over {first} to {last}, signed by nobody before"),
            Lang::Fr => format!("{record} : sur {first} à {last}, signés par personne avant"),
        }
    }
}

/// Something wrong.
#[derive(Serialize)]
struct Wrong {
    /// The record, or the first of several.
    record: i64,
    /// `missing`, `order`, `changed`, `signature`, `unsigned`, `row`, `untold`, `line`, `cut` or
    /// `key`.
    what: &'static str,
    /// The last record of several.
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<i64>,
    /// The table of a row that no record speaks of.
    #[serde(skip_serializing_if = "Option::is_none")]
    table: Option<&'static str>,
    /// The key of that row.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<i64>,
    /// The line of the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u64>,
    #[serde(skip)]
    said: (String, String),
}

impl Verify {
    fn run(self, global: &Global, output: &Output) -> Outcome {
        let (verdict, pinned) = match &self.file {
            Some(file) => {
                let unreadable = |error: std::io::Error| {
                    let message = format!("{}: cannot be read: {error}", file.display());
                    Failure::new(Exit::Invalid, "audit_unreadable", message)
                };
                let opened = File::open(file).map_err(unreadable)?;
                let key = self.key.as_deref();
                let found = audit::verify_file(BufReader::new(opened), key).map_err(unreadable)?;
                (found, key.is_some())
            }
            None => (self.database(global)?, true),
        };
        let found = Found::of(&verdict, pinned, self.file.is_none());
        output.show(&found, |lang| sheet(&found, lang));
        if !pinned {
            output.warn(
                "that key is named by the file alone, which whoever forged it could do too: give \
                 the one of `cadran audit key` with --key",
            );
        }
        Ok(if found.sound { Exit::Done } else { Exit::Refused })
    }

    fn database(&self, global: &Global) -> Result<Verdict, Failure> {
        let config = Config::load_engine(&global.config_path())?;
        wait_for(async {
            let mut auditor = open(&config).await?;
            let own = auditor.key();
            if self.key.as_ref().is_some_and(|key| *key != own) {
                let message = "the key file of this database makes another key than the one given";
                return Err(Failure::new(Exit::Refused, "key_differs", message));
            }
            auditor.verify().await.map_err(unread)
        })
    }
}

impl Found {
    fn of(verdict: &Verdict, key_pinned: bool, rows: bool) -> Self {
        let said = |at: i64| Wall::micros(at).to_string();
        Self {
            sound: verdict.is_sound(),
            records: verdict.records,
            from: verdict.span.map(|(first, _)| said(first)),
            to: verdict.span.map(|(_, last)| said(last)),
            signatures: verdict.heads,
            signed: verdict.signed,
            unsigned: verdict.last - verdict.signed,
            resumes: verdict.resumes,
            resumed: verdict.resumed.iter().map(Start::of).collect(),
            rows: rows.then_some(verdict.rows),
            key: verdict.key.clone(),
            key_pinned,
            faulty: verdict.faulty,
            faults: verdict.faults.iter().map(Wrong::of).collect(),
        }
    }
}

impl Wrong {
    fn of(fault: &Fault) -> Self {
        let record = fault.seq;
        let mut wrong = Self {
            record,
            what: "",
            until: None,
            table: None,
            id: None,
            line: None,
            said: (String::new(), String::new()),
        };
        let (what, en, fr) = match fault.flaw {
            Flaw::Missing(until) => {
                wrong.until = Some(until);
                ("missing", format!("missing up to {until}"), format!("absent jusqu'à {until}"))
            }
            Flaw::Order => ("order", "out of order".into(), "pas à sa place".into()),
            Flaw::Changed => ("changed", "changed".into(), "modifié".into()),
            Flaw::Signature(since) => (
                "signature",
                format!("no right signature over the chain since {since}"),
                format!("pas de signature juste sur la chaîne depuis {since}"),
            ),
            Flaw::Unsigned(until) => {
                wrong.until = Some(until);
                let en = format!("unsigned up to {until}: more than a crash leaves");
                let fr = "plus qu'un arrêt brutal n'en laisse";
                ("unsigned", en, format!("sans signature jusqu'à {until} : {fr}"))
            }
            Flaw::Row => (
                "row",
                "its row says otherwise or is gone".into(),
                "sa ligne en base dit autre chose ou a disparu".into(),
            ),
            Flaw::Untold(table, id) => {
                (wrong.table, wrong.id) = (Some(table), Some(id));
                let en = format!("no record speaks of row {id} of {table}");
                ("untold", en, format!("aucun enregistrement de la ligne {id} de {table}"))
            }
            Flaw::Line(line) => {
                wrong.line = Some(line);
                let en = format!("line {line} of the file was changed");
                ("line", en, format!("ligne {line} du fichier modifiée"))
            }
            Flaw::Cut(until) => {
                wrong.until = Some(until);
                let fr = format!("le fichier est coupé : il allait jusqu'à {until}");
                ("cut", format!("the file is cut: it went on to {until}"), fr)
            }
            Flaw::Key => {
                ("key", "signed with another key".into(), "signé avec une autre clé".into())
            }
        };
        Self { what, said: (en, fr), ..wrong }
    }
}

fn sheet(found: &Found, lang: Lang) -> Sheet {
    let mut sheet = Sheet::new(&["", ""]);
    let mut line = |en: &'static str, fr: &'static str, value: String| {
        sheet.add([lang.say(en, fr).to_owned(), value]);
    };
    let at = |text: &Option<String>| {
        text.as_deref().map(|text| moment(text, "%Y-%m-%d %H:%M:%S %Z")).unwrap_or_default()
    };
    let verdict = match (found.sound, lang) {
        (true, Lang::En) => "nothing was changed".to_owned(),
        (true, Lang::Fr) => "rien n'a été modifié".to_owned(),
        (false, Lang::En) => format!("{} faults", found.faulty),
        (false, Lang::Fr) => format!("{} anomalies", found.faulty),
    };
    line("verdict", "verdict", verdict);
    line("records", "enregistrements", found.records.to_string());
    line("from", "du", at(&found.from));
    line("to", "au", at(&found.to));
    if let Some(rows) = found.rows {
        line("rows compared", "lignes comparées", rows.to_string());
    }
    line("signatures", "signatures", found.signatures.to_string());
    line("signed up to record", "signé jusqu'à", found.signed.to_string());
    if found.unsigned > 0 {
        let what = lang.say(
            "not signed yet: that none is missing behind them cannot be told",
            "pas encore signés : rien ne dit qu'il n'en manque pas après eux",
        );
        line("records after it", "enregistrements après", format!("{} ({what})", found.unsigned));
    }
    line("key", "clé", found.key.clone());
    if found.resumes > 0 {
        let what = lang.say(
            "over records not signed yet: a crash leaves some, and so does who rewrites them",
            "sur des enregistrements non signés : un arrêt brutal en laisse, une réécriture aussi",
        );
        line("starts", "démarrages", format!("{} ({what})", found.resumes));
    }
    for start in found.resumed.iter().rev().take(STARTS_SHOWN).rev() {
        line("start", "démarrage", start.told(lang));
    }
    for wrong in &found.faults {
        let (en, fr) = &wrong.said;
        line("record", "enregistrement", format!("{}: {}", wrong.record, lang.say(en, fr)));
    }
    sheet
}

fn export(file: &Path, global: &Global, output: &Output) -> Outcome {
    let config = Config::load_engine(&global.config_path())?;
    let unwritable = |error: std::io::Error| {
        let message = format!("{}: cannot be written: {error}", file.display());
        Failure::new(Exit::Error, "audit_unwritable", message)
    };
    let (records, key) = wait_for(async {
        let mut auditor = open(&config).await?;
        let mut out = BufWriter::new(File::create(file).map_err(unwritable)?);
        let records = auditor.export(&mut out).await.map_err(unread)?;
        out.flush().map_err(unwritable)?;
        Ok((records, auditor.key()))
    })?;
    let written = serde_json::json!({ "file": file, "records": records, "key": key });
    output.show(&written, |lang| {
        let mut sheet = Sheet::new(&["", ""]);
        sheet.add([lang.say("records", "enregistrements").to_owned(), records.to_string()]);
        sheet.add([lang.say("file", "fichier").to_owned(), file.display().to_string()]);
        sheet.add([lang.say("key", "clé").to_owned(), key.clone()]);
        sheet
    });
    Ok(Exit::Done)
}

/// A record as `--json` gives it.
#[derive(Serialize)]
struct Shown {
    record: i64,
    at: String,
    kind: String,
    subject: i64,
    said: serde_json::Value,
    hash: String,
}

impl Shown {
    fn of(record: AuditRecord) -> Self {
        Self {
            record: record.seq,
            at: record.moment().to_string(),
            kind: record.kind,
            subject: record.subject,
            said: serde_json::from_str(&record.said).unwrap_or_else(|_| record.said.into()),
            hash: record.hash,
        }
    }
}

impl Show {
    fn about(&self) -> Result<About, Failure> {
        let number = self.number.as_deref().map(|text| self.region.number(text)).transpose()?;
        Ok(match (self.record, self.call, self.contact, number) {
            (Some(seq), ..) => About::Place(seq),
            (_, Some(call), ..) => About::Call(CallId(call)),
            (_, _, Some(contact), _) => About::Contact(ContactId(contact)),
            (.., Some(number)) => About::Number(number),
            _ => About::Latest,
        })
    }

    fn run(self, global: &Global, output: &Output) -> Outcome {
        let (about, config) = (self.about()?, Config::load_engine(&global.config_path())?);
        let mut records = wait_for(async {
            open(&config).await?.records(&about, self.last).await.map_err(unread)
        })?;
        records.reverse();
        if records.is_empty() {
            let none = "the audit chain has no record of that";
            return Err(Failure::new(Exit::NotFound, "no_records", none));
        }
        let shown: Vec<Shown> = records.into_iter().map(Shown::of).collect();
        output.show(&shown, |lang| {
            let mut sheet = Sheet::new(&[
                lang.say("record", "enregistrement"),
                lang.say("at", "date"),
                lang.say("kind", "nature"),
                lang.say("of", "de"),
                lang.say("says", "contenu"),
            ]);
            for row in &shown {
                let at = moment(&row.at, "%Y-%m-%d %H:%M:%S");
                let (record, of) = (row.record.to_string(), row.subject.to_string());
                sheet.add([record, at, row.kind.clone(), of, row.said.to_string()]);
            }
            sheet
        });
        Ok(Exit::Done)
    }
}
