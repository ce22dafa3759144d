use std::{
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

use serde_json::json;
use tokio::sync::Notify;
use uuid::Uuid;

use super::{answers_limit::AnswersLimit, contact_limit::ContactLimit};
use chat_accounts::Email;
use chat_domain::{NetworkKey, shows_something};
use chat_mail::Mailer;
use chat_store::{InquiryAdded, NewInquiry, Store, StoreError, StoredInquiry};

/// Jobs of telling the owner what somebody has asked; the subject is the id of the inquiry.
pub(super) const INQUIRY: &str = "mail.inquiry";
/// Jobs of a link for a new password; the subject is a [`Forgotten`] as JSON.
pub(super) const NEW_PASSWORD: &str = "mail.new-password";
/// Jobs of telling the owner that a webhook is off; the subject is a [`Off`] as JSON.
pub(super) const WEBHOOK_OFF: &str = "mail.webhook-off";
/// Jobs of a link by which an address is confirmed; the subject is a [`Confirming`] as JSON.
pub(super) const CONFIRMATION: &str = "mail.confirmation";
/// Jobs of asking an address whether it wants to be mailed of answers; the subject is the id of the row.
pub(super) const ANSWERS_ASKED: &str = "mail.answers-asked";
/// Jobs of telling somebody of answers; the subject is who is told, as JSON.
pub(super) const ANSWERS: &str = "mail.answers";
/// What the worker of this release takes. Those of a later one wait for a server that knows them.
pub(super) const KINDS: &[&str] = &[INQUIRY, NEW_PASSWORD, WEBHOOK_OFF, CONFIRMATION, ANSWERS_ASKED, ANSWERS];

/// So many inquiries are kept, and so many letters of a kind wait: more than a person reads, and few megabytes.
pub(super) const KEPT_MAX: i64 = 10_000;
/// Characters of a name, a subject and a text.
const NAME_CHARS_MAX: usize = 50;
const SUBJECT_CHARS_MAX: usize = 200;
const TEXT_CHARS_MAX: usize = 8_000;

/// Where mail goes out, and who gets what.
#[derive(Clone)]
pub struct MailSettings {
    /// Gives letters to a server.
    pub mailer: Mailer,
    /// The owner's address, where there is a contact form.
    pub contact: Option<Email>,
    /// Where the chat is reached from outside, without a slash at its end: `https://chat.example/chat`.
    pub public_url: String,
    /// Whether people are limited in how often they ask.
    pub is_limited: bool,
    /// Somebody is mailed of answers in a room this often at most.
    pub answers_every: Duration,
}

/// Takes what is to be mailed. Cheap to clone.
#[derive(Clone)]
pub struct MailOffice(Arc<Inner>);

pub(super) struct Inner {
    pub(super) settings: MailSettings,
    pub(super) store: Store,
    /// Something was asked for: the worker need not wait until it looks by itself.
    pub(super) asked: Notify,
    limit: ContactLimit,
    pub(super) answers_limit: AnswersLimit,
}

/// What somebody asks, as they typed it.
#[derive(Debug, Default)]
pub struct Asking {
    /// Whoever asks, where they say it.
    pub name: String,
    /// Where an answer reaches them.
    pub email: String,
    /// What it is about.
    pub subject: String,
    /// What they ask.
    pub text: String,
    /// What they read, as a tag of a language.
    pub locale: String,
}

/// Why it was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InquiryRefused {
    /// There is no contact form here.
    Off,
    /// The address is none.
    Email,
    /// Something else is missing, too long, or has characters that draw nothing.
    Content,
    /// Too often.
    TooFast(Duration),
    /// As many are kept as can be.
    Full,
    /// The database does not answer.
    Unavailable,
}

impl fmt::Display for InquiryRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

/// Who has forgotten a password, and in which language a letter reaches them.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub(super) struct Forgotten {
    /// The same however often the letter is tried.
    pub id: Uuid,
    pub email: String,
    pub language: String,
}

/// Which webhook is off.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub(super) struct Off {
    /// The same however often the letter is tried.
    pub id: Uuid,
    /// Without what may be a secret in it.
    pub webhook: String,
}

