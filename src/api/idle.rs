//! Why a campaign places no call at this moment: its first cause, out of what engine and store say.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::error::ApiError;
use super::{Desk, config, shown};
use crate::config::campaign::lacks;
use crate::core::floor::{AgentFloor, CampaignFloor, ShownFloor, Totals};
use crate::core::order::{AgentState, CampaignState};
use crate::core::pacing::{Limit, View, Why};
use crate::engine::handle::Snapshot;
use crate::store::{AgentRow, CampaignRow, Outlook};
use crate::units::{CampaignId, TrunkId, Wall};

/// Why a campaign dials nobody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Idle {
    /// The cause to mend first.
    pub cause: IdleCause,
    /// When waiting contacts may be called again, if that is known.
    pub until: Option<String>,
    /// The rule that made the next of them wait, if a rule did.
    pub rule: Option<String>,
    /// The rule of law behind it, by its id in the law pack, if one is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub law: Option<String>,
    /// The skills that no agent of it has, or has together; where only nobody who has them is
    /// signed in, all it requires.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub skills: Vec<String>,
    /// The campaign its agents serve before it, or whose lines may take those who are ready, where
    /// that is the cause.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lent_to: Option<String>,
    /// Contacts refused in the last day, by rule; counted while the campaign runs.
    pub refused: BTreeMap<String, u64>,
}

/// What keeps a campaign from dialling.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IdleCause {
    /// It was not started, or was stopped.
    Stopped,
    /// It is paused.
    Paused,
    /// It is draining.
    Draining,
    /// Every contact is closed.
    Completed,
    /// Every contact that is not closed is held by a full quota.
    QuotasFull,
    /// No list was imported.
    NoContacts,
    /// Every open contact waits for its time.
    ContactsWait,
    /// Every open contact is in a call or being written up.
    LastCalls,
    /// Every open contact waits for the one agent it may be given, who is busy or away.
    ContactsPersonal,
    /// No agent of it has the skills it requires.
    NobodySkilled,
    /// No agent of it is signed in.
    NobodySignedIn,
    /// No signed-in agent's phone is connected.
    NoPhone,
    /// Every agent is busy or on a break.
    NobodyReady,
    /// Its agents serve another campaign, which they name first and which has calls for them.
    AgentsLent,
    /// Nobody is ready for it alone: lines of another campaign may bring a person to who is ready.
    AgentsAwaited,
    /// The agents dial by themselves, in preview.
    AgentDials,
    /// None of its trunks answers.
    NoTrunk,
    /// The database takes no records, so that no call is placed.
    Database,
    /// Its trunks are full.
    Channels,
    /// A trunk takes no more calls this second.
    CallsPerSecond,
    /// Every number it may show carries all the calls that number may.
    CallerIds,
    /// Every number it may show has carried all the calls of its hour or day.
    CallerIdBudgets,
    /// Every number it may show rests because networks refused it, or has no budget left.
    CallerIdsRest,
    /// Too many persons were abandoned.
    Abandon,
    /// Contacts are being fetched: calls come in a moment.
    Starting,
}

