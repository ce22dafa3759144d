//! Which sessions there are stands in Redis, for as long as they are there, and nothing of the chat waits for that.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use serde_json::Value;

use crate::support::{Client, Database, LIMITS_OFF, Redis, Server, allow_files, soon, until};

const TOKEN: &str = "the-token-of-this-test";
const BEARER: (&str, &str) = ("Authorization", "Bearer the-token-of-this-test");

/// A server of this name, which tells this Redis.
async fn server(database: &Database, redis: &Redis, name: &str, more: &[(&str, &str)]) -> Server {
    let url = redis.url();
    let settings = [("CHAT_BUS", url.as_str()), ("CHAT_SERVER_ID", name), ("CHAT_ADMIN_TOKEN", TOKEN)];
    Server::with(database, &[&LIMITS_OFF[..], &settings, more].concat()).await
}

async fn keys(redis: &Redis, kind: &str) -> Vec<String> {
    redis.ask(&["KEYS", &format!("rtc:*:{kind}:*")]).await
}

async fn n_listed(redis: &Redis, server: &str) -> usize {
    let names = keys(redis, "ss").await;
    match names.iter().find(|name| name.ends_with(&format!(":{server}"))) {
        Some(name) => redis.ask(&["ZCARD", name]).await,
        None => 0,
    }
}

/// Waits until so many sessions stand there, all of them of this server.
async fn stand(redis: &Redis, server: &str, n: usize) {
    let what = format!("{n} sessions of {server} in Redis");
    soon(&what, async || keys(redis, "s").await.len() == n && n_listed(redis, server).await == n).await;
}

