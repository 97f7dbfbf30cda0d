//! SDP offer and answer for G.711 audio (RFC 8866, RFC 3264).
//!
//! The reader takes what carriers really send: any line ending, missing `v=`, `o=`, `s=` or `t=`,
//! Latin-1 bytes, attributes nobody knows. It looks for one audio stream it can use and keeps the
//! other streams only so that an answer can refuse them in their places.

mod crypto;
mod side;
#[cfg(test)]
mod tests;
mod writer;

use std::fmt;
use std::net::{IpAddr, SocketAddr};

pub use crypto::{Entropy, Keys, Srtp};
pub use side::{Side, Terms};

use crate::wire::srtp::Suite;
use crypto::Line;
use writer::Audio;

/// The longest session description read, in bytes: SIP over UDP carries less than 64 KiB, and
/// audio descriptions are below 2 KiB in practice.
pub const BODY_MAX: usize = 16_384;

/// The most `m=` lines answered; a softphone with audio, video and text sends three or four.
pub const STREAMS_MAX: usize = 16;

/// The most keys read of one stream: twice the suites there are, for those who offer each with
/// and without an option.
const LINES_MAX: usize = 2 * Suite::ALL.len();

/// The payload type our offers give RFC 4733 events; 101 is what nearly every carrier expects.
pub const EVENTS: u8 = 101;

/// A G.711 flavour (RFC 3551 §4.5.14).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Codec {
    /// µ-law, payload type 0.
    Pcmu,
    /// A-law, payload type 8.
    Pcma,
}

impl Codec {
    /// Gives the static RTP payload type (RFC 3551 table 4).
    #[must_use]
    pub const fn payload_type(self) -> u8 {
        match self {
            Self::Pcmu => 0,
            Self::Pcma => 8,
        }
    }

    /// Gives the flavour of a static payload type.
    #[must_use]
    pub const fn of(payload_type: u8) -> Option<Self> {
        match payload_type {
            0 => Some(Self::Pcmu),
            8 => Some(Self::Pcma),
            _ => None,
        }
    }
}

impl fmt::Display for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pcmu => "PCMU",
            Self::Pcma => "PCMA",
        })
    }
}

/// Who sends, told from the side of the one who wrote the description (RFC 8866 §6.7).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Direction {
    /// Sends and wants to hear.
    #[default]
    SendRecv,
    /// Sends only: the usual form of hold.
    SendOnly,
    /// Hears only.
    RecvOnly,
    /// Neither.
    Inactive,
}

impl Direction {
    const fn of(sends: bool, hears: bool) -> Self {
        match (sends, hears) {
            (true, true) => Self::SendRecv,
            (true, false) => Self::SendOnly,
            (false, true) => Self::RecvOnly,
            (false, false) => Self::Inactive,
        }
    }

    /// Tells whether the writer sends.
    #[must_use]
    pub const fn sends(self) -> bool {
        matches!(self, Self::SendRecv | Self::SendOnly)
    }

    /// Tells whether the writer wants to hear.
    #[must_use]
    pub const fn hears(self) -> bool {
        matches!(self, Self::SendRecv | Self::RecvOnly)
    }

    /// Gives the direction that answers this one in full (RFC 3264 §6.1).
    #[must_use]
    pub const fn mirrored(self) -> Self {
        Self::of(self.hears(), self.sends())
    }

    fn named(name: &str) -> Option<Self> {
        [Self::SendRecv, Self::SendOnly, Self::RecvOnly, Self::Inactive]
            .into_iter()
            .find(|direction| direction.name() == name)
    }

    const fn name(self) -> &'static str {
        match self {
            Self::SendRecv => "sendrecv",
            Self::SendOnly => "sendonly",
            Self::RecvOnly => "recvonly",
            Self::Inactive => "inactive",
        }
    }
}

/// Our own two addresses of a leg.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Local {
    /// Where the leg receives RTP.
    pub rtp: SocketAddr,
    /// Where the leg receives RTCP.
    pub rtcp: SocketAddr,
}

/// The `o=` line's numbers: one id for the dialog's life, a version for each description sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The session id, unique among this host's sessions.
    pub id: u64,
    /// The version of the description.
    pub version: u64,
}

