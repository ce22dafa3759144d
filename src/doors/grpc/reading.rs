use super::call::{Call, text};
use crate::{
    doors::error::DoorError,
    http::{HttpError, RoomsAsked, actor_by, list_rooms},
    session::refusal,
};
use chat_domain::PageCursor;
use chat_grpc::{
    author, message,
    messages::{
        GetRoomRequest, ListMessagesRequest, ListMessagesResponse, ListRoomsRequest, ListRoomsResponse, ListedRoom,
        Presence, Room, list_messages_request::Place, list_rooms_request::Sort,
    },
    time,
};
use chat_rooms::{MembersWanted, PAGE_MESSAGES, PEOPLE_LISTED_MAX};
use chat_wire::ErrorCode;

/// Most messages of a page, as over HTTP.
const PAGE_MAX: usize = 100;

const NOT_SIGNED_IN: HttpError = HttpError::new(
    ErrorCode::BadToken,
    "this needs what proves a login that lives, or a key, as the metadata authorization: Bearer TOKEN",
);

/// Messages of a room, from a place on.
pub async fn list_messages(call: &Call, asked: ListMessagesRequest) -> Result<ListMessagesResponse, DoorError> {
    let room = call.room(&asked.room)?;
    let bad = || refusal(ErrorCode::BadRequest, "limit is from 1 to 100, and a place is no negative number");
    let limit = match asked.limit {
        0 => PAGE_MESSAGES,
        limit => usize::try_from(limit).ok().filter(|limit| *limit <= PAGE_MAX).ok_or_else(bad)?,
    };
    let cursor = match asked.place {
        None => PageCursor::Latest,
        Some(Place::Before(seq)) if seq >= 0 => PageCursor::Before(seq),
        Some(Place::After(seq)) if seq >= 0 => PageCursor::After(seq),
        Some(Place::Around(seq)) if seq >= 0 => PageCursor::Around(seq),
        Some(_) => return Err(bad().into()),
    };
    if cursor == PageCursor::Latest {
        let snapshot = call.site.snapshot(&room, limit, MembersWanted::No).await;
        // A live room may hold less than was asked for; the store has the rest.
        if let Some(s) = snapshot.filter(|s| s.messages.len() == limit || !s.has_more) {
            return Ok(ListMessagesResponse {
                epoch: s.epoch.to_string(),
                rev: s.rev,
                messages: s.messages.iter().map(|m| message(m)).collect(),
                has_more: s.has_more,
                has_newer: false,
            });
        }
    }
    let read = call.site.read(call.site.store.page(&room, cursor, limit)).await?;
    Ok(ListMessagesResponse {
        epoch: read.position.epoch.to_string(),
        rev: read.position.rev,
        messages: read.messages.iter().map(message).collect(),
        has_more: read.has_more,
        has_newer: read.has_newer && matches!(cursor, PageCursor::Around(_)),
    })
}

/// What a room is, and who is in it. One that nobody used is one with counter 0.
pub async fn get_room(call: &Call, asked: GetRoomRequest) -> Result<Room, DoorError> {
    let room = call.room(&asked.room)?;
    let id = room.as_str().to_owned();
    let Some(s) = call.site.snapshot(&room, 0, MembersWanted::IfFew).await else {
        let head = call.site.read(call.site.store.head(&room)).await?;
        return Ok(Room {
            id,
            epoch: head.epoch.to_string(),
            rev: head.rev,
            message_count: head.message_count,
            last_message_at: head.last_message_at.map(time),
            presence: Some(Presence { listed: true, ..Presence::default() }),
        });
    };
    let listed = s.n_people <= PEOPLE_LISTED_MAX;
    Ok(Room {
        id,
        epoch: s.epoch.to_string(),
        rev: s.rev,
        message_count: s.message_count,
        last_message_at: s.last_message_at.map(time),
        presence: Some(Presence {
            count: i64::try_from(s.n_people).unwrap_or(i64::MAX),
            approximate: s.is_approximate,
            listed,
            members: if listed { s.members.iter().map(author).collect() } else { Vec::new() },
            joined: Vec::new(),
            left: Vec::new(),
        }),
    })
}

/// A page of the rooms there are.
pub async fn list(call: &Call, asked: ListRoomsRequest) -> Result<ListRoomsResponse, DoorError> {
    let sort = match Sort::try_from(asked.sort) {
        Ok(Sort::Messages) => "messages",
        Ok(Sort::Recent | Sort::Unspecified) => "recent",
        Err(_) => return Err(refusal(ErrorCode::BadRequest, "there is no such sort").into()),
    };
    let asked = RoomsAsked { cursor: text(&asked.cursor).map(str::to_owned), sort: Some(sort.to_owned()) };
    let actor = async {
        match &call.caller.token {
            Some(token) => actor_by(token, &call.site).await,
            None => Err(NOT_SIGNED_IN),
        }
    };
    let (found, next) = list_rooms(&asked, actor, &call.site).await?;
    let rooms = found.into_iter().map(|room| ListedRoom {
        id: room.id.as_str().to_owned(),
        title: room.title.unwrap_or_default(),
        message_count: room.message_count,
        last_message_at: room.last_message_at.map(time),
    });
    Ok(ListRoomsResponse { rooms: rooms.collect(), next_cursor: next.unwrap_or_default() })
}
