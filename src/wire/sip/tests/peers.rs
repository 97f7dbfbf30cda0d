//! The dialer against a carrier written out by hand, that may do what an endpoint never does.

use super::stage::{CONTACT, Stage, answer, inside, talking};
use super::*;

#[test]
fn early_media_is_told_once_for_each_description_and_stands_in_for_the_answer() {
    let mut stage = Stage::new(2);
    let invite = stage.dial();
    let early = answer(&invite, "183 Session Progress", "callee", CONTACT, HELLO);
    stage.say(&early);
    stage.say(&early);
    stage.say(&answer(&invite, "200 OK", "callee", CONTACT, b""));
    let events = stage.events();
    assert!(
        matches!(&events[..], [Event::Progress(_, one), Event::Answered(_, two), Event::Dialog(..)]
            if one == HELLO && two == HELLO),
        "{events:?}"
    );
}

const HELLO: &[u8] = b"v=0\r\nm=audio 1 RTP/AVP 0\r\n";

#[test]
fn requests_follow_the_record_route_to_the_contact() {
    let mut stage = Stage::new(3);
    let invite = stage.dial();
    let more = "Contact: <sip:moved@127.0.0.10:5071;transport=udp>\r\n\
        Record-Route: <sip:127.0.0.10:5071;lr;ep=2>, <sip:127.0.0.10:5072;lr;ep=1>\r\n";
    stage.say(&answer(&invite, "200 OK", "callee", more, ANSWER));
    let (to, ack) = stage.sent().expect("the answer is acknowledged");
    stage.dialer.hang_up(stage.now, LEG).expect("it talks");
    let (bye_to, bye) = stage.sent().expect("BYE is sent");
    for (to, text) in [(to, ack), (bye_to, bye)] {
        assert_eq!(to, address("127.0.0.10:5072"));
        assert!(text.contains(" sip:moved@127.0.0.10:5071;transport=udp SIP/2.0\r\n"), "{text}");
        let routes: Vec<_> = text.lines().filter(|line| line.starts_with("Route: ")).collect();
        assert_eq!(
            routes,
            ["Route: <sip:127.0.0.10:5072;lr;ep=1>", "Route: <sip:127.0.0.10:5071;lr;ep=2>"]
        );
    }
}

#[test]
fn a_strict_router_is_the_request_uri_and_the_target_goes_last() {
    // A request line has no header fields (RFC 3261 §19.1.1).
    for fields in ["", "?Subject=x"] {
        let mut stage = Stage::new(4);
        let invite = stage.dial();
        let more = format!("{CONTACT}Record-Route: <sip:127.0.0.10:5099{fields}>\r\n");
        stage.say(&answer(&invite, "200 OK", "callee", &more, ANSWER));
        let (to, ack) = stage.sent().expect("the answer is acknowledged");
        assert_eq!(to, address("127.0.0.10:5099"));
        assert!(ack.starts_with("ACK sip:127.0.0.10:5099 SIP/2.0\r\n"), "{ack}");
        assert_eq!(header(&ack, "Route"), Some("<sip:callee@127.0.0.10:5070>"));
    }
}

