//! Closed contacts, and those of them that are to be called again.

use axum::body::Bytes;
use axum::extract::{Path, State};
use serde::{Deserialize, Serialize};

use super::error::{Answer, ApiError};
use super::{Desk, body};
use crate::core::order::{DoneReason, Outcome};
use crate::engine::handle::{Ask, Refused};
use crate::store::{ClosedAlike, Reopening};

/// Dispositions named in one request at most: as many as a campaign has.
const DISPOSITIONS_MAX: usize = 100;

/// Closed contacts that ended alike.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closed {
    /// Why they are closed.
    pub reason: DoneReason,
    /// What their last call came to, if there was one.
    pub outcome: Option<Outcome>,
    /// The disposition of their last call, if it has one.
    pub disposition: Option<String>,
    /// How many they are.
    pub contacts: u64,
}

/// The body of `POST /v1/campaigns/{name}/contacts:recycle`: which closed contacts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recycle {
    /// Those that had every attempt, the last of which ended so.
    #[serde(default)]
    pub outcomes: Vec<Outcome>,
    /// Those an agent qualified so.
    #[serde(default)]
    pub dispositions: Vec<String>,
    /// Those a do-not-call wish closed that stands no more.
    #[serde(default)]
    pub freed: bool,
    /// Count them only.
    #[serde(default)]
    pub dry_run: bool,
}

/// What became of closed contacts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recycled {
    /// Contacts opened anew, or that would be.
    pub contacts: u64,
    /// Whether they were only counted.
    pub dry_run: bool,
}

/// `GET /v1/campaigns/{name}/contacts:closed`: by how they ended, the most frequent first.
pub(super) async fn closed(
    State(desk): State<Desk>,
    Path(name): Path<String>,
) -> Answer<Vec<Closed>> {
    let (_, row) = desk.campaign(&name)?;
    let alike = desk.store.closed_alike(row.id).await?.into_iter();
    let shown = alike.map(|ClosedAlike { reason, outcome, disposition, contacts }| Closed {
        reason,
        outcome,
        disposition,
        contacts,
    });
    Ok(axum::Json(shown.collect()))
}

/// `POST /v1/campaigns/{name}/contacts:recycle`.
pub(super) async fn recycle(
    State(desk): State<Desk>,
    Path(name): Path<String>,
    bytes: Bytes,
) -> Answer<Recycled> {
    let wanted: Recycle = body(&bytes)?;
    let (campaign, row) = desk.campaign(&name)?;
    if wanted.outcomes.is_empty() && wanted.dispositions.is_empty() && !wanted.freed {
        return Err(ApiError::invalid("which closed contacts is not said")
            .hint("name outcomes, dispositions, or freed"));
    }
    if wanted.dispositions.len() > DISPOSITIONS_MAX {
        return Err(ApiError::invalid(format!("dispositions: at most {DISPOSITIONS_MAX}")));
    }
    let known = || campaign.dispositions.iter().map(|known| known.code.as_str());
    for code in &wanted.dispositions {
        if !known().any(|known| known == code) {
            return Err(ApiError::unknown("disposition", "disposition_unknown", code, known()));
        }
    }
    let Recycle { outcomes, dispositions, freed, dry_run } = wanted;
    let (id, now) = (row.id, desk.clock.now().wall);
    let which = Reopening { outcomes, dispositions, freed };
    let opening = desk.clone();
    let opened = desk.see_through(async move {
        let opened = opening.store.reopen(id, &which, now, dry_run).await;
        if !dry_run {
            opening.handle.ask(Ask::Refill(id)).await?;
        }
        Ok::<_, ApiError>(opened?)
    });
    let contacts = opened.await.unwrap_or_else(|| Err(Refused::Leaving.into()))?;
    Ok(axum::Json(Recycled { contacts, dry_run }))
}
