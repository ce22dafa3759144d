use std::{
    collections::{HashMap, hash_map::Entry},
    sync::Arc,
};

use chat_domain::{AuthorId, UserId};

/// Whose the identities of browsers are that accounts have taken over. Pure. As many as are stored: at most
/// [`chat_store::CLAIMS_MAX`] an account; each takes about two hundred bytes.
#[derive(Debug, Default)]
pub struct Claims {
    users: HashMap<AuthorId, UserId>,
    authors: HashMap<UserId, Arc<[AuthorId]>>,
}

impl Claims {
    /// Takes one in. Whoever was first has it for good, as in the database.
    pub fn take(&mut self, author: AuthorId, user: UserId) {
        if let Entry::Vacant(place) = self.users.entry(author) {
            // A claim is rare; that a change takes the list along is not.
            let own = self.authors.entry(user).or_default();
            *own = own.iter().chain([place.key()]).cloned().collect();
            place.insert(user);
        }
    }

    /// Whose this identity is.
    pub fn user(&self, author: &AuthorId) -> Option<UserId> {
        self.users.get(author).copied()
    }

    /// What an account has taken over.
    pub fn of(&self, user: UserId) -> Option<&Arc<[AuthorId]>> {
        self.authors.get(&user)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_is_whose_it_was_first_and_stands_once_in_their_list() {
        let (mut claims, [one, other]) = (Claims::default(), [UserId::new(), UserId::new()]);
        let [a, b] = ["a", "b"].map(AuthorId::from_stored);
        claims.take(a.clone(), one);
        claims.take(a.clone(), other);
        claims.take(a.clone(), one);
        claims.take(b.clone(), one);
        assert_eq!((claims.user(&a), claims.user(&AuthorId::from_stored("c"))), (Some(one), None));
        assert_eq!((claims.of(one).map(|own| &**own), claims.of(other)), (Some(&[a, b][..]), None));
    }
}
