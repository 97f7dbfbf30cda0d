//! Cases of our own: what carriers and phones were seen to do, and what nobody should.

use super::Fate::{self, Answered, Call, Dropped, Stray};

/// Makes the datagram of a case: line ends as SIP wants them.
pub(super) fn bytes(text: &str) -> Vec<u8> {
    text.replace('\n', "\r\n").into_bytes()
}

/// Name, text, and what becomes of it.
pub(super) const CASES: &[(&str, &str, Fate)] = &[
    (
        "compact names, no space, no body",
        "INVITE sip:1@h SIP/2.0\nv:SIP/2.0/UDP h;branch=z9hG4bK1\nf:<sip:a@h>;tag=1\nt:<sip:1@h>\n\
         i:c1\nCSeq:1 INVITE\nm:<sip:a@h>\nl:0\n\n",
        Call,
    ),
    (
        "folded lines and blanks before colons",
        "OPTIONS sip:1@h SIP/2.0\nVia : SIP/2.0/UDP\n h\n ;branch=z9hG4bK1\nFrom\t: <sip:a@h>\n \
         ;tag=1\nTo : <sip:1@h>\nCall-ID : c\nCSeq : 1\n OPTIONS\nContent-Length : 0\n\n",
        Answered(200),
    ),
    (
        "a display name with a comma, a semicolon and an escaped quote",
        "OPTIONS sip:1@h SIP/2.0\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\n\
         From: \"Du\\\"pont; Jean, <sip:x>\" <sip:a@h>;tag=1\nTo: <sip:1@h>\nCall-ID: c\n\
         CSeq: 1 OPTIONS\n\n",
        Answered(200),
    ),
    (
        "a branch in a quoted string is no branch",
        "SIP/2.0 200 OK\nVia: SIP/2.0/UDP h;x=\";branch=z9hG4bK0-0\";branch=z9hG4bK9\n\
         From: <sip:a@h>;tag=1\nTo: <sip:1@h>\nCall-ID: c\nCSeq: 1 INVITE\n\n",
        Stray,
    ),
    (
        "an answer to a branch of our form that we never wrote",
        "SIP/2.0 200 OK\nVia: SIP/2.0/UDP h;branch=z9hG4bKffffffff-ffffffffffffffff\n\
         From: <sip:a@h>;tag=1\nTo: <sip:1@h>;tag=2\nCall-ID: c\nCSeq: 1 INVITE\n\n",
        Stray,
    ),
    (
        "a To tag of our form that we never gave",
        "BYE sip:1@h SIP/2.0\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\nFrom: <sip:a@h>;tag=1\n\
         To: <sip:1@h>;tag=0-0000000000000000\nCall-ID: c\nCSeq: 1 BYE\n\n",
        Answered(481),
    ),
    (
        "a Content-Length said twice, alike",
        "OPTIONS sip:1@h SIP/2.0\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\nFrom: <sip:a@h>;tag=1\n\
         To: <sip:1@h>\nCall-ID: c\nCSeq: 1 OPTIONS\nContent-Length: 0\nl: 0\n\n",
        Answered(200),
    ),
    (
        "lines that are no header",
        "OPTIONS sip:1@h SIP/2.0\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\nX-Bad\n: nothing\n\
         From: <sip:a@h>;tag=1\nTo: <sip:1@h>\nCall-ID: c\nCSeq: 1 OPTIONS\n\n",
        Answered(200),
    ),
    (
        "no Call-ID at all",
        "OPTIONS sip:1@h SIP/2.0\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\nFrom: <sip:a@h>;tag=1\n\
         To: <sip:1@h>\nCSeq: 1 OPTIONS\n\n",
        Answered(400),
    ),
    (
        "a port beyond the sixteen bits of a port",
        "OPTIONS sip:1@h SIP/2.0\nVia: SIP/2.0/UDP h:70000;branch=z9hG4bK1\n\
         From: <sip:a@h>;tag=1\nTo: <sip:1@h>\nCall-ID: c\nCSeq: 1 OPTIONS\n\n",
        Answered(400),
    ),
    (
        "a telephone URI",
        "INVITE tel:+33199001234 SIP/2.0\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\n\
         From: <sip:a@h>;tag=1\nTo: <tel:+33199001234>\nCall-ID: c\nCSeq: 1 INVITE\n\n",
        Answered(416),
    ),
    (
        "a malformed ACK, which nobody may answer",
        "ACK sip:1@h SIP/2.0\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\nCSeq: x ACK\n\n",
        Dropped,
    ),
    ("a datagram cut in its start line", "SIP/2.0 180 Ring", Dropped),
    ("a response cut in its headers", "SIP/2.0 180 Ringing\nVia: SIP/2.0/UDP h\n", Dropped),
    ("a status of four digits", "SIP/2.0 1800 Ringing\n\n", Dropped),
    ("a status below one hundred", "SIP/2.0 099 Hm\n\n", Dropped),
    ("some other protocol", "GET / HTTP/1.1\nHost: h\n\n", Dropped),
];
