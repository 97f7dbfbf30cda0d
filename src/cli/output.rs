//! The one place that prints: data to standard output, everything else to standard error.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use comfy_table::{ContentArrangement, Table, presets};
use indicatif::{ProgressBar, ProgressStyle};
use jiff::tz::TimeZone;
use serde::Serialize;

use super::failure::Failure;
use super::french::told;
pub use crate::watch::Lang;

/// The form of the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Tables for people.
    Table,
    /// One record a line, columns apart by tabs, no titles.
    Plain,
    /// One JSON value.
    Json,
}

/// A table to be shown: titles and rows of equal length.
#[derive(Clone, Debug, Default)]
pub struct Sheet {
    titles: Vec<&'static str>,
    rows: Vec<Vec<String>>,
}

impl Sheet {
    /// Makes an empty table.
    #[must_use]
    pub fn new(titles: &[&'static str]) -> Self {
        Self { titles: titles.to_vec(), rows: Vec::new() }
    }

    /// Gives the titles.
    #[must_use]
    pub fn titles(&self) -> &[&'static str] {
        &self.titles
    }

    /// Gives the rows.
    #[must_use]
    pub fn rows(&self) -> &[Vec<String>] {
        &self.rows
    }

    /// Adds a row.
    pub fn add(&mut self, row: impl IntoIterator<Item = String>) {
        self.rows.push(row.into_iter().collect());
    }
}

/// How and where to print.
#[derive(Clone, Copy, Debug)]
pub struct Output {
    /// The form of the data.
    pub form: Form,
    /// Whether colours are wanted on standard error.
    pub color: bool,
    /// Whether only data and failures are printed.
    pub quiet: bool,
    /// The language.
    pub lang: Lang,
}

impl Output {
    /// Prints data: as JSON, or as a table.
    pub fn show<T: Serialize>(&self, data: &T, sheet: impl FnOnce(Lang) -> Sheet) {
        match self.form {
            Form::Json => self.json(data),
            Form::Plain => self.text(&plain(&sheet(self.lang))),
            Form::Table => self.text(&table(&sheet(self.lang))),
        }
    }

    /// Prints data as one JSON value.
    pub fn json<T: Serialize>(&self, data: &T) {
        match serde_json::to_string_pretty(data) {
            Ok(text) => self.text(&format!("{text}\n")),
            Err(error) => self.warn(&format!("this answer cannot be written as JSON: {error}")),
        }
    }

    /// Prints data that is text already.
    pub fn text(&self, text: &str) {
        let mut out = io::stdout().lock();
        let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
        if let Err(error) = written
            && error.kind() != io::ErrorKind::BrokenPipe
        {
            self.warn(&format!("cannot print: {error}"));
        }
    }

    /// Says what was done, or what to do next.
    pub fn note(&self, text: &str) {
        if !self.quiet {
            aside(&told(text, self.lang));
        }
    }

    /// Warns.
    pub fn warn(&self, text: &str) {
        let (style, text) = (self.style(AnsiColor::Yellow), told(text, self.lang));
        aside(&format!("{style}{}{style:#} {text}", self.lang.say("warning:", "attention :")));
    }

    /// Tells why the command failed.
    pub fn failure(&self, failure: &Failure) {
        if self.form == Form::Json {
            let told = serde_json::json!({
                "code": failure.code, "message": failure.message, "hint": failure.hint,
            });
            return aside(&told.to_string());
        }
        let located = failure.code == "config_invalid";
        let style = self.style(AnsiColor::Red);
        let head = if located {
            String::new()
        } else {
            format!("{style}{}{style:#} ", self.lang.say("error:", "erreur :"))
        };
        aside(&format!("{head}{}", told(&failure.message, self.lang)));
        if let Some(hint) = &failure.hint {
            aside(&format!("    → {}", told(hint, self.lang)));
        }
    }

    /// Starts a progress bar, invisible when nobody watches. `None` knows no length.
    #[must_use]
    pub fn progress(&self, length: Option<u64>, what: &'static str) -> ProgressBar {
        if self.quiet || self.form == Form::Json || !io::stderr().is_terminal() {
            return ProgressBar::hidden();
        }
        let (bar, template) = match length {
            Some(length) => (ProgressBar::new(length), "{msg} {wide_bar} {percent} % {eta}"),
            None => (ProgressBar::new_spinner(), "{spinner} {msg} {pos}"),
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(100));
        bar.with_message(what)
    }

    fn style(&self, color: AnsiColor) -> Style {
        if self.color { Style::new().fg_color(Some(color.into())).bold() } else { Style::new() }
    }
}

/// Writes a moment on this machine's clock; one that cannot be read stays as it is.
pub(super) fn moment(text: &str, form: &str) -> String {
    text.parse::<jiff::Timestamp>().map_or_else(
        |_| text.to_owned(),
        |at| at.to_zoned(TimeZone::system()).strftime(form).to_string(),
    )
}

/// Writes a moment to the minute on this machine's clock, with its zone.
pub(super) fn minute(text: &str) -> String {
    moment(text, "%Y-%m-%d %H:%M %Z")
}

/// Writes a line to standard error; if even that fails there is nobody left to tell.
fn aside(text: &str) {
    let mut err = io::stderr().lock();
    drop(err.write_all(text.as_bytes()).and_then(|()| err.write_all(b"\n")));
}

fn plain(sheet: &Sheet) -> String {
    let clean = |cell: &String| cell.replace(['\t', '\n', '\r'], " ");
    let line = |row: &Vec<String>| row.iter().map(clean).collect::<Vec<_>>().join("\t") + "\n";
    sheet.rows.iter().map(line).collect()
}

fn table(sheet: &Sheet) -> String {
    let mut table = Table::new();
    // On a terminal, and only there, long cells are wrapped to its width.
    table.set_content_arrangement(ContentArrangement::Dynamic);
    table.load_style(presets::NOTHING).set_header(&sheet.titles);
    for row in &sheet.rows {
        table.add_row(row);
    }
    table.trim_fmt() + "\n"
}
