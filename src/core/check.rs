//! Invariants over the whole dialer.

/// An invariant of the dialer that does not hold: a defect of ours.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the dialer contradicts itself: {0}")]
pub struct Violation(pub String);
