//! STOMP: what is its own.

use std::process::Stdio;

use reqwest::Method;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite;
use uuid::Uuid;

use super::bot::{Bot, is_answered};
use crate::{
    accounts::{OPEN, ask, register},
    support::{Client, Database, Folder, LIMITS_OFF, MIB, Server, Stomp, StompFrame, soon},
};

on_both!(
    versions_are_agreed_upon,
    one_connection_reads_several_rooms_and_comes_back_to_each,
    a_receipt_comes_once_it_is_stored,
    what_is_refused_is_told_where_that_is_asked_for,
    who_comes_in_is_held_to_the_same_limits,
    a_server_that_stops_says_so_to_each,
    an_ended_login_ends_its_connection,
    acknowledgements_are_taken_and_change_nothing,
);

const ROOM: (&str, &str) = ("destination", "/topic/rooms.post");
const APP: (&str, &str) = ("destination", "/app/rooms.post");
const ERRORS: [(&str, &str); 2] = [("id", "errors"), ("destination", "/user/queue/errors")];

async fn status(server: &Server, path: &str, headers: &[(&'static str, &str)]) -> u16 {
    match Stomp::open(server, path, headers, false).await.map(|_| ()).map_err(|error| *error) {
        Err(tungstenite::Error::Http(response)) => response.status().as_u16(),
        other => panic!("{other:?}"),
    }
}

async fn somebody(server: &Server, nickname: &str) -> Stomp {
    let identity = Uuid::new_v4().to_string();
    Stomp::begin(server, &[("anonymous-id", &identity), ("nickname", nickname)]).await
}

/// A message that is sent, until it is taken: for its first seconds a server does not know yet whether an older one lives.
async fn say(stomp: &mut Stomp, content: &str) -> StompFrame {
    let key = Uuid::new_v4().to_string();
    loop {
        stomp.send("SEND", &[APP, ("receipt", "said"), ("client-id", &key)], content).await;
        loop {
            let frame = stomp.frame("an answer").await.expect("an answer");
            match (frame.command.as_str(), frame.get("code")) {
                ("RECEIPT", _) => return frame,
                ("MESSAGE", "OVERLOADED" | "STORE_UNAVAILABLE") => break,
                ("MESSAGE", "") => {}
                _ => panic!("instead of a receipt: {frame:?}"),
            }
        }
    }
}

async fn versions_are_agreed_upon(database: &Database) {
    let server = Server::with(database, &LIMITS_OFF).await;
    for (path, accept, version) in
        [("/stomp", "1.0,1.1,1.2", "1.2"), ("/ws-stomp", "1.1,1.0", "1.1"), ("/stomp", "1.0", "1.0")]
    {
        let offered = [("sec-websocket-protocol", "v11.stomp, v12.stomp")];
        let (mut stomp, response) = Stomp::open(&server, path, &offered, false).await.expect("an upgrade");
        assert_eq!(response.headers()["sec-websocket-protocol"], "v11.stomp");
        stomp.send_bytes(format!("STOMP\naccept-version:{accept}\nhost:/\nheart-beat:1,1\n\n\0").as_bytes()).await;
        let connected = stomp.expect("CONNECTED").await;
        assert_eq!((connected.get("version"), connected.get("heart-beat")), (version, "10000,10000"));
        assert!(connected.get("server").starts_with("realtime-chat/"), "{connected:?}");
        // In 1.0 nothing is escaped, and a subscription has no name.
        let id = if version == "1.0" { "" } else { "id:a\\cb\n" };
        stomp.send_bytes(format!("SUBSCRIBE\n{id}destination:/topic/rooms.post\n\n\0").as_bytes()).await;
        let welcome = stomp.message("WELCOME").await;
        let expected = if version == "1.0" { "/topic/rooms.post" } else { "a:b" };
        assert_eq!((welcome.get("subscription"), &welcome.json()["payload"]["self"]), (expected, &Value::Null));
    }
    let (mut stomp, response) = Stomp::open(&server, "/stomp", &[], false).await.expect("an upgrade");
    assert!(!response.headers().contains_key("sec-websocket-protocol"));
    stomp.send_bytes(b"CONNECT\naccept-version:1.3,2.0\nhost:/\n\n\0").await;
    let (error, code) = stomp.end().await;
    assert_eq!((error.expect("an ERROR").get("version"), code), ("1.0,1.1,1.2", 4102));
}

async fn one_connection_reads_several_rooms_and_comes_back_to_each(database: &Database) {
    let server = Server::with(database, &LIMITS_OFF).await;
    let mut one = Client::author(&server, "post", "one").await;
    let mut other = Client::author(&server, "글 2", "other").await;
    one.say("before").await;
    let rooms = [("a", "/topic/rooms.post"), ("b", "/topic/rooms.%EA%B8%80%202")];
    let mut stomp = somebody(&server, "reader").await;
    let mut epochs = Vec::new();
    for (id, destination) in rooms {
        stomp.send("SUBSCRIBE", &[("id", id), ("destination", destination), ("receipt", id)], "").await;
        assert_eq!(stomp.expect("RECEIPT").await.get("receipt-id"), id);
        let welcome = stomp.message("WELCOME").await;
        assert_eq!((welcome.get("subscription"), welcome.get("destination")), (id, destination));
        epochs.push(welcome.get("epoch").to_owned());
    }
    let said = one.say("live: one").await;
    let frame = stomp.message("MESSAGE").await;
    assert_eq!((frame.get("subscription"), frame.get("rev"), frame.get("seq")), ("a", "2", "2"));
    assert_eq!(frame.get("message-id"), format!("{}-2", said.id));
    assert_eq!(
        (frame.get("content-type"), &frame.json()["payload"]["content"]),
        ("application/json", &json!("live: one"))
    );
    other.say("live: other").await;
    assert_eq!(stomp.message("MESSAGE").await.get("subscription"), "b");
    // One of them is wanted no more: whoever is there sees that, and nothing of it comes.
    stomp.send("UNSUBSCRIBE", &[("id", "a"), ("receipt", "enough")], "").await;
    stomp.expect("RECEIPT").await;
    soon("the reader to be gone from there", async || {
        server.json("/api/v1/rooms/post").await["presence"]["count"] == 1
    })
    .await;
    one.say("unseen").await;
    other.say("seen").await;
    assert_eq!(stomp.message("MESSAGE").await.json()["payload"]["content"], "seen");
    drop(stomp);
    let mut stomp = somebody(&server, "reader").await;
    for ((id, destination), (epoch, rev, n_missed)) in
        rooms.into_iter().zip([(&*epochs[0], "2", Some(1)), (&*epochs[1], "1", Some(1))])
    {
        let headers = [("id", id), ("destination", destination), ("epoch", epoch), ("rev", rev)];
        stomp.send("SUBSCRIBE", &headers, "").await;
        let welcome = stomp.message("WELCOME").await.json()["payload"].clone();
        assert_eq!((&welcome["resumed"], welcome["messages"].as_array().map(Vec::len)), (&json!(true), n_missed));
        stomp.send("UNSUBSCRIBE", &[("id", id)], "").await;
        for headers in [vec![("rev", "2")], vec![("epoch", epoch), ("rev", "-1")], vec![("epoch", epoch)]] {
            stomp.send("SUBSCRIBE", &[&[("id", id), ("destination", destination)], &headers[..]].concat(), "").await;
            assert_eq!(stomp.message("WELCOME").await.json()["payload"]["resumed"], false, "{headers:?} starts over");
            stomp.send("UNSUBSCRIBE", &[("id", id)], "").await;
        }
    }
}

async fn a_receipt_comes_once_it_is_stored(database: &Database) {
    let server = Server::with(database, &LIMITS_OFF).await;
    let mut stomp = somebody(&server, "author").await;
    stomp.send("SUBSCRIBE", &ERRORS, "").await;
    let receipt = say(&mut stomp, "plain: {text}\n두 줄").await;
    assert_eq!(database.counters("post").await, (1, 1), "durable before it is answered");
    assert_eq!((receipt.get("seq"), receipt.get("rev")), ("1", "1"));
    let key = Uuid::new_v4().to_string();
    let json = json!({"content": "an answer", "replyTo": receipt.get("id")}).to_string();
    let headers = [APP, ("content-type", "application/json"), ("client-id", &key), ("receipt", "r:1")];
    for _ in 0..2 {
        stomp.send("SEND", &headers, &json).await;
        let receipt = stomp.expect("RECEIPT").await;
        assert_eq!((receipt.get("receipt-id"), receipt.get("client-id"), receipt.get("seq")), ("r:1", &*key, "2"));
    }
    // Without one nothing is said, and what is sent one behind the other is stored in that order.
    for n in 3..=20 {
        stomp.send("SEND", &[APP, ("content-type", "text/plain")], &format!("number {n}")).await;
    }
    stomp.send("DISCONNECT", &[("receipt", "bye")], "").await;
    assert_eq!(stomp.expect("RECEIPT").await.get("receipt-id"), "bye");
    assert_eq!(database.counters("post").await, (20, 20), "all of it is stored before that is answered");
    assert_eq!(stomp.end().await, (None, 1000));
    let stored = server.json("/api/v1/rooms/post/messages").await["messages"].clone();
    assert_eq!((&stored[0]["content"], &stored[1]["replyTo"]["seq"]), (&json!("plain: {text}\n두 줄"), &json!(1)));
    for n in 3..=20 {
        assert_eq!(stored[n - 1]["content"], format!("number {n}"));
    }
}

async fn what_is_refused_is_told_where_that_is_asked_for(database: &Database) {
    let server = Server::with(database, &LIMITS_OFF).await;
    let mut stomp = somebody(&server, "author").await;
    stomp.send("SUBSCRIBE", &[&ERRORS[..], &[("ack", "client")]].concat(), "").await;
    say(&mut stomp, "hello").await;
    for (headers, body, code) in [
        (vec![APP, ("client-id", "no uuid")], "x", "BAD_REQUEST"),
        (vec![APP, ("type", "BAN")], "{}", "BAD_REQUEST"),
        (vec![APP, ("content-type", "application/json")], "[]", "BAD_REQUEST"),
        (vec![APP], "", "INVALID_CONTENT"),
        (vec![("destination", "/app/rooms.a%2Fb")], "x", "INVALID_ROOM"),
    ] {
        stomp.send("SEND", &[&headers[..], &[("receipt", "r")]].concat(), body).await;
        let refused = stomp.message("ERROR").await;
        assert_eq!((refused.get("code"), refused.get("receipt-id")), (code, "r"), "{headers:?}");
        assert_eq!((refused.get("subscription"), refused.get("destination")), ("errors", "/user/queue/errors"));
        assert!(!refused.get("ack").is_empty() && refused.json()["type"] == "ERROR", "{refused:?}");
    }
    // Bytes are bytes, in whichever kind of message and however many of them they come.
    stomp.send_bytes(b"SEND\ndestination:/app/rooms.post\nrec").await;
    stomp.send_bytes(b"eipt:b\ncontent-length:2\n\n\xff\0").await;
    stomp.send_bytes(b"\0").await;
    let refused = stomp.message("ERROR").await;
    assert_eq!((refused.get("code"), refused.get("receipt-id")), ("BAD_REQUEST", "b"));
    let bad = [("id", "x"), ("destination", "/topic/rooms.a%2Fb")];
    stomp.send("SUBSCRIBE", &bad, "").await;
    let refused = stomp.message("ERROR").await;
    assert_eq!((refused.get("code"), refused.get("about")), ("INVALID_ROOM", "x"));
    // Who has no name reads, and who is nobody as well.
    for (headers, code) in
        [(vec![], "BAD_TOKEN"), (vec![("anonymous-id", "6f9619ff-8b86-4d01-b42d-00cf4fc964ff")], "NICKNAME_REQUIRED")]
    {
        let mut reader = Stomp::begin(&server, &headers).await;
        reader.send("SEND", &[APP], "told to nobody").await;
        reader.send("SUBSCRIBE", &[("id", "a"), ROOM, ("receipt", "in")], "").await;
        reader.expect("RECEIPT").await;
        reader.send("SUBSCRIBE", &ERRORS, "").await;
        reader.send("SEND", &[APP], "refused").await;
        assert_eq!(reader.message("ERROR").await.get("code"), code);
    }
    // A subscription that is refused and cannot be told of ends the connection.
    let mut stomp = somebody(&server, "author").await;
    stomp.send("SUBSCRIBE", &bad, "").await;
    assert_eq!(stomp.end().await.0.expect("an ERROR").get("code"), "INVALID_ROOM");
    let (mut stomp, _) = Stomp::open(&server, "/stomp", &[], false).await.expect("an upgrade");
    stomp.send_bytes(b"CONNECT\naccept-version:1.2\npasscode:nobody's\n\n\0").await;
    let (error, code) = stomp.end().await;
    assert_eq!((error.expect("an ERROR").get("code"), code), ("BAD_TOKEN", 4104));
    assert_eq!(database.counters("post").await.0, 1, "nothing of it was stored");
}

async fn who_comes_in_is_held_to_the_same_limits(database: &Database) {
    let settings = [("CHAT_IDENTITY_SESSIONS_MAX", "3"), ("CHAT_ADDRESS_SESSIONS_MAX", "2")];
    let server = Server::with(database, &settings).await;
    assert_eq!(status(&server, "/stomp", &[("origin", "https://other.example")]).await, 403);
    assert_eq!(server.get("/stomp").await.status(), 400);
    let mut stomp = somebody(&server, "somebody").await;
    stomp.send("SUBSCRIBE", &ERRORS, "").await;
    // The first counts as its connection does, and each other one by itself.
    for id in ["1", "2", "3"] {
        let destination = format!("/topic/rooms.{id}");
        stomp.send("SUBSCRIBE", &[("id", id), ("destination", &destination)], "").await;
        match id {
            "3" => assert_eq!(stomp.message("ERROR").await.get("code"), "RATE_LIMITED"),
            _ => assert_eq!(stomp.message("WELCOME").await.get("subscription"), id),
        }
    }
    assert_eq!(status(&server, "/stomp", &[]).await, 429);
    assert_eq!(server.metric("chat_sessions_live").await, 2.0);
    drop(stomp);
    server.counts("both to be gone", "chat_sessions_live", |n| n == 0.0).await;
    somebody(&server, "somebody").await;
}

async fn a_server_that_stops_says_so_to_each(database: &Database) {
    let settings = [LIMITS_OFF[0], ("CHAT_DRAIN_GRACE_SECS", "0"), ("CHAT_DRAIN_WINDOW_SECS", "0")];
    let mut server = Server::with(database, &settings).await;
    let mut reads = somebody(&server, "reads").await;
    reads.send("SUBSCRIBE", &[("id", "a"), ROOM], "").await;
    reads.message("WELCOME").await;
    let mut writes = somebody(&server, "writes").await;
    server.signal("TERM");
    reads.message("RECONNECT").await;
    for stomp in [&mut reads, &mut writes] {
        let (error, code) = stomp.end().await;
        assert_eq!((error.map(|error| error.command), code), (Some("ERROR".to_owned()), 1012));
    }
    assert_eq!(server.end().await.code(), Some(0), "{}", server.log());
}

async fn an_ended_login_ends_its_connection(database: &Database) {
    let server = Server::with(database, &OPEN).await;
    let account = register(&server, "somebody@blog.example").await;
    let bearer = format!("Bearer {}", account.access);
    let mut stomp = Stomp::begin(&server, &[("Authorization", &bearer)]).await;
    stomp.send("SUBSCRIBE", &[("id", "a"), ROOM], "").await;
    assert_eq!(stomp.message("WELCOME").await.json()["payload"]["self"]["id"], account.user);
    let mut writes = Stomp::begin(&server, &[("token", &account.access)]).await;
    writes.send("SUBSCRIBE", &ERRORS, "").await;
    say(&mut writes, "signed").await;
    ask(&server, Method::POST, "/api/v1/auth/logout", &[("Authorization", &bearer)], &Value::Null).await.ok();
    let (error, code) = stomp.end().await;
    assert_eq!((error.expect("an ERROR").get("code"), code), ("BAD_TOKEN", 4104));
    writes.send("SEND", &[APP], "no more").await;
    assert_eq!(writes.message("ERROR").await.get("code"), "BAD_TOKEN");
    assert_eq!(database.counters("post").await.0, 1);
}

async fn acknowledgements_are_taken_and_change_nothing(database: &Database) {
    let server = Server::with(database, &LIMITS_OFF).await;
    let mut author = Client::author(&server, "post", "the author").await;
    author.say("before").await;
    for mode in ["auto", "client", "client-individual"] {
        let mut stomp = somebody(&server, "reader").await;
        stomp.send("SUBSCRIBE", &[("id", "a"), ROOM, ("ack", mode)], "").await;
        let welcome = stomp.message("WELCOME").await;
        assert_eq!(welcome.get("ack").is_empty(), mode == "auto", "{welcome:?}");
        let name = if mode == "auto" { "7" } else { welcome.get("ack") };
        for command in ["ACK", "NACK"] {
            stomp.send(command, &[("id", name), ("receipt", command)], "").await;
            assert_eq!(stomp.expect("RECEIPT").await.get("receipt-id"), command);
        }
    }
    assert_eq!(database.counters("post").await, (1, 1));
}

/// Each breaks the protocol in its own way: gets an ERROR that says how, and costs no memory.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_frame_is_answered_by_an_error_and_kept_nowhere() {
    let (_database, server) = Server::alone(&LIMITS_OFF).await;
    let begun = "CONNECT\naccept-version:1.2\nhost:/\n\n\0";
    let long = "x".repeat(20_000);
    let subscriptions: String =
        (0..21).map(|n| format!("SUBSCRIBE\nid:{n}\ndestination:/topic/rooms.{n}\n\n\0")).collect();
    let headers: String = (0..65).map(|n| format!("h{n}:x\n")).collect();
    for (sent, words) in [
        ("GET / HTTP/1.1\r\n\r\n".to_owned(), "no such command"),
        ("CONNECTED\n\n\0".to_owned(), "no such command"),
        ("SEND\ndestination:/app/rooms.a\n\nx\0".to_owned(), "CONNECT comes first"),
        (format!("{begun}CONNECT\n\n\0"), "begun already"),
        ("CONNECT\naccept-version:1.2\nheart-beat:-1,0\n\n\0".to_owned(), "heart-beat"),
        ("CONNECT\naccept-version:1.2\nanonymous-id:me\n\n\0".to_owned(), "anonymous-id"),
        (format!("{begun}SEND\ndestination:a\\tb\n\nx\0"), "an escape that there is not"),
        (format!("{begun}SEND\nno colon\n\nx\0"), "a name, a colon, and a value"),
        (format!("{begun}SEND\na:b\0\n\n\0"), "have no NUL"),
        (format!("{begun}SEND\ncontent-length:2\n\nabc\0"), "content-length"),
        (format!("{begun}SEND\ncontent-length:-2\n\nabc\0"), "content-length"),
        (format!("{begun}SEND\ncontent-length:99999999999999999999\n\nabc\0"), "the body is too long"),
        (format!("{begun}SEND\n\n{long}\0"), "the body is too long"),
        (format!("{begun}SEND\na:{long}"), "the headers are too long"),
        (format!("{begun}SEND\n{headers}\n\0"), "too many headers"),
        (format!("{begun}ACK\nid:1\n\nbody\0"), "only SEND may have a body"),
        (format!("{begun}SEND\ndestination:/queue/a\n\nx\0"), "/app/rooms."),
        (format!("{begun}SUBSCRIBE\nid:1\ndestination:/queue/a\n\n\0"), "/topic/rooms."),
        (format!("{begun}SUBSCRIBE\ndestination:/topic/rooms.a\n\n\0"), "has an id"),
        (format!("{begun}SUBSCRIBE\nid:1\nack:never\ndestination:/topic/rooms.a\n\n\0"), "ack is"),
        (format!("{begun}ACK\n\n\0"), "of which MESSAGE"),
        (format!("{begun}BEGIN\ntransaction:1\n\n\0"), "no transactions"),
        (format!("{begun}SEND\ndestination:/app/rooms.a\ntransaction:1\n\nx\0"), "no transactions"),
        (format!("{begun}{subscriptions}"), "at most 20 subscriptions"),
    ] {
        let (mut stomp, _) = Stomp::open(&server, "/stomp", &[], false).await.expect("an upgrade");
        // In pieces, as they may come.
        for part in sent.as_bytes().chunks(9_000) {
            stomp.send_bytes(part).await;
        }
        let mut last = None;
        while let Some(frame) = stomp.frame("the end").await {
            last = Some(frame);
        }
        let error = last.unwrap_or_else(|| panic!("no ERROR for {sent:.80}"));
        assert_eq!((error.command.as_str(), stomp.closed), ("ERROR", Some(4102)), "{sent:.80}: {error:?}");
        assert!(error.get("message").contains(words), "{sent:.80}: {error:?}");
    }
    server.counts("nobody to stay", "chat_sessions_live", |n| n == 0.0).await;

    // Ten megabytes of one header: refused by the length that the WebSocket says, or by the first pieces.
    let before = server.resident();
    for n_at_once in [10 * MIB, 20_000] {
        let (mut stomp, _) = Stomp::open(&server, "/stomp", &[], false).await.expect("an upgrade");
        let sending = async {
            let text = format!("CONNECT\na:{}", "x".repeat(10 * MIB));
            for part in text.as_bytes().chunks(n_at_once) {
                stomp.send_bytes(part).await;
            }
        };
        sending.await;
        let (_, code) = stomp.end().await;
        assert!([1009, 4102, 1006].contains(&code), "{code}");
    }
    let grown = server.resident().saturating_sub(before);
    assert!(grown < 8 * MIB, "{grown} bytes");
}

/// A beat each millisecond is what nobody gets; who is silent for longer than it said is gone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hearts_beat_as_agreed_upon() {
    let (_database, server) = Server::alone(&LIMITS_OFF).await;
    let mut stomp = Stomp::begin(&server, &[("heart-beat", "1,1")]).await;
    let began = std::time::Instant::now();
    let (error, code) = stomp.end().await;
    // It says nothing: the server's beats come, and then it is gone.
    assert_eq!((error.expect("an ERROR").get("message"), code), ("nothing was heard for too long", 4002));
    assert!((1..=4).contains(&stomp.n_beats), "{} in {:?}", stomp.n_beats, began.elapsed());
}

