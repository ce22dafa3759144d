//! The feeds of a room and of the blog, read by an XML parser as readers of feeds do.

use quick_xml::{Reader, events::Event};
use reqwest::StatusCode;
use uuid::Uuid;

use crate::support::{
    Client, Database, Server,
    command::{delete, edit},
};

on_both!(
    a_feed_has_what_a_visitor_reads,
    a_feed_is_fetched_again_only_when_something_changed,
    the_feed_of_the_blog_has_the_latest_of_all_rooms,
);

/// What stands in a document: for each text the names of the elements around it.
fn texts(xml: &str) -> Vec<(String, String)> {
    let mut reader = Reader::from_str(xml);
    reader.config_mut().check_end_names = true;
    let (mut open, mut found) = (Vec::new(), Vec::<(String, String)>::new());
    let mut text = String::new();
    loop {
        match reader.read_event().expect("XML") {
            Event::Start(tag) => {
                text.clear();
                open.push(tag.name().as_ref().to_owned());
            }
            Event::Empty(tag) => {
                for attribute in tag.attributes() {
                    let attribute = attribute.expect("an attribute");
                    let name = format!("{}/{}@{}", open.join("/"), tag.name().as_ref(), attribute.key.as_ref());
                    found.push((name, attribute.value.replace("&amp;", "&")));
                }
            }
            Event::Text(piece) => text.push_str(&piece),
            Event::GeneralRef(name) => text.push_str(match name.as_ref() {
                "amp" => "&",
                "lt" => "<",
                "gt" => ">",
                "quot" => "\"",
                "#39" => "'",
                other => panic!("&{other};"),
            }),
            Event::End(_) => {
                found.push((open.join("/"), std::mem::take(&mut text)));
                open.pop();
            }
            Event::Eof => break,
            _ => {}
        }
    }
    assert!(open.is_empty(), "{open:?} are not closed");
    found
}

fn all<'a>(texts: &'a [(String, String)], of: &str) -> Vec<&'a str> {
    texts.iter().filter(|(name, _)| name == of).map(|(_, text)| text.as_str()).collect()
}

async fn feed(server: &Server, path: &str, media_type: &str) -> Vec<(String, String)> {
    let response = server.get(path).await;
    assert_eq!(response.status(), StatusCode::OK, "{path}");
    assert_eq!(response.headers()["content-type"], format!("{media_type}; charset=utf-8"), "{path}");
    assert_eq!(response.headers()["cache-control"], "no-cache", "{path}");
    assert_eq!(response.headers()["access-control-allow-origin"], "*", "{path}");
    texts(&response.text().await.expect("a text"))
}

const ATOM: &str = "application/atom+xml";
const RSS: &str = "application/rss+xml";

