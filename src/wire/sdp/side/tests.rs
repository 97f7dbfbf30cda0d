use proptest::prelude::*;

use super::*;
use crate::wire::srtp::Suite;

type Outcome = Result<(), Box<dyn std::error::Error>>;

/// Thirty bytes of key and salt in base64, as RFC 4568 §9 has them in its examples.
const KEY: &str = "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz";

fn side(srtp: Srtp) -> Side {
    let ip = std::net::IpAddr::from([192, 0, 2, 1]);
    let (rtp, rtcp) = (SocketAddr::new(ip, 30_000), SocketAddr::new(ip, 30_001));
    Side::new(Local { rtp, rtcp }, Origin::new(1), srtp)
}

fn entropy(seed: u8) -> Entropy {
    Entropy::new(std::array::from_fn(|place| seed.wrapping_add(u8::try_from(place).unwrap_or(0))))
}

/// A description of one stream with these keys.
fn wire(profile: &str, port: u16, keys: &[&str]) -> Vec<u8> {
    let mut text = format!("v=0\r\nc=IN IP4 203.0.113.1\r\nm=audio {port} {profile} 8 101\r\n");
    for key in keys {
        text.push_str(&format!("a=crypto:{key}\r\n"));
    }
    text.into_bytes()
}

fn lines<'a>(text: &'a [u8], start: &str) -> Vec<&'a str> {
    let text = std::str::from_utf8(text).unwrap_or_default();
    text.lines().filter(|line| line.starts_with(start)).collect()
}

fn offer(side: &mut Side, seed: u8) -> Vec<u8> {
    side.offer(Direction::SendRecv, entropy(seed))
}

#[test]
fn each_setting_offers_in_its_own_profile() {
    for (srtp, profile, keys) in [
        (Srtp::Off, "m=audio 30000 RTP/AVP 8 0 101", 0),
        (Srtp::Preferred, "m=audio 30000 RTP/AVP 8 0 101", 4),
        (Srtp::Mandatory, "m=audio 30000 RTP/SAVP 8 0 101", 4),
    ] {
        let text = offer(&mut side(srtp), 1);
        assert_eq!(lines(&text, "m="), [profile], "{srtp:?}");
        assert_eq!(lines(&text, "a=crypto:").len(), keys, "{srtp:?}");
    }
}

#[test]
fn suites_are_offered_in_the_order_of_preference_and_fit_in_a_datagram() {
    let text = offer(&mut side(Srtp::Mandatory), 1);
    let named = |line: &&str| line.split(' ').take(2).collect::<Vec<_>>().join(" ");
    assert_eq!(
        lines(&text, "a=crypto:").iter().map(named).collect::<Vec<_>>(),
        [
            "a=crypto:1 AEAD_AES_256_GCM",
            "a=crypto:2 AEAD_AES_128_GCM",
            "a=crypto:3 AES_CM_128_HMAC_SHA1_80",
            "a=crypto:4 AES_CM_128_HMAC_SHA1_32",
        ]
    );
    // RFC 3261 §18.1.1: an INVITE of 1,300 bytes and more leaves UDP; its own head takes 650.
    assert!(text.len() < 650, "{} bytes", text.len());
}

#[test]
fn two_sides_that_both_can_agree_on_the_first_suite_and_on_each_others_keys() -> Outcome {
    for (caller, callee, protected) in [
        (Srtp::Mandatory, Srtp::Mandatory, true),
        (Srtp::Mandatory, Srtp::Preferred, true),
        (Srtp::Preferred, Srtp::Mandatory, true),
        (Srtp::Preferred, Srtp::Preferred, true),
        (Srtp::Preferred, Srtp::Off, false),
        (Srtp::Off, Srtp::Preferred, false),
        (Srtp::Off, Srtp::Off, false),
    ] {
        let (mut caller, mut callee) = (side(caller), side(callee));
        let (answer, at_callee) = callee.answer(&offer(&mut caller, 1), entropy(99))?;
        let at_caller = caller.agree(&answer)?;
        assert_eq!(at_caller.keys.is_some(), protected);
        let crossed = at_callee.keys.map(|keys| (keys.receive, keys.send));
        assert_eq!(at_caller.keys.map(|keys| (keys.send, keys.receive)), crossed);
        let suite = protected.then_some(Suite::Gcm256);
        assert_eq!(at_caller.keys.map(|keys| keys.send.suite()), suite);
    }
    Ok(())
}

