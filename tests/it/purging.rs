//! What somebody asks to remove for good: first they are told what, and people who are there see it go.

use std::time::Duration;

use chat_wire::ServerFrame;
use reqwest::Response;
use serde_json::{Value, json};

use crate::{
    accounts::{get, post},
    changes::server_with,
    keeping::age,
    support::{Client, Database, LIMITS_OFF, Server, Who, check_schema, soon},
};

on_both!(
    what_an_author_wrote_is_deleted,
    a_room_is_emptied_and_starts_over,
    what_is_older_than_a_day_goes,
    an_owner_empties_a_room_over_http,
    an_owner_exports_over_http,
    an_export_ends_with_who_reads_it_and_two_are_read_at_once,
);

const TOKEN: &str = "the token of whoever runs it";
const OWNED: [(&str, &str); 2] = [LIMITS_OFF[0], ("CHAT_ADMIN_TOKEN", TOKEN)];

async fn purge(database: &Database, arguments: &[&str]) -> String {
    let all = [&["purge", "--database-url", &database.url], arguments].concat();
    let ended = Server::run(&all, &[]).await;
    assert!(ended.status.success(), "{}{}", ended.stdout, ended.stderr);
    ended.stdout
}

async fn what_an_author_wrote_is_deleted(database: &Database) {
    let server = server_with(database, &LIMITS_OFF).await;
    for room in ["a", "b"] {
        Client::author(&server, room, "other").await.say("another one's").await;
    }
    let who = Who::named("author");
    let (mut in_a, _) = Client::join(&server, "a", who.clone()).await;
    in_a.say("first").await;
    in_a.say("second").await;
    let (mut in_b, _) = Client::join(&server, "b", who).await;
    in_b.say("third").await;
    let stored = database.messages("b").await;
    let author = &*stored[1].author.id;
    let mut reader = Client::reader(&server, "a").await;

    let said = purge(database, &["--author", author]).await;
    assert!(said.starts_with("would remove 3 messages in 2 rooms\n  a: 2\n  b: 1\n"), "{said}");
    assert!(said.contains("nothing was removed"), "{said}");
    assert_eq!(database.counters("a").await, (3, 3));

    let said = purge(database, &["--author", author, "--yes"]).await;
    assert!(said.starts_with("removed 3 messages in 2 rooms\n"), "{said}");
    reader.reach(5).await;
    assert_eq!(reader.history.contents(), ["another one's", "", ""], "each is a change");
    assert_eq!((database.counters("a").await, database.counters("b").await), ((5, 1), (3, 1)));
    assert_eq!(database.number("SELECT count(*) FROM messages WHERE content IN ('first', 'second', 'third')").await, 0);
    assert!(purge(database, &["--author", author]).await.starts_with("would remove 0 messages in 0 rooms"));
}

async fn a_room_is_emptied_and_starts_over(database: &Database) {
    let server = server_with(database, &LIMITS_OFF).await;
    let mut author = Client::author(&server, "post", "author").await;
    author.say("one").await;
    author.say("two").await;
    Client::author(&server, "other", "author").await.say("stays").await;
    let epoch = author.history.epoch();
    assert!(purge(database, &["--room", "post"]).await.starts_with("would remove 2 messages in 1 rooms\n  post: 2\n"));
    assert_eq!(database.counters("post").await, (2, 2));

    assert!(purge(database, &["--room", "post", "--yes"]).await.starts_with("removed 2 messages in 1 rooms\n"));
    // Meanwhile it may have been told that they went.
    while !matches!(author.listen().await, crate::support::Event::Closed(4003)) {}
    let (mut back, welcome) = Client::join(&server, "post", Who::named("author")).await;
    assert_ne!(welcome.head.room.epoch, epoch);
    assert_eq!(back.history.contents(), Vec::<&str>::new());
    assert_eq!(back.say("three").await.seq, 3);
    assert_eq!(database.counters("post").await, (3, 1));
    assert_eq!(database.counters("other").await, (1, 1));
    let ended = Server::run(&["purge", "--database-url", &database.url, "--room", "none"], &[]).await;
    assert!(!ended.status.success() && ended.stderr.contains("there is no room \"none\""), "{}", ended.stderr);
}

