//! The doors that the table runs through. A door is one more row.

use chat_wire::{AckPayload, ErrorPayload, ResumePoint, ServerFrame};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{
    Client, Event, EventStream, History, Said, Server, SocketIo, Stomp, StompFrame, Watch, Who, in_path, within,
};

/// Somebody in a room, by some door.
pub trait Door: Sized {
    /// Comes into a room; with a small window where they are not going to read.
    async fn enter(server: &Server, room: &str, who: Who, resume: Option<ResumePoint>, is_narrow: bool) -> Self;

    /// What comes next; the frames of a BATCH one by one.
    async fn next(&mut self, what: &str) -> Event;

    /// All that they know.
    fn history(&self) -> &History;

    /// Sends a command, given as the socket's frame, and waits for what becomes of it.
    async fn send(&mut self, server: &Server, command: &Value) -> Result<AckPayload, ErrorPayload<'static>>;

    /// Goes, without a word.
    fn gone(self) -> (Who, History);

    /// Reads on until the cursor is at least here.
    async fn reach(&mut self, rev: i64) {
        while self.history().cursor < rev {
            match self.next("a change").await {
                Event::Frame(_) => {}
                Event::Closed(code) => panic!("closed with {code} at {} of {rev}", self.history().cursor),
            }
        }
    }
}

/// The browser's socket.
pub struct Socket(Client);

impl Door for Socket {
    async fn enter(server: &Server, room: &str, who: Who, resume: Option<ResumePoint>, is_narrow: bool) -> Self {
        match (is_narrow, resume) {
            (true, None) => Self(Client::narrow(server, room, who).await),
            (false, resume) => Self(Client::join_at(server, room, who, resume.as_ref()).await.0),
            (true, Some(_)) => panic!("nobody does that"),
        }
    }

    async fn next(&mut self, what: &str) -> Event {
        self.0.next(what).await
    }

    fn history(&self) -> &History {
        &self.0.history
    }

    async fn send(&mut self, _: &Server, command: &Value) -> Result<AckPayload, ErrorPayload<'static>> {
        self.0.send(command).await;
        let key: Uuid = serde_json::from_value(command["payload"]["clientId"].clone()).expect("a key");
        self.0
            .wait("an answer", |frame| match frame {
                ServerFrame::Ack(ack) if ack.client_id == key => Some(Ok(ack.clone())),
                ServerFrame::Error(error) if error.client_id == Some(key) => Some(Err(error.clone())),
                _ => None,
            })
            .await
    }

    fn gone(self) -> (Who, History) {
        let who = self.0.who.clone();
        (who, self.0.drop_connection())
    }
}

/// Reading by events, and writing by requests.
pub struct Requests {
    stream: EventStream,
    room: String,
    who: Who,
    history: History,
}

impl Door for Requests {
    async fn enter(server: &Server, room: &str, who: Who, resume: Option<ResumePoint>, is_narrow: bool) -> Self {
        let join = who.join(resume.as_ref());
        let stream = EventStream::open(server, "POST", room, &[], Some(&join["payload"]), is_narrow).await;
        assert_eq!(stream.status, 200);
        let mut history = History::default();
        history.connected();
        history.asked(resume);
        let mut this = Self { stream, room: room.to_owned(), who, history };
        match this.next("WELCOME").await {
            Event::Frame(ServerFrame::Welcome(_)) => this,
            other => panic!("instead of a WELCOME: {other:?}"),
        }
    }

    async fn next(&mut self, what: &str) -> Event {
        match within(what, self.stream.event()).await {
            Ok(json) => {
                let frame: ServerFrame<'static> = serde_json::from_str(&json).unwrap_or_else(|e| panic!("{e}: {json}"));
                self.history.take(&frame);
                Event::Frame(frame)
            }
            Err(_) => Event::Closed(1006),
        }
    }

    fn history(&self) -> &History {
        &self.history
    }

