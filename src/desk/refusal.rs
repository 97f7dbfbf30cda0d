//! Why a request at the desk is not done: the shape of the API's problems.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::de::DeserializeOwned;

use crate::api::types::Problem;
use crate::store::StoreError;
use crate::units::Span;

/// Why a request was not done. Pages say it in their own words, by its code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    status: StatusCode,
    code: &'static str,
    detail: &'static str,
    wait: Option<Span>,
}

impl Refusal {
    /// Makes one.
    pub(super) const fn new(status: StatusCode, code: &'static str, detail: &'static str) -> Self {
        Self { status, code, detail, wait: None }
    }

    /// Makes that of a value that cannot be used.
    pub(super) const fn invalid(detail: &'static str) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "value_invalid", detail)
    }

    /// Makes that of whoever tried too often.
    pub(super) const fn later(wait: Span) -> Self {
        let detail = "too many tries: wait before the next one";
        Self {
            wait: Some(wait),
            ..Self::new(StatusCode::TOO_MANY_REQUESTS, "too_many_tries", detail)
        }
    }

    /// Makes that of work there is no room for.
    pub(super) const fn busy() -> Self {
        let detail = "too many people sign in at this moment: try again";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "busy", detail)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let problem = Problem {
            kind: "about:blank".to_owned(),
            title: self.status.canonical_reason().unwrap_or("Error").to_owned(),
            status: self.status.as_u16(),
            code: self.code.to_owned(),
            detail: self.detail.to_owned(),
            hint: None,
        };
        let content = [(header::CONTENT_TYPE, "application/problem+json")];
        let mut response = (self.status, content, Json(problem)).into_response();
        if let Some(wait) = self.wait {
            let seconds = HeaderValue::from(wait.as_micros().div_ceil(1_000_000));
            response.headers_mut().insert(header::RETRY_AFTER, seconds);
        }
        response
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        tracing::warn!(%error, "the store failed the desk");
        let detail = "the database does not answer: conversations go on, try again soon";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "database_away", detail)
    }
}

/// Reads a body as JSON.
pub(super) fn body<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Refusal> {
    serde_json::from_slice(bytes).map_err(|_| Refusal::invalid("the body cannot be used"))
}
