//! Claims: the chain tells of everything it is to tell of, and whatever is changed, taken out or
//! put in afterwards is named.

use std::collections::BTreeMap;
use std::error::Error;

use cadran::core::fact::{DncScope, Lead};
use cadran::core::order::{DoneReason, Next, Outcome, Record};
use cadran::core::rules::consent::Basis;
use cadran::core::rules::law::LawId;
use cadran::core::rules::receipt::{Receipt, Tally, Used};
use cadran::engine::clock::Clock;
use cadran::store::audit::{About, AuditRecord, Auditor, Flaw, Verdict, verify_file};
use cadran::store::{
    AuditedSettings, NewConsent, NewContact, NewDoNotCall, Settings, Subject, Write,
};
use cadran::units::{CampaignId, ConsentId, Span, Territory, Wall, Zone};
use rand_core::{Rng, SeedableRng};
use rand_pcg::Pcg64;
use sha2::{Digest as _, Sha256};

use super::fixture::{
    Done, House, LEASE, Look, NOON, announce, call, campaign, closed, contact, list, number_of,
    opened, qualified, record, refused, spent,
};

/// The seed of every flip.
const SEED: u64 = 2_026;

/// Bytes flipped in each of the two tests when `CADRAN_FLIPS` does not say.
const FLIPS: usize = 120;

/// Records verified at once when `CADRAN_AUDIT_RECORDS` does not say, and how soon the acceptance
/// wants the million it names.
const RECORDS: u64 = 4_000;
const MILLION: (u64, Span) = (1_000_000, Span::secs(10));

fn number(name: &str, usual: u64) -> Result<u64, Box<dyn Error>> {
    Ok(std::env::var(name).map_or(Ok(usual), |text| text.parse())?)
}

fn consent(line: u64) -> NewConsent {
    NewConsent {
        basis: Basis::Consent,
        source: Some("form".to_owned()),
        proof: Some("REF-1".to_owned()),
        line,
        scope: None,
        obtained: Some(NOON - Span::secs(line)),
        expires: Some(NOON + Span::secs(1_000_000 + line)),
        contract: None,
        object: Some("gardens".to_owned()),
        out_of_hours: line.is_multiple_of(2),
    }
}

fn receipt(nth: u64) -> Result<Receipt, Box<dyn Error>> {
    let until = Some(NOON + Span::secs(nth));
    Ok(Receipt {
        zone: Zone::new("Europe/Paris")?,
        territory: Some(Territory::new("FR")?),
        edition: "2026-11-23".into(),
        rules: vec![LawId::new("FR-1"), LawId::new("FR-6")],
        right: Some(Used { id: Some(ConsentId(nth)), basis: Basis::Consent, until }),
        opens_hours: None,
        attempts: vec![Tally { law: Some(LawId::new("FR-6")), made: 1, allowed: 4 }],
        refused: None,
        abandoned: None,
    })
}

fn wish(n: u32, until: Option<Wall>) -> Result<NewDoNotCall, Box<dyn Error>> {
    Ok(NewDoNotCall {
        number: number_of(n)?,
        scope: DncScope::Everyone,
        reason: "a letter".to_owned(),
        source: "post".to_owned(),
        at: NOON + Span::secs(u64::from(n)),
        until,
    })
}

