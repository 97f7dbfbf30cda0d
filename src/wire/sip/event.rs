//! What an [`Endpoint`](super::Endpoint) is asked and what it reports.

use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};

use crate::units::{AgentId, LegId, Span, TrunkId};

/// A session description as it came or goes, raw; `wire::sdp` reads and writes it.
pub type Sdp = Vec<u8>;

/// What carries messages (RFC 3261 §18).
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// A message is a datagram; lost ones are repeated by timers.
    #[default]
    Udp,
    /// A stream, framed by Content-Length (§18.3).
    Tcp,
    /// The same inside TLS (§26.2.1).
    Tls,
}

impl Transport {
    /// Tells whether it delivers or breaks, so that nothing is repeated (RFC 3261 §17).
    #[must_use]
    pub const fn is_reliable(self) -> bool {
        !matches!(self, Self::Udp)
    }

    /// Gives the port used where none is written (RFC 3261 §19.1.2).
    #[must_use]
    pub const fn port(self) -> u16 {
        match self {
            Self::Udp | Self::Tcp => 5060,
            Self::Tls => 5061,
        }
    }
}

impl core::fmt::Display for Transport {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
            Self::Tls => "TLS",
        })
    }
}

/// The other end of one hop: a UDP peer, or the far end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hop {
    /// What carries the messages.
    pub transport: Transport,
    /// Its address; of a connection that came in, the port it came from.
    pub address: SocketAddr,
    /// The trunk whose certificate must be shown there: set where we open TLS to a trunk.
    pub trunk: Option<TrunkId>,
}

impl Hop {
    /// Gives the address without its port.
    #[must_use]
    pub const fn ip(&self) -> IpAddr {
        self.address.ip()
    }
}

impl From<SocketAddr> for Hop {
    fn from(address: SocketAddr) -> Self {
        Self { transport: Transport::Udp, address, trunk: None }
    }
}

/// A message to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transmit {
    /// Where to. A connection there is used if there is one, otherwise one is opened.
    pub to: Hop,
    /// The message; give the buffer back with [`Endpoint::recycle`](super::Endpoint::recycle).
    pub bytes: Vec<u8>,
}

/// A call to place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invite {
    /// Over which trunk, or to which phone.
    pub target: Target,
    /// The user part shown to the callee, in the form the trunk wants; `None` hides the caller
    /// (anonymous From, `Privacy: id`, RFC 3323 §4.1 and RFC 3325 §9.3).
    pub from: Option<String>,
    /// Our offer.
    pub offer: Sdp,
    /// The call's public id, for `X-Cadran-Call` where the trunk wants it.
    pub call_ref: Option<String>,
}

/// Where a call goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// To a user part over a trunk.
    Trunk(TrunkId, String),
    /// To an agent's phone, at its binding or its fixed contact.
    Phone(AgentId),
}

/// Why a command was not carried out; nothing was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// The leg is unknown, or has ended: its last event was already given.
    #[error("no such leg: it has ended or never began")]
    UnknownLeg,
    /// The leg is in a state in which the command makes no sense.
    #[error("the leg's state does not allow this")]
    WrongState,
    /// The leg's id is in use.
    #[error("the leg's id is already in use: give every leg its own")]
    LegInUse,
    /// The trunk was never set.
    #[error("no such trunk: set it before calling over it")]
    UnknownTrunk,
    /// The agent's phone has neither a registration nor a fixed contact.
    #[error("the agent's phone is not registered and has no fixed contact")]
    PhoneAbsent,
    /// Too many legs are up ([`LEGS_MAX`](super::LEGS_MAX)).
    #[error("too many legs at once: wait until some have ended")]
    Full,
    /// A text holds a line break or another control character.
    #[error("a text to be written into a header holds a control character")]
    BadText,
}

/// A dialog's identity as the store keeps it, enough to send a BYE after a restart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredDialog {
    /// Call-ID.
    pub call_id: String,
    /// Our From with its tag, as written in our requests.
    pub local: String,
    /// The peer's To with its tag, as written in our requests.
    pub remote: String,
    /// The remote target (Contact).
    pub target: String,
    /// The route set, first hop first.
    pub routes: Vec<String>,
    /// Our last CSeq number.
    pub cseq: u32,
    /// Where requests go.
    pub next_hop: SocketAddr,
    /// What carries them.
    #[serde(default)]
    pub transport: Transport,
    /// The trunk whose certificate is wanted there.
    #[serde(default)]
    pub trunk: Option<TrunkId>,
    /// The trunk it went over, whose account answers a challenge.
    #[serde(default)]
    pub account: Option<TrunkId>,
}

/// Where a registered phone is, as the store keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredBinding {
    /// Its contact, the URI of requests to it.
    pub contact: String,
    /// Where they go: where its REGISTER came from.
    pub address: SocketAddr,
    /// What carries them.
    pub transport: Transport,
    /// The proxies that lead there, as Route names them (RFC 3327).
    #[serde(default)]
    pub path: Vec<String>,
}

