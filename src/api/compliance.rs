//! A campaign's compliance report: what was refused, wished and agreed, how many were abandoned,
//! and every attempt put to the gate once more.

use std::collections::{BTreeMap, BTreeSet};

use axum::extract::State;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};
use serde::{Deserialize, Serialize};

use super::error::{Answer, ApiError};
use super::held::{self, code};
use super::{Desk, Search};
use crate::core::campaign::Settings;
use crate::core::rules::RuleId;
use crate::core::rules::inquiry::Inquiry;
use crate::store::CampaignRow;
use crate::units::{CallId, Span, Wall};

/// Attempts put to the gate once more at most: some seconds of work.
const ASKED_MAX: u64 = 200_000;

/// Calls named of each rule that some of them stand against.
const NAMED_MAX: usize = 20;

/// Days of one report: a year.
const DAYS_MAX: i64 = 366;

/// Days a report covers unless it is told: as many as attempts are counted over in France (FR-6).
const DAYS: i64 = 30;

/// The query of `GET /v1/reports/compliance`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ComplianceQuery {
    campaign: String,
    /// From when, RFC 3339; thirty days ago unless told.
    since: Option<String>,
    /// Until when, excluded; now unless told.
    until: Option<String>,
}

/// What is told of a campaign to whoever asks whether it kept the law.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ComplianceReport {
    /// The campaign.
    pub campaign: String,
    /// The client company it calls for.
    pub client: String,
    /// From when, included.
    pub from: String,
    /// Until when, excluded.
    pub to: String,
    /// Attempts.
    pub attempts: u64,
    /// Numbers tried.
    pub numbers: u64,
    /// Most attempts at one number.
    pub attempts_of_one: u64,
    /// What the gate refused, the most frequent first.
    pub refused: Vec<RefusedBy>,
    /// How many answered, and were abandoned.
    pub abandoned: AbandonedShare,
    /// Do-not-call wishes noted, by their reason.
    pub wishes: BTreeMap<String, u64>,
    /// Rights to call recorded for the client, by their basis.
    pub rights: BTreeMap<String, u64>,
    /// Withdrawals of them.
    pub withdrawals: u64,
    /// What the gate says of the attempts when it is asked again.
    pub asked_again: AskedAgain,
}

/// A rule and how often it refused.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedBy {
    /// The rule.
    pub rule: String,
    /// The rule of law behind it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub law: Option<String>,
    /// How often.
    pub times: u64,
    /// To how many contacts.
    pub contacts: u64,
}

/// The share of those who answered whom nobody was there for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AbandonedShare {
    /// Calls answered by people.
    pub humans: u64,
    /// Of them, those abandoned.
    pub abandoned: u64,
    /// Their share; `None` if nobody answered.
    pub ratio: Option<f64>,
    /// The greatest share that is allowed.
    pub cap: f64,
    /// Calendar days above it.
    pub days_over: u64,
    /// The day with the greatest share, if anybody was abandoned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worst_day: Option<WorstDay>,
}

/// The day with the greatest share of abandoned persons.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct WorstDay {
    /// The day.
    pub day: String,
    /// Calls answered by people.
    pub humans: u64,
    /// Of them, those abandoned.
    pub abandoned: u64,
    /// Their share.
    pub ratio: f64,
}

/// What the gate says of attempts by the rules as they are now and what is recorded now of the
/// moment of each.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AskedAgain {
    /// Attempts it was asked about.
    pub attempts: u64,
    /// Attempts whose contact was erased since.
    pub erased: u64,
    /// Attempts it was not asked about: there are too many.
    pub unasked: u64,
    /// The rules it would refuse some of them by, the most frequent first.
    pub against: Vec<Against>,
}

/// A rule some attempts stand against.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Against {
    /// The rule.
    pub rule: String,
    /// The rule of law behind it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub law: Option<String>,
    /// How many attempts.
    pub attempts: u64,
    /// The first of them.
    pub calls: Vec<u64>,
}

/// `GET /v1/reports/compliance`.
pub(super) async fn report(
    State(desk): State<Desk>,
    Search(query): Search<ComplianceQuery>,
) -> Answer<ComplianceReport> {
    let (campaign, row) = desk.campaign(&query.campaign)?;
    let (from, to) = query.period(desk.clock.now().wall)?;
    let settings = held::settings(&desk, campaign, row).await?;
    let counted = desk.store.compliance(row.id, (from, to)).await?;
    let refused = counted.refused.into_iter();
    let refused =
        refused.map(|(rule, law, times, contacts)| RefusedBy { rule, law, times, contacts });
    Ok(axum::Json(ComplianceReport {
        campaign: row.name.clone(),
        client: campaign.client.clone(),
        from: from.to_string(),
        to: to.to_string(),
        attempts: counted.attempts,
        numbers: counted.numbers,
        attempts_of_one: counted.attempts_of_one,
        refused: refused.collect(),
        abandoned: abandoned(&desk, row, &settings, (from, to)).await?,
        wishes: counted.wishes,
        rights: counted.rights,
        withdrawals: counted.withdrawals,
        asked_again: asked_again(&desk, row, &settings, (from, to), counted.attempts).await?,
    }))
}

