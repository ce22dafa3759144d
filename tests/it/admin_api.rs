//! What operators are told of servers and sessions, and who is an operator.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{Client, Database, Redis, Server, Who, check_schema, soon};

on_both!(only_the_token_opens_it, a_server_tells_of_itself_and_its_sessions);

const TOKEN: &str = "the-token-of-this-test";
const SET: (&str, &str) = ("CHAT_ADMIN_TOKEN", TOKEN);
const BEARER: (&str, &str) = ("Authorization", "Bearer the-token-of-this-test");

/// GET with the token, which must be answered with 200 and fit this schema.
async fn get(server: &Server, path: &str, schema: &str) -> Value {
    let response = server.get_with(path, BEARER).await;
    assert_eq!(response.status(), 200, "{path}");
    assert_eq!(response.headers()["cache-control"], "no-store", "{path}");
    let value: Value = response.json().await.expect("JSON");
    check_schema(schema, &value);
    value
}

fn list<'a>(value: &'a Value, name: &str) -> &'a Vec<Value> {
    value[name].as_array().expect(name)
}

async fn only_the_token_opens_it(database: &Database) {
    let paths = ["/api/v1/admin/servers", "/api/v1/admin/servers/x/ping", "/api/v1/admin/sessions", "/api/v1/admin/x"];
    let server = Server::start(database).await;
    for path in paths {
        let answer = server.get_with(path, BEARER).await;
        assert_eq!(answer.status(), 403, "{path}");
        let error: Value = answer.json().await.expect("JSON");
        check_schema("Error", &error);
        assert!(error["error"]["message"].as_str().is_some_and(|m| m.contains("CHAT_ADMIN_TOKEN")), "{error}");
    }
    let server = server.again(database, &[SET, ("RUST_LOG", "trace")]).await;
    for path in paths {
        for wrong in ["", "Bearer", "Bearer another-token-of-this", "Basic the-token-of-this-test", TOKEN] {
            let answer = server.get_with(path, ("Authorization", wrong)).await;
            assert_eq!(
                (answer.status().as_u16(), &answer.headers()["www-authenticate"]),
                (401, &"Bearer".parse().expect("a value"))
            );
            let error: Value = answer.json().await.expect("JSON");
            check_schema("Error", &error);
            assert_eq!(error["error"]["code"], "FORBIDDEN");
        }
        // Only who has the token learns what there is.
        let status = server.get_with(path, BEARER).await.status().as_u16();
        assert_eq!(status, if path.ends_with('x') || path.ends_with("ping") { 404 } else { 200 }, "{path}");
    }
    assert!(!server.log().contains("of-this"), "{}", server.log());
}

