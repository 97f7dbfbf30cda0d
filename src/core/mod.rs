//! The dialer's mind. Facts in, orders out. Nothing here waits.

pub mod agent;
pub mod breaker;
pub mod campaign;
pub mod check;
pub mod fact;
pub mod floor;
pub mod foresight;
pub mod habits;
pub mod hopper;
pub mod inbound;
pub mod order;
pub mod pacing;
pub mod quality;
pub mod quota;
pub mod recycle;
pub mod respect;
pub mod rules;
pub mod shown;
pub mod trunks;

mod call;
mod cover;
mod line;
mod placing;
mod recall;
mod routing;
mod running;
mod seat;
mod sharing;
mod spread;
mod team;
mod timers;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

pub use fact::Fact;
pub use order::{Order, Record};

use crate::units::{
    AgentId, CallId, CampaignId, ClientId, ContactId, InboundId, Mono, Now, PersonId, Span, TrunkId,
};
use agent::Agent;
use call::Call;
use campaign::Campaign;
use fact::{DncScope, TrunkFact};
use pacing::rate::{Key, Rate};
use rules::Persons;
use shown::Shown;
use team::Teams;
use timers::Timers;
use trunks::Trunks;

/// What a dialer is made with; the tape's header repeats it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Settings {
    /// This node's number, the upper half of every [`CallId`].
    pub node: u16,
    /// The count of the first call, above every call the store knows.
    pub first_call: u64,
    /// The seed of the core's chance; no mode built so far draws any.
    pub seed: u64,
}

/// The dialer: one per node, the same live and simulated.
#[derive(Debug)]
pub struct Dialer {
    settings: Settings,
    campaigns: BTreeMap<CampaignId, Campaign>,
    /// What the abandon rule counts, for each campaign or for several together.
    rates: BTreeMap<Key, Rate>,
    agents: BTreeMap<AgentId, Agent>,
    calls: BTreeMap<CallId, Box<Call>>,
    trunks: Trunks,
    /// What each trunk may bring in.
    doors: BTreeMap<TrunkId, inbound::Door>,
    inbound: BTreeMap<InboundId, inbound::Inbound>,
    shown: Shown,
    teams: Teams,
    /// Agents kept for leads of their own.
    kept: BTreeSet<AgentId>,
    /// Those standing aside on whom a proved cap still counts.
    bound: BTreeSet<AgentId>,
    /// Agents whose leg fell while they waited for a call, and those who stand in for one whose
    /// leg fell in a talk, each with the first call that was dialled without counting on the lost
    /// one: one person who answers an earlier one misses him.
    missed: BTreeMap<AgentId, CallId>,
    persons: Persons,
    timers: Timers,
    orders: VecDeque<Order>,
    next_call: u64,
    surprises: u64,
    /// The longest lease ever set: what persons did longer ago, every lead knows itself.
    longest_lease: Span,
    /// Settles since the last self-check of a debug build.
    unchecked: usize,
}

/// On whose behalf [`Dialer::settle`] wants to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wake {
    /// The pacer of a campaign.
    Pace(CampaignId),
    /// A campaign's hopper: the next claim, a claim that was never answered, a lease's end.
    Hopper(CampaignId),
    /// A call's ring time, abandon clock or hang-up guard.
    Call(CallId),
    /// An agent's wrap-up, rest or preview.
    Agent(AgentId),
    /// An agent's leg, to be raised again.
    Leg(AgentId),
    /// A call that came in: the end of what it does now.
    Inbound(InboundId),
}

/// How much longer than a lease is remembered what persons did: a claim's answer may be under way.
const MEMORY_MARGIN: Span = Span::secs(60);

