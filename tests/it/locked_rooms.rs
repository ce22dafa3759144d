//! A transaction that holds one room's row, as a person at psql may, keeps that room waiting and no other.

use chat_wire::ErrorCode;
use uuid::Uuid;

use crate::support::{Client, Database, Server, message, whole};

/// PostgreSQL only: SQLite locks the file, and with it all rooms.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_locked_room_waits_while_the_others_are_answered() {
    let database = Database::postgres().await;
    let server = Server::with(&database, &[("CHAT_RATE_LIMITS", "off")]).await;
    let mut writers = Vec::new();
    for room in ["locked", "one", "two", "three"] {
        let mut writer = Client::author(&server, room, "the writer").await;
        writer.say("the first").await;
        writers.push(writer);
    }
    let mut locked = writers.remove(0);
    let held = database.hold("locked").await;
    let mut sent = Vec::new();
    for n in 0..10 {
        sent.extend(locked.publish_all([format!("message {n}")]).await);
        // These are answered while the lock is held.
        for writer in &mut writers {
            writer.say(&format!("message {n}")).await;
        }
    }
    assert_eq!(server.metric("chat_locked_rooms").await, 1.0);
    assert_eq!(server.metric("chat_store_queue_messages").await, 10.0);
    assert_eq!(server.metric("chat_commit_failures_total").await, 0.0, "the database is well");
    held.release().await;
    for (seq, client_id) in (2..).zip(sent) {
        assert_eq!(locked.ack(client_id).await.seq, seq, "in the order they were sent");
    }
    server.counts("no room to be locked", "chat_locked_rooms", |n| n == 0.0).await;
    for room in ["locked", "one", "two", "three"] {
        assert_eq!(whole(&database, room).await.len(), 11);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_waits_too_long_for_a_locked_room_is_told_and_sends_again() {
    let database = Database::postgres().await;
    let server = Server::with(&database, &[("CHAT_RATE_LIMITS", "off"), ("CHAT_STORE_WAIT_SECS", "1")]).await;
    let mut writer = Client::author(&server, "locked", "the writer").await;
    writer.say("the first").await;
    let held = database.hold("locked").await;
    let client_id = Uuid::new_v4();
    let refused = writer.refused(&message(client_id, "the second")).await;
    assert_eq!(refused.code, ErrorCode::StoreUnavailable);
    held.release().await;
    writer.say_as(client_id, "the second").await;
    assert_eq!(whole(&database, "locked").await.len(), 2, "once");
}

/// What the database does not take of one sender keeps no other waiting, and is counted.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_error_that_nobody_foresaw_is_an_answer_to_its_sender_alone() {
    for database in [Database::postgres().await, Database::sqlite()] {
        let server = Server::with(&database, &[("CHAT_RATE_LIMITS", "off")]).await;
        database.refuse("a message that is not taken").await;
        let mut culprit = Client::author(&server, "one", "the culprit").await;
        let mut other = Client::author(&server, "two", "the other").await;
        for n in 0..5 {
            let refused = culprit.refused(&message(Uuid::new_v4(), "a message that is not taken")).await;
            assert_eq!(refused.code, ErrorCode::Internal);
            other.say(&format!("message {n}")).await;
            culprit.say(&format!("message {n}")).await;
        }
        assert_eq!(server.metric("chat_messages_refused_by_store_total").await, 5.0);
        assert_eq!(server.metric("chat_commit_failures_total").await, 0.0);
        server.logs_once("does not take a message").await;
        assert!(!server.log().contains("a message that is not taken"), "{}", server.log());
        for room in ["one", "two"] {
            assert_eq!(whole(&database, room).await.len(), 5);
        }
    }
}
