//! What somebody takes along, and what they leave behind.

use std::{collections::BTreeMap, net::IpAddr};

use chrono::TimeDelta;

use super::{error::AccountError, office::Accounts};
use chat_domain::{AuthorId, ChatMessage, Nickname, Role, RoomId};
use chat_store::{Account, LoginSeen, SignedIn};

/// What somebody is called who is nobody any more.
const NOBODY: &str = "—";
/// Longer than any chat has been there.
const EVER: TimeDelta = TimeDelta::days(36_500);
/// An export has so many messages, the newest: it is read while everybody else reads.
const MESSAGES_MAX: usize = 5_000;
/// So many messages of a room are read at once.
const AT_ONCE_MAX: usize = 100;
/// So many owners are looked for.
const PEOPLE_MAX: i64 = 10_000;

/// All that is known of somebody.
#[derive(Debug, Clone)]
pub struct Export {
    /// Who they are.
    pub account: Account,
    /// Their public id, and those that they have taken over.
    pub authors: Vec<AuthorId>,
    /// Where they are signed in.
    pub logins: Vec<LoginSeen>,
    /// What they wrote, by room.
    pub messages: BTreeMap<RoomId, Vec<ChatMessage>>,
    /// Whether that is all they wrote.
    pub is_complete: bool,
}

impl Accounts {
    /// Under which public ids somebody wrote.
    async fn authors(&self, signed: &SignedIn) -> Result<Vec<AuthorId>, AccountError> {
        let mut authors = vec![self.0.key.user_author_id(signed.user.id)];
        authors.extend(self.claims(signed).await?);
        Ok(authors)
    }

    /// All that is known of somebody. Counts as a guess: it is read beside what everybody reads.
    ///
    /// # Errors
    /// See [`AccountError`].
    pub async fn export(&self, signed: &SignedIn, address: IpAddr) -> Result<Export, AccountError> {
        self.guesses(None, address)?;
        let (account, authors) = (self.account(signed).await?, self.authors(signed).await?);
        let logins = self.logins(signed).await?;
        let mut found = Vec::new();
        for author in &authors {
            let recent = self.0.store.recent_messages_of(author.clone(), None, EVER, MESSAGES_MAX.saturating_add(1));
            found.extend(self.bounded(recent).await?);
        }
        let is_complete = found.len() <= MESSAGES_MAX;
        found.truncate(MESSAGES_MAX);
        let mut ids: BTreeMap<RoomId, Vec<i64>> = BTreeMap::new();
        for (room, id) in found {
            ids.entry(room).or_default().push(id);
        }
        let mut messages = BTreeMap::new();
        for (room, ids) in ids {
            let mut of_room: Vec<ChatMessage> = Vec::new();
            for ids in ids.chunks(AT_ONCE_MAX) {
                of_room.extend(self.bounded(self.0.store.messages(&room, ids)).await?);
            }
            of_room.sort_by_key(|message| message.seq);
            messages.insert(room, of_room);
        }
        Ok(Export { account, authors, logins, messages, is_complete })
    }

    /// Forgets who somebody is, and, where they want that, deletes what they wrote.
    ///
    /// # Errors
    /// [`AccountError::LastOwner`], and see [`AccountError`].
    pub async fn erase(
        &self,
        signed: &SignedIn,
        (password, with_texts): (String, bool),
        address: IpAddr,
    ) -> Result<(), AccountError> {
        self.proved(signed, password, address).await?;
        let authors = self.authors(signed).await?;
        if with_texts {
            // Before the account goes: whoever is told that it did not work asks again.
            self.check_not_last_owner(signed).await?;
            for author in &authors {
                self.0.desk.delete_all_of(author).await?;
            }
        }
        let nobody = Nickname::from_stored(NOBODY.to_owned());
        if !self.bounded(self.0.store.erase_account(signed.user.id, nobody)).await? {
            return Err(AccountError::LastOwner);
        }
        self.bounded(self.0.store.forget_names(authors)).await?;
        self.changed().await;
        Ok(())
    }

    async fn check_not_last_owner(&self, signed: &SignedIn) -> Result<(), AccountError> {
        if signed.user.role != Role::Owner {
            return Ok(());
        }
        let people = self.bounded(self.0.store.accounts((None, None), PEOPLE_MAX)).await?;
        let mut others = people.iter().filter(|seen| seen.user.id != signed.user.id && seen.disabled_at.is_none());
        if others.any(|seen| seen.user.role == Role::Owner) { Ok(()) } else { Err(AccountError::LastOwner) }
    }
}
