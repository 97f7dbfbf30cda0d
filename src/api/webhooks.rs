//! Webhooks: deliveries, and test events.

use axum::body::Bytes;
use axum::extract::State;
use serde::Deserialize;

use super::error::Answer;
use super::{Desk, Search, body, campaigns, types};
use crate::store::{EventRow, NewEvent, PAGE_MAX};

/// The query of `GET /v1/webhooks/deliveries`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DeliveriesQuery {
    #[serde(default)]
    waiting: bool,
    #[serde(default = "fifty")]
    limit: u32,
}

fn fifty() -> u32 {
    50
}

/// `GET /v1/webhooks/deliveries`: newest first.
pub(super) async fn deliveries(
    State(desk): State<Desk>,
    Search(query): Search<DeliveriesQuery>,
) -> Answer<Vec<types::Delivery>> {
    let limit = query.limit.clamp(1, PAGE_MAX);
    let events = desk.store.events(None, query.waiting, limit).await?;
    Ok(axum::Json(events.into_iter().map(view).collect()))
}

/// `POST /v1/webhooks/test`: puts a `webhook.test` event into the campaign's outbox.
pub(super) async fn test(State(desk): State<Desk>, bytes: Bytes) -> Answer<types::Delivery> {
    let request: types::WebhookTest = body(&bytes)?;
    let (_, row) = desk.campaign(&request.campaign)?;
    let endpoint = row.endpoint.clone().ok_or_else(|| {
        let detail = format!("campaign {:?} has no webhook", request.campaign);
        let hint = "add [webhook] with url and secret_file to its file or to cadran.toml";
        campaigns::not_configured("webhook_missing", detail, hint)
    })?;
    let now = desk.clock.now().wall;
    let told = serde_json::json!({
        "type": "webhook.test",
        "timestamp": now.to_string(),
        "data": { "campaign": request.campaign },
    });
    let event = NewEvent {
        id: format!("test-{}-{}", desk.config.node, now.as_micros()),
        endpoint,
        kind: "webhook.test".to_owned(),
        body: told.to_string(),
        created: now,
    };
    desk.store.add_event(&event).await?;
    Ok(axum::Json(types::Delivery {
        event: event.id,
        endpoint: event.endpoint,
        kind: event.kind,
        created_at: now.to_string(),
        tries: 0,
        next_try_at: Some(now.to_string()),
        delivered_at: None,
        status: None,
        error: None,
    }))
}

fn view(event: EventRow) -> types::Delivery {
    types::Delivery {
        event: event.id,
        endpoint: event.endpoint,
        kind: event.kind,
        created_at: event.created.to_string(),
        tries: event.tries,
        next_try_at: event.next_try.map(|at| at.to_string()),
        delivered_at: event.delivered.map(|at| at.to_string()),
        status: event.status,
        error: event.error,
    }
}
