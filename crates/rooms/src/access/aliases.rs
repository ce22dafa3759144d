use std::{collections::HashMap, sync::Arc};

use chat_domain::AuthorId;

/// Which identities act as another one: further devices of somebody without an account. Pure. As many as are stored: at
/// most [`chat_store::ALIASES_MAX`] a person; each takes about two hundred bytes.
#[derive(Debug, Default)]
pub struct Aliases {
    of: HashMap<AuthorId, AuthorId>,
    also: HashMap<AuthorId, Arc<[AuthorId]>>,
    n_taken: u64,
}

impl Aliases {
    /// Takes one in, as the database has it: where it acted as somebody else before, that one has it no more.
    pub fn take(&mut self, alias: AuthorId, of: AuthorId) {
        let before = self.of.insert(alias.clone(), of.clone());
        if before.as_ref() == Some(&of) {
            return;
        }
        if let Some(before) = before
            && let Some(list) = self.also.remove(&before)
        {
            let left: Arc<[AuthorId]> = list.iter().filter(|id| **id != alias).cloned().collect();
            if !left.is_empty() {
                self.also.insert(before, left);
            }
        }
        let list = self.also.entry(of).or_default();
        *list = list.iter().cloned().chain([alias]).collect();
        self.n_taken = self.n_taken.saturating_add(1);
    }

    /// As whom this one acts, where it is another device of theirs.
    pub fn acting_as(&self, author: &AuthorId) -> Option<&AuthorId> {
        self.of.get(author)
    }

    /// The identities that act as this one.
    pub fn of(&self, author: &AuthorId) -> Option<&Arc<[AuthorId]>> {
        self.also.get(author)
    }

    /// Goes up with each that is taken in.
    pub fn n_taken(&self) -> u64 {
        self.n_taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_acts_as_one_and_moves_with_whom_it_acted_as() {
        let mut aliases = Aliases::default();
        let [a, b, c] = ["a", "b", "c"].map(AuthorId::from_stored);
        aliases.take(b.clone(), a.clone());
        aliases.take(b.clone(), a.clone());
        assert_eq!((aliases.acting_as(&b), aliases.acting_as(&a), aliases.n_taken()), (Some(&a), None, 1));
        // Who it acted as has joined a third one, and taken it along.
        aliases.take(a.clone(), c.clone());
        aliases.take(b.clone(), c.clone());
        assert_eq!((aliases.of(&a), aliases.n_taken()), (None, 3));
        assert_eq!(aliases.of(&c).map(|list| &**list), Some(&[a.clone(), b.clone()][..]));
        assert_eq!((aliases.acting_as(&a), aliases.acting_as(&b)), (Some(&c), Some(&c)));
    }
}
