//! A map that forgets what is idle, so that keys that come and go leave nothing behind.

use std::collections::HashMap;

/// Fewer entries than this are not worth a sweep.
const FEW: usize = 64;

/// Swept whenever it has doubled since the last sweep: each new entry pays a constant, and there
/// are never more than twice as many entries as there were live ones, or sixty-four.
pub struct Swept<K, V> {
    /// The entries.
    pub entries: HashMap<K, V>,
    left: usize,
}

impl<K, V> Default for Swept<K, V> {
    fn default() -> Self {
        Self { entries: HashMap::new(), left: 0 }
    }
}

impl<K, V> Swept<K, V> {
    /// To be called before an entry is added.
    pub fn make_room(&mut self, mut live: impl FnMut(&V) -> bool) {
        if self.entries.len() >= FEW.max(2 * self.left) {
            self.entries.retain(|_, value| live(value));
            self.left = self.entries.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idle_entries_go_and_live_ones_stay() {
        let mut map = Swept::default();
        for key in 0..100_000 {
            map.make_room(|live| *live);
            map.entries.insert(key, key < 100);
            assert!(map.entries.len() <= 2 * 100 + 1, "at {key}");
        }
        assert!((0..100).all(|key| map.entries.contains_key(&key)));
    }
}
