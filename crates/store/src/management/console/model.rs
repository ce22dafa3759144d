use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

use chat_domain::{Author, AuthorId, AvatarName, ChatMessage, Nickname, RoomId};

/// An hour or a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Span {
    /// The hour from then on.
    Hour(DateTime<Utc>),
    /// The day from then on, in UTC.
    Day(DateTime<Utc>),
}

impl Span {
    /// When it begins.
    pub fn begin(self) -> DateTime<Utc> {
        match self {
            Self::Hour(at) | Self::Day(at) => at,
        }
    }

    /// The first moment behind it.
    pub fn end(self) -> DateTime<Utc> {
        let length = match self {
            Self::Hour(_) => chrono::TimeDelta::hours(1),
            Self::Day(_) => chrono::TimeDelta::days(1),
        };
        self.begin().checked_add_signed(length).unwrap_or(DateTime::<Utc>::MAX_UTC)
    }
}

/// How much was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Written {
    /// How many messages, those that were deleted since included.
    pub messages: i64,
    /// By how many people.
    pub people: i64,
    /// In how many rooms.
    pub rooms: i64,
}

/// What there is at this moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    /// How many rooms were ever written in or set.
    pub rooms: i64,
    /// How many messages they have.
    pub messages: i64,
    /// How many people wrote.
    pub people: i64,
}

/// What waits for whoever keeps order, and by what one sees that something was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Waiting {
    /// How many messages wait for a moderator, a thousand at most.
    pub held: i64,
    /// How many messages have open reports, a thousand at most.
    pub reported: i64,
    /// The id of the last entry of what was done.
    pub entry: i64,
}

/// Which rooms are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RoomState {
    /// All of them.
    #[default]
    All,
    /// Those in which nobody writes.
    Locked,
    /// Those of which messages wait.
    Held,
    /// Those of which messages have open reports.
    Reported,
    /// Those in which somebody wrote within a day.
    Recent,
}

/// In which order rooms are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RoomSort {
    /// Those first in which somebody wrote last.
    #[default]
    Recent,
    /// Those with most messages first.
    Messages,
    /// By their ids.
    Name,
}

/// Which part of the rooms is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RoomsQuery {
    /// With this in the id or the title: in lower case, with a backslash before what would stand for something else.
    pub text: Option<String>,
    /// In this state.
    pub state: RoomState,
    /// Whether rooms that do not say so are locked.
    pub locked_by_default: bool,
    /// In this order.
    pub sort: RoomSort,
    /// Behind this room.
    pub after: Option<RoomPlace>,
    /// At most so many, and one more where there are more.
    pub limit: usize,
}

/// Where a room stands in a list: its id, and what goes before it in the order that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomPlace {
    /// The time of its last message in microseconds, or how many messages it has; none where there is no such time.
    pub key: Option<i64>,
    /// Its id.
    pub id: String,
}

/// A room as it is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomListed {
    /// Its id.
    pub id: RoomId,
    /// What it is called.
    pub title: Option<String>,
    /// When it was first used.
    pub created_at: DateTime<Utc>,
    /// When somebody last wrote there.
    pub last_message_at: Option<DateTime<Utc>>,
    /// How many messages it has.
    pub message_count: i64,
    /// What is set for it alone.
    pub settings: Map<String, Value>,
    /// How many messages wait.
    pub held: i64,
    /// How many messages have open reports.
    pub reported: i64,
}

/// A room as everybody may know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomCount {
    /// Its id.
    pub id: RoomId,
    /// How many messages it has.
    pub message_count: i64,
    /// When somebody last wrote there.
    pub last_message_at: Option<DateTime<Utc>>,
}

/// Which part of the people is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PeopleQuery {
    /// With this in one of their names, written as in [`RoomsQuery::text`].
    pub text: Option<String>,
    /// Or with this very id.
    pub id: Option<AuthorId>,
    /// Behind the one who was seen then, in microseconds, and has this id.
    pub after: Option<(i64, String)>,
    /// At most so many, and one more where there are more.
    pub limit: usize,
}

/// Somebody as they are listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonListed {
    /// Their public id.
    pub id: AuthorId,
    /// What they were last called.
    pub nickname: Nickname,
    /// Their picture.
    pub avatar: AvatarName,
    /// When they first came.
    pub first_seen_at: DateTime<Utc>,
    /// When they last wrote, give or take an hour.
    pub last_seen_at: DateTime<Utc>,
    /// In how many rooms they are known.
    pub rooms: i64,
    /// Whether they are shut out somewhere.
    pub is_banned: bool,
}

/// What is known of somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonSeen {
    /// Who it is.
    pub person: PersonListed,
    /// The names they wrote under, the newest first.
    pub names: Vec<(Nickname, DateTime<Utc>)>,
    /// Where they are known, the last used first, and since when.
    pub rooms: Vec<(RoomId, DateTime<Utc>, Option<DateTime<Utc>>)>,
    /// What they wrote there lately, the newest first.
    pub messages: Vec<(RoomId, ChatMessage)>,
}

/// Somebody who wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonWrote {
    /// Their public id.
    pub id: AuthorId,
    /// What they are called.
    pub nickname: Nickname,
    /// Their picture.
    pub avatar: AvatarName,
}

impl From<&Author> for PersonWrote {
    fn from(author: &Author) -> Self {
        Self { id: author.id.clone(), nickname: author.nickname.clone(), avatar: author.avatar }
    }
}
