//! What gives a client company the right to call a person, and what took it back.
//!
//! Both only grow. A right counts while no withdrawal of the person's is as late as it is, so that
//! an old list read in again revives nothing.

use super::audit::Kind;
use super::audit::chain::Notes;
use super::audit::said;
use super::backend::{Db, Row, both, each, statements};
use super::people::add_persons;
use super::text::{self, at, read, scope, some_at};
use super::{DncScope, ImportSource, NewContact, Store, StoreError, insist, next_id};
use crate::core::rules::UNKNOWN_WAIT;
use crate::core::rules::consent::{Basis, RIGHTS_MAX, Right};
use crate::units::{ClientId, ConsentId, Number, PersonId, Wall};
use serde_json::{Value, json};

/// Contacts in one transaction, as in the import of lists.
const CHUNK: usize = 500;

/// A right to call that a list tells of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewConsent {
    /// What it rests on.
    pub basis: Basis,
    /// Where it was given; the name of the list if that does not say.
    pub source: Option<String>,
    /// The hash, id or address of its proof, if the list names one.
    pub proof: Option<String>,
    /// The line of the list.
    pub line: u64,
    /// What it covers.
    pub scope: Option<String>,
    /// When it was given, a contract's beginning.
    pub obtained: Option<Wall>,
    /// The first moment at which it holds no more, a contract's end.
    pub expires: Option<Wall>,
    /// The contract.
    pub contract: Option<String>,
    /// What the contract is about.
    pub object: Option<String>,
    /// Whether the person agreed to calls outside the hours of the law.
    pub out_of_hours: bool,
}

/// A right to call as it was recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsentRow {
    /// The client company it was given to.
    pub client: ClientId,
    /// What the list said of it.
    pub told: NewConsent,
    /// SHA-256 of the list, in hexadecimal.
    pub list_sha256: String,
    /// When it was recorded.
    pub recorded: Wall,
    /// When it was taken back.
    pub withdrawn: Option<Wall>,
}

/// What a person took back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WithdrawalRow {
    /// From which client company.
    pub client: ClientId,
    /// When.
    pub at: Wall,
    /// Where it was said.
    pub source: String,
}

impl NewConsent {
    /// Gives it as the chain tells it, without its words.
    fn told(&self, client: i64, person: i64) -> said::Consent<'_> {
        said::Consent {
            client,
            person,
            basis: self.basis.name(),
            obtained: some_at(self.obtained),
            expires: some_at(self.expires),
            out_of_hours: if self.out_of_hours { "true" } else { "false" },
            words: [None; 7],
        }
    }

    /// Gives its words, with what the list itself tells: its name, its hash and the line.
    fn words<'a>(&'a self, file: &'a str, sha256: &'a str, line: &'a str) -> [Option<&'a str>; 7] {
        [
            Some(self.source.as_deref().unwrap_or(file)),
            self.proof.as_deref(),
            Some(sha256),
            Some(line),
            self.scope.as_deref(),
            self.contract.as_deref(),
            self.object.as_deref(),
        ]
    }
}

impl ConsentRow {
    /// Gives it as the gate reads it; `None` once it was taken back.
    #[must_use]
    pub fn right(&self) -> Option<Right> {
        let NewConsent { basis, obtained, expires: until, out_of_hours, .. } = self.told;
        let right = Right { id: None, basis, obtained, until, out_of_hours };
        self.withdrawn.is_none().then_some(right)
    }
}

/// Rights of the persons behind some contacts that nobody took back, the latest recorded first.
macro_rules! rights_of {
    ($contacts:literal) => {
        concat!(
            "select person_id, basis, obtained_at, expires_at, out_of_hours, id from (
               select k.*, row_number() over (
                 partition by k.person_id order by k.recorded_at desc, k.id desc) as back
               from number n
                 join campaign c on c.id = $2
                 join consent k on k.person_id = n.person_id and k.client_id = c.client_id
               where n.contact_id in (",
            $contacts,
            ")
                 and not exists (select 1 from consent_withdrawal w
                   where w.person_id = k.person_id and w.client_id = k.client_id
                     and w.at >= coalesce(k.obtained_at, w.at))
             ) as given where back <= $3 order by person_id, back"
        )
    };
}

