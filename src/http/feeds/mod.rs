//! `/api/v1/feed.atom`, `/api/v1/rooms/{room}/feed.atom`, and the same as `feed.rss`: the latest messages, for readers of
//! feeds. They hold what any visitor reads on the pages, and nothing that was deleted.

mod document;

use actix::clock::timeout;
use actix_web::{
    HttpRequest, HttpResponse,
    http::{StatusCode, header},
    web::Data,
};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sha2::{Digest, Sha256};

use self::document::{Entry, Feed, Format, document};
use super::{error::HttpError, reading::room_of, security, site::Site};
use chat_domain::{ChatMessage, RoomId};
use chat_store::Head;

/// So many messages are in a feed.
const MESSAGES_MAX: usize = 50;
/// What may stand as it is in a path, by RFC 3986.
const IN_PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// A feed as this version of the program writes it.
const MADE_BY: &str = env!("CARGO_PKG_VERSION");

/// `GET /api/v1/rooms/{room}/feed.atom`.
pub async fn room_atom(request: HttpRequest, site: Data<Site>) -> Result<HttpResponse, HttpError> {
    of_room(&request, &site, Format::Atom).await
}

/// `GET /api/v1/rooms/{room}/feed.rss`.
pub async fn room_rss(request: HttpRequest, site: Data<Site>) -> Result<HttpResponse, HttpError> {
    of_room(&request, &site, Format::Rss).await
}

/// `GET /api/v1/feed.atom`.
pub async fn all_atom(request: HttpRequest, site: Data<Site>) -> Result<HttpResponse, HttpError> {
    of_all(&request, &site, Format::Atom).await
}

/// `GET /api/v1/feed.rss`.
pub async fn all_rss(request: HttpRequest, site: Data<Site>) -> Result<HttpResponse, HttpError> {
    of_all(&request, &site, Format::Rss).await
}

async fn of_room(request: &HttpRequest, site: &Site, format: Format) -> Result<HttpResponse, HttpError> {
    let room = room_of(request, 4)?;
    let base = base(request, site);
    // Readers of feeds ask again and again: where nothing happened one row answers.
    let head = site.read(site.store.head(&room)).await?;
    let tag_now = room_tag(&base, &head);
    if is_known(request, &tag_now) {
        return Ok(unchanged(&tag_now));
    }
    let loaded = site.read(site.store.load(&room, MESSAGES_MAX)).await?;
    let page = room_page(&base, &room);
    let shown = loaded.page.messages.iter().rev().filter(|message| !message.is_deleted());
    let feed = Feed {
        title: loaded.head.settings.title.clone().unwrap_or_else(|| room.as_str().to_owned()),
        address: format!("{base}{}", request.uri().path()),
        entries: shown.map(|message| Entry::new(message, &page, None)).collect(),
        page,
    };
    Ok(answer(&room_tag(&base, &loaded.head), format).body(document(&feed, format)))
}

async fn of_all(request: &HttpRequest, site: &Site, format: Format) -> Result<HttpResponse, HttpError> {
    let base = base(request, site);
    // Anybody asks for it as often as requests go: others that read must not wait for many of them.
    let turn = timeout(site.read_wait, site.feed_turns.acquire());
    let Ok(Ok(_turn)) = turn.await else { return Err(HttpError::overloaded(site.retry_after)) };
    let found = site.read(site.store.latest_anywhere(MESSAGES_MAX)).await?;
    let entry = |(room, title, message): &(RoomId, Option<String>, ChatMessage)| {
        let of = title.as_deref().unwrap_or_else(|| room.as_str());
        Entry::new(message, &room_page(&base, room), Some(of))
    };
    let feed = Feed {
        title: base.split_once("://").map_or(&*base, |(_, host)| host).to_owned(),
        page: format!("{base}/"),
        address: format!("{base}{}", request.uri().path()),
        entries: found.iter().map(entry).collect(),
    };
    let body = document(&feed, format);
    let tag = format!("\"{}\"", hash(&[&body]));
    if is_known(request, &tag) {
        return Ok(unchanged(&tag));
    }
    Ok(answer(&tag, format).body(body))
}

/// Where whoever asks reaches this server.
fn base(request: &HttpRequest, site: &Site) -> String {
    format!("{}{}", security::own_url(request, &site.trusted_proxies.networks), site.base_path)
}

fn room_page(base: &str, room: &RoomId) -> String {
    format!("{base}/room/{}", utf8_percent_encode(room.as_str(), IN_PATH))
}

/// Names the state that a room's feed is of: what it shows, and where its links lead.
fn room_tag(base: &str, head: &Head) -> String {
    let Head { epoch, rev, first_seq, settings, .. } = head;
    format!("\"{epoch}.{rev}.{first_seq}.{}.{}\"", settings.rev, hash(&[base, MADE_BY]))
}

fn hash(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    hash.finalize().iter().take(12).map(|byte| format!("{byte:02x}")).collect()
}

fn is_known(request: &HttpRequest, tag: &str) -> bool {
    let asked = request.headers().get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok()).unwrap_or_default();
    asked.split(',').any(|one| one.trim().trim_start_matches("W/") == tag)
}

/// A deleted message must be gone with the next look: so each look asks.
fn answer(tag: &str, format: Format) -> actix_web::HttpResponseBuilder {
    let mut response = HttpResponse::Ok();
    response
        .content_type(format.media_type())
        .insert_header((header::CACHE_CONTROL, "no-cache"))
        // Weak: its encodings are not the same bytes.
        .insert_header((header::ETAG, format!("W/{tag}")));
    response
}

fn unchanged(tag: &str) -> HttpResponse {
    answer(tag, Format::Atom).status(StatusCode::NOT_MODIFIED).finish()
}
