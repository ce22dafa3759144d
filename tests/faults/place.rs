//! Where databases live while they are hurt: PostgreSQL clusters of one's own, folders, small disks.

use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use rand::{RngExt, rngs::StdRng};
use tokio::time::sleep;

use crate::support::{
    Folder,
    cluster::{give, program, run},
    connect, until,
};

/// A file system of a few MiB in memory, for who may mount one.
pub struct SmallDisk {
    pub folder: PathBuf,
}

impl SmallDisk {
    /// Whether this process may mount.
    pub fn is_possible(parent: &Path) -> bool {
        Self::try_new(&parent.join("trial"), 1).is_ok()
    }

    pub fn new(folder: &Path, n_mib: usize) -> Self {
        Self::try_new(folder, n_mib).expect("a small disk")
    }

    fn try_new(folder: &Path, n_mib: usize) -> Result<Self, String> {
        fs::create_dir_all(folder).map_err(|e| e.to_string())?;
        let size = format!("size={n_mib}m,mode=0755");
        let output = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(folder).output();
        match output {
            Ok(output) if output.status.success() => Ok(Self { folder: folder.to_owned() }),
            Ok(output) => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
            Err(error) => Err(error.to_string()),
        }
    }

    /// Takes all the space that is left.
    pub fn fill(&self) {
        use std::io::Write;
        let mut file = fs::File::create(self.folder.join("filler")).expect("a file");
        for size in [1 << 16, 1 << 12, 1] {
            while file.write_all(&vec![0; size]).is_ok() {}
        }
    }

    pub fn free(&self) {
        fs::remove_file(self.folder.join("filler")).expect("the filler");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: a process that is being ended may still have a file open.
        let _ = Command::new("umount").arg("-l").arg(&self.folder).status();
    }
}

/// What all clusters are copied from.
pub struct Template {
    folder: Folder,
    password: String,
}

/// How a cluster differs from the usual ones.
#[derive(Debug, Clone, Copy, Default)]
pub struct ClusterSpec {
    /// More settings of the server.
    pub settings: &'static [&'static str],
    /// Its data are on a disk of this many MiB.
    pub disk_mib: Option<usize>,
}

/// A PostgreSQL server that can be stopped, frozen and started again where it was.
pub struct Cluster {
    password: String,
    data: PathBuf,
    port: u16,
    settings: &'static [&'static str],
    environment: Vec<(String, String)>,
    child: Option<Child>,
    pub disk: Option<SmallDisk>,
    folder: Folder,
}

impl Template {
    pub fn new(parent: &Path) -> Self {
        let folder = Folder::within(parent, "template");
        let password = uuid::Uuid::new_v4().simple().to_string();
        fs::write(folder.path("password"), &password).expect("a file");
        give(&folder.0);
        let mut initdb = program("initdb");
        initdb.arg("--pgdata").arg(folder.path("data")).arg("--pwfile").arg(folder.path("password"));
        // Small pieces of the log, so that a small disk holds several.
        initdb.args(["--username=tester", "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8"]);
        initdb.args(["--no-instructions", "--wal-segsize=1"]);
        run(&mut initdb);
        Self { folder, password }
    }

    /// A running copy.
    pub async fn cluster(
        &self,
        parent: &Path,
        spec: ClusterSpec,
        environment: Vec<(String, String)>,
        rng: &mut StdRng,
    ) -> Cluster {
        let folder = Folder::within(parent, "cluster");
        let disk = spec.disk_mib.map(|n_mib| SmallDisk::new(&folder.0.join("disk"), n_mib));
        let data = disk.as_ref().map_or(&folder.0, |d| &d.folder).join("data");
        run(Command::new("cp").arg("-a").arg(self.folder.path("data")).arg(&data));
        let (password, settings) = (self.password.clone(), spec.settings);
        Cluster { password, data, port: 0, settings, environment, child: None, disk, folder }.launched(rng).await
    }
}

/// Below the ports that the system gives to those who connect, so that it is still free after a restart.
fn free_port(rng: &mut StdRng) -> u16 {
    let mut ports = std::iter::repeat_with(|| rng.random_range(20_000..32_000));
    ports.find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok()).expect("a port")
}

/// How PostgreSQL is told to stop.
#[derive(Debug, Clone, Copy)]
pub enum Stop {
    Fast,
    Immediate,
}

impl Cluster {
    /// Started, on a port that nobody else has.
    async fn launched(mut self, rng: &mut StdRng) -> Self {
        for _ in 0..5 {
            self.port = free_port(rng);
            if self.launch().await {
                return self;
            }
        }
        panic!("PostgreSQL does not start: {}", self.log());
    }

