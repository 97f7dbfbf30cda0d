//! Why agents wait: what `cadran why` says of them, asked once for all who wait for the same.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::Mutex;

use crate::api::types::Cause;
use crate::api::{Desk, why};
use crate::engine::handle::Snapshot;
use crate::store::AgentRow;
use crate::units::{CampaignId, Mono, Span};

/// An answer holds this long: to ask puts up to 2,000 contacts to the gate.
const HOLDS: Span = Span::secs(5);

/// Answers kept at most; a centre has fewer sets of campaigns and skills.
const KEPT_MAX: usize = 1_000;

/// Who waits for the same: campaigns and skills.
type Same = (Vec<CampaignId>, Vec<String>);

/// What was told, and when.
type Told = (Mono, Option<Box<Cause>>);

/// The latest answers.
#[derive(Clone, Debug, Default)]
pub(super) struct Waiting(Arc<Mutex<BTreeMap<Same, Told>>>);

impl Waiting {
    /// Says what keeps calls from an agent who is ready. Those who wait for the same meanwhile wait
    /// for this answer, too: the store is asked once.
    pub(super) async fn why(&self, desk: &Desk, row: &AgentRow) -> Option<Box<Cause>> {
        let same = (row.campaigns.clone(), row.skills.clone());
        let mut kept = self.0.lock().await;
        let now = desk.clock.mono();
        if let Some((asked, cause)) = kept.get(&same)
            && now.since(*asked) < HOLDS
        {
            return cause.clone();
        }
        let cause = match why::agent(desk, row).await {
            Ok(why) => why.causes.into_iter().next().map(Box::new),
            Err(error) => {
                tracing::debug!(%error, "nobody can tell why an agent waits");
                None
            }
        };
        if kept.len() >= KEPT_MAX {
            kept.clear();
        }
        kept.insert(same, (now, cause.clone()));
        cause
    }
}

/// Tells of the lines that ring for an agent; `None` if none does.
pub(super) fn lines(row: &AgentRow, snapshot: &Snapshot) -> Option<Box<Cause>> {
    let own = snapshot.floor.campaigns.iter().filter(|it| row.campaigns.contains(&it.campaign));
    let lines: u32 = own.map(|campaign| campaign.view.lines()).sum();
    let told = || Cause { code: "lines".into(), contacts: Some(lines.into()), ..Cause::default() };
    (lines > 0).then(told).map(Box::new)
}
