//! The list of rooms: for whom, and in which order.

use serde_json::{Value, json};

use crate::{
    moderation::signed_in,
    support::{Client, Database, LIMITS_OFF, Server, check_schema},
};

on_both!(rooms_are_listed_for_a_right_or_for_everybody);

async fn rooms_are_listed_for_a_right_or_for_everybody(database: &Database) {
    let server = Server::with(database, &LIMITS_OFF).await;
    let token = signed_in(database, &server).await;
    for (room, n) in [("first", 1), ("second", 3), ("third", 2)] {
        let mut author = Client::author(&server, room, "the author").await;
        for n in 0..n {
            author.say(&format!("number {n}")).await;
        }
    }
    let refused = server.get("/api/v1/rooms").await;
    assert_eq!(refused.status(), 401);
    check_schema("Error", &refused.json().await.expect("JSON"));
    let bearer = format!("Bearer {token}");
    let ids = |listed: &Value| -> Vec<String> {
        check_schema("ListedRooms", listed);
        let rooms = listed["rooms"].as_array().expect("a list").iter();
        rooms.map(|room| room["id"].as_str().expect("an id").to_owned()).collect()
    };
    let by_right = server.get_with("/api/v1/rooms", ("Authorization", &bearer)).await;
    let by_right: Value = by_right.json().await.expect("JSON");
    assert_eq!(ids(&by_right), ["third", "second", "first"], "who was written to last comes first");

    let public = [LIMITS_OFF[0], ("CHAT_ROOM_LIST", "public")];
    let server = server.again(database, &public).await;
    let by_messages = server.json("/api/v1/rooms?sort=messages").await;
    assert_eq!(ids(&by_messages), ["second", "third", "first"]);
    assert_eq!(by_messages["rooms"][0]["messageCount"], json!(3));
    for wrong in ["sort=x", "cursor=x", "cursor=&cursor="] {
        assert_eq!(server.get(&format!("/api/v1/rooms?{wrong}")).await.status(), 400, "{wrong}");
    }
    // More than a page.
    for n in 0..51 {
        Client::author(&server, &format!("room {n}"), "the author").await.say("hello").await;
    }
    let first = server.json("/api/v1/rooms").await;
    let next = first["nextCursor"].as_str().expect("a cursor");
    let second = server.json(&format!("/api/v1/rooms?cursor={next}")).await;
    let all = [ids(&first), ids(&second)].concat();
    assert_eq!((all.len(), &*all[0], &*all[53]), (54, "room 50", "first"));
    assert_eq!(second.get("nextCursor"), None);
}
