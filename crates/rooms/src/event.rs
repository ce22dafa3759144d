//! What rooms emit, as facts. Rooms know no wire: whoever brings an event to clients encodes it, once for each codec,
//! and everybody who speaks that codec shares the bytes (as centrifuge does with its prepared data).

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use chat_domain::{Author, AuthorId, ChangeRefusal, ChatMessage, Epoch, Reaction, RoomId};
use chat_store::{HoldReason, RoomSettings, StoredMessage};
use uuid::Uuid;

use crate::ids::SessionId;

/// How many codecs there are: one for each encoding of a way in.
pub const N_CODECS: usize = 6;
/// So many ends of a room's messages are kept compressed: the latest page, and what all who come back after the same
/// moment have missed.
const ENDS_KEPT: usize = 2;

/// An encoding, by its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Codec(usize);

impl Codec {
    /// Protocol version 1: JSON in WebSocket frames.
    pub const V1: Self = Self(0);
    /// The same, compressed.
    pub const V1_DEFLATED: Self = Self(1);
    /// JSON as events of a stream that is the body of an answer (Server-Sent Events).
    pub const EVENTS: Self = Self(2);
    /// JSON in MESSAGEs of STOMP.
    pub const STOMP: Self = Self(3);
    /// JSON in events of Socket.IO.
    pub const SOCKETIO: Self = Self(4);
    /// Messages of gRPC.
    pub const GRPC: Self = Self(5);

    /// Which one it is, below [`N_CODECS`].
    pub fn number(self) -> usize {
        self.0
    }
}

/// What was made of something once for each codec.
#[derive(Debug)]
struct Prepared<T>([OnceLock<T>; N_CODECS]);

impl<T> Default for Prepared<T> {
    fn default() -> Self {
        Self(Default::default())
    }
}

impl<T: Clone> Prepared<T> {
    /// Makes it at the first call for this codec.
    fn get(&self, Codec(n): Codec, make: impl FnOnce() -> T) -> T {
        match self.0.get(n) {
            Some(cell) => cell.get_or_init(make).clone(),
            None => make(),
        }
    }
}

/// Something that happened in a room.
#[derive(Debug)]
pub enum Event {
    /// A change: a message, new or as it is now. To every member.
    Message(MessageEvent),
    /// A change of what people react to a message with. To every member.
    Reactions(ReactionsEvent),
    /// Who is here. To every member.
    People(People),
    /// Who is typing. To every member.
    Typing(TypingNow),
    /// A message is stored, or its change. To whoever asked for it.
    Stored {
        /// The sender's key.
        client_id: Uuid,
        /// What the database gave the message.
        stored: StoredMessage,
        /// The value of the counter that this took; the message's `seq` where it was a repeat.
        rev: i64,
    },
    /// An identity's nickname and avatar now. To its own sessions.
    Profile(Author),
    /// What the room is now. To every member.
    Room(RoomState),
    /// What somebody with a right did. To those who may know.
    Moderated(Moderated),
    /// How much waits for those who keep order. To them.
    Queue {
        /// How many messages have open reports.
        reported: i64,
        /// How many wait to be let through.
        held: i64,
    },
    /// Something was refused. To whoever asked for it.
    Refused {
        /// Which message it is about, where it is about one.
        client_id: Option<Uuid>,
        /// Why.
        refusal: Refusal,
        /// The same in the words of whoever brought it about.
        reason: Option<Arc<str>>,
    },
}

/// What a room is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomState {
    /// The room's counter when it was told; a state takes no value of it.
    pub rev: i64,
    /// What its owner has made of it, as visitors get it: `rev` is of its settings and those of all rooms together.
    pub settings: RoomSettings,
    /// Messages below this are gone; 0 where none is.
    pub first_seq: i64,
}

/// What somebody with a right did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moderated {
    /// The entry in what was done.
    pub entry: i64,
    /// What.
    pub action: &'static str,
    /// When.
    pub at: chrono::DateTime<chrono::Utc>,
    /// By whom.
    pub by: Author,
    /// To whom, where it was done to somebody.
    pub target: Option<AuthorId>,
    /// To which message, where it was done to one.
    pub message: Option<i64>,
    /// The key of the command, for whoever sent it.
    pub client_id: Option<Uuid>,
}

/// What a frame adds to the message in it, in bytes of JSON, and no fewer.
pub const FRAME_BYTES: usize = 32;

/// A message and what it was encoded as: live, in a WELCOME and in a batch it is the same.
#[derive(Debug)]
pub struct MessageEvent {
    message: Arc<ChatMessage>,
    prepared: Prepared<Bytes>,
}

impl MessageEvent {
    /// The event that a message is.
    pub fn new(message: Arc<ChatMessage>) -> Self {
        Self { message, prepared: Prepared::default() }
    }

