//! A list (CSV with a header) → contacts to be imported, and rejects that say what to do.
//!
//! Reads `;`, `,`, tab or `|`, a `sep=` line, titles below other lines; UTF-8 with or without its
//! mark; other encodings become that first, and workbooks lists (`text`, `workbook`). Works without
//! a store, so that a dry run needs no engine.

mod columns;
mod consent;
mod date;
pub mod fiction;
mod person;
mod phone;
mod reason;
mod rejects;
mod remark;
pub mod territory;
mod text;
mod workbook;
mod zones;

pub use zones::usual_zone as zone_of;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, BufRead, Read};

use csv::{ByteRecord, StringRecord};
use rlibphonenumber::PHONE_NUMBER_UTIL;
pub use rlibphonenumber::Region;

use super::types::{ImportReport, Rejected};
use crate::config::encoding::Foreign;
use crate::config::law::{Called, Laws, Purpose};
use crate::core::fact::PersonKind;
use crate::store::{NUMBERS_MAX, NewConsent, NewContact, NewNumber, PRIORITY_DEFAULT, SCORE_MAX};
use crate::units::{self, AgentId, Number, Wall, Zone};
use columns::{Columns, Meaning};
pub use columns::{Mapping, NotAMeaning, plain};
pub use consent::Need;
use consent::{Cells, Dates};
use phone::Hints;
pub use reason::Reason;
pub use rejects::{Dialect, Reject, RejectsFile, unarmed};
pub use text::{Encoding, Page};
pub use workbook::{NotASheet, Sheet};

/// A list has at most this many columns: spreadsheets that have more hold no list.
pub const COLUMNS_MAX: usize = 256;

/// A record has at most this many bytes: an unclosed quote swallows the rest of a file.
pub const RECORD_BYTES_MAX: usize = 64 << 10;

/// How a spreadsheet gives what is read here.
const SAVE: &str = "save it as \"CSV UTF-8\"";

/// Rejects of one reason kept to be shown; all of them go into the file of rejects.
const EXAMPLES_MAX: u64 = 3;

/// The titles stand within so many records: above them are a name, a date, an empty line.
const ABOVE_MAX: usize = 20;

/// Records below the titles that tell what a doubtful column holds.
const SAMPLE_MAX: usize = 200;

/// What is looked through for the titles: far more than the longest header.
const HEAD_BYTES: usize = 64 << 10;

/// What columns are told apart by, the likeliest first: Excel in French writes semicolons.
const DELIMITERS: [u8; 4] = *b";,\t|";

/// How a list is to be read.
#[derive(Clone, Debug)]
pub struct Options {
    /// The country of numbers without a country code.
    pub region: Region,
    /// The zone of numbers that do not tell theirs, where neither does a column of the record.
    pub zone: Option<Zone>,
    /// The agents a record may name; `None` takes no notice of that column.
    pub agents: Option<BTreeMap<String, AgentId>>,
    /// What columns mean whose titles do not tell.
    pub mapping: Mapping,
    /// What right to call a record must bring.
    pub need: Need,
    /// When the list is imported; `None` takes no notice of what is to come or over.
    pub at: Option<Wall>,
    /// Whether its numbers are not to be called: they need no zone, and may stand there twice.
    pub uncalled: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            region: Region::FR,
            zone: None,
            agents: None,
            mapping: Mapping::default(),
            need: Need::default(),
            at: None,
            uncalled: false,
        }
    }
}

/// Finds a region with telephone numbers by its ISO 3166 code, such as `FR`.
#[must_use]
pub fn region(code: &str) -> Option<Region> {
    let region = code.to_ascii_uppercase().parse().ok()?;
    PHONE_NUMBER_UTIL.get_supported_regions().find(|known| *known == region)
}

/// Reads one number as a list may have it; without a country code it is of `region`.
#[must_use]
pub fn number(text: &str, region: Region) -> Option<Number> {
    let zone = anywhere();
    let read = phone::read(text, Hints { zone: zone.as_ref(), ..Hints::of(region) });
    let mut found = read.found.into_iter().map(|phone| phone.number.number);
    let number = found.next().or_else(|| Number::new(text).ok())?;
    found.next().is_none().then_some(number)
}

/// Gives a number with its zone, place and kind as a list without further columns has it; `None`
/// if it is none, or nobody knows its zone.
#[must_use]
pub fn whole(number: &Number) -> Option<NewNumber> {
    let read = phone::read(number.reveal(), Hints::of(Region::FR));
    let mut found = read.found.into_iter().map(|phone| phone.number);
    found.next().filter(|_| found.next().is_none())
}

