//! Removes for good what somebody asks for: what an author wrote, a room, or all that is old. Without `--yes` it says what
//! there is. It works beside a running server, whose open rooms find it as they find what other servers wrote.

use std::{sync::Arc, time::Duration};

use actix::clock::sleep;
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use uuid::Uuid;

use super::{
    commands::{all_know_of_it, block_on, open_store},
    error::AppError,
};
use crate::{config::ServeConfig, keeping::KEPT_DAYS_MIN};
use chat_domain::{Action, AuthorId, NewChange, RoomId};
use chat_store::{ChangeOutcome, Removal, Store};

/// So many messages are removed in one transaction.
const AT_ONCE: usize = 200;
/// Of so many rooms something is asked at once.
const ROOMS_AT_ONCE: usize = 500;
/// Between two transactions, so that who writes meanwhile has their turn.
const PAUSE: Duration = Duration::from_millis(20);
/// How often a change is tried whose room is locked, or whose rules change meanwhile.
const TRIES: usize = 50;
/// So many rooms are listed by name.
const LISTED_MAX: usize = 50;

/// What there is to remove, or was removed: rooms, and how many messages in each.
#[derive(Default)]
struct Found(Vec<(RoomId, i64)>);

impl Found {
    fn print(&self, verb: &str) {
        let n: i64 = self.0.iter().map(|(_, n)| n).sum();
        println!("{verb} {n} messages in {} rooms", self.0.len());
        for (room, n) in self.0.iter().take(LISTED_MAX) {
            println!("  {room}: {n}");
        }
        if let Some(more) = self.0.len().checked_sub(LISTED_MAX).filter(|more| *more > 0) {
            println!("  and {more} rooms more");
        }
    }
}

/// Says what would be removed, or removes it.
pub fn purge(
    config: &ServeConfig,
    (author, room, before): (Option<&str>, Option<&str>, Option<NaiveDate>),
    yes: bool,
) -> Result<(), AppError> {
    let store = open_store(config, false)?;
    let found = block_on(async {
        store.migrate().await?;
        match (author, room, before) {
            (Some(author), ..) => {
                let author = AuthorId::parse(author).ok_or(AppError::Purge("--author is the id of an author"))?;
                of_author(&store, &author, yes).await
            }
            (_, Some(room), _) => of_room(&store, room, yes).await,
            (_, _, Some(day)) => before_day(&store, day, yes).await,
            _ => Err(AppError::Purge("one of --author, --room and --before is needed")),
        }
    })?;
    found.print(if yes { "removed" } else { "would remove" });
    if !yes {
        println!("nothing was removed; add --yes to remove it for good");
    }
    Ok(())
}

/// Deletions, as the author would delete each message themselves: a change of the room, which everybody is told.
async fn of_author(store: &Store, author: &AuthorId, yes: bool) -> Result<Found, AppError> {
    let (mut found, mut after) = (Found::default(), None);
    loop {
        let part = store.written_by(author, after.as_deref(), ROOMS_AT_ONCE).await?;
        let Some(last) = part.last else { return Ok(found) };
        for (room, n) in part.rooms {
            let n = if yes { delete_of(store, author, &room).await? } else { n };
            found.0.push((room, n));
        }
        after = Some(last);
    }
}

async fn delete_of(store: &Store, author: &AuthorId, room: &RoomId) -> Result<i64, AppError> {
    let mut n_deleted = 0_i64;
    let mut n_tries = 0;
    loop {
        let ids = store.messages_by(author, room, AT_ONCE).await?;
        if ids.is_empty() {
            store.forget_rest_of(author, room).await?;
            return Ok(n_deleted);
        }
        let guard_rev = store.head(room).await?.guard_rev;
        let delete = |message: i64| {
            let (room, author, client_id) = (room.clone(), author.clone(), Uuid::new_v4());
            let action = Action::Delete { as_moderator: false };
            Arc::new(NewChange { room, message, author, also: Arc::default(), client_id, guard_rev, action })
        };
        let outcomes = store.change_batch(ids.into_iter().map(delete).collect()).await?;
        let n = outcomes.iter().filter(|outcome| matches!(outcome, ChangeOutcome::Changed(..))).count();
        n_deleted = n_deleted.saturating_add(i64::try_from(n).unwrap_or(i64::MAX));
        n_tries = if n > 0 { 0 } else { n_tries + 1 };
        if n_tries > TRIES {
            return Err(AppError::Purge("a room is locked, or changes all the time: run it again"));
        }
        sleep(if n > 0 { PAUSE } else { PAUSE.saturating_mul(10) }).await;
    }
}

/// All that is there now, and then another life of the room, so that nobody goes on from what they know of it.
async fn of_room(store: &Store, name: &str, yes: bool) -> Result<Found, AppError> {
    let unknown = || AppError::NoSuchRoom(name.to_owned());
    let room = store.canonical(&RoomId::parse(name).map_err(|_| unknown())?).await?;
    let head = store.head(&room).await?;
    if head.rev == 0 {
        return Err(unknown());
    }
    if !yes {
        return Ok(Found(vec![(room, head.message_count)]));
    }
    all_know_of_it(store).await?;
    let n = remove(store, &room, None, head.rev).await?;
    store.forget_rest_of_room(&room).await?;
    store.new_room_epoch(&room).await?.ok_or_else(unknown)?;
    Ok(Found(vec![(room, n)]))
}

async fn before_day(store: &Store, day: NaiveDate, yes: bool) -> Result<Found, AppError> {
    let before = day.and_time(chrono::NaiveTime::MIN).and_utc();
    let week_ago = store.time().await?.checked_sub_signed(TimeDelta::days(KEPT_DAYS_MIN.into())).unwrap_or_default();
    if before > week_ago {
        return Err(AppError::Purge(
            "--before is a day that is a week ago at least: a message sent again must be found",
        ));
    }
    if yes {
        all_know_of_it(store).await?;
    }
    let (mut found, mut after) = (Found::default(), None);
    loop {
        let part = store.oldest_messages(after.as_deref(), ROOMS_AT_ONCE).await?;
        let Some(last) = part.last() else { return Ok(found) };
        after = Some(last.name.clone());
        let is_old = |at: Option<DateTime<Utc>>| at.is_some_and(|at| at < before);
        for room in part.into_iter().filter(|oldest| is_old(oldest.at)).filter_map(|oldest| oldest.room) {
            let n = match yes {
                true => remove(store, &room, Some(before), i64::MAX).await?,
                false => store.written_before(&room, before).await?,
            };
            found.0.push((room, n));
        }
    }
}

/// Removes the oldest messages of a room, and tells how many those were.
async fn remove(store: &Store, room: &RoomId, before: Option<DateTime<Utc>>, up_to: i64) -> Result<i64, AppError> {
    let mut n_removed = 0_i64;
    loop {
        let removed = store.remove_oldest(Removal { room: room.clone(), before, up_to, limit: AT_ONCE }).await?;
        n_removed = n_removed.saturating_add(i64::try_from(removed.n_messages).unwrap_or(i64::MAX));
        if !removed.may_be_more {
            return Ok(n_removed);
        }
        sleep(PAUSE).await;
    }
}
