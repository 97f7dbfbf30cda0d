//! Dialogs an earlier run left up, answers to its calls, and how they end.

use super::stage::{CONTACT, Stage, answer, talking};
use super::*;

fn left_up() -> StoredDialog {
    StoredDialog {
        call_id: "old".to_owned(),
        local: "<sip:us@127.0.0.1>;tag=ours".to_owned(),
        remote: "<sip:them@127.0.0.10>;tag=theirs".to_owned(),
        target: "sip:them@127.0.0.10:5070".to_owned(),
        routes: Vec::new(),
        cseq: 1,
        next_hop: address("127.0.0.10:5070"),
        transport: Transport::Udp,
        trunk: None,
        account: Some(TrunkId(1)),
    }
}

/// A dialer that has just started again, and the BYE it sends into what was left up.
fn restarted(trunk: Trunk) -> (Stage, String) {
    let mut stage = Stage::over(trunk);
    stage.dialer.end_stale(stage.now, LEG, &left_up()).expect("it is well formed");
    let bye = stage.next();
    (stage, bye)
}

fn with_account() -> Trunk {
    let credentials = Credentials { user: "cadran".to_owned(), password: "s3cret".to_owned() };
    Trunk { credentials: Some(credentials), ..trunk() }
}

const CHALLENGE: &str =
    "Proxy-Authenticate: Digest realm=\"cadran.test\", nonce=\"n1\", qop=\"auth\"\r\n";

#[test]
fn a_challenged_bye_is_answered_by_the_trunks_account() {
    let (mut stage, bye) = restarted(with_account());
    stage.say(&answer(&bye, "407 Proxy Authentication Required", "", CHALLENGE, b""));
    let second = stage.next();
    assert!(header(&second, "Proxy-Authorization").is_some_and(|login| login.contains("n1")));
    assert_eq!(stage.events(), [], "the call is still up");
    stage.say(&answer(&second, "200 OK", "", "", b""));
    assert_eq!(stage.events(), [Event::Gone(LEG)]);
    assert_eq!(stage.dialer.legs(), 0);
}

#[test]
fn a_bye_nobody_hears_is_sent_anew_until_the_carrier_is_there() {
    let (mut stage, _) = restarted(trunk());
    stage.wait(Span::secs(33));
    while stage.sent().is_some() {}
    assert_eq!(stage.events(), [], "whoever restarts now must still know of it");
    stage.wait(Span::secs(29));
    let bye = stage.next();
    stage.say(&answer(&bye, "200 OK", "", "", b""));
    assert_eq!(stage.events(), [Event::Gone(LEG)]);
}

#[test]
fn only_who_ended_the_call_or_knows_of_none_is_believed_and_nobody_for_ever() {
    let (mut stage, bye) = restarted(trunk());
    stage.say(&answer(&bye, "481 No Such Call", "", "", b""));
    assert_eq!(stage.events(), [Event::Gone(LEG)]);
    let (mut stage, mut bye) = restarted(trunk());
    for _ in 0..10 {
        stage.say(&answer(&bye, "500 Not Now", "", "", b""));
        assert_eq!(stage.events(), []);
        stage.wait(Span::secs(30));
        bye = stage.next();
    }
    stage.say(&answer(&bye, "500 Not Now", "", "", b""));
    assert_eq!(stage.events(), [Event::Gone(LEG)]);
}

#[test]
fn a_call_that_comes_in_is_named_after_those_that_were_left() {
    let mut world = World::new(5, Faults::default());
    let left = LegId((1 << 63) | 7);
    let now = world.now;
    world.carrier().end_stale(now, left, &left_up()).expect("it is well formed");
    world.dialer().invite(now, LEG, call()).expect("the trunk is known");
    let named = world.wait(CARRIER, |event| {
        if let Event::Incoming(incoming) = event { Some(incoming.leg) } else { None }
    });
    assert_eq!(named, LegId((1 << 63) | 8));
}

/// Takes the ACK and the BYE to an answer nobody waits for, and where they went.
fn ended(stage: &mut Stage) -> [(SocketAddr, String); 2] {
    let (ack, bye) = (stage.sent().expect("an ACK"), stage.sent().expect("a BYE"));
    assert!(ack.1.starts_with("ACK ") && bye.1.starts_with("BYE "), "{ack:?}{bye:?}");
    assert_eq!(stage.sent(), None);
    [ack, bye]
}

#[test]
fn an_answer_to_a_call_of_an_earlier_run_is_acknowledged_and_ended() {
    let invite = Stage::new(1).dial();
    let ok = answer(&invite, "200 OK", "callee", CONTACT, ANSWER);
    let mut stage = Stage::new(2);
    for _ in 0..2 {
        stage.say(&ok);
        let both = ended(&mut stage);
        for ((to, text), number) in both.iter().zip(["1 ACK", "1002 BYE"]) {
            assert_eq!(*to, trunk().address.address);
            assert!(text.contains(" sip:callee@127.0.0.10:5070 SIP/2.0\r\n"), "{text}");
            assert_eq!(header(text, "CSeq"), Some(number));
            for name in ["From", "To", "Call-ID"] {
                assert_eq!(header(text, name), header(&ok, name));
            }
        }
        stage.say(&answer(&both[1].1, "200 OK", "", "", b""));
    }
    stage.wait(Span::secs(60));
    assert_eq!((stage.sent(), stage.events()), (None, Vec::new()));
    assert_eq!((stage.dialer.legs(), stage.dialer.counters().stray_responses), (0, 2));
}