    async fn send(&mut self, server: &Server, command: &Value) -> Result<AckPayload, ErrorPayload<'static>> {
        let identity = self.who.anonymous_id.to_string();
        let headers: Vec<(&str, String)> = match &self.who.token {
            Some(token) => vec![("Authorization", format!("Bearer {token}"))],
            None => vec![("X-Anonymous-Id", identity)],
        };
        let (status, answer) = send(server, &self.room, &headers, self.who.nickname.as_deref(), command).await;
        taken(status, &answer, &command["payload"]["clientId"])
    }

    fn gone(self) -> (Who, History) {
        (self.who, self.history)
    }
}

/// By STOMP.
pub struct ByStomp {
    stomp: Stomp,
    room: String,
    who: Who,
    history: History,
    n_receipts: usize,
}

impl ByStomp {
    /// What a MESSAGE of the room says.
    fn heard(&mut self, frame: &StompFrame) -> ServerFrame<'static> {
        let _watch = Watch;
        assert_eq!(frame.get("destination"), format!("/topic/rooms.{}", in_path(&self.room)));
        let said: ServerFrame<'static> = serde_json::from_str(&frame.body).unwrap_or_else(|e| panic!("{e}: {frame:?}"));
        assert_eq!(frame.json()["type"], frame.get("type"));
        self.history.take(&said);
        if matches!(said, ServerFrame::Message(_) | ServerFrame::Reaction(_) | ServerFrame::Welcome(_)) {
            assert_eq!(frame.get("rev"), self.history.cursor.to_string());
            assert_eq!(frame.get("epoch"), self.history.epoch());
        }
        said
    }
}

impl Door for ByStomp {
    async fn enter(server: &Server, room: &str, who: Who, resume: Option<ResumePoint>, is_narrow: bool) -> Self {
        let (mut stomp, _) = Stomp::open(server, "/stomp", &[], is_narrow).await.expect("an upgrade");
        let (identity, bearer) =
            (who.anonymous_id.to_string(), who.token.as_ref().map(|token| format!("Bearer {token}")));
        let mut headers = vec![("anonymous-id", identity.as_str())];
        headers.extend(bearer.as_deref().map(|bearer| ("Authorization", bearer)));
        headers.extend(who.nickname.as_deref().map(|nickname| ("nickname", nickname)));
        stomp.connect(&headers).await;
        stomp.send("SUBSCRIBE", &[("id", "errors"), ("destination", "/user/queue/errors")], "").await;
        let mut history = History::default();
        history.connected();
        history.asked(resume.clone());
        let destination = format!("/topic/rooms.{}", in_path(room));
        let mut headers = vec![("id", "room"), ("destination", destination.as_str())];
        let known = resume.map(|resume| (resume.epoch, resume.rev.to_string()));
        if let Some((epoch, rev)) = &known {
            headers.extend([("epoch", epoch.as_str()), ("rev", rev.as_str())]);
        }
        stomp.send("SUBSCRIBE", &headers, "").await;
        let mut this = Self { stomp, room: room.to_owned(), who, history, n_receipts: 0 };
        match this.next("WELCOME").await {
            Event::Frame(ServerFrame::Welcome(_)) => this,
            other => panic!("instead of a WELCOME: {other:?}"),
        }
    }

    async fn next(&mut self, what: &str) -> Event {
        match self.stomp.frame(what).await {
            Some(frame) if frame.get("subscription") == "room" => Event::Frame(self.heard(&frame)),
            Some(frame) => panic!("instead of {what}: {frame:?}"),
            None => Event::Closed(self.stomp.closed.expect("a code")),
        }
    }

    fn history(&self) -> &History {
        &self.history
    }

