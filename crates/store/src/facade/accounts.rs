//! Accounts with a password.

use std::sync::Arc;

use chrono::TimeDelta;
use futures_util::FutureExt;
use uuid::Uuid;

use super::{
    Backend, Store,
    management::{listing, managing},
};
use crate::{
    error::StoreError,
    management::{
        self, Account, AccountSeen, CodeKind, Device, DeviceCode, DeviceCodeMade, DeviceJoined, EmailConfirmed, Invite,
        InviteUse, LoginSeen, NewAccount, NewInvite, NewLogin, ProfileChange, Refreshed, Registered, SignedIn,
        StoredKey, TeamChange, TeamOrder, VerifiedUser,
    },
};
use chat_domain::{AuthorId, AvatarName, ChatMessage, Nickname, Role, RoomId, UserId};

impl Store {
    /// Makes an account and its first login.
    pub async fn register(
        &self,
        id: UserId,
        account: NewAccount,
        by: InviteUse,
        login: NewLogin,
    ) -> Result<Registered, StoreError> {
        managing!(self, |c, statements| statements::register(c, id, account, by, login))
    }

    /// Whether no owner has a password yet.
    pub async fn needs_setup(&self) -> Result<bool, StoreError> {
        managing!(self, |c, statements| statements::needs_setup(c))
    }

    /// Makes a code by which the first owner gets mail and password; false where one has them.
    pub async fn setup_code(
        &self,
        code: (String, String),
        named: (Nickname, AvatarName),
        tries_and_validity: (i32, TimeDelta),
    ) -> Result<bool, StoreError> {
        managing!(self, |c, statements| statements::setup_code(c, code, named, tries_and_validity))
    }

    /// Gives the first owner mail and password, by a code. [`Registered::BadInvite`] where the code is not good.
    pub async fn set_up(
        &self,
        code: (String, String),
        account: NewAccount,
        login: NewLogin,
    ) -> Result<Registered, StoreError> {
        managing!(self, |c, statements| statements::set_up(c, code, account, login))
    }

    /// An account that is not shut out.
    pub async fn account(&self, id: UserId) -> Result<Option<Account>, StoreError> {
        managing!(self, |c, statements| statements::account(c, id))
    }

    /// The account with this address, which is in lower case.
    pub async fn account_by_email(&self, email: String) -> Result<Option<Account>, StoreError> {
        managing!(self, |c, statements| statements::account_by_email(c, email))
    }

    /// Changes what somebody is called, looks like or reads. `None` where they are gone.
    pub async fn change_profile(&self, id: UserId, change: ProfileChange) -> Result<Option<Account>, StoreError> {
        managing!(self, |c, statements| statements::change_profile(c, id, change))
    }

    /// Sets another password in the place of this one (both as they are kept); all logins end but one. Whether it was
    /// still that one.
    pub async fn change_password(
        &self,
        id: UserId,
        old_and_new: (String, String),
        keeps: Uuid,
    ) -> Result<bool, StoreError> {
        managing!(self, |c, statements| statements::change_password(c, id, old_and_new, keeps))
    }

    /// Sets a password by a code; all logins end. Whether the code was good.
    pub async fn reset_password(&self, code: (String, String), password_hash: String) -> Result<bool, StoreError> {
        managing!(self, |c, statements| statements::reset_password(c, code, password_hash))
    }

    /// Signs somebody in whose password was right; none where they were shut out meanwhile.
    pub async fn log_in(&self, user: UserId, login: NewLogin) -> Result<Option<SignedIn>, StoreError> {
        managing!(self, |c, statements| statements::log_in(c, user, login))
    }

    /// Whose login this is, unless it was ended.
    pub async fn login_by_id(&self, id: Uuid) -> Result<Option<SignedIn>, StoreError> {
        managing!(self, |c, statements| statements::login_by_id(c, id))
    }

    /// Renews a login: what renewed it is used up, and its successor takes its place.
    pub async fn refresh_login(
        &self,
        hash_and_successor: (String, String),
        validity_and_replay: (TimeDelta, TimeDelta),
    ) -> Result<Refreshed, StoreError> {
        managing!(self, |c, statements| statements::refresh(c, hash_and_successor, validity_and_replay))
    }

