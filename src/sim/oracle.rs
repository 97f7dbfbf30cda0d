//! What must be true, told from facts, orders and records alone: nothing here asks the core.

mod respect;
mod rules;
mod shown;

use std::collections::{BTreeMap, BTreeSet};

use super::plan::{Plan, progressive};
use crate::core::campaign::Settings;
use crate::core::fact::{AgentFact, Answerer, CallFact, CampaignFact, Lead, TrunkFact};
use crate::core::order::{AgentState, Closed, EndedBy, Next, Opened, Outcome};
use crate::core::{Fact, Order, Record};
use crate::units::{
    AgentId, CallId, CampaignId, ClientId, ContactId, Mono, Now, PersonId, Span, TrunkId, Wall,
};

/// Something that must not be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// When it was seen.
    pub at: Mono,
    /// What it is.
    pub what: String,
}

/// Findings kept of one world: the first tells the story, the rest are its echo.
pub const FINDINGS_MAX: usize = 20;

/// How much later than promised a waiting person may be served: the dialer wakes on time, a late
/// fact may keep it from knowing, so only its own delay counts.
const SLACK: Span = Span::millis(1);

/// Trunk faults that cost a contact none of its attempts (`core::recycle::FAULTS_FREE`).
const FAULTS_FREE: u32 = 5;

/// Looks on, one batch at a time.
#[derive(Debug)]
pub struct Oracle {
    campaigns: BTreeMap<CampaignId, Campaign>,
    agents: BTreeMap<AgentId, Agent>,
    trunks: BTreeMap<TrunkId, Trunk>,
    calls: BTreeMap<CallId, Call>,
    people: BTreeMap<(ClientId, PersonId), Person>,
    used: BTreeSet<CallId>,
    findings: Vec<Finding>,
}

#[derive(Debug)]
struct Campaign {
    settings: Settings,
    stopped: bool,
    /// Contacts handed out.
    leases: BTreeMap<ContactId, Lease>,
    /// Callbacks a crash cut short, and whose they are.
    promises: BTreeMap<ContactId, Option<AgentId>>,
    /// Whether people can be met again in this world.
    remembers: bool,
}

/// A contact handed out to be dialled once; an attempt its trunk refused may be replaced by
/// another, until the contact falls due again or its lease would have ended.
#[derive(Debug)]
struct Lease {
    lead: Lead,
    spent: bool,
    /// Until when a refused attempt may be replaced.
    refused: Option<Mono>,
}

#[derive(Debug)]
struct Agent {
    campaigns: Vec<CampaignId>,
    leg: bool,
    shown: AgentState,
    bridged: Option<CallId>,
    /// Asked to go while idle: no line may be dialled for him any more.
    leaves: bool,
    /// When the leg was last lost, which nobody can put off.
    fell: Option<Mono>,
    shift: respect::Shift,
}

#[derive(Debug)]
struct Trunk {
    settings: crate::core::trunks::Settings,
    up: bool,
    lines: u32,
    /// Calls that may start now, as of a moment.
    tokens: f64,
    as_of: Mono,
}

#[derive(Debug, Default)]
struct Person {
    calls: u32,
    tried: Vec<(CallId, Wall)>,
    abandoned: Option<(CallId, Wall)>,
}

#[derive(Debug)]
struct Call {
    opened: Opened,
    /// When its calling windows shut, if it might ring then.
    bell: Option<Mono>,
    dialled: bool,
    answered: bool,
    /// Since when a person is known to be on the line.
    waits_since: Option<Mono>,
    bridged: Option<AgentId>,
    /// The far end is gone, or an order to end it was given.
    over: bool,
    left: bool,
    closed: bool,
}

impl Call {
    fn is_line(&self) -> bool {
        !self.closed && !self.over && self.bridged.is_none()
    }

    /// Says since when a person waits on this call, if one does.
    fn waiting(&self) -> Option<Mono> {
        self.waits_since.filter(|_| self.is_line())
    }
}

