//! One leg: a call we place or take, from its INVITE to its end.
//!
//! ```text
//! ours:     Calling ─► Talking ─► Leaving ─► gone
//!              └──────────┴───────────────► gone
//! incoming: Ringing ─► Talking ─► Leaving ─► gone
//!              └──────────┴───────────────► gone
//! ```

use std::net::IpAddr;

use super::dialog::{Dialog, Home};
use super::digest::{Logins, Tries};
use super::early::Early;
use super::event::{Hop, Sdp};
use super::reliable::Reliable;
use super::session::{Agreed, Timer, Wish};
use super::settings::{Credentials, EarlyMedia};
use super::slab::Key;
use super::stale::Stale;
use super::transfer::{Transfer, Wanted};
use crate::units::{LegId, Mono, TrunkId};

/// The bit that tells legs named by us from legs named from outside.
pub(super) const INCOMING_BIT: u64 = 1 << 63;

/// A leg.
#[derive(Debug)]
pub(super) struct Leg {
    pub(super) id: LegId,
    pub(super) state: State,
    /// When a cancelled INVITE is given up for good, or what was agreed on is due.
    pub(super) due: Option<Mono>,
    /// Where its far end is, once there is a dialog: counted in `Net::awaited`.
    pub(super) far: Option<IpAddr>,
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
    Ringing(Ringing),
    /// Answered.
    Talking(Talking),
    /// Our BYE is under way.
    Leaving(Leaving),
    /// An earlier run left it up.
    Stale(Stale),
}

/// How our BYE stands.
#[derive(Debug, Default)]
pub(super) struct Leaving {
    /// How often it was sent with credentials.
    pub(super) tries: Tries,
    /// Whether it was sent anew as it could not be sent, or its connection broke.
    pub(super) anew: bool,
}

/// Their INVITE, until it is answered.
#[derive(Debug)]
pub(super) struct Ringing {
    pub(super) server: Key,
    /// The session timer the INVITE asks for.
    pub(super) timer: Option<Agreed>,
    pub(super) reliable: Reliable,
    /// A further offer of the caller, made before our answer.
    pub(super) offer: Option<Key>,
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
    /// The way the trunk's registrar gave, as Route lines.
    pub(super) routes: Vec<u8>,
    /// Identity, call reference and extensions, as header lines.
    pub(super) headers: Vec<u8>,
    /// The signatures a redirection brought, as Identity lines (RFC 8224).
    pub(super) identity: Vec<u8>,
    pub(super) wish: Wish,
    pub(super) offer: Sdp,
    pub(super) trunk: Option<TrunkId>,
    pub(super) credentials: Option<Credentials>,
    pub(super) redirects: u8,
    pub(super) logins: Logins,
    /// The credentials of the latest INVITE, as header lines: its ACK repeats them.
    pub(super) login_lines: Vec<u8>,
    pub(super) tries: Tries,
    pub(super) provisional: bool,
    pub(super) cancel: Cancel,
    pub(super) rang: bool,
    pub(super) early_media: EarlyMedia,
    pub(super) early: Vec<Early>,
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
    /// Our latest description: a refresh by re-INVITE offers it again.
    pub(super) local: Sdp,
    pub(super) timer: Option<Timer>,
    /// A refresh by UPDATE under way, and how often it was sent with credentials.
    pub(super) refreshing: Option<(Key, Tries)>,
    /// An offer of ours that met one of theirs, and when it is made again.
    pub(super) again: Option<(Mono, Change)>,
    /// A transfer that we asked the far end for.
    pub(super) transfer: Option<Box<Transfer>>,
    /// A transfer that the far end asks us for.
    pub(super) wanted: Option<Wanted>,
}

/// The change of the session that is being agreed on.
#[derive(Debug)]
pub(super) enum Pending {
    None,
    /// A re-INVITE of the peer, and the session timer it asks for.
    Theirs(Key, Option<Agreed>),
    /// An UPDATE of the peer.
    TheirUpdate(Key, Option<Agreed>),
    Ours(Change),
}

/// An offer of ours inside the dialog.
#[derive(Debug)]
pub(super) struct Change {
    pub(super) client: Key,
    pub(super) offer: Sdp,
    /// How often it was sent with credentials.
    pub(super) tries: Tries,
    /// How often it met an offer of the peer.
    pub(super) glares: u8,
    /// Whether it was asked for, or only refreshes the session.
    pub(super) asked: bool,
}

impl Change {
    /// Begins an offer, whose transaction is still to come.
    pub(super) fn new(client: Key, offer: Sdp, asked: bool) -> Self {
        Self { client, offer, tries: Tries::default(), glares: 0, asked }
    }
}