/// Takes rights back for every number of the contacts that share one: whoever has several is one
/// consumer.
macro_rules! take_back {
    ($wishes:literal) => {
        concat!(
            "with said as (
               select p.id, c.id as client_id, cast(j.value ->> 3 as bigint) as at,
                 j.value ->> 4 as source
               from ",
            $wishes,
            " cross join person p cross join client c
               where p.fingerprint = j.value ->> 0 and (j.value ->> 1 = 'everyone'
                 or j.value ->> 1 = 'client' and c.id = cast(j.value ->> 2 as bigint)))
             insert into consent_withdrawal (client_id, person_id, at, source)
             select client_id, id, at, source from said
             union
             select s.client_id, o.person_id, s.at, s.source from said s cross join number n
               cross join campaign g cross join number o
             where n.person_id = s.id and g.id = n.campaign_id and g.client_id = s.client_id
               and o.contact_id = n.contact_id
             on conflict do nothing returning client_id, person_id, at, source"
        )
    };
}

statements! {
    HIGHEST = both("select max(id) from consent where id between $1 and $2");
    ADD = each(
        "insert into consent (id, client_id, person_id, basis, source, proof, list_sha256,
           list_line, scope, obtained_at, expires_at, contract, object, out_of_hours, recorded_at)
         select j.value ->> 0, $2, p.id, j.value ->> 2, j.value ->> 3, j.value ->> 4, $3,
           j.value ->> 5, j.value ->> 6, j.value ->> 7, j.value ->> 8, j.value ->> 9,
           j.value ->> 10, j.value ->> 11, $4
         from json_each($1) j join person p on p.fingerprint = j.value ->> 1 where true
         on conflict do nothing returning id, person_id",
        "insert into consent (id, client_id, person_id, basis, source, proof, list_sha256,
           list_line, scope, obtained_at, expires_at, contract, object, out_of_hours, recorded_at)
         select cast(j.value ->> 0 as bigint), $2, p.id, j.value ->> 2, j.value ->> 3,
           j.value ->> 4, $3, cast(j.value ->> 5 as bigint), j.value ->> 6,
           cast(j.value ->> 7 as bigint), cast(j.value ->> 8 as bigint), j.value ->> 9,
           j.value ->> 10, cast(j.value ->> 11 as boolean), $4
         from jsonb_array_elements(cast($1 as jsonb)) j (value)
           join person p on p.fingerprint = j.value ->> 1
         on conflict do nothing returning id, person_id",
    );
    /// Contacts that wait for a right although one was recorded since they began to, by this run of
    /// a list or by one that was cut short before it let them go. The sign holds SQLite to the
    /// rights of one person: it would read all that the client was given since, for each contact.
    WAKE = both(
        "update contact set next_at = $2, free_at = $2,
           callback_at = case when callback_at is null then null else $2 end
         where state = 'open' and open_call_id is null and free_at = next_at and next_at > $2
           and id in (
             select c.id from campaign g cross join rule_refusal r cross join contact c
               cross join number n cross join consent k
             where g.client_id = $1 and r.campaign_id = g.id and r.at > $2 - $3
               and r.rule in ('no-consent', 'consent-expired', 'banned-subject')
               and c.id = r.contact_id and c.next_at = r.at + $3 and n.contact_id = c.id
               and k.person_id = n.person_id and k.client_id = g.client_id
               and +k.recorded_at >= r.at)",
    );
    RIGHTS = each(
        rights_of!("select value from json_each($1)"),
        rights_of!(
            "select cast(value as bigint) from jsonb_array_elements_text(cast($1 as jsonb))"
        ),
    );
    /// Contacts that bring another number of a consumer who took rights back.
    TAKEN_BACK = both(
        "insert into consent_withdrawal (client_id, person_id, at, source, spread_at)
         select w.client_id, o.person_id, w.at, w.source, cast($4 as bigint) from number n
           join consent_withdrawal w on w.person_id = n.person_id and w.client_id = $1
           join number o on o.contact_id = n.contact_id
         where n.contact_id >= $2 and n.contact_id < $3 on conflict do nothing
         returning client_id, person_id, at, source",
    );
    HISTORY = both(
        "select k.*, (select min(w.at) from consent_withdrawal w
             where w.person_id = k.person_id and w.client_id = k.client_id
               and w.at >= coalesce(k.obtained_at, w.at)) as withdrawn_at
         from consent k join person p on p.id = k.person_id
         where p.fingerprint = $1 order by k.client_id, k.recorded_at, k.id",
    );
    WITHDRAWALS = both(
        "select w.* from consent_withdrawal w join person p on p.id = w.person_id
         where p.fingerprint = $1 order by w.client_id, w.at",
    );
    TAKE_BACK = each(
        take_back!("json_each($1) j"),
        take_back!("jsonb_array_elements(cast($1 as jsonb)) j (value)"),
    );
}

