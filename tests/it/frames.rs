//! What a session may say and what it hears: JOIN, PROFILE, MESSAGE, PING and their answers.

use chat_wire::{AuthorPayload, ErrorCode, Limits, PresencePayload, ServerFrame};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{Client, Database, LIMITS_OFF, Server, Who, message};

on_both!(
    welcome_says_where_the_room_is,
    a_reader_sees_everything_and_may_not_send,
    nicknames_are_cleaned_or_refused,
    avatars_are_chosen_or_derived,
    a_profile_reaches_every_session_of_the_identity,
    content_is_cleaned_or_refused,
    every_session_gets_every_message_and_the_sender_an_ack,
    only_ping_is_answered_before_join,
    a_second_join_changes_nothing,
    frames_behind_a_join_wait_for_it,
    a_refused_join_may_be_tried_again,
    unknown_fields_are_ignored,
);

/// Changes the name, and the avatar where one is given.
fn profile(nickname: &str, avatar: Option<&str>) -> Value {
    let mut frame = json!({"type": "PROFILE", "payload": {"nickname": nickname}});
    if let Some(avatar) = avatar {
        frame["payload"]["avatar"] = json!(avatar);
    }
    frame
}

/// Waits for PROFILE.
async fn own(client: &mut Client) -> AuthorPayload<'static> {
    let profile = |frame: &_| if let ServerFrame::Profile(p) = frame { Some(p.own.clone()) } else { None };
    client.wait("PROFILE", profile).await
}

async fn welcome_says_where_the_room_is(database: &Database) {
    let server = Server::with(database, &[("CHAT_HEARTBEAT_SECS", "17")]).await;
    // "한" in three parts is the same room as in one.
    let (first, welcome) = Client::join(&server, "\u{1112}\u{1161}\u{11ab} a b", Who::reader()).await;
    let head = &welcome.head;
    assert_eq!((&*head.room.id, head.room.rev), ("한 a b", 0));
    assert!(!head.room.epoch.is_empty() && !head.session_id.is_empty());
    assert_eq!((&head.own, head.resumed, head.has_more), (&None, false, false));
    assert_eq!(welcome.messages, []);
    let nobody = || Some(vec![]);
    assert_eq!(
        head.presence,
        PresencePayload { count: 1, approximate: false, members: nobody(), joined: nobody(), left: nobody() }
    );
    let limits = Limits {
        content_max: 2000,
        nickname_min: 2,
        nickname_max: 15,
        frame_max: 16384,
        edit_window_seconds: Some(900),
        reactions_max: 20,
    };
    assert_eq!((head.limits, &head.pinned, head.head), (limits, &vec![], None));
    assert_eq!(head.heartbeat_seconds, 17);
    let (_, second) = Client::join(&server, "한 a b", Who::named("an author")).await;
    assert_eq!(second.head.room, head.room);
    assert_eq!(second.head.presence.count, 2);
    assert_ne!(second.head.session_id, head.session_id);
    first.leave().await;
}

async fn a_reader_sees_everything_and_may_not_send(database: &Database) {
    let server = Server::start(database).await;
    let mut author = Client::author(&server, "post", "the author").await;
    author.say("before").await;
    let mut reader = Client::reader(&server, "post").await;
    author.say("while here").await;
    reader.reach(2).await;
    assert_eq!(reader.history.contents(), ["before", "while here"]);
    let client_id = Uuid::new_v4();
    let error = reader.refused(&message(client_id, "me too")).await;
    assert_eq!((error.code, error.client_id), (ErrorCode::NicknameRequired, Some(client_id)));
    reader.send(&profile("the reader", None)).await;
    assert_eq!(own(&mut reader).await.nickname, "the reader");
    assert_eq!(reader.say_as(client_id, "me too").await.seq, 3);
    assert_eq!(database.messages("post").await.len(), 3);
}

