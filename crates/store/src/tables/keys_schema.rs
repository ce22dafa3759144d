//! The tables of bots and their keys.

use diesel::table;

table! {
    use diesel::sql_types::Nullable;
    use super::super::sql_types::{Guid, Ts};

    /// Programs that write under a name of their own.
    bots (user_id) {
        user_id -> Guid,
        owner_id -> Nullable<Guid>,
        created_at -> Ts,
        ended_at -> Nullable<Ts>,
    }
}

table! {
    use diesel::sql_types::{BigInt, Integer, Nullable, Text};
    use super::super::sql_types::{Guid, Ts};

    /// What programs show.
    api_keys (id) {
        id -> Guid,
        prefix -> Text,
        hash -> Text,
        user_id -> Guid,
        scopes -> Integer,
        created_at -> Ts,
        expires_at -> Nullable<Ts>,
        last_used_at -> Nullable<Ts>,
        revoked_at -> Nullable<Ts>,
        ended_rev -> Nullable<BigInt>,
    }
}
