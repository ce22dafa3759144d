use std::{
    fs,
    net::TcpListener,
    os::unix::fs::PermissionsExt,
    process::{Child, Command, Stdio},
};

use tokio::net::TcpStream;

use super::{Folder, until};

/// A pgbouncer in front of the tests' PostgreSQL, in transaction mode: many connections share a few sessions.
pub struct PgBouncer {
    folder: Folder,
    port: u16,
    process: Child,
    /// The database through it.
    pub url: String,
}

impl PgBouncer {
    /// In front of the database with this URL, with at most `n_sessions`.
    pub async fn start(database_url: &str, n_sessions: usize) -> Self {
        let (user, rest) = database_url.split_once("://").and_then(|(_, url)| url.split_once('@')).expect("a URL");
        let (user, password) = user.split_once(':').expect("a user with a password");
        let (address, name) = rest.split_once('/').expect("a URL with a database");
        let (host, to_port) = address.split_once(':').expect("a host and a port");
        // It cannot tell which port it took: one that is free now, and another one where somebody was faster.
        for _ in 0..20 {
            let folder = Folder::new("rtc_pgbouncer");
            // It does not run as root, and reads its files as whoever it runs as then.
            fs::set_permissions(&folder.0, fs::Permissions::from_mode(0o755)).expect("rights");
            fs::write(folder.path("users"), format!("\"{user}\" \"{password}\"\n")).expect("a file");
            let port = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a port").port();
            let settings = format!(
                "[databases]\n* = host={host} port={to_port}\n[pgbouncer]\nlisten_addr = 127.0.0.1\n\
                 listen_port = {port}\nunix_socket_dir =\nauth_type = scram-sha-256\nauth_file = {}\n\
                 pool_mode = transaction\ndefault_pool_size = {n_sessions}\nmax_client_conn = 500\n\
                 server_login_retry = 1\n",
                folder.path("users")
            );
            fs::write(folder.path("settings"), settings).expect("a file");
            let process = Self::spawn(&folder);
            let url = format!("postgres://{user}:{password}@127.0.0.1:{port}/{name}");
            let mut bouncer = Self { folder, port, process, url };
            if bouncer.listens().await {
                return bouncer;
            }
        }
        panic!("pgbouncer found no port");
    }

    fn spawn(folder: &Folder) -> Child {
        let program =
            ["/usr/sbin/pgbouncer", "/usr/bin/pgbouncer"].into_iter().find(|p| fs::exists(p).unwrap_or(false));
        let mut command = Command::new(program.expect("pgbouncer is not here (Debian: apt-get install pgbouncer)"));
        command.arg("--quiet");
        if fs::metadata("/proc/self").is_ok_and(|m| std::os::unix::fs::MetadataExt::uid(&m) == 0) {
            command.args(["--user", "nobody"]);
        }
        command.arg(folder.path("settings")).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().expect("pgbouncer starts")
    }

    /// Waits until it takes connections; `false` where it ended instead.
    async fn listens(&mut self) -> bool {
        let port = self.port;
        let process = &mut self.process;
        let outcome = async || match process.try_wait().expect("a child") {
            Some(_) => Some(false),
            None => TcpStream::connect(("127.0.0.1", port)).await.is_ok().then_some(true),
        };
        until("pgbouncer to listen", outcome).await
    }

    /// Ends it in the middle of whatever it does.
    pub fn kill(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }

    /// Starts it again where it was.
    pub async fn start_again(&mut self) {
        self.process = Self::spawn(&self.folder);
        assert!(self.listens().await, "pgbouncer ended");
    }
}

impl Drop for PgBouncer {
    fn drop(&mut self) {
        self.kill();
    }
}