impl Oracle {
    pub(super) fn new(plan: &Plan) -> Self {
        let campaign = |plan: &super::plan::CampaignPlan| Campaign {
            settings: plan.settings.clone(),
            stopped: false,
            leases: BTreeMap::new(),
            promises: BTreeMap::new(),
            remembers: plan.list != super::plan::List::Endless,
        };
        let agent = |(index, campaigns): (usize, &Vec<CampaignId>)| {
            let shown = AgentState::LoggedOut;
            let agent = Agent {
                campaigns: campaigns.clone(),
                leg: false,
                shown,
                bridged: None,
                leaves: false,
                fell: None,
                shift: respect::Shift::default(),
            };
            (super::staff::nth_agent(index), agent)
        };
        let trunk = |(id, settings): &(TrunkId, crate::core::trunks::Settings)| {
            let tokens = f64::from(settings.burst);
            let as_of = Mono::START;
            (*id, Trunk { settings: *settings, up: true, lines: 0, tokens, as_of })
        };
        Self {
            campaigns: plan.campaigns.iter().map(|plan| (plan.id, campaign(plan))).collect(),
            agents: plan.agents.iter().enumerate().map(agent).collect(),
            trunks: plan.trunks.iter().map(trunk).collect(),
            calls: BTreeMap::new(),
            people: BTreeMap::new(),
            used: BTreeSet::new(),
            findings: Vec::new(),
        }
    }

    pub(super) fn find(&mut self, at: Mono, what: String) {
        if self.findings.len() < FINDINGS_MAX {
            self.findings.push(Finding { at, what });
        }
    }

    pub(super) fn findings(self) -> Vec<Finding> {
        self.findings
    }

    /// Sees the engine die: what was open is interrupted, what was not written (the calls after
    /// `last_call`) never was, nobody is logged in. The attempts in `open` have a row and no end.
    pub(super) fn crashed(&mut self, last_call: u64, open: &BTreeSet<CallId>) {
        for opened in open.iter().filter_map(|id| Some(&self.calls.get(id)?.opened)) {
            if let Some(campaign) = self.campaigns.get_mut(&opened.campaign)
                && let Some(lease) = campaign.leases.get(&opened.contact)
                && let Some(promise) = lease.lead.callback
            {
                campaign.promises.insert(opened.contact, promise.agent);
            }
        }
        self.used.retain(|call| call.count() <= last_call);
        self.calls.clear();
        for trunk in self.trunks.values_mut() {
            trunk.lines = 0;
            // A new engine starts with a full bucket; what it does with it is not held against it.
            trunk.tokens = f64::from(trunk.settings.burst);
        }
        for person in self.people.values_mut() {
            person.calls = 0;
            // What was not written was not told to anyone after the crash.
            person.abandoned = person.abandoned.filter(|(call, _)| !open.contains(call));
            person.tried.retain(|(call, _)| call.count() <= last_call);
        }
        for campaign in self.campaigns.values_mut() {
            campaign.leases.clear();
        }
        for agent in self.agents.values_mut() {
            agent.leg = false;
            agent.bridged = None;
            agent.leaves = false;
            agent.shown = AgentState::LoggedOut;
            agent.shift = respect::Shift::default();
        }
    }

