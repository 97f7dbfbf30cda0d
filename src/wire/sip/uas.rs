//! The requests peers send us: those outside a dialog answered here, the others passed on.

use super::dialog::Dialog;
use super::endpoint::Endpoint;
use super::event::{Event, Hop, Incoming};
use super::leg::{INCOMING_BIT, Leg, Phase, Ringing, Session, State};
use super::lexer::{Fault, Name, trim};
use super::registrar::{EXPIRES_MIN, Verdict};
use super::reliable::Reliable;
use super::session::Wish;
use super::settings::Trunk;
use super::values::{Address, Method, Request, content_type_is, has_tag, uri_user};
use super::writer::Writer;
use crate::units::LegId;

/// The extensions a peer may require of us (RFC 3262, RFC 4028).
const EXTENSIONS: [&str; 2] = ["100rel", "timer"];

impl Endpoint {
    /// Takes a whole request from a known peer in.
    pub(super) fn take_request(&mut self, request: &Request<'_>) {
        let print = self.servers.print(request, request.method);
        if request.method == Method::Ack {
            if !self.servers.confirm(&mut self.net, print) {
                self.acknowledged(request);
            }
            return;
        }
        if self.servers.repeat(&mut self.net, print) {
            return;
        }
        if request.method == Method::Cancel {
            self.cancelled(request);
            return;
        }
        // A proxy may insist that a phone's way is kept (RFC 3327 §5.2).
        let path = (request.method == Method::Register).then_some("path");
        let known = |tag: &[u8]| {
            EXTENSIONS.into_iter().chain(path).any(|e| tag.eq_ignore_ascii_case(e.as_bytes()))
        };
        let mut required =
            request.message.list(Name::Require).filter(|tag| !tag.is_empty() && !known(tag));
        if let Some(first) = required.next() {
            let mut unsupported = Writer(b"Unsupported: ".to_vec());
            unsupported.unfolded(first);
            for tag in required {
                unsupported.text(", ").unfolded(tag);
            }
            unsupported.text("\r\n");
            self.refuse(request, Fault::new(420, "Bad Extension"), &unsupported.0);
        } else if request.to.tag().is_some() {
            self.inside(print, request);
        } else {
            self.outside(print, request);
        }
    }

    fn outside(&mut self, print: u64, request: &Request<'_>) {
        match request.method {
            Method::Invite => self.incoming(print, request),
            Method::Options => self.refuse(request, Fault::new(200, "OK"), capabilities()),
            Method::Register => self.register(print, request),
            Method::Unknown => {
                self.refuse(request, Fault::new(501, "Not Implemented"), allow());
            }
            Method::NotAllowed | Method::Refer | Method::Notify => {
                self.refuse(request, Fault::new(405, "Method Not Allowed"), allow());
            }
            Method::Bye
            | Method::Info
            | Method::Update
            | Method::Prack
            | Method::Ack
            | Method::Cancel => self.refuse(request, no_dialog(), b""),
        }
    }

    fn incoming(&mut self, print: u64, request: &Request<'_>) {
        let from = uri_user(request.from.uri);
        let agent = self.registrar.agent_at(&from, request.source);
        let trunk = self.trunk_at(request.source).filter(|_| agent.is_none());
        if agent.is_none() && trunk.is_none() && !self.settings.open {
            self.refuse(request, Fault::new(403, "Forbidden"), b"");
            return;
        }
        if let Some((fault, headers)) = unreadable(request) {
            self.refuse(request, fault, headers);
            return;
        }
        if self.legs.is_full() || self.servers.is_full() {
            self.counters.overflow += 1;
            self.refuse(request, Fault::new(503, "Service Unavailable"), b"Retry-After: 5\r\n");
            return;
        }
        let (wish, credentials) = trunk.map_or_else(Default::default, |trunk| {
            (Wish::new(trunk.session), trunk.credentials.clone())
        });
        let trunk = trunk.map(|trunk| trunk.id);
        let timer = match wish.of_request(request.message) {
            Ok(timer) => timer,
            Err(least) => return self.reply_brief(print, request, least),
        };
        let key = self.legs.next_key(self.net.draw());
        let mut tag = Writer(Vec::new());
        tag.key(key);
        let mut dialog = Dialog::of_request(request, &tag.0, wish);
        dialog.credentials = credentials;
        let server = self.servers.begin(&mut self.net, print, request, (key, &tag.0));
        self.incoming += 1;
        let id = LegId(INCOMING_BIT | self.incoming);
        let wanted = has_tag(request.message, Name::Require, "100rel");
        let reliable = Reliable::new(wanted, request, self.net.draw());
        let phase = Phase::Ringing(Ringing { server, timer, reliable, offer: None });
        let state = State::Session(Box::new(Session { dialog, phase }));
        self.legs.insert(key, Leg { id, state, due: None, far: None });
        self.by_id.insert(id, key);
        let asserted = request.message.list(Name::AssertedIdentity).next().and_then(Address::read);
        self.events.push_back(Event::Incoming(Incoming {
            leg: id,
            agent,
            trunk,
            to: uri_user(request.uri),
            named: uri_user(request.to.uri),
            from,
            asserted: asserted.map(|party| uri_user(party.uri)),
            hides: hides(request),
            offer: request.sdp(),
        }));
    }

