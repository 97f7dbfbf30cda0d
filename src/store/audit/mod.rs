//! The chain of what the law asks to be kept: appended with the rows it speaks of, signed at
//! intervals, verified against them, and handed out as a file that anybody can verify.
//!
//! A record names calls, contacts, persons and consents by id. What people wrote (sources, proofs,
//! contracts) and the numbers shown stand in it as keyed fingerprints, so that erasing a person
//! leaves the chain whole.

pub(super) mod chain;
mod check;
mod file;
pub(super) mod said;
mod tail;
mod untold;
mod verify;

use std::path::Path;

pub use check::{Fault, Flaw, Resumed, Verdict};
pub use file::verify_file;
pub use tail::Tail;

use super::backend::{Look, Row, Sql, both, each, statements};
use super::fingerprint::Fingerprints;
use super::proof::Signer;
use super::text::from_json;
use super::{Place, Store, StoreError, identity};
use crate::core::rules::receipt::Receipt;
use crate::units::{CallId, ContactId, Number, Wall};

/// What a record of the chain tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The engine started: its version and that of each law pack.
    Started,
    /// An engine that starts found records that no signature covers; of a node.
    Unsigned,
    /// What of a campaign's settings matters to the law, when they are new; of a campaign.
    Settings,
    /// A call was about to be placed, and what decided that it may be; of a call.
    Attempt,
    /// How a call ended; of a call.
    End,
    /// What an agent said of a call; of a call.
    Disposition,
    /// A contact was refused by a rule, and what decided it; of a contact.
    Refusal,
    /// A right to call was recorded; of a consent.
    Consent,
    /// A person took rights back; of a person.
    Withdrawal,
    /// A person wants no calls; of a person.
    Wish,
    /// Such a wish was ended; of a person.
    WishEnd,
    /// A person was erased; of a person. What the chain speaks of names nobody, and stays.
    Erased,
    /// What was kept long enough was forgotten: the proof of a right, of a consent; or what was
    /// refused before a moment, of a campaign.
    Forgotten,
}

impl Kind {
    /// Names it as the records do.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Unsigned => "unsigned",
            Self::Settings => "settings",
            Self::Attempt => "attempt",
            Self::End => "end",
            Self::Disposition => "disposition",
            Self::Refusal => "refusal",
            Self::Consent => "consent",
            Self::Withdrawal => "withdrawal",
            Self::Wish => "wish",
            Self::WishEnd => "wish_end",
            Self::Erased => "erased",
            Self::Forgotten => "forgotten",
        }
    }
}

/// A record of the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRecord {
    /// Its place, from 1.
    pub seq: i64,
    /// When it happened, in microseconds since 1970.
    pub at: i64,
    /// What it tells of, a [`Kind::name`] unless it was changed.
    pub kind: String,
    /// The call, contact, person, consent or campaign.
    pub subject: i64,
    /// The particulars, as JSON with sorted keys.
    pub said: String,
    /// SHA-256 of the hash before and of all of this, in hexadecimal.
    pub hash: String,
}

/// Which records are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum About {
    /// The latest of all.
    Latest,
    /// The one in this place.
    Place(i64),
    /// Of a call.
    Call(CallId),
    /// Of a contact and its calls.
    Contact(ContactId),
    /// Of whoever has a number: rights, what was taken back, wishes, calls.
    Number(Number),
}

/// Calls that a condition picks, with all that is told of them.
macro_rules! of_calls {
    ($which:literal) => {
        concat!(
            "select a.* from attempt t join audit a on a.subject = t.call_id
               and a.kind in ('attempt', 'end', 'disposition') where ",
            $which
        )
    };
}

statements! {
    HAS_CHAIN = each(
        "select count(*) from sqlite_master where name = 'audit_head'",
        "select count(*) from information_schema.tables
         where table_schema = current_schema() and table_name = 'audit_head'",
    );
    RECEIPT = both("select said from audit where subject = $1 and kind = 'attempt' limit 1");
    LATEST = both("select * from audit order by seq desc limit $1");
    PLACE = both("select * from audit where seq = $1 order by seq desc limit $2");
    OF_CALL = both(
        "select * from audit
         where subject = $1 and kind in ('attempt', 'end', 'disposition')
         order by seq desc limit $2",
    );
    OF_CONTACT = both(concat!(
        of_calls!("t.contact_id = $1"),
        " union all
         select * from audit where subject = $1 and kind = 'refusal'
         order by seq desc limit $2"
    ));
    OF_NUMBER = both(concat!(
        of_calls!("t.person_id = (select id from person where fingerprint = $1)"),
        " union all
         select a.* from consent c join audit a on a.subject = c.id and a.kind = 'consent'
         where c.person_id = (select id from person where fingerprint = $1)
         union all
         select * from audit
         where subject = (select id from person where fingerprint = $1)
           and kind in ('withdrawal', 'wish', 'wish_end', 'erased')
         order by seq desc limit $2"
    ));
}

