//! Tapes: as they come, and with their seals made right, so that their facts are reached.

use std::io::Write;
use std::path::Path;

use cadran::core::{Dialer, Fact, Settings};
use cadran::engine::tape::{Ending, FORMAT, TapeError, Verdict, replay_from};
use cadran::units::Now;
use serde::Deserialize;

/// Batches of one tape.
const BATCHES_MAX: usize = 64;

/// Replays the bytes as a tape, and then a tape of their facts.
pub fn run(data: &[u8]) {
    if let Ok(verdict) = replay(data) {
        assert!(verdict.batches <= data.iter().filter(|byte| **byte == b'\n').count() as u64);
    }
    let (tape, batches) = sealed(data);
    let verdict = replay(&tape).expect("a sealed tape is a tape");
    assert_eq!((verdict.batches, verdict.ending), (batches, Ending::Same));
    // One that was cut anywhere says so, and never anything else.
    let cut = tape.len().saturating_sub(1 + data.len() % 64);
    if let Ok(verdict) = replay(tape.get(..cut).unwrap_or_default()) {
        assert!(matches!(verdict.ending, Ending::Same | Ending::CutShort), "{:?}", verdict.ending);
    }
}

fn replay(tape: &[u8]) -> Result<Verdict, TapeError> {
    replay_from(Path::new("tape"), tape, &mut |_, _, _| {})
}

#[derive(Deserialize)]
struct Batch {
    now: Now,
    facts: Vec<Fact>,
}

/// Writes a tape of every line that holds facts, with the orders this dialer gives.
fn sealed(data: &[u8]) -> (Vec<u8>, u64) {
    let settings = Settings { node: 1, first_call: 1, seed: 1 };
    let mut dialer = Dialer::new(settings);
    let start = r#"{"mono":0,"wall":0}"#;
    let settings = r#"{"node":1,"first_call":1,"seed":1}"#;
    let head = format!(
        "{{\"cadran_tape\":{FORMAT},\"program\":\"fuzz\",\"settings\":{settings},\
         \"start\":{start}}}\n"
    );
    let mut tape = head.into_bytes();
    let (mut digest, mut sum, mut batches) = (Fnv::START, Fnv::START, 0);
    sum.take(&tape);
    let lines = data.split(|byte| *byte == b'\n');
    let read = lines.filter_map(|line| serde_json::from_slice::<Batch>(line).ok());
    for Batch { now, facts } in read.take(BATCHES_MAX) {
        let json = |value: serde_json::Result<String>| value.expect("plain values can be written");
        let (now_text, facts_text) =
            (json(serde_json::to_string(&now)), json(serde_json::to_string(&facts)));
        for fact in facts {
            dialer.take(now, fact);
        }
        dialer.settle(now);
        while let Some(order) = dialer.next_order() {
            digest.take(json(serde_json::to_string(&order)).as_bytes());
        }
        let Fnv(orders) = digest;
        let body =
            format!("{{\"now\":{now_text},\"facts\":{facts_text},\"digest\":\"{orders:016x}\"");
        sum.take(body.as_bytes());
        let Fnv(seal) = sum;
        writeln!(tape, "{body},\"sum\":\"{seal:016x}\"}}").expect("memory can be written");
        // The seal of the next line covers this one up to its own.
        batches += 1;
    }
    (tape, batches)
}

/// The sum of a tape (FNV-1a, draft-eastlake-fnv), made a second time from its description.
#[derive(Clone, Copy)]
struct Fnv(u64);

impl Fnv {
    const START: Self = Self(0xcbf2_9ce4_8422_2325);

    fn take(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}
