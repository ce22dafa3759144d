//! P5: what is cheap to ask and dear to answer is made once, charged by what it costs, and never written into the log
//! line by line.

use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use uuid::Uuid;

use crate::support::{Client, Database, RawSocket, Server, check_schema, get_raw, soon, until, within};

on_both!(
    people_are_listed_page_by_page,
    what_is_kept_of_a_room_is_what_the_room_is,
    all_backlogs_together_are_bounded_and_nothing_is_missing,
);

async fn people_are_listed_page_by_page(database: &Database) {
    let server = Server::with(database, &[("CHAT_RATE_LIMITS", "off")]).await;
    let mut people = Vec::new();
    for n in 0..25 {
        people.push(Client::author(&server, "post", &format!("name {}", n % 10)).await);
    }
    let _reader = Client::reader(&server, "post").await;
    let page = async |query: &str| {
        let page = server.json(&format!("/api/v1/rooms/post/members{query}")).await;
        check_schema("Members", &page);
        page
    };
    let all = page("").await;
    assert_eq!((&all["count"], &all["authors"], &all["nextCursor"]), (&json!(26), &json!(25), &Value::Null));
    let (mut listed, mut query, mut n_pages) = (Vec::new(), "?limit=10".to_owned(), 0);
    loop {
        let page = page(&query).await;
        listed.extend(page["members"].as_array().expect("a list").clone());
        n_pages += 1;
        let Some(cursor) = page["nextCursor"].as_str() else { break };
        query = format!("?limit=10&cursor={cursor}");
    }
    assert_eq!((n_pages, &Value::from(listed)), (3, &all["members"]));
    for query in ["limit=0", "limit=501", "limit=99999999999999999999", "cursor=*", "cursor=", "cursor=a&cursor=b"] {
        let response = server.get(&format!("/api/v1/rooms/post/members?{query}")).await;
        assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{query}");
    }
}

async fn what_is_kept_of_a_room_is_what_the_room_is(database: &Database) {
    let server = Server::with(database, &[("CHAT_RATE_LIMITS", "off")]).await;
    let mut author = Client::author(&server, "post", "the author").await;
    // As browsers ask: with brotli, with gzip alone, with neither. The clients take it apart again.
    let client =
        |brotli, gzip| reqwest::Client::builder().no_proxy().brotli(brotli).gzip(gzip).build().expect("a client");
    let clients = [client(true, true), client(false, true), client(false, false)];
    let text = async |path: &str| {
        let mut texts = Vec::new();
        for http in &clients {
            let response = within(path, http.get(server.url(path)).send()).await.expect("an answer");
            assert_eq!(response.status(), StatusCode::OK, "{path}");
            texts.push(response.text().await.expect("text"));
        }
        if !path.contains("accent") {
            assert!(texts.iter().all(|text| *text == texts[0]), "{path}");
        }
        texts.remove(0)
    };
    for n in 1..=60 {
        author.say(&format!("message {n}.")).await;
        if n % 20 != 0 {
            continue;
        }
        for path in ["/room/post", "/room/post?lang=ko&theme=dark", "/room/post?accent=f00", "/room/post?title=another"]
        {
            for _ in 0..2 {
                let page = text(path).await;
                assert!(page.contains(&format!("message {n}.")), "{path} after message {n}");
                assert_eq!(page.contains("message 1."), n <= 50, "{path} after message {n}");
            }
        }
        assert!(text("/room/post?lang=ko").await.contains("lang=\"ko\""));
        assert!(text("/room/post?title=another").await.contains("another"));
        assert!(!text("/room/post").await.contains("another"));
        let answer = get_raw(&server, "/room/post", "Accept-Encoding: br\r\n").await;
        assert_eq!((&*answer.headers["content-encoding"], &*answer.headers["vary"]), ("br", "accept-encoding"));
        for limit in [1, 50, 100] {
            for _ in 0..2 {
                let page = server.json(&format!("/api/v1/rooms/post/messages?limit={limit}")).await;
                let messages = page["messages"].as_array().expect("a list");
                assert_eq!(messages.len(), limit.min(n));
                assert_eq!(messages.last().expect("a message")["content"], format!("message {n}."));
                assert_eq!(page["hasMore"], n > limit);
            }
        }
    }
    // A style of its own has a nonce of its own.
    let nonce = async || {
        let page = text("/room/post?accent=f00").await;
        page.split_once("nonce=\"").expect("a nonce").1.split_once('"').expect("its end").0.to_owned()
    };
    assert_ne!(nonce().await, nonce().await);
}