    /// The message.
    pub fn message(&self) -> &Arc<ChatMessage> {
        &self.message
    }

    /// The message as this codec writes it; `encode` is called at the first time only.
    pub fn encoded(&self, codec: Codec, encode: impl FnOnce(&ChatMessage) -> Bytes) -> Bytes {
        self.prepared.get(codec, || encode(&self.message))
    }
}

/// What has changed of the reactions to a message.
#[derive(Debug)]
pub struct ReactionsEvent {
    /// The message as it is now; its `rev` is the change's.
    pub message: Arc<ChatMessage>,
    /// The emojis that have changed, in absolute figures.
    pub reactions: Box<[Reaction]>,
}

impl ReactionsEvent {
    /// How many bytes it takes as JSON, and no fewer, less what a frame adds.
    pub fn n_bytes_as_json(&self) -> usize {
        const KEYS_AND_NUMBERS: usize = 100;
        KEYS_AND_NUMBERS + self.reactions.iter().map(|reaction| reaction.n_bytes_as_json() + 1).sum::<usize>()
    }
}

/// Who is typing in a room.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TypingNow {
    /// Who, the first few.
    pub authors: Vec<Author>,
    /// How many besides.
    pub more: usize,
}

impl TypingNow {
    /// About how many bytes it takes as JSON, and no fewer.
    pub fn n_bytes_as_json(&self) -> usize {
        const KEYS: usize = 80;
        KEYS + self.authors.iter().map(|author| author.n_bytes_as_json() + 1).sum::<usize>()
    }
}

/// Who is in a room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct People {
    /// How many, readers included.
    pub count: usize,
    /// The number is only about right.
    pub is_approximate: bool,
    /// Who they are; none where there are too many to list.
    pub lists: Option<PeopleLists>,
}

/// See [`People`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeopleLists {
    /// Everybody with a nickname.
    pub members: Vec<Author>,
    /// Who came and stayed.
    pub joined: Vec<Author>,
    /// Who left and stayed away.
    pub left: Vec<Author>,
}

impl People {
    /// About how many bytes it takes as JSON, and no fewer.
    pub fn n_bytes_as_json(&self) -> usize {
        const KEYS: usize = 128;
        let of = |authors: &[Author]| authors.iter().map(|a| a.n_bytes_as_json() + 1).sum::<usize>();
        KEYS + self.lists.as_ref().map_or(0, |l| of(&l.members) + of(&l.joined) + of(&l.left))
    }
}

/// Why something was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// A queue or a limit of the server is full: to be tried again.
    Overloaded,
    /// The database did not answer; nothing is known to be stored.
    StoreUnavailable,
    /// Who writes needs a nickname first.
    NicknameRequired,
    /// The sender's key was used for other content.
    ClientIdConflict,
    /// What is to be changed cannot be.
    Change(ChangeRefusal),
    /// There is no message to answer.
    InvalidReply,
    /// Who asks has no right to it.
    Forbidden,
    /// Who asks is shut out.
    Banned {
        /// Until when; none for good.
        until: Option<chrono::DateTime<chrono::Utc>>,
    },
    /// An account has taken over the identity of whoever asks.
    Claimed,
    /// Nobody writes here now.
    Locked,
    /// The text breaks a rule of the room.
    Blocked,
    /// The same text was said here a short time ago.
    Repeated {
        /// When it may be said again.
        retry_after_ms: u64,
    },
    /// One message in so long, in this room.
    SlowMode {
        /// When the next one may be sent.
        retry_after_ms: u64,
    },
    /// The identity is too young to write in this room.
    TooYoung {
        /// When it is old enough.
        retry_after_ms: u64,
    },
    /// The message waits for whoever keeps order.
    Held {
        /// Why.
        reason: HoldReason,
    },
    /// Whoever keeps order has decided against the message.
    Rejected,
    /// The nickname looks like that of somebody who keeps order.
    NicknameTaken,
    /// The database does not take the message.
    NotStorable,
    /// Too much in too short a time, as a limit above the room found.
    TooFast {
        /// Which limit, in a sentence for developers.
        sentence: &'static str,
        /// When a retry can pass.
        retry_after_ms: u64,
    },
}

/// Why a room ends the subscriptions of its members.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndReason {
    /// The room's history is another one now: they join anew, without what they know.
    StartOver,
    /// The room ended under them: they join another one of the same name.
    RoomEnded,
    /// Who they joined as acts as somebody else now: they join anew, as that one.
    JoinAnew,
}

/// Events that every member gets together, in order.
#[derive(Debug)]
pub struct Batch {
    events: Vec<Arc<Event>>,
    prepared: Prepared<Bytes>,
}

