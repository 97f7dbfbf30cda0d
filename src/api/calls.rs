//! Calls: lists and one by one.

use std::collections::BTreeMap;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};

use super::error::{Answer, ApiError};
use super::receipt::Decided;
use super::{Desk, Search, body, types};
use crate::core::order::Outcome;
use crate::engine::handle::{Ask, Refused};
use crate::store::{CallFilter, CallRow, Cursor, PAGE_MAX};
use crate::units::{CallId, Number, TrunkId, Wall};

/// The query of `GET /v1/calls`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ListQuery {
    campaign: Option<String>,
    agent: Option<String>,
    outcome: Option<Outcome>,
    to: Option<String>,
    last_s: Option<u64>,
    after: Option<String>,
    #[serde(default = "fifty")]
    limit: u32,
}

fn fifty() -> u32 {
    50
}

/// `GET /v1/calls`: newest first, a page at a time.
pub(super) async fn list(
    State(desk): State<Desk>,
    Search(query): Search<ListQuery>,
) -> Answer<types::Calls> {
    let mut filter = CallFilter { outcome: query.outcome, ..CallFilter::default() };
    if let Some(name) = &query.campaign {
        filter.campaign = Some(desk.campaign(name)?.1.id);
    }
    if let Some(name) = &query.agent {
        filter.agent = Some(desk.agent_id(name).await?);
    }
    if let Some(to) = &query.to {
        let number = Number::new(to).map_err(|error| ApiError::invalid(error.to_string()))?;
        filter.to = Some(number);
    }
    filter.since = query.last_s.map(|seconds| desk.ago(seconds));
    let after = query.after.as_deref().map(cursor).transpose()?;
    let limit = query.limit.clamp(1, PAGE_MAX);
    let page = desk.store.calls(&filter, after.as_ref(), limit).await?;
    let trunks = trunk_names(&desk).await?;
    Ok(axum::Json(types::Calls {
        calls: page.rows.into_iter().map(|row| view(row, &trunks)).collect(),
        next: page.next.map(|next| format!("{}-{}", next.at.as_micros(), next.key)),
    }))
}

/// A call with what decided that it might be placed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ShownCall {
    /// The call.
    #[serde(flatten)]
    pub call: types::Call,
    /// What decided; `None` for calls of before decisions were kept.
    pub decided: Option<Decided>,
}

/// `GET /v1/calls/{id}`.
pub(super) async fn show(State(desk): State<Desk>, Path(id): Path<String>) -> Answer<ShownCall> {
    let call = call_id(&id)?;
    let row = desk.store.call(call).await?.ok_or_else(|| unknown(&id))?;
    let receipt = desk.store.receipt(call).await?;
    let decided = receipt.map(|receipt| Decided::of(&receipt, row.opened));
    let trunks = trunk_names(&desk).await?;
    Ok(axum::Json(ShownCall { call: view(row, &trunks), decided }))
}

/// `POST /v1/calls/{id}/transfer`: hands the person over, and says so once that has succeeded.
pub(super) async fn transfer(
    State(desk): State<Desk>,
    Path(id): Path<String>,
    bytes: Bytes,
) -> Answer<types::Accepted> {
    let call = call_id(&id)?;
    let types::TransferRequest { to } = body(&bytes)?;
    let to = Number::new(&to)
        .map_err(|error| ApiError::invalid(format!("to: {error}")).hint("write +33199001234"))?;
    match desk.handle.ask(Ask::Transfer(call, to)).await {
        Ok(_) => Ok(axum::Json(types::Accepted { accepted: true })),
        Err(refused @ Refused::Unknown(_)) => {
            Err(ApiError::from(refused).hint("`cadran agent list` shows who talks in which call"))
        }
        Err(refused) => Err(refused.into()),
    }
}

fn call_id(id: &str) -> Result<CallId, ApiError> {
    id.trim_start_matches('C').parse().map(CallId).map_err(|_| unknown(id))
}

fn unknown(id: &str) -> ApiError {
    ApiError::new(StatusCode::NOT_FOUND, "call_unknown", format!("no call {id:?}"))
}

fn cursor(text: &str) -> Result<Cursor, ApiError> {
    let read = |text: &str| {
        let (at, key) = text.rsplit_once('-')?;
        Some(Cursor { at: Wall::micros(at.parse().ok()?), key: key.parse().ok()? })
    };
    read(text).ok_or_else(|| {
        ApiError::invalid(format!("after: {text:?} is no page"))
            .hint("give what the page before said as `next`")
    })
}

pub(super) async fn trunk_names(desk: &Desk) -> Result<BTreeMap<TrunkId, String>, ApiError> {
    let trunks = desk.trunks().await?;
    Ok(trunks.into_iter().map(|(id, trunk)| (id, trunk.name.clone())).collect())
}

pub(super) fn view(row: CallRow, trunks: &BTreeMap<TrunkId, String>) -> types::Call {
    let said = |at: Option<Wall>| at.map(|at| at.to_string());
    let talk = row.talked().map(crate::units::Span::as_secs_f64);
    types::Call {
        call: row.call.0,
        campaign: row.campaign_name,
        contact: row.contact.0,
        external_id: row.external_id,
        to: row.to.map(|number| number.reveal().to_owned()),
        from: row.from.map(|number| number.reveal().to_owned()),
        trunk: trunks.get(&row.trunk).cloned().unwrap_or_else(|| row.trunk.to_string()),
        attempt: row.attempt,
        agent: row.agent_name,
        started_at: row.opened.to_string(),
        ringing_at: said(row.ringing),
        answered_at: said(row.answered),
        bridged_at: said(row.bridged),
        ended_at: said(row.ended),
        outcome: row.outcome,
        sip_code: row.cause,
        ended_by: row.ended_by,
        talk_s: talk,
        hold_s: row.held.as_secs_f64(),
        wrap_s: row.wrap.map(crate::units::Span::as_secs_f64),
        disposition: row.disposition.map(|disposition| disposition.code),
        details: row.details,
    }
}
