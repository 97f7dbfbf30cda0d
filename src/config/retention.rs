//! `[retention]`: how long each kind of data is kept.

use std::ops::RangeInclusive;

use super::reader::Fields;
use crate::core::pacing::prior;
use crate::units::Span;

/// A day, the shortest that anything is kept: what is written may be looked at once.
const DAY: Span = Span::secs(86_400);

/// The longest that can be written: a century of the units, less its leap days.
const LONGEST: Span = Span::secs(36_500 * 86_400);

/// As many years, leap days included.
const fn years(count: u64) -> Span {
    Span::secs(count * 366 * 86_400)
}

/// How long each kind of data is kept; a job forgets it then, once a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Contacts, after their list came, they were last spoken to or gave a right to call; three
    /// years (FR-18).
    pub contacts: Span,
    /// Proofs of consents, after the right ended and was last used; three years (FR-3).
    pub proofs: Span,
    /// The same of persons in Germany; five years (UWG §7a).
    pub german_proofs: Span,
    /// Notes, appointments and changed fields of calls; three years, as the contact they are about.
    pub details: Span,
    /// Webhook events that were delivered or given up; thirty days, by judgement: long enough to
    /// send them again.
    pub webhooks: Span,
    /// Refusals by rules; five years, the longest time records of calls are asked for (16 CFR
    /// 310.5).
    pub refusals: Span,
    /// Decisions of the pacers; as long as what they had learnt.
    pub decisions: Span,
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            contacts: years(3),
            proofs: years(3),
            german_proofs: years(5),
            details: years(3),
            webhooks: DAY.times(30),
            refusals: years(5),
            decisions: prior::KEPT,
        }
    }
}

impl Retention {
    /// Reads the `[retention]` table.
    pub(super) fn of(root: &Fields<'_, '_>) -> Self {
        let usual = Self::default();
        let Some(fields) = root.table("retention") else { return usual };
        let any = DAY..=LONGEST;
        let span = |key, usual, limits: &RangeInclusive<Span>| {
            fields.or(key, usual, |value| value.span_in(limits.clone()))
        };
        // Whoever has to prove a consent has to for that long at least.
        let proved = |least| least..=LONGEST;
        let kept = Self {
            contacts: span("contacts", usual.contacts, &any),
            proofs: span("proofs", usual.proofs, &proved(usual.proofs)),
            german_proofs: span("german_proofs", usual.german_proofs, &proved(usual.german_proofs)),
            details: span("details", usual.details, &any),
            webhooks: span("webhooks", usual.webhooks, &any),
            refusals: span("refusals", usual.refusals, &any),
            decisions: span("decisions", usual.decisions, &any),
        };
        fields.finish();
        kept
    }
}
