use uuid::Uuid;

use chat_domain::AuthorId;

/// What keys in Redis are called. Each database has its own: two chats may share one Redis.
#[derive(Debug, Clone)]
pub struct Names {
    start: String,
}

impl Names {
    /// The names of the database that is called `db` for good (`meta.name`).
    pub fn new(db: &str) -> Self {
        Self { start: format!("rtc:{db}:") }
    }

    /// A session: JSON.
    pub fn session(&self, session: Uuid) -> String {
        format!("{}s:{session}", self.start)
    }

    /// The sessions of a server, each with the time at which it is over unless it is said again.
    pub fn of_server(&self, server: &str) -> String {
        [&self.start, "ss:", server].concat()
    }

    /// The sessions of a person, as those of a server.
    pub fn of_user(&self, user: &AuthorId) -> String {
        [&self.start, "su:", user.as_str()].concat()
    }

    /// That a person is online somewhere.
    pub fn online(&self, user: &AuthorId) -> String {
        [&self.start, "u:", user.as_str()].concat()
    }
}
