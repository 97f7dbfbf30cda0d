//! Walks a TOML document, gathers every problem in it, and refuses keys nobody asked for.

use std::cell::RefCell;
use std::fmt::Display;
use std::ops::{Range, RangeInclusive};
use std::path::{Path, PathBuf};

use toml::Spanned as Located;
use toml::de::{DeTable as Table, DeValue};

use super::grammar;
use super::likeness::{likeliest, suggestion};
use super::measure;
use super::problem::{Problem, Severity, place};
use crate::units::{Ratio, Span};

/// A file being read, with the problems found so far.
#[derive(Debug)]
pub(super) struct Reader<'t> {
    path: &'t Path,
    text: &'t str,
    problems: RefCell<Vec<Problem>>,
    /// Keys of no table, each with the place of its problem: below a table's head stands what was
    /// meant for the whole file.
    strays: RefCell<Vec<(String, usize)>>,
}

impl<'t> Reader<'t> {
    /// Begins to read a file.
    pub(super) fn new(path: &'t Path, text: &'t str) -> Self {
        Self { path, text, problems: RefCell::default(), strays: RefCell::default() }
    }

    /// Parses the document. With a mistake of grammar there is none: what could still be read of
    /// it would look as if keys were missing, and hide the mistake.
    pub(super) fn parse(&self) -> Option<Located<Table<'t>>> {
        let (document, errors) = Table::parse_recoverable(self.text);
        for mistake in grammar::mistakes(self.text, &errors) {
            self.error(&mistake.span, "", &mistake.message, mistake.hint);
        }
        errors.is_empty().then_some(document)
    }

    /// Gives the problems found, in the order of the file.
    pub(super) fn finish(self) -> Vec<Problem> {
        let mut problems = self.problems.into_inner();
        problems.sort_by_key(|problem| (problem.line, problem.column));
        problems
    }

    /// Takes in the problems of a file that this one names.
    pub(super) fn include(&self, problems: Vec<Problem>) {
        self.problems.borrow_mut().extend(problems);
    }

    /// Gives a path as the file means it: relative to the file's own folder.
    pub(super) fn beside(&self, path: &str) -> PathBuf {
        self.path.parent().unwrap_or_else(|| Path::new("")).join(path)
    }

    /// Keeps in mind that the latest problem is of a key that its table does not have, if a line
    /// begins with it: only such a line can stand below a table it was not meant for.
    fn stray(&self, span: &Range<usize>, key: &str) {
        let before = self.text.get(..span.start).unwrap_or_default();
        let begins = before.rsplit('\n').next().is_some_and(|before| before.trim().is_empty());
        if let Some(place) = self.problems.borrow().len().checked_sub(1).filter(|_| begins) {
            self.strays.borrow_mut().push((key.to_owned(), place));
        }
    }

    /// Says of the stray keys that the whole file has where they belong, and gives them.
    fn bring_home(&self, known: &[&str]) -> Vec<String> {
        let mut problems = self.problems.borrow_mut();
        let mut home = Vec::new();
        for (key, place) in self.strays.take() {
            let Some(problem) = problems.get_mut(place).filter(|_| known.contains(&&*key)) else {
                continue;
            };
            "is a key of the whole file, not of the table above it"
                .clone_into(&mut problem.message);
            problem.hint = Some("move the line up, above the first [table]".to_owned());
            home.push(key);
        }
        home
    }

    fn error(&self, span: &Range<usize>, key: &str, message: &str, hint: Option<String>) {
        self.note(Severity::Error, span, key, message, hint);
    }

    fn note(
        &self,
        severity: Severity,
        span: &Range<usize>,
        key: &str,
        message: &str,
        hint: Option<String>,
    ) {
        let (line, column) = place(self.text, span);
        self.problems.borrow_mut().push(Problem {
            severity,
            path: self.path.to_owned(),
            line,
            column,
            key: key.to_owned(),
            message: message.replace('\n', " "),
            hint,
        });
    }
}