#[test]
fn a_mandatory_side_refuses_what_is_not_protected() {
    let mut side = side(Srtp::Mandatory);
    offer(&mut side, 1);
    let plain = wire("RTP/AVP", 4_000, &[]);
    assert_eq!(side.agree(&plain), Err(SdpError::Unprotected));
    assert_eq!(side.agree(&wire("RTP/SAVP", 4_000, &[])), Err(SdpError::Unprotected));
    let answered = side.answer(&plain, entropy(2)).map(|(_, remote)| remote);
    assert_eq!(answered, Err(SdpError::Unprotected));
}

#[test]
fn the_answer_takes_the_offerers_first_key_that_can_be_used_and_echoes_its_tag() -> Outcome {
    let keys = [
        "1 F8_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz",
        "2 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz|2^20|1:4",
        "7 AES_CM_128_HMAC_SHA1_32 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz|2^31",
        "8 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz",
    ];
    for profile in ["RTP/SAVP", "RTP/SAVPF", "RTP/AVP"] {
        let (answer, remote) =
            side(Srtp::Preferred).answer(&wire(profile, 4_000, &keys), entropy(5))?;
        let said = lines(&answer, "a=crypto:");
        let [said] = *said.as_slice() else { return Err("one key answers".into()) };
        assert!(said.starts_with("a=crypto:7 AES_CM_128_HMAC_SHA1_32 inline:"), "{said}");
        assert!(!said.contains(KEY), "the answer's key is our own");
        assert_eq!(lines(&answer, "m="), [format!("m=audio 30000 {profile} 8")]);
        assert_eq!(remote.keys.map(|keys| keys.receive.suite()), Some(Suite::Cm32));
    }
    Ok(())
}

#[test]
fn a_key_we_cannot_use_leaves_the_stream_plain_or_refuses_it() {
    let usual = format!("AES_CM_128_HMAC_SHA1_80 inline:{KEY}");
    let taken = |line: &str| {
        let offer = wire("RTP/AVP", 4_000, &[line]);
        let answered = side(Srtp::Preferred).answer(&offer, entropy(1));
        answered.is_ok_and(|(_, remote)| remote.keys.is_some())
    };
    for good in ["", "|2^48", "|2^1", "|1048576", " WSH=128", " -SOMETHING=1", " KDR=0"] {
        assert!(taken(&format!("1 {usual}{good}")), "{good}");
    }
    assert!(taken(&format!("1 aes_cm_128_hmac_sha1_80 INLINE:{KEY}")), "case does not matter");
    for bad in [
        format!("1 {usual}|2^20|1:4"),
        format!("1 {usual}|1:4"),
        format!("1 {usual}|2^49"),
        format!("1 {usual}|0"),
        format!("1 {usual}|+5"),
        format!("1 {usual};inline:{KEY}|2^20|2:4"),
        format!("1 {usual} UNENCRYPTED_SRTP"),
        format!("1 {usual} UNENCRYPTED_SRTCP"),
        format!("1 {usual} UNAUTHENTICATED_SRTP"),
        format!("1 {usual} KDR=1"),
        format!("1 {usual} FEC_ORDER=FEC_SRTP"),
        format!("1 {usual} WHATEVER"),
        format!("1 {usual}A"),
        format!("x {usual}"),
        format!("+1 {usual}"),
        format!("1234567890 {usual}"),
        "1 AES_CM_128_HMAC_SHA1_80 inline:c2hvcnQ=".to_owned(),
        "1 AES_CM_128_HMAC_SHA1_80 uri:https://key.example".to_owned(),
        format!("1 AEAD_AES_128_GCM inline:{KEY}"),
        "1".to_owned(),
        String::new(),
    ] {
        assert!(!taken(&bad), "{bad}");
        let secure = wire("RTP/SAVP", 4_000, &[&bad]);
        let answered = side(Srtp::Preferred).answer(&secure, entropy(1));
        assert_eq!(answered.map(|(_, remote)| remote), Err(SdpError::Unprotected), "{bad}");
    }
}

#[test]
fn padding_left_out_is_forgiven() -> Outcome {
    let key = "AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHA";
    for padding in ["==", ""] {
        let line = format!("1 AEAD_AES_128_GCM inline:{key}{padding}");
        let offer = wire("RTP/AVP", 4_000, &[&line]);
        let (_, remote) = side(Srtp::Mandatory).answer(&offer, entropy(1))?;
        let keys = remote.keys.ok_or("protected")?;
        assert_eq!(keys.receive.reveal(), (1..=28).collect::<Vec<u8>>());
    }
    Ok(())
}

