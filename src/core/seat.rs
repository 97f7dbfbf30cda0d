//! What happens at the agents' seats: moves agents, performs what their machine asks, and keeps
//! the queues they wait in.

use super::agent::{Agent, Effect, Event, Leg, State, Want, Writing};
use super::call;
use super::campaign::{DispositionClass, Then};
use super::fact::{AgentFact, Callback, DncScope, SkipReason};
use super::hopper::Stocked;
use super::order::{AgentState, DoneReason, Next, Qualified};
use super::{Dialer, Order, Record, Wake, pacing, recycle};
use crate::units::{AgentId, CallId, CampaignId, DispositionId, Mono, Now, Span};

/// How long a contact passed over with *later* waits: an hour, so that it does not come back to
/// the same agent's next preview.
const SKIPPED_WAIT: Span = Span::secs(3_600);

impl Dialer {
    pub(super) fn take_agent(&mut self, now: Now, id: AgentId, fact: AgentFact) {
        let Some(event) = Event::of(&fact) else {
            if let AgentFact::Set(settings) = fact {
                self.set_agent(now, id, settings);
            }
            return;
        };
        let said = match fact {
            AgentFact::Qualified { call, disposition, callback } => {
                Some((call, disposition, callback))
            }
            AgentFact::Set(_)
            | AgentFact::LoggedIn
            | AgentFact::LegUp
            | AgentFact::LegDown
            | AgentFact::Ready
            | AgentFact::Paused(_)
            | AgentFact::LoggedOut
            | AgentFact::PreviewDialed
            | AgentFact::PreviewSkipped(_)
            | AgentFact::HungUp
            | AgentFact::Held
            | AgentFact::Retrieved
            | AgentFact::WrapExtended(_) => None,
        };
        if !self.agents.contains_key(&id) {
            self.surprise();
        } else if let Some((call, disposition, callback)) = said {
            self.take_qualified(now, id, call, disposition, callback);
        } else {
            let event = self.postponed(now, id, event);
            self.step_agent(now, id, event);
        }
    }

    /// Takes an agent's campaigns, at once unless he is ready and a line in flight or a proved cap
    /// counts on him.
    fn set_agent(&mut self, now: Now, id: AgentId, settings: super::agent::Settings) {
        let team = self.teams.place(&settings.campaigns);
        let Some(agent) = self.agents.get_mut(&id) else {
            self.agents.insert(id, Agent::new(settings, team, now.mono));
            return;
        };
        if agent.state.is_ready() && team != agent.team && !self.can_spare(now, id) {
            self.put_off(now, id, settings);
        } else {
            self.post(now, id, settings);
        }
    }

    /// Gives an agent his campaigns; one who is ready keeps his place in the new queues.
    pub(super) fn post(&mut self, now: Now, id: AgentId, settings: super::agent::Settings) {
        let team = self.teams.place(&settings.campaigns);
        let Some(agent) = self.agents.get_mut(&id) else { return };
        agent.posted = None;
        let (before, label, aside) = (agent.team, agent.label(), agent.is_aside());
        (agent.team, agent.settings) = (team, settings);
        let strays = agent.serving.is_some_and(|id| !agent.settings.campaigns.contains(&id));
        let place = (agent.idle_since, id);
        let old = self.teams.at_mut(before);
        old.recount(label, AgentState::LoggedOut);
        let was_ready = old.dequeue(place);
        let new = self.teams.at_mut(team);
        new.recount(AgentState::LoggedOut, label);
        if team != before || !aside {
            self.bound.remove(&id);
        }
        if was_ready {
            new.enqueue(place, aside);
            self.offer(now, id);
        } else if strays {
            self.lose_sight(now.mono, id);
        }
    }

