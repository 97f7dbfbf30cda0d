//! HTTP under `/v1`: campaigns, agents, calls, trunks, webhooks.
//!
//! Served on a Unix socket open to its owner only, and on a loopback address where asked. The
//! shapes are in [`types`]; errors are RFC 9457 problems with a stable code and a hint.

mod accounts;
pub(crate) mod agents;
pub mod calls;
mod campaigns;
pub mod cause;
mod chance;
pub mod compliance;
pub mod consents;
pub mod contacts;
pub mod dnc;
mod door;
mod error;
pub mod gdpr;
mod health;
mod held;
pub mod idle;
pub mod import;
mod inbox;
mod inspector;
mod lists;
pub mod network;
mod pacing;
mod pilot;
pub mod processing;
pub(crate) mod promise;
pub mod quality;
pub mod receipt;
pub mod recycle;
mod scores;
mod shown;
mod trunks;
pub mod types;
mod webhooks;
pub(crate) mod why;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, FromRequestParts, Query, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::middleware::map_response_with_state;
use axum::routing::{get, patch, post};
use serde::de::DeserializeOwned;
use tokio::sync::{oneshot, watch};

pub use axum::body::Bytes;
pub use door::{Door, DoorError, serve_http};
pub use inspector::Inspector;
pub use pilot::{HOURLY_COST, MINUTE_COST};

use crate::config::{self, Config};
use crate::engine::clock::Clock;
use crate::engine::gauge::Gauge;
use crate::engine::handle::{Handle, Snapshot};
use crate::engine::tasks::Tasks;
use crate::store::{CampaignRow, Store};
use crate::units::{AgentId, CampaignId, Mono, TrunkId, Wall};
use error::Answer;
pub(crate) use error::ApiError;

/// A list is not larger than this: five million contacts of fifty bytes.
pub const LIST_BYTES_MAX: usize = 256 << 20;

/// Any other body is not larger than this: notes and fields of one contact.
const BODY_BYTES_MAX: usize = 64 << 10;

/// A snapshot is renewed once a second; one that is not by then belongs to an engine that hangs.
const FRESH_WITHIN: Duration = Duration::from_secs(2);

/// What requests are answered from.
#[derive(Clone, Debug)]
pub struct Desk {
    /// The door to the engine.
    pub handle: Handle,
    /// What survives.
    pub store: Store,
    /// What the engine was started with.
    pub config: Arc<Config>,
    /// Every campaign the store knows, as it was at the start; asking for one must not wait for a
    /// database that is away.
    pub campaigns: Arc<[CampaignRow]>,
    /// What the engine carries.
    pub gauge: Gauge,
    /// The engine's clock.
    pub clock: Clock,
    /// Where work goes on whose caller may go away.
    pub tasks: Tasks,
    /// Whether the API closes: what waits then waits no longer.
    pub closing: watch::Receiver<bool>,
}

