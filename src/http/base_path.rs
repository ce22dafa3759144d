//! The path that the chat is served under.

use std::fmt;

use actix_web::http::uri::{PathAndQuery, Uri};

/// Longest path that is taken, in bytes.
const BYTES_MAX: usize = 200;
/// What the server's own addresses begin with. Where a proxy takes the base path away, one that begins like any of them
/// could not be distinguished from it.
const OWN: &str = "room ws api static avatars embed.js favicon.ico check check.json livez readyz healthz metrics";

/// The path that the chat is served under: empty, or `/` and segments with `/` between them, as `/chat` or `/blog/chat`.
///
/// The server writes it before every address that it gives away, and answers with it as well as without: some proxies
/// take it away before they pass a request on, others do not, and probes come past them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BasePath(String);

impl BasePath {
    /// Reads a setting. A slash at the end makes no difference, and `/` alone is the root. Fails with a sentence on
    /// what is wrong, without the text itself.
    pub fn parse(text: &str) -> Result<Self, String> {
        let path = text.strip_suffix('/').unwrap_or(text);
        if path.is_empty() {
            return Ok(Self::default());
        }
        let wrong = || Err("it is a path as /chat: a slash, then letters, digits or any of - . _ ~".into());
        let Some(segments) = path.strip_prefix('/') else { return wrong() };
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | '~');
        let is_segment = |s: &str| !s.is_empty() && s != "." && s != ".." && s.chars().all(is_plain);
        if !segments.split('/').all(is_segment) || path.len() > BYTES_MAX {
            return wrong();
        }
        if segments.split('/').next().is_some_and(|first| OWN.split(' ').any(|own| own == first)) {
            return Err("it begins like an address of the chat's own: take another name".into());
        }
        Ok(Self(path.to_owned()))
    }

    /// What is written before a path that begins with `/`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What is left of a path without this one before it; `None` where it does not stand there.
    fn strip<'a>(&self, path: &'a str) -> Option<&'a str> {
        if self.0.is_empty() {
            return None;
        }
        match path.strip_prefix(&self.0)? {
            "" => Some("/"),
            rest => rest.starts_with('/').then_some(rest),
        }
    }

    /// The same of a whole request target, query included.
    pub fn strip_uri(&self, uri: &Uri) -> Option<Uri> {
        let path = self.strip(uri.path())?;
        let target = match uri.query() {
            Some(query) => format!("{path}?{query}"),
            None => path.to_owned(),
        };
        let mut parts = uri.clone().into_parts();
        parts.path_and_query = Some(PathAndQuery::try_from(target).ok()?);
        Uri::from_parts(parts).ok()
    }
}

impl fmt::Display for BasePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_taken_and_what_is_none_is_refused() {
        let same = "/chat /blog/chat /~me/chat-1.0_x /chatroom /chat/room".split(' ').map(|path| (path, path));
        for (text, expected) in same.chain([("", ""), ("/", ""), ("/chat/", "/chat")]) {
            assert_eq!(BasePath::parse(text).map(|b| b.0).as_deref(), Ok(expected), "{text}");
        }
        let long = format!("/{}", "a".repeat(BYTES_MAX));
        let outside = r"chat chat/ // //chat /chat// /a//b /. /.. /chat/../x /chat?x /chat#x /chat%2Fx /채팅 /a\b /<b>";
        let own = "https://chat.example/chat /room /ws/chat /static /metrics/";
        for text in outside.split(' ').chain(own.split(' ')).chain(["/ch at", &long]) {
            assert!(BasePath::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn it_is_taken_away_where_it_stands_and_nowhere_else() {
        let base = BasePath::parse("/chat").expect("a path");
        for (uri, expected) in [
            ("/chat", Some("/")),
            ("/chat/", Some("/")),
            ("/chat?lang=ko", Some("/?lang=ko")),
            ("/chat/room/a%2Fb?x=1&y=%20", Some("/room/a%2Fb?x=1&y=%20")),
            ("/chat//x", Some("//x")),
            ("/chat/chat/x", Some("/chat/x")),
            ("/chatroom", None),
            ("/room/chat", None),
            ("/", None),
            ("*", None),
            ("http://host/chat/livez", Some("http://host/livez")),
        ] {
            let stripped = base.strip_uri(&uri.parse().expect("a URI"));
            assert_eq!(stripped.map(|u| u.to_string()).as_deref(), expected, "{uri}");
        }
        assert_eq!(BasePath::default().strip_uri(&"/chat".parse().expect("a URI")), None);
    }
}
