//! The one thread that carries every leg's audio.
//!
//! Bridged legs wake it by a level-triggered poll, one read and one send per packet. All others
//! are read and fed on a clock of 20 ms, half of them every 10 ms: a held agent costs a read and
//! a send per packet time, and no wake. There is no task, waker or allocation per packet.

use std::collections::BTreeMap;
use std::io;
use std::net::UdpSocket;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Receiver;
use std::sync::{Arc, PoisonError};

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use rand_pcg::Pcg32;
use tokio::sync::mpsc;

use super::handle::{Change, Command, Counters, Settings, Shared};
use super::leg::{DATAGRAM_MAX, Heard, Leg, Link, Received};
use super::player::Prompts;
use super::ports::Pair;
use super::world::World;
use super::{Event, Feed};
use crate::engine::clock::Clock;
use crate::units::{LegId, Mono, Span};

/// Legs are dealt to this many ticks, so that each has its own every 20 ms.
const SLOTS: usize = 2;

/// The time between two ticks.
const TICK: Span = Span::millis(10);

/// Every so many packet times a leg is read to the ground; in between once, which saves the read
/// that finds nothing.
const DEEP_EVERY: u64 = 8;

/// Ticks made up for when the thread was held up; what is beyond is passed over. 100 ms of
/// burst is what a phone's jitter buffer takes.
const CATCH_UP_MAX: u64 = 10;

/// Readiness taken at once: a bridging waits for at most so many packets, some 0.2 ms.
const BATCH: usize = 128;

/// Commands done between two polls.
const COMMANDS_AT_ONCE: usize = 256;

/// Beyond so many packets relayed in a tick, 4,000 a second or 40 calls, the thread wakes once a
/// millisecond instead of once a packet: a third of the cost for half a millisecond of delay.
const BUSY: u64 = 40;

/// The longest rest of a busy thread, in the poll's milliseconds.
const REST: u8 = 1;

/// Packets to forget that are read from a leg before the others have their turn: a flood at its
/// port does not fill the room of its far end's packets.
const JUNK_AT_ONCE: usize = 64;

/// Beyond so many packets to forget in one turn of a leg the thread does not rest.
const FLOOD: usize = 8;

/// The poll's word for the queue of commands; sockets have their leg's place and kind.
const WAKE: u64 = u64::MAX;

/// The reactor's state.
#[derive(Debug)]
pub(super) struct Reactor {
    poll: Epoll,
    /// Wakes for commands alone.
    rest: Epoll,
    /// Packets relayed up to the last tick, and whether they came as from a busy floor.
    relayed: u64,
    busy: bool,
    /// Whether a leg is being flooded.
    flooded: bool,
    shared: Arc<Shared>,
    inbox: Receiver<Command>,
    world: World,
    legs: Vec<Option<Box<Leg>>>,
    free: Vec<usize>,
    places: BTreeMap<LegId, usize>,
    buffer: [u8; DATAGRAM_MAX],
    next_tick: Mono,
    /// Ticks done.
    round: u64,
}

impl Reactor {
    pub(super) fn new(
        settings: &Settings,
        clock: Clock,
        inbox: Receiver<Command>,
        shared: Arc<Shared>,
        events: mpsc::Sender<Event>,
    ) -> io::Result<Self> {
        let poll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        let rest = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        for poll in [&poll, &rest] {
            poll.add(&shared.wake, EpollEvent::new(EpollFlags::EPOLLIN, WAKE))?;
        }
        let world = World {
            now: clock.mono(),
            clock,
            events,
            counters: Counters::default(),
            prompts: Prompts::new(),
            random: Pcg32::new(settings.seed, 0),
            silent_after: settings.silent_after,
            report: Vec::new(),
        };
        Ok(Self {
            poll,
            rest,
            relayed: 0,
            busy: false,
            flooded: false,
            shared,
            inbox,
            next_tick: world.now,
            world,
            legs: Vec::new(),
            free: Vec::new(),
            places: BTreeMap::new(),
            buffer: [0; DATAGRAM_MAX],
            round: 0,
        })
    }

