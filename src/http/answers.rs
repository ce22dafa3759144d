//! Answers that are the same for everybody until a room changes, kept compressed.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Mutex, MutexGuard, PoisonError},
};

use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, http::header};
use bytes::Bytes;

use super::compression::{Encoded, compress, encoding};
use chat_domain::{Epoch, RoomId};
use chat_rooms::{RoomKey, Snapshot};

/// Most bytes that are kept, keys included.
const BYTES_MAX: usize = 32 * 1024 * 1024;
/// A single answer that is larger is not kept: it would push out too many others.
const ANSWER_BYTES_MAX: usize = BYTES_MAX / 8;
/// How hard brotli tries: half of the work per message goes into it where a room talks.
const BROTLI_QUALITY: u32 = 4;

/// Where a live room was when an answer was made: which life in memory, its epoch, its counter, and where its messages begin. What was changed in
/// the database by hand shows once the room was put away and comes back.
pub type Version = (RoomKey, Epoch, i64, i64);

/// Where a room is now.
pub fn version(snapshot: &Snapshot) -> Version {
    (snapshot.key, snapshot.epoch, snapshot.rev, snapshot.first_seq)
}

/// Answers that are the same for everybody until their room's counter moves, made and compressed once. Those that
/// nobody asked for longest go first.
#[derive(Default)]
pub struct Answers(Mutex<Kept>);

/// An answer, as one client takes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    body: Bytes,
    encoded: Option<Encoded>,
}

impl Answer {
    /// The response with this body.
    pub fn respond(self, mut response: HttpResponseBuilder) -> HttpResponse {
        response.insert_header((header::VARY, "accept-encoding"));
        if let Some(encoded) = self.encoded {
            response.insert_header((header::CONTENT_ENCODING, encoded.name()));
        }
        response.body(self.body)
    }
}

impl Answers {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was made of `what` of this room at this version, if it is kept.
    pub fn get(&self, request: &HttpRequest, room: &RoomId, what: &str, version: Version) -> Option<Answer> {
        let plain = self.kept().get(&key(room, what, None), version)?;
        Some(self.encoded(request, room, what, version, plain))
    }

    /// Keeps what was made; gives it back as this client takes it.
    pub fn put(&self, request: &HttpRequest, room: &RoomId, what: &str, version: Version, plain: Bytes) -> Answer {
        self.kept().put(key(room, what, None), version, plain.clone());
        self.encoded(request, room, what, version, plain)
    }

    fn encoded(&self, request: &HttpRequest, room: &RoomId, what: &str, version: Version, plain: Bytes) -> Answer {
        let Some(encoded) = encoding(request) else { return Answer { body: plain, encoded: None } };
        let key = key(room, what, Some(encoded));
        let kept = self.kept().get(&key, version);
        // Without the lock: at worst two threads do it at once.
        let body = kept.unwrap_or_else(|| {
            let body = compress(encoded, BROTLI_QUALITY, &plain);
            self.kept().put(key, version, body.clone());
            body
        });
        Answer { body, encoded: Some(encoded) }
    }
}

/// What names an answer: the room, what of it, and how it is compressed.
type Key = (RoomId, String, Option<Encoded>);

fn key(room: &RoomId, what: &str, encoded: Option<Encoded>) -> Key {
    (room.clone(), what.to_owned(), encoded)
}

/// Answers by key, and in the order in which they were last asked for. Pure.
#[derive(Default)]
struct Kept {
    answers: HashMap<Key, One>,
    order: BTreeMap<u64, Key>,
    n_bytes: usize,
    next: u64,
}

struct One {
    version: Version,
    body: Bytes,
    turn: u64,
}

impl Kept {
    fn get(&mut self, key: &Key, version: Version) -> Option<Bytes> {
        let one = self.answers.get_mut(key).filter(|one| one.version == version)?;
        self.next += 1;
        self.order.remove(&one.turn);
        one.turn = self.next;
        self.order.insert(one.turn, key.clone());
        Some(one.body.clone())
    }

