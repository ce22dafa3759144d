//! What holds for every door.

use std::time::Duration;

use chat_wire::{AckPayload, ErrorCode, ErrorPayload, ResumePoint};
use serde_json::{Value, json};
use uuid::Uuid;

#[cfg(feature = "grpc")]
use super::by_grpc::ByGrpc;
use super::rows::{BySocketIo, ByStomp, Door, Requests, Socket};
use crate::{
    moderation::{done, owner, signed_in},
    support::{
        Client, Database, Event, LIMITS_OFF, Server, Who,
        command::{ban, delete, edit, pin, react, reply, set_room},
        message, soon, until, whole, within,
    },
};

/// Makes a test of each case for each door, once for each database.
macro_rules! for_each_door {
    ($($name:ident),+ $(,)?) => {
        mod socket {
            $(async fn $name(database: &super::Database) { super::$name::<super::Socket>(database).await; })+
            on_both!($($name),+);
        }
        mod requests {
            $(async fn $name(database: &super::Database) { super::$name::<super::Requests>(database).await; })+
            on_both!($($name),+);
        }
        mod stomp {
            $(async fn $name(database: &super::Database) { super::$name::<super::ByStomp>(database).await; })+
            on_both!($($name),+);
        }
        mod socketio {
            $(async fn $name(database: &super::Database) { super::$name::<super::BySocketIo>(database).await; })+
            on_both!($($name),+);
        }
        #[cfg(feature = "grpc")]
        mod grpc {
            $(async fn $name(database: &super::Database) { super::$name::<super::ByGrpc>(database).await; })+
            on_both!($($name),+);
        }
    };
}

for_each_door!(
    what_is_sent_is_stored_and_shown,
    everybody_sees_one_order,
    who_comes_back_gets_exactly_what_was_missed,
    the_same_sent_again_is_stored_once,
    who_stops_reading_is_cut_and_comes_back,
    what_was_answered_survives_a_kill,
    bad_input_is_refused_by_the_same_codes,
    rights_are_the_same,
    who_goes_is_no_longer_here,
);

/// With every door open.
#[cfg(feature = "grpc")]
pub const OPEN: [(&str, &str); 2] = [LIMITS_OFF[0], ("CHAT_GRPC_LISTEN", "127.0.0.1:0")];
#[cfg(not(feature = "grpc"))]
pub const OPEN: [(&str, &str); 1] = LIMITS_OFF;

/// Somebody who reads.
async fn enter<D: Door>(server: &Server, who: Who) -> D {
    D::enter(server, "post", who, None, false).await
}

/// The same person again, from where they were.
async fn back<D: Door>(server: &Server, (who, history): (&Who, &crate::support::History)) -> D {
    D::enter(server, "post", who.clone(), history.resume_point(), false).await
}

/// What somebody was shown of the whole room is what is stored: gives that.
async fn agree(server: &Server, history: &crate::support::History) -> Value {
    let stored = server.json("/api/v1/rooms/post/messages").await["messages"].clone();
    let shown: Vec<_> = history.list.values().collect();
    assert_eq!(serde_json::to_value(shown).expect("JSON"), stored);
    stored
}

/// Sends until it is taken: for its first seconds a server does not know yet whether an older one lives.
async fn take<D: Door>(door: &mut D, server: &Server, command: &Value) -> AckPayload {
    let answered = answer(door, server, command).await;
    answered.unwrap_or_else(|error| panic!("{command} was refused: {error:?}"))
}

/// The same, until it is taken or refused for good.
async fn answer<D: Door>(door: &mut D, server: &Server, command: &Value) -> Result<AckPayload, ErrorPayload<'static>> {
    let asking = async {
        loop {
            match door.send(server, command).await {
                Err(ErrorPayload {
                    code: ErrorCode::Overloaded | ErrorCode::StoreUnavailable, retry_after_ms, ..
                }) => {
                    tokio::time::sleep(Duration::from_millis(retry_after_ms.unwrap_or(100).min(200))).await;
                }
                answered => return answered,
            }
        }
    };
    within("an answer that is none to try again", asking).await
}