    /// Sees a fact as it is handed to the dialer.
    pub(super) fn fact(&mut self, now: Now, fact: &Fact) {
        match fact {
            Fact::Call(id, fact) => self.call_fact(now, *id, *fact),
            Fact::Agent(id, fact) => {
                let Some(agent) = self.agents.get_mut(id) else { return };
                match fact {
                    AgentFact::LegUp => agent.leg = true,
                    AgentFact::LegDown => {
                        agent.leg = false;
                        agent.fell = Some(now.mono);
                        let call = agent.bridged.take();
                        if let Some(call) = call.and_then(|id| self.calls.get_mut(&id))
                            && !call.over
                        {
                            // The person waits again.
                            call.bridged = None;
                            call.waits_since = Some(now.mono);
                        }
                    }
                    AgentFact::Paused(_) | AgentFact::LoggedOut => {
                        agent.shift.told = Some(now.mono);
                        agent.leaves = agent.shown == AgentState::Ready;
                    }
                    AgentFact::Ready => {
                        agent.shift.told = Some(now.mono);
                        agent.leaves = false;
                    }
                    AgentFact::Set(_)
                    | AgentFact::LoggedIn
                    | AgentFact::PreviewDialed
                    | AgentFact::PreviewSkipped(_)
                    | AgentFact::HungUp
                    | AgentFact::Held
                    | AgentFact::Retrieved
                    | AgentFact::Qualified { .. }
                    | AgentFact::WrapExtended(_) => {}
                }
            }
            Fact::Campaign(id, fact) => self.campaign_fact(now, *id, fact),
            Fact::Trunk(id, fact) => {
                let Some(trunk) = self.trunks.get_mut(id) else { return };
                match fact {
                    TrunkFact::Up => trunk.up = true,
                    TrunkFact::Down => trunk.up = false,
                    TrunkFact::Set(_) | TrunkFact::Spared(_) | TrunkFact::Receives(_) => {}
                }
            }
            Fact::DoNotCall(..)
            | Fact::Withdrawn(..)
            | Fact::Erased(..)
            | Fact::Shown(..)
            | Fact::Inbound(..) => {}
        }
    }

    fn campaign_fact(&mut self, now: Now, id: CampaignId, fact: &CampaignFact) {
        let Some(campaign) = self.campaigns.get_mut(&id) else { return };
        match fact {
            CampaignFact::Claimed { leads, .. } if campaign.remembers => {
                let broken = campaign.claimed(leads);
                for contact in broken {
                    self.find(now.mono, format!("{contact}: a promise was forgotten"));
                }
            }
            CampaignFact::Stopped => campaign.stopped = true,
            CampaignFact::Started => campaign.stopped = false,
            CampaignFact::Set(_)
            | CampaignFact::Paused
            | CampaignFact::Drained
            | CampaignFact::Claimed { .. }
            | CampaignFact::Refilled
            | CampaignFact::Restocked
            | CampaignFact::Corrected { .. }
            | CampaignFact::Habits(_)
            | CampaignFact::Known(_)
            | CampaignFact::Counted(_)
            | CampaignFact::Remembered(_)
            | CampaignFact::Directed(_) => {}
        }
    }

    fn call_fact(&mut self, now: Now, id: CallId, fact: CallFact) {
        if fact == CallFact::NotRecorded {
            // Nobody was called, even if the attempt was given up before the store said so.
            for person in self.people.values_mut() {
                person.tried.retain(|(call, _)| *call != id);
            }
        }
        let Some(call) = self.calls.get_mut(&id) else { return };
        let listens = self
            .campaigns
            .get(&call.opened.campaign)
            .is_some_and(|campaign| campaign.settings.listen);
        match fact {
            CallFact::Answered if !call.over && !call.answered => {
                call.answered = true;
                if !listens {
                    call.waits_since = Some(now.mono);
                }
            }
            CallFact::Heard(heard) if call.answered && !call.over => {
                if heard.what == Answerer::Human && call.waits_since.is_none() {
                    call.waits_since = Some(now.mono);
                }
            }
            CallFact::Unusable(_) if !call.over && !call.answered => call.answered = true,
            // An answer that crosses our cancel finds nobody: such a person is abandoned at once.
            CallFact::Answered | CallFact::Unusable(_) => call.left |= !call.answered,
            CallFact::HungUp => {
                call.left = true;
                self.ends(id);
            }
            CallFact::Lost | CallFact::Gone if call.answered => {
                call.left = true;
                self.ends(id);
            }
            CallFact::Failed { .. } | CallFact::NotRecorded | CallFact::Gone => self.ends(id),
            CallFact::Ringing
            | CallFact::EarlyMedia
            | CallFact::Heard(_)
            | CallFact::Lost
            | CallFact::TransferWanted
            | CallFact::Transferred
            | CallFact::NoticePlayed => {}
        }
    }

