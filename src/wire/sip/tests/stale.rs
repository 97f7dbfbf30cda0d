//! Dialogs an earlier run left up, and how they end.

use super::stage::{Stage, answer};
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
