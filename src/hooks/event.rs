//! The public shape of events, version 1. Fields may be added; none is renamed or removed.
//!
//! Times are RFC 3339 in UTC with milliseconds, durations are seconds in names that end in `_s`,
//! ids are text. `docs/webhooks.md` explains every field.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::core::campaign::DispositionClass;
use crate::core::fact::Answerer;
use crate::core::order::{EndedBy, Outcome};
use crate::engine::handle::Appointment;
use crate::store::CallRow;
use crate::units::{Number, Span, Wall};

/// The version of every shape here.
pub const VERSION: u32 = 1;

/// The type of the event that ends a call's story.
pub const CALL_COMPLETED: &str = "call.completed";

/// The type of the event that `webhook test` sends.
pub const TEST: &str = "webhook.test";

/// What every event is wrapped in (Standard Webhooks 1.0, "Payload structure").
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event<T> {
    /// The event's type.
    #[serde(rename = "type")]
    pub kind: String,
    /// When it happened.
    pub timestamp: String,
    /// The version of the shape.
    pub version: u32,
    /// What happened.
    pub data: T,
}

/// A call's story, told to the end: `data` of `call.completed`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CallCompleted {
    /// The call.
    pub call_id: String,
    /// The how-manieth event of this call, from 1; to order events by.
    pub sequence: u32,
    /// The how-manieth attempt for the contact, from 1.
    pub attempt_no: u32,
    /// The campaign.
    pub campaign_id: String,
    /// The campaign's name.
    pub campaign: String,
    /// The client company.
    pub client_id: String,
    /// The contact.
    pub contact_id: String,
    /// The CRM's own id of the contact.
    pub external_id: Option<String>,
    /// The agent who had the call.
    pub agent_id: Option<String>,
    /// The agent's name.
    pub agent: Option<String>,
    /// Always `outbound`.
    pub direction: Direction,
    /// The caller ID shown, E.164.
    pub from: Option<String>,
    /// The number called, E.164; null once it was erased.
    pub to: Option<String>,
    /// How it ended, in Twilio's words.
    pub status: Status,
    /// How it ended, in our words.
    pub outcome: Option<Outcome>,
    /// Who hung up.
    pub hangup_by: Option<EndedBy>,
    /// The carrier's final SIP status, if there was one.
    pub sip_code: Option<u16>,
    /// When the attempt began.
    pub started_at: String,
    /// When it first rang.
    pub ringing_at: Option<String>,
    /// When it was answered.
    pub answered_at: Option<String>,
    /// When callee and agent were joined.
    pub bridged_at: Option<String>,
    /// When it ended.
    pub ended_at: Option<String>,
    /// First ringing to answer, or to the end without one.
    pub ring_s: Option<f64>,
    /// Answer to bridging: how long the callee waited for an agent.
    pub wait_s: Option<f64>,
    /// Bridging to the end, hold left out; null if a crash cut it.
    pub talk_s: Option<f64>,
    /// How long the callee was on hold.
    pub hold_s: Option<f64>,
    /// How long the agent wrote up before saying the disposition.
    pub wrap_s: Option<f64>,
    /// What the agent said of it.
    pub disposition: Option<Disposition>,
    /// The listener's verdict.
    pub amd: Option<Amd>,
    /// Null: calls are not recorded yet.
    pub recording: Option<Recording>,
    /// A sale's amount in the campaign's currency, in cents.
    pub amount_cents: Option<i64>,
    /// The appointment taken.
    pub appointment: Option<Appointment>,
    /// Fields of the contact that the agent changed, with their new values.
    pub changed_fields: BTreeMap<String, String>,
    /// The agent's notes.
    pub notes: Option<String>,
}

/// Who called whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// We called.
    Outbound,
}

/// Twilio's `CallStatus` words for calls that are over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// Answered, by whomever.
    Completed,
    /// Busy, or declined.
    Busy,
    /// Nobody answered.
    NoAnswer,
    /// We gave it up before the answer.
    Canceled,
    /// It could not be carried through.
    Failed,
}

/// What the agent said of a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Disposition {
    /// The stable code.
    pub code: String,
    /// The label.
    pub label: String,
    /// The class.
    pub category: DispositionClass,
}

/// The listener's verdict on who answered.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Amd {
    /// Who or what.
    pub result: Answerer,
    /// How sure, 0 to 1.
    pub confidence: f64,
}

