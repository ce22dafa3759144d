use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
};

use super::{Server, within};

/// An answer over HTTP to a request that is sent as it stands, which libraries would not do.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    /// Names in lower case; of several values the last.
    pub headers: HashMap<String, String>,
    pub body: String,
}

/// The headers of a request for an upgrade, but for `Connection`.
pub const UPGRADE: &str =
    "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

/// A connection over which this was sent as it stands.
pub async fn sent(address: SocketAddr, request: &str) -> TcpStream {
    let mut stream = within("a connection", TcpStream::connect(address)).await.expect("a connection");
    stream.write_all(request.as_bytes()).await.expect("a server that reads");
    stream
}

/// A connection from this address, which is one of this machine.
pub async fn connect_from(server: &Server, address: impl Into<IpAddr>) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind(SocketAddr::new(address.into(), 0)).expect("an address of this machine");
    within("a connection", socket.connect(server.address)).await.expect("a connection")
}

/// Asks over a connection whether the server lives, and reads the answer.
pub async fn ask_livez(stream: &mut TcpStream) {
    stream.write_all(LIVEZ.as_bytes()).await.expect("a server that reads");
    let answer = within("an answer", read_answer(stream)).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, r#"{"status":"ok"}"#));
}

pub const LIVEZ: &str = "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n";

/// Sends these requests over one connection, so many of them before their answers are read; counts the answers by
/// status.
pub async fn pipelined(server: &Server, requests: &[String], n_at_once: usize) -> HashMap<u16, usize> {
    // A status line begins with this, and no body has it.
    const BEGIN: &[u8] = b"HTTP/1.1 ";
    let mut stream = TcpStream::connect(server.address).await.expect("a connection");
    let (mut rest, mut counts) = (Vec::new(), HashMap::new());
    for some in requests.chunks(n_at_once) {
        stream.write_all(some.concat().as_bytes()).await.expect("a server that reads");
        let mut n_answers = 0;
        while n_answers < some.len() {
            let n = within("answers", stream.read_buf(&mut rest)).await.expect("an answer");
            assert!(n > 0, "the server hung up after {counts:?}");
            while let Some(found) = rest.windows(BEGIN.len() + 3).position(|w| w.starts_with(BEGIN)) {
                let end = found + BEGIN.len() + 3;
                let status = String::from_utf8_lossy(&rest[end - 3..end]).parse().expect("a status");
                *counts.entry(status).or_default() += 1;
                n_answers += 1;
                rest.drain(..end);
            }
            // The begin of a status line may lie across two parts.
            rest.drain(..rest.len().saturating_sub(BEGIN.len() + 2));
        }
    }
    counts
}

/// GET of a path as it stands, not normalised.
pub async fn get_raw(server: &Server, path: &str, headers: &str) -> Answer {
    let request = format!("GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n{headers}\r\n", server.address);
    within(path, read_answer(&mut sent(server.address, &request).await)).await
}

async fn read_answer(stream: &mut TcpStream) -> Answer {
    let mut bytes = Vec::new();
    loop {
        let n = stream.read_buf(&mut bytes).await.expect("an answer");
        let text = String::from_utf8_lossy(&bytes);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let (status, headers) = read_head(head);
            let length = headers.get("content-length").and_then(|n| n.parse::<usize>().ok());
            let is_whole = match length {
                // An upgrade that is let in has no body.
                _ if status == 101 => true,
                Some(length) => bytes.len() - head.len() - 4 >= length,
                None => status == 304 || body.ends_with("\r\n0\r\n\r\n"),
            };
            if is_whole {
                return Answer { status, headers, body: body.to_owned() };
            }
        }
        assert!(n > 0, "an answer cut short: {text}");
    }
}

/// Sends a request for an upgrade that must be refused, and waits until the server ends the connection.
pub async fn refused_upgrade(server: &Server, path: &str) -> Answer {
    let request =
        format!("GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", server.address);
    let mut stream = sent(server.address, &request).await;
    let answer = within(path, read_answer(&mut stream)).await;
    read_to_end(&mut stream).await;
    answer
}

/// Reads until the server ends the connection; gives what came.
pub async fn read_to_end(stream: &mut TcpStream) -> String {
    let mut text = Vec::new();
    // A reset is an end as well.
    let _ = within("the end of the connection", stream.read_to_end(&mut text)).await;
    String::from_utf8_lossy(&text).into_owned()
}

fn read_head(head: &str) -> (u16, HashMap<String, String>) {
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|l| l.split(' ').nth(1)?.parse().ok()).expect("a status");
    let headers = lines.filter_map(|l| l.split_once(": ")).map(|(n, v)| (n.to_ascii_lowercase(), v.to_owned()));
    (status, headers.collect())
}

/// A WebSocket that sends only what a test asks it to, right or wrong: no pong and no close by itself.
pub struct RawSocket {
    stream: TcpStream,
    buffer: Vec<u8>,
    pub headers: HashMap<String, String>,
}