/// Reads the chain of a database without opening the store, beside an engine or without one.
pub struct Auditor {
    look: Look,
    fingerprints: Fingerprints,
    signer: Signer,
}

impl Auditor {
    /// Opens a database to look at it, with its key file.
    ///
    /// # Errors
    /// The database cannot be read or has no chain yet, or the key is not its own.
    pub async fn open(place: &Place, key: &Path) -> Result<Self, StoreError> {
        identity::check_key(place, key).await?;
        let mut look = Look::at(place).await?;
        let has: i64 = HAS_CHAIN.query().fetch_one(&mut look.db()).await?.try_get(0)?;
        if has == 0 {
            return Err(StoreError::Unknown("audit chain; an engine that starts makes one"));
        }
        look.begin().await?;
        let fingerprints = Fingerprints::open(key, None)?;
        let signer = Signer::of(&fingerprints)?;
        Ok(Self { look, fingerprints, signer })
    }

    /// Gives the public key of the database, in hexadecimal.
    #[must_use]
    pub fn key(&self) -> String {
        self.signer.key()
    }

    /// Gives the latest records, at most `limit`, the latest first.
    ///
    /// # Errors
    /// The database failed.
    pub async fn records(
        &mut self,
        about: &About,
        limit: u32,
    ) -> Result<Vec<AuditRecord>, StoreError> {
        let query = match about {
            About::Latest => LATEST.query(),
            About::Place(seq) => PLACE.bind(*seq),
            About::Call(call) => OF_CALL.bind(call.0.cast_signed()),
            About::Contact(contact) => OF_CONTACT.bind(contact.0.cast_signed()),
            About::Number(number) => OF_NUMBER.bind(self.fingerprints.of(number)),
        };
        let rows = query.bind(limit).fetch_all(&mut self.look.db()).await?;
        rows.iter().map(record).collect()
    }
}

/// Makes the public key of a key file, in hexadecimal.
///
/// # Errors
/// The key file cannot be read.
pub fn key_of(key: &Path) -> Result<String, StoreError> {
    Ok(Signer::of(&Fingerprints::open(key, None)?)?.key())
}

/// Reads a record.
fn record(row: &Row) -> Result<AuditRecord, StoreError> {
    Ok(AuditRecord {
        seq: row.try_get("seq")?,
        at: row.try_get("at")?,
        kind: row.try_get("kind")?,
        subject: row.try_get("subject")?,
        said: row.try_get("said")?,
        hash: row.try_get("hash")?,
    })
}

/// Gives every statement of the chain.
pub(super) const ALL: [&[(&str, Sql)]; 5] =
    [STATEMENTS, chain::STATEMENTS, tail::STATEMENTS, untold::STATEMENTS, verify::STATEMENTS];

impl Store {
    /// Gives what decided that a call might be placed; `None` for calls of before the chain, and
    /// those that are told without.
    ///
    /// # Errors
    /// The database failed.
    pub async fn receipt(&self, call: CallId) -> Result<Option<Receipt>, StoreError> {
        let said = RECEIPT.bind(call.0.cast_signed());
        let row = said.fetch_optional(&mut self.reader().await?.db()).await?;
        let Some(row) = row else { return Ok(None) };
        let said: serde_json::Value =
            from_json("record of an attempt", &row.try_get::<String>(0)?)?;
        let why = said.get("why").filter(|why| !why.is_null());
        why.map(|why| from_json("receipt of an attempt", &why.to_string())).transpose()
    }
}

impl AuditRecord {
    /// Gives when it happened.
    #[must_use]
    pub fn moment(&self) -> Wall {
        Wall::micros(self.at)
    }
}
