//! Who is here.

use std::time::{Duration, Instant};

use chat_wire::{PresencePayload, ServerFrame};

use crate::support::{Client, Database, Server, Who, soon};

on_both!(identities_are_counted_and_authors_listed, above_fifty_people_there_is_only_a_count);

fn names(authors: &Option<Vec<chat_wire::AuthorPayload<'_>>>) -> Vec<String> {
    let mut names: Vec<_> = authors.iter().flatten().map(|a| a.nickname.to_string()).collect();
    names.sort();
    names
}

async fn identities_are_counted_and_authors_listed(database: &Database) {
    let server = Server::start(database).await;
    let mut watcher = Client::reader(&server, "post").await;
    let who = Who::named("two tabs");
    let (tab, welcome) = Client::join(&server, "post", who.clone()).await;
    assert_eq!((welcome.head.presence.count, names(&welcome.head.presence.members)), (2, vec!["two tabs".to_owned()]));
    let (other_tab, welcome) = Client::join(&server, "post", who).await;
    assert_eq!(welcome.head.presence.count, 2, "two tabs of one person");
    let friend = Client::author(&server, "post", "a friend").await;
    let elsewhere = Client::author(&server, "other post", "elsewhere").await;
    let is = |count: usize, members: &'static [&'static str]| {
        move |p: &PresencePayload<'static>| p.count == count && names(&p.members) == members
    };
    watcher.presence("three people, two names", is(3, &["a friend", "two tabs"])).await;
    let members = server.json("/api/v1/rooms/post/members").await;
    assert_eq!((members["count"].as_u64(), members["members"].as_array().map(Vec::len)), (Some(3), Some(2)));
    let info = server.json("/api/v1/rooms/post").await;
    assert_eq!((info["presence"]["count"].as_u64(), &info["presence"]["joined"]), (Some(3), &serde_json::json!([])));

    other_tab.leave().await;
    friend.leave().await;
    watcher.presence("one who left", is(2, &["two tabs"])).await;
    drop(tab);
    watcher.presence("one who hung up", is(1, &[])).await;
    drop(elsewhere);
    watcher.leave().await;
    soon("the room to be empty", async || server.json("/api/v1/rooms/post/members").await["count"] == 0).await;
}

/// One person watches while others come, go and reload. Takes as long as notices take, which is no setting.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn comings_and_goings_are_told_after_five_seconds_and_a_reload_is_none() {
    const TOLD_AFTER: Duration = Duration::from_millis(4_900);
    let (_database, server) = Server::alone(&[]).await;
    let mut watcher = Client::reader(&server, "post").await;
    let came = Instant::now();
    let leaver = Client::author(&server, "post", "leaver").await;
    let reloader = Client::author(&server, "post", "reloader").await;
    let (mut joined, mut left) = (Vec::new(), Vec::new());
    let mut heard = 0.0;
    let mut watch = async |what: &str, until: &mut dyn FnMut(&[String], &[String]) -> bool| {
        while !until(&joined, &left) {
            if let ServerFrame::Presence(presence) = watcher.frame(what).await {
                heard += 1.0;
                joined.extend(names(&presence.joined));
                left.extend(names(&presence.left));
            }
        }
    };
    watch("two people to be announced", &mut |joined, _| joined.len() >= 2).await;
    assert!(came.elapsed() >= TOLD_AFTER, "told after {:?}", came.elapsed());
    // One goes, one reloads, and one comes.
    // Taken before: the server may know of it long before a busy machine lets this test go on.
    let went = Instant::now();
    leaver.leave().await;
    let who = reloader.who.clone();
    reloader.leave().await;
    let (_reloader, _) = Client::join(&server, "post", who).await;
    let _newcomer = Client::author(&server, "post", "newcomer").await;
    watch("one gone and one come", &mut |joined, left| joined.len() >= 3 && !left.is_empty()).await;
    assert!(went.elapsed() >= TOLD_AFTER, "told after {:?}", went.elapsed());
    joined.sort();
    assert_eq!((joined.join(", "), left.join(", ")), ("leaver, newcomer, reloader".into(), "leaver".into()));
    // At most one a second, counted over all the time, since a busy machine may read two at once.
    let seconds = came.elapsed().as_secs_f64();
    assert!(heard <= seconds + 1.0, "{heard} in {seconds} s");
}

async fn above_fifty_people_there_is_only_a_count(database: &Database) {
    let server = Server::with(database, &[("CHAT_RATE_LIMITS", "off")]).await;
    let mut crowd = Client::authors(&server, "post", 50).await;
    crowd[0].presence("fifty names", |p| p.count == 50 && names(&p.members).len() == 50).await;
    let (last, welcome) = Client::join(&server, "post", Who::named("one more")).await;
    let only_count = PresencePayload { count: 51, approximate: false, members: None, joined: None, left: None };
    assert_eq!(welcome.head.presence, only_count);
    assert_eq!(crowd[0].presence("the count", |p| p.count == 51).await, only_count);
    let members = server.json("/api/v1/rooms/post/members").await;
    assert_eq!((members["count"].as_u64(), members["members"].as_array().map(Vec::len)), (Some(51), Some(51)));
    assert_eq!(server.json("/api/v1/rooms/post").await["presence"], serde_json::json!({"count": 51}));
    last.leave().await;
    crowd[0].presence("the names again", |p| p.count == 50 && names(&p.members).len() == 50).await;
}
