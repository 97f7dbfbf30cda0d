//! The requests of a peer inside a dialog, and our answers to what it asks there.

use super::endpoint::Endpoint;
use super::event::Event;
use super::leg::{Leg, Pending, Phase, State};
use super::lexer::{Fault, Name, trim};
use super::session::Timer;
use super::slab::Key;
use super::uas::{allow, capabilities, no_dialog, unreadable};
use super::values::{Method, Request, content_type_is, shown};
use super::writer::Writer;

impl Endpoint {
    pub(super) fn inside(&mut self, print: u64, request: &Request<'_>) {
        let Some(key) = self.leg_of(request) else {
            self.refuse(request, no_dialog(), b"");
            return;
        };
        let tag = request.from.tag().unwrap_or_default();
        let Some(leg) = self.legs.get_mut(key) else {
            return;
        };
        if leg.dialog_with(tag).is_some_and(|dialog| !dialog.in_order(request.cseq)) {
            // §12.2.2: a request overtaken by a later one is an error of its sender.
            self.reply(print, request, 500, b"");
            return;
        }
        match &leg.state {
            State::Calling(_) => self.inside_early(key, print, request),
            State::Session(session) if matches!(session.phase, Phase::Ringing(_)) => {
                self.inside_ringing(key, print, request);
            }
            State::Session(_) => self.inside_answered(key, print, request),
        }
    }

    fn inside_answered(&mut self, key: Key, print: u64, request: &Request<'_>) {
        match request.method {
            Method::Bye => self.hung_up(key, print, request),
            Method::Options => self.reply(print, request, 200, capabilities()),
            Method::Info => {
                self.reply(print, request, 200, b"");
                self.info(key, request);
            }
            Method::Invite | Method::Update => self.offered(key, print, request),
            Method::Prack => self.reply(print, request, 481, b""),
            Method::Refer => self.referred(key, print, request),
            Method::Notify => self.notified(key, print, request),
            Method::Register
            | Method::NotAllowed
            | Method::Unknown
            | Method::Ack
            | Method::Cancel => self.reply(print, request, 405, allow()),
        }
    }

    /// Deals with a request of a caller whom we have not answered yet.
    fn inside_ringing(&mut self, key: Key, print: u64, request: &Request<'_>) {
        match request.method {
            Method::Prack => self.pracked(key, print, request),
            Method::Options => self.reply(print, request, 200, capabilities()),
            Method::Info => self.reply(print, request, 200, b""),
            Method::Update => self.updated_ringing(key, print, request),
            Method::Bye => {
                // The caller may end an early dialog so, too (RFC 3261 §15).
                self.reply(print, request, 200, b"");
                self.given_up(key, request);
            }
            // A second INVITE before the first is answered (§14.2).
            Method::Invite => self.reply_later(print, request),
            Method::Register
            | Method::NotAllowed
            | Method::Refer
            | Method::Notify
            | Method::Unknown
            | Method::Ack
            | Method::Cancel => self.reply(print, request, 405, allow()),
        }
    }

    fn updated_ringing(&mut self, key: Key, print: u64, request: &Request<'_>) {
        let Some(leg) = self.legs.get_mut(key) else {
            return;
        };
        let id = leg.id;
        let Some((dialog, ringing)) = leg.ringing() else {
            return;
        };
        dialog.refresh(request.message);
        if request.message.body.is_empty() {
            let mut contact = Writer(Vec::new());
            contact.contact(self.net.local(request.source));
            self.reply(print, request, 200, &contact.0);
        } else if let Some((fault, headers)) = unreadable(request) {
            self.reply(print, request, fault.status, headers);
        } else if !ringing.reliable.settled || ringing.offer.is_some() {
            // The INVITE's own offer has no answer yet (RFC 3311 §5.2).
            self.reply_later(print, request);
        } else if self.servers.is_full() {
            self.counters.overflow += 1;
        } else {
            ringing.offer = Some(self.servers.begin(&mut self.net, print, request, (key, b"")));
            self.events.push_back(Event::Offer(id, request.sdp()));
        }
    }

    /// Finds the leg of an in-dialog request.
    pub(super) fn leg_of(&mut self, request: &Request<'_>) -> Option<Key> {
        let theirs = request.from.tag().unwrap_or_default();
        self.leg_in(request.to.tag()?, theirs, request.call_id)
    }

    /// Finds the leg of a dialog: our tag names it, Call-ID and the far end's tag confirm it.
    pub(super) fn leg_in(&mut self, ours: &[u8], theirs: &[u8], call_id: &[u8]) -> Option<Key> {
        let key = Key::read(ours)?;
        let dialog = self.legs.get_mut(key)?.dialog_with(theirs)?;
        (dialog.call_id == call_id).then_some(key)
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
        let timer = match dialog.wish.of_request(request.message) {
            Ok(timer) => timer,
            Err(least) => return self.reply_brief(print, request, least),
        };
        let update = request.method == Method::Update;
        if update && request.message.body.is_empty() {
            // Only a refresh: nothing to be asked (RFC 4028 §9).
            dialog.refresh(request.message);
            let mut lines = Writer(Vec::new());
            dialog.wish.write_answer(lines.contact(self.net.local(request.source)), timer);
            talking.timer = timer.map(|agreed| Timer::start(self.net.now, agreed));
            self.reply(print, request, 200, &lines.0);
            self.rewind(key);
            return;
        }
        match talking.pending {
            Pending::None if self.servers.is_full() => self.counters.overflow += 1,
            Pending::None => {
                dialog.refresh(request.message);
                let server = self.servers.begin(&mut self.net, print, request, (key, b""));
                talking.pending = if update {
                    Pending::TheirUpdate(server, timer)
                } else {
                    Pending::Theirs(server, timer)
                };
                self.events.push_back(Event::Offer(id, request.sdp()));
            }
            Pending::Ours(_) => self.reply(print, request, 491, b""),
            Pending::Theirs(..) | Pending::TheirUpdate(..) => self.reply_later(print, request),
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

    pub(super) fn cancelled(&mut self, request: &Request<'_>) {
        let print = self.servers.print(request, Method::Invite);
        let Some((server, key)) = self.servers.invite(print) else {
            self.refuse(request, no_dialog(), b"");
            return;
        };
        self.refuse(request, Fault::new(200, "OK"), b"");
        if !self.servers.respond(&mut self.net, server, 487, Writer::no_body) {
            return;
        }
        if let Some((_, talking)) = self.legs.get_mut(key).and_then(Leg::talking) {
            talking.pending = Pending::None;
            return;
        }
        self.given_up(key, request);
    }

    /// Ends an incoming leg whose caller gave up.
    fn given_up(&mut self, key: Key, request: &Request<'_>) {
        let Some(leg) = self.legs.get(key) else {
            return;
        };
        let reason = shown(request.message.first(Name::Reason).unwrap_or_default());
        let event = Event::Failed { leg: leg.id, status: 487, retry_after: None, reason };
        self.finish(key, event);
    }

    pub(super) fn acknowledged(&mut self, request: &Request<'_>) {
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
}
