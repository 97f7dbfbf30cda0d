//! The whole SIP side of the engine behind one type.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::IpAddr;

use super::client::Clients;
use super::event::{CommandError, Counters, Event, Hop, Invite, Sdp, StoredBinding, Transmit};
use super::leg::{Leg, Phase, State};
use super::net::{Due, Net};
use super::register::Registrations;
use super::registrar::Registrar;
use super::server::Servers;
use super::settings::{Phone, Settings, Trunk};
use super::slab::{Key, Slab};
use super::sources::{Rate, Sources};
use super::targets::{Spared, Way};
use super::witness::Witnesses;
use super::writer::Writer;
use crate::units::{AgentId, LegId, Mono, Span, TrunkId};

/// How many legs may be up at once: 60,000 nailed-up or talking legs are beyond what one UDP
/// port can carry.
pub const LEGS_MAX: usize = 60_000;

/// A SIP user agent, client and server, with a registrar for agents' phones.
#[derive(Debug)]
pub struct Endpoint {
    pub(super) settings: Settings,
    pub(super) net: Net,
    pub(super) clients: Clients,
    pub(super) servers: Servers,
    pub(super) legs: Slab<Leg>,
    pub(super) by_id: BTreeMap<LegId, Key>,
    pub(super) trunks: BTreeMap<TrunkId, Trunk>,
    pub(super) registrar: Registrar,
    pub(super) registrations: Registrations,
    pub(super) events: VecDeque<Event>,
    pub(super) counters: Counters,
    pub(super) spared: Spared,
    /// How many legs came in so far.
    pub(super) incoming: u64,
    /// What is said about the requests of test calls.
    pub(super) witnesses: Witnesses,
    /// Every address whose messages are taken.
    pub(super) peers: BTreeSet<IpAddr>,
    /// What is read of everybody else.
    pub(super) strangers: Sources,
    /// What peers may ask outside their calls.
    pub(super) askers: Sources,
}

