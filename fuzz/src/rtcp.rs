//! RTCP: read, written back, and under a key.

use cadran::units::{Mono, Ratio, Span};
use cadran::wire::rtcp::{self, Ntp, Reception, Report, Sender};
use cadran::wire::rtp::Header;
use cadran::wire::srtp::{Inbound, Outbound, Suite, TRAILER_MAX};

use super::rtp::key;
use super::script::Script;

/// The longest packet taken: a frame of Ethernet.
const PACKET_MAX: usize = 1_500;
/// Our own source.
const OURS: u32 = 0x0102_0304;

/// Reads the bytes as packets, each with its length before it.
pub fn run(data: &[u8]) {
    let mut script = Script::new(data);
    let suite = Suite::ALL[script.below(Suite::ALL.len())];
    let mut ways = (Outbound::new(key(suite)), Inbound::new(key(suite)));
    let mut reception = Reception::default();
    let mut now = Mono::START;
    while let Some(length) = script.byte() {
        let packet = script.take(usize::from(length));
        now = now + Span::millis(u64::from(length));
        read(packet);
        received(packet, &mut reception, now);
        protected(packet, &mut ways);
    }
}

fn read(packet: &[u8]) {
    let Ok(told) = rtcp::read(packet, OURS) else { return };
    let Some(block) = told.block else { return };
    assert_eq!(block.ssrc, OURS, "a report on somebody else's stream");
    assert!(block.round_trip_ms(Ntp(0)).is_none_or(|trip| (0.0..=60_000.0).contains(&trip)));
    let sender = told.report.map(|report| Sender {
        ntp: Ntp(u64::from(report) << 16),
        timestamp: 1,
        packets: 2,
        octets: 3,
    });
    let mut written = Vec::new();
    Report { ssrc: 9, sender, block: Some(block), bye: told.bye }.write(&mut written);
    assert_eq!(rtcp::read(&written, OURS), Ok(told), "what was written reads otherwise");
}

/// Takes the bytes as headers of a stream, and claims that the books add up.
fn received(packet: &[u8], reception: &mut Reception, now: Mono) {
    let [high, low, a, b, c, d, ssrc, kind, ..] = *packet else { return };
    let header = Header {
        payload_type: 8,
        marker: false,
        sequence: u16::from_be_bytes([high, low]),
        timestamp: u32::from_be_bytes([a, b, c, d]),
        ssrc: u32::from(ssrc % 4),
        start: 12,
        end: 172,
    };
    let before = reception.received();
    reception.hear(&header, kind % 2 == 0, now);
    assert_eq!(reception.received(), before + 1, "a packet was counted twice or not at all");
    let loss = reception.loss();
    assert!((0.0..=1.0).contains(&loss.get()));
    if kind % 8 == 0 {
        assert!(reception.block().is_some_and(|block| block.ssrc == header.ssrc));
    }
    let score = rtcp::mean_opinion_score(loss, reception.jitter_ms(), f64::from(kind));
    assert!((1.0..=4.5).contains(&score), "{score} is no opinion");
    let score = rtcp::mean_opinion_score(Ratio::default(), 0.0, f64::from(a) * 1e6);
    assert!((1.0..=4.5).contains(&score), "{score} is no opinion");
}

/// Claims that nothing opens but what was protected, unchanged and once.
fn protected(packet: &[u8], (send, receive): &mut (Outbound, Inbound)) {
    let mut stranger = packet.to_vec();
    assert!(receive.open_report(&mut stranger).is_err(), "a report without the key was opened");
    let mut buffer = [0; PACKET_MAX + TRAILER_MAX];
    buffer[..packet.len()].copy_from_slice(packet);
    let Ok(length) = send.protect_report(&mut buffer, packet.len()) else { return };
    let whole = buffer.get(..length).expect("the trailer has room").to_vec();
    for place in [0, 4, length / 2, length - 1] {
        let mut changed = whole.clone();
        if let Some(byte) = changed.get_mut(place) {
            *byte ^= 1;
        }
        assert!(receive.open_report(&mut changed).is_err(), "a changed report was opened");
    }
    let mut opened = whole.clone();
    if let Ok(plain) = receive.open_report(&mut opened) {
        assert_eq!(opened.get(..plain), Some(packet), "opened to something else");
    }
    let mut again = whole;
    assert!(receive.open_report(&mut again).is_err(), "a report was opened twice");
}
