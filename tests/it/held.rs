//! Messages that wait for whoever keeps order, the age of identities, and names that are not free; on both databases.

use chat_wire::{ErrorCode, MessagePayload, ServerFrame};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    moderation::{done, get, owner, post, refused, refuses, room, signed_in},
    support::{
        Client, Database, LIMITS_OFF, Server, Who,
        command::{delete, edit, pin, set_room, settle},
        message, soon,
    },
};

on_both!(
    a_first_message_waits_and_is_let_through,
    what_was_rejected_stays_so_until_it_is_undone,
    what_waits_survives_other_settings_and_a_restart,
    who_is_too_young_is_told_when,
    names_of_those_who_keep_order_are_not_free,
    deeds_have_a_way_back,
);

pub async fn queue(client: &mut Client, held: i64) {
    client.wait("QUEUE", |frame| matches!(frame, ServerFrame::Queue(q) if q.held == held).then_some(())).await;
}

/// Waits for a message with this sender's key.
async fn shown(client: &mut Client, client_id: Uuid) -> MessagePayload<'static> {
    let of = |frame: &ServerFrame<'static>| match frame {
        ServerFrame::Message(message) if message.client_id == client_id => Some(message.clone()),
        _ => None,
    };
    client.wait("the message", of).await
}

/// Those that wait in the room.
async fn waiting(server: &Server, token: &str) -> Vec<Value> {
    let held = get(server, "/api/v1/admin/held?room=post", token).await;
    held["held"].as_array().cloned().expect("a list")
}

fn id_of(held: &Value) -> &str {
    held["id"].as_str().expect("an id")
}

async fn a_first_message_waits_and_is_let_through(database: &Database) {
    let server = Server::with(database, &LIMITS_OFF).await;
    let token = signed_in(database, &server).await;
    let (mut owner, _) = owner(&server, "post", &token).await;
    queue(&mut owner, 0).await;
    let mut regular = Client::author(&server, "post", "regular").await;
    regular.say("here for years").await;
    done(&mut owner, &set_room(&json!({"holdNew": "first"}), 0)).await;
    room(&mut regular, "that new people wait", |room| room.room.settings.contains_key("holdNew")).await;
    let mut guest = Client::author(&server, "post", "손님").await;
    let key = Uuid::new_v4();
    let first = message(key, "처음 뵙겠습니다");
    for _ in 0..2 {
        let error = refuses(&mut guest, &first).await;
        assert_eq!((error.code, error.reason.as_deref()), (ErrorCode::Held, Some("first")), "{error:?}");
    }
    queue(&mut owner, 1).await;
    let other = refuses(&mut guest, &message(key, "something else")).await;
    assert_eq!(other.code, ErrorCode::ClientIdConflict);
    // Who has spoken is not kept waiting, and neither is who keeps order.
    regular.say("and today").await;
    owner.say("welcome").await;
    let held = waiting(&server, &token).await;
    assert_eq!((held.len(), &held[0]["content"], &held[0]["reason"]), (1, &json!("처음 뵙겠습니다"), &json!("first")));
    assert_eq!((&held[0]["author"]["nickname"], &held[0]["room"]), (&json!("손님"), &json!("post")));
    let read = server.json("/api/v1/rooms/post/messages").await.to_string();
    assert!(!read.contains("처음"), "{read}");
    // A guest decides about nothing.
    assert_eq!(refuses(&mut regular, &settle("APPROVE", &[id_of(&held[0])])).await.code, ErrorCode::Forbidden);
    for ids in [&[][..], &["x"], &["1"; 51]] {
        assert_eq!(refuses(&mut owner, &settle("APPROVE", ids)).await.code, ErrorCode::BadFrame, "{ids:?}");
    }
    let moderated = done(&mut owner, &settle("APPROVE", &[id_of(&held[0])])).await;
    assert_eq!(moderated.action, "approve");
    let message_shown = shown(&mut guest, key).await;
    assert_eq!((&*message_shown.content, message_shown.seq), ("처음 뵙겠습니다", 4));
    shown(&mut regular, key).await;
    queue(&mut owner, 0).await;
    assert_eq!(guest.until_taken(&first).await.seq, 4, "a retry of it is none");
    guest.say("thank you").await;
    let again = refuses(&mut owner, &settle("REJECT", &[id_of(&held[0])])).await;
    assert_eq!(again.code, ErrorCode::MessageNotFound, "somebody has decided");
    let undo = format!("/api/v1/admin/audit/{}/undo", moderated.audit_id);
    assert_eq!(post(&server, &undo, Some(&token), &json!({})).await.0, 200);
    let gone = guest.wait("the deletion", |frame| match frame {
        ServerFrame::Message(m) if m.client_id == key && m.annotations.deleted_at.is_some() => Some(m.content.clone()),
        _ => None,
    });
    assert_eq!(gone.await, "");
}

