use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use chat_accounts::Attempts;
use chat_domain::{AuthorId, NetworkKey};

/// So often somebody asks to be mailed within [`WITHIN`]: a few rooms, and an address that was mistyped.
const OF_PERSON_MAX: u32 = 5;
/// So often those of one network do: a household, or an office.
const OF_NETWORK_MAX: u32 = 10;
/// So often all do together: more letters that nobody may have asked for would cost the sender its standing.
const OF_ALL_MAX: u32 = 300;
const WITHIN: Duration = Duration::from_secs(3_600);

/// How often people ask to be mailed of answers, on this server. How often an address is asked is counted in the database.
#[derive(Debug)]
pub struct AnswersLimit(Mutex<(Attempts<()>, Attempts<NetworkKey>, Attempts<AuthorId>)>);

impl Default for AnswersLimit {
    fn default() -> Self {
        let of_all = Attempts::new(OF_ALL_MAX, WITHIN);
        let of_networks = Attempts::new(OF_NETWORK_MAX, WITHIN);
        Self(Mutex::new((of_all, of_networks, Attempts::new(OF_PERSON_MAX, WITHIN))))
    }
}

impl AnswersLimit {
    /// Counts one.
    ///
    /// # Errors
    /// How long they must wait. What is refused counts for nobody.
    pub fn take(&self, person: &AuthorId, network: NetworkKey, now: Instant) -> Result<(), Duration> {
        let mut counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (all, networks, people) = &mut *counted;
        all.take((), now)?;
        networks.take(network, now).inspect_err(|_| all.give_back(&()))?;
        people.take(person.clone(), now).inspect_err(|_| {
            all.give_back(&());
            networks.give_back(&network);
        })
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use chat_domain::IdentityKey;

    use super::*;

    fn of(text: &str) -> NetworkKey {
        IdentityKey::new(b"key").network(text.parse::<IpAddr>().expect("an address"))
    }

    fn who(name: &str) -> AuthorId {
        AuthorId::from_stored(name)
    }

    #[test]
    fn a_person_a_network_and_all_of_them_ask_so_often_an_hour() {
        let (limit, start) = (AnswersLimit::default(), Instant::now());
        let taken = |person: &str, network: &str| limit.take(&who(person), of(network), start);
        for _ in 0..5 {
            assert_eq!(taken("a", "192.0.2.1"), Ok(()));
        }
        assert_eq!(taken("a", "192.0.2.9"), Err(WITHIN), "the same person from elsewhere");
        for n in 0..5 {
            assert_eq!(taken(&format!("b{n}"), "192.0.2.1"), Ok(()));
        }
        assert_eq!(taken("c", "192.0.2.1"), Err(WITHIN), "ten of one network");
        let n_taken =
            (0..400).filter(|n| taken(&format!("d{n}"), &format!("198.{}.{}.1", n / 200, n % 200)).is_ok()).count();
        assert_eq!(n_taken, 290, "what was refused counts for nobody");
        assert_eq!(limit.take(&who("a"), of("192.0.2.1"), start + WITHIN), Ok(()));
    }
}
