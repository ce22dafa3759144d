use std::{
    collections::{HashMap, VecDeque},
    hash::Hash,
    time::{Duration, Instant},
};

/// What was last done when, for a bounded number of keys.
///
/// At the bound the oldest is forgotten: whoever it was may act again early, nobody is refused for it.
#[derive(Debug)]
pub(super) struct Recent<K> {
    times: HashMap<K, Instant>,
    /// In the order of time; one that `times` knows another time of is stale.
    order: VecDeque<(Instant, K)>,
    n_max: usize,
}

impl<K: Hash + Eq + Clone> Recent<K> {
    pub(super) fn new(n_max: usize) -> Self {
        Self { times: HashMap::new(), order: VecDeque::new(), n_max }
    }

    /// Notes that `key` acts, where its last time is `apart` ago or more; else says how long it must wait.
    pub(super) fn take(&mut self, key: &K, now: Instant, apart: Duration) -> Result<(), Duration> {
        if apart.is_zero() {
            return Ok(());
        }
        let since = |time: Instant| now.saturating_duration_since(time);
        while self.order.front().is_some_and(|(time, _)| since(*time) >= apart) {
            self.forget_oldest();
        }
        if let Some(wait) = self.times.get(key).and_then(|time| apart.checked_sub(since(*time)))
            && !wait.is_zero()
        {
            return Err(wait);
        }
        while self.order.len() >= self.n_max.max(1) {
            self.forget_oldest();
        }
        self.order.push_back((now, key.clone()));
        self.times.insert(key.clone(), now);
        Ok(())
    }

    fn forget_oldest(&mut self) {
        if let Some((time, key)) = self.order.pop_front()
            && self.times.get(&key) == Some(&time)
        {
            self.times.remove(&key);
        }
    }

    /// How many entries are kept.
    pub(super) fn len(&self) -> usize {
        self.order.len().max(self.times.len())
    }
}
