//! What is wrong with a chain: its records one after the other, and the signatures over it.

use super::super::proof::Signature;
use super::AuditRecord;
use super::chain::{NOTHING, hash, signed_text};

/// Faults told one by one at most; the others are counted.
const FAULTS_MAX: usize = 1_000;

/// What is wrong at a place of the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The record, or the first of several.
    pub seq: i64,
    /// What is wrong with it.
    pub flaw: Flaw,
}

/// What can be wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// The records up to this one are not there.
    Missing(i64),
    /// Records stand twice, or in another order.
    Order,
    /// Its hash is not that of what it says and of all before.
    Changed,
    /// The signature over the chain up to this record is not right: records since the last good
    /// signature, told here, were changed together with their hashes, or the signature was.
    Signature(i64),
    /// The row it speaks of says something else, or is gone.
    Row,
    /// A row of this table and key is there that no record speaks of.
    Untold(&'static str, i64),
    /// This line of a file cannot be read as it was written.
    Line(u64),
    /// The file ends before the record that it says is its last.
    Cut(i64),
    /// The file was signed with another key than the one that was given.
    Key,
}

/// What a verification found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Records read.
    pub records: u64,
    /// Rows compared with them.
    pub rows: u64,
    /// Signatures checked.
    pub heads: u64,
    /// The last record that a right signature covers, 0 without one. What comes after it could
    /// have been cut off without a trace.
    pub signed: i64,
    /// The place of the last record, 0 without one.
    pub last: i64,
    /// When the first and the last happened, in microseconds since 1970.
    pub span: Option<(i64, i64)>,
    /// The public key of the signatures, in hexadecimal.
    pub key: String,
    /// What is wrong, in the order it was found, at most a thousand.
    pub faults: Vec<Fault>,
    /// How much is wrong.
    pub faulty: u64,
}

impl Verdict {
    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.faulty == 0
    }

    pub(super) fn fault(&mut self, seq: i64, flaw: Flaw) {
        self.faulty += 1;
        if self.faults.len() < FAULTS_MAX {
            self.faults.push(Fault { seq, flaw });
        }
    }
}

/// Goes through a chain.
pub(super) struct Walk {
    pub(super) verdict: Verdict,
    /// What the next record may follow: the hash of the last as it stands, and as it should be.
    before: [String; 2],
}

impl Walk {
    /// Begins before the first record, with the public key of the signatures.
    pub(super) fn new(key: String) -> Self {
        let verdict = Verdict { key, ..Verdict::default() };
        Self { verdict, before: [NOTHING.to_owned(), NOTHING.to_owned()] }
    }

    /// Takes the next record.
    pub(super) fn step(&mut self, record: &AuditRecord) {
        let verdict = &mut self.verdict;
        let expected = verdict.last + 1;
        let follows = record.seq == expected;
        if record.seq > expected {
            verdict.fault(expected, Flaw::Missing(record.seq - 1));
        } else if record.seq < expected {
            verdict.fault(record.seq, Flaw::Order);
        }
        let [stands, should] = &self.before;
        let mine = hash(stands, record);
        // What follows a gap cannot be judged by what should be before it.
        if mine != record.hash && follows && hash(should, record) != record.hash {
            verdict.fault(record.seq, Flaw::Changed);
        }
        self.before = [record.hash.clone(), mine];
        verdict.records += 1;
        verdict.last = record.seq;
        let first = verdict.span.map_or(record.at, |(first, _)| first);
        verdict.span = Some((first, record.at));
    }

    /// Takes a signature over the chain up to a record, which was to be the one taken last.
    pub(super) fn head(&mut self, seq: i64, value: &str) {
        let [stands, _] = &self.before;
        let signature = Signature { key: self.verdict.key.clone(), value: value.to_owned() };
        let right = seq == self.verdict.last && signature.fits(signed_text(seq, stands).as_bytes());
        self.verdict.heads += 1;
        if right {
            self.verdict.signed = seq;
        } else {
            let signed = self.verdict.signed;
            self.verdict.fault(seq, Flaw::Signature(signed));
        }
    }

    /// Gives the hash of the last record as it stands.
    pub(super) fn hash(&self) -> &str {
        let [stands, _] = &self.before;
        stands
    }
}
