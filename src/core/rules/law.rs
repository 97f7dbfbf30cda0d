//! The law of the territories called: rules with their parameters, chosen by country and purpose.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Week;
use super::caller_id::{Class, Dialing};
use super::holidays::Holiday;
use crate::units::{Territory, Wall};

/// What the law of one country asks of a campaign.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Regime {
    /// Where it holds: there and in every part of it, unless a rule names parts.
    pub territory: Territory,
    /// The day its pack was last looked over, such as `2026-11-23`; empty if it came without one.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub edition: Arc<str>,
    /// Its public holidays and those of its parts.
    pub holidays: Vec<Holiday>,
    /// The rules that concern the campaign's purpose and the persons it calls.
    pub rules: Vec<Rule>,
}

/// One rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// Its id in the law pack, such as `FR-5`.
    pub id: LawId,
    /// Since when it is in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Wall>,
    /// When it ceases to be in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Wall>,
    /// What it asks.
    pub asks: Asks,
}

/// What a rule asks before a number may be called.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Asks {
    /// Calls may ring within these windows only, in the called number's zone.
    Hours {
        /// The windows of a week.
        week: Week,
        /// Whether public holidays of the territory are closed.
        closed_on_holidays: bool,
        /// Whether who consented to calls out of these hours may be called in others.
        #[serde(default, skip_serializing_if = "core::ops::Not::not")]
        opened_by_consent: bool,
    },
    /// At most so many attempts in so many calendar days, counted per person and client.
    Attempts {
        /// Attempts at most, 1 to [`ATTEMPTS_MAX`].
        max: u8,
        /// Calendar days of the called number's zone, the first attempt's among them; at least 1.
        days: u16,
    },
    /// A person is called with a right to it only, such as a consent.
    Consent,
    /// A contract that runs does in the place of a consent.
    OrContract,
    /// A consent lasts so many calendar days after the day it was given.
    ConsentLife {
        /// Calendar days of the called number's zone.
        days: u16,
    },
    /// A contract that runs is needed: nothing else gives the right to call about the campaign's
    /// subject.
    Contract,
    /// In these modes only numbers of the country's own, of these classes, are shown.
    Shows {
        /// The modes.
        modes: Vec<Dialing>,
        /// The classes.
        classes: Vec<Class>,
    },
    /// No number of these classes is shown, of whatever country.
    Hides {
        /// The classes.
        classes: Vec<Class>,
    },
    /// A number of the country's own is shown only by an operator that holds its mandate.
    Mandate,
    /// Whoever refused in conversation is left alone for so many full calendar days.
    Silence {
        /// Calendar days after the refusal's own.
        days: u16,
    },
}

/// A cap counts no more attempts than a lead tells of ([`LeadNumber::recent`]).
///
/// [`LeadNumber::recent`]: crate::core::fact::LeadNumber::recent
pub const ATTEMPTS_MAX: u8 = 16;

/// The id of a rule in its law pack, such as `FR-5`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LawId(Arc<str>);

impl LawId {
    /// Makes an id of its text.
    #[must_use]
    pub fn new(id: &str) -> Self {
        Self(id.into())
    }

    /// Gives the text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Rule {
    /// Whether it is in force at a moment.
    pub(super) fn holds(&self, at: Wall) -> bool {
        self.from.is_none_or(|from| from <= at) && self.until.is_none_or(|until| at < until)
    }
}

/// Gives the regimes that hold at a territory; none without a territory.
pub(super) fn at_territory<'l>(
    law: &'l [Regime],
    territory: Option<&'l Territory>,
) -> impl Iterator<Item = &'l Regime> {
    law.iter().filter(move |regime| {
        territory.is_some_and(|territory| territory.lies_in(&regime.territory))
    })
}
