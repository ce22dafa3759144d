//! The proxies of docs/OPERATIONS.md, taken from there as they stand: a conversation over TLS goes on while they read
//! their settings again, and the visitor's address counts.

use std::{
    io::{self, Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use tokio::task::JoinSet;
use uuid::Uuid;

use chat_wire::ServerFrame;

use crate::support::{Client, Database, Event, Folder, Server, Who, cluster::run, soon, until, whole, within};

const DOCUMENT: &str = include_str!("../../docs/OPERATIONS.md");
/// The name in the documented settings.
pub const HOST: &str = "chat.example";
pub const N_TALKERS: usize = 4;
pub const BEHIND: [(&str, &str); 2] = [("CHAT_RATE_LIMITS", "off"), ("CHAT_TRUSTED_PROXIES", "127.0.0.1,::1")];

/// The one block of the document in the language of this proxy: its documented settings.
fn snippet(kind: Kind) -> String {
    let language = match kind {
        Kind::Nginx => "nginx",
        Kind::Caddy => "caddyfile",
        Kind::HaProxy => "haproxy",
        Kind::Apache => "apache",
    };
    let opening = format!("```{language}\n");
    let blocks: Vec<&str> = DOCUMENT.split(&opening).skip(1).collect();
    assert_eq!(blocks.len(), 1, "blocks of {language}");
    blocks[0].split_once("```").expect("the end of a block").0.to_owned()
}

/// Replaces what must be there.
pub fn replace(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "{from} in:\n{text}");
    text.replace(from, to)
}

/// With the certificate of this folder instead of the documented one.
fn with_certificate(settings: &str, folder: &Path) -> String {
    let documented = "/etc/letsencrypt/live/chat.example";
    let at = folder.display();
    let settings = replace(settings, &format!("{documented}/fullchain.pem"), &format!("{at}/cert.pem"));
    replace(&settings, &format!("{documented}/privkey.pem"), &format!("{at}/key.pem"))
}

/// A port that nobody listens on. Somebody may take it before the proxy does; then the proxy says so and ends.
fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

fn program(name: &str) -> Command {
    // Where Debian has programs for administrators.
    let path = format!("{}:/usr/sbin", std::env::var("PATH").unwrap_or_default());
    let mut command = Command::new(name);
    command.env("PATH", path).stdin(Stdio::null());
    command
}

/// The proxies that docs/OPERATIONS.md has settings for, of those that Debian has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Nginx,
    Caddy,
    HaProxy,
    Apache,
}

/// A proxy as a process, in a folder of its own with a certificate of its own.
pub struct Proxy {
    child: Child,
    folder: Folder,
    /// Where it takes TLS.
    address: SocketAddr,
    log: PathBuf,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // nginx ends its workers at SIGTERM, which it could not at SIGKILL.
        run(Command::new("kill").args(["-s", "TERM", &self.child.id().to_string()]));
        let _ = self.child.wait();
        if thread::panicking() {
            eprintln!("The proxy's log:\n{}", std::fs::read_to_string(&self.log).unwrap_or_default());
        }
    }
}

impl Proxy {
    /// Makes the folder and the certificate, lets `settle` write the settings, and starts it until it takes connections.
    async fn start(settle: impl Fn(&Path, u16) -> Command) -> Self {
        let folder = Folder::new("rtc_proxy");
        let certificate = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 \
            -subj /CN=chat.example -addext subjectAltName=DNS:chat.example -keyout key.pem -out cert.pem";
        run(Command::new("openssl").current_dir(&folder.0).args(certificate.split(' ')));
        let log = folder.0.join("log");
        for _ in 0..5 {
            let port = free_port();
            let mut command = settle(&folder.0, port);
            let write = std::fs::File::create(&log).unwrap();
            command.stdout(write.try_clone().unwrap()).stderr(write);
            let mut child = command.spawn().unwrap_or_else(|e| panic!("{command:?}: {e}"));
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
            let is_up = async || match child.try_wait().unwrap() {
                Some(_) => Some(false),
                None => TcpStream::connect(address).is_ok().then_some(true),
            };
            if until("the proxy to listen or to end", is_up).await {
                return Self { child, folder, address, log };
            }
        }
        panic!("the proxy does not start:\n{}", std::fs::read_to_string(&log).unwrap_or_default());
    }

    /// A proxy with the documented settings, which may be edited.
    pub async fn of(kind: Kind, server: &Server, edit: impl Fn(String) -> String) -> Self {
        let settings = replace(&edit(snippet(kind)), "127.0.0.1:8080", &server.address.to_string());
        Self::start(|folder, port| match kind {
            Kind::Nginx => Self::settle_nginx(&settings, "", folder, port),
            Kind::Caddy => Self::settle_caddy(&settings, folder, port),
            Kind::HaProxy => Self::settle_haproxy(&settings, folder, port),
            Kind::Apache => Self::settle_apache(&settings, folder, port),
        })
        .await
    }

