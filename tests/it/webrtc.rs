//! Browsers as agents' telephones: a browser made of `str0m` on real sockets of loopback.

mod browser;
mod call;
mod stranger;

use std::time::Duration;

use cadran::media::{Codec, Event, Feed, MediaError};
use cadran::units::{LegId, Span};
use cadran::wire::rtp;

use crate::media::{Phone, Town, read};
use browser::{Browser, encode, linear, share, tone};

type Outcome = Result<(), Box<dyn std::error::Error>>;

const BROWSER: LegId = LegId(1);
const PHONE: LegId = LegId(2);

/// A tone of which so much is there is heard through a translation between the laws.
const CLEAR: f64 = 0.9;

/// Joins a browser to a new leg.
fn joined(town: &mut Town, codec: Codec) -> Result<Browser, Box<dyn std::error::Error>> {
    let (mut browser, offer) = Browser::open(town.clock, codec)?;
    let (_, answer) = town.media.answer(BROWSER, &offer)?;
    browser.accept(&answer)?;
    browser.live_until(Browser::is_joined)?;
    town.event(|event| (event == Event::Joined(BROWSER)).then_some(()))?;
    Ok(browser)
}

/// Has a phone send a tone, a packet for each that the browser hears, until both have heard so
/// many; gives what the phone heard.
fn converse(
    browser: &mut Browser,
    phone: &mut Phone,
    codec: Codec,
    packets: usize,
) -> Result<Vec<i16>, Box<dyn std::error::Error>> {
    let (mut heard, mut said) = (Vec::new(), 0);
    while heard.len() < packets * 160 || said < packets {
        let before = browser.packets;
        browser.live_until(|browser| browser.packets > before)?;
        let samples = said as u64 * 160..(said as u64 + 1) * 160;
        let payload: Vec<u8> = samples.map(|nth| encode(codec, tone(700, nth))).collect();
        let packet = phone.packet(codec.payload_type(), &payload);
        phone.send(&packet);
        said += 1;
        while let Some(packet) = read(&phone.rtp, Duration::from_millis(1)) {
            let header = rtp::read(&packet)?;
            let codec = Codec::of(header.payload_type).ok_or("no G.711")?;
            heard.extend(packet[header.start..].iter().map(|byte| linear(codec, *byte)));
        }
    }
    Ok(heard)
}

#[test]
fn a_tone_goes_both_ways_between_a_browser_and_a_phone_of_either_law() -> Outcome {
    for (at_browser, at_phone) in [(Codec::Pcma, Codec::Pcma), (Codec::Pcmu, Codec::Pcma)] {
        let mut town = Town::new(Span::secs(30))?;
        let mut browser = joined(&mut town, at_browser)?;
        browser.pitch = 1_300;
        let mut phone = town.phone(PHONE, at_phone, Some(101))?;
        town.media.feed(BROWSER, Feed::Silence)?;
        town.media.bridge(BROWSER, PHONE)?;
        let at_the_phone = converse(&mut browser, &mut phone, at_phone, 60)?;
        let late = &at_the_phone[at_the_phone.len() / 2..];
        assert!(share(late, 1_300) > CLEAR, "{} at the phone", share(late, 1_300));
        let late = &browser.heard[browser.heard.len() - 3_200..];
        assert!(share(late, 700) > CLEAR, "{} in the browser", share(late, 700));
        let quality = town.closed(BROWSER)?;
        assert!(quality.received >= 60 && quality.lost == 0, "{quality:?}");
        browser.live_until(|browser| !browser.is_alive())?;
    }
    Ok(())
}

#[test]
fn the_answer_takes_g711_alone_without_a_key_of_sip() -> Outcome {
    let town = Town::new(Span::secs(30))?;
    let (_, offer) = Browser::open(town.clock, Codec::Pcma)?;
    let (local, answer) = town.media.answer(BROWSER, &offer)?;
    let lines: Vec<_> = answer.lines().collect();
    assert!(lines.contains(&"a=ice-lite"), "{answer}");
    let stream = lines.iter().find(|line| line.starts_with("m=audio ")).ok_or("no audio")?;
    assert!(stream.ends_with(" UDP/TLS/RTP/SAVPF 8 0"), "{stream}");
    let met = format!(" {} {} typ host", local.rtp.ip(), local.rtp.port());
    assert!(lines.iter().any(|line| line.contains(&met)), "{answer}");
    assert!(!answer.contains("a=crypto") && !answer.contains("opus"), "{answer}");
    Ok(())
}

