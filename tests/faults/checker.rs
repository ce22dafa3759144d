//! Holds what every client saw against what the database has. Pure: lists in, violations out.
//!
//! Model: Jepsen's checkers. A history is all that a client sent and received, in order; the rows of the database
//! are the truth. A message has one state for each value of the counter that one of its changes took, and the
//! database has the last one; earlier ones are known from those who saw them. Within one life of a room a client must
//! see the counter's values once and in order, and a value may be left out only where a later one is of the same message.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use chat_wire::{AckPayload, ErrorCode, MessagePayload, ReactionsPayload, ResumePoint};
use uuid::Uuid;

#[path = "checker_reader.rs"]
mod reader;
#[path = "checker_truth.rs"]
mod truth;

pub use reader::check_history;
pub use truth::Truth;

/// As clients see it and as it is stored.
pub type Message = MessagePayload<'static>;
/// What people react to a message with, as far as that has changed.
pub type Reactions = ReactionsPayload<'static>;

/// What a client asks for. `id` is the message's.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    Message { content: String },
    Edit { id: String, version: i32, content: String },
    Delete { id: String },
    React { id: String, emoji: String, on: bool },
}

/// What one client did and what it was told: `Connected` is a new socket, `Asked` a JOIN, and `Sent` a command, for the
/// first time or again. `head` is where the pieces lead that follow a WELCOME.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    Connected,
    Asked(Option<ResumePoint>),
    Welcome { epoch: String, rev: i64, head: Option<i64>, resumed: bool, has_more: bool, messages: Vec<Message> },
    Sent { client_id: Uuid, command: Command },
    Message(Message),
    Reaction(Reactions),
    Ack(AckPayload),
    Refused { client_id: Option<Uuid>, code: ErrorCode },
    Closed(u16),
}

/// One client's whole life, over all its connections, in one room.
#[derive(Debug, Clone, Default)]
pub struct History {
    pub room: String,
    /// Its public id, where it is an author.
    pub author: Option<String>,
    /// Each with the time since the run began, in milliseconds.
    pub events: Vec<(u64, Event)>,
}

/// What a message said before an edit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredEdit {
    /// The message's.
    pub id: String,
    /// The version that had this content.
    pub version: i32,
    /// Empty where the message is deleted.
    pub content: String,
    /// The key of the edit that replaced it.
    pub client_id: Uuid,
}

/// A room as the database has it, and as a server without memory of it tells it.
#[derive(Debug, Clone, Default)]
pub struct StoredRoom {
    pub epoch: String,
    pub last_rev: i64,
    pub message_count: i64,
    /// By `seq`.
    pub rows: Vec<Message>,
    /// By message and version.
    pub edits: Vec<StoredEdit>,
    /// Message, author, emoji.
    pub reactions: BTreeSet<(String, String, String)>,
    /// All that each server's HTTP interface gives, page by page.
    pub fresh: Vec<Vec<Message>>,
    /// The counter that each server's summary of the room tells.
    pub summaries: Vec<i64>,
    /// Of several changes of one message the last one alone may come live: another server makes some, or a server does
    /// not learn at once what became of what it stored.
    pub may_jump: bool,
    /// Somebody keeps order, so that people are banned and rooms locked.
    pub is_moderated: bool,
    /// Messages, by id, that others than their authors deleted, or brought back: what was with the text is gone then.
    pub touched: BTreeSet<String>,
    /// How often that was.
    pub n_acts: usize,
}

#[derive(Debug, Clone, Default)]
pub struct Run {
    pub clients: Vec<History>,
    pub rooms: BTreeMap<String, StoredRoom>,
}

