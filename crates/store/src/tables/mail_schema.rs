//! The tables of mail.

use diesel::{allow_tables_to_appear_in_same_query, table};

use super::schema::rooms;

table! {
    use diesel::sql_types::{BigInt, Integer, Text};
    use super::super::sql_types::Ts;

    /// What is still to be done outside the chat.
    jobs (id) {
        id -> BigInt,
        kind -> Text,
        subject -> Text,
        created_at -> Ts,
        next_at -> Ts,
        tries -> Integer,
    }
}

table! {
    use diesel::sql_types::{Nullable, Text};
    use super::super::sql_types::{Guid, Ts};

    /// What was asked by the contact form.
    inquiries (id) {
        id -> Guid,
        name -> Nullable<Text>,
        email -> Text,
        subject -> Text,
        text -> Text,
        locale -> Text,
        created_at -> Ts,
        mailed_at -> Nullable<Ts>,
    }
}

table! {
    use diesel::sql_types::{BigInt, Integer, Nullable, Text};
    use super::super::sql_types::{Guid, Ts};

    /// Who is mailed of answers to what they wrote in a room.
    answer_mails (id) {
        id -> Guid,
        room_id -> Text,
        author_id -> Text,
        email -> Text,
        address_key -> Text,
        language -> Text,
        asked -> Integer,
        asked_at -> Ts,
        confirmed_at -> Nullable<Ts>,
        first_rev -> BigInt,
        last_rev -> BigInt,
        told_rev -> BigInt,
        queued_at -> Nullable<Ts>,
        next_at -> Ts,
        last_at -> Ts,
    }
}

table! {
    use diesel::sql_types::{BigInt, Text};
    use super::super::sql_types::Guid;

    /// Rooms in which somebody waits for answers, and how far they were looked for.
    answer_rooms (room_id) {
        room_id -> Text,
        epoch -> Guid,
        rev -> BigInt,
    }
}

allow_tables_to_appear_in_same_query!(rooms, answer_rooms, answer_mails);
