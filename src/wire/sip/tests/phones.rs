//! Agents' phones: registration, calls to them and from them.

use super::super::digest::{Challenge, Login};
use super::super::lexer::{Frame, frame};
use super::super::writer::Writer;
use super::*;

const AGENT: AgentId = AgentId(1);
const PHONE: &str = "127.0.0.20:5080";

/// An endpoint with one agent's phone, played by the test.
struct Desk {
    endpoint: Endpoint,
    now: Mono,
    from: SocketAddr,
    cseq: u32,
}

/// What a REGISTER says.
#[derive(Clone, Copy)]
struct Wish<'a> {
    contact: &'a str,
    more: &'a str,
    password: &'a str,
}

const USUAL: Wish<'_> =
    Wish { contact: "<sip:a1@127.0.0.20:5080>", more: "Expires: 300\r\n", password: "s3cret" };

impl Desk {
    fn new() -> Self {
        let mut endpoint = Endpoint::new(settings("127.0.0.1:5060", 1, false));
        endpoint.set_phone(Phone {
            agent: AGENT,
            user: "a1".to_owned(),
            ha1: Some(Ha1::of("a1", "cadran.test", "s3cret")),
            contact: None,
        });
        Self { endpoint, now: Mono::START, from: address(PHONE), cseq: 0 }
    }

    fn ask(&mut self, text: &str) -> String {
        self.endpoint.receive(self.now, self.from, text.as_bytes());
        let transmit = self.endpoint.poll_transmit().expect("it is answered");
        assert_eq!(transmit.to.address, self.from);
        String::from_utf8_lossy(&transmit.bytes).into_owned()
    }

    fn text(&mut self, wish: Wish<'_>, login: &str) -> String {
        self.cseq += 1;
        let contact = if wish.contact.is_empty() {
            String::new()
        } else {
            format!("Contact: {}\r\n", wish.contact)
        };
        format!(
            "REGISTER sip:127.0.0.1:5060 SIP/2.0\r\n\
             Via: SIP/2.0/UDP 10.0.0.9:5099;branch=z9hG4bK{};rport\r\nMax-Forwards: 70\r\n\
             From: <sip:a1@127.0.0.1>;tag=phone\r\nTo: <sip:a1@127.0.0.1>\r\nCall-ID: reg\r\n\
             CSeq: {} REGISTER\r\n{contact}{}{login}Content-Length: 0\r\n\r\n",
            self.cseq, self.cseq, wish.more
        )
    }

    /// Registers with a fresh challenge; gives the answer.
    fn register(&mut self, wish: Wish<'_>) -> String {
        let first = self.text(wish, "");
        let reply = self.ask(&first);
        assert!(reply.starts_with("SIP/2.0 401 "), "{reply}");
        let login = log_in(&reply, "a1", wish.password);
        let second = self.text(wish, &login);
        self.ask(&second)
    }

    fn events(&mut self) -> Vec<Event> {
        core::iter::from_fn(|| self.endpoint.poll_event()).collect()
    }

    fn wait(&mut self, span: Span) {
        self.now = self.now + span;
        self.endpoint.handle_timeout(self.now);
    }
}

/// What is kept of the usual phone's registration, for so many seconds.
fn bound(from: &str, seconds: u64) -> Event {
    Event::Bound(AGENT, vec![(kept("sip:a1@127.0.0.20:5080", from), Span::secs(seconds))])
}

/// What is kept of a phone there.
fn kept(contact: &str, from: &str) -> StoredBinding {
    StoredBinding {
        contact: contact.to_owned(),
        address: address(from),
        transport: Transport::Udp,
        path: Vec::new(),
    }
}

/// Answers the challenge of a reply.
fn log_in(reply: &str, user: &str, password: &str) -> String {
    let Frame::Message(message) = frame(reply.as_bytes()) else {
        panic!("our replies are framed: {reply}");
    };
    let challenge = Challenge::all(&message, 401).next().expect("our challenges can be answered");
    let credentials = Credentials { user: user.to_owned(), password: password.to_owned() };
    let mut writer = Writer(Vec::new());
    let mut login = Login::new(challenge, credentials);
    login.write(&mut writer, "REGISTER", b"sip:127.0.0.1:5060", 5);
    String::from_utf8(writer.0).expect("ASCII")
}

