//! Law packs: what the law of each country asks, as data in the folder beside this file.
//!
//! Adding a country is adding its file here and its holidays in the folder of those.

use std::path::Path;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::numbering::{Block, CLASSES, MODES};
use super::reader::{Fields, Reader, Value};
use super::response::Words;
use super::{holidays, hours};
use crate::core::rules::Week;
use crate::core::rules::law::{ATTEMPTS_MAX, Asks, LawId, Regime, Rule};
use crate::units::{Territory, Wall};

/// The countries whose packs come along.
const BUILT_IN: [(&str, &str); 8] = [
    ("BE", include_str!("laws/be.toml")),
    ("CA", include_str!("laws/ca.toml")),
    ("DE", include_str!("laws/de.toml")),
    ("ES", include_str!("laws/es.toml")),
    ("FR", include_str!("laws/fr.toml")),
    ("GB", include_str!("laws/gb.toml")),
    ("IT", include_str!("laws/it.toml")),
    ("US", include_str!("laws/us.toml")),
];

/// What a campaign calls for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Purpose {
    /// To sell, or to make an appointment that shall lead to a sale.
    #[default]
    Prospecting,
    /// To carry out a contract that runs.
    Contract,
    /// To collect what is owed.
    Collection,
    /// To ask questions and sell nothing.
    Survey,
}

/// Whom a campaign calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Called {
    /// Consumers, or nobody knows.
    #[default]
    Consumers,
    /// Professionals, in their profession.
    Professionals,
}

/// What `purpose` may say.
pub const PURPOSES: [(&str, Purpose); 4] = [
    ("prospecting", Purpose::Prospecting),
    ("contract", Purpose::Contract),
    ("collection", Purpose::Collection),
    ("survey", Purpose::Survey),
];

/// What `persons` may say.
pub const CALLED: [(&str, Called); 2] =
    [("consumers", Called::Consumers), ("professionals", Called::Professionals)];

/// Gives the word for a purpose, or for whom a campaign calls.
#[must_use]
pub fn word<T: Copy + PartialEq>(of: T, words: &[(&'static str, T)]) -> &'static str {
    words.iter().find(|(_, value)| *value == of).map_or("", |(word, _)| *word)
}

/// Finds what a word says; what is left out if it says nothing known.
#[must_use]
pub fn meant<T: Copy + Default>(text: &str, words: &[(&str, T)]) -> T {
    words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value).unwrap_or_default()
}

/// How well a rule is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// Read in a primary or quoted text.
    Read,
    /// Read in secondary pages only.
    Secondary,
    /// From memory, unconfirmed.
    Memory,
}

const MARKS: [(&str, Mark); 3] = [("V", Mark::Read), ("S", Mark::Secondary), ("M", Mark::Memory)];

/// The law of one country.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pack {
    /// The country's name.
    pub title: String,
    /// Its code.
    pub territory: Territory,
    /// The day the pack was last looked over.
    pub version: Date,
    /// Its rules.
    pub rules: Vec<PackRule>,
    /// Its numbering plan, as far as a rule asks for classes of numbers.
    pub numbers: Vec<Block>,
}

/// A rule as its pack tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackRule {
    /// Its id, such as `FR-5`.
    pub id: LawId,
    /// How well it is known.
    pub mark: Mark,
    /// Where it is written.
    pub source: String,
    /// What it says.
    pub text: Words,
    /// The day it came into force; `None` if before anybody's campaign.
    pub from: Option<Date>,
    /// The first day it is not in force any more.
    pub until: Option<Date>,
    /// The purposes it concerns.
    pub purposes: Vec<Purpose>,
    /// Whose calls it concerns.
    pub persons: Vec<Called>,
    /// The subjects it concerns alone; every one if none is named.
    pub subjects: Vec<String>,
    /// What the engine holds of it before each call; nothing of a rule the people must hold.
    pub asks: Vec<Asks>,
    /// Whether the engine holds it in another way than before each call.
    pub held_otherwise: bool,
    /// Since when and until when the engine holds it.
    holds: (Option<Wall>, Option<Wall>),
}

/// Gives the packs that come along.
#[must_use]
pub fn built_in() -> Vec<Pack> {
    BUILT_IN.iter().filter_map(|(country, text)| read(country, text).0).collect()
}

/// Gives what the law of every known country asks of a campaign.
#[must_use]
pub fn regimes(purpose: Purpose, called: Called) -> Vec<Regime> {
    regimes_about(purpose, called, None)
}

/// Gives what the law of every known country asks of a campaign about a subject.
#[must_use]
pub fn regimes_about(purpose: Purpose, called: Called, subject: Option<&str>) -> Vec<Regime> {
    let regimes = built_in().into_iter().map(|pack| pack.regime(purpose, called, subject));
    regimes.filter(|regime| !regime.rules.is_empty()).collect()
}

