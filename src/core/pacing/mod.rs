//! How many calls to place now: `View → Ask → Limit → Decision`.

pub mod account;
pub mod prior;
pub mod truth;

mod balance;
pub(super) mod crowd;
mod directed;
mod grant;
mod grid;
mod hazard;
mod level;
pub(super) mod memory;
pub(super) mod pool;
mod power;
pub(super) mod predictive;
mod preview;
mod price;
mod progressive;
pub(super) mod rate;
mod release;
mod strict;
mod survival;
mod trials;

use serde::{Deserialize, Serialize};

use super::campaign::{Abandon, Mode};
use crate::units::{Ratio, Span, TrunkId, Wall};

/// What the pacer sees of a campaign: counts, nothing else.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct View {
    /// Agents waiting for a call of this campaign; one who serves several counts for the best of
    /// them that has contacts to call, less the lines other campaigns ring for the same agents.
    /// Those who leave as soon as the lines in flight can do without them do not count, nor those
    /// for whom a lead of their own is in stock.
    pub ready: u32,
    /// Agents reserved for a call that is being dialled for them.
    pub reserved: u32,
    /// Agents talking or holding.
    pub talking: u32,
    /// Agents writing up.
    pub wrapping: u32,
    /// Agents on a break.
    pub paused: u32,
    /// Agents who rest between two calls.
    pub resting: u32,
    /// Calls dialled that have not been answered.
    pub ringing: u32,
    /// Calls answered and being listened to.
    pub listening: u32,
    /// Persons waiting for an agent.
    pub waiting: u32,
    /// Leads in the hopper that may be called now.
    pub stock: u32,
    /// Persons who answered, in the campaign's abandon window.
    pub answered: u64,
    /// Of those, the abandoned.
    pub abandoned: u64,
    /// Calls a pacer outside the core names for this settle.
    pub directed: u32,
}

/// How many new calls the pacer wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ask {
    /// New calls wanted.
    pub calls: u32,
    /// Why.
    pub why: Why,
}

/// Why the pacer wants that many calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// The mode starts calls only on an agent's word.
    AgentDials,
    /// One line per idle agent.
    OneLinePerIdleAgent,
    /// The fixed ratio of lines to idle agents.
    FixedRatio,
    /// No agent is idle.
    NobodyIdle,
    /// Persons are waiting: nothing is dialled until they are served.
    PersonsWaiting,
    /// A pacer outside the core said so.
    Directed,
    /// The forecast of answers and of agents who come free.
    Predicted,
    /// Too little is known to predict: one line per idle agent.
    Learning,
}

/// What cut the ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    /// Nothing: all that was asked was granted.
    Ask,
    /// The abandon rule.
    Abandon,
    /// The abandon rule of a campaign whose lines ring for the same agents.
    Neighbor,
    /// The line that a campaign owes one of its ready agents, whom a line more could take.
    Owed,
    /// Every usable trunk is full.
    Channels(TrunkId),
    /// A trunk's calls per second.
    CallsPerSecond(TrunkId),
    /// No trunk of the campaign is usable.
    NoTrunk,
    /// Every number the campaign may show carries all it may.
    CallerIds,
    /// The hopper had no lead that may be called now.
    Stock,
}

impl Limit {
    /// Gives the trunk that bound, if one did.
    #[must_use]
    pub fn trunk(self) -> Option<TrunkId> {
        match self {
            Self::Channels(trunk) | Self::CallsPerSecond(trunk) => Some(trunk),
            Self::Ask
            | Self::Abandon
            | Self::Neighbor
            | Self::Owed
            | Self::NoTrunk
            | Self::CallerIds
            | Self::Stock => None,
        }
    }
}

/// One decision, explained.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    /// What was seen.
    pub view: View,
    /// What was wanted.
    pub ask: Ask,
    /// How many calls were placed.
    pub placed: u32,
    /// What bound.
    pub limit: Limit,
    /// What a predictive pacer foresaw.
    pub forecast: Option<Forecast>,
}

