//! A client that speaks Socket.IO over a WebSocket, and shares nothing with what the server reads and writes it by.

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{self, Message},
};

use super::{Server, upgrade::upgrade, within};

/// Where it is.
pub const SOCKET_IO: &str = "/socket.io/?EIO=4&transport=websocket";

/// A connection.
pub struct SocketIo {
    socket: WebSocketStream<TcpStream>,
    n_asked: u64,
    /// What the server has said first.
    pub opened: Value,
    /// Whether it answers when it is asked for a sign of life.
    pub is_alive: bool,
    /// So often it was.
    pub n_pings: usize,
    /// The close code, once it was closed; 1006 where it broke.
    pub closed: Option<u16>,
}

/// A packet of the server.
#[derive(Debug, Clone, PartialEq)]
pub enum Said {
    Connected(Value),
    /// The client may not come into this namespace.
    ConnectError(String, Value),
    Event(String, Value),
    Ack(u64, Value),
    /// The server ends it, and the client is not to come back by itself.
    Disconnect,
    /// The answer to a ping.
    Pong(String),
}

impl SocketIo {
    /// A connection that was opened.
    pub async fn open(
        server: &Server,
        headers: &[(&'static str, &str)],
        is_narrow: bool,
    ) -> Result<Self, Box<tungstenite::Error>> {
        let (socket, _) = upgrade(server, SOCKET_IO, headers, is_narrow).await?;
        let (n_asked, n_pings) = (0, 0);
        let mut this = Self { socket, n_asked, opened: Value::Null, is_alive: true, n_pings, closed: None };
        let text = this.text("the first packet").await.expect("the first packet");
        this.opened = serde_json::from_str(text.strip_prefix('0').expect("an open packet")).expect("JSON");
        Ok(this)
    }

    /// A connection of somebody.
    pub async fn begin(server: &Server, auth: &Value) -> Self {
        let mut this = Self::open(server, &[], false).await.expect("an upgrade");
        this.connect(auth).await;
        this
    }

    /// CONNECT, and its answer.
    pub async fn connect(&mut self, auth: &Value) {
        self.send_text(&format!("40{auth}")).await;
        match self.next("CONNECT").await {
            Some(Said::Connected(said)) => assert!(said["sid"].is_string(), "{said}"),
            other => panic!("instead of CONNECT: {other:?}"),
        }
    }

    /// An event that wants no answer.
    pub async fn emit(&mut self, name: &str, payload: &Value) {
        self.send_text(&format!("42{}", json!([name, payload]))).await;
    }

    /// An event that wants one: gives its number.
    pub async fn ask(&mut self, name: &str, payload: &Value) -> u64 {
        self.n_asked += 1;
        self.send_text(&format!("42{}{}", self.n_asked, json!([name, payload]))).await;
        self.n_asked
    }

    /// The same, and its answer; what comes before that is passed over.
    pub async fn answer(&mut self, name: &str, payload: &Value) -> Value {
        let number = self.ask(name, payload).await;
        loop {
            match self.next("an answer").await {
                Some(Said::Ack(of, answer)) if of == number => return answer,
                Some(Said::Event(..)) => {}
                other => panic!("instead of an answer to {name}: {other:?}"),
            }
        }
    }

    /// The next event of this name; those before it are passed over.
    pub async fn event(&mut self, name: &str) -> Value {
        loop {
            match self.next(name).await {
                Some(Said::Event(of, payload)) if of == name => return payload,
                Some(Said::Event(..)) => {}
                other => panic!("instead of {name}: {other:?}"),
            }
        }
    }

    /// Reads on to the end: gives what came before it, and the close code.
    pub async fn end(&mut self) -> (Vec<Said>, u16) {
        let mut all = Vec::new();
        while let Some(said) = self.next("the end").await {
            all.push(said);
        }
        (all, self.closed.expect("it was closed"))
    }

    /// A text message; where the server has ended it, it is lost.
    pub async fn send_text(&mut self, text: &str) {
        self.send_message(Message::text(text)).await;
    }

    /// A message; where the server has ended it, it is lost.
    pub async fn send_message(&mut self, message: Message) {
        let _ = within("a message to be written", self.socket.send(message)).await;
    }

    /// The next packet that is no ping; `None` once it was closed.
    pub async fn next(&mut self, what: &str) -> Option<Said> {
        loop {
            let text = self.text(what).await?;
            if text == "2" {
                self.n_pings += 1;
                if self.is_alive {
                    self.send_text("3").await;
                }
                continue;
            }
            return Some(said(&text));
        }
    }

    /// Waits until it is asked for a sign of life, and gives one.
    pub async fn ping(&mut self) {
        assert_eq!(self.text("a ping").await.as_deref(), Some("2"));
        self.send_text("3").await;
    }

    async fn text(&mut self, what: &str) -> Option<String> {
        while self.closed.is_none() {
            match within(what, self.socket.next()).await {
                Some(Ok(Message::Text(text))) => return Some(text.to_string()),
                Some(Ok(Message::Binary(bytes))) => panic!("{bytes:?}"),
                Some(Ok(Message::Close(close))) => self.closed = Some(close.map_or(1005, |c| c.code.into())),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => self.closed = Some(1006),
            }
        }
        None
    }
}

fn said(text: &str) -> Said {
    let json = |text: &str| serde_json::from_str::<Value>(text).unwrap_or_else(|e| panic!("{e}: {text}"));
    if let Some(of) = text.strip_prefix('3') {
        return Said::Pong(of.to_owned());
    }
    let packet = text.strip_prefix('4').unwrap_or_else(|| panic!("{text}"));
    let (kind, rest) = packet.split_at(1);
    match kind {
        "0" => Said::Connected(json(rest)),
        "1" if rest.is_empty() => Said::Disconnect,
        "2" => match json(rest) {
            Value::Array(mut parts) if parts.len() == 2 => {
                let payload = parts.pop().expect("a payload");
                Said::Event(parts[0].as_str().expect("a name").to_owned(), payload)
            }
            other => panic!("{other}"),
        },
        "3" => {
            let at = rest.find('[').expect("an answer");
            let mut answer = json(&rest[at..]);
            assert_eq!(answer.as_array().map(Vec::len), Some(1), "{text}");
            Said::Ack(rest[..at].parse().expect("a number"), answer[0].take())
        }
        "4" => match rest.strip_prefix('/') {
            Some(rest) => {
                let (namespace, error) = rest.split_once(',').expect("a namespace");
                Said::ConnectError(format!("/{namespace}"), json(error))
            }
            None => Said::ConnectError("/".to_owned(), json(rest)),
        },
        _ => panic!("{text}"),
    }
}