impl IdleCause {
    /// Gives the stable code of the cause in a list of causes; `now` tells apart what all agents do
    /// while nobody is ready.
    #[must_use]
    pub fn code(self, now: &View) -> &'static str {
        match self {
            Self::Stopped => "stopped",
            Self::Paused => "paused",
            Self::Draining => "draining",
            Self::Completed => "completed",
            Self::QuotasFull => "quotas-full",
            Self::NoContacts => "no-contacts",
            Self::ContactsWait => "contacts-wait",
            Self::LastCalls => "last-calls",
            Self::ContactsPersonal => "contacts-personal",
            Self::NobodySkilled => "nobody-skilled",
            Self::NobodySignedIn => "nobody-signed-in",
            Self::NoPhone => "no-phone",
            Self::NobodyReady => match (now.talking, now.wrapping, now.resting, now.paused) {
                (1.., 0, 0, 0) => "all-talking",
                (0, 1.., 0, 0) => "all-wrapping",
                (0, 0, 1.., 0) => "all-resting",
                (0, 0, 0, 1..) => "all-paused",
                (..) => "nobody-ready",
            },
            Self::AgentsLent => "agents-lent",
            Self::AgentsAwaited => "agents-awaited",
            Self::AgentDials => "agent-dials",
            Self::NoTrunk => "no-trunk",
            Self::Database => "database",
            Self::Channels => "channels",
            Self::CallsPerSecond => "calls-per-second",
            Self::CallerIds => "caller-ids",
            Self::CallerIdBudgets => "caller-id-budgets",
            Self::CallerIdsRest => "caller-ids-rest",
            Self::Abandon => "abandon",
            Self::Starting => "starting",
        }
    }
}

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
    let unpublished = CampaignFloor {
        campaign: row.id,
        state: row.state,
        view: View::default(),
        personal: 0,
        decision: None,
        no_trunk: false,
        quiet: None,
        recalled: None,
        totals: Totals::default(),
    };
    let floor = floor.unwrap_or(&unpublished);
    // The store is asked about a campaign that runs and dials nobody only.
    match at_a_glance(floor, snapshot.store_fails) {
        Glance::Dials => return Ok(None),
        Glance::Rests(cause) => return Ok(Some(resting(ended(desk, row, cause).await?))),
        Glance::Unclear => {}
    }
    let outlook = desk.store.outlook(row.id, now).await?;
    let stats = desk.store.stats(row.id, desk.ago(REFUSED_SINCE_S), now).await?;
    let trunks = desk.trunks().await?.into_iter();
    let routed = campaign.trunks();
    let trunks = trunks
        .filter(|(_, trunk)| routed.contains(&trunk.name.as_str()))
        .map(|(id, _)| id)
        .collect();
    let agents = desk.store.agents().await?;
    let unskilled = nobody_has(&agents, campaign, row.id);
    let agents = able(agents, |id| desk.requires(id));
    let team = at_work(&agents, row.id, snapshot);
    let open = stats.contacts.saturating_sub(stats.contacts_done);
    let elsewhere = elsewhere(&agents, &team, row.id, snapshot);
    let scene = Scene {
        team,
        unskilled: !unskilled.is_empty(),
        elsewhere: elsewhere.map(|(cause, _)| cause),
        contacts: stats.contacts,
        open,
        trunks,
    };
    let numbers = shown::of_campaign(desk, campaign, snapshot);
    let (cause, opens) = of_numbers(scene.cause(floor, &outlook, snapshot), &numbers);
    let lent_to = elsewhere.filter(|(of, _)| *of == cause);
    let lent_to = lent_to.and_then(|(_, other)| desk.campaign_names().remove(&other));
    let waits = cause == IdleCause::ContactsWait;
    let until = if waits { outlook.supply.next_due } else { opens };
    Ok(Some(Idle {
        cause,
        until: until.map(|at| at.to_string()),
        rule: outlook.next_rule.filter(|_| waits),
        law: outlook.next_law.filter(|_| waits),
        skills: if cause == IdleCause::NobodySkilled {
            unskilled
        } else if cause == IdleCause::NobodySignedIn {
            campaign.requires.clone()
        } else {
            Vec::new()
        },
        lent_to,
        refused: stats.refused,
    }))
}

/// Tells numbers that have carried all of an hour or a day, and those that rest, from those that
/// are only full at this moment; and when the first of them may be shown again.
fn of_numbers(cause: IdleCause, numbers: &[ShownFloor]) -> (IdleCause, Option<Wall>) {
    let held = |number: &ShownFloor| number.spent_until.max(number.rests_until);
    let opens = numbers.iter().map(held).min().flatten();
    if cause != IdleCause::CallerIds || opens.is_none() {
        return (cause, None);
    }
    let rests = numbers.iter().any(|number| number.rests_until.is_some());
    let cause = if rests { IdleCause::CallerIdsRest } else { IdleCause::CallerIdBudgets };
    (cause, opens)
}

/// Tells a campaign that is at its end from one whose open contacts are held by full quotas.
async fn ended(desk: &Desk, row: &CampaignRow, cause: IdleCause) -> Result<IdleCause, ApiError> {
    if cause != IdleCause::Completed {
        return Ok(cause);
    }
    let held = desk.store.quotas(row.id).await?.iter().any(|quota| quota.held > 0);
    Ok(if held { IdleCause::QuotasFull } else { cause })
}

