//! P7: while the database is away reading goes on from memory where it can; sending waits in a bounded queue and is
//! then answered "send again later"; liveness and readiness stay green; everything recovers by itself.

use chat_wire::{ErrorCode, ResumePoint, ServerFrame};
use serde_json::json;
use uuid::Uuid;

use crate::support::{Client, Database, Held, Proxy, Server, Who, message, soon, until, whole};

on_both!(
    what_is_sent_meanwhile_is_told_to_be_sent_again_and_then_stored_once,
    a_full_queue_says_so_and_loses_nothing,
    an_outage_is_one_line_of_the_log_and_its_end_another,
    health_stays_degraded_until_a_write_succeeds_though_nobody_writes,
);

/// A database that can be taken away from its server.
enum Away {
    /// PostgreSQL behind a line.
    Cut(Proxy),
    /// SQLite that somebody else is writing to. Reading goes on.
    Held(Option<Held>),
}

impl Away {
    async fn server(database: &Database, settings: &[(&str, &str)]) -> (Self, Server) {
        if database.is_sqlite() {
            return (Self::Held(None), Server::with(database, settings).await);
        }
        let (wire, url) = Proxy::to_postgres(&database.url).await;
        let server = Server::ready_at(&url, settings).await;
        (Self::Cut(wire), server)
    }

    async fn begin(&mut self, database: &Database) {
        match self {
            Self::Cut(wire) => wire.down(),
            Self::Held(held) => *held = Some(database.hold("").await),
        }
    }

    async fn end(&mut self) {
        match self {
            Self::Cut(wire) => wire.calm(),
            Self::Held(held) => held.take().expect("a lock").release().await,
        }
    }
}

/// Short, and long enough that a machine that is busy with other things is no database that is away.
const QUICK: [(&str, &str); 3] =
    [("CHAT_RATE_LIMITS", "off"), ("CHAT_STORE_WAIT_SECS", "2"), ("CHAT_READ_WAIT_SECS", "2")];

/// Whoever finds out: who writes, who reads a page, the rooms. Not one line for each, nor for each visitor.
async fn an_outage_is_one_line_of_the_log_and_its_end_another(database: &Database) {
    let settings = [&QUICK[..], &[("CHAT_POLL_SECS", "0.05"), ("CHAT_RATE_LIMITS", "on")]].concat();
    let (mut away, server) = Away::server(database, &settings).await;
    let mut writer = Client::author(&server, "post", "writer").await;
    let line = |part: &str| server.log().lines().filter(|l| l.contains(part)).count();
    for n in 1..=2 {
        away.begin(database).await;
        for _ in 0..2 {
            writer.refused(&message(Uuid::new_v4(), "meanwhile")).await;
            for room in ["one", "two"] {
                server.get(&format!("/room/{room}")).await;
            }
        }
        server.counts("the database to be missed", "chat_database_up", |n| n == 0.0).await;
        away.end().await;
        writer.say_again(Uuid::new_v4(), &format!("after outage {n}")).await;
        soon("the end of the outage to be told", async || line("the database is back") == n).await;
        assert_eq!(line(" WARN ") + line(" ERROR "), n, "{}", server.log());
    }
}

async fn what_is_sent_meanwhile_is_told_to_be_sent_again_and_then_stored_once(database: &Database) {
    let (mut away, server) = Away::server(database, &QUICK).await;
    let mut writer = Client::author(&server, "post", "writer").await;
    let mut reader = Client::reader(&server, "post").await;
    let before = writer.say("before").await;
    reader.reach(before.rev).await;
    away.begin(database).await;

    let client_id = Uuid::new_v4();
    let refused = writer.refused(&message(client_id, "meanwhile")).await;
    assert_eq!((refused.code, refused.client_id), (ErrorCode::StoreUnavailable, Some(client_id)));
    assert!(refused.retry_after_ms.is_some(), "it can pass with time: {refused:?}");
    // Whoever comes is served from the live room, with the latest messages or with what was missed.
    let (_, welcome) = Client::join(&server, "post", Who::named("latecomer")).await;
    assert_eq!(welcome.messages.iter().map(|m| &*m.content).collect::<Vec<_>>(), ["before"]);
    let seen = ResumePoint { epoch: welcome.head.room.epoch.to_string(), rev: 0 };
    let (_, welcome) = Client::join_at(&server, "post", Who::reader(), &seen).await;
    assert!(welcome.head.resumed && welcome.messages.len() == 1, "{welcome:?}");
    let page = server.get("/room/post").await;
    assert_eq!(page.status(), 200);
    assert!(page.text().await.expect("text").contains("before"), "the page shows what the room has");
    // Neither a restart nor another server would help.
    for path in ["/livez", "/readyz"] {
        assert_eq!(server.get(path).await.status(), 200, "{path}");
    }
    let health = server.get("/healthz").await;
    assert_eq!(health.status(), 503);
    assert_eq!(health.json::<serde_json::Value>().await.expect("JSON")["database"]["reachable"], json!(false));

    away.end().await;
    let ack = writer.say_again(client_id, "meanwhile").await;
    reader.reach(ack.rev).await;
    soon("/healthz to be green", async || server.get("/healthz").await.status() == 200).await;
    let stored = whole(database, "post").await;
    assert_eq!(stored.iter().map(|m| &*m.content).collect::<Vec<_>>(), ["before", "meanwhile"], "each once");
    reader.history.agrees_with(&stored);
}

