//! What every machine of the stack needs at hand: the time, the timers, chance, and the datagrams
//! that wait to be sent.

use std::collections::{BTreeSet, VecDeque};
use std::net::SocketAddr;

use rand_core::Rng as _;
use rand_pcg::Pcg64;

use super::event::Transmit;
use super::slab::Key;
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

/// See the module.
#[derive(Debug)]
pub(super) struct Net {
    pub(super) now: Mono,
    /// Our address, as Via and Contact write it.
    pub(super) local: String,
    /// The product's name, as User-Agent and Server write it.
    pub(super) agent: String,
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
    pub(super) fn new(local: SocketAddr, agent: String, seed: u64) -> Self {
        // The stream is any odd constant: the seed alone tells two endpoints apart.
        let chance = Pcg64::new(u128::from(seed), 0xa02b_dbf7_bb3c_0a7a_c28f_a16a_64ab_f96b);
        Self {
            now: Mono::START,
            local: local.to_string(),
            agent,
            sent: 0,
            repeated: 0,
            queue: VecDeque::new(),
            pool: Vec::new(),
            timers: BTreeSet::new(),
            chance,
        }
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
    pub(super) fn send(&mut self, to: SocketAddr, bytes: Vec<u8>) {
        self.sent += 1;
        self.queue.push_back(Transmit { to, bytes });
    }

    /// Queues a copy of a message.
    pub(super) fn send_copy(&mut self, to: SocketAddr, bytes: &[u8]) {
        let mut writer = self.writer();
        writer.text(bytes);
        self.send(to, writer.0);
    }

    /// Queues a copy of a message sent before.
    pub(super) fn repeat(&mut self, to: SocketAddr, bytes: &[u8]) {
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
