//! What a carrier's final responses mean to the people of a centre, and what to do: data, not code.

use std::path::Path;

use super::reader::{Fields, Reader, Value};

/// The usual meanings, for carriers whose profile says nothing else.
const USUAL: &str = include_str!("responses.toml");

/// A text in both languages.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Words {
    /// In English.
    pub en: String,
    /// In French.
    pub fr: String,
}

/// What some responses mean.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// Their statuses, 300 to 699 (RFC 3261 §21).
    pub statuses: Vec<u16>,
    /// Instead of statuses, a fault that no response names; else empty.
    pub fault: String,
    /// A part of their reason phrases, whatever its capitals; empty for any.
    pub reason: String,
    /// What they mean.
    pub means: Words,
    /// What to do about them.
    pub remedy: Words,
}

impl Words {
    /// Reads `{ en = "…", fr = "…" }`.
    pub(super) fn of(value: &Value<'_, '_>) -> Option<Self> {
        let fields = value.fields()?;
        let text = |key| fields.must(key, "\"…\"").and_then(|value| value.name());
        let words = text("en").zip(text("fr")).map(|(en, fr)| Self { en, fr });
        fields.finish();
        words
    }
}

impl Response {
    /// Gives the usual meanings.
    #[must_use]
    pub fn usual() -> Vec<Self> {
        let reader = Reader::new(Path::new("responses.toml"), USUAL);
        let document = reader.parse();
        document.map(|document| Self::all(&Fields::root(&reader, &document))).unwrap_or_default()
    }

    /// Gives the usual meaning of a fault that no response names; `None` for a name nobody knows.
    #[must_use]
    pub fn of_fault(code: &str) -> Option<Self> {
        Self::usual().into_iter().find(|one| one.fault == code)
    }

    /// Finds what a response means: the carrier's own meanings come before the usual ones, and
    /// those that name a reason before those for any.
    #[must_use]
    pub fn find<'a>(
        own: &'a [Self],
        usual: &'a [Self],
        status: u16,
        reason: &str,
    ) -> Option<&'a Self> {
        let reason = reason.to_lowercase();
        let meant = |response: &&Self| {
            response.statuses.contains(&status) && reason.contains(&response.reason.to_lowercase())
        };
        let named = |all: &'a [Self]| all.iter().filter(meant).max_by_key(|one| one.reason.len());
        named(own).or_else(|| named(usual))
    }

    /// Reads every `[[response]]`.
    pub(super) fn all(fields: &Fields<'_, '_>) -> Vec<Self> {
        fields.tables("response").iter().filter_map(Self::of).collect()
    }

    fn of(fields: &Fields<'_, '_>) -> Option<Self> {
        let fault = fields.get("fault").and_then(|value| value.name());
        let statuses = match &fault {
            Some(_) => None,
            None => fields.must("status", "[403]"),
        };
        let statuses = statuses.map(Value::one_or_more).unwrap_or_default();
        let status = |value: &Value<'_, '_>| u16::try_from(value.whole(300..=699)?).ok();
        let words = |key| fields.must(key, "{ en = \"…\", fr = \"…\" }");
        let means = words("means").and_then(|value| Words::of(&value));
        let remedy = words("remedy").and_then(|value| Words::of(&value));
        let response = Self {
            statuses: statuses.iter().filter_map(status).collect(),
            fault: fault.unwrap_or_default(),
            reason: fields.get("reason").and_then(|value| value.name()).unwrap_or_default(),
            means: means.unwrap_or_default(),
            remedy: remedy.unwrap_or_default(),
        };
        fields.finish();
        (!response.statuses.is_empty() || !response.fault.is_empty()).then_some(response)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_meanings_can_be_read_and_say_what_to_do_once_a_status() {
        let reader = Reader::new(Path::new("responses.toml"), USUAL);
        let document = reader.parse().expect("what comes along is TOML");
        let fields = Fields::root(&reader, &document);
        let all = Response::all(&fields);
        fields.finish();
        assert_eq!(reader.finish(), []);
        let mut statuses: Vec<_> = all.iter().flat_map(|one| one.statuses.clone()).collect();
        let length = statuses.len();
        statuses.sort_unstable();
        statuses.dedup();
        assert_eq!((statuses.len(), all.len()), (length, Response::usual().len()));
        let said = |words: &Words| !words.en.is_empty() && !words.fr.is_empty();
        assert!(all.iter().all(|one| said(&one.means) && said(&one.remedy)), "{all:?}");
    }

    #[test]
    fn a_carriers_own_meaning_of_a_reason_comes_first() {
        let one = |reason: &str, en: &str| Response {
            statuses: vec![403],
            fault: String::new(),
            reason: reason.into(),
            means: Words { en: en.into(), fr: en.into() },
            remedy: Words::default(),
        };
        let (own, usual) = ([one("", "own"), one("D35", "number")], [one("", "usual")]);
        let found =
            |own, reason| Response::find(own, &usual, 403, reason).map(|one| &*one.means.en);
        assert_eq!(found(&own, "Caller Number is Invalid d35"), Some("number"));
        assert_eq!(found(&own, "Forbidden"), Some("own"));
        assert_eq!(found(&[], "Forbidden"), Some("usual"));
        assert_eq!(Response::find(&own, &usual, 404, ""), None);
    }
}
