//! May this lead be called now? One gate, asked at the hopper and again before the INVITE.

pub(super) mod attempts;
pub mod caller_id;
pub mod consent;
pub(super) mod dnc;
pub mod holidays;
pub(crate) mod hours;
pub mod inquiry;
pub mod law;
mod noted;
pub mod receipt;

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use consent::Standing;
use law::{Asks, LawId, Regime};
use noted::Noted;

use super::campaign;
use super::fact::{Lead, LeadNumber};
use super::order::{DoneReason, Next, Stage};
use super::recycle;
use crate::units::{
    CallId, CampaignId, ClientId, Mono, Now, NumberId, PersonId, Span, Territory, Wall, Zone,
};

/// The rules of a campaign.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// When calls may ring, in the called number's zone.
    pub week: Week,
    /// How often a person may be tried.
    pub attempts: Vec<AttemptCap>,
    /// The law of the territories it may call; one without a law is called by the campaign's own
    /// rules alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub law: Vec<Regime>,
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
    /// The rule of law behind it; `None` for the campaign's own rules and the centre's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub law: Option<LawId>,
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
    /// The person refused in conversation, and the law leaves him or her alone for a time.
    Refused,
    /// The law asks for a right to call, and there is none.
    NoConsent,
    /// The law asks for a right to call, and there is none any more.
    ConsentExpired,
    /// The law lets the campaign show none of its numbers.
    CallerId,
    /// No trunk to the number holds the mandate of a number that may be shown.
    NoMandate,
    /// The law forbids calling about the campaign's subject without a contract.
    BannedSubject,
    /// No trunk for the number's prefix is in use, or every number that may be shown there rests or
    /// has spent its budget, and enough such contacts wait in stock.
    NoRoute,
}

/// How long a contact waits when the same person is on the line.
const PERSON_BUSY_WAIT: Span = Span::secs(60);

/// How long a contact waits for a rule that does not say when it passes: a day.
pub const UNKNOWN_WAIT: Span = Span::secs(86_400);

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
    locks: Noted<(ClientId, PersonId), Wall>,
    /// Who took back a right to call.
    pub(super) withdrawals: consent::Withdrawals,
    /// Who refused in conversation in this run, in which call and when.
    refusals: Noted<(ClientId, PersonId, CallId), Wall>,
}

impl Persons {
    /// Locks a person who was abandoned.
    pub(super) fn lock(&mut self, now: Mono, client: ClientId, person: PersonId, until: Wall) {
        self.locks.note(now, (client, person), until);
    }

    /// Notes whether a person refused in a conversation; the last word said of a call counts.
    pub(super) fn note_refusal(
        &mut self,
        now: Now,
        who: (ClientId, PersonId, CallId),
        refused: bool,
    ) {
        if refused {
            self.refusals.note(now.mono, who, now.wall);
        } else {
            self.refusals.remove(&who);
        }
    }

    /// Gives when a person last refused in a conversation of this run.
    fn refused(&self, client: ClientId, person: PersonId) -> Option<Wall> {
        let [first, last] = [u64::MIN, u64::MAX].map(|call| (client, person, CallId(call)));
        self.refusals.range(first..=last).max().copied()
    }

    /// Forgets what every lead claimed since that moment carries itself.
    pub(super) fn forget_before(&mut self, moment: Mono) {
        self.locks.forget_before(moment);
        self.attempts.forget_before(moment);
        self.wishes.forget_before(moment);
        self.withdrawals.forget_before(moment);
        self.refusals.forget_before(moment);
    }
}

/// Says whether a number of a zone and territory may ring at a moment, by the campaign's hours and
/// the law's; what is known of its person is not asked.
///
/// # Errors
/// It may not: which rule says so, and when it may.
pub fn rings(
    rules: &Settings,
    there: (&Zone, Option<&Territory>),
    at: Wall,
) -> Result<(), Refusal> {
    let spell = hours::spell(rules, there, false, at);
    let refusal = || Refusal { rule: RuleId::Window, law: spell.law.clone(), until: spell.opens };
    if spell.open { Ok(()) } else { Err(refusal()) }
}

