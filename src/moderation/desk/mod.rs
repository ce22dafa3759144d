mod bans;
mod console;
mod held;
mod raids;
mod reports;
mod rooms;
mod settings;
mod undo;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use actix::{Addr, clock};
use chrono::Utc;
use uuid::Uuid;

pub use self::console::PersonKnown;
pub use self::held::{Decision, SETTLED_MAX};
use super::{
    activity::Counted,
    code::{OneTimeCode, new_token},
    report_limit::ReportLimit,
};
use chat_domain::{
    Action, Author, AuthorId, AvatarName, IdentityKey, NetworkKey, NewChange, Nickname, Rights, Role, RoomId,
};
use chat_moderation::SettingsError;
use chat_rooms::{Access, BusPort, CheckHeads, Moderated, Outgoing, RoomRegistry, Said, Seen, Sightings, Understood};
use chat_store::{ChangeOutcome, CodeUse, Login, SignedIn, Store, StoreError, User};

/// How long something that is asked for here may take, the wait for the database included.
const WORK_MAX: Duration = Duration::from_secs(10);
/// A reason has so many characters, as its column.
const REASON_CHARS_MAX: usize = 500;
/// How often a change is tried whose room's `guard_rev` goes up meanwhile.
const TRIES: usize = 5;
/// Of so many people the network is remembered that they last came from.
const NETWORKS_MAX: usize = 50_000;

/// Where whoever keeps order is served. Cheap to clone.
#[derive(Clone)]
pub struct Desk(Arc<Inner>);

struct Inner {
    store: Store,
    access: Access,
    key: IdentityKey,
    registry: Addr<RoomRegistry>,
    bus: BusPort,
    /// Whether every living server goes by what is decided here.
    understood: Understood,
    /// Whether every living server reaches rooms by their other names.
    names_understood: Understood,
    /// Whether every living server knows which identities act as another one.
    aliases_understood: Understood,
    /// Where it says that somebody keeps order.
    sightings: Sightings,
    reports: ReportLimit,
    /// The network that somebody last came from: for a ban of the network as well.
    networks: Mutex<HashMap<AuthorId, NetworkKey>>,
    /// How much was written when, as it was counted last. Held by the one that counts: the others wait for that.
    overview: tokio::sync::Mutex<Option<Counted>>,
}

/// Somebody who wants something done with a right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// As everybody sees them.
    pub author: Author,
    /// What they are: one acts on lower ranks only.
    pub role: Role,
    /// What they may do: all that their role allows, or less where they came by a key.
    pub rights: Rights,
}

impl Actor {
    /// Somebody who may do all that their role allows.
    pub fn of(author: Author, role: Role) -> Self {
        Self { author, role, rights: role.rights() }
    }

    /// Whether they may do this.
    pub fn may(&self, right: Rights) -> bool {
        self.rights.has(right)
    }
}

/// Somebody signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    /// The secret of the login.
    pub token: String,
    /// Whose it is.
    pub user: User,
}

/// Whom to shut out, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BanOrder {
    /// Where; none for all rooms.
    pub room: Option<RoomId>,
    /// Whom.
    pub author: AuthorId,
    /// For how long; none for good.
    pub seconds: Option<u32>,
    /// What they wrote within so long is deleted as well.
    pub delete_seconds: u32,
    /// Why.
    pub reason: String,
    /// Whether all from the same network are shut out too.
    pub with_network: bool,
}

/// Why something is not done.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Refused {
    /// No right to it, or the other one's rank is not lower.
    #[error("only those with the right may do this, and not to who has the same rank or a higher one")]
    Forbidden,
    /// There is no such message, ban or entry.
    #[error("there is nothing of this name")]
    NotFound,
    /// A setting that cannot be.
    #[error("{0}")]
    Settings(SettingsError),
    /// Somebody else has changed the settings meanwhile.
    #[error("somebody else has changed the settings meanwhile: look at them again")]
    Conflict,
    /// A reason is too long.
    #[error("a reason has at most 500 characters, and no controls")]
    Reason,
    /// Too often.
    #[error("too many reports in too short a time")]
    TooFast(Duration),
    /// It was undone before.
    #[error("it was undone before")]
    AlreadyUndone,
    /// The name has messages, or leads to another room.
    #[error("the name has messages, or leads to another room")]
    Taken,
    /// It was changed since.
    #[error("what was done was changed since, so it cannot be undone")]
    ChangedSince,
    /// A server of an earlier release lives, which would let through what this forbids.
    #[error("a server of an earlier release still runs, which would not go by this; try again once it is gone")]
    OldServer,
    /// The database does not answer, or something is locked: nothing is known to be done.
    #[error("the database is away; nothing is known to be done, try again")]
    Unavailable,
}

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Self {
        log::warn!("something that was to keep order could not be stored: {error}");
        Self::Unavailable
    }
}

