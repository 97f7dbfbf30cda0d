//! A trunk with several servers: where a refused call goes on, and who is spared for how long.

use super::stage::{CONTACT, Stage, answer, inside};
use super::*;

const OTHER: &str = "127.0.0.11:5070";

/// A dialer whose trunk has a second server at [`OTHER`].
fn stage() -> Stage {
    let way = |hop: Hop, priority| Way { hop, priority, weight: 0 };
    let ways = vec![way(trunk().address, 1), way(address(OTHER).into(), 2)];
    Stage::over(Trunk { ways, ..trunk() })
}

/// Places a call; gives where its INVITE went, and the INVITE.
fn dial(stage: &mut Stage, leg: u64) -> (SocketAddr, String) {
    stage.dialer.invite(stage.now, LegId(leg), call()).expect("the trunk is known");
    stage.sent().expect("an INVITE")
}

/// Refuses an INVITE of the first server's for want of room; gives where the call goes on.
fn refuse(stage: &mut Stage, invite: &str, more: &str) -> Option<SocketAddr> {
    stage.say(&answer(invite, "503 Service Unavailable", "full", more, b""));
    assert!(stage.sent().is_some_and(|(_, ack)| ack.starts_with("ACK ")));
    stage.sent().map(|(to, _)| to)
}

#[test]
fn a_refused_call_goes_on_only_while_nobody_can_have_been_rung() {
    let (busy, full) = ("Reason: Q.850;cause=17\r\n", "Reason: Q.850;cause=34\r\n");
    let cases: [(&str, &[u8], &str, bool); 8] = [
        ("100 Trying", b"", "", true),
        ("181 Call Is Being Forwarded", b"", "", false),
        ("183 Session Progress", b"", "", false),
        ("100 Trying", b"", full, true),
        ("100 Trying", b"", "Reason: Q.850;cause=16\r\n", true),
        ("180 Ringing", b"", "", false),
        ("183 Session Progress", ANSWER, "", false),
        ("100 Trying", b"", busy, false),
    ];
    for (early, sdp, reason, goes_on) in cases {
        let mut stage = stage();
        let (_, invite) = dial(&mut stage, 1);
        stage.say(&answer(&invite, early, "callee", CONTACT, sdp));
        let next = refuse(&mut stage, &invite, reason);
        assert_eq!(next, goes_on.then(|| address(OTHER)), "{early} {reason}");
        let failed = stage.events().pop();
        let failed = matches!(failed, Some(Event::Failed { status: 503, .. }));
        assert_eq!(failed, !goes_on, "{early} {reason}");
        let (to, _) = dial(&mut stage, 2);
        assert_eq!(to == address(OTHER), goes_on, "what came from beyond it spares no server");
    }
}

#[test]
fn a_server_that_answers_when_the_call_has_gone_on_is_hung_up_on() {
    let mut stage = stage();
    let (_, invite) = dial(&mut stage, 1);
    stage.wait(Span::secs(32));
    let mut last = None;
    while let Some((to, _)) = stage.sent() {
        last = Some(to);
    }
    assert_eq!(last, Some(address(OTHER)));
    stage.say(&answer(&invite, "200 OK", "late", CONTACT, ANSWER));
    let (ack, bye) = (stage.sent().expect("an ACK"), stage.sent().expect("a BYE"));
    assert!(ack.1.starts_with("ACK ") && bye.1.starts_with("BYE "), "{ack:?}{bye:?}");
    assert_eq!([ack.0, bye.0], [trunk().address.address; 2]);
    assert_eq!((stage.events(), stage.dialer.legs()), (Vec::new(), 1), "it rings at the other");
}

#[test]
fn only_its_time_ends_the_rest_a_server_asked_for() {
    let mut stage = stage();
    let (_, talks) = dial(&mut stage, 1);
    stage.say(&answer(&talks, "200 OK", "callee", CONTACT, ANSWER));
    stage.next();
    let (_, early) = dial(&mut stage, 2);
    let (_, invite) = dial(&mut stage, 3);
    assert_eq!(refuse(&mut stage, &invite, "Retry-After: 300\r\n"), Some(address(OTHER)));
    stage.say(&answer(&early, "486 Busy Here", "callee", "", b""));
    stage.next();
    stage.dialer.hang_up(stage.now, LegId(1)).expect("it talks");
    let bye = stage.next();
    stage.say(&answer(&bye, "200 OK", "", "", b""));
    stage.say(&inside(&talks, "OPTIONS", 1, "", b"").replace(";tag=callee", ""));
    while stage.sent().is_some() {}
    stage.now = stage.now + Span::secs(299);
    assert_eq!(dial(&mut stage, 4).0, address(OTHER));
    stage.now = stage.now + Span::secs(1);
    assert_eq!(dial(&mut stage, 5).0, trunk().address.address);
}