#[test]
fn a_phone_registers_behind_a_challenge_and_is_called_where_it_really_is() {
    let mut desk = Desk::new();
    let reply = desk.register(USUAL);
    assert!(reply.starts_with("SIP/2.0 200 OK\r\n"), "{reply}");
    assert_eq!(header(&reply, "Contact"), Some("<sip:a1@127.0.0.20:5080>;expires=300"));
    let via = header(&reply, "Via").expect("it is copied");
    assert!(via.contains("rport=5080") && via.contains("received=127.0.0.20"), "{via}");
    assert_eq!(desk.events(), [Event::Phone(AGENT, true), bound(PHONE, 360)]);
    desk.from = address("127.0.0.20:6000");
    let behind_nat = Wish { contact: "<sip:a1@10.0.0.9:5099>", ..USUAL };
    desk.register(behind_nat);
    let call = Invite { target: Target::Phone(AGENT), ..call() };
    desk.endpoint.invite(desk.now, LEG, call).expect("it is registered");
    let invite = desk.endpoint.poll_transmit().expect("it is called");
    assert_eq!(invite.to.address, address("127.0.0.20:6000"));
    assert!(invite.bytes.starts_with(b"INVITE sip:a1@10.0.0.9:5099 SIP/2.0\r\n"));
}

#[test]
fn a_registration_ends_by_itself_or_by_the_phones_wish() {
    for wish in [
        Wish { more: "Expires: 0\r\n", ..USUAL },
        Wish { contact: "*", more: "Expires: 0\r\n", ..USUAL },
        Wish { contact: "<sip:a1@127.0.0.20:5080>;expires=0", ..USUAL },
    ] {
        let mut desk = Desk::new();
        desk.register(USUAL);
        desk.events();
        let reply = desk.register(wish);
        assert!(reply.starts_with("SIP/2.0 200 "), "{reply}");
        assert_eq!(desk.events(), [Event::Phone(AGENT, false)], "{}", wish.contact);
    }
    let mut desk = Desk::new();
    desk.register(USUAL);
    desk.register(Wish { more: "Expires: 0\r\n", ..USUAL });
    desk.wait(Span::secs(200));
    desk.register(USUAL);
    desk.events();
    desk.wait(Span::secs(299));
    assert!(desk.endpoint.phone_address(AGENT).is_some());
    desk.wait(Span::secs(1));
    assert_eq!(desk.events(), [Event::Phone(AGENT, false)]);
    assert_eq!(desk.endpoint.phone_address(AGENT), None);
}

#[test]
fn a_registration_is_judged() {
    let cases = [
        (Wish { password: "wrong", ..USUAL }, "SIP/2.0 403 "),
        (Wish { more: "Expires: 30\r\n", ..USUAL }, "SIP/2.0 423 "),
        (Wish { contact: "*", ..USUAL }, "SIP/2.0 400 "),
        (Wish { contact: "sip:a1@h?Route=x", ..USUAL }, "SIP/2.0 400 "),
        (Wish { contact: "<tel:1>", ..USUAL }, "SIP/2.0 400 "),
        (Wish { contact: "", ..USUAL }, "SIP/2.0 200 "),
    ];
    for (wish, expected) in cases {
        let mut desk = Desk::new();
        let reply = desk.register(wish);
        assert!(reply.starts_with(expected), "{}: {reply}", wish.contact);
        assert_eq!(desk.events(), []);
    }
    let mut desk = Desk::new();
    let brief = desk.register(Wish { more: "Expires: 30\r\n", ..USUAL });
    assert_eq!(header(&brief, "Min-Expires"), Some("60"));
    let long = desk.register(Wish { more: "Expires: 99999\r\n", ..USUAL });
    assert!(header(&long, "Contact").is_some_and(|c| c.ends_with(";expires=3600")), "{long}");
    desk.cseq = 1;
    let late = desk.register(USUAL);
    assert!(late.starts_with("SIP/2.0 500 "), "an overtaken REGISTER: {late}");
}

