//! Migrations, the shared row, epochs, and who may open a file.

use std::{collections::BTreeSet, sync::Arc};

use chat_store::{HistoryCheck, Known, RoomHead, Store, StoreError, StoreSettings};

use crate::support::{Database, fresh, many, open, room, settings, someone_waits, sql, stored};

on_both!(
    servers_that_start_together_share_one_schema_and_one_secret,
    migrating_again_does_nothing,
    without_migrations_nothing_works_and_nothing_is_retried,
    a_new_epoch_changes_every_room,
    no_room_is_made_with_the_old_epoch,
    heads_are_of_one_moment,
    a_room_whose_history_was_replaced_gets_one_new_epoch,
    a_new_epoch_of_one_room_is_for_that_room_only,
    a_write_on_trial_stores_nothing,
);

async fn servers_that_start_together_share_one_schema_and_one_secret(db: &Database) {
    let (mut applied, mut metas) = (Vec::new(), Vec::new());
    for (names, meta) in db.start_together(5).await {
        applied.extend(names);
        metas.push(meta);
    }
    let distinct: BTreeSet<&String> = applied.iter().collect();
    assert!(!applied.is_empty() && distinct.len() == applied.len(), "each is applied once: {applied:?}");
    assert!(applied.iter().any(|name| name.ends_with("_create_chat")), "{applied:?}");
    let first = metas.first().expect("a meta");
    assert_eq!(first.secret.len(), 32);
    assert!(metas.iter().all(|meta| meta == first));
    assert!(!format!("{first:?}").contains("secret:"), "{first:?}");
}

async fn migrating_again_does_nothing(db: &Database) {
    let store = db.open();
    assert_eq!(store.schema_current().await, Ok(false));
    assert_ne!(store.migrate().await.expect("migrations"), Vec::<String>::new());
    assert_eq!(store.schema_current().await, Ok(true));
    let meta = store.meta().await;
    assert_eq!(store.migrate().await, Ok(Vec::new()));
    assert_eq!(store.meta().await, meta);
    assert_eq!(db.open().migrate().await, Ok(Vec::new()));
}

async fn without_migrations_nothing_works_and_nothing_is_retried(db: &Database) {
    let store = db.open();
    let room = room("r");
    assert!(matches!(store.meta().await, Err(StoreError::Broken(_))));
    assert!(matches!(store.head(&room).await, Err(StoreError::Broken(_))));
    assert!(matches!(store.append_batch(vec![fresh(&room, "x")]).await, Err(StoreError::Broken(_))));
    assert!(store.ping().await.is_ok());
}

async fn a_new_epoch_changes_every_room(db: &Database) {
    let (store, other) = (db.ready().await, db.open());
    let (a, b) = (room("a"), room("b"));
    store.append_batch(vec![fresh(&a, "x"), fresh(&b, "y")]).await.expect("stored");
    let old = store.meta().await.expect("meta");
    let new = other.new_epoch().await.expect("a new epoch");
    assert_ne!(new, old.epoch);
    let meta = store.meta().await.expect("meta");
    assert_eq!((meta.epoch, &meta.secret), (new, &old.secret), "the identities stay");
    for room in [a.clone(), b, room("c")] {
        assert_eq!(store.head(&room).await.expect("a head").epoch, new);
    }
    let heads = store.heads(vec![a.clone()]).await.expect("heads");
    assert_eq!(
        (heads.meta_epoch, heads.rooms),
        (new, vec![(a.clone(), RoomHead { epoch: new, rev: 1, guard_rev: 0, first_seq: 0 })]),
        "the counter stays"
    );
    let outcomes = store.append_batch(many(&a, 1)).await.expect("stored");
    assert_eq!(stored(&outcomes[0]).epoch, new);
}