    /// Moves an agent by one event, performs what that asks for, and offers him a waiting person
    /// if it left him ready.
    pub(super) fn step_agent(&mut self, now: Now, id: AgentId, event: Event) {
        let Some(agent) = self.agents.get_mut(&id) else { return };
        let (label, queued, due) = (agent.label(), agent.idle_since, agent.due());
        let leg_was_down = agent.leg == Leg::Down;
        let lost_leg = matches!(event, Event::LegFell);
        let leaves = agent.goes().then_some(agent.leaves_from);
        let counted_until = leaves.or(agent.kept_from).unwrap_or(self.next_call);
        let Ok(effect) = agent.step(now.mono, event) else {
            self.surprises += 1;
            return;
        };
        if agent.due() != due {
            self.timers.put(Wake::Agent(id), agent.due());
        }
        if lost_leg && agent.at_work() {
            self.timers.set(Wake::Leg(id), agent.next_raise(now.mono));
        } else if leg_was_down && (agent.leg != Leg::Down || !agent.at_work()) {
            self.timers.clear(Wake::Leg(id));
        }
        let new_label = agent.label();
        let (team, place, aside) = (agent.team, agent.idle_since, agent.is_aside());
        let (goes_over, comes_back) = (agent.posted.is_some(), agent.comes_back());
        if lost_leg && label == AgentState::Ready {
            self.missed.insert(id, CallId::of(self.settings.node, counted_until));
            self.leave_line(team);
        } else if new_label == AgentState::Ready {
            self.missed.remove(&id);
        }
        if !comes_back {
            self.lose_sight(now.mono, id);
        }
        if !aside {
            self.bound.remove(&id);
        }
        if new_label != label {
            self.queue(team, id, (label, queued), (new_label, place), aside);
            self.moved(now.mono, id, label, new_label);
        } else if label == AgentState::Ready {
            self.teams.at_mut(team).requeue((queued, id), aside);
        }
        if let Some(effect) = effect {
            self.perform_agent(now, id, effect);
        }
        if new_label == AgentState::Ready {
            self.offer(now, id);
        } else if goes_over
            && let Some(posted) = self.agents.get_mut(&id).and_then(|agent| agent.posted.take())
        {
            self.post(now, id, posted);
        }
    }

    /// Keeps a team's queues and counts in step with an agent's change of state.
    fn queue(
        &mut self,
        team: usize,
        id: AgentId,
        (from, queued): (AgentState, Mono),
        (to, place): (AgentState, Mono),
        aside: bool,
    ) {
        let team = self.teams.at_mut(team);
        team.recount(from, to);
        if from == AgentState::Ready {
            team.dequeue((queued, id));
        }
        if to == AgentState::Ready {
            team.enqueue((place, id), aside);
        }
    }

    /// Notes that the lines which count on a ready agent of a team have lost him.
    fn leave_line(&mut self, team: usize) {
        let home = self.teams.at(team).home;
        if let Some(campaign) = home.and_then(|home| self.campaigns.get_mut(&home)) {
            campaign.surplus += pacing::lines_of(campaign.settings.mode, 1);
        }
    }

    /// Shows an agent's change of state to his pacer, and records it.
    fn moved(&mut self, now: Mono, id: AgentId, from: AgentState, to: AgentState) {
        self.watch(now, id, from, to);
        self.record(Record::AgentState { agent: id, state: to });
        if to == AgentState::LoggedOut {
            self.orders.push_back(Order::DropLeg(id));
        }
    }

    /// Lets the pacer of the campaign whose call an agent has, or had, see what he does.
    fn watch(&mut self, now: Mono, id: AgentId, from: AgentState, to: AgentState) {
        let Some(agent) = self.agents.get_mut(&id).filter(|agent| agent.comes_back()) else {
            return;
        };
        let campaign = match (from, to) {
            // Whoever was out of sight when he held the call stays so when he retrieves it.
            (AgentState::Holding(_), _) => agent.serving,
            (_, AgentState::Talking(call)) => {
                let served = self.calls.get(&call).map(|call| call.campaign);
                served.filter(|served| agent.settings.campaigns.contains(served))
            }
            (_, _) => agent.serving,
        };
        let busy = match to {
            AgentState::Talking(_)
            | AgentState::Holding(_)
            | AgentState::Wrapping(_)
            | AgentState::Resting(_) => true,
            AgentState::LoggedOut
            | AgentState::Paused(_)
            | AgentState::Ready
            | AgentState::Previewing(_)
            | AgentState::Reserved(_) => false,
        };
        agent.serving = campaign.filter(|_| busy);
        let campaign = campaign.and_then(|campaign| self.campaigns.get_mut(&campaign));
        if let Some(pacer) = campaign.and_then(|campaign| campaign.pacer.as_mut()) {
            pacer.agent_moved(now, id, from, to);
        }
    }

