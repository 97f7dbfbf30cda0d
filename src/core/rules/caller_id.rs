//! Which number may be shown: its class, how calls are started, the country and the mandate.

use serde::{Deserialize, Serialize};

use super::law::{Asks, LawId, Regime, Rule, at_territory};
use super::{Refusal, RuleId};
use crate::core::campaign::{self, Mode, Route};
use crate::core::fact::LeadNumber;
use crate::units::{Territory, TrunkId, Wall};

/// A number shown, as the law knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Card {
    /// The country whose numbering plan it is of; `None` of a plan that no law pack tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub country: Option<Territory>,
    /// Its class in that plan.
    pub class: Class,
    /// Whether the operator that holds its mandate is named.
    pub mandated: bool,
    /// The trunks it may leave by.
    pub trunks: Vec<TrunkId>,
}

/// The class of a number in the numbering plan of its country.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// A fixed line of some place: French 01 to 05.
    Geographic,
    /// A verified multi-purpose number (NPV), for automatic systems.
    Verified,
    /// A line of no place: French 09.
    NonGeographic,
    /// A mobile number: French 06 and 07.
    Mobile,
    /// Exchanges by way of a platform: French 0937 to 0939.
    Platform,
    /// A short number, or one that costs more or less than a call.
    Special,
    /// Any other.
    Other,
}

/// How calls are started, as the law tells modes apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dialing {
    /// On an agent's word.
    Preview,
    /// One line per idle agent.
    Progressive,
    /// A fixed number of lines per idle agent.
    Power,
    /// By forecast, or as a pacer outside the core says.
    Predictive,
}

impl From<Mode> for Dialing {
    fn from(mode: Mode) -> Self {
        match mode {
            Mode::Preview => Self::Preview,
            Mode::Progressive => Self::Progressive,
            Mode::Power { .. } => Self::Power,
            Mode::Predictive { .. } | Mode::Directed => Self::Predictive,
        }
    }
}

impl Card {
    /// Whether it may leave by one of some routes.
    fn leaves_by(&self, routes: &[Route]) -> bool {
        routes.iter().any(|route| self.trunks.contains(&route.trunk))
    }

    /// Gives the rule that forbids showing it in a mode to whoever is called somewhere, wherever
    /// it leaves: a law's of the called number's country, or of its own.
    #[must_use]
    pub fn forbidden(
        &self,
        dialing: Dialing,
        law: &[Regime],
        called: Option<&Territory>,
        at: Wall,
    ) -> Option<(RuleId, LawId)> {
        let called = called?;
        let mandate = self.mandate(law, Some(called), at).filter(|_| !self.mandated);
        let by_class = self.regimes(law, called).find_map(|regime| {
            let home = self.country.as_ref() == Some(&regime.territory);
            let rules = regime.rules.iter().filter(|rule| rule.holds(at));
            let mut forbids = rules.filter(|rule| self.offends(&rule.asks, dialing, home));
            forbids.next().map(|rule| (RuleId::CallerId, rule.id.clone()))
        });
        by_class.or_else(|| mandate.map(|law| (RuleId::NoMandate, law.clone())))
    }

    /// Gives the rule of its own country by which a call of a mode shows it: one that says which
    /// numbers are shown, or by whose mandate. Such a call may not hide it.
    #[must_use]
    pub fn must_be_shown(&self, dialing: Dialing, law: &[Regime], at: Wall) -> Option<LawId> {
        let asked = |rule: &&Rule| {
            rule.asks == Asks::Mandate
                || matches!(&rule.asks, Asks::Shows { modes, .. } if modes.contains(&dialing))
        };
        self.own_rules(law, at).find(asked).map(|rule| rule.id.clone())
    }

    /// Whether its class offends against what a country asks; `home` says that it is the number's
    /// own.
    fn offends(&self, asks: &Asks, dialing: Dialing, home: bool) -> bool {
        match asks {
            Asks::Shows { modes, classes } => {
                modes.contains(&dialing) && !(home && classes.contains(&self.class))
            }
            Asks::Hides { classes } => classes.contains(&self.class),
            Asks::Hours { .. }
            | Asks::Attempts { .. }
            | Asks::Silence { .. }
            | Asks::Consent
            | Asks::OrContract
            | Asks::ConsentLife { .. }
            | Asks::Contract
            | Asks::Mandate => false,
        }
    }

    /// Gives the rule by which an operator must hold its mandate, if one does where it is shown.
    fn mandate<'l>(
        &self,
        law: &'l [Regime],
        called: Option<&Territory>,
        at: Wall,
    ) -> Option<&'l LawId> {
        called?;
        let asked = |rule: &&Rule| rule.asks == Asks::Mandate;
        self.own_rules(law, at).find(asked).map(|rule| &rule.id)
    }

    /// Gives the rules of its own country that are in force.
    fn own_rules<'l>(&self, law: &'l [Regime], at: Wall) -> impl Iterator<Item = &'l Rule> {
        let own = law.iter().filter(|regime| self.country.as_ref() == Some(&regime.territory));
        own.flat_map(|regime| &regime.rules).filter(move |rule| rule.holds(at))
    }

    /// Gives the law of where it is called, and of its own country besides.
    fn regimes<'l>(
        &'l self,
        law: &'l [Regime],
        called: &'l Territory,
    ) -> impl Iterator<Item = &'l Regime> {
        let own = law.iter().filter(move |regime| {
            self.country.as_ref() == Some(&regime.territory) && !called.lies_in(&regime.territory)
        });
        at_territory(law, Some(called)).chain(own)
    }
}

impl campaign::Settings {
    /// Gives the rule that forbids showing a caller ID to a number at a moment, by its place.
    pub(in crate::core) fn forbids_showing(
        &self,
        caller_id: usize,
        number: &LeadNumber,
        at: Wall,
    ) -> Option<Refusal> {
        let card = self.caller_cards.get(caller_id)?;
        let (law, called) = (&self.rules_of(number).law, number.territory.as_ref());
        let refusal = |(rule, law)| Refusal { rule, law, until: None };
        if let Some((rule, id)) = card.forbidden(self.mode.into(), law, called, at) {
            return Some(refusal((rule, Some(id))));
        }
        let stays = !card.leaves_by(self.routes_of(number.group));
        stays.then(|| refusal((RuleId::NoMandate, card.mandate(law, called, at).cloned())))
    }

    /// Says why none of its caller IDs may be shown to a number at a moment; `None` if one may. A
    /// number that only wants a trunk with its mandate is told of before those that never may.
    pub(super) fn unshowable(&self, number: &LeadNumber, at: Wall) -> Option<Refusal> {
        let mut told: Option<Refusal> = None;
        for caller_id in 0..self.caller_cards.len() {
            let refusal = self.forbids_showing(caller_id, number, at)?;
            let better = refusal.rule == RuleId::NoMandate;
            if told.as_ref().is_none_or(|told| better && told.rule != refusal.rule) {
                told = Some(refusal);
            }
        }
        told
    }
}
