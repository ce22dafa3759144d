//! Of whoever is erased nothing is found any more: not in answers, and not in the bytes that the database keeps.

use std::{fs, path::Path};

use chat_wire::ServerFrame;
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    OPEN, PASSWORD, get, owner, post, register,
    sites::{self, BLOG, shown, token},
    sockets::{ticket, who},
    with,
};
use crate::{
    moderation::done,
    support::{
        Client, Database, Server, Who,
        cluster::program,
        command::{ban, delete, edit, report, set_room, unban},
        message,
    },
};

on_both!(
    of_who_keeps_their_texts_the_name_goes,
    of_who_takes_their_texts_along_no_byte_is_left,
    a_blogs_user_is_erased_by_who_keeps_the_list,
    an_export_has_everything_however_much_it_is,
);

/// The bytes of the database as somebody finds them who gets hold of its files, or of a dump.
async fn bytes(database: &Database) -> Vec<u8> {
    if database.is_sqlite() {
        let path = database.sqlite_path();
        let beside = |ending: &str| fs::read(format!("{}{ending}", path.display())).unwrap_or_default();
        return [fs::read(Path::new(&path)).expect("the file"), beside("-wal"), beside("-journal")].concat();
    }
    let url = database.url.clone();
    let dumped =
        tokio::task::spawn_blocking(move || program("pg_dump").arg("--dbname").arg(url).output().expect("pg_dump"));
    let output = dumped.await.expect("a dump");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// Which of these texts are somewhere in there.
fn found<'a>(bytes: &[u8], texts: &[&'a str]) -> Vec<&'a str> {
    let is_in = |text: &&str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    texts.iter().copied().filter(is_in).collect()
}

/// None of these texts is in there. Who is in which room stands in a table of PostgreSQL as well, and whoever has just
/// gone is gone from it a moment later.
async fn nothing_of(database: &Database, texts: &[&str]) {
    if database.is_sqlite() {
        return assert_eq!(found(&bytes(database).await, texts), [""; 0]);
    }
    super::until("all of it to be gone", async || {
        let left = found(&bytes(database).await, texts);
        if !left.is_empty() {
            eprintln!("still there: {left:?}");
        }
        left.is_empty().then_some(())
    })
    .await;
}

async fn erase(server: &Server, access: &str, texts: bool) {
    let body = json!({"password": PASSWORD, "texts": texts});
    assert_eq!(with(server, Method::DELETE, "me", access, &body).await.status, 204);
}

async fn of_who_keeps_their_texts_the_name_goes(database: &Database) {
    let server = Server::with(database, &OPEN).await;
    let keeper = owner(database, &server).await;
    let own = register(&server, "vanishing@blog.example").await;
    let name = "Evanescent";
    with(&server, Method::PATCH, "me", &own.access, &json!({"nickname": name, "avatar": "owl"})).await.ok();
    let guest = Who::named("Ephemeral");
    let (mut before, welcome) = Client::join(&server, "post", guest.clone()).await;
    let guest_id = welcome.head.own.expect("an author").author.id.into_owned();
    before.say("said as a guest").await;
    let (mut keeper, _) = Client::join(&server, "post", who(ticket(&server, &keeper.access).await)).await;
    done(&mut keeper, &ban(&guest_id, 3_600, "all")).await;
    post(&server, "me/claim", Some(&own.access), &json!({"anonymousId": guest.anonymous_id})).await.ok();
    done(&mut keeper, &unban(&guest_id, "all")).await;
    let joining = Who { token: Some(ticket(&server, &own.access).await), ..Who::reader() };
    let (mut account, welcome) = Client::join(&server, "post", joining).await;
    assert_eq!(welcome.head.own.expect("an author").author.nickname, name);
    let kept = account.say("this stays").await;
    let gone = account.say("this was taken back").await;
    account.until_taken(&delete(&gone.id)).await;
    // Whose page is open is in the list of people, and the account's ends with its login.
    drop(before);
    let mut reader = Client::reader(&server, "post").await;
    let secrets = ["vanishing@blog.example", name, "Ephemeral"];
    assert_eq!(found(&bytes(database).await, &secrets), secrets, "what is looked for is there before");

    erase(&server, &own.access, false).await;
    let told = reader.wait("the message without a name", |frame| match frame {
        ServerFrame::Message(m) if m.id == kept.id => Some(m.clone()),
        _ => None,
    });
    let told = told.await;
    assert_eq!((&*told.author.nickname, &*told.content, told.annotations.version.is_none()), ("—", "this stays", true));
    let page = server.json("/api/v1/rooms/post/messages").await;
    let names: Vec<&str> = page["messages"]
        .as_array()
        .expect("messages")
        .iter()
        .map(|message| message["author"]["nickname"].as_str().expect("a name"))
        .collect();
    assert_eq!(names, ["—"; 3], "deleted ones as well: {page}");
    assert_eq!(page["messages"][0]["content"], "said as a guest", "by choice the texts stay");
    let html = server.get("/room/post").await.text().await.expect("a page");
    nothing_of(database, &secrets).await;
    assert!(!html.contains(name) && !html.contains("Ephemeral"));
    let named = format!("target LIKE '%{guest_id}%' OR actor = '{guest_id}' OR before LIKE '%{guest_id}%'");
    let n = database.number(&format!("SELECT count(*) FROM audit_log WHERE {named}")).await;
    assert_eq!(n, 0, "what was done to them is nobody's");
    assert_eq!(database.number("SELECT count(*) FROM audit_log WHERE target LIKE '%erased%'").await, 2);
    assert_eq!(
        database.number("SELECT count(*) FROM logins WHERE user_agent <> '' AND revoked_at IS NOT NULL").await,
        0
    );
    assert_eq!(get(&server, "me", &own.access).await.refusal(), (401, "BAD_TOKEN"));
}

