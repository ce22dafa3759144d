//! Programs that write under a name of their own, and the keys by which they do.

use reqwest::Method;
use serde_json::{Value, json};

use super::{Answered, OPEN, Session, get, owner, post, register, with};
use crate::support::{Client, Database, Server, check_schema, until};

on_both!(
    a_key_does_what_it_was_made_for_and_what_its_bot_may,
    a_bot_ends_with_whoever_answers_for_it,
    keys_are_made_listed_and_taken_back,
);

const TOKEN: &str = "the token of whoever runs it";

/// A bot of this role.
async fn bot(server: &Server, by: &str, role: &str) -> Value {
    let made = post(server, "admin/bots", Some(by), &json!({"nickname": "build bot", "role": role})).await.ok();
    check_schema("Bot", &made);
    made
}

async fn key(server: &Server, by: &str, bot: &Value, scopes: &[&str]) -> Value {
    let made = post(server, "admin/keys", Some(by), &json!({"botId": bot["id"], "scopes": scopes})).await.ok();
    check_schema("ApiKey", &made);
    made
}

fn secret(key: &Value) -> &str {
    key["key"].as_str().expect("a key")
}

async fn set_room(server: &Server, by: &str) -> Answered {
    post(server, "admin/rooms/post", Some(by), &json!({"settingsRev": 0, "settings": {"locked": true}})).await
}

async fn a_key_does_what_it_was_made_for_and_what_its_bot_may(database: &Database) {
    let server = Server::with(database, &OPEN).await;
    let owner = owner(database, &server).await;
    Client::author(&server, "post", "writer").await.say("hello").await;
    let (moderator, member) =
        (bot(&server, &owner.access, "moderator").await, bot(&server, &owner.access, "member").await);
    assert_eq!(moderator["ownerId"], owner_id(&server, &owner).await);
    let reads = key(&server, &owner.access, &moderator, &["messages:read", "messages:write"]).await;
    let moderates = key(&server, &owner.access, &moderator, &["moderate"]).await;
    let all = key(&server, &owner.access, &moderator, &["admin"]).await;
    let small = key(&server, &owner.access, &member, &["admin"]).await;
    // Which of them may see what was reported, say what a room is, and say who has which role.
    for (key, expected) in [(&reads, [403, 403]), (&moderates, [200, 403]), (&all, [200, 403]), (&small, [403, 403])] {
        let reports = get(&server, "admin/reports", secret(key)).await;
        let users = get(&server, "admin/users", secret(key)).await;
        assert_eq!([reports.status, users.status], expected, "{key}");
    }
    assert_eq!(set_room(&server, secret(&moderates)).await.refusal(), (403, "FORBIDDEN"), "it moderates alone");
    let manages = key(&server, &owner.access, &moderator, &["rooms:manage"]).await;
    assert_eq!(get(&server, "admin/reports", secret(&manages)).await.refusal(), (403, "FORBIDDEN"));
    let done = set_room(&server, secret(&manages)).await;
    assert_eq!(done.status, 200, "{}", done.body);
    let audit = get(&server, "admin/audit", &owner.access).await.ok();
    check_schema("AuditLog", &audit);
    assert_eq!(audit["entries"][0]["action"], "room_set");
    assert_eq!(audit["entries"][0]["by"]["id"], moderator["authorId"], "{audit}");
    // It is nobody who signs in.
    for path in ["me", "me/logins"] {
        assert_eq!(get(&server, path, secret(&all)).await.refusal(), (401, "BAD_TOKEN"), "{path}");
    }
    // And makes no more of its kind, whatever it may do.
    let admin = bot(&server, &owner.access, "admin").await;
    let admin_key = key(&server, &owner.access, &admin, &["admin"]).await;
    assert_eq!(get(&server, "admin/users", secret(&admin_key)).await.status, 200);
    let wish = json!({"nickname": "another"});
    assert_eq!(post(&server, "admin/bots", Some(secret(&admin_key)), &wish).await.refusal(), (403, "FORBIDDEN"));
    let wish = json!({"botId": member["id"], "scopes": ["moderate"]});
    assert_eq!(post(&server, "admin/keys", Some(secret(&admin_key)), &wish).await.refusal(), (403, "FORBIDDEN"));
}

