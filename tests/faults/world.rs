//! One fault's world: a database, servers, clients, and somebody who watches.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use futures_util::future::{LocalBoxFuture, join_all};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use serde_json::Value;
use tokio::{
    sync::{Mutex, watch},
    task::JoinSet,
    time::{Instant, sleep, timeout},
};

use crate::{
    STORED_MIN,
    acts::{self, Deeds},
    board::Board,
    checker::{Message, Run, StoredRoom},
    client::{Client, Counts, Habits, Life, Ties},
    many::{Right, start_redis},
    moderator::Office,
    orders::{Orders, Phase},
    place::{Cluster, ClusterSpec, SmallDisk, Template},
    stored,
    support::{Database, Folder, Proxy, Redis, Server, in_path, until, within},
};

/// Lets something go wrong once, and makes it good again.
type Strike = for<'a> fn(&'a mut World) -> LocalBoxFuture<'a, ()>;

/// Something that goes wrong.
pub struct Fault {
    pub name: &'static str,
    pub about: &'static str,
    pub spec: Spec,
    pub strike: Strike,
    /// That it really went wrong: tells what is missing, if anything.
    pub bit: fn(&Ended) -> Result<(), String>,
    /// Kinds of violations of which one must be found: the server is broken on purpose.
    pub expects: &'static [&'static str],
}

impl Fault {
    /// What most faults have in common.
    pub fn new(name: &'static str, about: &'static str, spec: Spec, strike: Strike) -> Self {
        Self { name, about, spec, strike, bit: |_| Ok(()), expects: &[] }
    }

    pub fn bit(self, bit: fn(&Ended) -> Result<(), String>) -> Self {
        Self { bit, ..self }
    }

    /// Whether its world has many servers, or somebody beside them who waits for each answer.
    pub fn is_large(&self) -> bool {
        self.spec.n_servers > 2 || self.spec.is_moderated
    }

    /// The servers must tell of it.
    pub fn told(self) -> Self {
        const SILENT: &str = "/healthz never told that the database was away";
        self.bit(|ended| if ended.n_degraded > 0 { Ok(()) } else { Err(SILENT.into()) })
    }

    pub fn expects(self, expects: &'static [&'static str]) -> Self {
        Self { expects, ..self }
    }
}

/// Where messages are kept.
#[derive(Debug, Clone, Copy)]
pub enum Home {
    Postgres(ClusterSpec),
    Sqlite {
        /// On a disk of this many MiB.
        disk_mib: Option<usize>,
    },
}

/// How a world is made.
#[derive(Debug, Clone, Copy)]
pub struct Spec {
    pub home: Home,
    pub n_servers: usize,
    pub n_rooms: usize,
    pub settings: &'static [(&'static str, &'static str)],
    /// A Redis stands between the servers, with these arguments, and a proxy between it and them.
    pub bus: Option<&'static [&'static str]>,
    /// A proxy stands between the servers and PostgreSQL.
    pub database_proxy: bool,
    /// A proxy stands between the clients and the server.
    pub client_proxy: bool,
    /// Servers and PostgreSQL see a clock that can be moved.
    pub fake_clock: bool,
    /// Writes of the server to its disk can be refused.
    pub fake_disk: bool,
    pub habits: Habits,
    /// Somebody keeps order all the time.
    pub is_moderated: bool,
    /// The one server there is knows at once what it stored, so that every single change comes live.
    pub one_by_one: bool,
}

impl Spec {
    pub const POSTGRES: Self = Self {
        home: Home::Postgres(ClusterSpec { settings: &[], disk_mib: None }),
        n_servers: 1,
        n_rooms: 3,
        settings: &[],
        bus: None,
        database_proxy: false,
        client_proxy: false,
        fake_clock: false,
        fake_disk: false,
        habits: Habits::USUAL,
        is_moderated: false,
        one_by_one: false,
    };
    pub const SQLITE: Self = Self { home: Home::Sqlite { disk_mib: None }, ..Self::POSTGRES };
}

impl Spec {
    pub fn needs_small_disk(&self) -> bool {
        match self.home {
            Home::Postgres(cluster) => cluster.disk_mib.is_some(),
            Home::Sqlite { disk_mib } => disk_mib.is_some(),
        }
    }
}

