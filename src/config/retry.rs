//! When a contact is tried again: `[retry]`.

use std::collections::BTreeMap;

use super::hours;
use super::reader::{Fields, Value};
use crate::core::order::Outcome;
use crate::core::recycle::{self, Delay, Plan, TOLD_MAX};
use crate::core::rules::DaySpan;
use crate::units::Span;

/// A year, the longest wait one can name.
const YEAR: Span = Span::secs(365 * 86_400);

/// The best hour is sought within an hour at least and, as hours come back every week, a week.
const HOUR: Span = Span::secs(3_600);
const WEEK: Span = Span::secs(7 * 86_400);

/// How long the best hour may be waited for unless the file says otherwise: an evening and, but for
/// the first days of the week, a Saturday are within it.
const BEST_WITHIN: Span = Span::secs(3 * 86_400);

/// Parts of a day at most: one an hour.
const SLOTS_MAX: usize = 24;

/// The delay after each outcome unless the file says otherwise, and whether the contact's next
/// number is tried first. Minutes; chosen for French business-to-consumer lists.
const RETRY: [(&str, Outcome, u64, bool); 11] = [
    ("busy", Outcome::Busy, 15, false),
    ("no_answer", Outcome::NoAnswer, 240, true),
    ("machine", Outcome::Machine, 240, true),
    ("declined", Outcome::Declined, 1_440, false),
    ("invalid", Outcome::Invalid, 0, true),
    ("cancelled", Outcome::Cancelled, 30, false),
    ("blocked", Outcome::Blocked, 60, false),
    ("congestion", Outcome::Congestion, 5, false),
    ("trunk_fault", Outcome::TrunkFault, 5, false),
    ("interrupted", Outcome::Interrupted, 30, false),
    ("connected", Outcome::Connected, 1_440, false),
];

pub(super) fn read(root: &Fields<'_, '_>, recall_lock: Span) -> recycle::Settings {
    let usual = |(_, outcome, minutes, next_number): &(&str, Outcome, u64, bool)| {
        (*outcome, Delay::of(Span::secs(minutes * 60), *next_number))
    };
    let mut after: BTreeMap<Outcome, Delay> = RETRY.iter().map(usual).collect();
    after.insert(Outcome::Abandoned, Delay::of(recall_lock, false));
    let mut settings = recycle::Settings { attempts_max: 10, after, plan: None };
    let Some(fields) = root.table("retry") else { return settings };
    settings.attempts_max = fields.or("attempts_max", 10, |value| value.whole(1..=100));
    let plan = plan(&fields);
    let slotted = !plan.slots.is_empty();
    settings.plan = Some(plan);
    for (key, outcome, ..) in RETRY {
        let Some(value) = fields.get(key) else { continue };
        let Some(delay) = delay(&value) else { continue };
        if delay.other_slot && !slotted {
            let hint =
                "add `slots = [\"9:00-12:00\", \"12:00-14:00\", \"17:00-20:00\"]` to [retry]";
            value.error("asks for another slot, and there are none", Some(hint.to_owned()));
        }
        settings.after.insert(outcome, delay);
    }
    fields.finish();
    let spreads = |delay: &Delay| delay.other_day || delay.other_slot || delay.best_hour;
    if !settings.after.values().any(spreads) {
        settings.plan = None;
    }
    settings
}

/// Reads `slots` and `best_within`.
fn plan(fields: &Fields<'_, '_>) -> Plan {
    let slots = fields.get("slots").map(Value::one_or_more).unwrap_or_default();
    let best_within = fields.or("best_within", BEST_WITHIN, |value| value.span_in(HOUR..=WEEK));
    let mut plan = Plan { slots: Vec::new(), best_within };
    for value in slots.iter().take(SLOTS_MAX) {
        let Some(slot) = value.parse(hours::day_span) else { continue };
        if plan.slots.iter().any(|other: &DaySpan| other.from < slot.to && slot.from < other.to) {
            value.error("overlaps another slot", None);
        }
        plan.slots.push(slot);
    }
    plan.slots.sort_by_key(|slot| slot.from);
    plan
}

/// Reads `"4h"`, `"never"` or `{ wait = "4h", next_number = true, max = 4, other_day = true,
/// other_slot = true, best_hour = true }`.
fn delay(value: &Value<'_, '_>) -> Option<Delay> {
    if value.is_table() {
        let fields = value.fields()?;
        let flag = |key| fields.or(key, false, |value| value.flag());
        let delay = Delay {
            wait: fields.or("wait", Span::ZERO, |value| value.span_in(Span::ZERO..=YEAR)),
            next_number: flag("next_number"),
            max: fields.get("max").and_then(|value| value.whole(1..=TOLD_MAX)),
            other_day: flag("other_day"),
            other_slot: flag("other_slot"),
            best_hour: flag("best_hour"),
        };
        fields.finish();
        return Some(delay);
    }
    if matches!(value.text(), Some("never" | "jamais")) {
        return Some(Delay::NEVER);
    }
    let wait = value.span_in(Span::ZERO..=YEAR)?;
    Some(Delay::of(wait, false))
}
