//! What the owner's console lists: by place and by text, and what was counted.

use std::collections::HashMap;

use chat_domain::{AuthorId, AvatarName, Nickname};
use chat_store::{
    PeopleQuery, PersonListed, PersonWrote, RoomListed, RoomPlace, RoomSort, RoomState, RoomsQuery, SettingsChange,
    Span, Store, Totals, Waiting, Written,
};
use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{Database, fresh, message_by, room, stored};

on_both!(
    rooms_come_in_pages_in_each_order,
    rooms_are_found_by_text_and_state,
    people_come_in_pages_and_are_found_by_every_name,
    what_was_written_is_counted_by_the_hour,
    rooms_tell_how_many_messages_they_have,
);

async fn rooms(store: &Store, asked: &RoomsQuery) -> Vec<RoomListed> {
    store.listed_rooms(asked.clone()).await.expect("rooms")
}

fn names(rooms: &[RoomListed]) -> Vec<&str> {
    rooms.iter().map(|room| room.id.as_str()).collect()
}

/// All pages of two, one after the other.
async fn paged(store: &Store, sort: RoomSort) -> Vec<String> {
    let mut asked = RoomsQuery { sort, limit: 2, ..RoomsQuery::default() };
    let mut all = Vec::new();
    loop {
        let mut found = rooms(store, &asked).await;
        let has_more = found.len() > 2;
        found.truncate(2);
        all.extend(names(&found).into_iter().map(str::to_owned));
        let Some(last) = found.pop().filter(|_| has_more) else { return all };
        let key = match sort {
            RoomSort::Recent => last.last_message_at.map(|at| at.timestamp_micros()),
            RoomSort::Messages => Some(last.message_count),
            RoomSort::Name => None,
        };
        asked.after = Some(RoomPlace { key, id: last.id.as_str().to_owned() });
    }
}

async fn set(store: &Store, name: &str, settings: Value) {
    let settings = settings.as_object().cloned().expect("an object");
    let by = AuthorId::from_stored("owner");
    let change = SettingsChange { room: Some(room(name)), settings, known_rev: 0, by, undoes: None };
    store.change_settings(change).await.expect("set");
}

async fn rooms_come_in_pages_in_each_order(db: &Database) {
    let store = db.ready().await;
    for (name, n) in [("b", 3), ("a", 1), ("d", 2), ("글", 2), ("c", 1)] {
        for i in 0..n {
            stored(&store.append_batch(vec![fresh(&room(name), &i.to_string())]).await.expect("stored")[0]);
        }
    }
    // Rooms in which nobody has written.
    set(&store, "y", json!({})).await;
    set(&store, "x", json!({})).await;
    assert_eq!(paged(&store, RoomSort::Name).await, ["a", "b", "c", "d", "x", "y", "글"]);
    assert_eq!(paged(&store, RoomSort::Messages).await, ["b", "d", "글", "a", "c", "x", "y"]);
    let recent = paged(&store, RoomSort::Recent).await;
    assert_eq!(recent[5..], ["x", "y"], "{recent:?}");
    let all = rooms(&store, &RoomsQuery { limit: 100, ..RoomsQuery::default() }).await;
    assert_eq!(names(&all), recent, "pages are parts of the whole");
    let times: Vec<_> = all.iter().map(|room| room.last_message_at).collect();
    assert!(times.is_sorted_by(|one, other| one >= other), "{times:?}");
    let b = all.iter().find(|room| room.id.as_str() == "b").expect("a room");
    assert_eq!((b.message_count, b.held, b.reported, b.title.as_deref()), (3, 0, 0, None));
}

