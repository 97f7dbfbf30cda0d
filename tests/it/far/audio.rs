//! The audio of a far end: every call speaks each 20 ms, and each packet tells when it left.

use std::collections::BTreeMap;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use cadran::engine::clock::Clock;
use cadran::engine::tasks::Tasks;
use cadran::units::{LegId, Mono, Span};
use cadran::wire::rtp::{self, Stamp};
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags};
use rand_core::Rng as _;
use rand_pcg::Pcg64;

use super::Weather;

/// The time between two packets of a call.
const PACKET_TIME: Span = Span::millis(20);
/// Calls speak in so many groups, one after the other: one each millisecond.
const GROUPS: u64 = 20;
/// What a packet that tells its time begins with.
const MARK: u32 = 0x7E57_F10D;

/// What the calls of a far end heard.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    /// Packets said.
    pub(crate) said: u64,
    /// How long each packet of another call was on its way, in microseconds.
    pub(crate) delays: Vec<u32>,
}

pub(super) enum Order {
    Open(LegId, UdpSocket, SocketAddr),
    Close(LegId),
}

/// The way to the thread.
pub(super) struct Sound(SyncSender<Order>);

impl Sound {
    pub(super) fn start(
        clock: Clock,
        weather: Weather,
        seed: u64,
        stop: Arc<AtomicBool>,
    ) -> io::Result<(Self, Arc<Mutex<Heard>>, JoinHandle<()>)> {
        // A thousand calls that are answered at once.
        let (orders, inbox) = sync_channel(1_024);
        let heard = Arc::new(Mutex::new(Heard::default()));
        let voices = Voices {
            clock,
            lost: weather.audio_lost,
            chance: Pcg64::new(seed.into(), 5),
            poll: Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?,
            voices: BTreeMap::new(),
            heard: Arc::clone(&heard),
        };
        let thread = Tasks::thread("far audio", move || voices.run(&inbox, &stop))?;
        Ok((Self(orders), heard, thread))
    }

    pub(super) fn tell(&self, order: Order) {
        // The thread has ended only where the test has.
        drop(self.0.send(order));
    }
}

struct Voice {
    socket: UdpSocket,
    to: SocketAddr,
    sequence: u16,
}

struct Voices {
    clock: Clock,
    lost: u64,
    chance: Pcg64,
    poll: Epoll,
    voices: BTreeMap<u64, Voice>,
    heard: Arc<Mutex<Heard>>,
}

impl Voices {
    fn run(mut self, inbox: &Receiver<Order>, stop: &AtomicBool) {
        let (began, mut group) = (self.clock.mono(), 0);
        let mut ready = [EpollEvent::empty(); 64];
        while !stop.load(Ordering::Acquire) {
            while let Ok(order) = inbox.try_recv() {
                self.obey(order);
            }
            let count = self.poll.wait(&mut ready, 1u8).unwrap_or(0);
            for event in ready.iter().take(count) {
                self.hear(event.data());
            }
            let passed = self.clock.mono().since(began).as_micros();
            while group * PACKET_TIME.as_micros() / GROUPS <= passed {
                self.say(group % GROUPS);
                group += 1;
            }
        }
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Open(leg, socket, to) => {
                socket.set_nonblocking(true).expect("a socket can be made not to wait");
                let wanted = EpollEvent::new(EpollFlags::EPOLLIN, leg.0);
                self.poll.add(&socket, wanted).expect("the poll has room");
                self.voices.insert(leg.0, Voice { socket, to, sequence: 0 });
            }
            // The poll forgets a socket that is closed.
            Order::Close(leg) => drop(self.voices.remove(&leg.0)),
        }
    }

    fn is_lost(&mut self) -> bool {
        self.chance.next_u64() % 1_000 < self.lost
    }

    fn say(&mut self, group: u64) {
        let now = self.clock.mono();
        let mut said = 0;
        let mut drawn = Vec::new();
        for id in self.voices.keys().filter(|id| **id % GROUPS == group) {
            drawn.push(*id);
        }
        for id in drawn {
            let lost = self.is_lost();
            let Some(voice) = self.voices.get_mut(&id) else { continue };
            voice.sequence = voice.sequence.wrapping_add(1);
            let timestamp = u32::from(voice.sequence).wrapping_mul(rtp::FRAME);
            let ssrc = u32::try_from(id & 0xFFFF).unwrap_or_default();
            let stamp = Stamp { marker: false, sequence: voice.sequence, timestamp, ssrc };
            let mut packet = rtp::header(stamp, 8).to_vec();
            packet.extend(MARK.to_be_bytes());
            packet.extend(now.as_micros().to_be_bytes());
            packet.resize(172, 0x55);
            if !lost {
                // A full buffer is a lost packet, too.
                drop(voice.socket.send_to(&packet, voice.to));
            }
            said += 1;
        }
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).said += said;
    }

    fn hear(&mut self, id: u64) {
        let mut packet = [0; 1_500];
        let received = self.voices.get(&id).map(|voice| voice.socket.recv_from(&mut packet));
        let Some(Ok((length, _))) = received else { return };
        let now = self.clock.mono();
        let left = packet.get(..length).and_then(left_at).filter(|_| !self.is_lost());
        if let Some(left) = left {
            let delay = u32::try_from(now.since(left).as_micros()).unwrap_or(u32::MAX);
            self.heard.lock().unwrap_or_else(PoisonError::into_inner).delays.push(delay);
        }
    }
}

/// Reads when a packet of a far end left.
fn left_at(packet: &[u8]) -> Option<Mono> {
    let header = rtp::read(packet).ok()?;
    let payload = packet.get(header.start..header.end)?;
    let (mark, rest) = payload.split_first_chunk()?;
    let (micros, _) = rest.split_first_chunk()?;
    (*mark == MARK.to_be_bytes()).then(|| Mono::micros(u64::from_be_bytes(*micros)))
}
