//! Reliable provisional answers (RFC 3262), both ways, and what early dialogs carry.

use super::stage::{CONTACT, Stage, answer, inside};
use super::*;

const KIND: &str = "Content-Type: application/sdp\r\n";

/// A provisional answer that wants a PRACK.
pub(super) fn numbered(invite: &str, status: &str, tag: &str, rseq: u32, body: &[u8]) -> String {
    let more = format!("{CONTACT}Require: 100rel\r\nRSeq: {rseq}\r\n");
    answer(invite, status, tag, &more, body)
}

fn requiring() -> Trunk {
    Trunk { reliable: Reliability::Required, ..trunk() }
}

#[test]
fn an_invite_offers_or_demands_reliable_answers_as_its_trunk_says() {
    let cases = [
        (Reliability::Off, Some("timer"), None),
        (Reliability::Supported, Some("timer, 100rel"), None),
        (Reliability::Required, Some("timer, 100rel"), Some("100rel")),
    ];
    for (reliable, supported, required) in cases {
        let mut stage = Stage::over(Trunk { reliable, ..trunk() });
        let invite = stage.dial();
        assert_eq!(header(&invite, "Supported"), supported);
        assert_eq!(header(&invite, "Require"), required);
    }
}

#[test]
fn reliable_answers_are_acknowledged_in_their_order() {
    let mut stage = Stage::new(50);
    let invite = stage.dial();
    stage.say(&numbered(&invite, "183 Progress", "callee", 4_711, ANSWER));
    let prack = stage.next();
    assert!(prack.starts_with("PRACK sip:callee@127.0.0.10:5070 SIP/2.0\r\n"), "{prack}");
    assert_eq!(header(&prack, "RAck"), Some("4711 1 INVITE"));
    assert_eq!(header(&prack, "CSeq"), Some("2 PRACK"));
    assert!(header(&prack, "To").is_some_and(|to| to.ends_with(";tag=callee")), "{prack}");
    assert_eq!(stage.events(), [Event::Progress(LEG, ANSWER.to_vec())]);
    // A repetition is the PRACK's business; one that overtook another waits to be repeated.
    stage.say(&numbered(&invite, "183 Progress", "callee", 4_711, ANSWER));
    stage.say(&numbered(&invite, "180 Ringing", "callee", 4_713, b""));
    assert_eq!((stage.sent(), stage.events()), (None, Vec::new()));
    stage.say(&answer(&prack, "200 OK", "", "", b""));
    stage.say(&numbered(&invite, "180 Ringing", "callee", 4_712, b""));
    let second = stage.next();
    assert_eq!(header(&second, "RAck"), Some("4712 1 INVITE"));
    assert_eq!(header(&second, "CSeq"), Some("3 PRACK"));
    assert_eq!(stage.events(), [Event::Ringing(LEG)]);
    stage.say(&answer(&invite, "200 OK", "callee", CONTACT, b""));
    let (_, ack) = stage.sent().expect("the answer is acknowledged");
    assert_eq!(header(&ack, "CSeq"), Some("1 ACK"));
    let events = stage.events();
    assert!(matches!(&events[..], [Event::Answered(_, sdp), Event::Dialog(..)] if sdp == ANSWER));
    stage.dialer.hang_up(stage.now, LEG).expect("it talks");
    let bye = stage.next();
    assert_eq!(header(&bye, "CSeq"), Some("4 BYE"), "after the dialog's PRACKs");
}

#[test]
fn who_says_no_readable_callee_back_is_told_the_one_that_was_called() {
    let mut stage = Stage::new(54);
    let invite = stage.dial();
    let called = header(&invite, "To").expect("an INVITE has a To").to_owned();
    let to = format!("To: {called}");
    let unread = |status: &str| {
        let said = numbered(&invite, status, "callee", 7, ANSWER);
        let line = said.lines().find(|line| line.starts_with(&to)).unwrap_or_default().to_owned();
        said.replace(&line, "To: *callee : SIP/")
    };
    for (status, method) in [("183 Progress", "PRACK"), ("200 OK", "ACK")] {
        stage.say(&unread(status));
        let (_, sent) = stage.sent().expect("it is acknowledged");
        assert!(sent.starts_with(&format!("{method} sip:callee@127.0.0.10:5070 ")), "{sent}");
        assert_eq!(header(&sent, "To"), Some(called.as_str()), "{sent}");
    }
}