/// A table whose keys are asked for one by one; [`Fields::finish`] refuses the others.
#[derive(Debug)]
pub(super) struct Fields<'r, 't> {
    reader: &'r Reader<'t>,
    table: &'r Table<'t>,
    span: Range<usize>,
    name: String,
    /// What holds for the keys this table leaves out.
    beneath: Option<&'r Self>,
    known: RefCell<Vec<&'static str>>,
    refused: RefCell<Vec<&'static str>>,
    missing: RefCell<Vec<(&'static str, String)>>,
}

impl<'r, 't> Fields<'r, 't> {
    /// Opens a document's outermost table.
    pub(super) fn root(reader: &'r Reader<'t>, document: &'r Located<Table<'t>>) -> Self {
        Self {
            reader,
            table: document.get_ref(),
            span: 0..0,
            name: String::new(),
            beneath: None,
            known: RefCell::default(),
            refused: RefCell::default(),
            missing: RefCell::default(),
        }
    }

    /// Lays this table over another, which holds for the keys it leaves out.
    pub(super) fn over(self, beneath: &'r Self) -> Self {
        Self { beneath: Some(beneath), ..self }
    }

    /// Asks for a key that may be missing.
    pub(super) fn get(&self, key: &'static str) -> Option<Value<'r, 't>> {
        if !self.known.borrow().contains(&key) {
            self.known.borrow_mut().push(key);
        }
        // Asked in any case: a key that is overruled is not an unknown one.
        let beneath = self.beneath.and_then(|beneath| beneath.get(key));
        let own = self.table.get_key_value(key);
        own.map(|(located, value)| self.value(located.span(), key, value)).or(beneath)
    }

    /// Asks for a key that is there by mistake only, and is never proposed.
    pub(super) fn refused(&self, key: &'static str) -> Option<Value<'r, 't>> {
        self.refused.borrow_mut().push(key);
        let (located, value) = self.table.get_key_value(key)?;
        Some(self.value(located.span(), key, value))
    }

    /// Asks for a key that must be there; [`Fields::finish`] tells when it is not.
    pub(super) fn must(&self, key: &'static str, example: &str) -> Option<Value<'r, 't>> {
        let value = self.get(key);
        if value.is_none() {
            self.missing.borrow_mut().push((key, format!("add `{key} = {example}`")));
        }
        value
    }

    /// Reads a key, or takes the default when it is missing. After a problem the default is
    /// given too: the file is refused anyway, and the reading goes on to find more problems.
    pub(super) fn or<T>(
        &self,
        key: &'static str,
        default: T,
        read: impl FnOnce(&Value<'r, 't>) -> Option<T>,
    ) -> T {
        self.get(key).and_then(|value| read(&value)).unwrap_or(default)
    }

    /// Reads a key, or takes the default when it is missing; `None` after a problem, for what is
    /// compared with others then.
    pub(super) fn sound<T>(
        &self,
        key: &'static str,
        default: T,
        read: impl FnOnce(&Value<'r, 't>) -> Option<T>,
    ) -> Option<T> {
        self.get(key).map_or(Some(default), |value| read(&value))
    }

    /// Opens the table under a key that may be missing.
    pub(super) fn table(&self, key: &'static str) -> Option<Self> {
        self.get(key)?.fields()
    }

    /// Opens every table of an array of tables.
    pub(super) fn tables(&self, key: &'static str) -> Vec<Self> {
        let values = self.get(key).map(|value| value.list()).unwrap_or_default();
        values.iter().filter_map(Value::fields).collect()
    }

    /// Gives every key with its value, for tables whose keys are data.
    pub(super) fn entries(&self) -> Vec<(String, Value<'r, 't>)> {
        let entry = |(key, value): (&'r Located<_>, &'r Located<DeValue<'t>>)| {
            let name: &std::borrow::Cow<'t, str> = key.get_ref();
            (name.to_string(), self.value(key.span(), name, value))
        };
        self.table.iter().map(entry).collect()
    }

