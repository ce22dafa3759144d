//! Counts connections that are no sessions, and knows which of them gives way where there are too many.

use std::{
    collections::{BTreeSet, HashMap},
    net::IpAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use futures_util::task::AtomicWaker;
use ipnet::IpNet;

use super::{
    admission::{Admission, lock},
    networks::networks,
};

/// How many connections there may be that are no sessions: HTTP, and WebSockets before their upgrade.
#[derive(Debug, Clone)]
pub struct ConnectionLimits {
    /// Of one address.
    pub n_of_address_max: usize,
    /// Of all, sessions counted as well: what the descriptor limit allows, less what files and the database need.
    pub n_all_max: usize,
    /// Proxies: behind the address of one of these are many people, so it is not limited.
    pub trusted_proxies: Vec<IpNet>,
}

/// The connections that are no sessions, of all threads. Where there are too many, one that waits for a request gives
/// way to the new one: whoever comes, a probe among them, is always answered.
#[derive(Debug)]
pub struct Connections {
    limits: ConnectionLimits,
    admission: Arc<Admission>,
    table: Mutex<Table>,
    n_cut: [AtomicUsize; 2],
}

/// Why a connection was ended before its peer ended it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CutFor {
    /// Its address had too many.
    Address,
    /// The server had too many.
    Server,
}

impl Connections {
    /// No connections yet. `admission` knows how many sessions there are.
    pub fn new(limits: ConnectionLimits, admission: Arc<Admission>) -> Arc<Self> {
        Arc::new(Self { limits, admission, table: Mutex::default(), n_cut: Default::default() })
    }

    /// How many there are.
    pub fn n(&self) -> usize {
        lock(&self.table).entries.len()
    }

    /// How many were ended, or refused, because there were too many.
    pub fn n_cut(&self, why: CutFor) -> usize {
        self.counter(why).load(Ordering::Relaxed)
    }

    fn counter(&self, why: CutFor) -> &AtomicUsize {
        let [address, server] = &self.n_cut;
        if why == CutFor::Address { address } else { server }
    }

    /// Counts a connection from `peer`; others may be ended for it. `None` where its address has as many as it
    /// may have and each of them is being answered.
    pub fn enter(self: &Arc<Self>, peer: IpAddr) -> Option<Entered> {
        let peer = peer.to_canonical();
        let is_proxy = self.limits.trusted_proxies.iter().any(|network| network.contains(&peer));
        let address = (!is_proxy).then(|| customer(peer));
        let mut table = lock(&self.table);
        if let Some(address) = address
            && table.n_of(address) >= self.limits.n_of_address_max
        {
            self.counter(CutFor::Address).fetch_add(1, Ordering::Relaxed);
            if !table.cut_idle_of(address) {
                return None;
            }
        }
        let n_free = self.limits.n_all_max.saturating_sub(self.admission.n_sessions());
        if table.entries.len() >= n_free && table.cut_oldest() {
            self.counter(CutFor::Server).fetch_add(1, Ordering::Relaxed);
        }
        let (id, cut) = table.insert(address);
        Some(Entered { connections: self.clone(), id, cut })
    }
}

/// The narrowest network that counts: connections give way to each other, so wider ones need no count of their own.
fn customer(address: IpAddr) -> IpAddr {
    networks(address).next().map_or(address, |network| network.first)
}

/// One of the connections, until it is dropped.
#[derive(Debug)]
pub struct Entered {
    connections: Arc<Connections>,
    id: u64,
    cut: Arc<Cut>,
}

impl Entered {
    /// A request is being answered on it, so others give way first; or none is.
    pub fn set_busy(&self, is_busy: bool) {
        lock(&self.connections.table).set_busy(self.id, is_busy);
    }

    /// Ready once it has to give way to another connection.
    pub fn poll_cut(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.cut.waker.register(cx.waker());
        if self.cut.is_set.load(Ordering::Acquire) { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        lock(&self.connections.table).remove(self.id);
    }
}

/// Says to a connection, on whatever thread it is, that it has to end.
#[derive(Debug, Default)]
struct Cut {
    is_set: AtomicBool,
    waker: AtomicWaker,
}

/// Who is here, and who gives way first. Pure but for the word to those who do.
#[derive(Debug, Default)]
struct Table {
    entries: HashMap<u64, Entry>,
    n_of_address: HashMap<IpAddr, usize>,
    /// Who waits for a request comes before who is being answered; among those, who has done so longest.
    order: BTreeSet<Turn>,
    order_of_address: BTreeSet<(IpAddr, Turn)>,
    next: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Turn {
    is_busy: bool,
    since: u64,
    id: u64,
}

#[derive(Debug)]
struct Entry {
    address: Option<IpAddr>,
    turn: Turn,
    cut: Arc<Cut>,
}

impl Table {
    fn n_of(&self, address: IpAddr) -> usize {
        self.n_of_address.get(&address).copied().unwrap_or_default()
    }

    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    fn insert(&mut self, address: Option<IpAddr>) -> (u64, Arc<Cut>) {
        let id = self.number();
        let turn = Turn { is_busy: false, since: id, id };
        let cut = Arc::<Cut>::default();
        self.order.insert(turn);
        if let Some(address) = address {
            *self.n_of_address.entry(address).or_default() += 1;
            self.order_of_address.insert((address, turn));
        }
        self.entries.insert(id, Entry { address, turn, cut: cut.clone() });
        (id, cut)
    }

