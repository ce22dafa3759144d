//! How messages come back from the archive: for what waits for the database, and on a thread that may block.

use diesel::sqlite::SqliteConnection;
use diesel_async::sync_connection_wrapper::SyncConnectionWrapper;

use crate::archive::taking_back;

type Waiting = SyncConnectionWrapper<SqliteConnection>;

taking_back!(taking, sqlite, crate::sqlite::archive::Waiting, diesel_async::RunQueryDsl, [async], [.await]);
taking_back!(blocking, sqlite, diesel::sqlite::SqliteConnection, diesel::RunQueryDsl, [], []);

pub(crate) use taking::take_back;