impl Origin {
    /// Starts a session at version 1.
    #[must_use]
    pub const fn new(id: u64) -> Self {
        Self { id, version: 1 }
    }

    /// Gives the origin of the dialog's next description (RFC 3264 §8: one more).
    #[must_use]
    pub const fn next(self) -> Self {
        Self { id: self.id, version: self.version.wrapping_add(1) }
    }
}

/// Where a leg's audio goes to and in which form, as offer and answer agreed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Remote {
    /// The far end's RTP address as its SDP says; the true source may be latched.
    pub rtp: SocketAddr,
    /// The far end's RTCP address.
    pub rtcp: SocketAddr,
    /// The form of the audio.
    pub codec: Codec,
    /// The payload type of RFC 4733 events, if agreed.
    pub dtmf: Option<u8>,
    /// Whether the far end wants to hear us (its direction is sendrecv or recvonly).
    pub send: bool,
    /// Whether the far end sends (its direction is sendrecv or sendonly).
    pub receive: bool,
    /// The keys of both directions, if the audio is protected.
    pub keys: Option<Keys>,
}

/// Why a session description cannot be used; always the far end's doing, never worth a retry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SdpError {
    /// The description is beyond [`BODY_MAX`].
    #[error("the session description is {0} bytes long, more than {BODY_MAX}")]
    TooLong(usize),
    /// The description has more than [`STREAMS_MAX`] streams.
    #[error("the session description has more than {STREAMS_MAX} streams")]
    TooManyStreams,
    /// No `m=audio` line over a kind of RTP that is spoken here.
    #[error("the session description has no audio stream over RTP/AVP")]
    NoAudio,
    /// The stream is not protected, or not in a way we take, though it must be.
    #[error("the audio stream has no SRTP key that can be used (a=crypto, without MKI)")]
    Unprotected,
    /// The answer's key is not for what we offered.
    #[error("the answer's a=crypto is none that was offered")]
    NotOffered,
    /// Every audio stream has port 0.
    #[error("the far end refused the audio stream (port 0)")]
    Refused,
    /// No `c=` line with an IP address.
    #[error("the audio stream has no IP address in a c= line")]
    NoAddress,
    /// Neither PCMA nor PCMU is among the formats.
    #[error("the audio stream has neither PCMA nor PCMU")]
    NoCodec,
}

/// A stream of the description, as far as an answer must repeat it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Stream {
    kind: String,
    protocol: String,
    formats: String,
}

/// What a session description says about its first usable audio stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Where its writer receives RTP; an unspecified address is the old form of hold.
    pub rtp: SocketAddr,
    /// Where its writer receives RTCP.
    pub rtcp: SocketAddr,
    /// The G.711 flavours in its order of preference; never empty.
    pub codecs: Vec<Codec>,
    /// The payload type of RFC 4733 events.
    pub dtmf: Option<u8>,
    /// Who sends, the old form of hold already told as not hearing.
    pub direction: Direction,
    /// The packet length wished, in milliseconds.
    pub ptime: Option<u16>,
    /// Whether its writer can take RTCP on the RTP port (RFC 5761).
    pub rtcp_mux: bool,
    /// The version of the `o=` line, if it has one.
    pub version: Option<u64>,
    /// The keys offered that we can use, in its order of preference.
    crypto: Vec<Line>,
    /// Whether there was any key, even one we cannot use.
    keyed: bool,
    streams: Vec<Stream>,
    audio: usize,
}

impl Session {
    /// Gives what the stream means for our side: its first codec, its addresses, its direction.
    #[must_use]
    pub fn remote(&self) -> Remote {
        Remote {
            rtp: self.rtp,
            rtcp: self.rtcp,
            codec: self.codecs.first().copied().unwrap_or(Codec::Pcma),
            dtmf: self.dtmf,
            send: self.direction.hears(),
            receive: self.direction.sends(),
            keys: None,
        }
    }