async fn of_who_takes_their_texts_along_no_byte_is_left(database: &Database) {
    let server = Server::with(database, &OPEN).await;
    let keeper = owner(database, &server).await;
    let own = register(&server, "vanishing@blog.example").await;
    with(&server, Method::PATCH, "me", &own.access, &json!({"nickname": "Evanescent"})).await.ok();
    let (mut keeper, _) = Client::join(&server, "post", who(ticket(&server, &keeper.access).await)).await;
    let joining = async || Who { token: Some(ticket(&server, &own.access).await), ..Who::reader() };
    let (mut account, _) = Client::join(&server, "post", joining().await).await;
    let other = keeper.say("what others said stays").await;
    let edited = account.say("the first version, a quicksilver").await;
    account.until_taken(&edit(&edited.id, 1, "the second version, a periwinkle")).await;
    let removed = account.say("what a moderator removed, a marmalade").await;
    keeper.until_taken(&delete(&removed.id)).await;
    account.until_answered(&report(&other.id, "a complaint about gooseberries")).await.expect("a report");
    // What waits for a moderator, in another room.
    let (mut strict, _) =
        Client::join(&server, "strict", who(ticket(&server, &keeper_access(&server).await).await)).await;
    done(&mut strict, &set_room(&json!({"holdNew": "all"}), 0)).await;
    let (mut waiting, _) = Client::join(&server, "strict", joining().await).await;
    let held = waiting.until_answered(&message(Uuid::new_v4(), "what still waits, a tangerine")).await;
    assert!(held.is_err(), "{held:?}");
    let secrets =
        ["vanishing@blog.example", "Evanescent", "quicksilver", "periwinkle", "marmalade", "gooseberries", "tangerine"];
    assert_eq!(found(&bytes(database).await, &secrets), secrets, "what is looked for is there before");

    erase(&server, &own.access, true).await;
    nothing_of(database, &secrets).await;
    let left = bytes(database).await;
    assert_eq!(found(&left, &["what others said stays"]), ["what others said stays"]);
    assert_eq!(database.number("SELECT held_count AS n FROM rooms WHERE id = 'strict'").await, 0);
}

async fn keeper_access(server: &Server) -> String {
    super::session(super::log_in(server, "owner@blog.example", PASSWORD).await).access
}

async fn a_blogs_user_is_erased_by_who_keeps_the_list(database: &Database) {
    let sites_known = sites::sites().to_string();
    let settings = [&OPEN[..], &[("CHAT_SITES", &*sites_known)]].concat();
    let server = Server::with(database, &settings).await;
    let (keeper, member) = (owner(database, &server).await, register(&server, "otter@blog.example").await);
    let (mut client, _) = sites::join(&server, token(json!({"sub": "subject-4711", "name": "Evanescent"}))).await;
    let said = client.say("by one of the blog's").await;
    let (mut another, _) = sites::join(&server, token(json!({"sub": "subject-0815", "name": "Remaining"}))).await;
    another.say("by another one").await;
    let secrets = ["subject-4711", "Evanescent"];
    super::until("both to be noted", async || {
        (database.number("SELECT count(*) FROM users WHERE kind = 2").await == 2).then_some(())
    })
    .await;
    let asked = json!({"site": BLOG, "subject": "subject-4711"});
    let by = async |access: &str, body: &Value| post(&server, "admin/site-users/erase", Some(access), body).await;
    assert_eq!(by(&member.access, &asked).await.refusal(), (403, "FORBIDDEN"));
    assert_eq!(found(&bytes(database).await, &secrets), secrets);
    drop(client);
    assert_eq!(by(&keeper.access, &asked).await.ok(), json!({"noted": true}));
    assert_eq!(by(&keeper.access, &asked).await.ok(), json!({"noted": false}), "again changes nothing");
    nothing_of(database, &secrets).await;
    let left = bytes(database).await;
    assert_eq!(found(&left, &["subject-0815", "Remaining"]), ["subject-0815", "Remaining"]);
    let mut reader = Client::reader(&server, "post").await;
    let read = server.json(&format!("/api/v1/rooms/post/messages/{}", said.id)).await;
    assert_eq!(
        (&read["message"]["author"]["nickname"], &read["message"]["author"]["badge"], &read["message"]["content"]),
        (&json!("—"), &Value::Null, &json!("by one of the blog's"))
    );
    // With the texts, as well of somebody whom the blog still signs for.
    let (mut again, _) = sites::join(&server, token(json!({"sub": "subject-4711", "name": "Evanescent"}))).await;
    again.say("and once more, a marmalade").await;
    shown(&mut reader, "and once more, a marmalade").await;
    let asked = json!({"site": BLOG, "subject": "subject-4711", "texts": true});
    assert_eq!(by(&keeper.access, &asked).await.status, 200);
    assert_eq!(found(&bytes(database).await, &["marmalade", "by one of the blog's"]), [""; 0]);
    for (body, refusal) in [
        (json!({"site": BLOG}), (400, "BAD_REQUEST")),
        (json!({"site": "x".repeat(256), "subject": "1"}), (400, "BAD_REQUEST")),
    ] {
        assert_eq!(by(&keeper.access, &body).await.refusal(), refusal, "{body}");
    }
}