impl Endpoint {
    /// Makes an endpoint that knows no peer yet.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        let mut net = Net::new(&settings);
        let servers = Servers::new(net.draw());
        let registrar = Registrar::new(settings.realm.clone(), net.draw());
        Self {
            settings,
            net,
            clients: Clients::new(),
            servers,
            legs: Slab::new(LEGS_MAX),
            by_id: BTreeMap::new(),
            trunks: BTreeMap::new(),
            registrar,
            registrations: Registrations::default(),
            events: VecDeque::new(),
            counters: Counters::default(),
            spared: Spared::default(),
            incoming: 0,
            witnesses: Witnesses::default(),
            peers: BTreeSet::new(),
            strangers: Sources::new(Rate::STRANGER, Rate::STRANGERS),
            askers: Sources::of_peers(),
        }
    }

    /// Gives the endpoint's own settings.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Makes a trunk known, or changes it; calls in flight keep what they began with. An account
    /// that registers and is new or changed is due at once.
    pub fn set_trunk(&mut self, trunk: Trunk) {
        if trunk.register.is_some() {
            self.registrations.set(&mut self.net, &trunk);
        } else {
            self.leave(trunk.id);
        }
        self.trunks.insert(trunk.id, trunk);
        self.learn_peers();
    }

    /// Takes in how a trunk is reached from now on; calls in flight keep what they began with, and
    /// so does a registration until its server fails.
    pub fn set_ways(
        &mut self,
        trunk: TrunkId,
        ways: Vec<Way>,
        registrar: Vec<Way>,
        sources: Vec<IpAddr>,
    ) {
        let Some(held) = self.trunks.get_mut(&trunk) else { return };
        held.address = ways.first().map_or(held.address, |way| way.hop);
        held.ways = ways;
        held.sources = sources;
        if let Some(register) = &mut held.register {
            register.ways.clone_from(&registrar);
        }
        self.registrations.set_ways(trunk, registrar);
        self.learn_peers();
    }

    /// Forgets a trunk and gives its registration up; its calls in flight go on.
    pub fn remove_trunk(&mut self, trunk: TrunkId) {
        self.leave(trunk);
        self.trunks.remove(&trunk);
        self.learn_peers();
    }

    /// Makes an agent's phone known, or changes it; a standing registration is kept.
    pub fn set_phone(&mut self, phone: Phone) {
        self.registrar.set_phone(phone);
        self.learn_peers();
    }

    /// Forgets an agent's phone and its registration; its call in flight goes on.
    pub fn remove_phone(&mut self, agent: AgentId) {
        if let Some(mut bindings) = self.registrar.remove_phone(agent) {
            self.net.set_timer(Due::Binding(agent), &mut bindings.due, None);
        }
        self.learn_peers();
    }

    /// Takes in where registered phones were in an earlier run, each for how long that counts. One
    /// that came over a connection is left out: that ended with the run.
    pub fn restore(
        &mut self,
        now: Mono,
        bindings: impl IntoIterator<Item = (AgentId, StoredBinding, Span)>,
    ) {
        self.net.now = now;
        for (agent, stored, span) in bindings {
            self.registrar.restore(now + span, agent, stored);
            self.settle_phone(agent);
        }
        self.learn_peers();
    }

    /// Takes in that nothing can be sent to a hop: what was asked for there fails with 503
    /// (RFC 3261 §8.1.3.1).
    pub fn unreachable(&mut self, now: Mono, hop: Hop) {
        self.net.now = now;
        for news in self.clients.lost(&mut self.net, hop) {
            self.client_news(news, 503, None);
        }
    }

    /// Takes in that the connection to a hop broke, or could not be opened: what was asked for
    /// there fails with 503 (RFC 3261 §8.1.3.1), and a phone at its end has left.
    pub fn disconnected(&mut self, now: Mono, hop: Hop) {
        self.unreachable(now, hop);
        for agent in self.registrar.unbind(hop) {
            self.settle_phone(agent);
        }
        self.learn_peers();
    }

    /// Does what has fallen due.
    pub fn handle_timeout(&mut self, now: Mono) {
        self.net.now = now;
        while let Some(due) = self.net.pop_timer() {
            match due {
                Due::Client(key) => {
                    if let Some(news) = self.clients.due(&mut self.net, key) {
                        self.client_news(news, 408, None);
                    }
                }
                Due::Server(key) => {
                    if let Some(leg) = self.servers.due(&mut self.net, key) {
                        self.never_acknowledged(leg);
                    }
                }
                Due::Leg(key) => self.leg_due(key),
                Due::Register(trunk) => self.registration_due(trunk),
                Due::Binding(agent) => {
                    if let Some(due) = self.registrar.due(agent) {
                        *due = None;
                    }
                    self.registrar.expire(now, agent);
                    self.settle_phone(agent);
                    self.learn_peers();
                }
            }
        }
    }

    /// Tells when [`Endpoint::handle_timeout`] wants to be called next.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Mono> {
        self.net.next_timer()
    }

    /// Hands out the next datagram to send.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        let transmit = self.net.pop()?;
        self.witnesses.sent(&transmit.bytes);
        Some(transmit)
    }

    /// Hands out the next event.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Takes a sent buffer back, to be written into again.
    pub fn recycle(&mut self, buffer: Vec<u8>) {
        self.net.recycle(buffer);
    }

    /// Gives the counters.
    #[must_use]
    pub fn counters(&self) -> Counters {
        Counters { sent: self.net.sent, retransmitted: self.net.repeated, ..self.counters }
    }

    /// Tells where an agent's phone can be called, registered or with a fixed contact.
    #[must_use]
    pub fn phone_address(&self, agent: AgentId) -> Option<IpAddr> {
        self.registrar.contact(agent).map(|(_, hop, _)| hop.ip())
    }

    /// Counts the legs that have not ended.
    #[must_use]
    pub fn legs(&self) -> usize {
        self.legs.len()
    }

    /// Counts the transactions that are under way or linger to recognise repetitions.
    #[must_use]
    pub fn transactions(&self) -> usize {
        self.clients.len() + self.servers.len()
    }

    /// Tells whether a trunk's account is bound at its registrar.
    #[must_use]
    pub fn is_registered(&self, trunk: TrunkId) -> bool {
        self.registrations.stands(trunk)
    }

    /// Counts what still waits for a last answer: legs, and registrations that are given up.
    #[must_use]
    pub fn unfinished(&self) -> usize {
        self.legs.len() + self.registrations.leaving()
    }

    /// Gives every trunk's registration up; each ends in [`Event::Registered`].
    pub fn unregister(&mut self, now: Mono) {
        self.net.now = now;
        self.leave_all();
    }

    /// Places a call.
    ///
    /// # Errors
    /// The leg's id is in use, the target cannot be reached, or the tables are full.
    pub fn invite(&mut self, now: Mono, leg: LegId, call: Invite) -> Result<(), CommandError> {
        self.net.now = now;
        self.place(leg, call)
    }

    /// Gives up a call we placed, whatever its state: CANCEL once a provisional came, BYE if it
    /// was answered meanwhile. Ends in [`Event::Gone`].
    ///
    /// # Errors
    /// The leg is unknown or incoming and unanswered.
    pub fn cancel(&mut self, now: Mono, leg: LegId) -> Result<(), CommandError> {
        let key = self.key(leg)?;
        let session = self.legs.get_mut(key).and_then(Leg::session);
        if session.is_some_and(|session| matches!(session.phase, Phase::Ringing(_))) {
            return Err(CommandError::WrongState);
        }
        self.hang_up(now, leg)
    }

    /// Ends a leg whatever its state: BYE if answered, CANCEL if ours and not answered yet, 480
    /// if incoming and not answered. Ends in [`Event::Gone`].
    ///
    /// # Errors
    /// The leg is unknown.
    pub fn hang_up(&mut self, now: Mono, leg: LegId) -> Result<(), CommandError> {
        self.net.now = now;
        let key = self.key(leg)?;
        match self.legs.get(key).map(|leg| &leg.state) {
            Some(State::Calling(_)) => self.cancel_call(key),
            Some(State::Session(session)) if matches!(session.phase, Phase::Ringing(_)) => {
                self.withdraw(key);
                Ok(())
            }
            Some(State::Session(_)) => {
                self.hang_up_talking(key);
                Ok(())
            }
            None => Err(CommandError::UnknownLeg),
        }
    }

    /// Tells the caller of an incoming leg that it rings: 180.
    ///
    /// # Errors
    /// The leg is unknown, ours, or answered.
    pub fn ring(&mut self, now: Mono, leg: LegId) -> Result<(), CommandError> {
        self.net.now = now;
        self.early(leg, 180, &[])
    }

    /// Gives the caller of an incoming leg early media: 183 with a session description.
    ///
    /// # Errors
    /// The leg is unknown, ours, or answered.
    pub fn progress(&mut self, now: Mono, leg: LegId, sdp: Sdp) -> Result<(), CommandError> {
        self.net.now = now;
        self.early(leg, 183, &sdp)
    }

    /// Answers an incoming leg, or an offer made inside a dialog: 200 with a session description,
    /// the answer, or the offer where the far end made none.
    ///
    /// # Errors
    /// The leg is unknown, or nothing waits for an answer.
    pub fn accept(&mut self, now: Mono, leg: LegId, sdp: Sdp) -> Result<(), CommandError> {
        self.net.now = now;
        self.accept_leg(leg, &sdp)
    }

    /// Refuses an incoming leg (which is then gone), or an offer made inside a dialog (which goes
    /// on), with a status of 300 to 699 and further header lines.
    ///
    /// # Errors
    /// The leg is unknown, nothing waits for an answer, the status is none, or a header holds a
    /// control character.
    pub fn reject(
        &mut self,
        now: Mono,
        leg: LegId,
        status: u16,
        headers: &[(&str, &str)],
    ) -> Result<(), CommandError> {
        self.net.now = now;
        self.reject_leg(leg, status, headers)
    }

    /// Refuses every incoming leg that still rings with 480 (RFC 3261 §21.4.18): we leave, and
    /// nobody will answer it.
    pub fn refuse_ringing(&mut self, now: Mono) {
        self.net.now = now;
        let legs: Vec<(LegId, Key)> = self.by_id.iter().map(|(leg, key)| (*leg, *key)).collect();
        for (leg, key) in legs {
            // An offer that waits for an answer is refused before the call it was made in.
            while self.legs.get_mut(key).and_then(Leg::ringing).is_some() {
                if self.reject_leg(leg, 480, &[]).is_err() {
                    break;
                }
            }
        }
    }

    /// Offers a change of the session by re-INVITE; answered by [`Event::Reoffered`].
    ///
    /// # Errors
    /// The leg is unknown or not answered, or an offer of either side is pending.
    pub fn reoffer(&mut self, now: Mono, leg: LegId, sdp: Sdp) -> Result<(), CommandError> {
        self.net.now = now;
        let key = self.key(leg)?;
        self.send_reoffer(key, sdp)
    }

    /// Asks the far end of an answered leg whether it is still there, by a refresh of the session
    /// (RFC 4028 §7.4), timer or not. One that is not there ends in [`Event::Ended`]; a change
    /// under way tells as much, and none is begun beside it.
    ///
    /// # Errors
    /// The leg is unknown or not answered.
    pub fn refresh(&mut self, now: Mono, leg: LegId) -> Result<(), CommandError> {
        self.net.now = now;
        let key = self.key(leg)?;
        self.legs.get_mut(key).and_then(Leg::talking).ok_or(CommandError::WrongState)?;
        self.refresh_session(key);
        Ok(())
    }

    /// Asks the far end of an answered leg to call somebody else and leave us: REFER, with the user
    /// part as its trunk writes it (RFC 3515 §2.4.1). Answered by [`Event::Transferred`].
    ///
    /// # Errors
    /// The leg or the trunk is unknown, the text is no user part, the leg is not answered, or such
    /// a wish is pending.
    pub fn transfer(
        &mut self,
        now: Mono,
        leg: LegId,
        trunk: TrunkId,
        user: &str,
    ) -> Result<(), CommandError> {
        self.net.now = now;
        self.send_refer(leg, trunk, user)
    }

    /// Tells a far end how the transfer it wanted goes: first that it is taken (below 300) or
    /// refused, then, if taken, its final status (RFC 3515 §2.4.5).
    ///
    /// # Errors
    /// The leg is unknown, or its far end wants none.
    pub fn tell_transfer(
        &mut self,
        now: Mono,
        leg: LegId,
        status: u16,
    ) -> Result<(), CommandError> {
        self.net.now = now;
        self.tell_wanted(leg, status)
    }

    /// Sets the timer of an agent's bindings to the first end, and tells which one is rung from now
    /// on and what is to be kept.
    pub(super) fn settle_phone(&mut self, agent: AgentId) {
        let first = self.registrar.first_end(agent);
        if let Some(due) = self.registrar.due(agent) {
            self.net.set_timer(Due::Binding(agent), due, first);
        }
        let moved = self.registrar.moved(agent);
        self.events.extend(moved.map(|present| Event::Phone(agent, present)));
        let unkept = self.registrar.unkept(self.net.now, agent);
        self.events.extend(unkept.map(|bindings| Event::Bound(agent, bindings)));
    }

    /// A cancelled INVITE got no final answer in 64 times T1 (RFC 3261 §9.1), a dialog of an
    /// earlier run is to be ended once more, or what was agreed on in an answered leg is due.
    fn leg_due(&mut self, key: Key) {
        let Some(leg) = self.legs.get_mut(key) else {
            return;
        };
        leg.due = None;
        let event = Event::Gone(leg.id);
        if let Some(calling) = leg.calling() {
            let client = calling.client;
            self.clients.abandon(&mut self.net, client);
            self.finish(key, event);
        } else if !self.end_again(key) {
            self.talk_due(key);
        }
    }

    /// Refuses an incoming call, whatever else of its caller waits.
    fn withdraw(&mut self, key: Key) {
        if let Some((id, Some((_, ringing)))) = self.legs.get_mut(key).map(|l| (l.id, l.ringing()))
        {
            let server = ringing.server;
            self.servers.respond(&mut self.net, server, 480, Writer::no_body);
            self.finish(key, Event::Gone(id));
        }
    }

    pub(super) fn key(&self, leg: LegId) -> Result<Key, CommandError> {
        self.by_id.get(&leg).copied().ok_or(CommandError::UnknownLeg)
    }

    /// Ends a leg with its last event; an offer that waits for us is not left waiting.
    pub(super) fn finish(&mut self, key: Key, event: Event) {
        if let Some(mut leg) = self.legs.remove(key) {
            if let Some(client) = leg.asking() {
                self.clients.abandon(&mut self.net, client);
            }
            for server in leg.waiting() {
                self.servers.respond(&mut self.net, server, 487, Writer::no_body);
            }
            self.net.set_timer(Due::Leg(key), &mut leg.due, None);
            self.net.awaited.set(&mut leg.far, None);
            self.by_id.remove(&leg.id);
            self.events.push_back(event);
        }
    }
}