async fn nicknames_are_cleaned_or_refused(database: &Database) {
    let server = Server::with(database, &LIMITS_OFF).await;
    let mut client = Client::connect(&server, "post").await;
    let long = "가".repeat(16);
    let many_marks = format!("a{}", "\u{301}".repeat(50));
    let bad = "|a|a\u{0}b|a\u{1b}[31mb|ab\u{202e}|a\u{2066}b|a\u{200b}b|a\u{2060}b|\u{feff}ab|\u{115f}\u{1160}\
        |\u{3164}\u{3164}|\u{ffa0}ab|\u{2800}\u{2800}|a\u{200d}b|a\u{ad}b|\u{301}ab|\u{e000}ab|ab\u{fffc}";
    for refused in bad.split('|').chain([" ", " a ", &long, &many_marks]) {
        client.who.nickname = Some(refused.to_owned());
        client.ask_to_join(None).await;
        let error = client.error().await;
        assert_eq!((error.code, error.client_id), (ErrorCode::InvalidNickname, None), "{refused:?}");
    }
    client.who.nickname = Some("  first\u{3000} name ".to_owned());
    assert_eq!(client.enter(None).await.head.own.expect("an author").author.nickname, "first name");
    for refused in ["a", &long, "a\u{202e}b", "\u{3164}\u{3164}"] {
        assert_eq!(client.refused(&profile(refused, None)).await.code, ErrorCode::InvalidNickname, "{refused:?}");
    }
    let fifteen = "각".repeat(15);
    let family = "👨‍👩‍👧‍👦".repeat(2);
    for (nickname, shown) in [
        ("ab", "ab"),
        ("익명의 수달", "익명의 수달"),
        ("a\u{301}b", "\u{e1}b"),
        ("\u{1112}\u{1161}\u{11ab}\u{1100}\u{1173}\u{11af}", "한글"),
        (&fifteen, &fifteen),
        (&family, &family),
        ("🇰🇷🇰🇷", "🇰🇷🇰🇷"),
        ("<b>&\"", "<b>&\""),
        (" a   b ", "a b"),
        ("a\n\tb", "a b"),
        ("❤\u{fe0f} you", "❤\u{fe0f} you"),
    ] {
        client.send(&profile(nickname, None)).await;
        assert_eq!(own(&mut client).await.nickname, shown, "{nickname:?}");
    }
}

async fn avatars_are_chosen_or_derived(database: &Database) {
    let server = Server::with(database, &LIMITS_OFF).await;
    let avatars = server.json("/api/v1/avatars").await["avatars"].as_array().expect("a list").clone();
    let names: Vec<_> = avatars.iter().map(|a| a["name"].as_str().expect("a name")).collect();
    let who = Who::named("somebody");
    let (mut client, welcome) = Client::join(&server, "post", who.clone()).await;
    let derived = welcome.head.own.expect("an author").author.avatar;
    assert!(names.iter().any(|n| **n == derived), "{derived}");
    let (_, elsewhere) = Client::join(&server, "other post", who.clone()).await;
    assert_eq!(elsewhere.head.own.expect("an author").author.avatar, derived, "the same everywhere");
    let mut all = std::collections::HashSet::new();
    for n in 0..20 {
        let (other, welcome) = Client::join(&server, "post", Who::named(&format!("person {n}"))).await;
        all.insert(welcome.head.own.expect("an author").author.avatar);
        other.leave().await;
    }
    assert!(all.len() > 3, "not the same for everybody: {all:?}");

    let chosen = *names.iter().find(|n| **n != derived).expect("another one");
    client.send(&profile("somebody", Some(chosen))).await;
    assert_eq!(own(&mut client).await.avatar, *chosen);
    client.send(&profile("somebody else", None)).await;
    let own = own(&mut client).await;
    assert_eq!((&*own.nickname, &*own.avatar), ("somebody else", chosen), "left out, it stays");
    let with_avatar = Who { avatar: Some(chosen.to_owned()), ..Who::named("by choice") };
    let (_, welcome) = Client::join(&server, "post", with_avatar).await;
    assert_eq!(welcome.head.own.expect("an author").author.avatar, *chosen);

    for wrong in ["", "dragon", "Otter", "../otter", "otter.svg", "otter ", "\u{0}"] {
        let error = client.refused(&profile("somebody", Some(wrong))).await;
        assert_eq!(error.code, ErrorCode::InvalidAvatar, "{wrong:?}");
        let who = Who { avatar: Some(wrong.to_owned()), ..Who::named("somebody") };
        let mut joining = Client::asking(&server, "post", who).await;
        joining.error_of(ErrorCode::InvalidAvatar).await;
    }
}

