//! The reactor with real sockets on loopback: phones of our own on both sides.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use cadran::engine::clock::Clock;
use cadran::media::{
    Codec, Counters, Event, Feed, Local, MediaError, MediaHandle, Prompt, Quality, Remote, Settings,
};
use cadran::sound::{Clip, g711};
use cadran::units::{LegId, Span};
use cadran::wire::rtcp::{self, Block, Ntp, Report};
use cadran::wire::rtp::{self, Header, Stamp};
use cadran::wire::{dtmf, sdp};
use tokio::sync::mpsc;

type Outcome = Result<(), Box<dyn std::error::Error>>;

/// How long anything may take that must happen.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// How long nothing must come before it is believed that nothing comes: five packet times.
pub(super) const QUIET: Duration = Duration::from_millis(100);

const LEFT: LegId = LegId(1);
const RIGHT: LegId = LegId(2);

pub(super) struct Town {
    pub(super) media: MediaHandle,
    events: mpsc::Receiver<Event>,
    pub(super) clock: Clock,
    waiting: tokio::runtime::Runtime,
}

impl Town {
    pub(super) fn new(silent_after: Span) -> Result<Self, Box<dyn std::error::Error>> {
        let (told, events) = mpsc::channel(256);
        let clock = Clock::start();
        let settings = Settings {
            ip: IpAddr::V4(Ipv4Addr::LOCALHOST),
            second: None,
            advertised: None,
            ports: 21_000..=24_999,
            silent_after,
            seed: 7,
        };
        let media = MediaHandle::start(settings, clock, told)?;
        let waiting = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
        Ok(Self { media, events, clock, waiting })
    }

    /// Waits for the first event that the question takes; others are passed over.
    pub(super) fn event<T>(&mut self, question: impl Fn(Event) -> Option<T>) -> Result<T, String> {
        let events = &mut self.events;
        let search = async {
            while let Some(event) = events.recv().await {
                if let Some(found) = question(event) {
                    return Ok(found);
                }
            }
            Err("the reactor has ended".to_owned())
        };
        let timed = async { tokio::time::timeout(PATIENCE, search).await };
        self.waiting.block_on(timed).map_err(|_| "the event never came".to_owned())?
    }

    /// Opens and connects a leg to a new phone.
    pub(super) fn phone(
        &self,
        leg: LegId,
        codec: Codec,
        dtmf: Option<u8>,
    ) -> Result<Phone, MediaError> {
        let local = self.media.open(leg, None)?;
        let phone = Phone::new(local, codec, dtmf);
        self.media.connect(leg, phone.remote)?;
        Ok(phone)
    }

    /// Gives two phones in a bridge through which audio already goes both ways.
    pub(super) fn pair(
        &mut self,
        left: Codec,
        right: Codec,
    ) -> Result<(Phone, Phone), Box<dyn std::error::Error>> {
        let mut left = self.phone(LEFT, left, Some(101))?;
        let mut right = self.phone(RIGHT, right, Some(96))?;
        self.media.bridge(LEFT, RIGHT)?;
        left.say(0x11);
        right.say(0x22);
        left.hear()?;
        right.hear()?;
        Ok((left, right))
    }

    /// Waits until the counters, told once a tick, say what they must.
    pub(super) fn count<T: PartialEq + std::fmt::Debug>(
        &self,
        question: impl Fn(Counters) -> T,
        want: T,
    ) -> Result<(), String> {
        let end = self.clock.mono() + Span::secs(5);
        loop {
            let told = question(self.media.counters());
            if told == want {
                return Ok(());
            }
            if self.clock.mono() > end {
                return Err(format!("{told:?} counted, not {want:?}"));
            }
            std::thread::yield_now();
        }
    }

    /// Waits until every command given so far is done.
    pub(super) fn settle(&mut self) -> Outcome {
        let other = LegId(99);
        self.media.open(other, None)?;
        self.closed(other).map(|_| ())
    }

