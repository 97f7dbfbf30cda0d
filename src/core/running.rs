//! Runs the campaigns: starts and stops them, fills their hoppers, settles them after a batch.

use std::sync::Arc;

use super::agent::{self, State as Seat};
use super::call;
use super::campaign::{Campaign, Settings};
use super::fact::{CampaignFact, Lead, LeadNumber, Supply};
use super::floor::CallStage;
use super::hopper::{self, Stocked};
use super::order::{CampaignState, Next, Stage};
use super::pacing::predictive::Pacer;
use super::rules::{Refusal, RuleId, refused};
use super::{Dialer, Order, Record, Wake};
use crate::units::{CampaignId, ContactId, Mono, Now, NumberId, Span};

/// How long a contact that belongs to an absent agent waits before it is claimed again.
const AWAY_WAIT: Span = Span::secs(900);

impl Dialer {
    pub(super) fn take_campaign(&mut self, now: Now, id: CampaignId, fact: CampaignFact) {
        if let CampaignFact::Set(settings) = fact {
            if settings.check().is_err() {
                return self.surprise();
            }
            return self.set_campaign(now, id, *settings);
        }
        let Some(campaign) = self.campaigns.get_mut(&id) else { return self.surprise() };
        use CampaignState::{Completed, Draining, Paused, Running, Stopped};
        match (fact, campaign.state) {
            (CampaignFact::Set(_), _) => {}
            (CampaignFact::Started, Paused | Draining) => self.set_state(id, Running),
            (CampaignFact::Started, Stopped | Completed) => {
                campaign.hopper.refilled(now.mono);
                self.set_state(id, Running);
            }
            (CampaignFact::Paused, Running | Completed) => self.set_state(id, Paused),
            (CampaignFact::Drained, Running | Completed | Paused) => {
                self.wind_up(now, id);
                self.set_state(id, Draining);
            }
            (CampaignFact::Stopped, Running | Completed | Paused | Draining) => {
                self.wind_up(now, id);
                self.end_calls(now, id);
                self.set_state(id, Stopped);
            }
            (CampaignFact::Claimed { leads, supply }, _) => self.claimed(now, id, leads, supply),
            (CampaignFact::Refilled, Completed) => {
                campaign.hopper.refilled(now.mono);
                self.set_state(id, Running);
            }
            (CampaignFact::Refilled, Stopped | Running | Paused | Draining) => {
                campaign.hopper.refilled(now.mono);
            }
            (CampaignFact::Restocked, state) => self.restock(now, id, state == Completed),
            (CampaignFact::Corrected { contact, numbers }, _) => {
                self.correct(now, id, contact, &numbers);
            }
            (CampaignFact::Habits(habits), _) => {
                habits.into_iter().for_each(|habit| campaign.habits.learn(habit));
            }
            (CampaignFact::Directed(calls), Running) if campaign.is_directed() => {
                campaign.directed = calls;
            }
            (CampaignFact::Counted(before), _) => {
                let account = &mut self.rates.entry(campaign.rate).or_default().account;
                account.turn(&campaign.settings.account, now.wall);
                account.restore(before);
            }
            (CampaignFact::Remembered(lessons), _) => {
                if campaign.pacer.is_none() {
                    return self.surprise();
                }
                campaign.memory.take(now, &lessons);
                self.recall(now, id);
            }
            (CampaignFact::Known(truth), _) => match &mut campaign.pacer {
                Some(pacer) => pacer.know(now, &truth),
                None => self.surprise(),
            },
            (CampaignFact::Directed(_), _)
            | (CampaignFact::Started, Running)
            | (CampaignFact::Paused, Paused | Draining | Stopped)
            | (CampaignFact::Drained, Draining | Stopped)
            | (CampaignFact::Stopped, Stopped) => self.surprise(),
        }
    }

    fn set_campaign(&mut self, now: Now, id: CampaignId, settings: Settings) {
        self.longest_lease = self.longest_lease.max(settings.hopper.lease);
        let Some(campaign) = self.campaigns.get_mut(&id) else {
            self.campaigns.insert(id, Campaign::new(id, settings));
            return self.equip(now, id);
        };
        let size = usize::try_from(settings.hopper.size).unwrap_or(usize::MAX);
        campaign.set(id, settings);
        if campaign.hopper.len() > size {
            let leads = campaign.hopper.empty_out(None);
            self.release(now, id, &leads);
        }
        self.equip(now, id);
    }

