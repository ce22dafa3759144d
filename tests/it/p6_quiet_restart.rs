//! P6: a restart loses nothing that was accepted, and moves the sessions on.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use chat_wire::ServerFrame;
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::support::{
    Client, Database, Event, Proxy, RawSocket, Server, Who, get_raw, raw::UPGRADE, soon, until, whole,
};

on_both!(sigterm_moves_sessions_and_loses_nothing, sigint_is_quick_and_loses_nothing);

/// Listens to the end; gives the client back with the `afterMs` of its RECONNECT.
async fn moved(mut client: Client) -> (Client, u64) {
    let mut after_ms = None;
    loop {
        match client.next("to be moved").await {
            Event::Frame(ServerFrame::Reconnect(reconnect)) => after_ms = Some(reconnect.after_ms),
            Event::Frame(frame) => assert!(after_ms.is_none(), "behind RECONNECT comes only the close: {frame:?}"),
            Event::Closed(code) => {
                assert_eq!(code, 1012);
                return (client, after_ms.expect("RECONNECT before 1012"));
            }
        }
    }
}

/// Sends all the time until it is moved; what is not acknowledged by then is pending.
async fn talk_until_moved(mut client: Client, name: String) -> (Client, Vec<(Uuid, String)>) {
    let mut pending: Vec<(Uuid, String)> = Vec::new();
    let (mut n, mut is_told) = (0, false);
    loop {
        while pending.len() < 4 && !is_told {
            let (client_id, content) = (Uuid::new_v4(), format!("{name} says {n}"));
            n += 1;
            pending.push((client_id, content.clone()));
            // It may be closed already; then this stays pending.
            client.try_publish(client_id, &content).await;
        }
        match client.next("to be moved").await {
            Event::Frame(ServerFrame::Ack(ack)) => pending.retain(|(id, _)| *id != ack.client_id),
            Event::Frame(ServerFrame::Reconnect(reconnect)) => {
                assert!(reconnect.after_ms <= 1_000, "{}", reconnect.after_ms);
                is_told = true;
            }
            Event::Frame(ServerFrame::Error(error)) => panic!("in a restart: {error:?}"),
            Event::Frame(_) => {}
            Event::Closed(code) => {
                assert_eq!((code, is_told), (1012, true));
                return (client, pending);
            }
        }
    }
}

async fn talkers(server: &Server, n: usize) -> JoinSet<(Client, Vec<(Uuid, String)>)> {
    let mut talking = JoinSet::new();
    for n in 0..n {
        let name = format!("writer {n}");
        let client = Client::author(server, "post", &name).await;
        talking.spawn(talk_until_moved(client, name));
    }
    talking
}

/// Comes back and sends again what was not acknowledged; whether it was resumed.
async fn back_with(client: Client, server: &Server, pending: Vec<(Uuid, String)>) -> (Client, bool) {
    let (mut client, welcome) = client.back(server).await;
    for (client_id, content) in pending {
        client.say_as(client_id, &content).await;
    }
    (client, welcome.head.resumed)
}

async fn sigterm_moves_sessions_and_loses_nothing(database: &Database) {
    // Long enough for all that is done in each of them on a machine that is busy with other things.
    let settings = [("CHAT_RATE_LIMITS", "off"), ("CHAT_DRAIN_GRACE_SECS", "4"), ("CHAT_DRAIN_WINDOW_SECS", "4")];
    let mut server = Server::with(database, &settings).await;
    let talking = talkers(&server, 6).await;
    let reader = Client::reader(&server, "post").await;
    assert_eq!(server.get("/readyz").await.status(), 200);
    server.counts("traffic", "chat_messages_stored_total", |n| n > 50.0).await;
    server.signal("TERM");
    // In the grace it is red, and all goes on.
    soon("/readyz to be red", async || server.get("/readyz").await.status() == 503).await;
    assert_eq!(server.get("/livez").await.status(), 200);
    let mut late = Client::author(&server, "post", "a latecomer").await;
    late.say("in the grace").await;
    let mut moving = JoinSet::new();
    moving.spawn(moved(late));
    moving.spawn(moved(reader));
    // Then upgrades are refused with a time to come back at.
    let refusal = async || Some(get_raw(&server, "/ws/room/post", UPGRADE).await).filter(|a| a.status == 503);
    let refused = until("upgrades to be refused", refusal).await;
    assert!(refused.headers["retry-after"].parse::<u64>().is_ok(), "{refused:?}");
    for (_, after_ms) in moving.join_all().await {
        assert!(after_ms <= 1_000, "{after_ms}");
    }
    let talkers = talking.join_all().await;
    assert_eq!(server.end().await.code(), Some(0), "{}", server.log());

    let server = Server::with(database, &settings).await;
    let mut n_all = 1;
    let mut back = Vec::new();
    for (client, pending) in talkers {
        let (client, _) = back_with(client, &server, pending).await;
        n_all += client.history.acks.len() as i64;
        back.push(client);
    }
    let stored = whole(database, "post").await;
    assert_eq!(stored.len() as i64, n_all, "each message once");
    assert!(n_all > 50, "there was traffic: {n_all}");
    for client in &mut back {
        client.reach(n_all).await;
        client.history.agrees_with(&stored);
    }
}

