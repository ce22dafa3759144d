//! The load tester tells the truth: of a good server, of a bad one, and of what it was asked.

mod mix;
mod raid;
mod servers;

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use chat_wire::text_frame;
use serde_json::{Value, value::RawValue};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream, tcp::OwnedReadHalf},
    sync::watch,
};

use crate::support::{Client, Database, Ended, Folder, LIMITS_OFF, Server, soon};

on_both!(
    every_delivery_is_counted_once,
    every_scenario_comes_to_its_end,
    an_unkind_server_is_reported,
    a_server_that_restarts_loses_nothing,
    limits_of_the_server_are_named,
    the_flood_says_what_gets_through,
);

/// Runs `realtime-chat load` against this address.
async fn load(address: SocketAddr, arguments: &str) -> Ended {
    let url = format!("http://{address}");
    let given = ["load", "--url", &url, "--ramp", "200ms"];
    let arguments: Vec<&str> = given.into_iter().chain(arguments.split_whitespace()).collect();
    Server::run(&arguments, &[]).await
}

/// The same; gives the report too.
async fn report(address: SocketAddr, arguments: &str) -> (Ended, Value) {
    let folder = Folder::new("rtc_load");
    let ended = load(address, &format!("{arguments} --json {}", folder.path("run.json"))).await;
    let text = std::fs::read_to_string(folder.path("run.json"));
    let text = text.unwrap_or_else(|e| panic!("{e}: {}\n{}", ended.stdout, ended.stderr));
    (ended, serde_json::from_str(&text).expect("JSON"))
}

/// The same, which must come to its end as it is asked to; gives what it says as well.
async fn good(address: SocketAddr, arguments: &str) -> (String, Value) {
    let (ended, report) = report(address, arguments).await;
    (ended.done(), report)
}

const CLEAN: &str = "--fail-if lost>0 --fail-if duplicated>0 --fail-if reordered>0 --fail-if errors>0";

async fn every_delivery_is_counted_once(database: &Database) {
    let server = Server::with(database, &LIMITS_OFF).await;
    let folder = Folder::new("rtc_load");
    let (html, pid) = (folder.path("run.html"), server.pid());
    let arguments = format!(
        "--seed 7 --room counted --sessions 30 --rooms 3 --writers 12 --rate 40 --duration 2s --payload 300 --threads 2 \
         --html {html} --server-pid {pid} {CLEAN} --fail-if deliveries<800 --fail-if deliveries>800"
    );
    let (said, report) = good(server.address, &arguments).await;
    let counts = &report["counts"];
    // 80 messages, each to the 10 sessions of its room, its writer among them.
    for (name, n) in [("sent", 80), ("acknowledged", 80), ("deliveries", 800), ("joins", 30), ("refused", 0)] {
        assert_eq!(counts[name], n, "{name}: {counts}");
    }
    assert_eq!(report["tally"], serde_json::json!({"lost": 0, "duplicated": 0, "reordered": 0}));
    for (name, n) in [("delivery", 800), ("ack", 80), ("join", 30)] {
        assert_eq!(report[name]["n"], n, "{name}: {report}");
    }
    for (figure, n) in [(&report["unacknowledged"], 0), (&report["absent"], 0), (&report["settings"]["seed"], 7)] {
        assert_eq!(*figure, n, "{report}");
    }
    assert!(report["server"]["memoryJoined"].as_f64() > Some(1e6), "{}", report["server"]);
    let points = report["points"].as_array().expect("seconds").iter();
    assert_eq!(points.filter_map(|p| p["deliveries"].as_u64()).sum::<u64>(), 800, "the seconds add up");
    // The server agrees: these are its rooms and messages.
    let mut n_stored = 0;
    for room in 0..3 {
        let info = server.json(&format!("/api/v1/rooms/counted-{room}")).await;
        n_stored += info["messageCount"].as_u64().expect("a count");
    }
    assert_eq!(n_stored, 80);
    // The page has the same figures and needs nothing else.
    let page = std::fs::read_to_string(&html).expect("a page");
    assert!(said.contains("800 ("), "{said}");
    for figure in ["800 (", "30 sessions in 3 rooms", "<svg", "deliveries&lt;800"] {
        assert!(page.contains(figure), "{figure}");
    }
    for reference in ["http-equiv", "<script", "<link", "src=", "href=", "url("] {
        assert!(!page.contains(reference), "{reference}");
    }
}

