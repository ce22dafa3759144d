//! A client of gRPC over a connection of its own, and what it hears in the words of the socket.

use std::{
    net::SocketAddr,
    task::{Context, Poll},
};

use chat_grpc::{
    messages::{self, Change, change::What},
    prost::Message,
    prost_types::Timestamp,
};
use chat_wire::ServerFrame;
use hyper::{
    Request, Response,
    body::Incoming,
    client::conn::http2::{self, SendRequest},
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::{Map, Value, json};
use tokio::net::TcpSocket;
use tonic::{
    Status, Streaming,
    body::Body,
    client::Grpc,
    codegen::{Service, http::uri::PathAndQuery},
    metadata::MetadataValue,
};
use tonic_prost::ProstCodec;

use super::{Who, within};

/// So much is read ahead of who is not going to read.
const NARROW_BYTES: u32 = 64 * 1024;

/// A connection, as tonic wants one.
#[derive(Clone)]
pub struct Link(SendRequest<Body>);

impl Service<Request<Body>> for Link {
    type Response = Response<Incoming>;
    type Error = hyper::Error;
    type Future = std::pin::Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        Box::pin(self.0.send_request(request))
    }
}

/// Somebody who calls.
#[derive(Clone)]
pub struct Caller {
    grpc: Grpc<Link>,
    /// With each call.
    pub metadata: Vec<(&'static str, String)>,
}

impl Caller {
    /// A connection to this address; with a small window where nobody is going to read.
    pub async fn connect(address: SocketAddr, metadata: Vec<(&'static str, String)>, is_narrow: bool) -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        if is_narrow {
            socket.set_recv_buffer_size(4 * 1024).expect("a setting");
        }
        let stream = within("a connection", socket.connect(address)).await.expect("a connection");
        let mut builder = http2::Builder::new(TokioExecutor::new());
        if is_narrow {
            builder.initial_stream_window_size(NARROW_BYTES).initial_connection_window_size(NARROW_BYTES);
        }
        let (link, connection) = within("a handshake", builder.handshake(TokioIo::new(stream))).await.expect("HTTP/2");
        tokio::spawn(connection);
        let origin = format!("http://{address}").parse().expect("an origin");
        Self { grpc: Grpc::with_origin(Link(link), origin), metadata }
    }

    /// The same person as by another door.
    pub async fn of(address: SocketAddr, who: &Who, is_narrow: bool) -> Self {
        let metadata = match &who.token {
            Some(token) => ("authorization", format!("Bearer {token}")),
            None => ("x-anonymous-id", who.anonymous_id.to_string()),
        };
        Self::connect(address, vec![metadata], is_narrow).await
    }

    fn request<M>(&self, message: M) -> tonic::Request<M> {
        let mut request = tonic::Request::new(message);
        for (name, value) in &self.metadata {
            request.metadata_mut().insert(*name, MetadataValue::try_from(value).expect("a value"));
        }
        request
    }

    /// A call that has one answer.
    pub async fn call<M, R>(&self, method: &str, message: M) -> Result<R, Status>
    where
        M: Message + 'static,
        R: Message + Default + 'static,
    {
        let path = PathAndQuery::try_from(path(method)).expect("a path");
        let mut grpc = self.grpc.clone();
        grpc.ready().await.expect("a connection");
        let answer = grpc.unary(self.request(message), path, ProstCodec::<M, R>::default());
        within(method, answer).await.map(tonic::Response::into_inner)
    }

    /// A call that goes on.
    pub async fn stream<M, R>(&self, method: &str, message: M) -> Result<Streaming<R>, Status>
    where
        M: Message + 'static,
        R: Message + Default + 'static,
    {
        let path = PathAndQuery::try_from(path(method)).expect("a path");
        let mut grpc = self.grpc.clone();
        grpc.ready().await.expect("a connection");
        let answer = grpc.server_streaming(self.request(message), path, ProstCodec::<M, R>::default());
        within(method, answer).await.map(tonic::Response::into_inner)
    }
}

/// A method of ours by its name, another one by its path.
fn path(method: &str) -> String {
    if method.starts_with('/') { method.to_owned() } else { format!("/realtime_chat.v1.Chat/{method}") }
}

/// Only what is there, as the socket leaves out what is not.
fn object<const N: usize>(fields: [(&str, Option<Value>); N]) -> Value {
    let there = fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    Value::Object(there.collect::<Map<_, _>>())
}

fn time(at: &Option<Timestamp>) -> Option<Value> {
    let at = at.as_ref()?;
    let at = chrono::DateTime::from_timestamp(at.seconds, at.nanos.try_into().expect("a part of a second"))?;
    Some(json!(at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true)))
}

fn some(text: &str) -> Option<Value> {
    (!text.is_empty()).then(|| json!(text))
}

fn author(author: &messages::Author) -> Value {
    object([
        ("id", Some(json!(author.id))),
        ("nickname", Some(json!(author.nickname))),
        ("avatar", Some(json!(author.avatar))),
        ("badge", some(&author.badge)),
    ])
}

fn authors(all: &[messages::Author]) -> Option<Value> {
    Some(all.iter().map(author).collect())
}

fn reactions(all: &[messages::Reaction]) -> Value {
    all.iter().map(|r| json!({"emoji": r.emoji, "count": r.count, "authors": r.authors})).collect()
}

