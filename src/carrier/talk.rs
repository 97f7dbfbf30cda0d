//! One call's audio as its session descriptions agree on it.

use std::io;

use super::audio::{Audio, Stream};
use super::ear::Heard;
use super::mark::Speaker;
use super::voice::Voice;
use crate::units::LegId;
use crate::wire::sdp::{self, Direction, Local, Origin, Remote, SdpError};
use crate::wire::sip::Sdp;

/// One end of a test call: it listens from the start and speaks once both sides agree.
#[derive(Debug)]
pub(super) struct Talk {
    stream: Stream,
    local: Local,
    origin: Origin,
    remote: Option<Remote>,
    words: Option<(Voice, Speaker)>,
}

impl Talk {
    /// Opens a port for a leg's audio.
    pub(super) fn open(audio: &Audio, leg: LegId) -> io::Result<Self> {
        let stream = audio.open(leg.0)?;
        let local = Local { rtp: stream.rtp(), rtcp: audio.rtcp()? };
        Ok(Self {
            stream,
            local,
            origin: Origin::new(leg.0 & (u64::MAX >> 1)),
            remote: None,
            words: None,
        })
    }

    /// Answers an offer, the first or a later one.
    pub(super) fn answer(&mut self, offer: &[u8]) -> Result<Sdp, SdpError> {
        let (answer, remote) = sdp::answer(offer, self.local, self.origin)?;
        self.origin = self.origin.next();
        self.aim(remote);
        Ok(answer)
    }

    /// Makes an offer, for a far end that asks for one.
    pub(super) fn offer(&mut self) -> Sdp {
        let offer = sdp::offer(self.local, self.origin, Direction::SendRecv);
        self.origin = self.origin.next();
        offer
    }

    /// Takes the answer to an offer of ours.
    pub(super) fn agree(&mut self, answer: &[u8]) -> Result<(), SdpError> {
        sdp::accept_answer(answer).map(|remote| self.aim(remote))
    }

    /// Begins to say something, as soon as it is known to whom.
    pub(super) fn say(&mut self, voice: &Voice, speaker: Speaker) {
        self.words = Some((voice.clone(), speaker));
        self.speak();
    }

    /// Gives what was heard so far.
    pub(super) fn heard(&self) -> Heard {
        self.stream.heard()
    }

    fn aim(&mut self, remote: Remote) {
        self.remote = Some(remote);
        self.speak();
    }

    fn speak(&self) {
        let (Some(remote), Some((voice, speaker))) = (self.remote, &self.words) else { return };
        if let Err(error) = self.stream.play(remote, voice, *speaker) {
            tracing::warn!(%error, "one end of a test call stays silent");
        }
    }
}
