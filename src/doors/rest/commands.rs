use actix::clock::Instant;
use actix_web::{
    HttpRequest, HttpResponse,
    http::{StatusCode, header},
    web::{Data, Payload},
};
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde_json::json;

use super::request::{command_of, fields, no_fields, stored};
use crate::{
    doors::{command::Command, error::DoorError},
    http::{HttpError, Site},
    session::{Change, Writer},
};
use chat_domain::Rights;
use chat_wire::{
    DeleteToSend, EditToSend, ErrorCode, MentionToSend, MessageToSend, PinToSend, ReactToSend, message_in_path,
};

type Answer = Result<HttpResponse, DoorError>;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct NewMessage {
    content: String,
    nickname: Option<String>,
    avatar: Option<String>,
    reply_to: Option<String>,
    #[serde(default)]
    mentions: Vec<MentionToSend>,
}

#[derive(Deserialize)]
struct NewText {
    version: i32,
    content: String,
    #[serde(default)]
    mentions: Vec<MentionToSend>,
}

/// `POST /api/v1/rooms/{room}/messages`: a message, answered once it is stored: 201, or 202 where it waits for whoever
/// keeps order.
pub async fn publish(request: HttpRequest, body: Payload, site: Data<Site>) -> Answer {
    let received = Instant::now();
    let (command, body) = command_of(&request, body, site, Rights::WRITE).await?;
    let NewMessage { content, nickname, avatar, reply_to, mentions } = fields(&body)?;
    let profile = command.visitor.profile(&command.site, (nickname.as_deref(), avatar.as_deref()))?;
    let asked = MessageToSend { client_id: command.client_id, content, reply_to, mentions };
    let answer = command.publish(asked, profile, received)?;
    match command.answered(answer).await {
        Ok(published) => stored(&command, StatusCode::CREATED, published).await,
        Err(DoorError::Refused(reply, _)) if reply.code == ErrorCode::Held => {
            let held = json!({"clientId": command.client_id, "held": {"reason": reply.reason}});
            Ok(HttpResponse::Accepted().insert_header((header::CACHE_CONTROL, "no-store")).json(held))
        }
        Err(error) => Err(error),
    }
}

/// `PATCH /api/v1/rooms/{room}/messages/{id}`: another text.
pub async fn edit(request: HttpRequest, body: Payload, site: Data<Site>) -> Answer {
    let (command, body) = command_of(&request, body, site, Rights::WRITE).await?;
    let NewText { version, content, mentions } = fields(&body)?;
    let (client_id, id) = (command.client_id, message_of(&request)?);
    let change = command.writer().edit(EditToSend { client_id, id, version, content, mentions })?;
    amend(&command, change).await
}

/// `DELETE /api/v1/rooms/{room}/messages/{id}`: no text any more.
pub async fn delete(request: HttpRequest, body: Payload, site: Data<Site>) -> Answer {
    let (command, body) = command_of(&request, body, site, Rights::WRITE | Rights::DELETE_ANY).await?;
    no_fields(&body)?;
    let (client_id, id) = (command.client_id, message_of(&request)?);
    let change = command.writer().delete(&DeleteToSend { client_id, id })?;
    amend(&command, change).await
}

/// `PUT /api/v1/rooms/{room}/messages/{id}/reactions/{emoji}`: whoever asks reacts with it.
pub async fn react(request: HttpRequest, body: Payload, site: Data<Site>) -> Answer {
    set_reaction(&request, body, site, true).await
}

/// `DELETE` of the same: and no more.
pub async fn unreact(request: HttpRequest, body: Payload, site: Data<Site>) -> Answer {
    set_reaction(&request, body, site, false).await
}

async fn set_reaction(request: &HttpRequest, body: Payload, site: Data<Site>, on: bool) -> Answer {
    let (command, body) = command_of(request, body, site, Rights::REACT).await?;
    no_fields(&body)?;
    let segment = request.uri().path().split('/').nth(8).unwrap_or_default();
    let emoji = percent_decode_str(segment).decode_utf8_lossy().into_owned();
    let (client_id, id) = (command.client_id, message_of(request)?);
    let change = command.writer().react(&ReactToSend { client_id, id, emoji, on })?;
    amend(&command, change).await
}

/// `PUT /api/v1/rooms/{room}/messages/{id}/pin`: it is pinned.
pub async fn pin(request: HttpRequest, body: Payload, site: Data<Site>) -> Answer {
    set_pin(&request, body, site, true).await
}

/// `DELETE` of the same: and no more.
pub async fn unpin(request: HttpRequest, body: Payload, site: Data<Site>) -> Answer {
    set_pin(&request, body, site, false).await
}

async fn set_pin(request: &HttpRequest, body: Payload, site: Data<Site>, on: bool) -> Answer {
    let (command, body) = command_of(request, body, site, Rights::PIN).await?;
    no_fields(&body)?;
    let (client_id, id) = (command.client_id, message_of(request)?);
    let change = Writer::pin(&PinToSend { client_id, id, on })?;
    amend(&command, change).await
}

/// The message that the path names.
fn message_of(request: &HttpRequest) -> Result<String, HttpError> {
    message_in_path(request.uri().path(), 6).map(|id| id.to_string()).ok_or(HttpError::MESSAGE_NOT_FOUND)
}

async fn amend(command: &Command, change: Change) -> Answer {
    let answer = command.amend(change, Instant::now())?;
    stored(command, StatusCode::OK, command.answered(answer).await?).await
}
