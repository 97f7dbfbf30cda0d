//! Agents: who they are, what they do, and what is done for them.

use std::collections::BTreeMap;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Deserialize;

use super::error::{Answer, ApiError};
use super::types::{NewAgent, PauseRequest, QualifyRequest, SkipRequest};
use super::{Desk, Search, body, promise, types};
use crate::config::campaign::plain_skill;
use crate::config::{self, Need};
use crate::core::fact::Callback;
use crate::core::floor::AgentFloor;
use crate::core::order::AgentState;
use crate::engine::handle::{AgentVerb, Ask, Qualification, Refused, Snapshot};
use crate::store::{AgentRow, Ha1};
use crate::units::{AgentId, CallId, CampaignId, PauseId, Wall};

/// The query of `GET /v1/agents`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ListQuery {
    /// Whether to wait for a state no older than the request.
    #[serde(default)]
    fresh: bool,
}

/// `GET /v1/agents`.
pub(super) async fn list(
    State(desk): State<Desk>,
    Search(query): Search<ListQuery>,
) -> Answer<Vec<types::Agent>> {
    let snapshot = if query.fresh { desk.fresh().await? } else { desk.handle.snapshot() };
    let names = desk.campaign_names();
    let rows = desk.store.agents().await?;
    Ok(axum::Json(rows.iter().map(|row| view(&desk, row, &snapshot, &names)).collect()))
}

/// `POST /v1/agents`: adds an agent, or changes the one of that name.
pub(super) async fn add(State(desk): State<Desk>, bytes: Bytes) -> Answer<types::Agent> {
    let new: NewAgent = body(&bytes)?;
    let known = desk.store.agent(&new.name).await?;
    check(&desk, &new, known.as_ref())?;
    if known.is_none() {
        let agents = desk.store.agents().await?.len();
        desk.config.check_ports(agents + 1).map_err(|short| {
            ApiError::new(StatusCode::CONFLICT, "rtp_ports", short.to_string())
                .hint("change cadran.toml and start the engine again")
        })?;
    }
    let realm = &desk.config.phones.realm;
    let ha1 = new.secret.as_ref().map(|secret| Ha1::of(&new.name, realm, secret));
    let campaigns = campaign_ids(&desk, &new.campaigns).await?;
    let agent = crate::store::NewAgent {
        name: new.name.clone(),
        ha1,
        contact_uri: new.contact.or_else(|| known.and_then(|row| row.contact_uri)),
        campaigns,
        skills: new.skills.map(|skills| skills_of(&skills)).transpose()?,
    };
    desk.store.set_agent(&agent).await?;
    let row = desk.store.agent(&new.name).await?.ok_or_else(|| {
        ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "store", "the agent was not kept")
    })?;
    desk.handle.ask(Ask::AgentChanged(Box::new(row.clone()))).await?;
    let names = desk.campaign_names();
    Ok(axum::Json(view(&desk, &row, &desk.handle.snapshot(), &names)))
}

fn check(desk: &Desk, new: &NewAgent, known: Option<&AgentRow>) -> Result<(), ApiError> {
    let letter = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    if !(1..=64).contains(&new.name.len()) || !new.name.bytes().all(letter) {
        let detail = format!("{:?} is no agent's name", new.name);
        return Err(ApiError::invalid(detail)
            .hint("use 1 to 64 letters, digits, hyphens, dots and underscores"));
    }
    let is_sip = |uri: &String| uri.starts_with("sip:") && !uri.contains(['\r', '\n', ' ']);
    if new.contact.as_ref().is_some_and(|uri| !is_sip(uri)) {
        return Err(ApiError::invalid("the phone's address is no SIP URI")
            .hint("write sip:amina@192.0.2.7:5060"));
    }
    // Whoever has no phone sits at a browser.
    let browsers = cfg!(feature = "webrtc") && desk.config.desk.is_some();
    let reachable = new.contact.is_some() || new.secret.is_some() || browsers;
    if !reachable && known.is_none() {
        return Err(ApiError::invalid(format!("nothing says how to reach {}'s phone", new.name))
            .hint(
                "give --secret-file for a phone that registers, --sip for a fixed address, or open \
                 a [desk] for browsers",
            ));
    }
    Ok(())
}

/// An agent has at most so many skills: what one person can do, and no table's end.
const SKILLS_MAX: usize = 50;

fn skills_of(texts: &[String]) -> Result<Vec<String>, ApiError> {
    if texts.len() > SKILLS_MAX {
        return Err(ApiError::invalid(format!("more than {SKILLS_MAX} skills")));
    }
    let skill = |text: &String| {
        plain_skill(text).map_err(|why| ApiError::invalid(format!("{text:?} {why}")))
    };
    texts.iter().map(skill).collect()
}

