//! What happens on the lines: moves calls, performs what their machine asks, closes them.

use std::sync::Arc;

use super::agent::{self, State as Seat, Writing};
use super::breaker::Word;
use super::call::{self, Call, Effect, State};
use super::campaign::Settings;
use super::fact::{Answerer, CallFact, DncScope, Failure, Lead, Tried};
use super::floor::CallStage;
use super::habits::{Habits, Hour};
use super::order::{Abandoned, Bridged, Closed, DoneReason, EndedBy, Next, Outcome};
use super::pacing::account::Entry;
use super::spread::spread;
use super::{Dialer, Order, Record, Wake, recycle};
use crate::units::{AgentId, CallId, CampaignId, Now, Wall};

impl Dialer {
    pub(super) fn take_call(&mut self, now: Now, id: CallId, fact: CallFact) {
        let Some(call) = self.calls.get_mut(&id) else {
            if matches!(fact, CallFact::Answered | CallFact::Unusable(_)) {
                // Nobody here knows the call any more: the person must not hang on a silent line.
                self.orders.push_back(Order::HangUp(id));
            }
            return self.surprise();
        };
        if let CallFact::Failed { failure, after, .. } = fact {
            call.spare = after.unwrap_or(call.spare);
            call.unwanted = failure == Failure::Unwanted;
        }
        self.step_call(now, id, fact.into());
    }

