//! A list (CSV with a header) → contacts to be imported, and rejects that say what to do.
//!
//! Reads `;`, `,` or tab, UTF-8 with or without its mark, a `sep=` line; works without a store,
//! so that a dry run needs no engine.

mod columns;
mod phone;
pub mod territory;

pub use phone::usual_zone as zone_of;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufRead, Read, Write};

use csv::{ByteRecord, StringRecord};
use rlibphonenumber::PHONE_NUMBER_UTIL;
pub use rlibphonenumber::Region;

use super::types::{ImportReport, Rejected};
use crate::config::encoding::Foreign;
use crate::store::{NUMBERS_MAX, NewContact, NewNumber, PRIORITY_DEFAULT};
use crate::units::{AgentId, Zone};
use columns::{Columns, Meaning};
use phone::NotAPhone;

/// A list has at most this many columns: spreadsheets that have more hold no list.
pub const COLUMNS_MAX: usize = 256;

/// A record has at most this many bytes: an unclosed quote swallows the rest of a file.
pub const RECORD_BYTES_MAX: usize = 64 << 10;

/// How a spreadsheet gives what is read here.
const SAVE: &str = "save it as \"CSV UTF-8\"";

/// Rejects kept to be shown; all of them go into the file of rejects.
const EXAMPLES_MAX: usize = 10;

/// How a list is to be read.
#[derive(Clone, Debug)]
pub struct Options {
    /// The country of numbers without a country code.
    pub region: Region,
    /// The zone of every record without a zone column; otherwise the number tells it.
    pub zone: Option<Zone>,
    /// The agents a record may name; `None` takes no notice of that column.
    pub agents: Option<BTreeMap<String, AgentId>>,
}

impl Default for Options {
    fn default() -> Self {
        Self { region: Region::FR, zone: None, agents: None }
    }
}

/// Finds a region with telephone numbers by its ISO 3166 code, such as `FR`.
#[must_use]
pub fn region(code: &str) -> Option<Region> {
    let region = code.to_ascii_uppercase().parse().ok()?;
    PHONE_NUMBER_UTIL.get_supported_regions().find(|known| *known == region)
}

/// Gives the codes of all regions with telephone numbers, sorted.
#[must_use]
pub fn regions() -> Vec<String> {
    let codes = PHONE_NUMBER_UTIL.get_supported_regions().map(|region| region.to_string());
    codes.collect::<BTreeSet<_>>().into_iter().collect()
}

/// A file that is no list.
#[derive(Debug, thiserror::Error)]
pub enum NotAList {
    /// It cannot be read.
    #[error("the list cannot be read: {0}")]
    Io(#[from] io::Error),
    /// It has no header.
    #[error("the list has no titles: write them into the first line, such as \"telephone;nom\"")]
    Header,
    /// There is nothing in it.
    #[error("the list is empty")]
    Empty,
    /// It is no UTF-8.
    #[error("the list {0}: {mend}", mend = .0.mend(SAVE))]
    Foreign(Foreign),
    /// It has too many columns.
    #[error("the list has more than {COLUMNS_MAX} columns: keep those you need")]
    TooWide,
    /// No column holds telephone numbers.
    #[error("no column holds telephone numbers (found: {0}): call one \"telephone\" or \"phone\"")]
    NoPhone(String),
}

/// Why a record is rejected; the code is printed, counted and stable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// No cell holds a number.
    NumberMissing,
    /// The digits were lost in a spreadsheet.
    NumberLost,
    /// No cell holds a number that exists.
    NumberInvalid,
    /// The country has several time zones.
    ZoneUnknown,
    /// The zone column names no zone.
    ZoneInvalid,
    /// The priority is no digit from 1 to 9.
    PriorityInvalid,
    /// The agent is not known.
    AgentUnknown,
    /// Another record of the file has the same number.
    Doubled,
    /// It has more or fewer cells than the header.
    Cells,
    /// It is not UTF-8.
    Encoding,
    /// It is too long.
    TooLong,
}

