use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    event::{Event, Events, body, body_of, made_body},
    signature::{entry_id, webhook_id},
};
use chat_domain::{ChatMessage, Epoch, IdentityKey, RoomId};
use chat_store::{Audit, Held, HookList, ListItem, NewDelivery, Report, Webhook};
use chat_wire::{AuthorPayload, MessagePayload, timestamp};

/// Under which name the guard acts.
const GUARD: &str = "guard";
/// What an entry says that takes another one back.
const UNDOES: &str = "undoes";

/// Something that a receiver is told: made when it is sent.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Telling {
    /// The same however often it is tried.
    pub webhook_id: String,
    /// What happened, by its name.
    pub event: &'static str,
    /// What is sent.
    pub body: String,
    /// Where.
    pub room: Option<RoomId>,
    /// To which message.
    pub message: Option<i64>,
    /// By which value of the room's counter.
    pub rev: Option<i64>,
    /// Or which row of which list it is.
    pub entry: Option<(HookList, i64)>,
}

/// How a try ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tried {
    /// What was answered; a broker says nothing where it has taken something.
    pub status: Option<u16>,
    /// Why nothing was.
    pub error: Option<String>,
    /// How long it took.
    pub millis: u32,
}

impl Tried {
    /// Whether the receiver has taken it.
    pub fn is_taken(&self) -> bool {
        self.error.is_none() && self.status.is_none_or(|status| (200..300).contains(&status))
    }
}

/// What a row of a list is told as.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Said {
    event: Event,
    room: Option<RoomId>,
    message: Option<i64>,
    data: Value,
}

impl Telling {
    /// Something about a message.
    pub fn of_message(
        (hook, key): (Uuid, &IdentityKey),
        event: Event,
        (room, epoch): (&RoomId, Epoch),
        message: &ChatMessage,
        at: DateTime<Utc>,
    ) -> Self {
        Self {
            webhook_id: webhook_id(key, hook, (room, epoch, message.rev)),
            event: event.as_str(),
            body: body(event, (room, epoch), message, at),
            room: Some(room.clone()),
            message: Some(message.id),
            rev: Some(message.rev),
            entry: None,
        }
    }

    /// That a room was made: what comes before its first message.
    pub fn of_new_room((hook, key): (Uuid, &IdentityKey), (room, epoch): (&RoomId, Epoch), at: DateTime<Utc>) -> Self {
        Self {
            webhook_id: webhook_id(key, hook, (room, epoch, 0)),
            event: Event::Room.as_str(),
            body: made_body((room, epoch), at),
            room: Some(room.clone()),
            message: None,
            rev: Some(0),
            entry: None,
        }
    }

    /// A row of a list; with the message that it is about, as that is now.
    pub fn of_entry(
        (hook, key): (Uuid, &IdentityKey),
        entry: (HookList, i64),
        said: Said,
        about: Option<&ChatMessage>,
        at: DateTime<Utc>,
    ) -> Self {
        let Said { event, room, message, mut data } = said;
        if let (Some(data), Some(about)) = (data.as_object_mut(), about) {
            data.insert("message".to_owned(), json!(MessagePayload::from(about)));
        }
        let (webhook_id, event) = (entry_id(key, hook, entry), event.as_str());
        let body = body_of(event, &data, at);
        Self { webhook_id, event, body, room, message, rev: None, entry: Some(entry) }
    }

    /// How a try of it is noted.
    pub fn noted(&self, hook: &Webhook, tried: &Tried) -> NewDelivery {
        NewDelivery {
            hook: hook.id,
            webhook_id: self.webhook_id.clone(),
            event: self.event,
            room: self.room.clone(),
            message: self.message,
            rev: self.rev,
            entry: self.entry,
            status: tried.status,
            error: tried.error.clone(),
            millis: tried.millis,
        }
    }
}

impl Said {
    /// What a row of a list is told as to one who is told these, of this room alone or of all; none where it is nothing for
    /// them. Ids, settings, reasons and what waits: nothing that says where somebody is, and no text that was deleted.
    pub fn of(item: &ListItem, events: Events, only: Option<&RoomId>) -> Option<Self> {
        let said = match item {
            ListItem::Deed(deed) => of_deed(deed, events)?,
            ListItem::Report(report) => of_report(report),
            ListItem::Held(held) => of_held(held),
        };
        let is_there = only.is_none_or(|room| said.room.as_ref() == Some(room));
        (events.has(said.event) && is_there).then_some(said)
    }

    /// Which message it is about: it is told with it, as it is then.
    pub fn about(&self) -> Option<(&RoomId, i64)> {
        let message = self.message.filter(|_| self.event == Event::Report)?;
        Some((self.room.as_ref()?, message))
    }
}