    pub(super) fn closed(&mut self, leg: LegId) -> Result<Quality, Box<dyn std::error::Error>> {
        self.media.close(leg)?;
        Ok(self.event(|event| {
            let Event::Closed(id, quality) = event else { return None };
            (id == leg).then_some(quality)
        })?)
    }
}

pub(super) struct Phone {
    pub(super) rtp: UdpSocket,
    rtcp: UdpSocket,
    pub(super) local: Local,
    remote: Remote,
    pub(super) next: Stamp,
}

impl Phone {
    fn new(local: Local, codec: Codec, dtmf: Option<u8>) -> Self {
        let bind = || UdpSocket::bind("127.0.0.1:0").expect("loopback has a free port");
        let (rtp, rtcp) = (bind(), bind());
        let address = |socket: &UdpSocket| socket.local_addr().expect("the socket is bound");
        let remote = Remote {
            rtp: address(&rtp),
            rtcp: address(&rtcp),
            codec,
            dtmf,
            send: true,
            receive: true,
            keys: None,
        };
        let ssrc = u32::from(remote.rtp.port());
        let next = Stamp { marker: false, sequence: 65_530, timestamp: 4_294_967_000, ssrc };
        Self { rtp, rtcp, local, remote, next }
    }

    /// Gives the next packet of 20 ms.
    pub(super) fn packet(&mut self, payload_type: u8, payload: &[u8]) -> Vec<u8> {
        let mut packet = rtp::header(self.next, payload_type).to_vec();
        packet.extend(payload);
        self.next.sequence = self.next.sequence.wrapping_add(1);
        self.next.timestamp = self.next.timestamp.wrapping_add(rtp::FRAME);
        packet
    }

    pub(super) fn send(&self, packet: &[u8]) {
        self.rtp.send_to(packet, self.local.rtp).expect("loopback takes a packet");
    }

    /// Sends 20 ms of one sample in the phone's own law.
    pub(super) fn say(&mut self, sample: u8) {
        let packet = self.packet(self.remote.codec.payload_type(), &[sample; 160]);
        self.send(&packet);
    }

    /// Waits for the next packet.
    pub(super) fn hear(&self) -> Result<(Header, Vec<u8>), String> {
        read(&self.rtp, PATIENCE)
            .and_then(|packet| Some((rtp::read(&packet).ok()?, packet)))
            .ok_or_else(|| "no packet came".to_owned())
    }

    /// Waits for the first packet that begins with this sample, passing over what was fed.
    pub(super) fn hear_sample(&self, sample: u8) -> Result<Header, String> {
        for _ in 0..200 {
            let (header, packet) = self.hear()?;
            if packet.get(header.start) == Some(&sample) {
                return Ok(header);
            }
        }
        Err(format!("sample {sample:#x} never came"))
    }

    /// Takes everything that already came; then nothing may come.
    fn hears_nothing_more(&self) -> bool {
        while read(&self.rtp, Duration::from_millis(1)).is_some() {}
        read(&self.rtp, QUIET).is_none()
    }
}

pub(super) fn read(socket: &UdpSocket, patience: Duration) -> Option<Vec<u8>> {
    let mut buffer = [0; 2_048];
    socket.set_read_timeout(Some(patience)).expect("the time is not zero");
    let (length, _) = socket.recv_from(&mut buffer).ok()?;
    buffer.get(..length).map(<[u8]>::to_vec)
}

fn town() -> Result<Town, Box<dyn std::error::Error>> {
    Town::new(Span::secs(30))
}

#[test]
fn payload_passes_through_untouched() -> Outcome {
    let mut town = town()?;
    let (mut left, right) = town.pair(Codec::Pcma, Codec::Pcma)?;
    let payload: Vec<u8> = (0..=255).collect();
    let packet = left.packet(8, &payload);
    left.send(&packet);
    let (header, heard) = right.hear()?;
    assert_eq!((header.payload_type, heard.get(12..)), (8, Some(&payload[..])));
    Ok(())
}

