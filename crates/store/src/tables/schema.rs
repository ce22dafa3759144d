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
        held_count -> BigInt,
        rejected_until -> Nullable<Ts>,
        first_seq -> BigInt,
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
        badge -> Nullable<SmallInt>,
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

table! {
    use diesel::sql_types::{Nullable, SmallInt, Text};
    use super::super::sql_types::{Guid, Ts};

    /// People with an account.
    users (id) {
        id -> Guid,
        kind -> SmallInt,
        nickname -> Text,
        avatar -> Text,
        created_at -> Ts,
        disabled_at -> Nullable<Ts>,
        email -> Nullable<Text>,
        password_hash -> Nullable<Text>,
        site -> Nullable<Text>,
        subject -> Nullable<Text>,
        status_text -> Nullable<Text>,
        status_emoji -> Nullable<Text>,
        status_until -> Nullable<Ts>,
        locale -> Nullable<Text>,
        settings -> Text,
        email_confirmed_at -> Nullable<Ts>,
    }
}

table! {
    use diesel::sql_types::{BigInt, Text};
    use super::super::sql_types::Guid;

    /// One row: what holds for all rooms.
    workspaces (id) {
        id -> Guid,
        settings -> Text,
        settings_rev -> BigInt,
    }
}

table! {
    use diesel::sql_types::Text;
    use super::super::sql_types::Guid;

    /// Who has which role.
    workspace_members (workspace_id, user_id) {
        workspace_id -> Guid,
        user_id -> Guid,
        role -> Text,
    }
}

table! {
    use diesel::sql_types::{BigInt, Nullable, Text};
    use super::super::sql_types::{Guid, Ts};

    /// The devices of people with an account.
    logins (id) {
        id -> Guid,
        user_id -> Guid,
        token_hash -> Text,
        user_agent -> Text,
        created_at -> Ts,
        revoked_at -> Nullable<Ts>,
        last_seen_at -> Nullable<Ts>,
        ended_rev -> Nullable<BigInt>,
    }
}

table! {
    use diesel::sql_types::{Integer, Nullable, SmallInt, Text};
    use super::super::sql_types::{Guid, Ts};

    /// Codes that are good for one thing, once.
    one_time_codes (name) {
        name -> Text,
        hash -> Text,
        user_id -> Guid,
        tries_left -> Integer,
        expires_at -> Ts,
        kind -> SmallInt,
        login_id -> Nullable<Guid>,
    }
}

table! {
    use diesel::sql_types::{Nullable, Text};
    use super::super::sql_types::{Guid, Ts};

    /// What renews a login, each once.
    refresh_tokens (hash) {
        hash -> Text,
        login_id -> Guid,
        successor_hash -> Nullable<Text>,
        used_at -> Nullable<Ts>,
        expires_at -> Ts,
    }
}

table! {
    use diesel::sql_types::{BigInt, Text};
    use super::super::sql_types::Guid;

    /// Browsers whose identity an account has taken over.
    author_claims (author_id) {
        author_id -> Text,
        user_id -> Guid,
        rev -> BigInt,
    }
}

table! {
    use diesel::sql_types::{BigInt, Nullable, Text};
    use super::super::sql_types::Ts;

    /// Identities of browsers that act as another one.
    author_aliases (author_id) {
        author_id -> Text,
        of_author -> Text,
        rev -> BigInt,
        acts_as -> Nullable<Text>,
        joined_at -> Nullable<Ts>,
    }
}

table! {
    use diesel::sql_types::{Integer, Text};
    use super::super::sql_types::Ts;

    /// What makes another device act as this one, once.
    device_codes (name) {
        name -> Text,
        hash -> Text,
        author_id -> Text,
        nickname -> Text,
        avatar -> Text,
        tries_left -> Integer,
        expires_at -> Ts,
    }
}

table! {
    use diesel::sql_types::{Integer, Text};
    use super::super::sql_types::{Guid, Ts};

    /// Who may register, and as what.
    invites (id) {
        id -> Guid,
        role -> Text,
        uses_left -> Integer,
        created_by -> Text,
        created_at -> Ts,
        expires_at -> Ts,
    }
}