#[test]
fn a_nonce_is_good_once_and_for_five_minutes() {
    let mut desk = Desk::new();
    let first = desk.text(USUAL, "");
    let login = log_in(&desk.ask(&first.clone()), "a1", "s3cret");
    let second = desk.text(USUAL, &login);
    let taken = desk.ask(&second);
    assert!(taken.starts_with("SIP/2.0 200 "));
    assert_eq!(desk.ask(&second), taken, "a repetition gets the same answer");
    let replayed = desk.text(USUAL, &login);
    let reply = desk.ask(&replayed);
    assert!(reply.starts_with("SIP/2.0 401 ") && reply.contains("stale=true"), "{reply}");
    let login = log_in(&reply, "a1", "s3cret");
    desk.wait(Span::secs(301));
    let old = desk.text(USUAL, &login);
    assert!(desk.ask(&old).contains("stale=true"));
    let forged = login.replace("nonce=\"0", "nonce=\"1");
    let forged = desk.text(USUAL, &forged);
    assert!(desk.ask(&forged).contains("stale=true"));
}

#[test]
fn what_a_phone_proved_itself_with_before_proves_nothing_any_more() {
    let mut desk = Desk::new();
    let mut logins = Vec::new();
    for _ in 0..2 {
        let asks = desk.text(USUAL, "");
        let login = log_in(&desk.ask(&asks), "a1", "s3cret");
        desk.wait(Span::secs(1));
        let text = desk.text(USUAL, &login);
        assert!(desk.ask(&text).starts_with("SIP/2.0 200 "));
        logins.push(login);
    }
    desk.events();
    let thief = Wish { contact: "<sip:a1@192.0.2.66>", ..USUAL };
    for login in logins {
        let replayed = desk.text(thief, &login);
        let reply = desk.ask(&replayed);
        assert!(reply.starts_with("SIP/2.0 401 ") && reply.contains("stale=true"), "{reply}");
    }
    assert_eq!(desk.events(), [], "nobody moved");
}

#[test]
fn a_proof_without_a_nonce_count_is_none() {
    let mut desk = Desk::new();
    let asks = desk.text(USUAL, "");
    // Whoever is not told of qop answers by RFC 2069's rule, which binds to no count.
    let old = desk.ask(&asks).replace(", qop=\"auth\"", "");
    let login = log_in(&old, "a1", "s3cret");
    assert!(!login.contains("nc="), "{login}");
    let text = desk.text(USUAL, &login);
    let reply = desk.ask(&text);
    assert!(reply.starts_with("SIP/2.0 400 "), "{reply}");
}

#[test]
fn both_algorithms_are_offered_with_one_nonce() {
    let mut desk = Desk::new();
    let text = desk.text(USUAL, "");
    let reply = desk.ask(&text);
    let lines: Vec<_> =
        reply.lines().filter_map(|line| line.strip_prefix("WWW-Authenticate: ")).collect();
    let [sha, md5] = lines[..] else {
        panic!("two challenges: {reply}");
    };
    assert!(sha.contains("algorithm=SHA-256") && md5.contains("algorithm=MD5"), "{reply}");
    assert_eq!(sha.replace("SHA-256", "MD5"), md5);
    let only_md5 = reply.replace(&format!("WWW-Authenticate: {sha}\r\n"), "");
    let text = desk.text(USUAL, &log_in(&only_md5, "a1", "s3cret"));
    assert!(desk.ask(&text).starts_with("SIP/2.0 200 "));
}

