//! Colours of code: which part of a text is a keyword, a string, a comment. The page makes elements of it.
//!
//! [`spans`] and [`class`] are pure; [`pool`] does the work on a few threads of its own, and [`cache`] keeps what was
//! made.
//!
//! Invariant: nothing of a text is kept, only its hash and the lengths of its parts: a text that is deleted is gone
//! from here as well.

mod cache;
mod class;
mod pool;
mod spans;

pub use pool::{Colours, Full, Highlighter};
pub use spans::{CODE_BYTES_MAX, LANGUAGE_BYTES_MAX};
