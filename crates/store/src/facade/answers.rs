//! Who is mailed of answers to what they wrote.

use std::sync::Arc;

use chrono::TimeDelta;
use futures_util::FutureExt;
use uuid::Uuid;

use super::{
    Backend, Store,
    management::{listing, managing},
};
use crate::{
    error::StoreError,
    management::{
        self, AnswerFound, AnswerMail, AnswerMark, AnswerPlace, AnswersAsked, AnswersRead, AskingPace, NewAnswerMail,
    },
};
use chat_domain::RoomId;

impl Store {
    /// Notes who wants to be mailed of answers, and has the address asked whether that is so, by a job of this kind whose
    /// subject is the row.
    pub async fn ask_answers(
        &self,
        new: NewAnswerMail,
        kind: &'static str,
        pace: AskingPace,
    ) -> Result<AnswersAsked, StoreError> {
        managing!(self, |c, statements| statements::ask_answers(c, new, kind, pace))
    }

    /// Whoever reads the mail of an address wants it: from where the room is now on. The room, and the key of the address;
    /// none where it was asked for longer ago than this, or has ended.
    pub async fn confirm_answers(&self, id: Uuid, valid: TimeDelta) -> Result<Option<(RoomId, String)>, StoreError> {
        managing!(self, |c, statements| statements::confirm_answers(c, id, valid))
    }

    /// An address is mailed no more, of one room or of all; how many have ended.
    pub async fn end_answers(&self, address_key: String, room: Option<RoomId>) -> Result<usize, StoreError> {
        managing!(self, |c, statements| statements::end_answers(c, address_key, room))
    }

    /// This one is mailed no more.
    pub async fn forget_answers(&self, id: Uuid) -> Result<(), StoreError> {
        managing!(self, |c, statements| statements::forget_answers(c, id))
    }

    /// Those who were mailed nothing for 90 days are forgotten.
    pub async fn sweep_answers(&self) -> Result<(), StoreError> {
        managing!(self, |c, statements| statements::sweep_answers(c))
    }

    /// Who waits, as it is stored.
    pub async fn answer_mail(&self, id: Uuid) -> Result<Option<AnswerMail>, StoreError> {
        managing!(self, |c, statements| statements::answer_mail(c, id))
    }

    /// Whether somebody waits anywhere.
    pub async fn anybody_waits(&self) -> Result<bool, StoreError> {
        listing!(self, |c, statements| statements::anybody_waits(c))
    }

    /// Rooms in which somebody waits and something has happened, a few at once.
    pub async fn rooms_with_answers(&self) -> Result<Vec<AnswerPlace>, StoreError> {
        listing!(self, |c, statements| statements::rooms_with_answers(c))
    }

    /// Who was answered behind a place, and who waits there; none where there is no such room.
    pub async fn answers_behind(&self, from: AnswerPlace) -> Result<Option<AnswersRead>, StoreError> {
        listing!(self, from, |c, statements| statements::answers_behind(c, from))
    }

    /// Answers of a room from one value of its counter to another one, in order, as many as are read at once; and up to where
    /// these are all.
    pub async fn answers_between(
        &self,
        room: RoomId,
        range: (i64, i64),
    ) -> Result<(Vec<AnswerFound>, i64), StoreError> {
        listing!(self, room, |c, statements| statements::answers_between(c, room, range))
    }

    /// Notes who was answered, and how far a room was looked into; false where another server has done so.
    pub async fn note_answers(
        &self,
        from: AnswerPlace,
        to: AnswerPlace,
        marks: Vec<AnswerMark>,
    ) -> Result<bool, StoreError> {
        managing!(self, |c, statements| statements::note_answers(c, from, to, marks))
    }

    /// Who was answered and may be mailed now, a few at once.
    pub async fn due_answers(&self) -> Result<Vec<Uuid>, StoreError> {
        listing!(self, |c, statements| statements::due_answers(c))
    }

    /// Has one mailed of answers by a job of this kind and subject; false where another server has done so, or as many
    /// letters wait as can be.
    pub async fn queue_answers(&self, id: Uuid, job: (&'static str, String), n_max: i64) -> Result<bool, StoreError> {
        managing!(self, |c, statements| statements::queue_answers(c, id, job, n_max))
    }

    /// One was mailed of the answers up to this one, and the next letter of this room to this address waits for so long;
    /// without a time nothing was mailed.
    pub async fn answers_mailed(&self, id: Uuid, upto: i64, every: Option<TimeDelta>) -> Result<(), StoreError> {
        managing!(self, |c, statements| statements::answers_mailed(c, id, upto, every))
    }
}
