//! Who comes, and what they do.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use rand::{RngExt, SeedableRng, rngs::StdRng};
use socket2::SockRef;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    time::sleep,
};
use uuid::Uuid;

use crate::{
    figures::Figures,
    support::{Client, Event, RawSocket, Server, Who, raw},
};

/// What people do, in the words of the report.
const DEEDS: [&str; 9] = [
    "came, wrote and said goodbye",
    "came back with a resume point",
    "came only to read",
    "vanished without a close",
    "were cut off in the middle of a frame",
    "stopped reading",
    "broke frames",
    "never joined",
    "asked over HTTP, some only half",
];

/// Everybody, at one server.
pub struct Crowd {
    server: Server,
    seed: u64,
    began: Instant,
    done: [AtomicU64; DEEDS.len()],
}

/// Random numbers from a seed.
struct Random(StdRng);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0.random_range(0..n)
    }

    async fn pause(&mut self, most: u64) {
        sleep(Duration::from_millis(self.below(most + 1))).await;
    }
}

impl Crowd {
    pub fn new(seed: u64, server: Server) -> Self {
        Self { server, seed, began: Instant::now(), done: Default::default() }
    }

    pub fn server(&self) -> &Server {
        &self.server
    }

    pub fn into_server(self) -> Server {
        self.server
    }

    pub async fn figures(&self) -> Figures {
        Figures::of(&self.server).await
    }

    /// What was done how often.
    pub fn done(&self) -> Vec<(&'static str, u64)> {
        DEEDS.into_iter().zip(self.done.iter().map(|n| n.load(Ordering::Relaxed))).collect()
    }

    /// One person after the other comes and goes, until it is over.
    pub async fn person(&self, n: usize, until: Instant) {
        let seed = self.seed ^ (n as u64) << 32 ^ self.began.elapsed().as_secs();
        let mut random = Random(StdRng::seed_from_u64(seed));
        // The first ones see to it that everything happens, in the shortest run too.
        let mut deed = n;
        while Instant::now() < until {
            deed %= DEEDS.len();
            self.act(deed, &mut random).await;
            self.done[deed].fetch_add(1, Ordering::Relaxed);
            deed = random.below(DEEDS.len() as u64) as usize;
            random.pause(100).await;
        }
    }

    /// Rooms are busy for a few seconds; then people go on to others, and these are left.
    fn room(&self, random: &mut Random) -> String {
        format!("soak-{}-{}", self.began.elapsed().as_secs() / 3, random.below(8))
    }

    async fn act(&self, deed: usize, random: &mut Random) {
        let room = self.room(random);
        let server = &self.server;
        match deed {
            0 | 1 => {
                let mut client = Client::author(server, &room, "somebody").await;
                for _ in 0..=random.below(4) {
                    client.say_again(Uuid::new_v4(), &"words ".repeat(1 + random.below(200) as usize)).await;
                    random.pause(50).await;
                }
                if deed == 1 {
                    client = client.back(server).await.0;
                    client.ping().await;
                }
                client.leave().await;
            }
            2 => {
                let mut client = Client::reader(server, &room).await;
                let until = Instant::now() + Duration::from_millis(random.below(2_000));
                while Instant::now() < until {
                    client.ping().await;
                    random.pause(200).await;
                }
                client.leave().await;
            }
            3 => {
                let stream = self.connection().await;
                // A reset instead of an end, for half of them.
                if random.below(2) == 0 {
                    SockRef::from(&stream).set_linger(Some(Duration::ZERO)).expect("a setting");
                }
                let (mut client, _) = Client::over(stream, server, &room, &[]).await.expect("an upgrade");
                client.who = Who::named("ghost");
                client.enter(None).await;
                client.publish(Uuid::new_v4(), "boo").await;
            }
            4 => {
                let mut socket = RawSocket::open(server, &format!("/ws/room/{room}"), "").await;
                let join = Who::reader().join(None).to_string();
                let n = random.below(join.len() as u64) as usize;
                let mut bytes = vec![raw::FIN | raw::TEXT, 0x80 | 126];
                bytes.extend_from_slice(&(join.len() as u16).to_be_bytes());
                bytes.extend_from_slice(&[0; 4]);
                bytes.extend_from_slice(&join.as_bytes()[..n]);
                socket.send_bytes(&bytes).await;
                random.pause(500).await;
            }
            5 => self.stop_reading(&room, random).await,
            6 => self.break_frames(&room, random).await,
            7 => {
                let mut client = Client::connect(server, &room).await;
                client.send_text("{").await;
                assert_eq!(client.closed().await, 4004);
            }
            _ => self.ask(&room, random).await,
        }
    }

    async fn connection(&self) -> TcpStream {
        TcpStream::connect(self.server.address).await.expect("a connection")
    }

    /// Joins, and takes nothing more: it is cut for its full outbox, or for its silence.
    async fn stop_reading(&self, room: &str, random: &mut Random) {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.set_recv_buffer_size(4 * 1024).expect("a setting");
        let stream = socket.connect(self.server.address).await.expect("a connection");
        let (mut stalled, _) = Client::over(stream, &self.server, room, &[]).await.expect("an upgrade");
        stalled.enter(None).await;
        // Some are gone before anybody notices, some wait until they are cut: for a full outbox, or for silence.
        let waits = random.below(2) == 0;
        for _ in 0..if waits { 3 } else { 1 } {
            let mut writer = Client::author(&self.server, room, "the writer").await;
            for _ in 0..10 {
                writer.say_again(Uuid::new_v4(), &"😀".repeat(2_000)).await;
            }
            writer.leave().await;
        }
        random.pause(1_000).await;
        if waits {
            sleep(Duration::from_secs(6)).await;
            while let Event::Frame(_) = stalled.next("the end").await {}
        }
    }

    async fn break_frames(&self, room: &str, random: &mut Random) {
        let mut socket = RawSocket::open(&self.server, &format!("/ws/room/{room}"), "").await;
        let mut bytes = [0; 512];
        random.0.fill(&mut bytes);
        match random.below(4) {
            0 => drop(socket.send_bytes(&bytes).await),
            1 => {
                socket.send(raw::FIN | raw::TEXT, &[b'x'; 20_000]).await;
                assert_eq!(socket.closed().await, 1009);
            }
            2 => {
                for _ in 0..60 {
                    // From the fiftieth on the server may have hung up.
                    socket.send(raw::FIN | raw::TEXT, &bytes).await;
                }
                assert_eq!(socket.closed().await, 4102);
            }
            _ => {
                socket.send(raw::TEXT, &bytes).await;
                socket.send(raw::FIN | raw::TEXT, &bytes).await;
                assert_eq!(socket.closed().await, 1002);
            }
        }
    }

    async fn ask(&self, room: &str, random: &mut Random) {
        let paths =
            [format!("/room/{room}"), format!("/api/v1/rooms/{room}/messages?limit=100"), "/healthz".to_owned()];
        let path = &paths[random.below(3) as usize];
        let mut stream = self.connection().await;
        let request = format!("GET {path} HTTP/1.1\r\nHost: soak\r\nConnection: close\r\n\r\n");
        let n = if random.below(4) == 0 { random.below(request.len() as u64) as usize } else { request.len() };
        stream.write_all(&request.as_bytes()[..n]).await.expect("a server that reads");
        if n == request.len() {
            let mut answer = Vec::new();
            let _ = stream.read_to_end(&mut answer).await;
            assert!(answer.starts_with(b"HTTP/1.1 200"), "{path}: {}", String::from_utf8_lossy(&answer));
        } else {
            random.pause(1_000).await;
        }
    }
}
