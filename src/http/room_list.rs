//! `GET /api/v1/rooms?cursor=&sort=`: the rooms, for those who say what a room is, or for everybody where the owner has set
//! that.

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Query},
};
use serde::Deserialize;
use serde_json::json;

use super::{
    auth::{actor, desk, refused_as},
    console::{PAGE, answer, cursor_of, page, place_of},
    error::HttpError,
    site::Site,
};
use crate::moderation::Actor;
use chat_store::{RoomListed, RoomPlace, RoomSort, RoomsQuery};
use chat_wire::{ErrorCode, timestamp};

const BAD_QUERY: HttpError = HttpError::new(
    ErrorCode::BadRequest,
    "the query takes ids, or sort: recent or messages, and cursor, as an answer names it",
);

/// Whether a query asks for this list, and not for some rooms by their ids.
pub fn is_asked(query: &str) -> bool {
    !query.split('&').any(|pair| pair.split_once('=').map_or(pair, |(name, _)| name) == "ids")
}

/// Which page of the rooms is wanted.
#[derive(Debug, Default, Deserialize)]
pub struct RoomsAsked {
    /// Where it begins, as the page before it says.
    pub cursor: Option<String>,
    /// `recent`, which is what is meant where nothing is said, or `messages`.
    pub sort: Option<String>,
}

/// A page of the rooms for whoever asks: those first in which somebody wrote last, or those with most messages; and where
/// the next one begins.
pub async fn list_rooms(
    asked: &RoomsAsked,
    asking: impl Future<Output = Result<Actor, HttpError>>,
    site: &Site,
) -> Result<(Vec<RoomListed>, Option<String>), HttpError> {
    let sort = match asked.sort.as_deref() {
        None | Some("recent") => RoomSort::Recent,
        Some("messages") => RoomSort::Messages,
        Some(_) => return Err(BAD_QUERY),
    };
    let after = match asked.cursor.as_deref() {
        None => None,
        Some(cursor) => Some(place_of(cursor).map(|(key, id)| RoomPlace { key, id }).ok_or(BAD_QUERY)?),
    };
    let query = RoomsQuery { sort, after, limit: PAGE, ..Default::default() };
    let found = match site.rooms_are_public {
        true => site.read(site.store.listed_rooms(query)).await?,
        false => {
            let actor = asking.await?;
            desk(site)?.rooms(&actor, query).await.map_err(|refused| refused_as(&refused))?
        }
    };
    let key = |room: &RoomListed| match sort {
        RoomSort::Messages => Some(room.message_count),
        RoomSort::Recent | RoomSort::Name => room.last_message_at.map(|at| at.timestamp_micros()),
    };
    Ok(page(found, |room| cursor_of(key(room), room.id.as_str())))
}

/// The same for a request.
pub async fn rooms(request: &HttpRequest, site: &Data<Site>) -> Result<HttpResponse, HttpError> {
    let asked = Query::<RoomsAsked>::from_query(request.query_string()).map_err(|_| BAD_QUERY)?;
    let (found, next) = list_rooms(&asked, actor(request, site), site).await?;
    let info = |room: &RoomListed| {
        json!({
            "id": room.id.as_str(),
            "title": room.title,
            "messageCount": room.message_count,
            "lastMessageAt": room.last_message_at.map(timestamp),
        })
    };
    Ok(answer("rooms", found.iter().map(info).collect(), next))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_with_ids_asks_for_those() {
        for (query, expected) in [("", true), ("sort=recent", true), ("ids", false), ("last=true&ids=a", false)] {
            assert_eq!(is_asked(query), expected, "{query}");
        }
    }
}
