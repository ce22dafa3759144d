//! What is still to be done outside the chat, what was asked by the contact form, and who is mailed of answers.

pub(super) mod answers;
mod answers_found;
mod answers_model;
mod inquiries;
pub(super) mod jobs;
mod model;

pub use answers_model::{
    AnswerFound, AnswerMail, AnswerMark, AnswerPlace, AnswerWaiter, AnswersAsked, AnswersRead, AskingPace,
    NewAnswerMail,
};
pub use model::{InquiryAdded, Job, NewInquiry, StoredInquiry};

/// All of it on PostgreSQL.
pub(crate) mod postgres {
    pub(crate) use super::{
        answers::postgres::*, answers_found::postgres::*, inquiries::postgres::*, jobs::postgres::*,
    };
}

/// All of it on SQLite.
pub(crate) mod sqlite {
    pub(crate) use super::{answers::sqlite::*, answers_found::sqlite::*, inquiries::sqlite::*, jobs::sqlite::*};
}
