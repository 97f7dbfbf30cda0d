//! Rows that no record of the chain speaks of.

use std::collections::BTreeMap;

use super::super::StoreError;
use super::super::backend::{Db, both, statements};
use super::check::{Flaw, Verdict};
use super::{AuditRecord, Kind};

/// Rows without a record told at most, of each kind.
const UNTOLD_MAX: u32 = 100;

/// Declares the kinds that have a row each, by the table with the column of the record's subject
/// and that of its moment.
macro_rules! rows {
    ($($kind:ident $name:literal in $table:literal by $key:literal at $at:literal;)+) => {
        /// The kinds with their tables, in the order of `COUNTS`.
        const ROWS: &[(Kind, &str)] = &[$((Kind::$kind, $table)),+];

        statements! {
            COUNTS = both(concat!(
                "select 0",
                $(", (select count(*) from ", $table, " where ", $at, " >= $1)"),+
            ));
            UNTOLD = both(concat!(
                "select '' as kind, 0 as id where false",
                $(
                    " union all select * from (select '", $name, "' as kind, t.", $key, " as id
                        from ", $table, " t where t.", $at, " >= $1 and not exists
                          (select 1 from audit a where a.kind = '", $name, "'
                           and a.subject = t.", $key, " and a.at = t.", $at, ") limit $2) of_kind"
                ),+
            ));
        }
    };
}

rows! {
    Attempt "attempt" in "attempt" by "call_id" at "opened_at";
    End "end" in "attempt" by "call_id" at "ended_at";
    Disposition "disposition" in "attempt" by "call_id" at "qualified_at";
    Refusal "refusal" in "rule_refusal" by "contact_id" at "at";
    Consent "consent" in "consent" by "id" at "recorded_at";
    Withdrawal "withdrawal" in "consent_withdrawal" by "person_id" at "at";
    Wish "wish" in "do_not_call" by "person_id" at "at";
}

/// Records whose rows were found, since the chain began, so that rows are looked for one by one
/// only where there are more of them.
#[derive(Default)]
pub(super) struct Counted {
    /// When the first engine with a chain started: what it mended before may be older than rows of
    /// before the chain.
    since: Option<i64>,
    started: bool,
    kinds: BTreeMap<String, i64>,
}

impl Counted {
    /// Takes a record; `kept` tells whether it has a row that says the same.
    pub(super) fn take(&mut self, record: &AuditRecord, kept: bool) {
        if !self.started && record.kind == Kind::Started.name() {
            (self.started, self.since) = (true, Some(record.at));
            self.kinds.clear();
        }
        let since = *self.since.get_or_insert(record.at);
        if kept && record.at >= since {
            *self.kinds.entry(record.kind.clone()).or_default() += 1;
        }
    }

    /// Gives how many rows of a kind are told of. The row of a wish that was ended is that of its
    /// end.
    fn of(&self, kind: Kind) -> i64 {
        let of = |kind: Kind| self.kinds.get(kind.name()).copied().unwrap_or_default();
        of(kind) + if kind == Kind::Wish { of(Kind::WishEnd) } else { 0 }
    }

    /// Finds the rows that came after the chain began and that no record speaks of.
    pub(super) async fn untold(
        &self,
        db: &mut Db<'_>,
        verdict: &mut Verdict,
    ) -> Result<(), StoreError> {
        let Some(since) = self.since else { return Ok(()) };
        let row = COUNTS.bind(since).fetch_one(db).await?;
        let mut more = false;
        for (place, (kind, _)) in ROWS.iter().enumerate() {
            more |= row.try_get::<i64>(place + 1)? > self.of(*kind);
        }
        if !more {
            return Ok(());
        }
        for row in UNTOLD.bind(since).bind(UNTOLD_MAX).fetch_all(db).await? {
            let name: String = row.try_get(0)?;
            let of = ROWS.iter().find(|(kind, _)| kind.name() == name);
            let table = of.map_or("", |(_, table)| table);
            verdict.fault(verdict.last, Flaw::Untold(table, row.try_get(1)?));
        }
        Ok(())
    }
}