#[test]
fn a_contact_that_cannot_be_reached_is_not_believed() {
    let cases = [
        ("203.0.113.5:5060", "192.168.1.10:5060", false),
        ("203.0.113.5:5060", "100.64.0.1", false),
        ("203.0.113.5:5060", "127.0.0.1:5060", false),
        ("203.0.113.5:5060", "198.51.100.7:5062", true),
        ("192.168.1.2:5060", "192.168.1.10:5062", true),
        ("192.168.1.2:5060", "127.0.0.1:5062", false),
        ("[2001:db8::1]:5060", "[fd00::1]:5060", false),
        ("[2001:db8::1]:5060", "[2001:db8::2]:5062", true),
        ("203.0.113.5:5060", "[2001:db8::2]:5062", false),
    ];
    let named = |user| cases.map(|case| (user, case));
    for (user, (home, contact, believed)) in ["x", "a.b"].into_iter().flat_map(named) {
        let mut stage = Stage::new(4);
        stage.carrier = address(home);
        stage.dialer.set_trunk(Trunk::new(TrunkId(1), stage.carrier));
        let invite = stage.dial();
        let more = format!("Contact: <sip:{user}@{contact}>\r\n");
        stage.say(&answer(&invite, "200 OK", "callee", &more, ANSWER));
        let (ack_to, ack) = stage.sent().expect("the answer is acknowledged");
        stage.dialer.hang_up(stage.now, LEG).expect("it talks");
        let (bye_to, _) = stage.sent().expect("BYE is sent");
        assert!(ack.starts_with(&format!("ACK sip:{user}@{contact} SIP/2.0\r\n")), "{ack}");
        let expected = if believed { address(contact) } else { address(home) };
        assert_eq!([ack_to, bye_to], [expected; 2], "{home} {user}@{contact}");
    }
}

fn challenge(stale: &str, nonce: &str) -> String {
    format!(
        "Proxy-Authenticate: Digest realm=\"cadran.test\", nonce=\"{nonce}\", algorithm=MD5, \
         qop=\"auth\"{stale}\r\n"
    )
}

fn with_account(seed: u64) -> Stage {
    let mut stage = Stage::new(seed);
    let credentials = Credentials { user: "cadran".to_owned(), password: "s3cret".to_owned() };
    stage.dialer.set_trunk(Trunk { credentials: Some(credentials), ..trunk() });
    stage
}

/// Challenges an INVITE and gives the one that follows its ACK.
fn challenged(stage: &mut Stage, invite: &str, more: &str) -> String {
    let status = "407 Proxy Authentication Required";
    stage.say(&answer(invite, status, "proxy", more, b""));
    let (_, ack) = stage.sent().expect("the challenge is acknowledged");
    assert!(ack.starts_with("ACK ") && branch(&ack) == branch(invite), "{ack}");
    stage.next()
}

#[test]
fn a_challenge_is_answered_in_a_new_transaction_of_the_same_call() {
    let mut stage = with_account(5);
    let first = stage.dial();
    let second = challenged(&mut stage, &first, &challenge("", "n1"));
    assert_ne!(branch(&first), branch(&second));
    for name in ["Call-ID", "From", "To", "Contact"] {
        assert_eq!(header(&first, name), header(&second, name));
    }
    assert_eq!(header(&second, "CSeq"), Some("2 INVITE"));
    let login = header(&second, "Proxy-Authorization").expect("it logs in");
    assert!(login.contains("nonce=\"n1\"") && login.contains("nc=00000001"), "{login}");
    stage.say(&answer(&second, "200 OK", "callee", CONTACT, ANSWER));
    let ack = stage.next();
    assert_eq!(header(&ack, "Proxy-Authorization"), Some(login), "the ACK repeats it");
    stage.dialer.hang_up(stage.now, LEG).expect("it talks");
    let bye = stage.next();
    assert!(header(&bye, "Proxy-Authorization").is_some_and(|l| l.contains("nc=00000002")));
    assert_eq!(header(&bye, "CSeq"), Some("3 BYE"));
    stage.say(&answer(&bye, "407 No", "", &challenge(", stale=true", "n2"), b""));
    let bye = stage.next();
    assert!(header(&bye, "Proxy-Authorization").is_some_and(|l| l.contains("nonce=\"n2\"")));
    stage.say(&answer(&bye, "200 OK", "", "", b""));
    assert_eq!(stage.events().last(), Some(&Event::Gone(LEG)));
}

