//! Reading by a stream of events: what is HTTP's own of it.

use chat_wire::ServerFrame;
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    accounts::{OPEN, ask, register},
    support::{Client, Database, EventStream, LIMITS_OFF, Server, StreamEnd, within},
};

on_both!(
    a_stream_passes_as_it_comes_and_names_where_it_is,
    who_was_cut_off_comes_back_by_the_last_id,
    streams_count_as_sessions_do,
    a_server_that_stops_says_so,
    an_ended_login_ends_its_stream,
);

async fn read(server: &Server, room: &str, headers: &[(&str, &str)]) -> EventStream {
    EventStream::open(server, "GET", room, headers, None, false).await
}

/// The next event of this type; those before it are passed over.
async fn frame(stream: &mut EventStream, kind: &str) -> Value {
    within(kind, async {
        loop {
            let data = stream.event().await.unwrap_or_else(|end| panic!("{end:?} instead of {kind}"));
            let value: Value = serde_json::from_str(&data).expect("JSON");
            let _: ServerFrame<'static> = serde_json::from_str(&data).unwrap_or_else(|e| panic!("{e}: {data}"));
            assert_ne!(value["type"], "BATCH", "each event stands alone");
            if value["type"] == kind {
                return value["payload"].clone();
            }
        }
    })
    .await
}

async fn a_stream_passes_as_it_comes_and_names_where_it_is(database: &Database) {
    let server = Server::with(database, &LIMITS_OFF).await;
    let mut author = Client::author(&server, "post", "the author").await;
    author.say("before").await;
    let mut stream = read(&server, "post", &[]).await;
    assert_eq!(stream.status, 200);
    for (name, value) in
        [("content-type", "text/event-stream"), ("cache-control", "no-store"), ("x-accel-buffering", "no")]
    {
        assert_eq!(stream.headers.get(name).map(String::as_str), Some(value), "{name}");
    }
    assert_eq!(stream.headers.get("content-encoding"), None, "whatever the client takes");
    let welcome = frame(&mut stream, "WELCOME").await;
    assert_eq!((&welcome["self"], &welcome["messages"][0]["content"]), (&Value::Null, &json!("before")));
    let epoch = welcome["room"]["epoch"].as_str().expect("an epoch").to_owned();
    assert_eq!(stream.last_id.as_deref(), Some(&*format!("{epoch}:1")));
    for rev in 2..=4 {
        // Each comes by itself: nothing on the way waits for more.
        author.say(&format!("live {rev}")).await;
        assert_eq!(frame(&mut stream, "MESSAGE").await["rev"], rev);
        assert_eq!(stream.last_id.as_deref(), Some(&*format!("{epoch}:{rev}")));
    }
    let refused = EventStream::open(&server, "GET", "post", &[("Origin", "https://other.example")], None, false).await;
    assert_eq!(refused.status, 403);
    // As some clients ask by default, for another version of HTTP.
    let upgrade = [("Connection", "Upgrade"), ("Upgrade", "h2c")];
    assert_eq!(EventStream::open(&server, "GET", "post", &upgrade, None, false).await.status, 400);
    let bad = EventStream::open(&server, "POST", "post", &[], Some(&json!({"nickname": "x"})), false).await;
    assert_eq!((bad.status, &bad.body().await["error"]["code"]), (400, &json!("BAD_REQUEST")));
    let named = json!({"anonymousId": Uuid::new_v4(), "nickname": "x"});
    let bad = EventStream::open(&server, "POST", "post", &[], Some(&named), false).await;
    assert_eq!((bad.status, &bad.body().await["error"]["code"]), (400, &json!("INVALID_NICKNAME")));
    server.counts("nobody else to stay", "chat_sessions_live", |n| n == 2.0).await;
}

