//! The chat's own pages: cookies, and what other pages cannot do with them.

use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Answered, OPEN, PASSWORD, ask, post, register};
use crate::support::{Client, Database, Server, Who};

on_both!(
    cookies_are_for_our_own_pages,
    a_page_of_another_origin_changes_nothing,
    a_base_path_bounds_the_cookies,
    what_one_reacts_with_is_told_to_who_is_signed_in,
);

fn cookies(answered: &Answered) -> Vec<String> {
    answered.headers.get_all("set-cookie").iter().map(|line| line.to_str().expect("a text").to_owned()).collect()
}

/// What a browser sends of them.
fn sent(cookies: &[String]) -> String {
    cookies.iter().filter_map(|cookie| cookie.split(';').next()).collect::<Vec<_>>().join("; ")
}

async fn log_in(server: &Server, origin: &str) -> Answered {
    let body = json!({"email": "otter@blog.example", "password": PASSWORD, "session": "cookie"});
    ask(server, Method::POST, "/api/v1/auth/login", &[("Origin", origin), ("X-CSRF", "1")], &body).await
}

async fn cookies_are_for_our_own_pages(database: &Database) {
    let server = Server::with(database, &OPEN).await;
    register(&server, "otter@blog.example").await;
    let own = server.url("");
    assert_eq!(
        log_in(&server, "https://evil.example").await.refusal(),
        (403, "CSRF"),
        "nobody is signed in from there"
    );
    let answered = log_in(&server, &own).await;
    let first = cookies(&answered);
    assert_eq!(first.len(), 2, "{first:?}");
    for cookie in &first {
        for attribute in ["; HttpOnly", "; Secure", "; SameSite=Lax", "; Path=/;"] {
            assert!(cookie.contains(attribute), "{cookie}");
        }
    }
    let body = answered.ok();
    assert!(body["accessToken"].is_null() && body["refreshToken"].is_null() && body["role"] == "member", "{body}");
    let cookie = sent(&first);
    let ours = [("Cookie", cookie.as_str()), ("Origin", own.as_str()), ("X-CSRF", "1")];
    let me = ask(&server, Method::GET, "/api/v1/me", &ours[..1], &Value::Null).await;
    assert_eq!(me.ok()["email"], "otter@blog.example");
    let ticket = ask(&server, Method::POST, "/api/v1/auth/ticket", &ours, &json!({})).await;
    assert!(ticket.text("ticket").starts_with("tk_"));
    let renewed = ask(&server, Method::POST, "/api/v1/auth/refresh", &ours, &json!({})).await;
    let second = cookies(&renewed);
    assert_eq!(second.len(), 2);
    assert_ne!(sent(&second), cookie);
    // Without the cookie that proves it, which is over after ten minutes, the other one signs out as well.
    let refresh_only = sent(&second[1..]);
    let ours = [("Cookie", refresh_only.as_str()), ("Origin", own.as_str()), ("X-CSRF", "1")];
    let out = ask(&server, Method::POST, "/api/v1/auth/logout", &ours, &json!({})).await;
    assert_eq!(out.status, 204);
    assert!(cookies(&out).iter().all(|cookie| cookie.contains("=; ") && cookie.contains("Max-Age=0")));
    let me = ask(&server, Method::GET, "/api/v1/me", &[("Cookie", &sent(&second))], &Value::Null).await;
    assert_eq!(me.refusal(), (401, "BAD_TOKEN"));
}

