use std::{env, fs, path::PathBuf, thread};

use chat_wire::MessagePayload;
use diesel::{
    Connection, QueryableByName, RunQueryDsl, SqliteConnection,
    connection::SimpleConnection,
    sql_query,
    sql_types::{BigInt, Text},
};
use tokio::sync::OnceCell;
use tokio_postgres::{Client, NoTls};
use uuid::Uuid;

/// A database that exists as long as this value.
pub struct Database {
    pub url: String,
    place: Place,
    /// For looking into it.
    client: OnceCell<Client>,
}

enum Place {
    Postgres { admin: String, name: String },
    Sqlite(PathBuf),
}

#[derive(QueryableByName)]
struct Line {
    #[diesel(sql_type = Text)]
    text: String,
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    n: i64,
}

/// Keeps in `seen` how durable the commit of each message is.
pub const WATCH_COMMITS: &str = "CREATE TABLE seen (setting TEXT);
    CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS
        $$BEGIN INSERT INTO seen VALUES (current_setting('synchronous_commit')); RETURN NULL; END$$;
    CREATE TRIGGER see AFTER INSERT ON messages FOR EACH ROW EXECUTE FUNCTION see()";

/// The URL of the tests' PostgreSQL.
pub fn admin_url() -> String {
    env::var("TEST_POSTGRES_URL").expect("TEST_POSTGRES_URL is not set: run scripts/test, which starts a PostgreSQL")
}

/// A connection to the PostgreSQL with this URL.
pub async fn connect(url: &str) -> Result<Client, tokio_postgres::Error> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

/// Runs statements, and gives the connection.
pub async fn sql(url: &str, statements: &str) -> Client {
    let client = connect(url).await.expect("a connection");
    client.batch_execute(statements).await.unwrap_or_else(|e| panic!("{statements}: {e:?}"));
    client
}

impl Database {
    pub async fn postgres() -> Self {
        Self::postgres_at(admin_url()).await
    }

    /// A new one on the server with this URL.
    pub async fn postgres_at(admin: String) -> Self {
        let name = format!("rtc_it_{}", Uuid::new_v4().simple());
        sql(&admin, &format!("CREATE DATABASE {name}")).await;
        let (server, _) = admin.rsplit_once('/').expect("a URL with a database");
        Self { url: format!("{server}/{name}"), place: Place::Postgres { admin, name }, client: OnceCell::new() }
    }

    pub fn sqlite() -> Self {
        Self::sqlite_in(env::temp_dir().join(format!("rtc_it_{}", Uuid::new_v4().simple())))
    }

    /// A file somewhere below this folder, which goes with it.
    pub fn sqlite_in(folder: PathBuf) -> Self {
        let url = format!("sqlite://{}/data/chat.db", folder.display());
        Self { url, place: Place::Sqlite(folder), client: OnceCell::new() }
    }

    /// A standby with this URL has taken over from its server.
    #[allow(dead_code, reason = "tests/faults has this file as well, and is who needs it")]
    pub fn moved_to(&mut self, new_admin: String) {
        let Place::Postgres { admin, name } = &mut self.place else { panic!("a file does not move") };
        let (server, _) = new_admin.rsplit_once('/').expect("a URL with a database");
        self.url = format!("{server}/{name}");
        self.client = OnceCell::new();
        *admin = new_admin;
    }

    async fn client(&self) -> &Client {
        self.client.get_or_init(async || connect(&self.url).await.expect("a connection")).await
    }

    fn sqlite_connection(folder: &std::path::Path) -> SqliteConnection {
        let path = folder.join("data/chat.db");
        let mut connection = SqliteConnection::establish(path.to_str().expect("a path")).expect("the file");
        connection.batch_execute("PRAGMA busy_timeout = 10000").expect("a setting");
        connection
    }

