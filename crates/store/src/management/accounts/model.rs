use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use crate::management::model::User;
use chat_domain::{AuthorId, AvatarName, Nickname, Role};

/// Somebody signed in, and by which login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedIn {
    /// The login.
    pub login: Uuid,
    /// Whose it is.
    pub user: User,
}

/// A login that is to be made, and what renews it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewLogin {
    /// Its id.
    pub id: Uuid,
    /// What the browser calls itself, at most 200 characters.
    pub user_agent: String,
    /// A keyed hash of what renews it.
    pub refresh_hash: String,
    /// How long it is renewed where nobody uses it.
    pub valid: TimeDelta,
}

/// An account that is to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAccount {
    /// The mail address, in lower case.
    pub email: String,
    /// What is kept of the password.
    pub password_hash: String,
    /// What they are called.
    pub nickname: Nickname,
    /// Their picture; the derived one where they chose none.
    pub avatar: AvatarName,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Registered {
    /// It is there, and signed in.
    Made(SignedIn),
    /// Somebody has this address.
    EmailTaken,
    /// The invite is used up, over, or was taken back; or the code is not good any more.
    BadInvite,
}

/// Who somebody with an account is to themselves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Who it is.
    pub user: User,
    /// Their mail address; none where they sign in by codes alone.
    pub email: Option<String>,
    /// What is kept of their password.
    pub password_hash: Option<String>,
    /// Whether whoever reads what is sent to that address has said so.
    pub email_is_confirmed: bool,
    /// The language they chose.
    pub locale: Option<String>,
    /// Since when.
    pub created_at: DateTime<Utc>,
}

/// What became of an address that somebody has confirmed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EmailConfirmed {
    /// It is theirs.
    Done,
    /// There is no such account any more, or it has another address or password than it had.
    Over,
    /// Somebody else has it by now.
    Taken,
}

/// What is to be changed of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ProfileChange {
    /// Another name.
    pub nickname: Option<Nickname>,
    /// Another picture.
    pub avatar: Option<AvatarName>,
    /// Another language.
    pub locale: Option<String>,
}

/// A login as its owner sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoginSeen {
    /// Its id.
    pub id: Uuid,
    /// What the browser calls itself.
    pub user_agent: String,
    /// Since when.
    pub created_at: DateTime<Utc>,
    /// When it was last renewed or used for a socket.
    pub last_seen_at: Option<DateTime<Utc>>,
}

/// What became of the renewal of a login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refreshed {
    /// It is renewed: by the successor, whether this was the first use or a replay right after it.
    Renewed(SignedIn),
    /// There is nothing of this kind, or it is over.
    Wrong,
    /// It was used before, and not just now: somebody has a copy. The login is ended.
    Stolen,
}

/// What a code is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CodeKind {
    /// Signs in.
    SignIn,
    /// Gives the first owner mail and password.
    Setup,
    /// Sets a password.
    Reset,
    /// Opens a socket.
    Ticket,
}

impl CodeKind {
    pub(crate) const fn number(self) -> i16 {
        match self {
            Self::SignIn => 0,
            Self::Setup => 1,
            Self::Reset => 2,
            Self::Ticket => 3,
        }
    }
}

/// An invite that is to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewInvite {
    /// Its id.
    pub id: Uuid,
    /// What whoever comes by it becomes.
    pub role: Role,
    /// How many may come.
    pub uses: i32,
    /// For how long.
    pub valid: TimeDelta,
    /// Who invites.
    pub by: AuthorId,
}

/// An invite.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invite {
    /// Its id.
    pub id: Uuid,
    /// What whoever comes by it becomes.
    pub role: Role,
    /// How many may still come.
    pub uses_left: i32,
    /// Until when.
    pub expires_at: DateTime<Utc>,
}

/// How somebody may register.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InviteUse {
    /// By an invite, whose role they get.
    By(Uuid),
    /// Everybody may.
    Open,
}

/// A key that signs.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredKey {
    /// Its name in tokens.
    pub kid: String,
    /// The key.
    pub secret: Vec<u8>,
}

impl std::fmt::Debug for StoredKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "StoredKey({})", self.kid)
    }
}

/// Somebody with an account as those see them who keep the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountSeen {
    /// Who it is.
    pub user: User,
    /// Their mail address.
    pub email: Option<String>,
    /// Since when.
    pub created_at: DateTime<Utc>,
    /// Since when they are shut out.
    pub disabled_at: Option<DateTime<Utc>>,
}

/// What somebody is to become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TeamOrder {
    /// This.
    Role(Role),
    /// Shut out, or let in again.
    Disabled(bool),
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TeamChange {
    /// It is so.
    Done(AccountSeen),
    /// There is nobody of this id.
    NotFound,
    /// Who asks has no rank for it.
    Forbidden,
    /// There must be an owner.
    LastOwner,
}

/// What a blog says of one of its own users.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedUser {
    /// The blog, as it calls itself.
    pub site: String,
    /// What the blog calls them.
    pub subject: String,
    /// What everybody calls them.
    pub nickname: Nickname,
    /// Their picture.
    pub avatar: AvatarName,
}

/// A code by which another device acts as this one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceCode {
    /// What names its row.
    pub name: String,
    /// A keyed hash of it.
    pub hash: String,
    /// The identity that whoever has it acts as.
    pub author: AuthorId,
    /// What they are called there, for the other device to be called so too.
    pub nickname: Nickname,
    /// Their picture.
    pub avatar: AvatarName,
}

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceCodeMade {
    /// It is good from now on.
    Made,
    /// Another one is open under its name: try another.
    NameTaken,
    /// The identity is an account's, which signs in instead.
    Claimed,
    /// As many are open as there may be.
    Full,
}

/// A further device of somebody without an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// Its own public id.
    pub id: AuthorId,
    /// Since when it acts as them; not known of those of an earlier release.
    pub joined_at: Option<DateTime<Utc>>,
}

/// What became of a device that was to act as another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeviceJoined {
    /// It does now.
    Made {
        /// As which identity.
        author: AuthorId,
        /// What they are called.
        nickname: Nickname,
        /// Their picture.
        avatar: AvatarName,
    },
    /// They were the same before: nothing has changed, and the code is still good.
    Same(AuthorId),
    /// There is no such code, or it is over, or this was not it.
    Wrong,
    /// One of the two is an account's.
    Claimed,
    /// As many devices act as one as may.
    TooMany,
}