/// A recording to be fetched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recording {
    /// The recording.
    pub id: String,
    /// Where it is fetched.
    pub url: String,
    /// Until when.
    pub expires_at: String,
}

/// The `data` of `webhook.test`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Test {
    /// The endpoint that is tested.
    pub endpoint: String,
}

/// Writes the body of `call.completed`; the store's [`Teller`](crate::store::Teller).
#[must_use]
pub fn call_completed(sequence: u32, call: &CallRow) -> String {
    let happened = call.completed.or(call.ended).unwrap_or(call.opened);
    body(CALL_COMPLETED, happened, data(sequence, call))
}

/// Writes the body of `webhook.test`.
#[must_use]
pub fn test(endpoint: &str, now: Wall) -> String {
    body(TEST, now, Test { endpoint: endpoint.to_owned() })
}

pub(super) fn body(kind: &str, happened: Wall, data: impl Serialize) -> String {
    let event = Event { kind: kind.to_owned(), timestamp: time(happened), version: VERSION, data };
    serde_json::to_string(&event).expect("events have text keys and no failing parts")
}

fn data(sequence: u32, call: &CallRow) -> CallCompleted {
    let CallRow { ringing, answered, bridged, ended, .. } = *call;
    let talked = call.talked();
    let ring_end = answered.or(ended);
    CallCompleted {
        call_id: call.call.to_string(),
        sequence,
        attempt_no: call.attempt,
        campaign_id: call.campaign.to_string(),
        campaign: call.campaign_name.clone(),
        client_id: call.client.to_string(),
        contact_id: call.contact.to_string(),
        external_id: call.external_id.clone(),
        agent_id: call.agent.map(|agent| agent.to_string()),
        agent: call.agent_name.clone(),
        direction: Direction::Outbound,
        from: call.from.as_ref().map(digits),
        to: call.to.as_ref().map(digits),
        status: status(call),
        outcome: call.outcome,
        hangup_by: call.ended_by,
        sip_code: Some(call.cause).filter(|code| *code != 0),
        started_at: time(call.opened),
        ringing_at: ringing.map(time),
        answered_at: answered.map(time),
        bridged_at: bridged.map(time),
        ended_at: ended.map(time),
        ring_s: ringing.zip(ring_end).map(|(from, to)| seconds(to.since(from))),
        wait_s: answered.zip(bridged).map(|(from, to)| seconds(to.since(from))),
        talk_s: talked.map(|talk| seconds(talk - call.held)),
        hold_s: talked.map(|_| seconds(call.held)),
        wrap_s: call.wrap.map(seconds),
        disposition: call.disposition.as_ref().map(|said| Disposition {
            code: said.code.clone(),
            label: said.label.clone(),
            category: said.class,
        }),
        amd: call.heard.map(|heard| Amd { result: heard.what, confidence: heard.confidence.get() }),
        recording: None,
        amount_cents: call.details.amount_cents,
        appointment: call.details.appointment.clone(),
        changed_fields: call.details.changed_fields.clone(),
        notes: call.details.notes.clone(),
    }
}

/// Twilio has no word for a declined call or one cut by our own stop: the first is as good as
/// busy, the second completed if it was answered.
fn status(call: &CallRow) -> Status {
    match call.outcome {
        Some(Outcome::Connected | Outcome::Abandoned | Outcome::Machine) => Status::Completed,
        Some(Outcome::Busy | Outcome::Declined) => Status::Busy,
        Some(Outcome::NoAnswer) => Status::NoAnswer,
        Some(Outcome::Cancelled) => Status::Canceled,
        Some(Outcome::Interrupted) if call.answered.is_some() => Status::Completed,
        Some(
            Outcome::Invalid
            | Outcome::Blocked
            | Outcome::Congestion
            | Outcome::TrunkFault
            | Outcome::Interrupted,
        )
        | None => Status::Failed,
    }
}

/// The receiver is the client company, whose numbers these are.
pub(super) fn digits(number: &Number) -> String {
    number.reveal().to_owned()
}

pub(super) fn time(moment: Wall) -> String {
    format!("{:.3}", moment.timestamp())
}

/// Seconds to the millisecond.
#[expect(clippy::cast_precision_loss, reason = "2^53 milliseconds are 285,000 years")]
fn seconds(span: Span) -> f64 {
    span.as_millis() as f64 / 1e3
}
