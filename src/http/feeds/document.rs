//! A feed as Atom (RFC 4287) and as RSS 2.0. Pure.
//!
//! What people wrote stands in it as HTML whose only element is the line break, so that no reader of feeds takes their
//! text for markup.

use std::fmt::Write;

use chrono::{DateTime, SecondsFormat, Utc};
use uuid::Uuid;

use chat_domain::ChatMessage;

/// So much of a text is an entry's title, in code points: it stands in lists.
const TITLE_CODE_POINTS_MAX: usize = 80;

/// How a feed is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// RFC 4287.
    Atom,
    /// RSS 2.0.
    Rss,
}

impl Format {
    /// The media type.
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Atom => "application/atom+xml; charset=utf-8",
            Self::Rss => "application/rss+xml; charset=utf-8",
        }
    }
}

/// The latest messages of a room, or of all.
pub struct Feed {
    /// What it is called.
    pub title: String,
    /// Where the same is read by people.
    pub page: String,
    /// Where the feed itself is.
    pub address: String,
    /// The newest first.
    pub entries: Vec<Entry>,
}

/// A message.
pub struct Entry {
    /// Stays what it is when the chat moves to another host or database.
    pub id: Uuid,
    pub title: String,
    /// Leads to the message.
    pub link: String,
    pub author: String,
    pub written: DateTime<Utc>,
    pub updated: DateTime<Utc>,
    pub text: String,
}

impl Entry {
    /// A message that is read at `page`. `of` is what its room is called, where that has to be said.
    pub fn new(message: &ChatMessage, page: &str, of: Option<&str>) -> Self {
        let nickname = message.author.nickname.as_str();
        let line = message.content.as_str().lines().next().unwrap_or_default();
        let mut start: String = line.chars().take(TITLE_CODE_POINTS_MAX).collect();
        if start.len() < message.content.as_str().len() {
            start.push('…');
        }
        let title = format!("{nickname}: {start}");
        let edited_at = message.annotations.as_ref().and_then(|annotations| annotations.edited_at);
        Self {
            // A client chooses its ids itself: with its author nobody can choose somebody else's.
            id: Uuid::new_v5(&message.client_id, message.author.id.as_str().as_bytes()),
            title: of.map_or_else(|| title.clone(), |of| format!("{of} · {title}")),
            link: format!("{page}?m={}", message.seq),
            author: nickname.to_owned(),
            written: message.created_at,
            updated: edited_at.unwrap_or(message.created_at),
            text: message.content.as_str().to_owned(),
        }
    }
}

/// The feed as a document.
pub fn document(feed: &Feed, format: Format) -> String {
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"utf-8\"?>\n");
    // Writing to a text cannot fail.
    let _ = match format {
        Format::Atom => atom(&mut out, feed),
        Format::Rss => rss(&mut out, feed),
    };
    out
}

fn atom(out: &mut String, feed: &Feed) -> std::fmt::Result {
    let (address, page) = (escaped(&feed.address), escaped(&feed.page));
    let updated = feed.entries.iter().map(|entry| entry.updated).max().unwrap_or_default();
    writeln!(out, "<feed xmlns=\"http://www.w3.org/2005/Atom\">")?;
    writeln!(out, "<id>{address}</id>\n<title>{}</title>\n<updated>{}</updated>", escaped(&feed.title), iso(updated))?;
    writeln!(out, "<link rel=\"self\" type=\"application/atom+xml\" href=\"{address}\"/>")?;
    writeln!(
        out,
        "<link rel=\"alternate\" type=\"text/html\" href=\"{page}\"/>\n<generator>realtime-chat</generator>"
    )?;
    for entry in &feed.entries {
        writeln!(out, "<entry>\n<id>urn:uuid:{}</id>\n<title>{}</title>", entry.id, escaped(&entry.title))?;
        writeln!(out, "<author><name>{}</name></author>", escaped(&entry.author))?;
        writeln!(out, "<link rel=\"alternate\" type=\"text/html\" href=\"{}\"/>", escaped(&entry.link))?;
        writeln!(out, "<published>{}</published>\n<updated>{}</updated>", iso(entry.written), iso(entry.updated))?;
        writeln!(out, "<content type=\"html\">{}</content>\n</entry>", escaped(&html(&entry.text)))?;
    }
    writeln!(out, "</feed>")
}

fn rss(out: &mut String, feed: &Feed) -> std::fmt::Result {
    let (address, page, title) = (escaped(&feed.address), escaped(&feed.page), escaped(&feed.title));
    out.push_str("<rss version=\"2.0\" xmlns:atom=\"http://www.w3.org/2005/Atom\"");
    writeln!(out, " xmlns:dc=\"http://purl.org/dc/elements/1.1/\">\n<channel>")?;
    writeln!(out, "<title>{title}</title>\n<link>{page}</link>\n<description>{title}</description>")?;
    writeln!(out, "<atom:link rel=\"self\" type=\"application/rss+xml\" href=\"{address}\"/>")?;
    writeln!(out, "<generator>realtime-chat</generator>")?;
    for entry in &feed.entries {
        writeln!(out, "<item>\n<title>{}</title>\n<link>{}</link>", escaped(&entry.title), escaped(&entry.link))?;
        writeln!(out, "<guid isPermaLink=\"false\">urn:uuid:{}</guid>", entry.id)?;
        writeln!(out, "<dc:creator>{}</dc:creator>", escaped(&entry.author))?;
        writeln!(out, "<pubDate>{}</pubDate>", entry.written.to_rfc2822())?;
        writeln!(out, "<description>{}</description>\n</item>", escaped(&html(&entry.text)))?;
    }
    writeln!(out, "</channel>\n</rss>")
}

fn iso(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// A text as HTML that shows it.
fn html(text: &str) -> String {
    escaped(text).replace('\n', "<br>\n")
}

/// A text as XML has it, without the characters that XML has no way to write.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\n' | '\t' => out.push(c),
            '\u{0}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => {}
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feed(text: &str) -> Feed {
        let at = DateTime::from_timestamp_millis(1_790_000_000_123).expect("a time");
        let entry = Entry {
            id: Uuid::from_u128(7),
            title: format!("a: {text}"),
            link: "https://chat.example/room/a%26b?m=1".into(),
            author: "</name>&".into(),
            written: at,
            updated: at,
            text: text.into(),
        };
        let address = "https://chat.example/api/v1/rooms/a/feed".into();
        Feed { title: "A & B".into(), page: "https://chat.example/room/a".into(), address, entries: vec![entry] }
    }

    #[test]
    fn what_people_wrote_is_text_in_the_html_of_an_entry() {
        for format in [Format::Atom, Format::Rss] {
            let made = document(&feed("<script>\n]]>&amp;\u{1}\u{ffff}"), format);
            assert!(made.contains("&amp;lt;script&amp;gt;&lt;br&gt;\n]]&amp;gt;&amp;amp;amp;"), "{made}");
            assert!(made.contains("&lt;/name&gt;&amp;"), "{made}");
            assert!(made.contains("A &amp; B") && !made.contains('\u{1}') && !made.contains('\u{ffff}'), "{made}");
        }
    }

    #[test]
    fn times_are_written_as_each_format_has_them() {
        assert!(document(&feed("x"), Format::Atom).contains("<published>2026-09-21T14:13:20.123Z</published>"));
        assert!(document(&feed("x"), Format::Rss).contains("<pubDate>Mon, 21 Sep 2026 14:13:20 +0000</pubDate>"));
        let none = Feed { entries: vec![], ..feed("x") };
        assert!(document(&none, Format::Atom).contains("<updated>1970-01-01T00:00:00.000Z</updated>"));
    }
}
