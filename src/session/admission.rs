//! Counts sessions, and refuses those beyond a limit.

use std::{
    collections::HashMap,
    hash::Hash,
    net::IpAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use super::networks::{Network, networks};
use chat_domain::AuthorId;

/// How many sessions there may be (docs/CONFIGURATION.md).
#[derive(Debug, Clone)]
pub struct AdmissionLimits {
    /// On this server.
    pub n_sessions_max: usize,
    /// Of one identity.
    pub n_of_identity_max: usize,
    /// Of one address; IPv6 networks wider than a /64 have a multiple.
    pub n_of_address_max: usize,
}

/// Counts sessions by server, address and identity. Each permit counts until it is dropped.
#[derive(Debug)]
pub struct Admission {
    limits: AdmissionLimits,
    n_sessions: AtomicUsize,
    refusals: Counts<()>,
    by_network: Counts<Network>,
    by_identity: Counts<AuthorId>,
}

/// One of the server's sessions and, where addresses count, of those of an address.
#[derive(Debug)]
pub struct SessionPermit {
    admission: Arc<Admission>,
    _networks: Box<[Permit<Network>]>,
}

/// Connections at once that are refused by a close code, which says why; beyond, they get a plain 503.
const REFUSALS_MAX: usize = 200;

/// One of the connections that are refused by a close code.
pub type RefusalPermit = Permit<()>;

/// One of the sessions of an identity.
pub type IdentityPermit = Permit<AuthorId>;

/// Why no permit is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotAdmitted {
    /// The server has all the sessions it may have.
    ServerFull,
    /// There are too many of this address for now.
    AddressFull,
}

impl Admission {
    /// Nobody is admitted yet.
    pub fn new(limits: AdmissionLimits) -> Arc<Self> {
        Arc::new(Self {
            limits,
            n_sessions: AtomicUsize::new(0),
            refusals: Counts::default(),
            by_network: Counts::default(),
            by_identity: Counts::default(),
        })
    }

    /// How many sessions there are.
    pub fn n_sessions(&self) -> usize {
        self.n_sessions.load(Ordering::Relaxed)
    }

    /// A permit for a session from `address`, or the limit that is reached.
    pub fn admit(self: &Arc<Self>, address: IpAddr) -> Result<SessionPermit, NotAdmitted> {
        let max = |factor| self.limits.n_of_address_max.saturating_mul(usize::try_from(factor).unwrap_or(1));
        let permits = networks(address).map(|network| Permit::acquire(&self.by_network, network, max(network.factor)));
        let networks = permits.collect::<Option<Box<[_]>>>().ok_or(NotAdmitted::AddressFull)?;
        let max = self.limits.n_sessions_max;
        let add = |n: usize| (n < max).then_some(n + 1);
        match self.n_sessions.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add) {
            Ok(_) => Ok(SessionPermit { admission: self.clone(), _networks: networks }),
            Err(_) => Err(NotAdmitted::ServerFull),
        }
    }

    /// A permit for a connection that is refused by a close code; `None` where there are too many of those.
    pub fn admit_refusal(&self) -> Option<RefusalPermit> {
        Permit::acquire(&self.refusals, (), REFUSALS_MAX)
    }

    /// A permit for a session of `identity`; `None` where it has all it may have.
    pub fn admit_identity(&self, identity: &AuthorId) -> Option<IdentityPermit> {
        Permit::acquire(&self.by_identity, identity.clone(), self.limits.n_of_identity_max)
    }
}

impl Drop for SessionPermit {
    fn drop(&mut self) {
        self.admission.n_sessions.fetch_sub(1, Ordering::Relaxed);
    }
}

type Counts<K> = Arc<Mutex<HashMap<K, usize>>>;

/// Counts as one until it is dropped.
#[derive(Debug)]
pub struct Permit<K: Hash + Eq> {
    counts: Counts<K>,
    key: K,
}

impl<K: Hash + Eq> Permit<K> {
    fn acquire(counts: &Counts<K>, key: K, max: usize) -> Option<Self>
    where
        K: Clone,
    {
        let mut n_of = lock(counts);
        let n = n_of.get(&key).copied().unwrap_or_default();
        (n < max).then(|| n_of.insert(key.clone(), n + 1))?;
        Some(Self { counts: counts.clone(), key })
    }

    /// What it counts under.
    pub fn key(&self) -> &K {
        &self.key
    }
}

impl<K: Hash + Eq> Drop for Permit<K> {
    fn drop(&mut self) {
        let mut counts = lock(&self.counts);
        if let Some(n) = counts.get_mut(&self.key) {
            *n -= 1;
            if *n == 0 {
                counts.remove(&self.key);
            }
        }
    }
}

/// A count or a time is right whatever a thread that panicked was doing: it is changed in one step.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
pub mod tests {
    use super::*;

    pub fn admission(n_sessions_max: usize, n_of_identity_max: usize, n_of_address_max: usize) -> Arc<Admission> {
        Admission::new(AdmissionLimits { n_sessions_max, n_of_identity_max, n_of_address_max })
    }

    #[test]
    fn refusals_are_bounded() {
        let admission = admission(0, 0, 0);
        let mut places = (0..REFUSALS_MAX).map(|_| admission.admit_refusal()).collect::<Vec<_>>();
        assert!(places.iter().all(Option::is_some) && admission.admit_refusal().is_none());
        places.pop();
        assert!(admission.admit_refusal().is_some());
    }

    #[test]
    fn an_ipv6_customer_has_four_times_the_sessions_of_an_address_at_most() {
        let admission = admission(1_000, 1, 10);
        let from = |text: String| admission.admit(text.parse().expect("an address")).ok();
        let of_64: Vec<_> = (0..20).filter_map(|n| from(format!("2001:db8:1:1::{n:x}"))).collect();
        assert_eq!(of_64.len(), 10);
        let of_56: Vec<_> = (0..200).filter_map(|n| from(format!("2001:db8:1:{n:x}::1"))).collect();
        assert_eq!(of_56.len(), 10, "with those before them twenty");
        let of_48: Vec<_> = (0..200).filter_map(|n| from(format!("2001:db8:1:{n:x}00::1"))).collect();
        assert_eq!(of_48.len(), 20, "with those before them forty");
        let elsewhere = from("2001:db8:2::1".to_owned());
        assert!(elsewhere.is_some());
        assert_eq!(admission.n_sessions(), 41, "who is refused counts for nothing");
        drop((of_64, of_56, of_48, elsewhere));
        assert!(lock(&admission.by_network).is_empty());
    }

    #[test]
    fn counts_by_server_address_and_identity_and_forgets() {
        let admission = admission(3, 1, 2);
        let (here, there) = (IpAddr::from([127, 0, 0, 1]), IpAddr::from([127, 0, 0, 2]));
        let first = admission.admit(here).expect("a permit");
        let second = admission.admit(here).expect("a permit");
        assert_eq!(admission.admit(here).err(), Some(NotAdmitted::AddressFull));
        let third = admission.admit(there).expect("a permit");
        assert_eq!(admission.admit(there).err(), Some(NotAdmitted::ServerFull));
        drop(first);
        assert!(admission.admit(there).is_ok(), "and is given back at once");
        let somebody = AuthorId::from_stored("somebody");
        let permit = admission.admit_identity(&somebody);
        assert!(permit.is_some() && admission.admit_identity(&somebody).is_none());
        drop((second, third, permit));
        assert_eq!(admission.n_sessions(), 0);
        assert!(lock(&admission.by_network).is_empty() && lock(&admission.by_identity).is_empty());
    }
}