#[test]
fn a_stale_nonce_is_replaced_once() {
    let mut stage = with_account(6);
    let first = stage.dial();
    let second = challenged(&mut stage, &first, &challenge("", "n1"));
    let third = challenged(&mut stage, &second, &challenge(", stale=true", "n2"));
    assert!(header(&third, "Proxy-Authorization").is_some_and(|l| l.contains("nonce=\"n2\"")));
    stage.say(&answer(&third, "407 No", "proxy", &challenge(", stale=true", "n3"), b""));
    assert!(stage.next().starts_with("ACK "));
    let events = stage.events();
    assert!(matches!(&events[..], [Event::Failed { status: 407, .. }]), "{events:?}");
}

#[test]
fn refused_credentials_are_not_tried_again() {
    let mut stage = with_account(7);
    let first = stage.dial();
    let second = challenged(&mut stage, &first, &challenge("", "n1"));
    stage.say(&answer(&second, "407 No", "proxy", &challenge("", "n2"), b""));
    assert!(stage.next().starts_with("ACK "));
    let events = stage.events();
    assert!(matches!(&events[..], [Event::Failed { status: 407, .. }]), "{events:?}");
    let mut poor = Stage::new(8);
    let invite = poor.dial();
    poor.say(&answer(&invite, "407 No", "proxy", &challenge("", "n1"), b""));
    assert!(poor.next().starts_with("ACK "), "without an account nothing is tried");
    assert_eq!(poor.dialer.legs(), 0);
}

#[test]
fn a_redirection_is_followed_within_the_trunk_and_as_often_as_allowed() {
    let mut stage = Stage::new(9);
    stage.dialer.set_trunk(Trunk { redirects_max: 1, ..trunk() });
    let first = stage.dial();
    let away = "Contact: <sip:x@192.0.2.9>, <sip:other@127.0.0.10:5071>\r\n";
    stage.say(&answer(&first, "302 Moved", "t", away, b""));
    let (_, ack) = stage.sent().expect("the 302 is acknowledged");
    assert!(ack.starts_with("ACK "));
    let (to, second) = stage.sent().expect("it is followed");
    assert_eq!(to, address("127.0.0.10:5071"));
    assert!(second.starts_with("INVITE sip:other@127.0.0.10:5071 SIP/2.0"), "{second}");
    assert_eq!(header(&second, "CSeq"), Some("2 INVITE"));
    stage.say(&answer(&second, "302 Moved", "t", away, b""));
    assert!(stage.next().starts_with("ACK "));
    let events = stage.events();
    assert!(matches!(&events[..], [Event::Failed { status: 302, .. }]), "{events:?}");
}

#[test]
fn a_redirection_to_an_ipv6_address_of_the_trunk_is_followed() {
    let mut stage = Stage::new(9);
    stage.carrier = address("[2001:db8::1]:5060");
    let (moved, bare) = (address("[2001:db8::2]:5071"), Trunk::new(TrunkId(1), stage.carrier));
    stage.dialer.set_trunk(Trunk { redirects_max: 1, sources: vec![moved.ip()], ..bare });
    let invite = stage.dial();
    let away = format!("Contact: <sip:a.b@{moved}>\r\n");
    stage.say(&answer(&invite, "302 Moved", "t", &away, b""));
    assert!(stage.sent().is_some_and(|(_, ack)| ack.starts_with("ACK ")));
    let (to, second) = stage.sent().expect("it is followed");
    assert_eq!(to, moved);
    assert!(second.starts_with("INVITE sip:a.b@[2001:db8::2]:5071 SIP/2.0\r\n"), "{second}");
}

#[test]
fn the_signatures_a_redirection_brings_go_on_with_the_call_unchanged() {
    let mut stage = Stage::new(9);
    stage.dialer.set_trunk(Trunk { redirects_max: 2, ..trunk() });
    let signed = "eyJhbGciOi.eyJhdHRlc3QiOiJBIn0.sig;info=<https://c.test/a>;alg=ES256;ppt=shaken";
    let mut invite = stage.dial();
    assert_eq!(header(&invite, "Identity"), None);
    for (lines, expected) in [
        (format!("Identity: {signed}\r\nIdentity: second;info=<x>\r\n"), Some(signed)),
        (format!("y: {}\r\n", "x".repeat(5_000)), None),
    ] {
        let away = format!("Contact: <sip:other@127.0.0.10:5071>\r\n{lines}");
        stage.say(&answer(&invite, "302 Moved", "t", &away, b""));
        assert!(stage.sent().is_some_and(|(_, ack)| ack.starts_with("ACK ")));
        (_, invite) = stage.sent().expect("it is followed");
        assert_eq!(header(&invite, "Identity"), expected);
        assert_eq!(invite.contains("\r\nIdentity: second;info=<x>\r\n"), expected.is_some());
    }
}

