//! `GET /v1/why`: why a campaign, an agent, a number or a contact waits.

use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;

use super::cause::{
    AgentWhy, BestHour, CampaignWhy, Cause, ContactWhy, ContactsWhy, Explained, Kind,
};
use super::error::{Answer, ApiError};
use super::held::{self, Gatehouse, Held};
use super::types::{Agent, Campaign, Idle, IdleCause};
use super::{Desk, Search, agents, calls, campaigns, import};
use crate::config::Response;
use crate::config::campaign::lacks;
use crate::core::campaign::Settings;
use crate::core::floor::TrunkFloor;
use crate::core::habits::{Habits, KEPT_DAYS};
use crate::core::order::Outcome;
use crate::engine::handle::Snapshot;
use crate::store::{AgentRow, CallFilter, QuotaRow, Standing};
use crate::units::{CampaignId, ContactId, Number, Span, TrunkId, Wall};

/// The query of `GET /v1/why`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WhyQuery {
    /// A campaign's or agent's name, a telephone number, a contact's id or reference.
    of: String,
    /// Which of them, where the name alone does not tell.
    kind: Option<Kind>,
    /// The country of a number without a country code, by its ISO 3166 code.
    #[serde(default = "france")]
    region: String,
}

fn france() -> String {
    "FR".to_owned()
}

/// A trunk that rests does so for faults of the last hour.
const FAULTS_SINCE_S: u64 = 3_600;

/// What a name stands for.
enum Meant {
    Campaign(String),
    Agent(Box<AgentRow>),
    Contacts(Vec<ContactId>),
}

/// `GET /v1/why`.
pub(super) async fn why(
    State(desk): State<Desk>,
    Search(query): Search<WhyQuery>,
) -> Answer<Explained> {
    Ok(axum::Json(match meant(&desk, &query).await? {
        Meant::Campaign(name) => Explained::Campaign(Box::new(campaign(&desk, &name).await?)),
        Meant::Agent(row) => Explained::Agent(Box::new(agent(&desk, &row).await?)),
        Meant::Contacts(found) => Explained::Contacts(contacts(&desk, &found).await?),
    }))
}

/// Tells what a name stands for.
async fn meant(desk: &Desk, query: &WhyQuery) -> Result<Meant, ApiError> {
    let (of, may_be) = (query.of.as_str(), |kind| query.kind.is_none_or(|said| said == kind));
    let agents = desk.store.agents().await?;
    let mut found = Vec::new();
    if may_be(Kind::Campaign) && desk.campaign(of).is_ok() {
        found.push(("campaign", Meant::Campaign(of.to_owned())));
    }
    let row = agents.iter().find(|row| row.name == of && may_be(Kind::Agent));
    found.extend(row.map(|row| ("agent", Meant::Agent(Box::new(row.clone())))));
    let contacts = candidates(desk, query).await?;
    if !contacts.is_empty() {
        found.push(("contact", Meant::Contacts(contacts)));
    }
    if found.len() > 1 {
        let kinds: Vec<_> = found.iter().map(|(kind, _)| format!("--kind {kind}")).collect();
        let detail = format!("more than one thing is called {of:?}");
        return Err(ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "ambiguous", detail)
            .hint(format!("say which: {}", kinds.join(", "))));
    }
    found.pop().map(|(_, meant)| meant).ok_or_else(|| unknown(desk, query, &agents))
}

/// Finds the contacts with that number, reference or id.
async fn candidates(desk: &Desk, query: &WhyQuery) -> Result<Vec<ContactId>, ApiError> {
    let may_be = |kind| query.kind.is_none_or(|said| said == kind);
    let mut found = Vec::new();
    if let Some(number) = number(query).filter(|_| may_be(Kind::Number)) {
        found.extend(desk.store.contacts_with(&number).await?);
    }
    if may_be(Kind::Contact) {
        found.extend(desk.store.contacts_named(&query.of).await?);
        found.extend(query.of.parse().ok().map(ContactId));
    }
    let standing = desk.store.standings(&found, desk.clock.now().wall).await?;
    found.retain(|id| standing.iter().any(|one| one.lead.contact == *id));
    found.sort_unstable();
    found.dedup();
    Ok(found)
}