/// The law for the persons a campaign calls, and for those it calls by exception.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Laws {
    /// Whether it calls consumers; professionals otherwise.
    pub consumers: bool,
    /// The law for those it calls.
    pub own: Vec<Regime>,
    /// The law for the others.
    pub others: Vec<Regime>,
}

impl Laws {
    /// Gives the law for a campaign about a subject.
    #[must_use]
    pub fn of(purpose: Purpose, called: Called, subject: Option<&str>) -> Self {
        let consumers = called == Called::Consumers;
        let other = if consumers { Called::Professionals } else { Called::Consumers };
        let law = |called| regimes_about(purpose, called, subject);
        Self { consumers, own: law(called), others: law(other) }
    }

    /// Gives the law for a person, who may be known as a consumer or not.
    #[must_use]
    pub fn among(&self, consumer: Option<bool>) -> &[Regime] {
        if consumer.is_some_and(|is| is != self.consumers) { &self.others } else { &self.own }
    }
}

impl Pack {
    /// Gives what it asks of a campaign, as the gate needs it.
    #[must_use]
    pub fn regime(&self, purpose: Purpose, called: Called, subject: Option<&str>) -> Regime {
        let concerned = self.rules.iter().filter(|rule| rule.concerns(purpose, called));
        let concerned = concerned.filter(|rule| rule.is_about(subject));
        let rules: Vec<Rule> = concerned.flat_map(PackRule::asked).collect();
        let closed =
            |rule: &Rule| matches!(rule.asks, Asks::Hours { closed_on_holidays: true, .. });
        let holidays = if rules.iter().any(closed) {
            holidays::of_country(self.territory.code())
        } else {
            Vec::new()
        };
        let edition = self.version.to_string().into();
        Regime { territory: self.territory.clone(), edition, holidays, rules }
    }
}

impl PackRule {
    /// Whether it concerns a campaign.
    #[must_use]
    pub fn concerns(&self, purpose: Purpose, called: Called) -> bool {
        self.purposes.contains(&purpose) && self.persons.contains(&called)
    }

    /// Whether it concerns a subject.
    #[must_use]
    pub fn is_about(&self, subject: Option<&str>) -> bool {
        let named = |about: &String| subject == Some(about.as_str());
        self.subjects.is_empty() || self.subjects.iter().any(named)
    }

    fn asked(&self) -> impl Iterator<Item = Rule> {
        let (from, until) = self.holds;
        let asks = self.asks.iter().cloned();
        asks.map(move |asks| Rule { id: self.id.clone(), from, until, asks })
    }
}

/// A moment at which every rule that has an end, and one only, is over: what a file may hold is
/// asked of the law that will be, not of that of a day.
pub(super) fn latest() -> Wall {
    Wall::from(Timestamp::MAX)
}

/// Reads a pack, with the problems it has.
fn read(country: &str, text: &str) -> (Option<Pack>, Vec<super::Problem>) {
    let path = format!("law {country}");
    let reader = Reader::new(Path::new(&path), text);
    let pack = reader.parse().and_then(|document| {
        let fields = Fields::root(&reader, &document);
        let pack = pack(&fields);
        fields.finish();
        pack
    });
    (pack, reader.finish())
}

fn pack(fields: &Fields<'_, '_>) -> Option<Pack> {
    let title = fields.must("title", "\"France\"")?.name();
    let territory = fields
        .must("territory", "\"FR\"")?
        .parse(|code| Territory::new(code).map_err(|error| error.to_string()));
    let zone = fields
        .must("zone", "\"Europe/Paris\"")?
        .parse(|name| TimeZone::get(name).map_err(|_| "is no time zone".to_owned()))?;
    let version = fields.must("version", "\"2026-11-23\"").and_then(|value| date(&value));
    let numbers = super::numbering::blocks(fields);
    let rules = fields.tables("rule");
    let rules = rules.iter().filter_map(|fields| rule(fields, &zone)).collect();
    Some(Pack { title: title?, territory: territory?, version: version?, rules, numbers })
}

fn rule(fields: &Fields<'_, '_>, zone: &TimeZone) -> Option<PackRule> {
    let id = fields.must("id", "\"FR-5\"").and_then(|value| value.name());
    let mark = fields.must("mark", "\"V\"").and_then(|value| value.choice(&MARKS));
    let source = fields.must("source", "\"C. conso. D.223-9\"").and_then(|value| value.name());
    let text = fields.must("text", "{ en = \"…\", fr = \"…\" }").and_then(|v| Words::of(&v));
    let from = fields.get("from").and_then(|value| date(&value));
    let until = fields.get("until").and_then(|value| date(&value));
    let purposes = listed(fields, "purposes");
    let persons = listed(fields, "persons");
    let subjects = listed(fields, "subjects");
    let asks = asks(fields);
    let held_otherwise = fields.or("held_otherwise", false, |value| value.flag());
    fields.finish();
    let midnight = |date: Option<Date>| {
        let moment = zone.to_timestamp(date?.at(0, 0, 0, 0)).ok()?;
        Some(Wall::from(moment))
    };
    Some(PackRule {
        id: LawId::new(&id?),
        mark: mark?,
        source: source?,
        text: text?,
        from,
        until,
        purposes: chosen(&purposes, &PURPOSES),
        persons: chosen(&persons, &CALLED),
        subjects: subjects.iter().filter_map(Value::name).collect(),
        asks,
        held_otherwise,
        holds: (midnight(from), midnight(until)),
    })
}

