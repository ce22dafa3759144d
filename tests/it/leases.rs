//! Servers on one database know of each other by their leases, and the chat does not depend on them.

use crate::support::{Client, Database, Server};

const NAMED: [(&str, &str); 1] = [("CHAT_SERVER_ID", "chat-0")];

const LIVING: &str = "chat_servers_live";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_on_one_database_see_each_other_come_and_go() {
    let database = Database::postgres().await;
    let first = Server::with(&database, &NAMED).await;
    first.counts("the first to see itself", LIVING, |n| n == 1.0).await;
    // Without a setting each has a name of its own.
    let (mut second, third) = (Server::start(&database).await, Server::start(&database).await);
    first.counts("the first to see all", LIVING, |n| n == 3.0).await;
    assert_eq!(first.json("/healthz").await["lease"], serde_json::json!({"held": true, "servers": 3}));
    second.stop("INT").await;
    assert_eq!(database.number("SELECT count(*) FROM servers").await, 2, "who stops quietly leaves nothing");
    third.kill9().await;
    first.counts("the first to be alone", LIVING, |n| n == 1.0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_server_of_the_same_name_is_refused_and_told_of_the_first() {
    let database = Database::postgres().await;
    let settings = [&NAMED[..], &[("CHAT_ADVERTISE_URL", "http://10.0.0.5:8080")]].concat();
    let first = Server::with(&database, &settings).await;
    let settings = [&NAMED[..], &[("DATABASE_URL", &database.url), ("CHAT_LISTEN", "127.0.0.1:0")]].concat();
    let refused = Server::run(&[], &settings).await;
    assert!(!refused.status.success());
    let line = refused.stderr.lines().last().expect("a line");
    for part in ["CHAT_SERVER_ID", "chat-0", env!("CARGO_PKG_VERSION"), "http://10.0.0.5:8080"] {
        assert!(line.contains(part), "{part} in: {line}");
    }
    Client::author(&first, "post", "the author").await.say("the first goes on").await;
}

/// Whoever starts it again does so at once, under the same name.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_crashed_comes_back_under_its_name() {
    let database = Database::postgres().await;
    let first = Server::with(&database, &NAMED).await;
    Client::author(&first, "post", "the author").await.say("before").await;
    first.kill9().await;
    // However slowly this machine starts a server, it finds the lease alive.
    database.run("UPDATE servers SET seen_at = now() + interval '1 hour'").await;
    let again = Server::launch(&database.url, &NAMED).await;
    again.logs("a server named chat-0 was here a moment ago").await;
    assert_eq!(again.get("/readyz").await.status(), 503);
    database.run("UPDATE servers SET seen_at = now() - interval '1 hour'").await;
    again.ready().await;
    assert_eq!(Client::reader(&again, "post").await.history.contents(), ["before"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lease_that_cannot_be_renewed_hurts_nobody() {
    let database = Database::postgres().await;
    let server = Server::start(&database).await;
    let mut author = Client::author(&server, "post", "the author").await;
    database.run("ALTER TABLE servers RENAME TO elsewhere").await;
    server.counts("renewals to fail", "chat_lease_failures_total", |n| n >= 2.0).await;
    author.say("goes on").await;
    assert_eq!(server.get("/readyz").await.status(), 200);
    server.logs("lease is not renewed").await;
    let n_failed = server.metric("chat_lease_failures_total").await;
    server.counts("more of them to fail", "chat_lease_failures_total", |n| n > n_failed + 1.0).await;
    server.logs_once("lease is not renewed").await;
    database.run("ALTER TABLE elsewhere RENAME TO servers").await;
    server.logs("is renewed again").await;
    assert_eq!(Client::reader(&server, "post").await.history.contents(), ["goes on"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_says_once_that_it_waits_for_anothers_migrations() {
    let database = Database::postgres().await;
    let hold = "CREATE TABLE migration_lease (id SMALLINT PRIMARY KEY DEFAULT 1, holder UUID, until TIMESTAMPTZ);
        INSERT INTO migration_lease (holder, until) VALUES (gen_random_uuid(), now() + interval '1 hour')";
    database.run(hold).await;
    let server = Server::launch(&database.url, &[]).await;
    let waits = "another server applies migrations; waiting for it";
    server.logs(waits).await;
    assert_eq!(server.get("/readyz").await.status(), 503);
    database.run("UPDATE migration_lease SET until = now()").await;
    server.ready().await;
    server.logs_once(waits).await;
}
