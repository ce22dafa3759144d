//! What became of messages, over HTTP; and the colours of code.

use std::collections::HashMap;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{Client, Database, Server, check_schema, message};

on_both!(
    a_page_around_a_message_names_its_moment,
    a_page_brings_what_it_quotes_along,
    one_message_is_read_as_it_is_now,
    changes_are_read_in_any_steps,
    changes_of_another_life_start_over,
    reactions_tell_who_and_what_is_mine,
    a_page_of_another_origin_may_send_its_identity,
);

/// GET that must be this status and fit this schema of docs/openapi.json.
async fn get(server: &Server, path: &str, status: u16, schema: &str) -> Value {
    let response = server.get(path).await;
    assert_eq!(response.status().as_u16(), status, "{path}");
    assert_eq!(response.headers()["cache-control"], "no-store", "{path}");
    let value: Value = response.json().await.expect("JSON");
    check_schema(schema, &value);
    value
}

async fn refused(server: &Server, path: &str, status: u16) -> Value {
    get(server, path, status, "Error").await["error"]["code"].clone()
}

/// Makes a change, and waits for its ACK.
async fn change(client: &mut Client, kind: &str, mut payload: Value) {
    let client_id = Uuid::new_v4();
    payload["clientId"] = json!(client_id);
    // On PostgreSQL a server has to know first that no older one lives.
    client.until_taken(&json!({"type": kind, "payload": payload})).await;
}

/// Sends a message that answers another one.
async fn reply(client: &mut Client, content: &str, to: &str) -> String {
    let client_id = Uuid::new_v4();
    let mut frame = message(client_id, content);
    frame["payload"]["replyTo"] = json!(to);
    client.send(&frame).await;
    client.ack(client_id).await.id
}

async fn limitless(database: &Database) -> Server {
    Server::with(database, &[("CHAT_RATE_LIMITS", "off")]).await
}

fn contents(messages: &Value) -> Vec<&str> {
    messages.as_array().expect("a list").iter().map(|m| m["content"].as_str().expect("a text")).collect()
}

async fn a_page_around_a_message_names_its_moment(database: &Database) {
    let server = limitless(database).await;
    let mut author = Client::author(&server, "post", "the author").await;
    for n in 1..=9 {
        author.say(&n.to_string()).await;
    }
    let room = get(&server, "/api/v1/rooms/post", 200, "RoomInfo").await;
    for (query, expected, has_more, has_newer) in [
        ("around=5&limit=4", &["3", "4", "5", "6"][..], json!(true), json!(true)),
        ("around=1&limit=4", &["1", "2"], json!(false), json!(true)),
        ("around=9&limit=4", &["7", "8", "9"], json!(true), json!(false)),
        ("around=5&limit=1", &["5"], json!(true), json!(true)),
        ("around=5", &["1", "2", "3", "4", "5", "6", "7", "8", "9"], json!(false), json!(false)),
        ("limit=2", &["8", "9"], json!(true), Value::Null),
    ] {
        let page = get(&server, &format!("/api/v1/rooms/post/messages?{query}"), 200, "MessagePage").await;
        assert_eq!(contents(&page["messages"]), expected, "{query}");
        assert_eq!((&page["hasMore"], &page["hasNewer"]), (&has_more, &has_newer), "{query}");
        assert_eq!((&page["epoch"], &page["rev"]), (&room["epoch"], &json!(9)), "{query}");
    }
    for query in ["around=x", "around=1&before=2", "around=1&around=1", "around=1&after=1"] {
        assert_eq!(refused(&server, &format!("/api/v1/rooms/post/messages?{query}"), 400).await, "BAD_REQUEST");
    }
}

async fn a_page_brings_what_it_quotes_along(database: &Database) {
    let server = limitless(database).await;
    let mut author = Client::author(&server, "post", "the author").await;
    let first = author.say("first").await.id;
    let second = author.say("second").await.id;
    for content in ["to first", "to first again"] {
        reply(&mut author, content, &first).await;
    }
    reply(&mut author, "to second", &second).await;
    let quoted = async |query: &str| {
        let page = get(&server, &format!("/api/v1/rooms/post/messages?{query}"), 200, "MessagePage").await;
        match &page["quoted"] {
            Value::Null => vec![],
            list => contents(list).into_iter().map(str::to_owned).collect(),
        }
    };
    for query in ["limit=3", "after=2"] {
        assert_eq!(quoted(query).await, ["first", "second"], "each once: {query}");
    }
    assert_eq!(quoted("limit=1").await, ["second"]);
    assert_eq!(quoted("limit=100").await, Vec::<String>::new(), "the page has them");
    assert_eq!(quoted("before=3").await, Vec::<String>::new());
    change(&mut author, "DELETE", json!({"id": first})).await;
    // A deleted text is gone from quotes as well, those that are kept compressed included.
    for query in ["limit=3", "after=2"] {
        assert_eq!(quoted(query).await, ["", "second"], "{query}");
    }
}

