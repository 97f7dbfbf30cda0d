//! Webhooks: what happened, told to other systems (Standard Webhooks 1.0).
//!
//! The store writes an event into its outbox in the transaction of the record that caused it;
//! [`Courier`] posts it, signed, until the receiver takes it. An event is delivered at least
//! once, always under the same `webhook-id`.

mod deliver;
pub mod event;
pub mod received;
pub mod retry;
pub mod sign;

pub use deliver::{CONCURRENT_MAX, Courier, Endpoint, Forbidden, NotAnEndpoint, Settings};

use crate::store::NewEvent;
use crate::units::Wall;

/// Makes the event that `webhook test` sends; its id is unique by its microsecond.
#[must_use]
pub fn test_event(endpoint: &str, now: Wall) -> NewEvent {
    NewEvent {
        id: format!("evt_test_{}", now.as_micros()),
        endpoint: endpoint.to_owned(),
        kind: event::TEST.to_owned(),
        body: event::test(endpoint, now),
        created: now,
    }
}
