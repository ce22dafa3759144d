//! No secret leaves the program: a whole life of a server, with everything logged that can be, and then a search of
//! all that it said.

use std::net::SocketAddr;

use chat_wire::{CloseCode, ErrorCode};
use serde_json::json;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use uuid::Uuid;

use crate::support::{
    Client, Database, RawSocket, Server, Who, admin_url, connect, get_raw, message,
    raw::{FIN, TEXT, sent},
    read_to_end, soon, within,
};

on_both!(nothing_said_holds_a_secret);

const SECRET: &str = "chat-secret-7f3a9c51e2";
const COOKIE: &str = "cookie-2b8e6d40c7";
const TOKEN: &str = "bearer-95d1f07ab3";
const CONTENT: &str = "content-c40e8b2f6a";
const NICKNAME: &str = "Nick4e7b1d";
const BROKEN: &str = "broken-a83f5c09d1";
const QUERY: &str = "query-60b9e2d7f4";
/// Of the networks for documentation (RFC 5737, RFC 3849), and nowhere else in the program.
const ADDRESSES: [&str; 2] = ["198.51.100.201", "2001:db8:5ec:7e7::9"];

/// What must not be said, by what it is.
struct Secrets(Vec<(String, String)>);

impl Secrets {
    fn add(&mut self, what: &str, secret: &str) {
        self.0.push((what.to_owned(), secret.to_lowercase()));
    }

    /// Everything here that holds a secret, as it is or in a form that a careless print gives it.
    fn found_in(&self, place: &str, text: &str) -> Vec<String> {
        let text = text.to_lowercase();
        let forms = |secret: &str| {
            let bytes = format!("{:?}", secret.as_bytes());
            let hex = secret.bytes().map(|b| format!("{b:02x}")).collect::<String>();
            [secret.to_owned(), bytes.trim_matches(['[', ']']).to_owned(), hex, secret.replace('-', "")]
        };
        let around = |at: usize| text.get(text.floor_char_boundary(at.saturating_sub(150))..at).unwrap_or_default();
        let found = |(what, secret): &(String, String)| {
            let at = forms(secret).iter().find_map(|form| text.find(form))?;
            Some(format!("{what} in {place}, after: {}", around(at)))
        };
        self.0.iter().filter_map(found).collect()
    }
}

#[test]
fn the_search_finds_every_form() {
    let mut secrets = Secrets(Vec::new());
    secrets.add("the secret", "Ab-1");
    for text in ["x ab-1 y", "[97, 98, 45, 49]", "61622D31", "AB1"] {
        assert_eq!(secrets.found_in("here", text).len(), 1, "{text}");
    }
    assert!(secrets.found_in("here", "ab 1").is_empty());
}

fn password(database: &Database) -> Option<String> {
    let (login, _) = database.url.strip_prefix("postgres://")?.rsplit_once('@')?;
    Some(login.split_once(':')?.1.to_owned())
}

async fn connection(server: &Server, secrets: &mut Secrets) -> TcpStream {
    let stream = within("a connection", TcpStream::connect(server.address)).await.expect("a connection");
    let own: SocketAddr = stream.local_addr().expect("an address");
    secrets.add("the address of a peer", &own.to_string());
    stream
}

/// An HTTP request as it stands; gives all that is answered.
async fn ask(server: &Server, request: &str) -> String {
    read_to_end(&mut sent(server.address, request).await).await
}