/// What the endpoint reports. Every leg, ours or incoming, ends with exactly one of
/// [`Event::Failed`], [`Event::Ended`] and [`Event::Gone`], and nothing about it follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// 180: the far end rings. Given once.
    Ringing(LegId),
    /// 18x with a session description: early media.
    Progress(LegId, Sdp),
    /// 2xx, already acknowledged, with the far end's answer (the early one if the 2xx has none;
    /// empty if there was never one). If it is unusable, hang up.
    Answered(LegId, Sdp),
    /// A dialog was confirmed: keep it so that a restart can end it.
    Dialog(LegId, StoredDialog),
    /// The leg ended before it was answered.
    Failed {
        /// The leg.
        leg: LegId,
        /// The final status; 408 for our own Timer B, 487 for an incoming call given up by
        /// its caller, 503 for a transport error.
        status: u16,
        /// Retry-After, if the far end asked for it (RFC 3261 §20.33).
        retry_after: Option<Span>,
        /// The Reason header, or else the reason phrase, at most 128 characters; empty if and
        /// only if nothing was answered.
        reason: String,
    },
    /// An answered leg was ended by the far end, or lost.
    Ended {
        /// The leg.
        leg: LegId,
        /// Whether the far end said BYE; otherwise the dialog was lost.
        bye: bool,
        /// The BYE's Reason header, at most 128 characters, empty if there was none.
        reason: String,
    },
    /// A leg we hung up, cancelled or refused is gone.
    Gone(LegId),
    /// The far end offers a change inside the dialog (re-INVITE or UPDATE); `None` asks us for
    /// an offer. Answer with `accept` or `reject`.
    Offer(LegId, Option<Sdp>),
    /// The far end acknowledged our 2xx: to an incoming call, or to a re-INVITE. The session
    /// description is its answer where our 2xx held the offer.
    Acked(LegId, Option<Sdp>),
    /// The far end answered our re-INVITE: its status, and its answer if that was 2xx.
    Reoffered(LegId, u16, Sdp),
    /// How a transfer that we asked for ended, told once unless the leg ends before.
    Transferred {
        /// The leg, which still stands.
        leg: LegId,
        /// 2xx: somebody else has the far end now. Otherwise what the transfer was refused with, or
        /// what the far end's own call came to; 408 for silence, 0 if it gave up telling or nothing
        /// could be sent.
        status: u16,
        /// The far end's words, at most 128 characters; empty if there were none.
        reason: String,
    },
    /// The far end asks to be transferred to this user part: answer with `tell_transfer`.
    TransferWanted(LegId, String),
    /// A call comes in: answer with `ring`, `progress`, `accept` or `reject`.
    Incoming(Incoming),
    /// A DTMF key came by INFO (`application/dtmf-relay`).
    Digit(LegId, char),
    /// An agent is rung at another phone or place than before (`true`); no phone of his is
    /// registered any more (`false`).
    Phone(AgentId, bool),
    /// An agent's phones are registered there, the one that is rung last: keep each for so long, so
    /// that a restart finds them. Given anew once a registration lasts longer than that, and when
    /// one came, went or moved.
    Bound(AgentId, Vec<(StoredBinding, Span)>),
    /// A trunk answered our OPTIONS with this status, 408 for silence (Timer F), 0 if nothing could
    /// be sent or the connection broke; and perhaps Retry-After.
    Options(TrunkId, u16, Option<Span>),
    /// A trunk's account was bound at its registrar, or is no longer.
    Registered(TrunkId, Registered),
}

/// How a trunk's account stands at its registrar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Registered {
    /// Bound, for so long at first; refreshed by itself.
    Standing(Span),
    /// Not bound: the registrar's status, 408 for silence, 0 if nothing could be sent or the
    /// connection broke; asked again after that time.
    Failed {
        /// The status.
        status: u16,
        /// When it is asked again.
        again: Span,
    },
    /// Not bound: the registrar does not take the account or its password.
    Refused {
        /// The status.
        status: u16,
        /// When it is asked again: the account may have been mended.
        again: Span,
    },
    /// Given up at our wish.
    Left,
}

/// An incoming call. Its leg is named by the endpoint, with the highest bit set, so that it
/// never meets a name given from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incoming {
    /// The new leg.
    pub leg: LegId,
    /// The agent whose phone calls; `None` for others.
    pub agent: Option<AgentId>,
    /// The trunk it comes over; `None` for others (with `Settings::open`).
    pub trunk: Option<TrunkId>,
    /// The user part of the request URI.
    pub to: String,
    /// The user part of To: the number called, where the request URI names our account.
    pub named: String,
    /// The user part of From.
    pub from: String,
    /// The user part of P-Asserted-Identity (RFC 3325 §9.1): who calls, as the trunk vouches.
    pub asserted: Option<String>,
    /// Whether the caller asks not to be known.
    pub hides: bool,
    /// The caller's offer; `None` asks us to offer in the 2xx.
    pub offer: Option<Sdp>,
}

/// What was dropped or refused since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Datagrams received.
    pub received: u64,
    /// Datagrams handed out for sending.
    pub sent: u64,
    /// Requests and responses sent again by a timer or a repetition.
    pub retransmitted: u64,
    /// Keep-alives (CRLF only, RFC 5626 §3.5.1).
    pub keep_alives: u64,
    /// Datagrams that are no SIP message, or a response that breaks the rules.
    pub garbage: u64,
    /// Requests refused at once, challenges to log in included.
    pub refused: u64,
    /// Messages from an address that is no trunk and no phone.
    pub strangers: u64,
    /// Of these, messages not even read: their address, or all together, had said too much.
    pub unread: u64,
    /// Messages that name a call or a request of ours and do not fit it: a stranger's, or with
    /// another Call-ID or From tag than ours.
    pub forged: u64,
    /// REGISTERs with a wrong password, or for an account there is not.
    pub wrong_passwords: u64,
    /// REGISTERs whose password was not looked at, after too many wrong ones.
    pub held_off: u64,
    /// Responses that belong to no transaction of ours.
    pub stray_responses: u64,
    /// Messages dropped because a table or a rate limit was full.
    pub overflow: u64,
}
