//! Why a campaign dials at the speed it does, now or at a past moment.

use axum::extract::{Path, State};
use jiff::Timestamp;
use serde::Deserialize;

use super::error::{Answer, ApiError};
use super::{Desk, Search, idle, types};
use crate::config;
use crate::config::account::{denominator_word, window_word};
use crate::config::campaign::mode_word;
use crate::core::campaign::Mode;
use crate::core::foresight::JUDGED;
use crate::core::pacing::View;
use crate::units::{CampaignId, Wall};

/// No window holds more calls.
const ALL: u32 = u32::MAX;

/// The query of `GET /v1/campaigns/{name}/pacing`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Moment {
    /// RFC 3339; now otherwise.
    at: Option<String>,
}

/// `GET /v1/campaigns/{name}/pacing`.
pub(super) async fn explain(
    State(desk): State<Desk>,
    Path(name): Path<String>,
    Search(moment): Search<Moment>,
) -> Answer<types::Pacing> {
    let (campaign, row) = desk.campaign(&name)?;
    let now = desk.clock.now().wall;
    let past = moment.at.as_deref().map(wall).transpose()?;
    if let Some(future) = past.filter(|past| *past > now) {
        return Err(ApiError::invalid(format!("{future} is yet to come"))
            .hint("name a past moment: what is not decided yet cannot be explained"));
    }
    let asked = past.unwrap_or(now);
    let made = desk.store.decision(row.id, asked).await?;
    let snapshot = desk.handle.snapshot();
    let floor = snapshot.floor.campaigns.iter().find(|floor| floor.campaign == row.id);
    let present = floor.filter(|_| past.is_none());
    let decision = made.map(|made| made.decision);
    let told = made.map_or(asked, |made| made.at);
    let begun = desk.begun();
    let made_on = decision.map(|made| made.view);
    let view = match past {
        None => floor.map(|floor| floor.view).unwrap_or_default(),
        Some(_) => made_on.unwrap_or_default(),
    };
    let idle = match past {
        None => idle::why(&desk, campaign, row, &snapshot).await?,
        Some(_) => None,
    };
    let trunk = decision.and_then(|decision| decision.limit.trunk());
    let trunks = desk.trunks().await?;
    let trunk = trunks.iter().find(|(id, _)| Some(*id) == trunk);
    Ok(axum::Json(types::Pacing {
        campaign: campaign.name.clone(),
        mode: mode_word(campaign.mode).to_owned(),
        guarantee: campaign.mode.guarantee(),
        trunks: campaign.trunks().into_iter().map(str::to_owned).collect(),
        asked: asked.to_string(),
        now: view,
        at: made.map(|made| made.at.to_string()),
        restarted: (told < begun && begun <= asked).then(|| begun.to_string()),
        decision,
        trunk: trunk.map(|(_, trunk)| trunk.name.clone()),
        cap: cap(campaign, &made_on.unwrap_or(view)),
        foresight: foresight(&desk, campaign, row.id, told).await?,
        idle,
        quiet: present.and_then(|floor| floor.quiet).map(|quiet| types::Quiet {
            since: quiet.since.to_string(),
            for_s: now.since(quiet.since).as_secs_f64(),
            why: quiet.why,
            limit: quiet.limit,
            forecast: quiet.forecast,
        }),
        recalled: present.and_then(|floor| floor.recalled).map(|recalled| types::Recalled {
            calls: recalled.calls,
            from: recalled.from.to_string(),
            until: recalled.until.to_string(),
        }),
    }))
}

fn wall(text: &str) -> Result<Wall, ApiError> {
    let at = text.parse::<Timestamp>();
    at.map(Wall::from).map_err(|_| {
        ApiError::invalid(format!("{text:?} is no moment"))
            .hint("write one in UTC such as 2026-11-23T14:30:00Z")
    })
}

#[expect(clippy::cast_precision_loss, reason = "no campaign counts to 2^53")]
fn cap(campaign: &config::Campaign, view: &View) -> types::AbandonCap {
    let (abandon, account) = (&campaign.abandon, &campaign.account);
    let View { answered, abandoned, .. } = *view;
    types::AbandonCap {
        cap: abandon.cap.get(),
        window: window_word(account.window),
        shared: campaign.shared.as_ref().map(|shared| shared.name.clone()),
        zone: account.zone.name().to_owned(),
        of: denominator_word(account.of).to_owned(),
        within_s: abandon.within.as_secs_f64(),
        answered,
        abandoned,
        share: if answered == 0 { 0.0 } else { abandoned as f64 / answered as f64 },
    }
}

/// Compares the forecasts of the rule's window with what came, and judges the latest of them.
async fn foresight(
    desk: &Desk,
    campaign: &config::Campaign,
    id: CampaignId,
    until: Wall,
) -> Result<Option<types::Foretold>, ApiError> {
    if !matches!(campaign.mode, Mode::Predictive { .. }) {
        return Ok(None);
    }
    let from = campaign.account.begins(until);
    let all = desk.store.foresight(id, from, until, ALL).await?;
    let latest = desk.store.foresight(id, from, until, JUDGED).await?;
    Ok(Some(types::Foretold {
        from: from.to_string(),
        answered: all.answered,
        foretold: all.foretold,
        abandoned: all.abandoned,
        verdict: latest.verdict(),
    }))
}