    /// Ends this login of somebody, or all but one; how many.
    pub async fn end_logins(
        &self,
        user: UserId,
        one_and_but: (Option<Uuid>, Option<Uuid>),
    ) -> Result<usize, StoreError> {
        managing!(self, |c, statements| statements::end_logins_of(c, user, one_and_but))
    }

    /// The logins of somebody that live, the newest first.
    pub async fn logins(&self, user: UserId) -> Result<Vec<LoginSeen>, StoreError> {
        managing!(self, |c, statements| statements::logins(c, user))
    }

    /// The logins that were ended above this `control_rev`, and where that is now.
    pub async fn ended_logins(&self, known: i64) -> Result<(i64, Vec<Uuid>), StoreError> {
        managing!(self, |c, statements| statements::ended_logins(c, known))
    }

    /// Makes a code of somebody, and of a login of theirs.
    pub async fn add_code(
        &self,
        code: (String, String),
        kind: CodeKind,
        of: (UserId, Option<Uuid>),
        tries_and_validity: (i32, TimeDelta),
    ) -> Result<(), StoreError> {
        managing!(self, |c, statements| statements::add_code(c, code, kind, of, tries_and_validity))
    }

    /// Whose ticket this was; it is used up.
    pub async fn use_ticket(&self, name: String, hash: String) -> Result<Option<SignedIn>, StoreError> {
        managing!(self, |c, statements| statements::use_ticket(c, name, hash))
    }

    /// The keys that are good, the newest first; this one where there is none yet.
    pub async fn signing_keys(&self, first: StoredKey) -> Result<Vec<StoredKey>, StoreError> {
        managing!(self, |c, statements| statements::signing_keys(c, first))
    }

    /// Another key in the place of all before it; how many those were.
    pub async fn rotate_keys(&self, new: StoredKey) -> Result<usize, StoreError> {
        managing!(self, |c, statements| statements::rotate_keys(c, new))
    }

    /// Makes an invite.
    pub async fn add_invite(&self, new: NewInvite) -> Result<Invite, StoreError> {
        managing!(self, |c, statements| statements::add_invite(c, new))
    }

    /// The invites that somebody may still come by, the newest first.
    pub async fn invites(&self) -> Result<Vec<Invite>, StoreError> {
        managing!(self, |c, statements| statements::invites(c))
    }

    /// An invite, where somebody may still come by it.
    pub async fn open_invite(&self, id: Uuid) -> Result<Option<Invite>, StoreError> {
        managing!(self, |c, statements| statements::open_invite(c, id))
    }

    /// Takes an invite back; whether it was there.
    pub async fn remove_invite(&self, id: Uuid) -> Result<bool, StoreError> {
        managing!(self, |c, statements| statements::remove_invite(c, id))
    }

    /// The accounts, the newest first, before this one, with this text in their name or address.
    pub async fn accounts(
        &self,
        before_and_text: (Option<UserId>, Option<String>),
        limit: i64,
    ) -> Result<Vec<AccountSeen>, StoreError> {
        listing!(self, before_and_text, |c, statements| statements::accounts(c, before_and_text, limit))
    }

    /// An account, shut out or not.
    pub async fn account_seen(&self, id: UserId) -> Result<Option<AccountSeen>, StoreError> {
        managing!(self, |c, statements| statements::account_seen(c, id))
    }

    /// Makes somebody something else, in the name of this one, who has this rank; none for the operator.
    pub async fn change_team(
        &self,
        id: UserId,
        order: TeamOrder,
        by: (AuthorId, Option<Role>),
    ) -> Result<TeamChange, StoreError> {
        managing!(self, |c, statements| statements::change_team(c, id, order, by))
    }

    /// Somebody takes a browser's identity over; whose it is by then. None where they have [`crate::CLAIMS_MAX`] already.
    pub async fn claim(&self, author: AuthorId, user: UserId) -> Result<Option<UserId>, StoreError> {
        managing!(self, |c, statements| statements::claim(c, author, user))
    }

    /// Makes a code by which another device acts as whoever this is. The one before is over with that.
    pub async fn add_device_code(
        &self,
        code: DeviceCode,
        tries_and_validity: (i32, TimeDelta),
    ) -> Result<DeviceCodeMade, StoreError> {
        managing!(self, |c, statements| statements::add_device_code(c, code, tries_and_validity))
    }

    /// This device acts from now on as whoever made the code.
    pub async fn join_device(&self, device: AuthorId, code: (String, String)) -> Result<DeviceJoined, StoreError> {
        managing!(self, |c, statements| statements::join_device(c, device, code))
    }

