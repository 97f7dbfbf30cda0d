//! What an [`Endpoint`](super::Endpoint) is told about itself and its peers.

use core::fmt;
use std::net::{IpAddr, SocketAddr};

use super::event::{Hop, Transport};
use super::targets::Way;
use crate::units::{AgentId, Span, TrunkId};

/// The endpoint's own settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The address peers reach us at over UDP: written into Via and Contact.
    pub local: SocketAddr,
    /// The addresses we have besides: over other transports, and in the other family.
    pub others: Vec<(Transport, SocketAddr)>,
    /// The product's name in User-Agent and Server, a single line.
    pub user_agent: String,
    /// Where every tag, branch, Call-ID, cnonce and nonce key comes from; draw it from the
    /// system's randomness in a real run.
    pub seed: u64,
    /// The realm our registrar challenges with.
    pub realm: String,
    /// Takes requests from any address, as the virtual carrier does; otherwise only a REGISTER
    /// is taken from an address that is no trunk and no phone. A call it accepts is told as whom
    /// it is seen (`X-Caller-Seen`).
    pub open: bool,
}

/// A carrier we send calls to and take in-dialog requests from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trunk {
    /// Its id.
    pub id: TrunkId,
    /// Where requests go.
    pub address: Hop,
    /// Every way there where there are several (RFC 3263 §4): a call takes the next when one
    /// fails. `address` alone if empty.
    pub ways: Vec<Way>,
    /// The URI of the proxy that every call is led through, where `address` is its (a loose
    /// route, RFC 3261 §16.12).
    pub proxy: Option<String>,
    /// Moves requests over 1,300 bytes to TCP (RFC 3261 §18.1.1); back if nobody listens there.
    pub large_over_tcp: bool,
    /// The host of the request URI, To and From; the address itself if `None`.
    pub domain: Option<String>,
    /// Further addresses whose messages are taken for this trunk's; `address` always counts.
    pub sources: Vec<IpAddr>,
    /// The account that answers 401 and 407.
    pub credentials: Option<Credentials>,
    /// How the caller is shown.
    pub identity: Identity,
    /// How many 3xx redirections to a host of this same trunk are followed; 0 fails the call.
    pub redirects_max: u8,
    /// Writes `X-Cadran-Call` with the call's public id.
    pub call_header: bool,
    /// How long a call may last without a sign from the other side.
    pub session: SessionTimers,
    /// Whether provisional answers are asked for reliably.
    pub reliable: Reliability,
    /// Whether sound before the answer is heard.
    pub early_media: EarlyMedia,
    /// Further header lines of each INVITE, name and value.
    pub headers: Vec<(String, String)>,
    /// Keeps the account of `credentials` registered; without credentials nothing registers.
    pub register: Option<Registration>,
    /// Takes the calls it brings.
    pub receives: bool,
}

impl Trunk {
    /// Makes a trunk that shows the caller in From, has no account and follows no redirection.
    #[must_use]
    pub fn new(id: TrunkId, address: impl Into<Hop>) -> Self {
        Self {
            id,
            address: address.into(),
            ways: Vec::new(),
            proxy: None,
            large_over_tcp: false,
            domain: None,
            sources: Vec::new(),
            credentials: None,
            identity: Identity::default(),
            redirects_max: 0,
            call_header: false,
            session: SessionTimers::default(),
            reliable: Reliability::default(),
            early_media: EarlyMedia::default(),
            headers: Vec::new(),
            register: None,
            receives: false,
        }
    }

    /// Gives the URI of a user at the trunk.
    pub(super) fn uri_of(&self, user: &str) -> String {
        let host = self.domain.clone().unwrap_or_else(|| self.address.address.to_string());
        format!("sip:{user}@{host}")
    }

    /// Gives the Route line of the proxy; nothing without one.
    pub(super) fn path(&self) -> Vec<u8> {
        self.proxy.iter().flat_map(|proxy| format!("Route: <{proxy}>\r\n").into_bytes()).collect()
    }

    /// Gives every address the trunk's messages come from.
    pub(super) fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        let ways = self.ways.iter().map(|way| way.hop.ip());
        ways.chain(self.sources.iter().copied()).chain([self.address.ip()])
    }

    /// Tells whether messages from this address are taken for the trunk's.
    pub(super) fn owns(&self, ip: IpAddr) -> bool {
        self.addresses().any(|held| held == ip)
    }
}

