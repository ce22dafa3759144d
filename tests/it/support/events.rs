//! A stream of events over a connection of its own, read as its bytes come.

use std::collections::HashMap;

use serde_json::Value;
use socket2::SockRef;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpSocket, TcpStream},
};

use super::{Server, in_path, within};

/// An answer that goes on.
pub struct EventStream {
    reader: BufReader<TcpStream>,
    pub status: u16,
    /// By their names in lower case.
    pub headers: HashMap<String, String>,
    text: Vec<u8>,
    /// The latest `id`.
    pub last_id: Option<String>,
    end: Option<StreamEnd>,
}

/// How a stream ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamEnd {
    /// Properly.
    Ended,
    /// In the middle.
    Cut,
}

impl EventStream {
    /// What is answered to this. With a small window, little fills all that lies between.
    pub async fn open(
        server: &Server,
        method: &str,
        room: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
        is_narrow: bool,
    ) -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        if is_narrow {
            socket.set_recv_buffer_size(4 * 1024).expect("a setting");
        }
        let mut stream = within("a connection", socket.connect(server.address)).await.expect("a connection");
        if is_narrow {
            assert!(SockRef::from(&stream).recv_buffer_size().expect("a size") < 64 * 1024);
        }
        let body = body.map(Value::to_string).unwrap_or_default();
        // The rest of the address, a query for example, may stand behind the room.
        let (room, rest) =
            room.split_once('?').map_or((room, String::new()), |(room, rest)| (room, format!("?{rest}")));
        let mut head = format!(
            "{method} /api/v1/rooms/{}/events{rest} HTTP/1.1\r\nHost: {}\r\nAccept-Encoding: gzip, br\r\n",
            in_path(room),
            server.address
        );
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if !body.is_empty() {
            head.push_str(&format!("Content-Type: application/json\r\nContent-Length: {}\r\n", body.len()));
        }
        stream.write_all(format!("{head}\r\n{body}").as_bytes()).await.expect("a request");
        let mut reader = BufReader::with_capacity(1_024, stream);
        let mut line = String::new();
        within("an answer", reader.read_line(&mut line)).await.expect("a line");
        let status = line.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or_else(|| panic!("{line:?}"));
        let mut headers = HashMap::new();
        loop {
            line.clear();
            within("a header", reader.read_line(&mut line)).await.expect("a line");
            let Some((name, value)) = line.trim_end().split_once(": ") else { break };
            headers.insert(name.to_lowercase(), value.to_owned());
        }
        Self { reader, status, headers, text: Vec::new(), last_id: None, end: None }
    }

    /// The JSON of an answer that is no stream.
    pub async fn body(mut self) -> Value {
        let n = self.headers["content-length"].parse().expect("a length");
        let mut body = vec![0; n];
        within("a body", self.reader.read_exact(&mut body)).await.expect("a body");
        serde_json::from_slice(&body).expect("JSON")
    }

    /// The data of the next event, or how it ended.
    pub async fn event(&mut self) -> Result<String, StreamEnd> {
        loop {
            if let Some(at) = self.text.windows(2).position(|pair| pair == b"\n\n") {
                let event: Vec<u8> = self.text.drain(..at + 2).collect();
                let event = String::from_utf8(event).expect("UTF-8");
                let mut data = None;
                for line in event.lines().filter(|line| !line.is_empty()) {
                    match line.split_once(": ") {
                        Some(("data", text)) => assert_eq!(data.replace(text.to_owned()), None, "{event}"),
                        Some(("id", id)) => self.last_id = Some(id.to_owned()),
                        Some(("retry", _)) => {}
                        _ => panic!("a line of no known kind: {event}"),
                    }
                }
                return Ok(data.unwrap_or_else(|| panic!("no data: {event}")));
            }
            if let Some(end) = self.end {
                assert!(self.text.is_empty(), "half an event");
                return Err(end);
            }
            if self.chunk().await.is_none() {
                self.text.clear();
                self.end = Some(StreamEnd::Cut);
            }
        }
    }

    /// Reads one chunk more; `None` where the connection broke.
    async fn chunk(&mut self) -> Option<()> {
        let mut line = String::new();
        self.reader.read_line(&mut line).await.ok().filter(|n| *n > 0)?;
        let n = usize::from_str_radix(line.trim_end(), 16).unwrap_or_else(|_| panic!("{line:?}"));
        let mut chunk = vec![0; n + 2];
        self.reader.read_exact(&mut chunk).await.ok()?;
        if n == 0 {
            self.end = Some(StreamEnd::Ended);
        }
        self.text.extend_from_slice(&chunk[..n]);
        Some(())
    }
}
