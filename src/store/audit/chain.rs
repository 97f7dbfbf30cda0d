//! How records are appended: hashed one on the other, and signed now and then.

use ring::digest::{Context, SHA256};
use serde_json::{Value, json};

use super::super::backend::{Db, both, each, statements};
use super::super::fingerprint::{Fingerprints, hex};
use super::super::proof::Signer;
use super::super::{Store, StoreError};
use super::tail::{RECORDS_MAX, Tail, end, find, warn};
use super::{AuditRecord, Kind};
use crate::units::Wall;

/// The hash before the first record.
pub(super) const NOTHING: &str = "";

statements! {
    APPEND = each(
        "insert into audit (seq, at, kind, subject, said, hash)
         select value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5
         from json_each($1)",
        "insert into audit (seq, at, kind, subject, said, hash)
         select cast(value ->> 0 as bigint), cast(value ->> 1 as bigint), value ->> 2,
           cast(value ->> 3 as bigint), value ->> 4, value ->> 5
         from jsonb_array_elements(cast($1 as jsonb))",
    );
    SIGN = both(
        "insert into audit_head (seq, signature) values ($1, $2)
         on conflict (seq) do update set signature = excluded.signature",
    );
    SAID = both("select at, said from audit where subject = $1 and kind = $2 order by seq desc");
}

/// Where the chain ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::store) struct Head {
    /// The place of the last record, 0 without one.
    pub(super) seq: i64,
    /// Its hash.
    pub(super) hash: String,
    /// The place of the last record that was signed.
    pub(super) signed: i64,
    /// What was found unsigned and is not told yet.
    pub(super) found: Option<Tail>,
}

impl Head {
    /// Tells whether records came after the last signature.
    pub(in crate::store) fn is_unsigned(&self) -> bool {
        self.signed < self.seq
    }
}

/// Where the chain ends as far as this program knows: what the database says is believed only
/// where that is not known.
#[derive(Debug, Default)]
pub(in crate::store) struct Ends {
    /// After the last commit.
    known: Option<Head>,
    /// After a commit of which nobody knows whether it was made.
    tried: Option<Head>,
}

impl Ends {
    /// Gives where the chain ends in a transaction that was just begun.
    pub(in crate::store) async fn now(
        &mut self,
        db: &mut Db<'_>,
        signer: &Signer,
    ) -> Result<Head, StoreError> {
        if let (Some(known), None) = (&self.known, &self.tried) {
            return Ok(known.clone());
        }
        let (seq, hash) = end(db).await?;
        let own = |head: &Head| head.seq == seq && head.hash == hash;
        let own = [&self.tried, &self.known].into_iter().flatten().find(|head| own(head)).cloned();
        let head = match own {
            Some(own) => own,
            None => find(db, signer).await?,
        };
        if let Some(tail) = &head.found {
            warn(tail);
        }
        *self = Self { known: Some(head.clone()), tried: None };
        Ok(head)
    }

    /// Takes where the chain ends if the commit that follows is made.
    pub(in crate::store) fn trying(&mut self, head: Head) {
        self.tried = Some(head);
    }

    /// Takes that it was made.
    pub(in crate::store) fn made(&mut self) {
        self.known = self.tried.take();
    }

    /// Tells whether nothing came after the last signature.
    pub(in crate::store) fn is_signed(&self) -> bool {
        self.tried.is_none() && self.known.as_ref().is_some_and(|head| !head.is_unsigned())
    }
}

/// Hashes a record onto the one before.
pub(super) fn hash(before: &str, record: &AuditRecord) -> String {
    let AuditRecord { seq, at, kind, subject, said, hash: _ } = record;
    let mut context = Context::new(&SHA256);
    context.update(format!("{before}\n{seq}\n{at}\n{kind}\n{subject}\n").as_bytes());
    context.update(said.as_bytes());
    hex(context.finish().as_ref())
}

/// Gives what is signed of a chain that ends with a record.
pub(super) fn signed_text(seq: i64, hash: &str) -> String {
    format!("cadran audit head\n{seq}\n{hash}")
}

/// The records of one transaction, written before it is committed.
#[derive(Debug)]
pub(in crate::store) struct Notes {
    head: Head,
    new: Vec<AuditRecord>,
    /// Whether the first of them tells what was found unsigned.
    tells_unsigned: bool,
    fingerprints: Fingerprints,
}

impl Notes {
    /// Goes on where the chain ends; a node that found something unsigned there tells it now.
    pub(in crate::store) fn after(
        mut head: Head,
        fingerprints: &Fingerprints,
        (node, now): (u16, Wall),
    ) -> Self {
        let found = head.found.take();
        let fingerprints = fingerprints.clone();
        let mut notes =
            Self { head, new: Vec::new(), tells_unsigned: found.is_some(), fingerprints };
        if let Some(tail) = found {
            notes.add(now, Kind::Unsigned, node.into(), &tail.said());
        }
        notes
    }

