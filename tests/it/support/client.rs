use std::{
    collections::{HashMap, VecDeque},
    net::SocketAddr,
};

use chat_wire::{AckPayload, ErrorCode, ErrorPayload, PresencePayload, ResumePoint, ServerFrame, WelcomePayload};
use futures_util::{SinkExt, StreamExt};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use socket2::SockRef;
use tokio::net::{TcpSocket, TcpStream};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{
        self, Message,
        client::IntoClientRequest,
        handshake::client::Response,
        http::{HeaderName, HeaderValue},
        protocol::{CloseFrame, frame::coding::CloseCode},
    },
};
use uuid::Uuid;

use super::{History, PATIENCE, Server, within};

/// Who joins.
#[derive(Debug, Clone)]
pub struct Who {
    pub anonymous_id: Uuid,
    pub token: Option<String>,
    pub nickname: Option<String>,
    pub avatar: Option<String>,
}

impl Who {
    pub fn reader() -> Self {
        Self { anonymous_id: Uuid::new_v4(), token: None, nickname: None, avatar: None }
    }

    pub fn named(nickname: &str) -> Self {
        Self { nickname: Some(nickname.to_owned()), ..Self::reader() }
    }

    pub fn join(&self, resume: Option<&ResumePoint>) -> Value {
        let mut payload = json!({"anonymousId": self.anonymous_id});
        if let Some(token) = &self.token {
            payload["token"] = json!(token);
        }
        if let Some(nickname) = &self.nickname {
            payload["nickname"] = json!(nickname);
        }
        if let Some(avatar) = &self.avatar {
            payload["avatar"] = json!(avatar);
        }
        if let Some(ResumePoint { epoch, rev }) = resume {
            payload["resume"] = json!({"epoch": epoch, "rev": rev});
        }
        json!({"type": "JOIN", "payload": payload})
    }
}

/// A socket, and what the server answered to its request; or why there is none.
type Opened = Result<(Client, Response), Box<tungstenite::Error>>;

type Presence = PresencePayload<'static>;

/// What happens on a socket.
#[derive(Debug)]
pub enum Event {
    Frame(ServerFrame<'static>),
    /// Closed by the server with this code; 1006 where the connection broke.
    Closed(u16),
}

/// One WebSocket, and all that its owner knows from it and from those before it.
pub struct Client {
    socket: WebSocketStream<TcpStream>,
    room: String,
    pub who: Who,
    pub history: History,
    /// The latest ERROR of each command.
    pub errors: HashMap<Uuid, ErrorPayload<'static>>,
    waiting: VecDeque<ServerFrame<'static>>,
    /// WebSocket pings that came.
    pub n_pings: usize,
    pub n_bytes_largest: usize,
    /// PROFILE frames that came.
    pub n_profiles: usize,
    /// All text that came, where it is to be kept.
    pub transcript: Option<String>,
    closed: Option<u16>,
}

/// A room id as it stands in a path.
pub fn in_path(room: &str) -> String {
    utf8_percent_encode(room, NON_ALPHANUMERIC).to_string()
}

impl Client {
    /// A socket without a JOIN, opened with these headers besides the usual ones; or why there is none.
    pub async fn open(server: &Server, room: &str, headers: &[(&str, &str)]) -> Opened {
        let stream = within("a connection", TcpStream::connect(server.address)).await.expect("a connection");
        Self::over(stream, server, room, headers).await
    }

    /// A socket without a JOIN, to whatever is behind this address; `None` where it is refused.
    pub async fn try_connect_to(address: SocketAddr, room: &str) -> Option<Self> {
        Self::try_connect_as(address, &address.to_string(), room, &[]).await
    }

    /// The same under another host name and with more headers.
    pub async fn try_connect_as(address: SocketAddr, host: &str, room: &str, headers: &[(&str, &str)]) -> Option<Self> {
        let stream = within("a connection", TcpStream::connect(address)).await.ok()?;
        Some(Self::upgrade(stream, host, room, headers).await.ok()?.0)
    }