pub const CONTINUATION: u8 = 0x0;
pub const TEXT: u8 = 0x1;
pub const BINARY: u8 = 0x2;
pub const CLOSE: u8 = 0x8;
pub const PING: u8 = 0x9;
/// The bit of the last fragment.
pub const FIN: u8 = 0x80;

impl RawSocket {
    /// Opens it, with these header lines besides the usual ones.
    pub async fn open(server: &Server, path: &str, headers: &str) -> Self {
        Self::at(server.address, path, headers).await
    }

    /// The same at an address.
    pub async fn at(address: SocketAddr, path: &str, headers: &str) -> Self {
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\n{UPGRADE}{headers}\r\n");
        let stream = sent(address, &request).await;
        let mut socket = Self { stream, buffer: Vec::new(), headers: HashMap::new() };
        let end = loop {
            if let Some(end) = socket.buffer.windows(4).position(|w| w == b"\r\n\r\n") {
                break end;
            }
            assert!(socket.read_more().await, "closed instead of upgraded");
        };
        let head = String::from_utf8_lossy(&socket.buffer[..end]).into_owned();
        socket.buffer.drain(..end + 4);
        let (status, headers) = read_head(&head);
        assert_eq!(status, 101, "{head}");
        socket.headers = headers;
        socket
    }

    async fn read_more(&mut self) -> bool {
        let mut part = [0; 16 * 1024];
        let n = within("bytes from the server", self.stream.read(&mut part)).await.unwrap_or_default();
        self.buffer.extend_from_slice(&part[..n]);
        n > 0
    }

    /// A masked frame; `first` is the opcode, with [`FIN`] or without.
    pub async fn send(&mut self, first: u8, payload: &[u8]) -> bool {
        let mut frame = vec![first];
        match payload.len() {
            n @ 0..126 => frame.push(0x80 | n as u8),
            n @ 126..0x1_0000 => {
                frame.push(0x80 | 126);
                frame.extend_from_slice(&(n as u16).to_be_bytes());
            }
            n => {
                frame.push(0x80 | 127);
                frame.extend_from_slice(&(n as u64).to_be_bytes());
            }
        }
        // Masked with zeros, which changes nothing.
        frame.extend_from_slice(&[0; 4]);
        frame.extend_from_slice(payload);
        self.send_bytes(&frame).await
    }

    pub async fn send_text(&mut self, text: &str) {
        assert!(self.send(FIN | TEXT, text.as_bytes()).await, "a socket that takes a frame");
    }

    /// Any bytes. False where the connection is gone.
    pub async fn send_bytes(&mut self, bytes: &[u8]) -> bool {
        within("the server to read", self.stream.write_all(bytes)).await.is_ok()
    }

    /// The next frame's opcode and payload; `None` at the end of the connection.
    pub async fn frame(&mut self) -> Option<(u8, Vec<u8>)> {
        let (opcode, is_deflated, payload) = self.frame_with_bit().await?;
        assert!(!is_deflated, "no compression was agreed on");
        Some((opcode, payload))
    }

    /// The next frame's opcode, whether its payload is compressed, and that; `None` at the end of the connection.
    pub async fn frame_with_bit(&mut self) -> Option<(u8, bool, Vec<u8>)> {
        loop {
            if let Some((frame, n)) = cut(&self.buffer) {
                self.buffer.drain(..n);
                return Some(frame);
            }
            if !self.read_more().await {
                return None;
            }
        }
    }

    /// The next text frame.
    pub async fn text(&mut self) -> String {
        loop {
            match self.frame().await {
                Some((TEXT, payload)) => return String::from_utf8(payload).expect("UTF-8"),
                Some((PING, _)) => {}
                other => panic!("{other:?} instead of a text frame"),
            }
        }
    }

    /// Reads on to the close frame; 1006 where none comes.
    pub async fn closed(&mut self) -> u16 {
        loop {
            match self.frame().await {
                Some((CLOSE, payload)) => return u16::from_be_bytes([payload[0], payload[1]]),
                Some(_) => {}
                None => return 1006,
            }
        }
    }
}

/// Its opcode, whether it is compressed, and what is in it.
type Cut = (u8, bool, Vec<u8>);

/// The frame at the front and its length, once all of it is there.
fn cut(buffer: &[u8]) -> Option<(Cut, usize)> {
    let (first, second) = (*buffer.first()?, *buffer.get(1)?);
    assert_eq!(first & 0x30, 0, "there is one extension");
    assert_eq!(second & 0x80, 0, "a server does not mask");
    assert_eq!(first & FIN, FIN, "our server does not fragment");
    let big = |bytes: &[u8]| bytes.iter().fold(0_usize, |sum, b| sum << 8 | usize::from(*b));
    let (start, n) = match second {
        126 => (4, big(buffer.get(2..4)?)),
        127 => (10, big(buffer.get(2..10)?)),
        n => (2, usize::from(n)),
    };
    let payload = buffer.get(start..start + n)?.to_vec();
    Some(((first & 0x0f, first & 0x40 != 0, payload), start + n))
}
