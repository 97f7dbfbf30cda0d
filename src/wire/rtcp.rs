//! RTCP (RFC 3550 §6).
//!
//! [`Reception`] keeps a receiver's books (§A.1, §A.3, §A.8), [`Report`] writes what both sides
//! are told every few seconds, [`read`] takes what the far end tells.

#[cfg(test)]
mod tests;

use crate::units::{Mono, Ratio, Wall};
use crate::wire::rtp::{AHEAD_MAX, Header, LATE_MAX, samples};

const SENDER_REPORT: u8 = 200;
const RECEIVER_REPORT: u8 = 201;
const SOURCE_DESCRIPTION: u8 = 202;
const GOODBYE: u8 = 203;

/// The length of a report block in bytes (RFC 3550 §6.4.1).
const BLOCK: usize = 24;

/// Seconds from NTP's epoch, 1900, to Unix's, 1970 (RFC 5905 §6).
const NTP_UNIX: u64 = 2_208_988_800;

/// A round trip beyond one minute is a broken clock, in units of 1/65,536 s.
const ROUND_TRIP_MAX: u32 = 60 << 16;

/// A leap of one second in transit is a restarted clock and no jitter, in samples.
const TRANSIT_LEAP: u32 = 8_000;

/// Why a datagram is not taken as RTCP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an RTCP packet: wrong version, or lengths that do not add up")]
pub struct NotRtcp;

/// What a receiver knows about the stream that comes to it.
#[derive(Clone, Debug, Default)]
pub struct Reception {
    source: Option<Source>,
    /// Of sources before the present one.
    past_received: u64,
    past_lost: u64,
    jitter_16: u32,
}

#[derive(Clone, Copy, Debug)]
struct Source {
    ssrc: u32,
    /// The first and the highest sequence number with the wraps counted above 16 bits.
    first: u32,
    highest: u32,
    received: u32,
    transit: Option<u32>,
    /// At the report before.
    expected_told: u32,
    received_told: u32,
}

impl Source {
    fn new(header: &Header) -> Self {
        let first = u32::from(header.sequence);
        Self {
            ssrc: header.ssrc,
            first,
            highest: first,
            received: 0,
            transit: None,
            expected_told: 0,
            received_told: 0,
        }
    }

    fn expected(&self) -> u32 {
        self.highest.wrapping_sub(self.first).wrapping_add(1)
    }

    fn lost(&self) -> u64 {
        u64::from(self.expected().saturating_sub(self.received))
    }
}

impl Reception {
    /// Takes a packet of the stream; `audio` packets count for the jitter, events do not, because
    /// they share one timestamp.
    pub fn hear(&mut self, header: &Header, audio: bool, now: Mono) {
        let steps = |source: &Source| {
            let [_, _, high, low] = source.highest.to_be_bytes();
            header.sequence.wrapping_sub(u16::from_be_bytes([high, low])).cast_signed()
        };
        let runs_on = |source: &Source| {
            source.ssrc == header.ssrc && (-LATE_MAX..=AHEAD_MAX).contains(&steps(source))
        };
        if self.source.as_ref().is_none_or(|source| !runs_on(source)) {
            self.past_received = self.received();
            self.past_lost = self.lost();
            self.source = Some(Source::new(header));
        }
        let Some(source) = &mut self.source else { return };
        source.highest =
            source.highest.wrapping_add(u32::from(steps(source).max(0).unsigned_abs()));
        source.received = source.received.wrapping_add(1);
        if audio {
            let transit = samples(now.since(Mono::START)).wrapping_sub(header.timestamp);
            let change = source.transit.map(|last| transit.wrapping_sub(last).cast_signed());
            source.transit = Some(transit);
            self.jitter(change.map_or(0, i32::unsigned_abs));
        }
    }

    /// Smooths the jitter by one change of transit, in sixteenths of a sample (RFC 3550 §A.8).
    fn jitter(&mut self, change: u32) {
        if change < TRANSIT_LEAP {
            self.jitter_16 = self.jitter_16 + change - ((self.jitter_16 + 8) >> 4);
        }
    }

    /// Gives the packets received, doubled ones included.
    #[must_use]
    pub fn received(&self) -> u64 {
        self.past_received + self.source.map_or(0, |source| u64::from(source.received))
    }

