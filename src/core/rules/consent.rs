//! The right to call: consents and contracts, and what the law of a territory asks of them.
//!
//! What is missing, or cannot be read, gives no right.

use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use super::law::{Asks, LawId, Regime, Rule, at_territory};
use super::noted::Noted;
use super::{Refusal, RuleId, hours};
use crate::units::{ClientId, ConsentId, Mono, PersonId, Territory, Wall, Zone};

/// What a right to call rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// The person agreed to be called.
    Consent,
    /// A contract of the person's runs, and the call is about its object.
    Contract,
}

impl Basis {
    /// Names it as its serialized form does.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Consent => "consent",
            Self::Contract => "contract",
        }
    }
}

/// A right to call a person, given to one client company and not withdrawn since.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Right {
    /// Which one of the store's; `None` while it is not recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<ConsentId>,
    /// What it rests on.
    pub basis: Basis,
    /// When it was given; without it a consent is none.
    pub obtained: Option<Wall>,
    /// The first moment at which it holds no more by itself; without it a contract is none.
    pub until: Option<Wall>,
    /// Whether the person agreed to calls outside the hours of the law.
    pub out_of_hours: bool,
}

/// Rights a number tells of at most, those recorded last: a person renews a consent once a year.
pub const RIGHTS_MAX: usize = 16;

/// When a right ends that nothing ends.
const FOREVER: Wall = Wall::micros(i64::MAX);

/// Why a right is none.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Flaw {
    /// It was withdrawn, is not given yet, or is of a kind that is not asked for.
    None,
    /// It was one, until the rule of law named ended it, or it itself did.
    Over(Option<LawId>),
}

/// What the rights of a person give at a moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Why the person may not be called for want of a right; `None` where there is one, and where
    /// none is needed.
    pub refusal: Option<Refusal>,
    /// The right that holds, if one does: the one that does longest.
    pub right: Option<Right>,
    /// Until when it does; `None` where nothing ends it.
    pub until: Option<Wall>,
    /// Until when a consent opens hours of the law; `None` where none does.
    pub opens_hours: Option<Wall>,
}

/// Says what rights give at a moment by the law of a territory, if no withdrawal since `withdrawn`
/// counts against them.
#[must_use]
pub fn standing(
    law: &[Regime],
    (zone, territory): (&Zone, Option<&Territory>),
    (rights, withdrawn): (&[Right], Option<Wall>),
    at: Wall,
) -> Standing {
    let mut standing = Standing::default();
    let rules = || {
        let rules = at_territory(law, territory).flat_map(|regime| &regime.rules);
        rules.filter(|rule| rule.holds(at))
    };
    let needed = rules().find(|rule| rule.asks == Asks::Consent);
    let banned = rules().find(|rule| rule.asks == Asks::Contract);
    if rights.is_empty() && needed.is_none() && banned.is_none() {
        return standing;
    }
    let mut over = None;
    // Where the subject is banned, no consent does in the place of a contract.
    for right in rights.iter().filter(|it| banned.is_none() || it.basis == Basis::Contract) {
        match judge(right, (zone, withdrawn), rules(), at) {
            Ok(until) => {
                if right.out_of_hours && right.basis == Basis::Consent {
                    let until = until.unwrap_or(FOREVER);
                    standing.opens_hours = standing.opens_hours.max(Some(until));
                }
                let longer = standing.right.is_none()
                    || standing.until.is_some_and(|known| until.is_none_or(|it| it > known));
                if longer {
                    (standing.right, standing.until) = (Some(*right), until);
                }
            }
            Err(Flaw::Over(law)) => over = Some(law),
            Err(Flaw::None) => {}
        }
    }
    if let Some(banned) = banned.filter(|_| standing.right.is_none()) {
        let (rule, law) = (RuleId::BannedSubject, Some(banned.id.clone()));
        standing.refusal = Some(Refusal { rule, law, until: None });
        return standing;
    }
    let Some(needed) = needed.filter(|_| standing.right.is_none()) else { return standing };
    let (rule, law) = match over {
        Some(law) => (RuleId::ConsentExpired, law),
        None => (RuleId::NoConsent, None),
    };
    let law = law.unwrap_or_else(|| needed.id.clone());
    standing.refusal = Some(Refusal { rule, law: Some(law), until: None });
    standing
}

