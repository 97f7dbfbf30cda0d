//! Registration at carriers, against a registrar written out by hand.

use super::stage::{Stage, answer};
use super::*;

const CONTACT: &str = "Contact: <sip:cadran@127.0.0.1:5060>";

fn registering() -> Trunk {
    let credentials = Credentials { user: "acc".to_owned(), password: "s3cret".to_owned() };
    let register = Registration {
        registrar: "reg.test".to_owned(),
        domain: "reg.test".to_owned(),
        ways: vec![Way { hop: address("127.0.0.10:5070").into(), priority: 0, weight: 0 }],
        expires: Span::secs(3_600),
    };
    Trunk { credentials: Some(credentials), register: Some(register), ..trunk() }
}

/// A dialer that has sent its first REGISTER; gives that.
fn asked() -> (Stage, String) {
    let mut stage = Stage::over(registering());
    stage.wait(Span::ZERO);
    let register = stage.next();
    (stage, register)
}

fn granted(register: &str, seconds: u64) -> String {
    answer(register, "200 OK", "reg", &format!("{CONTACT};expires={seconds}\r\n"), b"")
}

fn challenge(nonce: &str, more: &str) -> String {
    format!("WWW-Authenticate: Digest realm=\"r\", nonce=\"{nonce}\", qop=\"auth\"{more}\r\n")
}

#[test]
fn an_account_registers_at_once_behind_a_challenge() {
    let (mut stage, first) = asked();
    assert!(first.starts_with("REGISTER sip:reg.test SIP/2.0\r\n"), "{first}");
    assert_eq!(header(&first, "To"), Some("<sip:acc@reg.test>"));
    assert!(header(&first, "From").is_some_and(|f| f.starts_with("<sip:acc@reg.test>;tag=")));
    assert_eq!(header(&first, "Contact"), Some("<sip:cadran@127.0.0.1:5060>"));
    assert_eq!(header(&first, "Expires"), Some("3600"));
    assert_eq!(header(&first, "Supported"), Some("path"));
    for (status, line) in [
        ("401 Unauthorized", challenge("n1", "")),
        ("407 Proxy", challenge("n1", "").replace("WWW-Authenticate", "Proxy-Authenticate")),
    ] {
        let (mut stage, first) = asked();
        stage.say(&answer(&first, status, "reg", &line, b""));
        let second = stage.next();
        assert!(second.contains("uthorization: Digest username=\"acc\""), "{second}");
        assert_eq!(header(&second, "Call-ID"), header(&first, "Call-ID"));
        assert_eq!(header(&second, "CSeq"), Some("2 REGISTER"));
        stage.say(&granted(&second, 3_600));
        let standing = Registered::Standing(Span::secs(3_600));
        assert_eq!(stage.events(), [Event::Registered(TrunkId(1), standing)]);
    }
    stage.say(&granted(&first, 600));
    assert_eq!(stage.events().len(), 1, "without a challenge too");
}

#[test]
fn a_binding_is_refreshed_before_its_end_and_nobody_need_hear_of_it() {
    // 600 s before the end, or at half of a shorter time (3GPP TS 24.229 §5.1.1.4.1).
    for (seconds, refresh) in [(3_600, 3_000), (1_200, 600), (60, 30), (8, 5), (999_999, 85_800)] {
        let (mut stage, first) = asked();
        stage.say(&granted(&first, seconds));
        stage.events();
        stage.wait(Span::secs(refresh - 1));
        assert_eq!(stage.sent(), None, "{seconds}");
        stage.wait(Span::secs(1));
        let second = stage.next();
        assert_eq!(header(&second, "CSeq"), Some("2 REGISTER"), "{seconds}");
        stage.say(&granted(&second, seconds));
        assert_eq!(stage.events(), []);
    }
}

