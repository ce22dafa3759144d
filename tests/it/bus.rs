//! P8 and P9: what one server stores is on the others' screens over the bus, and whatever happens to the bus, the
//! database's poll makes it right.

use std::time::Duration;

use chat_wire::{MessagePayload, ServerFrame};
use serde_json::json;
use uuid::Uuid;

use crate::support::{
    Client, Database, Folder, LIMITS_OFF, Proxy, Redis, Server, Who, certificates,
    command::{delete, edit, react, reply},
    soon, whole,
};

/// The poll comes never, so that what crosses has crossed over the bus.
const NO_POLL: (&str, &str) = ("CHAT_POLL_SECS", "3600");
const FAST_POLL: (&str, &str) = ("CHAT_POLL_SECS", "0.2");

const UP: &str = "chat_bus_up";

/// Two servers on one database, which the bus with this URL connects.
async fn pair(url: &str, poll: (&str, &str)) -> (Database, [Server; 2]) {
    let settings = [&LIMITS_OFF[..], &[("CHAT_BUS", url), poll]].concat();
    let (database, servers) = Server::pair(&settings).await;
    for server in &servers {
        server.counts("the bus to carry", UP, |up| up == 1.0).await;
    }
    (database, servers)
}

/// Both in one room, each on its server. Whatever was written before is there.
async fn both(servers: &[Server; 2]) -> [Client; 2] {
    [Client::author(&servers[0], "post", "first").await, Client::author(&servers[1], "post", "second").await]
}

