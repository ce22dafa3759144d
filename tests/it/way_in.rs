//! The way in: under a path, behind each proxy of docs/OPERATIONS.md, behind proxies that do something wrong, and over
//! connections that idle.

use std::{collections::HashSet, net::Ipv4Addr, time::Duration};

use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::Instant,
};

use crate::{
    proxies::{HOST, Kind, Proxy, replace},
    support::{Client, Database, Server, connect_from, get_raw, raw::ask_livez, read_to_end, soon, within},
};

const TRUSTED: (&str, &str) = ("CHAT_TRUSTED_PROXIES", "127.0.0.1,::1");
const UNDER_A_PATH: (&str, &str) = ("CHAT_BASE_PATH", "/chat");

/// What a proxy does with the path that the chat is served under.
#[derive(Debug, Clone, Copy)]
enum Path {
    /// There is none.
    Root,
    /// It passes it on.
    Kept,
    /// It takes it away.
    TakenAway,
}

impl Path {
    fn base(self) -> &'static str {
        match self {
            Self::Root => "",
            Self::Kept | Self::TakenAway => "/chat",
        }
    }

    /// The settings as docs/OPERATIONS.md has them, and as its table "Under a path" changes them.
    fn edit(self, kind: Kind, settings: &str) -> String {
        // What is replaced, and by what, where the path is kept and where it is taken away.
        let (from, kept, taken_away) = match kind {
            Kind::Nginx => ("location / {", "location /chat/ {", "location /chat/ {"),
            Kind::Caddy => (
                "reverse_proxy 127.0.0.1:8080",
                "reverse_proxy /chat/* 127.0.0.1:8080",
                "handle_path /chat/* {\n        reverse_proxy 127.0.0.1:8080\n    }",
            ),
            Kind::HaProxy => {
                let rule = "use_backend chat if { path_beg /chat/ }";
                ("default_backend chat", rule, rule)
            }
            Kind::Apache => (
                "ProxyPass / http://127.0.0.1:8080/ ",
                "ProxyPass /chat/ http://127.0.0.1:8080/chat/ ",
                "ProxyPass /chat/ http://127.0.0.1:8080/ ",
            ),
        };
        match (self, kind) {
            (Self::Root, _) => settings.to_owned(),
            (Self::Kept, _) => replace(settings, from, kept),
            (Self::TakenAway, Kind::Nginx) => {
                replace(&replace(settings, from, taken_away), "proxy_pass http://chat;", "proxy_pass http://chat/;")
            }
            (Self::TakenAway, Kind::HaProxy) => {
                let rule = "\nbackend chat\n    http-request replace-path /chat/(.*) /\\1\n";
                replace(&replace(settings, from, taken_away), "\nbackend chat\n", rule)
            }
            (Self::TakenAway, _) => replace(settings, from, taken_away),
        }
    }
}

/// A browser's requests through a proxy.
struct Visit<'a> {
    proxy: &'a Proxy,
    address: std::net::SocketAddr,
    base: &'static str,
    http: reqwest::Client,
}

impl<'a> Visit<'a> {
    fn new(proxy: &'a Proxy, base: &'static str) -> Self {
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        Self { proxy, address: proxy.tunnel(Ipv4Addr::LOCALHOST), base, http }
    }

    fn origin(&self) -> String {
        format!("https://{}", self.proxy.host())
    }

    /// What stands at an address of this host, base path included.
    async fn get(&self, path: &str) -> reqwest::Response {
        let request = self.http.get(format!("http://{}{path}", self.address)).header("Host", self.proxy.host());
        within(path, request.send()).await.expect(path)
    }

    async fn text(&self, path: &str) -> String {
        let answer = self.get(path).await;
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        answer.text().await.unwrap()
    }

    async fn verdicts(&self) -> Value {
        let path = format!("{}/check.json?origin={}", self.base, self.origin());
        serde_json::from_str(&self.text(&path).await).unwrap()
    }

    /// A socket of the chat's own page.
    async fn socket(&self) -> Option<Client> {
        let (host, origin) = (format!("{}{}", self.proxy.host(), self.base), self.origin());
        Client::try_connect_as(self.address, &host, "post", &[("Origin", &origin)]).await
    }
}