async fn what_is_sent_is_stored_and_shown<D: Door>(database: &Database) {
    let server = Server::with(database, &OPEN).await;
    let mut reader = Client::reader(&server, "post").await;
    let mut author: D = enter(&server, Who::named("the author")).await;
    let first = take(&mut author, &server, &message(Uuid::new_v4(), "one\n<b>둘</b>")).await;
    assert_eq!(database.counters("post").await, (1, 1), "durable before it is answered");
    let second = take(&mut author, &server, &reply("two", &first.id)).await;
    take(&mut author, &server, &edit(&first.id, 1, "one, edited")).await;
    take(&mut author, &server, &react(&second.id, "👍", true)).await;
    take(&mut author, &server, &react(&second.id, "👍", false)).await;
    let last = take(&mut author, &server, &delete(&first.id)).await;
    assert_eq!((first.seq, second.seq, last.rev), (1, 2, 6));
    author.reach(6).await;
    reader.reach(6).await;
    let stored = agree(&server, author.history()).await;
    agree(&server, &reader.history).await;
    assert_eq!((&stored[0]["deletedBy"], &stored[1]["author"]["nickname"]), (&json!("author"), &json!("the author")));
    assert_eq!(stored[1]["replyTo"]["seq"], 1);
}

async fn everybody_sees_one_order<D: Door>(database: &Database) {
    let server = Server::with(database, &OPEN).await;
    let mut readers: Vec<D> = Vec::new();
    for _ in 0..3 {
        readers.push(enter(&server, Who::reader()).await);
    }
    let mut by_socket = Client::author(&server, "post", "by a socket").await;
    let mut authors: [D; 2] = [enter(&server, Who::named("one")).await, enter(&server, Who::named("two")).await];
    let [one, two] = &mut authors;
    let writing = async |door: &mut D, name: &str| {
        for n in 0..15 {
            take(door, &server, &message(Uuid::new_v4(), &format!("{name} {n}"))).await;
        }
    };
    let socket = async {
        for n in 0..15 {
            by_socket.say(&format!("socket {n}")).await;
        }
    };
    tokio::join!(writing(one, "one"), writing(two, "two"), socket);
    let stored = whole(database, "post").await;
    assert_eq!(stored.len(), 45);
    for reader in readers.iter_mut().chain(&mut authors) {
        // A history fails where a change is missing, or comes out of its order.
        reader.reach(45).await;
        reader.history().agrees_with_all_but_acks(&stored);
    }
}

async fn who_comes_back_gets_exactly_what_was_missed<D: Door>(database: &Database) {
    let server = Server::with(database, &OPEN).await;
    let mut author = Client::author(&server, "post", "the author").await;
    let first = author.say("the first").await;
    let reader: D = enter(&server, Who::reader()).await;
    assert_eq!(reader.history().cursor, 1);
    let (who, known) = reader.gone();
    for n in 0..5 {
        author.say(&format!("missed {n}")).await;
    }
    author.until_taken(&edit(&first.id, 1, "the first, edited")).await;
    let mut again: D = back(&server, (&who, &known)).await;
    // Nothing of what was known comes again: the list has what came since, and no more.
    assert_eq!(again.history().list.len(), 6, "five messages, and one that was edited");
    again.reach(7).await;
    author.say("live").await;
    again.reach(8).await;
    assert_eq!(again.history().list.len(), 7);

    let other_life = ResumePoint { epoch: Uuid::new_v4().to_string(), rev: 3 };
    let anew = D::enter(&server, "post", who, Some(other_life), false).await;
    agree(&server, anew.history()).await;
}

