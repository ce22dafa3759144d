//! What becomes of messages after they were written: each command and each refusal, repeats, and two servers at once.

use std::{sync::Arc, time::Duration};

use chat_domain::{
    Action, AuthorId, ChangeRefusal, ChatMessage, Content, DeletedBy, Emoji, Mention, MessageRef, NewChange,
    NewMentions, NewMessage, PageCursor, RoomId,
};
use chat_store::{AppendOutcome, ChangeOutcome, Loaded, Store};
use diesel::{Connection, QueryableByName, RunQueryDsl, SqliteConnection, connection::SimpleConnection, sql_query};
use uuid::Uuid;

use crate::support::{Database, fresh, many, message, repeated, room, sql, stored};

on_both!(
    an_edit_replaces_the_text_and_keeps_the_one_before,
    a_deleted_text_is_in_no_table,
    what_a_moderator_removes_is_kept_for_a_while,
    reactions_are_summed_up_and_told_in_order,
    pins_are_told_newest_first_and_are_ten_at_most,
    commands_are_refused_for_their_reasons,
    a_batch_of_many_kinds_can_be_given_again,
    a_row_the_database_does_not_take_is_refused_alone,
    a_guard_that_has_moved_lets_nothing_through,
    replies_and_mentions_are_stored_with_the_message,
    a_late_retry_of_what_was_changed_since_is_a_repeat,
    changes_are_told_once_in_their_last_state,
    pages_tell_their_moment_and_go_around_a_place,
    two_servers_that_edit_delete_and_react_agree,
    a_new_epoch_counts_what_is_left,
);

fn change(room: &RoomId, id: i64, who: &str, action: Action) -> Arc<NewChange> {
    let (room, author, client_id) = (room.clone(), AuthorId::from_stored(who), Uuid::new_v4());
    Arc::new(NewChange { room, message: id, author, also: Arc::default(), client_id, guard_rev: 0, action })
}

fn content(text: &str) -> Content {
    Content::parse(text).expect("a content")
}

pub fn edit(room: &RoomId, id: i64, version: i32, text: &str) -> Arc<NewChange> {
    let (content, mentions) = (content(text), NewMentions::default());
    change(room, id, "author", Action::Edit { version, content, mentions, window: Some(Duration::from_secs(900)) })
}

pub fn delete(room: &RoomId, id: i64, who: &str, as_moderator: bool) -> Arc<NewChange> {
    change(room, id, who, Action::Delete { as_moderator })
}

pub fn react(room: &RoomId, id: i64, who: &str, emoji: &str, on: bool) -> Arc<NewChange> {
    change(room, id, who, Action::React { emoji: Emoji::parse(emoji).expect("an emoji"), on })
}

pub fn pin(room: &RoomId, id: i64, on: bool) -> Arc<NewChange> {
    change(room, id, "moderator", Action::Pin { on })
}

/// Stores so many messages; their ids.
async fn written(store: &Store, room: &RoomId, n: usize) -> Vec<i64> {
    let outcomes = store.append_batch(many(room, n)).await.expect("stored");
    outcomes.iter().map(|outcome| stored(outcome).id).collect()
}

async fn one(store: &Store, row: Arc<NewChange>) -> ChangeOutcome {
    store.change_batch(vec![row]).await.expect("made").remove(0)
}

#[track_caller]
fn changed(outcome: &ChangeOutcome) -> &ChatMessage {
    match outcome {
        ChangeOutcome::Changed(_, change) => &change.message,
        other => panic!("{other:?} is not Changed"),
    }
}

async fn pinned(store: &Store, room: &RoomId) -> Vec<ChatMessage> {
    store.load(room, 1).await.expect("loaded").pinned
}

async fn read(store: &Store, room: &RoomId, id: i64) -> ChatMessage {
    store.message(room, id).await.expect("read").expect("a message")
}

async fn execute(db: &Database, statement: &str) {
    if db.is_sqlite() {
        let mut c = SqliteConnection::establish(db.url.trim_start_matches("sqlite://")).expect("a connection");
        c.batch_execute(statement).expect(statement);
    } else {
        sql(&db.url, statement).await;
    }
}

