//! What one side remembers about one direction (RFC 3711 §3.2).

use std::fmt;

use super::transform::{Parts, Protocol, REPORT_HEAD, Transform};
use super::window::Window;
use super::{Key, Refusal};

/// The index of SRTCP with its E bit, in bytes (RFC 3711 §3.4).
pub(super) const INDEX_WORD: usize = 4;

/// The E bit: the report is encrypted (RFC 3711 §3.4).
const ENCRYPTED: u32 = 1 << 31;

/// Sources remembered under one key. A phone changes its source when it is held or transferred,
/// a few times in a shift; to forget one would let its packets be replayed.
const SOURCES_MAX: usize = 64;

/// Where the rollover counter begins to matter: a stream may have begun just below the first
/// rollover, and its packets from before it may be lost (RFC 3711 §3.3.1).
const ROLLOVER: u64 = 1 << 16;

/// Protects what one source of ours sends.
pub struct Outbound {
    key: Key,
    rtp: Transform,
    rtcp: Transform,
    sent: Window,
    /// Reports sent.
    reports: u32,
}

impl Outbound {
    /// Begins to send under a key. No two contexts may ever send under the same one: their
    /// packets would share a keystream.
    #[must_use]
    pub fn new(key: Key) -> Self {
        Self {
            key,
            rtp: Transform::derive(&key, Protocol::Rtp),
            rtcp: Transform::derive(&key, Protocol::Rtcp),
            sent: Window::default(),
            reports: 0,
        }
    }

    /// Gives the key.
    #[must_use]
    pub const fn key(&self) -> &Key {
        &self.key
    }

    /// Protects the RTP packet in the first bytes of a buffer; gives its new length.
    ///
    /// # Errors
    /// It is no RTP packet, was sent before, or has no room for its tag; see [`Refusal`].
    pub fn protect(&mut self, buffer: &mut [u8], length: usize) -> Result<usize, Refusal> {
        let room = buffer.get_mut(..length + self.rtp.tag).ok_or(Refusal::NoRoom)?;
        let (packet, tag) = room.split_at_mut(length);
        let header = Header::read(packet)?;
        let index = self.sent.complete(header.sequence).ok_or(Refusal::Spent)?;
        if !self.sent.is_new(index) {
            return Err(Refusal::Replayed);
        }
        let (head, body) = packet.split_at_mut(header.length);
        let word = rollovers(index);
        self.rtp.seal(Parts { ssrc: header.ssrc, index, head, body, word }, tag);
        self.sent.note(index);
        Ok(length + self.rtp.tag)
    }

    /// Protects the compound RTCP packet in the first bytes of a buffer; gives its new length.
    ///
    /// # Errors
    /// It is no RTCP packet or has no room for its trailer; see [`Refusal`].
    pub fn protect_report(&mut self, buffer: &mut [u8], length: usize) -> Result<usize, Refusal> {
        let whole = length + self.rtcp.tag + INDEX_WORD;
        let room = buffer.get_mut(..whole).ok_or(Refusal::NoRoom)?;
        let (packet, trailer) = room.split_at_mut(length);
        let ssrc = report_source(packet).ok_or(Refusal::Malformed)?;
        let index = self.reports;
        if index >= ENCRYPTED {
            return Err(Refusal::Spent);
        }
        let before = self.rtcp.tags_before_the_index();
        let (first, last) = trailer.split_at_mut(if before { self.rtcp.tag } else { INDEX_WORD });
        let (tag, place) = if before { (first, last) } else { (last, first) };
        let word = (ENCRYPTED | index).to_be_bytes();
        place.copy_from_slice(&word);
        let (head, body) = packet.split_at_mut(REPORT_HEAD);
        self.rtcp.seal(Parts { ssrc, index: u64::from(index), head, body, word }, tag);
        self.reports = index + 1;
        Ok(whole)
    }
}

impl fmt::Debug for Outbound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outbound").field("key", &self.key).finish_non_exhaustive()
    }
}

/// Opens what the far end sends under one key.
pub struct Inbound {
    key: Key,
    rtp: Transform,
    rtcp: Transform,
    sources: Vec<Source>,
}

/// What came from one source.
#[derive(Clone, Copy, Debug, Default)]
struct Source {
    ssrc: u32,
    rtp: Window,
    rtcp: Window,
}

impl Inbound {
    /// Begins to listen under a key.
    #[must_use]
    pub fn new(key: Key) -> Self {
        Self {
            key,
            rtp: Transform::derive(&key, Protocol::Rtp),
            rtcp: Transform::derive(&key, Protocol::Rtcp),
            sources: Vec::new(),
        }
    }

    /// Gives the key.
    #[must_use]
    pub const fn key(&self) -> &Key {
        &self.key
    }