    /// As [`Self::open`], over a connection that is there already.
    pub async fn over(stream: TcpStream, server: &Server, room: &str, headers: &[(&str, &str)]) -> Opened {
        Self::upgrade(stream, &server.address.to_string(), room, headers).await
    }

    async fn upgrade(stream: TcpStream, host: &str, room: &str, headers: &[(&str, &str)]) -> Opened {
        let url = format!("ws://{host}/ws/room/{}", in_path(room));
        let mut request = url.into_client_request().expect("a request");
        for (name, value) in headers {
            let name = HeaderName::from_bytes(name.as_bytes()).expect("a name");
            request.headers_mut().append(name, HeaderValue::from_str(value).expect("a value"));
        }
        stream.set_nodelay(true).expect("a setting");
        let (socket, response) = within("the upgrade", client_async(request, stream)).await.map_err(Box::new)?;
        let client = Self {
            socket,
            room: room.to_owned(),
            who: Who::reader(),
            history: History::default(),
            errors: HashMap::new(),
            waiting: VecDeque::new(),
            n_pings: 0,
            n_bytes_largest: 0,
            n_profiles: 0,
            transcript: None,
            closed: None,
        };
        Ok((client, response))
    }

    /// A socket without a JOIN.
    pub async fn connect(server: &Server, room: &str) -> Self {
        Self::open(server, room, &[]).await.expect("an upgrade").0
    }

    /// The same from this address, as a proxy tells it.
    pub async fn from(server: &Server, room: &str, address: &str) -> Self {
        Self::open(server, room, &[("X-Forwarded-For", address)]).await.expect("an upgrade").0
    }

    /// A new author in the room, from this address.
    pub async fn author_from(server: &Server, room: &str, address: &str) -> Self {
        let mut client = Self::from(server, room, address).await;
        client.who = Who::named("somebody new");
        client.enter(None).await;
        client
    }

    /// A new author in the room.
    pub async fn author(server: &Server, room: &str, nickname: &str) -> Self {
        Self::join(server, room, Who::named(nickname)).await.0
    }

    /// A new reader in the room.
    pub async fn reader(server: &Server, room: &str) -> Self {
        Self::join(server, room, Who::reader()).await.0
    }

    /// So many new authors in the room, named "writer 0" and so on.
    pub async fn authors(server: &Server, room: &str, n: usize) -> Vec<Self> {
        let mut authors = Vec::new();
        for n in 0..n {
            authors.push(Self::author(server, room, &format!("writer {n}")).await);
        }
        authors
    }

    /// This person, who has sent JOIN and not read its answer.
    pub async fn asking(server: &Server, room: &str, who: Who) -> Self {
        let mut client = Self::connect(server, room).await;
        client.who = who;
        client.ask_to_join(None).await;
        client
    }

    /// This person in the room over a socket with a small window, so that little is enough to fill what lies between.
    pub async fn narrow(server: &Server, room: &str, who: Who) -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.set_recv_buffer_size(4 * 1024).expect("a setting");
        let stream = within("a connection", socket.connect(server.address)).await.expect("a connection");
        assert!(SockRef::from(&stream).recv_buffer_size().expect("a size") < 64 * 1024);
        let (mut client, _) = Self::over(stream, server, room, &[]).await.expect("an upgrade");
        client.who = who;
        client.enter(None).await;
        client
    }

    /// This person in the room.
    pub async fn join(server: &Server, room: &str, who: Who) -> (Self, WelcomePayload<'static>) {
        Self::join_at(server, room, who, None).await
    }

