//! A map that remembers the keys used last, in bounded memory.
//!
//! Two halves: the young one takes everything in, and when it is full it becomes the old one, which is then
//! forgotten. What is used moves to the young half. Nothing here costs more than a look-up, but for the sweep
//! when the halves change, which a half's worth of insertions has paid for.

use std::collections::HashMap;
use std::hash::Hash;

#[derive(Debug)]
pub(super) struct Recent<K, V> {
    half: usize,
    young: HashMap<K, V>,
    old: HashMap<K, V>,
}

impl<K: Eq + Hash, V: Copy> Recent<K, V> {
    /// At most `most` entries.
    pub(super) fn new(most: usize) -> Self {
        Self {
            half: (most / 2).max(1),
            young: HashMap::new(),
            old: HashMap::new(),
        }
    }

    pub(super) fn get(&self, key: &K) -> Option<V> {
        self.young.get(key).or_else(|| self.old.get(key)).copied()
    }

    /// `keep` says of a value whether it still matters: those that do not are not carried along.
    pub(super) fn put(&mut self, key: K, value: V, keep: impl Fn(V) -> bool) {
        if let Some(held) = self.young.get_mut(&key) {
            *held = value;
            return;
        }
        self.old.remove(&key);
        if self.young.len() >= self.half {
            self.old = std::mem::take(&mut self.young);
            self.old.retain(|_, value| keep(*value));
        }
        self.young.insert(key, value);
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_bounded_and_what_is_used_stays() {
        let mut recent = Recent::new(100);
        for number in 0..10_000 {
            recent.put(number, number, |_| true);
            recent.put(-1, number, |_| true);
            assert!(recent.len() <= 100);
        }
        assert_eq!(recent.get(&-1), Some(9_999));
        assert_eq!(recent.get(&9_999), Some(9_999));
        assert_eq!(recent.get(&1), None);
    }
}
