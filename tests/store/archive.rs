//! Old messages in a table of their own: whoever reads finds what they found before.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use chat_domain::{
    Action, AuthorId, ChatMessage, Content, Emoji, Mention, NewChange, NewMentions, NewMessage, PageCursor, RoomId,
};
use chat_store::{
    AppendOutcome, Archived, Archiving, ChangeOutcome, KEPT_AT_HAND, MoveInto, Moved, MovedPart, Removal, Removed,
    Reported, Store,
};
use tokio::sync::mpsc;
use uuid::Uuid;

use crate::{
    changes::{delete, edit, pin, react},
    support::{Database, fresh, many, message, room, sql, stored},
};

on_both!(
    whoever_reads_finds_the_same,
    what_is_at_hand_or_pinned_or_may_come_back_stays,
    a_change_brings_its_message_back_with_all_that_hangs_on_it,
    what_is_removed_is_removed_there_as_well,
    archiving_and_changing_at_once_lose_nothing,
    a_file_is_merged_with_what_is_archived,
    a_message_that_was_sent_once_more_is_another_one,
    both_tables_have_the_same_columns,
);

const N_OLD: usize = 12;

/// All of the room but the newest so many was written a hundred days ago and before, an hour after another.
async fn age(db: &Database, room: &RoomId, n_young: usize) {
    let at = if db.is_sqlite() {
        "unixepoch() * 1000 - 8640000000 - (100000 - seq) * 3600000"
    } else {
        "date_trunc('second', now()) - interval '100 days' - (100000 - seq) * interval '1 hour'"
    };
    let newest = format!("(SELECT max(m.seq) FROM messages m WHERE m.room_id = '{room}' AND m.rev = m.seq)");
    let old = format!("room_id = '{room}' AND seq <= {newest} - {n_young}");
    db.run(&format!("UPDATE messages SET created_at = {at} WHERE {old}")).await;
}

async fn archive(store: &Store, room: &RoomId, limit: usize) -> Archived {
    let before = store.time().await.expect("a time") - Duration::from_secs(864_000);
    let order = Archiving { room: room.clone(), before, limit };
    store.archive(order).await.expect("archived").expect("nobody else does it")
}

async fn archive_all(store: &Store, room: &RoomId) -> usize {
    let mut n = 0;
    loop {
        let archived = archive(store, room, 5).await;
        n += archived.n_messages;
        if !archived.may_be_more {
            return n;
        }
    }
}

async fn n_archived(db: &Database, room: &RoomId) -> i64 {
    db.number(&format!("SELECT count(*) FROM messages_archive WHERE room_id = '{room}'")).await
}

/// A room with old messages of three authors; their ids in order.
async fn filled(db: &Database, store: &Store, room: &RoomId) -> Vec<i64> {
    let rows = (0..N_OLD + KEPT_AT_HAND)
        .map(|i| message(room, ["ann", "ben", "cho"][i % 3], Uuid::new_v4(), &format!("message {i}")))
        .collect();
    let ids = store.append_batch(rows).await.expect("stored").iter().map(|outcome| stored(outcome).id).collect();
    age(db, room, 5).await;
    ids
}

fn author(id: &str) -> AuthorId {
    AuthorId::from_stored(id)
}

