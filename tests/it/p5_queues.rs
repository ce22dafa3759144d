//! P5: each queue and count at its limit: a code for who meets it, nothing for anybody else. Those of sessions and
//! rooms are in `limits.rs`, outboxes in `slow_reader.rs`.

use std::collections::HashSet;

use chat_wire::{ErrorCode, ServerFrame};
use uuid::Uuid;

use crate::support::{Client, Database, Server, soon};

on_both!(a_full_queue_refuses_and_stores_the_rest, a_message_that_was_refused_is_taken_later);

/// Reads until each of these was answered: those that were acknowledged, and those that were refused with this code.
async fn answers(client: &mut Client, sent: &[Uuid], code: ErrorCode) -> (HashSet<Uuid>, HashSet<Uuid>) {
    let (mut acked, mut refused) = (HashSet::new(), HashSet::new());
    while acked.len() + refused.len() < sent.len() {
        match client.frame("an answer to each").await {
            ServerFrame::Ack(ack) => {
                acked.insert(ack.client_id);
            }
            ServerFrame::Error(error) => {
                assert_eq!(error.code, code, "{error:?}");
                assert!(error.retry_after_ms.is_some_and(|ms| ms > 0), "it passes with time");
                refused.insert(error.client_id.expect("of a message"));
            }
            _ => {}
        }
    }
    (acked, refused)
}

async fn a_full_queue_refuses_and_stores_the_rest(database: &Database) {
    let settings = [("CHAT_RATE_LIMITS", "off"), ("CHAT_QUEUE_MAX", "20"), ("CHAT_BATCH_MAX", "5")];
    let server = Server::with(database, &settings).await;
    let mut writer = Client::author(&server, "post", "the writer").await;
    writer.say("the first").await;
    let mut other = Client::author(&server, "another post", "somebody else").await;
    other.say("the first").await;
    server.settled().await;
    let before = server.resident();
    let held = database.hold("post").await;
    let sent = writer.publish_all(vec!["hello".to_owned(); 200]).await;
    // The refusals come at once, while the database stands still.
    let mut refused = HashSet::new();
    while refused.len() < 180 {
        if let ServerFrame::Error(error) = writer.frame("a refusal").await {
            let passes = [ErrorCode::Overloaded, ErrorCode::StoreUnavailable].contains(&error.code);
            assert!(passes && error.retry_after_ms.is_some(), "{error:?}");
            refused.insert(error.client_id.expect("of a message"));
        }
    }
    let queue = server.json("/healthz").await["storeQueue"].as_i64();
    assert!(queue.is_none_or(|n| n <= 20), "{queue:?}");
    // What needs no writing goes on, in this room and in others.
    Client::reader(&server, "post").await.ping().await;
    other.ping().await;
    held.release().await;
    let mut acked = HashSet::new();
    while acked.len() + refused.len() < sent.len() {
        if let ServerFrame::Ack(ack) = writer.frame("the rest").await {
            acked.insert(ack.client_id);
        }
    }
    let stored: HashSet<Uuid> = database.messages("post").await.iter().map(|m| m.client_id).collect();
    assert!(acked.is_subset(&stored) && stored.len() == acked.len() + 1 && refused.is_disjoint(&stored));
    other.say("as if nothing had been").await;
    let grown = server.resident().saturating_sub(before);
    assert!(grown < 16 * 1024 * 1024, "{grown} bytes");
}

async fn a_message_that_was_refused_is_taken_later(database: &Database) {
    let settings = [("CHAT_RATE_LIMITS", "off"), ("CHAT_QUEUE_MAX", "5"), ("CHAT_BATCH_MAX", "2")];
    let server = Server::with(database, &settings).await;
    let mut writer = Client::author(&server, "post", "the writer").await;
    writer.say("the first").await;
    let mut waiting: Vec<Uuid> = (0..50).map(|_| Uuid::new_v4()).collect();
    let mut acked = HashSet::new();
    // All at once, and what is refused again, until nothing is left: each is stored once.
    soon("all to be taken", async || {
        for client_id in &waiting {
            writer.publish(*client_id, "hello").await;
        }
        let (taken, refused) = answers(&mut writer, &waiting, ErrorCode::Overloaded).await;
        acked.extend(taken);
        waiting = refused.into_iter().collect();
        waiting.is_empty()
    })
    .await;
    let stored = database.messages("post").await;
    assert_eq!((acked.len(), stored.len()), (50, 51));
    writer.reach(51).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_room_that_is_flooded_holds_up_no_other() {
    let (database, server) = Server::alone(&[("CHAT_RATE_LIMITS", "off"), ("CHAT_QUEUE_MAX", "100")]).await;
    let mut quiet = Client::author(&server, "quiet", "a quiet one").await;
    let mut talks = tokio::task::JoinSet::new();
    for mut writer in Client::authors(&server, "loud", 5).await {
        talks.spawn(async move {
            let sent = writer.publish_all(vec!["hello".to_owned(); 400]).await;
            answers(&mut writer, &sent, ErrorCode::Overloaded).await.0.len()
        });
    }
    let mut n_said = 0;
    while talks.try_join_next().is_none() {
        // The queue is everybody's, so this may be refused too; then it is taken a little later.
        let client_id = Uuid::new_v4();
        soon("a message in another room to be taken", async || {
            quiet.publish(client_id, "hello").await;
            !answers(&mut quiet, &[client_id], ErrorCode::Overloaded).await.0.is_empty()
        })
        .await;
        n_said += 1;
    }
    talks.join_all().await;
    assert_eq!(database.messages("quiet").await.len(), n_said);
    assert!(n_said > 0);
}
