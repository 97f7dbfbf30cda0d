//! What is wrong with a text that is no TOML, in the words of whoever wrote it.

use std::ops::Range;

use toml::de::Error;

use super::problem::place;

/// A mistake of grammar, what it is and what to do.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Mistake {
    /// Where it stands.
    pub(super) span: Range<usize>,
    /// What is wrong.
    pub(super) message: String,
    /// What to do.
    pub(super) hint: Option<String>,
}

/// The tables that there may be several of.
const LISTS: [&str; 7] =
    ["trunk", "caller_id", "pause", "route", "disposition", "response", "trunk.response"];

/// What people write for a flag, and what it means.
const FLAGS: [(&str, &str); 10] = [
    ("true", "true"),
    ("yes", "true"),
    ("on", "true"),
    ("oui", "true"),
    ("vrai", "true"),
    ("false", "false"),
    ("no", "false"),
    ("off", "false"),
    ("non", "false"),
    ("faux", "false"),
];

/// Quotes that word processors and messengers put in the place of straight ones.
const CURLED: [char; 7] = ['“', '”', '„', '«', '»', '‘', '’'];

/// Gives each mistake once: the first of its line, and of a table that is there twice its head
/// alone, whose keys are all there twice too.
pub(super) fn mistakes(text: &str, errors: &[Error]) -> Vec<Mistake> {
    let mut errors: Vec<_> =
        errors.iter().map(|error| (error.span().unwrap_or(0..0), error.message())).collect();
    errors.sort_by_key(|(span, _)| span.start);
    let unclosed = errors.iter().any(|(_, message)| *message == UNCLOSED_LIST);
    let mut found: Vec<Mistake> = Vec::new();
    let mut last = 0;
    let mut doubled = None;
    for (span, message) in errors {
        let line = Line::at(text, span.start);
        let again = line.number == last;
        last = line.number;
        if again || doubled.is_some_and(|head| line.is_below(text, head)) {
            continue;
        }
        if unclosed && (message == UNCLOSED_LIST || message.contains("comma")) {
            // Whatever follows was taken for values of the list.
            let end = text.get(..span.start).unwrap_or(text).trim_end().len();
            found.push(said(end..end, UNCLOSED_LIST, "write ] behind the last value"));
            break;
        }
        doubled = (message == "duplicate key" && line.is_head()).then_some(line.start);
        let mistake = line.mistake(span, message);
        let table = |other: &Mistake| doubled.is_some() && other.message == mistake.message;
        if !found.iter().any(table) {
            found.push(mistake);
        }
    }
    found
}

/// What the parser says of a list without an end.
const UNCLOSED_LIST: &str = "unclosed array, expected `]`";

fn said(span: Range<usize>, message: &str, hint: &str) -> Mistake {
    Mistake { span, message: message.to_owned(), hint: Some(hint.to_owned()) }
}

/// The line that a mistake stands on.
struct Line<'t> {
    text: &'t str,
    start: usize,
    number: usize,
}

impl<'t> Line<'t> {
    fn at(text: &'t str, place_in: usize) -> Self {
        let before = text.get(..place_in).unwrap_or(text);
        let start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let line = text.get(start..).and_then(|rest| rest.lines().next()).unwrap_or_default();
        Self { text: line, start, number: place(text, &(place_in..place_in)).0 }
    }

    fn is_head(&self) -> bool {
        self.text.trim_start().starts_with('[')
    }

    /// Tells whether the line belongs to the table whose head begins there.
    fn is_below(&self, text: &str, head: usize) -> bool {
        let between = text.get(head..self.start).unwrap_or_default();
        let heads = between.lines().filter(|line| line.trim_start().starts_with('['));
        !self.is_head() && heads.count() <= 1
    }

    /// Gives what stands behind each equals sign, with its place in the file.
    fn values(&self) -> impl Iterator<Item = (usize, &'t str)> {
        self.text.match_indices('=').filter_map(|(at, _)| {
            let behind = self.text.get(at + 1..)?;
            let value = behind.trim_start();
            Some((self.start + at + 1 + behind.len() - value.len(), value.trim_end()))
        })
    }