    /// Refuses every key that was not asked for, with the likeliest known one, and tells which
    /// keys are missing, misspelt ones excepted.
    pub(super) fn finish(&self) {
        let (known, missing) = (self.known.borrow(), self.missing.borrow());
        let refused = self.refused.borrow();
        let names = self.table.keys().map(|key| (key.span(), key.get_ref().as_ref()));
        let asked_for = |name: &str| known.contains(&name) || refused.contains(&name);
        let unknown: Vec<(_, &str)> = names.filter(|(_, name)| !asked_for(name)).collect();
        for (span, name) in &unknown {
            let hint = suggestion(name, known.iter().copied());
            let hint = hint.or_else(|| Some("remove it".to_owned()));
            self.reader.error(span, &self.path(name), "unknown key", hint);
            self.reader.stray(span, name);
        }
        let whole = self.name.is_empty();
        let home = if whole { self.reader.bring_home(&known) } else { Vec::new() };
        for (key, hint) in missing.iter() {
            let misspelt = |name: &str| likeliest(name, std::iter::once(*key)).is_some();
            let stray = home.iter().any(|name| name == key);
            if !stray && !unknown.iter().any(|(_, name)| misspelt(name)) {
                self.error(key, "is missing", hint);
            }
        }
    }

    /// Forgets which keys are missing: what would have had them cannot be read, and says so.
    pub(super) fn forgive(&self) {
        self.missing.borrow_mut().clear();
    }

    /// Reports a problem of the whole table.
    pub(super) fn error(&self, key: &str, message: &str, hint: &str) {
        self.reader.error(&self.span, &self.path(key), message, Some(hint.to_owned()));
    }

    fn path(&self, key: &str) -> String {
        match (self.name.is_empty(), key.is_empty()) {
            (true, _) => key.to_owned(),
            (false, true) => self.name.clone(),
            (false, false) => format!("{}.{key}", self.name),
        }
    }

    fn value(
        &self,
        key: Range<usize>,
        name: &str,
        value: &'r Located<DeValue<'t>>,
    ) -> Value<'r, 't> {
        Value {
            reader: self.reader,
            name: self.path(name),
            key,
            span: value.span(),
            value: value.get_ref(),
        }
    }
}

/// A value under a key, with its place in the file.
#[derive(Debug)]
pub(super) struct Value<'r, 't> {
    reader: &'r Reader<'t>,
    name: String,
    key: Range<usize>,
    span: Range<usize>,
    value: &'r DeValue<'t>,
}

impl<'r, 't> Value<'r, 't> {
    /// Reads a text.
    pub(super) fn text(&self) -> Option<&'r str> {
        let text = self.value.as_str();
        if text.is_none() {
            self.mistyped("a text in quotes");
        }
        text
    }

    /// Reads a text that is not empty.
    pub(super) fn name(&self) -> Option<String> {
        self.parse(
            |text| if text.trim().is_empty() { Err("is empty".into()) } else { Ok(text.into()) },
        )
    }

    /// Reads a text by a function that says what is wrong with it.
    pub(super) fn parse<T>(&self, read: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        let text = self.text()?;
        match read(text) {
            Ok(value) => Some(value),
            Err(message) => {
                self.error(&format!("{text:?} {message}"), None);
                None
            }
        }
    }

    /// Reads one of several words, some of which may mean the same.
    pub(super) fn choice<T: Copy>(&self, words: &[(&str, T)]) -> Option<T> {
        let text = self.text()?;
        let found = words.iter().find(|(word, _)| word.eq_ignore_ascii_case(text));
        if found.is_none() {
            let hint = suggestion(text, words.iter().map(|(word, _)| *word));
            self.error(&format!("{text:?} is no choice here"), hint);
        }
        found.map(|(_, value)| *value)
    }

    /// Reads a length of time with its unit.
    pub(super) fn span(&self) -> Option<Span> {
        if self.value.is_integer() || self.value.is_float() {
            self.error(
                "has no unit",
                Some("write a text such as \"30s\", \"15m\" or \"72h\"".into()),
            );
            return None;
        }
        self.parse(measure::span)
    }

    /// Reads a length of time between two limits.
    pub(super) fn span_in(&self, limits: RangeInclusive<Span>) -> Option<Span> {
        let span = self.span()?;
        if limits.contains(&span) {
            return Some(span);
        }
        let (low, high) = (measure::say(*limits.start()), measure::say(*limits.end()));
        let hint = format!("write a length of time from \"{low}\" to \"{high}\"");
        self.error(&format!("is outside {low} to {high}"), Some(hint));
        None
    }

    /// Reads a share such as `3%`.
    pub(super) fn ratio(&self) -> Option<Ratio> {
        if self.value.is_integer() || self.value.is_float() {
            self.error("has no unit", Some("write a text such as \"3%\"".into()));
            return None;
        }
        self.parse(measure::ratio)
    }

