//! The one place that spawns: every task is counted, so that shutdown can wait for all of them.

use std::future::Future;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::oneshot;
use tokio::task::JoinSet;

/// A group of tasks that end together.
#[derive(Clone, Debug, Default)]
pub struct Tasks {
    set: Arc<Mutex<JoinSet<()>>>,
}

impl Tasks {
    /// Makes an empty group.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Starts a task on the running runtime.
    #[expect(clippy::disallowed_methods, reason = "the one place that spawns")]
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut set = self.set.lock().unwrap_or_else(PoisonError::into_inner);
        while set.try_join_next().is_some() {}
        set.spawn(task);
    }

    /// Starts a named thread for work that must not share one with the runtime.
    ///
    /// # Errors
    /// The system has no room for another thread.
    #[expect(clippy::disallowed_methods, reason = "the one place that spawns")]
    pub fn thread(
        name: &str,
        work: impl FnOnce() + Send + 'static,
    ) -> io::Result<std::thread::JoinHandle<()>> {
        std::thread::Builder::new().name(name.to_owned()).spawn(work)
    }

    /// Does work that keeps a processor busy beside the runtime's; `None` if the end cut it.
    #[expect(clippy::disallowed_methods, reason = "the one place that spawns")]
    pub async fn compute<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        let (told, answer) = oneshot::channel();
        {
            let mut set = self.set.lock().unwrap_or_else(PoisonError::into_inner);
            while set.try_join_next().is_some() {}
            set.spawn_blocking(move || drop(told.send(work())));
        }
        answer.await.ok()
    }

    /// Waits until every task has ended by itself.
    pub async fn finished(&self) {
        loop {
            let mut set =
                std::mem::take(&mut *self.set.lock().unwrap_or_else(PoisonError::into_inner));
            if set.is_empty() {
                return;
            }
            while set.join_next().await.is_some() {}
        }
    }

    /// Ends every task where it waits.
    pub fn abort(&self) {
        self.set.lock().unwrap_or_else(PoisonError::into_inner).abort_all();
    }
}
