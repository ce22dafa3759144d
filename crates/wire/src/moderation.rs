use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::AuthorPayload;

/// The payload of ROOM: what a room is now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoomPayload<'a> {
    /// The room's counter; this moves no cursor.
    pub rev: i64,
    /// What it is.
    pub room: RoomStatePayload<'a>,
}

/// See [`RoomPayload`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RoomStatePayload<'a> {
    /// What it is called, where that was set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<Cow<'a, str>>,
    /// Its settings, as far as visitors need them.
    pub settings: serde_json::Map<String, serde_json::Value>,
    /// Goes up with each change of the two.
    pub settings_rev: i64,
    /// Messages with a `seq` below this are gone for good; absent where none is.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub first_seq: i64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes it so")]
pub(crate) fn is_zero(number: &i64) -> bool {
    *number == 0
}

/// The payload of MOD: what somebody with a right did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ModPayload<'a> {
    /// The entry in what was done by whom.
    pub audit_id: String,
    /// `ban`, `unban`, `room_set`, `delete`, `pin`, `unpin`, `approve`, `reject`, `guard_on` or `guard_off`.
    pub action: Cow<'a, str>,
    /// When.
    pub at: String,
    /// By whom.
    pub by: AuthorPayload<'a>,
    /// To whom.
    pub target: ModTarget<'a>,
    /// Which command this answers, for whoever sent it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_id: Option<Uuid>,
}

/// See [`ModPayload`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ModTarget<'a> {
    /// An author, where it was done to one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub author_id: Option<Cow<'a, str>>,
    /// A message, where it was done to one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
}

/// The payload of QUEUE: what waits for those who keep order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QueuePayload {
    /// Messages of the room with open reports.
    pub reported: i64,
    /// Messages that wait to be let through. A server of an earlier release does not say.
    #[serde(default)]
    pub held: i64,
}