#[test]
fn a_lost_prack_is_repeated_until_it_is_answered() {
    let mut stage = Stage::new(51);
    let invite = stage.dial();
    stage.say(&numbered(&invite, "183 Progress", "callee", 1, ANSWER));
    let prack = stage.next();
    stage.wait(Span::millis(600));
    assert_eq!(stage.next(), prack);
    stage.say(&answer(&prack, "200 OK", "", "", b""));
    stage.wait(Span::secs(10));
    assert_eq!(stage.sent(), None);
}

#[test]
fn each_fork_has_its_own_numbers_and_its_own_way() {
    let mut stage = Stage::new(52);
    let invite = stage.dial();
    for (tag, rseq) in [("one", 10), ("two", 500)] {
        stage.say(&numbered(&invite, "180 Ringing", tag, rseq, b""));
        let prack = stage.next();
        assert_eq!(header(&prack, "CSeq"), Some("2 PRACK"), "each dialog counts for itself");
        assert!(header(&prack, "To").is_some_and(|to| to.ends_with(tag)), "{prack}");
    }
    stage.say(&numbered(&invite, "180 Ringing", "one", 11, b""));
    assert_eq!(header(&stage.next(), "RAck"), Some("11 1 INVITE"));
}

#[test]
fn a_reliable_answer_without_a_number_is_not_heeded() {
    let mut stage = Stage::new(53);
    let invite = stage.dial();
    for rseq in ["", "RSeq: 0\r\n", "RSeq: x\r\n", "RSeq: 99999999999\r\n"] {
        let more = format!("{CONTACT}Require: 100rel\r\n{rseq}");
        stage.say(&answer(&invite, "183 Progress", "callee", &more, ANSWER));
        assert_eq!((stage.sent(), stage.events()), (None, Vec::new()), "{rseq}");
    }
    stage.say(&numbered(&invite, "183 Progress", "callee", u32::MAX, ANSWER));
    stage.next();
    stage.say(&numbered(&invite, "180 Ringing", "callee", 1, b""));
    assert_eq!(stage.sent(), None, "there is none after the last number");
}

#[test]
fn an_update_before_the_answer_is_an_offer_too() {
    let mut stage = Stage::new(54);
    let invite = stage.dial();
    stage.say(&inside(&invite, "UPDATE", 1, KIND, ANSWER));
    assert!(stage.next().starts_with("SIP/2.0 481 "), "there is no dialog yet");
    stage.say(&numbered(&invite, "183 Progress", "callee", 1, b""));
    stage.next();
    stage.say(&inside(&invite, "UPDATE", 2, KIND, ANSWER));
    assert!(stage.next().starts_with("SIP/2.0 491 "), "our own offer is not answered yet");
    stage.say(&numbered(&invite, "183 Progress", "callee", 2, ANSWER));
    stage.next();
    stage.events();
    let moved = b"v=0\r\nm=audio 1 RTP/AVP 8\r\n";
    stage.say(&inside(&invite, "UPDATE", 3, KIND, moved));
    assert_eq!(stage.events(), [Event::Offer(LEG, Some(moved.to_vec()))]);
    stage.say(&inside(&invite, "UPDATE", 4, KIND, moved));
    assert!(stage.next().starts_with("SIP/2.0 500 "), "one at a time");
    stage.dialer.accept(stage.now, LEG, OFFER.to_vec()).expect("an offer waits");
    let ok = stage.next();
    assert!(ok.starts_with("SIP/2.0 200 OK\r\n") && ok.contains("m=audio 40000"), "{ok}");
    stage.say(&inside(&invite, "UPDATE", 5, "", b""));
    assert!(stage.next().starts_with("SIP/2.0 200 "), "a mere refresh of the target");
    stage.say(&inside(&invite, "BYE", 6, "", b""));
    assert!(stage.next().starts_with("SIP/2.0 481 "), "the called side may not end it so");
}