/// The gate of one campaign.
#[derive(Debug)]
pub(super) struct Gate<'a> {
    pub(super) campaign: CampaignId,
    pub(super) settings: &'a campaign::Settings,
    /// The memory of its calling windows, and of those of contacts of the other kind.
    pub(super) hours: &'a mut [hours::Hours; 2],
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
            return Err(refused(lead, NumberId(0), Refusal::of(RuleId::InvalidNumber, None), at));
        };
        if lead.callback.is_none() && recycle::exhausted(&self.settings.retry, lead) {
            return Err(refused(lead, tried.number, Refusal::of(RuleId::Exhausted, None), at));
        }
        // Whoever has several numbers is one consumer.
        if lead.numbers.iter().any(|number| self.unwanted(number)) {
            return Err(refused(lead, tried.number, Refusal::of(RuleId::DoNotCall, None), at));
        }
        let mut nearest: Option<(NumberId, Refusal)> = None;
        for step in 0..lead.numbers.len() {
            let index = (first + step) % lead.numbers.len();
            let Some(number) = lead.numbers.get(index) else { continue };
            let Some(refusal) = self.forbids(number, stage, at) else { return Ok(index) };
            let sooner = |(_, best): &(NumberId, Refusal)| {
                refusal.until.is_some_and(|until| best.until.is_none_or(|best| until < best))
            };
            if nearest.as_ref().is_none_or(sooner) {
                nearest = Some((number.number, refusal));
            }
        }
        let none = || (tried.number, Refusal::of(RuleId::InvalidNumber, None));
        let (number, refusal) = nearest.unwrap_or_else(none);
        Err(refused(lead, number, refusal, at))
    }

    /// Tells whether a wish stands against calling a number.
    fn unwanted(&self, number: &LeadNumber) -> bool {
        let (client, wishes) = (self.settings.client, &self.persons.wishes);
        number.do_not_call || wishes.stands(number.person, client, self.campaign)
    }

    /// Gives the first rule that forbids calling a number, and when it may pass.
    fn forbids(&mut self, number: &LeadNumber, stage: Stage, at: Wall) -> Option<Refusal> {
        self.ask(number, stage, at, ControlFlow::Break).break_value()
    }

    /// Asks one rule after the other whether it forbids calling a number, for as long as whoever
    /// is told of those that do listens.
    fn ask<B>(
        &mut self,
        number: &LeadNumber,
        stage: Stage,
        at: Wall,
        mut told: impl FnMut(Refusal) -> ControlFlow<B>,
    ) -> ControlFlow<B> {
        if number.invalid {
            told(Refusal::of(RuleId::InvalidNumber, None))?;
        }
        if self.unwanted(number) {
            told(Refusal::of(RuleId::DoNotCall, None))?;
        }
        let rules = self.settings.rules_of(number);
        if let Some(refusal) = self.settings.unshowable(number, at) {
            told(refusal)?;
        }
        let consent = self.standing(number, at);
        let opened = consent.opens_hours.is_some();
        if let Some(refusal) = consent.refusal {
            told(refusal)?;
        }
        let there = (&number.zone, &number.territory, opened);
        // The bell ends a call that rings on: one that it would end too soon is not begun.
        let hours = &mut self.hours[usize::from(self.settings.is_other(number))];
        if let Some((_, shut)) = hours.shut_within(rules, there, at, self.settings.ring_min) {
            told(Refusal { rule: RuleId::Window, law: shut.law, until: shut.opens })?;
        }
        self.waits(number, at, |rule, law, until| {
            // Worked out beside the memory, which is of the present.
            let spell = hours::spell(rules, (there.0, there.1.as_ref()), opened, until);
            told(Refusal { rule, law, until: Some(spell.opens.unwrap_or(until)) })
        })?;
        if stage == Stage::Dial && self.persons.on_line.contains_key(&number.person) {
            told(Refusal::of(RuleId::PersonBusy, Some(at + PERSON_BUSY_WAIT)))?;
        }
        ControlFlow::Continue(())
    }

    /// Gives when the calling windows of a number shut, or what gives the right to call it ends, if
    /// a call placed now may ring as long.
    pub(super) fn bell(&mut self, number: &LeadNumber, now: Now) -> Option<Mono> {
        // The ring time is counted anew once it rings.
        let longest = self.settings.ring_max.times(2);
        let consent = self.standing(number, now.wall);
        let there = (&number.zone, &number.territory, consent.opens_hours.is_some());
        let rules = self.settings.rules_of(number);
        let hours = &mut self.hours[usize::from(self.settings.is_other(number))];
        let shuts = hours.shut_within(rules, there, now.wall, longest);
        let ends = [shuts.map(|(at, _)| at), consent.until, consent.opens_hours];
        let bell = ends.into_iter().flatten().min().filter(|&bell| bell < now.wall + longest)?;
        Some(now.mono + bell.since(now.wall))
    }

    /// Says what the rights to call a number give now.
    fn standing(&self, number: &LeadNumber, at: Wall) -> Standing {
        let withdrawn = self.persons.withdrawals.of((self.settings.client, number.person));
        let here = (&number.zone, number.territory.as_ref());
        consent::standing(
            &self.settings.rules_of(number).law,
            here,
            (&number.rights, withdrawn),
            at,
        )
    }

    /// Asks the rules that make a number wait for what was before, and until when.
    fn waits<B>(
        &self,
        number: &LeadNumber,
        at: Wall,
        mut told: impl FnMut(RuleId, Option<LawId>, Wall) -> ControlFlow<B>,
    ) -> ControlFlow<B> {
        let rules = self.settings.rules_of(number);
        let who = (self.settings.client, number.person);
        let tried = self.persons.attempts.of(&number.recent, who);
        if let Some(until) = attempts::forbidden_until(&rules.attempts, &tried, at) {
            told(RuleId::AttemptCap, None, until)?;
        }
        let refused = self.persons.refused(who.0, who.1).max(number.refused);
        if let Some((rule, law, until)) = law_waits(&rules.law, number, &tried, refused, at) {
            told(rule, Some(law), until)?;
        }
        let past = number.abandoned.map(|then| then + self.settings.abandon.recall_lock);
        let locked = self.persons.locks.get(&who).copied().max(past);
        if let Some(until) = locked.filter(|&until| until > at) {
            told(RuleId::RecallLock, None, until)?;
        }
        ControlFlow::Continue(())
    }
}

