//! People with an account, and keeping order.

use std::sync::Arc;

use chrono::TimeDelta;
use futures_util::FutureExt;

use super::{Backend, Store};
use crate::{
    error::StoreError,
    management::{
        self, Asked, Audit, AuditQuery, AuthorNote, Ban, BanKey, CodeUse, Control, Held, Hold, HoldOutcome, Login,
        Ordered, Report, Reported, SettingsChange, SettingsChanged, Settled, SignedIn, Standing, Undo,
    },
    model::RoomSettings,
};
use chat_domain::{AuthorId, AvatarName, NetworkKey, Nickname, RoomId, UserId};

/// Runs a function of [`management`], the same for both backends, on the connection that writes: what is read here must
/// not be behind what was decided.
macro_rules! managing {
    ($self:ident, |$c:ident, $statements:ident| $query:expr) => {{
        let inner = Arc::clone(&$self.0);
        let managing = async move {
            match &inner.backend {
                Backend::Postgres(postgres) => {
                    use management::postgres as $statements;
                    Ok(postgres.pools.write(move |$c| $query.boxed()).await?)
                }
                Backend::Sqlite(sqlite) => {
                    use management::sqlite as $statements;
                    sqlite.in_place()?;
                    Ok(sqlite.pools.write(move |$c| $query.boxed()).await?)
                }
            }
        };
        $self.spawn(managing).await
    }};
}

/// The same on a connection that reads, for what may be long: nobody's message waits for it, and joins are planned as
/// usual there.
macro_rules! listing {
    ($self:ident, $($needs:ident,)* |$c:ident, $statements:ident| $query:expr) => {{
        let inner = Arc::clone(&$self.0);
        let listing = async move {
            match &inner.backend {
                Backend::Postgres(postgres) => {
                    use management::postgres as $statements;
                    postgres.pools.read(move |$c| { $(let $needs = $needs.clone();)* $query.boxed() }).await
                }
                Backend::Sqlite(sqlite) => {
                    use management::sqlite as $statements;
                    sqlite.in_place()?;
                    sqlite.pools.read(move |$c| { $(let $needs = $needs.clone();)* $query.boxed() }).await
                }
            }
        };
        $self.spawn(listing).await
    }};
}

pub(super) use {listing, managing};

impl Store {
    /// Makes a code by which the owner signs in once, named by the first of the two texts and proved by what the second is
    /// a hash of; and the owner, under this name, where there is none. Codes of theirs made before are void.
    pub async fn owner_code(
        &self,
        code: (String, String),
        named: (Nickname, AvatarName),
        tries_and_validity: (i32, TimeDelta),
    ) -> Result<UserId, StoreError> {
        managing!(self, |c, statements| statements::owner_code(c, code, named, tries_and_validity))
    }

    /// Uses up a code, or one of its tries, and makes the login where it was right.
    pub async fn use_code(&self, name: String, hash: String, login: Login) -> Result<CodeUse, StoreError> {
        managing!(self, |c, statements| statements::use_code(c, name, hash, login))
    }

    /// Whose login the secret with this hash is, unless it was ended.
    pub async fn login(&self, token_hash: String) -> Result<Option<SignedIn>, StoreError> {
        managing!(self, |c, statements| statements::login(c, token_hash))
    }

    /// Ends a login; whether it lived.
    pub async fn revoke_login(&self, token_hash: String) -> Result<bool, StoreError> {
        managing!(self, |c, statements| statements::revoke_login(c, token_hash))
    }

    /// What concerns all rooms: of bans those that have changed above this `control_rev`, for 0 all in force.
    pub async fn control(&self, known: i64) -> Result<Control, StoreError> {
        managing!(self, |c, statements| statements::control(c, known))
    }

    /// Shuts somebody out for so long, or for good; what was in force of the same in the same place is replaced. Tells the
    /// entry in what was done, and the ban as it is stored.
    pub async fn ban(&self, ban: Ban, seconds: Option<TimeDelta>) -> Result<(i64, Ban), StoreError> {
        managing!(self, |c, statements| statements::ban(c, ban, seconds))
    }

    /// Adds the network of somebody who is banned together with it; whether it was not there yet.
    pub async fn ban_network(&self, of: Ban, network: NetworkKey) -> Result<bool, StoreError> {
        managing!(self, |c, statements| statements::ban_network(c, of, network))
    }

    /// Lifts the bans of this in this place, or undoes one: by its entry and its id. [`Undo::ChangedSince`] where there are
    /// none.
    pub async fn unban(
        &self,
        key: BanKey,
        room: Option<RoomId>,
        by: AuthorId,
        undoes: Option<(i64, i64)>,
    ) -> Result<Undo, StoreError> {
        managing!(self, |c, statements| statements::unban(c, key, room, by, undoes))
    }

    /// The bans of people that are in force, the newest first, one more than `limit` where there are more.
    pub async fn bans(&self, before: Option<i64>, limit: usize) -> Result<Vec<Ban>, StoreError> {
        listing!(self, |c, statements| statements::bans(c, before, limit))
    }

    /// Changes the settings of a room, or of all, if nobody has meanwhile.
    pub async fn change_settings(&self, change: SettingsChange) -> Result<SettingsChanged, StoreError> {
        managing!(self, |c, statements| statements::change_settings(c, change))
    }

    /// What holds for all rooms where they say nothing else.
    pub async fn defaults(&self) -> Result<RoomSettings, StoreError> {
        managing!(self, |c, statements| statements::defaults(c))
    }

