//! Sockets for `wire::rtp` and `sound`: one reactor thread carries every leg's audio.
//!
//! A leg is one RTP stream pair with one far end. Legs are bridged by switching, never by a new
//! negotiation. Nothing here knows calls, agents or campaigns.

mod handle;
mod latch;
mod leg;
mod player;
mod ports;
mod prompts;
mod reactor;
mod shield;
#[cfg(feature = "webrtc")]
mod webrtc;
#[cfg(not(feature = "webrtc"))]
#[path = "browserless.rs"]
mod webrtc;
mod world;

pub use handle::{Counters, MediaError, MediaHandle, Settings};
pub use prompts::{PromptError, Prompts};

use std::net::SocketAddr;

pub use crate::sound::sounder::Echo;
use crate::units::{LegId, Mono};
pub use crate::wire::sdp::{Codec, Keys, Local, Remote};

/// What the far end of a leg that is not bridged hears.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Feed {
    /// No packets at all.
    Nothing,
    /// Silence packets, so that the stream stays open.
    Silence,
    /// A quiet comfort tone for a waiting person.
    Comfort,
    /// A prompt from its first sample on; reports `PromptDone` at its end, then silence.
    Prompt(Prompt),
    /// A prompt repeated for ever (music on hold).
    Loop(Prompt),
    /// Pings, from now on to the leg's end, that measure what the far end sends back of them.
    Soundings,
}

/// A prompt by its place in the list given to the reactor when it started or since.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Prompt(pub u32);

/// What a leg measured over its life.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Quality {
    /// Packets received.
    pub received: u64,
    /// Packets the far end sent that never came.
    pub lost: u64,
    /// Packets sent.
    pub sent: u64,
    /// Interarrival jitter (RFC 3550 §6.4.1) in milliseconds.
    pub jitter_ms: f64,
    /// Round trip by RTCP in milliseconds, if one was measured.
    pub round_trip_ms: Option<f64>,
    /// Estimated mean opinion score, 1.0 to 4.5 (ITU-T G.107 simplified for G.711).
    pub mos: f64,
    /// Where the far end's packets came from; `None` if none was taken.
    pub source: Option<SocketAddr>,
    /// Whether the far end reports that it hears us; `None` if it reports nothing.
    pub heard: Option<bool>,
    /// What came back of the soundings, if the leg was fed them.
    pub echo: Option<Echo>,
}

/// What the reactor reports.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Event {
    /// The first RTP packet of a leg came.
    FirstPacket(LegId),
    /// After a bridging the first packets went out both ways.
    TwoWay {
        /// The first leg named in the bridging.
        left: LegId,
        /// The other leg.
        right: LegId,
        /// When the later of the two first packets left.
        at: Mono,
    },
    /// A key was pressed on the far end's phone (RFC 4733).
    Dtmf(LegId, u8),
    /// A prompt was played to its end.
    PromptDone(LegId),
    /// A leg that should send has been silent, reports included, for the configured time; told
    /// again each time that has passed anew.
    Silent(LegId),
    /// A browser's leg can be heard and spoken to: its ICE and DTLS are through.
    Joined(LegId),
    /// A browser closed its leg, never joined, or was not heard of for almost 3 s; told once.
    Left(LegId),
    /// A leg was closed; its figures.
    Closed(LegId, Quality),
}
