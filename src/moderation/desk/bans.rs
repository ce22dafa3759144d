use std::collections::HashMap;

use chrono::{TimeDelta, Utc};

use super::{Actor, BanOrder, Desk, Refused, reason};
use chat_domain::{Action, Author, AuthorId, AvatarName, Nickname, Rights, Role, RoomId};
use chat_rooms::Moderated;
use chat_store::{Ban, BanKey, Undo};

/// So many messages are deleted at once with a ban (changes.md, section 1).
const DELETED_AT_ONCE_MAX: usize = 500;
/// Of one author so often as many: more than anybody has written.
const ROUNDS_MAX: usize = 1_000;
/// Longer than any chat has been there.
const EVER: TimeDelta = TimeDelta::days(36_500);

impl Desk {
    /// Shuts somebody out.
    ///
    /// # Errors
    /// See [`Refused`].
    pub async fn ban(&self, actor: &Actor, order: BanOrder) -> Result<Moderated, Refused> {
        self.may(actor, Rights::BAN, Some(&order.author))?;
        self.holds_everywhere()?;
        let reason = reason(&order.reason)?;
        let ban = Ban {
            id: 0,
            room: order.room.clone(),
            key: BanKey::Author(order.author.clone()),
            with_network: order.with_network,
            reason,
            by: actor.author.id.clone(),
            at: Utc::now(),
            until: None,
            lifted_at: None,
        };
        let seconds = order.seconds.map(|seconds| TimeDelta::seconds(seconds.into()));
        let (entry, ban) = self.bounded(self.0.store.ban(ban, seconds)).await?;
        self.ban_networks(std::slice::from_ref(&ban)).await;
        if let Some(room) = &order.room {
            self.attended(room);
        }
        self.changed(order.room.as_ref()).await;
        if order.delete_seconds > 0
            && let Err(why) = self.delete_recent(actor, &order).await
        {
            // They are shut out all the same; the messages can be deleted again.
            log::warn!("what somebody wrote who was banned could not be deleted: {why}");
        }
        Ok(self.done(entry, "ban", actor, Some(order.author)))
    }

    /// Adds the networks of people who are banned together with them, as far as this server knows where they are.
    pub async fn ban_networks(&self, bans: &[Ban]) {
        for ban in bans.iter().filter(|ban| ban.with_network && ban.lifted_at.is_none()) {
            let BanKey::Author(author) = &ban.key else { continue };
            let Some(network) = self.network_of(author) else { continue };
            match self.0.store.ban_network(ban.clone(), network).await {
                Ok(true) => self.changed(ban.room.as_ref()).await,
                Ok(false) => {}
                Err(error) => log::warn!("the network of somebody who is banned could not be: {error}"),
            }
        }
    }

    /// Lets somebody in again.
    ///
    /// # Errors
    /// [`Refused::NotFound`] where they are not shut out there.
    pub async fn unban(&self, actor: &Actor, author: AuthorId, room: Option<RoomId>) -> Result<Moderated, Refused> {
        self.may(actor, Rights::BAN, None)?;
        let (key, by) = (BanKey::Author(author.clone()), actor.author.id.clone());
        match self.bounded(self.0.store.unban(key, room.clone(), by, None)).await? {
            Undo::Done(entry) => {
                self.changed(room.as_ref()).await;
                Ok(self.done(entry, "unban", actor, Some(author)))
            }
            Undo::AlreadyUndone | Undo::ChangedSince => Err(Refused::NotFound),
        }
    }

    /// The bans in force, the newest first; one more than `limit` where there are more.
    ///
    /// # Errors
    /// See [`Refused`].
    pub async fn bans(&self, actor: &Actor, before: Option<i64>, limit: usize) -> Result<Vec<Ban>, Refused> {
        self.may(actor, Rights::BAN, None)?;
        self.bounded(self.0.store.bans(before, limit)).await
    }

    /// Deletes all that an author wrote, as they would themselves: nothing of it is kept.
    ///
    /// # Errors
    /// See [`Refused`].
    pub async fn delete_all_of(&self, author: &AuthorId) -> Result<(), Refused> {
        let actor = as_such(author);
        for _ in 0..ROUNDS_MAX {
            let found = self.0.store.recent_messages_of(author.clone(), None, EVER, DELETED_AT_ONCE_MAX);
            let mut by_room: HashMap<RoomId, Vec<i64>> = HashMap::new();
            for (room, id) in self.bounded(found).await? {
                by_room.entry(room).or_default().push(id);
            }
            if by_room.is_empty() {
                return Ok(());
            }
            for (room, ids) in by_room {
                self.change(&actor, &room, &ids, &Action::Delete { as_moderator: false }).await?;
            }
        }
        Err(Refused::Unavailable)
    }

    /// Takes the name off all that an author wrote, deleted or not; the texts stay.
    ///
    /// # Errors
    /// See [`Refused`].
    pub async fn unname_all_of(&self, author: &AuthorId) -> Result<(), Refused> {
        for _ in 0..ROUNDS_MAX {
            let found = self.0.store.named_messages_of(author.clone(), DELETED_AT_ONCE_MAX);
            let mut by_room: HashMap<RoomId, Vec<i64>> = HashMap::new();
            for (room, id) in self.bounded(found).await? {
                by_room.entry(room).or_default().push(id);
            }
            if by_room.is_empty() {
                return Ok(());
            }
            for (room, ids) in by_room {
                self.change(&as_such(author), &room, &ids, &Action::Unname).await?;
            }
        }
        Err(Refused::Unavailable)
    }

    async fn delete_recent(&self, actor: &Actor, order: &BanOrder) -> Result<(), Refused> {
        let within = TimeDelta::seconds(order.delete_seconds.into());
        let (author, room) = (order.author.clone(), order.room.clone());
        let found = self.0.store.recent_messages_of(author, room, within, DELETED_AT_ONCE_MAX);
        let mut by_room: HashMap<RoomId, Vec<i64>> = HashMap::new();
        for (room, id) in self.bounded(found).await? {
            by_room.entry(room).or_default().push(id);
        }
        for (room, ids) in by_room {
            self.change(actor, &room, &ids, &Action::Delete { as_moderator: true }).await?;
        }
        Ok(())
    }
}

/// An author as the one who does something to what is their own.
fn as_such(author: &AuthorId) -> Actor {
    let (id, nickname) = (author.clone(), Nickname::from_stored(String::new()));
    let author = Author { id, nickname, avatar: AvatarName::derived_from(author), badge: None };
    Actor::of(author, Role::Member)
}