fn number(query: &WhyQuery) -> Option<Number> {
    import::number(&query.of, import::region(&query.region)?)
}

/// Says that nothing has that name; a number's digits are not repeated.
fn unknown(desk: &Desk, query: &WhyQuery, agents: &[AgentRow]) -> ApiError {
    if import::region(&query.region).is_none() {
        let detail = format!("region: {:?} is no ISO 3166 country such as FR", query.region);
        return ApiError::invalid(detail);
    }
    let begins = |c: char| c == '+' || c.is_ascii_digit();
    if number(query).is_some() || (query.kind == Some(Kind::Number) && query.of.starts_with(begins))
    {
        let detail = "no campaign has a contact with this number or reference";
        return ApiError::new(StatusCode::NOT_FOUND, "number_unknown", detail).hint(
            "a number of no list: `cadran law test` asks the law, `cadran dnc check` the wishes",
        );
    }
    let campaigns = desk.config.campaigns.iter().map(|campaign| campaign.name.as_str());
    let known = campaigns.chain(agents.iter().map(|row| row.name.as_str()));
    ApiError::unknown("campaign, agent or contact", "subject_unknown", &query.of, known)
}

/// Says why a campaign dials nobody, or no more.
async fn campaign(desk: &Desk, name: &str) -> Result<CampaignWhy, ApiError> {
    let (settings, row) = desk.campaign(name)?;
    let snapshot = desk.handle.snapshot();
    let shown = campaigns::whole(desk, name, &snapshot).await?;
    let held = held::all(desk, settings, row, &snapshot).await?;
    let agents = desk.store.agents().await?;
    let mut own = Vec::new();
    if let Some(idle) = &shown.idle {
        let members = agents.iter().filter(|agent| agent.campaigns.contains(&row.id)).count();
        own.extend(refused_by_carrier(desk, row.id, idle, &snapshot).await?);
        let of_each = matches!(idle.cause, IdleCause::ContactsWait | IdleCause::QuotasFull);
        let told = of_each && !held.waits.is_empty();
        own.extend((!told).then(|| engine_cause(&shown, idle, members, &snapshot)));
        for cause in own.iter_mut().filter(|cause| cause.code == "last-calls") {
            cause.contacts = Some(held.in_call);
        }
    }
    for cause in own.iter_mut().filter(|cause| cause.code.starts_with("caller-id")) {
        cause.contacts = Some(held.callable).filter(|held| *held > 0);
    }
    let Held { mut waits, closed, contacts, callable, unasked, .. } = held;
    let unheard = |cause: &Cause| !matches!(&*cause.code, "qualified" | "skipped" | "erased");
    let mut closed: Vec<_> = closed.into_iter().filter(unheard).collect();
    // Where one rule closed every contact, that is what there is to know.
    let all = closed.first().is_some_and(|cause| cause.contacts == Some(contacts));
    closed.retain(|cause| !counted(&mut waits, cause));
    waits.extend(shown.idle.as_ref().and_then(|idle| nobody_then(&shown, idle, row.id, &agents)));
    let over = own.iter().any(|cause| cause.code == "completed");
    let causes = if all && over { [closed, own, waits] } else { [own, waits, closed] }.concat();
    let at = desk.clock.now().wall.to_string();
    Ok(CampaignWhy { campaign: shown, at, causes, callable, unasked })
}

/// Counts the contacts of a cause with those of the same rule; tells whether there is one.
fn counted(causes: &mut [Cause], more: &Cause) -> bool {
    let same = causes.iter_mut().find(|cause| cause.code == more.code && cause.until.is_none());
    let Some(same) = same else { return false };
    same.contacts = Some(same.contacts.unwrap_or_default() + more.contacts.unwrap_or_default());
    true
}

