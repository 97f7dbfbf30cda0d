//! May this lead be called now? One gate, asked at the hopper and again before the INVITE.

use serde::{Deserialize, Serialize};

use crate::units::{Span, Wall};

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
}
