//! Tickets, and the end of sockets whose login ends, on whatever server.

use chat_wire::{CloseCode, ErrorCode};
use serde_json::{Value, json};

use super::{OPEN, PASSWORD, get, log_in, post, register, session, with};
use crate::support::{Client, Database, Server, Who};

on_both!(a_ticket_opens_one_socket, a_ticket_writes_once, a_socket_ends_with_its_login_and_no_other,);

pub async fn ticket(server: &Server, access: &str) -> String {
    let answered = post(server, "auth/ticket", Some(access), &json!({})).await;
    assert_eq!(answered.body["expiresIn"], 30, "{}", answered.body);
    answered.text("ticket")
}

pub fn who(token: String) -> Who {
    Who { token: Some(token), ..Who::named("somebody") }
}

async fn join(server: &Server, access: &str) -> Client {
    Client::join(server, "post", who(ticket(server, access).await)).await.0
}

async fn a_ticket_opens_one_socket(database: &Database) {
    let server = Server::with(database, &OPEN).await;
    let own = register(&server, "otter@blog.example").await;
    let ticket = ticket(&server, &own.access).await;
    let (mut client, welcome) = Client::join(&server, "post", who(ticket.clone())).await;
    let author = welcome.head.own.expect("an author");
    assert_eq!(author.author.id, own.user);
    client.say("hello").await;
    let mut late = Client::connect(&server, "post").await;
    for none in [ticket, own.access, own.refresh, "tk_".to_owned(), format!("tk_{}", "a".repeat(43))] {
        assert_eq!(late.refused(&who(none).join(None)).await.code, ErrorCode::BadToken);
    }
    let made = post(&server, "auth/ticket", None, &json!({})).await;
    assert_eq!(made.refusal(), (401, "BAD_TOKEN"));
}

/// Where no socket opens the page of a room writes by requests, and has no other proof of a login by cookies.
async fn a_ticket_writes_once(database: &Database) {
    let server = Server::with(database, &OPEN).await;
    let own = register(&server, "otter@blog.example").await;
    let ticket = ticket(&server, &own.access).await;
    let said = json!({"content": "by a ticket"});
    let answered = with(&server, reqwest::Method::POST, "rooms/post/messages", &ticket, &said).await;
    assert_eq!(answered.status, 201, "{}", answered.body);
    assert_eq!(answered.body["message"]["author"]["id"], own.user);
    let again = with(&server, reqwest::Method::POST, "rooms/post/messages", &ticket, &said).await;
    assert_eq!(again.refusal(), (401, "BAD_TOKEN"));
}

async fn a_socket_ends_with_its_login_and_no_other(database: &Database) {
    let server = Server::with(database, &OPEN).await;
    let own = register(&server, "otter@blog.example").await;
    let other = session(log_in(&server, "otter@blog.example", PASSWORD).await);
    let mut ends = join(&server, &own.access).await;
    let mut stays = join(&server, &other.access).await;
    let logins = get(&server, "me/logins", &other.access).await.ok();
    let id = logins.as_array().expect("logins").iter().find(|login| login["current"] == false).expect("the other one");
    let path = format!("me/logins/{}", id["id"].as_str().expect("an id"));
    assert_eq!(with(&server, reqwest::Method::DELETE, &path, &other.access, &Value::Null).await.status, 204);
    assert_eq!(ends.closed().await, CloseCode::LoginEnded.number());
    stays.say("still here").await;
    let again = with(&server, reqwest::Method::DELETE, &path, &other.access, &Value::Null).await;
    assert_eq!(again.refusal(), (404, "NOT_FOUND"));
    // One by the secret of a code as well.
    let ended = Server::run(&["owner", "--database-url", &database.url], &[]).await;
    let signed = post(&server, "auth/code", None, &json!({"code": ended.stdout.trim()})).await;
    let secret = signed.text("token");
    let (mut owner, _) = Client::join(&server, "post", who(secret.clone())).await;
    post(&server, "auth/logout", Some(&secret), &json!({})).await;
    assert_eq!(owner.closed().await, CloseCode::LoginEnded.number());
}

/// No bus: the poll brings it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_socket_ends_on_another_server() {
    let (_database, [one, two]) = Server::pair(&OPEN).await;
    let own = register(&one, "otter@blog.example").await;
    let stranger = register(&two, "seal@blog.example").await;
    let mut there = join(&two, &own.access).await;
    let mut stays = join(&two, &stranger.access).await;
    post(&one, "auth/logout", Some(&own.access), &json!({})).await;
    assert_eq!(there.closed().await, CloseCode::LoginEnded.number());
    assert_eq!(get(&two, "me", &own.access).await.refusal(), (401, "BAD_TOKEN"));
    stays.say("still here").await;
    // A ticket of one server is good on the other, once.
    let ticket = ticket(&one, &stranger.access).await;
    let (_client, _) = Client::join(&two, "post", who(ticket.clone())).await;
    let mut late = Client::connect(&one, "post").await;
    assert_eq!(late.refused(&who(ticket).join(None)).await.code, ErrorCode::BadToken);
}
