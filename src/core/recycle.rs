//! Outcome → when to try again, if ever.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::fact::{Callback, Lead, LeadNumber};
use super::order::{DoneReason, Next, Outcome};
use super::rules::DaySpan;
use crate::units::{NumberId, Span, Wall};

/// When a contact is tried again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// Attempts per contact at most, on all its numbers together.
    pub attempts_max: u32,
    /// The delay after each outcome; an outcome without one closes the contact, unless it was
    /// no word of the contact's: those are tried again after [`OURS_WAIT`].
    pub after: BTreeMap<Outcome, Delay>,
    /// At which hours, if that is not left to the calling windows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<Plan>,
}

impl Settings {
    /// Whether some contacts are tried at the hour they are likeliest reached.
    #[must_use]
    pub fn seeks_best(&self) -> bool {
        self.plan.is_some() && self.after.values().any(|delay| delay.best_hour)
    }

    /// Whether leads must tell of their earlier attempts.
    #[must_use]
    pub fn asks_history(&self) -> bool {
        self.plan.is_some() || self.after.values().any(|delay| delay.max.is_some())
    }
}

/// At which hours contacts are tried again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// The parts of the day among which attempts are spread, in the called number's zone; none for
    /// the whole day.
    pub slots: Vec<DaySpan>,
    /// How much later than the first moment allowed the hour may be at which the contact is
    /// likeliest reached.
    pub best_within: Span,
}

/// The delay after one outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delay {
    /// How long to wait before this contact is tried again.
    pub wait: Span,
    /// Whether the contact's next number is tried first, at once if `wait` is zero.
    pub next_number: bool,
    /// Attempts with this outcome at most, 1 to [`TOLD_MAX`]; the last of them closes the contact.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<u32>,
    /// Whether the next attempt is made on another day, in the called number's zone.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub other_day: bool,
    /// Whether the next attempt is made in the part of the day that was tried least.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub other_slot: bool,
    /// Whether it is made at the hour at which the contact is likeliest reached.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub best_hour: bool,
}

impl Delay {
    /// The outcome closes the contact.
    pub const NEVER: Self = Self::of(Span::MAX, false);

    /// Makes a delay, whatever the day and hour and however often.
    #[must_use]
    pub const fn of(wait: Span, next_number: bool) -> Self {
        Self { wait, next_number, max: None, other_day: false, other_slot: false, best_hour: false }
    }
}

/// Attempts of a contact told with its lead, the latest: more in one campaign are rare.
pub const TOLD_MAX: u32 = 16;

/// Congestions, trunk faults and calls never placed that cost a contact none of its attempts;
/// further ones do, so that a number which always fails is not tried for ever.
pub const FAULTS_FREE: u32 = 5;

/// The delay after an outcome of ours or the carrier's for which none is configured: cancelled,
/// interrupted, congestion, trunk fault. Long enough for a carrier to mend.
pub const OURS_WAIT: Span = Span::secs(600);

/// The delay after a talk that nobody qualified and for which none is configured: a day, as a
/// person who talked is not called again the same afternoon.
pub const UNQUALIFIED_WAIT: Span = Span::secs(86_400);

/// Tells what becomes of a contact after an attempt on its number at `index`; `lead` is as it
/// was before that attempt.
pub(super) fn after(
    settings: &Settings,
    outcome: Outcome,
    lead: &Lead,
    index: usize,
    at: Wall,
) -> Next {
    let fault = u32::from(costs_nothing(outcome));
    // A promise that a trunk or we broke is kept later, whatever the attempts, but not for ever.
    let broken = fault > 0 || matches!(outcome, Outcome::Cancelled | Outcome::Interrupted);
    let kept = broken && lead.callback.is_some() && lead.faults < FAULTS_FREE;
    let spent = spent(lead.attempts.saturating_add(1), lead.faults.saturating_add(fault));
    if spent >= settings.attempts_max && !kept {
        return Next::Done(DoneReason::Exhausted);
    }
    let delay = settings.after.get(&outcome).copied();
    if !kept && delay.and_then(|delay| delay.max).is_some_and(|max| often(lead, outcome) >= max) {
        return Next::Done(DoneReason::Exhausted);
    }
    if outcome == Outcome::Invalid {
        return following(lead, index)
            .filter(|&next| next != index)
            .map_or(Next::Done(DoneReason::NoNumber), |next| {
                retry(at + delay.map_or(Span::ZERO, |delay| delay.wait), lead, next)
            });
    }
    let delay = delay.or_else(|| standing(outcome)).filter(|delay| *delay != Delay::NEVER);
    let Some(delay) = delay else { return Next::Done(DoneReason::Exhausted) };
    if let Some(callback) = lead.callback.filter(|_| kept) {
        return Next::Callback(Callback { at: at + delay.wait, ..callback });
    }
    let next = if delay.next_number { following(lead, index) } else { None };
    retry(at + delay.wait, lead, next.unwrap_or(index))
}

