use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use chat_accounts::Attempts;
use chat_domain::NetworkKey;

/// So many letters are begun from one network within [`WITHIN`].
const OF_NETWORK_MAX: u32 = 5;
/// So many by all together: a mailbox that gets more is of no use to whoever reads it.
const OF_ALL_MAX: u32 = 100;
const WITHIN: Duration = Duration::from_secs(3_600);

/// How often letters are begun from outside: each costs somebody's attention, and the standing of whoever sends it.
#[derive(Debug)]
pub struct ContactLimit(Mutex<(Attempts<()>, Attempts<NetworkKey>)>);

impl Default for ContactLimit {
    fn default() -> Self {
        Self(Mutex::new((Attempts::new(OF_ALL_MAX, WITHIN), Attempts::new(OF_NETWORK_MAX, WITHIN))))
    }
}

impl ContactLimit {
    /// Counts one.
    ///
    /// # Errors
    /// How long this network must wait. What is refused counts for nobody.
    pub fn take(&self, network: NetworkKey, now: Instant) -> Result<(), Duration> {
        let mut counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (all, networks) = &mut *counted;
        all.take((), now)?;
        networks.take(network, now).inspect_err(|_| all.give_back(&()))
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;
    use chat_domain::IdentityKey;

    fn of(text: &str) -> NetworkKey {
        IdentityKey::new(b"key").network(text.parse::<IpAddr>().expect("an address"))
    }

    #[test]
    fn five_an_hour_of_one_customer() {
        let (limit, start) = (ContactLimit::default(), Instant::now());
        for n in 0..5 {
            assert_eq!(limit.take(of(&format!("2001:db8::{n}")), start), Ok(()));
        }
        let late = start + Duration::from_secs(600);
        assert_eq!(limit.take(of("2001:db8::9"), late), Err(Duration::from_secs(3_000)));
        assert_eq!(limit.take(of("2001:db8:0:1::9"), late), Ok(()));
        assert_eq!(limit.take(of("192.0.2.1"), late), Ok(()));
        assert_eq!(limit.take(of("2001:db8::9"), start + WITHIN), Ok(()));
    }

    #[test]
    fn a_hundred_an_hour_of_everybody_and_what_is_refused_is_none_of_them() {
        let (limit, start) = (ContactLimit::default(), Instant::now());
        for _ in 0..1_000 {
            let _ = limit.take(of("192.0.2.1"), start);
        }
        let n_taken = (0..200).filter(|n| limit.take(of(&format!("198.51.100.{n}")), start).is_ok()).count();
        assert_eq!(n_taken, 95);
        assert_eq!(limit.take(of("198.51.100.250"), start + WITHIN), Ok(()));
    }
}
