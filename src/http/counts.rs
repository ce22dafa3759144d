//! `GET /api/v1/rooms?ids=`: how many messages some rooms have, for lists of posts on a blog. Public. Without ids it is the
//! list of rooms.

use std::collections::HashMap;

use actix_web::{HttpRequest, HttpResponse, http::header, web::Data};
use serde::Serialize;

use super::{error::HttpError, reading::led_to, room_list, site::Site};
use chat_domain::{ChatMessage, RoomId};
use chat_store::RoomCount;
use chat_wire::{ErrorCode, RoomsQuery, rooms_query, timestamp};

/// So long whoever asked need not ask again: a page of a blog shows what was so a moment ago.
const CACHED: &str = "public, max-age=15";
/// So many characters of a message are told.
const EXCERPT_CHARS: usize = 200;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CountInfo<'a> {
    id: &'a str,
    message_count: i64,
    last_message_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last: Option<LastInfo<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct LastInfo<'a> {
    id: String,
    nickname: &'a str,
    avatar: &'a str,
    content: String,
    created_at: String,
}

impl<'a> LastInfo<'a> {
    fn of(message: &'a ChatMessage) -> Self {
        Self {
            id: message.id.to_string(),
            nickname: message.author.nickname.as_str(),
            avatar: message.author.avatar.as_str(),
            content: message.content.as_str().chars().take(EXCERPT_CHARS).collect(),
            created_at: timestamp(message.created_at),
        }
    }
}

/// `GET /api/v1/rooms?ids=A,B&last=true`: of each room how many messages it has, when the last one came, and with `last`
/// how that begins. In the order that was asked; a room that nobody used has none.
pub async fn counts(request: HttpRequest, site: Data<Site>) -> Result<HttpResponse, HttpError> {
    #[derive(Serialize)]
    struct Counts<'a> {
        rooms: Vec<CountInfo<'a>>,
    }
    if room_list::is_asked(request.query_string()) {
        return room_list::rooms(&request, &site).await;
    }
    let query = rooms_query(request.query_string()).map_err(|why| HttpError::new(ErrorCode::BadRequest, why))?;
    let RoomsQuery { ids, with_last } = query;
    // A post that moved asks by its new name.
    let asked: Vec<(RoomId, RoomId)> = ids.into_iter().map(|id| (id.clone(), led_to(&request, id))).collect();
    let ids: Vec<RoomId> = asked.iter().map(|(_, room)| room.clone()).collect();
    let found = site.read(site.store.room_counts(ids.clone())).await?;
    let found: HashMap<RoomId, RoomCount> = found.into_iter().map(|count| (count.id.clone(), count)).collect();
    let last: HashMap<RoomId, ChatMessage> = match with_last {
        true => site.read(site.store.last_messages(ids)).await?.into_iter().collect(),
        false => HashMap::new(),
    };
    let rooms = asked.iter().map(|(id, room)| {
        let count = found.get(room);
        CountInfo {
            id: id.as_str(),
            message_count: count.map_or(0, |count| count.message_count),
            last_message_at: count.and_then(|count| count.last_message_at).map(timestamp),
            last: last.get(room).map(LastInfo::of),
        }
    });
    let rooms = rooms.collect();
    Ok(HttpResponse::Ok().insert_header((header::CACHE_CONTROL, CACHED)).json(Counts { rooms }))
}