/// Tells that nobody is there to talk either, once the contacts wait no more.
fn nobody_then(
    shown: &Campaign,
    idle: &Idle,
    id: CampaignId,
    agents: &[AgentRow],
) -> Option<Cause> {
    let members = agents.iter().filter(|agent| agent.campaigns.contains(&id)).count();
    let now = &shown.now;
    let here = now.ready + now.reserved + now.talking + now.wrapping + now.resting + now.paused;
    let nobody = idle.cause == IdleCause::ContactsWait && here == 0;
    nobody.then(|| Cause {
        code: "nobody-signed-in".to_owned(),
        agents: u64::try_from(members).ok().filter(|members| *members > 0),
        ..Cause::default()
    })
}

/// Makes a cause of why the engine dials nobody in a campaign with so many agents.
fn engine_cause(shown: &Campaign, idle: &Idle, members: usize, snapshot: &Snapshot) -> Cause {
    let now = &shown.now;
    let busy = now.reserved + now.talking + now.wrapping + now.resting + now.paused;
    let agents = match idle.cause {
        IdleCause::NobodyReady | IdleCause::NoPhone => Some(u64::from(busy + now.ready)),
        IdleCause::NobodySkilled | IdleCause::NobodySignedIn => u64::try_from(members).ok(),
        IdleCause::Stopped
        | IdleCause::Paused
        | IdleCause::Draining
        | IdleCause::Completed
        | IdleCause::QuotasFull
        | IdleCause::NoContacts
        | IdleCause::ContactsWait
        | IdleCause::LastCalls
        | IdleCause::ContactsPersonal
        | IdleCause::AgentsLent
        | IdleCause::AgentsAwaited
        | IdleCause::AgentDials
        | IdleCause::NoTrunk
        | IdleCause::Database
        | IdleCause::Channels
        | IdleCause::CallsPerSecond
        | IdleCause::CallerIds
        | IdleCause::CallerIdBudgets
        | IdleCause::CallerIdsRest
        | IdleCause::Abandon
        | IdleCause::Starting => None,
    };
    let rested = rests(snapshot).map(|(_, until)| until).min();
    Cause {
        code: idle.cause.code(now).to_owned(),
        agents: agents.filter(|agents| *agents > 0),
        until: if idle.cause == IdleCause::NoTrunk {
            rested.map(|until| until.to_string())
        } else {
            idle.until.clone()
        },
        law: idle.law.clone(),
        who: idle.lent_to.clone(),
        skills: idle.skills.clone(),
        ..Cause::default()
    }
}

/// Gives the trunks that are left alone after faults, and until when.
fn rests(snapshot: &Snapshot) -> impl Iterator<Item = (TrunkId, Wall)> {
    let now = snapshot.now;
    let rest = move |trunk: &TrunkFloor| {
        let rest = trunk.rest?;
        Some((trunk.trunk, now.wall + rest.until.since(now.mono)))
    };
    snapshot.floor.trunks.iter().filter_map(rest)
}

/// Tells what the carrier said at last of a campaign's calls, where its trunks rest for that.
async fn refused_by_carrier(
    desk: &Desk,
    id: CampaignId,
    idle: &Idle,
    snapshot: &Snapshot,
) -> Result<Option<Cause>, ApiError> {
    if idle.cause != IdleCause::NoTrunk {
        return Ok(None);
    }
    let filter = CallFilter {
        campaign: Some(id),
        outcome: Some(Outcome::TrunkFault),
        since: Some(desk.ago(FAULTS_SINCE_S)),
        ..CallFilter::default()
    };
    let last = desk.store.calls(&filter, None, 1).await?.rows.into_iter().next();
    let Some(last) = last else { return Ok(None) };
    let rest = rests(snapshot).find(|(trunk, _)| *trunk == last.trunk);
    let Some((_, until)) = rest else { return Ok(None) };
    let trunks = desk.trunks().await?;
    let own = trunks.iter().find(|(id, _)| *id == last.trunk);
    let own = own.map_or(&[][..], |(_, trunk)| trunk.responses.as_slice());
    let usual = Response::usual();
    Ok(Response::find(own, &usual, last.cause, "").map(|said| Cause {
        code: if last.cause == 403 {
            "caller-id-refused".to_owned()
        } else {
            format!("sip-{}", last.cause)
        },
        until: Some(until.to_string()),
        means: Some(said.means.clone()),
        remedy: Some(said.remedy.clone()),
        ..Cause::default()
    }))
}

