//! How messages come back from the archive. Written once; what each database says in its own way stands at the foot.

/// The columns that both tables have.
macro_rules! columns {
    () => {
        "id, room_id, anonymous_id, nickname, avatar, content, client_id, seq, rev, created_at, version, edited_at, \
         deleted_at, deleted_by, pinned_at, reply_to, reply_to_seq, reactions, mentions, badge"
    };
}
pub(crate) use columns;

/// Makes what takes messages back, for one kind of connection; `$of` is the database of that. `$dsl` brings what runs a query, `$async` and `$await` are
/// the words that this takes.
macro_rules! taking_back {
    ($module:ident, $of:ident, $connection:ty, $dsl:path, [$($async:tt)?], [$($await:tt)*]) => {
        pub(crate) mod $module {
            use diesel::{
                BoolExpressionMethods, ExpressionMethods, QueryDsl, QueryResult, sql_query, sql_types::Text, update,
            };
            use uuid::Uuid;
            use $dsl;

            use $crate::tables::{archive_schema::messages_archive, schema::messages, sql_types::Key};

            type Connection = $connection;

            /// Brings messages of these rooms, whose rows are locked, back from the archive with all that hangs on them.
            /// Tells which there were.
            pub(crate) $($async)? fn take_back(
                c: &mut Connection,
                ids: &[i64],
                rooms: &[&str],
            ) -> QueryResult<Vec<i64>> {
                let asked = messages_archive::id.eq_any(ids).and(messages_archive::room_id.eq_any(rooms));
                let keys = (
                    messages_archive::id,
                    messages_archive::room_id,
                    messages_archive::anonymous_id,
                    messages_archive::client_id,
                );
                let query = messages_archive::table.filter(asked).select(keys);
                let found = query.load::<(i64, String, String, Key)>(c) $($await)* ?;
                if found.is_empty() {
                    return Ok(Vec::new());
                }
                for (id, room, author, key) in &found {
                    // Sent once more long after it was archived, it has become a message of its own, and has the key.
                    let same = messages::table
                        .filter(messages::room_id.eq(room).and(messages::anonymous_id.eq(author)))
                        .filter(messages::client_id.eq(*key))
                        .select(messages::id);
                    if !same.load::<i64>(c) $($await)* ?.is_empty() {
                        let of = messages_archive::table.filter(messages_archive::id.eq(*id));
                        let another = messages_archive::client_id.eq(Key(Uuid::new_v4()));
                        update(of).set(another).execute(c) $($await)* ?;
                    }
                }
                let ids: Vec<i64> = found.into_iter().map(|(id, ..)| id).collect();
                let list = serde_json::json!(ids).to_string();
                for statement in $crate::archive::taking::$of::STATEMENTS {
                    sql_query(statement).bind::<Text, _>(list.as_str()).execute(c) $($await)* ?;
                }
                Ok(ids)
            }
        }
    };
}
pub(crate) use taking_back;

/// What brings messages back: of each statement the parameter is a list of ids in JSON.
macro_rules! taking_statements {
    ($ids:literal, $reactions:literal, $edits:literal) => {
        pub(crate) const STATEMENTS: [&str; 4] = [
            concat!(
                "INSERT INTO messages (",
                columns!(),
                ") SELECT ",
                columns!(),
                " FROM messages_archive WHERE id ",
                $ids
            ),
            concat!(
                "INSERT INTO reactions (message_id, author_id, emoji, created_at) ",
                $reactions,
                " AND a.id ",
                $ids
            ),
            concat!(
                "INSERT INTO message_edits (message_id, version, content, client_id, edited_at) ",
                $edits,
                " AND a.id ",
                $ids
            ),
            concat!("DELETE FROM messages_archive WHERE id ", $ids),
        ];
    };
}

/// What each database says in its own way when messages come back.
pub(crate) mod postgres {
    taking_statements!(
        "= ANY (ARRAY(SELECT x.value::bigint FROM json_array_elements_text($1::json) AS x (value)))",
        "SELECT a.id, r.value ->> 0, r.value ->> 1,
            timestamptz 'epoch' + (r.value ->> 2)::bigint * interval '1 microsecond'
          FROM messages_archive a CROSS JOIN LATERAL json_array_elements(a.reactors::json) AS r (value)
          WHERE a.reactors IS NOT NULL",
        "SELECT a.id, (e.value ->> 0)::int, e.value ->> 1, (e.value ->> 2)::uuid,
            timestamptz 'epoch' + (e.value ->> 3)::bigint * interval '1 microsecond'
          FROM messages_archive a CROSS JOIN LATERAL json_array_elements(a.edits::json) AS e (value)
          WHERE a.edits IS NOT NULL"
    );
}
pub(crate) mod sqlite {
    taking_statements!(
        "IN (SELECT x.value FROM json_each($1) AS x)",
        "SELECT a.id, r.value ->> 0, r.value ->> 1, (r.value ->> 2) / 1000
          FROM messages_archive a, json_each(a.reactors) AS r WHERE a.reactors IS NOT NULL",
        "SELECT a.id, e.value ->> 0, e.value ->> 1, unhex(e.value ->> 2), (e.value ->> 3) / 1000
          FROM messages_archive a, json_each(a.edits) AS e WHERE a.edits IS NOT NULL"
    );
}
