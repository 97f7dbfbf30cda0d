//! Whom we do not listen to, and who guesses: told once, then counted.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::units::{Mono, Span};
use crate::wire::sip::Counters;

/// Addresses told apart at once; whoever comes besides is counted only.
const ADDRESSES_MAX: usize = 256;
/// How often everybody is told anew: a scan of a night is some lines, not a million.
const TOLD_EVERY: Span = Span::secs(3_600);

/// What somebody should look at today: its name, and where it is counted.
type Kind = (&'static str, fn(&Counters) -> u64);

const KINDS: [Kind; 3] = [
    ("messages are forged: they name a call of ours and do not fit it", |it| it.forged),
    ("wrong passwords for agents' phones", |it| it.wrong_passwords),
    ("a flood: messages of strangers are dropped unread", |it| it.unread),
];

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Strangers {
    seen: BTreeMap<IpAddr, u64>,
    since: Mono,
    /// Of each kind, how many there were when the hour began, and whether it was told since.
    kinds: [(u64, bool); KINDS.len()],
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
            for (_, told) in &mut self.kinds {
                *told = false;
            }
        }
        if let Some(dropped) = self.seen.get_mut(&ip) {
            *dropped += 1;
        } else if self.seen.len() < ADDRESSES_MAX {
            tracing::info!(%ip, "messages of this address are dropped, its connections closed");
            self.seen.insert(ip, 1);
        }
    }

    /// Warns of each kind that has grown, once an hour, with how many there were since the last
    /// warning.
    pub(super) fn warn(&mut self, counters: &Counters) {
        for ((before, told), (what, count)) in self.kinds.iter_mut().zip(KINDS) {
            let count = count(counters);
            if count > *before && !*told {
                tracing::warn!(count = count - *before, "{what}: see `cadran doctor`");
                (*before, *told) = (count, true);
            }
        }
    }
}
