//! P5: who stops reading is cut off, costs bounded memory, and resumes; nobody else notices.

use tokio::task::JoinSet;
use uuid::Uuid;

use crate::support::{Client, Database, Event, Server, Who, soon, until, within};

on_both!(who_stops_reading_is_cut_and_resumes_exactly, a_burst_cuts_nobody_who_reads);

async fn who_stops_reading_is_cut_and_resumes_exactly(database: &Database) {
    let server = Server::with(database, &[("CHAT_RATE_LIMITS", "off"), ("CHAT_OUTBOX_KIB", "128")]).await;
    let mut stalled = Client::narrow(&server, "post", Who::named("stalled")).await;
    let mut writer = Client::author(&server, "post", "the writer").await;
    let mut reader = Client::reader(&server, "post").await;
    let text = "x".repeat(1_500);
    // As little as fills all that lies between, so that what is missed can be resumed.
    let mut n_sent = 0;
    let mut is_full = false;
    until("the stalled one to be cut", async || {
        // Once its outbox is full, time decides; what comes in that time is short.
        is_full |= server.metric("chat_outbox_bytes").await > 120.0 * 1024.0;
        if !is_full {
            // Not one by one: on a busy machine that would take minutes.
            for _ in 0..4 {
                writer.publish(Uuid::new_v4(), &text).await;
            }
        }
        n_sent = writer.say(if is_full { "and" } else { &text }).await.seq;
        (server.metric("chat_outbox_evictions_total").await > 0.0).then_some(())
    })
    .await;
    reader.reach(n_sent).await;
    // The writer and the reader got everything all the while.
    assert_eq!(server.metric("chat_outbox_evictions_total").await, 1.0);
    let stored = database.messages("post").await;
    assert!(reader.history.list.values().eq(stored.iter()));
    // What had come before the cut is read; then the connection is gone, without a close frame.
    while let Event::Frame(_) = stalled.next("the end").await {}
    assert_eq!(stalled.closed().await, 1006);
    assert!(stalled.history.cursor < n_sent);
    let (mut back, welcome) = stalled.back(&server).await;
    assert!(welcome.head.resumed, "it missed {n_sent} messages at most: {:?}", welcome.head);
    back.reach(n_sent).await;
    assert!(back.history.list.values().eq(stored.iter()));
    assert_eq!(back.say("and goes on").await.seq, n_sent + 1);
    server.counts("what was queued to be given back", "chat_outbox_bytes", |n| n == 0.0).await;
}

/// A pause of the database gathers much that is then shown at once. Whoever reads gets all of it.
async fn a_burst_cuts_nobody_who_reads(database: &Database) {
    let server = Server::with(database, &[("CHAT_RATE_LIMITS", "off")]).await;
    let mut writers = Client::authors(&server, "post", 4).await;
    writers[0].say("the first").await;
    let text = "😀".repeat(2_000);
    let held = database.hold("post").await;
    for writer in &mut writers {
        for _ in 0..20 {
            writer.publish(Uuid::new_v4(), &text).await;
        }
    }
    let queue = async || server.json("/healthz").await["storeQueue"].as_i64();
    soon("all to wait for the database", async || queue().await.is_some_and(|n| n >= 79)).await;
    let reader = Client::reader(&server, "post").await;
    let mut all = JoinSet::new();
    for mut client in writers.into_iter().chain([reader]) {
        all.spawn(async move {
            client.reach(81).await;
            client.history.list.len()
        });
    }
    held.release().await;
    assert_eq!(within("everybody to get it", all.join_all()).await, [81; 5]);
    assert_eq!(server.metric("chat_outbox_evictions_total").await, 0.0);
}