async fn every_scenario_comes_to_its_end(database: &Database) {
    let server = Server::with(database, &LIMITS_OFF).await;
    let metrics = server.url("/metrics");
    for scenario in ["idle", "storm", "spike", "churn", "max"] {
        let arguments = format!(
            "--scenario {scenario} --sessions 20 --rooms 2 --rate 30 --duration 1s --stay 300ms --away 100ms \
             --spike-factor 3 --max-p99 10s --metrics {metrics} {CLEAN} --fail-if unacknowledged>0"
        );
        // The highest rate is found sooner where it is low: here by a limit on deliveries that no machine keeps.
        let arguments = if scenario == "max" { arguments.replace("10s", "1us") } else { arguments };
        let (ended, report) = report(server.address, &arguments).await;
        assert_eq!(ended.status.code(), Some(0), "{scenario}: {}\n{}", ended.stdout, ended.stderr);
        let counts = &report["counts"];
        let [sent, joins, deliveries, resumed] =
            ["sent", "joins", "deliveries", "resumedDeliveries"].map(|name| counts[name].as_u64().expect("a count"));
        assert!(report["server"]["memoryAfter"].as_f64() > Some(1e6), "{}", report["server"]);
        match scenario {
            "idle" => assert_eq!((sent, deliveries, joins), (0, 0, 20)),
            "storm" => {
                assert_eq!((sent, joins, &counts["resumes"]), (30, 40, &20.into()), "{report}");
                assert_eq!(deliveries + resumed, 300, "each of 30 reaches 10, in whatever way: {counts}");
                assert_eq!((&report["storm"]["back"], &report["storm"]["isBack"]), (&20.into(), &true.into()));
                assert!(report["storm"]["joinsPerSecond"].as_f64() > Some(0.0));
            }
            // A quarter of the second at three times the rate.
            "spike" => assert_eq!((sent, deliveries), (30 + 15, 450), "{counts}"),
            "churn" => {
                assert!(joins > 20 && counts["resumes"] == joins - 20, "{counts}");
                assert_eq!(sent, 30);
            }
            _ => {
                let steps = report["search"]["steps"].as_array().expect("steps");
                assert!(steps.len() > 2 && report["search"]["rate"].is_null(), "{}", report["search"]);
            }
        }
    }
}

/// What the proxy does to the frames of some type that go to clients.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Unkind {
    Never,
    Drops,
    Repeats,
    Swaps,
    /// Shows each new message that follows a deletion as the deleted one.
    Revives,
}

/// The next frame as a server writes it, and whether it is of this type; a BATCH, into which a busy server gathers what it
/// has to say, as the frames in it.
async fn frames(from: &mut OwnedReadHalf, kind: &str) -> Option<Vec<(Vec<u8>, bool)>> {
    let mut bytes = vec![0; 2];
    from.read_exact(&mut bytes).await.ok()?;
    let n_head = match bytes[1] {
        126 => 4,
        127 => 10,
        _ => 2,
    };
    bytes.resize(n_head, 0);
    from.read_exact(&mut bytes[2..]).await.ok()?;
    // Behind 126 or 127, or in their place.
    let n = bytes[if n_head == 2 { 1.. } else { 2.. }].iter().fold(0, |n, byte| n << 8 | usize::from(*byte));
    bytes.resize(n_head + n, 0);
    from.read_exact(&mut bytes[n_head..]).await.ok()?;
    let beginning = format!(r#"{{"type":"{kind}""#);
    let is_it = |json: &[u8]| json.starts_with(beginning.as_bytes());
    let json = &bytes[n_head..];
    let batch = json.strip_prefix(br#"{"type":"BATCH","payload":{"frames":"#).and_then(|json| json.strip_suffix(b"}}"));
    let Some(batch) = batch else {
        let is_it = is_it(json);
        return Some(vec![(bytes, is_it)]);
    };
    let frames: Vec<&RawValue> = serde_json::from_slice(batch).expect("frames");
    Some(frames.iter().map(|frame| (text_frame(frame.get()).to_vec(), is_it(frame.get().as_bytes()))).collect())
}

async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    (listener, address)
}

/// Stands before a server, wherever that is, and is unkind once on each connection, to the frames three and four
/// of a type. Counts how often.
async fn proxy(
    server: watch::Receiver<SocketAddr>,
    unkind: Unkind,
    kind: &'static str,
) -> (SocketAddr, Arc<AtomicU64>) {
    let (listener, address) = listen().await;
    let n_times = Arc::new(AtomicU64::new(0));
    let counter = n_times.clone();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let server = *server.borrow();
            tokio::spawn(between(client, server, (unkind, kind), counter.clone()));
        }
    });
    (address, n_times)
}