impl Batch {
    /// These events, of which there is one at least.
    pub fn new(events: Vec<Arc<Event>>) -> Self {
        Self { events, prepared: Prepared::default() }
    }

    /// The events.
    pub fn events(&self) -> &[Arc<Event>] {
        &self.events
    }

    /// All of them as this codec writes them; `encode` is called at the first time only.
    pub fn encoded(&self, codec: Codec, encode: impl FnOnce(&[Arc<Event>]) -> Bytes) -> Bytes {
        self.prepared.get(codec, || encode(&self.events))
    }
}

/// What a session gets that becomes a member.
#[derive(Debug, Clone)]
pub struct Welcome {
    /// The session.
    pub session: SessionId,
    /// Its identity's nickname and avatar; none for a reader.
    pub own: Option<Author>,
    /// The identities that their account has taken over: what those wrote is their own.
    pub also: Arc<[AuthorId]>,
    /// The room.
    pub room: RoomId,
    /// This life of its counter.
    pub epoch: Epoch,
    /// What its owner has made of it.
    pub settings: RoomSettings,
    /// Messages below this are gone; 0 where none is.
    pub first_seq: i64,
    /// Its counter: everything up to there is known with this, and with `pieces`.
    pub rev: i64,
    /// Whether `messages` are those behind the point of resume, else the latest ones.
    pub resumed: bool,
    /// There are messages before the first of `messages`. Means nothing where resumed.
    pub has_more: bool,
    /// Who is here.
    pub people: People,
    /// Seconds between two heartbeats.
    pub heartbeat_seconds: u64,
    /// The messages, oldest first; none where they come in pieces.
    pub messages: Messages,
    /// What was missed, where it is much, and the counter that the client has: each goes as a frame of its own behind
    /// the WELCOME, before anything live.
    pub pieces: Option<(i64, Vec<Arc<Batch>>)>,
    /// The pinned messages, the newest pin first.
    pub pinned: Vec<Arc<ChatMessage>>,
    /// How old a message may be that its author edits; none for any age.
    pub edit_window: Option<Duration>,
    /// What the session may do, where that is more than any visitor may.
    pub rights: Option<chat_domain::Rights>,
}

/// The last of the messages that a room holds: shared by all that get some of them, so that a storm of joins neither
/// copies nor encodes anything.
#[derive(Debug, Clone, Default)]
pub struct Messages {
    held: Arc<Held>,
    from: usize,
}

/// All messages that a room holds between two changes.
#[derive(Debug, Default)]
pub(crate) struct Held {
    events: Vec<Arc<Event>>,
    prepared: Prepared<(Bytes, Arc<[usize]>)>,
    /// The latest ends that were compressed, each with the index of its first message.
    compressed: Mutex<VecDeque<(usize, Bytes)>>,
}

impl Held {
    pub(crate) fn new(events: Vec<Arc<Event>>) -> Arc<Self> {
        Arc::new(Self { events, ..Self::default() })
    }

    /// Those from this index on.
    pub(crate) fn from(self: &Arc<Self>, from: usize) -> Messages {
        Messages { held: self.clone(), from }
    }
}

impl Messages {
    /// The messages, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &MessageEvent> {
        self.held.events.iter().skip(self.from).filter_map(|event| match &**event {
            Event::Message(message) => Some(message),
            _ => None,
        })
    }

    /// The bytes from the first of these messages to the last. `join` is called once for all messages that the room
    /// holds: it gives them encoded in a row, and where each of them begins.
    pub fn encoded(&self, codec: Codec, join: impl FnOnce(&Messages) -> (Bytes, Vec<usize>)) -> Bytes {
        // Most who come back have missed nothing.
        if self.from >= self.held.events.len() {
            return Bytes::new();
        }
        let (bytes, begins) = self.held.prepared.get(codec, || {
            let (bytes, begins) = join(&self.held.from(0));
            (bytes, begins.into())
        });
        match begins.get(self.from) {
            #[expect(clippy::disallowed_methods, reason = "`begins` was made from `bytes`")]
            Some(begin) if *begin <= bytes.len() => bytes.slice(*begin..),
            _ => Bytes::new(),
        }
    }

    /// These messages as `compress` leaves them. Kept for those who get the same; where two threads ask for them at
    /// once, each may call it.
    pub fn compressed(&self, compress: impl FnOnce() -> Bytes) -> Bytes {
        let kept = || self.held.compressed.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, bytes)) = kept().iter().find(|(from, _)| *from == self.from) {
            return bytes.clone();
        }
        let bytes = compress();
        let mut kept = kept();
        kept.truncate(ENDS_KEPT - 1);
        kept.push_front((self.from, bytes.clone()));
        bytes
    }
}
