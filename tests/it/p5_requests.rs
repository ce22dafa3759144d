//! P5: what is cheap to ask and dear to answer is made once, charged by what it costs, and never written into the log
//! line by line.

use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::io::AsyncReadExt;
use uuid::Uuid;

use crate::support::{
    Client, Database, LIMITS_OFF, RawSocket, Server, check_schema, get_raw, pipelined, raw::sent, soon, within,
};

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
    server.counts("the backlogs to be small", "chat_backlog_bytes", |n| n <= 1_048_576.0).await;
    server.counts("the backlogs to be trimmed", "chat_backlogs_trimmed_total", |n| n >= 1.0).await;
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thousands_of_refusals_make_a_few_lines() {
    const N: usize = 5_000;
    let requests = |request: &str, n: usize| vec![format!("{request} HTTP/1.1\r\nHost: x\r\n\r\n"); n];
    let (_database, server) = Server::alone(&LIMITS_OFF).await;
    let n_before = server.log().lines().count();
    for (request, status) in [
        ("GET /nothing", 404),
        ("GET /room/", 404),
        ("GET /api/v1/nothing", 404),
        ("GET /static/x/js/nothing.js", 404),
        ("GET /ws", 404),
        ("GET /ws/room/post", 400),
        ("GET /room/%2", 400),
        ("GET /api/v1/rooms/post/messages?limit=x", 400),
        ("POST /room/post", 405),
        ("JUNK /room/post", 405),
    ] {
        // Over a few connections.
        for _ in 0..10 {
            assert_eq!(
                pipelined(&server, &requests(request, N / 10), 10).await,
                [(status, N / 10)].into(),
                "{request}"
            );
        }
    }
    for n in 0..500 {
        // Junk, an upgrade that is none, and an upgrade from another site.
        let request = match n % 3 {
            0 => "\u{1}\u{2} junk\r\n\r\n",
            1 => "GET /ws/room/post HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
            _ => {
                "GET /ws/room/post HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nOrigin: http://y\r\n\r\n"
            }
        };
        let mut answer = [0; 12];
        let mut stream = sent(server.address, request).await;
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
    assert_few_lines(&server, n_before);

    // One a second: a busy machine's own requests would never use up what comes back at the default rate.
    let settings = [("CHAT_ADDRESS_REQUEST_BURST", "1"), ("CHAT_ADDRESS_REQUESTS_PER_SECOND", "1")];
    let (_database, server) = Server::alone(&settings).await;
    let n_before = server.log().lines().count();
    server.get("/room/post").await;
    soon("the address to be refused", async || server.get("/room/post").await.status() == 429).await;
    for path in ["/room/post", "/api/v1/rooms/post", "/avatars/cat.svg", "/static/x/js/main.js", "/nothing"] {
        // One a second is let in.
        let answers = pipelined(&server, &requests(&format!("GET {path}"), N), 10).await;
        assert!(answers.get(&429).is_some_and(|n| *n > N / 4), "{path}: {answers:?}");
    }
    assert_few_lines(&server, n_before);
}

fn assert_few_lines(server: &Server, n_before: usize) {
    let lines: Vec<String> = server.log().lines().skip(n_before).map(str::to_owned).collect();
    assert!(lines.len() <= 5, "{} lines: {:#?}", lines.len(), lines.get(..20.min(lines.len())));
}
