//! Turns what happened outside into facts, and answers requests.

use super::handle::{AgentVerb, Ask, CampaignVerb, Details, Qualification, Refused, Reply, Word};
use super::legs::{Leg, Party};
use super::perform::{STORE_REST, heard};
use super::{Claimed, Engine, Written, failed_supply};
use crate::config::campaign::lacks;
use crate::core::fact::{AgentFact, CallFact, CampaignFact, Failure, InboundFact, Lead, TrunkFact};
use crate::core::order::AgentState;
use crate::core::{Fact, agent};
use crate::media::{self, Feed};
use crate::sip::{self, Command, Sdp};
use crate::store::{AgentRow, Write};
use crate::units::{AgentId, CallId, CampaignId, LegId, Now, PauseId, Span};
use crate::wire::sdp::{self, Direction, SdpError};

/// The status kept for an answer without usable audio: 488 Not Acceptable Here
/// (RFC 3261 §21.4.26).
pub(super) const NO_USABLE_AUDIO: u16 = 488;

/// 500 Server Internal Error: no port or no randomness is left for a leg.
pub(super) const INTERNAL: u16 = 500;

/// 503 Service Unavailable: its Retry-After speaks for the whole trunk (RFC 3261 §21.5.4).
const UNAVAILABLE: u16 = 503;

/// The longest a trunk is spared for what one call was answered, as its servers are: it may well be
/// back earlier.
const SPARED_MAX: Span = Span::secs(600);

/// The statuses whose Retry-After says when the person can be reached again (RFC 3261 §20.33).
const AVAILABLE_AGAIN: [u16; 5] = [404, 480, 486, 600, 603];

/// The first configured pause holds between signing in and the first *ready*.
const PAUSE_AT_LOGIN: PauseId = PauseId(0);

/// What a request is about.
#[derive(Clone, Copy, Debug)]
enum About {
    Agent(AgentId),
    Campaign(CampaignId),
    Engine,
}

impl Engine {
    /// Hears the signalling.
    pub(super) fn hear_sip(&mut self, event: sip::Event) -> Option<Fact> {
        if let Some(fact) = self.hear_caller(&event) {
            return Some(fact);
        }
        match event {
            sip::Event::Ringing(leg) => self.of_callee(leg, CallFact::Ringing),
            sip::Event::Progress(leg, sdp) => {
                self.connect(leg, &sdp).ok();
                self.of_callee(leg, CallFact::EarlyMedia)
            }
            sip::Event::Answered(leg, sdp) => self.hear_answer(leg, &sdp),
            sip::Event::Dialog(leg, dialog) => {
                let party = self.legs.leg(leg)?.party;
                let call = if let Party::Callee(call) = party { Some(call) } else { None };
                self.write_later(Write::Dialog { leg, call, dialog });
                None
            }
            sip::Event::Failed { leg, failure, status, retry_after, reason } => {
                self.hear_trial_failure(leg, status, retry_after, reason);
                self.hear_failure(leg, failure, status, retry_after)
            }
            sip::Event::Ended { leg, bye } => {
                if let Some(trial) = self.trials.get_mut(&leg) {
                    trial.ended();
                }
                // A lost dialog is gone already: nothing is left to hang up.
                self.hear_end(leg, if bye { CallFact::HungUp } else { CallFact::Gone })
            }
            sip::Event::Gone(leg) if self.stale.remove(&leg) => {
                self.write_later(Write::DialogGone(leg));
                None
            }
            sip::Event::Gone(leg) => self.hear_end(leg, CallFact::Gone),
            sip::Event::Offer(leg, offer) => {
                self.answer_offer(leg, offer.as_deref());
                None
            }
            sip::Event::Reanswered(leg, sdp) => {
                self.connect(leg, &sdp).ok();
                None
            }
            sip::Event::Transferred(leg, status, why) => self.hear_transferred(leg, status, &why),
            sip::Event::TransferWanted(leg, to) => self.hear_transfer_wanted(leg, to),
            sip::Event::Incoming(leg, agent, offer) => self.hear_incoming(leg, agent, &offer),
            sip::Event::Called(call) => self.hear_called(*call),
            // Of others than callers it says nothing new.
            sip::Event::Acked(_) | sip::Event::Digit(..) => None,
            sip::Event::Phone(agent, registered) => {
                self.hear_phone(agent, registered);
                None
            }
            sip::Event::Bound(agent, bindings) => {
                self.keep_phones(agent, bindings);
                None
            }
            sip::Event::Trunk(trunk, state, ailment) => self.hear_trunk(trunk, state, ailment),
            sip::Event::Probed(leg) => {
                self.hear_probed(leg);
                None
            }
            sip::Event::Witnessed(leg, said) => {
                if let Some(trial) = self.trials.get_mut(&leg) {
                    trial.witnessed(&said);
                }
                None
            }
            sip::Event::Rest(trunk, span) => Some(Fact::Trunk(trunk, TrunkFact::Spared(span))),
        }
    }