/// Gives a zone for numbers whose hours are of no interest.
fn anywhere() -> Option<Zone> {
    Zone::new("Etc/UTC").ok()
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
    /// Its first line is a contact.
    #[error("the first line is a contact, not titles: write such as \"telephone;nom\" above it")]
    Untitled,
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
    /// The law that says which rights are over.
    law: Laws,
    dialect: Dialect,
    columns: Columns,
    /// Lines the reader of CSV does not count: a `sep=` line, and the `\n` of the `\r\n` before a
    /// record, which it takes for the record's own.
    lines_before: u64,
    /// The line of the record read last.
    line: u64,
    seen: Seen,
    record: ByteRecord,
    report: ImportReport,
}

/// What stood in earlier records.
#[derive(Default)]
struct Seen {
    /// [`Number::digits`].
    numbers: HashSet<u64>,
    /// Of each reference two hashes under keys of this list's: a third of the room of the texts,
    /// and two of a million that are alike by chance are less likely than 10^-26.
    ids: HashSet<[u64; 2]>,
    keys: [RandomState; 2],
}

impl Seen {
    fn has_id(&self, id: &str) -> bool {
        self.ids.contains(&self.hashes(id))
    }

    fn keep_id(&mut self, id: &str) {
        self.ids.insert(self.hashes(id));
    }

    fn hashes(&self, id: &str) -> [u64; 2] {
        self.keys.each_ref().map(|key| key.hash_one(id))
    }

    /// Tells whether a number is the first of its kind.
    fn is_new(&mut self, number: &NewNumber) -> bool {
        self.numbers.insert(number.number.digits())
    }

    /// Forgets the numbers of a record that is rejected: one further down may be right.
    fn forget(&mut self, numbers: &[NewNumber]) {
        numbers.iter().for_each(|number| {
            self.numbers.remove(&number.number.digits());
        });
    }
}

impl<R: BufRead> List<R> {
    /// Finds the header and learns what each column means.
    ///
    /// # Errors
    /// It is no list; see [`NotAList`].
    pub fn open(mut input: R, options: Options) -> Result<Self, NotAList> {
        let mut head = Vec::new();
        let limit = u64::try_from(HEAD_BYTES).unwrap_or(u64::MAX);
        input.by_ref().take(limit).read_to_end(&mut head)?;
        if head.starts_with(b"\xEF\xBB\xBF") {
            head.drain(..3);
        }
        if head.is_empty() {
            return Err(NotAList::Empty);
        }
        if let Some(foreign) = Foreign::of(first_line(&head)) {
            return Err(NotAList::Foreign(foreign));
        }
        let mut declared = None;
        if let [b's', b'e', b'p', b'=', sign, b'\r' | b'\n', ..] = head.as_slice() {
            declared = Some(*sign);
            head.drain(..first_line(&head).len());
        }
        let crlf = first_line(&head).ends_with(b"\r\n");
        let lines_before = u64::from(declared.is_some()) + u64::from(crlf);
        let (delimiter, above) = find_titles(&head, declared, &options.mapping);
        let sample = sample(&head, delimiter, above);
        let mut csv = reader(delimiter, io::Cursor::new(head).chain(input));
        let mut titles = StringRecord::new();
        for _ in 0..=above {
            csv.read_record(&mut titles).map_err(|_| NotAList::Header)?;
        }
        let mut columns = columns_of(&titles, &options)?;
        let zones = columns.zone().map(|place| sample.iter().filter_map(move |r| r.get(place)));
        let zones: Vec<&str> = zones.into_iter().flatten().collect();
        columns.doubt_zone(&titles, &options.mapping, &zones);
        columns.doubt_kind(&titles, &options.mapping, &sample);
        let report = ImportReport {
            encoding: Encoding::Utf8 { mark: false }.name().to_owned(),
            delimiter: char::from(delimiter).to_string(),
            columns: columns.say(&titles),
            ..ImportReport::default()
        };
        let law = match &options.need {
            Need::ByLaw(laws) => laws.clone(),
            Need::Nothing | Need::Always => Laws::of(Purpose::default(), Called::default(), None),
        };
        let dialect = Dialect { titles, delimiter, crlf };
        let (seen, record) = (Seen::default(), ByteRecord::new());
        let line = 0;
        Ok(Self { csv, options, law, dialect, columns, lines_before, line, seen, record, report })
    }

