//! Where a trunk can be reached, in which order it is tried, and whom to spare a while (RFC 3263
//! §4.3, RFC 2782).

use std::collections::BTreeMap;

use super::event::Hop;
use super::net::T1_64;
use crate::units::{Mono, Span};

/// How long a hop that failed is tried last, doubled by each further failure: a restarted server is
/// back by then, and calls that wait for a dead one are few.
const SPARED: Span = Span::secs(60);
/// The longest a hop is spared, whatever it asks for itself: it may well be back earlier.
const SPARED_MAX: Span = Span::secs(600);
/// How many hops are spared at once; beyond them the others are tried in vain.
const HOPS_MAX: usize = 1_024;

/// One way to a trunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Way {
    /// The server.
    pub hop: Hop,
    /// Servers of a lower number are tried first.
    pub priority: u16,
    /// The share of the calls among servers of one priority; 0 is a very small one. Wider than a
    /// record's own weight, so that a server of several addresses can share its out.
    pub weight: u32,
}

/// Puts ways in the order in which they are tried: by priority, and by chance in proportion to
/// their weights among equals (RFC 2782, "Usage rules"); `draw` gives chance numbers.
pub(super) fn order(ways: &[Way], mut draw: impl FnMut() -> u64) -> Vec<Hop> {
    let mut left = ways.to_vec();
    // Weight zero stands first, so that it has a small chance of being chosen.
    left.sort_by_key(|target| (target.priority, target.weight > 0));
    let mut hops = Vec::with_capacity(left.len());
    while let Some(first) = left.first() {
        let equals = left.iter().take_while(|target| target.priority == first.priority);
        let sum: u64 = equals.clone().map(|target| u64::from(target.weight)).sum();
        let drawn = draw() % (sum + 1);
        let mut running = 0;
        let chosen = equals.clone().position(|target| {
            running += u64::from(target.weight);
            running >= drawn
        });
        hops.push(left.remove(chosen.unwrap_or_default()).hop);
    }
    hops
}

/// Hops that failed lately.
#[derive(Debug, Default)]
pub(super) struct Spared(BTreeMap<Hop, Rest>);

#[derive(Clone, Copy, Debug)]
struct Rest {
    until: Mono,
    /// How often it failed in a row, from 1.
    failures: u32,
    /// Whether one request tries it, for as long as the others still spare it.
    tried: bool,
}

impl Spared {
    /// Notes that a hop failed; it may have said how long it wants to be spared.
    pub(super) fn note(&mut self, now: Mono, hop: Hop, asked: Option<Span>) {
        // Whoever failed long ago and was not tried since begins anew.
        self.0.retain(|_, rest| rest.until + SPARED_MAX > now);
        let held = self.0.get(&hop).copied();
        let asked = asked.map(|span| now + span.min(SPARED_MAX));
        let resting = held.filter(|rest| !rest.tried && rest.until > now);
        let rest = if let Some(rest) = resting {
            // The failure of a request that went there before it rested.
            Rest { until: rest.until.max(asked.unwrap_or(rest.until)), ..rest }
        } else {
            let failures = held.map_or(0, |rest| rest.failures);
            let usual = SPARED.times(1 << failures.min(4)).min(SPARED_MAX);
            let until = asked.unwrap_or(now + usual);
            Rest { until, failures: failures + 1, tried: false }
        };
        if self.0.len() < HOPS_MAX || held.is_some() {
            self.0.insert(hop, rest);
        }
    }

    /// Notes that a request goes to a hop: if its rest is over, the others spare it until this one
    /// was answered, or would have been (RFC 3261 §17.1.1.2, timer B).
    pub(super) fn tries(&mut self, now: Mono, hop: Hop) {
        if let Some(rest) = self.0.get_mut(&hop).filter(|rest| rest.until <= now) {
            (rest.until, rest.tried) = (now + T1_64, true);
        }
    }

    /// Notes the status of an answer to a request that a hop could have failed: whoever was tried
    /// again is back. Provisional answers, challenges and 503 show no room; answers to requests of
    /// before its rest show that it had some then.
    pub(super) fn heard(&mut self, now: Mono, hop: Hop, status: u16) {
        let shows_room = status >= 200 && !matches!(status, 401 | 407 | 503);
        let awaited = |rest: &Rest| rest.tried || rest.until <= now;
        if shows_room && self.0.get(&hop).is_some_and(awaited) {
            self.0.remove(&hop);
        }
    }

