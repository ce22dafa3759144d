//! The table of old messages.

use diesel::{allow_tables_to_appear_in_same_query, table};

use super::schema::rooms;

table! {
    use diesel::sql_types::{BigInt, Integer, Nullable, SmallInt, Text};
    use super::super::sql_types::{Guid, Ts};

    /// Messages of long ago, with what hangs on them. Each message is here or in `messages`.
    messages_archive (id) {
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
        version -> Integer,
        edited_at -> Nullable<Ts>,
        deleted_at -> Nullable<Ts>,
        deleted_by -> Nullable<SmallInt>,
        pinned_at -> Nullable<Ts>,
        reply_to -> Nullable<BigInt>,
        reply_to_seq -> Nullable<BigInt>,
        reactions -> Nullable<Text>,
        mentions -> Nullable<Text>,
        badge -> Nullable<SmallInt>,
        reactors -> Nullable<Text>,
        edits -> Nullable<Text>,
    }
}

allow_tables_to_appear_in_same_query!(rooms, messages_archive);
