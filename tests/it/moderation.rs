//! Keeping order: the owner's code, bans, locks, reports, what was done and its undo; on both databases.

use std::time::Duration;

use chat_domain::{Rights, Role};
use chat_wire::{ErrorCode, ErrorPayload, ModPayload, RoomPayload, ServerFrame, WelcomePayload};
use serde_json::{Value, json};
use tokio::time::sleep;
use uuid::Uuid;

use crate::support::{
    Client, Database, LIMITS_OFF, Redis, Server, Who, check_schema,
    command::{ban, delete, edit, pin, react, report, set_room, unban},
    soon,
};

on_both!(
    a_code_signs_the_owner_in_once,
    who_has_no_right_changes_nothing,
    what_others_wrote_is_deleted_pinned_and_brought_back,
    who_is_banned_writes_nowhere_until_it_is_over,
    a_ban_deletes_what_was_written_lately_and_goes_by_the_address,
    a_room_is_locked_and_opened_again,
    texts_that_break_the_rules_are_refused,
    settings_that_cannot_be_are_named,
    reports_reach_those_who_keep_order,
    what_holds_for_all_rooms_reaches_each,
);

/// A code as the command prints it.
pub async fn code(database: &Database) -> String {
    let ended = Server::run(&["owner", "--database-url", &database.url], &[]).await;
    assert!(ended.status.success(), "{}", ended.stderr);
    ended.stdout.trim().to_owned()
}

pub async fn post(server: &Server, path: &str, token: Option<&str>, body: &Value) -> (u16, Value) {
    let response = loop {
        let mut request = reqwest::Client::new().post(server.url(path)).body(body.to_string());
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        let response = request.send().await.expect("an answer");
        // As with commands over the socket.
        if response.status() != 503 {
            break response;
        }
        sleep(Duration::from_millis(200)).await;
    };
    let (status, text) = (response.status().as_u16(), response.text().await.expect("a text"));
    let value = serde_json::from_str(&text).unwrap_or(Value::Null);
    if status >= 400 {
        check_schema("Error", &value);
    }
    (status, value)
}

/// Posts what must be refused, and tells the status and the code.
pub async fn refused(server: &Server, path: &str, token: Option<&str>, body: &Value) -> (u16, String) {
    let (status, value) = post(server, path, token, body).await;
    (status, value["error"]["code"].as_str().unwrap_or_default().to_owned())
}

pub async fn get(server: &Server, path: &str, token: &str) -> Value {
    let response = server.get_with(path, ("Authorization", &format!("Bearer {token}"))).await;
    assert_eq!(response.status(), 200, "{path}");
    response.json().await.expect("JSON")
}

/// The secret of a login of the owner.
pub async fn signed_in(database: &Database, server: &Server) -> String {
    let (status, me) = post(server, "/api/v1/auth/code", None, &json!({"code": code(database).await})).await;
    assert_eq!(status, 200, "{me}");
    me["token"].as_str().expect("a token").to_owned()
}

pub async fn owner(server: &Server, room: &str, token: &str) -> (Client, WelcomePayload<'static>) {
    Client::join(server, room, Who { token: Some(token.to_owned()), ..Who::named("주인장") }).await
}

/// Sends until it is done: for its first seconds a server does not know yet whether an older one lives.
pub async fn done(client: &mut Client, command: &Value) -> ModPayload<'static> {
    let client_id = command["payload"]["clientId"].as_str().expect("a key").to_owned();
    loop {
        client.send(command).await;
        let answer = client
            .wait("MOD", |frame| match frame {
                ServerFrame::Mod(done) if done.client_id.is_some_and(|id| id.to_string() == client_id) => {
                    Some(Ok(done.clone()))
                }
                ServerFrame::Error(error) => Some(Err(error.clone())),
                _ => None,
            })
            .await;
        match answer {
            Ok(done) => return done,
            Err(ErrorPayload { code: ErrorCode::Overloaded, retry_after_ms: Some(ms), .. }) => {
                sleep(Duration::from_millis(ms)).await;
            }
            Err(error) => panic!("{error:?}"),
        }
    }
}

pub async fn refuses(client: &mut Client, command: &Value) -> ErrorPayload<'static> {
    loop {
        let error = client.refused(command).await;
        match (error.code, error.retry_after_ms) {
            (ErrorCode::Overloaded | ErrorCode::StoreUnavailable, Some(ms)) => sleep(Duration::from_millis(ms)).await,
            _ => return error,
        }
    }
}

