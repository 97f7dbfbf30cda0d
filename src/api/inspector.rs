//! A receiver of webhooks on this machine, for demos and trials without a CRM.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::Router;
use axum::routing::post;
use tokio::net::TcpListener;

use crate::engine::tasks::Tasks;

/// Takes every event posted to it and counts them.
#[derive(Debug)]
pub struct Inspector {
    address: SocketAddr,
    events: Arc<AtomicU64>,
}

impl Inspector {
    /// Listens on a loopback port the system chooses, as long as `tasks` last.
    ///
    /// # Errors
    /// The system has no port left.
    pub async fn open(tasks: &Tasks) -> io::Result<Self> {
        let events = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&events);
        let take = move || async move {
            counted.fetch_add(1, Ordering::Relaxed);
        };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let router = Router::new().route("/", post(take));
        tasks.spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                tracing::error!(%error, "the inspector takes no more webhooks");
            }
        });
        Ok(Self { address, events })
    }

    /// Gives the address it listens at.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Gives how many events it took.
    #[must_use]
    pub fn events(&self) -> u64 {
        self.events.load(Ordering::Relaxed)
    }
}