    /// Writes the answer to this offer: hold mirrored (RFC 3264 §6), all other streams refused in
    /// their places.
    fn answer(&self, local: Local, origin: Origin, crypto: Option<Line>) -> Vec<u8> {
        let remote = self.remote();
        let mut text = writer::head(local, origin);
        for (place, stream) in self.streams.iter().enumerate() {
            if place == self.audio {
                let audio = Audio {
                    profile: &stream.protocol,
                    codecs: &[remote.codec],
                    dtmf: remote.dtmf,
                    direction: self.direction.mirrored(),
                    crypto: crypto.as_slice(),
                };
                audio.write(&mut text, local);
            } else {
                let Stream { kind, protocol, formats } = stream;
                writer::put(&mut text, format_args!("m={kind} 0 {protocol} {formats}\r\n"));
            }
        }
        text.into_bytes()
    }
}

/// Writes an offer: PCMA, PCMU and RFC 4733 events in packets of 20 ms, over plain RTP.
#[must_use]
pub fn offer(local: Local, origin: Origin, direction: Direction) -> Vec<u8> {
    let (profile, codecs) = ("RTP/AVP", writer::USUAL);
    let audio = Audio { profile, codecs, dtmf: Some(EVENTS), direction, crypto: &[] };
    writer::offer(local, origin, &audio)
}

/// Reads the answer to an offer of ours over plain RTP.
///
/// # Errors
/// The answer has no audio stream that can be used; see [`SdpError`].
pub fn accept_answer(answer: &[u8]) -> Result<Remote, SdpError> {
    read(answer).map(|session| session.remote())
}

/// Reads an offer and writes the answer to it over plain RTP: its first usable codec, hold
/// mirrored (RFC 3264 §6), all other streams refused in their places.
///
/// # Errors
/// The offer has no audio stream that can be used; see [`SdpError`]. SIP says 488 then.
pub fn answer(offer: &[u8], local: Local, origin: Origin) -> Result<(Vec<u8>, Remote), SdpError> {
    let session = read(offer)?;
    Ok((session.answer(local, origin, None), session.remote()))
}

/// Reads a session description, looking for plain RTP.
///
/// # Errors
/// It is too large, or has no audio stream that can be used; see [`SdpError`].
pub fn read(body: &[u8]) -> Result<Session, SdpError> {
    read_for(body, Srtp::Off)
}

/// Reads a session description and takes its first protected stream, else its first plain one,
/// as far as the setting allows either.
fn read_for(body: &[u8], srtp: Srtp) -> Result<Session, SdpError> {
    if body.len() > BODY_MAX {
        return Err(SdpError::TooLong(body.len()));
    }
    let text = String::from_utf8_lossy(body);
    let lines = text.split(['\r', '\n']).map(str::trim).filter_map(|line| line.split_once('='));
    let mut version = None;
    let mut common = Draft::default();
    let mut drafts: Vec<(Stream, Draft)> = Vec::new();
    for (kind, value) in lines {
        let kind = kind.trim_end();
        if kind == "m" {
            if drafts.len() == STREAMS_MAX {
                return Err(SdpError::TooManyStreams);
            }
            drafts.push(Draft::stream(value, &common));
        } else if let Some((_, draft)) = drafts.last_mut() {
            draft.line(kind, value);
        } else if kind == "o" {
            version = value.split_whitespace().nth(2).and_then(|word| word.parse().ok());
        } else {
            common.line(kind, value);
        }
    }
    let mut wrong = SdpError::NoAudio;
    let mut found: Option<Session> = None;
    for (place, (stream, draft)) in drafts.iter().enumerate() {
        match draft.session(stream, srtp) {
            Ok(session) => {
                let better =
                    |found: &Session| found.crypto.is_empty() && !session.crypto.is_empty();
                if found.as_ref().is_none_or(better) {
                    found = Some(Session { audio: place, version, ..session });
                }
            }
            Err(SdpError::NoAudio) => {}
            Err(error) => wrong = error,
        }
    }
    let mut session = found.ok_or(wrong)?;
    session.streams = drafts.into_iter().map(|(stream, _)| stream).collect();
    Ok(session)
}

/// What the lines of one stream, or those before the first, said so far.
#[derive(Clone, Debug, Default)]
struct Draft {
    ip: Option<IpAddr>,
    port: u16,
    rtcp: Option<(u16, Option<IpAddr>)>,
    rtcp_mux: bool,
    dtmf: Vec<u8>,
    direction: Direction,
    ptime: Option<u16>,
    crypto: Vec<Line>,
    keyed: bool,
}

