//! Accounts of people: who may sign in at the desk, and as what.

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};

use super::error::{Answer, ApiError};
use super::{Desk, body};
use crate::store::{AccountRow, INVITED_FOR, Role};
use crate::units::AgentId;

/// An account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// The name it signs in with.
    pub name: String,
    /// `agent`, `supervisor`, `manager`, `administrator` or `auditor`.
    pub role: Role,
    /// The agent whose seat it takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// `invited`, `active` or `disabled`.
    pub state: String,
    /// Whether a code is asked for beside the password.
    pub second_factor: bool,
    /// Until when its invitation can be accepted, if one waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invited_until: Option<String>,
}

/// Whom to invite.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewAccount {
    /// The name it signs in with.
    pub name: String,
    /// What it may do; an agent's unless told.
    #[serde(default)]
    pub role: Option<Role>,
    /// The agent whose seat it takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
}

/// An invitation: whoever opens its link first chooses the account's password.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invitation {
    /// Whose it is.
    pub account: String,
    /// The link.
    pub link: String,
    /// Until when it can be accepted.
    pub until: String,
}

impl std::fmt::Debug for Invitation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Invitation").field(&self.account).finish()
    }
}

/// A session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// What tells it from others.
    pub id: String,
    /// When it began.
    pub begun: String,
    /// When it ends.
    pub until: String,
}

/// Which session to end; all of them if none is named.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RevokeRequest {
    /// Its id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
}

/// How many sessions ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revoked {
    /// The sessions.
    pub sessions: u64,
}

/// `GET /v1/accounts`.
pub(super) async fn list(State(desk): State<Desk>) -> Answer<Vec<Account>> {
    let agents = desk.store.agents().await?;
    let name = |id: AgentId| agents.iter().find(|agent| agent.id == id);
    let rows = desk.store.accounts().await?;
    let accounts = rows.into_iter().map(|row| {
        let agent = row.agent.and_then(name).map(|agent| agent.name.clone());
        view(row, agent)
    });
    Ok(axum::Json(accounts.collect()))
}

fn view(row: AccountRow, agent: Option<String>) -> Account {
    let state = match (row.disabled, row.enrolled) {
        (Some(_), _) => "disabled",
        (None, true) => "active",
        (None, false) => "invited",
    };
    Account {
        name: row.name,
        role: row.role,
        agent,
        state: state.to_owned(),
        second_factor: row.second_factor,
        invited_until: row.invited_until.map(|until| until.to_string()),
    }
}

/// `POST /v1/accounts`: invites somebody, or invites anew whoever lost the password.
pub(super) async fn invite(State(desk): State<Desk>, bytes: Bytes) -> Answer<Invitation> {
    let new: NewAccount = body(&bytes)?;
    let Some(door) = &desk.config.desk else {
        let detail = "there is no desk to sign in at";
        return Err(ApiError::new(StatusCode::CONFLICT, "no_desk", detail)
            .hint("add [desk] with its `bind` to cadran.toml and start the engine again"));
    };
    let name = plain_name(&new.name)?;
    let role = new.role.unwrap_or(Role::Agent);
    let agent = match &new.agent {
        Some(agent) => Some(desk.agent_id(agent).await?),
        None => None,
    };
    if role == Role::Agent && agent.is_none() {
        let detail = format!("nothing says whose seat {name} takes");
        return Err(ApiError::invalid(detail).hint("name the agent with --agent"));
    }
    let now = desk.clock.now().wall;
    let until = now + INVITED_FOR;
    let token = desk.store.invite(&name, (role, agent), now, until).await?;
    let link = door.link(door.bind, token.reveal());
    Ok(axum::Json(Invitation { account: name, link, until: until.to_string() }))
}

/// A name is typed each morning, and stands in a link of an authenticator.
fn plain_name(text: &str) -> Result<String, ApiError> {
    let name = text.trim().to_lowercase();
    let letter = |sign: char| sign.is_alphanumeric() || "-_.@".contains(sign);
    if (1..=64).contains(&name.chars().count()) && name.chars().all(letter) {
        return Ok(name);
    }
    Err(ApiError::invalid(format!("{text:?} is no account's name"))
        .hint("use 1 to 64 letters, digits, hyphens, dots, underscores and @"))
}

/// `GET /v1/accounts/{name}/sessions`.
pub(super) async fn sessions(
    State(desk): State<Desk>,
    Path(name): Path<String>,
) -> Answer<Vec<Session>> {
    let account = desk.account(&name).await?;
    let rows = desk.store.sessions(account.id, desk.clock.now().wall).await?;
    let session = |row: crate::store::SessionRow| Session {
        id: row.id,
        begun: row.begun.to_string(),
        until: row.until.to_string(),
    };
    Ok(axum::Json(rows.into_iter().map(session).collect()))
}

/// `POST /v1/accounts/{name}/{verb}`: `disable` or `revoke`.
pub(super) async fn act(
    State(desk): State<Desk>,
    Path((name, verb)): Path<(String, String)>,
    bytes: Bytes,
) -> Answer<Revoked> {
    let account = desk.account(&name).await?;
    let now = desk.clock.now().wall;
    let sessions = match verb.as_str() {
        "disable" => {
            let open = desk.store.sessions(account.id, now).await?.len() as u64;
            desk.store.disable_account(account.id, now).await?;
            open
        }
        "revoke" => {
            let asked: RevokeRequest = body(&bytes)?;
            desk.store.end_sessions(account.id, asked.session.as_deref()).await?
        }
        other => {
            let verbs = ["disable", "revoke"];
            return Err(ApiError::unknown("action", "action_unknown", other, verbs.into_iter()));
        }
    };
    Ok(axum::Json(Revoked { sessions }))
}

impl Desk {
    /// Finds an account by its name.
    async fn account(&self, name: &str) -> Result<AccountRow, ApiError> {
        let (accounts, name) = (self.store.accounts().await?, name.to_lowercase());
        let found = accounts.iter().find(|account| account.name == name).cloned();
        found.ok_or_else(|| {
            let known = accounts.iter().map(|account| account.name.as_str());
            ApiError::unknown("account", "account_unknown", &name, known)
        })
    }
}
