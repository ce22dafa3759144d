//! Invites, roles, shutting out, and links for a new password.

use reqwest::Method;
use serde_json::{Value, json};

use super::{OPEN, PASSWORD, Session, get, log_in, owner, post, register, with};
use crate::support::{Client, Database, Server, Who, check_schema};
use chat_wire::CloseCode;

on_both!(
    invites_are_made_shown_and_taken_back,
    one_acts_on_lower_ranks_only_and_the_last_owner_stays,
    who_is_shut_out_is_out_at_once,
    a_link_sets_a_password_once_and_ends_all_logins,
    people_are_listed_and_found,
);

async fn id_of(server: &Server, owner: &Session, email: &str) -> String {
    let found = get(server, &format!("admin/users?q={email}"), &owner.access).await.ok();
    check_schema("AccountList", &found);
    found["users"][0]["id"].as_str().expect("an id").to_owned()
}

async fn change(server: &Server, by: &str, id: &str, body: Value) -> super::Answered {
    post(server, &format!("admin/users/{id}"), Some(by), &body).await
}

async fn invites_are_made_shown_and_taken_back(database: &Database) {
    let server = Server::with(database, &OPEN).await;
    let owner = owner(database, &server).await;
    let wish = json!({"role": "admin", "uses": 3, "hours": 24});
    let made = post(&server, "admin/invites", Some(&owner.access), &wish).await.ok();
    check_schema("Invite", &made);
    assert!(made["url"].as_str().is_some_and(|url| url.starts_with(&server.url("/register#"))), "{made}");
    let listed = get(&server, "admin/invites", &owner.access).await.ok();
    assert_eq!(listed, json!({"invites": [made]}));
    for (body, expected) in [
        (json!({"role": "owner", "uses": 1, "hours": 1}), (403, "FORBIDDEN")),
        (json!({"role": "guest", "uses": 1, "hours": 1}), (400, "BAD_REQUEST")),
        (json!({"role": "king", "uses": 1, "hours": 1}), (400, "BAD_REQUEST")),
        (json!({"role": "member", "uses": 0, "hours": 1}), (400, "BAD_REQUEST")),
        (json!({"role": "member", "uses": 1, "hours": 721}), (400, "BAD_REQUEST")),
        (json!({"role": "member"}), (400, "BAD_REQUEST")),
    ] {
        let answered = post(&server, "admin/invites", Some(&owner.access), &body).await;
        assert_eq!(answered.refusal(), expected, "{body}");
    }
    let member = register(&server, "otter@blog.example").await;
    assert_eq!(post(&server, "admin/invites", Some(&member.access), &wish).await.refusal(), (403, "FORBIDDEN"));
    assert_eq!(get(&server, "admin/invites", &member.access).await.refusal(), (403, "FORBIDDEN"));
    let path = format!("admin/invites/{}", made["id"].as_str().expect("an id"));
    assert_eq!(with(&server, Method::DELETE, &path, &member.access, &Value::Null).await.refusal(), (403, "FORBIDDEN"));
    assert_eq!(with(&server, Method::DELETE, &path, &owner.access, &Value::Null).await.status, 204);
    assert_eq!(with(&server, Method::DELETE, &path, &owner.access, &Value::Null).await.refusal(), (404, "NOT_FOUND"));
}

async fn one_acts_on_lower_ranks_only_and_the_last_owner_stays(database: &Database) {
    let token = "a token of the settings";
    let server = Server::with(database, &[&OPEN[..], &[("CHAT_ADMIN_TOKEN", token)]].concat()).await;
    let owner = owner(database, &server).await;
    let admin = register(&server, "admin@blog.example").await;
    register(&server, "otter@blog.example").await;
    let (owner_id, admin_id, id) = (
        id_of(&server, &owner, "owner@").await,
        id_of(&server, &owner, "admin@").await,
        id_of(&server, &owner, "otter@").await,
    );
    let made = change(&server, &owner.access, &admin_id, json!({"role": "admin"})).await.ok();
    check_schema("AccountInfo", &made);
    assert_eq!(made["role"], "admin");
    assert_eq!(get(&server, "me", &admin.access).await.ok()["role"], "admin", "at once");
    for (by, on, body, expected) in [
        (&owner.access, &owner_id, json!({"role": "admin"}), (403, "FORBIDDEN")),
        (&owner.access, &id, json!({"role": "owner"}), (403, "FORBIDDEN")),
        (&admin.access, &owner_id, json!({"disabled": true}), (403, "FORBIDDEN")),
        (&owner.access, &id, json!({"role": "guest"}), (400, "BAD_REQUEST")),
        (&owner.access, &id, json!({"role": "member", "disabled": true}), (400, "BAD_REQUEST")),
        (&owner.access, &id, json!({}), (400, "BAD_REQUEST")),
        (&owner.access, &"nobody".to_owned(), json!({"disabled": true}), (404, "NOT_FOUND")),
        (&owner.access, &uuid::Uuid::new_v4().to_string(), json!({"disabled": true}), (404, "NOT_FOUND")),
        (&token.to_owned(), &owner_id, json!({"role": "member"}), (409, "LAST_OWNER")),
        (&token.to_owned(), &owner_id, json!({"disabled": true}), (409, "LAST_OWNER")),
    ] {
        let answered = change(&server, by, on, body.clone()).await;
        assert_eq!(answered.refusal(), expected, "{body}");
    }
    let erased =
        with(&server, Method::DELETE, "me", &owner.access, &json!({"password": PASSWORD, "texts": false})).await;
    assert_eq!(erased.refusal(), (409, "LAST_OWNER"));
    // The operator makes a second owner; then the first one may go.
    assert_eq!(change(&server, token, &admin_id, json!({"role": "owner"})).await.status, 200);
    assert_eq!(change(&server, token, &owner_id, json!({"role": "member"})).await.status, 200);
}