/// Where a trunk's account registers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registration {
    /// The registrar's host, as the request URI names it.
    pub registrar: String,
    /// The host of the address of record.
    pub domain: String,
    /// Where REGISTER may be sent; the trunk's own ways if empty.
    pub ways: Vec<Way>,
    /// How long a binding is asked for.
    pub expires: Span,
}

/// Session timers towards one peer (RFC 4028): a call whose other side has died is ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionTimers {
    /// Whether they are spoken.
    pub mode: TimerMode,
    /// The interval asked for: Session-Expires.
    pub interval: Span,
    /// The shortest interval taken: Min-SE, at least 90 s (RFC 4028 §5).
    pub least: Span,
    /// Who is to refresh the session, where we have the choice.
    pub refresher: Refresher,
}

impl Default for SessionTimers {
    /// Heeds the peer's wish; 30 min is what RFC 4028 §4 recommends, 90 s its least.
    fn default() -> Self {
        Self {
            mode: TimerMode::Accept,
            interval: Span::secs(1_800),
            least: Span::secs(90),
            refresher: Refresher::Any,
        }
    }
}

/// Whether session timers are spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimerMode {
    /// Never: not offered, and a peer's wish is not heeded.
    Refuse,
    /// When the peer asks.
    Accept,
    /// Every call of ours asks.
    Ask,
}

/// Who refreshes a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refresher {
    /// Whoever the peer chooses.
    Any,
    /// We.
    Us,
    /// The peer.
    Them,
}

/// Whether provisional answers come reliably: each is then acknowledged with PRACK (RFC 3262).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reliability {
    /// Not offered.
    Off,
    /// Offered; the peer chooses.
    #[default]
    Supported,
    /// Demanded: who cannot refuses the call with 420.
    Required,
}

/// Whether sound that comes before the answer is heard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EarlyMedia {
    /// Always.
    #[default]
    Play,
    /// Never.
    Ignore,
    /// Once the network vouches for it with P-Early-Media (RFC 5009).
    Authorised,
}

/// What a caller who hides asks for with Privacy (RFC 3323 §4.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Privacy {
    /// `id`: the asserted identity stays within the network (RFC 3325 §9.3).
    #[default]
    Id,
    /// `user;id`: what the call itself says of the caller, too.
    User,
    /// `header;user;id`: every header that leads back to the caller, too.
    Full,
}

/// How a trunk wants the caller to be shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// The account's own user part: asserted when the caller hides, or shown in From.
    pub account: Option<String>,
    /// Writes the account into From, and the shown number only into P-Asserted-Identity.
    pub from_account: bool,
    /// Writes P-Asserted-Identity (RFC 3325 §9.1).
    pub asserted: bool,
    /// Writes P-Preferred-Identity (RFC 3325 §9.2).
    pub preferred: bool,
    /// Writes Remote-Party-ID (draft-ietf-sip-privacy-04 §5), which older carriers read.
    pub remote_party: bool,
    /// The user part of a number the call is said to have been diverted from (RFC 5806), for
    /// carriers that judge by it whether the shown number may be shown.
    pub diversion: Option<String>,
    /// What a hidden caller asks for.
    pub privacy: Privacy,
}

/// A user name and its password.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The user name of the digest.
    pub user: String,
    /// The password of the digest; never printed.
    pub password: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credentials({:?}, ***)", self.user)
    }
}

/// What a phone's account proves itself with: hashes of `user:realm:password` in lower-case
/// hexadecimal (RFC 7616 §3.4.2), so that no password is kept. As good as one: `Debug` hides them.
#[derive(Clone, PartialEq, Eq)]
pub struct Ha1 {
    /// By MD5.
    pub md5: String,
    /// By SHA-256.
    pub sha256: String,
}

impl fmt::Debug for Ha1 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ha1(***)")
    }
}

/// An agent's telephone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Phone {
    /// Whose it is.
    pub agent: AgentId,
    /// The user part of its address of record, and its account at our registrar; without
    /// `ha1` the phone cannot register and is reached at `contact` only.
    pub user: String,
    /// What its account proves itself with.
    pub ha1: Option<Ha1>,
    /// A fixed contact, used while no registration stands: its request URI and its address.
    pub contact: Option<(String, Hop)>,
}