/// Says why an agent waits.
pub(crate) async fn agent(desk: &Desk, row: &AgentRow) -> Result<AgentWhy, ApiError> {
    let snapshot = desk.handle.snapshot();
    let names = desk.campaign_names();
    let agent = agents::view(desk, row, &snapshot, &names);
    let at = desk.clock.now().wall.to_string();
    let mut causes = desk_causes(&agent);
    let mut serves = Vec::new();
    if !causes.is_empty() {
        return Ok(AgentWhy { agent, at, causes, serves });
    }
    let mut rings = Vec::new();
    for id in &row.campaigns {
        let Some(name) = names.get(id) else { continue };
        let Ok((settings, _)) = desk.campaign(name) else { continue };
        let missing = lacks(&settings.requires, &row.skills);
        let of = |cause| Cause { campaign: Some(name.clone()), ..cause };
        if !missing.is_empty() {
            let skills = missing.into_iter().map(ToOwned::to_owned).collect();
            let lacks = Cause { code: "lacks-skill".to_owned(), skills, ..Cause::default() };
            causes.push(of(lacks));
            continue;
        }
        let why = Box::pin(campaign(desk, name)).await?;
        if why.campaign.idle.is_none() {
            let lines = why.campaign.now.lines();
            rings.push(of(Cause {
                code: "lines".to_owned(),
                contacts: Some(u64::from(lines)),
                ..Cause::default()
            }));
        } else {
            causes.extend(why.causes.first().cloned().map(of));
        }
        serves.push(why);
    }
    if serves.is_empty() && causes.is_empty() {
        causes.push(Cause { code: "no-campaign".to_owned(), ..Cause::default() });
    }
    // Whoever may have a call in a moment waits for that one.
    rings.append(&mut causes);
    Ok(AgentWhy { agent, at, causes: rings, serves })
}

/// Tells what keeps an agent from any call; nothing if he or she is ready.
fn desk_causes(agent: &Agent) -> Vec<Cause> {
    let cause = |code: &str| Cause {
        code: code.to_owned(),
        campaign: agent.campaign.clone(),
        ..Cause::default()
    };
    let of_state = match agent.state.as_str() {
        "logged_out" => return vec![cause("signed-out")],
        "ready" if agent.leaving => Some(cause("leaving")),
        "ready" => None,
        "paused" => Some(Cause { who: agent.pause.clone(), ..cause("on-break") }),
        "resting" => Some(Cause { who: agent.rest.clone(), ..cause("resting") }),
        busy => Some(cause(busy)),
    };
    let no_phone = (!agent.leg_up).then(|| cause("no-phone"));
    no_phone.into_iter().chain(of_state).collect()
}

/// Says why contacts are not called.
async fn contacts(desk: &Desk, found: &[ContactId]) -> Result<ContactsWhy, ApiError> {
    let now = desk.clock.now().wall;
    let mut contacts = Vec::new();
    let mut standings = desk.store.standings(found, now).await?;
    standings.reverse();
    for standing in &standings {
        contacts.extend(contact(desk, standing).await?);
    }
    if contacts.is_empty() {
        let detail = "the campaign of this contact has no file any more";
        return Err(ApiError::new(StatusCode::NOT_FOUND, "campaign_unknown", detail));
    }
    Ok(ContactsWhy { at: now.to_string(), contacts })
}