/// Waits until the last ROOM is such a one, also one that came before.
pub async fn room(
    client: &mut Client,
    what: &str,
    is_it: impl Fn(&RoomPayload<'static>) -> bool,
) -> RoomPayload<'static> {
    loop {
        if let Some(room) = client.history.room.clone().filter(&is_it) {
            return room;
        }
        client.wait(what, |frame| matches!(frame, ServerFrame::Room(_)).then_some(())).await;
    }
}

pub fn message(text: &str) -> Value {
    crate::support::message(Uuid::new_v4(), text)
}

async fn a_code_signs_the_owner_in_once(database: &Database) {
    let server = Server::with(database, &LIMITS_OFF).await;
    let first = code(database).await;
    assert_eq!((first.len(), first.matches('-').count()), (14, 2), "{first}");
    let void = first.clone();
    let code = code(database).await;
    let path = "/api/v1/auth/code";
    // One that was made before is void; what can be none is none; a body that says nothing is refused.
    for wrong in [&*void, "", "ABCD", "AAAA-AAAA-AAAA"] {
        assert_eq!(
            refused(&server, path, None, &json!({"code": wrong})).await,
            (401, "BAD_CODE".to_owned()),
            "{wrong}"
        );
    }
    for body in [json!([]), json!({}), json!({"code": 1})] {
        assert_eq!(refused(&server, path, None, &body).await, (400, "BAD_REQUEST".to_owned()), "{body}");
    }
    let typed = code.to_lowercase().replace('-', " ");
    let (status, me) = post(&server, path, None, &json!({"code": typed})).await;
    assert_eq!((status, me["role"].as_str()), (200, Some("owner")), "{me}");
    check_schema("Me", &me);
    assert_eq!(refused(&server, path, None, &json!({"code": code})).await.0, 401, "once");
    let token = me["token"].as_str().expect("a token");
    assert_eq!(get(&server, "/api/v1/me", token).await["user"], me["user"]);
    let (mut client, welcome) = owner(&server, "post", token).await;
    assert_eq!(welcome.head.rights, Some(Role::Owner.rights().bits()));
    let own = welcome.head.own.expect("an author");
    assert_eq!((own.author.badge.as_deref(), &*own.author.nickname), (Some("owner"), "주인장"));
    assert_eq!(own.author.id, me["user"]["id"].as_str().expect("an id"));
    let said = client.say("안녕하세요").await;
    let read: Value = server.json(&format!("/api/v1/rooms/post/messages/{}", said.id)).await;
    assert_eq!(read["message"]["author"]["badge"], "owner", "{read}");
    let page = server.get_with("/room/post?lang=ko", ("Accept-Language", "ko")).await.text().await.expect("a page");
    assert!(
        page.contains(r#"data-badge="owner""#) && page.contains(r#"<span class="badge owner">운영자</span>"#),
        "{page}"
    );
    // A guest has neither rights nor a badge, whatever they call themselves.
    let (_guest, welcome) = Client::join(&server, "post", Who::named("Owner")).await;
    assert_eq!((welcome.head.rights, welcome.head.own.and_then(|own| own.author.badge)), (None, None));
    // Five wrong tries use a code up.
    let last = self::code(database).await;
    let wrong = format!("{}-2222-2222", &last[..4]);
    for _ in 0..5 {
        assert_eq!(refused(&server, path, None, &json!({"code": wrong})).await.0, 401);
    }
    assert_eq!(refused(&server, path, None, &json!({"code": last})).await.0, 401, "used up");
    // Who is signed out is nobody, and the session lives on.
    assert_eq!(post(&server, "/api/v1/auth/logout", Some(token), &json!({})).await.0, 204);
    assert_eq!(refused(&server, "/api/v1/auth/logout", Some(token), &json!({})).await, (401, "BAD_TOKEN".to_owned()));
    let mut late = Client::connect(&server, "post").await;
    let join = Who { token: Some(token.to_owned()), ..Who::named("somebody") };
    assert_eq!(late.refused(&join.join(None)).await.code, ErrorCode::BadToken);
    late.send(&Who { token: None, ..join }.join(None)).await;
    late.wait("WELCOME", |frame| matches!(frame, ServerFrame::Welcome(_)).then_some(())).await;
}

async fn who_has_no_right_changes_nothing(database: &Database) {
    let server = Server::with(database, &LIMITS_OFF).await;
    let token = signed_in(database, &server).await;
    let (mut owner, welcome) = owner(&server, "post", &token).await;
    let owner_id = welcome.head.own.expect("an author").author.id.into_owned();
    let said = owner.say("mine").await;
    let mut guest = Client::author(&server, "post", "guest").await;
    for command in
        [ban(&owner_id, 0, "room"), unban(&owner_id, "all"), set_room(&json!({"locked": true}), 0), pin(&said.id, true)]
    {
        assert_eq!(refuses(&mut guest, &command).await.code, ErrorCode::Forbidden, "{command}");
    }
    assert_eq!(refuses(&mut guest, &delete(&said.id)).await.code, ErrorCode::NotYours);
    // Nobody acts on who has the same rank.
    assert_eq!(refuses(&mut owner, &ban(&owner_id, 0, "all")).await.code, ErrorCode::Forbidden);
    for path in ["bans", "reports", "audit", "defaults", "rooms/post"] {
        let response = server.get(&format!("/api/v1/admin/{path}")).await;
        assert_eq!(response.status(), 401, "{path}");
    }
    for path in ["bans", "bans/lift", "defaults", "rooms/post"] {
        let body = json!({"authorId": "x", "scope": "all", "settings": {}, "settingsRev": 0});
        assert_ne!(post(&server, &format!("/api/v1/admin/{path}"), Some("nobody"), &body).await.0, 200, "{path}");
    }
    assert!(get(&server, "/api/v1/admin/audit", &token).await["entries"].as_array().expect("entries").is_empty());
}

async fn what_others_wrote_is_deleted_pinned_and_brought_back(database: &Database) {
    let server = Server::with(database, &LIMITS_OFF).await;
    let token = signed_in(database, &server).await;
    let (mut owner, _) = owner(&server, "post", &token).await;
    let mut guest = Client::author(&server, "post", "guest").await;
    let said = guest.say("an insult").await;
    owner.until_taken(&pin(&said.id, true)).await;
    owner.until_taken(&delete(&said.id)).await;
    let now = guest
        .wait("the deletion", |frame| match frame {
            ServerFrame::Message(m) if m.annotations.deleted_at.is_some() => Some(m.clone()),
            _ => None,
        })
        .await;
    assert_eq!((&*now.content, now.annotations.deleted_by.as_deref()), ("", Some("moderator")));
    let read = server.json("/api/v1/rooms/post/messages").await;
    assert!(!read.to_string().contains("insult"), "{read}");
    let audit = get(&server, "/api/v1/admin/audit?room=post", &token).await;
    let entries = audit["entries"].as_array().expect("entries");
    let actions: Vec<_> = entries.iter().map(|entry| entry["action"].as_str().unwrap_or_default()).collect();
    assert_eq!(actions, ["delete", "pin"]);
    assert!(!audit.to_string().contains("insult"), "ids, never what somebody wrote");
    let undo = format!("/api/v1/admin/audit/{}/undo", entries[0]["id"].as_str().expect("an id"));
    assert_eq!(post(&server, &undo, Some(&token), &json!({})).await.0, 200);
    let back = guest
        .wait("the text again", |frame| match frame {
            ServerFrame::Message(m) if m.id == said.id && m.annotations.deleted_at.is_none() => Some(m.clone()),
            _ => None,
        })
        .await;
    assert_eq!(back.content, "an insult");
    assert_eq!(server.json("/api/v1/rooms/post").await["messageCount"], 1);
    assert_eq!(refused(&server, &undo, Some(&token), &json!({})).await, (409, "ALREADY_UNDONE".to_owned()));
    let unknown = refused(&server, "/api/v1/admin/audit/999999/undo", Some(&token), &json!({})).await;
    assert_eq!(unknown, (404, "NOT_FOUND".to_owned()));
    // Over HTTP, of a room that does not live: a new server finds it as deleted.
    let path = format!("/api/v1/admin/rooms/post/messages/{}/delete", said.id);
    assert_eq!(post(&server, &path, Some(&token), &json!({})).await.0, 204);
    assert_eq!(refused(&server, "/api/v1/admin/rooms/other/messages/1/delete", Some(&token), &json!({})).await.0, 404);
}

async fn who_is_banned_writes_nowhere_until_it_is_over(database: &Database) {
    let server = Server::with(database, &LIMITS_OFF).await;
    let token = signed_in(database, &server).await;
    let (mut owner, _) = owner(&server, "post", &token).await;
    let who = Who::named("guest");
    let (mut guest, welcome) = Client::join(&server, "post", who.clone()).await;
    let (mut elsewhere, _) = Client::join(&server, "another", who).await;
    let id = welcome.head.own.expect("an author").author.id.into_owned();
    let said = guest.say("before").await;
    let mut order = ban(&id, 3_600, "room");
    order["payload"]["reason"] = json!("조용히 해 주세요");
    let moderated = done(&mut owner, &order).await;
    assert_eq!((&*moderated.action, moderated.target.author_id.as_deref()), ("ban", Some(&*id)));
    let error = refuses(&mut guest, &message("after")).await;
    assert_eq!((error.code, error.reason.as_deref()), (ErrorCode::Banned, Some("조용히 해 주세요")));
    assert!(error.until.is_some_and(|until| until.starts_with("20")), "an hour has an end");
    for command in [edit(&said.id, 1, "x"), react(&said.id, "👍", true), report(&said.id, "x")] {
        assert_eq!(refuses(&mut guest, &command).await.code, ErrorCode::Banned, "{command}");
    }
    elsewhere.say("in the other room").await;
    // What was stored before is acknowledged all the same, and one may take back what one wrote.
    guest.until_taken(&delete(&said.id)).await;
    let bans = get(&server, "/api/v1/admin/bans", &token).await;
    assert_eq!(bans["bans"][0]["authorId"], id.as_str(), "{bans}");
    done(&mut owner, &unban(&id, "room")).await;
    guest.say("again").await;
    assert_eq!(refuses(&mut owner, &unban(&id, "room")).await.code, ErrorCode::MessageNotFound);
    // Everywhere, and undone by its entry.
    let everywhere = done(&mut owner, &ban(&id, 0, "all")).await;
    let error = refuses(&mut elsewhere, &message("after")).await;
    assert_eq!((error.code, error.until), (ErrorCode::Banned, None));
    let undo = format!("/api/v1/admin/audit/{}/undo", everywhere.audit_id);
    assert_eq!(post(&server, &undo, Some(&token), &json!({})).await.0, 200);
    elsewhere.say("again").await;
    assert_eq!(refused(&server, &undo, Some(&token), &json!({})).await, (409, "ALREADY_UNDONE".to_owned()));
    // A ban of a second is over by itself, and its undo finds nothing.
    let short = done(&mut owner, &ban(&id, 1, "all")).await;
    soon("the ban to end", async || guest.until_answered(&message("at last")).await.is_ok()).await;
    done(&mut owner, &unban(&id, "all")).await;
    let undo = format!("/api/v1/admin/audit/{}/undo", short.audit_id);
    assert_eq!(refused(&server, &undo, Some(&token), &json!({})).await, (409, "CHANGED_SINCE".to_owned()));
    // The undo of a ban does not lift another one.
    let older = done(&mut owner, &ban(&id, 600, "all")).await;
    done(&mut owner, &ban(&id, 900, "all")).await;
    let undo = format!("/api/v1/admin/audit/{}/undo", older.audit_id);
    assert_eq!(refused(&server, &undo, Some(&token), &json!({})).await, (409, "CHANGED_SINCE".to_owned()));
    assert_eq!(refuses(&mut guest, &message("x")).await.code, ErrorCode::Banned);
    // It survives a restart.
    done(&mut owner, &ban(&id, 0, "all")).await;
    let server = server.again(database, &LIMITS_OFF).await;
    let (mut guest, _) = guest.back(&server).await;
    soon("the ban to be known", async || {
        guest.until_answered(&message("x")).await.is_err_and(|error| error.code == ErrorCode::Banned)
    })
    .await;
}

async fn a_ban_deletes_what_was_written_lately_and_goes_by_the_address(database: &Database) {
    let settings = [LIMITS_OFF[0], ("CHAT_TRUSTED_PROXIES", "127.0.0.1")];
    let server = Server::with(database, &settings).await;
    let token = signed_in(database, &server).await;
    let (mut owner, _) = owner(&server, "post", &token).await;
    let mut guest = Client::author_from(&server, "post", "192.0.2.7").await;
    let said = [guest.say("one").await, guest.say("two").await];
    let id = server.json("/api/v1/rooms/post/messages").await["messages"][0]["author"]["id"].clone();
    let mut order = ban(id.as_str().expect("an id"), 600, "all");
    (order["payload"]["deleteSeconds"], order["payload"]["address"]) = (json!(3_600), json!(true));
    done(&mut owner, &order).await;
    owner.reach(4).await;
    let left = server.json("/api/v1/rooms/post/messages").await;
    let left: Vec<_> = left["messages"].as_array().expect("messages").iter().map(|m| m["content"].clone()).collect();
    assert_eq!((left, said.len()), (vec![json!(""), json!("")], 2));
    // Another identity from the same address is shut out as well, and nobody else.
    let mut again = Client::author_from(&server, "post", "192.0.2.7").await;
    assert_eq!(refuses(&mut again, &message("it is me")).await.code, ErrorCode::Banned);
    let mut other = Client::author_from(&server, "post", "192.0.2.8").await;
    other.say("hello").await;
    let stored = get(&server, "/api/v1/admin/audit", &token).await.to_string();
    assert!(!stored.contains("192.0.2"), "no address is written down");
    done(&mut owner, &unban(id.as_str().expect("an id"), "all")).await;
    again.say("thank you").await;
}

async fn a_room_is_locked_and_opened_again(database: &Database) {
    let server = Server::with(database, &LIMITS_OFF).await;
    let token = signed_in(database, &server).await;
    let (mut owner, welcome) = owner(&server, "post", &token).await;
    assert_eq!((welcome.head.room.settings_rev, welcome.head.room.settings.len()), (0, 0));
    let mut guest = Client::author(&server, "post", "guest").await;
    let said = guest.say("before").await;
    let locked = done(&mut owner, &set_room(&json!({"locked": true}), 0)).await;
    let told = room(&mut guest, "that it is locked", |room| room.room.settings_rev == 1).await;
    assert_eq!((told.room.settings["locked"].as_bool(), told.rev), (Some(true), 1), "a state takes no value");
    for command in [message("after"), edit(&said.id, 1, "x"), react(&said.id, "👍", true)] {
        assert_eq!(refuses(&mut guest, &command).await.code, ErrorCode::Locked, "{command}");
    }
    owner.say("closed for the night").await;
    let (_late, welcome) = Client::join(&server, "post", Who::reader()).await;
    assert_eq!(welcome.head.room.settings["locked"], true);
    // Who changes an older state is told so, and nothing happens.
    let conflict = refuses(&mut owner, &set_room(&json!({"locked": false}), 0)).await;
    assert_eq!(conflict.code, ErrorCode::SettingsConflict);
    let slow = done(&mut owner, &set_room(&json!({"locked": null, "slowSeconds": 3_600}), 1)).await;
    room(&mut guest, "that it is slow", |room| room.room.settings_rev == 2).await;
    let key = Uuid::new_v4();
    guest.say_as(key, "one").await;
    let error = refuses(&mut guest, &message("two")).await;
    assert_eq!(error.code, ErrorCode::SlowMode);
    assert!(error.retry_after_ms.is_some_and(|ms| (3_000_000..=3_600_001).contains(&ms)), "{error:?}");
    // The same message again is no second one (P4).
    guest.say_again(key, "one").await;
    // The undo of what somebody has changed since is none; that of the last one is.
    let undo = |id: &str| format!("/api/v1/admin/audit/{id}/undo");
    let since = refused(&server, &undo(&locked.audit_id), Some(&token), &json!({})).await;
    assert_eq!(since, (409, "CHANGED_SINCE".to_owned()));
    assert_eq!(post(&server, &undo(&slow.audit_id), Some(&token), &json!({})).await.0, 200);
    let back = room(&mut guest, "that it is locked again", |room| room.room.settings_rev == 3).await;
    assert_eq!(Value::from(back.room.settings), json!({"locked": true}));
    let stored = get(&server, "/api/v1/admin/rooms/post", &token).await;
    assert_eq!((&stored["settings"], &stored["settingsRev"]), (&json!({"locked": true}), &json!(3)), "{stored}");
}

async fn texts_that_break_the_rules_are_refused(database: &Database) {
    let server = Server::with(database, &LIMITS_OFF).await;
    let token = signed_in(database, &server).await;
    let rules = json!({"blockedWords": ["viagra", "바보"], "blockedPatterns": ["free +money"], "linksMax": 1,
        "uniqueSeconds": 600, "rules": "Be kind."});
    let path = "/api/v1/admin/rooms/post";
    assert_eq!(post(&server, path, Some(&token), &json!({"settings": rules, "settingsRev": 0})).await.0, 200);
    let (mut guest, welcome) = Client::join(&server, "post", Who::named("guest")).await;
    let told = Value::from(welcome.head.room.settings.clone());
    assert_eq!((&told["rules"], told.get("blockedWords")), (&json!("Be kind."), None), "{told}");
    for text in ["buy V1AGRA", "이 바보야", "free   money", "http://a.example http://b.example"] {
        let error = refuses(&mut guest, &message(text)).await;
        assert_eq!(error.code, ErrorCode::Blocked, "{text}");
        assert!(!error.message.contains("viagra") && error.reason.is_none(), "never which word");
    }
    let said = guest.say("what a fine post").await;
    assert_eq!(refuses(&mut guest, &edit(&said.id, 1, "what a vi\u{200b}agra")).await.code, ErrorCode::Blocked);
    let repeated = refuses(&mut guest, &message("What a FINE post")).await;
    assert_eq!((repeated.code, repeated.retry_after_ms.is_some()), (ErrorCode::Repeated, true));
    guest.say("something else, http://a.example").await;
}

async fn settings_that_cannot_be_are_named(database: &Database) {
    let server = Server::with(database, &LIMITS_OFF).await;
    let token = signed_in(database, &server).await;
    let (mut owner, _) = owner(&server, "post", &token).await;
    let long = "(a{1000}){1000}";
    for (settings, named) in [
        (json!({"slowSeconds": 3_601}), "slowSeconds"),
        (json!({"slowSeconds": -1}), "slowSeconds"),
        (json!({"locked": "yes"}), "locked"),
        (json!({"unknown": 1}), "unknown"),
        (json!({"blockedPatterns": ["("]}), "blockedPatterns"),
        (json!({"blockedPatterns": [long]}), "blockedPatterns"),
        (json!({"blockedPatterns": vec!["a"; 11]}), "blockedPatterns"),
        (json!({"blockedWords": vec!["word"; 1_001]}), "blockedWords"),
        (json!({"emojiOnly": true, "linksMax": 3}), ""),
        (json!({"holdNew": "some"}), "holdNew"),
        (json!({"minAgeSeconds": -1}), "minAgeSeconds"),
    ] {
        let error = refuses(&mut owner, &set_room(&settings, 0)).await;
        assert_eq!(error.code, ErrorCode::InvalidSettings, "{settings}");
        assert!(error.message.contains(named), "{settings}: {}", error.message);
    }
    let (_, welcome) = Client::join(&server, "post", Who::reader()).await;
    assert_eq!(welcome.head.room.settings_rev, 0, "nothing was stored");
    let path = "/api/v1/admin/rooms/post";
    let raid = post(&server, path, Some(&token), &json!({"preset": "raid", "settingsRev": 0})).await;
    assert_eq!((raid.0, &raid.1["settings"]["slowSeconds"]), (200, &json!(30)), "{raid:?}");
    let unknown = refused(&server, path, Some(&token), &json!({"preset": "war", "settingsRev": 1})).await;
    assert_eq!(unknown, (400, "BAD_REQUEST".to_owned()));
    let long = "x".repeat(501);
    let mut order = ban("somebody", 1, "room");
    order["payload"]["reason"] = json!(long);
    assert_eq!(refuses(&mut owner, &order).await.code, ErrorCode::InvalidContent);
    assert_eq!(refuses(&mut owner, &ban("no id!", 1, "room")).await.code, ErrorCode::BadFrame);
}

async fn reports_reach_those_who_keep_order(database: &Database) {
    let server = Server::with(database, &LIMITS_OFF).await;
    let token = signed_in(database, &server).await;
    let mut guest = Client::author(&server, "post", "guest").await;
    let mut said = Vec::new();
    for n in 0..6 {
        said.push(guest.say(&format!("insult {n}")).await);
    }
    let (mut owner, _) = owner(&server, "post", &token).await;
    let queue = async |owner: &mut Client, n: i64| {
        owner.wait("QUEUE", |frame| matches!(frame, ServerFrame::Queue(q) if q.reported == n).then_some(())).await;
    };
    queue(&mut owner, 0).await;
    let mut reader = Client::reader(&server, "post").await;
    for (n, message) in said[..5].iter().enumerate() {
        let ack = reader.until_taken(&report(&message.id, "spam")).await;
        assert_eq!((ack.id, ack.seq, ack.rev), (message.id.clone(), message.seq, message.seq));
        queue(&mut owner, i64::try_from(n).expect("a number") + 1).await;
    }
    let command = report(&said[5].id, "spam");
    let error = reader.refused(&command).await;
    assert_eq!((error.code, error.retry_after_ms.is_some()), (ErrorCode::RateLimited, true));
    let mut other = Client::reader(&server, "post").await;
    for id in ["999999", "x", "-1", ""] {
        assert_eq!(refuses(&mut other, &report(id, "")).await.code, ErrorCode::MessageNotFound, "{id}");
    }
    // Twice is once, and another room's message is none.
    other.until_taken(&report(&said[0].id, "again")).await;
    let mut elsewhere = Client::reader(&server, "another").await;
    assert_eq!(refuses(&mut elsewhere, &report(&said[0].id, "")).await.code, ErrorCode::MessageNotFound);
    let open = get(&server, "/api/v1/admin/reports?room=post", &token).await;
    assert_eq!(open["reports"].as_array().map(Vec::len), Some(6), "{open}");
    let path = format!("/api/v1/admin/rooms/post/messages/{}/settle", said[0].id);
    assert_eq!(post(&server, &path, Some(&token), &json!({})).await.0, 204);
    queue(&mut owner, 4).await;
    assert_eq!(refused(&server, &path, Some(&token), &json!({})).await.0, 404, "settled");
}

async fn what_holds_for_all_rooms_reaches_each(database: &Database) {
    let server = Server::with(database, &LIMITS_OFF).await;
    let token = signed_in(database, &server).await;
    let mut guest = Client::author(&server, "post", "guest").await;
    let path = "/api/v1/admin/defaults";
    let set = json!({"settings": {"blockedWords": ["casino"], "linksMax": 0}, "settingsRev": 0});
    let (status, stored) = post(&server, path, Some(&token), &set).await;
    assert_eq!((status, &stored["settingsRev"]), (200, &json!(1)), "{stored}");
    let told = room(&mut guest, "what holds for all", |room| room.room.settings_rev == 1).await;
    assert_eq!(Value::from(told.room.settings), json!({"linksMax": 0}));
    assert_eq!(refuses(&mut guest, &message("casino")).await.code, ErrorCode::Blocked);
    assert_eq!(refused(&server, path, Some(&token), &set).await, (409, "SETTINGS_CONFLICT".to_owned()));
    // A room has its own where it says so; words are those of both.
    let own = json!({"settings": {"linksMax": 2, "blockedWords": ["poker"]}, "settingsRev": 1});
    assert_eq!(post(&server, "/api/v1/admin/rooms/post", Some(&token), &own).await.0, 200);
    room(&mut guest, "its own", |room| room.room.settings_rev == 2).await;
    guest.say("see http://a.example").await;
    for word in ["casino", "poker"] {
        assert_eq!(refuses(&mut guest, &message(word)).await.code, ErrorCode::Blocked, "{word}");
    }
    assert!(Role::Owner.rights().has(Rights::DEFAULTS));
}

/// P10: what is done on one server holds on every other one, also for what is sent there before it has heard of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_done_on_one_server_holds_on_the_other() {
    let (database, [here, there]) = Server::pair(&LIMITS_OFF).await;
    acts_there(&database, &here, &there).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_a_bus_what_is_done_on_one_server_holds_on_the_other() {
    let redis = Redis::start().await;
    let bus = redis.url();
    let (database, [here, there]) = Server::pair(&[&LIMITS_OFF[..], &[("CHAT_BUS", &bus)]].concat()).await;
    for server in [&here, &there] {
        server.counts("the bus to carry", "chat_bus_up", |up| up == 1.0).await;
    }
    acts_there(&database, &here, &there).await;
}

/// A balancer takes whoever has signed in to another server with their next click.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_has_signed_in_on_one_server_acts_on_the_other_at_once() {
    // It looks only seldom at what concerns all rooms.
    let settings = [&LIMITS_OFF[..], &[("CHAT_POLL_SECS", "600")]].concat();
    let (database, [here, there]) = Server::pair(&settings).await;
    let (_guest, welcome) = Client::join(&there, "post", Who::named("guest")).await;
    let author = welcome.head.own.expect("an author").author.id.into_owned();
    let token = signed_in(&database, &here).await;
    let body = json!({"authorId": author, "scope": "room", "room": "post", "seconds": 60});
    let (status, answer) = post(&there, "/api/v1/admin/bans", Some(&token), &body).await;
    assert_eq!(status, 200, "{answer}");
}

