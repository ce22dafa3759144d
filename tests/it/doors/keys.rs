//! Bots by their keys: what a key was made for, at both doors.

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    accounts::{OPEN, owner, post, with},
    support::{Client, Database, EventStream, Server, StreamEnd, check_schema, within},
};

on_both!(a_key_reads_and_writes_as_it_was_made_for);

/// A key of a new bot, and its secret.
async fn key(server: &Server, by: &str, bot: &Value, scopes: &[&str]) -> (Value, String) {
    let made = post(server, "admin/keys", Some(by), &json!({"botId": bot["id"], "scopes": scopes})).await.ok();
    let secret = made["key"].as_str().expect("a secret").to_owned();
    (made, secret)
}

async fn read(server: &Server, secret: &str) -> EventStream {
    let bearer = format!("Bearer {secret}");
    EventStream::open(server, "GET", "post", &[("Authorization", &bearer)], None, false).await
}

async fn next(stream: &mut EventStream) -> Value {
    let data = within("an event", stream.event()).await.expect("an event");
    serde_json::from_str(&data).expect("JSON")
}

async fn a_key_reads_and_writes_as_it_was_made_for(database: &Database) {
    let server = Server::with(database, &OPEN).await;
    let owner = owner(database, &server).await;
    let mut reader = Client::reader(&server, "post").await;
    let bot =
        post(&server, "admin/bots", Some(&owner.access), &json!({"nickname": "build bot", "role": "member"})).await;
    let bot = bot.ok();
    let (reads, read_only) = key(&server, &owner.access, &bot, &["messages:read"]).await;
    let (_, writes) = key(&server, &owner.access, &bot, &["messages:write"]).await;

    let said = json!({"content": "the build is green"});
    let refused = post(&server, "rooms/post/messages", Some(&read_only), &said).await;
    assert_eq!(refused.refusal(), (403, "FORBIDDEN"));
    let stored = post(&server, "rooms/post/messages", Some(&writes), &said).await;
    assert_eq!(stored.status, 201, "{}", stored.body);
    check_schema("Stored", &stored.body);
    let author = &stored.body["message"]["author"];
    assert_eq!((&author["nickname"], &author["badge"]), (&json!("build bot"), &json!("bot")));
    reader.reach(1).await;
    let id = stored.body["message"]["id"].as_str().expect("an id");
    let pin = format!("rooms/post/messages/{id}/pin");
    assert_eq!(with(&server, Method::PUT, &pin, &writes, &Value::Null).await.refusal(), (403, "FORBIDDEN"));

    let refused = read(&server, &writes).await;
    assert_eq!((refused.status, &refused.body().await["error"]["code"]), (403, &json!("FORBIDDEN")));
    let mut stream = read(&server, &read_only).await;
    let welcome = next(&mut stream).await;
    assert_eq!((&welcome["type"], &welcome["payload"]["self"]["id"]), (&json!("WELCOME"), &author["id"]));
    let ended = format!("admin/keys/{}", reads["id"].as_str().expect("an id"));
    with(&server, Method::DELETE, &ended, &owner.access, &Value::Null).await.ok();
    loop {
        let event = next(&mut stream).await;
        if event["type"] == "ERROR" {
            assert_eq!(event["payload"]["code"], "BAD_TOKEN");
            break;
        }
    }
    assert_eq!(within("the end", stream.event()).await, Err(StreamEnd::Ended));
    assert_eq!(read(&server, &read_only).await.status, 401);
}