    fn hear_phone(&mut self, agent: AgentId, registered: bool) {
        tracing::info!(%agent, registered, "agent's phone");
        if !registered {
            self.write_later(Write::BindingGone(agent));
        }
    }

    fn keep_phones(&mut self, agent: AgentId, bindings: Vec<(sip::StoredBinding, Span)>) {
        let now = self.parts.clock.now().wall;
        let bindings = bindings.into_iter().map(|(binding, span)| (binding, now + span)).collect();
        self.write_later(Write::Bindings { agent, bindings });
    }

    /// Hears the media.
    pub(super) fn hear_media(&mut self, event: media::Event) -> Option<Fact> {
        match event {
            media::Event::TwoWay { left, right, at } => {
                let answered = [left, right]
                    .into_iter()
                    .filter_map(|leg| self.legs.leg(leg))
                    .find(|leg| matches!(leg.party, Party::Callee(_)))
                    .and_then(|leg| leg.answered);
                if let Some(answered) = answered {
                    self.keep_audio(at.since(answered).as_secs_f64() * 1e3);
                }
                None
            }
            media::Event::PromptDone(leg) => match self.legs.leg(leg)?.party {
                Party::Caller(id) => Some(Fact::Inbound(id, InboundFact::Played)),
                Party::Callee(_) | Party::Agent(_) | Party::Test => {
                    self.of_callee(leg, CallFact::NoticePlayed)
                }
            },
            media::Event::Closed(leg, quality) => {
                self.end_trial(leg, &quality);
                None
            }
            media::Event::Silent(leg) => {
                self.hear_silence(leg);
                None
            }
            media::Event::Dtmf(leg, key) => {
                if let Some(Leg { party: Party::Caller(id), .. }) = self.legs.leg(leg) {
                    return Some(Fact::Inbound(*id, InboundFact::Pressed(key.into())));
                }
                if let Some(trial) = self.trials.get_mut(&leg) {
                    trial.key_came_back();
                }
                None
            }
            media::Event::Joined(leg) => self.hear_joined(leg),
            media::Event::Left(leg) => self.hear_left(leg),
            media::Event::FirstPacket(_) => None,
        }
    }

    /// Has a silent phone of an agent's asked whether it is still there: one that crashed says no
    /// BYE, and one that suppresses silence must not cost its agent the seat.
    fn hear_silence(&self, id: LegId) {
        let party = self.legs.leg(id).map(|leg| leg.party);
        if let Some(Party::Caller(_)) = party {
            // A caller may be muted, and is not kept for long.
        } else if let Some(Party::Agent(agent)) = party {
            tracing::info!(%agent, "the agent's phone is silent: it is asked whether it is there");
            self.signal(Command::Refresh(id));
        } else {
            tracing::warn!(leg = %id, "a leg that should send is silent");
        }
    }

    /// Hears the scribe: committed calls go out, held ones are told to the core, claims are made.
    pub(super) fn hear_written(&mut self, written: Written) -> Vec<Fact> {
        match written {
            Written::Committed(dials) => {
                dials.into_iter().filter_map(|dial| self.place(dial)).collect()
            }
            Written::Held(dials) => {
                let held = dials.into_iter().inspect(|dial| {
                    self.uncommitted.remove(&dial.call);
                });
                held.map(|dial| Fact::Call(dial.call, CallFact::NotRecorded)).collect()
            }
            Written::Failing(why) => {
                self.store_fault = Some(why);
                let now = self.parts.clock.now();
                self.store_fails_until = now.mono + STORE_REST;
                self.store_away.get_or_insert(now.wall);
                self.spare_trunks()
            }
            Written::Back => {
                (self.store_away, self.store_fault) = (None, None);
                self.changed = true;
                self.parts.scribe.flush();
                Vec::new()
            }
            Written::Due(claims) => {
                for claim in claims {
                    self.claim(claim);
                }
                Vec::new()
            }
        }
    }

