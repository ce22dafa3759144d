//! Signs of life: the server's, and what becomes of a client without any.

use chat_wire::ServerFrame;
use serde_json::Value;

use crate::support::{Client, RawSocket, Server, Who};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_heartbeat_tells_the_counter_and_comes_with_a_ping() {
    let (_database, server) = Server::alone(&[("CHAT_HEARTBEAT_SECS", "1")]).await;
    let mut client = Client::author(&server, "post", "the author").await;
    let mut reader = Client::reader(&server, "unused").await;
    let rev = client.say("hello").await.rev;
    for (client, expected) in [(&mut client, rev), (&mut reader, 0)] {
        for _ in 0..2 {
            let rev = |frame: &_| if let ServerFrame::Heartbeat(beat) = frame { Some(beat.rev) } else { None };
            assert_eq!(client.wait("a HEARTBEAT", rev).await, expected);
        }
        client.ping().await;
        assert!(client.n_pings >= 2, "a WebSocket ping with each");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_without_a_sign_of_life_is_closed_with_4002() {
    let (_database, server) = Server::alone(&[("CHAT_HEARTBEAT_SECS", "1"), ("CHAT_SILENCE_SECS", "3")]).await;
    // It reads, but answers no ping.
    let mut silent = RawSocket::open(&server, "/ws/room/post", "").await;
    silent.send_text(&Who::reader().join(None).to_string()).await;
    let welcome: Value = serde_json::from_str(&silent.text().await).expect("JSON");
    assert_eq!(welcome["type"], "WELCOME");
    // A library answers pings by itself, and that is enough.
    let mut alive = Client::reader(&server, "post").await;
    let listening = async {
        loop {
            alive.frame("signs of life").await;
        }
    };
    tokio::select! {
        code = silent.closed() => assert_eq!(code, 4002),
        () = listening => {}
    }
    alive.ping().await;
    assert!(server.metric(r#"chat_sessions_closed_total{code="4002"}"#).await <= 1.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_join_that_never_comes_is_closed_with_4004() {
    let (_database, server) = Server::alone(&[("CHAT_JOIN_SECS", "1")]).await;
    let mut joined = Client::reader(&server, "post").await;
    let mut idle = Client::connect(&server, "post").await;
    let mut busy = Client::connect(&server, "post").await;
    busy.ping().await;
    busy.send_text("no frame").await;
    assert_eq!(idle.closed().await, 4004);
    assert_eq!(busy.closed().await, 4004, "a PING is no JOIN");
    joined.ping().await;
}