/// What all worlds share.
pub struct Kit {
    pub folder: Folder,
    pub postgres: Template,
    /// The library that moves the clock.
    pub faketime: Option<PathBuf>,
    /// The library that refuses writes.
    pub fakedisk: PathBuf,
    pub small_disks: bool,
    /// Whether there is a Redis to be started.
    pub redis: bool,
}

/// How a world ended.
#[derive(Default)]
pub struct Ended {
    pub run: Run,
    pub n_strikes: usize,
    pub n_resumed: usize,
    pub n_refused: usize,
    pub n_stored: usize,
    /// What became of messages: edits, deletions, reactions.
    pub n_changes: usize,
    /// Times that `/healthz` was seen to tell that the database is away.
    pub n_degraded: usize,
    /// The longest time that the servers took to tell that the database is back, once it was.
    pub back_max: Duration,
    /// How long it took until everybody on all servers was right again, where that was asked.
    pub right: Option<Right>,
    /// What faults count for themselves.
    pub counts: BTreeMap<&'static str, usize>,
    /// What broke the contract, apart from what the histories show.
    pub complaints: Vec<String>,
    pub server_logs: Vec<String>,
}

impl Ended {
    /// That this was counted at least once.
    pub fn needs(&self, what: &str) -> Result<(), String> {
        if self.counts.contains_key(what) { Ok(()) } else { Err(format!("never: {what}")) }
    }
}

pub struct World {
    // In this order they are dropped: clients, servers, then what these stand on.
    clients: JoinSet<Life>,
    _watcher: JoinSet<()>,
    pub servers: Vec<Server>,
    pub door: Option<Proxy>,
    pub wire: Option<Proxy>,
    /// Between the servers and their Redis.
    pub bus_wire: Option<Proxy>,
    pub redis: Option<Redis>,
    pub database: Database,
    pub cluster: Option<Cluster>,
    /// The one whose work another one took over; it lives on.
    left: Option<Cluster>,
    pub disk: Option<SmallDisk>,
    pub folder: Folder,
    pub rng: StdRng,
    pub ended: Ended,
    pub rooms: Vec<String>,
    may_jump: bool,
    /// The URL that servers are given.
    database_url: String,
    settings: Vec<(String, String)>,
    pub orders: watch::Sender<Orders>,
    pub board: Arc<Board>,
    /// The servers that must answer.
    healthy: watch::Sender<Vec<SocketAddr>>,
    complaints: Arc<Mutex<Vec<String>>>,
    counts: Arc<Counts>,
    /// From when on times are told.
    pub began: Instant,
    /// Who keeps order.
    pub office: Option<Office>,
    http: reqwest::Client,
}

pub const N_CLIENTS: usize = 10;
/// Of them, people who only read.
const N_READERS: usize = 2;
/// The contract's own times, which the tests' support otherwise makes longer; no limit on rates; and no message that is
/// too old to be edited, also where the clock jumps.
const SETTINGS: [(&str, &str); 4] = [
    ("CHAT_STORE_WAIT_SECS", "5"),
    ("CHAT_READ_WAIT_SECS", "1.8"),
    ("CHAT_RATE_LIMITS", "off"),
    ("CHAT_EDIT_WINDOW_SECS", "86400"),
];