/// Makes the answer of a campaign that does not run, or cannot.
fn resting(cause: IdleCause) -> Idle {
    Idle {
        cause,
        until: None,
        rule: None,
        law: None,
        skills: Vec::new(),
        lent_to: None,
        refused: BTreeMap::new(),
    }
}

/// What the engine's state alone says of a campaign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Glance {
    /// Calls of it ring or wait for an agent.
    Dials,
    /// It does not run, or cannot.
    Rests(IdleCause),
    /// It runs and dials nobody.
    Unclear,
}

fn at_a_glance(floor: &CampaignFloor, store_fails: bool) -> Glance {
    let view = &floor.view;
    match floor.state {
        CampaignState::Stopped => Glance::Rests(IdleCause::Stopped),
        CampaignState::Paused => Glance::Rests(IdleCause::Paused),
        CampaignState::Draining => Glance::Rests(IdleCause::Draining),
        CampaignState::Completed => Glance::Rests(IdleCause::Completed),
        CampaignState::Running
            if view.ringing + view.listening + view.waiting + view.reserved > 0 =>
        {
            Glance::Dials
        }
        CampaignState::Running if store_fails => Glance::Rests(IdleCause::Database),
        CampaignState::Running => Glance::Unclear,
    }
}

/// Gives the signed-in agents of a campaign who may take its calls.
pub(super) async fn team<'s>(
    desk: &Desk,
    id: CampaignId,
    snapshot: &'s Snapshot,
) -> Result<Vec<&'s AgentFloor>, ApiError> {
    let agents = able(desk.store.agents().await?, |id| desk.requires(id));
    Ok(at_work(&agents, id, snapshot))
}

/// Leaves each agent the campaigns whose skills he has, as the engine does.
fn able<'r>(
    mut agents: Vec<AgentRow>,
    requires: impl Fn(CampaignId) -> &'r [String],
) -> Vec<AgentRow> {
    for AgentRow { campaigns, skills, .. } in &mut agents {
        campaigns.retain(|id| lacks(requires(*id), skills).is_empty());
    }
    agents
}

fn at_work<'s>(agents: &[AgentRow], id: CampaignId, snapshot: &'s Snapshot) -> Vec<&'s AgentFloor> {
    let own = agents.iter().filter(|row| row.campaigns.contains(&id));
    let on_floor = |row: &AgentRow| snapshot.floor.agents.iter().find(|at| at.agent == row.id);
    let at_work = |floor: &&AgentFloor| floor.state != AgentState::LoggedOut;
    own.filter_map(on_floor).filter(at_work).collect()
}

/// Gives the other campaign that has the agents of this one, and how.
fn elsewhere(
    agents: &[AgentRow],
    team: &[&AgentFloor],
    id: CampaignId,
    snapshot: &Snapshot,
) -> Option<(IdleCause, CampaignId)> {
    let lent = lent(agents, team, id, snapshot).map(|first| (IdleCause::AgentsLent, first));
    let awaited = || Some((IdleCause::AgentsAwaited, awaited(agents, team, id, snapshot)?));
    lent.or_else(awaited)
}

/// Gives the campaign that everybody at work for this one serves first, the first with contacts to
/// call and a trunk in use, or at least running, if it is another and nobody has a call of this
/// one; nobody serves any while all are on a break.
fn lent(
    agents: &[AgentRow],
    team: &[&AgentFloor],
    id: CampaignId,
    snapshot: &Snapshot,
) -> Option<CampaignId> {
    let campaigns = &snapshot.floor.campaigns;
    let runs = |id: &CampaignId| {
        let mut running = campaigns.iter().filter(|floor| floor.state == CampaignState::Running);
        running.find(|floor| floor.campaign == *id)
    };
    let dials = |floor: &CampaignFloor| floor.view.stock > 0 && !floor.no_trunk;
    let hungers = |id: &CampaignId| runs(id).is_some_and(dials);
    let first = |at: &&AgentFloor| {
        let row = agents.iter().find(|row| row.id == at.agent)?;
        let mut served = row.campaigns.iter().copied();
        let hungry = served.clone().find(hungers);
        hungry.or_else(|| served.find(|id| runs(id).is_some()))
    };
    if team.iter().any(|at| at.card.is_some_and(|(campaign, _)| campaign == id)) {
        return None;
    }
    let mut serving = team.iter().filter(|at| !matches!(at.state, AgentState::Paused(_)));
    let one = serving.clone().find_map(first)?;
    serving.all(|at| first(at) != Some(id)).then_some(one)
}