async fn a_feed_has_what_a_visitor_reads(database: &Database) {
    let server = Server::with(database, &[("CHAT_RATE_LIMITS", "off")]).await;
    let mut author = Client::author(&server, "글 & 말", "<b>&누구").await;
    let gone = author.say("this goes").await;
    let first = author.say("<script>alert(1)</script>\n]]> & \u{1f98a}").await;
    let second = author.say("before").await;
    author.until_taken(&delete(&gone.id)).await;
    author.until_taken(&edit(&second.id, 1, "after")).await;

    let room = "%EA%B8%80%20%26%20%EB%A7%90";
    let page = server.url(&format!("/room/{room}"));
    let html = "&lt;script&gt;alert(1)&lt;/script&gt;<br>\n]]&gt; &amp; \u{1f98a}";
    let atom = feed(&server, &format!("/api/v1/rooms/{room}/feed.atom"), ATOM).await;
    assert_eq!(all(&atom, "feed/title"), ["글 & 말"]);
    assert_eq!(all(&atom, "feed/entry/content"), ["after", html]);
    assert_eq!(all(&atom, "feed/entry/title"), ["<b>&누구: after", "<b>&누구: <script>alert(1)</script>…"]);
    assert_eq!(all(&atom, "feed/entry/author/name"), ["<b>&누구"; 2]);
    let links = [second.seq, first.seq].map(|seq| format!("{page}?m={seq}"));
    assert_eq!(all(&atom, "feed/entry/link@href"), links);
    assert_eq!(all(&atom, "feed/entry/published"), [&*second.created_at, &*first.created_at]);
    assert!(all(&atom, "feed/entry/updated")[0] > &*second.created_at, "it was edited");
    let address = server.url(&format!("/api/v1/rooms/{room}/feed.atom"));
    assert_eq!(all(&atom, "feed/link@href"), [&address, &page]);
    let ids = all(&atom, "feed/entry/id");
    assert!(ids.iter().all(|id| id.strip_prefix("urn:uuid:").is_some_and(|id| Uuid::parse_str(id).is_ok())), "{ids:?}");

    let rss = feed(&server, &format!("/api/v1/rooms/{room}/feed.rss"), RSS).await;
    assert_eq!(all(&rss, "rss/channel/title"), ["글 & 말"]);
    assert_eq!(all(&rss, "rss/channel/item/description"), ["after", html]);
    assert_eq!(all(&rss, "rss/channel/item/link"), links);
    assert_eq!(all(&rss, "rss/channel/item/guid"), ids, "the same in both");
    assert_eq!(all(&rss, "rss/channel/item/dc:creator"), ["<b>&누구"; 2]);

    let nothing = feed(&server, "/api/v1/rooms/nobody-was-here/feed.atom", ATOM).await;
    assert_eq!((all(&nothing, "feed/title"), all(&nothing, "feed/entry/id")), (vec!["nobody-was-here"], vec![]));
    assert_eq!(server.get("/api/v1/rooms/%0A/feed.atom").await.status(), StatusCode::BAD_REQUEST);
}

async fn a_feed_is_fetched_again_only_when_something_changed(database: &Database) {
    let server = Server::with(database, &[("CHAT_RATE_LIMITS", "off")]).await;
    let mut author = Client::author(&server, "post", "somebody").await;
    author.say("one").await;
    let http = reqwest::Client::new();
    let paths = ["rooms/post/feed.atom", "rooms/post/feed.rss", "feed.atom", "feed.rss"];
    let ask = async |path: &str, tag: &str| {
        let request = http.get(server.url(&format!("/api/v1/{path}"))).header("If-None-Match", tag);
        let response = request.send().await.expect("an answer");
        (response.status().as_u16(), response.headers()["etag"].to_str().expect("a text").to_owned())
    };
    let mut tags = Vec::new();
    for path in paths {
        let (status, tag) = ask(path, "W/\"another\"").await;
        assert_eq!((status, ask(path, &tag).await), (200, (304, tag.clone())), "{path}");
        assert_eq!(ask(path, &format!("\"x\", {tag}")).await.0, 304, "{path}");
        tags.push(tag);
    }
    author.say("two").await;
    for (path, tag) in paths.iter().zip(&tags) {
        assert_eq!(ask(path, tag).await.0, 200, "{path}");
    }
}

async fn the_feed_of_the_blog_has_the_latest_of_all_rooms(database: &Database) {
    let server = Server::with(database, &[("CHAT_RATE_LIMITS", "off")]).await;
    let empty = feed(&server, "/api/v1/feed.rss", RSS).await;
    assert!(all(&empty, "rss/channel/item/link").is_empty());
    let mut a = Client::author(&server, "a", "somebody").await;
    let mut b = Client::author(&server, "b", "somebody").await;
    for n in 0..30 {
        a.say(&format!("a {n}")).await;
        b.say(&format!("b {n}")).await;
    }
    let last = a.say("a goes").await;
    a.until_taken(&delete(&last.id)).await;
    let atom = feed(&server, "/api/v1/feed.atom", ATOM).await;
    let expected: Vec<String> = (5..30).rev().flat_map(|n| [format!("b {n}"), format!("a {n}")]).collect();
    assert_eq!(all(&atom, "feed/entry/content"), expected, "the latest fifty, the newest first");
    assert_eq!(all(&atom, "feed/entry/title")[..2], ["b · somebody: b 29", "a · somebody: a 29"]);
    assert!(all(&atom, "feed/entry/link@href")[0].starts_with(&server.url("/room/b?m=")));
}
