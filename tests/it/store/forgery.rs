//! Claims: whoever can write to the database and has not the key is told of, also when the next
//! engine signs what he left.

use std::error::Error;

use cadran::core::fact::Lead;
use cadran::core::order::{Next, Outcome};
use cadran::store::Settings;
use cadran::store::audit::{About, AuditRecord, Flaw, Resumed, Tail, Verdict, verify_file};
use cadran::units::{CampaignId, Span};

use super::audit::{auditor, calls, chain, hashed, look, patient, run, verified};
use super::fixture::{Done, House, Look, NOON, closed, opened};

/// Says that nobody was called before, hashes all records behind one anew and deletes the
/// signatures over them.
pub(crate) async fn forge(settings: &Settings, after: i64) -> Done {
    let mut records = look(settings).await?.records(&About::Latest, 100_000).await?;
    records.reverse();
    let mut db = Look::open(&settings.place).await?;
    db.run("begin").await?;
    let known = records.iter().find(|record| record.seq == after);
    let mut before = known.map(|record| record.hash.clone()).unwrap_or_default();
    for record in records.iter().filter(|record| record.seq > after) {
        let said = record.said.replace("\"made\":1", "\"made\":0");
        before = hashed(&before, &AuditRecord { said: said.clone(), ..record.clone() });
        let seq = record.seq;
        let sql = format!("update audit set said = '{said}', hash = '{before}' where seq = {seq}");
        run(&mut db, sql).await?;
    }
    run(&mut db, format!("delete from audit_head where seq > {after}")).await?;
    db.run("commit").await?;
    Ok(())
}

fn flaws(verdict: &Verdict) -> Vec<(i64, Flaw)> {
    verdict.faults.iter().map(|fault| (fault.seq, fault.flaw.clone())).collect()
}

/// The moment the nth call was begun.
fn begun(nth: u64) -> i64 {
    (NOON + Span::secs(nth)).as_micros()
}

fn starts(verdict: &Verdict) -> Vec<(i64, Tail)> {
    verdict.resumed.iter().map(|Resumed { seq, tail, .. }| (*seq, *tail)).collect()
}

pub(super) async fn an_end_hashed_anew_is_told_although_the_next_engine_signs_it(
    house: House,
) -> Done {
    let (vente, lead) = patient(&house).await?;
    calls(&house, (vente, &lead), 1..=50).await?;
    house.store.sign_audit().await?;
    calls(&house, (vente, &lead), 51..=650).await?;
    let (dir, settings) = house.closed().await;
    assert!(look(&settings).await?.verify().await?.is_sound());

    forge(&settings, 100).await?;
    let told = [(101, Flaw::Unsigned(1_300))];
    assert_eq!(flaws(&look(&settings).await?.verify().await?), told, "before the start");
    let tail = Tail { first: 101, last: 1_300, span: Some((begun(51), begun(650))) };
    let mut house = House::open(dir, settings).await?;
    for day in 0..3 {
        let first = 651 + day * 600;
        calls(&house, (vente, &lead), first..first + 600).await?;
        house.store.sign_audit().await?;
        let verdict = verified(&house).await?;
        assert_eq!(verdict.signed, verdict.last, "all of it was signed");
        assert_eq!(flaws(&verdict), told, "day {day}");
        assert_eq!(starts(&verdict), [(1_301, tail)], "day {day}");
        house = house.reopened().await?;
    }
    let (mut auditor, mut file) = (auditor(&house).await?, Vec::new());
    auditor.export(&mut file).await?;
    let verdict = verify_file(&*file, Some(&auditor.key()))?;
    assert_eq!((flaws(&verdict), starts(&verdict)), (told.to_vec(), vec![(1_301, tail)]));
    Ok(())
}