/// Some of everything the chain tells of; gives the campaign.
async fn lived(house: &House) -> Result<CampaignId, Box<dyn Error>> {
    let store = &house.store;
    let vente = campaign(store, "vente").await?;
    let settings = |hours| AuditedSettings {
        campaign: vente,
        settings: serde_json::json!({ "hours": hours, "client": 1 }),
        caller_ids: number_of(900).into_iter().collect(),
    };
    for hours in ["10-13", "10-13", "10-20"] {
        let started = serde_json::json!({ "law": { "FR": "2026-11-23" } });
        store.note_start(NOON, &started, &[settings(hours)]).await?;
    }
    let entitled = |n: u32| NewContact {
        consents: vec![consent(u64::from(n))],
        ..contact(&format!("c{n}"), n)
    };
    list(store, vente, (1..=8).map(entitled)).await?;
    store.withdraw(&number_of(7)?, cadran::units::ClientId(1), NOON + LEASE, "by phone").await?;
    store.add_do_not_call(&[wish(1, Some(NOON + LEASE))?, wish(8, None)?, wish(50, None)?]).await?;
    store.add_do_not_call(&[wish(1, None)?]).await?;
    store.end_do_not_call(&number_of(8)?, None, NOON + LEASE).await?;
    let leads = store.claim(vente, 8, LEASE, NOON).await?.leads;
    let mut nth = 0;
    for lead in &leads {
        nth += 1;
        store.commit(course(nth, vente, lead)?).await?;
    }
    // What was committed and not heard of is written again.
    let lead = leads.get(5).ok_or("eight contacts were due")?;
    store.commit(course(6, vente, lead)?).await?;
    store.sign_audit().await?;
    Ok(vente)
}

/// The nth call from its beginning to its disposition, or a refusal.
fn course(nth: u64, vente: CampaignId, lead: &Lead) -> Result<Vec<Write>, Box<dyn Error>> {
    if nth.is_multiple_of(4) {
        let next = Next::Retry { at: NOON + LEASE, number: None };
        return Ok(vec![refused(vente, lead.contact, next, NOON + Span::secs(nth))]);
    }
    let Write::Record { record: Record::Opened(mut open), at } = opened(nth, vente, lead, 1) else {
        return Err("an attempt begins with its row".into());
    };
    open.receipt = Some(Box::new(receipt(nth)?));
    let mut writes = vec![record(Record::Opened(open), at)];
    let next = Next::Done(DoneReason::Qualified);
    writes.push(closed(nth, vente, lead, Outcome::Connected, next));
    writes.push(qualified(nth, vente, lead, 3, next));
    if nth.is_multiple_of(2) {
        let Write::Record { record: Record::Qualified(mut said), .. } =
            qualified(nth, vente, lead, 1, next)
        else {
            return Err("a disposition is one".into());
        };
        said.at = said.at + Span::secs(1);
        writes.push(record(Record::Qualified(said), NOON));
        let person = lead.numbers.first().ok_or("no number")?.person;
        let (scope, call) = (DncScope::Campaign(vente), Some(call(nth)));
        writes.push(record(Record::DoNotCall { person, scope, call }, NOON));
    }
    Ok(writes)
}

/// Looks at a chain, with a store open or without one.
pub(super) async fn look(settings: &Settings) -> Result<Auditor, Box<dyn Error>> {
    let key = settings.key.as_ref().ok_or("no key")?;
    Ok(Auditor::open(&settings.place, key).await?)
}

pub(super) async fn auditor(house: &House) -> Result<Auditor, Box<dyn Error>> {
    look(&house.settings).await
}

pub(super) async fn verified(house: &House) -> Result<Verdict, Box<dyn Error>> {
    Ok(auditor(house).await?.verify().await?)
}

pub(super) async fn chain(house: &House) -> Result<Vec<AuditRecord>, Box<dyn Error>> {
    let mut records = auditor(house).await?.records(&About::Latest, 100_000).await?;
    records.reverse();
    Ok(records)
}

