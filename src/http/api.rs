use std::borrow::Cow;

use actix_web::{HttpRequest, HttpResponse, http::header, web::Data};
use serde::Serialize;

use super::{
    HttpError, Site, room_of,
    url::{PageQuery, page_query},
};
use crate::{
    domain::{AvatarWords, ChatMessage, all_avatars},
    protocol::{AuthorPayload, ErrorCode, MessagePayload, PresencePayload, timestamp},
    room::{MembersWanted, PAGE_MESSAGES, PEOPLE_LISTED_MAX, Snapshot},
    store::PageCursor,
};

/// `GET /api/v1/avatars`.
pub async fn avatars() -> HttpResponse {
    #[derive(Serialize)]
    struct Avatars {
        avatars: &'static [AvatarWords],
    }
    HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "public, max-age=3600"))
        .json(Avatars { avatars: all_avatars() })
}

/// `GET /api/v1/openapi.json`: this interface, described.
pub async fn openapi(site: Data<Site>) -> HttpResponse {
    let base = site.base_path.as_str();
    let mut text = Cow::Borrowed(include_str!("../../docs/openapi.json"));
    if !base.is_empty() {
        text = text.replacen(r#""url": "/""#, &format!(r#""url": "{base}""#), 1).into();
    }
    HttpResponse::Ok()
        .content_type("application/json")
        .insert_header((header::CACHE_CONTROL, "public, max-age=3600"))
        .body(text)
}

/// `GET /api/v1/rooms/{room}`. A room that nobody used is one with counter 0.
pub async fn room(request: HttpRequest, site: Data<Site>) -> Result<HttpResponse, HttpError> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct RoomInfo<'a> {
        id: &'a str,
        epoch: String,
        rev: i64,
        message_count: i64,
        last_message_at: Option<String>,
        presence: PresencePayload<'a>,
    }
    let room = room_of(&request, 4)?;
    let snapshot = site.snapshot(&room, 0, MembersWanted::IfFew).await;
    let (epoch, rev, message_count, last_message_at) = match &snapshot {
        Some(s) => (s.epoch, s.rev, s.message_count, s.last_message_at),
        None => {
            let head = site.read(site.store.head(&room)).await?;
            (head.epoch, head.rev, head.message_count, head.last_message_at)
        }
    };
    let info = RoomInfo {
        id: room.as_str(),
        epoch: epoch.to_string(),
        rev,
        message_count,
        last_message_at: last_message_at.map(timestamp),
        presence: presence(snapshot.as_ref()),
    };
    Ok(fresh(&info))
}

fn presence(snapshot: Option<&Snapshot>) -> PresencePayload<'_> {
    let count = snapshot.map_or(0, |s| s.n_people);
    if count > PEOPLE_LISTED_MAX {
        return PresencePayload { count, members: None, joined: None, left: None };
    }
    PresencePayload { count, members: Some(members_of(snapshot)), joined: Some(vec![]), left: Some(vec![]) }
}

fn members_of(snapshot: Option<&Snapshot>) -> Vec<AuthorPayload<'_>> {
    snapshot.map(|s| s.members.iter().map(Into::into).collect()).unwrap_or_default()
}

/// `GET /api/v1/rooms/{room}/members`: everybody here with a nickname, however many.
pub async fn members(request: HttpRequest, site: Data<Site>) -> Result<HttpResponse, HttpError> {
    #[derive(Serialize)]
    struct Members<'a> {
        count: usize,
        members: Vec<AuthorPayload<'a>>,
    }
    let room = room_of(&request, 4)?;
    let snapshot = site.snapshot(&room, 0, MembersWanted::All).await;
    let count = snapshot.as_ref().map_or(0, |s| s.n_people);
    Ok(fresh(&Members { count, members: members_of(snapshot.as_ref()) }))
}

/// `GET /api/v1/rooms/{room}/messages?before=&after=&limit=`.
pub async fn messages(request: HttpRequest, site: Data<Site>) -> Result<HttpResponse, HttpError> {
    let room = room_of(&request, 4)?;
    let query = page_query(request.query_string());
    let PageQuery { cursor, limit } = query.map_err(|why| HttpError::new(ErrorCode::BadRequest, why))?;
    let limit = limit.unwrap_or(PAGE_MESSAGES);
    if let (PageCursor::Latest, Some(snapshot)) = (cursor, site.snapshot(&room, limit, MembersWanted::No).await) {
        // The backlog may hold less than was asked for; the store has the rest.
        if snapshot.messages.len() == limit || !snapshot.has_more {
            return Ok(page(snapshot.messages.iter().map(AsRef::as_ref), snapshot.has_more));
        }
    }
    let read = site.read(site.store.page(&room, cursor, limit)).await?;
    Ok(page(read.messages.iter(), read.has_more))
}

fn page<'a>(messages: impl Iterator<Item = &'a ChatMessage>, has_more: bool) -> HttpResponse {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct MessagePage<'a> {
        messages: Vec<MessagePayload<'a>>,
        has_more: bool,
    }
    fresh(&MessagePage { messages: messages.map(Into::into).collect(), has_more })
}

fn fresh(body: &impl Serialize) -> HttpResponse {
    HttpResponse::Ok().insert_header((header::CACHE_CONTROL, "no-store")).json(body)
}