#[test]
fn registering_is_rate_limited_by_address() {
    let mut desk = Desk::new();
    let mut answered = 0;
    for _ in 0..1_000 {
        let text = desk.text(USUAL, "");
        desk.endpoint.receive(desk.now, desk.from, text.as_bytes());
        answered += u32::from(desk.endpoint.poll_transmit().is_some());
    }
    assert_eq!(answered, 400);
    assert_eq!(desk.endpoint.counters().unread, 600);
    desk.wait(Span::secs(1));
    let text = desk.text(USUAL, "");
    assert!(desk.ask(&text).starts_with("SIP/2.0 401 "));
}

#[test]
fn who_guesses_a_password_waits_and_the_phone_itself_does_not() {
    let mut desk = Desk::new();
    desk.register(USUAL);
    let guess = Wish { password: "guess", ..USUAL };
    desk.from = address("192.0.2.66:5060");
    for _ in 0..5 {
        assert!(desk.register(guess).starts_with("SIP/2.0 403 "));
    }
    let made_to_wait = desk.register(USUAL);
    assert!(made_to_wait.starts_with("SIP/2.0 503 "), "not even the right one: {made_to_wait}");
    assert_eq!(header(&made_to_wait, "Retry-After"), Some("1"));
    let counters = desk.endpoint.counters();
    assert_eq!((counters.wrong_passwords, counters.held_off), (5, 1));
    desk.from = address(PHONE);
    assert!(desk.register(USUAL).starts_with("SIP/2.0 200 "));
    desk.from = address("192.0.2.66:5060");
    desk.wait(Span::secs(1));
    assert!(desk.register(USUAL).starts_with("SIP/2.0 200 "), "after the wait it is looked at");
}

#[test]
fn a_registered_phone_may_call_in_and_others_may_not() {
    let mut desk = Desk::new();
    desk.register(USUAL);
    desk.events();
    let invite = |from: &str, branch: &str| {
        format!(
            "INVITE sip:cadran@127.0.0.1 SIP/2.0\r\n\
             Via: SIP/2.0/UDP 127.0.0.20:5080;branch=z9hG4bK{branch}\r\nMax-Forwards: 70\r\n\
             From: <sip:{from}@127.0.0.1>;tag=1\r\nTo: <sip:cadran@127.0.0.1>\r\nCall-ID: {branch}\
             \r\nCSeq: 1 INVITE\r\nContact: <sip:{from}@127.0.0.20:5080>\r\n\
             Content-Type: application/sdp\r\nContent-Length: 5\r\n\r\nv=0\r\n"
        )
    };
    assert!(desk.ask(&invite("a2", "other")).starts_with("SIP/2.0 403 "));
    desk.endpoint.receive(desk.now, desk.from, invite("a1", "own").as_bytes());
    let events = desk.events();
    let [Event::Incoming(incoming)] = &events[..] else {
        panic!("{events:?}");
    };
    assert_eq!((incoming.agent, incoming.from.as_str()), (Some(AGENT), "a1"));
    assert_eq!(incoming.offer.as_deref(), Some(&b"v=0\r\n"[..]));
    desk.endpoint.accept(desk.now, incoming.leg, ANSWER.to_vec()).expect("it waits");
    let reply = desk.endpoint.poll_transmit().expect("it is answered");
    assert!(reply.bytes.starts_with(b"SIP/2.0 200 OK\r\n"));
}