    /// Hears the store's answer to a claim; a failed claim is asked again a little later.
    pub(super) fn hear_claimed(&mut self, campaign: CampaignId, claimed: Option<Claimed>) -> Fact {
        let fact = if let Some(mut claimed) = claimed {
            self.parts.book.sort_numbers(campaign, &mut claimed);
            self.parts.book.keep_numbers(&claimed);
            CampaignFact::Claimed { leads: claimed.leads, supply: claimed.supply }
        } else {
            let supply = failed_supply(self.parts.clock.now());
            CampaignFact::Claimed { leads: Vec::new(), supply }
        };
        Fact::Campaign(campaign, fact)
    }

    /// Takes a request as facts of its own and says whether they made sense.
    pub(super) fn answer(
        &mut self,
        now: Now,
        ask: Ask,
        facts: &mut Vec<Fact>,
    ) -> Result<Reply, Refused> {
        let fact = match ask {
            Ask::Campaign(campaign, verb) => Fact::Campaign(campaign, campaign_fact(verb)),
            Ask::Refill(campaign) => Fact::Campaign(campaign, CampaignFact::Refilled),
            Ask::Restock(campaign) => Fact::Campaign(campaign, CampaignFact::Restocked),
            Ask::Agent(agent, verb) => Fact::Agent(agent, self.agent_fact(now, agent, verb)?),
            Ask::DoNotCall(person, scope) => Fact::DoNotCall(person, scope),
            Ask::Withdrawn(person, client) => Fact::Withdrawn(person, client),
            Ask::Erased(contact) => {
                self.parts.book.forget(contact);
                Fact::Erased(contact)
            }
            Ask::Corrected(campaign, mut read) => {
                self.parts.book.sort_numbers(campaign, &mut read);
                self.parts.book.keep_numbers(&read);
                let Some(Lead { contact, numbers, .. }) = read.leads.pop() else {
                    return Ok(Reply::Done);
                };
                Fact::Campaign(campaign, CampaignFact::Corrected { contact, numbers })
            }
            Ask::Drain => {
                self.drain(now, facts);
                return Ok(Reply::Done);
            }
            Ask::Offer(agent, offer) => return self.answer_browser(agent, &offer),
            Ask::TestTrunk(..) | Ask::Transfer(..) | Ask::AgentChanged(_) => {
                return Err(Refused::Busy);
            }
        };
        let about = match &fact {
            Fact::Agent(agent, _) => About::Agent(*agent),
            Fact::Campaign(campaign, _) => About::Campaign(*campaign),
            Fact::Trunk(..)
            | Fact::Call(..)
            | Fact::DoNotCall(..)
            | Fact::Withdrawn(..)
            | Fact::Erased(..)
            | Fact::Shown(..)
            | Fact::Inbound(..) => About::Engine,
        };
        let before = self.parts.dialer.surprises();
        self.note(now, fact, facts);
        if self.parts.dialer.surprises() > before {
            return Err(Refused::WrongState(self.present_state(now, about)));
        }
        Ok(Reply::Done)
    }

    /// Says in which state a request met an agent or a campaign that it made no sense for.
    fn present_state(&self, now: Now, about: About) -> String {
        let (dialer, book) = (&self.parts.dialer, &self.parts.book);
        match about {
            About::Agent(agent) => {
                let name = book.agents.get(&agent).map_or("the agent", String::as_str);
                let state = dialer.agent(now, agent).map_or("unknown", |row| row.state.name());
                format!("{name} cannot do that now: the state is {state}")
            }
            About::Campaign(campaign) => {
                let name = book.campaigns.get(&campaign).map_or("the campaign", |page| &page.name);
                let state = dialer.campaign_state(campaign).map(|state| format!("{state:?}"));
                let state =
                    state.map_or_else(|| "unknown".to_owned(), |state| state.to_lowercase());
                format!("{name} cannot do that now: the state is {state}")
            }
            About::Engine => "that cannot be done in the present state".to_owned(),
        }
    }

    /// Takes a new or changed agent, and answers once his or her phone is known.
    pub(super) fn change_agent(
        &mut self,
        now: Now,
        row: AgentRow,
        facts: &mut Vec<Fact>,
        back: Word,
    ) {
        let phone = phone(&row);
        let fact = self.set_agent(row);
        self.note(now, fact, facts);
        let sip = self.parts.sip.clone();
        self.parts.tasks.spawn(async move {
            let word = match sip.set_phone(&phone).await {
                Ok(()) => Ok(Reply::Done),
                Err(error) => Err(Refused::WrongState(error.to_string())),
            };
            // Whoever asked may have gone away: then nobody wants the word.
            drop(back.send(word));
        });
    }