/// Whatever the store answers about a room, in words. Ids are told as the places of their messages, so that two rooms that
/// say the same say the same here; what two rooms never share is left out where `of_one_room` is not set.
async fn told(store: &Store, room: &RoomId, ids: &[i64], of_one_room: bool) -> Vec<String> {
    let mut all = Vec::new();
    let one = |m: &ChatMessage| {
        let a = m.annotations.clone().unwrap_or_default();
        let at = of_one_room.then_some((m.id, m.client_id, m.created_at, a.edited_at, a.deleted, a.pinned_at));
        let (deleted, pinned) = (a.deleted.map(|(_, by)| by), a.pinned_at.is_some());
        let reply = a.reply_to.map(|to| to.seq);
        let (who, text) = (m.author.id.as_str(), m.content.as_str());
        format!(
            "{} {} {who} {} {text} v{} {deleted:?} {pinned} {reply:?} {:?} {:?} {at:?}",
            m.seq,
            m.rev,
            m.author.nickname.as_str(),
            a.version,
            a.reactions,
            a.mentions
        )
    };
    let list = |all: &[ChatMessage]| all.iter().map(one).collect::<Vec<_>>().join("\n");

    let loaded = store.load(room, 50).await.expect("loaded");
    let (head, page) = (loaded.head, loaded.page);
    all.push(format!("head {} {} {}", head.rev, head.message_count, head.first_seq));
    all.push(format!("latest {} {}", page.has_more, list(&page.messages)));
    all.push(format!("pinned {}", list(&loaded.pinned)));
    let newest = head.rev;
    for limit in [3, 50] {
        for seq in (0..=newest + 1).step_by(4) {
            for cursor in [PageCursor::Before(seq), PageCursor::After(seq), PageCursor::Around(seq)] {
                let page = store.page(room, cursor, limit).await.expect("a page");
                all.push(format!("{cursor:?} {limit} {} {} {}", page.has_more, page.has_newer, list(&page.messages)));
            }
            let changes = store.changes_since(room, seq, limit).await.expect("changes");
            all.push(format!("since {seq} {limit} {} {}", changes.truncated, list(&changes.messages)));
        }
        let page = store.page(room, PageCursor::Latest, limit * 2).await.expect("a page");
        all.push(format!("latest {limit} {} {}", page.has_more, list(&page.messages)));
    }
    let places: BTreeMap<i64, usize> = ids.iter().enumerate().map(|(place, id)| (*id, place)).collect();
    let mut found = store.messages(room, ids).await.expect("messages");
    found.sort_by_key(|m| m.seq);
    all.push(format!("by id {}", list(&found)));
    for emoji in ["👍", "🎉"].map(|emoji| Emoji::parse(emoji).expect("an emoji")) {
        for (place, id) in ids.iter().enumerate() {
            let some = store.reactions_of(room, *id, &emoji, None, 1).await.expect("reactors");
            let rest = store.reactions_of(room, *id, &emoji, Some(author("ben")), 5).await.expect("reactors");
            all.push(format!("reactors {place} {some:?} {rest:?}"));
        }
    }
    for who in ["ann", "ben", "cho"] {
        let own = store.reactions_by(room, &author(who), 3, newest).await.expect("own reactions");
        let own: Vec<_> = own.iter().map(|(id, emoji)| (places[id], emoji.as_str())).collect();
        all.push(format!("own {who} {own:?}"));
        let mut by = store.messages_by(&author(who), room, 1_000).await.expect("ids");
        by.sort_unstable();
        all.push(format!("by {who} {:?}", by.iter().map(|id| places[id]).collect::<Vec<_>>()));
        let written = store.written_by(&author(who), None, 100).await.expect("written");
        let n = written.rooms.iter().find(|(of, _)| of == room).map(|(_, n)| *n);
        all.push(format!("written {who} {n:?}"));
        for after in [0, 5, 30] {
            let written = store.written_in(room.clone(), vec![author(who)], after, 7).await.expect("written");
            all.push(format!("written in {after} {}", list(&written)));
        }
        let rooms = store.rooms_written(vec![author(who)], None, 100).await.expect("rooms");
        all.push(format!("rooms {who} {}", rooms.contains(room)));
    }
    let before = store.time().await.expect("a time") - Duration::from_secs(864_000);
    all.push(format!("before {}", store.written_before(room, before).await.expect("a count")));
    let last = store.last_messages(vec![room.clone()]).await.expect("the last");
    all.push(format!("last {}", list(&last.into_iter().map(|(_, m)| m).collect::<Vec<_>>())));
    let mut anywhere = store.messages_anywhere(ids.to_vec()).await.expect("messages");
    anywhere.sort_by_key(|m| m.seq);
    all.push(format!("anywhere {}", list(&anywhere)));
    all.push(format!("moved\n{}", moved(store, room, of_one_room).await));
    all
}

