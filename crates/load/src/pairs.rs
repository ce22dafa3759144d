use std::collections::BTreeMap;

use serde::Serialize;

use super::{
    latencies::{Latencies, Summary},
    numbers::{count, float},
    schedule::Spread,
};

/// Two servers: who wrote a message is on the first, who got it is on the second.
pub type Pair = (usize, usize);

/// Somebody who gets messages, and knows from their numbers which server each was written to.
#[derive(Debug, Clone, Copy)]
pub struct Reader {
    spread: Spread,
    n_writers: u64,
    server: usize,
}

impl Reader {
    pub fn new(spread: Spread, n_writers: usize, server: usize) -> Self {
        Self { spread, n_writers: count(n_writers).max(1), server }
    }

    #[cfg(test)]
    pub fn alone() -> Self {
        Self::new(Spread { n_rooms: 1, n_threads: 1, n_servers: 1 }, 1, 0)
    }

    /// The way of message `n` to this reader; none where there is one server only. Who stands in for a writer that is away
    /// is on the same server, so the number tells it.
    pub fn pair(self, n: u64) -> Option<Pair> {
        (self.spread.n_servers > 1).then(|| (self.spread.server(n % self.n_writers), self.server))
    }
}

/// Latencies of deliveries by pairs of servers.
#[derive(Debug, Clone, Default)]
pub struct Pairs(BTreeMap<Pair, Latencies>);

impl Pairs {
    pub fn record(&mut self, pair: Pair, us: u64) {
        self.0.entry(pair).or_default().record(us);
    }

    pub fn add(&mut self, other: &Self) {
        for (pair, latencies) in &other.0 {
            self.0.entry(*pair).or_default().add(latencies);
        }
    }

    /// Of messages whose writer and reader are on the same server, or on different ones.
    fn side(&self, is_own: bool) -> Latencies {
        let mut sum = Latencies::default();
        self.0.iter().filter(|((from, to), _)| (from == to) == is_own).for_each(|(_, l)| sum.add(l));
        sum
    }
}

/// Latencies of deliveries within one server and between two, in microseconds.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BetweenServers {
    /// Writer and reader are on the same server.
    pub own: Option<Summary>,
    /// They are on different ones.
    pub other: Option<Summary>,
    /// The p99 of other minus that of own.
    pub p99_difference: Option<f64>,
    /// Each pair of servers.
    pub pairs: Vec<Way>,
    /// Points of the distribution of other.
    #[serde(skip)]
    pub distribution: Vec<(f64, u64)>,
}

/// Deliveries from one server's writers to one's readers.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Way {
    /// The server of who wrote, as it was given.
    pub from: String,
    /// The server of who got it.
    pub to: String,
    pub delivery: Option<Summary>,
}

impl BetweenServers {
    /// Nothing of one server only.
    pub fn of(pairs: &Pairs, urls: &[String]) -> Option<Self> {
        if urls.len() < 2 {
            return None;
        }
        let sides = [true, false].map(|is_own| pairs.side(is_own));
        let [own, other] = sides.each_ref().map(Latencies::summary);
        let [_, between] = sides;
        let way = |(n, from): (usize, &String), (m, to): (usize, &String)| Way {
            from: from.clone(),
            to: to.clone(),
            delivery: pairs.0.get(&(n, m)).and_then(Latencies::summary),
        };
        let all = || (0..).zip(urls);
        Some(Self {
            own,
            other,
            p99_difference: own.zip(other).map(|(own, other)| float(other.p99) - float(own.p99)),
            pairs: all().flat_map(|from| all().map(move |to| way(from, to))).collect(),
            distribution: between.distribution(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_and_other_are_told_apart() {
        let mut pairs = Pairs::default();
        for (pair, us) in [((0, 0), 1_000), ((1, 1), 3_000), ((0, 1), 5_000), ((1, 0), 4_000), ((0, 1), 9_000)] {
            let mut one = Pairs::default();
            one.record(pair, us);
            pairs.add(&one);
        }
        let urls = ["http://a".to_owned(), "http://b".to_owned()];
        let told = BetweenServers::of(&pairs, &urls).expect("two servers");
        let (own, other) = (told.own.expect("own"), told.other.expect("other"));
        assert_eq!((own.n, own.p99.div_ceil(10), other.n, other.p99.div_ceil(10)), (2, 301, 3, 901));
        assert_eq!(told.p99_difference, Some(float(other.p99) - float(own.p99)));
        let ways: Vec<_> = told.pairs.iter().map(|w| (&*w.from, &*w.to, w.delivery.map_or(0, |d| d.n))).collect();
        let [a, b] = ["http://a", "http://b"];
        assert_eq!(ways, [(a, a, 1), (a, b, 2), (b, a, 1), (b, b, 1)]);
        assert!(BetweenServers::of(&pairs, &urls[..1]).is_none());
    }

    #[test]
    fn what_was_not_measured_makes_no_difference() {
        let mut pairs = Pairs::default();
        pairs.record((0, 0), 1);
        let told = BetweenServers::of(&pairs, &["a".to_owned(), "b".to_owned()]).expect("two servers");
        assert!(told.own.is_some() && told.other.is_none() && told.p99_difference.is_none());
    }

    #[test]
    fn the_way_of_a_message_is_told_by_its_number() {
        let spread = Spread { n_rooms: 3, n_threads: 1, n_servers: 2 };
        // Writers 0 to 3 are in rooms 0, 1, 2 and 0: on servers 0, 1, 0 and 1.
        let ways: Vec<_> = (4..9).map(|n| Reader::new(spread, 4, 1).pair(n)).collect();
        assert_eq!(ways, [(0, 1), (1, 1), (0, 1), (1, 1), (0, 1)].map(Some));
        assert_eq!(Reader::alone().pair(4), None);
    }
}