#[test]
fn the_laws_are_translated_only_where_they_differ() -> Outcome {
    let mut town = town()?;
    let (mut left, right) = town.pair(Codec::Pcma, Codec::Pcmu)?;
    let payload: Vec<u8> = (0..160).collect();
    let packet = left.packet(8, &payload);
    left.send(&packet);
    let mut want = payload.clone();
    g711::a_to_mu(&mut want);
    let (header, heard) = right.hear()?;
    assert_eq!((header.payload_type, heard.get(12..)), (0, Some(&want[..])));
    let packet = left.packet(0, &payload);
    left.send(&packet);
    let (header, heard) = right.hear()?;
    assert_eq!((header.payload_type, heard.get(12..)), (0, Some(&payload[..])), "already µ-law");
    Ok(())
}

#[test]
fn what_waits_at_the_bridging_goes_on_at_once() -> Outcome {
    let mut town = town()?;
    let mut left = town.phone(LEFT, Codec::Pcma, None)?;
    let mut right = town.phone(RIGHT, Codec::Pcma, None)?;
    // Each phone speaks once a round, so only a packet from before the bridging can come. A
    // packet older than 20 ms is rightly dropped: a stalled machine gets more rounds.
    let mut both = 0;
    for round in 0..20 {
        left.say(round);
        right.say(round + 100);
        let bridged = town.clock.mono();
        town.media.bridge(LEFT, RIGHT)?;
        let heard = [&left, &right].map(|phone| read(&phone.rtp, QUIET));
        let [Some(by_left), Some(by_right)] = heard else {
            town.media.unbridge(LEFT)?;
            continue;
        };
        assert_eq!((by_left.get(12), by_right.get(12)), (Some(&(round + 100)), Some(&round)));
        both += 1;
        let at = town.event(|event| {
            let Event::TwoWay { left: LEFT, right: RIGHT, at } = event else { return None };
            Some(at)
        })?;
        let told = town.clock.mono();
        assert!(bridged <= at && at <= told, "two-way is told of when the packets left");
        town.media.unbridge(LEFT)?;
        break;
    }
    assert_eq!(both, 1, "in no round both packets went on at once");
    Ok(())
}

#[test]
fn each_side_hears_one_continuous_stream_whoever_speaks() -> Outcome {
    let town = town()?;
    let music = town.media.add_prompt(Clip::from_mu(&[0x55; 4_000]))?;
    let mut left = town.phone(LEFT, Codec::Pcmu, None)?;
    let mut right = town.phone(RIGHT, Codec::Pcmu, None)?;
    let mut heard = Vec::new();
    town.media.feed(LEFT, Feed::Silence)?;
    heard.push(left.hear_sample(0xFF)?);
    for (round, feed) in [Feed::Loop(music), Feed::Silence].into_iter().enumerate() {
        town.media.bridge(LEFT, RIGHT)?;
        let sample = 0x30 + u8::try_from(round)?;
        for _ in 0..3 {
            right.say(sample);
            left.say(sample);
            heard.push(left.hear_sample(sample)?);
        }
        town.media.unbridge(RIGHT)?;
        let fed = if feed == Feed::Silence { 0xFF } else { 0x55 };
        town.media.feed(LEFT, feed)?;
        heard.push(left.hear_sample(fed)?);
        heard.push(left.hear_sample(fed)?);
    }
    for pair in heard.windows(2) {
        let [before, after] = pair else { continue };
        assert_eq!(before.ssrc, after.ssrc);
        let steps = u32::from(after.sequence.wrapping_sub(before.sequence));
        let samples = after.timestamp.wrapping_sub(before.timestamp);
        assert!((1..1_000).contains(&steps), "{steps} steps");
        assert!((steps * 160..100_000).contains(&samples), "{samples} samples in {steps} steps");
    }
    let marked = heard.iter().filter(|header| header.marker).count();
    assert!(marked >= 4, "a talkspurt begins at every change, {marked} seen");
    Ok(())
}