/// In how many rows of which tables a text stands, whatever the column.
async fn places_of(db: &Database, text: &str) -> Vec<String> {
    #[derive(QueryableByName)]
    struct Found {
        #[diesel(sql_type = diesel::sql_types::Text)]
        found: String,
    }
    if !db.is_sqlite() {
        let client = sql(&db.url, "").await;
        let tables = "SELECT c.oid::regclass::text FROM pg_class c WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace";
        let mut places = Vec::new();
        for row in client.query(tables, &[]).await.expect("tables") {
            let table: String = row.get(0);
            let query = format!("SELECT 1 FROM {table} t WHERE position('{text}' IN t::text) > 0");
            let n = client.query(&query, &[]).await.expect("rows").len();
            places.extend((n > 0).then_some(table));
        }
        return places;
    }
    let mut c = SqliteConnection::establish(db.url.trim_start_matches("sqlite://")).expect("a connection");
    let mut texts = |query: &str| -> Vec<String> {
        sql_query(query).load::<Found>(&mut c).expect(query).into_iter().map(|row| row.found).collect()
    };
    let columns = "SELECT 'SELECT ''' || m.name || ''' AS found FROM ' || m.name || ' WHERE instr(CAST(' || p.name
            || ' AS TEXT), ''TEXT'') > 0' AS found
        FROM sqlite_master m JOIN pragma_table_info(m.name) p WHERE m.type = 'table'";
    let queries = texts(columns);
    let mut places: Vec<String> =
        queries.iter().flat_map(|query| texts(&query.replace("'TEXT'", &format!("'{text}'")))).collect();
    places.sort();
    places.dedup();
    places
}

async fn an_edit_replaces_the_text_and_keeps_the_one_before(db: &Database) {
    let (store, room) = (db.ready().await, room("r"));
    let ids = written(&store, &room, 3).await;
    let before = read(&store, &room, ids[1]).await;
    let row = edit(&room, ids[1], 1, "second text");
    let outcome = one(&store, Arc::clone(&row)).await;
    let told = changed(&outcome);
    assert_eq!((told.content.as_str(), told.version(), told.rev, told.seq), ("second text", 2, 4, 2));
    let annotations = told.annotations.as_ref().expect("annotations");
    assert!(annotations.edited_at.expect("a time") >= told.created_at);
    assert_eq!(*told, read(&store, &room, ids[1]).await, "what is told is what is stored");
    assert_eq!((&told.author, told.client_id, told.created_at), (&before.author, before.client_id, before.created_at));
    // The same again, before and behind another one.
    let ChangeOutcome::Unchanged(again) = one(&store, Arc::clone(&row)).await else { panic!("a change") };
    assert_eq!((again.id, again.seq, again.rev), (ids[1], 2, 4));
    one(&store, edit(&room, ids[1], 2, "third text")).await;
    assert!(matches!(one(&store, row).await, ChangeOutcome::Unchanged(_)));
    assert_eq!(one(&store, edit(&room, ids[1], 2, "x")).await, ChangeOutcome::Rejected(ChangeRefusal::EditConflict));
    let head = store.head(&room).await.expect("a head");
    assert_eq!((head.rev, head.message_count), (5, 3));
    assert_eq!(places_of(db, "second text").await, ["message_edits"]);
}

