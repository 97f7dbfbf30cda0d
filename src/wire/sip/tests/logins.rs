//! Credentials: for the server and for its proxy, in every request that may want them.

use super::reliable::numbered;
use super::stage::{CONTACT, Stage, answer};
use super::*;

const SERVER: &str = "WWW-Authenticate";
const PROXY: &str = "Proxy-Authenticate";

fn with_account() -> Stage {
    let credentials = Credentials { user: "cadran".to_owned(), password: "s3cret".to_owned() };
    Stage::over(Trunk { credentials: Some(credentials), ..trunk() })
}

/// Challenges a request; gives what followed the ACK, if there was one to send.
fn challenged(stage: &mut Stage, request: &str, kind: &str, nonce: &str) -> Option<String> {
    challenged_in(stage, request, (kind, kind), nonce)
}

fn challenged_in(
    stage: &mut Stage,
    request: &str,
    (kind, realm): (&str, &str),
    nonce: &str,
) -> Option<String> {
    let status = if kind == PROXY { "407 Proxy" } else { "401 Unauthorized" };
    let line = format!("{kind}: Digest realm=\"{realm}\", nonce=\"{nonce}\", qop=\"auth\"\r\n");
    refused(stage, request, status, &line)
}

/// Refuses a request; gives what followed the ACK, if there was one to send.
fn refused(stage: &mut Stage, request: &str, status: &str, line: &str) -> Option<String> {
    stage.say(&answer(request, status, "", line, b""));
    if request.starts_with("INVITE ") {
        assert!(stage.sent().is_some_and(|(_, ack)| ack.starts_with("ACK ")));
    }
    stage.sent().map(|(_, text)| text)
}

/// Gives the realms a request logs in to.
fn realms(text: &str) -> Vec<&str> {
    let lines = text.lines().filter(|line| line.contains("uthorization: Digest "));
    lines.filter_map(|line| line.split("realm=\"").nth(1)?.split('"').next()).collect()
}

/// Gives the nonces a request answers, the server's and the proxy's, with their counts.
fn nonces(text: &str) -> [Option<(String, String)>; 2] {
    ["Authorization", "Proxy-Authorization"].map(|name| {
        let value = header(text, name)?;
        let part = |from: &str, to: char| {
            let (_, rest) = value.split_once(from).expect("a whole answer");
            rest.split(to).next().unwrap_or_default().to_owned()
        };
        Some((part("nonce=\"", '"'), part("nc=", ',')))
    })
}

fn nonce(name: &str, count: u32) -> Option<(String, String)> {
    Some((name.to_owned(), format!("{count:08x}")))
}

#[test]
fn a_proxy_and_the_server_behind_it_are_answered_both() {
    let mut stage = with_account();
    let first = stage.dial();
    let second = challenged(&mut stage, &first, PROXY, "p1").expect("the proxy is answered");
    assert_eq!(nonces(&second), [None, nonce("p1", 1)]);
    let third = challenged(&mut stage, &second, SERVER, "s1").expect("the server is answered");
    assert_eq!(nonces(&third), [nonce("s1", 1), nonce("p1", 2)]);
    stage.say(&answer(&third, "200 OK", "callee", CONTACT, ANSWER));
    let ack = stage.next();
    assert_eq!(nonces(&ack), nonces(&third), "RFC 3261 §13.2.2.4");
    stage.dialer.hang_up(stage.now, LEG).expect("it talks");
    assert_eq!(nonces(&stage.next()), [nonce("s1", 2), nonce("p1", 3)]);

    let mut wrong = with_account();
    let first = wrong.dial();
    let second = challenged(&mut wrong, &first, PROXY, "p1").expect("the proxy is answered");
    let third = challenged(&mut wrong, &second, SERVER, "s1").expect("the server is answered");
    assert_eq!(challenged(&mut wrong, &third, PROXY, "p2"), None, "it refused them already");
    let events = wrong.events();
    assert!(matches!(&events[..], [Event::Failed { status: 407, .. }]), "{events:?}");
}

#[test]
fn the_ack_of_an_accepted_change_repeats_its_credentials() {
    let mut stage = with_account();
    let invite = stage.dial();
    stage.say(&answer(&invite, "200 OK", "callee", CONTACT, ANSWER));
    assert_eq!(nonces(&stage.next()), [None, None]);
    stage.dialer.reoffer(stage.now, LEG, OFFER.to_vec()).expect("it talks");
    let reinvite = stage.next();
    let again = challenged(&mut stage, &reinvite, PROXY, "p1").expect("it logs in");
    stage.say(&answer(&again, "200 OK", "callee", CONTACT, ANSWER));
    let ack = stage.next();
    assert!(ack.starts_with("ACK "), "{ack}");
    assert_eq!(nonces(&ack), [None, nonce("p1", 1)]);
    assert_eq!(header(&ack, "Proxy-Authorization"), header(&again, "Proxy-Authorization"));
}