/// The example of this language in docs/STOMP.md, as it stands there, against a server.
async fn answers(program: &str, (language, file): (&str, &str), nickname: &str) {
    let root = env!("CARGO_MANIFEST_DIR");
    let doc = include_str!("../../../docs/STOMP.md");
    let (_, rest) = doc.split_once(&format!("\n```{language} stomp\n")).expect("an example");
    let (text, _) = rest.split_once("\n```\n").expect("its end");
    let folder = Folder::new("stomp");
    // Where it looks for its packages.
    std::os::unix::fs::symlink(format!("{root}/node_modules"), folder.0.join("node_modules")).expect("a link");
    let path = folder.0.join(file);
    std::fs::write(&path, text).expect("a file");
    let (_database, server) = Server::alone(&LIMITS_OFF).await;
    let mut command = std::process::Command::new(program);
    command.arg(&path).stdin(Stdio::null()).stdout(Stdio::null());
    command.env("CHAT_STOMP_URL", format!("ws://{}/stomp", server.address)).env("BOT_ID", Uuid::new_v4().to_string());
    for proxy in ["http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"] {
        command.env_remove(proxy);
    }
    let _bot = Bot(command
        .spawn()
        .unwrap_or_else(|error| panic!("{program}, with what scripts/lib/install.sh installs: {error}")));
    is_answered(&server, nickname).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_example_for_stompjs_answers() {
    answers("node", ("js", "bot.mjs"), "stompjs bot").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_example_for_stomp_py_answers() {
    let target = std::env::var("CARGO_TARGET_DIR").unwrap_or_else(|_| format!("{}/target", env!("CARGO_MANIFEST_DIR")));
    answers(&format!("{target}/stomp-client/bin/python"), ("python", "bot.py"), "stomp.py bot").await;
}
