//! A workbook (.xlsx, .xlsb, .xls, .ods) → the text of a list: one sheet, a line a row.

use std::io::{Cursor, Read, Seek};

use super::COLUMNS_MAX;
use calamine::{Data, ExcelDateTime, Reader, SheetVisible, Sheets};

/// Cells of a sheet at most: a million rows of thirty columns.
const CELLS_MAX: usize = 30_000_000;

/// A sheet as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sheet {
    /// Its name.
    pub name: String,
    /// Other sheets that hold something.
    pub others: Vec<String>,
    /// Its cells, in UTF-8 with semicolons; line breaks within cells became ` / `, so that a row is
    /// a line.
    pub csv: Vec<u8>,
}

/// A workbook that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum NotASheet {
    /// It is damaged, protected, or no workbook at all.
    #[error("the workbook cannot be read: {0}")]
    Unreadable(String),
    /// There is no such sheet.
    #[error("the workbook has no sheet {0:?}, only: {1}")]
    Unknown(String, String),
    /// It has no sheet.
    #[error("the workbook has no sheet")]
    Empty,
    /// A sheet has too many cells.
    #[error("the sheet has more than {CELLS_MAX} cells: delete what is not the list")]
    TooLarge,
    /// A cell stands far to the right.
    #[error("the sheet has a cell in {0}, beyond its column {COLUMNS_MAX}: delete it")]
    TooWide(String),
}

impl Sheet {
    /// Reads a sheet by its name, or the first one that is not hidden.
    ///
    /// # Errors
    /// There is none; see [`NotASheet`].
    pub fn read(bytes: &[u8], name: Option<&str>) -> Result<Self, NotASheet> {
        let unreadable = |error: calamine::Error| NotASheet::Unreadable(error.to_string());
        let mut book =
            calamine::open_workbook_auto_from_rs(Cursor::new(bytes)).map_err(unreadable)?;
        let sheets = book.sheets_metadata().iter();
        let seen = sheets.filter(|sheet| sheet.visible == SheetVisible::Visible);
        let seen: Vec<_> = seen.map(|sheet| sheet.name.clone()).collect();
        let wanted = match name {
            Some(name) => {
                let named = |sheet: &&String| sheet.to_lowercase() == name.to_lowercase();
                let all = book.sheet_names();
                let found = all.iter().find(named).cloned();
                found.ok_or_else(|| NotASheet::Unknown(name.to_owned(), all.join(", ")))?
            }
            None => seen.first().cloned().ok_or(NotASheet::Empty)?,
        };
        let others = seen.into_iter().filter(|other| *other != wanted).collect();
        let csv = text(&mut book, &wanted)?;
        Ok(Self { name: wanted, others, csv })
    }
}

fn text<R: Read + Seek + Clone>(book: &mut Sheets<R>, name: &str) -> Result<Vec<u8>, NotASheet> {
    let mut rows = Rows::default();
    // Only this format can be far larger than its file, and only this one is read cell by cell.
    if let Sheets::Xlsx(book) = book {
        let unreadable = |error: calamine::XlsxError| NotASheet::Unreadable(error.to_string());
        let mut cells = book.worksheet_cells_reader(name).map_err(unreadable)?;
        while let Some(cell) = cells.next_cell().map_err(unreadable)? {
            let (row, column) = cell.get_position();
            rows.add(row, column, &Data::from(cell.get_value().clone()))?;
        }
    } else {
        let unreadable = |error: calamine::Error| NotASheet::Unreadable(error.to_string());
        let range = book.worksheet_range(name).map_err(unreadable)?;
        let (top, left) = range.start().unwrap_or_default();
        for (row, cells) in (top..).zip(range.rows()) {
            for (column, cell) in (left..).zip(cells) {
                rows.add(row, column, cell)?;
            }
        }
    }
    rows.finish()
}

/// The rows of a sheet, written down one after the other.
struct Rows {
    csv: csv::Writer<Vec<u8>>,
    /// The row that is being filled, from 0.
    row: u32,
    cells: Vec<String>,
    /// The cells of the longest row: the format leaves out the empty ones at the end of a row.
    width: usize,
    /// The cells written so far, empty ones too: each costs a byte at least.
    count: usize,
}

impl Default for Rows {
    fn default() -> Self {
        let csv = csv::WriterBuilder::new().delimiter(b';').flexible(true).from_writer(Vec::new());
        Self { csv, row: 0, cells: Vec::new(), width: 1, count: 0 }
    }
}

