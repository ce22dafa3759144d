//! The interface under `/api/v1`.

use std::borrow::Cow;

use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, http::header, web::Data};
use bytes::Bytes;
use serde::Serialize;

use super::{
    answers::version,
    error::HttpError,
    reading::{fresh, room_of},
    site::Site,
};
use chat_domain::{AvatarWords, ChatMessage, PageCursor, RoomId, all_avatars};
use chat_rooms::{MembersWanted, PAGE_MESSAGES, PEOPLE_LISTED_MAX, Snapshot};
use chat_wire::{
    AuthorPayload, ErrorCode, MEMBERS_LIMIT_MAX, MembersQuery, MessagePayload, PageQuery, PresencePayload, cursor_of,
    members_query, page_query, timestamp,
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

/// `GET /api/v1/rooms/{room}/messages?before=&after=&limit=`.
pub async fn messages(request: HttpRequest, site: Data<Site>) -> Result<HttpResponse, HttpError> {
    let room = room_of(&request, 4)?;
    let query = page_query(request.query_string());
    let PageQuery { cursor, limit } = query.map_err(|why| HttpError::new(ErrorCode::BadRequest, why))?;
    let limit = limit.unwrap_or(PAGE_MESSAGES);
    if cursor == PageCursor::Latest {
        return latest(&request, &site, &room, limit).await;
    }
    stored(&site, &room, cursor, limit).await
}

async fn stored(site: &Site, room: &RoomId, cursor: PageCursor, limit: usize) -> Result<HttpResponse, HttpError> {
    let read = site.read(site.store.page(room, cursor, limit)).await?;
    Ok(fresh(&page(read.messages.iter(), read.has_more)))
}

/// The latest messages. Of a live room they are made and compressed once for everybody who asks, until its counter
/// moves.
async fn latest(request: &HttpRequest, site: &Site, room: &RoomId, limit: usize) -> Result<HttpResponse, HttpError> {
    let Some(head) = site.snapshot(room, 0, MembersWanted::No).await else {
        return stored(site, room, PageCursor::Latest, limit).await;
    };
    let what = format!("messages {limit}");
    if let Some(kept) = site.answers.get(request, room, &what, version(&head)) {
        return Ok(kept.respond(fresh_json()));
    }
    let snapshot = site.snapshot(room, limit, MembersWanted::No).await;
    // The backlog may hold less than was asked for; the store has the rest. What it has is what the room knew then, or
    // newer; newer still is another version.
    let whole = snapshot.filter(|s| s.messages.len() == limit || !s.has_more);
    let (made_at, body) = match whole {
        Some(s) => (version(&s), encode(&page(s.messages.iter().map(AsRef::as_ref), s.has_more))),
        None => {
            let read = site.read(site.store.page(room, PageCursor::Latest, limit)).await?;
            (version(&head), encode(&page(read.messages.iter(), read.has_more)))
        }
    };
    Ok(site.answers.put(request, room, &what, made_at, body?).respond(fresh_json()))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct MessagePage<'a> {
    messages: Vec<MessagePayload<'a>>,
    has_more: bool,
}

fn page<'a>(messages: impl Iterator<Item = &'a ChatMessage>, has_more: bool) -> MessagePage<'a> {
    MessagePage { messages: messages.map(Into::into).collect(), has_more }
}

fn encode(body: &impl Serialize) -> Result<Bytes, HttpError> {
    let bytes = serde_json::to_vec(body);
    bytes.map(Bytes::from).map_err(|_| HttpError::new(ErrorCode::Internal, "the answer could not be written"))
}

fn fresh_json() -> HttpResponseBuilder {
    let mut response = HttpResponse::Ok();
    response.insert_header((header::CACHE_CONTROL, "no-store")).content_type("application/json");
    response
}
