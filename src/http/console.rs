//! What the owner's console asks, under `/api/v1/admin`: how much was written when, rooms and people in pages.

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Query},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    admin::living,
    auth::{actor, desk, refused_as},
    deeds::{AuditInfo, BanInfo, message_info},
    error::HttpError,
    reading::fresh,
    site::Site,
};
use crate::{accounts::pattern_text, moderation::PersonKnown};
use chat_domain::{AuthorId, ChatMessage, Role, RoomId};
use chat_store::{
    PeopleQuery, PersonListed, RoomListed, RoomPlace, RoomSettings, RoomSort, RoomState, RoomsQuery, Written,
};
use chat_wire::{ErrorCode, timestamp};

/// So many rooms or people are a page.
pub(super) const PAGE: usize = 50;

const BAD_ROOMS: HttpError = HttpError::new(
    ErrorCode::BadRequest,
    "the query takes cursor, as an answer names it, q, sort: recent, messages or name, and state: locked, held, reported or recent",
);
const BAD_PEOPLE: HttpError =
    HttpError::new(ErrorCode::BadRequest, "the query takes cursor, as an answer names it, and q: a part of a name");
const NOBODY: HttpError = HttpError::new(ErrorCode::NotFound, "nobody of this id has written");

/// `GET /api/v1/admin/overview`: how much was written by the hour and by the day, and what there is now.
pub async fn overview(request: HttpRequest, site: Data<Site>) -> Result<HttpResponse, HttpError> {
    let actor = actor(&request, &site).await?;
    let desk = desk(&site)?;
    let overview = desk.overview(&actor).await.map_err(|refused| refused_as(&refused))?;
    let servers = living(&site).await;
    let sum = |of: fn(&chat_store::LivingServer) -> i64| servers.iter().map(|living| of(&living.server)).sum::<i64>();
    let series = |all: &[(DateTime<Utc>, Option<Written>)]| {
        let one = |(at, written): &(DateTime<Utc>, Option<Written>)| match written {
            Some(w) => json!({"at": timestamp(*at), "messages": w.messages, "people": w.people, "rooms": w.rooms}),
            None => json!({"at": timestamp(*at)}),
        };
        all.iter().map(one).collect::<Vec<_>>()
    };
    Ok(fresh(&json!({
        "now": {"servers": servers.len(), "sessions": sum(|s| s.n_sessions), "rooms": sum(|s| s.n_rooms)},
        "totals": {
            "rooms": overview.totals.rooms, "messages": overview.totals.messages, "people": overview.totals.people
        },
        "hours": series(&overview.hours),
        "days": series(&overview.days),
        "complete": overview.is_complete(),
    })))
}

/// `GET /api/v1/admin/waiting`: how much waits, and by what one sees that something was done. Cheap: pages ask it again
/// and again.
pub async fn waiting(request: HttpRequest, site: Data<Site>) -> Result<HttpResponse, HttpError> {
    let actor = actor(&request, &site).await?;
    let waiting = desk(&site)?.waiting(&actor).await.map_err(|refused| refused_as(&refused))?;
    Ok(fresh(&json!({"held": waiting.held, "reported": waiting.reported, "lastEntry": waiting.entry.to_string()})))
}

/// A place in a list as an opaque text: a number, where there is one, and an id.
pub(super) fn cursor_of(key: Option<i64>, id: &str) -> String {
    URL_SAFE_NO_PAD.encode(format!("{}.{id}", key.map(|key| key.to_string()).unwrap_or_default()))
}

pub(super) fn place_of(cursor: &str) -> Option<(Option<i64>, String)> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()?;
    let (key, id) = text.split_once('.')?;
    let key = if key.is_empty() { None } else { Some(key.parse().ok()?) };
    (!id.is_empty() && !id.contains('\0')).then(|| (key, id.to_owned()))
}

/// At most a page of these, and where the next one begins.
pub(super) fn page<T>(mut all: Vec<T>, place: impl Fn(&T) -> String) -> (Vec<T>, Option<String>) {
    let has_more = all.len() > PAGE;
    all.truncate(PAGE);
    let next = all.last().filter(|_| has_more).map(place);
    (all, next)
}

/// A list under its name, and where the next page begins.
pub(super) fn answer(name: &str, list: Vec<Value>, next: Option<String>) -> HttpResponse {
    let mut body = json!({name: list});
    if let (Some(next), Some(body)) = (next, body.as_object_mut()) {
        body.insert("nextCursor".to_owned(), next.into());
    }
    fresh(&body)
}

fn room_info(room: &RoomListed, defaults: &RoomSettings) -> Value {
    let set = |name: &str| room.settings.get(name).or_else(|| defaults.settings.get(name)).cloned();
    json!({
        "id": room.id.as_str(),
        "title": room.title,
        "createdAt": timestamp(room.created_at),
        "lastMessageAt": room.last_message_at.map(timestamp),
        "messageCount": room.message_count,
        "locked": set("locked").is_some_and(|locked| locked == true),
        "slowSeconds": set("slowSeconds").and_then(|seconds| seconds.as_u64()).unwrap_or(0),
        "holdNew": set("holdNew").and_then(|hold| hold.as_str().map(str::to_owned)).unwrap_or_else(|| "off".to_owned()),
        "held": room.held,
        "reported": room.reported,
    })
}

