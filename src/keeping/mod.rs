//! What is kept, and for how long: removes messages that are older than the settings say, a few at a time, for as long as the
//! server runs. Of several servers on one database one does it.
//!
//! Invariant: no bytes of a protocol; rooms find what was removed as they find what other servers wrote.

mod pace;

use std::{sync::Arc, time::Duration};

use actix::{Addr, clock};
use chrono::{DateTime, TimeDelta, Utc};

use self::pace::{REMOVED_AT_ONCE, ROOMS_AT_ONCE, pause_after, rest_after};
use chat_domain::RoomId;
use chat_metrics::Metrics;
use chat_rooms::{CheckHeads, RoomRegistry, Understood};
use chat_store::{Removal, Store, StoreError};

/// How long messages are kept at least: a retry of one that is younger must find the one that it repeats (P4).
pub const KEPT_DAYS_MIN: u32 = 7;

/// Another server works, or none may yet: looked at again after this.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// What removes messages that are too old.
#[derive(Clone)]
pub struct Keeping {
    /// The database.
    pub store: Store,
    /// Who tells this server's rooms.
    pub registry: Addr<RoomRegistry>,
    /// Counts what was removed.
    pub metrics: Arc<Metrics>,
    /// Whether it is this server's turn: all of them show what was removed, and no other does it.
    pub is_due: Understood,
    /// How many days messages are kept.
    pub days: u32,
    /// How long to rest after all rooms were gone through; none: by how long that took.
    pub rest: Option<Duration>,
}

/// What became of going through the rooms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Passed {
    /// All were gone through, and so many messages removed.
    All(usize),
    /// Another server does it.
    Stopped,
}

impl Keeping {
    /// Goes through the rooms again and again.
    pub async fn run(self) {
        let mut has_failed = false;
        loop {
            let begun = clock::Instant::now();
            let wait = match self.pass().await {
                Ok(Passed::Stopped) => LOOK_AGAIN,
                Ok(Passed::All(n)) => {
                    has_failed = false;
                    if n > 0 {
                        log::info!("{n} messages of more than {} days were removed", self.days);
                    }
                    self.rest.unwrap_or_else(|| rest_after(begun.elapsed()))
                }
                Err(error) => {
                    // A database that is away says so itself; what it refuses is said once.
                    let is_news =
                        !matches!(error, StoreError::Unavailable(_)) && !std::mem::replace(&mut has_failed, true);
                    if is_news {
                        log::error!("messages that are too old could not be removed: {error}");
                    }
                    self.rest.unwrap_or_else(|| rest_after(begun.elapsed()))
                }
            };
            clock::sleep(wait).await;
        }
    }

    async fn pass(&self) -> Result<Passed, StoreError> {
        if !self.is_due.by_all() {
            return Ok(Passed::Stopped);
        }
        let now = self.store.time().await?;
        let before = now.checked_sub_signed(TimeDelta::days(self.days.max(KEPT_DAYS_MIN).into())).unwrap_or_default();
        let (mut n_removed, mut after) = (0_usize, None);
        loop {
            let begun = clock::Instant::now();
            let part = self.store.oldest_messages(after.as_deref(), ROOMS_AT_ONCE).await?;
            let Some(last) = part.last() else { return Ok(Passed::All(n_removed)) };
            after = Some(last.name.clone());
            clock::sleep(pause_after(begun.elapsed())).await;
            let is_old = |at: Option<DateTime<Utc>>| at.is_some_and(|at| at < before);
            for room in part.into_iter().filter(|oldest| is_old(oldest.at)).filter_map(|oldest| oldest.room) {
                let Some(n) = self.shorten(&room, before).await? else { return Ok(Passed::Stopped) };
                n_removed = n_removed.saturating_add(n);
            }
        }
    }

    /// Removes what is too old in a room, and tells how many messages that were. `None` where another server does it.
    async fn shorten(&self, room: &RoomId, before: DateTime<Utc>) -> Result<Option<usize>, StoreError> {
        let mut n_removed = 0_usize;
        loop {
            if !self.is_due.by_all() {
                return Ok(None);
            }
            let order = Removal { room: room.clone(), before: Some(before), up_to: i64::MAX, limit: REMOVED_AT_ONCE };
            let begun = clock::Instant::now();
            let Some(removed) = self.store.expire(order).await? else { return Ok(None) };
            n_removed = n_removed.saturating_add(removed.n_messages);
            self.metrics.messages_expired.inc_by(u64::try_from(removed.n_messages).unwrap_or_default());
            // Other servers find it by their poll, and this one as well where its registry has too much to do.
            let _ = self.registry.try_send(CheckHeads(vec![room.clone()]));
            clock::sleep(pause_after(begun.elapsed())).await;
            if !removed.may_be_more {
                return Ok(Some(n_removed));
            }
        }
    }
}
