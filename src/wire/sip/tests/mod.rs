//! Endpoints that talk to each other, and to scripted peers, in virtual time.

mod calls;
mod changes;
mod faults;
mod forks;
mod logins;
mod peers;
mod phones;
mod register;
mod reliable;
mod stage;
mod stale;
mod strangers;
mod streams;
mod timers;
mod transfers;
mod ways;
mod witness;

use std::collections::BTreeMap;
use std::net::SocketAddr;

use rand_core::Rng as _;
use rand_pcg::Pcg64;

use super::*;
use crate::units::{AgentId, LegId, Mono, Span, TrunkId};

/// The dialer's place in a [`World`].
const DIALER: usize = 0;
/// The carrier's place.
const CARRIER: usize = 1;
const LEG: LegId = LegId(1);
const OFFER: &[u8] = b"v=0\r\nm=audio 40000 RTP/AVP 8\r\n";
/// What our BYE and CANCEL give as their reason.
const CLEARED: &str = "Q.850;cause=16;text=\"Normal call clearing\"";
const ANSWER: &[u8] = b"v=0\r\nm=audio 20000 RTP/AVP 8\r\n";

/// What the network does to datagrams, in per mille.
#[derive(Clone, Copy, Default)]
struct Faults {
    lost: u64,
    doubled: u64,
    /// Datagrams take up to so many milliseconds longer, and so overtake each other.
    late: u64,
}

/// Endpoints, the datagrams between them, and what they reported.
struct World {
    now: Mono,
    ends: Vec<(SocketAddr, Endpoint)>,
    flight: BTreeMap<(Mono, u64), (Hop, SocketAddr, Vec<u8>)>,
    launched: u64,
    faults: Faults,
    chance: Pcg64,
    /// Every message handed to the network: when, from, to, text.
    trace: Vec<(Mono, SocketAddr, SocketAddr, String)>,
    /// Events nobody has taken yet.
    events: Vec<(usize, Event)>,
}

fn address(text: &str) -> SocketAddr {
    text.parse().expect("the tests' addresses are well formed")
}

fn settings(local: &str, seed: u64, open: bool) -> Settings {
    Settings {
        local: address(local),
        others: Vec::new(),
        user_agent: "cadran".to_owned(),
        seed,
        realm: "cadran.test".to_owned(),
        open,
    }
}

fn trunk() -> Trunk {
    Trunk::new(TrunkId(1), address("127.0.0.10:5070"))
}

fn call() -> Invite {
    Invite {
        target: Target::Trunk(TrunkId(1), "+33199001234".to_owned()),
        from: Some("+33199005678".to_owned()),
        offer: OFFER.to_vec(),
        call_ref: None,
    }
}

impl World {
    /// A dialer with one trunk, and the carrier at its other end.
    fn new(seed: u64, faults: Faults) -> Self {
        let mut dialer = Endpoint::new(settings("127.0.0.1:5060", seed, false));
        dialer.set_trunk(trunk());
        let carrier = Endpoint::new(settings("127.0.0.10:5070", seed ^ 1, true));
        Self {
            now: Mono::START,
            ends: vec![(address("127.0.0.1:5060"), dialer), (address("127.0.0.10:5070"), carrier)],
            flight: BTreeMap::new(),
            launched: 0,
            faults,
            chance: Pcg64::new(seed.into(), 1),
            trace: Vec::new(),
            events: Vec::new(),
        }
    }

    fn dialer(&mut self) -> &mut Endpoint {
        &mut self.ends[DIALER].1
    }

    fn carrier(&mut self) -> &mut Endpoint {
        &mut self.ends[CARRIER].1
    }

    /// Puts what the endpoints want to send onto the network and gathers their events.
    fn drain(&mut self) {
        for place in 0..self.ends.len() {
            let (from, end) = &mut self.ends[place];
            let from = *from;
            let mut sent = Vec::new();
            while let Some(transmit) = end.poll_transmit() {
                sent.push((transmit.to, transmit.bytes.clone()));
                end.recycle(transmit.bytes);
            }
            while let Some(event) = end.poll_event() {
                self.events.push((place, event));
            }
            for (to, bytes) in sent {
                self.launch(from, to, bytes);
            }
        }
    }