    /// Moves a call by one event and performs what that asks for.
    pub(super) fn step_call(&mut self, now: Now, id: CallId, event: call::Event) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        let campaign = self
            .campaigns
            .get_mut(&call.campaign)
            .expect("a call is opened for a known campaign, and campaigns stay");
        let rate = self.rates.entry(campaign.rate).or_default();
        let (state, stage, since, due) = (call.state, call.stage(), call.since, call.due);
        let answered = call.answered.is_some();
        let Ok(effect) = call.step(now, &campaign.manner(), event) else {
            self.surprises += 1;
            return;
        };
        campaign.recount(Some(stage), Some(call.stage()));
        if stage == CallStage::Dialing && (call.ringing.is_some() || call.answered.is_some()) {
            self.trunks.hear(call.trunk, id, Word::Rings, now.mono);
        }
        if !answered && call.answered.is_some() {
            let word = if call.deaf { Word::Unheard } else { Word::Heard };
            self.trunks.hear(call.trunk, id, word, now.mono);
        }
        let lost = campaign.count_lost(rate, now.wall, call, effect);
        if stage != call.stage() {
            campaign.watched(now.mono, rate, call, (stage, since), Some(call.stage()));
            let machine = call.heard.is_some_and(|heard| heard.what == Answerer::Machine);
            if stage == CallStage::Listening && machine {
                rate.account.count(&campaign.settings.account, now.wall, Entry::Machine);
            }
        }
        if state == State::Waiting && call.state != State::Waiting {
            campaign.waiting.remove(&(since, id));
        } else if call.state == State::Waiting && state != State::Waiting {
            campaign.waiting.insert((call.since, id));
        }
        campaign.totals.answered += u64::from(call.answered.is_some() && !answered);
        if call.due != due {
            self.timers.put(Wake::Call(id), call.due);
        }
        let closes = matches!(effect, Some(Effect::Close { .. }));
        let gave_up = call.gave_up() && !closes;
        let talker = if let State::Talking { agent, .. } = state { Some(agent) } else { None };
        let freed = talker.filter(|_| closes || !matches!(call.state, State::Talking { .. }));
        if lost && !closes {
            self.abandoned(now, id);
        }
        // Closing takes the call away, so its agent goes first; an order to hang up goes out
        // before the agent can be bridged to another.
        if let Some(agent) = freed.filter(|_| closes) {
            self.talk_over(now, id, agent);
        }
        if let Some(effect) = effect {
            self.perform_call(now, id, effect);
        }
        if let Some(agent) = freed.filter(|_| !closes) {
            self.talk_over(now, id, agent);
        }
        if gave_up && let Some(agent) = self.unreserve(id) {
            self.step_agent(now, agent, agent::Event::Freed);
        }
    }

    fn perform_call(&mut self, now: Now, id: CallId, effect: Effect) {
        let order = match effect {
            Effect::Close { outcome, cause, by } => return self.close(now, id, outcome, cause, by),
            Effect::Person => return self.serve(now, id),
            Effect::Listen => Order::Listen(id),
            Effect::Bridge(agent) => return self.bridged(id, agent),
            Effect::Cancel => Order::Cancel(id),
            Effect::HangUp => Order::HangUp(id),
            Effect::Hold => Order::Hold(id),
            Effect::Retrieve => Order::Retrieve(id),
            Effect::Transfer => Order::Transfer(id),
            Effect::Notice => {
                let Some(call) = self.calls.get(&id) else { return };
                Order::PlayNotice(id, call.campaign)
            }
        };
        self.orders.push_back(order);
    }

    /// Finds an agent for the person on the line: the one set aside, else the longest waiting.
    fn serve(&mut self, now: Now, id: CallId) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        let first_time = !std::mem::replace(&mut call.person, true);
        let (campaign, reserved, lead) = (call.campaign, call.reserved, Arc::clone(&call.lead));
        let agent = reserved.or_else(|| self.who_takes(campaign, &lead));
        if let Some(campaign) = self.campaigns.get_mut(&campaign).filter(|_| first_time) {
            let rate = self.rates.entry(campaign.rate).or_default();
            rate.account.count(&campaign.settings.account, now.wall, Entry::Person);
        }
        match agent {
            Some(agent) => self.join(now, id, agent),
            None => {
                self.forsake(id);
                self.orders.push_back(Order::Comfort(id));
            }
        }
    }

    /// Notes of a person who finds no agent that one would have been there, had his leg not
    /// fallen since the call was dialled. Each such agent would have served one person.
    fn forsake(&mut self, id: CallId) {
        let Some(call) = self.calls.get_mut(&id).filter(|call| call.forsaken.is_none()) else {
            return;
        };
        let agents = &self.agents;
        let serves = |agent: &AgentId| {
            let agent = agents.get(agent);
            agent.is_some_and(|agent| agent.settings.campaigns.contains(&call.campaign))
        };
        let missed = self.missed.iter().find(|&(agent, &end)| id < end && serves(agent));
        let missed = missed.map(|(&agent, _)| agent);
        call.forsaken = missed.and_then(|agent| self.missed.remove_entry(&agent));
    }

    /// Chooses the agent for a person: the longest waiting, but that a hard contact goes to the one
    /// who had the smallest share of hard calls in this shift.
    fn who_takes(&self, id: CampaignId, lead: &Lead) -> Option<AgentId> {
        let shares = self.campaigns.get(&id).is_some_and(|c| c.settings.respect.is_hard(lead));
        let ready = self.teams.all_ready(id).filter(|_| shares);
        let ready = ready.filter_map(|(since, id)| Some((&self.agents.get(&id)?.shift, since, id)));
        let fairest = ready.min_by(|(shift, since, id), (other, later, second)| {
            shift.burden(other).then_with(|| (since, id).cmp(&(later, second)))
        });
        fairest.map(|(.., id)| id).or_else(|| self.teams.first_ready(id))
    }

    /// Gives a ready agent the person who has waited longest in any of his campaigns.
    pub(super) fn offer(&mut self, now: Now, id: AgentId) {
        let Some(agent) = self.agents.get(&id) else { return };
        let waiting = agent
            .settings
            .campaigns
            .iter()
            .filter_map(|campaign| self.campaigns.get(campaign)?.waiting.first())
            .min();
        if let Some(&(_, call)) = waiting {
            self.join(now, call, id);
        }
    }

    /// Bridges a waiting person and an agent.
    fn join(&mut self, now: Now, id: CallId, agent: AgentId) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        let first_time = call.bridged.is_none();
        // What an agent said whose leg broke since does not spare this one the write-up.
        call.qualified = None;
        let reserved = call.reserved.is_some();
        // Another agent stands in for the lost one, and is missed in his place.
        if let Some((_, end)) = call.forsaken.take().filter(|(lost, _)| *lost != agent) {
            self.missed.insert(agent, end);
        }
        if let Some(campaign) = self.campaigns.get_mut(&call.campaign) {
            campaign.totals.bridged += u64::from(first_time);
            let owed = campaign.settings.respect;
            if let Some(agent) = self.agents.get_mut(&agent) {
                agent.shift.take(owed, owed.is_hard(&call.lead));
            }
        }
        if reserved {
            self.unreserve(id);
        }
        self.step_call(now, id, call::Event::Bridged(agent));
        self.step_agent(now, agent, agent::Event::Joined(id));
    }

    /// Lets a call do without the agent set aside for it.
    pub(super) fn unreserve(&mut self, id: CallId) -> Option<AgentId> {
        let call = self.calls.get_mut(&id)?;
        let agent = call.reserved.take()?;
        if let Some(campaign) = self.campaigns.get_mut(&call.campaign) {
            campaign.reserved = campaign.reserved.saturating_sub(1);
        }
        Some(agent)
    }

    /// Frees the agent of a talk that is over: to write it up, unless that was done in the talk
    /// or the talk went on without him.
    fn talk_over(&mut self, now: Now, id: CallId, agent: AgentId) {
        let seated = self.agents.get(&agent).map(|agent| &agent.state);
        if !matches!(seated, Some(Seat::Talking(own) | Seat::Holding(own)) if *own == id) {
            return;
        }
        let Some(call) = self.calls.get_mut(&id) else { return };
        let mut writing = None;
        if call.qualified.is_none()
            && let Some(campaign) = self.campaigns.get_mut(&call.campaign)
        {
            let wrap = campaign.settings.wrap;
            writing = Some(Box::new(Writing {
                call: id,
                campaign: call.campaign,
                lead: Arc::clone(&call.lead),
                index: call.index,
                since: now.mono,
                until: wrap.max.map(|max| now.mono + max),
                extension: wrap.extension_max,
                said: None,
            }));
            call.writing = true;
            campaign.wrapping += 1;
        }
        self.step_agent(now, agent, agent::Event::TalkOver(writing));
    }

    /// Bridges callee and agent, and writes down who talks to whom while the line stands: a crash
    /// before its end takes neither the agent nor the answer.
    fn bridged(&mut self, id: CallId, agent: AgentId) {
        self.orders.push_back(Order::Bridge(id, agent));
        let Some(call) = self.calls.get(&id) else { return };
        let Call { heard, ringing, answered, bridged, .. } = **call;
        self.record(Record::Bridged(Bridged {
            call: id,
            agent,
            heard,
            ringing,
            answered,
            bridged,
        }));
    }

    /// Writes down that a person is abandoned while the line still stands, so that a crash before
    /// its end does not make the attempt one that was only interrupted.
    fn abandoned(&mut self, now: Now, id: CallId) {
        let Some(call) = self.calls.get(&id) else { return };
        let Some(campaign) = self.campaigns.get(&call.campaign) else { return };
        let ended = (Outcome::Abandoned, EndedBy::Dialer);
        let next = next_of((&campaign.settings, &campaign.habits), call, ended, now);
        self.record(Record::Abandoned(Abandoned {
            call: id,
            contact: call.lead.contact,
            heard: call.heard,
            answered: call.answered,
            at: now.wall,
            forced: call.is_forced(),
            next,
        }));
    }

    fn close(&mut self, now: Now, id: CallId, outcome: Outcome, cause: u16, by: EndedBy) {
        let Some(mut call) = self.calls.remove(&id) else { return };
        let reserved = call.reserved.take();
        call.never_placed = by == EndedBy::Nobody;
        if call.due.is_some() {
            self.timers.clear(Wake::Call(id));
        }
        self.persons.on_line.remove(&call.number().person);
        self.trunks.release(call.trunk);
        if let Some(number) = call.shown {
            self.shown.release(number);
            if outcome == Outcome::Blocked {
                self.shown.refused(number, now.wall);
            }
        }
        let reached = call.ringing.is_some() || call.answered.is_some();
        let fault = recycle::is_fault(outcome) && !reached;
        self.trunks.hear(call.trunk, id, word_of(outcome, fault, reached), now.mono);
        let Some(campaign) = self.campaigns.get_mut(&call.campaign) else { return };
        campaign.recount(Some(call.stage()), None);
        campaign.reserved = campaign.reserved.saturating_sub(u32::from(reserved.is_some()));
        let rate = self.rates.entry(campaign.rate).or_default();
        campaign.watched(now.mono, rate, &call, (call.stage(), call.since), None);
        campaign.waiting.remove(&(call.since, id));
        campaign.tally(outcome, call.is_forced());
        if outcome == Outcome::Abandoned {
            let lock = now.wall + campaign.settings.abandon.recall_lock;
            let client = campaign.settings.client;
            self.persons.lock(now.mono, client, call.number().person, lock);
        }
        let next = next_of((&campaign.settings, &campaign.habits), &call, (outcome, by), now);
        if campaign.settings.retry.seeks_best() && by != EndedBy::Nobody {
            let hour = Hour::of(began(&call, now), &call.number().zone);
            hour.into_iter().for_each(|hour| campaign.habits.note(call.lead.list, hour, outcome));
        }
        self.resolve(now, call.campaign, call.lead.contact, next);
        let closed = closed(&call, id, now, outcome, cause, by, next);
        if closed.reached_nobody()
            && let Some(campaign) = self.campaigns.get(&call.campaign)
        {
            let client = campaign.settings.client;
            for number in &call.lead.numbers {
                self.persons.attempts.take_back(client, number.person);
            }
        }
        self.record(Record::Closed(closed));
        if call.unwanted {
            self.unwanted(now, id, &call);
        }
        if !call.writing {
            self.record(Record::Completed(id));
        }
        if let Some(agent) = reserved {
            self.step_agent(now, agent, agent::Event::Freed);
        }
        let over = call.gave_up() || matches!(next, Next::Done(_));
        if fault && !over && call.tried.len() < REFUSALS_MAX {
            self.replace(now, *call, reserved, next);
        }
    }
}

