//! Writes each batch's records to the store and lets its calls go out only after the commit.
//!
//! *No call without a row; no human waits for a disk.* The engine hands a batch over and goes on;
//! the scribe reports the calls of the batch as committed, or as held when the store fails or is
//! slow, and then keeps trying to write the records; what comes meanwhile waits behind them, its
//! calls held too. A broken store is waited for like one that is away. A record that a store which
//! is well will never take is left out aloud, so that it cannot block those behind it.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use super::handle::{Refused, Reply, Word};
use crate::core::order::{Dial, Outcome, Record};
use crate::store::{Store, StoreError, Write};
use crate::units::{CampaignId, Span};

/// Batches that may wait for the store. At 500 batches a second this is over a minute of a store
/// that stands still.
const BATCHES_MAX: usize = 32_768;

/// Batches that may wait for a place among those: as many again. No call is placed by then; what
/// comes are the records of talks that go on.
const BACKLOG_MAX: usize = BATCHES_MAX;

/// Batches committed together at most, so that one commit stays short.
const GROUP_MAX: usize = 256;

/// How long rows that nobody waits for may gather before they are committed: a commit costs far
/// more than a row. A crash takes as much of the past at most: a call that was open is then found
/// interrupted.
const GATHER: Duration = Duration::from_millis(20);

/// How long the scribe waits before it tries a failed commit again.
const RETRY_EVERY: Duration = Duration::from_millis(500);

/// How long a commit may take before its calls are held: one placed later would be late, and its
/// rules asked long ago. A healthy store takes some milliseconds.
const LATE: Duration = Duration::from_secs(5);

/// How often it is said that the store fails while one try lasts: a try may take longer than the
/// trunks rest after each word.
const SAY_EVERY: Duration = Duration::from_secs(2);

/// Why a store fails that has said nothing yet.
const SLOW: &str = "the database does not answer";

/// Rows written together at most once the store is back: those of a few thousand talks that went on
/// without it; more wait in the channel.
const ROWS_MAX: usize = 8_192;

/// Answers with the way to whoever asked.
pub type Words = Vec<(Word, Result<Reply, Refused>)>;

/// A wish for contacts to call.
#[derive(Clone, Copy, Debug)]
pub struct Claim {
    /// For which campaign.
    pub campaign: CampaignId,
    /// At most this many.
    pub count: u32,
    /// How long they are kept for us.
    pub lease: Span,
}

/// What one batch of the engine must have written, and what waits for it.
#[derive(Debug, Default)]
pub struct Batch {
    /// The rows.
    pub writes: Vec<Write>,
    /// The calls that may go out once the rows are committed.
    pub dials: Vec<Dial>,
    /// The claims that may be made then: the store counts what is left by the rows it has.
    pub claims: Vec<Claim>,
    /// Who is told once the rows are committed: what was accepted outlives a crash.
    pub words: Words,
}

impl Batch {
    /// Tells whether nothing is to be written and neither call nor claim waits.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.writes.is_empty() && self.dials.is_empty() && self.claims.is_empty()
    }

    /// Tells whether a call, a claim or somebody who asked waits for the commit, or whether a crash
    /// must not meet it undone: a person was abandoned, who must not be called again soon, or a leg
    /// stands, which the next start could not end.
    fn is_awaited(&self) -> bool {
        let abandons = |write: &Write| {
            let Write::Record { record, .. } = write else { return false };
            let closed = matches!(record, Record::Closed(closed)
                if closed.outcome == Outcome::Abandoned);
            closed || matches!(record, Record::Abandoned(_))
        };
        let stands = |write: &Write| matches!(write, Write::Dialog { .. });
        !self.dials.is_empty()
            || !self.claims.is_empty()
            || !self.words.is_empty()
            || self.writes.iter().any(|write| abandons(write) || stands(write))
    }

    fn append(&mut self, batch: Self) {
        self.writes.extend(batch.writes);
        self.dials.extend(batch.dials);
        self.claims.extend(batch.claims);
        self.words.extend(batch.words);
    }

    /// Tells everybody who waits for this batch.
    pub fn tell(self) {
        tell(self.words);
    }
}

fn tell(words: Words) {
    for (back, word) in words {
        // Whoever asked may have gone away: then nobody wants the word.
        drop(back.send(word));
    }
}

/// What became of that which waited for a batch.
#[derive(Debug)]
pub enum Written {
    /// Their rows are committed: place them.
    Committed(Vec<Dial>),
    /// Their rows could not be written: do not place them.
    Held(Vec<Dial>),
    /// The store fails for this reason, and others would be held too. Said again every few seconds
    /// until [`Written::Back`].
    Failing(String),
    /// The store takes records again, and has those that waited.
    Back,
    /// Every row handed over before these claims is committed: make them.
    Due(Vec<Claim>),
}

