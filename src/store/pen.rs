//! What writes: the one connection that does, and the end of the audit chain it appends to.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{Mutex, MutexGuard};

use super::StoreError;
use super::audit::chain::{Ends, Notes};
use super::backend::{Db, Transaction, Writer};
use super::fingerprint::Fingerprints;
use super::proof::Signer;
use crate::engine::clock::Clock;

/// Lends the one that writes, in the order in which it is asked for.
#[derive(Debug)]
pub(super) struct Lender {
    pen: Mutex<Pen>,
    waiting: AtomicUsize,
}

/// One who waits, or gave up.
struct Waits<'l>(&'l AtomicUsize);

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Lender {
    pub(super) fn new(pen: Pen) -> Self {
        Self { pen: Mutex::new(pen), waiting: AtomicUsize::new(0) }
    }

    /// Waits until it is free.
    pub(super) async fn lend(&self) -> MutexGuard<'_, Pen> {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let _waits = Waits(&self.waiting);
        self.pen.lock().await
    }

    /// Tells whether somebody waits for it: who has it should soon give it back.
    pub(super) fn is_wanted(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) > 0
    }
}

/// The one that writes.
#[derive(Debug)]
pub(super) struct Pen {
    writer: Writer,
    ends: Ends,
    fingerprints: Fingerprints,
    signer: Arc<Signer>,
    node: u16,
    clock: Clock,
}

impl Pen {
    pub(super) fn new(
        writer: Writer,
        fingerprints: Fingerprints,
        signer: Arc<Signer>,
        node: u16,
    ) -> Self {
        let (ends, clock) = (Ends::default(), Clock::start());
        Self { writer, ends, fingerprints, signer, node, clock }
    }

    /// Begins a transaction; one that is not committed is rolled back.
    pub(super) async fn begin(&mut self) -> Result<Entry<'_>, StoreError> {
        let Self { writer, ends, fingerprints, signer, node, clock } = self;
        let mut transaction = writer.begin().await?;
        let head = ends.now(&mut transaction.db()?, signer).await?;
        let notes = Notes::after(head, fingerprints, (*node, clock.now().wall));
        Ok(Entry { transaction, notes, ends, signer })
    }

    /// Lends the connection for a statement that is a transaction of its own and of which the
    /// chain has nothing to tell.
    pub(super) async fn db(&mut self) -> Result<Db<'_>, StoreError> {
        self.writer.db().await
    }

    /// Makes room for the pages of a long transaction, or gives it back.
    pub(super) async fn make_room(&mut self, much: bool) -> Result<(), StoreError> {
        self.writer.make_room(much).await
    }

    /// Leaves nothing of what was erased where that can be had at once.
    pub(super) async fn overwrite(&mut self) {
        self.writer.overwrite().await;
    }

    /// Signs the chain, if records came since it was signed last.
    pub(super) async fn sign(&mut self) -> Result<(), StoreError> {
        if self.ends.is_signed() {
            return Ok(());
        }
        self.begin().await?.close(true).await
    }
}

/// A transaction, with what the chain is to tell of it.
pub(super) struct Entry<'p> {
    transaction: Transaction<'p>,
    notes: Notes,
    ends: &'p mut Ends,
    signer: &'p Signer,
}

impl Entry<'_> {
    /// Lends the connection.
    pub(super) fn db(&mut self) -> Result<Db<'_>, StoreError> {
        self.transaction.db()
    }

    /// Lends the connection and the chain.
    pub(super) fn parts(&mut self) -> Result<(Db<'_>, &mut Notes), StoreError> {
        Ok((self.transaction.db()?, &mut self.notes))
    }

    /// Makes what was written last, and with it the records of the chain.
    pub(super) async fn commit(self) -> Result<(), StoreError> {
        self.close(false).await
    }

    async fn close(self, sign: bool) -> Result<(), StoreError> {
        let Self { mut transaction, notes, ends, signer } = self;
        ends.trying(notes.write(&mut transaction.db()?, signer, sign).await?);
        transaction.commit().await?;
        ends.made();
        Ok(())
    }
}
