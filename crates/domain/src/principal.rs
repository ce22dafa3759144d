use super::{AuthorId, NetworkKey, Rights, UserId};

/// Who does something, whichever door it comes through. What they may do is decided by this, never by a nickname.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Principal {
    author: AuthorId,
    user: Option<UserId>,
    is_verified: bool,
    network: Option<NetworkKey>,
    /// Of a program: what its key allows at most.
    allowed: Option<Rights>,
}

impl Principal {
    /// Whoever has a browser's secret. Of it only the public id is known here.
    pub fn anonymous(author: AuthorId) -> Self {
        Self { author, user: None, is_verified: false, network: None, allowed: None }
    }

    /// Somebody with an account, whose public id is derived from the account's.
    pub fn user(user: UserId, author: AuthorId) -> Self {
        Self { author, user: Some(user), is_verified: false, network: None, allowed: None }
    }

    /// Somebody whom the blog has signed for. To this chat a visitor: no account, and so no role that one could have.
    pub fn verified(author: AuthorId) -> Self {
        Self { author, user: None, is_verified: true, network: None, allowed: None }
    }

    /// A program, which has an account of its own and does what its key allows, and its role.
    pub fn bot(user: UserId, author: AuthorId, allowed: Rights) -> Self {
        Self { allowed: Some(allowed), ..Self::user(user, author) }
    }

    /// The same, and where they come from.
    pub fn from_network(self, network: NetworkKey) -> Self {
        Self { network: Some(network), ..self }
    }

    /// Whose name what they write is under: the same for all sessions and doors of one principal.
    pub fn author_id(&self) -> &AuthorId {
        &self.author
    }

    /// Their account, where they have one.
    pub fn user_id(&self) -> Option<UserId> {
        self.user
    }

    /// Whether the blog has signed for who they are.
    pub fn is_verified(&self) -> bool {
        self.is_verified
    }

    /// Whether it is a program.
    pub fn is_bot(&self) -> bool {
        self.allowed.is_some()
    }

    /// Of these rights those that it may use by what it came in with.
    pub fn allows(&self, rights: Rights) -> Rights {
        self.allowed.map_or(rights, |allowed| rights.among(allowed))
    }

    /// Where they come from, as far as it is known.
    pub fn network(&self) -> Option<NetworkKey> {
        self.network
    }
}
