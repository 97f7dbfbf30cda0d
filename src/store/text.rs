//! The core's words and ids as the database's text and signed numbers, and back.

use std::collections::BTreeMap;

use serde::Serialize;
use serde::de::value::{Error as Unread, StrDeserializer};
use serde::de::{DeserializeOwned, IntoDeserializer as _};

use super::{DncScope, StoreError};
use crate::core::order::{AgentState, Next};
use crate::core::respect::Rest;
use crate::units::{CallId, CampaignId, ClientId, ContactId, PauseId, Wall};

/// Gives the word serde has for a variant without data.
pub(super) fn word(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        Ok(other) => other.to_string(),
        Err(error) => error.to_string(),
    }
}

/// Reads such a word back.
pub(super) fn read<T: DeserializeOwned>(what: &'static str, word: &str) -> Result<T, StoreError> {
    let words: StrDeserializer<'_, Unread> = word.into_deserializer();
    T::deserialize(words).map_err(|_| StoreError::Corrupt { what, value: word.to_owned() })
}

/// Reads such a word back where there may be none.
pub(super) fn read_some<T: DeserializeOwned>(
    what: &'static str,
    word: Option<&str>,
) -> Result<Option<T>, StoreError> {
    word.map(|word| read(what, word)).transpose()
}

/// Writes a value as JSON; every type given to it has string keys only.
pub(super) fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("types of rows have string keys and cannot fail")
}

/// Reads JSON back.
pub(super) fn from_json<T: DeserializeOwned>(
    what: &'static str,
    text: &str,
) -> Result<T, StoreError> {
    serde_json::from_str(text)
        .map_err(|error| StoreError::Corrupt { what, value: error.to_string() })
}

/// What a list told of a contact, as it is sealed: the name and the other columns.
pub(super) type Told = (Option<String>, BTreeMap<String, String>);

/// Gives the moment as the database holds it.
pub(super) fn at(moment: Wall) -> i64 {
    moment.as_micros()
}

/// Gives a moment where there may be none.
pub(super) fn some_at(moment: Option<Wall>) -> Option<i64> {
    moment.map(Wall::as_micros)
}

/// An agent's state as word and subject.
pub(super) fn agent_state(state: AgentState) -> (&'static str, Option<i64>) {
    let subject = |id: u64| Some(id.cast_signed());
    match state {
        AgentState::LoggedOut => ("logged_out", None),
        AgentState::Paused(code) => ("paused", subject(code.0.into())),
        AgentState::Ready => ("ready", None),
        AgentState::Previewing(contact) => ("previewing", subject(contact.0)),
        AgentState::Reserved(call) => ("reserved", subject(call.0)),
        AgentState::Talking(call) => ("talking", subject(call.0)),
        AgentState::Holding(call) => ("holding", subject(call.0)),
        AgentState::Wrapping(call) => ("wrapping", subject(call.0)),
        AgentState::Resting(Rest::Breath) => ("resting", subject(0)),
        AgentState::Resting(Rest::Occupancy) => ("resting", subject(1)),
    }
}

/// Reads an agent's state back.
pub(super) fn read_agent_state(
    state: &str,
    subject: Option<i64>,
) -> Result<AgentState, StoreError> {
    let corrupt = || StoreError::Corrupt { what: "agent state", value: state.to_owned() };
    let id = || subject.map(i64::cast_unsigned).ok_or_else(corrupt);
    Ok(match state {
        "logged_out" => AgentState::LoggedOut,
        "paused" => AgentState::Paused(PauseId(id()?.try_into().map_err(|_| corrupt())?)),
        "ready" => AgentState::Ready,
        "previewing" => AgentState::Previewing(ContactId(id()?)),
        "reserved" => AgentState::Reserved(CallId(id()?)),
        "talking" => AgentState::Talking(CallId(id()?)),
        "holding" => AgentState::Holding(CallId(id()?)),
        "wrapping" => AgentState::Wrapping(CallId(id()?)),
        "resting" => AgentState::Resting(match id()? {
            0 => Rest::Breath,
            1 => Rest::Occupancy,
            _ => return Err(corrupt()),
        }),
        _ => return Err(corrupt()),
    })
}

/// A scope as word and id.
pub(super) fn scope(scope: DncScope) -> (&'static str, u32) {
    match scope {
        DncScope::Everyone => ("everyone", 0),
        DncScope::Client(ClientId(id)) => ("client", id),
        DncScope::Campaign(CampaignId(id)) => ("campaign", id),
    }
}

/// Reads a scope back.
pub(super) fn read_scope(word: &str, id: u32) -> Result<DncScope, StoreError> {
    match word {
        "everyone" => Ok(DncScope::Everyone),
        "client" => Ok(DncScope::Client(ClientId(id))),
        "campaign" => Ok(DncScope::Campaign(CampaignId(id))),
        _ => Err(StoreError::Corrupt { what: "do-not-call scope", value: word.to_owned() }),
    }
}

/// What becomes of a contact, as columns. Every one is null when it stays untouched.
#[derive(Debug, Default)]
pub(super) struct NextColumns {
    pub(super) state: Option<&'static str>,
    pub(super) done_reason: Option<String>,
    /// 0 for a callback, null for the contact's priority.
    pub(super) turn: Option<i64>,
    pub(super) next_at: Option<i64>,
    pub(super) callback_at: Option<i64>,
    pub(super) callback_agent: Option<u32>,
    /// The number to be tried first; a callback takes that of the latest attempt.
    pub(super) next_number: Option<i64>,
}

impl From<&Next> for NextColumns {
    fn from(next: &Next) -> Self {
        let open = Some("open");
        match next {
            Next::Untouched => Self::default(),
            Next::Retry { at: due, number } => Self {
                state: open,
                next_at: Some(at(*due)),
                next_number: number.map(|number| number.0.cast_signed()),
                ..Self::default()
            },
            Next::Callback(callback) => Self {
                state: open,
                turn: Some(0),
                next_at: Some(at(callback.at)),
                callback_at: Some(at(callback.at)),
                callback_agent: callback.agent.map(|agent| agent.0),
                ..Self::default()
            },
            Next::Done(reason) => {
                Self { state: Some("done"), done_reason: Some(word(reason)), ..Self::default() }
            }
        }
    }
}
