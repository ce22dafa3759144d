//! Who is in a room that several servers serve, with nothing between them but their PostgreSQL.

use chat_wire::{AuthorPayload, PresencePayload, ServerFrame};

use serde_json::json;

use crate::support::{Client, Database, LIMITS_OFF, PgBouncer, Proxy, Redis, Server, Who, soon};

fn names(authors: &Option<Vec<AuthorPayload<'_>>>) -> Vec<String> {
    let mut names: Vec<_> = authors.iter().flatten().map(|author| author.nickname.to_string()).collect();
    names.sort();
    names
}

fn is(count: usize, members: &[&str]) -> impl Fn(&PresencePayload<'static>) -> bool {
    let members: Vec<String> = members.iter().map(|&name| name.to_owned()).collect();
    move |presence| presence.count == count && names(&presence.members) == members && !presence.approximate
}

/// Who was told to have come and to have gone.
#[derive(Debug, Default)]
struct Told {
    joined: Vec<String>,
    left: Vec<String>,
}

impl Told {
    fn add(&mut self, frame: &ServerFrame<'static>) {
        if let ServerFrame::Presence(presence) = frame {
            self.joined.extend(names(&presence.joined));
            self.left.extend(names(&presence.left));
        }
    }

    /// Reads on until these have come and gone, each of them once.
    async fn until<const J: usize, const L: usize>(&mut self, client: &mut Client, joined: [&str; J], left: [&str; L]) {
        while self.joined.len() < J || self.left.len() < L {
            let frame = client.frame(&format!("{joined:?} to come and {left:?} to go, not only {self:?}")).await;
            self.add(&frame);
        }
        self.joined.sort();
        self.left.sort();
        assert_eq!((&self.joined[..], &self.left[..]), (&joined.map(str::to_owned)[..], &left.map(str::to_owned)[..]));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_servers_show_the_same_people_and_one_identity_once() {
    let (database, servers) = Server::pair(&LIMITS_OFF).await;
    let mut one = Client::author(&servers[0], "post", "one").await;
    let mut other = Client::author(&servers[1], "post", "other").await;
    one.presence("both", is(2, &["one", "other"])).await;
    other.presence("both", is(2, &["one", "other"])).await;
    // Somebody with a tab on each, and a reader.
    let who = Who::named("twice");
    let (_first, _) = Client::join(&servers[0], "post", who.clone()).await;
    let (_second, _) = Client::join(&servers[1], "post", who).await;
    let reader = Client::reader(&servers[1], "post").await;
    for client in [&mut one, &mut other] {
        client.presence("all", is(4, &["one", "other", "twice"])).await;
    }
    for server in &servers {
        let members = server.json("/api/v1/rooms/post/members").await;
        assert_eq!((members["count"].as_u64(), members["members"].as_array().map(Vec::len)), (Some(4), Some(3)));
    }
    reader.leave().await;
    for client in [&mut one, &mut other] {
        client.presence("without the reader", is(3, &["one", "other", "twice"])).await;
    }
    assert_eq!(database.number("SELECT count(*) FROM presence WHERE room_id = 'post'").await, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_comes_and_goes_is_told_once_on_both_and_who_moves_is_not() {
    let (_database, servers) = Server::pair(&LIMITS_OFF).await;
    let mut one = Client::reader(&servers[0], "post").await;
    let mut other = Client::reader(&servers[1], "post").await;
    one.presence("two readers", is(2, &[])).await;
    other.presence("two readers", is(2, &[])).await;
    let mover = Client::author(&servers[0], "post", "mover").await;
    let goer = Client::author(&servers[1], "post", "goer").await;
    let (mut told_one, mut told_other) = (Told::default(), Told::default());
    told_one.until(&mut one, ["goer", "mover"], []).await;
    told_other.until(&mut other, ["goer", "mover"], []).await;
    let who = mover.who.clone();
    mover.leave().await;
    let (moved, _) = Client::join(&servers[1], "post", who).await;
    goer.leave().await;
    // Told behind the time in which the move would have been.
    let _late = Client::author(&servers[0], "post", "late").await;
    told_one.until(&mut one, ["goer", "late", "mover"], ["goer"]).await;
    told_other.until(&mut other, ["goer", "late", "mover"], ["goer"]).await;
    moved.leave().await;
    told_one.until(&mut one, ["goer", "late", "mover"], ["goer", "mover"]).await;
    told_other.until(&mut other, ["goer", "late", "mover"], ["goer", "mover"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_people_of_a_server_that_was_killed_go_with_its_lease() {
    let (database, [first, second]) = Server::pair(&LIMITS_OFF).await;
    let mut stays = Client::author(&first, "post", "stays").await;
    let goes = Client::author(&second, "post", "goes").await;
    stays.presence("both", is(2, &["goes", "stays"])).await;
    second.kill9().await;
    stays.presence("one alone", is(1, &["stays"])).await;
    drop(goes);
    // What it has left is removed by the next one that starts.
    let third = Server::with(&database, &LIMITS_OFF).await;
    let mut comes = Client::author(&third, "post", "comes").await;
    comes.presence("both", is(2, &["comes", "stays"])).await;
    assert_eq!(database.number("SELECT count(DISTINCT server_id) FROM presence").await, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_stops_takes_its_people_along_at_once() {
    let (database, [first, mut second]) = Server::pair(&LIMITS_OFF).await;
    let mut stays = Client::author(&first, "post", "stays").await;
    let _goes = Client::author(&second, "post", "goes").await;
    stays.presence("both", is(2, &["goes", "stays"])).await;
    second.stop("INT").await;
    stays.presence("one alone", is(1, &["stays"])).await;
    assert_eq!(database.number("SELECT count(DISTINCT server_id) FROM presence").await, 1);
}

/// Many readers on this server, and one whose frames are read.
async fn crowd(server: &Server, n: usize) -> (Client, Vec<Client>) {
    let mut readers = Vec::new();
    for _ in 1..n {
        readers.push(Client::reader(server, "post").await);
    }
    (Client::reader(server, "post").await, readers)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_one_people_are_only_counted_and_fifty_are_listed() {
    let (_database, servers) = Server::pair(&LIMITS_OFF).await;
    let (mut one, _readers) = crowd(&servers[0], 26).await;
    let (mut other, mut others) = crowd(&servers[1], 25).await;
    for client in [&mut one, &mut other] {
        let presence = client.presence("fifty-one", |presence| presence.count == 51).await;
        assert!(presence.members.is_none() && !presence.approximate, "{presence:?}");
    }
    others.pop().expect("a reader").leave().await;
    for client in [&mut one, &mut other] {
        client.presence("fifty, and lists", |presence| presence.count == 50 && presence.members.is_some()).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn above_five_hundred_the_number_is_about_right() {
    let (_database, servers) = Server::pair(&LIMITS_OFF).await;
    let who = Who::reader();
    let (mut other, _) = Client::join(&servers[1], "post", who.clone()).await;
    let (mut one, mut readers) = crowd(&servers[0], 499).await;
    // The same person on both servers: counted once, as long as all can be told apart.
    readers.push(Client::join(&servers[0], "post", who).await.0);
    for client in [&mut one, &mut other] {
        client.presence("five hundred", |presence| presence.count == 500 && !presence.approximate).await;
    }
    readers.push(Client::reader(&servers[0], "post").await);
    for client in [&mut one, &mut other] {
        client.presence("more", |presence| presence.count == 502 && presence.approximate).await;
    }
    let info = servers[1].json("/api/v1/rooms/post").await;
    assert_eq!(info["presence"], json!({"count": 502, "approximate": true}));
}

/// P7: while the database is away who was elsewhere stays for a while, and then is not counted; nobody is told to have
/// gone for that, nor to have come once it is back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_away_makes_nobody_come_or_go() {
    let database = Database::postgres().await;
    let (proxy, url) = Proxy::to_postgres(&database.url).await;
    let near = Server::ready_at(&url, &LIMITS_OFF).await;
    let far = Server::with(&database, &LIMITS_OFF).await;
    let mut watcher = Client::reader(&near, "post").await;
    let _there = Client::author(&far, "post", "there").await;
    let mut told = Told::default();
    told.until(&mut watcher, ["there"], []).await;
    proxy.down();
    let mut until = async |what: &str, count: usize, approximate: bool| {
        loop {
            let frame = watcher.frame(what).await;
            told.add(&frame);
            let ServerFrame::Presence(presence) = &frame else { continue };
            if presence.count == count && presence.approximate == approximate {
                break;
            }
        }
    };
    until("only what is known here", 1, true).await;
    proxy.calm();
    until("all of them again", 2, false).await;
    let _late = Client::author(&near, "post", "late").await;
    told.until(&mut watcher, ["late", "there"], []).await;
}

/// What a crash of the database or a failover leaves of a table that is not logged: nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_that_was_emptied_is_filled_again() {
    let (database, servers) = Server::pair(&LIMITS_OFF).await;
    let mut one = Client::author(&servers[0], "post", "one").await;
    let _other = Client::author(&servers[1], "post", "other").await;
    one.presence("both", is(2, &["one", "other"])).await;
    database.run("TRUNCATE presence").await;
    let rows = async || database.number("SELECT count(*) FROM presence WHERE room_id = 'post'").await;
    soon("the rows to be written again", async || rows().await == 2).await;
    // A server on which the room comes to life only now finds them.
    let third = Server::with(&database, &LIMITS_OFF).await;
    let mut late = Client::author(&third, "post", "late").await;
    late.presence("all", is(3, &["late", "one", "other"])).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_are_known_through_a_pooler_whose_sessions_are_shared() {
    let database = Database::postgres().await;
    // Fewer than there are connections.
    let pooler = PgBouncer::start(&database.url, 2).await;
    let first = Server::ready_at(&pooler.url, &LIMITS_OFF).await;
    let mut second = Server::ready_at(&pooler.url, &LIMITS_OFF).await;
    let mut one = Client::author(&first, "post", "one").await;
    let other = Client::author(&second, "post", "other").await;
    one.presence("both", is(2, &["one", "other"])).await;
    other.leave().await;
    one.presence("one alone", is(1, &["one"])).await;
    let _again = Client::author(&second, "post", "again").await;
    one.presence("both", is(2, &["again", "one"])).await;
    second.stop("INT").await;
    one.presence("one alone", is(1, &["one"])).await;
}

/// With a bus the table is not used, and who is typing is seen on all servers.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_a_bus_people_are_the_same_and_one_sees_who_types() {
    let redis = Redis::start().await;
    let url = redis.url();
    let (database, [first, second]) = Server::pair(&[&LIMITS_OFF[..], &[("CHAT_BUS", &url)]].concat()).await;
    for server in [&first, &second] {
        server.counts("the bus to carry", "chat_bus_up", |up| up == 1.0).await;
    }
    let mut one = Client::author(&first, "post", "one").await;
    let mut other = Client::author(&second, "post", "other").await;
    one.presence("both", is(2, &["one", "other"])).await;
    other.presence("both", is(2, &["one", "other"])).await;
    other.send(&json!({"type": "TYPING", "payload": {}})).await;
    let typing = |wanted: &'static [&'static str]| {
        move |frame: &ServerFrame<'static>| match frame {
            ServerFrame::Typing(typing) => {
                let names: Vec<_> = typing.authors.iter().map(|author| author.nickname.to_string()).collect();
                (names == wanted).then_some(())
            }
            _ => None,
        }
    };
    one.wait("the other one to type", typing(&["other"])).await;
    let said = other.say("what was typed").await;
    one.wait("nobody to type", typing(&[])).await;
    one.reach(said.rev).await;
    assert_eq!(database.number("SELECT count(*) FROM presence").await, 0);
    second.kill9().await;
    one.presence("one alone", is(1, &["one"])).await;
    drop(other);
}

/// Whoever goes while one server hears nothing is gone there as well once it hears again: Redis keeps for a while that a
/// room was left.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_left_while_a_server_heard_nothing_is_gone_when_it_hears_again() {
    let redis = Redis::start().await;
    let line = Proxy::to(redis.address()).await;
    let database = Database::postgres().await;
    let over_line = format!("redis://{}", line.address);
    let near = Server::with(&database, &[&LIMITS_OFF[..], &[("CHAT_BUS", &over_line)]].concat()).await;
    let far = Server::with(&database, &[&LIMITS_OFF[..], &[("CHAT_BUS", &redis.url())]].concat()).await;
    for server in [&near, &far] {
        server.counts("the bus to carry", "chat_bus_up", |up| up == 1.0).await;
    }
    let mut one = Client::author(&near, "post", "one").await;
    let other = Client::author(&far, "post", "other").await;
    // Keeps the room alive there.
    let mut reader = Client::reader(&far, "post").await;
    one.presence("all three", is(3, &["one", "other"])).await;
    line.down();
    near.counts("the bus to be missed", "chat_bus_up", |up| up == 0.0).await;
    other.leave().await;
    reader.presence("one and the reader", is(2, &["one"])).await;
    let published = "chat_bus_published_total{kind=\"people\"}";
    far.counts("that to be said", published, |n| n >= 2.0).await;
    line.calm();
    one.presence("one and the reader", is(2, &["one"])).await;
}

/// A room that comes to life while the others cannot be heard says, after a while, that it may not know everybody.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_room_that_comes_to_life_without_a_bus_says_that_it_may_not_know_all() {
    let mut redis = Redis::start().await;
    let database = Database::postgres().await;
    let server = Server::with(&database, &[&LIMITS_OFF[..], &[("CHAT_BUS", &redis.url())]].concat()).await;
    server.counts("the bus to carry", "chat_bus_up", |up| up == 1.0).await;
    redis.kill();
    server.counts("the bus to be missed", "chat_bus_up", |up| up == 0.0).await;
    let mut late = Client::author(&server, "late", "late").await;
    late.presence("a number that may be wrong", |presence| presence.count == 1 && presence.approximate).await;
    redis.start_again().await;
    late.presence("the number", is(1, &["late"])).await;
}
