//! What somebody who keeps order asks of servers, over the HTTP interface of any of them.

use std::{collections::BTreeMap, net::SocketAddr, time::Duration};

use diesel::{
    Connection, RunQueryDsl, SqliteConnection,
    connection::SimpleConnection,
    dsl::sql,
    sql_types::{BigInt, Text},
};
use rand::{RngExt, rngs::StdRng};
use serde_json::{Value, json};
use tokio::{
    sync::watch,
    time::{Instant, timeout},
};

use crate::{orders::Orders, support::connect};

/// How a server answered.
pub enum Told {
    Done(Value),
    /// It is not done.
    No(u16),
    /// Nobody knows.
    Unknown,
}

/// The doors of the servers, and the secret that opens them.
pub struct Api {
    pub http: reqwest::Client,
    pub orders: watch::Receiver<Orders>,
    pub token: String,
    /// Which door is chosen.
    pub rng: StdRng,
    /// How long the last thing took that was asked for.
    pub took: Duration,
    /// Answers that nobody should get.
    pub complaints: Vec<String>,
}

impl Api {
    pub fn doors(&self) -> Vec<SocketAddr> {
        self.orders.borrow().doors.clone()
    }

    fn door(&mut self) -> Option<SocketAddr> {
        let doors = self.doors();
        (!doors.is_empty()).then(|| doors[self.rng.random_range(0..doors.len())])
    }

    pub async fn post(&mut self, path: &str, body: Value) -> Told {
        let Some(door) = self.door() else { return Told::No(0) };
        let request = self.http.post(format!("http://{door}/api/v1/{path}")).bearer_auth(&self.token);
        let asked = Instant::now();
        let Ok(answer) = request.body(body.to_string()).send().await else { return Told::Unknown };
        let (status, text) = (answer.status().as_u16(), answer.text().await);
        self.took = asked.elapsed();
        let body: Value = text.ok().and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
        match status {
            200..300 => Told::Done(body),
            // A server that is not sure that no older one lives has done nothing.
            503 if body["error"]["code"] == "OVERLOADED" => Told::No(status),
            500.. => Told::Unknown,
            404 | 409 => Told::No(status),
            _ => {
                self.complaints.push(format!("{path} is answered with {status}: {body}"));
                Told::No(status)
            }
        }
    }

    pub async fn get_from(&self, door: SocketAddr, path: &str) -> Option<Value> {
        let request = self.http.get(format!("http://{door}/api/v1/{path}")).bearer_auth(&self.token);
        let answer = request.send().await.ok().filter(|answer| answer.status() == 200)?;
        answer.json().await.ok()
    }

    pub async fn get(&mut self, path: &str) -> Option<Value> {
        let door = self.door()?;
        self.get_from(door, path).await
    }
}

/// A ban, or what is to be lifted.
pub fn of_ban(author: &str, room: Option<&String>, seconds: Option<u32>) -> Value {
    let mut body = json!({"authorId": author, "scope": if room.is_some() { "room" } else { "all" }});
    if let Some(room) = room {
        body["room"] = json!(room);
    }
    if let Some(seconds) = seconds {
        body["seconds"] = json!(seconds);
    }
    body
}

/// The counters of all rooms, from the database itself; nothing while it is away.
pub async fn revs(url: &str) -> Option<BTreeMap<String, i64>> {
    const QUERY: &str = "SELECT id, last_rev FROM rooms";
    if let Some(path) = url.strip_prefix("sqlite://") {
        let mut file = SqliteConnection::establish(path).ok()?;
        file.batch_execute("PRAGMA busy_timeout = 2000").ok()?;
        let rows: Vec<(String, i64)> = sql::<(Text, BigInt)>(QUERY).load(&mut file).ok()?;
        return Some(rows.into_iter().collect());
    }
    let read = async {
        let client = connect(url).await.ok()?;
        let rows = client.query(QUERY, &[]).await.ok()?;
        Some(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
    };
    timeout(Duration::from_secs(3), read).await.ok()?
}
