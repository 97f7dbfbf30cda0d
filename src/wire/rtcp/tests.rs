use proptest::prelude::*;

use super::*;
use crate::units::Span;

fn heard(ssrc: u32, sequence: u16, timestamp: u32) -> Header {
    Header { payload_type: 8, marker: false, sequence, timestamp, ssrc, start: 12, end: 172 }
}

fn ms(millis: u64) -> Mono {
    Mono::START + Span::millis(millis)
}

#[test]
fn losses_are_counted_over_the_wrap_and_over_a_change_of_source() {
    let mut books = Reception::default();
    for (at, sequence) in [65_533, 65_535, 1, 0, 2].into_iter().enumerate() {
        books.hear(&heard(1, sequence, 0), false, ms(20 * at as u64));
    }
    assert_eq!((books.received(), books.lost()), (5, 1));
    for sequence in [10, 13] {
        books.hear(&heard(2, sequence, 0), false, ms(200));
    }
    assert_eq!((books.received(), books.lost()), (7, 3));
    assert!((books.loss().get() - 0.3).abs() < 1e-12);
}

#[test]
fn a_report_tells_the_loss_since_the_one_before() {
    let mut books = Reception::default();
    for sequence in [1, 2, 4] {
        books.hear(&heard(1, sequence, 0), false, ms(0));
    }
    let first = books.block().map(|block| (block.fraction, block.lost, block.highest));
    assert_eq!(first, Some((64, 1, 4)), "one of four is 64/256");
    books.hear(&heard(1, 5, 0), false, ms(0));
    assert_eq!(books.block().map(|block| (block.fraction, block.lost)), Some((0, 1)));
}

#[test]
fn jitter_follows_the_recurrence_of_the_standard() {
    let mut books = Reception::default();
    let mut want = 0.0_f64;
    for at in 0u16..200 {
        let late = if at % 2 == 0 { 0 } else { 8 };
        books.hear(&heard(1, at, u32::from(at) * 160), true, ms(u64::from(at) * 20 + late));
        want += if at == 0 { 0.0 } else { (8.0 - want) / 16.0 };
    }
    assert!((books.jitter_ms() - want).abs() < 0.1, "{} for {want}", books.jitter_ms());
}

#[test]
fn a_report_reads_back_as_it_was_written() {
    let block = Block {
        ssrc: 0x0102_0304,
        fraction: 12,
        lost: 345,
        highest: 0x1_0007,
        jitter: 9,
        last_report: 0xAABB_CCDD,
        delay: 65_536,
    };
    let ntp = Ntp::at(Wall::micros(1_000_000_500_000));
    let sender = Some(Sender { ntp, timestamp: 1, packets: 2, octets: 320 });
    let mut out = vec![1, 2, 3];
    Report { ssrc: 7, sender, block: Some(block), bye: true }.write(&mut out);
    assert_eq!(out.len() % 4, 0);
    let told = Told { report: Some(ntp.middle()), block: Some(block), bye: true };
    assert_eq!(read(&out, 0x0102_0304), Ok(told));
    assert_eq!(read(&out, 5).map(|told| told.block), Ok(None), "a block about somebody else");
    Report { ssrc: 7, sender: None, block: Some(block), bye: false }.write(&mut out);
    let told = Told { report: None, block: Some(block), bye: false };
    assert_eq!(read(&out, 0x0102_0304), Ok(told));
}

#[test]
fn the_standards_example_gives_its_round_trip() {
    // RFC 3550 §6.4.1, figure 2: A = 0xb710:8000, LSR = 0xb705:2000, DLSR = 5.250 s.
    let block = Block { last_report: 0xB705_2000, delay: 0x0005_4000, ..Block::default() };
    let arrival = Ntp(0xB710_8000 << 16);
    assert_eq!(block.round_trip_ms(arrival), Some(6_125.0));
    assert_eq!(Block::default().round_trip_ms(arrival), None, "answers no report");
    let ahead = Block { delay: 0x00FF_0000, ..block };
    assert_eq!(ahead.round_trip_ms(arrival), None, "a negative round trip");
}

#[test]
fn scores_are_those_of_the_published_curve() {
    let score = |loss, jitter, trip| mean_opinion_score(Ratio::new(loss), jitter, trip);
    assert!(score(1.0, 115.0, 0.0) >= 1.0, "a rating of three is the least opinion");
    // R = 93.2 less 0.48 for one packet time; G.107 Annex B gives 4.40 at R = 92.7.
    assert!((score(0.0, 0.0, 0.0) - 4.40).abs() < 0.01);
    // 5 % random loss with concealment: Ie,eff = 15.8, R = 76.9, MOS 3.9.
    assert!((score(0.05, 0.0, 0.0) - 3.90).abs() < 0.05);
    assert!(score(1.0, 0.0, 10_000.0) >= 1.0);
    assert!(score(0.0, 0.0, 600.0) < score(0.0, 0.0, 100.0));
    assert!(score(0.0, 60.0, 100.0) < score(0.0, 1.0, 100.0));
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(
        mut bytes in proptest::collection::vec(any::<u8>(), 0..120), kind in 198u8..206,
    ) {
        let words = bytes.len() / 4;
        if let [flags, second, high, low, ..] = &mut bytes[..] {
            *flags = *flags & 0x3F | 0x80;
            (*second, *high) = (kind, 0);
            *low = u8::try_from(words.saturating_sub(1)).unwrap_or(0);
        }
        let told = read(&bytes, 0);
        prop_assert!(told.is_ok() || bytes.len() % 4 != 0 || bytes.len() < 16);
    }

    #[test]
    fn the_books_stand_any_stream(
        packets in proptest::collection::vec(
            (0u32..3, any::<u16>(), any::<u32>(), any::<bool>(), 0u64..100_000), 0..300),
    ) {
        let mut books = Reception::default();
        for (ssrc, sequence, timestamp, audio, at) in &packets {
            books.hear(&heard(*ssrc, *sequence, *timestamp), *audio, ms(*at));
        }
        prop_assert_eq!(books.received(), packets.len() as u64);
        let score = mean_opinion_score(books.loss(), books.jitter_ms(), 0.0);
        prop_assert!((1.0..=4.5).contains(&score));
    }
}
