//! Finds the place in a scenario's text that an error speaks of.

use std::ops::Range;

use serde::Deserialize;
use toml::Spanned as Located;
use toml::de::{DeTable as Table, DeValue as Value, ValueDeserializer};

use super::problem::place;
use super::scenario::{Dist, ScenarioError};
use crate::sim::scenario::NoScenario;

/// A value of a document: its keys joined by dots, without places in lists, and where it stands.
struct Spot<'t> {
    path: String,
    span: Range<usize>,
    text: &'t str,
}

impl Spot<'_> {
    fn is(&self, key: &str) -> bool {
        let before = self.path.strip_suffix(key);
        before.is_some_and(|before| before.is_empty() || before.ends_with('.'))
    }

    fn number(&self) -> Option<f64> {
        self.text.replace('_', "").parse().ok()
    }

    /// Tells whether it is a distribution that is none.
    fn is_lawless(&self) -> bool {
        let dist = ValueDeserializer::parse(self.text).ok().and_then(|value| {
            let dist: Result<Dist, _> = Dist::deserialize(value);
            dist.ok()
        });
        dist.is_some_and(|dist| dist.law("").is_err())
    }
}

impl ScenarioError {
    /// Gives the line and column, from 1, that the error speaks of, if it stands in the text.
    #[must_use]
    pub fn place(&self, text: &str) -> Option<(usize, usize)> {
        let spots = spots(text);
        let of = |key: &str| spots.iter().filter(|spot| spot.is(key)).collect::<Vec<_>>();
        let pick = |key: &str, wrong: &dyn Fn(&Spot<'_>) -> bool| {
            let all = of(key);
            let exact = all.iter().find(|spot| wrong(spot)).or_else(|| all.first()).copied();
            let table = || of(key.rsplit_once('.')?.0).first().copied();
            exact.or_else(table).map(|spot| spot.span.clone())
        };
        let disorder = |key: &str| {
            let times = of(key);
            let sooner = times.windows(2).find(|pair| pair[1].number() < pair[0].number());
            sooner.map(|pair| pair[1].span.clone())
        };
        let span = match self {
            Self::Toml(error) => error.span(),
            Self::Law { key, .. } => pick(key, &|spot| spot.is_lawless()),
            Self::Number { key, value, .. } => pick(key, &|spot| spot.number() == Some(*value)),
            Self::Day(NoScenario::Shares { at, .. }) => {
                pick("outcomes.at_s", &|spot| spot.number() == Some(at.as_secs_f64()))
            }
            Self::Day(NoScenario::NoFirstBlock) => pick("outcomes.at_s", &|_| true),
            Self::Day(NoScenario::OutOfOrder(what)) => match *what {
                "[[outcomes]]" => disorder("outcomes.at_s"),
                "[[swap]]" => disorder("swap.at_s"),
                _ => pick("agents.staffing", &|_| true),
            },
        };
        span.map(|span| place(text, &span))
    }
}

/// Gives every value of a document, in its order.
fn spots(text: &str) -> Vec<Spot<'_>> {
    let mut spots = Vec::new();
    let (document, _) = Table::parse_recoverable(text);
    inside(text, "", document.get_ref(), &mut spots);
    spots.sort_by_key(|spot| spot.span.start);
    spots
}

fn inside<'t>(text: &'t str, path: &str, table: &Table<'_>, spots: &mut Vec<Spot<'t>>) {
    for (key, value) in table {
        let key = key.get_ref();
        let path = if path.is_empty() { key.to_string() } else { format!("{path}.{key}") };
        note(text, &path, value, spots);
    }
}

fn note<'t>(text: &'t str, path: &str, value: &Located<Value<'_>>, spots: &mut Vec<Spot<'t>>) {
    let span = value.span();
    let own = text.get(span.clone()).unwrap_or_default();
    spots.push(Spot { path: path.to_owned(), span, text: own });
    match value.get_ref() {
        Value::Table(table) => inside(text, path, table, spots),
        Value::Array(items) => items.iter().for_each(|item| note(text, path, item, spots)),
        Value::String(_)
        | Value::Integer(_)
        | Value::Float(_)
        | Value::Boolean(_)
        | Value::Datetime(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use crate::config::scenario::read;

    const B2B: &str = include_str!("../../tests/it/scenarios/b2b.toml");

    #[test]
    fn every_mistake_is_found_on_its_line() {
        let swap = "missed_talk = { kind = \"lognormal\", mean = 7.0, cv = 0.4 }\n\n[[swap]]\n\
                    at_s = 9.0\ntalk = { kind = \"exp\", mean = 0.0 }\n";
        for (from, to, at) in [
            ("cap = 0.03", "cap = 3.0", "cap = 3.0"),
            ("cap = 0.03", "cap = 0.03\ncaps = 1", "caps = 1"),
            ("cap = 0.03", "cap = ", "cap = "),
            ("mean = 180.0", "mean = 0.0", "talk ="),
            ("mean = 22.0", "mean = -1.0", "machine ="),
            ("live = 0.12", "live = 0.9", "at_s = 0.0"),
            ("at_s = 0.0", "at_s = 5.0", "at_s = 5.0"),
            ("calls_per_pause = 25.0", "calls_per_pause = 0.5", "calls_per_pause"),
            ("calls_per_pause = 25.0\n", "", "[agents]"),
            (
                "missed_talk = { kind = \"lognormal\", mean = 7.0, cv = 0.4 }\n",
                swap,
                "talk = { kind = \"exp\"",
            ),
        ] {
            let text = B2B.replacen(from, to, 1);
            let place = read(&text).err().and_then(|error| error.place(&text));
            let wanted = text.lines().position(|line| line.starts_with(at)).map(|nth| nth + 1);
            assert_eq!(place.map(|(line, _)| line), wanted, "{to}");
        }
    }
}