#[test]
fn our_contact_is_found_among_several() {
    let other = |host: &str, seconds: u64| format!("<sip:x@{host}>;expires={seconds}");
    let own = "<sip:cadran@127.0.0.1:5060>";
    let cases = [
        (format!("Contact: {}, {own};expires=300\r\n", other("192.0.2.1", 20)), Some(300)),
        (format!("Contact: {own}\r\nm: {}\r\nExpires: 400\r\n", other("192.0.2.1", 20)), Some(400)),
        (format!("Contact: {own}\r\n"), Some(3_600)),
        ("Expires: 200\r\n".to_owned(), Some(200)),
        (format!("Contact: {}\r\n", other("203.0.113.9:1024", 500)), Some(500)),
        (format!("Contact: {own};expires=0\r\n"), None),
    ];
    for (more, expected) in cases {
        let (mut stage, first) = asked();
        stage.say(&answer(&first, "200 OK", "reg", &more, b""));
        let events = stage.events();
        let [Event::Registered(_, told)] = &events[..] else {
            panic!("{more}: {events:?}");
        };
        match expected {
            Some(seconds) => assert_eq!(*told, Registered::Standing(Span::secs(seconds)), "{more}"),
            None => assert!(matches!(told, Registered::Failed { status: 200, .. }), "{more}"),
        }
    }
}

#[test]
fn an_interval_too_brief_is_asked_for_again_as_long_as_the_registrar_wants() {
    let (mut stage, first) = asked();
    stage.say(&answer(&first, "423 Interval Too Brief", "reg", "Min-Expires: 7200\r\n", b""));
    let second = stage.next();
    assert_eq!(header(&second, "Expires"), Some("7200"));
    stage.say(&answer(&second, "423 Interval Too Brief", "reg", "Min-Expires: 7200\r\n", b""));
    assert_eq!(stage.sent(), None, "what it wants already is no reason");
    let events = stage.events();
    let failed = Registered::Failed { status: 423, again: Span::ZERO };
    assert!(matches!(&events[..], [Event::Registered(_, Registered::Failed { status: 423, .. })]));
    assert_ne!(events, [Event::Registered(TrunkId(1), failed)]);
}

#[test]
fn a_wrong_password_is_tried_again_ever_later_and_told_with_its_answer() {
    let (mut stage, first) = asked();
    stage.say(&answer(&first, "401 Unauthorized", "reg", &challenge("n1", ""), b""));
    let second = stage.next();
    stage.say(&answer(&second, "401 Unauthorized", "reg", &challenge("n2", ""), b""));
    let refused = Registered::Refused { status: 401, again: Span::secs(60) };
    assert_eq!(stage.events(), [Event::Registered(TrunkId(1), refused)]);
    for (waited, again) in [(60, 300), (300, 3_600), (3_600, 3_600)] {
        stage.wait(Span::secs(waited - 1));
        assert_eq!(stage.sent(), None);
        stage.wait(Span::secs(1));
        let next = stage.next();
        assert!(next.starts_with("REGISTER "));
        stage.say(&answer(&next, "403 Forbidden", "reg", "", b""));
        let refused = Registered::Refused { status: 403, again: Span::secs(again) };
        assert_eq!(stage.events(), [Event::Registered(TrunkId(1), refused)]);
    }
}

#[test]
fn a_binding_that_stands_is_used_though_one_server_has_lost_the_account() {
    let (mut stage, first) = asked();
    stage.say(&granted(&first, 3_600));
    stage.events();
    stage.wait(Span::secs(3_000));
    let refresh = stage.next();
    stage.say(&answer(&refresh, "403 Forbidden", "reg", "", b""));
    assert_eq!(stage.events(), [], "calls go on");
    stage.wait(Span::secs(60));
    let again = stage.next();
    stage.say(&granted(&again, 3_600));
    assert_eq!(stage.events(), [], "nobody need ever have heard of it");
}

#[test]
fn an_account_that_stays_refused_is_told_when_its_binding_ends() {
    let (mut stage, first) = asked();
    stage.say(&granted(&first, 60));
    stage.events();
    stage.wait(Span::secs(30));
    let refresh = stage.next();
    stage.say(&answer(&refresh, "403 Forbidden", "reg", "", b""));
    assert_eq!(stage.events(), []);
    stage.wait(Span::secs(30));
    let last = stage.next();
    stage.say(&answer(&last, "403 Forbidden", "reg", "", b""));
    let refused = Registered::Refused { status: 403, again: Span::secs(300) };
    assert_eq!(stage.events().pop(), Some(Event::Registered(TrunkId(1), refused)));
}