    fn remove(&mut self, id: u64) -> Option<Arc<Cut>> {
        let Entry { address, turn, cut } = self.entries.remove(&id)?;
        self.order.remove(&turn);
        if let Some(address) = address {
            self.order_of_address.remove(&(address, turn));
            let n = self.n_of(address).saturating_sub(1);
            match n {
                0 => self.n_of_address.remove(&address),
                n => self.n_of_address.insert(address, n),
            };
        }
        // What a crowd needed is not kept.
        if self.entries.capacity() > 1_024 && self.entries.len() < self.entries.capacity() / 4 {
            self.entries.shrink_to_fit();
            self.n_of_address.shrink_to_fit();
        }
        Some(cut)
    }

    fn set_busy(&mut self, id: u64, is_busy: bool) {
        let since = self.number();
        let Some(entry) = self.entries.get_mut(&id) else { return };
        let old = std::mem::replace(&mut entry.turn, Turn { is_busy, since, id });
        let (address, new) = (entry.address, entry.turn);
        self.order.remove(&old);
        self.order.insert(new);
        if let Some(address) = address {
            self.order_of_address.remove(&(address, old));
            self.order_of_address.insert((address, new));
        }
    }

    /// Ends the one of this address that has waited for a request longest; false where each is being answered.
    fn cut_idle_of(&mut self, address: IpAddr) -> bool {
        let from = (address, Turn { is_busy: false, since: 0, id: 0 });
        let below = (address, Turn { is_busy: true, since: 0, id: 0 });
        let idle = self.order_of_address.range(from..below).next().map(|(_, turn)| *turn);
        self.cut(idle)
    }

    /// Ends the one that has waited for a request longest; where each is being answered, that which has been so
    /// longest.
    fn cut_oldest(&mut self) -> bool {
        self.cut(self.order.first().copied())
    }

    fn cut(&mut self, turn: Option<Turn>) -> bool {
        if let Some(cut) = turn.and_then(|turn| self.remove(turn.id)) {
            cut.is_set.store(true, Ordering::Release);
            cut.waker.wake();
        }
        turn.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::admission::tests::admission;

    fn connections(n_of_address_max: usize, n_all_max: usize) -> Arc<Connections> {
        let trusted_proxies = vec!["10.0.0.0/8".parse().expect("a network")];
        Connections::new(ConnectionLimits { n_of_address_max, n_all_max, trusted_proxies }, admission(10, 10, 10))
    }

    fn from(connections: &Arc<Connections>, address: &str) -> Option<Entered> {
        connections.enter(address.parse().expect("an address"))
    }

    fn is_cut(entered: &Entered) -> bool {
        entered.cut.is_set.load(Ordering::Relaxed)
    }

    #[test]
    fn the_address_that_has_too_many_loses_the_one_that_waited_longest() {
        let connections = connections(2, 100);
        let one = from(&connections, "192.0.2.1").expect("let in");
        let two = from(&connections, "192.0.2.1").expect("let in");
        let other = from(&connections, "192.0.2.2").expect("let in");
        // The first has asked since, and waits again: the second has waited longer.
        one.set_busy(true);
        one.set_busy(false);
        let three = from(&connections, "192.0.2.1").expect("let in");
        assert_eq!([&one, &two, &other, &three].map(is_cut), [false, true, false, false]);
        assert_eq!((connections.n(), connections.n_cut(CutFor::Address)), (3, 1));
        // Who is being answered is not cut for its own address: the new one is refused.
        one.set_busy(true);
        three.set_busy(true);
        assert!(from(&connections, "192.0.2.1").is_none());
        drop(one);
        assert!(from(&connections, "192.0.2.1").is_some(), "one that went makes room");
    }

    #[test]
    fn the_whole_of_an_ipv6_customer_counts_and_a_proxy_does_not() {
        let connections = connections(1, 100);
        let one = from(&connections, "2001:db8::1").expect("let in");
        let _two = from(&connections, "2001:db8::2").expect("let in");
        assert!(is_cut(&one));
        let behind: Vec<_> = (0..5).map(|_| from(&connections, "::ffff:10.0.0.1").expect("let in")).collect();
        assert!(!behind.iter().any(is_cut));
    }

    #[test]
    fn a_full_server_takes_whoever_comes_and_ends_the_idle_first() {
        let connections = connections(100, 3);
        let busy = from(&connections, "192.0.2.1").expect("let in");
        busy.set_busy(true);
        let idle = from(&connections, "192.0.2.2").expect("let in");
        let late = from(&connections, "192.0.2.3").expect("let in");
        let next = from(&connections, "192.0.2.4").expect("let in");
        assert_eq!([&busy, &idle, &late, &next].map(is_cut), [false, true, false, false]);
        late.set_busy(true);
        next.set_busy(true);
        let last = from(&connections, "192.0.2.5").expect("let in");
        assert_eq!([&busy, &late, &next, &last].map(is_cut), [true, false, false, false]);
        assert_eq!(connections.n_cut(CutFor::Server), 2);
        drop((busy, idle, late, next, last));
        let table = lock(&connections.table);
        assert!(table.entries.is_empty() && table.n_of_address.is_empty() && table.order.is_empty());
        assert!(table.order_of_address.is_empty());
    }

    #[test]
    fn sessions_take_from_what_there_is() {
        let connections = connections(100, 3);
        let _sessions: Vec<_> =
            (0..2).map(|_| connections.admission.admit([192, 0, 2, 1].into()).expect("a session")).collect();
        let one = from(&connections, "192.0.2.1").expect("let in");
        let _two = from(&connections, "192.0.2.1").expect("let in");
        assert!(is_cut(&one));
    }
}
