use actix_web::{HttpRequest, HttpResponse, http::header, web::Data};
use percent_encoding::percent_decode_str;
use serde::Serialize;

use super::{HttpError, Site, room_of};
use crate::{
    domain::{AvatarWords, ChatMessage, all_avatars},
    protocol::{AuthorPayload, ErrorCode, MessagePayload, PresencePayload, timestamp},
    room::{MembersWanted, PAGE_MESSAGES, PEOPLE_LISTED_MAX, Snapshot},
    store::PageCursor,
};

/// Most messages of one page.
const LIMIT_MAX: usize = 100;

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
pub async fn openapi() -> HttpResponse {
    HttpResponse::Ok()
        .content_type("application/json")
        .insert_header((header::CACHE_CONTROL, "public, max-age=3600"))
        .body(include_str!("../../docs/openapi.json"))
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
    let (cursor, limit) = page_query(request.query_string())?;
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

/// Reads `before`, `after` and `limit`. Other parameters are ignored; one that is given twice, or is no whole
/// number in its range, is refused.
pub fn page_query(query: &str) -> Result<(PageCursor, usize), HttpError> {
    let bad = |message| HttpError::new(ErrorCode::BadRequest, message);
    let (mut before, mut after, mut limit) = (None, None, None);
    for pair in query.split('&') {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let place = match &*percent_decode_str(name).decode_utf8_lossy() {
            "before" => &mut before,
            "after" => &mut after,
            "limit" => &mut limit,
            _ => continue,
        };
        let value = percent_decode_str(value).decode_utf8_lossy().into_owned();
        if place.replace(value).is_some() {
            return Err(bad("before, after and limit are given once at most"));
        }
    }
    let limit = match limit.map(|l| whole(&l).and_then(|n| usize::try_from(n).ok())) {
        None => PAGE_MESSAGES,
        Some(Some(n)) if (1..=LIMIT_MAX).contains(&n) => n,
        Some(_) => return Err(bad("limit is a whole number from 1 to 100")),
    };
    let no_number = "before and after are whole numbers from 0";
    let cursor = match (before, after) {
        (None, None) => PageCursor::Latest,
        (Some(before), None) => PageCursor::Before(whole(&before).ok_or(bad(no_number))?),
        (None, Some(after)) => PageCursor::After(whole(&after).ok_or(bad(no_number))?),
        (Some(_), Some(_)) => return Err(bad("before and after exclude each other")),
    };
    Ok((cursor, limit))
}

/// Digits only: no sign, no space. What is beyond every counter counts as the largest.
fn whole(text: &str) -> Option<i64> {
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    Some(text.parse().unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_cursors_and_refuses_what_is_none() {
        use PageCursor::{After, Before, Latest};
        for (query, expected) in [
            ("", Some((Latest, 50))),
            ("limit=1", Some((Latest, 1))),
            ("before=7&x=y", Some((Before(7), 50))),
            ("after=0&limit=100", Some((After(0), 100))),
            ("after=99999999999999999999", Some((After(i64::MAX), 50))),
            ("before=%37", Some((Before(7), 50))),
            ("before=7&after=8", None),
            ("before=7&before=8", None),
            ("before=", None),
            ("before", None),
            ("before=abc", None),
            ("after=-1", None),
            ("after=+1", None),
            ("after=1.5", None),
            ("limit=0", None),
            ("limit=101", None),
            ("limit=ten", None),
            ("before=%FF", None),
        ] {
            assert_eq!(page_query(query).ok(), expected, "{query}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(query in any::<String>()) {
            let _ = page_query(&query);
        }
    }
}
