//! The HTTP interface under `/api/v1`, and what is for operators.

use std::collections::HashSet;

use reqwest::StatusCode;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{Client, Database, Server, Who, check_schema, get_raw, soon};

on_both!(
    a_room_tells_its_state,
    the_history_is_read_page_by_page_in_both_directions,
    errors_are_json_with_a_code,
    probes_and_figures,
    metrics_move,
    every_address_answers_head_and_names_what_it_takes,
);

/// GET that must be this status and fit this schema of docs/openapi.json.
async fn get(server: &Server, path: &str, status: u16, schema: &str) -> Value {
    let response = server.get(path).await;
    assert_eq!(response.status().as_u16(), status, "{path}");
    assert_eq!(response.headers()["content-type"], "application/json", "{path}");
    let value: Value = response.json().await.expect("JSON");
    check_schema(schema, &value);
    value
}

async fn a_room_tells_its_state(database: &Database) {
    let server = Server::with(database, &[("CHAT_RATE_LIMITS", "off")]).await;
    let unused = get(&server, "/api/v1/rooms/nobody%20was%20here", 200, "RoomInfo").await;
    assert_eq!((&unused["id"], &unused["rev"]), (&json!("nobody was here"), &json!(0)));
    assert_eq!((&unused["messageCount"], &unused["lastMessageAt"]), (&json!(0), &Value::Null));
    assert_eq!(unused["presence"], json!({"count": 0, "members": [], "joined": [], "left": []}));
    let page = get(&server, "/api/v1/rooms/new/messages", 200, "MessagePage").await;
    assert_eq!(page, json!({"epoch": unused["epoch"], "rev": 0, "messages": [], "hasMore": false}));
    let members = get(&server, "/api/v1/rooms/new/members", 200, "Members").await;
    assert_eq!(members, json!({"count": 0, "authors": 0, "members": []}));

    let (mut author, welcome) = Client::join(&server, "글", Who::named("the author")).await;
    let reader = Client::reader(&server, "글").await;
    let mut ack = author.say("one").await;
    ack = author.say_as(Uuid::new_v4(), &format!("two after {}", ack.seq)).await;
    for spelling in ["글", "%EA%B8%80", "%E1%84%80%E1%85%B3%E1%86%AF"] {
        let info = get(&server, &format!("/api/v1/rooms/{spelling}"), 200, "RoomInfo").await;
        assert_eq!(info["id"], "글");
        assert_eq!(info["epoch"], welcome.head.room.epoch.as_ref());
        assert_eq!((&info["rev"], &info["messageCount"]), (&json!(2), &json!(2)));
        assert_eq!(info["lastMessageAt"], ack.created_at);
        let own = serde_json::to_value(&welcome.head.own).expect("JSON");
        assert_eq!(info["presence"], json!({"count": 2, "members": [own], "joined": [], "left": []}));
        let members = get(&server, &format!("/api/v1/rooms/{spelling}/members"), 200, "Members").await;
        assert_eq!(members, json!({"count": 2, "authors": 1, "members": [own]}));
    }
    // The same from a server that has the room not in memory.
    author.leave().await;
    reader.leave().await;
    let server = server.again(database, &[]).await;
    let info = get(&server, "/api/v1/rooms/글", 200, "RoomInfo").await;
    assert_eq!((&info["rev"], &info["lastMessageAt"]), (&json!(2), &json!(ack.created_at)));
    assert_eq!(info["epoch"], welcome.head.room.epoch.as_ref());
    assert_eq!(info["presence"]["count"], 0);
}

