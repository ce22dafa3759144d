//! The page, the files it is made of, and their headers.

use reqwest::Client as Http;
use uuid::Uuid;

use crate::support::{Client, Database, Server, get_raw, in_path, soon};

on_both!(the_history_is_in_the_html_and_escaped);

/// The values of an attribute in HTML.
fn values<'a>(html: &'a str, attribute: &str) -> Vec<&'a str> {
    let opening = format!(" {attribute}=\"");
    let parts = html.match_indices(&opening).map(|(at, _)| &html[at + opening.len()..]);
    parts.filter_map(|part| part.split_once('"').map(|(value, _)| value)).collect()
}

async fn the_history_is_in_the_html_and_escaped(database: &Database) {
    let markup = r#"<script>alert("1")</script><img src=x onerror='alert(2)'>"#;
    let mut server = Server::with(database, &[("CHAT_RATE_LIMITS", "off")]).await;
    let room = r#"a"><b>'&"#;
    let mut author = Client::author(&server, room, "\"><b>&'").await;
    for n in 1..=55 {
        author.publish(Uuid::new_v4(), &format!("message {n} {markup}")).await;
    }
    author.reach(55).await;
    let parameter = in_path(&format!("\">{markup}</title>"));
    for is_live in [true, false] {
        if !is_live {
            server = server.again(database, &[]).await;
        }
        for name in ["title", "lang", "accent", "theme", "mode"] {
            let path = format!("/room/{}?{name}={parameter}", in_path(room));
            let response = server.get(&path).await;
            assert_eq!(response.status(), 200);
            assert_eq!(response.headers()["content-type"], "text/html; charset=utf-8");
            let html = response.text().await.expect("text");
            for raw in ["<script>alert", "<img src=x", "<b>", "onerror='", "alert(\"1\")"] {
                assert!(!html.contains(raw), "{raw} by {name} in:\n{html}");
            }
            let seqs = values(&html, "data-seq");
            assert_eq!(seqs, (6..=55).map(|n| n.to_string()).collect::<Vec<_>>(), "the latest 50, oldest first");
            assert_eq!((values(&html, "data-rev")[0], values(&html, "data-has-more")[0]), ("55", "true"));
            assert!(html.contains("message 55 &"), "{html}");
            assert!(html.contains("role=\"log\""));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parameters_of_the_page() {
    let (_database, server) = Server::alone(&[]).await;
    let page = async |query: &str| server.get(&format!("/room/post?{query}")).await.text().await.expect("text");
    for (query, expected) in [
        ("lang=ko", r#"<html lang="ko""#),
        ("lang=en", r#"<html lang="en""#),
        ("theme=dark", r#"data-theme="dark""#),
        ("theme=light", r#"data-theme="light""#),
        ("theme=auto", r#"data-theme="auto""#),
        ("theme=pink", r#"data-theme="auto""#),
        ("accent=%23aB12cD", r##"data-accent="#ab12cd""##),
        ("accent=red", r#"data-accent="""#),
        ("mode=popout", r#"data-mode="popout""#),
        ("mode=other", r#"data-mode="""#),
        ("title=%EC%95%88%EB%85%95", "<title>안녕</title>"),
    ] {
        let html = page(query).await;
        assert!(html.contains(expected), "{query}: {html:.600}");
    }
}

async fn policy(server: &Server, path: &str) -> String {
    get_raw(server, path, "").await.headers["content-security-policy"].clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn headers_keep_pages_safe() {
    let (_database, server) = Server::alone(&[]).await;
    for path in ["/", "/room/post", "/embed.js", "/livez", "/api/v1/avatars", "/nothing", "/avatars/otter.svg"] {
        let answer = get_raw(&server, path, "").await;
        assert_eq!(answer.headers["x-content-type-options"], "nosniff", "{path}");
        assert_eq!(answer.headers["cross-origin-resource-policy"], "cross-origin", "{path}");
        // A picture asks for nothing by itself, and each of its bytes is one of a first visit.
        if path.starts_with("/avatars/") {
            continue;
        }
        assert_eq!(answer.headers["cross-origin-embedder-policy"], "require-corp", "{path}");
        assert!(answer.headers.contains_key("referrer-policy"), "{path}");
    }
    for path in ["/", "/room/post"] {
        let policy = policy(&server, path).await;
        for part in ["default-src 'none'", "script-src 'self'", "base-uri 'none'", "frame-ancestors "] {
            assert!(policy.contains(part), "{part} in {policy}");
        }
        assert_eq!(policy.contains("frame-ancestors *"), path == "/room/post", "the chat may be embedded: {policy}");
        let scripts = policy.split(';').find(|p| p.trim().starts_with("script-src")).expect("a rule");
        assert_eq!(scripts.trim(), "script-src 'self'", "no inline script");
        let html = server.get(path).await.text().await.expect("text");
        for script in html.split("<script").skip(1) {
            let (tag, rest) = script.split_once('>').expect("a tag");
            assert!(tag.contains("src=") && rest.starts_with("</script>"), "an inline script in {path}: {tag}");
        }
        for handler in [" onclick=", " onload=", " onerror=", "javascript:"] {
            assert!(!html.contains(handler), "{handler} in {path}");
        }
    }
    assert_ne!(policy(&server, "/room/post").await, policy(&server, "/room/post").await, "a nonce is used once");
    // A page that shows what is live is kept nowhere.
    assert_eq!(get_raw(&server, "/room/post", "").await.headers["cache-control"], "no-store");
    let other = Database::sqlite();
    let server = Server::with(&other, &[("CHAT_EMBED_ORIGINS", "https://blog.example,https://b.example")]).await;
    let policy = policy(&server, "/room/post").await;
    assert!(policy.contains("frame-ancestors 'self' https://blog.example https://b.example"), "{policy}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_public_may_be_read_from_everywhere() {
    let (_database, server) = Server::alone(&[]).await;
    let html = server.get("/room/post").await.text().await.expect("text");
    let style = values(&html, "href").into_iter().find(|h| h.ends_with(".css")).expect("a style").to_owned();
    let origin = "Origin: https://blog.example\r\n";
    let public = "/api/v1/rooms/post /api/v1/rooms/post/messages /api/v1/rooms/post/messages?limit=x /api/v1/avatars \
        /api/v1/openapi.json /api/v1/nothing /embed.js /avatars/otter.svg";
    let public = public.split(' ').chain([&*style]).map(|path| (path, Some("*")));
    for (path, allowed) in public.chain(["/room/post", "/healthz", "/metrics"].map(|path| (path, None))) {
        let answer = get_raw(&server, path, origin).await;
        assert_eq!(answer.headers.get("access-control-allow-origin").map(String::as_str), allowed, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn static_files_have_a_hash_and_are_kept_for_ever() {
    let (_database, server) = Server::alone(&[]).await;
    let html = server.get("/room/post").await.text().await.expect("text");
    let mut files: Vec<&str> = values(&html, "href").into_iter().chain(values(&html, "src")).collect();
    files.retain(|f| f.starts_with("/static/"));
    assert!(files.len() >= 5, "{files:?}");
    assert!(files.iter().all(|f| f.contains("/dist/") || f.ends_with("/icon.svg")), "the bundle, no source: {files:?}");
    for file in &files {
        let response = server.get(file).await;
        assert_eq!(response.status(), 200, "{file}");
        let cache = response.headers()["cache-control"].to_str().expect("text");
        assert!(cache.contains("immutable") && cache.contains("max-age=31536000"), "{file}: {cache}");
        assert!(!response.headers().contains_key("etag"), "{file}: nobody asks for it again");
        let kind = response.headers()["content-type"].to_str().expect("text").to_owned();
        assert!(["text/javascript", "text/css", "image/svg+xml"].iter().any(|k| kind.starts_with(k)), "{file}: {kind}");
    }
    // A page of before an update still finds its parts, but does not keep them.
    let stale = files[0].replacen(files[0].split('/').nth(2).expect("a hash"), "0123456789abcdef", 1);
    let answer = get_raw(&server, &stale, "").await;
    assert_eq!((answer.status, &*answer.headers["cache-control"]), (200, "no-cache"));
    // What was fetched before need not be fetched again.
    let tag = &answer.headers["etag"];
    let again = get_raw(&server, &stale, &format!("If-None-Match: {tag}\r\n")).await;
    assert_eq!((again.status, again.body.as_str()), (304, ""));
    // Templates are no files of their own.
    let (hash, _) = files[0].trim_start_matches("/static/").split_once('/').expect("a hash");
    for private in ["room.html", "demo.html", "avatars/avatars.json"] {
        assert_eq!(server.get(&format!("/static/{hash}/{private}")).await.status(), 404, "{private}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_are_compressed() {
    let (_database, server) = Server::alone(&[("CHAT_RATE_LIMITS", "off")]).await;
    let mut author = Client::author(&server, "post", "the author").await;
    for n in 1..=50 {
        author.say(&format!("message {n}")).await;
    }
    let html = server.get("/room/post").await.text().await.expect("text");
    let style = values(&html, "href").into_iter().find(|h| h.ends_with(".css")).expect("a style").to_owned();
    let plain = Http::builder().no_proxy().no_gzip().no_brotli().build().expect("a client");
    let decoding = Http::builder().no_proxy().build().expect("a client");
    for path in ["/room/post", "/", "/api/v1/rooms/post/messages", "/embed.js", &style] {
        let get = |accept: &'static str| plain.get(server.url(path)).header("accept-encoding", accept).send();
        let whole = get("identity").await.expect("an answer");
        assert_eq!(whole.headers().get("content-encoding"), None, "{path}");
        let n_whole = whole.bytes().await.expect("bytes").len();
        for encoding in ["br", "gzip"] {
            let answer = get(encoding).await.expect("an answer");
            assert_eq!(answer.headers()["content-encoding"], encoding, "{path}");
            let vary = answer.headers()["vary"].to_str().expect("text").to_lowercase();
            assert!(vary.contains("accept-encoding"), "{path}: {vary}");
            let n = answer.bytes().await.expect("bytes").len();
            assert!(n * 10 < n_whole * 9, "{path}: {n} of {n_whole} bytes by {encoding}");
        }
        let read = decoding.get(server.url(path)).send().await.expect("an answer").bytes().await.expect("bytes");
        assert!(read.len().abs_diff(n_whole) < 200, "{path}: what a browser unpacks is the same");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_demo_embeds_the_chat() {
    let (_database, server) = Server::alone(&[]).await;
    let html = server.get("/").await.text().await.expect("text");
    assert!(html.contains("/embed.js"), "{html:.1000}");
    let script = server.get("/embed.js").await;
    assert_eq!(script.status(), 200);
    assert!(script.headers()["content-type"].to_str().expect("text").starts_with("text/javascript"));
    assert!(script.text().await.expect("text").contains("realtime-chat"));
    assert_eq!(server.get("/favicon.ico").await.status(), 200);
}

/// What one visitor does not see on the page, the page does not hold: it is made from the room as it is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_shows_what_was_just_acknowledged() {
    let (_database, servers) = Server::pair(&[]).await;
    let mut author = Client::author(&servers[0], "post", "the author").await;
    author.say("right now").await;
    for server in &servers {
        // The other server has no such room in memory, and reads.
        assert!(server.get("/room/post").await.text().await.expect("text").contains("right now"));
    }
    // Reading a page opens no room.
    soon("no room on the other server", async || servers[1].json("/healthz").await["rooms"] == 0).await;
}
