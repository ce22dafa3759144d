use std::rc::Rc;

use actix::clock::Instant;
use actix_web::web::Data;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;
use uuid::Uuid;

use super::client::Client;
use crate::{
    doors::{
        command::{Answer, Command},
        error::DoorError,
        visitor::Visitor,
    },
    http::Site,
    session::{SessionSetup, Writer},
};
use chat_domain::{Rights, RoomId};
use chat_rooms::Refusal;
use chat_wire::{DeleteToSend, EditToSend, MentionToSend, MessageToSend, PinToSend, ReactToSend};

/// What a client asks of a room.
#[derive(Debug, PartialEq)]
pub enum Sent {
    Message(MessageToSend),
    Edit(EditToSend),
    Delete(DeleteToSend),
    React(ReactToSend),
    Pin(PinToSend),
}

/// The same, as it can be handed to its room.
#[derive(Debug, PartialEq)]
pub struct ToSend {
    pub room: RoomId,
    pub client_id: Uuid,
    pub what: Sent,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct NewMessage {
    content: String,
    reply_to: Option<String>,
    #[serde(default)]
    mentions: Vec<MentionToSend>,
}

#[derive(Deserialize)]
struct NewText {
    id: String,
    version: i32,
    content: String,
    #[serde(default)]
    mentions: Vec<MentionToSend>,
}

#[derive(Deserialize)]
struct Which {
    id: String,
}

#[derive(Deserialize)]
struct Reaction {
    id: String,
    emoji: String,
    on: bool,
}

#[derive(Deserialize)]
struct Pinned {
    id: String,
    on: bool,
}

impl Sent {
    /// What a command of this kind asks for, by the fields that it brings.
    ///
    /// # Errors
    /// Where there is no such kind, or it has other fields: with these words.
    pub fn read(kind: &str, client_id: Uuid, given: Option<Value>) -> Result<Self, &'static str> {
        Ok(match kind {
            "MESSAGE" => {
                let NewMessage { content, reply_to, mentions } = fields(given, "{content, replyTo?, mentions?}")?;
                Self::Message(MessageToSend { client_id, content, reply_to, mentions })
            }
            "EDIT" => {
                let NewText { id, version, content, mentions } = fields(given, "{id, version, content, mentions?}")?;
                Self::Edit(EditToSend { client_id, id, version, content, mentions })
            }
            "DELETE" => {
                let Which { id } = fields(given, "{id}")?;
                Self::Delete(DeleteToSend { client_id, id })
            }
            "REACT" => {
                let Reaction { id, emoji, on } = fields(given, "{id, emoji, on}")?;
                Self::React(ReactToSend { client_id, id, emoji, on })
            }
            "PIN" => {
                let Pinned { id, on } = fields(given, "{id, on}")?;
                Self::Pin(PinToSend { client_id, id, on })
            }
            _ => return Err("what is sent is MESSAGE, EDIT, DELETE, REACT or PIN"),
        })
    }
}

fn fields<T: DeserializeOwned>(given: Option<Value>, expected: &'static str) -> Result<T, &'static str> {
    // serde would also read a struct from an array.
    let object = given.filter(Value::is_object).ok_or(expected)?;
    serde_json::from_value(object).map_err(|_| expected)
}

/// Hands a command to its room, as whoever sends it: their token is looked at anew, as it may have ended.
///
/// # Errors
/// Where it is refused at once.
pub(super) async fn hand_over(
    (site, setup): (Data<Site>, Rc<SessionSetup>),
    (visitor, client): (impl Future<Output = Result<Visitor, DoorError>>, Rc<Client>),
    ToSend { room, client_id, what }: ToSend,
) -> Result<(Command, Answer), DoorError> {
    let received = Instant::now();
    let visitor = visitor.await?;
    let context = site.join_context.get().ok_or(DoorError::from(Refusal::StoreUnavailable))?;
    // By whichever of its names.
    let room = context.desk.access().resolve(&room);
    let rights = match &what {
        Sent::Message(_) | Sent::Edit(_) => Rights::WRITE,
        Sent::Delete(_) => Rights::WRITE | Rights::DELETE_ANY,
        Sent::React(_) => Rights::REACT,
        Sent::Pin(_) => Rights::PIN,
    };
    let command = Command::new((site, setup), visitor, (room, client_id), rights)?;
    let change = match what {
        Sent::Message(message) => {
            let called = (client.nickname.as_deref(), client.avatar.as_deref());
            let profile = command.visitor.profile(&command.site, called)?;
            let answer = command.publish(message, profile, received)?;
            return Ok((command, answer));
        }
        Sent::Edit(edit) => command.writer().edit(edit)?,
        Sent::Delete(delete) => command.writer().delete(&delete)?,
        Sent::React(react) => command.writer().react(&react)?,
        Sent::Pin(pin) => Writer::pin(&pin)?,
    };
    let answer = command.amend(change, received)?;
    Ok((command, answer))
}
