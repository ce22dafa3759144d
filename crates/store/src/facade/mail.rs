//! What is still to be done outside the chat, and what was asked by the contact form.

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
    management::{self, InquiryAdded, Job, NewInquiry, StoredInquiry},
};

impl Store {
    /// Asks for something to be done; whether there was room for it among at most so many of its kind.
    pub async fn add_job(&self, kind: &'static str, subject: String, n_max: i64) -> Result<bool, StoreError> {
        managing!(self, |c, statements| statements::add_job(c, kind, subject, n_max))
    }

    /// Takes what is due first of these kinds, and holds it for so long: then it is due again, unless it was finished or
    /// postponed. So each is done at least once, on one server at a time.
    pub async fn take_job(&self, kinds: &'static [&'static str], hold: TimeDelta) -> Result<Option<Job>, StoreError> {
        managing!(self, |c, statements| statements::take_job(c, kinds, hold))
    }

    /// It is done, or will never be.
    pub async fn finish_job(&self, id: i64) -> Result<(), StoreError> {
        managing!(self, |c, statements| statements::finish_job(c, id))
    }

    /// It is to be tried again after a while.
    pub async fn postpone_job(&self, id: i64, wait: TimeDelta) -> Result<(), StoreError> {
        managing!(self, |c, statements| statements::postpone_job(c, id, wait))
    }

    /// How many wait of these kinds.
    pub async fn n_jobs(&self, kinds: &'static [&'static str]) -> Result<i64, StoreError> {
        listing!(self, |c, statements| statements::n_jobs(c, kinds))
    }

    /// Keeps what somebody asks together with the job of mailing it, which is of this kind. At most so many are kept, each
    /// for 90 days.
    pub async fn add_inquiry(
        &self,
        new: NewInquiry,
        kind: &'static str,
        n_max: i64,
    ) -> Result<InquiryAdded, StoreError> {
        managing!(self, |c, statements| statements::add_inquiry(c, new, kind, n_max))
    }

    /// What was asked.
    pub async fn inquiry(&self, id: Uuid) -> Result<Option<StoredInquiry>, StoreError> {
        listing!(self, |c, statements| statements::inquiry(c, id))
    }

    /// The newest, or the newest before one of them; at most so many.
    pub async fn inquiries(&self, before: Option<Uuid>, n_max: i64) -> Result<Vec<StoredInquiry>, StoreError> {
        listing!(self, |c, statements| statements::inquiries(c, before, n_max))
    }

    /// A server has taken the mail of it.
    pub async fn inquiry_mailed(&self, id: Uuid) -> Result<(), StoreError> {
        managing!(self, |c, statements| statements::inquiry_mailed(c, id))
    }

    /// Forgets it; whether it was there.
    pub async fn remove_inquiry(&self, id: Uuid) -> Result<bool, StoreError> {
        managing!(self, |c, statements| statements::remove_inquiry(c, id))
    }
}
