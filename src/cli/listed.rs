//! A list on its way into the engine: read, checked, its rejects written, sent.

use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::path::{Path, PathBuf};

use clap::{Args, ValueHint};
use sha2::{Digest, Sha256};

use super::client::{At, Client};
use super::failure::{Exit, Failure};
use super::french::told;
use super::output::{Lang, Output, Sheet};
use super::{Global, columns, wait_for};
use crate::api::import::{self, Encoding, Mapping, NotAList, Options, Reason, RejectsFile, Row};
use crate::api::types::{ImportReport, Rejected};
use crate::api::{Bytes, LIST_BYTES_MAX};
use crate::config::encoding::Foreign;
use crate::engine::clock::Clock;
use crate::store::hex;
use crate::units::{Number, Zone};
use crate::watch::decimal;

/// From one invalid number in so many records on, the country is doubted: mistyped numbers are a
/// few in a hundred, those of another country nearly all.
const DOUBT_SHARE: u64 = 5;

/// Files of rejects kept beside one list: whoever has more has lost sight of them.
const REJECTS_FILES_MAX: u32 = 99;

/// A list, and how it is to be read.
#[derive(Debug, Args)]
pub(super) struct Source {
    /// The list; `-` reads standard input
    #[arg(value_hint = ValueHint::FilePath)]
    pub(super) file: PathBuf,
    /// The sheet of a workbook [default: the first]
    #[arg(long, value_name = "NAME")]
    sheet: Option<String>,
    /// What columns mean: a name of `cadran list map`, or a file, which is made if it is not there
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    columns: Option<PathBuf>,
    /// The country of numbers without a country code, such as FR, GB or US
    #[arg(long, value_name = "COUNTRY", default_value = "FR", value_parser = region)]
    region: Country,
    /// The time zone of numbers that tell none, such as +1 850, where the record names none either
    #[arg(long, value_parser = Zone::new)]
    zone: Option<Zone>,
}

/// A list to be imported.
#[derive(Debug, Args)]
pub(super) struct Listed {
    #[command(flatten)]
    pub(super) source: Source,
    /// Check only: nothing is imported
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Where rejected records go [default: beside the list, as NAME.rejets.csv]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    rejects: Option<PathBuf>,
}

/// A country with the code it was named by.
#[derive(Clone, Debug)]
pub(super) struct Country {
    pub(super) code: String,
    pub(super) region: import::Region,
}

/// Finds a country by its code.
pub(super) fn region(code: &str) -> Result<Country, String> {
    let region = import::region(code);
    let region = region.ok_or_else(|| {
        let known = import::regions().join(" ");
        format!("{code:?} is no country with telephone numbers; those are {known}")
    })?;
    Ok(Country { code: code.to_owned(), region })
}

impl Country {
    /// Reads a number as a list may have it; without a country code it is of this country.
    ///
    /// # Errors
    /// It is no number.
    pub(super) fn number(&self, text: &str) -> Result<Number, Failure> {
        import::number(text, self.region).ok_or_else(|| {
            let message = format!("{text:?} is no telephone number");
            let failure = Failure::new(Exit::Invalid, "number_invalid", message);
            failure.hint("write it as +33639981234")
        })
    }
}

/// A list's text, and where it comes from.
pub(super) struct Text {
    pub(super) csv: Bytes,
    /// SHA-256 of the file as it is, in hexadecimal.
    sha256: String,
    pub(super) encoding: Encoding,
    pub(super) sheet: Option<String>,
}

impl Source {
    /// Gives the file that says what columns mean, if one is named.
    fn mapping(&self, global: &Global) -> Result<Option<PathBuf>, Failure> {
        self.columns.as_deref().map(|named| columns::named(named, global)).transpose()
    }

    /// Says how the list is read, as far as the command line tells it.
    pub(super) fn options(&self, global: &Global) -> Result<Options, Failure> {
        let mapping = self.mapping(global)?;
        let mapping = mapping.as_deref().map(columns::read).transpose()?.unwrap_or_default();
        let (region, zone) = (self.region.region, self.zone.clone());
        let at = Some(Clock::start().now().wall);
        Ok(Options { region, zone, mapping, at, ..Options::default() })
    }