    /// Works until the last handle is gone or one says stop.
    pub(super) fn run(mut self) {
        let mut ready = [EpollEvent::empty(); BATCH];
        let mut count = 0;
        while !self.shared.stop.load(Ordering::Acquire) {
            let flooded = std::mem::take(&mut self.flooded);
            if self.busy && !flooded && count < BATCH / 2 {
                self.rest.wait(&mut ready, REST).ok();
            }
            count = self.poll.wait(&mut ready, self.timeout()).unwrap_or(0);
            self.world.now = self.world.clock.mono();
            let mut commands = false;
            for event in ready.iter().take(count) {
                match event.data() {
                    WAKE => commands = true,
                    word => self.readable(word),
                }
            }
            // After the sockets: no readiness in the batch can outlive its leg.
            if commands {
                self.commands();
            }
            self.ticks();
        }
        for leg in self.places.keys().copied().collect::<Vec<_>>() {
            self.close(leg);
        }
        self.publish();
    }

    /// Gives the time to the next tick, rounded up to the poll's milliseconds.
    fn timeout(&self) -> EpollTimeout {
        if self.places.is_empty() {
            return EpollTimeout::NONE;
        }
        let left = self.next_tick.since(self.world.clock.mono());
        EpollTimeout::from(u8::try_from(left.as_micros().div_ceil(1_000)).unwrap_or(u8::MAX))
    }

    fn readable(&mut self, word: u64) {
        let place = usize::try_from(word >> 1).unwrap_or(usize::MAX);
        let Some(leg) = at(&mut self.legs, place) else { return };
        if word & 1 == 1 {
            return leg.receive_report(&mut self.buffer, &mut self.world);
        }
        for junk in 0..JUNK_AT_ONCE {
            self.flooded |= junk >= FLOOD;
            match leg.receive(&mut self.buffer, &mut self.world) {
                Received::Dropped => {}
                Received::Empty => return,
                Received::Packet(length, heard) => {
                    if let Some(link) = leg.link {
                        self.pass(place, link.peer, length, heard);
                    }
                    return;
                }
            }
        }
    }

    /// Passes the packet in the buffer on to the other leg of a bridge.
    fn pass(&mut self, from: usize, to: usize, length: usize, heard: Heard) {
        let Some(leg) = at(&mut self.legs, to) else { return };
        if !leg.relay(&mut self.buffer, length, heard, &mut self.world) {
            return;
        }
        let (id, link) = (leg.id, leg.link);
        let Some(other) = at(&mut self.legs, from) else { return };
        if other.link.is_some_and(|link| link.relayed.is_some()) {
            let (left, right) = match link {
                Some(Link { left: true, .. }) => (id, other.id),
                _ => (other.id, id),
            };
            let at = self.world.clock.mono();
            self.world.tell(Event::TwoWay { left, right, at });
        }
    }

    /// Does the ticks that are due.
    fn ticks(&mut self) {
        if self.places.is_empty() || self.world.now < self.next_tick {
            return;
        }
        let late = self.world.now.since(self.next_tick).as_micros() / TICK.as_micros();
        if late > CATCH_UP_MAX {
            self.world.counters.skipped += late / SLOTS as u64;
            self.next_tick = self.world.now;
        }
        while self.next_tick <= self.world.now {
            let slot = usize::try_from(self.round).unwrap_or(0) % SLOTS;
            let deep = (self.round / SLOTS as u64).is_multiple_of(DEEP_EVERY);
            for leg in self.legs.iter_mut().skip(slot).step_by(SLOTS).flatten() {
                leg.tick(deep, &mut self.buffer, &mut self.world);
            }
            self.round += 1;
            self.next_tick = self.next_tick + TICK;
        }
        let relayed = self.world.counters.relayed;
        self.busy = relayed - self.relayed > BUSY;
        self.relayed = relayed;
        self.publish();
    }

    /// Lets others read the counters.
    fn publish(&mut self) {
        self.world.counters.legs = self.places.len() as u64;
        *self.shared.counters.lock().unwrap_or_else(PoisonError::into_inner) = self.world.counters;
    }

    fn commands(&mut self) {
        // The count read does not matter, and an empty one was read already.
        self.shared.wake.read().ok();
        for _ in 0..COMMANDS_AT_ONCE {
            let Ok(command) = self.inbox.try_recv() else {
                return self.publish();
            };
            self.perform(command);
        }
        // More may wait: look again after the sockets.
        self.shared.wake.write(1).ok();
        self.publish();
    }

