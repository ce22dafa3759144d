use chrono::TimeDelta;
use uuid::Uuid;

use chat_domain::{AuthorId, RoomId};

/// Somebody who wants to be mailed of answers to what they wrote in a room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAnswerMail {
    /// A UUIDv7.
    pub id: Uuid,
    /// Where.
    pub room: RoomId,
    /// Who wrote what is answered.
    pub author: AuthorId,
    /// Where they are mailed.
    pub email: String,
    /// A keyed hash of that address.
    pub address_key: String,
    /// What they read, as a tag of a language.
    pub language: String,
}

/// How often an address is asked whether it wants this.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AskingPace {
    /// At most so many wait for answers or for a confirmation.
    pub kept_max: i64,
    /// An address that has confirmed nothing since gets so many letters.
    pub letters_max: i64,
    /// Within so long.
    pub within: TimeDelta,
}

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnswersAsked {
    /// The address is asked for a confirmation.
    Asked,
    /// Nothing is mailed: it was confirmed before, or the address was asked often enough.
    Quiet,
    /// As many wait as can be.
    Full,
}

/// Who waits for answers in a room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnswerWaiter {
    /// Their row.
    pub id: Uuid,
    /// Who wrote what is answered.
    pub author: AuthorId,
    /// Answers up to this one are none of theirs, or were mailed.
    pub told_rev: i64,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnswerFound {
    /// The message that answers.
    pub message: i64,
    /// Its place.
    pub seq: i64,
    /// Who answers.
    pub by: AuthorId,
    /// Whom.
    pub to: AuthorId,
}

/// How far answers were looked for in a room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnswerPlace {
    /// The room.
    pub room: RoomId,
    /// Its life.
    pub epoch: Uuid,
    /// Up to this value of its counter.
    pub rev: i64,
}

/// What was found in a room behind a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnswersRead {
    /// Up to where this is all.
    pub place: AnswerPlace,
    /// Whoever waits there, where somebody was answered.
    pub waiters: Vec<AnswerWaiter>,
    /// Who was answered, in order. Deleted ones are no answers.
    pub answers: Vec<AnswerFound>,
}

/// Somebody has been answered: the first and the last one that is new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AnswerMark {
    /// Whose row.
    pub id: Uuid,
    /// The first answer.
    pub first: i64,
    /// The last one.
    pub last: i64,
}

/// Who waits for answers, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnswerMail {
    /// Their row.
    pub id: Uuid,
    /// Where.
    pub room: RoomId,
    /// Who wrote what is answered.
    pub author: AuthorId,
    /// Where they are mailed.
    pub email: String,
    /// A keyed hash of that address.
    pub address_key: String,
    /// What they read, as a tag of a language.
    pub language: String,
    /// What the room is called, where that was set.
    pub title: Option<String>,
    /// Whether the address has said that it wants this.
    pub is_confirmed: bool,
    /// The first answer that was not mailed.
    pub first_rev: i64,
    /// The last one.
    pub last_rev: i64,
}