#[test]
fn a_trunk_that_may_brings_calls_and_says_who_calls() {
    let mut desk = Desk::new();
    desk.from = address("127.0.0.10:5070");
    let invite = |branch: &str| {
        format!(
            "INVITE sip:0033199005678@127.0.0.1 SIP/2.0\r\n\
             Via: SIP/2.0/UDP 127.0.0.10:5070;branch=z9hG4bK{branch}\r\nMax-Forwards: 70\r\n\
             From: \"Anonymous\" <sip:anonymous@anonymous.invalid>;tag=1\r\n\
             To: <sip:%2B33199005678@127.0.0.1>\r\nCall-ID: {branch}\r\nCSeq: 1 INVITE\r\n\
             P-Asserted-Identity: <tel:+33199001234;phone-context=+33>\r\n\
             Contact: <sip:127.0.0.10:5070>\r\nContent-Length: 0\r\n\r\n"
        )
    };
    desk.endpoint.set_trunk(trunk());
    assert!(desk.ask(&invite("never")).starts_with("SIP/2.0 403 "), "not unless it may");
    desk.endpoint.set_trunk(Trunk { receives: true, ..trunk() });
    desk.endpoint.receive(desk.now, desk.from, invite("now").as_bytes());
    let events = desk.events();
    let [Event::Incoming(call)] = &events[..] else {
        panic!("{events:?}");
    };
    assert_eq!((call.trunk, call.agent, call.offer.as_ref()), (Some(TrunkId(1)), None, None));
    assert_eq!((call.to.as_str(), call.named.as_str()), ("0033199005678", "+33199005678"));
    assert_eq!((call.from.as_str(), call.asserted.as_deref()), ("anonymous", Some("+33199001234")));
    assert!(!call.hides);
    desk.endpoint.accept(desk.now, call.leg, OFFER.to_vec()).expect("it asks us to offer");
    let reply = desk.endpoint.poll_transmit().expect("it is answered");
    assert!(reply.bytes.starts_with(b"SIP/2.0 200 OK\r\n") && reply.bytes.ends_with(OFFER));
}

#[test]
fn a_caller_who_asks_for_privacy_hides() {
    let mut desk = Desk::new();
    desk.from = address("127.0.0.10:5070");
    desk.endpoint.set_trunk(Trunk { receives: true, ..trunk() });
    let asked = [
        ("id", true),
        ("user;id", true),
        ("header; User", true),
        ("none", false),
        ("header;session", false),
    ];
    for (nth, (privacy, hides)) in asked.into_iter().enumerate() {
        let invite = format!(
            "INVITE sip:0033199005678@127.0.0.1 SIP/2.0\r\n\
             Via: SIP/2.0/UDP 127.0.0.10:5070;branch=z9hG4bK{nth}\r\nMax-Forwards: 70\r\n\
             From: <sip:+33199001234@127.0.0.10>;tag=1\r\n\
             To: <sip:0033199005678@127.0.0.1>\r\nCall-ID: {nth}\r\nCSeq: 1 INVITE\r\n\
             Privacy: {privacy}\r\nContact: <sip:127.0.0.10:5070>\r\nContent-Length: 0\r\n\r\n"
        );
        desk.endpoint.receive(desk.now, desk.from, invite.as_bytes());
        let events = desk.events();
        let [Event::Incoming(call)] = &events[..] else { panic!("{events:?}") };
        assert_eq!(call.hides, hides, "{privacy}");
    }
    // Whoever still rings when the engine leaves hears that nobody will answer.
    while desk.endpoint.poll_transmit().is_some() {}
    desk.endpoint.refuse_ringing(desk.now);
    for _ in asked {
        let reply = desk.endpoint.poll_transmit().expect("each gets its final answer");
        assert!(reply.bytes.starts_with(b"SIP/2.0 480 "), "{:?}", reply.bytes);
    }
    assert!(desk.endpoint.poll_transmit().is_none());
}

#[test]
fn a_phone_with_a_fixed_contact_needs_no_registration() {
    let mut desk = Desk::new();
    let contact = Some(("sip:a1@127.0.0.20:5080".to_owned(), address(PHONE).into()));
    desk.endpoint.set_phone(Phone { agent: AGENT, user: "a1".to_owned(), ha1: None, contact });
    assert!(desk.endpoint.phone_address(AGENT).is_some());
    let call = Invite { target: Target::Phone(AGENT), from: None, ..call() };
    desk.endpoint.invite(desk.now, LEG, call).expect("it has a contact");
    assert_eq!(desk.endpoint.poll_transmit().map(|sent| sent.to.address), Some(address(PHONE)));
    let refused = desk.register(USUAL);
    assert!(refused.starts_with("SIP/2.0 403 "), "{refused}");
}

