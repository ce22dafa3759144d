//! What those who keep order are told of bans, deeds and messages, in whichever list they stand.

use serde::Serialize;
use serde_json::{Value, json};

use chat_domain::ChatMessage;
use chat_store::{Audit, Ban, BanKey};
use chat_wire::timestamp;

/// A ban.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BanInfo {
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    room: Option<String>,
    author_id: String,
    address: bool,
    reason: String,
    by: String,
    at: String,
    until: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lifted_at: Option<String>,
}

impl BanInfo {
    /// A ban of somebody; of an address alone there is nothing to tell.
    pub fn of(ban: Ban) -> Option<Self> {
        let BanKey::Author(author) = ban.key else { return None };
        Some(Self {
            id: ban.id.to_string(),
            room: ban.room.map(|room| room.as_str().to_owned()),
            author_id: author.as_str().to_owned(),
            address: ban.with_network,
            reason: ban.reason,
            by: ban.by.as_str().to_owned(),
            at: timestamp(ban.at),
            until: ban.until.map(timestamp),
            lifted_at: ban.lifted_at.map(timestamp),
        })
    }
}

/// Something that was done.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AuditInfo {
    id: String,
    room: Option<String>,
    actor: String,
    action: String,
    target: Value,
    before: Value,
    after: Value,
    at: String,
    undone_at: Option<String>,
    undone_by: Option<String>,
}

impl AuditInfo {
    /// An entry of what was done.
    pub fn of(entry: Audit) -> Self {
        Self {
            id: entry.id.to_string(),
            room: entry.room.map(|room| room.as_str().to_owned()),
            actor: entry.actor.as_str().to_owned(),
            action: entry.action,
            target: entry.target,
            before: entry.before,
            after: entry.after,
            at: timestamp(entry.at),
            undone_at: entry.undone.as_ref().map(|(at, _)| timestamp(*at)),
            undone_by: entry.undone.map(|(_, by)| by.as_str().to_owned()),
        }
    }
}

/// A message as whoever keeps order is shown it outside of its room.
pub fn message_info(message: &ChatMessage) -> Value {
    let deleted = message.annotations.as_ref().and_then(|annotations| annotations.deleted);
    json!({
        "id": message.id.to_string(),
        "seq": message.seq,
        "author": {
            "id": message.author.id.as_str(),
            "nickname": message.author.nickname.as_str(),
            "avatar": message.author.avatar.as_str(),
        },
        "content": message.content.as_str(),
        "createdAt": timestamp(message.created_at),
        "deleted": deleted.is_some(),
    })
}
