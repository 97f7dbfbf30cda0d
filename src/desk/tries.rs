//! How often somebody may try: failures by account and by address are counted, and after some of
//! them the next try waits.

use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use sha2::{Digest as _, Sha256};

use crate::units::{Mono, Span};

/// Failures are counted for so long, from the first one on.
const WINDOW: Span = Span::secs(15 * 60);

/// Failures of one account in that time: a hundred a day of them find no password of 12 letters.
const OF_ACCOUNT: u32 = 10;

/// Failures from one address. Whoever signs in counts as failing until he or she is known, so it is
/// more than a branch behind one address that signs in at the same moment.
const OF_ADDRESS: u32 = 60;

/// Counters. A fixed number, so that whoever invents names or addresses fills no memory and
/// pushes no other's count out; two that share one share their tries.
const COUNTERS: usize = 4_096;

/// The tries of everybody.
#[derive(Debug)]
pub(super) struct Tries {
    counters: Mutex<Vec<Counter>>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Counter {
    since: Mono,
    failed: u32,
}

/// A try that counts as failed until it is forgiven.
#[derive(Debug)]
pub(super) struct Try<'t> {
    tries: &'t Tries,
    places: [usize; 2],
}

impl Tries {
    /// Makes counters that have counted nothing.
    pub(super) fn new() -> Self {
        Self { counters: Mutex::new(vec![Counter::default(); COUNTERS]) }
    }

    /// Begins a try for an account's name from an address.
    ///
    /// # Errors
    /// There were too many; it gives how long to wait.
    pub(super) fn begin(&self, name: &str, from: IpAddr, now: Mono) -> Result<Try<'_>, Span> {
        let places = [place("name", name.as_bytes()), place("address", &network(from))];
        let mut counters = self.counters.lock().unwrap_or_else(PoisonError::into_inner);
        for (place, most) in places.into_iter().zip([OF_ACCOUNT, OF_ADDRESS]) {
            let counter = &mut counters[place];
            if counter.failed == 0 || now.since(counter.since) >= WINDOW {
                *counter = Counter { since: now, failed: 0 };
            }
            if counter.failed >= most {
                return Err(WINDOW - now.since(counter.since));
            }
        }
        for place in places {
            counters[place].failed += 1;
        }
        drop(counters);
        Ok(Try { tries: self, places })
    }
}

impl Try<'_> {
    /// Counts it no more: whoever tried knew what there was to know.
    pub(super) fn forgive(self) {
        let mut counters = self.tries.counters.lock().unwrap_or_else(PoisonError::into_inner);
        for place in self.places {
            counters[place].failed = counters[place].failed.saturating_sub(1);
        }
    }
}

/// Gives what of an address is one customer's: all of IPv4, the first 64 bits of IPv6 (RFC 6177
/// §2).
fn network(address: IpAddr) -> Vec<u8> {
    match address.to_canonical() {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().into_iter().take(8).collect(),
    }
}

fn place(kind: &str, key: &[u8]) -> usize {
    let hash = Sha256::new().chain_update(kind).chain_update(key).finalize();
    usize::from(u16::from_be_bytes([hash[0], hash[1]])) % COUNTERS
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const HERE: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
    const THERE: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 77));

    #[test]
    fn an_account_is_tried_ten_times_in_a_quarter_of_an_hour() {
        let (tries, now) = (Tries::new(), Mono::micros(5_000_000));
        for _ in 0..3 * OF_ACCOUNT {
            tries.begin("amina", HERE, now).expect("a success counts for nothing").forgive();
        }
        for _ in 0..OF_ACCOUNT {
            assert!(tries.begin("amina", HERE, now).is_ok());
        }
        assert_eq!(tries.begin("amina", THERE, now).err(), Some(WINDOW), "from wherever it comes");
        assert!(tries.begin("bruno", HERE, now).is_ok(), "another account may try");
        assert!(tries.begin("amina", HERE, now + WINDOW).is_ok());
    }

    #[test]
    fn an_address_is_tried_from_sixty_times_whatever_the_names() {
        let (tries, now) = (Tries::new(), Mono::START);
        for nth in 0..OF_ADDRESS {
            assert!(tries.begin(&format!("name {nth}"), HERE, now).is_ok(), "{nth}");
        }
        let waits = tries.begin("zoe", HERE, now + Span::secs(60)).err();
        assert_eq!(waits, Some(WINDOW - Span::secs(60)));
        assert!(tries.begin("zoe", THERE, now).is_ok());
        let customer = |text: &str| text.parse::<IpAddr>().map(network);
        assert_eq!(customer("2001:db8::1"), customer("2001:db8::2:3"));
        assert_eq!(customer("::ffff:192.0.2.1"), Ok(network(HERE)));
    }
}