    /// Gives a campaign the rate it is counted in and, if it is predictive, its pacer.
    fn equip(&mut self, now: Now, id: CampaignId) {
        let Some(campaign) = self.campaigns.get(&id) else { return };
        let rate = self.rates.entry(campaign.rate).or_default();
        rate.account.find_day(&campaign.settings.account, now.wall);
        if campaign.is_predictive() {
            self.watch_campaign(now, id);
        }
    }

    /// Gives a campaign a pacer, who begins with what is under way; that of a campaign which is
    /// not predictive only looks on, for those that share its agents.
    pub(super) fn watch_campaign(&mut self, now: Now, id: CampaignId) {
        let Some(campaign) = self.campaigns.get_mut(&id).filter(|c| c.pacer.is_none()) else {
            return;
        };
        let mut pacer = Pacer::new(now.mono, campaign.settings.abandon.within);
        for call in self.calls.values_mut().filter(|call| call.campaign == id) {
            if call.reserved.is_none()
                && (call.unanswered() || call.stage() == CallStage::Listening)
            {
                call.odds = Some(pacer.adopt(now.mono, call.dialed, call.since, call.unanswered()));
            }
        }
        for (&id, agent) in self.agents.iter().filter(|(_, agent)| agent.serving == Some(id)) {
            pacer.adopt_agent(now.mono, id, agent.label(), agent.since);
        }
        campaign.pacer = Some(Box::new(pacer));
    }

    fn set_state(&mut self, id: CampaignId, state: CampaignState) {
        if let Some(campaign) = self.campaigns.get_mut(&id) {
            campaign.state = state;
            self.record(Record::CampaignState { campaign: id, state });
        }
    }

    /// Gives the stock back and takes shown contacts away: nothing new is dialled.
    fn wind_up(&mut self, now: Now, id: CampaignId) {
        let Some(campaign) = self.campaigns.get_mut(&id) else { return };
        let leads = campaign.hopper.empty_out(None);
        self.release(now, id, &leads);
        let shown = self
            .agents
            .iter()
            .filter(|(_, agent)| matches!(agent.state, Seat::Previewing(own, _) if own == id))
            .map(|(&agent, _)| agent)
            .collect::<Vec<_>>();
        for agent in shown {
            self.step_agent(now, agent, agent::Event::TimeUp);
        }
    }

    fn end_calls(&mut self, now: Now, id: CampaignId) {
        let of_it = self.calls.iter().filter(|(_, call)| call.campaign == id);
        let calls = of_it.map(|(&call, _)| call).collect::<Vec<_>>();
        for call in calls {
            self.step_call(now, call, call::Event::Stopped);
        }
    }

    /// Stocks the leads the store leased; what the gate refuses never enters.
    fn claimed(&mut self, now: Now, id: CampaignId, leads: Vec<Lead>, supply: Supply) {
        let Some(campaign) = self.campaigns.get_mut(&id) else { return };
        if !campaign.hopper.answered(now, supply) {
            return self.unasked(id, &leads);
        }
        let wanted = matches!(campaign.state, CampaignState::Running | CampaignState::Paused);
        let until = hopper::lease_end(&campaign.settings.hopper, now.mono);
        let size = usize::try_from(campaign.settings.hopper.size).unwrap_or(usize::MAX);
        let mut back = Vec::new();
        let mut fruitful = false;
        for lead in leads {
            let Some(campaign) = self.campaigns.get_mut(&id) else { return };
            if !campaign.hopper.lease(lead.contact) {
                self.surprise();
                continue;
            }
            let room = wanted && campaign.hopper.len() < size;
            let stocked = Stocked { lead: Arc::new(lead), until, tried: Vec::new() };
            if !room {
                back.push(stocked);
            } else if self.stock(now, id, stocked, size) {
                fruitful = true;
            }
        }
        self.release(now, id, &back);
        if let Some(campaign) = self.campaigns.get_mut(&id) {
            campaign.hopper.judged(now.mono, fruitful);
            campaign.note_zones();
        }
        self.recall(now, id);
    }

    /// Gives back what a claim brought that was given up meanwhile: the store was slow.
    fn unasked(&mut self, id: CampaignId, leads: &[Lead]) {
        self.surprise();
        let Some(campaign) = self.campaigns.get(&id) else { return };
        let leased = campaign.hopper.leased();
        let contacts = leads.iter().map(|lead| lead.contact);
        let back = contacts.filter(|contact| !leased.contains(contact)).collect::<Vec<_>>();
        if !back.is_empty() {
            self.orders.push_back(Order::Release(id, back));
        }
    }