    /// Appends a record.
    pub(in crate::store) fn add(&mut self, at: Wall, kind: Kind, subject: i64, said: &Value) {
        let mut record = AuditRecord {
            seq: self.head.seq + 1,
            at: at.as_micros(),
            kind: kind.name().to_owned(),
            subject,
            said: said.to_string(),
            hash: String::new(),
        };
        record.hash = hash(&self.head.hash, &record);
        (self.head.seq, self.head.hash) = (record.seq, record.hash.clone());
        self.new.push(record);
    }

    /// Appends a record unless there is the same already: what is written again, because the
    /// database was gone before it answered, is told once.
    pub(in crate::store) async fn add_once(
        &mut self,
        db: &mut Db<'_>,
        (at, kind, subject): (Wall, Kind, i64),
        said: &Value,
    ) -> Result<(), StoreError> {
        let same = (at.as_micros(), said.to_string());
        if !self.known(db, kind, subject).await?.contains(&same) {
            self.add(at, kind, subject, said);
        }
        Ok(())
    }

    /// Appends a record unless the latest of its kind and subject says the same.
    async fn add_changed(
        &mut self,
        db: &mut Db<'_>,
        (at, kind, subject): (Wall, Kind, i64),
        said: &Value,
    ) -> Result<(), StoreError> {
        let (known, text) = (self.known(db, kind, subject).await?, said.to_string());
        if known.first().is_none_or(|(_, known)| *known != text) {
            self.add(at, kind, subject, said);
        }
        Ok(())
    }

    /// Gives the moments and particulars of a kind and subject, the latest first.
    async fn known(
        &self,
        db: &mut Db<'_>,
        kind: Kind,
        subject: i64,
    ) -> Result<Vec<(i64, String)>, StoreError> {
        let mine = |known: &&AuditRecord| known.kind == kind.name() && known.subject == subject;
        let new = self.new.iter().rev().filter(mine);
        let mut known: Vec<_> = new.map(|known| (known.at, known.said.clone())).collect();
        for row in SAID.bind(subject).bind(kind.name()).fetch_all(db).await? {
            known.push((row.try_get(0)?, row.try_get(1)?));
        }
        Ok(known)
    }

    /// Makes a fingerprint of words of people's.
    pub(in crate::store) fn of_words(&self, words: &str) -> String {
        self.fingerprints.of_words(words)
    }

    /// Writes the records down, and the signatures that are due; gives where the chain ends then.
    pub(in crate::store) async fn write(
        mut self,
        db: &mut Db<'_>,
        signer: &Signer,
        sign: bool,
    ) -> Result<Head, StoreError> {
        if !self.new.is_empty() {
            let row =
                |it: &AuditRecord| json!([it.seq, it.at, it.kind, it.subject, it.said, it.hash]);
            let rows: Vec<Value> = self.new.iter().map(row).collect();
            APPEND.bind(Value::from(rows).to_string()).execute(db).await?;
        }
        let mut due = Vec::new();
        for AuditRecord { seq, hash, .. } in &self.new {
            if seq - self.head.signed >= RECORDS_MAX {
                due.push((*seq, hash.clone()));
                self.head.signed = *seq;
            }
        }
        if (sign || self.tells_unsigned) && self.head.is_unsigned() {
            due.push((self.head.seq, self.head.hash.clone()));
            self.head.signed = self.head.seq;
        }
        for (seq, hash) in due {
            let signature = signer.sign(signed_text(seq, &hash).as_bytes());
            SIGN.bind(seq).bind(signature.value).execute(db).await?;
        }
        Ok(self.head)
    }
}

/// What of a campaign's settings matters to the law.
#[derive(Clone, Debug, PartialEq)]
pub struct AuditedSettings {
    /// The campaign.
    pub campaign: crate::units::CampaignId,
    /// The settings, as JSON without numbers and names.
    pub settings: Value,
    /// The numbers it shows, of which fingerprints are kept.
    pub caller_ids: Vec<crate::units::Number>,
}

impl Store {
    /// Notes in the chain that an engine starts, and the settings of campaigns that are new since.
    ///
    /// # Errors
    /// The database failed.
    pub async fn note_start(
        &self,
        at: Wall,
        started: &Value,
        campaigns: &[AuditedSettings],
    ) -> Result<(), StoreError> {
        let mut pen = self.writer().await;
        let mut entry = pen.begin().await?;
        let (mut db, notes) = entry.parts()?;
        notes.add(at, Kind::Started, i64::from(self.shared.node), started);
        for of in campaigns {
            let shown = of.caller_ids.iter().map(|number| notes.of_words(number.reveal()));
            let shown = Value::from(shown.collect::<Vec<_>>());
            let mut said = of.settings.clone();
            if let Value::Object(said) = &mut said {
                said.insert("caller_ids".to_owned(), shown);
            }
            let what = (at, Kind::Settings, i64::from(of.campaign.0));
            notes.add_changed(&mut db, what, &said).await?;
        }
        entry.commit().await
    }

    /// Signs the chain, if records came since it was signed last.
    ///
    /// # Errors
    /// The database failed.
    pub async fn sign_audit(&self) -> Result<(), StoreError> {
        self.writer().await.sign().await
    }
}