/// The export of a room, in words.
async fn moved(store: &Store, room: &RoomId, of_one_room: bool) -> String {
    let (into, mut parts) = mpsc::channel(8);
    let (sender, of) = (store.clone(), room.clone());
    let sending = tokio::spawn(async move { sender.move_out(&of, into).await });
    let mut all = Vec::new();
    while let Some(part) = parts.recv().await {
        let MovedPart::Messages(messages) = part else { continue };
        for m in messages {
            let at = of_one_room.then(|| format!("{:?} {:?} {:?}", m.reacted, m.edits, m.removed));
            let reacted: BTreeSet<_> = m.reacted.iter().map(|r| (r.author.as_str(), r.emoji.as_str())).collect();
            let edits: Vec<_> = m.edits.iter().map(|e| (e.version, e.content.as_str())).collect();
            let removed = m.removed.as_ref().map(|removed| removed.content.as_str());
            all.push(format!("{} {reacted:?} {edits:?} {removed:?} {at:?}", m.message.seq));
        }
    }
    assert_eq!(sending.await.expect("sent"), Ok(true));
    all.join("\n")
}

#[track_caller]
fn same(one: &[String], other: &[String], why: &str) {
    for (one, other) in one.iter().zip(other) {
        assert_eq!(one, other, "{why}");
    }
    assert_eq!(one.len(), other.len(), "{why}");
}

/// Numbers that look like chance and are the same each time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).expect("a number") % n
    }
}

/// Something that is done to a message, by its place.
fn some_change(dice: &mut Dice, room: &RoomId, ids: &[i64], versions: &mut BTreeMap<usize, i32>) -> Arc<NewChange> {
    // Mostly the old ones.
    let place = if dice.below(4) == 0 { dice.below(ids.len()) } else { dice.below(N_OLD) };
    let id = ids[place];
    let who = ["ann", "ben", "cho"][dice.below(3)];
    match dice.below(10) {
        0 | 1 => {
            let version = versions.entry(place).or_insert(1);
            let change = edit(room, id, *version, &format!("edited {}", dice.below(1_000)));
            *version += 1;
            edit_by(["ann", "ben", "cho"][place % 3], &change)
        }
        2 => delete(room, id, who, true),
        3 => NewChange { action: Action::Restore, ..(*delete(room, id, who, true)).clone() }.into(),
        4 => pin(room, id, dice.below(2) == 0),
        _ => react(room, id, who, ["👍", "🎉"][dice.below(2)], dice.below(3) > 0),
    }
}

/// Two rooms to which the same is done, of which one is archived again and again, answer the same; and moving messages
/// changes nothing that anybody is told.
async fn whoever_reads_finds_the_same(db: &Database) {
    let store = db.ready().await;
    for seed in 1..=3 {
        let (archived, whole) = (room(&format!("archived {seed}")), room(&format!("whole {seed}")));
        let mut ids = (filled(db, &store, &archived).await, filled(db, &store, &whole).await);
        let mut dice = Dice(seed);
        let (mut versions, mut same_versions) = (BTreeMap::new(), BTreeMap::new());
        for round in 0..4 {
            for _ in 0..dice.below(12) {
                let mut twice = Dice(dice.0);
                let one = some_change(&mut dice, &archived, &ids.0, &mut versions);
                let other = some_change(&mut twice, &whole, &ids.1, &mut same_versions);
                let kind = |outcome: &ChangeOutcome| match outcome {
                    ChangeOutcome::Changed(..) => "changed".to_owned(),
                    ChangeOutcome::Rejected(why) => format!("{why:?}").chars().take(12).collect(),
                    other => format!("{other:?}").chars().take(9).collect(),
                };
                let one = store.change_batch(vec![one]).await.expect("answered");
                let other = store.change_batch(vec![other]).await.expect("answered");
                assert_eq!(kind(&one[0]), kind(&other[0]), "seed {seed}, round {round}");
                // An edit that was refused has no version.
                if !matches!(one[0], ChangeOutcome::Changed(..)) {
                    versions = store_versions(&store, &archived, &ids.0).await;
                    same_versions.clone_from(&versions);
                }
            }
            // One that answers an old message, as long as that is there to be answered.
            for (of, ids) in [(&archived, &mut ids.0), (&whole, &mut ids.1)] {
                let answer = NewMessage { reply_to: Some(ids[round]), ..(*fresh(of, "an answer")).clone() };
                let answered = store.append_batch(vec![Arc::new(answer)]).await.expect("answered");
                if !matches!(answered[0], AppendOutcome::InvalidReply) {
                    ids.push(stored(&answered[0]).id);
                }
            }
            let before = told(&store, &archived, &ids.0, true).await;
            archive_all(&store, &archived).await;
            assert!(n_archived(db, &archived).await > 0, "some are archived");
            same(&before, &told(&store, &archived, &ids.0, true).await, &format!("moved, seed {seed}, round {round}"));
            let (one, other) =
                (told(&store, &archived, &ids.0, false).await, told(&store, &whole, &ids.1, false).await);
            same(&one, &other, &format!("two rooms, seed {seed}, round {round}"));
            assert_eq!(n_archived(db, &whole).await, 0);
        }
    }
}

