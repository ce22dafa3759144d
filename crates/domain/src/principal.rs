use super::{AuthorId, NetworkKey, UserId};

/// Who does something, whichever door it comes through. What they may do is decided by this, never by a nickname.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Principal {
    author: AuthorId,
    user: Option<UserId>,
    is_verified: bool,
    network: Option<NetworkKey>,
    device: Option<AuthorId>,
}

impl Principal {
    /// Whoever has a browser's secret. Of it only the public id is known here.
    pub fn anonymous(author: AuthorId) -> Self {
        Self { author, user: None, is_verified: false, network: None, device: None }
    }

    /// Somebody with an account, whose public id is derived from the account's.
    pub fn user(user: UserId, author: AuthorId) -> Self {
        Self { author, user: Some(user), is_verified: false, network: None, device: None }
    }

    /// Somebody whom the blog has signed for. To this chat a visitor: no account, and so no role that one could have.
    pub fn verified(author: AuthorId) -> Self {
        Self { author, user: None, is_verified: true, network: None, device: None }
    }

    /// Whoever has a browser's secret whose own public id is `device`: it acts as somebody else, as a further device of
    /// theirs.
    pub fn by_device(author: AuthorId, device: AuthorId) -> Self {
        let device = Some(device).filter(|device| *device != author);
        Self { author, user: None, is_verified: false, network: None, device }
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

    /// The public id of the browser's own, where it acts as somebody else.
    pub fn device(&self) -> Option<&AuthorId> {
        self.device.as_ref()
    }

    /// Whether the blog has signed for who they are.
    pub fn is_verified(&self) -> bool {
        self.is_verified
    }

    /// Where they come from, as far as it is known.
    pub fn network(&self) -> Option<NetworkKey> {
        self.network
    }
}
