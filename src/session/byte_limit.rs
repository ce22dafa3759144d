use std::{collections::HashMap, net::IpAddr, sync::Mutex, time::Duration};

use actix::clock::Instant;

use super::{
    admission::lock,
    networks::{Network, networks},
};

/// A rate of bytes: this many at once, and this many a second after that.
#[derive(Debug, Clone, Copy)]
pub struct ByteRate {
    /// At once.
    pub burst: u64,
    /// A second after that, 1 at least.
    pub per_second: u64,
}

/// Limits the bytes of answers that this server sends to an address. What an answer costs is known only once it is
/// there, so it is charged afterwards: an address may be in debt by one answer, and is refused until that is paid off.
#[derive(Debug)]
pub struct ByteLimits {
    /// `None` where there are no limits.
    rate: Option<ByteRate>,
    /// When each network will have paid off what it got. One without a debt need not be here.
    paid_at: Mutex<HashMap<Network, Instant>>,
}

/// Above this many addresses they are tidied each second rather than each minute.
const ADDRESSES_MANY: usize = 10_000;
/// Above this many addresses no new one is remembered, so that a flood of made-up ones cannot fill the memory.
const ADDRESSES_MAX: usize = 200_000;

impl ByteLimits {
    /// Limits that nobody has used yet.
    pub fn new(rate: Option<ByteRate>) -> Self {
        Self { rate, paid_at: Mutex::default() }
    }

    /// Whether `address` may ask for more; fails with the time until it may.
    pub fn check(&self, address: IpAddr) -> Result<(), Duration> {
        let Some(rate) = self.rate else { return Ok(()) };
        let now = Instant::now();
        let paid_at = lock(&self.paid_at);
        let owed = networks(address).filter_map(|network| paid_at.get(&network)).max();
        let owed = owed.map_or(Duration::ZERO, |at| at.saturating_duration_since(now));
        match owed.saturating_sub(rate.time_of(rate.burst)) {
            Duration::ZERO => Ok(()),
            wait => Err(wait),
        }
    }

    /// `address` got `n_bytes`.
    pub fn charge(&self, address: IpAddr, n_bytes: u64) {
        let Some(rate) = self.rate.filter(|_| n_bytes > 0) else { return };
        let now = Instant::now();
        let mut paid_at = lock(&self.paid_at);
        for network in networks(address) {
            if paid_at.len() >= ADDRESSES_MAX && !paid_at.contains_key(&network) {
                continue;
            }
            let entry = paid_at.entry(network).or_insert(now);
            // A wider network has a higher rate, so the same bytes are paid off sooner.
            *entry = (*entry).max(now) + rate.time_of(n_bytes) / network.factor.max(1);
        }
    }

    /// Forgets networks without a debt. To be called each second: it does something where `thorough` is set, and where
    /// very many are remembered.
    pub fn tidy(&self, thorough: bool) {
        let mut paid_at = lock(&self.paid_at);
        if thorough || paid_at.len() > ADDRESSES_MANY {
            let now = Instant::now();
            paid_at.retain(|_, at| *at > now);
            paid_at.shrink_to_fit();
        }
    }
}

impl ByteRate {
    /// How long `n_bytes` take at this rate.
    fn time_of(self, n_bytes: u64) -> Duration {
        let nanos = u128::from(n_bytes) * 1_000_000_000 / u128::from(self.per_second.max(1));
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX / 2))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(n: u8) -> IpAddr {
        [192, 0, 2, n].into()
    }

    #[tokio::test(start_paused = true)]
    async fn an_address_gets_its_burst_and_then_pays_off_what_it_got() {
        let limits = ByteLimits::new(Some(ByteRate { burst: 1_000, per_second: 100 }));
        for _ in 0..2 {
            assert_eq!(limits.check(address(1)), Ok(()));
            limits.charge(address(1), 500);
        }
        // Exactly the burst is no debt; the next answer is.
        assert_eq!(limits.check(address(1)), Ok(()));
        limits.charge(address(1), 300);
        assert_eq!(limits.check(address(1)), Err(Duration::from_secs(3)));
        assert_eq!(limits.check(address(2)), Ok(()), "nobody else notices");
        limits.tidy(true);
        tokio::time::advance(Duration::from_secs(2)).await;
        assert_eq!(limits.check(address(1)), Err(Duration::from_secs(1)));
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(limits.check(address(1)), Ok(()));
        tokio::time::advance(Duration::from_secs(10)).await;
        limits.tidy(true);
        assert!(lock(&limits.paid_at).is_empty(), "who has paid is forgotten");
    }

    /// An address of each /64 costs nothing; a /56 may get twice what one of them may.
    #[tokio::test(start_paused = true)]
    async fn an_ipv6_customer_finds_no_way_around_by_other_addresses() {
        let limits = ByteLimits::new(Some(ByteRate { burst: 1_000, per_second: 100 }));
        let of = |subnet: u16| IpAddr::from([0x2001, 0xdb8, 1, subnet, 0, 0, 0, 1]);
        for subnet in 0..3 {
            assert_eq!(limits.check(of(subnet)), Ok(()));
            limits.charge(of(subnet), 1_000);
        }
        assert!(limits.check(of(3)).is_err(), "three bursts in one /56");
        assert_eq!(limits.check(of(0x100)), Ok(()), "another /56 of the same /48 may go on");
    }

    #[test]
    fn limits_that_are_lifted_charge_nothing() {
        let limits = ByteLimits::new(None);
        limits.charge(address(1), u64::MAX);
        assert_eq!(limits.check(address(1)), Ok(()));
    }

    #[test]
    fn no_answer_is_too_large_to_be_counted() {
        let limits = ByteLimits::new(Some(ByteRate { burst: 1, per_second: 1 }));
        limits.charge(address(1), u64::from(u32::MAX));
        assert!(limits.check(address(1)).is_err());
    }
}
