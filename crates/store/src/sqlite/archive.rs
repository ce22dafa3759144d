//! How messages come back from the archive: for what waits for the database, and on a thread that may block.

use crate::archive::taking_back;

taking_back!(taking, sqlite, crate::sqlite::Connection, diesel_async::RunQueryDsl, [async], [.await]);
taking_back!(blocking, sqlite, diesel::sqlite::SqliteConnection, diesel::RunQueryDsl, [], []);

pub(crate) use taking::take_back;
