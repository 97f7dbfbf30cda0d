//! The chain of a database against itself and against the rows it speaks of.

use std::collections::BTreeMap;

use serde_json::Value;

use super::super::StoreError;
use super::super::backend::{Db, Row, Sql, both, statements};
use super::check::{Flaw, Verdict, Walk};
use super::said::{self, attempt_row, disposition_row, end_row, refusal_row};
use super::{AuditRecord, Auditor, Kind, record};

/// Records read at once.
pub(super) const PAGE: u32 = 5_000;

/// Rows without a record told at most, of each table.
const UNTOLD_MAX: u32 = 100;

/// Whether a row that fits its record by its keys says a text somewhere in what the record says.
macro_rules! says {
    ($row:expr, $from:literal, $how:literal) => {
        concat!(
            "exists (select 1 from (select ",
            $row,
            " as said from ",
            $from,
            ") w where ",
            $how,
            ")"
        )
    };
}

statements! {
    /// What the rows say that hold no words of people's is compared where they are.
    RECORDS = both(concat!(
        "select a.*, case a.kind when 'attempt' then ",
        says!(
            attempt_row!(),
            "attempt t where t.call_id = a.subject and t.opened_at = a.at",
            "substr(a.said, 1, length(w.said)) = w.said"
        ),
        " when 'end' then ",
        says!(
            end_row!(),
            "attempt t where t.call_id = a.subject and t.ended_at = a.at",
            "a.said = w.said"
        ),
        " when 'disposition' then ",
        says!(
            disposition_row!(),
            "attempt t where t.call_id = a.subject and t.qualified_at = a.at",
            "substr(a.said, length(a.said) - length(w.said) + 1) = w.said"
        ),
        " when 'refusal' then ",
        says!(
            refusal_row!(),
            "rule_refusal r where r.contact_id = a.subject and r.at = a.at",
            "substr(a.said, 1, length(w.said)) = w.said"
        ),
        " else true end as kept
         from audit a where a.seq > $1 order by a.seq limit $2"
    ));
    PLAIN = both("select * from audit where seq > $1 order by seq limit $2");
    HEADS = both("select seq, signature from audit_head order by seq");
    CONSENTS = both(
        "select a.seq, c.*, cast(c.out_of_hours as text) as hours
         from audit a join consent c on c.id = a.subject
         where a.seq > $1 and a.seq <= $2 and a.kind = 'consent' and c.recorded_at = a.at",
    );
    WITHDRAWALS = both(
        "select a.seq, w.* from audit a
           join consent_withdrawal w on w.person_id = a.subject and w.at = a.at
         where a.seq > $1 and a.seq <= $2 and a.kind = 'withdrawal'",
    );
    WISHES = both(
        "select a.seq, d.* from audit a join do_not_call d on d.person_id = a.subject
         where a.seq > $1 and a.seq <= $2
           and (a.kind = 'wish' and d.at = a.at or a.kind = 'wish_end' and d.until_at = a.at)",
    );
    /// What was said later of the same call or person, and whether the person was erased.
    LATER = both(
        "select kind, said from audit
         where subject = $1 and (kind = 'erased' or seq > $2 and kind in
           ('disposition', 'wish', 'wish_end'))",
    );
    COUNTS = both(
        "select (select count(*) from attempt where opened_at >= $1),
           (select count(*) from attempt where ended_at >= $1),
           (select count(*) from rule_refusal where at >= $1),
           (select count(*) from consent where recorded_at >= $1),
           (select count(*) from consent_withdrawal where at >= $1),
           (select count(*) from do_not_call where at >= $1)",
    );
    UNTOLD_ATTEMPTS = both(
        "select t.call_id from attempt t where t.opened_at >= $1 and not exists
           (select 1 from audit a where a.subject = t.call_id and a.kind = 'attempt') limit $2",
    );
    UNTOLD_ENDS = both(
        "select t.call_id from attempt t where t.ended_at >= $1 and not exists
           (select 1 from audit a where a.subject = t.call_id and a.kind = 'end') limit $2",
    );
    UNTOLD_REFUSALS = both(
        "select r.contact_id from rule_refusal r where r.at >= $1 and not exists
           (select 1 from audit a
            where a.subject = r.contact_id and a.kind = 'refusal' and a.at = r.at) limit $2",
    );
    UNTOLD_CONSENTS = both(
        "select c.id from consent c where c.recorded_at >= $1 and not exists
           (select 1 from audit a where a.subject = c.id and a.kind = 'consent') limit $2",
    );
    UNTOLD_WITHDRAWALS = both(
        "select w.person_id from consent_withdrawal w where w.at >= $1 and not exists
           (select 1 from audit a
            where a.subject = w.person_id and a.kind = 'withdrawal' and a.at = w.at) limit $2",
    );
    UNTOLD_WISHES = both(
        "select d.person_id from do_not_call d where d.at >= $1 and not exists
           (select 1 from audit a
            where a.subject = d.person_id and a.kind = 'wish' and a.at = d.at) limit $2",
    );
}