    /// The further devices that act as this one now.
    pub async fn devices_of(&self, of: AuthorId) -> Result<Vec<Device>, StoreError> {
        listing!(self, |c, statements| statements::devices_of(c, of.clone()))
    }

    /// A further device acts as somebody who is nobody yet; what it wrote stays with whom it acted as. Whether it was a
    /// device of theirs.
    pub async fn remove_device(&self, of: AuthorId, device: AuthorId, fresh: AuthorId) -> Result<bool, StoreError> {
        managing!(self, |c, statements| statements::remove_device(c, of, device, fresh))
    }

    /// An address is an account's, and confirmed, where that has the address and what is kept of the password that it had.
    pub async fn confirm_email(
        &self,
        id: UserId,
        has: (String, String),
        new: String,
    ) -> Result<EmailConfirmed, StoreError> {
        managing!(self, |c, statements| statements::confirm_email(c, id, has, new))
    }

    /// The identities that somebody has taken over.
    pub async fn claims_of(&self, user: UserId) -> Result<Vec<AuthorId>, StoreError> {
        managing!(self, |c, statements| statements::claims_of(c, user))
    }

    /// Notes what a blog says of one of its own users.
    pub async fn note_verified(&self, user: VerifiedUser) -> Result<(), StoreError> {
        managing!(self, |c, statements| statements::note_verified(c, user))
    }

    /// What is no message and names these authors, named them or was done to them, does so no more. `removed` are messages
    /// whose kept texts go.
    pub async fn erase_traces(
        &self,
        authors: Vec<AuthorId>,
        removed: Vec<i64>,
        with_texts: bool,
    ) -> Result<(), StoreError> {
        managing!(self, |c, statements| statements::erase_traces(c, authors, removed, with_texts))
    }

    /// Forgets what a blog has called one of its own users; whether there was such a one.
    pub async fn erase_verified(&self, site: String, subject: String) -> Result<bool, StoreError> {
        managing!(self, |c, statements| statements::erase_verified(c, site, subject))
    }

    /// Writes over what was erased, where the database would keep it beside its file for a while. Whether that is done;
    /// somebody who reads may be in the way for a moment.
    pub async fn scrub(&self) -> Result<bool, StoreError> {
        let inner = Arc::clone(&self.0);
        let scrubbing = async move {
            match &inner.backend {
                // Nothing that was erased is in a dump; its pages are written over with the next vacuum.
                Backend::Postgres(_) => Ok(true),
                Backend::Sqlite(sqlite) => sqlite.scrub().await,
            }
        };
        self.spawn(scrubbing).await
    }

    /// What an author wrote under a name that is still there: room and id.
    pub async fn named_messages_of(&self, author: AuthorId, limit: usize) -> Result<Vec<(RoomId, i64)>, StoreError> {
        listing!(self, author, |c, statements| statements::named_of(c, author, limit))
    }

    /// The messages of an author whose text a moderator has deleted, and which can still be brought back.
    pub async fn removed_texts_of(&self, author: AuthorId) -> Result<Vec<i64>, StoreError> {
        listing!(self, author, |c, statements| statements::removed_of(c, author))
    }

    /// The rooms behind this one in which any of these authors has messages that are not deleted, in the order of their
    /// names.
    pub async fn rooms_written(
        &self,
        authors: Vec<AuthorId>,
        after: Option<RoomId>,
        limit: usize,
    ) -> Result<Vec<RoomId>, StoreError> {
        listing!(self, authors, after, |c, statements| statements::rooms_written(c, authors, after, limit))
    }

    /// What these authors wrote in a room behind this place and is not deleted, in order.
    pub async fn written_in(
        &self,
        room: RoomId,
        authors: Vec<AuthorId>,
        after: i64,
        limit: usize,
    ) -> Result<Vec<ChatMessage>, StoreError> {
        listing!(self, room, authors, |c, statements| statements::written_in(c, room, authors, after, limit))
    }

    /// Forgets who somebody is, and gives them this name. False for the last owner, who stays. In the same transaction a job
    /// is added: its kind, and its subject.
    pub async fn erase_account(
        &self,
        id: UserId,
        name: Nickname,
        job: (&'static str, String),
    ) -> Result<bool, StoreError> {
        managing!(self, |c, statements| statements::erase_account(c, id, name, job))
    }
}
