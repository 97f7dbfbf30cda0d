//! Places calls and previews: lead, trunk, gate, order.

use std::sync::Arc;

use super::agent;
use super::call::{self, Call};
use super::campaign::{Campaign, Mode};
use super::fact::Lead;
use super::floor::CallStage;
use super::hopper::{self, Stocked};
use super::order::{AgentState, CampaignState, Dial, Next, Opened, RuleRefusal, Stage};
use super::pacing::predictive::Odds;
use super::pacing::{self, Decision, Limit, View};
use super::routing::{Closed, Opening, Prospect, Way};
use super::rules::{self, Refusal, Refused, RuleId};
use super::trunks::Blocked;
use super::{Dialer, Order, Record, Wake};
use crate::units::{AgentId, CallId, CampaignId, Mono, Now, Span, TrunkId};

/// How long a contact waits whose number has no way, when enough others do so in stock: trunks and
/// numbers shown come back within minutes or not today.
const DEAD_END_WAIT: Span = Span::secs(300);

/// A call about to be opened.
struct Placed {
    campaign: CampaignId,
    lead: Arc<Lead>,
    index: usize,
    way: Way,
    agent: Option<AgentId>,
    /// The trunks that refused it before.
    tried: Vec<TrunkId>,
    /// What a predictive pacer places it with.
    odds: Option<Odds>,
}

impl Placed {
    /// A call that no pacer's forecast is about.
    fn alone(
        campaign: CampaignId,
        lead: Arc<Lead>,
        index: usize,
        way: Way,
        agent: Option<AgentId>,
    ) -> Self {
        Self { campaign, lead, index, way, agent, tried: Vec::new(), odds: None }
    }
}

impl Dialer {
    /// Draws what the pacer of a campaign sees; all zero for a campaign nobody has set.
    #[must_use]
    pub fn view(&self, id: CampaignId) -> View {
        let Some(campaign) = self.campaigns.get(&id) else { return View::default() };
        let ready = self.teams.ready_at_home(id);
        let ready = u32::try_from(ready).unwrap_or(u32::MAX).saturating_sub(self.borrowed(id));
        let (paused, resting) = self
            .teams
            .of(id)
            .fold((0, 0), |(paused, resting), team| (paused + team.paused, resting + team.resting));
        let (answered, abandoned) = self.counts(campaign);
        View { ready, paused, resting, answered, abandoned, ..campaign.view() }
    }

    /// Counts the lines that other campaigns ring for this one's ready agents: those beyond the
    /// agents who count for them, when they serve agents together.
    fn borrowed(&self, id: CampaignId) -> u32 {
        let mut others = Vec::new();
        for team in self.teams.of(id).filter(|team| team.campaigns.len() > 1) {
            others.extend(team.campaigns.iter().copied().filter(|&other| other != id));
        }
        others.sort_unstable();
        others.dedup();
        let beyond = |other| {
            let campaign = self.campaigns.get(&other)?;
            let ready = u32::try_from(self.teams.ready_at_home(other)).unwrap_or(u32::MAX);
            let own = pacing::lines_of(campaign.settings.mode, ready);
            Some(campaign.view().lines().saturating_sub(own))
        };
        others.into_iter().filter_map(beyond).sum()
    }

