//! Performs the core's orders: one arm each.

use std::net::IpAddr;

use super::legs::{Leg, Party};
use super::scribe::{Batch, Claim, Words};
use super::{Engine, Wanted, Written};
use crate::core::fact::{AgentFact, CallFact, TrunkFact};
use crate::core::order::Dial;
use crate::core::{Fact, Order, Record};
use crate::media::{Feed, MediaError};
use crate::sip::{Command, Peer};
use crate::store::Write;
use crate::units::{AgentId, CallId, CampaignId, ContactId, LegId, Now, Span};
use crate::wire::sdp::{Direction, Entropy, Terms};

/// How long no call is placed after each time it is said that the store fails: a few times as long
/// as the scribe takes to say it again, so that dialling resumes seconds after the store is back.
pub(super) const STORE_REST: Span = Span::secs(8);

impl Engine {
    /// Performs a batch of orders; its calls and its words go out once its records are committed.
    pub(super) fn perform(&mut self, now: Now, orders: Vec<Order>, words: Words) {
        let mut batch = Batch { words, ..Batch::default() };
        let mut learnt = Batch::default();
        for order in orders {
            match order {
                // The stop of a shutdown is nobody's decision: the campaign runs again afterwards.
                Order::Record(Record::CampaignState { .. }) if self.draining => {}
                Order::Record(record @ Record::Learnt(..)) => {
                    learnt.writes.push(Write::Record { record, at: now.wall });
                }
                Order::Record(record) => {
                    let caller = self.caller_of(&record);
                    batch.writes.push(Write::Record { record, at: now.wall });
                    batch.writes.extend(caller);
                }
                Order::Dial(dial) => {
                    self.uncommitted.insert(dial.call, Wanted::Yes);
                    batch.dials.push(dial);
                }
                Order::Cancel(call) => self.end_call(call, Command::Cancel),
                Order::HangUp(call) => self.end_call(call, Command::HangUp),
                Order::Listen(call) | Order::Comfort(call) => self.feed_callee(call, Feed::Comfort),
                Order::Bridge(call, agent) => self.bridge(call, agent),
                Order::PlayNotice(call, campaign) => self.play_notice(call, campaign),
                Order::Hold(call) => self.hold(call),
                Order::Retrieve(call) => self.retrieve(call),
                Order::Transfer(call) => self.transfer(call),
                Order::RaiseLeg(agent) => self.raise_leg(agent),
                Order::DropLeg(agent) => self.drop_agent_leg(agent),
                Order::ShowPreview(agent, campaign, contact) => {
                    self.previews.insert(agent, (campaign, contact));
                }
                Order::ClearPreview(agent) => {
                    self.previews.remove(&agent);
                }
                Order::Claim { campaign, count, lease } => {
                    batch.claims.push(Claim { campaign, count, lease });
                }
                Order::Release(_, contacts) => self.release(contacts),
                Order::Inbound(id, order) => self.perform_inbound(now, id, order),
            }
        }
        self.hand_over(batch);
        self.hand_over(learnt);
    }
}

impl Engine {
    /// Places a call whose row is committed; a call that cannot leave is told to the core at once.
    pub(super) fn place(&mut self, dial: Dial) -> Option<Fact> {
        let call = dial.call;
        if self.uncommitted.remove(&call) == Some(Wanted::No) {
            return Some(Fact::Call(call, CallFact::NotRecorded));
        }
        match self.try_place(dial) {
            Ok(()) => None,
            Err(cause) => {
                tracing::warn!(%call, cause, "the call could not be placed");
                // Our own shortage: neither the carrier's fault nor a chance of the contact's.
                Some(Fact::Call(call, CallFact::NotRecorded))
            }
        }
    }

    /// Leaves every trunk alone while the store fails: each call placed now would cost its contact
    /// an attempt that is never dialled.
    pub(super) fn spare_trunks(&self) -> Vec<Fact> {
        let trunks = self.parts.book.trunks.keys();
        trunks.map(|id| Fact::Trunk(*id, TrunkFact::Spared(STORE_REST))).collect()
    }

