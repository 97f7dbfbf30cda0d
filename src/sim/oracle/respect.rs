//! What agents are owed, told from the states they were shown and the calls they were given.

use super::Oracle;
use crate::core::order::AgentState;
use crate::core::respect::{Settings, WINDOW};
use crate::units::{AgentId, CallId, CampaignId, Mono, Now, Span};

/// Who was away for longer begins a new shift (`core::respect::NIGHT`).
const NIGHT: Span = Span::secs(6 * 3_600);

/// Half a microsecond a piece, over the pieces of an hour.
const SLACK: f64 = 1e-6;

/// One agent's shift as others could see it.
#[derive(Debug, Default)]
pub(super) struct Shift {
    /// Pieces of work, busy or not, in order.
    pieces: Vec<(bool, Span)>,
    since: Mono,
    taken: u32,
    hard: u32,
    /// What the campaign of the latest call owes, and when the breath after a call is over.
    owed: Settings,
    breath_until: Mono,
    /// When the agent last said that he goes or stays.
    pub(super) told: Option<Mono>,
}

impl Shift {
    /// Sees a change of state.
    pub(super) fn turns(&mut self, now: Mono, from: AgentState, to: AgentState, fell: bool) {
        let time = now.since(self.since);
        self.since = now;
        match from {
            AgentState::LoggedOut if time >= NIGHT => {
                *self = Self { since: now, ..Self::default() }
            }
            AgentState::LoggedOut | AgentState::Paused(_) => {}
            AgentState::Ready
            | AgentState::Previewing(_)
            | AgentState::Reserved(_)
            | AgentState::Resting(_) => self.pieces.push((false, time)),
            AgentState::Talking(_) | AgentState::Holding(_) | AgentState::Wrapping(_) => {
                self.pieces.push((true, time));
            }
        }
        let talked = matches!(from, AgentState::Talking(_) | AgentState::Holding(_));
        let goes_on =
            matches!(to, AgentState::Talking(_) | AgentState::Holding(_) | AgentState::Wrapping(_));
        let written = matches!(from, AgentState::Wrapping(_));
        if !goes_on && (written || (talked && !fell)) {
            self.breath_until = now + self.owed.breath;
        }
    }

    /// The share of the last hour of work, ended by some idleness, that was busy.
    fn share(&self, idle: Span) -> f64 {
        let mut left = WINDOW - idle;
        let (mut busy, mut all) = (Span::ZERO, idle.min(WINDOW));
        for &(was_busy, time) in self.pieces.iter().rev() {
            let part = time.min(left);
            left = left - part;
            all += part;
            busy += if was_busy { part } else { Span::ZERO };
        }
        busy.as_secs_f64() / all.as_secs_f64().max(SLACK)
    }

    /// Says what speaks against a call given now, and counts it.
    fn takes(&mut self, now: Mono, shown: AgentState, owed: Settings, hard: bool) -> Vec<String> {
        let mut wrong = Vec::new();
        if now < self.breath_until {
            wrong.push("before his breath was over".to_owned());
        }
        let waits = matches!(
            shown,
            AgentState::Ready | AgentState::Previewing(_) | AgentState::Reserved(_)
        );
        let idle = if waits { now.since(self.since) } else { Span::ZERO };
        if let Some(most) = self.owed.occupancy_max
            && self.share(idle) > most.get() + SLACK
        {
            wrong.push(format!("at an occupancy of {}", self.share(idle)));
        }
        self.owed = owed;
        self.taken += 1;
        self.hard += u32::from(hard);
        wrong
    }

    fn has_smaller_share(&self, other: &Self) -> bool {
        let weighed = |one: &Self, by: &Self| u64::from(one.hard) * u64::from(by.taken.max(1));
        weighed(self, other) < weighed(other, self)
    }
}

impl Oracle {
    /// Sees a call given to an agent: he has rested, and a hard one was his to take.
    pub(super) fn respects(&mut self, now: Now, id: CallId, to: AgentId) {
        let Some(call) = self.calls.get(&id) else { return };
        let (of, contact, any) = (call.opened.campaign, call.opened.contact, call.opened.agent);
        let attempt = call.opened.attempt;
        let Some(campaign) = self.campaigns.get(&of) else { return };
        let owed = campaign.settings.respect;
        let faults = match campaign.leases.get(&contact) {
            Some(lease) => lease.lead.faults,
            // Contacts never seen before are tried again only where a trunk refused.
            None => attempt.saturating_sub(1),
        };
        let hard = owed.hard_from.is_some_and(|from| attempt.saturating_sub(faults) >= from);
        let fairer = if hard && any.is_none() { self.fairer(now, of, to) } else { None };
        let Some(agent) = self.agents.get_mut(&to) else { return };
        let wrong = agent.shift.takes(now.mono, agent.shown, owed, hard);
        for what in wrong {
            self.find(now.mono, format!("{id} was given to {to} {what}"));
        }
        if let Some(other) = fairer {
            self.find(now.mono, format!("{id} is hard, and {other} had fewer of these than {to}"));
        }
    }

    /// Finds an agent who could have taken a hard call and had a smaller share of them.
    fn fairer(&self, now: Now, campaign: CampaignId, than: AgentId) -> Option<AgentId> {
        let taker = self.agents.get(&than)?;
        // Nobody else was free: whoever stands aside took it.
        let stood_aside = taker.leaves || self.is_kept(than);
        let could = |(id, agent): &(&AgentId, &super::Agent)| {
            let free = agent.shown == AgentState::Ready && !agent.leaves;
            let sure = agent.shift.told != Some(now.mono) && !self.is_kept(**id);
            free && sure && agent.campaigns.contains(&campaign)
        };
        let fairer =
            |(_, agent): &(&AgentId, &super::Agent)| agent.shift.has_smaller_share(&taker.shift);
        let mut others = self.agents.iter().filter(could);
        let found = others.find(fairer).map(|(&id, _)| id);
        found.filter(|_| !stood_aside)
    }

    /// Whether a lead of an agent's own may be in stock, for which he is kept.
    fn is_kept(&self, agent: AgentId) -> bool {
        self.campaigns.values().flat_map(|campaign| campaign.leases.values()).any(|lease| {
            let own = lease.lead.callback.and_then(|callback| callback.agent).or(lease.lead.owner);
            own == Some(agent)
        })
    }
}
