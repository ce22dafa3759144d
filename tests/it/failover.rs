//! Another server takes the messages: with several hosts in the URL, with a standby that is promoted, and with an old
//! server that stays alive.

use std::sync::Arc;

use chat_domain::{Author, AuthorId, AvatarName, Content, NewMentions, NewMessage, Nickname, RoomId};
use chat_store::{DatabaseUrl, Store, StoreError, StoreSettings};
use serde_json::Value;
use uuid::Uuid;

use crate::support::{Client, Database, Proxy, Server, admin_url, cluster::Cluster, soon, sql};

/// Sends until it is acknowledged; tells the counter.
async fn say(writer: &mut Client, content: &str) -> i64 {
    writer.say_again(Uuid::new_v4(), content).await.rev
}

async fn history(server: &Server, room: &str) -> Vec<String> {
    let page: Value = server.json(&format!("/api/v1/rooms/{room}/messages")).await;
    let messages = page["messages"].as_array().cloned().unwrap_or_default();
    messages.iter().map(|m| m["content"].as_str().unwrap_or_default().to_owned()).collect()
}

const EAGER: [(&str, &str); 3] =
    [("CHAT_POLL_SECS", "0.2"), ("CHAT_RATE_LIMITS", "off"), ("CHAT_STORE_WAIT_SECS", "3")];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_old_server_that_stays_alive_is_left_by_everybody() {
    let old = Cluster::start().await;
    let wire = Proxy::to(old.address).await;
    let url = Cluster::url_of(&[&old]).replace(&old.address.to_string(), &wire.address.to_string());
    let (one, two) = (Server::launch(&url, &EAGER).await, Server::launch(&url, &EAGER).await);
    one.ready().await;
    two.ready().await;
    let new = old.standby().await;
    let mut writer = Client::author(&one, "post", "writer").await;
    let (mut near, mut far) = (Client::reader(&one, "post").await, Client::reader(&two, "post").await);
    let mut elsewhere = Client::author(&two, "elsewhere", "writer").await;
    let rev = say(&mut writer, "before").await;
    say(&mut elsewhere, "before").await;
    near.reach(rev).await;
    far.reach(rev).await;
    // Every reading connection there may be is open, so that each could be the one that stays behind.
    for _ in 0..20 {
        assert_eq!((history(&one, "post").await, history(&two, "post").await).0, ["before"]);
    }

    old.is_followed_by(&new).await;
    new.promote().await;
    wire.lead_to(new.address);
    old.fence().await;

    let rev = say(&mut writer, "after").await;
    near.reach(rev).await;
    far.reach(rev).await;
    for server in [&one, &two] {
        let is_there = async || history(server, "post").await == ["before", "after"];
        soon("the history to have what was acknowledged", is_there).await;
        soon("/healthz to be green", async || server.get("/healthz").await.status() == 200).await;
        assert_eq!(server.get("/readyz").await.status(), 200);
        // Whoever comes now: no old connection answers any more.
        for _ in 0..20 {
            assert_eq!(history(server, "post").await, ["before", "after"]);
            let late = Client::reader(server, "post").await;
            assert_eq!(late.history.contents(), ["before", "after"]);
        }
    }
    say(&mut elsewhere, "after").await;
    assert_eq!(history(&one, "elsewhere").await, ["before", "after"]);
    let stored = "SELECT count(*)::text FROM messages";
    assert_eq!((new.text(stored).await, old.text(stored).await), ("4".into(), "2".into()));
    let left = "SELECT count(*)::text FROM pg_stat_activity WHERE application_name = 'realtime-chat'";
    soon("the last connection to the old server to end", async || {
        history(&one, "post").await;
        history(&two, "post").await;
        old.text(left).await == "0"
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_several_hosts_the_one_that_takes_messages_is_used_and_a_lone_standby_is_waited_for() {
    let primary = Cluster::start().await;
    let standby = primary.standby().await;
    let server = Server::ready_at(&Cluster::url_of(&[&standby, &primary]), &EAGER).await;
    assert_eq!(server.get("/readyz").await.status(), 200);
    let mut writer = Client::author(&server, "post", "writer").await;
    let mut reader = Client::reader(&server, "post").await;
    let rev = writer.say("the standby is named first").await.rev;
    reader.reach(rev).await;
    assert_eq!(history(&server, "post").await, ["the standby is named first"]);
    let used = "SELECT count(*)::text FROM pg_stat_activity WHERE application_name = 'realtime-chat'";
    assert_eq!(standby.text(used).await, "0", "readers are where the writer is");

    // A server that has only a standby, schema and all.
    primary.is_followed_by(&standby).await;
    let lone = Server::launch(&Cluster::url_of(&[&standby]), &EAGER).await;
    lone.logs("it can only be read").await;
    assert_eq!(lone.get("/readyz").await.status(), 503);
    assert_eq!(lone.get("/livez").await.status(), 200);
    assert_ne!(lone.get("/healthz").await.status(), 200);

    drop(primary);
    standby.promote().await;
    lone.ready().await;
    assert_eq!(lone.get("/readyz").await.status(), 200);
    let rev = say(&mut writer, "and now it is alone").await;
    reader.reach(rev).await;
    for server in [&server, &lone] {
        assert_eq!(history(server, "post").await, ["the standby is named first", "and now it is alone"]);
    }
}

/// Behind a balancer that leads a connection to a standby that is behind: nothing older than what was acknowledged.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standby_that_is_behind_is_never_read_from() {
    let primary = Cluster::start().await;
    let wire = Proxy::to(primary.address).await;
    let url = Cluster::url_of(&[&primary]).replace(&primary.address.to_string(), &wire.address.to_string());
    let store = Store::new(&DatabaseUrl::parse(&url).expect("a URL"), &StoreSettings::default()).expect("a store");
    store.check().await.expect("a fit database");
    store.migrate().await.expect("a schema");
    let room = RoomId::parse("post").expect("a room");
    let say = async |content: &str| {
        let id = AuthorId::from_stored("author");
        let author = Author {
            avatar: AvatarName::derived_from(&id),
            id,
            nickname: Nickname::from_stored("n".into()),
            badge: None,
        };
        let content = Content::parse(content).expect("a content");
        let (client_id, mentions) = (Uuid::new_v4(), NewMentions::default());
        let row = NewMessage { room: room.clone(), author, content, client_id, reply_to: None, mentions, guard_rev: 0 };
        store.append_batch(vec![Arc::new(row)]).await.expect("stored");
    };
    say("before").await;
    let standby = primary.standby().await;
    standby.sql(&["SELECT pg_wal_replay_pause()"]).await;
    say("after").await;

    // All reading connections end, and the next one is led to the standby; the one that writes stays.
    wire.lead_to(standby.address);
    let readers = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'realtime-chat'
        AND query NOT LIKE '%INSERT%'";
    primary.sql(&[readers]).await;
    let read = store.head(&room).await;
    assert!(matches!(read, Err(StoreError::Unavailable(_))), "{read:?}");
    wire.lead_to(primary.address);
    assert_eq!(store.head(&room).await.expect("a head").rev, 2);
    assert_eq!(store.load(&room, 10).await.expect("a page").page.messages.len(), 2);
}

/// Nothing but a server that takes no writes: what is there can be read, and no visitor is sent to it for long.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_becomes_read_only_is_no_place_for_visitors_but_is_read() {
    let database = Database::postgres().await;
    let name = database.url.rsplit('/').next().expect("a name");
    let server = Server::with(&database, &EAGER).await;
    Client::author(&server, "post", "writer").await.say("before").await;
    let admin = async |statement: &str| {
        sql(&admin_url(), statement).await;
    };
    let end = format!(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
         WHERE datname = '{name}' AND application_name = 'realtime-chat'"
    );
    admin(&format!("ALTER DATABASE {name} SET default_transaction_read_only = on")).await;
    admin(&end).await;
    soon("/healthz to be red", async || server.get("/healthz").await.status() == 503).await;
    soon("/readyz to be red", async || server.get("/readyz").await.status() == 503).await;
    assert_eq!(server.get("/livez").await.status(), 200);
    assert_eq!(history(&server, "post").await, ["before"], "it is read all the same");

    admin(&format!("ALTER DATABASE {name} RESET default_transaction_read_only")).await;
    admin(&end).await;
    soon("/readyz to be green", async || server.get("/readyz").await.status() == 200).await;
    soon("/healthz to be green", async || server.get("/healthz").await.status() == 200).await;
    let mut writer = Client::author(&server, "post", "writer").await;
    say(&mut writer, "after").await;
    assert_eq!(history(&server, "post").await, ["before", "after"]);
}
