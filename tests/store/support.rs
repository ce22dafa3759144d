//! Databases of a test's own, and short words for what the tests store.

use std::{env, fs, path::PathBuf, sync::Arc, thread, time::Duration};

use chat_domain::{Author, AuthorId, AvatarName, Content, NewMessage, Nickname, RoomId};
use chat_store::{AppendOutcome, DatabaseUrl, Store, StoreSettings, StoredMessage};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
};
use tokio_postgres::{Client, Config, NoTls};
use uuid::Uuid;

/// A database that exists as long as this value.
pub struct TestDb {
    pub url: String,
    place: Place,
}

enum Place {
    Postgres { admin: String, name: String },
    Sqlite(PathBuf),
}

pub fn admin_url() -> String {
    env::var("TEST_POSTGRES_URL").expect("TEST_POSTGRES_URL is not set: run scripts/test, which starts a PostgreSQL")
}

pub async fn sql(url: &str, statement: &str) -> Client {
    let (client, connection) = url.parse::<Config>().expect("a URL").connect(NoTls).await.expect("a connection");
    tokio::spawn(connection);
    client.batch_execute(statement).await.expect(statement);
    client
}

/// Whether a session of this database waits for a lock.
pub async fn someone_waits(client: &Client) -> bool {
    let query = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    !client.query(query, &[]).await.expect("the sessions").is_empty()
}

impl TestDb {
    pub async fn postgres() -> Self {
        let admin = admin_url();
        let name = format!("rtc_{}", Uuid::new_v4().simple());
        sql(&admin, &format!("CREATE DATABASE {name}")).await;
        let (server, _) = admin.rsplit_once('/').expect("a URL with a database");
        Self { url: format!("{server}/{name}"), place: Place::Postgres { admin, name } }
    }

    pub fn sqlite() -> Self {
        let folder = env::temp_dir().join(format!("rtc_{}", Uuid::new_v4().simple()));
        Self { url: format!("sqlite://{}/data/chat.db", folder.display()), place: Place::Sqlite(folder) }
    }

    pub fn parsed_url(&self) -> DatabaseUrl {
        DatabaseUrl::parse(&self.url).expect("a URL")
    }

    pub fn is_sqlite(&self) -> bool {
        matches!(self.place, Place::Sqlite(_))
    }

    /// One server's store; several may be open.
    pub fn open(&self) -> Store {
        Store::new(&self.parsed_url(), &settings()).expect("a store")
    }

    /// A store on a database that is ready for use.
    pub async fn ready(&self) -> Store {
        let store = self.open();
        store.migrate().await.expect("migrations");
        store
    }
}

impl Drop for TestDb {
    fn drop(&mut self) {
        match &self.place {
            Place::Sqlite(folder) => fs::remove_dir_all(folder).unwrap_or_default(),
            Place::Postgres { admin, name } => {
                let (admin, drop_it) = (admin.clone(), format!("DROP DATABASE {name} WITH (FORCE)"));
                let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
                let job = move || runtime().block_on(async { drop(sql(&admin, &drop_it).await) });
                // This runs inside the test's runtime, where waiting for another one is not possible.
                thread::spawn(job).join().unwrap_or_default();
            }
        }
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
        AppendOutcome::Stored(message) => *message,
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

/// What a [`Wire`] does with what passes.
#[derive(Clone, Copy, PartialEq)]
pub enum Flow {
    Open,
    /// Connections stay, and connecting works, but nothing passes: the database is frozen.
    Frozen,
    /// All connections are cut.
    Cut,
}

/// A wire to PostgreSQL that can be held or cut.
pub struct Wire {
    pub url: String,
    flow: watch::Sender<Flow>,
}

impl Wire {
    pub async fn to(db: &TestDb) -> Self {
        let config: Config = db.url.parse().expect("a URL");
        let port = *config.get_ports().first().expect("a port");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let own_port = listener.local_addr().expect("an address").port();
        let (flow, watching) = watch::channel(Flow::Open);
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let watching = watching.clone();
                tokio::spawn(async move {
                    if let Ok(far) = TcpStream::connect(("127.0.0.1", port)).await {
                        let ((near_in, near_out), (far_in, far_out)) = (near.into_split(), far.into_split());
                        tokio::select! {
                            () = pass(near_in, far_out, watching.clone()) => {}
                            () = pass(far_in, near_out, watching.clone()) => {}
                        }
                    }
                });
            }
        });
        Self { url: db.url.replace(&format!(":{port}/"), &format!(":{own_port}/")), flow }
    }

    pub fn set(&self, flow: Flow) {
        self.flow.send_replace(flow);
    }
}

async fn pass(
    mut from: impl AsyncReadExt + Unpin,
    mut to: impl AsyncWriteExt + Unpin,
    mut flow: watch::Receiver<Flow>,
) {
    let mut watching = flow.clone();
    let cut = watching.wait_for(|f| *f == Flow::Cut);
    let copying = async {
        let mut buffer = [0; 8192];
        while let Ok(n @ 1..) = from.read(&mut buffer).await {
            let open = flow.wait_for(|f| *f != Flow::Frozen).await.is_ok();
            if !open || to.write_all(&buffer[..n]).await.is_err() {
                return;
            }
        }
    };
    tokio::select! { () = copying => {}, _ = cut => {} }
}
