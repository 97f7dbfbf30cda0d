//! Trunks: their load, and test calls.

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;

use super::error::{Answer, ApiError};
use super::quality::{Hour, Unsigned};
use super::{Desk, body, types};
use crate::config::Trunk;
use crate::core::floor::TrunkFloor;
use crate::core::quality::RECORD;
use crate::engine::handle::{Ask, Reply, Snapshot, TestCall, TrunkHealth, TrunkReport};
use crate::engine::quality::falls;
use crate::units::Number;

/// `GET /v1/trunks`.
pub(super) async fn list(State(desk): State<Desk>) -> Answer<Vec<types::Trunk>> {
    let snapshot = desk.handle.snapshot();
    let now = snapshot.now.mono;
    let wall = desk.clock.now().wall;
    let kept = desk.store.trunk_hours(wall - RECORD).await?;
    let falls = falls(&kept, wall);
    let view = |(id, trunk): (_, &Trunk)| {
        let floor = snapshot.floor.trunks.iter().find(|floor| floor.trunk == id);
        let health = snapshot.trunks.get(&id);
        let (state, why) = condition(trunk, health, floor, &snapshot);
        let since = health.map(|health| health.since.to_string());
        let ailment = health.and_then(|health| health.ailment).filter(|_| state != RESTING);
        let refusal = ailment.and_then(|ailment| ailment.refusal());
        let again = refusal.map(|refusal| refusal.again).filter(|again| *again > now);
        types::Trunk {
            name: trunk.name.clone(),
            host: trunk.host.to_string(),
            up: floor.is_some_and(|floor| floor.up),
            state: state.to_owned(),
            why: why.map(str::to_owned),
            cause: ailment.and_then(|ailment| ailment.cause()).map(str::to_owned),
            status: refusal.map(|refusal| refusal.status),
            again_s: again.map(|again| again.since(now).as_secs_f64()),
            since: since.filter(|_| state != RESTING),
            busy: floor.map_or(0, |floor| floor.busy),
            channels: trunk.channels,
            calls_per_second: trunk.calls_per_second,
            rests_s: floor
                .and_then(|floor| floor.rest)
                .map(|rest| rest.until.since(now).as_secs_f64()),
            hour: kept
                .iter()
                .find(|hour| hour.trunk == id && hour.at == wall.hour())
                .map(Hour::from),
            fall: falls.get(&id).copied(),
            unsigned: snapshot.unsigned.get(&id).map(|unsigned| Unsigned {
                status: unsigned.status,
                at: unsigned.at.to_string(),
                calls: unsigned.calls,
            }),
        }
    };
    Ok(axum::Json(desk.trunks().await?.into_iter().map(view).collect()))
}

/// The state of a trunk that is left alone for a while.
const RESTING: &str = "resting";

/// Tells how a trunk is, and why it is not up.
fn condition(
    trunk: &Trunk,
    health: Option<&TrunkHealth>,
    floor: Option<&TrunkFloor>,
    snapshot: &Snapshot,
) -> (&'static str, Option<&'static str>) {
    let asked = trunk.options_every.is_some() || trunk.extensions.register.is_some();
    let told = health.map_or(("unheard", None), |health| {
        let unasked = Some("unasked").filter(|_| !asked);
        (health.state.name(), health.ailment.map(|ailment| ailment.name()).or(unasked))
    });
    match floor {
        Some(floor) if floor.rest.is_some() => (RESTING, Some("faults")),
        Some(floor) if !floor.up && told.0 != "down" => {
            (RESTING, Some(if snapshot.store_fails { "database" } else { "spared" }))
        }
        Some(_) | None => told,
    }
}

/// `POST /v1/trunks/{name}/test`: places one call and says how it went.
pub(super) async fn test(
    State(desk): State<Desk>,
    Path(name): Path<String>,
    bytes: Bytes,
) -> Answer<TrunkReport> {
    let request: types::TrunkTest = body(&bytes)?;
    let number = |key: &str, text: &str| {
        Number::new(text).map_err(|error| {
            ApiError::invalid(format!("{key}: {error}")).hint("write +33972101010")
        })
    };
    let from = request.from.as_deref().map(|from| number("from", from)).transpose()?;
    let call = TestCall { to: number("to", &request.to)?, from, echo: request.echo };
    let (id, _) = desk.trunk(&name).await?;
    match desk.handle.ask(Ask::TestTrunk(id, call)).await? {
        Reply::Tested(report) => Ok(axum::Json(*report)),
        Reply::Done | Reply::Answer(_) => {
            let detail = "the engine gave no report of the test call";
            Err(ApiError::new(StatusCode::BAD_GATEWAY, "trunk_untested", detail))
        }
    }
}
