//! What is wrong with a chain: its records one after the other, and the signatures over it.

use super::super::proof::Signature;
use super::chain::{NOTHING, hash, signed_text};
use super::tail::{RECORDS_MAX, Tail};
use super::{AuditRecord, Kind};

/// Faults told one by one at most, the first, and starts, the latest; the others are counted.
const TOLD_MAX: usize = 1_000;

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
    /// No signature covers the records up to this one although they are more than a crash leaves,
    /// or the engine that signed them had found them so: they may have been hashed anew.
    Unsigned(i64),
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

/// A start over records that nobody had signed: a crash leaves some, and so does who rewrites them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resumed {
    /// The record of it.
    pub seq: i64,
    /// When it happened, in microseconds since 1970.
    pub at: i64,
    /// What was not signed.
    pub tail: Tail,
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
    /// The starts over unsigned records, the latest thousand at most.
    pub resumed: Vec<Resumed>,
    /// How many there were.
    pub resumes: u64,
    /// What is wrong, in the order of the records, at most a thousand.
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

    /// Adds what is wrong with rows, and how many were compared.
    pub(super) fn add(&mut self, rows: Self) {
        self.rows += rows.rows;
        self.faulty += rows.faulty;
        self.faults.extend(rows.faults);
        self.faults.sort_by_key(|fault| fault.seq);
        self.faults.truncate(TOLD_MAX);
    }

    pub(super) fn fault(&mut self, seq: i64, flaw: Flaw) {
        self.faulty += 1;
        if self.faults.len() < TOLD_MAX {
            self.faults.push(Fault { seq, flaw });
        }
    }
}

/// Goes through a chain.
pub(super) struct Walk {
    pub(super) verdict: Verdict,
    /// What the next record may follow: the hash of the last as it stands, and as it should be.
    before: [String; 2],
    /// What came after the last right signature.
    tail: Tail,
    /// Whether a start told that it was too much.
    told: bool,
}

impl Walk {
    /// Begins before the first record, with the public key of the signatures.
    pub(super) fn new(key: String) -> Self {
        let verdict = Verdict { key, ..Verdict::default() };
        let before = [NOTHING.to_owned(), NOTHING.to_owned()];
        Self { verdict, before, tail: Tail::after(0), told: false }
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
        if record.kind == Kind::Unsigned.name() {
            self.resumed(record);
        }
        self.tail.take(record);
    }

    /// Takes the record of a start over unsigned records.
    fn resumed(&mut self, record: &AuditRecord) {
        let Some(tail) = Tail::read(&record.said) else { return };
        let (verdict, AuditRecord { seq, at, .. }) = (&mut self.verdict, record);
        verdict.resumes += 1;
        if verdict.resumed.len() == TOLD_MAX {
            verdict.resumed.remove(0);
        }
        verdict.resumed.push(Resumed { seq: *seq, at: *at, tail });
        if !tail.is_of_a_crash() {
            verdict.fault(tail.first, Flaw::Unsigned(tail.last));
            self.told = true;
        }
    }

    /// Takes a signature over the chain up to a record, which was to be the one taken last.
    pub(super) fn head(&mut self, seq: i64, value: &str) {
        let [stands, _] = &self.before;
        let signature = Signature { key: self.verdict.key.clone(), value: value.to_owned() };
        let right = seq == self.verdict.last && signature.fits(signed_text(seq, stands).as_bytes());
        self.verdict.heads += 1;
        if right {
            self.verdict.signed = seq;
            if self.tail.records() > RECORDS_MAX && !self.told {
                self.verdict.fault(self.tail.first, Flaw::Unsigned(seq));
            }
            (self.tail, self.told) = (Tail::after(seq), false);
        } else {
            let signed = self.verdict.signed;
            self.verdict.fault(seq, Flaw::Signature(signed));
        }
    }

    /// Judges what came after the last right signature, which no engine signed so far.
    pub(super) fn judge(&mut self) {
        if !self.tail.is_of_a_crash() && !self.told {
            self.verdict.fault(self.tail.first, Flaw::Unsigned(self.tail.last));
            self.told = true;
        }
    }

    /// Ends behind the last record.
    pub(super) fn end(mut self) -> Verdict {
        self.judge();
        self.verdict
    }

    /// Gives the hash of the last record as it stands.
    pub(super) fn hash(&self) -> &str {
        let [stands, _] = &self.before;
        stands
    }
}