/// Gives a campaign whose lines may bring a person to an agent of this one who is ready.
fn awaited(
    agents: &[AgentRow],
    team: &[&AgentFloor],
    id: CampaignId,
    snapshot: &Snapshot,
) -> Option<CampaignId> {
    let lines = |other: &CampaignId| {
        let mut floors = snapshot.floor.campaigns.iter();
        floors.any(|floor| floor.campaign == *other && floor.view.lines() > 0)
    };
    let mut ready = team.iter().filter(|at| at.state == AgentState::Ready && !at.leaving);
    ready.find_map(|at| {
        let row = agents.iter().find(|row| row.id == at.agent)?;
        row.campaigns.iter().copied().find(|other| *other != id && lines(other))
    })
}

/// Gives the required skills that no agent of a campaign has; nothing if nobody is of it.
fn nobody_has(agents: &[AgentRow], campaign: &config::Campaign, id: CampaignId) -> Vec<String> {
    let own: Vec<_> = agents.iter().filter(|row| row.campaigns.contains(&id)).collect();
    if own.is_empty() { Vec::new() } else { missing(&campaign.requires, &own) }
}

/// Gives the required skills that no signed-in agent of a campaign has.
pub(super) async fn unmet(
    desk: &Desk,
    campaign: &config::Campaign,
    id: CampaignId,
    snapshot: &Snapshot,
) -> Result<Vec<String>, ApiError> {
    let agents = desk.store.agents().await?;
    let here = |row: &&AgentRow| {
        let on_floor = snapshot.floor.agents.iter().find(|at| at.agent == row.id);
        on_floor.is_some_and(|floor| floor.state != AgentState::LoggedOut)
    };
    let own = agents.iter().filter(|row| row.campaigns.contains(&id)).filter(here);
    Ok(missing(&campaign.requires, &own.collect::<Vec<_>>()))
}

/// Gives the required skills that none of the agents has, or, if each is there but nobody has them
/// all, every one of them; nothing if somebody qualifies.
fn missing(requires: &[String], agents: &[&AgentRow]) -> Vec<String> {
    if requires.is_empty() || agents.iter().any(|row| lacks(requires, &row.skills).is_empty()) {
        return Vec::new();
    }
    let unheard = |skill: &&String| !agents.iter().any(|row| row.skills.contains(skill));
    let missing: Vec<_> = requires.iter().filter(unheard).cloned().collect();
    if missing.is_empty() { requires.to_vec() } else { missing }
}

/// What surrounds a campaign that runs and dials nobody.
#[derive(Debug, Default)]
struct Scene<'s> {
    /// Its signed-in agents.
    team: Vec<&'s AgentFloor>,
    /// None of its agents has the skills it requires, signed in or not.
    unskilled: bool,
    /// How another campaign has those at work, if one has.
    elsewhere: Option<IdleCause>,
    /// Contacts of the campaign, closed ones included.
    contacts: u64,
    /// Those that are not closed.
    open: u64,
    /// The campaign's trunks.
    trunks: Vec<TrunkId>,
}

