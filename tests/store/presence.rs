//! Who is in which room on which server, as servers without a bus tell each other.

use chat_domain::RoomId;
use chat_store::{OwnServer, PresenceFound, PresencePart, PresenceWrite, Renewal, ServerId, Store};

use crate::support::{Database, room, sql};

fn server(id: &str) -> OwnServer {
    OwnServer::new(ServerId::parse(id).expect("an id"), None)
}

async fn live(store: &Store, own: &OwnServer) {
    assert!(matches!(store.renew_lease(own, 0, 0).await, Ok(Renewal::Held(_))));
}

fn part(room: &RoomId, version: i64, summary: &str) -> PresencePart {
    PresencePart { room: room.clone(), version, summary: summary.to_owned() }
}

async fn write(store: &Store, server: &str, replaces_all: bool, said: Vec<PresencePart>, silent: Vec<RoomId>) {
    let write = PresenceWrite { server: server.to_owned(), replaces_all, said, silent };
    store.write_presence(write).await.expect("written");
}

async fn read(store: &Store, server: &str, wanted: &[&RoomId]) -> PresenceFound {
    store.read_presence(server, wanted.iter().map(|room| (*room).clone()).collect()).await.expect("read")
}

/// Each once: server, room, version.
fn parts(found: &PresenceFound) -> Vec<(&str, &str, i64)> {
    let mut parts: Vec<_> =
        found.parts.iter().map(|(server, part)| (server.as_str(), part.room.as_str(), part.version)).collect();
    parts.sort_unstable();
    parts.dedup();
    parts
}

/// As if it had been written a while ago.
async fn age(db: &Database) {
    sql(&db.url, "UPDATE presence SET changed_at = changed_at - interval '6 s'").await;
    sql(&db.url, "UPDATE servers SET started_at = started_at - interval '60 s'").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn others_read_what_is_recent_and_all_of_the_rooms_they_ask_for() {
    let (db, store) = Database::ready_postgres().await;
    let (one, other) = (server("one"), server("other"));
    live(&store, &one).await;
    live(&store, &other).await;
    let (a, b) = (room("a"), room("b"));
    assert!(!read(&store, "one", &[]).await.has_own_row);
    let odd = r#"quotes " and ' and $1 and \\ and 가 and \u0000"#;
    write(&store, "one", true, vec![part(&a, 1, odd), part(&b, 2, "{}")], vec![]).await;
    let found = read(&store, "other", &[]).await;
    assert_eq!(parts(&found), [("one", "a", 1), ("one", "b", 2)]);
    assert!(found.parts.iter().any(|(_, part)| part.summary == odd), "{found:?}");
    assert_eq!(found.living.iter().map(|(id, _)| id.as_str()).collect::<Vec<_>>(), ["one"]);
    assert!(!found.has_own_row, "it has said nothing yet");
    let own = read(&store, "one", &[&a]).await;
    assert!(own.has_own_row && own.parts.is_empty(), "nobody is told what they have said");
    age(&db).await;
    assert_eq!(parts(&read(&store, "other", &[]).await), []);
    assert_eq!(parts(&read(&store, "other", &[&b]).await), [("one", "b", 2)]);
    write(&store, "one", false, vec![part(&b, 3, "{}")], vec![a.clone()]).await;
    assert_eq!(parts(&read(&store, "other", &[&a]).await), [("one", "b", 3)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_server_said_counts_while_it_lives_and_not_in_its_next_life() {
    let (db, store) = Database::ready_postgres().await;
    let (one, a) = (server("one"), room("a"));
    live(&store, &one).await;
    live(&store, &server("other")).await;
    write(&store, "one", true, vec![part(&a, 1, "{}")], vec![]).await;
    let first_life = read(&store, "other", &[]).await.living;
    sql(&db.url, "UPDATE servers SET seen_at = now() - interval '6 s' WHERE id = 'one'").await;
    assert_eq!(read(&store, "other", &[&a]).await, PresenceFound::default(), "its lease is over");
    // Another process of the same name.
    live(&store, &server("one")).await;
    let found = read(&store, "other", &[&a]).await;
    assert!(found.parts.is_empty() && found.living.len() == 1, "{found:?}");
    assert_ne!(found.living, first_life);
    write(&store, "one", true, vec![part(&room("b"), 2, "{}")], vec![]).await;
    assert_eq!(parts(&read(&store, "other", &[&a]).await), [("one", "b", 2)], "it begins anew");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_stops_or_is_gone_leaves_nothing() {
    let (db, store) = Database::ready_postgres().await;
    let rows = async || {
        let client = sql(&db.url, "").await;
        let rows = client.query("SELECT DISTINCT server_id FROM presence ORDER BY 1", &[]).await.expect("rows");
        rows.iter().map(|row| row.get(0)).collect::<Vec<String>>()
    };
    let one = server("one");
    for own in [&one, &server("gone"), &server("here")] {
        live(&store, own).await;
        write(&store, own.id.as_str(), true, vec![part(&room("a"), 1, "{}")], vec![]).await;
    }
    store.end_lease(&server("here")).await.expect("no lease of this process");
    assert_eq!(rows().await, ["gone", "here", "one"]);
    store.end_lease(&one).await.expect("its end");
    assert_eq!(rows().await, ["gone", "here"]);
    sql(&db.url, "UPDATE servers SET seen_at = now() - interval '6 s' WHERE id = 'gone'").await;
    store.forget_dead_servers().await.expect("removed");
    assert_eq!(rows().await, ["here"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_was_emptied_is_noticed_and_is_not_logged() {
    let (db, store) = Database::ready_postgres().await;
    live(&store, &server("one")).await;
    write(&store, "one", true, vec![], vec![]).await;
    assert!(read(&store, "one", &[]).await.has_own_row);
    let client = sql(&db.url, "TRUNCATE presence").await;
    assert!(!read(&store, "one", &[]).await.has_own_row);
    let kind =
        client.query_one("SELECT relpersistence::text FROM pg_class WHERE oid = 'presence'::regclass", &[]).await;
    assert_eq!(kind.expect("the table").get::<_, String>(0), "u");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sqlite_file_has_nobody_elsewhere() {
    let store = Database::sqlite().ready().await;
    write(&store, "one", true, vec![part(&room("a"), 1, "{}")], vec![]).await;
    assert_eq!(read(&store, "other", &[&room("a")]).await, PresenceFound::default());
}