async fn agree(database: &Database, clients: &mut [Client], rev: i64) {
    let stored = whole(database, "post").await;
    for client in clients {
        client.reach(rev).await;
        client.history.agrees_with(&stored);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_change_crosses_over_the_bus_alone() {
    let redis = Redis::start().await;
    let (database, servers) = pair(&redis.url(), NO_POLL).await;
    let mut clients = both(&servers).await;
    let [first, second] = &mut clients;
    let hello = first.say("안녕, \"there\" 👋\nsecond line").await;
    second.reach(hello.rev).await;
    let answer = second.until_taken(&reply("an answer", &hello.id)).await;
    first.reach(answer.rev).await;
    let edited = first.until_taken(&edit(&hello.id, 1, "another text")).await;
    second.reach(edited.rev).await;
    let liked = second.until_taken(&react(&hello.id, "👍", true)).await;
    first.reach(liked.rev).await;
    let disliked = first.until_taken(&react(&hello.id, "👍", true)).await;
    second.reach(disliked.rev).await;
    let gone = second.until_taken(&delete(&answer.id)).await;
    for (client, server) in clients.iter_mut().zip(&servers) {
        client.reach(gone.rev).await;
        let list = serde_json::to_value(client.history.list.values().collect::<Vec<_>>()).expect("JSON");
        // The database, by the route that reads it, and the other one's memory.
        let stored = server.json("/api/v1/rooms/post/messages?limit=100").await;
        assert_eq!(list, stored["messages"]);
    }
    assert_eq!(clients[0].history.list, clients[1].history.list);
    assert_eq!(database.counters("post").await, (gone.rev, 1));
    for server in &servers {
        assert_eq!(server.metric("chat_bus_gaps_total").await, 0.0);
        assert!(server.metric("chat_bus_received_total{kind=\"change\"}").await >= 3.0);
    }
}

/// Who joins a server on which the room was not live gets all that was stored until then, and all that comes behind it:
/// the subscription is there before the room's counter is looked at.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_room_that_comes_to_life_misses_nothing() {
    let redis = Redis::start().await;
    let (database, servers) = pair(&redis.url(), NO_POLL).await;
    let mut writer = Client::author(&servers[0], "post", "the writer").await;
    let writing = async {
        let mut last = 0;
        for n in 0..150 {
            last = writer.say(&format!("message {n}")).await.rev;
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        last
    };
    // Rooms of their own, which come to life while somebody writes there elsewhere.
    let reading = async {
        let mut readers = Vec::new();
        for _ in 0..10 {
            readers.push(Client::reader(&servers[1], "post").await);
            tokio::time::sleep(Duration::from_millis(40)).await;
        }
        readers
    };
    let (last, mut readers) = tokio::join!(writing, reading);
    agree(&database, &mut readers, last).await;
}

/// Many at once on both sides: values interleave, and what comes over the bus has gaps that the database fills.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writers_on_both_servers_end_with_one_order() {
    let redis = Redis::start().await;
    let (database, servers) = pair(&redis.url(), NO_POLL).await;
    let mut clients = both(&servers).await;
    for round in 0..15 {
        let [first, second] = &mut clients;
        let of = |who: &str| (0..4).map(|n| format!("{who} {round} {n}")).collect::<Vec<_>>();
        let (one, other) = tokio::join!(first.publish_all(of("first")), second.publish_all(of("second")));
        tokio::join!(first.answered(&one), second.answered(&other));
    }
    agree(&database, &mut clients, 2 * 15 * 4).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_its_bus_the_poll_carries_and_the_bus_comes_back() {
    let mut redis = Redis::start().await;
    let (database, servers) = pair(&redis.url(), FAST_POLL).await;
    let mut clients = both(&servers).await;
    let rev = clients[0].say("over the bus").await.rev;
    agree(&database, &mut clients, rev).await;

    redis.kill();
    let rev = clients[1].say("over the poll").await.rev;
    agree(&database, &mut clients, rev).await;
    for server in &servers {
        server.counts("the bus to be missed", UP, |up| up == 0.0).await;
        assert_eq!(server.json("/healthz").await["bus"]["state"], "degraded");
        assert_eq!(server.get("/readyz").await.status(), 200, "nobody is sent away for it");
        server.logs_once("the bus carries nothing").await;
    }
    redis.start_again().await;
    for server in &servers {
        server.counts("the bus to carry again", UP, |up| up == 1.0).await;
        assert_eq!(server.json("/healthz").await["bus"]["state"], "ok");
    }
    let n_received = servers[1].metric("chat_bus_received_total{kind=\"change\"}").await;
    let rev = clients[0].say("over the new bus").await.rev;
    agree(&database, &mut clients, rev).await;
    let is_more = |n| n > n_received;
    servers[1].counts("it to come over the bus", "chat_bus_received_total{kind=\"change\"}", is_more).await;
}

/// A connection that looks well and carries nothing is noticed by the silence, and made anew.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_line_that_carries_nothing_is_noticed() {
    let redis = Redis::start().await;
    let proxy = Proxy::to(redis.address()).await;
    let (database, servers) = pair(&format!("redis://{}", proxy.address), FAST_POLL).await;
    let mut clients = both(&servers).await;
    proxy.set(|weather| weather.holds_answers = true);
    let rev = clients[0].say("into the silence").await.rev;
    agree(&database, &mut clients, rev).await;
    for server in &servers {
        server.counts("the silence to be noticed", UP, |up| up == 0.0).await;
    }
    proxy.calm();
    for server in &servers {
        server.counts("the bus to carry again", UP, |up| up == 1.0).await;
    }
    let rev = clients[1].say("heard again").await.rev;
    agree(&database, &mut clients, rev).await;
}

/// Redis may end one connection and keep the other: each is made anew by itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_redis_ends_are_made_anew() {
    let redis = Redis::start().await;
    let (database, servers) = pair(&redis.url(), FAST_POLL).await;
    let mut clients = both(&servers).await;
    for kind in ["pubsub", "normal"] {
        let n_before = servers[1].metric("chat_bus_reconnects_total").await;
        let _: i64 = redis.ask(&["CLIENT", "KILL", "TYPE", kind]).await;
        servers[1].counts("a new connection", "chat_bus_reconnects_total", |n| n > n_before).await;
        for server in &servers {
            server.counts("the bus to carry", UP, |up| up == 1.0).await;
        }
        let rev = clients[0].say(kind).await.rev;
        agree(&database, &mut clients, rev).await;
    }
}

/// What anybody may write into Redis.
async fn forge(redis: &Redis, database: &Database, frames: &[Vec<u8>]) {
    let name = database.texts("SELECT name AS text FROM meta").await.remove(0);
    let mut connection = redis.connection().await;
    for frame in frames {
        for channel in [format!("rtc:{name}:r:post"), format!("rtc:{name}:beat"), format!("rtc:{name}:r:other")] {
            let mut publish = redis::cmd("PUBLISH");
            let _: i64 = publish.arg(channel).arg(frame).query_async(&mut connection).await.expect("an answer");
        }
    }
}

