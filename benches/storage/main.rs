//! How much of a database the program reaches: closed-loop writers through the persistence actor, against bare loops.
//!
//! `storage URL rooms=N seconds=S rounds=N` prints JSON with messages a second, in turn: a bare loop that gives batches
//! to the store, writers through the actor, and a bare loop with the simplest statement that stores the same rows.
//! `storage URL changes rooms=N seconds=S rounds=N` prints messages a second through the actor, in turn: of 1,000 people
//! who write, and of the same people where 5 % of what they send are reactions; and how many reactions a second those are.
//! `storage URL commit seconds=S` prints the median microseconds of one row's commit, twenty a second, each counted from
//! when it was due, as the load tester counts.
//! `storage URL page room=NAME rounds=N` prints the microseconds of reading a page in the middle of a room's history.
//!
//! It makes the tables where they are missing and leaves its rows behind: give it a database of its own.
// A measuring device on a throw-away database, which may end by a panic.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]
#![allow(clippy::as_conversions, clippy::panic, missing_docs)]

mod writers;

use std::{
    collections::BTreeMap,
    env,
    sync::Arc,
    time::{Duration, Instant},
};

use chat_domain::{
    AnonymousId, Author, AvatarName, Content, IdentityKey, NewMentions, NewMessage, Nickname, PageCursor, RoomId,
};
use chat_store::{AppendOutcome, DatabaseUrl, Store, StoreSettings};
use diesel::{Connection, ExpressionMethods, RunQueryDsl, SqliteConnection, connection::SimpleConnection};
use tokio::runtime::{Builder, Runtime};
use tokio_postgres::{NoTls, types::ToSql};
use uuid::Uuid;
use writers::{N_WRITERS, REACTION_EVERY, through_actor};

/// As the server's default for `--batch-max`.
const N_BATCH: usize = 500;
/// Commits a second where one at a time is measured.
const PACE: Duration = Duration::from_millis(50);

