//! Sealing what an older program left plain, once, when the store is opened.
//!
//! A few hundred rows in a transaction: a start that is cut goes on where it was. The database is
//! then written anew, so that nothing plain stays in the rows' old places.

use super::backend::{Db, Row, Sql, Writer, both, each, statements};
use super::seal::{Seal, Seals, Wrap};
use super::text::{Told, from_json, json as text};
use super::{StoreError, identity};
use serde_json::{Value, json};

/// Rows in one transaction.
const PORTION: u32 = 500;

/// The note that nothing plain is left.
const SEALED: &str = "sealed";

statements! {
    HELD = both("select count(*) from (select 1 from person_personal limit 1) as held");
    DIGITS = both(
        "select person_id as id, e164 from person_personal
         where person_id > $1 and key is null order by person_id limit $2",
    );
    SEAL_DIGITS = each(
        "update person_personal set key = j.value ->> 1, e164 = j.value ->> 2
         from json_each($1) j where person_id = j.value ->> 0",
        "update person_personal set key = j.value ->> 1, e164 = j.value ->> 2
         from jsonb_array_elements(cast($1 as jsonb)) j (value)
         where person_id = cast(j.value ->> 0 as bigint)",
    );
    CARDS = both(
        "select p.contact_id as id, k.client_id, p.name, p.fields
         from contact_personal p join contact k on k.id = p.contact_id
         where p.contact_id > $1 and p.key is null order by p.contact_id limit $2",
    );
    SEAL_CARDS = each(
        "update contact_personal set key = j.value ->> 1, name = null, fields = j.value ->> 2
         from json_each($1) j where contact_id = j.value ->> 0",
        "update contact_personal set key = j.value ->> 1, name = null, fields = j.value ->> 2
         from jsonb_array_elements(cast($1 as jsonb)) j (value)
         where contact_id = cast(j.value ->> 0 as bigint)",
    );
    DETAILS = both(
        "select t.call_id as id, k.key as contact_key, t.details
         from attempt_personal t join attempt a on a.call_id = t.call_id
           join contact_personal k on k.contact_id = a.contact_id
         where t.call_id > $1 and t.details not like 's1:%' order by t.call_id limit $2",
    );
    SEAL_DETAILS = each(
        "update attempt_personal set details = j.value ->> 1
         from json_each($1) j where call_id = j.value ->> 0",
        "update attempt_personal set details = j.value ->> 1
         from jsonb_array_elements(cast($1 as jsonb)) j (value)
         where call_id = cast(j.value ->> 0 as bigint)",
    );
    BODIES = both(
        "select o.call_id as id, o.event_id, k.key as contact_key, p.body
         from outbox o join outbox_personal p on p.event_id = o.event_id
           join attempt a on a.call_id = o.call_id
           join contact_personal k on k.contact_id = a.contact_id
         where o.call_id >= $1 and p.body not like 's1:%' order by o.call_id limit $2",
    );
    SEAL_BODIES = each(
        "update outbox_personal set body = j.value ->> 1
         from json_each($1) j where event_id = j.value ->> 0",
        "update outbox_personal set body = j.value ->> 1
         from jsonb_array_elements(cast($1 as jsonb)) j (value)
         where event_id = j.value ->> 0",
    );
    CHANGES = both(
        "select c.contact_id as id, c.field, c.nth, c.before, c.after, p.key as contact_key
         from contact_change_personal c
           join contact_personal p on p.contact_id = c.contact_id
         where c.contact_id >= $1
           and (c.before not like 's1:%' or c.after not like 's1:%')
         order by c.contact_id limit $2",
    );
    SEAL_CHANGES = each(
        "update contact_change_personal set before = j.value ->> 3, after = j.value ->> 4
         from json_each($1) j where contact_id = j.value ->> 0 and field = j.value ->> 1
           and nth = j.value ->> 2",
        "update contact_change_personal set before = j.value ->> 3, after = j.value ->> 4
         from jsonb_array_elements(cast($1 as jsonb)) j (value)
         where contact_id = cast(j.value ->> 0 as bigint) and field = j.value ->> 1
           and nth = cast(j.value ->> 2 as bigint)",
    );
    CALLERS = both(
        "select inbound_id as id, from_e164, to_e164 from inbound_call_personal
         where inbound_id > $1 and key is null order by inbound_id limit $2",
    );
    SEAL_CALLERS = each(
        "update inbound_call_personal set key = j.value ->> 1, from_e164 = j.value ->> 2,
           to_e164 = j.value ->> 3
         from json_each($1) j where inbound_id = j.value ->> 0",
        "update inbound_call_personal set key = j.value ->> 1, from_e164 = j.value ->> 2,
           to_e164 = j.value ->> 3
         from jsonb_array_elements(cast($1 as jsonb)) j (value)
         where inbound_id = cast(j.value ->> 0 as bigint)",
    );
    INBOUND_BODIES = both(
        "select o.inbound_id as id, o.event_id, i.key as contact_key, p.body
         from outbox o join outbox_personal p on p.event_id = o.event_id
           join inbound_call_personal i on i.inbound_id = o.inbound_id
         where o.inbound_id >= $1 and p.body not like 's1:%' order by o.inbound_id limit $2",
    );
    DIALOGS = both(
        "select leg_id as id, dialog from dialog_personal
         where leg_id > $1 and dialog not like 's1:%' order by leg_id limit $2",
    );
    SEAL_DIALOGS = each(
        "update dialog_personal set dialog = j.value ->> 1
         from json_each($1) j where leg_id = j.value ->> 0",
        "update dialog_personal set dialog = j.value ->> 1
         from jsonb_array_elements(cast($1 as jsonb)) j (value)
         where leg_id = cast(j.value ->> 0 as bigint)",
    );
}

