//! What no signature covers: found when a database is opened, told in the chain, and judged.
//!
//! A commit signs every thousandth record and a running engine each minute, so that a crash leaves
//! little unsigned. Whoever deletes signatures and hashes anew what they covered leaves more, or
//! has little to forge; the next engine signs either, and says of which records it did not know
//! who wrote them.

use serde_json::{Value, json};

use super::super::StoreError;
use super::super::backend::{Db, both, statements};
use super::super::proof::Signer;
use super::chain::{Head, signed_text};
use super::verify::page;
use super::{AuditRecord, Kind};
use crate::units::Span;

/// Records that may follow a signature without another.
pub(super) const RECORDS_MAX: i64 = 1_000;

/// How long what a crash leaves unsigned may have taken: some of the minutes after each of which an
/// engine signs, for a database that was away meanwhile.
const SPAN_MAX: Span = Span::secs(300);

/// Kinds that may be written down long after they happened: an import tells when it began, and a
/// start tells of calls that a crash cut.
const LATE: [Kind; 2] = [Kind::Consent, Kind::End];

statements! {
    END = both(
        "select coalesce((select max(seq) from audit), 0),
           coalesce((select hash from audit order by seq desc limit 1), '')",
    );
    SIGNED = both(
        "select h.seq, h.signature, coalesce(a.hash, '')
         from audit_head h left join audit a on a.seq = h.seq
         where h.seq < $1 order by h.seq desc limit 1",
    );
}

/// Records behind the last signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tail {
    /// The first of them.
    pub first: i64,
    /// The last; the one before the first if there are none.
    pub last: i64,
    /// When the earliest and the latest of those happened that are written down at once, in
    /// microseconds since 1970.
    pub span: Option<(i64, i64)>,
}

impl Tail {
    /// Begins behind a signature.
    pub(super) const fn after(signed: i64) -> Self {
        Self { first: signed.saturating_add(1), last: signed, span: None }
    }

    /// Takes the next record.
    pub(super) fn take(&mut self, record: &AuditRecord) {
        self.last = record.seq;
        if LATE.iter().all(|kind| kind.name() != record.kind) {
            let (since, until) = self.span.unwrap_or((record.at, record.at));
            self.span = Some((since.min(record.at), until.max(record.at)));
        }
    }

    /// Gives how many records it has.
    #[must_use]
    pub fn records(&self) -> i64 {
        self.last.saturating_sub(self.first).saturating_add(1)
    }

    /// Tells whether a crash may leave as much.
    #[must_use]
    pub fn is_of_a_crash(&self) -> bool {
        let lasted = self.span.map_or(0, |(since, until)| until.saturating_sub(since));
        self.records() <= RECORDS_MAX && lasted <= SPAN_MAX.as_micros().cast_signed()
    }

    /// Tells that an engine found it, as the record of it does.
    pub(super) fn said(&self) -> Value {
        let (since, until) = self.span.unzip();
        json!({ "first": self.first, "last": self.last, "since": since, "until": until })
    }

    /// Reads such a record.
    pub(super) fn read(said: &str) -> Option<Self> {
        let said: Value = serde_json::from_str(said).ok()?;
        let whole = |key: &str| said.get(key).and_then(Value::as_i64);
        let span = whole("since").zip(whole("until"));
        Some(Self { first: whole("first")?, last: whole("last")?, span })
    }
}

/// Gives the place and the hash of the last record.
pub(super) async fn end(db: &mut Db<'_>) -> Result<(i64, String), StoreError> {
    let row = END.query().fetch_one(db).await?;
    Ok((row.try_get(0)?, row.try_get(1)?))
}

/// Finds where a chain ends that somebody else wrote last, and what of it is not signed. A
/// signature that is not right is none.
pub(super) async fn find(db: &mut Db<'_>, signer: &Signer) -> Result<Head, StoreError> {
    let (seq, hash) = end(db).await?;
    let (mut before, mut signed) = (i64::MAX, 0);
    while let Some(row) = SIGNED.bind(before).fetch_optional(db).await? {
        before = row.try_get(0)?;
        let (signature, hash) = (row.try_get::<String>(1)?, row.try_get::<String>(2)?);
        if signer.signed(signed_text(before, &hash).as_bytes(), &signature) {
            signed = before;
            break;
        }
    }
    let mut tail = Tail::after(signed);
    // A page has more than a crash leaves.
    page(db, signed).await?.iter().for_each(|record| tail.take(record));
    tail.last = seq;
    Ok(Head { seq, hash, signed, found: (signed < seq).then_some(tail) })
}

/// Says in the log what was found.
pub(super) fn warn(tail: &Tail) {
    let Tail { first, last, span: _ } = tail;
    if tail.is_of_a_crash() {
        tracing::warn!(first, last, "records of the audit chain were not signed before a crash");
    } else {
        tracing::error!(
            first,
            last,
            "more of the audit chain is unsigned than a crash leaves: whoever can write to the \
             database may have rewritten it; see `cadran audit verify`"
        );
    }
}