/// Says why one contact is not called; `None` of a campaign that has no file any more.
async fn contact(desk: &Desk, standing: &Standing) -> Result<Option<ContactWhy>, ApiError> {
    let Some(name) = desk.campaign_names().remove(&standing.campaign) else { return Ok(None) };
    let Ok((campaign, row)) = desk.campaign(&name) else { return Ok(None) };
    let (snapshot, now) = (desk.handle.snapshot(), desk.clock.now().wall);
    let settings = held::settings(desk, campaign, row).await?;
    let on_line = desk.store.on_line().await?;
    let agents = desk.store.agents().await?;
    let names = agents.iter().map(|row| (row.id, row.name.clone())).collect();
    let mut gate = Gatehouse::new(row, &settings, on_line, (&snapshot, now));
    let (mut causes, number) = gate.one(standing, &names);
    let quota = full_quota(desk, standing).await?;
    let next = gate.next(standing).filter(|_| quota.is_none()).map(|at| at.to_string());
    causes.splice(0..0, quota.as_ref().map(held::full));
    let callable = causes.is_empty();
    let shown = campaigns::whole(desk, &name, &snapshot).await?;
    if let Some(idle) = shown.idle.as_ref().filter(|idle| !is_of_contacts(idle.cause))
        && standing.done.is_none()
    {
        let members = agents.iter().filter(|agent| agent.campaigns.contains(&row.id)).count();
        let cause = engine_cause(&shown, idle, members, &snapshot);
        causes.push(Cause { campaign: Some(name), ..cause });
    }
    let last = match standing.last_call {
        Some(call) => desk.store.call(call).await?,
        None => None,
    };
    let trunks = calls::trunk_names(desk).await?;
    let digits = number.and_then(|number| standing.digits.get(&number));
    Ok(Some(ContactWhy {
        contact: standing.lead.contact.0,
        external_id: standing.external_id.clone(),
        number: digits.map(|number| number.reveal().to_owned()),
        person: standing.lead.numbers.iter().find_map(|number| number.kind),
        attempts: standing.lead.attempts,
        last: last.map(|row| calls::view(row, &trunks)),
        causes,
        callable,
        next,
        hour: best_hour(desk, &settings, standing).await?,
        campaign: shown,
    }))
}

/// Tells why a contact that waits for its next attempt is tried again at that hour.
async fn best_hour(
    desk: &Desk,
    settings: &Settings,
    standing: &Standing,
) -> Result<Option<BestHour>, ApiError> {
    let lead = &standing.lead;
    let last = lead.tried.last().map(|tried| tried.outcome);
    let delay = last.and_then(|outcome| settings.retry.after.get(&outcome));
    let waits = standing.done.is_none() && standing.put_off.is_none() && lead.callback.is_none();
    let sought = waits && delay.is_some_and(|delay| delay.best_hour);
    let number = lead.numbers.iter().find(|own| Some(own.number) == lead.next_number);
    let Some(number) = number.or_else(|| lead.numbers.first()).filter(|_| sought) else {
        return Ok(None);
    };
    let since = desk.clock.now().wall - Span::secs(KEPT_DAYS * 86_400);
    let mut habits = Habits::default();
    for habit in desk.store.habits(standing.campaign, since).await? {
        habits.learn(habit);
    }
    let odds = habits.explain(lead.list, &lead.tried, &number.zone, standing.due);
    Ok(odds.map(|odds| BestHour {
        at: standing.due.to_string(),
        chance: odds.chance,
        tried: odds.segment.tried,
        reached: odds.segment.reached,
        own_tried: odds.own.tried,
        own_reached: odds.own.reached,
    }))
}

/// Gives the full quota an open contact falls under.
async fn full_quota(desk: &Desk, standing: &Standing) -> Result<Option<QuotaRow>, ApiError> {
    if standing.done.is_some() || standing.in_call.is_some() {
        return Ok(None);
    }
    let (campaign, contact) = (standing.campaign, standing.lead.contact);
    let Some(name) = desk.store.full_quota(campaign, contact).await? else { return Ok(None) };
    let quotas = desk.store.quotas(campaign).await?;
    Ok(quotas.into_iter().find(|row| row.quota.name == name))
}

/// Whether a campaign's cause is that of its contacts, each of which has its own.
fn is_of_contacts(cause: IdleCause) -> bool {
    use IdleCause::{Completed, ContactsPersonal, ContactsWait, LastCalls, NoContacts, QuotasFull};
    matches!(
        cause,
        Completed
            | ContactsPersonal
            | ContactsWait
            | LastCalls
            | NoContacts
            | QuotasFull
            | IdleCause::Starting
    )
}
