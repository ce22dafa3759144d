use std::{collections::HashMap, hash::Hash, sync::Arc};

use chrono::{DateTime, Utc};

use chat_domain::{AuthorId, NetworkKey, Principal, RoomId};
use chat_store::{Ban, BanKey};

/// The bans in force, found by whom they concern. Pure. As many as are stored; each takes about a hundred bytes.
#[derive(Debug, Default)]
pub struct Bans {
    authors: HashMap<AuthorId, Vec<InForce>>,
    networks: HashMap<NetworkKey, Vec<InForce>>,
}

#[derive(Debug)]
struct InForce {
    id: i64,
    /// None: everywhere.
    room: Option<RoomId>,
    notice: BanNotice,
}

/// What somebody who is banned is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BanNotice {
    /// Until when; none for good.
    pub until: Option<DateTime<Utc>>,
    /// Why, as whoever did it has said.
    pub reason: Arc<str>,
}

impl Bans {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.authors.is_empty() && self.networks.is_empty()
    }

    /// Takes in a ban as it is stored now: a new one, or one that was lifted.
    pub fn take(&mut self, ban: Ban, now: DateTime<Utc>) {
        let is_over = ban.lifted_at.is_some() || ban.until.is_some_and(|until| until <= now);
        let Ban { id, room, key, reason, until, .. } = ban;
        let in_force = (!is_over).then(|| InForce { id, room, notice: BanNotice { until, reason: reason.into() } });
        match key {
            BanKey::Author(author) => put(&mut self.authors, author, id, in_force, now),
            BanKey::Network(network) => put(&mut self.networks, network, id, in_force, now),
        }
    }

    /// The ban that concerns somebody in a room, themselves or one of the identities that `also` are theirs.
    pub fn find(
        &self,
        principal: &Principal,
        also: &[AuthorId],
        room: &RoomId,
        now: DateTime<Utc>,
    ) -> Option<BanNotice> {
        let ids = std::iter::once(principal.author_id()).chain(also);
        let of_author = ids.filter_map(|id| self.authors.get(id));
        let of_network = principal.network().and_then(|network| self.networks.get(&network));
        let all = of_author.chain(of_network).flatten();
        let holds = |ban: &&InForce| {
            ban.room.as_ref().is_none_or(|of| of == room) && ban.notice.until.is_none_or(|until| until > now)
        };
        // The one that lasts longest.
        let longest = |ban: &&InForce| ban.notice.until.unwrap_or(DateTime::<Utc>::MAX_UTC);
        all.filter(holds).max_by_key(longest).map(|ban| ban.notice.clone())
    }
}

fn put<K: Eq + Hash>(
    all: &mut HashMap<K, Vec<InForce>>,
    key: K,
    id: i64,
    in_force: Option<InForce>,
    now: DateTime<Utc>,
) {
    let of_key = all.entry(key);
    match (of_key, in_force) {
        (std::collections::hash_map::Entry::Vacant(_), None) => {}
        (std::collections::hash_map::Entry::Vacant(place), Some(ban)) => drop(place.insert(vec![ban])),
        (std::collections::hash_map::Entry::Occupied(mut place), ban) => {
            let bans = place.get_mut();
            bans.retain(|other| other.id != id && other.notice.until.is_none_or(|until| until > now));
            bans.extend(ban);
            if bans.is_empty() {
                place.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use proptest::prelude::*;

    use super::*;

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::seconds(second)
    }

    fn room(n: usize) -> RoomId {
        RoomId::parse(&format!("post-{n}")).expect("a room id")
    }

    fn who(n: usize) -> Principal {
        let author = AuthorId::from_stored(&format!("author-{n}"));
        Principal::anonymous(author).from_network(NetworkKey::from_stored(i64::try_from(n / 2).expect("a number")))
    }

    fn ban(id: i64, of: usize, is_network: bool, in_room: Option<usize>, until: Option<i64>, is_lifted: bool) -> Ban {
        let principal = who(of);
        Ban {
            id,
            room: in_room.map(room),
            key: match principal.network().filter(|_| is_network) {
                Some(network) => BanKey::Network(network),
                None => BanKey::Author(principal.author_id().clone()),
            },
            with_network: false,
            reason: format!("ban {id}"),
            by: AuthorId::from_stored("owner"),
            at: at(0),
            until: until.map(at),
            lifted_at: is_lifted.then(|| at(1)),
        }
    }

    proptest! {
        /// The same as a walk through all of them, in their last states.
        #[test]
        fn the_bans_that_are_found_are_those_in_force(
            all in prop::collection::vec(
                (0..12_i64, 0..6_usize, any::<bool>(), prop::option::of(0..2_usize), prop::option::of(0..20_i64), any::<bool>()),
                0..40,
            ),
            now in 0..20_i64,
        ) {
            let (mut bans, mut last) = (Bans::default(), HashMap::new());
            for (id, of, is_network, in_room, until, is_lifted) in all {
                // A ban never changes whom it concerns.
                let key: &mut Ban = last.entry(id).or_insert_with(|| ban(id, of, is_network, in_room, until, false));
                key.lifted_at = is_lifted.then(|| at(1));
                bans.take(key.clone(), at(0));
            }
            for n in 0..6 {
                for in_room in 0..2 {
                    let principal = who(n);
                    let concerns = |ban: &&Ban| match &ban.key {
                        BanKey::Author(author) => author == principal.author_id(),
                        BanKey::Network(network) => Some(*network) == principal.network(),
                    };
                    let holds = |ban: &&Ban| ban.lifted_at.is_none()
                        && ban.until.is_none_or(|until| until > at(now))
                        && ban.room.as_ref().is_none_or(|of| *of == room(in_room));
                    let expected = last.values().filter(concerns).filter(holds).map(|ban| ban.until.unwrap_or(DateTime::<Utc>::MAX_UTC)).max();
                    let found = bans.find(&principal, &[], &room(in_room), at(now));
                    prop_assert_eq!(found.map(|notice| notice.until.unwrap_or(DateTime::<Utc>::MAX_UTC)), expected);
                }
            }
        }
    }

    #[test]
    fn a_ban_follows_who_took_the_identity_over() {
        let mut bans = Bans::default();
        bans.take(ban(1, 1, false, None, Some(9), false), at(0));
        let account = Principal::user(chat_domain::UserId::new(), AuthorId::from_stored("account"));
        let also = [who(4), who(1)].map(|who| who.author_id().clone());
        let until = |also: &[AuthorId]| bans.find(&account, also, &room(0), at(1)).map(|notice| notice.until);
        assert_eq!((until(&also), until(&also[..1])), (Some(Some(at(9))), None));
    }

    #[test]
    fn what_is_over_takes_no_memory() {
        let mut bans = Bans::default();
        bans.take(ban(1, 1, false, None, None, false), at(0));
        assert!(!bans.is_empty());
        bans.take(ban(1, 1, false, None, None, true), at(0));
        assert!(bans.is_empty());
        bans.take(ban(2, 1, true, None, Some(5), false), at(6));
        assert!(bans.is_empty(), "over when it came");
    }
}