    fn put(&mut self, key: Key, version: Version, body: Bytes) {
        self.remove(&key);
        if body.len() > ANSWER_BYTES_MAX {
            return;
        }
        self.next += 1;
        self.n_bytes += weight(&key, &body);
        self.order.insert(self.next, key.clone());
        self.answers.insert(key, One { version, body, turn: self.next });
        while self.n_bytes > BYTES_MAX {
            let Some((_, oldest)) = self.order.first_key_value().map(|(turn, key)| (*turn, key.clone())) else { break };
            self.remove(&oldest);
        }
    }

    fn remove(&mut self, key: &Key) {
        if let Some(one) = self.answers.remove(key) {
            self.order.remove(&one.turn);
            self.n_bytes = self.n_bytes.saturating_sub(weight(key, &one.body));
        }
    }
}

/// What an answer takes of the memory: its body, its key twice, and about as much as the maps take for each.
fn weight((room, what, _): &Key, body: &Bytes) -> usize {
    body.len() + 2 * (room.as_str().len() + what.len()) + 256
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn room(n: usize) -> RoomId {
        RoomId::parse(&format!("room-{n}")).expect("a room id")
    }

    fn at(rev: i64) -> Version {
        (RoomKey(1), Epoch::parse("9b2f0c1e-6a57-4f7c-9a34-0d8f4a1c2b3d").expect("an epoch"), rev, 0)
    }

    #[test]
    fn an_answer_is_kept_until_the_counter_moves() {
        let answers = Answers::default();
        let plain = TestRequest::default().to_http_request();
        let brotli = TestRequest::default().insert_header((header::ACCEPT_ENCODING, "br")).to_http_request();
        let text = Bytes::from("a page, ".repeat(100));
        assert_eq!(answers.get(&plain, &room(1), "page", at(1)), None);
        answers.put(&plain, &room(1), "page", at(1), text.clone());
        let got = answers.get(&plain, &room(1), "page", at(1)).expect("it is kept");
        assert_eq!(got.body, text);
        let small = answers.get(&brotli, &room(1), "page", at(1)).expect("it is kept");
        assert!(small.encoded.is_some() && small.body.len() < text.len() / 2);
        let again = answers.get(&brotli, &room(1), "page", at(1)).expect("it is kept");
        assert_eq!(again.body.as_ptr(), small.body.as_ptr(), "compressed once");
        let (key, epoch, rev, _) = at(1);
        assert_eq!(answers.get(&plain, &room(1), "page", (RoomKey(2), epoch, rev, 0)), None, "another life");
        let shorter = (key, epoch, rev, 1);
        assert_eq!(answers.get(&plain, &room(1), "page", shorter), None, "its oldest messages are gone");
        for (n, what, rev) in [(1, "page", 2), (1, "other", 1), (2, "page", 1)] {
            assert_eq!(answers.get(&plain, &room(n), what, at(rev)), None, "{n} {what} {rev}");
        }
    }

    #[test]
    fn those_that_nobody_asks_for_go_first_and_the_bytes_are_bounded() {
        let mut kept = Kept::default();
        let body = Bytes::from(vec![0; 1024 * 1024]);
        for n in 0..100 {
            kept.put(key(&room(n), "page", None), at(1), body.clone());
            assert!(kept.get(&key(&room(0), "page", None), at(1)).is_some(), "asked for all the while");
            assert!(kept.n_bytes <= BYTES_MAX && kept.order.len() == kept.answers.len());
        }
        assert!(kept.get(&key(&room(1), "page", None), at(1)).is_none());
        assert!(kept.get(&key(&room(99), "page", None), at(1)).is_some());
        kept.put(key(&room(0), "page", None), at(2), Bytes::from(vec![0; ANSWER_BYTES_MAX + 1]));
        assert!(kept.get(&key(&room(0), "page", None), at(2)).is_none(), "too large to be kept");
        let weights: usize = kept.answers.iter().map(|(key, one)| weight(key, &one.body)).sum();
        assert_eq!(weights, kept.n_bytes);
    }
}
