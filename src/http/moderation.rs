//! The interface of those who keep order, under `/api/v1/admin`.

use std::collections::HashMap;

use actix_web::{
    HttpRequest, HttpResponse,
    http::header,
    web::{Data, Payload},
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{
    auth::{actor, desk, refused_as},
    body::json_body,
    deeds::{AuditInfo, BanInfo, message_info},
    error::HttpError,
    reading::{fresh, room_named, room_of},
    site::Site,
};
use crate::moderation::{BanOrder, Refused};
use chat_domain::{AuthorId, RoomId};
use chat_moderation::{Preset, SettingsError};
use chat_rooms::Moderated;
use chat_store::{AuditQuery, Report, RoomSettings};
use chat_wire::{BanScope, ErrorCode, timestamp};

/// A body with all the words that a room may block.
const BODY_BYTES_MAX: usize = 512 * 1_024;
/// So many entries are a page.
pub(super) const PAGE: usize = 100;

const BAD_AUTHOR: HttpError = HttpError::new(ErrorCode::BadRequest, "authorId is the id of an author");
const BAD_ROOM: HttpError = HttpError::new(ErrorCode::BadRequest, "a ban in a room needs the room's id as room");
const BAD_ID: HttpError = HttpError::new(ErrorCode::NotFound, "there is nothing of this name");
const BAD_QUERY: HttpError =
    HttpError::new(ErrorCode::BadRequest, "the query takes room, and before or after: a number");
const BAD_PRESET: HttpError = HttpError::new(ErrorCode::BadRequest, "preset is open, careful or raid");

/// What of a query these routes know.
#[derive(Default)]
pub(super) struct Wanted {
    pub(super) room: Option<RoomId>,
    pub(super) from: Option<i64>,
}

pub(super) fn wanted(request: &HttpRequest) -> Result<Wanted, HttpError> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Asked {
        room: Option<String>,
        before: Option<i64>,
        after: Option<i64>,
    }
    let asked = actix_web::web::Query::<Asked>::from_query(request.query_string()).map_err(|_| BAD_QUERY)?;
    let room = asked.room.as_deref().map(|room| room_named(request, room)).transpose()?;
    Ok(Wanted { room, from: asked.before.or(asked.after) })
}

/// A page of at most [`PAGE`] of one more, and whether there are more.
pub(super) fn page<T>(mut all: Vec<T>) -> (Vec<T>, bool) {
    let has_more = all.len() > PAGE;
    all.truncate(PAGE);
    (all, has_more)
}

/// `GET /api/v1/admin/bans?before=`: the bans in force, the newest first.
pub async fn bans(request: HttpRequest, site: Data<Site>) -> Result<HttpResponse, HttpError> {
    let asked = wanted(&request)?;
    let actor = actor(&request, &site).await?;
    let found = desk(&site)?.bans(&actor, asked.from, PAGE).await.map_err(|refused| refused_as(&refused))?;
    let (found, has_more) = page(found);
    Ok(fresh(&json!({"bans": found.into_iter().filter_map(BanInfo::of).collect::<Vec<_>>(), "hasMore": has_more})))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct BanAsked {
    author_id: String,
    #[serde(default)]
    scope: BanScope,
    room: Option<String>,
    #[serde(default)]
    seconds: u32,
    #[serde(default)]
    delete_seconds: u32,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    address: bool,
}

fn place(request: &HttpRequest, scope: BanScope, room: Option<&str>) -> Result<Option<RoomId>, HttpError> {
    match (scope, room) {
        (BanScope::All, _) => Ok(None),
        (BanScope::Room, Some(room)) => room_named(request, room).map(Some),
        (BanScope::Room, None) => Err(BAD_ROOM),
    }
}

pub(super) fn done(moderated: &Moderated) -> HttpResponse {
    fresh(&json!({"auditId": moderated.entry.to_string()}))
}

/// `POST /api/v1/admin/bans`: shuts somebody out.
pub async fn ban(request: HttpRequest, body: Payload, site: Data<Site>) -> Result<HttpResponse, HttpError> {
    let actor = actor(&request, &site).await?;
    let asked: BanAsked = json_body(body, BODY_BYTES_MAX).await?;
    let order = BanOrder {
        room: place(&request, asked.scope, asked.room.as_deref())?,
        author: AuthorId::parse(&asked.author_id).ok_or(BAD_AUTHOR)?,
        seconds: (asked.seconds > 0).then_some(asked.seconds),
        delete_seconds: asked.delete_seconds,
        reason: asked.reason,
        with_network: asked.address,
    };
    Ok(done(&desk(&site)?.ban(&actor, order).await.map_err(|refused| refused_as(&refused))?))
}

/// `POST /api/v1/admin/bans/lift`: lets somebody in again.
pub async fn unban(request: HttpRequest, body: Payload, site: Data<Site>) -> Result<HttpResponse, HttpError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    struct Asked {
        author_id: String,
        #[serde(default)]
        scope: BanScope,
        room: Option<String>,
    }
    let actor = actor(&request, &site).await?;
    let asked: Asked = json_body(body, BODY_BYTES_MAX).await?;
    let (author, room) =
        (AuthorId::parse(&asked.author_id).ok_or(BAD_AUTHOR)?, place(&request, asked.scope, asked.room.as_deref())?);
    Ok(done(&desk(&site)?.unban(&actor, author, room).await.map_err(|refused| refused_as(&refused))?))
}