    /// Writes an agent into the book and gives the fact for the core, which knows of no skills: an
    /// agent serves those of his or her campaigns whose skills he or she has.
    pub(super) fn set_agent(&mut self, row: AgentRow) -> Fact {
        self.parts.book.agents.insert(row.id, row.name);
        let pages = &self.parts.book.campaigns;
        let able = |id: &CampaignId| {
            pages.get(id).is_none_or(|page| lacks(&page.requires, &row.skills).is_empty())
        };
        let campaigns = row.campaigns.into_iter().filter(able).collect();
        let settings = agent::Settings { campaigns, pause_at_login: PAUSE_AT_LOGIN };
        Fact::Agent(row.id, AgentFact::Set(settings))
    }

    fn agent_fact(
        &mut self,
        now: Now,
        agent: AgentId,
        verb: AgentVerb,
    ) -> Result<AgentFact, Refused> {
        if !self.parts.book.agents.contains_key(&agent) {
            return Err(Refused::Unknown("agent"));
        }
        Ok(match verb {
            AgentVerb::Login => AgentFact::LoggedIn,
            AgentVerb::Ready => AgentFact::Ready,
            AgentVerb::Pause(code) => AgentFact::Paused(code),
            AgentVerb::Logout => AgentFact::LoggedOut,
            AgentVerb::Dial => AgentFact::PreviewDialed,
            AgentVerb::Skip(reason) => AgentFact::PreviewSkipped(reason),
            AgentVerb::HangUp => AgentFact::HungUp,
            AgentVerb::Hold => AgentFact::Held,
            AgentVerb::Retrieve => AgentFact::Retrieved,
            AgentVerb::ExtendWrap(span) => AgentFact::WrapExtended(span),
            AgentVerb::Qualify(word) => self.qualified(now, agent, *word)?,
        })
    }

    fn qualified(
        &mut self,
        now: Now,
        agent: AgentId,
        word: Qualification,
    ) -> Result<AgentFact, Refused> {
        let present = self.present_call(now, agent);
        let call = word.call.or(present).ok_or(Refused::Unknown("call of this agent"))?;
        if present != Some(call) {
            return Err(Refused::WrongState(
                "only the agent's present call can be qualified, until its wrap-up ends".into(),
            ));
        }
        let disposition = word.disposition.ok_or(Refused::Unknown("disposition"))?;
        if word.details != Details::default() {
            self.write_later(Write::Details { call, details: word.details, at: now.wall });
        }
        Ok(AgentFact::Qualified { call, disposition, callback: word.callback })
    }

    /// Finds the call an agent talks in or writes up.
    pub(super) fn present_call(&self, now: Now, agent: AgentId) -> Option<CallId> {
        match self.parts.dialer.agent(now, agent)?.state {
            AgentState::Talking(call) | AgentState::Holding(call) | AgentState::Wrapping(call) => {
                Some(call)
            }
            AgentState::LoggedOut
            | AgentState::Paused(_)
            | AgentState::Ready
            | AgentState::Previewing(_)
            | AgentState::Reserved(_)
            | AgentState::Resting(_) => None,
        }
    }

    /// Begins to leave: no new calls, conversations end by themselves.
    fn drain(&mut self, now: Now, facts: &mut Vec<Fact>) {
        self.draining = true;
        let campaigns: Vec<CampaignId> = self.parts.book.campaigns.keys().copied().collect();
        for campaign in campaigns {
            self.note(now, Fact::Campaign(campaign, CampaignFact::Drained), facts);
        }
    }

    /// Sends the agents of a draining engine home once no call is left: until then each may still
    /// be needed by a person who answers.
    pub(super) fn send_home(&mut self, now: Now, facts: &mut Vec<Fact>) {
        let dialer = &self.parts.dialer;
        if !self.draining || dialer.calls_in_progress() > 0 || !self.uncommitted.is_empty() {
            return;
        }
        let waits = |state| {
            matches!(state, AgentState::Ready | AgentState::Paused(_) | AgentState::Previewing(_))
        };
        let waiting = dialer.agents(now).filter(|row| waits(row.state)).map(|row| row.agent);
        for agent in waiting.collect::<Vec<_>>() {
            self.note(now, Fact::Agent(agent, AgentFact::LoggedOut), facts);
        }
        self.end_idle_browsers();
    }