    /// Lets the pacer of a running campaign decide, and places what is granted. Gives the moment
    /// at which a limit passes by itself.
    pub(super) fn pace(&mut self, now: Now, id: CampaignId) -> Option<Mono> {
        let mode = self.campaigns.get(&id)?.settings.mode;
        let personal = self.serve_personal(now, id, mode == Mode::Preview);
        if mode == Mode::Preview {
            let dialled = self.dial_previews(now, id);
            let ready = self.view(id).ready;
            self.show_previews(now, id, ready);
            return [personal, dialled].into_iter().flatten().min();
        }
        let paced = if matches!(mode, Mode::Predictive { .. }) {
            self.pace_pool(now, id)
        } else {
            self.turn_rates(now, &[id]);
            let view = self.view(id);
            let campaign = self.campaigns.get(&id)?;
            let asked = pacing::ask(mode, &view);
            let (granted, limit) = pacing::within_cap(asked, &campaign.settings.abandon, &view);
            let calls = self.within_proofs(now, id, granted.calls);
            let limit = match calls < granted.calls {
                true if self.proves(&[id]) => Limit::Abandon,
                true => Limit::Neighbor,
                false => limit,
            };
            let (placed, blocked) = self.place_all(now, id, calls, None);
            if asked.calls > 0 {
                let limit = blocked.map_or(limit, |blocked| blocked.limit);
                self.decided(id, Decision { view, ask: asked, placed, limit, forecast: None });
            }
            blocked.and_then(|blocked| blocked.until)
        };
        [personal, paced].into_iter().flatten().min()
    }

    /// Places calls until one is refused room.
    pub(super) fn place_all(
        &mut self,
        now: Now,
        id: CampaignId,
        calls: u32,
        odds: Option<Odds>,
    ) -> (u32, Option<Blocked>) {
        for placed in 0..calls {
            if let Err(blocked) = self.place(now, id, odds, None) {
                return (placed, Some(blocked));
            }
        }
        (calls, None)
    }

    /// Keeps a decision, and records it if it placed a call or differs from the one before.
    pub(super) fn decided(&mut self, id: CampaignId, decision: Decision) {
        let Some(campaign) = self.campaigns.get_mut(&id) else { return };
        let told = |decision: &Decision| (decision.ask, decision.placed, decision.limit);
        let news = campaign.decision.as_ref().map(told) != Some(told(&decision));
        if news || decision.placed > 0 {
            campaign.decision = Some(decision);
            self.record(Record::Decided(id, decision));
        }
    }

    /// Places one call of a campaign, for an agent or whoever will be ready: to the first lead that
    /// has a way.
    pub(super) fn place(
        &mut self,
        now: Now,
        id: CampaignId,
        odds: Option<Odds>,
        agent: Option<AgentId>,
    ) -> Result<(), Blocked> {
        let empty = Blocked { limit: Limit::Stock, until: None };
        let mut nearest: Option<Blocked> = None;
        let mut closed = Closed::of(&self.campaigns.get(&id).ok_or(empty)?.settings);
        let mut place = 0;
        loop {
            let campaign = self.campaigns.get(&id).ok_or(empty)?;
            let Some(stocked) = campaign.hopper.peek(place) else {
                return Err(nearest.unwrap_or(empty));
            };
            if closed.holds(&stocked.lead) {
                place = self.pass_over(now, id, place, &mut closed);
                continue;
            }
            let (lead, tried) = (Arc::clone(&stocked.lead), stocked.tried.clone());
            match self.prospect(now, id, &lead, &tried).ok_or(empty)? {
                Prospect::Blocked(blocked, index) => {
                    let sooner = nearest.map_or(blocked, |nearest| nearest.sooner(blocked));
                    if tried.is_empty() && self.is_shut(now, id) {
                        return Err(sooner);
                    }
                    nearest = Some(sooner);
                    if tried.is_empty() {
                        let number = lead.numbers.get(index).ok_or(empty)?;
                        closed.add(number, self.is_dead_end(now, id, number, blocked));
                    }
                    place = self.pass_over(now, id, place, &mut closed);
                }
                Prospect::Refused(refused) => {
                    self.unstock(id, place);
                    self.refuse(now, id, &lead, Stage::Dial, refused);
                }
                Prospect::Clear(index, opening) => {
                    let way = self.choose_way(now, id, (&lead, index), &tried, opening);
                    let way = way.ok_or(empty)?;
                    self.unstock(id, place);
                    let alone = Placed::alone(id, lead, index, way, agent);
                    self.open(now, Placed { tried, odds, ..alone });
                    return Ok(());
                }
            }
        }
    }