async fn what_is_older_than_a_day_goes(database: &Database) {
    let server = server_with(database, &LIMITS_OFF).await;
    let mut author = Client::author(&server, "post", "author").await;
    for text in ["old", "old as well", "new"] {
        author.say(text).await;
    }
    let mut reader = Client::reader(&server, "post").await;
    age(database, "post", 2).await;
    let week_ago = (chrono::Utc::now() - Duration::from_secs(7 * 86_400)).date_naive().to_string();
    assert!(purge(database, &["--before", &week_ago]).await.contains("\n  post: 2\n"));
    assert_eq!(database.counters("post").await, (3, 3));
    assert!(purge(database, &["--before", &week_ago, "--yes"]).await.starts_with("removed 2 messages in "));
    let is_told = |frame: &ServerFrame<'static>| match frame {
        ServerFrame::Room(room) if room.room.first_seq == 3 => Some(()),
        _ => None,
    };
    reader.wait("a ROOM that says where it begins", is_told).await;
    assert_eq!(reader.history.contents(), ["new"]);
    let count = async || server.json("/api/v1/rooms/post").await["messageCount"] == 1;
    soon("the number of messages to be right", count).await;
    for (what, why) in
        [(&["--before", "2999-01-01"][..], "a week ago"), (&[], "--author"), (&["--before", "x"], "--before")]
    {
        let all = [&["purge", "--database-url", &database.url], what].concat();
        let ended = Server::run(&all, &[]).await;
        assert!(!ended.status.success() && ended.stderr.contains(why), "{}", ended.stderr);
    }
}

/// The key of a program that may all but what is the owner's.
async fn admins_key(server: &Server) -> String {
    let bot = post(server, "admin/bots", Some(TOKEN), &json!({"nickname": "Helper", "role": "admin"})).await.ok();
    let wish = json!({"botId": bot["id"], "scopes": ["admin"]});
    post(server, "admin/keys", Some(TOKEN), &wish).await.text("key")
}

async fn an_owner_empties_a_room_over_http(database: &Database) {
    let server = server_with(database, &OWNED).await;
    let mut author = Client::author(&server, "post", "author").await;
    for n in 0..450 {
        author.say(&format!("number {n}")).await;
    }
    Client::author(&server, "other", "author").await.say("stays").await;
    let epoch = author.history.epoch();
    let path = "admin/rooms/post/purge";
    let ask = async |body: Value| post(&server, path, Some(TOKEN), &body).await;
    let found = ask(json!({"dryRun": true})).await.ok();
    check_schema("PurgeDone", &found);
    assert_eq!(found, json!({"id": "post", "messages": 450, "held": 0, "reports": 0}));
    for unmeant in
        [json!({}), json!({"confirm": "other"}), json!({"confirm": ""}), json!({"dryRun": false}), json!({"x": 1})]
    {
        assert_eq!(ask(unmeant.clone()).await.refusal(), (400, "BAD_REQUEST"), "{unmeant}");
    }
    let key = admins_key(&server).await;
    for body in [json!({"dryRun": true}), json!({"confirm": "post"})] {
        assert_eq!(post(&server, path, Some(&key), &body).await.refusal(), (403, "FORBIDDEN"), "{body}");
    }
    let nowhere = post(&server, "admin/rooms/none/purge", Some(TOKEN), &json!({"confirm": "none"})).await;
    assert_eq!(nowhere.refusal(), (404, "NOT_FOUND"));
    assert_eq!(database.counters("post").await, (450, 450), "nothing is gone before it was confirmed");

    let (mut n_removed, mut entry) = (0, None::<String>);
    loop {
        let asked = match &entry {
            None => json!({"confirm": "post"}),
            Some(entry) => json!({"confirm": "post", "auditId": entry}),
        };
        let part = ask(asked).await.ok();
        check_schema("PurgeDone", &part);
        n_removed += part["removed"].as_i64().expect("a number");
        let of = part["auditId"].as_str().expect("an id").to_owned();
        assert!(entry.replace(of.clone()).is_none_or(|before| before == of), "it is one deed");
        if part["done"] == true {
            break;
        }
    }
    assert_eq!(n_removed, 450);
    while !matches!(author.listen().await, crate::support::Event::Closed(4003)) {}
    let (mut back, welcome) = Client::join(&server, "post", Who::named("author")).await;
    assert_ne!(welcome.head.room.epoch, epoch, "whoever is there starts over");
    assert_eq!(back.history.contents(), Vec::<&str>::new());
    back.say("after it").await;
    assert_eq!((database.counters("post").await, database.counters("other").await), ((451, 1), (1, 1)));
    // Its entry is no key to what was written since, nor to another room.
    let entry = entry.expect("an entry");
    let again = ask(json!({"confirm": "post", "auditId": entry})).await.ok();
    assert_eq!((&again["removed"], &again["done"]), (&json!(0), &json!(true)));
    assert_eq!(database.counters("post").await, (451, 1));
    let elsewhere = json!({"confirm": "other", "auditId": entry});
    assert_eq!(post(&server, "admin/rooms/other/purge", Some(TOKEN), &elsewhere).await.refusal(), (404, "NOT_FOUND"));
    let audit = get(&server, "admin/audit", TOKEN).await.ok();
    check_schema("AuditLog", &audit);
    let of = |entry: &&Value| entry["action"] == "purge";
    let purges: Vec<&Value> = audit["entries"].as_array().expect("a list").iter().filter(of).collect();
    let [one] = purges[..] else { panic!("{purges:?}") };
    assert_eq!(
        (&one["room"], &one["actor"], &one["before"]["messages"]),
        (&json!("post"), &json!("operator"), &json!(450))
    );
}

