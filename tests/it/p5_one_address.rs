//! P5: what one address may do together, whatever identities it invents, and what is left to everybody else.

use std::time::Instant;

use chat_wire::ErrorCode;
use futures_util::future::join_all;
use uuid::Uuid;

use crate::support::{
    Client, Event, Server,
    raw::{CONTINUATION, RawSocket, TEXT},
    soon, within,
};

/// Believes what the tests say of addresses.
const TRUSTED: (&str, &str) = ("CHAT_TRUSTED_PROXIES", "127.0.0.0/8,10.0.0.0/8");

/// Sends all of these at once; gives how many were taken and the errors of the others.
async fn say_all(client: &mut Client, texts: &[String]) -> (usize, Vec<ErrorCode>) {
    let ids = client.publish_all(texts.iter().cloned()).await;
    client.answered(&ids).await;
    let refused = ids.iter().filter_map(|id| client.errors.get(id)).map(|error| {
        assert!(error.retry_after_ms.is_some_and(|ms| (1..=60_001).contains(&ms)), "{error:?}");
        error.code
    });
    let refused: Vec<_> = refused.collect();
    (ids.len() - refused.len(), refused)
}

/// Forty invented identities of one address, each with ten texts of this many characters of four bytes, all at once.
/// Gives how many were taken.
async fn invent(server: &Server, room: &str, n_code_points: usize) -> usize {
    let floods = (0..40).map(|_| async {
        let mut client = Client::author_from(server, room, "192.0.2.1").await;
        let text = |n| format!("{n} {} {}", Uuid::new_v4(), "\u{1f30a}".repeat(n_code_points));
        let texts: Vec<String> = (0..10).map(text).collect();
        let (n_taken, refused) = say_all(&mut client, &texts).await;
        assert!(refused.iter().all(|code| *code == ErrorCode::RateLimited), "{refused:?}");
        n_taken
    });
    join_all(floods).await.into_iter().sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn invented_identities_share_their_addresss_budget() {
    let (_database, server) = Server::alone(&[TRUSTED]).await;
    let mut other = Client::author_from(&server, "post", "192.0.2.2").await;
    other.say("before").await;
    let begun = Instant::now();
    let n_taken = invent(&server, "post", 0).await;
    // Thirty a second, and as many at once.
    let n_most = 30.0 * (begun.elapsed().as_secs_f64() + 1.0);
    assert!(n_taken >= 20 && n_taken as f64 <= n_most, "{n_taken} of 400 were taken, {n_most} might be");
    assert!(server.metric("chat_messages_limited_total{limit=\"address_room\"}").await > 0.0);
    // Others are heard in this room, and this address in others.
    other.say("nobody else is held back").await;
    Client::author_from(&server, "another post", "192.0.2.1").await.say("nor elsewhere").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn long_texts_count_by_their_bytes() {
    let (_database, server) = Server::alone(&[TRUSTED]).await;
    let begun = Instant::now();
    let n_taken = invent(&server, "post", 1_900).await;
    // 32 KiB a second, and as much at once: each has 7.6 KB and what is around it.
    let n_most = 32.0 * 1_024.0 * (begun.elapsed().as_secs_f64() + 1.0) / 7_600.0 + 1.0;
    assert!(n_taken >= 2 && n_taken as f64 <= n_most, "{n_taken} of 400 were taken, {n_most} might be");
    Client::author_from(&server, "post", "192.0.2.2").await.say("nobody else is held back").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_hundred_people_behind_one_address_talk_in_fifty_rooms() {
    // The limits are the usual ones; a busy machine gets its time.
    let patient = [
        ("CHAT_JOIN_SECS", "60"),
        ("CHAT_SILENCE_SECS", "600"),
        ("CHAT_READ_WAIT_SECS", "20"),
        ("CHAT_STORE_WAIT_SECS", "25"),
    ];
    let (database, server) = Server::alone(&patient).await;
    let mut people = Vec::new();
    for n in 0..500 {
        people.push(Client::author(&server, &format!("post {}", n % 50), "one of many").await);
    }
    // All at once, and nobody is told to wait.
    join_all(people.iter_mut().map(|client| client.say("hello everybody"))).await;
    // And again, as a page does it: what is refused goes out once its time has come.
    let again = people.iter_mut().enumerate().map(|(n, client)| async move {
        client.say_again(Uuid::new_v4(), &format!("I am number {n}")).await;
    });
    join_all(again).await;
    let mut n_stored = 0;
    for n in 0..50 {
        n_stored += database.messages(&format!("post {n}")).await.len();
    }
    assert_eq!(n_stored, 1_000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_text_by_many_identities_of_one_address_is_refused() {
    let (_database, server) = Server::alone(&[TRUSTED, ("CHAT_REPEATS_PER_MINUTE", "2")]).await;
    let mut n_taken = 0;
    for n in 0..14 {
        let mut client = Client::author_from(&server, "post", "192.0.2.1").await;
        let (taken, refused) = say_all(&mut client, &[format!("Buy now{}", "!".repeat(n))]).await;
        assert!(refused.iter().all(|code| *code == ErrorCode::RateLimited));
        n_taken += taken;
        client.drop_connection();
    }
    assert_eq!(n_taken, 10, "five times what one identity may");
    Client::author_from(&server, "post", "192.0.2.1").await.say("something else").await;
    Client::author_from(&server, "another post", "192.0.2.1").await.say("buy now").await;
    Client::author_from(&server, "post", "192.0.2.2").await.say("buy now").await;
    assert!(server.metric("chat_messages_limited_total{limit=\"repeats\"}").await > 0.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_that_is_full_is_told_to_come_back() {
    let (_database, server) = Server::alone(&[TRUSTED, ("CHAT_ADDRESS_SESSIONS_MAX", "2")]).await;
    let one = Client::author_from(&server, "post", "192.0.2.1").await;
    let mut two = Client::author_from(&server, "post", "192.0.2.1").await;
    // A code below 4100: it passes with time.
    assert_eq!(Client::from(&server, "post", "192.0.2.1").await.closed().await, 4006);
    Client::author_from(&server, "post", "192.0.2.2").await;
    assert_eq!(server.metric("chat_upgrades_total{outcome=\"address_full\"}").await, 1.0);
    one.leave().await;
    soon("a free place", async || Client::from(&server, "post", "192.0.2.1").await.is_let_in().await).await;
    two.ping().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_ipv6_customer_has_not_a_limit_for_each_of_its_networks() {
    let (_database, server) = Server::alone(&[TRUSTED, ("CHAT_ADDRESS_SESSIONS_MAX", "2")]).await;
    let mut inside = Vec::new();
    let mut n_refused = 0;
    // A new /64 for each, all of one /56; then all of one /48.
    for n in 0..12 {
        let address = if n < 6 { format!("2001:db8:1:{n:x}::1") } else { format!("2001:db8:1:{n:x}00::1") };
        let mut client = Client::from(&server, "post", &address).await;
        client.ask_to_join(None).await;
        match client.next("an answer").await {
            Event::Frame(_) => inside.push(client),
            Event::Closed(code) => {
                assert_eq!(code, 4006);
                n_refused += 1;
            }
        }
    }
    assert_eq!((inside.len(), n_refused), (8, 4), "two times as many in a /56, four times in a /48");
    Client::author_from(&server, "post", "2001:db8:2::1").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_visitor_within_a_trusted_network_invents_no_address_where_the_hops_are_known() {
    let settings = [TRUSTED, ("CHAT_TRUSTED_HOPS", "1"), ("CHAT_ADDRESS_SESSIONS_MAX", "1")];
    let (_database, server) = Server::alone(&settings).await;
    let mut inside = Client::author_from(&server, "post", "203.0.113.1, 10.3.3.3").await;
    for n in 2..5 {
        let invented = format!("203.0.113.{n}, 10.3.3.3");
        assert_eq!(Client::from(&server, "post", &invented).await.closed().await, 4006);
    }
    Client::author_from(&server, "post", "203.0.113.1, 10.3.3.4").await;
    inside.ping().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn empty_fragments_count_as_frames() {
    let (_database, server) = Server::alone(&[]).await;
    let mut socket = RawSocket::open(&server, "/ws/room/post", "").await;
    let mut is_open = socket.send(TEXT, b"").await;
    for _ in 0..1_000 {
        is_open = is_open && socket.send(CONTINUATION, b"").await;
    }
    assert_eq!(within("the end of the session", socket.closed()).await, 4102);
}