async fn what_was_rejected_stays_so_until_it_is_undone(database: &Database) {
    let server = Server::with(database, &LIMITS_OFF).await;
    let token = signed_in(database, &server).await;
    let (mut owner, _) = owner(&server, "post", &token).await;
    done(&mut owner, &set_room(&json!({"holdNew": "links", "holdYoungerSeconds": 3_600}), 0)).await;
    let who = Who::named("guest");
    let (mut guest, _) = Client::join(&server, "post", who.clone()).await;
    guest.say("a text without").await;
    let (key, text) = (Uuid::new_v4(), "see https://example.com/a");
    let error = refuses(&mut guest, &message(key, text)).await;
    assert_eq!((error.code, error.reason.as_deref()), (ErrorCode::Held, Some("links")));
    let held = waiting(&server, &token).await;
    let path = "/api/v1/admin/held/reject";
    let ids = json!({"room": "post", "heldIds": [id_of(&held[0])]});
    let (status, rejected) = post(&server, path, Some(&token), &ids).await;
    assert_eq!(status, 200, "{rejected}");
    // Whoever sent it is told at once, and whenever they ask.
    let told = guest.error_of(ErrorCode::Rejected).await;
    assert_eq!(told.client_id, Some(key));
    assert_eq!(refuses(&mut guest, &message(key, text)).await.code, ErrorCode::Rejected);
    assert_eq!(refused(&server, path, Some(&token), &ids).await, (404, "NOT_FOUND".to_owned()));
    assert_eq!(refused(&server, path, Some("nobody"), &ids).await, (401, "BAD_TOKEN".to_owned()));
    for wrong in [json!({"room": "post", "heldIds": []}), json!({"room": "post"}), json!({"heldIds": ["1"]})] {
        assert_eq!(refused(&server, path, Some(&token), &wrong).await.0, 400, "{wrong}");
    }
    drop(guest);
    let (mut guest, _) = Client::join(&server, "post", who).await;
    assert_eq!(refuses(&mut guest, &message(key, text)).await.code, ErrorCode::Rejected);
    let undo = format!("/api/v1/admin/audit/{}/undo", rejected["auditId"].as_str().expect("an id"));
    assert_eq!(post(&server, &undo, Some(&token), &json!({})).await.0, 200);
    assert_eq!(refuses(&mut guest, &message(key, text)).await.code, ErrorCode::Held);
    assert_eq!(refused(&server, &undo, Some(&token), &json!({})).await, (409, "ALREADY_UNDONE".to_owned()));
    assert_eq!(waiting(&server, &token).await.len(), 1);
    assert_eq!(post(&server, "/api/v1/admin/held/approve", Some(&token), &ids).await.0, 200);
    shown(&mut guest, key).await;
}

async fn what_waits_survives_other_settings_and_a_restart(database: &Database) {
    let server = Server::with(database, &LIMITS_OFF).await;
    let token = signed_in(database, &server).await;
    let set = json!({"settings": {"holdNew": "all", "holdYoungerSeconds": 3_600}, "settingsRev": 0});
    assert_eq!(post(&server, "/api/v1/admin/rooms/post", Some(&token), &set).await.0, 200);
    let mut guest = Client::author(&server, "post", "guest").await;
    let waits = message(Uuid::new_v4(), "let me in");
    assert_eq!(refuses(&mut guest, &waits).await.code, ErrorCode::Held);
    // Nobody waits any more, but for what waits: it must not be two messages.
    let open = json!({"settings": {"holdNew": null}, "settingsRev": 1});
    assert_eq!(post(&server, "/api/v1/admin/rooms/post", Some(&token), &open).await.0, 200);
    room(&mut guest, "that it is open", |room| !room.room.settings.contains_key("holdNew")).await;
    guest.say("and something else").await;
    assert_eq!(refuses(&mut guest, &waits).await.code, ErrorCode::Held);
    let server = server.again(database, &LIMITS_OFF).await;
    let (mut guest, _) = guest.back(&server).await;
    assert_eq!(refuses(&mut guest, &waits).await.code, ErrorCode::Held);
    let held = waiting(&server, &token).await;
    let ids = json!({"room": "post", "heldIds": [id_of(&held[0])]});
    assert_eq!(post(&server, "/api/v1/admin/held/approve", Some(&token), &ids).await.0, 200);
    guest.until_taken(&waits).await;
    let messages = server.json("/api/v1/rooms/post/messages").await;
    assert_eq!(messages["messages"].as_array().map(Vec::len), Some(2), "{messages}");
}