fn forged(head: &serde_json::Value, body: &str) -> Vec<u8> {
    format!("{head}\n{body}").into_bytes()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_no_server_sends_is_dropped_and_counted() {
    let redis = Redis::start().await;
    let (database, servers) = pair(&redis.url(), FAST_POLL).await;
    let mut clients = both(&servers).await;
    let rev = clients[0].say("before").await.rev;
    agree(&database, &mut clients, rev).await;
    let epoch = clients[0].history.epoch();
    let head = json!({"v": 1, "server": "stranger", "kind": "change", "at": 1, "epoch": epoch, "fromRev": 2,
        "toRev": 2, "lens": [10, 0]});
    let of = |change: &str, value: serde_json::Value| {
        let mut head = head.clone();
        head[change] = value;
        forged(&head, "0123456789")
    };
    let frames = [
        Vec::new(),
        b"no frame".to_vec(),
        vec![b'{'; 10 * 1024 * 1024],
        b"{}\n".to_vec(),
        forged(&head, ""),
        forged(&head, "0123456789"),
        of("lens", json!([usize::MAX, 1])),
        of("lens", json!([1, 2, 3])),
        of("toRev", json!(i64::MAX)),
        of("fromRev", json!(i64::MIN)),
        of("epoch", json!("yesterday")),
        of("kind", json!("people")),
        of("kind", json!("ephemeral")),
        of("v", json!(u32::MAX)),
        of("kind", json!("of a later release")),
        of("server", json!(7)),
    ];
    forge(&redis, &database, &frames).await;
    for server in &servers {
        server.counts("them to be counted", "chat_bus_dropped_total{reason=\"malformed\"}", |n| n >= 10.0).await;
        server.counts("the bus to carry", UP, |up| up == 1.0).await;
    }
    let rev = clients[1].say("after").await.rev;
    agree(&database, &mut clients, rev).await;
    assert_eq!(clients[0].history.epoch(), epoch, "nobody had to start over");
}

/// Whoever can write to Redis can show a message that nobody has stored. The database is the truth: it goes again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_forged_message_does_not_stay() {
    let redis = Redis::start().await;
    let (database, servers) = pair(&redis.url(), FAST_POLL).await;
    let mut clients = both(&servers).await;
    let rev = clients[0].say("true").await.rev;
    agree(&database, &mut clients, rev).await;
    let seq = rev + 1;
    let message = json!({"id": "99", "seq": seq, "rev": seq, "clientId": Uuid::new_v4(), "content": "forged",
        "author": {"id": "forger", "nickname": "forger", "avatar": "cat"}, "createdAt": "2026-01-01T00:00:00.000Z"});
    let body = message.to_string();
    let head = json!({"v": 1, "server": "stranger", "kind": "change", "at": 1, "epoch": clients[0].history.epoch(),
        "fromRev": seq, "toRev": seq, "lens": [body.len(), 0]});
    forge(&redis, &database, &[forged(&head, &body)]).await;
    let is_forged = |frame: &ServerFrame<'static>| match frame {
        ServerFrame::Message(MessagePayload { content, .. }) => (content == "forged").then_some(()),
        _ => None,
    };
    clients[1].wait("the forged message", is_forged).await;
    // Everybody is sent to start over, with what is stored.
    for client in clients {
        let mut client = client;
        assert_eq!(client.closed().await, 4003);
    }
    soon("a server to have what is stored", async || {
        let (client, _) = Client::join(&servers[1], "post", Who::reader()).await;
        client.history.contents() == ["true"]
    })
    .await;
}

/// Redis with TLS and a password of its own user, as it is offered in clouds.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_is_reached_over_tls_with_a_user_and_a_password() {
    let folder = Folder::new("rtc_redis_tls");
    certificates(&folder.0);
    let (certificate, key, authority) = (folder.path("good.pem"), folder.path("server.key"), folder.path("ca.pem"));
    let tls = ["--port", "0", "--tls-port", "{port}", "--tls-auth-clients", "no", "--tls-cert-file", &certificate];
    let keys = ["--tls-key-file", &key, "--tls-ca-cert-file", &authority];
    let user = ["--user", "chat", "on", ">a-secret", "resetchannels", "&rtc:*", "~rtc:*", "+@all", "-@dangerous"];
    let redis = Redis::with(&[&tls[..], &keys, &user].concat()).await;
    let (database, url) = (Database::postgres().await, format!("rediss://chat:a-secret@localhost:{}", redis.port));
    let settings = [("CHAT_BUS", url.as_str()), ("SSL_CERT_FILE", &authority), NO_POLL];
    let servers = [Server::with(&database, &settings).await, Server::with(&database, &settings).await];
    for server in &servers {
        server.counts("the bus to carry", UP, |up| up == 1.0).await;
    }
    let mut clients = both(&servers).await;
    let rev = clients[0].say("encrypted").await.rev;
    agree(&database, &mut clients, rev).await;
    // Whose authority is not known here is not Redis.
    let stranger = folder.path("other-ca.pem");
    let settings = [("CHAT_BUS", url.as_str()), ("SSL_CERT_FILE", &stranger)];
    let careful = Server::with(&database, &settings).await;
    careful.logs("the bus carries nothing").await;
    assert_eq!(careful.metric(UP).await, 0.0);
    assert!(!careful.log().contains("a-secret"), "{}", careful.log());
}
