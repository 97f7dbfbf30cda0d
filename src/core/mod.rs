//! The dialer's mind. Facts in, orders out. Nothing here waits.

pub mod agent;
pub mod campaign;
pub mod check;
pub mod fact;
pub mod floor;
pub mod hopper;
pub mod order;
pub mod pacing;
pub mod recycle;
pub mod rules;
pub mod trunks;

pub use fact::Fact;
pub use order::{Order, Record};

use crate::units::{AgentId, CallId, CampaignId, Mono, Now};

/// What a dialer is made with; the tape's header repeats it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Settings {
    /// This node's number, the upper half of every [`CallId`].
    pub node: u16,
    /// The count of the first call, above every call the store knows.
    pub first_call: u64,
    /// The seed of the core's chance.
    pub seed: u64,
}

/// The dialer: one per node, the same live and simulated.
#[derive(Debug)]
pub struct Dialer {
    settings: Settings,
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
    /// An agent's wrap-up or preview.
    Agent(AgentId),
    /// An agent's leg, to be raised again.
    Leg(AgentId),
}

impl Dialer {
    /// Makes an empty dialer: no campaign, no agent, no trunk.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self { settings }
    }

    /// Records that something happened. Never fails: a fact that makes no sense in the present
    /// state is counted as a surprise and changes nothing.
    pub fn take(&mut self, _now: Now, _fact: Fact) {
        let _seed = self.settings.seed;
    }

    /// Puts the house in order, once per batch: due timers, rules, hopper, pacing.
    pub fn settle(&mut self, _now: Now) {}

    /// Hands out the next order. Contract: take one or more facts, settle, then call this until
    /// `None`; only then the next batch.
    pub fn next_order(&mut self) -> Option<Order> {
        None
    }

    /// Says when `settle` wants to run next, and on whose behalf.
    #[must_use]
    pub fn next_wake(&self) -> Option<(Mono, Wake)> {
        None
    }

    /// Copies what the dialer knows, for others to read between two batches.
    #[must_use]
    pub fn floor(&self, _now: Now) -> floor::Floor {
        floor::Floor::default()
    }

    /// Gives how many facts made no sense in the state they met.
    #[must_use]
    pub fn surprises(&self) -> u64 {
        0
    }

    /// Checks every invariant over the whole dialer; costs a scan of all it holds.
    ///
    /// # Errors
    /// The first invariant found broken.
    pub fn check(&self) -> Result<(), check::Violation> {
        Ok(())
    }
}
