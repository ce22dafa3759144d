//! The tables of mail.

use diesel::table;

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
