//! What is wrong in a file, where, and what to do about it.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::encoding::Foreign;

/// How bad a problem is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The file cannot be used.
    Error,
    /// The file can be used, and somebody should look at this.
    Warning,
}

/// One thing wrong in one place of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// How bad it is.
    pub severity: Severity,
    /// The file.
    pub path: PathBuf,
    /// The line, from 1; 0 when the whole file is meant.
    pub line: usize,
    /// The column in characters, from 1; 0 when the whole file is meant.
    pub column: usize,
    /// The key, with the names of its tables: `abandon.cap`.
    pub key: String,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
}

impl fmt::Display for Problem {
    /// Writes `file:line:column: error: key: message`, and the hint on a line of its own.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.path.display())?;
        if self.line > 0 {
            write!(f, ":{}:{}", self.line, self.column)?;
        }
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        write!(f, ": {severity}: ")?;
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        write!(f, "{}", self.message)?;
        match &self.hint {
            Some(hint) => write!(f, "\n    → {hint}"),
            None => Ok(()),
        }
    }
}

/// Everything found wrong with a configuration; at least one is an error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problems(pub Vec<Problem>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, problem) in self.0.iter().enumerate() {
            if place > 0 {
                writeln!(f)?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

impl Problems {
    /// Makes the one problem of a file that is no UTF-8, with the line that gives it away.
    pub(super) fn foreign(path: &Path, bytes: &[u8]) -> Self {
        let good = std::str::from_utf8(bytes).map_or_else(|error| error.valid_up_to(), str::len);
        let before = bytes.get(..good).unwrap_or_default();
        let text = String::from_utf8_lossy(before);
        // One damaged sign among whole ones keeps a file from being read as well.
        let foreign = Foreign::of(bytes).unwrap_or(Foreign::OneByte);
        let (line, column) = match foreign {
            Foreign::OneByte => place(&text, &(text.len()..text.len())),
            Foreign::Utf16 | Foreign::Workbook | Foreign::Binary => (0, 0),
        };
        Self(vec![Problem {
            severity: Severity::Error,
            path: path.to_owned(),
            line,
            column,
            key: String::new(),
            message: foreign.to_string(),
            hint: Some(foreign.mend("save it as UTF-8")),
        }])
    }

    /// Makes the one problem of a file that cannot be read at all.
    #[must_use]
    pub fn unreadable(path: &Path, error: &std::io::Error) -> Self {
        Self(vec![Problem {
            severity: Severity::Error,
            path: path.to_owned(),
            line: 0,
            column: 0,
            key: String::new(),
            message: format!("cannot be read: {error}"),
            hint: Some("name another file, or check its permissions".to_owned()),
        }])
    }
}

/// Finds the line and column, both from 1, of a byte of a text.
pub(super) fn place(text: &str, span: &Range<usize>) -> (usize, usize) {
    let before = text.get(..span.start).unwrap_or(text);
    let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
    let column = before.chars().rev().take_while(|letter| *letter != '\n').count() + 1;
    (line, column)
}