    /// Reads a number of events per second such as `2/s`.
    pub(super) fn per_second(&self) -> Option<f64> {
        if self.value.is_integer() || self.value.is_float() {
            self.error("has no unit", Some("write a text such as \"2/s\"".into()));
            return None;
        }
        self.parse(measure::per_second)
    }

    /// Reads a whole number between two limits.
    pub(super) fn whole(&self, limits: RangeInclusive<u32>) -> Option<u32> {
        let Some(integer) = self.value.as_integer() else {
            self.mistyped("a whole number without quotes");
            return None;
        };
        let value = i64::from_str_radix(integer.as_str(), integer.radix());
        let value = value.ok().and_then(|value| u32::try_from(value).ok());
        let value = value.filter(|value| limits.contains(value));
        if value.is_none() {
            self.outside(limits.start(), limits.end());
        }
        value
    }

    /// Reads a number that may have a fraction, between two limits.
    pub(super) fn real(&self, limits: RangeInclusive<f64>) -> Option<f64> {
        let digits = match (self.value.as_float(), self.value.as_integer()) {
            (Some(float), _) => float.as_str(),
            (None, Some(integer)) => integer.as_str(),
            (None, None) => {
                self.mistyped("a number without quotes");
                return None;
            }
        };
        let value = digits.parse().ok().filter(|value| limits.contains(value));
        if value.is_none() {
            self.outside(limits.start(), limits.end());
        }
        value
    }

    fn outside(&self, low: impl Display, high: impl Display) {
        let hint = format!("write a number from {low} to {high}");
        self.error(&format!("is outside {low} to {high}"), Some(hint));
    }

    /// Reads `true` or `false`.
    pub(super) fn flag(&self) -> Option<bool> {
        let flag = self.value.as_bool();
        if flag.is_none() {
            self.mistyped("true or false without quotes");
        }
        flag
    }

    /// Reads a path, relative to the file's own folder.
    pub(super) fn file(&self) -> Option<PathBuf> {
        Some(self.reader.beside(&self.name()?))
    }

    /// Reads an array's values.
    pub(super) fn list(&self) -> Vec<Self> {
        let Some(array) = self.value.as_array() else {
            self.mistyped("a list in square brackets");
            return Vec::new();
        };
        let item = |(place, value): (usize, &'r Located<DeValue<'t>>)| Self {
            reader: self.reader,
            name: format!("{}[{}]", self.name, place + 1),
            key: value.span(),
            span: value.span(),
            value: value.get_ref(),
        };
        array.iter().enumerate().map(item).collect()
    }

    /// Reads one value, or an array of them.
    pub(super) fn one_or_more(self) -> Vec<Self> {
        if self.value.is_array() { self.list() } else { vec![self] }
    }

    /// Opens a table.
    pub(super) fn fields(&self) -> Option<Fields<'r, 't>> {
        let Some(table) = self.value.as_table() else {
            self.mistyped("a table");
            return None;
        };
        Some(Fields {
            reader: self.reader,
            table,
            span: self.key.clone(),
            name: self.name.clone(),
            beneath: None,
            known: RefCell::default(),
            refused: RefCell::default(),
            missing: RefCell::default(),
        })
    }

    /// Tells whether the value is a table.
    pub(super) fn is_table(&self) -> bool {
        self.value.is_table()
    }

    /// Tells whether the value is a text.
    pub(super) fn is_text(&self) -> bool {
        self.value.is_str()
    }

    /// Tells whether the value is a list.
    pub(super) fn is_list(&self) -> bool {
        self.value.is_array()
    }

    /// Gives the line it stands on, from 1.
    pub(super) fn line(&self) -> usize {
        place(self.reader.text, &self.span).0
    }

    /// Reports a problem of this value.
    pub(super) fn error(&self, message: &str, hint: Option<String>) {
        self.reader.error(&self.span, &self.name, message, hint);
    }

    /// Reports something to look at.
    pub(super) fn warn(&self, message: &str, hint: &str) {
        let hint = Some(hint.to_owned());
        self.reader.note(Severity::Warning, &self.span, &self.name, message, hint);
    }

    fn mistyped(&self, wanted: &str) {
        let found = self.value.type_str();
        self.error(&format!("is of type {found}, but {wanted} is wanted"), None);
    }
}
