//! Calls that come in: which trunks bring them, and what whoever calls a campaign's number hears.

use std::path::{Path, PathBuf};

use super::reader::{Fields, Value};
use crate::core::inbound::{Limits, Settings};
use crate::units::NumberForm;

/// Calls one trunk may bring at once at most: more are no callers any more.
const CALLS_MAX: u32 = 1_000;

/// Calls one trunk brings at once unless told otherwise: of a floor of 100 agents, those who call
/// back within three minutes.
const CALLS: u32 = 10;

/// Calls one trunk brings a second unless told otherwise.
const PER_SECOND: f64 = 2.0;

/// What becomes of the calls a trunk brings.
#[derive(Clone, Debug, PartialEq)]
pub struct Incoming {
    /// How many are answered; `None` takes none.
    pub limits: Option<Limits>,
    /// How their numbers are written.
    pub form: NumberForm,
    /// The status for a number that no campaign shows (RFC 3261 §21.4.5, §21.6.2).
    pub unknown: u16,
}

/// What whoever calls a campaign's number hears, and may do. Files are in the prompts folder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answering {
    /// Says who called, for which company, and which key ends that; a tone otherwise.
    pub greeting: Option<PathBuf>,
    /// The same for callers who are not known and for a number that several companies show; the
    /// greeting otherwise where one company shows it.
    pub general: Option<PathBuf>,
    /// Says that the wish is written down; a tone otherwise.
    pub confirmation: Option<PathBuf>,
    /// The key.
    pub settings: Settings,
}

const ANSWERED: [(&str, bool); 2] = [("answer", true), ("refuse", false)];

impl Incoming {
    /// Reads the keys of a `[[trunk]]` table that begin with `incoming`.
    pub(super) fn of(
        fields: &Fields<'_, '_>,
        forms: &[(&str, NumberForm)],
        usual: NumberForm,
    ) -> Self {
        let answered = fields.or("incoming", true, |value| value.choice(&ANSWERED));
        let calls = fields.or("incoming_calls", CALLS, |value| value.whole(1..=CALLS_MAX));
        let calls_per_second =
            fields.or("incoming_per_second", PER_SECOND, |value| value.per_second());
        Self {
            limits: answered.then_some(Limits { calls, calls_per_second }),
            form: fields.or("incoming_format", usual, |value| value.choice(forms)),
            unknown: fields.or("incoming_unknown", 404, |value| {
                value.parse(|text| match text {
                    "404" => Ok(404),
                    "603" => Ok(603),
                    _ => Err("is neither \"404\" nor \"603\"".to_owned()),
                })
            }),
        }
    }
}

impl Answering {
    /// Reads the table `[incoming]` of a campaign.
    pub(super) fn read(root: &Fields<'_, '_>, prompts: Option<&Path>) -> Self {
        let Some(fields) = root.table("incoming") else { return Self::default() };
        let file = |key| fields.get(key).and_then(|value| file(&value, prompts));
        let (greeting, general) = (file("prompt"), file("general"));
        let confirmation = file("confirmation");
        let usual = Settings::default().key;
        let key = fields.or("key", usual, |value| value.parse(key));
        fields.finish();
        Self { greeting, general, confirmation, settings: Settings { key } }
    }
}

/// Reads the name of a prompt that must be there.
fn file(value: &Value<'_, '_>, prompts: Option<&Path>) -> Option<PathBuf> {
    let file = PathBuf::from(value.name()?);
    if let Some(path) = prompts.map(|folder| folder.join(&file)).filter(|path| !path.is_file()) {
        let hint = "record it as WAV, 8 kHz mono, or take the key out: then a tone is played";
        value.error(&format!("there is no file {}", path.display()), Some(hint.to_owned()));
    }
    Some(file)
}

/// Reads a key of a telephone.
fn key(text: &str) -> Result<char, String> {
    let mut signs = text.chars();
    let key = signs.next().filter(|sign| sign.is_ascii_digit() || "*#".contains(*sign));
    key.filter(|_| signs.next().is_none())
        .ok_or_else(|| "is no key: write one of \"0\" to \"9\", \"*\", \"#\"".to_owned())
}
