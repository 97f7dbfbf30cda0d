//! Symmetric RTP with a lock: whose packets a leg takes, and where its own go (RFC 4961,
//! RFC 7362 §5).

use std::net::SocketAddr;

use crate::units::Span;

/// Packets in a row that a source nobody announced must send before it is believed.
const UNKNOWN_IN_A_ROW: u8 = 3;

/// How long the far end must have been quiet before another port of its host may be its new one,
/// and before another host may: a router that was restarted gives its telephones other ports, and
/// often another address. By judgement; no source gives them. A telephone that is silent by itself
/// (RFC 3389) still sends something every few seconds.
const QUIET_NEAR: Span = Span::secs(1);
const QUIET_FAR: Span = Span::secs(5);

/// Takes packets from the announced address at once, or learns the true source of a far end
/// behind address translation from the first packets; then keeps to it until the next answer.
/// A source so learnt gives way to the announced address: whoever was faster than the far end with
/// his own packets is not listened to for longer than until its first.
#[derive(Clone, Copy, Debug)]
pub(super) struct Latch {
    announced: SocketAddr,
    /// Where packets went before this answer, when it announced the same address.
    earlier: Option<SocketAddr>,
    state: State,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Learning { candidate: Option<(SocketAddr, u8)> },
    Locked(SocketAddr),
}

impl Latch {
    /// Starts to learn after an answer.
    pub(super) const fn new(announced: SocketAddr) -> Self {
        Self { announced, earlier: None, state: State::Learning { candidate: None } }
    }

    /// Learns again after another answer in the same dialog.
    pub(super) fn again(self, announced: SocketAddr) -> Self {
        let same = self.announced == announced || announced.ip().is_unspecified();
        let earlier = same.then(|| self.target());
        Self { earlier, ..Self::new(announced) }
    }

    /// Opens the lock for somebody else's packet when its holder has been quiet so long that this
    /// may be the same far end, from another address. Until that is believed ours go where they
    /// went.
    pub(super) fn doubt(&mut self, from: SocketAddr, quiet: Span) {
        let State::Locked(source) = self.state else { return };
        let near = [source.ip(), self.announced.ip()].contains(&from.ip());
        if from != source && quiet >= if near { QUIET_NEAR } else { QUIET_FAR } {
            *self = Self { earlier: Some(source), ..Self::new(self.announced) };
        }
    }

    /// Tells whether a packet from this source may be the far end's, and learns nothing.
    pub(super) fn admits(&self, from: SocketAddr) -> bool {
        match self.state {
            State::Locked(source) => source == from || self.yields(source, from),
            State::Learning { .. } => true,
        }
    }

    /// Tells whether a packet from this source is the far end's.
    pub(super) fn takes(&mut self, from: SocketAddr) -> bool {
        let candidate = match &mut self.state {
            State::Learning { candidate } => candidate,
            State::Locked(source) => {
                let source = *source;
                if self.yields(source, from) {
                    self.state = State::Locked(from);
                }
                return self.source() == Some(from);
            }
        };
        let row = match candidate {
            Some((source, row)) if *source == from => row.saturating_add(1),
            _ => 1,
        };
        *candidate = Some((from, row));
        // Another port of the announced host is a port translated on the way.
        let expected = from.ip() == self.announced.ip() || self.earlier == Some(from);
        let taken = expected || row >= UNKNOWN_IN_A_ROW;
        if taken {
            self.state = State::Locked(from);
        }
        taken
    }

    /// Tells whether a source that was learnt gives way to this one, which was announced.
    fn yields(&self, learnt: SocketAddr, from: SocketAddr) -> bool {
        let earlier = self.earlier == Some(learnt);
        from == self.announced && learnt.ip() != self.announced.ip() && !earlier
    }

    /// Gives whose packets are taken, once that is known.
    pub(super) const fn source(&self) -> Option<SocketAddr> {
        match self.state {
            State::Locked(source) => Some(source),
            State::Learning { .. } => None,
        }
    }

