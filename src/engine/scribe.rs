//! Writes each batch's records to the store and lets its calls go out only after the commit.
//!
//! *No call without a row; no human waits for a disk.* The engine hands a batch over and goes on;
//! the scribe reports the calls of the batch as committed, or as held when the store fails, and
//! then keeps trying to write the records until it succeeds.

use std::time::Duration;

use tokio::sync::mpsc;

use crate::core::order::Dial;
use crate::store::{Store, Write};

/// Batches that may wait for the store. At 500 batches a second this is over a minute of a store
/// that stands still; beyond it the engine places no calls.
const BATCHES_MAX: usize = 32_768;

/// Batches committed together at most, so that one commit stays short.
const GROUP_MAX: usize = 256;

/// How long the scribe waits before it tries a failed commit again.
const RETRY_EVERY: Duration = Duration::from_millis(500);

/// What one batch of the engine must have written, and what waits for it.
#[derive(Debug, Default)]
pub struct Batch {
    /// The rows.
    pub writes: Vec<Write>,
    /// The calls that may go out once the rows are committed.
    pub dials: Vec<Dial>,
}

/// What became of the calls of a batch.
#[derive(Debug)]
pub enum Written {
    /// Their rows are committed: place them.
    Committed(Vec<Dial>),
    /// The store failed: do not place them.
    Held(Vec<Dial>),
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

    /// Waits for the next word on calls handed over.
    pub async fn written(&mut self) -> Option<Written> {
        self.written.recv().await
    }

    /// Takes the next word on calls handed over, if there is one.
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
        let mut writes = Vec::new();
        let mut dials = Vec::new();
        for batch in group.drain(..) {
            writes.extend(batch.writes);
            dials.extend(batch.dials);
        }
        while let Err(error) = store.commit(writes.clone()).await {
            tracing::error!(%error, rows = writes.len(), "the store refuses rows; calls are held");
            if !dials.is_empty()
                && outgoing.send(Written::Held(std::mem::take(&mut dials))).await.is_err()
            {
                return;
            }
            tokio::time::sleep(RETRY_EVERY).await;
        }
        if !dials.is_empty() && outgoing.send(Written::Committed(dials)).await.is_err() {
            return;
        }
    }
}