async fn sigint_is_quick_and_loses_nothing(database: &Database) {
    // A long grace and window, which this signal skips.
    let settings = [("CHAT_RATE_LIMITS", "off"), ("CHAT_DRAIN_GRACE_SECS", "30"), ("CHAT_DRAIN_WINDOW_SECS", "30")];
    let mut server = Server::with(database, &settings).await;
    let talking = talkers(&server, 4).await;
    soon("traffic", async || server.metric("chat_messages_stored_total").await > 20.0).await;
    let told = Instant::now();
    server.signal("INT");
    let talkers = talking.join_all().await;
    assert_eq!(server.end().await.code(), Some(0), "{}", server.log());
    assert!(told.elapsed() < Duration::from_secs(20), "{:?}", told.elapsed());
    let stored = whole(database, "post").await;
    for (client, _) in &talkers {
        client.history.agrees_with(&stored);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_without_sessions_ends_early() {
    let (_database, mut server) = Server::alone(&[("CHAT_DRAIN_WINDOW_SECS", "30")]).await;
    Client::author(&server, "post", "the author").await.say("hello").await;
    soon("no session", async || server.json("/healthz").await["sessions"] == 0).await;
    stops_early(&mut server).await;
}

async fn stops_early(server: &mut Server) {
    let told = Instant::now();
    server.stop("TERM").await;
    assert!(told.elapsed() < Duration::from_secs(20), "{:?}", told.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_does_not_answer_holds_up_no_restart() {
    let settings = [("CHAT_DRAIN_GRACE_SECS", "0"), ("CHAT_DRAIN_WINDOW_SECS", "0")];
    let (_database, mut server) = Server::alone(&settings).await;
    let mut silent = RawSocket::open(&server, "/ws/room/post", "").await;
    silent.send_text(&Who::reader().join(None).to_string()).await;
    silent.text().await;
    stops_early(&mut server).await;
    assert_eq!(silent.closed().await, 1012);
}

/// A rolling update: the new server is there before the old one goes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_move_to_the_other_server_and_miss_nothing() {
    let settings = [("CHAT_RATE_LIMITS", "off"), ("CHAT_DRAIN_GRACE_SECS", "0.2"), ("CHAT_DRAIN_WINDOW_SECS", "2")];
    let (database, [mut old, new]) = Server::pair(&settings).await;
    let mut talking = talkers(&old, 4).await;
    soon("traffic", async || old.metric("chat_messages_stored_total").await > 20.0).await;
    old.signal("TERM");
    let mut moved = Vec::new();
    while let Some(talker) = talking.join_next().await {
        let (client, pending) = talker.expect("a talker");
        let (client, is_resumed) = back_with(client, &new, pending).await;
        assert!(is_resumed, "no banner");
        moved.push(client);
    }
    assert_eq!(old.end().await.code(), Some(0), "{}", old.log());
    let stored = whole(&database, "post").await;
    assert_eq!(moved.iter().map(|c| c.history.acks.len()).sum::<usize>(), stored.len());
    for client in &mut moved {
        client.reach(stored.len() as i64).await;
        client.history.agrees_with(&stored);
    }
}

/// What a client of a rolling replacement saw.
struct Rolled {
    client: Client,
    n_moves: usize,
    n_refused: usize,
    longest_gap: Duration,
}

/// Says something a few times a second, retries what was not acknowledged, and comes back as it is told, over
/// whatever server the line leads to.
async fn talk_through(wire: SocketAddr, name: String, stop: Arc<AtomicBool>) -> Rolled {
    let room = "rolling";
    let mut client = Client::try_connect_to(wire, room).await.expect("an upgrade");
    client.who = Who::named(&name);
    client.enter(None).await;
    let mut rolled = Rolled { client, n_moves: 0, n_refused: 0, longest_gap: Duration::ZERO };
    let mut pending: Option<(Uuid, String)> = None;
    let (mut n, mut after_ms) = (0, 0);
    while !(stop.load(Ordering::Relaxed) && pending.is_none()) {
        if pending.is_none() {
            tokio::time::sleep(Duration::from_millis(200)).await;
            let (client_id, content) = (Uuid::new_v4(), format!("{name} says {n}"));
            n += 1;
            rolled.client.try_publish(client_id, &content).await;
            pending = Some((client_id, content));
        }
        match rolled.client.next("a rolling replacement").await {
            Event::Frame(ServerFrame::Ack(ack)) => {
                pending.take_if(|(id, _)| *id == ack.client_id);
            }
            Event::Frame(ServerFrame::Reconnect(reconnect)) => after_ms = reconnect.after_ms,
            Event::Frame(ServerFrame::Error(error)) => panic!("in a rolling replacement: {error:?}"),
            Event::Frame(_) => {}
            Event::Closed(code) => {
                assert_eq!(code, 1012, "nobody is cut");
                let gone = Instant::now();
                tokio::time::sleep(Duration::from_millis(after_ms)).await;
                let who = rolled.client.who.clone();
                let history = rolled.client.drop_connection();
                let mut client = loop {
                    match Client::try_connect_to(wire, room).await {
                        Some(client) => break client,
                        None => rolled.n_refused += 1,
                    }
                };
                let welcome = client.come_back(who, history).await;
                assert!(welcome.head.resumed, "{:?}", welcome.head);
                rolled.client = client;
                rolled.n_moves += 1;
                rolled.longest_gap = rolled.longest_gap.max(gone.elapsed());
                if let Some((client_id, content)) = &pending {
                    rolled.client.publish(*client_id, content).await;
                }
            }
        }
    }
    rolled
}

/// Both servers of a pair are replaced, one after the other, while people talk: each is moved with one attempt that
/// succeeds, nothing is lost, and a new server stands ready before the old one is told to go.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rolling_replacement_under_load_costs_nobody_anything() {
    let settings = [("CHAT_RATE_LIMITS", "off"), ("CHAT_DRAIN_GRACE_SECS", "1"), ("CHAT_DRAIN_WINDOW_SECS", "2")];
    let (database, servers) = Server::pair(&settings).await;
    let mut servers = Vec::from(servers);
    let wires = [Proxy::to(servers[0].address).await, Proxy::to(servers[1].address).await];
    let stop = Arc::new(AtomicBool::new(false));
    let mut talking = JoinSet::new();
    for n in 0..20 {
        talking.spawn(talk_through(wires[n % 2].address, format!("talker {n}"), stop.clone()));
    }
    soon("traffic", async || database.messages("rolling").await.len() > 50).await;
    for _ in 0..2 {
        let new = Server::with(&database, &settings).await;
        let mut old = servers.remove(0);
        old.signal("TERM");
        // As a balancer does: it asks whether the server is ready, and sends new connections elsewhere.
        soon("/readyz to be red", async || old.get("/readyz").await.status() == 503).await;
        wires.iter().for_each(|wire| wire.lead_to(new.address));
        assert_eq!(old.end().await.code(), Some(0), "{}", old.log());
        servers.push(new);
    }
    stop.store(true, Ordering::Relaxed);
    let rolled = talking.join_all().await;
    let stored = whole(&database, "rolling").await;
    let n_acked: usize = rolled.iter().map(|r| r.client.history.acks.len()).sum();
    assert_eq!(stored.len(), n_acked, "every message once, and every one acknowledged");
    let n_moves: usize = rolled.iter().map(|r| r.n_moves).sum();
    assert!(n_moves >= 20, "everybody was moved: {n_moves}");
    assert_eq!(rolled.iter().map(|r| r.n_refused).sum::<usize>(), 0, "the first attempt of each succeeded");
    let longest = rolled.iter().map(|r| r.longest_gap).max().unwrap_or_default();
    println!("{n_moves} moves, {n_acked} messages, longest without a session: {longest:?}");
    // RECONNECT asks for at most a second; the rest is one connection.
    assert!(longest < Duration::from_secs(20), "{longest:?}");
    let rev = stored.last().expect("messages").rev;
    for mut rolled in rolled {
        rolled.client.reach(rev).await;
        rolled.client.history.agrees_with(&stored);
    }
}
