//! SRTP before two judges: our own `wire::srtp` as the far end, and libsrtp, which shares no code
//! with it.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, UdpSocket};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use cadran::media::{Codec, Event, Feed, Keys, Local, Remote};
use cadran::sound::Clip;
use cadran::units::{LegId, Span};
use cadran::wire::dtmf;
use cadran::wire::rtcp::{self, Ntp, Report, Sender};
use cadran::wire::rtp::{self, Stamp};
use cadran::wire::srtp::{Inbound, Key, Outbound, Suite, TRAILER_MAX};

use super::media::{PATIENCE, QUIET, Town, read};

type Outcome = Result<(), Box<dyn std::error::Error>>;

const LEFT: LegId = LegId(1);
const RIGHT: LegId = LegId(2);

/// What a far end protects and opens with.
pub(super) trait Cipher {
    fn seal(&mut self, report: bool, packet: &[u8]) -> Option<Vec<u8>>;
    fn open(&mut self, report: bool, packet: &[u8]) -> Option<Vec<u8>>;
}

struct Ours(Outbound, Inbound);

impl Ours {
    fn far(keys: Keys) -> Self {
        Self(Outbound::new(keys.receive), Inbound::new(keys.send))
    }
}

impl Cipher for Ours {
    fn seal(&mut self, report: bool, packet: &[u8]) -> Option<Vec<u8>> {
        let mut buffer = packet.to_vec();
        buffer.resize(packet.len() + TRAILER_MAX, 0);
        let sealed = if report {
            self.0.protect_report(&mut buffer, packet.len())
        } else {
            self.0.protect(&mut buffer, packet.len())
        };
        buffer.truncate(sealed.ok()?);
        Some(buffer)
    }

    fn open(&mut self, report: bool, packet: &[u8]) -> Option<Vec<u8>> {
        let mut buffer = packet.to_vec();
        let opened =
            if report { self.1.open_report(&mut buffer) } else { self.1.open(&mut buffer) };
        buffer.truncate(opened.ok()?);
        Some(buffer)
    }
}

/// libsrtp in a process of its own, one question a line.
struct Libsrtp {
    child: Child,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Libsrtp {
    /// Starts it, or tells aloud that it is missing.
    fn start() -> Result<Option<Self>, Box<dyn std::error::Error>> {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/srtp/libsrtp.py");
        let child = Command::new("python3")
            .arg(script)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn();
        let answered = child.map_err(|error| error.to_string()).and_then(|mut child| {
            let questions = child.stdin.take().ok_or("no way to ask")?;
            let answers = BufReader::new(child.stdout.take().ok_or("no way to answer")?);
            let mut judge = Self { child, questions, answers };
            judge.answer().map_err(|error| error.to_string())?;
            Ok(judge)
        });
        match answered {
            Ok(judge) => Ok(Some(judge)),
            Err(error) if std::env::var_os("CI").is_some() => {
                Err(format!("libsrtp is missing (Debian: python3, libsrtp2-1): {error}").into())
            }
            Err(error) => {
                announce(&format!("NOT TESTED against libsrtp, which cannot be asked: {error}"));
                Ok(None)
            }
        }
    }

    fn far(keys: Keys) -> Result<Option<Self>, Box<dyn std::error::Error>> {
        let Some(mut judge) = Self::start()? else { return Ok(None) };
        for (name, key) in [("out", keys.receive), ("in", keys.send)] {
            let (suite, key) = (key.suite().name(), hex(key.reveal()));
            let made = judge.ask(&format!("context {name} {name} {suite} {key}"))?;
            assert_eq!(made, "ok");
        }
        Ok(Some(judge))
    }

    fn ask(&mut self, question: &str) -> std::io::Result<String> {
        writeln!(self.questions, "{question}")?;
        self.answer()
    }

    fn answer(&mut self) -> std::io::Result<String> {
        let mut line = String::new();
        if self.answers.read_line(&mut line)? == 0 {
            return Err(std::io::Error::other("it has ended; what it said stands above"));
        }
        Ok(line.trim().to_owned())
    }

    fn turn(&mut self, report: bool, name: &str, packet: &[u8]) -> Option<Vec<u8>> {
        let protocol = if report { "rtcp" } else { "rtp" };
        let answer = self.ask(&format!("{protocol} {name} {}", hex(packet))).ok()?;
        if answer.starts_with("refused") { None } else { Some(bytes(&answer)) }
    }
}

impl Cipher for Libsrtp {
    fn seal(&mut self, report: bool, packet: &[u8]) -> Option<Vec<u8>> {
        self.turn(report, "out", packet)
    }