fn of_deed(deed: &Audit, events: Events) -> Option<Said> {
    let is_guards = deed.actor.as_str() == GUARD;
    let event = match deed.action.as_str() {
        // Whoever does not want to hear of the guard hears what it did to the room.
        "room_set" if is_guards && events.has(Event::Guard) => Event::Guard,
        "room_set" | "defaults_set" | "rename" | "unrename" => Event::Room,
        "settle" => Event::Report,
        "approve" | "reject" | "unreject" => Event::Held,
        _ => return None,
    };
    let change = match deed.action.as_str() {
        "room_set" if event == Event::Guard && deed.after.get(UNDOES).is_some() => "off",
        "room_set" if event == Event::Guard => "on",
        "room_set" => "set",
        "defaults_set" => "defaults",
        "rename" => "renamed",
        "unrename" => "unrenamed",
        "settle" => "settled",
        "approve" => "approved",
        "reject" => "rejected",
        _ => "waits",
    };
    let mut data = json!({"change": change, "by": deed.actor.as_str(), "at": timestamp(deed.at)});
    if let Some(data) = data.as_object_mut() {
        let mut put = |name: &str, value: Option<&Value>| {
            if let Some(value) = value.filter(|value| !value.is_null()) {
                data.insert(name.to_owned(), value.clone());
            }
        };
        let room = deed.room.as_ref().map(|room| Value::from(room.as_str()));
        put("roomId", room.as_ref());
        for name in ["settings", "settingsRev"] {
            put(name, deed.after.get(name));
        }
        for name in ["to", "heldIds"] {
            put(name, deed.target.get(name));
        }
        put("messageIds", deed.after.get("messages"));
        put("messageId", deed.target.get("id"));
    }
    let message = deed.target.get("id").and_then(Value::as_str).and_then(|id| id.parse().ok());
    Some(Said { event, room: deed.room.clone(), message, data })
}

fn of_report(report: &Report) -> Said {
    let data = json!({
        "change": "reported",
        "reportId": report.id.to_string(),
        "roomId": report.room.as_str(),
        "messageId": report.message.to_string(),
        "by": report.by.as_str(),
        "reason": report.reason,
        "at": timestamp(report.at),
    });
    Said { event: Event::Report, room: Some(report.room.clone()), message: Some(report.message), data }
}

fn of_held(held: &Held) -> Said {
    let data = json!({
        "change": "waits",
        "heldId": held.id.to_string(),
        "roomId": held.room.as_str(),
        "author": AuthorPayload::from(&held.author),
        "content": held.content.as_str(),
        "reason": held.reason.as_str(),
        "at": timestamp(held.at),
    });
    Said { event: Event::Held, room: Some(held.room.clone()), message: None, data }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chat_domain::AuthorId;

    fn deed(action: &str, actor: &str, (target, after): (Value, Value)) -> ListItem {
        ListItem::Deed(Audit {
            id: 1,
            room: RoomId::parse("post").ok(),
            actor: AuthorId::from_stored(actor),
            action: action.to_owned(),
            target,
            before: Value::Null,
            after,
            at: DateTime::UNIX_EPOCH,
            undone: None,
        })
    }

    fn said(item: &ListItem, events: &[&str]) -> Option<(&'static str, Value)> {
        let events = Events::parse(events.iter().copied()).expect("events");
        Said::of(item, events, None).map(|said| (said.event.as_str(), said.data["change"].clone()))
    }

    #[test]
    fn each_deed_is_told_as_what_it_is_and_to_whom_it_is_for() {
        let none = || (Value::Null, Value::Null);
        let on = || (Value::Null, json!({"settings": {"locked": true}, "settingsRev": 3}));
        let off = || (Value::Null, json!({"settings": {}, "settingsRev": 4, "undoes": "7"}));
        for (item, events, expected) in [
            (deed("room_set", "a", on()), &["room"][..], Some(("room", "set"))),
            (deed("room_set", "a", off()), &["room", "guard"], Some(("room", "set"))),
            (deed("room_set", "guard", on()), &["guard"], Some(("guard", "on"))),
            (deed("room_set", "guard", off()), &["guard", "room"], Some(("guard", "off"))),
            (deed("room_set", "guard", on()), &["room"], Some(("room", "set"))),
            (deed("room_set", "a", on()), &["guard"], None),
            (deed("rename", "a", none()), &["room"], Some(("room", "renamed"))),
            (deed("unrename", "a", none()), &["room"], Some(("room", "unrenamed"))),
            (deed("settle", "a", none()), &["report"], Some(("report", "settled"))),
            (deed("settle", "a", none()), &["held", "room"], None),
            (deed("approve", "a", none()), &["held"], Some(("held", "approved"))),
            (deed("reject", "a", none()), &["held"], Some(("held", "rejected"))),
            (deed("unreject", "a", none()), &["held"], Some(("held", "waits"))),
            (deed("ban", "a", none()), &["room", "report", "held", "guard"], None),
            (deed("webhook_made", "a", none()), &["room", "report", "held", "guard"], None),
        ] {
            let expected = expected.map(|(event, change)| (event, json!(change)));
            assert_eq!(said(&item, events), expected, "{item:?} {events:?}");
        }
    }

    #[test]
    fn one_room_is_told_of_alone() {
        let item = deed("room_set", "a", (Value::Null, json!({"settings": {"locked": true}, "settingsRev": 3})));
        let (here, there) = (RoomId::parse("post").expect("a room"), RoomId::parse("other").expect("a room"));
        let data = Said::of(&item, Events::all(), Some(&here)).expect("told").data;
        let expected = json!({"change": "set", "by": "a", "at": "1970-01-01T00:00:00.000Z", "roomId": "post",
            "settings": {"locked": true}, "settingsRev": 3});
        assert_eq!(data, expected);
        assert_eq!(Said::of(&item, Events::all(), Some(&there)), None);
    }
}