async fn owner_id(server: &Server, owner: &Session) -> Value {
    let found = get(server, "admin/users?q=owner@", &owner.access).await.ok();
    found["users"][0]["id"].clone()
}

async fn a_bot_ends_with_whoever_answers_for_it(database: &Database) {
    let server = Server::with(database, &[&OPEN[..], &[("CHAT_ADMIN_TOKEN", TOKEN)]].concat()).await;
    let owner = owner(database, &server).await;
    let mut keys = Vec::new();
    for n in 0..3 {
        let admin = register(&server, &format!("admin{n}@blog.example")).await;
        let found = get(&server, &format!("admin/users?q=admin{n}@"), &owner.access).await.ok();
        let id = found["users"][0]["id"].as_str().expect("an id").to_owned();
        post(&server, &format!("admin/users/{id}"), Some(&owner.access), &json!({"role": "admin"})).await.ok();
        let bot = bot(&server, &admin.access, "moderator").await;
        let key = key(&server, &admin.access, &bot, &["moderate"]).await;
        assert_eq!(get(&server, "admin/reports", secret(&key)).await.status, 200);
        keys.push((id, secret(&key).to_owned(), admin));
    }
    let [(first, first_key, _), (second, second_key, _), (_, third_key, third)] = &keys[..] else { panic!("three") };
    // Less than it takes to answer for a bot; out; gone.
    post(&server, &format!("admin/users/{first}"), Some(&owner.access), &json!({"role": "moderator"})).await.ok();
    post(&server, &format!("admin/users/{second}"), Some(&owner.access), &json!({"disabled": true})).await.ok();
    let body = json!({"password": super::PASSWORD, "texts": false});
    assert_eq!(with(&server, Method::DELETE, "me", &third.access, &body).await.status, 204);
    for key in [first_key, second_key, third_key] {
        assert_eq!(get(&server, "admin/reports", key).await.refusal(), (401, "BAD_TOKEN"));
    }
    let left = get(&server, "admin/bots", &owner.access).await.ok();
    assert_eq!(left, json!({"bots": []}));
    // Whoever runs the server answers for what they make.
    let bot = bot(&server, TOKEN, "moderator").await;
    assert_eq!(bot.get("ownerId"), None);
    let key = key(&server, TOKEN, &bot, &["moderate"]).await;
    assert_eq!(get(&server, "admin/reports", secret(&key)).await.status, 200);
}

