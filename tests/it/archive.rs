//! Old messages go into the archive while the server runs, and nobody notices: they are read and changed as before.

use serde_json::Value;

use crate::{
    changes::server_with,
    support::{Client, Database, LIMITS_OFF, Server, command::react, soon},
};

on_both!(what_is_old_goes_into_the_archive_and_is_read_and_changed_as_before);

/// Messages are old after a month, and looked at all the time.
const A_MONTH: [(&str, &str); 3] = [LIMITS_OFF[0], ("CHAT_ARCHIVE_MONTHS", "1"), ("CHAT_KEEPING_REST_SECS", "0.05")];

/// Every message of the room as pages of history have them, the oldest first: its place and its text.
async fn history(server: &Server) -> Vec<(u64, String)> {
    let (mut all, mut before) = (Vec::new(), String::new());
    loop {
        let page = server.json(&format!("/api/v1/rooms/post/messages?limit=40{before}")).await;
        let messages = page["messages"].as_array().expect("messages");
        let of_page = messages.iter().map(|m| (m["seq"].as_u64().expect("a place"), text(m)));
        let mut page_and_rest: Vec<_> = of_page.collect();
        page_and_rest.append(&mut all);
        all = page_and_rest;
        if page["hasMore"] != true {
            return all;
        }
        before = format!("&before={}", all[0].0);
    }
}

fn text(message: &Value) -> String {
    message["content"].as_str().expect("a text").to_owned()
}

async fn archived(database: &Database) -> (i64, i64) {
    let count =
        async |table: &str| database.number(&format!("SELECT count(*) FROM {table} WHERE room_id = 'post'")).await;
    (count("messages").await, count("messages_archive").await)
}

async fn what_is_old_goes_into_the_archive_and_is_read_and_changed_as_before(database: &Database) {
    let server = server_with(database, &LIMITS_OFF).await;
    let first = Client::author(&server, "post", "author").await.say("the first one").await;
    server.kill9().await;
    let (series, at, id) = if database.is_sqlite() {
        let series = "WITH RECURSIVE n (i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < 200)";
        (series, "(unixepoch() - 8640000) * 1000", "randomblob(16)")
    } else {
        ("WITH n (i) AS (SELECT generate_series(2, 200))", "now() - interval '100 days'", "gen_random_uuid()")
    };
    let columns = "room_id, anonymous_id, nickname, avatar, content, client_id, seq, rev, created_at";
    let many = format!(
        "{series} INSERT INTO messages ({columns})
         SELECT 'post', 'somebody', 'otter', 'otter', 'message ' || i, {id}, i, i, {at} FROM n"
    );
    database.run(&many).await;
    database.run(&format!("UPDATE messages SET created_at = {at} WHERE room_id = 'post' AND seq = 1")).await;
    database.run("UPDATE rooms SET last_rev = 200, message_count = 200 WHERE id = 'post'").await;

    let server = server_with(database, &LIMITS_OFF).await;
    let before = history(&server).await;
    assert_eq!((before.len(), &before[0], &before[199].1[..]), (200, &(1, "the first one".to_owned()), "message 200"));
    let server = server.again(database, &A_MONTH).await;
    soon("all but the newest to be in the archive", async || archived(database).await == (50, 150)).await;
    server.counts("what was moved to be counted", "chat_messages_archived_total", |n| n == 150.0).await;
    assert_eq!(history(&server).await, before, "nobody notices");
    assert_eq!(server.json("/api/v1/rooms/post").await["messageCount"], 200);
    let around = server.json("/api/v1/rooms/post/messages?around=3&limit=6").await;
    assert_eq!((text(&around["messages"][0]), &around["hasMore"]), ("the first one".to_owned(), &false.into()));

    // It is changed as if it had never been away, and goes back there.
    let mut reader = Client::reader(&server, "post").await;
    let mut somebody = Client::author(&server, "post", "somebody else").await;
    let changed = somebody.until_taken(&react(&first.id, "👍", true)).await;
    assert_eq!((changed.seq, changed.rev), (1, 201));
    reader.reach(201).await;
    soon("it to be in the archive again", async || archived(database).await == (50, 150)).await;
    let reactions = async || {
        let message = server.json(&format!("/api/v1/rooms/post/messages/{}", first.id)).await;
        message["message"]["reactions"][0]["count"].clone()
    };
    assert_eq!(reactions().await, 1);
    somebody.until_taken(&react(&first.id, "👍", false)).await;
    reader.reach(202).await;
    assert_eq!(reactions().await, Value::Null);

    // Without the setting nothing more goes there, and what is there is read.
    let server = server.again(database, &LIMITS_OFF).await;
    assert_eq!(history(&server).await, before);
    // A month is what a retry may come later, seven days, and more.
    let ended = Server::run(&[], &[("DATABASE_URL", &database.url), ("CHAT_ARCHIVE_MONTHS", "0")]).await;
    assert!(ended.stderr.contains("CHAT_ARCHIVE_MONTHS") && ended.status.code() == Some(2), "{}", ended.stderr);
}
