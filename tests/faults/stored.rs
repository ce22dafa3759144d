//! What a room is in the database, with all that became of its messages.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    acts,
    checker::{Message, StoredEdit, StoredRoom},
    support::Database,
};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Edit {
    id: String,
    version: i32,
    content: String,
    client_id: uuid::Uuid,
}

/// The rows of a room and its counters; the rest is empty.
pub async fn room(database: &Database, room: &str) -> StoredRoom {
    let (last_rev, message_count) = database.counters(room).await;
    let quoted = room.replace('\'', "''");
    let of_room = format!("JOIN messages m ON m.id = message_id WHERE m.room_id = '{quoted}'");
    let is_sqlite = database.is_sqlite();
    let (object, key) = if is_sqlite { ("json_object", "hex({})") } else { ("json_build_object", "{}") };
    let key = |column: &str| key.replace("{}", column);
    let edits = format!(
        "SELECT CAST({object}('id', CAST(m.id AS TEXT), 'version', e.version, 'content', e.content,
            'clientId', {}) AS TEXT) AS text FROM message_edits e {of_room} ORDER BY m.seq, e.version",
        key("e.client_id")
    );
    let edits = read::<Edit>(database, &edits)
        .await
        .into_iter()
        .map(|Edit { id, version, content, client_id }| StoredEdit { id, version, content, client_id });
    let reactions = format!(
        "SELECT CAST({array}(CAST(m.id AS TEXT), r.author_id, r.emoji) AS TEXT) AS text FROM reactions r {of_room}",
        array = if is_sqlite { "json_array" } else { "json_build_array" }
    );
    let log = acts::log(database).await;
    StoredRoom {
        last_rev,
        message_count,
        rows: messages(database, &quoted, object, &key("client_id")).await,
        edits: edits.collect(),
        reactions: read(database, &reactions).await.into_iter().collect(),
        n_acts: acts::touched(&log, room).count(),
        touched: acts::touched(&log, room).collect(),
        is_moderated: !log.is_empty(),
        ..StoredRoom::default()
    }
}

pub async fn read<T: for<'de> Deserialize<'de>>(database: &Database, query: &str) -> Vec<T> {
    let texts = database.texts(query).await;
    texts.iter().map(|text| serde_json::from_str(text).unwrap_or_else(|e| panic!("{e}: {text}"))).collect()
}

/// In the form of the wire.
async fn messages(database: &Database, room: &str, object: &str, key: &str) -> Vec<Message> {
    let time = |column: &str| match database.is_sqlite() {
        true => format!("strftime('%Y-%m-%dT%H:%M:%fZ', {column} / 1000.0, 'unixepoch')"),
        false => format!(r#"to_char({column} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')"#),
    };
    let author = format!("{object}('id', anonymous_id, 'nickname', nickname, 'avatar', avatar)");
    let query = format!(
        "SELECT CAST({object}('id', CAST(id AS TEXT), 'seq', seq, 'rev', rev, 'clientId', {key}, 'author', {author},
            'content', content, 'createdAt', {}, 'version', NULLIF(version, 1), 'editedAt', {}, 'deletedAt', {},
            'deletedBy', CASE deleted_by WHEN 1 THEN 'author' WHEN 2 THEN 'moderator' END, 'pinnedAt', {},
            'reacted', reactions) AS TEXT) AS text
         FROM messages WHERE room_id = '{room}' ORDER BY seq",
        time("created_at"),
        time("edited_at"),
        time("deleted_at"),
        time("pinned_at")
    );
    let message = |mut row: Value| {
        // The column is JSON in a text: emoji, how many, the first authors.
        let column = row["reacted"].take();
        let reactions: Vec<(String, i64, Vec<String>)> =
            column.as_str().map(|text| serde_json::from_str(text).expect("reactions")).unwrap_or_default();
        let of = |(emoji, count, authors)| json!({"emoji": emoji, "count": count, "authors": authors});
        row["reactions"] = reactions.into_iter().map(of).collect();
        serde_json::from_value(row).expect("a message")
    };
    read(database, &query).await.into_iter().map(message).collect()
}