async fn record(redis: &Redis, key: &str) -> Value {
    let json: String = redis.ask(&["GET", key]).await;
    serde_json::from_str(&json).expect("JSON")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_stands_in_redis_while_it_is_there() {
    let (database, redis) = (Database::postgres().await, Redis::start().await);
    let server = server(&database, &redis, "chat-0", &[("CHAT_ADVERTISE_URL", "http://10.0.0.5:8080")]).await;
    let _nobody = Client::connect(&server, "post").await;
    let author = Client::author(&server, "글", "the author").await;
    stand(&redis, "chat-0", 1).await;

    let db = database.texts("SELECT name AS text FROM meta").await.remove(0);
    let [key] = keys(&redis, "s").await.try_into().expect("one session");
    let record = record(&redis, &key).await;
    let user = record["userId"].as_str().expect("a person");
    let session = record["sessionId"].as_str().expect("a session");
    assert_eq!(key, format!("rtc:{db}:s:{session}"));
    let expected = [("serverId", "chat-0"), ("serverHost", "10.0.0.5"), ("serverUrl", "http://10.0.0.5:8080")];
    for (name, value) in expected {
        assert_eq!(record[name], value);
    }
    assert_eq!((&record["serverPort"], &record["rooms"]), (&8080.into(), &serde_json::json!(["글"])));
    assert!(!record.to_string().contains(&author.who.anonymous_id.to_string()), "the secret stays here");
    for time in ["connectTime", "lastActiveTime"] {
        let time = record[time].as_str().expect("a time");
        assert!(chrono::DateTime::parse_from_rfc3339(time).is_ok(), "{time}");
    }
    for (key, longest) in [(key, 90), (format!("rtc:{db}:u:{user}"), 60)] {
        let left: i64 = redis.ask(&["TTL", &key]).await;
        assert!((1..=longest).contains(&left), "{key}: {left}");
    }
    let of_user: Vec<String> = redis.ask(&["ZRANGE", &format!("rtc:{db}:su:{user}"), "0", "-1"]).await;
    assert_eq!(of_user, [session]);

    author.leave().await;
    stand(&redis, "chat-0", 0).await;
    soon("nothing of the person to be left", async || keys(&redis, "su").await.is_empty()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_crashed_takes_back_what_it_left() {
    let (database, redis) = (Database::postgres().await, Redis::start().await);
    let first = server(&database, &redis, "chat-0", &[]).await;
    let other = server(&database, &redis, "chat-1", &[]).await;
    let _stays = Client::author(&other, "post", "stays").await;
    let mut goes = Client::authors(&first, "post", 3).await;
    soon("all to stand in Redis", async || keys(&redis, "s").await.len() == 4).await;
    first.kill9().await;
    assert_eq!(keys(&redis, "s").await.len(), 4, "who is killed says nothing");

    let again = server(&database, &redis, "chat-0", &[]).await;
    stand(&redis, "chat-1", 1).await;
    soon("the lists to be empty", async || {
        n_listed(&redis, "chat-0").await == 0 && keys(&redis, "su").await.len() == 1
    })
    .await;
    goes.clear();
    let _back = Client::author(&again, "post", "is back").await;
    soon("the new one to stand in Redis", async || n_listed(&redis, "chat-0").await == 1).await;
    assert_eq!(keys(&redis, "s").await.len(), 2);
}

/// All that an operator is told of this server's sessions, page by page.
async fn told(server: &Server) -> BTreeSet<String> {
    let (mut all, mut n_all, mut cursor) = (BTreeSet::new(), 0, String::new());
    loop {
        let page = server.get_with(&format!("/api/v1/admin/sessions?limit=130{cursor}"), BEARER).await;
        let page: Value = page.json().await.expect("JSON");
        assert_eq!(page["scope"], "all");
        let sessions = page["sessions"].as_array().expect("sessions");
        n_all += sessions.len();
        all.extend(sessions.iter().map(|session| session["sessionId"].as_str().expect("an id").to_owned()));
        match page["nextCursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(n_all, all.len(), "each once");
    all
}

/// Redis is wiped, and started anew: what is there is said again, and what went meanwhile is not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_sessions_come_back_into_a_redis_that_lost_them() {
    allow_files();
    const N: usize = 1_000;
    let (database, mut redis) = (Database::postgres().await, Redis::start().await);
    // Nobody answers pings here.
    let patient = [("CHAT_SILENCE_SECS", "3600"), ("CHAT_HEARTBEAT_SECS", "600")];
    let mut server = server(&database, &redis, "chat-0", &patient).await;
    let mut clients = Vec::new();
    for n in 0..N / 50 {
        let room = format!("room-{n}");
        clients.extend(join_all((0..50).map(|_| Client::reader(&server, &room))).await);
    }
    stand(&redis, "chat-0", N).await;
    let all = told(&server).await;
    assert_eq!(all.len(), N);

    let () = redis.ask(&["FLUSHALL"]).await;
    stand(&redis, "chat-0", N).await;
    assert_eq!(told(&server).await, all);

    redis.kill();
    for client in clients.drain(N - 50..) {
        drop(client.drop_connection());
    }
    let scope = async || {
        let page: Value = server.get_with("/api/v1/admin/sessions?limit=1", BEARER).await.json().await.expect("JSON");
        (page["scope"] == "server").then_some(page)
    };
    let page = until("the server to speak for itself", scope).await;
    assert_eq!(page["sessions"].as_array().map(Vec::len), Some(1));
    redis.start_again().await;
    stand(&redis, "chat-0", N - 50).await;

    server.stop("INT").await;
    for kind in ["s", "ss", "su"] {
        assert_eq!(keys(&redis, kind).await, [""; 0], "{kind}: a quiet stop leaves nothing");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_password_that_redis_refuses_ends_the_start() {
    let (database, mut redis) = (Database::postgres().await, Redis::with(&["--requirepass", "the-right-one"]).await);
    let at = format!("127.0.0.1:{}", redis.port);
    for login in ["", ":not-the-one@", "somebody:not-the-one@"] {
        let bus = format!("redis://{login}{at}");
        let settings = [("CHAT_BUS", bus.as_str()), ("DATABASE_URL", &database.url), ("CHAT_LISTEN", "127.0.0.1:0")];
        let refused = Server::run(&[], &settings).await;
        assert!(!refused.status.success(), "{login}");
        let line = refused.stderr.lines().last().expect("a line");
        assert!(line.contains("CHAT_BUS") && line.contains("refuses"), "{line}");
        assert!(!refused.stderr.contains("not-the-one"), "{}", refused.stderr);
    }
    let bus = format!("redis://:the-right-one@{at}");
    let server = Server::with(&database, &[("CHAT_BUS", &bus)]).await;
    server.counts("the bus to carry", "chat_bus_up", |up| up == 1.0).await;
    // One that is away is no reason not to serve.
    redis.kill();
    let server = server.again(&database, &[("CHAT_BUS", &bus)]).await;
    Client::author(&server, "post", "the author").await.say("without a bus").await;
}