    /// Tells whether a hop is spared now.
    pub(super) fn holds(&self, now: Mono, hop: Hop) -> bool {
        self.0.get(&hop).is_some_and(|rest| rest.until > now)
    }

    /// Moves the hops that are spared behind the others.
    pub(super) fn put_last(&self, now: Mono, hops: &mut [Hop]) {
        hops.sort_by_key(|hop| self.holds(now, *hop));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand_pcg::Pcg64;

    use super::*;

    fn way(place: u8, priority: u16, weight: u32) -> Way {
        let hop = std::net::SocketAddr::from(([192, 0, 2, place], 5060)).into();
        Way { hop, priority, weight }
    }

    #[test]
    fn a_lower_priority_comes_first_and_weights_share_the_calls() {
        let targets = [way(1, 20, 9), way(2, 10, 60), way(3, 10, 30), way(4, 10, 10)];
        let mut chance = Pcg64::new(1, 1);
        let mut first = [0_u32; 5];
        for _ in 0..10_000 {
            let hops = order(&targets, || chance.next_u64());
            assert_eq!(hops.last(), Some(&targets[0].hop));
            let place = targets.iter().position(|target| target.hop == hops[0]).expect("known");
            first[place] += 1;
        }
        // Six, three and one tenth, within five standard deviations of 10,000 draws.
        for (place, wanted) in [(1, 6_000), (2, 3_000), (3, 1_000)] {
            assert!(first[place].abs_diff(wanted) < 250, "{first:?}");
        }
    }

    #[test]
    fn a_hop_that_failed_is_tried_last_for_a_while() {
        let targets = [way(1, 10, 0), way(2, 20, 0)];
        let [one, two] = targets.map(|target| target.hop);
        let (mut spared, mut hops) = (Spared::default(), vec![one, two]);
        let now = Mono::START;
        spared.note(now, one, None);
        spared.put_last(now + Span::secs(59), &mut hops);
        assert_eq!(hops, [two, one]);
        let mut hops = vec![one, two];
        spared.put_last(now + Span::secs(60), &mut hops);
        assert_eq!(hops, [one, two], "its time is over");
        spared.note(now, one, Some(Span::secs(86_400)));
        spared.put_last(now + SPARED_MAX, &mut hops);
        assert_eq!(hops, [one, two], "nobody is spared for ever");
        let mut hops = vec![one, two];
        spared.heard(now + Span::secs(1), one, 200);
        spared.put_last(now + Span::secs(1), &mut hops);
        assert_eq!(hops, [two, one], "an answer to what it was asked before");
    }

    #[test]
    fn one_request_alone_tries_a_hop_whose_rest_is_over_and_each_failure_doubles_it() {
        let hop = way(1, 10, 0).hop;
        let (mut spared, mut now) = (Spared::default(), Mono::START);
        for rest in [60, 120, 240, 480, 600, 600] {
            spared.note(now, hop, None);
            // Those that went there before fail later, and change nothing.
            spared.note(now + Span::secs(20), hop, None);
            assert!(spared.holds(now + Span::secs(rest - 1), hop), "after {rest} s");
            now = now + Span::secs(rest);
            assert!(!spared.holds(now, hop), "after {rest} s");
            spared.tries(now, hop);
            assert!(spared.holds(now, hop), "spared by all others");
            now = now + Span::secs(32);
        }
        spared.tries(now, hop);
        for (status, back) in [(100, false), (401, false), (503, false), (486, true)] {
            spared.heard(now, hop, status);
            assert_eq!(spared.holds(now, hop), !back, "{status}");
        }
        spared.note(now, hop, None);
        assert!(!spared.holds(now + Span::secs(60), hop), "it begins anew");
    }

    proptest! {
        #[test]
        fn every_target_is_tried_once_by_priority(
            listed in prop::collection::vec((0_u16..4, 0_u32..3), 0..12),
            seed in any::<u64>(),
        ) {
            let targets: Vec<_> = (1..).zip(&listed).map(|(n, (p, w))| way(n, *p, *w)).collect();
            let mut chance = Pcg64::new(seed.into(), 1);
            let hops = order(&targets, || chance.next_u64());
            let found: Vec<_> = hops
                .iter()
                .filter_map(|hop| targets.iter().find(|target| target.hop == *hop))
                .map(|target| target.priority)
                .collect();
            prop_assert_eq!(found.len(), targets.len());
            prop_assert!(found.is_sorted());
        }
    }
}
