//! A history that is replaced under a server: a replica that was behind is promoted, an older state is put back, a row
//! is removed by hand. Everybody starts over with what the database has; nobody is shown a mixture, and no visitor can
//! bring it about by claiming something.

use chat_wire::ResumePoint;

use crate::support::{Client, Database, LIMITS_OFF, Server, Who, soon};

on_both!(
    what_is_said_after_changes_were_lost_is_seen_by_all,
    changes_that_are_lost_are_noticed_where_nobody_writes,
    a_room_that_the_database_has_no_more_starts_over,
    a_new_history_that_overtakes_the_old_one_is_noticed,
    a_visitor_who_claims_to_know_more_starts_over_alone,
    a_row_removed_by_hand_leaves_the_screens_with_a_new_epoch_of_its_room,
);

const REPLACED: &str = "chat_history_replaced_total";

/// A room of `n` messages; its author and a reader who have seen all.
async fn room_of(server: &Server, n: usize) -> (Client, Client) {
    let mut author = Client::author(server, "post", "author").await;
    let mut reader = Client::reader(server, "post").await;
    for i in 1..=n {
        author.say(&format!("message {i}")).await;
    }
    let rev = i64::try_from(n).unwrap();
    author.reach(rev).await;
    reader.reach(rev).await;
    (author, reader)
}

/// The client's session ends by 4003; it comes back and has what the database has, under another epoch.
async fn starts_over(mut client: Client, server: &Server, database: &Database) -> Client {
    let old = client.history.epoch();
    assert_eq!(client.closed().await, 4003);
    let (client, welcome) = client.back(server).await;
    assert!(!welcome.head.resumed);
    let now = client.history.resume_point().expect("a position");
    assert_ne!(now.epoch, old);
    let stored = database.messages("post").await;
    assert_eq!(now.rev, stored.len() as u64);
    assert!(client.history.list.values().eq(&stored[stored.len().saturating_sub(50)..]), "{:?}", client.history.list);
    client
}

async fn both_start_over(author: Client, reader: Client, server: &Server, database: &Database) -> (Client, Client) {
    (starts_over(author, server, database).await, starts_over(reader, server, database).await)
}

async fn both_talk_on(mut author: Client, mut reader: Client, database: &Database) {
    let ack = author.say("in the new life").await;
    reader.reach(ack.rev).await;
    author.reach(ack.rev).await;
    let stored = database.messages("post").await;
    for client in [author, reader] {
        client.history.agrees_with_all_but_acks(&stored);
    }
}

async fn what_is_said_after_changes_were_lost_is_seen_by_all(database: &Database) {
    let server = Server::with(database, &LIMITS_OFF).await;
    let (mut author, reader) = room_of(&server, 60).await;
    database.lose("post", 10).await;
    let ack = author.say("stored under a number that was shown before").await;
    assert_eq!(ack.seq, 11);
    let (author, reader) = both_start_over(author, reader, &server, database).await;
    assert!(reader.history.contents().contains(&"stored under a number that was shown before"));
    assert_eq!(server.metric(REPLACED).await, 1.0);
    server.logs_once("the database has not what was shown of a room").await;
    both_talk_on(author, reader, database).await;
}

async fn changes_that_are_lost_are_noticed_where_nobody_writes(database: &Database) {
    let server = Server::with(database, &LIMITS_OFF).await;
    let (author, reader) = room_of(&server, 20).await;
    database.lose("post", 10).await;
    let (author, reader) = both_start_over(author, reader, &server, database).await;
    assert_eq!(server.metric(REPLACED).await, 1.0);
    both_talk_on(author, reader, database).await;
}

async fn a_room_that_the_database_has_no_more_starts_over(database: &Database) {
    let server = Server::with(database, &LIMITS_OFF).await;
    let (author, reader) = room_of(&server, 3).await;
    database.run("DELETE FROM messages; DELETE FROM rooms").await;
    let (author, reader) = both_start_over(author, reader, &server, database).await;
    both_talk_on(author, reader, database).await;
}

