//! A campaign's dispositions.

use super::reader::{Fields, Value};
use crate::core::campaign::{self, DispositionClass, Then};
use crate::units::{DispositionId, Span};

/// One disposition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disposition {
    /// Its place in the campaign's list.
    pub id: DispositionId,
    /// The digit an agent presses, 0 to 9.
    pub key: Option<u8>,
    /// The short name used in commands and events.
    pub code: String,
    /// What people read.
    pub label: String,
    /// Whether the offer was made, and how it was taken.
    pub class: DispositionClass,
    /// What becomes of the contact.
    pub then: Then,
    /// What the agent must say besides.
    pub needs: Option<Need>,
}

/// What a disposition asks for besides itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// The amount of a sale.
    Amount,
    /// The date, place and salesperson of an appointment.
    Appointment,
    /// The moment of a callback.
    Callback,
}

impl Disposition {
    /// Gives what the core knows of it.
    #[must_use]
    pub fn meaning(&self) -> (DispositionId, campaign::Disposition) {
        (self.id, campaign::Disposition { class: self.class, then: self.then })
    }
}

/// A campaign has at most this many dispositions: agents choose among more badly.
const DISPOSITIONS_MAX: usize = 100;

/// A contact comes back after a day unless the disposition says otherwise.
const AFTER: Span = Span::secs(86_400);

/// The words for the classes.
pub(super) const CLASSES: [(&str, DispositionClass); 6] = [
    ("argued_positive", DispositionClass::ArguedPositive),
    ("ca+", DispositionClass::ArguedPositive),
    ("argued_negative", DispositionClass::ArguedNegative),
    ("ca-", DispositionClass::ArguedNegative),
    ("not_argued", DispositionClass::NotArgued),
    ("cna", DispositionClass::NotArgued),
];

const NEEDS: [(&str, Need); 3] =
    [("amount", Need::Amount), ("appointment", Need::Appointment), ("callback", Need::Callback)];

#[derive(Clone, Copy, PartialEq)]
enum ThenWord {
    Close,
    Retry,
    Callback,
    DoNotCall,
    WrongNumber,
}

const THENS: [(&str, ThenWord); 5] = [
    ("close", ThenWord::Close),
    ("retry", ThenWord::Retry),
    ("callback", ThenWord::Callback),
    ("do_not_call", ThenWord::DoNotCall),
    ("wrong_number", ThenWord::WrongNumber),
];

/// Reads every `[[disposition]]`, and tells whether all of them could be read.
pub(super) fn read(root: &Fields<'_, '_>) -> (Vec<Disposition>, bool) {
    let tables = root.tables("disposition");
    if tables.is_empty() || tables.len() > DISPOSITIONS_MAX {
        let hint = "add `[[disposition]]` with code, label and class for each way a call may end";
        root.error("disposition", "is missing, or there are over 100", hint);
    }
    let mut dispositions: Vec<Disposition> = Vec::new();
    for (place, fields) in tables.iter().take(DISPOSITIONS_MAX).enumerate() {
        let id = DispositionId(u16::try_from(place).unwrap_or(u16::MAX));
        let disposition = disposition(fields, id);
        fields.finish();
        let Some(disposition) = disposition else { continue };
        let taken = |other: &Disposition| other.code == disposition.code;
        if dispositions.iter().any(taken) {
            fields.error("code", "is the code of another disposition too", "rename one of them");
        }
        let pressed = |other: &Disposition| other.key.is_some() && other.key == disposition.key;
        if dispositions.iter().any(pressed) {
            fields.error("key", "is the key of another disposition too", "choose a free digit");
        }
        dispositions.push(disposition);
    }
    let whole = dispositions.len() == tables.len();
    (dispositions, whole)
}

fn disposition(fields: &Fields<'_, '_>, id: DispositionId) -> Option<Disposition> {
    let code = fields.must("code", "\"vente\"").and_then(|value| value.parse(code));
    let label = fields.get("label").and_then(|value| value.name());
    let class = fields.must("class", "\"argued_positive\"").and_then(|v| v.choice(&CLASSES));
    let key = fields.get("key").and_then(|value| value.parse(key));
    let needs = fields.get("needs").and_then(|value| value.choice(&NEEDS));
    let then = then(fields);
    let (code, then) = (code?, then?);
    if needs == Some(Need::Callback) && !matches!(then, Then::Callback(_)) {
        fields.error("needs", "asks for a callback nobody makes", "add `then = \"callback\"`");
    }
    Some(Disposition {
        id,
        key,
        label: label.unwrap_or_else(|| code.clone()),
        code,
        class: class?,
        then,
        needs: if matches!(then, Then::Callback(_)) { Some(Need::Callback) } else { needs },
    })
}

fn then(fields: &Fields<'_, '_>) -> Option<Then> {
    let word = fields.or("then", ThenWord::Close, |value| value.choice(&THENS));
    let after = fields.get("after");
    let waits = word == ThenWord::Retry || word == ThenWord::Callback;
    if let Some(value) = after.as_ref().filter(|_| !waits) {
        value.error("is for retry and callback only", Some("remove it".to_owned()));
    }
    let wait = |value: &Value<'_, '_>| value.span_in(Span::ZERO..=AFTER.times(365));
    let after = after.as_ref().map_or(Some(AFTER), wait)?;
    Some(match word {
        ThenWord::Close => Then::Close,
        ThenWord::Retry => Then::Retry(after),
        ThenWord::Callback => Then::Callback(after),
        ThenWord::DoNotCall => Then::DoNotCall,
        ThenWord::WrongNumber => Then::WrongNumber,
    })
}

/// A code stands in commands, events and exports.
fn code(text: &str) -> Result<String, String> {
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    let a_digit = text.len() == 1 && text.bytes().all(|byte| byte.is_ascii_digit());
    if (1..=32).contains(&text.len()) && text.bytes().all(letter) && !a_digit {
        Ok(text.to_owned())
    } else {
        Err("is no code: use 1 to 32 letters, digits, _ and -, and not one digit alone".to_owned())
    }
}

fn key(text: &str) -> Result<u8, String> {
    match text.parse() {
        Ok(digit) if digit <= 9 && text.len() == 1 => Ok(digit),
        Ok(_) | Err(_) => Err("is no digit: write \"0\" to \"9\"".to_owned()),
    }
}