async fn export(server: &Server, query: &str, token: &str) -> Response {
    let request = reqwest::Client::builder().no_proxy().build().expect("a client");
    let url = server.url(&format!("/api/v1/admin/export{query}"));
    request.get(url).bearer_auth(token).send().await.expect("an answer")
}

/// The lines but for the first one, which says when.
fn lines(text: &str) -> Vec<&str> {
    text.lines().skip(1).collect()
}

async fn an_owner_exports_over_http(database: &Database) {
    let server = server_with(database, &OWNED).await;
    for room in ["a", "b"] {
        let mut author = Client::author(&server, room, "author").await;
        author.say("안녕하세요").await;
        author.say("two\nlines").await;
    }
    let whole = export(&server, "", TOKEN).await;
    let head =
        |name: &str| whole.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    assert_eq!((whole.status().as_u16(), head("content-type")), (200, "application/x-ndjson".to_owned()));
    assert!(head("content-disposition").starts_with("attachment; filename=\"chat-2"), "{whole:?}");
    assert_eq!(head("cache-control"), "no-store");
    let whole = whole.text().await.expect("all of it");
    let ended = Server::run(&["export", "--database-url", &database.url], &[]).await;
    assert_eq!(lines(&whole), lines(&ended.stdout), "it is what the command writes");
    assert!(whole.lines().last().is_some_and(|line| line.contains("\"end\"")), "{whole}");
    let one = export(&server, "?room=b", TOKEN).await.text().await.expect("all of it");
    let rooms = one.lines().filter(|line| line.contains("\"room\"") && line.contains("\"epoch\"")).count();
    assert_eq!((rooms, one.matches("안녕하세요").count()), (1, 1));
    for (query, status) in [("?room=none", 404), ("?room=", 400), ("?x=1", 400)] {
        assert_eq!(export(&server, query, TOKEN).await.status().as_u16(), status, "{query}");
    }
    assert_eq!(export(&server, "", &admins_key(&server).await).await.status().as_u16(), 403);
    assert_eq!(export(&server, "", "nothing").await.status().as_u16(), 401);
}

async fn an_export_ends_with_who_reads_it_and_two_are_read_at_once(database: &Database) {
    let server = server_with(database, &OWNED).await;
    Client::author(&server, "post", "author").await.say("makes the room").await;
    // More than a system keeps for somebody who does not read it.
    let series = match database.is_sqlite() {
        true => "WITH RECURSIVE n (i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < 12000)",
        false => "WITH n (i) AS (SELECT generate_series(2, 12000))",
    };
    let (id, text, at) = match database.is_sqlite() {
        true => ("randomblob(16)", "printf('%2000s', i)", "unixepoch() * 1000"),
        false => ("gen_random_uuid()", "lpad(i::text, 2000)", "now()"),
    };
    let columns = "room_id, anonymous_id, nickname, avatar, content, client_id, seq, rev, created_at";
    let many = format!(
        "{series} INSERT INTO messages ({columns})
         SELECT 'post', 'somebody', 'otter', 'otter', {text}, {id}, i, i, {at} FROM n"
    );
    database.run(&many).await;
    database.run("UPDATE rooms SET last_rev = 12000, message_count = 12000 WHERE id = 'post'").await;
    let (first, second) = (export(&server, "", TOKEN).await, export(&server, "?room=post", TOKEN).await);
    assert_eq!((first.status().as_u16(), second.status().as_u16()), (200, 200));
    let third = export(&server, "", TOKEN).await;
    assert_eq!(third.status().as_u16(), 503, "two are read at once");
    assert!(third.headers().contains_key("retry-after"), "{third:?}");
    drop(first);
    let is_free = async || export(&server, "?room=post", TOKEN).await.status() == 200;
    soon("the turn of who left to be free", is_free).await;
    let whole = tokio::time::timeout(Duration::from_secs(60), second.text()).await.expect("in time").expect("all");
    let places = whole.lines().filter_map(|line| {
        let line: Value = serde_json::from_str(line).expect("JSON");
        line["seq"].as_i64()
    });
    assert!(places.eq(1..=12_000), "all of it, in order");
}
