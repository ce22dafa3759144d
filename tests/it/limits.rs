//! How much anyone may do, and what happens beyond.

use std::time::{Duration, Instant};

use chat_wire::{ErrorCode, ServerFrame};
use uuid::Uuid;

use crate::support::{Client, Server, Who, message, soon, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_messages_at_once_and_then_one_a_second() {
    let (_database, server) = Server::alone(&[]).await;
    let who = Who::named("a talker");
    let (mut one, _) = Client::join(&server, "post", who.clone()).await;
    let (mut two, _) = Client::join(&server, "other post", who).await;
    let mut quiet = Client::author(&server, "post", "a quiet one").await;
    // The limit is the identity's, over all its sessions and rooms.
    let sent: Vec<Uuid> = (0..20).map(|_| Uuid::new_v4()).collect();
    let begun = Instant::now();
    for (n, client_id) in sent.iter().enumerate() {
        let client = if n % 2 == 0 { &mut one } else { &mut two };
        client.publish(*client_id, "hello").await;
    }
    let mut refused = Vec::new();
    for (n, client_id) in sent.iter().enumerate() {
        let client = if n % 2 == 0 { &mut one } else { &mut two };
        client.answered(&[*client_id]).await;
        if let Some(error) = client.errors.get(client_id) {
            assert_eq!(error.code, ErrorCode::RateLimited);
            let wait = error.retry_after_ms.expect("it passes with time");
            assert!((1..=1_001).contains(&wait), "{wait} ms");
            refused.push((*client_id, wait));
        }
    }
    // One more was earned in each second that this took.
    let n_earned_max = usize::try_from(begun.elapsed().as_secs()).expect("few") + 1;
    let n_refused = refused.len();
    assert!((10_usize.saturating_sub(n_earned_max).max(1)..=10).contains(&n_refused), "{n_refused} of 20 are refused");
    quiet.say("nobody else is held back").await;

    // The same message, again and again, is taken once the time has passed, and not long before.
    let (client_id, _) = refused[refused.len() - 1];
    let client = if sent.iter().position(|id| *id == client_id).expect("sent") % 2 == 0 { &mut one } else { &mut two };
    let error = client.refused(&message(client_id, "hello")).await;
    let (asked, wait) = (Instant::now(), Duration::from_millis(error.retry_after_ms.expect("it passes with time")));
    soon("the message to be taken", async || client.try_say(client_id, "hello").await.is_ok()).await;
    assert!(asked.elapsed() + Duration::from_millis(50) >= wait, "{:?} instead of {wait:?}", asked.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_profile_changes_a_minute() {
    let (_database, server) = Server::alone(&[]).await;
    let mut client = Client::author(&server, "post", "name 0").await;
    for n in 1..=3 {
        client.rename(&format!("name {n}")).await;
        client.wait("PROFILE", |f| matches!(f, ServerFrame::Profile(_)).then_some(())).await;
    }
    client.rename("name 4").await;
    let error = client.error().await;
    assert_eq!((error.code, error.client_id), (ErrorCode::RateLimited, None));
    let wait = error.retry_after_ms.expect("it passes with time");
    assert!((1..=60_001).contains(&wait), "{wait} ms");
    client.say("still under the name before").await;
    client.reach(1).await;
    assert_eq!(client.history.list[&1].author.nickname, "name 3");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn limits_can_be_lifted_for_load_tests() {
    let (_database, server) = Server::alone(&[("CHAT_RATE_LIMITS", "off")]).await;
    assert!(server.log().contains("CHAT_RATE_LIMITS"), "and it says so");
    let who = Who::named("a talker");
    let mut sessions = Vec::new();
    for _ in 0..110 {
        sessions.push(Client::join(&server, "post", who.clone()).await.0);
    }
    let mut client = sessions.pop().expect("a session");
    for n in 0..30 {
        client.publish(Uuid::new_v4(), "hello").await;
        client.rename(&format!("name {n}")).await;
        client.send_text("no frame").await;
        client.send_text("no frame").await;
    }
    client.reach(30).await;
    client.ping().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_sessions_of_an_identity() {
    let (_database, server) = Server::alone(&[]).await;
    let who = Who::named("many tabs");
    let mut tabs = Vec::new();
    for n in 0..20 {
        // All rooms together.
        tabs.push(Client::join(&server, &format!("post {}", n % 3), who.clone()).await.0);
    }
    let mut beyond = Client::asking(&server, "post 0", who.clone()).await;
    assert_eq!(beyond.closed().await, 4103);
    // Somebody else comes in, and one that goes makes place.
    Client::author(&server, "post 0", "somebody else").await;
    tabs.pop().expect("a tab").leave().await;
    soon("a free place", async || {
        let mut again = Client::connect(&server, "post 0").await;
        again.who = who.clone();
        again.is_let_in().await
    })
    .await;
    for tab in &mut tabs {
        tab.ping().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn six_hundred_sessions_of_an_address() {
    // They wait without a JOIN until all are there.
    let (_database, server) = Server::alone(&[("CHAT_JOIN_SECS", "600")]).await;
    let mut sessions = Vec::new();
    for _ in 0..600 {
        sessions.push(Client::connect(&server, "post").await);
    }
    // All of them may have come at once, so one more may have to wait.
    let another = async || Client::try_connect_to(server.address, "post").await;
    let mut beyond = until("one more to be answered", another).await;
    assert_eq!(beyond.closed().await, 4006, "before any JOIN");
    sessions.pop().expect("a session").leave().await;
    let is_free = async || another().await?.is_let_in().await.then_some(());
    until("a free place", is_free).await;
    sessions[0].enter(None).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn behind_a_trusted_proxy_the_address_is_the_forwarded_one() {
    let settings = [("CHAT_ADDRESS_SESSIONS_MAX", "1"), ("CHAT_TRUSTED_PROXIES", "127.0.0.0/8,10.0.0.0/8")];
    let (_database, server) = Server::alone(&settings).await;
    let open = async |forwarded: &str| Client::from(&server, "post", forwarded).await;
    let mut one = open("192.0.2.1").await;
    one.enter(None).await;
    assert_eq!(open("192.0.2.1").await.closed().await, 4006);
    assert_eq!(open("198.51.100.1, 192.0.2.1, 10.1.2.3").await.closed().await, 4006, "what proxies added last counts");
    open("192.0.2.2").await.enter(None).await;
    one.ping().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_else_is_believed_about_addresses() {
    let settings = [("CHAT_ADDRESS_SESSIONS_MAX", "1"), ("CHAT_TRUSTED_PROXIES", "10.0.0.0/8")];
    let (_database, server) = Server::alone(&settings).await;
    let mut one = Client::connect(&server, "post").await;
    one.enter(None).await;
    let mut two = Client::from(&server, "post", "192.0.2.2").await;
    assert_eq!(two.closed().await, 4006);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_server_says_so() {
    let (_database, server) = Server::alone(&[("CHAT_SESSIONS_MAX", "2")]).await;
    let mut one = Client::reader(&server, "post").await;
    let _two = Client::connect(&server, "post").await;
    assert_eq!(Client::connect(&server, "post").await.closed().await, 4005);
    one.ping().await;
    assert_eq!(server.json("/healthz").await["sessions"], 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_room_is_told_and_tried_again() {
    let (_database, server) = Server::alone(&[("CHAT_ROOM_SESSIONS_MAX", "2")]).await;
    let one = Client::reader(&server, "post").await;
    let mut two = Client::reader(&server, "post").await;
    let mut three = Client::asking(&server, "post", Who::reader()).await;
    let error = three.error_of(ErrorCode::Overloaded).await;
    assert!(error.retry_after_ms.is_some(), "{error:?}");
    Client::reader(&server, "other post").await;
    one.leave().await;
    three.enter_at_last().await;
    two.ping().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn beyond_the_last_room_the_one_empty_longest_goes() {
    let (_database, server) = Server::alone(&[("CHAT_ROOMS_MAX", "2")]).await;
    let mut first = Client::author(&server, "first", "the author").await;
    let second = Client::reader(&server, "second").await;
    let mut third = Client::asking(&server, "third", Who::reader()).await;
    let error = third.error_of(ErrorCode::Overloaded).await;
    assert!(error.retry_after_ms.is_some(), "{error:?}");
    first.say("kept").await;
    second.leave().await;
    third.enter_at_last().await;
    first.say("still here").await;
}