#[test]
fn answers_to_nothing_of_ours_change_nothing() {
    let mut stage = Stage::new(10);
    let invite = stage.dial();
    let ours = branch(&invite).expect("it has one").to_owned();
    let foreign = answer(&invite, "486 Busy Here", "x", "", b"").replace(&ours, "z9hG4bKforeign");
    stage.say(&foreign);
    stage.say(&answer(&invite, "180 Ringing", "x", "", b"").replace("1 INVITE", "1 OPTIONS"));
    let twice = answer(&invite, "486 Busy Here", "x", "Via: SIP/2.0/UDP 192.0.2.1\r\n", b"");
    stage.say(&twice);
    stage.say(&answer(&invite, "486 Busy Here", "x", "Content-Length: 4000\r\n", b""));
    for garbage in ["SIP/2.0 180 Ring", "\0\u{ff}\u{fe}", "SIP/2.0 99999 No\r\n\r\n", "\r\n\r\n"] {
        stage.say(garbage);
    }
    assert_eq!(stage.sent(), None);
    assert_eq!(stage.events(), []);
    let counters = stage.dialer.counters();
    assert_eq!((counters.stray_responses, counters.garbage, counters.keep_alives), (3, 4, 1));
    stage.say(&answer(&invite, "180 Ringing", "", "", b""));
    assert_eq!(stage.events(), [Event::Ringing(LEG)], "even without a To tag");
}

#[test]
fn a_late_provisional_answer_is_ignored_and_a_doubled_answer_acknowledged_twice() {
    let mut stage = Stage::new(11);
    let invite = stage.dial();
    let ok = answer(&invite, "200 OK", "callee", CONTACT, ANSWER);
    stage.say(&ok);
    stage.say(&ok);
    stage.say(&answer(&invite, "180 Ringing", "callee", CONTACT, b""));
    let (_, one) = stage.sent().expect("an ACK");
    assert_eq!(stage.next(), one);
    assert_eq!(stage.events().len(), 2);
}

#[test]
fn a_stranger_is_dropped_and_counted() {
    let mut stage = Stage::new(12);
    let invite = talking(&mut stage);
    let stranger = address("192.0.2.66:5060");
    let bye = inside(&invite, "BYE", 1, "", b"");
    for text in [&bye, &invite.replace("INVITE", "OPTIONS")] {
        stage.dialer.receive(stage.now, stranger, text.as_bytes());
    }
    assert_eq!(stage.sent(), None);
    assert_eq!(stage.events(), []);
    assert_eq!(stage.dialer.counters().strangers, 2);
}

#[test]
fn a_stranger_who_says_too_much_is_not_read_any_more_and_a_peer_is() {
    let mut stage = Stage::new(17);
    let invite = talking(&mut stage);
    let (stranger, junk) = (address("192.0.2.66:5060"), b"OPTIONS sip:100@h SIP/2.0\r\n\r\n");
    for _ in 0..1_000 {
        stage.dialer.receive(stage.now, stranger, junk);
    }
    let counters = stage.dialer.counters();
    assert_eq!((counters.strangers, counters.unread), (1_000, 600));
    for _ in 0..3_000 {
        stage.say(&inside(&invite, "OPTIONS", 1, "", b"").replace(";tag=callee", ""));
    }
    assert_eq!(stage.dialer.counters().overflow, 1_000, "a peer may ask more, not all");
    stage.wait(Span::millis(1));
    while stage.sent().is_some() {}
    stage.say(&inside(&invite, "BYE", 1, "", b""));
    assert!(stage.next().starts_with("SIP/2.0 200 OK\r\n"), "its calls go on");
}

