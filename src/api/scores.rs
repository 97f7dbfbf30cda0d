//! `POST /v1/campaigns/{name}/contacts:score`: puts a list in another order.

use axum::body::Bytes;
use axum::extract::{Path, State};
use serde::{Deserialize, Serialize};

use super::error::{Answer, ApiError};
use super::{Desk, body};
use crate::engine::handle::Ask;
use crate::store::{SCORE_MAX, SCORES_MAX};

/// The largest body: [`SCORES_MAX`] of references of a hundred characters.
pub(super) const BYTES_MAX: usize = 16 << 20;

/// A contact's new score.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scored {
    /// The CRM's own id of the contact.
    pub external_id: String,
    /// 0 to 100; within a priority the highest is called first.
    pub score: u8,
}

/// What became of the scores.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScoreReport {
    /// Contacts that have their new score.
    pub scored: u64,
    /// References that no contact of the campaign has.
    pub unknown: u64,
}

/// Gives contacts other scores; what is in stock is claimed anew, in the new order.
pub(super) async fn score(
    State(desk): State<Desk>,
    Path(name): Path<String>,
    bytes: Bytes,
) -> Answer<ScoreReport> {
    let scores: Vec<Scored> = body(&bytes)?;
    let (_, row) = desk.campaign(&name)?;
    if scores.len() > SCORES_MAX {
        return Err(ApiError::invalid(format!("over {SCORES_MAX} scores in one request")));
    }
    if scores.iter().any(|scored| scored.score > SCORE_MAX) {
        return Err(ApiError::invalid(format!("a score is over {SCORE_MAX}")));
    }
    let given = scores.len() as u64;
    let scores: Vec<_> = scores.into_iter().map(|one| (one.external_id, one.score)).collect();
    let changed = desk.store.score(row.id, &scores).await?;
    if changed > 0 {
        desk.handle.ask(Ask::Restock(row.id)).await?;
    }
    Ok(axum::Json(ScoreReport { scored: changed, unknown: given.saturating_sub(changed) }))
}
