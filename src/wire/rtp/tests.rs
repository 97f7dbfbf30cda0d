use proptest::prelude::*;

use super::*;

fn ms(millis: u64) -> Mono {
    Mono::START + Span::millis(millis)
}

fn heard(ssrc: u32, sequence: u16, timestamp: u32) -> Header {
    Header { payload_type: 8, marker: false, sequence, timestamp, ssrc, start: 12, end: 172 }
}

fn numbers(stamp: Option<Stamp>) -> Option<(bool, u16, u32)> {
    stamp.map(|stamp| (stamp.marker, stamp.sequence, stamp.timestamp))
}

#[test]
fn a_header_reads_back_as_it_was_written() -> Result<(), NotRtp> {
    let stamp = Stamp { marker: true, sequence: 65_535, timestamp: 7, ssrc: 0xDEAD_BEEF };
    let mut packet = header(stamp, 101).to_vec();
    packet.extend([1, 2, 3]);
    let read = read(&packet)?;
    assert_eq!((read.payload_type, read.marker, read.sequence), (101, true, 65_535));
    assert_eq!((read.timestamp, read.ssrc), (7, 0xDEAD_BEEF));
    assert_eq!((read.start, read.end), (12, 15));
    Ok(())
}

#[test]
fn rewriting_leaves_extension_and_payload_alone() {
    let mut packet = vec![0x90, 0x08, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0xBE, 0xDE, 0, 0, 5, 6];
    let before = packet.clone();
    let stamp = Stamp { marker: false, sequence: 9, timestamp: 9, ssrc: 9 };
    rewrite(&mut packet, stamp, 0);
    assert_eq!(packet.get(12..), before.get(12..));
    assert_eq!(packet.first(), before.first());
    assert_eq!(read(&packet).map(|header| header.start), Ok(16));
}

#[test]
fn own_packets_step_by_one_frame_whatever_the_tick_does() {
    let mut out = Outgoing::new(1, 10, 1_000);
    let stamps = [ms(0), ms(21), ms(39), ms(60)].map(|now| numbers(Some(out.own(now))));
    let want = [(true, 11, 1_000), (false, 12, 1_160), (false, 13, 1_320), (false, 14, 1_480)];
    assert_eq!(stamps, want.map(Some));
}

#[test]
fn a_source_joins_where_real_time_stands() {
    let mut out = Outgoing::new(1, 10, 1_000);
    out.own(ms(0));
    assert_eq!(numbers(out.relay(&heard(5, 500, 90_000), ms(50))), Some((true, 12, 1_400)));
    assert_eq!(numbers(out.relay(&heard(5, 501, 90_160), ms(70))), Some((false, 13, 1_560)));
}

#[test]
fn a_source_that_joins_at_once_does_not_overlap_the_last_packet() {
    let mut out = Outgoing::new(1, 10, 1_000);
    out.own(ms(0));
    assert_eq!(numbers(out.relay(&heard(5, 500, 90_000), ms(3))), Some((true, 12, 1_160)));
}

#[test]
fn losses_and_swaps_of_the_source_are_passed_on_as_they_are() {
    let mut out = Outgoing::new(1, 10, 0);
    let came = [(100, 0), (102, 320), (101, 160), (102, 320), (104, 640)];
    let sent = came.map(|(seq, ts)| {
        out.relay(&heard(5, seq, ts), ms(20)).map(|stamp| (stamp.sequence, stamp.timestamp))
    });
    assert_eq!(sent, [Some((11, 0)), Some((13, 320)), Some((12, 160)), None, Some((15, 640))]);
}

#[test]
fn packets_from_before_the_joining_are_dropped() {
    let mut out = Outgoing::new(1, 10, 0);
    out.relay(&heard(5, 100, 0), ms(0));
    assert_eq!(out.relay(&heard(5, 99, 0u32.wrapping_sub(160)), ms(1)), None);
    out.relay(&heard(5, 101, 160), ms(20));
    assert_eq!(out.relay(&heard(5, 99, 0u32.wrapping_sub(160)), ms(21)), None);
}

#[test]
fn a_new_ssrc_or_a_jumping_clock_does_not_show() {
    let mut out = Outgoing::new(1, 10, 0);
    out.relay(&heard(5, 100, 0), ms(0));
    assert_eq!(numbers(out.relay(&heard(6, 9, 77_777), ms(20))), Some((true, 12, 160)));
    assert_eq!(numbers(out.relay(&heard(6, 10, 900_000), ms(40))), Some((true, 13, 320)));
    assert_eq!(numbers(out.relay(&heard(6, 30_000, 900_160), ms(60))), Some((true, 14, 480)));
}

#[test]
fn what_is_left_out_leaves_no_hole() {
    let mut out = Outgoing::new(1, 10, 0);
    out.relay(&heard(5, 100, 0), ms(0));
    out.leave_out(&heard(5, 101, 160));
    out.leave_out(&heard(5, 102, 160));
    assert_eq!(numbers(out.relay(&heard(5, 103, 480), ms(60))), Some((false, 12, 480)));
}

#[test]
fn an_event_keeps_its_first_timestamp_and_audio_goes_on_in_real_time() {
    let mut out = Outgoing::new(1, 10, 0);
    out.own(ms(0));
    assert_eq!(numbers(Some(out.event(true, ms(20)))), Some((true, 12, 160)));
    assert_eq!(numbers(Some(out.event(false, ms(40)))), Some((false, 13, 160)));
    assert_eq!(numbers(Some(out.own(ms(220)))), Some((true, 14, 1_760)));
}

#[test]
fn a_relayed_event_does_not_hold_the_clock_up() {
    let mut out = Outgoing::new(1, 10, 0);
    for step in 0..50u16 {
        out.relay(&heard(5, 100 + step, 0), ms(u64::from(step) * 20));
    }
    assert_eq!(numbers(Some(out.own(ms(1_000)))), Some((true, 61, 8_000)));
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(mut packet in proptest::collection::vec(any::<u8>(), 0..80)) {
        let stamp = Stamp { marker: true, sequence: 1, timestamp: 2, ssrc: 3 };
        if let Ok(header) = read(&packet) {
            prop_assert!(header.start <= header.end && header.end <= packet.len());
            rewrite(&mut packet, stamp, 8);
            let back = read(&packet);
            let place = back.map(|back| (back.start, back.end));
            prop_assert_eq!(place, Ok((header.start, header.end)));
        } else {
            rewrite(&mut packet, stamp, 8);
        }
    }

    #[test]
    fn no_sequence_number_goes_out_twice(
        steps in proptest::collection::vec(
            (0u8..4, 1u16..5_000, any::<u32>(), 1u64..50), 1..200),
    ) {
        let mut out = Outgoing::new(1, 0, 0);
        let mut now = Mono::START;
        let mut seen = std::collections::BTreeSet::new();
        let mut sequence = 0u16;
        for (kind, leap, random, wait) in steps {
            now = now + Span::millis(wait);
            sequence = sequence.wrapping_add(if kind == 2 { 1 } else { leap });
            let stamp = match kind {
                0 => Some(out.own(now)),
                1 => Some(out.event(leap % 2 == 0, now)),
                2 => out.relay(&heard(7, sequence, u32::from(sequence) * 160), now),
                _ => out.relay(&heard(random % 3, sequence, random), now),
            };
            if let Some(stamp) = stamp {
                prop_assert!(seen.insert(stamp.sequence), "{} twice", stamp.sequence);
            }
        }
    }
}
