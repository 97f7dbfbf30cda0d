//! Session timers (RFC 4028): agreed on, refreshed by either side, and run out.

use super::stage::{CONTACT, Stage, answer, inside};
use super::*;

const UPDATES: &str = "Allow: INVITE, ACK, BYE, UPDATE\r\n";

fn asking(interval: u64, refresher: Refresher) -> Trunk {
    let interval = Span::secs(interval);
    let timers = SessionTimers { mode: TimerMode::Ask, interval, refresher, ..Default::default() };
    Trunk { session: timers, ..trunk() }
}

/// A call whose 200 says this of its session timer; gives the INVITE.
fn agreed(stage: &mut Stage, more: &str) -> String {
    let invite = stage.dial();
    stage.say(&answer(&invite, "200 OK", "callee", &format!("{CONTACT}{more}"), ANSWER));
    assert!(stage.next().starts_with("ACK "));
    stage.events();
    invite
}

#[test]
fn an_invite_says_what_the_trunk_wants_of_session_timers() {
    let accept = SessionTimers::default();
    let refuse = SessionTimers { mode: TimerMode::Refuse, ..accept };
    let cases = [
        (Trunk { session: accept, ..trunk() }, Some("timer, 100rel"), None),
        (Trunk { session: refuse, ..trunk() }, Some("100rel"), None),
        (asking(1_800, Refresher::Any), Some("timer, 100rel"), Some("1800")),
        (asking(600, Refresher::Us), Some("timer, 100rel"), Some("600;refresher=uac")),
        (asking(600, Refresher::Them), Some("timer, 100rel"), Some("600;refresher=uas")),
    ];
    for (trunk, supported, expires) in cases {
        let mut stage = Stage::over(trunk);
        let invite = stage.dial();
        assert_eq!(header(&invite, "Supported"), supported);
        assert_eq!(header(&invite, "Session-Expires"), expires);
        assert_eq!(header(&invite, "Min-SE"), expires.map(|_| "90"));
    }
}

#[test]
fn an_interval_too_small_is_asked_for_again_at_the_least_the_carrier_takes() {
    let mut stage = Stage::over(asking(180, Refresher::Any));
    let first = stage.dial();
    let status = "422 Session Interval Too Small";
    stage.say(&answer(&first, status, "callee", "Min-SE: 300\r\n", b""));
    let (_, ack) = stage.sent().expect("the 422 is acknowledged");
    assert!(ack.starts_with("ACK "), "{ack}");
    let second = stage.next();
    assert_eq!(header(&second, "Session-Expires"), Some("300"));
    assert_eq!(header(&second, "Min-SE"), Some("300"));
    assert_eq!(header(&second, "CSeq"), Some("2 INVITE"));
    assert_eq!(header(&first, "Call-ID"), header(&second, "Call-ID"));
    // A second hop wants more; one that wants no more, or no end of it, ends the attempt.
    stage.say(&answer(&second, status, "callee", "Min-SE: 400\r\n", b""));
    stage.sent();
    let third = stage.next();
    assert_eq!(header(&third, "Session-Expires"), Some("400"));
    stage.say(&answer(&third, status, "callee", "Min-SE: 400\r\n", b""));
    let events = stage.events();
    assert!(matches!(&events[..], [Event::Failed { status: 422, .. }]), "{events:?}");
}

#[test]
fn who_asks_for_no_timer_says_the_least_all_the_same_once_told() {
    // Somebody on the way asks for one in our stead, and is told to ask for more (RFC 4028 §7.3).
    let mut stage = Stage::over(trunk());
    let first = stage.dial();
    stage.say(&answer(&first, "422 Too Small", "callee", "Min-SE: 3600\r\n", b""));
    stage.sent();
    let says =
        |text: &str| ["Session-Expires", "Min-SE"].map(|n| header(text, n).map(str::to_owned));
    let least = Some("3600".to_owned());
    let second = stage.next();
    assert_eq!(says(&second), [least.clone(), least.clone()]);
    stage.say(&answer(&second, "200 OK", "callee", CONTACT, ANSWER));
    stage.next();
    stage.dialer.reoffer(stage.now, LEG, OFFER.to_vec()).expect("it talks");
    assert_eq!(says(&stage.next()), [None, least], "no timer was agreed on");
}

#[test]
fn a_422_without_end_is_given_up_after_three_raises() {
    let mut stage = Stage::over(asking(90, Refresher::Any));
    let mut invite = stage.dial();
    for more in 1..=3 {
        let least = format!("Min-SE: {}\r\n", 90 + more);
        stage.say(&answer(&invite, "422 Too Small", "callee", &least, b""));
        stage.sent();
        invite = stage.next();
    }
    stage.say(&answer(&invite, "422 Too Small", "callee", "Min-SE: 94\r\n", b""));
    assert!(stage.next().starts_with("ACK "));
    assert_eq!(stage.dialer.legs(), 0);
}

