use actix::clock::Instant;
use uuid::Uuid;

use super::call::{Call, text};
use crate::{
    doors::{command::Command, error::DoorError, visitor::Visitor},
    session::{Change, Writer, refusal},
};
use chat_domain::Rights;
use chat_grpc::{
    message,
    messages::{
        DeleteMessageRequest, EditMessageRequest, Held, Mention, PinMessageRequest, PostMessageRequest,
        PostMessageResponse, ReactRequest, Stored, post_message_response::Became,
    },
};
use chat_rooms::Published;
use chat_wire::{DeleteToSend, EditToSend, ErrorCode, MentionToSend, MessageToSend, PinToSend, ReactToSend};

/// A message, answered once it is stored; or told that it waits for whoever keeps order.
pub async fn post(call: &Call, asked: PostMessageRequest) -> Result<PostMessageResponse, DoorError> {
    let received = Instant::now();
    let command = command(call, (&asked.room, &asked.client_id), Rights::WRITE).await?;
    let profile = command.visitor.profile(&command.site, (text(&asked.nickname), text(&asked.avatar)))?;
    let to_send = MessageToSend {
        client_id: command.client_id,
        reply_to: text(&asked.reply_to).map(str::to_owned),
        content: asked.content,
        mentions: mentions(asked.mentions),
    };
    let answer = command.publish(to_send, profile, received)?;
    let became = match command.answered(answer).await {
        Ok(published) => Became::Stored(stored(&command, published).await?),
        Err(DoorError::Refused(reply, _)) if reply.code == ErrorCode::Held => Became::Held(Held {
            client_id: command.client_id.to_string(),
            reason: reply.reason.unwrap_or_default().to_owned(),
        }),
        Err(error) => return Err(error),
    };
    Ok(PostMessageResponse { became: Some(became) })
}

/// Another text.
pub async fn edit(call: &Call, asked: EditMessageRequest) -> Result<Stored, DoorError> {
    let command = command(call, (&asked.room, &asked.client_id), Rights::WRITE).await?;
    let EditMessageRequest { id, version, content, .. } = asked;
    let (client_id, mentions) = (command.client_id, mentions(asked.mentions));
    let change = command.writer().edit(EditToSend { client_id, id, version, content, mentions })?;
    amend(&command, change).await
}

/// No text any more.
pub async fn delete(call: &Call, asked: DeleteMessageRequest) -> Result<Stored, DoorError> {
    let command = command(call, (&asked.room, &asked.client_id), Rights::WRITE | Rights::DELETE_ANY).await?;
    let change = command.writer().delete(&DeleteToSend { client_id: command.client_id, id: asked.id })?;
    amend(&command, change).await
}

/// Whoever asks reacts, or no more.
pub async fn react(call: &Call, asked: ReactRequest) -> Result<Stored, DoorError> {
    let command = command(call, (&asked.room, &asked.client_id), Rights::REACT).await?;
    let ReactRequest { id, emoji, on, .. } = asked;
    let change = command.writer().react(&ReactToSend { client_id: command.client_id, id, emoji, on })?;
    amend(&command, change).await
}

/// It is pinned, or no more.
pub async fn pin(call: &Call, asked: PinMessageRequest) -> Result<Stored, DoorError> {
    let command = command(call, (&asked.room, &asked.client_id), Rights::PIN).await?;
    let change = Writer::pin(&PinToSend { client_id: command.client_id, id: asked.id, on: asked.on })?;
    amend(&command, change).await
}

/// Who asks for something of a room; a program needs a key for one of these rights.
async fn command(call: &Call, (room, client_id): (&str, &str), rights: Rights) -> Result<Command, DoorError> {
    let room = call.room(room)?;
    let client_id = key_of(client_id)?;
    let by = (call.caller.token.as_deref(), call.caller.anonymous_id);
    let visitor = Visitor::by(&call.site, call.caller.address, by).await?;
    Command::new((call.site.clone(), call.setup.clone()), visitor, (room, client_id), rights)
}

/// The sender's key; where it has none, one that nobody else has.
fn key_of(client_id: &str) -> Result<Uuid, DoorError> {
    match text(client_id).map(Uuid::try_parse) {
        None => Ok(Uuid::new_v4()),
        Some(key) => key.map_err(|_| refusal(ErrorCode::BadRequest, "client_id is a UUID").into()),
    }
}

fn mentions(all: Vec<Mention>) -> Vec<MentionToSend> {
    all.into_iter().map(|Mention { author_id, from, to }| MentionToSend { author_id, from, to }).collect()
}

async fn amend(command: &Command, change: Change) -> Result<Stored, DoorError> {
    let answer = command.amend(change, Instant::now())?;
    stored(command, command.answered(answer).await?).await
}

async fn stored(command: &Command, published: Published) -> Result<Stored, DoorError> {
    Ok(Stored {
        client_id: command.client_id.to_string(),
        epoch: published.stored.epoch.to_string(),
        rev: published.rev(),
        message: Some(message(&*command.message(&published).await?)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_a_uuid_or_made_here() {
        let given = "6f9619ff-8b86-4d01-b42d-00cf4fc964ff";
        assert_eq!(key_of(given).ok(), Uuid::try_parse(given).ok());
        assert!(key_of("x").is_err() && key_of(" ").is_err());
        assert_ne!(key_of("").ok(), key_of("").ok());
    }
}
