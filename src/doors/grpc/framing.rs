use bytes::Bytes;

use crate::{
    doors::records::{end_record, message_record},
    session::Framing,
};
use chat_domain::{Author, Epoch};
use chat_grpc::{
    author, message,
    messages::{
        self, Change, Deed, Error, Heartbeat, Presence, Proof, Queue, Reactions, Reconnect, RoomState, Typing,
        change::What,
    },
    prost::Message as _,
    reaction, time,
};
use chat_rooms::{Batch, Codec, Event, People, Welcome};
use chat_store::RoomSettings;
use chat_wire::{CloseCode, ServerFrame};

/// Frames as what all readers share of a Change: all but the name by which the reader calls the room.
pub struct Changes;

/// See [`Changes`].
pub static CHANGES: Changes = Changes;

impl Framing for Changes {
    fn codec(&self) -> Codec {
        Codec::GRPC
    }

    fn text(&self, json: &[u8]) -> Bytes {
        // Our own words: what a session says that no room has said.
        let what = serde_json::from_slice(json).ok().and_then(|frame| told(&frame));
        what.map(|what| record(&standing(what))).unwrap_or_default()
    }

    fn event(&self, event: &Event) -> Bytes {
        // To one session, which moves no cursor.
        happened(event).map(|what| record(&standing(what))).unwrap_or_default()
    }

    /// One Change each, so that a client that was cut off comes back to exactly where it was.
    fn batch(&self, batch: &Batch, epoch: Epoch) -> Bytes {
        batch.encoded(Codec::GRPC, |events| {
            let mut all = Vec::new();
            for event in events {
                let Some(what) = happened(event) else { continue };
                let change = match rev_of(event) {
                    Some(rev) => Change { epoch: epoch.to_string(), rev, ..standing(what) },
                    None => standing(what),
                };
                put(&mut all, &change);
            }
            all.into()
        })
    }

    fn welcome(&self, welcome: &Welcome) -> [Bytes; 4] {
        let rev = welcome.pieces.as_ref().map_or(welcome.rev, |(known, _)| *known);
        let what = What::Welcome(messages::Welcome {
            session_id: welcome.session.0.to_string(),
            self_: welcome.own.as_ref().map(author),
            also: welcome.also.iter().map(|id| id.as_str().to_owned()).collect(),
            head: welcome.pieces.as_ref().map(|_| welcome.rev).unwrap_or_default(),
            resumed: welcome.resumed,
            has_more: welcome.has_more,
            messages: welcome.messages.iter().map(|event| message(event.message())).collect(),
            presence: Some(presence(&welcome.people)),
            pinned: welcome.pinned.iter().map(|pinned| message(pinned)).collect(),
            room_state: Some(room_state(&welcome.settings, welcome.first_seq)),
            heartbeat_seconds: signed(welcome.heartbeat_seconds),
            rights: welcome.rights.map(chat_domain::Rights::bits).unwrap_or_default(),
            room_id: welcome.room.as_str().to_owned(),
        });
        let change = Change { epoch: welcome.epoch.to_string(), rev, ..standing(what) };
        [record(&change), Bytes::new(), Bytes::new(), Bytes::new()]
    }

    fn last(&self, code: CloseCode) -> Bytes {
        end_record(code).to_vec().into()
    }
}

/// A Change that leaves the client where it is.
fn standing(what: What) -> Change {
    Change { what: Some(what), ..Change::default() }
}

fn put(out: &mut Vec<u8>, change: &Change) {
    let bytes = change.encode_to_vec();
    out.extend_from_slice(&message_record(bytes.len()));
    out.extend_from_slice(&bytes);
}

fn record(change: &Change) -> Bytes {
    let mut out = Vec::new();
    put(&mut out, change);
    out.into()
}

/// The counter that a client has with this event.
fn rev_of(event: &Event) -> Option<i64> {
    match event {
        Event::Message(message) => Some(message.message().rev),
        Event::Reactions(reactions) => Some(reactions.message.rev),
        _ => None,
    }
}

fn happened(event: &Event) -> Option<What> {
    Some(match event {
        Event::Message(event) => What::Message(message(event.message())),
        Event::Reactions(event) => What::Reactions(Reactions {
            id: event.message.id.to_string(),
            seq: event.message.seq,
            reactions: event.reactions.iter().map(reaction).collect(),
        }),
        Event::People(people) => What::Presence(presence(people)),
        Event::Typing(typing) => What::Typing(Typing { authors: authors(&typing.authors), more: signed(typing.more) }),
        Event::Profile(own) => What::Profile(author(own)),
        Event::Room(state) => What::RoomState(room_state(&state.settings, state.first_seq)),
        Event::Moderated(deed) => What::Deed(Deed {
            audit_id: deed.entry.to_string(),
            action: deed.action.to_owned(),
            at: Some(time(deed.at)),
            by: Some(author(&deed.by)),
            author_id: deed.target.as_ref().map(|author| author.as_str().to_owned()).unwrap_or_default(),
            message_id: deed.message.map(|id| id.to_string()).unwrap_or_default(),
        }),
        Event::Queue { reported, held } => What::Queue(Queue { reported: *reported, held: *held }),
        // Answers to commands, of which such a session sends none.
        Event::Stored { .. } | Event::Refused { .. } => return None,
    })
}

