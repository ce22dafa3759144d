//! Webhooks: who tells which room, how far one was told, and what becomes of one that fails.

use chat_domain::AuthorId;
use chat_store::{HookClaim, HookList, ListItem, NewDelivery, NewWebhook, Store, Webhook, WebhookFailed};
use chrono::TimeDelta;
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::support::{Database, many, room};

on_both!(
    a_room_is_told_by_one_at_a_time_from_where_it_was,
    another_life_of_a_room_begins_at_where_it_is,
    a_list_is_told_by_one_at_a_time_from_where_it_ended,
    of_many_tries_a_hundred_are_kept_and_of_several_failures_at_once_one_counts,
);

const HOLD: TimeDelta = TimeDelta::seconds(60);
const DAYS: TimeDelta = TimeDelta::days(3);

async fn hook(store: &Store, of: Option<&str>) -> Uuid {
    let id = Uuid::now_v7();
    let (url, by) = ("https://hooks.example/".to_owned(), AuthorId::from_stored("owner"));
    let new = NewWebhook { id, url, events: 7, room: of.map(room), lists: HookList::ALL.to_vec(), by };
    assert!(store.add_webhook(new).await.expect("an answer"));
    id
}

async fn write(store: &Store, name: &str, n: usize) {
    store.append_batch(many(&room(name), n)).await.expect("stored");
}

async fn behind(store: &Store, hook: Uuid) -> Vec<String> {
    let rooms = store.rooms_to_tell(hook, None, 10).await.expect("rooms");
    let mut names: Vec<_> = rooms.iter().map(|room| room.as_str().to_owned()).collect();
    names.sort();
    names
}

async fn claim(store: &Store, hook: Uuid, name: &str) -> Option<HookClaim> {
    store.claim_hook(hook, room(name), HOLD).await.expect("an answer")
}

async fn seen(store: &Store) -> Webhook {
    store.webhooks().await.expect("webhooks").pop().expect("one")
}

async fn a_room_is_told_by_one_at_a_time_from_where_it_was(db: &Database) {
    let store = db.ready().await;
    write(&store, "old", 3).await;
    let hook = hook(&store, None).await;
    assert_eq!(behind(&store, hook).await, Vec::<String>::new(), "what was before is not told");
    write(&store, "old", 2).await;
    write(&store, "new", 1).await;
    assert_eq!(behind(&store, hook).await, ["new", "old"]);
    // Of many servers that would tell it one does.
    let servers: Vec<_> = (0..if db.is_sqlite() { 1 } else { 3 }).map(|_| db.open()).collect();
    let mut asking = JoinSet::new();
    for n in 0..12 {
        let store = servers.get(n % servers.len()).unwrap_or(&store).clone();
        asking.spawn(async move { claim(&store, hook, "old").await });
    }
    let claims: Vec<_> = asking.join_all().await.into_iter().flatten().collect();
    let [first] = &claims[..] else { panic!("{claims:?}") };
    assert_eq!(first.rev, 3);
    assert_eq!(behind(&store, hook).await, ["new"], "somebody tells it");
    let fresh_room = claim(&store, hook, "new").await.expect("free");
    assert_eq!(fresh_room.rev, 0, "all of a new room is told");
    let next = store.told(first.clone(), 4, HOLD).await.expect("an answer").expect("still ours");
    assert_eq!(next.rev, 4);
    // Whoever lost it, because they slept, does not move it.
    assert_eq!(store.told(first.clone(), 5, HOLD).await.expect("an answer"), None);
    store.told(next, 4, TimeDelta::zero()).await.expect("an answer").expect("ours to the end");
    assert_eq!(behind(&store, hook).await, ["old"]);
    assert_eq!(claim(&store, hook, "old").await.expect("free again").rev, 4);
    assert!(store.remove_webhook(hook, AuthorId::from_stored("owner")).await.expect("an answer"));
    assert_eq!(claim(&store, hook, "new").await, None);
    assert!(!store.remove_webhook(hook, AuthorId::from_stored("owner")).await.expect("an answer"));
}

async fn another_life_of_a_room_begins_at_where_it_is(db: &Database) {
    let store = db.ready().await;
    write(&store, "post", 3).await;
    let hook = hook(&store, Some("post")).await;
    write(&store, "post", 2).await;
    let epoch = store.new_room_epoch(&room("post")).await.expect("an answer").expect("a room");
    let found = claim(&store, hook, "post").await.expect("free");
    assert_eq!((found.rev, found.epoch), (5, epoch), "what was told is no more, and what is there is not told anew");
}

async fn deed(db: &Database, settings_rev: i64) {
    db.run(&format!(
        "INSERT INTO audit_log (room_id, actor, action, target, after) VALUES ('post', 'owner', 'room_set', 'null', '{settings_rev}')"
    ))
    .await;
}