impl Dialer {
    /// Makes an empty dialer: no campaign, no agent, no trunk.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            campaigns: BTreeMap::new(),
            rates: BTreeMap::new(),
            agents: BTreeMap::new(),
            calls: BTreeMap::new(),
            trunks: Trunks::default(),
            doors: BTreeMap::new(),
            inbound: BTreeMap::new(),
            shown: Shown::default(),
            teams: Teams::default(),
            kept: BTreeSet::new(),
            bound: BTreeSet::new(),
            missed: BTreeMap::new(),
            persons: Persons::default(),
            timers: Timers::default(),
            orders: VecDeque::new(),
            next_call: settings.first_call,
            surprises: 0,
            longest_lease: Span::ZERO,
            unchecked: 0,
        }
    }

    /// Records that something happened. Never fails: a fact that makes no sense in the present
    /// state is counted as a surprise and changes nothing.
    pub fn take(&mut self, now: Now, fact: Fact) {
        match fact {
            Fact::Campaign(id, fact) => self.take_campaign(now, id, fact),
            Fact::Trunk(id, fact) => self.take_trunk(now, id, &fact),
            Fact::Agent(id, fact) => self.take_agent(now, id, fact),
            Fact::Call(id, fact) => self.take_call(now, id, fact),
            Fact::DoNotCall(person, scope) => self.note_wish(now, person, scope, None),
            Fact::Withdrawn(person, client) => self.note_withdrawal(now, person, client),
            Fact::Shown(number, carried) => self.shown.carried(number, &carried),
            Fact::Inbound(id, fact) => self.take_inbound(now, id, fact),
            Fact::Erased(contact) => self.forget(contact),
        }
    }

    /// Puts the house in order, once per batch: due timers, rules, hopper, pacing.
    pub fn settle(&mut self, now: Now) {
        while let Some(wake) = self.timers.pop_due(now.mono) {
            self.wake(now, wake);
        }
        let horizon = (self.longest_lease + MEMORY_MARGIN).as_micros();
        let horizon = Mono::micros(now.mono.as_micros().saturating_sub(horizon));
        self.persons.forget_before(horizon);
        self.count_teams(now);
        self.unbind(now);
        self.let_go(now);
        self.keep_agents(now);
        self.settle_campaigns(now);
        // Whoever was just given the last lead of his own is counted on again after it.
        self.keep_agents(now);
        if cfg!(debug_assertions) {
            self.check_now_and_then();
        }
    }

    /// Hands out the next order. Contract: take one or more facts, settle, then call this until
    /// `None`; only then the next batch.
    pub fn next_order(&mut self) -> Option<Order> {
        self.orders.pop_front()
    }

    /// Says when `settle` wants to run next, and on whose behalf.
    #[must_use]
    pub fn next_wake(&self) -> Option<(Mono, Wake)> {
        self.timers.first()
    }

    /// Gives how many facts made no sense in the state they met.
    #[must_use]
    pub fn surprises(&self) -> u64 {
        self.surprises
    }

    fn wake(&mut self, now: Now, wake: Wake) {
        match wake {
            // The campaigns are settled right after the timers.
            Wake::Pace(_) | Wake::Hopper(_) => {}
            Wake::Call(id) => self.step_call(now, id, call::Event::TimeUp),
            Wake::Agent(id) => self.step_agent(now, id, agent::Event::TimeUp),
            Wake::Leg(id) => self.raise_leg_again(now, id),
            Wake::Inbound(id) => self.inbound_due(now, id),
        }
    }

    fn take_trunk(&mut self, now: Now, id: TrunkId, fact: &TrunkFact) {
        let known = match *fact {
            TrunkFact::Set(settings) => {
                self.trunks.set(id, settings);
                true
            }
            TrunkFact::Up => self.trunks.mark(id, true),
            TrunkFact::Down => self.trunks.mark(id, false),
            TrunkFact::Spared(span) => self.trunks.spare(id, now.mono + span),
            TrunkFact::Receives(limits) => {
                self.take_limits(id, limits);
                true
            }
        };
        self.surprises += u64::from(!known);
    }

    /// Notes a wish not to be called; effective at once, also for a call that only rings.
    fn note_wish(&mut self, now: Now, person: PersonId, scope: DncScope, call: Option<CallId>) {
        // What is said in a call is recorded each time: a wish said before may have been ended.
        if !self.persons.wishes.note(now.mono, person, scope) && call.is_none() {
            return;
        }
        self.record(Record::DoNotCall { person, scope, call });
        self.give_up_on(now, person, scope);
    }

    /// Notes that a person took back the right to call; effective at once, also for a call that
    /// only rings and needed it.
    fn note_withdrawal(&mut self, now: Now, person: PersonId, client: ClientId) {
        self.persons.withdrawals.note(now.mono, (client, person), now.wall);
        let Some(call) = self.persons.on_line.get(&person).and_then(|id| self.calls.get(id)) else {
            return;
        };
        let campaign = self.campaigns.get(&call.campaign);
        let number = call.number();
        let needed = campaign.and_then(|campaign| {
            let law = &campaign.settings.rules_of(number).law;
            rules::consent::needed(law, number.territory.as_ref(), now.wall)
        });
        if needed.is_some() {
            self.give_up_on(now, person, DncScope::Client(client));
        }
    }

    /// Gives up a call to a person that only rings, if a wish reaches it.
    fn give_up_on(&mut self, now: Now, person: PersonId, scope: DncScope) {
        let Some(&ringing) = self.persons.on_line.get(&person) else { return };
        let Some(call) = self.calls.get(&ringing) else { return };
        let meant = match scope {
            DncScope::Everyone => true,
            DncScope::Campaign(campaign) => campaign == call.campaign,
            DncScope::Client(client) => self
                .campaigns
                .get(&call.campaign)
                .is_some_and(|campaign| campaign.settings.client == client),
        };
        if meant && call.unanswered() {
            self.step_call(now, ringing, call::Event::GivenUp);
        }
    }

    /// Takes an erased contact out of every stock. One that a claim under way still brings is let
    /// go when the store refuses its attempt.
    fn forget(&mut self, contact: ContactId) {
        for campaign in self.campaigns.values_mut() {
            campaign.hopper.forget(contact);
        }
    }

    fn record(&mut self, record: Record) {
        self.orders.push_back(Order::Record(record));
    }

    fn surprise(&mut self) {
        self.surprises += 1;
    }

    /// Checks the invariants often enough to catch a fault early and seldom enough that a large
    /// simulation in a debug build stays quick: the cost of a check is spread over as many
    /// settles as a 32nd of what it scans.
    fn check_now_and_then(&mut self) {
        self.unchecked += 1;
        if self.unchecked > (self.calls.len() + self.agents.len()) / 32 {
            self.unchecked = 0;
            let checked = self.check();
            debug_assert!(checked.is_ok(), "{checked:?}");
        }
    }
}

#[cfg(test)]
mod tests;
