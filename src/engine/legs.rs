//! The table of live legs: which leg belongs to which call or agent, and what was agreed on it.

use std::collections::BTreeMap;

use crate::units::{AgentId, CallId, CampaignId, InboundId, LegId, Mono, TrunkId};
use crate::wire::sdp::{Local, Origin, Side, Terms};

/// Whom a leg serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Party {
    /// The person called.
    Callee(CallId),
    /// An agent's nailed-up leg.
    Agent(AgentId),
    /// Whoever calls a number that campaigns show.
    Caller(InboundId),
    /// A trunk test.
    Test,
}

/// One live leg.
#[derive(Clone, Debug)]
pub struct Leg {
    /// Whom it serves.
    pub party: Party,
    /// Our side of its session descriptions.
    pub side: Side,
    /// When it was answered.
    pub answered: Option<Mono>,
    /// Whether we asked for its end: an answer that comes all the same connects nobody.
    pub ending: bool,
    /// Whether the far end is an agent's browser, which no SIP dialog belongs to.
    pub browser: bool,
    /// A callee's campaign.
    pub campaign: Option<CampaignId>,
    /// The trunk a callee was called over.
    pub trunk: Option<TrunkId>,
    /// The agent a callee was bridged to last.
    pub agent: Option<AgentId>,
}

impl Leg {
    /// Makes a leg on which nothing was said yet.
    #[must_use]
    pub fn new(id: LegId, party: Party, local: Local, terms: impl Into<Terms>) -> Self {
        Self {
            party,
            side: Side::new(local, Origin::new(id.0), terms),
            answered: None,
            ending: false,
            browser: false,
            campaign: None,
            trunk: None,
            agent: None,
        }
    }
}

/// Every live leg, found by id, by call and by agent.
#[derive(Debug, Default)]
pub struct Legs {
    legs: BTreeMap<LegId, Leg>,
    calls: BTreeMap<CallId, LegId>,
    agents: BTreeMap<AgentId, LegId>,
    next: u64,
}

impl Legs {
    /// Makes an empty table whose first leg has this id.
    #[must_use]
    pub fn starting_at(first: u64) -> Self {
        Self { next: first, ..Self::default() }
    }

    /// Gives an id no leg of this run has had.
    pub fn next_id(&mut self) -> LegId {
        let id = LegId(self.next);
        self.next += 1;
        id
    }

    /// Adds a leg; a party's newer leg takes the place of an older one.
    pub fn insert(&mut self, id: LegId, leg: Leg) {
        match leg.party {
            Party::Callee(call) => {
                self.calls.insert(call, id);
            }
            Party::Agent(agent) => {
                self.agents.insert(agent, id);
            }
            Party::Caller(_) | Party::Test => {}
        }
        self.legs.insert(id, leg);
    }

    /// Removes a leg.
    pub fn remove(&mut self, id: LegId) -> Option<Leg> {
        let leg = self.legs.remove(&id)?;
        match leg.party {
            Party::Callee(call) if self.calls.get(&call) == Some(&id) => {
                self.calls.remove(&call);
            }
            Party::Agent(agent) if self.agents.get(&agent) == Some(&id) => {
                self.agents.remove(&agent);
            }
            Party::Callee(_) | Party::Agent(_) | Party::Caller(_) | Party::Test => {}
        }
        Some(leg)
    }

    /// Finds a leg.
    #[must_use]
    pub fn leg(&self, id: LegId) -> Option<&Leg> {
        self.legs.get(&id)
    }

    /// Finds a leg to change it.
    pub fn leg_mut(&mut self, id: LegId) -> Option<&mut Leg> {
        self.legs.get_mut(&id)
    }

    /// Finds the callee's leg of a call.
    #[must_use]
    pub fn of_call(&self, call: CallId) -> Option<LegId> {
        self.calls.get(&call).copied()
    }

    /// Finds an agent's nailed-up leg.
    #[must_use]
    pub fn of_agent(&self, agent: AgentId) -> Option<LegId> {
        self.agents.get(&agent).copied()
    }

    /// Tells whether no leg is left.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.legs.is_empty()
    }
}