async fn a_full_queue_says_so_and_loses_nothing(database: &Database) {
    let settings = [("CHAT_RATE_LIMITS", "off"), ("CHAT_QUEUE_MAX", "5"), ("CHAT_STORE_WAIT_SECS", "20")];
    let (mut away, server) = Away::server(database, &settings).await;
    let mut writer = Client::author(&server, "post", "writer").await;
    writer.say("before").await;
    away.begin(database).await;
    let ids = writer.publish_all((0..20).map(|n| format!("message {n}"))).await;
    // Fifteen find no place; five wait and are stored in the order they came.
    while writer.errors.len() < 15 {
        writer.error().await;
    }
    let refused: Vec<_> = ids.iter().filter(|id| writer.errors.contains_key(id)).copied().collect();
    assert_eq!(refused, ids[5..]);
    for error in writer.errors.values() {
        assert!(matches!(error.code, ErrorCode::Overloaded | ErrorCode::StoreUnavailable), "{error:?}");
        assert!(error.retry_after_ms.is_some(), "{error:?}");
    }
    away.end().await;
    writer.answered(&ids[..5]).await;
    assert_eq!(writer.errors.len(), 15, "{:?}", writer.errors);
    for (n, id) in ids.iter().enumerate().skip(5) {
        writer.say_again(*id, &format!("message {n}")).await;
    }
    let stored = whole(database, "post").await;
    let contents: Vec<_> = stored.iter().skip(1).map(|m| m.content.to_string()).collect();
    assert_eq!(contents, (0..20).map(|n| format!("message {n}")).collect::<Vec<_>>());
}

/// A room that was never loaded cannot be shown, and says so; the same socket gets in once the database is back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_join_that_needs_the_database_is_told_and_may_try_again() {
    let database = Database::postgres().await;
    let other = Server::start(&database).await;
    Client::author(&other, "elsewhere", "writer").await.say("written elsewhere").await;
    let (wire, url) = Proxy::to_postgres(&database.url).await;
    let server = Server::ready_at(&url, &QUICK).await;
    wire.down();
    let mut client = Client::asking(&server, "elsewhere", Who::reader()).await;
    let refused = client.error_of(ErrorCode::StoreUnavailable).await;
    assert!(refused.retry_after_ms.is_some(), "{refused:?}");
    let page = server.get("/room/elsewhere").await;
    assert_eq!(page.status(), 200, "a page without history is better than none");
    assert!(!page.text().await.expect("text").contains("written elsewhere"));
    wire.calm();
    let welcome = until("a WELCOME on the same socket", async || {
        client.ask_to_join(None).await;
        match client.frame("an answer").await {
            ServerFrame::Welcome(welcome) => Some(welcome),
            ServerFrame::Error(error) if error.code == ErrorCode::StoreUnavailable => None,
            frame => panic!("{frame:?}"),
        }
    })
    .await;
    assert_eq!(welcome.messages.len(), 1);
}

/// A stop while the database is away: who has sent something hears that nothing is known of it before being moved.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_meanwhile_answers_everything_first() {
    let database = Database::postgres().await;
    let (wire, url) = Proxy::to_postgres(&database.url).await;
    let settings = [
        ("CHAT_RATE_LIMITS", "off"),
        ("CHAT_STORE_WAIT_SECS", "3"),
        ("CHAT_DRAIN_GRACE_SECS", "0"),
        ("CHAT_DRAIN_WINDOW_SECS", "0"),
    ];
    let mut server = Server::ready_at(&url, &settings).await;
    let mut writer = Client::author(&server, "post", "writer").await;
    writer.say("before").await;
    wire.down();
    let ids = writer.publish_all(vec!["meanwhile".to_owned(); 5]).await;
    // So that the server has all of them before it is told to stop.
    writer.ping().await;
    server.signal("TERM");
    assert_eq!(writer.closed().await, 1012);
    for id in &ids {
        assert_eq!(writer.errors.get(id).map(|e| e.code), Some(ErrorCode::StoreUnavailable), "each was answered");
    }
    assert_eq!(server.end().await.code(), Some(0), "{}", server.log());
    let server = Server::start(&database).await;
    let (mut writer, welcome) = writer.back(&server).await;
    assert!(welcome.head.resumed);
    for id in &ids {
        writer.say_as(*id, "meanwhile").await;
    }
    assert_eq!(database.messages("post").await.len(), 6);
}

/// A database that answers every question and takes no message: its disk is full, or the file is damaged. When those
/// who wrote have been told, nobody asks it any more.
async fn health_stays_degraded_until_a_write_succeeds_though_nobody_writes(database: &Database) {
    let server = Server::with(database, &QUICK).await;
    let mut writer = Client::author(&server, "post", "writer").await;
    writer.say("before").await;
    let full = if database.is_sqlite() {
        "CREATE TRIGGER no_space BEFORE INSERT ON messages BEGIN SELECT raise(FAIL, 'database or disk is full'); END"
    } else {
        "CREATE FUNCTION no_space() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN
            RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = 'disk_full'; END$$;
         CREATE TRIGGER no_space BEFORE INSERT ON messages FOR EACH ROW EXECUTE FUNCTION no_space()"
    };
    let free = if database.is_sqlite() { "DROP TRIGGER no_space" } else { "DROP TRIGGER no_space ON messages" };
    database.run(full).await;
    writer.refused(&message(Uuid::new_v4(), "meanwhile")).await;
    let status = async || server.get("/healthz").await.status().as_u16();
    // Longer than any failure is remembered by time alone.
    let later = std::time::Instant::now() + std::time::Duration::from_secs(7);
    while std::time::Instant::now() < later {
        assert_eq!(status().await, 503);
        writer.ping().await;
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    database.run(free).await;
    soon("/healthz to be green with nobody writing", async || status().await == 200).await;
    let stored = database.messages("post").await;
    assert_eq!(stored.len(), 1, "what is tried is not stored");
    assert_eq!(database.counters("post").await, (1, 1));
    server.logs_once("the database does not take messages").await;
    assert_eq!(writer.say("after").await.seq, 2);
}
