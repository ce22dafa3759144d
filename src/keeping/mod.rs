//! What is kept, for how long, and where: removes messages that are older than the settings say, and moves old ones into the
//! archive, a few at a time, for as long as the server runs. Of several servers on one database one does it.
//!
//! Invariant: no bytes of a protocol; rooms find what was removed as they find what other servers wrote.

mod pace;

use std::{sync::Arc, time::Duration};

use actix::{Addr, clock};
use chrono::{DateTime, Months, TimeDelta, Utc};

use self::pace::{REMOVED_AT_ONCE, ROOMS_AT_ONCE, pause_after, rest_after};
use chat_domain::RoomId;
use chat_metrics::Metrics;
use chat_rooms::{CheckHeads, RoomRegistry, Understood};
use chat_store::{Archiving, OldestOf, Removal, Store, StoreError};

/// How long messages are kept at least: a retry of one that is younger must find the one that it repeats (P4).
pub const KEPT_DAYS_MIN: u32 = 7;

/// How many months old messages are at least that go into the archive. A month is more than [`KEPT_DAYS_MIN`]: what is
/// sent again is looked for among the others only.
pub const ARCHIVE_MONTHS_MIN: u32 = 1;

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
    /// How many days messages are kept; none: for good.
    pub days: Option<u32>,
    /// Whether all servers look into the archive.
    pub archive_is_understood: Understood,
    /// After how many months messages go into the archive; none: never.
    pub archive_months: Option<u32>,
    /// How long to rest after all rooms were gone through; none: by how long that took.
    pub rest: Option<Duration>,
}

/// What is done to what is old.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Work {
    /// It is removed for good.
    Remove,
    /// It goes into the archive.
    Archive,
}

/// What became of going through the rooms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Passed {
    /// All were gone through, and so many messages removed, and so many moved.
    All(usize, usize),
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
                Ok(Passed::All(n_removed, n_archived)) => {
                    has_failed = false;
                    if n_removed > 0 {
                        log::info!("{n_removed} messages of more than {} days were removed", self.days.unwrap_or(0));
                    }
                    if n_archived > 0 {
                        let months = self.archive_months.unwrap_or(0);
                        log::info!("{n_archived} messages of more than {months} months went into the archive");
                    }
                    self.rest.unwrap_or_else(|| rest_after(begun.elapsed()))
                }
                Err(error) => {
                    // A database that is away says so itself; what it refuses is said once.
                    let is_news =
                        !matches!(error, StoreError::Unavailable(_)) && !std::mem::replace(&mut has_failed, true);
                    if is_news {
                        log::error!("messages that are too old could not be removed or archived: {error}");
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
        let (mut n_removed, mut n_archived) = (0, 0);
        if let Some(days) = self.days {
            let before = now.checked_sub_signed(TimeDelta::days(days.max(KEPT_DAYS_MIN).into())).unwrap_or_default();
            let Some(n) = self.through_all(Work::Remove, before).await? else { return Ok(Passed::Stopped) };
            n_removed = n;
        }
        if let Some(months) = self.archive_months.filter(|_| self.archive_is_understood.by_all()) {
            let before = now.checked_sub_months(Months::new(months.max(ARCHIVE_MONTHS_MIN))).unwrap_or_default();
            let Some(n) = self.through_all(Work::Archive, before).await? else { return Ok(Passed::Stopped) };
            n_archived = n;
        }
        Ok(Passed::All(n_removed, n_archived))
    }

    /// Goes through all rooms, and tells of how many messages it was done. `None` where another server does it.
    async fn through_all(&self, work: Work, before: DateTime<Utc>) -> Result<Option<usize>, StoreError> {
        let (mut n_done, mut after) = (0_usize, None::<String>);
        loop {
            let begun = clock::Instant::now();
            let part = match work {
                Work::Remove => self.store.oldest_messages(after.as_deref(), ROOMS_AT_ONCE).await?,
                Work::Archive => self.store.oldest_at_hand(after.as_deref(), ROOMS_AT_ONCE).await?,
            };
            let Some(last) = part.last() else { return Ok(Some(n_done)) };
            after = Some(last.name.clone());
            clock::sleep(pause_after(begun.elapsed())).await;
            let is_old = |oldest: &OldestOf| oldest.at.is_some_and(|at| at < before);
            for room in part.into_iter().filter(is_old).filter_map(|oldest| oldest.room) {
                let Some(n) = self.shorten(work, &room, before).await? else { return Ok(None) };
                n_done = n_done.saturating_add(n);
            }
        }
    }

    /// Does it to what is too old in a room, and tells of how many messages. `None` where another server does it.
    async fn shorten(&self, work: Work, room: &RoomId, before: DateTime<Utc>) -> Result<Option<usize>, StoreError> {
        let mut n_done = 0_usize;
        loop {
            let is_understood = work == Work::Remove || self.archive_is_understood.by_all();
            if !self.is_due.by_all() || !is_understood {
                return Ok(None);
            }
            let begun = clock::Instant::now();
            let done = match work {
                Work::Remove => self.remove(room, before).await?,
                Work::Archive => self.put_away(room, before).await?,
            };
            let Some((n, may_be_more)) = done else { return Ok(None) };
            n_done = n_done.saturating_add(n);
            clock::sleep(pause_after(begun.elapsed())).await;
            if !may_be_more {
                return Ok(Some(n_done));
            }
        }
    }

    /// Removes some, and tells how many and whether there may be more.
    async fn remove(&self, room: &RoomId, before: DateTime<Utc>) -> Result<Option<(usize, bool)>, StoreError> {
        let order = Removal { room: room.clone(), before: Some(before), up_to: i64::MAX, limit: REMOVED_AT_ONCE };
        let Some(removed) = self.store.expire(order).await? else { return Ok(None) };
        self.metrics.messages_expired.inc_by(u64::try_from(removed.n_messages).unwrap_or_default());
        // Other servers find it by their poll, and this one as well where its registry has too much to do.
        let _ = self.registry.try_send(CheckHeads(vec![room.clone()]));
        Ok(Some((removed.n_messages, removed.may_be_more)))
    }

    /// Moves some into the archive. No room needs to hear of it: nothing that is shown changes.
    async fn put_away(&self, room: &RoomId, before: DateTime<Utc>) -> Result<Option<(usize, bool)>, StoreError> {
        let order = Archiving { room: room.clone(), before, limit: REMOVED_AT_ONCE };
        let Some(archived) = self.store.archive(order).await? else { return Ok(None) };
        self.metrics.messages_archived.inc_by(u64::try_from(archived.n_messages).unwrap_or_default());
        Ok(Some((archived.n_messages, archived.may_be_more)))
    }
}
