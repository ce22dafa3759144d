//! Disqus: one XML of threads, which are posts of the blog, and posts, which are comments
//! (<https://help.disqus.com/en/articles/1717164-comments-export>).

use std::{collections::HashMap, io::BufRead, sync::Arc};

use chrono::{DateTime, Utc};

use crate::{
    Body, Comment, Found, LeftOut, Page, ReadError,
    xml::{Piece, Xml},
};

/// What an element has within.
#[derive(Debug, Default)]
struct Fields {
    texts: HashMap<String, String>,
    /// Of which thread it is, and what it answers.
    thread: Option<String>,
    parent: Option<String>,
}

impl Fields {
    fn text(&self, name: &str) -> &str {
        self.texts.get(name).map_or("", |text| text.trim())
    }

    fn is(&self, name: &str) -> bool {
        self.text(name).eq_ignore_ascii_case("true")
    }
}

struct Thread {
    page: Arc<Page>,
    is_deleted: bool,
}

pub(crate) fn read<R: BufRead>(from: R, take: &mut dyn FnMut(Found) -> Result<(), ReadError>) -> Result<(), ReadError> {
    let mut xml = Xml::new(from);
    match xml.next()? {
        Some(Piece::Open(name, _)) if name == "disqus" => {}
        _ => return Err(xml.error("this is no export of Disqus: it does not begin with <disqus>")),
    }
    let mut threads: HashMap<String, Thread> = HashMap::new();
    while let Some(piece) = xml.next()? {
        let Piece::Open(name, id) = piece else { continue };
        let fields = fields(&mut xml, &name)?;
        match (name.as_str(), id) {
            ("thread", Some(id)) => {
                let some = |name: &str| Some(fields.text(name).to_owned()).filter(|text| !text.is_empty());
                let page = Page {
                    url: fields.text("link").to_owned(),
                    title: some("title"),
                    slug: None,
                    identifier: some("id"),
                };
                threads.insert(id, Thread { page: Arc::new(page), is_deleted: fields.is("isDeleted") });
            }
            ("post", Some(id)) => take(found(&xml, &threads, id, fields)?)?,
            ("post", None) => return Err(xml.error("a post without its dsq:id")),
            _ => {}
        }
    }
    Ok(())
}

/// What is within an element that has begun.
fn fields<R: BufRead>(xml: &mut Xml<R>, element: &str) -> Result<Fields, ReadError> {
    let mut fields = Fields::default();
    let mut within: Vec<String> = Vec::new();
    loop {
        match xml.next()? {
            None => return Err(xml.error("the file ends within an element")),
            Some(Piece::Open(name, id)) => {
                match (within.len(), name.as_str()) {
                    (0, "thread") => fields.thread = id,
                    (0, "parent") => fields.parent = id,
                    _ => {}
                }
                within.push(name);
            }
            Some(Piece::Close(name, text)) => {
                if within.pop().is_none() {
                    debug_assert_eq!(name, element);
                    return Ok(fields);
                }
                let path = within.iter().map(|outer| format!("{outer}/")).collect::<String>() + &name;
                fields.texts.insert(path, text);
            }
        }
    }
}

fn found<R: BufRead>(
    xml: &Xml<R>,
    threads: &HashMap<String, Thread>,
    id: String,
    mut fields: Fields,
) -> Result<Found, ReadError> {
    if fields.is("isSpam") {
        return Ok(Found::LeftOut(LeftOut::Spam, id));
    }
    let thread = fields.thread.as_ref().and_then(|thread| threads.get(thread));
    let thread = thread.ok_or_else(|| xml.error(format!("post {id} is of no thread before it")))?;
    if thread.is_deleted {
        return Ok(Found::LeftOut(LeftOut::PageNotPublic, id));
    }
    let at = fields.text("createdAt");
    let at = time_of(at).ok_or_else(|| xml.error(format!("post {id} has no time: {at:?}")))?;
    let is_deleted = fields.is("isDeleted");
    // Not every export says it.
    if fields.texts.contains_key("isApproved") && !fields.is("isApproved") && !is_deleted {
        return Ok(Found::LeftOut(LeftOut::Unapproved, id));
    }
    let (user, name, mail) =
        (fields.text("author/username"), fields.text("author/name").to_owned(), fields.text("author/email"));
    let who = match (user.is_empty(), mail.is_empty()) {
        (false, _) => format!("user {user}"),
        (true, false) => format!("mail {}", mail.to_lowercase()),
        (true, true) => format!("name {name}"),
    };
    Ok(Found::Comment(Box::new(Comment {
        source: String::new(),
        parent: fields.parent.take(),
        page: Arc::clone(&thread.page),
        who,
        name,
        at,
        edited_at: None,
        body: Body::Html(fields.texts.remove("message").unwrap_or_default()),
        is_deleted,
        is_pinned: false,
        id,
    })))
}