fn main() {
    let (url, words): (Option<String>, Vec<String>) = {
        let mut words = env::args().skip(1).filter(|word| word != "--bench");
        (words.next(), words.collect())
    };
    // Cargo starts it without words.
    let Some(url) = url else { return eprintln!("storage URL …: see the top of benches/storage/main.rs") };
    let word = |name: &str| words.iter().find_map(|w| w.strip_prefix(name)?.strip_prefix('='));
    let number = |name: &str, otherwise: usize| word(name).map_or(otherwise, |n| n.parse().expect("a number"));
    let length = Duration::from_secs(number("seconds", 3) as u64);
    let database = DatabaseUrl::parse(&url).expect("a database URL");
    let settings = StoreSettings { exclusive: false, ..StoreSettings::default() };
    let store = Store::new(&database, &settings).expect("a store");
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(store.migrate()).expect("the tables");
    if let Some(room) = word("room") {
        let times = pages(&runtime, &store, room, number("rounds", 200));
        return println!("{}", serde_json::json!({ "pageUs": times }));
    }
    if words.iter().any(|w| w == "commit") {
        let messages = Messages::new(1, &format!("commit-{}", std::process::id()));
        let times = bare(&runtime, &url, messages, 1, length, Some(PACE)).times_us;
        return println!("{}", serde_json::json!({ "commitUs": median(times) }));
    }
    let n_rooms = number("rooms", 1);
    let mut told: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for round in 0..number("rounds", 2) {
        let mut tell = |what, n: f64| told.entry(what).or_default().push(n);
        let messages = |what: &str| Messages::new(n_rooms, &format!("{what}-{round}-of-{n_rooms}"));
        if words.iter().any(|w| w == "changes") {
            let people = |what: &str| messages(what).of_people(N_WRITERS);
            tell("alone", through_actor(&store, people("alone"), None, length).messages);
            let mixed = through_actor(&store, people("mixed"), Some(REACTION_EVERY), length);
            tell("mixed", mixed.messages);
            tell("reactions", mixed.reactions);
            continue;
        }
        tell("same", same_batches(&runtime, &store, messages("same"), length));
        let through = through_actor(&store, messages("actor"), None, length);
        tell("actor", through.messages);
        tell("batch", through.n_batch);
        tell("plain", bare(&runtime, &url, messages("plain"), N_BATCH, length, None).rate);
    }
    println!("{}", serde_json::json!(told));
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn rate(n: usize, began: Instant) -> f64 {
    n as f64 / began.elapsed().as_secs_f64()
}

/// New messages, over the rooms in turn.
struct Messages {
    rooms: Vec<RoomId>,
    /// In turn by the number of who writes.
    authors: Vec<Author>,
    content: Content,
    n: usize,
}

impl Messages {
    fn new(n_rooms: usize, name: &str) -> Self {
        let room = |n| RoomId::parse(&format!("{name}-{n}")).expect("a room");
        Self {
            rooms: (0..n_rooms).map(room).collect(),
            authors: vec![author(7)],
            content: Content::parse(&"a message ".repeat(8)).expect("a content"),
            n: 0,
        }
    }

    /// By so many people instead of by one.
    fn of_people(self, n: usize) -> Self {
        Self { authors: (0..n as u128).map(author).collect(), ..self }
    }

    /// The next one, by the person of this number.
    fn next(&mut self, who: usize) -> Arc<NewMessage> {
        self.n += 1;
        Arc::new(NewMessage {
            room: self.rooms[self.n % self.rooms.len()].clone(),
            author: self.authors[who % self.authors.len()].clone(),
            content: self.content.clone(),
            client_id: Uuid::from_u128(self.n as u128),
            reply_to: None,
            mentions: NewMentions::default(),
            guard_rev: 0,
        })
    }

    fn batch(&mut self, n: usize) -> Vec<Arc<NewMessage>> {
        (0..n).map(|_| self.next(0)).collect()
    }
}

fn author(n: u128) -> Author {
    let id = IdentityKey::new(&[7; 32]).author_id(AnonymousId::new(Uuid::from_u128(n)));
    let nickname = Nickname::parse("writer").expect("a nickname");
    Author { avatar: AvatarName::derived_from(&id), id, nickname, badge: None }
}

/// One batch after the other to the store, by nobody but this loop.
fn same_batches(runtime: &Runtime, store: &Store, mut messages: Messages, length: Duration) -> f64 {
    runtime.block_on(async {
        let began = Instant::now();
        let mut n = 0;
        while began.elapsed() < length {
            let outcomes = store.append_batch(messages.batch(N_BATCH)).await.expect("a batch");
            assert!(outcomes.iter().all(|o| matches!(o, AppendOutcome::Stored(..))), "all are new");
            n += outcomes.len();
        }
        rate(n, began)
    })
}

struct Bare {
    rate: f64,
    times_us: Vec<f64>,
}

/// The simplest loop that stores the rows so that the program could read them: no look for repeats, no answer.
fn bare(
    runtime: &Runtime,
    url: &str,
    mut messages: Messages,
    n_batch: usize,
    length: Duration,
    pace: Option<Duration>,
) -> Bare {
    let (began, mut times_us, mut n) = (Instant::now(), Vec::new(), 0);
    let mut timed = |write: &mut dyn FnMut(&[Arc<NewMessage>])| {
        let mut due = began;
        while began.elapsed() < length {
            let batch = messages.batch(n_batch);
            // Each counts from when it was due, not from when this thread was awake: so the load tester counts, too.
            due = pace.map_or_else(Instant::now, |pace| due + pace);
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            write(&batch);
            times_us.push(due.elapsed().as_secs_f64() * 1e6);
            n += n_batch;
        }
    };
    match url.strip_prefix("sqlite://") {
        Some(path) => {
            let mut c = SqliteConnection::establish(path).expect("a SQLite file");
            let purpose = "PRAGMA busy_timeout = 5000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
                PRAGMA foreign_keys = ON; PRAGMA cache_size = -65536; PRAGMA wal_autocheckpoint = 4000;";
            c.batch_execute(purpose).expect("settings");
            let mut rooms = BTreeMap::new();
            timed(&mut |batch| sqlite_write(&mut c, batch, &mut rooms));
        }
        None => {
            let (client, connection) = runtime.block_on(tokio_postgres::connect(url, NoTls)).expect("a connection");
            let connection = runtime.spawn(connection);
            runtime.block_on(client.batch_execute(POSTGRES_SETUP)).expect("settings");
            let statement = runtime.block_on(client.prepare(POSTGRES_PLAIN)).expect("a statement");
            timed(&mut |batch| {
                let texts = |of: fn(&NewMessage) -> &str| batch.iter().map(|m| of(m)).collect::<Vec<_>>();
                let (rooms, contents) = (texts(|m| m.room.as_str()), texts(|m| m.content.as_str()));
                let (authors, nicknames) = (texts(|m| m.author.id.as_str()), texts(|m| m.author.nickname.as_str()));
                let avatars = texts(|m| m.author.avatar.as_str());
                let ids: Vec<String> = batch.iter().map(|m| m.client_id.to_string()).collect();
                let columns: [&(dyn ToSql + Sync); 6] = [&rooms, &authors, &nicknames, &avatars, &contents, &ids];
                let n_written = runtime.block_on(client.execute(&statement, &columns)).expect("a batch");
                assert_eq!(n_written as usize, batch.len());
            });
            drop(client);
            runtime.block_on(connection).expect("the connection's task").expect("a connection to its end");
        }
    }
    Bare { rate: rate(n, began), times_us }
}

/// What the program sets for its own writer.
const POSTGRES_SETUP: &str = "SET plan_cache_mode = force_generic_plan; SET enable_nestloop = off; SET jit = off;";

const POSTGRES_PLAIN: &str = "WITH inp AS (
      SELECT t.*, row_number() OVER (PARTITION BY room_id ORDER BY ord) AS k, count(*) OVER (PARTITION BY room_id) AS n
      FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[])
        WITH ORDINALITY AS t (room_id, author, nickname, avatar, content, client_id, ord)
    ), bump AS (
      INSERT INTO rooms AS r (id, epoch, last_rev, message_count, last_message_at)
      SELECT room_id, (SELECT epoch FROM meta), count(*), count(*), now() FROM inp GROUP BY room_id ORDER BY room_id
      ON CONFLICT (id) DO UPDATE SET last_rev = r.last_rev + excluded.last_rev,
        message_count = r.message_count + excluded.message_count, last_message_at = excluded.last_message_at
      RETURNING r.id, r.last_rev
    )
    INSERT INTO messages (room_id, anonymous_id, nickname, avatar, content, client_id, seq, rev)
    SELECT i.room_id, i.author, i.nickname, i.avatar, i.content, i.client_id::uuid, b.last_rev - i.n + i.k,
      b.last_rev - i.n + i.k FROM inp i JOIN bump b ON b.id = i.room_id";

