//! P5: connections that are no sessions are bounded in time, by address and in number, and shut nobody out.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use futures_util::future::join_all;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
};

use crate::support::{Client, Database, MIB, Server, allow_files, read_to_end, soon, until, within};

/// A connection from this address, which is one of this machine.
async fn connect_from(server: &Server, address: &str) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("a socket");
    let address: IpAddr = address.parse().expect("an address");
    socket.bind(SocketAddr::new(address, 0)).expect("an address of this machine");
    within("a connection", socket.connect(server.address)).await.expect("a connection")
}

/// Sends what stands there and reads as many answers; they must all be good, and have no body with a status line.
async fn ask(stream: &mut TcpStream, requests: &str, n_answers: usize) {
    stream.write_all(requests.as_bytes()).await.expect("a server that reads");
    let mut text = Vec::new();
    loop {
        let whole = String::from_utf8_lossy(&text);
        if whole.matches("HTTP/1.1 200").count() == n_answers && whole.ends_with(r#"{"status":"ok"}"#) {
            return;
        }
        let n = within("an answer", stream.read_buf(&mut text)).await.expect("an answer");
        assert!(n > 0, "cut short: {}", String::from_utf8_lossy(&text));
    }
}

const LIVEZ: &str = "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_head_that_does_not_end_ends_its_connection_the_first_or_a_later_one() {
    let (_database, server) = Server::alone(&[]).await;
    // What is asked and answered first, and what is begun then.
    let silent = [
        ("", 0, "G"),
        ("", 0, "GET /livez HTTP/1.1\r\nHost: x\r\n"),
        (LIVEZ, 1, "G"),
        (LIVEZ, 1, "GET /livez HTTP/1.1\r\nHost: x\r\n"),
        (LIVEZ, 1, "\r\n"),
    ];
    let silent = silent.map(|(asked, n_answers, begun)| {
        let server = &server;
        async move {
            let mut stream = TcpStream::connect(server.address).await.expect("a connection");
            if n_answers > 0 {
                ask(&mut stream, asked, n_answers).await;
            }
            stream.write_all(begun.as_bytes()).await.expect("a server that reads");
            read_to_end(&mut stream).await;
        }
    });
    // The beginning of the next head comes together with whole ones, which are answered.
    let pipelined = async {
        let mut stream = TcpStream::connect(server.address).await.expect("a connection");
        stream.write_all(format!("{}G", LIVEZ.repeat(3)).as_bytes()).await.expect("a server that reads");
        assert_eq!(read_to_end(&mut stream).await.matches("HTTP/1.1 200").count(), 3);
    };
    // A byte now and then is no progress.
    let dripping = async {
        let mut stream = TcpStream::connect(server.address).await.expect("a connection");
        ask(&mut stream, LIVEZ, 1).await;
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
            let mut stream = TcpStream::connect(server.address).await.expect("a connection");
            if n_before > 0 {
                ask(&mut stream, LIVEZ, 1).await;
            }
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
    let mut crowd = Vec::new();
    for _ in 0..60 {
        let mut stream = connect_from(&server, "127.0.0.2").await;
        ask(&mut stream, LIVEZ, 1).await;
        crowd.push(stream);
    }
    let mut kept = crowd.split_off(40);
    for mut stream in crowd {
        assert_eq!(read_to_end(&mut stream).await, "");
    }
    ask(kept.last_mut().expect("a connection"), LIVEZ, 1).await;
    soon("them to be counted", async || {
        server.metric(r#"chat_http_connections_cut_total{reason="address"}"#).await >= 40.0
    })
    .await;
    assert_eq!(server.metric(r#"chat_http_connections_cut_total{reason="server"}"#).await, 0.0);
    drop(kept);
    // Behind a proxy are many people.
    let mut behind = Vec::new();
    for _ in 0..40 {
        let mut stream = connect_from(&server, "127.0.0.3").await;
        ask(&mut stream, LIVEZ, 1).await;
        behind.push(stream);
    }
    soon("those behind the proxy to be counted", async || server.metric("chat_http_connections").await >= 21.0).await;
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
            let mut stream = connect_from(&server, &format!("127.0.1.{}", 1 + n % 12)).await;
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
    soon("those that gave way to be counted", async || {
        server.metric(r#"chat_http_connections_cut_total{reason="server"}"#).await >= 250.0
    })
    .await;
    drop(crowd);
    author.say("after").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_memory_of_a_crowd_of_connections_is_given_back() {
    allow_files();
    let (_database, server) = Server::alone(&[("CHAT_RATE_LIMITS", "off")]).await;
    server.settled().await;
    ask(&mut connect_from(&server, "127.0.1.1").await, LIVEZ, 1).await;
    let before = server.resident();
    let mut crowd = Vec::new();
    for n in 0..1_000 {
        let mut stream = connect_from(&server, &format!("127.0.1.{}", 1 + n % 100)).await;
        stream.write_all(b"G").await.expect("a server that reads");
        crowd.push(stream);
    }
    soon("most to be there", async || server.metric("chat_http_connections").await > 700.0).await;
    let during = server.resident();
    drop(crowd);
    println!("{before} bytes before, {during} with 1,000");
    // Code that was run for the first time stays, and so do pages of the heap that something small still lies on.
    let stays_max = (during.saturating_sub(before) / 2).max(8 * MIB);
    let is_back = async || Some(server.resident()).filter(|now| *now < before + stays_max);
    let after = until("the memory to be given back", is_back).await;
    println!("{after} after");
}
