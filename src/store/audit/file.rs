//! The chain as a file of JSON lines, and its verification without a database.
//!
//! The first line names the key and holds the signature over the whole:
//! `{"audit":1,"head":{"hash":…,"seq":…,"signature":…},"key":…}`. Then come the records in order,
//! `{"at":…,"hash":…,"kind":…,"said":{…},"seq":…,"subject":…}`, and behind a record that was
//! signed `{"head":{"seq":…,"signature":…}}`. Every line is JSON without blanks and with sorted
//! keys; `hash` is SHA-256 in hexadecimal of the hash before (nothing at first), seq, at, kind,
//! subject and said, with a line feed between each two; what is signed (Ed25519) is
//! `cadran audit head`, seq and hash, with line feeds likewise.

use std::io::{BufRead, Write};

use serde_json::{Value, json};

use super::super::StoreError;
use super::chain::signed_text;
use super::check::{Flaw, Verdict, Walk};
use super::verify::{PAGE, heads, page};
use super::{AuditRecord, Auditor};

/// Bytes of a line at most: a record has a few hundred.
const LINE_MAX: u64 = 1_000_000;

/// What the head of a file says.
struct Cover {
    key: String,
    seq: i64,
    hash: String,
    signature: String,
}

impl Auditor {
    /// Writes the chain as JSON lines, signed to its end; gives the number of records.
    ///
    /// # Errors
    /// The database failed, or what is written cannot be.
    pub async fn export(&mut self, out: &mut impl Write) -> Result<u64, StoreError> {
        let heads = heads(&mut self.look.db()).await?;
        let last = self.records(&super::About::Latest, 1).await?;
        let (seq, hash) = last.first().map_or((0, ""), |last| (last.seq, last.hash.as_str()));
        let signature = self.signer.sign(signed_text(seq, hash).as_bytes());
        let head = json!({ "hash": hash, "seq": seq, "signature": signature.value });
        line(out, &json!({ "audit": 1, "head": head, "key": signature.key }).to_string())?;
        let (mut after, mut records) = (i64::MIN, 0);
        loop {
            let page = page(&mut self.look.db(), after).await?;
            let Some(end) = page.last() else { return Ok(records) };
            after = end.seq;
            for record in &page {
                line(out, &record.line())?;
                records += 1;
                if let Some(signature) = heads.get(&record.seq) {
                    let head = json!({ "seq": record.seq, "signature": signature });
                    line(out, &json!({ "head": head }).to_string())?;
                }
            }
            if page.len() < usize::try_from(PAGE).unwrap_or(usize::MAX) {
                return Ok(records);
            }
        }
    }
}

fn line(out: &mut impl Write, text: &str) -> Result<(), StoreError> {
    let written = out.write_all(text.as_bytes()).and_then(|()| out.write_all(b"\n"));
    written.map_err(StoreError::Export)
}

impl AuditRecord {
    /// Writes it as a line of the file.
    fn line(&self) -> String {
        let Self { seq, at, kind, subject, said, hash } = self;
        let (hash, kind) = (json!(hash), json!(kind));
        format!(
            "{{\"at\":{at},\"hash\":{hash},\"kind\":{kind},\"said\":{said},\"seq\":{seq},\
             \"subject\":{subject}}}"
        )
    }

    fn of(value: &Value) -> Option<Self> {
        let whole = |key: &str| value.get(key).and_then(Value::as_i64);
        let text = |key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
        let record = Self {
            seq: whole("seq")?,
            at: whole("at")?,
            kind: text("kind")?,
            subject: whole("subject")?,
            said: value.get("said")?.to_string(),
            hash: text("hash")?,
        };
        (value.as_object()?.len() == 6).then_some(record)
    }
}

impl Cover {
    fn of(value: &Value) -> Option<Self> {
        let text = |value: &Value, key: &str| value.get(key)?.as_str().map(str::to_owned);
        let head = value.get("head")?;
        let cover = Self {
            key: text(value, "key")?,
            seq: head.get("seq")?.as_i64()?,
            hash: text(head, "hash")?,
            signature: text(head, "signature")?,
        };
        let whole = value.get("audit")? == 1
            && value.as_object()?.len() == 3
            && head.as_object()?.len() == 3;
        whole.then_some(cover)
    }
}

/// Reads a signature behind its record.
fn head_of(value: &Value) -> Option<(i64, String)> {
    let head = value.get("head")?;
    let found = (head.get("seq")?.as_i64()?, head.get("signature")?.as_str()?.to_owned());
    (value.as_object()?.len() == 1 && head.as_object()?.len() == 2).then_some(found)
}

/// Verifies a file: hashes, order and signatures, under the given public key or, without one, under
/// the one it names itself; then nothing tells that it is the right one.
///
/// # Errors
/// The file cannot be read.
pub fn verify_file(mut file: impl BufRead, key: Option<&str>) -> std::io::Result<Verdict> {
    let first = next_line(&mut file)?.unwrap_or_default();
    let cover = value(&first).as_ref().and_then(Cover::of);
    let named = cover.as_ref().map(|cover| cover.key.clone()).unwrap_or_default();
    let mut walk = Walk::new(key.map_or_else(|| named.clone(), str::to_owned));
    if cover.is_none() {
        walk.verdict.fault(0, Flaw::Line(1));
    } else if key.is_some_and(|key| key != named) {
        walk.verdict.fault(0, Flaw::Key);
    }
    let mut number = 1;
    while let Some(text) = next_line(&mut file)? {
        number += 1;
        let value = value(&text);
        let record = value.as_ref().and_then(AuditRecord::of);
        let head = value.as_ref().and_then(head_of);
        match (record, head) {
            (Some(record), _) => walk.step(&record),
            (None, Some((seq, signature))) => walk.head(seq, &signature),
            (None, None) => {
                let place = walk.verdict.last + 1;
                walk.verdict.fault(place, Flaw::Line(number));
            }
        }
    }
    // The file is signed by whoever wrote it, not by an engine that knows its records.
    walk.judge();
    let Some(cover) = cover else { return Ok(walk.end()) };
    if cover.seq > walk.verdict.last {
        walk.verdict.fault(walk.verdict.last + 1, Flaw::Cut(cover.seq));
    } else if cover.hash == walk.hash() {
        walk.head(cover.seq, &cover.signature);
    } else {
        let signed = walk.verdict.signed;
        walk.verdict.fault(cover.seq, Flaw::Signature(signed));
    }
    Ok(walk.end())
}

/// Reads a line; one that was written otherwise than we do is none.
fn value(line: &[u8]) -> Option<Value> {
    let value: Value = serde_json::from_slice(line).ok()?;
    (value.to_string().as_bytes() == line).then_some(value)
}

/// Reads up to the next line feed; a line that is too long is given up to there.
fn next_line(file: &mut impl BufRead) -> std::io::Result<Option<Vec<u8>>> {
    use std::io::Read as _;
    let mut line = Vec::new();
    let mut limited = file.by_ref().take(LINE_MAX);
    if limited.read_until(b'\n', &mut line)? == 0 {
        return Ok(None);
    }
    if line.pop_if(|last| *last == b'\n').is_none() {
        // Without its end it is not whole.
        line.push(b'?');
    }
    Ok(Some(line))
}