impl Scene<'_> {
    fn cause(&self, floor: &CampaignFloor, outlook: &Outlook, snapshot: &Snapshot) -> IdleCause {
        let (view, supply) = (&floor.view, &outlook.supply);
        let reads = |agent: &&AgentFloor| {
            let own = agent.card.is_some_and(|(campaign, _)| campaign == floor.campaign);
            own && matches!(agent.state, AgentState::Previewing(_))
        };
        let dry = view.stock == 0 && supply.due == 0;
        if self.contacts == 0 {
            IdleCause::NoContacts
        } else if self.open == 0 {
            IdleCause::Completed
        } else if self.team.iter().any(reads) {
            IdleCause::AgentDials
        } else if dry && floor.personal == 0 && supply.waiting > 0 {
            IdleCause::ContactsWait
        } else if dry && floor.personal == 0 {
            IdleCause::LastCalls
        } else if self.unskilled {
            IdleCause::NobodySkilled
        } else if self.team.is_empty() {
            IdleCause::NobodySignedIn
        } else if !self.team.iter().any(|agent| agent.leg_up) {
            IdleCause::NoPhone
        } else if view.ready == 0 {
            self.elsewhere.unwrap_or_else(|| nobody_ready(floor))
        } else if dry {
            IdleCause::ContactsPersonal
        } else {
            self.blocked(snapshot).unwrap_or_else(|| decided(floor))
        }
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

/// Says why nothing rings while nobody is ready: agents who will be free soon are dialled for ahead
/// of time, unless the abandon rule forbids it.
fn nobody_ready(floor: &CampaignFloor) -> IdleCause {
    let talks = floor.view.talking > 0;
    let held = floor.quiet.is_some_and(|quiet| matches!(quiet.limit, Limit::Abandon));
    if talks && held { IdleCause::Abandon } else { IdleCause::NobodyReady }
}

/// Reads the cause off the pacer's latest decision.
fn decided(floor: &CampaignFloor) -> IdleCause {
    // A pacer that asks for nothing decides nothing: it is quiet, and says why.
    let quiet = floor.quiet.map(|quiet| (quiet.limit, quiet.why));
    let latest = floor.decision.as_ref().map(|decision| (decision.limit, decision.ask.why));
    let Some(bound) = quiet.or(latest) else { return IdleCause::Starting };
    match bound {
        (_, Why::AgentDials) => IdleCause::AgentDials,
        (Limit::Abandon, _) => IdleCause::Abandon,
        (Limit::Neighbor | Limit::Owed, _) => IdleCause::AgentsAwaited,
        (Limit::Channels(_), _) => IdleCause::Channels,
        (Limit::CallsPerSecond(_), _) => IdleCause::CallsPerSecond,
        (Limit::NoTrunk, _) => IdleCause::NoTrunk,
        (Limit::CallerIds, _) => IdleCause::CallerIds,
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
    use crate::core::pacing::{Ask, Decision, Forecast, Quiet};
    use crate::units::{AgentId, ContactId, Mono, Span, Wall};

    const READY: View = View {
        ready: 1,
        reserved: 0,
        talking: 0,
        wrapping: 0,
        paused: 0,
        resting: 0,
        ringing: 0,
        listening: 0,
        waiting: 0,
        stock: 5,
        answered: 0,
        abandoned: 0,
        directed: 0,
    };

    fn running(view: View) -> CampaignFloor {
        CampaignFloor {
            campaign: CampaignId(1),
            state: CampaignState::Running,
            view,
            personal: 0,
            decision: None,
            no_trunk: false,
            quiet: None,
            recalled: None,
            totals: Totals::default(),
        }
    }

    fn agent(leg_up: bool, reads: Option<u32>) -> AgentFloor {
        let contact = ContactId(7);
        let previews = AgentState::Previewing(contact);
        AgentFloor {
            agent: AgentId(1),
            state: if reads.is_some() { previews } else { AgentState::Ready },
            leaving: false,
            since: Mono::START,
            leg_up,
            handled: 0,
            talk: Span::ZERO,
            wrap: Span::ZERO,
            idle: Span::ZERO,
            card: reads.map(|campaign| (CampaignId(campaign), contact)),
            until: None,
            more: Span::ZERO,
            said: None,
            after: None,
        }
    }

    fn row(id: u32, campaigns: &[u32]) -> AgentRow {
        AgentRow {
            id: AgentId(id),
            name: String::new(),
            ha1: None,
            contact_uri: None,
            campaigns: campaigns.iter().copied().map(CampaignId).collect(),
            skills: Vec::new(),
            state: AgentState::Ready,
            since: Wall::micros(0),
        }
    }

    fn snapshot(up: bool, busy: u32) -> Snapshot {
        let trunks = vec![TrunkFloor { trunk: TrunkId(1), up, busy, channels: 2, rest: None }];
        Snapshot { floor: Floor { trunks, ..Floor::default() }, ..Snapshot::default() }
    }

    #[test]
    fn the_engines_state_alone_tells_who_rests_and_who_dials() {
        let ringing = View { ringing: 1, ..READY };
        let held = View { reserved: 1, ..READY };
        let stopped = CampaignFloor { state: CampaignState::Stopped, ..running(ringing) };
        for (floor, store_fails, expected) in [
            (&stopped, false, Glance::Rests(IdleCause::Stopped)),
            (&stopped, true, Glance::Rests(IdleCause::Stopped)),
            (&running(ringing), true, Glance::Dials),
            (&running(held), false, Glance::Dials),
            (&running(READY), false, Glance::Unclear),
            (&running(READY), true, Glance::Rests(IdleCause::Database)),
        ] {
            assert_eq!(at_a_glance(floor, store_fails), expected, "{floor:?}");
        }
    }

    #[test]
    fn agents_who_name_another_campaign_first_are_lent_to_it_while_it_runs() {
        let at = |id, state| AgentFloor { agent: AgentId(id), state, ..agent(true, None) };
        let other = |state| CampaignFloor { campaign: CampaignId(2), state, ..running(READY) };
        let with = |state| Snapshot {
            floor: Floor { campaigns: vec![running(READY), other(state)], ..Floor::default() },
            ..Snapshot::default()
        };
        let rows = [row(1, &[2, 1]), row(2, &[2, 1]), row(3, &[1, 2])];
        let (busy, own) = (at(1, AgentState::Ready), at(3, AgentState::Ready));
        let away = at(2, AgentState::Paused(crate::units::PauseId(0)));
        let lent =
            |team: &[&AgentFloor], snapshot: &Snapshot| lent(&rows, team, CampaignId(1), snapshot);
        let runs = with(CampaignState::Running);
        assert_eq!(lent(&[&busy, &away], &runs), Some(CampaignId(2)));
        assert_eq!(lent(&[&busy, &own], &runs), None);
        assert_eq!(lent(&[&away], &runs), None);
        assert_eq!(lent(&[&busy], &with(CampaignState::Paused)), None);
    }

    #[test]
    fn nobody_is_lent_to_a_campaign_whose_skills_he_lacks() {
        let wanted = ["anglais".to_owned()];
        let requires = |id| if id == CampaignId(2) { wanted.as_slice() } else { &[] };
        let both = [CampaignId(2), CampaignId(1)];
        let skilled = AgentRow { skills: wanted.to_vec(), ..row(2, &[2, 1]) };
        let rows = able(vec![row(1, &[2, 1]), skilled], requires);
        assert_eq!(rows[0].campaigns, both[1..]);
        assert_eq!(rows[1].campaigns, both);
    }

    #[test]
    fn who_is_ready_is_awaited_by_lines_of_another_of_his_campaigns() {
        let rings = |ringing| Snapshot {
            floor: Floor {
                campaigns: vec![
                    running(READY),
                    CampaignFloor { campaign: CampaignId(2), ..running(View { ringing, ..READY }) },
                ],
                ..Floor::default()
            },
            ..Snapshot::default()
        };
        let ready = agent(true, None);
        let leaving = AgentFloor { leaving: true, ..ready.clone() };
        let away =
            AgentFloor { state: AgentState::Paused(crate::units::PauseId(0)), ..ready.clone() };
        let both = [row(1, &[1, 2])];
        let awaited = |rows: &[AgentRow], at: &AgentFloor, lines| {
            awaited(rows, &[at], CampaignId(1), &rings(lines))
        };
        assert_eq!(awaited(&both, &ready, 3), Some(CampaignId(2)));
        assert_eq!(awaited(&both, &ready, 0), None);
        assert_eq!(awaited(&[row(1, &[1])], &ready, 3), None);
        assert_eq!(awaited(&both, &leaving, 3), None);
        assert_eq!(awaited(&both, &away, 3), None);
    }

    #[test]
    fn what_bound_the_latest_decision_is_the_cause_where_nothing_else_is() {
        let (here, outlook, up) = (agent(true, None), Outlook::default(), snapshot(true, 0));
        for (limit, code) in [
            (Limit::Abandon, "abandon"),
            (Limit::CallsPerSecond(TrunkId(1)), "calls-per-second"),
            (Limit::Channels(TrunkId(1)), "channels"),
            (Limit::NoTrunk, "no-trunk"),
            (Limit::CallerIds, "caller-ids"),
            (Limit::Ask, "starting"),
        ] {
            let ask = Ask { calls: 1, why: Why::Predicted };
            let decision = Decision { view: READY, ask, placed: 0, limit, forecast: None };
            let floor = CampaignFloor { decision: Some(decision), ..running(READY) };
            let (team, trunks) = (vec![&here], vec![TrunkId(1)]);
            let scene = Scene { team, contacts: 9, open: 9, trunks, ..Scene::default() };
            assert_eq!(scene.cause(&floor, &outlook, &up).code(&READY), code);
        }
    }

    #[test]
    fn agents_who_talk_are_dialled_for_unless_too_many_were_abandoned() {
        let (here, outlook, up) = (agent(true, None), Outlook::default(), snapshot(true, 0));
        let talks = View { ready: 0, talking: 1, ..READY };
        let away = View { ready: 0, paused: 1, ..READY };
        for (view, limit, code) in [
            (talks, Limit::Abandon, "abandon"),
            (talks, Limit::Ask, "all-talking"),
            (away, Limit::Abandon, "all-paused"),
        ] {
            let (since, why, forecast) = (Wall::micros(0), Why::Predicted, Forecast::default());
            let quiet = Some(Quiet { since, why, limit, forecast });
            let floor = CampaignFloor { quiet, ..running(view) };
            let (team, trunks) = (vec![&here], vec![TrunkId(1)]);
            let scene = Scene { team, contacts: 9, open: 9, trunks, ..Scene::default() };
            assert_eq!(scene.cause(&floor, &outlook, &up).code(&view), code);
        }
    }

    #[test]
    fn the_first_cause_is_the_one_to_mend_first() {
        use IdleCause::*;
        let (here, absent) = (agent(true, None), agent(false, None));
        let (reading, elsewhere) = (agent(true, Some(1)), agent(true, Some(2)));
        let none_ready = View { ready: 0, ..READY };
        let dry = View { stock: 0, ..READY };
        let both = View { ready: 0, stock: 0, ..READY };
        let personal = |view| CampaignFloor { personal: 2, ..running(view) };
        let later = Supply { due: 0, waiting: 3, next_due: Some(Wall::micros(1)) };
        let waits = Outlook { supply: later, next_rule: Some("window".to_owned()), next_law: None };
        let due = Outlook { supply: Supply { due: 1, ..later }, next_rule: None, next_law: None };
        let empty = Outlook::default();
        let up = snapshot(true, 0);
        let cases = [
            (vec![&here], 0, running(dry), &empty, &up, Completed),
            (vec![], 9, running(dry), &waits, &up, ContactsWait),
            (vec![&here], 9, running(both), &empty, &up, LastCalls),
            (vec![&here], 9, running(dry), &due, &up, Starting),
            (vec![], 9, running(none_ready), &empty, &up, NobodySignedIn),
            (vec![&absent], 9, running(none_ready), &empty, &up, NoPhone),
            (vec![&here], 9, running(none_ready), &empty, &up, NobodyReady),
            (vec![&here, &reading], 9, running(none_ready), &empty, &up, AgentDials),
            (vec![&reading], 1, running(both), &waits, &up, AgentDials),
            (vec![&elsewhere], 9, running(none_ready), &empty, &up, NobodyReady),
            (vec![&here], 9, personal(both), &waits, &up, NobodyReady),
            (vec![&here], 9, personal(dry), &waits, &up, ContactsPersonal),
            (vec![&here], 9, running(READY), &empty, &snapshot(false, 0), NoTrunk),
            (vec![&here], 9, running(READY), &empty, &snapshot(true, 2), Channels),
        ];
        for (team, open, floor, outlook, snapshot, expected) in cases {
            let trunks = vec![TrunkId(1)];
            let scene = Scene { team, contacts: 9, open, trunks, ..Scene::default() };
            let found = scene.cause(&floor, outlook, snapshot);
            assert_eq!(found, expected, "{scene:?} {floor:?}");
        }
        let unskilled = Scene { unskilled: true, contacts: 9, open: 9, ..Scene::default() };
        assert_eq!(unskilled.cause(&running(READY), &empty, &up), NobodySkilled);
        for elsewhere in [AgentsLent, AgentsAwaited] {
            let team = vec![&here];
            let elsewhere = Some(elsewhere);
            let scene = Scene { team, elsewhere, contacts: 9, open: 9, ..Scene::default() };
            assert_eq!(Some(scene.cause(&running(none_ready), &due, &up)), elsewhere);
        }
        let blank = Scene::default().cause(&running(dry), &empty, &up);
        assert_eq!(blank, NoContacts);
    }
}
