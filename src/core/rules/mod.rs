//! May this lead be called now? One gate, asked at the hopper and again before the INVITE.

pub(super) mod attempts;
pub(super) mod dnc;
pub mod holidays;
pub(crate) mod hours;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::campaign;
use super::fact::{Lead, LeadNumber};
use super::order::{DoneReason, Next, Stage};
use super::recycle;
use crate::units::{CallId, CampaignId, ClientId, Mono, NumberId, PersonId, Span, Wall};

/// The rules of a campaign.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// When calls may ring, in the called number's zone.
    pub week: Week,
    /// How often a person may be tried.
    pub attempts: Vec<AttemptCap>,
}

/// The calling windows of a week, Monday first, each day's spans in order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Week {
    /// The spans of each day.
    pub days: [Vec<DaySpan>; 7],
}

impl Week {
    /// Gives a week in which every minute is a calling minute.
    #[must_use]
    pub fn always() -> Self {
        Self { days: core::array::from_fn(|_| vec![DaySpan { from: 0, to: 1_440 }]) }
    }
}

/// A span of a day in minutes after midnight, `from` included, `to` excluded, `to` ≤ 1440.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DaySpan {
    /// The first minute.
    pub from: u16,
    /// The minute after the last.
    pub to: u16,
}

/// At most `max` attempts for one person within a rolling `window`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptCap {
    /// Attempts at most, at least 1.
    pub max: u32,
    /// The rolling window.
    pub window: Span,
}

/// A refusal: which rule, and when it may pass.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// The rule's id, as printed to users and kept with the record.
    pub rule: RuleId,
    /// When the rule may pass; `None` if never by waiting.
    pub until: Option<Wall>,
}

/// A rule of the gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RuleId {
    /// Outside the campaign's calling windows in the called number's zone.
    Window,
    /// Too many attempts for this person within a rolling window.
    AttemptCap,
    /// The person must not be called.
    DoNotCall,
    /// The number does not exist.
    InvalidNumber,
    /// The same person is on the line already.
    PersonBusy,
    /// The contact had every attempt the campaign allows.
    Exhausted,
    /// The contact belongs to one agent, who is not at work.
    AgentAway,
    /// The person was abandoned lately.
    RecallLock,
    /// No trunk for the number's prefix is in use, and enough such contacts wait in stock.
    NoRoute,
}

/// How long a contact waits when the same person is on the line.
const PERSON_BUSY_WAIT: Span = Span::secs(60);

/// How long a contact waits for a rule that does not say when it passes: a day.
const UNKNOWN_WAIT: Span = Span::secs(86_400);

/// What this run knows of persons, beyond what their leads carried.
#[derive(Debug, Default)]
pub(super) struct Persons {
    /// Who is on the line; at most one call each.
    pub(super) on_line: BTreeMap<PersonId, CallId>,
    /// Who was tried.
    pub(super) attempts: attempts::Attempts,
    /// Who asked not to be called.
    pub(super) wishes: dnc::Wishes,
    /// Who was abandoned in this run, and until when he is not called again; leads claimed before
    /// cannot know of it.
    locks: BTreeMap<(ClientId, PersonId), Wall>,
}

impl Persons {
    /// Locks a person who was abandoned, and forgets locks that are over.
    pub(super) fn lock(&mut self, at: Wall, client: ClientId, person: PersonId, until: Wall) {
        self.locks.retain(|_, until| *until > at);
        self.locks.insert((client, person), until);
    }

    /// Forgets what every lead claimed since that moment carries itself.
    pub(super) fn forget_before(&mut self, moment: Mono) {
        self.attempts.forget_before(moment);
        self.wishes.forget_before(moment);
    }
}

/// The gate of one campaign.
#[derive(Debug)]
pub(super) struct Gate<'a> {
    pub(super) campaign: CampaignId,
    pub(super) settings: &'a campaign::Settings,
    pub(super) hours: &'a mut hours::Hours,
    pub(super) persons: &'a Persons,
}

/// A refusal with the number it is about and what becomes of the contact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refused {
    pub(super) number: NumberId,
    pub(super) refusal: Refusal,
    pub(super) next: Next,
}