async fn a_deleted_text_is_in_no_table(db: &Database) {
    let (store, room) = (db.ready().await, room("r"));
    let secret = fresh(&room, "the secret text");
    let id = stored(&store.append_batch(vec![secret]).await.expect("stored")[0]).id;
    for row in [react(&room, id, "reacting", "👍", true), pin(&room, id, true), edit(&room, id, 1, "the secret text 2")]
    {
        changed(&one(&store, row).await);
    }
    assert!(!places_of(db, "secret text").await.is_empty() && !places_of(db, "reacting").await.is_empty());
    let outcome = one(&store, delete(&room, id, "author", false)).await;
    let told = changed(&outcome);
    assert_eq!((told.content.as_str(), told.rev), ("", 5));
    assert_eq!(told.annotations.as_ref().and_then(|a| a.deleted).map(|(_, by)| by), Some(DeletedBy::Author));
    assert_eq!(*told, read(&store, &room, id).await);
    assert_eq!(
        (places_of(db, "secret text").await, places_of(db, "reacting").await),
        (Vec::<String>::new(), Vec::new())
    );
    assert_eq!(store.head(&room).await.expect("a head").message_count, 0);
    let page = store.page(&room, PageCursor::Latest, 10).await.expect("a page");
    assert!(page.messages.len() == 1 && page.messages[0].is_deleted(), "it leaves its place");
    assert!(pinned(&store, &room).await.is_empty());
    assert!(matches!(one(&store, delete(&room, id, "author", false)).await, ChangeOutcome::Unchanged(m) if m.rev == 5));
    let deleted = ChangeOutcome::Rejected(ChangeRefusal::Deleted);
    for row in [edit(&room, id, 2, "x"), react(&room, id, "a", "👍", true), pin(&room, id, true)] {
        assert_eq!(one(&store, row).await, deleted);
    }
}

async fn what_a_moderator_removes_is_kept_for_a_while(db: &Database) {
    let (store, room) = (db.ready().await, room("r"));
    let ids = written(&store, &room, 2).await;
    let outcome = one(&store, delete(&room, ids[0], "moderator", true)).await;
    let by = changed(&outcome).annotations.as_ref().and_then(|a| a.deleted).map(|(_, by)| by);
    assert_eq!(by, Some(DeletedBy::Moderator));
    // A moderator's own is an author's.
    changed(&one(&store, delete(&room, ids[1], "author", true)).await);
    assert_eq!(
        (places_of(db, "message 1").await, places_of(db, "message 2").await),
        (vec!["removed_texts".to_owned()], vec![])
    );
    assert_eq!(store.forget_removed_texts().await, Ok(0), "not yet");
    let month =
        if db.is_sqlite() { "until - 2592000000 - 1000" } else { "until - interval '30 days' - interval '1 s'" };
    execute(db, &format!("UPDATE removed_texts SET until = {month}")).await;
    assert_eq!(store.forget_removed_texts().await, Ok(1));
    assert_eq!(places_of(db, "message 1").await, Vec::<String>::new());
}