    /// Lets the dialer take a fact, and keeps it for the tape.
    pub(super) fn note(&mut self, now: Now, fact: Fact, facts: &mut Vec<Fact>) {
        self.parts.dialer.take(now, fact.clone());
        facts.push(fact);
    }

    /// Makes a fact of the call a callee's leg serves.
    fn of_callee(&mut self, leg: LegId, fact: CallFact) -> Option<Fact> {
        let now = self.parts.clock.mono();
        if let Some(trial) = self.trials.get_mut(&leg) {
            trial.heard(now, fact);
        }
        match self.legs.leg(leg)?.party {
            Party::Callee(call) => Some(Fact::Call(call, fact)),
            Party::Agent(_) | Party::Caller(_) | Party::Test => None,
        }
    }

    /// Points a leg's audio to where the far end's answer says.
    ///
    /// # Errors
    /// The answer has no audio that can be used.
    fn connect(&mut self, id: LegId, answer: &Sdp) -> Result<(), SdpError> {
        let Some(leg) = self.legs.leg_mut(id) else { return Ok(()) };
        match leg.side.agree(answer) {
            Ok(remote) => {
                let suite = remote.keys.map(|keys| keys.send.suite().name());
                tracing::debug!(leg = %id, suite, "where the audio goes");
                if let Some(trial) = self.trials.get_mut(&id) {
                    trial.connected(&remote);
                }
                heard(self.parts.media.connect(id, remote));
                Ok(())
            }
            Err(error) => {
                tracing::warn!(leg = %id, %error, "no usable audio in the answer");
                Err(error)
            }
        }
    }

    fn hear_answer(&mut self, id: LegId, answer: &Sdp) -> Option<Fact> {
        let now = self.parts.clock.mono();
        let Leg { party, ending, .. } = *self.legs.leg(id)?;
        if ending {
            // The answer crossed our cancel; only the core cares who picked up.
            let Party::Callee(call) = party else { return None };
            return Some(Fact::Call(call, CallFact::Answered));
        }
        if let Err(error) = self.connect(id, answer) {
            if let Some(trial) = self.trials.get_mut(&id) {
                trial.rejected(&error);
                self.end_trial_call(now, id);
                return None;
            }
            if let Party::Callee(call) = party {
                self.legs.leg_mut(id)?.answered = Some(now);
                return Some(Fact::Call(call, CallFact::Unusable(NO_USABLE_AUDIO)));
            }
            self.signal(Command::HangUp(id));
            return self.hear_failure(id, Failure::TrunkFault, NO_USABLE_AUDIO, None);
        }
        self.legs.leg_mut(id)?.answered = Some(now);
        match party {
            Party::Callee(call) => Some(Fact::Call(call, CallFact::Answered)),
            Party::Agent(agent) => {
                heard(self.parts.media.feed(id, Feed::Silence));
                Some(Fact::Agent(agent, AgentFact::LegUp))
            }
            Party::Caller(_) => None,
            Party::Test => {
                let trial = self.trials.get_mut(&id)?;
                trial.heard(now, CallFact::Answered);
                heard(self.parts.media.feed(id, trial.feed()));
                None
            }
        }
    }

    fn hear_failure(
        &mut self,
        id: LegId,
        failure: Failure,
        status: u16,
        retry_after: Option<Span>,
    ) -> Option<Fact> {
        let leg = self.drop_leg(id)?;
        match leg.party {
            Party::Callee(call) => {
                let full = (failure, status) == (Failure::Congestion, UNAVAILABLE);
                if let (true, Some(span), Some(trunk)) = (full, retry_after, leg.trunk) {
                    let span = span.min(SPARED_MAX);
                    let trunk_name = self.parts.book.trunk_name(trunk);
                    tracing::warn!(trunk = trunk_name, %span, "the carrier asks to be spared");
                    self.pending.push(Fact::Trunk(trunk, TrunkFact::Spared(span)));
                }
                if let Some(trunk) = leg.trunk.filter(|_| sip::is_of_attestation(status)) {
                    self.unbelieved(trunk, status);
                }
                let after = retry_after.filter(|_| AVAILABLE_AGAIN.contains(&status));
                Some(Fact::Call(call, CallFact::Failed { failure, cause: status, after }))
            }
            Party::Agent(agent) => {
                tracing::warn!(%agent, status, "the agent's phone cannot be reached");
                self.seat_lost(agent)
            }
            Party::Caller(_) | Party::Test => None,
        }
    }