#[test]
fn no_number_is_missing_when_a_bridge_takes_over_from_a_feed() -> Outcome {
    let town = town()?;
    let left = town.phone(LEFT, Codec::Pcmu, None)?;
    let mut right = town.phone(RIGHT, Codec::Pcmu, None)?;
    town.media.feed(LEFT, Feed::Silence)?;
    let (mut before, _) = left.hear()?;
    town.media.bridge(LEFT, RIGHT)?;
    for round in 0..40u8 {
        if round > 10 {
            right.say(round);
        }
        let (after, _) = left.hear()?;
        assert_eq!(after.sequence, before.sequence.wrapping_add(1));
        assert_eq!(after.ssrc, before.ssrc);
        before = after;
    }
    Ok(())
}

#[test]
fn strangers_are_not_heard_once_the_far_end_is_known() -> Outcome {
    let mut town = town()?;
    let (mut left, right) = town.pair(Codec::Pcma, Codec::Pcma)?;
    let mut stranger = Phone::new(left.local, Codec::Pcma, None);
    for _ in 0..10 {
        stranger.say(0x66);
    }
    left.say(0x12);
    let (_, heard) = right.hear()?;
    assert_eq!(heard.get(12), Some(&0x12));
    assert_eq!(town.closed(LEFT)?.received, 2);
    town.count(|counters| counters.strangers, 10)?;
    Ok(())
}

#[test]
fn a_far_end_behind_translation_is_answered_where_it_speaks_from() -> Outcome {
    let mut town = town()?;
    let local = town.media.open(LEFT, None)?;
    let mut phone = Phone::new(local, Codec::Pcma, None);
    let announced: SocketAddr = "127.0.0.99:4000".parse()?;
    town.media.connect(LEFT, Remote { rtp: announced, ..phone.remote })?;
    town.media.feed(LEFT, Feed::Silence)?;
    (0..3).for_each(|_| phone.say(0x12));
    town.event(|event| (event == Event::FirstPacket(LEFT)).then_some(()))?;
    phone.hear()?;
    Ok(())
}

#[test]
fn keys_are_told_once_and_go_on_under_the_other_sides_type() -> Outcome {
    let mut town = town()?;
    let (mut left, right) = town.pair(Codec::Pcma, Codec::Pcma)?;
    let timestamp = left.next.timestamp;
    for (end, duration) in [(false, 160), (false, 320), (true, 480), (true, 480), (true, 480)] {
        let event = dtmf::Event { number: 10, end, volume: 10, duration };
        left.next.timestamp = timestamp;
        let packet = left.packet(101, &event.write());
        left.send(&packet);
        let (header, heard) = right.hear()?;
        assert_eq!((header.payload_type, heard.get(12..)), (96, Some(&event.write()[..])));
    }
    left.say(0x12);
    right.hear_sample(0x12)?;
    town.media.close(LEFT)?;
    let mut keys = Vec::new();
    loop {
        let event = town.event(Some)?;
        if let Event::Dtmf(leg, key) = event {
            keys.push((leg, key));
        }
        if matches!(event, Event::Closed(..)) {
            break;
        }
    }
    assert_eq!(keys, [(LEFT, b'*')]);
    Ok(())
}

#[test]
fn a_pressed_key_is_one_event() -> Outcome {
    let mut town = town()?;
    let mut phone = town.phone(LEFT, Codec::Pcma, Some(101))?;
    for number in [1, 2] {
        let timestamp = phone.next.timestamp;
        for duration in [160, 320, 480] {
            let event = dtmf::Event { number, end: duration == 480, volume: 10, duration };
            phone.next.timestamp = timestamp;
            let packet = phone.packet(101, &event.write());
            phone.send(&packet);
        }
    }
    let key = |event| {
        let Event::Dtmf(LEFT, key) = event else { return None };
        Some(key)
    };
    assert_eq!([town.event(key)?, town.event(key)?], [b'1', b'2']);
    Ok(())
}