async fn store_versions(store: &Store, room: &RoomId, ids: &[i64]) -> BTreeMap<usize, i32> {
    let found = store.messages(room, ids).await.expect("messages");
    let version = |m: &ChatMessage| m.annotations.as_ref().map_or(1, |a| a.version);
    found.iter().map(|m| (ids.iter().position(|id| *id == m.id).expect("one of them"), version(m))).collect()
}

async fn what_is_at_hand_or_pinned_or_may_come_back_stays(db: &Database) {
    let (store, r) = (db.ready().await, room("r"));
    let ids = filled(db, &store, &r).await;
    store.change_batch(vec![pin(&r, ids[1], true), delete(&r, ids[2], "moderator", true)]).await.expect("changed");
    assert_eq!(store.oldest_at_hand(None, 10).await.expect("read").len(), 1);
    assert_eq!(archive(&store, &r, 4).await, Archived { n_messages: 4, may_be_more: true });
    assert_eq!(archive_all(&store, &r).await, N_OLD - 6);
    assert_eq!(archive(&store, &r, 4).await, Archived::default(), "nothing is left to do");
    let here = db.texts("SELECT CAST(id AS VARCHAR(20)) AS text FROM messages ORDER BY seq").await;
    let expected: Vec<_> = [ids[1], ids[2]].iter().chain(&ids[N_OLD..]).map(ToString::to_string).collect();
    assert_eq!(here, expected);
    assert_eq!(
        db.number("SELECT count(*) FROM authors WHERE last_message_at IS NOT NULL").await,
        3,
        "who wrote is known"
    );
    // Of a room of which nothing may go nothing is told.
    store.append_batch(many(&room("short"), KEPT_AT_HAND)).await.expect("stored");
    age(db, &room("short"), 0).await;
    let oldest = store.oldest_at_hand(Some("r"), 10).await.expect("read");
    assert_eq!(oldest.iter().map(|o| (&*o.name, o.at)).collect::<Vec<_>>(), [("short", None)]);
    assert_eq!(archive(&store, &room("short"), 4).await, Archived::default());
    // Unpinned it goes.
    store.change_batch(vec![pin(&r, ids[1], false)]).await.expect("changed");
    assert_eq!(archive_all(&store, &r).await, 1);
    if !db.is_sqlite() {
        let months = db.number("SELECT count(*) FROM pg_inherits WHERE inhparent = 'messages_archive'::regclass").await;
        assert!(months >= 1, "there are partitions");
    }
}

