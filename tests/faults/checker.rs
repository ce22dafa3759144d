//! Holds what every client saw against what the database has. Pure: lists in, violations out.
//!
//! Model: Jepsen's checkers. A history is all that a client sent and received, in order; the rows of the database
//! are the truth. Until messages can be edited every change is a message, so within one life of a room a client
//! must see each counter value once and in order; a value left out is a message left out.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use chat_wire::{AckPayload, ErrorCode, MessagePayload, ResumePoint};
use uuid::Uuid;

/// As clients see it and as it is stored.
pub type Message = MessagePayload<'static>;

/// What one client did and what it was told: `Connected` is a new socket, `Asked` a JOIN, and `Sent` a message, for the
/// first time or again.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    Connected,
    Asked(Option<ResumePoint>),
    Welcome { epoch: String, rev: i64, resumed: bool, has_more: bool, messages: Vec<Message> },
    Sent { client_id: Uuid, content: String },
    Message(Message),
    Ack(AckPayload),
    Refused { client_id: Option<Uuid>, code: ErrorCode },
    Closed(u16),
}

/// One client's whole life, over all its connections, in one room.
#[derive(Debug, Clone, Default)]
pub struct History {
    pub room: String,
    /// Each with the time since the run began, in milliseconds.
    pub events: Vec<(u64, Event)>,
}

/// A room as the database has it, and as a server without memory of it tells it.
#[derive(Debug, Clone, Default)]
pub struct StoredRoom {
    pub epoch: String,
    pub last_rev: i64,
    pub message_count: i64,
    /// By `seq`.
    pub rows: Vec<Message>,
    /// All that each server's HTTP interface gives, page by page.
    pub fresh: Vec<Vec<Message>>,
    /// The counter that each server's summary of the room tells.
    pub summaries: Vec<i64>,
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
    /// A message left out.
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
    /// A counter value of the database is missing or there twice.
    RowsNotWhole { after: i64, then: i64 },
    /// One message is stored twice.
    StoredTwice { client_id: Uuid },
    /// Stored, and never sent, or with other content than was sent.
    StoredUnsent { client_id: Uuid },
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

/// All that is broken, each once.
pub fn check(run: &Run) -> Vec<Violation> {
    let mut found = BTreeSet::new();
    for (name, room) in &run.rooms {
        let sent = run.clients.iter().filter(|c| c.room == *name).flat_map(|c| &c.events);
        let sent: BTreeSet<(Uuid, &str)> = sent
            .filter_map(|(_, event)| match event {
                Event::Sent { client_id, content } => Some((*client_id, content.as_str())),
                _ => None,
            })
            .collect();
        for what in check_rows(room, &sent) {
            found.insert(Violation { room: name.clone(), client: None, what });
        }
    }
    let none = StoredRoom::default();
    for (n, client) in run.clients.iter().enumerate() {
        let stored = run.rooms.get(&client.room).unwrap_or(&none);
        for what in check_history(client, stored) {
            found.insert(Violation { room: client.room.clone(), client: Some(n), what });
        }
    }
    found.into_iter().collect()
}

fn count(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

fn check_rows(room: &StoredRoom, sent: &BTreeSet<(Uuid, &str)>) -> Vec<Broken> {
    let mut found = Vec::new();
    let mut last = 0;
    let mut ids = BTreeSet::new();
    for row in &room.rows {
        if row.seq != last + 1 {
            found.push(Broken::RowsNotWhole { after: last, then: row.seq });
        }
        last = row.seq;
        if !ids.insert(row.client_id) {
            found.push(Broken::StoredTwice { client_id: row.client_id });
        }
        if !sent.contains(&(row.client_id, &*row.content)) {
            found.push(Broken::StoredUnsent { client_id: row.client_id });
        }
    }
    let (last_rev, message_count, rows) = (room.last_rev, room.message_count, count(room.rows.len()));
    if last_rev != rows || message_count != rows {
        found.push(Broken::WrongCounters { last_rev, message_count, rows });
    }
    for fresh in &room.fresh {
        let n = room.rows.len().max(fresh.len());
        if let Some(at) = (0..n).find(|at| room.rows.get(*at) != fresh.get(*at)) {
            found.push(Broken::FreshDiffers { seq: count(at) + 1 });
        }
    }
    let others = room.summaries.iter().filter(|told| **told != last_rev);
    found.extend(others.map(|told| Broken::SummaryDiffers { told: *told, stored: last_rev }));
    found
}

/// What a client knows while its history is read.
struct Reader<'a> {
    by_seq: BTreeMap<i64, &'a Message>,
    /// `None` before the first change that says where the client is.
    cursor: Option<i64>,
    /// Values told since the last start over.
    told: BTreeSet<i64>,
    found: Vec<Broken>,
}

impl Reader<'_> {
    fn change(&mut self, message: &Message) {
        let rev = message.rev;
        match self.by_seq.get(&message.seq) {
            None => self.found.push(Broken::Phantom { seq: message.seq, client_id: message.client_id }),
            Some(stored) if *stored != message => self.found.push(Broken::Different {
                seq: message.seq,
                seen: format!("{message:?}"),
                stored: format!("{stored:?}"),
            }),
            Some(_) => {}
        }
        if !self.told.insert(rev) {
            self.found.push(Broken::Twice { seq: rev });
        } else if let Some(after) = self.cursor {
            if rev < after {
                self.found.push(Broken::Swapped { after, then: rev });
            } else if rev != after + 1 {
                self.found.push(Broken::Gap { after, then: rev });
            }
        }
        self.cursor = Some(self.cursor.map_or(rev, |c| c.max(rev)));
    }
}