    /// Lets the pacer of the campaign whose call an agent has foresee his release no more.
    pub(super) fn lose_sight(&mut self, now: Mono, id: AgentId) {
        let serving = self.agents.get_mut(&id).and_then(|agent| agent.serving.take());
        let campaign = serving.and_then(|campaign| self.campaigns.get_mut(&campaign));
        if let Some(pacer) = campaign.and_then(|campaign| campaign.pacer.as_mut()) {
            pacer.loses_sight(now, id);
        }
    }

    fn perform_agent(&mut self, now: Now, id: AgentId, effect: Effect) {
        match effect {
            Effect::RaiseLeg => self.orders.push_back(Order::RaiseLeg(id)),
            Effect::DropLeg => self.orders.push_back(Order::DropLeg(id)),
            // Dialled when the batch is settled, or as soon as a trunk has room.
            Effect::Dial(campaign) => {
                if let Some(campaign) = self.campaigns.get_mut(&campaign) {
                    campaign.wanted.insert(id);
                }
            }
            Effect::Skip(campaign, stocked, reason) => {
                self.skip(now, id, campaign, &stocked, reason);
            }
            Effect::Withdraw(campaign, stocked) => {
                self.preview_over(id, campaign);
                self.release(now, campaign, &[stocked]);
            }
            Effect::GiveUp(call) => {
                self.unreserve(call);
                self.step_call(now, call, call::Event::GivenUp);
            }
            Effect::Unreserve(call) => {
                self.unreserve(call);
                let end = CallId::of(self.settings.node, self.next_call);
                let Some(call) = self.calls.get_mut(&call) else { return };
                call.forsaken = Some((id, end));
                if let Some(campaign) = self.campaigns.get_mut(&call.campaign) {
                    campaign.surplus += 1;
                }
            }
            Effect::EndTalk(call) => self.step_call(now, call, call::Event::AgentHungUp),
            Effect::LoseTalk(talk) => {
                let end = CallId::of(self.settings.node, self.next_call);
                if let Some(call) = self.calls.get_mut(&talk) {
                    call.forsaken = Some((id, end));
                }
                self.step_call(now, talk, call::Event::AgentLost);
            }
            Effect::Hold(call) => self.step_call(now, call, call::Event::Held),
            Effect::Retrieve(call) => self.step_call(now, call, call::Event::Retrieved),
            Effect::Written(writing) => self.written(now, &writing),
            // The disposition is noted by `take_qualified`, the timer was set with the state.
            Effect::Qualify | Effect::Extended => {}
        }
    }

    /// Raises a fallen leg again; an agent whose leg fails for ever is signed out.
    pub(super) fn raise_leg_again(&mut self, now: Now, id: AgentId) {
        let Some(agent) = self.agents.get_mut(&id) else { return };
        if agent.leg_failed() {
            self.step_agent(now, id, Event::Wants(Want::Leave));
        } else {
            agent.raise_again();
            self.orders.push_back(Order::RaiseLeg(id));
        }
    }

    /// Ends a preview: the agent sees nothing any more.
    pub(super) fn preview_over(&mut self, id: AgentId, campaign: CampaignId) {
        self.orders.push_back(Order::ClearPreview(id));
        if let Some(campaign) = self.campaigns.get_mut(&campaign) {
            campaign.previewing = campaign.previewing.saturating_sub(1);
            campaign.wanted.remove(&id);
        }
    }

    fn skip(
        &mut self,
        now: Now,
        id: AgentId,
        campaign: CampaignId,
        stocked: &Stocked,
        reason: SkipReason,
    ) {
        self.preview_over(id, campaign);
        let next = match reason {
            SkipReason::Later => {
                let lead = &stocked.lead;
                recycle::postponed(lead, now.wall + SKIPPED_WAIT, lead.next_number)
            }
            SkipReason::BadRecord | SkipReason::NotOurs => Next::Done(DoneReason::Skipped),
        };
        let contact = stocked.lead.contact;
        self.resolve(now, campaign, contact, next);
        self.record(Record::Skipped { campaign, contact, agent: id, reason, next });
    }

