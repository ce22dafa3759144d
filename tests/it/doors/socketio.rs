//! Socket.IO: what is its own.

use std::collections::HashMap;

use reqwest::Method;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::{self, Message};
use uuid::Uuid;

use crate::{
    accounts::{OPEN, ask, register},
    support::{Database, LIMITS_OFF, MIB, SOCKET_IO, Said, Server, SocketIo, within},
};

on_both!(
    one_connection_reads_several_rooms_and_comes_back_to_each,
    an_answer_comes_once_it_is_stored,
    what_is_refused_is_told_in_the_answer_or_by_an_event,
    who_types_is_shown,
    who_comes_in_is_held_to_the_same_limits,
    a_server_that_stops_says_so_to_each,
    an_ended_login_ends_its_connection,
);

fn named(nickname: &str) -> Value {
    json!({"anonymousId": Uuid::new_v4(), "nickname": nickname})
}

async fn status(server: &Server, headers: &[(&'static str, &str)]) -> u16 {
    match SocketIo::open(server, headers, false).await.map(|_| ()).map_err(|error| *error) {
        Err(tungstenite::Error::Http(response)) => response.status().as_u16(),
        other => panic!("{other:?}"),
    }
}

/// A message that is sent, until it is taken: for its first seconds a server does not know yet whether an older one lives.
async fn say(socket: &mut SocketIo, room: &str, content: &str) -> Value {
    let message = json!({"roomId": room, "clientId": Uuid::new_v4(), "content": content});
    loop {
        let answer = socket.answer("message", &message).await;
        match answer["code"].as_str() {
            None => return answer,
            Some("OVERLOADED" | "STORE_UNAVAILABLE") => {}
            Some(_) => panic!("{answer}"),
        }
    }
}

async fn one_connection_reads_several_rooms_and_comes_back_to_each(database: &Database) {
    let server = Server::with(database, &LIMITS_OFF).await;
    let auth = named("reader");
    let rooms = ["post", "글 a.b", "\"quoted\""];
    let mut socket = SocketIo::begin(&server, &auth).await;
    assert_eq!((&socket.opened["upgrades"], &socket.opened["maxPayload"]), (&json!([]), &json!(24 * 1024)));
    assert_eq!((&socket.opened["pingInterval"], &socket.opened["pingTimeout"]), (&json!(30_000), &json!(45_000)));
    let mut known = Vec::new();
    for room in rooms {
        socket.emit("join", &json!({"roomId": room})).await;
        let welcome = socket.event("welcome").await;
        assert_eq!((&welcome["roomId"], &welcome["room"]["id"]), (&json!(room), &json!(room)));
        assert_eq!(welcome["self"]["nickname"], "reader");
        let said = say(&mut socket, room, "hello").await;
        assert_eq!((&said["ok"], &said["epoch"]), (&json!(true), &welcome["room"]["epoch"]));
        known.push(json!({"roomId": room, "resume": {"epoch": said["epoch"], "rev": said["rev"]}}));
    }
    assert_eq!(socket.answer("join", &known[0]).await["code"], "ALREADY_JOINED");
    // Left is left, and what is said there is for others.
    assert_eq!(socket.answer("leave", &json!({"roomId": "post"})).await, json!({"ok": true}));
    assert_eq!(socket.answer("leave", &json!({"roomId": "post"})).await["code"], "NOT_JOINED");
    let mut other = SocketIo::begin(&server, &named("other")).await;
    for room in rooms {
        say(&mut other, room, "missed").await;
    }
    for room in [rooms[1], rooms[2]] {
        let message = socket.event("message").await;
        let message = if message["content"] == "hello" { socket.event("message").await } else { message };
        assert_eq!((&message["roomId"], &message["content"]), (&json!(room), &json!("missed")), "{message}");
    }
    drop(socket);
    let mut again = SocketIo::begin(&server, &auth).await;
    for join in &known {
        again.emit("join", join).await;
        let welcome = again.event("welcome").await;
        let missed: Vec<_> = welcome["messages"].as_array().expect("a list").iter().map(|m| &m["content"]).collect();
        assert_eq!((&welcome["resumed"], missed), (&json!(true), vec![&json!("missed")]), "{welcome}");
        assert_eq!(welcome["roomId"], join["roomId"]);
    }
}

async fn an_answer_comes_once_it_is_stored(database: &Database) {
    let server = Server::with(database, &LIMITS_OFF).await;
    let mut socket = SocketIo::begin(&server, &named("author")).await;
    let first = say(&mut socket, "post", "first").await;
    assert_eq!(database.counters("post").await, (1, 1), "durable before it is answered");
    assert_eq!((&first["ok"], &first["seq"], &first["rev"]), (&json!(true), &json!(1), &json!(1)));
    // Without waiting: each is answered by its own number, and stored in the order in which they were sent.
    let mut asked = HashMap::new();
    for n in 2..=20 {
        let number = socket.ask("message", &json!({"roomId": "post", "content": format!("number {n}")})).await;
        asked.insert(number, n);
    }
    while !asked.is_empty() {
        match socket.next("an answer").await {
            Some(Said::Ack(of, answer)) => {
                let n = asked.remove(&of).expect("one that was asked, and not answered yet");
                assert_eq!((&answer["seq"], &answer["ok"]), (&json!(n), &json!(true)));
            }
            other => panic!("{other:?}"),
        }
    }
    // Who wants no answer gets none, and a number may be as large as they get.
    socket.emit("message", &json!({"roomId": "post", "content": "in silence"})).await;
    let last = json!(["message", {"roomId": "post", "content": "the last", "replyTo": first["id"]}]);
    socket.send_text(&format!("42{}{last}", u64::MAX)).await;
    match socket.next("an answer").await {
        Some(Said::Ack(u64::MAX, answer)) => assert_eq!(answer["seq"], 22, "{answer}"),
        other => panic!("{other:?}"),
    }
    let stored = server.json("/api/v1/rooms/post/messages").await["messages"].clone();
    for n in 2..=20 {
        assert_eq!(stored[n - 1]["content"], format!("number {n}"));
    }
    assert_eq!((&stored[20]["content"], &stored[21]["replyTo"]["seq"]), (&json!("in silence"), &json!(1)));
}

async fn what_is_refused_is_told_in_the_answer_or_by_an_event(database: &Database) {
    let server = Server::with(database, &LIMITS_OFF).await;
    let mut socket = SocketIo::begin(&server, &named("author")).await;
    say(&mut socket, "post", "hello").await;
    let key = Uuid::new_v4();
    for (name, payload, code) in [
        ("message", json!({"roomId": "post", "clientId": key, "content": ""}), "INVALID_CONTENT"),
        ("message", json!({"roomId": "post", "clientId": "no uuid", "content": "x"}), "BAD_REQUEST"),
        ("message", json!({"roomId": "a/b", "content": "x"}), "INVALID_ROOM"),
        ("message", json!({"content": "x"}), "BAD_REQUEST"),
        ("message", json!(["post", "x"]), "BAD_REQUEST"),
        ("edit", json!({"roomId": "post", "id": "1"}), "BAD_REQUEST"),
        ("ban", json!({"roomId": "post"}), "BAD_REQUEST"),
        ("join", json!({"roomId": "a/b"}), "INVALID_ROOM"),
        ("join", json!({"roomId": "post", "resume": 7}), "BAD_REQUEST"),
        ("leave", json!({"roomId": "post"}), "NOT_JOINED"),
        ("typing", json!({"roomId": "post"}), "NOT_JOINED"),
    ] {
        let answer = socket.answer(name, &payload).await;
        assert_eq!((&answer["ok"], &answer["code"]), (&json!(false), &json!(code)), "{name} {payload}: {answer}");
        assert!(answer["message"].is_string(), "{answer}");
        socket.emit(name, &payload).await;
        let told = socket.event("error").await;
        assert_eq!((&told["code"], &told["message"]), (&json!(code), &answer["message"]), "{name} {payload}: {told}");
        assert_eq!(told["roomId"], payload["roomId"]);
        assert_eq!(told["clientId"], if payload["clientId"] == json!(key) { json!(key) } else { Value::Null });
    }
    // Who has no name reads, and who is nobody as well.
    for (auth, code) in [(json!({}), "BAD_TOKEN"), (json!({"anonymousId": Uuid::new_v4()}), "NICKNAME_REQUIRED")] {
        let mut reader = SocketIo::begin(&server, &auth).await;
        assert_eq!(reader.answer("join", &json!({"roomId": "post"})).await, json!({"ok": true}));
        let refused = reader.answer("message", &json!({"roomId": "post", "content": "x"})).await;
        assert_eq!(refused["code"], code);
    }
    // Twenty rooms, and the next one is refused by itself.
    for n in 0..20 {
        assert_eq!(socket.answer("join", &json!({"roomId": format!("room-{n}")})).await["ok"], true);
    }
    assert_eq!(socket.answer("join", &json!({"roomId": "post"})).await["code"], "BAD_REQUEST");
    assert_eq!(socket.answer("leave", &json!({"roomId": "room-0"})).await["ok"], true);
    assert_eq!(socket.answer("join", &json!({"roomId": "post"})).await["ok"], true);
    assert_eq!(database.counters("post").await.0, 1, "nothing of it was stored");
}

async fn who_types_is_shown(database: &Database) {
    let server = Server::with(database, &LIMITS_OFF).await;
    let mut reader = SocketIo::begin(&server, &json!({})).await;
    let mut author = SocketIo::begin(&server, &named("author")).await;
    for socket in [&mut reader, &mut author] {
        socket.emit("join", &json!({"roomId": "post"})).await;
        socket.event("welcome").await;
    }
    assert_eq!(author.answer("typing", &json!({"roomId": "post"})).await, json!({"ok": true}));
    let typing = reader.event("typing").await;
    assert_eq!((&typing["authors"][0]["nickname"], &typing["roomId"]), (&json!("author"), &json!("post")));
}

async fn who_comes_in_is_held_to_the_same_limits(database: &Database) {
    let settings = [("CHAT_IDENTITY_SESSIONS_MAX", "3"), ("CHAT_ADDRESS_SESSIONS_MAX", "2")];
    let server = Server::with(database, &settings).await;
    assert_eq!(status(&server, &[("origin", "https://other.example")]).await, 403);
    let mut socket = SocketIo::begin(&server, &named("somebody")).await;
    // The first counts as its connection does, and each other one by itself.
    for (room, code) in [("1", Value::Null), ("2", Value::Null), ("3", json!("RATE_LIMITED"))] {
        assert_eq!(socket.answer("join", &json!({"roomId": room})).await["code"], code, "{room}");
    }
    assert_eq!(status(&server, &[]).await, 429);
    assert_eq!(server.metric("chat_sessions_live").await, 2.0);
    drop(socket);
    server.counts("both to be gone", "chat_sessions_live", |n| n == 0.0).await;
    SocketIo::begin(&server, &named("somebody")).await;
}

async fn a_server_that_stops_says_so_to_each(database: &Database) {
    let settings = [LIMITS_OFF[0], ("CHAT_DRAIN_GRACE_SECS", "0"), ("CHAT_DRAIN_WINDOW_SECS", "0")];
    let mut server = Server::with(database, &settings).await;
    let mut reads = SocketIo::begin(&server, &named("reads")).await;
    reads.emit("join", &json!({"roomId": "post"})).await;
    reads.event("welcome").await;
    let mut writes = SocketIo::begin(&server, &named("writes")).await;
    server.signal("TERM");
    assert_eq!(reads.event("reconnect").await["roomId"], "post");
    for socket in [&mut reads, &mut writes] {
        // Nothing that would keep a client from coming back by itself.
        assert_eq!(socket.end().await, (vec![], 1012));
    }
    assert_eq!(server.end().await.code(), Some(0), "{}", server.log());
}

async fn an_ended_login_ends_its_connection(database: &Database) {
    let server = Server::with(database, &OPEN).await;
    let account = register(&server, "somebody@blog.example").await;
    let auth = json!({"token": account.access});
    let mut reads = SocketIo::begin(&server, &auth).await;
    reads.emit("join", &json!({"roomId": "post"})).await;
    assert_eq!(reads.event("welcome").await["self"]["id"], account.user);
    let mut writes = SocketIo::begin(&server, &auth).await;
    say(&mut writes, "post", "signed").await;
    let bearer = format!("Bearer {}", account.access);
    ask(&server, Method::POST, "/api/v1/auth/logout", &[("Authorization", &bearer)], &Value::Null).await.ok();
    let (said, code) = reads.end().await;
    let last: Vec<&Said> = said.iter().rev().take(2).collect();
    assert_eq!((last[0], code), (&Said::Disconnect, 4104), "{said:?}");
    assert!(matches!(last[1], Said::Event(name, error) if name == "error" && error["code"] == "BAD_TOKEN"), "{said:?}");
    let refused = writes.answer("message", &json!({"roomId": "post", "content": "no more"})).await;
    assert_eq!(refused["code"], "BAD_TOKEN");
    assert_eq!(database.counters("post").await.0, 1);
    // And who comes with it does not get in.
    let mut late = SocketIo::open(&server, &[], false).await.expect("an upgrade");
    late.send_text(&format!("40{auth}")).await;
    let (said, code) = late.end().await;
    let [Said::ConnectError(namespace, error)] = &said[..] else { panic!("{said:?}") };
    assert_eq!((namespace.as_str(), &error["data"]["code"], code), ("/", &json!("BAD_TOKEN"), 4104));
    assert!(error["message"].is_string(), "{error}");
}

/// What is no WebSocket, or another version, is told how a client is to be made.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn other_ways_in_are_answered_as_engine_io_answers() {
    let (_database, server) = Server::alone(&LIMITS_OFF).await;
    for (query, code) in [
        ("?EIO=4&transport=polling&t=abc", 0),
        ("?EIO=3&transport=websocket", 5),
        ("?EIO=3&transport=polling", 5),
        ("?EIO=4&transport=websocket&sid=abc", 1),
        ("", 5),
    ] {
        for path in ["/socket.io/", "/socket.io"] {
            let response = server.get(&format!("{path}{query}")).await;
            assert_eq!(
                (response.status().as_u16(), &response.headers()["access-control-allow-origin"]),
                (400, &"*".parse().unwrap())
            );
            let said: Value = response.json().await.expect("JSON");
            assert_eq!(said["code"], code, "{query}: {said}");
            assert!(
                code == 1 || said["message"].as_str().is_some_and(|m| m.contains("transports: [\"websocket\"]")),
                "{said}"
            );
        }
    }
    assert_eq!(server.get(SOCKET_IO).await.status(), 400, "no upgrade");
    let post = reqwest::Client::builder().no_proxy().build().expect("a client").post(server.url(SOCKET_IO));
    let response = within("an answer", post.send()).await.expect("an answer");
    assert_eq!(response.status(), 400);
    assert_eq!(response.json::<Value>().await.expect("JSON")["code"], 2);
}

/// Each breaks the protocol in its own way: gets that protocol's own error, and costs no memory.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_packet_is_answered_by_an_error_and_kept_nowhere() {
    let (_database, server) = Server::alone(&LIMITS_OFF).await;
    let auth = named("somebody");
    let deep = format!("42[\"message\",{}", "[".repeat(20_000));
    let digits = format!("42{}[\"leave\"]", "9".repeat(20_000));
    for (begins, sent, words) in [
        (false, "GET / HTTP/1.1".to_owned(), "Engine.IO"),
        (false, String::new(), "Engine.IO"),
        (false, "0{}".to_owned(), "Engine.IO"),
        (false, "5".to_owned(), "Engine.IO"),
        (true, "9".to_owned(), "Engine.IO"),
        (false, "42[\"join\",{\"roomId\":\"a\"}]".to_owned(), "CONNECT comes first"),
        (false, "40[]".to_owned(), "Socket.IO"),
        (false, "40{\"anonymousId\":\"me\"}".to_owned(), "auth is"),
        (false, "40{\"token\":1}".to_owned(), "auth is"),
        (true, "40".to_owned(), "begun already"),
        (true, "4".to_owned(), "Socket.IO"),
        (true, "47".to_owned(), "Socket.IO"),
        (true, "42".to_owned(), "Socket.IO"),
        (true, "42{}".to_owned(), "Socket.IO"),
        (true, "42[]".to_owned(), "Socket.IO"),
        (true, "42[1]".to_owned(), "Socket.IO"),
        (true, "42[\"a\"".to_owned(), "Socket.IO"),
        (true, "42[\"a\"]]".to_owned(), "Socket.IO"),
        (true, "43[]".to_owned(), "Socket.IO"),
        (true, "44{}".to_owned(), "Socket.IO"),
        (true, deep, "Socket.IO"),
        (true, digits, "Socket.IO"),
        (true, "42/admin,[\"a\"]".to_owned(), "no namespace"),
        (true, "451-[\"a\",{\"_placeholder\":true,\"num\":0}]".to_owned(), "binary"),
    ] {
        let mut socket = SocketIo::open(&server, &[], false).await.expect("an upgrade");
        if begins {
            socket.connect(&auth).await;
        }
        socket.send_text(&sent).await;
        let (said, code) = socket.end().await;
        let told = match &said[..] {
            [Said::ConnectError(namespace, error)] if !begins && namespace == "/" => error,
            [Said::Event(name, error), Said::Disconnect] if begins && name == "error" => error,
            _ => panic!("{sent:.60}: {said:?}"),
        };
        assert_eq!(code, 4102, "{sent:.60}");
        assert!(told["message"].as_str().is_some_and(|message| message.contains(words)), "{sent:.60}: {told}");
    }
    // Bytes are no text.
    let mut socket = SocketIo::begin(&server, &auth).await;
    socket.send_message(Message::binary(vec![4])).await;
    let (said, code) = socket.end().await;
    assert!(matches!(&said[..], [Said::Event(..), Said::Disconnect]) && code == 4102, "{said:?} {code}");
    // Another namespace is refused by its name, and nothing else is.
    let mut socket = SocketIo::begin(&server, &auth).await;
    socket.send_text("40/admin,{\"token\":\"x\"}").await;
    match socket.next("an error").await {
        Some(Said::ConnectError(namespace, error)) => {
            assert_eq!((namespace.as_str(), &error["data"]["code"]), ("/admin", &json!("NOT_FOUND")));
        }
        other => panic!("{other:?}"),
    }
    socket.send_text("2probe").await;
    assert_eq!(socket.next("a pong").await, Some(Said::Pong("probe".to_owned())));
    socket.send_text("41").await;
    assert_eq!(socket.end().await, (vec![], 1000));
    server.counts("nobody to stay", "chat_sessions_live", |n| n == 0.0).await;

    // Ten megabytes of one packet: refused by the length that the WebSocket says.
    let before = server.resident();
    for begins in [false, true] {
        let mut socket = SocketIo::open(&server, &[], false).await.expect("an upgrade");
        if begins {
            socket.connect(&auth).await;
        }
        socket.send_text(&format!("42[\"{}\"]", "x".repeat(10 * MIB))).await;
        let (_, code) = socket.end().await;
        assert!([1009, 1006].contains(&code), "{code}");
    }
    let grown = server.resident().saturating_sub(before);
    assert!(grown < 8 * MIB, "{grown} bytes");
}

