//! Why a campaign places no call at this moment: its first cause, out of what engine and store say.

use super::error::ApiError;
use super::types::{Idle, IdleCause};
use super::{Desk, config};
use crate::core::floor::{AgentFloor, CampaignFloor, Totals};
use crate::core::order::{AgentState, CampaignState};
use crate::core::pacing::{Limit, View, Why};
use crate::engine::handle::Snapshot;
use crate::store::{AgentRow, CampaignRow, Outlook};
use crate::units::{CampaignId, TrunkId};

/// Refusals are counted this far back: a day of calling.
const REFUSED_SINCE_S: u64 = 86_400;

/// Says why a campaign dials nobody now; `None` while calls of it ring or wait for an agent.
pub(super) async fn why(
    desk: &Desk,
    campaign: &config::Campaign,
    row: &CampaignRow,
    snapshot: &Snapshot,
) -> Result<Option<Idle>, ApiError> {
    let now = desk.clock.now().wall;
    let floor = snapshot.floor.campaigns.iter().find(|floor| floor.campaign == row.id);
    let outlook = desk.store.outlook(row.id, now).await?;
    let stats = desk.store.stats(row.id, desk.ago(REFUSED_SINCE_S), now).await?;
    let trunks = desk.trunks().await?.into_iter();
    let routed = |name: &str| campaign.routes.iter().any(|route| route.trunk == name);
    let trunks = trunks.filter(|(_, trunk)| routed(&trunk.name)).map(|(id, _)| id).collect();
    let team = team(desk, row.id, snapshot).await?.iter().map(|agent| agent.leg_up).collect();
    let scene = Scene { team, contacts: stats.contacts, trunks };
    let unpublished = CampaignFloor {
        campaign: row.id,
        state: row.state,
        view: View::default(),
        decision: None,
        totals: Totals::default(),
    };
    let Some(cause) = scene.cause(floor.unwrap_or(&unpublished), &outlook, snapshot) else {
        return Ok(None);
    };
    let waits = cause == IdleCause::ContactsWait;
    Ok(Some(Idle {
        cause,
        until: outlook.supply.next_due.filter(|_| waits).map(|at| at.to_string()),
        rule: outlook.next_rule.filter(|_| waits),
        refused: stats.refused,
    }))
}

/// Gives the signed-in agents of a campaign.
pub(super) async fn team<'s>(
    desk: &Desk,
    campaign: CampaignId,
    snapshot: &'s Snapshot,
) -> Result<Vec<&'s AgentFloor>, ApiError> {
    let rows = desk.store.agents().await?;
    let own = rows.iter().filter(|row| row.campaigns.contains(&campaign));
    let on_floor = |row: &AgentRow| snapshot.floor.agents.iter().find(|at| at.agent == row.id);
    let at_work = |floor: &&AgentFloor| floor.state != AgentState::LoggedOut;
    Ok(own.filter_map(on_floor).filter(at_work).collect())
}

/// What surrounds a campaign.
#[derive(Debug, Default)]
struct Scene {
    /// For each signed-in agent, whether the phone is connected.
    team: Vec<bool>,
    /// Contacts of the campaign, closed ones included.
    contacts: u64,
    /// The campaign's trunks.
    trunks: Vec<TrunkId>,
}

impl Scene {
    fn cause(
        &self,
        floor: &CampaignFloor,
        outlook: &Outlook,
        snapshot: &Snapshot,
    ) -> Option<IdleCause> {
        let (view, supply) = (&floor.view, &outlook.supply);
        match floor.state {
            CampaignState::Stopped => return Some(IdleCause::Stopped),
            CampaignState::Paused => return Some(IdleCause::Paused),
            CampaignState::Draining => return Some(IdleCause::Draining),
            CampaignState::Completed => return Some(IdleCause::Completed),
            CampaignState::Running => {}
        }
        if view.ringing + view.listening + view.waiting + view.reserved > 0 {
            return None;
        }
        if self.contacts == 0 {
            return Some(IdleCause::NoContacts);
        }
        if view.stock == 0 && supply.due == 0 && supply.waiting > 0 {
            return Some(IdleCause::ContactsWait);
        }
        if self.team.is_empty() {
            return Some(IdleCause::NobodySignedIn);
        }
        if !self.team.contains(&true) {
            return Some(IdleCause::NoPhone);
        }
        if view.ready == 0 {
            return Some(IdleCause::NobodyReady);
        }
        self.blocked(snapshot).or_else(|| Some(decided(floor)))
    }

