//! The guard over rooms that nobody looks after; on both databases.

use chat_wire::{ErrorCode, ServerFrame};
use serde_json::json;
use uuid::Uuid;

use crate::{
    moderation::{get, owner, post, refused, room, signed_in},
    support::{Client, Database, LIMITS_OFF, Server, message, soon},
};

on_both!(
    a_raid_of_a_room_without_a_moderator_is_held_back,
    a_room_that_is_looked_after_is_left_alone,
    a_restart_forgets_no_raid,
);

/// Without limits there is no guard either, unless it is asked for.
const GUARDED: [(&str, &str); 2] = [LIMITS_OFF[0], ("CHAT_GUARD", "on")];

/// New people paste the same again and again, which nobody who talks does.
async fn raid(server: &Server, n: usize) {
    for n in 0..n {
        let mut raider = Client::author(server, "post", &format!("raider {n}")).await;
        let _ = raider.try_say(Uuid::new_v4(), &format!("join our channel now and get five hundred coins {n}")).await;
    }
}

async fn settings(server: &Server, token: &str) -> serde_json::Value {
    get(server, "/api/v1/admin/rooms/post", token).await["settings"].clone()
}

async fn a_raid_of_a_room_without_a_moderator_is_held_back(database: &Database) {
    let server = Server::with(database, &GUARDED).await;
    let token = signed_in(database, &server).await;
    let mut reader = Client::reader(&server, "post").await;
    raid(&server, 40).await;
    let told = room(&mut reader, "the raid preset", |room| room.room.settings.contains_key("holdNew")).await;
    assert_eq!(
        serde_json::Value::from(told.room.settings),
        json!({"slowSeconds": 30, "linksMax": 0, "uniqueSeconds": 60, "holdNew": "all", "holdYoungerSeconds": 86_400})
    );
    let mut late = Client::author(&server, "post", "late").await;
    let waits = late.refused(&message(Uuid::new_v4(), "what goes on here?")).await;
    assert_eq!(waits.code, ErrorCode::Held);
    server.counts("raids", r#"chat_guard_raids_total{why="repeats"}"#, |n| n == 1.0).await;
    // By whom, and the way back.
    let audit = get(&server, "/api/v1/admin/audit?room=post", &token).await;
    let entry = &audit["entries"][0];
    assert_eq!((&entry["actor"], &entry["action"]), (&json!("guard"), &json!("room_set")), "{audit}");
    let (mut owner, _) = owner(&server, "post", &token).await;
    owner.wait("QUEUE", |frame| matches!(frame, ServerFrame::Queue(q) if q.held > 0).then_some(())).await;
    let undo = format!("/api/v1/admin/audit/{}/undo", entry["id"].as_str().expect("an id"));
    assert_eq!(post(&server, &undo, Some(&token), &json!({})).await.0, 200);
    assert_eq!(settings(&server, &token).await, json!({}));
    room(&mut late, "that it is over", |room| room.room.settings.is_empty()).await;
    late.say("I see").await;
    assert_eq!(refused(&server, &undo, Some(&token), &json!({})).await, (409, "ALREADY_UNDONE".to_owned()));
}

async fn a_room_that_is_looked_after_is_left_alone(database: &Database) {
    let server = Server::with(database, &GUARDED).await;
    let token = signed_in(database, &server).await;
    let (_owner, _) = owner(&server, "post", &token).await;
    raid(&server, 40).await;
    // The guard has seen all of them once those who came behind them are noted.
    for (n, all) in [(0, 40), (1, 41)] {
        raid(&server, n).await;
        soon("them to be noted", async || database.number("SELECT count(*) FROM authors").await >= all).await;
    }
    assert_eq!(settings(&server, &token).await, json!({}));
    server.counts("raids", r#"chat_guard_raids_total{why="repeats"}"#, |n| n == 0.0).await;
}

async fn a_restart_forgets_no_raid(database: &Database) {
    let server = Server::with(database, &GUARDED).await;
    let token = signed_in(database, &server).await;
    let mut reader = Client::reader(&server, "post").await;
    raid(&server, 40).await;
    room(&mut reader, "the raid preset", |room| room.room.settings.contains_key("holdNew")).await;
    let server = server.again(database, &GUARDED).await;
    assert_eq!(settings(&server, &token).await["holdNew"], "all");
    let mut late = Client::author(&server, "post", "late").await;
    soon("it to be held", async || {
        late.until_error(&message(Uuid::new_v4(), "hello?")).await.is_some_and(|error| error.code == ErrorCode::Held)
    })
    .await;
}