impl World {
    pub async fn new(spec: Spec, kit: &Kit, mut rng: StdRng) -> Self {
        let folder = Folder::within(&kit.folder.0, "world");
        let mut settings: Vec<(String, String)> =
            SETTINGS.iter().chain(spec.settings).map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        let mut preload = Vec::new();
        if spec.fake_clock {
            let clock = folder.0.join("clock");
            std::fs::write(&clock, "+0\n").expect("a clock");
            preload.push(kit.faketime.clone().expect("libfaketime: scripts/lib/install.sh installs it"));
            settings.extend(clock_settings(&clock));
        }
        if spec.fake_disk {
            preload.push(kit.fakedisk.clone());
            settings.push(("FAKEDISK_REFUSES".into(), folder.0.join("refuses").display().to_string()));
        }
        let preload: Vec<_> = preload.iter().map(|p| p.display().to_string()).collect();
        if !preload.is_empty() {
            settings.push(("LD_PRELOAD".into(), preload.join(":")));
        }
        let (mut redis, mut bus_wire) = (None, None);
        if let Some(arguments) = spec.bus {
            let made = start_redis(&folder, arguments).await;
            let proxy = Proxy::to(made.address()).await;
            settings.push(("CHAT_BUS".into(), format!("redis://{}", proxy.address)));
            (redis, bus_wire) = (Some(made), Some(proxy));
        }
        let (mut cluster, mut disk, mut wire) = (None, None, None);
        let (database, database_url) = match spec.home {
            Home::Postgres(cluster_spec) => {
                let mut environment = Vec::new();
                if spec.fake_clock {
                    environment = settings.clone();
                    // The clock's file is in a folder of ours; PostgreSQL is another user.
                    environment.retain(|(n, _)| !n.starts_with("CHAT_"));
                }
                let made = kit.postgres.cluster(&folder.0, cluster_spec, environment, &mut rng).await;
                let database = Database::postgres_at(made.url()).await;
                let mut url = database.url.clone();
                if spec.database_proxy {
                    let (proxy, through) = Proxy::to_postgres(&url).await;
                    (wire, url) = (Some(proxy), through);
                }
                cluster = Some(made);
                (database, url)
            }
            Home::Sqlite { disk_mib } => {
                disk = disk_mib.map(|n_mib| SmallDisk::new(&folder.0.join("disk"), n_mib));
                let at = disk.as_ref().map_or(&folder.0, |d| &d.folder).join("sqlite");
                let database = Database::sqlite_in(at);
                let url = database.url.clone();
                (database, url)
            }
        };
        let (orders, _) = watch::channel(Orders {
            phase: Phase::Traffic,
            doors: Vec::new(),
            n_stops: 0,
            stay: false,
            calm_since: Some(Instant::now()),
        });
        let (healthy, watched) = watch::channel(Vec::new());
        let (complaints, http) = (Arc::default(), client());
        let mut watcher = JoinSet::new();
        watcher.spawn(watch_health(http.clone(), watched, Arc::clone(&complaints)));
        let rooms = (0..spec.n_rooms).map(|n| format!("글 {n}: {:08x}", rng.random::<u32>())).collect();
        let mut world = Self {
            clients: JoinSet::new(),
            _watcher: watcher,
            servers: Vec::new(),
            door: None,
            wire,
            bus_wire,
            redis,
            database,
            cluster,
            left: None,
            disk,
            folder,
            rng,
            ended: Ended::default(),
            rooms,
            may_jump: !spec.one_by_one,
            database_url,
            settings,
            orders,
            board: Arc::default(),
            healthy,
            complaints,
            counts: Arc::default(),
            began: Instant::now(),
            office: None,
            http,
        };
        // All at once, as they come up after a power cut.
        world.servers = join_all((0..spec.n_servers).map(|_| world.launch_server())).await;
        for server in &world.servers {
            server.ready().await;
        }
        if spec.client_proxy {
            world.door = Some(Proxy::to(world.servers[0].address).await);
        }
        world.open_doors();
        world
    }

    /// Lets people in.
    pub fn populate(&mut self, habits: Habits) {
        let (orders, counts, board) = (self.orders.subscribe(), self.counts.clone(), self.board.clone());
        let ties = Ties { orders, counts, board, began: self.began };
        for n in 0..N_CLIENTS {
            let room = self.rooms[n % self.rooms.len()].clone();
            let rng = StdRng::seed_from_u64(self.rng.random());
            let client = Client::new(n, &room, n >= N_READERS, habits, rng, ties.clone());
            self.clients.spawn(client.live());
        }
    }

    // Servers.

    /// One more server, which must answer from now on.
    pub async fn start_server(&mut self) {
        let server = self.launch_server().await;
        server.ready().await;
        self.servers.push(server);
        self.open_doors();
    }

    /// A server that listens and may still wait for its database.
    pub async fn launch_server(&self) -> Server {
        let settings: Vec<_> = self.settings.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        Server::launch(&self.database_url, &settings).await
    }

    /// Takes a server out: nobody new is led to it, and it need not answer.
    pub fn withdraw_server(&mut self) -> Server {
        let at = self.rng.random_range(0..self.servers.len());
        let server = self.servers.swap_remove(at);
        self.open_doors();
        server
    }