/// Whose address is to be confirmed, which one, and in which language the letter is.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub(super) struct Confirming {
    /// The same however often the letter is tried.
    pub id: Uuid,
    pub user: Uuid,
    pub email: String,
    pub language: String,
}

impl MailOffice {
    /// An office over these settings.
    pub fn new(settings: MailSettings, store: Store) -> Self {
        let (asked, limit, answers_limit) = (Notify::new(), ContactLimit::default(), AnswersLimit::default());
        Self(Arc::new(Inner { settings, store, asked, limit, answers_limit }))
    }

    pub(super) fn inner(&self) -> &Inner {
        &self.0
    }

    /// Whether there is a contact form.
    pub fn has_contact(&self) -> bool {
        self.0.settings.contact.is_some()
    }

    /// Keeps what somebody asks, and has it mailed to the owner.
    ///
    /// # Errors
    /// [`InquiryRefused`]; nothing is kept then.
    pub async fn ask(&self, asking: Asking, from: NetworkKey) -> Result<Uuid, InquiryRefused> {
        if !self.has_contact() {
            return Err(InquiryRefused::Off);
        }
        let new = read(asking)?;
        self.limited(from)?;
        let id = new.id;
        match self.0.store.add_inquiry(new, INQUIRY, KEPT_MAX).await.map_err(|e| away(&e))? {
            InquiryAdded::Stored => {
                self.0.asked.notify_one();
                Ok(id)
            }
            InquiryAdded::Full => Err(InquiryRefused::Full),
        }
    }

    /// Has a link for a new password mailed, where somebody with this address has an account: whether there is one is
    /// looked up when the letter goes, so that neither the answer nor its time says so.
    ///
    /// # Errors
    /// [`InquiryRefused`].
    pub async fn forgot(&self, email: &Email, language: &str, from: NetworkKey) -> Result<(), InquiryRefused> {
        self.limited(from)?;
        let (id, email, language) = (Uuid::now_v7(), email.as_str().into(), language.into());
        self.add(NEW_PASSWORD, json!(Forgotten { id, email, language }).to_string()).await
    }

    /// Has a link mailed by which whoever reads this address says that it is this account's: what of it is so is looked up
    /// when the letter goes.
    ///
    /// # Errors
    /// [`InquiryRefused`].
    pub async fn confirm(
        &self,
        user: Uuid,
        email: &Email,
        language: &str,
        from: NetworkKey,
    ) -> Result<(), InquiryRefused> {
        self.limited(from)?;
        let (id, email, language) = (Uuid::now_v7(), email.as_str().into(), language.into());
        self.add(CONFIRMATION, json!(Confirming { id, user, email, language }).to_string()).await
    }

    async fn add(&self, kind: &'static str, subject: String) -> Result<(), InquiryRefused> {
        if !self.0.store.add_job(kind, subject, KEPT_MAX).await.map_err(|e| away(&e))? {
            return Err(InquiryRefused::Full);
        }
        self.0.asked.notify_one();
        Ok(())
    }

    /// Has the owner told that a webhook is off, where there is an address for it.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn webhook_off(&self, webhook: String) -> Result<(), StoreError> {
        if !self.has_contact() {
            return Ok(());
        }
        let subject = json!(Off { id: Uuid::now_v7(), webhook }).to_string();
        self.0.store.add_job(WEBHOOK_OFF, subject, KEPT_MAX).await?;
        self.0.asked.notify_one();
        Ok(())
    }

    /// The newest inquiries, or the newest before one of them.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn inquiries(&self, before: Option<Uuid>, n_max: i64) -> Result<Vec<StoredInquiry>, StoreError> {
        self.0.store.inquiries(before, n_max).await
    }

    /// Forgets one; whether it was there.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn remove_inquiry(&self, id: Uuid) -> Result<bool, StoreError> {
        self.0.store.remove_inquiry(id).await
    }

    fn limited(&self, from: NetworkKey) -> Result<(), InquiryRefused> {
        if !self.0.settings.is_limited {
            return Ok(());
        }
        self.0.limit.take(from, Instant::now()).map_err(InquiryRefused::TooFast)
    }
}