impl Dialer {
    /// Notes that the person called wants no such calls (RFC 8197): who says no on one number says
    /// it for all he or she has.
    fn unwanted(&mut self, now: Now, id: CallId, call: &Call) {
        let Some(campaign) = self.campaigns.get(&call.campaign) else { return };
        let client = DncScope::Client(campaign.settings.client);
        for number in &call.lead.numbers {
            self.note_wish(now, number.person, client, Some(id));
        }
    }
}

/// Gives what an attempt of that outcome makes of its contact: what the agent said, or what the
/// campaign does after such an outcome, but no sooner than the number asked for; the abandoned are
/// left alone for its lock.
fn next_of(
    (settings, habits): (&Settings, &Habits),
    call: &Call,
    (outcome, by): (Outcome, EndedBy),
    now: Now,
) -> Next {
    let at = now.wall;
    if let Some((_, next)) = call.qualified {
        return next;
    }
    if by == EndedBy::Nobody {
        return recycle::unplaced(&settings.retry, outcome, &call.lead, call.index, at);
    }
    if call.unwanted && call.answered.is_none() {
        return Next::Done(DoneReason::DoNotCall);
    }
    let next = recycle::after(&settings.retry, outcome, &call.lead, call.index, at);
    let lock =
        if outcome == Outcome::Abandoned { settings.abandon.recall_lock } else { call.spare };
    let next = recycle::no_earlier(next, at + lock);
    spread((settings, habits), &call.lead, Tried { at: began(call, now), outcome }, next)
}

