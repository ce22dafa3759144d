//! What every request that writes has: a room, somebody who asks, a key, and a body that is read to its end.

use std::rc::Rc;

use actix_web::{
    HttpRequest, HttpResponse,
    http::{StatusCode, header},
    web::{Data, Payload},
};
use serde::{Serialize, de::DeserializeOwned};
use uuid::Uuid;

use crate::{
    doors::{
        command::Command,
        error::DoorError,
        visitor::{Visitor, check_origin},
    },
    http::{HttpError, Site, room_of, whole_body},
    session::SessionSetup,
};
use chat_domain::Rights;
use chat_rooms::{Published, Refusal};
use chat_wire::{ErrorCode, FRAME_BYTES_MAX, MessagePayload};

/// The header with the sender's key for a command, by which a retry is known.
const IDEMPOTENCY_KEY: &str = "idempotency-key";

const BAD_KEY: HttpError = HttpError::new(ErrorCode::BadRequest, "the header Idempotency-Key is one UUID");
const BAD_BODY: HttpError =
    HttpError::new(ErrorCode::BadRequest, "the body is a JSON object with the fields of docs/DOORS.md");

/// Who asks for something, with what; a program needs a key for one of these rights. A body is read whatever comes of it:
/// what is left of one ends the connection.
pub async fn command_of(
    request: &HttpRequest,
    body: Payload,
    site: Data<Site>,
    rights: Rights,
) -> Result<(Command, Vec<u8>), DoorError> {
    check_origin(request, &site)?;
    let room = room_of(request, 4)?;
    let body = whole_body(body, FRAME_BYTES_MAX).await?;
    let client_id = key_of(request)?;
    let visitor = Visitor::of(request, &site).await?;
    let setup = request.app_data::<Rc<SessionSetup>>().ok_or(Refusal::Overloaded)?.clone();
    Ok((Command::new((site, setup), visitor, (room, client_id), rights)?, body.to_vec()))
}

/// The answer with the message as it is stored.
pub async fn stored(command: &Command, status: StatusCode, published: Published) -> Result<HttpResponse, DoorError> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Stored<'a> {
        client_id: Uuid,
        epoch: String,
        rev: i64,
        message: MessagePayload<'a>,
    }
    let rev = published.rev();
    let message = command.message(&published).await?;
    let answer = Stored {
        client_id: command.client_id,
        epoch: published.stored.epoch.to_string(),
        rev,
        message: (&*message).into(),
    };
    Ok(HttpResponse::build(status).insert_header((header::CACHE_CONTROL, "no-store")).json(&answer))
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