#[test]
fn we_refresh_by_update_half_way_where_the_peer_takes_it() {
    let mut stage = Stage::over(asking(600, Refresher::Us));
    agreed(
        &mut stage,
        &format!("{UPDATES}Require: timer\r\nSession-Expires: 600;refresher=uac\r\n"),
    );
    for _ in 0..3 {
        stage.wait(Span::secs(299));
        assert_eq!(stage.sent(), None);
        stage.wait(Span::secs(1));
        let update = stage.next();
        assert!(update.starts_with("UPDATE sip:callee@127.0.0.10:5070 "), "{update}");
        assert_eq!(header(&update, "Session-Expires"), Some("600;refresher=uac"));
        assert_eq!(header(&update, "Supported"), Some("timer"));
        assert_eq!(header(&update, "Content-Length"), Some("0"));
        assert!(header(&update, "Contact").is_some());
        stage.say(&answer(&update, "200 OK", "", "Session-Expires: 600;refresher=uac\r\n", b""));
    }
    assert_eq!(stage.events(), []);
}

#[test]
fn we_refresh_by_reinvite_with_the_same_offer_where_the_peer_takes_no_update() {
    let mut stage = Stage::over(asking(600, Refresher::Us));
    agreed(&mut stage, "Session-Expires: 600;refresher=uac\r\n");
    stage.wait(Span::secs(300));
    let reinvite = stage.next();
    assert!(reinvite.starts_with("INVITE sip:callee@"), "{reinvite}");
    assert!(reinvite.ends_with(core::str::from_utf8(OFFER).expect("ASCII")), "{reinvite}");
    assert_eq!(header(&reinvite, "Session-Expires"), Some("600;refresher=uac"));
    let more = format!("{CONTACT}Session-Expires: 600;refresher=uac\r\n");
    stage.say(&answer(&reinvite, "200 OK", "", &more, ANSWER));
    assert!(stage.next().starts_with("ACK "));
    stage.wait(Span::secs(300));
    assert!(stage.next().starts_with("INVITE "), "and again after as long");
    assert_eq!(stage.events(), [Event::Reoffered(LEG, 200, ANSWER.to_vec())]);
}

#[test]
fn an_update_the_peer_does_not_know_after_all_becomes_a_reinvite() {
    let mut stage = Stage::over(asking(600, Refresher::Us));
    agreed(&mut stage, &format!("{UPDATES}Session-Expires: 600;refresher=uac\r\n"));
    stage.wait(Span::secs(300));
    let update = stage.next();
    stage.say(&answer(&update, "405 Method Not Allowed", "", "", b""));
    assert!(stage.next().starts_with("INVITE "));
}

#[test]
fn a_refresh_too_brief_for_a_hop_is_sent_again_at_once() {
    let mut stage = Stage::over(asking(600, Refresher::Us));
    agreed(&mut stage, &format!("{UPDATES}Session-Expires: 600;refresher=uac\r\n"));
    stage.wait(Span::secs(300));
    let update = stage.next();
    stage.say(&answer(&update, "422 Too Small", "", "Min-SE: 900\r\n", b""));
    assert_eq!(header(&stage.next(), "Session-Expires"), Some("900;refresher=uac"));
}

#[test]
fn a_refresh_nobody_answers_ends_the_call_with_bye() {
    let mut stage = Stage::over(asking(600, Refresher::Us));
    agreed(&mut stage, &format!("{UPDATES}Session-Expires: 600;refresher=uac\r\n"));
    stage.wait(Span::secs(333));
    let lost = Event::Ended { leg: LEG, bye: false, reason: String::new() };
    assert_eq!(stage.events(), [lost]);
    let sent: Vec<_> = core::iter::from_fn(|| stage.sent()).map(|(_, text)| text).collect();
    let bye = sent.last().expect("a BYE goes out");
    assert!(bye.starts_with("BYE "), "{bye}");
    assert_eq!(header(bye, "Reason"), Some("SIP;cause=408;text=\"Session timer expired\""));
}

#[test]
fn a_refused_refresh_is_tried_again_until_the_session_runs_out() {
    let mut stage = Stage::over(asking(600, Refresher::Us));
    agreed(&mut stage, &format!("{UPDATES}Session-Expires: 600;refresher=uac\r\n"));
    stage.wait(Span::secs(300));
    let update = stage.next();
    stage.say(&answer(&update, "500 Server Error", "", "", b""));
    stage.wait(Span::secs(134));
    let again = stage.next();
    assert!(again.starts_with("UPDATE "), "half-way to the end: {again}");
    stage.say(&answer(&again, "200 OK", "", "Session-Expires: 600;refresher=uac\r\n", b""));
    stage.wait(Span::secs(299));
    assert_eq!(stage.sent(), None);
    assert_eq!(stage.dialer.legs(), 1);
}

