use std::time::Duration;

use chat_domain::{AuthorId, RoomId};
use governor::{
    DefaultKeyedRateLimiter, Quota, RateLimiter,
    clock::{Clock, DefaultClock},
};

/// People and rooms that are remembered. Beyond, no new one is, so that a flood of made-up identities cannot fill the
/// memory: what they do still counts by room, session and frame.
const REMEMBERED_MAX: usize = 100_000;

/// How often people may react, on this server: each of them, and all in one room.
pub struct ReactionLimits {
    people: DefaultKeyedRateLimiter<AuthorId>,
    rooms: DefaultKeyedRateLimiter<RoomId>,
}

impl ReactionLimits {
    /// Full buckets for everybody.
    pub fn new(of_person: Quota, of_room: Quota) -> Self {
        Self { people: RateLimiter::keyed(of_person), rooms: RateLimiter::keyed(of_room) }
    }

    /// One reaction. Where the room's limit is reached it counts for the person all the same.
    ///
    /// # Errors
    /// The time until it would be taken.
    pub fn take(&self, author: &AuthorId, room: &RoomId, clock: &DefaultClock) -> Result<(), Duration> {
        if self.people.len() < REMEMBERED_MAX {
            self.people.check_key(author).map_err(|until| until.wait_time_from(clock.now()))?;
        }
        if self.rooms.len() < REMEMBERED_MAX {
            self.rooms.check_key(room).map_err(|until| until.wait_time_from(clock.now()))?;
        }
        Ok(())
    }

    /// Forgets whose buckets are full again, where that is to be done now.
    pub fn tidy(&self, now: bool) {
        if now {
            self.people.retain_recent();
            self.people.shrink_to_fit();
            self.rooms.retain_recent();
            self.rooms.shrink_to_fit();
        }
    }

    /// How much is remembered.
    pub fn len(&self) -> usize {
        self.people.len() + self.rooms.len()
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;

    #[test]
    fn each_person_has_a_bucket_and_each_room_one_for_all() {
        let quota = |burst| {
            let burst = NonZeroU32::new(burst).expect("positive");
            Quota::with_period(Duration::from_secs(3_600)).expect("a period").allow_burst(burst)
        };
        let (limits, clock) = (ReactionLimits::new(quota(5), quota(7)), DefaultClock::default());
        let take = |author: &str, room: &str| {
            let room = RoomId::parse(room).expect("a room id");
            limits.take(&AuthorId::from_stored(author), &room, &clock).is_ok()
        };
        assert_eq!((0..9).filter(|_| take("a", "one")).count(), 5);
        assert_eq!((0..9).filter(|_| take("b", "one")).count(), 2, "the room has no more");
        assert_eq!((0..9).filter(|_| take("c", "other")).count(), 5);
    }
}
