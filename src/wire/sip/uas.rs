//! The requests peers send us: calls that come in, and whatever comes inside a dialog.

use super::client::Owner;
use super::dialog::Dialog;
use super::endpoint::Endpoint;
use super::event::{CommandError, Event, Incoming, Sdp};
use super::leg::{Leg, Pending, Phase, Session, State, Talking};
use super::lexer::{Fault, Name, trim};
use super::registrar::{EXPIRES_MIN, Verdict};
use super::slab::Key;
use super::uac::send_bye;
use super::values::{Method, Request, content_type_is, shown, uri_user};
use super::writer::{ALLOW, SDP_TYPE, Writer};
use crate::units::LegId;

/// The bit that tells legs named by us from legs named from outside.
const INCOMING_BIT: u64 = 1 << 63;

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
        let mut required = request.message.list(Name::Require).filter(|tag| !tag.is_empty());
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
            Method::NotAllowed => {
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
        if agent.is_none() && !self.settings.open {
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
        let key = self.legs.next_key(self.net.draw());
        let mut tag = Writer(Vec::new());
        tag.key(key);
        let dialog = Dialog::of_request(request, &tag.0);
        let server = self.servers.begin(&mut self.net, print, request, (key, &tag.0));
        self.incoming += 1;
        let id = LegId(INCOMING_BIT | self.incoming);
        let phase = Phase::Ringing(server);
        let state = State::Session(Box::new(Session { dialog, phase }));
        self.legs.insert(key, Leg { id, state, due: None });
        self.by_id.insert(id, key);
        let (to, offer) = (uri_user(request.uri), request.sdp());
        self.events.push_back(Event::Incoming(Incoming { leg: id, agent, to, from, offer }));
    }

    fn register(&mut self, print: u64, request: &Request<'_>) {
        let now = self.net.now;
        let verdict = self.registrar.register(now, request);
        let mut headers = Writer(Vec::new());
        match verdict {
            Verdict::Challenge { stale } => {
                self.registrar.write_challenges(&mut headers, &mut self.net, stale);
                self.refuse(request, Fault::new(401, "Unauthorized"), &headers.0);
            }
            Verdict::Refused(fault) => {
                if fault.status == 423 {
                    headers.text("Min-Expires: ").number(EXPIRES_MIN).text("\r\n");
                }
                self.refuse(request, fault, &headers.0);
            }
            Verdict::Taken { agent, changed } => {
                self.registrar.write_binding(&mut headers, now, agent);
                self.settle_binding(agent);
                if let Some(present) = changed {
                    self.learn_peers();
                    self.events.push_back(Event::Phone(agent, present));
                }
                self.reply(print, request, 200, &headers.0);
            }
        }
    }

    fn inside(&mut self, print: u64, request: &Request<'_>) {
        let Some(key) = self.leg_of(request) else {
            self.refuse(request, no_dialog(), b"");
            return;
        };
        let Some(dialog) = self.legs.get_mut(key).and_then(Leg::dialog) else {
            self.refuse(request, no_dialog(), b"");
            return;
        };
        if !dialog.in_order(request.cseq) {
            // §12.2.2: a request overtaken by a later one is an error of its sender.
            self.reply(print, request, 500, b"");
            return;
        }
        match request.method {
            Method::Bye => self.hung_up(key, print, request),
            Method::Options => self.reply(print, request, 200, capabilities()),
            Method::Info => {
                self.reply(print, request, 200, b"");
                self.info(key, request);
            }
            Method::Invite => self.offered(key, print, request),
            Method::Update if request.message.body.is_empty() => {
                dialog.refresh(request.message);
                let mut contact = Writer(Vec::new());
                contact.contact(self.net.local(request.source));
                self.reply(print, request, 200, &contact.0);
            }
            Method::Update => self.offered(key, print, request),
            Method::Prack => self.reply(print, request, 481, b""),
            Method::Register
            | Method::NotAllowed
            | Method::Unknown
            | Method::Ack
            | Method::Cancel => self.reply(print, request, 405, allow()),
        }
    }

    /// Finds the leg of an in-dialog request: our tag names it, Call-ID and their tag confirm it.
    pub(super) fn leg_of(&mut self, request: &Request<'_>) -> Option<Key> {
        let key = Key::read(request.to.tag()?)?;
        let dialog = self.legs.get_mut(key)?.dialog()?;
        let theirs = request.from.tag().unwrap_or_default();
        let same = dialog.call_id == request.call_id && dialog.remote_tag == theirs;
        same.then_some(key)
    }

    fn hung_up(&mut self, key: Key, print: u64, request: &Request<'_>) {
        self.reply(print, request, 200, b"");
        let Some(leg) = self.legs.get_mut(key) else {
            return;
        };
        let id = leg.id;
        let Some((_, talking)) = leg.talking() else {
            // Both sides hung up at once: ours is answered by its own 200.
            return;
        };
        let reason = shown(request.message.first(Name::Reason).unwrap_or_default());
        let event = if talking.hang_up {
            Event::Gone(id)
        } else {
            Event::Ended { leg: id, bye: true, reason }
        };
        self.finish(key, event);
    }

    /// A re-INVITE or UPDATE came (RFC 3261 §14.2, RFC 3311 §5.2).
    fn offered(&mut self, key: Key, print: u64, request: &Request<'_>) {
        if let Some((fault, headers)) = unreadable(request) {
            self.reply(print, request, fault.status, headers);
            return;
        }
        let Some(leg) = self.legs.get_mut(key) else {
            return;
        };
        let id = leg.id;
        let Some((dialog, talking)) = leg.talking() else {
            self.reply(print, request, 481, b"");
            return;
        };
        match talking.pending {
            Pending::None if self.servers.is_full() => self.counters.overflow += 1,
            Pending::None => {
                dialog.refresh(request.message);
                let server = self.servers.begin(&mut self.net, print, request, (key, b""));
                talking.pending = if request.method == Method::Invite {
                    Pending::Theirs(server)
                } else {
                    Pending::TheirUpdate(server)
                };
                self.events.push_back(Event::Offer(id, request.sdp()));
            }
            Pending::Ours { .. } => self.reply(print, request, 491, b""),
            Pending::Theirs(_) | Pending::TheirUpdate(_) => {
                let mut retry = Writer(b"Retry-After: ".to_vec());
                // A random wait of up to ten seconds (§14.2).
                retry.number(self.net.draw() % 10).text("\r\n");
                self.reply(print, request, 500, &retry.0);
            }
        }
    }

    fn info(&mut self, key: Key, request: &Request<'_>) {
        let Some(id) = self.legs.get(key).map(|leg| leg.id) else {
            return;
        };
        if !content_type_is(request.message, b"application/dtmf-relay") {
            return;
        }
        let lines = request.message.body.split(|byte| *byte == b'\n');
        let signal = lines.filter_map(|line| line.strip_prefix(b"Signal")).find_map(|rest| {
            trim(rest).strip_prefix(b"=").and_then(|value| trim(value).first().copied())
        });
        if let Some(digit) = signal.filter(|byte| b"0123456789*#ABCDabcd".contains(byte)) {
            self.events.push_back(Event::Digit(id, char::from(digit.to_ascii_uppercase())));
        }
    }

    fn cancelled(&mut self, request: &Request<'_>) {
        let print = self.servers.print(request, Method::Invite);
        let Some((server, key)) = self.servers.invite(print) else {
            self.refuse(request, no_dialog(), b"");
            return;
        };
        self.refuse(request, Fault::new(200, "OK"), b"");
        if !self.servers.respond(&mut self.net, server, 487, Writer::no_body) {
            return;
        }
        let Some(leg) = self.legs.get_mut(key) else {
            return;
        };
        if let Some((_, talking)) = leg.talking() {
            talking.pending = Pending::None;
            return;
        }
        let reason = shown(request.message.first(Name::Reason).unwrap_or_default());
        let event = Event::Failed { leg: leg.id, status: 487, retry_after: None, reason };
        self.finish(key, event);
    }

    fn acknowledged(&mut self, request: &Request<'_>) {
        let Some(key) = self.leg_of(request) else {
            return;
        };
        let Some(leg) = self.legs.get_mut(key) else {
            return;
        };
        let id = leg.id;
        let Some((_, talking)) = leg.talking() else {
            return;
        };
        let Some(server) = talking.unacked else {
            return;
        };
        if !self.servers.acknowledged(&mut self.net, server, request.cseq) {
            return;
        }
        talking.unacked = None;
        if talking.hang_up {
            self.hang_up_talking(key);
        } else {
            self.events.push_back(Event::Acked(id, request.sdp()));
        }
    }

    /// A 2xx of ours was never acknowledged: the dialog is ended (RFC 3261 §13.3.1.4).
    pub(super) fn never_acknowledged(&mut self, key: Key) {
        let Some((_, talking)) = self.legs.get_mut(key).and_then(Leg::talking) else {
            return;
        };
        talking.unacked = None;
        if talking.hang_up {
            self.hang_up_talking(key);
        } else {
            self.lose(key);
        }
    }

    /// Hangs an answered leg up: BYE, once our 2xx was acknowledged.
    pub(super) fn hang_up_talking(&mut self, key: Key) {
        let Some(session) = self.legs.get_mut(key).and_then(Leg::session) else {
            return;
        };
        let Phase::Talking(talking) = &mut session.phase else {
            return;
        };
        if talking.unacked.is_some() {
            talking.hang_up = true;
            return;
        }
        if let Some(server) = talking.pending.server() {
            self.servers.respond(&mut self.net, server, 487, Writer::no_body);
        }
        session.phase = Phase::Leaving(0);
        send_bye(&mut self.clients, &mut self.net, &mut session.dialog, Owner::Leg(key));
    }

    /// Sends a provisional response to an incoming leg.
    pub(super) fn early(
        &mut self,
        leg: LegId,
        status: u16,
        sdp: &[u8],
    ) -> Result<(), CommandError> {
        let key = self.key(leg)?;
        let session = self.legs.get_mut(key).and_then(Leg::session);
        let Some(Session { phase: Phase::Ringing(server), dialog }) = session else {
            return Err(CommandError::WrongState);
        };
        let mut contact = Writer(Vec::with_capacity(64));
        contact.contact(self.net.local(dialog.home.address));
        self.servers.respond(&mut self.net, *server, status, |writer| {
            writer.text(&contact.0).body(SDP_TYPE, sdp);
        });
        Ok(())
    }

    pub(super) fn accept_leg(&mut self, leg: LegId, sdp: &Sdp) -> Result<(), CommandError> {
        let key = self.key(leg)?;
        let session = self.legs.get_mut(key).and_then(Leg::session);
        let session = session.ok_or(CommandError::WrongState)?;
        let server = session.waiting().ok_or(CommandError::WrongState)?;
        match &mut session.phase {
            Phase::Ringing(_) => {
                session.phase = Phase::Talking(Talking::new(Some(server)));
                self.events.push_back(Event::Dialog(leg, session.dialog.stored()));
            }
            Phase::Talking(talking) => {
                if matches!(talking.pending, Pending::Theirs(_)) {
                    talking.unacked = Some(server);
                }
                talking.pending = Pending::None;
            }
            Phase::Leaving(_) => {}
        }
        let mut contact = Writer(Vec::with_capacity(64));
        contact.contact(self.net.local(session.dialog.home.address));
        self.servers.respond(&mut self.net, server, 200, |writer| {
            writer.text(&contact.0).header("Allow", ALLOW).body(SDP_TYPE, sdp);
        });
        Ok(())
    }

    pub(super) fn reject_leg(
        &mut self,
        leg: LegId,
        status: u16,
        headers: &[(&str, &str)],
    ) -> Result<(), CommandError> {
        let control = |text: &str| text.contains(char::is_control);
        if headers.iter().any(|(name, value)| control(name) || control(value)) {
            return Err(CommandError::BadText);
        }
        let key = self.key(leg)?;
        let session = self.legs.get_mut(key).and_then(Leg::session);
        let session = session.filter(|_| (300..700).contains(&status));
        let session = session.ok_or(CommandError::WrongState)?;
        let server = session.waiting().ok_or(CommandError::WrongState)?;
        self.servers.respond(&mut self.net, server, status, |writer| {
            for (name, value) in headers {
                writer.header(name, value);
            }
            writer.body("", &[]);
        });
        match &mut session.phase {
            Phase::Talking(talking) => talking.pending = Pending::None,
            Phase::Ringing(_) | Phase::Leaving(_) => self.finish(key, Event::Gone(leg)),
        }
        Ok(())
    }

    /// Answers a request at once within a transaction, so that its repetitions are known.
    fn reply(&mut self, print: u64, request: &Request<'_>, status: u16, headers: &[u8]) {
        if self.servers.is_full() {
            self.counters.overflow += 1;
            return;
        }
        let leg = Key { place: u32::MAX, secret: 0 };
        let mut tag = Writer(Vec::new());
        tag.hex(print, 16);
        let server = self.servers.begin(&mut self.net, print, request, (leg, &tag.0));
        self.servers.respond(&mut self.net, server, status, |writer| {
            writer.text(headers).body("", &[]);
        });
    }

    /// Answers a request without remembering it; its repetition gets the same answer anew
    /// (RFC 3261 §8.2.7).
    pub(super) fn refuse(&mut self, request: &Request<'_>, fault: Fault, headers: &[u8]) {
        self.counters.refused += u64::from(fault.status >= 300);
        let mut tag = Writer(Vec::new());
        tag.hex(self.servers.print(request, request.method), 16);
        let mut writer = self.net.writer();
        writer.status(fault.status, fault.reason).answer_head(request, &tag.0);
        writer.header("Server", &self.net.agent).text(headers).body("", &[]);
        self.net.send(request.via.answer_to(request.source), writer.0);
    }
}

impl Session {
    /// Gives the transaction that waits for the application's answer.
    pub(super) fn waiting(&self) -> Option<Key> {
        match &self.phase {
            Phase::Ringing(server) => Some(*server),
            Phase::Talking(talking) => talking.pending.server(),
            Phase::Leaving(_) => None,
        }
    }
}

impl Pending {
    /// Gives the transaction of the peer's offer.
    fn server(&self) -> Option<Key> {
        match self {
            Self::Theirs(server) | Self::TheirUpdate(server) => Some(*server),
            Self::None | Self::Ours { .. } => None,
        }
    }
}

impl Writer {
    /// Ends a message without further headers.
    pub(super) fn no_body(&mut self) {
        self.body("", &[]);
    }
}

fn allow() -> &'static [u8] {
    b"Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE\r\n"
}

fn capabilities() -> &'static [u8] {
    b"Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE\r\nAccept: application/sdp\r\n"
}

fn no_dialog() -> Fault {
    Fault::new(481, "Call/Transaction Does Not Exist")
}

/// Tells why an INVITE's or UPDATE's body or wished answer cannot be dealt with (RFC 3261
/// §8.2.3, §21.4.7).
fn unreadable(request: &Request<'_>) -> Option<(Fault, &'static [u8])> {
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