    /// This person in the room, perhaps with a resume point, but no history.
    pub async fn join_at<'a>(
        server: &Server,
        room: &str,
        who: Who,
        resume: impl Into<Option<&'a ResumePoint>>,
    ) -> (Self, WelcomePayload<'static>) {
        let mut client = Self::connect(server, room).await;
        client.who = who;
        let welcome = client.enter(resume.into().cloned()).await;
        (client, welcome)
    }

    /// The same person with the same history on a new socket, perhaps to another server.
    pub async fn back(self, server: &Server) -> (Self, WelcomePayload<'static>) {
        let mut client = Self::connect(server, &self.room).await;
        let welcome = client.come_back(self.who, self.history).await;
        (client, welcome)
    }

    /// On this new socket this person comes back with this history.
    pub async fn come_back(&mut self, who: Who, history: History) -> WelcomePayload<'static> {
        self.who = who;
        self.history = history;
        self.history.connected();
        let resume = self.history.resume_point();
        self.enter(resume).await
    }

    /// Sends JOIN and waits for WELCOME.
    pub async fn enter(&mut self, resume: Option<ResumePoint>) -> WelcomePayload<'static> {
        self.ask_to_join(resume).await;
        self.wait("WELCOME", |frame| match frame {
            ServerFrame::Welcome(welcome) => Some(*welcome.clone()),
            ServerFrame::Error(error) => panic!("JOIN was refused: {error:?}"),
            _ => None,
        })
        .await
    }

    /// The WELCOME with what comes in pieces behind it.
    pub async fn with_pieces(&mut self, mut welcome: WelcomePayload<'static>) -> WelcomePayload<'static> {
        while let Some(head) = welcome.head.head
            && welcome.messages.last().is_none_or(|last| last.rev < head)
        {
            let piece = self.wait("a piece of what was missed", |frame| match frame {
                ServerFrame::Message(message) => Some(message.clone()),
                _ => None,
            });
            welcome.messages.push(piece.await);
        }
        welcome
    }

    pub async fn ask_to_join(&mut self, resume: Option<ResumePoint>) {
        let join = self.who.join(resume.as_ref());
        self.history.asked(resume);
        self.send(&join).await;
    }

    pub async fn send(&mut self, frame: &Value) {
        self.send_text(&frame.to_string()).await;
    }

    pub async fn send_text(&mut self, text: &str) {
        self.send_raw(Message::text(text)).await.expect("a socket that takes a frame");
    }

    /// Sends where the connection may be gone.
    pub async fn send_raw(&mut self, message: Message) -> Result<(), Box<tungstenite::Error>> {
        within("the socket to take a frame", self.socket.send(message)).await.map_err(Box::new)
    }

    /// Sends a message and does not wait.
    pub async fn publish(&mut self, client_id: Uuid, content: &str) {
        self.send(&message(client_id, content)).await;
    }

    /// The same where the connection may be gone.
    pub async fn try_publish(&mut self, client_id: Uuid, content: &str) {
        let _ = self.send_raw(Message::text(message(client_id, content).to_string())).await;
    }

    /// Asks for another name.
    pub async fn rename(&mut self, nickname: &str) {
        self.send(&json!({"type": "PROFILE", "payload": {"nickname": nickname}})).await;
    }

    /// Sends a message and waits for its ACK.
    pub async fn say(&mut self, content: &str) -> AckPayload {
        self.say_as(Uuid::new_v4(), content).await
    }

    /// Sends a message with this key and waits for its ACK.
    pub async fn say_as(&mut self, client_id: Uuid, content: &str) -> AckPayload {
        self.publish(client_id, content).await;
        self.ack(client_id).await
    }

    /// The same while the database may be away.
    pub async fn say_again(&mut self, client_id: Uuid, content: &str) -> AckPayload {
        self.until_taken(&message(client_id, content)).await
    }

    /// Sends a command, again whenever an ERROR says when to, until the ACK comes.
    pub async fn until_taken(&mut self, command: &Value) -> AckPayload {
        self.until_answered(command).await.unwrap_or_else(|error| panic!("instead of an ACK: {error:?}"))
    }

    /// The same until the ACK or an ERROR that is final.
    pub async fn until_answered(&mut self, command: &Value) -> Result<AckPayload, ErrorPayload<'static>> {
        let client_id: Uuid = serde_json::from_value(command["payload"]["clientId"].clone()).expect("a key");
        let taken = async {
            loop {
                self.send(command).await;
                match self.answer(client_id).await {
                    Ok(ack) => return Ok(ack),
                    Err(ErrorPayload { retry_after_ms: Some(ms), .. }) => {
                        tokio::time::sleep(std::time::Duration::from_millis(ms.min(1_000))).await;
                    }
                    Err(error) => return Err(error),
                }
            }
        };
        within("a command to be answered", taken).await
    }

    /// Sends a message once; gives its ACK, or the ERROR that comes instead.
    pub async fn try_say(&mut self, client_id: Uuid, content: &str) -> Result<AckPayload, ErrorPayload<'static>> {
        self.publish(client_id, content).await;
        self.answer(client_id).await
    }

    /// Waits for the ACK of a message.
    pub async fn ack(&mut self, client_id: Uuid) -> AckPayload {
        self.answer(client_id).await.unwrap_or_else(|error| panic!("instead of an ACK: {error:?}"))
    }

    async fn answer(&mut self, client_id: Uuid) -> Result<AckPayload, ErrorPayload<'static>> {
        let answer = |frame: &ServerFrame<'static>| match frame {
            ServerFrame::Ack(ack) if ack.client_id == client_id => Some(Ok(ack.clone())),
            ServerFrame::Error(error) => Some(Err(error.clone())),
            _ => None,
        };
        self.wait("an ACK", answer).await
    }

    /// Reads on until each of these was acknowledged or refused.
    pub async fn answered(&mut self, ids: &[Uuid]) {
        while !ids.iter().all(|id| self.history.acks.contains_key(id) || self.errors.contains_key(id)) {
            self.frame("an answer to each").await;
        }
    }

    /// Sends these at once; gives their keys.
    pub async fn publish_all(&mut self, contents: impl IntoIterator<Item = String>) -> Vec<Uuid> {
        let mut ids = Vec::new();
        for content in contents {
            ids.push(Uuid::new_v4());
            self.publish(ids[ids.len() - 1], &content).await;
        }
        ids
    }

    /// Asks to join; whether the answer is a frame and not the end of the session.
    pub async fn is_let_in(&mut self) -> bool {
        self.ask_to_join(None).await;
        matches!(self.next("an answer").await, Event::Frame(_))
    }

    /// Asks to join until there is room.
    pub async fn enter_at_last(&mut self) {
        super::soon("a free place", async || {
            self.ask_to_join(None).await;
            matches!(self.frame("an answer").await, ServerFrame::Welcome(_))
        })
        .await;
    }

    /// Sends and waits for the ERROR.
    pub async fn refused(&mut self, frame: &Value) -> ErrorPayload<'static> {
        self.send(frame).await;
        self.error().await
    }

    /// Sends what is answered by MOD or an ERROR: the ERROR, where it is one.
    pub async fn until_error(&mut self, frame: &Value) -> Option<ErrorPayload<'static>> {
        self.send(frame).await;
        self.wait("MOD or an ERROR", |frame| match frame {
            ServerFrame::Error(error) => Some(Some(error.clone())),
            ServerFrame::Mod(_) => Some(None),
            _ => None,
        })
        .await
    }

    /// Waits for an ERROR.
    pub async fn error(&mut self) -> ErrorPayload<'static> {
        self.wait("an ERROR", |frame| match frame {
            ServerFrame::Error(error) => Some(error.clone()),
            ServerFrame::Welcome(_) | ServerFrame::Profile(_) => panic!("instead of an ERROR: {frame:?}"),
            _ => None,
        })
        .await
    }

    /// Waits for an ERROR with this code.
    pub async fn error_of(&mut self, code: ErrorCode) -> ErrorPayload<'static> {
        let error = self.error().await;
        assert_eq!(error.code, code, "{error:?}");
        error
    }

    /// Waits for a PRESENCE that is as wanted.
    pub async fn presence(&mut self, what: &str, is_it: impl Fn(&Presence) -> bool) -> Presence {
        self.wait(what, |frame| match frame {
            ServerFrame::Presence(presence) if is_it(presence) => Some(presence.clone()),
            _ => None,
        })
        .await
    }

    /// Waits until the cursor is at least here.
    pub async fn reach(&mut self, rev: i64) {
        while self.history.cursor < rev {
            let at = self.history.cursor;
            self.frame(&format!("the changes from {at} to {rev}")).await;
        }
    }

    /// Waits until the server has handled all that was sent before, and fails where the session is not alive.
    pub async fn ping(&mut self) {
        self.send(&json!({"type": "PING", "payload": {}})).await;
        self.wait("PONG", |frame| matches!(frame, ServerFrame::Pong {}).then_some(())).await;
    }

    /// Reads on until a frame is the one wanted. Heartbeats go on for ever, so there is an end to this as well.
    pub async fn wait<T>(&mut self, what: &str, mut wanted: impl FnMut(&ServerFrame<'static>) -> Option<T>) -> T {
        let until = tokio::time::Instant::now() + 3 * PATIENCE;
        loop {
            let frame = self.frame(what).await;
            if let Some(found) = wanted(&frame) {
                return found;
            }
            assert!(tokio::time::Instant::now() < until, "{what} did not come; last: {frame:?}");
        }
    }

    /// The next frame.
    pub async fn frame(&mut self, what: &str) -> ServerFrame<'static> {
        match self.next(what).await {
            Event::Frame(frame) => frame,
            Event::Closed(code) => panic!("closed with {code} instead of {what}"),
        }
    }

    /// Reads on to the end; gives the close code.
    pub async fn closed(&mut self) -> u16 {
        loop {
            if let Event::Closed(code) = self.next("the end of the session").await {
                return code;
            }
        }
    }

    /// What happens next, the frames of a BATCH one by one.
    pub async fn next(&mut self, what: &str) -> Event {
        within(what, self.listen()).await
    }

    /// The same, however long it takes.
    pub async fn listen(&mut self) -> Event {
        loop {
            if let Some(frame) = self.waiting.pop_front() {
                self.history.take(&frame);
                self.n_profiles += usize::from(matches!(frame, ServerFrame::Profile(_)));
                if let ServerFrame::Error(error @ ErrorPayload { client_id: Some(client_id), .. }) = &frame {
                    self.errors.insert(*client_id, error.clone());
                }
                return Event::Frame(frame);
            }
            if let Some(code) = self.closed {
                return Event::Closed(code);
            }
            match self.socket.next().await {
                Some(Ok(Message::Text(text))) => {
                    self.n_bytes_largest = self.n_bytes_largest.max(text.len());
                    if let Some(transcript) = &mut self.transcript {
                        transcript.push_str(&text);
                    }
                    match decode(&text) {
                        ServerFrame::Batch { frames } => {
                            assert!(!frames.is_empty(), "an empty BATCH");
                            self.waiting.extend(frames);
                        }
                        frame => self.waiting.push_back(frame),
                    }
                }
                Some(Ok(Message::Ping(_))) => self.n_pings += 1,
                Some(Ok(Message::Pong(_))) => {}
                Some(Ok(Message::Close(close))) => self.closed = Some(close.map_or(1005, |c| c.code.into())),
                Some(Ok(other)) => panic!("the server sends text: {other:?}"),
                Some(Err(_)) | None => self.closed = Some(1006),
            }
        }
    }

    /// Says goodbye and waits for the answer.
    pub async fn leave(mut self) -> History {
        let close = CloseFrame { code: CloseCode::Normal, reason: "".into() };
        within("the socket to close", self.socket.close(Some(close))).await.expect("a socket");
        self.closed().await;
        self.history
    }

    /// Ends the connection without a close frame; what was known stays.
    pub fn drop_connection(self) -> History {
        self.history
    }
}

/// A MESSAGE frame.
pub fn message(client_id: Uuid, content: &str) -> Value {
    json!({"type": "MESSAGE", "payload": {"clientId": client_id, "content": content}})
}

/// Decodes a frame, and fails where it is not exactly as documented: no field too many, none too few.
fn decode(text: &str) -> ServerFrame<'static> {
    let frame: ServerFrame<'static> = serde_json::from_str(text).unwrap_or_else(|e| panic!("{e}: {text}"));
    if matches!(frame, ServerFrame::Welcome(_)) {
        // Serde cannot refuse unknown fields in a flattened struct.
        let value: Value = serde_json::from_str(text).expect("JSON");
        assert_eq!(serde_json::to_value(&frame).expect("JSON"), value, "a field that is not documented");
    }
    frame
}
