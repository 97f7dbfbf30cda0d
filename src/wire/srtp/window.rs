//! Which packet this is, of all that a key protects, and whether it came before.

/// Half of the sequence numbers.
const HALF: u64 = 1 << 15;

/// RTP's packet index has 48 bits (RFC 3711 §3.3.1).
const INDEX_END: u64 = 1 << 48;

/// Remembers the newest 128 packets of a stream: RFC 3711 §3.3.2 asks for 64 at least, and 128
/// are 2.5 s of audio, longer than any jitter buffer waits.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Window {
    newest: Option<u64>,
    /// Bit n stands for the packet n before the newest.
    seen: u128,
}

impl Window {
    /// Completes a sequence number to the index it most likely belongs to (RFC 3711 §3.3.1 and
    /// appendix A); `None` if that is before the first or beyond the last there can be.
    pub(super) fn complete(&self, sequence: u16) -> Option<u64> {
        let sequence = u64::from(sequence);
        let Some(newest) = self.newest else { return Some(sequence) };
        let (rollovers, last) = (newest >> 16, newest & 0xFFFF);
        let rollovers = if last < HALF && sequence > last + HALF {
            rollovers.checked_sub(1)?
        } else if last >= HALF && sequence + HALF < last {
            rollovers + 1
        } else {
            rollovers
        };
        Some(rollovers << 16 | sequence).filter(|index| *index < INDEX_END)
    }

    /// Tells whether no packet was noted yet.
    pub(super) const fn is_empty(&self) -> bool {
        self.newest.is_none()
    }

    /// Tells whether a packet did not come before, as far as is remembered.
    pub(super) fn is_new(&self, index: u64) -> bool {
        match self.newest {
            Some(newest) if index <= newest => {
                u32::try_from(newest - index).is_ok_and(|back| self.is_missing(back))
            }
            Some(_) | None => true,
        }
    }

    fn is_missing(&self, back: u32) -> bool {
        1u128.checked_shl(back).is_some_and(|bit| self.seen & bit == 0)
    }

    /// Notes a packet that is new and authentic.
    pub(super) fn note(&mut self, index: u64) {
        let newest = self.newest.unwrap_or(index);
        if index < newest {
            let back = u32::try_from(newest - index).unwrap_or(u32::MAX);
            self.seen |= 1u128.checked_shl(back).unwrap_or(0);
            return;
        }
        let ahead = u32::try_from(index - newest).unwrap_or(u32::MAX);
        self.seen = self.seen.checked_shl(ahead).unwrap_or(0) | 1;
        self.newest = Some(index);
    }
}
