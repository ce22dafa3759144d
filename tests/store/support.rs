//! Databases of a test's own, and short words for what the tests store.

#[allow(dead_code, reason = "it serves the other tests as well")]
#[path = "../it/support/database.rs"]
mod database;
#[allow(dead_code, reason = "it serves the other tests as well")]
#[path = "../it/support/proxy.rs"]
mod proxy;

use std::{sync::Arc, time::Duration};

use chat_domain::{Author, AuthorId, AvatarName, Content, NewMentions, NewMessage, Nickname, RoomId};
use chat_store::{AppendOutcome, DatabaseUrl, Store, StoreSettings, StoredMessage};
use tokio_postgres::Client;
use uuid::Uuid;

pub use database::{Database, admin_url, sql};
pub use proxy::Proxy;

/// Whether a session of this database waits for a lock.
pub async fn someone_waits(client: &Client) -> bool {
    let query = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    !client.query(query, &[]).await.expect("the sessions").is_empty()
}

impl Database {
    pub fn parsed_url(&self) -> DatabaseUrl {
        DatabaseUrl::parse(&self.url).expect("a URL")
    }

    /// One server's store; several may be open.
    pub fn open(&self) -> Store {
        Store::new(&self.parsed_url(), &settings()).expect("a store")
    }

    pub async fn ready_postgres() -> (Self, Store) {
        let db = Self::postgres().await;
        let store = db.ready().await;
        (db, store)
    }

    pub async fn ready_sqlite() -> (Self, Store) {
        let db = Self::sqlite();
        let store = db.ready().await;
        (db, store)
    }

    /// A store on a database that is ready for use.
    pub async fn ready(&self) -> Store {
        let store = self.open();
        store.migrate().await.expect("migrations");
        store
    }
}

pub fn settings() -> StoreSettings {
    StoreSettings {
        pool_size: 3,
        connect_timeout: Duration::from_secs(10),
        statement_timeout: Duration::from_secs(20),
        pool_wait: Duration::from_secs(20),
        exclusive: false,
        ..StoreSettings::default()
    }
}

pub fn room(name: &str) -> RoomId {
    RoomId::parse(name).expect("a room id")
}

pub fn message(room: &RoomId, author: &str, client_id: Uuid, content: &str) -> Arc<NewMessage> {
    message_by(room, author, "익명의 수달", client_id, content)
}

/// The nickname comes in as a stored one does: unchecked.
pub fn message_by(room: &RoomId, author: &str, nickname: &str, client_id: Uuid, content: &str) -> Arc<NewMessage> {
    let id = AuthorId::from_stored(author);
    let avatar = AvatarName::derived_from(&id);
    Arc::new(NewMessage {
        room: room.clone(),
        author: Author { id, nickname: Nickname::from_stored(nickname.to_owned()), avatar },
        content: Content::parse(content).expect("a content"),
        client_id,
        reply_to: None,
        mentions: NewMentions::default(),
        guard_rev: 0,
    })
}

/// A message that nobody sent before.
pub fn fresh(room: &RoomId, content: &str) -> Arc<NewMessage> {
    message(room, "author", Uuid::new_v4(), content)
}

/// `n` of them.
pub fn many(room: &RoomId, n: usize) -> Vec<Arc<NewMessage>> {
    (1..=n).map(|i| fresh(room, &format!("message {i}"))).collect()
}

#[track_caller]
pub fn stored(outcome: &AppendOutcome) -> StoredMessage {
    match outcome {
        AppendOutcome::Stored(message, _) => *message,
        other => panic!("{other:?} is not Stored"),
    }
}

#[track_caller]
pub fn repeated(outcome: &AppendOutcome) -> StoredMessage {
    match outcome {
        AppendOutcome::Repeated(message) => *message,
        other => panic!("{other:?} is not Repeated"),
    }
}