/// The page and all that it asks for, the socket, the history, and what the server learns of who asks.
async fn everything_gets_through(proxy: &Proxy, path: Path) {
    let base = path.base();
    let visit = Visit::new(proxy, base);
    let mut client = visit.socket().await.expect("an upgrade");
    client.who = crate::support::Who::named("visitor");
    client.enter(None).await;
    client.say("through the proxy").await;

    let page = visit.text(&format!("{base}/room/post")).await;
    assert!(page.contains("through the proxy"), "{page}");
    let mut n_files = 0;
    for file in page.split(['"', '\'']).filter(|text| text.starts_with('/') && !text.contains('>') && *text != base) {
        assert!(["static", "avatars"].iter().any(|f| file.starts_with(&format!("{base}/{f}/"))), "{file}");
        n_files += 1;
        visit.text(file).await;
    }
    // Style, two scripts, the words, the icon, an animal.
    assert!(n_files >= 6, "{n_files} files");
    for path in ["/", "/check", "/embed.js", "/api/v1/avatars"] {
        visit.text(&format!("{base}{path}")).await;
    }
    let history = visit.text(&format!("{base}/api/v1/rooms/post/messages")).await;
    let history: Value = serde_json::from_str(&history).unwrap();
    assert_eq!(history["messages"][0]["content"], "through the proxy");
    assert_eq!(visit.verdicts().await, json!({"host": true, "scheme": true, "address": "forwarded"}));
    let start = visit.text(&format!("{base}/?lang=en")).await;
    assert!(start.contains(&format!("src=\"{}{base}/embed.js\"", visit.origin())), "{start}");
    client.ping().await;
}

