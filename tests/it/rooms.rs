//! The life of a room: opened by the first JOIN, put away when nobody is left, back with all its messages.

use std::{sync::Arc, time::Duration};

use chat_wire::ServerFrame;
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::support::{Client, Database, Server, Who, soon, whole, within};

on_both!(an_idle_room_is_retired_and_comes_back, joins_while_a_room_is_retired_are_not_lost);

async fn an_idle_room_is_retired_and_comes_back(database: &Database) {
    let server = Server::with(database, &[("CHAT_ROOM_IDLE_SECS", "0.1")]).await;
    let mut author = Client::author(&server, "post", "the author").await;
    author.say("one").await;
    author.say("two").await;
    let stays = Client::reader(&server, "other post").await;
    server.counts("two rooms", "chat_rooms_live", |n| n == 2.0).await;
    // One that hangs up right behind its last message leaves no room that waits for ever.
    author.publish(Uuid::new_v4(), "three, and gone").await;
    author.wait("the last MESSAGE", |f| matches!(f, ServerFrame::Message(m) if m.seq == 3).then_some(())).await;
    let who = author.who.clone();
    let history = author.drop_connection();
    soon("the empty room to go", async || server.json("/healthz").await["rooms"] == 1).await;
    server.counts("the figure to follow", "chat_rooms_live", |n| n == 1.0).await;

    let resume = history.resume_point().expect("a cursor");
    let (mut back, welcome) = Client::join_at(&server, "post", who, &resume).await;
    assert!(welcome.head.resumed && welcome.messages.is_empty());
    assert_eq!(back.say("four").await.seq, 4);
    let fresh = Client::reader(&server, "post").await;
    assert_eq!(fresh.history.contents(), ["one", "two", "three, and gone", "four"]);
    back.leave().await;
    fresh.leave().await;
    stays.leave().await;
    soon("all rooms to go", async || server.json("/healthz").await["rooms"] == 0).await;
}

/// People come and go all the time, while empty rooms are put away at once.
async fn joins_while_a_room_is_retired_are_not_lost(database: &Database) {
    const ROOMS: usize = 8;
    const CYCLES: usize = 15;
    let settings = [("CHAT_ROOM_IDLE_SECS", "0"), ("CHAT_RATE_LIMITS", "off"), ("CHAT_ROOMS_MAX", "4")];
    // At most four rooms may live: each of these joins puts another room away.
    let server = Arc::new(Server::with(database, &settings).await);
    let mut visitors = JoinSet::new();
    for room in 0..ROOMS {
        let server = server.clone();
        visitors.spawn(async move {
            let name = format!("post {room}");
            for cycle in 0..CYCLES {
                let mut client = Client::connect(&server, &name).await;
                client.who = Who::named("a visitor");
                within("a room to be free", get_in(&mut client)).await;
                let ack = client.say(&format!("message {cycle}")).await;
                assert_eq!(ack.seq as usize, cycle + 1);
                if cycle % 2 == 0 {
                    client.leave().await;
                }
            }
            name
        });
    }
    for room in visitors.join_all().await {
        assert_eq!(whole(database, &room).await.len(), CYCLES, "{room}");
    }
    assert!(!server.log().contains("a room ended by itself"), "{}", server.log());
    soon("all rooms to go", async || server.json("/healthz").await["rooms"] == 0).await;
}

/// Asks again while all rooms are in use.
async fn get_in(client: &mut Client) {
    let mut pace = tokio::time::interval(Duration::from_millis(5));
    loop {
        pace.tick().await;
        client.ask_to_join(None).await;
        match client.frame("an answer to JOIN").await {
            ServerFrame::Welcome(_) => return,
            ServerFrame::Error(error) => assert!(error.retry_after_ms.is_some(), "{error:?}"),
            other => panic!("{other:?} before WELCOME"),
        }
    }
}
