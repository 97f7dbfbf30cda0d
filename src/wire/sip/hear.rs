//! What comes in: whom we listen to, how much of it is read, what the unreadable are told.

use std::net::IpAddr;

use super::endpoint::Endpoint;
use super::event::Hop;
use super::lexer::{Fault, Frame, Message, Name, Start, frame};
use super::slab::Key;
use super::values::{Address, Method, Request, Via, cseq};
use crate::units::Mono;

impl Endpoint {
    /// Takes a message in: a datagram, or one that a [`Framer`](super::Framer) cut out of a
    /// stream. Tells whether it was one of somebody we listen to.
    pub fn receive(&mut self, now: Mono, from: impl Into<Hop>, message: &[u8]) -> bool {
        let from = from.into();
        self.net.now = now;
        self.counters.received += 1;
        let ip = from.ip();
        let known = self.is_met(ip);
        if !known && !self.strangers.have_room(now, ip) {
            self.counters.strangers += 1;
            self.counters.unread += 1;
            return false;
        }
        self.witnesses.heard(now, message);
        let heard = match frame(message) {
            Frame::KeepAlive => {
                self.counters.keep_alives += 1;
                if !known {
                    self.strangers.charge(now, ip);
                }
                return true;
            }
            Frame::Garbage => {
                self.counters.garbage += 1;
                false
            }
            Frame::Message(message) => match message.start {
                Start::Request { method, .. } => self.request(from, Method::of(method), &message),
                Start::Response { status, .. } => self.response(from, status, &message),
            },
        };
        if !known && !heard {
            self.strangers.charge(now, ip);
        }
        heard
    }

    /// Takes in that one message of ours found no room where it was to go: what it asked for fails
    /// with 503 (RFC 3261 §8.1.3.1), and nothing else does. An answer is asked for again.
    pub fn unsent(&mut self, now: Mono, message: &[u8]) {
        self.net.now = now;
        let Frame::Message(message) = frame(message) else { return };
        if matches!(message.start, Start::Response { .. }) {
            return;
        }
        let via = message.list(Name::Via).next().and_then(Via::read);
        let named = via.zip(message.first(Name::CSeq).and_then(cseq));
        let found = named.and_then(|(via, (_, method))| self.clients.find(via.branch()?, method));
        let news = found.and_then(|(key, _)| self.clients.unsent(&mut self.net, key));
        if let Some(news) = news {
            self.client_news(news, 503, None);
        }
    }

    /// Takes a response in; tells whether it came from somebody we listen to.
    fn response(&mut self, from: Hop, status: u16, message: &Message<'_>) -> bool {
        let known = self.is_peer(from.ip());
        let mut vias = message.list(Name::Via);
        let via = vias.next().and_then(Via::read);
        let Some((via, method)) = via.zip(message.first(Name::CSeq).and_then(cseq)) else {
            self.counters.garbage += 1;
            return false;
        };
        // A response with two Vias was meant for somebody behind us (§8.1.3.3).
        let alone = vias.next().is_none();
        let found = via.branch().and_then(|branch| self.clients.find(branch, method.1));
        let Some((key, to)) = found.filter(|_| alone) else {
            let answers = (200..300).contains(&status) && method.1 == b"INVITE";
            if !known {
                self.counters.strangers += 1;
            } else {
                self.counters.stray_responses += 1;
                if answers && alone && self.net.local(from).is_in(&via) {
                    self.end_unasked(from, message);
                }
            }
            return known;
        };
        // A route set may lead past the trunk's addresses: whom we asked may answer.
        let known = known || to.ip() == from.ip();
        self.counters.strangers += u64::from(!known);
        if !known || !self.is_ours(key, message) {
            self.counters.forged += 1;
            return known;
        }
        let leg = self.clients.leg(key);
        let news = self.clients.response(&mut self.net, key, status, message);
        if let Some(news) = news {
            self.client_news(news, status, Some(message));
        }
        self.follow(leg);
        true
    }