    /// All messages of a room as they are stored, by `seq`, in the form of the wire.
    pub async fn messages(&self, room: &str) -> Vec<MessagePayload<'static>> {
        let (object, key, time) = match self.place {
            Place::Postgres { .. } => {
                let time = r#"to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')"#;
                ("json_build_object", "client_id", time)
            }
            Place::Sqlite(_) => {
                let time = "strftime('%Y-%m-%dT%H:%M:%fZ', created_at / 1000.0, 'unixepoch')";
                ("json_object", "hex(client_id)", time)
            }
        };
        let author = format!("{object}('id', anonymous_id, 'nickname', nickname, 'avatar', avatar)");
        let query = format!(
            "SELECT CAST({object}('id', CAST(id AS TEXT), 'seq', seq, 'rev', rev, 'clientId', {key}, 'author', {author},
                'content', content, 'createdAt', {time}) AS TEXT) AS text
             FROM messages WHERE room_id = '{}' ORDER BY seq",
            room.replace('\'', "''")
        );
        let texts = self.texts(&query).await;
        texts.iter().map(|text| serde_json::from_str(text).unwrap_or_else(|e| panic!("{e}: {text}"))).collect()
    }

    /// The column `text` of each row that a query gives.
    pub async fn texts(&self, query: &str) -> Vec<String> {
        match &self.place {
            Place::Postgres { .. } => {
                let rows = self.client().await.query(query, &[]).await.expect(query);
                rows.iter().map(|row| row.get("text")).collect()
            }
            Place::Sqlite(folder) => {
                let lines = sql_query(query).load(&mut Self::sqlite_connection(folder)).expect(query);
                lines.into_iter().map(|line: Line| line.text).collect()
            }
        }
    }

    /// `last_rev` and `message_count` of a room's row; zeros where there is none.
    pub async fn counters(&self, room: &str) -> (i64, i64) {
        let room = room.replace('\'', "''");
        let of = |column: &str| format!("SELECT {column} FROM rooms WHERE id = '{room}'");
        (self.number(&of("last_rev")).await, self.number(&of("message_count")).await)
    }

    /// The one BIGINT that a query gives; 0 where it gives none.
    pub async fn number(&self, query: &str) -> i64 {
        match &self.place {
            Place::Postgres { .. } => {
                let row = self.client().await.query_opt(query, &[]).await.expect(query);
                row.map_or(0, |row| row.get(0))
            }
            Place::Sqlite(folder) => {
                let rows: Vec<Count> = sql_query(format!("SELECT ({query}) AS n"))
                    .load(&mut Self::sqlite_connection(folder))
                    .unwrap_or_default();
                rows.first().map_or(0, |row| row.n)
            }
        }
    }

    /// Changes it behind the servers' backs.
    pub async fn run(&self, sql: &str) {
        match &self.place {
            Place::Postgres { .. } => self.client().await.batch_execute(sql).await.expect(sql),
            Place::Sqlite(folder) => Self::sqlite_connection(folder).batch_execute(sql).expect(sql),
        }
    }

    /// A room loses its changes above `rev`, as where a replica is promoted that was behind.
    pub async fn lose(&self, room: &str, rev: i64) {
        let room = room.replace('\'', "''");
        self.run(&format!(
            "BEGIN; DELETE FROM messages WHERE room_id = '{room}' AND seq > {rev};
             UPDATE rooms SET last_rev = {rev}, message_count = {rev} WHERE id = '{room}'; COMMIT"
        ))
        .await;
    }

    /// The file, with SQLite.
    pub fn sqlite_path(&self) -> PathBuf {
        match &self.place {
            Place::Sqlite(folder) => folder.join("data/chat.db"),
            Place::Postgres { .. } => panic!("it is no SQLite"),
        }
    }

    pub fn is_sqlite(&self) -> bool {
        matches!(self.place, Place::Sqlite(_))
    }

    /// Locks a room, so that nobody can write into it until it is released.
    pub async fn hold(&self, room: &str) -> Held {
        match &self.place {
            Place::Postgres { .. } => {
                let room = room.replace('\'', "''");
                let lock = format!("BEGIN; SELECT 1 FROM rooms WHERE id = '{room}' FOR UPDATE");
                Held::Postgres(sql(&self.url, &lock).await)
            }
            Place::Sqlite(folder) => {
                let mut connection = Self::sqlite_connection(folder);
                connection.batch_execute("BEGIN IMMEDIATE").expect("a lock");
                Held::Sqlite(connection)
            }
        }
    }

    /// Makes the database refuse messages with this content, with an error that the program does not know.
    pub async fn refuse(&self, content: &str) {
        self.run(&match &self.place {
            Place::Postgres { .. } => format!(
                "CREATE FUNCTION trap() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN
                    IF NEW.content = '{content}' THEN
                        RAISE EXCEPTION '%', NEW.content USING ERRCODE = 'ZZ999';
                    END IF;
                    RETURN NEW;
                END$$;
                CREATE TRIGGER trap BEFORE INSERT ON messages FOR EACH ROW EXECUTE FUNCTION trap()"
            ),
            Place::Sqlite(_) => format!(
                "CREATE TRIGGER trap BEFORE INSERT ON messages WHEN NEW.content = '{content}'
                BEGIN SELECT RAISE(ROLLBACK, 'not here'); END"
            ),
        })
        .await;
    }

    /// Locks all rooms, so that nobody can write into any until they are released.
    pub async fn hold_all(&self) -> Held {
        match &self.place {
            Place::Postgres { .. } => Held::Postgres(sql(&self.url, "BEGIN; LOCK TABLE rooms IN EXCLUSIVE MODE").await),
            Place::Sqlite(_) => self.hold("").await,
        }
    }
}

/// A lock on the database.
pub enum Held {
    Postgres(Client),
    Sqlite(SqliteConnection),
}

impl Held {
    pub async fn release(self) {
        match self {
            Self::Postgres(client) => client.batch_execute("COMMIT").await.expect("its end"),
            Self::Sqlite(mut connection) => connection.batch_execute("COMMIT").expect("its end"),
        }
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        match &self.place {
            Place::Sqlite(folder) => fs::remove_dir_all(folder).unwrap_or_default(),
            Place::Postgres { admin, name } => {
                let (admin, drop_it) = (admin.clone(), format!("DROP DATABASE {name} WITH (FORCE)"));
                let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
                // A test that fails says why it failed, not that its database is left.
                let job = move || runtime().block_on(async { drop(sql(&admin, &drop_it).await) });
                // This runs inside the test's runtime, where waiting for another one is not possible.
                thread::spawn(job).join().unwrap_or_default();
            }
        }
    }
}
