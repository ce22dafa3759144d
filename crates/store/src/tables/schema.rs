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
        guard_rev -> BigInt,
        title -> Nullable<Text>,
        settings -> Text,
        settings_rev -> BigInt,
    }
}

table! {
    use diesel::sql_types::{BigInt, Integer, Nullable, SmallInt, Text};
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
        version -> Integer,
        edited_at -> Nullable<Ts>,
        deleted_at -> Nullable<Ts>,
        deleted_by -> Nullable<SmallInt>,
        pinned_at -> Nullable<Ts>,
        reply_to -> Nullable<BigInt>,
        reply_to_seq -> Nullable<BigInt>,
        reactions -> Nullable<Text>,
        mentions -> Nullable<Text>,
    }
}

table! {
    use diesel::sql_types::{BigInt, Text};
    use super::super::sql_types::Ts;

    /// Who reacts to what with which emoji.
    reactions (message_id, author_id, emoji) {
        message_id -> BigInt,
        author_id -> Text,
        emoji -> Text,
        created_at -> Ts,
    }
}

table! {
    use diesel::sql_types::{BigInt, Integer, Text};
    use super::super::sql_types::{Guid, Ts};

    /// What messages said before they were edited.
    message_edits (message_id, version) {
        message_id -> BigInt,
        version -> Integer,
        content -> Text,
        client_id -> Guid,
        edited_at -> Ts,
    }
}

table! {
    use diesel::sql_types::{BigInt, Text};
    use super::super::sql_types::Ts;

    /// What others than their authors deleted.
    removed_texts (message_id) {
        message_id -> BigInt,
        content -> Text,
        until -> Ts,
    }
}

allow_tables_to_appear_in_same_query!(meta, rooms, messages, reactions, message_edits, removed_texts);
