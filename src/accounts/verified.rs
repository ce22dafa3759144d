use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use chat_accounts::Sites;
use tokio::sync::{Notify, Semaphore};

use chat_domain::{AuthorId, AvatarName, Nickname};

/// Of so many of the blogs' users it is remembered what was noted, so that who comes again costs the database nothing.
const NOTED_MAX: usize = 10_000;
/// So many are being noted at once; of more the next JOIN is noted.
const NOTING_MAX: usize = 8;

/// One of a blog's own users.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// The blog, as it calls itself.
    pub site: String,
    /// What the blog calls them.
    pub subject: String,
    /// Their public id.
    pub author: AuthorId,
    /// What everybody calls them.
    pub nickname: Nickname,
    /// Their picture.
    pub avatar: AvatarName,
    /// For how long they may write by what the blog has signed.
    pub remaining: Duration,
}

/// Whom blogs have signed for, and what of it the database has. Shared by all threads; a lock is held for a look only.
pub(super) struct SiteUsers {
    pub sites: Sites,
    noted: Mutex<HashMap<AuthorId, (Nickname, AvatarName)>>,
    pub noting: Arc<Semaphore>,
    /// A token came that names a key which is not known: a blog may have published it since.
    pub unknown: Notify,
}

impl SiteUsers {
    pub fn new(sites: Sites) -> Self {
        let (noted, noting) = (Mutex::default(), Arc::new(Semaphore::new(NOTING_MAX)));
        Self { sites, noted, noting, unknown: Notify::new() }
    }

    /// Whether this is news.
    pub fn is_new(&self, Verified { author, nickname, avatar, .. }: &Verified) -> bool {
        let mut noted = self.noted.lock().unwrap_or_else(PoisonError::into_inner);
        let called = (nickname.clone(), *avatar);
        if noted.get(author) == Some(&called) {
            return false;
        }
        // Who was noted long ago is forgotten with all others of then: noting them again changes nothing.
        if noted.len() >= NOTED_MAX && !noted.contains_key(author) {
            noted.clear();
        }
        noted.insert(author.clone(), called);
        true
    }

    pub fn forget(&self, author: &AuthorId) {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner).remove(author);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(author: usize, nickname: &str) -> Verified {
        let author = AuthorId::from_stored(&format!("author-{author}"));
        Verified {
            site: "https://blog.example".into(),
            subject: "1".into(),
            avatar: AvatarName::derived_from(&author),
            author,
            nickname: Nickname::from_stored(nickname.into()),
            remaining: Duration::ZERO,
        }
    }

    #[test]
    fn somebody_is_noted_once_and_when_they_are_called_something_else() {
        let users = SiteUsers::new(Sites::default());
        let [first, again, other] = ["otter", "otter", "cat"].map(|name| users.is_new(&named(1, name)));
        assert_eq!((first, again, other), (true, false, true));
        users.forget(&named(1, "cat").author);
        assert!(users.is_new(&named(1, "cat")), "it could not be noted");
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let users = SiteUsers::new(Sites::default());
        for n in 0..NOTED_MAX + 5 {
            assert!(users.is_new(&named(n, "otter")));
        }
        assert!(users.noted.lock().expect("no panic in here").len() <= NOTED_MAX);
    }
}
