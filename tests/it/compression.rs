//! Compression of single messages (permessage-deflate, RFC 7692): agreed on at the upgrade, and the same chat for who
//! has it and who has not.

use chat_wire::{RSV1, ServerFrame, WelcomePayload, inflate};
use flate2::{Compress, Compression, FlushCompress};
use serde_json::json;
use uuid::Uuid;

use crate::support::{
    Client, LIMITS_OFF, RawSocket, Server, Who, message,
    raw::{BINARY, CLOSE, CONTINUATION, FIN, PING, TEXT},
};

const OFFER: &str = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n";
const AGREED: &str = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
/// More than any frame of these tests has.
const LONG: usize = 1 << 20;

/// A socket that speaks compressed, and how many bytes of text came how.
struct Deflating {
    socket: RawSocket,
    n_plain: usize,
    n_compressed: usize,
    n_inflated: usize,
}

impl Deflating {
    async fn open(server: &Server, room: &str) -> Self {
        let socket = RawSocket::open(server, &format!("/ws/room/{room}"), OFFER).await;
        assert_eq!(socket.headers.get("sec-websocket-extensions").map(String::as_str), Some(AGREED));
        Self { socket, n_plain: 0, n_compressed: 0, n_inflated: 0 }
    }

    async fn join(server: &Server, room: &str, who: &Who) -> (Self, WelcomePayload<'static>) {
        let mut client = Self::open(server, room).await;
        client.send(&who.join(None).to_string()).await;
        loop {
            if let ServerFrame::Welcome(welcome) = client.frame().await {
                return (client, *welcome);
            }
        }
    }

    async fn send(&mut self, text: &str) {
        assert!(self.socket.send(FIN | RSV1 | TEXT, &compressed(text.as_bytes())).await, "a socket that takes it");
    }

    /// The next frame of the protocol.
    async fn frame(&mut self) -> ServerFrame<'static> {
        loop {
            let text = match self.socket.frame_with_bit().await.expect("a frame") {
                (TEXT, true, payload) => {
                    let text = inflate(&payload, LONG).expect("what was compressed");
                    assert!(text.len() > 512, "{} bytes are not worth it", text.len());
                    self.n_compressed += payload.len();
                    self.n_inflated += text.len();
                    text.to_vec()
                }
                (TEXT, false, payload) => {
                    self.n_plain += payload.len();
                    payload
                }
                (PING, false, _) => continue,
                other => panic!("{other:?} instead of a text frame"),
            };
            let text = String::from_utf8(text).expect("UTF-8");
            return serde_json::from_str(&text).expect("a frame of the protocol");
        }
    }

    /// Reads on until this many messages have come, and gives their texts.
    async fn texts(&mut self, n: usize) -> Vec<String> {
        let mut texts = Vec::new();
        while texts.len() < n {
            let mut frames = vec![self.frame().await];
            while let Some(frame) = frames.pop() {
                match frame {
                    ServerFrame::Message(message) => texts.push(message.content.into_owned()),
                    ServerFrame::Batch { frames: inner } => frames.extend(inner.into_iter().rev()),
                    _ => {}
                }
            }
        }
        texts
    }
}