/// A message as the socket says it.
pub fn message(m: &messages::Message) -> Value {
    let mentions: Value =
        m.mentions.iter().map(|m| json!({"authorId": m.author_id, "from": m.from, "to": m.to})).collect();
    object([
        ("id", Some(json!(m.id))),
        ("seq", Some(json!(m.seq))),
        ("rev", Some(json!(m.rev))),
        ("clientId", Some(json!(m.client_id))),
        ("author", Some(author(m.author.as_ref().expect("an author")))),
        ("content", Some(json!(m.content))),
        ("createdAt", time(&m.created_at)),
        ("version", (m.version > 1).then(|| json!(m.version))),
        ("editedAt", time(&m.edited_at)),
        ("deletedAt", time(&m.deleted_at)),
        ("deletedBy", some(&m.deleted_by)),
        ("pinnedAt", time(&m.pinned_at)),
        ("replyTo", m.reply_to.as_ref().map(|to| json!({"id": to.id, "seq": to.seq}))),
        ("mentions", (!m.mentions.is_empty()).then_some(mentions)),
        ("reactions", (!m.reactions.is_empty()).then(|| reactions(&m.reactions))),
    ])
}

fn presence(p: &messages::Presence) -> Value {
    object([
        ("count", Some(json!(p.count))),
        ("approximate", p.approximate.then_some(json!(true))),
        ("members", p.listed.then(|| authors(&p.members)).flatten()),
        ("joined", p.listed.then(|| authors(&p.joined)).flatten()),
        ("left", p.listed.then(|| authors(&p.left)).flatten()),
    ])
}

fn welcome(change: &Change, w: &messages::Welcome) -> Value {
    let state = w.room_state.as_ref().expect("what the room is");
    let settings: Value = serde_json::from_str(&state.settings_json).expect("JSON");
    let room = object([
        ("id", Some(json!(w.room_id))),
        ("epoch", Some(json!(change.epoch))),
        ("rev", Some(json!(change.rev))),
        ("title", some(&state.title)),
        ("settings", Some(settings)),
        ("settingsRev", Some(json!(state.settings_rev))),
        ("firstSeq", (state.first_seq > 0).then(|| json!(state.first_seq))),
    ]);
    let mut own = w.self_.as_ref().map(author);
    if let (Some(own), false) = (&mut own, w.also.is_empty()) {
        own["also"] = json!(w.also);
    }
    object([
        ("sessionId", Some(json!(w.session_id))),
        ("self", Some(own.unwrap_or(Value::Null))),
        ("room", Some(room)),
        ("head", (w.head > 0).then(|| json!(w.head))),
        ("resumed", Some(json!(w.resumed))),
        ("hasMore", Some(json!(w.has_more))),
        ("presence", w.presence.as_ref().map(presence)),
        ("pinned", Some(w.pinned.iter().map(message).collect())),
        // It is no part of the protocol: docs/LIMITS.md has them.
        ("limits", Some(serde_json::to_value(chat_wire::Limits::with_edit_window(None)).expect("JSON"))),
        ("heartbeatSeconds", Some(json!(w.heartbeat_seconds))),
        ("rights", (w.rights > 0).then(|| json!(w.rights))),
        ("messages", Some(w.messages.iter().map(message).collect())),
    ])
}

/// What a Change says, in the words of the socket.
pub fn frame(change: &Change) -> ServerFrame<'static> {
    let (kind, payload) = match change.what.as_ref().expect("something") {
        What::Welcome(w) => ("WELCOME", welcome(change, w)),
        What::Message(m) => {
            assert_eq!(m.rev, change.rev);
            ("MESSAGE", message(m))
        }
        What::Reactions(r) => {
            let reactions = reactions(&r.reactions);
            ("REACTION", json!({"id": r.id, "seq": r.seq, "rev": change.rev, "reactions": reactions}))
        }
        What::Presence(p) => ("PRESENCE", presence(p)),
        What::Typing(t) => ("TYPING", json!({"authors": authors(&t.authors), "more": t.more})),
        What::RoomState(state) => {
            let settings: Value = serde_json::from_str(&state.settings_json).expect("JSON");
            let room = object([
                ("title", some(&state.title)),
                ("settings", Some(settings)),
                ("settingsRev", Some(json!(state.settings_rev))),
                ("firstSeq", (state.first_seq > 0).then(|| json!(state.first_seq))),
            ]);
            // It moves no cursor, and the counter beside it is left out.
            ("ROOM", json!({"rev": 0, "room": room}))
        }
        What::Profile(own) => ("PROFILE", json!({"self": author(own)})),
        What::Deed(deed) => {
            let target = object([("authorId", some(&deed.author_id)), ("id", some(&deed.message_id))]);
            let by = author(deed.by.as_ref().expect("somebody"));
            let (id, action) = (&deed.audit_id, &deed.action);
            ("MOD", json!({"auditId": id, "action": action, "at": time(&deed.at), "by": by, "target": target}))
        }
        What::Queue(queue) => ("QUEUE", json!({"reported": queue.reported, "held": queue.held})),
        What::Heartbeat(heartbeat) => ("HEARTBEAT", json!({"rev": heartbeat.room_rev})),
        What::Reconnect(reconnect) => ("RECONNECT", json!({"afterMs": reconnect.after_ms})),
        What::Error(error) => ("ERROR", json!({"code": error.code, "message": error.message})),
        What::Proof(proof) => ("AUTH", json!({"expiresInMs": proof.expires_in_ms})),
    };
    let json = json!({"type": kind, "payload": payload});
    serde_json::from_value(json.clone()).unwrap_or_else(|e| panic!("{e}: {json}"))
}
