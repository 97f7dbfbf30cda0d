//! What is said about a watched request.

use super::stage::{CONTACT, Stage, answer};
use super::*;

/// A dialer whose call is watched, and its INVITE.
fn watched() -> (Stage, String) {
    let mut stage = Stage::new(31);
    stage.dialer.invite(stage.now, LEG, call()).expect("the trunk is known");
    stage.dialer.watch(LEG, Subject::Call);
    let invite = stage.next();
    (stage, invite)
}

fn told(stage: &mut Stage) -> Testimony {
    stage.dialer.dismiss(LEG, Subject::Call).expect("the call was watched")
}

#[test]
fn every_answer_is_told_once_with_its_time() {
    let (mut stage, invite) = watched();
    for (ms, status) in [(10, "100 Trying"), (300, "180 Ringing"), (400, "180 Ringing")] {
        stage.now = Mono::START + Span::millis(ms);
        stage.say(&answer(&invite, status, "callee", "", b""));
        assert!(!stage.dialer.is_settled(LEG));
    }
    stage.now = Mono::START + Span::millis(2_900);
    stage.say(&answer(&invite, "200 OK", "callee", CONTACT, ANSWER));
    assert!(stage.dialer.is_settled(LEG));
    let ms = Span::millis;
    let expected = vec![(100, ms(10)), (180, ms(300)), (200, ms(2_900))];
    assert_eq!(told(&mut stage), Testimony { answers: expected, ..Testimony::default() });
    assert_eq!(stage.dialer.dismiss(LEG, Subject::Call), None);
}

#[test]
fn what_an_echo_service_saw_is_read() {
    for (line, caller, attested) in [
        ("<sip:+33162000000@c.test>;verstat=TN-Validation-Passed-A", "+33162000000", true),
        ("<sip:+33162000000@c.test;verstat=TN-Validation-Passed-A>", "+33162000000", true),
        ("0162000000", "0162000000", false),
        ("anonymous", "anonymous", false),
    ] {
        let (mut stage, invite) = watched();
        let more = format!("{CONTACT}X-Caller-Seen: {line}\r\n");
        stage.say(&answer(&invite, "200 OK", "callee", &more, ANSWER));
        let told = told(&mut stage);
        assert_eq!(told.caller.as_deref(), Some(caller));
        let expected = attested.then_some("TN-Validation-Passed-A");
        assert_eq!(told.attestation.as_deref(), expected, "{line}");
    }
}

#[test]
fn what_came_back_changed_is_named_and_nothing_else() {
    let ours = "127.0.0.1:5060";
    let cases: [(&str, &str, &[Part]); 8] = [
        ("rport", "rport=5060;received=127.0.0.1", &[]),
        (ours, "203.0.113.7:1024", &[Part::Via]),
        ("@127.0.0.1>", "@203.0.113.7>", &[Part::From]),
        ("Content-Length: 30", "Content-Length: 35", &[Part::Length]),
        ("Content-Length: 30", "Content-Length: 29", &[Part::Length]),
        ("Content-Length: 30", "Content-Length: 28", &[Part::Length]),
        ("Content-Length: 30", "Content-Length: 0", &[Part::Length]),
        ("40000 RTP/AVP 8\r\n", "40000 RTP/AVP 8\r\n\r\n", &[]),
    ];
    for (from, to, expected) in cases {
        let (mut stage, invite) = watched();
        let response = answer(&invite, "200 OK", "callee", CONTACT, OFFER);
        assert!(response.contains(from), "{from} in {response}");
        stage.say(&response.replace(from, to));
        let changed: Vec<_> = told(&mut stage).changed.into_iter().collect();
        assert_eq!(changed, expected, "{from} → {to}");
    }
}

#[test]
fn an_address_that_is_not_the_one_told_is_a_nats() {
    let (mut stage, invite) = watched();
    let seen = answer(&invite, "403 Forbidden", "c", "", b"");
    stage.say(&seen.replace("rport", "rport=1024;received=203.0.113.7"));
    let told = told(&mut stage);
    assert_eq!((told.seen_at, told.changed.len()), ("203.0.113.7".parse().ok(), 0));
}
