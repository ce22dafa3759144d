use std::borrow::Cow;

use serde::Deserialize;
use serde_json::{Map, Value};
use uuid::Uuid;

/// What a frame says of messages and of the room, as far as a raid is about it.
#[derive(Debug, PartialEq, Eq)]
pub enum News {
    /// A new message is shown, which was sent with this key.
    Shown(Uuid),
    /// A message is stored.
    Stored(Uuid),
    /// A message is not, or not yet; `after_ms`: when another one may be sent. The code as it stands there: a server may
    /// know more of them than this.
    Refused { client_id: Uuid, code: String, after_ms: Option<u64> },
    /// The room is as it is during a raid, or not.
    Room { is_raid: bool },
}

#[derive(Deserialize)]
struct Frame<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(default, borrow)]
    payload: Payload<'a>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Payload<'a> {
    client_id: Option<Uuid>,
    seq: Option<i64>,
    rev: Option<i64>,
    code: Option<String>,
    retry_after_ms: Option<u64>,
    room: Option<Room>,
    #[serde(default, borrow)]
    frames: Vec<Frame<'a>>,
}

#[derive(Deserialize)]
struct Room {
    #[serde(default)]
    settings: Map<String, Value>,
}

/// The preset for raids, by what visitors are told of it (docs/MODERATION.md, "Presets").
fn is_raid(settings: &Map<String, Value>) -> bool {
    let has = |name: &str, value: Value| settings.get(name) == Some(&value);
    has("slowSeconds", 30.into()) && has("linksMax", 0.into()) && has("holdNew", "all".into())
}

/// Reads a frame; a BATCH becomes what is in it, and what is none or says nothing of this becomes nothing.
pub fn hear(bytes: &[u8]) -> Vec<News> {
    let mut news = Vec::new();
    if let Ok(frame) = serde_json::from_slice(bytes) {
        take(frame, &mut news);
    }
    news
}

fn take(Frame { kind, payload }: Frame<'_>, news: &mut Vec<News>) {
    let Payload { client_id, seq, rev, code, retry_after_ms: after_ms, room, frames } = payload;
    match (&*kind, client_id) {
        ("BATCH", _) => frames.into_iter().for_each(|frame| take(frame, news)),
        // One in a later state was shown before.
        ("MESSAGE", Some(client_id)) if seq == rev => news.push(News::Shown(client_id)),
        ("ACK", Some(client_id)) => news.push(News::Stored(client_id)),
        ("ERROR", Some(client_id)) => {
            news.push(News::Refused { client_id, code: code.unwrap_or_default(), after_ms });
        }
        ("ROOM" | "WELCOME", _) => {
            news.extend(room.map(|room| News::Room { is_raid: is_raid(&room.settings) }));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_concerns_a_raid_is_heard() {
        let id = Uuid::from_u128(7);
        let refused = |code: &str| News::Refused { client_id: id, code: code.into(), after_ms: None };
        let raid = r#""settings":{"slowSeconds":30,"linksMax":0,"holdNew":"all","holdYoungerSeconds":86400}"#;
        for (frame, news) in [
            (format!(r#"{{"type":"MESSAGE","payload":{{"clientId":"{id}","seq":3,"rev":3}}}}"#), vec![News::Shown(id)]),
            (format!(r#"{{"type":"MESSAGE","payload":{{"clientId":"{id}","seq":3,"rev":4}}}}"#), vec![]),
            (format!(r#"{{"type":"ERROR","payload":{{"clientId":"{id}","code":"HELD"}}}}"#), vec![refused("HELD")]),
            (format!(r#"{{"type":"ERROR","payload":{{"clientId":"{id}","code":"LATER"}}}}"#), vec![refused("LATER")]),
            (r#"{"type":"ERROR","payload":{"code":"OVERLOADED"}}"#.into(), vec![]),
            (
                format!(r#"{{"type":"ROOM","payload":{{"rev":3,"room":{{{raid},"settingsRev":1}}}}}}"#),
                vec![News::Room { is_raid: true }],
            ),
            (
                r#"{"type":"WELCOME","payload":{"room":{"epoch":"e","rev":3,"settings":{"slowSeconds":30}}}}"#.into(),
                vec![News::Room { is_raid: false }],
            ),
            (
                format!(
                    r#"{{"type":"BATCH","payload":{{"frames":[{{"type":"ACK","payload":{{"clientId":"{id}"}}}},{{"type":"PONG"}}]}}}}"#
                ),
                vec![News::Stored(id)],
            ),
            ("[]".into(), vec![]),
        ] {
            assert_eq!(hear(frame.as_bytes()), news, "{frame}");
        }
    }
}