fn listed<'r, 't>(fields: &Fields<'r, 't>, key: &'static str) -> Vec<Value<'r, 't>> {
    fields.get(key).map(|value| value.list()).unwrap_or_default()
}

/// Reads words of a list; every one of them if nothing is listed.
fn chosen<T: Copy>(values: &[Value<'_, '_>], words: &[(&str, T)]) -> Vec<T> {
    if values.is_empty() {
        return words.iter().map(|(_, word)| *word).collect();
    }
    values.iter().filter_map(|value| value.choice(words)).collect()
}

/// Reads what the engine holds of a rule.
fn asks(fields: &Fields<'_, '_>) -> Vec<Asks> {
    rights(fields).into_iter().chain(shown(fields)).chain(limits(fields)).collect()
}

/// Reads what right to call is needed.
fn rights(fields: &Fields<'_, '_>) -> Vec<Asks> {
    let needs = fields.get("needs").and_then(|value| {
        let known = ["consent", "contract", "mandate"];
        let needed = value.choice(&known.map(|word| (word, word)))?;
        Some(match needed {
            "contract" => Asks::Contract,
            "mandate" => Asks::Mandate,
            _ => Asks::Consent,
        })
    });
    let accepts = fields.get("accepts").and_then(|value| value.choice(&[("contract", ())]));
    let accepts = accepts.map(|()| Asks::OrContract);
    let days = fields.get("consent_days").and_then(|value| whole(&value, 1..=3_660));
    let life = days.map(|days| Asks::ConsentLife { days });
    [needs, accepts, life].into_iter().flatten().collect()
}

/// Reads which numbers may be shown.
fn shown(fields: &Fields<'_, '_>) -> Vec<Asks> {
    let classes = |key| {
        let classes = listed(fields, key);
        (!classes.is_empty()).then(|| chosen(&classes, &CLASSES))
    };
    let modes = chosen(&listed(fields, "modes"), &MODES);
    let shows = classes("shows").map(|classes| Asks::Shows { modes, classes });
    let hides = classes("hides").map(|classes| Asks::Hides { classes });
    [shows, hides].into_iter().flatten().collect()
}

/// Reads when and how often calls are placed.
fn limits(fields: &Fields<'_, '_>) -> Option<Asks> {
    let flag = |key| fields.get(key).and_then(|value| value.flag());
    let closed_on_holidays = flag("closed_on_holidays");
    let opened_by_consent = flag("opened_by_consent").unwrap_or(false);
    let days = fields.get("days").and_then(|value| whole(&value, 1..=366));
    if let Some(value) = fields.get("hours") {
        let mut week = Week::default();
        for text in value.one_or_more() {
            text.parse(|text| hours::add(&mut week, text));
        }
        let closed_on_holidays = closed_on_holidays.unwrap_or(false);
        return Some(Asks::Hours { week, closed_on_holidays, opened_by_consent });
    }
    if let Some(value) = fields.get("attempts") {
        let max = whole(&value, 1..=u32::from(ATTEMPTS_MAX))?;
        return Some(Asks::Attempts { max: u8::try_from(max).ok()?, days: days? });
    }
    let days = fields.get("silence_days").and_then(|value| whole(&value, 1..=3_660))?;
    Some(Asks::Silence { days })
}

fn whole(value: &Value<'_, '_>, limits: core::ops::RangeInclusive<u32>) -> Option<u16> {
    value.whole(limits).and_then(|number| u16::try_from(number).ok())
}

fn date(value: &Value<'_, '_>) -> Option<Date> {
    value.parse(|text| text.parse().map_err(|_| "is no date: write 2026-08-11".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pack_that_comes_along_is_read_whole() {
        for (country, text) in BUILT_IN {
            let (pack, problems) = read(country, text);
            assert!(problems.is_empty(), "{country}: {problems:?}");
            let rules = text.lines().filter(|line| *line == "[[rule]]").count();
            assert!(pack.is_some_and(|pack| pack.rules.len() == rules), "{country}");
        }
        assert_eq!(built_in().len(), BUILT_IN.len());
    }
}
