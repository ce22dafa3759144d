//! Messages are kept for so long and no longer: what is too old goes, everybody drops it, and nothing else changes.

use chat_wire::{ErrorCode, ResumePoint, ServerFrame};
use serde_json::Value;
use uuid::Uuid;

use crate::{
    changes::server_with,
    support::{
        Client, Database, LIMITS_OFF, Server, Who,
        command::{edit, react, reply},
        soon,
    },
};

on_both!(
    what_is_too_old_goes_from_open_pages_and_comes_back_by_no_way,
    a_server_that_is_killed_in_the_midst_of_it_leaves_nothing_by_half,
    what_is_kept_for_good_stays,
);

/// Messages are kept for a week, and looked at all the time.
const A_WEEK: [(&str, &str); 3] = [LIMITS_OFF[0], ("CHAT_RETENTION_DAYS", "7"), ("CHAT_KEEPING_REST_SECS", "0.05")];

/// Messages of a room up to this place were written eight days ago.
pub async fn age(database: &Database, room: &str, up_to: i64) {
    let ago = if database.is_sqlite() { "691200000" } else { "interval '8 days'" };
    let of = format!("WHERE room_id = '{room}' AND seq <= {up_to}");
    database.run(&format!("UPDATE messages SET created_at = created_at - {ago} {of}")).await;
}

/// Waits until the client was told that the room begins here.
async fn told(client: &mut Client, first_seq: i64) {
    client
        .wait("a ROOM that says where it begins", |frame| match frame {
            ServerFrame::Room(room) if room.room.first_seq == first_seq => Some(()),
            _ => None,
        })
        .await;
}

async fn what_is_too_old_goes_from_open_pages_and_comes_back_by_no_way(database: &Database) {
    let server = server_with(database, &A_WEEK).await;
    let mut author = Client::author(&server, "post", "author").await;
    let first = author.say("the first one").await;
    for n in 2..=4 {
        author.say(&format!("message {n}")).await;
    }
    author.until_taken(&react(&first.id, "👍", true)).await;
    let answer = author.until_taken(&reply("an answer", &first.id)).await;
    let mut reader = Client::reader(&server, "post").await;
    let before = server.json("/api/v1/rooms/post").await;
    assert_eq!((&before["messageCount"], &before["rev"]), (&5.into(), &6.into()));

    age(database, "post", 3).await;
    told(&mut reader, 4).await;
    assert_eq!(reader.history.contents(), ["message 4", "an answer"]);
    let shorter = async || server.json("/api/v1/rooms/post").await["messageCount"] == 2;
    soon("the number of messages to be right", shorter).await;
    let after = server.json("/api/v1/rooms/post").await;
    assert_eq!((&after["rev"], &after["epoch"]), (&before["rev"], &before["epoch"]), "no value is taken");

    // By no way: pages, around a place, one message, changes, its reactions.
    let contents = |page: &Value| -> Vec<String> {
        let all = page["messages"].as_array().expect("messages");
        all.iter().map(|m| m["content"].as_str().expect("a text").to_owned()).collect()
    };
    for query in ["messages?limit=50", "messages?around=1&limit=50", "messages?after=0", "messages?before=7"] {
        let page = server.json(&format!("/api/v1/rooms/post/{query}")).await;
        assert_eq!(contents(&page), ["message 4", "an answer"], "{query}");
        assert_eq!(page["hasMore"], false, "{query}");
        assert_eq!(page.get("quoted"), None, "{query}");
    }
    let html = server.get("/room/post").await.text().await.expect("a page");
    assert!(html.contains("message 4") && !html.contains("the first one"), "{html}");
    for path in [format!("messages/{}", first.id), format!("messages/{}/reactions?emoji=%F0%9F%91%8D", first.id)] {
        assert_eq!(server.get(&format!("/api/v1/rooms/post/{path}")).await.status(), 404, "{path}");
    }
    let epoch = reader.history.epoch();
    let changes = server.json(&format!("/api/v1/rooms/post/changes?epoch={epoch}&after=0")).await;
    assert_eq!(contents(&changes), ["message 4", "an answer"]);
    assert_eq!((&changes["room"]["firstSeq"], &changes["rev"]), (&4.into(), &6.into()));

    // Nothing is done to it, and nobody answers it any more.
    let refused = author.until_answered(&edit(&first.id, 1, "another text")).await.expect_err("it is gone");
    assert_eq!(refused.code, ErrorCode::MessageNotFound);
    let refused = author.until_answered(&reply("too late", &first.id)).await.expect_err("it is gone");
    assert_eq!(refused.code, ErrorCode::InvalidReply);

    // Who comes back from any place, or comes anew, has the same.
    for rev in 0..=answer.rev {
        let resume = ResumePoint { epoch: epoch.clone(), rev: u64::try_from(rev).expect("a counter") };
        let (back, welcome) = Client::join_at(&server, "post", Who::reader(), &resume).await;
        assert!(welcome.head.resumed && welcome.head.room.first_seq == 4, "{rev}");
        let missed: Vec<_> = reader.history.list.values().filter(|m| m.rev > rev).map(|m| m.seq).collect();
        assert_eq!(back.history.list.keys().copied().collect::<Vec<_>>(), missed, "from {rev}");
        back.leave().await;
    }
    server.counts("what was removed to be counted", "chat_messages_expired_total", |n| n >= 3.0).await;
    // The same from the database, after the room was put away.
    let server = server.again(database, &A_WEEK).await;
    let (fresh, welcome) = Client::join(&server, "post", Who::reader()).await;
    assert_eq!((welcome.head.room.first_seq, welcome.head.has_more), (4, false));
    assert_eq!(fresh.history.contents(), ["message 4", "an answer"]);
    let mut author = Client::author(&server, "post", "author").await;
    let next = author.say_again(Uuid::new_v4(), "the next one").await;
    assert_eq!(next.seq, 7, "the counter goes on");
}

