//! The particulars of each kind of record: what `verify` finds again in the rows.
//!
//! Keys are sorted as `serde_json` sorts them; those that no row holds come last (`why`) or first
//! (`class`), so that the row's own part is one piece of text.

use serde_json::{Value, json};

use super::super::text::{some_at, word};
use crate::core::order::{Closed, Opened, RuleRefusal};
use crate::core::rules::law::LawId;

/// Tells an attempt on behalf of a client company; `visible` is a fingerprint of the number that is
/// shown.
pub(in crate::store) fn attempt(record: &Opened, client: u32, visible: Option<String>) -> Value {
    json!({
        "attempt": record.attempt,
        "caller_id": record.caller_id,
        "campaign": record.campaign,
        "client": client,
        "contact": record.contact,
        "number": record.number,
        "person": record.person,
        "trunk": record.trunk,
        "visible": visible,
        "why": record.receipt,
    })
}

/// Tells whether the record of an attempt has such a fingerprint.
pub(super) fn shows(attempt: &str, visible: Option<String>) -> bool {
    let shown = format!("{},\"why\":", json!(visible));
    attempt.split_once("\"visible\":").is_some_and(|(_, rest)| rest.starts_with(&shown))
}

/// The same of its row, up to `visible`.
macro_rules! attempt_row {
    () => {
        "'{\"attempt\":' || t.attempt || ',\"caller_id\":' || t.caller_id
           || ',\"campaign\":' || t.campaign_id || ',\"client\":' || t.client_id
           || ',\"contact\":' || t.contact_id || ',\"number\":' || t.number_id
           || ',\"person\":' || t.person_id || ',\"trunk\":' || t.trunk_id || ',\"visible\":'"
    };
}
pub(super) use attempt_row;

/// Tells the end of an attempt.
pub(in crate::store) fn end(record: &Closed) -> Value {
    json!({
        "answered": some_at(record.answered),
        "bridged": some_at(record.bridged),
        "cause": record.cause,
        "ended_by": word(&record.ended_by),
        "forced": record.forced,
        "heard": record.heard.map(|heard| word(&heard.what)),
        "outcome": word(&record.outcome),
        "ringing": some_at(record.ringing),
    })
}

/// The same of its row.
macro_rules! end_row {
    () => {
        "'{\"answered\":' || coalesce(cast(t.answered_at as text), 'null')
           || ',\"bridged\":' || coalesce(cast(t.bridged_at as text), 'null')
           || ',\"cause\":' || t.cause
           || ',\"ended_by\":\"' || t.ended_by
           || '\",\"forced\":'
           || replace(replace(cast(t.forced as text), '1', 'true'), '0', 'false')
           || ',\"heard\":' || coalesce('\"' || t.heard || '\"', 'null')
           || ',\"outcome\":\"' || t.outcome
           || '\",\"ringing\":' || coalesce(cast(t.ringing_at as text), 'null') || '}'"
    };
}
pub(super) use end_row;

/// Tells what an agent said of a call.
pub(in crate::store) fn disposition(code: &str, class: Option<&str>, wrong_number: bool) -> Value {
    json!({ "class": class, "code": code, "wrong_number": wrong_number })
}

/// The same of its row, from `code` on.
macro_rules! disposition_row {
    () => {
        "',\"code\":\"' || t.disposition_code
           || '\",\"wrong_number\":'
           || replace(replace(cast(t.wrong_number as text), '1', 'true'), '0', 'false')
           || '}'"
    };
}
pub(super) use disposition_row;

/// Tells a refusal of a contact.
pub(in crate::store) fn refusal(record: &RuleRefusal) -> Value {
    json!({
        "campaign": record.campaign,
        "law": record.refusal.law.as_ref().map(LawId::as_str),
        "number": record.number,
        "rule": word(&record.refusal.rule),
        "stage": word(&record.stage),
        "until": some_at(record.refusal.until),
        "why": record.receipt,
    })
}

/// The same of its row, up to `why`.
macro_rules! refusal_row {
    () => {
        "'{\"campaign\":' || r.campaign_id
           || ',\"law\":' || coalesce('\"' || r.law || '\"', 'null')
           || ',\"number\":' || r.number_id || ',\"rule\":\"' || r.rule
           || '\",\"stage\":\"' || r.stage
           || '\",\"until\":' || coalesce(cast(r.until_at as text), 'null') || ',\"why\":'"
    };
}
pub(super) use refusal_row;

/// A right to call, as its row and its record have it.
pub(in crate::store) struct Consent<'a> {
    pub(in crate::store) client: i64,
    pub(in crate::store) person: i64,
    pub(in crate::store) basis: &'a str,
    pub(in crate::store) obtained: Option<i64>,
    pub(in crate::store) expires: Option<i64>,
    /// `true` or `false`.
    pub(in crate::store) out_of_hours: &'a str,
    /// Source, proof, list, its line, scope, contract and object, of which a fingerprint is kept.
    pub(in crate::store) words: [Option<&'a str>; 7],
}

impl Consent<'_> {
    /// Tells it; `of_words` makes fingerprints.
    pub(in crate::store) fn said(&self, of_words: impl Fn(&str) -> String) -> Value {
        json!({
            "basis": self.basis,
            "client": self.client,
            "expires": self.expires,
            "obtained": self.obtained,
            "out_of_hours": self.out_of_hours,
            "person": self.person,
            "words": of_words(&json!(self.words).to_string()),
        })
    }
}

/// Tells that rights of a client company were taken back; `words` is a fingerprint of where.
pub(in crate::store) fn withdrawal(client: i64, words: String) -> Value {
    json!({ "client": client, "words": words })
}

/// Tells a wish not to be called; `words` is a fingerprint of why and where.
pub(in crate::store) fn wish((reach, id): (&str, i64), until: Option<i64>, words: String) -> Value {
    json!({ "reach": reach, "reach_id": id, "until": until, "words": words })
}

/// Gives the words of a wish.
pub(in crate::store) fn wish_words(reason: &str, source: &str) -> String {
    json!([reason, source]).to_string()
}

/// Tells that a wish was ended which stood since then.
pub(in crate::store) fn wish_end((reach, id): (&str, i64), since: i64, words: String) -> Value {
    json!({ "reach": reach, "reach_id": id, "since": since, "words": words })
}

/// Tells that a person was erased, with these contacts.
pub(in crate::store) fn erased(contacts: &[i64]) -> Value {
    json!({ "contacts": contacts })
}

/// Tells that the proof of a right was forgotten.
pub(in crate::store) fn forgotten_proof() -> Value {
    json!({ "what": "consent" })
}

/// Tells that a campaign's refusals before a moment were forgotten.
pub(in crate::store) fn forgotten_refusals(before: i64) -> Value {
    json!({ "before": before, "what": "refusals" })
}