    /// Gives the packets expected but not received (RFC 3550 §A.3).
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.past_lost + self.source.as_ref().map_or(0, Source::lost)
    }

    /// Gives the share of the packets that were lost.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "2^53 packets are 5 million years of a call")]
    pub fn loss(&self) -> Ratio {
        let (lost, received) = (self.lost() as f64, self.received() as f64);
        if lost > 0.0 { Ratio::new(lost / (lost + received)) } else { Ratio::default() }
    }

    /// Gives the interarrival jitter in milliseconds.
    #[must_use]
    pub fn jitter_ms(&self) -> f64 {
        f64::from(self.jitter_16) / 16.0 / 8.0
    }

    /// Makes the block that tells the far end how its stream arrives, and starts the next
    /// interval; `None` while nothing came. The sender's report times are the caller's.
    pub fn block(&mut self) -> Option<Block> {
        let source = self.source.as_mut()?;
        let expected = source.expected().wrapping_sub(source.expected_told);
        let received = source.received.wrapping_sub(source.received_told);
        source.expected_told = source.expected();
        source.received_told = source.received;
        let lost = u64::from(expected.saturating_sub(received));
        let fraction = (lost << 8).checked_div(u64::from(expected)).unwrap_or(0).min(255);
        Some(Block {
            ssrc: source.ssrc,
            fraction: u8::try_from(fraction).unwrap_or(u8::MAX),
            lost: u32::try_from(source.lost()).unwrap_or(u32::MAX).min(0x7F_FFFF),
            highest: source.highest,
            jitter: self.jitter_16 >> 4,
            last_report: 0,
            delay: 0,
        })
    }
}

/// How one stream arrives at one receiver (RFC 3550 §6.4.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Block {
    /// The stream told of.
    pub ssrc: u32,
    /// The share lost since the report before, in 1/256.
    pub fraction: u8,
    /// Packets lost in all, up to 8,388,607.
    pub lost: u32,
    /// The highest sequence number, wraps counted above 16 bits.
    pub highest: u32,
    /// The jitter in samples.
    pub jitter: u32,
    /// The middle 32 bits of the last sender report's NTP time, 0 for none.
    pub last_report: u32,
    /// The time since that report in 1/65,536 s.
    pub delay: u32,
}

impl Block {
    fn write(self, out: &mut Vec<u8>) {
        out.extend(self.ssrc.to_be_bytes());
        out.extend((u32::from(self.fraction) << 24 | self.lost & 0xFF_FFFF).to_be_bytes());
        for word in [self.highest, self.jitter, self.last_report, self.delay] {
            out.extend(word.to_be_bytes());
        }
    }

    fn read(bytes: &[u8; BLOCK]) -> Self {
        let word = |place| word(bytes, place).unwrap_or_default();
        let lost = word(1);
        Self {
            ssrc: word(0),
            fraction: bytes[4],
            // Signed in 24 bits: more doubled than lost packets count as none lost.
            lost: if lost & 0x80_0000 == 0 { lost & 0x7F_FFFF } else { 0 },
            highest: word(2),
            jitter: word(3),
            last_report: word(4),
            delay: word(5),
        }
    }

    /// Gives the round trip in milliseconds as this block of the far end tells it at its arrival
    /// (RFC 3550 §6.4.1, figure 2); `None` when it answers no report of ours or makes no sense.
    #[must_use]
    pub fn round_trip_ms(&self, arrival: Ntp) -> Option<f64> {
        let gone = arrival.middle().wrapping_sub(self.last_report).wrapping_sub(self.delay);
        let sane = self.last_report != 0 && gone < ROUND_TRIP_MAX;
        sane.then(|| f64::from(gone) * 1_000.0 / 65_536.0)
    }
}

/// A moment in NTP's format: seconds since 1900 in the upper half, fractions in the lower.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ntp(pub u64);

impl Ntp {
    /// Converts a wall time; moments before 1970 give the epoch.
    #[must_use]
    pub fn at(wall: Wall) -> Self {
        let micros = u64::try_from(wall.as_micros()).unwrap_or(0);
        let fraction = ((micros % 1_000_000) << 32) / 1_000_000;
        Self((micros / 1_000_000 + NTP_UNIX) << 32 | fraction)
    }

    /// Gives the middle 32 bits, in 1/65,536 s.
    #[must_use]
    pub const fn middle(self) -> u32 {
        let [_, _, a, b, c, d, _, _] = self.0.to_be_bytes();
        u32::from_be_bytes([a, b, c, d])
    }
}

/// What a sender tells of itself (RFC 3550 §6.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sender {
    /// When the report was made.
    pub ntp: Ntp,
    /// The same moment on the stream's clock.
    pub timestamp: u32,
    /// Packets sent.
    pub packets: u32,
    /// Payload bytes sent.
    pub octets: u32,
}

/// A compound packet to the far end: SR or RR, SDES with the CNAME, and BYE at the end.
#[derive(Clone, Copy, Debug)]
pub struct Report {
    /// Our SSRC.
    pub ssrc: u32,
    /// What we sent; `None` makes it a receiver report.
    pub sender: Option<Sender>,
    /// How the far end's stream arrives.
    pub block: Option<Block>,
    /// Whether this is the last.
    pub bye: bool,
}

