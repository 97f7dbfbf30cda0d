//! The audio of all calls of one test endpoint: a single thread sends and hears RTP.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::eventfd::{EfdFlags, EventFd};

use super::ear::{Ear, Heard};
use super::mark::{Mark, Speaker};
use super::voice::{FRAME, Voice};
use crate::engine::clock::Clock;
use crate::engine::tasks::Tasks;
use crate::units::{Mono, Span};
use crate::wire::sdp::Remote;

/// Orders that may wait for the audio thread: more than ten thousand calls could start at once.
const ORDERS_MAX: usize = 16_384;
/// The longest datagram looked at: G.711 packets of 60 ms are 492 bytes long.
const DATAGRAM_MAX: usize = 1_500;
/// Readiness notes taken from the system at a time.
const NOTES_MAX: usize = 256;
/// One packet's time (RFC 3551 §4.2 recommends 20 ms).
const PACE: Span = Span::millis(20);
/// The samples in it, which an RTP timestamp counts.
const SAMPLES: u32 = 160;
/// How late a packet may be before the stream gives up its old rhythm.
const BEHIND_MAX: Span = Span::millis(200);
/// The length of an RTP header without contributors (RFC 3550 §5.1).
const HEADER: usize = 12;
/// The number under which the waker is known to the system's readiness list.
const WAKER: u64 = u64::MAX;

/// What the thread is asked.
enum Order {
    Open(u64, UdpSocket, Arc<Mutex<Ear>>),
    Play(u64, Remote, Playing),
    Mute(u64),
    Close(u64),
}

/// What a stream says, and whose mark it bears.
struct Playing {
    voice: Voice,
    speaker: Speaker,
}

/// The door to the audio thread. The thread ends when every door and stream is gone.
#[derive(Clone, Debug)]
pub(crate) struct Audio {
    orders: SyncSender<Order>,
    waker: Arc<EventFd>,
    address: IpAddr,
    /// One address takes every call's RTCP and reads none of it (RFC 3605 lets us say so).
    rtcp: Arc<UdpSocket>,
}

impl Audio {
    /// Starts the thread; its sockets are opened on `address`.
    pub(crate) fn start(name: &str, address: IpAddr, clock: Clock) -> io::Result<Self> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        let waker = Arc::new(EventFd::from_flags(EfdFlags::EFD_NONBLOCK | EfdFlags::EFD_CLOEXEC)?);
        epoll.add(&*waker, EpollEvent::new(EpollFlags::EPOLLIN, WAKER))?;
        let (orders, inbox) = sync_channel(ORDERS_MAX);
        let heart = Arc::clone(&waker);
        Tasks::thread(name, move || Mouths::new(epoll, heart, inbox, clock).run())?;
        let rtcp = Arc::new(UdpSocket::bind((address, 0))?);
        Ok(Self { orders, waker, address, rtcp })
    }

    /// Opens a port and begins to listen there.
    pub(crate) fn open(&self, id: u64) -> io::Result<Stream> {
        let socket = UdpSocket::bind((self.address, 0))?;
        socket.set_nonblocking(true)?;
        let rtp = socket.local_addr()?;
        let ear = Arc::new(Mutex::new(Ear::default()));
        self.send(Order::Open(id, socket, Arc::clone(&ear)))?;
        Ok(Stream { id, rtp, ear, audio: self.clone() })
    }

    pub(crate) fn rtcp(&self) -> io::Result<SocketAddr> {
        self.rtcp.local_addr()
    }

    fn send(&self, order: Order) -> io::Result<()> {
        self.orders
            .try_send(order)
            .map_err(|_| io::Error::other("the audio thread has fallen behind or ended"))?;
        self.waker.write(1).map(|_| ()).map_err(io::Error::from)
    }
}

/// One call's audio; it ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Stream {
    id: u64,
    rtp: SocketAddr,
    ear: Arc<Mutex<Ear>>,
    audio: Audio,
}

impl Stream {
    /// Gives the address it listens at.
    pub(crate) const fn rtp(&self) -> SocketAddr {
        self.rtp
    }

    /// Begins to speak, or goes on speaking to another address.
    pub(crate) fn play(&self, remote: Remote, voice: &Voice, speaker: Speaker) -> io::Result<()> {
        if remote.send && !remote.rtp.ip().is_unspecified() {
            let playing = Playing { voice: voice.clone(), speaker };
            self.audio.send(Order::Play(self.id, remote, playing))
        } else {
            self.audio.send(Order::Mute(self.id))
        }
    }

    /// Gives what was heard so far.
    pub(crate) fn heard(&self) -> Heard {
        lock(&self.ear).heard()
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        if let Err(error) = self.audio.send(Order::Close(self.id)) {
            tracing::debug!(%error, "a stream of the virtual carrier stays open");
        }
    }
}

fn lock(ear: &Mutex<Ear>) -> MutexGuard<'_, Ear> {
    ear.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A stream as the thread holds it.
struct Mouth {
    socket: UdpSocket,
    ear: Arc<Mutex<Ear>>,
    talk: Option<Talk>,
    sequence: u16,
    timestamp: u32,
}

/// What a stream is saying.
struct Talk {
    remote: Remote,
    playing: Playing,
    place: usize,
    due: Mono,
}

/// The thread's own state.
struct Mouths {
    epoll: Epoll,
    waker: Arc<EventFd>,
    orders: Receiver<Order>,
    clock: Clock,
    mouths: BTreeMap<u64, Mouth>,
    due: BTreeSet<(Mono, u64)>,
}