/// As Chromium 148 offers a microphone, before it knows its own addresses.
#[test]
fn chromiums_offer_is_answered_with_g711_alone() -> Outcome {
    let town = Town::new(Span::secs(30))?;
    let offer = include_str!("webrtc/chromium.sdp").replace('\n', "\r\n");
    let (_, answer) = town.media.answer(BROWSER, &offer)?;
    let stream = answer.lines().find(|line| line.starts_with("m=audio ")).ok_or("no audio")?;
    assert!(stream.ends_with(" UDP/TLS/RTP/SAVPF 8 0"), "{stream}");
    assert!(answer.contains("a=sendrecv") && !answer.contains("telephone-event"), "{answer}");
    Ok(())
}

#[test]
fn all_browsers_meet_one_certificate() -> Outcome {
    let town = Town::new(Span::secs(30))?;
    let mut prints = Vec::new();
    for leg in [BROWSER, PHONE] {
        let (_, offer) = Browser::open(town.clock, Codec::Pcma)?;
        let (_, answer) = town.media.answer(leg, &offer)?;
        let print = answer.lines().find(|line| line.starts_with("a=fingerprint:"));
        prints.push(print.ok_or("no fingerprint")?.to_owned());
    }
    assert_eq!(prints[0], prints[1]);
    Ok(())
}

#[test]
fn an_offer_that_cannot_be_met_is_refused_with_the_reason() -> Outcome {
    let town = Town::new(Span::secs(30))?;
    let (_, offer) = Browser::open(town.clock, Codec::Pcma)?;
    let deaf = offer.replace("a=sendrecv", "a=sendonly");
    let foreign: String = offer.replace("PCMA/8000", "G726/8000").replace("PCMU/8000", "GSM/8000");
    let long = format!("{offer}{}", "a=x:y\r\n".repeat(4_000));
    for offer in ["", "v=0", "m=audio", &deaf, &foreign, &long] {
        let refused = town.media.answer(BROWSER, offer).map(|_| ());
        assert!(matches!(refused, Err(MediaError::Offer(_))), "{offer}: {refused:?}");
    }
    Ok(())
}

#[test]
fn a_page_that_is_left_ends_its_leg_at_once() -> Outcome {
    let mut town = Town::new(Span::secs(30))?;
    let browser = joined(&mut town, Codec::Pcma)?;
    let left = town.clock.mono();
    browser.close()?;
    town.event(|event| (event == Event::Left(BROWSER)).then_some(()))?;
    let took = town.clock.mono().since(left);
    assert!(took < Span::millis(1_000), "{took}");
    Ok(())
}

#[test]
fn a_browser_that_vanishes_is_told_within_three_seconds() -> Outcome {
    let mut town = Town::new(Span::secs(30))?;
    let mut browser = joined(&mut town, Codec::Pcma)?;
    browser.live_until(|browser| browser.packets > 0).ok();
    let vanished = town.clock.mono();
    drop(browser);
    town.event(|event| (event == Event::Left(BROWSER)).then_some(()))?;
    let took = town.clock.mono().since(vanished);
    assert!(took <= Span::secs(3), "{took}");
    Ok(())
}

#[test]
fn a_stranger_at_a_browsers_port_is_counted_and_not_heard() -> Outcome {
    let mut town = Town::new(Span::secs(30))?;
    let (_, offer) = Browser::open(town.clock, Codec::Pcma)?;
    let (local, _) = town.media.answer(BROWSER, &offer)?;
    town.settle()?;
    let stranger = std::net::UdpSocket::bind("127.0.0.1:0")?;
    let rtp = [&[0x80, 8, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1][..], &[0xD5; 160]].concat();
    stranger.send_to(&rtp, local.rtp)?;
    Ok(town.count(|counters| counters.strangers, 1)?)
}