/// `GET /api/v1/admin/rooms?cursor=&q=&sort=&state=`: rooms, fifty at a time.
pub async fn rooms(request: HttpRequest, site: Data<Site>) -> Result<HttpResponse, HttpError> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Asked {
        cursor: Option<String>,
        q: Option<String>,
        sort: Option<String>,
        state: Option<String>,
    }
    let asked = Query::<Asked>::from_query(request.query_string()).map_err(|_| BAD_ROOMS)?;
    let sort = match asked.sort.as_deref() {
        None | Some("" | "recent") => RoomSort::Recent,
        Some("messages") => RoomSort::Messages,
        Some("name") => RoomSort::Name,
        Some(_) => return Err(BAD_ROOMS),
    };
    let state = match asked.state.as_deref() {
        None | Some("") => RoomState::All,
        Some("locked") => RoomState::Locked,
        Some("held") => RoomState::Held,
        Some("reported") => RoomState::Reported,
        Some("recent") => RoomState::Recent,
        Some(_) => return Err(BAD_ROOMS),
    };
    let after = match asked.cursor.as_deref() {
        None => None,
        Some(cursor) => Some(place_of(cursor).map(|(key, id)| RoomPlace { key, id }).ok_or(BAD_ROOMS)?),
    };
    let actor = actor(&request, &site).await?;
    let desk = desk(&site)?;
    let query = RoomsQuery {
        text: asked.q.as_deref().and_then(pattern_text),
        state,
        sort,
        after,
        limit: PAGE,
        ..Default::default()
    };
    let found = desk.rooms(&actor, query).await.map_err(|refused| refused_as(&refused))?;
    let key = |room: &RoomListed| match sort {
        RoomSort::Recent => room.last_message_at.map(|at| at.timestamp_micros()),
        RoomSort::Messages => Some(room.message_count),
        RoomSort::Name => None,
    };
    let (found, next) = page(found, |room| cursor_of(key(room), room.id.as_str()));
    let defaults = desk.access().defaults();
    Ok(answer("rooms", found.iter().map(|room| room_info(room, &defaults)).collect(), next))
}

fn person_info(person: &PersonListed, role: Role) -> Value {
    json!({
        "id": person.id.as_str(),
        "nickname": person.nickname.as_str(),
        "avatar": person.avatar.as_str(),
        "role": role.as_str(),
        "firstSeenAt": timestamp(person.first_seen_at),
        "lastSeenAt": timestamp(person.last_seen_at),
        "rooms": person.rooms,
        "banned": person.is_banned,
    })
}

/// `GET /api/v1/admin/people?cursor=&q=`: everybody who wrote, those first who wrote last, fifty at a time.
pub async fn people(request: HttpRequest, site: Data<Site>) -> Result<HttpResponse, HttpError> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Asked {
        cursor: Option<String>,
        q: Option<String>,
    }
    let asked = Query::<Asked>::from_query(request.query_string()).map_err(|_| BAD_PEOPLE)?;
    let after = match asked.cursor.as_deref() {
        None => None,
        Some(cursor) => {
            let (key, id) = place_of(cursor).ok_or(BAD_PEOPLE)?;
            Some((key.ok_or(BAD_PEOPLE)?, id))
        }
    };
    let actor = actor(&request, &site).await?;
    let id = asked.q.as_deref().and_then(|text| AuthorId::parse(text.trim()));
    let query = PeopleQuery { text: asked.q.as_deref().and_then(pattern_text), id, after, limit: PAGE };
    let found = desk(&site)?.people(&actor, query).await.map_err(|refused| refused_as(&refused))?;
    let place = |(person, _): &(PersonListed, Role)| {
        cursor_of(Some(person.last_seen_at.timestamp_micros()), person.id.as_str())
    };
    let (found, next) = page(found, place);
    Ok(answer("people", found.iter().map(|(person, role)| person_info(person, *role)).collect(), next))
}

fn written_info((room, message): &(RoomId, ChatMessage)) -> Value {
    let mut info = message_info(message);
    if let Some(info) = info.as_object_mut() {
        info.insert("room".to_owned(), room.as_str().into());
    }
    info
}

/// `GET /api/v1/admin/people/{authorId}`: what is known of somebody.
pub async fn person(request: HttpRequest, site: Data<Site>) -> Result<HttpResponse, HttpError> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct RoomOf<'a> {
        id: &'a str,
        first_seen_at: String,
        last_message_at: Option<String>,
    }
    let id = request.match_info().get("author").and_then(AuthorId::parse).ok_or(NOBODY)?;
    let actor = actor(&request, &site).await?;
    let known = desk(&site)?.person(&actor, &id).await.map_err(|refused| refused_as(&refused))?;
    let PersonKnown { seen, role, bans, log } = known;
    let room = |(room, first, last): &(RoomId, DateTime<Utc>, Option<DateTime<Utc>>)| {
        json!(RoomOf { id: room.as_str(), first_seen_at: timestamp(*first), last_message_at: last.map(timestamp) })
    };
    let names = seen.names.iter().map(|(name, at)| json!({"nickname": name.as_str(), "since": timestamp(*at)}));
    Ok(fresh(&json!({
        "person": person_info(&seen.person, role),
        "names": names.collect::<Vec<_>>(),
        "rooms": seen.rooms.iter().map(room).collect::<Vec<_>>(),
        "messages": seen.messages.iter().map(written_info).collect::<Vec<_>>(),
        "bans": bans.into_iter().filter_map(BanInfo::of).collect::<Vec<_>>(),
        "entries": log.into_iter().map(AuditInfo::of).collect::<Vec<_>>(),
    })))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_cursor_that_nobody_made_is_none() {
        for wrong in
            ["", "x", "%", &URL_SAFE_NO_PAD.encode("no dot"), &URL_SAFE_NO_PAD.encode("x.y"), &cursor_of(Some(1), "")]
        {
            assert_eq!(place_of(wrong), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn a_cursor_is_read_as_it_was_made(key in any::<Option<i64>>(), id in "[^\0]{1,60}") {
            prop_assert_eq!(place_of(&cursor_of(key, &id)), Some((key, id)));
        }
    }
}
