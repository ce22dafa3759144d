//! What operators see: docs/METRICS.md is what `/metrics` prints, every figure moves, and strangers make no series.

use std::{
    collections::{BTreeMap, BTreeSet},
    process::Stdio,
};

use chat_wire::{ErrorCode, ResumePoint};
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{Client, Database, RawSocket, Server, Who, command::react, message, soon};

on_both!(
    the_page_lists_what_is_printed_and_everything_moves,
    a_message_that_nobody_is_there_for_is_no_delivery,
    a_database_that_is_away_is_seen
);

const PAGE: &str = include_str!("../../docs/METRICS.md");

/// A metric: its type, its labels, and the values of each; `None` where they are not listed.
type Family = (String, BTreeMap<String, Option<BTreeSet<String>>>);

fn documented() -> BTreeMap<String, Family> {
    let mut families = BTreeMap::new();
    for row in PAGE.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        assert_eq!(cells.len(), 7, "{row}");
        assert!(!cells[4].is_empty(), "what it is: {row}");
        let mut labels = BTreeMap::new();
        for label in cells[3].split("; ").filter(|l| !l.is_empty()) {
            let (name, values) = label.split_once(": ").unwrap_or_else(|| panic!("{label} in {row}"));
            let values: BTreeSet<String> = values.split('`').skip(1).step_by(2).map(str::to_owned).collect();
            labels.insert(name.trim_matches('`').to_owned(), Some(values).filter(|v| !v.is_empty()));
        }
        let old = families.insert(cells[1].trim_matches('`').to_owned(), (cells[2].to_owned(), labels));
        assert!(old.is_none(), "listed twice: {row}");
    }
    families
}

/// One line of what is printed: name, labels, value.
struct Sample {
    name: String,
    labels: BTreeMap<String, String>,
    value: f64,
}

fn sample(line: &str) -> Sample {
    let (series, value) = line.rsplit_once(' ').expect("a value");
    let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
    let labels = labels.trim_end_matches('}').split("\",").filter(|l| !l.is_empty());
    let labels = labels.map(|l| l.split_once("=\"").expect("a label"));
    let labels = labels.map(|(name, value)| (name.to_owned(), value.trim_end_matches('"').to_owned())).collect();
    Sample { name: name.to_owned(), labels, value: value.parse().expect("a number") }
}

/// What is printed: type and labels of each metric, and the sum of its values (of a histogram: of its counts).
fn printed(text: &str) -> (BTreeMap<String, Family>, BTreeMap<String, f64>) {
    let mut families: BTreeMap<String, Family> = BTreeMap::new();
    let mut sums = BTreeMap::new();
    let mut helps = BTreeSet::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').expect("a help text");
            assert!(help.len() > 10, "{line}");
            helps.insert(name.to_owned());
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').expect("a type");
            let old = families.insert(name.to_owned(), (kind.to_owned(), BTreeMap::new()));
            assert!(old.is_none() && helps.contains(name), "{line}");
        } else {
            let Sample { name, labels, value } = sample(line);
            let part = ["_bucket", "_sum", "_count"].iter().find_map(|end| {
                let base = name.strip_suffix(end)?;
                families.get(base).is_some_and(|(kind, _)| kind == "histogram").then_some((base.to_owned(), *end))
            });
            let (base, end) = part.unwrap_or((name.clone(), ""));
            let (_, known) = families.get_mut(&base).unwrap_or_else(|| panic!("no type of {name}"));
            for (label, value) in labels.into_iter().filter(|(l, _)| end.is_empty() || l != "le") {
                known.entry(label).or_insert_with(|| Some(BTreeSet::new())).as_mut().expect("a set").insert(value);
            }
            if ["", "_count"].contains(&end) {
                *sums.entry(base).or_insert(0.0) += value;
            }
        }
    }
    (families, sums)
}

async fn text(server: &Server) -> String {
    server.get("/metrics").await.text().await.expect("text")
}