impl Rows {
    /// Adds a cell; cells come row by row.
    fn add(&mut self, row: u32, column: u32, cell: &Data) -> Result<(), NotASheet> {
        let cell = written(cell);
        if cell.is_empty() {
            return Ok(());
        }
        let place = usize::try_from(column).unwrap_or(COLUMNS_MAX);
        if place >= COLUMNS_MAX {
            return Err(NotASheet::TooWide(name(row, column)));
        }
        while self.row < row {
            self.end_row()?;
        }
        if self.cells.len() <= place {
            self.cells.resize(place + 1, String::new());
        }
        if let Some(place) = self.cells.get_mut(place) {
            *place = cell;
        }
        Ok(())
    }

    fn end_row(&mut self) -> Result<(), NotASheet> {
        self.row += 1;
        let mut cells = std::mem::take(&mut self.cells);
        self.width = self.width.max(cells.len());
        // A row without a cell is a blank line, however many there are below the list.
        cells.resize(if cells.is_empty() { 1 } else { self.width }, String::new());
        self.count += cells.len();
        if self.count > CELLS_MAX {
            return Err(NotASheet::TooLarge);
        }
        self.csv.write_record(cells).map_err(|error| NotASheet::Unreadable(error.to_string()))
    }

    fn finish(mut self) -> Result<Vec<u8>, NotASheet> {
        if !self.cells.is_empty() {
            self.end_row()?;
        }
        self.csv.into_inner().map_err(|error| NotASheet::Unreadable(error.to_string()))
    }
}

/// Names a cell as spreadsheets do: `XFD1`.
fn name(row: u32, column: u32) -> String {
    let (mut letters, mut rest) = (Vec::new(), u64::from(column) + 1);
    while rest > 0 {
        let letter = u8::try_from((rest - 1) % 26).unwrap_or_default();
        letters.push(char::from(b'A' + letter));
        rest = (rest - 1) / 26;
    }
    let column: String = letters.into_iter().rev().collect();
    format!("{column}{}", u64::from(row) + 1)
}

/// Writes a cell as text: the whole number that stands in it, not what the sheet shows.
fn written(cell: &Data) -> String {
    let text = match cell {
        Data::Int(number) => number.to_string(),
        Data::Float(number) => number.to_string(),
        Data::String(text) | Data::DateTimeIso(text) | Data::DurationIso(text) => text.clone(),
        Data::Bool(truth) => truth.to_string(),
        Data::DateTime(moment) => date(*moment),
        Data::Error(error) => error.to_string(),
        Data::Empty => String::new(),
    };
    let lines = text.split(['\n', '\r']).map(str::trim).filter(|line| !line.is_empty());
    lines.collect::<Vec<_>>().join(" / ")
}

/// Writes a date as ISO 8601 has it, with the time of day if there is one.
fn date(moment: ExcelDateTime) -> String {
    let (year, month, day, hour, minute, second, _) = moment.to_ymd_hms_milli();
    let time = format!("{hour:02}:{minute:02}:{second:02}");
    match (moment.as_f64() < 1.0, time.as_str()) {
        (true, _) => time,
        (false, "00:00:00") => format!("{year}-{month:02}-{day:02}"),
        (false, _) => format!("{year}-{month:02}-{day:02} {time}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sheet(cells: &[(u32, u32)]) -> Result<Vec<u8>, NotASheet> {
        let mut rows = Rows::default();
        for (row, column) in cells {
            rows.add(*row, *column, &Data::Int(1))?;
        }
        rows.finish()
    }

    #[test]
    fn a_stray_cell_far_to_the_right_is_told_by_its_name() {
        for (cell, called) in [((0, 16_383), "XFD1"), ((6, 256), "IW7"), ((1, 701), "ZZ2")] {
            let told = sheet(&[cell]).map_err(|error| error.to_string());
            assert!(told.is_err_and(|told| told.contains(called)), "{called}");
        }
        assert!(sheet(&[(0, 255)]).is_ok());
    }

    #[test]
    fn rows_are_counted_with_the_cells_that_fill_them_up() {
        let wide = [(0, 255)].into_iter().chain((1..200_000).map(|row| (row, 0)));
        let wide: Vec<_> = wide.collect();
        assert!(matches!(sheet(&wide), Err(NotASheet::TooLarge)));
    }

    #[test]
    fn blank_rows_above_a_stray_cell_cost_next_to_nothing() -> Result<(), NotASheet> {
        let csv = sheet(&[(0, 255), (1_048_575, 0)])?;
        assert!(csv.len() < 4 << 20, "{}", csv.len());
        assert_eq!(csv.iter().filter(|byte| **byte == b'\n').count(), 1_048_576);
        Ok(())
    }
}
