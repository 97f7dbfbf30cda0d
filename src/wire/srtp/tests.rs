use std::fmt::Write as _;

use proptest::prelude::*;

use super::context::INDEX_WORD;
use super::transform::{CM_SALT, GCM_SALT, Parts, Protocol, Transform};
use super::window::Window;
use super::*;

type Outcome = Result<(), Box<dyn std::error::Error>>;

const SSRC: u32 = 0xCAFE_BABE;

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
    let digit = |byte: u8| (byte as char).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let pair = |pair: &[u8]| Some(digit(*pair.first()?)? << 4 | digit(*pair.get(1)?)?);
    digits.chunks(2).filter_map(pair).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a String takes everything");
        text
    })
}

fn key(suite: Suite) -> Key {
    let bytes: Vec<u8> = (1..=44).collect();
    let bytes = bytes.get(..suite.key_length()).expect("44 is the longest");
    Key::new(suite, bytes).expect("the suite's own length")
}

fn packet(sequence: u16, payload: &[u8]) -> Vec<u8> {
    let [high, low] = sequence.to_be_bytes();
    let mut packet = vec![0x80, 8, high, low, 0, 0, 0, 1];
    packet.extend(SSRC.to_be_bytes());
    packet.extend(payload);
    packet
}

/// Lets a side change a packet in place, with some room behind it.
fn changed(
    packet: &[u8],
    room: usize,
    change: impl FnOnce(&mut [u8]) -> Result<usize, Refusal>,
) -> Result<Vec<u8>, Refusal> {
    let mut buffer = packet.to_vec();
    buffer.resize(packet.len() + room, 0);
    let length = change(&mut buffer)?;
    buffer.truncate(length);
    Ok(buffer)
}

fn protect(side: &mut Outbound, packet: &[u8]) -> Result<Vec<u8>, Refusal> {
    changed(packet, TRAILER_MAX, |buffer| side.protect(buffer, packet.len()))
}

fn protect_report(side: &mut Outbound, packet: &[u8]) -> Result<Vec<u8>, Refusal> {
    changed(packet, TRAILER_MAX, |buffer| side.protect_report(buffer, packet.len()))
}

fn open(side: &mut Inbound, packet: &[u8]) -> Result<Vec<u8>, Refusal> {
    changed(packet, 0, |buffer| side.open(buffer))
}

fn open_report(side: &mut Inbound, packet: &[u8]) -> Result<Vec<u8>, Refusal> {
    changed(packet, 0, |buffer| side.open_report(buffer))
}

fn sides(suite: Suite) -> (Outbound, Inbound) {
    (Outbound::new(key(suite)), Inbound::new(key(suite)))
}

/// RFC 3711 appendix B.3's master key and salt.
const MASTER: &str = "E1F97A0D3E018BE0D64FA32C06DE4139 0EC675AD498AFEEBB6960B3AABE6";

#[test]
fn the_keystream_is_that_of_rfc_3711_appendix_b_2() {
    let cipher_key = bytes("2B7E151628AED2A6ABF7158809CF4F3C");
    let salt = bytes("F0F1F2F3F4F5F6F7F8F9FAFBFCFD");
    let stream = transform::keystream_of(&cipher_key, &salt, 0x0FF03 * 16);
    for (block, want) in [
        (0x0000, "e03ead0935c95e80e166b16dd92b4eb4"),
        (0x0001, "d23513162b02d0f72a43a2fe4a5f97ab"),
        (0x0002, "41e95b3bb0a2e8dd477901e4fca894c0"),
        (0xFEFF, "ec8cdf7398607cb0f2d21675ea9ea1e4"),
        (0xFF00, "362b7c3c6773516318a077d7fc5073ae"),
        (0xFF01, "6a2cc3787889374fbeb4c81b17ba6c44"),
    ] {
        let at = block * 16;
        assert_eq!(stream.get(at..at + 16).map(hex).as_deref(), Some(want), "block {block:x}");
    }
}

#[test]
fn the_session_keys_are_those_of_rfc_3711_appendix_b_3() -> Outcome {
    let key = Key::new(Suite::Cm80, &bytes(MASTER)).ok_or("a key of 30 bytes")?;
    let [cipher, mac, salt] = transform::session_keys(&key, [16, 94, CM_SALT]);
    assert_eq!(hex(&cipher), "c61e7a93744f39ee10734afe3ff7a087");
    assert_eq!(hex(&salt), "30cbbc08863d8c85d49db34a9ae1");
    assert_eq!(
        hex(&mac),
        "cebe321f6ff7716b6fd4ab49af256a156d38baa48f0a0acf3c34e2359e6cdbce\
         e049646c43d9327ad175578ef72270986371c10c9a369ac2f94a8c5fbcdddc25\
         6d6e919a48b610ef17c2041e474035766b68642c59bbfc2f34db60dbdfb2"
    );
    Ok(())
}