/// What a session says for itself.
fn told(frame: &ServerFrame<'_>) -> Option<What> {
    Some(match frame {
        ServerFrame::Heartbeat(heartbeat) => What::Heartbeat(Heartbeat { room_rev: heartbeat.rev }),
        ServerFrame::Reconnect(reconnect) => What::Reconnect(Reconnect { after_ms: signed(reconnect.after_ms) }),
        ServerFrame::Auth(auth) => What::Proof(Proof { expires_in_ms: signed(auth.expires_in_ms) }),
        ServerFrame::Queue(queue) => What::Queue(Queue { reported: queue.reported, held: queue.held }),
        ServerFrame::Error(error) => What::Error(Error {
            code: error.code.as_str().to_owned(),
            message: error.message.to_string(),
            retry_after_ms: error.retry_after_ms.map(signed).unwrap_or_default(),
            until: error.until.as_deref().and_then(|until| until.parse().ok()).map(time),
            reason: error.reason.as_deref().unwrap_or_default().to_owned(),
        }),
        _ => return None,
    })
}

fn authors(all: &[Author]) -> Vec<messages::Author> {
    all.iter().map(author).collect()
}

fn presence(people: &People) -> Presence {
    let lists = people.lists.as_ref();
    Presence {
        count: signed(people.count),
        approximate: people.is_approximate,
        listed: lists.is_some(),
        members: lists.map(|lists| authors(&lists.members)).unwrap_or_default(),
        joined: lists.map(|lists| authors(&lists.joined)).unwrap_or_default(),
        left: lists.map(|lists| authors(&lists.left)).unwrap_or_default(),
    }
}

fn room_state(settings: &RoomSettings, first_seq: i64) -> RoomState {
    RoomState {
        title: settings.title.clone().unwrap_or_default(),
        settings_json: serde_json::to_string(&settings.settings).unwrap_or_default(),
        settings_rev: settings.rev,
        first_seq,
    }
}

fn signed(number: impl TryInto<i64>) -> i64 {
    number.try_into().unwrap_or(i64::MAX)
}

/// What a reader has for itself of each Change: the room as it calls it, which stands before what all share. In protobuf the
/// fields of a message may come in any pieces.
pub fn own_part(room: &str) -> Bytes {
    Change { room: room.to_owned(), ..Change::default() }.encode_to_vec().into()
}

/// Events for a test.
#[cfg(test)]
pub mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::doors::records::{Piece, Records};
    use chat_rooms::TypingNow;

    /// The Changes in what lies in a pipe.
    pub fn changes(bytes: Bytes) -> Vec<Change> {
        let (mut records, mut chunk, mut all) = (Records::default(), bytes, Vec::new());
        while let Some(piece) = records.next(&mut chunk) {
            if let Piece::Bytes(bytes) = piece {
                all.push(Change::decode(&*bytes).expect("a Change"));
            }
        }
        all
    }

    #[test]
    fn each_event_is_a_change_of_its_own_and_all_share_it() {
        let typing = || Arc::new(Event::Typing(TypingNow { authors: vec![], more: 3 }));
        let batch = Batch::new(vec![typing(), typing()]);
        let bytes = CHANGES.batch(&batch, Epoch::random());
        assert_eq!(bytes.as_ptr(), CHANGES.batch(&batch, Epoch::random()).as_ptr(), "all share it");
        let expected = standing(What::Typing(Typing { authors: vec![], more: 3 }));
        assert_eq!(changes(bytes), [expected.clone(), expected]);
    }

    #[test]
    fn the_readers_own_part_stands_before_what_all_share() {
        let shared = standing(What::Heartbeat(Heartbeat { room_rev: 7 }));
        let whole = [&own_part("글 a")[..], &shared.encode_to_vec()].concat();
        assert_eq!(Change::decode(&*whole), Ok(Change { room: "글 a".to_owned(), ..shared }));
    }

    #[test]
    fn what_a_session_says_for_itself_is_a_change_as_well() {
        let said = |json: &str| changes(CHANGES.text(json.as_bytes())).into_iter().map(|change| change.what).collect();
        let one = |what| vec![Some(what)];
        let heartbeat: Vec<Option<What>> = said(r#"{"type":"HEARTBEAT","payload":{"rev":4}}"#);
        assert_eq!(heartbeat, one(What::Heartbeat(Heartbeat { room_rev: 4 })));
        let reconnect: Vec<Option<What>> = said(r#"{"type":"RECONNECT","payload":{"afterMs":250}}"#);
        assert_eq!(reconnect, one(What::Reconnect(Reconnect { after_ms: 250 })));
        let error: Vec<Option<What>> = said(
            r#"{"type":"ERROR","payload":{"code":"BANNED","message":"m","until":"1970-01-01T00:00:01.000Z","reason":"r"}}"#,
        );
        let until = Some(chat_grpc::prost_types::Timestamp { seconds: 1, nanos: 0 });
        let (code, message, reason) = ("BANNED".to_owned(), "m".to_owned(), "r".to_owned());
        assert_eq!(error, one(What::Error(Error { code, message, retry_after_ms: 0, until, reason })));
        let pong: Vec<Option<What>> = said(r#"{"type":"PONG","payload":{}}"#);
        assert_eq!(pong, []);
    }
}
