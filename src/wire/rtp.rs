//! RTP headers (RFC 3550 §5) rewritten in place.
//!
//! [`Outgoing`] keeps one stream towards a far end continuous, whoever speaks on it: one SSRC,
//! sequence numbers without holes of our making, timestamps that follow real time.

#[cfg(test)]
mod tests;

use rtp_rs::RtpReader;

use crate::units::{Mono, Span};

/// The length of the fixed header in bytes (RFC 3550 §5.1).
pub const HEADER: usize = 12;

/// The samples of one 20 ms packet at 8,000 Hz.
pub const FRAME: u32 = 160;

/// Sequence numbers may run this far ahead before the source counts as restarted
/// (RFC 3550 §A.1, MAX_DROPOUT).
pub(super) const AHEAD_MAX: i16 = 3_000;

/// Packets may be this late before the source counts as restarted (RFC 3550 §A.1, MAX_MISORDER).
pub(super) const LATE_MAX: i16 = 100;

/// A source whose timestamps leave real time by more than this many samples (one second) has
/// restarted its clock.
const CLOCK_JUMP: i32 = 8_000;

/// Own packets further apart than this begin a new talkspurt.
const SPURT_GAP: Span = Span::millis(100);

/// Why a datagram is not taken as RTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an RTP packet: wrong version or cut short")]
pub struct NotRtp;

/// What the header of a packet says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The payload type, 0 to 127.
    pub payload_type: u8,
    /// The marker: a talkspurt begins.
    pub marker: bool,
    /// The sequence number.
    pub sequence: u16,
    /// The timestamp in samples.
    pub timestamp: u32,
    /// The synchronization source.
    pub ssrc: u32,
    /// Where the payload begins.
    pub start: usize,
    /// Where the payload ends and the padding begins.
    pub end: usize,
}

/// What the way onward writes into a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// The marker.
    pub marker: bool,
    /// The sequence number.
    pub sequence: u16,
    /// The timestamp in samples.
    pub timestamp: u32,
    /// The synchronization source.
    pub ssrc: u32,
}

/// Reads a packet's header and finds its payload.
///
/// # Errors
/// The bytes are not RTP version 2, or end before what the header announces.
pub fn read(packet: &[u8]) -> Result<Header, NotRtp> {
    let reader = RtpReader::new(packet).map_err(|_| NotRtp)?;
    let start = reader.payload_offset();
    Ok(Header {
        payload_type: reader.payload_type(),
        marker: reader.mark(),
        sequence: reader.sequence_number().into(),
        timestamp: reader.timestamp(),
        ssrc: reader.ssrc(),
        start,
        end: start + reader.payload().len(),
    })
}

/// Tells whether a datagram on an RTP port is RTCP (RFC 5761 §4).
#[must_use]
pub fn is_rtcp(packet: &[u8]) -> bool {
    packet.get(1).is_some_and(|kind| (192..=223).contains(kind))
}

/// Rewrites marker, payload type, sequence, timestamp and SSRC; all other bytes stay.
///
/// Bytes too short for a header stay as they are.
pub fn rewrite(packet: &mut [u8], stamp: Stamp, payload_type: u8) {
    let Some(header) = packet.first_chunk_mut::<HEADER>() else { return };
    let [_, kind, seq_high, seq_low, rest @ ..] = header;
    *kind = payload_type & 0x7F | u8::from(stamp.marker) << 7;
    [*seq_high, *seq_low] = stamp.sequence.to_be_bytes();
    let words = u64::from(stamp.timestamp) << 32 | u64::from(stamp.ssrc);
    *rest = words.to_be_bytes();
}

/// Makes a header without CSRCs, extension or padding.
#[must_use]
pub fn header(stamp: Stamp, payload_type: u8) -> [u8; HEADER] {
    let mut header = [0; HEADER];
    header[0] = 0x80;
    rewrite(&mut header, stamp, payload_type);
    header
}

/// A stream towards one far end, continuous through every change of who speaks on it.
#[derive(Clone, Debug)]
pub struct Outgoing {
    ssrc: u32,
    sequence: u16,
    timestamp: u32,
    /// When `timestamp` was the time; `None` before the first packet.
    at: Option<Mono>,
    source: Option<Source>,
}

/// The far source that is relayed onto the stream at present.
#[derive(Clone, Copy, Debug)]
struct Source {
    ssrc: u32,
    sequence: u16,
    timestamp: u32,
    sequence_shift: u16,
    timestamp_shift: u32,
    /// How far back a late packet may reach without touching what was sent before this source.
    reach: i16,
}

impl Source {
    /// Gives a packet's distance from the newest one, if it can belong to the same run.
    fn distance(&self, header: &Header, elapsed: u32) -> Option<i16> {
        let steps = header.sequence.wrapping_sub(self.sequence).cast_signed();
        let samples = header.timestamp.wrapping_sub(self.timestamp).cast_signed();
        let latest = CLOCK_JUMP.saturating_add_unsigned(elapsed);
        let same = header.ssrc == self.ssrc
            && (-LATE_MAX..=AHEAD_MAX).contains(&steps)
            && (-CLOCK_JUMP..=latest).contains(&samples);
        same.then_some(steps)
    }
}