async fn who_is_too_young_is_told_when(database: &Database) {
    let server = Server::with(database, &LIMITS_OFF).await;
    let token = signed_in(database, &server).await;
    let who = Who::named("guest");
    let (mut guest, _) = Client::join(&server, "post", who.clone()).await;
    let said = guest.say("before").await;
    let set = json!({"settings": {"minAgeSeconds": 3_600}, "settingsRev": 0});
    assert_eq!(post(&server, "/api/v1/admin/rooms/post", Some(&token), &set).await.0, 200);
    room(&mut guest, "how old one must be", |room| room.room.settings.contains_key("minAgeSeconds")).await;
    let text = message(Uuid::new_v4(), "hello");
    let error = guest.refused(&text).await;
    assert_eq!(error.code, ErrorCode::TooYoung);
    assert!(error.retry_after_ms.is_some_and(|ms| (3_000_000..=3_600_001).contains(&ms)), "{error:?}");
    assert_eq!(guest.refused(&edit(&said.id, 1, "another text")).await.code, ErrorCode::TooYoung);
    // What is old enough writes, and its age is that of all rooms: here it was first seen two hours ago, elsewhere.
    let author = server.json("/api/v1/rooms/post/messages").await["messages"][0]["author"]["id"].clone();
    let author = author.as_str().expect("an id");
    let ago = if database.is_sqlite() {
        "CAST((unixepoch('subsec') - 7200) * 1000 AS INTEGER)"
    } else {
        "now() - interval '2 hours'"
    };
    let row =
        format!("INSERT INTO authors (room_id, author_id, first_seen_at) VALUES ('elsewhere', '{author}', {ago})");
    database.run(&row).await;
    guest.until_taken(&text).await;
    guest.until_taken(&edit(&said.id, 1, "another text")).await;
    // A text that would wait takes the place of none that is shown.
    let hold = json!({"settings": {"minAgeSeconds": null, "holdNew": "links", "holdYoungerSeconds": 86_400}, "settingsRev": 1});
    assert_eq!(post(&server, "/api/v1/admin/rooms/post", Some(&token), &hold).await.0, 200);
    room(&mut guest, "that links wait", |room| room.room.settings.contains_key("holdNew")).await;
    assert_eq!(guest.refused(&edit(&said.id, 2, "https://example.com")).await.code, ErrorCode::TooYoung);
    guest.until_taken(&edit(&said.id, 2, "a third text")).await;
}

async fn names_of_those_who_keep_order_are_not_free(database: &Database) {
    let server = Server::with(database, &LIMITS_OFF).await;
    let token = signed_in(database, &server).await;
    let me = get(&server, "/api/v1/me", &token).await;
    let name = me["user"]["nickname"].as_str().expect("a name").to_owned();
    let look_alike: String = name.chars().map(|c| if c == 'o' { '0' } else { c }).collect();
    for taken in [&*name, &*look_alike, "Admin", "운영자"] {
        let (mut guest, welcome) = Client::join(&server, "post", Who::named(taken)).await;
        assert_eq!(welcome.head.own, None, "{taken}: reads without a name");
        assert_eq!(guest.error_of(ErrorCode::NicknameTaken).await.client_id, None, "{taken}");
        assert_eq!(refuses(&mut guest, &message(Uuid::new_v4(), "x")).await.code, ErrorCode::NicknameRequired);
        guest.rename("otter").await;
        guest.say("with a name of my own").await;
        guest.rename(taken).await;
        guest.error_of(ErrorCode::NicknameTaken).await;
        guest.say("and still with it").await;
    }
    let messages = server.json("/api/v1/rooms/post/messages").await;
    let all = messages["messages"].as_array().expect("messages");
    assert!(all.iter().all(|message| message["author"]["nickname"] == "otter"), "{messages}");
    // It is the owner's own.
    let who = Who { token: Some(token), ..Who::named(&name) };
    let (_, welcome) = Client::join(&server, "post", who).await;
    assert_eq!(welcome.head.own.map(|own| own.author.nickname.into_owned()), Some(name));
}