async fn rooms_are_found_by_text_and_state(db: &Database) {
    let store = db.ready().await;
    for name in ["Hello-World", "hello%world", "other_room", "안녕"] {
        stored(&store.append_batch(vec![fresh(&room(name), "hi")]).await.expect("stored")[0]);
    }
    let with = |text: &str| RoomsQuery {
        text: Some(text.to_owned()),
        sort: RoomSort::Name,
        limit: 10,
        ..RoomsQuery::default()
    };
    for (text, expected) in [
        ("hello", vec!["Hello-World", "hello%world"]),
        ("\\%", vec!["hello%world"]),
        ("r\\_r", vec!["other_room"]),
        ("녕", vec!["안녕"]),
        ("' or '1'='1", vec![]),
    ] {
        assert_eq!(names(&rooms(&store, &with(text)).await), expected, "{text}");
    }
    set(&store, "other_room", json!({"locked": true})).await;
    set(&store, "안녕", json!({"locked": false, "rules": "\"locked\":true"})).await;
    let locked_by_default = RoomsQuery { locked_by_default: true, ..RoomsQuery::default() };
    let of =
        |state: RoomState, asked: &RoomsQuery| RoomsQuery { state, sort: RoomSort::Name, limit: 10, ..asked.clone() };
    let none = RoomsQuery::default();
    assert_eq!(names(&rooms(&store, &of(RoomState::Locked, &none)).await), ["other_room"]);
    let all_but_one = ["Hello-World", "hello%world", "other_room"];
    assert_eq!(names(&rooms(&store, &of(RoomState::Locked, &locked_by_default)).await), all_but_one);
    assert_eq!(rooms(&store, &of(RoomState::Recent, &none)).await.len(), 4);
    assert_eq!(rooms(&store, &of(RoomState::Held, &none)).await.len(), 0);
    let r = room("Hello-World");
    let message = stored(&store.append_batch(vec![fresh(&r, "an insult")]).await.expect("stored")[0]);
    for by in ["one", "another"] {
        store.report(r.clone(), message.id, AuthorId::from_stored(by), "insult".into()).await.expect("reported");
    }
    let reported = rooms(&store, &of(RoomState::Reported, &none)).await;
    assert_eq!((names(&reported), reported[0].reported), (vec!["Hello-World"], 1), "messages count, not reports");
    let Waiting { held, reported, .. } = store.waiting().await.expect("what waits");
    assert_eq!((held, reported), (0, 1));
    let entry = store.waiting().await.expect("what waits").entry;
    store.settle_reports(r, message.id, AuthorId::from_stored("owner")).await.expect("settled");
    let waiting = store.waiting().await.expect("what waits");
    assert!(waiting.reported == 0 && waiting.entry > entry, "{waiting:?}");
}

fn wrote(id: &str, nickname: &str) -> PersonWrote {
    let id = AuthorId::from_stored(id);
    let avatar = AvatarName::derived_from(&id);
    PersonWrote { id, nickname: Nickname::from_stored(nickname.to_owned()), avatar }
}

async fn people(store: &Store, asked: PeopleQuery) -> Vec<PersonListed> {
    store.people(asked).await.expect("people")
}

async fn people_come_in_pages_and_are_found_by_every_name(db: &Database) {
    let store = db.ready().await;
    let r = room("post");
    stored(&store.append_batch(vec![message_by(&r, "a", "Otter", Uuid::new_v4(), "hi")]).await.expect("stored")[0]);
    store.note_authors(vec![(r.clone(), AuthorId::from_stored("a"))]).await.expect("noted");
    store.note_people(vec![wrote("a", "Otter"), wrote("b", "수달"), wrote("c", "Fox_1")]).await.expect("noted");
    store.note_people(vec![wrote("a", "Badger")]).await.expect("noted");
    let ids = |found: &[PersonListed]| found.iter().map(|p| p.id.as_str().to_owned()).collect::<Vec<_>>();
    let all = people(&store, PeopleQuery { limit: 10, ..PeopleQuery::default() }).await;
    assert_eq!(ids(&all), ["a", "b", "c"], "the last one first");
    assert_eq!((all[0].nickname.as_str(), all[0].rooms, all[0].is_banned), ("Badger", 1, false));
    let first = people(&store, PeopleQuery { limit: 1, ..PeopleQuery::default() }).await;
    assert_eq!(first.len(), 2, "one more says that there are more");
    let after = Some((first[0].last_seen_at.timestamp_micros(), first[0].id.as_str().to_owned()));
    assert_eq!(ids(&people(&store, PeopleQuery { limit: 10, after, ..PeopleQuery::default() }).await), ["b", "c"]);
    for (text, expected) in
        [("otter", vec!["a"]), ("badg", vec!["a"]), ("수", vec!["b"]), ("x\\_1", vec!["c"]), ("nobody", vec![])]
    {
        let asked = PeopleQuery { text: Some(text.to_owned()), limit: 10, ..PeopleQuery::default() };
        assert_eq!(ids(&people(&store, asked).await), expected, "{text}");
    }
    let by_id = PeopleQuery {
        text: Some("no name".to_owned()),
        id: Some(AuthorId::from_stored("b")),
        limit: 10,
        ..PeopleQuery::default()
    };
    assert_eq!(ids(&people(&store, by_id).await), ["b"]);

    let seen = store.person(AuthorId::from_stored("a")).await.expect("read").expect("somebody");
    let mut called: Vec<_> = seen.names.iter().map(|(name, _)| name.as_str()).collect();
    called.sort_unstable();
    assert_eq!(called, ["Badger", "Otter"]);
    assert!(seen.rooms.iter().map(|(room, ..)| room).eq([&r]));
    assert!(seen.messages.iter().map(|(_, message)| message.content.as_str()).eq(["hi"]));
    assert_eq!(store.person(AuthorId::from_stored("nobody")).await.expect("read"), None);

    store.forget_names(vec![AuthorId::from_stored("a")]).await.expect("forgotten");
    let asked = PeopleQuery { text: Some("badger".to_owned()), limit: 10, ..PeopleQuery::default() };
    assert_eq!(people(&store, asked).await, []);
    // Who is called two things at once is noted by both. A server that heard of a message before brings no name back.
    let late = vec![wrote("a", "Badger"), wrote("d", "One \"q\""), wrote("d", "둘")];
    store.note_people(late).await.expect("noted");
    let found = async |text: &str| {
        let asked = PeopleQuery { text: Some(text.to_owned()), limit: 10, ..PeopleQuery::default() };
        ids(&people(&store, asked).await)
    };
    assert_eq!(
        (found("badger").await, found("\"q\"").await, found("둘").await),
        (vec![], vec!["d".into()], vec!["d".into()])
    );
    let seen = store.person(AuthorId::from_stored("a")).await.expect("read").expect("somebody");
    assert_eq!(seen.names, [], "no name is left but on what was written");
    assert_eq!(seen.person.nickname.as_str(), "Otter", "as the message says");
}

