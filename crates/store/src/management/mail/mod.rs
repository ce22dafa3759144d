//! What is still to be done outside the chat, and what was asked by the contact form.

mod inquiries;
pub(super) mod jobs;
mod model;

pub use model::{InquiryAdded, Job, NewInquiry, StoredInquiry};

/// All of it on PostgreSQL.
pub(crate) mod postgres {
    pub(crate) use super::{inquiries::postgres::*, jobs::postgres::*};
}

/// All of it on SQLite.
pub(crate) mod sqlite {
    pub(crate) use super::{inquiries::sqlite::*, jobs::sqlite::*};
}
