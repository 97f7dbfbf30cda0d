//! The lexer of SIP, and the whole way of one datagram that nobody announced.

use cadran::units::Mono;
use cadran::wire::sip::Transmit;

use super::stage::{DIALER, PHONE, about, claim_readable, claim_rest, endpoint, events, sent};

/// An answer may be longer than its request by no more than its own fields: the status, a tag,
/// Server, Allow, a challenge.
const ADDED_MAX: usize = 1_024;

/// Gives a datagram to an endpoint that talks to everybody.
pub fn run(data: &[u8]) {
    let first = answers(data);
    let again = answers(data);
    assert_eq!(first, again, "the same datagram is answered in two ways");
    // Line ends before the start line are to be ignored (RFC 3261 §7.5).
    let led = [b"\r\n\r\n", data].concat();
    if led.len() <= usize::from(u16::MAX) && !data.is_empty() {
        assert_eq!(first, answers(&led), "line ends before a message change what it says");
    }
}

fn answers(data: &[u8]) -> Vec<Transmit> {
    let mut endpoint = endpoint(DIALER, true);
    endpoint.receive(Mono::START, PHONE, data);
    let counters = endpoint.counters();
    assert_eq!(counters.received, 1);
    let dropped = [counters.keep_alives, counters.garbage, counters.strangers];
    assert!(dropped.iter().sum::<u64>() <= 1, "dropped for two reasons: {counters:?}");
    let answers = sent(&mut endpoint);
    for answer in &answers {
        assert_eq!(answer.to.ip(), PHONE.ip(), "an answer goes to somebody else");
        assert!(answer.bytes.len() <= data.len() + ADDED_MAX, "a short request, a long answer");
        // What could not be read is given back as it was.
        let unread = [&b"SIP/2.0 400 "[..], b"SIP/2.0 505 "];
        if !unread.iter().any(|status| answer.bytes.starts_with(status)) {
            claim_readable(answer);
        }
    }
    let mut legs = Vec::new();
    for event in events(&mut endpoint) {
        legs.extend(about(&event).filter(|(_, last)| !last).map(|(leg, _)| leg));
    }
    claim_rest(&mut endpoint, Mono::START, &mut legs);
    answers
}
