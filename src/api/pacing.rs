//! Why a campaign dials at the speed it does, now or at a past moment.

use axum::extract::{Path, State};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Deserialize;

use super::error::{Answer, ApiError};
use super::{Desk, Search, idle, types};
use crate::config;
use crate::config::account::{denominator_word, window_word};
use crate::config::campaign::mode_word;
use crate::core::campaign::Mode;
use crate::core::foresight::JUDGED;
use crate::core::pacing::account::{self, Window};
use crate::core::pacing::{Decision, Limit, View};
use crate::units::{CampaignId, TrunkId, Wall};

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
    let (campaign, row) = desk.campaign(&name).await?;
    let now = desk.clock.now().wall;
    let past = moment.at.as_deref().map(wall).transpose()?;
    let asked = past.unwrap_or(now).min(now);
    let made = desk.store.decision(row.id, asked).await?;
    let snapshot = desk.handle.snapshot();
    let floor = snapshot.floor.campaigns.iter().find(|floor| floor.campaign == row.id);
    let decision = made.map(|made| made.decision);
    let view = match (past, floor) {
        (None, Some(floor)) => floor.view,
        (Some(_), _) | (None, None) => decision.map(|made| made.view).unwrap_or_default(),
    };
    let idle = match past {
        None => idle::why(&desk, campaign, &row, &snapshot).await?,
        Some(_) => None,
    };
    let trunk = decision.as_ref().and_then(bound);
    let trunks = desk.trunks().await?;
    let trunk = trunks.iter().find(|(id, _)| Some(*id) == trunk);
    Ok(axum::Json(types::Pacing {
        campaign: campaign.name.clone(),
        mode: mode_word(campaign.mode).to_owned(),
        guarantee: match campaign.mode {
            Mode::Predictive { guarantee } => Some(guarantee),
            Mode::Preview | Mode::Progressive | Mode::Power { .. } | Mode::Directed => None,
        },
        trunks: campaign.routes.iter().map(|route| route.trunk.clone()).collect(),
        asked: asked.to_string(),
        now: view,
        at: made.map(|made| made.at.to_string()),
        decision,
        trunk: trunk.map(|(_, trunk)| trunk.name.clone()),
        cap: cap(campaign, &view),
        foresight: foresight(&desk, campaign, row.id, asked).await?,
        idle,
    }))
}

fn wall(text: &str) -> Result<Wall, ApiError> {
    let at = text.parse::<Timestamp>();
    at.map(Wall::from).map_err(|_| {
        ApiError::invalid(format!("{text:?} is no moment"))
            .hint("write one in UTC such as 2026-11-23T14:30:00Z")
    })
}

/// Gives the trunk that bound a decision.
fn bound(decision: &Decision) -> Option<TrunkId> {
    match decision.limit {
        Limit::Channels(trunk) | Limit::CallsPerSecond(trunk) => Some(trunk),
        Limit::Ask | Limit::Abandon | Limit::NoTrunk | Limit::Stock => None,
    }
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
    let from = begin(&campaign.account, until);
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

/// Gives the beginning of the window that holds a moment.
fn begin(account: &account::Settings, at: Wall) -> Wall {
    match account.window {
        Window::Campaign => Wall::micros(0),
        Window::Rolling(span) => at - span,
        Window::Day => TimeZone::get(account.zone.name())
            .and_then(|zone| at.timestamp().to_zoned(zone).start_of_day())
            .map_or(at, |midnight| Wall::from(midnight.timestamp())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::{Span, UnknownZone, Zone};

    #[test]
    fn a_day_begins_at_its_zones_midnight() -> Result<(), UnknownZone> {
        // 2026-11-21T22:30:00Z is half past eleven in the evening in Paris, the day before in
        // New York.
        let at = Wall::micros(1_795_300_200_000_000);
        let from = |zone| Zone::new(zone).map(account::Settings::calendar_day);
        let paris = begin(&from("Europe/Paris")?, at);
        assert_eq!(paris.to_string(), "2026-11-20T23:00:00Z");
        let new_york = from("America/New_York")?;
        assert_eq!(begin(&new_york, at).to_string(), "2026-11-21T05:00:00Z");
        let rolling = Window::Rolling(Span::secs(3_600));
        let hour = account::Settings { window: rolling, ..new_york };
        assert_eq!(begin(&hour, at), at - Span::secs(3_600));
        Ok(())
    }
}
