//! P4: the same message sent again is stored once, and every retry gets the first one's acknowledgement.

use chat_wire::{AckPayload, ErrorCode};
use uuid::Uuid;

use crate::support::{
    Client, Database, LIMITS_OFF, Server, Who,
    command::{delete, edit, react, reply},
    message, whole,
};

on_both!(
    every_message_is_sent_three_times,
    other_content_is_a_conflict,
    a_key_belongs_to_one_author_in_one_room,
    concurrent_twins_on_one_server,
    every_change_is_sent_three_times,
    a_late_retry_of_what_has_changed_since,
);

async fn every_message_is_sent_three_times(database: &Database) {
    let server = Server::with(database, &LIMITS_OFF).await;
    let who = Who::named("the author");
    let mut reader = Client::reader(&server, "post").await;
    let messages = (1..=20).map(|n| (Uuid::new_v4(), format!("message {n}"))).collect::<Vec<_>>();
    let mut first = Vec::new();
    let (mut author, _) = Client::join(&server, "post", who.clone()).await;
    let (mut other_tab, _) = Client::join(&server, "post", who.clone()).await;
    for (client_id, content) in &messages {
        let ack = author.say_as(*client_id, content).await;
        assert_eq!(author.say_as(*client_id, content).await, ack, "on the same socket");
        assert_eq!(other_tab.say_as(*client_id, content).await, ack, "on another socket");
        first.push(ack);
    }
    // Another nickname makes no other person.
    let renamed = Who { nickname: Some("renamed".to_owned()), ..who.clone() };
    let (mut renamed, _) = Client::join(&server, "post", renamed).await;
    for ((client_id, content), ack) in messages.iter().zip(&first) {
        assert_eq!(&renamed.say_as(*client_id, content).await, ack, "under another name");
    }
    // The next message has the next number: retries take none, and readers were shown each once.
    assert_eq!(author.say("the last").await.seq, 21);
    reader.reach(21).await;
    assert_eq!(reader.history.list.len(), 21);

    let server = server.again(database, &LIMITS_OFF).await;
    let (mut author, _) = Client::join(&server, "post", who).await;
    for ((client_id, content), ack) in messages.iter().zip(&first) {
        assert_eq!(&author.say_as(*client_id, content).await, ack, "after a restart");
    }
    let stored = whole(database, "post").await;
    assert_eq!(stored.len(), 21);
    assert_eq!(database.counters("post").await, (21, 21));
    reader.history.agrees_with(&stored);
    author.history.agrees_with(&stored);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_retry_on_another_server() {
    let (database, servers) = Server::pair(&[("CHAT_RATE_LIMITS", "off"), ("CHAT_POLL_SECS", "600")]).await;
    let who = Who::named("the author");
    let (mut here, _) = Client::join(&servers[0], "post", who.clone()).await;
    let (mut there, _) = Client::join(&servers[1], "post", who).await;
    for n in 1..=20 {
        let client_id = Uuid::new_v4();
        let content = format!("message {n}");
        let ack = here.say_as(client_id, &content).await;
        assert_eq!(there.say_as(client_id, &content).await, ack, "on the other server");
        assert_eq!(ack.seq, n);
    }
    // A retry tells the other server what it had not seen.
    there.reach(20).await;
    assert!(there.history.list.values().eq(database.messages("post").await.iter()));
}

async fn every_change_is_sent_three_times(database: &Database) {
    let mut server = Server::with(database, &LIMITS_OFF).await;
    let who = Who::named("the author");
    let mut reader = Client::reader(&server, "post").await;
    let (mut author, _) = Client::join(&server, "post", who.clone()).await;
    let (mut other_tab, _) = Client::join(&server, "post", who.clone()).await;
    let (kept, deleted) = (author.say("kept").await, author.say("deleted").await);
    let commands = [
        (edit(&kept.id, 1, "kept, edited"), 3),
        (react(&kept.id, "👍", true), 4),
        (react(&deleted.id, "👍", true), 5),
        (react(&kept.id, "👍", false), 6),
        (delete(&deleted.id), 7),
        (reply("an answer", &kept.id), 8),
        (edit(&kept.id, 2, "kept, edited twice"), 9),
    ];
    for (command, rev) in &commands {
        let first = author.until_taken(command).await;
        assert_eq!(first.rev, *rev, "each takes one value of the counter: {command}");
        let again = AckPayload { rev: first.seq, ..first };
        assert_eq!(author.until_taken(command).await, again, "on the same socket: {command}");
        assert_eq!(other_tab.until_taken(command).await, again, "on another socket: {command}");
    }
    reader.reach(9).await;
    for _ in 0..2 {
        // What sets a state sets it anew, so only what is wished last may come late.
        for (command, _) in commands.iter().filter(|(c, _)| c["type"] != "REACT") {
            let ack = author.until_taken(command).await;
            assert_eq!(ack.rev, ack.seq, "late: {command}");
        }
        server.kill9().await;
        server = Server::with(database, &LIMITS_OFF).await;
        (author, _) = Client::join(&server, "post", who.clone()).await;
        assert_eq!(author.history.list, reader.history.list);
    }
    assert_eq!(database.counters("post").await, (9, 2));
}

/// A retry that comes after its message has changed is known by its key, and brings nothing back.
async fn a_late_retry_of_what_has_changed_since(database: &Database) {
    let mut server = Server::with(database, &LIMITS_OFF).await;
    let who = Who::named("the author");
    let (mut author, _) = Client::join(&server, "post", who.clone()).await;
    let keys = [Uuid::new_v4(), Uuid::new_v4(), Uuid::new_v4()];
    let edited = author.say_as(keys[0], "edited").await;
    let deleted = author.say_as(keys[1], "deleted").await;
    let both = author.say_as(keys[2], "edited and deleted").await;
    let answer = reply("an answer", &deleted.id);
    let answered = author.until_taken(&answer).await;
    let edits = [edit(&edited.id, 1, "once"), edit(&edited.id, 2, "twice"), edit(&both.id, 1, "changed")];
    for edit in &edits {
        author.until_taken(edit).await;
    }
    for ack in [&deleted, &both] {
        author.until_taken(&delete(&ack.id)).await;
    }
    for _ in 0..2 {
        for (key, content, ack) in
            [(keys[0], "edited", &edited), (keys[1], "deleted", &deleted), (keys[2], "edited and deleted", &both)]
        {
            assert_eq!(&author.say_as(key, content).await, ack, "{content}");
        }
        for edit in &edits {
            let ack = author.until_taken(edit).await;
            assert_eq!(ack.rev, ack.seq, "{edit}");
        }
        // What it answers is deleted by now; it was not when it was stored.
        assert_eq!(author.until_taken(&answer).await, answered);
        author.ping().await;
        assert_eq!(author.history.contents(), ["twice", "", "", "an answer"]);
        server.kill9().await;
        server = Server::with(database, &LIMITS_OFF).await;
        (author, _) = Client::join(&server, "post", who.clone()).await;
    }
    assert_eq!(database.counters("post").await, (9, 2));
}

async fn other_content_is_a_conflict(database: &Database) {
    let server = Server::with(database, &LIMITS_OFF).await;
    let mut author = Client::author(&server, "post", "the author").await;
    let client_id = Uuid::new_v4();
    let ack = author.say_as(client_id, "two\nlines").await;
    for content in ["other", "two lines", "Two\nlines", "two\nlines."] {
        let error = author.refused(&message(client_id, content)).await;
        assert_eq!((error.code, error.client_id), (ErrorCode::ClientIdConflict, Some(client_id)));
        assert_eq!(error.retry_after_ms, None, "no retry can help");
    }
    // Compared in the form that is stored.
    for content in ["  two\nlines\n", "two\r\nlines", "\u{3000}two\nlines"] {
        assert_eq!(author.say_as(client_id, content).await, ack, "{content:?}");
    }
    assert_eq!(author.say("next").await.seq, 2);
    let stored = database.messages("post").await;
    assert_eq!(stored.iter().map(|m| &*m.content).collect::<Vec<_>>(), ["two\nlines", "next"]);
}

async fn a_key_belongs_to_one_author_in_one_room(database: &Database) {
    let server = Server::with(database, &LIMITS_OFF).await;
    let who = Who::named("the author");
    let (mut author, _) = Client::join(&server, "post", who.clone()).await;
    let mut stranger = Client::author(&server, "post", "a stranger").await;
    let (mut elsewhere, _) = Client::join(&server, "other post", who).await;
    let client_id = Uuid::new_v4();
    assert_eq!(author.say_as(client_id, "mine").await.seq, 1);
    assert_eq!(stranger.say_as(client_id, "yours").await.seq, 2, "a key is visible to everybody");
    assert_eq!(elsewhere.say_as(client_id, "in another room").await.seq, 1);
    assert_eq!(author.say_as(client_id, "mine").await.seq, 1);
    assert_eq!(stranger.say_as(client_id, "yours").await.seq, 2);
    whole(database, "post").await;
}

async fn concurrent_twins_on_one_server(database: &Database) {
    let server = Server::with(database, &LIMITS_OFF).await;
    twins(database, [&server, &server]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_twins_on_two_servers() {
    let (database, servers) = Server::pair(&LIMITS_OFF).await;
    twins(&database, [&servers[0], &servers[1]]).await;
}

/// The same messages at the same time on two sockets of one identity, some of them with other content.
async fn twins(database: &Database, servers: [&Server; 2]) {
    let who = Who::named("the author");
    let (mut one, _) = Client::join(servers[0], "post", who.clone()).await;
    let (mut two, _) = Client::join(servers[1], "post", who).await;
    let mut n_stored = 0;
    for n in 0..30 {
        let client_ids = [Uuid::new_v4(), Uuid::new_v4(), Uuid::new_v4()];
        let conflicting = n % 3 == 2;
        for client_id in client_ids {
            let contents = ["the one", if conflicting { "the other" } else { "the one" }];
            tokio::join!(one.publish(client_id, contents[0]), two.publish(client_id, contents[1]));
        }
        for client_id in client_ids {
            let ids = [client_id];
            tokio::join!(one.answered(&ids), two.answered(&ids));
            // Its ACK, or its ERROR.
            let [a, b] = [&one, &two].map(|c| c.history.acks.get(&client_id).ok_or(c.errors.get(&client_id)));
            match (a, b) {
                (Ok(a), Ok(b)) if !conflicting => assert_eq!(a, b),
                (Ok(_), Err(Some(error))) | (Err(Some(error)), Ok(_)) if conflicting => {
                    assert_eq!(error.code, ErrorCode::ClientIdConflict);
                }
                (a, b) => panic!("one of two twins is stored, not {a:?} and {b:?}"),
            }
            n_stored += 1;
        }
    }
    one.reach(n_stored).await;
    two.reach(n_stored).await;
    let stored = whole(database, "post").await;
    assert_eq!(stored.len() as i64, n_stored);
    assert!(one.history.list.values().eq(stored.iter()) && two.history.list.values().eq(stored.iter()));
}