async fn nothing_said_holds_a_secret(database: &Database) {
    let mut secrets = Secrets(Vec::new());
    let (author, reader) = (Who::named(NICKNAME), Who::reader());
    for (what, secret) in [
        ("CHAT_SECRET", SECRET),
        ("a cookie", COOKIE),
        ("a token", TOKEN),
        ("a message's text", CONTENT),
        ("a nickname", NICKNAME),
        ("what a broken frame holds", BROKEN),
        ("a query", QUERY),
        ("a client's address", ADDRESSES[0]),
        ("a client's address", ADDRESSES[1]),
        ("an anonymousId", &author.anonymous_id.to_string()),
        ("an anonymousId", &reader.anonymous_id.to_string()),
    ] {
        secrets.add(what, secret);
    }
    if let Some(password) = password(database) {
        secrets.add("the database's password", &password);
    }
    let settings = [
        ("RUST_LOG", "trace,tokio_postgres::query=trace,actix_http=trace"),
        ("CHAT_SECRET", SECRET),
        ("CHAT_TRUSTED_PROXIES", "127.0.0.0/8"),
        // As short as a busy machine allows: it is waited for below.
        ("CHAT_STORE_WAIT_SECS", "4"),
        ("CHAT_READ_WAIT_SECS", "4"),
        ("CHAT_POLL_SECS", "0.1"),
        ("CHAT_DRAIN_GRACE_SECS", "0"),
        ("CHAT_DRAIN_WINDOW_SECS", "0"),
    ];
    let mut server = Server::with(database, &settings).await;

    // What people do.
    let forwarded = format!("{}, {}", ADDRESSES[1], ADDRESSES[0]);
    let cookie = format!("session={COOKIE}");
    let bearer = format!("Bearer {TOKEN}");
    let headers = [("X-Forwarded-For", &*forwarded), ("Cookie", &cookie), ("Authorization", &bearer)];
    let mut sessions = Vec::new();
    for who in [&author, &reader] {
        let stream = connection(&server, &mut secrets).await;
        let (mut client, _) = Client::over(stream, &server, "post", &headers).await.expect("an upgrade");
        client.who = who.clone();
        client.transcript = Some(String::new());
        client.enter(None).await;
        sessions.push(client);
    }
    sessions[0].say(CONTENT).await;
    let said_again = Uuid::new_v4();
    sessions[0].say_as(said_again, CONTENT).await;
    sessions[0].say_as(said_again, CONTENT).await;
    sessions[1].reach(2).await;

    // What goes wrong: frames, in every way that one can be broken.
    let raw_headers = format!("X-Forwarded-For: {forwarded}\r\nCookie: {cookie}\r\n");
    let mut errors = String::new();
    let mut broken = Client::over(connection(&server, &mut secrets).await, &server, "post", &headers).await.unwrap().0;
    broken.transcript = Some(String::new());
    let id = author.anonymous_id;
    let joins = [
        json!({"anonymousId": BROKEN}),
        json!({"anonymousId": id, "nickname": [BROKEN]}),
        json!({"anonymousId": id, "avatar": BROKEN}),
        json!({"anonymousId": id, "nickname": format!("{BROKEN}\u{0}")}),
    ];
    let joins = joins.map(|payload| json!({"type": "JOIN", "payload": payload}).to_string());
    let no_type = json!({"type": BROKEN, "payload": {}}).to_string();
    for text in [BROKEN.to_owned(), format!("{{\"{BROKEN}"), no_type].iter().chain(&joins) {
        broken.send_text(text).await;
        broken.error().await;
    }
    broken.send_raw(Message::binary(BROKEN.as_bytes().to_vec())).await.expect("a socket that takes a frame");
    broken.error_of(ErrorCode::BadFrame).await;
    errors.push_str(&broken.transcript.take().expect("kept"));
    for first in [FIN | TEXT, FIN | 0x3, 0x0] {
        let mut socket = RawSocket::open(&server, "/ws/room/post", &raw_headers).await;
        socket.send(first, &[BROKEN.as_bytes(), b"\xff"].concat()).await;
        if first != FIN | TEXT {
            assert_eq!(socket.closed().await, CloseCode::ProtocolError.number());
        }
    }
    let mut socket = RawSocket::open(&server, "/ws/room/post", &raw_headers).await;
    socket.send(FIN | TEXT, BROKEN.repeat(2_000).as_bytes()).await;
    assert_eq!(socket.closed().await, CloseCode::TooLarge.number());
    // Refused content is what somebody wrote, too.
    sessions[0].refused(&message(Uuid::new_v4(), &format!("{CONTENT}\u{0}"))).await;
    let error = sessions[0].errors.values().map(|e| format!("{e:?}")).collect::<String>();
    errors.push_str(&error);

    // HTTP that is none, or asks for what is not there.
    let host = format!("Host: {}\r\nConnection: close\r\n{raw_headers}", server.address);
    for request in [
        format!("GET /api/v1/rooms/post/messages?before={QUERY} HTTP/1.1\r\n{host}\r\n"),
        format!("GET /api/v1/rooms/%00{QUERY} HTTP/1.1\r\n{host}\r\n"),
        format!("GET /{QUERY}?x={QUERY} HTTP/1.1\r\n{host}Accept: text/html\r\n\r\n"),
        format!("GET /room/%2F?token={QUERY} HTTP/1.1\r\n{host}Accept: text/html\r\n\r\n"),
        format!("GET /ws/room/post?token={QUERY} HTTP/1.1\r\n{host}\r\n"),
        format!("POST /api/v1/rooms/post HTTP/1.1\r\n{host}Content-Length: {}\r\n\r\n{BROKEN}", BROKEN.len()),
        format!("{BROKEN} {cookie}\r\n\r\n"),
        format!("GET / HTTP/1.1\r\n{host}{BROKEN}\r\n\r\n"),
    ] {
        errors.push_str(&ask(&server, &request).await);
    }
    for path in ["/livez", "/readyz", "/healthz", "/metrics", "/api/v1/avatars"] {
        errors.push_str(&get_raw(&server, &format!("{path}?token={QUERY}"), &raw_headers).await.body);
    }

    // The database goes away and comes back.
    let mut refused = async || {
        let error = sessions[0].refused(&message(Uuid::new_v4(), CONTENT)).await;
        assert_eq!(error.code, ErrorCode::StoreUnavailable, "{error:?}");
        format!("{error:?}")
    };
    if database.is_sqlite() {
        let held = database.hold("post").await;
        errors.push_str(&refused().await);
        held.release().await;
    } else {
        let admin = connect(&admin_url()).await.expect("a connection");
        let name = database.url.rsplit('/').next().expect("a name").to_owned();
        let shut = format!("ALTER DATABASE {name} ALLOW_CONNECTIONS false");
        let end = format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'");
        admin.batch_execute(&shut).await.expect("a database that takes nobody");
        admin.batch_execute(&end).await.expect("an end of all connections");
        errors.push_str(&refused().await);
        errors.push_str(&get_raw(&server, "/api/v1/rooms/elsewhere", &raw_headers).await.body);
        errors.push_str(&get_raw(&server, "/healthz", &raw_headers).await.body);
        let open = format!("ALTER DATABASE {name} ALLOW_CONNECTIONS true");
        admin.batch_execute(&open).await.expect("a database that takes everybody");
    }
    soon("the database to be back", async || server.get("/healthz").await.status() == 200).await;

    let metrics = server.get("/metrics").await.text().await.expect("text");
    assert!(metrics.contains("chat_errors_total"));
    let arguments = std::fs::read_to_string(format!("/proc/{}/cmdline", server.pid())).expect("a process");
    assert!(arguments.contains("realtime-chat"));

    // Its end.
    let texts = sessions.iter_mut().map(|s| s.transcript.take().expect("kept")).collect::<String>();
    server.signal("TERM");
    for session in &mut sessions {
        assert_eq!(session.closed().await, CloseCode::Restart.number());
    }
    assert!(server.end().await.success());
    let log = server.all_said().await;
    for (what, text) in [("the log", &log), ("the errors", &errors)] {
        assert!(text.len() > 500, "{what} in full:\n{text}");
    }
    assert!(log.contains("listening on") && log.contains("stopped"), "{log}");

    let mut found = Vec::new();
    let said = [("the log", &log), ("the metrics", &metrics), ("an error", &errors), ("the arguments", &arguments)];
    for (place, text) in said {
        found.extend(secrets.found_in(place, text));
    }
    // Between people go texts and nicknames, and nothing else of this.
    let private = |(what, _): &(String, String)| what != "a message's text" && what != "a nickname";
    secrets.0.retain(private);
    found.extend(secrets.found_in("the frames of the people in the room", &texts));
    assert!(found.is_empty(), "{found:#?}");
}