async fn who_is_shut_out_is_out_at_once(database: &Database) {
    let server = Server::with(database, &OPEN).await;
    let owner = owner(database, &server).await;
    let member = register(&server, "otter@blog.example").await;
    let ticket = post(&server, "auth/ticket", Some(&member.access), &json!({})).await.text("ticket");
    let who = Who { token: Some(ticket), ..Who::named("somebody") };
    let (mut client, _) = Client::join(&server, "post", who).await;
    let id = id_of(&server, &owner, "otter@").await;
    assert_eq!(change(&server, &owner.access, &id, json!({"disabled": true})).await.ok()["disabled"], true);
    assert_eq!(client.closed().await, CloseCode::LoginEnded.number());
    assert_eq!(get(&server, "me", &member.access).await.refusal(), (401, "BAD_TOKEN"));
    let body = json!({"refreshToken": member.refresh});
    assert_eq!(post(&server, "auth/refresh", None, &body).await.refusal(), (401, "BAD_TOKEN"));
    let refused = log_in(&server, "otter@blog.example", PASSWORD).await;
    assert_eq!(refused.refusal(), (401, "BAD_CREDENTIALS"), "as if there were none");
    change(&server, &owner.access, &id, json!({"disabled": false})).await.ok();
    assert_eq!(log_in(&server, "otter@blog.example", PASSWORD).await.status, 200);
}

async fn a_link_sets_a_password_once_and_ends_all_logins(database: &Database) {
    let server = Server::with(database, &OPEN).await;
    let owner = owner(database, &server).await;
    let member = register(&server, "otter@blog.example").await;
    let id = id_of(&server, &owner, "otter@").await;
    let path = format!("admin/users/{id}/reset");
    assert_eq!(post(&server, &path, Some(&member.access), &json!({})).await.refusal(), (403, "FORBIDDEN"));
    let own_path = format!("admin/users/{}/reset", id_of(&server, &owner, "owner@").await);
    assert_eq!(post(&server, &own_path, Some(&owner.access), &json!({})).await.refusal(), (403, "FORBIDDEN"));
    let url = post(&server, &path, Some(&owner.access), &json!({})).await.text("url");
    let (_, code) = url.split_once("/reset#").expect("a link");
    let reset = async |code: &str, password: &str| {
        post(&server, "auth/password/reset", None, &json!({"code": code, "password": password})).await
    };
    assert_eq!(reset(code, "password").await.refusal(), (422, "WEAK_PASSWORD"), "and the code is still good");
    assert_eq!(reset("AAAA-AAAA-AAAA", "another horse entirely").await.refusal(), (401, "BAD_CODE"));
    assert_eq!(reset("nothing", "another horse entirely").await.refusal(), (401, "BAD_CODE"));
    assert_eq!(reset(code, "another horse entirely").await.status, 204);
    assert_eq!(reset(code, "another horse entirely").await.refusal(), (401, "BAD_CODE"), "once");
    assert_eq!(get(&server, "me", &member.access).await.refusal(), (401, "BAD_TOKEN"));
    assert_eq!(log_in(&server, "otter@blog.example", PASSWORD).await.refusal(), (401, "BAD_CREDENTIALS"));
    assert_eq!(log_in(&server, "otter@blog.example", "another horse entirely").await.status, 200);
}

async fn people_are_listed_and_found(database: &Database) {
    let server = Server::with(database, &OPEN).await;
    let owner = owner(database, &server).await;
    for n in 0..3 {
        register(&server, &format!("otter{n}@blog.example")).await;
    }
    let emails = async |query: &str| -> Vec<String> {
        let found = get(&server, &format!("admin/users{query}"), &owner.access).await.ok();
        check_schema("AccountList", &found);
        let emails = found["users"].as_array().expect("people").iter().map(|user| user["email"].as_str().expect("one"));
        emails.map(str::to_owned).collect()
    };
    assert_eq!(emails("").await.len(), 4);
    assert_eq!(emails("?q=OTTER1").await, ["otter1@blog.example"]);
    assert_eq!(emails("?q=%25").await, Vec::<String>::new(), "no pattern");
    let second = id_of(&server, &owner, "otter2@").await;
    assert_eq!(emails(&format!("?cursor={second}&q=otter")).await, ["otter1@blog.example", "otter0@blog.example"]);
    for query in ["?cursor=x", "?nothing=1"] {
        let answered = get(&server, &format!("admin/users{query}"), &owner.access).await;
        assert_eq!(answered.refusal(), (400, "BAD_REQUEST"), "{query}");
    }
}