/// Lays out every path.
pub fn router(desk: Desk) -> Router {
    let lists = Router::new()
        .route("/v1/campaigns/{name}/contacts:import", post(lists::import))
        .route("/v1/clients/{client}/consents:import", post(consents::import))
        .layer(DefaultBodyLimit::disable());
    let scores = Router::new()
        .route("/v1/campaigns/{name}/contacts:score", post(scores::score))
        .layer(DefaultBodyLimit::max(scores::BYTES_MAX));
    Router::new()
        .route("/v1/health", get(health::health))
        .route("/v1/configuration", get(configuration))
        .route("/v1/network", get(network::show))
        .route("/v1/campaigns", get(campaigns::list))
        .route("/v1/campaigns/{name}", get(campaigns::show))
        .route("/v1/campaigns/{name}/pacing", get(pacing::explain))
        .route("/v1/campaigns/{name}/contacts:closed", get(recycle::closed))
        .route("/v1/campaigns/{name}/contacts:recycle", post(recycle::recycle))
        .route("/v1/campaigns/{name}/{verb}", post(campaigns::drive))
        .route("/v1/stats", get(campaigns::stats))
        .route("/v1/reports/compliance", get(compliance::report))
        .route("/v1/reports/pilot", get(pilot::pilot))
        .route("/v1/accounts", get(accounts::list).post(accounts::invite))
        .route("/v1/accounts/{name}/sessions", get(accounts::sessions))
        .route("/v1/accounts/{name}/{verb}", post(accounts::act))
        .route("/v1/agents", get(agents::list).post(agents::add))
        .route("/v1/agents/{name}/{verb}", post(agents::act))
        .route("/v1/calls", get(calls::list))
        .route("/v1/calls/{id}", get(calls::show))
        .route("/v1/calls/{id}/transfer", post(calls::transfer))
        .route("/v1/consents", get(consents::show))
        .route("/v1/consents/proof", get(consents::prove))
        .route("/v1/consents/withdraw", post(consents::withdraw))
        .route("/v1/campaigns/{name}/contacts", get(contacts::list))
        .route("/v1/contacts/{id}", patch(contacts::correct))
        .route("/v1/do-not-call", get(dnc::list).post(dnc::add))
        .route("/v1/do-not-call/end", post(dnc::end))
        .route("/v1/do-not-call/{number}", get(dnc::check))
        .route("/v1/caller-ids", get(shown::list))
        .route("/v1/gdpr/export", get(gdpr::export))
        .route("/v1/gdpr/erase", post(gdpr::erase))
        .route("/v1/gdpr/purge", post(gdpr::purge))
        .route("/v1/trunks", get(trunks::list))
        .route("/v1/trunks/{name}/test", post(trunks::test))
        .route("/v1/trunks/{name}/quality", get(quality::show))
        .route("/v1/why", get(why::why))
        .route("/v1/webhooks/deliveries", get(webhooks::deliveries))
        .route("/v1/webhooks/test", post(webhooks::test))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .merge(lists)
        .merge(scores)
        .fallback(no_such_path)
        .method_not_allowed_fallback(no_such_method)
        .layer(map_response_with_state(desk.clone(), error::since_when))
        .with_state(desk)
}

async fn configuration(State(desk): State<Desk>) -> Answer<types::Configuration> {
    let begun = desk.begun();
    let unread = desk.config.unread(begun).into_iter().map(|file| types::Unread {
        file: file.path.display().to_string(),
        campaign: file.campaign,
        change: match file.change {
            config::Change::Added => types::Change::Added,
            config::Change::Changed => types::Change::Changed,
            config::Change::Removed => types::Change::Removed,
        },
    });
    Ok(axum::Json(types::Configuration { read_at: begun.to_string(), unread: unread.collect() }))
}

async fn no_such_path() -> ApiError {
    ApiError::new(StatusCode::NOT_FOUND, "path_unknown", "there is no such path")
        .hint("everything is under /v1: /v1/campaigns, /v1/agents, /v1/calls …")
}

async fn no_such_method() -> ApiError {
    let detail = "this path does not take that method";
    ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "method_wrong", detail)
        .hint("GET reads, POST acts")
}

impl Desk {
    /// Sees work to its end, also when whoever asked for it goes away meanwhile; `None` if the
    /// engine's end cut it.
    pub(crate) async fn see_through<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Option<T> {
        let (told, answer) = oneshot::channel();
        self.tasks.spawn(async move { drop(told.send(work.await)) });
        answer.await.ok()
    }

