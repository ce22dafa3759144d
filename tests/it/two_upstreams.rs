//! Two servers on one PostgreSQL behind nginx and HAProxy, with the settings of docs/CLUSTER.md: people on both are in
//! one chat, and when one of the servers ends nobody loses a message.

use std::{
    net::Ipv4Addr,
    sync::{Arc, atomic::Ordering},
};

use tokio::task::JoinSet;

use crate::{
    proxies::{BEHIND, Done, Kind, N_TALKERS, Proxy, replace, talk},
    support::{Client, Database, Server, Who, soon, whole},
};

const DOCUMENT: &str = include_str!("../../docs/CLUSTER.md");
const SESSIONS: &str = "chat_sessions_live";
/// What a quiet stop takes is no part of what is tried.
const SHORT_STOP: [(&str, &str); 2] = [("CHAT_DRAIN_GRACE_SECS", "3"), ("CHAT_DRAIN_WINDOW_SECS", "1")];

/// How a server ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// By SIGTERM: it moves its readers.
    Quiet,
    /// By SIGKILL: its sockets break.
    Killed,
}

/// The documented settings with the one upstream of docs/OPERATIONS.md replaced by the two of docs/CLUSTER.md.
fn with_two(kind: Kind, settings: &str, second: &Server) -> String {
    let (language, begins, ends) = match kind {
        Kind::Nginx => ("nginx", "upstream chat {", "\n}\n"),
        Kind::HaProxy => ("haproxy", "\nbackend chat\n", "    server chat 127.0.0.1:8080\n"),
        Kind::Caddy | Kind::Apache => panic!("{kind:?} has no settings for two servers"),
    };
    let (_, block) = DOCUMENT.split_once(&format!("```{language}\n")).expect("a block");
    let (block, _) = block.split_once("```").expect("the end of a block");
    let (before, rest) = settings.split_once(begins).expect("the one upstream");
    let (_, after) = rest.split_once(ends).expect("its end");
    let block = replace(block, "127.0.0.1:8081", &second.address.to_string());
    format!("{before}\n{block}{after}")
}

/// People through the proxy, until each server has some.
async fn people_on_both(proxy: &Proxy, servers: [&Server; 2]) -> Vec<Client> {
    let address = proxy.tunnel(Ipv4Addr::LOCALHOST);
    let mut people = Vec::new();
    for n in 0..2 * N_TALKERS {
        let client = Client::try_connect_as(address, &proxy.host(), "post", &[]).await;
        let mut client = client.unwrap_or_else(|| panic!("an upgrade through {}", proxy.host()));
        client.who = Who::named(&format!("person {n}"));
        client.enter(None).await;
        people.push(client);
        if servers[0].metric(SESSIONS).await > 0.0 && servers[1].metric(SESSIONS).await > 0.0 {
            return people;
        }
    }
    panic!("all of {} people are on one server", people.len());
}

async fn nobody_loses_a_message(kind: Kind, end: End) {
    let database = Database::postgres().await;
    let settings = [&BEHIND[..], &SHORT_STOP].concat();
    let one = Server::with(&database, &settings).await;
    let two = Server::with(&database, &settings).await;
    let proxy = Proxy::of(kind, &one, |text| with_two(kind, &text, &two)).await;

    // Whoever is on one server reads what is written on the other.
    let mut people = people_on_both(&proxy, [&one, &two]).await;
    let mut last = 0;
    for (n, person) in people.iter_mut().enumerate() {
        last = person.say(&format!("from person {n}")).await.seq;
    }
    for person in &mut people {
        person.reach(last).await;
    }
    let n_before = people.len();
    for person in people {
        person.leave().await;
    }

    let address = proxy.tunnel(Ipv4Addr::LOCALHOST);
    let done = Arc::new(Done::default());
    let mut talking = JoinSet::new();
    for n in 0..N_TALKERS {
        talking.spawn(talk(address, proxy.host(), Who::named(&format!("talker {n}")), done.clone()));
    }
    let goes_on = async |n: usize| {
        let before = done.n_acks.load(Ordering::Relaxed);
        soon("messages", async || done.n_acks.load(Ordering::Relaxed) >= before + n).await;
    };
    goes_on(20).await;
    soon("talkers alone", async || one.metric(SESSIONS).await + two.metric(SESSIONS).await == N_TALKERS as f64).await;
    // The fuller one ends, so that somebody has to come back however the proxy spread them.
    let is_fuller = one.metric(SESSIONS).await >= two.metric(SESSIONS).await;
    let (mut leaving, staying) = if is_fuller { (one, two) } else { (two, one) };
    let n_leaving = leaving.metric(SESSIONS).await;
    match end {
        End::Quiet => leaving.stop("TERM").await,
        End::Killed => leaving.kill9().await,
    }
    staying.counts("all to be on the server that stays", SESSIONS, |n| n >= N_TALKERS as f64).await;
    goes_on(20).await;
    done.stop.store(true, Ordering::Relaxed);

    let clients = talking.join_all().await;
    assert_eq!(done.n_returns.load(Ordering::Relaxed) as f64, n_leaving, "nobody else had to come back");
    let stored = whole(&database, "post").await;
    assert_eq!(stored.len(), n_before + done.n_acks.load(Ordering::Relaxed), "each message once");
    for mut client in clients {
        client.reach(stored.len() as i64).await;
        client.history.agrees_with(&stored);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn behind_nginx_a_server_that_stops_loses_nothing() {
    nobody_loses_a_message(Kind::Nginx, End::Quiet).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn behind_nginx_a_server_that_is_killed_loses_nothing() {
    nobody_loses_a_message(Kind::Nginx, End::Killed).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn behind_haproxy_a_server_that_stops_loses_nothing() {
    nobody_loses_a_message(Kind::HaProxy, End::Quiet).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn behind_haproxy_a_server_that_is_killed_loses_nothing() {
    nobody_loses_a_message(Kind::HaProxy, End::Killed).await;
}
