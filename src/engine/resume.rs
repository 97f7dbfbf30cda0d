//! Picks up what an earlier run left: agents and where their phones are, running campaigns, dialogs
//! that still stand.

use std::convert::Infallible;
use std::time::Duration;

use tokio::sync::{oneshot, watch};

use super::Engine;
use super::clock::Clock;
use super::hear::phone;
use crate::config::Config;
use crate::core::Fact;
use crate::core::campaign::Mode;
use crate::core::fact::{AgentFact, CampaignFact};
use crate::core::habits::KEPT_DAYS;
use crate::core::order::{AgentState, CampaignState};
use crate::sip::Phone;
use crate::store::{Recovered, Store, StoreError};
use crate::units::{AgentId, ShownId, Span, Wall};

/// How often a sign of life is written: far more often than [`crate::store::STILL_THERE`].
const ALIVE_EVERY: Duration = Duration::from_secs(30);

/// How long a start waits for agents' phones to be known.
const TOLD_WITHIN: Duration = Duration::from_secs(1);

impl Engine {
    /// Gives the facts that restore what an earlier run left; the signalling has what is its own.
    pub(super) async fn resume(&mut self, recovered: Recovered) -> Vec<Fact> {
        self.stale = recovered.dialogs.iter().map(|(leg, _)| *leg).collect();
        if !recovered.interrupted.is_empty() {
            let calls = recovered.interrupted.len();
            tracing::warn!(calls, "calls were interrupted by the last stop");
        }
        self.know_phones(recovered.agents.iter().map(phone).collect()).await;
        let agents = recovered.agents.into_iter();
        let mut facts: Vec<Fact> = agents.map(|row| self.set_agent(row)).collect();
        let known = |(id, _): &(AgentId, _)| self.parts.book.agents.contains_key(id);
        let at_work = recovered.at_work.into_iter().filter(known);
        facts.extend(at_work.flat_map(|(id, state)| back_at_work(id, state)));
        for row in recovered.campaigns {
            if !self.parts.book.campaigns.contains_key(&row.id) {
                continue;
            }
            let again = match row.state {
                CampaignState::Running | CampaignState::Completed => &[CampaignFact::Started][..],
                CampaignState::Paused => &[CampaignFact::Started, CampaignFact::Paused][..],
                CampaignState::Stopped | CampaignState::Draining => &[],
            };
            facts.extend(again.iter().map(|fact| Fact::Campaign(row.id, fact.clone())));
        }
        facts
    }

    /// Tells the signalling of every agent's phone, and waits a moment for that: agents who are
    /// back at work are called at once. One whose host is unknown is left out aloud.
    async fn know_phones(&self, phones: Vec<Phone>) {
        let sip = self.parts.sip.clone();
        let (telling, told) = oneshot::channel::<Infallible>();
        self.parts.tasks.spawn(async move {
            for phone in phones {
                if let Err(error) = sip.set_phone(&phone).await {
                    tracing::warn!(agent = %phone.agent, %error, "an agent's phone is left out");
                }
            }
            drop(telling);
        });
        // A host that is looked up may take longer: the core raises a leg that failed again.
        drop(tokio::time::timeout(TOLD_WITHIN, told).await);
    }
}

/// Signs an agent in whom a crash cut off: on the break he was on, else ready once his phone has
/// answered, which tells that he is there.
fn back_at_work(agent: AgentId, state: AgentState) -> [Fact; 2] {
    let wish = match state {
        AgentState::Paused(code) => AgentFact::Paused(code),
        AgentState::LoggedOut
        | AgentState::Ready
        | AgentState::Previewing(_)
        | AgentState::Reserved(_)
        | AgentState::Talking(_)
        | AgentState::Holding(_)
        | AgentState::Wrapping(_)
        | AgentState::Resting(_) => AgentFact::Ready,
    };
    [AgentFact::LoggedIn, wish].map(|fact| Fact::Agent(agent, fact))
}

/// Tells the store at once and every half minute that the engine lives, until `stopped` says so
/// or is gone: a start after a crash knows by it until when agents were there.
pub(super) async fn sign_of_life(store: Store, clock: Clock, mut stopped: watch::Receiver<bool>) {
    let mut ticks = tokio::time::interval(ALIVE_EVERY);
    loop {
        tokio::select! {
            _ = stopped.changed() => return,
            _ = ticks.tick() => {}
        }
        if let Err(error) = store.note_alive(clock.now().wall).await {
            tracing::warn!(%error, "a sign of life cannot be written");
        }
    }
}

/// Gives what each campaign's abandon rule has counted in its window, what its pacer learnt, and
/// what the numbers shown carried.
pub(super) async fn remembered(
    config: &Config,
    store: &Store,
    now: Wall,
) -> Result<Vec<Fact>, StoreError> {
    let mut facts = Vec::new();
    for row in store.campaigns().await? {
        let Some(campaign) = config.campaign(&row.name) else { continue };
        let account = &campaign.account;
        let counted = store.counted(row.id, account.begins(now), account.part()).await?;
        facts.push(Fact::Campaign(row.id, CampaignFact::Counted(counted)));
        if campaign.retry.seeks_best() {
            match store.habits(row.id, now - Span::secs(KEPT_DAYS * 86_400)).await {
                Ok(known) => facts.push(Fact::Campaign(row.id, CampaignFact::Habits(known))),
                Err(error) => {
                    tracing::warn!(campaign = %row.name, %error, "the best hours cannot be read");
                }
            }
        }
        if !matches!(campaign.mode, Mode::Predictive { .. }) {
            continue;
        }
        match store.learnt(row.id, now).await {
            Ok(known) => facts.push(Fact::Campaign(row.id, CampaignFact::Remembered(known))),
            // It only has to learn again.
            Err(error) => {
                tracing::warn!(campaign = %row.name, %error, "what was learnt cannot be read");
            }
        }
    }
    store.wake_unshown(now).await?;
    let mut carried = store.carried(now).await?;
    for (place, shown) in (0..).zip(&config.shown) {
        if let Some(carried) = carried.remove(&shown.number) {
            facts.push(Fact::Shown(ShownId(place), carried));
        }
    }
    Ok(facts)
}
