//! The floor that benchmarks compare with: one thread, one epoll, one write for each recipient and message.
//!
//! It speaks just enough of the protocol for the load tester (WELCOME, MESSAGE, ACK) and does nothing of what a chat
//! must do: it stores nothing, checks nothing, bounds nothing. The latest messages of a room are kept as they were sent
//! and go out with WELCOME, so that a join moves as many bytes as ours does. Not part of the product.
//!
//! `broadcaster [PORT]` listens on 127.0.0.1 and prints its address.
// A measuring device on loopback, which may end by a panic.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]
#![allow(clippy::as_conversions, missing_docs)]

use std::{
    collections::{HashMap, VecDeque},
    env,
    fmt::Write as _,
    io::{self, Read, Write},
};

use chat_wire::text_frame;
use mio::{
    Events, Interest, Poll, Token,
    net::{TcpListener, TcpStream},
};
use serde_json::Value;

const LISTENER: Token = Token(usize::MAX);
/// Messages in a WELCOME, as in ours.
const PAGE: usize = 50;

struct Peer {
    stream: TcpStream,
    /// What came and is not a whole request or frame yet.
    came: Vec<u8>,
    /// What the socket did not take.
    left: Vec<u8>,
    /// Its room, once it has asked for it.
    room: Option<String>,
    has_joined: bool,
}

#[derive(Default)]
struct Room {
    members: Vec<Token>,
    rev: u64,
    /// The latest messages, as JSON.
    latest: VecDeque<String>,
}

#[derive(Default)]
struct Broadcaster {
    peers: HashMap<Token, Peer>,
    rooms: HashMap<String, Room>,
}

fn main() {
    let port: u16 = env::args().skip(1).find_map(|a| a.parse().ok()).unwrap_or(0);
    let mut poll = Poll::new().expect("an epoll");
    let mut listener = TcpListener::bind(([127, 0, 0, 1], port).into()).expect("a port");
    println!("http://{}/", listener.local_addr().expect("its address"));
    let _ = rlimit::increase_nofile_limit(1 << 20);
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE).expect("a listener");
    let (mut events, mut broadcaster, mut next) = (Events::with_capacity(1_024), Broadcaster::default(), 0);
    let mut buffer = vec![0; 64 * 1024];
    loop {
        poll.poll(&mut events, None).expect("events");
        for event in &events {
            if event.token() != LISTENER {
                broadcaster.serve(event.token(), event.is_writable(), &mut buffer);
                continue;
            }
            while let Ok((mut stream, _)) = listener.accept() {
                let token = Token(next);
                next += 1;
                let _ = stream.set_nodelay(true);
                let interest = Interest::READABLE | Interest::WRITABLE;
                poll.registry().register(&mut stream, token, interest).expect("a socket");
                let peer = Peer { stream, came: Vec::new(), left: Vec::new(), room: None, has_joined: false };
                broadcaster.peers.insert(token, peer);
            }
        }
    }
}

