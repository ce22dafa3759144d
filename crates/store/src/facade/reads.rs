//! Everything that is read, on the connections for that, and never behind what this server has acknowledged.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::FutureExt;

use super::{Backend, Store};
use crate::{
    error::StoreError,
    model::{Changes, Head, Heads, Loaded, Meta, OwnReactions, Page, Reactors},
    queries,
};
use chat_domain::{AuthorId, ChatMessage, Emoji, Epoch, PageCursor, RoomId};

/// Runs a function of [`queries`], the same for both backends, on a connection that reads. What it `needs` is cloned.
macro_rules! reading {
    ($self:ident, $($needs:ident,)* |$c:ident, $queries:ident| $query:expr) => {{
        let inner = Arc::clone(&$self.0);
        $(let $needs = $needs.clone();)*
        let reading = async move {
            match &inner.backend {
                Backend::Postgres(postgres) => {
                    use queries::postgres as $queries;
                    postgres.pools.read(move |$c| $query.boxed()).await
                }
                Backend::Sqlite(sqlite) => {
                    use queries::sqlite as $queries;
                    sqlite.in_place()?;
                    sqlite.pools.read(move |$c| $query.boxed()).await
                }
            }
        };
        $self.spawn(reading).await
    }};
}

impl Store {
    /// What all servers on this database share. Fails as the others do, with `Broken` before [`Store::migrate`].
    pub async fn meta(&self) -> Result<Meta, StoreError> {
        let row = reading!(self, |c, queries| queries::meta_row(c))?;
        Ok(Meta { epoch: row.epoch.into(), secret: row.secret, name: row.name })
    }

    /// A room's epoch, counter and figures.
    pub async fn head(&self, room: &RoomId) -> Result<Head, StoreError> {
        let read = || async {
            reading!(self, room, |c, queries| {
                let room = room.clone();
                async move { queries::head(c, &room).await }
            })
        };
        self.read_current(read, |head, each| each(room, head.epoch, head.rev)).await
    }

    /// Epochs and counters of many rooms at once. Rooms without a row are absent.
    pub async fn heads(&self, rooms: Vec<RoomId>) -> Result<Heads, StoreError> {
        let rooms: Arc<[RoomId]> = rooms.into();
        let read = || async { reading!(self, rooms, |c, queries| queries::heads(c, Arc::clone(&rooms))) };
        self.read_current(read, |heads, each| heads.rooms.iter().any(|(room, head)| each(room, head.epoch, head.rev)))
            .await
    }

    /// A room's head and its latest messages as of one moment: nothing above `head.rev`, and of the latest
    /// `limit` at or below it nothing missing.
    pub async fn load(&self, room: &RoomId, limit: usize) -> Result<Loaded, StoreError> {
        let read = || async { reading!(self, room, |c, queries| queries::load(c, room.clone(), limit)) };
        self.read_current(read, |loaded, each| each(room, loaded.head.epoch, loaded.head.rev)).await
    }

    /// A page of a room's messages, and which moment of the room it is of. Never behind what this server has
    /// acknowledged: else a text would come back that is deleted.
    pub async fn page(&self, room: &RoomId, cursor: PageCursor, limit: usize) -> Result<Page, StoreError> {
        let read = || async { reading!(self, room, |c, queries| queries::page(c, room.clone(), cursor, limit)) };
        self.read_current(read, |page: &Page, each| each(room, page.position.epoch, page.position.rev)).await
    }

    /// Those of these messages that are the room's, deleted ones as well, in no order.
    pub async fn messages(&self, room: &RoomId, ids: &[i64]) -> Result<Vec<ChatMessage>, StoreError> {
        let ids = ids.to_vec();
        let read =
            || async { reading!(self, room, ids, |c, queries| queries::messages_by_id(c, room.clone(), ids.clone())) };
        let (_, found) = self.read_current(read, |(at, _), each| each(room, at.epoch, at.rev)).await?;
        Ok(found)
    }

    /// A message of the room, by the database's id; a deleted one as well.
    pub async fn message(&self, room: &RoomId, id: i64) -> Result<Option<ChatMessage>, StoreError> {
        Ok(self.messages(room, &[id]).await?.pop())
    }

    /// Those who react to a message of the room with this emoji, behind `after`. `None` where the room has no such
    /// message, or it is deleted.
    pub async fn reactions_of(
        &self,
        room: &RoomId,
        message: i64,
        emoji: &Emoji,
        after: Option<AuthorId>,
        limit: usize,
    ) -> Result<Option<Reactors>, StoreError> {
        reading!(self, room, emoji, after, |c, queries| queries::reactions_of(
            c,
            room.clone(),
            message,
            emoji.clone(),
            after.clone(),
            limit
        ))
    }

    /// What the author reacts with to the room's messages from one `seq` to another, both included: to the first 1,000 of
    /// them to which anybody reacts.
    pub async fn reactions_by(
        &self,
        room: &RoomId,
        author: &AuthorId,
        from_seq: i64,
        to_seq: i64,
    ) -> Result<OwnReactions, StoreError> {
        reading!(self, room, author, |c, queries| queries::reactions_by(
            c,
            room.clone(),
            author.clone(),
            from_seq,
            to_seq
        ))
    }

    /// What changed in a room above `rev`, and its head as of the same moment.
    pub async fn changes_since(&self, room: &RoomId, rev: i64, limit: usize) -> Result<Changes, StoreError> {
        let read = || async { reading!(self, room, |c, queries| queries::changes_since(c, room.clone(), rev, limit)) };
        // Fewer than the room that asks has seen are behind as well.
        let is_below = |head: &Head| head.rev < rev;
        self.read_current(read, |Changes { head, .. }, each| each(room, head.epoch, head.rev) || is_below(head)).await
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
    async fn read_current<T, R: Future<Output = Result<T, StoreError>>>(
        &self,
        read: impl Fn() -> R,
        any: impl Fn(&T, &mut dyn FnMut(&RoomId, Epoch, i64) -> bool) -> bool,
    ) -> Result<T, StoreError> {
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