#[test]
fn a_stale_nonce_is_no_wrong_password() {
    let (mut stage, first) = asked();
    stage.say(&answer(&first, "401 Unauthorized", "reg", &challenge("n1", ""), b""));
    let second = stage.next();
    let stale = challenge("n2", ", stale=true");
    stage.say(&answer(&second, "401 Unauthorized", "reg", &stale, b""));
    let third = stage.next();
    assert!(third.contains("nonce=\"n2\""), "{third}");
    stage.say(&granted(&third, 60));
    stage.events();
    stage.wait(Span::secs(30));
    let refresh = stage.next();
    assert!(refresh.contains("nonce=\"n2\"") && refresh.contains("nc=00000002"), "{refresh}");
    stage.say(&answer(&refresh, "401 Unauthorized", "reg", &challenge("n3", ""), b""));
    assert!(stage.next().contains("nonce=\"n3\""), "an old nonce may be refused without stale");
}

#[test]
fn a_challenge_after_another_interval_is_no_wrong_password() {
    let (mut stage, first) = asked();
    stage.say(&answer(&first, "401 Unauthorized", "reg", &challenge("n1", ""), b""));
    let second = stage.next();
    stage.say(&answer(&second, "423 Interval Too Brief", "reg", "Min-Expires: 7200\r\n", b""));
    let third = stage.next();
    assert!(third.contains("nonce=\"n1\"") && third.contains("nc=00000002"), "{third}");
    stage.say(&answer(&third, "401 Unauthorized", "reg", &challenge("n2", ""), b""));
    let fourth = stage.next();
    assert!(fourth.contains("nonce=\"n2\""), "{fourth}");
    stage.say(&answer(&fourth, "401 Unauthorized", "reg", &challenge("n3", ""), b""));
    let refused = Registered::Refused { status: 401, again: Span::secs(60) };
    assert_eq!(stage.events(), [Event::Registered(TrunkId(1), refused)]);
}

#[test]
fn a_proxy_before_the_registrar_may_challenge_too() {
    let (mut stage, first) = asked();
    let proxy = challenge("p1", "").replace("WWW-Authenticate", "Proxy-Authenticate");
    stage.say(&answer(&first, "407 Proxy", "reg", &proxy, b""));
    let second = stage.next();
    stage.say(&answer(&second, "401 Unauthorized", "reg", &challenge("n1", ""), b""));
    let third = stage.next();
    for (name, nonce) in [("Authorization", "n1"), ("Proxy-Authorization", "p1")] {
        let login = header(&third, name).expect("both are answered");
        assert!(login.contains(&format!("nonce=\"{nonce}\"")), "{login}");
    }
    stage.say(&granted(&third, 60));
    assert!(stage.dialer.is_registered(TrunkId(1)));
}

#[test]
fn a_silent_registrar_is_asked_less_and_less_often() {
    let (mut stage, _) = asked();
    let mut waits = Vec::new();
    for _ in 0..9 {
        let silent = loop {
            stage.skip();
            if let Some(Event::Registered(_, told)) = stage.events().pop() {
                break told;
            }
        };
        while stage.sent().is_some() {}
        let Registered::Failed { status: 408, again } = silent else {
            panic!("{silent:?}");
        };
        waits.push(again);
        stage.wait(again);
        assert!(stage.next().starts_with("REGISTER "), "and then it is asked");
    }
    // RFC 5626 §4.5: half to all of 30 s times 2^failures, at most 30 min.
    for (failures, wait) in (1..).zip(&waits) {
        let bound = Span::secs((30 << failures).min(1_800));
        assert!((Span::micros(bound.as_micros() / 2)..=bound).contains(wait), "{waits:?}");
    }
    assert!(waits.windows(2).any(|pair| pair[0] != pair[1]), "drawn, so that trunks spread");
}

#[test]
fn a_registrar_that_says_when_is_heeded() {
    let (mut stage, first) = asked();
    stage.say(&answer(&first, "503 Service Unavailable", "reg", "Retry-After: 300\r\n", b""));
    let failed = Registered::Failed { status: 503, again: Span::secs(300) };
    assert_eq!(stage.events(), [Event::Registered(TrunkId(1), failed)]);
    stage.wait(Span::secs(300));
    assert!(stage.next().starts_with("REGISTER "));
}