    async fn send(&mut self, _: &Server, command: &Value) -> Result<AckPayload, ErrorPayload<'static>> {
        self.n_receipts += 1;
        let (receipt, destination) = (self.n_receipts.to_string(), format!("/app/rooms.{}", in_path(&self.room)));
        let mut body = command["payload"].clone();
        let key = body.as_object_mut().expect("an object").remove("clientId").expect("a key");
        let (key, kind) = (key.as_str().expect("a key"), command["type"].as_str().expect("a type"));
        let headers =
            [("destination", destination.as_str()), ("type", kind), ("client-id", key), ("receipt", receipt.as_str())];
        self.stomp.send("SEND", &headers, &body.to_string()).await;
        loop {
            let frame = self.stomp.frame("an answer").await.expect("an answer");
            match (frame.command.as_str(), frame.get("subscription")) {
                ("MESSAGE", "room") => drop(self.heard(&frame)),
                ("MESSAGE", "errors") => {
                    assert_eq!((frame.get("client-id"), frame.get("receipt-id")), (key, receipt.as_str()));
                    let error = frame.json()["payload"].clone();
                    assert_eq!((&error["code"], &error["clientId"]), (&json!(frame.get("code")), &json!(key)));
                    return Err(serde_json::from_value(error).unwrap_or_else(|e| panic!("{e}: {frame:?}")));
                }
                ("RECEIPT", _) => {
                    assert_eq!((frame.get("receipt-id"), frame.get("client-id")), (receipt.as_str(), key));
                    let number = |name: &str| frame.get(name).parse::<i64>().expect("a number");
                    let ack = json!({"clientId": key, "id": frame.get("id"), "seq": number("seq"), "rev": number("rev"),
                        "createdAt": frame.get("created-at")});
                    return Ok(serde_json::from_value(ack).expect("an ACK"));
                }
                _ => panic!("instead of an answer: {frame:?}"),
            }
        }
    }

    fn gone(self) -> (Who, History) {
        (self.who, self.history)
    }
}

/// By Socket.IO.
pub struct BySocketIo {
    socket: SocketIo,
    room: String,
    who: Who,
    history: History,
}

impl BySocketIo {
    /// What an event of the room says.
    fn heard(&mut self, name: &str, mut payload: Value) -> ServerFrame<'static> {
        let _watch = Watch;
        let room_id = payload.as_object_mut().expect("an object").remove("roomId").expect("a room");
        assert_eq!(room_id, self.room, "{name} {payload}");
        let text = json!({"type": name.to_ascii_uppercase(), "payload": payload}).to_string();
        let said: ServerFrame<'static> = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {text}"));
        self.history.take(&said);
        said
    }
}

impl Door for BySocketIo {
    async fn enter(server: &Server, room: &str, who: Who, resume: Option<ResumePoint>, is_narrow: bool) -> Self {
        let mut socket = SocketIo::open(server, &[], is_narrow).await.expect("an upgrade");
        let (token, nickname) = (who.token.clone(), who.nickname.clone());
        socket.connect(&json!({"anonymousId": who.anonymous_id, "token": token, "nickname": nickname})).await;
        let mut history = History::default();
        history.connected();
        history.asked(resume.clone());
        let known = resume.map(|resume| json!({"epoch": resume.epoch, "rev": resume.rev}));
        assert_eq!(socket.answer("join", &json!({"roomId": room, "resume": known})).await, json!({"ok": true}));
        let mut this = Self { socket, room: room.to_owned(), who, history };
        match this.next("WELCOME").await {
            Event::Frame(ServerFrame::Welcome(_)) => this,
            other => panic!("instead of a WELCOME: {other:?}"),
        }
    }

    async fn next(&mut self, what: &str) -> Event {
        match self.socket.next(what).await {
            Some(Said::Event(name, payload)) => Event::Frame(self.heard(&name, payload)),
            Some(said) => panic!("instead of {what}: {said:?}"),
            None => Event::Closed(self.socket.closed.expect("a code")),
        }
    }

    fn history(&self) -> &History {
        &self.history
    }

