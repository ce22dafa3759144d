//! `/api/v1/admin/export`: what was said, as a file that is written while it is read.

use actix_web::{
    HttpRequest, HttpResponse,
    http::header,
    web::{Data, Query},
};
use chrono::Utc;
use serde::Deserialize;

use super::{
    auth::{actor, desk, refused_as},
    error::HttpError,
    site::Site,
};
use crate::{
    moderation::Refused,
    moving::{EXPORTS_AT_ONCE, exported},
};
use chat_domain::{Rights, RoomId};
use chat_wire::ErrorCode;

const BAD_QUERY: HttpError = HttpError::new(ErrorCode::BadRequest, "the query takes room: the id of one");
/// When somebody may ask again where others export just now.
const BUSY_WAIT: std::time::Duration = std::time::Duration::from_secs(30);

/// `GET /api/v1/admin/export?room=`: a room, or all of them, as lines of JSON. Whoever leaves ends it.
pub async fn export(request: HttpRequest, site: Data<Site>) -> Result<HttpResponse, HttpError> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Asked {
        room: Option<String>,
    }
    let Query(Asked { room }) = Query::from_query(request.query_string()).map_err(|_| BAD_QUERY)?;
    let (actor, desk) = (actor(&request, &site).await?, desk(&site)?);
    if !actor.may(Rights::OWN) {
        return Err(refused_as(&Refused::Forbidden));
    }
    let room = room.map(|room| RoomId::parse(&room)).transpose().map_err(|_| HttpError::INVALID_ROOM)?;
    let rooms = match room {
        // Found out here, while it can be said.
        Some(room) => vec![desk.purgeable(&actor, &room).await.map_err(|refused| refused_as(&refused))?.room],
        None => Vec::new(),
    };
    let Ok(turn) = site.export_turns.clone().try_acquire_owned() else {
        log::info!("{EXPORTS_AT_ONCE} exports are read already");
        return Err(HttpError::overloaded(BUSY_WAIT));
    };
    let name = file_name(rooms.first(), &Utc::now().format("%Y-%m-%d").to_string());
    Ok(HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header((header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")))
        // Written as fast as it is read: to pack it would cost the thread more than the line.
        .insert_header((header::CONTENT_ENCODING, "identity"))
        .content_type("application/x-ndjson")
        .streaming(exported(site.store.clone(), rooms, turn)))
}

/// What the file is called: by the room where its id is a name on every system.
fn file_name(room: Option<&RoomId>, day: &str) -> String {
    let plain = |room: &&RoomId| {
        let name = room.as_str();
        name.len() <= 100 && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
    };
    match room {
        None => format!("chat-{day}.jsonl"),
        Some(room) => format!("chat-{}-{day}.jsonl", Some(room).filter(plain).map_or("room", RoomId::as_str)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_a_name_that_every_system_takes() {
        for (room, expected) in [
            (None, "chat-2026-01-02.jsonl"),
            (Some("hello-world_2"), "chat-hello-world_2-2026-01-02.jsonl"),
            (Some("blog.example:2026:글"), "chat-room-2026-01-02.jsonl"),
            (Some("a\"b"), "chat-room-2026-01-02.jsonl"),
        ] {
            let room = room.and_then(|room| RoomId::parse(room).ok());
            let is_room = room.is_some();
            let name = file_name(room.as_ref(), "2026-01-02");
            assert!(!is_room || name == expected, "{name}");
            assert!(is_room || name.starts_with("chat-2026"), "{name}");
        }
    }
}