diesel::table! {
    rooms (id) {
        id -> Text,
        epoch -> Binary,
        last_rev -> BigInt,
        message_count -> BigInt,
    }
}

diesel::table! {
    messages (id) {
        id -> BigInt,
        room_id -> Text,
        anonymous_id -> Text,
        nickname -> Text,
        avatar -> Text,
        content -> Text,
        client_id -> Binary,
        seq -> BigInt,
        rev -> BigInt,
        created_at -> BigInt,
    }
}

/// `counters` has the last value of each room that this loop writes.
fn sqlite_write(c: &mut SqliteConnection, batch: &[Arc<NewMessage>], counters: &mut BTreeMap<String, i64>) {
    c.immediate_transaction(|c| {
        let mut touched = BTreeMap::new();
        for message in batch {
            let key = message.room.as_str().to_owned();
            let last = counters.entry(key.clone()).or_insert(0);
            *last += 1;
            touched.insert(key, *last);
            diesel::insert_into(messages::table)
                .values((
                    messages::room_id.eq(message.room.as_str()),
                    messages::anonymous_id.eq(message.author.id.as_str()),
                    messages::nickname.eq(message.author.nickname.as_str()),
                    messages::avatar.eq(message.author.avatar.as_str()),
                    messages::content.eq(message.content.as_str()),
                    messages::client_id.eq(message.client_id.as_bytes().as_slice()),
                    messages::seq.eq(*last),
                    messages::rev.eq(*last),
                    messages::created_at.eq(1_700_000_000_000_i64),
                ))
                .execute(c)?;
        }
        for (key, last) in touched {
            let counters = (rooms::last_rev.eq(last), rooms::message_count.eq(last));
            let row = (rooms::id.eq(key), rooms::epoch.eq([7_u8; 16].as_slice()), counters);
            let insert = diesel::insert_into(rooms::table).values(row);
            insert.on_conflict(rooms::id).do_update().set(counters).execute(c)?;
        }
        diesel::QueryResult::Ok(())
    })
    .expect("a batch");
}

/// The microseconds of reading a page, each time before another place in the middle of the room.
fn pages(runtime: &Runtime, store: &Store, room: &str, n: usize) -> f64 {
    let room = RoomId::parse(room).expect("a room");
    let head = runtime.block_on(store.head(&room)).expect("the room");
    let middle = head.rev / 2;
    let mut times = Vec::new();
    // The first ones open the connections and warm the caches.
    for i in 0..n + 20 {
        let at = Instant::now();
        let before = PageCursor::Before(middle + (i as i64 * 7) % (middle / 2).max(1));
        let page = runtime.block_on(store.page(&room, before, 50)).expect("a page");
        assert_eq!(page.messages.len(), 50);
        if i >= 20 {
            times.push(at.elapsed().as_secs_f64() * 1e6);
        }
    }
    median(times)
}