#[test]
fn only_a_peers_answer_to_an_invite_of_our_address_is_ended() {
    let invite = Stage::new(1).dial();
    let ok = answer(&invite, "200 OK", "callee", CONTACT, ANSWER);
    let mut stage = Stage::new(2);
    stage.dialer.receive(stage.now, address("192.0.2.9:5060"), ok.as_bytes());
    let (own, via) = ("UDP 127.0.0.1:5060", "\r\nVia: ");
    for (part, other) in [
        (own, "UDP 127.0.0.1:5061"),
        (own, "UDP 127.0.0.2:5060"),
        (via, "\r\nVia: SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bK1-1\r\nVia: "),
        ("200 OK", "180 Ringing"),
        ("200 OK", "486 Busy Here"),
        ("1 INVITE", "1 UPDATE"),
        ("\r\nTo: <sip:", "\r\nTo: <tel:"),
    ] {
        stage.say(&ok.replacen(part, other, 1));
        assert_eq!(stage.sent(), None, "{other}");
    }
    let counters = stage.dialer.counters();
    assert_eq!((counters.strangers, counters.stray_responses), (1, 7));
}

#[test]
fn behind_the_highest_number_comes_none_that_may_not_be_said() {
    let invite = Stage::new(1).dial();
    let mut stage = Stage::new(2);
    let ok = answer(&invite, "200 OK", "callee", CONTACT, ANSWER);
    stage.say(&ok.replacen("1 INVITE", "2147483647 INVITE", 1));
    for number in ["2147483647 ACK", "2147483647 BYE"] {
        let (_, sent) = stage.sent().expect("the answer is acknowledged, and the call ended");
        assert_eq!(header(&sent, "CSeq"), Some(number));
    }
}

#[test]
fn what_ends_an_answer_nobody_waits_for_goes_to_peers_alone() {
    let invite = Stage::new(1).dial();
    let home = trunk().address.address;
    for (at, to) in [("192.0.2.9:5062", home), ("127.0.0.11:5062", address("127.0.0.11:5062"))] {
        let mut stage = Stage::over(Trunk { sources: vec![[127, 0, 0, 11].into()], ..trunk() });
        let contact = format!("Contact: <sip:x@{at}>\r\n");
        stage.say(&answer(&invite, "200 OK", "callee", &contact, ANSWER));
        for (sent_to, text) in ended(&mut stage) {
            assert_eq!(sent_to, to);
            assert!(text.contains(&format!(" sip:x@{at} SIP/2.0\r\n")), "{text}");
        }
    }
}

#[test]
fn a_late_repetition_of_an_answer_leaves_its_call_alone() {
    let mut stage = Stage::new(1);
    let invite = talking(&mut stage);
    stage.wait(Span::secs(40));
    stage.say(&answer(&invite, "200 OK", "callee", CONTACT, ANSWER));
    assert_eq!((stage.sent(), stage.events()), (None, Vec::new()));
    assert_eq!(stage.dialer.counters().stray_responses, 1, "its transaction was forgotten");
    stage.say(&answer(&invite, "200 OK", "other", CONTACT, ANSWER));
    let [_, (_, bye)] = ended(&mut stage);
    assert!(header(&bye, "To").is_some_and(|to| to.ends_with(";tag=other")), "{bye}");
    assert_eq!((stage.events(), stage.dialer.legs()), (Vec::new(), 1), "ours talks on");
}

#[test]
fn an_answer_long_after_its_call_was_given_up_is_ended() {
    let mut stage = Stage::new(1);
    let invite = stage.dial();
    stage.say(&answer(&invite, "180 Ringing", "callee", CONTACT, b""));
    stage.dialer.cancel(stage.now, LEG).expect("it rings");
    stage.wait(Span::secs(100));
    while stage.sent().is_some() {}
    assert_eq!(stage.dialer.transactions(), 0, "all of it is forgotten");
    stage.say(&answer(&invite, "200 OK", "callee", CONTACT, ANSWER));
    ended(&mut stage);
}

#[test]
fn a_flood_of_answers_nobody_waits_for_is_ended_as_far_as_peers_may_ask() {
    let invite = Stage::new(1).dial();
    let ok = answer(&invite, "200 OK", "callee", CONTACT, ANSWER);
    let mut stage = Stage::new(2);
    for _ in 0..3_000 {
        stage.say(&ok);
    }
    let sent: Vec<_> = core::iter::from_fn(|| stage.sent()).collect();
    assert_eq!((sent.len(), stage.dialer.counters().overflow), (4_000, 1_000));
}