impl Reason {
    /// Gives the stable code.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::NumberMissing => "number_missing",
            Self::NumberLost => "number_lost",
            Self::NumberInvalid => "number_invalid",
            Self::ZoneUnknown => "zone_unknown",
            Self::ZoneInvalid => "zone_invalid",
            Self::PriorityInvalid => "priority_invalid",
            Self::AgentUnknown => "agent_unknown",
            Self::Doubled => "doubled",
            Self::Cells => "cells",
            Self::Encoding => "encoding",
            Self::TooLong => "too_long",
        }
    }

    /// Says what to do, in French and English.
    #[must_use]
    pub fn fix(self) -> [&'static str; 2] {
        match self {
            Self::NumberMissing => ["ajoutez un numéro de téléphone", "add a telephone number"],
            Self::NumberLost => [
                "le tableur a perdu des chiffres : reprenez le numéro à la source, en texte",
                "the spreadsheet lost digits: take the number from its source, as text",
            ],
            Self::NumberInvalid => [
                "vérifiez le numéro : longueur ou préfixe impossible",
                "check the number: its length or prefix is impossible",
            ],
            Self::ZoneUnknown => [
                "ajoutez une colonne zone (par ex. America/New_York) ou --zone",
                "add a column zone (such as America/New_York) or --zone",
            ],
            Self::ZoneInvalid => [
                "écrivez un fuseau IANA, par ex. Europe/Paris",
                "write an IANA zone such as Europe/Paris",
            ],
            Self::PriorityInvalid => {
                ["écrivez une priorité de 1 à 9", "write a priority from 1 to 9"]
            }
            Self::AgentUnknown => [
                "ajoutez cet agent (cadran agent add) ou videz la cellule",
                "add this agent (cadran agent add) or empty the cell",
            ],
            Self::Doubled => [
                "le même numéro figure plus haut : supprimez cette ligne",
                "the same number stands above: delete this line",
            ],
            Self::Cells => [
                "pas autant de cellules que de titres : un guillemet ou un séparateur est de trop",
                "not as many cells as titles: a quote or a delimiter is too much",
            ],
            Self::Encoding => ["enregistrez le fichier en CSV UTF-8", "save the file as CSV UTF-8"],
            Self::TooLong => [
                "plus de 64 Ko : un guillemet n'est pas fermé",
                "over 64 KB: a quote is not closed",
            ],
        }
    }
}

/// A rejected record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reject {
    /// Its line, from 1.
    pub line: u64,
    /// Why.
    pub reason: Reason,
    /// Its cells as they were.
    pub cells: ByteRecord,
}

/// One record of a list.
#[derive(Clone, Debug, PartialEq)]
pub enum Row {
    /// It may be imported.
    Contact(NewContact),
    /// It may not.
    Reject(Reject),
}

/// A list being read, record by record.
pub struct List<R> {
    csv: csv::Reader<io::Chain<io::Cursor<Vec<u8>>, R>>,
    options: Options,
    header: StringRecord,
    columns: Columns,
    delimiter: u8,
    /// Lines the reader of CSV does not count: a `sep=` line, and the `\n` of the `\r\n` before a
    /// record, which it takes for the record's own.
    lines_before: u64,
    seen: BTreeSet<String>,
    record: ByteRecord,
    report: ImportReport,
}

impl<R: BufRead> List<R> {
    /// Reads the header and learns what each column means.
    ///
    /// # Errors
    /// It is no list; see [`NotAList`].
    pub fn open(mut input: R, options: Options) -> Result<Self, NotAList> {
        let mut first = first_line(&mut input)?;
        if first.is_empty() {
            return Err(NotAList::Empty);
        }
        if let Some(foreign) = Foreign::of(&first) {
            return Err(NotAList::Foreign(foreign));
        }
        let mut lines_before = 0;
        let declared = match first.as_slice() {
            [b's', b'e', b'p', b'=', sign, b'\r' | b'\n', ..] => Some(*sign),
            _ => None,
        };
        if declared.is_some() {
            first = first_line(&mut input)?;
            lines_before = 1;
        }
        lines_before += u64::from(first.ends_with(b"\r\n"));
        let delimiter = declared.unwrap_or_else(|| likely_delimiter(&first));
        let mut csv = csv::ReaderBuilder::new()
            .delimiter(delimiter)
            .flexible(true)
            .from_reader(io::Cursor::new(first).chain(input));
        let header = csv.headers().map_err(|_| NotAList::Header)?.clone();
        if header.iter().all(|title| title.trim().is_empty()) {
            return Err(NotAList::Header);
        }
        if header.len() > COLUMNS_MAX {
            return Err(NotAList::TooWide);
        }
        let columns = Columns::of(&header);
        if !columns.has_phone() {
            return Err(NotAList::NoPhone(header.iter().collect::<Vec<_>>().join(", ")));
        }
        let report = ImportReport {
            delimiter: char::from(delimiter).to_string(),
            columns: columns.say(&header),
            ..ImportReport::default()
        };
        let (seen, record) = (BTreeSet::new(), ByteRecord::new());
        Ok(Self { csv, options, header, columns, delimiter, lines_before, seen, record, report })
    }

    /// Reads the next record; `None` at the end.
    ///
    /// # Errors
    /// The input fails.
    pub fn next_row(&mut self) -> io::Result<Option<Row>> {
        if !self.csv.read_byte_record(&mut self.record).map_err(io::Error::from)? {
            return Ok(None);
        }
        self.report.rows += 1;
        let line = self.record.position().map_or(0, csv::Position::line) + self.lines_before;
        let row = match self.contact() {
            Ok(contact) => {
                self.report.importable += 1;
                Row::Contact(contact)
            }
            Err(reason) => {
                self.reject(line, reason);
                Row::Reject(Reject { line, reason, cells: self.record.clone() })
            }
        };
        Ok(Some(row))
    }