impl Outgoing {
    /// Starts a stream; all three numbers should be random (RFC 3550 §5.1).
    #[must_use]
    pub const fn new(ssrc: u32, sequence: u16, timestamp: u32) -> Self {
        Self { ssrc, sequence, timestamp, at: None, source: None }
    }

    /// Gives the stream's SSRC.
    #[must_use]
    pub const fn ssrc(&self) -> u32 {
        self.ssrc
    }

    /// Gives the timestamp that belongs to a moment, for sender reports.
    #[must_use]
    pub fn timestamp_at(&self, now: Mono) -> u32 {
        self.timestamp.wrapping_add(self.elapsed(now))
    }

    /// Stamps a 20 ms packet of our own (prompt, silence).
    pub fn own(&mut self, now: Mono) -> Stamp {
        let steady = self.source.is_none() && self.at.is_some_and(|at| now.since(at) < SPURT_GAP);
        if steady {
            self.timestamp = self.timestamp.wrapping_add(FRAME);
            self.at = Some(now);
        } else {
            self.turn(now);
        }
        self.stamp(!steady)
    }

    /// Stamps a packet of a telephone event; all packets of one event share its beginning's
    /// timestamp (RFC 4733 §2.2.2).
    pub fn event(&mut self, begins: bool, now: Mono) -> Stamp {
        if begins {
            self.turn(now);
        }
        self.stamp(begins)
    }

    /// Stamps a packet relayed from a far source; `None` for one that is doubled, or from
    /// before the source was relayed.
    pub fn relay(&mut self, header: &Header, now: Mono) -> Option<Stamp> {
        let elapsed = self.elapsed(now);
        let known = self
            .source
            .as_mut()
            .and_then(|source| source.distance(header, elapsed).map(|steps| (source, steps)));
        let Some((source, steps)) = known else {
            return Some(self.join(header, now));
        };
        if steps == 0 || -steps > source.reach {
            return None;
        }
        let sequence = header.sequence.wrapping_add(source.sequence_shift);
        let timestamp = header.timestamp.wrapping_add(source.timestamp_shift);
        if steps > 0 {
            source.sequence = header.sequence;
            source.timestamp = header.timestamp;
            source.reach = source.reach.saturating_add(steps).min(LATE_MAX);
            self.sequence = sequence;
            // The packets of one event share the timestamp of its beginning.
            if timestamp != self.timestamp {
                self.timestamp = timestamp;
                self.at = Some(now);
            }
        }
        Some(Stamp { marker: header.marker, sequence, timestamp, ssrc: self.ssrc })
    }

    /// Leaves out a packet of the relayed source without leaving a hole in the numbers.
    pub fn leave_out(&mut self, header: &Header) {
        let Some(source) = &mut self.source else { return };
        let steps = header.sequence.wrapping_sub(source.sequence).cast_signed();
        if header.ssrc == source.ssrc && (1..=AHEAD_MAX).contains(&steps) {
            source.sequence = header.sequence;
            source.sequence_shift = source.sequence_shift.wrapping_sub(1);
            source.reach = 0;
        }
    }

    /// Forgets the relayed source: while the far end does not listen, nothing goes on.
    pub const fn pause(&mut self) {
        self.source = None;
    }

    /// Begins to relay a source where the stream stands.
    fn join(&mut self, header: &Header, now: Mono) -> Stamp {
        self.turn(now);
        let stamp = self.stamp(true);
        self.source = Some(Source {
            ssrc: header.ssrc,
            sequence: header.sequence,
            timestamp: header.timestamp,
            sequence_shift: stamp.sequence.wrapping_sub(header.sequence),
            timestamp_shift: stamp.timestamp.wrapping_sub(header.timestamp),
            reach: 0,
        });
        stamp
    }

    /// Moves the clock on to a new speaker: by the time passed, but never into the last packet.
    fn turn(&mut self, now: Mono) {
        if self.at.is_some() {
            self.timestamp = self.timestamp.wrapping_add(self.elapsed(now).max(FRAME));
        }
        self.at = Some(now);
        self.source = None;
    }

    fn stamp(&mut self, marker: bool) -> Stamp {
        self.sequence = self.sequence.wrapping_add(1);
        Stamp { marker, sequence: self.sequence, timestamp: self.timestamp, ssrc: self.ssrc }
    }

    /// Gives the samples since the newest timestamp; the clock wraps as RTP's does.
    fn elapsed(&self, now: Mono) -> u32 {
        self.at.map_or(0, |at| samples(now.since(at)))
    }
}

/// Gives a span in samples at 8,000 Hz, wrapping as RTP's clock does.
#[must_use]
#[expect(clippy::cast_possible_truncation, reason = "RTP's clock is the lower 32 bits")]
pub const fn samples(span: Span) -> u32 {
    (span.as_micros() / 125) as u32
}
