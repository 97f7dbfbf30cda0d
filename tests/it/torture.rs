//! SIP messages meant to hurt: those of RFC 4475, some of our own, and mutations of both.

mod own;
#[cfg(feature = "engine")]
mod statuses;

use std::net::SocketAddr;
use std::path::PathBuf;

use cadran::units::{AgentId, LegId, Mono, Span, TrunkId};
use cadran::wire::sip::{Endpoint, Event, Ha1, Invite, Phone, Settings, Target, Trunk};
use proptest::prelude::*;

/// What becomes of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// Answered with this status.
    Answered(u16),
    /// Taken as a new call.
    Call,
    /// Understood as a response, which belongs to no transaction here.
    Stray,
    /// Dropped and counted as garbage.
    Dropped,
}

use Fate::{Answered, Call, Dropped, Stray};

/// RFC 4475's valid messages, each with its section.
const VALID: [(&str, Fate, &str); 13] = [
    ("wsinv", Answered(481), "3.1.1.1: its To tag names no dialog here"),
    ("intmeth", Answered(501), "3.1.1.2: an extension method"),
    ("esc01", Call, "3.1.1.3"),
    ("escnull", Answered(401), "3.1.1.4: registering wants a login"),
    ("esc02", Answered(501), "3.1.1.5: the escapes make another method than REGISTER"),
    ("lwsdisp", Answered(200), "3.1.1.6"),
    ("longreq", Call, "3.1.1.7"),
    ("dblreq", Answered(401), "3.1.1.8: the octets behind the message are ignored"),
    ("semiuri", Answered(200), "3.1.1.9"),
    ("transports", Answered(200), "3.1.1.10"),
    ("mpart01", Answered(405), "3.1.1.11: MESSAGE is not taken"),
    ("unreason", Stray, "3.1.1.12"),
    ("noreason", Stray, "3.1.1.13"),
];

/// RFC 4475's messages that are malformed or wrong for the application.
const INVALID: [(&str, Fate, &str); 37] = [
    ("badinv01", Answered(400), "3.1.2.1"),
    ("clerr", Answered(400), "3.1.2.2"),
    ("ncl", Answered(400), "3.1.2.3"),
    ("scalar02", Answered(400), "3.1.2.4"),
    ("scalarlg", Dropped, "3.1.2.5"),
    ("quotbal", Answered(400), "3.1.2.6"),
    ("ltgtruri", Answered(400), "3.1.2.7"),
    ("lwsruri", Answered(400), "3.1.2.8"),
    ("lwsstart", Answered(400), "3.1.2.9"),
    ("trws", Answered(400), "3.1.2.10"),
    ("escruri", Answered(400), "3.1.2.11"),
    ("baddate", Call, "3.1.2.12: who has no use for Date may ignore it"),
    ("regbadct", Answered(401), "3.1.2.13: 400 once it has logged in"),
    ("badaspec", Answered(200), "3.1.2.14: may be taken where the meaning is clear"),
    ("baddn", Answered(400), "3.1.2.15"),
    ("badvers", Answered(505), "3.1.2.16"),
    ("mismatch01", Answered(400), "3.1.2.17"),
    ("mismatch02", Answered(400), "3.1.2.18: or 501"),
    ("bigcode", Dropped, "3.1.2.19"),
    ("badbranch", Answered(200), "3.2.1: matched by the older rule"),
    ("insuf", Answered(400), "3.3.1"),
    ("unkscm", Answered(416), "3.3.2"),
    ("novelsc", Answered(416), "3.3.3"),
    ("unksm2", Answered(400), "3.3.4"),
    ("bext01", Answered(420), "3.3.5"),
    ("invut", Answered(415), "3.3.6"),
    ("regaut01", Answered(401), "3.3.7"),
    ("multi01", Answered(400), "3.3.8"),
    ("mcl01", Answered(400), "3.3.9"),
    ("bcast", Stray, "3.3.10: two Vias: dropped before any transaction"),
    ("zeromf", Answered(200), "3.3.11: a user agent is no proxy"),
    ("cparam01", Answered(401), "3.3.12"),
    ("cparam02", Answered(401), "3.3.13"),
    ("regescrt", Answered(401), "3.3.14"),
    ("sdp01", Answered(406), "3.3.15"),
    ("inv2543", Call, "3.4.1"),
    ("test", Dropped, "without any Via nothing can be answered"),
];