    /// nginx with the documented settings and what stands around them in its main file.
    async fn nginx(server: &Server, outside: &str) -> Self {
        let settings = replace(&snippet(Kind::Nginx), "127.0.0.1:8080", &server.address.to_string());
        Self::start(|folder, port| Self::settle_nginx(&settings, outside, folder, port)).await
    }

    fn settle_haproxy(settings: &str, folder: &Path, port: u16) -> Command {
        let part = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
        std::fs::write(folder.join("both.pem"), part("cert.pem") + &part("key.pem")).unwrap();
        let chat = replace(settings, "bind :443 ", &format!("bind 127.0.0.1:{port} "));
        let chat = replace(&chat, "/etc/haproxy/chat.example.pem", &format!("{}/both.pem", folder.display()));
        std::fs::write(folder.join("haproxy.cfg"), chat).unwrap();
        let mut command = program("haproxy");
        command.arg("-db").arg("-f").arg(folder.join("haproxy.cfg"));
        command
    }

    /// Apache with what Debian's main file and `a2enmod` would say.
    fn settle_apache(settings: &str, folder: &Path, port: u16) -> Command {
        let at = folder.display();
        let chat = replace(settings, "<VirtualHost *:443>", &format!("<VirtualHost 127.0.0.1:{port}>"));
        let chat = with_certificate(&chat, folder);
        let modules = ["mpm_event", "authz_core", "socache_shmcb", "ssl", "headers", "proxy", "proxy_http"];
        let load = |name| format!("LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so\n");
        let modules: String = modules.iter().map(load).collect();
        // Of no effect but for root, whose rights Apache would not serve with.
        let main = format!(
            "ServerRoot {at}\nDefaultRuntimeDir {at}\nPidFile {at}/pid\nErrorLog {at}/log\nServerName {HOST}\n\
             {modules}User www-data\nGroup www-data\nListen 127.0.0.1:{port}\n{chat}"
        );
        std::fs::write(folder.join("apache.conf"), main).unwrap();
        let mut command = program("apache2");
        command.arg("-f").arg(folder.join("apache.conf")).arg("-DFOREGROUND");
        command
    }

    fn settle_nginx(settings: &str, outside: &str, folder: &Path, port: u16) -> Command {
        let at = folder.display();
        let lines = settings.lines().filter(|line| !line.contains("[::]"));
        let chat: String = lines.map(|line| format!("{line}\n")).collect();
        let chat = replace(&chat, "listen 443 ", &format!("listen 127.0.0.1:{port} "));
        let chat = replace(&chat, "listen 80;", &format!("listen 127.0.0.1:{};", free_port()));
        std::fs::write(folder.join("chat.conf"), with_certificate(&chat, folder)).unwrap();
        let main = format!(
            "daemon off;\npid {at}/pid;\nerror_log stderr notice;\n{outside}\nevents {{ worker_connections 1024; }}\n\
             http {{\naccess_log off;\nclient_body_temp_path {at}/body;\nproxy_temp_path {at}/proxy;\n\
             fastcgi_temp_path {at}/fastcgi;\nuwsgi_temp_path {at}/uwsgi;\nscgi_temp_path {at}/scgi;\n\
             include {at}/chat.conf;\n}}\n"
        );
        std::fs::write(folder.join("nginx.conf"), main).unwrap();
        Self::nginx_command(folder)
    }

    fn settle_caddy(settings: &str, folder: &Path, port: u16) -> Command {
        let at = folder.display();
        let here = format!("https://{HOST}:{port} {{\n    bind 127.0.0.1\n    tls {at}/cert.pem {at}/key.pem");
        let site = replace(settings, "chat.example {", &here);
        let global = format!("{{\n    admin 127.0.0.1:{}\n    auto_https disable_redirects\n}}\n", free_port());
        std::fs::write(folder.join("Caddyfile"), global + &site).unwrap();
        Self::caddy_command(folder, "run")
    }

    fn nginx_command(folder: &Path) -> Command {
        let mut command = program("nginx");
        command.arg("-p").arg(folder).arg("-c").arg(folder.join("nginx.conf"));
        command
    }

    /// `nginx -s reload`, and waits until the new worker has taken over from the old one.
    async fn reload_nginx(&self) {
        let workers = || {
            let list = format!("/proc/{0}/task/{0}/children", self.child.id());
            let list = std::fs::read_to_string(list).expect("the workers");
            list.split_whitespace().map(str::to_owned).collect::<Vec<_>>()
        };
        let old = workers();
        run(Self::nginx_command(&self.folder.0).args(["-s", "reload"]));
        soon("new workers", async || workers().iter().any(|pid| !old.contains(pid))).await;
    }