    /// Passes over at most so many records without reading them; tells how many there were.
    ///
    /// # Errors
    /// The input fails.
    pub fn pass_over(&mut self, most: usize) -> io::Result<usize> {
        for passed in 0..most {
            if !self.csv.read_byte_record(&mut self.record).map_err(io::Error::from)? {
                return Ok(passed);
            }
        }
        Ok(most)
    }

    /// Gives what was counted so far; the store's share is still zero.
    #[must_use]
    pub fn report(&self) -> ImportReport {
        self.report.clone()
    }

    /// Gives the header and the sign between columns, to write rejects in the same dialect.
    #[must_use]
    pub fn dialect(&self) -> (StringRecord, u8) {
        (self.header.clone(), self.delimiter)
    }

    fn reject(&mut self, line: u64, reason: Reason) {
        self.report.rejected += 1;
        *self.report.reasons.entry(reason.code().to_owned()).or_default() += 1;
        if self.report.examples.len() < EXAMPLES_MAX {
            let [_, fix] = reason.fix();
            let reason = reason.code().to_owned();
            self.report.examples.push(Rejected { line, reason, fix: fix.to_owned() });
        }
    }

    fn contact(&mut self) -> Result<NewContact, Reason> {
        if self.record.as_slice().len() > RECORD_BYTES_MAX {
            return Err(Reason::TooLong);
        }
        if self.record.len() != self.header.len() {
            return Err(Reason::Cells);
        }
        let record =
            StringRecord::from_byte_record(self.record.clone()).map_err(|_| Reason::Encoding)?;
        let mut draft = Draft::read(&self.columns, &record, &self.options)?;
        let zone = draft.zone.take().or_else(|| self.options.zone.clone());
        let postal_code = draft.contact.fields.get(POSTAL_CODE).map(String::as_str);
        let there = (zone.as_ref(), postal_code);
        let read = numbers(&draft.phones, self.options.region, there, &mut self.seen)?;
        self.report.repaired += u64::from(read.repaired);
        self.report.numbers_left_out += u64::from(read.left_out);
        draft.contact.numbers = read.numbers;
        Ok(draft.contact)
    }
}

/// The field that holds the postal code, whatever its title.
const POSTAL_CODE: &str = "postal_code";

/// The telephone numbers of one record.
struct Numbers {
    numbers: Vec<NewNumber>,
    repaired: bool,
    left_out: bool,
}

/// Reads a record's numbers; one that stands further up in the file is not taken again.
fn numbers(
    cells: &[&str],
    region: Region,
    there: (Option<&Zone>, Option<&str>),
    seen: &mut BTreeSet<String>,
) -> Result<Numbers, Reason> {
    let mut read = Numbers { numbers: Vec::new(), repaired: false, left_out: false };
    let mut wrong = Reason::NumberMissing;
    for cell in cells.iter().take(NUMBERS_MAX) {
        match phone::read(cell, region, there) {
            Ok(phone) if read.numbers.contains(&phone.number) => {}
            Ok(phone) if seen.insert(phone.number.number.reveal().to_owned()) => {
                read.repaired |= phone.repaired;
                read.numbers.push(phone.number);
            }
            Ok(_) => wrong = Reason::Doubled,
            Err(NotAPhone::DigitsLost) => wrong = Reason::NumberLost,
            Err(NotAPhone::Invalid) => wrong = Reason::NumberInvalid,
            Err(NotAPhone::ZoneUnknown) => wrong = Reason::ZoneUnknown,
        }
    }
    read.left_out = wrong != Reason::NumberMissing;
    if read.numbers.is_empty() { Err(wrong) } else { Ok(read) }
}

/// A record on its way to become a contact.
struct Draft<'r> {
    contact: NewContact,
    phones: Vec<&'r str>,
    zone: Option<Zone>,
}