impl Desk {
    /// A desk for this chat.
    pub fn new(
        (store, access, key): (Store, Access, IdentityKey),
        registry: Addr<RoomRegistry>,
        bus: BusPort,
        (understood, names_understood, aliases_understood): (Understood, Understood, Understood),
        sightings: Sightings,
    ) -> Self {
        let (reports, networks, overview) = Default::default();
        Self(Arc::new(Inner {
            store,
            access,
            key,
            registry,
            bus,
            understood,
            names_understood,
            aliases_understood,
            sightings,
            reports,
            networks,
            overview,
        }))
    }

    /// What concerns all rooms.
    pub fn access(&self) -> &Access {
        &self.0.access
    }

    /// Notes where somebody comes from.
    pub fn came_from(&self, author: &AuthorId, network: NetworkKey) {
        let mut networks = self.0.networks.lock().unwrap_or_else(PoisonError::into_inner);
        // Who was noted long ago is forgotten with all others of then: whoever is here is noted again with the next join.
        if networks.len() >= NETWORKS_MAX && !networks.contains_key(author) {
            networks.clear();
        }
        networks.insert(author.clone(), network);
    }

    /// Where somebody last came from on this server, as far as that is remembered.
    pub fn network_of(&self, author: &AuthorId) -> Option<NetworkKey> {
        self.0.networks.lock().unwrap_or_else(PoisonError::into_inner).get(author).copied()
    }

    /// Somebody who keeps order is in a room, or does something there: for a while it is looked after.
    pub fn attended(&self, room: &RoomId) {
        self.0.sightings.say(room, || Seen::Moderator);
    }

    // Who somebody is.