    /// Gives the list's text in UTF-8, and how it was written: where that is a guess, says so.
    pub(super) fn text(&self, output: &Output) -> Result<Text, Failure> {
        let bytes = read_list(&self.file)?;
        let sha256 = hex(&Sha256::digest(&bytes));
        let encoding = match Encoding::of(&bytes) {
            Err(Foreign::Workbook) => return self.sheet(&bytes, sha256, output),
            encoding => encoding.map_err(|error| no_list(&NotAList::Foreign(error)))?,
        };
        if matches!(encoding, Encoding::OneByte(_)) {
            let said = output.lang.say(
                "{file} is not UTF-8 and was read as {name}: look whether accented names are right",
                "{file} n'est pas en UTF-8 et a été lu comme {name} : vérifiez les noms accentués",
            );
            let said = said.replace("{file}", &self.file.display().to_string());
            output.warn(&said.replace("{name}", encoding.name()));
        }
        Ok(Text { csv: encoding.decode(bytes).into(), sha256, encoding, sheet: None })
    }

    /// Gives the text of a workbook's sheet; where there are others, says so.
    fn sheet(&self, bytes: &[u8], sha256: String, output: &Output) -> Result<Text, Failure> {
        let read = import::Sheet::read(bytes, self.sheet.as_deref());
        let sheet = read.map_err(|error| {
            let message = format!("{}: {error}", self.file.display());
            Failure::new(Exit::Invalid, "list_invalid", message)
        })?;
        if self.sheet.is_none() && !sheet.others.is_empty() {
            let said = output.lang.say(
                "the sheet {name} was read; there are also: {others} (choose with --sheet)",
                "la feuille {name} a été lue ; il y a aussi : {others} (choisissez par --sheet)",
            );
            let said = said.replace("{others}", &sheet.others.join(", "));
            output.warn(&said.replace("{name}", &sheet.name));
        }
        let encoding = Encoding::Workbook;
        Ok(Text { csv: sheet.csv.into(), sha256, encoding, sheet: Some(sheet.name) })
    }

    /// Says what of it is doubtful.
    pub(super) fn doubt(&self, report: &ImportReport, output: &Output) {
        self.doubt_region(report, output);
        self.doubt_zone(report, output);
        doubt_persons(report, output);
    }

    /// Asks whether the list comes from another country when many of its numbers are none.
    fn doubt_region(&self, report: &ImportReport, output: &Output) {
        let doubtful = |code: &str| Reason::of_code(code).is_some_and(Reason::doubts_the_country);
        let doubtful = report.reasons.iter().filter(|(code, _)| doubtful(code));
        let invalid: u64 = doubtful.map(|(_, count)| count).sum();
        if invalid == 0 || invalid * DOUBT_SHARE < report.rows {
            return;
        }
        let said = output.lang.say(
            "{invalid} of {rows} records have no number of {region}: if the list comes from \
             another country, name it, such as --region GB or --region US",
            "{invalid} fiches sur {rows} n'ont pas de numéro de {region} : si la liste vient d'un \
             autre pays, nommez-le, par ex. --region GB ou --region US",
        );
        let said = said.replace("{invalid}", &invalid.to_string());
        let said = said.replace("{rows}", &report.rows.to_string());
        output.warn(&said.replace("{region}", &self.region.code));
    }

    /// Says whose clock is only that named for the whole list: a wrong one makes telephones ring at
    /// night.
    fn doubt_zone(&self, report: &ImportReport, output: &Output) {
        let Some(zone) = self.zone.as_ref().filter(|_| report.zones_supposed > 0) else { return };
        let said = output.lang.say(
            "{count} records have a number that does not tell its time zone, and will be called by \
             {zone} because of --zone: if they do not all live there, add a column zone",
            "{count} fiches ont un numéro qui ne dit pas son fuseau, et seront appelées à l'heure \
             de {zone} à cause de --zone : si toutes n'y vivent pas, ajoutez une colonne zone",
        );
        let said = said.replace("{count}", &report.zones_supposed.to_string());
        output.warn(&said.replace("{zone}", zone.name()));
    }
}