    /// Sees how long a call rang that is given up.
    fn rang(&mut self, now: Now, id: CallId) {
        let on = |call: &Call| !call.answered && call.bell.is_some_and(|bell| bell < now.mono);
        if self.calls.get(&id).is_some_and(on) {
            self.find(now.mono, format!("{id} rang on after its calling windows shut"));
        }
    }

    fn ends(&mut self, id: CallId) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        call.over = true;
        if let Some(agent) = call.bridged.and_then(|agent| self.agents.get_mut(&agent))
            && agent.bridged == Some(id)
        {
            agent.bridged = None;
        }
    }

    /// Sees all orders of one batch, in order.
    pub(super) fn orders(&mut self, now: Now, orders: &[Order]) {
        let mut dialling = BTreeSet::new();
        let mut served = Vec::new();
        for order in orders {
            match order {
                Order::Record(record) => self.record(now, record),
                Order::Dial(dial) => {
                    dialling.insert(dial.campaign);
                    self.dials(now, dial.call);
                }
                Order::Cancel(call) | Order::HangUp(call) | Order::PlayNotice(call, _) => {
                    self.rang(now, *call);
                    self.ends(*call);
                }
                Order::Bridge(call, agent) => {
                    self.respects(now, *call, *agent);
                    served.extend(self.bridges(now, *call, *agent));
                }
                // The verdict never came: the dialer takes the answer for a person's.
                Order::Comfort(call) => {
                    if let Some(call) = self.calls.get_mut(call) {
                        call.waits_since = call.waits_since.or(Some(now.mono));
                    }
                }
                Order::Listen(_)
                | Order::Hold(_)
                | Order::Retrieve(_)
                | Order::Transfer(_)
                | Order::RaiseLeg(_)
                | Order::DropLeg(_)
                | Order::ShowPreview(..)
                | Order::ClearPreview(_)
                | Order::Claim { .. }
                | Order::Release(..)
                | Order::Inbound(..) => {}
            }
        }
        for campaign in dialling {
            self.one_line_per_idle_agent(now, campaign);
        }
        self.nobody_waits_in_vain(now, &served);
    }

    fn record(&mut self, now: Now, record: &Record) {
        match record {
            Record::Opened(opened) => self.opens(now, opened),
            Record::Closed(closed) => self.closes(now, closed),
            Record::Completed(id) => {
                if self.calls.remove(id).is_none_or(|call| !call.closed) {
                    self.find(now.mono, format!("{id} was completed before it was closed"));
                }
            }
            Record::AgentState { agent, state } => {
                self.shows(now, *agent, *state);
            }
            Record::Qualified(_)
            | Record::Refused(_)
            | Record::Skipped { .. }
            | Record::DoNotCall { .. }
            | Record::CampaignState { .. }
            | Record::Decided(..)
            | Record::Bridged(_)
            | Record::Abandoned(_)
            | Record::Learnt(..)
            | Record::Received { .. }
            | Record::ReceivedEnded { .. } => {}
        }
    }

    /// Sees an agent's change of state: nobody leaves the persons in the lurch who may answer.
    fn shows(&mut self, now: Now, id: AgentId, state: AgentState) {
        let Some(agent) = self.agents.get_mut(&id) else { return };
        let before = core::mem::replace(&mut agent.shown, state);
        agent.shift.turns(now.mono, before, state, agent.fell == Some(now.mono));
        let gone = matches!(state, AgentState::Paused(_) | AgentState::LoggedOut);
        agent.leaves = false;
        if before != AgentState::Ready || !gone || agent.fell == Some(now.mono) {
            return;
        }
        for campaign in agent.campaigns.clone() {
            let lines = self.lines(campaign, |call| call.waits_since.is_none());
            if self.progressive(campaign) && lines > self.idle(campaign, |_| true) {
                self.find(now.mono, format!("{id} left while a line rang for him"));
            }
        }
    }

    fn opens(&mut self, now: Now, opened: &Opened) {
        let mut wrong = Vec::from_iter(self.shows_too_many(opened));
        let mut bell = None;
        if !self.used.insert(opened.call) {
            wrong.push(format!("{} was opened before", opened.call));
        }
        if opened.at != now.wall {
            wrong.push(format!("{} was opened at {}, not now", opened.call, opened.at));
        }
        if let Some(trunk) = self.trunks.get_mut(&opened.trunk) {
            wrong.extend(trunk.takes(now, opened));
        } else {
            wrong.push(format!("{} is no trunk", opened.trunk));
        }
        if let Some(campaign) = self.campaigns.get_mut(&opened.campaign) {
            let key = (campaign.settings.client, opened.person);
            let person = self.people.entry(key).or_default();
            wrong.extend(rules::broken(now, opened, campaign, person));
            bell = rules::bell(now, opened, campaign);
            if let Some(lease) = campaign.leases.get_mut(&opened.contact) {
                lease.spent = true;
            }
            person.calls += 1;
            person.tried.push((opened.call, now.wall));
            if !campaign.remembers {
                self.people.remove(&key);
            }
        } else {
            wrong.push(format!("{} is no campaign", opened.campaign));
        }
        wrong.into_iter().for_each(|what| self.find(now.mono, what));
        let call = Call {
            opened: opened.clone(),
            bell,
            dialled: false,
            answered: false,
            waits_since: None,
            bridged: None,
            over: false,
            left: false,
            closed: false,
        };
        self.calls.insert(opened.call, call);
    }

    fn dials(&mut self, now: Now, id: CallId) {
        match self.calls.get_mut(&id) {
            Some(call) if !call.dialled => call.dialled = true,
            Some(_) => self.find(now.mono, format!("{id} was dialled twice")),
            None => self.find(now.mono, format!("{id} was dialled without a row")),
        }
    }

    fn closes(&mut self, now: Now, closed: &Closed) {
        let Some(call) = self.calls.get_mut(&closed.call) else {
            return self.find(now.mono, format!("{} was closed and never opened", closed.call));
        };
        let mut wrong = Vec::new();
        if core::mem::replace(&mut call.closed, true) {
            wrong.push(format!("{} was closed twice", closed.call));
        }
        let connected = closed.outcome == Outcome::Connected;
        if connected != call.bridged.is_some() {
            let bridged = call.bridged;
            wrong.push(format!("{} ended {:?}, bridged {bridged:?}", closed.call, closed.outcome));
        }
        let mut campaign = self.campaigns.get_mut(&call.opened.campaign);
        if let Some(campaign) = &mut campaign
            && let Some(lease) = campaign.leases.get_mut(&call.opened.contact)
        {
            let fault = matches!(closed.outcome, Outcome::Congestion | Outcome::TrunkFault);
            lease.lead.attempts += 1;
            lease.lead.faults += u32::from(fault);
            let due = match closed.next {
                Next::Retry { at, .. } => at,
                Next::Callback(callback) => callback.at,
                Next::Done(_) | Next::Untouched => now.wall,
            };
            let held = campaign.settings.hopper.lease.min(due.since(now.wall));
            lease.refused = fault.then_some(now.mono + held);
        }
        let told = closed.ringing.or(closed.answered).is_some();
        let reached = told || closed.ended_by != EndedBy::Carrier;
        if matches!(closed.outcome, Outcome::Congestion | Outcome::TrunkFault)
            && !reached
            && let Some(campaign) = &campaign
        {
            // Nobody's telephone can have rung: the attempt was none of his.
            let key = (campaign.settings.client, call.opened.person);
            if let Some(person) = self.people.get_mut(&key) {
                person.tried.retain(|(tried, _)| *tried != closed.call);
            }
        }
        if closed.outcome == Outcome::Abandoned {
            let within = campaign.as_ref().map_or(Span::ZERO, |c| c.settings.abandon.within);
            let waited = call.waits_since.map_or(Span::ZERO, |since| now.mono.since(since));
            let stopped = campaign.as_ref().is_none_or(|campaign| campaign.stopped);
            if !call.left && !stopped && waited < within {
                wrong.push(format!("{} was abandoned after {waited} only", closed.call));
            }
        }
        if let Some(trunk) = self.trunks.get_mut(&call.opened.trunk) {
            trunk.lines = trunk.lines.saturating_sub(1);
        }
        if let Some(campaign) = campaign.filter(|campaign| campaign.remembers) {
            let key = (campaign.settings.client, call.opened.person);
            let person = self.people.entry(key).or_default();
            person.calls = person.calls.saturating_sub(1);
            if closed.outcome == Outcome::Abandoned {
                person.abandoned = Some((closed.call, now.wall));
            }
        }
        let (id, agent) = (closed.call, call.bridged);
        wrong.into_iter().for_each(|what| self.find(now.mono, what));
        if let Some(agent) = agent.and_then(|agent| self.agents.get_mut(&agent))
            && agent.bridged == Some(id)
        {
            agent.bridged = None;
        }
    }

    /// Sees a bridge; gives the campaign and since when the person had waited.
    fn bridges(&mut self, now: Now, id: CallId, to: AgentId) -> Option<(CampaignId, Mono)> {
        let Some(call) = self.calls.get_mut(&id) else {
            self.find(now.mono, format!("{id} was bridged and is not open"));
            return None;
        };
        let Some(agent) = self.agents.get_mut(&to) else {
            self.find(now.mono, format!("{id} was bridged to {to}, who is nobody"));
            return None;
        };
        let mut wrong = Vec::new();
        if call.over || call.closed || !call.answered {
            wrong.push(format!("{id} was bridged and has nobody on the line"));
        }
        if let Some(before) = call.bridged.replace(to) {
            wrong.push(format!("{id} was bridged to {to} and to {before} before"));
        }
        if let Some(other) = agent.bridged.replace(id) {
            wrong.push(format!("{to} was bridged to {id} while talking on {other}"));
        }
        if !agent.leg {
            wrong.push(format!("{id} was bridged to {to}, who has no leg"));
        }
        match agent.shown {
            AgentState::Ready | AgentState::Previewing(_) => {}
            AgentState::Reserved(call) | AgentState::Talking(call) if call == id => {}
            AgentState::LoggedOut
            | AgentState::Paused(_)
            | AgentState::Reserved(_)
            | AgentState::Talking(_)
            | AgentState::Holding(_)
            | AgentState::Wrapping(_)
            | AgentState::Resting(_) => {
                wrong.push(format!("{id} was bridged to {to}, who is {:?}", agent.shown));
            }
        }
        let any_agent = call.opened.agent.is_none();
        let served = call.waits_since.filter(|_| any_agent);
        let served = served.map(|since| (call.opened.campaign, since));
        wrong.into_iter().for_each(|what| self.find(now.mono, what));
        served
    }

    /// Progressive: never more lines than idle agents at the moment of dialling.
    fn one_line_per_idle_agent(&mut self, now: Now, id: CampaignId) {
        let idle = self.idle(id, |agent| !agent.leaves);
        let lines = self.lines(id, |_| true);
        if self.progressive(id) && lines > idle {
            self.find(now.mono, format!("{id} dialled: {lines} lines for {idle} idle agents"));
        }
    }

    fn progressive(&self, id: CampaignId) -> bool {
        self.campaigns.get(&id).is_some_and(|campaign| progressive(campaign.settings.mode))
    }

    /// Counts the agents of a campaign who wait for any of its calls.
    fn idle(&self, id: CampaignId, counts: impl Fn(&Agent) -> bool) -> usize {
        let waits = |agent: &&Agent| match agent.shown {
            AgentState::Ready => counts(agent),
            AgentState::Reserved(call) => {
                self.calls.get(&call).is_some_and(|call| call.opened.agent.is_none())
            }
            AgentState::LoggedOut
            | AgentState::Paused(_)
            | AgentState::Previewing(_)
            | AgentState::Talking(_)
            | AgentState::Holding(_)
            | AgentState::Wrapping(_)
            | AgentState::Resting(_) => false,
        };
        let serves = |agent: &&Agent| agent.campaigns.contains(&id);
        self.agents.values().filter(serves).filter(waits).count()
    }

    /// Counts the lines of a campaign that any of its agents may be given.
    fn lines(&self, id: CampaignId, counts: impl Fn(&Call) -> bool) -> usize {
        let of = |call: &&Call| call.opened.campaign == id && call.opened.agent.is_none();
        self.calls.values().filter(|call| call.is_line() && counts(call)).filter(of).count()
    }

    /// A waiting person goes to the first agent who frees, before any later one, and is told the
    /// notice in time otherwise.
    fn nobody_waits_in_vain(&mut self, now: Now, served: &[(CampaignId, Mono)]) {
        let mut wrong = Vec::new();
        for (id, call) in &self.calls {
            let Some(since) = call.waiting() else { continue };
            let Some(campaign) = self.campaigns.get(&call.opened.campaign) else { continue };
            if now.mono.since(since) > campaign.settings.abandon.within + SLACK {
                wrong.push((*id, format!("{id} has a person waiting beyond the limit")));
            }
            if call.opened.agent.is_some() {
                continue;
            }
            if served.iter().any(|(of, waited)| *of == call.opened.campaign && *waited > since) {
                wrong.push((*id, format!("{id}: a later person was served first")));
            }
            let free = self.agents.iter().find(|(_, agent)| {
                agent.shown == AgentState::Ready
                    && agent.leg
                    && agent.campaigns.contains(&call.opened.campaign)
            });
            if let Some((agent, _)) = free {
                wrong.push((*id, format!("{id} has a person waiting while {agent} is free")));
            }
        }
        for (id, what) in wrong {
            self.find(now.mono, what);
            // Told once.
            if let Some(call) = self.calls.get_mut(&id) {
                call.waits_since = None;
            }
        }
    }

    /// Sees the world after its day: every call has one end, every agent has come free.
    pub(super) fn at_rest(&mut self, now: Mono) {
        let open: Vec<_> = self.calls.iter().map(|(id, call)| (*id, call.closed)).collect();
        for (id, closed) in open {
            let lacks = if closed { "completed" } else { "closed" };
            self.find(now, format!("{id} was never {lacks}"));
        }
        let busy: Vec<_> = self.agents.iter().map(|(id, agent)| (*id, agent.shown)).collect();
        for (id, shown) in busy {
            if shown != AgentState::LoggedOut {
                self.find(now, format!("{id} never came free: {shown:?}"));
            }
        }
    }
}

