//! One leg: its sockets, its far end, and the books about both directions.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use rand_core::Rng;

use super::latch::Latch;
use super::player::{PAYLOAD, Played, Player};
use super::ports::Pair;
use super::shield::Shield;
use super::webrtc::Browser;
use super::world::World;
use super::{Codec, Event, Feed, Quality, Remote};
use crate::sound::g711::{self, Law};
use crate::sound::sounder::Sounder;
use crate::units::{LegId, Mono, Span};
use crate::wire::dtmf::{self, Ear, Mouth, Step};
use crate::wire::rtcp::{self, Block, Ntp, Reception, Report, Sender};
use crate::wire::rtp::{self, HEADER, Header, Outgoing};
use crate::wire::sdp::EVENTS;
use crate::wire::srtp::TRAILER_MAX;

/// The largest datagram taken, in bytes: an Ethernet frame's; G.711 at 20 ms needs 172.
pub(super) const DATAGRAM_MAX: usize = 1_500;

/// Packets read at once from a leg nobody listens to; it has four packet times' room to spare.
const DRAIN_MAX: usize = 8;

/// The newest packet is kept for a bridging, up to 30 ms of audio with its header.
const KEPT_MAX: usize = HEADER + 240;

/// A kept packet is as good as new within one packet time.
const FRESH: Span = Span::millis(20);

/// A bridged far end that hears nothing for this long is given silence, so that its stream, and
/// every translator and timer on the way, stays alive.
const FILL_AFTER: Span = Span::millis(100);

/// Where nothing goes.
const NOBODY: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);

/// A packet of the far end, as far as a bridge must know it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Heard {
    header: Header,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Audio(Codec),
    Event,
    Unwanted,
}

/// What a read from the socket brought.
#[derive(Clone, Copy, Debug)]
pub(super) enum Received {
    /// Nothing waits.
    Empty,
    /// A datagram to forget.
    Dropped,
    /// A packet of the far end of so many bytes.
    Packet(usize, Heard),
}

/// The newest packet nobody was there to hear.
#[derive(Debug)]
struct Kept {
    bytes: [u8; KEPT_MAX],
    length: usize,
    heard: Option<(Heard, Mono)>,
}

/// A bridge as one of its legs sees it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Link {
    /// The other leg's place.
    pub(super) peer: usize,
    /// Whether this leg was named first.
    pub(super) left: bool,
    /// When the last packet of the other leg went out here.
    pub(super) relayed: Option<Mono>,
}

/// One leg.
#[derive(Debug)]
pub(super) struct Leg {
    pub(super) id: LegId,
    pub(super) pair: Pair,
    pub(super) link: Option<Link>,
    pub(super) player: Player,
    remote: Option<Remote>,
    /// In force while the last answer had keys.
    shield: Option<Box<Shield>>,
    /// The far end, where it is a browser; it needs neither shield nor latch.
    browser: Option<Box<Browser>>,
    latch: Latch,
    /// Where reports come from and go to.
    rtcp: SocketAddr,
    out: Outgoing,
    mouth: Mouth,
    ear: Ear,
    sounder: Option<Box<Sounder>>,
    reception: Reception,
    kept: Kept,
    /// When the far end was last heard, or answered, or its silence was told.
    quiet_since: Mono,
    sent: u32,
    sent_told: u32,
    octets: u32,
    report_due: Mono,
    /// The far end's last sender report and when it came.
    last_report: Option<(u32, Mono)>,
    round_trip_ms: Option<f64>,
    /// Whether the far end's reports tell of our stream.
    heard: Option<bool>,
}

impl Leg {
    pub(super) fn new(id: LegId, pair: Pair, world: &mut World) -> Self {
        let random = world.random.next_u64();
        let [a, b, c, d, e, f, ..] = random.to_be_bytes();
        // The lower half: an SRTP receiver that misses the first packets would not know of a
        // rollover before those it hears (RFC 3711 §3.3.1).
        let a = a & 0x7F;
        let ssrc = world.random.next_u32();
        Self {
            id,
            pair,
            link: None,
            player: Player::new(),
            remote: None,
            shield: None,
            browser: None,
            latch: Latch::new(NOBODY),
            rtcp: NOBODY,
            out: Outgoing::new(ssrc, u16::from_be_bytes([a, b]), u32::from_be_bytes([c, d, e, f])),
            mouth: Mouth::default(),
            ear: Ear::default(),
            sounder: None,
            reception: Reception::default(),
            kept: Kept { bytes: [0; KEPT_MAX], length: 0, heard: None },
            quiet_since: world.now,
            sent: 0,
            sent_told: 0,
            octets: 0,
            report_due: world.report_due(),
            last_report: None,
            round_trip_ms: None,
            heard: None,
        }
    }