    /// Gives a snapshot no older than now.
    async fn fresh(&self) -> Result<Arc<Snapshot>, ApiError> {
        let now = self.clock.mono();
        let mut watch = self.handle.watch();
        let renewed = watch.wait_for(|snapshot| snapshot.now.mono >= now);
        match tokio::time::timeout(FRESH_WITHIN, renewed).await {
            Ok(Ok(snapshot)) => Ok(Arc::clone(&snapshot)),
            Ok(Err(_)) | Err(_) => {
                let detail = "the engine is stopping or hangs: its state is not renewed";
                Err(ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "engine_stale", detail))
            }
        }
    }

    /// Finds a campaign in the files and in the store.
    pub(crate) fn campaign(
        &self,
        name: &str,
    ) -> Result<(&config::Campaign, &CampaignRow), ApiError> {
        let row = self.campaigns.iter().find(|row| row.name == name);
        row.and_then(|row| Some((self.config.campaign(name)?, row))).ok_or_else(|| {
            let known = self.config.campaigns.iter().map(|campaign| campaign.name.as_str());
            let unknown = ApiError::unknown("campaign", "campaign_unknown", name, known);
            let mut unread = self.config.unread(self.begun()).into_iter();
            match unread.find(|file| file.campaign.as_deref() == Some(name)) {
                Some(file) => unknown.hint(format!(
                    "{} was added after the engine started, which does not know it yet: stop \
                     `cadran serve` with Ctrl-C, which lets conversations end, and start it again",
                    file.path.display()
                )),
                None => unknown,
            }
        })
    }

    /// Gives every campaign's name by its id.
    fn campaign_names(&self) -> BTreeMap<CampaignId, String> {
        self.campaigns.iter().map(|row| (row.id, row.name.clone())).collect()
    }

    /// Gives the skills a campaign requires; none of one that is not in the files.
    fn requires(&self, id: CampaignId) -> &[String] {
        let row = self.campaigns.iter().find(|row| row.id == id);
        let found = row.and_then(|row| self.config.campaign(&row.name));
        found.map_or(&[], |campaign| &campaign.requires)
    }

    /// Finds an agent's id.
    async fn agent_id(&self, name: &str) -> Result<AgentId, ApiError> {
        let agents = self.store.agents().await?;
        let found = agents.iter().find(|agent| agent.name == name);
        found.map(|agent| agent.id).ok_or_else(|| {
            let known = agents.iter().map(|agent| agent.name.as_str());
            ApiError::unknown("agent", "agent_unknown", name, known)
        })
    }

    /// Gives every configured trunk with its id.
    async fn trunks(&self) -> Result<Vec<(TrunkId, &config::Trunk)>, ApiError> {
        let mut trunks = Vec::new();
        for trunk in &self.config.trunks {
            trunks.push((self.store.trunk(&trunk.name).await?, trunk));
        }
        Ok(trunks)
    }

    /// Finds a trunk by its name.
    async fn trunk(&self, name: &str) -> Result<(TrunkId, &config::Trunk), ApiError> {
        let trunks = self.trunks().await?;
        let found = trunks.iter().find(|(_, trunk)| trunk.name == name).copied();
        found.ok_or_else(|| {
            let known = trunks.iter().map(|(_, trunk)| trunk.name.as_str());
            ApiError::unknown("trunk", "trunk_unknown", name, known)
        })
    }

    /// Gives the moment the engine was started.
    pub(crate) fn begun(&self) -> Wall {
        let now = self.clock.now();
        now.wall - now.mono.since(Mono::START)
    }

    /// Counts the contacts of a campaign that are not closed.
    async fn open_contacts(&self, campaign: CampaignId) -> Result<u64, ApiError> {
        let now = self.clock.now().wall;
        let counted = self.store.stats(campaign, now, now).await?;
        Ok(counted.contacts.saturating_sub(counted.contacts_done))
    }

    /// Gives the moment so many seconds ago.
    fn ago(&self, seconds: u64) -> Wall {
        self.clock.now().wall - crate::units::Span::secs(seconds)
    }
}

/// A request's query; one that cannot be read is a problem of the same shape as any other.
struct Search<T>(T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Search<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        match Query::from_request_parts(parts, state).await {
            Ok(Query(query)) => Ok(Self(query)),
            Err(wrong) => {
                Err(ApiError::new(StatusCode::BAD_REQUEST, "query_invalid", wrong.body_text()))
            }
        }
    }
}

/// Reads a body as JSON; nothing and `null` stand for the request without any word.
fn body<T: DeserializeOwned + Default>(bytes: &[u8]) -> Result<T, ApiError> {
    if bytes.is_empty() {
        return Ok(T::default());
    }
    let read: Result<Option<T>, _> = serde_json::from_slice(bytes);
    read.map(Option::unwrap_or_default)
        .map_err(|error| ApiError::invalid(format!("the body cannot be used: {error}")))
}