async fn a_server_tells_of_itself_and_its_sessions(database: &Database) {
    let settings = [SET, ("CHAT_SERVER_ID", "chat-0"), ("CHAT_RATE_LIMITS", "off")];
    let server = Server::with(database, &settings).await;
    let who = Who::named("the author");
    let _first = Client::join(&server, "글", who.clone()).await;
    let _second = Client::join(&server, "post", who.clone()).await;
    let _other = Client::reader(&server, "post").await;

    let servers = get(&server, "/api/v1/admin/servers", "Servers").await;
    let [own] = &list(&servers, "servers")[..] else { panic!("{servers}") };
    assert_eq!((&own["id"], &own["self"], &own["bus"]["state"]), (&json!("chat-0"), &json!(true), &json!("none")));
    let ping = get(&server, "/api/v1/admin/servers/chat-0/ping", "Ping").await;
    assert_eq!((&ping["alive"], &ping["asked"]), (&json!(true), &json!("lease")));

    let all = get(&server, "/api/v1/admin/sessions", "Sessions").await;
    assert_eq!((&all["scope"], list(&all, "sessions").len()), (&json!("server"), 3));
    assert_eq!(list(&all, "servers").len(), 1);
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = get(&server, &format!("/api/v1/admin/sessions?limit=2{cursor}"), "Sessions").await;
        seen.extend(list(&page, "sessions").clone());
        let Some(next) = page["nextCursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(&seen, list(&all, "sessions"));
    let none = get(&server, "/api/v1/admin/sessions?server=another", "Sessions").await;
    assert_eq!(list(&none, "sessions").len(), 0);
    for wrong in ["limit=0", "limit=501", "cursor=x", "user=a%20b", "user=a&user=b"] {
        assert_eq!(server.get_with(&format!("/api/v1/admin/sessions?{wrong}"), BEARER).await.status(), 400, "{wrong}");
    }

    // One's own, for who proves to be that person and without a token.
    let mine = async |id: &str| {
        let response = server.get_with("/api/v1/sessions/me", ("X-Anonymous-Id", id)).await;
        assert_eq!(response.status(), 200);
        let value: Value = response.json().await.expect("JSON");
        check_schema("OwnSessions", &value);
        value
    };
    let own = mine(&who.anonymous_id.to_string()).await;
    let mut rooms: Vec<&str> = list(&own, "sessions").iter().filter_map(|s| s["rooms"][0].as_str()).collect();
    rooms.sort_unstable();
    assert_eq!(rooms, ["post", "글"]);
    let user = own["userId"].as_str().expect("a person");
    let of_user = get(&server, &format!("/api/v1/admin/sessions?user={user}"), "Sessions").await;
    assert_eq!(list(&of_user, "sessions").len(), 2);
    assert_eq!(list(&mine(&Uuid::new_v4().to_string()).await, "sessions").len(), 0, "of somebody else");
    assert_eq!(server.get("/api/v1/sessions/me").await.status(), 400);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_are_asked_where_they_say_they_are() {
    let database = Database::postgres().await;
    let server = Server::with(&database, &[SET, ("CHAT_SERVER_ID", "chat-0")]).await;
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a port");
    let lease = async |id: &str, url: &str| {
        database
            .run(&format!(
                "INSERT INTO servers (id, token, url, version, features, sessions, rooms, seen_at)
                VALUES ('{id}', gen_random_uuid(), {url}, '0.0.1', 'messages changes', 7, 3, now() + interval '1 hour')"
            ))
            .await;
    };
    lease("answers", &format!("'{}'", server.url(""))).await;
    lease("gone", &format!("'http://{nobody}'")).await;
    lease("elsewhere", "'https://chat.example'").await;
    lease("nowhere", "NULL").await;
    for (id, alive, asked) in [
        ("answers", true, "url"),
        ("gone", false, "url"),
        ("elsewhere", true, "lease"),
        ("nowhere", true, "lease"),
        ("chat-0", true, "lease"),
    ] {
        let ping = get(&server, &format!("/api/v1/admin/servers/{id}/ping"), "Ping").await;
        assert_eq!((&ping["alive"], &ping["asked"]), (&json!(alive), &json!(asked)), "{id}");
        assert_eq!(ping["latencyMs"].is_number(), id == "answers", "{id}");
    }
    assert_eq!(server.get_with("/api/v1/admin/servers/unknown/ping", BEARER).await.status(), 404);
    let servers = get(&server, "/api/v1/admin/servers", "Servers").await;
    let ids: Vec<_> = list(&servers, "servers").iter().filter_map(|s| s["id"].as_str()).collect();
    assert_eq!(ids, ["answers", "chat-0", "elsewhere", "gone", "nowhere"]);
    let selves: Vec<bool> = list(&servers, "servers").iter().filter_map(|s| s["self"].as_bool()).collect();
    assert_eq!(selves, [false, true, false, false, false]);
    assert_eq!(list(&servers, "servers")[0]["sessions"], 7);
    // Without Redis all servers' counts, this one's sessions.
    let sessions = get(&server, "/api/v1/admin/sessions", "Sessions").await;
    assert_eq!((list(&sessions, "servers").len(), &sessions["scope"]), (5, &json!("server")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_redis_each_server_tells_of_all_sessions() {
    let (database, redis) = (Database::postgres().await, Redis::start().await);
    let bus = redis.url();
    let named = async |name: &str| Server::with(&database, &[SET, ("CHAT_BUS", &bus), ("CHAT_SERVER_ID", name)]).await;
    let servers = [named("chat-0").await, named("chat-1").await];
    let who = Who::named("the author");
    let mut clients = Vec::new();
    for server in &servers {
        server.counts("both to know each other", "chat_servers_live", |n| n == 2.0).await;
        server.counts("the bus to carry", "chat_bus_up", |up| up == 1.0).await;
        clients.push(Client::join(server, "post", who.clone()).await.0);
        clients.push(Client::reader(server, "other").await);
    }
    let all =
        async |server: &Server, query: &str| get(server, &format!("/api/v1/admin/sessions{query}"), "Sessions").await;
    for server in &servers {
        soon("all sessions", async || list(&all(server, "").await, "sessions").len() == 4).await;
        let of: Vec<_> = list(&all(server, "").await, "sessions").iter().map(|s| s["serverId"].clone()).collect();
        assert_eq!(of, ["chat-0", "chat-0", "chat-1", "chat-1"]);
        let page = all(server, "?limit=3").await;
        let cursor = page["nextCursor"].as_str().expect("a cursor");
        let rest = all(server, &format!("?limit=3&cursor={cursor}")).await;
        assert_eq!((list(&rest, "sessions").len(), &rest["nextCursor"]), (1, &Value::Null));
        let second = all(server, "?server=chat-1").await;
        assert!(list(&second, "sessions").iter().all(|s| s["serverId"] == "chat-1") && second["scope"] == "all");
        let id = who.anonymous_id.to_string();
        let own = server.get_with("/api/v1/sessions/me", ("X-Anonymous-Id", &id)).await;
        let own: Value = own.json().await.expect("JSON");
        assert_eq!((list(&own, "sessions").len(), &own["scope"]), (2, &json!("all")));
        let user = own["userId"].as_str().expect("a person");
        let first = all(server, &format!("?user={user}&limit=1")).await;
        let cursor = first["nextCursor"].as_str().expect("a cursor");
        let second = all(server, &format!("?user={user}&limit=1&cursor={cursor}")).await;
        let both = [&first, &second].map(|page| page["sessions"][0]["serverId"].as_str().expect("a server").to_owned());
        assert!(both[0] != both[1] && second["nextCursor"].is_null(), "{both:?}");
        let here = server.json("/healthz").await;
        assert_eq!(here["bus"]["state"], "ok");
        check_schema("Health", &here);
    }
    // What a killed server left in Redis counts only as long as its lease.
    let [first, second] = servers;
    second.kill9().await;
    soon("the lease to end", async || list(&all(&first, "").await, "sessions").len() == 2).await;
}