/// Tells what becomes of a contact whose call on its number at `index` was never placed: that costs
/// it none of its attempts.
pub(super) fn unplaced(
    settings: &Settings,
    outcome: Outcome,
    lead: &Lead,
    index: usize,
    at: Wall,
) -> Next {
    let delay = settings.after.get(&outcome).filter(|delay| **delay != Delay::NEVER);
    let wait = delay.map_or(OURS_WAIT, |delay| delay.wait);
    postponed(lead, at + wait, lead.numbers.get(index).map(|number| number.number))
}

/// Tells what becomes of a contact whose number at `index` turned out to be another's.
pub(super) fn wrong_number(lead: &Lead, index: usize, at: Wall) -> Next {
    following(lead, index)
        .filter(|&next| next != index)
        .map_or(Next::Done(DoneReason::NoNumber), |next| retry(at, lead, next))
}

/// Puts a contact off that was not called; a promised call stays a promise.
pub(super) fn postponed(lead: &Lead, at: Wall, number: Option<NumberId>) -> Next {
    lead.callback
        .map_or(Next::Retry { at, number }, |callback| Next::Callback(Callback { at, ..callback }))
}

/// Tries the contact again no earlier than `at`, on the same number as before.
pub(super) fn no_earlier(next: Next, at: Wall) -> Next {
    match next {
        Next::Retry { at: planned, number } => Next::Retry { at: planned.max(at), number },
        Next::Callback(_) | Next::Done(_) | Next::Untouched => next,
    }
}

/// Whether the contact has had every attempt it may have.
pub(super) fn exhausted(settings: &Settings, lead: &Lead) -> bool {
    spent(lead.attempts, lead.faults) >= settings.attempts_max
}

/// Whether the outcome says nothing about the contact, but about the trunk.
pub(super) fn is_fault(outcome: Outcome) -> bool {
    matches!(outcome, Outcome::Congestion | Outcome::TrunkFault)
}

/// Whether the outcome is no word of the contact's: a few of them cost it none of its attempts.
fn costs_nothing(outcome: Outcome) -> bool {
    is_fault(outcome) || outcome == Outcome::Blocked
}

fn spent(attempts: u32, faults: u32) -> u32 {
    attempts.saturating_sub(faults.min(FAULTS_FREE))
}

fn standing(outcome: Outcome) -> Option<Delay> {
    let wait = match outcome {
        Outcome::Connected => UNQUALIFIED_WAIT,
        Outcome::Abandoned
        | Outcome::Cancelled
        | Outcome::Congestion
        | Outcome::TrunkFault
        | Outcome::Blocked
        | Outcome::Interrupted => OURS_WAIT,
        Outcome::Machine
        | Outcome::Busy
        | Outcome::NoAnswer
        | Outcome::Invalid
        | Outcome::Declined => return None,
    };
    Some(Delay::of(wait, false))
}

/// Counts the attempts with an outcome, the one that just ended among them.
fn often(lead: &Lead, outcome: Outcome) -> u32 {
    let before = lead.tried.iter().filter(|tried| tried.outcome == outcome).count();
    u32::try_from(before).unwrap_or(u32::MAX).saturating_add(1)
}

fn retry(at: Wall, lead: &Lead, index: usize) -> Next {
    let number: Option<NumberId> = lead.numbers.get(index).map(|number| number.number);
    Next::Retry { at, number }
}

/// The place of the usable number after `index`, going round; `index` itself if it is the only one.
fn following(lead: &Lead, index: usize) -> Option<usize> {
    let count = lead.numbers.len();
    let usable = |number: &LeadNumber| !number.invalid && !number.do_not_call;
    (1..=count)
        .map(|step| (index + step) % count)
        .find(|&next| lead.numbers.get(next).is_some_and(usable))
}
