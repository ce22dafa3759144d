use std::{
    io::{BufRead, BufReader},
    net::SocketAddr,
    process::{Child, Command, ExitStatus, Stdio},
    thread,
};

use reqwest::StatusCode;
use serde_json::Value;
use tokio::sync::watch;

use super::{Database, Folder, soon, until, within};

const PROGRAM: &str = env!("CARGO_BIN_EXE_realtime-chat");

/// The real program as a process. Killed when dropped.
pub struct Server {
    pub address: SocketAddr,
    pid: u32,
    http: reqwest::Client,
    output: Output,
    ended: watch::Receiver<Option<ExitStatus>>,
    /// Its working folder.
    _folder: Folder,
}

/// What the program wrote, line by line, while it runs.
#[derive(Clone)]
struct Output {
    stdout: watch::Receiver<String>,
    stderr: watch::Receiver<String>,
}

/// How a run of the program ended.
pub struct Ended {
    pub status: ExitStatus,
    pub stdout: String,
    pub stderr: String,
}

/// On a busy machine the database answers late, which must not count as an outage. For all tests that do not say
/// otherwise. And a test's crowd is no raid.
const USUAL: [(&str, &str); 3] = [("CHAT_STORE_WAIT_SECS", "25"), ("CHAT_READ_WAIT_SECS", "10"), ("CHAT_GUARD", "off")];

/// The program with these settings and nothing of the test's own environment.
fn command(arguments: &[&str], settings: &[(&str, &str)]) -> (Command, Folder) {
    let folder = Folder::new("rtc_run");
    let mut command = Command::new(PROGRAM);
    for (name, _) in std::env::vars().filter(|(n, _)| n.starts_with("CHAT_") || n == "DATABASE_URL" || n == "RUST_LOG")
    {
        command.env_remove(name);
    }
    command.args(arguments).envs(USUAL).envs(settings.iter().copied()).current_dir(&folder.0);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    (command, folder)
}

/// Follows what a process writes.
fn follow(stream: impl std::io::Read + Send + 'static) -> watch::Receiver<String> {
    let (text, reader) = watch::channel(String::new());
    thread::spawn(move || {
        let mut stream = BufReader::new(stream);
        let mut line = Vec::new();
        while stream.read_until(b'\n', &mut line).is_ok_and(|n| n > 0) {
            text.send_modify(|t| t.push_str(&String::from_utf8_lossy(&line)));
            line.clear();
        }
    });
    reader
}

fn spawn(mut command: Command) -> (u32, Output, watch::Receiver<Option<ExitStatus>>) {
    let mut child: Child = command.spawn().expect("the program starts");
    // What does not go into a pipe of ours cannot be read here.
    let nothing = || watch::channel(String::new()).1;
    let stdout = child.stdout.take().map_or_else(nothing, follow);
    let stderr = child.stderr.take().map_or_else(nothing, follow);
    let pid = child.id();
    let (status, ended) = watch::channel(None);
    thread::spawn(move || status.send_replace(Some(child.wait().expect("its end"))));
    (pid, Output { stdout, stderr }, ended)
}

impl Output {
    /// The text after `before` on the line that has it, once it is there.
    async fn said(mut stream: watch::Receiver<String>, before: &str) -> String {
        let found = |text: &str| {
            let (_, rest) = text.split_once(before)?;
            rest.split_once('\n').map(|(line, _)| line.to_owned())
        };
        // The sender goes with the end of the process; what it had said by then is still there.
        let _ = stream.wait_for(|text| found(text).is_some()).await;
        let text = stream.borrow();
        found(&text).unwrap_or_else(|| panic!("the program never said {before:?} but:\n{}", *text))
    }
}

/// Each request over a connection of its own: one that was kept may be closed by the server at the moment it is used.
fn http() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().pool_max_idle_per_host(0).build().expect("a client")
}

impl Server {
    /// A server on this database that is ready.
    pub async fn start(database: &Database) -> Self {
        Self::with(database, &[]).await
    }

    /// The same with other settings than the usual ones.
    pub async fn with(database: &Database, settings: &[(&str, &str)]) -> Self {
        Self::ready_at(&database.url, settings).await
    }

    /// The same on the database with this URL.
    pub async fn ready_at(database_url: &str, settings: &[(&str, &str)]) -> Self {
        let server = Self::launch(database_url, settings).await;
        server.ready().await;
        server
    }

    /// A server with these settings on a SQLite database of its own, which goes after it.
    pub async fn alone(settings: &[(&str, &str)]) -> (Database, Self) {
        let database = Database::sqlite();
        let server = Self::with(&database, settings).await;
        (database, server)
    }

    /// Two servers with these settings on one PostgreSQL, which goes after them.
    pub async fn pair(settings: &[(&str, &str)]) -> (Database, [Self; 2]) {
        let database = Database::postgres().await;
        let servers = [Self::with(&database, settings).await, Self::with(&database, settings).await];
        (database, servers)
    }

