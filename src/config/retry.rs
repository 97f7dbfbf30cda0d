//! When a contact is tried again: `[retry]`.

use std::collections::BTreeMap;

use super::reader::{Fields, Value};
use crate::core::order::Outcome;
use crate::core::recycle::{self, Delay};
use crate::units::Span;

/// A year, the longest wait one can name.
const YEAR: Span = Span::secs(365 * 86_400);

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
        (*outcome, Delay { wait: Span::secs(minutes * 60), next_number: *next_number })
    };
    let mut after: BTreeMap<Outcome, Delay> = RETRY.iter().map(usual).collect();
    after.insert(Outcome::Abandoned, Delay { wait: recall_lock, next_number: false });
    let mut settings = recycle::Settings { attempts_max: 10, after };
    let Some(fields) = root.table("retry") else { return settings };
    settings.attempts_max = fields.or("attempts_max", 10, |value| value.whole(1..=100));
    for (key, outcome, ..) in RETRY {
        let Some(value) = fields.get(key) else { continue };
        if let Some(delay) = delay(&value) {
            settings.after.insert(outcome, delay);
        }
    }
    fields.finish();
    settings
}

/// Reads `"4h"`, `"never"` or `{ wait = "4h", next_number = true }`.
fn delay(value: &Value<'_, '_>) -> Option<Delay> {
    if value.is_table() {
        let fields = value.fields()?;
        let wait = fields.or("wait", Span::ZERO, |value| value.span_in(Span::ZERO..=YEAR));
        let next_number = fields.or("next_number", false, |value| value.flag());
        fields.finish();
        return Some(Delay { wait, next_number });
    }
    if matches!(value.text(), Some("never" | "jamais")) {
        return Some(Delay::NEVER);
    }
    let wait = value.span_in(Span::ZERO..=YEAR)?;
    Some(Delay { wait, next_number: false })
}
