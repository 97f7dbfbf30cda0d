//! Campaigns that name one abandon rate: whether they agree on how it is counted, and its number.

use std::collections::BTreeMap;

use super::account::{denominator_word, window_word};
use super::problem::{Problem, Severity};
use super::{Campaign, measure};
use crate::core::campaign::{Guarantee, Mode};
use crate::units::RateId;

/// The name of a rate, and where the file says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharedRate {
    /// The name.
    pub name: String,
    /// The line of the key.
    pub(super) line: usize,
}

/// Gives every rate that is named its number, and tells which campaigns of one rate differ.
pub(super) fn number(campaigns: &mut [Campaign], problems: &mut Vec<Problem>) {
    let mut rates: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (place, campaign) in campaigns.iter().enumerate() {
        if let Some(shared) = &campaign.shared {
            rates.entry(shared.name.clone()).or_default().push(place);
        }
    }
    for (id, places) in (1..).map(RateId).zip(rates.values()) {
        // One that puts persons at risk sets the example, if there is one.
        let members = || places.iter().filter_map(|place| campaigns.get(*place));
        let first = members().find(|member| !proof(member).is_empty()).or_else(|| members().next());
        let first = first.cloned();
        for campaign in places.iter().filter_map(|place| campaigns.get(*place)) {
            problems.extend(first.iter().filter_map(|first| differs(first, campaign)));
        }
        for place in places {
            if let Some(campaign) = campaigns.get_mut(*place) {
                campaign.account.shared = Some(id);
            }
        }
    }
}

/// Tells what two campaigns of one rate do not agree on.
fn differs(first: &Campaign, other: &Campaign) -> Option<Problem> {
    let shared = other.shared.as_ref()?;
    let (one, two) = (told(first), told(other));
    let differ = one.iter().zip(&two).filter(|(one, two)| one != two && !two.1.is_empty());
    let differ = differ.map(|((key, there), (_, here))| format!("{key} is {here}, not {there}"));
    let differ = differ.collect::<Vec<_>>();
    if differ.is_empty() {
        return None;
    }
    let message = format!(
        "shares the rate {:?} with campaign {:?} ({}), but {}",
        shared.name,
        first.name,
        first.path.display(),
        differ.join(", ")
    );
    Some(Problem {
        severity: Severity::Error,
        path: other.path.clone(),
        line: shared.line,
        column: 1,
        key: "abandon.shared".to_owned(),
        message,
        hint: Some("count one rate in one way: write the same in both, or share none".to_owned()),
    })
}

/// How a campaign keeps its cap; empty for one that puts nobody at risk and goes with any other.
fn proof(campaign: &Campaign) -> &'static str {
    match campaign.mode {
        Mode::Predictive { guarantee: Guarantee::Strict } => "strict",
        // By forecast, or by trial and error: the calls of either may break what is to be proved.
        Mode::Predictive { guarantee: Guarantee::Expected } | Mode::Power { .. } => "expected",
        Mode::Preview | Mode::Progressive | Mode::Directed => "",
    }
}

