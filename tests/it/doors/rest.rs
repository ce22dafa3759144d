//! Writing by requests: what is HTTP's own of it.

use chat_wire::ErrorCode;
use reqwest::{Method, StatusCode, header::HeaderMap};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    accounts::{OPEN, register},
    held::queue,
    moderation::{done, owner, signed_in},
    support::{
        Client, Database, LIMITS_OFF, Server, check_schema,
        command::{set_room, settle},
        until, within,
    },
};

on_both!(
    what_a_request_brings_and_gets_back,
    what_is_no_request_is_refused,
    who_asks_is_told_by_a_header,
    what_waits_is_accepted_and_asked_for_again,
    what_is_too_much_says_when_to_come_back,
);

/// An answer: its status, headers and JSON.
type Answered = (StatusCode, HeaderMap, Value);

async fn ask(server: &Server, method: Method, path: &str, headers: &[(&str, &str)], body: &str) -> Answered {
    let http = reqwest::Client::builder().no_proxy().pool_max_idle_per_host(0).build().expect("a client");
    until(path, async || {
        let mut request = http.request(method.clone(), server.url(path));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if !body.is_empty() {
            request = request.body(body.to_owned());
        }
        let response = within(path, request.send()).await.expect("an answer");
        let (status, headers) = (response.status(), response.headers().clone());
        let body = response.json().await.unwrap_or_default();
        // For its first seconds a server does not know yet whether an older one lives.
        (status != StatusCode::SERVICE_UNAVAILABLE).then_some((status, headers, body))
    })
    .await
}

const MESSAGES: &str = "/api/v1/rooms/post/messages";
const KEY: &str = "85024ee2-571d-4793-b84c-ca9576235dd4";
const GUEST: &str = "6f9619ff-8b86-4d01-b42d-00cf4fc964ff";
const AS_GUEST: (&str, &str) = ("X-Anonymous-Id", GUEST);

fn refusal(answered: &Answered) -> (u16, &str) {
    check_schema("Error", &answered.2);
    (answered.0.as_u16(), answered.2["error"]["code"].as_str().expect("a code"))
}

async fn what_a_request_brings_and_gets_back(database: &Database) {
    let server = Server::with(database, &LIMITS_OFF).await;
    // Nobody is here, and the room was never used.
    let headers = [AS_GUEST, ("Idempotency-Key", KEY)];
    let body = json!({"content": "안녕하세요", "nickname": "걷는 판다", "avatar": "fox"}).to_string();
    let first = ask(&server, Method::POST, MESSAGES, &headers, &body).await;
    assert_eq!(first.0, StatusCode::CREATED, "{}", first.2);
    assert_eq!(first.1["cache-control"], "no-store");
    check_schema("Stored", &first.2);
    let message = &first.2["message"];
    assert_eq!((&first.2["rev"], &first.2["clientId"], &message["clientId"]), (&json!(1), &json!(KEY), &json!(KEY)));
    assert_eq!((&message["author"]["nickname"], &message["author"]["avatar"]), (&json!("걷는 판다"), &json!("fox")));
    assert_eq!(server.json(MESSAGES).await["messages"], json!([message]));
    for _ in 0..2 {
        assert_eq!(ask(&server, Method::POST, MESSAGES, &headers, &body).await.2, first.2, "the same answer");
    }
    // Without a key each is another message; and the room that is asked is the one of the path.
    for seq in 2..=3 {
        let said = ask(&server, Method::POST, MESSAGES, &[AS_GUEST], &body).await;
        assert_eq!((said.0, &said.2["message"]["seq"]), (StatusCode::CREATED, &json!(seq)));
    }
    let one = format!("{MESSAGES}/{}", message["id"].as_str().expect("an id"));
    let edit = json!({"version": 1, "content": "안녕!"}).to_string();
    let edited = ask(&server, Method::PATCH, &one, &[AS_GUEST], &edit).await;
    assert_eq!((edited.0, &edited.2["message"]["content"]), (StatusCode::OK, &json!("안녕!")));
    let reaction = format!("{one}/reactions/%F0%9F%91%8D");
    let reacted = ask(&server, Method::PUT, &reaction, &[AS_GUEST], "").await;
    assert_eq!((reacted.0, &reacted.2["message"]["reactions"][0]["count"]), (StatusCode::OK, &json!(1)));
    let again = ask(&server, Method::PUT, &reaction, &[AS_GUEST], "").await;
    assert_eq!((again.0, &again.2["rev"]), (StatusCode::OK, &json!(1)), "it is so already");
    let taken_back = ask(&server, Method::DELETE, &reaction, &[AS_GUEST], "").await;
    assert_eq!((taken_back.0, &taken_back.2["message"]["reactions"]), (StatusCode::OK, &Value::Null));
    let deleted = ask(&server, Method::DELETE, &one, &[AS_GUEST], "").await;
    assert_eq!((deleted.0, &deleted.2["message"]["deletedBy"]), (StatusCode::OK, &json!("author")));
    let late = ask(&server, Method::PATCH, &one, &[AS_GUEST], &edit).await;
    assert_eq!(refusal(&late), (410, "MESSAGE_DELETED"));
    assert_eq!(database.counters("post").await, (3, 7));
}

