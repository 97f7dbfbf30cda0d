//! Stops calling the contacts of a cell as soon as its quota is full.

use super::handle::{Ask, Handle};
use crate::store::Store;

/// Has campaigns give their stock back whose quota was filled, so that the store claims past it,
/// until the engine is gone.
pub(super) async fn watch(store: Store, handle: Handle) {
    let mut engine = handle.watch();
    loop {
        let campaign = tokio::select! {
            // Only its end ends this.
            _ = engine.wait_for(|_| false) => return,
            campaign = store.quota_filled() => campaign,
        };
        tracing::info!(%campaign, "a quota is full");
        if let Err(error) = handle.ask(Ask::Restock(campaign)).await {
            tracing::warn!(%campaign, %error, "the stock is called in spite of a full quota");
        }
    }
}