/// RFC 7714 §16 and §17 are told in session keys and this salt.
const GCM_SESSION_SALT: &str = "517569642070726f2071756f";

fn gcm(suite: Suite, protocol: Protocol) -> Transform {
    let secret: Vec<u8> = (0..32).collect();
    let salt = bytes(GCM_SESSION_SALT);
    let salt: [u8; GCM_SALT] = salt.try_into().expect("twelve bytes");
    Transform::of_session(suite, protocol, &secret, salt)
}

#[test]
fn the_packets_are_those_of_rfc_7714_section_16() {
    let plain = "8040f17b8041f8d35501a0b2\
                 47616c6c696120657374206f6d6e6973206469766973612069\
                 6e207061727465732074726573";
    for (suite, sealed) in [
        (
            Suite::Gcm128,
            "f24de3a3fb34de6cacba861c9d7e4bcabe633bd50d294e6f42a5f47a51c7d19b36de3adf8833\
             899d7f27beb16a9152cf765ee4390cce",
        ),
        (
            Suite::Gcm256,
            "32b1de78a822fe12ef9f78fa332e33aab18012389a58e2f3b50b2a0276ffae0f1ba63799b87b\
             7aa3db36dfffd6b0f9bb7878d7a76c13",
        ),
    ] {
        let transform = gcm(suite, Protocol::Rtp);
        let mut packet = bytes(plain);
        let (head, body) = packet.split_at_mut(12);
        let (index, ssrc, word) = (0xF17B, 0x5501_A0B2, [0; 4]);
        let mut tag = [0; 16];
        transform.seal(Parts { ssrc, index, head, body, word }, &mut tag);
        assert_eq!(format!("{}{}", hex(body), hex(&tag)), sealed, "{suite:?}");
        assert!(transform.open(Parts { ssrc, index, head, body, word }, &tag));
        assert_eq!(hex(&packet), plain);
    }
}

#[test]
fn the_reports_are_those_of_rfc_7714_section_17() {
    let plain = "81c8000d4d6172734e5450314e545032525450200000042a0000e9304c756e61\
                 deadbeefdeadbeefdeadbeefdeadbeefdeadbeef";
    for (suite, sealed) in [
        (
            Suite::Gcm128,
            "63e94885dcdab67ca727d7662f6b7e997ff5c0f76c06f32dc676a5f1730d6fda\
             4ce09b4686303ded0bb9275bc84aa45896cf4d2fc5abf87245d9eade",
        ),
        (
            Suite::Gcm256,
            "d50ae4d1f5ce5d304ba297e47d470c282c3ece5dbffe0a50a2eaa5c1110555be\
             8415f658c61de0476f1b6fad1d1eb30c4446839f57ff6f6cb26ac3be",
        ),
    ] {
        let transform = gcm(suite, Protocol::Rtcp);
        let mut packet = bytes(plain);
        let (head, body) = packet.split_at_mut(8);
        let (index, ssrc, word) = (0x5D4, 0x4D61_7273, 0x8000_05D4u32.to_be_bytes());
        let mut tag = [0; 16];
        transform.seal(Parts { ssrc, index, head, body, word }, &mut tag);
        assert_eq!(format!("{}{}", hex(body), hex(&tag)), sealed, "{suite:?}");
        assert!(transform.open(Parts { ssrc, index, head, body, word }, &tag));
        assert_eq!(hex(&packet), plain);
    }
}

#[test]
fn a_key_has_the_length_of_its_suite_and_prints_without_its_bytes() {
    for (suite, length) in
        [(Suite::Gcm256, 44), (Suite::Gcm128, 28), (Suite::Cm80, 30), (Suite::Cm32, 30)]
    {
        let fits = |length| Key::new(suite, &vec![7; length]).is_some();
        assert_eq!([length - 1, length, length + 1, 99].map(fits), [false, true, false, false]);
        assert_eq!(Suite::named(&suite.name().to_lowercase()), Some(suite));
        let (outbound, inbound) = sides(suite);
        let told = format!("{:?} {outbound:?} {inbound:?}", key(suite));
        assert!(!told.contains("1, 2, 3") && !told.contains("0102"), "{told}");
    }
}

#[test]
fn the_short_tag_is_for_audio_alone() -> Outcome {
    for (suite, rtp, rtcp) in [(Suite::Cm80, 10, 14), (Suite::Cm32, 4, 14), (Suite::Gcm128, 16, 20)]
    {
        let (mut out, _) = sides(suite);
        assert_eq!(protect(&mut out, &packet(1, &[0; 160]))?.len(), 172 + rtp);
        assert_eq!(protect_report(&mut out, &packet(1, &[0; 16]))?.len(), 28 + rtcp);
    }
    assert_eq!(INDEX_WORD, 4);
    Ok(())
}