    fn caddy_command(folder: &Path, what: &str) -> Command {
        let mut command = program("caddy");
        command.args([what, "--adapter", "caddyfile", "--config"]).arg(folder.join("Caddyfile"));
        // It keeps things at home.
        command.env("HOME", folder).env_remove("XDG_DATA_HOME").env_remove("XDG_CONFIG_HOME");
        command
    }

    /// Reads other settings: Caddy does nothing about those that it has.
    fn reload_caddy(&self) {
        let path = self.folder.0.join("Caddyfile");
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, replace(&text, "bind 127.0.0.1", "header X-Reloaded yes\n    bind 127.0.0.1")).unwrap();
        run(&mut Self::caddy_command(&self.folder.0, "reload"));
    }

    /// What a browser sends as `Host`.
    pub fn host(&self) -> String {
        format!("{HOST}:{}", self.address.port())
    }

    /// An address at which bytes go to the proxy over TLS, from this address of the machine. `openssl s_client` holds
    /// the certificate against the name.
    pub fn tunnel(&self, from: Ipv4Addr) -> SocketAddr {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let here = listener.local_addr().unwrap();
        let (proxy, certificate) = (self.address, self.folder.0.join("cert.pem"));
        // Waits for a connection until the test's process ends.
        thread::spawn(move || {
            for near in listener.incoming().flatten() {
                let certificate = certificate.clone();
                thread::spawn(move || through_tls(near, proxy, from, &certificate));
            }
        });
        here
    }
}

/// Carries one connection until either side ends it.
fn through_tls(near: TcpStream, proxy: SocketAddr, from: Ipv4Addr, certificate: &Path) {
    near.set_nodelay(true).unwrap();
    let mut tls = Command::new("openssl");
    let arguments = format!(
        "s_client -quiet -no_ign_eof -verify_return_error -verify_hostname {HOST} -servername {HOST} -bind {from}:0 \
         -connect {proxy} -CAfile"
    );
    tls.args(arguments.split(' ')).arg(certificate).stderr(Stdio::null());
    let mut tls = tls.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let (mut into, mut out) = (tls.stdin.take().unwrap(), tls.stdout.take().unwrap());
    let (mut from_near, mut to_near) = (near.try_clone().unwrap(), near.try_clone().unwrap());
    let up = thread::spawn(move || carry(&mut from_near, &mut into));
    carry(&mut out, &mut to_near);
    let _ = near.shutdown(std::net::Shutdown::Both);
    let _ = up.join();
    let _ = tls.kill();
    let _ = tls.wait();
}

fn carry(from: &mut impl Read, to: &mut impl Write) {
    let mut buffer = [0; 16_384];
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return,
            Ok(n) if to.write_all(&buffer[..n]).and_then(|()| to.flush()).is_ok() => {}
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            _ => return,
        }
    }
}

/// What talkers have done.
#[derive(Default)]
pub struct Done {
    pub stop: AtomicBool,
    pub n_acks: AtomicUsize,
    pub n_returns: AtomicUsize,
}