impl ComplianceQuery {
    fn period(&self, now: Wall) -> Result<(Wall, Wall), ApiError> {
        let day = |days: i64| Span::secs(86_400).times(days.unsigned_abs());
        let to = moment(self.until.as_deref())?.map_or(now, |to| to.min(now));
        let from = moment(self.since.as_deref())?.unwrap_or_else(|| to - day(DAYS));
        if from >= to {
            return Err(ApiError::invalid(
                "the report ends before it begins, or lies ahead".to_owned(),
            ));
        }
        if to.since(from) > day(DAYS_MAX) {
            let detail = format!("a report covers at most {DAYS_MAX} days");
            return Err(ApiError::invalid(detail));
        }
        Ok((from, to))
    }
}

/// Reads a moment of a query.
pub(super) fn moment(text: Option<&str>) -> Result<Option<Wall>, ApiError> {
    let read = text.map(|text| {
        text.parse::<Timestamp>().map(Wall::from).map_err(|_| {
            ApiError::invalid(format!("{text:?} is no moment: write it as 2026-01-31T09:00:00Z"))
        })
    });
    read.transpose()
}

/// Counts who was abandoned, in all and by calendar days.
async fn abandoned(
    desk: &Desk,
    row: &CampaignRow,
    settings: &Settings,
    (from, to): (Wall, Wall),
) -> Result<AbandonedShare, ApiError> {
    let mut whole = AbandonedShare { cap: settings.abandon.cap.get(), ..AbandonedShare::default() };
    let zone = TimeZone::get(settings.account.zone.name()).unwrap_or(TimeZone::UTC);
    let mut begins = from;
    while begins < to {
        let local = begins.timestamp().to_zoned(zone.clone());
        let midnight = local.date().checked_add(1.day()).and_then(|day| day.to_zoned(zone.clone()));
        let ends = midnight.map_or(to, |midnight| Wall::from(midnight.timestamp())).min(to);
        let day = desk.store.answers(row.id, (begins, ends)).await?;
        whole.humans += day.humans;
        whole.abandoned += day.abandoned;
        if let Some(ratio) = share(day.abandoned, day.humans) {
            whole.days_over += u64::from(ratio > whole.cap);
            let worst = whole.worst_day.as_ref().map_or(0.0, |worst| worst.ratio);
            if ratio > worst {
                let day = WorstDay {
                    day: local.date().to_string(),
                    humans: day.humans,
                    abandoned: day.abandoned,
                    ratio,
                };
                whole.worst_day = Some(day);
            }
        }
        begins = ends;
    }
    whole.ratio = share(whole.abandoned, whole.humans);
    Ok(whole)
}

/// Puts every attempt to the gate once more, each as of its own moment.
async fn asked_again(
    desk: &Desk,
    row: &CampaignRow,
    settings: &Settings,
    (from, to): (Wall, Wall),
    attempts: u64,
) -> Result<AskedAgain, ApiError> {
    let mut gate = Inquiry::new(row.id, settings, []);
    let mut told = AskedAgain::default();
    let mut against: BTreeMap<(RuleId, Option<String>), (u64, Vec<CallId>)> = BTreeMap::new();
    let mut last = (from, CallId(0));
    while told.attempts + told.erased < ASKED_MAX {
        let page = desk.store.asked_again(row.id, last, to).await?;
        let Some(end) = page.last() else { break };
        last = (end.at, end.call);
        for tried in page {
            let Some(number) = &tried.number else {
                told.erased += 1;
                continue;
            };
            told.attempts += 1;
            let refusals = gate.refusals(number, tried.at).into_iter();
            let rules = refusals.map(|one| (one.rule, one.law.map(|law| law.as_str().to_owned())));
            for rule in rules.collect::<BTreeSet<_>>() {
                let (count, calls) = against.entry(rule).or_default();
                *count += 1;
                if calls.len() < NAMED_MAX {
                    calls.push(tried.call);
                }
            }
        }
    }
    told.unasked = attempts.saturating_sub(told.attempts + told.erased);
    told.against = against
        .into_iter()
        .map(|((rule, law), (attempts, calls))| Against {
            rule: code(rule),
            law,
            attempts,
            calls: calls.into_iter().map(|call| call.0).collect(),
        })
        .collect();
    told.against.sort_by_key(|one| core::cmp::Reverse(one.attempts));
    Ok(told)
}

#[expect(clippy::cast_precision_loss, reason = "calls are counted in millions at most")]
fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}
