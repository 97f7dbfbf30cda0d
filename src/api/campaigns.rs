//! Campaigns: what they are, what they do, and the levers.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Deserialize;

use super::error::{Answer, ApiError};
use super::{Desk, Search, idle, types};
use crate::config::campaign::mode_word;
use crate::config::{self, Need, hours, law};
use crate::core::floor::occupancy;
use crate::core::order::CampaignState;
use crate::engine::handle::{Ask, CampaignVerb, Refused, Reply, Snapshot};
use crate::store::CampaignRow;
use crate::units::{CampaignId, Ratio, Wall};

/// `GET /v1/campaigns`.
pub(super) async fn list(State(desk): State<Desk>) -> Answer<Vec<types::Campaign>> {
    let snapshot = desk.handle.snapshot();
    let known = |row: &CampaignRow| Some(view(desk.config.campaign(&row.name)?, row, &snapshot));
    Ok(axum::Json(desk.campaigns.iter().filter_map(known).collect()))
}

/// The query of `GET /v1/campaigns/{name}`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ShowQuery {
    /// Whether to leave out what the whole list must be counted for: why nothing is dialled.
    #[serde(default)]
    brief: bool,
}

/// `GET /v1/campaigns/{name}`.
pub(super) async fn show(
    State(desk): State<Desk>,
    Path(name): Path<String>,
    Search(query): Search<ShowQuery>,
) -> Answer<types::Campaign> {
    let snapshot = desk.handle.snapshot();
    if query.brief {
        let (campaign, row) = desk.campaign(&name)?;
        return Ok(axum::Json(view(campaign, row, &snapshot)));
    }
    Ok(axum::Json(whole(&desk, &name, &snapshot).await?))
}

/// Gives one campaign with what the whole list must be counted for.
pub(super) async fn whole(
    desk: &Desk,
    name: &str,
    snapshot: &Snapshot,
) -> Result<types::Campaign, ApiError> {
    let (campaign, row) = desk.campaign(name)?;
    let idle = idle::why(desk, campaign, row, snapshot).await?;
    let team = idle::team(desk, row.id, snapshot).await?;
    let occupancy = occupancy(team).map(Ratio::get);
    let unmet = idle::unmet(desk, campaign, row.id, snapshot).await?;
    Ok(types::Campaign { idle, occupancy, unmet, ..view(campaign, row, snapshot) })
}

/// `POST /v1/campaigns/{name}/start|pause|drain|stop`; answers with the campaign as it is then.
/// One that is in that state already is left as it is.
pub(super) async fn drive(
    State(desk): State<Desk>,
    Path((name, verb)): Path<(String, String)>,
) -> Answer<types::Driven> {
    let verb = match verb.as_str() {
        "start" => CampaignVerb::Start,
        "pause" => CampaignVerb::Pause,
        "drain" => CampaignVerb::Drain,
        "stop" => CampaignVerb::Stop,
        other => {
            let verbs = ["start", "pause", "drain", "stop"].into_iter();
            return Err(ApiError::unknown("action", "action_unknown", other, verbs));
        }
    };
    let (campaign, row) = desk.campaign(&name)?;
    let there = view(campaign, row, &desk.handle.snapshot());
    let (asked, campaign) = if is_done(verb, there.state) {
        (None, there)
    } else {
        let asked = pull(&desk, row.id, verb).await;
        (Some(asked), view(campaign, row, &*desk.fresh().await?))
    };
    let done = is_done(verb, campaign.state);
    let known_stored = desk.handle.snapshot().store_away.is_none();
    let (changed, stored) = match asked {
        None => (false, known_stored),
        Some(Ok(_)) => (true, true),
        // Somebody else was a moment faster.
        Some(Err(Refused::WrongState(_))) if done => (false, known_stored),
        // The engine did it at once; while the database is away it holds the record.
        Some(Err(Refused::Busy)) if done => (true, known_stored),
        Some(Err(refused)) => return Err(refused.into()),
    };
    let open = match verb {
        // What was done is no failure because nobody can be counted now.
        CampaignVerb::Drain if stored => desk.open_contacts(row.id).await.ok(),
        CampaignVerb::Drain | CampaignVerb::Start | CampaignVerb::Pause | CampaignVerb::Stop => {
            None
        }
    };
    Ok(axum::Json(types::Driven { campaign, changed, stored, open }))
}

/// Pulls a lever and waits until that is written down, or done and the database known to be away.
async fn pull(desk: &Desk, id: CampaignId, verb: CampaignVerb) -> Result<Reply, Refused> {
    let mut watch = desk.handle.watch();
    let unwritten = watch.wait_for(|snapshot| {
        let floor = snapshot.floor.campaigns.iter().find(|floor| floor.campaign == id);
        snapshot.store_away.is_some() && floor.is_some_and(|floor| is_done(verb, floor.state))
    });
    tokio::select! {
        biased;
        asked = desk.handle.ask(Ask::Campaign(id, verb)) => asked,
        Ok(_) = unwritten => Err(Refused::Busy),
    }
}

