//! A room's messages over HTTP: pages, one message, and what changed.
//!
//! Each answer names the moment that it is of: what a client has heard of since, with a higher `rev`, goes over it.

use std::collections::HashSet;

use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, http::header, web::Data};
use bytes::Bytes;
use serde::Serialize;

use super::{
    answers::version,
    error::HttpError,
    reading::{fresh, room_of},
    site::Site,
};
use chat_domain::{ChatMessage, PageCursor, RoomId};
use chat_rooms::{MembersWanted, PAGE_MESSAGES};
use chat_store::{Head, Position};
use chat_wire::{
    ChangesQuery, ErrorCode, MessagePayload, PageQuery, RoomPosition, changes_query, message_in_path, page_query,
};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct MessagePage<'a> {
    epoch: String,
    rev: i64,
    messages: Vec<MessagePayload<'a>>,
    has_more: bool,
    /// Where that was asked around a place.
    #[serde(skip_serializing_if = "Option::is_none")]
    has_newer: Option<bool>,
    /// What messages of the page answer and the page has not.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    quoted: Vec<MessagePayload<'a>>,
}

/// `GET /api/v1/rooms/{room}/messages?before=&after=&around=&limit=`.
pub async fn messages(request: HttpRequest, site: Data<Site>) -> Result<HttpResponse, HttpError> {
    let room = room_of(&request, 4)?;
    let query = page_query(request.query_string());
    let PageQuery { cursor, limit } = query.map_err(|why| HttpError::new(ErrorCode::BadRequest, why))?;
    let limit = limit.unwrap_or(PAGE_MESSAGES);
    if cursor == PageCursor::Latest {
        return latest(&request, &site, &room, limit).await;
    }
    Ok(fresh_json().body(stored(&site, &room, cursor, limit).await?))
}

/// The latest messages. Of a live room they are made and compressed once for everybody who asks, until its counter
/// moves.
async fn latest(request: &HttpRequest, site: &Site, room: &RoomId, limit: usize) -> Result<HttpResponse, HttpError> {
    let Some(head) = site.snapshot(room, 0, MembersWanted::No).await else {
        return Ok(fresh_json().body(stored(site, room, PageCursor::Latest, limit).await?));
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
        Some(s) => {
            let messages: Vec<&ChatMessage> = s.messages.iter().map(AsRef::as_ref).collect();
            let position = Position { epoch: s.epoch, rev: s.rev };
            (version(&s), page(site, room, position, &messages, (s.has_more, None)).await?)
        }
        None => (version(&head), stored(site, room, PageCursor::Latest, limit).await?),
    };
    Ok(site.answers.put(request, room, &what, made_at, body).respond(fresh_json()))
}

/// A page as the store has it.
async fn stored(site: &Site, room: &RoomId, cursor: PageCursor, limit: usize) -> Result<Bytes, HttpError> {
    let read = site.read(site.store.page(room, cursor, limit)).await?;
    let has_newer = matches!(cursor, PageCursor::Around(_)).then_some(read.has_newer);
    let messages: Vec<&ChatMessage> = read.messages.iter().collect();
    page(site, room, read.position, &messages, (read.has_more, has_newer)).await
}

/// The page's JSON, with what its messages answer. That is read behind the page, so it is as new as the page at least.
async fn page(
    site: &Site,
    room: &RoomId,
    Position { epoch, rev }: Position,
    messages: &[&ChatMessage],
    (has_more, has_newer): (bool, Option<bool>),
) -> Result<Bytes, HttpError> {
    let quoted = quoted(site, room, messages).await?;
    encode(&MessagePage {
        epoch: epoch.to_string(),
        rev,
        messages: messages.iter().map(|message| (*message).into()).collect(),
        has_more,
        has_newer,
        quoted: quoted.iter().map(Into::into).collect(),
    })
}

/// The messages that these answer and that are not among them, the newest last. A deleted one comes without its text.
async fn quoted(site: &Site, room: &RoomId, messages: &[&ChatMessage]) -> Result<Vec<ChatMessage>, HttpError> {
    let wanted = not_among(messages);
    if wanted.is_empty() {
        return Ok(vec![]);
    }
    let mut found = site.read(site.store.messages(room, &wanted)).await?;
    found.sort_by_key(|message| message.seq);
    Ok(found)
}

/// The ids of what these messages answer, each once, without those that are among them.
fn not_among(messages: &[&ChatMessage]) -> Vec<i64> {
    let mut known: HashSet<i64> = messages.iter().map(|message| message.id).collect();
    let answered = messages.iter().filter_map(|message| message.annotations.as_ref()?.reply_to);
    answered.map(|to| to.id).filter(|id| known.insert(*id)).collect()
}

/// `GET /api/v1/rooms/{room}/messages/{id}`: a message as it is now; a deleted one without its text.
pub async fn message(request: HttpRequest, site: Data<Site>) -> Result<HttpResponse, HttpError> {
    #[derive(Serialize)]
    struct OneMessage<'a> {
        epoch: String,
        rev: i64,
        message: MessagePayload<'a>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        quoted: Vec<MessagePayload<'a>>,
    }
    let room = room_of(&request, 4)?;
    let id = message_in_path(request.uri().path(), 6).ok_or(HttpError::MESSAGE_NOT_FOUND)?;
    // The head first: the message is then as new as it says, or newer, and its own `rev` tells.
    let Head { epoch, rev, .. } = site.read(site.store.head(&room)).await?;
    let message = site.read(site.store.message(&room, id)).await?.ok_or(HttpError::MESSAGE_NOT_FOUND)?;
    let quoted = quoted(&site, &room, &[&message]).await?;
    Ok(fresh(&OneMessage {
        epoch: epoch.to_string(),
        rev,
        message: (&message).into(),
        quoted: quoted.iter().map(Into::into).collect(),
    }))
}

/// `GET /api/v1/rooms/{room}/changes?epoch=&after=&limit=`: what changed above a value of the counter, each message once
/// and as it is now. Asked again with the `rev` of each answer it tells all, until that is the room's.
pub async fn changes(request: HttpRequest, site: Data<Site>) -> Result<HttpResponse, HttpError> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct ChangesAnswer<'a> {
        messages: Vec<MessagePayload<'a>>,
        room: RoomPosition<'a>,
        rev: i64,
        start_over: bool,
    }
    let room = room_of(&request, 4)?;
    let query = changes_query(request.query_string());
    let ChangesQuery { epoch, after, limit } = query.map_err(|why| HttpError::new(ErrorCode::BadRequest, why))?;
    let mut read = site.read(site.store.changes_since(&room, after, limit.unwrap_or(PAGE_MESSAGES))).await?;
    let head = read.head;
    // Another life of the counter, or a value that this one has not reached: nothing follows from it.
    let start_over = epoch != head.epoch || after > head.rev;
    if start_over {
        read.messages.clear();
    }
    let last = read.messages.last().filter(|_| read.truncated);
    let rev = last.map_or(head.rev, |message| message.rev);
    let position = RoomPosition {
        id: room.as_str().into(),
        epoch: head.epoch.to_string().into(),
        rev: head.rev,
        title: head.settings.title.as_deref().map(Into::into),
        settings: head.settings.settings.clone(),
        settings_rev: head.settings.rev,
        first_seq: head.first_seq,
    };
    let messages = read.messages.iter().map(Into::into).collect();
    Ok(fresh(&ChangesAnswer { messages, room: position, rev, start_over }))
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
