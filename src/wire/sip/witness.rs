//! What the messages about one request of ours tell of the way there and back: when it was
//! answered, and what was changed on the way. It reads the raw text, so that it also sees what is
//! too damaged to be taken.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::endpoint::Endpoint;
use super::values::Via;
use crate::units::{LegId, Mono, Span, TrunkId};

/// Requests watched at once: three for each test call, and a person makes few of them at once.
const WITNESSES_MAX: usize = 48;
/// Answers kept of one request: a provisional answer a second while it rings.
const ANSWERS_MAX: usize = 32;
/// The longest word of the far end that is kept.
const WORD_MAX: usize = 64;

/// Which request of a test call is watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// The sign of life asked for before it.
    Options,
    /// The refresh of the trunk's registration before it.
    Register,
    /// The call itself.
    Call,
}

/// What of a request must come back unchanged (RFC 3261 §8.2.6.2), or count its bytes rightly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// The address in our Via.
    Via,
    /// The address in our From.
    From,
    /// Our Call-ID.
    CallId,
    /// Content-Length says another length than the body's.
    Length,
}

impl Part {
    /// Gives the header's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Via => "Via",
            Self::From => "From",
            Self::CallId => "Call-ID",
            Self::Length => "Content-Length",
        }
    }
}

/// What was told about a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Testimony {
    /// The statuses in the order they came, each with the time since the request was sent; a
    /// repetition is left out.
    pub answers: Vec<(u16, Span)>,
    /// The status of our BYE.
    pub bye: Option<u16>,
    /// What came back changed.
    pub changed: BTreeSet<Part>,
    /// Where our requests seem to come from, if that is not the address they tell: a NAT's
    /// (`received`, RFC 3261 §18.2.1).
    pub seen_at: Option<IpAddr>,
    /// The caller as an echo number reports it (`X-Caller-Seen`).
    pub caller: Option<String>,
    /// The attestation it reports with it (`verstat`, 3GPP TS 24.229 §7.2A.20).
    pub attestation: Option<String>,
}

/// Watches one request.
#[derive(Debug)]
pub(super) struct Witness {
    since: Mono,
    method: String,
    /// The random part of our Call-ID, which no other message holds.
    mark: String,
    call_id: String,
    host: String,
    from_host: String,
    /// Whether a request of this method has had no final answer yet.
    open: bool,
    told: Testimony,
}

/// The witnesses of every test call.
#[derive(Debug, Default)]
pub(super) struct Witnesses(BTreeMap<(LegId, Subject), Witness>);

impl Witnesses {
    pub(super) fn sent(&mut self, message: &[u8]) {
        for witness in self.0.values_mut() {
            witness.sent(message);
        }
    }

    pub(super) fn heard(&mut self, now: Mono, message: &[u8]) {
        for witness in self.0.values_mut() {
            witness.heard(now, message);
        }
    }
}

impl Endpoint {
    /// Watches what is said about the request that was sent last and not handed out yet, for a
    /// test call's leg; nothing if too many are watched.
    pub fn watch(&mut self, leg: LegId, subject: Subject) {
        let witness = self.net.latest().and_then(|bytes| Witness::new(self.net.now, bytes));
        if let Some(witness) = witness.filter(|_| self.witnesses.0.len() < WITNESSES_MAX) {
            self.witnesses.0.insert((leg, subject), witness);
        }
    }

    /// Tells whether every request watched for a leg has had its final answer.
    #[must_use]
    pub fn is_settled(&self, leg: LegId) -> bool {
        let own = self.witnesses.0.iter().filter(|((of, _), _)| *of == leg);
        own.into_iter().all(|(_, witness)| !witness.open)
    }

    /// Ends the watch over a leg's request, and gives what was told.
    pub fn dismiss(&mut self, leg: LegId, subject: Subject) -> Option<Testimony> {
        self.witnesses.0.remove(&(leg, subject)).map(|witness| witness.told)
    }

    /// Tells for how long a trunk's account is still bound.
    #[must_use]
    pub fn bound_for(&self, now: Mono, trunk: TrunkId) -> Option<Span> {
        self.registrations.until(trunk).map(|until| until.since(now))
    }

    /// Refreshes a trunk's registration now; false if it has none.
    pub fn register_anew(&mut self, now: Mono, trunk: TrunkId) -> bool {
        self.net.now = now;
        self.hasten(trunk)
    }
}

impl Witness {
    fn new(now: Mono, request: &[u8]) -> Option<Self> {
        let text = Text::of(request);
        let call_id = text.field("Call-ID", "i")?.to_owned();
        Some(Self {
            since: now,
            method: text.start.split(' ').next()?.to_owned(),
            mark: call_id.split('@').next()?.to_owned(),
            host: sent_by(text.field("Via", "v")?)?,
            from_host: uri_host(text.field("From", "f")?).to_owned(),
            call_id,
            open: true,
            told: Testimony::default(),
        })
    }

    fn is_about(&self, message: &[u8]) -> bool {
        message.windows(self.mark.len()).any(|window| window == self.mark.as_bytes())
    }

    fn sent(&mut self, message: &[u8]) {
        let again = message.starts_with(self.method.as_bytes()) && self.is_about(message);
        self.open |= again;
    }