    /// Reads the next record that is not blank; `None` at the end.
    ///
    /// # Errors
    /// The input fails.
    pub fn next_row(&mut self) -> io::Result<Option<Row>> {
        loop {
            if !self.csv.read_byte_record(&mut self.record).map_err(io::Error::from)? {
                return Ok(None);
            }
            if self.record.iter().any(|cell| !cell.trim_ascii().is_empty()) {
                break;
            }
            self.report.blank += 1;
        }
        self.report.rows += 1;
        self.line = self.record.position().map_or(0, csv::Position::line) + self.lines_before;
        let line = self.line;
        let row = match self.contact(line) {
            Ok(contact) => {
                self.report.importable += 1;
                Row::Contact(contact)
            }
            Err(Wrong { reason, column }) => {
                let reject = Reject { line, column, reason, cells: self.record.clone() };
                self.count(&reject);
                Row::Reject(reject)
            }
        };
        Ok(Some(row))
    }

    /// Takes the record read last for a reject after all, for what its cell under a title says;
    /// the title as fields are named.
    pub fn refuse(&mut self, reason: Reason, title: &str) {
        self.report.importable = self.report.importable.saturating_sub(1);
        let column = self.columns.place(title);
        let cells = self.record.clone();
        self.count(&Reject { line: self.line, column, reason, cells });
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

    /// Gives the cells of the record read last, each behind its title.
    pub fn cells(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.dialect.titles.iter().zip(self.record.iter())
    }

    /// Tells how the list is written, so that its rejects are written alike.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        self.dialect.clone()
    }

    fn count(&mut self, reject: &Reject) {
        self.report.rejected += 1;
        let reason = reject.reason.code().to_owned();
        let count = self.report.reasons.entry(reason.clone()).or_default();
        *count += 1;
        if *count <= EXAMPLES_MAX {
            let [_, fix] = reject.reason.fix();
            let title = reject.column.and_then(|place| self.dialect.titles.get(place));
            let column = title.map(|title| title.trim().to_owned());
            let fix = fix.to_owned();
            self.report.examples.push(Rejected { line: reject.line, column, reason, fix });
        }
    }

    fn contact(&mut self, line: u64) -> Result<NewContact, Wrong> {
        if self.record.as_slice().len() > RECORD_BYTES_MAX {
            return Err(Reason::TooLong.into());
        }
        let extra = self.record.iter().skip(self.dialect.titles.len());
        if self.record.len() < self.dialect.titles.len()
            || extra.into_iter().any(|cell| !cell.trim_ascii().is_empty())
        {
            return Err(Reason::Cells.into());
        }
        let record =
            StringRecord::from_byte_record(self.record.clone()).map_err(|_| Reason::Encoding)?;
        let mut draft = Draft::read(&self.columns, &record, &self.options)?;
        if self.options.need == Need::Always || self.options.uncalled {
            // Whoever stands there again renewed a consent, or has a contract besides.
            self.seen = Seen::default();
        }
        if draft.contact.external_id.as_ref().is_some_and(|id| self.seen.has_id(id)) {
            return Err(Wrong { reason: Reason::IdDoubled, column: self.columns.external_id() });
        }
        let anywhere = self.options.uncalled.then(anywhere).flatten();
        let hints = Hints {
            region: self.options.region,
            zone: draft.zone.as_ref().or(anywhere.as_ref()),
            supposed: self.options.zone.as_ref(),
            postal_code: draft.contact.fields.get(POSTAL_CODE).map(String::as_str),
        };
        let read = numbers(&draft.phones, hints, &mut self.seen);
        let read = read.map_err(|wrong| Wrong {
            column: wrong.column.or_else(|| self.columns.phone()),
            ..wrong
        })?;
        let (cells, kind) = ((&draft.rights, line), draft.contact.kind);
        let by = (&self.options, &self.law);
        let rights = rights(cells, (&read.numbers, kind), by, &mut self.report)
            .inspect_err(|_| self.seen.forget(&read.numbers))?;
        if let Some(id) = &draft.contact.external_id {
            self.seen.keep_id(id);
        }
        self.report.repaired += u64::from(read.repaired);
        self.report.numbers_left_out += u64::from(read.left_out);
        self.report.zones_supposed += u64::from(read.supposed);
        self.report.persons_unread += u64::from(draft.kind_unread);
        draft.contact.numbers = read.numbers;
        draft.contact.consents = rights;
        Ok(draft.contact)
    }
}

/// The field that holds the postal code, whatever its title.
const POSTAL_CODE: &str = "postal_code";

/// Why a record is rejected, and the place of the column at fault, if one alone is.
#[derive(Clone, Copy, Debug)]
struct Wrong {
    reason: Reason,
    column: Option<usize>,
}

impl From<Reason> for Wrong {
    fn from(reason: Reason) -> Self {
        Self { reason, column: None }
    }
}