    /// Signs in by a one-time code. `None` where it is not one.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn sign_in(&self, code: &OneTimeCode, user_agent: &str) -> Result<Option<Signed>, Refused> {
        let token = new_token();
        let login = Login {
            id: Uuid::now_v7(),
            token_hash: self.0.key.hash_of(&token),
            user_agent: user_agent.chars().filter(|c| !c.is_control()).take(200).collect(),
        };
        let using = self.0.store.use_code(code.name().to_owned(), code.hash(&self.0.key), login);
        match self.bounded(using).await? {
            CodeUse::Made(user) => {
                // The role may be as new as the account.
                self.refresh().await;
                Ok(Some(Signed { token, user }))
            }
            CodeUse::Wrong => Ok(None),
        }
    }

    /// Whose secret this is; `None` where it is nobody's.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn signed_in(&self, token: &str) -> Result<Option<SignedIn>, Refused> {
        if token.len() > 128 {
            return Ok(None);
        }
        self.bounded(self.0.store.login(self.0.key.hash_of(token))).await
    }

    /// Ends a login; whether it lived.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn sign_out(&self, token: &str) -> Result<bool, Refused> {
        let lived = self.bounded(self.0.store.revoke_login(self.0.key.hash_of(token))).await?;
        if lived {
            self.changed(None).await;
        }
        Ok(lived)
    }

    /// Somebody with an account as one who acts.
    pub fn actor(&self, user: &User) -> Actor {
        let id = self.0.key.user_author_id(user.id);
        let role = self.0.access.role_of(user.id);
        let (nickname, avatar) = (user.nickname.clone(), user.avatar);
        Actor::of(Author { id, nickname, avatar, badge: role.badge() }, role)
    }

    /// Whoever has the token of the settings: the operator, who may all.
    pub fn operator() -> Actor {
        let id = AuthorId::from_stored("operator");
        let (nickname, avatar) = (Nickname::from_stored("operator".to_owned()), AvatarName::derived_from(&id));
        Actor::of(Author { id, nickname, avatar, badge: Role::Owner.badge() }, Role::Owner)
    }

    /// Whether what is forbidden here is forbidden everywhere.
    fn holds_everywhere(&self) -> Result<(), Refused> {
        if self.0.understood.by_all() { Ok(()) } else { Err(Refused::OldServer) }
    }

    /// Whether every living server knows which identities act as another one.
    pub fn knows_aliases_everywhere(&self) -> bool {
        self.0.aliases_understood.by_all()
    }

    /// Whether somebody may act with a right, and on this person.
    fn may(&self, actor: &Actor, right: Rights, on: Option<&AuthorId>) -> Result<(), Refused> {
        let is_lower = on.is_none_or(|on| actor.role.acts_on(self.0.access.rank(on)));
        if actor.may(right) && is_lower { Ok(()) } else { Err(Refused::Forbidden) }
    }

    // Messages.

    /// Deletes what somebody else wrote.
    ///
    /// # Errors
    /// See [`Refused`].
    pub async fn delete(&self, actor: &Actor, room: &RoomId, id: i64) -> Result<(), Refused> {
        let message = self.bounded(self.0.store.message(room, id)).await?.ok_or(Refused::NotFound)?;
        self.may(actor, Rights::DELETE_ANY, Some(&message.author.id))?;
        self.attended(room);
        self.change(actor, room, &[id], &Action::Delete { as_moderator: true }).await.map(drop)
    }

    /// Does the same to messages of a room, whether it lives or not: it finds it as it finds what other servers did.
    async fn change(
        &self,
        actor: &Actor,
        room: &RoomId,
        ids: &[i64],
        action: &Action,
    ) -> Result<Vec<ChangeOutcome>, Refused> {
        for _ in 0..TRIES {
            let guard_rev = self.bounded(self.0.store.head(room)).await?.guard_rev;
            let command = |message: &i64| {
                let (room, author, client_id) = (room.clone(), actor.author.id.clone(), Uuid::new_v4());
                let (message, also, action) = (*message, Arc::default(), action.clone());
                Arc::new(NewChange { room, message, author, also, client_id, guard_rev, action })
            };
            let outcomes = self.bounded(self.0.store.change_batch(ids.iter().map(command).collect())).await?;
            let is_again = |o: &ChangeOutcome| matches!(o, ChangeOutcome::GuardChanged | ChangeOutcome::Locked);
            if outcomes.iter().any(is_again) {
                continue;
            }
            self.look(vec![room.clone()]);
            return Ok(outcomes);
        }
        Err(Refused::Unavailable)
    }

    // How others hear of it.

    /// Something has changed that concerns who may do what: this server goes by it at once, the others soon.
    pub async fn changed(&self, room: Option<&RoomId>) {
        self.refresh().await;
        self.look(room.cloned().into_iter().collect());
        let any = || RoomId::parse("-").ok();
        if let Some(room) = room.cloned().or_else(any) {
            self.0.bus.say(Outgoing { room, said: Said::Control });
        }
    }

    async fn refresh(&self) {
        if let Err(error) = self.0.access.refresh(&self.0.store).await {
            log::debug!("what concerns all rooms could not be read, and is with the next poll: {error}");
        }
    }

    /// Rooms look at the database now.
    fn look(&self, rooms: Vec<RoomId>) {
        // With the next poll otherwise.
        let _ = self.0.registry.try_send(CheckHeads(rooms));
    }

    fn done(&self, entry: i64, action: &'static str, actor: &Actor, target: Option<AuthorId>) -> Moderated {
        Moderated { entry, action, at: Utc::now(), by: actor.author.clone(), target, message: None, client_id: None }
    }

    /// Whatever the database does: nobody waits for ever.
    async fn bounded<T>(&self, work: impl Future<Output = Result<T, StoreError>>) -> Result<T, Refused> {
        match clock::timeout(WORK_MAX, work).await {
            Ok(done) => Ok(done?),
            Err(_) => Err(Refused::Unavailable),
        }
    }
}

/// A reason as somebody gives it.
fn reason(text: &str) -> Result<String, Refused> {
    let text = text.trim();
    let is_fine = text.chars().count() <= REASON_CHARS_MAX && !text.chars().any(|c| c.is_control() && c != '\n');
    if is_fine { Ok(text.to_owned()) } else { Err(Refused::Reason) }
}
