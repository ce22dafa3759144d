//! Databases of a test's own, and short words for what the tests store.

#[allow(dead_code, reason = "it serves the other tests as well")]
#[path = "../it/support/database.rs"]
mod database;
#[allow(dead_code, reason = "it serves the other tests as well")]
#[path = "../it/support/proxy.rs"]
mod proxy;

use std::{sync::Arc, time::Duration};

use chat_domain::{Author, AuthorId, AvatarName, Content, NewMentions, NewMessage, Nickname, RoomId};
use chat_store::{AppendOutcome, DatabaseUrl, Meta, Store, StoreError, StoreSettings, StoredMessage};
use tokio::task::JoinSet;
use tokio_postgres::Client;
use uuid::Uuid;

pub use database::{Database, WATCH_COMMITS, admin_url, sql};
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
        open(&self.url, &settings())
    }

    pub async fn ready_postgres() -> (Self, Store) {
        let db = Self::postgres().await;
        let store = db.ready().await;
        (db, store)
    }

    /// So many servers at once: which migrations each applied, and what it finds then.
    pub async fn start_together(&self, n: usize) -> Vec<(Vec<String>, Meta)> {
        let start = |store: Store| async move {
            (store.migrate().await.expect("migrations"), store.meta().await.expect("meta"))
        };
        (0..n).map(|_| start(self.open())).collect::<JoinSet<_>>().join_all().await
    }

    /// A store on a database that is ready for use.
    pub async fn ready(&self) -> Store {
        let store = self.open();
        store.migrate().await.expect("migrations");
        store
    }
}

pub fn open(url: &str, settings: &StoreSettings) -> Store {
    Store::new(&DatabaseUrl::parse(url).expect("a URL"), settings).expect("a store")
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
        author: Author { id, nickname: Nickname::from_stored(nickname.to_owned()), avatar, badge: None },
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

/// That it can pass with time.
#[track_caller]
pub fn is_unavailable<T: std::fmt::Debug>(result: Result<T, StoreError>, why: &str) {
    assert!(matches!(result, Err(StoreError::Unavailable(_))), "{why}: {result:?}");
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
