//! P2: every session sees the room's changes in counter order, nothing left out, nothing twice, nothing
//! swapped, whatever server it is on.

use tokio::task::JoinSet;

use crate::support::{Client, Database, Server, whole};

on_both!(many_rooms_at_once_on_one_server);

/// Sends `n` messages, a few at a time, then waits until all `n_all` of the room were seen.
async fn write_and_read(mut client: Client, name: String, n: usize, n_all: i64) -> Client {
    let mut contents = (0..n).map(|i| format!("{name} {i}")).peekable();
    while contents.peek().is_some() {
        let ids = client.publish_all(contents.by_ref().take(5)).await;
        client.answered(&ids).await;
    }
    assert!(client.errors.is_empty(), "instead of an ACK: {:?}", client.errors);
    client.reach(n_all).await;
    client
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_servers_and_writers_on_both_show_one_order() {
    let settings = [("CHAT_RATE_LIMITS", "off"), ("CHAT_POLL_SECS", "0.2")];
    let (database, servers) = Server::pair(&settings).await;
    let mut clients = Vec::new();
    for server in &servers {
        clients.extend(Client::authors(server, "post", 3).await.into_iter().map(|client| (client, 60)));
        for _ in 0..2 {
            clients.push((Client::reader(server, "post").await, 0));
        }
    }
    let n_all = 2 * 3 * 60;
    let mut traffic = JoinSet::new();
    for (n, (client, n_messages)) in clients.into_iter().enumerate() {
        traffic.spawn(write_and_read(client, format!("client {n}"), n_messages, n_all));
    }
    let clients = traffic.join_all().await;
    let stored = whole(&database, "post").await;
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
    let (_database, servers) = Server::pair(&[]).await;
    let mut reader = Client::reader(&servers[0], "post").await;
    let mut writer = Client::author(&servers[1], "post", "the writer").await;
    let ack = writer.say("hello over there").await;
    reader.reach(ack.rev).await;
    assert_eq!(reader.history.contents(), ["hello over there"]);
    // And back, by a reader who became an author.
    reader.rename("the reader").await;
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
        let stored = whole(database, &room).await;
        assert_eq!(stored.len(), 50);
        assert!(stored.iter().all(|m| m.content.starts_with(&room)), "no message strays into another room");
        assert!(client.history.list.values().eq(stored.iter()));
        client.history.agrees_with(&stored);
    }
}
