//! The pages: a room, and the list of them.

use actix_web::{HttpRequest, HttpResponse, web::Data};
use askama::Template;

use super::{
    answers::{Version, version},
    html::{html, html_head, lang, parameter, static_base},
    page_message::{PageMessage, page_messages},
    reading::room_of,
    security,
    site::Site,
};
use crate::mail::MailOffice;
use chat_domain::{Epoch, RoomId};
use chat_rooms::{MembersWanted, PAGE_MESSAGES, Snapshot};
use chat_store::Loaded;

/// Longest title that is shown, in code points.
const TITLE_CODE_POINTS_MAX: usize = 200;

#[derive(Template)]
#[template(path = "room.html")]
struct RoomPage<'a> {
    lang: &'static str,
    theme: &'static str,
    title: String,
    accent: String,
    nonce: &'a str,
    mode: &'static str,
    base: &'a str,
    static_base: &'a str,
    room_id: &'a str,
    epoch: String,
    rev: i64,
    has_more: bool,
    /// Whether visitors may write to the owner.
    contact: bool,
    /// Whether there is mail, so that people may be told of answers.
    mails: bool,
    store_away: bool,
    messages: Vec<PageMessage>,
}

#[derive(Template)]
#[template(path = "demo.html")]
struct DemoPage<'a> {
    lang: &'static str,
    base: &'a str,
    static_base: &'a str,
    base_url: String,
}

#[derive(Template)]
#[template(path = "check.html")]
struct CheckPage<'a> {
    lang: &'static str,
    base: &'a str,
    static_base: &'a str,
}

/// `GET /room/{room}`: the chat, its latest messages in the HTML. While the database is away it comes
/// without them, with status 200.
pub async fn room(request: HttpRequest, site: Data<Site>) -> HttpResponse {
    let room = match room_of(&request, 2) {
        Ok(room) => room,
        Err(error) => return error.answer(&request),
    };
    let lang = lang(&request);
    let nonce = security::nonce();
    let default_title = if lang == "ko" { "게시물 토론방" } else { "Discussion" };
    let theme = theme(parameter(&request, "theme").as_deref());
    let title = title(parameter(&request, "title")).unwrap_or_else(|| default_title.to_owned());
    let accent = parameter(&request, "accent").and_then(|a| accent(&a)).unwrap_or_default();
    let mode = if parameter(&request, "mode").as_deref() == Some("popout") { "popout" } else { "" };
    let frames = format!("frame-ancestors {}", site.frame_ancestors);
    // An accent's style has a nonce of its own each time.
    let what = accent.is_empty().then(|| format!("page {lang} {theme} {mode} {title}"));
    if let Some(what) = &what
        && let Some(head) = site.snapshot(&room, 0, MembersWanted::No).await
        && let Some(kept) = site.answers.get(&request, &room, what, version(&head))
    {
        return kept.respond(html_head(&request, &frames, &nonce));
    }
    let history = history(&site, &room, lang).await;
    let made_at = history.as_ref().and_then(|h| h.version);
    let page = RoomPage {
        lang,
        theme,
        title,
        accent,
        nonce: &nonce,
        mode,
        base: site.base_path.as_str(),
        static_base: &static_base(&site.base_path),
        room_id: room.as_str(),
        store_away: history.is_none(),
        epoch: history.as_ref().map(|h| h.epoch.to_string()).unwrap_or_default(),
        rev: history.as_ref().map_or(0, |h| h.rev),
        has_more: history.as_ref().is_some_and(|h| h.has_more),
        contact: site.mail.as_ref().is_some_and(MailOffice::has_contact),
        mails: site.mail.is_some(),
        messages: history.map(|h| h.messages).unwrap_or_default(),
    };
    match (page.render(), what, made_at) {
        (Ok(page), Some(what), Some(made_at)) => {
            site.answers.put(&request, &room, &what, made_at, page.into()).respond(html_head(&request, &frames, &nonce))
        }
        (page, ..) => html(&request, &frames, &nonce, page),
    }
}

struct History {
    /// Where the room was, where it lives.
    version: Option<Version>,
    epoch: Epoch,
    rev: i64,
    has_more: bool,
    messages: Vec<PageMessage>,
}

