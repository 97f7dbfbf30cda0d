//! What the engine adds to the audit chain besides what is done: its start, with the law it holds
//! and the settings that matter to the law, and a signature every minute.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::watch;

use crate::config::law::{self, CALLED, PURPOSES};
use crate::config::{Campaign, Config};
use crate::store::{AuditedSettings, Store, StoreError};
use crate::units::{ClientId, Wall};

/// How often the chain is signed while there are new records: what came since could be cut off
/// without a trace.
const SIGN_EVERY: Duration = Duration::from_secs(60);

/// Notes that the engine starts.
///
/// # Errors
/// The store cannot be used.
pub(super) async fn start(config: &Config, store: &Store, at: Wall) -> Result<(), StoreError> {
    let packs = law::built_in();
    let packs = packs.iter().map(|pack| (pack.territory.code(), pack.version.to_string()));
    let packs: Value = packs.map(|(code, version)| (code.to_owned(), json!(version))).collect();
    let started = json!({ "law": packs, "program": env!("CARGO_PKG_VERSION") });
    let mut settings = Vec::new();
    for row in store.campaigns().await? {
        let Some(campaign) = config.campaign(&row.name) else { continue };
        settings.push(AuditedSettings {
            campaign: row.id,
            settings: lawful(campaign, row.client),
            caller_ids: campaign.caller_ids.clone(),
        });
    }
    store.note_start(at, &started, &settings).await
}

/// Gives what of a campaign's settings matters to the law.
fn lawful(campaign: &Campaign, client: ClientId) -> Value {
    let dispositions = campaign.dispositions.iter();
    let dispositions: Value =
        dispositions.map(|it| (it.code.clone(), json!(it.meaning()))).collect();
    json!({
        "abandon": campaign.abandon,
        "abandon_account": campaign.account,
        "attempt_caps": campaign.attempt_caps,
        "client": client,
        "dispositions": dispositions,
        "hours": campaign.week,
        "mode": campaign.mode,
        "persons": law::word(campaign.persons, &CALLED),
        "purpose": law::word(campaign.purpose, &PURPOSES),
        "retry": campaign.retry,
        "ring_max": campaign.ring_max,
        "ring_min": campaign.ring_min,
    })
}

/// Signs the chain at once and every minute, until `stopped` says so or is gone.
pub(super) async fn sign(store: Store, mut stopped: watch::Receiver<bool>) {
    let mut ticks = tokio::time::interval(SIGN_EVERY);
    loop {
        tokio::select! {
            _ = stopped.changed() => return,
            _ = ticks.tick() => {}
        }
        if let Err(error) = store.sign_audit().await {
            tracing::warn!(%error, "the audit chain cannot be signed; tried again");
        }
    }
}