/// The counter is never seen lower: between two polls another server writes more than was lost.
async fn a_new_history_that_overtakes_the_old_one_is_noticed(database: &Database) {
    let server = Server::with(database, &LIMITS_OFF).await;
    let (author, reader) = room_of(&server, 3).await;
    let id = if database.is_sqlite() { "randomblob(16)" } else { "gen_random_uuid()" };
    let row = |n| format!("('post', 'somebody', 'somebody', 'fox', 'another {n}', {id}, {n}, {n})");
    let replace = format!(
        "BEGIN; DELETE FROM messages WHERE seq > 1;
         INSERT INTO messages (room_id, anonymous_id, nickname, avatar, content, client_id, seq, rev) VALUES {};
         UPDATE rooms SET last_rev = 5, message_count = 5; COMMIT",
        [2, 3, 4, 5].map(row).join(", ")
    );
    database.run(&replace).await;
    let (author, reader) = both_start_over(author, reader, &server, database).await;
    assert_eq!(reader.history.contents(), ["message 1", "another 2", "another 3", "another 4", "another 5"]);
    both_talk_on(author, reader, database).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_servers_that_notice_at_once_agree() {
    let (database, [one, other]) = Server::pair(&LIMITS_OFF).await;
    let (author, near) = room_of(&one, 30).await;
    let mut far = Client::reader(&other, "post").await;
    far.reach(30).await;
    let mut far_author = Client::author(&other, "post", "far").await;
    database.lose("post", 10).await;
    far_author.say("said on the other server").await;
    let author = starts_over(author, &one, &database).await;
    let near = starts_over(near, &one, &database).await;
    let far = starts_over(far, &other, &database).await;
    let epochs = [&author, &near, &far].map(|client| client.history.epoch());
    assert!(epochs.iter().all(|epoch| *epoch == epochs[0]), "{epochs:?}");
    assert_eq!(one.metric(REPLACED).await + other.metric(REPLACED).await, 1.0, "one of them gave the epoch");
    both_talk_on(author, far, &database).await;
}

async fn a_visitor_who_claims_to_know_more_starts_over_alone(database: &Database) {
    let server = Server::with(database, &[("CHAT_RATE_LIMITS", "off"), ("CHAT_POLL_SECS", "0.02")]).await;
    let (mut author, mut reader) = room_of(&server, 3).await;
    let epoch = author.history.epoch();
    for _ in 0..5 {
        let claim = ResumePoint { epoch: epoch.clone(), rev: 4_000 };
        let (_, welcome) = Client::join_at(&server, "post", Who::reader(), &claim).await;
        assert!(!welcome.head.resumed);
        assert_eq!(welcome.head.room.epoch, epoch);
    }
    assert_eq!(server.metric("chat_resumes_ahead_total").await, 5.0);
    server.logs_once("has seen more of a room than the database has").await;
    // Nobody else is touched, though polls go on.
    for n in 1..=20 {
        let ack = author.say(&format!("as before {n}")).await;
        reader.reach(ack.rev).await;
    }
    assert_eq!(reader.history.epoch(), epoch);
    assert_eq!(server.metric(REPLACED).await, 0.0);
}

/// What docs/RUNBOOK.md says until messages can be removed in the chat.
async fn a_row_removed_by_hand_leaves_the_screens_with_a_new_epoch_of_its_room(database: &Database) {
    let server = Server::with(database, &LIMITS_OFF).await;
    let (mut author, mut reader) = room_of(&server, 3).await;
    let mut elsewhere = Client::author(&server, "another-post", "somebody").await;
    elsewhere.say("hello").await;
    database.run("DELETE FROM messages WHERE room_id = 'post' AND seq = 2").await;

    let new_epoch =
        async |room: &str| Server::run(&["new-epoch", "--room", room], &[("DATABASE_URL", &database.url)]).await;
    let unknown = new_epoch("no-such-post").await;
    assert!(!unknown.status.success() && unknown.stderr.contains("no-such-post"), "{}", unknown.stderr);
    let told = new_epoch("post").await.done();
    let epoch = told.trim().strip_prefix("new epoch ").expect("an epoch");

    assert_eq!((author.closed().await, reader.closed().await), (4003, 4003));
    soon("the removed one to be gone", async || {
        let page = server.json("/api/v1/rooms/post/messages").await;
        page["messages"].as_array().into_iter().flatten().map(|m| &m["content"]).eq(["message 1", "message 3"])
    })
    .await;
    author.history.has_holes = true;
    let (mut author, welcome) = author.back(&server).await;
    assert!(!welcome.head.resumed);
    assert_eq!(welcome.head.room.epoch, epoch);
    assert_eq!(author.history.contents(), ["message 1", "message 3"]);
    assert_eq!(database.counters("post").await, (3, 2), "messages are counted anew");
    assert_eq!(author.say("and on").await.seq, 4);
    // The others have nothing to do with it.
    let before = elsewhere.history.epoch();
    elsewhere.say("still here").await;
    assert_eq!(elsewhere.history.epoch(), before);
}