    /// Goes past a lead without a way, and gives the place of the next. Those whose way will not
    /// open soon wait here up to half of what makes the stock low, so that others are claimed
    /// beside them; the rest are given back for a while.
    fn pass_over(&mut self, now: Now, id: CampaignId, place: usize, closed: &mut Closed) -> usize {
        let Some(campaign) = self.campaigns.get(&id) else { return place + 1 };
        let Some(stocked) = campaign.hopper.peek(place) else { return place + 1 };
        if !stocked.tried.is_empty() || !closed.is_dead_end(&stocked.lead) {
            return place + 1;
        }
        closed.waiting += 1;
        if closed.waiting <= campaign.settings.hopper.low / 2 {
            return place + 1;
        }
        let lead = Arc::clone(&stocked.lead);
        let Some(number) = lead.numbers.first().map(|number| number.number) else {
            return place + 1;
        };
        self.unstock(id, place);
        let refusal = Refusal::of(RuleId::NoRoute, Some(now.wall + DEAD_END_WAIT));
        let refused = rules::refused(&lead, number, refusal, now.wall);
        self.refuse(now, id, &lead, Stage::Dial, refused);
        place
    }

    /// Takes a lead that is dialled or refused out of the stock.
    fn unstock(&mut self, id: CampaignId, place: usize) {
        if let Some(campaign) = self.campaigns.get_mut(&id) {
            campaign.hopper.take_at(place);
        }
    }

    /// Asks the gate in the instant before the call; a refusal is recorded and ends the lease.
    fn gate(&mut self, now: Now, id: CampaignId, lead: &Lead) -> Option<usize> {
        match self.may_call(now, id, lead, Stage::Dial)? {
            Ok(index) => Some(index),
            Err(refused) => {
                self.refuse(now, id, lead, Stage::Dial, refused);
                None
            }
        }
    }

    /// Asks the gate; `None` if there is no such campaign.
    pub(super) fn may_call(
        &mut self,
        now: Now,
        id: CampaignId,
        lead: &Lead,
        stage: Stage,
    ) -> Option<Result<usize, Refused>> {
        let campaign = self.campaigns.get_mut(&id)?;
        Some(campaign.gate(id, &self.persons).may_call(lead, stage, now.wall))
    }

    /// Records a refusal and ends the contact's lease.
    pub(super) fn refuse(
        &mut self,
        now: Now,
        id: CampaignId,
        lead: &Lead,
        stage: Stage,
        refused: Refused,
    ) {
        let Refused { number, refusal, next } = refused;
        let mut receipt = None;
        if let Some(campaign) = self.campaigns.get_mut(&id) {
            campaign.totals.refused += 1;
            let asked = lead.numbers.iter().find(|asked| asked.number == number);
            let gate = campaign.gate(id, &self.persons);
            receipt = asked.map(|asked| Box::new(gate.receipt(asked, now.wall)));
        }
        self.resolve(now, id, lead.contact, next);
        self.record(Record::Refused(RuleRefusal {
            campaign: id,
            contact: lead.contact,
            number,
            stage,
            refusal,
            receipt,
            next,
            at: now.wall,
        }));
    }