/// The tables the chain speaks of, with the kind of record each row has, in the order of `COUNTS`.
const TABLES: [(Kind, &str, Sql); 6] = [
    (Kind::Attempt, "attempt", UNTOLD_ATTEMPTS),
    (Kind::End, "attempt", UNTOLD_ENDS),
    (Kind::Refusal, "rule_refusal", UNTOLD_REFUSALS),
    (Kind::Consent, "consent", UNTOLD_CONSENTS),
    (Kind::Withdrawal, "consent_withdrawal", UNTOLD_WITHDRAWALS),
    (Kind::Wish, "do_not_call", UNTOLD_WISHES),
];

/// What rows with words of people's say, by the record they may belong to.
type Told = BTreeMap<i64, Vec<String>>;

impl Auditor {
    /// Verifies the chain: hashes, order and signatures, and that the rows it speaks of still say
    /// the same.
    ///
    /// # Errors
    /// The database failed.
    pub async fn verify(&mut self) -> Result<Verdict, StoreError> {
        let mut walk = Walk::new(self.key());
        let mut heads = heads(&mut self.look.db()).await?;
        let mut counted = Counted::default();
        let mut after = i64::MIN;
        loop {
            let rows = RECORDS.bind(after).bind(PAGE).fetch_all(&mut self.look.db()).await?;
            let page = rows.iter().map(read).collect::<Result<Vec<_>, _>>()?;
            let Some((end, _)) = page.last() else { break };
            let told = self.told(&page, (after, end.seq)).await?;
            after = end.seq;
            for (record, kept) in &page {
                walk.step(record);
                if let Some(signature) = heads.remove(&record.seq) {
                    walk.head(record.seq, &signature);
                }
                counted.take(record);
                let kept = *kept && says_the_same(record, &told);
                walk.verdict.rows += u64::from(speaks_of_a_row(record));
                if !kept && !self.is_excused(record).await? {
                    walk.verdict.fault(record.seq, Flaw::Row);
                }
            }
        }
        for (seq, signature) in heads {
            walk.head(seq, &signature);
        }
        self.untold(&mut walk.verdict, &counted).await?;
        Ok(walk.verdict)
    }

    /// Reads what rows with words of people's say that records of a page may speak of.
    async fn told(
        &mut self,
        page: &[(AuditRecord, bool)],
        (after, until): (i64, i64),
    ) -> Result<Told, StoreError> {
        let mut told = Told::new();
        let words = |text: &str| self.fingerprints.of_words(text);
        let mut db = self.look.db();
        for (sql, kinds) in [
            (CONSENTS, &[Kind::Consent][..]),
            (WITHDRAWALS, &[Kind::Withdrawal]),
            (WISHES, &[Kind::Wish, Kind::WishEnd]),
        ] {
            let asked = |kind: &str| kinds.iter().any(|it| it.name() == kind);
            if !page.iter().any(|(record, _)| asked(&record.kind)) {
                continue;
            }
            for row in sql.bind(after).bind(until).fetch_all(&mut db).await? {
                let said = match kinds {
                    [Kind::Consent] => vec![consent(&row, words)?],
                    [Kind::Withdrawal] => {
                        let source: String = row.try_get("source")?;
                        vec![said::withdrawal(row.try_get("client_id")?, words(&source))]
                    }
                    _ => wish(&row, words)?,
                };
                let said = said.iter().map(Value::to_string);
                told.entry(row.try_get("seq")?).or_default().extend(said);
            }
        }
        Ok(told)
    }

    /// Tells whether a row may say something else than a record: what was said later stands in
    /// its place, or the person was erased.
    async fn is_excused(&mut self, record: &AuditRecord) -> Result<bool, StoreError> {
        let said: Value = serde_json::from_str(&record.said).unwrap_or_default();
        let is = |kind: Kind| record.kind == kind.name();
        let reach = |said: &Value| [said.get("reach").cloned(), said.get("reach_id").cloned()];
        let mut db = self.look.db();
        let later = LATER.bind(record.subject).bind(record.seq).fetch_all(&mut db).await?;
        for row in later {
            let (kind, then): (String, String) = (row.try_get(0)?, row.try_get(1)?);
            let of_wish = kind.starts_with("wish") && (is(Kind::Wish) || is(Kind::WishEnd));
            let then = serde_json::from_str(&then).unwrap_or_default();
            if kind == Kind::Disposition.name() && is(Kind::Disposition)
                || of_wish && reach(&then) == reach(&said)
                || kind == Kind::Erased.name() && has_words(record) && !is(Kind::Consent)
            {
                return Ok(true);
            }
        }
        let person = said.get("person").and_then(Value::as_i64).filter(|_| is(Kind::Consent));
        let Some(person) = person else { return Ok(false) };
        let rows = LATER.bind(person).bind(i64::MAX).fetch_all(&mut db).await?;
        Ok(!rows.is_empty())
    }

