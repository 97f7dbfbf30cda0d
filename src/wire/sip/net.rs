//! What every machine of the stack needs at hand: the time, the timers, chance, and the datagrams
//! that wait to be sent.

use std::collections::{BTreeSet, VecDeque};
use std::net::SocketAddr;

use rand_core::Rng as _;
use rand_pcg::Pcg64;

use super::event::{Hop, Transmit, Transport};
use super::settings::Settings;
use super::slab::Key;
use super::sources::Awaited;
use super::values::{Via, is_address};
use super::writer::Writer;
use crate::units::{AgentId, Mono, Span, TrunkId};

/// The round-trip estimate (RFC 3261 §17.1.1.1).
pub(super) const T1: Span = Span::millis(500);
/// The longest interval between repetitions of a request or of a 2xx (§17.1.2.2).
pub(super) const T2: Span = Span::secs(4);
/// How long a message may stay in the network (§17.1.2.2).
pub(super) const T4: Span = Span::secs(5);
/// 64 times T1: timers B, D, F, H, J, L and M, and the wait for a cancelled INVITE's answer.
pub(super) const T1_64: Span = Span::secs(32);
/// How many idle buffers are kept; more are in flight only in a storm.
const POOL_MAX: usize = 256;

/// Whose timer it is. The order is that of performance at one and the same moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Due {
    Client(Key),
    Server(Key),
    Leg(Key),
    Binding(AgentId),
    Register(TrunkId),
}

/// Every transport over IPv4 and over IPv6.
const LOCALS: [(Transport, bool); 6] = [
    (Transport::Udp, false),
    (Transport::Udp, true),
    (Transport::Tcp, false),
    (Transport::Tcp, true),
    (Transport::Tls, false),
    (Transport::Tls, true),
];

/// Our own address, as messages name it.
#[derive(Debug)]
pub(super) struct Local {
    /// What follows `SIP/2.0/` in Via: the transport and where responses come back to; over TLS
    /// with `alias`, so that requests come back by the same connection too (RFC 5923 §5).
    pub(super) via: String,
    /// What follows the user part in Contact: the address, and the transport if it is not UDP.
    pub(super) contact: String,
    /// The address itself.
    pub(super) address: SocketAddr,
}

impl Local {
    /// Finds the address we have for a transport and a family, or the nearest to it: a connection
    /// that we open ourselves goes without a listener.
    fn of(settings: &Settings, transport: Transport, v6: bool) -> Self {
        let all = || [(Transport::Udp, settings.local)].into_iter().chain(settings.others.clone());
        let family = || all().filter(|(_, address)| address.is_ipv6() == v6);
        let address = family()
            .find(|(held, _)| *held == transport)
            .or_else(|| family().next())
            .map_or(settings.local, |(_, address)| address);
        let (name, param, alias) = match transport {
            Transport::Udp => ("UDP", "", ""),
            Transport::Tcp => ("TCP", ";transport=tcp", ""),
            Transport::Tls => ("TLS", ";transport=tls", ";alias"),
        };
        let via = format!("{name} {address}{alias}");
        Self { via, contact: format!("{address}{param}"), address }
    }

    /// Tells whether it is the address in a Via.
    pub(super) fn is_in(&self, via: &Via<'_>) -> bool {
        is_address(via.host, self.address.ip()) && via.port == Some(self.address.port())
    }
}

/// See the module.
#[derive(Debug)]
pub(super) struct Net {
    pub(super) now: Mono,
    /// Our own addresses: one for each transport and family.
    locals: [Local; 6],
    /// The product's name, as User-Agent and Server write it.
    pub(super) agent: String,
    /// Whom something is waited for from.
    pub(super) awaited: Awaited,
    pub(super) sent: u64,
    pub(super) repeated: u64,
    queue: VecDeque<Transmit>,
    pool: Vec<Vec<u8>>,
    /// At most one timer for each transaction, leg and binding, which remembers its time and so
    /// can take it out again.
    timers: BTreeSet<(Mono, Due)>,
    chance: Pcg64,
}

impl Net {
    pub(super) fn new(settings: &Settings) -> Self {
        // The stream is any odd constant: the seed alone tells two endpoints apart.
        let chance =
            Pcg64::new(u128::from(settings.seed), 0xa02b_dbf7_bb3c_0a7a_c28f_a16a_64ab_f96b);
        Self {
            now: Mono::START,
            locals: LOCALS.map(|(transport, v6)| Local::of(settings, transport, v6)),
            agent: settings.user_agent.clone(),
            awaited: Awaited::default(),
            sent: 0,
            repeated: 0,
            queue: VecDeque::new(),
            pool: Vec::new(),
            timers: BTreeSet::new(),
            chance,
        }
    }

    /// Gives our own address as a peer there is told it.
    pub(super) fn local(&self, hop: Hop) -> &Local {
        let wanted = (hop.transport, hop.address.is_ipv6());
        let place = LOCALS.iter().position(|held| *held == wanted);
        place.and_then(|place| self.locals.get(place)).expect("LOCALS has every pair")
    }

    /// Draws a number nobody can have met before.
    pub(super) fn draw(&mut self) -> u64 {
        self.chance.next_u64()
    }

    /// Moves a timer from the time it had to the time it gets.
    pub(super) fn set_timer(&mut self, due: Due, held: &mut Option<Mono>, at: Option<Mono>) {
        if *held == at {
            return;
        }
        if let Some(old) = *held {
            self.timers.remove(&(old, due));
        }
        if let Some(new) = at {
            self.timers.insert((new, due));
        }
        *held = at;
    }

    /// Tells when the earliest timer is due.
    pub(super) fn next_timer(&self) -> Option<Mono> {
        self.timers.first().map(|(at, _)| *at)
    }

    /// Takes the earliest timer out if it is due; its owner must forget the time it held.
    pub(super) fn pop_timer(&mut self) -> Option<Due> {
        let (at, due) = *self.timers.first()?;
        if at > self.now {
            return None;
        }
        self.timers.pop_first();
        Some(due)
    }

    /// Gives a writer on an empty buffer.
    pub(super) fn writer(&mut self) -> Writer {
        Writer(self.pool.pop().unwrap_or_else(|| Vec::with_capacity(1_024)))
    }

    /// Takes a buffer back.
    pub(super) fn recycle(&mut self, mut buffer: Vec<u8>) {
        if self.pool.len() < POOL_MAX {
            buffer.clear();
            self.pool.push(buffer);
        }
    }

    /// Queues a message.
    pub(super) fn send(&mut self, to: Hop, bytes: Vec<u8>) {
        self.sent += 1;
        self.queue.push_back(Transmit { to, bytes });
    }

    /// Queues a copy of a message.
    pub(super) fn send_copy(&mut self, to: Hop, bytes: &[u8]) {
        let mut writer = self.writer();
        writer.text(bytes);
        self.send(to, writer.0);
    }

    /// Queues a copy of a message sent before.
    pub(super) fn repeat(&mut self, to: Hop, bytes: &[u8]) {
        self.repeated += 1;
        self.send_copy(to, bytes);
    }

    /// Gives the message queued last, if it still waits.
    pub(super) fn latest(&self) -> Option<&[u8]> {
        self.queue.back().map(|transmit| transmit.bytes.as_slice())
    }

    /// Hands out the next message.
    pub(super) fn pop(&mut self) -> Option<Transmit> {
        self.queue.pop_front()
    }
}