impl Listed {
    /// Says what else to do or to know.
    pub(super) fn advise(&self, report: &ImportReport, output: &Output) {
        self.source.doubt(report, output);
        if report.ids_taken > 0 {
            let said = output.lang.say(
                "{count} records were left out because the campaign has their reference with \
                 other numbers: if references only count the lines of a file, have that column \
                 ignored (\"TITLE\" = \"ignored\" in a file for --columns)",
                "{count} fiches ont été écartées parce que la campagne a leur référence avec \
                 d'autres numéros : si elle ne fait que numéroter les lignes d'un fichier, faites \
                 ignorer cette colonne (\"TITRE\" = \"ignored\" dans un fichier pour --columns)",
            );
            output.warn(&said.replace("{count}", &report.ids_taken.to_string()));
        }
        if report.elsewhere > 0 {
            let said = output.lang.say(
                "{count} records were left out because another live campaign of the client has to \
                 call them: --elsewhere imports them too",
                "{count} fiches ont été écartées parce qu'une autre campagne en cours du même \
                 client doit les appeler : --elsewhere les importe aussi",
            );
            output.warn(&said.replace("{count}", &report.elsewhere.to_string()));
        }
        if self.dry_run {
            output.note(output.lang.say(
                "Nothing was imported: run it again without --dry-run.",
                "Rien n'a été importé : relancez sans --dry-run.",
            ));
        }
    }

    /// Reads the whole list, writes the file of rejects and, if asked, what the columns mean.
    pub(super) fn check(
        &self,
        text: &Text,
        options: Options,
        global: &Global,
        output: &Output,
    ) -> Result<ImportReport, Failure> {
        let clock = Clock::start();
        let csv = &*text.csv;
        let bar = output.progress(u64::try_from(csv.len()).ok(), "CSV");
        let watched = BufReader::new(bar.wrap_read(csv));
        let mut list = import::List::open(watched, options).map_err(|error| no_list(&error))?;
        let mut kept = Vec::new();
        let mut rejects = RejectsFile::new(&mut kept, &list.dialect())?;
        while let Some(row) = list.next_row()? {
            if let Row::Reject(reject) = row {
                rejects.add(&reject)?;
            }
        }
        rejects.finish()?;
        bar.finish_and_clear();
        let report = list.report();
        if report.rejected > 0 {
            let said = output.lang.say("rejected records", "fiches rejetées");
            let path = self.keep_rejects(&text.encoding.encode(&kept))?;
            output.note(&format!("{said} → {}", path.display()));
        }
        if let Some(path) = self.source.mapping(global)?
            && columns::write(&path, &report.columns)?
        {
            let said = output.lang.say("meanings of the columns", "sens des colonnes");
            output.note(&format!("{said} → {}", path.display()));
        }
        Ok(ImportReport {
            file: self.source.file.display().to_string(),
            dry_run: self.dry_run,
            encoding: text.encoding.name().to_owned(),
            sheet: text.sheet.clone(),
            seconds: clock.mono().since(crate::units::Mono::START).as_secs_f64(),
            ..report
        })
    }

