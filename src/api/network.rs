//! What came over the network and was dropped.

use axum::extract::State;
use serde::{Deserialize, Serialize};

use super::Desk;
use super::error::Answer;
use crate::engine::gauge::{AudioCounters, SipCounters};
use crate::engine::handle::Refused;

/// What was dropped since the engine started, by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Network {
    /// Of the signalling.
    pub sip: Signalling,
    /// Of the audio.
    pub audio: Audio,
}

/// Datagrams of the signalling.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signalling {
    /// Received in all.
    pub received: u64,
    /// No SIP message.
    pub garbage: u64,
    /// From an address that is no trunk and no phone.
    pub strangers: u64,
    /// Of these, not even read, for there were too many.
    pub unread: u64,
    /// Naming a call or a request of ours without fitting it.
    pub forged: u64,
    /// Responses to nothing of ours.
    pub stray_responses: u64,
    /// REGISTERs with a wrong password.
    pub wrong_passwords: u64,
    /// REGISTERs made to wait after too many of these.
    pub held_off: u64,
    /// Dropped because a table was full, or a trunk or phone asked too much.
    pub overflow: u64,
}

/// Datagrams of the audio.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Audio {
    /// Packets passed on between two legs.
    pub relayed: u64,
    /// Neither RTP nor RTCP.
    pub malformed: u64,
    /// From a source that is not the leg's far end.
    pub strangers: u64,
    /// Protected packets whose tag is wrong.
    pub forged: u64,
    /// Protected packets that came before.
    pub replayed: u64,
}

impl From<SipCounters> for Signalling {
    fn from(counted: SipCounters) -> Self {
        Self {
            received: counted.received,
            garbage: counted.garbage,
            strangers: counted.strangers,
            unread: counted.unread,
            forged: counted.forged,
            stray_responses: counted.stray_responses,
            wrong_passwords: counted.wrong_passwords,
            held_off: counted.held_off,
            overflow: counted.overflow,
        }
    }
}

impl From<AudioCounters> for Audio {
    fn from(counted: AudioCounters) -> Self {
        Self {
            relayed: counted.relayed,
            malformed: counted.malformed,
            strangers: counted.strangers,
            forged: counted.forged,
            replayed: counted.replayed,
        }
    }
}

pub(super) async fn show(State(desk): State<Desk>) -> Answer<Network> {
    let (sip, audio) = desk.gauge.counters().await.map_err(|_| Refused::Busy)?;
    Ok(axum::Json(Network { sip: sip.into(), audio: audio.into() }))
}