pub(super) async fn everything_is_told_once_and_verifies(house: House) -> Done {
    lived(&house).await?;
    let records = chain(&house).await?;
    let mut kinds: BTreeMap<&str, u32> = BTreeMap::new();
    records.iter().for_each(|record| *kinds.entry(&record.kind).or_default() += 1);
    let expected = [
        ("attempt", 6),
        ("consent", 8),
        ("disposition", 8),
        ("end", 6),
        ("refusal", 2),
        ("settings", 2),
        ("started", 3),
        // One by hand, one for the wish of each number that has one, in full or by the campaign.
        ("withdrawal", 4),
        ("wish", 6),
        ("wish_end", 1),
    ];
    assert_eq!(kinds, BTreeMap::from(expected));
    let verdict = verified(&house).await?;
    assert!(verdict.is_sound(), "{verdict:?}");
    assert_eq!((verdict.signed, verdict.last), (46, 46), "{verdict:?}");
    assert_eq!(verdict.rows, 41, "all but starts and settings have rows");
    let told = house.store.receipt(call(1)).await?;
    assert_eq!(told, Some(receipt(1)?));
    let said = records.iter().map(|record| record.said.as_str()).collect::<String>();
    for secret in ["+33", "019900", "form", "REF-1", "letter", "post", "by phone", "gardens"] {
        assert!(!said.contains(secret), "{secret} is a person's or a word of people's: {said}");
    }
    let house = house.reopened().await?;
    house.store.recover(NOON).await?;
    let verdict = verified(&house).await?;
    assert!(verdict.is_sound() && verdict.records == 46, "{verdict:?}");
    Ok(())
}

pub(super) async fn a_chain_verifies_after_its_persons_were_erased_and_proofs_forgotten(
    house: House,
) -> Done {
    lived(&house).await?;
    let store = &house.store;
    let calls = (1..=8).filter(|nth: &u64| !nth.is_multiple_of(4));
    let over = calls.map(|nth| record(Record::Completed(call(nth)), NOON));
    store.commit(over.collect()).await?;
    for n in 1..=8 {
        let subject = Subject::Number(number_of(n)?);
        store.erase(&subject, NOON + LEASE, true).await?;
        let erased = store.erase(&subject, NOON + LEASE, false).await?;
        assert_eq!((erased.contacts.len(), erased.persons.len()), (1, 1), "{n}");
    }
    let verdict = verified(&house).await?;
    assert!(verdict.is_sound() && verdict.records == 46 + 8, "{verdict:?}");
    let about = About::Number(number_of(3)?);
    let told = auditor(&house).await?.records(&about, 100).await?;
    let last = told.first().ok_or("records of the number")?;
    assert!(last.kind == "erased" && last.said.starts_with("{\"contacts\":["), "{last:?}");
    // Years later the proofs and the refusals are forgotten, and that is told, too.
    store.sign_audit().await?;
    let years = NOON + Span::secs(8 * 366 * 86_400);
    let purged = store.purge(&super::erasure::KEPT, years).await?;
    assert_eq!((purged.proofs, purged.refusals), (8, 2));
    let verdict = verified(&house).await?;
    assert!(verdict.is_sound() && verdict.records == 46 + 8 + 9, "{verdict:?}");
    // Neither lets anybody take out what must stay.
    house.look().await?.run("delete from do_not_call where reason = 'a letter'").await?;
    let verdict = verified(&house).await?;
    let rows = verdict.faults.iter().filter(|fault| fault.flaw == Flaw::Row).count();
    assert!(rows > 0 && rows == verdict.faults.len(), "{verdict:?}");
    Ok(())
}

/// A value of the database that can be changed.
#[derive(Clone, Debug)]
struct Cell {
    table: String,
    column: String,
    kind: String,
    value: String,
    /// The columns that tell its row, as SQL.
    row: Vec<(String, String)>,
}