impl Gate<'_> {
    /// Says which of the contact's numbers may be called now, by its place, or why none may.
    ///
    /// This is the only way to an [`Order::Dial`](super::Order::Dial): it is asked when the
    /// contact enters the hopper and again in the instant before the order.
    pub(super) fn may_call(
        &mut self,
        lead: &Lead,
        stage: Stage,
        at: Wall,
    ) -> Result<usize, Refused> {
        let first = lead
            .next_number
            .and_then(|id| lead.numbers.iter().position(|number| number.number == id))
            .unwrap_or(0);
        let Some(tried) = lead.numbers.get(first) else {
            return Err(refused(lead, NumberId(0), RuleId::InvalidNumber, None, at));
        };
        if lead.callback.is_none() && recycle::exhausted(&self.settings.retry, lead) {
            return Err(refused(lead, tried.number, RuleId::Exhausted, None, at));
        }
        let mut nearest: Option<(NumberId, RuleId, Option<Wall>)> = None;
        for step in 0..lead.numbers.len() {
            let index = (first + step) % lead.numbers.len();
            let Some(number) = lead.numbers.get(index) else { continue };
            let Some((rule, until)) = self.forbids(number, stage, at) else { return Ok(index) };
            let sooner = |&(_, _, best): &(NumberId, RuleId, Option<Wall>)| {
                until.is_some_and(|until| best.is_none_or(|best| until < best))
            };
            if nearest.as_ref().is_none_or(sooner) {
                nearest = Some((number.number, rule, until));
            }
        }
        let (number, rule, until) = nearest.unwrap_or((tried.number, RuleId::InvalidNumber, None));
        Err(refused(lead, number, rule, until, at))
    }

    /// Gives the first rule that forbids calling a number, and when it may pass.
    fn forbids(
        &mut self,
        number: &LeadNumber,
        stage: Stage,
        at: Wall,
    ) -> Option<(RuleId, Option<Wall>)> {
        let client = self.settings.client;
        if number.invalid {
            return Some((RuleId::InvalidNumber, None));
        }
        if number.do_not_call || self.persons.wishes.stands(number.person, client, self.campaign) {
            return Some((RuleId::DoNotCall, None));
        }
        let week = &self.settings.rules.week;
        let spell = self.hours.at(week, &number.zone, at);
        if !spell.open {
            return Some((RuleId::Window, spell.opens));
        }
        let caps = &self.settings.rules.attempts;
        let who = (client, number.person);
        if let Some(until) = self.persons.attempts.forbidden_until(caps, &number.recent, who, at) {
            let spell = self.hours.at(week, &number.zone, until);
            return Some((RuleId::AttemptCap, Some(spell.opens.unwrap_or(until))));
        }
        let told = number.abandoned.map(|then| then + self.settings.abandon.recall_lock);
        let locked = self.persons.locks.get(&who).copied().max(told);
        if let Some(until) = locked.filter(|&until| until > at) {
            let spell = self.hours.at(week, &number.zone, until);
            return Some((RuleId::RecallLock, Some(spell.opens.unwrap_or(until))));
        }
        (stage == Stage::Dial && self.persons.on_line.contains_key(&number.person))
            .then_some((RuleId::PersonBusy, Some(at + PERSON_BUSY_WAIT)))
    }
}

/// Tells what a refusal makes of the contact.
pub(super) fn refused(
    lead: &Lead,
    number: NumberId,
    rule: RuleId,
    until: Option<Wall>,
    at: Wall,
) -> Refused {
    let next = match rule {
        RuleId::DoNotCall => Next::Done(DoneReason::DoNotCall),
        RuleId::InvalidNumber => Next::Done(DoneReason::NoNumber),
        RuleId::Exhausted => Next::Done(DoneReason::Exhausted),
        RuleId::Window
        | RuleId::AttemptCap
        | RuleId::PersonBusy
        | RuleId::AgentAway
        | RuleId::RecallLock
        | RuleId::NoRoute => {
            recycle::postponed(lead, until.unwrap_or(at + UNKNOWN_WAIT), Some(number))
        }
    };
    Refused { number, refusal: Refusal { rule, until }, next }
}