#[test]
fn a_session_the_peer_does_not_refresh_ends_a_little_before_its_time() {
    // The margin is 32 s, or a third of a short interval (RFC 4028 §10).
    for (interval, end) in [(600, 568), (90, 60)] {
        let mut stage = Stage::over(asking(interval, Refresher::Them));
        agreed(&mut stage, &format!("Session-Expires: {interval};refresher=uas\r\n"));
        stage.wait(Span::secs(end - 1));
        assert_eq!((stage.sent(), stage.events()), (None, Vec::new()));
        stage.wait(Span::secs(1));
        assert!(stage.next().starts_with("BYE "));
        let lost = Event::Ended { leg: LEG, bye: false, reason: String::new() };
        assert_eq!(stage.events(), [lost]);
    }
}

#[test]
fn the_peers_refreshes_by_update_and_by_reinvite_keep_the_session() {
    let mut stage = Stage::over(asking(600, Refresher::Them));
    let invite = agreed(&mut stage, "Session-Expires: 600;refresher=uas\r\n");
    stage.wait(Span::secs(500));
    let wish = "Supported: timer\r\nSession-Expires: 600;refresher=uac\r\n";
    stage.say(&inside(&invite, "UPDATE", 1, wish, b""));
    let ok = stage.next();
    assert!(ok.starts_with("SIP/2.0 200 OK\r\n"), "{ok}");
    assert_eq!(header(&ok, "Session-Expires"), Some("600;refresher=uac"));
    assert_eq!(header(&ok, "Require"), Some("timer"), "or the caller would not heed it");
    stage.wait(Span::secs(500));
    let described = format!("{wish}Content-Type: application/sdp\r\n");
    stage.say(&inside(&invite, "INVITE", 2, &described, ANSWER));
    assert_eq!(stage.events(), [Event::Offer(LEG, Some(ANSWER.to_vec()))]);
    stage.dialer.accept(stage.now, LEG, OFFER.to_vec()).expect("an offer waits");
    let ok = stage.next();
    assert_eq!(header(&ok, "Session-Expires"), Some("600;refresher=uac"));
    stage.say(&inside(&invite, "ACK", 2, "", b""));
    stage.wait(Span::secs(567));
    assert_eq!(stage.sent(), None);
    stage.wait(Span::secs(1));
    assert!(stage.next().starts_with("BYE "), "then they stop");
}

#[test]
fn a_refresh_without_an_interval_ends_the_timer_and_a_brief_one_is_refused() {
    let mut stage = Stage::over(asking(600, Refresher::Them));
    let invite = agreed(&mut stage, "Session-Expires: 600;refresher=uas\r\n");
    let brief = "Supported: timer\r\nSession-Expires: 60;refresher=uac\r\n";
    stage.say(&inside(&invite, "UPDATE", 1, brief, b""));
    let refusal = stage.next();
    assert!(refusal.starts_with("SIP/2.0 422 Session Interval Too Small\r\n"), "{refusal}");
    assert_eq!(header(&refusal, "Min-SE"), Some("90"));
    stage.say(&inside(&invite, "UPDATE", 2, "Supported: timer\r\n", b""));
    let ok = stage.next();
    assert_eq!(header(&ok, "Session-Expires"), None);
    stage.wait(Span::secs(10_000));
    assert_eq!(stage.sent(), None);
    assert_eq!(stage.dialer.legs(), 1, "no timer, no end");
}

#[test]
fn a_trunk_that_refuses_timers_heeds_none() {
    let refuse = SessionTimers { mode: TimerMode::Refuse, ..SessionTimers::default() };
    let mut stage = Stage::over(Trunk { session: refuse, ..trunk() });
    let invite = agreed(&mut stage, "Session-Expires: 90;refresher=uas\r\n");
    stage.say(&inside(&invite, "UPDATE", 1, "Session-Expires: 90;refresher=uac\r\n", b""));
    assert_eq!(header(&stage.next(), "Session-Expires"), None);
    stage.wait(Span::secs(10_000));
    assert_eq!((stage.sent(), stage.dialer.legs()), (None, 1));
}