impl Broadcaster {
    fn serve(&mut self, token: Token, is_writable: bool, buffer: &mut [u8]) {
        let Some(peer) = self.peers.get_mut(&token) else { return };
        if is_writable && !peer.left.is_empty() {
            let left = std::mem::take(&mut peer.left);
            peer.send(&left);
        }
        loop {
            match peer.stream.read(buffer) {
                Ok(n) if n > 0 => peer.came.extend_from_slice(&buffer[..n]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                _ => return self.leave(token),
            }
        }
        if peer.room.is_none() && !peer.upgrade() {
            return;
        }
        while let Some(frame) = self.peers.get_mut(&token).and_then(Peer::frame) {
            self.frame(token, &frame);
        }
    }

    fn frame(&mut self, token: Token, text: &[u8]) {
        let Some(peer) = self.peers.get_mut(&token) else { return };
        let Ok(frame) = serde_json::from_slice::<Value>(text) else { return };
        let room_id = peer.room.clone().unwrap_or_default();
        let room = self.rooms.entry(room_id.clone()).or_default();
        if frame["type"] == "JOIN" && !std::mem::replace(&mut peer.has_joined, true) {
            room.members.push(token);
            let rev = room.rev;
            let latest = room.latest.make_contiguous().join(",");
            return peer.send(&text_frame(format!(
                r#"{{"type":"WELCOME","payload":{{"sessionId":"-","self":null,"room":{{"id":"{room_id}","epoch":"00000000-0000-4000-8000-000000000000","rev":{rev}}},"resumed":false,"messages":[{latest}],"hasMore":false,"presence":{{"count":1}},"limits":{{"contentMax":2000,"nicknameMin":2,"nicknameMax":15,"frameMax":16384}},"heartbeatSeconds":30}}}}"#
            )));
        }
        if frame["type"] != "MESSAGE" || !peer.has_joined {
            return;
        }
        room.rev += 1;
        let (rev, client_id, content) = (room.rev, &frame["payload"]["clientId"], &frame["payload"]["content"]);
        let at = r#""createdAt":"2026-01-01T00:00:00.000Z""#;
        peer.send(&text_frame(format!(
            r#"{{"type":"ACK","payload":{{"clientId":{client_id},"id":"{rev}","seq":{rev},"rev":{rev},{at}}}}}"#
        )));
        let payload = format!(
            r#"{{"id":"{rev}","seq":{rev},"rev":{rev},"clientId":{client_id},"author":{{"id":"AAAAAAAAAAAAAAAAAAAAAA","nickname":"somebody","avatar":"cat"}},"content":{content},{at}}}"#
        );
        let message = text_frame(format!(r#"{{"type":"MESSAGE","payload":{payload}}}"#));
        if room.latest.len() == PAGE {
            room.latest.pop_front();
        }
        room.latest.push_back(payload);
        for member in &room.members {
            if let Some(peer) = self.peers.get_mut(member) {
                peer.send(&message);
            }
        }
    }

    fn leave(&mut self, token: Token) {
        let Some(peer) = self.peers.remove(&token) else { return };
        if let Some(room) = peer.room.and_then(|room| self.rooms.get_mut(&room)) {
            room.members.retain(|member| *member != token);
        }
    }
}

impl Peer {
    fn send(&mut self, bytes: &[u8]) {
        let n = if self.left.is_empty() { self.stream.write(bytes).unwrap_or(0) } else { 0 };
        self.left.extend_from_slice(&bytes[n..]);
    }

    /// Answers the request for an upgrade once it is whole; says whether it was.
    fn upgrade(&mut self) -> bool {
        let Some(end) = self.came.windows(4).position(|w| w == b"\r\n\r\n") else { return false };
        let head = String::from_utf8_lossy(&self.came[..end]).into_owned();
        self.came.drain(..end + 4);
        let path = head.split(' ').nth(1).unwrap_or_default();
        self.room = Some(path.rsplit('/').next().unwrap_or_default().to_owned());
        let header = |name: &str| {
            let mut lines = head.lines().filter_map(|line| line.split_once(':'));
            lines.find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim()).unwrap_or_default()
        };
        let hash = actix_http::ws::hash_key(header("sec-websocket-key").as_bytes());
        let mut answer = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n".to_owned();
        if !header("sec-websocket-protocol").is_empty() {
            let _ = write!(answer, "Sec-WebSocket-Protocol: {}\r\n", header("sec-websocket-protocol"));
        }
        let _ = write!(answer, "Sec-WebSocket-Accept: {}\r\n\r\n", String::from_utf8_lossy(&hash));
        self.send(answer.as_bytes());
        true
    }

    /// The next whole frame from the client, unmasked (RFC 6455, section 5.2).
    fn frame(&mut self) -> Option<Vec<u8>> {
        let (header, n) = match *self.came.get(1)? & 0x7f {
            126 => (4, usize::from(u16::from_be_bytes([*self.came.get(2)?, *self.came.get(3)?]))),
            127 => (10, self.came.get(2..10)?.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte))),
            n => (2, usize::from(n)),
        };
        let mask: [u8; 4] = self.came.get(header..header + 4)?.try_into().ok()?;
        let payload = self.came.get(header + 4..header + 4 + n)?;
        let payload = payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask).collect();
        self.came.drain(..header + 4 + n);
        Some(payload)
    }
}
