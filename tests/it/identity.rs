//! The public id of a person, and the secret it is derived from.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chat_wire::ServerFrame;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::json;
use sha2::Sha256;

use crate::support::{Client, Database, Server, Who, message};

on_both!(the_id_is_an_hmac_with_the_secret_of_the_setting, the_secret_identity_is_never_seen_again);

async fn id_of(server: &Server, who: &Who) -> String {
    let (client, welcome) = Client::join(server, "post", who.clone()).await;
    client.leave().await;
    welcome.head.own.expect("an author").author.id.into_owned()
}

async fn the_id_is_an_hmac_with_the_secret_of_the_setting(database: &Database) {
    let secret = "a secret of at least sixteen";
    let server = Server::with(database, &[("CHAT_SECRET", secret)]).await;
    let who = Who::named("somebody");
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("a key of any length");
    mac.update(who.anonymous_id.hyphenated().to_string().as_bytes());
    let expected = URL_SAFE_NO_PAD.encode(&mac.finalize().into_bytes()[..16]);
    assert_eq!(expected.len(), 22);
    assert_eq!(id_of(&server, &who).await, expected);
    // However the UUID was written.
    let mut client = Client::connect(&server, "post").await;
    let upper = who.anonymous_id.hyphenated().to_string().to_uppercase();
    client.send(&json!({"type": "JOIN", "payload": {"anonymousId": upper, "nickname": "somebody"}})).await;
    let own = |frame: &_| if let ServerFrame::Welcome(w) = frame { w.head.own.clone() } else { None };
    assert_eq!(client.wait("WELCOME", own).await.author.id, expected);
    drop(client);
    let server = server.again(database, &[("CHAT_SECRET", "another secret, as long")]).await;
    assert_ne!(id_of(&server, &who).await, expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_on_one_database_derive_the_same_ids() {
    let database = Database::postgres().await;
    let who = Who::named("somebody");
    // Both make the schema and the key at the same time.
    let (one, two) = tokio::join!(Server::start(&database), Server::start(&database));
    let id = id_of(&one, &who).await;
    assert_eq!(id_of(&two, &who).await, id);
    one.kill9().await;
    assert_eq!(id_of(&Server::start(&database).await, &who).await, id, "after a restart");
    let elsewhere = Database::sqlite();
    assert_ne!(id_of(&Server::start(&elsewhere).await, &who).await, id, "another chat has another key");
}

async fn the_secret_identity_is_never_seen_again(database: &Database) {
    let server = Server::with(database, &[("RUST_LOG", "trace")]).await;
    let who = Who::named("somebody");
    let mut watcher = Client::connect(&server, "post").await;
    watcher.transcript = Some(String::new());
    watcher.enter(None).await;
    let mut client = Client::connect(&server, "post").await;
    client.transcript = Some(String::new());
    client.who = who.clone();
    // In frames that are wrong in every way as well.
    let id = who.anonymous_id.to_string();
    for frame in [
        json!({"type": "JOIN", "payload": {"anonymousId": id, "nickname": 7}}),
        json!({"type": "JOIN", "payload": {"anonymousId": format!("{id}x")}}),
        json!({"type": "JOIN", "payload": {"anonymousId": id, "nickname": "x"}}),
        json!({"type": id, "payload": {"anonymousId": id}}),
    ] {
        client.refused(&frame).await;
    }
    client.enter(None).await;
    client.say("hello").await;
    client.refused(&who.join(None)).await;
    client.refused(&message(who.anonymous_id, "")).await;
    client.rename("renamed").await;
    client.ping().await;
    watcher.presence("the new name", |p| p.members.iter().flatten().any(|m| m.nickname == "renamed")).await;
    let mut seen = vec![
        ("another client's frames", watcher.transcript.take().expect("kept")),
        // Its own key of a message is the client's choice, so that one frame may name it.
        ("its own frames", client.transcript.take().expect("kept").replace(&format!(r#""clientId":"{id}""#), "")),
        ("the database", format!("{:?}", database.messages("post").await)),
    ];
    for path in ["/room/post", "/api/v1/rooms/post", "/api/v1/rooms/post/messages", "/api/v1/rooms/post/members"] {
        seen.push((path, server.get(path).await.text().await.expect("text")));
    }
    client.leave().await;
    seen.push(("the log", server.log()));
    for (place, text) in &seen {
        assert!(!text.is_empty(), "{place}");
        let text = text.to_lowercase();
        for form in [who.anonymous_id.hyphenated().to_string(), who.anonymous_id.simple().to_string()] {
            assert!(!text.contains(&form), "the anonymousId is in {place}:\n{text:.2000}");
        }
    }
}