    /// Stocks one lead if the gate lets it in; says whether it did.
    fn stock(&mut self, now: Now, id: CampaignId, stocked: Stocked, size: usize) -> bool {
        match self.may_call(now, id, &stocked.lead, Stage::Hopper) {
            Some(Ok(_)) => {}
            Some(Err(refused)) => {
                self.refuse(now, id, &stocked.lead, Stage::Hopper, refused);
                return false;
            }
            None => return false,
        }
        let away = stocked.for_agent().is_some_and(|agent| self.is_away(agent));
        let Some(campaign) = self.campaigns.get_mut(&id) else { return false };
        // Leads of absent agents wait for them here, but never crowd the others out.
        if away && (campaign.hopper.len() - campaign.hopper.stock()) * 2 >= size {
            self.refuse_away(now, id, &stocked);
            return false;
        }
        campaign.hopper.stock_up(stocked);
        true
    }

    fn is_away(&self, agent: crate::units::AgentId) -> bool {
        !self.agents.get(&agent).is_some_and(agent::Agent::at_work)
    }

    fn refuse_away(&mut self, now: Now, id: CampaignId, stocked: &Stocked) {
        let lead = &stocked.lead;
        let number = lead.next_number.or_else(|| lead.numbers.first().map(|n| n.number));
        let number = number.unwrap_or(NumberId(0));
        let refusal = Refusal::of(RuleId::AgentAway, Some(now.wall + AWAY_WAIT));
        let refused = refused(lead, number, refusal, now.wall);
        self.refuse(now, id, lead, Stage::Hopper, refused);
    }

    /// Gives the stock back and asks the store again; what completed may go on.
    fn restock(&mut self, now: Now, id: CampaignId, completed: bool) {
        let Some(campaign) = self.campaigns.get_mut(&id) else { return };
        let leads = campaign.hopper.empty_out(None);
        self.release(now, id, &leads);
        if let Some(campaign) = self.campaigns.get_mut(&id) {
            campaign.hopper.refilled(now.mono);
        }
        if completed {
            self.set_state(id, CampaignState::Running);
        }
    }

    /// Takes the numbers a contact has now, wherever it waits for its call; a call that only rings
    /// where nobody may be called any more is given up.
    fn correct(&mut self, now: Now, id: CampaignId, contact: ContactId, numbers: &[LeadNumber]) {
        let Some(campaign) = self.campaigns.get_mut(&id) else { return };
        campaign.hopper.correct(contact, numbers);
        campaign.note_zones();
        for agent in self.agents.values_mut() {
            if let Seat::Previewing(own, stocked) = &mut agent.state
                && *own == id
                && stocked.lead.contact == contact
            {
                stocked.correct(numbers);
            }
        }
        let barred = |called: NumberId| {
            let now = numbers.iter().find(|number| number.number == called);
            now.is_none_or(|number| number.invalid || number.do_not_call)
        };
        let mut ringing = self.calls.iter().filter(|(_, call)| {
            call.campaign == id && call.lead.contact == contact && call.unanswered()
        });
        let rings = ringing.find(|(_, call)| barred(call.number().number)).map(|(&id, _)| id);
        if let Some(call) = rings {
            self.step_call(now, call, call::Event::GivenUp);
        }
    }

    /// Gives contacts in stock back untouched.
    pub(super) fn release(&mut self, now: Now, id: CampaignId, leads: &[Stocked]) {
        let mut back = Vec::new();
        for stocked in leads {
            let contact = stocked.lead.contact;
            if stocked.tried.is_empty() {
                self.resolve(now, id, contact, Next::Untouched);
                back.push(contact);
            } else if let Some(campaign) = self.campaigns.get_mut(&id) {
                // The record of the refused attempt ended its lease and said when it falls due.
                campaign.hopper.resolved(contact);
            }
        }
        if !back.is_empty() {
            self.orders.push_back(Order::Release(id, back));
        }
    }

    /// Ends a contact's lease and remembers when it falls due again.
    pub(super) fn resolve(&mut self, now: Now, id: CampaignId, contact: ContactId, next: Next) {
        if let Some(campaign) = self.campaigns.get_mut(&id) {
            campaign.hopper.resolved(contact);
        }
        self.falls_due(now, id, next);
    }

    /// Remembers when a contact falls due, so that the hopper asks the store for it then.
    pub(super) fn falls_due(&mut self, now: Now, id: CampaignId, next: Next) {
        let Some(campaign) = self.campaigns.get_mut(&id) else { return };
        let at = match next {
            Next::Retry { at, .. } => Some(at),
            Next::Callback(callback) => Some(callback.at),
            Next::Untouched => Some(now.wall),
            Next::Done(_) => None,
        };
        campaign.hopper.due_at(now, at);
    }

