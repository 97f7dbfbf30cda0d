//! The whole SIP side of the engine behind one type.

use std::collections::VecDeque;
use std::net::SocketAddr;

use super::event::{CommandError, Counters, Event, Invite, Sdp, StoredDialog, Transmit};
use super::settings::{Phone, Settings, Trunk};
use crate::units::{AgentId, LegId, Mono, TrunkId};

/// How many legs may be up at once: 60,000 nailed-up or talking legs are beyond what one UDP
/// port can carry.
pub const LEGS_MAX: usize = 60_000;

/// A SIP user agent, client and server, with a registrar for agents' phones.
#[derive(Debug)]
pub struct Endpoint {
    settings: Settings,
    transmits: VecDeque<Transmit>,
    events: VecDeque<Event>,
    counters: Counters,
}

impl Endpoint {
    /// Makes an endpoint that knows no peer yet.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            transmits: VecDeque::new(),
            events: VecDeque::new(),
            counters: Counters::default(),
        }
    }

    /// Gives the endpoint's own settings.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Makes a trunk known, or changes it; calls in flight keep what they began with.
    pub fn set_trunk(&mut self, _trunk: Trunk) {}

    /// Forgets a trunk; its calls in flight go on.
    pub fn remove_trunk(&mut self, _trunk: TrunkId) {}

    /// Makes an agent's phone known, or changes it; a standing registration is kept.
    pub fn set_phone(&mut self, _phone: Phone) {}

    /// Forgets an agent's phone and its registration; its call in flight goes on.
    pub fn remove_phone(&mut self, _agent: AgentId) {}

    /// Takes a datagram in.
    pub fn receive(&mut self, _now: Mono, _from: SocketAddr, _datagram: &[u8]) {}

    /// Does what has fallen due.
    pub fn handle_timeout(&mut self, _now: Mono) {}

    /// Tells when [`Endpoint::handle_timeout`] wants to be called next.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Mono> {
        None
    }

    /// Hands out the next datagram to send.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        self.transmits.pop_front()
    }

    /// Hands out the next event.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Takes a sent buffer back, to be written into again.
    pub fn recycle(&mut self, _buffer: Vec<u8>) {}

    /// Gives the counters.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// Tells whether an agent's phone can be called: registered, or with a fixed contact.
    #[must_use]
    pub fn phone_reachable(&self, _agent: AgentId) -> bool {
        false
    }

    /// Counts the legs that have not ended.
    #[must_use]
    pub fn legs(&self) -> usize {
        0
    }

    /// Places a call.
    ///
    /// # Errors
    /// The leg's id is in use, the target cannot be reached, or the tables are full.
    pub fn invite(&mut self, _now: Mono, _leg: LegId, _call: Invite) -> Result<(), CommandError> {
        Err(CommandError::UnknownTrunk)
    }

    /// Gives up a call we placed, whatever its state: CANCEL once a provisional came, BYE if it
    /// was answered meanwhile. Ends in [`Event::Gone`].
    ///
    /// # Errors
    /// The leg is unknown or incoming and unanswered.
    pub fn cancel(&mut self, _now: Mono, _leg: LegId) -> Result<(), CommandError> {
        Err(CommandError::UnknownLeg)
    }

    /// Ends a leg whatever its state: BYE if answered, CANCEL if ours and not answered yet, 480
    /// if incoming and not answered. Ends in [`Event::Gone`].
    ///
    /// # Errors
    /// The leg is unknown.
    pub fn hang_up(&mut self, _now: Mono, _leg: LegId) -> Result<(), CommandError> {
        Err(CommandError::UnknownLeg)
    }

    /// Tells the caller of an incoming leg that it rings: 180.
    ///
    /// # Errors
    /// The leg is unknown, ours, or answered.
    pub fn ring(&mut self, _now: Mono, _leg: LegId) -> Result<(), CommandError> {
        Err(CommandError::UnknownLeg)
    }

    /// Gives the caller of an incoming leg early media: 183 with a session description.
    ///
    /// # Errors
    /// The leg is unknown, ours, or answered.
    pub fn progress(&mut self, _now: Mono, _leg: LegId, _sdp: Sdp) -> Result<(), CommandError> {
        Err(CommandError::UnknownLeg)
    }

    /// Answers an incoming leg, or an offer made inside a dialog: 200 with a session description,
    /// the answer, or the offer where the far end made none.
    ///
    /// # Errors
    /// The leg is unknown, or nothing waits for an answer.
    pub fn accept(&mut self, _now: Mono, _leg: LegId, _sdp: Sdp) -> Result<(), CommandError> {
        Err(CommandError::UnknownLeg)
    }

    /// Refuses an incoming leg (which is then gone), or an offer made inside a dialog (which goes
    /// on), with a status of 300 to 699 and further header lines.
    ///
    /// # Errors
    /// The leg is unknown, nothing waits for an answer, the status is none, or a header holds a
    /// control character.
    pub fn reject(
        &mut self,
        _now: Mono,
        _leg: LegId,
        _status: u16,
        _headers: &[(&str, &str)],
    ) -> Result<(), CommandError> {
        Err(CommandError::UnknownLeg)
    }

    /// Offers a change of the session by re-INVITE; answered by [`Event::Reoffered`].
    ///
    /// # Errors
    /// The leg is unknown or not answered, or an offer of either side is pending.
    pub fn reoffer(&mut self, _now: Mono, _leg: LegId, _sdp: Sdp) -> Result<(), CommandError> {
        Err(CommandError::UnknownLeg)
    }

    /// Asks a trunk for a sign of life; answered by [`Event::Options`].
    ///
    /// # Errors
    /// The trunk is unknown, or the tables are full.
    pub fn send_options(&mut self, _now: Mono, _trunk: TrunkId) -> Result<(), CommandError> {
        Err(CommandError::UnknownTrunk)
    }

    /// Sends BYE into a dialog of an earlier run, repeated until answered; no event follows.
    ///
    /// # Errors
    /// The tables are full, or a stored text holds a control character.
    pub fn end_stale(&mut self, _now: Mono, _dialog: &StoredDialog) -> Result<(), CommandError> {
        Err(CommandError::Full)
    }
}
