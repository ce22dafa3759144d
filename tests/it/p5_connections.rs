//! P5: connections that are no sessions are bounded in time, by address and in number, and shut nobody out.

use std::{net::Ipv4Addr, time::Duration};

use futures_util::future::join_all;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::support::{
    Client, Database, MIB, Server, allow_files, connect_from,
    raw::{LIVEZ, ask_livez, sent},
    read_to_end, until, within,
};

/// A connection over which so many requests were sent and answered.
async fn answered(server: &Server, n: usize) -> TcpStream {
    let mut stream = TcpStream::connect(server.address).await.expect("a connection");
    for _ in 0..n {
        ask_livez(&mut stream).await;
    }
    stream
}

/// So many connections from this address, each of which was answered and waits.
async fn waiting(server: &Server, from: Ipv4Addr, n: usize) -> Vec<TcpStream> {
    let mut crowd = Vec::new();
    for _ in 0..n {
        let mut stream = connect_from(server, from).await;
        ask_livez(&mut stream).await;
        crowd.push(stream);
    }
    crowd
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_head_that_does_not_end_ends_its_connection_the_first_or_a_later_one() {
    let (_database, server) = Server::alone(&[]).await;
    // How many are asked and answered first, and what is begun then.
    let half = "GET /livez HTTP/1.1\r\nHost: x\r\n";
    let silent = [(0, "G"), (0, half), (1, "G"), (1, half), (1, "\r\n")].map(|(n_before, begun)| {
        let server = &server;
        async move {
            let mut stream = answered(server, n_before).await;
            stream.write_all(begun.as_bytes()).await.expect("a server that reads");
            read_to_end(&mut stream).await;
        }
    });
    // The beginning of the next head comes together with whole ones, which are answered.
    let pipelined = async {
        let mut stream = sent(server.address, &format!("{}G", LIVEZ.repeat(3))).await;
        assert_eq!(read_to_end(&mut stream).await.matches("HTTP/1.1 200").count(), 3);
    };
    // A byte now and then is no progress.
    let dripping = async {
        let mut stream = answered(&server, 1).await;
        stream.write_all(b"GET /").await.expect("a server that reads");
        let (mut reader, mut writer) = stream.into_split();
        let drip = async {
            let mut pace = tokio::time::interval(Duration::from_millis(300));
            loop {
                pace.tick().await;
                if writer.write_all(b"a").await.is_err() {
                    // The server is gone; the reader sees it.
                    return std::future::pending::<()>().await;
                }
            }
        };
        let mut rest = Vec::new();
        let ended = async { reader.read_to_end(&mut rest).await.unwrap_or_default() };
        tokio::select! {
            _ = within("the end of the connection", ended) => {}
            () = drip => {}
        }
    };
    // A head of a megabyte is refused, the second as the first.
    let huge = async {
        for n_before in [0, 1] {
            let mut stream = answered(&server, n_before).await;
            let (mut reader, mut writer) = stream.split();
            let head = format!("GET /livez HTTP/1.1\r\nX: {}", "a".repeat(MIB));
            // The server stops to read.
            let write = async {
                let _ = writer.write_all(head.as_bytes()).await;
            };
            let mut answer = Vec::new();
            let read = async {
                let _ = within("the end of the connection", reader.read_to_end(&mut answer)).await;
            };
            tokio::join!(write, read);
            let answer = String::from_utf8_lossy(&answer);
            assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431 "), "{answer}");
        }
    };
    tokio::join!(join_all(silent), pipelined, dripping, huge);
    assert_eq!(server.json("/healthz").await["status"], "ok");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_with_too_many_connections_loses_those_that_wait_longest() {
    let settings = [("CHAT_ADDRESS_CONNECTIONS_MAX", "20"), ("CHAT_TRUSTED_PROXIES", "127.0.0.3/32")];
    let (_database, server) = Server::alone(&settings).await;
    let mut crowd = waiting(&server, Ipv4Addr::new(127, 0, 0, 2), 60).await;
    let mut kept = crowd.split_off(40);
    for mut stream in crowd {
        assert_eq!(read_to_end(&mut stream).await, "");
    }
    ask_livez(kept.last_mut().expect("a connection")).await;
    let cut = r#"chat_http_connections_cut_total{reason="address"}"#;
    server.counts("them to be counted", cut, |n| n >= 40.0).await;
    assert_eq!(server.metric(r#"chat_http_connections_cut_total{reason="server"}"#).await, 0.0);
    drop(kept);
    // Behind a proxy are many people.
    let _behind = waiting(&server, Ipv4Addr::new(127, 0, 0, 3), 40).await;
    server.counts("those behind the proxy to be counted", "chat_http_connections", |n| n >= 21.0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_256_descriptors_a_crowd_shuts_nobody_out() {
    allow_files();
    let database = Database::sqlite();
    let server = Server::with_files(&database, &[("CHAT_THREADS", "2")], 256).await;
    let mut author = Client::author(&server, "post", "the author").await;
    author.say("before").await;
    let address = server.address.to_string();
    let mut crowd = Vec::new();
    for round in 0..6 {
        // Some say nothing, some begin a head, some were answered and wait; from twelve addresses.
        for n in 0..90 {
            let mut stream = connect_from(&server, [127, 0, 1, 1 + n % 12]).await;
            match n % 3 {
                0 => {}
                // It may have given way already.
                1 => drop(stream.write_all(b"G").await),
                _ => drop(stream.write_all(LIVEZ.as_bytes()).await),
            }
            crowd.push(stream);
        }
        let ended = Server::run(&["healthcheck"], &[("CHAT_LISTEN", &address)]).await;
        assert_eq!(ended.status.code(), Some(0), "{}", ended.stderr);
        assert_eq!(server.get("/room/post").await.status(), 200);
        author.say(&format!("meanwhile {round}")).await;
        Client::reader(&server, "post").await.leave().await;
    }
    let n_open = std::fs::read_dir(format!("/proc/{}/fd", server.pid())).expect("a process").count();
    assert!(n_open <= 256, "{n_open} files");
    let cut = r#"chat_http_connections_cut_total{reason="server"}"#;
    server.counts("those that gave way to be counted", cut, |n| n >= 250.0).await;
    drop(crowd);
    author.say("after").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_memory_of_a_crowd_of_connections_is_given_back() {
    allow_files();
    let (_database, server) = Server::alone(&[("CHAT_RATE_LIMITS", "off")]).await;
    server.settled().await;
    waiting(&server, Ipv4Addr::new(127, 0, 1, 1), 1).await;
    let before = server.resident();
    let mut crowd = Vec::new();
    for n in 0..1_000_u16 {
        let mut stream = connect_from(&server, [127, 0, 1, 1 + (n % 100) as u8]).await;
        stream.write_all(b"G").await.expect("a server that reads");
        crowd.push(stream);
    }
    server.counts("most to be there", "chat_http_connections", |n| n > 700.0).await;
    let during = server.resident();
    drop(crowd);
    println!("{before} bytes before, {during} with 1,000");
    // Code that was run for the first time stays, and so do pages of the heap that something small still lies on.
    let stays_max = (during.saturating_sub(before) / 2).max(8 * MIB);
    let is_back = async || Some(server.resident()).filter(|now| *now < before + stays_max);
    let after = until("the memory to be given back", is_back).await;
    println!("{after} after");
}