impl Store {
    /// Records the rights that contacts of a list tell of, for a client company; what is recorded
    /// already adds nothing. Contacts that waited for one are due. Gives how many rights were
    /// added, and how many contacts are due for one.
    ///
    /// # Errors
    /// Patience ended, or the database failed; what was written before stays, and importing the
    /// list again goes on from there.
    pub async fn record_consents<I, P>(
        &self,
        client: ClientId,
        source: &ImportSource,
        contacts: I,
        patience: impl Fn() -> P,
    ) -> Result<(u64, u64), StoreError>
    where
        I: IntoIterator<Item = NewContact>,
        P: Future<Output = bool>,
    {
        let mut contacts = contacts.into_iter();
        let mut added = 0;
        loop {
            let chunk: Vec<NewContact> = contacts.by_ref().take(CHUNK).collect();
            if chunk.is_empty() {
                break;
            }
            let chunk: Vec<&NewContact> = chunk.iter().collect();
            let record = || async {
                let mut writer = self.writer().await;
                let mut entry = writer.begin().await?;
                let (mut db, notes) = entry.parts()?;
                let numbers = chunk.iter().flat_map(|contact| &contact.numbers);
                let prints = numbers.map(|new| self.shared.fingerprints.of(&new.number));
                let prints: Vec<String> = prints.collect();
                let node = self.shared.node;
                add_persons(&mut db, node, prints.iter().map(String::as_str)).await?;
                let added = self.add_consents(&mut db, notes, (client.0, source), &chunk).await?;
                entry.commit().await?;
                Ok(added)
            };
            added += insist(record, &patience).await?;
        }
        let woken = insist(|| self.wake_entitled(client.0, source.at), &patience).await?;
        Ok((added, woken))
    }

