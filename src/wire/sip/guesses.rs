//! Wrong passwords: who must wait before another is looked at, and for how long.
//!
//! Counted for an account as one address tries it, for the address, and for the account. The wait
//! doubles with each wrong one. A phone that keeps to the address and port it last proved itself
//! from never waits, and no other phone's or stranger's guesses make it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

use crate::units::{AgentId, Mono, Span};

/// Wrong passwords an address may try on one account before it waits: a hand's slips.
const FREE_HERE: u32 = 4;
/// Wrong passwords of one address, whatever the account: a tenth of a floor of 400 phones.
const FREE_ADDRESS: u32 = 40;
/// Wrong passwords tried on one account, wherever they come from.
const FREE_ACCOUNT: u32 = 20;
/// The first wait.
const WAIT_MIN: Span = Span::secs(1);
/// The longest wait, so that a phone whose password was mended is back within the minute: 1,440
/// guesses a day.
const WAIT_MAX: Span = Span::secs(60);
/// How long after its wait somebody's wrong passwords are remembered.
const REMEMBERED: Span = Span::secs(3_600);
/// What is remembered at once, some 400 kB; beyond, the oldest is forgotten.
const HELD_MAX: usize = 4_096;

/// Whose wrong passwords are counted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Whose {
    Here(IpAddr, AgentId),
    Address(IpAddr),
    Account(AgentId),
}

