//! The mark: twenty bytes at the head of a payload that say who speaks.
//!
//! Both ends of a test call send audio that carries the mark, so that each knows whom it hears and
//! from which packet on, through any relay that passes G.711 untouched. The twenty bytes are
//! near-silent G.711 samples, four bits in each: a word, the speaker, a count and a checksum.

use crate::wire::sdp::Codec;

/// The mark's length in bytes: the first 2.5 ms of a 20 ms packet.
pub(crate) const LEN: usize = 20;

const WORD: u128 = 0xCAD2;
const SPEAKER_BITS: u32 = 32;
const COUNT_BITS: u32 = 24;
const CHECK_BITS: u32 = 8;

/// Whose audio a packet is, and which packet of his.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    /// Who speaks.
    pub(crate) speaker: Speaker,
    /// Which packet it is, modulo 2^24.
    pub(crate) count: u32,
}

/// One end of a call that marks its audio.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Speaker {
    /// The called person of the carrier's nth call, below 2^31.
    Callee(u32),
    /// The nth simulated agent's phone, below 2^31.
    Agent(u32),
}

const AGENT: u32 = 1 << 31;

impl Speaker {
    const fn bits(self) -> u32 {
        match self {
            Self::Callee(nth) => nth & !AGENT,
            Self::Agent(nth) => nth | AGENT,
        }
    }

    /// Gives the synchronisation source of the speaker's stream: Fibonacci hashing spreads the
    /// small numbers and keeps them apart.
    pub(crate) const fn source(self) -> u32 {
        self.bits().wrapping_mul(0x9E37_79B1)
    }

    const fn of(bits: u32) -> Self {
        if bits & AGENT == 0 { Self::Callee(bits) } else { Self::Agent(bits & !AGENT) }
    }
}

/// The codewords nearest to silence that differ in four bits (ITU-T G.711 tables 1a and 2a): the
/// first sixteen positive steps, at most 120 of 8,159 in µ-law and 31 of 4,096 in A-law.
const fn quiet(codec: Codec) -> u8 {
    match codec {
        Codec::Pcmu => 0xF0,
        Codec::Pcma => 0xD0,
    }
}

impl Mark {
    /// Writes the mark over the head of a payload; one too short for it stays as it is.
    pub(crate) fn write(self, codec: Codec, payload: &mut [u8]) {
        let Some(head) = payload.get_mut(..LEN) else { return };
        let bits = self.bits();
        for (place, byte) in head.iter_mut().rev().enumerate() {
            let nibble = bits >> (4 * place) & 0xF;
            *byte = quiet(codec) | nibble.to_le_bytes()[0];
        }
    }

    /// Reads the mark at the head of a payload, if there is one.
    pub(crate) fn read(codec: Codec, payload: &[u8]) -> Option<Self> {
        let head = payload.get(..LEN)?;
        if head.iter().any(|byte| byte & 0xF0 != quiet(codec)) {
            return None;
        }
        let bits = head.iter().fold(0_u128, |bits, byte| bits << 4 | u128::from(byte & 0xF));
        let field = |shift: u32, width: u32| {
            u32::try_from(bits >> shift & ((1 << width) - 1)).unwrap_or_default()
        };
        let count = field(CHECK_BITS, COUNT_BITS);
        let mark =
            Self { speaker: Speaker::of(field(CHECK_BITS + COUNT_BITS, SPEAKER_BITS)), count };
        (mark.bits() == bits).then_some(mark)
    }

    fn bits(self) -> u128 {
        let speaker = self.speaker.bits();
        let count = self.count & ((1 << COUNT_BITS) - 1);
        let sum = speaker
            .to_be_bytes()
            .iter()
            .chain(&count.to_be_bytes())
            .fold(0x5A_u8, |sum, byte| sum.rotate_left(3) ^ byte);
        let fields = WORD << SPEAKER_BITS | u128::from(speaker);
        (fields << COUNT_BITS | u128::from(count)) << CHECK_BITS | u128::from(sum)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CODECS: [Codec; 2] = [Codec::Pcmu, Codec::Pcma];

    #[test]
    fn a_mark_survives_the_payload() {
        for codec in CODECS {
            for (speaker, count) in
                [(Speaker::Callee(0), 0), (Speaker::Agent(7), 0xFF_FFFF), (Speaker::Callee(81), 9)]
            {
                let mut payload = [0x33; 160];
                let mark = Mark { speaker, count };
                mark.write(codec, &mut payload);
                assert_eq!(Mark::read(codec, &payload), Some(mark));
                assert_eq!(payload[LEN..], [0x33; 140]);
            }
        }
    }

    #[test]
    fn silence_speech_and_damage_are_no_mark() {
        let mut marked = [0xFF; 160];
        Mark { speaker: Speaker::Agent(3), count: 12 }.write(Codec::Pcmu, &mut marked);
        let damaged = |at: usize| {
            let mut payload = marked;
            payload[at] ^= 1;
            payload
        };
        let silence = [0xFF; 160];
        assert_eq!(Mark::read(Codec::Pcmu, &silence), None);
        assert_eq!(Mark::read(Codec::Pcma, &marked), None);
        assert_eq!(Mark::read(Codec::Pcmu, &marked[..LEN - 1]), None);
        for at in 0..LEN {
            assert_eq!(Mark::read(Codec::Pcmu, &damaged(at)), None, "byte {at}");
        }
    }
}
