//! Whether a callback may be promised: the gate is asked about the moment named, before the word is
//! taken.

use axum::http::StatusCode;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::error::ApiError;
use super::held::{self, Gatehouse};
use super::{Desk, agents};
use crate::core::rules::RuleId;
use crate::store::{Standing, StoreError};
use crate::units::{CallId, Wall, Zone};

/// A callback that may not be promised: the gate would not let the call out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Forbidden {
    /// The rule that says no, by its id; that of the law where it is one.
    pub(crate) rule: String,
    /// The nearest moment at which it would, on the clock of the person called; `None` if no
    /// callback is possible.
    pub(crate) next: Option<String>,
    why: RuleId,
}

/// Why a callback is not promised.
#[derive(Debug)]
pub(crate) enum NoPromise {
    /// A rule forbids it.
    Forbidden(Forbidden),
    /// It could not be read or asked.
    Failed(ApiError),
}

impl From<NoPromise> for ApiError {
    fn from(why: NoPromise) -> Self {
        match why {
            NoPromise::Forbidden(forbidden) => forbidden.told(),
            NoPromise::Failed(error) => error,
        }
    }
}

impl From<ApiError> for NoPromise {
    fn from(error: ApiError) -> Self {
        Self::Failed(error)
    }
}

impl From<StoreError> for NoPromise {
    fn from(error: StoreError) -> Self {
        Self::Failed(error.into())
    }
}

/// Reads the moment of a callback, a time without offset being that of the person called, and
/// refuses one at which no call may be placed.
pub(crate) async fn callback_at(
    desk: &Desk,
    campaign: &str,
    call: CallId,
    text: &str,
) -> Result<Wall, NoPromise> {
    let row = desk.store.call(call).await?;
    let now = desk.clock.now().wall;
    let contact = row.as_ref().map(|row| row.contact);
    let standings = desk.store.standings(contact.as_slice(), now).await?;
    let Some((standing, row)) = standings.first().zip(row) else {
        return Ok(agents::moment("callback_at", text)?);
    };
    let numbers = &standing.lead.numbers;
    let zone = numbers.iter().find(|own| own.number == row.number).map(|own| &own.zone);
    let at = match zone.and_then(|zone| local(text, zone)) {
        Some(at) => at,
        None => agents::moment("callback_at", text)?,
    };
    allowed(desk, campaign, standing, at).await.map(|()| at)
}

/// Reads a local time of a zone.
fn local(text: &str, zone: &Zone) -> Option<Wall> {
    let local: DateTime = text.parse().ok()?;
    // One with an offset says itself when it is.
    let offset = text.parse::<jiff::Timestamp>().is_ok();
    let zone = TimeZone::get(zone.name()).ok().filter(|_| !offset)?;
    zone.to_timestamp(local).ok().map(Wall::from)
}

/// Refuses a moment that the gate would refuse, with the rule and the nearest one it would not.
async fn allowed(
    desk: &Desk,
    campaign: &str,
    standing: &Standing,
    at: Wall,
) -> Result<(), NoPromise> {
    let (campaign, row) = desk.campaign(campaign)?;
    let settings = held::settings(desk, campaign, row).await?;
    let now = desk.clock.now().wall;
    let snapshot = desk.handle.snapshot();
    let mut gate = Gatehouse::new(row, &settings, Vec::new(), (&snapshot, now));
    let Err((zone, refusal)) = gate.promise(standing, at.max(now)) else { return Ok(()) };
    let law = refusal.law.as_ref().map(|law| law.as_str());
    let next = gate.promised_next(standing, at.max(now));
    Err(NoPromise::Forbidden(Forbidden {
        rule: law.map_or_else(|| held::code(refusal.rule), str::to_owned),
        next: next.map(|next| shown(next, zone.as_ref())),
        why: refusal.rule,
    }))
}

impl Forbidden {
    /// Names the kind of the rule, as rules are printed.
    pub(crate) fn kind(&self) -> String {
        held::code(self.why)
    }

    /// Tells it to a program or its user.
    fn told(self) -> ApiError {
        let Self { rule, next, why } = self;
        let detail = match why {
            RuleId::Window => format!("callback_at: no call may ring then ({rule})"),
            RuleId::DoNotCall => "callback_at: the person is not to be called any more".to_owned(),
            RuleId::NoConsent | RuleId::ConsentExpired => {
                format!("callback_at: the law asks for a consent that holds then ({rule})")
            }
            RuleId::AttemptCap
            | RuleId::InvalidNumber
            | RuleId::PersonBusy
            | RuleId::Exhausted
            | RuleId::AgentAway
            | RuleId::RecallLock
            | RuleId::Refused
            | RuleId::CallerId
            | RuleId::NoMandate
            | RuleId::BannedSubject
            | RuleId::NoRoute => format!("callback_at: a rule forbids the call then ({rule})"),
        };
        let error = ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "callback_refused", detail);
        match next {
            Some(next) => error.hint(format!("the nearest moment is {next}")),
            None => error.hint("choose another disposition: no callback is possible"),
        }
    }
}

/// Writes a moment with the offset of a zone.
fn shown(at: Wall, zone: Option<&Zone>) -> String {
    let zone = zone.and_then(|zone| TimeZone::get(zone.name()).ok()).unwrap_or(TimeZone::UTC);
    at.timestamp().to_zoned(zone).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
}