async fn a_server_that_is_killed_in_the_midst_of_it_leaves_nothing_by_half(database: &Database) {
    let server = Server::start(database).await;
    Client::author(&server, "post", "author").await.say("makes the room").await;
    server.kill9().await;
    let (series, at) = if database.is_sqlite() {
        let series = "WITH RECURSIVE n (i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)";
        (series, "(unixepoch() - 864000) * 1000")
    } else {
        ("WITH n (i) AS (SELECT generate_series(2, 3000))", "now() - interval '10 days'")
    };
    let id = if database.is_sqlite() { "randomblob(16)" } else { "gen_random_uuid()" };
    let columns = "room_id, anonymous_id, nickname, avatar, content, client_id, seq, rev, created_at";
    let many = format!(
        "{series} INSERT INTO messages ({columns})
         SELECT 'post', 'somebody', 'otter', 'otter', 'old', {id}, i, i, {at} FROM n"
    );
    // PostgreSQL has the series behind INSERT as well, SQLite before it: both take it so.
    database.run(&many).await;
    database.run("UPDATE rooms SET last_rev = 3000, message_count = 3000 WHERE id = 'post'").await;
    age(database, "post", 1).await;
    let left = async || database.number("SELECT count(*) FROM messages WHERE room_id = 'post'").await;
    let settings = [("CHAT_RETENTION_DAYS", "7")];
    for _ in 0..3 {
        let server = Server::with(database, &settings).await;
        let at_first = left().await;
        soon("some of it to be gone", async || left().await < at_first || at_first == 0).await;
        server.kill9().await;
        let (n, first_seq) = (left().await, database.number("SELECT first_seq FROM rooms WHERE id = 'post'").await);
        let below = format!("SELECT count(*) FROM messages WHERE room_id = 'post' AND seq < {first_seq}");
        assert_eq!(database.number(&below).await, 0, "what is told to be gone is gone");
        assert_eq!(n, 3_001 - first_seq.max(1), "and nothing else");
        assert_eq!(database.counters("post").await, (3_000, n), "each is counted once");
    }
    let _server = Server::with(database, &settings).await;
    soon("all of it to be gone", async || left().await == 0).await;
    assert_eq!(database.counters("post").await, (3_000, 0));
}

async fn what_is_kept_for_good_stays(database: &Database) {
    let server = Server::with(database, &[LIMITS_OFF[0], ("CHAT_KEEPING_REST_SECS", "0.05")]).await;
    let mut author = Client::author(&server, "post", "author").await;
    author.say("an old one").await;
    age(database, "post", 1).await;
    let server = server.again(database, &A_WEEK[..1]).await;
    let (reader, welcome) = Client::join(&server, "post", Who::reader()).await;
    assert_eq!((welcome.head.room.first_seq, reader.history.contents()), (0, vec!["an old one"]));
    let ended = Server::run(&[], &[("DATABASE_URL", &database.url), ("CHAT_RETENTION_DAYS", "6")]).await;
    assert!(ended.stderr.contains("CHAT_RETENTION_DAYS") && ended.status.code() == Some(2), "{}", ended.stderr);
}

/// Of two servers one removes, and the people on both are told.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_on_every_server_are_told() {
    let (database, servers) = Server::pair(&A_WEEK).await;
    let mut author = Client::author(&servers[0], "post", "author").await;
    for n in 1..=3 {
        author.say_again(Uuid::new_v4(), &format!("message {n}")).await;
    }
    let mut readers = [Client::reader(&servers[0], "post").await, Client::reader(&servers[1], "post").await];
    age(&database, "post", 2).await;
    for reader in &mut readers {
        told(reader, 3).await;
        assert_eq!(reader.history.contents(), ["message 3"]);
    }
}
