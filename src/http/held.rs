//! Messages that wait for whoever keeps order, under `/api/v1/admin/held`.

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Payload},
};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    auth::{actor, desk, refused_as},
    body::json_body,
    error::HttpError,
    moderation::{PAGE, done, page, wanted},
    reading::{fresh, room_named},
    site::Site,
};
use crate::moderation::{Decision, SETTLED_MAX};
use chat_store::Held;
use chat_wire::{AuthorPayload, ErrorCode, timestamp};

/// A body that names fifty messages.
const BODY_BYTES_MAX: usize = 4_096;

const BAD_IDS: HttpError =
    HttpError::new(ErrorCode::BadRequest, "heldIds are 1 to 50 ids of messages that wait in the room");

#[derive(Serialize)]
struct HeldInfo<'a> {
    id: String,
    room: &'a str,
    author: AuthorPayload<'a>,
    content: &'a str,
    reason: &'static str,
    at: String,
}

impl<'a> HeldInfo<'a> {
    fn of(held: &'a Held) -> Self {
        Self {
            id: held.id.to_string(),
            room: held.room.as_str(),
            author: (&held.author).into(),
            content: held.content.as_str(),
            reason: held.reason.as_str(),
            at: timestamp(held.at),
        }
    }
}

/// `GET /api/v1/admin/held?room=&after=`: the messages that wait, the oldest first.
pub async fn held(request: HttpRequest, site: Data<Site>) -> Result<HttpResponse, HttpError> {
    let asked = wanted(&request)?;
    let actor = actor(&request, &site).await?;
    let found = desk(&site)?.held(&actor, asked.room, asked.from.unwrap_or(0), PAGE).await;
    let (found, has_more) = page(found.map_err(|refused| refused_as(&refused))?);
    Ok(fresh(&json!({"held": found.iter().map(HeldInfo::of).collect::<Vec<_>>(), "hasMore": has_more})))
}

async fn settle(
    request: HttpRequest,
    body: Payload,
    site: Data<Site>,
    decision: Decision,
) -> Result<HttpResponse, HttpError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    struct Asked {
        room: String,
        held_ids: Vec<String>,
    }
    let actor = actor(&request, &site).await?;
    let asked: Asked = json_body(body, BODY_BYTES_MAX).await?;
    let room = room_named(&request, &asked.room)?;
    let ids: Option<Vec<i64>> = asked.held_ids.iter().map(|id| id.parse().ok()).collect();
    let ids = ids.filter(|ids| (1..=SETTLED_MAX).contains(&ids.len())).ok_or(BAD_IDS)?;
    let settled = desk(&site)?.settle_held(&actor, &room, &ids, decision).await;
    Ok(done(&settled.map_err(|refused| refused_as(&refused))?))
}

/// `POST /api/v1/admin/held/approve`: lets messages through that wait in a room.
pub async fn approve(request: HttpRequest, body: Payload, site: Data<Site>) -> Result<HttpResponse, HttpError> {
    settle(request, body, site, Decision::Approve).await
}

/// `POST /api/v1/admin/held/reject`: decides against them.
pub async fn reject(request: HttpRequest, body: Payload, site: Data<Site>) -> Result<HttpResponse, HttpError> {
    settle(request, body, site, Decision::Reject).await
}
