//! What a campaign did, in numbers.

use std::collections::BTreeMap;

use crate::core::order::Outcome;
use crate::units::Span;

/// What a campaign did in a span of time (words.md §2).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Stats {
    /// A: attempts begun in the span.
    pub attempts: u64,
    /// R: attempts that rang.
    pub rang: u64,
    /// D: attempts answered by anyone or anything; of those under way, the ones whose person was
    /// given an agent or abandoned.
    pub answered: u64,
    /// M: attempts a machine or a fax answered.
    pub machines: u64,
    /// L: live persons, answered less machines.
    pub humans: u64,
    /// Attempts bridged to an agent.
    pub bridged: u64,
    /// B: persons abandoned.
    pub abandoned: u64,
    /// Of those, the ones whom only the loss of an agent's leg left without one.
    pub forced: u64,
    /// Attempts by outcome.
    pub outcomes: BTreeMap<Outcome, u64>,
    /// Dispositions by code.
    pub dispositions: BTreeMap<String, u64>,
    /// CA+: argued positive.
    pub argued_positive: u64,
    /// CA−: argued negative.
    pub argued_negative: u64,
    /// CNA: not argued.
    pub not_argued: u64,
    /// V: sales, and what they amount to in cents.
    pub sales: u64,
    /// The sum of the sales in cents.
    pub sales_cents: i64,
    /// Σ talk of the calls that are over, hold excluded; of those a crash cut nobody knows it.
    pub talk: Span,
    /// Σ hold.
    pub hold: Span,
    /// Σ wrap-up.
    pub wrap: Span,
    /// Σ answer to bridge, over bridged attempts.
    pub wait: Span,
    /// F: contacts of the campaign, whenever loaded.
    pub contacts: u64,
    /// Fc: contacts closed.
    pub contacts_done: u64,
    /// Contacts refused by a rule in the span, by rule id.
    pub refused: BTreeMap<String, u64>,
    /// Calls to the campaign's numbers that were answered.
    pub called_back: u64,
    /// Of those, the ones whose callers asked to be called no more.
    pub oppositions: u64,
}

/// What a campaign did in a span of time, counted per contact and not per call, and the time its
/// agents gave it (words.md §2).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Pilot {
    /// A: attempts begun in the span.
    pub attempts: u64,
    /// Of those, the ones to a number that the carrier or an agent says is wrong.
    pub attempts_invalid: u64,
    /// F: contacts of the campaign, whenever loaded.
    pub contacts: u64,
    /// Fc: contacts closed, called or not.
    pub contacts_closed: u64,
    /// Contacts with an attempt in the span; every count below is of these.
    pub tried: u64,
    /// Contacts with whom an agent spoke: bridged, neither machine nor wrong number.
    pub reached: u64,
    /// Tried contacts that are closed.
    pub tried_closed: u64,
    /// CA: contacts to whom the offer was made.
    pub argued: u64,
    /// Of those, the closed ones.
    pub argued_closed: u64,
    /// CA+: contacts who accepted.
    pub argued_positive: u64,
    /// Contacts with an appointment.
    pub appointments: u64,
    /// Σ over contacts of the agents' time with each, talk, hold and write-up, in seconds.
    pub handled_s: f64,
    /// Σ over contacts of the square of that time, in seconds squared.
    pub handled_s_squared: f64,
    /// Σ from answer to end, machines included: what a carrier bills. Of calls that a crash cut
    /// nobody knows it.
    pub billed: Span,
    /// Σ of the agents' time signed in for calls, breaks left out.
    pub production: Span,
    /// Agents with any such time.
    pub agents: u32,
}