const PEER: &str = "192.0.2.1:5060";

fn address(text: &str) -> SocketAddr {
    text.parse().expect("the tests' addresses are well formed")
}

/// An endpoint that hears anybody, with a phone and a trunk.
fn endpoint() -> Endpoint {
    let mut endpoint = Endpoint::new(Settings {
        local: address("127.0.0.1:5060"),
        others: Vec::new(),
        user_agent: "cadran".to_owned(),
        seed: 4475,
        realm: "cadran.test".to_owned(),
        open: true,
    });
    endpoint.set_trunk(Trunk::new(TrunkId(1), address(PEER)));
    let ha1 = Some(Ha1::of("a1", "cadran.test", "s3cret"));
    let phone = Phone { agent: AgentId(1), user: "a1".to_owned(), ha1, contact: None };
    endpoint.set_phone(phone);
    endpoint
}

fn fate(message: &[u8]) -> (Fate, String) {
    let mut endpoint = endpoint();
    endpoint.receive(Mono::START, address(PEER), message);
    let reply = endpoint.poll_transmit().map(|sent| sent.bytes).unwrap_or_default();
    let reply = String::from_utf8_lossy(&reply).into_owned();
    let status = reply.strip_prefix("SIP/2.0 ").and_then(|rest| rest.get(..3)?.parse().ok());
    let counters = endpoint.counters();
    let fate = match (status, endpoint.poll_event()) {
        (None, Some(Event::Incoming(_))) => Call,
        (Some(status), None) => Answered(status),
        (None, None) if counters.stray_responses == 1 => Stray,
        (None, None) if counters.garbage == 1 => Dropped,
        (status, event) => panic!("neither answered nor dropped: {status:?} {event:?}"),
    };
    assert_eq!(endpoint.poll_transmit(), None, "one message, one answer");
    (fate, reply)
}

/// The folder of RFC 4475's messages, unless it is not at hand.
fn folder() -> Option<PathBuf> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let shared = std::env::var_os("CADRAN_SHARED");
    let shared = shared.map_or_else(|| root.join("../shared"), PathBuf::from);
    let folder = shared.join("torture/rfc4475");
    let there = folder.is_dir();
    if !there {
        skipped(&folder);
    }
    there.then_some(folder)
}

#[expect(clippy::print_stderr, reason = "a test that cannot run says so")]
fn skipped(folder: &std::path::Path) {
    eprintln!("SKIPPED: the messages of RFC 4475 are not in {}", folder.display());
}

fn judge(kind: &str, cases: &[(&str, Fate, &str)]) {
    let Some(folder) = folder() else {
        return;
    };
    for (name, expected, section) in cases {
        let path = folder.join(kind).join(format!("{name}.dat"));
        let message = std::fs::read(&path).expect("every message of the table is in the folder");
        let (found, reply) = fate(&message);
        assert_eq!(found, *expected, "{name}, RFC 4475 §{section}\n{reply}");
    }
    let count = std::fs::read_dir(folder.join(kind)).map(Iterator::count);
    assert_eq!(count.ok(), Some(cases.len()), "every message of the folder is in the table");
}

#[test]
fn rfc_4475_valid_messages_are_understood() {
    judge("valid", &VALID);
}

#[test]
fn rfc_4475_invalid_messages_are_answered_or_dropped() {
    judge("invalid", &INVALID);
}

#[test]
fn our_own_cases_meet_their_fate() {
    for (name, text, expected) in own::CASES {
        let (found, reply) = fate(&own::bytes(text));
        assert_eq!(found, *expected, "{name}\n{reply}");
    }
}

/// Messages to be mutated: RFC 4475's if at hand, and our own.
fn corpus() -> Vec<Vec<u8>> {
    let mut corpus: Vec<_> = own::CASES.iter().map(|(_, text, _)| own::bytes(text)).collect();
    if let Some(folder) = folder() {
        for (kind, cases) in [("valid", &VALID[..]), ("invalid", &INVALID[..])] {
            corpus.extend(cases.iter().filter_map(|(name, _, _)| {
                std::fs::read(folder.join(kind).join(format!("{name}.dat"))).ok()
            }));
        }
    }
    corpus
}