    /// Opens a call: the attempt is recorded before it is dialled, in the same batch.
    fn open(&mut self, now: Now, placed: Placed) {
        let Placed { campaign: id, lead, index, way, agent, tried, odds } = placed;
        let Way { trunk, caller_id } = way;
        let Some(campaign) = self.campaigns.get_mut(&id) else { return };
        let Some(number) = lead.numbers.get(index) else { return };
        let call = CallId::of(self.settings.node, self.next_call);
        self.next_call += 1;
        let again = number.shown == Some(caller_id) && !campaign.settings.caller_cards.is_empty();
        if !again {
            campaign.showed(caller_id);
        }
        campaign.totals.attempts += 1;
        campaign.reserved += u32::from(agent.is_some());
        campaign.recount(None, Some(CallStage::Dialing));
        self.trunks.seize(trunk, call, now.mono);
        let mut gate = campaign.gate(id, &self.persons);
        let bell = gate.bell(number, now);
        let receipt = Some(Box::new(gate.receipt(number, now.wall)));
        let cap = campaign.settings.caller_cap(caller_id);
        if let Some(cap) = cap {
            self.shown.seize(cap, now);
        }
        let (client, ring_max) = (campaign.settings.client, campaign.settings.ring_max);
        self.persons.on_line.insert(number.person, call);
        for number in &lead.numbers {
            self.persons.attempts.note(now.mono, now.wall, client, number.person);
        }
        let due = bell.map_or(now.mono + ring_max, |bell| bell.min(now.mono + ring_max));
        self.timers.set(Wake::Call(call), due);
        let shown = cap.map(|cap| cap.number);
        let odds = if let Some(pacer) = campaign.pacer.as_mut()
            && agent.is_none()
        {
            pacer.dialed(now.mono);
            Some(odds.unwrap_or(Odds::UNFORESEEN))
        } else {
            None
        };
        let opened = Opened {
            call,
            campaign: id,
            contact: lead.contact,
            number: number.number,
            person: number.person,
            trunk,
            caller_id,
            attempt: lead.attempts.saturating_add(1),
            agent,
            chance: placed.odds.map(Odds::foretold),
            receipt,
            at: now.wall,
        };
        let Opened { contact, number, .. } = opened;
        self.record(Record::Opened(opened));
        let dial = Dial { call, campaign: id, contact, number, trunk, caller_id, ring_max };
        self.orders.push_back(Order::Dial(dial));
        let opened = Call::new(id, lead, index, trunk, now.mono, due);
        self.calls.insert(
            call,
            Box::new(Call { bell, reserved: agent, tried, shown, caller_id, odds, ..opened }),
        );
        if let Some(agent) = agent {
            self.step_agent(now, agent, agent::Event::SetAside(call));
        }
    }

    /// Places a call that its trunk refused again over another, as a new attempt: at once if a line
    /// is wanted now and has a way, else before all others.
    pub(super) fn replace(&mut self, now: Now, failed: Call, agent: Option<AgentId>, next: Next) {
        let id = failed.campaign;
        let seated = |agent: &AgentId| {
            self.agents.get(agent).is_some_and(|agent| agent.label() == AgentState::Ready)
        };
        let Some(campaign) = self.campaigns.get(&id) else { return };
        let keeps_number = !campaign.settings.caller_cards.is_empty();
        let view = self.view(id);
        let lines = pacing::lines_of(campaign.settings.mode, view.ready);
        let wanted = match agent {
            Some(_) => agent.iter().all(seated),
            None => view.waiting == 0 && view.lines() < lines,
        };
        if campaign.state != CampaignState::Running {
            return;
        }
        let wanted = wanted && (agent.is_some() || self.within_proofs(now, id, 1) > 0);
        let number = failed.number().number;
        let mut tried = failed.tried;
        tried.push(failed.trunk);
        let mut lead = Lead::clone(&failed.lead);
        lead.attempts += 1;
        lead.faults += 1;
        lead.next_number = Some(number);
        // The person sees the same number over another trunk, where the law or mandates choose it.
        if keeps_number && let Some(number) = lead.numbers.get_mut(failed.index) {
            number.shown = Some(failed.caller_id);
        }
        if !wanted {
            if agent.is_none() {
                self.put_first(now, id, lead, tried, next);
            }
            return;
        }
        let Some(Ok(index)) = self.may_call(now, id, &lead, Stage::Dial) else { return };
        let way = self
            .opening(now, id, (&lead, index), &tried)
            .ok()
            .and_then(|opening| self.choose_way(now, id, (&lead, index), &tried, opening));
        let Some(way) = way else {
            // A rate, or a line that is full, passes.
            if agent.is_none() {
                self.put_first(now, id, lead, tried, next);
            }
            return;
        };
        let Some(campaign) = self.campaigns.get_mut(&id) else { return };
        if campaign.hopper.lease(lead.contact) {
            let alone = Placed::alone(id, Arc::new(lead), index, way, agent);
            self.open(now, Placed { tried, ..alone });
        }
    }