    /// Finds rows that no record speaks of although they came after the chain began.
    async fn untold(&mut self, verdict: &mut Verdict, counted: &Counted) -> Result<(), StoreError> {
        let Some(first) = counted.since else { return Ok(()) };
        let mut db = self.look.db();
        let row = COUNTS.bind(first).fetch_one(&mut db).await?;
        for (place, (kind, table, sql)) in TABLES.into_iter().enumerate() {
            let rows: i64 = row.try_get(place)?;
            if rows <= counted.of(kind) {
                continue;
            }
            for row in sql.bind(first).bind(UNTOLD_MAX).fetch_all(&mut db).await? {
                verdict.fault(verdict.last, Flaw::Untold(table, row.try_get(0)?));
            }
        }
        Ok(())
    }
}

/// Records since the chain began, so that rows are looked for one by one only where there are more
/// of them.
#[derive(Default)]
struct Counted {
    /// When the first engine with a chain started: what it mended before may be older than rows of
    /// before the chain.
    since: Option<i64>,
    started: bool,
    kinds: BTreeMap<String, i64>,
}

impl Counted {
    fn take(&mut self, record: &AuditRecord) {
        if !self.started && record.kind == Kind::Started.name() {
            (self.started, self.since) = (true, Some(record.at));
            self.kinds.clear();
        }
        if record.at >= *self.since.get_or_insert(record.at) {
            *self.kinds.entry(record.kind.clone()).or_default() += 1;
        }
    }

    /// Gives how many rows a kind has at least; of a wish there may be several records.
    fn of(&self, kind: Kind) -> i64 {
        let count = self.kinds.get(kind.name()).copied().unwrap_or_default();
        if kind == Kind::Wish { 0 } else { count }
    }
}

/// Gives the signatures by the record each covers the chain up to.
pub(super) async fn heads(db: &mut Db<'_>) -> Result<BTreeMap<i64, String>, StoreError> {
    let rows = HEADS.query().fetch_all(db).await?;
    rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
}

/// Gives the records after a place, [`PAGE`] at most.
pub(super) async fn page(db: &mut Db<'_>, after: i64) -> Result<Vec<AuditRecord>, StoreError> {
    let rows = PLAIN.bind(after).bind(PAGE).fetch_all(db).await?;
    rows.iter().map(record).collect()
}

fn read(row: &Row) -> Result<(AuditRecord, bool), StoreError> {
    Ok((record(row)?, row.try_get("kept")?))
}

/// Kinds whose rows hold words of people's.
fn has_words(record: &AuditRecord) -> bool {
    let kinds = [Kind::Consent, Kind::Withdrawal, Kind::Wish, Kind::WishEnd];
    kinds.iter().any(|kind| kind.name() == record.kind)
}

fn speaks_of_a_row(record: &AuditRecord) -> bool {
    let kinds = [Kind::Attempt, Kind::End, Kind::Disposition, Kind::Refusal];
    has_words(record) || kinds.iter().any(|kind| kind.name() == record.kind)
}

/// Tells whether a row with words says what its record does.
fn says_the_same(record: &AuditRecord, told: &Told) -> bool {
    let said = || told.get(&record.seq).is_some_and(|told| told.contains(&record.said));
    !has_words(record) || said()
}

/// Tells a row of `consent` as its record does.
fn consent(row: &Row, of_words: impl Fn(&str) -> String) -> Result<Value, StoreError> {
    let text = |column: &str| row.try_get::<Option<String>>(column);
    let (source, proof, sha256) = (text("source")?, text("proof")?, text("list_sha256")?);
    let (scope, contract, object) = (text("scope")?, text("contract")?, text("object")?);
    let line = row.try_get::<i64>("list_line")?.to_string();
    let words = [&source, &proof, &sha256, &Some(line), &scope, &contract, &object];
    let consent = said::Consent {
        client: row.try_get("client_id")?,
        person: row.try_get("person_id")?,
        basis: &row.try_get::<String>("basis")?,
        obtained: row.try_get("obtained_at")?,
        expires: row.try_get("expires_at")?,
        out_of_hours: match row.try_get::<String>("hours")?.as_str() {
            "1" | "true" => "true",
            "0" | "false" => "false",
            _ => "neither",
        },
        words: words.map(|text| text.as_deref()),
    };
    Ok(consent.said(of_words))
}

/// Tells a row of `do_not_call` as the record of the wish does, and as that of its end.
fn wish(row: &Row, of_words: impl Fn(&str) -> String) -> Result<Vec<Value>, StoreError> {
    let (reason, source): (String, String) = (row.try_get("reason")?, row.try_get("source")?);
    let words = of_words(&said::wish_words(&reason, &source));
    let (scope, id): (String, i64) = (row.try_get("scope")?, row.try_get("scope_id")?);
    let (at, until): (i64, Option<i64>) = (row.try_get("at")?, row.try_get("until_at")?);
    Ok(vec![
        said::wish((&scope, id), until, words.clone()),
        said::wish_end((&scope, id), at, words),
    ])
}
