use std::{collections::HashMap, sync::Arc};

use chat_domain::AuthorId;
use chat_store::Alias;

/// Which identities act as another one: further devices of somebody without an account. Pure. As many as are stored: at
/// most [`chat_store::ALIASES_MAX`] a person; each takes about two hundred bytes.
#[derive(Debug, Default)]
pub struct Aliases {
    of: HashMap<AuthorId, Standing>,
    also: HashMap<AuthorId, Arc<[AuthorId]>>,
    n_taken: u64,
}

/// Whose an identity is.
#[derive(Debug, PartialEq, Eq)]
struct Standing {
    /// Whose what it wrote is.
    of: AuthorId,
    /// As whom it writes, where that is somebody else by now.
    acts_as: Option<AuthorId>,
}

impl Aliases {
    /// Takes one in, as the database has it: where it was somebody else's before, that one has it no more.
    pub fn take(&mut self, Alias { id, of, acts_as }: Alias) {
        let before = self.of.insert(id.clone(), Standing { of: of.clone(), acts_as: acts_as.clone() });
        if before.as_ref().is_some_and(|before| before.of == of && before.acts_as == acts_as) {
            return;
        }
        self.n_taken = self.n_taken.saturating_add(1);
        if before.as_ref().is_some_and(|before| before.of == of) {
            return;
        }
        if let Some(Standing { of: before, .. }) = before
            && let Some(list) = self.also.remove(&before)
        {
            let left: Arc<[AuthorId]> = list.iter().filter(|other| **other != id).cloned().collect();
            if !left.is_empty() {
                self.also.insert(before, left);
            }
        }
        // Who a device that was taken back is since: nobody else.
        if of != id {
            let list = self.also.entry(of).or_default();
            *list = list.iter().cloned().chain([id]).collect();
        }
    }

    /// As whom this one acts, where that is somebody else.
    pub fn acting_as(&self, author: &AuthorId) -> Option<&AuthorId> {
        let standing = self.of.get(author)?;
        Some(standing.acts_as.as_ref().unwrap_or(&standing.of)).filter(|of| *of != author)
    }

    /// Whose what this one wrote is, where that is somebody else.
    pub fn owner(&self, author: &AuthorId) -> Option<&AuthorId> {
        self.of.get(author).map(|standing| &standing.of).filter(|of| *of != author)
    }

    /// The identities that act as this one, or did while they wrote.
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

    fn alias(id: &AuthorId, of: &AuthorId, acts_as: Option<&AuthorId>) -> Alias {
        Alias { id: id.clone(), of: of.clone(), acts_as: acts_as.cloned() }
    }

    #[test]
    fn what_a_device_wrote_stays_where_it_was_when_it_is_taken_back() {
        let mut aliases = Aliases::default();
        let [first, device, fresh, other] = ["first", "device", "fresh", "other"].map(AuthorId::from_stored);
        aliases.take(alias(&device, &first, None));
        aliases.take(alias(&device, &first, Some(&fresh)));
        aliases.take(alias(&fresh, &fresh, Some(&fresh)));
        assert_eq!((aliases.acting_as(&device), aliases.owner(&device)), (Some(&fresh), Some(&first)));
        assert_eq!((aliases.acting_as(&fresh), aliases.owner(&fresh), aliases.of(&fresh)), (None, None, None));
        assert_eq!(aliases.of(&first).map(|list| &**list), Some(&[device.clone()][..]));
        // It joins another one: what it wrote since goes along, and what it wrote before does not.
        aliases.take(alias(&device, &first, Some(&other)));
        aliases.take(alias(&fresh, &other, Some(&fresh)));
        assert_eq!((aliases.acting_as(&device), aliases.owner(&device)), (Some(&other), Some(&first)));
        assert_eq!((aliases.owner(&fresh), aliases.n_taken()), (Some(&other), 5));
        assert_eq!(aliases.of(&other).map(|list| &**list), Some(&[fresh][..]));
    }

    #[test]
    fn a_device_acts_as_one_and_moves_with_whom_it_acted_as() {
        let mut aliases = Aliases::default();
        let [a, b, c] = ["a", "b", "c"].map(AuthorId::from_stored);
        aliases.take(alias(&b, &a, None));
        aliases.take(alias(&b, &a, None));
        assert_eq!((aliases.acting_as(&b), aliases.acting_as(&a), aliases.n_taken()), (Some(&a), None, 1));
        // Who it acted as has joined a third one, and taken it along.
        aliases.take(alias(&a, &c, None));
        aliases.take(alias(&b, &c, None));
        assert_eq!((aliases.of(&a), aliases.n_taken()), (None, 3));
        assert_eq!(aliases.of(&c).map(|list| &**list), Some(&[a.clone(), b.clone()][..]));
        assert_eq!((aliases.acting_as(&a), aliases.acting_as(&b)), (Some(&c), Some(&c)));
    }
}