/// The engine's end of the scribe.
#[derive(Debug)]
pub struct Scribe {
    batches: mpsc::Sender<Batch>,
    written: mpsc::Receiver<Written>,
    /// Batches there was no room for yet.
    backlog: VecDeque<Batch>,
}

impl Scribe {
    /// Makes the two ends; the second is to be run as a task.
    pub fn new(store: Store) -> (Self, impl Future<Output = ()> + Send) {
        let (batches, incoming) = mpsc::channel(BATCHES_MAX);
        let (outgoing, written) = mpsc::channel(BATCHES_MAX);
        let backlog = VecDeque::new();
        (Self { batches, written, backlog }, write_all(store, incoming, outgoing))
    }

    /// Hands a batch over, behind those there was no room for; of an idle one everybody is told at
    /// once.
    ///
    /// # Errors
    /// Far too many batches wait already: this one comes back and will not be written.
    pub fn write(&mut self, batch: Batch) -> Result<(), Batch> {
        self.flush();
        if batch.is_idle() {
            batch.tell();
        } else if self.backlog.len() == BACKLOG_MAX {
            return Err(batch);
        } else {
            self.backlog.push_back(batch);
            self.flush();
        }
        Ok(())
    }

    /// Hands over what there is room for now.
    pub fn flush(&mut self) {
        while !self.backlog.is_empty()
            && let Ok(room) = self.batches.try_reserve()
            && let Some(batch) = self.backlog.pop_front()
        {
            room.send(batch);
        }
    }

    /// Tells whether batches wait for room.
    #[must_use]
    pub fn is_behind(&self) -> bool {
        !self.backlog.is_empty()
    }

    /// Waits for the next word on calls and claims handed over.
    pub async fn written(&mut self) -> Option<Written> {
        self.written.recv().await
    }

    /// Takes the next word on calls and claims handed over, if there is one.
    pub fn try_written(&mut self) -> Option<Written> {
        self.written.try_recv().ok()
    }

    /// Lets the scribe finish what it has and end; what it still reports is drained first.
    pub async fn finish(mut self) {
        drop(self.batches);
        while self.written.recv().await.is_some() {}
    }
}

async fn write_all(
    store: Store,
    mut incoming: mpsc::Receiver<Batch>,
    outgoing: mpsc::Sender<Written>,
) {
    let mut group = Vec::with_capacity(GROUP_MAX);
    // Batches that have waited while the store failed: their calls are late, too.
    let mut waited = 0_usize;
    while incoming.recv_many(&mut group, GROUP_MAX).await > 0 {
        gather(&mut incoming, &mut group).await;
        let tardy = waited > 0;
        waited = waited.saturating_sub(group.len());
        let mut all = Batch::default();
        for batch in group.drain(..) {
            all.append(batch);
        }
        match write_group(&store, (all, tardy), &mut incoming, &outgoing).await {
            Ok(true) => {}
            Ok(false) => waited = incoming.len(),
            Err(Deserted) => return,
        }
    }
}

/// Writes a group, whose calls may be late already, and reports what became of that which waited
/// for it; tells whether the store did its part in time.
async fn write_group(
    store: &Store,
    (mut all, tardy): (Batch, bool),
    incoming: &mut mpsc::Receiver<Batch>,
    outgoing: &mpsc::Sender<Written>,
) -> Result<bool, Deserted> {
    let commit = store.commit(all.writes.clone());
    let (done, late) = outlast(commit, (LATE, SAY_EVERY), SLOW, outgoing).await?;
    let failed = done.is_err();
    let mut well = !late;
    if let Err(error) = done {
        tracing::error!(%error, rows = all.writes.len(), "the store fails; calls are held");
        // Without an answer whoever asked is told to come back.
        all.words.clear();
        well &= !insist(store, &mut all, error, incoming, outgoing).await?;
    }
    if tardy || !well {
        hold(&mut all, outgoing).await?;
    }
    if failed || late {
        say(outgoing, Written::Back).await?;
    }
    tell(all.words);
    if !all.dials.is_empty() {
        say(outgoing, Written::Committed(all.dials)).await?;
    }
    if !all.claims.is_empty() {
        say(outgoing, Written::Due(all.claims)).await?;
    }
    Ok(well)
}

/// Lets a group that nobody waits for grow for a moment, until somebody does.
async fn gather(incoming: &mut mpsc::Receiver<Batch>, group: &mut Vec<Batch>) {
    let enough = sleep(GATHER);
    tokio::pin!(enough);
    while group.len() < GROUP_MAX && !group.iter().any(Batch::is_awaited) {
        let room = GROUP_MAX - group.len();
        tokio::select! {
            biased;
            more = incoming.recv_many(group, room) => if more == 0 { return },
            () = &mut enough => return,
        }
    }
}