#[test]
fn one_call_tries_a_server_and_only_its_own_final_answer_lets_the_others_in() {
    let mut stage = stage();
    let credentials = Credentials { user: "acc".to_owned(), password: "s3cret".to_owned() };
    let way = |hop: Hop, priority| Way { hop, priority, weight: 0 };
    let ways = vec![way(trunk().address, 1), way(address(OTHER).into(), 2)];
    stage.dialer.set_trunk(Trunk { ways, credentials: Some(credentials), ..trunk() });
    let challenge = "WWW-Authenticate: Digest realm=\"r\", nonce=\"n\"\r\n";
    let first = trunk().address.address;
    let (_, invite) = dial(&mut stage, 1);
    refuse(&mut stage, &invite, "");
    for (nth, rest) in (1..).zip([60, 120, 240]) {
        stage.now = stage.now + Span::secs(rest - 1);
        assert_eq!(dial(&mut stage, 10 * nth).0, address(OTHER), "after {rest} s");
        stage.now = stage.now + Span::secs(1);
        let (to, trial) = dial(&mut stage, 10 * nth + 1);
        assert_eq!(to, first, "after {rest} s");
        stage.say(&answer(&trial, "100 Trying", "", "", b""));
        assert_eq!(dial(&mut stage, 10 * nth + 2).0, address(OTHER), "100 is no answer");
        stage.say(&answer(&trial, "401 Unauthorized", "", challenge, b""));
        stage.sent();
        let trial = stage.next();
        assert_eq!(dial(&mut stage, 10 * nth + 3).0, address(OTHER), "nor is a challenge");
        assert_eq!(refuse(&mut stage, &trial, ""), Some(address(OTHER)), "twice as long each time");
    }
    stage.now = stage.now + Span::secs(480);
    let (to, trial) = dial(&mut stage, 90);
    assert_eq!(to, first);
    stage.say(&answer(&trial, "486 Busy Here", "callee", "", b""));
    stage.next();
    assert_eq!(dial(&mut stage, 91).0, first, "it has room");
}

#[test]
fn a_sign_of_life_is_asked_of_the_next_server_after_ten_seconds_of_silence() {
    let mut stage = stage();
    let asked = |stage: &mut Stage| core::iter::from_fn(|| stage.sent()).last().map(|(to, _)| to);
    stage.dialer.send_options(stage.now, TrunkId(1)).expect("the trunk is known");
    stage.wait(Span::millis(9_999));
    assert_eq!(asked(&mut stage), Some(trunk().address.address));
    stage.wait(Span::millis(1));
    assert_eq!(asked(&mut stage), Some(address(OTHER)));
    stage.wait(Span::millis(31_999));
    assert_eq!(stage.events(), [], "the last one has the time of the RFC");
    stage.wait(Span::millis(1));
    assert_eq!(stage.events(), [Event::Options(TrunkId(1), 408, None)]);
}

#[test]
fn a_server_that_asks_for_rest_over_tcp_rests_for_datagrams_too() {
    let way = |hop: Hop, priority| Way { hop, priority, weight: 0 };
    let large = Trunk {
        ways: vec![way(trunk().address, 1), way(address(OTHER).into(), 2)],
        headers: vec![("X-Long".to_owned(), "x".repeat(1_300))],
        large_over_tcp: true,
        ..trunk()
    };
    let mut stage = Stage::over(large.clone());
    stage.dialer.invite(stage.now, LegId(1), call()).expect("the trunk is known");
    let first = stage.dialer.poll_transmit().expect("an INVITE");
    assert_eq!(first.to, Hop { transport: Transport::Tcp, ..trunk().address });
    let text = String::from_utf8_lossy(&first.bytes).into_owned();
    let full = answer(&text, "503 Service Unavailable", "full", "Retry-After: 120\r\n", b"");
    stage.dialer.receive(stage.now, first.to, full.as_bytes());
    while stage.sent().is_some() {}
    stage.now = stage.now + Span::secs(119);
    assert_eq!(dial(&mut stage, 2).0, address(OTHER), "it asked for two minutes");
    stage.now = stage.now + Span::secs(1);
    assert_eq!(dial(&mut stage, 3).0, trunk().address.address);
    // Nobody listens for connections there: that says nothing of its room.
    let mut stage = Stage::over(large);
    stage.dialer.invite(stage.now, LegId(1), call()).expect("the trunk is known");
    let first = stage.dialer.poll_transmit().expect("an INVITE");
    stage.dialer.disconnected(stage.now, first.to);
    let again = stage.dialer.poll_transmit().expect("an INVITE");
    assert_eq!(again.to, trunk().address, "as a datagram after all");
    assert_eq!(dial(&mut stage, 2).0, trunk().address.address);
}
