//! `cadran list inspect`: what a list is, and what an import would make of it.

use std::collections::BTreeMap;
use std::io::BufReader;

use clap::Args;
use serde::Serialize;

use super::failure::{Exit, Failure, Outcome};
use super::list::find_campaign;
use super::listed::{self, Source, Text};
use super::output::{Lang, Output, Sheet};
use super::{Global, french};
use crate::api::import::{List, Need, Options, Row};
use crate::api::types::ImportReport;
use crate::store::NewContact;
use crate::units::Territory;

/// Letters of a cell that are shown at most.
const EXAMPLE_CHARS_MAX: usize = 30;

/// A list to be looked at.
#[derive(Debug, Args)]
pub(super) struct Inspect {
    #[command(flatten)]
    source: Source,
    /// The campaign whose law says which right to call a record must bring
    #[arg(long)]
    campaign: Option<String>,
}

/// What a list is.
#[derive(Debug, Serialize)]
struct Inspected {
    #[serde(flatten)]
    report: ImportReport,
    /// Its columns in their order.
    cells: Vec<Column>,
    whose: Whose,
}

/// A column, and what stands in it.
#[derive(Debug, Default, Serialize)]
struct Column {
    title: String,
    filled: u64,
    /// The first cell that is not empty.
    example: String,
}

/// Whose the importable records and their numbers are.
#[derive(Debug, Default, Serialize)]
struct Whose {
    /// Numbers, by class.
    classes: BTreeMap<String, u64>,
    /// Numbers, by the territory whose law holds; those kept for fiction have none.
    territories: BTreeMap<String, u64>,
    /// Numbers, by time zone.
    zones: BTreeMap<String, u64>,
    /// Records, by the kind of person, where one is told.
    persons: BTreeMap<String, u64>,
}

impl Inspect {
    pub(super) fn run(self, global: &Global, output: &Output) -> Outcome {
        let mut options = self.source.options(global)?;
        if let Some(name) = &self.campaign {
            let law = find_campaign(name, global, output)?;
            options.need = Need::ByLaw(law.unwrap_or_default());
        }
        let text = self.source.text(output)?;
        let inspected = self.look(&text, options, output)?;
        output.show(&inspected, |lang| sheet(&inspected, lang));
        self.source.doubt(&inspected.report, output);
        Ok(Exit::Done)
    }

    fn look(&self, text: &Text, options: Options, output: &Output) -> Result<Inspected, Failure> {
        let csv = &*text.csv;
        let bar = output.progress(u64::try_from(csv.len()).ok(), "CSV");
        let mut list = List::open(BufReader::new(bar.wrap_read(csv)), options)
            .map_err(|error| listed::no_list(&error))?;
        let titles = list.dialect().titles;
        let column = |title: &str| Column { title: title.trim().to_owned(), ..Column::default() };
        let mut cells: Vec<Column> = titles.iter().map(column).collect();
        let mut whose = Whose::default();
        while let Some(row) = list.next_row()? {
            for (column, (_, cell)) in cells.iter_mut().zip(list.cells()) {
                column.count(cell);
            }
            if let Row::Contact(contact) = row {
                whose.count(&contact);
            }
        }
        bar.finish_and_clear();
        let report = ImportReport {
            file: self.source.file.display().to_string(),
            dry_run: true,
            encoding: text.encoding.name().to_owned(),
            sheet: text.sheet.clone(),
            ..list.report()
        };
        Ok(Inspected { report, cells, whose })
    }
}

impl Column {
    fn count(&mut self, cell: &[u8]) {
        let cell = cell.trim_ascii();
        if cell.is_empty() {
            return;
        }
        if self.filled == 0 {
            let text = String::from_utf8_lossy(cell);
            self.example = text.chars().take(EXAMPLE_CHARS_MAX).collect();
        }
        self.filled += 1;
    }
}

impl Whose {
    fn count(&mut self, contact: &NewContact) {
        let word = |value: serde_json::Value| value.as_str().unwrap_or_default().to_owned();
        if let Some(kind) = contact.kind {
            *self.persons.entry(word(serde_json::json!(kind))).or_default() += 1;
        }
        for new in &contact.numbers {
            let territory = new.territory.as_ref().map_or("fiction", Territory::code);
            *self.classes.entry(word(serde_json::json!(new.class))).or_default() += 1;
            *self.territories.entry(territory.to_owned()).or_default() += 1;
            *self.zones.entry(new.zone.name().to_owned()).or_default() += 1;
        }
    }
}

fn sheet(inspected: &Inspected, lang: Lang) -> Sheet {
    let Inspected { report, cells, whose } = inspected;
    let filled = lang.say("filled", "remplies");
    let mut columns = BTreeMap::new();
    for Column { title, filled: count, example } in cells {
        let meaning = report.columns.iter().find(|(known, _)| known.trim() == title);
        let meaning = meaning.map(|(_, meaning)| meaning.as_str()).unwrap_or_default();
        let example = if example.is_empty() { String::new() } else { format!("  « {example} »") };
        columns.insert(title.clone(), format!("{meaning}  {count} {filled}{example}"));
    }
    let mut sheet = listed::read_summary(&ImportReport { columns, ..report.clone() }, lang);
    let mut line = |label: &str, counts: &BTreeMap<String, u64>| {
        let mut counts: Vec<_> = counts.iter().collect();
        counts.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
        let counts = counts.iter().map(|(of, count)| format!("{count} {}", french::told(of, lang)));
        let counts: Vec<String> = counts.collect();
        if !counts.is_empty() {
            sheet.add([label.to_owned(), counts.join(", ")]);
        }
    };
    line(lang.say("numbers", "numéros"), &whose.classes);
    line(lang.say("territories", "territoires"), &whose.territories);
    line(lang.say("time zones", "fuseaux"), &whose.zones);
    line(lang.say("persons", "personnes"), &whose.persons);
    sheet
}