async fn no_room_is_made_with_the_old_epoch(db: &Database) {
    let (store, other) = (db.ready().await, db.open());
    let writer = store.clone();
    let writing = tokio::spawn(async move {
        for i in 0..300 {
            writer.append_batch(vec![fresh(&room(&format!("r{i}")), "x")]).await.expect("stored");
        }
    });
    while !writing.is_finished() {
        other.new_epoch().await.expect("a new epoch");
    }
    writing.await.expect("the writer");
    let rooms = (0..300).map(|i| room(&format!("r{i}"))).collect();
    let heads = store.heads(rooms).await.expect("heads");
    assert_eq!(heads.rooms.len(), 300);
    assert!(heads.rooms.iter().all(|(_, head)| head.epoch == heads.meta_epoch));
}

async fn heads_are_of_one_moment(db: &Database) {
    let (store, other) = (db.ready().await, db.open());
    let rooms: Vec<_> = (0..20).map(|i| room(&format!("r{i}"))).collect();
    store.append_batch(rooms.iter().map(|room| fresh(room, "x")).collect()).await.expect("stored");
    let changing = tokio::spawn(async move {
        for _ in 0..60 {
            other.new_epoch().await.expect("a new epoch");
        }
    });
    while !changing.is_finished() {
        let heads = store.heads(rooms.clone()).await.expect("heads");
        assert!(heads.rooms.iter().all(|(_, head)| head.epoch == heads.meta_epoch));
    }
    changing.await.expect("the changes");
}

async fn a_room_whose_history_was_replaced_gets_one_new_epoch(db: &Database) {
    let (store, other) = (db.ready().await, db.open());
    other.schema_current().await.expect("a connection");
    let room = room("r");
    let batch = many(&room, 10);
    let key = batch.last().expect("a message").client_id;
    store.append_batch(batch).await.expect("stored");
    let epoch = store.head(&room).await.expect("a head").epoch;
    let known = Known { epoch, rev: 10, newest: Some((10, key)) };
    // What the database has, or had, or has more of, is no other history.
    let (older, ahead) =
        (Known { rev: 3, newest: None, ..known }, Known { rev: 0, newest: Some((4_000, key)), ..known });
    for known in [known, older, ahead] {
        assert_eq!(store.check_history(&room, known).await, Ok(HistoryCheck::Same), "{known:?}");
    }
    assert_eq!(store.head(&room).await.expect("a head").epoch, epoch);

    // Of two that know more one gives the epoch, and both know it then.
    let more = Known { rev: 60, newest: Some((60, key)), ..known };
    let (one, two) = tokio::join!(store.check_history(&room, more), other.check_history(&room, more));
    let new = store.head(&room).await.expect("a head");
    assert_ne!(new.epoch, epoch);
    assert_eq!((new.rev, new.message_count), (10, 10), "the counter stays");
    let mut found = [one.expect("an answer"), two.expect("an answer")];
    found.sort_by_key(|found| matches!(found, HistoryCheck::OtherEpoch(_)));
    assert_eq!(found, [HistoryCheck::Replaced(new.epoch), HistoryCheck::OtherEpoch(new.epoch)]);

    // Another message in the place of one that was shown.
    let other_key = Known { epoch: new.epoch, rev: 10, newest: Some((9, key)) };
    assert!(matches!(store.check_history(&room, other_key).await, Ok(HistoryCheck::Replaced(_))));

    // A room that the database has no more, and one that it never had.
    let (gone, meta) = (crate::support::room("gone"), store.meta().await.expect("meta"));
    let known = Known { epoch: meta.epoch, rev: 5, newest: Some((5, key)) };
    let check = store.check_history(&gone, Known { rev: 0, newest: None, ..known }).await;
    assert_eq!(check, Ok(HistoryCheck::Same), "an empty room has no row");
    let Ok(HistoryCheck::Replaced(new)) = store.check_history(&gone, known).await else { panic!("it is gone") };
    assert_eq!(store.head(&gone).await.expect("a head").epoch, new);
    assert_eq!(store.check_history(&gone, known).await, Ok(HistoryCheck::OtherEpoch(new)));
    let outcomes = store.append_batch(many(&gone, 1)).await.expect("stored");
    let first = stored(&outcomes[0]);
    assert_eq!((first.seq, first.epoch), (1, new));
}

