//! Mail: what people ask by the contact form, links for a new password, and the worker that gives letters to a server.
//!
//! What is to be mailed lies in the database first (`jobs`), so none is lost while the server that takes mail is away, or
//! while this one restarts; what a letter says is made when it goes, from what is stored by then. `office` takes what is to
//! be mailed, `worker` sends it, `made` is what a letter is once it is made, `pace` says when a letter is tried again,
//! `contact_limit` how often somebody asks. Who waits for answers asks `answers_office` (`answers_limit`: how often),
//! `follower` looks who was answered, and `worker_answers` makes their letters.

mod answers_limit;
mod answers_office;
mod contact_limit;
mod follower;
mod made;
mod office;
mod pace;
mod worker;
mod worker_answers;

pub use office::{Asking, InquiryRefused, MailOffice, MailSettings};
pub use pace::next_try;
pub use worker::keep;
