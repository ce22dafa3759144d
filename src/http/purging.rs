//! `/api/v1/admin/rooms/{room}/purge`: all that was said in a room goes for good.

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Payload},
};
use serde::Deserialize;
use serde_json::json;

use super::{
    auth::{actor, desk, refused_as},
    body::json_body,
    error::HttpError,
    reading::{fresh, room_of},
    site::Site,
};
use crate::moderation::Refused;
use chat_domain::RoomId;
use chat_wire::ErrorCode;

const BODY_BYTES_MAX: usize = 2_048;

const BAD_ORDER: HttpError = HttpError::new(
    ErrorCode::BadRequest,
    "the body is {\"dryRun\": true}, or {\"confirm\", \"auditId\"?}: confirm is the room as the address names it, auditId what an answer named that was not the last",
);

/// `POST /api/v1/admin/rooms/{room}/purge {dryRun}`, or `{confirm, auditId?}`: says what there is, or removes it, as much as
/// that can be within a few seconds.
pub async fn purge(request: HttpRequest, body: Payload, site: Data<Site>) -> Result<HttpResponse, HttpError> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields, rename_all = "camelCase")]
    struct Asked {
        #[serde(default)]
        dry_run: bool,
        confirm: Option<String>,
        audit_id: Option<String>,
    }
    let room = room_of(&request, 5)?;
    let (actor, desk) = (actor(&request, &site).await?, desk(&site)?);
    let Asked { dry_run, confirm, audit_id } = json_body(body, BODY_BYTES_MAX).await?;
    if dry_run {
        let found = desk.purgeable(&actor, &room).await.map_err(|refused| refused_as(&refused))?;
        return Ok(fresh(&json!({
            "id": found.room.as_str(),
            "messages": found.n_messages,
            "held": found.beside.n_held,
            "reports": found.beside.n_reports,
        })));
    }
    // Typed by whoever wants it: what goes for good does not go by a slip.
    let is_meant = confirm.and_then(|name| RoomId::parse(&name).ok()).is_some_and(|name| name == room);
    let entry = audit_id.map(|id| id.parse::<i64>()).transpose().map_err(|_| BAD_ORDER)?;
    if !is_meant {
        return Err(BAD_ORDER);
    }
    if !site.keeping_understood.by_all() {
        return Err(refused_as(&Refused::OldServer));
    }
    let purged = desk.purge(&actor, &room, entry).await.map_err(|refused| refused_as(&refused))?;
    Ok(fresh(&json!({
        "removed": purged.n_messages, "done": purged.is_done, "auditId": purged.entry.to_string()
    })))
}
