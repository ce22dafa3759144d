//! The interface under `/api/v1`: rooms, the people in them, avatars.

use std::borrow::Cow;

use actix_web::{HttpRequest, HttpResponse, http::header, web::Data};
use serde::Serialize;

use super::{
    error::HttpError,
    reading::{fresh, room_of},
    site::Site,
};
use chat_domain::{AvatarWords, all_avatars};
use chat_rooms::{MembersWanted, PEOPLE_LISTED_MAX, Snapshot};
use chat_wire::{
    AuthorPayload, ErrorCode, MEMBERS_LIMIT_MAX, MembersQuery, PresencePayload, cursor_of, members_query, timestamp,
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
    let (count, approximate) = snapshot.map_or((0, false), |s| (s.n_people, s.is_approximate));
    if count > PEOPLE_LISTED_MAX {
        return PresencePayload { count, approximate, members: None, joined: None, left: None };
    }
    PresencePayload {
        count,
        approximate,
        members: Some(members_of(snapshot)),
        joined: Some(vec![]),
        left: Some(vec![]),
    }
}

fn members_of(snapshot: Option<&Snapshot>) -> Vec<AuthorPayload<'_>> {
    snapshot.map(|s| s.members.iter().map(Into::into).collect()).unwrap_or_default()
}

/// `GET /api/v1/rooms/{room}/members?cursor=&limit=`: who is here with a nickname, page by page.
pub async fn members(request: HttpRequest, site: Data<Site>) -> Result<HttpResponse, HttpError> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Members<'a> {
        count: usize,
        authors: usize,
        members: Vec<AuthorPayload<'a>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        next_cursor: Option<String>,
    }
    let room = room_of(&request, 4)?;
    let query = members_query(request.query_string());
    let MembersQuery { after, limit } = query.map_err(|why| HttpError::new(ErrorCode::BadRequest, why))?;
    let limit = limit.unwrap_or(MEMBERS_LIMIT_MAX);
    let snapshot = site.snapshot(&room, 0, MembersWanted::Page { after, limit }).await;
    let (count, authors) = snapshot.as_ref().map_or((0, 0), |s| (s.n_people, s.n_authors));
    let next_cursor = snapshot.as_ref().filter(|s| s.has_more_members).and_then(|s| s.members.last()).map(cursor_of);
    Ok(fresh(&Members { count, authors, members: members_of(snapshot.as_ref()), next_cursor }))
}