#[test]
fn a_registration_is_kept_when_it_is_new_moves_or_lasts_longer_than_it_is_kept() {
    let mut desk = Desk::new();
    desk.register(USUAL);
    assert_eq!(desk.events(), [Event::Phone(AGENT, true), bound(PHONE, 360)]);
    desk.wait(Span::secs(60));
    desk.register(USUAL);
    assert_eq!(desk.events(), [], "it is kept until the 360th second, and granted until then");
    desk.wait(Span::secs(1));
    desk.register(USUAL);
    assert_eq!(desk.events(), [bound(PHONE, 360)]);
    desk.from = address("127.0.0.20:6000");
    desk.register(USUAL);
    assert_eq!(desk.events(), [Event::Phone(AGENT, true), bound("127.0.0.20:6000", 360)]);
    desk.register(Wish { contact: "", ..USUAL });
    assert_eq!(desk.events(), [], "it only asks");
}

#[test]
fn a_restart_finds_the_phones_that_were_registered() {
    let mut desk = Desk::new();
    desk.register(USUAL);
    let stored = kept("sip:a1@127.0.0.20:5080", PHONE);
    assert_eq!(desk.events().pop(), Some(bound(PHONE, 360)), "a registration is kept");
    let mut again = Desk::new();
    again.endpoint.restore(again.now, [(AGENT, stored.clone(), Span::secs(100))]);
    let call = Invite { target: Target::Phone(AGENT), ..call() };
    again.endpoint.invite(again.now, LEG, call).expect("it is registered");
    let invite = again.endpoint.poll_transmit().expect("it is called");
    assert_eq!(invite.to.address, address(PHONE));
    assert!(again.endpoint.is_peer(address(PHONE).ip()), "and may call in");
    again.register(USUAL);
    assert_eq!(again.events(), [bound(PHONE, 360)], "the phone did not move");
    again.wait(Span::secs(300));
    assert_eq!(again.events().last(), Some(&Event::Phone(AGENT, false)));
    let by_stream = StoredBinding { transport: Transport::Tls, ..stored };
    again.endpoint.restore(again.now, [(AGENT, by_stream, Span::secs(100))]);
    assert_eq!(again.endpoint.phone_address(AGENT), None, "its connection ended with the run");
}

/// Calls the agent's phone; gives where the INVITE went, and the INVITE.
fn rings(desk: &mut Desk, leg: u64) -> (SocketAddr, String) {
    let call = Invite { target: Target::Phone(AGENT), ..call() };
    desk.endpoint.invite(desk.now, LegId(leg), call).expect("a phone is registered");
    let invite = desk.endpoint.poll_transmit().expect("it is called");
    (invite.to.address, String::from_utf8_lossy(&invite.bytes).into_owned())
}

#[test]
fn of_several_phones_the_one_that_logged_in_last_is_rung_and_the_others_are_kept() {
    let home = Wish { contact: "<sip:a1@127.0.0.21:5080>", ..USUAL };
    let [first, second] = [PHONE, "127.0.0.21:5080"];
    let names = ["sip:a1@127.0.0.20:5080", "sip:a1@127.0.0.21:5080"];
    let mut desk = Desk::new();
    desk.register(USUAL);
    desk.events();
    desk.wait(Span::secs(100));
    desk.from = address(second);
    let reply = desk.register(home);
    let listed: Vec<_> = reply.lines().filter(|line| line.starts_with("Contact: ")).collect();
    let wanted = names.iter().zip([200, 300]);
    let wanted: Vec<_> =
        wanted.map(|(name, left)| format!("Contact: <{name}>;expires={left}")).collect();
    assert_eq!(listed, wanted, "§10.3 step 8");
    let both = [(kept(names[0], first), 260), (kept(names[1], second), 360)];
    let both = both.map(|(stored, left)| (stored, Span::secs(left)));
    let told = [Event::Phone(AGENT, true), Event::Bound(AGENT, both.to_vec())];
    assert_eq!(desk.events(), told);
    desk.from = address(first);
    desk.register(USUAL);
    assert_eq!(rings(&mut desk, 1).0, address(second), "a refresh is no login");
    desk.events();
    // A restart finds both, and their order.
    let mut again = Desk::new();
    let both = both.map(|(stored, left)| (AGENT, stored, left));
    again.endpoint.restore(again.now, both);
    assert_eq!(rings(&mut again, 1).0, address(second));
    again.register(USUAL);
    assert_eq!(rings(&mut again, 2).0, address(second), "nor is one of an earlier run");
    // The last one leaves: the one before it is rung, and none is left at last.
    desk.from = address(second);
    desk.register(Wish { more: "Expires: 0\r\n", ..home });
    let alone = desk.events();
    assert_eq!(alone.first(), Some(&Event::Phone(AGENT, true)), "{alone:?}");
    assert!(matches!(&alone[1..], [Event::Bound(AGENT, left)] if left.len() == 1), "{alone:?}");
    assert_eq!(rings(&mut desk, 2).0, address(first));
    desk.wait(Span::secs(300));
    assert!(desk.events().contains(&Event::Phone(AGENT, false)));
}