async fn reactions_are_summed_up_and_told_in_order(db: &Database) {
    let (store, room) = (db.ready().await, room("r"));
    let ids = written(&store, &room, 2).await;
    let (thumb, heart) = ("👍", "❤️");
    let names: Vec<String> = (0..8).map(|n| format!("author {n}")).collect();
    let mut batch: Vec<_> = names.iter().rev().map(|who| react(&room, ids[0], who, thumb, true)).collect();
    batch.push(react(&room, ids[0], &names[3], heart, true));
    batch.push(react(&room, ids[1], &names[3], heart, true));
    let outcomes = store.change_batch(batch.clone()).await.expect("made");
    let ChangeOutcome::Changed(_, first) = &outcomes[0] else { panic!("{outcomes:?}") };
    assert!(outcomes[..9].iter().all(|outcome| *outcome == outcomes[0]), "one change for all of a message");
    assert_eq!((first.rev(), changed(&outcomes[9]).rev, store.head(&room).await.expect("a head").rev), (3, 4, 4));
    let again = store.change_batch(batch).await.expect("made");
    assert!(again.iter().all(|outcome| matches!(outcome, ChangeOutcome::Unchanged(_))), "{again:?}");
    // Two of the first go, one of them comes back behind all others.
    let gone = vec![react(&room, ids[0], &names[1], thumb, false), react(&room, ids[0], &names[2], thumb, false)];
    store.change_batch(gone).await.expect("made");
    let outcome = one(&store, react(&room, ids[0], &names[1], thumb, true)).await;
    let sums = &changed(&outcome).annotations.as_ref().expect("annotations").reactions;
    let named: Vec<&str> = sums[0].authors.iter().map(AuthorId::as_str).collect();
    // In the order in which the batch has them.
    assert_eq!((sums[0].count, named), (7, vec!["author 7", "author 6", "author 5", "author 4", "author 3"]));
    let ChangeOutcome::Changed(_, told) = &outcome else { panic!("{outcome:?}") };
    assert_eq!(told.reactions.as_deref(), Some(&sums[..1]), "only what has changed");
    assert_eq!(*told.message, read(&store, &room, ids[0]).await);
    // Page by page.
    let emoji = Emoji::parse(thumb).expect("an emoji");
    let mut all: Vec<AuthorId> = Vec::new();
    loop {
        let after = all.last().cloned();
        let part = store.reactions_of(&room, ids[0], &emoji, after, 3).await.expect("read").expect("a message");
        assert!(part.authors.len() <= 3);
        all.extend(part.authors);
        if !part.has_more {
            break;
        }
    }
    let all: Vec<&str> = all.iter().map(AuthorId::as_str).collect();
    assert_eq!(all, ["author 0", "author 1", "author 3", "author 4", "author 5", "author 6", "author 7"]);
    assert_eq!(store.reactions_of(&crate::support::room("other"), ids[0], &emoji, None, 3).await, Ok(None));
    let heart = Emoji::parse(heart).expect("an emoji");
    let own = store.reactions_by(&room, &AuthorId::from_stored("author 3"), 1, 2).await.expect("read");
    assert_eq!(own, [(ids[0], heart.clone()), (ids[0], emoji.clone()), (ids[1], heart)]);
    assert_eq!(store.reactions_by(&room, &AuthorId::from_stored("author 3"), 2, 2).await.expect("read").len(), 1);
}

async fn pins_are_told_newest_first_and_are_ten_at_most(db: &Database) {
    let (store, room) = (db.ready().await, room("r"));
    let ids = written(&store, &room, 12).await;
    let outcomes = store.change_batch(ids.iter().map(|id| pin(&room, *id, true)).collect()).await.expect("made");
    let n_made = outcomes.iter().filter(|outcome| matches!(outcome, ChangeOutcome::Changed(..))).count();
    assert_eq!((n_made, &outcomes[10]), (10, &ChangeOutcome::Rejected(ChangeRefusal::TooManyPins)));
    one(&store, pin(&room, ids[3], false)).await;
    changed(&one(&store, pin(&room, ids[11], true)).await);
    let pinned = pinned(&store, &room).await;
    assert_eq!((pinned.len(), pinned[0].id), (10, ids[11]));
    assert!(pinned[1..].iter().map(|m| m.id).eq(ids[..10].iter().rev().filter(|id| **id != ids[3]).copied()));
    assert!(matches!(one(&store, pin(&room, ids[3], false)).await, ChangeOutcome::Unchanged(_)));
}

async fn commands_are_refused_for_their_reasons(db: &Database) {
    let (store, room) = (db.ready().await, room("r"));
    let id = written(&store, &room, 1).await[0];
    let other = written(&store, &crate::support::room("other"), 1).await[0];
    let late = Action::Edit {
        version: 1,
        content: content("late"),
        mentions: NewMentions::default(),
        window: Some(Duration::ZERO),
    };
    let foreign = change(&room, id, "somebody", edit(&room, id, 1, "x").action.clone());
    let cases = [
        (edit(&room, 999_999, 1, "x"), ChangeRefusal::NotFound),
        (edit(&room, other, 1, "x"), ChangeRefusal::NotFound),
        (edit(&crate::support::room("nobody"), id, 1, "x"), ChangeRefusal::NotFound),
        (foreign, ChangeRefusal::NotYours),
        (delete(&room, id, "somebody", false), ChangeRefusal::NotYours),
        (change(&room, id, "author", late), ChangeRefusal::TooLate),
        (edit(&room, id, 2, "x"), ChangeRefusal::EditConflict),
    ];
    for (row, refusal) in cases {
        assert_eq!(one(&store, row).await, ChangeOutcome::Rejected(refusal));
    }
    assert_eq!(store.head(&room).await.expect("a head").rev, 1, "nothing takes a value");
    assert_eq!(store.message(&room, other).await, Ok(None));
}

