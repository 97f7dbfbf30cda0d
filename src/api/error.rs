//! Errors as RFC 9457 has them, each with a stable code and what to do.

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::Desk;
use super::types::Problem;
use crate::config::likeness::suggestion;
use crate::engine::handle::Refused;
use crate::store::{Fault, StoreError};
use crate::units::Wall;

/// Why a request was not done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub(crate) struct ApiError {
    status: StatusCode,
    code: &'static str,
    detail: String,
    hint: Option<String>,
}

/// What a request gives back.
pub(super) type Answer<T> = Result<axum::Json<T>, ApiError>;

impl ApiError {
    /// Makes an error.
    pub(crate) fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self { status, code, detail: detail.into(), hint: None }
    }

    /// Adds what to do.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Makes the error of a name nobody has, with the known name most like it.
    pub(super) fn unknown<'n>(
        what: &str,
        code: &'static str,
        name: &str,
        known: impl Iterator<Item = &'n str> + Clone,
    ) -> Self {
        let error = Self::new(StatusCode::NOT_FOUND, code, format!("no {what} {name:?}"));
        let hint = suggestion(name, known);
        error.hint(hint.unwrap_or_else(|| format!("there is no {what} at all yet")))
    }

    /// Makes the error of a request that wants the database while that is away.
    fn away(since: Option<Wall>) -> Self {
        let since = since.map(|since| since.timestamp().strftime("%Y-%m-%d %H:%M:%S UTC"));
        let detail = match since {
            Some(since) => format!(
                "the database has not answered since {since}: conversations go on, and no call is \
                 placed until it is back"
            ),
            None => "the database does not answer: conversations go on, and no call is placed \
                     until it is back"
                .to_owned(),
        };
        Self::new(StatusCode::SERVICE_UNAVAILABLE, DATABASE_AWAY, detail)
            .hint("`cadran doctor` says what keeps it; the engine need not be started again")
    }

    /// Gives the stable code.
    pub(crate) const fn code(&self) -> &'static str {
        self.code
    }

    /// Makes the error of a body or value that cannot be used.
    pub(crate) fn invalid(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "value_invalid", detail)
    }
}

/// The code of what cannot be told or done while the database is away.
const DATABASE_AWAY: &str = "database_away";

/// The code of what the engine does not take now.
const ENGINE_BUSY: &str = "engine_busy";

/// The code of the error a response tells.
#[derive(Clone, Copy, Debug)]
struct Told(&'static str);

/// Says of what failed for want of the database since when it is away, which only the engine knows.
pub(super) async fn since_when(State(desk): State<Desk>, response: Response) -> Response {
    let since = desk.handle.snapshot().store_away;
    match response.extensions().get::<Told>() {
        Some(Told(DATABASE_AWAY)) => ApiError::away(since).into_response(),
        Some(Told(ENGINE_BUSY)) if since.is_some() => ApiError::away(since).into_response(),
        Some(_) | None => response,
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let told = axum::Extension(Told(self.code));
        let problem = Problem {
            kind: "about:blank".to_owned(),
            title: self.status.canonical_reason().unwrap_or("Error").to_owned(),
            status: self.status.as_u16(),
            code: self.code.to_owned(),
            detail: self.detail,
            hint: self.hint,
        };
        let content = [(header::CONTENT_TYPE, "application/problem+json")];
        (self.status, told, content, axum::Json(problem)).into_response()
    }
}

impl From<Refused> for ApiError {
    fn from(refused: Refused) -> Self {
        let (status, code) = match &refused {
            Refused::Unknown(_) => (StatusCode::NOT_FOUND, "unknown"),
            Refused::WrongState(_) => (StatusCode::CONFLICT, "wrong_state"),
            Refused::NoTransfer(_) => (StatusCode::CONFLICT, "no_transfer"),
            Refused::NotTransferred(_) => (StatusCode::CONFLICT, "not_transferred"),
            Refused::Leaving => (StatusCode::CONFLICT, "engine_leaving"),
            Refused::Busy => (StatusCode::SERVICE_UNAVAILABLE, ENGINE_BUSY),
        };
        Self::new(status, code, refused.to_string())
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        if error.is_away() {
            return Self::away(None);
        }
        let (status, code) = match (error.fault(), error.again()) {
            (_, true) => (StatusCode::SERVICE_UNAVAILABLE, "store_busy"),
            (Fault::Caller, false) => (StatusCode::CONFLICT, "store_conflict"),
            (Fault::Operator | Fault::Us, false) => {
                tracing::error!(%error, "the store failed a request");
                (StatusCode::INTERNAL_SERVER_ERROR, "store")
            }
        };
        Self::new(status, code, error.to_string())
    }
}