async fn all_backlogs_together_are_bounded_and_nothing_is_missing(database: &Database) {
    let server = Server::with(database, &[("CHAT_RATE_LIMITS", "off"), ("CHAT_BACKLOG_MIB", "1")]).await;
    let n_rooms = 12;
    let n_said: i64 = 80;
    let room = |n: usize| format!("post {n}");
    let mut early = Vec::new();
    for n in 0..n_rooms {
        let mut reader = Client::reader(&server, &room(n)).await;
        let mut author = Client::author(&server, &room(n), "the author").await;
        for m in 1..=n_said {
            author.publish(Uuid::new_v4(), &format!("{m} {}", "a".repeat(1_000))).await;
            author.reach(m - 20).await;
        }
        author.reach(n_said).await;
        // Knows the first 20, and reads no further until it comes back.
        reader.reach(20).await;
        early.push(reader);
    }
    assert_eq!(server.metric("chat_backlog_max_bytes").await, 1_048_576.0);
    until("the backlogs to be small", async || {
        let is_small = server.metric("chat_backlog_bytes").await <= 1_048_576.0;
        (is_small && server.metric("chat_backlogs_trimmed_total").await >= 1.0).then_some(())
    })
    .await;
    for n in 0..n_rooms {
        // The page, the interface, a newcomer and somebody who comes back have all that there is.
        let path = room(n).replace(' ', "%20");
        let page = server.json(&format!("/api/v1/rooms/{path}/messages?limit=100")).await;
        assert_eq!(page["messages"].as_array().expect("a list").len(), 80);
        let html = server.get(&format!("/room/{path}")).await.text().await.expect("text");
        assert_eq!(html.matches("data-seq=").count(), 50, "room {n}");
        let fresh = Client::reader(&server, &room(n)).await;
        assert_eq!(fresh.history.list.len(), 50);
        assert_eq!(fresh.history.list.keys().next(), Some(&31));
    }
    for (n, reader) in early.into_iter().enumerate() {
        let mut other = Client::author(&server, &room(n), "another").await;
        for m in 1..=3 {
            other.say(&format!("later {m}")).await;
        }
        let n_known = reader.history.list.len();
        assert!(n_known < 80, "room {n}");
        let (mut back, welcome) = reader.back(&server).await;
        assert!(welcome.head.resumed, "room {n}");
        back.reach(n_said + 3).await;
        assert_eq!(back.history.list.len(), 83, "room {n}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_that_takes_too_much_is_refused_until_it_is_paid_for() {
    let settings = [
        ("CHAT_TRUSTED_PROXIES", "127.0.0.0/8"),
        ("CHAT_ADDRESS_BYTES_BURST_MIB", "1"),
        ("CHAT_ADDRESS_BYTES_KIB_PER_SECOND", "1"),
    ];
    let (_database, server) = Server::alone(&settings).await;
    let from =
        async |path: &str, address: &str| get_raw(&server, path, &format!("X-Forwarded-For: {address}\r\n")).await;
    let mut n_bytes = 0;
    let refused = loop {
        let answer = from("/api/v1/openapi.json", "192.0.2.1").await;
        if answer.status == 429 {
            break answer;
        }
        assert_eq!(answer.status, 200);
        n_bytes += answer.body.len();
        assert!(n_bytes < 4 * 1024 * 1024, "{n_bytes} bytes were given");
    };
    assert!(n_bytes >= 1024 * 1024, "{n_bytes} bytes were given");
    assert!(refused.headers["retry-after"].parse::<u64>().expect("seconds") >= 1);
    assert!(refused.body.contains("RATE_LIMITED"));
    assert_eq!(from("/room/post", "192.0.2.1").await.status, 429, "whatever it asks for");
    // Nobody else notices, and whoever watches is answered.
    assert_eq!(from("/api/v1/openapi.json", "192.0.2.2").await.status, 200);
    assert_eq!(from("/livez", "192.0.2.1").await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_figures_are_not_for_visitors() {
    let (_database, server) = Server::alone(&[]).await;
    assert_eq!(get_raw(&server, "/metrics", "").await.status, 200);
    for header in ["X-Forwarded-For: 192.0.2.1\r\n", "Forwarded: for=192.0.2.1\r\n", "X-Real-IP: 192.0.2.1\r\n"] {
        let answer = get_raw(&server, "/metrics", header).await;
        assert_eq!(answer.status, 404, "{header}");
        assert!(!answer.body.contains("chat_"), "{header}");
    }
}

/// Sends this request so often over a few connections; all must be answered with this status.
async fn ask_often(server: &Server, request: &str, status: u16, n: usize) {
    const AT_ONCE: usize = 10;
    let wanted = format!("HTTP/1.1 {status}");
    let mut n_asked = 0;
    while n_asked < n {
        let mut stream = TcpStream::connect(server.address).await.expect("a connection");
        let (mut text, mut n_answered) = (Vec::new(), 0);
        for _ in 0..50 {
            stream.write_all(request.repeat(AT_ONCE).as_bytes()).await.expect("a server that reads");
            n_asked += AT_ONCE;
            n_answered += AT_ONCE;
            while String::from_utf8_lossy(&text).matches(&wanted).count() < n_answered {
                let n = within("answers", stream.read_buf(&mut text)).await.expect("answers");
                assert!(n > 0, "cut short: {}", String::from_utf8_lossy(&text));
            }
            n_answered = 0;
            text.clear();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thousands_of_refusals_make_a_few_lines() {
    const N: usize = 5_000;
    let get = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n");
    let (_database, server) = Server::alone(&[("CHAT_RATE_LIMITS", "off")]).await;
    let n_before = server.log().lines().count();
    for path in ["/nothing", "/room/", "/api/v1/nothing", "/static/x/js/nothing.js", "/ws"] {
        ask_often(&server, &get(path), 404, N).await;
    }
    ask_often(&server, &get("/ws/room/post"), 400, N).await;
    ask_often(&server, &get("/room/%2"), 400, N).await;
    ask_often(&server, &get("/api/v1/rooms/post/messages?limit=x"), 400, N).await;
    ask_often(&server, "POST /room/post HTTP/1.1\r\nHost: x\r\n\r\n", 405, N).await;
    ask_often(&server, "JUNK /room/post HTTP/1.1\r\nHost: x\r\n\r\n", 405, N).await;
    for n in 0..500 {
        let mut stream = TcpStream::connect(server.address).await.expect("a connection");
        // Junk, an upgrade that is none, and an upgrade from another site.
        let sent = match n % 3 {
            0 => "\u{1}\u{2} junk\r\n\r\n",
            1 => "GET /ws/room/post HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
            _ => {
                "GET /ws/room/post HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nOrigin: http://y\r\n\r\n"
            }
        };
        stream.write_all(sent.as_bytes()).await.expect("a server that reads");
        let mut answer = [0; 12];
        within("an answer", stream.read_exact(&mut answer)).await.expect("an answer");
        assert_eq!(&answer, b"HTTP/1.1 400");
    }
    for _ in 0..50 {
        let mut socket = RawSocket::open(&server, "/ws/room/post", "").await;
        for _ in 0..100 {
            socket.send_text("no frame").await;
        }
        drop(socket);
    }
    let lines: Vec<String> = server.log().lines().skip(n_before).map(str::to_owned).collect();
    assert!(lines.len() <= 5, "{} lines: {:#?}", lines.len(), lines.get(..20.min(lines.len())));

    // One a second: a busy machine's own requests would never use up what comes back at the default rate.
    let settings = [("CHAT_ADDRESS_REQUEST_BURST", "1"), ("CHAT_ADDRESS_REQUESTS_PER_SECOND", "1")];
    let (_database, server) = Server::alone(&settings).await;
    let n_before = server.log().lines().count();
    server.get("/room/post").await;
    soon("the address to be refused", async || {
        server.get("/room/post").await.status() == StatusCode::TOO_MANY_REQUESTS
    })
    .await;
    let refused = async |path: &str| {
        let mut n_refused = 0;
        let mut stream = TcpStream::connect(server.address).await.expect("a connection");
        let mut text = Vec::new();
        for _ in 0..N / 10 {
            stream.write_all(get(path).repeat(10).as_bytes()).await.expect("a server that reads");
            // The bodies have none of these; one a second is let in.
            while n_answers(&text) < 10 {
                let n = within("answers", stream.read_buf(&mut text)).await.expect("answers");
                assert!(n > 0, "cut short");
            }
            n_refused += String::from_utf8_lossy(&text).matches("HTTP/1.1 429").count();
            text.clear();
        }
        n_refused
    };
    for path in ["/room/post", "/api/v1/rooms/post", "/avatars/cat.svg", "/static/x/js/main.js", "/nothing"] {
        assert!(refused(path).await > N / 4, "{path}");
    }
    let lines: Vec<String> = server.log().lines().skip(n_before).map(str::to_owned).collect();
    assert!(lines.len() <= 5, "{} lines: {:#?}", lines.len(), lines.get(..20.min(lines.len())));
}

fn n_answers(text: &[u8]) -> usize {
    String::from_utf8_lossy(text).matches("HTTP/1.1 ").count()
}
