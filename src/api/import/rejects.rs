//! The file of rejects: the list's own dialect, and why each record is in it.

use std::io::{self, Write};

use csv::{ByteRecord, StringRecord};

use super::DELIMITERS;
use super::reason::Reason;

/// How a cell begins that a spreadsheet would run as a formula (OWASP, CSV injection); such a cell
/// is written with a quote before it, which is taken off when it is read.
pub(super) const ARMED: [char; 4] = ['=', '+', '-', '@'];

/// How a list is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dialect {
    /// The titles of its columns.
    pub titles: StringRecord,
    /// The sign between columns.
    pub delimiter: u8,
    /// Whether its lines end as those of Windows do.
    pub crlf: bool,
}

/// A rejected record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reject {
    /// Its line, from 1.
    pub line: u64,
    /// The place of the column at fault, if one alone is.
    pub column: Option<usize>,
    /// Why.
    pub reason: Reason,
    /// Its cells as they were.
    pub cells: ByteRecord,
}

/// Writes rejects in the dialect of their list, each with its line, reason and what to do.
pub struct RejectsFile<W: Write> {
    csv: csv::Writer<W>,
    titles: StringRecord,
}

impl<W: Write> RejectsFile<W> {
    /// Writes the header.
    ///
    /// # Errors
    /// The output fails.
    pub fn new(mut output: W, dialect: &Dialect) -> io::Result<Self> {
        let Dialect { titles, delimiter, crlf } = dialect;
        let own = titles.iter().filter(|title| !is_ours(title));
        let mut header: ByteRecord = own.map(|title| armless(title.as_bytes())).collect();
        header.extend(["_ligne", "_motif", "_correction_proposee"]);
        // Whoever reads it back tells the delimiter by the titles.
        let other = |sign: &u8| sign != delimiter && DELIMITERS.contains(sign);
        if !DELIMITERS.contains(delimiter) || header.as_slice().iter().any(other) {
            output.write_all(&[b"sep=", [*delimiter].as_slice(), b"\r\n"].concat())?;
        }
        let lines = if *crlf { csv::Terminator::CRLF } else { csv::Terminator::Any(b'\n') };
        let mut builder = csv::WriterBuilder::new();
        builder.delimiter(*delimiter).flexible(true).terminator(lines);
        let mut csv = builder.from_writer(output);
        csv.write_byte_record(&header)?;
        Ok(Self { csv, titles: titles.clone() })
    }

    /// Writes one reject; a record with too few cells gets empty ones, so that each cell stands
    /// under its title.
    ///
    /// # Errors
    /// The output fails.
    pub fn add(&mut self, reject: &Reject) -> io::Result<()> {
        let mut cells = ByteRecord::new();
        for place in 0..reject.cells.len().max(self.titles.len()) {
            if !self.titles.get(place).is_some_and(is_ours) {
                cells.push_field(&armless(reject.cells.get(place).unwrap_or_default()));
            }
        }
        let [fix, _] = reject.reason.fix();
        let title = reject.column.and_then(|place| self.titles.get(place)).map(str::trim);
        let fix = title.map_or_else(|| fix.to_owned(), |title| format!("{title} : {fix}"));
        cells.push_field(reject.line.to_string().as_bytes());
        cells.push_field(reject.reason.code().as_bytes());
        cells.push_field(&armless(fix.as_bytes()));
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

/// Tells whether a column is one that files of rejects have more than their lists.
fn is_ours(title: &str) -> bool {
    title.trim().starts_with('_')
}

/// Writes a text as a cell that no spreadsheet runs.
#[must_use]
pub fn unarmed(cell: &str) -> String {
    let armed = cell.trim_ascii_start().starts_with(ARMED);
    if armed { format!("'{cell}") } else { cell.to_owned() }
}

/// Writes a cell so that no spreadsheet runs it.
fn armless(cell: &[u8]) -> Vec<u8> {
    let armed = |byte: &u8| ARMED.contains(&char::from(*byte));
    let quote = cell.trim_ascii_start().first().is_some_and(armed);
    [if quote { b"'".as_slice() } else { b"" }, cell].concat()
}