#[test]
fn an_unreliable_answer_makes_a_dialog_too_but_settles_no_offer() {
    let mut stage = Stage::new(56);
    let invite = stage.dial();
    stage.say(&answer(&invite, "183 Progress", "callee", CONTACT, ANSWER));
    let cases: [(&str, &str, &[u8], &str); 5] = [
        ("OPTIONS", "", b"", "SIP/2.0 200 "),
        ("INFO", "", b"", "SIP/2.0 200 "),
        ("UPDATE", "", b"", "SIP/2.0 200 "),
        ("UPDATE", KIND, ANSWER, "SIP/2.0 491 "),
        ("BYE", "", b"", "SIP/2.0 481 "),
    ];
    for (cseq, (method, more, body, expected)) in (1..).zip(cases) {
        stage.say(&inside(&invite, method, cseq, more, body));
        let reply = stage.next();
        assert!(reply.starts_with(expected), "{method}: {reply}");
    }
    stage.say(&numbered(&invite, "180 Ringing", "callee", 1, b""));
    stage.next();
    stage.say(&inside(&invite, "UPDATE", 6, KIND, ANSWER));
    assert!(stage.next().starts_with("SIP/2.0 491 "), "what came reliably described nothing");
    stage.say(&answer(&invite, "200 OK", "callee", CONTACT, b""));
    stage.next();
    stage.say(&inside(&invite, "INFO", 5, "", b""));
    assert!(stage.next().starts_with("SIP/2.0 500 "), "the dialog goes on where it stood");
}

#[test]
fn a_prack_goes_where_the_reliable_answer_says() {
    let mut stage = Stage::new(57);
    let invite = stage.dial();
    stage.say(&answer(&invite, "180 Ringing", "callee", "", b""));
    stage.say(&inside(&invite, "OPTIONS", 7, "", b""));
    assert!(stage.next().starts_with("SIP/2.0 200 "));
    stage.say(&numbered(&invite, "183 Progress", "callee", 1, ANSWER));
    assert!(stage.next().starts_with("PRACK sip:callee@127.0.0.10:5070 SIP/2.0\r\n"));
    stage.say(&inside(&invite, "INFO", 6, "", b""));
    assert!(stage.next().starts_with("SIP/2.0 500 "), "the dialog goes on where it stood");
}

#[test]
fn an_offer_made_before_the_answer_may_be_met_after_it() {
    let mut stage = Stage::new(55);
    let invite = stage.dial();
    stage.say(&numbered(&invite, "183 Progress", "callee", 1, ANSWER));
    stage.next();
    stage.say(&inside(&invite, "UPDATE", 1, KIND, ANSWER));
    stage.say(&answer(&invite, "200 OK", "callee", CONTACT, b""));
    assert!(stage.next().starts_with("ACK "));
    stage.dialer.accept(stage.now, LEG, OFFER.to_vec()).expect("the offer still waits");
    assert!(stage.next().starts_with("SIP/2.0 200 OK\r\n"));
    stage.say(&inside(&invite, "BYE", 2, "", b""));
    assert!(stage.next().starts_with("SIP/2.0 200 OK\r\n"));
}