fn settings_info(own: &RoomSettings, defaults: &RoomSettings) -> Value {
    json!({
        "title": own.title, "settings": own.settings, "defaults": defaults.settings,
        "settingsRev": own.rev.saturating_add(defaults.rev),
    })
}

/// `GET /api/v1/admin/rooms/{room}`: all of a room's settings, and those of all rooms.
pub async fn room(request: HttpRequest, site: Data<Site>) -> Result<HttpResponse, HttpError> {
    let room = room_of(&request, 5)?;
    let actor = actor(&request, &site).await?;
    let (own, defaults) = desk(&site)?.settings(&actor, &room).await.map_err(|refused| refused_as(&refused))?;
    let names = desk(&site)?.access().names_of(&room);
    let mut info = settings_info(&own, &defaults);
    if let Some(info) = info.as_object_mut() {
        info.insert("names".into(), names.iter().map(RoomId::as_str).collect());
    }
    Ok(fresh(&info))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SettingsAsked {
    #[serde(default)]
    settings: Map<String, Value>,
    preset: Option<String>,
    settings_rev: i64,
}

/// Which setting is wrong, and why.
fn wrong_settings(error: &SettingsError) -> HttpResponse {
    let error = json!({"code": ErrorCode::InvalidSettings, "message": error.to_string()});
    HttpResponse::BadRequest().insert_header((header::CACHE_CONTROL, "no-store")).json(json!({"error": error}))
}

impl SettingsAsked {
    /// What is to change: that of the preset, and what else is said.
    fn patch(self) -> Result<(Map<String, Value>, i64), HttpError> {
        let mut patch = match self.preset {
            Some(name) => Preset::parse(&name).ok_or(BAD_PRESET)?.patch(),
            None => Map::new(),
        };
        patch.extend(self.settings);
        Ok((patch, self.settings_rev))
    }
}

/// `POST /api/v1/admin/rooms/{room}`: changes settings of a room.
pub async fn set_room(request: HttpRequest, body: Payload, site: Data<Site>) -> Result<HttpResponse, HttpError> {
    let room = room_of(&request, 5)?;
    let (actor, desk) = (actor(&request, &site).await?, desk(&site)?);
    let asked: SettingsAsked = json_body(body, BODY_BYTES_MAX).await?;
    let (patch, known_rev) = asked.patch()?;
    let (moderated, settings) = match desk.set_room(&actor, &room, &patch, known_rev).await {
        Ok(set) => set,
        Err(Refused::Settings(error)) => return Ok(wrong_settings(&error)),
        Err(refused) => return Err(refused_as(&refused)),
    };
    Ok(fresh(&json!({
        "auditId": moderated.entry.to_string(), "settings": settings.settings, "settingsRev": settings.rev
    })))
}

/// `GET /api/v1/admin/defaults`: what holds for all rooms where they say nothing else.
pub async fn defaults(request: HttpRequest, site: Data<Site>) -> Result<HttpResponse, HttpError> {
    let actor = actor(&request, &site).await?;
    let defaults = desk(&site)?.defaults(&actor).await.map_err(|refused| refused_as(&refused))?;
    Ok(fresh(&json!({"settings": defaults.settings, "settingsRev": defaults.rev})))
}

/// `POST /api/v1/admin/defaults`: changes it.
pub async fn set_defaults(request: HttpRequest, body: Payload, site: Data<Site>) -> Result<HttpResponse, HttpError> {
    let (actor, desk) = (actor(&request, &site).await?, desk(&site)?);
    let asked: SettingsAsked = json_body(body, BODY_BYTES_MAX).await?;
    let (patch, known_rev) = asked.patch()?;
    let stored = match desk.set_defaults(&actor, &patch, known_rev).await {
        Ok(stored) => stored,
        Err(Refused::Settings(error)) => return Ok(wrong_settings(&error)),
        Err(refused) => return Err(refused_as(&refused)),
    };
    Ok(fresh(&json!({"settings": stored.settings, "settingsRev": stored.rev})))
}

/// `POST /api/v1/admin/rooms/{room}/rename {to}`: gives a room another name, by which it is reached as well.
pub async fn rename(request: HttpRequest, body: Payload, site: Data<Site>) -> Result<HttpResponse, HttpError> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Asked {
        to: String,
    }
    let room = room_of(&request, 5)?;
    let (actor, desk) = (actor(&request, &site).await?, desk(&site)?);
    let Asked { to } = json_body(body, BODY_BYTES_MAX).await?;
    let to = RoomId::parse(&to).map_err(|_| HttpError::INVALID_ROOM)?;
    let (entry, room) = desk.rename(&actor, &room, &to).await.map_err(|refused| refused_as(&refused))?;
    Ok(fresh(&json!({"id": room.as_str(), "auditId": entry.map(|entry| entry.to_string())})))
}

