//! What a process keeps in memory of every document of a shelf, and how it keeps up: each look reads what was
//! written since the last one. Only the first look reads the shelf, a page at a time.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

use common::port::{Doc, Shelf, Vault, VaultError, Version};

/// Documents read at a time.
const PAGE: u32 = if cfg!(test) { 5 } else { 500 };
/// A write may be seen so much later than one that has a higher version: writers are confirmed side by side, and an
/// adapter gives one up after seconds.
const LATE: Duration = Duration::from_secs(60);
/// And so many versions later, at most: more writers are never under way at once.
const MANY: u64 = 256;

/// Follows one shelf.
pub struct Mirror<T> {
    vault: Arc<dyn Vault>,
    shelf: Shelf,
    extract: Extract<T>,
    state: Mutex<State<T>>,
}

/// What is kept of a document, by its name.
type Extract<T> = fn(&str, &Doc) -> T;

struct State<T> {
    known: BTreeMap<String, (Version, T)>,
    cursor: Cursor,
    looked: Option<Instant>,
}

impl<T> Default for State<T> {
    fn default() -> Self {
        Self { known: BTreeMap::new(), cursor: Cursor::default(), looked: None }
    }
}

impl<T> Mirror<T> {
    /// Of each document of `shelf` what `extract` says is kept.
    #[must_use]
    pub fn new(vault: Arc<dyn Vault>, shelf: Shelf, extract: Extract<T>) -> Self {
        Self { vault, shelf, extract, state: Mutex::default() }
    }

    /// Reads from what is known by name, as it was at most `age` ago.
    ///
    /// # Errors
    /// When the vault cannot be read; nothing that is known is lost by that.
    pub async fn read<R>(
        &self,
        age: Duration,
        read: impl FnOnce(Known<'_, T>) -> R,
    ) -> Result<R, VaultError> {
        let mut state = self.state.lock().await;
        if state.looked.is_none_or(|at| at.elapsed() >= age) {
            let now = Instant::now();
            let total = self.follow(&mut state).await?;
            if state.known.len() as u64 != total {
                // Something was removed, or a write came later than `LATE`: both are rare enough to begin anew.
                *state = State::default();
                self.follow(&mut state).await?;
            }
            state.looked = Some(now);
        }
        Ok(read(Known(&state.known)))
    }

    /// Reads what was written; answers how many documents there are.
    async fn follow(&self, state: &mut State<T>) -> Result<u64, VaultError> {
        let now = Instant::now();
        let mut since = state.cursor.since(now);
        loop {
            let changes = self.vault.changes(self.shelf, since, PAGE).await?;
            for (name, doc) in changes.docs {
                since = since.max(doc.version);
                let kept = (self.extract)(&name, &doc);
                state.known.insert(name, (doc.version, kept));
            }
            if !changes.more {
                state.cursor.reached(since, now);
                return Ok(changes.total);
            }
        }
    }
}

/// What is known of the documents.
pub struct Known<'a, T>(&'a BTreeMap<String, (Version, T)>);

impl<'a, T> Known<'a, T> {
    /// One of them.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&'a T> {
        self.0.get(name).map(|(_, kept)| kept)
    }

    /// All, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&'a str, &'a T)> + use<'a, T> {
        self.0.iter().map(|(name, (_, kept))| (name.as_str(), kept))
    }
}

/// From where to ask: what was reached long enough ago.
#[derive(Default)]
struct Cursor {
    settled: Version,
    /// What was reached lately, oldest first.
    lately: VecDeque<(Instant, Version)>,
}

impl Cursor {
    fn since(&mut self, now: Instant) -> Version {
        while let Some((at, version)) = self.lately.front()
            && now.duration_since(*at) >= LATE
        {
            self.settled = *version;
            self.lately.pop_front();
        }
        let reached = self.lately.back().map_or(self.settled, |(_, last)| *last);
        self.settled.max(Version(reached.0.saturating_sub(MANY)))
    }

    fn reached(&mut self, version: Version, at: Instant) {
        let last = self.lately.back().map_or(self.settled, |(_, last)| *last);
        if version > last {
            self.lately.push_back((at, version));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use adapter_embedded::{Embedded, Role};
    use common::port::SystemClock;

    #[test]
    fn what_was_reached_lately_is_asked_for_once_more() {
        let (mut cursor, start) = (Cursor::default(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        cursor.reached(Version(5), at(0));
        assert_eq!(cursor.since(at(59)), Version(0));
        cursor.reached(Version(9), at(59));
        cursor.reached(Version(9), at(60));
        assert_eq!(cursor.since(at(60)), Version(5));
        assert_eq!(cursor.since(at(118)), Version(5));
        assert_eq!(cursor.since(at(119)), Version(9));
        assert!(cursor.lately.is_empty());
        cursor.reached(Version(10_000), at(120));
        assert_eq!(
            cursor.since(at(121)),
            Version(10_000 - MANY),
            "and not all that was there at the first look"
        );
    }

    #[tokio::test]
    async fn a_mirror_follows_writes_removals_and_names_that_come_back() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Embedded::open(dir.path(), Role::Operator, Arc::new(SystemClock), None).await.unwrap();
        let vault: Arc<dyn Vault> = folder.vault();
        let put = async |name: &str, value: u64| {
            let seen = vault.get(Shelf::Accounts, name).await.unwrap().map(|doc| doc.version);
            vault.put(Shelf::Accounts, name, &json!(value), seen).await.unwrap();
        };
        let mirror = Mirror::new(Arc::clone(&vault), Shelf::Accounts, |_, doc| doc.value.as_u64());
        let known = async || {
            let read = |known: Known<'_, Option<u64>>| {
                known.iter().map(|(name, kept)| (name.to_owned(), kept.unwrap())).collect::<Vec<_>>()
            };
            mirror.read(Duration::ZERO, read).await.unwrap()
        };
        let named = |pairs: &[(&str, u64)]| -> Vec<(String, u64)> {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect()
        };
        assert_eq!(known().await, []);
        for number in 0..23 {
            put(&format!("n{number:02}"), number).await;
        }
        assert_eq!(known().await.len(), 23, "more than one page");
        for number in 3..23 {
            vault.remove(Shelf::Accounts, &format!("n{number:02}")).await.unwrap();
        }
        assert_eq!(known().await, named(&[("n00", 0), ("n01", 1), ("n02", 2)]));
        put("n01", 7).await;
        vault.remove(Shelf::Accounts, "n02").await.unwrap();
        put("x", 1).await;
        assert_eq!(known().await, named(&[("n00", 0), ("n01", 7), ("x", 1)]), "as many as before");
        vault.remove(Shelf::Accounts, "x").await.unwrap();
        put("x", 2).await;
        assert_eq!(known().await, named(&[("n00", 0), ("n01", 7), ("x", 2)]));
    }
}