/// Gives the rule of law that makes a number wait longest, and until when.
fn law_waits(
    law: &[Regime],
    number: &LeadNumber,
    tried: &[Wall],
    refused: Option<Wall>,
    at: Wall,
) -> Option<(RuleId, LawId, Wall)> {
    let mut regimes = law::at_territory(law, number.territory.as_ref()).peekable();
    regimes.peek()?;
    let zone = TimeZone::get(number.zone.name()).ok()?;
    let rules = regimes.flat_map(|regime| &regime.rules).filter(|rule| rule.holds(at));
    let waits = rules.filter_map(|rule| {
        let (kind, until) = match rule.asks {
            Asks::Hours { .. }
            | Asks::Consent
            | Asks::OrContract
            | Asks::ConsentLife { .. }
            | Asks::Contract
            | Asks::Shows { .. }
            | Asks::Hides { .. }
            | Asks::Mandate => {
                return None;
            }
            Asks::Attempts { max, days } => {
                (RuleId::AttemptCap, attempts::forbidden_in_days((max, days), tried, &zone, at)?)
            }
            Asks::Silence { days } => {
                let day = hours::date(&zone, refused?);
                (RuleId::Refused, hours::day_after(&zone, day, days.saturating_add(1))?)
            }
        };
        (until > at).then(|| (kind, rule.id.clone(), until))
    });
    waits.max_by_key(|(.., until)| *until)
}

impl Refusal {
    /// Makes a refusal by a rule of the campaign's or the centre's own.
    pub(super) fn of(rule: RuleId, until: Option<Wall>) -> Self {
        Self { rule, law: None, until }
    }
}

/// Tells what a refusal makes of the contact.
pub(super) fn refused(lead: &Lead, number: NumberId, refusal: Refusal, at: Wall) -> Refused {
    let next = match refusal.rule {
        RuleId::DoNotCall => Next::Done(DoneReason::DoNotCall),
        RuleId::InvalidNumber => Next::Done(DoneReason::NoNumber),
        RuleId::Exhausted => Next::Done(DoneReason::Exhausted),
        RuleId::Window
        | RuleId::AttemptCap
        | RuleId::PersonBusy
        | RuleId::AgentAway
        | RuleId::RecallLock
        | RuleId::Refused
        | RuleId::NoConsent
        | RuleId::ConsentExpired
        | RuleId::CallerId
        | RuleId::NoMandate
        | RuleId::BannedSubject
        | RuleId::NoRoute => {
            recycle::postponed(lead, refusal.until.unwrap_or(at + UNKNOWN_WAIT), Some(number))
        }
    };
    Refused { number, refusal, next }
}