    /// Another one in the place of this one, which ends in the middle of whatever it does.
    pub async fn again(self, database: &Database, settings: &[(&str, &str)]) -> Self {
        self.kill9().await;
        Self::with(database, settings).await
    }

    /// A server that listens, but may still wait for its database.
    pub async fn launch(database_url: &str, settings: &[(&str, &str)]) -> Self {
        // In the environment, where the URL's password belongs: everybody may read a process's arguments.
        let settings = [&[("DATABASE_URL", database_url)], settings].concat();
        let (command, folder) = command(&["--listen", "127.0.0.1:0"], &settings);
        Self::spawned(command, folder).await
    }

    /// The program that this command starts, once it listens.
    async fn spawned(command: Command, folder: Folder) -> Self {
        let (pid, output, ended) = spawn(command);
        let line = within("the server to listen", Output::said(output.stderr.clone(), "listening on ")).await;
        let address = line.split(',').next().and_then(|a| a.parse().ok()).expect("an address");
        Self { address, pid, http: http(), output, ended, _folder: folder }
    }

    /// A server that may have so many files and sockets, and is ready.
    pub async fn with_files(database: &Database, settings: &[(&str, &str)], n_files: usize) -> Self {
        let settings = [&[("DATABASE_URL", database.url.as_str())], settings].concat();
        let (plain, folder) = command(&["--listen", "127.0.0.1:0"], &settings);
        // Becomes the program: the process is the same.
        let mut limited = Command::new("sh");
        limited.arg("-c").arg(format!("ulimit -n {n_files}; exec \"$0\" \"$@\"")).arg(PROGRAM).args(plain.get_args());
        for (name, value) in plain.get_envs() {
            match value {
                Some(value) => limited.env(name, value),
                None => limited.env_remove(name),
            };
        }
        limited.current_dir(&folder.0).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let server = Self::spawned(limited, folder).await;
        server.ready().await;
        server
    }

    /// A server that writes to these instead of to the test, and is ready.
    pub async fn writing_to(database: &Database, settings: &[(&str, &str)], stdout: Stdio, stderr: Stdio) -> Self {
        let arguments = ["--listen", "127.0.0.1:0", "--database-url", &database.url];
        let (mut command, folder) = command(&arguments, settings);
        command.stdout(stdout).stderr(stderr);
        let (pid, output, ended) = spawn(command);
        let port = until("the server to listen", async || ports(pid).first().copied()).await;
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let server = Self { address, pid, http: http(), output, ended, _folder: folder };
        soon("the server to be ready", async || server.get("/readyz").await.status().is_success()).await;
        server
    }

    /// Waits until it says that it is ready.
    pub async fn ready(&self) {
        let said = Output::said(self.output.stdout.clone(), "realtime-chat is ready: open ");
        let url = within("the server to be ready", said).await;
        // Behind the address a base path, where one is set.
        assert!(url.starts_with(&format!("http://{}/", self.address)), "{url}");
    }

    /// What it printed behind this on the line that has it, once it is there.
    pub async fn printed(&self, before: &str) -> String {
        within(before, Output::said(self.output.stdout.clone(), before)).await
    }

    /// Runs the program to its end.
    pub async fn run(arguments: &[&str], settings: &[(&str, &str)]) -> Ended {
        let (command, _folder) = command(arguments, settings);
        let (pid, output, mut ended) = spawn(command);
        let wait = async { ended.wait_for(Option::is_some).await.map(|status| status.expect("a status")) };
        let status = match tokio::time::timeout(super::PATIENCE, wait).await {
            Ok(status) => status.expect("its end"),
            Err(_) => {
                kill("KILL", pid);
                panic!("{arguments:?} did not end:\n{}", *output.stderr.borrow());
            }
        };
        Ended { status, stdout: whole(output.stdout).await, stderr: whole(output.stderr).await }
    }

    /// Where it serves gRPC.
    #[cfg(feature = "grpc")]
    pub async fn grpc(&self) -> SocketAddr {
        let line = within("gRPC", Output::said(self.output.stderr.clone(), "gRPC is served on ")).await;
        line.split(',').next().and_then(|address| address.parse().ok()).expect("an address")
    }

    /// What it logged up to now.
    pub fn log(&self) -> String {
        self.output.stderr.borrow().clone()
    }

    /// Waits for this in its log: lines have a thread of their own there, and may come later than what they are about.
    pub async fn logs(&self, what: &str) {
        soon(&format!("the log to say {what:?}"), async || self.log().contains(what)).await;
    }

    /// Waits for this in its log, which must have it once.
    pub async fn logs_once(&self, what: &str) {
        self.logs(what).await;
        assert_eq!(self.log().matches(what).count(), 1, "{}", self.log());
    }