async fn a_new_epoch_of_one_room_is_for_that_room_only(db: &Database) {
    let store = db.ready().await;
    let (a, b) = (room("a"), room("b"));
    store.append_batch(vec![fresh(&a, "x"), fresh(&b, "y")]).await.expect("stored");
    let (old, meta) = (store.head(&b).await.expect("a head").epoch, store.meta().await);
    let new = store.new_room_epoch(&a).await.expect("an answer").expect("a row");
    let head = store.head(&a).await.expect("a head");
    assert_eq!((head.epoch, head.rev, head.message_count), (new, 1, 1));
    assert_eq!(store.head(&b).await.expect("a head").epoch, old);
    assert_eq!(store.meta().await, meta);
    assert_eq!(store.new_room_epoch(&room("unused")).await, Ok(None));
}

async fn a_write_on_trial_stores_nothing(db: &Database) {
    let store = db.ready().await;
    let (known, unknown) = (room("known"), room("unknown"));
    let first = fresh(&known, "x");
    store.append_batch(vec![Arc::clone(&first)]).await.expect("stored");
    let before = (store.head(&known).await, store.meta().await);
    store.probe_write(vec![fresh(&known, "y"), fresh(&unknown, "z")]).await.expect("it would be stored");
    store.probe_write(vec![first]).await.expect("it was stored before");
    assert_eq!((store.head(&known).await, store.meta().await), before);
    assert_eq!(store.head(&unknown).await.expect("a head").rev, 0);
    let outcomes = store.append_batch(many(&known, 1)).await.expect("stored");
    assert_eq!(stored(&outcomes[0]).seq, 2, "no number was given out");
}

/// The same, with a server that is stopped at the worst moment.
#[tokio::test(flavor = "multi_thread")]
async fn a_new_epoch_waits_for_a_room_that_is_being_made() {
    let (db, store) = Database::ready_postgres().await;
    let making = sql(&db.url, "BEGIN; INSERT INTO rooms (id, epoch, last_rev) SELECT 'r', epoch, 1 FROM meta").await;
    let changer = store.clone();
    let changing = tokio::spawn(async move { changer.new_epoch().await });
    let watching = sql(&db.url, "").await;
    while !changing.is_finished() && !someone_waits(&watching).await {}
    making.batch_execute("COMMIT").await.expect("committed");
    let epoch = changing.await.expect("a task").expect("a new epoch");
    assert_eq!(store.head(&room("r")).await.expect("a head").epoch, epoch);
}

#[tokio::test]
async fn a_sqlite_file_belongs_to_one_server() {
    let db = Database::sqlite();
    let exclusive = StoreSettings { exclusive: true, ..settings() };
    let open = || Store::new(&db.parsed_url(), &exclusive);
    let first = open().expect("a store");
    first.migrate().await.expect("migrations");
    let refused = open().map(|_| ()).expect_err("a second server");
    assert!(matches!(&refused, StoreError::Locked(path) if path.ends_with("data/chat.db")), "{refused:?}");
    let clone = first.clone();
    drop(first);
    assert!(open().is_err(), "a clone is the same store");
    drop(clone);
    // What the store still had to finish ends by itself.
    while open().is_err() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_role_that_may_not_create_tables_can_serve() {
    let db = Database::postgres().await;
    db.ready().await;
    let role = format!("r{}", uuid::Uuid::new_v4().simple());
    let rights = format!(
        "CREATE ROLE {role} LOGIN PASSWORD 'pw'; REVOKE CREATE ON SCHEMA public FROM PUBLIC;
         GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA public TO {role};
         GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {role}"
    );
    let admin = sql(&db.url, &rights).await;
    let (_, server) = db.url.split_once('@').expect("a URL with a user");
    let store = open(&format!("postgres://{role}:pw@{server}"), &settings());
    assert_eq!(store.migrate().await, Ok(Vec::new()));
    let room = room("r");
    assert_eq!(store.append_batch(many(&room, 1)).await.expect("stored").len(), 1);
    assert_eq!(store.head(&room).await.expect("a head").rev, 1);
    drop(store);
    admin.batch_execute(&format!("DROP OWNED BY {role} CASCADE; DROP ROLE {role}")).await.expect("dropped");
}
