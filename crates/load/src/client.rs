//! A visitor's WebSocket in plain blocking code: for scenarios that count and measure no time, a thread each.

use std::{
    io::{self, ErrorKind, Read, Write},
    net::{IpAddr, SocketAddr, TcpStream},
    time::{Duration, Instant},
};

use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use super::{
    parse::{Event, parse},
    target::Target,
    text::RunId,
    wire,
};

/// How long a connection may take from its connect to its WELCOME.
const OPEN_MAX: Duration = Duration::from_secs(5);
const READ_BYTES: usize = 64 * 1024;
/// The mask of every frame: it protects caches, which nobody has here.
const MASK: [u8; 4] = [0x13, 0x57, 0x9b, 0xdf];

/// A visitor's WebSocket, blocking.
pub struct Client {
    stream: TcpStream,
    bytes: Vec<u8>,
    run: RunId,
}

/// A text frame that came, as measurements know it.
pub struct Heard {
    /// What it says; a BATCH has several.
    pub events: Vec<Event>,
    /// Its bytes on the wire.
    pub n_bytes: usize,
}

/// A text frame that came.
pub struct Text {
    /// Its JSON.
    pub payload: Vec<u8>,
    /// Its bytes on the wire.
    pub n_bytes: usize,
}

impl Client {
    /// Connects, from `source` where there is one, sends `join`, and waits for WELCOME, which it gives as well.
    /// The error: what the server said instead, in a few words.
    pub fn open(
        target: &Target,
        path: &str,
        join: &str,
        (run, source): (RunId, Option<IpAddr>),
    ) -> Result<(Self, Text), String> {
        let until = Instant::now() + OPEN_MAX;
        let stream = connect(target.address, source).map_err(|e| broken(&e))?;
        stream.set_write_timeout(Some(OPEN_MAX)).map_err(|e| broken(&e))?;
        // A burst leaves as it is written, not with the answer to what came before it.
        stream.set_nodelay(true).map_err(|e| broken(&e))?;
        let mut client = Self { stream, bytes: Vec::new(), run };
        let request = wire::upgrade_request(&target.host, path, false);
        client.stream.write_all(request.as_bytes()).map_err(|e| broken(&e))?;
        loop {
            match wire::read_head(&client.bytes).map_err(|_| "no HTTP".to_owned())? {
                Some((101, n_head)) => {
                    client.take(n_head);
                    break;
                }
                Some((status, _)) => return Err(format!("HTTP {status}")),
                None if client.fill(until)? => {}
                None => return Err("no answer in time".into()),
            }
        }
        client.send(join)?;
        while let Some(text) = client.next_text(until)? {
            for event in client.events(&text)? {
                match event {
                    Event::Welcome(_) => return Ok((client, text)),
                    Event::Error { code, .. } => return Err(format!("JOIN refused: {code}")),
                    _ => {}
                }
            }
        }
        Err("no answer in time".into())
    }

    /// Sends a text frame.
    /// The error: why the connection ended.
    pub fn send(&mut self, text: &str) -> Result<(), String> {
        self.put(wire::TEXT, text.as_bytes())
    }

    /// What the next text frame says; nothing where none comes until then. Answers pings.
    /// The error: why the connection ended.
    pub fn next(&mut self, until: Instant) -> Result<Option<Heard>, String> {
        let Some(text) = self.next_text(until)? else { return Ok(None) };
        Ok(Some(Heard { events: self.events(&text)?, n_bytes: text.n_bytes }))
    }

    fn events(&self, text: &Text) -> Result<Vec<Event>, String> {
        parse(&text.payload, self.run).map_err(|_| "no frame of the protocol".to_owned())
    }

    /// The next text frame as it came; nothing where none comes until then. Answers pings.
    /// The error: why the connection ended.
    pub fn next_text(&mut self, until: Instant) -> Result<Option<Text>, String> {
        loop {
            let head = wire::read_frame(&self.bytes, false).map_err(|_| "no WebSocket".to_owned())?;
            let whole = head.filter(|head| self.bytes.len() >= head.n_head + head.n_payload);
            let Some(wire::FrameHead { opcode, n_head, n_payload, .. }) = whole else {
                if self.fill(until)? {
                    continue;
                }
                return Ok(None);
            };
            let frame = self.take(n_head + n_payload);
            let payload = frame.get(n_head..).unwrap_or_default();
            match opcode {
                wire::TEXT => return Ok(Some(Text { payload: payload.to_vec(), n_bytes: frame.len() })),
                wire::PING => self.put(wire::PONG, payload)?,
                wire::CLOSE => {
                    let code = payload.first_chunk().map_or(1005, |code| u16::from_be_bytes(*code));
                    return Err(format!("closed {code}"));
                }
                _ => {}
            }
        }
    }

    fn put(&mut self, opcode: u8, payload: &[u8]) -> Result<(), String> {
        let mut frame = Vec::with_capacity(payload.len() + 14);
        wire::put_frame(&mut frame, opcode, MASK, payload);
        self.stream.write_all(&frame).map_err(|e| broken(&e))
    }

    /// The first so many of the bytes that came.
    fn take(&mut self, n: usize) -> Vec<u8> {
        let rest = self.bytes.get(n..).unwrap_or_default().to_vec();
        self.bytes.truncate(n);
        std::mem::replace(&mut self.bytes, rest)
    }

    /// Reads what is there. False where nothing comes in time.
    fn fill(&mut self, until: Instant) -> Result<bool, String> {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(false);
        }
        // Less than the clock of the kernel can tell would be none at all.
        self.stream.set_read_timeout(Some(left.max(Duration::from_millis(1)))).map_err(|e| broken(&e))?;
        let mut read = vec![0; READ_BYTES];
        match self.stream.read(&mut read) {
            Ok(0) => Err("ended".into()),
            Ok(n) => {
                self.bytes.extend_from_slice(read.get(..n).unwrap_or_default());
                Ok(true)
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => Ok(false),
            Err(error) if error.kind() == ErrorKind::Interrupted => Ok(true),
            Err(error) => Err(broken(&error)),
        }
    }
}

fn connect(target: SocketAddr, source: Option<IpAddr>) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::for_address(target), Type::STREAM, Some(Protocol::TCP))?;
    if let Some(source) = source {
        socket.bind(&SockAddr::from(SocketAddr::new(source, 0)))?;
    }
    socket.connect_timeout(&target.into(), OPEN_MAX)?;
    Ok(socket.into())
}

fn broken(error: &io::Error) -> String {
    error.kind().to_string()
}
