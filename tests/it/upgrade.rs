//! How a socket is opened: room ids, subprotocol, origins.

use crate::support::{Answer, Client, RawSocket, Server, get_raw, in_path, raw::UPGRADE, refused_upgrade};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_subprotocol_is_selected_where_it_is_offered() {
    let (_database, server) = Server::alone(&[]).await;
    for (offer, selected) in [
        ("", None),
        ("Sec-WebSocket-Protocol: realtime-chat.v1\r\n", Some("realtime-chat.v1")),
        ("Sec-WebSocket-Protocol: graphql-ws, realtime-chat.v1\r\n", Some("realtime-chat.v1")),
        ("Sec-WebSocket-Protocol: realtime-chat.v9\r\n", None),
        ("Sec-WebSocket-Extensions: x-webkit-deflate-frame\r\n", None),
    ] {
        let mut socket = RawSocket::open(&server, "/ws/room/post", offer).await;
        assert_eq!(socket.headers.get("sec-websocket-protocol").map(String::as_str), selected, "{offer}");
        assert_eq!(socket.headers.get("sec-websocket-extensions"), None, "{offer}");
        assert_eq!(socket.headers["sec-websocket-accept"], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        socket.send_text(r#"{"type":"PING","payload":{}}"#).await;
        assert_eq!(socket.text().await, r#"{"type":"PONG","payload":{}}"#, "version 1 in any case");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn foreign_origins_are_closed_with_4101() {
    let origins = "https://blog.example,http://localhost:4000";
    let (_database, server) = Server::alone(&[("CHAT_ORIGINS", origins)]).await;
    let own = format!("http://{}", server.address);
    let allowed = "null https://blog.example https://blog.example:443 http://localhost:4000".split(' ').chain([&*own]);
    let foreign = "http://blog.example https://blog.example:8443 https://sub.blog.example \
        https://blog.example.evil.example http://localhost:4001 http://127.0.0.1:1 http://127.0.0.1 \
        https://evil.example nonsense";
    let foreign = foreign.split(' ').chain([""]).map(|origin| (Some(origin), false));
    for (origin, is_allowed) in allowed.map(|origin| (Some(origin), true)).chain([(None, true)]).chain(foreign) {
        let headers: Vec<_> = origin.iter().map(|o| ("Origin", *o)).collect();
        // A page sees a close code, but not an HTTP status: the upgrade is completed in any case.
        let (mut client, _) = Client::open(&server, "post", &headers).await.expect("an upgrade");
        if is_allowed {
            client.enter(None).await;
        } else {
            assert_eq!(client.closed().await, 4101, "{origin:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_upgrade_is_answered_in_json() {
    let (_database, server) = Server::alone(&[]).await;
    for headers in [
        "",
        "Upgrade: websocket\r\n",
        "Upgrade: websocket\r\nSec-WebSocket-Version: 12\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
        "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n",
    ] {
        let answer = get_raw(&server, "/ws/room/post", headers).await;
        assert_eq!((answer.status, code(&answer).as_str()), (400, "BAD_REQUEST"), "{headers}");
    }
}

fn code(answer: &Answer) -> String {
    let value: serde_json::Value = serde_json::from_str(&answer.body).expect("JSON");
    value["error"]["code"].as_str().expect("a code").to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_upgrade_ends_the_connection() {
    let (_database, server) = Server::alone(&[]).await;
    for (path, status) in [("/ws/room/post", 400), ("/ws/room/a%2Fb", 400), ("/nothing", 404), ("/livez", 200)] {
        assert_eq!(refused_upgrade(&server, path).await.status, status, "{path}");
    }
}

/// The same rules for every address that names a room.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn room_ids_follow_the_rules_on_every_route() {
    let (_database, server) = Server::alone(&[]).await;
    let longest = in_path(&"글".repeat(255));
    let too_long = in_path(&"글".repeat(256));
    let allowed = "a%20b 50%25 %EC%95%88%EB%85%95 a:b@c;d=e,f ...".split(' ').chain([&*longest]);
    let refused = ". .. %2e%2E a%2Fb %2F a%00b a%0Ab a%7Fb a%C2%85b %FF %ED%A0%80".split(' ').chain([&*too_long]);
    for (room, is_allowed) in allowed.map(|room| (room, true)).chain(refused.map(|room| (room, false))) {
        let routes = [
            (format!("/ws/room/{room}"), UPGRADE, 101),
            (format!("/room/{room}"), "", 200),
            (format!("/api/v1/rooms/{room}"), "", 200),
            (format!("/api/v1/rooms/{room}/messages"), "", 200),
            (format!("/api/v1/rooms/{room}/members"), "", 200),
        ];
        for (path, headers, status) in routes {
            if is_allowed && status == 101 {
                RawSocket::open(&server, &path, "").await;
                continue;
            }
            let answer = get_raw(&server, &path, headers).await;
            if is_allowed {
                assert_eq!(answer.status, status, "{path}");
            } else {
                assert_eq!((answer.status, code(&answer).as_str()), (400, "INVALID_ROOM"), "{path}");
            }
        }
    }
}
