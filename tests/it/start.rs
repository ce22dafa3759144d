//! How the program starts, and what it says where it cannot.

use std::net::TcpListener;

use chat_wire::ErrorCode;
use serde_json::Value;
use socket2::{Domain, Socket, Type};
use tokio::io::copy_bidirectional;

use crate::support::{Client, Database, Ended, Server, Who, admin_url};

/// That the program ended with one line that says why.
#[track_caller]
pub fn one_line(ended: &Ended, names: &[&str], hides: &[&str]) {
    assert!(!ended.status.success(), "it does not run: {}", ended.stdout);
    let errors: Vec<_> = ended.stderr.lines().filter(|line| !line.starts_with('[')).collect();
    assert_eq!(errors.len(), 1, "one line besides the log:\n{}", ended.stderr);
    for name in names {
        assert!(errors[0].contains(name), "{name} in: {}", errors[0]);
    }
    for hidden in hides {
        assert!(!ended.stderr.contains(hidden), "{hidden} in: {}", ended.stderr);
        assert!(!ended.stdout.contains(hidden), "{hidden} in: {}", ended.stdout);
    }
}

/// That neither a server nor `migrate` runs on the database with this URL: the line names the setting and these.
pub async fn refused(url: &str, names: &[&str], hides: &[&str]) {
    let settings = [("DATABASE_URL", url), ("CHAT_LISTEN", "127.0.0.1:0")];
    let names = [&["DATABASE_URL"][..], names].concat();
    one_line(&Server::run(&[], &settings).await, &names, hides);
    one_line(&Server::run(&["migrate"], &settings[..1]).await, &names, hides);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_database_url_is_named_and_no_password_shown() {
    let postgres = ["localhost:port/chat", "", "localhost/chat?sslmode=sometimes"];
    let postgres = postgres.map(|place| format!("postgres://user:hunter2@{place}"));
    let others = ["mysql://user:hunter2@localhost/chat", "hunter2", "", "sqlite://"];
    for url in postgres.iter().map(String::as_str).chain(others) {
        one_line(&Server::run(&[], &[("DATABASE_URL", url)]).await, &["DATABASE_URL"], &["hunter2"]);
        let flag = format!("--database-url={url}");
        one_line(&Server::run(&[&flag], &[]).await, &["DATABASE_URL"], &["hunter2"]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_setting_is_named() {
    for (name, value) in [
        ("CHAT_LISTEN", "localhost:http"),
        ("CHAT_SECRET", "too short"),
        ("CHAT_ORIGINS", "blog.example"),
        ("CHAT_EMBED_ORIGINS", "https://a.example;script-src *"),
        ("CHAT_TRUSTED_PROXIES", "everyone"),
        ("CHAT_RATE_LIMITS", "perhaps"),
        ("CHAT_HEARTBEAT_SECS", "soon"),
        ("CHAT_SESSIONS_MAX", "-1"),
        ("CHAT_MESSAGES_PER_SECOND", "0"),
        ("CHAT_THREADS", "0"),
    ] {
        one_line(&Server::run(&[], &[(name, value)]).await, &[name], &[]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_port_that_is_taken_is_named() {
    let database = Database::sqlite();
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    let url = ("DATABASE_URL", database.url.as_str());
    one_line(&Server::run(&[], &[url, ("CHAT_LISTEN", &address)]).await, &["CHAT_LISTEN", &address], &[]);
    let settings = [url, ("CHAT_LISTEN", "127.0.0.1:0"), ("CHAT_METRICS_ADDR", &address)];
    one_line(&Server::run(&[], &settings).await, &["CHAT_METRICS_ADDR", &address], &[]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_server_on_the_same_sqlite_file_is_refused() {
    let (database, server) = Server::alone(&[]).await;
    let settings = [("DATABASE_URL", database.url.as_str()), ("CHAT_LISTEN", "127.0.0.1:0")];
    let (_, path) = database.url.split_once("://").expect("a URL");
    one_line(&Server::run(&[], &settings).await, &[path], &[]);
    Client::author(&server, "post", "the author").await.say("the first goes on").await;
    // A crash leaves no lock behind.
    let server = server.again(&database, &[]).await;
    assert_eq!(Client::reader(&server, "post").await.history.contents(), ["the first goes on"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_postgresql_that_refuses_ends_the_start() {
    let database = Database::postgres().await;
    let admin = admin_url();
    let (login, place) = admin.split_once("://").and_then(|(_, rest)| rest.split_once('@')).expect("a URL");
    let (user, host) = (login.split(':').next().expect("a user"), place.split('/').next().expect("a host"));
    let name = database.url.rsplit('/').next().expect("a name");
    for url in [
        format!("postgres://{user}:hunter2@{host}/{name}"),
        format!("postgres://nobody:hunter2@{host}/{name}"),
        database.url.replace(name, "no_such_database"),
    ] {
        refused(&url, &[], &["hunter2"]).await;
    }
}

/// The server starts before its database does.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unreachable_postgresql_is_waited_for() {
    let database = Database::postgres().await;
    // A port that is ours, so that nobody else can have it, and at which nobody listens yet.
    let port = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    port.bind(&std::net::SocketAddr::from(([127, 0, 0, 1], 0)).into()).expect("a port");
    let here = port.local_addr().ok().and_then(|a| a.as_socket()).expect("an address");
    let (before, after) = database.url.split_once('@').expect("a URL");
    let (there, name) = after.split_once('/').expect("a URL");
    let server = Server::launch(&format!("{before}@{here}/{name}"), &[("CHAT_READ_WAIT_SECS", "0.5")]).await;
    assert_eq!(server.get("/livez").await.status(), 200);
    assert_eq!(server.get("/readyz").await.status(), 503);
    let health = server.get("/healthz").await;
    assert_eq!(health.status(), 503);
    let health: Value = health.json().await.expect("JSON");
    assert_eq!((&health["database"]["reachable"], &health["database"]["kind"]), (&false.into(), &"postgresql".into()));
    assert_eq!(server.get("/room/post").await.status(), 200, "the page comes without history");
    assert_eq!(server.get("/api/v1/rooms/post/messages").await.status(), 503);
    let mut early = Client::asking(&server, "post", Who::reader()).await;
    let error = early.error_of(ErrorCode::StoreUnavailable).await;
    assert!(error.retry_after_ms.is_some(), "{error:?}");

    port.listen(16).expect("a listener");
    port.set_nonblocking(true).expect("a setting");
    let listener = tokio::net::TcpListener::from_std(port.into()).expect("a listener");
    let there = there.to_owned();
    tokio::spawn(async move {
        while let Ok((mut near, _)) = listener.accept().await {
            let there = there.clone();
            tokio::spawn(async move {
                let mut far = tokio::net::TcpStream::connect(there).await.expect("the database");
                // A connection ends as either side likes.
                let _ = copy_bidirectional(&mut near, &mut far).await;
            });
        }
    });
    server.ready().await;
    assert_eq!(server.get("/readyz").await.status(), 200);
    early.enter_at_last().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commands_do_their_work_and_end() {
    for database in [Database::sqlite(), Database::postgres().await] {
        let settings = [("DATABASE_URL", database.url.as_str())];
        let first = Server::run(&["migrate"], &settings).await.done();
        assert!(first.starts_with("applied "), "{first}");
        let second = Server::run(&["migrate"], &settings).await.done();
        assert!(second.contains("up to date"), "{second}");
        let told = Server::run(&["new-epoch"], &settings).await.done();
        let server = Server::start(&database).await;
        let client = Client::reader(&server, "post").await;
        assert_eq!(told.trim().strip_prefix("new epoch "), Some(&*client.history.epoch()));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_any_setting_it_starts_on_a_file_of_its_own() {
    let help = Server::run(&["--help"], &[]).await.done();
    for variable in ["DATABASE_URL", "CHAT_LISTEN", "CHAT_HEARTBEAT_SECS", "CHAT_DRAIN_FLUSH_SECS"] {
        assert!(help.contains(variable), "{variable}");
    }
    Server::run(&["migrate"], &[]).await.done();
}
