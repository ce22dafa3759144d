//! Answers by what they were made of. Pure.

use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;
use sha2::{Digest, Sha256};

/// Most bytes that are kept, with what the maps take.
const BYTES_MAX: usize = 4 * 1024 * 1024;
/// About what the maps take for one answer beside its bytes: its key twice, and their own.
const ANSWER_BYTES: usize = 256;

/// Names a code and its language without keeping anything of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key([u8; 32]);

impl Key {
    /// The key of this code in this language.
    pub fn of(language: &str, code: &str) -> Self {
        let mut hash = Sha256::new();
        // A byte that is in no text, so that none can move from one to the other.
        hash.update(language);
        hash.update([0xff]);
        hash.update(code);
        Self(hash.finalize().into())
    }
}

/// The latest answers. The one that nobody asked for longest goes first.
#[derive(Default)]
pub struct Cache {
    answers: HashMap<Key, (Bytes, u64)>,
    order: BTreeMap<u64, Key>,
    n_bytes: usize,
    next: u64,
}

impl Cache {
    /// The answer, if it is kept.
    pub fn get(&mut self, key: Key) -> Option<Bytes> {
        let (body, turn) = self.answers.get_mut(&key)?;
        self.next += 1;
        self.order.remove(turn);
        *turn = self.next;
        self.order.insert(self.next, key);
        Some(body.clone())
    }

    /// Keeps an answer.
    pub fn put(&mut self, key: Key, body: Bytes) {
        self.remove(key);
        self.next += 1;
        self.n_bytes += body.len() + ANSWER_BYTES;
        self.order.insert(self.next, key);
        self.answers.insert(key, (body, self.next));
        while self.n_bytes > BYTES_MAX {
            let Some(oldest) = self.order.first_key_value().map(|(_, key)| *key) else { break };
            self.remove(oldest);
        }
    }

    fn remove(&mut self, key: Key) {
        if let Some((body, turn)) = self.answers.remove(&key) {
            self.order.remove(&turn);
            self.n_bytes = self.n_bytes.saturating_sub(body.len() + ANSWER_BYTES);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_what_was_asked_for_last_within_its_bytes() {
        let body = |n: u8| Bytes::from(vec![n; 100_000]);
        let key = |n: u8| Key::of("rs", &n.to_string());
        let mut cache = Cache::default();
        for n in 0..100 {
            cache.put(key(n), body(n));
            assert_eq!(cache.get(key(0)), Some(body(0)), "asked for all the time");
            assert!(cache.n_bytes <= BYTES_MAX);
        }
        assert_eq!(cache.get(key(1)), None);
        assert_eq!(cache.get(key(99)), Some(body(99)));
        cache.put(key(99), body(7));
        assert_eq!(cache.get(key(99)), Some(body(7)));
        assert_eq!(cache.answers.len(), cache.order.len());
        let n_bytes = cache.answers.values().map(|(body, _)| body.len() + ANSWER_BYTES).sum::<usize>();
        assert_eq!(cache.n_bytes, n_bytes);
        cache.put(key(5), Bytes::from(vec![0; BYTES_MAX]));
        assert_eq!((cache.n_bytes, cache.answers.len()), (0, 0), "one that is too large is not kept");
    }

    #[test]
    fn another_language_is_another_key() {
        assert_ne!(Key::of("rs", "x"), Key::of("r", "sx"));
        assert_eq!(Key::of("rs", "x"), Key::of("rs", "x"));
    }
}
