//! The state of everything, as others may read it between two batches.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::agent::{Agent, Leg, State};
use super::breaker::Rest;
use super::campaign::DispositionClass;
use super::order::{AgentState, CampaignState};
use super::pacing::prior::Recalled;
use super::pacing::{Decision, Quiet, View};
use super::shown::Cap;
use super::{Dialer, call};
use crate::units::{
    AgentId, CallId, CampaignId, ContactId, DispositionId, Mono, Now, Ratio, ShownId, Span,
    TrunkId, Wall,
};

/// A copy of what the dialer knows, taken after a batch.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Floor {
    /// Every campaign, by id.
    pub campaigns: Vec<CampaignFloor>,
    /// Every agent, by id.
    pub agents: Vec<AgentFloor>,
    /// Every trunk, by id.
    pub trunks: Vec<TrunkFloor>,
    /// Every number shown that has limits, by id.
    #[serde(default)]
    pub shown: Vec<ShownFloor>,
    /// Every call in progress, by id.
    pub calls: Vec<CallFloor>,
    /// Facts that made no sense in the state they met.
    pub surprises: u64,
}

/// One campaign.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CampaignFloor {
    /// The campaign.
    pub campaign: CampaignId,
    /// Its state.
    pub state: CampaignState,
    /// What its pacer sees.
    pub view: View,
    /// Whether none of its trunks is in use.
    #[serde(default)]
    pub no_trunk: bool,
    /// Leads in the hopper that only one agent may be given, which the view's stock leaves out.
    pub personal: u32,
    /// Its latest decision that placed or was refused a call.
    pub decision: Option<Decision>,
    /// Since when its predictive pacer has wanted no more calls, and why.
    #[serde(default)]
    pub quiet: Option<Quiet>,
    /// What its pacer began with, if it remembers earlier days.
    #[serde(default)]
    pub recalled: Option<Recalled>,
    /// What it has done since the dialer was made.
    pub totals: Totals,
}

/// Gives the share of agents' time spent talking, holding or writing up (words.md, taux
/// d'occupation AFRC): (talk + wrap) / (talk + wrap + idle); `None` before any of it passed.
pub fn occupancy<'a>(agents: impl IntoIterator<Item = &'a AgentFloor>) -> Option<Ratio> {
    let (mut busy, mut all) = (Span::ZERO, Span::ZERO);
    for agent in agents {
        busy += agent.talk + agent.wrap;
        all += agent.talk + agent.wrap + agent.idle;
    }
    (all > Span::ZERO).then(|| Ratio::new(busy.as_secs_f64() / all.as_secs_f64()))
}

/// What a campaign has done since the dialer was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// Attempts dialled.
    pub attempts: u64,
    /// Attempts answered by anyone or anything.
    pub answered: u64,
    /// Attempts bridged to an agent.
    pub bridged: u64,
    /// Persons abandoned.
    pub abandoned: u64,
    /// Of those, the ones whom only the loss of an agent's leg left without one.
    #[serde(default)]
    pub forced: u64,
    /// Attempts ended busy.
    pub busy: u64,
    /// Attempts nobody answered.
    pub no_answer: u64,
    /// Attempts that came to nothing otherwise, answers without usable audio among them.
    pub failed: u64,
    /// Contacts refused by a rule.
    pub refused: u64,
    /// Dispositions given, by class: argued positive, argued negative, not argued.
    pub qualified: [u64; 3],
}

/// One agent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AgentFloor {
    /// The agent.
    pub agent: AgentId,
    /// The state.
    pub state: AgentState,
    /// Whether a break or a leave was asked for that waits for the lines in flight: ready, and no
    /// line is dialled for the agent any more.
    pub leaving: bool,
    /// Since when.
    pub since: Mono,
    /// Whether the nailed-up leg carries audio.
    pub leg_up: bool,
    /// Calls handled since the agent signed in.
    pub handled: u64,
    /// Time spent talking or holding since the agent signed in.
    pub talk: Span,
    /// Time spent writing up.
    pub wrap: Span,
    /// Time spent ready, reserved or resting.
    pub idle: Span,
    /// The campaign and contact of the present call or preview.
    pub card: Option<(CampaignId, ContactId)>,
    /// When the present state ends by itself, if it does: a write-up, a preview, a rest.
    #[serde(default)]
    pub until: Option<Mono>,
    /// How much the agent may still add to a write-up.
    #[serde(default)]
    pub more: Span,
    /// What the agent said of the present call so far.
    #[serde(default)]
    pub said: Option<DispositionId>,
    /// Where the agent goes when the present call ends, if not back to ready: a break, or home.
    #[serde(default)]
    pub after: Option<AgentState>,
}