async fn the_history_is_read_page_by_page_in_both_directions(database: &Database) {
    let mut server = Server::with(database, &[("CHAT_RATE_LIMITS", "off")]).await;
    let mut author = Client::author(&server, "post", "the author").await;
    let n_all: i64 = 130;
    for n in 1..=n_all {
        author.publish(Uuid::new_v4(), &format!("message {n}")).await;
        author.reach(n - 50).await;
    }
    author.reach(n_all).await;
    let stored = serde_json::to_value(database.messages("post").await).expect("JSON");
    let stored = stored.as_array().expect("a list");
    for is_live in [true, false] {
        if !is_live {
            server = server.again(database, &[]).await;
        }
        let page = async |query: &str| {
            let page = get(&server, &format!("/api/v1/rooms/post/messages{query}"), 200, "MessagePage").await;
            (page["messages"].as_array().expect("a list").clone(), page["hasMore"].as_bool().expect("a flag"))
        };
        for limit in [9, 50, 65, 100] {
            let (mut all, mut has_more) = page(&format!("?limit={limit}")).await;
            assert_eq!(all.len(), limit);
            while has_more {
                let (mut older, more) = page(&format!("?limit={limit}&before={}", all[0]["seq"])).await;
                assert!(!older.is_empty() && (more || older[0]["seq"] == 1), "hasMore looks at older ones");
                older.append(&mut all);
                (all, has_more) = (older, more);
            }
            assert_eq!(&all, stored, "backwards by {limit}");
            let (mut all, mut has_more) = (Vec::new(), true);
            while has_more {
                let (newer, more) = page(&format!("?limit={limit}&after={}", all.len())).await;
                assert!(!newer.is_empty(), "hasMore looks at newer ones");
                all.extend(newer);
                has_more = more;
            }
            assert_eq!(&all, stored, "forwards by {limit}");
        }
        assert_eq!(page("").await, (stored[80..].to_vec(), true), "the latest 50");
        assert_eq!(page("?before=1").await, (vec![], false));
        assert_eq!(page("?before=0").await, (vec![], false));
        assert_eq!(page(&format!("?after={n_all}")).await, (vec![], false));
        assert_eq!(page("?after=9007199254740991").await, (vec![], false));
        assert_eq!(page("?before=9007199254740991&limit=2").await, (stored[128..].to_vec(), true));
        assert_eq!(page("?before=3&other=x").await, (stored[..2].to_vec(), false));
        assert_eq!(page("?after=128&limit=1").await, (stored[128..129].to_vec(), true));
    }
}

