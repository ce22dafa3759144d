//! PostgreSQL servers for one test alone: with TLS, with a standby, with settings of their own.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use tokio_postgres::Client;
use uuid::Uuid;

use super::{connect, soon, until};

/// A running server in a folder of its own. Ends when it is dropped.
pub struct Cluster {
    pub folder: PathBuf,
    pub address: SocketAddr,
    password: String,
    child: Option<Child>,
}

/// Runs a program and fails with what it said.
#[track_caller]
pub fn run(command: &mut Command) {
    let output = command.output().unwrap_or_else(|e| panic!("{command:?}: {e}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// The number that `id` prints.
fn id(arguments: &[&str]) -> u32 {
    let output = Command::new("id").args(arguments).output().expect("id");
    String::from_utf8_lossy(&output.stdout).trim().parse().expect("a number: PostgreSQL needs a user postgres")
}

pub fn is_root() -> bool {
    id(&["-u"]) == 0
}

/// One of the server's programs, run as a user that it accepts: it refuses root.
pub fn program(name: &str) -> Command {
    let mut folders: Vec<PathBuf> = std::env::var_os("POSTGRES_BIN").map(PathBuf::from).into_iter().collect();
    let version = |path: &Path| path.file_name().and_then(|n| n.to_str()?.parse::<u32>().ok());
    let mut installed: Vec<PathBuf> =
        fs::read_dir("/usr/lib/postgresql").into_iter().flatten().filter_map(|e| Some(e.ok()?.path())).collect();
    installed.sort_by_key(|path| std::cmp::Reverse(version(path)));
    folders.extend(installed.into_iter().map(|path| path.join("bin")));
    let path = folders.into_iter().map(|f| f.join(name)).find(|p| p.exists()).unwrap_or_else(|| name.into());
    let mut command = Command::new(path);
    if is_root() {
        command.uid(id(&["-u", "postgres"])).gid(id(&["-g", "postgres"]));
    }
    command.stdin(Stdio::null()).current_dir("/");
    command
}

/// Gives a file or folder to the user that the server runs as.
pub fn give(path: &Path) {
    if is_root() {
        run(Command::new("chown").arg("-R").arg("postgres:postgres").arg(path));
    }
}

fn new_folder() -> PathBuf {
    let folder = std::env::temp_dir().join(format!("rtc_pg_{}", Uuid::new_v4().simple()));
    fs::create_dir(&folder).expect("a folder");
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).expect("a folder for others to look into");
    give(&folder);
    folder
}

impl Cluster {
    pub async fn start() -> Self {
        let folder = new_folder();
        let password = Uuid::new_v4().simple().to_string();
        let word = folder.join("password");
        fs::write(&word, &password).expect("a file");
        give(&word);
        let mut initdb = program("initdb");
        initdb.arg("--pgdata").arg(folder.join("data")).arg(format!("--pwfile={}", word.display()));
        initdb.args(["--username=tester", "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8"]);
        run(initdb.args(["--no-instructions", "--no-sync"]));
        Self::launch(folder, password).await
    }

    /// A standby that follows this one.
    pub async fn standby(&self) -> Self {
        let folder = new_folder();
        let mut copy = program("pg_basebackup");
        copy.arg("--pgdata").arg(folder.join("data")).args(["--write-recovery-conf", "--checkpoint=fast", "--no-sync"]);
        copy.args(["--host=127.0.0.1", "--username=tester"]).arg(format!("--port={}", self.address.port()));
        run(copy.env("PGPASSWORD", &self.password));
        Self::launch(folder, self.password.clone()).await
    }

    async fn launch(folder: PathBuf, password: String) -> Self {
        for _ in 0..5 {
            let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
            let address = free.local_addr().expect("an address");
            // Somebody may take it before the server does; then that says so and ends.
            drop(free);
            let log = fs::File::create(folder.join("log")).expect("a log");
            let mut command = program("postgres");
            command.arg("-D").arg(folder.join("data")).args(["-p", &address.port().to_string()]);
            for setting in ["listen_addresses=127.0.0.1", "unix_socket_directories=", "shared_buffers=16MB"] {
                command.args(["-c", setting]);
            }
            command.stdout(log.try_clone().expect("a log")).stderr(log);
            let child = command.spawn().expect("PostgreSQL");
            let mut cluster = Self { folder: folder.clone(), address, password: password.clone(), child: Some(child) };
            let is_up = until("PostgreSQL to come up or to end", async || {
                let ended = cluster.child.as_mut().is_none_or(|c| c.try_wait().expect("a child").is_some());
                if ended { Some(false) } else { cluster.try_connect().await.ok().map(|_| true) }
            })
            .await;
            if is_up {
                return cluster;
            }
            eprintln!("{}", fs::read_to_string(folder.join("log")).unwrap_or_default());
            // The folder is needed for the next try.
            cluster.child = None;
            std::mem::forget(cluster);
        }
        panic!("PostgreSQL does not start");
    }

    /// The URL of a database, with options: `?...`.
    pub fn url(&self, host: &str, name: &str, options: &str) -> String {
        format!("postgres://tester:{}@{host}:{}/{name}{options}", self.password, self.address.port())
    }

    /// The URL of the database that is always there, at several servers.
    pub fn url_of(clusters: &[&Self]) -> String {
        let places: Vec<_> = clusters.iter().map(|c| c.address.to_string()).collect();
        format!("postgres://tester:{}@{}/postgres", clusters[0].password, places.join(","))
    }

    async fn try_connect(&self) -> Result<Client, tokio_postgres::Error> {
        connect(&self.url("127.0.0.1", "postgres", "")).await
    }

    /// Runs statements, each in a transaction of its own.
    pub async fn sql(&self, statements: &[&str]) {
        let client = self.try_connect().await.expect("a connection");
        for statement in statements {
            client.batch_execute(statement).await.unwrap_or_else(|e| panic!("{statement}: {e:?}"));
        }
    }

    /// The one text that a query gives.
    pub async fn text(&self, query: &str) -> String {
        let client = self.try_connect().await.expect("a connection");
        client.query_one(query, &[]).await.unwrap_or_else(|e| panic!("{query}: {e:?}")).get(0)
    }

    /// Waits until a standby has all that this one has.
    pub async fn is_followed_by(&self, standby: &Self) {
        let here = self.text("SELECT pg_current_wal_lsn()::text").await;
        let there = format!("SELECT (pg_last_wal_replay_lsn() >= '{here}'::pg_lsn)::text");
        soon("the standby to follow", async || standby.text(&there).await == "true").await;
    }

    /// Makes a standby a server that takes writes.
    pub async fn promote(&self) {
        self.sql(&["SELECT pg_promote()"]).await;
        let ended = "SELECT pg_is_in_recovery()::text";
        soon("the standby to be promoted", async || self.text(ended).await == "false").await;
    }

    /// What a failover does to a server that it leaves alive: nothing is written any more, and whoever is connected
    /// stays.
    pub async fn fence(&self) {
        self.sql(&["ALTER SYSTEM SET default_transaction_read_only = on", "SELECT pg_reload_conf()"]).await;
        let fenced = "SELECT current_setting('default_transaction_read_only')";
        soon("the old server to be read-only", async || self.text(fenced).await == "on").await;
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = Command::new("kill").args(["-s", "QUIT", &child.id().to_string()]).status();
            let _ = child.wait();
        }
        let _ = fs::remove_dir_all(&self.folder);
    }
}