    /// All that it wrote to the end of its life, which must have come.
    pub async fn all_said(&self) -> String {
        let (stdout, stderr) = (self.output.stdout.clone(), self.output.stderr.clone());
        [within("its last words", whole(stdout)).await, within("its last words", whole(stderr)).await].concat()
    }

    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// The ports of IPv4 that it listens on, as the kernel knows them.
    pub fn ports(&self) -> Vec<u16> {
        ports(self.pid)
    }

    /// Waits until what it does once after its start is done: its memory is its own measure from here on.
    pub async fn settled(&self) {
        let tasks = format!("/proc/{}/task", self.pid);
        let is_compressing = || {
            let tasks = std::fs::read_dir(&tasks).expect("a process").filter_map(Result::ok);
            let mut names = tasks.filter_map(|task| std::fs::read_to_string(task.path().join("comm")).ok());
            names.any(|name| name.trim() == "compress")
        };
        soon("the files to be compressed", async || !is_compressing()).await;
    }

    /// Its resident memory, in bytes.
    pub fn resident(&self) -> usize {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid)).expect("a process");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a figure");
        line.trim().trim_end_matches(" kB").parse::<usize>().expect("a number") * 1_024
    }

    /// Ends it in the middle of whatever it does.
    pub async fn kill9(mut self) {
        kill("KILL", self.pid);
        self.end().await;
    }

    pub fn signal(&self, signal: &str) {
        kill(signal, self.pid);
    }

    /// Tells it to stop, and waits until it has done so without a fault.
    pub async fn stop(&mut self, signal: &str) {
        self.signal(signal);
        assert_eq!(self.end().await.code(), Some(0), "{}", self.log());
    }

    /// Waits for its end.
    pub async fn end(&mut self) -> ExitStatus {
        let ended = within("the end of the server", self.ended.wait_for(Option::is_some)).await;
        ended.expect("its end").expect("a status")
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub async fn get(&self, path: &str) -> reqwest::Response {
        within(path, self.http.get(self.url(path)).send()).await.expect(path)
    }

    /// The same with this header.
    pub async fn get_with(&self, path: &str, (name, value): (&str, &str)) -> reqwest::Response {
        within(path, self.http.get(self.url(path)).header(name, value).send()).await.expect(path)
    }

    /// The JSON at this path, which must be answered with 200.
    pub async fn json(&self, path: &str) -> Value {
        let response = self.get(path).await;
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        response.json().await.expect("JSON")
    }

    /// The value of a metric, with its labels as they are printed; 0 where it is not there yet.
    pub async fn metric(&self, name: &str) -> f64 {
        let text = self.get("/metrics").await.text().await.expect("text");
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok());
        value.unwrap_or_default()
    }

    /// Waits for what is named by `what`: that the value of a metric is so.
    pub async fn counts(&self, what: &str, name: &str, is_so: impl Fn(f64) -> bool) {
        soon(what, async || is_so(self.metric(name).await)).await;
    }
}

impl Ended {
    /// What it printed; it must have done its work.
    #[track_caller]
    pub fn done(self) -> String {
        assert!(self.status.success(), "{}{}", self.stdout, self.stderr);
        self.stdout
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.ended.borrow().is_none() {
            kill("KILL", self.pid);
        }
        if thread::panicking() {
            eprintln!("The log of the server at {}:\n{}", self.address, self.log());
        }
    }
}

/// The ports of IPv4 that a process listens on. None where it is gone.
fn ports(pid: u32) -> Vec<u16> {
    let Ok(folder) = std::fs::read_dir(format!("/proc/{pid}/fd")) else { return Vec::new() };
    let open: Vec<_> = folder.filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok()).collect();
    let table = std::fs::read_to_string("/proc/net/tcp").expect("the sockets");
    let listening = table.lines().filter_map(|line| {
        let columns: Vec<_> = line.split_whitespace().collect();
        let (address, state, inode) = (columns.get(1)?, columns.get(3)?, columns.get(9)?);
        let socket = format!("socket:[{inode}]");
        let is_ours = *state == "0A" && open.iter().any(|o| o.as_os_str() == socket.as_str());
        let port = u16::from_str_radix(address.rsplit(':').next()?, 16).ok()?;
        is_ours.then_some(port)
    });
    listening.collect()
}

/// The process is our child and not waited for yet where this is called, so the id is still its own.
fn kill(signal: &str, pid: u32) {
    let status = Command::new("kill").args(["-s", signal, &pid.to_string()]).status();
    assert!(status.is_ok_and(|s| s.success()) || thread::panicking(), "kill -s {signal} {pid}");
}

/// All that a process wrote: until its pipe is closed.
async fn whole(mut stream: watch::Receiver<String>) -> String {
    while stream.changed().await.is_ok() {}
    stream.borrow().clone()
}
