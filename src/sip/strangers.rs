//! Whom we do not listen to: told once, then counted.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::units::{Mono, Span};

/// Addresses told apart at once; whoever comes besides is counted only.
const ADDRESSES_MAX: usize = 256;
/// How often everybody is told anew: a scan of a night is some lines, not a million.
const TOLD_EVERY: Span = Span::secs(3_600);

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Strangers {
    seen: BTreeMap<IpAddr, u64>,
    since: Mono,
}

impl Strangers {
    /// Notes that a message was dropped or a connection closed; logs the first of an hour.
    pub(super) fn note(&mut self, now: Mono, ip: IpAddr) {
        if now.since(self.since) >= TOLD_EVERY {
            for (ip, dropped) in &self.seen {
                tracing::info!(%ip, dropped, "messages dropped, connections closed within an hour");
            }
            self.seen.clear();
            self.since = now;
        }
        if let Some(dropped) = self.seen.get_mut(&ip) {
            *dropped += 1;
        } else if self.seen.len() < ADDRESSES_MAX {
            tracing::info!(%ip, "messages of this address are dropped, its connections closed");
            self.seen.insert(ip, 1);
        }
    }
}
