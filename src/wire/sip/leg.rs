//! One leg: a call we place or take, from its INVITE to its end.
//!
//! ```text
//! ours:     Calling ─► Talking ─► Leaving ─► gone
//!              └──────────┴───────────────► gone
//! incoming: Ringing ─► Talking ─► Leaving ─► gone
//!              └──────────┴───────────────► gone
//! ```

use super::dialog::{Dialog, Home};
use super::digest::Login;
use super::event::{Hop, Sdp};
use super::settings::Credentials;
use super::slab::Key;
use crate::units::{LegId, Mono, TrunkId};

/// A leg.
#[derive(Debug)]
pub(super) struct Leg {
    pub(super) id: LegId,
    pub(super) state: State,
    /// When a cancelled INVITE is given up for good.
    pub(super) due: Option<Mono>,
}

#[derive(Debug)]
pub(super) enum State {
    /// Our INVITE is not answered yet.
    Calling(Box<Calling>),
    /// Their INVITE came, or ours was answered.
    Session(Box<Session>),
}

/// A dialog and how far it is.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) dialog: Dialog,
    pub(super) phase: Phase,
}

#[derive(Debug)]
pub(super) enum Phase {
    /// Their INVITE is not answered yet.
    Ringing(Key),
    /// Answered.
    Talking(Talking),
    /// Our BYE is under way; how many of its challenges were answered.
    Leaving(u8),
}

/// What our INVITE is made of, until it is answered.
#[derive(Debug)]
pub(super) struct Calling {
    pub(super) client: Key,
    pub(super) uri: Vec<u8>,
    pub(super) home: Home,
    /// The trunk's further targets, the next one last.
    pub(super) spare: Vec<Hop>,
    /// Where the latest INVITE went: to `home`, or there over TCP for its size.
    pub(super) sent_to: Hop,
    /// Moves to TCP for its size.
    pub(super) large_over_tcp: bool,
    pub(super) from: Vec<u8>,
    pub(super) to: Vec<u8>,
    pub(super) call_id: Vec<u8>,
    pub(super) cseq: u32,
    /// Identity and call reference, as header lines.
    pub(super) headers: Vec<u8>,
    pub(super) offer: Sdp,
    pub(super) trunk: Option<TrunkId>,
    pub(super) credentials: Option<Credentials>,
    pub(super) redirects: u8,
    pub(super) login: Option<Login>,
    /// The Authorization line of the latest INVITE, which its ACK repeats.
    pub(super) login_line: Vec<u8>,
    pub(super) tries: u8,
    pub(super) provisional: bool,
    pub(super) cancel: Cancel,
    pub(super) rang: bool,
    pub(super) early: Vec<(Vec<u8>, Sdp)>,
}

/// How far the giving up of our INVITE is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cancel {
    No,
    /// Asked for before any provisional came, when CANCEL must not be sent (RFC 3261 §9.1).
    Wanted,
    Sent,
}

/// What is being agreed on in an answered leg.
#[derive(Debug)]
pub(super) struct Talking {
    pub(super) pending: Pending,
    /// The INVITE whose 2xx of ours still wants its ACK.
    pub(super) unacked: Option<Key>,
    /// Asked to hang up before that ACK came (RFC 3261 §15 forbids the BYE until then).
    pub(super) hang_up: bool,
}

/// The change of the session that is being agreed on.
#[derive(Debug)]
pub(super) enum Pending {
    None,
    Theirs(Key),
    TheirUpdate(Key),
    Ours { client: Key, offer: Sdp, tries: u8 },
}

impl Talking {
    pub(super) fn new(unacked: Option<Key>) -> Self {
        Self { pending: Pending::None, unacked, hang_up: false }
    }
}

impl Leg {
    pub(super) fn calling(&mut self) -> Option<&mut Calling> {
        match &mut self.state {
            State::Calling(calling) => Some(calling),
            State::Session(_) => None,
        }
    }

    pub(super) fn session(&mut self) -> Option<&mut Session> {
        match &mut self.state {
            State::Session(session) => Some(session),
            State::Calling(_) => None,
        }
    }

    /// Gives the dialog and the talk of an answered leg that we have not hung up.
    pub(super) fn talking(&mut self) -> Option<(&mut Dialog, &mut Talking)> {
        let session = self.session()?;
        match &mut session.phase {
            Phase::Talking(talking) => Some((&mut session.dialog, talking)),
            Phase::Ringing(_) | Phase::Leaving(_) => None,
        }
    }

    /// Gives the dialog of an answered leg.
    pub(super) fn dialog(&mut self) -> Option<&mut Dialog> {
        let session = self.session()?;
        let answered = !matches!(session.phase, Phase::Ringing(_));
        answered.then_some(&mut session.dialog)
    }
}