/// What is broken. Each names what it takes to find it again in a shorter history.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Broken {
    /// Acknowledged, and not in the database.
    Lost { client_id: Uuid, seq: i64 },
    /// Acknowledged with other values than those stored.
    WrongAck { client_id: Uuid, told: String, stored: String },
    /// Two acknowledgements of one message differ.
    AckChanged { client_id: Uuid },
    /// Acknowledged, and never sent by this client.
    UnknownAck { client_id: Uuid },
    /// Sent, and not acknowledged although all was well at the end.
    Unanswered { client_id: Uuid },
    /// Seen, and not in the database.
    Phantom { seq: i64, client_id: Uuid },
    /// Seen otherwise than it is stored.
    Different { seq: i64, seen: String, stored: String },
    /// A change left out that no later one of the same message makes up for.
    Gap { after: i64, then: i64 },
    /// An older one after a newer one.
    Swapped { after: i64, then: i64 },
    /// The same one twice.
    Twice { seq: i64 },
    /// A change before WELCOME.
    BeforeWelcome { seq: i64 },
    /// A server knew less than the client had seen before, in the same epoch.
    WentBack { had: i64, told: i64 },
    /// Resumed where nothing, or another epoch, was asked for.
    ResumedUnasked { rev: i64 },
    /// `hasMore` does not say what is so.
    WrongHasMore { first: i64 },
    /// The epoch is not the room's.
    OtherEpoch { told: String },
    /// All was well, and still the client never saw the end.
    NeverSaw { cursor: i64, last_rev: i64 },
    /// A counter value of the database is missing or there twice; a missing one is not that of any change.
    RowsNotWhole { after: i64, then: i64 },
    /// One message is stored twice.
    StoredTwice { client_id: Uuid },
    /// Stored, and never sent, or with other content than was sent: a message, or an edit.
    StoredUnsent { client_id: Uuid },
    /// Acknowledged, and the text is neither the message's nor that of one of its versions.
    EditLost { client_id: Uuid, seq: i64 },
    /// Acknowledged, and the message is not deleted.
    DeletionLost { client_id: Uuid, seq: i64 },
    /// Acknowledged, and the database says the opposite, though the client did not ask for that later.
    ReactionLost { client_id: Uuid, seq: i64 },
    /// Refused for good without a reason that the database shows.
    WrongRefusal { client_id: Uuid, code: String },
    /// The text of a deleted message, behind the value of its deletion.
    TextBack { seq: i64 },
    /// A message in the state of before a change that was to be in it.
    Stale { seq: i64, rev: i64 },
    /// Two states of one message at one value of the counter.
    TwoStates { seq: i64, rev: i64 },
    /// At the end the client has a message in another state than the database, or not at all.
    EndsOtherwise { seq: i64 },
    /// Deleted, and its author never asked for that.
    DeletedUnasked { seq: i64 },
    /// Deleted, and a text or a reaction is left.
    TextKept { seq: i64 },
    /// The earlier versions of a message are not those from 1 to the one before its last.
    EditsNotWhole { seq: i64 },
    /// Somebody is said to react who never asked for that.
    ReactedUnasked { seq: i64, author: String },
    /// What a message says of its reactions is not what the table says.
    AggregateDiffers { seq: i64 },
    /// Two changes of different messages took one value of the counter.
    ValueTwice { rev: i64 },
    /// The room's row does not say what its messages say.
    WrongCounters { last_rev: i64, message_count: i64, rows: i64 },
    /// The HTTP interface gives another history than the database.
    FreshDiffers { seq: i64 },
    /// A server's summary of the room tells another counter than the database has.
    SummaryDiffers { told: i64, stored: i64 },
}

impl Broken {
    /// Its name alone, to be counted.
    pub fn name(&self) -> String {
        format!("{self:?}").split([' ', '{']).next().unwrap_or_default().to_owned()
    }
}

/// What is broken, where.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Violation {
    pub room: String,
    /// Whose history shows it; `None` where the database alone does.
    pub client: Option<usize>,
    pub what: Broken,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let who = self.client.map_or("the database".to_owned(), |n| format!("client {n}"));
        write!(f, "{who} in room {:?}: {:?}", self.room, self.what)
    }
}

/// Whether asking again cannot help.
pub fn is_final(code: ErrorCode) -> bool {
    use ErrorCode as E;
    !matches!(code, E::Overloaded | E::StoreUnavailable | E::RateLimited | E::Internal | E::NotJoined)
}

/// All that is broken, each once.
pub fn check(run: &Run) -> Vec<Violation> {
    let mut found = BTreeSet::new();
    for (name, room) in &run.rooms {
        let truth = Truth::of(room, run.clients.iter().filter(|client| client.room == *name));
        for what in truth.check_rows() {
            found.insert(Violation { room: name.clone(), client: None, what });
        }
        for (n, client) in run.clients.iter().enumerate().filter(|(_, client)| client.room == *name) {
            for what in check_history(client, &truth) {
                found.insert(Violation { room: name.clone(), client: Some(n), what });
            }
        }
    }
    found.into_iter().collect()
}

/// The shortest history that still shows a violation: of its client and room alone, with every event left out that
/// it does not need. Empty where the database alone shows it.
pub fn shortest(run: &Run, violation: &Violation) -> Vec<(u64, Event)> {
    let Some(client) = violation.client.and_then(|n| run.clients.get(n)) else { return Vec::new() };
    let none = StoredRoom::default();
    let stored = run.rooms.get(&client.room).unwrap_or(&none);
    let truth = Truth::of(stored, run.clients.iter().filter(|other| other.room == client.room));
    let shows = |events: &[(u64, Event)]| {
        let history = History { events: events.to_vec(), ..client.clone() };
        check_history(&history, &truth).contains(&violation.what)
    };
    let mut events = client.events.clone();
    if !shows(&events) {
        return events;
    }
    // Large pieces first, then smaller ones, down to single events (ddmin, Zeller 2002).
    let mut size = events.len().div_ceil(2);
    loop {
        let before = events.len();
        let mut at = 0;
        while at < events.len() {
            let end = (at + size).min(events.len());
            let mut without = events.clone();
            without.drain(at..end);
            if shows(&without) { events = without } else { at = end }
        }
        if size > 1 {
            size = size.div_ceil(2);
        } else if events.len() == before {
            return events;
        }
    }
}