/// Reads what gives the right to call a record's numbers; one that is none is counted, where none
/// is needed.
fn rights(
    (cells, line): (&Cells<'_>, u64),
    (numbers, kind): (&[NewNumber], Option<PersonKind>),
    (options, law): (&Options, &Laws),
    report: &mut ImportReport,
) -> Result<Vec<NewConsent>, Wrong> {
    let Some(first) = numbers.first() else { return Ok(Vec::new()) };
    let (month_first, at) = (options.region == Region::US, options.at);
    let read = cells.read(line, &Dates { zone: &first.zone, month_first, at });
    if let Some(wrong) = options.need.lacks((numbers, kind), &read, at) {
        return Err(wrong);
    }
    if let Some(wrong) = read.wrong {
        let reason = wrong.reason.code().to_owned();
        *report.consents_unusable.entry(reason).or_default() += 1;
    }
    let law = law.among(kind.map(|kind| kind.is_consumer(first.class)));
    let over = at.is_some_and(|at| read.is_over(law, first, at));
    report.consents_over += u64::from(over);
    report.consents += u64::from(!over && !read.consents.is_empty());
    Ok(read.consents)
}

/// The telephone numbers of one record.
#[derive(Default)]
struct Numbers {
    numbers: Vec<NewNumber>,
    repaired: bool,
    left_out: bool,
    /// Whether the zone of one is that supposed of the whole list.
    supposed: bool,
}

/// Reads a record's numbers; one that stands further up in the file is not taken again.
fn numbers(cells: &[(usize, &str)], hints: Hints<'_>, seen: &mut Seen) -> Result<Numbers, Wrong> {
    let mut read = Numbers::default();
    let mut wrong: Option<Wrong> = None;
    for (place, cell) in cells {
        let column = Some(*place);
        let phones = phone::read(cell, hints);
        wrong = wrong.or_else(|| phones.wrong.map(|reason| Wrong { reason, column }));
        for phone in phones.found {
            if read.numbers.contains(&phone.number) {
                continue;
            }
            if read.numbers.len() == NUMBERS_MAX {
                read.left_out = true;
            } else if seen.is_new(&phone.number) {
                read.repaired |= phone.repaired;
                read.supposed |= phone.supposed;
                read.numbers.push(phone.number);
            } else {
                wrong = wrong.or(Some(Wrong { reason: Reason::Doubled, column }));
            }
        }
    }
    if read.numbers.is_empty() {
        return Err(wrong.unwrap_or_else(|| Reason::NumberMissing.into()));
    }
    read.left_out |= wrong.is_some();
    Ok(read)
}

/// A record on its way to become a contact.
struct Draft<'r> {
    contact: NewContact,
    phones: Vec<(usize, &'r str)>,
    zone: Option<Zone>,
    rights: Cells<'r>,
    /// Whether its kind of person could not be read.
    kind_unread: bool,
}

impl<'r> Draft<'r> {
    fn read(
        columns: &'r Columns,
        record: &'r StringRecord,
        options: &Options,
    ) -> Result<Self, Wrong> {
        let (mut phones, mut zone, mut owner) = (Vec::new(), None, None);
        let (mut name, mut first_name, mut external_id) = (None, None, None);
        let (mut fields, mut priority, mut score) = (BTreeMap::new(), PRIORITY_DEFAULT, 0);
        let mut rights = Cells::default();
        let (mut kind, mut kind_unread) = (None, false);
        for (place, meaning, cell) in columns.cells(record) {
            let at = |reason| Wrong { reason, column: Some(place) };
            match meaning {
                Meaning::Phone => phones.push((place, cell)),
                Meaning::Name => name = Some(cell),
                Meaning::FirstName => first_name = Some(cell),
                Meaning::ExternalId => external_id = Some(cell.to_owned()),
                Meaning::Zone => {
                    zone = Some(Zone::new(cell).map_err(|_| at(Reason::ZoneInvalid))?);
                }
                Meaning::Priority => priority = priority_of(cell).map_err(at)?,
                Meaning::Score => score = score_of(cell).ok_or_else(|| at(Reason::ScoreInvalid))?,
                Meaning::Agent => owner = owner_of(cell, options).map_err(at)?,
                Meaning::Right(about) => {
                    rights.add(*about, place, cell);
                    // Whoever calls reads it, too.
                    let name = columns.name(place).unwrap_or_default();
                    fields.insert(name.to_owned(), cell.to_owned());
                }
                Meaning::Kind => {
                    let read = person::read(cell);
                    // The stricter law holds for whoever may be a consumer.
                    (kind, kind_unread) = (read.or(Some(PersonKind::Consumer)), read.is_none());
                    let name = columns.name(place).unwrap_or_default();
                    fields.insert(name.to_owned(), cell.to_owned());
                }
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
        let (numbers, consents) = (Vec::new(), Vec::new());
        let contact = NewContact {
            external_id,
            name,
            fields,
            priority,
            score,
            owner,
            kind,
            numbers,
            consents,
        };
        Ok(Self { contact, phones, zone, rights, kind_unread })
    }
}

fn priority_of(cell: &str) -> Result<u8, Reason> {
    match cell.parse() {
        Ok(priority @ 1..=9) => Ok(priority),
        Ok(_) | Err(_) => Err(Reason::PriorityInvalid),
    }
}

/// Reads a score from 0 to 100, to the nearest whole one; a comma may stand for the point.
#[must_use]
pub fn score_of(cell: &str) -> Option<u8> {
    let score: f64 = cell.trim().replace(',', ".").parse().ok()?;
    let sound = (0.0..=f64::from(SCORE_MAX)).contains(&score);
    u8::try_from(units::whole(score)).ok().filter(|_| sound)
}

/// Reads until when something holds: the end of a day or a moment, by the clock of a zone and as
/// dates are written in a country. `None` if it is no date.
#[must_use]
pub fn end_of(cell: &str, zone: &Zone, region: Region) -> Option<Wall> {
    date::Date::read(cell, region == Region::US)?.ends(zone)
}

fn owner_of(cell: &str, options: &Options) -> Result<Option<AgentId>, Reason> {
    match &options.agents {
        Some(agents) => agents.get(cell).copied().map(Some).ok_or(Reason::AgentUnknown),
        None => Ok(None),
    }
}

/// Gives everything up to the first line break, and that.
fn first_line(text: &[u8]) -> &[u8] {
    text.split_inclusive(|byte| *byte == b'\n').next().unwrap_or_default()
}

fn reader<R: Read>(delimiter: u8, input: R) -> csv::Reader<R> {
    let mut builder = csv::ReaderBuilder::new();
    builder.delimiter(delimiter).flexible(true).has_headers(false).from_reader(input)
}

/// Finds the sign between columns, and how many records stand above the titles. Titles are a record
/// with a column of telephone numbers and no number in it; of the signs that give some, the one
/// that finds them first and gives the most columns is meant. Without any, the first record does.
fn find_titles(head: &[u8], declared: Option<u8>, mapping: &Mapping) -> (u8, usize) {
    let signs = declared.map_or_else(|| DELIMITERS.to_vec(), |sign| vec![sign]);
    let titles = |sign: &u8| {
        let mut csv = reader(*sign, head);
        let mut records = csv.byte_records().map_while(Result::ok).take(ABOVE_MAX).enumerate();
        records.find_map(|(above, record)| {
            let record = StringRecord::from_byte_record(record).ok()?;
            let titles = Columns::of(&record, mapping).phone().is_some();
            (titles && !record.iter().any(is_number)).then_some((
                Reverse(above),
                record.len(),
                *sign,
            ))
        })
    };
    let found =
        signs.iter().rev().filter_map(titles).max_by_key(|(above, width, _)| (*above, *width));
    let likely = declared.unwrap_or_else(|| likely_delimiter(first_line(head)));
    found.map_or((likely, 0), |(Reverse(above), _, sign)| (sign, above))
}

/// Gives the first records below the titles that are text.
fn sample(head: &[u8], delimiter: u8, above: usize) -> Vec<StringRecord> {
    let mut csv = reader(delimiter, head);
    let records = csv.byte_records().map_while(Result::ok).skip(above + 1).take(SAMPLE_MAX);
    records.filter_map(|record| StringRecord::from_byte_record(record).ok()).collect()
}

/// Tells whether a cell holds a number rather than a title.
fn is_number(cell: &str) -> bool {
    cell.bytes().filter(u8::is_ascii_digit).count() >= 6
}

fn columns_of(titles: &StringRecord, options: &Options) -> Result<Columns, NotAList> {
    if titles.iter().all(|title| title.trim().is_empty()) {
        return Err(NotAList::Header);
    }
    if titles.len() > COLUMNS_MAX {
        return Err(NotAList::TooWide);
    }
    let columns = Columns::of(titles, &options.mapping);
    if columns.phone().is_some() {
        return Ok(columns);
    }
    let hints = Hints::of(options.region);
    let numbers = titles.iter().any(|cell| !phone::read(cell, hints).found.is_empty());
    if numbers {
        return Err(NotAList::Untitled);
    }
    Err(NotAList::NoPhone(titles.iter().collect::<Vec<_>>().join(", ")))
}

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

#[cfg(test)]
mod tests;
