//! What every leg works with.

use std::time::Instant;

use rand_core::Rng;
use rand_pcg::Pcg32;
use tokio::sync::mpsc;

use super::player::Prompts;
use super::{Counters, Event};
use crate::engine::clock::Clock;
use crate::units::{Mono, Span};
use crate::wire::srtp::Refusal;

/// The mean time between reports (RFC 3550 §6.2: at least 5 s; spread by half, §6.3.5).
const REPORT_EVERY_MS: u64 = 5_000;

/// What every leg works with.
#[derive(Debug)]
pub(super) struct World {
    pub(super) clock: Clock,
    pub(super) now: Mono,
    pub(super) events: mpsc::Sender<Event>,
    pub(super) counters: Counters,
    pub(super) prompts: Prompts,
    pub(super) random: Pcg32,
    pub(super) silent_after: Span,
    /// Where reports are written before they go.
    pub(super) report: Vec<u8>,
}

impl World {
    /// Tells the engine, or counts that it could not be told.
    pub(super) fn tell(&mut self, event: Event) {
        if self.events.try_send(event).is_err() {
            self.counters.events_lost += 1;
        }
    }

    /// Gives the present as a browser's machine wants it.
    pub(super) fn instant(&self) -> Instant {
        self.clock.instant(self.now).into_std()
    }

    /// Cuts a protected packet to its opened length, or counts why it was not opened.
    pub(super) fn opened<'p>(
        &mut self,
        packet: &'p [u8],
        opened: Result<usize, Refusal>,
    ) -> Option<&'p [u8]> {
        match opened {
            Ok(length) => return packet.get(..length),
            Err(Refusal::Replayed) => self.counters.replayed += 1,
            Err(Refusal::Malformed) => self.counters.malformed += 1,
            Err(
                Refusal::Forged
                | Refusal::Cleartext
                | Refusal::TooManySources
                | Refusal::NoRoom
                | Refusal::Spent,
            ) => self.counters.forged += 1,
        }
        None
    }

    /// Draws when the next report of a leg is due.
    pub(super) fn report_due(&mut self) -> Mono {
        let spread = u64::from(self.random.next_u32()) % REPORT_EVERY_MS;
        self.now + Span::millis(REPORT_EVERY_MS / 2 + spread)
    }
}