#[test]
fn a_caller_who_demands_reliable_answers_gets_them_one_by_one() {
    let mut world = World::over(requiring());
    let theirs = world.dial();
    let now = world.now;
    world.carrier().progress(now, theirs, ANSWER.to_vec()).expect("it waits");
    world.carrier().ring(now, theirs).expect("it waits");
    world.carrier().accept(now, theirs, ANSWER.to_vec()).expect("it waits");
    world.run(Span::millis(15));
    assert_eq!(world.sent(CARRIER, "SIP/2.0 183").len(), 1);
    assert!(world.sent(CARRIER, "SIP/2.0 200 OK\r\nVia").is_empty(), "the PRACK comes first");
    world.wait(DIALER, |event| matches!(event, Event::Answered(..)).then_some(()));
    world.run(Span::secs(1));
    let pracks = world.sent(DIALER, "PRACK");
    assert_eq!(pracks.len(), 1, "what was said meanwhile gives way to the answer");
    assert_eq!(world.dialer().counters().retransmitted, 0);
    let now = world.now;
    world.dialer().hang_up(now, LEG).expect("it talks");
    world.run(Span::secs(40));
    assert_eq!((world.dialer().legs(), world.carrier().legs()), (0, 0));
    assert_eq!(world.carrier().next_timeout(), None);
}

#[test]
fn reliable_answers_survive_a_bad_network() {
    for seed in 0..40 {
        let mut world = World::new(seed, Faults { lost: 300, doubled: 200, late: 80 });
        world.dialer().set_trunk(requiring());
        let theirs = world.dial();
        let now = world.now;
        world.carrier().ring(now, theirs).expect("it waits");
        let now = world.now;
        world.carrier().progress(now, theirs, ANSWER.to_vec()).expect("it waits");
        world.wait(DIALER, |event| matches!(event, Event::Progress(..)).then_some(()));
        let now = world.now;
        world.carrier().accept(now, theirs, ANSWER.to_vec()).expect("it waits");
        world.wait(DIALER, |event| matches!(event, Event::Answered(..)).then_some(()));
        let now = world.now;
        world.dialer().hang_up(now, LEG).expect("it talks");
        world.run(Span::secs(120));
        assert_eq!((world.dialer().legs(), world.carrier().legs()), (0, 0), "seed {seed}");
        assert_eq!(world.carrier().next_timeout(), None, "seed {seed}");
    }
}

#[test]
fn a_reliable_answer_nobody_acknowledges_fails_the_call() {
    let mut world = World::over(requiring());
    let theirs = world.dial();
    let now = world.now;
    world.carrier().ring(now, theirs).expect("it waits");
    world.faults.lost = 1_000;
    world.run(Span::secs(33));
    // At 0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5 s: twice as long each time (RFC 3262 §3).
    assert_eq!(world.sent(CARRIER, "SIP/2.0 180").len(), 7);
    let events = world.reported(CARRIER);
    assert!(matches!(events.last(), Some(Event::Failed { status: 504, .. })), "{events:?}");
    assert!(!world.sent(CARRIER, "SIP/2.0 504").is_empty(), "the caller is told so");
}

/// A call that rings at an endpoint and was told so reliably; gives it with the INVITE and the 180.
fn ringing() -> (Endpoint, String, LegId, String) {
    let mut stage = Stage::over(requiring());
    let invite = stage.dial();
    let mut carrier = Endpoint::new(settings("127.0.0.10:5070", 9, true));
    carrier.receive(Mono::START, address("127.0.0.1:5060"), invite.as_bytes());
    let Some(Event::Incoming(call)) = carrier.poll_event() else {
        panic!("the call comes in");
    };
    carrier.progress(Mono::START, call.leg, ANSWER.to_vec()).expect("it rings");
    let early = carrier.poll_transmit().expect("it is told");
    (carrier, invite, call.leg, String::from_utf8_lossy(&early.bytes).into_owned())
}

/// Sends a request of the caller into its early dialog; gives the answer.
fn early_request(
    carrier: &mut Endpoint,
    (invite, early): (&str, &str),
    (method, cseq): (&str, u32),
    more: &str,
    body: &[u8],
) -> String {
    let to = header(early, "To").expect("it has one");
    let text = format!(
        "{method} sip:cadran@127.0.0.10:5070 SIP/2.0\r\n\
         Via: SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bK{method}{cseq};rport\r\n\
         Max-Forwards: 70\r\nFrom: {}\r\nTo: {to}\r\nCall-ID: {}\r\nCSeq: {cseq} {method}\r\n\
         {more}Content-Length: {}\r\n\r\n{}",
        header(invite, "From").expect("it has one"),
        header(invite, "Call-ID").expect("it has one"),
        body.len(),
        String::from_utf8_lossy(body),
    );
    carrier.receive(Mono::START, address("127.0.0.1:5060"), text.as_bytes());
    let reply = carrier.poll_transmit().map(|reply| reply.bytes).unwrap_or_default();
    String::from_utf8_lossy(&reply).into_owned()
}