impl<'r> Draft<'r> {
    fn read(
        columns: &'r Columns,
        record: &'r StringRecord,
        options: &Options,
    ) -> Result<Self, Reason> {
        let (mut phones, mut zone, mut owner) = (Vec::new(), None, None);
        let (mut name, mut first_name, mut external_id) = (None, None, None);
        let (mut fields, mut priority) = (BTreeMap::new(), PRIORITY_DEFAULT);
        for (meaning, cell) in columns.cells(record) {
            match meaning {
                Meaning::Phone => phones.push(cell),
                Meaning::Name => name = Some(cell),
                Meaning::FirstName => first_name = Some(cell),
                Meaning::ExternalId => external_id = Some(cell.to_owned()),
                Meaning::Zone => zone = Some(Zone::new(cell).map_err(|_| Reason::ZoneInvalid)?),
                Meaning::Priority => priority = priority_of(cell)?,
                Meaning::Agent => owner = owner_of(cell, options)?,
                Meaning::Field(title) => {
                    fields.insert(title.clone(), cell.to_owned());
                }
                Meaning::Ignored => {}
            }
        }
        let name = match (first_name, name) {
            (Some(first), Some(last)) => Some(format!("{first} {last}")),
            (first, last) => first.or(last).map(str::to_owned),
        };
        let numbers = Vec::new();
        let contact = NewContact { external_id, name, fields, priority, owner, numbers };
        Ok(Self { contact, phones, zone })
    }
}

fn priority_of(cell: &str) -> Result<u8, Reason> {
    match cell.parse() {
        Ok(priority @ 1..=9) => Ok(priority),
        Ok(_) | Err(_) => Err(Reason::PriorityInvalid),
    }
}

fn owner_of(cell: &str, options: &Options) -> Result<Option<AgentId>, Reason> {
    match &options.agents {
        Some(agents) => agents.get(cell).copied().map(Some).ok_or(Reason::AgentUnknown),
        None => Ok(None),
    }
}

/// Reads up to the first line break, without the mark of UTF-8.
fn first_line(input: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    let limit = u64::try_from(RECORD_BYTES_MAX).unwrap_or(u64::MAX);
    input.take(limit).read_until(b'\n', &mut line)?;
    if line.starts_with(b"\xEF\xBB\xBF") {
        line.drain(..3);
    }
    Ok(line)
}

/// What columns are told apart by, the likeliest first: Excel in French writes semicolons.
const DELIMITERS: [u8; 3] = [b';', b',', b'\t'];

/// Gives the commonest delimiter outside quotes; among equals the likeliest.
fn likely_delimiter(line: &[u8]) -> u8 {
    let mut counts = DELIMITERS.map(|sign| (sign, 0));
    let mut quoted = false;
    for byte in line {
        quoted ^= *byte == b'"';
        for (sign, count) in &mut counts {
            *count += usize::from(!quoted && byte == sign);
        }
    }
    counts.iter().rev().max_by_key(|(_, count)| *count).map_or(b';', |(sign, _)| *sign)
}

/// Writes rejects in the dialect of their list, each with its line, reason and what to do.
pub struct RejectsFile<W: Write> {
    csv: csv::Writer<W>,
}

impl<W: Write> RejectsFile<W> {
    /// Writes the header.
    ///
    /// # Errors
    /// The output fails.
    pub fn new(mut output: W, header: &StringRecord, delimiter: u8) -> io::Result<Self> {
        let mut titles: StringRecord =
            header.iter().filter(|title| !title.trim().starts_with('_')).collect();
        titles.extend(["_ligne", "_motif", "_correction_proposee"]);
        if !DELIMITERS.contains(&delimiter) {
            output.write_all(&[b"sep=", [delimiter].as_slice(), b"\r\n"].concat())?;
        }
        let mut builder = csv::WriterBuilder::new();
        builder.delimiter(delimiter).flexible(true);
        // Whoever reads it back guesses the delimiter from the titles, leaving out what is quoted.
        let signs = DELIMITERS.map(char::from);
        let quotes = if titles.iter().any(|title| title.contains(signs)) {
            csv::QuoteStyle::Always
        } else {
            csv::QuoteStyle::Necessary
        };
        let mut first = builder.quote_style(quotes).from_writer(&mut output);
        first.write_record(&titles)?;
        first.flush()?;
        drop(first);
        let csv = builder.quote_style(csv::QuoteStyle::Necessary).from_writer(output);
        Ok(Self { csv })
    }

    /// Writes one reject.
    ///
    /// # Errors
    /// The output fails.
    pub fn add(&mut self, header: &StringRecord, reject: &Reject) -> io::Result<()> {
        let [fix, _] = reject.reason.fix();
        let mut cells = ByteRecord::new();
        for (place, cell) in reject.cells.iter().enumerate() {
            let ours = header.get(place).is_some_and(|title| title.trim().starts_with('_'));
            if !ours {
                cells.push_field(cell);
            }
        }
        cells.push_field(reject.line.to_string().as_bytes());
        cells.push_field(reject.reason.code().as_bytes());
        cells.push_field(fix.as_bytes());
        self.csv.write_byte_record(&cells)?;
        Ok(())
    }

    /// Flushes what was written.
    ///
    /// # Errors
    /// The output fails.
    pub fn finish(mut self) -> io::Result<()> {
        self.csv.flush()
    }
}

#[cfg(test)]
mod tests;