#[test]
fn forged_answers_neither_answer_end_nor_divert_a_call() {
    let mut stage = Stage::new(18);
    let invite = stage.dial();
    stage.events();
    let tag = header(&invite, "From").and_then(|from| from.split("tag=").nth(1));
    let call_id = header(&invite, "Call-ID").expect("it has one");
    let tag = tag.expect("our From has a tag");
    let elsewhere = "Contact: <sip:thief@192.0.2.66>\r\n";
    for status in ["180 Ringing", "200 OK", "302 Moved", "403 Forbidden", "503 No"] {
        let whole = answer(&invite, status, "thief", elsewhere, ANSWER);
        stage.dialer.receive(stage.now, address("192.0.2.66:5060"), whole.as_bytes());
        stage.say(&whole.replace(tag, "0-1"));
        stage.say(&whole.replace(call_id, "other"));
    }
    assert_eq!(stage.sent(), None);
    assert_eq!(stage.events(), []);
    let counters = stage.dialer.counters();
    assert_eq!((counters.forged, counters.strangers), (15, 5));
    stage.say(&answer(&invite, "200 OK", "callee", CONTACT, ANSWER));
    let events = stage.events();
    assert!(matches!(&events[..], [Event::Answered(LEG, _), Event::Dialog(LEG, _)]), "{events:?}");
}

#[test]
fn forged_requests_neither_end_nor_change_a_call() {
    let mut stage = Stage::new(19);
    let invite = talking(&mut stage);
    for (cseq, method) in (1..).zip(["BYE", "INVITE", "UPDATE", "CANCEL", "INFO", "ACK"]) {
        let forged = inside(&invite, method, cseq, "", OFFER);
        stage.dialer.receive(stage.now, address("192.0.2.66:5060"), forged.as_bytes());
    }
    assert_eq!(stage.sent(), None);
    assert_eq!(stage.events(), []);
    let counters = stage.dialer.counters();
    assert_eq!((counters.forged, counters.strangers, stage.dialer.legs()), (6, 6, 1));
    stage.say(&inside(&invite, "BYE", 1, "", b""));
    assert!(stage.next().starts_with("SIP/2.0 200 OK\r\n"), "no CSeq was used up");
}

#[test]
fn a_dialogs_far_end_is_heard_though_it_is_no_trunk() {
    for (home, far) in
        [("127.0.0.10:5070", "192.0.2.7:5062"), ("[2001:db8::1]:5060", "[2001:db8::7]:5062")]
    {
        let mut stage = Stage::new(13);
        stage.carrier = address(home);
        stage.dialer.set_trunk(Trunk::new(TrunkId(1), stage.carrier));
        let invite = stage.dial();
        let elsewhere = format!("Contact: <sip:callee@{far}>\r\n");
        stage.say(&answer(&invite, "200 OK", "callee", &elsewhere, ANSWER));
        stage.next();
        let bye = inside(&invite, "BYE", 1, "Reason: Q.850;cause=16\r\n", b"");
        stage.dialer.receive(stage.now, address(far), bye.as_bytes());
        assert!(stage.next().starts_with("SIP/2.0 200 OK\r\n"));
        let ended = Event::Ended { leg: LEG, bye: true, reason: "Q.850;cause=16".to_owned() };
        assert_eq!(stage.events().last(), Some(&ended));
    }
}