pub(super) fn away(error: &StoreError) -> InquiryRefused {
    log::debug!("what is to be mailed could not be stored: {error}");
    InquiryRefused::Unavailable
}

/// What somebody typed, as it is kept: without spaces around it, and refused where it is of no use to who reads it.
fn read(asking: Asking) -> Result<NewInquiry, InquiryRefused> {
    let email = Email::parse(&asking.email).map_err(|_| InquiryRefused::Email)?;
    let (name, subject) = (asking.name.trim(), asking.subject.trim());
    let text = asking.text.replace("\r\n", "\n");
    let text = text.trim();
    let fits = |text: &str, max: usize| text.chars().count() <= max;
    let is_line = |text: &str| !text.chars().any(char::is_control);
    let is_text = |text: &str| !text.chars().any(|c| c.is_control() && !"\n\t".contains(c));
    let is_fine = fits(name, NAME_CHARS_MAX)
        && is_line(name)
        && (1..=SUBJECT_CHARS_MAX).contains(&subject.chars().count())
        && is_line(subject)
        && shows_something(subject)
        && (1..=TEXT_CHARS_MAX).contains(&text.chars().count())
        && is_text(text)
        && shows_something(text);
    if !is_fine {
        return Err(InquiryRefused::Content);
    }
    Ok(NewInquiry {
        id: Uuid::now_v7(),
        name: (!name.is_empty()).then(|| name.to_owned()),
        email: email.as_str().to_owned(),
        subject: subject.to_owned(),
        text: text.to_owned(),
        locale: asking.locale.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').take(16).collect(),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn asking() -> Asking {
        Asking {
            name: " 수달 ".into(),
            email: "Otter@Example.com".into(),
            subject: "Prices".into(),
            text: "How\r\nmuch?\n".into(),
            locale: "ko-KR".into(),
        }
    }

    #[test]
    fn what_is_asked_is_kept_as_it_was_meant() {
        let new = read(asking()).expect("an inquiry");
        let NewInquiry { name, email, subject, text, locale, .. } = new;
        assert_eq!(name.as_deref(), Some("수달"));
        assert_eq!((email.as_str(), subject.as_str()), ("otter@example.com", "Prices"));
        assert_eq!((text.as_str(), locale.as_str()), ("How\nmuch?", "ko-KR"));
        let nameless = read(Asking { name: "  ".into(), ..asking() }).expect("an inquiry");
        assert_eq!(nameless.name, None);
    }

    #[test]
    fn what_is_of_no_use_is_refused() {
        for (asked, why) in [
            (Asking { email: "otter".into(), ..asking() }, InquiryRefused::Email),
            (Asking { email: "a@b.co\r\nBcc: c@d.co".into(), ..asking() }, InquiryRefused::Email),
            (Asking { subject: " ".into(), ..asking() }, InquiryRefused::Content),
            (Asking { subject: "\u{3164}".into(), ..asking() }, InquiryRefused::Content),
            (Asking { subject: "a\r\nBcc: c@d.co".into(), ..asking() }, InquiryRefused::Content),
            (Asking { subject: "글".repeat(201), ..asking() }, InquiryRefused::Content),
            (Asking { name: "글".repeat(51), ..asking() }, InquiryRefused::Content),
            (Asking { text: String::new(), ..asking() }, InquiryRefused::Content),
            (Asking { text: "\u{200b}\u{200b}".into(), ..asking() }, InquiryRefused::Content),
            (Asking { text: "a\0b".into(), ..asking() }, InquiryRefused::Content),
            (Asking { text: "글".repeat(8_001), ..asking() }, InquiryRefused::Content),
        ] {
            assert_eq!(read(asked).err(), Some(why));
        }
    }

    proptest! {
        #[test]
        fn what_is_taken_fits_its_columns(name in any::<String>(), subject in any::<String>(), text in any::<String>(), locale in any::<String>()) {
            if let Ok(new) = read(Asking { name, subject, text, locale, ..asking() }) {
                prop_assert!(new.name.is_none_or(|name| name.chars().count() <= 50 && !name.contains('\0')));
                prop_assert!(new.subject.chars().count() <= 200 && !new.text.contains('\0'));
                prop_assert!(new.locale.len() <= 16);
            }
        }
    }
}
