//! Letters to people, and the server that takes them.
//!
//! `letter` is what one says and how it becomes a message (RFC 5322), `words` what the chat has to say in English and
//! Korean, `answers` the same to who waits for answers, `smtp_url` where the server is, `mailer` gives it letters.
//!
//! Invariant: nothing that a person has typed becomes a header by being joined with others; `lettre` encodes each value.

mod answers;
mod letter;
mod mailer;
mod smtp_url;
mod words;

pub use answers::{Answered, answers, answers_asked};
pub use letter::{Letter, Link, Said};
pub use mailer::{Mailer, MailerError, SendError, Sender, WrongSender};
pub use smtp_url::{SmtpUrl, WrongSmtpUrl};
pub use words::{Inquiry, Language, confirmation, inquiry, new_password, webhook_off};