async fn a_change_brings_its_message_back_with_all_that_hangs_on_it(db: &Database) {
    let (store, r) = (db.ready().await, room("r"));
    let ids = filled(db, &store, &r).await;
    let changes = vec![react(&r, ids[0], "ben", "👍", true), react(&r, ids[0], "cho", "👍", true)];
    store.change_batch(changes).await.expect("changed");
    store.change_batch(vec![edit_by("ann", &edit(&r, ids[0], 1, "another text"))]).await.expect("changed");
    archive_all(&store, &r).await;
    assert_eq!(db.number("SELECT count(*) FROM reactions").await, 0, "they went along");
    let count = |table: &str| format!("SELECT count(*) FROM {table} WHERE id = {}", ids[0]);
    assert_eq!((db.number(&count("messages")).await, db.number(&count("messages_archive")).await), (0, 1));

    let rev = store.head(&r).await.expect("a head").rev;
    let taken = store.change_batch(vec![react(&r, ids[0], "ben", "👍", false)]).await.expect("changed");
    let ChangeOutcome::Changed(_, change) = &taken[0] else { panic!("{taken:?}") };
    assert_eq!(change.message.rev, rev + 1, "numbered as any other");
    let reactions = change.message.annotations.as_ref().map(|a| a.reactions.clone()).unwrap_or_default();
    assert_eq!(reactions.iter().map(|r| r.count).collect::<Vec<_>>(), [1], "and summed up from all");
    assert_eq!((db.number(&count("messages")).await, db.number(&count("messages_archive")).await), (1, 0));
    assert_eq!(db.number("SELECT count(*) FROM message_edits").await, 1);
    let changed = store.changes_since(&r, rev, 10).await.expect("changes");
    assert_eq!(changed.messages.iter().map(|m| m.id).collect::<Vec<_>>(), [ids[0]]);

    // Of another room it is none, and stays.
    let elsewhere =
        store.change_batch(vec![react(&room("another"), ids[3], "ben", "👍", true)]).await.expect("answered");
    assert!(matches!(elsewhere[0], ChangeOutcome::Rejected(_)), "{elsewhere:?}");
    assert_eq!(db.number(&format!("SELECT count(*) FROM messages_archive WHERE id = {}", ids[3])).await, 1);
    // A report is about whatever is there.
    let reported = store.report(r.clone(), ids[3], author("x"), "why".into()).await.expect("answered");
    assert!(matches!(reported, Reported::Stored { is_new: true, .. }));
}

fn edit_by(who: &str, change: &NewChange) -> Arc<NewChange> {
    let mut change = NewChange { author: author(who), ..change.clone() };
    if let Action::Edit { window, .. } = &mut change.action {
        // However old it is.
        *window = None;
    }
    Arc::new(change)
}

async fn what_is_removed_is_removed_there_as_well(db: &Database) {
    let (store, r) = (db.ready().await, room("r"));
    filled(db, &store, &r).await;
    archive_all(&store, &r).await;
    let oldest = store.oldest_messages(None, 10).await.expect("read");
    let before = store.time().await.expect("a time") - Duration::from_secs(864_000);
    assert!(oldest[0].at.is_some_and(|at| at < before), "the archived ones count");
    let order = Removal { room: r.clone(), before: Some(before), up_to: i64::MAX, limit: 5 };
    let removed = store.expire(order.clone()).await.expect("removed").expect("done");
    assert_eq!(removed, Removed { n_messages: 5, first_seq: 6, may_be_more: true });
    assert_eq!(n_archived(db, &r).await, i64::try_from(N_OLD).expect("a number") - 5);
    let head = store.head(&r).await.expect("a head");
    assert_eq!((head.first_seq, head.message_count), (6, i64::try_from(N_OLD + KEPT_AT_HAND).expect("a number") - 5));
    let all = Removal { before: None, limit: 1_000, ..order };
    store.remove_oldest(all).await.expect("removed");
    assert_eq!((n_archived(db, &r).await, store.head(&r).await.expect("a head").message_count), (0, 0));
    // Nothing is looked for there any more.
    assert_eq!(store.page(&r, PageCursor::Latest, 10).await.expect("a page").messages, []);
    assert!(store.new_room_epoch(&r).await.expect("begun").is_some());
}

