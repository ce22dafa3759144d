//! P3: a client that comes back gets exactly what it missed, or an explicit "start over" with the latest
//! page; never a part.

use chat_wire::{MessagePayload, ResumePoint, WelcomePayload};
use uuid::Uuid;

use crate::support::{Client, Database, LIMITS_OFF, Server, Who};

on_both!(
    resume_at_every_position,
    resume_below_what_is_in_memory,
    more_than_five_hundred_changes_are_a_start_over,
    a_resume_point_that_means_nothing_here_is_a_start_over,
    a_new_epoch_makes_every_session_start_over,
    a_welcome_has_at_most_512_kib,
    what_comes_while_away_is_there_on_return,
);

type Stored = Vec<MessagePayload<'static>>;

/// Fills the room; gives its epoch and what is stored.
async fn fill(server: &Server, database: &Database, contents: impl Iterator<Item = String>) -> (String, Stored) {
    let mut author = Client::author(server, "post", "the author").await;
    let mut n_sent = 0;
    for (n, content) in (1..).zip(contents) {
        author.publish(Uuid::new_v4(), &content).await;
        // Who sends and never reads is cut off.
        let unread = if content.len() > 1_000 { 15 } else { 250 };
        author.reach(n - unread).await;
        n_sent = n;
    }
    author.reach(n_sent).await;
    let epoch = author.history.epoch();
    author.leave().await;
    (epoch, database.messages("post").await)
}

fn numbered(n: usize) -> impl Iterator<Item = String> {
    (1..=n).map(|i| format!("message {i}"))
}

async fn resume_at(server: &Server, room: &str, epoch: &str, rev: usize) -> WelcomePayload<'static> {
    let resume = ResumePoint { epoch: epoch.to_owned(), rev: rev as u64 };
    let (mut client, welcome) = Client::join_at(server, room, Who::reader(), &resume).await;
    let welcome = client.with_pieces(welcome).await;
    client.leave().await;
    welcome
}

#[track_caller]
fn is_resumed(welcome: &WelcomePayload<'_>, missed: &[MessagePayload<'_>]) {
    assert!(welcome.head.resumed, "{:?}", welcome.head);
    assert_eq!(welcome.messages, missed);
}

/// The latest page, said to be a start over.
#[track_caller]
fn starts_over(welcome: &WelcomePayload<'_>, stored: &[MessagePayload<'_>]) {
    assert!(!welcome.head.resumed, "{:?}", welcome.head);
    assert_eq!(welcome.messages, stored[stored.len().saturating_sub(50)..]);
    assert_eq!(welcome.head.room.rev, stored.len() as i64);
    assert_eq!(welcome.head.has_more, stored.len() > 50);
}

async fn resume_at_every_position(database: &Database) {
    let server = Server::with(database, &LIMITS_OFF).await;
    let (epoch, stored) = fill(&server, database, numbered(80)).await;
    for rev in 0..=stored.len() {
        is_resumed(&resume_at(&server, "post", &epoch, rev).await, &stored[rev..]);
    }
}

async fn resume_below_what_is_in_memory(database: &Database) {
    let mut server = Server::with(database, &LIMITS_OFF).await;
    let (epoch, stored) = fill(&server, database, numbered(120)).await;
    for order in [[0, 60, 69, 70, 71, 120], [120, 71, 70, 69, 60, 0]] {
        // A server that just started has the latest page of a room in memory, and no more.
        server = server.again(database, &LIMITS_OFF).await;
        for rev in order {
            is_resumed(&resume_at(&server, "post", &epoch, rev).await, &stored[rev..]);
        }
    }
}

async fn more_than_five_hundred_changes_are_a_start_over(database: &Database) {
    let mut server = Server::with(database, &LIMITS_OFF).await;
    let (epoch, stored) = fill(&server, database, numbered(510)).await;
    for _ in 0..2 {
        for rev in [0, 1, 9] {
            starts_over(&resume_at(&server, "post", &epoch, rev).await, &stored);
        }
        for rev in [10, 11, 460, 510] {
            is_resumed(&resume_at(&server, "post", &epoch, rev).await, &stored[rev..]);
        }
        // The same from the database as from memory.
        server = server.again(database, &LIMITS_OFF).await;
    }
}

async fn a_resume_point_that_means_nothing_here_is_a_start_over(database: &Database) {
    let server = Server::with(database, &LIMITS_OFF).await;
    let (epoch, stored) = fill(&server, database, numbered(60)).await;
    for (epoch, rev) in [
        (epoch.as_str(), 61),
        (epoch.as_str(), 9_007_199_254_740_991),
        ("00000000-0000-0000-0000-000000000000", 60),
        ("another life", 30),
        ("", 0),
    ] {
        starts_over(&resume_at(&server, "post", epoch, rev).await, &stored);
    }
    // A room that nobody used has an epoch already, and 0 is a place in it.
    is_resumed(&resume_at(&server, "unused", &epoch, 0).await, &[]);
    starts_over(&resume_at(&server, "unused", &epoch, 1).await, &[]);
}

