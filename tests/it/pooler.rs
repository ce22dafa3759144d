//! A pooler in transaction mode between the servers and PostgreSQL: a real pgbouncer whose few sessions all connections
//! share.

use tokio::task::JoinSet;
use tokio_postgres::SimpleQueryMessage;

use crate::support::{Client, Database, PgBouncer, Server, WATCH_COMMITS, Who, connect, soon, sql, whole};

const SETTINGS: [(&str, &str); 2] = [("CHAT_RATE_LIMITS", "off"), ("CHAT_POLL_SECS", "0.1")];

/// Many more connections than sessions.
const N_SESSIONS: usize = 2;

async fn ask(client: &tokio_postgres::Client, question: &str) -> String {
    let answer = client.simple_query(question).await.expect(question);
    let row = answer.iter().find_map(|m| if let SimpleQueryMessage::Row(row) = m { row.get(0) } else { None });
    row.expect(question).to_owned()
}

/// Somebody else's transactions in the same sessions find them as they were.
async fn assert_sessions_are_clean(url: &str) {
    let client = sql(url, "BEGIN").await;
    let other = connect(url).await.expect("a connection");
    for session in [&client, &other] {
        for (setting, usual) in [
            ("default_transaction_read_only", "off"),
            ("default_transaction_isolation", "read committed"),
            ("enable_seqscan", "on"),
            ("lock_timeout", "0"),
            ("plan_cache_mode", "auto"),
        ] {
            assert_eq!(ask(session, &format!("SHOW {setting}")).await, usual, "{setting}");
        }
        assert_eq!(ask(session, "SELECT count(*) FROM pg_prepared_statements").await, "0");
    }
}

/// Two writers in each of so many rooms, one on each server, say so much each and read all of their room.
async fn talk(servers: [&Server; 2], n_rooms: usize, n_each: usize) -> JoinSet<(String, Client)> {
    let mut talking = JoinSet::new();
    for n in 0..2 * n_rooms {
        let room = format!("post{}", n / 2);
        let mut writer = Client::author(servers[n % 2], &room, &format!("writer {n}")).await;
        talking.spawn(async move {
            for i in 0..n_each {
                writer.say(&format!("message {i} of {n}")).await;
            }
            writer.reach(2 * n_each as i64).await;
            (room, writer)
        });
    }
    talking
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_talk_through_a_pooler_that_was_found_out() {
    let database = Database::postgres().await;
    let name = database.url.rsplit('/').next().expect("a name");
    let lazy = format!("ALTER DATABASE {name} SET synchronous_commit = off");
    sql(&database.url, &lazy).await;
    let bouncer = PgBouncer::start(&database.url, N_SESSIONS).await;
    // It migrates as well.
    let first = Server::ready_at(&bouncer.url, &SETTINGS).await;
    // No commit is acknowledged before it is on the disk, whatever the database's default is.
    let direct = sql(&database.url, WATCH_COMMITS).await;
    let second = Server::ready_at(&bouncer.url, &SETTINGS).await;
    for server in [&first, &second] {
        server.logs("a pooler in transaction mode").await;
    }

    let writers = talk([&first, &second], 3, 15).await.join_all().await;
    for room in ["post0", "post1", "post2"] {
        assert_eq!(whole(&database, room).await.len(), 30);
        for server in [&first, &second] {
            let page = server.json(&format!("/api/v1/rooms/{room}/messages?limit=100")).await;
            assert_eq!(page["messages"].as_array().map(Vec::len), Some(30), "{page}");
        }
    }
    for (_, writer) in &writers {
        assert_eq!(writer.history.list.len(), 30);
    }
    // One goes away, misses some, and comes back to the other server.
    let (_, away) = writers.into_iter().find(|(room, _)| room == "post2").expect("a writer");
    let mut other = Client::author(&first, "post2", "somebody else").await;
    for i in 0..5 {
        other.say(&format!("missed {i}")).await;
    }
    let (mut back, _) = away.back(&first).await;
    back.reach(35).await;
    back.history.agrees_with(&database.messages("post2").await);
    // A room that nobody is in is read anew.
    let (mut reader, _) = Client::join(&second, "post2", Who::reader()).await;
    reader.reach(35).await;
    assert_eq!(reader.history.list.keys().last(), Some(&35));
    for server in [&first, &second] {
        assert_eq!(server.metric("chat_commit_failures_total").await, 0.0);
    }
    assert_eq!(ask(&direct, "SELECT string_agg(DISTINCT setting, ',') FROM seen").await, "on");
    assert_sessions_are_clean(&bouncer.url).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pooler_that_ends_under_load_loses_nothing() {
    let database = Database::postgres().await;
    let mut bouncer = PgBouncer::start(&database.url, N_SESSIONS).await;
    let settings = [&SETTINGS[..], &[("CHAT_POOLER", "transaction")]].concat();
    let server = Server::ready_at(&bouncer.url, &settings).await;
    let talking = talk([&server, &server], 2, 60).await;
    for n_before in [20.0, 100.0] {
        server.counts("messages to be under way", "chat_messages_stored_total", |n| n >= n_before).await;
        bouncer.kill();
        server.counts("a commit to fail", "chat_database_up", |n| n == 0.0).await;
        bouncer.start_again().await;
    }
    let writers = talking.join_all().await;
    for room in ["post0", "post1"] {
        assert_eq!(whole(&database, room).await.len(), 120);
    }
    for (room, writer) in writers {
        assert_eq!(writer.history.list.len(), 120);
        writer.history.acks_agree_with(&database.messages(&room).await);
    }
}

/// Poolers that the question does not find are found by what goes wrong.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pooler_that_was_not_expected_is_found_by_its_errors() {
    let database = Database::postgres().await;
    let bouncer = PgBouncer::start(&database.url, 3).await;
    let settings = [&SETTINGS[..], &[("CHAT_POOLER", "none")]].concat();
    drop(Server::start(&database).await);
    let server = Server::ready_at(&bouncer.url, &settings).await;
    let mut writer = Client::author(&server, "post", "the writer").await;
    writer.say("the first").await;
    // Sessions are given away while their connections rest.
    let others =
        [connect(&bouncer.url).await.expect("a connection"), connect(&bouncer.url).await.expect("a connection")];
    let mut n = 0;
    let found = async || {
        n += 1;
        for other in &others {
            other.batch_execute(if n % 2 == 1 { "BEGIN" } else { "COMMIT" }).await.expect("a transaction");
        }
        writer.say(&format!("message {n}")).await;
        server.log().contains("a pooler in transaction mode")
    };
    soon("the pooler to be found", found).await;
    writer.say("the last").await;
    whole(&database, "post").await;
}