/// The message that a path names: its segment 7, behind the room.
fn message_of(request: &HttpRequest) -> Result<(RoomId, i64), HttpError> {
    let id = request.match_info().get("id").and_then(|id| id.parse().ok()).ok_or(HttpError::MESSAGE_NOT_FOUND)?;
    Ok((room_of(request, 5)?, id))
}

/// `POST /api/v1/admin/rooms/{room}/messages/{id}/delete`: deletes what somebody else wrote.
pub async fn delete(request: HttpRequest, site: Data<Site>) -> Result<HttpResponse, HttpError> {
    let (room, id) = message_of(&request)?;
    let actor = actor(&request, &site).await?;
    desk(&site)?.delete(&actor, &room, id).await.map_err(|refused| refused_as(&refused))?;
    Ok(HttpResponse::NoContent().finish())
}

/// `POST /api/v1/admin/rooms/{room}/messages/{id}/settle`: settles all reports of a message.
pub async fn settle(request: HttpRequest, site: Data<Site>) -> Result<HttpResponse, HttpError> {
    let (room, id) = message_of(&request)?;
    let actor = actor(&request, &site).await?;
    desk(&site)?.settle(&actor, &room, id).await.map_err(|refused| refused_as(&refused))?;
    Ok(HttpResponse::NoContent().finish())
}

/// `GET /api/v1/admin/reports?room=&after=`: the open reports, the oldest first.
pub async fn reports(request: HttpRequest, site: Data<Site>) -> Result<HttpResponse, HttpError> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct ReportInfo {
        id: String,
        room: String,
        message_id: String,
        by: String,
        reason: String,
        at: String,
        /// What it is about, deleted or not; not there where its room is gone.
        #[serde(skip_serializing_if = "Option::is_none")]
        message: Option<Value>,
    }
    let asked = wanted(&request)?;
    let actor = actor(&request, &site).await?;
    let desk = desk(&site)?;
    let found = desk.reports(&actor, asked.room, asked.from.unwrap_or(0), PAGE).await;
    let (found, has_more) = page(found.map_err(|refused| refused_as(&refused))?);
    let about = desk.reported_messages(&actor, found.iter().map(|report| report.message).collect()).await;
    let about: HashMap<i64, Value> = about
        .map_err(|refused| refused_as(&refused))?
        .iter()
        .map(|message| (message.id, message_info(message)))
        .collect();
    let info = |report: Report| ReportInfo {
        message: about.get(&report.message).cloned(),
        id: report.id.to_string(),
        room: report.room.as_str().to_owned(),
        message_id: report.message.to_string(),
        by: report.by.as_str().to_owned(),
        reason: report.reason,
        at: timestamp(report.at),
    };
    Ok(fresh(&json!({"reports": found.into_iter().map(info).collect::<Vec<_>>(), "hasMore": has_more})))
}

/// `GET /api/v1/admin/audit?room=&before=`: what was done by whom, the newest first.
pub async fn audit(request: HttpRequest, site: Data<Site>) -> Result<HttpResponse, HttpError> {
    let asked = wanted(&request)?;
    let actor = actor(&request, &site).await?;
    let query = AuditQuery { room: asked.room, before: asked.from, limit: PAGE };
    let found = desk(&site)?.audit(&actor, query).await.map_err(|refused| refused_as(&refused))?;
    let (found, has_more) = page(found);
    Ok(fresh(&json!({"entries": found.into_iter().map(AuditInfo::of).collect::<Vec<_>>(), "hasMore": has_more})))
}

/// `POST /api/v1/admin/audit/{id}/undo`: undoes what was done, once.
pub async fn undo(request: HttpRequest, site: Data<Site>) -> Result<HttpResponse, HttpError> {
    let id = request.match_info().get("id").and_then(|id| id.parse().ok()).ok_or(BAD_ID)?;
    let actor = actor(&request, &site).await?;
    desk(&site)?.undo(&actor, id).await.map_err(|refused| refused_as(&refused))?;
    Ok(fresh(&json!({"undone": true})))
}
