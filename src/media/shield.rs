//! A leg's SRTP contexts, from one agreement to the next.

use crate::wire::sdp::Keys;
use crate::wire::srtp::{Inbound, Outbound, Refusal, TRAILER_MAX};

/// Keys of ours that may still be in force: an offer has one for each of four suites, and the
/// forks of a call may each choose another.
const OUTBOUND_MAX: usize = 4;

/// What protects a leg.
#[derive(Debug)]
pub(super) struct Shield {
    inbound: Inbound,
    /// The one in use last. The others are kept because a key that is taken up again must go on
    /// where it was: sent twice under one index, two packets give each other away.
    outbound: Vec<Outbound>,
}

impl Shield {
    pub(super) fn new(keys: Keys) -> Self {
        Self { inbound: Inbound::new(keys.receive), outbound: vec![Outbound::new(keys.send)] }
    }

    /// Takes another agreement; a key that stays goes on where it is.
    pub(super) fn turn(&mut self, keys: Keys) {
        if *self.inbound.key() != keys.receive {
            self.inbound = Inbound::new(keys.receive);
        }
        let known = self.outbound.iter().position(|side| *side.key() == keys.send);
        let side = match known {
            Some(place) => self.outbound.remove(place),
            None => Outbound::new(keys.send),
        };
        if self.outbound.len() == OUTBOUND_MAX {
            self.outbound.remove(0);
        }
        self.outbound.push(side);
    }

    pub(super) fn protect(&mut self, buffer: &mut [u8], length: usize) -> Result<usize, Refusal> {
        self.sender()?.protect(buffer, length)
    }

    pub(super) fn protect_report(&mut self, report: &mut Vec<u8>) -> Result<(), Refusal> {
        let length = report.len();
        report.resize(length + TRAILER_MAX, 0);
        let length = self.sender()?.protect_report(report, length)?;
        report.truncate(length);
        Ok(())
    }

    pub(super) fn open(&mut self, packet: &mut [u8]) -> Result<usize, Refusal> {
        self.inbound.open(packet)
    }

    pub(super) fn open_report(&mut self, packet: &mut [u8]) -> Result<usize, Refusal> {
        self.inbound.open_report(packet)
    }

    fn sender(&mut self) -> Result<&mut Outbound, Refusal> {
        self.outbound.last_mut().ok_or(Refusal::Spent)
    }
}