impl Report {
    /// Writes the compound packet in place of what the buffer held.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.clear();
        let kind = if self.sender.is_some() { SENDER_REPORT } else { RECEIVER_REPORT };
        let words = 1 + self.sender.map_or(0, |_| 5) + self.block.map_or(0, |_| 6);
        head(out, u8::from(self.block.is_some()), kind, words);
        out.extend(self.ssrc.to_be_bytes());
        if let Some(sender) = self.sender {
            out.extend(sender.ntp.0.to_be_bytes());
            for word in [sender.timestamp, sender.packets, sender.octets] {
                out.extend(word.to_be_bytes());
            }
        }
        if let Some(block) = self.block {
            block.write(out);
        }
        // CNAME (item 1) of 8 characters, end of items, padding to the word (RFC 3550 §6.5): a
        // name that lives as long as the stream (RFC 7022 §4.2).
        head(out, 1, SOURCE_DESCRIPTION, 4);
        out.extend(self.ssrc.to_be_bytes());
        out.extend([1, 8]);
        let digit = |place: u32| b"0123456789abcdef"[(self.ssrc >> (28 - 4 * place) & 15) as usize];
        out.extend((0..8).map(digit));
        out.extend([0, 0]);
        if self.bye {
            head(out, 1, GOODBYE, 1);
            out.extend(self.ssrc.to_be_bytes());
        }
    }
}

/// Writes the head of one packet; `words` counts the 32-bit words after it.
fn head(out: &mut Vec<u8>, count: u8, kind: u8, words: u16) {
    out.extend([0x80 | count, kind]);
    out.extend(words.to_be_bytes());
}

/// What a compound packet of the far end says to us.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// The NTP time, middle 32 bits, of its sender report.
    pub report: Option<u32>,
    /// How our stream arrives there.
    pub block: Option<Block>,
    /// Whether it says goodbye.
    pub bye: bool,
}

/// Reads a compound packet, looking for what concerns the stream `ours`.
///
/// # Errors
/// A packet in it is not version 2 or longer than what came.
pub fn read(compound: &[u8], ours: u32) -> Result<Told, NotRtcp> {
    let mut told = Told::default();
    let mut rest = compound;
    while !rest.is_empty() {
        let [flags, kind, high, low] = *rest.first_chunk().ok_or(NotRtcp)?;
        let length = 4 * usize::from(u16::from_be_bytes([high, low]));
        let body = rest.get(4..4 + length).ok_or(NotRtcp)?;
        if flags >> 6 != 2 {
            return Err(NotRtcp);
        }
        match kind {
            SENDER_REPORT => {
                let seconds = word(body, 1).ok_or(NotRtcp)?;
                let fraction = word(body, 2).ok_or(NotRtcp)?;
                told.report = Some(Ntp(u64::from(seconds) << 32 | u64::from(fraction)).middle());
                told.block = block(body.get(24..).unwrap_or_default(), ours).or(told.block);
            }
            RECEIVER_REPORT => {
                told.block = block(body.get(4..).unwrap_or_default(), ours).or(told.block);
            }
            GOODBYE => told.bye = true,
            _ => {}
        }
        rest = rest.get(4 + length..).unwrap_or_default();
    }
    if compound.is_empty() { Err(NotRtcp) } else { Ok(told) }
}

fn block(blocks: &[u8], ours: u32) -> Option<Block> {
    blocks.as_chunks::<BLOCK>().0.iter().map(Block::read).find(|block| block.ssrc == ours)
}

fn word(bytes: &[u8], place: usize) -> Option<u32> {
    bytes.get(4 * place..)?.first_chunk().map(|word| u32::from_be_bytes(*word))
}

/// Estimates the mean opinion score of G.711 audio, 1.0 to 4.5.
///
/// ITU-T G.107 (06/2015) with its default R of 93.2 (Annex A). Loss: Ie = 0 and Bpl = 25.1 for
/// G.711 with concealment (G.113 (11/2007) Appendix I), taken as random. Delay: Id = 0.024 d +
/// 0.11 (d - 177.3) above 177.3 ms (Cole and Rosenbluth, "Voice over IP performance monitoring",
/// ACM CCR 31(2), 2001, eq. 3), where d is half the round trip, one packet of 20 ms and a jitter
/// buffer of twice the jitter. R to MOS: G.107 Annex B, whose cubic dips below 1 for R under 6.5.
#[must_use]
pub fn mean_opinion_score(loss: Ratio, jitter_ms: f64, round_trip_ms: f64) -> f64 {
    let percent = loss.get() * 100.0;
    let equipment = 95.0 * percent / (percent + 25.1);
    let delay = round_trip_ms / 2.0 + 20.0 + 2.0 * jitter_ms;
    let delayed = 0.024 * delay + 0.11 * (delay - 177.3).max(0.0);
    let rating = (93.2 - delayed - equipment).clamp(0.0, 100.0);
    (1.0 + 0.035 * rating + rating * (rating - 60.0) * (100.0 - rating) * 7e-6).max(1.0)
}