    fn perform(&mut self, command: Command) {
        match command {
            Command::AddPrompt(clip) => self.world.prompts.push(clip),
            Command::Open(leg, pair) => self.open(leg, pair),
            Command::Close(leg) => self.close(leg),
            Command::Bridge(left, right) => self.bridge(left, right),
            Command::Unbridge(leg) => {
                if let Some(place) = self.place(leg) {
                    self.part(place);
                }
            }
            Command::Change(leg, change) => self.change(leg, change),
        }
    }

    fn change(&mut self, leg: LegId, change: Change) {
        let Some(place) = self.place(leg) else { return };
        let Some(leg) = at(&mut self.legs, place) else { return };
        match change {
            Change::Connect(remote) => leg.connect(remote, &self.world),
            Change::Join(browser) => leg.join(browser),
            Change::Feed(feed) => {
                // What is measured is read when it comes, not at the next tick.
                if feed == Feed::Soundings && leg.link.is_none() {
                    listen(&self.poll, &leg.pair.rtp, place, false);
                }
                leg.feed(feed);
            }
            Change::Press(keys) => leg.press(&keys, &mut self.world),
        }
    }

    /// Finds a leg, or counts that it is not open.
    fn place(&mut self, leg: LegId) -> Option<usize> {
        let place = self.places.get(&leg).copied();
        self.world.counters.unknown_legs += u64::from(place.is_none());
        place
    }

    fn open(&mut self, id: LegId, pair: Pair) {
        if self.places.contains_key(&id) {
            self.close(id);
        }
        if self.places.is_empty() {
            self.next_tick = self.world.now + TICK;
        }
        let place = self.free.pop().unwrap_or_else(|| {
            self.legs.push(None);
            self.legs.len() - 1
        });
        listen(&self.poll, &pair.rtcp, place, true);
        let leg = Leg::new(id, pair, &mut self.world);
        if let Some(room) = self.legs.get_mut(place) {
            *room = Some(Box::new(leg));
        }
        self.places.insert(id, place);
    }

    fn close(&mut self, id: LegId) {
        let Some(place) = self.place(id) else { return };
        self.part(place);
        self.places.remove(&id);
        self.free.push(place);
        if let Some(leg) = self.legs.get_mut(place).and_then(Option::take) {
            let quality = leg.close(&mut self.world);
            self.world.tell(Event::Closed(id, quality));
        }
    }

    /// Joins two legs and passes on at once the newest packet each side has.
    fn bridge(&mut self, left: LegId, right: LegId) {
        let (Some(left), Some(right)) = (self.place(left), self.place(right)) else { return };
        if left == right {
            return;
        }
        self.part(left);
        self.part(right);
        for (place, peer) in [(left, right), (right, left)] {
            if let Some(leg) = at(&mut self.legs, place) {
                leg.drain(true, &mut self.buffer, &mut self.world);
                leg.link = Some(Link { peer, left: place == left, relayed: None });
                listen(&self.poll, &leg.pair.rtp, place, false);
            }
        }
        for (place, peer) in [(left, right), (right, left)] {
            let newest = at(&mut self.legs, place)
                .and_then(|leg| leg.newest(&mut self.buffer, self.world.now));
            if let Some((length, heard)) = newest {
                self.pass(place, peer, length, heard);
            }
        }
    }

    /// Takes a leg and its partner apart; both go back to the 20 ms clock.
    fn part(&mut self, place: usize) {
        let Some(link) = at(&mut self.legs, place).and_then(|leg| leg.link) else { return };
        for place in [place, link.peer] {
            if let Some(leg) = at(&mut self.legs, place) {
                leg.link = None;
                if let Err(error) = self.poll.delete(&leg.pair.rtp) {
                    tracing::error!(%error, "a leg stays in the poll");
                }
            }
        }
    }
}

fn at(legs: &mut [Option<Box<Leg>>], place: usize) -> Option<&mut Leg> {
    legs.get_mut(place)?.as_deref_mut()
}

fn listen(poll: &Epoll, socket: &UdpSocket, place: usize, rtcp: bool) {
    let word = (place as u64) << 1 | u64::from(rtcp);
    if let Err(error) = poll.add(socket, EpollEvent::new(EpollFlags::EPOLLIN, word)) {
        tracing::error!(%error, "a leg is deaf: the system takes no more sockets in a poll");
    }
}