    fn take_qualified(
        &mut self,
        now: Now,
        id: AgentId,
        call: CallId,
        disposition: DispositionId,
        callback: Option<Callback>,
    ) {
        let Some(agent) = self.agents.get_mut(&id) else { return };
        let writing = match &agent.state {
            State::Wrapping(writing) => Some((**writing).clone()),
            State::Talking(_) | State::Holding(_) => self.calls.get(&call).map(|talk| Writing {
                call,
                campaign: talk.campaign,
                lead: std::sync::Arc::clone(&talk.lead),
                index: talk.index,
                since: now.mono,
                until: None,
                extension: Span::ZERO,
                said: talk.qualified.map(|(said, _)| said),
            }),
            State::LoggedOut
            | State::Paused { .. }
            | State::Ready
            | State::Previewing(..)
            | State::Reserved(_)
            | State::Resting { .. } => None,
        };
        let allowed = agent.step(now.mono, Event::Qualifies(call)).is_ok();
        let Some(writing) = writing.filter(|_| allowed) else { return self.surprise() };
        let Some(next) = self.qualify(now, Some(id), &writing, disposition, callback) else {
            return self.surprise();
        };
        if let Some(Agent { state: State::Wrapping(writing), .. }) = self.agents.get_mut(&id) {
            writing.said = Some(disposition);
        }
        if let Some(call) = self.calls.get_mut(&call) {
            call.qualified = Some((disposition, next));
        }
    }

    /// Notes a disposition and says what it makes of the contact; `None` if there is no such one.
    fn qualify(
        &mut self,
        now: Now,
        agent: Option<AgentId>,
        writing: &Writing,
        disposition: DispositionId,
        callback: Option<Callback>,
    ) -> Option<Next> {
        let campaign = self.campaigns.get_mut(&writing.campaign)?;
        let meaning = *campaign.settings.dispositions.get(&disposition)?;
        let classes = &campaign.settings.dispositions;
        let before = writing.said.and_then(|said| classes.get(&said)).map(|d| d.class);
        let refused = |class| class == DispositionClass::ArguedNegative;
        campaign.totals.requalify(before, meaning.class);
        let client = campaign.settings.client;
        let number = writing.lead.numbers.get(writing.index)?;
        let retry = |wait| Next::Retry { at: now.wall + wait, number: Some(number.number) };
        let next = match meaning.then {
            Then::Close => Next::Done(DoneReason::Qualified),
            Then::Retry(wait) => retry(wait),
            Then::Callback(wait) => callback.map_or_else(|| retry(wait), Next::Callback),
            Then::DoNotCall => Next::Done(DoneReason::DoNotCall),
            Then::WrongNumber => recycle::wrong_number(&writing.lead, writing.index, now.wall),
        };
        // Who says no on one number says it for all he has.
        let persons = writing.lead.numbers.iter().map(|number| number.person);
        if refused(meaning.class) || before.is_some_and(refused) {
            for person in persons.clone() {
                let who = (client, person, writing.call);
                self.persons.note_refusal(now, who, refused(meaning.class));
            }
        }
        self.record(Record::Qualified(Qualified {
            call: writing.call,
            campaign: writing.campaign,
            contact: writing.lead.contact,
            agent,
            disposition,
            next,
            wrong_number: meaning.then == Then::WrongNumber,
            wrap: now.mono.since(writing.since),
            at: now.wall,
        }));
        if meaning.then == Then::DoNotCall {
            for person in persons {
                self.note_wish(now, person, DncScope::Client(client), Some(writing.call));
            }
        }
        self.falls_due(now, writing.campaign, next);
        Some(next)
    }

    /// Ends a write-up, with the campaign's default disposition if none was given.
    fn written(&mut self, now: Now, writing: &Writing) {
        let campaign = self.campaigns.get_mut(&writing.campaign);
        let default = campaign.and_then(|campaign| {
            campaign.wrapping = campaign.wrapping.saturating_sub(1);
            campaign.settings.wrap.default
        });
        if writing.said.is_none()
            && let Some(default) = default
        {
            let next = self.qualify(now, None, writing, default, None);
            if let (Some(next), Some(call)) = (next, self.calls.get_mut(&writing.call)) {
                call.qualified = Some((default, next));
            }
        }
        match self.calls.get_mut(&writing.call) {
            // Its leg is still being hung up: the story ends when that is done.
            Some(call) => call.writing = false,
            None => self.record(Record::Completed(writing.call)),
        }
    }
}