#[test]
fn an_overtaken_request_gets_500_and_the_call_goes_on() {
    let mut stage = Stage::new(14);
    let invite = talking(&mut stage);
    stage.say(&inside(&invite, "OPTIONS", 9, "", b""));
    assert!(stage.next().starts_with("SIP/2.0 200 OK\r\n"));
    stage.say(&inside(&invite, "BYE", 5, "", b""));
    assert!(stage.next().starts_with("SIP/2.0 500 "));
    assert_eq!(stage.dialer.legs(), 1);
    stage.say(&inside(&invite, "BYE", 10, "", b""));
    let ok = stage.next();
    assert!(ok.starts_with("SIP/2.0 200 OK\r\n"));
    stage.say(&inside(&invite, "BYE", 10, "", b""));
    assert_eq!(stage.next(), ok, "a repeated BYE gets the same answer");
}

#[test]
fn probes_inside_a_dialog_are_answered() {
    let mut stage = Stage::new(15);
    let invite = talking(&mut stage);
    let relay = "Content-Type: application/dtmf-relay\r\n";
    let cases: [(&str, &str, &[u8], &str); 7] = [
        ("OPTIONS", "", b"", "SIP/2.0 200 OK\r\n"),
        ("INFO", "", b"", "SIP/2.0 200 OK\r\n"),
        ("INFO", relay, b"Signal=5\r\nDuration=160\r\n", "SIP/2.0 200 OK\r\n"),
        ("BOGUS", "", b"", "SIP/2.0 405 "),
        ("MESSAGE", "", b"", "SIP/2.0 405 "),
        ("PRACK", "", b"", "SIP/2.0 481 "),
        ("UPDATE", "", b"", "SIP/2.0 200 OK\r\n"),
    ];
    for (cseq, (method, more, body, expected)) in (1..).zip(cases) {
        stage.say(&inside(&invite, method, cseq, more, body));
        let reply = stage.next();
        assert!(reply.starts_with(expected), "{method}: {reply}");
    }
    assert_eq!(stage.events(), [Event::Digit(LEG, '5')]);
}

#[test]
fn an_offerless_reinvite_asks_us_and_its_ack_may_lack_the_answer() {
    let mut stage = Stage::new(16);
    let invite = talking(&mut stage);
    stage.say(&inside(&invite, "INVITE", 1, "", b""));
    assert_eq!(stage.events(), [Event::Offer(LEG, None)]);
    stage.dialer.accept(stage.now, LEG, OFFER.to_vec()).expect("an offer is awaited");
    let ok = stage.next();
    assert!(ok.ends_with(core::str::from_utf8(OFFER).expect("ASCII")), "{ok}");
    stage.wait(Span::millis(600));
    assert!(stage.sent().is_some_and(|(_, again)| again == ok), "until its ACK comes");
    stage.say(&inside(&invite, "ACK", 1, "", b""));
    stage.wait(Span::secs(10));
    assert_eq!(stage.sent(), None);
    assert_eq!(stage.events(), [Event::Acked(LEG, None)]);
}

#[test]
fn an_update_is_an_offer_too() {
    let mut stage = Stage::new(17);
    let invite = talking(&mut stage);
    let kind = "Content-Type: application/sdp\r\n";
    stage.say(&inside(&invite, "UPDATE", 1, kind, HELLO));
    assert_eq!(stage.events(), [Event::Offer(LEG, Some(HELLO.to_vec()))]);
    stage.say(&inside(&invite, "UPDATE", 2, kind, HELLO));
    let reply = stage.next();
    assert!(reply.starts_with("SIP/2.0 500 ") && header(&reply, "Retry-After").is_some());
    stage.dialer.accept(stage.now, LEG, ANSWER.to_vec()).expect("an offer waits");
    assert!(stage.next().starts_with("SIP/2.0 200 OK\r\n"));
}