#[test]
fn an_answer_whose_key_was_not_offered_is_no_agreement() {
    for line in [
        format!("9 AES_CM_128_HMAC_SHA1_80 inline:{KEY}"),
        format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}"),
        format!("3 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|2^20|1:4"),
    ] {
        let mut side = side(Srtp::Preferred);
        offer(&mut side, 1);
        let answer = wire("RTP/AVP", 4_000, &[&line]);
        assert_eq!(side.agree(&answer), Err(SdpError::NotOffered), "{line}");
    }
}

#[test]
fn of_two_streams_the_protected_one_is_taken_unless_srtp_is_off() -> Outcome {
    let line = format!("a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}\r\n");
    let plain = "m=audio 4000 RTP/AVP 8\r\n";
    let secure = format!("m=audio 5000 RTP/SAVP 8\r\n{line}");
    for (body, srtp, want) in [
        (
            format!("{plain}{secure}"),
            Srtp::Off,
            ["m=audio 30000 RTP/AVP 8", "m=audio 0 RTP/SAVP 8"],
        ),
        (
            format!("{secure}{plain}"),
            Srtp::Off,
            ["m=audio 0 RTP/SAVP 8", "m=audio 30000 RTP/AVP 8"],
        ),
        (
            format!("{plain}{secure}"),
            Srtp::Preferred,
            ["m=audio 0 RTP/AVP 8", "m=audio 30000 RTP/SAVP 8"],
        ),
        (
            format!("{secure}{plain}"),
            Srtp::Mandatory,
            ["m=audio 30000 RTP/SAVP 8", "m=audio 0 RTP/AVP 8"],
        ),
    ] {
        let body = format!("c=IN IP4 203.0.113.1\r\n{body}");
        let (answer, remote) = side(srtp).answer(body.as_bytes(), entropy(1))?;
        assert_eq!(lines(&answer, "m="), want, "{srtp:?}");
        assert_eq!(remote.keys.is_some(), srtp != Srtp::Off);
    }
    Ok(())
}

#[test]
fn an_unchanged_offer_keeps_both_keys_and_a_change_renews_ours() -> Outcome {
    let other = KEY.replace('W', "X");
    let line = |key: &str| format!("1 AES_CM_128_HMAC_SHA1_80 inline:{key}");
    let mut side = side(Srtp::Mandatory);
    let mut agreed = |port: u16, key: &str, seed: u8| -> Result<Keys, Box<dyn std::error::Error>> {
        let offer = wire("RTP/SAVP", port, &[&line(key)]);
        let (_, remote) = side.answer(&offer, entropy(seed))?;
        Ok(remote.keys.ok_or("protected")?)
    };
    let first = agreed(4_000, KEY, 1)?;
    assert_eq!(agreed(4_000, KEY, 2)?, first, "nothing changed");
    let rekeyed = agreed(4_000, &other, 3)?;
    assert_ne!(rekeyed.send, first.send, "a new key of theirs gets a new one of ours");
    assert_ne!(rekeyed.receive, first.receive);
    let moved = agreed(6_000, &other, 4)?;
    assert_ne!(moved.send, rekeyed.send, "another place does not know our rollovers");
    Ok(())
}

#[test]
fn every_offer_has_new_keys() -> Outcome {
    let (mut caller, mut callee) = (side(Srtp::Preferred), side(Srtp::Preferred));
    let first = offer(&mut caller, 1);
    let (answer, _) = callee.answer(&first, entropy(90))?;
    let before = caller.agree(&answer)?.keys.ok_or("protected")?;
    let second = offer(&mut caller, 40);
    let again = lines(&second, "a=crypto:");
    assert!(lines(&first, "a=crypto:").iter().all(|line| !again.contains(line)));
    let (answer, _) = callee.answer(&second, entropy(120))?;
    let after = caller.agree(&answer)?.keys.ok_or("protected")?;
    assert!(before.send != after.send && before.receive != after.receive);
    Ok(())
}