async fn acts_there(database: &Database, here: &Server, there: &Server) {
    let token = signed_in(database, here).await;
    let (mut owner, _) = owner(here, "post", &token).await;
    let who = Who::named("guest");
    let (mut guest, welcome) = Client::join(there, "post", who).await;
    let id = welcome.head.own.expect("an author").author.id.into_owned();
    let said = guest.say("before").await;
    owner.reach(said.rev).await;
    // At once: the other server's room finds with the write that it was checked against what is no longer so.
    done(&mut owner, &set_room(&json!({"locked": true}), 0)).await;
    assert_eq!(refuses(&mut guest, &message("too late")).await.code, ErrorCode::Locked);
    room(&mut guest, "that it is locked", |room| room.room.settings.contains_key("locked")).await;
    done(&mut owner, &set_room(&json!({"locked": null}), 1)).await;
    room(&mut guest, "that it is open", |room| room.room.settings.is_empty()).await;
    done(&mut owner, &ban(&id, 0, "room")).await;
    assert_eq!(refuses(&mut guest, &message("too late as well")).await.code, ErrorCode::Banned);
    done(&mut owner, &unban(&id, "room")).await;
    soon("that to be known there", async || guest.until_answered(&message("here again")).await.is_ok()).await;
    done(&mut owner, &ban(&id, 0, "all")).await;
    soon("the ban to be known there", async || {
        guest.until_answered(&message("x")).await.is_err_and(|error| error.code == ErrorCode::Banned)
    })
    .await;
    // Who keeps order there may at once: a login is of the database.
    let (mut owner_there, welcome) = self::owner(there, "post", &token).await;
    assert_eq!(welcome.head.rights, Some(Role::Owner.rights().bits()));
    done(&mut owner_there, &unban(&id, "all")).await;
    guest.say("thank you").await;
}