async fn one_message_is_read_as_it_is_now(database: &Database) {
    let server = limitless(database).await;
    let mut author = Client::author(&server, "post", "the author").await;
    let (first, second) = (author.say("first").await, author.say("second").await);
    let path = |id: &str| format!("/api/v1/rooms/post/messages/{id}");
    let one = get(&server, &path(&first.id), 200, "OneMessage").await;
    assert_eq!((&one["message"]["content"], &one["rev"]), (&json!("first"), &json!(2)));
    change(&mut author, "EDIT", json!({"id": first.id, "version": 1, "content": "first, better"})).await;
    let one = get(&server, &path(&first.id), 200, "OneMessage").await;
    assert_eq!((&one["message"]["content"], &one["message"]["version"]), (&json!("first, better"), &json!(2)));
    assert_eq!((&one["message"]["seq"], &one["message"]["rev"], &one["rev"]), (&json!(1), &json!(3), &json!(3)));
    change(&mut author, "DELETE", json!({"id": second.id})).await;
    let one = get(&server, &path(&second.id), 200, "OneMessage").await;
    assert_eq!((&one["message"]["content"], &one["message"]["deletedBy"]), (&json!(""), &json!("author")));
    for id in ["0", "x", "-1", "99999999999999999999", "999999"] {
        assert_eq!(refused(&server, &path(id), 404).await, "MESSAGE_NOT_FOUND", "{id}");
    }
    let elsewhere = format!("/api/v1/rooms/other/messages/{}", first.id);
    assert_eq!(refused(&server, &elsewhere, 404).await, "MESSAGE_NOT_FOUND", "of another room");
}

async fn changes_are_read_in_any_steps(database: &Database) {
    let server = limitless(database).await;
    let mut author = Client::author(&server, "post", "the author").await;
    let mut ids = vec![];
    for n in 1..=6 {
        ids.push(author.say(&n.to_string()).await.id);
    }
    change(&mut author, "EDIT", json!({"id": ids[1], "version": 1, "content": "2, better"})).await;
    change(&mut author, "DELETE", json!({"id": ids[3]})).await;
    change(&mut author, "REACT", json!({"id": ids[0], "emoji": "👍", "on": true})).await;
    author.say("7").await;
    let now = get(&server, "/api/v1/rooms/post/messages?limit=100", 200, "MessagePage").await;
    let (epoch, end) = (now["epoch"].as_str().expect("an epoch"), now["rev"].as_i64().expect("a number"));
    assert_eq!(end, 10);
    // Whatever is known and however large the steps: what is put together is what there is.
    for known in 0..=end {
        for limit in [1, 2, 3, 100] {
            // What a client has that saw all up to `known`: of what changed since, something older.
            let all = now["messages"].as_array().expect("a list");
            let mut state: HashMap<String, Value> = HashMap::new();
            for message in all.iter().filter(|m| m["rev"].as_i64() <= Some(known)) {
                state.insert(message["id"].to_string(), message.clone());
            }
            let (mut after, mut n_asked) = (known, 0);
            loop {
                let query = format!("epoch={epoch}&after={after}&limit={limit}");
                let answer = get(&server, &format!("/api/v1/rooms/post/changes?{query}"), 200, "Changes").await;
                assert_eq!((&answer["startOver"], &answer["room"]["rev"]), (&json!(false), &json!(end)));
                let messages = answer["messages"].as_array().expect("a list");
                assert!(messages.len() <= limit);
                let mut last = after;
                for message in messages {
                    let rev = message["rev"].as_i64().expect("a number");
                    assert!(rev > last, "by rev");
                    last = rev;
                    state.insert(message["id"].to_string(), message.clone());
                }
                after = answer["rev"].as_i64().expect("a number");
                assert!(after >= last);
                if after == end {
                    break;
                }
                n_asked += 1;
                assert!(n_asked <= end, "each answer goes on");
            }
            let mut found: Vec<Value> = state.into_values().collect();
            found.sort_by_key(|m| m["seq"].as_i64());
            assert_eq!(&found, all, "from {known} by {limit}");
        }
    }
}