#[test]
fn an_answer_of_ours_that_refreshes_the_session_is_agreed_on_again() -> Outcome {
    let line = format!("7 AES_CM_128_HMAC_SHA1_80 inline:{KEY}");
    let far = wire("RTP/SAVP", 4_000, &[&line]);
    let mut side = side(Srtp::Mandatory);
    let (_, before) = side.answer(&far, entropy(1))?;
    assert_eq!(side.agree(&far)?, before, "the same two descriptions, the other way round");
    Ok(())
}

#[test]
fn our_own_key_sent_back_is_no_agreement() {
    let mut side = side(Srtp::Mandatory);
    let text = offer(&mut side, 1);
    let ours = lines(&text, "a=crypto:3").first().copied().unwrap_or_default();
    let echo = wire("RTP/SAVP", 4_000, &[ours.trim_start_matches("a=crypto:")]);
    assert_eq!(side.agree(&echo), Err(SdpError::NotOffered));
}

#[test]
fn a_refused_change_leaves_everything_as_it_was() -> Outcome {
    let line = format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}");
    let mut side = side(Srtp::Mandatory);
    let (_, before) = side.answer(&wire("RTP/SAVP", 4_000, &[&line]), entropy(1))?;
    assert!(side.answer(&wire("RTP/AVP", 4_000, &[]), entropy(2)).is_err());
    let (_, after) = side.answer(&wire("RTP/SAVP", 4_000, &[&line]), entropy(3))?;
    assert_eq!(before.keys, after.keys);
    Ok(())
}

#[test]
fn no_key_is_ever_printed() -> Outcome {
    let mut side = side(Srtp::Mandatory);
    let line = format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}");
    let (_, remote) = side.answer(&wire("RTP/SAVP", 4_000, &[&line]), entropy(1))?;
    let told = format!("{side:?} {remote:?} {:?}", entropy(1));
    let digits = told.chars().filter(|letter| *letter == ',').count();
    assert!(told.contains("••••") && !told.contains(KEY) && digits < 40, "{told}");
    Ok(())
}

proptest! {
    #[test]
    fn any_key_lines_are_taken_or_refused(
        keys in prop::collection::vec("[0-9a-zA-Z_:|^ ;=+/]{0,80}", 0..12),
        mandatory in any::<bool>(),
    ) {
        let srtp = if mandatory { Srtp::Mandatory } else { Srtp::Preferred };
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        let mut ours = side(srtp);
        if let Ok((answer, remote)) = ours.answer(&wire("RTP/AVP", 4_000, &keys), entropy(1)) {
            prop_assert!(!mandatory || remote.keys.is_some());
            prop_assert!(read_for(&answer, srtp).is_ok());
        }
    }
}

/// An offer or an answer of these payload types.
fn formats(types: &str) -> Vec<u8> {
    format!("v=0\r\nc=IN IP4 203.0.113.1\r\nm=audio 4000 RTP/AVP {types}\r\n").into_bytes()
}

#[test]
fn codecs_are_offered_and_answered_in_the_order_of_the_side() -> Outcome {
    use Codec::{Pcma, Pcmu};
    for (codecs, offered, answered) in [
        (vec![], "8 0 101", Pcmu),
        (vec![Pcma, Pcmu], "8 0 101", Pcma),
        (vec![Pcmu, Pcma], "0 8 101", Pcmu),
        (vec![Pcma], "8 101", Pcma),
    ] {
        let side = || Side {
            terms: Terms { codecs: codecs.clone(), ..Terms::default() },
            ..side(Srtp::Off)
        };
        let text = offer(&mut side(), 1);
        assert_eq!(lines(&text, "m="), [format!("m=audio 30000 RTP/AVP {offered}")]);
        // Of the offer 0 8 the order of the side counts, of an answer the answerer's.
        let (answer, remote) = side().answer(&formats("0 8"), entropy(2))?;
        assert_eq!((lines(&answer, "a=rtpmap").len(), remote.codec), (1, answered), "{codecs:?}");
        let chosen = side().agree(&formats("0 8"))?.codec;
        assert_eq!(chosen, if codecs == [Pcma] { Pcma } else { Pcmu }, "{codecs:?}");
    }
    let mut only =
        Side { terms: Terms { codecs: vec![Pcma], ..Terms::default() }, ..side(Srtp::Off) };
    assert_eq!(only.agree(&formats("0 101")), Err(SdpError::NoCodec), "it was not offered");
    assert_eq!(only.answer(&formats("0 101"), entropy(1)), Err(SdpError::NoCodec));
    Ok(())
}
