//! What somebody does with their own account.

use reqwest::Method;
use serde_json::json;

use super::{OPEN, PASSWORD, get, log_in, post, register, registering, session, with};
use crate::support::{Client, Database, Server, Who, check_schema};

on_both!(
    a_profile_is_changed,
    a_password_is_changed_and_other_logins_end,
    of_who_erases_themselves_nothing_is_left,
    what_somebody_wrote_is_theirs_to_take_and_to_delete,
);

async fn a_profile_is_changed(database: &Database) {
    let server = Server::with(database, &OPEN).await;
    let own = register(&server, "otter@blog.example").await;
    let change = async |body| with(&server, Method::PATCH, "me", &own.access, &body).await;
    let me = change(json!({"nickname": "바다표범", "avatar": "owl", "locale": "ko"})).await.ok();
    check_schema("Me", &me);
    assert_eq!(
        (me["user"]["nickname"].as_str(), me["user"]["avatar"].as_str(), me["locale"].as_str()),
        (Some("바다표범"), Some("owl"), Some("ko"))
    );
    assert_eq!(get(&server, "me", &own.access).await.ok(), me);
    assert_eq!(change(json!({})).await.ok(), me);
    for (body, expected) in [
        (json!({"nickname": "x"}), (400, "INVALID_NICKNAME")),
        (json!({"nickname": "admin"}), (400, "NICKNAME_TAKEN")),
        (json!({"avatar": "none"}), (400, "INVALID_AVATAR")),
        (json!({"locale": "'; DROP"}), (400, "BAD_REQUEST")),
        (json!({"role": "owner"}), (400, "BAD_REQUEST")),
        (json!({"email": "other@blog.example"}), (400, "BAD_REQUEST")),
    ] {
        assert_eq!(change(body.clone()).await.refusal(), expected, "{body}");
    }
    assert_eq!(with(&server, Method::PATCH, "me", "nobody", &json!({})).await.refusal(), (401, "BAD_TOKEN"));
}

async fn a_password_is_changed_and_other_logins_end(database: &Database) {
    let server = Server::with(database, &OPEN).await;
    let own = register(&server, "otter@blog.example").await;
    let other = session(log_in(&server, "otter@blog.example", PASSWORD).await);
    let new = "another horse entirely";
    let change = async |old: &str, new: &str| {
        post(&server, "me/password", Some(&own.access), &json!({"old": old, "new": new})).await
    };
    assert_eq!(change("wrong", new).await.refusal(), (401, "BAD_CREDENTIALS"));
    assert_eq!(change(PASSWORD, "12345678").await.refusal(), (422, "WEAK_PASSWORD"));
    assert_eq!(get(&server, "me", &other.access).await.status, 200, "nothing was changed");
    assert_eq!(change(PASSWORD, new).await.status, 204);
    assert_eq!(get(&server, "me", &own.access).await.status, 200, "whoever changed it goes on");
    assert_eq!(get(&server, "me", &other.access).await.refusal(), (401, "BAD_TOKEN"));
    assert_eq!(log_in(&server, "otter@blog.example", PASSWORD).await.refusal(), (401, "BAD_CREDENTIALS"));
    assert_eq!(log_in(&server, "otter@blog.example", new).await.status, 200);
    let logins = get(&server, "me/logins", &own.access).await.ok();
    check_schema("Logins", &logins);
    assert_eq!(logins.as_array().expect("logins").iter().filter(|login| login["current"] == true).count(), 1);
}

async fn of_who_erases_themselves_nothing_is_left(database: &Database) {
    let server = Server::with(database, &OPEN).await;
    let own = register(&server, "otter@blog.example").await;
    let erase = async |password: &str| {
        with(&server, Method::DELETE, "me", &own.access, &json!({"password": password, "texts": false})).await
    };
    assert_eq!(erase("wrong").await.refusal(), (401, "BAD_CREDENTIALS"));
    assert_eq!(erase(PASSWORD).await.status, 204);
    assert_eq!(get(&server, "me", &own.access).await.refusal(), (401, "BAD_TOKEN"));
    assert_eq!(log_in(&server, "otter@blog.example", PASSWORD).await.refusal(), (401, "BAD_CREDENTIALS"));
    let n = database.number("SELECT count(*) FROM users WHERE email IS NOT NULL OR password_hash IS NOT NULL").await;
    assert_eq!(n, 0);
    let again = session(post(&server, "auth/register", None, &registering("otter@blog.example")).await);
    assert_ne!(again.user, own.user, "somebody else by now");
}

async fn what_somebody_wrote_is_theirs_to_take_and_to_delete(database: &Database) {
    let server = Server::with(database, &OPEN).await;
    let own = register(&server, "otter@blog.example").await;
    let guest = Who::named("손님");
    let (mut before, _) = Client::join(&server, "post", guest.clone()).await;
    before.say("as a guest").await;
    post(&server, "me/claim", Some(&own.access), &json!({"anonymousId": guest.anonymous_id})).await.ok();
    let ticket = post(&server, "auth/ticket", Some(&own.access), &json!({})).await.text("ticket");
    let who = Who { token: Some(ticket), ..Who::named("수달") };
    let (mut client, _) = Client::join(&server, "other", who).await;
    client.say("as an account").await;
    let mut stranger = Client::author(&server, "post", "낯선이").await;
    stranger.say("of somebody else").await;
    let export = get(&server, "me/export", &own.access).await.ok();
    check_schema("AccountExport", &export);
    let texts = |room: &str| -> Vec<String> {
        let rooms = export["rooms"].as_array().expect("rooms").iter().filter(|found| found["room"] == room);
        let messages = rooms.flat_map(|found| found["messages"].as_array().expect("messages"));
        messages.map(|message| message["content"].as_str().expect("a text").to_owned()).collect()
    };
    assert_eq!((texts("post"), texts("other")), (vec!["as a guest".to_owned()], vec!["as an account".to_owned()]));
    assert_eq!((export["complete"].as_bool(), export["authorIds"].as_array().map(Vec::len)), (Some(true), Some(2)));
    for secret in [PASSWORD, "argon2", &own.refresh, &guest.anonymous_id.to_string()] {
        assert!(!export.to_string().contains(secret), "{export}");
    }
    let body = json!({"password": PASSWORD, "texts": true});
    assert_eq!(with(&server, Method::DELETE, "me", &own.access, &body).await.status, 204);
    let left = database.texts("SELECT content AS text FROM messages WHERE content <> ''").await;
    assert_eq!(left, ["of somebody else"]);
    let kept = database.number("SELECT count(*) FROM removed_texts").await;
    assert_eq!(kept, 0, "nobody brings it back");
    assert_eq!(get(&server, "me/export", &own.access).await.refusal(), (401, "BAD_TOKEN"));
}
