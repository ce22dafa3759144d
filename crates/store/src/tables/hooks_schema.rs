//! The tables of webhooks.

use diesel::{allow_tables_to_appear_in_same_query, table};

use super::schema::rooms;

table! {
    use diesel::sql_types::{Integer, Nullable, Text};
    use super::super::sql_types::{Guid, Ts};

    /// Who is told what happens.
    webhooks (id) {
        id -> Guid,
        url -> Text,
        events -> Integer,
        room_id -> Nullable<Text>,
        by_author -> Text,
        created_at -> Ts,
        tries -> Integer,
        next_at -> Ts,
        failing_since -> Nullable<Ts>,
        off_at -> Nullable<Ts>,
    }
}

table! {
    use diesel::sql_types::{BigInt, Text};
    use super::super::sql_types::{Guid, Ts};

    /// How far each was told of each room.
    webhook_cursors (hook_id, room_id) {
        hook_id -> Guid,
        room_id -> Text,
        epoch -> Guid,
        rev -> BigInt,
        held_until -> Ts,
    }
}

table! {
    use diesel::sql_types::{BigInt, Integer, Nullable, SmallInt, Text};
    use super::super::sql_types::{Guid, Ts};

    /// The last hundred tries of each.
    webhook_deliveries (id) {
        id -> BigInt,
        hook_id -> Guid,
        webhook_id -> Text,
        event -> Text,
        room_id -> Nullable<Text>,
        message_id -> Nullable<BigInt>,
        rev -> Nullable<BigInt>,
        status -> Nullable<SmallInt>,
        error -> Nullable<Text>,
        millis -> Integer,
        at -> Ts,
        list -> Nullable<SmallInt>,
        entry -> Nullable<BigInt>,
    }
}

table! {
    use diesel::sql_types::{BigInt, SmallInt};
    use super::super::sql_types::{Guid, Ts};

    /// How far each was told of each list.
    webhook_positions (hook_id, list) {
        hook_id -> Guid,
        list -> SmallInt,
        position -> BigInt,
        held_until -> Ts,
    }
}

table! {
    use diesel::sql_types::Text;
    use super::super::sql_types::{Guid, Ts};

    /// Addresses that other systems write to.
    inbound_hooks (id) {
        id -> Guid,
        hash -> Text,
        room_id -> Text,
        user_id -> Guid,
        created_at -> Ts,
    }
}

allow_tables_to_appear_in_same_query!(rooms, webhook_cursors);
