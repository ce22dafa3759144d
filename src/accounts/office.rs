use std::{
    net::IpAddr,
    sync::{
        Arc, Mutex, PoisonError, RwLock,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    time::{Duration, Instant},
};

use actix::{Recipient, clock};
use chat_accounts::{ACCESS_VALID, Attempts, BadToken, Keys, RefreshToken, SigningKey, Sites, Ticket, new_key};
use chrono::{TimeDelta, Utc};
use tokio::sync::watch;
use uuid::Uuid;

use super::{
    error::AccountError,
    hasher::Hasher,
    live::{LiveLogin, LiveLogins, LoginEnded},
    verified::SiteUsers,
};
use crate::moderation::{Actor, CODE_TRIES, Desk, OneTimeCode};
use chat_domain::{Author, AvatarName, IdentityKey, NetworkKey, Nickname, UserId};
use chat_store::{NewLogin, SignedIn, Store, StoreError, StoredKey, User};

/// How long something that is asked for here may take, the wait for the database included.
const WORK_MAX: Duration = Duration::from_secs(10);
/// How long the link is good by which the first owner is set up (people.md, section 4).
const SETUP_VALID: TimeDelta = TimeDelta::minutes(15);

/// Who may make themselves an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Registration {
    /// Who is invited.
    Invite,
    /// Everybody.
    Open,
    /// Nobody.
    Closed,
}

impl Registration {
    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Invite => "invite",
            Self::Open => "open",
            Self::Closed => "closed",
        }
    }
}

/// What the settings say of accounts.
#[derive(Debug, Clone)]
pub struct AccountSettings {
    /// Who may register.
    pub registration: Registration,
    /// Whether guesses are counted.
    pub is_limited: bool,
    /// The blogs whose own users are believed.
    pub sites: Sites,
}

/// A login as whoever has it gets it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Whose it is.
    pub signed: SignedIn,
    /// Proves it for ten minutes.
    pub access: String,
    /// Renews it, once.
    pub refresh: RefreshToken,
}

/// Where accounts are served. Cheap to clone.
#[derive(Clone)]
pub struct Accounts(pub(super) Arc<Inner>);

pub(super) struct Inner {
    pub store: Store,
    pub key: IdentityKey,
    pub desk: Desk,
    pub settings: AccountSettings,
    pub hasher: Hasher,
    pub site_users: SiteUsers,
    keys: RwLock<Keys>,
    live: LiveLogins,
    /// Who guesses: at the account with this mail address, by its hash, and from this network.
    guesses: Mutex<(Attempts<String>, Attempts<NetworkKey>)>,
    /// Once an owner has a password, one has.
    is_set_up: AtomicBool,
    /// `meta.control_rev` of what is known of ended logins.
    ended_rev: AtomicI64,
}

/// Random bytes; where the system gives none nothing can be made that is a secret.
pub(super) fn random<const N: usize>() -> Result<[u8; N], AccountError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|_| AccountError::Unavailable)?;
    Ok(bytes)
}

/// A key that signs from now on.
pub fn rotated_key() -> Option<StoredKey> {
    Some(StoredKey { kid: Uuid::now_v7().simple().to_string(), secret: new_key()? })
}

/// Makes a code by which the first owner gets mail and password; none where one has them.
///
/// # Errors
/// Where the database does not answer.
pub async fn setup_code(store: &Store, key: &IdentityKey) -> Result<Option<String>, StoreError> {
    let code = OneTimeCode::random();
    let avatar = AvatarName::derived_from(&key.user_author_id(UserId::from_uuid(Uuid::nil())));
    let named = (Nickname::from_stored("Owner".to_owned()), avatar);
    let proof = (code.name().to_owned(), code.hash(key));
    let made = store.setup_code(proof, named, (CODE_TRIES, SETUP_VALID)).await?;
    Ok(made.then(|| code.to_string()))
}