    /// Opens an RTP packet where it lies; gives its new length.
    ///
    /// # Errors
    /// It is not authentic, came before, or is none; see [`Refusal`]. Nothing is remembered then.
    pub fn open(&mut self, packet: &mut [u8]) -> Result<usize, Refusal> {
        let header = Header::read(packet)?;
        let length = packet.len().checked_sub(self.rtp.tag).ok_or(Refusal::Malformed)?;
        let (head, rest) = packet.split_at_mut(header.length);
        let (body, tag) = length
            .checked_sub(header.length)
            .and_then(|middle| rest.split_at_mut_checked(middle))
            .ok_or(Refusal::Malformed)?;
        let mut source = self.source(header.ssrc);
        let index = source.rtp.complete(header.sequence).ok_or(Refusal::Forged)?;
        if !source.rtp.is_new(index) {
            return Err(Refusal::Replayed);
        }
        let early = source.rtp.is_empty() && index < ROLLOVER / 2;
        let authentic = [Some(index), early.then_some(index + ROLLOVER)];
        let authentic = authentic.into_iter().flatten().find(|index| {
            let (index, word) = (*index, rollovers(*index));
            self.rtp.open(Parts { ssrc: header.ssrc, index, head, body, word }, tag)
        });
        source.rtp.note(authentic.ok_or(Refusal::Forged)?);
        self.remember(source)?;
        Ok(length)
    }

    /// Opens a compound RTCP packet where it lies; gives its new length.
    ///
    /// # Errors
    /// It is not authentic, not encrypted, came before, or is none; see [`Refusal`].
    pub fn open_report(&mut self, packet: &mut [u8]) -> Result<usize, Refusal> {
        let ssrc = report_source(packet).ok_or(Refusal::Malformed)?;
        let trailer = self.rtcp.tag + INDEX_WORD;
        let length = packet.len().checked_sub(trailer).ok_or(Refusal::Malformed)?;
        let (head, rest) = packet.split_at_mut(REPORT_HEAD);
        let (body, trailer) = length
            .checked_sub(REPORT_HEAD)
            .and_then(|middle| rest.split_at_mut_checked(middle))
            .ok_or(Refusal::Malformed)?;
        let before = self.rtcp.tags_before_the_index();
        let (first, last) = trailer.split_at(if before { self.rtcp.tag } else { INDEX_WORD });
        let (tag, word) = if before { (first, last) } else { (last, first) };
        let word = *word.first_chunk().ok_or(Refusal::Malformed)?;
        let number = u32::from_be_bytes(word);
        let index = u64::from(number & !ENCRYPTED);
        let mut source = self.source(ssrc);
        if number & ENCRYPTED == 0 {
            return Err(Refusal::Cleartext);
        }
        if !source.rtcp.is_new(index) {
            return Err(Refusal::Replayed);
        }
        if !self.rtcp.open(Parts { ssrc, index, head, body, word }, tag) {
            return Err(Refusal::Forged);
        }
        source.rtcp.note(index);
        self.remember(source)?;
        Ok(length)
    }

    /// Gives what is remembered about a source.
    fn source(&self, ssrc: u32) -> Source {
        let known = self.sources.iter().copied().find(|source| source.ssrc == ssrc);
        known.unwrap_or_else(|| Source { ssrc, ..Source::default() })
    }

    /// Remembers an authentic packet of a source.
    fn remember(&mut self, source: Source) -> Result<(), Refusal> {
        let known = self.sources.iter_mut().find(|known| known.ssrc == source.ssrc);
        if let Some(known) = known {
            *known = source;
        } else if self.sources.len() < SOURCES_MAX {
            self.sources.push(source);
        } else {
            return Err(Refusal::TooManySources);
        }
        Ok(())
    }
}

impl fmt::Debug for Inbound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inbound").field("key", &self.key).finish_non_exhaustive()
    }
}

/// Gives the rollover counter as it is authenticated.
fn rollovers(index: u64) -> [u8; 4] {
    let [_, _, a, b, c, d, _, _] = index.to_be_bytes();
    [a, b, c, d]
}

/// What the readable part of an RTP packet says.
#[derive(Clone, Copy, Debug)]
struct Header {
    sequence: u16,
    ssrc: u32,
    /// With contributing sources and extension (RFC 3550 §5.1, §5.3.1).
    length: usize,
}

impl Header {
    fn read(packet: &[u8]) -> Result<Self, Refusal> {
        let [flags, _, high, low, _, _, _, _, ssrc @ ..] =
            *packet.first_chunk::<12>().ok_or(Refusal::Malformed)?;
        let mut length = 12 + 4 * usize::from(flags & 0x0F);
        if flags & 0x10 != 0 {
            let extension = packet.get(length..).and_then(<[u8]>::first_chunk::<4>);
            let [_, _, high, low] = *extension.ok_or(Refusal::Malformed)?;
            length += 4 + 4 * usize::from(u16::from_be_bytes([high, low]));
        }
        if flags >> 6 != 2 || length > packet.len() {
            return Err(Refusal::Malformed);
        }
        let sequence = u16::from_be_bytes([high, low]);
        Ok(Self { sequence, ssrc: u32::from_be_bytes(ssrc), length })
    }
}

/// Gives the source of a compound RTCP packet.
fn report_source(packet: &[u8]) -> Option<u32> {
    let [flags, _, _, _, ssrc @ ..] = *packet.first_chunk::<REPORT_HEAD>()?;
    (flags >> 6 == 2).then(|| u32::from_be_bytes(ssrc))
}