    async fn send(&mut self, _: &Server, command: &Value) -> Result<AckPayload, ErrorPayload<'static>> {
        let mut payload = command["payload"].clone();
        payload["roomId"] = json!(self.room);
        let name = command["type"].as_str().expect("a type").to_ascii_lowercase();
        let number = self.socket.ask(&name, &payload).await;
        let mut answer = loop {
            match self.socket.next("an answer").await {
                Some(Said::Event(name, payload)) => drop(self.heard(&name, payload)),
                Some(Said::Ack(of, answer)) if of == number => break answer,
                other => panic!("instead of an answer: {other:?}"),
            }
        };
        let fields = answer.as_object_mut().expect("an object");
        let is_taken = fields.remove("ok").expect("whether it was taken") == true;
        if is_taken {
            assert_eq!(fields.remove("epoch"), Some(json!(self.history.epoch())));
        }
        let text = answer.to_string();
        let why = |error: serde_json::Error| -> ! { panic!("{error}: {text}") };
        if is_taken {
            return Ok(serde_json::from_str(&text).unwrap_or_else(|error| why(error)));
        }
        Err(serde_json::from_str(&text).unwrap_or_else(|error| why(error)))
    }

    fn gone(self) -> (Who, History) {
        (self.who, self.history)
    }
}

/// A command of the socket as a request.
pub async fn send(
    server: &Server,
    room: &str,
    headers: &[(&str, String)],
    nickname: Option<&str>,
    command: &Value,
) -> (StatusCode, Value) {
    let payload = &command["payload"];
    let mut body = payload.clone();
    let fields = body.as_object_mut().expect("an object");
    fields.remove("clientId");
    let id = fields.remove("id");
    let messages = format!("/api/v1/rooms/{}/messages", in_path(room));
    let one = || format!("{messages}/{}", in_path(id.as_ref().and_then(Value::as_str).expect("an id")));
    let set = |on: &Value| if on == true { Method::PUT } else { Method::DELETE };
    let (method, path, body) = match command["type"].as_str().expect("a type") {
        "MESSAGE" => {
            if let Some(nickname) = nickname {
                fields.insert("nickname".to_owned(), json!(nickname));
            }
            (Method::POST, messages, Some(body))
        }
        "EDIT" => (Method::PATCH, one(), Some(body)),
        "DELETE" => (Method::DELETE, one(), None),
        "REACT" => {
            let emoji = in_path(payload["emoji"].as_str().expect("an emoji"));
            (set(&payload["on"]), format!("{}/reactions/{emoji}", one()), None)
        }
        "PIN" => (set(&payload["on"]), format!("{}/pin", one()), None),
        other => panic!("no request is {other}"),
    };
    let http = reqwest::Client::builder().no_proxy().pool_max_idle_per_host(0).build().expect("a client");
    let mut request = http.request(method, server.url(&path));
    request = request.header("Idempotency-Key", payload["clientId"].as_str().expect("a key"));
    for (name, value) in headers {
        request = request.header(*name, value);
    }
    if let Some(body) = body {
        request = request.header("Content-Type", "application/json").body(body.to_string());
    }
    let response = within(&path, request.send()).await.expect("an answer");
    (response.status(), response.json().await.expect("JSON"))
}

/// What the answer to a request says, as the socket would.
fn taken(status: StatusCode, answer: &Value, client_id: &Value) -> Result<AckPayload, ErrorPayload<'static>> {
    if status == StatusCode::ACCEPTED {
        let error = json!({"code": "HELD", "message": "", "clientId": client_id, "reason": answer["held"]["reason"]});
        return Err(serde_json::from_value(error).expect("an ERROR"));
    }
    if !status.is_success() {
        crate::support::check_schema("Error", answer);
        let mut error = answer["error"].clone();
        error["clientId"] = client_id.clone();
        return Err(serde_json::from_value(error).unwrap_or_else(|e| panic!("{e}: {answer}")));
    }
    crate::support::check_schema("Stored", answer);
    assert_eq!(&answer["clientId"], client_id);
    let message = &answer["message"];
    let ack = json!({"clientId": client_id, "id": message["id"], "seq": message["seq"], "rev": answer["rev"],
        "createdAt": message["createdAt"]});
    Ok(serde_json::from_value(ack).expect("an ACK"))
}