/// Nobody is there any more to be told what became of a call.
#[derive(Debug)]
struct Deserted;

async fn say(outgoing: &mpsc::Sender<Written>, word: Written) -> Result<(), Deserted> {
    outgoing.send(word).await.map_err(|_| Deserted)
}

/// Says of the calls that they are not to be placed.
async fn hold(all: &mut Batch, outgoing: &mpsc::Sender<Written>) -> Result<(), Deserted> {
    let held = std::mem::take(&mut all.dials);
    if held.is_empty() { Ok(()) } else { say(outgoing, Written::Held(held)).await }
}

/// Does some work of the store, and says again and again that it fails once that takes longer than
/// it may; tells whether it did.
async fn outlast<T>(
    work: impl Future<Output = T>,
    (within, every): (Duration, Duration),
    why: &str,
    outgoing: &mpsc::Sender<Written>,
) -> Result<(T, bool), Deserted> {
    tokio::pin!(work);
    let mut patience = within;
    let mut late = false;
    loop {
        if let Ok(done) = timeout(patience, &mut work).await {
            return Ok((done, late));
        }
        if !late {
            tracing::warn!("the store is slow; calls are held");
        }
        say(outgoing, Written::Failing(why.to_owned())).await?;
        (patience, late) = (every, true);
    }
}

/// Tries a commit while it is known why the store fails.
async fn again(
    store: &Store,
    writes: Vec<Write>,
    why: &str,
    outgoing: &mpsc::Sender<Written>,
) -> Result<Result<(), StoreError>, Deserted> {
    Ok(outlast(store.commit(writes), (SAY_EVERY, SAY_EVERY), why, outgoing).await?.0)
}

/// Says why the store fails, and waits before it is tried again.
async fn rest(why: &StoreError, outgoing: &mpsc::Sender<Written>) -> Result<(), Deserted> {
    say(outgoing, Written::Failing(why.to_string())).await?;
    sleep(RETRY_EVERY).await;
    Ok(())
}

/// Says in the log that the store fails for another reason than before; gives that.
fn told(before: StoreError, now: StoreError) -> StoreError {
    if now.again() && now.to_string() != before.to_string() {
        tracing::error!(error = %now, "the store still fails; calls are held");
    }
    now
}

/// Tries again while that may help, with what comes meanwhile, then row by row without those the
/// store will never take. No call of all that may be placed: once the store is back it is late.
/// Tells whether the store was away, and not just refused a row.
async fn insist(
    store: &Store,
    all: &mut Batch,
    mut error: StoreError,
    incoming: &mut mpsc::Receiver<Batch>,
    outgoing: &mpsc::Sender<Written>,
) -> Result<bool, Deserted> {
    let mut away = false;
    loop {
        hold(all, outgoing).await?;
        if !error.again() {
            break;
        }
        away = true;
        rest(&error, outgoing).await?;
        while all.writes.len() < ROWS_MAX
            && let Ok(batch) = incoming.try_recv()
        {
            all.append(batch);
        }
        match again(store, all.writes.clone(), &error.to_string(), outgoing).await? {
            Ok(()) => {
                tracing::info!(rows = all.writes.len(), "the store is back; nothing was lost");
                return Ok(away);
            }
            Err(next) => error = told(error, next),
        }
    }
    for write in std::mem::take(&mut all.writes) {
        while let Err(next) = again(store, vec![write.clone()], SLOW, outgoing).await? {
            if !next.again() {
                let what = write.name();
                tracing::error!(error = %next, what, "a row is refused and left out");
                break;
            }
            away = true;
            error = told(error, next);
            rest(&error, outgoing).await?;
        }
    }
    Ok(away)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_commit_that_lasts_is_said_to_fail_until_it_is_done() {
        let (outgoing, mut written) = mpsc::channel(8);
        let (end, ended) = tokio::sync::oneshot::channel();
        let commit = outlast(ended, (Duration::ZERO, Duration::ZERO), SLOW, &outgoing);
        let listen = async {
            for _ in 0..3 {
                let word = written.recv().await;
                assert!(matches!(word, Some(Written::Failing(_))), "{word:?}");
            }
            end.send(7).expect("the commit still lasts");
            while !matches!(written.recv().await, None | Some(Written::Back)) {}
        };
        let commit = async {
            let (done, late) = commit.await.expect("somebody listens");
            assert_eq!((done, late), (Ok(7), true));
            say(&outgoing, Written::Back).await.expect("somebody listens");
        };
        tokio::join!(commit, listen);
    }
}
