//! What somebody asks to remove for good: first they are told what, and people who are there see it go.

use chat_wire::ServerFrame;

use crate::{
    changes::server_with,
    keeping::age,
    support::{Client, Database, LIMITS_OFF, Server, Who, soon},
};

on_both!(what_an_author_wrote_is_deleted, a_room_is_emptied_and_starts_over, what_is_older_than_a_day_goes);

async fn purge(database: &Database, arguments: &[&str]) -> String {
    let all = [&["purge", "--database-url", &database.url], arguments].concat();
    let ended = Server::run(&all, &[]).await;
    assert!(ended.status.success(), "{}{}", ended.stdout, ended.stderr);
    ended.stdout
}

async fn what_an_author_wrote_is_deleted(database: &Database) {
    let server = server_with(database, &LIMITS_OFF).await;
    for room in ["a", "b"] {
        Client::author(&server, room, "other").await.say("another one's").await;
    }
    let who = Who::named("author");
    let (mut in_a, _) = Client::join(&server, "a", who.clone()).await;
    in_a.say("first").await;
    in_a.say("second").await;
    let (mut in_b, _) = Client::join(&server, "b", who).await;
    in_b.say("third").await;
    let stored = database.messages("b").await;
    let author = &*stored[1].author.id;
    let mut reader = Client::reader(&server, "a").await;

    let said = purge(database, &["--author", author]).await;
    assert!(said.starts_with("would remove 3 messages in 2 rooms\n  a: 2\n  b: 1\n"), "{said}");
    assert!(said.contains("nothing was removed"), "{said}");
    assert_eq!(database.counters("a").await, (3, 3));

    let said = purge(database, &["--author", author, "--yes"]).await;
    assert!(said.starts_with("removed 3 messages in 2 rooms\n"), "{said}");
    reader.reach(5).await;
    assert_eq!(reader.history.contents(), ["another one's", "", ""], "each is a change");
    assert_eq!((database.counters("a").await, database.counters("b").await), ((5, 1), (3, 1)));
    assert_eq!(database.number("SELECT count(*) FROM messages WHERE content IN ('first', 'second', 'third')").await, 0);
    assert!(purge(database, &["--author", author]).await.starts_with("would remove 0 messages in 0 rooms"));
}

async fn a_room_is_emptied_and_starts_over(database: &Database) {
    let server = server_with(database, &LIMITS_OFF).await;
    let mut author = Client::author(&server, "post", "author").await;
    author.say("one").await;
    author.say("two").await;
    Client::author(&server, "other", "author").await.say("stays").await;
    let epoch = author.history.epoch();
    assert!(purge(database, &["--room", "post"]).await.starts_with("would remove 2 messages in 1 rooms\n  post: 2\n"));
    assert_eq!(database.counters("post").await, (2, 2));

    assert!(purge(database, &["--room", "post", "--yes"]).await.starts_with("removed 2 messages in 1 rooms\n"));
    // Meanwhile it may have been told that they went.
    while !matches!(author.listen().await, crate::support::Event::Closed(4003)) {}
    let (mut back, welcome) = Client::join(&server, "post", Who::named("author")).await;
    assert_ne!(welcome.head.room.epoch, epoch);
    assert_eq!(back.history.contents(), Vec::<&str>::new());
    assert_eq!(back.say("three").await.seq, 3);
    assert_eq!(database.counters("post").await, (3, 1));
    assert_eq!(database.counters("other").await, (1, 1));
    let ended = Server::run(&["purge", "--database-url", &database.url, "--room", "none"], &[]).await;
    assert!(!ended.status.success() && ended.stderr.contains("there is no room \"none\""), "{}", ended.stderr);
}

async fn what_is_older_than_a_day_goes(database: &Database) {
    let server = server_with(database, &LIMITS_OFF).await;
    let mut author = Client::author(&server, "post", "author").await;
    for text in ["old", "old as well", "new"] {
        author.say(text).await;
    }
    let mut reader = Client::reader(&server, "post").await;
    age(database, "post", 2).await;
    let week_ago = (chrono::Utc::now() - std::time::Duration::from_secs(7 * 86_400)).date_naive().to_string();
    assert!(purge(database, &["--before", &week_ago]).await.contains("\n  post: 2\n"));
    assert_eq!(database.counters("post").await, (3, 3));
    assert!(purge(database, &["--before", &week_ago, "--yes"]).await.starts_with("removed 2 messages in "));
    let is_told = |frame: &ServerFrame<'static>| match frame {
        ServerFrame::Room(room) if room.room.first_seq == 3 => Some(()),
        _ => None,
    };
    reader.wait("a ROOM that says where it begins", is_told).await;
    assert_eq!(reader.history.contents(), ["new"]);
    let count = async || server.json("/api/v1/rooms/post").await["messageCount"] == 1;
    soon("the number of messages to be right", count).await;
    for (what, why) in
        [(&["--before", "2999-01-01"][..], "a week ago"), (&[], "--author"), (&["--before", "x"], "--before")]
    {
        let all = [&["purge", "--database-url", &database.url], what].concat();
        let ended = Server::run(&all, &[]).await;
        assert!(!ended.status.success() && ended.stderr.contains(why), "{}", ended.stderr);
    }
}
