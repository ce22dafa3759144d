use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use crate::{
    doors::{
        connection::{Client, Sent, ToSend},
        error::DoorError,
    },
    session::{refusal, text_refusal},
};
use chat_domain::RoomId;
use chat_wire::{ErrorCode, ResumePoint};

/// What an event of a client asks for.
#[derive(Debug, PartialEq)]
pub enum Asked {
    /// To read a room, from where on.
    Join(RoomId, Option<ResumePoint>),
    /// To read it no more.
    Leave,
    /// To show that somebody types.
    Typing,
    /// Something of the room.
    Send(ToSend),
}

/// Which room an event is about, as the client calls it, and which command, as far as that can be read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct About {
    /// The room.
    pub room_id: Option<String>,
    /// The command's key.
    pub client_id: Option<Uuid>,
}

#[derive(Deserialize)]
struct Resume {
    resume: Option<ResumePoint>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Auth {
    token: Option<String>,
    anonymous_id: Option<String>,
    nickname: Option<String>,
    avatar: Option<String>,
}

/// Reads an event.
pub fn read(name: &str, payload: Value) -> (About, Result<Asked, DoorError>) {
    let given = payload.get("clientId").filter(|given| !given.is_null());
    let room_id = payload.get("roomId").and_then(Value::as_str).map(str::to_owned);
    let client_id = given.and_then(Value::as_str).and_then(|text| Uuid::try_parse(text).ok());
    let about = About { room_id, client_id };
    // Without one it gets one that nobody else has.
    let client_id = if given.is_none() { Some(Uuid::new_v4()) } else { client_id };
    let asked = asked(name, payload, (about.room_id.as_deref(), client_id));
    (about, asked)
}

fn asked(name: &str, payload: Value, ids: (Option<&str>, Option<Uuid>)) -> Result<Asked, DoorError> {
    let kind = match name {
        "join" | "leave" | "typing" => None,
        "message" => Some("MESSAGE"),
        "edit" => Some("EDIT"),
        "delete" => Some("DELETE"),
        "react" => Some("REACT"),
        "pin" => Some("PIN"),
        _ => return Err(bad("events are join, leave, typing, message, edit, delete, react and pin")),
    };
    let room = RoomId::parse(ids.0.ok_or_else(|| bad("an event has {roomId}"))?).map_err(text_refusal)?;
    match (name, kind) {
        (_, Some(kind)) => {
            let client_id = ids.1.ok_or_else(|| bad("clientId is a UUID"))?;
            let what = Sent::read(kind, client_id, Some(payload)).map_err(bad)?;
            Ok(Asked::Send(ToSend { room, client_id, what }))
        }
        ("join", None) => {
            let Resume { resume } =
                serde_json::from_value(payload).map_err(|_| bad("{roomId, resume?: {epoch, rev}}"))?;
            Ok(Asked::Join(room, resume))
        }
        ("leave", None) => Ok(Asked::Leave),
        (_, None) => Ok(Asked::Typing),
    }
}

/// As whom a client comes, by what it brings.
///
/// # Errors
/// With a sentence for whoever wrote the client.
pub fn client(auth: Value) -> Result<Client, &'static str> {
    const WORDS: &str = "auth is {token? | anonymousId?: UUID, nickname?, avatar?}";
    if auth.is_null() {
        return Ok(Client { token: None, anonymous_id: None, nickname: None, avatar: None });
    }
    if !auth.is_object() {
        return Err(WORDS);
    }
    let Auth { token, anonymous_id, nickname, avatar } = serde_json::from_value(auth).map_err(|_| WORDS)?;
    let some = |text: Option<String>| text.filter(|text| !text.is_empty());
    let anonymous_id = some(anonymous_id).map(|text| Uuid::try_parse(&text)).transpose().map_err(|_| WORDS)?;
    Ok(Client { token: some(token), anonymous_id, nickname: some(nickname), avatar: some(avatar) })
}