    /// Stores that somebody reports a message, once.
    pub async fn report(
        &self,
        room: RoomId,
        message: i64,
        by: AuthorId,
        reason: String,
    ) -> Result<Reported, StoreError> {
        managing!(self, |c, statements| statements::report(c, room, message, by, reason))
    }

    /// How many messages of the room have open reports.
    pub async fn open_reports(&self, room: RoomId) -> Result<i64, StoreError> {
        managing!(self, |c, statements| statements::open_reports(c, room))
    }

    /// The open reports behind this id, of one room or of all, one more than `limit` where there are more.
    pub async fn reports(&self, room: Option<RoomId>, after: i64, limit: usize) -> Result<Vec<Report>, StoreError> {
        listing!(self, room, |c, statements| statements::reports(c, room, after, limit))
    }

    /// Settles all reports of a message.
    pub async fn settle_reports(&self, room: RoomId, message: i64, by: AuthorId) -> Result<Ordered, StoreError> {
        managing!(self, |c, statements| statements::settle_reports(c, room, message, by))
    }

    /// What was done by whom, the newest first, one more than the limit where there are more.
    pub async fn audit(&self, asked: AuditQuery) -> Result<Vec<Audit>, StoreError> {
        listing!(self, asked, |c, statements| statements::audit(c, asked))
    }

    /// One entry of what was done.
    pub async fn audit_entry(&self, id: i64) -> Result<Option<Audit>, StoreError> {
        managing!(self, |c, statements| statements::audit_entry(c, id))
    }

    /// Notes that an entry was undone, as by a change of its message; false where it was before.
    pub async fn note_undone(&self, id: i64, by: AuthorId) -> Result<bool, StoreError> {
        managing!(self, |c, statements| statements::note_undone(c, id, by))
    }

    /// What an author wrote within this time, in one room or in all, the newest first.
    pub async fn recent_messages_of(
        &self,
        author: AuthorId,
        room: Option<RoomId>,
        within: TimeDelta,
        limit: usize,
    ) -> Result<Vec<(RoomId, i64)>, StoreError> {
        listing!(self, author, room, |c, statements| statements::recent_of(c, author, room, within, limit))
    }

    /// Lets messages wait for a moderator; the outcomes are in the order of the batch. All of it is committed when this
    /// returns `Ok`, but for what the outcomes say. Given again, what was held comes back as [`HoldOutcome::Held`] that
    /// is not new.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] where it may work a little later. A row that the database does not take fails the
    /// batch as [`StoreError::Broken`]: nothing of it is held then.
    pub async fn hold(&self, batch: Vec<Hold>) -> Result<Vec<HoldOutcome>, StoreError> {
        managing!(self, |c, statements| statements::hold(c, batch))
    }

    /// What is known about messages before they are stored, in the order asked, by the database's own time. Notes those
    /// authors whose age is asked and who are not known in the room yet, as being there for as long as the server has
    /// seen them.
    pub async fn standing(&self, asked: Vec<Asked>) -> Result<Vec<Standing>, StoreError> {
        managing!(self, |c, statements| statements::standing(c, asked))
    }

    /// Notes that messages of these authors were stored in these rooms just now. Tells, in the order given, what was
    /// known of each before.
    pub async fn note_authors(&self, wrote: Vec<(RoomId, AuthorId)>) -> Result<Vec<AuthorNote>, StoreError> {
        managing!(self, |c, statements| statements::note_authors(c, wrote))
    }

    /// What waits for a moderator behind this id, of one room or of all, the oldest first, one more than `limit` where
    /// there are more.
    pub async fn held(&self, room: Option<RoomId>, after: i64, limit: usize) -> Result<Vec<Held>, StoreError> {
        listing!(self, room, |c, statements| statements::held(c, room, after, limit))
    }

    /// Those of these that wait for a moderator in the room, the oldest first. At most some thousand ids.
    pub async fn held_by_ids(&self, room: RoomId, ids: Vec<i64>) -> Result<Vec<Held>, StoreError> {
        managing!(self, |c, statements| statements::held_by_ids(c, room, ids))
    }

    /// Settles those of these that wait. Approved ones are forgotten: `messages` are the ids of what was made of them
    /// before. Rejected ones are kept for a while, so that it can be undone and whoever sends them again is told. At most
    /// some thousand ids.
    pub async fn settle_held(
        &self,
        room: RoomId,
        ids: Vec<i64>,
        rejected: bool,
        by: AuthorId,
        messages: Vec<i64>,
    ) -> Result<Settled, StoreError> {
        managing!(self, |c, statements| statements::settle_held(c, room, ids, rejected, by, messages))
    }

    /// Undoes a rejection by its entry: those of these that are rejected wait again. [`Undo::ChangedSince`] where none is.
    pub async fn unreject(&self, room: RoomId, ids: Vec<i64>, by: AuthorId, undoes: i64) -> Result<Undo, StoreError> {
        managing!(self, |c, statements| statements::unreject(c, room, ids, by, undoes))
    }

    /// How many messages of the room wait for a moderator.
    pub async fn open_held(&self, room: RoomId) -> Result<i64, StoreError> {
        managing!(self, |c, statements| statements::open_held(c, room))
    }

    /// Forgets what was held so long ago that nobody will look at it any more, a few thousand at most: to be called now
    /// and then. Tells how many that were.
    pub async fn sweep_held(&self) -> Result<usize, StoreError> {
        managing!(self, |c, statements| statements::sweep_held(c))
    }

    /// What the guard has changed in rooms and nobody has undone or changed again since, the newest first, a thousand at
    /// most.
    pub async fn guard_raids(&self) -> Result<Vec<Audit>, StoreError> {
        listing!(self, |c, statements| statements::guard_raids(c))
    }
}