#[test]
fn requests_outside_a_dialog_are_answered_by_the_book() {
    let mut stage = Stage::new(18);
    let invite = stage.dial();
    let lone = |method: &str| {
        inside(&invite, method, 1, "", b"").replace(
            &format!("To: {}", header(&invite, "From").expect("it has one")),
            "To: <sip:x@127.0.0.1>",
        )
    };
    let cases = [
        ("OPTIONS", "SIP/2.0 200 "),
        ("INVITE", "SIP/2.0 403 "),
        ("BYE", "SIP/2.0 481 "),
        ("CANCEL", "SIP/2.0 481 "),
        ("PRACK", "SIP/2.0 481 "),
        ("MESSAGE", "SIP/2.0 405 "),
        ("BOGUS", "SIP/2.0 501 "),
    ];
    for (method, expected) in cases {
        stage.say(&lone(method));
        let reply = stage.next();
        assert!(reply.starts_with(expected), "{method}: {reply}");
        let to = header(&reply, "To").expect("it has one").to_owned();
        assert!(to.contains(";tag="), "{reply}");
        stage.say(&lone(method));
        assert_eq!(header(&stage.next(), "To"), Some(to.as_str()), "the same answer again");
    }
    stage.say(&lone("ACK"));
    assert_eq!(stage.sent(), None);
    let required = lone("OPTIONS").replace("Max-Forwards", "Require: magic, 100rel, path\r\nX");
    stage.say(&required);
    let reply = stage.next();
    assert!(reply.starts_with("SIP/2.0 420 "), "{reply}");
    assert_eq!(header(&reply, "Unsupported"), Some("magic, path"));
}

#[test]
fn a_cancel_that_is_ignored_ends_the_leg_after_a_while() {
    let mut stage = Stage::new(19);
    let invite = stage.dial();
    stage.say(&answer(&invite, "180 Ringing", "callee", CONTACT, b""));
    stage.dialer.cancel(stage.now, LEG).expect("it rings");
    stage.wait(Span::secs(31));
    assert_eq!(stage.events(), [Event::Ringing(LEG)]);
    stage.wait(Span::secs(2));
    assert_eq!(stage.events(), [Event::Gone(LEG)]);
    while stage.sent().is_some() {}
    stage.say(&answer(&invite, "200 OK", "callee", CONTACT, ANSWER));
    assert!(stage.sent().is_some_and(|(_, ack)| ack.starts_with("ACK ")));
    assert!(stage.sent().is_some_and(|(_, bye)| bye.starts_with("BYE ")), "even then");
    stage.wait(Span::secs(100));
    assert_eq!(stage.dialer.next_timeout(), None);
    assert_eq!(stage.events(), []);
}

#[test]
fn another_refusal_than_487_ends_a_cancelled_call() {
    let mut stage = Stage::new(20);
    let invite = stage.dial();
    stage.say(&answer(&invite, "180 Ringing", "callee", CONTACT, b""));
    stage.dialer.cancel(stage.now, LEG).expect("it rings");
    let cancel = stage.next();
    stage.say(&answer(&cancel, "200 OK", "callee", "", b""));
    stage.wait(Span::secs(1));
    assert_eq!(stage.sent(), None, "the 200 stops the CANCEL's repetition");
    stage.say(&answer(&invite, "486 Busy Here", "callee", "", b""));
    assert!(stage.next().starts_with("ACK "));
    assert_eq!(stage.events(), [Event::Ringing(LEG), Event::Gone(LEG)]);
}

#[test]
fn a_repeated_refusal_is_acknowledged_again() {
    let mut stage = Stage::new(21);
    let invite = stage.dial();
    let busy = answer(&invite, "486 Busy Here", "callee", "", b"");
    stage.say(&busy);
    let ack = stage.next();
    stage.wait(Span::secs(1));
    stage.say(&busy);
    assert_eq!(stage.next(), ack);
    assert_eq!(stage.events().len(), 1);
}

#[test]
fn a_dialog_the_peer_forgot_is_lost() {
    let mut stage = Stage::new(22);
    talking(&mut stage);
    stage.dialer.reoffer(stage.now, LEG, OFFER.to_vec()).expect("it talks");
    let reinvite = stage.next();
    stage.say(&answer(&reinvite, "481 Gone", "", "", b""));
    let lost = Event::Ended { leg: LEG, bye: false, reason: String::new() };
    assert_eq!(stage.events(), [lost]);
}