async fn a_new_epoch_makes_every_session_start_over(database: &Database) {
    let server = Server::with(database, &LIMITS_OFF).await;
    let (epoch, stored) = fill(&server, database, numbered(3)).await;
    let mut reader = Client::reader(&server, "post").await;
    let mut in_an_unused_room = Client::author(&server, "unused", "nobody else").await;
    Server::run(&["new-epoch", "--database-url", &database.url], &[]).await.done();
    assert_eq!(reader.closed().await, 4003);
    assert_eq!(in_an_unused_room.closed().await, 4003);
    for room in ["post", "unused"] {
        let stored = if room == "post" { &stored[..] } else { &[] };
        // Who did not hear of it, or does not do as told, starts over as well.
        starts_over(&resume_at(&server, room, &epoch, stored.len()).await, stored);
        let (mut fresh, welcome) = Client::join(&server, room, Who::named("a new start")).await;
        assert_ne!(welcome.head.room.epoch, epoch);
        starts_over(&welcome, stored);
        let rev = fresh.say("in the new life").await.rev;
        assert_eq!(rev, stored.len() as i64 + 1, "the counter goes on");
        let (_, welcome) = fresh.back(&server).await;
        assert!(welcome.head.resumed, "and resumes by its new epoch");
    }
}

async fn a_welcome_has_at_most_512_kib(database: &Database) {
    const WELCOME_BYTES_MAX: usize = 512 * 1024;
    let mut server = Server::with(database, &LIMITS_OFF).await;
    let (epoch, stored) = fill(&server, database, (0..80).map(|_| "😀".repeat(2_000))).await;
    for _ in 0..2 {
        let mut n_resumed = 0;
        for rev in (0..=stored.len()).step_by(8) {
            let resume = ResumePoint { epoch: epoch.clone(), rev: rev as u64 };
            let (mut client, welcome) = Client::join_at(&server, "post", Who::reader(), &resume).await;
            let welcome = client.with_pieces(welcome).await;
            assert!(client.n_bytes_largest <= WELCOME_BYTES_MAX, "{} bytes", client.n_bytes_largest);
            if welcome.head.resumed {
                is_resumed(&welcome, &stored[rev..]);
                n_resumed += 1;
            } else {
                starts_over(&welcome, &stored);
                assert!(n_resumed == 0, "who missed less is resumed where who missed more is");
                let bytes = stored[rev..].iter().map(|m| serde_json::to_string(m).expect("JSON").len() + 1);
                // The rest of the frame, with the people in the room, needs a place as well.
                let room_for_the_rest = 48 * 1024;
                assert!(bytes.sum::<usize>() > WELCOME_BYTES_MAX - room_for_the_rest, "{rev} would have fitted");
            }
        }
        assert!((1..=9).contains(&n_resumed), "{n_resumed} of 11 are resumed");
        server = server.again(database, &LIMITS_OFF).await;
    }
}

async fn what_comes_while_away_is_there_on_return(database: &Database) {
    let server = Server::with(database, &LIMITS_OFF).await;
    let mut writer = Client::author(&server, "post", "the writer").await;
    let mut traveller = Client::reader(&server, "post").await;
    for trip in 0..10 {
        for i in 0..trip {
            writer.say(&format!("trip {trip}, message {i}")).await;
        }
        // Some come back to a room that moves on meanwhile.
        let in_flight = Uuid::new_v4();
        writer.publish(in_flight, &format!("trip {trip}, on the way")).await;
        let (back, welcome) = traveller.back(&server).await;
        assert!(welcome.head.resumed);
        traveller = back;
        let ack = writer.ack(in_flight).await;
        traveller.reach(ack.rev).await;
    }
    let stored = database.messages("post").await;
    assert!(traveller.history.list.values().eq(stored.iter()));
    traveller.history.agrees_with(&stored);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn resume_on_the_other_server_straight_after_an_ack() {
    // The other server's question to the database comes too late to help.
    let (database, servers) = Server::pair(&[("CHAT_RATE_LIMITS", "off"), ("CHAT_POLL_SECS", "600")]).await;
    let mut writer = Client::author(&servers[0], "post", "the writer").await;
    let mut resident = Client::reader(&servers[1], "post").await;
    let epoch = writer.history.epoch();
    for n in 1..=15 {
        let ack = writer.say(&format!("message {n}")).await;
        let welcome = resume_at(&servers[1], "post", &epoch, ack.rev as usize).await;
        assert!(welcome.head.resumed && welcome.messages.is_empty(), "{welcome:?}");
        assert!(welcome.head.room.rev >= ack.rev);
        // Who was there already is shown it now, and not later.
        resident.reach(ack.rev).await;
    }
    // A writer who moves over takes the whole history along, and the next message has the next number.
    let (mut writer, welcome) = writer.back(&servers[1]).await;
    assert!(welcome.head.resumed);
    assert_eq!(writer.say("from the other side").await.rev, 16);
    let stored = database.messages("post").await;
    writer.history.agrees_with(&stored);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_of_another_server_is_read_before_the_own_one_is_shown() {
    let (database, servers) = Server::pair(&[("CHAT_RATE_LIMITS", "off"), ("CHAT_POLL_SECS", "600")]).await;
    let mut clients =
        [Client::author(&servers[0], "post", "one").await, Client::author(&servers[1], "post", "two").await];
    for n in 0..20 {
        let writer = &mut clients[n % 2];
        let ack = writer.say(&format!("message {n}")).await;
        // The client itself holds that there is no jump.
        writer.reach(ack.rev).await;
    }
    assert!(clients[1].history.list.values().eq(database.messages("post").await.iter()));
}