/// What the chain keeps, by table: the keys of its rows, and the columns that are kept.
const KEPT: [(&str, &[&str], &[&str]); 7] = [
    ("audit", &["seq"], &["seq", "at", "kind", "subject", "said", "hash"]),
    ("audit_head", &["seq"], &["seq", "signature"]),
    (
        "attempt",
        &["call_id"],
        &[
            "call_id",
            "campaign_id",
            "client_id",
            "contact_id",
            "number_id",
            "person_id",
            "trunk_id",
            "caller_id",
            "caller_e164",
            "attempt",
            "opened_at",
            "ringing_at",
            "answered_at",
            "bridged_at",
            "ended_at",
            "outcome",
            "cause",
            "ended_by",
            "heard",
            "forced",
            "disposition_code",
            "wrong_number",
            "qualified_at",
        ],
    ),
    (
        "rule_refusal",
        &["contact_id", "number_id", "stage", "at"],
        &["contact_id", "number_id", "stage", "at", "campaign_id", "rule", "until_at", "law"],
    ),
    (
        "consent",
        &["id"],
        &[
            "id",
            "client_id",
            "person_id",
            "basis",
            "source",
            "proof",
            "list_sha256",
            "list_line",
            "scope",
            "obtained_at",
            "expires_at",
            "contract",
            "object",
            "out_of_hours",
            "recorded_at",
        ],
    ),
    ("consent_withdrawal", &["client_id", "person_id", "at"], &["at", "source", "person_id"]),
    (
        "do_not_call",
        &["person_id", "scope", "scope_id"],
        &["person_id", "scope", "scope_id", "reason", "source", "at", "until_at"],
    ),
];

fn literal(kind: &str, value: &str) -> String {
    match kind {
        "integer" | "bigint" | "boolean" => value.to_owned(),
        _ => format!("'{}'", value.replace('\'', "''")),
    }
}

impl Cell {
    /// Flips a bit of one byte, so that the text stays one.
    fn flipped(&self, dice: &mut Pcg64) -> Result<String, Box<dyn Error>> {
        Ok(match self.kind.as_str() {
            "boolean" => if self.value == "true" { "false" } else { "true" }.to_owned(),
            "integer" | "bigint" => {
                let bits = if self.kind == "bigint" { 62 } else { 30 };
                (self.value.parse::<i64>()? ^ (1_i64 << (dice.next_u64() % bits))).to_string()
            }
            _ => {
                let mut bytes = self.value.clone().into_bytes();
                let place = usize::try_from(dice.next_u64())? % bytes.len().max(1);
                let byte = bytes.get_mut(place).ok_or("an empty text")?;
                // The lowest bit of a sign of ASCII gives another that can be printed.
                *byte ^= if *byte == b'~' { 2 } else { 1 };
                String::from_utf8(bytes)?
            }
        })
    }

    fn update(&self, from: &str, to: &str) -> String {
        let key = |(column, value): &(String, String)| {
            let own = *column == self.column;
            format!("{column} = {}", if own { literal(&self.kind, from) } else { value.clone() })
        };
        let row = self.row.iter().map(key).collect::<Vec<_>>().join(" and ");
        let (table, column, to) = (&self.table, &self.column, literal(&self.kind, to));
        format!("update {table} set {column} = {to} where {row}")
    }

    /// Whether a fault may be about this value.
    fn is_named(&self, faults: &[cadran::store::audit::Fault], records: &[AuditRecord]) -> bool {
        let of_row = |record: &AuditRecord| {
            let number = |(_, value): &(String, String)| value.parse().ok();
            self.row.iter().any(|key| number(key) == Some(record.subject))
        };
        faults.iter().any(|fault| match self.table.as_str() {
            "audit" => number_of_cell(self) == Some(fault.seq),
            "audit_head" => matches!(fault.flaw, Flaw::Signature(_)),
            _ => {
                let untold = matches!(fault.flaw, Flaw::Untold(..));
                let mut own = records.iter().filter(|record| record.seq == fault.seq);
                untold || own.any(&of_row)
            }
        })
    }
}

fn number_of_cell(cell: &Cell) -> Option<i64> {
    cell.row.first().and_then(|(_, value)| value.parse().ok())
}