async fn a_batch_of_many_kinds_can_be_given_again(db: &Database) {
    let store = db.ready().await;
    let rooms = [room("a"), room("b"), room("c")];
    let mut batch = Vec::new();
    for room in &rooms {
        let ids = written(&store, room, 8).await;
        for (n, id) in ids.iter().enumerate() {
            batch.push(match n % 4 {
                0 => edit(room, *id, 1, "edited"),
                1 => react(room, *id, "somebody", "👍", true),
                2 => pin(room, *id, true),
                _ => delete(room, *id, "moderator", true),
            });
            batch.push(delete(room, *id, "somebody", false));
        }
    }
    let outcomes = store.change_batch(batch.clone()).await.expect("made");
    let (made, refused): (Vec<_>, Vec<_>) = outcomes.iter().partition(|o| matches!(o, ChangeOutcome::Changed(..)));
    assert_eq!((made.len(), refused.len()), (24, 24));
    assert!(refused.iter().all(|o| **o == ChangeOutcome::Rejected(ChangeRefusal::NotYours)));
    for outcome in store.change_batch(batch).await.expect("made").iter().step_by(2) {
        assert!(matches!(outcome, ChangeOutcome::Unchanged(_)), "{outcome:?}");
    }
    for room in &rooms {
        let head = store.head(room).await.expect("a head");
        assert_eq!((head.rev, head.message_count), (16, 6));
    }
    assert_eq!(store.change_batch(Vec::new()).await, Ok(Vec::new()));
}

async fn a_row_the_database_does_not_take_is_refused_alone(db: &Database) {
    let (store, room) = (db.ready().await, room("r"));
    let ids = written(&store, &room, 9).await;
    let mut batch: Vec<_> = ids.iter().map(|id| react(&room, *id, "somebody", "👍", true)).collect();
    batch[4] = react(&room, ids[4], "nul\0", "👍", true);
    let outcomes = store.change_batch(batch).await.expect("made");
    for (n, outcome) in outcomes.iter().enumerate() {
        assert_eq!(matches!(outcome, ChangeOutcome::Refused(_)), n == 4, "{n}: {outcome:?}");
    }
    assert_eq!(store.head(&room).await.expect("a head").rev, 17, "no value is left out");
}

async fn a_guard_that_has_moved_lets_nothing_through(db: &Database) {
    let (store, a, b) = (db.ready().await, room("a"), room("b"));
    let ids = written(&store, &a, 1).await;
    written(&store, &b, 1).await;
    execute(
        db,
        "UPDATE rooms SET guard_rev = 3, title = 'A title', settings = '{\"slow\":5}', settings_rev = 2 WHERE id = 'a'",
    )
    .await;
    let head = store.head(&a).await.expect("a head");
    assert_eq!((head.guard_rev, head.settings.title.as_deref(), head.settings.rev), (3, Some("A title"), 2));
    assert_eq!(head.settings.settings.get("slow").and_then(|value| value.as_i64()), Some(5));
    let guarded = |guard_rev, text: &str| {
        let mut row = NewMessage::clone(&fresh(&a, text));
        row.guard_rev = guard_rev;
        Arc::new(row)
    };
    let changing = AppendOutcome::GuardChanged;
    let outcomes = store.append_batch(vec![guarded(0, "x"), fresh(&b, "y"), guarded(0, "z")]).await.expect("stored");
    assert_eq!((&outcomes[0], stored(&outcomes[1]).seq, &outcomes[2]), (&changing, 2, &changing));
    let newest = guarded(3, "in");
    let outcomes = store.append_batch(vec![guarded(2, "older"), Arc::clone(&newest)]).await.expect("stored");
    assert_eq!((&outcomes[0], stored(&outcomes[1]).seq), (&changing, 2));
    // Among repeats as well, which is the other statement.
    let outcomes = store.append_batch(vec![newest, guarded(3, "new"), fresh(&b, "z")]).await.expect("stored");
    assert_eq!((repeated(&outcomes[0]).seq, stored(&outcomes[1]).seq, stored(&outcomes[2]).seq), (2, 3, 3));
    let twice = guarded(1, "twice");
    let outcomes = store.append_batch(vec![Arc::clone(&twice), twice, fresh(&b, "w")]).await.expect("stored");
    assert_eq!((&outcomes[0], &outcomes[1], stored(&outcomes[2]).seq), (&changing, &changing, 4));
    assert_eq!(one(&store, edit(&a, ids[0], 1, "x")).await, ChangeOutcome::GuardChanged);
    let mut allowed = NewChange::clone(&edit(&a, ids[0], 1, "x"));
    allowed.guard_rev = 3;
    changed(&one(&store, Arc::new(allowed)).await);
    let Loaded { head, page, .. } = store.load(&a, 10).await.expect("loaded");
    assert_eq!((head.rev, head.message_count, page.messages.len()), (4, 3, 3));
}

