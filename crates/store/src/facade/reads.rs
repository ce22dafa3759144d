//! Everything that is read, on the connections for that, and never behind what this server has acknowledged.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::FutureExt;

use super::{Backend, Store};
use crate::{
    error::StoreError,
    model::{Changes, Head, Heads, Loaded, Meta, Page},
    queries,
};
use chat_domain::{AuthorId, ChatMessage, Emoji, Epoch, PageCursor, RoomId};

/// Runs a function of [`queries`], the same for both backends, on a connection that reads.
macro_rules! reading {
    ($self:ident, |$c:ident, $queries:ident| $query:expr) => {{
        let inner = Arc::clone(&$self.0);
        $self
            .spawn(async move {
                match &inner.backend {
                    Backend::Postgres(postgres) => {
                        use queries::postgres as $queries;
                        postgres.pools.read(|$c| $query.boxed()).await
                    }
                    Backend::Sqlite(sqlite) => {
                        use queries::sqlite as $queries;
                        sqlite.in_place()?;
                        sqlite.pools.read(|$c| $query.boxed()).await
                    }
                }
            })
            .await
    }};
}

impl Store {
    /// What all servers on this database share.
    ///
    /// # Errors
    /// Any [`StoreError`] but `Locked`; `Broken` before [`Store::migrate`].
    pub async fn meta(&self) -> Result<Meta, StoreError> {
        let row = reading!(self, |c, queries| queries::meta_row(c))?;
        Ok(Meta { epoch: row.epoch.into(), secret: row.secret, name: row.name })
    }

    /// A room's epoch, counter and figures.
    pub async fn head(&self, room: &RoomId) -> Result<Head, StoreError> {
        let read = || {
            let room = room.clone();
            async move {
                reading!(self, |c, queries| {
                    let room = room.clone();
                    async move { queries::head(c, &room).await }
                })
            }
        };
        self.read_current(read, |head, each| each(room, head.epoch, head.rev)).await
    }

    /// Epochs and counters of many rooms at once. Rooms without a row are absent.
    pub async fn heads(&self, rooms: Vec<RoomId>) -> Result<Heads, StoreError> {
        let rooms: Arc<[RoomId]> = rooms.into();
        let read = || {
            let rooms = Arc::clone(&rooms);
            async move { reading!(self, |c, queries| queries::heads(c, Arc::clone(&rooms))) }
        };
        self.read_current(read, |heads, each| heads.rooms.iter().any(|(room, epoch, rev)| each(room, *epoch, *rev)))
            .await
    }

    /// A room's head and its latest messages as of one moment: nothing above `head.rev`, and of the latest
    /// `limit` at or below it nothing missing.
    pub async fn load(&self, room: &RoomId, limit: usize) -> Result<Loaded, StoreError> {
        let read = || {
            let room = room.clone();
            async move { reading!(self, |c, queries| queries::load(c, room.clone(), limit)) }
        };
        self.read_current(read, |loaded, each| each(room, loaded.head.epoch, loaded.head.rev)).await
    }

    /// A page of a room's messages.
    pub async fn page(&self, room: &RoomId, cursor: PageCursor, limit: usize) -> Result<Page, StoreError> {
        let room = room.clone();
        reading!(self, |c, queries| {
            let room = room.clone();
            async move { queries::page(c, &room, cursor, limit).await }
        })
    }

    /// A page of a room's messages, with the room's head as of the same moment: what has changed above `head.rev` is not
    /// in it.
    pub async fn history(&self, room: &RoomId, cursor: PageCursor, limit: usize) -> Result<(Head, Page), StoreError> {
        let read = || {
            let room = room.clone();
            async move { reading!(self, |c, queries| queries::history(c, room.clone(), cursor, limit)) }
        };
        self.read_current(read, |(head, _), each| each(room, head.epoch, head.rev)).await
    }

    /// Those of these messages that are the room's, in no order.
    pub async fn messages(&self, room: &RoomId, ids: &[i64]) -> Result<Vec<ChatMessage>, StoreError> {
        let (room, ids) = (room.clone(), ids.to_vec());
        reading!(self, |c, queries| {
            let (room, ids) = (room.clone(), ids.clone());
            async move { queries::messages_by_id(c, &room, &ids).await }
        })
    }

    /// Who reacts to a message with an emoji, behind `after`, in the order of their ids, and whether there are more.
    pub async fn reactors(
        &self,
        message: i64,
        emoji: &Emoji,
        after: Option<&AuthorId>,
        limit: usize,
    ) -> Result<(Vec<AuthorId>, bool), StoreError> {
        let (emoji, after) = (emoji.as_str().to_owned(), after.map_or("", AuthorId::as_str).to_owned());
        let mut ids = reading!(self, |c, queries| {
            let (emoji, after) = (emoji.clone(), after.clone());
            async move { queries::reactors(c, message, &emoji, &after, limit).await }
        })?;
        let has_more = ids.len() > limit;
        ids.truncate(limit);
        Ok((ids.iter().map(|id| AuthorId::from_stored(id)).collect(), has_more))
    }

    /// What somebody reacts with to the messages of a room from one `seq` to another, both included: ids of messages and
    /// emojis, in the order of the messages, at most `limit`.
    pub async fn reactions_by(
        &self,
        room: &RoomId,
        author: &AuthorId,
        range: (i64, i64),
        limit: usize,
    ) -> Result<Vec<(i64, Emoji)>, StoreError> {
        let (room, author) = (room.clone(), author.clone());
        let found = reading!(self, |c, queries| {
            let (room, author) = (room.clone(), author.clone());
            async move { queries::reactions_by(c, &room, author.as_str(), range, limit).await }
        })?;
        Ok(found.into_iter().map(|(id, emoji)| (id, Emoji::from_stored(emoji))).collect())
    }

    /// What changed in a room above `rev`, and its head as of the same moment.
    pub async fn changes_since(&self, room: &RoomId, rev: i64, limit: usize) -> Result<Changes, StoreError> {
        let read = || {
            let room = room.clone();
            async move { reading!(self, |c, queries| queries::changes_since(c, room.clone(), rev, limit)) }
        };
        // Fewer than the room that asks has seen are behind as well.
        self.read_current(read, |changes: &Changes, each| {
            each(room, changes.head.epoch, changes.head.rev) || changes.head.rev < rev
        })
        .await
    }

    /// Asks the database for nothing, and tells how long the answer took.
    pub async fn ping(&self) -> Result<Duration, StoreError> {
        let start = Instant::now();
        reading!(self, |c, queries| queries::ping(c))?;
        Ok(start.elapsed())
    }

    /// Reads, and where that is behind what this server has acknowledged, once more from the server that takes messages,
    /// which is right. `any` gives each room's epoch and counter in what was read to its argument, and tells whether that
    /// found one behind.
    async fn read_current<T, R>(
        &self,
        read: impl Fn() -> R,
        any: impl Fn(&T, &mut dyn FnMut(&RoomId, Epoch, i64) -> bool) -> bool,
    ) -> Result<T, StoreError>
    where
        R: Future<Output = Result<T, StoreError>>,
    {
        let began = self.0.acknowledged().now();
        let found = read().await?;
        let is_behind = any(&found, &mut |room, epoch, rev| self.0.acknowledged().is_behind(room, epoch, rev, began));
        if !is_behind {
            return Ok(found);
        }
        self.renew().await?;
        let found = read().await?;
        any(&found, &mut |room, epoch, rev| {
            self.0.acknowledged().settle(room, epoch, rev);
            false
        });
        Ok(found)
    }
}