async fn between(client: TcpStream, server: SocketAddr, (unkind, kind): (Unkind, &str), counter: Arc<AtomicU64>) {
    // Where it is away, so is this.
    let Ok(server) = TcpStream::connect(server).await else { return };
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    tokio::spawn(async move { tokio::io::copy(&mut from_client, &mut to_server).await });
    // The head of the answer.
    let mut out = Vec::new();
    while !out.ends_with(b"\r\n\r\n") {
        let Ok(byte) = from_server.read_u8().await else { return };
        out.push(byte);
    }
    let (mut n_seen, mut kept, mut deleted) = (0, None, None);
    loop {
        if to_client.write_all(&out).await.is_err() {
            return;
        }
        let Some(frames) = frames(&mut from_server, kind).await else { return };
        out.clear();
        for (bytes, is_it) in frames {
            n_seen += u64::from(is_it);
            if unkind == Unkind::Revives
                && is_it
                && let Some(revived) = revive(&bytes, &mut deleted)
            {
                out.extend(revived);
                counter.fetch_add(1, Relaxed);
                continue;
            }
            match (unkind, n_seen) {
                (Unkind::Drops, 3) if is_it => {}
                (Unkind::Repeats, 3) if is_it => out.extend([bytes.clone(), bytes].concat()),
                (Unkind::Swaps, 3) if is_it => {
                    kept = Some(bytes);
                    continue;
                }
                (Unkind::Swaps, 4) if is_it => out.extend([bytes, kept.take().expect("the third")].concat()),
                _ => {
                    out.extend(bytes);
                    continue;
                }
            }
            counter.fetch_add(1, Relaxed);
        }
    }
}