/// Tells whether a campaign in this state is where a lever would bring it.
fn is_done(verb: CampaignVerb, state: CampaignState) -> bool {
    match verb {
        CampaignVerb::Start => state == CampaignState::Running,
        CampaignVerb::Pause => state == CampaignState::Paused,
        CampaignVerb::Drain => matches!(state, CampaignState::Draining | CampaignState::Stopped),
        CampaignVerb::Stop => state == CampaignState::Stopped,
    }
}

/// The query of `GET /v1/stats`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StatsQuery {
    campaign: Option<String>,
    #[serde(default = "a_day")]
    last_s: u64,
}

fn a_day() -> u64 {
    86_400
}

/// `GET /v1/stats`: one campaign's, or every one's.
pub(super) async fn stats(
    State(desk): State<Desk>,
    Search(query): Search<StatsQuery>,
) -> Answer<Vec<types::Stats>> {
    let rows = match &query.campaign {
        Some(name) => std::slice::from_ref(desk.campaign(name)?.1),
        None => &desk.campaigns,
    };
    let (from, to) = (desk.ago(query.last_s), desk.clock.now().wall);
    let mut all = Vec::with_capacity(rows.len());
    for row in rows {
        let counted = desk.store.stats(row.id, from, to).await?;
        all.push(stats_view(row.name.clone(), from, to, counted));
    }
    Ok(axum::Json(all))
}

fn view(campaign: &config::Campaign, row: &CampaignRow, snapshot: &Snapshot) -> types::Campaign {
    let floor = snapshot.floor.campaigns.iter().find(|floor| floor.campaign == row.id);
    types::Campaign {
        name: campaign.name.clone(),
        title: campaign.title.clone(),
        client: campaign.client.clone(),
        purpose: law::word(campaign.purpose, &law::PURPOSES).to_owned(),
        persons: law::word(campaign.persons, &law::CALLED).to_owned(),
        subject: campaign.subject.clone(),
        mode: mode_word(campaign.mode).to_owned(),
        guarantee: campaign.mode.guarantee(),
        state: floor.map_or(row.state, |floor| floor.state),
        hours: hours::say(&campaign.week),
        trunks: campaign.trunks().into_iter().map(str::to_owned).collect(),
        now: floor.map(|floor| floor.view).unwrap_or_default(),
        decision: floor.and_then(|floor| floor.decision),
        totals: floor.map(|floor| floor.totals).unwrap_or_default(),
        dispositions: campaign.dispositions.iter().map(disposition).collect(),
        idle: None,
        occupancy: None,
        requires: campaign.requires.clone(),
        unmet: Vec::new(),
    }
}

fn disposition(disposition: &config::Disposition) -> types::Disposition {
    types::Disposition {
        code: disposition.code.clone(),
        key: disposition.key,
        label: disposition.label.clone(),
        class: disposition.class,
        needs: disposition.needs.map(|need| need_word(need).to_owned()),
    }
}

fn need_word(need: Need) -> &'static str {
    match need {
        Need::Amount => "amount",
        Need::Appointment => "appointment",
        Need::Callback => "callback",
    }
}

#[expect(clippy::cast_precision_loss, reason = "no campaign counts to 2^53")]
fn stats_view(campaign: String, from: Wall, to: Wall, stats: crate::store::Stats) -> types::Stats {
    let share = |part: u64, whole: u64| if whole == 0 { 0.0 } else { part as f64 / whole as f64 };
    let mean_wait = stats.wait.as_secs_f64() / stats.bridged as f64;
    types::Stats {
        campaign,
        from: from.to_string(),
        to: to.to_string(),
        attempts: stats.attempts,
        answered: stats.answered,
        machines: stats.machines,
        humans: stats.humans,
        bridged: stats.bridged,
        abandoned: stats.abandoned,
        called_back: stats.called_back,
        oppositions: stats.oppositions,
        forced: stats.forced,
        abandon_ratio: share(stats.abandoned, stats.humans),
        outcomes: stats.outcomes,
        dispositions: stats.dispositions,
        argued_positive: stats.argued_positive,
        argued_negative: stats.argued_negative,
        not_argued: stats.not_argued,
        sales: stats.sales,
        sales_cents: stats.sales_cents,
        talk_s: stats.talk.as_secs_f64(),
        hold_s: stats.hold.as_secs_f64(),
        wrap_s: stats.wrap.as_secs_f64(),
        answer_to_bridge_mean_s: (stats.bridged > 0).then_some(mean_wait),
        contacts: stats.contacts,
        contacts_done: stats.contacts_done,
        refused: stats.refused,
    }
}

/// Makes the error of something a campaign's file does not have.
pub(super) fn not_configured(code: &'static str, detail: String, hint: &str) -> ApiError {
    ApiError::new(StatusCode::CONFLICT, code, detail).hint(hint)
}
