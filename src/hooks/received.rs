//! The public shape of calls that come in to the numbers campaigns show.

use serde::{Deserialize, Serialize};

use super::event::{body, digits, time};
use crate::store::InboundRow;

/// The type of the event that ends such a call's story.
pub const CALL_RECEIVED: &str = "call.received";

/// The type of the event that its caller refused to be called.
pub const CALL_OPPOSED: &str = "call.opposed";

/// A call that came in: `data` of `call.received` and `call.opposed`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallReceived {
    /// The call.
    pub inbound_id: String,
    /// The campaign it was answered for: the one that called the caller last, or else one that
    /// shows the number.
    pub campaign_id: String,
    /// The campaign's name.
    pub campaign: String,
    /// The client company.
    pub client_id: String,
    /// The client company's name.
    pub client: String,
    /// The trunk that brought it.
    pub trunk: String,
    /// Who called, E.164; null if that was hidden.
    pub from: Option<String>,
    /// The number called, E.164.
    pub to: Option<String>,
    /// When it was answered.
    pub answered_at: String,
    /// When the caller's wish to be called no more was written down; null if there is none.
    pub opposed_at: Option<String>,
    /// When it ended; null in `call.opposed`, which comes before.
    pub ended_at: Option<String>,
}

/// Writes the body of either; the store's [`InboundTeller`](crate::store::InboundTeller).
#[must_use]
pub fn tell(opposed: bool, call: &InboundRow) -> String {
    let (kind, happened) =
        if opposed { (CALL_OPPOSED, call.opposed) } else { (CALL_RECEIVED, call.ended) };
    let data = CallReceived {
        inbound_id: call.inbound.to_string(),
        campaign_id: call.campaign.to_string(),
        campaign: call.campaign_name.clone(),
        client_id: call.client.to_string(),
        client: call.client_name.clone(),
        trunk: call.trunk.clone(),
        from: call.from.as_ref().map(digits),
        to: call.to.as_ref().map(digits),
        answered_at: time(call.answered),
        opposed_at: call.opposed.map(time),
        ended_at: call.ended.map(time),
    };
    body(kind, happened.unwrap_or(call.answered), data)
}