pub(super) async fn a_start_over_the_little_that_a_crash_leaves_is_told_and_no_fault(
    house: House,
) -> Done {
    let (vente, lead) = patient(&house).await?;
    calls(&house, (vente, &lead), 1..=50).await?;
    house.store.sign_audit().await?;
    calls(&house, (vente, &lead), 51..=70).await?;
    let (dir, settings) = house.closed().await;
    forge(&settings, 100).await?;
    let before = look(&settings).await?.verify().await?;
    assert!(before.is_sound() && before.signed == 100, "{before:?}");

    let house = House::open(dir, settings).await?;
    // Nothing is written but that.
    house.store.sign_audit().await?;
    let verdict = verified(&house).await?;
    assert!(verdict.is_sound(), "{verdict:?}");
    let tail = Tail { first: 101, last: 140, span: Some((begun(51), begun(70))) };
    assert_eq!(starts(&verdict), [(141, tail)]);
    assert_eq!((verdict.signed, verdict.last), (141, 141), "it is signed at once");
    let house = house.reopened().await?;
    calls(&house, (vente, &lead), 71..=80).await?;
    assert_eq!(verified(&house).await?.resumes, 1, "what was signed is not told again");
    Ok(())
}

pub(super) async fn few_records_of_a_long_time_are_no_crash(house: House) -> Done {
    let (vente, lead) = patient(&house).await?;
    calls(&house, (vente, &lead), [1, 2]).await?;
    house.store.sign_audit().await?;
    calls(&house, (vente, &lead), [3, 303, 304]).await?;
    let (dir, settings) = house.closed().await;
    forge(&settings, 4).await?;
    let told = [(5, Flaw::Unsigned(10))];
    assert_eq!(flaws(&look(&settings).await?.verify().await?), told, "before the start");
    // Whoever hands it out then signs it neither.
    let (mut auditor, mut file) = (look(&settings).await?, Vec::new());
    auditor.export(&mut file).await?;
    assert_eq!(flaws(&verify_file(&*file, None)?), told, "in a file");
    let house = House::open(dir, settings).await?;
    calls(&house, (vente, &lead), [305]).await?;
    let verdict = verified(&house).await?;
    assert_eq!((flaws(&verdict), verdict.resumes), (told.to_vec(), 1));
    Ok(())
}

pub(super) async fn a_signature_that_is_none_hides_no_end(house: House) -> Done {
    let (vente, lead) = patient(&house).await?;
    calls(&house, (vente, &lead), 1..=50).await?;
    house.store.sign_audit().await?;
    calls(&house, (vente, &lead), 51..=70).await?;
    let (dir, settings) = house.closed().await;
    forge(&settings, 100).await?;
    let mut db = Look::open(&settings.place).await?;
    // One of another record, and of one that is to come.
    db.run(
        "insert into audit_head select seq + 40, signature from audit_head
         union all select seq + 43, signature from audit_head",
    )
    .await?;
    let house = House::open(dir, settings).await?;
    calls(&house, (vente, &lead), [71]).await?;
    house.store.sign_audit().await?;
    db.run("delete from audit_head where seq = 140").await?;
    let verdict = verified(&house).await?;
    assert_eq!(starts(&verdict).iter().map(|(seq, _)| *seq).collect::<Vec<_>>(), [141]);
    assert!(verdict.is_sound() && verdict.signed == 143, "ours stand in its place: {verdict:?}");
    Ok(())
}

pub(super) async fn a_commit_signs_every_thousandth_record(house: House) -> Done {
    let (vente, lead) = patient(&house).await?;
    let writes = (1..=1_250).flat_map(|nth| {
        let close = closed(nth, vente, &lead, Outcome::NoAnswer, Next::Untouched);
        [opened(nth, vente, &lead, 1), close]
    });
    house.store.commit(writes.collect()).await?;
    let heads =
        house.look().await?.pairs("select seq, signature from audit_head order by seq").await?;
    let heads: Vec<i64> = heads.into_iter().map(|(seq, _)| seq).collect();
    assert_eq!(heads, [1_000, 2_000]);
    house.store.sign_audit().await?;
    assert!(verified(&house).await?.is_sound());
    house.look().await?.run("delete from audit_head where seq = 1000").await?;
    assert_eq!(flaws(&verified(&house).await?), [(1, Flaw::Unsigned(2_000))]);
    Ok(())
}

pub(super) async fn what_is_cut_off_under_an_engine_is_missing_whatever_it_could_not_write(
    house: House,
) -> Done {
    let (vente, lead) = patient(&house).await?;
    calls(&house, (vente, &lead), 1..=10).await?;
    let mut db = house.look().await?;
    db.run("delete from attempt where call_id > 8").await?;
    db.run("delete from audit where seq > 16").await?;
    let nowhere = vec![opened(11, CampaignId(99), &lead, 1)];
    assert!(house.store.commit(nowhere).await.is_err(), "there is no such campaign");
    calls(&house, (vente, &lead), [12]).await?;
    house.store.sign_audit().await?;
    assert_eq!(flaws(&verified(&house).await?), [(17, Flaw::Missing(20))]);
    Ok(())
}

