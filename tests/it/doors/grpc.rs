//! gRPC: what is its own.

use std::{process::Stdio, time::Duration};

use chat_grpc::messages::{
    Change, GetRoomRequest, ListMessagesRequest, ListMessagesResponse, ListRoomsRequest, ListRoomsResponse,
    PostMessageRequest, PostMessageResponse, Room, SubscribeRequest, Subscription, change::What,
    list_messages_request::Place, post_message_response::Became,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tonic::{Code, Status, Streaming};
use tonic_types::StatusExt;
use uuid::Uuid;

use super::bot::{Bot, is_answered};
use crate::support::{Client, Database, Folder, LIMITS_OFF, Server, grpc::Caller, soon, within};

on_both!(
    one_stream_reads_several_rooms_and_comes_back_to_each,
    rooms_and_messages_are_listed,
    a_server_that_stops_says_so_at_the_end_of_a_stream,
);

const LISTEN: (&str, &str) = ("CHAT_GRPC_LISTEN", "127.0.0.1:0");
const OPEN: [(&str, &str); 2] = [LIMITS_OFF[0], LISTEN];

async fn somebody(server: &Server) -> Caller {
    let identity = ("x-anonymous-id", Uuid::new_v4().to_string());
    Caller::connect(server.grpc().await, vec![identity], false).await
}

fn posted(room: &str, content: &str) -> PostMessageRequest {
    PostMessageRequest {
        room: room.to_owned(),
        client_id: Uuid::new_v4().to_string(),
        content: content.to_owned(),
        nickname: "somebody".to_owned(),
        ..PostMessageRequest::default()
    }
}

fn rooms(all: &[(&str, &str, i64)]) -> SubscribeRequest {
    let room = |(room, epoch, rev): &(&str, &str, i64)| {
        let (room, epoch) = ((*room).to_owned(), (*epoch).to_owned());
        Subscription { room, epoch, rev: *rev }
    };
    SubscribeRequest { rooms: all.iter().map(room).collect(), ..SubscribeRequest::default() }
}

/// The next Change of one of these kinds.
async fn next<T>(stream: &mut Streaming<Change>, what: &str, pick: impl Fn(&Change) -> Option<T>) -> T {
    loop {
        let change = within(what, stream.message()).await.unwrap_or_else(|status| panic!("{what}: {status}"));
        if let Some(found) = pick(&change.unwrap_or_else(|| panic!("the end instead of {what}"))) {
            return found;
        }
    }
}

fn reason(status: &Status) -> String {
    status.get_error_details().error_info().map(|info| info.reason.clone()).unwrap_or_default()
}

async fn one_stream_reads_several_rooms_and_comes_back_to_each(database: &Database) {
    let server = Server::with(database, &OPEN).await;
    let mut one = Client::author(&server, "post", "one").await;
    let mut other = Client::author(&server, "글 2", "other").await;
    one.say("before").await;
    let caller = somebody(&server).await;
    let mut stream = caller.stream("Subscribe", rooms(&[("post", "", 0), ("글 2", "", 0)])).await.expect("a stream");
    let mut known = std::collections::HashMap::new();
    while known.len() < 2 {
        let (room, at) = next(&mut stream, "a Welcome", |change| match &change.what {
            Some(What::Welcome(_)) => Some((change.room.clone(), (change.epoch.clone(), change.rev))),
            _ => None,
        })
        .await;
        known.insert(room, at);
    }
    assert_eq!((known["post"].1, known["글 2"].1), (1, 0));
    let message = |change: &Change| match &change.what {
        Some(What::Message(message)) => Some((change.room.clone(), message.content.clone(), change.rev)),
        _ => None,
    };
    one.say("live: one").await;
    assert_eq!(next(&mut stream, "a message", message).await, ("post".to_owned(), "live: one".to_owned(), 2));
    other.say("live: other").await;
    assert_eq!(next(&mut stream, "a message", message).await, ("글 2".to_owned(), "live: other".to_owned(), 1));
    drop(stream);
    soon("the reader to be gone", async || server.json("/api/v1/rooms/post").await["presence"]["count"] == 1).await;
    one.say("missed").await;
    let again = rooms(&[("post", &known["post"].0, 2), ("글 2", &known["글 2"].0, 1)]);
    let mut stream = caller.stream("Subscribe", again).await.expect("a stream");
    for _ in 0..2 {
        let (room, resumed, missed) = next(&mut stream, "a Welcome", |change| match &change.what {
            Some(What::Welcome(welcome)) => {
                let missed: Vec<String> = welcome.messages.iter().map(|m| m.content.clone()).collect();
                Some((change.room.clone(), welcome.resumed, missed))
            }
            _ => None,
        })
        .await;
        let expected: &[&str] = if room == "post" { &["missed"] } else { &[] };
        assert_eq!((resumed, missed.iter().map(String::as_str).collect::<Vec<_>>()), (true, expected.to_vec()));
    }
    let many: Vec<String> = (0..21).map(|n| format!("room {n}")).collect();
    let many: Vec<(&str, &str, i64)> = many.iter().map(|room| (room.as_str(), "", 0)).collect();
    for (asked, expected) in [
        (rooms(&[]), "BAD_REQUEST"),
        (rooms(&many), "BAD_REQUEST"),
        (rooms(&[("post", "", 0), ("post", "", 0)]), "BAD_REQUEST"),
        (rooms(&[("a/b", "", 0)]), "INVALID_ROOM"),
    ] {
        let refused = caller.stream::<_, Change>("Subscribe", asked).await.expect_err("a refusal");
        assert_eq!((refused.code(), &*reason(&refused)), (Code::InvalidArgument, expected));
    }
}

async fn rooms_and_messages_are_listed(database: &Database) {
    let server = Server::with(database, &[OPEN[0], OPEN[1], ("CHAT_ROOM_LIST", "public")]).await;
    let mut author = Client::author(&server, "post", "author").await;
    for n in 1..=5 {
        author.say(&format!("number {n}")).await;
    }
    let caller = somebody(&server).await;
    let listed = async |place, limit| {
        let asked = ListMessagesRequest { room: "post".to_owned(), place, limit };
        let answer: ListMessagesResponse = caller.call("ListMessages", asked).await?;
        let seqs: Vec<i64> = answer.messages.iter().map(|message| message.seq).collect();
        assert_eq!((answer.rev, answer.epoch.is_empty()), (5, false));
        Ok::<_, Status>((seqs, answer.has_more, answer.has_newer))
    };
    assert_eq!(listed(None, 0).await.expect("a page"), (vec![1, 2, 3, 4, 5], false, false));
    assert_eq!(listed(None, 2).await.expect("a page"), (vec![4, 5], true, false));
    assert_eq!(listed(Some(Place::Before(4)), 2).await.expect("a page"), (vec![2, 3], true, false));
    assert_eq!(listed(Some(Place::After(3)), 2).await.expect("a page").0, [4, 5]);
    for (place, limit) in [(None, -1), (None, 101), (Some(Place::Before(-1)), 0)] {
        let refused = listed(place, limit).await.expect_err("a refusal");
        assert_eq!((refused.code(), &*reason(&refused)), (Code::InvalidArgument, "BAD_REQUEST"));
    }
    let room: Room = caller.call("GetRoom", GetRoomRequest { room: "post".to_owned() }).await.expect("a room");
    let presence = room.presence.expect("who is here");
    assert_eq!((room.rev, room.message_count, presence.count, presence.listed), (5, 5, 1, true));
    assert_eq!(presence.members[0].nickname, "author");
    let unused: Room = caller.call("GetRoom", GetRoomRequest { room: "unused".to_owned() }).await.expect("a room");
    assert_eq!((unused.rev, unused.last_message_at), (0, None));
    let all: ListRoomsResponse = caller.call("ListRooms", ListRoomsRequest::default()).await.expect("rooms");
    assert_eq!(all.rooms.iter().map(|room| (&*room.id, room.message_count)).collect::<Vec<_>>(), [("post", 5)]);
}

async fn a_server_that_stops_says_so_at_the_end_of_a_stream(database: &Database) {
    let mut server = Server::with(database, &[OPEN[0], OPEN[1], ("CHAT_DRAIN_GRACE_SECS", "0")]).await;
    let caller = somebody(&server).await;
    let mut stream: Streaming<Change> = caller.stream("Subscribe", rooms(&[("post", "", 0)])).await.expect("a stream");
    next(&mut stream, "a Welcome", |change| matches!(change.what, Some(What::Welcome(_))).then_some(())).await;
    let reading = async {
        next(&mut stream, "Reconnect", |change| matches!(change.what, Some(What::Reconnect(_))).then_some(())).await;
        within("the end", stream.message()).await
    };
    let (end, ()) = tokio::join!(reading, server.stop("TERM"));
    let status = end.expect_err("a reason");
    assert_eq!((status.code(), &*reason(&status)), (Code::Unavailable, "RESTART"));
    let ended = server.end().await;
    assert!(ended.success(), "{ended}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_call_is_refused_in_the_words_of_grpc() {
    let (database, server) = Server::alone(&OPEN).await;
    let caller = somebody(&server).await;
    let unknown =
        async |method| caller.call::<_, Room>(method, GetRoomRequest::default()).await.expect_err("a refusal");
    for method in ["Nothing", "/realtime_chat.v1.Chat", "/realtime_chat.v2.Chat/GetRoom", "/x"] {
        assert_eq!(unknown(method).await.code(), Code::Unimplemented, "{method}");
    }
    // Bytes that are none of this message, and far too many of them.
    let broken: Status = caller.call::<_, Room>("GetRoom", Wrong { number: 7 }).await.expect_err("a refusal");
    assert_eq!((broken.code(), &*reason(&broken)), (Code::InvalidArgument, "BAD_REQUEST"));
    let huge: Status = caller
        .call::<_, PostMessageResponse>("PostMessage", posted("post", &"x".repeat(10_000_000)))
        .await
        .expect_err("a refusal");
    assert_eq!((huge.code(), &*reason(&huge)), (Code::ResourceExhausted, "TOO_LARGE"));
    for (name, value, code) in [
        ("authorization", "Basic eDp5".to_owned(), Code::Unauthenticated),
        ("authorization", "Bearer nobody".to_owned(), Code::Unauthenticated),
        ("x-anonymous-id", "me".to_owned(), Code::InvalidArgument),
        ("grpc-timeout", "soon".to_owned(), Code::InvalidArgument),
        ("grpc-timeout", "1n".to_owned(), Code::DeadlineExceeded),
    ] {
        let other = Caller::connect(server.grpc().await, vec![(name, value.clone())], false).await;
        let refused = other.call::<_, PostMessageResponse>("PostMessage", posted("post", "x")).await;
        assert_eq!(refused.expect_err("a refusal").code(), code, "{name}: {value}");
    }
    let metadata = vec![("x-long", "x".repeat(100_000))];
    let long = Caller::connect(server.grpc().await, metadata, false).await;
    assert!(long.call::<_, Room>("GetRoom", GetRoomRequest::default()).await.is_err());
    // No caller at all.
    let mut stream = tokio::net::TcpStream::connect(server.grpc().await).await.expect("a connection");
    stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.expect("a request");
    let mut rest = Vec::new();
    let _ = within("the end", stream.read_to_end(&mut rest)).await;
    assert!(!rest.starts_with(b"HTTP/1.1 200"), "{rest:?}");
    // And whoever calls as it should be is answered.
    let said: PostMessageResponse = caller.call("PostMessage", posted("post", "hello")).await.expect("it is stored");
    assert!(matches!(said.became, Some(Became::Stored(_))));
    assert_eq!(database.counters("post").await.0, 1, "none of the rest was stored");
}

/// A message whose first field is no text.
#[derive(Clone, PartialEq, chat_grpc::prost::Message)]
#[prost(prost_path = "chat_grpc::prost")]
struct Wrong {
    #[prost(int64, tag = "1")]
    number: i64,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_that_is_too_slow_is_told_so() {
    let (_database, server) = Server::alone(&[OPEN[0], OPEN[1], ("CHAT_OUTBOX_KIB", "128")]).await;
    let identity = ("x-anonymous-id", Uuid::new_v4().to_string());
    let caller = Caller::connect(server.grpc().await, vec![identity], true).await;
    let mut stream: Streaming<Change> = caller.stream("Subscribe", rooms(&[("post", "", 0)])).await.expect("a stream");
    let mut writer = Client::author(&server, "post", "writer").await;
    let text = "x".repeat(1_500);
    soon("the reader to be cut", async || {
        writer.say(&text).await;
        server.metric("chat_outbox_evictions_total").await > 0.0
    })
    .await;
    let status = loop {
        match within("the end", stream.message()).await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("it ended as if all were said"),
            Err(status) => break status,
        }
    };
    assert_eq!((status.code(), &*reason(&status)), (Code::ResourceExhausted, "TOO_SLOW"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_set_up_in_part_ends_the_start() {
    let folder = Folder::new("grpc");
    let missing = folder.0.join("cert.pem").display().to_string();
    for (settings, why) in [
        (
            vec![LISTEN, ("CHAT_GRPC_TLS_CERT", missing.as_str())],
            "CHAT_GRPC_TLS_CERT and CHAT_GRPC_TLS_KEY go together",
        ),
        (
            vec![LISTEN, ("CHAT_GRPC_TLS_CERT", missing.as_str()), ("CHAT_GRPC_TLS_KEY", missing.as_str())],
            "cert.pem cannot be read",
        ),
    ] {
        let ended = Server::run(&["--listen", "127.0.0.1:0"], &settings).await;
        assert!(!ended.status.success() && ended.stderr.contains(why), "{}", ended.stderr);
    }
}

/// Python, with what scripts/lib/install.sh installs.
fn python() -> std::process::Command {
    let root = env!("CARGO_MANIFEST_DIR");
    let target = std::env::var("CARGO_TARGET_DIR").unwrap_or_else(|_| format!("{root}/target"));
    let mut command = std::process::Command::new(format!("{target}/grpc-client/bin/python"));
    for proxy in ["http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"] {
        command.env_remove(proxy);
    }
    command.stdin(Stdio::null());
    command
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_example_for_grpcio_answers() {
    let doc = include_str!("../../../docs/GRPC.md");
    let (_, rest) = doc.split_once("\n```python grpc\n").expect("an example");
    let (text, _) = rest.split_once("\n```\n").expect("its end");
    let folder = Folder::new("grpcio");
    let (proto, path) = (concat!(env!("CARGO_MANIFEST_DIR"), "/proto"), folder.0.join("bot.py"));
    let out = folder.0.display().to_string();
    let made = python()
        .args(["-m", "grpc_tools.protoc", "-I", proto, "--python_out", &out, "--grpc_python_out", &out])
        .arg("realtime_chat/v1/chat.proto")
        .status()
        .expect("what scripts/lib/install.sh installs");
    assert!(made.success());
    std::fs::write(&path, text).expect("a file");
    let (_database, server) = Server::alone(&OPEN).await;
    let mut command = python();
    command.arg(&path).env("PYTHONPATH", &folder.0).env("CHAT_GRPC", server.grpc().await.to_string());
    let _bot = Bot(command.env("BOT_ID", Uuid::new_v4().to_string()).spawn().expect("the bot"));
    is_answered(&server, "grpcio bot").await;
}

/// What grpcio asks of a server, with TLS by a certificate of its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn grpcio_asks_for_health_and_for_what_is_spoken_over_tls() {
    let folder = Folder::new("grpc_tls");
    let file = |name: &str| folder.0.join(name).display().to_string();
    let (certificate, key) = (file("cert.pem"), file("key.pem"));
    let made = std::process::Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"])
        .args(["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"])
        .args(["-keyout", &key, "-out", &certificate])
        .stderr(Stdio::null())
        .status()
        .expect("openssl");
    assert!(made.success());
    let tls = [OPEN[0], OPEN[1], ("CHAT_GRPC_TLS_CERT", &certificate), ("CHAT_GRPC_TLS_KEY", &key)];
    let (_database, server) = Server::alone(&tls).await;
    let address = server.grpc().await;
    let asked = python()
        .args([
            concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/doors/grpc_asked.py"),
            &address.to_string(),
            &certificate,
        ])
        .output();
    let asked = within("grpcio", async { asked }).await.expect("what scripts/lib/install.sh installs");
    let said = String::from_utf8_lossy(&asked.stdout);
    assert!(asked.status.success(), "{said}{}", String::from_utf8_lossy(&asked.stderr));
    // Who does not speak TLS is not let in.
    let plain = tokio::net::TcpStream::connect(address).await.expect("a connection");
    let mut builder = hyper::client::conn::http2::Builder::new(hyper_util::rt::TokioExecutor::new());
    builder.timer(hyper_util::rt::TokioTimer::new()).keep_alive_interval(Duration::from_secs(1));
    let opened = builder.handshake::<_, tonic::body::Body>(hyper_util::rt::TokioIo::new(plain)).await;
    if let Ok((_, connection)) = opened {
        assert!(within("the end", connection).await.is_err());
    }
}