    /// Takes an answer.
    pub(super) fn connect(&mut self, remote: Remote, world: &World) {
        self.latch = match self.remote {
            Some(_) => self.latch.again(remote.rtp),
            None => Latch::new(remote.rtp),
        };
        match (&mut self.shield, remote.keys) {
            (Some(shield), Some(keys)) => shield.turn(keys),
            (None, Some(keys)) => self.shield = Some(Box::new(Shield::new(keys))),
            (Some(_) | None, None) => {}
        }
        self.remote = Some(remote);
        self.rtcp = remote.rtcp;
        self.quiet_since = world.now;
    }

    /// Takes a browser for the far end. Nothing is said to it before it has joined, and its
    /// silence is its own to tell.
    pub(super) fn join(&mut self, browser: Box<Browser>) {
        self.remote = Some(Remote {
            rtp: NOBODY,
            rtcp: NOBODY,
            codec: browser.codec(),
            dtmf: None,
            send: false,
            receive: false,
            keys: None,
        });
        self.browser = Some(browser);
    }

    /// Plays something else.
    pub(super) fn feed(&mut self, feed: Feed) {
        if feed == Feed::Soundings {
            self.sounder = Some(Box::default());
        }
        self.player.set(feed);
    }

    /// Presses keys; those the far end cannot take are counted.
    pub(super) fn press(&mut self, keys: &[u8], world: &mut World) {
        let agreed = self.remote.is_some_and(|remote| remote.dtmf.is_some());
        let dropped = if agreed { self.mouth.press(keys) } else { keys.len() };
        world.counters.keys_dropped += dropped as u64;
    }

    /// Reads one datagram from the RTP socket.
    pub(super) fn receive(
        &mut self,
        buffer: &mut [u8; DATAGRAM_MAX],
        world: &mut World,
    ) -> Received {
        let Ok((length, from)) = self.pair.rtp.recv_from(buffer) else { return Received::Empty };
        if self.browser.is_some() {
            return self.receive_sealed(length, from, buffer, world);
        }
        let packet = buffer.get_mut(..length).unwrap_or_default();
        if rtp::is_rtcp(packet) {
            self.take_report(packet, from, world);
            return Received::Dropped;
        }
        match self.hear(packet, from, world) {
            Some((length, heard)) => Received::Packet(length, heard),
            None => Received::Dropped,
        }
    }

    /// Lets a browser's machine have a datagram.
    fn receive_sealed(
        &mut self,
        length: usize,
        from: SocketAddr,
        buffer: &mut [u8; DATAGRAM_MAX],
        world: &mut World,
    ) -> Received {
        let (Some(browser), Some(remote)) = (&mut self.browser, self.remote) else {
            return Received::Dropped;
        };
        let audio = browser.take((buffer, length), from, &self.pair.rtp, world);
        let packet = audio.and_then(|length| buffer.get(..length)).unwrap_or_default();
        match rtp::read(packet) {
            Ok(header) => Received::Packet(packet.len(), self.note(header, packet, remote, world)),
            Err(_) => Received::Dropped,
        }
    }

    /// Gives the shield, if the last answer had keys.
    fn shield(&mut self) -> Option<&mut Shield> {
        self.remote?.keys?;
        self.shield.as_deref_mut()
    }

