//! Keeping order: who is signed in, and what those with rights do. Every door asks here, and nothing is decided twice.
//!
//! What is done is written in the store at once, with an entry in what was done by whom; rooms and the other servers hear
//! that something has changed, and read it.

mod activity;
mod code;
mod desk;
mod keeper;
mod report_limit;
mod watch;

pub use activity::Overview;
pub use code::{CODE_TRIES, CODE_VALID, OneTimeCode, new_token};
pub use desk::{Actor, BanOrder, Decision, Desk, PersonKnown, Refused, SETTLED_MAX, Signed};
pub use keeper::keep;
pub use watch::watch;