    fn try_place(&mut self, dial: Dial) -> Result<(), &'static str> {
        let book = &self.parts.book;
        let to = book.number(dial.contact, dial.number).ok_or("its number is no longer at hand")?;
        let shown = book.trunks.get(&dial.trunk).is_some_and(|trunk| !trunk.hidden);
        let from = shown.then(|| book.caller_id(dial.campaign, dial.caller_id)).flatten();
        let (to, from) = (to.clone(), from.cloned());
        let id = self.legs.next_id();
        let audio = self.parts.book.trunk_audio(dial.trunk);
        let party = Party::Callee(dial.call);
        let far = self.parts.sip.reached_at(Peer::Trunk(dial.trunk));
        let opened = self.open_leg(id, party, audio, far);
        let (mut leg, entropy) = opened.ok_or("no media port is free")?;
        (leg.campaign, leg.trunk) = (Some(dial.campaign), Some(dial.trunk));
        let offer = leg.side.offer(Direction::SendRecv, entropy);
        self.legs.insert(id, leg);
        let call_ref = dial.call.to_string();
        if self.signal(Command::Dial { leg: id, trunk: dial.trunk, to, from, offer, call_ref }) {
            return Ok(());
        }
        self.drop_leg(id);
        Err("the signalling takes no command")
    }

    /// Asks the signalling for something and tells whether it could take it. Where it could not,
    /// the core's own limits on ringing and on farewells end what the command was about.
    pub(super) fn signal(&self, command: Command) -> bool {
        let taken = self.parts.sip.send(command);
        if let Err(error) = &taken {
            tracing::error!(%error, "the signalling takes no command");
        }
        taken.is_ok()
    }

    /// Opens a leg's audio in the family of the address the far end is at, and draws what the keys
    /// of its first description are made of; the leg is not in the table yet.
    pub(super) fn open_leg(
        &self,
        id: LegId,
        party: Party,
        audio: impl Into<Terms>,
        far: Option<IpAddr>,
    ) -> Option<(Leg, Entropy)> {
        let entropy = self.entropy()?;
        match self.parts.media.open(id, far) {
            Ok(local) => Some((Leg::new(id, party, local, audio), entropy)),
            Err(error) => {
                tracing::error!(leg = %id, %error, "no audio for a leg");
                None
            }
        }
    }

    /// Draws what new keys are made of.
    pub(super) fn entropy(&self) -> Option<Entropy> {
        let mut bytes = [0; Entropy::LENGTH];
        match (self.parts.random)(&mut bytes) {
            Ok(()) => Some(Entropy::new(bytes)),
            Err(error) => {
                tracing::error!(%error, "the system gives no random bytes for keys");
                None
            }
        }
    }

    /// Ends a leg; its audio stops at once, its farewell may take a while.
    pub(super) fn end_leg(&mut self, id: LegId, command: Command) {
        if let Some(leg) = self.legs.leg_mut(id)
            && !std::mem::replace(&mut leg.ending, true)
        {
            heard(self.parts.media.close(id));
        }
        self.signal(command);
    }

    fn end_call(&mut self, call: CallId, command: fn(LegId) -> Command) {
        if let Some(id) = self.legs.of_call(call) {
            self.end_leg(id, command(id));
        } else if let Some(wanted) = self.uncommitted.get_mut(&call) {
            *wanted = Wanted::No;
        }
    }

    fn feed_callee(&self, call: CallId, feed: Feed) {
        if let Some(id) = self.legs.of_call(call) {
            heard(self.parts.media.feed(id, feed));
        }
    }

    fn bridge(&mut self, call: CallId, agent: AgentId) {
        if let (Some(callee), Some(seat)) = (self.legs.of_call(call), self.legs.of_agent(agent)) {
            heard(self.parts.media.bridge(callee, seat));
            if let Some(leg) = self.legs.leg_mut(callee) {
                leg.agent = Some(agent);
            }
        }
    }

    fn play_notice(&self, call: CallId, campaign: CampaignId) {
        if let Some(page) = self.parts.book.campaigns.get(&campaign) {
            self.feed_callee(call, Feed::Prompt(page.notice));
        }
    }

    fn hold(&self, call: CallId) {
        let Some(id) = self.legs.of_call(call) else { return };
        heard(self.parts.media.unbridge(id));
        let campaign = self.legs.leg(id).and_then(|leg| leg.campaign);
        let page = campaign.and_then(|campaign| self.parts.book.campaigns.get(&campaign));
        heard(self.parts.media.feed(id, page.map_or(Feed::Silence, |page| Feed::Loop(page.hold))));
    }

    fn retrieve(&mut self, call: CallId) {
        let leg = self.legs.of_call(call).and_then(|id| self.legs.leg(id));
        if let Some(agent) = leg.and_then(|leg| leg.agent) {
            self.bridge(call, agent);
        }
    }

    /// Calls the agent's phone, unless there is a leg already or a browser is joining.
    fn raise_leg(&mut self, agent: AgentId) {
        if self.legs.of_agent(agent).is_some() || self.joining.contains_key(&agent) {
            let seated = self.seated(agent);
            self.pending.extend(seated);
            return;
        }
        let id = self.legs.next_id();
        let srtp = self.parts.book.phones_srtp;
        let far = self.parts.sip.reached_at(Peer::Phone(agent));
        if let Some((mut leg, entropy)) = self.open_leg(id, Party::Agent(agent), srtp, far) {
            let offer = leg.side.offer(Direction::SendRecv, entropy);
            self.legs.insert(id, leg);
            if self.signal(Command::DialAgent { leg: id, agent, offer }) {
                return;
            }
            self.drop_leg(id);
        }
        self.pending.push(Fact::Agent(agent, AgentFact::LegDown));
    }

    fn drop_agent_leg(&mut self, agent: AgentId) {
        if let Some(id) = self.legs.of_agent(agent) {
            self.end_seat(id);
        }
    }

    /// Leases contacts in a task of its own; the answer comes back as an input.
    pub(super) fn claim(&self, Claim { campaign, count, lease }: Claim) {
        let (store, back) = (self.parts.store.clone(), self.claims.0.clone());
        let now = self.parts.clock.now().wall;
        self.parts.tasks.spawn(async move {
            let claimed = match store.claim(campaign, count, lease, now).await {
                Ok(claimed) => Some(claimed),
                Err(error) => {
                    tracing::error!(%campaign, %error, "contacts cannot be claimed");
                    None
                }
            };
            // A closed inbox means that the engine has left: the lease runs out by itself.
            drop(back.send((campaign, claimed)).await);
        });
    }

    fn release(&self, contacts: Vec<ContactId>) {
        let store = self.parts.store.clone();
        self.parts.tasks.spawn(async move {
            if let Err(error) = store.release(&contacts).await {
                tracing::warn!(%error, "contacts were not given back; their leases will run out");
            }
        });
    }

    /// Writes something no call waits for.
    pub(super) fn write_later(&mut self, write: Write) {
        self.hand_over(Batch { writes: vec![write], ..Batch::default() });
    }

    /// Hands a batch to the scribe. Calls that wait too long for their rows are given up by the
    /// core's own ring limit.
    fn hand_over(&mut self, batch: Batch) {
        let Err(lost) = self.parts.scribe.write(batch) else { return };
        let rows = lost.writes.len();
        tracing::error!(rows, "far too much waits for the store: rows are lost");
        // What waited for them goes on without; who asked is told to come back.
        let held = self.hear_written(Written::Held(lost.dials));
        self.pending.extend(held);
        for claim in lost.claims {
            let fact = self.hear_claimed(claim.campaign, None);
            self.pending.push(fact);
        }
    }
}

/// Takes the media's word on a command. One it cannot take is logged: the reactor is then
/// thousands of commands behind, and the callee's own hang-up ends what is left of the call.
pub(super) fn heard(word: Result<(), MediaError>) {
    if let Err(error) = word {
        tracing::error!(%error, "the media takes no command");
    }
}
