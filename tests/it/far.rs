//! A far end of the tests' own, on threads of its own: a SIP endpoint that does as the called
//! number says, and a socket with audio for each call, behind weather: what comes and goes is lost,
//! doubled and late by a seed.

mod audio;

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use cadran::engine::clock::Clock;
use cadran::engine::tasks::Tasks;
use cadran::units::{LegId, Mono, Span};
use cadran::wire::sdp::{self, Local, Origin};
use cadran::wire::sip::{Endpoint, Event, Settings};
use rand_core::Rng as _;
use rand_pcg::Pcg64;

pub(super) use audio::Heard;
use audio::{Order, Sound};

/// What becomes of datagrams, each in so many of a thousand cases.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Weather {
    /// Of the signalling, lost.
    pub(super) lost: u64,
    /// Of the signalling, doubled.
    pub(super) doubled: u64,
    /// Of the signalling, up to a fifth of a second late, and so overtaken.
    pub(super) late: u64,
    /// Of the audio, lost.
    pub(super) audio_lost: u64,
}

impl Weather {
    /// Tells when the copies of a datagram arrive.
    fn arrivals(self, now: Mono, chance: &mut Pcg64) -> Vec<Mono> {
        let mut drawn = |of: u64| chance.next_u64() % 1_000 < of;
        let copies = if drawn(self.lost) { 0 } else { 1 + usize::from(drawn(self.doubled)) };
        let late: Vec<_> = (0..copies).map(|_| drawn(self.late)).collect();
        let mut arrives = |late| {
            let wait = if late { chance.next_u64() % 200 } else { 0 };
            now + Span::millis(wait)
        };
        late.into_iter().map(&mut arrives).collect()
    }
}

/// What the called side of a number does.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan {
    /// When it decides.
    pub(super) after: Span,
    /// Whether it answers; is busy, 486 (`Some(false)`); or is not there, 480 (`None`).
    pub(super) answers: Option<bool>,
    /// How long it talks before it hangs up by itself.
    pub(super) talks: Option<Span>,
}

/// What became of a call, as the far end saw it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) answered: bool,
    pub(super) acknowledged: bool,
    /// How often it ended; once is right.
    pub(super) ends: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Act {
    Decide,
    HangUp,
}

/// The way to a running far end, which ends when this is dropped.
pub(super) struct FarEnd {
    pub(super) addr: SocketAddr,
    stop: Arc<AtomicBool>,
    seen: Arc<Mutex<BTreeMap<String, Seen>>>,
    heard: Arc<Mutex<Heard>>,
    threads: Vec<JoinHandle<()>>,
}

impl Drop for FarEnd {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        for thread in self.threads.drain(..) {
            // A thread that failed has said so already.
            drop(thread.join());
        }
    }
}

