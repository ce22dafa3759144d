use super::AuthorId;

/// Who does something, whichever door it comes through. What they may do is decided by this, never by a nickname.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Principal {
    /// Whoever has a browser's secret. Of it only the public id is known here.
    Anonymous(AuthorId),
}

impl Principal {
    /// Whose name what they write is under: the same for all sessions and doors of one principal.
    pub fn author_id(&self) -> &AuthorId {
        let Self::Anonymous(id) = self;
        id
    }
}
