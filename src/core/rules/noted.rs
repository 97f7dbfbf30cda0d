//! What this run knows of persons and leads claimed earlier do not, for as long as there are such.

use std::collections::{BTreeMap, VecDeque};
use std::ops::RangeInclusive;

use crate::units::Mono;

/// Values by key, forgotten some time after they were noted last.
#[derive(Debug)]
pub(super) struct Noted<K, V> {
    held: BTreeMap<K, (Mono, V)>,
    order: VecDeque<(Mono, K)>,
}

impl<K, V> Default for Noted<K, V> {
    fn default() -> Self {
        Self { held: BTreeMap::new(), order: VecDeque::new() }
    }
}

impl<K: Ord + Copy, V> Noted<K, V> {
    pub(super) fn note(&mut self, now: Mono, key: K, value: V) {
        self.held.insert(key, (now, value));
        self.order.push_back((now, key));
    }

    pub(super) fn remove(&mut self, key: &K) {
        self.held.remove(key);
    }

    /// Forgets what was noted before a moment, and not again since.
    pub(super) fn forget_before(&mut self, moment: Mono) {
        while let Some((_, key)) = self.order.pop_front_if(|(at, _)| *at < moment) {
            if self.held.get(&key).is_some_and(|(at, _)| *at < moment) {
                self.held.remove(&key);
            }
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    pub(super) fn get(&self, key: &K) -> Option<&V> {
        self.held.get(key).map(|(_, value)| value)
    }

    pub(super) fn range(&self, keys: RangeInclusive<K>) -> impl Iterator<Item = &V> {
        self.held.range(keys).map(|(_, (_, value))| value)
    }
}
