use chat_domain::{Author, AuthorId};

/// Who is in a room on one server: state, not news. Of two of one server the one with the higher version counts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Summary {
    /// Goes up with each change, also over restarts of the server: it begins with the time.
    pub version: u64,
    /// How many identities, readers included.
    pub count: usize,
    /// Who they are, as far as there are few enough to say.
    pub who: Who,
}

/// See [`Summary`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Who {
    /// Everybody: at most [`crate::PEOPLE_LISTED_MAX`].
    Listed(Vec<Person>),
    /// Hashes of their ids, at most 500.
    Hashed(Vec<u64>),
    /// Too many to say.
    #[default]
    Counted,
}

/// One identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// Whose.
    pub id: AuthorId,
    /// With nickname and avatar; none for a reader.
    pub author: Option<Author>,
}

impl Summary {
    /// Stub.
    pub fn to_json(&self) -> Vec<u8> {
        Vec::new()
    }

    /// Stub.
    pub fn from_json(_: &[u8]) -> Result<Self, std::fmt::Error> {
        Err(std::fmt::Error)
    }

    /// About how many bytes it takes.
    pub fn n_bytes(&self) -> usize {
        match &self.who {
            Who::Listed(people) => {
                people.iter().map(|p| 40 + p.author.as_ref().map_or(0, Author::n_bytes_as_json)).sum()
            }
            Who::Hashed(hashes) => 20 * hashes.len(),
            Who::Counted => 0,
        }
    }
}
