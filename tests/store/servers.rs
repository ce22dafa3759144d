//! The leases of servers on one database.

use chat_store::{LivingServer, OwnServer, Renewal, ServerId, Store};

use crate::support::{Database, sql};

fn server(id: &str, url: Option<&str>) -> OwnServer {
    OwnServer::new(ServerId::parse(id).expect("an id"), url.map(str::to_owned))
}

#[track_caller]
fn held(renewal: Renewal) -> Vec<LivingServer> {
    match renewal {
        Renewal::Held(others) => others,
        Renewal::Taken(other) => panic!("taken by {other:?}"),
    }
}

fn ids(servers: &[LivingServer]) -> Vec<&str> {
    servers.iter().map(|server| server.id.as_str()).collect()
}

async fn renew(store: &Store, own: &OwnServer) -> Renewal {
    store.renew_lease(own, 3, 2).await.expect("a renewal")
}

/// As if it had not been renewed for a while.
async fn fall_silent(db: &Database, id: &str, seconds: u32) {
    sql(&db.url, &format!("UPDATE servers SET seen_at = now() - interval '{seconds} s' WHERE id = '{id}'")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_see_each_other_with_what_they_understand() {
    let db = Database::postgres().await;
    let (a, b) = (db.ready().await, db.open());
    let (one, other) = (server("one", None), server("other", Some("http://10.0.0.5:8080")));
    assert_eq!(held(renew(&a, &one).await), []);
    let seen = held(renew(&b, &other).await);
    assert_eq!(ids(&seen), ["one"]);
    let seen = held(renew(&a, &one).await);
    let [seen] = &seen[..] else { panic!("{seen:?}") };
    assert_eq!((seen.id.as_str(), seen.url.as_deref()), ("other", Some("http://10.0.0.5:8080")));
    assert_eq!((seen.n_sessions, seen.n_rooms, seen.version.as_str()), (3, 2, env!("CARGO_PKG_VERSION")));
    assert_eq!(
        seen.features,
        ["messages", "changes", "moderation", "held", "keeping", "aliases", "devices", "archive"]
    );
    assert!(seen.started_at <= seen.seen_at);
    let living = b.living_servers().await.expect("the servers");
    assert_eq!(ids(&living), ["one", "other"]);
    let started_at = living[0].started_at;
    held(renew(&a, &one).await);
    assert_eq!(b.living_servers().await.expect("the servers")[0].started_at, started_at, "a renewal is no start");

    fall_silent(&db, "other", 5).await;
    assert_eq!(held(renew(&a, &one).await), [], "after 5 s it is gone");
    assert_eq!(ids(&held(renew(&b, &other).await)), ["one"], "it comes back with its next renewal");
    b.end_lease(&other).await.expect("its end");
    assert_eq!(held(renew(&a, &one).await), [], "who stops quietly is gone at once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_belongs_to_one_process() {
    let db = Database::postgres().await;
    let (a, b) = (db.ready().await, db.open());
    let (first, second) = (server("chat-0", Some("http://first")), server("chat-0", None));
    held(renew(&a, &first).await);
    let Renewal::Taken(holder) = renew(&b, &second).await else { panic!("two servers of one name") };
    assert_eq!((holder.id.as_str(), holder.url.as_deref()), ("chat-0", Some("http://first")));
    b.end_lease(&second).await.expect("no lease of its own");
    assert_eq!(ids(&a.living_servers().await.expect("the servers")), ["chat-0"], "the first one's stays");

    fall_silent(&db, "chat-0", 6).await;
    assert_eq!(held(renew(&b, &second).await), [], "a server that comes back after a crash");
    let Renewal::Taken(holder) = renew(&a, &first).await else { panic!("two servers of one name") };
    assert_eq!(holder.url, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_of_servers_that_are_long_gone_are_removed() {
    let (db, store) = Database::ready_postgres().await;
    for id in ["long-gone", "gone", "here"] {
        held(renew(&store, &server(id, None)).await);
    }
    fall_silent(&db, "long-gone", 601).await;
    fall_silent(&db, "gone", 60).await;
    store.forget_dead_servers().await.expect("removed");
    let client = sql(&db.url, "").await;
    let rows = client.query("SELECT id FROM servers ORDER BY id", &[]).await.expect("rows");
    assert_eq!(rows.iter().map(|row| row.get::<_, String>(0)).collect::<Vec<_>>(), ["gone", "here"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sqlite_file_has_one_server_and_no_leases() {
    let db = Database::sqlite();
    let store = db.ready().await;
    assert_eq!(held(renew(&store, &server("one", None)).await), []);
    assert_eq!(store.living_servers().await, Ok(Vec::new()));
    store.end_lease(&server("one", None)).await.expect("nothing to end");
}