async fn replies_and_mentions_are_stored_with_the_message(db: &Database) {
    let (store, room) = (db.ready().await, room("r"));
    let ids = written(&store, &room, 2).await;
    let other = written(&store, &crate::support::room("other"), 1).await[0];
    let with = |reply_to: Option<i64>, text: &str, names: &[&str]| {
        let mut row = NewMessage::clone(&fresh(&room, text));
        let asked = names.iter().zip((0..).step_by(2)).map(|(name, from)| Mention {
            author: AuthorId::from_stored(name),
            from,
            to: from + 1,
        });
        row.mentions = NewMentions::new(&row.content, asked, |author| author.as_str() == "here");
        row.reply_to = reply_to;
        Arc::new(row)
    };
    let replying = with(Some(ids[1]), "@ @ @", &["here", "nobody", "author"]);
    let batch = vec![
        fresh(&room, "plain"),
        Arc::clone(&replying),
        with(Some(other), "x", &[]),
        with(Some(999_999), "x", &[]),
        fresh(&room, "plain"),
    ];
    let outcomes = store.append_batch(batch).await.expect("stored");
    let AppendOutcome::Stored(told, Some(beside)) = &outcomes[1] else { panic!("{outcomes:?}") };
    assert_eq!(beside.reply_to, Some(MessageRef { id: ids[1], seq: 2 }));
    let named: Vec<_> = beside.mentions.iter().map(|mention| (mention.author.as_str(), mention.from)).collect();
    assert_eq!(named, [("here", 0), ("author", 4)], "the one that never wrote here is left out");
    assert_eq!(read(&store, &room, told.id).await.annotations.as_ref(), Some(beside));
    assert!(matches!((&outcomes[0], &outcomes[4]), (AppendOutcome::Stored(_, None), AppendOutcome::Stored(_, None))));
    assert_eq!((&outcomes[2], &outcomes[3]), (&AppendOutcome::InvalidReply, &AppendOutcome::InvalidReply));
    changed(&one(&store, delete(&room, ids[1], "author", false)).await);
    let outcomes = store.append_batch(vec![with(Some(ids[1]), "late", &[]), replying]).await.expect("stored");
    assert_eq!(outcomes[0], AppendOutcome::InvalidReply);
    assert_eq!(repeated(&outcomes[1]).id, told.id, "it was stored while there was something to answer");
}