async fn what_is_no_request_is_refused(database: &Database) {
    let server = Server::with(database, &LIMITS_OFF).await;
    let said = r#"{"content": "hello", "nickname": "guest"}"#;
    let long = json!({"content": "x".repeat(17 * 1024), "nickname": "guest"}).to_string();
    let named = |name: &str| json!({"content": "hello", "nickname": name}).to_string();
    for (headers, body, expected) in [
        (&[][..], said, (401, "BAD_TOKEN")),
        (&[("Authorization", "Basic eDp4")], said, (401, "BAD_TOKEN")),
        (&[("Authorization", "Bearer nobody")], said, (401, "BAD_TOKEN")),
        (&[("Authorization", "Bearer a.b.c")], said, (401, "BAD_TOKEN")),
        (&[("X-Anonymous-Id", "me")], said, (400, "BAD_REQUEST")),
        (&[AS_GUEST, ("Idempotency-Key", "x")], said, (400, "BAD_REQUEST")),
        (&[AS_GUEST, ("Origin", "https://elsewhere.example")], said, (403, "FORBIDDEN")),
        (&[AS_GUEST], "", (400, "BAD_REQUEST")),
        (&[AS_GUEST], "[]", (400, "BAD_REQUEST")),
        (&[AS_GUEST], r#"{"nickname": "guest"}"#, (400, "BAD_REQUEST")),
        (&[AS_GUEST], r#"{"content": "hello"}"#, (400, "NICKNAME_REQUIRED")),
        (&[AS_GUEST], &named("x"), (400, "INVALID_NICKNAME")),
        (&[AS_GUEST], r#"{"content": "hello", "nickname": "guest", "avatar": "dragon"}"#, (400, "INVALID_AVATAR")),
        (&[AS_GUEST], &long, (413, "TOO_LARGE")),
    ] {
        let answered = ask(&server, Method::POST, MESSAGES, headers, body).await;
        assert_eq!(refusal(&answered), expected, "{headers:?} {}", &body[..body.len().min(80)]);
    }
    let nowhere = ask(&server, Method::POST, "/api/v1/rooms/%00/messages", &[AS_GUEST], said).await;
    assert_eq!(refusal(&nowhere), (400, "INVALID_ROOM"));
    let no_id = ask(&server, Method::DELETE, &format!("{MESSAGES}/x"), &[AS_GUEST], "").await;
    assert_eq!(refusal(&no_id), (404, "MESSAGE_NOT_FOUND"));
    for (path, allowed) in [
        (MESSAGES.to_owned(), "GET, HEAD, POST"),
        (format!("{MESSAGES}/1"), "GET, HEAD, PATCH, DELETE"),
        (format!("{MESSAGES}/1/pin"), "PUT, DELETE"),
        (format!("{MESSAGES}/1/reactions/x"), "PUT, DELETE"),
        ("/api/v1/rooms/post/events".to_owned(), "GET, POST"),
    ] {
        let answered = ask(&server, Method::TRACE, &path, &[], "").await;
        assert_eq!((answered.0.as_u16(), &answered.1["allow"]), (405, &allowed.parse().expect("a value")), "{path}");
        let preflight = ask(&server, Method::OPTIONS, &path, &[], "").await;
        assert_eq!(preflight.0, StatusCode::NO_CONTENT, "{path}");
        assert!(preflight.1["access-control-allow-methods"].to_str().expect("text").contains("PUT"));
        assert!(preflight.1["access-control-allow-headers"].to_str().expect("text").contains("Idempotency-Key"));
    }
    assert_eq!(server.json(MESSAGES).await["messages"], json!([]), "none of it was stored");
}

async fn who_asks_is_told_by_a_header(database: &Database) {
    let server = Server::with(database, &OPEN).await;
    let account = register(&server, "somebody@blog.example").await;
    let bearer = format!("Bearer {}", account.access);
    // Somebody with an account is called something everywhere.
    let said = r#"{"content": "hello"}"#;
    let by_account = ask(&server, Method::POST, MESSAGES, &[("Authorization", &bearer)], said).await;
    assert_eq!(by_account.0, StatusCode::CREATED, "{}", by_account.2);
    let author = &by_account.2["message"]["author"];
    assert_eq!((&author["id"], &author["nickname"]), (&json!(account.user), &json!("수달")));
    // Where both are brought the token counts.
    let both = [("Authorization", bearer.as_str()), AS_GUEST];
    assert_eq!(ask(&server, Method::POST, MESSAGES, &both, said).await.2["message"]["author"]["id"], author["id"]);
    // A cookie proves nothing here: a page of another site could have it sent.
    let cookie = format!("chat-access={}", account.access);
    let by_cookie = ask(&server, Method::POST, MESSAGES, &[("Cookie", &cookie), ("X-CSRF", "1")], said).await;
    assert_eq!(refusal(&by_cookie), (401, "BAD_TOKEN"));
    // An identity that an account has taken over writes by the account.
    let claim = json!({"anonymousId": GUEST}).to_string();
    let claimed = ask(&server, Method::POST, "/api/v1/me/claim", &[("Authorization", &bearer)], &claim).await;
    assert!(claimed.0.is_success(), "{}", claimed.2);
    let as_guest = r#"{"content": "hello", "nickname": "guest"}"#;
    let refused = ask(&server, Method::POST, MESSAGES, &[AS_GUEST], as_guest).await;
    assert_eq!(refusal(&refused), (409, "CLAIMED"));
    let log = server.log();
    assert!(!log.contains(GUEST) && !log.contains(&account.access), "{log}");
}

async fn what_waits_is_accepted_and_asked_for_again(database: &Database) {
    let server = Server::with(database, &LIMITS_OFF).await;
    let token = signed_in(database, &server).await;
    let (mut keeper, _) = owner(&server, "post", &token).await;
    queue(&mut keeper, 0).await;
    done(&mut keeper, &set_room(&json!({"holdNew": "all"}), 0)).await;
    let headers = [AS_GUEST, ("Idempotency-Key", KEY)];
    let body = r#"{"content": "may I?", "nickname": "guest"}"#;
    for _ in 0..2 {
        let held = ask(&server, Method::POST, MESSAGES, &headers, body).await;
        assert_eq!(held.0, StatusCode::ACCEPTED, "{}", held.2);
        check_schema("Waits", &held.2);
        assert_eq!(held.2["clientId"], KEY);
    }
    let waiting = crate::moderation::get(&server, "/api/v1/admin/held?room=post", &token).await;
    let held = waiting["held"].as_array().expect("a list");
    assert_eq!(held.len(), 1, "it waits once");
    done(&mut keeper, &settle("APPROVE", &[held[0]["id"].as_str().expect("an id")])).await;
    let through = ask(&server, Method::POST, MESSAGES, &headers, body).await;
    assert_eq!((through.0, &through.2["message"]["content"]), (StatusCode::CREATED, &json!("may I?")));
}

async fn what_is_too_much_says_when_to_come_back(database: &Database) {
    let server = Server::start(database).await;
    let mut n_taken = 0;
    let limited = loop {
        let body = json!({"content": format!("number {n_taken}"), "nickname": "guest"}).to_string();
        let key = Uuid::new_v4().to_string();
        let answered = ask(&server, Method::POST, MESSAGES, &[AS_GUEST, ("Idempotency-Key", &key)], &body).await;
        if answered.0 != StatusCode::CREATED {
            break answered;
        }
        n_taken += 1;
        assert!(n_taken < 1_000, "no limit");
    };
    assert_eq!(refusal(&limited), (429, ErrorCode::RateLimited.as_str()));
    let seconds: u64 = limited.1["retry-after"].to_str().expect("text").parse().expect("a number");
    let ms = limited.2["error"]["retryAfterMs"].as_u64().expect("a number");
    assert!(seconds >= 1 && seconds * 1_000 >= ms, "{seconds} s for {ms} ms");
    // The socket of the same person has the same bucket.
    let mut socket = Client::connect(&server, "post").await;
    socket.who.anonymous_id = GUEST.parse().expect("a UUID");
    socket.who.nickname = Some("guest".to_owned());
    socket.enter(None).await;
    socket.publish(Uuid::new_v4(), "by another door").await;
    socket.error_of(ErrorCode::RateLimited).await;
}
