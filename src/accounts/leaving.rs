//! What somebody takes along, and what they leave behind.

use std::{net::IpAddr, time::Duration};

use actix::clock;

use super::{
    error::AccountError,
    office::Accounts,
    sweeping::{SWEEP, Sweep},
};
use crate::moderation::Actor;
use chat_domain::{AuthorId, ChatMessage, Nickname, Role, RoomId};
use chat_store::{Account, LoginSeen, SignedIn};

/// So many rooms, and so many messages of one, are read at once: what an export takes in memory.
const ROOMS_AT_ONCE: usize = 100;
const MESSAGES_AT_ONCE: usize = 500;
/// How often it is tried to write over what was erased, and after how long again.
const SCRUBS_MAX: usize = 20;
const SCRUB_AGAIN_AFTER: Duration = Duration::from_millis(100);
/// So many owners are looked for.
const PEOPLE_MAX: i64 = 10_000;

/// What is known of somebody beside what they wrote, and where that is read from.
#[derive(Debug, Clone)]
pub struct Export {
    /// Who they are.
    pub account: Account,
    /// Their public id, and those that they have taken over.
    pub authors: Vec<AuthorId>,
    /// Where they are signed in.
    pub logins: Vec<LoginSeen>,
    /// What they wrote, page by page.
    pub pages: ExportPages,
}

/// What somebody wrote, read a page at a time: by room, in the order of the rooms' names and of their places.
#[derive(Debug, Clone)]
pub struct ExportPages {
    authors: Vec<AuthorId>,
    /// The rooms that are known to come next, the nearest last.
    rooms: Vec<RoomId>,
    /// The last one that was asked for.
    last: Option<RoomId>,
    /// How far the room at hand was read.
    read: Option<(RoomId, i64)>,
}

/// A page of it: messages of one room, at least one.
#[derive(Debug, Clone)]
pub struct ExportPage {
    /// The room.
    pub room: RoomId,
    /// Whether these are its first ones.
    pub is_first: bool,
    /// Some of what they wrote there, in order.
    pub messages: Vec<ChatMessage>,
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
        let pages = ExportPages { authors: authors.clone(), rooms: Vec::new(), last: None, read: None };
        Ok(Export { account, authors, logins, pages })
    }

    /// The next page; none where that was all.
    ///
    /// # Errors
    /// See [`AccountError`].
    pub async fn next_page(&self, pages: &mut ExportPages) -> Result<Option<ExportPage>, AccountError> {
        let store = &self.0.store;
        loop {
            let (room, after) = match pages.read.take() {
                Some(read) => read,
                None => match pages.rooms.pop() {
                    Some(room) => (room, 0),
                    None => {
                        let asking = store.rooms_written(pages.authors.clone(), pages.last.take(), ROOMS_AT_ONCE);
                        pages.rooms = self.bounded(asking).await?;
                        let Some(last) = pages.rooms.last() else { return Ok(None) };
                        pages.last = Some(last.clone());
                        pages.rooms.reverse();
                        continue;
                    }
                },
            };
            let reading = store.written_in(room.clone(), pages.authors.clone(), after, MESSAGES_AT_ONCE);
            let messages = self.bounded(reading).await?;
            // All of it may have been deleted meanwhile.
            let Some(last) = messages.last() else { continue };
            if messages.len() >= MESSAGES_AT_ONCE {
                pages.read = Some((room.clone(), last.seq));
            }
            return Ok(Some(ExportPage { room, is_first: after == 0, messages }));
        }
    }

    /// Forgets who somebody is: their name is taken off what they wrote, or, where they want that, the texts are deleted as
    /// well.
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
        // Before the account goes: whoever is told that it did not work asks again.
        self.check_not_last_owner(signed).await?;
        let authors = self.authors(signed).await?;
        self.erase_authors(&authors, with_texts).await?;
        let later = (SWEEP, Sweep { authors: authors.clone(), with_texts }.to_subject());
        if !self.bounded(self.0.store.erase_account(signed.user.id, Nickname::nobody(), later)).await? {
            return Err(AccountError::LastOwner);
        }
        self.changed().await;
        // What was written while that was done. What other servers store until they have heard of it is swept later.
        self.erase_authors(&authors, with_texts).await?;
        self.scrub().await;
        Ok(())
    }

    /// Forgets one of a blog's own users, in the name of somebody who keeps the list of people. Whether the blog had said
    /// anything of them; what they wrote is nobody's now in any case.
    ///
    /// # Errors
    /// [`AccountError::Forbidden`], and see [`AccountError`].
    pub async fn erase_verified(
        &self,
        actor: &Actor,
        (site, subject): (String, String),
        with_texts: bool,
    ) -> Result<bool, AccountError> {
        self.may(actor)?;
        let author = self.0.key.verified_author_id(&site, &subject);
        self.erase_authors(std::slice::from_ref(&author), with_texts).await?;
        let was_there = self.bounded(self.0.store.erase_verified(site, subject)).await?;
        self.0.site_users.forget(&author);
        self.scrub().await;
        Ok(was_there)
    }

    pub(super) async fn erase_authors(&self, authors: &[AuthorId], with_texts: bool) -> Result<(), AccountError> {
        let mut removed = Vec::new();
        for author in authors {
            if with_texts {
                self.0.desk.delete_all_of(author).await?;
                removed.extend(self.bounded(self.0.store.removed_texts_of(author.clone())).await?);
            }
            self.0.desk.unname_all_of(author).await?;
        }
        self.bounded(self.0.store.erase_traces(authors.to_vec(), removed, with_texts)).await?;
        self.bounded(self.0.store.forget_names(authors.to_vec())).await
    }

    /// Writes over what was erased. Where readers are in the way it is done with what is written next.
    pub(super) async fn scrub(&self) {
        for _ in 0..SCRUBS_MAX {
            match self.0.store.scrub().await {
                Ok(true) => return,
                Ok(false) => clock::sleep(SCRUB_AGAIN_AFTER).await,
                Err(error) => {
                    log::warn!("what was erased may be in the file's log for a while: {error}");
                    return;
                }
            }
        }
        log::warn!("what was erased may be in the file's log for a while: it was always in use");
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