fn bad(why: &'static str) -> DoorError {
    refusal(ErrorCode::BadRequest, why).into()
}

#[cfg(test)]
mod tests {
    use chat_wire::MessageToSend;
    use serde_json::json;

    use super::*;

    const KEY: &str = "6f9619ff-8b86-4d01-b42d-00cf4fc964ff";

    #[test]
    fn events_ask_for_what_the_socket_takes() {
        let asked = |name: &str, payload: Value| read(name, payload).1.ok();
        let room = RoomId::parse("글").expect("a room");
        let resume = Some(ResumePoint { epoch: "e".to_owned(), rev: 7 });
        let join = json!({"roomId": "글", "resume": {"epoch": "e", "rev": 7}});
        assert_eq!(asked("join", join), Some(Asked::Join(room.clone(), resume)));
        assert_eq!(asked("join", json!({"roomId": "글", "resume": null})), Some(Asked::Join(room.clone(), None)));
        assert_eq!(asked("leave", json!({"roomId": "글"})), Some(Asked::Leave));
        assert_eq!(asked("typing", json!({"roomId": "글"})), Some(Asked::Typing));
        let client_id = Uuid::try_parse(KEY).expect("a key");
        let what = Sent::Message(MessageToSend {
            client_id,
            content: "a".to_owned(),
            reply_to: Some("7".to_owned()),
            mentions: vec![],
        });
        let message = json!({"roomId": "글", "clientId": KEY, "content": "a", "replyTo": "7"});
        assert_eq!(asked("message", message), Some(Asked::Send(ToSend { room, client_id, what })));
        for (name, payload) in [
            ("join", json!({})),
            ("join", json!("글")),
            ("join", json!(["글"])),
            ("join", json!({"roomId": 7})),
            ("join", json!({"roomId": "a/b"})),
            ("join", json!({"roomId": "글", "resume": {"epoch": "e", "rev": -1}})),
            ("message", json!({"roomId": "글"})),
            ("message", json!({"roomId": "글", "content": 1})),
            ("message", json!({"roomId": "글", "clientId": "x", "content": "a"})),
            ("message", json!({"roomId": "글", "clientId": 1, "content": "a"})),
            ("edit", json!({"roomId": "글", "id": "1", "content": "a"})),
            ("ban", json!({"roomId": "글"})),
            ("JOIN", json!({"roomId": "글"})),
        ] {
            assert_eq!(asked(name, payload.clone()), None, "{name} {payload}");
        }
    }

    #[test]
    fn what_is_refused_is_known_by_what_could_be_read() {
        let about = |payload: Value| read("message", payload).0;
        let client_id = Uuid::try_parse(KEY).ok();
        let given = json!({"roomId": "a/b", "clientId": KEY});
        assert_eq!(about(given), About { room_id: Some("a/b".to_owned()), client_id });
        assert_eq!(about(json!({"roomId": 1, "clientId": "x"})), About::default());
        assert_eq!(about(json!([])), About::default());
        assert_eq!(about(Value::Null), About::default());
    }

    #[test]
    fn who_comes_says_so_or_reads() {
        for auth in [Value::Null, json!({}), json!({"token": "", "anonymousId": null, "more": 1})] {
            assert_eq!(client(auth), Ok(Client { token: None, anonymous_id: None, nickname: None, avatar: None }));
        }
        let auth = json!({"token": "t", "anonymousId": KEY, "nickname": "글쓴이", "avatar": "cat"});
        let (nickname, avatar) = (Some("글쓴이".to_owned()), Some("cat".to_owned()));
        let somebody =
            Client { token: Some("t".to_owned()), anonymous_id: Uuid::try_parse(KEY).ok(), nickname, avatar };
        assert_eq!(client(auth), Ok(somebody));
        for auth in [json!({"anonymousId": "me"}), json!({"token": 1}), json!(["t"]), json!("t")] {
            assert!(client(auth.clone()).is_err(), "{auth}");
        }
    }
}