async fn deeds_have_a_way_back(database: &Database) {
    let server = Server::with(database, &LIMITS_OFF).await;
    let token = signed_in(database, &server).await;
    let (mut owner, welcome) = owner(&server, "post", &token).await;
    let owner_id = welcome.head.own.expect("an author").author.id.into_owned();
    let mut guest = Client::author(&server, "post", "guest").await;
    let said = guest.say("an insult").await;
    for (command, action) in
        [(pin(&said.id, true), "pin"), (pin(&said.id, false), "unpin"), (delete(&said.id), "delete")]
    {
        owner.until_taken(&command).await;
        let told = owner.wait("MOD", |frame| match frame {
            ServerFrame::Mod(told) if told.action == action => Some(told.clone()),
            _ => None,
        });
        let told = told.await;
        assert_eq!((told.target.id.as_deref(), told.client_id), (Some(&*said.id), None));
        assert_eq!(&*told.by.id, &*owner_id);
        if action == "delete" {
            let undo = format!("/api/v1/admin/audit/{}/undo", told.audit_id);
            assert_eq!(post(&server, &undo, Some(&token), &json!({})).await.0, 200);
            soon("the text again", async || {
                let read = server.json("/api/v1/rooms/post/messages").await;
                read["messages"][0]["content"] == "an insult"
            })
            .await;
        }
    }
    // What one deletes of one's own is no deed.
    let own = owner.say("mine").await;
    owner.until_taken(&delete(&own.id)).await;
    guest.ping().await;
}

/// What waits on one server is decided about on the other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_waits_on_every_server() {
    let (database, [here, there]) = Server::pair(&LIMITS_OFF).await;
    let token = signed_in(&database, &here).await;
    let (mut owner, _) = owner(&here, "post", &token).await;
    done(&mut owner, &set_room(&json!({"holdNew": "all"}), 0)).await;
    let (mut guest, _) = Client::join(&there, "post", Who::named("guest")).await;
    // Both are held at once, also by a server that has not heard of it: the room was looked at in the transaction.
    let keys = [Uuid::new_v4(), Uuid::new_v4()];
    for key in keys {
        assert_eq!(refuses(&mut guest, &message(key, "hello")).await.code, ErrorCode::Held);
    }
    let held = waiting(&here, &token).await;
    let ids: Vec<&str> = held.iter().map(id_of).collect();
    done(&mut owner, &settle("APPROVE", &ids[..1])).await;
    shown(&mut guest, keys[0]).await;
    done(&mut owner, &settle("REJECT", &ids[1..])).await;
    assert_eq!(refuses(&mut guest, &message(keys[1], "hello")).await.code, ErrorCode::Rejected);
    guest.say("I have spoken").await;
}

/// Whoever has locked a room keeps nobody from talking in another one, also where what is sent there would wait.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_locked_room_holds_nothing_and_keeps_no_other_waiting() {
    let database = Database::postgres().await;
    let server = Server::with(&database, &LIMITS_OFF).await;
    let token = signed_in(&database, &server).await;
    let (mut owner, _) = owner(&server, "post", &token).await;
    owner.say("the room has a row").await;
    done(&mut owner, &set_room(&json!({"holdNew": "all"}), 0)).await;
    let mut guest = Client::author(&server, "post", "guest").await;
    let mut elsewhere = Client::author(&server, "another", "somebody").await;
    elsewhere.say("before").await;
    let lock = database.hold("post").await;
    let key = Uuid::new_v4();
    guest.publish(key, "let me in").await;
    server.counts("the room to be found locked", "chat_locked_rooms", |n| n == 1.0).await;
    for n in 0..20 {
        elsewhere.say(&format!("meanwhile {n}")).await;
    }
    assert!(!guest.errors.contains_key(&key), "it still waits for the room");
    lock.release().await;
    let error = guest.error_of(ErrorCode::Held).await;
    assert_eq!(error.client_id, Some(key));
}
