//! A client that speaks STOMP over a WebSocket, and shares nothing with what the server reads and writes it by.

use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{self, Message, handshake::client::Response},
};

use super::{Server, upgrade::upgrade, within};

/// A connection.
pub struct Stomp {
    socket: WebSocketStream<TcpStream>,
    bytes: Vec<u8>,
    /// So many line ends came between frames.
    pub n_beats: usize,
    /// The close code, once it was closed; 1006 where it broke.
    pub closed: Option<u16>,
}

/// A frame of the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StompFrame {
    pub command: String,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl StompFrame {
    /// The first header of this name; "" where there is none.
    pub fn get(&self, name: &str) -> &str {
        self.headers.iter().find(|(of, _)| of == name).map_or("", |(_, value)| value)
    }

    /// Its body.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }
}

impl Stomp {
    /// An upgrade at this path; with a small window where nobody is going to read.
    pub async fn open(
        server: &Server,
        path: &str,
        headers: &[(&'static str, &str)],
        is_narrow: bool,
    ) -> Result<(Self, Response), Box<tungstenite::Error>> {
        let (socket, response) = upgrade(server, path, headers, is_narrow).await?;
        Ok((Self { socket, bytes: Vec::new(), n_beats: 0, closed: None }, response))
    }

    /// A connection that has begun, in version 1.2, with these headers.
    pub async fn begin(server: &Server, headers: &[(&str, &str)]) -> Self {
        let (mut stomp, _) = Self::open(server, "/stomp", &[], false).await.expect("an upgrade");
        stomp.connect(headers).await;
        stomp
    }

    /// CONNECT, and its answer.
    pub async fn connect(&mut self, headers: &[(&str, &str)]) -> StompFrame {
        let all = [&[("accept-version", "1.2"), ("host", "/")], headers].concat();
        let text: String = all.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
        self.send_bytes(format!("CONNECT\n{text}\n\0").as_bytes()).await;
        self.expect("CONNECTED").await
    }

    /// A frame of version 1.2.
    pub async fn send(&mut self, command: &str, headers: &[(&str, &str)], body: &str) {
        let escaped = |text: &str| text.replace('\\', "\\\\").replace(':', "\\c").replace('\n', "\\n");
        let text: String = headers.iter().map(|(name, value)| format!("{name}:{}\n", escaped(value))).collect();
        self.send_bytes(format!("{command}\n{text}\n{body}\0").as_bytes()).await;
    }

    /// Bytes, as one message; where the server has ended it they are lost.
    pub async fn send_bytes(&mut self, bytes: &[u8]) {
        let message = match std::str::from_utf8(bytes) {
            Ok(text) => Message::text(text),
            Err(_) => Message::binary(bytes.to_vec()),
        };
        let _ = within("a message to be written", self.socket.send(message)).await;
    }

    /// The next frame of this command; those before it are passed over.
    pub async fn expect(&mut self, command: &str) -> StompFrame {
        loop {
            match self.frame(command).await {
                Some(frame) if frame.command == command => return frame,
                Some(frame) => assert_eq!(frame.command, "MESSAGE", "instead of {command}: {frame:?}"),
                None => panic!("closed with {:?} instead of {command}", self.closed),
            }
        }
    }

    /// The next MESSAGE of this type; those before it are passed over.
    pub async fn message(&mut self, kind: &str) -> StompFrame {
        loop {
            let frame = self.expect("MESSAGE").await;
            if frame.get("type") == kind {
                return frame;
            }
        }
    }

    /// Reads on to the end: gives the words of the ERROR before it, where there was one, and the close code.
    pub async fn end(&mut self) -> (Option<StompFrame>, u16) {
        let mut error = None;
        while let Some(frame) = self.frame("the end").await {
            assert!(error.is_none(), "behind an ERROR: {frame:?}");
            error = Some(frame).filter(|frame| frame.command == "ERROR");
        }
        (error, self.closed.expect("it was closed"))
    }

    /// The next frame; `None` once it was closed.
    pub async fn frame(&mut self, what: &str) -> Option<StompFrame> {
        loop {
            let n_beats = self.bytes.iter().take_while(|byte| **byte == b'\n').count();
            self.bytes.drain(..n_beats);
            self.n_beats += n_beats;
            if let Some(frame) = self.take() {
                return Some(frame);
            }
            if !self.read(what).await {
                assert!(self.bytes.is_empty() || self.closed == Some(1006), "half a frame: {:?}", self.bytes);
                return None;
            }
        }
    }

    /// Reads one message more; whether there was one.
    pub async fn read(&mut self, what: &str) -> bool {
        if self.closed.is_some() {
            return false;
        }
        match within(what, self.socket.next()).await {
            Some(Ok(Message::Text(text))) => self.bytes.extend_from_slice(text.as_bytes()),
            Some(Ok(Message::Binary(bytes))) => self.bytes.extend_from_slice(&bytes),
            Some(Ok(Message::Close(close))) => self.closed = Some(close.map_or(1005, |c| c.code.into())),
            Some(Ok(_)) => {}
            Some(Err(_)) | None => self.closed = Some(1006),
        }
        self.closed.is_none()
    }

    /// A frame that is whole. By its length where it has one, else up to the first NUL, by the specification.
    fn take(&mut self) -> Option<StompFrame> {
        let at = self.bytes.windows(2).position(|pair| pair == b"\n\n")?;
        let head = String::from_utf8(self.bytes[..at].to_vec()).expect("UTF-8");
        let mut lines = head.split('\n');
        let command = lines.next().expect("a command").to_owned();
        let meant = |text: &str| match command == "CONNECTED" {
            true => text.to_owned(),
            false => text.replace("\\c", ":").replace("\\n", "\n").replace("\\r", "\r").replace("\\\\", "\\"),
        };
        let headers: Vec<(String, String)> = lines
            .map(|line| line.split_once(':').unwrap_or_else(|| panic!("{line:?} in {head}")))
            .map(|(name, value)| (meant(name), meant(value)))
            .collect();
        let rest = &self.bytes[at + 2..];
        let length =
            headers.iter().find(|(name, _)| name == "content-length").map(|(_, n)| n.parse().expect("a length"));
        let n_body = match length {
            Some(n_body) => (rest.len() > n_body).then_some(n_body)?,
            None => rest.iter().position(|byte| *byte == 0)?,
        };
        assert_eq!(rest[n_body], 0, "the end of {head}");
        let body = String::from_utf8(rest[..n_body].to_vec()).expect("UTF-8");
        self.bytes.drain(..at + 2 + n_body + 1);
        Some(StompFrame { command, headers, body })
    }
}