table! {
    use diesel::sql_types::{Binary, Nullable, Text};
    use super::super::sql_types::Ts;

    /// What access tokens are signed with.
    signing_keys (kid) {
        kid -> Text,
        secret -> Binary,
        created_at -> Ts,
        retired_at -> Nullable<Ts>,
    }
}

table! {
    use diesel::sql_types::{BigInt, Bool, Nullable, Text};
    use super::super::sql_types::Ts;

    /// Who is shut out.
    bans (id) {
        id -> BigInt,
        room_id -> Nullable<Text>,
        author_id -> Nullable<Text>,
        network -> Nullable<BigInt>,
        with_network -> Bool,
        reason -> Text,
        by_author -> Text,
        at -> Ts,
        until -> Nullable<Ts>,
        lifted_at -> Nullable<Ts>,
        rev -> BigInt,
    }
}

table! {
    use diesel::sql_types::{BigInt, SmallInt, Text};
    use super::super::sql_types::Ts;

    /// What was reported.
    reports (id) {
        id -> BigInt,
        room_id -> Text,
        message_id -> BigInt,
        by_author -> Text,
        reason -> Text,
        state -> SmallInt,
        at -> Ts,
    }
}

table! {
    use diesel::sql_types::{BigInt, Nullable, Text};
    use super::super::sql_types::Ts;

    /// What those with rights did.
    audit_log (id) {
        id -> BigInt,
        room_id -> Nullable<Text>,
        actor -> Text,
        action -> Text,
        target -> Text,
        before -> Text,
        after -> Text,
        at -> Ts,
        undone_at -> Nullable<Ts>,
        undone_by -> Nullable<Text>,
    }
}

table! {
    use diesel::sql_types::{BigInt, Nullable, SmallInt, Text};
    use super::super::sql_types::{Guid, Ts};

    /// What waits for a moderator, and what one has rejected.
    held_messages (id) {
        id -> BigInt,
        room_id -> Text,
        author_id -> Text,
        nickname -> Text,
        avatar -> Text,
        badge -> Nullable<SmallInt>,
        client_id -> Guid,
        content -> Text,
        reply_to -> Nullable<BigInt>,
        mentions -> Nullable<Text>,
        reason -> Text,
        state -> SmallInt,
        at -> Ts,
        decided_at -> Nullable<Ts>,
    }
}

table! {
    use diesel::sql_types::{Nullable, Text};
    use super::super::sql_types::Ts;

    /// Since when who is known in which room.
    authors (room_id, author_id) {
        room_id -> Text,
        author_id -> Text,
        first_seen_at -> Ts,
        last_message_at -> Nullable<Ts>,
    }
}

table! {
    use diesel::sql_types::{BigInt, Nullable, Text};
    use super::super::sql_types::Ts;

    /// Names under which rooms are reached beside their ids.
    room_aliases (alias) {
        alias -> Text,
        room_id -> Text,
        by_author -> Text,
        at -> Ts,
        ended_at -> Nullable<Ts>,
        rev -> BigInt,
    }
}

table! {
    use diesel::sql_types::Text;
    use super::super::sql_types::Ts;

    /// Everybody who wrote, once for all rooms.
    people (author_id) {
        author_id -> Text,
        nickname -> Text,
        avatar -> Text,
        first_seen_at -> Ts,
        last_seen_at -> Ts,
    }
}

table! {
    use diesel::sql_types::Text;
    use super::super::sql_types::Ts;

    /// Which names somebody wrote under.
    author_names (author_id, nickname) {
        author_id -> Text,
        nickname -> Text,
        first_seen_at -> Ts,
    }
}

table! {
    use diesel::sql_types::{BigInt, SmallInt};
    use super::super::sql_types::Ts;

    /// How much was written in hours and days that are over.
    activity (days, at) {
        days -> SmallInt,
        at -> Ts,
        messages -> BigInt,
        people -> BigInt,
        rooms -> BigInt,
    }
}

allow_tables_to_appear_in_same_query!(meta, rooms, messages, reactions, message_edits, removed_texts);
allow_tables_to_appear_in_same_query!(users, workspace_members, logins, author_claims);