#[test]
fn a_challenged_prack_is_sent_again_with_credentials() {
    let mut stage = with_account();
    let invite = stage.dial();
    stage.say(&numbered(&invite, "183 Session Progress", "callee", 7, ANSWER));
    let prack = stage.next();
    let again = challenged(&mut stage, &prack, PROXY, "p1").expect("it logs in");
    assert!(again.starts_with("PRACK "), "{again}");
    assert_eq!(header(&again, "RAck"), Some("7 1 INVITE"));
    assert_eq!(header(&again, "CSeq"), Some("3 PRACK"));
    assert_eq!(nonces(&again), [None, nonce("p1", 1)]);
    assert_eq!(challenged(&mut stage, &again, PROXY, "p2"), None, "it refused them already");
    stage.say(&numbered(&invite, "180 Ringing", "callee", 8, b""));
    let second = stage.next();
    assert_eq!(nonces(&second), [None, nonce("p1", 2)]);
    assert!(challenged(&mut stage, &second, PROXY, "p3").is_some(), "another request");
}

#[test]
fn each_proxy_on_the_way_is_answered_in_its_realm_and_all_are_in_every_request() {
    let mut stage = with_account();
    let mut request = stage.dial();
    let realms_of = ["a", "b", "c", "d"];
    for (place, realm) in realms_of.iter().enumerate() {
        let next = challenged_in(&mut stage, &request, (PROXY, realm), "n");
        request = next.expect("another realm is another's");
        assert_eq!(realms(&request), realms_of[..=place]);
    }
    stage.say(&answer(&request, "200 OK", "callee", CONTACT, ANSWER));
    assert_eq!(realms(&stage.next()), realms_of);
    stage.dialer.hang_up(stage.now, LEG).expect("it talks");
    let bye = stage.next();
    assert_eq!(realms(&bye), realms_of);
    let moved = challenged_in(&mut stage, &bye, (PROXY, "e"), "n").expect("a is not asked for");
    assert_eq!(realms(&moved), ["e", "b", "c", "d"]);

    let mut wrong = with_account();
    let first = wrong.dial();
    let second = challenged_in(&mut wrong, &first, (PROXY, "a"), "n1").expect("a is answered");
    let third = challenged_in(&mut wrong, &second, (PROXY, "b"), "n1").expect("b is answered");
    assert_eq!(challenged_in(&mut wrong, &third, (PROXY, "a"), "n2"), None, "a refused them");
    let mut endless = with_account();
    let mut invite = endless.dial();
    for realm in realms_of {
        invite = challenged_in(&mut endless, &invite, (PROXY, realm), "n").expect("some are usual");
    }
    assert_eq!(challenged_in(&mut endless, &invite, (PROXY, "e"), "n"), None, "no way is so long");
}

#[test]
fn a_challenge_after_another_session_timer_is_no_wrong_password() {
    let raise = |least: u32| format!("Min-SE: {least}\r\n");
    let small = "422 Session Interval Too Small";
    let mut stage = with_account();
    let first = stage.dial();
    let mut request = challenged(&mut stage, &first, SERVER, "n1").expect("it logs in");
    request = refused(&mut stage, &request, small, &raise(300)).expect("it asks for more");
    assert_eq!(nonces(&request), [nonce("n1", 2), None]);
    request = challenged(&mut stage, &request, SERVER, "n2").expect("they were accepted before");
    assert_eq!(nonces(&request), [nonce("n2", 1), None]);
    let timer = "Allow: INVITE, UPDATE\r\nSession-Expires: 600;refresher=uac\r\n";
    stage.say(&answer(&request, "200 OK", "callee", &format!("{CONTACT}{timer}"), ANSWER));
    stage.next();
    stage.dialer.reoffer(stage.now, LEG, OFFER.to_vec()).expect("it talks");
    for (method, least) in [("INVITE ", 700), ("UPDATE ", 800)] {
        request = stage.next();
        assert!(request.starts_with(method), "{request}");
        request = challenged(&mut stage, &request, SERVER, "n3").expect("a new request");
        request = refused(&mut stage, &request, small, &raise(least)).expect("it asks for more");
        request = challenged(&mut stage, &request, SERVER, "n4").expect("accepted before");
        assert_eq!(challenged(&mut stage, &request, SERVER, "n5"), None, "refused now");
        stage.wait(Span::secs(300));
    }
}