#[test]
fn an_agent_has_four_phones_and_a_fifth_takes_the_place_of_the_oldest() {
    let mut desk = Desk::new();
    for nth in 1..=5 {
        let contact = format!("<sip:a1@127.0.0.20:600{nth}>");
        let reply = desk.register(Wish { contact: &contact, ..USUAL });
        assert_eq!(reply.matches("Contact: ").count(), nth.min(4), "{reply}");
        assert!(reply.contains(&contact), "{reply}");
    }
    let several = "<sip:a1@127.0.0.20:6002>;expires=0, <sip:a1@127.0.0.20:6009>";
    let reply = desk.register(Wish { contact: several, ..USUAL });
    assert!(!reply.contains(":6002>") && reply.contains(":6009>"), "all of it is done: {reply}");
}

#[test]
fn a_phone_behind_a_proxy_is_called_through_it() {
    let path = "Path: <sip:near.test;lr>, <sip:edge@10.0.0.1:5070;lr>\r\n";
    let more = format!("Expires: 300\r\nRequire: path\r\n{path}");
    let knows = format!("{more}Supported: path\r\n");
    let behind = Wish { contact: "<sip:a1@192.168.1.20>", more: &knows, ..USUAL };
    let mut desk = Desk::new();
    let reply = desk.register(behind);
    assert!(reply.starts_with("SIP/2.0 200 "), "{reply}");
    let told: Vec<_> = reply.lines().filter(|line| line.starts_with("Path: ")).collect();
    assert_eq!(told, ["Path: <sip:near.test;lr>", "Path: <sip:edge@10.0.0.1:5070;lr>"]);
    let Some(Event::Bound(_, stored)) = desk.events().pop() else {
        panic!("a registration is kept");
    };
    let mut again = Desk::new();
    again.endpoint.restore(again.now, stored.into_iter().map(|(it, left)| (AGENT, it, left)));
    for desk in [&mut desk, &mut again] {
        let (to, invite) = rings(desk, 1);
        assert_eq!(to, address(PHONE), "where its REGISTER came from: the nearest proxy");
        assert!(invite.starts_with("INVITE sip:a1@192.168.1.20 SIP/2.0\r\n"), "{invite}");
        let routes: Vec<_> = invite.lines().filter(|line| line.starts_with("Route: ")).collect();
        assert_eq!(routes, ["Route: <sip:near.test;lr>", "Route: <sip:edge@10.0.0.1:5070;lr>"]);
    }
    let reply = desk.register(Wish { more: &more, ..behind });
    assert!(!reply.contains("\nPath: "), "a phone that does not know it is told nothing: {reply}");
    for (path, expected) in [
        ("Path: nonsense <\r\n".to_owned(), "400 Bad Path"),
        ("Path: <sip:p;lr>\r\n".repeat(9), "400 Path Too Long"),
    ] {
        let more = format!("Expires: 300\r\n{path}");
        let reply = desk.register(Wish { more: &more, ..behind });
        assert!(reply.contains(expected), "{reply}");
    }
}