async fn errors_are_json_with_a_code(database: &Database) {
    let server = Server::start(database).await;
    let queries = "before=x before= before=-1 before=1.5 before=%31x before=0x10 before=9223372036854775808 \
        before=1&after=1 before=1&before=2 after=x after=-1 after= after=99999999999999999999 after=%00 \
        limit=x limit=0 limit=101 limit=-1 limit= limit=18446744073709551617";
    for query in queries.split(' ') {
        let error = get(&server, &format!("/api/v1/rooms/post/messages?{query}"), 400, "Error").await;
        assert_eq!(error["error"]["code"], "BAD_REQUEST", "{query}");
    }
    let paths = "/nothing /api/v1 /api/v1/ /api/v1/nothing /api/v2/rooms/post /api/v1/rooms/ /api/v1/rooms/post/nothing \
        /room /room/ /static/x/room.html /static/x/js/nothing.js /avatars/nobody.svg /avatars/avatars.json /ws \
        /embed.js/more";
    for path in paths.split(' ') {
        let error = get(&server, path, 404, "Error").await;
        assert_eq!(error["error"]["code"], "NOT_FOUND", "{path}");
    }
    for path in [
        "/static/x/../../Cargo.toml",
        "/static/x/js/../../../Cargo.toml",
        "/static/x/js/%2e%2e/%2e%2e/%2e%2e/Cargo.toml",
        "/avatars/..%2f..%2fCargo.toml",
        "/avatars/%2e%2e%2froom.html",
    ] {
        let answer = get_raw(&server, path, "").await;
        assert!([400, 404].contains(&answer.status) && !answer.body.contains("[package]"), "{path}: {}", answer.status);
    }
    // A person who comes to no page gets a page.
    let answer = get_raw(&server, "/nothing", "Accept: text/html\r\n").await;
    assert_eq!((answer.status, answer.headers["content-type"].as_str()), (404, "text/html; charset=utf-8"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn avatars_have_words_and_pictures() {
    let (_database, server) = Server::alone(&[]).await;
    let list = get(&server, "/api/v1/avatars", 200, "Avatars").await;
    let avatars = list["avatars"].as_array().expect("a list");
    assert!(avatars.len() >= 24, "{}", avatars.len());
    let mut seen = HashSet::new();
    for avatar in avatars {
        let name = &avatar["name"];
        assert!(["name", "ko", "en"].iter().all(|word| seen.insert(avatar[*word].to_string())), "{avatar}");
        let picture = server.get(&format!("/avatars/{}.svg", name.as_str().expect("a name"))).await;
        assert_eq!(picture.status(), StatusCode::OK, "{name}");
        assert_eq!(picture.headers()["content-type"], "image/svg+xml");
        assert_eq!(picture.headers()["access-control-allow-origin"], "*");
        let text = picture.text().await.expect("text");
        assert!(text.trim_start().starts_with("<svg") && !text.contains("<script"), "{name}");
    }
}

async fn probes_and_figures(database: &Database) {
    let server = Server::start(database).await;
    get(&server, "/livez", 200, "Live").await;
    get(&server, "/readyz", 200, "Ready").await;
    let health = get(&server, "/healthz", 200, "Health").await;
    let kind = if database.is_sqlite() { "sqlite" } else { "postgresql" };
    assert_eq!((&health["status"], &health["database"]["kind"]), (&json!("ok"), &json!(kind)));
    assert_eq!((&health["sessions"], &health["rooms"], &health["storeQueue"]), (&json!(0), &json!(0), &json!(0)));
    let one = Client::reader(&server, "one post").await;
    let two = Client::reader(&server, "two posts").await;
    let health = get(&server, "/healthz", 200, "Health").await;
    assert_eq!((&health["sessions"], &health["rooms"]), (&json!(2), &json!(2)));
    one.leave().await;
    drop(two);
    soon("the sessions to be gone", async || server.json("/healthz").await["sessions"] == 0).await;
    let described = server.json("/api/v1/openapi.json").await;
    let file: Value = serde_json::from_str(include_str!("../../docs/openapi.json")).expect("JSON");
    assert_eq!(described, file);
}

async fn metrics_move(database: &Database) {
    let server = Server::start(database).await;
    let text = server.get("/metrics").await.text().await.expect("text");
    let names = "chat_sessions_live chat_rooms_live chat_messages_stored_total chat_batch_messages chat_outbox_bytes \
        chat_commit_duration_seconds chat_delivery_duration_seconds chat_outbox_evictions_total";
    for name in names.split(' ') {
        assert!(text.contains(&format!("# TYPE {name} ")), "{name} in:\n{text}");
    }
    let mut client = Client::author(&server, "post", "the author").await;
    client.say("hello").await;
    client.say("hello again").await;
    client.send_text("no frame").await;
    client.ping().await;
    let _other = Client::reader(&server, "other post").await;
    for (name, value) in [
        ("chat_sessions_live", 2.0),
        ("chat_messages_stored_total", 2.0),
        ("chat_batch_messages_sum", 2.0),
        (r#"chat_joins_total{outcome="fresh"}"#, 2.0),
        (r#"chat_errors_total{code="BAD_FRAME"}"#, 1.0),
        ("chat_outbox_evictions_total", 0.0),
    ] {
        assert_eq!(server.metric(name).await, value, "{name}");
    }
    assert!(server.metric("chat_commit_duration_seconds_count").await >= 1.0);
    assert!(server.metric("chat_delivery_duration_seconds_count").await >= 1.0);
    // Figures that are read once a second.
    server.counts("a connection of the pool", r#"chat_store_pool_connections{state="open"}"#, |n| n >= 1.0).await;
    server.counts("two rooms", "chat_rooms_live", |n| n == 2.0).await;
    let (client, _) = client.back(&server).await;
    assert_eq!(server.metric(r#"chat_joins_total{outcome="resumed"}"#).await, 1.0);
    client.leave().await;
    let text = server.get("/metrics").await.text().await.expect("text");
    // The HTTP middleware's and the process's own are there as well, and a room's name is in none.
    assert!(text.contains("http_requests_total") && text.contains("process_resident_memory_bytes"), "{text}");
    server.get("/api/v1/rooms/a-name-to-find").await;
    let text = server.get("/metrics").await.text().await.expect("text");
    assert!(!text.contains("a-name-to-find"), "as many series as rooms");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn metrics_may_have_an_address_of_their_own() {
    let (_database, server) = Server::alone(&[("CHAT_METRICS_ADDR", "127.0.0.1:0")]).await;
    assert_eq!(server.get("/metrics").await.status(), 404);
    let port = server.ports().into_iter().find(|port| *port != server.address.port()).expect("another port");
    let url = format!("http://127.0.0.1:{port}/metrics");
    let text = reqwest::get(url).await.expect("an answer").text().await.expect("text");
    assert!(text.contains("chat_sessions_live 0"), "{text}");
}

async fn every_address_answers_head_and_names_what_it_takes(database: &Database) {
    let server = Server::start(database).await;
    let http = reqwest::Client::new();
    let paths = "/ /room/post /embed.js /metrics /livez /healthz /api/v1/avatars /api/v1/rooms/post";
    for path in paths.split(' ') {
        let head = http.head(server.url(path)).send().await.expect("an answer");
        assert_eq!(head.status(), StatusCode::OK, "HEAD {path}");
        assert!(head.bytes().await.expect("no body").is_empty(), "HEAD {path}");
        let post = http.post(server.url(path)).send().await.expect("an answer");
        assert_eq!(post.status(), StatusCode::METHOD_NOT_ALLOWED, "POST {path}");
        assert_eq!(post.headers()["allow"], "GET, HEAD", "POST {path}");
    }
}