async fn campaign_ids(desk: &Desk, names: &[String]) -> Result<Vec<CampaignId>, ApiError> {
    let mut ids = Vec::new();
    for campaign in &desk.config.campaigns {
        if names.is_empty() {
            ids.push(desk.campaign(&campaign.name)?.1.id);
        }
    }
    for name in names {
        ids.push(desk.campaign(name)?.1.id);
    }
    Ok(ids)
}

/// `POST /v1/agents/{name}/{verb}`.
pub(super) async fn act(
    State(desk): State<Desk>,
    Path((name, verb)): Path<(String, String)>,
    bytes: Bytes,
) -> Answer<types::Accepted> {
    let agent = desk.agent_id(&name).await?;
    let removes = verb == "remove";
    let verb = match verb.as_str() {
        // Whoever is removed goes as one who signs out: after the call, and when no line needs it.
        "remove" => AgentVerb::Logout,
        "login" => AgentVerb::Login,
        "ready" => AgentVerb::Ready,
        "pause" => AgentVerb::Pause(pause(&desk, body(&bytes)?)?),
        "logout" => AgentVerb::Logout,
        "dial" => AgentVerb::Dial,
        "skip" => AgentVerb::Skip(body::<SkipRequest>(&bytes)?.reason),
        "hangup" => AgentVerb::HangUp,
        "hold" => AgentVerb::Hold,
        "retrieve" => AgentVerb::Retrieve,
        "qualify" => {
            AgentVerb::Qualify(Box::new(qualification(&desk, agent, body(&bytes)?).await?))
        }
        other => {
            let verbs = [
                "login", "ready", "pause", "logout", "dial", "skip", "hangup", "hold", "retrieve",
                "qualify", "remove",
            ];
            return Err(ApiError::unknown("action", "action_unknown", other, verbs.into_iter()));
        }
    };
    let accepted = Ok(axum::Json(types::Accepted { accepted: true }));
    if removes {
        desk.store.remove_agent(agent).await?;
    }
    let out = state_of(&desk.handle.snapshot(), agent) == AgentState::LoggedOut;
    if out && verb == AgentVerb::Logout {
        return accepted;
    }
    let signs_in = verb == AgentVerb::Login;
    let wants_calls = verb == AgentVerb::Ready;
    match desk.handle.ask(Ask::Agent(agent, verb)).await {
        Ok(_) => accepted,
        Err(refused @ Refused::WrongState(_)) if signs_in => {
            let shown = desk.fresh().await?;
            if is_in(&shown, agent) { accepted } else { Err(refused.into()) }
        }
        Err(refused @ Refused::WrongState(_)) if out && wants_calls => {
            Err(ApiError::from(refused).hint(format!("sign in first: cadran agent login {name}")))
        }
        Err(refused) => Err(refused.into()),
    }
}

/// Whether an agent is signed in, and not about to leave.
fn is_in(snapshot: &Snapshot, agent: AgentId) -> bool {
    let floor = snapshot.floor.agents.iter().find(|floor| floor.agent == agent);
    floor.is_some_and(|floor| floor.state != AgentState::LoggedOut && !floor.leaving)
}

fn state_of(snapshot: &Snapshot, agent: AgentId) -> AgentState {
    let floor = snapshot.floor.agents.iter().find(|floor| floor.agent == agent);
    floor.map_or(AgentState::LoggedOut, |floor| floor.state)
}

/// Reads a break.
pub(crate) fn pause(desk: &Desk, request: PauseRequest) -> Result<PauseId, ApiError> {
    let Some(code) = request.code else { return Ok(desk.config.usual_pause()) };
    desk.config.pause(&code).ok_or_else(|| {
        let codes = desk.config.pauses.iter().map(|pause| pause.code.as_str());
        ApiError::unknown("pause", "pause_unknown", &code, codes)
    })
}

/// Reads an agent's word on a call, complete and with a callback that may be promised.
pub(crate) async fn qualification(
    desk: &Desk,
    agent: AgentId,
    request: QualifyRequest,
) -> Result<Qualification, ApiError> {
    let (call, campaign) = qualified_call(desk, agent, request.call).await?;
    let names = desk.campaign_names();
    let name = names.get(&campaign).map(String::as_str).unwrap_or_default();
    let (campaign, _) = desk.campaign(name)?;
    let disposition = campaign.disposition(&request.disposition).ok_or_else(|| {
        let codes = campaign.dispositions.iter().map(|disposition| disposition.code.as_str());
        ApiError::unknown("disposition", "disposition_unknown", &request.disposition, codes)
    })?;
    complete(disposition, &request)?;
    let callback = match &request.callback_at {
        Some(at) => Some(Callback {
            at: promise::callback_at(desk, name, call, at).await?,
            agent: request.callback_personal.then_some(agent),
        }),
        None => None,
    };
    if let Some(appointment) = &request.details.appointment {
        moment("appointment.at", &appointment.at)?;
    }
    Ok(Qualification {
        call: Some(call),
        disposition: Some(disposition.id),
        callback,
        details: request.details,
    })
}