/// Gives the rule by which calling somewhere needs a right at a moment, if one does.
#[must_use]
pub fn needed<'l>(
    law: &'l [Regime],
    territory: Option<&'l Territory>,
    at: Wall,
) -> Option<&'l LawId> {
    let mut rules = at_territory(law, territory).flat_map(|regime| &regime.rules);
    let asked = |rule: &&Rule| matches!(rule.asks, Asks::Consent | Asks::Contract);
    let rule = rules.find(|rule| rule.holds(at) && asked(rule))?;
    Some(&rule.id)
}

/// Tells whether a right was one and is over: it ended itself, or a rule of law ended it.
#[must_use]
pub fn is_over(
    law: &[Regime],
    (zone, territory): (&Zone, Option<&Territory>),
    right: &Right,
    at: Wall,
) -> bool {
    let rules = at_territory(law, territory).flat_map(|regime| &regime.rules);
    let rules = rules.filter(|rule| rule.holds(at));
    matches!(judge(right, (zone, None), rules, at), Err(Flaw::Over(_)))
}

/// Says until when a right holds, or why it does not.
fn judge<'r>(
    right: &Right,
    (zone, withdrawn): (&Zone, Option<Wall>),
    rules: impl Iterator<Item = &'r Rule>,
    at: Wall,
) -> Result<Option<Wall>, Flaw> {
    if right.obtained.is_some_and(|obtained| obtained > at)
        || withdrawn.is_some_and(|then| right.obtained.is_none_or(|obtained| obtained <= then))
    {
        return Err(Flaw::None);
    }
    let mut ends = right.until.map(|until| (until, None));
    match right.basis {
        Basis::Consent => {
            let obtained = right.obtained.ok_or(Flaw::None)?;
            let zone = TimeZone::get(zone.name()).map_err(|_| Flaw::None)?;
            for rule in rules {
                let Asks::ConsentLife { days } = rule.asks else { continue };
                let last = hours::date(&zone, obtained);
                let end = hours::day_after(&zone, last, days.saturating_add(1));
                let end = end.ok_or(Flaw::None)?;
                if ends.as_ref().is_none_or(|(known, _)| end < *known) {
                    ends = Some((end, Some(rule.id.clone())));
                }
            }
        }
        Basis::Contract => {
            let mut rules = rules;
            let rule = rules.find(|rule| rule.asks == Asks::OrContract).ok_or(Flaw::None)?;
            let until = right.until.ok_or(Flaw::None)?;
            ends = Some((until, Some(rule.id.clone())));
        }
    }
    match ends {
        Some((end, law)) if end <= at => Err(Flaw::Over(law)),
        ends => Ok(ends.map(|(end, _)| end)),
    }
}

/// The withdrawals of this run, which a lead claimed earlier cannot know of.
#[derive(Debug, Default)]
pub(crate) struct Withdrawals(Noted<(ClientId, PersonId), Wall>);

impl Withdrawals {
    /// Notes that a person took back what gave a client company the right to call.
    pub(crate) fn note(&mut self, now: Mono, who: (ClientId, PersonId), at: Wall) {
        self.0.note(now, who, self.of(who).map_or(at, |known| known.max(at)));
    }

    /// Forgets withdrawals older than any lease: leads claimed since then have no such right.
    pub(crate) fn forget_before(&mut self, moment: Mono) {
        self.0.forget_before(moment);
    }