async fn a_profile_reaches_every_session_of_the_identity(database: &Database) {
    let server = Server::with(database, &LIMITS_OFF).await;
    let who = Who::named("old name");
    let (mut first, welcome) = Client::join(&server, "post", who.clone()).await;
    let id = welcome.head.own.expect("an author").author.id;
    first.say("as it was").await;
    // A tab that came as a reader is the same person.
    let (mut second, welcome) = Client::join(&server, "post", Who { nickname: None, ..who.clone() }).await;
    assert_eq!(welcome.head.own, None);
    let mut stranger = Client::author(&server, "post", "a stranger").await;
    first.send(&profile("new name", Some("fox"))).await;
    for tab in [&mut first, &mut second] {
        let own = own(tab).await;
        assert_eq!((&own.id, &*own.nickname, &*own.avatar), (&id, "new name", "fox"));
    }
    let is_new = |m: &AuthorPayload<'_>| m.id == id && m.nickname == "new name" && m.avatar == "fox";
    let is_told = |p: &PresencePayload<'_>| p.members.iter().flatten().any(is_new);
    let presence = stranger.presence("the new name among the members", is_told).await;
    assert_eq!(presence.members.map(|m| m.len()), Some(2), "one entry for all tabs");
    assert_eq!(second.say("as it is").await.seq, 2);
    // A third tab brings its own name, and the others take it over.
    let (_third, _) = Client::join(&server, "post", Who { nickname: Some("third name".to_owned()), ..who }).await;
    assert_eq!(own(&mut first).await.nickname, "third name");
    stranger.reach(2).await;
    let names = stranger.history.list.values().map(|m| (&*m.author.nickname, m.author.id == id)).collect::<Vec<_>>();
    assert_eq!(names, [("old name", true), ("new name", true)], "messages keep the name they were sent with");
    // Nobody else was told.
    stranger.ping().await;
    assert_eq!(stranger.n_profiles, 0);
}

async fn content_is_cleaned_or_refused(database: &Database) {
    let server = Server::with(database, &LIMITS_OFF).await;
    let mut author = Client::author(&server, "post", "the author").await;
    let too_long = "가".repeat(2_001);
    let controls = ["a\u{0}b", "a\rb", "a\u{7}b", "a\u{7f}b", "a\u{85}b", "\u{1b}[0m"];
    for refused in ["", " ", "\n\t \u{3000}", &too_long].into_iter().chain(controls) {
        let client_id = Uuid::new_v4();
        let error = author.refused(&message(client_id, refused)).await;
        assert_eq!((error.code, error.client_id), (ErrorCode::InvalidContent, Some(client_id)), "{refused:.20?}");
        assert_eq!(error.retry_after_ms, None);
    }
    let longest = "가".repeat(2_000);
    let emoji = "😀".repeat(2_000);
    let padded = format!("  {longest}\n");
    let cases: [(&str, &str); 10] = [
        ("x", "x"),
        ("  a  b  ", "a  b"),
        ("a\r\nb\n\n\tc\r\n", "a\nb\n\n\tc"),
        ("a\u{301}", "a\u{301}"),
        ("\u{202e}abc", "\u{202e}abc"),
        ("<script>alert(1)</script>", "<script>alert(1)</script>"),
        ("\\ \" ' & \u{2028}", "\\ \" ' &"),
        (&longest, &longest),
        (&padded, &longest),
        (&emoji, &emoji),
    ];
    for (n, (sent, shown)) in (1..).zip(cases) {
        let ack = author.say(sent).await;
        assert_eq!(ack.seq, n);
        author.reach(n).await;
        assert_eq!(author.history.list[&n].content, shown, "{sent:.20?}");
    }
    let stored = database.messages("post").await;
    assert!(stored.iter().map(|m| &*m.content).eq(cases.iter().map(|c| c.1)));
}