#[test]
fn our_keys_reach_the_far_end_and_audio_goes_on_after_them() -> Outcome {
    let town = town()?;
    let phone = town.phone(LEFT, Codec::Pcma, Some(97))?;
    town.media.feed(LEFT, Feed::Silence)?;
    let (mut before, _) = phone.hear()?;
    town.media.send_dtmf(LEFT, b"7#")?;
    let mut ear = dtmf::Ear::default();
    let mut keys = Vec::new();
    let mut after = 0;
    while after < 3 {
        let (header, packet) = phone.hear()?;
        assert_eq!(header.sequence, before.sequence.wrapping_add(1));
        before = header;
        if header.payload_type == 97 {
            let event = packet.get(12..).and_then(dtmf::Event::read).ok_or("a short event")?;
            keys.extend(ear.hear(header.timestamp, event));
        } else if keys.len() == 2 {
            after += 1;
        }
    }
    assert_eq!(keys, b"7#");
    Ok(())
}

#[test]
fn a_prompt_is_played_to_its_end_and_says_so() -> Outcome {
    let mut town = town()?;
    let clip: Vec<u8> = (0..400u16).map(|at| u8::try_from(at % 100).unwrap_or(0)).collect();
    let prompt = town.media.add_prompt(Clip::from_a(&clip))?;
    assert_eq!(prompt, Prompt(0));
    let phone = town.phone(LEFT, Codec::Pcma, None)?;
    town.media.feed(LEFT, Feed::Prompt(prompt))?;
    town.event(|event| (event == Event::PromptDone(LEFT)).then_some(()))?;
    let mut heard = Vec::new();
    for _ in 0..3 {
        let (header, packet) = phone.hear()?;
        heard.extend_from_slice(packet.get(header.start..).unwrap_or_default());
    }
    assert_eq!(heard.get(..400), Some(&clip[..]));
    assert_eq!(heard.get(400..), Some(&[g711::A_SILENCE; 80][..]));
    Ok(())
}

#[test]
fn a_closed_leg_says_goodbye_and_is_silent() -> Outcome {
    let mut town = town()?;
    let phone = town.phone(LEFT, Codec::Pcma, None)?;
    town.media.feed(LEFT, Feed::Comfort)?;
    phone.hear()?;
    let quality = town.closed(LEFT)?;
    assert!(quality.sent >= 1);
    assert!(phone.hears_nothing_more());
    let goodbye = read(&phone.rtcp, PATIENCE).ok_or("no report came")?;
    let told = rtcp::read(&goodbye, 0)?;
    assert!(told.bye && told.report.is_some());
    Ok(())
}

#[test]
fn a_far_ends_report_gives_the_round_trip() -> Outcome {
    let mut town = town()?;
    let phone = town.phone(LEFT, Codec::Pcma, None)?;
    town.media.feed(LEFT, Feed::Silence)?;
    let (header, _) = phone.hear()?;
    let last_report = Ntp::at(town.clock.now().wall).middle();
    let block = Block { ssrc: header.ssrc, last_report, ..Block::default() };
    let mut report = Vec::new();
    Report { ssrc: 9, sender: None, block: Some(block), bye: false }.write(&mut report);
    phone.rtcp.send_to(&report, phone.local.rtcp)?;
    phone.rtcp.send_to(b"noise", phone.local.rtcp)?;
    town.count(|counters| counters.malformed, 1)?;
    let trip = town.closed(LEFT)?.round_trip_ms.ok_or("no round trip")?;
    assert!((0.0..5_000.0).contains(&trip), "{trip} ms");
    Ok(())
}

#[test]
fn losses_are_counted() -> Outcome {
    let mut town = town()?;
    let (mut left, right) = town.pair(Codec::Pcma, Codec::Pcma)?;
    left.packet(8, &[]);
    left.say(0x31);
    right.hear_sample(0x31)?;
    let quality = town.closed(LEFT)?;
    assert_eq!((quality.received, quality.lost), (2, 1));
    assert!(quality.mos < 4.0, "a third is lost: {}", quality.mos);
    Ok(())
}