    /// Gives where the far end wants its packets.
    pub(super) fn target(&self) -> SocketAddr {
        match self.state {
            State::Locked(source) => source,
            State::Learning { .. } => self.earlier.unwrap_or(self.announced),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(host: u8, port: u16) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, host], port))
    }

    #[test]
    fn the_announced_address_is_taken_at_once_and_then_alone() {
        let mut latch = Latch::new(at(1, 4_000));
        assert!(latch.takes(at(1, 4_000)));
        assert!((0..10).all(|_| !latch.takes(at(2, 4_000)) && !latch.takes(at(1, 4_002))));
        assert_eq!(latch.target(), at(1, 4_000));
    }

    #[test]
    fn a_translated_source_is_believed_after_a_row_of_packets() {
        let mut latch = Latch::new(at(1, 4_000));
        assert_eq!([latch.takes(at(9, 7)), latch.takes(at(9, 7))], [false, false]);
        assert!(!latch.takes(at(8, 7)), "a stranger in between breaks the row");
        assert_eq!([(); 3].map(|()| latch.takes(at(9, 7))), [false, false, true]);
        assert_eq!(latch.target(), at(9, 7));
        assert!(!latch.takes(at(8, 7)), "locked");
    }

    #[test]
    fn who_was_faster_than_the_announced_address_loses_the_stream_to_it() {
        let mut latch = Latch::new(at(1, 4_000));
        assert_eq!([(); 3].map(|()| latch.takes(at(9, 7))), [false, false, true]);
        assert!(!latch.takes(at(1, 5_000)), "another port was not announced");
        assert!(latch.admits(at(1, 4_000)) && latch.takes(at(1, 4_000)));
        assert!((0..10).all(|_| !latch.takes(at(9, 7))));
        assert_eq!(latch.target(), at(1, 4_000));
    }

    #[test]
    fn to_ask_is_not_to_learn() {
        let mut latch = Latch::new(at(1, 4_000));
        assert!((0..10).all(|_| latch.admits(at(9, 7))));
        assert_eq!(latch.target(), at(1, 4_000));
        assert!(latch.takes(at(1, 4_000)));
        assert!(latch.admits(at(1, 4_000)) && !latch.admits(at(9, 7)));
    }

    #[test]
    fn who_comes_from_elsewhere_after_a_silence_is_heard_again() {
        let locked = || {
            let mut latch = Latch::new(at(1, 4_000));
            assert!(latch.takes(at(1, 4_000)));
            latch
        };
        for (from, quiet, opens) in [
            (at(1, 4_002), QUIET_NEAR, true),
            (at(1, 4_002), Span::millis(900), false),
            (at(2, 4_000), QUIET_NEAR, false),
            (at(2, 4_000), QUIET_FAR, true),
        ] {
            let mut latch = locked();
            let taken = (0..3).any(|_| {
                latch.doubt(from, quiet);
                latch.takes(from)
            });
            assert_eq!(taken, opens, "{from} after {quiet}");
            assert_eq!(latch.target(), if opens { from } else { at(1, 4_000) });
        }
        let mut latch = locked();
        latch.doubt(at(2, 4_000), QUIET_FAR);
        assert!(!latch.takes(at(2, 4_000)), "one packet proves nothing");
        assert_eq!(latch.target(), at(1, 4_000), "meanwhile ours go where they went");
        assert!(latch.takes(at(1, 4_000)), "it was only silent");
        assert!(!latch.takes(at(2, 4_000)));
    }

    #[test]
    fn another_answer_opens_the_lock() {
        let mut latch = Latch::new(at(1, 4_000));
        assert!(latch.takes(at(1, 4_000)));
        let mut latch = latch.again(at(3, 5_000));
        assert_eq!(latch.target(), at(3, 5_000));
        assert!(latch.takes(at(3, 5_000)));
    }

    #[test]
    fn an_answer_that_changes_nothing_keeps_the_target() {
        let mut latch = Latch::new(at(1, 4_000));
        assert!((0..3).any(|_| latch.takes(at(9, 7))));
        let mut latch = latch.again(at(1, 4_000));
        assert_eq!(latch.target(), at(9, 7));
        assert!(latch.takes(at(9, 7)), "the true source again, at once");
    }
}