/// Whoever changes messages while they go finds each of them, once.
async fn archiving_and_changing_at_once_lose_nothing(db: &Database) {
    let (store, other, r) = (db.ready().await, db.open(), room("r"));
    let rows = (0..150 + KEPT_AT_HAND).map(|i| fresh(&r, &format!("message {i}"))).collect();
    let ids: Vec<i64> = store.append_batch(rows).await.expect("stored").iter().map(|o| stored(o).id).collect();
    age(db, &r, 5).await;
    let changing = {
        let (r, ids) = (r.clone(), ids.clone());
        tokio::spawn(async move {
            for (n, of) in ids.chunks(5).enumerate() {
                let changes = of.iter().map(|id| react(&r, *id, &format!("reader {n}"), "👍", true)).collect();
                for outcome in other.change_batch(changes).await.expect("changed") {
                    assert!(matches!(outcome, ChangeOutcome::Changed(..)), "{outcome:?}");
                }
            }
        })
    };
    let reading = {
        let (store, r, ids) = (db.open(), r.clone(), ids.clone());
        tokio::spawn(async move {
            for _ in 0..20 {
                let page = store.page(&r, PageCursor::Latest, 1_000).await.expect("a page");
                assert_eq!(page.messages.iter().map(|m| m.id).collect::<Vec<_>>(), ids, "each of them, once, in order");
            }
        })
    };
    while !changing.is_finished() || !reading.is_finished() {
        archive(&store, &r, 7).await;
    }
    changing.await.expect("all were changed");
    reading.await.expect("all were read");
    archive_all(&store, &r).await;
    assert_eq!(n_archived(db, &r).await, 150);
    let page = store.page(&r, PageCursor::Latest, 1_000).await.expect("a page");
    let n_reacted =
        page.messages.iter().filter(|m| m.annotations.as_ref().is_some_and(|a| a.reactions.len() == 1)).count();
    assert_eq!((page.messages.len(), n_reacted), (ids.len(), ids.len()));
    let twice = "SELECT count(*) FROM messages m WHERE EXISTS (SELECT 1 FROM messages_archive a WHERE a.id = m.id)";
    assert_eq!(db.number(twice).await, 0);
}

async fn a_file_is_merged_with_what_is_archived(db: &Database) {
    let (store, r) = (db.ready().await, room("r"));
    let ids = filled(db, &store, &r).await;
    store.change_batch(vec![react(&r, ids[0], "ben", "👍", true)]).await.expect("changed");
    archive_all(&store, &r).await;
    let exported = async || {
        let (into, mut parts) = mpsc::channel(64);
        assert_eq!(store.move_out(&r, into).await, Ok(true));
        let mut all = Vec::new();
        while let Some(part) = parts.recv().await {
            all.push(part);
        }
        all
    };
    let send = |all: Vec<MovedPart>| {
        let (into, from) = mpsc::channel(64);
        tokio::spawn(async move {
            for part in all {
                into.send(part).await.expect("taken");
            }
        });
        from
    };
    let known = Moved::Known(ids.len());
    assert_eq!(store.move_in(&r, MoveInto::Merged, send(exported().await)).await, Ok(known), "all of it is known");
    // One more of before all.
    let mut all = exported().await;
    for part in &mut all {
        let MovedPart::Messages(messages) = part else { continue };
        let mut older = messages[0].clone();
        older.message.client_id = Uuid::new_v4();
        older.message.created_at -= Duration::from_secs(60);
        messages.truncate(0);
        messages.push(older);
        break;
    }
    let merged = store.move_in(&r, MoveInto::Merged, send(all)).await;
    assert_eq!(merged, Ok(Moved::Written { n_new: 1, n_known: ids.len() }));
    assert_eq!(n_archived(db, &r).await, 0, "all got a place among the others");
    let page = store.page(&r, PageCursor::Latest, 1_000).await.expect("a page");
    assert_eq!(page.messages.len(), ids.len() + 1);
    assert_eq!(page.messages[1].id, ids[0], "the new one stands before it");
    assert_eq!(store.head(&r).await.expect("a head").message_count, i64::try_from(ids.len() + 1).expect("a number"));
    archive_all(&store, &r).await;
    assert!(n_archived(db, &r).await > 0, "and they go again");
}

