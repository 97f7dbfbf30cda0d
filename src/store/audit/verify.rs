//! The chain of a database against itself and against the rows it speaks of.

use std::collections::BTreeMap;

use serde_json::Value;
use tokio::sync::{mpsc, oneshot};

use super::super::StoreError;
use super::super::backend::{Db, Row, both, each, statements};
use super::check::{Flaw, Verdict, Walk};
use super::said::{self, attempt_row, disposition_row, end_row, refusal_row};
use super::untold::Counted;
use super::{AuditRecord, Auditor, Kind, record};
use crate::engine::tasks::Tasks;

/// Records read at once.
pub(super) const PAGE: u32 = 5_000;

/// Pages that may wait for their hashes to be made.
const PAGES_AHEAD: usize = 2;

/// What is shown of a row that fits its record by its keys and says a text as the record does; null
/// without one.
macro_rules! says {
    ($row:expr, $shown:literal, $from:literal, $how:literal) => {
        concat!(
            "(select w.shown from (select ",
            $row,
            " as said, ",
            $shown,
            " as shown from ",
            $from,
            ") w where ",
            $how,
            " limit 1)"
        )
    };
}

/// The records after a place, with what the rows say that hold no words of people's compared where
/// they are, but for the number an attempt showed, of which the record has a fingerprint.
macro_rules! records {
    ($begins:literal, $holds:literal) => {
        concat!(
            "select a.*, case a.kind when 'attempt' then ",
            says!(
                attempt_row!(),
                "coalesce(t.caller_e164, '')",
                "attempt t where t.call_id = a.subject and t.opened_at = a.at",
                $begins
            ),
            " when 'end' then ",
            says!(
                end_row!(),
                "''",
                "attempt t where t.call_id = a.subject and t.ended_at = a.at",
                "a.said = w.said"
            ),
            " when 'disposition' then ",
            says!(
                disposition_row!(),
                "''",
                "attempt t where t.call_id = a.subject and t.qualified_at = a.at",
                $holds
            ),
            " when 'refusal' then ",
            says!(
                refusal_row!(),
                "''",
                "rule_refusal r where r.contact_id = a.subject and r.at = a.at",
                $begins
            ),
            " else '' end as shown
             from audit a where a.seq > $1 order by a.seq limit $2"
        )
    };
}

statements! {
    RECORDS = each(
        records!("instr(a.said, w.said) = 1", "instr(a.said, w.said) > 0"),
        records!("starts_with(a.said, w.said)", "strpos(a.said, w.said) > 0"),
    );
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
    /// What was said later of the same call or person.
    LATER = both(
        "select kind, said from audit
         where subject = $1 and seq > $2 and kind in ('disposition', 'wish', 'wish_end')",
    );
    FORGOTTEN = both("select said from audit where subject = $1 and kind = 'forgotten'");
}

/// What rows with words of people's say, by the record they may belong to.
type Told = BTreeMap<i64, Vec<String>>;

impl Auditor {
    /// Verifies the chain: hashes, order and signatures, and that the rows it speaks of still say
    /// the same.
    ///
    /// # Errors
    /// The database failed.
    pub async fn verify(&mut self) -> Result<Verdict, StoreError> {
        let heads = heads(&mut self.look.db()).await?;
        let walker = Walker::start(Walk::new(self.key()), heads)?;
        let (mut found, mut counted) = (Verdict::default(), Counted::default());
        let mut after = i64::MIN;
        loop {
            let rows = RECORDS.bind(after).bind(PAGE).fetch_all(&mut self.look.db()).await?;
            let page = rows.iter().map(read).collect::<Result<Vec<_>, _>>()?;
            let Some((end, _)) = page.last() else { break };
            let told = self.told(&page, (after, end.seq)).await?;
            after = end.seq;
            for (record, shown) in &page {
                let kept = self.is_kept(record, shown.as_deref(), &told);
                counted.take(record, kept);
                found.rows += u64::from(speaks_of_a_row(record));
                if !kept && !self.is_excused(record).await? {
                    found.fault(record.seq, Flaw::Row);
                }
            }
            walker.take(page.into_iter().map(|(record, _)| record).collect()).await?;
        }
        let mut verdict = walker.end().await?;
        verdict.add(found);
        counted.untold(&mut self.look.db(), &mut verdict).await?;
        Ok(verdict)
    }

