//! The server transactions of RFC 3261 §17.2, with the Accepted state of RFC 6026.
//!
//! ```text
//! INVITE:  Waiting ◄─► Reliable (1xx of RFC 3262, repeated until its PRACK)
//!          Waiting ─► Completed (300–699, timers G, H) ─► Confirmed (timer I) ─► gone
//!             └─────► Accepted  (2xx, repeated until its ACK; timer L)        ─► gone
//! others:  Waiting ─► Finished (timer J) ─► gone
//! ```

use core::hash::{Hash as _, Hasher as _};
use std::collections::BTreeMap;
use std::hash::DefaultHasher;

use super::client::COOKIE;
use super::event::Hop;
use super::net::{Due, Net, T1, T1_64, T2, T4};
use super::slab::{Key, Slab};
use super::values::{Method, Request};
use super::writer::{Writer, reason};
use crate::units::{Mono, Span};

/// How many server transactions may live at once: 1,000 requests a second, each lingering 32 s.
const SERVERS_MAX: usize = 32_768;
/// How long an INVITE may wait for us before we say 100 (RFC 3261 §17.2.1).
const TRYING_AFTER: Span = Span::millis(200);

#[derive(Clone, Copy, Debug)]
enum State {
    Waiting,
    Reliable { pause: Span, end: Mono },
    Completed { pause: Span, end: Mono },
    Confirmed,
    Accepted { pause: Span, end: Mono, acked: bool },
    Finished,
}

/// A request of a peer that is being answered, or lingers to recognise its repetitions.
#[derive(Debug)]
struct Server {
    print: u64,
    to: Hop,
    leg: Key,
    invite: bool,
    cseq: u32,
    state: State,
    due: Option<Mono>,
    /// The fields every response copies from the request.
    head: Vec<u8>,
    /// The latest response.
    response: Vec<u8>,
}

/// Every server transaction.
#[derive(Debug)]
pub(super) struct Servers {
    slab: Slab<Server>,
    by_print: BTreeMap<u64, Key>,
    seed: u64,
}

impl Servers {
    pub(super) fn new(seed: u64) -> Self {
        Self { slab: Slab::new(SERVERS_MAX), by_print: BTreeMap::new(), seed }
    }

    pub(super) fn len(&self) -> usize {
        self.slab.len()
    }

    pub(super) fn is_full(&self) -> bool {
        self.slab.is_full()
    }

    /// Gives the print that tells transactions apart (RFC 3261 §17.2.3): the branch and who sent
    /// it, or the older rule's fields where the branch is not of RFC 3261. ACK has the print of
    /// its INVITE; so has CANCEL if asked for as one.
    pub(super) fn print(&self, request: &Request<'_>, method: Method) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.seed.hash(&mut hasher);
        let class = if method == Method::Ack { Method::Invite } else { method };
        class.name().hash(&mut hasher);
        let branch = request.via.branch().unwrap_or_default();
        if branch.len() > COOKIE.len() && branch.starts_with(COOKIE.as_bytes()) {
            branch.hash(&mut hasher);
        } else {
            (request.uri, request.from.tag(), request.call_id, request.cseq).hash(&mut hasher);
        }
        (request.via.host, request.via.port).hash(&mut hasher);
        hasher.finish()
    }

    /// Answers a repeated request as before; tells whether it was one.
    pub(super) fn repeat(&self, net: &mut Net, print: u64) -> bool {
        let held = self.by_print.get(&print).and_then(|key| self.slab.get(*key));
        if let Some(server) = held.filter(|server| !server.response.is_empty()) {
            // The 2xx to an INVITE is repeated by its own timer, not by the INVITE (RFC 6026).
            if !matches!(server.state, State::Accepted { .. }) {
                net.repeat(server.to, &server.response);
            }
        }
        held.is_some()
    }

    /// Gives the leg whose INVITE has this print, and the transaction.
    pub(super) fn invite(&self, print: u64) -> Option<(Key, Key)> {
        let key = *self.by_print.get(&print)?;
        self.slab.get(key).map(|server| (key, server.leg))
    }

    /// Begins the transaction of a new request; its responses bear `tag` in To.
    pub(super) fn begin(
        &mut self,
        net: &mut Net,
        print: u64,
        request: &Request<'_>,
        (leg, tag): (Key, &[u8]),
    ) -> Key {
        let key = self.slab.next_key(net.draw());
        let mut head = Writer(Vec::with_capacity(512));
        head.answer_head(request, tag);
        let invite = request.method == Method::Invite;
        let mut due = None;
        if invite {
            net.set_timer(Due::Server(key), &mut due, Some(net.now + TRYING_AFTER));
        }
        let server = Server {
            print,
            to: request.via.answer_to(request.source),
            leg,
            invite,
            cseq: request.cseq,
            state: State::Waiting,
            due,
            head: head.0,
            response: Vec::new(),
        };
        self.slab.insert(key, server);
        self.by_print.insert(print, key);
        key
    }

