use std::{
    fs,
    net::{SocketAddr, TcpListener},
    process::{Child, Command, Stdio},
    time::Duration,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use lapin::{Connection, ConnectionProperties};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::time::{sleep, timeout};

use super::{Folder, certificates, until};

/// Debian's own scripts would become another user first.
const PROGRAMS: &str = "/usr/lib/rabbitmq/bin";
const PASSWORD: &str = "the broker's own";
/// How long it may take to start.
const START_MAX: Duration = Duration::from_secs(300);

/// A RabbitMQ of a test's own, with a virtual host for each case. What is persistent survives that it is killed.
pub struct RabbitMq {
    port: u16,
    /// The same with TLS.
    secure_port: u16,
    names_port: u16,
    folder: Folder,
    /// What knows its name: without one it would start one that outlives it.
    names: Child,
    process: Child,
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a port").port()
}

fn quiet(command: &mut Command) -> Child {
    let command = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().expect("it starts (Debian: apt-get install rabbitmq-server)")
}

/// As RabbitMQ keeps a password: some bytes, and SHA-256 of these and it.
fn password_hash(password: &str) -> String {
    let salt = [1, 2, 3, 4];
    let hash = Sha256::new().chain_update(salt).chain_update(password).finalize();
    STANDARD.encode([&salt[..], &hash[..]].concat())
}

/// Its users and virtual hosts: `chat` may all, `reader` may make nothing.
fn definitions(vhosts: &[&str]) -> Value {
    let user = |name: &str, tags: &str| json!({"name": name, "password_hash": password_hash(PASSWORD), "hashing_algorithm": "rabbit_password_hashing_sha256", "tags": tags});
    let permissions = |user: &str, configure: &str| {
        let of =
            |vhost: &&str| json!({"user": user, "vhost": vhost, "configure": configure, "write": ".*", "read": ".*"});
        vhosts.iter().map(of).collect::<Vec<_>>()
    };
    let permissions = [permissions("chat", ".*"), permissions("reader", "^$")].concat();
    json!({
        "users": [user("chat", "administrator"), user("reader", "")],
        "vhosts": vhosts.iter().map(|name| json!({"name": name})).collect::<Vec<_>>(),
        "permissions": permissions,
    })
}

impl RabbitMq {
    pub async fn start(vhosts: &[&str]) -> Self {
        let folder = Folder::new("rabbitmq");
        fs::write(folder.path("plugins"), "[].").expect("a file");
        fs::write(folder.path("definitions.json"), definitions(vhosts).to_string()).expect("a file");
        let (names_port, names) = loop {
            let port = free_port();
            let mut names = quiet(Command::new("epmd").args(["-address", "127.0.0.1", "-port", &port.to_string()]));
            let is_up = async || match names.try_wait().expect("a child") {
                // Somebody was faster on this port.
                Some(_) => Some(false),
                None => tokio::net::TcpStream::connect(("127.0.0.1", port)).await.ok().map(|_| true),
            };
            if until("epmd to listen", is_up).await && names.try_wait().expect("a child").is_none() {
                break (port, names);
            }
        };
        certificates(&folder.0);
        let (port, secure_port, process) = Self::spawn(&folder, names_port);
        let mut rabbit = Self { port, secure_port, names_port, folder, names, process };
        rabbit.answers(vhosts[0]).await;
        rabbit
    }

    /// What each of its programs is told of where it is.
    fn with_its_place<'a>(command: &'a mut Command, folder: &Folder, names_port: u16) -> &'a mut Command {
        command
            .env("HOME", &folder.0)
            .env("RABBITMQ_NODENAME", "chat@localhost")
            .env("ERL_EPMD_ADDRESS", "127.0.0.1")
            .env("ERL_EPMD_PORT", names_port.to_string())
            .env("RABBITMQ_CONF_ENV_FILE", "/dev/null")
    }

    fn spawn(folder: &Folder, names_port: u16) -> (u16, u16, Child) {
        let (port, secure_port, distribution_port) = (free_port(), free_port(), free_port());
        let [authority, certificate, key] = ["ca.pem", "good.pem", "server.key"].map(|file| folder.path(file));
        let conf = format!(
            "listeners.tcp.1 = 127.0.0.1:{port}\nlisteners.ssl.1 = 127.0.0.1:{secure_port}\n\
             ssl_options.cacertfile = {authority}\nssl_options.certfile = {certificate}\nssl_options.keyfile = {key}\n\
             load_definitions = {}\n",
            folder.path("definitions.json")
        );
        fs::write(folder.path("rabbitmq.conf"), conf).expect("a file");
        let mut command = Command::new(format!("{PROGRAMS}/rabbitmq-server"));
        Self::with_its_place(&mut command, folder, names_port)
            // The process is the broker itself then, and no script that would leave it behind.
            .env("RUNNING_UNDER_SYSTEMD", "1")
            .env("RABBITMQ_DIST_PORT", distribution_port.to_string())
            .env("RABBITMQ_CONFIG_FILE", folder.path("rabbitmq"))
            .env("RABBITMQ_ENABLED_PLUGINS_FILE", folder.path("plugins"))
            .env("RABBITMQ_MNESIA_BASE", folder.path("mnesia"))
            .env("RABBITMQ_LOG_BASE", folder.path("log"))
            .env("RABBITMQ_PID_FILE", folder.path("pid"));
        (port, secure_port, quiet(&mut command))
    }

    /// Waits until it answers as a broker does; on other ports where somebody was faster on these.
    async fn answers(&mut self, vhost: &str) {
        let mut n_starts = 1;
        let answering = async {
            loop {
                let url = self.url(vhost);
                let connecting = Connection::connect(&url, ConnectionProperties::default());
                if let Ok(Ok(_)) = timeout(Duration::from_secs(5), connecting).await {
                    return;
                }
                if self.process.try_wait().expect("a child").is_some() {
                    assert!(n_starts < 5, "RabbitMQ ends when it starts: {}", self.log());
                    n_starts += 1;
                    (self.port, self.secure_port, self.process) = Self::spawn(&self.folder, self.names_port);
                }
                sleep(Duration::from_millis(100)).await;
            }
        };
        // A machine of its own has to start first: seconds, and beside other work a minute and more.
        timeout(START_MAX, answering).await.expect("RabbitMQ to answer");
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path("log/chat@localhost.log")).unwrap_or_default()
    }

    pub fn address(&self) -> SocketAddr {
        ([127, 0, 0, 1], self.port).into()
    }

    /// As CHAT_AMQP_URL has it.
    pub fn url(&self, vhost: &str) -> String {
        self.url_at(self.address(), ("chat", vhost))
    }

    /// The same, through what stands before it, or as another user.
    pub fn url_at(&self, address: SocketAddr, (user, vhost): (&str, &str)) -> String {
        format!("amqp://{user}:{}@{address}/{vhost}", PASSWORD.replace(' ', "%20"))
    }

    /// The same with TLS, by the name that its certificate has.
    pub fn secure_url(&self, vhost: &str) -> String {
        let plain = self.url_at(([127, 0, 0, 1], self.secure_port).into(), ("chat", vhost));
        plain.replace("amqp://", "amqps://").replace("127.0.0.1", "localhost")
    }

    /// A file of what its certificates were made of.
    pub fn file(&self, name: &str) -> String {
        self.folder.path(name)
    }

    /// Asks its command line for something.
    pub fn ctl(&self, arguments: &[&str]) {
        let mut command = Command::new(format!("{PROGRAMS}/rabbitmqctl"));
        let told = Self::with_its_place(&mut command, &self.folder, self.names_port).args(arguments);
        let told = told.output().expect("an answer");
        assert!(told.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&told.stderr));
    }

    /// Ends it in the middle of whatever it does.
    pub fn kill(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }

    /// Starts it with what it kept, on another port.
    pub async fn start_again(&mut self, vhost: &str) {
        (self.port, self.secure_port, self.process) = Self::spawn(&self.folder, self.names_port);
        self.answers(vhost).await;
    }
}

impl Drop for RabbitMq {
    fn drop(&mut self) {
        self.kill();
        let _ = self.names.kill();
        let _ = self.names.wait();
    }
}
