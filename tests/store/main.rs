//! The store's promises, each tested against PostgreSQL and SQLite alike.
//!
//! Needs `TEST_POSTGRES_URL`, the URL of a superuser: `scripts/test` starts a PostgreSQL and sets it.
// A test that meets what it does not expect fails by panicking.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::string_slice)]
#![allow(clippy::disallowed_methods, clippy::as_conversions, missing_docs)]

#[macro_use]
#[path = "../it/support/on_both.rs"]
mod on_both;

mod accounts;
mod answers;
mod append;
mod archive;
mod changes;
mod console;
mod devices;
mod errors;
mod held;
mod hooks;
mod keeping;
mod life;
mod migrate;
mod model;
mod presence;
mod read;
mod servers;
mod support;
mod trouble;