    /// One that was withdrawn is there again.
    pub fn restore_server(&mut self, server: Server) {
        self.servers.push(server);
        self.open_doors();
    }

    pub fn keep_log(&mut self, server: &Server) {
        self.ended.server_logs.push(server.log());
    }

    pub fn server(&self) -> &Server {
        &self.servers[0]
    }

    fn open_doors(&self) {
        let addresses: Vec<_> = self.servers.iter().map(|s| s.address).collect();
        self.healthy.send_replace(addresses.clone());
        let doors = self.door.as_ref().map_or(addresses, |d| vec![d.address]);
        self.orders.send_modify(|o| o.doors = doors);
    }

    // What faults do and ask.

    /// A pause of a random length, in milliseconds.
    pub async fn pause(&mut self, from: u64, to: u64) {
        let ms = self.rng.random_range(from..to);
        sleep(Duration::from_millis(ms)).await;
    }

    /// Some of the clients stop reading for a while.
    pub fn stop_reading(&self) {
        self.orders.send_modify(|o| o.n_stops += 1);
    }

    pub fn count(&mut self, what: &'static str) {
        *self.ended.counts.entry(what).or_default() += 1;
    }

    pub fn cluster(&mut self) -> &mut Cluster {
        self.cluster.as_mut().expect("a cluster of one's own")
    }

    /// Another cluster does the work now. The one before lives on until the next does.
    pub fn moved_to(&mut self, cluster: Cluster) {
        self.database.moved_to(cluster.url());
        self.left = self.cluster.replace(cluster);
    }

    /// The cluster whose work was taken over.
    pub fn left(&self) -> &Cluster {
        self.left.as_ref().expect("a cluster that was left")
    }

    pub fn wire(&self) -> &Proxy {
        self.wire.as_ref().expect("a proxy before the database")
    }

    /// Waits until `/healthz` of every server answers with this status.
    async fn health(&mut self, status: u16) {
        for address in self.servers.iter().map(|s| s.address).collect::<Vec<_>>() {
            let url = format!("http://{address}/healthz");
            until(&format!("{url} to answer {status}"), async || {
                let answer = self.http.get(&url).send().await.ok()?;
                (answer.status().as_u16() == status).then_some(())
            })
            .await;
        }
    }

    /// Waits until the servers tell that the database is away.
    async fn told_away(&mut self) {
        self.health(503).await;
        self.ended.n_degraded += 1;
    }

    /// The database is away: waits until the servers tell so, and then for at most so many milliseconds.
    pub async fn stays_away(&mut self, ms_max: u64) {
        self.told_away().await;
        self.pause(0, ms_max).await;
    }

    /// Lets `blow` take the database away: the first time until those who send are told, then for moments.
    pub async fn take_away(&mut self, blow: impl FnOnce(&mut Self)) {
        if self.ended.n_degraded == 0 {
            self.told_senders(blow).await;
        } else {
            blow(self);
            self.pause(50, 1_500).await;
        }
    }

    /// Waits until this many more messages are acknowledged.
    pub async fn acked(&self, n: usize) {
        let n_acked = || self.counts.n_acked.load(Ordering::SeqCst);
        let enough = n_acked() + n;
        until("messages to be acknowledged", async || (n_acked() >= enough).then_some(())).await;
    }

    /// Waits until this many more edits, deletions and reactions are acknowledged.
    pub async fn changed(&self, n: usize) {
        let n_changed = || self.counts.n_changed.load(Ordering::SeqCst);
        let enough = n_changed() + n;
        until("changes to be acknowledged", async || (n_changed() >= enough).then_some(())).await;
    }

    /// Waits until people are in and talk: what goes wrong before that goes wrong for nobody.
    pub async fn until_busy(&self) {
        self.acked(1).await;
    }

    /// Whether less happened up to now than the verdict asks for.
    pub fn is_idle(&self) -> bool {
        self.counts.n_acked.load(Ordering::SeqCst) < STORED_MIN || self.counts.n_resumed.load(Ordering::SeqCst) == 0
    }