    /// Tells whether a response repeats the Call-ID and the From tag of the request it names
    /// (RFC 3261 §8.2.6.2), as far as they are still known.
    fn is_ours(&mut self, key: Key, message: &Message<'_>) -> bool {
        let Some(leg) = self.clients.leg(key).and_then(|leg| self.legs.get(leg)) else {
            return true;
        };
        let (call_id, local) = leg.names();
        let tag = |party| Address::read(party).and_then(|party| party.tag());
        message.first(Name::CallId) == Some(call_id)
            && message.first(Name::From).and_then(tag) == tag(local)
    }

    /// Takes a request in; tells whether it came from somebody we listen to.
    fn request(&mut self, from: Hop, method: Method, message: &Message<'_>) -> bool {
        let request = Request::read(message, from);
        let dialog = request.as_ref().ok().and_then(|request| self.dialog_peer(request));
        let ip = from.ip();
        let known = self.is_peer(ip) || dialog.is_some_and(|(_, peer)| peer == ip);
        if !known && dialog.is_some() {
            self.counters.forged += 1;
        }
        if !known && method != Method::Register {
            self.counters.strangers += 1;
            return false;
        }
        let free = dialog.is_some() || matches!(method, Method::Ack | Method::Cancel);
        if !known && !self.is_met(ip) {
            self.strangers.charge(self.net.now, ip);
        } else if !free && !self.may_ask(ip) {
            self.counters.overflow += 1;
            return true;
        }
        match request {
            Ok(request) => self.take_request(&request),
            Err(fault) => self.refuse_unread(from, method, message, fault),
        }
        self.follow(dialog.map(|(leg, _)| leg));
        true
    }

    /// Takes a request outside of calls off what a peer may ask; false if nothing is left.
    pub(super) fn may_ask(&mut self, ip: IpAddr) -> bool {
        let room = self.askers.have_room(self.net.now, ip);
        if room {
            self.askers.charge(self.net.now, ip);
        }
        room || self.settings.open
    }

    /// Answers a request that could not be read, as far as it says how (RFC 3261 §16.3, §18.3).
    fn refuse_unread(&mut self, from: Hop, method: Method, message: &Message<'_>, fault: Fault) {
        let Some(value) = message.first(Name::Via).filter(|_| method != Method::Ack) else {
            self.counters.garbage += 1;
            return;
        };
        self.counters.refused += 1;
        let to = Via::read(value).map_or(from, |via| via.answer_to(from));
        let mut writer = self.net.writer();
        writer.status(fault.status, fault.reason).copied(message, from);
        if let Some(party) = message.first(Name::To) {
            writer.text("To: ").unfolded(party).text("\r\n");
        }
        writer.header("Server", &self.net.agent).body("", &[]);
        self.net.send(to, writer.0);
    }

    pub(super) fn is_peer(&self, ip: IpAddr) -> bool {
        self.settings.open || self.peers.contains(&ip)
    }

    /// Tells whether an address is a peer's, or something is waited for from there.
    pub fn is_met(&self, ip: IpAddr) -> bool {
        self.is_peer(ip) || self.net.awaited.holds(ip)
    }

    /// Waits for a leg's far end where that is from now on.
    fn follow(&mut self, leg: Option<Key>) {
        if let Some(leg) = leg.and_then(|leg| self.legs.get_mut(leg)) {
            let far = leg.session().map(|session| session.dialog.next_hop().ip());
            self.net.awaited.set(&mut leg.far, far);
        }
    }

    /// Gives the leg of a request's dialog, and where its other end is.
    fn dialog_peer(&mut self, request: &Request<'_>) -> Option<(Key, IpAddr)> {
        let key = self.leg_of(request)?;
        let theirs = request.from.tag().unwrap_or_default();
        let dialog = self.legs.get_mut(key)?.dialog_with(theirs)?;
        Some((key, dialog.next_hop().ip()))
    }

    /// Gathers the addresses of every trunk and phone.
    pub(super) fn learn_peers(&mut self) {
        self.peers = self.registrar.addresses().collect();
        for trunk in self.trunks.values() {
            self.peers.extend(trunk.addresses());
        }
    }
}