async fn every_session_gets_every_message_and_the_sender_an_ack(database: &Database) {
    let server = Server::start(database).await;
    let (mut author, welcome) = Client::join(&server, "post", Who::named("the author")).await;
    let (mut tab, _) = Client::join(&server, "post", author.who.clone()).await;
    let mut reader = Client::reader(&server, "post").await;
    let client_id = Uuid::new_v4();
    let ack = author.say_as(client_id, "hello").await;
    assert_eq!((ack.client_id, ack.seq, ack.rev), (client_id, 1, 1));
    for client in [&mut author, &mut tab, &mut reader] {
        client.reach(1).await;
        let message = &client.history.list[&1];
        assert_eq!(Some(&message.author), welcome.head.own.as_ref().map(|own| &own.author));
        assert_eq!((message.client_id, &*message.content), (client_id, "hello"));
        assert_eq!((&*message.id, &*message.created_at), (ack.id.as_str(), ack.created_at.as_str()));
        let time = chrono::DateTime::parse_from_rfc3339(&message.created_at).expect("a time");
        assert_eq!(time.to_utc().to_rfc3339_opts(chrono::SecondsFormat::Millis, true), message.created_at);
        let age = chrono::Utc::now() - time.to_utc();
        assert!(age.num_seconds().abs() < 60, "{age}");
    }
    for other in [&mut tab, &mut reader] {
        other.ping().await;
        assert!(other.history.acks.is_empty(), "an ACK is for the session that sent");
    }
    author.history.agrees_with(&database.messages("post").await);
}

async fn only_ping_is_answered_before_join(database: &Database) {
    let server = Server::start(database).await;
    let mut client = Client::connect(&server, "post").await;
    client.ping().await;
    client.send(&json!({"type": "PING"})).await;
    client.ping().await;
    let client_id = Uuid::new_v4();
    let error = client.refused(&message(client_id, "too early")).await;
    assert_eq!((error.code, error.client_id), (ErrorCode::NotJoined, Some(client_id)));
    let error = client.refused(&profile("too early", None)).await;
    assert_eq!((error.code, error.client_id), (ErrorCode::NotJoined, None));
    client.enter(None).await;
    assert_eq!(database.messages("post").await, []);
}

async fn a_second_join_changes_nothing(database: &Database) {
    let server = Server::start(database).await;
    let mut client = Client::author(&server, "post", "the author").await;
    let error = client.refused(&Who::named("another").join(None)).await;
    assert_eq!((error.code, error.client_id, error.retry_after_ms), (ErrorCode::AlreadyJoined, None, None));
    client.say("still myself").await;
    client.reach(1).await;
    assert_eq!(client.history.list[&1].author.nickname, "the author");
    assert_eq!(server.json("/api/v1/rooms/post/members").await["count"], 1);
}

async fn frames_behind_a_join_wait_for_it(database: &Database) {
    let server = Server::start(database).await;
    let mut client = Client::asking(&server, "post", Who::named("in a hurry")).await;
    let client_ids = client.publish_all((0..5).map(|n| format!("message {n}"))).await;
    client.reach(5).await;
    let shown = client.history.list.values().map(|m| m.client_id).collect::<Vec<_>>();
    assert_eq!(shown, client_ids, "in the order sent");
}

async fn a_refused_join_may_be_tried_again(database: &Database) {
    let server = Server::start(database).await;
    let mut client = Client::connect(&server, "post").await;
    for (frame, code) in [
        (json!({"type": "JOIN", "payload": {}}), ErrorCode::BadFrame),
        (json!({"type": "JOIN", "payload": {"anonymousId": "x"}}), ErrorCode::BadFrame),
        (Who::named("x").join(None), ErrorCode::InvalidNickname),
        (Who { avatar: Some("none".to_owned()), ..Who::named("fine") }.join(None), ErrorCode::InvalidAvatar),
        (profile("still not joined", None), ErrorCode::NotJoined),
    ] {
        assert_eq!(client.refused(&frame).await.code, code, "{frame}");
    }
    client.enter(None).await;
}

async fn unknown_fields_are_ignored(database: &Database) {
    let server = Server::start(database).await;
    let mut client = Client::connect(&server, "post").await;
    let mut join = Who::named("tomorrow").join(None);
    join["payload"]["roomId"] = json!("post");
    join["payload"]["capabilities"] = json!(["edits", {"deep": [1, 2]}]);
    join["trace"] = json!(1);
    client.send(&join).await;
    client.wait("WELCOME", |f| matches!(f, ServerFrame::Welcome(_)).then_some(())).await;
    let client_id = Uuid::new_v4();
    let mut frame = message(client_id, "hello");
    frame["payload"]["id"] = json!("42");
    frame["payload"]["seq"] = json!(42);
    frame["payload"]["author"] = json!({"id": "somebody else"});
    client.send(&frame).await;
    assert_eq!(client.ack(client_id).await.seq, 1, "what the server owns is the server's");
}