    /// Settles every campaign; again as long as one ran out of contacts and left its idle agents
    /// to the next.
    pub(super) fn settle_campaigns(&mut self, now: Now) {
        let hungry = |dialer: &Self| dialer.campaigns.values().filter(|c| c.hungry()).count();
        let alone = self.campaigns.len() == 1;
        loop {
            let before = if alone { 0 } else { hungry(self) };
            let (campaigns, trunks) = (&self.campaigns, &self.trunks);
            // Nobody else takes the agents of a campaign alone: one that hungers runs.
            let dials = |c: &Campaign| {
                c.hungry() && (alone || trunks.any_up(c.settings.all_routes(), now.mono))
            };
            self.teams.find_homes(
                |id| campaigns.get(&id).is_some_and(dials),
                |id| campaigns.get(&id).is_some_and(Campaign::runs),
            );
            let mut next = campaigns.keys().next().copied();
            while let Some(id) = next {
                self.settle_campaign(now, id);
                let after = (std::ops::Bound::Excluded(id), std::ops::Bound::Unbounded);
                next = self.campaigns.range(after).next().map(|(&id, _)| id);
            }
            if alone || hungry(self) >= before {
                return;
            }
        }
    }

    fn settle_campaign(&mut self, now: Now, id: CampaignId) {
        self.expire_leases(now, id);
        let Some(campaign) = self.campaigns.get(&id) else { return };
        let pace = match campaign.state {
            CampaignState::Running => {
                let paced = self.pace(now, id);
                let cut = self.cut_surplus(now, id, false);
                [paced, cut].into_iter().flatten().min()
            }
            CampaignState::Draining => self.cut_surplus(now, id, true),
            CampaignState::Paused | CampaignState::Completed | CampaignState::Stopped => {
                self.cut_surplus(now, id, false)
            }
        };
        let pace = pace.map(|at| later(at, now));
        if let Some(campaign) = self.campaigns.get_mut(&id) {
            campaign.directed = 0;
            if campaign.pace_at != pace {
                campaign.pace_at = pace;
                self.timers.put(Wake::Pace(id), pace);
            }
        }
        self.claim_or_end(now, id);
        self.keep_learnt(now, id);
    }

    fn claim_or_end(&mut self, now: Now, id: CampaignId) {
        let at_work = self.teams.of(id).any(|team| team.at_work > 0);
        let Some(campaign) = self.campaigns.get_mut(&id) else { return };
        let (idle, running) = (campaign.idle(), campaign.state == CampaignState::Running);
        let lease = campaign.settings.hopper.lease;
        if running
            && let Some(count) =
                campaign.hopper.claim(&campaign.settings.hopper, now.mono, idle, at_work)
        {
            self.orders.push_back(Order::Claim { campaign: id, count, lease });
        }
        let at = campaign.hopper.wake(&campaign.settings.hopper, idle, at_work, running);
        let ended = match campaign.state {
            CampaignState::Running if idle && campaign.hopper.dry() => {
                Some(CampaignState::Completed)
            }
            CampaignState::Draining if idle => Some(CampaignState::Stopped),
            CampaignState::Running
            | CampaignState::Draining
            | CampaignState::Paused
            | CampaignState::Completed
            | CampaignState::Stopped => None,
        };
        let at = at.map(|at| later(at, now));
        if campaign.hopper_at != at {
            campaign.hopper_at = at;
            self.timers.put(Wake::Hopper(id), at);
        }
        if let Some(state) = ended {
            self.set_state(id, state);
        }
    }

    /// Gives leads back whose lease ends; a personal one whose agent is absent says so.
    fn expire_leases(&mut self, now: Now, id: CampaignId) {
        let Some(campaign) = self.campaigns.get_mut(&id) else { return };
        let over = campaign.hopper.empty_out(Some(now.mono));
        if over.is_empty() {
            return;
        }
        let (away, back): (Vec<_>, Vec<_>) = over
            .into_iter()
            .partition(|stocked| stocked.for_agent().is_some_and(|agent| self.is_away(agent)));
        for stocked in away {
            self.refuse_away(now, id, &stocked);
        }
        self.release(now, id, &back);
    }
}

/// Keeps a wake in the future: what is due now was done in this settle.
fn later(at: Mono, now: Now) -> Mono {
    at.max(now.mono + Span::micros(1))
}