    fn open(&mut self, report: bool, packet: &[u8]) -> Option<Vec<u8>> {
        self.turn(report, "in", packet)
    }
}

impl Drop for Libsrtp {
    fn drop(&mut self) {
        // It may have ended by itself.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

#[expect(clippy::print_stderr, reason = "a missing tool is announced aloud")]
fn announce(text: &str) {
    eprintln!("{text}");
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn bytes(hex: &str) -> Vec<u8> {
    let digit = |letter: u8| (letter as char).to_digit(16).unwrap_or(0);
    let pair = |pair: &[u8]| pair.iter().fold(0, |byte, letter| byte * 16 + digit(*letter));
    hex.as_bytes().chunks(2).map(|it| u8::try_from(pair(it)).unwrap_or(0)).collect()
}

fn keys(suite: Suite, seed: u8) -> Keys {
    let key = |seed: u8| {
        let bytes: Vec<u8> = (0..44).map(|place: u8| place.wrapping_mul(7) ^ seed).collect();
        let bytes = bytes.get(..suite.key_length()).expect("44 is the longest");
        Key::new(suite, bytes).expect("the suite's own length")
    };
    Keys { send: key(seed), receive: key(seed ^ 0x5A) }
}

/// Gives every judge there is, for keys told from the engine's side.
pub(super) fn far_ends(
    keys: Keys,
) -> Result<Vec<Box<dyn Cipher + Send>>, Box<dyn std::error::Error>> {
    let mut all: Vec<Box<dyn Cipher + Send>> = vec![Box::new(Ours::far(keys))];
    if let Some(judge) = Libsrtp::far(keys)? {
        all.push(Box::new(judge));
    }
    Ok(all)
}

/// A phone that protects what it sends.
struct Phone {
    rtp: UdpSocket,
    rtcp: UdpSocket,
    local: Local,
    cipher: Box<dyn Cipher + Send>,
    next: Stamp,
}

impl Phone {
    fn new(
        town: &Town,
        leg: LegId,
        keys: Keys,
        cipher: Box<dyn Cipher + Send>,
    ) -> Result<Self, Box<dyn std::error::Error>> {
        let (rtp, rtcp) = (UdpSocket::bind("127.0.0.1:0")?, UdpSocket::bind("127.0.0.1:0")?);
        let local = town.media.open(leg, None)?;
        let ssrc = u32::from(rtp.local_addr()?.port());
        let next = Stamp { marker: false, sequence: 65_534, timestamp: 7, ssrc };
        let phone = Self { rtp, rtcp, local, cipher, next };
        phone.connect(town, leg, keys)?;
        Ok(phone)
    }

    fn connect(&self, town: &Town, leg: LegId, keys: Keys) -> Outcome {
        let remote = Remote {
            rtp: self.rtp.local_addr()?,
            rtcp: self.rtcp.local_addr()?,
            codec: Codec::Pcma,
            dtmf: Some(101),
            send: true,
            receive: true,
            keys: Some(keys),
        };
        Ok(town.media.connect(leg, remote)?)
    }

    fn packet(&mut self, payload_type: u8, payload: &[u8]) -> Vec<u8> {
        let mut packet = rtp::header(self.next, payload_type).to_vec();
        packet.extend(payload);
        self.next.sequence = self.next.sequence.wrapping_add(1);
        self.next.timestamp = self.next.timestamp.wrapping_add(rtp::FRAME);
        self.cipher.seal(false, &packet).expect("a packet of audio can be protected")
    }

    fn send(&self, packet: &[u8]) {
        self.rtp.send_to(packet, self.local.rtp).expect("loopback takes a packet");
    }

    fn say(&mut self, sample: u8) {
        let packet = self.packet(8, &[sample; 160]);
        self.send(&packet);
    }

    /// Waits for a packet of this payload type that begins with this byte, opened; whatever comes
    /// before must open too.
    fn hear(&mut self, payload_type: u8, first: u8) -> Result<Vec<u8>, String> {
        for _ in 0..200 {
            let sealed = read(&self.rtp, PATIENCE).ok_or("no packet came")?;
            let packet = self.cipher.open(false, &sealed).ok_or("a packet did not open")?;
            let header = rtp::read(&packet).map_err(|error| error.to_string())?;
            if header.payload_type == payload_type && packet.get(header.start) == Some(&first) {
                return Ok(packet);
            }
        }
        Err(format!("{first:#x} never came"))
    }
}

/// Both directions of a bridge, each far end speaking until the other has heard it.
fn converse(left: &mut Phone, right: &mut Phone) -> Result<(), String> {
    for sample in [0x21, 0x43, 0x65] {
        left.say(sample);
        right.hear(8, sample)?;
        right.say(sample + 1);
        left.hear(8, sample + 1)?;
    }
    Ok(())
}

fn town() -> Result<Town, Box<dyn std::error::Error>> {
    Town::new(Span::secs(30))
}

#[test]
fn libsrtp_and_we_open_each_others_packets_and_reports_across_rollovers() -> Outcome {
    for suite in Suite::ALL {
        let keys = keys(suite, 1);
        let Some(mut judge) = Libsrtp::far(keys)? else { return Ok(()) };
        let mut ours = Ours(Outbound::new(keys.send), Inbound::new(keys.receive));
        for step in 0u16..24 {
            let stamp = Stamp {
                marker: false,
                sequence: 60_000u16.wrapping_add(step.wrapping_mul(9_000)),
                timestamp: u32::from(step),
                ssrc: 0x1234_5678,
            };
            let mut packet = rtp::header(stamp, 8).to_vec();
            packet.extend((0..step * 7).map(|byte| u8::try_from(byte & 0xFF).unwrap_or(0)));
            let mut report = Vec::new();
            Report { ssrc: stamp.ssrc, sender: None, block: None, bye: step == 23 }
                .write(&mut report);
            for (is_report, plain) in [(false, &packet), (true, &report)] {
                let (one, two) = (ours.seal(is_report, plain), judge.seal(is_report, plain));
                let (one, two) = (one.ok_or("ours")?, two.ok_or("theirs")?);
                assert_eq!(one.len(), two.len(), "{suite:?}");
                assert_eq!(judge.open(is_report, &one).as_ref(), Some(plain), "{suite:?} {step}");
                assert_eq!(ours.open(is_report, &two).as_ref(), Some(plain), "{suite:?} {step}");
                assert_eq!(judge.open(is_report, &one), None, "{suite:?}: replayed");
                assert_eq!(ours.open(is_report, &two), None, "{suite:?}: replayed");
            }
        }
    }
    Ok(())
}

#[test]
fn audio_goes_both_ways_between_a_plain_leg_and_a_protected_one() -> Outcome {
    for suite in Suite::ALL {
        let keys = keys(suite, 2);
        for cipher in far_ends(keys)? {
            let mut town = town()?;
            let plain = UdpSocket::bind("127.0.0.1:0")?;
            let local = town.media.open(LEFT, None)?;
            let remote = plain_remote(plain.local_addr()?);
            town.media.connect(LEFT, remote)?;
            let mut phone = Phone::new(&town, RIGHT, keys, cipher)?;
            town.media.bridge(LEFT, RIGHT)?;
            let stamp = Stamp { marker: false, sequence: 9, timestamp: 9, ssrc: 9 };
            let mut packet = rtp::header(stamp, 8).to_vec();
            packet.extend([0x31; 160]);
            plain.send_to(&packet, local.rtp)?;
            phone.hear(8, 0x31)?;
            phone.say(0x32);
            let heard = read(&plain, PATIENCE).ok_or("no packet came")?;
            assert_eq!((heard.len(), heard.get(12)), (172, Some(&0x32)), "{suite:?}");
            let quality = town.closed(RIGHT)?;
            assert_eq!((quality.received, quality.lost), (1, 0), "{suite:?}");
        }
    }
    Ok(())
}

fn plain_remote(address: SocketAddr) -> Remote {
    Remote {
        rtp: address,
        rtcp: address,
        codec: Codec::Pcma,
        dtmf: None,
        send: true,
        receive: true,
        keys: None,
    }
}

#[test]
fn two_protected_legs_hear_each_other_whatever_their_suites() -> Outcome {
    for (left, right) in [(Suite::Gcm256, Suite::Cm32), (Suite::Cm80, Suite::Gcm128)] {
        let (at_left, at_right) = (keys(left, 3), keys(right, 4));
        for (one, two) in far_ends(at_left)?.into_iter().zip(far_ends(at_right)?) {
            let town = town()?;
            let mut left = Phone::new(&town, LEFT, at_left, one)?;
            let mut right = Phone::new(&town, RIGHT, at_right, two)?;
            town.media.bridge(LEFT, RIGHT)?;
            converse(&mut left, &mut right)?;
            assert_eq!(town.media.counters().forged, 0);
        }
    }
    Ok(())
}

#[test]
fn prompts_and_keys_reach_a_protected_leg_and_its_own_keys_are_heard() -> Outcome {
    let keys = keys(Suite::Gcm128, 5);
    for cipher in far_ends(keys)? {
        let mut town = town()?;
        let clip = Clip::from_a(&[0x77; 320]);
        let prompt = town.media.add_prompt(clip)?;
        let mut phone = Phone::new(&town, LEFT, keys, cipher)?;
        town.media.feed(LEFT, Feed::Prompt(prompt))?;
        phone.hear(8, 0x77)?;
        town.event(|event| (event == Event::PromptDone(LEFT)).then_some(()))?;
        town.media.send_dtmf(LEFT, b"5")?;
        let packet = phone.hear(101, 5)?;
        assert!(packet.get(12..).and_then(dtmf::Event::read).is_some());
        for volume in [10, 11, 12] {
            let key = dtmf::Event { number: 9, end: volume > 10, volume, duration: 800 };
            let packet = phone.packet(101, &key.write());
            phone.send(&packet);
        }
        let key = town.event(|event| {
            let Event::Dtmf(LEFT, key) = event else { return None };
            Some(key)
        })?;
        assert_eq!(key, b'9');
    }
    Ok(())
}

#[test]
fn reports_are_protected_both_ways_and_plain_ones_are_not_read() -> Outcome {
    for suite in [Suite::Gcm256, Suite::Cm32] {
        let keys = keys(suite, 6);
        for cipher in far_ends(keys)? {
            let mut town = town()?;
            let mut phone = Phone::new(&town, LEFT, keys, cipher)?;
            town.settle()?;
            let sender = Sender { ntp: Ntp(1 << 40), timestamp: 1, packets: 1, octets: 160 };
            let mut report = Vec::new();
            Report { ssrc: 5, sender: Some(sender), block: None, bye: false }.write(&mut report);
            phone.rtcp.send_to(&report, phone.local.rtcp)?;
            town.count(
                |counters| (counters.forged + counters.malformed, counters.reports),
                (1, 0),
            )?;
            let sealed = phone.cipher.seal(true, &report).ok_or("a report can be protected")?;
            phone.rtcp.send_to(&sealed, phone.local.rtcp)?;
            town.count(|counters| counters.reports, 1)?;
            phone.rtcp.send_to(&sealed, phone.local.rtcp)?;
            town.count(|counters| counters.replayed, 1)?;
            town.closed(LEFT)?;
            let goodbye = read(&phone.rtcp, PATIENCE).ok_or("no report came")?;
            let goodbye = phone.cipher.open(true, &goodbye).ok_or("the report did not open")?;
            assert!(rtcp::read(&goodbye, 0)?.bye, "{suite:?}");
        }
    }
    Ok(())
}

#[test]
fn what_is_not_authentic_neither_passes_nor_moves_the_leg() -> Outcome {
    let (at_left, at_right) = (keys(Suite::Cm80, 7), keys(Suite::Cm80, 8));
    let town = town()?;
    let mut left = Phone::new(&town, LEFT, at_left, Box::new(Ours::far(at_left)))?;
    let mut right = Phone::new(&town, RIGHT, at_right, Box::new(Ours::far(at_right)))?;
    town.media.bridge(LEFT, RIGHT)?;
    // From the announced host, and right in everything but the key.
    let stranger = UdpSocket::bind("127.0.0.1:0")?;
    let mut other = Ours::far(keys(Suite::Cm80, 9));
    for sequence in 0..5 {
        let stamp = Stamp { marker: false, sequence, timestamp: 1, ssrc: 1 };
        let mut plain = rtp::header(stamp, 8).to_vec();
        plain.extend([0x66; 160]);
        stranger.send_to(&plain, left.local.rtp)?;
        let sealed = other.seal(false, &plain).ok_or("another key")?;
        stranger.send_to(&sealed, left.local.rtp)?;
    }
    town.count(|counters| (counters.forged, counters.relayed), (10, 0))?;
    converse(&mut left, &mut right)?;
    assert!(read(&stranger, QUIET).is_none(), "nothing of ours goes to the stranger");
    let again = left.packet(8, &[0x12; 160]);
    left.send(&again);
    right.hear(8, 0x12)?;
    left.send(&again);
    town.count(|counters| counters.replayed, 1)?;
    // Once the leg is locked, others are not even tried.
    stranger.send_to(&again, left.local.rtp)?;
    town.count(|counters| counters.strangers, 1)?;
    Ok(())
}

#[test]
fn the_same_keys_go_on_across_an_answer_and_new_ones_begin_anew() -> Outcome {
    let (at_left, at_right) = (keys(Suite::Gcm128, 10), keys(Suite::Gcm128, 11));
    let mut town = town()?;
    let mut left = Phone::new(&town, LEFT, at_left, Box::new(Ours::far(at_left)))?;
    let mut right = Phone::new(&town, RIGHT, at_right, Box::new(Ours::far(at_right)))?;
    town.media.bridge(LEFT, RIGHT)?;
    // Sequence numbers roll over here: 65,534, 65,535, 0.
    converse(&mut left, &mut right)?;
    left.connect(&town, LEFT, at_left)?;
    town.settle()?;
    converse(&mut left, &mut right)?;
    let renewed = keys(Suite::Cm80, 12);
    left.connect(&town, LEFT, renewed)?;
    town.settle()?;
    left.say(0x09);
    town.count(|counters| counters.forged, 1)?;
    left.cipher = Box::new(Ours::far(renewed));
    converse(&mut left, &mut right)?;
    // Plain for a while, then the key before last again: it goes on where it was.
    let address = left.rtp.local_addr()?;
    town.media.connect(LEFT, plain_remote(address))?;
    town.settle()?;
    right.say(0x55);
    let plain = || read(&left.rtp, PATIENCE).ok_or("no packet came");
    let whole = |packet: &[u8]| packet.len() == 172 && packet.get(12) == Some(&0x55);
    while !whole(&plain()?) {}
    left.connect(&town, LEFT, renewed)?;
    town.settle()?;
    converse(&mut left, &mut right)?;
    Ok(())
}
