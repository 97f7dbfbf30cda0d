//! RTP: plain, relayed, and under a key.

use cadran::units::{Mono, Span};
use cadran::wire::dtmf::{Ear, Event};
use cadran::wire::rtp::{self, Outgoing, Stamp};
use cadran::wire::srtp::{Inbound, Key, Outbound, Refusal, Suite, TRAILER_MAX};

use super::script::Script;

/// The longest packet taken: a frame of Ethernet.
const PACKET_MAX: usize = 1_500;

/// Reads the bytes as packets, each with its length before it.
pub fn run(data: &[u8]) {
    let mut script = Script::new(data);
    let mut out = Outgoing::new(1, 2, 3);
    let mut ear = Ear::default();
    let mut now = Mono::START;
    let suite = Suite::ALL[script.below(Suite::ALL.len())];
    let mut ways = (Outbound::new(key(suite)), Inbound::new(key(suite)));
    while let Some(length) = script.byte() {
        let packet = script.take(usize::from(length));
        now = now + Span::millis(u64::from(length));
        relayed(packet, &mut out, &mut ear, now);
        protected(packet, &mut ways);
    }
}

fn relayed(packet: &[u8], out: &mut Outgoing, ear: &mut Ear, now: Mono) {
    let Ok(header) = rtp::read(packet) else { return };
    assert!(header.start >= rtp::HEADER && header.start <= header.end);
    let payload = packet.get(header.start..header.end).expect("the payload lies in the packet");
    if let Some(event) = Event::read(payload) {
        let again = Event::read(&event.write()).expect("what was written can be read");
        assert_eq!(again, event);
        assert!(event.key().is_none_or(|key| key.is_ascii()));
        ear.hear(header.timestamp, event);
    }
    let stamp = match header.payload_type {
        0..32 => out.relay(&header, now),
        32..64 => {
            out.leave_out(&header);
            None
        }
        64..96 => Some(out.own(now)),
        96..120 => Some(out.event(header.marker, now)),
        _ => {
            out.pause();
            None
        }
    };
    let Some(stamp) = stamp else { return };
    assert_eq!(stamp.ssrc, out.ssrc(), "the stream changed its source");
    let mut sent = packet.to_vec();
    rtp::rewrite(&mut sent, stamp, 8);
    let again = rtp::read(&sent).expect("a rewritten packet is a packet");
    let Stamp { marker, sequence, timestamp, ssrc } = stamp;
    let told = (again.marker, again.sequence, again.timestamp, again.ssrc);
    assert_eq!(told, (marker, sequence, timestamp, ssrc));
    assert_eq!((again.start, again.end), (header.start, header.end));
}

/// Claims that nothing opens but what was protected, unchanged and once.
fn protected(packet: &[u8], (send, receive): &mut (Outbound, Inbound)) {
    let mut stranger = packet.to_vec();
    assert!(receive.open(&mut stranger).is_err(), "a packet without the key was opened");
    let mut buffer = [0; PACKET_MAX + TRAILER_MAX];
    buffer[..packet.len()].copy_from_slice(packet);
    let Ok(length) = send.protect(&mut buffer, packet.len()) else { return };
    let whole = buffer.get(..length).expect("the trailer has room").to_vec();
    for place in [0, 1, 2, 8, 11, length / 2, length - 1] {
        let mut changed = whole.clone();
        if let Some(byte) = changed.get_mut(place) {
            *byte ^= 1;
        }
        assert!(receive.open(&mut changed).is_err(), "a changed packet was opened");
    }
    let mut opened = whole.clone();
    match receive.open(&mut opened) {
        Ok(plain) => {
            assert_eq!(opened.get(..plain), Some(packet), "opened to something else");
            let mut again = whole.clone();
            assert_eq!(receive.open(&mut again), Err(Refusal::Replayed));
        }
        // The far end has lost its place, or saw too many sources: it takes nothing then.
        Err(Refusal::Forged | Refusal::Replayed | Refusal::TooManySources) => {}
        Err(refusal) => panic!("{refusal} of our own packet"),
    }
}

/// Makes the key of one direction.
pub fn key(suite: Suite) -> Key {
    Key::new(suite, &vec![7; suite.key_length()]).expect("the key is as long as the suite wants")
}