/// What the campaigns of one rate must agree on; a cap is proved for all of them or for none.
fn told(campaign: &Campaign) -> [(&'static str, String); 6] {
    let account = &campaign.account;
    [
        ("cap", measure::say_ratio(campaign.abandon.cap)),
        ("window", window_word(account.window)),
        ("of", denominator_word(account.of).to_owned()),
        ("zone", account.zone.name().to_owned()),
        ("false_positives", measure::say_ratio(account.false_positives)),
        ("guarantee", proof(campaign).to_owned()),
    ]
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::campaign::{Around, parse};
    use super::*;

    fn read(name: &str, mode: &str, abandon: &str) -> (Option<Campaign>, Vec<Problem>) {
        let text = format!(
            "name = {name:?}\nclient = \"Acme\"\n{mode}\nroutes = [\"t1\"]\n\
             caller_ids = [\"+33162000000\"]\nhours = \"lun-ven 10:00-13:00\"\n\
             [abandon]\n{abandon}\n[[disposition]]\ncode = \"vente\"\nclass = \"ca+\"\n"
        );
        parse(Path::new(name), &text, Around::default())
    }

    fn told(campaigns: &[(&str, &str, &str)]) -> (Vec<Option<RateId>>, Vec<String>) {
        let mut problems = Vec::new();
        let read = campaigns.iter().filter_map(|(name, mode, abandon)| {
            let (campaign, found) = read(name, mode, abandon);
            problems.extend(found);
            campaign
        });
        let mut read = read.collect::<Vec<_>>();
        number(&mut read, &mut problems);
        let rates = read.iter().map(|campaign| campaign.account.shared).collect();
        (rates, problems.iter().map(ToString::to_string).collect())
    }

    const EXPECTED: &str = "mode = \"predictive\"";
    const STRICT: &str = "mode = \"predictive\"\nguarantee = \"strict\"";
    const POWER: &str = "mode = \"power\"\nlines_per_agent = 2";

    #[test]
    fn campaigns_that_name_one_rate_have_it() {
        let (rates, problems) = told(&[
            ("a", EXPECTED, "shared = \"paris\""),
            ("b", POWER, "shared = \"paris\""),
            ("c", EXPECTED, "shared = \"lyon\""),
            ("d", EXPECTED, "cap = \"2%\""),
        ]);
        assert_eq!(problems, Vec::<String>::new());
        assert_eq!(rates, [Some(RateId(2)), Some(RateId(2)), Some(RateId(1)), None]);
    }

    #[test]
    fn campaigns_of_one_rate_that_differ_are_told_in_what() {
        let shared = "shared = \"r\"\n";
        for (one, two, mode, other, part) in [
            ("", "cap = \"2%\"", EXPECTED, EXPECTED, "cap is 2%, not 3%"),
            ("", "window = \"7d\"", EXPECTED, EXPECTED, "window is 7d, not day"),
            ("of = \"answers\"", "", EXPECTED, EXPECTED, "of is persons, not answers"),
            ("", "zone = \"Europe/Rome\"", EXPECTED, EXPECTED, "zone is Europe/Rome, not"),
            ("", "false_positives = \"1%\"", EXPECTED, EXPECTED, "false_positives is 1%, not 0%"),
            ("", "", STRICT, EXPECTED, "guarantee is expected, not strict"),
            ("", "", STRICT, POWER, "guarantee is expected, not strict"),
        ] {
            let (one, two) = (format!("{shared}{one}"), format!("{shared}{two}"));
            let (_, problems) = told(&[("a", mode, &one), ("b", other, &two)]);
            let named = problems.iter().all(|told| told.contains(part) && told.contains("\"a\""));
            assert!(named && problems.len() == 1, "{part}: {problems:?}");
        }
        let safe = "mode = \"progressive\"";
        let (_, problems) = told(&[("a", safe, shared), ("b", STRICT, shared)]);
        assert_eq!(problems, Vec::<String>::new());
    }

    #[test]
    fn a_strict_cap_over_a_rolling_window_is_refused() {
        let (_, problems) = told(&[("a", STRICT, "window = \"30d\"")]);
        let rolls = problems.first().map_or("", String::as_str);
        assert!(
            rolls.contains("abandon.window: rolls") && rolls.contains("\"day\""),
            "{problems:?}"
        );
        // The key's own place, not the table's.
        let mark = |told: &str| told.split(':').nth(1).and_then(|line| line.parse::<u32>().ok());
        assert!(mark(rolls).is_some(), "{rolls}");
        let (_, later) = told(&[("a", STRICT, "of = \"persons\"\nwindow = \"30d\"")]);
        assert_eq!(later.first().and_then(|l| mark(l)), mark(rolls).map(|line| line + 1));
        let (_, problems) = told_of("campaign");
        assert_eq!(problems, Vec::<String>::new());
    }

    fn told_of(window: &str) -> (Vec<Option<RateId>>, Vec<String>) {
        told(&[("a", STRICT, &format!("window = {window:?}"))])
    }
}
