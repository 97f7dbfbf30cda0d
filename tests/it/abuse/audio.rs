//! Strangers at the ports of a conversation.

use std::net::{SocketAddr, UdpSocket};

use cadran::media::{Codec, Counters};
use cadran::units::{LegId, Span};
use cadran::wire::rtp::{self, Stamp};

use crate::media::{Phone, Town};

type Outcome = Result<(), Box<dyn std::error::Error>>;

const OURS: u8 = 0x33;
const THEIRS: u8 = 0x66;

fn foe() -> std::io::Result<UdpSocket> {
    UdpSocket::bind("127.66.6.9:0")
}

fn talk(stamp: Stamp) -> Vec<u8> {
    [&rtp::header(stamp, 8)[..], &[THEIRS; 160]].concat()
}

/// Lets one phone speak and the other hear, so often; what a thief says must not come.
fn go_on(speaker: &mut Phone, hearer: &Phone, packets: u8) -> Outcome {
    for _ in 0..packets {
        speaker.say(OURS);
        let (header, packet) = hearer.hear()?;
        assert_ne!(packet.get(header.start), Some(&THEIRS), "a stranger is heard");
    }
    Ok(())
}

#[test]
fn a_thief_is_neither_heard_nor_given_the_conversation() -> Outcome {
    let mut town = Town::new(Span::secs(30))?;
    let (mut left, mut right) = town.pair(Codec::Pcma, Codec::Pcma)?;
    let foe = foe()?;
    foe.set_nonblocking(true)?;
    let rtcp = SocketAddr::new(left.local.rtp.ip(), left.local.rtp.port() + 1);
    for round in 0..50 {
        // The far end's own source, the very next numbers, and a goodbye in its name.
        let next = left.next;
        for ahead in 0..4 {
            let sequence = next.sequence.wrapping_add(ahead);
            foe.send_to(&talk(Stamp { sequence, ..next }), left.local.rtp)?;
        }
        foe.send_to(&[0x81, 203, 0, 1, 0, 0, 0, round], rtcp)?;
        go_on(&mut left, &right, 1)?;
        go_on(&mut right, &left, 1)?;
    }
    town.count(|told: Counters| (told.strangers, told.malformed), (250, 0))?;
    let mut heard = [0; 1_500];
    assert!(foe.recv(&mut heard).is_err(), "nothing goes to the thief");
    Ok(())
}

#[test]
fn who_is_faster_than_the_far_end_loses_the_stream_to_it() -> Outcome {
    let town = Town::new(Span::secs(30))?;
    let mut left = town.phone(LegId(1), Codec::Pcma, None)?;
    let mut right = town.phone(LegId(2), Codec::Pcma, None)?;
    town.media.bridge(LegId(1), LegId(2))?;
    let foe = foe()?;
    for sequence in 0..10 {
        let stamp = Stamp { marker: false, sequence, timestamp: 0, ssrc: 6 };
        foe.send_to(&talk(stamp), left.local.rtp)?;
    }
    // The thief is heard: until the answer's own address speaks nobody can tell them apart.
    right.hear_sample(THEIRS)?;
    left.say(OURS);
    right.hear_sample(OURS)?;
    for sequence in 10..20 {
        let stamp = Stamp { marker: false, sequence, timestamp: 0, ssrc: 6 };
        foe.send_to(&talk(stamp), left.local.rtp)?;
    }
    go_on(&mut left, &right, 20)?;
    right.say(OURS);
    left.hear_sample(OURS)?;
    Ok(())
}

#[test]
fn a_flood_at_one_leg_does_not_deafen_it() -> Outcome {
    let mut town = Town::new(Span::secs(30))?;
    let (mut left, mut right) = town.pair(Codec::Pcma, Codec::Pcma)?;
    let foe = foe()?;
    let junk = [vec![0; 3], vec![0xFF; 172], vec![0x80; 1_400], Vec::new()];
    for _ in 0..100 {
        // As much as the port's own room holds.
        for round in 0..20 {
            foe.send_to(&junk[round % junk.len()], left.local.rtp)?;
        }
        go_on(&mut left, &right, 1)?;
        go_on(&mut right, &left, 1)?;
    }
    town.count(|told: Counters| told.strangers + told.malformed, 2_000)?;
    Ok(())
}
