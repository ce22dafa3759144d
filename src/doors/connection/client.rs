use uuid::Uuid;

/// As whom a connection reads and writes, by what it said at its beginning.
#[derive(Debug, PartialEq, Eq)]
pub struct Client {
    /// What proves an account, a user of a blog, or a program.
    pub token: Option<String>,
    /// The secret of somebody without one.
    pub anonymous_id: Option<Uuid>,
    /// What they are called.
    pub nickname: Option<String>,
    /// And their picture.
    pub avatar: Option<String>,
}