/// One change of a message.
#[derive(Clone, Debug)]
enum Mutation {
    Set(usize, u8),
    Insert(usize, Vec<u8>),
    Remove(usize, usize),
    Double(usize, usize),
}

fn mutation() -> impl Strategy<Value = Mutation> {
    let spice = prop::sample::select(vec![
        &b"\r\n"[..],
        b"\r\n ",
        b"\n",
        b"\"",
        b"<",
        b">",
        b";",
        b",",
        b":",
        b"=",
        b"%00",
        b"\0",
        b"\xff",
        b"SIP/2.0",
        b";tag=0-0000000000000000",
        b"Content-Length: 99999999999999999999\r\n",
        b"Via: ",
        b"rport",
    ]);
    prop_oneof![
        (any::<usize>(), any::<u8>()).prop_map(|(at, byte)| Mutation::Set(at, byte)),
        (any::<usize>(), spice).prop_map(|(at, text)| Mutation::Insert(at, text.to_vec())),
        (any::<usize>(), 0..64usize).prop_map(|(at, length)| Mutation::Remove(at, length)),
        (any::<usize>(), 0..64usize).prop_map(|(at, length)| Mutation::Double(at, length)),
    ]
}

fn mutate(message: &mut Vec<u8>, mutation: Mutation) {
    let span = |at: usize, length: usize, size: usize| {
        let start = at % (size + 1);
        start..(start + length).min(size)
    };
    let size = message.len();
    match mutation {
        Mutation::Set(at, byte) if size > 0 => message[at % size] = byte,
        Mutation::Set(..) => {}
        Mutation::Insert(at, text) => {
            message.splice(span(at, 0, size), text);
        }
        Mutation::Remove(at, length) => {
            message.drain(span(at, length, size));
        }
        Mutation::Double(at, length) => {
            let part = message[span(at, length, size)].to_vec();
            message.splice(span(at, 0, size), part);
        }
    }
}

/// Hears a message in the middle of a call, and lives to the end of every timer.
fn survive(message: &[u8]) {
    let mut endpoint = endpoint();
    let call = Invite {
        target: Target::Trunk(TrunkId(1), "+33199001234".to_owned()),
        from: None,
        offer: b"v=0\r\n".to_vec(),
        call_ref: None,
    };
    endpoint.invite(Mono::START, LegId(1), call).expect("the trunk is known");
    let sent = endpoint.poll_transmit().map(|sent| sent.bytes).unwrap_or_default();
    let invite = String::from_utf8_lossy(&sent).into_owned();
    let field = |name: &str| {
        let line = invite.lines().find(|line| line.starts_with(name));
        line.expect("our INVITE has it").to_owned()
    };
    // Where the message speaks of a branch or a call of its own, a copy speaks of ours.
    let text = String::from_utf8_lossy(message);
    let ours = text.lines().map(|line| {
        let name = line.split(':').next().unwrap_or_default();
        match name {
            "Via" | "From" | "Call-ID" | "CSeq" => field(name),
            _ => line.to_owned(),
        }
    });
    let ours = ours.collect::<Vec<_>>().join("\r\n") + "\r\n\r\n";
    for bytes in [message, ours.as_bytes()] {
        endpoint.receive(Mono::START + Span::millis(1), address(PEER), bytes);
        let replies = std::iter::from_fn(|| endpoint.poll_transmit()).count();
        assert!(replies <= 2, "one datagram makes at most an ACK and a BYE");
    }
    let end = Mono::START + Span::secs(400);
    while let Some(at) = endpoint.next_timeout() {
        assert!(at <= end, "something lingers for ever");
        endpoint.handle_timeout(at);
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(2_000)
    })]

    #[test]
    fn no_mutation_of_a_message_hurts(
        place in any::<prop::sample::Index>(),
        mutations in prop::collection::vec(mutation(), 1..8),
    ) {
        let corpus = corpus();
        let mut message = place.get(&corpus).clone();
        for mutation in mutations {
            mutate(&mut message, mutation);
        }
        survive(&message);
    }

    #[test]
    fn no_bytes_hurt(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        survive(&bytes);
    }
}