    /// Stocks a lead that its trunk refused before all others, if another trunk may take it.
    fn put_first(&mut self, now: Now, id: CampaignId, lead: Lead, tried: Vec<TrunkId>, next: Next) {
        let Some(Ok(index)) = self.may_call(now, id, &lead, Stage::Dial) else { return };
        if !self.has_other_way(now, id, (&lead, index), &tried) {
            return;
        }
        let Some(campaign) = self.campaigns.get_mut(&id) else { return };
        let settings = &campaign.settings.hopper;
        let full = campaign.hopper.len() >= usize::try_from(settings.size).unwrap_or(usize::MAX);
        // The store gives it to others when it falls due.
        let Some(until) = hopper::held_until(settings, now, next).filter(|_| !full) else { return };
        if campaign.hopper.lease(lead.contact) {
            campaign.hopper.stock_first(Stocked { lead: Arc::new(lead), until, tried });
        }
    }

    /// Gives ready agents the leads that only they may be given, once no line in flight counts on
    /// them. Gives the moment at which a limit passes by itself.
    fn serve_personal(&mut self, now: Now, id: CampaignId, preview: bool) -> Option<Mono> {
        let hopper = &self.campaigns.get(&id)?.hopper;
        if !hopper.awaits() {
            return None;
        }
        let awaited = hopper.awaited().collect::<Vec<_>>();
        let mut passes: Option<Mono> = None;
        for agent in awaited {
            while self.spare(now, agent, id) {
                let Some(stocked) = self.campaigns.get(&id)?.hopper.peek_for(agent) else { break };
                let lead = Arc::clone(&stocked.lead);
                let clear = match self.prospect(now, id, &lead, &[])? {
                    Prospect::Blocked(blocked, _) => {
                        passes = [passes, blocked.until].into_iter().flatten().min();
                        break;
                    }
                    Prospect::Refused(refused) => Err(refused),
                    Prospect::Clear(index, opening) => Ok((index, opening)),
                };
                let stocked = self.campaigns.get_mut(&id)?.hopper.take_for(agent)?;
                match clear {
                    Err(refused) => self.refuse(now, id, &lead, Stage::Dial, refused),
                    Ok(_) if preview => self.show(now, id, agent, stocked),
                    Ok((index, opening)) => {
                        self.dial_for(now, id, (lead, index), opening, agent);
                    }
                }
            }
        }
        passes
    }

    /// Dials a lead that has a way now for one agent.
    fn dial_for(
        &mut self,
        now: Now,
        id: CampaignId,
        (lead, index): (Arc<Lead>, usize),
        opening: Opening,
        agent: AgentId,
    ) {
        if let Some(way) = self.choose_way(now, id, (&lead, index), &[], opening) {
            self.open(now, Placed::alone(id, lead, index, way, Some(agent)));
        }
    }

    /// Whether an agent is ready for a campaign and the lines in flight can do without him; in a
    /// predictive one, whether those dialled before he was kept have resolved.
    fn spare(&self, now: Now, id: AgentId, campaign: CampaignId) -> bool {
        let Some(agent) = self.agents.get(&id) else { return false };
        let serves = self.teams.at(agent.team).campaigns.contains(&campaign);
        let ready = agent.label() == AgentState::Ready && serves && !agent.leaves();
        // By forecast more lines ring than agents are ready: he is never spare.
        let foreseen = self.campaigns.get(&campaign).is_some_and(Campaign::is_predictive);
        let unbound = foreseen && !self.bound.contains(&id);
        let free_of = |from| unbound && !self.is_counted_on(agent, from);
        ready && (self.can_spare(now, id) || agent.kept_from.is_some_and(free_of))
    }

    /// Shows contacts to so many of the agents who count for a preview campaign.
    fn show_previews(&mut self, now: Now, id: CampaignId, agents: u32) {
        for _ in 0..agents {
            let Some(agent) = self.teams.first_at_home(id) else { return };
            // A line of another campaign may count on him.
            if !self.can_spare(now, agent) {
                return;
            }
            loop {
                let campaign = self.campaigns.get_mut(&id);
                let Some(stocked) = campaign.and_then(|c| c.hopper.take()) else { return };
                if self.gate(now, id, &stocked.lead).is_some() {
                    self.show(now, id, agent, stocked);
                    break;
                }
            }
        }
    }

