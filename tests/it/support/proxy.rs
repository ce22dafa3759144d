//! A TCP proxy that does to connections what bad networks do: late, held back, cut, lost.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use socket2::SockRef;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
    task::JoinSet,
    time::sleep,
};

/// What the network is like now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Weather {
    /// Each piece is this much later.
    pub latency: Duration,
    /// What the client side sends is kept.
    pub holds_requests: bool,
    /// What the server side answers is kept.
    pub holds_answers: bool,
    /// New connections are ended with a reset.
    pub is_down: bool,
    /// Connections of before this generation are dropped with a reset.
    cut: u64,
    /// On connections of before this generation nothing comes through any more, and neither side notices.
    lost: u64,
}

/// Ends, with all its connections, when it is dropped.
pub struct Proxy {
    pub address: SocketAddr,
    weather: watch::Sender<Weather>,
    generation: Arc<AtomicU64>,
    server: Arc<Mutex<SocketAddr>>,
    _tasks: JoinSet<()>,
}

/// What one connection's two pumps share.
#[derive(Clone)]
struct Line {
    generation: u64,
    weather: watch::Receiver<Weather>,
}

impl Proxy {
    pub async fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (weather, line_weather) = watch::channel(Weather::default());
        let generation = Arc::new(AtomicU64::new(0));
        let now = generation.clone();
        let server = Arc::new(Mutex::new(server));
        let led_to = server.clone();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut lines = JoinSet::new();
            loop {
                let accepted = tokio::select! {
                    accepted = listener.accept() => accepted,
                    Some(_) = lines.join_next() => continue,
                };
                let Ok((client, _)) = accepted else { continue };
                let (generation, weather) = (now.load(Ordering::SeqCst), line_weather.clone());
                let line = Line { generation, weather };
                let server = *led_to.lock().expect("no panic in here");
                lines.spawn(line.carry(client, server));
            }
        });
        Self { address, weather, generation, server, _tasks: tasks }
    }

    /// New connections go there; those that are keep going where they went.
    pub fn lead_to(&self, server: SocketAddr) {
        *self.server.lock().expect("no panic in here") = server;
    }

    /// Before the PostgreSQL with this URL, and the URL of the same database through it.
    pub async fn to_postgres(database_url: &str) -> (Self, String) {
        let (credentials, rest) = database_url.split_once('@').expect("a URL with credentials");
        let (address, name) = rest.split_once('/').expect("a URL with a database");
        let proxy = Self::to(address.parse().expect("an address")).await;
        let url = format!("{credentials}@{}/{name}", proxy.address);
        (proxy, url)
    }

    pub fn set(&self, change: impl FnOnce(&mut Weather)) {
        self.weather.send_modify(change);
    }

    /// All is well again, for new connections and those that are still there.
    pub fn calm(&self) {
        self.set(|w| *w = Weather { cut: w.cut, lost: w.lost, ..Weather::default() });
    }

    /// Ends all present connections with a reset.
    pub fn cut(&self) {
        let next = self.generation.fetch_add(1, Ordering::SeqCst) + 1;
        self.set(|w| w.cut = next);
    }

    /// Ends all connections with a reset, and each new one too until [`Self::calm`].
    pub fn down(&self) {
        self.set(|w| w.is_down = true);
        self.cut();
    }

    /// From now on nothing comes through on the present connections, in either direction, and neither side notices.
    #[allow(dead_code, reason = "tests/faults has this file as well, and is who needs it")]
    pub fn lose(&self) {
        let next = self.generation.fetch_add(1, Ordering::SeqCst) + 1;
        self.set(|w| w.lost = next);
    }
}

impl Line {
    async fn carry(self, client: TcpStream, server: SocketAddr) {
        reset_when_dropped(&client);
        if self.weather.borrow().is_down {
            return;
        }
        let Ok(server) = TcpStream::connect(server).await else { return };
        let _ = (client.set_nodelay(true), server.set_nodelay(true));
        reset_when_dropped(&server);
        let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
        let mut weather = self.weather.clone();
        let generation = self.generation;
        let cut = async {
            // Where the proxy is gone its connections are as well.
            let _ = weather.wait_for(|w| w.cut > generation).await.map(drop);
        };
        tokio::select! {
            () = cut => {}
            ended = self.clone().pump(from_client, to_server, false) => ended,
            ended = self.pump(from_server, to_client, true) => ended,
        }
    }

    /// Carries one direction to its end. Bounded: one piece is on its way.
    async fn pump(mut self, mut from: OwnedReadHalf, mut to: OwnedWriteHalf, is_answer: bool) {
        let mut piece = [0; 16 * 1_024];
        loop {
            // Nothing is read, not even the end, once the line is lost.
            let read = tokio::select! {
                read = from.read(&mut piece) => read,
                () = lost(&mut self.weather, self.generation) => std::future::pending().await,
            };
            let Ok(n @ 1..) = read else { break };
            let generation = self.generation;
            let flows = move |w: &Weather| {
                w.lost <= generation && !(if is_answer { w.holds_answers } else { w.holds_requests })
            };
            let latency = self.weather.wait_for(flows).await.map(|w| w.latency);
            let Ok(latency) = latency else { break };
            if !latency.is_zero() {
                sleep(latency).await;
            }
            if to.write_all(&piece[..n]).await.is_err() {
                break;
            }
        }
    }
}

async fn lost(weather: &mut watch::Receiver<Weather>, generation: u64) {
    if weather.wait_for(|w| w.lost > generation).await.map(drop).is_err() {
        std::future::pending::<()>().await;
    }
}

/// The peer gets a reset instead of an orderly end.
fn reset_when_dropped(stream: &TcpStream) {
    let _ = SockRef::from(stream).set_linger(Some(Duration::ZERO));
}
