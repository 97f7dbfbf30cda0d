//! Carriers' profiles: what a `[[trunk]]` need not say because its carrier is known.
//!
//! A profile is a file with the keys of a `[[trunk]]` and `[[response]]` tables. Those that come
//! along are data beside this file; a centre writes its own in the same words.

use std::borrow::Cow;
use std::path::PathBuf;

use super::likeness::suggestion;
use super::reader::{Fields, Reader, Value};
use super::response::{Response, Words};

/// The profiles that come along, by name.
const BUILT_IN: [(&str, &str); 6] = [
    ("ovh", include_str!("profiles/ovh.toml")),
    ("twilio", include_str!("profiles/twilio.toml")),
    ("telnyx", include_str!("profiles/telnyx.toml")),
    ("vonage", include_str!("profiles/vonage.toml")),
    ("generic-register", include_str!("profiles/generic-register.toml")),
    ("generic-ip", include_str!("profiles/generic-ip.toml")),
];

/// What a trunk's own table says and a profile never does: whose trunk it is.
const OWN: [&str; 4] = ["name", "user", "secret_file", "secret_env"];

/// A profile as its file has it; the default one says nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Profile {
    /// The name that `profile = "…"` gives, or the path of the file.
    pub name: String,
    /// The file as text.
    pub text: Cow<'static, str>,
}

/// What a profile says besides the keys of a trunk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Card {
    /// Whose network it is.
    pub title: String,
    /// What to know before the first call.
    pub note: Words,
    /// What the carrier means by its responses, where that differs from the usual.
    pub responses: Vec<Response>,
}

impl Profile {
    /// Gives the profiles that come along.
    #[must_use]
    pub fn built_in() -> Vec<Self> {
        let all = BUILT_IN.iter();
        all.map(|(name, text)| Self { name: (*name).into(), text: Cow::Borrowed(text) }).collect()
    }

    /// Finds a profile that comes along.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::built_in().into_iter().find(|profile| profile.name == name)
    }

    /// Gives the whole profile as its file has it; `None` if that is damaged.
    #[must_use]
    pub fn table(&self) -> Option<impl serde::Serialize + use<>> {
        toml::from_str::<toml::Table>(&self.text).ok()
    }

    /// Gives what the profile says besides a trunk's keys; `None` if its file is damaged.
    #[must_use]
    pub fn card(&self) -> Option<Card> {
        let path = self.path();
        let reader = Reader::new(&path, &self.text);
        let document = reader.parse()?;
        Some(Card::of(&Fields::root(&reader, &document)))
    }

    /// Reads the value of `profile`: a name, or a path that ends with `.toml`.
    pub(super) fn of(value: &Value<'_, '_>) -> Option<Self> {
        let name = value.name()?;
        if !name.ends_with(".toml") {
            let known = Self::named(&name);
            if known.is_none() {
                let hint = suggestion(&name, BUILT_IN.iter().map(|(name, _)| *name));
                value.error(&format!("{name:?} is no profile"), hint);
            }
            return known;
        }
        match super::read_file(&value.file()?) {
            Ok(text) => Some(Self { name, text: Cow::Owned(text) }),
            Err(problems) => {
                let why = problems.0.into_iter().map(|problem| problem.message);
                let hint = "name a profile that comes along: `cadran trunk profiles`";
                value.error(&why.collect::<Vec<_>>().join(", "), Some(hint.to_owned()));
                None
            }
        }
    }

    /// Gives the name its problems are told under.
    pub(super) fn path(&self) -> PathBuf {
        PathBuf::from(format!("profile {}", self.name))
    }
}

impl Card {
    /// Reads what is in a profile beside a trunk's keys.
    pub(super) fn of(fields: &Fields<'_, '_>) -> Self {
        for key in OWN {
            if let Some(value) = fields.refused(key) {
                value.error("is each trunk's own", Some("write it into the [[trunk]]".to_owned()));
            }
        }
        Self {
            title: fields.get("title").and_then(|value| value.name()).unwrap_or_default(),
            note: fields.get("note").and_then(|value| Words::of(&value)).unwrap_or_default(),
            responses: Response::all(fields),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_profile_can_be_given_as_json() {
        for profile in Profile::built_in() {
            let told = serde_json::to_value(profile.table()).expect("a table is JSON");
            assert!(told["title"].is_string() && told["note"]["fr"].is_string(), "{told}");
        }
    }

    #[test]
    fn the_page_lists_every_key_and_its_example_can_be_read() {
        let page = include_str!("../../docs/profiles.md");
        let example = page.split("```toml\n").nth(1).and_then(|text| text.split("```").next());
        let text = Cow::Owned(example.expect("the page has an example").to_owned());
        let card = Profile { name: "example".to_owned(), text }.card().expect("it is TOML");
        assert_eq!((card.responses.len(), card.note.fr.is_empty()), (1, false), "{card:?}");
        let trunk = include_str!("../../docs/cadran.toml").split("\n[[trunk]]\n").nth(1);
        let lines = trunk.expect("the file has a trunk").lines();
        let key = |line: &'static str| {
            let (key, _) = line.trim_start_matches("# ").split_once(" = ")?;
            let named = key.bytes().all(|b| b.is_ascii_lowercase() || b"_0123456789".contains(&b));
            (named && !page.contains(&format!("`{key}`"))).then_some(key)
        };
        assert_eq!(lines.filter_map(key).collect::<Vec<_>>(), [""; 0], "not on the page");
    }

    #[test]
    fn each_profile_that_comes_along_says_whose_it_is_and_what_to_know() {
        for profile in Profile::built_in() {
            let card = profile.card().expect("a file that comes along can be read");
            assert!(!card.title.is_empty(), "{}", profile.name);
            assert!(!card.note.en.is_empty() && !card.note.fr.is_empty(), "{}", profile.name);
        }
    }
}
