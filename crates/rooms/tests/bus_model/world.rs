//! What there is: the database, the room on both servers, and what the bus may bring.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};

use chat_domain::{Author, AuthorId, AvatarName, Change, ChatMessage, Content, Nickname};

/// Whose change it is: no two are alike, and the database gives each its value of the counter.
pub type Id = usize;

/// Changes that a server has committed, as they go over the bus.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Frame {
    pub server: usize,
    pub first_rev: i64,
    pub ids: Vec<Id>,
}

impl Frame {
    pub fn upto(&self) -> i64 {
        self.first_rev + as_rev(self.ids.len()) - 1
    }

    pub fn changes(&self) -> impl Iterator<Item = (i64, Id)> {
        (self.first_rev..).zip(self.ids.iter().copied())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Life {
    /// No such room on this server.
    Gone,
    /// It reads the database, as of the moment when that had so many changes.
    Loading(usize),
    Live,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Listens {
    No,
    /// It asked the bus, which has not answered.
    Asked,
    Yes,
}

/// A change that waits for what is missing before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Ahead {
    pub id: Id,
    /// It came over the bus.
    pub is_heard: bool,
    /// A read has begun since.
    pub is_asked: bool,
}

/// The room on one server.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Room {
    pub life: Life,
    pub listens: Listens,
    /// What its members have been shown, in that order.
    pub shown: Vec<Id>,
    /// What the timeline is made of: up to where it has applied everything, and what waits.
    pub rev: i64,
    pub ahead: BTreeMap<i64, Ahead>,
    /// A read of changes, as of the moment when the database had so many.
    pub reading: Option<usize>,
    /// The database is known to have changes up to here; whether more was wanted since the read began.
    pub wanted: i64,
    pub is_wanted_since: bool,
    /// Committed, and the room does not know yet.
    pub answers: VecDeque<Frame>,
    /// Known, and not on the bus yet.
    pub to_publish: VecDeque<Frame>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct World {
    /// The database: the change with the value 1 first.
    pub stored: Vec<Id>,
    pub n_ids: usize,
    pub n_ends_left: usize,
    pub rooms: [Room; 2],
    /// What the bus may bring to each.
    pub bus: [BTreeSet<Frame>; 2],
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Somebody opens the room.
    Join(usize),
    /// The read of the room has its answer.
    Loaded(usize),
    /// The bus has begun to bring what is said of the room.
    Listens(usize),
    /// A server stores so many changes at once.
    Commit(usize, usize),
    /// The room learns what its server has stored.
    Answer(usize),
    /// The oldest of what it has to say goes out.
    Publish(usize),
    Receive(usize, Frame),
    /// It asks where the database is.
    Poll(usize),
    /// The read of changes has its answer, or fails and is begun again.
    Read(usize),
    ReadFails(usize),
    /// The server dies, at any moment: between commit and publish as well.
    Dies(usize),
    /// See [`Wrong::PublishesEarly`].
    PublishEarly(usize),
}

/// What can be wrong with the rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wrong {
    /// Nothing asks where the database is once the bus brings what is new.
    ChecksNoHead,
    /// What comes too early is shown at once.
    ShowsWhatIsAhead,
    /// What was shown is shown again when it comes again.
    ShowsRepeats,
    /// The others hear of what may never be committed.
    PublishesEarly,
    /// What comes while the room loads is forgotten.
    ForgetsWhileLoading,
    /// What is wanted while a read is under way counts as read by it.
    TakesOldReadsForNew,
    /// Nobody polls, though the bus may lose things.
    NeverPolls,
}

pub struct Cluster {
    pub is_lossy: bool,
    pub wrong: Option<Wrong>,
    /// The room lives on both servers from the beginning, and both listen.
    pub begins_live: bool,
    pub n_changes_max: usize,
    pub n_ends_max: usize,
    /// By value of the counter and by id.
    pub changes: Vec<Vec<Change>>,
}

pub const N_CHANGES_MAX: usize = 3;
/// The rule's own maximum is far beyond what is tried here.
pub const HELD_MAX: usize = 2;

pub fn as_rev(n: usize) -> i64 {
    i64::try_from(n).expect("few")
}

pub fn change(rev: i64, id: Id) -> Change {
    let author = AuthorId::from_stored("author-of-all-things");
    Change::from(Arc::new(ChatMessage {
        id: rev,
        seq: rev,
        rev,
        client_id: uuid::Uuid::from_u128(u128::try_from(id).expect("few")),
        author: Author {
            avatar: AvatarName::derived_from(&author),
            nickname: Nickname::parse("author").expect("a nickname"),
            badge: None,
            id: author,
        },
        content: Content::parse("words").expect("content"),
        created_at: chrono::DateTime::UNIX_EPOCH,
        annotations: None,
    }))
}

pub fn id_of(change: &Change) -> Id {
    usize::try_from(change.message.client_id.as_u128()).expect("few")
}

impl Room {
    pub const GONE: Self = Self {
        life: Life::Gone,
        listens: Listens::No,
        shown: Vec::new(),
        rev: 0,
        ahead: BTreeMap::new(),
        reading: None,
        wanted: 0,
        is_wanted_since: false,
        answers: VecDeque::new(),
        to_publish: VecDeque::new(),
    };

    pub fn is_live(&self) -> bool {
        self.life == Life::Live
    }

    pub fn is_behind(&self) -> bool {
        self.is_live() && (self.wanted > self.rev || !self.ahead.is_empty())
    }
}
