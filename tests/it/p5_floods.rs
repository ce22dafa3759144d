//! P5: one identity, or one address, that does too much gets codes, and nobody else notices.

use std::collections::HashSet;

use chat_wire::{ErrorCode, ErrorPayload, ServerFrame};
use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;
use uuid::Uuid;

use crate::support::{
    Answer, Client, Database, Event, LIMITS_OFF, RawSocket, Server, Who, get_raw, message,
    raw::{FIN, PING, UPGRADE},
    soon, until, within,
};

/// Believes what the tests say of addresses.
const TRUSTED: (&str, &str) = ("CHAT_TRUSTED_PROXIES", "127.0.0.0/8");

/// Sends this again and again until the session is closed; gives the codes of the errors, and how it was closed.
async fn flood(client: &mut Client, frame: impl Fn(usize) -> Message) -> (Vec<ErrorCode>, u16) {
    let mut errors = Vec::new();
    for n in 0..400 {
        // The server may have closed by now.
        if client.send_raw(frame(n)).await.is_err() {
            break;
        }
    }
    loop {
        match client.next("an answer or the end").await {
            Event::Frame(ServerFrame::Error(error)) => {
                assert!(error.code != ErrorCode::RateLimited || error.retry_after_ms.is_some(), "{error:?}");
                errors.push(error.code);
            }
            Event::Frame(_) => {}
            Event::Closed(code) => return (errors, code),
        }
    }
}

fn text(frame: &Value) -> Message {
    Message::text(frame.to_string())
}