async fn a_page_of_another_origin_changes_nothing(database: &Database) {
    let server = Server::with(database, &OPEN).await;
    register(&server, "otter@blog.example").await;
    let own = server.url("");
    let cookie = sent(&cookies(&log_in(&server, &own).await));
    let cookie = ("Cookie", cookie.as_str());
    let (evil, null) = (("Origin", "https://evil.example"), ("Origin", "null"));
    let (ours, csrf) = (("Origin", own.as_str()), ("X-CSRF", "1"));
    for (why, headers) in [
        ("nothing", vec![cookie]),
        ("no header", vec![cookie, ours]),
        ("another value", vec![cookie, ours, ("X-CSRF", "0")]),
        ("no origin", vec![cookie, csrf]),
        ("another origin", vec![cookie, evil, csrf]),
        ("a sandboxed frame", vec![cookie, null, csrf]),
        ("two origins", vec![cookie, ours, evil, csrf]),
    ] {
        for (method, path) in [
            (Method::POST, "/api/v1/auth/ticket"),
            (Method::POST, "/api/v1/auth/logout"),
            (Method::POST, "/api/v1/auth/refresh"),
            (Method::PATCH, "/api/v1/me"),
            (Method::DELETE, "/api/v1/me"),
            (Method::POST, "/api/v1/me/password"),
            (Method::POST, "/api/v1/me/claim"),
            (Method::POST, "/api/v1/admin/invites"),
            (Method::POST, "/api/v1/admin/bans"),
        ] {
            let answered = ask(&server, method, path, &headers, &json!({})).await;
            assert_eq!(answered.refusal(), (403, "CSRF"), "{path} with {why}");
        }
    }
    // What comes with a token of its own needs neither, and a cookie beside it counts for nothing.
    let headers = [cookie, ("Authorization", "Bearer nobody")];
    let answered = ask(&server, Method::POST, "/api/v1/auth/ticket", &headers, &json!({})).await;
    assert_eq!(answered.refusal(), (401, "BAD_TOKEN"));
    // No page of another origin reads an answer to a cookie.
    let me = ask(&server, Method::GET, "/api/v1/me", &[cookie, evil], &Value::Null).await;
    assert!(!me.headers.contains_key("access-control-allow-credentials"));
}

async fn a_base_path_bounds_the_cookies(database: &Database) {
    let server = Server::launch(&database.url, &[&OPEN[..], &[("CHAT_BASE_PATH", "/chat")]].concat()).await;
    crate::support::soon("the server to be ready", async || server.get("/chat/readyz").await.status().is_success())
        .await;
    let body = json!({"email": "otter@blog.example", "password": PASSWORD, "nickname": "수달", "session": "cookie"});
    let answered = ask(&server, Method::POST, "/chat/api/v1/auth/register", &[], &body).await;
    assert_eq!(answered.status, 201, "{}", answered.body);
    assert!(cookies(&answered).iter().all(|cookie| cookie.contains("; Path=/chat;")));
}

async fn what_one_reacts_with_is_told_to_who_is_signed_in(database: &Database) {
    let server = Server::with(database, &OPEN).await;
    let session = register(&server, "otter@blog.example").await;
    let own = server.url("");
    let cookie = sent(&cookies(&log_in(&server, &own).await));
    let ticket = post(&server, "auth/ticket", Some(&session.access), &json!({})).await.text("ticket");
    let (mut client, _) = Client::join(&server, "post", Who { token: Some(ticket), ..Who::named("otter") }).await;
    let message = client.say("hello").await;
    let react = json!({"clientId": Uuid::new_v4(), "id": message.id, "emoji": "👍", "on": true});
    client.until_taken(&json!({"type": "REACT", "payload": react})).await;
    let bearer = format!("Bearer {}", session.access);
    let path = "/api/v1/rooms/post/reactions/mine?from=0&to=9";
    let mine = json!({"reactions": [{"id": message.id, "emojis": ["👍"]}]});
    let stranger = Uuid::new_v4().to_string();
    for (headers, expected) in [
        (vec![("Cookie", cookie.as_str())], &mine),
        (vec![("Authorization", bearer.as_str())], &mine),
        // Who names an identity asks as that one.
        (vec![("Cookie", cookie.as_str()), ("X-Anonymous-Id", stranger.as_str())], &json!({"reactions": []})),
    ] {
        let answered = ask(&server, Method::GET, path, &headers, &Value::Null).await;
        assert_eq!(&answered.ok(), expected, "{headers:?}");
    }
    for (headers, refusal) in [
        (vec![], (400, "BAD_REQUEST")),
        (vec![("Authorization", "Bearer nothing")], (401, "BAD_TOKEN")),
        (vec![("Cookie", "chat-access=nothing")], (401, "BAD_TOKEN")),
    ] {
        assert_eq!(ask(&server, Method::GET, path, &headers, &Value::Null).await.refusal(), refusal, "{headers:?}");
    }
}
