//! A room gets another name, and is reached by all of them: over the socket, by links, over HTTP, by whoever keeps order.

use serde_json::{Value, json};

use crate::{
    changes::server_with,
    moderation::{get, post, refused},
    support::{Client, Database, LIMITS_OFF, Server, Who, soon},
};

on_both!(
    two_pages_one_on_each_name_are_in_one_room,
    names_that_cannot_be_given,
    a_command_gives_a_name_beside_a_server
);

const TOKEN: &str = "a token of the operator";
const SETTINGS: [(&str, &str); 2] = [LIMITS_OFF[0], ("CHAT_ADMIN_TOKEN", TOKEN)];

async fn rename(server: &Server, old: &str, new: &str) -> Value {
    let (status, answer) = post(server, &path(old), Some(TOKEN), &json!({"to": new})).await;
    assert_eq!(status, 200, "{answer}");
    answer
}

fn path(room: &str) -> String {
    format!("/api/v1/admin/rooms/{room}/rename")
}

/// The room that a client by this name is led to.
async fn led_to(server: &Server, name: &str) -> String {
    let (client, welcome) = Client::join(server, name, Who::reader()).await;
    let id = welcome.head.room.id.clone().into_owned();
    client.leave().await;
    id
}

async fn two_pages_one_on_each_name_are_in_one_room(database: &Database) {
    let server = server_with(database, &SETTINGS).await;
    let mut author = Client::author(&server, "old", "author").await;
    let first = author.say("hello").await;
    // Somebody is there already where the post has moved to, and has said nothing.
    let mut early = Client::reader(&server, "new").await;
    let renamed = rename(&server, "old", "new").await;
    assert_eq!(renamed["id"], "old");
    assert_eq!(early.closed().await, 4003, "whoever is there comes again");

    let (mut reader, welcome) = Client::join(&server, "new", Who::reader()).await;
    assert_eq!((&*welcome.head.room.id, reader.history.contents()), ("old", vec!["hello"]));
    let second = author.say("to both").await;
    reader.reach(second.rev).await;
    assert_eq!(reader.history.contents(), ["hello", "to both"]);
    let mut answering = Client::author(&server, "new", "another").await;
    let third = answering.say("from the other name").await;
    author.reach(third.rev).await;
    assert_eq!(author.history.epoch(), answering.history.epoch());

    // Links, HTTP, and what those who keep order ask.
    for name in ["old", "new"] {
        let room = server.json(&format!("/api/v1/rooms/{name}")).await;
        assert_eq!((&room["id"], &room["messageCount"]), (&"old".into(), &3.into()), "{name}");
        let page = server.json(&format!("/api/v1/rooms/{name}/messages?before=3")).await;
        assert_eq!(page["messages"].as_array().map(Vec::len), Some(2), "{name}");
        let one = server.json(&format!("/api/v1/rooms/{name}/messages/{}", first.id)).await;
        assert_eq!(one["message"]["content"], "hello", "{name}");
        let html = server.get(&format!("/room/{name}")).await.text().await.expect("a page");
        assert!(html.contains("from the other name"), "{name}");
        assert_eq!(get(&server, &format!("/api/v1/admin/rooms/{name}"), TOKEN).await["settingsRev"], 0);
    }
    // A list of posts on the blog asks by the names that they have there.
    let counts = server.json("/api/v1/rooms?ids=old,new&last=true").await;
    let counted = |n: usize| (counts["rooms"][n]["id"].clone(), counts["rooms"][n]["messageCount"].clone());
    assert_eq!([counted(0), counted(1)], [("old".into(), 3.into()), ("new".into(), 3.into())]);
    assert_eq!(counts["rooms"][1]["last"]["content"], "from the other name");
    let (status, _) =
        post(&server, "/api/v1/admin/rooms/new", Some(TOKEN), &json!({"settings": {"linksMax": 1}, "settingsRev": 0}))
            .await;
    assert_eq!(status, 200);
    for name in ["old", "new"] {
        assert_eq!(get(&server, &format!("/api/v1/admin/rooms/{name}"), TOKEN).await["settingsRev"], 1, "{name}");
    }
    let log = get(&server, "/api/v1/admin/audit?room=new", TOKEN).await;
    let actions: Vec<&str> =
        log["entries"].as_array().expect("entries").iter().filter_map(|e| e["action"].as_str()).collect();
    assert_eq!(actions, ["room_set", "rename"]);

    // Taken back, the name is a room of its own; who is in the room stays there.
    let undo = format!("/api/v1/admin/audit/{}/undo", renamed["auditId"].as_str().expect("an entry"));
    assert_eq!(post(&server, &undo, Some(TOKEN), &json!({})).await.0, 200);
    assert_eq!(refused(&server, &undo, Some(TOKEN), &json!({})).await, (409, "ALREADY_UNDONE".into()));
    assert_eq!(led_to(&server, "new").await, "new");
    assert_eq!(server.json("/api/v1/rooms/new").await["messageCount"], 0);
    let fourth = author.say_again(uuid::Uuid::new_v4(), "still here").await;
    answering.reach(fourth.rev).await;
}