/// Reads every value the chain keeps.
async fn cells(db: &mut Look) -> Result<Vec<Cell>, Box<dyn Error>> {
    let mut cells = Vec::new();
    for (table, keys, columns) in KEPT {
        for column in columns {
            let kind = match db {
                Look::Sqlite(_) => format!("typeof({column})"),
                Look::Postgres(_) => format!("pg_typeof({column})::text"),
            };
            let keyed = keys.iter().map(|key| format!("cast({key} as text)"));
            let keyed = keyed.collect::<Vec<_>>().join(" || '|' || ");
            let query = format!(
                "select {kind}, cast({column} as text), {keyed} from {table}
                 where {column} is not null and cast({column} as text) <> '' order by 3"
            );
            let rows: Vec<(String, String, String)> = match db {
                Look::Sqlite(db) => {
                    sqlx::query_as(sqlx::AssertSqlSafe(query)).fetch_all(db).await?
                }
                Look::Postgres(db) => {
                    sqlx::query_as(sqlx::AssertSqlSafe(query)).fetch_all(db).await?
                }
            };
            for (kind, value, key) in rows {
                let text = |key: &str| !key.chars().all(|c| c.is_ascii_digit() || c == '-');
                let quoted =
                    |key: &str| if text(key) { format!("'{key}'") } else { key.to_owned() };
                let row = keys.iter().zip(key.split('|'));
                let row = row.map(|(key, value)| ((*key).to_owned(), quoted(value))).collect();
                let (table, column) = (table.to_owned(), (*column).to_owned());
                cells.push(Cell { table, column, kind, value, row });
            }
        }
    }
    Ok(cells)
}

pub(super) async fn run(db: &mut Look, sql: String) -> Result<(), sqlx::Error> {
    match db {
        Look::Sqlite(db) => sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(db).await.map(drop),
        Look::Postgres(db) => sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(db).await.map(drop),
    }
}

pub(super) async fn a_byte_flipped_in_the_database_names_its_record(house: House) -> Done {
    lived(&house).await?;
    let records = chain(&house).await?;
    let mut db = house.look().await?;
    let cells = cells(&mut db).await?;
    let mut dice = Pcg64::seed_from_u64(SEED);
    let flips = usize::try_from(number("CADRAN_FLIPS", FLIPS as u64)?)?;
    let (mut flipped, mut tables) = (0, BTreeMap::<String, u32>::new());
    while flipped < flips {
        let pick = usize::try_from(dice.next_u64())? % cells.len();
        let cell = cells.get(pick).ok_or("a cell")?;
        let new = cell.flipped(&mut dice)?;
        // A key the database itself holds on to cannot be changed.
        if run(&mut db, cell.update(&cell.value, &new)).await.is_err() {
            continue;
        }
        let verdict = verified(&house).await?;
        assert!(!verdict.is_sound(), "{cell:?} was changed to {new} and nobody noticed");
        assert!(cell.is_named(&verdict.faults, &records), "{cell:?} to {new}: {verdict:?}");
        run(&mut db, cell.update(&new, &cell.value)).await?;
        *tables.entry(cell.table.clone()).or_default() += 1;
        flipped += 1;
    }
    assert!(verified(&house).await?.is_sound(), "all was put back");
    announce(&format!(
        "{flipped} bytes of {} values flipped, seed {SEED}: {tables:?}",
        cells.len()
    ));
    Ok(())
}