    /// Tells whether the trunks are what hinders.
    fn blocked(&self, snapshot: &Snapshot) -> Option<IdleCause> {
        let mut trunks = snapshot.floor.trunks.iter().filter(|t| self.trunks.contains(&t.trunk));
        if !trunks.clone().any(|trunk| trunk.up) {
            return Some(IdleCause::NoTrunk);
        }
        trunks.all(|trunk| !trunk.up || trunk.busy >= trunk.channels).then_some(IdleCause::Channels)
    }
}

/// Reads the cause off the pacer's latest decision.
fn decided(floor: &CampaignFloor) -> IdleCause {
    let Some(decision) = &floor.decision else { return IdleCause::Starting };
    match (decision.limit, decision.ask.why) {
        (_, Why::AgentDials) => IdleCause::AgentDials,
        (Limit::Abandon, _) => IdleCause::Abandon,
        (Limit::Channels(_), _) => IdleCause::Channels,
        (Limit::CallsPerSecond(_), _) => IdleCause::CallsPerSecond,
        (Limit::NoTrunk, _) => IdleCause::NoTrunk,
        (
            Limit::Ask | Limit::Stock,
            Why::OneLinePerIdleAgent
            | Why::FixedRatio
            | Why::NobodyIdle
            | Why::PersonsWaiting
            | Why::Predicted
            | Why::Learning
            | Why::Directed,
        ) => IdleCause::Starting,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::fact::Supply;
    use crate::core::floor::{Floor, TrunkFloor};
    use crate::units::Wall;

    const READY: View = View {
        ready: 1,
        reserved: 0,
        talking: 0,
        wrapping: 0,
        paused: 0,
        ringing: 0,
        listening: 0,
        waiting: 0,
        stock: 5,
        answered: 0,
        abandoned: 0,
        directed: 0,
    };

    fn floor(state: CampaignState, view: View) -> CampaignFloor {
        let (campaign, totals) = (CampaignId(1), Totals::default());
        CampaignFloor { campaign, state, view, decision: None, totals }
    }

    fn snapshot(up: bool, busy: u32) -> Snapshot {
        let trunks = vec![TrunkFloor { trunk: TrunkId(1), up, busy, channels: 2 }];
        Snapshot { floor: Floor { trunks, ..Floor::default() }, ..Snapshot::default() }
    }

    fn scene(team: &[bool], contacts: u64) -> Scene {
        Scene { team: team.to_vec(), contacts, trunks: vec![TrunkId(1)] }
    }

    #[test]
    fn the_first_cause_is_the_one_to_mend_first() {
        use IdleCause::{
            Channels, ContactsWait, NoContacts, NoPhone, NoTrunk, NobodyReady, NobodySignedIn,
            Stopped,
        };
        let running = |view| floor(CampaignState::Running, view);
        let none_ready = View { ready: 0, ..READY };
        let dry = View { stock: 0, ..READY };
        let ringing = View { ringing: 1, ..READY };
        let later = Supply { due: 0, waiting: 3, next_due: Some(Wall::micros(1)) };
        let waits = Outlook { supply: later, next_rule: Some("window".to_owned()) };
        let full = Outlook::default();
        let cases = [
            (
                scene(&[true], 9),
                floor(CampaignState::Stopped, READY),
                &full,
                (true, 0),
                Some(Stopped),
            ),
            (scene(&[true], 0), running(dry), &full, (true, 0), Some(NoContacts)),
            (scene(&[], 9), running(dry), &waits, (true, 0), Some(ContactsWait)),
            (scene(&[], 9), running(none_ready), &full, (true, 0), Some(NobodySignedIn)),
            (scene(&[false], 9), running(none_ready), &full, (true, 0), Some(NoPhone)),
            (scene(&[true], 9), running(none_ready), &full, (true, 0), Some(NobodyReady)),
            (scene(&[true], 9), running(READY), &full, (false, 0), Some(NoTrunk)),
            (scene(&[true], 9), running(READY), &full, (true, 2), Some(Channels)),
            (scene(&[true], 9), running(ringing), &full, (true, 0), None),
        ];
        for (scene, floor, outlook, (up, busy), expected) in cases {
            let found = scene.cause(&floor, outlook, &snapshot(up, busy));
            assert_eq!(found, expected, "{scene:?} {floor:?}");
        }
    }
}