/// Finds the call an agent speaks of, and its campaign.
async fn qualified_call(
    desk: &Desk,
    agent: AgentId,
    call: Option<u64>,
) -> Result<(CallId, CampaignId), ApiError> {
    if let Some(call) = call.map(CallId) {
        let row = desk.store.call(call).await?;
        let unknown =
            || ApiError::new(StatusCode::NOT_FOUND, "call_unknown", format!("no call {}", call.0));
        return row.map(|row| (call, row.campaign)).ok_or_else(unknown);
    }
    let snapshot = desk.fresh().await?;
    let floor = snapshot.floor.agents.iter().find(|floor| floor.agent == agent);
    let present = floor.and_then(|floor| Some((call_of(floor.state)?, floor.card?.0)));
    present.ok_or_else(|| {
        let detail = "the agent has no call to qualify now";
        ApiError::new(StatusCode::CONFLICT, "no_call", detail).hint("name the call with --call")
    })
}

/// Refuses a disposition without what it needs.
fn complete(disposition: &config::Disposition, request: &QualifyRequest) -> Result<(), ApiError> {
    let (missing, flag) = match disposition.needs {
        Some(Need::Amount) => (request.details.amount_cents.is_none(), "amount"),
        Some(Need::Appointment) => (request.details.appointment.is_none(), "appointment"),
        Some(Need::Callback) | None => (false, ""),
    };
    if missing {
        let detail = format!("{:?} needs an {flag}", disposition.code);
        return Err(ApiError::invalid(detail).hint(format!("add --{flag}")));
    }
    Ok(())
}

/// Reads a moment with its offset from UTC.
pub(super) fn moment(key: &str, text: &str) -> Result<Wall, ApiError> {
    text.parse::<jiff::Timestamp>().map(Wall::from).map_err(|_| {
        ApiError::invalid(format!("{key}: {text:?} is no moment"))
            .hint("write 2026-11-24T10:30:00+01:00")
    })
}

/// Gives the call a state is about.
pub(crate) fn call_of(state: AgentState) -> Option<CallId> {
    match state {
        AgentState::Reserved(call)
        | AgentState::Talking(call)
        | AgentState::Holding(call)
        | AgentState::Wrapping(call) => Some(call),
        AgentState::LoggedOut
        | AgentState::Paused(_)
        | AgentState::Ready
        | AgentState::Previewing(_)
        | AgentState::Resting(_) => None,
    }
}

pub(super) fn view(
    desk: &Desk,
    row: &AgentRow,
    snapshot: &Snapshot,
    names: &BTreeMap<CampaignId, String>,
) -> types::Agent {
    let floor = snapshot.floor.agents.iter().find(|floor| floor.agent == row.id);
    let state = floor.map_or(AgentState::LoggedOut, |floor| floor.state);
    let pause = if let AgentState::Paused(pause) = state {
        desk.config.pauses.get(usize::from(pause.0)).map(|pause| pause.code.clone())
    } else {
        None
    };
    let rest =
        if let AgentState::Resting(why) = state { Some(why.name().to_owned()) } else { None };
    let name = |id: &CampaignId| names.get(id).cloned();
    let seconds = |read: fn(&AgentFloor) -> crate::units::Span| {
        floor.map_or(0.0, |floor| read(floor).as_secs_f64())
    };
    let card = floor.and_then(|floor| floor.card);
    types::Agent {
        name: row.name.clone(),
        state: state.name().to_owned(),
        leaving: floor.is_some_and(|floor| floor.leaving),
        pause,
        rest,
        since_s: floor.map_or(0.0, |floor| snapshot.now.mono.since(floor.since).as_secs_f64()),
        leg_up: floor.is_some_and(|floor| floor.leg_up),
        contact: row.contact_uri.clone(),
        skills: row.skills.clone(),
        campaigns: row.campaigns.iter().filter_map(name).collect(),
        call: call_of(state).map(|call| call.0),
        campaign: card.and_then(|(campaign, _)| name(&campaign)),
        contact_id: card.map(|(_, contact)| contact.0),
        handled: floor.map_or(0, |floor| floor.handled),
        talk_s: seconds(|floor| floor.talk),
        wrap_s: seconds(|floor| floor.wrap),
        idle_s: seconds(|floor| floor.idle),
    }
}