async fn a_late_retry_of_what_was_changed_since_is_a_repeat(db: &Database) {
    let (store, room) = (db.ready().await, room("r"));
    let rows = many(&room, 2);
    let outcomes = store.append_batch(rows.clone()).await.expect("stored");
    let ids: Vec<i64> = outcomes.iter().map(|outcome| stored(outcome).id).collect();
    one(&store, edit(&room, ids[0], 1, "edited")).await;
    one(&store, delete(&room, ids[1], "author", false)).await;
    let again = store.append_batch(rows.clone()).await.expect("stored");
    assert_eq!(again.iter().map(|outcome| repeated(outcome).rev).collect::<Vec<_>>(), [3, 4]);
    // Alone and with other content: there is nothing to compare it with any more.
    let other = message(&room, "author", rows[0].client_id, "other");
    repeated(&store.append_batch(vec![other]).await.expect("stored")[0]);
}

async fn changes_are_told_once_in_their_last_state(db: &Database) {
    let (store, room) = (db.ready().await, room("r"));
    let mut ids = written(&store, &room, 30).await;
    let mut n: usize = 7;
    for round in 0..12 {
        let mut batch = Vec::new();
        for _ in 0..5 {
            n = (n * 31 + 11) % 9_973;
            let id = ids[n % ids.len()];
            batch.push(match n % 5 {
                0 => edit(&room, id, i32::try_from(n % 3).expect("a number") + 1, &format!("edit {n}")),
                1 | 2 => react(&room, id, &format!("author {}", n % 4), "👍", !n.is_multiple_of(3)),
                3 => pin(&room, id, !n.is_multiple_of(2)),
                _ => delete(&room, id, "author", false),
            });
        }
        store.change_batch(batch).await.expect("made");
        ids.extend(written(&store, &room, round % 3).await);
    }
    let Loaded { head, page, .. } = store.load(&room, 1_000).await.expect("loaded");
    let mut expected = page.messages.clone();
    expected.sort_by_key(|m| m.rev);
    for rev in [0, 1, 15, 29, 30, 31, 40, head.rev - 1, head.rev] {
        for limit in [1, 3, 1_000] {
            let (mut at, mut got) = (rev, Vec::new());
            loop {
                let changes = store.changes_since(&room, at, limit).await.expect("changes");
                assert!(changes.messages.len() <= limit && changes.head == head);
                got.extend(changes.messages);
                if !changes.truncated {
                    break;
                }
                at = got.last().expect("some").rev;
            }
            assert!(got.iter().eq(expected.iter().filter(|m| m.rev > rev)), "{rev} {limit}");
        }
    }
}

async fn pages_tell_their_moment_and_go_around_a_place(db: &Database) {
    let (store, room) = (db.ready().await, room("r"));
    let ids = written(&store, &room, 10).await;
    one(&store, edit(&room, ids[4], 1, "edited")).await;
    for (seq, limit, expected, has_more, has_newer) in [
        (5, 5, vec![3, 4, 5, 6, 7], true, true),
        (5, 20, (1..=10).collect::<Vec<_>>(), false, false),
        (1, 4, vec![1, 2], false, true),
        (10, 4, vec![8, 9, 10], true, false),
        (99, 4, vec![9, 10], true, false),
        (5, 1, vec![5], true, true),
    ] {
        let page = store.page(&room, PageCursor::Around(seq), limit).await.expect("a page");
        let seqs: Vec<i64> = page.messages.iter().map(|m| m.seq).collect();
        assert_eq!((seqs, page.has_more, page.has_newer), (expected, has_more, has_newer), "{seq} {limit}");
        assert_eq!((page.position.rev, page.position.epoch), (11, store.meta().await.expect("meta").epoch));
    }
}