async fn the_same_sent_again_is_stored_once<D: Door>(database: &Database) {
    let server = Server::with(database, &OPEN).await;
    let who = Who::named("the author");
    let mut author: D = enter(&server, who.clone()).await;
    let key = Uuid::new_v4();
    let first = take(&mut author, &server, &message(key, "hello")).await;
    let mut other: D = enter(&server, who).await;
    for door in [&mut author, &mut other] {
        assert_eq!(take(door, &server, &message(key, "hello")).await, first);
    }
    let conflict = answer(&mut author, &server, &message(key, "something else")).await.expect_err("a conflict");
    assert_eq!(conflict.code, ErrorCode::ClientIdConflict);
    let changed = edit(&first.id, 1, "hello again");
    let edited = take(&mut author, &server, &changed).await;
    assert_eq!(edited.rev, 2);
    assert_eq!(take(&mut other, &server, &changed).await.rev, 1, "a repeat takes no value");
    // And a late retry of the message finds it changed, and is no conflict.
    assert_eq!(take(&mut other, &server, &message(key, "hello")).await.seq, first.seq);
    assert_eq!(database.counters("post").await.0, 2);
}

async fn who_stops_reading_is_cut_and_comes_back<D: Door>(database: &Database) {
    let server = Server::with(database, &[&OPEN[..], &[("CHAT_OUTBOX_KIB", "128")]].concat()).await;
    let mut stalled = D::enter(&server, "post", Who::named("stalled"), None, true).await;
    let mut writer = Client::author(&server, "post", "the writer").await;
    let mut reader: D = enter(&server, Who::reader()).await;
    let text = "x".repeat(1_500);
    let (mut n_sent, mut is_full) = (0, false);
    until("the stalled one to be cut", async || {
        // Once its outbox is full, time decides; what comes in that time is short.
        is_full |= server.metric("chat_outbox_bytes").await > 120.0 * 1024.0;
        if !is_full {
            for _ in 0..4 {
                writer.publish(Uuid::new_v4(), &text).await;
            }
        }
        n_sent = writer.say(if is_full { "and" } else { &text }).await.seq;
        reader.reach(n_sent).await;
        (server.metric("chat_outbox_evictions_total").await > 0.0).then_some(())
    })
    .await;
    assert_eq!(server.metric("chat_outbox_evictions_total").await, 1.0, "nobody else");
    while let Event::Frame(_) = stalled.next("the end").await {}
    assert!(stalled.history().cursor < n_sent);
    let (who, known) = stalled.gone();
    let mut again: D = back(&server, (&who, &known)).await;
    again.reach(n_sent).await;
    server.counts("what was queued to be given back", "chat_outbox_bytes", |n| n == 0.0).await;
}

async fn what_was_answered_survives_a_kill<D: Door>(database: &Database) {
    let server = Server::with(database, &OPEN).await;
    let mut author: D = enter(&server, Who::named("the author")).await;
    let keys: Vec<Uuid> = (0..10).map(|_| Uuid::new_v4()).collect();
    let mut answered = Vec::new();
    for (n, key) in keys.iter().enumerate() {
        answered.push(take(&mut author, &server, &message(*key, &format!("message {n}"))).await);
    }
    author.reach(10).await;
    let (who, known) = author.gone();
    let server = server.again(database, &OPEN).await;
    assert_eq!(database.counters("post").await, (10, 10));
    let mut author: D = back(&server, (&who, &known)).await;
    for (n, (key, ack)) in keys.iter().zip(&answered).enumerate() {
        assert_eq!(&take(&mut author, &server, &message(*key, &format!("message {n}"))).await, ack);
    }
    assert_eq!(take(&mut author, &server, &message(Uuid::new_v4(), "and on")).await.seq, 11);
}