/// What is sealed alike: where plain rows are found, how one is sealed, where it is written.
type Kind = (Sql, fn(&Seals, &Row) -> Result<Value, StoreError>, Sql);

/// In this order: what hangs on a contact is sealed with the contact's key.
const KINDS: [Kind; 8] = [
    (DIGITS, digits, SEAL_DIGITS),
    (CARDS, card, SEAL_CARDS),
    (DETAILS, details, SEAL_DETAILS),
    (BODIES, body, SEAL_BODIES),
    (CHANGES, change, SEAL_CHANGES),
    (CALLERS, caller, SEAL_CALLERS),
    (INBOUND_BODIES, body, SEAL_BODIES),
    (DIALOGS, dialog, SEAL_DIALOGS),
];

/// Seals every plain row, unless that is done.
pub(super) async fn seal_all(writer: &mut Writer, seals: &Seals) -> Result<(), StoreError> {
    if identity::meta(&mut writer.db().await?, SEALED).await?.is_some() {
        return Ok(());
    }
    for kind in KINDS {
        let mut after = i64::MIN;
        while let Some(last) = seal_portion(writer, seals, kind, after).await? {
            after = last;
        }
    }
    let held: i64 = HELD.query().fetch_one(&mut writer.db().await?).await?.try_get(0)?;
    // Also where an earlier start sealed all of it and was cut here.
    if held > 0
        && let Err(error) = writer.rewrite().await
    {
        tracing::warn!(
            %error,
            "personal data is sealed, but old places in the database may still hold it plain: make \
             room for a second copy of it; tried again at the next start"
        );
        return Ok(());
    }
    identity::set_meta(&mut writer.db().await?, SEALED, "1").await
}

/// Seals the next plain rows of a kind; gives the id of the last.
async fn seal_portion(
    writer: &mut Writer,
    seals: &Seals,
    (find, seal, write): Kind,
    after: i64,
) -> Result<Option<i64>, StoreError> {
    let mut transaction = writer.begin().await?;
    let mut db = transaction.db()?;
    let rows = find.bind(after).bind(PORTION).fetch_all(&mut db).await?;
    let Some(last) = rows.last() else { return transaction.commit().await.map(|()| None) };
    let last = last.try_get("id")?;
    let sealed = rows.iter().map(|row| seal(seals, row)).collect::<Result<Vec<_>, _>>()?;
    write_all(&mut db, write, sealed).await?;
    transaction.commit().await?;
    Ok(Some(last))
}

async fn write_all(db: &mut Db<'_>, write: Sql, sealed: Vec<Value>) -> Result<(), StoreError> {
    write.bind(Value::from(sealed).to_string()).execute(db).await.map(drop)
}

fn id(row: &Row) -> Result<i64, StoreError> {
    row.try_get("id")
}

fn digits(seals: &Seals, row: &Row) -> Result<Value, StoreError> {
    let (seal, key) = seals.draw(Wrap::Centre)?;
    Ok(json!([id(row)?, key, seal.seal(row.try_get::<String>("e164")?)?]))
}

fn card(seals: &Seals, row: &Row) -> Result<Value, StoreError> {
    let (seal, key) = seals.draw(Wrap::Client(row.try_get("client_id")?))?;
    let fields = from_json("contact's fields", &row.try_get::<String>("fields")?)?;
    let told: Told = (row.try_get("name")?, fields);
    Ok(json!([id(row)?, key, seal.seal(text(&told))?]))
}

fn details(seals: &Seals, row: &Row) -> Result<Value, StoreError> {
    Ok(json!([id(row)?, of_contact(seals, row, "details")?]))
}

fn body(seals: &Seals, row: &Row) -> Result<Value, StoreError> {
    Ok(json!([row.try_get::<String>("event_id")?, of_contact(seals, row, "body")?]))
}

fn change(seals: &Seals, row: &Row) -> Result<Value, StoreError> {
    let key = key(seals, row)?;
    let (field, nth): (String, i64) = (row.try_get("field")?, row.try_get("nth")?);
    let (before, after) = (sealed(&key, row, "before")?, sealed(&key, row, "after")?);
    Ok(json!([id(row)?, field, nth, before, after]))
}

fn caller(seals: &Seals, row: &Row) -> Result<Value, StoreError> {
    let (seal, key) = seals.draw(Wrap::Centre)?;
    let (from, to) = (sealed(&seal, row, "from_e164")?, sealed(&seal, row, "to_e164")?);
    Ok(json!([id(row)?, key, from, to]))
}

fn of_contact(seals: &Seals, row: &Row, column: &str) -> Result<Option<String>, StoreError> {
    sealed(&key(seals, row)?, row, column)
}

fn key(seals: &Seals, row: &Row) -> Result<Seal, StoreError> {
    let gone = || StoreError::Corrupt { what: "key of a contact", value: "none".to_owned() };
    seals.contact(row)?.ok_or_else(gone)
}

fn sealed(key: &Seal, row: &Row, column: &str) -> Result<Option<String>, StoreError> {
    row.try_get::<Option<String>>(column)?.map(|text| key.seal(text)).transpose()
}

fn dialog(seals: &Seals, row: &Row) -> Result<Value, StoreError> {
    Ok(json!([id(row)?, seals.passing().seal(row.try_get::<String>("dialog")?)?]))
}
