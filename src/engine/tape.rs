//! The tape: every fact with its moment, to disk; and back, to see that the dialer does it again.
//!
//! A tape is NDJSON. Its first line is the header; every further line is one batch:
//! `{"now":…,"facts":[…],"digest":"…","sum":"…"}`. `digest` chains over every order and decision
//! so far, `sum` over every line so far, so that a changed line is told from a changed dialer.
//! A tape holds facts only, and facts hold ids, zones and classes: no name, no telephone number.
//!
//! The writer hands what it has to the operating system whenever it has caught up, and calls
//! `fsync` at most once a second and at the end: what a crash of the program leaves is whole but
//! for the line being written, a power cut may cost the last second. The store, not the tape, is
//! what must survive.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{
    Receiver, RecvTimeoutError, SyncSender, TryRecvError, TrySendError, sync_channel,
};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::clock::Clock;
use super::tasks::Tasks;
use crate::core::{Dialer, Fact, Order, Settings};
use crate::units::Now;

/// The version of the format this program writes and reads.
pub const FORMAT: u32 = 1;
/// Lines that may wait for the disk; beyond that they are counted as lost.
pub const LINES_MAX: usize = 8_192;
/// The longest line read back: a claim of 10,000 contacts is about 3 MB.
pub const LINE_BYTES_MAX: u64 = 64 << 20;
/// Room made for a line to begin with: most batches are one or two facts.
const LINE_BYTES: usize = 512;
/// The longest time written lines may wait for `fsync`.
const SYNC_EVERY: Duration = Duration::from_secs(1);

/// Why a tape could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum TapeError {
    /// The file system's fault; try again when it is mended.
    #[error("tape {path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
    /// The file is no tape, or one of a format this program does not know.
    #[error("{path} is no tape of format {FORMAT}: its first line is no such header")]
    NoTape {
        /// The file.
        path: PathBuf,
    },
}

#[derive(Debug, Serialize, Deserialize)]
struct Header {
    cadran_tape: u32,
    program: String,
    settings: Settings,
    start: Now,
}

#[derive(Debug, Deserialize)]
struct Line {
    /// Lines that did not make it to the disk before this one.
    #[serde(default)]
    lost: u64,
    now: Now,
    facts: Vec<Fact>,
    #[serde(default)]
    orders: Option<Vec<Order>>,
    digest: String,
}

/// A 64-bit FNV-1a hash (Fowler, Noll, Vo; draft-eastlake-fnv): it tells accident, not malice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Fnv(u64);

impl Fnv {
    const START: Self = Self(0xcbf2_9ce4_8422_2325);