/// One trunk.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrunkFloor {
    /// The trunk.
    pub trunk: TrunkId,
    /// Whether it is used.
    pub up: bool,
    /// Calls it carries.
    pub busy: u32,
    /// Calls it may carry.
    pub channels: u32,
    /// The rest it is in after faults of its own, until a call gets through.
    #[serde(default)]
    pub rest: Option<Rest>,
}

/// One number shown, and how it fares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShownFloor {
    /// The number.
    pub number: ShownId,
    /// Calls that show it now.
    pub busy: u32,
    /// Calls that showed it within an hour.
    pub hour: u32,
    /// Calls that showed it within a day.
    pub day: u32,
    /// Until when its budgets are spent, if one is.
    pub spent_until: Option<Wall>,
    /// How often a network refused it within a day.
    pub blocks: usize,
    /// Until when it rests for that, if it does.
    pub rests_until: Option<Wall>,
}

/// One call in progress.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallFloor {
    /// The call.
    pub call: CallId,
    /// Its campaign.
    pub campaign: CampaignId,
    /// Its contact.
    pub contact: ContactId,
    /// How far it has come.
    pub stage: CallStage,
    /// Since when.
    pub since: Mono,
    /// Its agent, once reserved or bridged.
    pub agent: Option<AgentId>,
}

/// How far a call has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallStage {
    /// Dialled, nothing heard yet.
    Dialing,
    /// Ringing.
    Ringing,
    /// Answered, being listened to.
    Listening,
    /// A person waits for an agent.
    Waiting,
    /// Bridged.
    Talking,
    /// The notice of an abandoned call is playing.
    Notice,
    /// Being cancelled or hung up.
    Ending,
}

impl CallStage {
    /// Every stage, in order.
    pub(super) const ALL: [Self; 7] = [
        Self::Dialing,
        Self::Ringing,
        Self::Listening,
        Self::Waiting,
        Self::Talking,
        Self::Notice,
        Self::Ending,
    ];
}

impl Totals {
    /// Counts a disposition, in place of one given before for the same call.
    pub(super) fn requalify(&mut self, before: Option<DispositionClass>, class: DispositionClass) {
        if let Some(before) = before {
            let count = self.class(before);
            *count = count.saturating_sub(1);
        }
        *self.class(class) += 1;
    }

    fn class(&mut self, class: DispositionClass) -> &mut u64 {
        let [positive, negative, not_argued] = &mut self.qualified;
        match class {
            DispositionClass::ArguedPositive => positive,
            DispositionClass::ArguedNegative => negative,
            DispositionClass::NotArgued => not_argued,
        }
    }
}

impl Dialer {
    /// Copies what the dialer knows, for others to read between two batches.
    #[must_use]
    pub fn floor(&self, now: Now) -> Floor {
        let campaigns = self.campaigns.iter().map(|(&id, campaign)| CampaignFloor {
            campaign: id,
            state: campaign.state,
            view: self.view(id),
            no_trunk: !self.trunks.any_up(campaign.settings.all_routes(), now.mono),
            personal: u32::try_from(campaign.hopper.len() - campaign.hopper.stock())
                .unwrap_or(u32::MAX),
            decision: campaign.decision,
            quiet: campaign.quiet.filter(|_| campaign.runs()),
            recalled: campaign.memory.recalled(),
            totals: campaign.totals,
        });
        let calls = self.calls.iter().map(|(&id, call)| CallFloor {
            call: id,
            campaign: call.campaign,
            contact: call.lead.contact,
            stage: call.stage(),
            since: call.since,
            agent: talker(call).or(call.reserved),
        });
        let caps = self.campaigns.values().flat_map(|campaign| &campaign.settings.caller_caps);
        let caps: BTreeMap<ShownId, &Cap> = caps.flatten().map(|cap| (cap.number, cap)).collect();
        Floor {
            campaigns: campaigns.collect(),
            agents: self.agents(now).collect(),
            trunks: self.trunks.each(now.mono).collect(),
            shown: caps.values().map(|cap| self.shown.told(cap, now.wall)).collect(),
            calls: calls.collect(),
            surprises: self.surprises,
        }
    }

    /// Gives one agent as others see him or her; `None` if there is no such agent.
    #[must_use]
    pub fn agent(&self, now: Now, id: AgentId) -> Option<AgentFloor> {
        self.agents.get(&id).map(|agent| self.seat(now, id, agent))
    }