#[test]
fn a_binding_whose_refresh_fails_stands_until_its_end() {
    let (mut stage, first) = asked();
    stage.say(&granted(&first, 120));
    stage.events();
    stage.wait(Span::secs(60));
    let refresh = stage.next();
    // The next try comes after 30 to 60 s, the one after it not later than the binding's end.
    stage.say(&answer(&refresh, "500 Server Error", "reg", "", b""));
    let second = next_try(&mut stage);
    stage.say(&answer(&second, "500 Server Error", "reg", "", b""));
    assert_eq!(stage.events(), [], "the binding still stands");
    assert!(stage.now < Mono::START + Span::secs(120));
    let third = next_try(&mut stage);
    assert_eq!(stage.now, Mono::START + Span::secs(120));
    let lapsed = Registered::Failed { status: 408, again: Span::ZERO };
    assert_eq!(stage.events(), [Event::Registered(TrunkId(1), lapsed)]);
    stage.say(&granted(&third, 120));
    let standing = Registered::Standing(Span::secs(120));
    assert_eq!(stage.events(), [Event::Registered(TrunkId(1), standing)]);
}

/// Lets time pass until the next REGISTER.
fn next_try(stage: &mut Stage) -> String {
    loop {
        stage.skip();
        if let Some((_, text)) = stage.sent() {
            return text;
        }
    }
}

