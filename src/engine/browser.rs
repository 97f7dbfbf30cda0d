//! An agent's browser as the telephone of the shift, in the place of a SIP phone.
//!
//! The page's offer is answered at once. The leg becomes the agent's when the browser has joined,
//! in the place of the one before: a page that is opened anew while its agent talks goes on with
//! the conversation. Its end is told as a phone's BYE.

use super::Engine;
use super::handle::{Refused, Reply};
use super::legs::{Leg, Party};
use super::perform::heard;
use crate::core::Fact;
use crate::core::fact::{AgentFact, CallFact};
use crate::core::order::AgentState;
use crate::media::Feed;
use crate::sip::Command;
use crate::units::{AgentId, LegId};

impl Engine {
    /// Answers the offer of an agent's browser; a newer one takes the place of one not joined yet.
    pub(super) fn answer_browser(&mut self, agent: AgentId, offer: &str) -> Result<Reply, Refused> {
        if !self.parts.book.agents.contains_key(&agent) {
            return Err(Refused::Unknown("agent"));
        }
        let id = self.legs.next_id();
        let answer = self.parts.media.answer(id, offer);
        let (local, answer) = answer.map_err(|error| Refused::WrongState(error.to_string()))?;
        let leg = Leg::new(id, Party::Agent(agent), local, self.parts.book.phones_srtp);
        let leg = Leg { browser: true, ..leg };
        if let Some((before, _)) = self.joining.insert(agent, (id, leg)) {
            heard(self.parts.media.close(before));
        }
        Ok(Reply::Answer(answer))
    }

    /// Hears that a browser joined: its leg is the agent's from now on.
    pub(super) fn hear_joined(&mut self, id: LegId) -> Option<Fact> {
        let agent = self.joining_agent(id)?;
        let (_, mut leg) = self.joining.remove(&agent)?;
        let before = self.legs.of_agent(agent);
        let before = before.filter(|id| self.legs.leg(*id).is_some_and(|leg| !leg.ending));
        // What the core was told of the leg before holds of this one.
        leg.answered = before.and_then(|before| self.legs.leg(before)?.answered);
        self.legs.insert(id, leg);
        heard(self.parts.media.feed(id, Feed::Silence));
        tracing::info!(%agent, "the agent's browser is the telephone");
        if let Some(callee) = self.callee_of(agent) {
            heard(self.parts.media.bridge(callee, id));
        }
        if let Some(before) = before {
            self.end_seat(before);
        }
        self.seated(agent)
    }

    /// Hears that a browser left, or never joined.
    pub(super) fn hear_left(&mut self, id: LegId) -> Option<Fact> {
        let Some(agent) = self.joining_agent(id) else {
            return self.hear_end(id, CallFact::Gone);
        };
        self.joining.remove(&agent);
        heard(self.parts.media.close(id));
        tracing::warn!(%agent, "the agent's browser did not join: is UDP let through to us?");
        self.seat_lost(agent)
    }

    /// Tells the core of a browser that is there, once and while its agent is signed in.
    pub(super) fn seated(&mut self, agent: AgentId) -> Option<Fact> {
        let now = self.parts.clock.mono();
        let signed_in = self.logged_in(agent);
        let id = self.legs.of_agent(agent)?;
        let leg = self.legs.leg_mut(id)?;
        if !leg.browser || !signed_in || leg.answered.is_some() {
            return None;
        }
        leg.answered = Some(now);
        Some(Fact::Agent(agent, AgentFact::LegUp))
    }

    /// Tells the core that an agent's leg is gone, unless another has taken its place.
    pub(super) fn seat_lost(&self, agent: AgentId) -> Option<Fact> {
        self.legs.of_agent(agent).is_none().then_some(Fact::Agent(agent, AgentFact::LegDown))
    }

    /// Ends an agent's leg: a browser's at once, a phone's by BYE or CANCEL.
    pub(super) fn end_seat(&mut self, id: LegId) {
        if self.legs.leg(id).is_some_and(|leg| leg.browser) {
            self.drop_leg(id);
        } else {
            self.end_leg(id, Command::HangUp(id));
        }
    }

    /// Ends the browsers' legs of those who are not signed in: an engine that leaves waits for
    /// nobody who does not work.
    pub(super) fn end_idle_browsers(&mut self) {
        let agents = self.parts.book.agents.keys().filter(|agent| !self.logged_in(**agent));
        let legs: Vec<LegId> = agents.filter_map(|agent| self.legs.of_agent(*agent)).collect();
        for id in legs {
            if self.legs.leg(id).is_some_and(|leg| leg.browser) {
                self.drop_leg(id);
            }
        }
    }

    fn joining_agent(&self, id: LegId) -> Option<AgentId> {
        let mut joining = self.joining.iter();
        joining.find_map(|(agent, (leg, _))| (*leg == id).then_some(*agent))
    }

    /// Finds the leg of the person an agent talks to.
    fn callee_of(&self, agent: AgentId) -> Option<LegId> {
        match self.parts.dialer.agent(self.parts.clock.now(), agent)?.state {
            AgentState::Talking(call) => self.legs.of_call(call),
            AgentState::LoggedOut
            | AgentState::Paused(_)
            | AgentState::Ready
            | AgentState::Previewing(_)
            | AgentState::Reserved(_)
            | AgentState::Holding(_)
            | AgentState::Wrapping(_)
            | AgentState::Resting(_) => None,
        }
    }
}
