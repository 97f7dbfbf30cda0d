//! Outcome → when to try again, if ever.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::order::Outcome;
use crate::units::Span;

/// When a contact is tried again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// Attempts per contact at most, on all its numbers together.
    pub attempts_max: u32,
    /// The delay after each outcome; an outcome without one closes the contact.
    pub after: BTreeMap<Outcome, Delay>,
}

/// The delay after one outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delay {
    /// How long to wait before this contact is tried again.
    pub wait: Span,
    /// Whether the contact's next number is tried first, at once if `wait` is zero.
    pub next_number: bool,
}
