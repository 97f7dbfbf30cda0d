//! Cuts a stream into messages by Content-Length (RFC 3261 §18.3), and knows the keep-alives
//! between them (RFC 5626 §4.4.1).

use super::lexer::{MESSAGE_MAX, content_length};
use crate::units::{Mono, Span};

/// The longest header part: 128 lines of 128 bytes; real ones are under 2 KB.
const HEAD_MAX: usize = 16_384;
/// How long a message may take from its first byte to its last: minutes of a modem's time are no
/// excuse, and a slow sender must not hold a place.
const MESSAGE_TIME_MAX: Span = Span::secs(10);

/// What a stream holds next.
#[derive(Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// A whole message.
    Message(&'a [u8]),
    /// Two line ends: the far end wants a single one back (RFC 5626 §4.4.1).
    Ping,
    /// One line end: the answer to our own two.
    Pong,
}

/// Why a stream cannot be read on: where its next message begins is not known. Close it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// No end of the headers in 16 KB, or a body longer than a message may be.
    #[error("a message on the stream is longer than {MESSAGE_MAX} bytes")]
    TooLong,
    /// Content-Length is missing, unreadable or said twice differently (RFC 3261 §20.14).
    #[error("a message on the stream does not say how long it is")]
    NoLength,
    /// A message begins as no request and no response does (RFC 3261 §7.1, §7.2).
    #[error("what came on the stream is no SIP")]
    NoSip,
}

/// Takes a stream's bytes as they come and gives whole messages. It holds no more than one
/// message and what was pushed behind it.
#[derive(Debug, Default)]
pub struct Framer {
    bytes: Vec<u8>,
    /// What was given out already.
    begin: usize,
    /// How far the end of the headers was looked for.
    seen: usize,
    /// The length of the message that begins at `begin`, once its headers are whole.
    length: Option<usize>,
    /// When that message's first byte came.
    since: Option<Mono>,
    /// When the latest bytes came.
    pushed: Mono,
    /// A line end was given out just before: one more makes a ping.
    half: bool,
}

impl Framer {
    /// Takes bytes in; call [`Framer::piece`] until it gives none before more are pushed.
    pub fn push(&mut self, now: Mono, bytes: &[u8]) {
        self.bytes.drain(..self.begin);
        self.seen -= self.begin;
        self.begin = 0;
        self.pushed = now;
        if !bytes.is_empty() {
            self.since = self.since.or(Some(now));
        }
        self.bytes.extend_from_slice(bytes);
    }

    /// Gives the next piece; `None` if more bytes are wanted.
    ///
    /// # Errors
    /// The stream cannot be read on.
    pub fn piece(&mut self) -> Result<Option<Piece<'_>>, Broken> {
        let rest = self.bytes.get(self.begin..).unwrap_or_default();
        if self.length.is_none() && matches!(rest.first(), Some(b'\r' | b'\n')) {
            let end = if rest.starts_with(b"\r\n") { 2 } else { 1 };
            if rest == b"\r" {
                return Ok(None);
            }
            self.pass(end);
            self.half = !self.half;
            return Ok(Some(if self.half { Piece::Pong } else { Piece::Ping }));
        }
        if self.length.is_none() {
            let Some(head) = head_end(&self.bytes, self.begin, self.seen) else {
                self.seen = self.bytes.len();
                return if rest.len() > HEAD_MAX { Err(Broken::TooLong) } else { Ok(None) };
            };
            // However it came: in one push, the end of a head too long is there already.
            if head > HEAD_MAX {
                return Err(Broken::TooLong);
            }
            if !is_begun(rest) {
                return Err(Broken::NoSip);
            }
            let body = content_length(rest).ok_or(Broken::NoLength)?;
            let length = body.checked_add(head).filter(|length| *length <= MESSAGE_MAX);
            self.length = Some(length.ok_or(Broken::TooLong)?);
        }
        let Some(length) = self.length.filter(|length| rest.len() >= *length) else {
            return Ok(None);
        };
        let begin = self.begin;
        self.length = None;
        self.half = false;
        self.pass(length);
        Ok(self.bytes.get(begin..begin + length).map(Piece::Message))
    }

    /// Tells when the message that has begun must be whole; nothing has begun if `None`.
    #[must_use]
    pub fn deadline(&self) -> Option<Mono> {
        self.since.map(|since| since + MESSAGE_TIME_MAX)
    }

    /// Passes what was given out. What is left of the next message came with the latest bytes.
    fn pass(&mut self, length: usize) {
        self.begin += length;
        self.seen = self.begin;
        self.since = (self.begin < self.bytes.len()).then_some(self.pushed);
    }
}

/// Tells whether a message begins with a request's or a response's line, of whatever version.
fn is_begun(message: &[u8]) -> bool {
    let line = message.split(|byte| *byte == b'\n').next().unwrap_or_default().trim_ascii();
    let mut words = line.split(u8::is_ascii_whitespace);
    let is_version =
        |word: &[u8]| word.get(..4).is_some_and(|way| way.eq_ignore_ascii_case(b"SIP/"));
    words.next().is_some_and(is_version) || words.next_back().is_some_and(is_version)
}