/// Nothing of a healthy server alone moves these. The other tests here, `bus`, `keeping`, `leases`, `slow_reader`, `locked_rooms`,
/// `p5_connections`, `p5_logs`, `p5_requests` and `replaced_history` do.
const AT_REST: &str = "chat_mails_total chat_webhooks_total chat_webhooks_failing_seconds chat_webhooks_off chat_amqp_total chat_amqp_failing_seconds chat_backlogs_trimmed_total chat_commit_failures_total \
    chat_history_replaced_total chat_http_connections_cut_total chat_lease_failures_total chat_locked_rooms \
    chat_messages_refused_by_store_total chat_log_lines_total chat_log_lines_dropped_total chat_outbox_bytes \
    chat_outbox_evictions_total chat_resumes_ahead_total chat_store_queue_messages chat_bus_published_total \
    chat_bus_received_total chat_bus_dropped_total chat_bus_gaps_total chat_bus_echo_duration_seconds \
    chat_bus_reconnects_total chat_people_age_seconds chat_guard_raids_total chat_messages_expired_total \
    chat_messages_archived_total";

async fn the_page_lists_what_is_printed_and_everything_moves(database: &Database) {
    let server = Server::start(database).await;
    let _reader = everything_happens(&server).await;
    let mut loud = Client::author(&server, "another-room-of-mine", "somebody").await;
    loud.publish_all((0..30).map(|n| format!("number {n}"))).await;
    loud.error_of(ErrorCode::RateLimited).await;
    loud.leave().await;
    // It is counted in whole seconds.
    server.counts("a second of the processor", "process_cpu_seconds_total", |n| n > 0.0).await;
    server.counts("rooms to be looked at", "chat_room_people_count", |n| n > 0.0).await;
    // Each of these requests has a connection of its own, which may be gone when they are counted.
    let held = tokio::net::TcpStream::connect(server.address).await.expect("a connection");
    server.counts("a connection to be counted", "chat_http_connections", |n| n > 0.0).await;
    let text = text(&server).await;
    drop(held);
    let (mut printed, sums) = printed(&text);
    let documented = documented();
    for (name, (_, labels)) in &documented {
        for (label, values) in labels {
            // What is not listed is not compared.
            if values.is_none()
                && let Some(found) = printed.get_mut(name).and_then(|(_, labels)| labels.get_mut(label))
            {
                *found = None;
            }
        }
    }
    let names = |families: &BTreeMap<String, Family>| families.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&printed), names(&documented));
    for (name, family) in &documented {
        assert_eq!(&printed[name], family, "{name}");
    }
    for (name, sum) in sums {
        let is_at_rest = AT_REST.split(' ').any(|n| n == name);
        assert!(is_at_rest || sum > 0.0, "{name} is {sum}");
        let units = "seconds total bytes info live max up off people messages connections fds threads rooms";
        let is_unit = |end: &str| name.strip_suffix(end).is_some_and(|base| base.ends_with('_'));
        assert!(units.split(' ').any(is_unit), "{name} has no unit");
    }
    // Whoever it was that came, none of it is in a label.
    for word in ["a-room-of-mine", "no-such-page", "BREW", "127.0.0.1", "somebody"] {
        assert!(!text.contains(word), "{word} in:\n{text}");
    }
    assert!(text.contains(&format!(r#"version="{}""#, env!("CARGO_PKG_VERSION"))), "{text}");
}

/// Each thing that a figure counts, once at least, but what only happens to a server in trouble. Gives who is still
/// there.
async fn everything_happens(server: &Server) -> Client {
    let mut client = Client::author(server, "a-room-of-mine", "somebody").await;
    let mut reader = Client::reader(server, "a-room-of-mine").await;
    let key = Uuid::new_v4();
    let ack = client.say_as(key, "hello").await;
    reader.reach(ack.rev).await;
    assert_eq!(client.say_as(key, "hello").await.seq, ack.seq);
    client.send(&message(key, "something else")).await;
    client.error_of(ErrorCode::ClientIdConflict).await;
    client.until_taken(&react(&ack.id, "👍", true)).await;
    client.send_text("no frame").await;
    client.error_of(ErrorCode::BadFrame).await;
    let (client, welcome) = client.back(server).await;
    assert!(welcome.head.resumed);
    client.leave().await;
    let gone = ResumePoint { epoch: Uuid::new_v4().to_string(), rev: 1 };
    let (_, welcome) = Client::join_at(server, "a-room-of-mine", Who::reader(), &gone).await;
    assert!(!welcome.head.resumed);
    let mut nameless = Client::connect(server, "a-room-of-mine").await;
    let join = json!({"type": "JOIN", "payload": {"anonymousId": Uuid::new_v4(), "nickname": " "}});
    nameless.refused(&join).await;
    let mut foreign =
        Client::open(server, "x", &[("Origin", "https://elsewhere.example")]).await.expect("an upgrade").0;
    assert_eq!(foreign.closed().await, 4101);
    assert_eq!(server.get("/ws/room/x").await.status(), 400);

    let http = reqwest::Client::builder().no_proxy().build().expect("a client");
    let page = server.get("/room/a-room-of-mine").await.text().await.expect("text");
    let (_, asset) = page.split_once("/static/").expect("a file");
    let asset = asset.split(['"', '\'']).next().expect("its address");
    let paths = "/ /embed.js /favicon.ico /livez /readyz /healthz /check /check.json /login /register /setup /reset /verify /me /contact /answers /answers/x /admin /admin/rooms /metrics /no-such-page \
        /api/v1/no-such-page /api/v1/avatars /api/v1/openapi.json /api/v1/highlight /api/v1/rooms /api/v1/rooms/a-room-of-mine \
        /api/v1/rooms/a-room-of-mine/messages /api/v1/rooms/a-room-of-mine/messages/1 \
        /api/v1/rooms/a-room-of-mine/messages/1/reactions /api/v1/rooms/a-room-of-mine/changes \
        /api/v1/rooms/a-room-of-mine/reactions/mine /api/v1/rooms/a-room-of-mine/members /avatars/fox.svg \
        /api/v1/rooms/a-room-of-mine/feed.atom /api/v1/rooms/a-room-of-mine/feed.rss /api/v1/feed.atom /api/v1/feed.rss \
        /api/v1/sessions/me /api/v1/admin/servers /api/v1/admin/servers/chat-0/ping /api/v1/admin/sessions \
        /api/v1/auth/code /api/v1/auth/logout /api/v1/me /api/v1/admin/overview /api/v1/admin/waiting \
        /api/v1/admin/rooms /api/v1/admin/people /api/v1/admin/people/nobody /api/v1/admin/bans /api/v1/admin/bans/lift \
        /api/v1/admin/defaults /api/v1/admin/rooms/a-room-of-mine /api/v1/admin/held /api/v1/admin/held/approve \
        /api/v1/admin/held/reject /api/v1/admin/reports /api/v1/admin/audit \
        /api/v1/admin/audit/1/undo /api/v1/admin/rooms/a-room-of-mine/messages/1/delete \
        /api/v1/admin/rooms/a-room-of-mine/messages/1/settle /api/v1/admin/export \
        /api/v1/admin/rooms/a-room-of-mine/purge";
    for path in paths.split_whitespace().chain([&*format!("/static/{asset}")]) {
        server.get(path).await.bytes().await.expect("all of it");
    }
    // What is refused is counted as what is done; a stream would not end.
    for path in ["messages/1/pin", "messages/1/reactions/x", "events"] {
        let url = server.url(&format!("/api/v1/rooms/a-room-of-mine/{path}"));
        http.patch(url).send().await.expect("an answer").bytes().await.expect("all of it");
    }
    for method in ["HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "BREW", "BREW2"] {
        let method = Method::from_bytes(method.as_bytes()).expect("a method");
        http.request(method, server.url("/")).send().await.expect("an answer");
    }
    reader
}

/// A message whose sender is gone before its commit goes into no outbox; whoever comes later was not waiting for it.
async fn a_message_that_nobody_is_there_for_is_no_delivery(database: &Database) {
    let server = Server::start(database).await;
    let mut author = Client::author(&server, "post", "the author").await;
    author.say("the first").await;
    // Counted once it is in every outbox, which its author may see sooner.
    let n_delivered = async || server.metric("chat_delivery_duration_seconds_count").await;
    soon("the first to be counted", async || n_delivered().await == 1.0).await;
    let held = database.hold("post").await;
    author.publish(Uuid::new_v4(), "and I am gone").await;
    server.counts("the message to wait for its commit", "chat_store_queue_messages", |n| n == 1.0).await;
    drop(author.drop_connection());
    server.counts("its sender to be gone", r#"chat_sessions_closed_total{code="1006"}"#, |n| n == 1.0).await;
    held.release().await;
    server.counts("the commit", "chat_messages_stored_total", |n| n == 2.0).await;
    let (mut reader, welcome) = Client::join(&server, "post", Who::reader()).await;
    reader.reach(welcome.head.room.rev.max(2)).await;
    reader.ping().await;
    assert_eq!(n_delivered().await, 1.0);
    assert_eq!(server.metric("chat_delivery_commit_duration_seconds_count").await, 2.0);
    assert_eq!(server.metric("chat_store_queue_messages").await, 0.0);
}

async fn a_database_that_is_away_is_seen(database: &Database) {
    let server = Server::with(database, &[("CHAT_STORE_WAIT_SECS", "3")]).await;
    let mut author = Client::author(&server, "post", "the author").await;
    // Three seconds may be too few for a busy machine.
    author.say_again(Uuid::new_v4(), "the first").await;
    let up = "chat_database_up";
    server.counts("the database to be seen", up, |n| n == 1.0).await;
    let refused = r#"chat_messages_refused_total{code="STORE_UNAVAILABLE"}"#;
    let n_refused = server.metric(refused).await;
    let held = database.hold_all().await;
    author.publish(Uuid::new_v4(), "meanwhile").await;
    server.counts("the database to be missed", up, |n| n == 0.0).await;
    author.error_of(ErrorCode::StoreUnavailable).await;
    assert_eq!(server.metric(refused).await, n_refused + 1.0);
    server.counts("a commit to fail", "chat_commit_failures_total", |n| n > 0.0).await;
    server.counts("the log to be counted", r#"chat_log_lines_total{level="error"}"#, |n| n > 0.0).await;
    held.release().await;
    server.counts("the database to be back", up, |n| n == 1.0).await;
}

/// Addresses and methods are what a stranger likes; series are not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn strangers_make_no_series() {
    let (_database, server) = Server::alone(&[("CHAT_RATE_LIMITS", "off")]).await;
    drop(everything_happens(&server).await);
    let n_series = async || text(&server).await.lines().filter(|l| !l.starts_with('#')).count();
    // The first of each kind may be new to it.
    strange(&server, 0).await;
    let before = n_series().await;
    for n in 1..30 {
        strange(&server, n).await;
    }
    assert_eq!(n_series().await, before, "{}", text(&server).await);
    assert!(before < 2_000, "{before} series");
    soon("the log to say it", async || server.log().matches("WARN").count() > 1).await;
    assert_eq!(server.log().matches("WARN").count(), 2, "of the limits, and of a foreign page: {}", server.log());
}

async fn strange(server: &Server, n: usize) {
    let http = reqwest::Client::builder().no_proxy().build().expect("a client");
    let paths = "/nothing/N /room/post-N /room/%N /static/N/N/N.js /avatars/N.svg /api/v1/rooms/N /api/v1/rooms/N/N \
        /api/v1/N /metrics/N /livez?N";
    for path in paths.split(' ') {
        server.get(&path.replace('N', &n.to_string())).await.bytes().await.expect("all of it");
    }
    let method = Method::from_bytes(format!("BREW{n}").as_bytes()).expect("a method");
    for path in ["/", "/nothing", "/api/v1/rooms/post"] {
        http.request(method.clone(), server.url(path)).send().await.expect("an answer");
    }
    let mut client = Client::author(server, &format!("post {n}"), &format!("author {n}")).await;
    client.say("hello").await;
    client.leave().await;
}

/// What ends a session is told apart.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_are_counted_by_how_they_ended() {
    let (_database, server) = Server::alone(&[("CHAT_JOIN_SECS", "1"), ("CHAT_IDENTITY_SESSIONS_MAX", "1")]).await;
    let one = Client::author(&server, "post", "the author").await;
    let mut too_many = Client::asking(&server, "post", one.who.clone()).await;
    assert_eq!(too_many.closed().await, 4103);
    one.leave().await;
    drop(Client::connect(&server, "post").await.drop_connection());
    assert_eq!(sends_an_unknown_opcode(&server).await, 1002);
    let mut silent = Client::connect(&server, "post").await;
    assert_eq!(silent.closed().await, 4004);
    drop(silent.drop_connection());
    for code in [1000, 1002, 1006, 4004, 4103] {
        let series = format!(r#"chat_sessions_closed_total{{code="{code}"}}"#);
        server.counts(&series, &series, |n| n == 1.0).await;
    }
    assert_eq!(server.metric("chat_sessions_opened_total").await, 5.0);
    assert_eq!(server.metric(r#"chat_upgrades_total{outcome="opened"}"#).await, 5.0);
    assert_eq!(server.metric(r#"chat_joins_total{outcome="too_many_sessions"}"#).await, 1.0);
}

/// Each line of the log is an object, also those of the start, of what strangers send, and of the end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_for_machines_is_json_line_by_line() {
    let database = Database::sqlite();
    let json = ("CHAT_LOG_FORMAT", "json");
    let settings = [json, ("RUST_LOG", "debug")];
    let mut server = Server::writing_to(&database, &settings, Stdio::null(), Stdio::piped()).await;
    let mut author = Client::author(&server, "post \"}", "the author").await;
    author.say("a text to find").await;
    author.leave().await;
    sends_an_unknown_opcode(&server).await;
    server.stop("TERM").await;
    server.logs("stopped").await;
    assert_json(&server.log());
    assert!(!server.log().contains("a text to find"));

    let failed = Server::run(&["--database-url", "sqlite:///dev/null/no \"such\" folder"], &[json]).await;
    assert!(!failed.status.success());
    assert_json(&failed.stderr);
    let last: Value = serde_json::from_str(failed.stderr.lines().last().expect("a line")).expect("JSON");
    assert_eq!(last["level"], "ERROR");
}

/// Gives how the session is closed.
async fn sends_an_unknown_opcode(server: &Server) -> u16 {
    let mut raw = RawSocket::open(server, "/ws/room/post", "").await;
    raw.send_bytes(&[0x83, 0x80, 0, 0, 0, 0]).await;
    raw.closed().await
}

fn assert_json(log: &str) {
    assert!(!log.is_empty());
    for line in log.lines() {
        let value: Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
        let object = value.as_object().expect("an object");
        assert_eq!(object.keys().map(String::as_str).collect::<Vec<_>>(), ["level", "message", "target", "time"]);
        assert!(object.values().all(Value::is_string), "{line}");
        assert!(chrono::DateTime::parse_from_rfc3339(object["time"].as_str().expect("a time")).is_ok(), "{line}");
        assert!(["ERROR", "WARN", "INFO", "DEBUG"].contains(&object["level"].as_str().expect("a level")), "{line}");
    }
}