    /// Gives every agent as others see them, by id.
    pub fn agents(&self, now: Now) -> impl Iterator<Item = AgentFloor> {
        self.agents.iter().map(move |(&id, agent)| self.seat(now, id, agent))
    }

    /// Gives a campaign's state; `None` if there is no such campaign.
    #[must_use]
    pub fn campaign_state(&self, id: CampaignId) -> Option<CampaignState> {
        self.campaigns.get(&id).map(|campaign| campaign.state)
    }

    /// Counts the calls in progress.
    #[must_use]
    pub fn calls_in_progress(&self) -> usize {
        self.calls.len()
    }

    /// Gives those who answered and those abandoned in a campaign's abandon window, with those of
    /// the campaigns that share its rate.
    #[must_use]
    pub fn tally(&self, campaign: CampaignId) -> (u64, u64) {
        let campaign = self.campaigns.get(&campaign);
        campaign.map_or((0, 0), |campaign| self.counts(campaign))
    }

    fn seat(&self, now: Now, id: AgentId, agent: &Agent) -> AgentFloor {
        let (talk, wrap, idle) = agent.times(now.mono);
        let card = match &agent.state {
            State::LoggedOut | State::Paused { .. } | State::Ready | State::Resting { .. } => None,
            State::Previewing(campaign, stocked) => Some((*campaign, stocked.lead.contact)),
            State::Reserved(call) | State::Talking(call) | State::Holding(call) => {
                self.calls.get(call).map(|call| (call.campaign, call.lead.contact))
            }
            State::Wrapping(writing) => Some((writing.campaign, writing.lead.contact)),
        };
        AgentFloor {
            agent: id,
            state: agent.label(),
            leaving: agent.leaves(),
            since: agent.since,
            leg_up: agent.leg == Leg::Up,
            handled: agent.handled,
            talk,
            wrap,
            idle,
            card,
            until: agent.due(),
            more: agent.more(),
            said: self.said(&agent.state),
            after: agent.after(),
        }
    }

    /// What was said of the call an agent is in or writes up.
    fn said(&self, state: &State) -> Option<DispositionId> {
        match state {
            State::Talking(call) | State::Holding(call) => {
                self.calls.get(call)?.qualified.map(|(said, _)| said)
            }
            State::Wrapping(writing) => writing.said,
            State::LoggedOut
            | State::Paused { .. }
            | State::Ready
            | State::Previewing(..)
            | State::Reserved(_)
            | State::Resting { .. } => None,
        }
    }
}

fn talker(call: &call::Call) -> Option<AgentId> {
    if let call::State::Talking { agent, .. } = call.state { Some(agent) } else { None }
}

#[cfg(test)]
mod tests {
    use super::super::agent::{Event, Settings, Want};
    use super::super::fact::{AgentFact, Fact};
    use super::*;
    use crate::units::PauseId;

    #[test]
    fn one_who_is_added_later_is_signed_out_since_then() {
        let settings = Settings { campaigns: Vec::new(), pause_at_login: PauseId(0) };
        let mut dialer = Dialer::new(crate::core::Settings { node: 0, first_call: 1, seed: 1 });
        let now = Now { mono: Mono::START + Span::secs(506), ..Now::default() };
        dialer.take(now, Fact::Agent(AgentId(1), AgentFact::Set(settings)));
        assert_eq!(dialer.floor(now).agents[0].since, now.mono);
    }

    #[test]
    fn one_who_stays_for_a_line_only_is_seen_to_be_leaving() {
        let settings = Settings { campaigns: Vec::new(), pause_at_login: PauseId(0) };
        let mut agent = Agent::new(settings, 0, Mono::START);
        let dialer = Dialer::new(crate::core::Settings { node: 0, first_call: 1, seed: 1 });
        let (now, id) = (Now::default(), AgentId(1));
        let calls = Event::Wants(Want::Calls);
        let events = [Event::SignedIn, Event::LegRose, calls, Event::Postpones(Want::Leave)];
        let mut seen = Vec::new();
        for event in events.into_iter().chain([Event::Freed]) {
            assert!(agent.step(now.mono, event).is_ok());
            let floor = dialer.seat(now, id, &agent);
            seen.push((floor.state.name(), floor.leaving));
        }
        let expected = [
            ("paused", false),
            ("paused", false),
            ("ready", false),
            ("ready", true),
            ("logged_out", false),
        ];
        assert_eq!(seen, expected);
    }
}
