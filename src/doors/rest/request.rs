//! What every request that writes has: a room, somebody who asks, a key, and a body that is read to its end.

use std::{rc::Rc, time::Duration};

use actix::clock::timeout;
use actix_web::{
    HttpRequest, HttpResponse,
    http::{StatusCode, header},
    web::{Data, Payload},
};
use serde::{Serialize, de::DeserializeOwned};
use tokio::sync::oneshot;
use uuid::Uuid;

use crate::{
    accounts::NotBearer,
    doors::{
        error::DoorError,
        visitor::{Visitor, check_origin},
    },
    http::{HttpError, Site, room_of, whole_body},
    session::{SessionSetup, Writer, bearer_refusal},
};
use chat_domain::{Rights, RoomId};
use chat_rooms::{Ask, Asked, Published, Refusal, ReplyTo};
use chat_wire::{ErrorCode, FRAME_BYTES_MAX, MessagePayload};

/// The header with the sender's key for a command, by which a retry is known.
const IDEMPOTENCY_KEY: &str = "idempotency-key";
/// How long an answer is waited for. Rooms answer sooner, by limits of their own.
const ANSWER_MAX: Duration = Duration::from_secs(60);

const BAD_KEY: HttpError = HttpError::new(ErrorCode::BadRequest, "the header Idempotency-Key is one UUID");
const BAD_BODY: HttpError =
    HttpError::new(ErrorCode::BadRequest, "the body is a JSON object with the fields of docs/DOORS.md");

/// A request that writes.
pub struct Command {
    pub site: Data<Site>,
    pub visitor: Visitor,
    pub room: RoomId,
    /// The sender's key.
    pub client_id: Uuid,
    setup: Rc<SessionSetup>,
}

impl Command {
    /// Who asks for something, with what; a program needs a key for one of these rights. A body is read whatever comes of it: what is left of one ends the connection.
    pub async fn of(
        request: &HttpRequest,
        body: Payload,
        site: Data<Site>,
        rights: Rights,
    ) -> Result<(Self, Vec<u8>), DoorError> {
        check_origin(request, &site)?;
        let room = room_of(request, 4)?;
        let body = whole_body(body, FRAME_BYTES_MAX).await?;
        let client_id = key_of(request)?;
        let visitor = Visitor::of(request, &site).await?;
        if visitor.principal.allows(rights) == Rights::NONE {
            return Err(bearer_refusal(&NotBearer::OutOfScope).into());
        }
        let setup = request.app_data::<Rc<SessionSetup>>().ok_or(Refusal::Overloaded)?.clone();
        Ok((Self { site, visitor, room, client_id, setup }, body.to_vec()))
    }

    /// Whoever writes, as every door asks its limits.
    pub fn writer(&self) -> Writer<'_> {
        Writer {
            author: self.visitor.principal.author_id(),
            address: self.visitor.address,
            room: &self.room,
            rates: &self.site.rates,
            metrics: &self.site.metrics,
        }
    }

    /// Asks the room, and waits until what is asked is stored, or refused.
    pub async fn ask(&self, asked: impl FnOnce(ReplyTo<Published>) -> Asked) -> Result<Published, DoorError> {
        let (reply, answer) = oneshot::channel();
        let actors = self.site.actors.get().ok_or(DoorError::from(Refusal::StoreUnavailable))?;
        let (room, thread) = (self.room.clone(), self.setup.thread.clone());
        let ask = Ask { room, thread, asked: asked(ReplyTo::Once(reply)) };
        if self.site.phase.is_refusing() || actors.registry.try_send(ask).is_err() {
            return Err(self.refused(Refusal::Overloaded));
        }
        match timeout(ANSWER_MAX, answer).await {
            Ok(Ok(Ok(published))) => Ok(published),
            Ok(Ok(Err(refusal))) => Err(self.refused(refusal)),
            // Nobody knows whether it is stored: the same key asks again.
            Ok(Err(_)) | Err(_) => Err(self.refused(Refusal::StoreUnavailable)),
        }
    }

    /// What the sender is told of a refusal; it is counted as the socket's are.
    pub fn refused(&self, refusal: Refusal) -> DoorError {
        let error = match (DoorError::from(refusal), refusal) {
            (DoorError::Refused(reply, None), Refusal::Banned { .. }) => {
                let access = self.site.join_context.get().map(|context| context.desk.access());
                let notice = access.and_then(|a| a.ban(&self.visitor.principal, &self.room, chrono::Utc::now()));
                let reason = notice.map(|notice| notice.reason).filter(|reason| !reason.is_empty());
                DoorError::Refused(reply, reason)
            }
            (error, _) => error,
        };
        if let DoorError::Refused(reply, _) = &error {
            self.setup.hub.count_error(*reply, true);
        }
        error
    }

    /// The answer with the message as it is stored.
    pub async fn stored(&self, status: StatusCode, published: Published) -> Result<HttpResponse, DoorError> {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Stored<'a> {
            client_id: Uuid,
            epoch: String,
            rev: i64,
            message: MessagePayload<'a>,
        }
        let rev = published.rev();
        let message = match published.message {
            Some(message) => message,
            // A retry of what is no recent message any more.
            None => {
                let read = self.site.read(self.site.store.message(&self.room, published.stored.id)).await?;
                read.ok_or(HttpError::MESSAGE_NOT_FOUND)?.into()
            }
        };
        let answer = Stored {
            client_id: self.client_id,
            epoch: published.stored.epoch.to_string(),
            rev,
            message: (&*message).into(),
        };
        Ok(HttpResponse::build(status).insert_header((header::CACHE_CONTROL, "no-store")).json(&answer))
    }
}

/// The sender's key; where it has none, one that nobody else has.
fn key_of(request: &HttpRequest) -> Result<Uuid, HttpError> {
    let mut keys = request.headers().get_all(IDEMPOTENCY_KEY);
    match (keys.next(), keys.next()) {
        (None, _) => Ok(Uuid::new_v4()),
        (Some(key), None) => key.to_str().ok().and_then(|key| Uuid::try_parse(key).ok()).ok_or(BAD_KEY),
        _ => Err(BAD_KEY),
    }
}

/// What a body says.
pub fn fields<T: DeserializeOwned>(body: &[u8]) -> Result<T, HttpError> {
    // serde would also read a struct from an array; bodies are objects only.
    if !body.trim_ascii_start().starts_with(b"{") {
        return Err(BAD_BODY);
    }
    serde_json::from_slice(body).map_err(|_| BAD_BODY)
}

/// Refuses a body where nothing is asked for with one.
pub fn no_fields(body: &[u8]) -> Result<(), HttpError> {
    if body.trim_ascii().is_empty() { Ok(()) } else { fields::<serde_json::Value>(body).map(drop) }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn a_key_is_one_uuid_or_made_here() {
        let id = "6f9619ff-8b86-4d01-b42d-00cf4fc964ff";
        for (keys, is_key) in [(&[id][..], true), (&[], true), (&[""], false), (&["x"], false), (&[id, id], false)] {
            let request = keys.iter().fold(TestRequest::default(), |r, key| r.append_header((IDEMPOTENCY_KEY, *key)));
            assert_eq!(key_of(&request.to_http_request()).is_ok(), is_key, "{keys:?}");
        }
        let made = [(); 2].map(|()| key_of(&TestRequest::default().to_http_request()));
        assert_ne!(made[0], made[1]);
    }
}
