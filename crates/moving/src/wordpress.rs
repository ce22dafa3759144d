//! WordPress: WXR, a feed of the blog's posts with their comments
//! (`wp-admin/includes/export.php`; versions 1.0 to 1.2 are the same where comments are concerned).

use std::{collections::HashMap, io::BufRead, sync::Arc};

use crate::{
    Body, Comment, Found, LeftOut, Page, ReadError,
    disqus::time_of,
    xml::{Piece, Xml},
};

/// What of a post comes before its comments.
#[derive(Debug, Default)]
struct Item {
    texts: HashMap<String, String>,
    page: Option<Arc<Page>>,
}

impl Item {
    fn text(&self, name: &str) -> &str {
        self.texts.get(name).map_or("", |text| text.trim())
    }

    fn page(&mut self) -> Arc<Page> {
        let some = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        let page = Page {
            url: self.text("link").to_owned(),
            title: some(self.text("title")),
            slug: some(self.text("wp:post_name")),
            identifier: some(self.text("wp:post_id")),
        };
        Arc::clone(self.page.get_or_insert_with(|| Arc::new(page)))
    }

    /// Whether everybody may read it. Exports of old releases do not say.
    fn is_public(&self) -> bool {
        matches!(self.text("wp:status"), "" | "publish" | "inherit") && self.text("wp:post_password").is_empty()
    }
}

/// Texts of a post that nobody needs, and that are long.
const SKIPPED: [&str; 3] = ["content:encoded", "excerpt:encoded", "description"];

pub(crate) fn read<R: BufRead>(from: R, take: &mut dyn FnMut(Found) -> Result<(), ReadError>) -> Result<(), ReadError> {
    let mut xml = Xml::new(from);
    match xml.next()? {
        Some(Piece::Open(name, _)) if name == "rss" => {}
        _ => return Err(xml.error("this is no export of WordPress: it does not begin with <rss>")),
    }
    let mut site = String::new();
    let mut path: Vec<String> = Vec::new();
    let (mut item, mut comment) = (Item::default(), HashMap::new());
    while let Some(piece) = xml.next()? {
        match piece {
            Piece::Open(name, _) => {
                match name.as_str() {
                    "item" => item = Item::default(),
                    "wp:comment" => comment.clear(),
                    _ => {}
                }
                path.push(name);
            }
            Piece::Close(name, text) => {
                path.pop();
                match (path.last().map(String::as_str), name.as_str()) {
                    (Some("channel"), "link" | "wp:base_blog_url") => site = text.trim().to_owned(),
                    (Some("item"), "wp:comment") => {
                        take(found(&xml, &site, &mut item, std::mem::take(&mut comment))?)?;
                    }
                    (Some("item"), name) if !SKIPPED.contains(&name) => {
                        item.texts.insert(name.to_owned(), text);
                    }
                    (Some("wp:comment"), _) => {
                        comment.insert(name, text);
                    }
                    _ => {}
                }
            }
        }
    }
    Ok(())
}