    fn mistake(&self, span: Range<usize>, message: &str) -> Mistake {
        if message == "duplicate key" {
            return self.twice(span);
        }
        let by_value = self.values().find_map(|(at, value)| {
            let (message, hint) = curled(value).or_else(|| comma(value)).or_else(|| flag(value))?;
            Some(Mistake { span: at..at + 1, message, hint: Some(hint) })
        });
        by_value.unwrap_or_else(|| self.by_message(span, message))
    }

    /// Tells of a key or table that is there twice.
    fn twice(&self, span: Range<usize>) -> Mistake {
        let Some(head) = self.text.trim_start().strip_prefix('[') else {
            return said(span, "duplicate key", "remove one of the two lines");
        };
        let name = head.trim_start_matches('[').split(']').next().unwrap_or_default().trim();
        let hint = if LISTS.contains(&name) {
            format!("there may be several: write `[[{name}]]` above each of them")
        } else {
            format!("write the keys of both below one `[{name}]`")
        };
        Mistake { span, message: format!("the table {name:?} is there twice"), hint: Some(hint) }
    }

    fn by_message(&self, span: Range<usize>, message: &str) -> Mistake {
        let value = self.values().next();
        let bare = value.filter(|(_, value)| {
            let letter = value.starts_with(|sign: char| sign.is_alphanumeric());
            letter && !message.contains("leading")
        });
        let (at, value) = value.unwrap_or((span.start, ""));
        if self.text.split('=').next().is_some_and(|key| key.contains(':')) {
            return said(span, "a colon stands where a key ends", "write `key = value`");
        }
        if message.contains("basic") || message.ends_with("`'`") {
            return said(span, "the text does not end", "write the quote that closes it");
        }
        if message.contains("escape") || message.contains("unicode") {
            let hint = "write two of them, or a slash in a path";
            return said(span, "a backslash begins a special sign here", hint);
        }
        if message.contains("comma") {
            let hint = "write a comma between them";
            return said(span, "no comma stands between two values", hint);
        }
        if message.contains("leading") {
            let hint = "write a telephone number in quotes, another number without the zero";
            return said(span, "a number does not begin with 0", hint);
        }
        if value.is_empty() && self.text.contains('=') {
            return said(span, "has no value", "write a value behind the equals sign");
        }
        if bare.is_some() {
            let text = value.split(['#', ',', '}', ']']).next().unwrap_or(value).trim_end();
            let hint = format!("write \"{text}\"");
            return said(at..at + 1, "a text stands in quotes", &hint);
        }
        if message.starts_with("key") {
            return said(span, "a key has no value", "write `key = value`");
        }
        if message.starts_with("unclosed table, expected `]`") {
            return said(span, "unclosed table, expected `]`", "write ] behind its name");
        }
        if message.contains("newline") {
            let hint = "write one key with one value on each line";
            return said(span, "something stands behind the value", hint);
        }
        Mistake { span, message: message.to_owned(), hint: None }
    }
}

/// Tells of quotes that are not straight.
fn curled(value: &str) -> Option<(String, String)> {
    value.trim_start_matches(['[', ' ']).starts_with(CURLED).then(|| {
        ("the quotes are not straight".to_owned(), "write straight quotes: \"…\"".to_owned())
    })
}

/// Tells of a comma in a number.
fn comma(value: &str) -> Option<(String, String)> {
    let unsigned = value.strip_prefix('-').unwrap_or(value);
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let (whole, behind) = unsigned.split_at_checked(digits(unsigned))?;
    let behind = behind.strip_prefix(',')?;
    let part = behind.get(..digits(behind)).filter(|part| !part.is_empty())?;
    (!whole.is_empty()).then(|| {
        let sign = if unsigned.len() < value.len() { "-" } else { "" };
        ("a number has no comma".to_owned(), format!("write {sign}{whole}.{part}"))
    })
}

/// Tells of a flag in other words.
fn flag(value: &str) -> Option<(String, String)> {
    let word = value.split(|sign: char| !sign.is_alphabetic()).next()?;
    let small = word.to_lowercase();
    let meant = FLAGS.iter().find(|(flag, meant)| *flag == small && word != *meant)?.1;
    Some((format!("{word:?} is neither true nor false"), format!("write `{meant}`")))
}
