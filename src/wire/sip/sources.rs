//! How much is read of each address: a token bucket each, in a table that forgets whoever owes
//! least.
//!
//! A bucket is one moment, the one at which it is full again; each message moves it on by one pause
//! (the virtual scheduling algorithm of ITU-T I.371 §A.3). A bucket that is full says nothing, so
//! forgetting it costs nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use crate::units::{Mono, Span};

/// Addresses remembered at once: some 400 kB. Beyond, whoever owes least is forgotten.
const SOURCES_MAX: usize = 4_096;

/// How many messages may come at once, and one more each how long.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rate {
    burst: u64,
    pause: Span,
}

impl Rate {
    /// What one address that is nobody's may say: a floor of 200 phones behind one NAT that come
    /// back at once, each with two REGISTERs.
    pub(super) const STRANGER: Self = Self { burst: 400, pause: Span::millis(50) };
    /// What all of them may say together: 2,000 phones that come back at once from everywhere,
    /// and no more work than reading 2,000 messages a second.
    pub(super) const STRANGERS: Self = Self { burst: 4_000, pause: Span::micros(500) };
    /// What one trunk or phone may ask outside its calls: far more than signs of life, the calls
    /// of a floor behind one NAT and BYEs of calls that are over, and little enough to answer it
    /// all.
    pub(super) const PEER: Self = Self { burst: 2_000, pause: Span::millis(1) };
    /// What all of them may ask together.
    pub(super) const PEERS: Self = Self { burst: 10_000, pause: Span::micros(500) };
    /// How often one address that is nobody's may connect: 400 phones behind one NAT that come
    /// back at once.
    const GUEST: Self = Self { burst: 400, pause: Span::millis(50) };
    /// How often all of them may: 2,000 phones that come back at once from everywhere. The
    /// handshakes of 500 connections over TLS cost a fifth of a core.
    const GUESTS: Self = Self { burst: 2_000, pause: Span::millis(2) };

    fn has_room(self, full: Mono, now: Mono) -> bool {
        full.since(now) <= self.pause.times(self.burst - 1)
    }

    fn after(self, full: Mono, now: Mono) -> Mono {
        full.max(now) + self.pause
    }
}

/// What each address has said lately, and all together: a token bucket each.
#[derive(Debug)]
pub struct Sources {
    each: Rate,
    whole: Rate,
    /// When everybody's bucket is full again.
    full: Mono,
    table: BTreeMap<IpAddr, Mono>,
    /// The same, in the order of who owes least.
    by_debt: BTreeSet<(Mono, IpAddr)>,
}

impl Sources {
    /// Makes the table of peers: what they ask outside their calls, or how often they connect.
    pub fn of_peers() -> Self {
        Self::new(Rate::PEER, Rate::PEERS)
    }

    /// Makes the table of others who open connections.
    pub fn of_guests() -> Self {
        Self::new(Rate::GUEST, Rate::GUESTS)
    }

    pub(super) fn new(each: Rate, whole: Rate) -> Self {
        let (table, by_debt) = (BTreeMap::new(), BTreeSet::new());
        Self { each, whole, full: Mono::START, table, by_debt }
    }

    /// Tells whether one more message of an address is read.
    pub fn have_room(&self, now: Mono, ip: IpAddr) -> bool {
        let full = self.table.get(&ip).copied().unwrap_or(now);
        self.each.has_room(full, now) && self.whole.has_room(self.full, now)
    }

    /// Charges an address with a message that was read.
    pub fn charge(&mut self, now: Mono, ip: IpAddr) {
        self.full = self.whole.after(self.full, now);
        let held = self.table.get(&ip).copied();
        let full = self.each.after(held.unwrap_or(now), now);
        match held {
            Some(held) => drop(self.by_debt.remove(&(held, ip))),
            None if self.table.len() >= SOURCES_MAX => {
                if let Some((_, least)) = self.by_debt.pop_first() {
                    self.table.remove(&least);
                }
            }
            None => {}
        }
        self.table.insert(ip, full);
        self.by_debt.insert((full, ip));
    }
}

/// The addresses something is waited for from: of each, how many calls and requests of ours wait.
#[derive(Debug, Default)]
pub(super) struct Awaited(BTreeMap<IpAddr, u32>);

impl Awaited {
    pub(super) fn holds(&self, ip: IpAddr) -> bool {
        self.0.contains_key(&ip)
    }

    /// Moves whatever waits from the address it waited for to the one it waits for now.
    pub(super) fn set(&mut self, held: &mut Option<IpAddr>, ip: Option<IpAddr>) {
        if *held == ip {
            return;
        }
        if let Some(new) = ip {
            *self.0.entry(new).or_default() += 1;
        }
        if let Some(old) = *held
            && let Some(waiting) = self.0.get_mut(&old)
        {
            *waiting -= 1;
            if *waiting == 0 {
                self.0.remove(&old);
            }
        }
        *held = ip;
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const SMALL: Rate = Rate { burst: 3, pause: Span::secs(1) };
    const WIDE: Rate = Rate { burst: 1_000_000, pause: Span::micros(1) };

    fn ip(number: u32) -> IpAddr {
        IpAddr::V4(Ipv4Addr::from_bits(number))
    }

    /// Sends so many messages; gives how many were read.
    fn read(sources: &mut Sources, now: Mono, ip: IpAddr, sent: u32) -> u32 {
        let mut read = 0;
        for _ in 0..sent {
            if sources.have_room(now, ip) {
                sources.charge(now, ip);
                read += 1;
            }
        }
        read
    }

    #[test]
    fn a_burst_passes_and_then_one_each_pause() {
        let mut sources = Sources::new(SMALL, WIDE);
        let now = Mono::START + Span::secs(50);
        assert_eq!(read(&mut sources, now, ip(1), 10), 3);
        assert_eq!(read(&mut sources, now, ip(2), 10), 3, "another address has its own");
        assert_eq!(read(&mut sources, now + Span::millis(999), ip(1), 10), 0);
        assert_eq!(read(&mut sources, now + Span::secs(1), ip(1), 10), 1);
        assert_eq!(read(&mut sources, now + Span::secs(100), ip(1), 10), 3, "never more");
    }

    #[test]
    fn all_together_have_a_limit_too() {
        let mut sources = Sources::new(WIDE, SMALL);
        assert_eq!((0..10).map(|at| read(&mut sources, Mono::START, ip(at), 1)).sum::<u32>(), 3);
    }

    #[test]
    fn whoever_owes_most_is_remembered_in_a_table_that_does_not_grow() {
        let mut sources = Sources::new(SMALL, WIDE);
        assert_eq!(read(&mut sources, Mono::START, ip(7), 10), 3);
        for other in 0..100_000 {
            read(&mut sources, Mono::START, ip(1_000 + other), 1);
        }
        assert_eq!(sources.table.len(), SOURCES_MAX);
        assert_eq!(sources.by_debt.len(), SOURCES_MAX);
        assert_eq!(read(&mut sources, Mono::START, ip(7), 10), 0, "not forgotten");
    }
}