    /// Sends the list to a resource of the engine, which reads it with the same eyes and takes in
    /// what is importable, and checks it meanwhile; gives what each found, the check first.
    pub(super) fn import(
        &self,
        text: &Text,
        options: Options,
        (at, mapping): (At<'_>, &Mapping),
        global: &Global,
        output: &Output,
    ) -> Result<[ImportReport; 2], Failure> {
        let (clock, client) = (Clock::start(), Client::open(global)?);
        let name = self.source.file.file_name().map(|name| name.to_string_lossy().into_owned());
        let columns = (!mapping.is_empty()).then(|| serde_json::json!(mapping));
        let at = at
            .with("file", name)
            .with("region", Some(&self.source.region.code))
            .with("zone", self.source.zone.as_ref().map(Zone::name))
            .with("columns", columns)
            .with("original", Some(&text.sha256));
        let [checked, sent] = std::thread::scope(|scope| {
            let sent = scope.spawn(|| wait_for(client.send(&at, text.csv.clone())));
            let checked = self.check(text, options, global, output);
            let bar = output.progress(None, output.lang.say("importing", "import"));
            let sent = sent.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            bar.finish_and_clear();
            [checked, sent]
        });
        // What was sent is in, whatever became of the check.
        let checked = checked.map_err(|failure| match &sent {
            Ok(sent) => failure.hint(format!(
                "mend that and import the list again: {} of its records are in already, and are \
                 not taken twice",
                sent.importable
            )),
            Err(_) => failure,
        })?;
        let seconds = clock.mono().since(crate::units::Mono::START).as_secs_f64();
        Ok([ImportReport { seconds, ..checked }, sent?])
    }

    /// Writes the rejects where they were asked for, or beside the list; a file that holds others,
    /// mended by now perhaps, is left alone and the next name taken.
    fn keep_rejects(&self, text: &[u8]) -> Result<PathBuf, Failure> {
        if let Some(path) = &self.rejects {
            std::fs::write(path, text).map_err(|error| cannot_write(path, &error))?;
            return Ok(path.clone());
        }
        let file = &self.source.file;
        let list = if file == Path::new("-") { Path::new("liste") } else { file };
        for nth in 1..=REJECTS_FILES_MAX {
            let path = match nth {
                1 => list.with_extension("rejets.csv"),
                _ => list.with_extension(format!("rejets-{nth}.csv")),
            };
            match File::create_new(&path).and_then(|mut file| file.write_all(text)) {
                Ok(()) => return Ok(path),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    if std::fs::read(&path).is_ok_and(|kept| kept == text) {
                        return Ok(path);
                    }
                }
                Err(error) => return Err(cannot_write(&path, &error)),
            }
        }
        let full = io::Error::other("there are too many files of rejects of this list");
        Err(cannot_write(&list.with_extension("rejets.csv"), &full))
    }
}

/// Reads a list into memory, up to what the engine takes.
fn read_list(path: &Path) -> Result<Vec<u8>, Failure> {
    let limit = u64::try_from(LIST_BYTES_MAX).unwrap_or(u64::MAX);
    let mut bytes = Vec::new();
    let read = if path == Path::new("-") {
        io::stdin().lock().take(limit + 1).read_to_end(&mut bytes)
    } else {
        File::open(path).and_then(|file| file.take(limit + 1).read_to_end(&mut bytes))
    };
    read.map_err(|error| {
        let message = format!("{}: cannot be read: {error}", path.display());
        Failure::new(Exit::Invalid, "list_unreadable", message)
    })?;
    if bytes.len() > LIST_BYTES_MAX {
        let message = format!("{}: is larger than 256 MB", path.display());
        let hint = "split it; importing the same contact twice adds nothing";
        return Err(Failure::new(Exit::Invalid, "list_too_large", message).hint(hint));
    }
    Ok(bytes)
}

/// Makes the failure of a file that is no list.
pub(super) fn no_list(error: &NotAList) -> Failure {
    let failure = Failure::new(Exit::Invalid, "list_invalid", error);
    if matches!(error, NotAList::NoPhone(_)) {
        return failure.hint(
            "or name a file with --columns that has the lines [columns] and \"TITLE\" = \"phone\"",
        );
    }
    failure
}

fn cannot_write(path: &Path, error: &io::Error) -> Failure {
    let message = format!("{}: cannot be written: {error}", path.display());
    Failure::new(Exit::Error, "rejects_unwritable", message)
        .hint("name another file with --rejects")
}

/// Gives the text of a list in UTF-8, of a workbook that of its first sheet.
pub(super) fn plain_text(path: &Path) -> Result<Vec<u8>, Failure> {
    let bytes = read_list(path)?;
    match Encoding::of(&bytes) {
        Err(Foreign::Workbook) => {
            let read = import::Sheet::read(&bytes, None);
            read.map(|sheet| sheet.csv).map_err(|error| {
                let message = format!("{}: {error}", path.display());
                Failure::new(Exit::Invalid, "list_invalid", message)
            })
        }
        Err(foreign) => Err(no_list(&NotAList::Foreign(foreign))),
        Ok(encoding) => Ok(encoding.decode(bytes)),
    }
}