    /// Finds the trunk that takes calls and sends from there: by address and port, or else by
    /// address alone.
    fn trunk_at(&self, source: Hop) -> Option<&Trunk> {
        let mut taking = self.trunks.values().filter(|trunk| trunk.receives);
        let exact = taking.clone().find(|trunk| trunk.address.address == source.address);
        exact.or_else(|| taking.find(|trunk| trunk.owns(source.ip())))
    }

    fn register(&mut self, print: u64, request: &Request<'_>) {
        let now = self.net.now;
        let verdict = self.registrar.register(now, request);
        let mut headers = Writer(Vec::new());
        match verdict {
            Verdict::Challenge { stale } => {
                self.registrar.write_challenges(&mut headers, now, stale);
                self.refuse(request, Fault::new(401, "Unauthorized"), &headers.0);
            }
            Verdict::Wrong => {
                self.counters.wrong_passwords += 1;
                self.refuse(request, Fault::new(403, "Forbidden"), b"");
            }
            Verdict::Wait(span) => {
                self.counters.held_off += 1;
                let seconds = span.as_millis().div_ceil(1_000);
                headers.text("Retry-After: ").number(seconds).text("\r\n");
                self.refuse(request, Fault::new(503, "Service Unavailable"), &headers.0);
            }
            Verdict::Refused(fault) => {
                if fault.status == 423 {
                    headers.text("Min-Expires: ").number(EXPIRES_MIN).text("\r\n");
                }
                self.refuse(request, fault, &headers.0);
            }
            Verdict::Taken(agent) => {
                self.registrar.write_bindings(&mut headers, now, (agent, request));
                let changed = self.registrar.is_changed(agent);
                self.settle_phone(agent);
                if changed {
                    self.learn_peers();
                }
                self.reply(print, request, 200, &headers.0);
            }
        }
    }
}

impl Writer {
    /// Ends a message without further headers.
    pub(super) fn no_body(&mut self) {
        self.body("", &[]);
    }
}

/// Tells whether a caller asks not to be known: `Privacy: id` (RFC 3325 §9.3) or `user` (RFC 3323
/// §4.2).
fn hides(request: &Request<'_>) -> bool {
    let asked = request.message.list(Name::Privacy).flat_map(|part| part.split(|b| *b == b';'));
    asked.map(trim).any(|ask| ask.eq_ignore_ascii_case(b"id") || ask.eq_ignore_ascii_case(b"user"))
}

pub(super) fn allow() -> &'static [u8] {
    b"Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, PRACK, REFER, NOTIFY\r\n"
}

pub(super) fn capabilities() -> &'static [u8] {
    b"Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, PRACK, REFER, NOTIFY\r\n\
      Accept: application/sdp\r\nSupported: 100rel, timer\r\n"
}

pub(super) fn no_dialog() -> Fault {
    Fault::new(481, "Call/Transaction Does Not Exist")
}

/// Tells why an INVITE's or UPDATE's body or wished answer cannot be dealt with (RFC 3261
/// §8.2.3, §21.4.7).
pub(super) fn unreadable(request: &Request<'_>) -> Option<(Fault, &'static [u8])> {
    let message = request.message;
    let plain = message
        .first(Name::ContentEncoding)
        .is_none_or(|coding| coding.eq_ignore_ascii_case(b"identity"));
    if !(message.body.is_empty() || plain && content_type_is(message, b"application/sdp")) {
        let headers = b"Accept: application/sdp\r\nAccept-Encoding: identity\r\n";
        return Some((Fault::new(415, "Unsupported Media Type"), headers));
    }
    let mut wanted = message.list(Name::Accept).peekable();
    let fits = |kind: &[u8]| {
        let kind = trim(kind.split(|byte| *byte == b';').next().unwrap_or_default());
        [&b"application/sdp"[..], b"application/*", b"*/*"]
            .iter()
            .any(|known| kind.eq_ignore_ascii_case(known))
    };
    if wanted.peek().is_some() && !wanted.any(fits) {
        return Some((Fault::new(406, "Not Acceptable"), b""));
    }
    None
}
