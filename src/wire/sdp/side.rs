//! One side of a session: what it has said so far, and under which keys it sends.

#[cfg(test)]
mod tests;

use std::net::SocketAddr;

use super::crypto::Line;
use super::writer::Audio;
use super::{
    Codec, Direction, EVENTS, Entropy, Keys, Local, Origin, Remote, SdpError, Session, Srtp,
    read_for, writer,
};
use crate::wire::srtp::Key;

/// What our side of a session takes and offers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    /// Whether the audio is protected.
    pub srtp: Srtp,
    /// The codecs, the preferred one first: of our offers, and of our answers whatever the offerer
    /// prefers. Empty means both, by A-law in our offers and the offerer's order in our answers
    /// (RFC 3264 §6.1 recommends the latter and demands neither).
    pub codecs: Vec<Codec>,
}

impl From<Srtp> for Terms {
    fn from(srtp: Srtp) -> Self {
        Self { srtp, ..Self::default() }
    }
}

impl Terms {
    /// Leaves what we take of a description's codecs, in its order.
    fn limit(&self, session: &mut Session) -> Result<(), SdpError> {
        if !self.codecs.is_empty() {
            session.codecs.retain(|codec| self.codecs.contains(codec));
        }
        if session.codecs.is_empty() { Err(SdpError::NoCodec) } else { Ok(()) }
    }
}

/// Our side of one dialog's session descriptions.
///
/// A key of ours goes on where the far end offers its own key and address unchanged. Whatever else
/// is said gets a new one (RFC 4568 §7.1.4), because a new far end would not know how often our
/// sequence numbers rolled over.
#[derive(Clone, Debug)]
pub struct Side {
    local: Local,
    origin: Origin,
    terms: Terms,
    /// The keys of our latest description: an answer too may be sent again as an offer.
    offered: Vec<Line>,
    /// What both sides agreed on last, and where the far end was then.
    agreed: Option<(Keys, SocketAddr)>,
}

impl Side {
    /// Makes a side on which nothing was said yet.
    #[must_use]
    pub fn new(local: Local, origin: Origin, terms: impl Into<Terms>) -> Self {
        Self { local, origin, terms: terms.into(), offered: Vec::new(), agreed: None }
    }

    /// Writes our next offer, with a new key for every suite: whoever answers it need not be who
    /// answered the last one.
    pub fn offer(&mut self, direction: Direction, entropy: Entropy) -> Vec<u8> {
        self.offered.clear();
        if self.terms.srtp != Srtp::Off {
            self.offered.extend((1..).zip(entropy.keys()).map(|(tag, key)| Line { tag, key }));
        }
        let srtp = self.terms.srtp;
        let profile = if srtp == Srtp::Mandatory { "RTP/SAVP" } else { "RTP/AVP" };
        let origin = self.next_origin();
        let codecs = match &*self.terms.codecs {
            [] => writer::USUAL,
            codecs => codecs,
        };
        let crypto = &self.offered;
        let audio = Audio { profile, codecs, dtmf: Some(EVENTS), direction, crypto };
        writer::offer(self.local, origin, &audio)
    }

    /// Reads the answer to our latest offer.
    ///
    /// # Errors
    /// The answer has no audio stream that can be used, or is not protected as it must be; see
    /// [`SdpError`].
    pub fn agree(&mut self, answer: &[u8]) -> Result<Remote, SdpError> {
        let mut session = read_for(answer, self.terms.srtp)?;
        self.terms.limit(&mut session)?;
        let chosen = |line: &Line| {
            let ours = self.offered.iter().find(|ours| ours.tag == line.tag)?;
            // Our own key sent back would encrypt two streams (RFC 3711 §9.1).
            let fits = ours.key.suite() == line.key.suite() && ours.key != line.key;
            fits.then_some(Keys { send: ours.key, receive: line.key })
        };
        let keys = session.crypto.iter().find_map(chosen);
        // Whoever writes a key believes that the audio is protected.
        if keys.is_none() && session.keyed && self.terms.srtp != Srtp::Off {
            return Err(SdpError::NotOffered);
        }
        Ok(self.settle(&session, keys))
    }

    /// Reads an offer and writes the answer to it: the first of its keys that can be used.
    ///
    /// # Errors
    /// The offer has no audio stream that can be used, or none that is protected as it must be;
    /// see [`SdpError`]. SIP says 488 then, and what was agreed before stays.
    pub fn answer(
        &mut self,
        offer: &[u8],
        entropy: Entropy,
    ) -> Result<(Vec<u8>, Remote), SdpError> {
        let mut session = read_for(offer, self.terms.srtp)?;
        self.terms.limit(&mut session)?;
        let ours = |codec: &Codec| self.terms.codecs.iter().position(|ours| ours == codec);
        session.codecs.sort_by_key(ours);
        let theirs = session.crypto.first().copied();
        let ours = theirs.and_then(|theirs| {
            let used = self.key_in_use(&session, theirs.key);
            let fresh = || entropy.keys().into_iter().find(|key| key.suite() == theirs.key.suite());
            Some(Line { key: used.or_else(fresh)?, ..theirs })
        });
        let keys =
            ours.zip(theirs).map(|(ours, theirs)| Keys { send: ours.key, receive: theirs.key });
        let remote = self.settle(&session, keys);
        self.offered.clear();
        self.offered.extend(ours);
        let origin = self.next_origin();
        Ok((session.answer(self.local, origin, ours), remote))
    }

    /// Gives the key we send under, if nothing about the far end has changed.
    fn key_in_use(&self, session: &Session, theirs: Key) -> Option<Key> {
        let (keys, address) = self.agreed?;
        (keys.receive == theirs && address == session.rtp).then_some(keys.send)
    }

    fn settle(&mut self, session: &Session, keys: Option<Keys>) -> Remote {
        self.agreed = keys.map(|keys| (keys, session.rtp));
        Remote { keys, ..session.remote() }
    }

    const fn next_origin(&mut self) -> Origin {
        let origin = self.origin;
        self.origin = origin.next();
        origin
    }
}