/// A time as RFC 3339 has it, or without its zone, which is UTC then.
pub(crate) fn time_of(text: &str) -> Option<DateTime<Utc>> {
    let text = text.trim();
    let zoned = DateTime::parse_from_rfc3339(text).map(|at| at.to_utc());
    let plain = || chrono::NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f").map(|at| at.and_utc());
    let spaced = || chrono::NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f").map(|at| at.and_utc());
    // As Go prints a time: "2021-11-02 20:25:20.5 +0800 CST".
    let go = || {
        let (date, rest) = text.split_once(' ').ok_or(())?;
        let (time, rest) = rest.split_once(' ').ok_or(())?;
        let zone = rest.split(' ').next().unwrap_or_default();
        DateTime::parse_from_str(&format!("{date} {time} {zone}"), "%Y-%m-%d %H:%M:%S%.f %z")
            .map(|at| at.to_utc())
            .map_err(|_| ())
    };
    zoned.ok().or_else(|| plain().ok()).or_else(|| spaced().ok()).or_else(|| go().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"<?xml version="1.0" encoding="utf-8"?>
<disqus xmlns="http://disqus.com" xmlns:dsq="http://disqus.com/disqus-internals">
<category dsq:id="7"><forum>blog</forum><title>General</title><isDefault>true</isDefault></category>
<thread dsq:id="100"><id>node/1</id><forum>blog</forum><category dsq:id="7"/><link>https://blog.example/글/</link>
<title>한글 제목</title><message/><createdAt>2020-01-01T00:00:00Z</createdAt><author><name>주인</name><isAnonymous>false</isAnonymous><username>owner</username></author><isClosed>false</isClosed><isDeleted>false</isDeleted></thread>
<thread dsq:id="101"><id/><link>https://blog.example/gone/</link><title>x</title><isDeleted>true</isDeleted></thread>
<post dsq:id="1"><id>wp_id=9</id><message><![CDATA[<p>안녕 &amp; <b>반가워</b></p>]]></message><createdAt>2020-01-02T03:04:05Z</createdAt><isDeleted>false</isDeleted><isSpam>false</isSpam><author><email>a@b.example</email><name>수달</name><isAnonymous>false</isAnonymous><username>otter</username></author><ipAddress>192.0.2.1</ipAddress><thread dsq:id="100"/></post>
<post dsq:id="2"><message>답</message><createdAt>2020-01-02T03:05:05</createdAt><isDeleted>true</isDeleted><isSpam>false</isSpam><author><name>손님</name><isAnonymous>true</isAnonymous></author><thread dsq:id="100"/><parent dsq:id="1"/></post>
<post dsq:id="3"><message>buy</message><createdAt>2020-01-02T03:05:05Z</createdAt><isDeleted>false</isDeleted><isSpam>true</isSpam><author><name>x</name></author><thread dsq:id="100"/></post>
<post dsq:id="4"><message>gone</message><createdAt>2020-01-02T03:05:05Z</createdAt><isDeleted>false</isDeleted><isSpam>false</isSpam><author><name>x</name></author><thread dsq:id="101"/></post>
</disqus>
"#;

    fn all(file: &str) -> Result<Vec<Found>, ReadError> {
        crate::gathered(|take| read(file.as_bytes(), take))
    }

    #[test]
    fn an_export_is_read() {
        let found = all(FILE).expect("an export");
        let [Found::Comment(first), Found::Comment(second), spam, gone] = &found[..] else { panic!("{found:?}") };
        assert_eq!((first.id.as_str(), first.name.as_str(), first.who.as_str()), ("1", "수달", "user otter"));
        assert_eq!(
            (first.page.url.as_str(), first.page.title.as_deref()),
            ("https://blog.example/글/", Some("한글 제목"))
        );
        assert_eq!(first.page.identifier.as_deref(), Some("node/1"));
        assert_eq!(first.body, Body::Html("<p>안녕 &amp; <b>반가워</b></p>".into()));
        assert_eq!(first.at.timestamp(), 1_577_934_245);
        assert_eq!((second.parent.as_deref(), second.is_deleted, second.who.as_str()), (Some("1"), true, "name 손님"));
        assert_eq!(spam, &Found::LeftOut(LeftOut::Spam, "3".into()));
        assert_eq!(gone, &Found::LeftOut(LeftOut::PageNotPublic, "4".into()));
    }

    #[test]
    fn what_is_broken_is_named() {
        let cut: String = FILE.chars().take(1_500).collect();
        assert!(all(&cut).expect_err("cut").what.contains("cut"));
        assert!(all("<rss></rss>").expect_err("another").what.contains("Disqus"));
        let error = all(&FILE.replace("2020-01-02T03:04:05Z", "yesterday")).expect_err("no time");
        assert_eq!((error.line, error.what.as_str()), (7, "post 1 has no time: \"yesterday\""));
        let error = all(&FILE.replace(
            "<thread dsq:id=\"100\"/></post>\n<post dsq:id=\"2\">",
            "<thread dsq:id=\"9\"/></post>\n<post dsq:id=\"2\">",
        ));
        assert!(error.expect_err("no thread").what.contains("post 1 is of no thread"));
    }

    #[test]
    fn times_are_read_as_each_system_writes_them() {
        for text in [
            "2021-11-02T20:25:20Z",
            "2021-11-02T20:25:20",
            "2021-11-02 20:25:20",
            "2021-11-03 04:25:20 +0800 CST",
            "2021-11-02T14:25:20.5-06:00",
            "2021-11-02 20:25:20.123 +0000 UTC",
        ] {
            assert_eq!(time_of(text).map(|at| at.timestamp()), Some(1_635_884_720), "{text}");
        }
        assert_eq!(time_of("2021-11-02"), None);
    }
}