async fn names_that_cannot_be_given(database: &Database) {
    let server = server_with(database, &SETTINGS).await;
    for name in ["one", "two"] {
        Client::author(&server, name, "author").await.say("hello").await;
    }
    let refused = async |old: &str, body: Value| refused(&server, &path(old), Some(TOKEN), &body).await;
    assert_eq!(refused("one", json!({"to": "two"})).await, (409, "ROOM_TAKEN".into()), "it has messages");
    assert_eq!(refused("nothing", json!({"to": "three"})).await, (404, "NOT_FOUND".into()));
    assert_eq!(refused("one", json!({"to": ""})).await, (400, "INVALID_ROOM".into()));
    assert_eq!(refused("one", json!({"to": "three", "more": 1})).await, (400, "BAD_REQUEST".into()));
    let (status, _) = post(&server, &path("one"), None, &json!({"to": "three"})).await;
    assert_eq!(status, 401);
    // A chain is as long as one link, and a circle is none.
    rename(&server, "one", "three").await;
    assert_eq!(rename(&server, "three", "four").await["id"], "one");
    assert_eq!(rename(&server, "four", "one").await, json!({"id": "one", "auditId": null}), "it is called so already");
    assert_eq!(rename(&server, "one", "four").await["auditId"], Value::Null);
    assert_eq!(refused("two", json!({"to": "three"})).await, (409, "ROOM_TAKEN".into()), "it leads elsewhere");
    for name in ["one", "three", "four"] {
        assert_eq!(led_to(&server, name).await, "one", "{name}");
    }
    assert_eq!(led_to(&server, "two").await, "two");
}

async fn a_command_gives_a_name_beside_a_server(database: &Database) {
    let server = server_with(database, &SETTINGS).await;
    // A room that lives, so that the poll asks.
    let mut author = Client::author(&server, "old", "author").await;
    author.say("hello").await;
    let run = async |old: &str, new: &str| {
        Server::run(&["rename-room", old, new, "--database-url", &database.url], &[]).await
    };
    let ended = run("old", "new").await;
    assert!(
        ended.status.success() && ended.stdout.starts_with("new leads to old now"),
        "{}{}",
        ended.stdout,
        ended.stderr
    );
    soon("the server to know of it", async || server.json("/api/v1/rooms/new").await["id"] == "old").await;
    assert_eq!(led_to(&server, "new").await, "old");
    let ended = run("nothing", "newer").await;
    assert!(!ended.status.success() && ended.stderr.contains("there is no room \"nothing\""), "{}", ended.stderr);
    let ended = run("new", "old").await;
    assert!(ended.status.success() && ended.stdout.contains("already"), "{}{}", ended.stdout, ended.stderr);
    // A server that starts knows it from the beginning.
    let server = server.again(database, &SETTINGS).await;
    assert_eq!(led_to(&server, "new").await, "old");
    assert_eq!(server.json("/api/v1/rooms/new").await["messageCount"], 1);
}

/// What one server was told the others go by as well.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn other_servers_learn_of_a_name() {
    let (_database, servers) = Server::pair(&SETTINGS).await;
    let mut author = Client::author(&servers[0], "old", "author").await;
    author.say_again(uuid::Uuid::new_v4(), "hello").await;
    let mut early = Client::reader(&servers[1], "new").await;
    let renamed = rename(&servers[0], "old", "new").await;
    assert_eq!(renamed["id"], "old");
    assert_eq!(early.closed().await, 4003);
    soon("the other server to know of it", async || servers[1].json("/api/v1/rooms/new").await["id"] == "old").await;
    let (mut reader, _) = Client::join(&servers[1], "new", Who::reader()).await;
    let second = author.say("to both").await;
    reader.reach(second.rev).await;
    assert_eq!(reader.history.contents(), ["hello", "to both"]);
}