async fn who_was_cut_off_comes_back_by_the_last_id(database: &Database) {
    let server = Server::with(database, &LIMITS_OFF).await;
    let mut author = Client::author(&server, "post", "the author").await;
    author.say("one").await;
    let mut stream = read(&server, "post", &[]).await;
    frame(&mut stream, "WELCOME").await;
    let id = stream.last_id.clone().expect("an id");
    drop(stream);
    author.say("two").await;
    author.say("three").await;
    let escaped = format!("post?lastEventId={}", id.replace(':', "%3A"));
    for (room, headers) in [("post", vec![("Last-Event-ID", id.as_str())]), (&*escaped, vec![])] {
        let mut stream = read(&server, room, &headers).await;
        let welcome = frame(&mut stream, "WELCOME").await;
        assert_eq!(welcome["resumed"], true, "{welcome}");
        let missed: Vec<_> = welcome["messages"].as_array().expect("a list").iter().map(|m| &m["content"]).collect();
        assert_eq!(missed, ["two", "three"]);
        assert!(stream.last_id.as_deref().is_some_and(|id| id.ends_with(":3")));
    }
    let other_life = format!("{}:1", Uuid::new_v4());
    for id in ["", "what is this", "1", other_life.as_str()] {
        let mut stream = read(&server, "post", &[("Last-Event-ID", id)]).await;
        let welcome = frame(&mut stream, "WELCOME").await;
        let n_messages = welcome["messages"].as_array().map(Vec::len);
        assert_eq!((&welcome["resumed"], n_messages), (&json!(false), Some(3)), "{id:?} starts over");
    }
}

async fn streams_count_as_sessions_do(database: &Database) {
    let settings = [("CHAT_IDENTITY_SESSIONS_MAX", "1"), ("CHAT_ADDRESS_SESSIONS_MAX", "2")];
    let server = Server::with(database, &settings).await;
    let body = json!({"anonymousId": Uuid::new_v4(), "nickname": "somebody"});
    let join = async || EventStream::open(&server, "POST", "post", &[], Some(&body), false).await;
    let mut first = join().await;
    assert_eq!(frame(&mut first, "WELCOME").await["self"]["nickname"], "somebody");
    let second = join().await;
    assert_eq!((second.status, second.headers.contains_key("retry-after")), (429, true));
    server.counts("the second one to be gone", "chat_sessions_live", |n| n == 1.0).await;
    let mut other = read(&server, "post", &[]).await;
    frame(&mut other, "WELCOME").await;
    let third = read(&server, "post", &[]).await;
    assert_eq!((third.status, &third.body().await["error"]["code"]), (429, &json!("RATE_LIMITED")));
    drop(first);
    server.counts("the first one to be gone", "chat_sessions_live", |n| n == 1.0).await;
    assert_eq!(join().await.status, 200);
}

async fn a_server_that_stops_says_so(database: &Database) {
    let settings = [("CHAT_DRAIN_GRACE_SECS", "0"), ("CHAT_DRAIN_WINDOW_SECS", "0")];
    let mut server = Server::with(database, &settings).await;
    let mut stream = read(&server, "post", &[]).await;
    frame(&mut stream, "WELCOME").await;
    server.signal("TERM");
    frame(&mut stream, "RECONNECT").await;
    assert_eq!(within("the end", stream.event()).await, Err(StreamEnd::Ended));
    assert_eq!(server.end().await.code(), Some(0), "{}", server.log());
}

async fn an_ended_login_ends_its_stream(database: &Database) {
    let server = Server::with(database, &OPEN).await;
    let account = register(&server, "somebody@blog.example").await;
    let bearer = format!("Bearer {}", account.access);
    let mut stream = read(&server, "post", &[("Authorization", &bearer)]).await;
    assert_eq!(frame(&mut stream, "WELCOME").await["self"]["id"], account.user);
    let headers = [("Authorization", bearer.as_str())];
    ask(&server, Method::POST, "/api/v1/auth/logout", &headers, &Value::Null).await.ok();
    assert_eq!(frame(&mut stream, "ERROR").await["code"], "BAD_TOKEN");
    assert_eq!(within("the end", stream.event()).await, Err(StreamEnd::Ended));
    let again = read(&server, "post", &headers).await;
    assert_eq!((again.status, &again.body().await["error"]["code"]), (401, &json!("BAD_TOKEN")));
}