    fn launch(&mut self, from: SocketAddr, to: Hop, bytes: Vec<u8>) {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        self.trace.push((self.now, from, to.address, text));
        let (hop, to) = (Hop { address: from, trunk: None, ..to }, to.address);
        if hop.transport.is_reliable() {
            self.launched += 1;
            self.flight.insert((self.now + Span::millis(10), self.launched), (hop, to, bytes));
            return;
        }
        if self.chance.next_u64() % 1_000 < self.faults.lost {
            return;
        }
        let copies = 1 + u64::from(self.chance.next_u64() % 1_000 < self.faults.doubled);
        for _ in 0..copies {
            let late = self.chance.next_u64() % (self.faults.late + 1);
            self.launched += 1;
            let at = self.now + Span::millis(10 + late);
            self.flight.insert((at, self.launched), (hop, to, bytes.clone()));
        }
    }

    /// Advances to the next arrival or timer not after `limit`; false if there is none.
    fn step(&mut self, limit: Mono) -> bool {
        self.drain();
        let arrival = self.flight.keys().next().map(|(at, _)| *at);
        let timer = self.ends.iter().filter_map(|(_, end)| end.next_timeout()).min();
        let Some(next) = [arrival, timer].into_iter().flatten().min().filter(|at| *at <= limit)
        else {
            self.now = limit;
            return false;
        };
        self.now = self.now.max(next);
        if arrival == Some(next) {
            let (_, (from, to, bytes)) = self.flight.pop_first().expect("an arrival was seen");
            if let Some((_, end)) = self.ends.iter_mut().find(|(at, _)| *at == to) {
                end.receive(self.now, from, &bytes);
            }
        } else {
            for (_, end) in &mut self.ends {
                end.handle_timeout(self.now);
            }
        }
        self.drain();
        true
    }

    /// Runs for a while.
    fn run(&mut self, span: Span) {
        let limit = self.now + span;
        while self.step(limit) {}
    }

    /// A dialer whose trunk is as told, and the carrier at its other end.
    fn over(trunk: Trunk) -> Self {
        let mut world = Self::new(77, Faults::default());
        world.dialer().set_trunk(trunk);
        world
    }

    /// Runs until an end reports something that fits, and gives it; events before it are lost.
    fn wait<T>(&mut self, place: usize, fits: impl Fn(&Event) -> Option<T>) -> T {
        let limit = self.now + Span::secs(120);
        loop {
            self.drain();
            let found =
                self.events.iter().position(|(at, event)| *at == place && fits(event).is_some());
            if let Some(found) = found {
                let (_, event) = self.events.remove(found);
                return fits(&event).expect("it fitted just now");
            }
            assert!(self.step(limit), "the awaited event never came; seen: {:?}", self.events);
        }
    }

    /// Takes everything an end reported.
    fn reported(&mut self, place: usize) -> Vec<Event> {
        self.drain();
        let (taken, kept) =
            core::mem::take(&mut self.events).into_iter().partition(|(at, _)| *at == place);
        self.events = kept;
        taken.into_iter().map(|(_, event)| event).collect()
    }

    /// Gives every message sent by an end whose start line begins so.
    fn sent(&self, place: usize, start: &str) -> Vec<String> {
        let from = self.ends[place].0;
        let sent = self.trace.iter().filter(|(_, at, _, _)| *at == from);
        let texts = sent.map(|(_, _, _, text)| text);
        texts.filter(|text| text.starts_with(start)).cloned().collect()
    }

    /// Places the usual call and gives the carrier's leg.
    fn dial(&mut self) -> LegId {
        let now = self.now;
        self.dialer().invite(now, LEG, call()).expect("the trunk is known");
        self.wait(CARRIER, |event| {
            if let Event::Incoming(incoming) = event { Some(incoming.leg) } else { None }
        })
    }

    /// Places the usual call and has it answered; gives the carrier's leg.
    fn talk(&mut self) -> LegId {
        let theirs = self.dial();
        let now = self.now;
        self.carrier().accept(now, theirs, ANSWER.to_vec()).expect("it rings");
        self.wait(DIALER, |event| matches!(event, Event::Answered(LEG, _)).then_some(()));
        self.wait(CARRIER, |event| matches!(event, Event::Acked(..)).then_some(()));
        theirs
    }
}

/// Gives a header's value out of a message's text.
fn header<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let head = text.split("\r\n\r\n").next()?;
    head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

fn branch(text: &str) -> Option<&str> {
    let via = header(text, "Via")?;
    via.split(";branch=").nth(1)?.split(';').next()
}
