//! Several servers of one chat are loaded together: what crosses from one to another is told apart, and what goes wrong
//! at any of them is seen.

use std::sync::atomic::Ordering::Relaxed;

use serde_json::{Value, json};
use tokio::sync::watch;

use super::{CLEAN, Unkind, good, proxy, report};
use crate::support::{Client, Folder, LIMITS_OFF, Redis, Server, command::react};

/// How many deliveries were measured within servers, between them, and of each pair.
fn measured(report: &Value) -> (u64, u64, Vec<u64>) {
    let between = &report["betweenServers"];
    let n = |of: &Value| of["n"].as_u64().unwrap_or_else(|| panic!("{between}"));
    let pairs = between["pairs"].as_array().expect("pairs");
    (n(&between["own"]), n(&between["other"]), pairs.iter().map(|way| n(&way["delivery"])).collect())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deliveries_are_told_by_pairs_of_servers() {
    let (_database, [first, second]) = Server::pair(&LIMITS_OFF).await;
    let folder = Folder::new("rtc_load");
    let (html, pids) = (folder.path("run.html"), [first.pid(), second.pid()]);
    let arguments = format!(
        "--url {} --room shared --sessions 12 --rooms 3 --writers 6 --rate 30 --duration 2s --threads 2 --html {html} \
         --server-pid {} --server-pid {} {CLEAN} --fail-if unacknowledged>0 --fail-if other-p99>60s",
        second.url(""),
        pids[0],
        pids[1],
    );
    let (said, report) = good(first.address, &arguments).await;
    // 60 messages, each to the 4 people of its room: 2 of them on each server.
    assert_eq!(report["counts"]["deliveries"], 240, "{report}");
    assert_eq!(measured(&report), (120, 120, vec![60; 4]), "{}", report["betweenServers"]);
    let between = &report["betweenServers"];
    let p99 = |side: &str| between[side]["p99"].as_f64().expect("a latency");
    assert_eq!(between["p99Difference"], json!(p99("other") - p99("own")));
    let urls = [first.url(""), second.url("")];
    assert_eq!((&between["pairs"][1]["from"], &between["pairs"][1]["to"]), (&json!(urls[0]), &json!(urls[1])));
    for server in [&first, &second] {
        assert_eq!(server.metric(r#"chat_joins_total{outcome="fresh"}"#).await, 6.0, "as many on each");
    }
    // Two processes have more memory than one.
    let memory = report["server"]["memoryAfter"].as_f64().expect("memory");
    let each = pids.map(|pid| std::fs::read_to_string(format!("/proc/{pid}/statm")).expect("a living server"));
    let pages = |statm: &String| statm.split(' ').nth(1).and_then(|n| n.parse::<f64>().ok()).expect("pages");
    assert!(memory > 4096.0 * pages(&each[0]).max(pages(&each[1])) * 1.2, "{memory} {each:?}");
    let page = std::fs::read_to_string(&html).expect("a page");
    for text in [&said, &page] {
        for words in ["own server", "other server", "other minus own p99", &format!("{} to {}: 60,", urls[0], urls[1])]
        {
            assert!(text.contains(words), "{words} in {text}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn scenarios_are_of_all_servers() {
    let (_database, [first, second]) = Server::pair(&LIMITS_OFF).await;
    for scenario in ["storm", "churn", "idle"] {
        let arguments = format!(
            "--url {} --scenario {scenario} --sessions 20 --rooms 2 --rate 30 --duration 1s --stay 300ms --away 100ms {CLEAN} \
             --fail-if unacknowledged>0",
            second.url("")
        );
        let (_, report) = good(first.address, &arguments).await;
        let counts = &report["counts"];
        if scenario == "idle" {
            assert_eq!((&report["betweenServers"]["other"], &counts["joins"]), (&Value::Null, &json!(20)), "{report}");
            continue;
        }
        let (own, other, pairs) = measured(&report);
        assert_eq!(json!(own + other), counts["deliveries"], "{scenario}: {report}");
        assert_eq!(own + other, pairs.iter().sum::<u64>(), "{scenario}");
        assert!(own > 0 && other > 0, "{scenario}: {own} {other}");
        if scenario == "storm" {
            assert_eq!(report["storm"]["resumed"], 20, "{report}");
        }
    }
}

/// Whatever brings it to the other server.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_becomes_of_messages_is_followed_on_all_servers() {
    let redis = Redis::start().await;
    for bus in ["none", &redis.url()] {
        let (_database, [first, second]) = Server::pair(&[LIMITS_OFF[0], ("CHAT_BUS", bus)]).await;
        for server in [&first, &second] {
            if bus != "none" {
                server.counts("the bus", "chat_bus_up", |up| up == 1.0).await;
            }
            // Until it knows that no older server lives, it takes nothing but messages.
            let mut author = Client::author(server, "before", "somebody").await;
            let message = author.say("what do you think?").await;
            author.until_taken(&react(&message.id, "👍", true)).await;
        }
        let arguments = format!(
            "--url {} --sessions 12 --rooms 2 --rate 40 --duration 3s --threads 2 --mix edits=15,deletions=6,reactions=30 {CLEAN} \
             --fail-if unacknowledged>0",
            second.url("")
        );
        let (_, report) = good(first.address, &arguments).await;
        let (own, other, _) = measured(&report);
        assert_eq!(json!(own + other), report["counts"]["deliveries"], "{bus}: {report}");
        assert!(own > 0 && other > 0 && report["mix"]["edits"]["deliveries"].as_u64() > Some(0), "{bus}: {report}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_of_the_servers_loses_is_lost() {
    let (_database, [first, second]) = Server::pair(&LIMITS_OFF).await;
    let (address, n_times) = proxy(watch::channel(second.address).1, Unkind::Drops, "MESSAGE").await;
    let arguments = format!("--url http://{address} --sessions 8 --rooms 2 --rate 20 --duration 2s --fail-if lost>0");
    let (ended, report) = report(first.address, &arguments).await;
    assert_eq!(n_times.load(Relaxed), 4, "once on each connection");
    assert_eq!(report["tally"], json!({"lost": 4, "duplicated": 0, "reordered": 0}));
    assert_eq!(ended.status.code(), Some(1), "{}", ended.stdout);
}
