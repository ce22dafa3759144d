//! Who may do what: what every command is checked against in its room, before it goes to the database.
//!
//! What concerns all rooms (bans, roles, defaults) each server keeps in memory and reads again when `meta.control_rev`
//! says so; what concerns one room comes with the room. So no command asks the database anything.

mod aliases;
mod bans;
mod claims;
mod ready;
mod rules;

use std::{
    collections::HashMap,
    sync::{
        Arc, OnceLock, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
};

use chrono::{DateTime, Utc};
use tokio::sync::{Mutex, watch};

pub use aliases::Aliases;
pub use bans::{BanNotice, Bans};
pub use claims::Claims;
use ready::{AllReady, Ready};
pub(crate) use rules::{Doing, Rules};

use crate::event::Refusal;
use chat_domain::{AuthorId, Badge, IdentityKey, Nickname, Principal, Rights, Role, RoomId, UserId};
use chat_moderation::TakenNames;
use chat_store::{Ban, Control, RoomSettings, Store, StoreError};

/// What concerns all rooms. Shared by all threads; a lock is held for a look only.
#[derive(Debug, Clone, Default)]
pub struct Access(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    /// The key of public ids.
    key: OnceLock<IdentityKey>,
    known: RwLock<Known>,
    ready: AllReady,
    /// Held by the one that reads: what two read could come in the wrong order.
    reading: Mutex<()>,
    /// Goes up with each change of what concerns all rooms.
    changed: watch::Sender<i64>,
    /// Goes up with each identity that acts as another one from now on.
    n_aliases: AtomicU64,
}

#[derive(Debug, Default)]
struct Known {
    rev: i64,
    bans: Bans,
    roles: HashMap<UserId, Role>,
    /// The same by public id: for whoever is acted on.
    ranks: HashMap<AuthorId, Role>,
    /// Bans that go together with their network and were read since they were last taken, whoever read them.
    with_network: Vec<Ban>,
    /// The names of those who keep order, and what looks like them.
    names: TakenNames,
    claims: Claims,
    /// Other names of rooms, each with the room that it leads to: at most [`chat_store::ROOM_ALIASES_MAX`].
    room_aliases: HashMap<RoomId, RoomId>,
    aliases: Aliases,
    defaults: Arc<RoomSettings>,
}

impl Access {
    /// Nobody has a role yet, and nobody is banned; public ids are derived with this key.
    pub fn new(key: IdentityKey) -> Self {
        let access = Self::default();
        // Set once, here.
        let _ = access.0.key.set(key);
        access
    }

    /// What somebody is.
    pub fn role(&self, principal: &Principal) -> Role {
        principal.user_id().map_or(Role::Guest, |user| self.role_of(user))
    }

    /// What an account is. One without a role is a member.
    pub fn role_of(&self, user: UserId) -> Role {
        self.known().roles.get(&user).copied().unwrap_or(Role::Member)
    }

    /// What somebody may do, bans and rooms aside.
    pub fn rights(&self, principal: &Principal) -> Rights {
        principal.allows(self.role(principal).rights())
    }

    /// The mark beside somebody's name.
    pub fn badge(&self, principal: &Principal) -> Option<Badge> {
        match principal.user_id() {
            Some(_) if principal.is_bot() => Some(Badge::Bot),
            Some(user) => self.role_of(user).badge(),
            None => principal.is_verified().then_some(Badge::Verified),
        }
    }

    /// The ban that keeps somebody from writing in a room, if there is one. Who keeps order cannot be shut out by the
    /// network they come from.
    pub fn ban(&self, principal: &Principal, room: &RoomId, now: DateTime<Utc>) -> Option<BanNotice> {
        self.known().ban(principal, room, now)
    }

    /// As whom somebody with this browser's identity acts: as itself, where it is no other device of somebody.
    pub fn acting_as(&self, author: AuthorId) -> AuthorId {
        self.known().aliases.acting_as(&author).cloned().unwrap_or(author)
    }

    /// Whether the identity that a session joined by acts as another one by now: it is to join anew.
    pub fn is_other(&self, author: &AuthorId) -> bool {
        self.known().aliases.acting_as(author).is_some()
    }

    /// Goes up with each identity of which that is so.
    pub fn n_aliases(&self) -> u64 {
        self.0.n_aliases.load(Ordering::Relaxed)
    }

    /// Whether an account has taken this browser's identity over: by that alone nobody does anything any more.
    pub fn is_claimed(&self, principal: &Principal) -> bool {
        self.known().is_claimed(principal)
    }

    /// Whether somebody may write in a room at all, as far as it is a matter of who they are.
    ///
    /// # Errors
    /// Their identity is an account's now, or acts as another one, or they are banned, or the room's name leads to another.
    pub fn admit(&self, principal: &Principal, room: &RoomId, now: DateTime<Utc>) -> Result<(), Refusal> {
        let known = self.known();
        if known.is_claimed(principal) {
            return Err(Refusal::Claimed);
        }
        // Its session is about to end, and its page joins as who it is now; or it is led to the room of that name.
        if known.is_other(principal) || known.room_aliases.contains_key(room) {
            return Err(Refusal::Overloaded);
        }
        known.ban(principal, room, now).map_or(Ok(()), |notice| Err(Refusal::Banned { until: notice.until }))
    }

    /// The identities that somebody's account has taken over, or that are further devices of somebody who has none: what
    /// those wrote is theirs.
    pub fn claims(&self, principal: &Principal) -> Arc<[AuthorId]> {
        self.known().also(principal).cloned().unwrap_or_default()
    }

    /// Whether what this author wrote is somebody's own.
    pub fn is_own(&self, principal: &Principal, author: &AuthorId) -> bool {
        if principal.author_id() == author {
            return true;
        }
        let known = self.known();
        match principal.user_id() {
            Some(user) => known.claims.user(author) == Some(user),
            None => known.aliases.acting_as(author) == Some(principal.author_id()),
        }
    }

    /// The room that a name leads to: itself where it is no other name.
    pub fn resolve(&self, name: &RoomId) -> RoomId {
        self.known().room_aliases.get(name).unwrap_or(name).clone()
    }

    /// Whether this is another name of a room, and so no room itself any more.
    pub fn is_alias(&self, name: &RoomId) -> bool {
        self.known().room_aliases.contains_key(name)
    }

    /// What holds for all rooms where they say nothing else.
    pub fn defaults(&self) -> Arc<RoomSettings> {
        self.known().defaults.clone()
    }

    /// What a room with these settings of its own goes by; none where nothing is set anywhere.
    fn ready(&self, own: &RoomSettings, defaults: &Arc<RoomSettings>) -> Option<Arc<Ready>> {
        self.0.ready.of(own, defaults)
    }

    /// What the person with this public id is, for whoever acts on them: one acts on lower ranks only.
    pub fn rank(&self, author: &AuthorId) -> Role {
        let known = self.known();
        let of_account = || known.claims.user(author).and_then(|user| known.roles.get(&user));
        known.ranks.get(author).or_else(of_account).copied().unwrap_or(Role::Guest)
    }

    /// Whether a nickname is not free for somebody to take: it looks like that of somebody who keeps order, or is a
    /// reserved one, and they do not keep order themselves.
    pub fn is_taken(&self, principal: &Principal, nickname: &Nickname) -> bool {
        let known = self.known();
        let role = principal.user_id().and_then(|user| known.roles.get(&user)).copied().unwrap_or(Role::Guest);
        !role.rights().has(Rights::EXEMPT) && known.names.has(nickname.as_str())
    }

    /// Tells of each change, by `meta.control_rev` as far as it was read.
    pub fn changes(&self) -> watch::Receiver<i64> {
        self.0.changed.subscribe()
    }

    /// Reads what has changed. Nothing is forgotten where that fails.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn refresh(&self, store: &Store) -> Result<(), StoreError> {
        let _turn = self.0.reading.lock().await;
        let rev = self.known().rev;
        let mut control = store.control(rev).await?;
        // A database that was put back from a backup may have a lower value: all is read, as at the start.
        if control.rev < rev {
            *self.0.known.write().unwrap_or_else(PoisonError::into_inner) = Known::default();
            control = store.control(0).await?;
        }
        if self.take(control) {
            self.0.changed.send_modify(|known| *known = known.saturating_add(1));
        }
        Ok(())
    }

    /// The bans whose network is to be found, each once.
    pub fn take_with_network(&self) -> Vec<Ban> {
        std::mem::take(&mut self.0.known.write().unwrap_or_else(PoisonError::into_inner).with_network)
    }

    /// Takes in what was read; whether anything is other than it was.
    fn take(&self, control: Control) -> bool {
        let Control { rev, bans, defaults, roles, names, claims, room_aliases, aliases } = control;
        let mut known = self.0.known.write().unwrap_or_else(PoisonError::into_inner);
        let has_changed = rev != known.rev || !bans.is_empty();
        known.rev = rev;
        for (author, user) in claims {
            known.claims.take(author, user);
        }
        for (alias, room) in room_aliases {
            match room {
                Some(room) => known.room_aliases.insert(alias, room),
                None => known.room_aliases.remove(&alias),
            };
        }
        for (alias, of) in aliases {
            known.aliases.take(alias, of);
        }
        self.0.n_aliases.store(known.aliases.n_taken(), Ordering::Relaxed);
        let now = Utc::now();
        for ban in bans {
            if ban.with_network && ban.lifted_at.is_none() {
                known.with_network.push(ban.clone());
            }
            known.bans.take(ban, now);
        }
        let rank = |(user, role): &(UserId, Role)| Some((self.0.key.get()?.user_author_id(*user), *role));
        known.ranks = roles.iter().filter_map(rank).collect();
        let keeps_order =
            |user: &UserId| roles.iter().any(|(of, role)| of == user && role.rights().has(Rights::EXEMPT));
        let names = names.iter().filter(|(user, _)| keeps_order(user)).map(|(_, name)| &**name);
        known.names = TakenNames::of(names);
        known.roles = roles.into_iter().collect();
        if *known.defaults != defaults {
            known.defaults = Arc::new(defaults);
        }
        has_changed
    }

    fn known(&self) -> std::sync::RwLockReadGuard<'_, Known> {
        self.0.known.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn is_claimed(&self, principal: &Principal) -> bool {
        principal.user_id().is_none() && self.claims.user(principal.author_id()).is_some()
    }

    fn is_other(&self, principal: &Principal) -> bool {
        principal.user_id().is_none() && self.aliases.acting_as(principal.author_id()).is_some()
    }

    /// The identities that are somebody's as well.
    fn also(&self, principal: &Principal) -> Option<&Arc<[AuthorId]>> {
        match principal.user_id() {
            Some(user) => self.claims.of(user),
            None => self.aliases.of(principal.author_id()),
        }
    }

    fn ban(&self, principal: &Principal, room: &RoomId, now: DateTime<Utc>) -> Option<BanNotice> {
        if self.bans.is_empty() {
            return None;
        }
        let user = principal.user_id();
        let role = user.and_then(|user| self.roles.get(&user)).copied().unwrap_or(Role::Guest);
        if role.rights().has(Rights::EXEMPT) {
            return None;
        }
        let also = self.also(principal);
        self.bans.find(principal, also.map_or(&[], |also| also), room, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chat_store::BanKey;

    fn ban(id: i64, author: &str) -> Ban {
        Ban {
            id,
            room: None,
            key: BanKey::Author(AuthorId::from_stored(author)),
            with_network: false,
            reason: String::new(),
            by: AuthorId::from_stored("owner"),
            at: DateTime::UNIX_EPOCH,
            until: None,
            lifted_at: None,
        }
    }

    #[test]
    fn what_was_read_is_taken_in() {
        let (access, user) = (Access::new(IdentityKey::new(b"key")), UserId::new());
        let owner = Principal::user(user, IdentityKey::new(b"key").user_author_id(user));
        let guest = Principal::anonymous(AuthorId::from_stored("guest"));
        let room = RoomId::parse("post").expect("a room id");
        assert_eq!((access.role(&owner), access.role(&guest)), (Role::Member, Role::Guest));
        let control = Control {
            rev: 3,
            bans: vec![ban(1, "guest"), Ban { with_network: true, ..ban(2, owner.author_id().as_str()) }],
            ..Control::default()
        };
        let names = vec![(user, "Ollie".to_owned())];
        assert!(access.take(Control { roles: vec![(user, Role::Owner)], names, ..control }));
        let is_taken = |who, name| access.is_taken(who, &Nickname::from_stored(String::from(name)));
        assert!(is_taken(&guest, "0llie") && is_taken(&guest, "admin") && !is_taken(&guest, "otter"));
        assert!(!is_taken(&owner, "Ollie") && !is_taken(&owner, "admin"), "theirs to take");
        let ids = |bans: Vec<Ban>| bans.iter().map(|ban| ban.id).collect::<Vec<_>>();
        assert_eq!((ids(access.take_with_network()), ids(access.take_with_network())), (vec![2], vec![]), "once");
        assert_eq!((access.badge(&owner), access.badge(&guest)), (Some(Badge::Owner), None));
        assert!(access.ban(&guest, &room, Utc::now()).is_some());
        assert_eq!(access.ban(&owner, &room, Utc::now()), None, "who keeps order is not shut out");
        assert_eq!((access.rank(owner.author_id()), access.rank(guest.author_id())), (Role::Owner, Role::Guest));
        let verified = Principal::verified(AuthorId::from_stored("verified"));
        assert_eq!((access.badge(&verified), access.role(&verified)), (Some(Badge::Verified), Role::Guest));
        assert_eq!(access.rights(&verified), access.rights(&guest), "a blog gives no right");
        assert!(is_taken(&verified, "Ollie") && is_taken(&verified, "admin"), "nor the name of who keeps order");
        // The guest was the owner all the time.
        assert!(!access.is_claimed(&guest) && !access.is_own(&owner, guest.author_id()));
        let claims = vec![(guest.author_id().clone(), user)];
        let roles = vec![(user, Role::Owner)];
        assert!(access.take(Control { rev: 4, roles: roles.clone(), claims, ..Control::default() }));
        assert!(access.is_claimed(&guest) && !access.is_claimed(&owner) && access.is_own(&owner, guest.author_id()));
        assert_eq!(access.rank(guest.author_id()), Role::Owner, "nobody acts on it who may not act on the owner");
        assert_eq!(&*access.claims(&owner), [guest.author_id().clone()]);
        // Another name for a room, for a while.
        let name = RoomId::parse("another name").expect("a room id");
        let named = vec![(name.clone(), Some(room.clone()))];
        assert!(access.take(Control { rev: 5, roles, room_aliases: named, ..Control::default() }));
        assert_eq!((access.resolve(&name), access.resolve(&room)), (room.clone(), room.clone()));
        assert!(access.is_alias(&name) && !access.is_alias(&room));
        assert_eq!(
            access.admit(&owner, &name, Utc::now()),
            Err(Refusal::Overloaded),
            "who comes again is in that room"
        );
        assert_eq!(access.admit(&owner, &room, Utc::now()), Ok(()));
        assert!(access.take(Control { rev: 6, room_aliases: vec![(name.clone(), None)], ..Control::default() }));
        assert_eq!((access.resolve(&name), access.is_alias(&name)), (name.clone(), false));
    }

    #[test]
    fn a_further_device_is_the_first_one() {
        let access = Access::new(IdentityKey::new(b"key"));
        let [first, second, other] = ["first", "second", "other"].map(AuthorId::from_stored);
        let aliases = vec![(second.clone(), first.clone())];
        assert!(access.take(Control { rev: 1, bans: vec![ban(1, "second")], aliases, ..Control::default() }));
        let room = RoomId::parse("post").expect("a room id");
        let principal = Principal::anonymous(first.clone());
        let ids = [&first, &second, &other].map(|id| access.acting_as(id.clone()));
        assert_eq!(ids, [first.clone(), first, other.clone()]);
        assert!(access.is_own(&principal, &second) && !access.is_own(&principal, &other));
        assert_eq!((&*access.claims(&principal), access.n_aliases()), (&[second.clone()][..], 1));
        assert!(access.ban(&principal, &room, Utc::now()).is_some(), "a ban of one holds for both");
        let before = Principal::anonymous(second);
        assert_eq!(access.admit(&before, &room, Utc::now()), Err(Refusal::Overloaded), "it joins anew");
    }
}