    /// Adds what contacts tell of to the numbers that are known; gives how many rights were new.
    pub(super) async fn add_consents(
        &self,
        db: &mut Db<'_>,
        notes: &mut Notes,
        (client, source): (u32, &ImportSource),
        contacts: &[&NewContact],
    ) -> Result<u64, StoreError> {
        if contacts.iter().all(|contact| contact.consents.is_empty()) {
            return Ok(0);
        }
        let first = next_id(db, HIGHEST, self.shared.node).await?;
        let given = contacts.iter().flat_map(|contact| {
            let numbers = contact.numbers.iter();
            numbers.flat_map(|new| contact.consents.iter().map(move |given| (&new.number, given)))
        });
        let given: Vec<_> = given.collect();
        let rows = (first..).zip(&given);
        let rows: Vec<Value> = rows
            .map(|(id, (number, given))| {
                json!([
                    id,
                    self.shared.fingerprints.of(number),
                    given.basis.name(),
                    given.source.as_ref().unwrap_or(&source.file),
                    given.proof,
                    given.line,
                    given.scope,
                    some_at(given.obtained),
                    some_at(given.expires),
                    given.contract,
                    given.object,
                    given.out_of_hours,
                ])
            })
            .collect();
        let sha256 = source.original.as_ref().unwrap_or(&source.sha256);
        let rows = ADD.bind(Value::from(rows).to_string()).bind(client).bind(sha256);
        let mut added = 0;
        for row in rows.bind(at(source.at)).fetch_all(db).await? {
            let (id, person): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
            let place = usize::try_from(id - first).unwrap_or(usize::MAX);
            let Some((_, given)) = given.get(place) else { continue };
            let of = given.told(i64::from(client), person);
            let line = given.line.to_string();
            let words = given.words(&source.file, sha256, &line);
            let said = said::Consent { words, ..of }.said(|words| notes.of_words(words));
            notes.add(source.at, Kind::Consent, id, &said);
            added += 1;
        }
        Ok(added)
    }

    /// Lets contacts go that still wait for a right which is recorded; gives how many.
    pub(super) async fn wake_entitled(&self, client: u32, moment: Wall) -> Result<u64, StoreError> {
        let wait = UNKNOWN_WAIT.as_micros().cast_signed();
        let mut writer = self.writer().await;
        let wake = WAKE.bind(client).bind(at(moment)).bind(wait);
        wake.execute(&mut writer.db().await?).await
    }

    /// Lists every right to call a number that was ever recorded, by client company and age.
    ///
    /// # Errors
    /// The database failed.
    pub async fn consents(&self, number: &Number) -> Result<Vec<ConsentRow>, StoreError> {
        let rows = HISTORY.bind(self.shared.fingerprints.of(number));
        let rows = rows.fetch_all(&mut self.reader().await?.db()).await?;
        rows.iter().map(consent_row).collect()
    }

    /// Lists every time the person behind a number took rights back, by client company and age.
    ///
    /// # Errors
    /// The database failed.
    pub async fn withdrawals(&self, number: &Number) -> Result<Vec<WithdrawalRow>, StoreError> {
        let rows = WITHDRAWALS.bind(self.shared.fingerprints.of(number));
        let rows = rows.fetch_all(&mut self.reader().await?.db()).await?;
        let row = |row: &Row| {
            Ok(WithdrawalRow {
                client: ClientId(row.try_get("client_id")?),
                at: Wall::micros(row.try_get("at")?),
                source: row.try_get("source")?,
            })
        };
        rows.iter().map(row).collect()
    }

    /// Takes back every right of a client company to call a consumer, on this number and on those
    /// of the contacts that share it; also rights that are recorded later and were given before.
    /// Gives the person-slots.
    ///
    /// # Errors
    /// The database failed.
    pub async fn withdraw(
        &self,
        number: &Number,
        client: ClientId,
        moment: Wall,
        source: &str,
    ) -> Result<Vec<PersonId>, StoreError> {
        let fingerprint = self.shared.fingerprints.of(number);
        let mut writer = self.writer().await;
        let mut entry = writer.begin().await?;
        let (mut db, notes) = entry.parts()?;
        add_persons(&mut db, self.shared.node, [fingerprint.as_str()].into_iter()).await?;
        let taken = (fingerprint.as_str(), DncScope::Client(client), moment, source);
        let persons = take_back(&mut db, notes, [taken].into_iter()).await?;
        entry.commit().await?;
        Ok(persons)
    }
}