/// More than is read at once, in more rooms than are looked for at once.
async fn an_export_has_everything_however_much_it_is(database: &Database) {
    let server = Server::with(database, &OPEN).await;
    let own = register(&server, "otter@blog.example").await;
    let (mut account, _) = Client::join(&server, "post", who(ticket(&server, &own.access).await)).await;
    account.say("the first one").await;
    let mut stranger = Client::author(&server, "post", "낯선이").await;
    stranger.say("of somebody else").await;
    let author = &own.user;
    let (uuid, epoch) = match database.is_sqlite() {
        true => ("randomblob(16)", "(SELECT epoch FROM rooms WHERE id = 'post')"),
        false => ("gen_random_uuid()", "(SELECT epoch FROM rooms WHERE id = 'post')"),
    };
    let numbers = |n: usize| format!("WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < {n})");
    let message = |room: &str, seq: &str, n: usize| {
        format!(
            "{} INSERT INTO messages (room_id, seq, rev, client_id, anonymous_id, nickname, avatar, content)
             SELECT {room}, {seq}, {seq}, {uuid}, '{author}', 'somebody', 'owl', 'text ' || n FROM t",
            numbers(n)
        )
    };
    // The rows of a long life, written past the server: it would take minutes to say all that.
    let rooms = format!(
        "{} INSERT INTO rooms (id, epoch, last_rev, message_count) SELECT 'room ' || (1000 + n), {epoch}, 1, 1 FROM t",
        numbers(230)
    );
    database.run(&rooms).await;
    database.run(&message("'room ' || (1000 + n)", "1", 230)).await;
    database.run(&message("'post'", "n + 10", 1_234)).await;
    let export = get(&server, "me/export", &own.access).await.ok();
    crate::support::check_schema("AccountExport", &export);
    let rooms = export["rooms"].as_array().expect("rooms");
    let names: Vec<&str> = rooms.iter().map(|room| room["room"].as_str().expect("a name")).collect();
    assert!(names.len() == 231 && names.is_sorted(), "{names:?}");
    let of = |room: &Value| -> Vec<i64> {
        let messages = room["messages"].as_array().expect("messages");
        messages.iter().map(|message| message["seq"].as_i64().expect("a place")).collect()
    };
    assert_eq!(of(&rooms[0]), [1].into_iter().chain(11..=1_244).collect::<Vec<i64>>(), "in order, and each once");
    assert!(rooms[1..].iter().all(|room| of(room) == [1]));
    assert_eq!(export["complete"], true);
    assert!(!export.to_string().contains("of somebody else"));
}

/// What is stored in their name after that: by another server that had not heard of it yet, or whose write had waited for
/// its database. Here it is written as such a server would have, at a moment when both have done all that they do at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_stored_after_it_loses_its_name_or_goes_as_well() {
    let (database, [one, two]) = Server::pair(&OPEN).await;
    for with_texts in [false, true] {
        let room = if with_texts { "without" } else { "with" };
        let own = register(&one, &format!("{room}@blog.example")).await;
        let (mut there, _) = Client::join(&two, room, who(ticket(&two, &own.access).await)).await;
        let said = there.say("before").await;
        // What is written by hand below is no history that a client could follow.
        drop(there);
        erase(&one, &own.access, with_texts).await;
        let late = "nickname = 'Late', content = 'too late', deleted_at = NULL, deleted_by = NULL";
        crate::support::sql(&database.url, &format!("UPDATE messages SET {late} WHERE room_id = '{room}'")).await;
        super::until("it to be nobody's", async || {
            let columns = "nickname || ' ' || content AS text";
            let found = database.texts(&format!("SELECT {columns} FROM messages WHERE id = {}", said.id)).await;
            (found == [if with_texts { "— " } else { "— too late" }]).then_some(())
        })
        .await;
    }
}