    /// Sends a response; `rest` writes its further headers and its body. Tells whether the
    /// transaction still waited for one.
    pub(super) fn respond(
        &mut self,
        net: &mut Net,
        key: Key,
        status: u16,
        rest: impl FnOnce(&mut Writer),
    ) -> bool {
        let Some(server) = self.slab.get_mut(key) else {
            return false;
        };
        if !matches!(server.state, State::Waiting | State::Reliable { .. }) {
            return false;
        }
        let mut writer = Writer(core::mem::take(&mut server.response));
        writer.0.clear();
        writer.status(status, reason(status)).text(&server.head);
        rest(&mut writer);
        server.response = writer.0;
        net.send_copy(server.to, &server.response);
        let end = net.now + T1_64;
        let reliable = server.to.transport.is_reliable();
        let due = if status < 200 {
            None
        } else if !server.invite {
            server.state = State::Finished;
            Some(end)
        } else if status < 300 {
            // The 2xx is repeated on a stream too: UDP may lie behind it (§13.3.1.4).
            server.state = State::Accepted { pause: T1, end, acked: false };
            Some(net.now + T1)
        } else {
            server.state = State::Completed { pause: T1, end };
            Some(if reliable { end } else { net.now + T1 })
        };
        if status >= 200 {
            server.head = Vec::new();
            server.response.shrink_to_fit();
        }
        net.set_timer(Due::Server(key), &mut server.due, due);
        // Timer J is zero where nothing is repeated (§17.2.2).
        if reliable && matches!(server.state, State::Finished) {
            self.forget(net, key);
        }
        true
    }

    fn forget(&mut self, net: &mut Net, key: Key) -> Option<Server> {
        let mut server = self.slab.remove(key)?;
        net.set_timer(Due::Server(key), &mut server.due, None);
        self.by_print.remove(&server.print);
        Some(server)
    }

    /// Repeats the provisional response just sent until its PRACK comes: first after T1, then
    /// after twice as long each time, for 64 times T1 (RFC 3262 §3).
    pub(super) fn await_prack(&mut self, net: &mut Net, key: Key) {
        if let Some(server) = self.slab.get_mut(key) {
            server.state = State::Reliable { pause: T1, end: net.now + T1_64 };
            net.set_timer(Due::Server(key), &mut server.due, Some(net.now + T1));
        }
    }

    /// Takes the PRACK of a provisional response in.
    pub(super) fn pracked(&mut self, net: &mut Net, key: Key) {
        if let Some(server) = self.slab.get_mut(key) {
            server.state = State::Waiting;
            net.set_timer(Due::Server(key), &mut server.due, None);
        }
    }

    /// Takes the ACK to a refusal in; tells whether there was one to acknowledge.
    pub(super) fn confirm(&mut self, net: &mut Net, print: u64) -> bool {
        let Some(key) = self.by_print.get(&print).copied() else {
            return false;
        };
        let Some(server) = self.slab.get_mut(key) else {
            return false;
        };
        if let State::Completed { .. } = server.state {
            server.state = State::Confirmed;
            server.response = Vec::new();
            net.set_timer(Due::Server(key), &mut server.due, Some(net.now + T4));
        }
        let refused = !matches!(server.state, State::Accepted { .. });
        // Timer I is zero where nothing is repeated (§17.2.1).
        if matches!(server.state, State::Confirmed) && server.to.transport.is_reliable() {
            self.forget(net, key);
        }
        refused
    }

    /// Takes the ACK to a 2xx in, by its CSeq; tells whether it was the first.
    pub(super) fn acknowledged(&mut self, net: &mut Net, key: Key, cseq: u32) -> bool {
        self.slab.get(key).is_some_and(|server| server.cseq == cseq) && self.came_through(net, key)
    }

    /// Repeats a 2xx no more that has come through; tells whether it was repeated until now.
    pub(super) fn came_through(&mut self, net: &mut Net, key: Key) -> bool {
        let Some(server) = self.slab.get_mut(key) else {
            return false;
        };
        let State::Accepted { pause, end, acked: false } = server.state else {
            return false;
        };
        server.state = State::Accepted { pause, end, acked: true };
        server.response = Vec::new();
        net.set_timer(Due::Server(key), &mut server.due, Some(end));
        true
    }

    /// Does what is due; gives the leg whose answer was never acknowledged.
    pub(super) fn due(&mut self, net: &mut Net, key: Key) -> Option<Key> {
        let server = self.slab.get_mut(key)?;
        server.due = None;
        match server.state {
            State::Waiting => {
                self.respond(net, key, 100, |writer| {
                    writer.body("", &[]);
                });
                return None;
            }
            State::Reliable { pause, end } if net.now < end => {
                let pause = pause.times(2);
                server.state = State::Reliable { pause, end };
                net.repeat(server.to, &server.response);
                net.set_timer(Due::Server(key), &mut server.due, Some((net.now + pause).min(end)));
                return None;
            }
            State::Reliable { .. } => {
                server.state = State::Waiting;
                return Some(server.leg);
            }
            State::Completed { pause, end } if net.now < end => {
                let pause = pause.times(2).min(T2);
                server.state = State::Completed { pause, end };
                net.repeat(server.to, &server.response);
                net.set_timer(Due::Server(key), &mut server.due, Some((net.now + pause).min(end)));
                return None;
            }
            State::Accepted { pause, end, acked: false } if net.now < end => {
                let pause = pause.times(2).min(T2);
                server.state = State::Accepted { pause, end, acked: false };
                net.repeat(server.to, &server.response);
                net.set_timer(Due::Server(key), &mut server.due, Some((net.now + pause).min(end)));
                return None;
            }
            State::Completed { .. } | State::Confirmed | State::Finished => {}
            State::Accepted { .. } => {}
        }
        let server = self.forget(net, key)?;
        matches!(server.state, State::Accepted { acked: false, .. }).then_some(server.leg)
    }
}