    /// Tells whether there is a row that says what a record does, or the record speaks of none.
    fn is_kept(&self, record: &AuditRecord, shown: Option<&str>, told: &Told) -> bool {
        let Some(shown) = shown else { return false };
        if record.kind == Kind::Attempt.name() {
            let words = |text: &str| self.fingerprints.of_words(text);
            return said::shows(&record.said, (!shown.is_empty()).then(|| words(shown)));
        }
        says_the_same(record, told)
    }

    /// Reads what rows with words of people's say that records of a page may speak of.
    async fn told(
        &mut self,
        page: &[(AuditRecord, Option<String>)],
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

    /// Tells whether a row may say something else than a record, or be gone: what was said later
    /// stands in its place, or its time was over. An erasure excuses nothing: what the chain speaks
    /// of names nobody and stays.
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
            {
                return Ok(true);
            }
        }
        self.is_forgotten(record, &said).await
    }

    /// Tells whether the row of a consent or a refusal was kept long enough and forgotten.
    async fn is_forgotten(
        &mut self,
        record: &AuditRecord,
        said: &Value,
    ) -> Result<bool, StoreError> {
        let is = |kind: Kind| record.kind == kind.name();
        let campaign = || said.get("campaign").and_then(Value::as_i64);
        let (subject, what) = match campaign() {
            _ if is(Kind::Consent) => (record.subject, "consent"),
            Some(campaign) if is(Kind::Refusal) => (campaign, "refusals"),
            _ => return Ok(false),
        };
        for row in FORGOTTEN.bind(subject).fetch_all(&mut self.look.db()).await? {
            let told: Value = serde_json::from_str(&row.try_get::<String>(0)?).unwrap_or_default();
            let before = told.get("before").and_then(Value::as_i64).unwrap_or(i64::MAX);
            if told.get("what").is_some_and(|told| told == what) && record.at < before {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Makes hashes and checks signatures on a thread of its own: it takes about as long as reading.
struct Walker {
    pages: mpsc::Sender<Vec<AuditRecord>>,
    verdict: oneshot::Receiver<Verdict>,
}

impl Walker {
    fn start(mut walk: Walk, mut heads: BTreeMap<i64, String>) -> Result<Self, StoreError> {
        let (pages, mut taken) = mpsc::channel::<Vec<AuditRecord>>(PAGES_AHEAD);
        let (done, verdict) = oneshot::channel();
        Tasks::thread("audit", move || {
            while let Some(page) = taken.blocking_recv() {
                for record in &page {
                    walk.step(record);
                    if let Some(signature) = heads.remove(&record.seq) {
                        walk.head(record.seq, &signature);
                    }
                }
            }
            for (seq, signature) in heads {
                walk.head(seq, &signature);
            }
            // Whoever gave up waiting needs no verdict.
            drop(done.send(walk.end()));
        })
        .map_err(|error| StoreError::Busy(error.into()))?;
        Ok(Self { pages, verdict })
    }

    async fn take(&self, page: Vec<AuditRecord>) -> Result<(), StoreError> {
        self.pages.send(page).await.map_err(|_| StoreError::Closed)
    }

    async fn end(self) -> Result<Verdict, StoreError> {
        drop(self.pages);
        self.verdict.await.map_err(|_| StoreError::Closed)
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

fn read(row: &Row) -> Result<(AuditRecord, Option<String>), StoreError> {
    Ok((record(row)?, row.try_get("shown")?))
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
