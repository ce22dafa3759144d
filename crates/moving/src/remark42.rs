//! remark42: a line of what concerns users and posts, then one JSON a line for each comment
//! (`backend/app/migrator/native.go`).

use std::{collections::HashMap, io::BufRead, sync::Arc};

use serde::Deserialize;
use serde_json::Value;

use crate::{Body, Comment, Found, Note, Page, ReadError, bounded::Bounded, disqus::time_of};

#[derive(Deserialize)]
struct Meta {
    version: i64,
    #[serde(default)]
    users: Value,
}

#[derive(Deserialize)]
struct Line {
    id: String,
    #[serde(default)]
    pid: String,
    #[serde(default)]
    text: String,
    /// What was typed, in Markdown; old releases have the HTML alone.
    #[serde(default)]
    orig: String,
    user: User,
    locator: Locator,
    #[serde(default)]
    score: i64,
    #[serde(default)]
    votes: Option<HashMap<String, bool>>,
    time: String,
    #[serde(default)]
    edit: Option<Edit>,
    #[serde(default)]
    pin: bool,
    #[serde(default, rename = "delete")]
    is_deleted: bool,
    #[serde(default)]
    title: String,
}

#[derive(Deserialize)]
struct User {
    #[serde(default)]
    name: String,
    #[serde(default)]
    id: String,
}

#[derive(Deserialize)]
struct Locator {
    #[serde(default)]
    site: String,
    url: String,
}

#[derive(Deserialize)]
struct Edit {
    time: String,
}

pub(crate) fn read<R: BufRead>(from: R, take: &mut dyn FnMut(Found) -> Result<(), ReadError>) -> Result<(), ReadError> {
    let mut from = Bounded::new(from);
    let place = from.place();
    let none = || {
        ReadError::new(1, "this is no backup of remark42: it does not begin with a line of version, users and posts")
    };
    let first = from.next_line()?.ok_or_else(none)?;
    let meta: Meta = serde_json::from_str(&first).map_err(|_| none())?;
    if !(0..=1).contains(&meta.version) || meta.users.is_string() {
        return Err(ReadError::new(1, format!("version {} of remark42's backups is not known here", meta.version)));
    }
    // Comments of one page come behind each other.
    let mut page: Arc<Page> = Arc::default();
    loop {
        let line = place.line();
        let Some(text) = from.next_line()? else { return Ok(()) };
        if text.trim().is_empty() {
            continue;
        }
        let wrong = |e: serde_json::Error| match e.is_eof() {
            true => ReadError::cut(line),
            false => ReadError::new(line, format!("this is no comment of remark42: {}", without_place(&e))),
        };
        let comment: Line = serde_json::from_str(&text).map_err(wrong)?;
        if comment.score != 0 || comment.votes.is_some_and(|votes| !votes.is_empty()) {
            take(Found::Noted(Note::VotesDropped, comment.id.clone()))?;
        }
        let at = time_of(&comment.time);
        let at = at.ok_or_else(|| ReadError::new(line, format!("comment {} has no time", comment.id)))?;
        if page.url != comment.locator.url {
            let title = Some(comment.title).filter(|title| !title.is_empty());
            page = Arc::new(Page { url: comment.locator.url, title, slug: None, identifier: None });
        }
        // Marks of Markdown are those of this chat; only what the HTML alone has would be lost.
        let body = match comment.orig.trim().is_empty() {
            true => Body::Html(comment.text),
            false => Body::Text(comment.orig),
        };
        let site = comment.locator.site;
        take(Found::Comment(Box::new(Comment {
            who: format!("{site} user {}", comment.user.id),
            source: site,
            id: comment.id,
            parent: Some(comment.pid).filter(|parent| !parent.is_empty()),
            page: Arc::clone(&page),
            name: comment.user.name,
            at,
            edited_at: comment.edit.and_then(|edit| time_of(&edit.time)),
            body,
            is_deleted: comment.is_deleted,
            is_pinned: comment.pin,
        })))?;
    }
}

/// What serde says, without its own line and column: those are of one line.
pub(crate) fn without_place(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.rsplit_once(" at line ").map_or(text.clone(), |(what, _)| what.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"{"version":1,"users":[{"id":"github_1","blocked":{"status":false,"until":"0001-01-01T00:00:00Z"},"verified":true}],"posts":[{"url":"https://blog.example/글/","read_only":true}]}
{"id":"efbc17f1","pid":"","text":"<p>안녕 <strong>반가워</strong></p>\n","orig":"안녕 **반가워**","user":{"name":"수달","id":"github_1","picture":"https://x","ip":"293ec5","admin":true,"site_id":"blog"},"locator":{"site":"blog","url":"https://blog.example/글/"},"score":2,"votes":{"a":true},"voted_ips":{"b":{"Timestamp":"2017-12-20T15:18:22Z","Value":true}},"vote":0,"time":"2017-12-20T15:18:22.123456789-06:00","edit":{"time":"2017-12-20T15:20:00-06:00","summary":"typo"},"pin":true,"title":"한글 제목"}
{"id":"f863bd79","pid":"efbc17f1","text":"","user":{"name":"deleted","id":"deleted","picture":"","ip":"","admin":false},"locator":{"site":"blog","url":"https://blog.example/글/"},"score":0,"votes":{},"vote":0,"time":"2017-12-20T15:18:23-06:00","delete":true}
{"id":"a1","pid":"f863bd79","text":"<p>old &amp; plain</p>","user":{"name":"벗","id":"anonymous_2"},"locator":{"site":"blog","url":"https://blog.example/글/"},"time":"2017-12-20T15:18:24-06:00"}
"#;

    fn all(file: &str) -> Result<Vec<Found>, ReadError> {
        crate::gathered(|take| read(file.as_bytes(), take))
    }

    #[test]
    fn a_backup_is_read() {
        let found = all(FILE).expect("a backup");
        let [noted, Found::Comment(first), Found::Comment(deleted), Found::Comment(old)] = &found[..] else {
            panic!("{found:?}")
        };
        assert_eq!(noted, &Found::Noted(Note::VotesDropped, "efbc17f1".into()));
        assert_eq!((first.name.as_str(), first.who.as_str()), ("수달", "blog user github_1"));
        assert_eq!(
            (first.page.url.as_str(), first.page.title.as_deref()),
            ("https://blog.example/글/", Some("한글 제목"))
        );
        assert_eq!(first.body, Body::Text("안녕 **반가워**".into()));
        assert_eq!((first.at.timestamp(), first.is_pinned), (1_513_804_702, true));
        assert_eq!(first.edited_at.map(|at| at.timestamp()), Some(1_513_804_800));
        assert_eq!((deleted.is_deleted, deleted.parent.as_deref()), (true, Some("efbc17f1")));
        assert_eq!(old.body, Body::Html("<p>old &amp; plain</p>".into()));
    }

    #[test]
    fn what_is_broken_is_named() {
        let cut: String = FILE.chars().take(FILE.chars().count() - 30).collect();
        assert_eq!(all(&cut), Err(ReadError::cut(4)));
        assert_eq!(all("").expect_err("nothing").line, 1);
        assert!(all("<disqus/>").expect_err("another").what.contains("remark42"));
        assert!(all(&FILE.replace("\"version\":1", "\"version\":2")).expect_err("newer").what.contains("version 2"));
        let error = all(&FILE.replace("{\"id\":\"a1\"", "{\"no\":\"a1\"")).expect_err("no id");
        assert_eq!((error.line, error.what.as_str()), (4, "this is no comment of remark42: missing field `id`"));
    }
}