impl Talking {
    pub(super) fn new(unacked: Option<Key>, local: Sdp, timer: Option<Timer>) -> Self {
        Self {
            pending: Pending::None,
            unacked,
            hang_up: false,
            local,
            timer,
            refreshing: None,
            again: None,
            transfer: None,
            wanted: None,
        }
    }

    /// Tells when something that was agreed on or put off is due.
    pub(super) fn next(&self) -> Option<Mono> {
        let again = self.again.as_ref().map(|(at, _)| *at);
        let told = self.transfer.as_ref().map(|transfer| transfer.until);
        [self.timer.as_ref().map(Timer::next), again, told].into_iter().flatten().min()
    }

    /// Takes an offer of the peer as answered with this description; gives its transaction and
    /// the session timer it asks for.
    pub(super) fn settle(&mut self, answer: &Sdp) -> Option<(Key, Option<Agreed>)> {
        let (server, timer) = match core::mem::replace(&mut self.pending, Pending::None) {
            Pending::Theirs(server, timer) => {
                self.unacked = Some(server);
                (server, timer)
            }
            Pending::TheirUpdate(server, timer) => (server, timer),
            other @ (Pending::None | Pending::Ours(_)) => {
                self.pending = other;
                return None;
            }
        };
        self.local.clone_from(answer);
        Some((server, timer))
    }

    /// Tells whether an offer of ours may go out now.
    pub(super) fn is_settled(&self) -> bool {
        matches!(self.pending, Pending::None) && self.unacked.is_none()
    }
}

impl Pending {
    /// Gives the transaction of the peer's offer.
    pub(super) fn server(&self) -> Option<Key> {
        match self {
            Self::Theirs(server, _) | Self::TheirUpdate(server, _) => Some(*server),
            Self::None | Self::Ours(_) => None,
        }
    }

    /// Gives the transaction of our own offer.
    pub(super) fn client(&self) -> Option<Key> {
        match self {
            Self::Ours(change) => Some(change.client),
            Self::None | Self::Theirs(..) | Self::TheirUpdate(..) => None,
        }
    }
}

impl Leg {
    /// Tells whether we placed the call, and so own its Call-ID.
    pub(super) fn is_ours(&self) -> bool {
        self.id.0 & INCOMING_BIT == 0
    }

    /// Gives the Call-ID and our side as From writes it, with our tag.
    pub(super) fn names(&self) -> (&[u8], &[u8]) {
        match &self.state {
            State::Calling(calling) => (&calling.call_id, &calling.from),
            State::Session(session) => (&session.dialog.call_id, &session.dialog.local),
        }
    }

    /// Gives where the other side is.
    pub(super) fn home(&self) -> Hop {
        match &self.state {
            State::Calling(calling) => calling.home.address,
            State::Session(session) => session.dialog.home.address,
        }
    }

    /// Gives the transactions of the peer that still wait for an answer.
    pub(super) fn waiting(&mut self) -> Vec<Key> {
        match &mut self.state {
            State::Calling(calling) => calling.early.iter_mut().filter_map(Early::take).collect(),
            State::Session(session) => match &session.phase {
                Phase::Ringing(ringing) => [Some(ringing.server), ringing.offer],
                Phase::Talking(talking) => {
                    [talking.pending.server(), talking.wanted.as_ref().and_then(Wanted::server)]
                }
                Phase::Leaving(_) | Phase::Stale(_) => [None; 2],
            }
            .into_iter()
            .flatten()
            .collect(),
        }
    }

    /// Gives the re-INVITE of ours that has no answer yet.
    pub(super) fn asking(&mut self) -> Option<Key> {
        self.talking().and_then(|(_, talking)| talking.pending.client())
    }

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
            Phase::Ringing(_) | Phase::Leaving(_) | Phase::Stale(_) => None,
        }
    }

    /// Gives the dialog and the INVITE of an incoming leg that is not answered.
    pub(super) fn ringing(&mut self) -> Option<(&mut Dialog, &mut Ringing)> {
        let session = self.session()?;
        match &mut session.phase {
            Phase::Ringing(ringing) => Some((&mut session.dialog, ringing)),
            Phase::Talking(_) | Phase::Leaving(_) | Phase::Stale(_) => None,
        }
    }

    /// Gives the dialog, early ones included, that has this far end.
    pub(super) fn dialog_with(&mut self, tag: &[u8]) -> Option<&mut Dialog> {
        match &mut self.state {
            State::Session(session) => {
                Some(&mut session.dialog).filter(|dialog| dialog.remote_tag == tag)
            }
            State::Calling(calling) => {
                let mut dialogs = calling.early.iter_mut().map(|early| &mut *early.dialog);
                dialogs.find(|dialog| dialog.remote_tag == tag)
            }
        }
    }
}
