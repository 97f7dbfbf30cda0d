//! The lexer of SIP: one datagram that nobody announced, and the same bytes as a stream.

use cadran::units::Mono;
use cadran::wire::sip::{Broken, Framer, Piece, Transmit};

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
    let whole = pieces(data, data.len());
    for step in [1, 2, 3, 7, 64] {
        assert_eq!(whole, pieces(data, step), "a stream reads otherwise in steps of {step}");
    }
}

/// Reads the bytes as a stream that comes so many at a time.
fn pieces(data: &[u8], step: usize) -> (Vec<Vec<u8>>, Option<Broken>) {
    let mut framer = Framer::default();
    let mut pieces = Vec::new();
    for part in data.chunks(step.max(1)) {
        framer.push(Mono::START, part);
        loop {
            match framer.piece() {
                Ok(Some(Piece::Message(message))) => pieces.push(message.to_vec()),
                Ok(Some(Piece::Ping)) => pieces.push(b"ping".to_vec()),
                Ok(Some(Piece::Pong)) => pieces.push(b"pong".to_vec()),
                Ok(None) => break,
                Err(broken) => return (pieces, Some(broken)),
            }
        }
    }
    (pieces, None)
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