async fn changes_of_another_life_start_over(database: &Database) {
    let server = limitless(database).await;
    let mut author = Client::author(&server, "post", "the author").await;
    author.say("one").await;
    let room = get(&server, "/api/v1/rooms/post", 200, "RoomInfo").await;
    let epoch = room["epoch"].as_str().expect("an epoch");
    for (query, start_over) in [
        (format!("epoch={epoch}&after=0"), false),
        (format!("epoch={epoch}&after=1"), false),
        (format!("epoch={epoch}&after=2"), true),
        (format!("epoch={}&after=0", Uuid::new_v4()), true),
    ] {
        let answer = get(&server, &format!("/api/v1/rooms/post/changes?{query}"), 200, "Changes").await;
        assert_eq!(answer["startOver"], start_over, "{query}");
        assert_eq!((&answer["rev"], &answer["room"]["epoch"]), (&json!(1), &json!(epoch)), "{query}");
        if start_over {
            assert_eq!(answer["messages"], json!([]), "{query}");
        }
    }
    for query in ["", "after=0", &format!("epoch={epoch}"), "epoch=x&after=0", &format!("epoch={epoch}&after=-1")] {
        assert_eq!(refused(&server, &format!("/api/v1/rooms/post/changes?{query}"), 400).await, "BAD_REQUEST");
    }
}

async fn reactions_tell_who_and_what_is_mine(database: &Database) {
    let server = limitless(database).await;
    let mut author = Client::author(&server, "post", "the author").await;
    let (first, second) = (author.say("first").await, author.say("second").await);
    let mut others = vec![];
    for n in 0..7 {
        let mut other = Client::author(&server, "post", &format!("other {n}")).await;
        change(&mut other, "REACT", json!({"id": first.id, "emoji": "👍", "on": true})).await;
        others.push(other);
    }
    let last = others.last_mut().expect("one");
    for (id, emoji, on) in [(&first.id, "🎉", true), (&second.id, "👍", true), (&second.id, "👍", false)] {
        change(last, "REACT", json!({"id": id, "emoji": emoji, "on": on})).await;
    }
    let path = |id: &str, query: &str| format!("/api/v1/rooms/post/messages/{id}/reactions?{query}");
    let (mut authors, mut query) = (vec![], "emoji=%F0%9F%91%8D&limit=3".to_owned());
    loop {
        let page = get(&server, &path(&first.id, &query), 200, "Reactors").await;
        authors.extend(page["authors"].as_array().expect("a list").clone());
        let Some(next) = page["nextCursor"].as_str() else { break };
        query = format!("emoji=%F0%9F%91%8D&limit=3&cursor={next}");
    }
    assert_eq!(authors.len(), 7, "each once: {authors:?}");
    let one = get(&server, &format!("/api/v1/rooms/post/messages/{}", first.id), 200, "OneMessage").await;
    assert_eq!(one["message"]["reactions"][0]["count"], 7);
    let named = one["message"]["reactions"][0]["authors"].as_array().expect("a list");
    assert!(named.len() == 5 && named.iter().all(|author| authors.contains(author)), "{named:?} of {authors:?}");
    let none = get(&server, &path(&second.id, "emoji=%F0%9F%91%8D"), 200, "Reactors").await;
    assert_eq!(none, json!({"authors": []}));
    assert_eq!(refused(&server, &path("999999", "emoji=%F0%9F%91%8D"), 404).await, "MESSAGE_NOT_FOUND");
    for query in ["", "emoji=x", "emoji=%F0%9F%91%8D&cursor=x", "emoji=%F0%9F%91%8D&limit=101"] {
        assert_eq!(refused(&server, &path(&first.id, query), 400).await, "BAD_REQUEST", "{query}");
    }

    let who = last.who.anonymous_id;
    let mine = async |query: &str, id: Option<String>| {
        let mut request = reqwest::Client::new().get(server.url(&format!("/api/v1/rooms/post/reactions/mine?{query}")));
        if let Some(id) = id {
            request = request.header("X-Anonymous-Id", id);
        }
        let response = request.send().await.expect("an answer");
        assert_eq!(response.headers()["cache-control"], "no-store");
        let (status, text) = (response.status(), response.text().await.expect("a text"));
        assert!(!text.contains(&who.to_string()), "an answer names no secret");
        (status, serde_json::from_str::<Value>(&text).expect("JSON"))
    };
    let (status, own) = mine("from=0&to=2", Some(who.to_string())).await;
    check_schema("OwnReactions", &own);
    assert_eq!((status, own), (StatusCode::OK, json!({"reactions": [{"id": first.id, "emojis": ["🎉", "👍"]}]})));
    for (query, id) in [("from=2&to=2", who), ("from=0&to=2", Uuid::new_v4())] {
        assert_eq!(mine(query, Some(id.to_string())).await.1, json!({"reactions": []}), "{query}");
    }
    for (query, id) in
        [("from=0&to=2", None), ("from=0&to=2", Some("x".to_owned())), ("from=2&to=1", Some(who.to_string()))]
    {
        assert_eq!(mine(query, id).await.0, StatusCode::BAD_REQUEST, "{query}");
    }
    assert!(!server.log().contains(&who.to_string()), "a secret is never logged");
}