/// Tells what became of a list, of contacts or of consents alone.
pub(super) fn summary(report: &ImportReport, contacts: bool, lang: Lang) -> Sheet {
    let mut sheet = read_summary(report, lang);
    let mut line = |english: &str, french: &str, value: String| {
        sheet.add([lang.say(english, french).to_owned(), value]);
    };
    let count = report.consents_added.to_string();
    if report.consents_added > 0 && report.consents_over > 0 {
        line("rights recorded, those over too", "droits enregistrés, échus compris", count);
    } else if report.consents_added > 0 {
        line("rights recorded", "droits enregistrés", count);
    }
    if contacts && !report.dry_run {
        line("added", "ajoutées", report.added.to_string());
        line("known already", "déjà connues", report.known.to_string());
        if report.elsewhere > 0 {
            let count = report.elsewhere.to_string();
            line("in another campaign", "dans une autre campagne", count);
        }
        line("do not call", "ne pas appeler", report.do_not_call.to_string());
    }
    line("seconds", "secondes", decimal(report.seconds, 1, lang));
    sheet
}

/// Tells how a list was read.
pub(super) fn read_summary(report: &ImportReport, lang: Lang) -> Sheet {
    let mut sheet = Sheet::new(&["", ""]);
    let mut line = |english: &str, french: &str, value: String| {
        sheet.add([lang.say(english, french).to_owned(), value]);
    };
    let sign = if report.delimiter == "\t" { "tab" } else { &report.delimiter };
    let written = report.sheet.clone().unwrap_or_else(|| told(sign, lang));
    line("file", "fichier", format!("{}  {written}", told(&report.encoding, lang)));
    for (title, meaning) in &report.columns {
        line("column", "colonne", format!("{title} → {meaning}"));
    }
    line("records", "fiches", report.rows.to_string());
    if report.blank > 0 {
        line("blank", "vides", report.blank.to_string());
    }
    line("importable", "importables", report.importable.to_string());
    line("  of which repaired", "  dont réparées", report.repaired.to_string());
    if report.numbers_left_out > 0 {
        let count = report.numbers_left_out.to_string();
        line("  of which a number was left out", "  dont un numéro écarté", count);
    }
    if report.consents > 0 {
        line(
            "  of which with a right to call",
            "  dont avec droit d'appel",
            report.consents.to_string(),
        );
    }
    if report.consents_over > 0 {
        line(
            "  of which with a right that is over",
            "  dont avec un droit échu",
            report.consents_over.to_string(),
        );
    }
    for (reason, count) in &report.consents_unusable {
        line("  of which without it", "  dont sans", format!("{count} {}", told(reason, lang)));
    }
    line("rejected", "rejetées", report.rejected.to_string());
    for (reason, count) in &report.reasons {
        line("  ", "  ", format!("{count} {}", told(reason, lang)));
        for example in report.examples.iter().filter(|example| example.reason == *reason) {
            line("  ", "  ", shown(example, lang));
        }
    }
    sheet
}

/// Says where a reject stands, and what to do.
fn shown(example: &Rejected, lang: Lang) -> String {
    let at = format!("{} {}", lang.say("line", "ligne"), example.line);
    let column = example.column.as_ref().map(|title| format!(", {title}")).unwrap_or_default();
    let fix = Reason::of_code(&example.reason).map(Reason::fix);
    let fix = fix.map_or(example.fix.as_str(), |[french, english]| lang.say(english, french));
    format!("    {at}{column} → {fix}")
}

/// Says whom the law of consumers holds for because nobody can tell what they are.
fn doubt_persons(report: &ImportReport, output: &Output) {
    if report.persons_unread == 0 {
        return;
    }
    let said = output.lang.say(
        "{count} records have a kind of person that cannot be read, and are treated as consumers: \
         write consumer, professional or sole trader",
        "{count} fiches ont un type de personne illisible, et sont traitées comme des particuliers \
         : écrivez particulier, professionnel ou auto-entrepreneur",
    );
    output.warn(&said.replace("{count}", &report.persons_unread.to_string()));
}