impl Whose {
    const fn free(self) -> u32 {
        match self {
            Self::Here(..) => FREE_HERE,
            Self::Address(_) => FREE_ADDRESS,
            Self::Account(_) => FREE_ACCOUNT,
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Wrong {
    count: u32,
    until: Mono,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Guesses {
    wrong: BTreeMap<Whose, Wrong>,
    by_age: BTreeSet<(Mono, Whose)>,
    /// Where each phone last proved itself from.
    right: BTreeMap<AgentId, SocketAddr>,
}

impl Guesses {
    /// Tells how long whoever is there must wait before a password for this account (`None`: one
    /// that does not exist) is looked at.
    pub(super) fn wait(&self, now: Mono, agent: Option<AgentId>, from: SocketAddr) -> Option<Span> {
        let right = agent.and_then(|agent| self.right.get(&agent));
        if right == Some(&from) {
            return None;
        }
        // At the phone's own address a neighbour may guess, but only its own account waits there.
        let near = right.is_some_and(|right| right.ip() == from.ip());
        let minded = |whose: &Whose| !near || matches!(whose, Whose::Here(..));
        let waits = whose(agent, from.ip())
            .filter(minded)
            .map(|whose| self.wrong.get(&whose).map_or(Span::ZERO, |wrong| wrong.until.since(now)));
        waits.max().filter(|wait| *wait > Span::ZERO)
    }

    /// Notes a wrong password.
    pub(super) fn wrong(&mut self, now: Mono, agent: Option<AgentId>, from: SocketAddr) {
        self.forget_old(now);
        for whose in whose(agent, from.ip()) {
            let held = self.wrong.get(&whose).copied();
            let count = held.map_or(0, |held| held.count).saturating_add(1);
            let beyond = count.saturating_sub(whose.free());
            let wait = match beyond.checked_sub(1) {
                None => Span::ZERO,
                Some(doublings) => WAIT_MIN.times(1 << doublings.min(10)).min(WAIT_MAX),
            };
            let until = now + wait;
            if let Some(held) = held {
                self.by_age.remove(&(held.until, whose));
            }
            self.wrong.insert(whose, Wrong { count, until });
            self.by_age.insert((until, whose));
        }
        while self.wrong.len() > HELD_MAX {
            self.forget_oldest();
        }
    }

    /// Notes a right password.
    pub(super) fn right(&mut self, agent: AgentId, from: SocketAddr) {
        self.right.insert(agent, from);
        let here = Whose::Here(from.ip(), agent);
        if let Some(wrong) = self.wrong.remove(&here) {
            self.by_age.remove(&(wrong.until, here));
        }
    }

    /// Forgets a phone.
    pub(super) fn forget(&mut self, agent: AgentId) {
        self.right.remove(&agent);
    }

    fn forget_old(&mut self, now: Mono) {
        while self.by_age.first().is_some_and(|(until, _)| now.since(*until) > REMEMBERED) {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        if let Some((_, whose)) = self.by_age.pop_first() {
            self.wrong.remove(&whose);
        }
    }
}

fn whose(agent: Option<AgentId>, ip: IpAddr) -> impl Iterator<Item = Whose> {
    let account = agent.map(|agent| [Whose::Here(ip, agent), Whose::Account(agent)]);
    account.into_iter().flatten().chain([Whose::Address(ip)])
}

#[cfg(test)]
mod tests {
    use super::*;

    const A1: AgentId = AgentId(1);
    const A2: AgentId = AgentId(2);

    fn at(host: u8, port: u16) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, host], port))
    }

    /// Guesses once a second for a while; gives how many guesses were looked at.
    fn guess(guesses: &mut Guesses, now: &mut Mono, seconds: u32, from: SocketAddr) -> u32 {
        let mut tried = 0;
        for _ in 0..seconds {
            *now = *now + Span::secs(1);
            if guesses.wait(*now, Some(A1), from).is_none() {
                guesses.wrong(*now, Some(A1), from);
                tried += 1;
            }
        }
        tried
    }

    #[test]
    fn who_guesses_waits_twice_as_long_each_time_up_to_a_minute() {
        let (mut guesses, mut now) = (Guesses::default(), Mono::START);
        let mut waits = Vec::new();
        for _ in 0..13 {
            let wait = guesses.wait(now, Some(A1), at(6, 1)).unwrap_or_default();
            now = now + wait;
            waits.push(wait.as_micros() / 1_000_000);
            guesses.wrong(now, Some(A1), at(6, 1));
        }
        assert_eq!(waits, [0, 0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(guess(&mut guesses, &mut now, 86_400, at(6, 1)), 1_440, "guesses of a day");
    }

    #[test]
    fn guesses_from_everywhere_make_an_account_wait_but_not_where_its_phone_is() {
        let (mut guesses, now) = (Guesses::default(), Mono::START);
        guesses.right(A1, at(1, 5_060));
        for host in 10..=60 {
            guesses.wrong(now, Some(A1), at(host, 1));
        }
        assert!(guesses.wait(now, Some(A1), at(70, 1)).is_some());
        assert_eq!(guesses.wait(now, Some(A1), at(1, 5_060)), None, "the phone itself");
        assert_eq!(guesses.wait(now, Some(A1), at(1, 6_000)), None, "through another port");
        assert_eq!(guesses.wait(now, Some(A2), at(70, 1)), None, "another account");
    }

    #[test]
    fn a_guessing_neighbour_behind_the_same_address_locks_nobody_out() {
        let (mut guesses, mut now) = (Guesses::default(), Mono::START);
        guesses.right(A1, at(1, 5_060));
        guesses.right(A2, at(1, 5_062));
        assert!(guess(&mut guesses, &mut now, 600, at(1, 7_777)) < 30);
        assert!(guesses.wait(now, Some(A1), at(1, 7_777)).is_some(), "the neighbour waits");
        assert_eq!(guesses.wait(now, Some(A1), at(1, 5_060)), None);
        assert_eq!(guesses.wait(now, Some(A2), at(1, 5_062)), None);
        assert_eq!(guesses.wait(now, Some(A2), at(1, 9_999)), None, "another account, moved");
    }

    #[test]
    fn an_address_that_tries_names_waits_too_and_memory_has_an_end() {
        let (mut guesses, now) = (Guesses::default(), Mono::START);
        for _ in 0..=FREE_ADDRESS {
            assert_eq!(guesses.wait(now, None, at(6, 1)), None);
            guesses.wrong(now, None, at(6, 1));
        }
        assert!(guesses.wait(now, None, at(6, 1)).is_some());
        assert!(guesses.wait(now, Some(A1), at(6, 2)).is_some(), "any account, from there");
        for name in 0..20_000 {
            let from = SocketAddr::from((std::net::Ipv4Addr::from_bits(name), 1));
            guesses.wrong(now + Span::secs(5), Some(AgentId(name % 7)), from);
        }
        assert_eq!((guesses.wrong.len(), guesses.by_age.len()), (HELD_MAX, HELD_MAX));
        guesses.wrong(now + Span::secs(7_200), None, at(6, 1));
        assert_eq!(guesses.wrong.len(), 1, "all is forgotten after an hour");
    }
}