/// Gives when an attempt began.
fn began(call: &Call, now: Now) -> Wall {
    now.wall - now.mono.since(call.dialed)
}

/// Tells what a call that ended says of its trunk.
fn word_of(outcome: Outcome, fault: bool, reached: bool) -> Word {
    match outcome {
        _ if fault => Word::Fault,
        Outcome::Cancelled | Outcome::Interrupted => Word::Nothing,
        Outcome::Invalid if !reached => Word::Unknown,
        Outcome::Connected
        | Outcome::Abandoned
        | Outcome::Machine
        | Outcome::Busy
        | Outcome::NoAnswer
        | Outcome::Invalid
        | Outcome::Declined
        | Outcome::Blocked
        | Outcome::Congestion
        | Outcome::TrunkFault => Word::Through,
    }
}

/// Further trunks that a contact is tried over at once: as many faults as cost it no attempt.
const REFUSALS_MAX: usize = recycle::FAULTS_FREE as usize;

fn closed(
    call: &Call,
    id: CallId,
    now: Now,
    outcome: Outcome,
    cause: u16,
    by: EndedBy,
    next: Next,
) -> Closed {
    Closed {
        call: id,
        campaign: call.campaign,
        contact: call.lead.contact,
        number: call.number().number,
        outcome,
        forced: call.is_forced() && outcome == Outcome::Abandoned,
        cause,
        ended_by: by,
        agent: call.served,
        heard: call.heard,
        ringing: call.ringing,
        answered: call.answered,
        bridged: call.bridged,
        ended: now.wall,
        held: call.held_until(now.mono),
        next,
    }
}