#[test]
fn a_prack_must_name_the_answer_it_is_for() {
    let (mut carrier, invite, _, early) = ringing();
    assert_eq!(header(&early, "Require"), Some("100rel"));
    let rseq: u32 = header(&early, "RSeq").and_then(|rseq| rseq.parse().ok()).expect("a number");
    let texts = (invite.as_str(), early.as_str());
    let wrong = [
        format!("{} 1 INVITE", rseq + 1),
        format!("{rseq} 2 INVITE"),
        format!("{rseq} 1 UPDATE"),
        String::new(),
        "x".to_owned(),
    ];
    for (cseq, rack) in (2..).zip(wrong) {
        let rack = format!("RAck: {rack}\r\n");
        let reply = early_request(&mut carrier, texts, ("PRACK", cseq), &rack, b"");
        assert!(reply.starts_with("SIP/2.0 481 "), "{rack}: {reply}");
    }
    let rack = format!("RAck: {rseq} 1 INVITE\r\n");
    let reply = early_request(&mut carrier, texts, ("PRACK", 20), &rack, b"");
    assert!(reply.starts_with("SIP/2.0 200 OK\r\n"), "{reply}");
    let reply = early_request(&mut carrier, texts, ("PRACK", 21), &rack, b"");
    assert!(reply.starts_with("SIP/2.0 481 "), "once is enough: {reply}");
}

#[test]
fn an_offer_in_a_prack_is_answered_in_its_200_and_the_call_rings_on() {
    let (mut carrier, invite, leg, early) = ringing();
    let rseq = header(&early, "RSeq").expect("a number");
    let more = format!("RAck: {rseq} 1 INVITE\r\n{KIND}");
    let texts = (invite.as_str(), early.as_str());
    let reply = early_request(&mut carrier, texts, ("PRACK", 2), &more, OFFER);
    assert_eq!(reply, "", "the application is asked first");
    assert_eq!(carrier.poll_event(), Some(Event::Offer(leg, Some(OFFER.to_vec()))));
    carrier.accept(Mono::START, leg, ANSWER.to_vec()).expect("an offer waits");
    let ok = carrier.poll_transmit().expect("the PRACK is answered");
    let ok = String::from_utf8_lossy(&ok.bytes).into_owned();
    assert!(ok.starts_with("SIP/2.0 200 OK\r\n"), "{ok}");
    assert_eq!(header(&ok, "CSeq"), Some("2 PRACK"));
    carrier.accept(Mono::START, leg, ANSWER.to_vec()).expect("the call waits");
    let ok = carrier.poll_transmit().expect("the INVITE is answered");
    let ok = String::from_utf8_lossy(&ok.bytes).into_owned();
    assert_eq!(header(&ok, "CSeq"), Some("1 INVITE"));
}

#[test]
fn a_caller_may_end_an_early_dialog_with_bye() {
    let (mut carrier, invite, leg, early) = ringing();
    let texts = (invite.as_str(), early.as_str());
    let reply = early_request(&mut carrier, texts, ("BYE", 2), "", b"");
    assert!(reply.starts_with("SIP/2.0 200 OK\r\n"), "{reply}");
    let refusal = carrier.poll_transmit().expect("the INVITE is refused");
    assert!(refusal.bytes.starts_with(b"SIP/2.0 487 "));
    let event = carrier.poll_event();
    assert!(matches!(event, Some(Event::Failed { leg: l, status: 487, .. }) if l == leg));
}