impl FarEnd {
    pub(super) fn start(
        clock: Clock,
        weather: Weather,
        plan: fn(&str) -> Plan,
        seed: u64,
    ) -> Result<Self, Box<dyn Error>> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        let addr = socket.local_addr()?;
        let stop = Arc::new(AtomicBool::new(false));
        let (sound, heard, speaking) = Sound::start(clock, weather, seed, Arc::clone(&stop))?;
        let seen = Arc::new(Mutex::new(BTreeMap::new()));
        let endpoint = Endpoint::new(Settings {
            local: addr,
            others: Vec::new(),
            user_agent: "far".to_owned(),
            seed,
            realm: "far.test".to_owned(),
            open: true,
        });
        let exchange = Exchange {
            socket,
            endpoint,
            clock,
            weather,
            plan,
            sound,
            chance: Pcg64::new(seed.into(), 3),
            flight: BTreeMap::new(),
            launched: 0,
            calls: BTreeMap::new(),
            acts: BTreeSet::new(),
            seen: Arc::clone(&seen),
        };
        let stopped = Arc::clone(&stop);
        let ringing = Tasks::thread("far", move || exchange.run(&stopped))?;
        Ok(Self { addr, stop, seen, heard, threads: vec![ringing, speaking] })
    }

    /// Gives what became of every call so far, by the number called.
    pub(super) fn seen(&self) -> BTreeMap<String, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes what was heard since the last time.
    pub(super) fn heard(&self) -> Heard {
        std::mem::take(&mut *self.heard.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A call at the far end.
struct Call {
    number: String,
    offer: Vec<u8>,
}

/// A datagram on its way.
struct Parcel {
    inward: bool,
    peer: SocketAddr,
    bytes: Vec<u8>,
}

/// The thread of the signalling.
struct Exchange {
    socket: UdpSocket,
    endpoint: Endpoint,
    clock: Clock,
    weather: Weather,
    plan: fn(&str) -> Plan,
    sound: Sound,
    chance: Pcg64,
    flight: BTreeMap<(Mono, u64), Parcel>,
    launched: u64,
    calls: BTreeMap<LegId, Call>,
    acts: BTreeSet<(Mono, LegId, Act)>,
    seen: Arc<Mutex<BTreeMap<String, Seen>>>,
}

impl Exchange {
    fn run(mut self, stop: &AtomicBool) {
        let mut buffer = vec![0; 65_535];
        while !stop.load(Ordering::Acquire) {
            let pause = self.pause();
            self.socket.set_read_timeout(Some(pause)).expect("the pause is not zero");
            if let Ok((length, peer)) = self.socket.recv_from(&mut buffer) {
                let bytes = buffer.get(..length).unwrap_or_default().to_vec();
                self.launch(Parcel { inward: true, peer, bytes });
            }
            self.deliver();
            self.act();
            let now = self.clock.mono();
            if self.endpoint.next_timeout().is_some_and(|due| due <= now) {
                self.endpoint.handle_timeout(now);
            }
            while let Some(event) = self.endpoint.poll_event() {
                self.told(event);
            }
            while let Some(sent) = self.endpoint.poll_transmit() {
                self.launch(Parcel { inward: false, peer: sent.to.address, bytes: sent.bytes });
            }
            self.deliver();
        }
    }

    /// Tells how long nothing is due, between 1 and 10 ms.
    fn pause(&self) -> Duration {
        let flight = self.flight.keys().next().map(|(at, _)| *at);
        let act = self.acts.first().map(|(at, _, _)| *at);
        let due = [flight, act, self.endpoint.next_timeout()].into_iter().flatten().min();
        let left = due.map_or(Span::MAX, |due| due.since(self.clock.mono()));
        Duration::from_micros(left.as_micros().clamp(1_000, 10_000))
    }

    fn launch(&mut self, parcel: Parcel) {
        let arrivals = self.weather.arrivals(self.clock.mono(), &mut self.chance);
        for at in arrivals {
            self.launched += 1;
            let Parcel { inward, peer, ref bytes } = parcel;
            let copy = Parcel { inward, peer, bytes: bytes.clone() };
            self.flight.insert((at, self.launched), copy);
        }
    }

    fn deliver(&mut self) {
        let now = self.clock.mono();
        while let Some(entry) = self.flight.first_entry().filter(|entry| entry.key().0 <= now) {
            let Parcel { inward, peer, bytes } = entry.remove();
            if inward {
                self.endpoint.receive(now, peer, &bytes);
            } else {
                // What the system refuses is lost, as in any weather.
                drop(self.socket.send_to(&bytes, peer));
            }
        }
    }

    fn act(&mut self) {
        let now = self.clock.mono();
        while let Some((at, leg, act)) = self.acts.first().copied().filter(|it| it.0 <= now) {
            self.acts.remove(&(at, leg, act));
            let Some(call) = self.calls.get(&leg) else { continue };
            let plan = (self.plan)(&call.number);
            match (act, plan.answers) {
                (Act::Decide, Some(true)) => self.answer(leg, plan),
                (Act::Decide, Some(false)) => drop(self.endpoint.reject(now, leg, 486, &[])),
                (Act::Decide, None) => drop(self.endpoint.reject(now, leg, 480, &[])),
                (Act::HangUp, _) => drop(self.endpoint.hang_up(now, leg)),
            }
        }
    }

    fn answer(&mut self, leg: LegId, plan: Plan) {
        let Some(call) = self.calls.get(&leg) else { return };
        let rtp = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has a free port");
        let at = rtp.local_addr().expect("the socket is bound");
        let answered = sdp::answer(&call.offer, Local { rtp: at, rtcp: at }, Origin::new(leg.0));
        let (answer, remote) = answered.expect("our own offers can be answered");
        let now = self.clock.mono();
        if self.endpoint.accept(now, leg, answer).is_ok() {
            note(&self.seen, &call.number, |seen| seen.answered = true);
            self.sound.tell(Order::Open(leg, rtp, remote.rtp));
            self.acts.extend(plan.talks.map(|talks| (now + talks, leg, Act::HangUp)));
        }
    }

    fn told(&mut self, event: Event) {
        let ended = match event {
            Event::Incoming(incoming) => {
                let (leg, number) = (incoming.leg, incoming.to);
                let now = self.clock.mono();
                self.endpoint.ring(now, leg).expect("it came just now");
                let after = (self.plan)(&number).after;
                self.acts.insert((now + after, leg, Act::Decide));
                note(&self.seen, &number, |_| {});
                let offer = incoming.offer.unwrap_or_default();
                self.calls.insert(leg, Call { number, offer });
                return;
            }
            Event::Acked(leg, _) => {
                if let Some(call) = self.calls.get(&leg) {
                    note(&self.seen, &call.number, |seen| seen.acknowledged = true);
                }
                return;
            }
            Event::Failed { leg, .. } | Event::Ended { leg, .. } | Event::Gone(leg) => leg,
            Event::Ringing(_)
            | Event::Progress(..)
            | Event::Answered(..)
            | Event::Dialog(..)
            | Event::Offer(..)
            | Event::Reoffered(..)
            | Event::Transferred { .. }
            | Event::TransferWanted(..)
            | Event::Digit(..)
            | Event::Phone(..)
            | Event::Bound(..)
            | Event::Options(..)
            | Event::Registered(..) => return,
        };
        if let Some(call) = self.calls.remove(&ended) {
            note(&self.seen, &call.number, |seen| seen.ends += 1);
        }
        self.sound.tell(Order::Close(ended));
    }
}

fn note(seen: &Mutex<BTreeMap<String, Seen>>, number: &str, change: impl FnOnce(&mut Seen)) {
    let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
    change(seen.entry(number.to_owned()).or_default());
}