/// Hashes as docs/compliance.md says, written apart.
pub(super) fn hashed(before: &str, record: &AuditRecord) -> String {
    let AuditRecord { seq, at, kind, subject, said, .. } = record;
    let digest = Sha256::digest(format!("{before}\n{seq}\n{at}\n{kind}\n{subject}\n{said}"));
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(super) async fn what_is_taken_out_put_in_or_hashed_anew_is_told(house: House) -> Done {
    lived(&house).await?;
    let records = chain(&house).await?;
    let mut db = house.look().await?;
    let flaws = |verdict: &Verdict| {
        verdict.faults.iter().map(|fault| (fault.seq, fault.flaw.clone())).collect::<Vec<_>>()
    };
    let tenth = records.get(9).ok_or("ten records")?;
    assert_eq!(tenth.hash, hashed(&records.get(8).ok_or("nine")?.hash, tenth));
    let back = |record: &AuditRecord| {
        let AuditRecord { seq, at, kind, subject, said, hash } = record;
        format!("insert into audit values ({seq}, {at}, '{kind}', {subject}, '{said}', '{hash}')")
    };
    run(&mut db, "delete from audit where seq = 10".to_owned()).await?;
    let told = flaws(&verified(&house).await?);
    assert!(told.contains(&(10, Flaw::Missing(10))), "{told:?}");
    run(&mut db, back(tenth)).await?;
    // The end with its signature: rows tell that there was more.
    run(&mut db, "delete from audit where seq > 44".to_owned()).await?;
    let signed = db.pairs("select seq, signature from audit_head").await?;
    run(&mut db, "delete from audit_head".to_owned()).await?;
    let verdict = verified(&house).await?;
    assert!(!verdict.is_sound() && verdict.signed == 0, "{verdict:?}");
    for record in records.iter().filter(|record| record.seq > 44) {
        run(&mut db, back(record)).await?;
    }
    let verdict = verified(&house).await?;
    assert!(verdict.is_sound() && verdict.signed == 0 && verdict.last == 46, "{verdict:?}");
    let [(46, Some(signature))] = signed.as_slice() else { return Err("one signature".into()) };
    run(&mut db, format!("insert into audit_head values (46, '{signature}')")).await?;

    // A right to call that nobody recorded.
    let forged = "insert into consent select 999, client_id, person_id, 'contract', source, proof,
           list_sha256, list_line, scope, obtained_at, expires_at, contract, object, out_of_hours,
           recorded_at from consent where id = 1";
    run(&mut db, forged.to_owned()).await?;
    let told = flaws(&verified(&house).await?);
    assert_eq!(told, [(46, Flaw::Untold("consent", 999))]);
    run(&mut db, "delete from consent where id = 999".to_owned()).await?;
    // An attempt that is to have been none.
    run(&mut db, "delete from attempt where call_id = 1".to_owned()).await?;
    let gone = flaws(&verified(&house).await?);
    let of_call = |record: &&AuditRecord| record.subject == 1 && record.kind == "attempt";
    let attempt = records.iter().find(of_call).ok_or("an attempt")?;
    assert!(gone.contains(&(attempt.seq, Flaw::Row)), "{gone:?}");
    // Somebody who can hash, and has not the key, tells it otherwise.
    let mut before = records.get(8).ok_or("nine")?.hash.clone();
    for record in records.iter().skip(9) {
        let said = record.said.replace("\"attempt\":1,", "\"attempt\":2,");
        before = hashed(&before, &AuditRecord { said: said.clone(), ..record.clone() });
        let seq = record.seq;
        let sql = format!("update audit set said = '{said}', hash = '{before}' where seq = {seq}");
        run(&mut db, sql).await?;
    }
    let told = flaws(&verified(&house).await?);
    assert!(told.contains(&(46, Flaw::Signature(0))), "{told:?}");
    Ok(())
}

pub(super) async fn a_file_verifies_alone_and_a_byte_flipped_in_it_names_its_record(
    house: House,
) -> Done {
    lived(&house).await?;
    let mut auditor = auditor(&house).await?;
    let (key, mut file) = (auditor.key(), Vec::new());
    assert_eq!(auditor.export(&mut file).await?, 46);
    let whole = verify_file(&*file, Some(&key))?;
    assert!(whole.is_sound() && (whole.records, whole.signed) == (46, 46), "{whole:?}");
    assert!(verify_file(&*file, None)?.is_sound());
    let other = verify_file(&*file, Some(&"0".repeat(64)))?;
    assert!(other.faults.iter().any(|fault| fault.flaw == Flaw::Key), "{other:?}");

    let lines: Vec<&[u8]> = file.split_inclusive(|byte| *byte == b'\n').collect();
    let cut: Vec<u8> = lines.iter().take(20).copied().flatten().copied().collect();
    let told = verify_file(&*cut, Some(&key))?;
    assert!(told.faults.iter().any(|fault| fault.flaw == Flaw::Cut(46)), "{told:?}");
    let short: Vec<u8> = lines
        .iter()
        .enumerate()
        .filter(|(nth, _)| *nth != 10)
        .flat_map(|(_, it)| *it)
        .copied()
        .collect();
    let told = verify_file(&*short, Some(&key))?;
    assert_eq!(told.faults.first().map(|fault| &fault.flaw), Some(&Flaw::Missing(10)), "{told:?}");
    assert!(!verify_file(&b""[..], None)?.is_sound(), "nothing is no chain");

    let mut dice = Pcg64::seed_from_u64(SEED);
    let flips = number("CADRAN_FLIPS", 1_000)?;
    for _ in 0..flips {
        let place = usize::try_from(dice.next_u64())? % file.len();
        let mut changed = file.clone();
        let byte = changed.get_mut(place).ok_or("a byte")?;
        *byte ^= u8::try_from(1 + dice.next_u64() % 255)?;
        let found = verify_file(&*changed, Some(&key))?;
        assert!(!found.is_sound(), "byte {place} was changed and nobody noticed");
        let line = file.iter().take(place).filter(|byte| **byte == b'\n').count();
        if line == 0 {
            continue;
        }
        // Behind the last record comes its signature.
        let record = i64::try_from(line.min(46))?;
        let named = found.faults.iter().any(|fault| {
            let within = matches!(fault.flaw, Flaw::Missing(until) if until >= record);
            fault.seq == record || (fault.seq < record && within) || fault.seq == record + 1
        });
        assert!(named, "byte {place}, record {record}: {found:?}");
    }
    announce(&format!("{flips} bytes flipped in a file of {}, seed {SEED}", file.len()));
    Ok(())
}

/// A campaign with somebody to call, again and again.
pub(super) async fn patient(house: &House) -> Result<(CampaignId, Lead), Box<dyn Error>> {
    let vente = campaign(&house.store, "vente").await?;
    list(&house.store, vente, [contact("c1", 1)]).await?;
    Ok((vente, house.first_lead(vente).await?))
}

/// Writes calls that nobody answered, two records each; one is begun a second.
pub(super) async fn calls(
    house: &House,
    (vente, lead): (CampaignId, &Lead),
    nths: impl IntoIterator<Item = u64>,
) -> Done {
    let nths: Vec<u64> = nths.into_iter().collect();
    for some in nths.chunks(250) {
        let mut writes = Vec::new();
        for nth in some.iter().copied() {
            let Write::Record { record: Record::Opened(mut open), at } =
                opened(nth, vente, lead, 1)
            else {
                return Err("an attempt begins with its row".into());
            };
            open.receipt = Some(Box::new(receipt(nth)?));
            writes.push(record(Record::Opened(open), at));
            writes.push(closed(nth, vente, lead, Outcome::NoAnswer, Next::Untouched));
        }
        house.store.commit(writes).await?;
    }
    Ok(())
}

pub(super) async fn a_long_chain_is_verified_page_by_page(house: House) -> Done {
    let records = number("CADRAN_AUDIT_RECORDS", RECORDS)?;
    let (vente, lead) = patient(&house).await?;
    calls(&house, (vente, &lead), 1..=records / 2).await?;
    let clock = Clock::start();
    let verdict = verified(&house).await?;
    let took = spent(clock);
    assert!(verdict.is_sound(), "{:?}", verdict.faults);
    assert_eq!((verdict.records, verdict.rows), (records, records));
    assert!(verdict.last - verdict.signed < 1_000, "{verdict:?}");
    announce(&format!("{records} records and their rows verified in {took:?}"));
    let (million, within) = MILLION;
    assert!(records < million || took <= within, "{records} records took {took:?}");
    let bytes = match &house.settings.place {
        cadran::store::Place::File(path) => std::fs::metadata(path)?.len(),
        cadran::store::Place::Server(_) => 0,
    };
    announce(&format!("{} bytes of database for each attempt", bytes * 2 / records));
    Ok(())
}