impl Campaign {
    /// Takes leads handed out; gives those whose callback was cut short and is none any more.
    fn claimed(&mut self, leads: &[Lead]) -> Vec<ContactId> {
        let mut broken = Vec::new();
        for lead in leads {
            let lease = Lease { lead: lead.clone(), spent: false, refused: None };
            self.leases.insert(lead.contact, lease);
            let promised = self.promises.remove(&lead.contact);
            let kept = |agent| lead.callback.is_some_and(|callback| callback.agent == agent);
            if promised.is_some_and(|agent| !kept(agent)) {
                broken.push(lead.contact);
            }
        }
        broken
    }
}

impl Trunk {
    /// Says what speaks against one more call on this trunk.
    fn takes(&mut self, now: Now, opened: &Opened) -> Vec<String> {
        let mut wrong = Vec::new();
        if !self.up {
            wrong.push(format!("{} left over {}, which is down", opened.call, opened.trunk));
        }
        if self.lines >= self.settings.channels {
            wrong.push(format!("{} left over {}, which is full", opened.call, opened.trunk));
        }
        let earned = now.mono.since(self.as_of).as_secs_f64() * self.settings.calls_per_second;
        self.tokens = (self.tokens + earned).min(f64::from(self.settings.burst));
        self.as_of = now.mono;
        // A bucket kept in whole microseconds may be half of one off a call: this is the slack of
        // thousands of calls.
        if self.tokens < 1.0 - 1e-3 {
            wrong.push(format!("{} left too soon for {}", opened.call, opened.trunk));
        }
        self.tokens -= 1.0;
        self.lines += 1;
        wrong
    }
}

#[cfg(test)]
mod tests;