#[test]
fn the_way_the_registrar_gives_is_the_way_of_the_calls() {
    let (mut stage, first) = asked();
    let route = "Service-Route: <sip:127.0.0.10:5099;lr>, <sip:edge.test;lr>\r\n";
    stage.say(&answer(&first, "200 OK", "reg", &format!("{CONTACT}\r\n{route}"), b""));
    stage.events();
    stage.dialer.invite(stage.now, LEG, call()).expect("the trunk is known");
    let (to, invite) = stage.sent().expect("the call goes out");
    assert_eq!(to, address("127.0.0.10:5099"), "to the first hop");
    let routes = |text: &str| {
        let lines = text.lines().filter_map(|line| line.strip_prefix("Route: "));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(routes(&invite), ["<sip:127.0.0.10:5099;lr>", "<sip:edge.test;lr>"]);
    assert!(invite.starts_with("INVITE sip:+33199001234@127.0.0.10:5070 SIP/2.0\r\n"));
    stage.say(&answer(&invite, "180 Ringing", "callee", "", b""));
    stage.dialer.cancel(stage.now, LEG).expect("it rings");
    let (to, cancel) = stage.sent().expect("CANCEL goes out");
    assert_eq!((to, routes(&cancel)), (address("127.0.0.10:5099"), routes(&invite)));
    stage.say(&answer(&invite, "487 Request Terminated", "callee", "", b""));
    let ack = stage.next();
    assert!(ack.starts_with("ACK sip:+33199001234@127.0.0.10:5070 SIP/2.0\r\n"), "{ack}");
    assert_eq!(routes(&ack), routes(&invite), "RFC 3261 §17.1.1.3");
}

#[test]
fn a_binding_is_given_up_at_the_end_and_when_its_trunk_goes() {
    for drain in [true, false] {
        let (mut stage, first) = asked();
        stage.say(&granted(&first, 3_600));
        stage.events();
        if drain {
            stage.dialer.unregister(stage.now);
        } else {
            stage.dialer.remove_trunk(TrunkId(1));
            stage.dialer.set_trunk(trunk());
        }
        let last = stage.next();
        assert_eq!(header(&last, "Expires"), Some("0"));
        assert_eq!(stage.dialer.unfinished(), 1);
        stage.say(&answer(&last, "401 Unauthorized", "reg", &challenge("n9", ""), b""));
        let proven = stage.next();
        assert_eq!(header(&proven, "Expires"), Some("0"));
        stage.say(&answer(&proven, "200 OK", "reg", "", b""));
        assert_eq!(stage.events(), [Event::Registered(TrunkId(1), Registered::Left)]);
        assert_eq!(stage.dialer.unfinished(), 0);
    }
}

#[test]
fn changed_settings_register_anew_and_the_same_ones_do_not() {
    let (mut stage, first) = asked();
    stage.say(&granted(&first, 3_600));
    stage.events();
    stage.dialer.set_trunk(registering());
    stage.wait(Span::secs(1));
    assert_eq!(stage.sent(), None);
    let other = Credentials { user: "other".to_owned(), password: "p".to_owned() };
    stage.dialer.set_trunk(Trunk { credentials: Some(other), ..registering() });
    stage.dialer.handle_timeout(stage.now);
    let register = stage.next();
    assert_eq!(header(&register, "To"), Some("<sip:other@reg.test>"));
    stage.say(&granted(&first, 3_600));
    assert_eq!(stage.events(), [], "an answer to the old account is not the new one's");
}

#[test]
fn an_account_registers_where_its_calls_go_and_at_the_next_server_if_one_is_silent() {
    let trunk = registering();
    let [one, two] = ["127.0.0.10:5061", "127.0.0.11:5061"]
        .map(|at| Hop { transport: Transport::Tcp, ..address(at).into() });
    let way = |hop, priority| Way { hop, priority, weight: 0 };
    let mut stage = Stage::over(Trunk {
        address: one,
        ways: vec![way(one, 1), way(two, 2)],
        proxy: Some("sip:sbc.test;lr;transport=tcp".to_owned()),
        register: trunk.register.map(|wish| Registration { ways: Vec::new(), ..wish }),
        ..trunk
    });
    stage.wait(Span::ZERO);
    let first = stage.dialer.poll_transmit().expect("a REGISTER");
    let text = String::from_utf8_lossy(&first.bytes).into_owned();
    assert_eq!(first.to, one);
    assert_eq!(header(&text, "Route"), Some("<sip:sbc.test;lr;transport=tcp>"), "{text}");
    assert!(text.contains("Via: SIP/2.0/TCP "), "{text}");
    assert_eq!(header(&text, "Contact"), Some("<sip:cadran@127.0.0.1:5060;transport=tcp>"));
    stage.dialer.disconnected(stage.now, one);
    assert_eq!(stage.events(), [], "the next server may have it");
    let second = stage.dialer.poll_transmit().expect("another REGISTER");
    assert_eq!(second.to, two);
    let contact = "Contact: <sip:cadran@127.0.0.1:5060;transport=tcp>;expires=600\r\n";
    let text = String::from_utf8_lossy(&second.bytes).into_owned();
    let granted = answer(&text, "200 OK", "reg", contact, b"");
    stage.dialer.receive(stage.now, two, granted.as_bytes());
    assert!(stage.dialer.is_registered(TrunkId(1)));
}

/// Gives where the latest message went, and that.
fn latest(stage: &mut Stage) -> Option<(SocketAddr, String)> {
    core::iter::from_fn(|| stage.sent()).last()
}

#[test]
fn a_silent_server_of_several_gives_way_after_ten_seconds_and_the_last_after_thirty_two() {
    let servers = [address("127.0.0.10:5070"), address("127.0.0.11:5070")];
    let way = |(priority, at): (u16, SocketAddr)| Way { hop: at.into(), priority, weight: 0 };
    let ways: Vec<_> = (1..).zip(servers).map(way).collect();
    let register = registering().register.map(|wish| Registration { ways, ..wish });
    let begun = || {
        let mut stage = Stage::over(Trunk { register: register.clone(), ..registering() });
        stage.wait(Span::ZERO);
        let (to, first) = stage.sent().expect("a REGISTER");
        assert_eq!(to, servers[0]);
        (stage, first)
    };
    let (mut stage, _) = begun();
    stage.wait(Span::millis(9_999));
    assert_eq!(latest(&mut stage).map(|(to, _)| to), Some(servers[0]), "it is repeated there");
    stage.wait(Span::millis(1));
    assert_eq!(latest(&mut stage).map(|(to, _)| to), Some(servers[1]));
    stage.wait(Span::millis(31_999));
    assert_eq!(stage.events(), [], "nobody is left to be asked instead");
    stage.wait(Span::millis(1));
    let told = stage.events().pop();
    let Some(Event::Registered(_, Registered::Failed { status: 408, .. })) = told else {
        panic!("{told:?}");
    };
    let (mut stage, first) = begun();
    stage.say(&answer(&first, "100 Trying", "", "", b""));
    stage.wait(Span::millis(31_999));
    assert_eq!(latest(&mut stage).map(|(to, _)| to), Some(servers[0]), "who says 100 is alive");
    stage.wait(Span::millis(1));
    assert_eq!(latest(&mut stage).map(|(to, _)| to), Some(servers[1]));
    let (mut stage, first) = begun();
    stage.say(&answer(&first, "503 Service Unavailable", "reg", "", b""));
    assert_eq!(stage.sent().map(|(to, _)| to), Some(servers[1]), "nor is 503 waited out");
}