    /// Lets `blow` take the database away, and waits until the servers tell so, and then until somebody who sends is
    /// told so. Until then nobody leaves: whoever is outside when the database goes cannot come in to send.
    async fn told_senders(&mut self, blow: impl FnOnce(&mut Self)) {
        self.orders.send_modify(|o| o.stay = true);
        // From somebody who stays.
        self.acked(1).await;
        let before = self.counts.n_refused.load(Ordering::SeqCst);
        blow(self);
        self.told_away().await;
        let n_refused = || self.counts.n_refused.load(Ordering::SeqCst);
        until("a message to be refused", async || (n_refused() > before).then_some(())).await;
        self.orders.send_modify(|o| o.stay = false);
    }

    /// Waits until they tell that it is back.
    pub async fn told_back(&mut self) {
        let began = Instant::now();
        self.health(200).await;
        self.ended.back_max = self.ended.back_max.max(began.elapsed());
    }

    /// How many sessions the first server says it has.
    pub async fn n_sessions(&self) -> u64 {
        self.server().json("/healthz").await["sessions"].as_u64().expect("a number")
    }

    /// Where the SQLite file is.
    pub fn sqlite_path(&self) -> String {
        self.database_url.strip_prefix("sqlite://").expect("a SQLite file").to_owned()
    }

    // The end.

    /// Lets everything come to rest, and gathers what is known.
    pub async fn finish(mut self, rest_max: Duration) -> Ended {
        self.told_back().await;
        self.orders.send_modify(|o| o.phase = Phase::Settle);
        let deeds = match self.office.take() {
            Some(office) => Some(within("everybody to be let in again", office.closed()).await),
            None => None,
        };
        let rest = async {
            while self.counts.n_unanswered.load(Ordering::SeqCst) > 0 {
                sleep(Duration::from_millis(20)).await;
            }
        };
        // Where this ends by its limit the checker says which messages are left.
        let _ = timeout(rest_max, rest).await;
        let mut last_revs = BTreeMap::new();
        for room in &self.rooms {
            last_revs.insert(room.clone(), self.database.counters(room).await.0);
        }
        self.orders.send_modify(|o| o.phase = Phase::Finish(last_revs));
        let mut lives = Vec::new();
        let deadline = Instant::now() + rest_max;
        while let Some(life) = {
            let next = tokio::time::timeout_at(deadline, self.clients.join_next()).await;
            match next {
                Ok(life) => life,
                Err(_) => {
                    self.orders.send_modify(|o| o.phase = Phase::Stop);
                    self.clients.join_next().await
                }
            }
        } {
            lives.push(life.expect("a client that does not panic"));
        }
        self.gather(lives, deeds).await
    }

    async fn gather(mut self, lives: Vec<Life>, deeds: Option<Deeds>) -> Ended {
        for room in self.rooms.clone() {
            let stored = stored::room(&self.database, &room).await;
            let last_rev = stored.last_rev;
            let (mut fresh, mut summaries) = (Vec::new(), Vec::new());
            let mut epoch = String::new();
            for server in &self.servers {
                fresh.push(read_all(server, &room).await);
                let path = format!("/api/v1/rooms/{}", in_path(&room));
                let mut summary = server.json(&path).await;
                // Another server's messages come to a room that nobody here listens to with the next poll.
                let deadline = Instant::now() + POLLED_MAX;
                while summary["rev"].as_i64() < Some(last_rev) && Instant::now() < deadline {
                    sleep(Duration::from_millis(50)).await;
                    summary = server.json(&path).await;
                }
                epoch = summary["epoch"].as_str().expect("an epoch").to_owned();
                summaries.push(summary["rev"].as_i64().expect("a counter"));
            }
            self.ended.n_stored += stored.rows.len();
            self.ended.n_changes += usize::try_from(last_rev).expect("a counter").saturating_sub(stored.rows.len());
            let stored = StoredRoom { epoch, fresh, summaries, may_jump: self.may_jump, ..stored };
            self.ended.run.rooms.insert(room, stored);
        }
        for server in &self.servers {
            self.ended.server_logs.push(server.log());
        }
        self.ended.complaints.append(&mut *self.complaints.lock().await);
        for life in lives {
            self.ended.n_resumed += life.n_resumed;
            self.ended.n_refused += life.n_refused;
            self.ended.complaints.extend(life.complaints);
            self.ended.run.clients.push(life.history);
        }
        if let Some(deeds) = deeds {
            let log = acts::log(&self.database).await;
            self.ended.complaints.extend(acts::check(&deeds, &log, &self.ended.run));
            let figures = [
                ("acts", deeds.n_acts),
                ("quiet spans", deeds.quiet.len()),
                ("reads of what was deleted", deeds.n_reads),
            ];
            self.ended.counts.extend(figures.into_iter().filter(|(_, n)| *n > 0));
        }
        self.ended
    }