    fn take(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    fn order(&mut self, order: &Order) {
        // Orders are plain values with string keys: their JSON cannot fail, nor can hashing.
        let _written = serde_json::to_writer(self, order);
    }
}

impl Write for Fnv {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.take(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes a tape, off the engine's way: a batch costs its JSON and a try at a channel.
#[derive(Debug)]
pub struct Recorder {
    lines: SyncSender<Vec<u8>>,
    ended: Receiver<io::Result<()>>,
    path: PathBuf,
    /// The line of the batch under way.
    line: Vec<u8>,
    orders: Option<Vec<u8>>,
    digest: Fnv,
    sum: Fnv,
    /// Lines lost since the last one that went through, and in all.
    missing: u64,
    lost: u64,
}

impl Recorder {
    /// Begins a tape for a dialer made with `settings` at `start`; `full` keeps every order beside
    /// its digest, for tests and for finding out why a replay differs.
    ///
    /// # Errors
    /// The file exists or cannot be made, or the system has no room for the writer's thread.
    pub fn create(
        path: &Path,
        settings: Settings,
        start: Now,
        full: bool,
    ) -> Result<Self, TapeError> {
        let failed = |source| TapeError::Io { path: path.to_owned(), source };
        let file = File::create_new(path).map_err(failed)?;
        let (lines, waiting) = sync_channel(LINES_MAX);
        let (end, ended) = sync_channel(1);
        Tasks::thread("tape", move || {
            // Nobody hears it when the recorder was dropped without `finish`.
            let _unheard = end.try_send(write_lines(file, &waiting));
        })
        .map_err(failed)?;
        let mut recorder = Self {
            lines,
            ended,
            path: path.to_owned(),
            line: Vec::new(),
            orders: full.then(Vec::new),
            digest: Fnv::START,
            sum: Fnv::START,
            missing: 0,
            lost: 0,
        };
        let program = env!("CARGO_PKG_VERSION").to_owned();
        recorder.write(&Header { cadran_tape: FORMAT, program, settings, start });
        recorder.line.push(b'\n');
        recorder.sum.take(&recorder.line);
        recorder.send();
        Ok(recorder)
    }

    /// Begins a batch, before the dialer takes its facts.
    pub fn begin(&mut self, now: Now, facts: &[Fact]) {
        self.line.clear();
        self.line.push(b'{');
        if self.missing > 0 {
            self.key("lost");
            let missing = self.missing;
            self.write(&missing);
            self.line.push(b',');
        }
        self.key("now");
        self.write(&now);
        self.line.extend_from_slice(b",");
        self.key("facts");
        self.write(&facts);
    }

    /// Notes an order of the batch under way, in the order the dialer gave them.
    pub fn order(&mut self, order: &Order) {
        self.digest.order(order);
        if let Some(orders) = &mut self.orders {
            if !orders.is_empty() {
                orders.push(b',');
            }
            append(orders, order);
        }
    }

    /// Ends the batch under way and hands its line to the writer, who may be too far behind.
    pub fn end(&mut self) {
        if let Some(orders) = &mut self.orders {
            self.line.extend_from_slice(b",\"orders\":[");
            self.line.append(orders);
            self.line.push(b']');
        }
        let digest = self.digest.0;
        self.line.extend_from_slice(format!(",\"digest\":\"{digest:016x}\"").as_bytes());
        let mut sum = self.sum;
        sum.take(&self.line);
        self.line.extend_from_slice(format!(",\"sum\":\"{:016x}\"}}\n", sum.0).as_bytes());
        if self.send() {
            self.sum = sum;
            self.missing = 0;
        } else {
            self.missing += 1;
            self.lost += 1;
        }
    }

    /// Gives how many lines were lost because the disk was too slow or failed.
    #[must_use]
    pub const fn lost(&self) -> u64 {
        self.lost
    }

    /// Ends the tape: waits until every line is on the disk.
    ///
    /// # Errors
    /// The disk failed, now or earlier.
    pub fn finish(self) -> Result<(), TapeError> {
        drop(self.lines);
        let gone = || Err(io::Error::other("the writer's thread is gone"));
        let written = self.ended.recv().unwrap_or_else(|_| gone());
        written.map_err(|source| TapeError::Io { path: self.path, source })
    }

    fn key(&mut self, key: &str) {
        self.line.push(b'"');
        self.line.extend_from_slice(key.as_bytes());
        self.line.extend_from_slice(b"\":");
    }

    fn write(&mut self, value: &impl Serialize) {
        append(&mut self.line, value);
    }

    fn send(&mut self) -> bool {
        let line = std::mem::replace(&mut self.line, Vec::with_capacity(LINE_BYTES));
        match self.lines.try_send(line) {
            Ok(()) => true,
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => false,
        }
    }
}

/// Appends a value's JSON; facts and orders are plain values with string keys, which cannot fail.
fn append(line: &mut Vec<u8>, value: &impl Serialize) {
    let _written = serde_json::to_writer(line, value);
}

fn write_lines(file: File, lines: &Receiver<Vec<u8>>) -> io::Result<()> {
    let clock = Clock::start();
    let mut file = BufWriter::new(file);
    let mut synced = clock.mono();
    let mut dirty = false;
    loop {
        let next = match lines.try_recv() {
            Ok(line) => Ok(line),
            Err(TryRecvError::Disconnected) => Err(RecvTimeoutError::Disconnected),
            Err(TryRecvError::Empty) => {
                file.flush()?;
                lines.recv_timeout(SYNC_EVERY)
            }
        };
        match next {
            Ok(line) => {
                file.write_all(&line)?;
                dirty = true;
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => {
                file.flush()?;
                return file.get_ref().sync_data();
            }
        }
        if dirty && Duration::from(clock.mono().since(synced)) >= SYNC_EVERY {
            file.flush()?;
            file.get_ref().sync_data()?;
            synced = clock.mono();
            dirty = false;
        }
    }
}

/// What a replay of a tape came to.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// The version of the program that wrote the tape.
    pub program: String,
    /// Batches replayed to bit-identical orders and decisions.
    pub batches: u64,
    /// How it ended.
    pub ending: Ending,
}

/// How the replay of a tape ended; batches are counted from 1.
#[derive(Clone, Debug, PartialEq)]
pub enum Ending {
    /// The whole tape is reproduced.
    Same,
    /// The whole tape is reproduced, up to a last line that was never finished.
    CutShort,
    /// Lines are missing because the writer was too slow: nothing can be said from here on.
    Gap {
        /// The batch after the gap.
        batch: u64,
        /// Lines missing.
        lost: u64,
    },
    /// The line is not as it was written.
    Damaged {
        /// Its batch.
        batch: u64,
    },
    /// This program's dialer decides otherwise.
    Differs {
        /// The first batch that differs.
        batch: u64,
        /// What the tape's dialer ordered, if the tape holds orders in full.
        recorded: Option<Vec<Order>>,
        /// What this dialer orders.
        replayed: Vec<Order>,
    },
}

/// Sees a batch of a tape.
pub type Seen<'s> = dyn FnMut(Now, &[Fact], &[Order]) + 's;

/// Replays a tape and says whether this program's dialer gives bit-identical orders.
///
/// # Errors
/// The file cannot be read, or is no tape.
pub fn verify(path: &Path) -> Result<Verdict, TapeError> {
    replay(path, &mut |_, _, _| {})
}

/// Replays a tape and shows every batch with the orders it gives again: its moment, its facts and
/// its orders, as far as this program's dialer gives bit-identical ones.
///
/// # Errors
/// The file cannot be read, or is no tape.
pub fn replay(path: &Path, seen: &mut Seen<'_>) -> Result<Verdict, TapeError> {
    let file = File::open(path);
    let file = file.map_err(|source| TapeError::Io { path: path.to_owned(), source })?;
    replay_from(path, BufReader::new(file), seen)
}

/// Replays a tape that is being read from wherever it is; `path` is what errors call it.
///
/// # Errors
/// The input fails, or is no tape.
pub fn replay_from(
    path: &Path,
    mut tape: impl BufRead,
    seen: &mut Seen<'_>,
) -> Result<Verdict, TapeError> {
    let failed = |source| TapeError::Io { path: path.to_owned(), source };
    let no_tape = || TapeError::NoTape { path: path.to_owned() };
    let mut line = Vec::new();
    read_line(&mut tape, &mut line).map_err(failed)?;
    let header: Header = serde_json::from_slice(&line).map_err(|_| no_tape())?;
    if header.cadran_tape != FORMAT {
        return Err(no_tape());
    }
    let mut replay = Replay {
        dialer: Dialer::new(header.settings),
        digest: Fnv::START,
        sum: Fnv::START,
        batches: 0,
    };
    replay.sum.take(&line);
    let ending = loop {
        read_line(&mut tape, &mut line).map_err(failed)?;
        if line.is_empty() {
            break Ending::Same;
        }
        if line.last() != Some(&b'\n') {
            break Ending::CutShort;
        }
        if let Some(ending) = replay.line(&line, seen) {
            break ending;
        }
    };
    Ok(Verdict { program: header.program, batches: replay.batches, ending })
}

fn read_line(tape: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<()> {
    line.clear();
    tape.take(LINE_BYTES_MAX).read_until(b'\n', line)?;
    Ok(())
}

struct Replay {
    dialer: Dialer,
    digest: Fnv,
    sum: Fnv,
    batches: u64,
}

/// The length of `,"sum":"0123456789abcdef"}` and the line's end.
const SUM_BYTES: usize = 27;

impl Replay {
    /// Replays one line; gives the ending if this is where the replay ends.
    fn line(&mut self, bytes: &[u8], seen: &mut Seen<'_>) -> Option<Ending> {
        let batch = self.batches + 1;
        let Some((body, line)) = self.intact(bytes) else {
            return Some(Ending::Damaged { batch });
        };
        if line.lost > 0 {
            return Some(Ending::Gap { batch, lost: line.lost });
        }
        self.sum.take(body);
        for fact in &line.facts {
            self.dialer.take(line.now, fact.clone());
        }
        self.dialer.settle(line.now);
        let mut replayed = Vec::new();
        while let Some(order) = self.dialer.next_order() {
            self.digest.order(&order);
            replayed.push(order);
        }
        if format!("{:016x}", self.digest.0) != line.digest {
            return Some(Ending::Differs { batch, recorded: line.orders, replayed });
        }
        seen(line.now, &line.facts, &replayed);
        self.batches = batch;
        None
    }

    /// Splits the sum off a line and reads the line, if it is as it was written.
    fn intact<'l>(&self, bytes: &'l [u8]) -> Option<(&'l [u8], Line)> {
        let (body, tail) = bytes.split_at_checked(bytes.len().checked_sub(SUM_BYTES)?)?;
        let mut sum = self.sum;
        sum.take(body);
        if tail != format!(",\"sum\":\"{:016x}\"}}\n", sum.0).as_bytes() {
            return None;
        }
        let line: Line = serde_json::from_slice(bytes).ok()?;
        Some((body, line))
    }
}