pub(super) async fn another_number_shown_is_told(house: House) -> Done {
    let (vente, lead) = patient(&house).await?;
    calls(&house, (vente, &lead), 1..=3).await?;
    let mut db = house.look().await?;
    let third = chain(&house).await?.get(2).cloned().ok_or("three records")?;
    assert!(third.said.contains("\"visible\":\""), "{third:?}");
    assert!(!third.said.contains("+33"), "a number: {third:?}");
    let known = "(select caller_e164 from attempt where call_id = 1)";
    for other in ["'+33162000001'", "null", "''"] {
        run(&mut db, format!("update attempt set caller_e164 = {other} where call_id = 2")).await?;
        let told = flaws(&verified(&house).await?);
        assert_eq!(told, [(third.seq, Flaw::Row)], "{other}");
    }
    run(&mut db, format!("update attempt set caller_e164 = {known} where call_id = 2")).await?;
    assert!(verified(&house).await?.is_sound(), "it was put back");
    Ok(())
}

/// A row that is put in: its table, its key, how it is put in, and how it is taken out again.
type Forgery = (&'static str, u64, String, &'static str);

fn forgeries(vente: CampaignId, lead: &Lead) -> Result<[Forgery; 5], Box<dyn Error>> {
    let (at, vente) = ((NOON + Span::secs(9)).as_micros(), vente.0);
    let number = lead.numbers.first().ok_or("a lead without a number")?;
    let (contact, number, person) = (lead.contact.0, number.number.0, number.person.0);
    let of_attempt = "campaign_id, client_id, contact_id, number_id, person_id, trunk_id, \
        caller_id, attempt, opened_at, cause, held_us, wrong_number";
    let attempt = format!(
        "insert into attempt (call_id, {of_attempt})
         select 99, {of_attempt} from attempt where call_id = 1"
    );
    let said = format!(
        "update attempt set disposition_code = 'vente', qualified_at = {at} where call_id = 3"
    );
    let unsaid = "update attempt set disposition_code = null, qualified_at = null";
    let refusal = format!(
        "insert into rule_refusal (contact_id, number_id, stage, at, campaign_id, rule)
         values ({contact}, {number}, 'dial', {at}, {vente}, 'hours')"
    );
    let withdrawal = format!(
        "insert into consent_withdrawal (client_id, person_id, at, source)
         select client_id, {person}, {at}, 'post' from campaign"
    );
    let wish = format!(
        "insert into do_not_call (person_id, scope, scope_id, reason, source, at)
         values ({person}, 'everyone', 0, 'letter', 'post', {at})"
    );
    Ok([
        ("attempt", 99, attempt, "delete from attempt where call_id = 99"),
        ("attempt", 3, said, unsaid),
        ("rule_refusal", contact, refusal, "delete from rule_refusal"),
        ("consent_withdrawal", person, withdrawal, "delete from consent_withdrawal"),
        ("do_not_call", person, wish, "delete from do_not_call"),
    ])
}

pub(super) async fn a_row_that_no_record_speaks_of_is_told(house: House) -> Done {
    let (vente, lead) = patient(&house).await?;
    calls(&house, (vente, &lead), 1..=4).await?;
    let mut db = house.look().await?;
    for (table, key, forgery, undo) in forgeries(vente, &lead)? {
        run(&mut db, forgery).await?;
        let untold = Flaw::Untold(table, key.cast_signed());
        assert_eq!(flaws(&verified(&house).await?), [(8, untold)]);
        db.run(undo).await?;
        assert!(verified(&house).await?.is_sound(), "{table} was put back");
    }
    // One for another: there are as many rows as records.
    db.run("update attempt set call_id = 99 where call_id = 4").await?;
    let told = flaws(&verified(&house).await?);
    assert!(told.contains(&(8, Flaw::Untold("attempt", 99))), "{told:?}");
    assert!(told.contains(&(7, Flaw::Row)), "{told:?}");
    Ok(())
}
