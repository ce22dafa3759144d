//! Who wants to be mailed of answers to what they wrote: asking, confirming, ending.

use std::time::Instant;

use chrono::TimeDelta;
use uuid::Uuid;

use super::office::{ANSWERS_ASKED, InquiryRefused, KEPT_MAX, MailOffice, away};
use crate::accounts::Accounts;
use chat_accounts::Email;
use chat_domain::{AuthorId, NetworkKey, RoomId};
use chat_store::{AnswersAsked, AskingPace, NewAnswerMail};

/// An address that confirms nothing is asked three times within a week, whoever asks for it and on whichever server.
const PACE: AskingPace = AskingPace { kept_max: KEPT_MAX, letters_max: 3, within: TimeDelta::days(7) };
/// How long a link is good by which that is confirmed.
const CONFIRM_WITHIN: TimeDelta = TimeDelta::days(1);

impl MailOffice {
    /// Has an address asked whether it wants to be mailed of answers to what somebody writes in a room. Whether it does
    /// already, or was asked too often, is not said.
    ///
    /// # Errors
    /// [`InquiryRefused`].
    pub async fn wants_answers(
        &self,
        accounts: &Accounts,
        (room, author): (RoomId, AuthorId),
        (email, language): (&str, &str),
        from: NetworkKey,
    ) -> Result<(), InquiryRefused> {
        let email = Email::parse(email).map_err(|_| InquiryRefused::Email)?;
        let inner = self.inner();
        if inner.settings.is_limited {
            inner.answers_limit.take(&author, from, Instant::now()).map_err(InquiryRefused::TooFast)?;
        }
        let address_key = accounts.answers_address_key(&email);
        let (id, email, language) = (Uuid::now_v7(), email.as_str().to_owned(), language.to_owned());
        let new = NewAnswerMail { id, room, author, email, address_key, language };
        match inner.store.ask_answers(new, ANSWERS_ASKED, PACE).await.map_err(|e| away(&e))? {
            AnswersAsked::Asked => {
                inner.asked.notify_one();
                Ok(())
            }
            AnswersAsked::Quiet => Ok(()),
            AnswersAsked::Full => Err(InquiryRefused::Full),
        }
    }

    /// Whoever reads the mail of an address wants it: which room it is about, and what ends it. None where the code is none,
    /// or too old, or that has ended.
    ///
    /// # Errors
    /// [`InquiryRefused::Unavailable`].
    pub async fn confirm_answers(
        &self,
        accounts: &Accounts,
        code: &str,
    ) -> Result<Option<(RoomId, String)>, InquiryRefused> {
        let Some(id) = accounts.answers_id(code) else { return Ok(None) };
        self.inner().store.confirm_answers(id, CONFIRM_WITHIN).await.map_err(|e| away(&e))
    }

    /// An address is mailed no more, of one room or of all. The same whether it was or not.
    ///
    /// # Errors
    /// [`InquiryRefused::Unavailable`].
    pub async fn end_answers(&self, address_key: &str, room: Option<RoomId>) -> Result<(), InquiryRefused> {
        self.inner().store.end_answers(address_key.to_owned(), room).await.map(drop).map_err(|e| away(&e))
    }
}