#[test]
fn noise_is_dropped_and_counted() -> Outcome {
    let mut town = town()?;
    let (mut left, right) = town.pair(Codec::Pcma, Codec::Pcma)?;
    left.send(b"");
    left.send(&[0x80; 11]);
    left.send(&[0xFF; 1_500]);
    let foreign = left.packet(18, &[1; 20]);
    left.send(&foreign);
    left.say(0x44);
    let (header, heard) = right.hear()?;
    assert_eq!((header.payload_type, heard.get(12)), (8, Some(&0x44)));
    let quality = town.closed(LEFT)?;
    assert_eq!(quality.lost, 0);
    town.count(|counters| (counters.malformed, counters.unwanted), (3, 1))?;
    Ok(())
}

#[test]
fn a_far_end_on_hold_hears_nothing() -> Outcome {
    let mut town = town()?;
    let (left, mut right) = town.pair(Codec::Pcma, Codec::Pcma)?;
    town.media.connect(LEFT, Remote { send: false, ..left.remote })?;
    town.settle()?;
    right.say(0x12);
    assert!(left.hears_nothing_more());
    town.media.connect(LEFT, left.remote)?;
    town.settle()?;
    right.say(0x13);
    left.hear_sample(0x13)?;
    Ok(())
}

#[test]
fn silence_of_a_far_end_that_should_send_is_told_as_long_as_it_lasts() -> Outcome {
    let mut town = Town::new(Span::millis(60))?;
    let mut left = town.phone(LEFT, Codec::Pcma, None)?;
    let right = town.media.open(RIGHT, None)?;
    let held = Phone::new(right, Codec::Pcma, None);
    town.media.connect(RIGHT, Remote { receive: false, ..held.remote })?;
    left.say(0x12);
    town.event(|event| (event == Event::FirstPacket(LEFT)).then_some(()))?;
    for _ in 0..3 {
        assert_eq!(town.event(Some)?, Event::Silent(LEFT));
    }
    Ok(())
}

#[test]
fn a_far_end_that_only_reports_is_not_silent() -> Outcome {
    let mut town = Town::new(Span::millis(800))?;
    let left = town.phone(LEFT, Codec::Pcma, None)?;
    town.phone(RIGHT, Codec::Pcma, None)?;
    town.media.feed(LEFT, Feed::Silence)?;
    let mut report = Vec::new();
    Report { ssrc: 9, sender: None, block: None, bye: false }.write(&mut report);
    let mut told = 0;
    while told < 2 {
        left.hear()?;
        left.rtcp.send_to(&report, left.local.rtcp)?;
        if let Ok(Event::Silent(leg)) = town.events.try_recv() {
            assert_eq!(leg, RIGHT, "who neither speaks nor reports");
            told += 1;
        }
    }
    Ok(())
}

#[test]
fn stopping_closes_every_leg_and_then_the_events() -> Outcome {
    let mut town = town()?;
    let phone = town.phone(LEFT, Codec::Pcma, None)?;
    town.media.feed(LEFT, Feed::Silence)?;
    phone.hear()?;
    town.media.stop();
    town.event(|event| matches!(event, Event::Closed(LEFT, _)).then_some(()))?;
    assert_eq!(town.event(Some), Err("the reactor has ended".to_owned()));
    assert!(matches!(town.media.open(RIGHT, None), Err(MediaError::Busy)));
    Ok(())
}

#[test]
fn commands_about_unknown_legs_are_counted() -> Outcome {
    let mut town = town()?;
    town.media.feed(LegId(77), Feed::Silence)?;
    town.media.bridge(LegId(77), LegId(78))?;
    town.media.unbridge(LegId(77))?;
    town.phone(LEFT, Codec::Pcma, None)?;
    town.closed(LEFT)?;
    town.count(|counters| counters.unknown_legs, 4)?;
    Ok(())
}

#[test]
fn an_offer_tells_the_ports_that_were_opened() -> Outcome {
    let town = town()?;
    let local = town.media.open(LEFT, None)?;
    let offer = sdp::offer(local, sdp::Origin::new(1), sdp::Direction::SendRecv);
    let session = sdp::read(&offer)?;
    assert_eq!((session.rtp, session.rtcp), (local.rtp, local.rtcp));
    assert_eq!(local.rtp.port() % 2, 0);
    Ok(())
}