/// Events without end wait in the socket of whoever sends them, and what was asked is answered.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_without_end_wait() {
    let (_database, server) = Server::alone(&LIMITS_OFF).await;
    let mut socket = SocketIo::begin(&server, &named("somebody")).await;
    let before = server.resident();
    let mut asked = Vec::new();
    for _ in 0..2_000 {
        asked.push(socket.ask("leave", &json!({"roomId": "x".repeat(100)})).await);
    }
    for number in asked {
        match socket.next("an answer").await {
            Some(Said::Ack(of, answer)) => assert_eq!((of, &answer["code"]), (number, &json!("NOT_JOINED"))),
            other => panic!("{other:?}"),
        }
    }
    let grown = server.resident().saturating_sub(before);
    assert!(grown < 4 * MIB, "{grown} bytes");
}

/// Who does not answer is gone after as long as they were told, and who does stays.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_gives_no_sign_of_life_is_gone() {
    let settings = [LIMITS_OFF[0], ("CHAT_HEARTBEAT_SECS", "1"), ("CHAT_SILENCE_SECS", "6"), ("CHAT_JOIN_SECS", "2")];
    let (_database, server) = Server::alone(&settings).await;
    let mut alive = SocketIo::begin(&server, &named("alive")).await;
    assert_eq!((&alive.opened["pingInterval"], &alive.opened["pingTimeout"]), (&json!(1_000), &json!(5_000)));
    let mut dead = SocketIo::begin(&server, &named("dead")).await;
    dead.is_alive = false;
    let reading = async {
        for _ in 0..5 {
            alive.ping().await;
        }
    };
    let ((), (said, code)) = tokio::join!(reading, dead.end());
    assert_eq!((said, code), (vec![], 4002));
    assert!((1..=8).contains(&dead.n_pings), "{}", dead.n_pings);
    // Who never says who it is.
    let mut silent = SocketIo::open(&server, &[], false).await.expect("an upgrade");
    let (said, code) = silent.end().await;
    assert!(matches!(&said[..], [Said::ConnectError(_, error)] if error["data"]["code"] == "NOT_JOINED"), "{said:?}");
    assert_eq!(code, 4004);
}