fn found<R: BufRead>(
    xml: &Xml<R>,
    site: &str,
    item: &mut Item,
    mut comment: HashMap<String, String>,
) -> Result<Found, ReadError> {
    let text = |name: &str| comment.get(name).map_or("", |text| text.trim());
    let id = text("wp:comment_id").to_owned();
    if id.is_empty() {
        return Err(xml.error("a comment without its wp:comment_id"));
    }
    let left_out = |why| Ok(Found::LeftOut(why, id.clone()));
    if !item.is_public() {
        return left_out(LeftOut::PageNotPublic);
    }
    match text("wp:comment_type") {
        "" | "comment" | "review" => {}
        _ => return left_out(LeftOut::Ping),
    }
    let is_deleted = match text("wp:comment_approved") {
        "1" | "approve" | "approved" => false,
        "spam" => return left_out(LeftOut::Spam),
        "trash" | "post-trashed" => true,
        _ => return left_out(LeftOut::Unapproved),
    };
    // A comment that was never dated has zeros there.
    let at = Some(text("wp:comment_date_gmt")).filter(|at| !at.starts_with("0000"));
    let at = at.and_then(time_of).or_else(|| time_of(text("wp:comment_date")));
    let at = at.ok_or_else(|| xml.error(format!("comment {id} has no time")))?;
    let (user, mail, name) = (
        text("wp:comment_user_id"),
        text("wp:comment_author_email").to_lowercase(),
        text("wp:comment_author").to_owned(),
    );
    let who = match (matches!(user, "" | "0"), mail.is_empty()) {
        (false, _) => format!("{site} user {user}"),
        (true, false) => format!("{site} mail {mail}"),
        (true, true) => format!("{site} name {name}"),
    };
    let parent = Some(text("wp:comment_parent")).filter(|parent| !matches!(*parent, "" | "0")).map(str::to_owned);
    Ok(Found::Comment(Box::new(Comment {
        source: site.to_owned(),
        parent,
        page: item.page(),
        who,
        name,
        at,
        edited_at: None,
        body: Body::LinedHtml(comment.remove("wp:comment_content").unwrap_or_default()),
        is_deleted,
        is_pinned: false,
        id,
    })))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(comments: &str, item: &str) -> String {
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\" ?>\n<!-- made by WordPress -->\n<rss version=\"2.0\" xmlns:wp=\"http://wordpress.org/export/1.2/\">\n<channel>\n<title>블로그</title>\n<link>https://blog.example</link>\n<wp:wxr_version>1.2</wp:wxr_version>\n<item><title>글 &amp; 제목</title><link>https://blog.example/2020/01/post/</link><content:encoded><![CDATA[<p>글</p>]]></content:encoded><wp:post_id>12</wp:post_id><wp:post_name><![CDATA[post]]></wp:post_name>{item}<wp:post_type>post</wp:post_type>{comments}</item>\n</channel>\n</rss>\n"
        )
    }

    fn comment(id: u32, approved: &str, kind: &str, parent: u32) -> String {
        format!(
            "<wp:comment>\n<wp:comment_id>{id}</wp:comment_id>\n<wp:comment_author><![CDATA[수달 &amp; 벗]]></wp:comment_author>\n<wp:comment_author_email>Otter@Mail.example</wp:comment_author_email>\n<wp:comment_author_url></wp:comment_author_url>\n<wp:comment_author_IP>192.0.2.1</wp:comment_author_IP>\n<wp:comment_date>2020-01-02 12:04:05</wp:comment_date>\n<wp:comment_date_gmt>2020-01-02 03:04:05</wp:comment_date_gmt>\n<wp:comment_content><![CDATA[첫 줄\n둘째]]></wp:comment_content>\n<wp:comment_approved>{approved}</wp:comment_approved>\n<wp:comment_type>{kind}</wp:comment_type>\n<wp:comment_parent>{parent}</wp:comment_parent>\n<wp:comment_user_id>0</wp:comment_user_id>\n<wp:commentmeta><wp:meta_key>k</wp:meta_key><wp:meta_value>v</wp:meta_value></wp:commentmeta></wp:comment>"
        )
    }

    fn all(file: &str) -> Result<Vec<Found>, ReadError> {
        crate::gathered(|take| read(file.as_bytes(), take))
    }

    #[test]
    fn an_export_is_read() {
        let comments = [
            comment(1, "1", "", 0),
            comment(2, "1", "comment", 1),
            comment(3, "0", "", 0),
            comment(4, "spam", "", 0),
            comment(5, "1", "pingback", 0),
            comment(6, "trash", "", 0),
        ];
        let found = all(&file(&comments.concat(), "<wp:status>publish</wp:status>")).expect("an export");
        let left_out = |why, id: &str| Found::LeftOut(why, id.to_owned());
        assert_eq!(
            found[2..5],
            [left_out(LeftOut::Unapproved, "3"), left_out(LeftOut::Spam, "4"), left_out(LeftOut::Ping, "5")]
        );
        let [Found::Comment(first), Found::Comment(second), .., Found::Comment(last)] = &found[..] else {
            panic!("{found:?}")
        };
        assert_eq!(first.page.url, "https://blog.example/2020/01/post/");
        assert_eq!((first.page.slug.as_deref(), first.page.identifier.as_deref()), (Some("post"), Some("12")));
        assert_eq!(first.page.title.as_deref(), Some("글 & 제목"));
        assert_eq!((first.at.timestamp(), first.parent.as_deref()), (1_577_934_245, None));
        assert_eq!(first.body, Body::LinedHtml("첫 줄\n둘째".into()));
        assert_eq!(
            (first.source.as_str(), first.who.as_str()),
            ("https://blog.example", "https://blog.example mail otter@mail.example")
        );
        assert_eq!((second.parent.as_deref(), last.is_deleted), (Some("1"), true));
    }

    #[test]
    fn posts_that_are_not_public_stay_so() {
        for item in [
            "<wp:status>draft</wp:status>",
            "<wp:status>private</wp:status>",
            "<wp:status>publish</wp:status><wp:post_password>x</wp:post_password>",
        ] {
            let found = all(&file(&comment(1, "1", "", 0), item)).expect("an export");
            assert_eq!(found, [Found::LeftOut(LeftOut::PageNotPublic, "1".into())], "{item}");
        }
    }

    #[test]
    fn what_is_broken_is_named() {
        let whole = file(&comment(1, "1", "", 0), "");
        let cut: String = whole.chars().take(whole.chars().count() - 60).collect();
        assert!(all(&cut).expect_err("cut").what.contains("cut"), "{:?}", all(&cut));
        let undated = whole.replace("2020-01-02 12:04:05", "").replace("2020-01-02 03:04:05", "0000-00-00 00:00:00");
        assert!(all(&undated).expect_err("no time").what.contains("comment 1 has no time"));
        assert!(all("<disqus></disqus>").expect_err("another").what.contains("WordPress"));
    }
}