impl Draft {
    /// Starts a stream from its `m=` value and what the session level said. A broken value gives
    /// a stream of port 0, so that what follows is not taken for the stream before it.
    fn stream(value: &str, common: &Self) -> (Stream, Self) {
        let mut words = value.split_whitespace();
        let mut word = || words.next().unwrap_or("-");
        let kind = word().to_owned();
        let port = word().split('/').next().and_then(|port| port.parse().ok()).unwrap_or(0);
        let protocol = word().to_owned();
        let formats = words.collect::<Vec<_>>().join(" ");
        (Stream { kind, protocol, formats }, Self { port, ..common.clone() })
    }

    fn line(&mut self, kind: &str, value: &str) {
        match kind {
            "c" => self.ip = address(value).or(self.ip),
            "a" => self.attribute(value),
            _ => {}
        }
    }

    fn attribute(&mut self, value: &str) {
        let (name, value) = value.split_once(':').unwrap_or((value, ""));
        let value = value.trim();
        match name.trim() {
            "rtpmap" => self.dtmf.extend(events(value)),
            "ptime" => self.ptime = value.parse().ok(),
            "rtcp-mux" => self.rtcp_mux = true,
            "crypto" => {
                self.keyed = true;
                let room = self.crypto.len() < LINES_MAX;
                self.crypto.extend(Line::read(value).filter(|_| room));
            }
            "rtcp" => {
                let (port, rest) = value.split_once(' ').unwrap_or((value, ""));
                self.rtcp = port.parse().ok().map(|port| (port, address(rest)));
            }
            name => self.direction = Direction::named(name).unwrap_or(self.direction),
        }
    }

    /// Makes the session of a stream that is audio and can be used.
    fn session(&self, stream: &Stream, srtp: Srtp) -> Result<Session, SdpError> {
        let secure = match &*stream.protocol {
            "RTP/AVP" | "RTP/AVPF" => false,
            "RTP/SAVP" | "RTP/SAVPF" if srtp != Srtp::Off => true,
            _ => return Err(SdpError::NoAudio),
        };
        if stream.kind != "audio" {
            return Err(SdpError::NoAudio);
        }
        if self.port == 0 {
            return Err(SdpError::Refused);
        }
        let ip = self.ip.ok_or(SdpError::NoAddress)?;
        let formats = || stream.formats.split(' ').filter_map(|word| word.parse::<u8>().ok());
        let mut codecs = Vec::new();
        for codec in formats().filter_map(Codec::of) {
            if !codecs.contains(&codec) {
                codecs.push(codec);
            }
        }
        if codecs.is_empty() {
            return Err(SdpError::NoCodec);
        }
        if self.crypto.is_empty() && (secure || srtp == Srtp::Mandatory) {
            return Err(SdpError::Unprotected);
        }
        let (rtcp_port, rtcp_ip) = self.rtcp.unwrap_or_else(|| (self.port.saturating_add(1), None));
        let hears = self.direction.hears() && !ip.is_unspecified();
        Ok(Session {
            rtp: SocketAddr::new(ip, self.port),
            rtcp: SocketAddr::new(rtcp_ip.unwrap_or(ip), rtcp_port),
            codecs,
            dtmf: self.dtmf.iter().copied().find(|event| formats().any(|pt| pt == *event)),
            direction: Direction::of(self.direction.sends(), hears),
            ptime: self.ptime,
            rtcp_mux: self.rtcp_mux,
            version: None,
            crypto: if srtp == Srtp::Off { Vec::new() } else { self.crypto.clone() },
            keyed: self.keyed,
            streams: Vec::new(),
            audio: 0,
        })
    }
}

/// Reads `IN IP4 192.0.2.1/127` (RFC 8866 §5.7); names are not looked up.
fn address(value: &str) -> Option<IpAddr> {
    let mut words = value.split_whitespace().skip_while(|word| *word != "IP4" && *word != "IP6");
    words.next()?;
    words.next()?.split('/').next()?.parse().ok()
}

/// Reads the payload type of `101 telephone-event/8000` (RFC 4733 §2.4.1).
fn events(rtpmap: &str) -> Option<u8> {
    let (payload_type, encoding) = rtpmap.split_once(' ')?;
    let named = encoding.trim().to_ascii_lowercase().starts_with("telephone-event/8000");
    payload_type.parse().ok().filter(|pt| named && *pt < 128)
}