    fn heard(&mut self, now: Mono, message: &[u8]) {
        if !self.is_about(message) {
            return;
        }
        let text = Text::of(message);
        if !text.counts_rightly() {
            self.told.changed.insert(Part::Length);
        }
        let Some(status) = text.status() else { return };
        let cseq = text.field("CSeq", "").unwrap_or_default();
        let method = cseq.split_whitespace().next_back().unwrap_or_default();
        if method == "BYE" {
            self.told.bye = Some(status);
        }
        if method == self.method {
            let fresh = self.told.answers.last().is_none_or(|(last, _)| *last != status);
            if fresh && self.told.answers.len() < ANSWERS_MAX {
                self.told.answers.push((status, now.since(self.since)));
            }
            self.open &= status < 200;
            self.compare(&text);
            self.read_caller(&text);
        }
    }

    /// Compares what a response repeats with what was sent. A From without an address of ours may
    /// be written anew by a carrier's servers, and is no evidence.
    fn compare(&mut self, text: &Text<'_>) {
        let via = text.field("Via", "v").unwrap_or_default();
        if sent_by(via).is_some_and(|host| host != self.host) {
            self.told.changed.insert(Part::Via);
        }
        let from = text.field("From", "f").map(uri_host).unwrap_or_default();
        let own = !self.from_host.is_empty() && self.host.starts_with(&self.from_host);
        if own && from != self.from_host {
            self.told.changed.insert(Part::From);
        }
        if text.field("Call-ID", "i").is_some_and(|call_id| call_id != self.call_id) {
            self.told.changed.insert(Part::CallId);
        }
        let received =
            param(via, "received").and_then(|ip| ip.trim_matches(['[', ']']).parse().ok());
        let own = self.host.parse().map(|at: std::net::SocketAddr| at.ip()).ok();
        let ours = !self.told.changed.contains(&Part::Via);
        self.told.seen_at = received.filter(|ip| ours && own.is_some_and(|own| own != *ip));
    }

    fn read_caller(&mut self, text: &Text<'_>) {
        let Some(value) = text.field("X-Caller-Seen", "") else { return };
        let number = value.split(';').next().unwrap_or_default().trim_matches(['<', '>', ' ']);
        let number = number.split_once(':').map_or(number, |(_, rest)| rest);
        let number = number.split('@').next().unwrap_or_default();
        let word = |text: &str| {
            let kept: String = text.chars().filter(|sign| sign.is_ascii_graphic()).collect();
            (!kept.is_empty() && kept.len() <= WORD_MAX).then_some(kept)
        };
        self.told.caller = word(number);
        let verstat = param(value, "verstat").map(|text| text.trim_end_matches('>'));
        self.told.attestation = verstat.and_then(|text| word(text.split('@').next()?));
    }
}

/// A message's start line, headers and body, cut but not judged.
struct Text<'a> {
    start: &'a str,
    head: &'a str,
    body: &'a [u8],
}

impl<'a> Text<'a> {
    fn of(message: &'a [u8]) -> Self {
        let end = message.windows(4).position(|window| window == b"\r\n\r\n");
        let (head, body) = message.split_at(end.unwrap_or(message.len()));
        let head = core::str::from_utf8(head).unwrap_or_default();
        let (start, head) = head.split_once("\r\n").unwrap_or((head, ""));
        Self { start, head, body: body.get(4..).unwrap_or_default() }
    }

    /// Gives the first field of a name, or of its compact form.
    fn field(&self, name: &str, compact: &str) -> Option<&'a str> {
        self.head.split("\r\n").find_map(|line| {
            let (found, value) = line.split_once(':')?;
            let found = found.trim();
            let named = found.eq_ignore_ascii_case(name);
            (named || !compact.is_empty() && found.eq_ignore_ascii_case(compact))
                .then(|| value.trim())
        })
    }

    fn status(&self) -> Option<u16> {
        self.start.strip_prefix("SIP/2.0 ")?.get(..3)?.parse().ok()
    }

    /// Tells whether Content-Length fits the body; line ends behind it do no harm.
    fn counts_rightly(&self) -> bool {
        let Some(told) = self.field("Content-Length", "l").and_then(|text| text.parse().ok())
        else {
            return true;
        };
        let Some((counted, rest)) = self.body.split_at_checked(told) else { return false };
        let ends = rest.iter().all(|byte| matches!(byte, b'\r' | b'\n'));
        rest.is_empty() || ends && counted.ends_with(b"\n")
    }
}

/// Gives the host and port of the first Via.
fn sent_by(via: &str) -> Option<String> {
    let first = via.split(',').next()?;
    let via = Via::read(first.as_bytes())?;
    let host = core::str::from_utf8(via.host).ok()?;
    Some(via.port.map_or_else(|| host.to_owned(), |port| format!("{host}:{port}")))
}

/// Gives the host of the first URI in a From.
fn uri_host(from: &str) -> &str {
    let uri = from.split_once('@').map_or("", |(_, rest)| rest);
    let end = uri.find(['>', ';', ' ']).unwrap_or(uri.len());
    uri.get(..end).unwrap_or_default()
}

fn param<'a>(value: &'a str, name: &str) -> Option<&'a str> {
    value.split(',').next()?.split(';').skip(1).find_map(|part| {
        let (found, value) = part.split_once('=')?;
        found.trim().eq_ignore_ascii_case(name).then(|| value.trim())
    })
}