/// Says one thing after the other; where the connection breaks, comes back and says again what was not acknowledged.
pub async fn talk(address: SocketAddr, host: String, who: Who, done: Arc<Done>) -> Client {
    let mut client = Client::try_connect_as(address, &host, "post", &[]).await.expect("an upgrade");
    client.who = who.clone();
    client.enter(None).await;
    for n in 0.. {
        if done.stop.load(Ordering::Relaxed) {
            break;
        }
        let (client_id, content) = (Uuid::new_v4(), format!("message {n}"));
        loop {
            client.try_publish(client_id, &content).await;
            if is_acknowledged(&mut client, client_id).await {
                done.n_acks.fetch_add(1, Ordering::Relaxed);
                break;
            }
            done.n_returns.fetch_add(1, Ordering::Relaxed);
            let history = client.drop_connection();
            let way_back = async {
                loop {
                    if let Some(client) = Client::try_connect_as(address, &host, "post", &[]).await {
                        return client;
                    }
                    // A server that stops refuses at once; each try is a process.
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            };
            client = within("the way back", way_back).await;
            let welcome = client.come_back(who.clone(), history).await;
            assert!(welcome.head.resumed, "{:?}", welcome.head);
        }
    }
    client
}

/// Or the connection is gone.
async fn is_acknowledged(client: &mut Client, client_id: Uuid) -> bool {
    loop {
        match client.next("an ACK").await {
            Event::Frame(ServerFrame::Ack(ack)) if ack.client_id == client_id => return true,
            Event::Frame(ServerFrame::Error(error)) => panic!("instead of an ACK: {error:?}"),
            Event::Frame(_) => {}
            Event::Closed(_) => return false,
        }
    }
}

/// People talk over TLS while the proxy reads its settings again. Gives how often somebody had to come back.
async fn nobody_loses_a_message(database: &Database, proxy: &Proxy, reload: impl AsyncFn(&Done)) -> usize {
    let address = proxy.tunnel(Ipv4Addr::LOCALHOST);
    let done = Arc::new(Done::default());
    let mut talking = JoinSet::new();
    for n in 0..N_TALKERS {
        talking.spawn(talk(address, proxy.host(), Who::named(&format!("talker {n}")), done.clone()));
    }
    let goes_on = async |n: usize| {
        let before = done.n_acks.load(Ordering::Relaxed);
        soon("messages", async || done.n_acks.load(Ordering::Relaxed) >= before + n).await;
    };
    for _ in 0..2 {
        goes_on(20).await;
        reload(&done).await;
        goes_on(20).await;
    }
    done.stop.store(true, Ordering::Relaxed);
    let clients = talking.join_all().await;
    let stored = whole(database, "post").await;
    assert_eq!(stored.len(), done.n_acks.load(Ordering::Relaxed), "each message once");
    for mut client in clients {
        client.reach(stored.len() as i64).await;
        client.history.agrees_with(&stored);
    }
    done.n_returns.load(Ordering::Relaxed)
}

/// Each visitor counts by the address that the proxy saw, whatever the visitor says.
async fn addresses_count(proxy: &Proxy) {
    let open = async |from: Ipv4Addr, forged: &str| {
        let address = proxy.tunnel(from);
        // As a browser does, in a frame of the chat's own origin.
        let origin = format!("https://{}", proxy.host());
        let headers = [("X-Forwarded-For", forged), ("Origin", &origin)];
        Client::try_connect_as(address, &proxy.host(), "post", &headers).await.expect("an upgrade")
    };
    let (one, two) = (Ipv4Addr::new(127, 0, 0, 2), Ipv4Addr::new(127, 0, 0, 3));
    let mut first = open(one, "192.0.2.1").await;
    first.enter(None).await;
    assert_eq!(open(one, "192.0.2.2").await.closed().await, 4006, "one session of an address is allowed here");
    open(two, "192.0.2.1").await.enter(None).await;
    first.ping().await;
}

fn as_it_stands(settings: String) -> String {
    settings
}

const ONE_OF_AN_ADDRESS: [(&str, &str); 2] =
    [("CHAT_ADDRESS_SESSIONS_MAX", "1"), ("CHAT_TRUSTED_PROXIES", "127.0.0.1,::1")];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reload_of_nginx_in_mid_conversation_disturbs_nobody() {
    let (database, server) = Server::alone(&BEHIND).await;
    let proxy = Proxy::nginx(&server, "").await;
    let n_returns = nobody_loses_a_message(&database, &proxy, async |_: &Done| proxy.reload_nginx().await).await;
    assert_eq!(n_returns, 0, "the old workers keep their sessions");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reload_of_nginx_that_cuts_sessions_loses_no_message() {
    let (database, server) = Server::alone(&BEHIND).await;
    let proxy = Proxy::nginx(&server, "worker_shutdown_timeout 1s;").await;
    let cut = async |done: &Done| {
        let n_back = done.n_returns.load(Ordering::Relaxed) + N_TALKERS;
        proxy.reload_nginx().await;
        soon("all to be cut", async || done.n_returns.load(Ordering::Relaxed) >= n_back).await;
    };
    let n_returns = nobody_loses_a_message(&database, &proxy, cut).await;
    assert!(n_returns >= 2 * N_TALKERS, "each came back twice: {n_returns}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn behind_nginx_the_visitors_address_counts() {
    let (_database, server) = Server::alone(&ONE_OF_AN_ADDRESS).await;
    addresses_count(&Proxy::nginx(&server, "").await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reload_of_caddy_in_mid_conversation_loses_no_message() {
    let (database, server) = Server::alone(&BEHIND).await;
    let proxy = Proxy::of(Kind::Caddy, &server, as_it_stands).await;
    let n_returns = nobody_loses_a_message(&database, &proxy, async |_: &Done| proxy.reload_caddy()).await;
    println!("{n_returns} had to come back");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn behind_caddy_the_visitors_address_counts() {
    let (_database, server) = Server::alone(&ONE_OF_AN_ADDRESS).await;
    addresses_count(&Proxy::of(Kind::Caddy, &server, as_it_stands).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn behind_haproxy_and_apache_the_visitors_address_counts() {
    for kind in [Kind::HaProxy, Kind::Apache] {
        let (_database, server) = Server::alone(&ONE_OF_AN_ADDRESS).await;
        addresses_count(&Proxy::of(kind, &server, as_it_stands).await).await;
    }
}