    /// A running standby of this one.
    pub async fn standby(&self, parent: &Path, rng: &mut StdRng) -> Self {
        let folder = Folder::within(parent, "standby");
        give(&folder.0);
        let data = folder.0.join("data");
        let mut copy = program("pg_basebackup");
        copy.arg("--pgdata").arg(&data).args(["--write-recovery-conf", "--checkpoint=fast"]);
        copy.args(["--host=127.0.0.1", "--username=tester"]).arg(format!("--port={}", self.port));
        copy.env("PGPASSWORD", &self.password);
        // Seconds on a busy machine, for which those who talk meanwhile must not stand still.
        tokio::task::spawn_blocking(move || run(&mut copy)).await.expect("a copy");
        let (password, settings, environment) = (self.password.clone(), self.settings, self.environment.clone());
        Self { password, data, port: 0, settings, environment, child: None, disk: None, folder }.launched(rng).await
    }

    /// Runs statements, each in a transaction of its own.
    pub async fn sql(&self, statements: &[&str]) {
        let client = self.connect().await.expect("a connection");
        for statement in statements {
            client.batch_execute(statement).await.unwrap_or_else(|e| panic!("{statement}: {e:?}"));
        }
    }

    /// Waits until a query answers with true.
    pub async fn is(&self, what: &str, query: &str) {
        let client = self.connect().await.expect("a connection");
        until(what, async || client.query_one(query, &[]).await.ok()?.get::<_, bool>(0).then_some(())).await;
    }

    pub fn url(&self) -> String {
        format!("postgres://tester:{}@127.0.0.1:{}/postgres", self.password, self.port)
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path("log")).unwrap_or_default()
    }

    /// Whether it came up; not where somebody else has the port.
    async fn launch(&mut self) -> bool {
        let log = fs::File::options().create(true).append(true).open(self.folder.path("log")).expect("a log");
        let mut command = program("postgres");
        command.arg("-D").arg(&self.data).args(["-p", &self.port.to_string()]);
        let usual = ["listen_addresses=127.0.0.1", "unix_socket_directories=", "fsync=on", "synchronous_commit=on"];
        for setting in usual.iter().chain(self.settings) {
            command.args(["-c", setting]);
        }
        command.envs(self.environment.iter().cloned());
        command.stdout(log.try_clone().expect("a log")).stderr(log);
        self.child = Some(command.spawn().expect("PostgreSQL"));
        until("PostgreSQL to come up or to end", async || {
            if self.is_dead() { Some(false) } else { self.connect().await.ok().map(|_| true) }
        })
        .await
    }

    pub async fn connect(&self) -> Result<tokio_postgres::Client, tokio_postgres::Error> {
        connect(&self.url()).await
    }

    /// Starts it again on the same port.
    pub async fn start(&mut self) {
        assert!(self.launch().await, "PostgreSQL does not start again: {}", self.log());
    }

    /// Whether it ended by itself.
    pub fn is_dead(&mut self) -> bool {
        self.child.as_mut().is_none_or(|c| c.try_wait().expect("a child").is_some())
    }

    pub async fn stop(&mut self, how: Stop) {
        let signal = match how {
            Stop::Fast => "INT",
            Stop::Immediate => "QUIT",
        };
        signal_all(signal, &self.postmaster());
        while !self.is_dead() {
            sleep(Duration::from_millis(10)).await;
        }
        self.child = None;
    }

    fn postmaster(&self) -> Vec<u32> {
        self.child.as_ref().map(Child::id).into_iter().collect()
    }

    /// Stops all its processes where they are: the one that makes others first.
    pub fn freeze(&self) {
        let postmaster = self.postmaster();
        signal_all("STOP", &postmaster);
        signal_all("STOP", &children(&postmaster));
    }

    pub fn thaw(&self) {
        let postmaster = self.postmaster();
        signal_all("CONT", &children(&postmaster));
        signal_all("CONT", &postmaster);
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.thaw();
        if let Some(mut child) = self.child.take() {
            signal_all("QUIT", &[child.id()]);
            let _ = child.wait();
        }
    }
}

/// The processes that these made, and that are theirs still.
fn children(parents: &[u32]) -> Vec<u32> {
    let folders = fs::read_dir("/proc").expect("/proc");
    let pids = folders.filter_map(|e| e.ok()?.file_name().to_str()?.parse::<u32>().ok());
    pids.filter(|pid| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        // The name, in parentheses, may have spaces; behind it come the state and the parent.
        let parent = stat.rsplit_once(')').and_then(|(_, rest)| rest.split_whitespace().nth(1)?.parse().ok());
        parent.is_some_and(|p: u32| parents.contains(&p))
    })
    .collect()
}

/// Signals processes of ours. One that ended meanwhile needs none.
fn signal_all(signal: &str, pids: &[u32]) {
    if !pids.is_empty() {
        let pids = pids.iter().map(u32::to_string);
        let _ = Command::new("kill").args(["-s", signal]).args(pids).stderr(Stdio::null()).status();
    }
}