async fn two_servers_that_edit_delete_and_react_agree(db: &Database) {
    let (one, two, room) = (db.ready().await, db.open(), room("r"));
    let ids = written(&one, &room, 60).await;
    let run = |store: Store, who: &'static str, ids: Vec<i64>| {
        let room = room.clone();
        async move {
            let mut outcomes = Vec::new();
            for part in ids.chunks(6) {
                let row = |id: &i64| match (who, id % 3) {
                    ("first", 0) => vec![edit(&room, *id, 1, "of the first")],
                    ("first", _) => vec![react(&room, *id, who, "👍", true), react(&room, *id, who, "🎉", true)],
                    (_, 2) => vec![react(&room, *id, who, "👍", true)],
                    _ => vec![delete(&room, *id, "author", false)],
                };
                outcomes.extend(store.change_batch(part.iter().flat_map(row).collect()).await.expect("made"));
                outcomes.extend(
                    store
                        .append_batch(many(&room, 1))
                        .await
                        .expect("stored")
                        .iter()
                        .map(|o| ChangeOutcome::Unchanged(stored(o))),
                );
            }
            outcomes
        }
    };
    let backwards = ids.iter().rev().copied().collect();
    let (first, second) = tokio::join!(run(one.clone(), "first", ids.clone()), run(two, "second", backwards));
    let mut revs: Vec<i64> = first
        .iter()
        .chain(&second)
        .filter_map(|outcome| match outcome {
            ChangeOutcome::Changed(_, change) => Some(change.rev()),
            ChangeOutcome::Unchanged(m) => Some(m.rev),
            ChangeOutcome::Rejected(ChangeRefusal::Deleted) => None,
            other => panic!("{other:?}"),
        })
        .collect();
    revs.sort_unstable();
    revs.dedup();
    let Loaded { head, page, .. } = one.load(&room, 1_000).await.expect("loaded");
    assert_eq!(revs, (61..=head.rev).collect::<Vec<_>>(), "each value once");
    let n_deleted = page.messages.iter().filter(|m| m.is_deleted()).count();
    assert_eq!((n_deleted, head.message_count), (40, 40));
    for m in page.messages.iter().filter(|m| m.is_deleted()) {
        assert_eq!(m.content.as_str(), "");
        assert!(m.annotations.as_ref().is_some_and(|a| a.reactions.is_empty()));
    }
    for id in ids.iter().filter(|id| *id % 3 == 2) {
        let sums = read(&one, &room, *id).await.annotations.expect("annotations").reactions;
        let total: i64 = sums.iter().map(|sum| sum.count).sum();
        assert_eq!((sums.len(), total), (2, 3), "no reaction is lost");
    }
}

async fn a_new_epoch_counts_what_is_left(db: &Database) {
    let (store, room) = (db.ready().await, room("r"));
    let ids = written(&store, &room, 5).await;
    one(&store, delete(&room, ids[2], "author", false)).await;
    execute(db, "UPDATE rooms SET message_count = 77").await;
    store.new_room_epoch(&room).await.expect("changed").expect("an epoch");
    assert_eq!(store.head(&room).await.expect("a head").message_count, 4);
    let head = store.head(&room).await.expect("a head");
    let newest = read(&store, &room, ids[4]).await;
    one(&store, edit(&room, ids[4], 1, "edited")).await;
    let known = chat_store::Known { epoch: head.epoch, rev: head.rev, newest: Some((5, newest.client_id)) };
    assert_eq!(store.check_history(&room, known).await, Ok(chat_store::HistoryCheck::Same));
}

/// A person at psql who holds one room's row.
#[tokio::test(flavor = "multi_thread")]
async fn changes_of_a_room_that_somebody_has_locked_wait_alone() {
    let (db, store) = Database::ready_postgres().await;
    let (a, b) = (room("a"), room("b"));
    let (of_a, of_b) = (written(&store, &a, 1).await[0], written(&store, &b, 1).await[0]);
    let holder = sql(&db.url, "BEGIN; SELECT * FROM rooms WHERE id = 'a' FOR UPDATE").await;
    let rows = vec![edit(&a, of_a, 1, "x"), edit(&b, of_b, 1, "y")];
    let first = store.change_batch(rows.clone()).await.expect("made");
    assert_eq!(first[0], ChangeOutcome::Locked);
    changed(&first[1]);
    let again = store.change_batch_again(rows.clone()).await.expect("made");
    assert!(matches!(&again[..], [ChangeOutcome::Locked, ChangeOutcome::Unchanged(_)]), "{again:?}");
    holder.batch_execute("ROLLBACK").await.expect("rolled back");
    changed(&store.change_batch_again(rows).await.expect("made")[0]);
}
