//! P2: every session sees the room's changes in counter order, nothing left out, nothing twice, nothing
//! swapped, whatever server it is on.

use tokio::task::JoinSet;
use uuid::Uuid;

use crate::support::{Client, Database, Server, assert_whole};

on_both!(many_rooms_at_once_on_one_server);

/// Sends `n` messages, a few at a time, then waits until all `n_all` of the room were seen.
async fn write_and_read(mut client: Client, name: String, n: usize, n_all: i64) -> Client {
    let mut waiting = Vec::new();
    for i in 0..n {
        let client_id = Uuid::new_v4();
        client.publish(client_id, &format!("{name} {i}")).await;
        waiting.push(client_id);
        if waiting.len() == 5 {
            for client_id in waiting.drain(..) {
                if !client.history.acks.contains_key(&client_id) {
                    client.ack(client_id).await;
                }
            }
        }
    }
    client.reach(n_all).await;
    client
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_servers_and_writers_on_both_show_one_order() {
    let database = Database::postgres().await;
    let settings = [("CHAT_RATE_LIMITS", "off"), ("CHAT_POLL_SECS", "0.2")];
    let servers = [Server::with(&database, &settings).await, Server::with(&database, &settings).await];
    let mut clients = Vec::new();
    for server in &servers {
        for n in 0..5 {
            let is_author = n < 3;
            let client = match is_author {
                true => Client::author(server, "post", &format!("writer {n}")).await,
                false => Client::reader(server, "post").await,
            };
            clients.push((client, if is_author { 60 } else { 0 }));
        }
    }
    let n_all = 2 * 3 * 60;
    let mut traffic = JoinSet::new();
    for (n, (client, n_messages)) in clients.into_iter().enumerate() {
        traffic.spawn(write_and_read(client, format!("client {n}"), n_messages, n_all));
    }
    let clients = traffic.join_all().await;
    let stored = database.messages("post").await;
    assert_whole(&stored);
    assert_eq!(stored.len() as i64, n_all);
    for client in &clients {
        assert!(client.history.list.values().eq(stored.iter()), "every history is the database's");
        client.history.agrees_with(&stored);
    }
    // The messages of one author keep the order they were sent in.
    for author in clients.iter().map(|c| c.who.nickname.clone().unwrap_or_default()) {
        for server in ["client 0", "client 1", "client 2", "client 5", "client 6", "client 7"] {
            let own = stored.iter().filter(|m| m.author.nickname == author && m.content.starts_with(server));
            let numbers = own.filter_map(|m| m.content.rsplit(' ').next()?.parse::<usize>().ok()).collect::<Vec<_>>();
            assert!(numbers.is_sorted(), "{author} of {server}: {numbers:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_crosses_servers() {
    let database = Database::postgres().await;
    let servers = [Server::start(&database).await, Server::start(&database).await];
    let mut reader = Client::reader(&servers[0], "post").await;
    let mut writer = Client::author(&servers[1], "post", "the writer").await;
    let ack = writer.say("hello over there").await;
    reader.reach(ack.rev).await;
    assert_eq!(reader.history.contents(), ["hello over there"]);
    // And back, by a reader who became an author.
    reader.send(&serde_json::json!({"type": "PROFILE", "payload": {"nickname": "the reader"}})).await;
    let ack = reader.say("hello back").await;
    writer.reach(ack.rev).await;
    assert_eq!(writer.history.contents(), ["hello over there", "hello back"]);
}

async fn many_rooms_at_once_on_one_server(database: &Database) {
    let server = Server::with(database, &[("CHAT_RATE_LIMITS", "off")]).await;
    let mut traffic = JoinSet::new();
    for room in 0..8 {
        for n in 0..3 {
            let name = format!("room {room}");
            let (client, n_messages) = match n {
                0 => (Client::reader(&server, &name).await, 0),
                _ => (Client::author(&server, &name, &format!("writer {n}")).await, 25),
            };
            traffic.spawn(async move {
                let client = write_and_read(client, format!("{name} by {n}:"), n_messages, 50).await;
                (name, client)
            });
        }
    }
    for (room, client) in traffic.join_all().await {
        let stored = database.messages(&room).await;
        assert_whole(&stored);
        assert_eq!(stored.len(), 50);
        assert!(stored.iter().all(|m| m.content.starts_with(&room)), "no message strays into another room");
        assert!(client.history.list.values().eq(stored.iter()));
        client.history.agrees_with(&stored);
    }
}