/// An older server would let through what is forbidden here, so nothing is until it is gone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_forbidden_while_an_older_server_lives() {
    let database = Database::postgres().await;
    let server = Server::with(&database, &LIMITS_OFF).await;
    let token = signed_in(&database, &server).await;
    let (mut owner, _) = owner(&server, "post", &token).await;
    done(&mut owner, &set_room(&json!({"slowSeconds": 1}), 0)).await;
    database
        .run(
            "INSERT INTO servers (id, token, version, features, seen_at)
             VALUES ('old', gen_random_uuid(), '0.0.9', 'messages changes', now() + interval '1 hour')",
        )
        .await;
    soon("a ban to be refused", async || {
        let error = owner.until_error(&ban("somebody", 1, "all")).await;
        error.is_some_and(|error| error.code == ErrorCode::Overloaded && error.retry_after_ms.is_some())
    })
    .await;
    let error = owner.refused(&set_room(&json!({"locked": true}), 1)).await;
    assert_eq!(error.code, ErrorCode::Overloaded);
    database.run("DELETE FROM servers WHERE id = 'old'").await;
    done(&mut owner, &set_room(&json!({"locked": true}), 1)).await;
}

/// Identities cost nothing, so a thousand reports a second are a few: whoever talks goes on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_reports_keeps_nobody_from_talking() {
    let database = Database::postgres().await;
    let server = Server::with(&database, &LIMITS_OFF).await;
    let mut talker = Client::author(&server, "post", "talker").await;
    let said = talker.say("an insult").await;
    let flood = (0..250).map(async |_| {
        let mut reader = Client::reader(&server, "post").await;
        let mut n_taken = 0;
        for _ in 0..4 {
            reader.send(&report(&said.id, "spam")).await;
            let answer = reader.wait("an answer", |frame| match frame {
                ServerFrame::Ack(_) => Some(true),
                ServerFrame::Error(error) => {
                    assert_eq!(error.code, ErrorCode::RateLimited, "{error:?}");
                    Some(false)
                }
                _ => None,
            });
            n_taken += u32::from(answer.await);
        }
        n_taken
    });
    let talk = async {
        for n in 0..20 {
            talker.say(&format!("message {n}")).await;
        }
    };
    let (taken, ()) = tokio::join!(futures_util::future::join_all(flood), talk);
    let (n_taken, n_refused) = (taken.iter().sum::<u32>(), taken.iter().map(|n| 4 - n).sum::<u32>());
    assert!(n_taken > 0 && n_refused > 0, "{n_taken} were taken");
}
