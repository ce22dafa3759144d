//! Random batches against a model that fits on a page.

use std::{collections::BTreeMap, sync::Arc};

use chat_domain::{NewMessage, PageCursor, RoomId};
use chat_store::{AppendOutcome, Store};
use proptest::{prelude::*, test_runner::TestRunner};
use uuid::Uuid;

use crate::support::{Database, message, room};

/// A message in small numbers, so that keys meet often.
#[derive(Debug, Clone, Copy)]
struct Sent {
    room: u8,
    author: u8,
    key: u8,
    content: u8,
}

fn batches() -> impl Strategy<Value = Vec<Vec<Sent>>> {
    let sent = (0..3_u8, 0..3_u8, 0..12_u8, prop::bool::weighted(0.1)).prop_map(|(room, author, key, other)| Sent {
        room,
        author,
        key,
        content: u8::from(other),
    });
    prop::collection::vec(prop::collection::vec(sent, 0..25), 1..8)
}

#[derive(Debug, PartialEq)]
enum Expected {
    Stored(i64),
    Repeated(i64),
    Conflict,
}

#[derive(Default)]
struct Model {
    /// By room, author and key: the counter's value and the content.
    messages: BTreeMap<(u8, u8, u8), (i64, u8)>,
    counters: BTreeMap<u8, i64>,
}

impl Model {
    fn append(&mut self, sent: Sent) -> Expected {
        let place = (sent.room, sent.author, sent.key);
        match self.messages.get(&place) {
            Some((seq, content)) if *content == sent.content => Expected::Repeated(*seq),
            Some(_) => Expected::Conflict,
            None => {
                let counter = self.counters.entry(sent.room).or_default();
                *counter += 1;
                self.messages.insert(place, (*counter, sent.content));
                Expected::Stored(*counter)
            }
        }
    }
}

async fn check(stores: &[Store], batches: Vec<Vec<Sent>>) -> Result<(), TestCaseError> {
    let case = Uuid::new_v4();
    let rooms: Vec<RoomId> = (0..3).map(|i| room(&format!("{case} {i}"))).collect();
    let new = |sent: &Sent| -> Arc<NewMessage> {
        let room = rooms.get(usize::from(sent.room)).expect("a room");
        let key = Uuid::from_u128(sent.key.into());
        message(room, &format!("author {}", sent.author), key, &format!("content {}", sent.content))
    };
    let mut model = Model::default();
    // The servers take turns.
    for (batch, store) in batches.iter().zip(stores.iter().cycle()) {
        let outcomes = store.append_batch(batch.iter().map(new).collect()).await.expect("stored");
        prop_assert_eq!(outcomes.len(), batch.len());
        for (sent, outcome) in batch.iter().zip(outcomes) {
            let got = match outcome {
                AppendOutcome::Stored(m, _) => Expected::Stored(m.seq),
                AppendOutcome::Repeated(m) => Expected::Repeated(m.seq),
                AppendOutcome::Conflict => Expected::Conflict,
                other => return Err(TestCaseError::fail(format!("{other:?}"))),
            };
            prop_assert_eq!(got, model.append(*sent));
        }
    }
    for (i, room) in (0..3_u8).zip(&rooms) {
        let counter = model.counters.get(&i).copied().unwrap_or(0);
        let store = stores.first().expect("a store");
        let head = store.head(room).await.expect("a head");
        prop_assert_eq!((head.rev, head.message_count), (counter, counter));
        let page = store.page(room, PageCursor::Latest, 1_000).await.expect("a page");
        let found: Vec<(i64, String, u128)> =
            page.messages.iter().map(|m| (m.seq, m.author.id.as_str().to_owned(), m.client_id.as_u128())).collect();
        let mut expected: Vec<(i64, String, u128)> = model
            .messages
            .iter()
            .filter(|((room, ..), _)| *room == i)
            .map(|((_, author, key), (seq, _))| (*seq, format!("author {author}"), u128::from(*key)))
            .collect();
        expected.sort();
        prop_assert_eq!(found, expected);
    }
    Ok(())
}

fn run(make: impl Future<Output = Database>) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let (_db, stores) = runtime.block_on(async {
        let db = make.await;
        let stores = vec![db.ready().await, db.open()];
        (db, stores)
    });
    let config = ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() };
    let result = TestRunner::new(config).run(&batches(), |batches| runtime.block_on(check(&stores, batches)));
    if let Err(error) = result {
        panic!("{error}");
    }
}

#[test]
fn postgres_does_what_the_model_does() {
    run(Database::postgres());
}

#[test]
fn sqlite_does_what_the_model_does() {
    run(async { Database::sqlite() });
}
