//! Bad input gets its code, and the session lives on unless a close code says otherwise.

use chat_wire::{ErrorCode, ServerFrame};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::support::{
    Client, Database, LIMITS_OFF, RawSocket, Server, Who,
    raw::{BINARY, CONTINUATION, FIN, PING, TEXT},
    soon, within,
};

const FRAME_BYTES_MAX: usize = 16 * 1024;
/// How much a server may grow by what one socket sends.
const GROWTH_BYTES_MAX: usize = 2 * 1024 * 1024;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_frame_is_a_bad_frame_and_the_session_lives_on() {
    let (_database, server) = Server::alone(&[("CHAT_RATE_LIMITS", "off")]).await;
    let id = "6f9619ff-8b86-4d01-b42d-00cf4fc964ff";
    let list = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
    let object = |n: usize| format!("{}1{}", r#"{"a":"#.repeat(n), "}".repeat(n));
    let deep = [
        list(8_000),
        object(2_500),
        format!(r#"{{"type":{},"payload":{{}}}}"#, list(7_000)),
        format!(r#"{{"type":"PING","payload":{}}}"#, list(7_000)),
        format!(r#"{{"type":"JOIN","payload":{{"anonymousId":"{id}","resume":{}}}}}"#, object(2_000)),
        format!(r#"{{"type":"MESSAGE","payload":{{"clientId":"{id}","content":{}}}}}"#, object(2_000)),
    ];
    let mut texts: Vec<String> = [
        "",
        " ",
        "hello",
        "null",
        "1",
        "\"PING\"",
        "[]",
        r#"["PING",{}]"#,
        "{",
        "{}",
        r#"{"payload":{}}"#,
        r#"{"type":null,"payload":{}}"#,
        r#"{"type":1,"payload":{}}"#,
        r#"{"type":"","payload":{}}"#,
        r#"{"type":"ping","payload":{}}"#,
        r#"{"type":"DELETE","payload":{}}"#,
        r#"{"type":"WELCOME","payload":{}}"#,
        r#"{"type":"PING","payload":[]}"#,
        r#"{"type":"PING","payload":"x"}"#,
        r#"{"type":"PING","payload":{}}{"type":"PING","payload":{}}"#,
        r#"{"type":"PING","payload":{},}"#,
        r#"{'type':'PING'}"#,
        r#"{"type":"JOIN"}"#,
        r#"{"type":"JOIN","payload":{}}"#,
        r#"{"type":"JOIN","payload":{"anonymousId":"me"}}"#,
        r#"{"type":"PROFILE","payload":{}}"#,
        r#"{"type":"PROFILE","payload":{"nickname":7}}"#,
        r#"{"type":"MESSAGE","payload":{"content":"no key"}}"#,
        "\u{0}",
        "{\"type\":\"PING\u{0}\",\"payload\":{}}",
    ]
    .map(str::to_owned)
    .to_vec();
    texts.extend(deep);
    texts.push(format!(r#"{{"type":"MESSAGE","payload":{{"clientId":"{id}"}}}}"#));
    for payload in [
        json!({"anonymousId": 7}),
        json!({"anonymousId": id, "nickname": 7}),
        json!({"anonymousId": id, "avatar": {}}),
        json!({"anonymousId": id, "resume": "here"}),
        json!({"anonymousId": id, "resume": [1]}),
        json!({"anonymousId": id, "resume": {"epoch": "e"}}),
        json!({"anonymousId": id, "resume": {"epoch": "e", "rev": -1}}),
        json!({"anonymousId": id, "resume": {"epoch": "e", "rev": 1.5}}),
        json!({"anonymousId": id, "resume": {"epoch": 1, "rev": 1}}),
        json!({"anonymousId": id, "resume": {"epoch": "e", "rev": "1"}}),
    ] {
        texts.push(json!({"type": "JOIN", "payload": payload}).to_string());
    }
    let mut client = Client::connect(&server, "post").await;
    client.who = Who::named("clumsy");
    for is_joined in [false, true] {
        for text in &texts {
            client.send_text(text).await;
            let error = client.error().await;
            assert_eq!((error.code, error.retry_after_ms), (ErrorCode::BadFrame, None), "{text:.80}");
        }
        for bytes in [&[1, 2, 3][..], br#"{"type":"PING","payload":{}}"#] {
            client.send_raw(Message::binary(bytes.to_vec())).await.expect("a socket");
            client.error_of(ErrorCode::BadFrame).await;
        }
        if !is_joined {
            client.enter(None).await;
        }
    }
    client.say("alive").await;
    // Where nobody looks, depth is ignored or refused, and costs no stack in either case.
    for hidden in [list(7_000), object(2_500)] {
        client.send_text(&format!(r#"{{"type":"PING","payload":{{"x":{hidden}}}}}"#)).await;
        let is_answer = |frame: &ServerFrame<'static>| match frame {
            ServerFrame::Pong {} => Some(()),
            ServerFrame::Error(error) if error.code == ErrorCode::BadFrame => Some(()),
            _ => None,
        };
        client.wait("PONG or BAD_FRAME", is_answer).await;
    }
    client.say("still alive").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_cannot_be_read_is_named_where_its_key_can() {
    let (database, server) = Server::alone(&[("CHAT_RATE_LIMITS", "off")]).await;
    let mut client = Client::author(&server, "post", "clumsy").await;
    let id: uuid::Uuid = "6f9619ff-8b86-4d01-b42d-00cf4fc964ff".parse().expect("a UUID");
    for (text, code, names_it) in [
        (r#"{"type":"MESSAGE","payload":{"clientId":"ID","content":7}}"#, ErrorCode::BadFrame, true),
        (r#"{"type":"MESSAGE","payload":{"clientId":"ID"}}"#, ErrorCode::BadFrame, true),
        (r#"{"type":"MESSAGE","payload":{"clientId":"IDx","content":"x"}}"#, ErrorCode::BadFrame, false),
        (r#"{"type":"MESSAGE","payload":{"clientId":null,"content":"x"}}"#, ErrorCode::BadFrame, false),
        (r#"{"type":"MESSAGE","payload":{"clientId":"ID","content":""}}"#, ErrorCode::InvalidContent, true),
        (r#"{"type":"MESSAGE","payload":{"clientId":"ID","content":"a\u0000b"}}"#, ErrorCode::InvalidContent, true),
        (r#"{"type":"MESSAGE","payload":{"clientId":"ID","content":"a\u001bb"}}"#, ErrorCode::InvalidContent, true),
    ] {
        client.send_text(&text.replace("ID", &id.to_string())).await;
        let error = client.error().await;
        assert_eq!((error.code, error.client_id), (code, names_it.then_some(id)), "{text}");
    }
    // Half a character is no text; whether the key next to it can be read is not promised.
    for surrogate in [r"\ud800", r"\udc00", r"\ud800x", r"\ud800\ud800"] {
        let text = format!(r#"{{"type":"MESSAGE","payload":{{"clientId":"{id}","content":"{surrogate}"}}}}"#);
        client.send_text(&text).await;
        client.error_of(ErrorCode::BadFrame).await;
    }
    assert_eq!(client.say("alive").await.seq, 1);
    assert_eq!(database.messages("post").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bytes_that_are_no_utf8_are_a_bad_frame() {
    let (_database, server) = Server::alone(&[]).await;
    let mut socket = RawSocket::open(&server, "/ws/room/post", "").await;
    for bytes in [&b"\xff"[..], b"{\"type\":\"PI\xc3\"}", b"\xed\xa0\x80", b"\xc0\xaf"] {
        assert!(socket.send(FIN | TEXT, bytes).await);
        let error: Value = serde_json::from_str(&socket.text().await).expect("JSON");
        assert_eq!((&error["type"], &error["payload"]["code"]), (&json!("ERROR"), &json!("BAD_FRAME")));
    }
    // A character may be cut in two between fragments.
    let frame = r#"{"type":"PING","payload":{"한":1}}"#.as_bytes();
    let cut = 28;
    assert!(std::str::from_utf8(&frame[..cut]).is_err());
    assert!(socket.send(TEXT, &frame[..cut]).await);
    assert!(socket.send(FIN | PING, b"between").await);
    assert!(socket.send(FIN | CONTINUATION, &frame[cut..]).await);
    loop {
        match socket.frame().await {
            Some((0xa, payload)) => assert_eq!(payload, b"between", "a pong with the ping's payload"),
            Some((TEXT, payload)) => break assert_eq!(payload, br#"{"type":"PONG","payload":{}}"#),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_bad_frames_close_with_4102() {
    let (_database, server) = Server::alone(&[]).await;
    let mut client = Client::author(&server, "post", "clumsy").await;
    for n in 1..=49 {
        client.send_text("no frame").await;
        assert_eq!(client.error().await.code, ErrorCode::BadFrame, "{n}");
    }
    client.say("still here").await;
    client.send_text("no frame").await;
    assert_eq!(client.closed().await, 4102);
    // Other sessions, of the same person too, are not meant.
    let (mut again, _) = client.back(&server).await;
    again.say("back").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixteen_kib_are_taken_and_one_byte_more_is_too_large() {
    let (_database, server) = Server::alone(&[]).await;
    let ping_of = |n: usize| {
        let empty = r#"{"type":"PING","payload":{"x":""}}"#.len();
        format!(r#"{{"type":"PING","payload":{{"x":"{}"}}}}"#, "x".repeat(n - empty))
    };
    let mut client = Client::author(&server, "post", "the author").await;
    client.send_text(&ping_of(FRAME_BYTES_MAX)).await;
    client.wait("PONG", |f| matches!(f, ServerFrame::Pong {}).then_some(())).await;
    client.send_text(&ping_of(FRAME_BYTES_MAX + 1)).await;
    client.error_of(ErrorCode::TooLarge).await;
    assert_eq!(client.closed().await, 1009);

    // Fragments are summed.
    for (last, is_taken) in [(4_096, true), (4_097, false)] {
        let frame = ping_of(3 * 4_096 + last);
        let mut socket = RawSocket::open(&server, "/ws/room/post", "").await;
        let (first, rest) = frame.as_bytes().split_at(4_096);
        assert!(socket.send(TEXT, first).await);
        for part in [&rest[..4_096], &rest[4_096..8_192]] {
            assert!(socket.send(CONTINUATION, part).await);
        }
        assert!(socket.send(FIN | CONTINUATION, &rest[8_192..]).await);
        if is_taken {
            let answer = socket.text().await;
            assert!(answer.contains("PONG"), "{answer}");
        } else {
            is_too_large(&mut socket).await;
        }
    }
}

async fn is_too_large(socket: &mut RawSocket) {
    let answer = socket.text().await;
    assert!(answer.contains("TOO_LARGE"), "{answer}");
    assert_eq!(socket.closed().await, 1009);
}

/// Sends these bytes again and again until the server cuts the connection, which it must do without growing.
async fn is_cut(socket: &mut RawSocket, server: &Server, before: usize, bytes: &[u8]) {
    let mut pace = tokio::time::interval(std::time::Duration::from_millis(1));
    let mut n_sent = 0;
    within("the server to cut who streams on", async {
        while socket.send_bytes(bytes).await {
            pace.tick().await;
            n_sent += bytes.len();
            assert!(server.resident() < before + GROWTH_BYTES_MAX, "after {n_sent} bytes");
        }
    })
    .await;
}

/// A server that has done once what is measured, so that only growth by size shows, and what it holds in memory.
async fn warm() -> (Database, Server, usize) {
    let (database, server) = Server::alone(&LIMITS_OFF).await;
    for _ in 0..20 {
        let mut client = Client::author(&server, "post", "the author").await;
        client.say("hello").await;
        client.send_text(&"x".repeat(FRAME_BYTES_MAX + 1)).await;
        client.closed().await;
    }
    server.settled().await;
    let before = server.resident();
    (database, server, before)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frame_that_declares_a_terabyte_is_refused_at_its_header() {
    let (_database, server, before) = warm().await;
    for first in [FIN | TEXT, FIN | BINARY, TEXT] {
        let mut socket = RawSocket::open(&server, "/ws/room/post", "").await;
        let mut header = vec![first, 0xff];
        header.extend_from_slice(&(1_u64 << 40).to_be_bytes());
        header.extend_from_slice(&[0; 4]);
        assert!(socket.send_bytes(&header).await);
        // Not a byte of it needs to come.
        is_too_large(&mut socket).await;
        // Whoever sends on all the same is dropped unread, and cut in the end.
        is_cut(&mut socket, &server, before, &[b'x'; 64 * 1024]).await;
    }
    soon("the sockets to be gone", async || server.json("/healthz").await["sessions"] == 0).await;
    let grown = server.resident().saturating_sub(before);
    assert!(grown < GROWTH_BYTES_MAX, "{grown} bytes");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn endless_fragments_are_too_large() {
    let (_database, server, before) = warm().await;
    for first in [TEXT, BINARY] {
        let mut socket = RawSocket::open(&server, "/ws/room/post", "").await;
        assert!(socket.send(first, &[b'x'; 1_000]).await);
        let fragment = [&[CONTINUATION, 0xfe, 0x03, 0xe8, 0, 0, 0, 0][..], &[b'x'; 1_000]].concat().repeat(64);
        is_cut(&mut socket, &server, before, &fragment).await;
    }
    // A reader of the answer is told.
    let mut socket = RawSocket::open(&server, "/ws/room/post", "").await;
    assert!(socket.send(TEXT, &[b'x'; 1_000]).await);
    for _ in 0..16 {
        assert!(socket.send(CONTINUATION, &[b'x'; 1_000]).await);
    }
    is_too_large(&mut socket).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fragments_of_nothing_cost_nothing() {
    let (_database, server, before) = warm().await;
    let mut socket = RawSocket::open(&server, "/ws/room/post", "").await;
    // Who has joined has time, however slow the machine.
    let join = json!({"type": "JOIN", "payload": {"anonymousId": uuid::Uuid::new_v4()}}).to_string();
    assert!(socket.send(FIN | TEXT, join.as_bytes()).await);
    assert!(socket.text().await.contains("WELCOME"));
    assert!(socket.send(TEXT, b"").await);
    let nothing = [CONTINUATION, 0x80, 0, 0, 0, 0].repeat(10_000);
    for _ in 0..50 {
        assert!(socket.send_bytes(&nothing).await);
    }
    assert!(socket.send(FIN | CONTINUATION, br#"{"type":"PING","payload":{}}"#).await);
    while !socket.text().await.contains("PONG") {}
    let grown = server.resident().saturating_sub(before);
    assert!(grown < GROWTH_BYTES_MAX, "{grown} bytes");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_websocket_ends_the_session_and_nothing_else() {
    let (_database, server) = Server::alone(&[]).await;
    let mut other = Client::author(&server, "post", "the author").await;
    let long_ping = [&[0x89, 0xfe, 0x01, 0x00, 0, 0, 0, 0][..], &[b'x'; 256]].concat();
    for bytes in [
        &[0x81, 0x02, b'h', b'i'][..], // not masked
        &[0x83, 0x80, 0, 0, 0, 0],     // an opcode that is none
        &[0x80, 0x80, 0, 0, 0, 0],     // a continuation of nothing
        &long_ping,                    // a ping of 256 bytes
        b"GET / HTTP/1.1\r\n\r\n",
        &[0xff; 64],
    ] {
        let mut socket = RawSocket::open(&server, "/ws/room/post", "").await;
        assert!(socket.send_bytes(bytes).await);
        let code = socket.closed().await;
        assert!([1002, 1006, 1009, 4102].contains(&code), "{code} after {bytes:?}");
    }
    other.say("alive").await;
    assert!(!server.log().contains("panicked"), "{}", server.log());
}
