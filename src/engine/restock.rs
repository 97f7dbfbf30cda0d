//! Has campaigns claim anew as soon as what they hold is not what should be called any more.

use super::handle::{Ask, Handle};
use crate::store::Store;

/// Has campaigns give their stock back whose quota was filled or whose contacts were let go, so
/// that the store claims as it is now, until the engine is gone.
pub(super) async fn watch(store: Store, handle: Handle) {
    let mut engine = handle.watch();
    loop {
        let campaign = tokio::select! {
            // Only its end ends this.
            _ = engine.wait_for(|_| false) => return,
            campaign = store.stale_stock() => campaign,
        };
        tracing::info!(%campaign, "a quota is full, or contacts were let go: the stock is renewed");
        if let Err(error) = handle.ask(Ask::Restock(campaign)).await {
            tracing::warn!(%campaign, %error, "the stock is called as it was");
        }
    }
}