#[test]
fn a_stream_survives_every_rollover_and_packets_lost_around_it() -> Outcome {
    for suite in Suite::ALL {
        let (mut out, mut side) = sides(suite);
        for step in 0u32..40 {
            let sequence = u16::try_from((step * 9_999 + 60_000) & 0xFFFF)?;
            let plain = packet(sequence, &step.to_be_bytes());
            let sealed = protect(&mut out, &plain)?;
            // Every other packet is lost: up to 20,000 in a row.
            if step % 2 == 0 {
                assert_eq!(open(&mut side, &sealed)?, plain, "{suite:?} step {step}");
            }
        }
    }
    Ok(())
}

#[test]
fn packets_that_change_places_around_the_rollover_are_all_taken_once() -> Outcome {
    let (mut out, mut side) = sides(Suite::Cm80);
    let order = [65_533, 65_534, 65_535, 0, 1, 2];
    let sealed = order.map(|sequence| protect(&mut out, &packet(sequence, &[9; 20])));
    for place in [0, 3, 1, 4, 2, 5] {
        let sealed = sealed.get(place).cloned().ok_or("six packets")??;
        assert_eq!(open(&mut side, &sealed)?.len(), 32, "packet {place}");
        assert_eq!(open(&mut side, &sealed), Err(Refusal::Replayed));
    }
    Ok(())
}

#[test]
fn a_stream_first_heard_just_after_its_first_rollover_is_understood() -> Outcome {
    let (mut out, mut side) = sides(Suite::Gcm128);
    protect(&mut out, &packet(65_535, &[1]))?;
    for sequence in 0..3 {
        let plain = packet(sequence, &[2]);
        assert_eq!(open(&mut side, &protect(&mut out, &plain)?)?, plain);
    }
    Ok(())
}

#[test]
fn more_than_a_whole_round_of_lost_packets_is_never_taken_for_something_else() -> Outcome {
    let (mut out, mut side) = sides(Suite::Cm80);
    open(&mut side, &protect(&mut out, &packet(10, &[1]))?)?;
    for sequence in [30_000, 60_000, 20_000] {
        protect(&mut out, &packet(sequence, &[1]))?;
    }
    // 65,536 and 10 later: the same sequence number as the next one, another rollover counter.
    let late = protect(&mut out, &packet(20_001, &[1]))?;
    assert_eq!(open(&mut side, &late), Err(Refusal::Forged));
    Ok(())
}

#[test]
fn nothing_is_sent_twice_under_one_index() -> Outcome {
    let (mut out, _) = sides(Suite::Gcm256);
    protect(&mut out, &packet(5, &[1]))?;
    assert_eq!(protect(&mut out, &packet(5, &[2])), Err(Refusal::Replayed));
    assert!(protect(&mut out, &packet(4, &[2])).is_ok(), "late, but never sent");
    assert_eq!(protect(&mut out, &packet(65_535, &[2])), Err(Refusal::Spent));
    Ok(())
}

#[test]
fn what_cannot_be_a_packet_is_refused() {
    for suite in Suite::ALL {
        let (mut out, mut side) = sides(suite);
        for bytes in [&[][..], &[0x80; 11], &[0x00; 60], &[0x9F; 40]] {
            assert_eq!(open(&mut side, bytes), Err(Refusal::Malformed));
            assert_eq!(protect(&mut out, bytes), Err(Refusal::Malformed));
        }
        assert_eq!(open_report(&mut side, &[0x80; 12]), Err(Refusal::Malformed));
        assert_eq!(protect_report(&mut out, &[0x80; 7]), Err(Refusal::Malformed));
        assert_eq!(out.protect(&mut [0x80; 40], 40), Err(Refusal::NoRoom));
        assert_eq!(out.protect_report(&mut [0x80; 40], 38), Err(Refusal::NoRoom));
    }
}

#[test]
fn a_report_in_clear_is_refused() -> Outcome {
    for suite in Suite::ALL {
        let (mut out, mut side) = sides(suite);
        let mut sealed = protect_report(&mut out, &packet(1, &[3; 16]))?;
        let trailer = if suite == Suite::Cm80 || suite == Suite::Cm32 { 14 } else { 4 };
        let place = sealed.len() - trailer;
        *sealed.get_mut(place).ok_or("the index")? &= 0x7F;
        assert_eq!(open_report(&mut side, &sealed), Err(Refusal::Cleartext));
    }
    Ok(())
}

