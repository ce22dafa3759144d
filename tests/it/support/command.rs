//! The frames that do something to a message, each with a new key.

use serde_json::{Value, json};
use uuid::Uuid;

fn command(kind: &str, mut payload: Value) -> Value {
    payload["clientId"] = json!(Uuid::new_v4());
    json!({"type": kind, "payload": payload})
}

/// A MESSAGE that answers the one with this id.
pub fn reply(content: &str, to: &str) -> Value {
    command("MESSAGE", json!({"content": content, "replyTo": to}))
}

pub fn edit(id: &str, version: i32, content: &str) -> Value {
    command("EDIT", json!({"id": id, "version": version, "content": content}))
}

pub fn delete(id: &str) -> Value {
    command("DELETE", json!({"id": id}))
}

pub fn react(id: &str, emoji: &str, on: bool) -> Value {
    command("REACT", json!({"id": id, "emoji": emoji, "on": on}))
}

pub fn pin(id: &str, on: bool) -> Value {
    command("PIN", json!({"id": id, "on": on}))
}

pub fn report(id: &str, reason: &str) -> Value {
    command("REPORT", json!({"id": id, "reason": reason}))
}

/// `seconds`: 0 for good; `scope`: `room` or `all`.
pub fn ban(author_id: &str, seconds: u32, scope: &str) -> Value {
    command("BAN", json!({"authorId": author_id, "seconds": seconds, "scope": scope}))
}

pub fn unban(author_id: &str, scope: &str) -> Value {
    command("UNBAN", json!({"authorId": author_id, "scope": scope}))
}

pub fn set_room(settings: &Value, settings_rev: i64) -> Value {
    command("ROOM_SET", json!({"settings": settings, "settingsRev": settings_rev}))
}

/// `kind`: `APPROVE` or `REJECT`.
pub fn settle(kind: &str, held: &[&str]) -> Value {
    command(kind, json!({"heldIds": held}))
}
