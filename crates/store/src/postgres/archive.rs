//! How messages come back from the archive.

use crate::archive::taking_back;

taking_back!(taking, postgres, crate::postgres::connection::PgConnection, diesel_async::RunQueryDsl, [async], [.await]);

pub(crate) use taking::take_back;