async fn history(site: &Site, room: &RoomId, lang: &str) -> Option<History> {
    let snapshot = site.snapshot(room, PAGE_MESSAGES, MembersWanted::No).await;
    // A backlog that was trimmed holds less than a page; the store has the rest.
    if let Some(snapshot) = snapshot.filter(|s| s.messages.len() == PAGE_MESSAGES || !s.has_more) {
        let messages = page_messages(snapshot.messages.iter().map(AsRef::as_ref), lang);
        let (version, Snapshot { epoch, rev, has_more, .. }) = (Some(version(&snapshot)), snapshot);
        return Some(History { version, epoch, rev, has_more, messages });
    }
    site.actors.get()?;
    let Loaded { head, page, .. } = site.read(site.store.load(room, PAGE_MESSAGES)).await.ok()?;
    let messages = page_messages(page.messages.iter(), lang);
    Some(History { version: None, epoch: head.epoch, rev: head.rev, has_more: page.has_more, messages })
}

/// `GET /`: a blog post with the chat under it.
pub async fn demo(request: HttpRequest, site: Data<Site>) -> HttpResponse {
    let info = request.connection_info();
    // Where a proxy wrote its own host, the first one that it forwards is what the browser asked for.
    let hosts = security::hosts(&request, &site.trusted_proxies.networks);
    let host = hosts.get(1).or(hosts.first()).map_or_else(|| "localhost".to_owned(), |h| h.to_string());
    let scheme = if info.scheme() == "https" { "https" } else { "http" };
    let base = site.base_path.as_str();
    let page = DemoPage {
        lang: lang(&request),
        base,
        static_base: &static_base(&site.base_path),
        base_url: format!("{scheme}://{host}{base}"),
    };
    html(&request, "frame-src 'self'; frame-ancestors 'self'", &security::nonce(), page.render())
}

/// `GET /check`: tells the owner of a blog what the proxies on the way do wrong. Its script asks `/check.json`, and opens
/// a socket.
pub async fn check(request: HttpRequest, site: Data<Site>) -> HttpResponse {
    let base = site.base_path.as_str();
    let page = CheckPage { lang: lang(&request), base, static_base: &static_base(&site.base_path) };
    html(&request, "frame-ancestors 'none'", &security::nonce(), page.render())
}

/// What a page is asked to look like; else as the reader's system does.
pub fn theme(theme: Option<&str>) -> &'static str {
    match theme {
        Some("light") => "light",
        Some("dark") => "dark",
        _ => "auto",
    }
}

/// A title without control characters, cut; `None` where nothing is left.
fn title(title: Option<String>) -> Option<String> {
    let clean: String = title?.chars().filter(|c| !c.is_control()).take(TITLE_CODE_POINTS_MAX).collect();
    let clean = clean.trim();
    (!clean.is_empty()).then(|| clean.to_owned())
}

/// `#rrggbb` or `#rgb`, with or without the `#`; anything else is no colour.
fn accent(accent: &str) -> Option<String> {
    let digits = accent.strip_prefix('#').unwrap_or(accent);
    let is_colour = matches!(digits.len(), 3 | 6) && digits.bytes().all(|b| b.is_ascii_hexdigit());
    let long = if digits.len() == 3 { digits.chars().flat_map(|c| [c, c]).collect() } else { digits.to_owned() };
    is_colour.then(|| format!("#{}", long.to_ascii_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_cleaned() {
        assert_eq!(accent("#0AF").as_deref(), Some("#00aaff"));
        assert_eq!(accent("0a1b2c").as_deref(), Some("#0a1b2c"));
        for bad in ["", "red", "#12", "#1234567", "#00ff0g", "}body{"] {
            assert_eq!(accent(bad), None, "{bad}");
        }
        assert_eq!(title(Some("  a\u{0}b\n ".into())).as_deref(), Some("ab"));
        assert_eq!(title(Some(" \n".into())), None);
        assert_eq!(title(Some("가".repeat(500))).map(|t| t.chars().count()), Some(200));
    }
}