#[test]
fn an_incoming_call_agrees_by_the_rfcs_table() {
    // RFC 4028 §9, table 2: who refreshes, as the caller says it and speaks of timers or not.
    let cases = [
        ("Supported: timer\r\n", "Session-Expires: 300\r\n", Some("300;refresher=uac"), true),
        ("k: timer\r\n", "x: 300;refresher=uac\r\n", Some("300;refresher=uac"), true),
        ("k: timer\r\n", "x: 300 ; refresher=uas\r\n", Some("300;refresher=uas"), true),
        ("", "Session-Expires: 300\r\n", Some("300;refresher=uas"), false),
        ("Supported: timer\r\n", "", None, false),
    ];
    for (supported, expires, agreed, required) in cases {
        let mut carrier = Endpoint::new(settings("127.0.0.10:5070", 5, true));
        let invite = format!(
            "INVITE sip:1@127.0.0.10:5070 SIP/2.0\r\n\
             Via: SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bKa;rport\r\nMax-Forwards: 70\r\n\
             From: <sip:c@h>;tag=1\r\nTo: <sip:1@h>\r\nCall-ID: x\r\nCSeq: 1 INVITE\r\n\
             Contact: <sip:c@127.0.0.1:5060>\r\n{supported}{expires}Content-Length: 0\r\n\r\n"
        );
        carrier.receive(Mono::START, address("127.0.0.1:5060"), invite.as_bytes());
        let Some(Event::Incoming(call)) = carrier.poll_event() else {
            panic!("the call comes in");
        };
        carrier.accept(Mono::START, call.leg, OFFER.to_vec()).expect("it rings");
        let ok = carrier.poll_transmit().expect("it is answered");
        let ok = String::from_utf8_lossy(&ok.bytes).into_owned();
        assert_eq!(header(&ok, "Session-Expires"), agreed, "{expires}");
        assert_eq!(header(&ok, "Require").is_some(), required, "{ok}");
    }
}

/// A call without a timer whose far end was just asked whether it is there; gives the question.
fn asked(stage: &mut Stage, updates: &str) -> String {
    agreed(stage, updates);
    stage.dialer.refresh(stage.now, LEG).expect("it is answered");
    let question = stage.next();
    let method = if updates.is_empty() { "INVITE " } else { "UPDATE " };
    assert!(question.starts_with(method), "{question}");
    assert_eq!(header(&question, "Session-Expires"), None);
    question
}

const LOST: Event = Event::Ended { leg: LEG, bye: false, reason: String::new() };

#[test]
fn who_answers_the_question_whether_he_is_there_keeps_the_call_whatever_he_says() {
    for updates in [UPDATES, ""] {
        for (status, there) in [
            ("200 OK", true),
            ("488 Not Acceptable Here", true),
            ("500 Server Error", true),
            ("503 Service Unavailable", true),
            ("408 Request Timeout", false),
            ("481 Call/Transaction Does Not Exist", false),
        ] {
            let mut stage = Stage::new(78);
            let question = asked(&mut stage, updates);
            stage.dialer.refresh(stage.now, LEG).expect("it is answered");
            assert_eq!(stage.sent(), None, "one question at a time");
            stage.say(&answer(&question, status, "", CONTACT, b""));
            assert_eq!(!stage.events().contains(&LOST), there, "{updates}{status}");
            assert_eq!(stage.dialer.legs(), usize::from(there));
        }
    }
}

#[test]
fn who_does_not_answer_the_question_whether_he_is_there_or_cannot_be_asked_is_gone() {
    for updates in [UPDATES, ""] {
        let mut stage = Stage::new(78);
        asked(&mut stage, updates);
        stage.wait(Span::secs(31));
        assert_eq!(stage.events(), []);
        stage.wait(Span::secs(1));
        assert_eq!(stage.events(), [LOST]);

        let mut stage = Stage::new(78);
        asked(&mut stage, updates);
        stage.dialer.unreachable(stage.now, trunk().address);
        assert_eq!(stage.events(), [LOST]);
        assert!(stage.next().starts_with("BYE "), "should it be there after all");
    }
}

#[test]
fn two_endpoints_keep_a_long_call_alive_and_notice_when_the_other_dies() {
    for refresher in [Refresher::Us, Refresher::Them] {
        let mut world = World::over(asking(90, refresher));
        let theirs = world.talk();
        world.run(Span::secs(3_600));
        assert_eq!((world.dialer().legs(), world.carrier().legs()), (1, 1));
        let updates = world.sent(DIALER, "UPDATE").len() + world.sent(CARRIER, "UPDATE").len();
        assert!((79..=80).contains(&updates), "every 45 s for an hour: {updates}");
        world.faults.lost = 1_000;
        world.run(Span::secs(120));
        for (place, leg) in [(DIALER, LEG), (CARRIER, theirs)] {
            let lost = Event::Ended { leg, bye: false, reason: String::new() };
            assert_eq!(world.reported(place).last(), Some(&lost), "{refresher:?}");
        }
        world.run(Span::secs(60));
        assert_eq!(world.dialer().next_timeout(), None, "nothing lingers");
    }
}
