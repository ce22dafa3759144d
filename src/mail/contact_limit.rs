use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// So many letters are begun by one address within [`WITHIN`].
const OF_ADDRESS_MAX: u32 = 5;
/// So many by all together: a mailbox that gets more is of no use to whoever reads it.
const OF_ALL_MAX: u32 = 100;
const WITHIN: Duration = Duration::from_secs(3_600);
/// Beyond so many addresses those of long ago are forgotten; within [`WITHIN`] no more than [`OF_ALL_MAX`] come anew.
const ADDRESSES_MAX: usize = 1_000;

/// How often letters are begun from outside: each costs somebody's attention, and the standing of whoever sends it.
#[derive(Debug, Default)]
pub struct ContactLimit(Mutex<Counted>);

#[derive(Debug, Default)]
struct Counted {
    addresses: HashMap<IpAddr, (Instant, u32)>,
    all: Option<(Instant, u32)>,
}

/// An IPv6 network of one customer counts as one (RFC 6177).
fn customer(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(address) => IpAddr::V6((u128::from(address) & (u128::MAX << 64)).into()),
        address => address,
    }
}

impl ContactLimit {
    /// Counts one.
    ///
    /// # Errors
    /// How long this address must wait.
    pub fn take(&self, address: IpAddr, now: Instant) -> Result<(), Duration> {
        let mut counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Counted { addresses, all } = &mut *counted;
        let age = |since: Instant| now.saturating_duration_since(since);
        if addresses.len() >= ADDRESSES_MAX {
            addresses.retain(|_, (since, _)| age(*since) < WITHIN);
        }
        let (began, n_all) = all.get_or_insert((now, 0));
        if age(*began) >= WITHIN {
            (*began, *n_all) = (now, 0);
        }
        if *n_all >= OF_ALL_MAX {
            return Err(WITHIN.saturating_sub(age(*began)));
        }
        let (since, n) = addresses.entry(customer(address)).or_insert((now, 0));
        if age(*since) >= WITHIN {
            (*since, *n) = (now, 0);
        }
        if *n >= OF_ADDRESS_MAX {
            return Err(WITHIN.saturating_sub(age(*since)));
        }
        *n_all += 1;
        *n += 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_an_hour_of_one_customer() {
        let (limit, start) = (ContactLimit::default(), Instant::now());
        let of = |text: &str| text.parse::<IpAddr>().expect("an address");
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
    fn a_hundred_an_hour_of_everybody_and_as_many_are_remembered() {
        let (limit, start) = (ContactLimit::default(), Instant::now());
        let of = |n: u32| IpAddr::from(n.to_be_bytes());
        let n_taken = (0..50_000).filter(|n| limit.take(of(*n), start).is_ok()).count();
        assert_eq!(n_taken, 100);
        assert_eq!(limit.take(of(1_000_000), start + WITHIN), Ok(()));
        let n_remembered = limit.0.lock().expect("nobody panics with it").addresses.len();
        assert_eq!(n_remembered, 101, "who was refused takes no place");
    }
}