    fn show(&mut self, now: Now, id: CampaignId, agent: AgentId, stocked: Stocked) {
        if let Some(campaign) = self.campaigns.get_mut(&id) {
            campaign.previewing += 1;
        }
        self.orders.push_back(Order::ShowPreview(agent, id, stocked.lead.contact));
        self.step_agent(now, agent, agent::Event::Shown(id, stocked));
    }

    /// Dials the contacts that agents who were shown them want dialled, if the gate still lets
    /// them through. Gives the moment at which a limit passes by itself.
    fn dial_previews(&mut self, now: Now, id: CampaignId) -> Option<Mono> {
        let wanted = self.campaigns.get(&id)?.wanted.clone();
        let mut passes: Option<Mono> = None;
        for agent in wanted {
            let shown = self.agents.get(&agent).map(|agent| &agent.state);
            let Some(agent::State::Previewing(_, stocked)) = shown else {
                self.campaigns.get_mut(&id)?.wanted.remove(&agent);
                continue;
            };
            let lead = Arc::clone(&stocked.lead);
            match self.prospect(now, id, &lead, &[])? {
                Prospect::Blocked(blocked, _) => {
                    passes = [passes, blocked.until].into_iter().flatten().min();
                }
                Prospect::Refused(refused) => {
                    self.preview_over(agent, id);
                    self.refuse(now, id, &lead, Stage::Dial, refused);
                    self.step_agent(now, agent, agent::Event::Freed);
                }
                Prospect::Clear(index, opening) => {
                    self.preview_over(agent, id);
                    self.dial_for(now, id, (lead, index), opening, agent);
                }
            }
        }
        passes
    }

    /// Gives up lines that agents left behind, or that a draining campaign does not want any
    /// more, once they have rung long enough. Gives the moment the next one may be given up.
    pub(super) fn cut_surplus(&mut self, now: Now, id: CampaignId, draining: bool) -> Option<Mono> {
        if draining || self.campaigns.get(&id)?.surplus > 0 {
            self.recount_surplus(id, draining);
        }
        let campaign = self.campaigns.get_mut(&id)?;
        if campaign.surplus == 0 {
            campaign.surplus_at = Mono::START;
            return None;
        }
        if campaign.surplus_at > now.mono {
            return Some(campaign.surplus_at);
        }
        let ring_min = campaign.settings.ring_min;
        let surplus = usize::try_from(campaign.surplus).unwrap_or(usize::MAX);
        let mut ringing = self
            .calls
            .iter()
            .filter(|(_, call)| call.campaign == id && call.unanswered())
            .filter(|(_, call)| draining || call.reserved.is_none())
            .map(|(&call_id, call)| (call.since + ring_min, call_id))
            .collect::<Vec<_>>();
        ringing.sort_unstable();
        let due = ringing.iter().take(surplus).take_while(|&&(at, _)| at <= now.mono).count();
        let next = ringing.get(due).filter(|_| due < surplus).map(|&(at, _)| at);
        campaign.surplus = u32::try_from(surplus - due).unwrap_or(u32::MAX);
        campaign.surplus_at = next.unwrap_or(Mono::START);
        for &(_, call) in ringing.iter().take(due) {
            self.step_call(now, call, call::Event::GivenUp);
        }
        next
    }

    fn recount_surplus(&mut self, id: CampaignId, draining: bool) {
        let view = self.view(id);
        let Some(campaign) = self.campaigns.get_mut(&id) else { return };
        let wanted = pacing::lines_of(campaign.settings.mode, view.ready);
        campaign.surplus = if draining {
            view.ringing
        } else {
            campaign.surplus.min(view.lines().saturating_sub(wanted)).min(view.ringing)
        };
    }
}