async fn bad_input_is_refused_by_the_same_codes<D: Door>(database: &Database) {
    let server = Server::with(database, &OPEN).await;
    let mut author: D = enter(&server, Who::named("the author")).await;
    let said = take(&mut author, &server, &message(Uuid::new_v4(), "hello")).await;
    let gone = take(&mut author, &server, &message(Uuid::new_v4(), "not for long")).await;
    take(&mut author, &server, &delete(&gone.id)).await;
    use ErrorCode::{EditConflict, InvalidContent, InvalidEmoji, InvalidReply, MessageDeleted, MessageNotFound};
    for (command, code) in [
        (message(Uuid::new_v4(), ""), InvalidContent),
        (message(Uuid::new_v4(), "\u{200b}"), InvalidContent),
        (message(Uuid::new_v4(), "a\u{0}b"), InvalidContent),
        (message(Uuid::new_v4(), &"x".repeat(2_001)), InvalidContent),
        (reply("answer", "0"), InvalidReply),
        (reply("answer", "no id"), InvalidReply),
        (reply("answer", &gone.id), InvalidReply),
        (edit(&said.id, 7, "x"), EditConflict),
        (edit(&said.id, 1, " "), InvalidContent),
        (edit(&gone.id, 1, "x"), MessageDeleted),
        (edit("999999999", 1, "x"), MessageNotFound),
        (delete("999999999"), MessageNotFound),
        (react(&said.id, "x", true), InvalidEmoji),
        (react(&said.id, "👍👍", true), InvalidEmoji),
        (react("999999999", "👍", true), MessageNotFound),
    ] {
        let refused = answer(&mut author, &server, &command).await.expect_err("a refusal");
        assert_eq!(refused.code, code, "{command}: {refused:?}");
    }
    let mut reader: D = enter(&server, Who::reader()).await;
    let refused = answer(&mut reader, &server, &message(Uuid::new_v4(), "hello")).await.expect_err("no name");
    assert_eq!(refused.code, ErrorCode::NicknameRequired);
    assert_eq!(database.counters("post").await.0, 3, "none of it was stored");
}

async fn rights_are_the_same<D: Door>(database: &Database) {
    let server = Server::with(database, &OPEN).await;
    let token = signed_in(database, &server).await;
    let (mut keeper, _) = owner(&server, "post", &token).await;
    let theirs = keeper.say("the owner's").await;
    let mut guest: D = enter(&server, Who::named("guest")).await;
    let said = take(&mut guest, &server, &message(Uuid::new_v4(), "a guest's")).await;
    for (command, code) in [
        (pin(&said.id, true), ErrorCode::Forbidden),
        (delete(&theirs.id), ErrorCode::NotYours),
        (edit(&theirs.id, 1, "x"), ErrorCode::NotYours),
    ] {
        let refused = answer(&mut guest, &server, &command).await.expect_err("a refusal");
        assert_eq!(refused.code, code, "{command}");
    }
    // The owner by this door: with a right, to what another one wrote.
    let mut by_door: D = enter(&server, Who { token: Some(token), ..Who::named("주인장") }).await;
    take(&mut by_door, &server, &pin(&said.id, true)).await;
    done(&mut keeper, &set_room(&json!({"locked": true}), 0)).await;
    let refused = answer(&mut guest, &server, &message(Uuid::new_v4(), "and more")).await.expect_err("it is locked");
    assert_eq!(refused.code, ErrorCode::Locked);
    let id = server.json("/api/v1/rooms/post/messages").await["messages"][1]["author"]["id"].clone();
    let mut order = ban(id.as_str().expect("an id"), 600, "room");
    order["payload"]["reason"] = json!("조용히 해 주세요");
    done(&mut keeper, &order).await;
    let refused = answer(&mut guest, &server, &react(&theirs.id, "👍", true)).await.expect_err("they are banned");
    assert_eq!((refused.code, refused.reason.as_deref()), (ErrorCode::Banned, Some("조용히 해 주세요")));
    assert!(refused.until.is_some());
    take(&mut by_door, &server, &delete(&said.id)).await;
}

async fn who_goes_is_no_longer_here<D: Door>(database: &Database) {
    let server = Server::with(database, &OPEN).await;
    let count = async || server.json("/api/v1/rooms/post").await["presence"]["count"].as_i64();
    let one: D = enter(&server, Who::reader()).await;
    let two: D = enter(&server, Who::named("somebody")).await;
    soon("both to be here", async || count().await == Some(2)).await;
    assert_eq!(server.metric("chat_sessions_live").await, 2.0);
    drop(two.gone());
    soon("one to be here", async || count().await == Some(1)).await;
    drop(one.gone());
    server.counts("nobody to be here", "chat_sessions_live", |n| n == 0.0).await;
}
