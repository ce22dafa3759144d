//! P5: however many room ids are visited, few rooms live and memory stays bounded.

use std::time::Duration;

use futures_util::future::join_all;
use tokio::task::JoinSet;

use crate::support::{Client, LIMITS_OFF, MIB, RawSocket, Server, Who, pipelined, soon};

/// Asks for these paths over one connection; gives how many were answered with 200.
async fn visit(server: &Server, paths: impl Iterator<Item = String>) -> usize {
    let host = server.address;
    let requests: Vec<_> = paths.map(|path| format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n")).collect();
    pipelined(server, &requests, 16).await.remove(&200).unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_thousand_room_ids_are_asked_for() {
    let (database, server) = Server::alone(&LIMITS_OFF).await;
    let mut author = Client::author(&server, "post", "the author").await;
    author.say("before").await;
    // What is made once is there already.
    server.settled().await;
    assert_eq!(visit(&server, (0..500).map(|n| format!("/room/first%20{n}"))).await, 500);
    let before = server.resident();
    let begun = std::time::Instant::now();
    // Each asks the registry; one in ten the database too, and one in a hundred gets a page.
    let path = |of: usize, n: usize| match n {
        _ if n.is_multiple_of(100) => format!("/room/{of}-{n}"),
        _ if n.is_multiple_of(10) => format!("/api/v1/rooms/{of}-{n}"),
        _ => format!("/api/v1/rooms/{of}-{n}/members"),
    };
    let visits = join_all((0..4).map(|of| visit(&server, (0..25_000).map(move |n| path(of, n)))));
    tokio::pin!(visits);
    // Somebody talks all the while.
    let mut n_said = 1;
    let mut pace = tokio::time::interval(Duration::from_millis(100));
    let n_good: usize = loop {
        tokio::select! {
            n_good = &mut visits => break n_good.into_iter().sum(),
            _ = pace.tick() => n_said = author.say("meanwhile").await.seq,
        }
    };
    let (took, after) = (begun.elapsed(), server.resident());
    println!("100,000 ids in {took:?}, {n_said} messages meanwhile; {before} bytes before and {after} after");
    assert_eq!(n_good, 100_000);
    assert!(n_said > 1);
    assert!(after < before + 24 * MIB, "{after} bytes");
    // Asking makes no room.
    assert_eq!(server.json("/healthz").await["rooms"], 1);
    assert_eq!(database.number("SELECT count(*) FROM rooms").await, 1, "nor a row");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_thousand_rooms_that_were_joined_the_last_ones_live() {
    let (_database, server) = Server::alone(&[("CHAT_RATE_LIMITS", "off"), ("CHAT_ROOMS_MAX", "100")]).await;
    let mut author = Client::author(&server, "post", "the author").await;
    author.say("before").await;
    let mut after = Vec::new();
    for round in 0..2 {
        let mut visitors = JoinSet::new();
        for of in 0..4 {
            let (address, join) = (server.address, Who::reader().join(None).to_string());
            visitors.spawn(async move {
                for n in 0..250 {
                    let mut socket = RawSocket::at(address, &format!("/ws/room/{round}-{of}-{n}"), "").await;
                    socket.send_text(&join).await;
                    let answer = socket.text().await;
                    assert!(answer.contains("WELCOME"), "{answer}");
                }
            });
        }
        let mut n_most = 0.0_f64;
        while visitors.try_join_next().map(|done| done.expect("a visitor without a fault")).is_none() {
            n_most = n_most.max(server.metric("chat_rooms_live").await);
            author.ping().await;
        }
        visitors.join_all().await;
        assert!(n_most <= 100.0 && n_most > 2.0, "{n_most} rooms lived");
        server.counts("the visitors to be gone", "chat_sessions_live", |n| n == 1.0).await;
        after.push(server.resident());
    }
    println!("{} bytes after 1,000 rooms, {} after 2,000", after[0], after[1]);
    // On a busy machine what threads left free is given back a moment later.
    soon("the memory of as many more rooms to be free", async || server.resident() < after[0] + 8 * MIB).await;
    // The one that somebody is in was never empty, so it is the one that stayed.
    assert_eq!(author.say("after").await.seq, 2);
    server.counts("empty rooms to be few", "chat_rooms_live", |n| n <= 100.0).await;
}
