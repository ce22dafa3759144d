//! What a world of many servers is asked: when everybody is right again, and how the bus is.

use std::{collections::BTreeMap, fmt, time::Duration};

use tokio::time::Instant;

use crate::{
    support::{Folder, Proxy, Redis, Server, connect, soon, until},
    world::{N_CLIENTS, World},
};

/// The longest times until everybody was right again.
#[derive(Debug, Clone, Copy, Default)]
pub struct Right {
    /// All had every message that was stored when the trouble was over.
    messages: Duration,
    /// All were told as many people as there were.
    people: Duration,
}

impl fmt::Display for Right {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { messages, people } = self;
        write!(f, "messages right within {:.1} s, people within {:.1} s", messages.as_secs_f64(), people.as_secs_f64())
    }
}

/// With its log in this folder.
pub async fn start_redis(folder: &Folder, arguments: &[&str]) -> Redis {
    let log = folder.0.join("redis.log").display().to_string();
    Redis::with(&[arguments, &["--logfile", &log]].concat()).await
}

impl World {
    pub fn redis(&mut self) -> &mut Redis {
        self.redis.as_mut().expect("a Redis")
    }

    pub fn bus_wire(&self) -> &Proxy {
        self.bus_wire.as_ref().expect("a proxy before Redis")
    }

    /// Redis starts again, empty. Elsewhere: its old port may be somebody else's by now.
    pub async fn replace_redis(&mut self) {
        let redis = start_redis(&self.folder, &[]).await;
        self.bus_wire().lead_to(redis.address());
        self.redis = Some(redis);
    }

    /// How many readers Redis has cut because too much waited for them. It says so in its log alone.
    pub fn n_cut_by_redis(&self) -> usize {
        let log = std::fs::read_to_string(self.folder.0.join("redis.log")).unwrap_or_default();
        log.matches("output buffer limits").count()
    }

    /// Waits until every server says that the bus carries, or that it does not.
    pub async fn bus_is(&self, up: bool) {
        for server in &self.servers {
            until(if up { "the bus to carry" } else { "the bus to be missed" }, async || {
                let says = server.metric("chat_bus_up").await > 0.5;
                (says == up).then_some(())
            })
            .await;
        }
    }

    /// The sum of a metric over all servers.
    pub async fn sum(&self, metric: &str) -> f64 {
        let mut sum = 0.0;
        for server in &self.servers {
            sum += server.metric(metric).await;
        }
        sum
    }

    /// The counters of all rooms, over a connection that no trouble of before has ended.
    async fn revs(&self) -> BTreeMap<String, i64> {
        let client = connect(&self.database.url).await.expect("a connection");
        let rows = client.query("SELECT id, last_rev FROM rooms", &[]).await.expect("rooms");
        rows.iter().map(|row| (row.get(0), row.get(1))).collect()
    }

    /// The trouble is over: waits until everybody has all that is stored by now. Meanwhile nobody leaves.
    pub async fn all_have_all(&mut self) {
        let since = Instant::now();
        self.orders.send_modify(|o| o.stay = true);
        let revs = self.revs().await;
        soon("everybody to have every message", async || self.board.have_all(N_CLIENTS, &revs)).await;
        self.orders.send_modify(|o| o.stay = false);
        let right = self.ended.right.get_or_insert_default();
        right.messages = right.messages.max(since.elapsed());
    }

    /// The same, and until everybody is told how many people are in their room, over all servers.
    pub async fn all_are_right(&mut self) {
        let since = Instant::now();
        self.all_have_all().await;
        self.orders.send_modify(|o| o.stay = true);
        let agree = async || self.board.agree(N_CLIENTS).then_some(());
        if tokio::time::timeout(PEOPLE_MAX, until("everybody to be told the same people", agree)).await.is_err() {
            let what = format!("people are not right {PEOPLE_MAX:?} later: {}", self.board.describe());
            self.ended.complaints.push(what);
        }
        self.orders.send_modify(|o| o.stay = false);
        let right = self.ended.right.get_or_insert_default();
        right.people = right.people.max(since.elapsed());
    }

    /// A server stands still, as a machine does that is moved or swaps: it need not answer, and nobody is led to it.
    pub fn freeze_server(&mut self) -> Server {
        let server = self.withdraw_server();
        server.signal("STOP");
        server
    }

    /// It goes on where it stood.
    pub fn thaw_server(&mut self, server: Server) {
        server.signal("CONT");
        self.restore_server(server);
    }
}

/// A server that is gone is noticed after 5 s; a machine that is busy with other things takes longer.
const PEOPLE_MAX: Duration = Duration::from_secs(30);