impl Accounts {
    /// Accounts of this chat.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn new(
        store: Store,
        key: IdentityKey,
        desk: Desk,
        settings: AccountSettings,
    ) -> Result<Self, StoreError> {
        // Nothing lives yet that could have ended.
        let (rev, _) = store.ended_logins(i64::MAX).await?;
        let (hasher, keys, live, guesses, is_set_up) = Default::default();
        let ended_rev = AtomicI64::new(rev);
        let site_users = SiteUsers::new(settings.sites.clone());
        let inner = Inner { store, key, desk, settings, hasher, site_users, keys, live, guesses, is_set_up, ended_rev };
        let accounts = Self(Arc::new(inner));
        accounts.look().await?;
        Ok(accounts)
    }

    /// Tells of each change of what concerns all rooms.
    pub(super) fn changes(&self) -> watch::Receiver<i64> {
        self.0.desk.access().changes()
    }

    /// Reads what may have changed: keys, ended logins.
    pub(super) async fn look(&self) -> Result<(), StoreError> {
        let inner = &self.0;
        self.read_keys().await?;
        let known = inner.ended_rev.load(Ordering::Relaxed);
        let (mut rev, mut ended) = inner.store.ended_logins(known).await?;
        // A database that was put back from a backup.
        if rev < known {
            (rev, ended) = inner.store.ended_logins(0).await?;
        }
        inner.live.end(&ended);
        inner.ended_rev.store(rev, Ordering::Relaxed);
        Ok(())
    }

    async fn read_keys(&self) -> Result<(), StoreError> {
        let broken = || StoreError::Broken("the system gives no random bytes".into());
        let stored = self.0.store.signing_keys(rotated_key().ok_or_else(broken)?).await?;
        let keys = stored.iter().filter_map(|key| SigningKey::from_stored(&key.kid, &key.secret)).collect();
        *self.0.keys.write().unwrap_or_else(PoisonError::into_inner) = Keys::new(keys);
        Ok(())
    }

    /// Something of an account has changed that all servers go by.
    pub(super) async fn changed(&self) {
        self.0.desk.changed(None).await;
    }

    /// Whatever the database does: nobody waits for ever.
    pub(super) async fn bounded<T>(
        &self,
        work: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, AccountError> {
        match clock::timeout(WORK_MAX, work).await {
            Ok(done) => Ok(done?),
            Err(_) => Err(AccountError::Unavailable),
        }
    }

    /// Who may register.
    pub fn registration(&self) -> Registration {
        self.0.settings.registration
    }

    /// Whether no owner has a password yet.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn needs_setup(&self) -> Result<bool, AccountError> {
        if self.0.is_set_up.load(Ordering::Relaxed) {
            return Ok(false);
        }
        let needs = self.bounded(self.0.store.needs_setup()).await?;
        self.0.is_set_up.store(!needs, Ordering::Relaxed);
        Ok(needs)
    }

    /// Somebody with an account as one who acts, with the role that was read together with them: another server may have
    /// given it a moment ago, and this one goes by it elsewhere with its next look only.
    pub fn actor(&self, signed: &SignedIn) -> Actor {
        let User { id, nickname, avatar, role } = signed.user.clone();
        Actor::of(Author { id: self.0.key.user_author_id(id), nickname, avatar, badge: role.badge() }, role)
    }

    // Who it is.

    /// Whose access token this is, or whose secret of a login that a code made; `None` where it is nobody's.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn signed_in(&self, token: &str) -> Result<Option<SignedIn>, AccountError> {
        // The secrets of logins have no dot, and a token has two.
        if !token.contains('.') {
            return Ok(self.0.desk.signed_in(token).await?);
        }
        let check = || {
            let keys = self.0.keys.read().unwrap_or_else(PoisonError::into_inner);
            keys.check(token, Utc::now().timestamp())
        };
        let mut checked = check();
        if checked == Err(BadToken::UnknownKey) {
            // Another server may have made one a moment ago.
            self.bounded(self.read_keys()).await?;
            checked = check();
        }
        let Ok(claims) = checked else { return Ok(None) };
        let signed = self.bounded(self.0.store.login_by_id(claims.lid)).await?;
        Ok(signed.filter(|signed| signed.user.id.as_uuid() == claims.sub))
    }

    /// Whose ticket this is, or whose secret of a login that a code made. A ticket is used up. No access token: it would
    /// end in the memory of a page that another site frames.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn joins(&self, token: &str) -> Result<Option<SignedIn>, AccountError> {
        match Ticket::parse(token) {
            Some(ticket) => {
                let using = self.0.store.use_ticket(ticket.name().to_owned(), ticket.hash(&self.0.key));
                self.bounded(using).await
            }
            None => Ok(self.0.desk.signed_in(token).await?),
        }
    }

    /// A session joins by a login; `None` where that was ended since it was looked at.
    pub fn enter(&self, signed: &SignedIn, session: Recipient<LoginEnded>) -> Option<LiveLogin> {
        self.0.live.enter(signed.login, session)
    }

    // What logins are made of.

    /// A login that is to be made, and what renews it.
    pub(super) fn new_login(&self, user_agent: &str) -> Result<(NewLogin, RefreshToken), AccountError> {
        let refresh = RefreshToken::new(random()?);
        let login = NewLogin {
            id: Uuid::now_v7(),
            user_agent: user_agent.chars().filter(|c| !c.is_control()).take(200).collect(),
            refresh_hash: refresh.hash(&self.0.key),
            valid: chrono_of(chat_accounts::REFRESH_VALID),
        };
        Ok((login, refresh))
    }

    /// A login as whoever has it gets it.
    pub(super) fn session(&self, signed: SignedIn, refresh: RefreshToken) -> Result<Session, AccountError> {
        let now = Utc::now().timestamp();
        let keys = self.0.keys.read().unwrap_or_else(PoisonError::into_inner);
        let access = keys.sign(signed.user.id.as_uuid(), signed.login, now).ok_or(AccountError::Unavailable)?;
        Ok(Session { signed, access, refresh })
    }

    /// How long an access token is good, in seconds.
    pub fn access_seconds() -> u64 {
        ACCESS_VALID.as_secs()
    }

    // Who guesses.

    /// Counts a guess at an account, where one is named, and from an address, before it is known how it ends.
    pub(super) fn guesses(&self, account: Option<&str>, address: IpAddr) -> Result<(), AccountError> {
        if !self.0.settings.is_limited {
            return Ok(());
        }
        let now = Instant::now();
        let mut guesses = self.0.guesses.lock().unwrap_or_else(PoisonError::into_inner);
        let (accounts, addresses) = &mut *guesses;
        addresses.take(self.0.key.network(address), now).map_err(AccountError::TooMany)?;
        account.map_or(Ok(()), |account| accounts.take(self.0.key.hash_of(account), now)).map_err(AccountError::TooMany)
    }

    /// It was none: it was right.
    pub(super) fn guessed_right(&self, account: Option<&str>, address: IpAddr) {
        let mut guesses = self.0.guesses.lock().unwrap_or_else(PoisonError::into_inner);
        let (accounts, addresses) = &mut *guesses;
        addresses.give_back(&self.0.key.network(address));
        if let Some(account) = account {
            accounts.give_back(&self.0.key.hash_of(account));
        }
    }
}

pub(super) fn chrono_of(time: Duration) -> TimeDelta {
    TimeDelta::from_std(time).unwrap_or(TimeDelta::zero())
}