async fn each_way(kind: Kind) {
    for path in [Path::Root, Path::Kept, Path::TakenAway] {
        let settings = [TRUSTED, ("CHAT_BASE_PATH", path.base())];
        let (_database, server) = Server::alone(&settings).await;
        let proxy = Proxy::of(kind, &server, |settings| path.edit(kind, &settings)).await;
        everything_gets_through(&proxy, path).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn behind_nginx_everything_works_at_the_root_and_under_a_path() {
    each_way(Kind::Nginx).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn behind_caddy_everything_works_at_the_root_and_under_a_path() {
    each_way(Kind::Caddy).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn behind_haproxy_everything_works_at_the_root_and_under_a_path() {
    each_way(Kind::HaProxy).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn behind_apache_everything_works_at_the_root_and_under_a_path() {
    each_way(Kind::Apache).await;
}

/// Settings without the lines that have one of these.
fn without(settings: &str, words: &[&str]) -> String {
    for word in words {
        assert!(settings.contains(word), "{word}");
    }
    let kept = settings.lines().filter(|line| !words.iter().any(|word| line.contains(word)));
    kept.map(|line| format!("{line}\n")).collect()
}

/// A server behind an nginx whose settings lack the lines with these.
async fn nginx_without(words: &[&str]) -> (Database, Server, Proxy) {
    let (database, server) = Server::alone(&[TRUSTED]).await;
    let proxy = Proxy::of(Kind::Nginx, &server, |settings| without(&settings, words)).await;
    (database, server, proxy)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proxy_that_passes_no_host_is_named_once_with_the_remedy() {
    let (_database, server, proxy) = nginx_without(&["proxy_set_header Host"]).await;
    let visit = Visit::new(&proxy, "");
    for _ in 0..3 {
        assert_eq!(visit.socket().await.expect("an upgrade").closed().await, 4101);
    }
    assert_eq!(visit.verdicts().await["host"], false);
    server.logs_once("proxy_set_header Host").await;
    assert!(!server.log().contains(HOST), "the log names nobody: {}", server.log());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_that_a_trusted_proxy_says_apart_is_enough() {
    // Apache writes X-Forwarded-Host by itself.
    let replaced = |settings: String| without(&settings, &["ProxyPreserveHost"]);
    let (_database, server) = Server::alone(&[TRUSTED]).await;
    everything_gets_through(&Proxy::of(Kind::Apache, &server, replaced).await, Path::Root).await;

    let (_database, server) = Server::alone(&[]).await;
    let proxy = Proxy::of(Kind::Apache, &server, replaced).await;
    let visit = Visit::new(&proxy, "");
    assert_eq!(visit.socket().await.expect("an upgrade").closed().await, 4101, "not trusted, not believed");
    assert_eq!(visit.verdicts().await, json!({"host": false, "scheme": true, "address": "untrusted"}));
    server.logs_once("ProxyPreserveHost On").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proxy_that_takes_the_upgrade_away_is_named_once_with_the_remedy() {
    let words = ["proxy_set_header Upgrade", "proxy_set_header Connection"];
    let (_database, server, proxy) = nginx_without(&words).await;
    let visit = Visit::new(&proxy, "");
    for _ in 0..3 {
        assert!(visit.socket().await.is_none(), "no upgrade");
    }
    server.logs_once("takes the WebSocket upgrade away").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trusted_proxy_that_says_no_address_is_named_once_with_the_remedy() {
    let (_database, server, proxy) = nginx_without(&["X-Forwarded-For", "X-Forwarded-Proto"]).await;
    let visit = Visit::new(&proxy, "");
    for _ in 0..3 {
        visit.socket().await.expect("an upgrade").enter(None).await;
    }
    assert_eq!(visit.verdicts().await, json!({"host": true, "scheme": false, "address": "missing"}));
    server.logs_once("sends no X-Forwarded-For").await;
    // For such a proxy the whole world seems to ask from this machine.
    assert_eq!(visit.text("/healthz").await, r#"{"status":"ok"}"#);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_foreign_page_is_not_taken_for_a_fault_of_a_proxy() {
    let (_database, server) = Server::alone(&[]).await;
    for _ in 0..3 {
        let headers = [("Origin", "https://other.example")];
        let client = Client::try_connect_as(server.address, "chat.example", "post", &headers).await;
        assert_eq!(client.expect("an upgrade").closed().await, 4101);
    }
    server.logs_once("CHAT_ORIGINS").await;
    assert!(!server.log().contains("proxy_set_header"), "{}", server.log());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_a_path_the_server_answers_with_it_and_without() {
    let database = Database::sqlite();
    let server = Server::launch(&database.url, &[UNDER_A_PATH]).await;
    soon("it to be ready", async || server.get("/readyz").await.status().is_success()).await;
    assert_eq!(server.get("/chat").await.status(), 200);
    let paths = "/ /room/%ED%95%9C /embed.js /avatars/bear.svg /livez /readyz /healthz /metrics";
    for path in paths.split(' ') {
        for base in ["", "/chat"] {
            let answer = server.get(&format!("{base}{path}")).await;
            assert_eq!(answer.status(), 200, "{base}{path}");
            assert!(!answer.text().await.unwrap().contains("\"/static/"), "{base}{path}");
        }
    }
    for path in ["/chatroom", "/chat/none", "/chat/chat/", "/chat//", "/other/room/post"] {
        assert_eq!(server.get(path).await.status(), 404, "{path}");
    }
    let api = server.json("/chat/api/v1/openapi.json").await;
    assert_eq!(api["servers"][0]["url"], "/chat");
    // What a page gives away for ever is the same file with and without.
    let page = server.get("/chat/room/post").await.text().await.unwrap();
    let script = page.split("src=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a script");
    let cache = async |path: &str| server.get(path).await.headers()["cache-control"].to_str().unwrap().to_owned();
    assert!(cache(script).await.contains("immutable"), "{script}");
    assert_eq!(cache(script).await, cache(script.strip_prefix("/chat").expect("the base")).await);
    let not_found = get_raw(&server, "/chat/none", "Accept: text/html\r\n").await.body;
    assert!(not_found.contains("href=\"/chat/\"") && not_found.contains("\"/chat/static/"), "{not_found}");
    // Figures and limits know the routes, not the path before them.
    let metrics = server.get("/metrics").await.text().await.unwrap();
    assert!(metrics.contains("endpoint=\"/room/{room}\"") && !metrics.contains("/chat"), "{metrics}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_a_path_the_healthcheck_and_the_load_tester_find_the_server() {
    let database = Database::sqlite();
    let server = Server::launch(&database.url, &[UNDER_A_PATH, ("CHAT_RATE_LIMITS", "off")]).await;
    let address = server.address.to_string();
    soon("it to be ready", async || server.get("/readyz").await.status().is_success()).await;
    Server::run(&["healthcheck", "--ready"], &[("CHAT_LISTEN", &address), UNDER_A_PATH]).await.done();
    for base in ["/chat", "/chat/", ""] {
        let url = format!("http://{address}{base}");
        let arguments = ["load", "--url", &url, "--sessions=4", "--duration=500ms", "--ramp=100ms", "--fail-if=lost>0"];
        Server::run(&arguments, &[]).await.done();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_base_path_that_is_none_is_refused_with_the_variables_name() {
    for path in ["blog", "//chat", "/chat//x", "/../chat", "/chat?x", "/ch%61t", "/room", "https://blog.example/chat"] {
        let ended = Server::run(&[], &[("CHAT_BASE_PATH", path), ("CHAT_LISTEN", "127.0.0.1:0")]).await;
        assert_eq!(ended.status.code(), Some(2), "{path}");
        assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);
        assert!(ended.stderr.contains("CHAT_BASE_PATH") && !ended.stderr.contains(path), "{path}: {}", ended.stderr);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_details_of_health_are_for_those_whom_they_concern() {
    let token = "a-token-that-nobody-guesses";
    let settings = [("CHAT_TRUSTED_PROXIES", "127.0.0.2"), ("CHAT_ADMIN_TOKEN", token)];
    let (_database, server) = Server::alone(&settings).await;
    let bearer = format!("Authorization: Bearer {token}\r\n");
    let forwarded = "X-Forwarded-For: 192.0.2.1\r\n";
    let (loopback, trusted) = (Ipv4Addr::LOCALHOST, Ipv4Addr::new(127, 0, 0, 2));
    for (from, host, headers, detailed) in [
        (loopback, "127.0.0.1", String::new(), true),
        (loopback, "localhost:8080", String::new(), true),
        // A proxy that says nothing of whom it asks for.
        (loopback, "chat.example", String::new(), false),
        // One that is not trusted, and what a visitor wrote to seem to be near.
        (loopback, "127.0.0.1", forwarded.into(), false),
        (loopback, "127.0.0.1", "X-Forwarded-For: 127.0.0.1\r\n".into(), false),
        (loopback, "127.0.0.1", "Forwarded: for=192.0.2.1\r\n".into(), false),
        (loopback, "127.0.0.1", "Via: 1.1 proxy\r\n".into(), false),
        (trusted, "chat.example", forwarded.into(), false),
        (trusted, "chat.example", "X-Forwarded-For: 127.0.0.1, 192.0.2.1\r\n".into(), false),
        (trusted, "chat.example", "X-Forwarded-For: 127.0.0.1\r\n".into(), true),
        (loopback, "chat.example", bearer.clone(), true),
        (trusted, "chat.example", format!("{forwarded}{bearer}"), true),
        (trusted, "chat.example", format!("{forwarded}authorization: bearer  {token} \r\n"), true),
        (trusted, "chat.example", format!("{forwarded}Authorization: Bearer {token}x\r\n"), false),
        (trusted, "chat.example", format!("{forwarded}Authorization: Bearer \r\n"), false),
        (trusted, "chat.example", format!("{forwarded}Authorization: Basic {token}\r\n"), false),
    ] {
        let mut stream = connect_from(&server, from).await;
        let request = format!("GET /healthz HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{headers}\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let answer = read_to_end(&mut stream).await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        let body = answer.split("\r\n\r\n").nth(1).expect("a body");
        assert_eq!(body.contains("\"version\""), detailed, "{from} {host} {headers}: {body}");
        assert!(detailed || body == r#"{"status":"ok"}"#, "{body}");
    }
}

/// A connection that has been answered once and idles now.
async fn idle(server: &Server) -> TcpStream {
    let mut stream = within("a connection", TcpStream::connect(server.address)).await.unwrap();
    ask_livez(&mut stream).await;
    stream
}

/// Sockets of this machine that are connected to a port, by their own.
fn connected_to(port: u16) -> HashSet<u16> {
    let table = std::fs::read_to_string("/proc/net/tcp").expect("the sockets");
    let port_of = |address: &str| u16::from_str_radix(address.rsplit(':').next()?, 16).ok();
    let connected = table.lines().filter_map(|line| {
        let columns: Vec<_> = line.split_whitespace().collect();
        let (own, other, state) = (columns.get(1)?, columns.get(2)?, columns.get(3)?);
        (*state == "01" && port_of(other)? == port).then(|| port_of(own))?
    });
    connected.collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_idle_connection_is_kept_for_as_long_as_is_set() {
    let (database, other) = (Database::sqlite(), Database::sqlite());
    // A second more than what a server without the setting grants.
    let server = Server::with(&database, &[("CHAT_KEEP_ALIVE_SECS", "6")]).await;
    let usual = Server::with(&other, &[TRUSTED]).await;
    let nginx = Proxy::of(Kind::Nginx, &usual, |settings| settings).await;
    let caddy = Proxy::of(Kind::Caddy, &usual, |settings| settings).await;
    let visits = [Visit::new(&nginx, ""), Visit::new(&caddy, "")];
    for visit in &visits {
        visit.text("/livez").await;
    }
    let pools = connected_to(usual.address.port());
    assert!(pools.len() >= 2, "each proxy keeps a connection: {pools:?}");
    let mut kept = idle(&usual).await;
    // From before the answer: a machine that is busy then cannot make the time look shorter than it was.
    let since = Instant::now();
    let mut stream = idle(&server).await;
    let n = within("the end of an idle connection", stream.read(&mut [0; 16])).await.expect("its end");
    assert_eq!(n, 0, "nobody was asked");
    assert!(since.elapsed() >= Duration::from_secs(5), "after {:?}", since.elapsed());
    // By default all of that is not long.
    ask_livez(&mut kept).await;
    assert!(connected_to(usual.address.port()).is_superset(&pools), "the proxies' connections are still there");
    for visit in &visits {
        visit.text("/livez").await;
    }
}