/// Finds the end of the headers behind `begin`, from `seen` on; gives their length with the empty
/// line. A bare LF ends a line too, as in datagrams.
fn head_end(bytes: &[u8], begin: usize, seen: usize) -> Option<usize> {
    let from = seen.saturating_sub(2).max(begin);
    let rest = bytes.get(from..)?;
    let ends = rest.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
    ends.map(|(at, _)| from + at + 1).find_map(|line| {
        let after = bytes.get(line..)?;
        let empty =
            if after.starts_with(b"\r\n") { 2 } else { usize::from(after.starts_with(b"\n")) };
        (empty > 0).then(|| line + empty - begin)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ONE: &[u8] = b"OPTIONS sip:a@b SIP/2.0\r\nl: 4\r\nVia: x\r\n\r\nbody";
    const TWO: &[u8] = b"SIP/2.0 200 OK\r\nContent-Length : 0\r\n\r\n";
    const FOLDED: &[u8] = b"BYE sip:a@b SIP/2.0\nX: y\n z\nContent-Length:\r\n 2\n\nok";

    /// Pushes a stream in parts and tells what came out.
    fn read(stream: &[u8], cuts: &[usize]) -> (Vec<Vec<u8>>, usize, Option<Broken>) {
        let mut framer = Framer::default();
        let (mut messages, mut pings, mut at) = (Vec::new(), 0, 0);
        for cut in cuts.iter().copied().chain([stream.len()]) {
            let cut = cut.clamp(at, stream.len());
            framer.push(Mono::START, &stream[at..cut]);
            at = cut;
            loop {
                match framer.piece() {
                    Ok(Some(Piece::Message(message))) => messages.push(message.to_vec()),
                    Ok(Some(Piece::Ping)) => pings += 1,
                    Ok(Some(Piece::Pong)) => {}
                    Ok(None) => break,
                    Err(broken) => return (messages, pings, Some(broken)),
                }
            }
        }
        (messages, pings, None)
    }

    #[test]
    fn messages_and_keep_alives_are_told_apart() {
        let stream = [ONE, b"\r\n\r\n", TWO, b"\r\n", FOLDED, b"\r\n\r\n\r\n\r\n", ONE].concat();
        let (messages, pings, broken) = read(&stream, &[]);
        assert_eq!((messages.len(), pings, broken), (4, 3, None));
        assert_eq!(messages, [ONE, TWO, FOLDED, ONE]);
    }

    #[test]
    fn a_stream_without_lengths_or_ends_is_given_up() {
        let long = format!("INVITE sip:a@b SIP/2.0\r\nX: {}", "y".repeat(HEAD_MAX));
        for (stream, broken) in [
            ("INVITE sip:a@b SIP/2.0\r\nX: y\r\n\r\n", Broken::NoLength),
            ("INVITE sip:a@b SIP/2.0\r\nl: 1\r\nl: 2\r\n\r\n", Broken::NoLength),
            ("INVITE sip:a@b SIP/2.0\r\nl: -1\r\n\r\n", Broken::NoLength),
            ("INVITE sip:a@b SIP/2.0\r\nl: 70000\r\n\r\n", Broken::TooLong),
            ("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n", Broken::NoSip),
            ("\r\nhello\r\n\r\n", Broken::NoSip),
            ("INVITE sip:a@b SIP/2.0\r\nl: 18446744073709551615\r\n\r\n", Broken::TooLong),
            (&long, Broken::TooLong),
            (&format!("{long}\r\nl: 0\r\n\r\n"), Broken::TooLong),
        ] {
            assert_eq!(read(stream.as_bytes(), &[]), (vec![], 0, Some(broken)), "{stream}");
        }
    }

    #[test]
    fn a_message_must_be_whole_in_time() {
        let mut framer = Framer::default();
        assert_eq!(framer.deadline(), None);
        let (head, tail) = ONE.split_at(20);
        framer.push(Mono::START, head);
        assert_eq!(framer.piece(), Ok(None));
        framer.push(Mono::START + Span::secs(5), &tail[..1]);
        assert_eq!(framer.piece(), Ok(None));
        assert_eq!(framer.deadline(), Some(Mono::START + MESSAGE_TIME_MAX));
        framer.push(Mono::START + Span::secs(6), &tail[1..]);
        assert_eq!(framer.piece(), Ok(Some(Piece::Message(ONE))));
        assert_eq!(framer.piece(), Ok(None));
        assert_eq!(framer.deadline(), None);
    }

    proptest! {
        #[test]
        fn however_a_stream_is_cut_its_messages_are_the_same(
            mut cuts in prop::collection::vec(0_usize..220, 0..12),
        ) {
            cuts.sort_unstable();
            let stream = [b"\r\n\r\n", ONE, FOLDED, b"\r\n\r\n", TWO, ONE].concat();
            prop_assert_eq!(read(&stream, &cuts), read(&stream, &[]));
        }

        #[test]
        fn no_bytes_make_it_panic_or_hold_more_than_a_message(
            bytes in prop::collection::vec(any::<u8>(), 0..2_000),
        ) {
            let mut framer = Framer::default();
            for _ in 0..100 {
                framer.push(Mono::START, &bytes);
                while let Ok(Some(_)) = framer.piece() {}
                if framer.piece().is_err() {
                    break;
                }
                prop_assert!(framer.bytes.len() <= MESSAGE_MAX + bytes.len());
            }
        }
    }
}
