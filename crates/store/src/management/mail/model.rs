use chrono::{DateTime, Utc};
use uuid::Uuid;

/// Something to be done, which whoever asked for it holds for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// Its row.
    pub id: i64,
    /// What is to be done.
    pub kind: String,
    /// For whom or with what.
    pub subject: String,
    /// How often it was begun, this time included.
    pub tries: i32,
    /// How long ago it was asked for, by the database's clock.
    pub age: chrono::TimeDelta,
}

/// What somebody asks by the contact form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewInquiry {
    /// A UUIDv7.
    pub id: Uuid,
    /// Whoever asks, where they say it; at most 50 characters.
    pub name: Option<String>,
    /// Where an answer reaches them.
    pub email: String,
    /// At most 200 characters.
    pub subject: String,
    /// What they ask.
    pub text: String,
    /// What they read, as a tag of a language.
    pub locale: String,
}

/// The same as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredInquiry {
    /// What was asked.
    pub inquiry: NewInquiry,
    /// When.
    pub at: DateTime<Utc>,
    /// When a server took the mail of it, if one has.
    pub mailed_at: Option<DateTime<Utc>>,
}

/// What became of an inquiry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InquiryAdded {
    /// It is stored, and so is the job of mailing it.
    Stored,
    /// There are as many as are kept.
    Full,
}