/// A text as a client sends it that compresses each by itself.
fn compressed(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() + 100);
    let mut compressor = Compress::new(Compression::best(), false);
    compressor.compress_vec(text, &mut out, FlushCompress::Sync).expect("compresses");
    assert_eq!(out.split_off(out.len() - 4), [0x00, 0x00, 0xff, 0xff]);
    out
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_offer_is_accepted_or_declined_and_never_refused() {
    let (_database, server) = Server::alone(&LIMITS_OFF).await;
    let with_bits = format!("{AGREED}; server_max_window_bits=15");
    let extensions = |values: &[&str]| {
        values.iter().map(|value| format!("Sec-WebSocket-Extensions: {value}\r\n")).collect::<String>()
    };
    for (offers, agreed) in [
        (&["permessage-deflate"][..], Some(AGREED)),
        (&["x-other", "permessage-deflate; client_max_window_bits=9"], Some(AGREED)),
        (&["permessage-deflate; server_max_window_bits=9, permessage-deflate"], Some(AGREED)),
        (&["permessage-deflate; server_max_window_bits=15"], Some(&*with_bits)),
        (&["permessage-deflate; server_max_window_bits=9"], None),
        (&["permessage-deflate; what=ever"], None),
        (&["permessage-deflate; client_max_window_bits; client_max_window_bits"], None),
        (&["permessage-deflate; server_no_context_takeover=\"yes\""], None),
        (&["x-webkit-deflate-frame"], None),
        (&[";;,=\"", ""], None),
        (&[], None),
    ] {
        let mut socket = RawSocket::open(&server, "/ws/room/post", &extensions(offers)).await;
        let answer = socket.headers.get("sec-websocket-extensions").map(String::as_str);
        assert_eq!(answer, agreed, "{offers:?}");
        // Whatever was agreed on, text may come as it is.
        socket.send_text(r#"{"type":"PING","payload":{}}"#).await;
        assert_eq!(socket.text().await, r#"{"type":"PONG","payload":{}}"#, "{offers:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_see_the_same_whether_they_compress_or_not() {
    let (_database, server) = Server::alone(&LIMITS_OFF).await;
    let mut author = Client::author(&server, "post", "the author").await;
    let texts: Vec<String> =
        (0..60).map(|n| format!("{n}번째 글입니다. {}", "오늘도 좋은 하루 되세요! ".repeat(n % 4))).collect();
    let said = |text: &str| text.trim().to_owned();
    for text in &texts[..50] {
        author.say(text).await;
    }
    let (mut reader, welcome) = Deflating::join(&server, "post", &Who::reader()).await;
    let (mut plain, plain_welcome) = Client::join(&server, "post", Who::reader()).await;
    let contents = |welcome: &WelcomePayload<'_>| -> Vec<String> {
        welcome.messages.iter().map(|message| message.content.clone().into_owned()).collect()
    };
    assert_eq!(contents(&welcome), texts[..50].iter().map(|text| said(text)).collect::<Vec<_>>());
    assert_eq!(welcome.messages, plain_welcome.messages);
    assert!(reader.n_compressed * 2 < reader.n_inflated, "{} of {}", reader.n_compressed, reader.n_inflated);
    // The next one gets the very same page.
    let (another, again) = Deflating::join(&server, "post", &Who::reader()).await;
    assert_eq!(again.messages, welcome.messages);
    assert!(another.n_compressed.abs_diff(reader.n_compressed) < 100, "all but its own part is shared");

    for text in &texts[50..] {
        author.say(text).await;
    }
    author.say(&"길다 ".repeat(400)).await;
    let live: Vec<String> = texts[50..].iter().map(|text| said(text)).chain([said(&"길다 ".repeat(400))]).collect();
    let before = reader.n_compressed;
    assert_eq!(reader.texts(live.len()).await, live);
    assert!(reader.n_compressed > before && reader.n_plain > 0, "long ones come compressed, short ones do not");
    plain.reach(61).await;
    assert_eq!(plain.history.contents()[50..], live);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_may_send_compressed_whole_and_in_fragments() {
    let (database, server) = Server::alone(&LIMITS_OFF).await;
    let (mut client, _) = Deflating::join(&server, "post", &Who::named("who compresses")).await;
    let long = "아주 긴 글 ".repeat(200);
    client.send(&message(Uuid::new_v4(), &long).to_string()).await;
    assert_eq!(client.texts(1).await, [long.trim()]);
    let payload = compressed(message(Uuid::new_v4(), "in three parts").to_string().as_bytes());
    let (first, rest) = payload.split_at(20);
    let (second, third) = rest.split_at(20);
    client.socket.send(RSV1 | TEXT, first).await;
    client.socket.send(FIN | PING, b"in between").await;
    client.socket.send(CONTINUATION, second).await;
    client.socket.send(FIN | CONTINUATION, third).await;
    loop {
        // The pong.
        if let (0xa, false, payload) = client.socket.frame_with_bit().await.expect("a frame") {
            assert_eq!(payload, b"in between");
            break;
        }
    }
    assert_eq!(client.texts(1).await, ["in three parts"]);
    // Binary frames are refused, compressed or not, and the session lives on.
    client.socket.send(FIN | RSV1 | BINARY, b"whatever").await;
    loop {
        if let ServerFrame::Error(error) = client.frame().await {
            assert_eq!(error.code, chat_wire::ErrorCode::BadFrame);
            break;
        }
    }
    client.send(&json!({"type": "PING", "payload": {}}).to_string()).await;
    while client.frame().await != (ServerFrame::Pong {}) {}
    assert_eq!(database.messages("post").await.len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_inflates_to_more_than_a_frame_closes_with_1009() {
    let (_database, server) = Server::alone(&LIMITS_OFF).await;
    // 16 MiB in less than 16 KiB.
    let bomb = compressed(&vec![b' '; 16 << 20]);
    let bomb = bomb.get(..16 * 1024).unwrap_or(&bomb).to_vec();
    let barely = compressed(&[b' '; 16 * 1024 + 1]);
    for payload in [&bomb, &barely] {
        let mut client = Deflating::open(&server, "post").await;
        client.socket.send(FIN | RSV1 | TEXT, payload).await;
        assert_eq!(client.socket.closed().await, 1009, "{} bytes", payload.len());
        let mut client = Deflating::open(&server, "post").await;
        let (first, rest) = payload.split_at(10);
        client.socket.send(RSV1 | TEXT, first).await;
        client.socket.send(FIN | CONTINUATION, rest).await;
        assert_eq!(client.socket.closed().await, 1009, "{} bytes in fragments", payload.len());
    }
    // As long as a frame may be: no JSON, but no bomb either.
    let mut client = Deflating::open(&server, "post").await;
    client.socket.send(FIN | RSV1 | TEXT, &compressed(&[b' '; 16 * 1024])).await;
    assert!(matches!(client.frame().await, ServerFrame::Error(error) if error.code == chat_wire::ErrorCode::BadFrame));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_bit_where_it_may_not_be_closes_with_1002() {
    let (_database, server) = Server::alone(&LIMITS_OFF).await;
    let text = compressed(br#"{"type":"PING","payload":{}}"#);
    let wrong: [&[(u8, &[u8])]; 7] = [
        &[(FIN | RSV1 | PING, b"p")],
        &[(FIN | RSV1 | CLOSE, b"")],
        &[(FIN | RSV1 | CONTINUATION, &text)],
        &[(RSV1 | TEXT, &text), (FIN | RSV1 | CONTINUATION, b"")],
        &[(TEXT, b"{"), (FIN | RSV1 | CONTINUATION, b"}")],
        &[(FIN | RSV1 | 0x20 | TEXT, &text)],
        // No block that there is.
        &[(FIN | RSV1 | TEXT, &[0x07, 0x07])],
    ];
    for frames in wrong {
        let mut client = Deflating::open(&server, "post").await;
        for (first, payload) in frames {
            client.socket.send(*first, payload).await;
        }
        assert_eq!(client.socket.closed().await, 1002, "{frames:02x?}");
    }
    // Nor may it be anywhere where nobody agreed on it.
    let mut socket = RawSocket::open(&server, "/ws/room/post", "").await;
    socket.send(FIN | RSV1 | TEXT, &text).await;
    assert_eq!(socket.closed().await, 1002);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_can_be_switched_off() {
    let (_database, server) = Server::alone(&[("CHAT_COMPRESSION", "off")]).await;
    let mut socket = RawSocket::open(&server, "/ws/room/post", OFFER).await;
    assert_eq!(socket.headers.get("sec-websocket-extensions"), None);
    socket.send_text(&Who::reader().join(None).to_string()).await;
    assert!(socket.text().await.starts_with(r#"{"type":"WELCOME""#));
    socket.send(FIN | RSV1 | TEXT, &compressed(b"{}")).await;
    assert_eq!(socket.closed().await, 1002);
}