/// A MESSAGE with the place of the one that was deleted last, where there is one and this is a new one.
fn revive(bytes: &[u8], deleted: &mut Option<Value>) -> Option<Vec<u8>> {
    let at = bytes.windows(7).position(|begin| begin == br#"{"type""#).expect("JSON behind the frame's head");
    let mut frame: Value = serde_json::from_slice(&bytes[at..]).expect("JSON");
    let message = &mut frame["payload"];
    if message["deletedAt"].is_string() {
        *deleted = Some(message["seq"].clone());
    } else if message["seq"] == message["rev"] {
        message["seq"] = deleted.take()?;
        return Some(text_frame(frame.to_string()).to_vec());
    }
    None
}

async fn an_unkind_server_is_reported(database: &Database) {
    let server = Server::with(database, &LIMITS_OFF).await;
    for (unkind, name, others) in [
        (Unkind::Drops, "lost", ["duplicated", "reordered"]),
        (Unkind::Repeats, "duplicated", ["lost", "reordered"]),
        (Unkind::Swaps, "reordered", ["lost", "duplicated"]),
    ] {
        let (address, n_times) = proxy(watch::channel(server.address).1, unkind, "MESSAGE").await;
        let arguments = format!("--sessions 6 --rooms 2 --rate 10 --duration 2s --fail-if {name}>0");
        let (ended, report) = report(address, &arguments).await;
        let n = n_times.load(Relaxed);
        assert_eq!(n, 6, "once on each connection");
        assert_eq!(report["tally"][name], n, "{unkind:?}: {}", report["tally"]);
        for other in others {
            assert_eq!(report["tally"][other], 0, "{unkind:?}: {}", report["tally"]);
        }
        assert_eq!(ended.status.code(), Some(1), "{}", ended.stdout);
        assert_eq!(report["rooms"].as_object().map(serde_json::Map::len), Some(2), "both rooms are named");
        let deliveries = if unkind == Unkind::Drops { 60 - 6 } else { 60 };
        assert_eq!(report["counts"]["deliveries"], deliveries, "only the first time is a delivery");
    }
}

async fn a_server_that_restarts_loses_nothing(database: &Database) {
    let server = Server::with(database, &LIMITS_OFF).await;
    // The second server has another port.
    let (place, places) = watch::channel(server.address);
    let (address, _) = proxy(places, Unkind::Never, "MESSAGE").await;
    let run =
        tokio::spawn(good(address, "--room talk --sessions 10 --rate 20 --duration 6s --drain 20s --fail-if lost>0"));
    // In the middle of it the server is gone, and another one comes in its place.
    let room = "/api/v1/rooms/talk-0";
    soon("messages", async || server.json(room).await["messageCount"].as_u64() > Some(20)).await;
    let server = server.again(database, &LIMITS_OFF).await;
    place.send_replace(server.address);
    let (_, report) = run.await.expect("the run");
    let counts = &report["counts"];
    // Sent again until answered.
    for (name, n) in [("sent", 120), ("acknowledged", 120), ("resumes", 10)] {
        assert_eq!(counts[name], n, "{name}: {counts}");
    }
    let n = counts["deliveries"].as_u64().unwrap_or(0) + counts["resumedDeliveries"].as_u64().unwrap_or(0);
    assert_eq!(n, 1_200, "each message reaches each session once: {counts}");
    assert_eq!(server.json(room).await["messageCount"], 120);
}

async fn limits_of_the_server_are_named(database: &Database) {
    let server = Server::with(database, &[("CHAT_ADDRESS_SESSIONS_MAX", "5")]).await;
    let arguments = "--sessions 8 --rate 60 --duration 2s --writers 1 --drain 1s --source-addresses 127.0.0.1";
    let (ended, report) = report(server.address, arguments).await;
    assert_eq!(report["errors"]["closed 4006"], 3, "{}", report["errors"]);
    assert!(report["errors"]["RATE_LIMITED"].as_u64() > Some(50), "{}", report["errors"]);
    assert_eq!((&report["joined"], &report["counts"]["refused"]), (&5.into(), &report["errors"]["RATE_LIMITED"]));
    for hint in ["CHAT_RATE_LIMITS=off", "Only 5 of 8 sessions"] {
        assert!(ended.stdout.contains(hint), "{}", ended.stdout);
    }
}

/// One address, with limits and without.
async fn the_flood_says_what_gets_through(database: &Database) {
    let arguments = "--scenario flood --sessions 20 --duration 3s --fail-if flood-messages>1000000";
    let server = Server::with(database, &[]).await;
    let begun = std::time::Instant::now();
    let (said, limited) = good(server.address, arguments).await;
    let seconds = begun.elapsed().as_secs_f64();
    let number = |report: &Value, name: &str| report[name].as_f64().unwrap_or_else(|| panic!("{name}: {report}"));
    let seen = &limited["seen"];
    // What is allowed in this time, and once more at once.
    assert!(number(seen, "messages") <= 30.0 * (seconds + 1.0), "{limited}");
    assert!(number(seen, "bytes") <= 32.0 * 1_024.0 * (seconds + 1.0), "{limited}");
    assert!(number(&limited["refused"], "RATE_LIMITED") > 0.0, "{limited}");
    assert!(number(seen, "messages") >= number(&limited, "acknowledged"), "{limited}");
    assert!(said.contains("what a reader of one room got"), "{said}");

    let server = server.again(database, &LIMITS_OFF).await;
    let (ended, open) = report(server.address, &arguments.replace(">1000000", "<1000000")).await;
    assert_eq!(ended.status.code(), Some(1), "{}\n{}", ended.stdout, ended.stderr);
    // A busy machine may be overloaded, which is no limit of anybody.
    assert!(open["refused"].get("RATE_LIMITED").is_none(), "{open}");
    assert!(number(&open, "identities") > 1.0 && number(&open["seen"], "messages") > 10.0, "{open}");
}

/// One clear line, status 2.
fn refused(ended: &Ended, words: &[&str]) {
    assert_eq!(ended.status.code(), Some(2), "{}\n{}", ended.stdout, ended.stderr);
    // On a busy machine a second passes before that, and each second has a line of progress.
    let lines: Vec<_> = ended.stderr.lines().filter(|line| !line.contains(" sessions · ")).collect();
    assert!(lines.len() == 1 && lines[0].starts_with("error: "), "{lines:?}");
    for word in words {
        assert!(lines[0].contains(word), "{word}: {lines:?}");
    }
}

#[tokio::test]
async fn wrong_arguments_are_one_line() {
    for (arguments, words) in [
        ("load --sessions none", &["--sessions", "whole number"][..]),
        ("load --fail-if p99", &["--fail-if", "p99>500ms"]),
        ("load --scenario calm", &["--scenario", "steady"]),
        ("load --rate 5 --think 1s", &["--rate", "--think"]),
        ("load --faster", &["--faster"]),
        ("load --room a/b", &["--room"]),
        ("load --url https://127.0.0.1", &["TLS"]),
        ("load --url here", &["--url"]),
        ("load --sessions 2 --rooms 3", &["--rooms"]),
        ("load --mix edits", &["--mix", "edits=N"]),
        ("load --mix edits=60,reactions=40", &["--mix", "100 percent"]),
        ("load --scenario flood --mix edits=1", &["--mix", "flood"]),
        ("load --scenario flood --compression on", &["--compression", "flood"]),
        ("load --scenario flood --url http://127.0.0.1:1 --url http://127.0.0.1:2", &["--url", "flood"]),
        ("load --scenario raid --raid polite", &["--raid", "slow-drip"]),
        ("load --scenario raid --mix edits=1", &["--mix", "raid"]),
        ("load --scenario raid --html page.html", &["--html", "raid"]),
        ("load --scenario raid --url http://127.0.0.1:1 --url http://127.0.0.1:2", &["--url", "raid"]),
        ("load --url http://127.0.0.1:1 --url ws://127.0.0.1:1/", &["--url", "twice"]),
        ("load --server-pid 1 --url http://127.0.0.1:1 --url http://127.0.0.1:2", &["--server-pid", "each server"]),
        ("load --server-pid 999999999", &["--server-pid"]),
        ("load --sessions 1000000 --url http://127.0.0.1:1", &["open files", "ulimit"]),
        ("load --url http://192.0.2.1", &["--i-own-this-server"]),
    ] {
        let arguments: Vec<_> = arguments.split(' ').collect();
        refused(&Server::run(&arguments, &[]).await, words);
    }
}

#[tokio::test]
async fn a_server_that_is_away_is_one_line() {
    let (_, address) = listen().await;
    refused(&load(address, "--sessions 1").await, &["no server answers", &address.to_string()]);
}

#[tokio::test]
async fn something_that_is_no_chat_is_one_line() {
    let (listener, address) = listen().await;
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            tokio::spawn(async move {
                // To its end: what is not read when the socket is dropped makes a reset of the answer.
                let mut request = Vec::new();
                while !request.ends_with(b"\r\n\r\n") && client.read_buf(&mut request).await.is_ok_and(|n| n > 0) {}
                let _ = client.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n").await;
            });
        }
    });
    refused(&load(address, "--sessions 3").await, &["no session could join", "404"]);
}

#[tokio::test]
async fn people_in_the_same_room_are_no_deliveries() {
    // It goes with its value, and a server notices that its file is gone.
    let (_database, server) = Server::alone(&LIMITS_OFF).await;
    let run = tokio::spawn(good(server.address, "--room talk --sessions 4 --rate 10 --duration 2s --fail-if lost>0"));
    let mut person = Client::author(&server, "talk-0", "a person").await;
    let room = "/api/v1/rooms/talk-0";
    soon("messages", async || server.json(room).await["messageCount"].as_u64() > Some(2)).await;
    person.say("what is going on here?").await;
    let (_, report) = run.await.expect("the run");
    assert_eq!((&report["counts"]["deliveries"], &report["counts"]["otherChanges"]), (&80.into(), &4.into()));
}
