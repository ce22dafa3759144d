//! P5: crowds that do nothing cost bounded memory, are told, and nobody else notices.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    time::Duration,
};

use tokio::task::JoinSet;

use crate::support::{Client, MIB, RawSocket, Server, Who, allow_files, soon, until, within};

/// What an idle session may take of the server's memory.
const SESSION_BYTES_MAX: usize = 8 * 1024;

/// Sockets from as many addresses as there are, which never say a word.
async fn silent_crowd(server: &Server, n_sockets: usize) -> Vec<RawSocket> {
    let mut sockets = Vec::new();
    for n in 0..n_sockets {
        let from = format!("X-Forwarded-For: 192.0.{}.{}\r\n", n / 250, n % 250);
        sockets.push(RawSocket::open(server, &format!("/ws/room/post%20{}", n % 50), &from).await);
    }
    sockets
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_thousand_that_never_join_are_told_and_forgotten() {
    allow_files();
    // The time for a JOIN is short, but not so short that the first are usually gone before the last have come.
    let (_database, server) = Server::alone(&[("CHAT_TRUSTED_PROXIES", "127.0.0.0/8"), ("CHAT_JOIN_SECS", "20")]).await;
    // These talk all the while, as fast as one person may.
    let mut reader = Client::reader(&server, "post").await;
    let mut author = Client::author(&server, "post", "the author").await;
    let goes_on = Arc::new(AtomicBool::new(true));
    let is_wanted = goes_on.clone();
    let talk = tokio::spawn(async move {
        let mut n_said = 0;
        let mut pace = tokio::time::interval(Duration::from_millis(1_100));
        while is_wanted.load(Ordering::Relaxed) {
            pace.tick().await;
            n_said = author.say(&format!("message {n_said}")).await.seq;
            reader.reach(n_said).await;
        }
        (author, reader, n_said)
    });

    // What is made once is there already.
    server.settled().await;
    silent_crowd(&server, 50).await;
    let before = server.resident();
    let crowd = silent_crowd(&server, 2_000).await;
    let during = server.resident();
    // All of them, unless this machine is so busy that the first are gone before the last have come.
    let n_at_once = server.metric("chat_sessions_live").await;
    let mut codes = JoinSet::new();
    for mut socket in crowd {
        codes.spawn(async move { socket.closed().await });
    }
    let codes = codes.join_all().await;
    assert_eq!(codes.iter().filter(|code| **code == 4004).count(), 2_000);
    soon("the crowd to be gone", async || server.json("/healthz").await["sessions"] == 2).await;
    let is_back = async || Some(server.resident()).filter(|now| *now < before + 8 * MIB);
    let after = until("the memory to be given back", is_back).await;
    println!("{before} bytes before, {during} with {n_at_once} sessions, {after} after");
    // Each is a task and an actor; nothing of the request's buffers stays.
    assert!(during < before + 2_000 * SESSION_BYTES_MAX, "{during} bytes");
    assert_eq!(server.metric("chat_sessions_live").await, 2.0);
    goes_on.store(false, Ordering::Relaxed);
    let (mut author, reader, n_said) = within("the talk to end", talk).await.expect("a talk without a fault");
    assert_eq!(author.say("and on it goes").await.seq, n_said + 1);
    assert_eq!(reader.history.list.len(), usize::try_from(n_said).expect("few"));
    assert_eq!(server.metric("chat_outbox_evictions_total").await, 0.0);
}

/// Reads until told to stop, and says how far it is.
async fn follow(mut client: Client, at: Arc<AtomicI64>, upto: Arc<AtomicI64>) -> Client {
    while client.history.cursor < upto.load(Ordering::Relaxed) {
        client.frame("the next change").await;
        at.store(client.history.cursor, Ordering::Relaxed);
    }
    client
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_that_stop_reading_are_cut_and_the_others_miss_nothing() {
    allow_files();
    // On a slow machine they would be silent for too long before they are too slow.
    let (database, server) = Server::alone(&[("CHAT_RATE_LIMITS", "off"), ("CHAT_SILENCE_SECS", "3600")]).await;
    let mut writers = Client::authors(&server, "post", 4).await;
    let upto = Arc::new(AtomicI64::new(i64::MAX));
    let mut readers = JoinSet::new();
    let mut cursors = Vec::new();
    for _ in 0..10 {
        let at = Arc::new(AtomicI64::new(0));
        cursors.push(at.clone());
        readers.spawn(follow(Client::reader(&server, "post").await, at, upto.clone()));
    }
    server.settled().await;
    let before = server.resident();
    let mut stalled = Vec::new();
    for _ in 0..200 {
        stalled.push(Client::narrow(&server, "post", Who::reader()).await);
    }

    // A hundred messages a second, of 500 bytes each.
    let text = "x".repeat(250);
    let mut pace = tokio::time::interval(Duration::from_millis(10));
    // A machine that was busy elsewhere sends fewer, not many at once.
    pace.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let (mut n_sent, mut most, mut lag_most) = (0_i64, 0, 0);
    let begun = std::time::Instant::now();
    let mut in_talk = JoinSet::new();
    let (tell, mut orders) = tokio::sync::mpsc::channel::<()>(1);
    in_talk.spawn(async move {
        // One task for all writers, so that acknowledgements are read and nothing gathers.
        let mut n = 0_usize;
        while orders.recv().await.is_some() {
            let n_writers = writers.len();
            writers[n % n_writers].publish(uuid::Uuid::new_v4(), &text).await;
            n += 1;
            if n.is_multiple_of(100) {
                for writer in &mut writers {
                    writer.ping().await;
                }
            }
        }
        writers
    });
    loop {
        pace.tick().await;
        tell.send(()).await.expect("a writer");
        n_sent += 1;
        if n_sent % 25 == 0 {
            most = most.max(server.resident());
            let slowest = cursors.iter().map(|at| at.load(Ordering::Relaxed)).min().expect("readers");
            lag_most = lag_most.max(n_sent - slowest);
            // Delivery goes on: nobody is ten seconds behind.
            assert!(n_sent - slowest < 1_000, "a reader is at {slowest} of {n_sent}");
            if server.metric("chat_outbox_evictions_total").await >= 200.0 {
                break;
            }
        }
        // Fifteen seconds at a hundred a second, and as much again for a machine that is busy.
        assert!(n_sent < 3_000, "{} of 200 are cut", server.metric("chat_outbox_evictions_total").await);
    }
    let took = begun.elapsed();
    drop(tell);
    let mut writers = in_talk.join_next().await.expect("writers").expect("writers without a fault");
    // A session's messages are stored in the order in which it sent them, those of several in any. So each writer's last
    // one is acknowledged before the next writer's is sent; these also wake the readers that are at the end already.
    n_sent += i64::try_from(writers.len()).expect("few");
    upto.store(n_sent, Ordering::Relaxed);
    let mut last = 0;
    for writer in &mut writers {
        last = writer.say("my last one").await.seq;
    }
    assert_eq!(last, n_sent, "every message is stored, and each once");
    let readers = within("everybody to get everything", readers.join_all()).await;
    println!(
        "200 cut after {took:?} and {n_sent} messages; memory grew by {} KiB at most; the slowest reader was {lag_most} \
         messages behind",
        most.saturating_sub(before) / 1024
    );
    let stored = database.messages("post").await;
    assert_eq!(stored.len(), usize::try_from(n_sent).expect("few"));
    for reader in &readers {
        assert!(reader.history.list.values().eq(stored.iter()), "a reader missed something");
    }
    assert!(most < before + 64 * MIB, "{most} bytes after {before}");
    assert_eq!(server.metric("chat_outbox_evictions_total").await, 200.0, "and nobody else is cut");
    server.counts("what was queued to be given back", "chat_outbox_bytes", |n| n == 0.0).await;
    // Those that were cut find a reset, not a close frame.
    for client in &mut stalled[..5] {
        assert_eq!(client.closed().await, 1006);
    }
}