    /// Opens a packet if the leg is protected. What is not authentic teaches the latch nothing.
    fn open<'p>(
        &mut self,
        packet: &'p mut [u8],
        from: SocketAddr,
        world: &mut World,
    ) -> Option<&'p [u8]> {
        let admitted = self.latch.admits(from);
        let Some(shield) = self.shield() else { return Some(packet) };
        if !admitted {
            world.counters.strangers += 1;
            return None;
        }
        let opened = shield.open(packet);
        world.opened(packet, opened)
    }

    /// Judges a packet; gives its length, opened.
    fn hear(
        &mut self,
        packet: &mut [u8],
        from: SocketAddr,
        world: &mut World,
    ) -> Option<(usize, Heard)> {
        let remote = self.remote?;
        self.latch.doubt(from, world.now.since(self.quiet_since));
        let packet = self.open(packet, from, world)?;
        let Ok(header) = rtp::read(packet) else {
            world.counters.malformed += 1;
            return None;
        };
        if !self.latch.takes(from) {
            world.counters.strangers += 1;
            return None;
        }
        Some((packet.len(), self.note(header, packet, remote, world)))
    }

    /// Keeps the books on a packet of the far end.
    fn note(&mut self, header: Header, packet: &[u8], remote: Remote, world: &mut World) -> Heard {
        let events = remote.dtmf.is_some_and(|pt| [pt, EVENTS].contains(&header.payload_type));
        let kind = match Codec::of(header.payload_type) {
            Some(codec) => Kind::Audio(codec),
            None if events => Kind::Event,
            None => Kind::Unwanted,
        };
        let audio = matches!(kind, Kind::Audio(_));
        self.reception.hear(&header, audio, world.now);
        if self.reception.received() == 1 {
            world.tell(Event::FirstPacket(self.id));
        }
        self.quiet_since = world.now;
        match kind {
            Kind::Audio(codec) => {
                if let Some(sounder) = &mut self.sounder {
                    let payload = packet.get(header.start..header.end).unwrap_or_default();
                    sounder.hear(world.now, payload, law(codec));
                }
            }
            Kind::Unwanted => world.counters.unwanted += 1,
            Kind::Event => {
                let payload = packet.get(header.start..header.end).unwrap_or_default();
                let event = dtmf::Event::read(payload);
                if let Some(key) = event.and_then(|event| self.ear.hear(header.timestamp, event)) {
                    world.tell(Event::Dtmf(self.id, key));
                }
            }
        }
        Heard { header, kind }
    }

    /// Reads what waits at a leg nobody listens to, one packet or all, and keeps the newest.
    pub(super) fn drain(&mut self, deep: bool, buffer: &mut [u8; DATAGRAM_MAX], world: &mut World) {
        for _ in 0..if deep { DRAIN_MAX } else { 1 } {
            match self.receive(buffer, world) {
                Received::Empty => return,
                Received::Dropped => {}
                Received::Packet(length, heard) => {
                    let packet = buffer.get(..length).unwrap_or_default();
                    self.kept.keep(packet, heard, world.now);
                }
            }
        }
    }

    /// Hands out the newest packet, if it is as good as new.
    pub(super) fn newest(
        &mut self,
        buffer: &mut [u8; DATAGRAM_MAX],
        now: Mono,
    ) -> Option<(usize, Heard)> {
        let (heard, at) = self.kept.heard.take()?;
        let bytes = self.kept.bytes.get(..self.kept.length)?;
        buffer.get_mut(..bytes.len())?.copy_from_slice(bytes);
        (now.since(at) <= FRESH).then_some((bytes.len(), heard))
    }

    /// Sends the other leg's packet on to this leg's far end; tells whether it was the first.
    pub(super) fn relay(
        &mut self,
        buffer: &mut [u8; DATAGRAM_MAX],
        length: usize,
        heard: Heard,
        world: &mut World,
    ) -> bool {
        let Some(remote) = self.remote.filter(|remote| remote.send) else {
            self.out.pause();
            return false;
        };
        if !self.mouth.is_idle() {
            return false;
        }
        let packet = buffer.get_mut(..length).unwrap_or_default();
        let payload_type = match heard.kind {
            Kind::Audio(codec) => {
                let payload = packet.get_mut(heard.header.start..heard.header.end);
                transcode(payload.unwrap_or_default(), codec, remote.codec);
                Some(remote.codec.payload_type())
            }
            Kind::Event => remote.dtmf,
            Kind::Unwanted => None,
        };
        let Some(payload_type) = payload_type else {
            self.out.leave_out(&heard.header);
            return false;
        };
        let Some(stamp) = self.out.relay(&heard.header, world.now) else {
            world.counters.late += 1;
            return false;
        };
        rtp::rewrite(packet, stamp, payload_type);
        self.send(buffer, length, world);
        world.counters.relayed += 1;
        let Some(link) = &mut self.link else { return false };
        let first = link.relayed.replace(world.now).is_none();
        if first {
            self.player.set(Feed::Silence);
        }
        first
    }

    /// Does what is due every 20 ms; `deep` now and then.
    pub(super) fn tick(&mut self, deep: bool, buffer: &mut [u8; DATAGRAM_MAX], world: &mut World) {
        if self.link.is_none() {
            let joins = self.browser.as_ref().is_some_and(|browser| !browser.is_joined());
            self.drain(deep || joins, buffer, world);
        }
        self.tend_browser(world);
        let Some(remote) = self.remote else { return };
        if remote.send {
            self.speak(remote, world);
        }
        self.watch(remote, world);
        if world.now >= self.report_due {
            self.report(false, world);
            self.report_due = world.report_due();
        }
    }

    /// Gives a browser's machine the time and tells what it has to tell.
    fn tend_browser(&mut self, world: &mut World) {
        let Some(browser) = &mut self.browser else { return };
        let Some(news) = browser.tick(self.id, &self.pair.rtp, world.instant()) else { return };
        if let Some(remote) = &mut self.remote {
            remote.send = news == Event::Joined(self.id);
        }
        world.tell(news);
    }

    /// Sends this packet time's key or feed.
    fn speak(&mut self, remote: Remote, world: &mut World) {
        match (self.mouth.step(), remote.dtmf) {
            (Some(Step::Send { event, begins }), Some(payload_type)) => {
                let stamp = self.out.event(begins, world.now);
                let header = rtp::header(stamp, payload_type);
                return self.say(&header, &event.write(), world);
            }
            (Some(_), _) => return,
            (None, _) => {}
        }
        let hears_peer = self
            .link
            .is_some_and(|link| link.relayed.is_some_and(|at| world.now.since(at) < FILL_AFTER));
        if !hears_peer {
            self.play(remote.codec, world);
        }
    }

    fn play(&mut self, codec: Codec, world: &mut World) {
        let mut payload = [0; PAYLOAD];
        match (self.player.fill(&mut payload, codec, &world.prompts), &mut self.sounder) {
            (Played::Nothing, Some(sounder)) => sounder.speak(world.now, &mut payload, law(codec)),
            (Played::Nothing, None) => return,
            (Played::Frame, _) => {}
            (Played::Done, _) => world.tell(Event::PromptDone(self.id)),
        }
        let stamp = self.out.own(world.now);
        self.say(&rtp::header(stamp, codec.payload_type()), &payload, world);
    }

    /// Sends a packet of our own.
    fn say(&mut self, header: &[u8; HEADER], payload: &[u8], world: &mut World) {
        let mut packet = [0; HEADER + PAYLOAD + TRAILER_MAX];
        let whole = header.iter().chain(payload);
        packet.iter_mut().zip(whole).for_each(|(place, byte)| *place = *byte);
        world.counters.fed += 1;
        self.send(&mut packet, HEADER + payload.len(), world);
    }

    /// Sends the packet in the first bytes of a buffer that has room for a trailer.
    fn send(&mut self, buffer: &mut [u8], length: usize, world: &mut World) {
        if self.dispatch(buffer, length, world) {
            let payload = u32::try_from(length.saturating_sub(HEADER)).unwrap_or(0);
            self.sent = self.sent.wrapping_add(1);
            self.octets = self.octets.wrapping_add(payload);
        } else {
            world.counters.unsent += 1;
        }
    }

    /// Sends a packet to whom the far end is; tells whether it left.
    fn dispatch(&mut self, buffer: &mut [u8], length: usize, world: &World) -> bool {
        if let Some(browser) = &mut self.browser {
            let packet = buffer.get(..length).unwrap_or_default();
            return browser.send(packet, &self.pair.rtp, world.instant());
        }
        let sealed = match self.shield() {
            Some(shield) => shield.protect(buffer, length).ok(),
            None => Some(length),
        };
        let packet = sealed.and_then(|sealed| buffer.get(..sealed));
        let target = self.latch.target();
        packet.is_some_and(|packet| self.pair.rtp.send_to(packet, target).is_ok())
    }

    /// Tells when a far end that should send does not, and again as long as it does not.
    fn watch(&mut self, remote: Remote, world: &mut World) {
        let quiet = world.now.since(self.quiet_since) > world.silent_after;
        if quiet && remote.receive {
            self.quiet_since = world.now;
            world.tell(Event::Silent(self.id));
        }
    }

    /// Reads one datagram from the RTCP socket.
    pub(super) fn receive_report(&mut self, buffer: &mut [u8; DATAGRAM_MAX], world: &mut World) {
        let Ok((length, from)) = self.pair.rtcp.recv_from(buffer) else { return };
        let packet = buffer.get_mut(..length).unwrap_or_default();
        self.take_report(packet, from, world);
    }

    fn take_report(&mut self, packet: &mut [u8], from: SocketAddr, world: &mut World) {
        let known = [self.rtcp.ip(), self.latch.target().ip()].contains(&from.ip());
        if self.remote.is_none() || !known {
            world.counters.strangers += 1;
            return;
        }
        let opened = match self.shield() {
            Some(shield) => shield.open_report(packet),
            None => Ok(packet.len()),
        };
        let Some(packet) = world.opened(packet, opened) else { return };
        let Ok(told) = rtcp::read(packet, self.out.ssrc()) else {
            world.counters.malformed += 1;
            return;
        };
        world.counters.reports += 1;
        self.rtcp = from;
        // Who reports is there (RFC 3550 §6.3.5), though silence be suppressed.
        self.quiet_since = world.now;
        if let Some(middle) = told.report {
            self.last_report = Some((middle, world.now));
        }
        self.heard = Some(told.block.is_some() || self.heard == Some(true));
        let arrival = Ntp::at(world.clock.now().wall);
        let measured = told.block.and_then(|block| block.round_trip_ms(arrival));
        self.round_trip_ms = measured.or(self.round_trip_ms);
    }

    /// Sends a report, with a goodbye at the end.
    fn report(&mut self, bye: bool, world: &mut World) {
        if self.remote.is_none() || self.rtcp.ip().is_unspecified() {
            return;
        }
        let sender = (self.sent != self.sent_told).then(|| Sender {
            ntp: Ntp::at(world.clock.now().wall),
            timestamp: self.out.timestamp_at(world.now),
            packets: self.sent,
            octets: self.octets,
        });
        self.sent_told = self.sent;
        let (last_report, delay) = self.last_report.map_or((0, 0), |(middle, at)| {
            let passed = (world.now.since(at).as_micros() << 16) / 1_000_000;
            (middle, u32::try_from(passed).unwrap_or(u32::MAX))
        });
        let block = self.reception.block().map(|block| Block { last_report, delay, ..block });
        Report { ssrc: self.out.ssrc(), sender, block, bye }.write(&mut world.report);
        let sealed = self.shield().is_none_or(|it| it.protect_report(&mut world.report).is_ok());
        if !sealed || self.pair.rtcp.send_to(&world.report, self.rtcp).is_err() {
            world.counters.unsent += 1;
        }
    }

    /// Says goodbye and gives the leg's figures.
    pub(super) fn close(mut self, world: &mut World) -> Quality {
        self.report(true, world);
        if let Some(browser) = &mut self.browser {
            browser.close(&self.pair.rtp);
        }
        let jitter_ms = self.reception.jitter_ms();
        let round_trip_ms = self.round_trip_ms;
        Quality {
            received: self.reception.received(),
            lost: self.reception.lost(),
            sent: u64::from(self.sent),
            jitter_ms,
            round_trip_ms,
            mos: rtcp::mean_opinion_score(
                self.reception.loss(),
                jitter_ms,
                round_trip_ms.unwrap_or(0.0),
            ),
            source: self.latch.source(),
            heard: self.heard,
            echo: self.sounder.map(|sounder| sounder.echo(world.now)),
        }
    }
}

impl Kept {
    fn keep(&mut self, packet: &[u8], heard: Heard, now: Mono) {
        let audio = matches!(heard.kind, Kind::Audio(_));
        if let Some(place) = self.bytes.get_mut(..packet.len()).filter(|_| audio) {
            place.copy_from_slice(packet);
            self.length = packet.len();
            self.heard = Some((heard, now));
        }
    }
}

const fn law(codec: Codec) -> Law {
    match codec {
        Codec::Pcmu => Law::Mu,
        Codec::Pcma => Law::A,
    }
}

fn transcode(payload: &mut [u8], from: Codec, to: Codec) {
    match (from, to) {
        (Codec::Pcmu, Codec::Pcma) => g711::mu_to_a(payload),
        (Codec::Pcma, Codec::Pcmu) => g711::a_to_mu(payload),
        (Codec::Pcmu, Codec::Pcmu) | (Codec::Pcma, Codec::Pcma) => {}
    }
}
