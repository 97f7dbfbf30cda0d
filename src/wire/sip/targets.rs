//! Where a trunk can be reached, in which order it is tried, and whom to spare a while (RFC 3263
//! §4.3, RFC 2782).

use std::collections::BTreeMap;

use super::event::Hop;
use crate::units::{Mono, Span};

/// How long a hop that failed is tried last: a restarted server is back by then, and calls that
/// wait for a dead one are few.
const SPARED: Span = Span::secs(60);
/// The longest a hop is spared because it asked for it: it may well be back earlier.
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
    /// The share of the calls among servers of one priority; 0 is a very small one.
    pub weight: u16,
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
pub(super) struct Spared(BTreeMap<Hop, Mono>);

impl Spared {
    /// Notes that a hop failed; it may have said how long it wants to be spared.
    pub(super) fn note(&mut self, now: Mono, hop: Hop, asked: Option<Span>) {
        self.0.retain(|_, until| *until > now);
        if self.0.len() < HOPS_MAX {
            self.0.insert(hop, now + asked.unwrap_or(SPARED).min(SPARED_MAX));
        }
    }

    /// Notes that a hop answered.
    pub(super) fn heard(&mut self, hop: Hop) {
        if !self.0.is_empty() {
            self.0.remove(&hop);
        }
    }

    /// Moves the hops that are spared behind the others.
    pub(super) fn put_last(&self, now: Mono, hops: &mut [Hop]) {
        hops.sort_by_key(|hop| self.0.get(hop).is_some_and(|until| *until > now));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand_pcg::Pcg64;

    use super::*;

    fn way(place: u8, priority: u16, weight: u16) -> Way {
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
        spared.heard(one);
        spared.put_last(now, &mut hops);
        assert_eq!(hops, [one, two], "it answered");
    }

    proptest! {
        #[test]
        fn every_target_is_tried_once_by_priority(
            listed in prop::collection::vec((0_u16..4, 0_u16..3), 0..12),
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