/// A start that fails says why, and shows nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_that_fails_tells_no_secret() {
    let database = Database::postgres().await;
    let right = password(&database).expect("a password");
    let mut secrets = Secrets(Vec::new());
    secrets.add("the password", "hunter2-91c6e0");
    secrets.add("CHAT_SECRET", SECRET);
    let wrong = database.url.replacen(&right, "hunter2-91c6e0", 1);
    for url in [
        &wrong,
        "postgres://u:hunter2-91c6e0@127.0.0.1:1/x?connect_timeout=x",
        "postgres://u:hunter2-91c6e0@[/x",
        "hunter2-91c6e0",
    ] {
        for arguments in [&[][..], &["migrate"], &["new-epoch"]] {
            let own = [("RUST_LOG", "trace"), ("CHAT_SECRET", SECRET)];
            let settings = [&own[..], &[("DATABASE_URL", url), ("CHAT_LISTEN", "127.0.0.1:0")]].concat();
            let ended = Server::run(arguments, &settings).await;
            assert!(!ended.status.success(), "{arguments:?}");
            let said = [ended.stdout, ended.stderr].concat();
            assert!(said.contains("DATABASE_URL"), "{said}");
            assert_eq!(secrets.found_in(&format!("{arguments:?}"), &said), [""; 0]);
        }
    }
    let settings = [("DATABASE_URL", wrong.as_str()), ("CHAT_SECRET", SECRET)];
    for argument in ["--help", "-h", "--version", "--no-such-flag"] {
        let ended = Server::run(&[argument], &settings).await;
        let said = [ended.stdout, ended.stderr].concat();
        assert!(!said.is_empty());
        assert_eq!(secrets.found_in(argument, &said), [""; 0]);
    }
}