    pub(super) fn hear_end(&mut self, id: LegId, how: CallFact) -> Option<Fact> {
        match self.drop_leg(id)?.party {
            Party::Callee(call) => Some(Fact::Call(call, how)),
            Party::Agent(agent) => self.seat_lost(agent),
            Party::Caller(_) | Party::Test => None,
        }
    }

    /// Forgets a leg that signalling says is over, and ends its audio.
    pub(super) fn drop_leg(&mut self, id: LegId) -> Option<Leg> {
        let leg = self.legs.remove(id)?;
        heard(self.parts.media.close(id));
        if let Party::Callee(call) = leg.party {
            self.cut_transfer(call);
        }
        if leg.answered.is_some() && !leg.browser {
            self.write_later(Write::DialogGone(id));
        }
        Some(leg)
    }

    /// Answers a change the far end offers inside a dialog.
    fn answer_offer(&mut self, id: LegId, offer: Option<&[u8]>) {
        let entropy = self.entropy();
        let Some(leg) = self.legs.leg_mut(id) else { return };
        let command = match (entropy, offer) {
            (None, _) => Command::Reject(id, INTERNAL),
            (Some(entropy), None) => {
                Command::Accept(id, leg.side.offer(Direction::SendRecv, entropy))
            }
            (Some(entropy), Some(offer)) => match leg.side.answer(offer, entropy) {
                Ok((answer, remote)) => {
                    heard(self.parts.media.connect(id, remote));
                    Command::Accept(id, answer)
                }
                Err(error) => {
                    tracing::warn!(leg = %id, %error, "an offer inside a dialog cannot be met");
                    Command::Reject(id, NO_USABLE_AUDIO)
                }
            },
        };
        self.signal(command);
    }

    /// An agent's phone calls in to sit down for the shift.
    fn hear_incoming(&mut self, id: LegId, agent: AgentId, offer: &Sdp) -> Option<Fact> {
        // 486 Busy Here: the agent sits on another leg already; 480: not signed in.
        let refusal = if self.legs.of_agent(agent).is_some() {
            486
        } else if !self.logged_in(agent) {
            480
        } else {
            return self.accept_incoming(id, agent, offer);
        };
        self.signal(Command::Reject(id, refusal));
        None
    }

    fn accept_incoming(&mut self, id: LegId, agent: AgentId, offer: &Sdp) -> Option<Fact> {
        let srtp = self.parts.book.phones_srtp;
        let far = sdp::read(offer).ok().map(|offer| offer.rtp.ip());
        let Some((mut leg, entropy)) = self.open_leg(id, Party::Agent(agent), srtp, far) else {
            self.signal(Command::Reject(id, INTERNAL));
            return None;
        };
        match leg.side.answer(offer, entropy) {
            Ok((answer, remote)) => {
                leg.answered = Some(self.parts.clock.mono());
                self.legs.insert(id, leg);
                heard(self.parts.media.connect(id, remote));
                heard(self.parts.media.feed(id, Feed::Silence));
                self.signal(Command::Accept(id, answer));
                Some(Fact::Agent(agent, AgentFact::LegUp))
            }
            Err(error) => {
                tracing::warn!(%agent, %error, "the agent's phone offers no usable audio");
                heard(self.parts.media.close(id));
                self.signal(Command::Reject(id, NO_USABLE_AUDIO));
                None
            }
        }
    }

    pub(super) fn logged_in(&self, agent: AgentId) -> bool {
        let row = self.parts.dialer.agent(self.parts.clock.now(), agent);
        row.is_some_and(|row| row.state != AgentState::LoggedOut)
    }
}

/// Gives an agent's phone as the signalling needs it.
pub(super) fn phone(row: &AgentRow) -> sip::Phone {
    sip::Phone {
        agent: row.id,
        user: row.name.clone(),
        ha1: row.ha1.clone(),
        contact: row.contact_uri.clone(),
    }
}

const fn campaign_fact(verb: CampaignVerb) -> CampaignFact {
    match verb {
        CampaignVerb::Start => CampaignFact::Started,
        CampaignVerb::Pause => CampaignFact::Paused,
        CampaignVerb::Drain => CampaignFact::Drained,
        CampaignVerb::Stop => CampaignFact::Stopped,
    }
}
