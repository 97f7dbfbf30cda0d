//! How a trunk speaks SIP: what it may use of the protocol's extensions.

use super::reader::Fields;
use crate::units::Span;

/// The shortest session interval (RFC 4028 §5).
const SESSION_LEAST: Span = Span::secs(90);
/// The longest session interval: a day, longer than any call.
const SESSION_MOST: Span = Span::secs(86_400);
/// What RFC 4028 §4 recommends.
const SESSION_USUAL: Span = Span::secs(1_800);

/// The protocol's extensions on one trunk.
#[derive(Clone, Debug, PartialEq)]
pub struct Signalling {
    /// When calls have a session timer.
    pub timer: SessionTimer,
    /// The interval asked for, 90 s to 1 day.
    pub interval: Span,
    /// The shortest interval taken, 90 s to `interval`.
    pub least: Span,
    /// Who is to refresh.
    pub refresher: Refresher,
    /// Whether provisional answers come reliably.
    pub reliable: Reliable,
}

/// When calls have a session timer (RFC 4028).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionTimer {
    /// Never.
    Refuse,
    /// When the carrier asks.
    Accept,
    /// Always asked for.
    Ask,
}

/// Who refreshes the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refresher {
    /// Whoever the carrier chooses.
    Any,
    /// We.
    Us,
    /// The carrier.
    Them,
}

/// Whether provisional answers come reliably (RFC 3262).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reliable {
    /// Not offered.
    Off,
    /// The carrier chooses.
    Supported,
    /// Demanded.
    Required,
}

const TIMERS: [(&str, SessionTimer); 3] = [
    ("refuse", SessionTimer::Refuse),
    ("accept", SessionTimer::Accept),
    ("ask", SessionTimer::Ask),
];

const REFRESHERS: [(&str, Refresher); 3] =
    [("any", Refresher::Any), ("us", Refresher::Us), ("them", Refresher::Them)];

const RELIABLE: [(&str, Reliable); 3] =
    [("off", Reliable::Off), ("supported", Reliable::Supported), ("required", Reliable::Required)];

impl Signalling {
    /// Reads the keys of a `[[trunk]]` table.
    pub(super) fn of(fields: &Fields<'_, '_>) -> Self {
        let interval = fields.or("session_interval", SESSION_USUAL, |value| {
            value.span_in(SESSION_LEAST..=SESSION_MOST)
        });
        Self {
            timer: fields.or("session_timer", SessionTimer::Accept, |value| value.choice(&TIMERS)),
            interval,
            least: fields.or("session_least", SESSION_LEAST, |value| {
                value.span_in(SESSION_LEAST..=interval)
            }),
            refresher: fields
                .or("session_refresher", Refresher::Any, |value| value.choice(&REFRESHERS)),
            reliable: fields.or("reliable", Reliable::Supported, |value| value.choice(&RELIABLE)),
        }
    }
}