async fn keys_are_made_listed_and_taken_back(database: &Database) {
    let server = Server::with(database, &OPEN).await;
    let owner = owner(database, &server).await;
    let member = register(&server, "otter@blog.example").await;
    for path in ["admin/bots", "admin/keys"] {
        assert_eq!(get(&server, path, &member.access).await.refusal(), (403, "FORBIDDEN"));
    }
    let bot = bot(&server, &owner.access, "moderator").await;
    for (path, body, expected) in [
        ("admin/bots", json!({"nickname": "a"}), (400, "INVALID_NICKNAME")),
        ("admin/bots", json!({"nickname": "주인장"}), (400, "NICKNAME_TAKEN")),
        ("admin/bots", json!({"nickname": "king", "role": "owner"}), (403, "FORBIDDEN")),
        ("admin/bots", json!({"nickname": "king", "role": "guest"}), (400, "BAD_REQUEST")),
        ("admin/bots", json!({"nickname": "king", "role": "king"}), (400, "BAD_REQUEST")),
        ("admin/bots", json!({"nickname": "king", "avatar": "none"}), (400, "INVALID_AVATAR")),
        ("admin/keys", json!({"botId": bot["id"], "scopes": []}), (400, "BAD_REQUEST")),
        ("admin/keys", json!({"botId": bot["id"], "scopes": ["king"]}), (400, "BAD_REQUEST")),
        ("admin/keys", json!({"botId": bot["id"], "scopes": ["admin"], "days": 0}), (400, "BAD_REQUEST")),
        ("admin/keys", json!({"botId": "x", "scopes": ["admin"]}), (404, "NOT_FOUND")),
        ("admin/keys", json!({"botId": uuid::Uuid::new_v4(), "scopes": ["admin"]}), (404, "NOT_FOUND")),
    ] {
        let answered = post(&server, path, Some(&owner.access), &body).await;
        assert_eq!(answered.refusal(), expected, "{body}");
    }
    let made = key(&server, &owner.access, &bot, &["moderate"]).await;
    let listed = get(&server, "admin/keys", &owner.access).await.ok();
    check_schema("ApiKeys", &listed);
    assert_eq!(listed["keys"][0].get("key"), None, "it was told once");
    assert_eq!(listed["keys"][0].get("lastUsedAt"), None);
    assert!(secret(&made).starts_with(made["prefix"].as_str().expect("a prefix")));
    assert_eq!(get(&server, "admin/reports", secret(&made)).await.status, 200);
    let used = get(&server, "admin/keys", &owner.access).await.ok();
    assert!(used["keys"][0]["lastUsedAt"].is_string(), "{used}");
    assert_eq!(get(&server, "admin/reports", secret(&made)).await.status, 200);
    let again = get(&server, "admin/keys", &owner.access).await.ok();
    assert_eq!(again, used, "noted once a minute");
    for wrong in ["rtc_", "rtc_x", &secret(&made).replace("rtc_", "rtc_a")] {
        assert_eq!(get(&server, "admin/reports", wrong).await.refusal(), (401, "BAD_TOKEN"), "{wrong}");
    }
    // As many as may be good at once, and no more.
    for _ in 1..10 {
        key(&server, &owner.access, &bot, &["moderate"]).await;
    }
    let wish = json!({"botId": bot["id"], "scopes": ["moderate"]});
    assert_eq!(post(&server, "admin/keys", Some(&owner.access), &wish).await.refusal(), (403, "FORBIDDEN"));
    let path = format!("admin/keys/{}", made["id"].as_str().expect("an id"));
    assert_eq!(with(&server, Method::DELETE, &path, &owner.access, &Value::Null).await.status, 204);
    assert_eq!(with(&server, Method::DELETE, &path, &owner.access, &Value::Null).await.refusal(), (404, "NOT_FOUND"));
    assert_eq!(get(&server, "admin/reports", secret(&made)).await.refusal(), (401, "BAD_TOKEN"));
    let other = key(&server, &owner.access, &bot, &["moderate"]).await;
    let path = format!("admin/bots/{}", bot["id"].as_str().expect("an id"));
    assert_eq!(with(&server, Method::DELETE, &path, &owner.access, &Value::Null).await.status, 204);
    assert_eq!(get(&server, "admin/reports", secret(&other)).await.refusal(), (401, "BAD_TOKEN"));
    let audit = get(&server, "admin/audit", &owner.access).await.ok();
    check_schema("AuditLog", &audit);
    assert_eq!(audit["entries"][0]["action"], "bot_ended");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_taken_back_on_one_server_is_over_on_the_other() {
    let (database, [here, there]) = Server::pair(&OPEN).await;
    let owner = owner(&database, &here).await;
    let bot = bot(&here, &owner.access, "moderator").await;
    let key = key(&here, &owner.access, &bot, &["moderate"]).await;
    until("the other server to know the bot's role", async || {
        (get(&there, "admin/reports", secret(&key)).await.status == 200).then_some(())
    })
    .await;
    let path = format!("admin/keys/{}", key["id"].as_str().expect("an id"));
    with(&here, Method::DELETE, &path, &owner.access, &Value::Null).await.ok();
    assert_eq!(get(&there, "admin/reports", secret(&key)).await.refusal(), (401, "BAD_TOKEN"));
}