    /// Gives a person's latest withdrawal.
    pub(super) fn of(&self, who: (ClientId, PersonId)) -> Option<Wall> {
        self.0.get(&who).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Claim = Result<(), Box<dyn std::error::Error>>;

    fn wall(text: &str) -> Result<Wall, jiff::Error> {
        text.parse::<jiff::Timestamp>().map(Wall::from)
    }

    /// A law that asks for a consent of a year, or a contract.
    fn law() -> Result<Vec<Regime>, Box<dyn std::error::Error>> {
        let rule = |id, asks| Rule { id: LawId::new(id), from: None, until: None, asks };
        let rules = vec![
            rule("X-1", Asks::Consent),
            rule("X-2", Asks::OrContract),
            rule("X-3", Asks::ConsentLife { days: 365 }),
        ];
        let (territory, edition) = (Territory::new("FR")?, std::sync::Arc::default());
        Ok(vec![Regime { territory, edition, holidays: Vec::new(), rules }])
    }

    fn asked(
        rights: &[Right],
        withdrawn: Option<Wall>,
        at: Wall,
    ) -> Result<Option<(RuleId, String)>, Box<dyn std::error::Error>> {
        let (zone, there) = (Zone::new("Europe/Paris")?, Territory::new("FR")?);
        let standing = standing(&law()?, (&zone, Some(&there)), (rights, withdrawn), at);
        assert!(standing.refusal.is_none() || standing.right.is_none());
        let law = |law: Option<LawId>| law.map_or_else(String::new, |law| law.as_str().to_owned());
        Ok(standing.refusal.map(|refusal| (refusal.rule, law(refusal.law))))
    }

    const CONSENT: Right =
        Right { id: None, basis: Basis::Consent, obtained: None, until: None, out_of_hours: false };

    #[test]
    fn a_consent_lasts_to_the_end_of_its_365th_day() -> Claim {
        let obtained = Some(wall("2026-09-12T14:00:00Z")?);
        let rights = [Right { obtained, ..CONSENT }];
        let over = Some((RuleId::ConsentExpired, "X-3".to_owned()));
        for (at, expected) in [
            ("2026-09-12T13:59:59Z", Some((RuleId::NoConsent, "X-1".to_owned()))),
            ("2026-09-12T14:00:00Z", None),
            ("2027-09-12T14:00:00Z", None),
            ("2027-09-12T21:59:59Z", None),
            ("2027-09-12T22:00:00Z", over.clone()),
            ("2027-09-13T14:00:00Z", over),
        ] {
            assert_eq!(asked(&rights, None, wall(at)?)?, expected, "{at}");
        }
        Ok(())
    }

    #[test]
    fn a_contract_counts_while_it_runs_and_says_when_it_ends() -> Claim {
        let until = Some(wall("2026-11-22T23:00:00Z")?);
        let contract = Right { basis: Basis::Contract, until, ..CONSENT };
        let at = wall("2026-11-22T22:59:59Z")?;
        assert_eq!(asked(&[contract], None, at)?, None);
        let over = Some((RuleId::ConsentExpired, "X-2".to_owned()));
        assert_eq!(asked(&[contract], None, wall("2026-11-22T23:00:00Z")?)?, over);
        let none = Some((RuleId::NoConsent, "X-1".to_owned()));
        assert_eq!(asked(&[Right { until: None, ..contract }], None, at)?, none);
        assert_eq!(asked(&[CONSENT], None, at)?, none, "a consent of no day is none");
        assert_eq!(asked(&[contract], Some(wall("2026-01-01T00:00:00Z")?), at)?, none);
        Ok(())
    }

    #[test]
    fn a_withdrawal_counts_against_all_that_was_given_before() -> Claim {
        let (at, then) = (wall("2026-11-23T10:00:01Z")?, wall("2026-11-23T10:00:00Z")?);
        let given = |obtained| Right { obtained: Some(obtained), ..CONSENT };
        let mut withdrawals = Withdrawals::default();
        let who = (ClientId(1), PersonId(7));
        withdrawals.note(Mono::START, who, then);
        assert_eq!(withdrawals.of((ClientId(2), PersonId(7))), None);
        let withdrawn = withdrawals.of(who);
        assert!(asked(&[given(then)], withdrawn, at)?.is_some());
        assert_eq!(asked(&[given(then), given(at)], withdrawn, at)?, None);
        withdrawals.forget_before(Mono::START + crate::units::Span::secs(1));
        assert_eq!(withdrawals.of(who), None);
        Ok(())
    }
}