/// Months later the key of a message is not looked for any more; and the first one can still be changed.
async fn a_message_that_was_sent_once_more_is_another_one(db: &Database) {
    let (store, r) = (db.ready().await, room("r"));
    let first = message(&r, "ann", Uuid::new_v4(), "hello");
    let id = stored(&store.append_batch(vec![first.clone()]).await.expect("stored")[0]).id;
    store.append_batch(many(&r, KEPT_AT_HAND)).await.expect("stored");
    age(db, &r, 5).await;
    assert_eq!(archive_all(&store, &r).await, 1);
    // Who wrote only there may be named, as anybody who wrote here.
    let mut naming = (*fresh(&r, "@ann")).clone();
    let mention = Mention { author: author("ann"), from: 0, to: 4 };
    naming.mentions = NewMentions::new(&naming.content, vec![mention.clone()], |_| false);
    let named = store.append_batch(vec![Arc::new(naming)]).await.expect("stored");
    let AppendOutcome::Stored(_, Some(annotations)) = &named[0] else { panic!("{named:?}") };
    assert_eq!(annotations.mentions, [mention]);
    let again = stored(&store.append_batch(vec![first]).await.expect("stored")[0]).id;
    assert_ne!(id, again);
    let changed = store.change_batch(vec![react(&r, id, "ben", "👍", true), react(&r, again, "ben", "👍", true)]).await;
    for outcome in changed.expect("changed") {
        assert!(matches!(outcome, ChangeOutcome::Changed(..)), "{outcome:?}");
    }
    let text = |m: &ChatMessage| m.content == Content::from_stored("hello".to_owned());
    let page = store.page(&r, PageCursor::Latest, 1_000).await.expect("a page");
    assert_eq!(page.messages.iter().filter(|m| text(m)).count(), 2);
}

/// A column that messages get some day must be in the archive as well, or it would be lost there.
async fn both_tables_have_the_same_columns(db: &Database) {
    db.ready().await;
    let columns = async |table: &str| {
        let query = if db.is_sqlite() {
            format!("SELECT name || ' ' || lower(type) AS text FROM pragma_table_info('{table}') ORDER BY 1")
        } else {
            format!(
                "SELECT column_name || ' ' || data_type || coalesce(character_maximum_length::text, '') AS text
                FROM information_schema.columns WHERE table_name = '{table}' ORDER BY 1"
            )
        };
        db.texts(&query).await.into_iter().collect::<BTreeSet<_>>()
    };
    let (here, there) = (columns("messages").await, columns("messages_archive").await);
    assert!(here.len() > 15, "{here:?}");
    let more: Vec<_> = there.difference(&here).cloned().collect();
    assert_eq!((here.difference(&there).count(), more), (0, vec!["edits text".to_owned(), "reactors text".to_owned()]));
}

#[tokio::test]
async fn a_server_that_ends_in_the_midst_leaves_all_or_nothing() {
    let (db, store) = Database::ready_postgres().await;
    let r = room("r");
    let ids = filled(&db, &store, &r).await;
    let before = told(&store, &r, &ids, true).await;
    // The move waits for the room's row, and is ended there.
    let held = db.hold("r").await;
    let moving = {
        let (store, r) = (store.clone(), r.clone());
        tokio::spawn(async move {
            let before = store.time().await.expect("a time") - Duration::from_secs(864_000);
            store.archive(Archiving { room: r, before, limit: 100 }).await
        })
    };
    let client = sql(&db.url, "SELECT 1").await;
    while !crate::support::someone_waits(&client).await {
        tokio::task::yield_now().await;
    }
    let ending = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
        WHERE datname = current_database() AND wait_event_type = 'Lock'";
    client.query(ending, &[]).await.expect("ended");
    assert!(moving.await.expect("it ran").is_err(), "its connection was ended");
    held.release().await;
    assert_eq!(n_archived(&db, &r).await, 0);
    same(&before, &told(&store, &r, &ids, true).await, "nothing has moved");
    assert_eq!(archive_all(&store, &r).await, N_OLD);
    same(&before, &told(&store, &r, &ids, true).await, "all has moved");
}