fn count(errors: &[ErrorCode], code: ErrorCode) -> usize {
    errors.iter().filter(|e| **e == code).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_floods_is_told_and_then_closed() {
    let (database, server) = Server::alone(&[]).await;
    let mut other = Client::author(&server, "post", "somebody else").await;
    other.say("before").await;
    let pings = |_| text(&json!({"type": "PING", "payload": {}}));
    let profiles = |n| text(&json!({"type": "PROFILE", "payload": {"nickname": format!("name {n}")}}));
    let messages = |n| text(&message(Uuid::new_v4(), &format!("message {n}")));
    let joins = |_| text(&json!({"type": "JOIN", "payload": {"anonymousId": Uuid::new_v4(), "nickname": "x"}}));

    let mut client = Client::author(&server, "post", "a flooder").await;
    let (errors, code) = flood(&mut client, pings).await;
    // Each PING within the rate has its PONG; who goes on against 50 refusals is closed.
    assert_eq!((count(&errors, ErrorCode::RateLimited), errors.len(), code), (50, 50, 4102));

    let mut client = Client::connect(&server, "post").await;
    let (errors, code) = flood(&mut client, |_| Message::Ping(vec![1].into())).await;
    assert_eq!((count(&errors, ErrorCode::RateLimited), errors.len(), code), (50, 50, 4102), "pings of the protocol");

    let mut client = Client::author(&server, "post", "a flooder").await;
    let (errors, code) = flood(&mut client, profiles).await;
    assert_eq!(code, 4102);
    assert_eq!(count(&errors, ErrorCode::RateLimited), errors.len());
    assert!(client.n_profiles <= 3, "{} changes", client.n_profiles);

    let mut client = Client::author(&server, "post", "a flooder").await;
    let (errors, code) = flood(&mut client, messages).await;
    assert_eq!((count(&errors, ErrorCode::RateLimited), code), (errors.len(), 4102));
    // It was closed before it could be told, but what was within the rate is stored.
    soon("what was taken to be stored", async || database.messages("post").await.len() > 1).await;

    // Refused JOINs, each of which begins the time for a JOIN anew.
    let mut client = Client::connect(&server, "post").await;
    let (errors, code) = flood(&mut client, joins).await;
    assert_eq!(code, 4102);
    assert!(count(&errors, ErrorCode::InvalidNickname) >= 100);
    assert_eq!(count(&errors, ErrorCode::RateLimited), 50);

    // The other one has it all, and goes on.
    let said = other.say("after").await;
    other.reach(said.seq).await;
    let n_stored = database.messages("post").await.len();
    assert_eq!(other.history.list.len(), n_stored);
    assert!(n_stored < 60, "{n_stored} were taken");
    assert_eq!(server.json("/healthz").await["status"], "ok");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_beyond_the_frame_rate_is_named() {
    let (_database, server) = Server::alone(&[("CHAT_FRAME_BURST", "5"), ("CHAT_FRAMES_PER_SECOND", "1")]).await;
    let mut client = Client::author(&server, "post", "a flooder").await;
    let ids = client.publish_all((0..20).map(|n| format!("message {n}"))).await;
    // Each is answered by name, so that a page knows which to send again.
    client.answered(&ids).await;
    let refused: Vec<_> = ids.iter().filter_map(|id| client.errors.get(id)).collect();
    assert!(refused.len() >= 10, "{} are refused", refused.len());
    assert!(refused.iter().all(|e| e.code == ErrorCode::RateLimited && e.retry_after_ms.is_some()));
    // The last one is taken after its time.
    client.say_again(ids[19], "message 19").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn coming_back_under_other_names_is_changing_the_name() {
    let (_database, server) = Server::alone(&[]).await;
    let mut who = Who::named("name 0");
    let mut watcher = Client::reader(&server, "post").await;
    for n in 0..=3 {
        who.nickname = Some(format!("name {n}"));
        // The first one is no change, nor is the same name once more, in whatever room.
        Client::join(&server, "post", who.clone()).await.0.leave().await;
        Client::join(&server, "another post", who.clone()).await.0.leave().await;
    }
    let renamed = Who { nickname: Some("name 4".to_owned()), ..who.clone() };
    let mut client = Client::asking(&server, "post", renamed).await;
    let error = client.error_of(ErrorCode::RateLimited).await;
    assert!(error.retry_after_ms.is_some_and(|ms| (1..=60_001).contains(&ms)), "{error:?}");
    // The session stays, and comes in under the name it had.
    client.who = who;
    client.enter(None).await;
    client.say("hello").await;
    watcher.reach(1).await;
    assert_eq!(watcher.history.list[&1].author.nickname, "name 3");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_retry_of_what_is_stored_is_acknowledged_whatever_the_rate() {
    let (database, server) = Server::alone(&[("CHAT_MESSAGE_BURST", "2"), ("CHAT_MESSAGES_PER_SECOND", "1")]).await;
    let mut client = Client::author(&server, "post", "the author").await;
    let client_id = Uuid::new_v4();
    let first = client.say_as(client_id, "hello").await;
    // Until the bucket is empty.
    let is_limited = |answer: Result<_, ErrorPayload<'_>>| answer.is_err_and(|e| e.code == ErrorCode::RateLimited);
    soon("the rate", async || is_limited(client.try_say(Uuid::new_v4(), "another").await)).await;
    // The same bucket after a reconnect, which is when retries come.
    let (mut client, _) = client.back(&server).await;
    for _ in 0..10 {
        let again = client.say_as(client_id, "hello").await;
        assert_eq!((again.id, again.seq), (first.id.clone(), first.seq));
    }
    // Another text under the same key is no retry, and somebody else's key is not theirs.
    soon("another text to be refused by the rate", async || {
        let code = client.try_say(client_id, "other text").await.expect_err("no retry").code;
        assert!([ErrorCode::RateLimited, ErrorCode::ClientIdConflict].contains(&code), "{code:?}");
        code == ErrorCode::RateLimited
    })
    .await;
    let stored = database.messages("post").await;
    assert_eq!(stored.iter().filter(|m| m.client_id == client_id).count(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_times_nearly_the_same_is_refused() {
    // A rate that would let all of them through.
    let settings = [("CHAT_MESSAGE_BURST", "100"), ("CHAT_REPEATS_PER_MINUTE", "5"), ("CHAT_FRAME_BURST", "200")];
    let (database, server) = Server::alone(&settings).await;
    let mut other = Client::author(&server, "post", "somebody else").await;
    let mut client = Client::author(&server, "post", "a shouter").await;
    let shout = |n: usize| format!("{}Buy  NOW{}", " ".repeat(n % 3), "!".repeat(n));
    let ids = client.publish_all((0..50).map(shout)).await;
    client.answered(&ids).await;
    let taken: HashSet<Uuid> = ids.iter().filter(|id| client.history.acks.contains_key(id)).copied().collect();
    assert_eq!(taken, ids[..5].iter().copied().collect());
    for id in &ids[5..] {
        let error = &client.errors[id];
        assert_eq!(error.code, ErrorCode::RateLimited);
        assert!(error.retry_after_ms.is_some_and(|ms| (1..=60_001).contains(&ms)), "{error:?}");
    }
    // A retry of one that was taken is no repeat; something else may be said, the same elsewhere and by others too.
    assert_eq!(client.say_as(ids[0], &shout(0)).await.seq, 1);
    client.say("something else").await;
    let mut elsewhere = Client::join(&server, "another post", client.who.clone()).await.0;
    elsewhere.say("buy now").await;
    other.say("buy now").await;
    other.reach(7).await;
    assert_eq!(database.messages("post").await.len(), 7);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_identity_with_many_sessions_gets_no_more_than_with_one() {
    let (_database, server) = Server::alone(&[]).await;
    let mut other = Client::author(&server, "post", "somebody else").await;
    let who = Who::named("many tabs");
    let mut tabs = Vec::new();
    for n in 0..10 {
        tabs.push(Client::join(&server, &format!("post {n}"), who.clone()).await.0);
    }
    let begun = std::time::Instant::now();
    let talks = tabs.into_iter().enumerate().map(|(tab, mut client)| async move {
        let ids = client.publish_all((0..10).map(|n| format!("message {n} of {tab}"))).await;
        client.answered(&ids).await;
        client.history.acks.len()
    });
    let n_taken: usize = join_all(talks).await.into_iter().sum();
    // Ten at once and one a second, however long this machine took.
    let n_allowed = 10 + begun.elapsed().as_secs() + 1;
    assert!((10..=n_allowed).contains(&(n_taken as u64)), "{n_taken} of 100 were taken");
    other.say("nobody else is held back").await;
}

fn is_refused(answer: &Answer) -> bool {
    let refused = answer.status == 429;
    if refused {
        let seconds = answer.headers["retry-after"].parse::<u64>().expect("seconds");
        assert!((1..=60).contains(&seconds), "{seconds}");
    }
    refused
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_that_comes_and_goes_all_the_time_is_refused() {
    let settings = [TRUSTED, ("CHAT_ADDRESS_CONNECT_BURST", "20"), ("CHAT_ADDRESS_CONNECTS_PER_SECOND", "1")];
    let (_database, server) = Server::alone(&settings).await;
    let mut inside = Client::author_from(&server, "post", "192.0.2.1").await;
    let mut n_opened = 1;
    let from = [("X-Forwarded-For", "192.0.2.1")];
    until("the address to be refused", async || match Client::open(&server, "post", &from).await {
        Ok((client, _)) => {
            client.drop_connection();
            n_opened += 1;
            None
        }
        Err(_) => Some(()),
    })
    .await;
    assert!(n_opened >= 20, "{n_opened} were opened");
    // Many times, since one a second is let in.
    let mut refused = None;
    for _ in 0..5 {
        // An upgrade that is let in has no body to read, so only what is refused is read to its end.
        let answer = within("an answer", refused_upgrade(&server, "192.0.2.1")).await;
        refused = refused.or(answer);
    }
    let refused = refused.expect("a refusal");
    assert!(is_refused(&refused), "{refused:?}");
    let body: Value = serde_json::from_str(&refused.body).expect("JSON");
    assert_eq!(body["error"]["code"], "RATE_LIMITED");
    // Who is inside stays, and others come in; of an IPv6 address the first half counts.
    inside.say("still here").await;
    Client::from(&server, "post", "192.0.2.2").await.enter(None).await;
    Client::from(&server, "post", "2001:db8::1").await.enter(None).await;
    assert_eq!(get_raw(&server, "/api/v1/rooms/post", "X-Forwarded-For: 192.0.2.1\r\n").await.status, 200);
}

/// An upgrade's refusal; `None` where it was let in.
async fn refused_upgrade(server: &Server, address: &str) -> Option<Answer> {
    let answer = get_raw(server, "/ws/room/post", &format!("{UPGRADE}X-Forwarded-For: {address}\r\n")).await;
    (answer.status != 400).then_some(answer)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_that_asks_all_the_time_is_refused() {
    let settings = [TRUSTED, ("CHAT_ADDRESS_REQUEST_BURST", "30"), ("CHAT_ADDRESS_REQUESTS_PER_SECOND", "1")];
    let (_database, server) = Server::alone(&settings).await;
    let mut inside = Client::author_from(&server, "post", "192.0.2.1").await;
    let ask = async |path: &str, headers: &str| {
        get_raw(&server, path, &format!("X-Forwarded-For: 192.0.2.1\r\n{headers}")).await
    };
    let mut n_answered = 0;
    for path in ["/api/v1/rooms/post", "/room/post", "/nowhere", "/embed.js"].iter().cycle() {
        if is_refused(&ask(path, "").await) {
            break;
        }
        n_answered += 1;
    }
    assert!(n_answered >= 30, "{n_answered} were answered");
    // What is refused says so, in a form that whoever asked can read.
    until("a refusal of the interface", async || {
        let answer = ask("/api/v1/rooms/post", "Origin: https://blog.example\r\n").await;
        if !is_refused(&answer) {
            return None;
        }
        let body: Value = serde_json::from_str(&answer.body).expect("JSON");
        assert_eq!(body["error"]["code"], "RATE_LIMITED");
        assert_eq!(answer.headers["access-control-allow-origin"], "*");
        assert_eq!(answer.headers["cache-control"], "no-store");
        Some(())
    })
    .await;
    until("a refusal of the page", async || {
        let answer = ask("/room/post", "Accept: text/html\r\n").await;
        is_refused(&answer).then(|| assert!(answer.body.contains("<html"), "{answer:?}"))
    })
    .await;
    // What watches the server sees it at any time.
    for path in ["/livez", "/readyz", "/healthz"] {
        for _ in 0..40 {
            assert_eq!(ask(path, "").await.status, 200, "{path}");
        }
    }
    for _ in 0..40 {
        assert_eq!(get_raw(&server, "/metrics", "").await.status, 200);
    }
    // Who is inside goes on, and others are served.
    inside.say("still here").await;
    let other = get_raw(&server, "/api/v1/rooms/post", "X-Forwarded-For: 192.0.2.2\r\n").await;
    assert_eq!(other.status, 200);
    let figures = server.get("/metrics").await.text().await.expect("text");
    let mut refusals = figures.lines().filter(|l| l.starts_with("chat_http_requests_total") && l.contains("429"));
    assert!(refusals.next().is_some(), "and it is counted");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_trusted_proxies_say_who_asks() {
    let few = [("CHAT_ADDRESS_REQUEST_BURST", "10"), ("CHAT_ADDRESS_REQUESTS_PER_SECOND", "1")];
    // Nobody is trusted: a made-up address each time is no way around the limit.
    let (_database, server) = Server::alone(&few).await;
    ten_or_more_are_answered(&server, |n| format!("198.51.100.{n}")).await;
    drop(server);

    let other = Database::sqlite();
    let trusted = [few[0], few[1], ("CHAT_TRUSTED_PROXIES", "127.0.0.0/8,10.0.0.0/8,2001:db8:ffff::/48")];
    let server = Server::with(&other, &trusted).await;
    // Each line is one visitor: whatever it writes itself, behind proxies that tell the truth, on IPv4 and IPv6.
    for visitor in [
        "198.51.100.1",
        "SPOOFED, 198.51.100.2",
        "SPOOFED, 198.51.100.3, 10.0.0.1, 10.0.0.2",
        "SPOOFED, 2001:db8:1:1::HEX, 10.0.0.1",
        "SPOOFED, [2001:db8:1:2::HEX]:4711, 2001:db8:ffff::1",
        // What cannot be read counts as the proxy that let it through.
        "SPOOFED, garbage, 10.0.0.3",
        "SPOOFED, <script>, \"\", 10.0.0.4",
    ] {
        let forwarded = |n| visitor.replace("SPOOFED", &format!("203.0.113.{n}")).replace("HEX", &format!("{n:x}"));
        ten_or_more_are_answered(&server, forwarded).await;
    }
    assert_eq!(get_raw(&server, "/api/v1/avatars", "X-Forwarded-For: 198.51.100.9\r\n").await.status, 200);
}

/// Asks, forwarded for what is made of the number of those before, until it is refused.
async fn ten_or_more_are_answered(server: &Server, forwarded: impl Fn(usize) -> String) {
    let mut n_answered = 0;
    let header = |n| format!("X-Forwarded-For: {}\r\n", forwarded(n));
    while !is_refused(&get_raw(server, "/api/v1/avatars", &header(n_answered)).await) {
        n_answered += 1;
        assert!(n_answered < 200, "{} is never refused", forwarded(n_answered));
    }
    assert!(n_answered >= 10, "{}: {n_answered} were answered", forwarded(n_answered));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn off_lifts_all_of_it() {
    let least = "CHAT_ADDRESS_REQUEST_BURST CHAT_ADDRESS_REQUESTS_PER_SECOND CHAT_ADDRESS_CONNECT_BURST \
        CHAT_ADDRESS_CONNECTS_PER_SECOND CHAT_FRAME_BURST CHAT_FRAMES_PER_SECOND CHAT_REPEATS_PER_MINUTE \
        CHAT_PROFILES_PER_MINUTE CHAT_MESSAGE_BURST";
    let settings = least.split_whitespace().map(|name| (name, "1")).chain(LIMITS_OFF);
    let (database, server) = Server::alone(&settings.collect::<Vec<_>>()).await;
    for n in 0..10 {
        let mut who = Who::named(&format!("name {n}"));
        who.anonymous_id = Uuid::from_u128(7);
        let mut client = Client::join(&server, "post", who).await.0;
        for _ in 0..20 {
            client.say("the same").await;
            client.ping().await;
        }
        server.json("/api/v1/rooms/post").await;
    }
    let mut socket = RawSocket::open(&server, "/ws/room/post", "").await;
    for _ in 0..500 {
        assert!(socket.send(FIN | PING, b"x").await);
    }
    assert!(socket.frame().await.is_some());
    assert_eq!(database.messages("post").await.len(), 200);
}
