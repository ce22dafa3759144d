//! What becomes of messages after they were written: edits, deletions, reactions, pins.
//!
//! A batch of them is one transaction: the rows of its rooms are locked, what it concerns is read, [`Plan`] works out what
//! becomes of each command and what is to be written, and that is written. The rules are in the plan alone, which is
//! pure and the same for both databases.

mod facts;
mod plan;
pub(crate) mod statements;
#[cfg(test)]
mod tests;

pub(crate) use facts::{Facts, RoomFacts};
pub(crate) use plan::{Plan, plan};
