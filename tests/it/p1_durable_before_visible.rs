//! P1: a message is acknowledged, and shown to anyone, only after the database has committed it. A crash at
//! any instant loses nothing that was acknowledged or seen.

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use chat_wire::ServerFrame;
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::support::{Client, Database, Event, LIMITS_OFF, Server, Who, soon, whole};

on_both!(a_crash_in_mid_traffic_loses_nothing);

const ROOMS: [&str; 3] = ["first post", "두 번째 글", "third"];
/// Messages of one sender that are not answered yet.
const PIPELINE: usize = 8;

/// A client in traffic, with what it has sent and not heard of.
struct Talker {
    client: Client,
    room: usize,
    is_author: bool,
    pending: VecDeque<(Uuid, String)>,
    n_written: usize,
}

impl Talker {
    /// Talks until the connection breaks.
    async fn talk(mut self, n_acked: Arc<AtomicUsize>) -> Self {
        for (client_id, content) in self.pending.clone() {
            // Where the crash comes first, the next life of the server gets it.
            self.client.try_publish(client_id, &content).await;
        }
        loop {
            while self.is_author && self.pending.len() < PIPELINE {
                let (client_id, content) = (Uuid::new_v4(), format!("message {}", self.n_written));
                self.n_written += 1;
                self.pending.push_back((client_id, content.clone()));
                self.client.try_publish(client_id, &content).await;
            }
            match self.client.next("traffic").await {
                Event::Frame(ServerFrame::Ack(ack)) => {
                    self.pending.retain(|(id, _)| *id != ack.client_id);
                    n_acked.fetch_add(1, Ordering::Relaxed);
                }
                Event::Frame(ServerFrame::Error(error)) => panic!("in traffic: {error:?}"),
                Event::Frame(_) => {}
                Event::Closed(_) => return self,
            }
        }
    }
}

async fn a_crash_in_mid_traffic_loses_nothing(database: &Database) {
    let mut server = Server::with(database, &LIMITS_OFF).await;
    let mut talkers = Vec::new();
    for n in 0..9 {
        let room = n % ROOMS.len();
        let is_author = n < 6;
        let who = if is_author { Who::named(&format!("writer {n}")) } else { Who::reader() };
        let (client, _) = Client::join(&server, ROOMS[room], who).await;
        talkers.push(Talker { client, room, is_author, pending: VecDeque::new(), n_written: 0 });
    }
    for _ in 0..2 {
        let n_acked = Arc::new(AtomicUsize::new(0));
        let traffic: JoinSet<Talker> = talkers.into_iter().map(|t| t.talk(n_acked.clone())).collect();
        soon("400 acknowledgements", async || n_acked.load(Ordering::Relaxed) >= 400).await;
        server.kill9().await;
        talkers = traffic.join_all().await;
        all_is_stored(database, &talkers).await;
        server = Server::with(database, &LIMITS_OFF).await;
        let mut back = Vec::new();
        for talker in talkers {
            let (client, welcome) = talker.client.back(&server).await;
            assert!(welcome.head.resumed, "after a crash a client resumes: {:?}", welcome.head);
            back.push(Talker { client, ..talker });
        }
        talkers = back;
    }
    // What was under way at the second crash is sent again, and then all that was ever written is there once.
    for talker in &mut talkers {
        for (client_id, content) in std::mem::take(&mut talker.pending) {
            talker.client.say_as(client_id, &content).await;
        }
    }
    for (n, room) in ROOMS.iter().enumerate() {
        let stored = database.messages(room).await;
        let n_written = talkers.iter().filter(|t| t.room == n).map(|t| t.n_written).sum::<usize>();
        assert_eq!(stored.len(), n_written, "all that was written in {room}");
        let (rev, count) = database.counters(room).await;
        assert_eq!((rev, count), (stored.len() as i64, stored.len() as i64));
        for talker in talkers.iter_mut().filter(|t| t.room == n) {
            talker.client.reach(rev).await;
        }
    }
    all_is_stored(database, &talkers).await;
}

/// Everything that anyone was shown or told is in the database, and nothing is there twice.
async fn all_is_stored(database: &Database, talkers: &[Talker]) {
    for (n, room) in ROOMS.iter().enumerate() {
        let stored = whole(database, room).await;
        for talker in talkers.iter().filter(|t| t.room == n) {
            talker.client.history.agrees_with(&stored);
        }
    }
}
