//! Writes each batch's records to the store and lets its calls go out only after the commit.
//!
//! *No call without a row; no human waits for a disk.* The engine hands a batch over and goes on;
//! the scribe reports the calls of the batch as committed, or as held when the store fails, and
//! then keeps trying to write the records; what comes meanwhile waits behind them, its calls held
//! at once. A record the store will never take is left out aloud, so that it cannot block those
//! behind it.

use std::time::Duration;

use tokio::sync::mpsc;

use super::handle::{Refused, Reply, Word};
use crate::core::order::{Dial, Outcome, Record};
use crate::store::{Store, StoreError, Write};
use crate::units::{CampaignId, Span};

/// Batches that may wait for the store. At 500 batches a second this is over a minute of a store
/// that stands still; beyond it the engine places no calls.
const BATCHES_MAX: usize = 32_768;

/// Batches committed together at most, so that one commit stays short.
const GROUP_MAX: usize = 256;

/// How long rows that nobody waits for may gather before they are committed: a commit costs far
/// more than a row. A crash takes as much of the past at most: a call that was open is then found
/// interrupted, and one just answered gets no BYE from us.
const GATHER: Duration = Duration::from_millis(20);

/// How long the scribe waits before it tries a failed commit again.
const RETRY_EVERY: Duration = Duration::from_millis(500);

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

    /// Tells whether a call, a claim or somebody who asked waits for the commit, or a person was
    /// abandoned, who must not be called again soon whatever crashes.
    fn is_awaited(&self) -> bool {
        let abandons = |write: &Write| {
            let Write::Record { record, .. } = write else { return false };
            let closed = matches!(record, Record::Closed(closed)
                if closed.outcome == Outcome::Abandoned);
            closed || matches!(record, Record::Abandoned(_))
        };
        !self.dials.is_empty()
            || !self.claims.is_empty()
            || !self.words.is_empty()
            || self.writes.iter().any(abandons)
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
    /// The store fails, and others would be held too. Said again with each try.
    Failing,
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
}

impl Scribe {
    /// Makes the two ends; the second is to be run as a task.
    pub fn new(store: Store) -> (Self, impl Future<Output = ()> + Send) {
        let (batches, incoming) = mpsc::channel(BATCHES_MAX);
        let (outgoing, written) = mpsc::channel(BATCHES_MAX);
        (Self { batches, written }, write_all(store, incoming, outgoing))
    }

    /// Hands a batch over.
    ///
    /// # Errors
    /// Too many batches wait already; the batch comes back.
    pub fn write(&self, batch: Batch) -> Result<(), Batch> {
        self.batches.try_send(batch).map_err(|refused| match refused {
            mpsc::error::TrySendError::Full(batch) | mpsc::error::TrySendError::Closed(batch) => {
                batch
            }
        })
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
    while incoming.recv_many(&mut group, GROUP_MAX).await > 0 {
        gather(&mut incoming, &mut group).await;
        let mut all = Batch::default();
        for batch in group.drain(..) {
            all.append(batch);
        }
        if let Err(error) = store.commit(all.writes.clone()).await {
            tracing::error!(%error, rows = all.writes.len(), "the store fails; calls are held");
            // Without an answer whoever asked is told to come back.
            all.words.clear();
            let insisted = insist(&store, &mut all, error, &mut incoming, &outgoing).await;
            if insisted.is_err() || outgoing.send(Written::Back).await.is_err() {
                return;
            }
        }
        tell(all.words);
        if !all.dials.is_empty() && outgoing.send(Written::Committed(all.dials)).await.is_err() {
            return;
        }
        if !all.claims.is_empty() && outgoing.send(Written::Due(all.claims)).await.is_err() {
            return;
        }
    }
}

/// Lets a group that nobody waits for grow for a moment, until somebody does.
async fn gather(incoming: &mut mpsc::Receiver<Batch>, group: &mut Vec<Batch>) {
    let enough = tokio::time::sleep(GATHER);
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

/// Tries again while that may help, with what comes meanwhile, then row by row without those the
/// store will never take. No call of all that is placed: once the store is back it would be late.
async fn insist(
    store: &Store,
    all: &mut Batch,
    mut error: StoreError,
    incoming: &mut mpsc::Receiver<Batch>,
    outgoing: &mpsc::Sender<Written>,
) -> Result<(), Deserted> {
    loop {
        let held = std::mem::take(&mut all.dials);
        if !held.is_empty() {
            outgoing.send(Written::Held(held)).await.map_err(|_| Deserted)?;
        }
        if !error.again() {
            break;
        }
        outgoing.send(Written::Failing).await.map_err(|_| Deserted)?;
        tokio::time::sleep(RETRY_EVERY).await;
        while all.writes.len() < ROWS_MAX
            && let Ok(batch) = incoming.try_recv()
        {
            all.append(batch);
        }
        match store.commit(all.writes.clone()).await {
            Ok(()) => {
                tracing::info!(rows = all.writes.len(), "the store is back; nothing was lost");
                return Ok(());
            }
            Err(next) => error = next,
        }
    }
    for write in std::mem::take(&mut all.writes) {
        while let Err(error) = store.commit(vec![write.clone()]).await {
            if !error.again() {
                tracing::error!(%error, what = write.name(), "a row is refused and left out");
                break;
            }
            outgoing.send(Written::Failing).await.map_err(|_| Deserted)?;
            tokio::time::sleep(RETRY_EVERY).await;
        }
    }
    Ok(())
}