/// What a predictive pacer foresaw when it decided.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Forecast {
    /// The greatest chance of abandon a call was allowed, θ.
    pub threshold: Ratio,
    /// Persons expected on the line by the time a new call would be answered.
    pub answers: f64,
    /// Busy agents expected free by then.
    pub releases: f64,
    /// The chance that the last call granted, if a person answers it, is abandoned.
    pub chance: Ratio,
    /// Abandons the rule still allows, counting on the answers to come.
    pub room: f64,
    /// The mean of that chance over the calls granted: what each of them that is answered adds to
    /// the abandons foretold.
    pub mean: Ratio,
    /// The chance of abandon of the call that was not granted, if the forecast refused one.
    pub next: Option<Ratio>,
    /// How long after its dialling a person is expected to answer a new call.
    pub ahead: Span,
}

/// Why a predictive pacer wants no more calls, since its latest decision that wanted some.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Quiet {
    /// When it first wanted none.
    pub since: Wall,
    /// Why it wants none now.
    pub why: Why,
    /// What says no: the forecast itself ([`Limit::Ask`]), or what bound it.
    pub limit: Limit,
    /// What it foresees now.
    pub forecast: Forecast,
}

impl View {
    /// Lines in flight that will want an agent of the ready ones: all but those dialled for one.
    #[must_use]
    pub fn lines(&self) -> u32 {
        (self.ringing + self.listening + self.waiting).saturating_sub(self.reserved)
    }
}

/// Asks the mode's pacer how many calls to place, as if nothing else bound.
#[must_use]
pub fn ask(mode: Mode, view: &View) -> Ask {
    match mode {
        Mode::Preview => preview::ask(view),
        // A predictive campaign asks its own pacer; this is what is safe without one.
        Mode::Progressive | Mode::Predictive { .. } => progressive::ask(view),
        Mode::Power { lines_per_agent } => power::ask(lines_per_agent, view),
        Mode::Directed => directed::ask(view),
    }
}

/// Cuts an ask by the abandon rule: over its cap, only one line per idle agent is dialled. A pacer
/// outside the core answers for its own abandoned calls.
#[must_use]
pub fn within_cap(ask: Ask, abandon: &Abandon, view: &View) -> (Ask, Limit) {
    #[expect(clippy::cast_precision_loss, reason = "2^53 calls are not made")]
    let over = view.abandoned as f64 > abandon.cap.get() * view.answered as f64;
    let safe = progressive::ask(view);
    if over && safe.calls < ask.calls && ask.why != Why::Directed {
        (Ask { calls: safe.calls, ..ask }, Limit::Abandon)
    } else {
        (ask, Limit::Ask)
    }
}

/// Says how many lines so many agents are worth when they leave while their lines ring.
pub(super) fn lines_of(mode: Mode, agents: u32) -> u32 {
    match mode {
        // Whoever directs from outside gives up no line.
        Mode::Preview | Mode::Directed => 0,
        Mode::Progressive | Mode::Predictive { .. } => agents,
        Mode::Power { lines_per_agent } => power::lines(lines_per_agent, agents),
    }
}

/// Says how many ready agents so many lines count on; the inverse of [`lines_of`], but that a
/// line left without its agent in preview wants one as well.
pub(super) fn agents_of(mode: Mode, lines: u32) -> u32 {
    match mode {
        Mode::Preview | Mode::Progressive | Mode::Predictive { .. } => lines,
        // Nor does it keep an agent who wants to go.
        Mode::Directed => 0,
        Mode::Power { lines_per_agent } => power::agents(lines_per_agent, lines),
    }
}

/// Asks for the calls missing to `lines`; nothing while persons wait or nobody is idle.
fn fill(view: &View, lines: u32, why: Why) -> Ask {
    if view.waiting > 0 {
        return Ask { calls: 0, why: Why::PersonsWaiting };
    }
    if view.ready == 0 {
        return Ask { calls: 0, why: Why::NobodyIdle };
    }
    Ask { calls: lines.saturating_sub(view.lines()), why }
}