async fn what_was_written_is_counted_by_the_hour(db: &Database) {
    let store = db.ready().await;
    for (name, author) in [("a", "one"), ("a", "two"), ("b", "one")] {
        let message = message_by(&room(name), author, "somebody", Uuid::new_v4(), "hi");
        stored(&store.append_batch(vec![message]).await.expect("stored")[0]);
    }
    let at = |text: &str| -> DateTime<Utc> { text.parse().expect("a time") };
    // Where they were written is moved, so that no hour changes under the test.
    let moved = at("2026-03-01T10:20:00Z");
    let literal = match store.kind() {
        "sqlite" => moved.timestamp_millis().to_string(),
        _ => format!("'{}'", moved.to_rfc3339()),
    };
    db.run(&format!("UPDATE messages SET created_at = {literal}")).await;
    db.run(&format!("UPDATE rooms SET last_message_at = {literal}")).await;
    let hour = Span::Hour(moved.duration_trunc(TimeDelta::hours(1)).expect("an hour"));
    let day = Span::Day(moved.duration_trunc(TimeDelta::days(1)).expect("a day"));
    let all = Written { messages: 3, people: 2, rooms: 2 };
    assert_eq!(store.written(hour).await.expect("counted"), all);
    assert_eq!(store.written(day).await.expect("counted"), all);
    for none in [Span::Hour(at("2026-03-01T09:00:00Z")), Span::Hour(at("2026-03-01T11:00:00Z"))] {
        assert_eq!(store.written(none).await.expect("counted"), Written::default(), "{none:?}");
    }
    let since = (hour, day);
    assert_eq!(store.counted(since).await.expect("read"), HashMap::new());
    store.keep_counted(vec![(hour, all), (day, all)]).await.expect("kept");
    // Another server has counted the same meanwhile.
    store.keep_counted(vec![(hour, Written::default())]).await.expect("kept");
    assert_eq!(store.counted(since).await.expect("read"), HashMap::from([(hour, all), (day, all)]));
    let later = (Span::Hour(at("2026-03-01T11:00:00Z")), day);
    assert_eq!(store.counted(later).await.expect("read"), HashMap::from([(day, all)]));
    assert_eq!(store.totals().await.expect("totals"), Totals { rooms: 2, messages: 3, people: 0 });
}

async fn rooms_tell_how_many_messages_they_have(db: &Database) {
    let store = db.ready().await;
    for (name, text) in [("a", "one"), ("a", "two"), ("b", "three")] {
        stored(&store.append_batch(vec![fresh(&room(name), text)]).await.expect("stored")[0]);
    }
    let asked = vec![room("b"), room("nobody-wrote"), room("a")];
    let mut counts: Vec<_> = store.room_counts(asked.clone()).await.expect("counts");
    counts.sort_by(|one, other| one.id.cmp(&other.id));
    assert!(counts.iter().map(|c| (c.id.as_str(), c.message_count)).eq([("a", 2), ("b", 1)]));
    let last = store.last_messages(asked).await.expect("messages");
    let mut last: Vec<_> = last.iter().map(|(room, message)| (room.as_str(), message.content.as_str())).collect();
    last.sort_unstable();
    assert_eq!(last, [("a", "two"), ("b", "three")]);
}