async fn a_page_of_another_origin_may_send_its_identity(database: &Database) {
    let server = Server::start(database).await;
    for path in ["/api/v1/rooms/post/reactions/mine", "/api/v1/rooms/post/messages", "/api/v1/highlight"] {
        let request = reqwest::Client::new().request(Method::OPTIONS, server.url(path));
        let request = request.header("Origin", "https://blog.example").header("Access-Control-Request-Method", "GET");
        let answer =
            request.header("Access-Control-Request-Headers", "x-anonymous-id").send().await.expect("an answer");
        assert_eq!(answer.status(), StatusCode::NO_CONTENT, "{path}");
        assert_eq!(answer.headers()["access-control-allow-origin"], "*", "{path}");
        let allowed = answer.headers()["access-control-allow-headers"].to_str().expect("a text").to_ascii_lowercase();
        assert!(allowed.contains("x-anonymous-id") && allowed.contains("content-type"), "{path}: {allowed}");
    }
}

/// What `/api/v1/highlight` answers to this body.
async fn highlight(server: &Server, body: impl Into<reqwest::Body>) -> (u16, Value) {
    let request = reqwest::Client::new().post(server.url("/api/v1/highlight")).body(body);
    let response = request.send().await.expect("an answer");
    assert_eq!(response.headers()["access-control-allow-origin"], "*");
    assert_eq!(response.headers()["cache-control"], "no-store");
    (response.status().as_u16(), response.json().await.expect("JSON"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn code_gets_its_colours() {
    let (_database, server) = Server::alone(&[]).await;
    for (asked, expected) in [
        (
            json!({"language": "rs", "code": "fn x"}),
            json!({"language": "rs", "spans": [[2, "keyword"], [1, null], [1, "function"]]}),
        ),
        (json!({"language": "nothing", "code": "fn 🎉"}), json!({"language": null, "spans": [[5, null]]})),
        (json!({"code": "fn x"}), json!({"language": null, "spans": [[4, null]]})),
        (json!({"language": null, "code": ""}), json!({"language": null, "spans": []})),
    ] {
        for _ in 0..2 {
            let (status, answer) = highlight(&server, asked.to_string()).await;
            check_schema("Colours", &answer);
            assert_eq!((status, &answer), (200, &expected), "{asked}");
        }
    }
    let long = |n: usize| json!({"code": "\n".repeat(n)}).to_string();
    assert_eq!(highlight(&server, long(16 * 1024)).await.0, 200, "16 KiB of line ends");
    for (body, status, code) in [
        (long(16 * 1024 + 1), 413, "TOO_LARGE"),
        (" ".repeat(100_000), 413, "TOO_LARGE"),
        ("x".to_owned(), 400, "BAD_REQUEST"),
        (r#"{"language": "rs"}"#.to_owned(), 400, "BAD_REQUEST"),
        (r#"{"code": 1}"#.to_owned(), 400, "BAD_REQUEST"),
    ] {
        let (found, answer) = highlight(&server, body).await;
        check_schema("Error", &answer);
        assert_eq!((found, &answer["error"]["code"]), (status, &json!(code)));
    }
    let read = server.get("/api/v1/highlight").await;
    assert_eq!((read.status().as_u16(), &read.headers()["allow"]), (405, &"POST".parse().expect("a value")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn colours_cost_an_address_what_they_take() {
    let settings = [("CHAT_ADDRESS_BYTES_BURST_MIB", "1"), ("CHAT_ADDRESS_BYTES_KIB_PER_SECOND", "1")];
    let (_database, server) = Server::alone(&settings).await;
    // One code of 16 KiB costs the whole MiB, and its answer goes into debt. That is small and may be paid back before a
    // busy machine asks again; whoever then gets another one has a debt of a whole MiB.
    let body = |c: &str| json!({"language": "rs", "code": c.repeat(16 * 1024)}).to_string();
    assert_eq!(highlight(&server, body("a")).await.0, 200);
    let (mut status, mut answer) = highlight(&server, body("b")).await;
    if status == 200 {
        (status, answer) = highlight(&server, body("c")).await;
    }
    assert_eq!((status, &answer["error"]["code"]), (429, &json!("RATE_LIMITED")));
}
