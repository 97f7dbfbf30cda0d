//! What the gate had before it when it decided, so that each decision can be told later.

use std::sync::Arc;

use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use super::consent::{Basis, Standing};
use super::law::{Asks, LawId, at_territory};
use super::{Gate, Settings, attempts};
use crate::core::fact::LeadNumber;
use crate::units::{ConsentId, Territory, Wall, Zone};

/// What decided about calling a number at a moment: the rules of law asked, and what they were
/// told. The campaign's own hours and caps stand in its settings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The zone whose clock and days counted.
    pub zone: Zone,
    /// The territory whose law holds; `None` where none is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub territory: Option<Territory>,
    /// The day the law pack was last looked over, such as `2026-11-23`; empty without one.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub edition: Arc<str>,
    /// The rules of law in force there, in the order of the pack.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<LawId>,
    /// The right to call that holds longest, where one is asked for and there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub right: Option<Used>,
    /// Until when a consent opens hours of the law; `None` where none does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opens_hours: Option<Wall>,
    /// The attempts counted before this one, cap by cap: the campaign's, then the law's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attempts: Vec<Tally>,
    /// When the person last refused in conversation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<Wall>,
    /// When the person was last abandoned, as far as the store told of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub abandoned: Option<Wall>,
}

/// A right to call that a decision rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Used {
    /// Which one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<ConsentId>,
    /// What it rests on.
    pub basis: Basis,
    /// When it ends; `None` if nothing ends it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Wall>,
}

/// Attempts counted of those a cap allows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// The rule of law; `None` for a cap of the campaign's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub law: Option<LawId>,
    /// Attempts counted.
    pub made: u32,
    /// Attempts allowed.
    pub allowed: u32,
}

impl Gate<'_> {
    /// Tells what is asked about a number at a moment, and what is known of it.
    pub(in crate::core) fn receipt(&self, number: &LeadNumber, at: Wall) -> Receipt {
        let Standing { right, until, opens_hours, .. } = self.standing(number, at);
        let who = (self.settings.client, number.person);
        let mut receipt = Receipt {
            zone: number.zone.clone(),
            territory: number.territory.clone(),
            edition: Arc::default(),
            rules: Vec::new(),
            right: right.map(|right| Used { id: right.id, basis: right.basis, until }),
            opens_hours,
            attempts: Vec::new(),
            refused: self.persons.refused(who.0, who.1).max(number.refused),
            abandoned: number.abandoned,
        };
        let tried = self.persons.attempts.of(&number.recent, who);
        receipt.count(self.settings.rules_of(number), &tried, at);
        receipt
    }
}

impl Receipt {
    /// Adds the rules in force, and the attempts that each cap counts.
    fn count(&mut self, rules: &Settings, tried: &[Wall], at: Wall) {
        let own = rules.attempts.iter().map(|cap| Tally {
            law: None,
            made: attempts::made(*cap, tried, at),
            allowed: cap.max,
        });
        self.attempts.extend(own);
        let mut zone = None;
        for regime in at_territory(&rules.law, self.territory.as_ref()) {
            self.edition = Arc::clone(&regime.edition);
            for rule in regime.rules.iter().filter(|rule| rule.holds(at)) {
                if self.rules.last() != Some(&rule.id) {
                    self.rules.push(rule.id.clone());
                }
                let Asks::Attempts { max, days } = rule.asks else { continue };
                let zone = zone.get_or_insert_with(|| TimeZone::get(self.zone.name()));
                let Ok(zone) = zone else { continue };
                let made = attempts::made_in_days(days, tried, zone, at);
                let (law, allowed) = (Some(rule.id.clone()), u32::from(max));
                self.attempts.push(Tally { law, made, allowed });
            }
        }
    }
}
