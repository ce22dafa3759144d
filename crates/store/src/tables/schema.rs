//! The tables, as both databases have them. Written by hand: `diesel print-schema` knows one database only.

use diesel::{allow_tables_to_appear_in_same_query, table};

table! {
    use diesel::sql_types::{BigInt, Binary, SmallInt, Text};
    use super::super::sql_types::Guid;

    /// One row: what all servers on this database share.
    meta (id) {
        id -> SmallInt,
        epoch -> Guid,
        secret -> Binary,
        control_rev -> BigInt,
        name -> Text,
    }
}

table! {
    use diesel::sql_types::{BigInt, Nullable, Text};
    use super::super::sql_types::{Guid, Ts};

    /// A room per blog post, made by its first message.
    rooms (id) {
        id -> Text,
        created_at -> Ts,
        epoch -> Guid,
        last_rev -> BigInt,
        message_count -> BigInt,
        last_message_at -> Nullable<Ts>,
    }
}

table! {
    use diesel::sql_types::{BigInt, Text};
    use super::super::sql_types::{Guid, Ts};

    /// What was said. Of the indexes, the unique ones on `(room_id, seq)` and on the sender's key answer what the
    /// server asks. `idx_messages_room_created_at` is for people who look for what was written when, and for the
    /// time of a room's newest message, which `sqlite::batch` asks for after a repeat.
    messages (id) {
        id -> BigInt,
        room_id -> Text,
        anonymous_id -> Text,
        nickname -> Text,
        avatar -> Text,
        content -> Text,
        client_id -> Guid,
        seq -> BigInt,
        rev -> BigInt,
        created_at -> Ts,
    }
}

allow_tables_to_appear_in_same_query!(meta, rooms, messages);