#[test]
fn a_key_serves_so_many_sources_and_no_more() -> Outcome {
    let mut side = Inbound::new(key(Suite::Cm80));
    let mut from = |ssrc: u32| -> Result<usize, Refusal> {
        let mut plain = packet(1, &[1; 4]);
        plain.get_mut(8..12).ok_or(Refusal::NoRoom)?.copy_from_slice(&ssrc.to_be_bytes());
        let mut sealed = protect(&mut Outbound::new(key(Suite::Cm80)), &plain)?;
        side.open(&mut sealed)
    };
    assert!((0..64).all(|ssrc| from(ssrc).is_ok()));
    assert_eq!(from(64), Err(Refusal::TooManySources));
    assert_eq!(from(0), Err(Refusal::Replayed), "the first is remembered");
    Ok(())
}

fn any_suite() -> impl Strategy<Value = Suite> {
    prop::sample::select(Suite::ALL.to_vec())
}

proptest! {
    #[test]
    fn what_is_protected_opens_to_what_it_was(
        suite in any_suite(),
        start in any::<u16>(),
        payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 1..6),
    ) {
        let (mut out, mut side) = sides(suite);
        for (step, payload) in (0u16..).zip(&payloads) {
            let plain = packet(start.wrapping_add(step), payload);
            let sealed = protect(&mut out, &plain)?;
            prop_assert!(payload.len() < 8 || !sealed.windows(payload.len()).any(|w| w == payload));
            prop_assert_eq!(open(&mut side, &sealed)?, plain);
            let report = packet(7, payload);
            let sealed = protect_report(&mut out, &report)?;
            prop_assert_eq!(open_report(&mut side, &sealed)?, report);
            prop_assert_eq!(open_report(&mut side, &sealed), Err(Refusal::Replayed));
        }
    }

    #[test]
    fn any_flipped_bit_is_noticed(
        suite in any_suite(),
        payload in prop::collection::vec(any::<u8>(), 0..40),
        at in any::<prop::sample::Index>(),
        bit in 0..8,
    ) {
        let (mut out, mut side) = sides(suite);
        let sealed = protect(&mut out, &packet(900, &payload))?;
        let mut bent = sealed.clone();
        *at.get_mut(&mut bent) ^= 1u8 << bit;
        prop_assert!(open(&mut side, &bent).is_err());
        prop_assert!(open(&mut side, &sealed).is_ok(), "the forgery left no trace");
        let sealed = protect_report(&mut out, &packet(900, &payload))?;
        let mut bent = sealed.clone();
        *at.get_mut(&mut bent) ^= 1u8 << bit;
        prop_assert!(open_report(&mut side, &bent).is_err());
        prop_assert!(open_report(&mut side, &sealed).is_ok(), "the forgery left no trace");
    }

    #[test]
    fn another_key_opens_nothing(suite in any_suite(), payload in any::<[u8; 32]>()) {
        let mut other = key(suite).reveal().to_vec();
        *other.first_mut().expect("keys are not empty") ^= 1;
        let mut side = Inbound::new(Key::new(suite, &other).expect("the same length"));
        let (mut out, _) = sides(suite);
        let sealed = protect(&mut out, &packet(3, &payload))?;
        prop_assert_eq!(open(&mut side, &sealed), Err(Refusal::Forged));
    }

    #[test]
    fn any_bytes_are_opened_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        for suite in Suite::ALL {
            let (_, mut side) = sides(suite);
            prop_assert!(open(&mut side, &bytes).is_err());
            prop_assert!(open_report(&mut side, &bytes).is_err());
        }
    }

    /// The window agrees with a list of everything that ever came.
    #[test]
    fn the_window_takes_each_packet_once_in_whatever_order(
        steps in prop::collection::vec(0u64..200, 1..300),
    ) {
        let (mut window, mut came) = (Window::default(), Vec::new());
        for step in steps {
            let newest = came.iter().max().copied().unwrap_or(500);
            let index = (newest + step).saturating_sub(150);
            let wanted = !came.contains(&index) && index + 128 > newest;
            prop_assert_eq!(window.is_new(index), wanted || came.is_empty());
            if window.is_new(index) {
                window.note(index);
                came.push(index);
            }
        }
    }

    /// Whatever comes within half a round of the newest is told apart rightly.
    #[test]
    fn a_sequence_number_is_completed_to_the_nearest_index(
        newest in 0u64..1 << 40,
        shift in -32_767i64..=32_767,
    ) {
        let mut window = Window::default();
        window.note(newest);
        let index = newest.checked_add_signed(shift);
        let sequence = u16::try_from(newest.wrapping_add_signed(shift) & 0xFFFF)?;
        prop_assert_eq!(window.complete(sequence), index);
    }
}
