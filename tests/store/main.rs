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

/// Makes a test of each function, once for each database.
macro_rules! on_both {
    ($($name:ident),+ $(,)?) => {
        mod postgres {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $name() {
                    super::$name(&crate::support::TestDb::postgres().await).await;
                }
            )+
        }
        mod sqlite {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $name() {
                    super::$name(&crate::support::TestDb::sqlite()).await;
                }
            )+
        }
    };
}

mod append;
mod errors;
mod life;
mod migrate;
mod model;
mod read;
mod servers;
mod support;
mod trouble;
