//! The store's promises, each tested against PostgreSQL and SQLite alike.
//!
//! Needs `TEST_POSTGRES_URL`, the URL of a superuser: `scripts/test` starts a PostgreSQL and sets it.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::panic,
    clippy::as_conversions,
    missing_docs,
    reason = "a test that meets what it does not expect fails by panicking"
)]

#[macro_use]
#[path = "../it/support/on_both.rs"]
mod on_both;

mod append;
mod errors;
mod life;
mod migrate;
mod model;
mod read;
mod servers;
mod support;
mod trouble;