/// What is broken in one client's history alone.
pub fn check_history(client: &History, stored: &StoredRoom) -> Vec<Broken> {
    let by_id: BTreeMap<Uuid, &Message> = stored.rows.iter().map(|r| (r.client_id, r)).collect();
    let by_seq = stored.rows.iter().map(|r| (r.seq, r)).collect();
    let mut reader = Reader { by_seq, cursor: None, told: BTreeSet::new(), found: Vec::new() };
    let (mut joined, mut asked) = (false, None);
    let mut sent = BTreeSet::new();
    let mut acks: BTreeMap<Uuid, &AckPayload> = BTreeMap::new();
    for (_, event) in &client.events {
        match event {
            Event::Connected => (joined, asked) = (false, None),
            Event::Asked(resume) => asked = resume.as_ref(),
            Event::Welcome { epoch, rev, resumed, has_more, messages } => {
                joined = true;
                if *epoch != stored.epoch {
                    reader.found.push(Broken::OtherEpoch { told: epoch.clone() });
                }
                let asked = asked.take().filter(|a| a.epoch == *epoch);
                let had = asked.map(|a| i64::try_from(a.rev).unwrap_or(i64::MAX));
                welcome(&mut reader, had, *rev, *resumed, *has_more, messages);
            }
            Event::Message(message) => {
                if !joined {
                    reader.found.push(Broken::BeforeWelcome { seq: message.seq });
                }
                reader.change(message);
            }
            Event::Sent { client_id, .. } => {
                sent.insert(*client_id);
            }
            Event::Ack(ack) => {
                if *acks.entry(ack.client_id).or_insert(ack) != ack {
                    reader.found.push(Broken::AckChanged { client_id: ack.client_id });
                }
            }
            Event::Refused { .. } | Event::Closed(_) => {}
        }
    }
    let Reader { cursor, mut found, .. } = reader;
    for (client_id, ack) in &acks {
        let client_id = *client_id;
        if !sent.contains(&client_id) {
            found.push(Broken::UnknownAck { client_id });
        }
        match by_id.get(&client_id) {
            None => found.push(Broken::Lost { client_id, seq: ack.seq }),
            Some(row) => {
                let told = (ack.id.as_str(), ack.seq, ack.rev, ack.created_at.as_str());
                let is = (&*row.id, row.seq, row.rev, &*row.created_at);
                if told != is {
                    let (told, stored) = (format!("{told:?}"), format!("{is:?}"));
                    found.push(Broken::WrongAck { client_id, told, stored });
                }
            }
        }
    }
    let unanswered = sent.into_iter().filter(|id| !acks.contains_key(id));
    found.extend(unanswered.map(|client_id| Broken::Unanswered { client_id }));
    let cursor = cursor.unwrap_or_default();
    if cursor < stored.last_rev {
        found.push(Broken::NeverSaw { cursor, last_rev: stored.last_rev });
    }
    found
}

/// `had` is the resume point that was asked for, where it was of this epoch.
fn welcome(reader: &mut Reader<'_>, had: Option<i64>, rev: i64, resumed: bool, has_more: bool, messages: &[Message]) {
    if let Some(had) = had.filter(|had| rev < *had) {
        reader.found.push(Broken::WentBack { had, told: rev });
    }
    if !resumed {
        // The page begins a new list: what was told before may come again.
        let first = messages.first().map_or(rev + 1, |m| m.seq);
        reader.told.clear();
        reader.cursor = Some(first - 1);
        if has_more != (first > 1) {
            reader.found.push(Broken::WrongHasMore { first });
        }
    } else if had.is_none() {
        reader.found.push(Broken::ResumedUnasked { rev });
    }
    for message in messages {
        reader.change(message);
    }
    let reached = reader.cursor.unwrap_or(rev);
    if reached != rev {
        reader.found.push(Broken::Gap { after: reached, then: rev + 1 });
    }
}

/// The shortest history that still shows a violation: of its client and room alone, with every event left out that
/// it does not need. Empty where the database alone shows it.
pub fn shortest(run: &Run, violation: &Violation) -> Vec<(u64, Event)> {
    let Some(client) = violation.client.and_then(|n| run.clients.get(n)) else { return Vec::new() };
    let none = StoredRoom::default();
    let stored = run.rooms.get(&client.room).unwrap_or(&none);
    let shows = |events: &[(u64, Event)]| {
        let history = History { room: client.room.clone(), events: events.to_vec() };
        check_history(&history, stored).contains(&violation.what)
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