impl Mouths {
    fn new(epoll: Epoll, waker: Arc<EventFd>, orders: Receiver<Order>, clock: Clock) -> Self {
        Self { epoll, waker, orders, clock, mouths: BTreeMap::new(), due: BTreeSet::new() }
    }

    fn run(mut self) {
        let mut notes = [EpollEvent::empty(); NOTES_MAX];
        loop {
            let ready = match self.epoll.wait(&mut notes, self.patience()) {
                Ok(ready) => ready,
                Err(nix::errno::Errno::EINTR) => 0,
                Err(error) => {
                    tracing::error!(%error, "the virtual carrier's audio thread ends");
                    return;
                }
            };
            let now = self.clock.mono();
            let mut called = false;
            for note in notes.iter().take(ready) {
                match note.data() {
                    WAKER => called = true,
                    id => self.listen(id, now),
                }
            }
            if called && !self.obey(now) {
                return;
            }
            self.speak(now);
        }
    }

    /// Gives the time until the next packet is due, rounded up to whole milliseconds.
    fn patience(&self) -> EpollTimeout {
        let Some((due, _)) = self.due.first() else { return EpollTimeout::NONE };
        let left = due.since(self.clock.mono()).as_micros().div_ceil(1_000);
        EpollTimeout::from(u8::try_from(left).unwrap_or(u8::MAX))
    }

    /// Does what is asked; `false` when nobody can ask any more.
    fn obey(&mut self, now: Mono) -> bool {
        if let Err(error) = self.waker.read() {
            tracing::debug!(%error, "the audio thread was woken for nothing");
        }
        loop {
            match self.orders.try_recv() {
                Ok(order) => self.perform(order, now),
                Err(TryRecvError::Empty) => return true,
                Err(TryRecvError::Disconnected) => return false,
            }
        }
    }

    fn perform(&mut self, order: Order, now: Mono) {
        match order {
            Order::Open(id, socket, ear) => {
                let wish = EpollEvent::new(EpollFlags::EPOLLIN, id);
                if let Err(error) = self.epoll.add(&socket, wish) {
                    tracing::warn!(%error, "a stream of the virtual carrier stays deaf");
                }
                let mouth = Mouth { socket, ear, talk: None, sequence: 0, timestamp: 0 };
                self.mouths.insert(id, mouth);
            }
            Order::Play(id, remote, playing) => {
                let Some(mouth) = self.mouths.get_mut(&id) else { return };
                let due = mouth.talk.take().map_or(now, |talk| talk.due);
                let place = 0;
                self.due.insert((due, id));
                mouth.talk = Some(Talk { remote, playing, place, due });
            }
            Order::Mute(id) => self.hush(id),
            Order::Close(id) => {
                self.hush(id);
                self.mouths.remove(&id);
            }
        }
    }

    fn hush(&mut self, id: u64) {
        let talk = self.mouths.get_mut(&id).and_then(|mouth| mouth.talk.take());
        if let Some(talk) = talk {
            self.due.remove(&(talk.due, id));
        }
    }

    fn listen(&mut self, id: u64, now: Mono) {
        let Some(mouth) = self.mouths.get(&id) else { return };
        let mut ear = lock(&mouth.ear);
        let mut datagram = [0; DATAGRAM_MAX];
        while let Ok((length, _)) = mouth.socket.recv_from(&mut datagram) {
            ear.hear(now, datagram.get(..length).unwrap_or_default());
        }
    }

    /// Sends every packet that has fallen due.
    fn speak(&mut self, now: Mono) {
        while let Some((due, id)) = self.due.first().copied().filter(|(due, _)| *due <= now) {
            self.due.remove(&(due, id));
            let Some(mouth) = self.mouths.get_mut(&id) else { continue };
            if let Some(next) = mouth.utter(now) {
                self.due.insert((next, id));
            }
        }
    }
}

impl Mouth {
    /// Sends the next packet; gives the time of the one after it.
    fn utter(&mut self, now: Mono) -> Option<Mono> {
        let talk = self.talk.as_mut()?;
        let codec = talk.remote.codec;
        let mut packet = [0; HEADER + FRAME];
        let (header, payload) = packet.split_at_mut(HEADER);
        // RFC 3550 §5.1: version 2; the marker bit begins a talkspurt (RFC 3551 §4.1).
        let begins = if talk.place == 0 { 0x80 } else { 0 };
        header[..2].copy_from_slice(&[0x80, begins | codec.payload_type()]);
        header[2..4].copy_from_slice(&self.sequence.to_be_bytes());
        header[4..8].copy_from_slice(&self.timestamp.to_be_bytes());
        header[8..].copy_from_slice(&talk.playing.speaker.source().to_be_bytes());
        payload.copy_from_slice(&talk.playing.voice.frame(codec, talk.place));
        let (speaker, count) = (talk.playing.speaker, u32::from(self.sequence));
        Mark { speaker, count }.write(codec, payload);
        if let Err(error) = self.socket.send_to(&packet, talk.remote.rtp) {
            tracing::trace!(%error, "a packet of the virtual carrier was not sent");
        }
        talk.place = talk.place.wrapping_add(1);
        // After a long stop of the machine the stream goes on from now instead of catching up.
        talk.due = if now.since(talk.due) > BEHIND_MAX { now } else { talk.due } + PACE;
        self.sequence = self.sequence.wrapping_add(1);
        self.timestamp = self.timestamp.wrapping_add(SAMPLES);
        Some(talk.due)
    }
}