async fn a_list_is_told_by_one_at_a_time_from_where_it_ended(db: &Database) {
    let store = db.ready().await;
    deed(db, 1).await;
    let hook = hook(&store, None).await;
    // That the webhook was made is a deed as well, behind where it begins.
    assert_eq!(store.lists_to_tell(hook).await, Ok(vec![HookList::Deeds]));
    deed(db, 2).await;
    let claim = store.claim_list(hook, HookList::Deeds, HOLD).await.expect("an answer").expect("free");
    assert_eq!(store.claim_list(hook, HookList::Deeds, HOLD).await, Ok(None), "somebody tells it");
    assert_eq!(store.lists_to_tell(hook).await, Ok(vec![]));
    let entries = store.list_entries(HookList::Deeds, claim.position, 10).await.expect("entries");
    let said = |item: &Option<ListItem>| match item {
        Some(ListItem::Deed(deed)) => deed.action.clone(),
        other => panic!("{other:?}"),
    };
    let actions: Vec<_> = entries.iter().map(|entry| said(&entry.item)).collect();
    assert_eq!(actions, ["webhook_made", "room_set"], "what was before is not told");
    let next = store.list_told(claim.clone(), entries[0].id, HOLD).await.expect("an answer").expect("still ours");
    // Whoever lost it, because they slept, does not move it.
    assert_eq!(store.list_told(claim, entries[1].id, HOLD).await, Ok(None));
    store.list_told(next, entries[0].id, TimeDelta::zero()).await.expect("an answer").expect("ours to the end");
    let again = store.claim_list(hook, HookList::Deeds, HOLD).await.expect("an answer").expect("free again");
    assert_eq!(store.list_entries(HookList::Deeds, again.position, 10).await, Ok(entries[1..].to_vec()));
    // On PostgreSQL one that is not there yet may still come, from whoever is not through; SQLite has one writer.
    db.run("DELETE FROM audit_log WHERE action = 'webhook_made'").await;
    let behind = store.list_entries(HookList::Deeds, entries[0].id - 1, 10).await.expect("entries");
    assert_eq!(behind.len(), usize::from(db.is_sqlite()));
    assert!(store.remove_webhook(hook, AuthorId::from_stored("owner")).await.expect("an answer"));
    assert_eq!(store.claim_list(hook, HookList::Reports, HOLD).await, Ok(None));
}

fn tried(hook: Uuid, status: u16) -> NewDelivery {
    NewDelivery {
        hook,
        webhook_id: "msg_1".into(),
        event: "message.created",
        room: Some(room("post")),
        message: Some(1),
        rev: Some(1),
        entry: Some((HookList::Reports, 3)),
        status: Some(status),
        error: None,
        millis: 5,
    }
}

async fn of_many_tries_a_hundred_are_kept_and_of_several_failures_at_once_one_counts(db: &Database) {
    let store = db.ready().await;
    let hook = hook(&store, None).await;
    let wait = TimeDelta::seconds(5);
    for _ in 0..3 {
        let failed = store.webhook_failed(tried(hook, 500), (0, wait, DAYS)).await.expect("an answer");
        assert_eq!(failed, WebhookFailed::Waits);
    }
    let failing = seen(&store).await;
    assert!(failing.waits && failing.tries == 1 && failing.failing_since.is_some(), "{failing:?}");
    store.webhook_went_well(tried(hook, 204)).await.expect("noted");
    let well = seen(&store).await;
    assert!(well.tries == 0 && well.failing_since.is_none(), "{well:?}");
    for n in 0..120 {
        store.note_delivery(tried(hook, 200 + n)).await.expect("noted");
    }
    let log = store.deliveries(hook, None, 1_000).await.expect("tries");
    assert_eq!((log.len(), log[0].status), (100, Some(319)));
    assert_eq!(log[0].entry, Some((HookList::Reports, 3)));
    let one = store.deliveries(hook, Some(log[5].id), 1).await.expect("tries");
    assert_eq!(one, log[5..6]);
    // Once it goes on for long enough it is off, and nobody tells it.
    assert_eq!(store.webhook_failed(tried(hook, 500), (0, wait, DAYS)).await, Ok(WebhookFailed::Waits));
    let off = store.webhook_failed(tried(hook, 500), (1, wait, TimeDelta::zero())).await;
    assert_eq!(off, Ok(WebhookFailed::Off));
    write(&store, "post", 1).await;
    assert!(seen(&store).await.off_at.is_some());
    assert_eq!(claim(&store, hook, "post").await, None);
    assert!(store.wake_webhook(hook).await.expect("an answer"));
    assert!(claim(&store, hook, "post").await.is_some());
}