/// Lets what the persons of some contacts took back count on all numbers of each contact, from this
/// moment on; gives the persons on whom it did not.
pub(super) async fn spread_withdrawals(
    db: &mut Db<'_>,
    notes: &mut Notes,
    client: u32,
    (contacts, spread_at): (core::ops::Range<i64>, Wall),
) -> Result<Vec<PersonId>, StoreError> {
    let spread = TAKEN_BACK.bind(client).bind(contacts.start).bind(contacts.end);
    taken_back(notes, &spread.bind(at(spread_at)).fetch_all(db).await?)
}

/// Notes in the chain what was taken back, from rows of the client company, the person, when and
/// where; gives the persons.
pub(super) fn taken_back(notes: &mut Notes, rows: &[Row]) -> Result<Vec<PersonId>, StoreError> {
    let note = |row: &Row| {
        let (client, person): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
        let (moment, source) = (Wall::micros(row.try_get(2)?), row.try_get::<String>(3)?);
        let said = said::withdrawal(client, notes.of_words(&source));
        notes.add(moment, Kind::Withdrawal, person, &said);
        Ok(PersonId(person.cast_unsigned()))
    };
    rows.iter().map(note).collect()
}

/// Takes rights back: of a number by its fingerprint, whose person-slot is there, as far as a wish
/// reaches, when and where it was said. Gives the person-slots of the consumers.
pub(super) async fn take_back<'w>(
    db: &mut Db<'_>,
    notes: &mut Notes,
    said: impl Iterator<Item = (&'w str, DncScope, Wall, &'w str)>,
) -> Result<Vec<PersonId>, StoreError> {
    let row = |(print, reach, moment, source)| {
        let (word, id) = scope(reach);
        (print, word, id, at(moment), source)
    };
    let said: Vec<_> = said.map(row).collect();
    if said.is_empty() {
        return Ok(Vec::new());
    }
    taken_back(notes, &TAKE_BACK.bind(text::json(&said)).fetch_all(db).await?)
}

/// Gives the rights of the persons behind some contacts as rows of [`right`].
pub(super) fn rights(contacts: &str, campaign: u32) -> super::backend::Query {
    let most = u32::try_from(RIGHTS_MAX).unwrap_or(u32::MAX);
    RIGHTS.bind(contacts).bind(campaign).bind(most)
}

/// Reads a right with its person; one that cannot be read is none.
pub(super) fn right(row: &Row) -> Result<(PersonId, Option<Right>), StoreError> {
    let person = PersonId(row.try_get::<i64>(0)?.cast_unsigned());
    let Ok(basis) = read::<Basis>("basis", &row.try_get::<String>(1)?) else {
        return Ok((person, None));
    };
    let moment = |place| Ok::<_, StoreError>(row.try_get::<Option<i64>>(place)?.map(Wall::micros));
    let (obtained, until) = (moment(2)?, moment(3)?);
    let id = Some(ConsentId(row.try_get::<i64>(5)?.cast_unsigned()));
    let out_of_hours = row.try_get(4)?;
    Ok((person, Some(Right { id, basis, obtained, until, out_of_hours })))
}

fn consent_row(row: &Row) -> Result<ConsentRow, StoreError> {
    let moment =
        |column: &str| Ok::<_, StoreError>(row.try_get::<Option<i64>>(column)?.map(Wall::micros));
    Ok(ConsentRow {
        client: ClientId(row.try_get("client_id")?),
        told: NewConsent {
            basis: read("basis", &row.try_get::<String>("basis")?)?,
            source: row.try_get("source")?,
            proof: row.try_get("proof")?,
            line: row.try_get::<i64>("list_line")?.cast_unsigned(),
            scope: row.try_get("scope")?,
            obtained: moment("obtained_at")?,
            expires: moment("expires_at")?,
            contract: row.try_get("contract")?,
            object: row.try_get("object")?,
            out_of_hours: row.try_get("out_of_hours")?,
        },
        list_sha256: row.try_get("list_sha256")?,
        recorded: Wall::micros(row.try_get("recorded_at")?),
        withdrawn: moment("withdrawn_at")?,
    })
}
