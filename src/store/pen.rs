//! What writes: the one connection that does, and the end of the audit chain it appends to.

use std::sync::Arc;

use super::StoreError;
use super::audit::chain::{Head, Notes};
use super::backend::{Db, Transaction, Writer};
use super::fingerprint::Fingerprints;
use super::proof::Seal;

/// The one that writes.
#[derive(Debug)]
pub(super) struct Pen {
    writer: Writer,
    /// Where the chain ends; read anew after a transaction that was not committed.
    head: Option<Head>,
    fingerprints: Fingerprints,
    seal: Arc<Seal>,
}

impl Pen {
    pub(super) fn new(writer: Writer, fingerprints: Fingerprints, seal: Arc<Seal>) -> Self {
        Self { writer, head: None, fingerprints, seal }
    }

    /// Begins a transaction; one that is not committed is rolled back.
    pub(super) async fn begin(&mut self) -> Result<Entry<'_>, StoreError> {
        let Self { writer, head, fingerprints, seal } = self;
        let mut transaction = writer.begin().await?;
        let last = match head.take() {
            Some(last) => last,
            None => Head::read(&mut transaction.db()?).await?,
        };
        Ok(Entry { transaction, notes: Notes::after(last, fingerprints), head, seal })
    }

    /// Lends the connection for a statement that is a transaction of its own and of which the
    /// chain has nothing to tell.
    pub(super) async fn db(&mut self) -> Result<Db<'_>, StoreError> {
        self.writer.db().await
    }

    /// Signs the chain, if records came since it was signed last.
    pub(super) async fn sign(&mut self) -> Result<(), StoreError> {
        if self.head.as_ref().is_some_and(|head| !head.is_unsigned()) {
            return Ok(());
        }
        self.begin().await?.close(true).await
    }
}

/// A transaction, with what the chain is to tell of it.
pub(super) struct Entry<'p> {
    transaction: Transaction<'p>,
    notes: Notes,
    head: &'p mut Option<Head>,
    seal: &'p Seal,
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
        let Self { mut transaction, notes, head, seal } = self;
        let last = notes.write(&mut transaction.db()?, seal, sign).await?;
        transaction.commit().await?;
        *head = Some(last);
        Ok(())
    }
}
