//! What signalling and media carry at this moment, and what they have counted.

use crate::media::MediaHandle;
use crate::sip::{SipError, SipHandle};

pub use crate::media::Counters as AudioCounters;
pub use crate::sip::Counters as SipCounters;

/// What signalling and media hold; without calls and agents all of it is gone after a minute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// Legs that have not ended: calls, and agents' own.
    pub legs: u64,
    /// SIP transactions that are under way or linger to recognise repetitions (32 s at most).
    pub transactions: u64,
    /// Legs that have their two RTP ports.
    pub audio: u64,
}

/// Reads both. The signalling does not end while there is one.
#[derive(Clone, Debug)]
pub struct Gauge {
    sip: SipHandle,
    media: MediaHandle,
}

impl Gauge {
    pub(crate) const fn new(sip: SipHandle, media: MediaHandle) -> Self {
        Self { sip, media }
    }

    /// Asks for the load.
    ///
    /// # Errors
    /// The signalling is too busy, or has ended.
    pub async fn read(&self) -> Result<Load, SipError> {
        let figures = self.sip.figures().await?;
        let count = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        Ok(Load {
            legs: count(figures.legs),
            transactions: count(figures.transactions),
            audio: self.media.counters().legs,
        })
    }

    /// Asks what the signalling and the media counted since the engine started.
    ///
    /// # Errors
    /// The signalling is too busy, or has ended.
    pub async fn counters(&self) -> Result<(SipCounters, AudioCounters), SipError> {
        Ok((self.sip.figures().await?.counters, self.media.counters()))
    }
}