    /// Moves the clock that servers and PostgreSQL see, by seconds from the real one.
    pub fn set_clock(&self, offset: i64) {
        let clock = self.folder.0.join("clock");
        // Readers never see half a file.
        let next = self.folder.0.join("clock.next");
        std::fs::write(&next, format!("{offset:+}\n")).expect("a clock");
        std::fs::rename(next, clock).expect("a clock");
    }

    /// Whether what the servers write to their disk is refused.
    pub fn refuse_writes(&self, on: bool) {
        let switch = self.folder.0.join("refuses");
        let done = if on { std::fs::write(switch, "") } else { std::fs::remove_file(switch) };
        done.expect("a switch");
    }
}

/// A server asks every second; a machine that is busy with other things may take longer.
const POLLED_MAX: Duration = Duration::from_secs(10);

fn clock_settings(clock: &Path) -> Vec<(String, String)> {
    let setting = |n: &str, v: &str| (n.to_owned(), v.to_owned());
    vec![
        setting("FAKETIME_TIMESTAMP_FILE", &clock.display().to_string()),
        setting("FAKETIME_NO_CACHE", "1"),
        setting("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
        setting("DONT_FAKE_MONOTONIC", "1"),
    ]
}

fn client() -> reqwest::Client {
    // A connection that was kept may be closed by the server at the moment it is used.
    let builder = reqwest::Client::builder().no_proxy().pool_max_idle_per_host(0);
    builder.timeout(Duration::from_secs(15)).build().expect("a client")
}

/// So long a server may fail to say that it lives and is ready: an orchestrator asks three times before it believes it,
/// and one that was frozen answers what it was asked before with a time that is over.
const UNWELL_MAX: Duration = Duration::from_secs(10);

/// Whatever happens to the database, a server that is there says that it lives and is ready.
async fn watch_health(
    http: reqwest::Client,
    mut healthy: watch::Receiver<Vec<SocketAddr>>,
    complaints: Arc<Mutex<Vec<String>>>,
) {
    let mut unwell_since = BTreeMap::new();
    loop {
        let addresses = healthy.borrow_and_update().clone();
        for address in addresses {
            for path in ["livez", "readyz"] {
                let answer = http.get(format!("http://{address}/{path}")).send().await;
                let wrong = match answer {
                    Ok(answer) if answer.status() == 200 => {
                        unwell_since.remove(&(address, path));
                        continue;
                    }
                    Ok(answer) => format!("/{path} answers {}", answer.status()),
                    Err(error) => format!("/{path}: {error:?}"),
                };
                // It may have been taken away meanwhile.
                let since = unwell_since.entry((address, path)).or_insert_with(Instant::now);
                if healthy.borrow().contains(&address) && since.elapsed() > UNWELL_MAX {
                    complaints.lock().await.push(wrong);
                }
            }
        }
        sleep(Duration::from_millis(100)).await;
    }
}

/// A room's whole history as the HTTP interface gives it.
async fn read_all(server: &Server, room: &str) -> Vec<Message> {
    let mut all = Vec::<Message>::new();
    loop {
        let after = all.last().map_or(0, |m| m.seq);
        let path = format!("/api/v1/rooms/{}/messages?after={after}&limit=100", in_path(room));
        let Value::Object(mut page) = server.json(&path).await else { panic!("{path} gives no object") };
        let messages = page.remove("messages").expect("messages");
        let messages: Vec<Message> = serde_json::from_value(messages).expect("messages");
        let is_last = page["hasMore"] == false || messages.is_empty();
        all.extend(messages);
        if is_last {
            return all;
        }
    }
}
