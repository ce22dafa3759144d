//! What becomes of messages after they were written: each command, what everybody sees of it, and by which ways.

use std::collections::HashMap;

use chat_wire::{AckPayload, ErrorCode, MessagePayload, ReactionPayload, ReplyPayload, ResumePoint, ServerFrame};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{
    Client, Database, LIMITS_OFF, Server, Who,
    command::{delete, edit, react, reply},
    message,
};

on_both!(
    everybody_sees_what_becomes_of_messages,
    who_comes_and_goes_ends_in_the_same_state,
    many_react_to_one_message_at_once,
    a_message_has_twenty_emojis_and_each_any_number_of_people,
    mentions_that_cannot_be_are_dropped,
    a_message_is_edited_within_its_time,
    reactions_have_a_rate_of_their_own,
    edits_and_deletions_count_as_messages,
    what_was_missed_comes_in_pieces,
    who_types_is_told_for_a_while,
    rights_that_changed_meanwhile_are_looked_at_again,
);

/// A server that takes changes: on PostgreSQL it has to know first that no older server lives.
pub async fn server_with(database: &Database, settings: &[(&str, &str)]) -> Server {
    let server = Server::with(database, settings).await;
    takes_changes(&server).await;
    server
}

async fn takes_changes(server: &Server) {
    let mut client = Client::author(server, "a room to try in", "somebody").await;
    let id = client.say_again(Uuid::new_v4(), "a message to delete").await.id;
    client.until_taken(&delete(&id)).await;
}

/// A message as this client has it.
#[track_caller]
fn shown(client: &Client, seq: i64) -> &MessagePayload<'static> {
    client.history.list.get(&seq).unwrap_or_else(|| panic!("no message at {seq}"))
}

/// What people react to it with: emoji, how many, the ids of the first.
#[track_caller]
fn reactions(client: &Client, seq: i64) -> Vec<(&str, i64, Vec<&str>)> {
    let of = |r: &ReactionPayload<'static>| r.count;
    let all = shown(client, seq).annotations.reactions.iter();
    all.map(|r| (&*r.emoji, of(r), r.authors.iter().map(|a| &**a).collect())).collect()
}

/// All messages of the room as the interface over HTTP gives them.
async fn over_http(server: &Server) -> Value {
    server.json("/api/v1/rooms/post/messages?limit=100").await["messages"].take()
}

/// What a client shows is what who joins now is shown, and what there is over HTTP.
async fn is_what_there_is(client: &Client, server: &Server) {
    let (fresh, _) = Client::join(server, "post", Who::reader()).await;
    assert_eq!(fresh.history.list, client.history.list, "who joins now");
    assert_eq!(fresh.history.cursor, client.history.cursor);
    let list: Vec<_> = client.history.list.values().collect();
    assert_eq!(over_http(server).await, serde_json::to_value(list).expect("JSON"), "over HTTP");
    fresh.leave().await;
}

/// Who comes back to any value of the counter gets each message that is above it, once, in its last state.
async fn is_resumed_from_everywhere(client: &Client, server: &Server) {
    let point = client.history.resume_point().expect("a place");
    for rev in 0..=point.rev {
        let resume = ResumePoint { rev, ..point.clone() };
        let (back, welcome) = Client::join_at(server, "post", Who::reader(), &resume).await;
        let above = i64::try_from(rev).expect("a counter");
        let mut missed: Vec<_> = client.history.list.values().filter(|m| m.rev > above).cloned().collect();
        missed.sort_by_key(|m| m.rev);
        assert!(welcome.head.resumed);
        assert_eq!(welcome.messages, missed, "from {rev}");
        back.leave().await;
    }
}

async fn everybody_sees_what_becomes_of_messages(database: &Database) {
    let mut server = server_with(database, &LIMITS_OFF).await;
    let mut one = Client::author(&server, "post", "Anonymous Otter").await;
    let mut two = Client::author(&server, "post", "Anonymous Fox").await;
    let (first, second) = (one.say("the first").await, two.say("the second").await);
    let ids = [author_id(&mut one, first.seq).await, author_id(&mut two, second.seq).await];

    let edited = one.until_taken(&edit(&first.id, 1, "the first, edited")).await;
    let expected = AckPayload { client_id: edited.client_id, rev: 3, ..first.clone() };
    assert_eq!(edited, expected, "the message's id, place and time, and the value that the edit took");
    two.reach(3).await;
    let message = shown(&two, 1);
    assert_eq!((&*message.content, message.annotations.version), ("the first, edited", Some(2)));
    assert!(message.annotations.edited_at.is_some());
    assert_eq!(message.client_id, first.client_id, "the key is the message's, not the edit's");

    assert_eq!(two.until_taken(&react(&first.id, "👍", true)).await.rev, 4);
    assert_eq!(one.until_taken(&react(&first.id, "❤️", true)).await.rev, 5);
    assert_eq!(one.until_taken(&react(&first.id, "👍", true)).await.rev, 6);
    for client in [&mut one, &mut two] {
        client.reach(6).await;
        let both = [("👍", 2, vec![&*ids[1], &*ids[0]]), ("❤️", 1, vec![&*ids[0]])];
        assert_eq!(reactions(client, 1), both, "in the order of first use");
        assert_eq!((&*shown(client, 1).content, shown(client, 1).rev), ("the first, edited", 6));
    }
    is_what_there_is(&one, &server).await;
    assert_eq!(two.until_taken(&react(&first.id, "👍", false)).await.rev, 7);
    assert_eq!(one.until_taken(&react(&first.id, "👍", false)).await.rev, 8);
    two.reach(8).await;
    assert_eq!(reactions(&two, 1), [("❤️", 1, vec![&*ids[0]])]);

    let mut sent = reply("@Anonymous Fox and I", &second.id);
    sent["payload"]["mentions"] = json!([{"authorId": ids[1], "from": 0, "to": 14}]);
    let answered = one.until_taken(&sent).await;
    assert_eq!((answered.seq, answered.rev), (9, 9));
    two.reach(9).await;
    let message = shown(&two, 9).annotations.clone();
    assert_eq!(message.reply_to, Some(ReplyPayload { id: second.id.clone().into(), seq: second.seq }));
    let mentions: Vec<_> = message.mentions.iter().map(|m| (&*m.author_id, m.from, m.to)).collect();
    assert_eq!(mentions, [(&*ids[1], 0, 14)]);
    one.until_taken(&react(&answered.id, "🇰🇷", true)).await;

    assert_eq!(two.until_taken(&delete(&second.id)).await.rev, 11);
    one.reach(11).await;
    let left = shown(&one, 2);
    assert_eq!((&*left.content, left.annotations.deleted_by.as_deref()), ("", Some("author")));
    assert!(left.annotations.deleted_at.is_some());
    // A reply and whoever it addresses are gone with a deletion as well.
    assert_eq!(one.until_taken(&delete(&answered.id)).await.rev, 12);
    two.reach(12).await;
    let left = &shown(&two, 9).annotations;
    assert_eq!((&left.reply_to, left.mentions.len(), left.reactions.len()), (&None, 0, 0));

    assert_eq!(one.history.list, two.history.list);
    is_what_there_is(&two, &server).await;
    is_resumed_from_everywhere(&two, &server).await;
    assert_eq!(database.counters("post").await, (12, 1), "two of three messages are deleted");
    assert_eq!(server.json("/api/v1/rooms/post").await["messageCount"], 1);
    // The same from the database alone.
    server.kill9().await;
    server = Server::with(database, &LIMITS_OFF).await;
    is_what_there_is(&two, &server).await;
    is_resumed_from_everywhere(&two, &server).await;
    for gone in ["the second", "and I"] {
        let stored = database.number(&format!("SELECT count(*) FROM messages WHERE content LIKE '%{gone}%'")).await;
        assert_eq!(stored, 0, "{gone:?} is deleted");
    }
}

/// The id of who wrote this message.
async fn author_id(client: &mut Client, seq: i64) -> String {
    client.reach(seq).await;
    shown(client, seq).author.id.clone().into_owned()
}

async fn who_comes_and_goes_ends_in_the_same_state(database: &Database) {
    let server = server_with(database, &LIMITS_OFF).await;
    let mut writer = Client::author(&server, "post", "the writer").await;
    let mut traveller = Client::reader(&server, "post").await;
    let mut ids = Vec::new();
    for n in 0..8 {
        ids.push(writer.say(&format!("message {n}")).await.id);
    }
    let commands = [
        edit(&ids[0], 1, "once"),
        react(&ids[1], "👍", true),
        edit(&ids[0], 2, "twice"),
        delete(&ids[2]),
        react(&ids[0], "🎉", true),
        react(&ids[1], "👍", false),
        edit(&ids[3], 1, "edited and then deleted"),
        react(&ids[3], "👀", true),
        delete(&ids[3]),
        reply("an answer", &ids[4]),
        delete(&ids[4]),
        edit(&ids[7], 1, "the last one"),
    ];
    for (n, some) in commands.chunks(2).enumerate() {
        let is_away = n % 3 != 0;
        let who = traveller.who.clone();
        let mut away = None;
        if is_away {
            away = Some(traveller.drop_connection());
            traveller = Client::connect(&server, "post").await;
        }
        let mut rev = 0;
        for sent in some {
            rev = writer.until_taken(sent).await.rev;
        }
        if let Some(history) = away {
            assert!(traveller.come_back(who, history).await.head.resumed);
        }
        traveller.reach(rev).await;
        writer.reach(rev).await;
        assert_eq!(traveller.history.list, writer.history.list, "after {some:?}");
    }
    is_what_there_is(&traveller, &server).await;
}

/// Who may do what has changed since the room looked: it looks again, and nobody is told.
async fn rights_that_changed_meanwhile_are_looked_at_again(database: &Database) {
    let server = server_with(database, &LIMITS_OFF).await;
    let mut writer = Client::author(&server, "post", "the writer").await;
    let id = writer.say("before").await.id;
    for n in 0..3_i64 {
        database.run("UPDATE rooms SET guard_rev = guard_rev + 1").await;
        writer.publish_all((0..3).map(|i| format!("{n}.{i}"))).await;
        writer.reach(4 + n * 4).await;
        database.run("UPDATE rooms SET guard_rev = guard_rev + 1").await;
        let sent = edit(&id, 1 + i32::try_from(n).expect("a number"), &format!("edited {n}"));
        assert_eq!(writer.until_taken(&sent).await.rev, 5 + n * 4);
    }
    let contents = writer.history.contents();
    assert_eq!(contents, ["edited 2", "0.0", "0.1", "0.2", "1.0", "1.1", "1.2", "2.0", "2.1", "2.2"], "in order");
    is_what_there_is(&writer, &server).await;
}

async fn many_react_to_one_message_at_once(database: &Database) {
    let server = server_with(database, &LIMITS_OFF).await;
    let mut writer = Client::author(&server, "post", "the writer").await;
    let id = writer.say("everybody likes it").await.id;
    let mut people = Vec::new();
    for _ in 0..12 {
        let mut client = Client::reader(&server, "post").await;
        // A read of the database may bring several changes at once.
        client.history.may_jump = true;
        people.push(client);
    }
    let mut sent = Vec::new();
    for (n, client) in people.iter_mut().enumerate() {
        let frame = react(&id, if n % 4 == 0 { "🎉" } else { "👍" }, true);
        client.send(&frame).await;
        sent.push(key(&frame));
    }
    let mut last = 0;
    for (client, client_id) in people.iter_mut().zip(sent) {
        last = last.max(client.ack(client_id).await.rev);
    }
    assert!((2..=13).contains(&last), "each batch of them is one change, and none is more than one: {last}");
    for client in &mut people {
        client.reach(last).await;
        let counts: HashMap<_, _> =
            reactions(client, 1).into_iter().map(|(emoji, n, ids)| (emoji, (n, ids.len()))).collect();
        assert_eq!(counts, HashMap::from([("🎉", (3, 3)), ("👍", (9, 5))]));
        assert_eq!(client.history.cursor, last);
    }
    writer.history.may_jump = true;
    writer.reach(last).await;
    is_what_there_is(&writer, &server).await;
    assert_eq!(database.number("SELECT count(*) FROM reactions").await, 12);
}

/// The key of a command.
fn key(command: &Value) -> Uuid {
    serde_json::from_value(command["payload"]["clientId"].clone()).expect("a key")
}

async fn a_message_has_twenty_emojis_and_each_any_number_of_people(database: &Database) {
    let server = server_with(database, &LIMITS_OFF).await;
    let mut one = Client::author(&server, "post", "Anonymous Otter").await;
    let mut two = Client::reader(&server, "post").await;
    let id = one.say("twenty").await.id;
    let emojis: Vec<String> = ('🐀'..='🐓').map(String::from).collect();
    assert_eq!(emojis.len(), 20);
    for emoji in &emojis {
        one.until_taken(&react(&id, emoji, true)).await;
    }
    let refused = two.refused(&react(&id, "🐔", true)).await;
    assert_eq!((refused.code, refused.retry_after_ms), (ErrorCode::TooManyReactions, None));
    assert_eq!(two.until_taken(&react(&id, &emojis[3], true)).await.rev, 22, "one that is there is taken");
    one.until_taken(&react(&id, &emojis[0], false)).await;
    two.until_taken(&react(&id, "🐔", true)).await;
    one.reach(24).await;
    two.reach(24).await;
    let found: Vec<_> = reactions(&one, 1).into_iter().map(|(emoji, n, _)| (emoji.to_owned(), n)).collect();
    let there = emojis[1..].iter().map(|e| (e.clone(), if *e == emojis[3] { 2 } else { 1 }));
    assert_eq!(found, there.chain([("🐔".to_owned(), 1)]).collect::<Vec<_>>());
    assert_eq!(one.history.list, two.history.list);
    is_what_there_is(&two, &server).await;
}

async fn mentions_that_cannot_be_are_dropped(database: &Database) {
    let server = server_with(database, &LIMITS_OFF).await;
    let mut writer = Client::author(&server, "post", "the writer").await;
    let mut gone = Client::author(&server, "post", "wrote and left").await;
    let seq = gone.say("I was here").await.seq;
    let was_here = author_id(&mut gone, seq).await;
    gone.leave().await;
    let (here, welcome) = Client::join(&server, "post", Who::named("never wrote")).await;
    let is_here = welcome.head.own.expect("an author").author.id.into_owned();
    let (elsewhere, welcome) = Client::join(&server, "other post", Who::named("elsewhere")).await;
    let stranger = welcome.head.own.expect("an author").author.id.into_owned();
    let mention = |who: &str, from: u32, to: u32| json!({"authorId": who, "from": from, "to": to});
    let mut sent = message(Uuid::new_v4(), "  @a 그리고 @b, @c.  ");
    sent["payload"]["mentions"] = json!([
        mention(&is_here, 7, 9),
        mention(&was_here, 0, 2),
        mention(&stranger, 11, 13),
        mention(&is_here, 1, 2),
        mention(&is_here, 3, 5),
        mention(&is_here, 11, 99),
        mention(&is_here, 4_000_000_000, 4_294_967_295),
        mention(&is_here, 13, 11),
        mention("nobody at all!", 11, 13),
        mention("", 11, 13),
    ]);
    let seq = writer.until_taken(&sent).await.seq;
    writer.reach(seq).await;
    let kept = |client: &Client, seq: i64| -> Vec<(String, u32, u32)> {
        let mentions = shown(client, seq).annotations.mentions.iter();
        mentions.map(|m| (m.author_id.clone().into_owned(), m.from, m.to)).collect()
    };
    assert_eq!(kept(&writer, seq), [(was_here.clone(), 0, 2), (is_here.clone(), 7, 9)]);
    // An edit has mentions of its own.
    let id = shown(&writer, seq).id.clone();
    let mut sent = edit(&id, 1, "@b");
    sent["payload"]["mentions"] = json!([mention(&is_here, 0, 2), mention(&stranger, 0, 2)]);
    let rev = writer.until_taken(&sent).await.rev;
    writer.reach(rev).await;
    assert_eq!(kept(&writer, seq), [(is_here.clone(), 0, 2)]);
    let mut sent = message(Uuid::new_v4(), &"@".repeat(30));
    sent["payload"]["mentions"] = (0..30).map(|n| mention(&was_here, n, n + 1)).collect();
    let ack = writer.until_taken(&sent).await;
    writer.reach(ack.rev).await;
    assert_eq!(kept(&writer, ack.seq).len(), 20);
    is_what_there_is(&writer, &server).await;
    for client in [here, elsewhere] {
        client.leave().await;
    }
}

async fn a_message_is_edited_within_its_time(database: &Database) {
    let server = server_with(database, &[("CHAT_RATE_LIMITS", "off"), ("CHAT_EDIT_WINDOW_SECS", "0")]).await;
    let (mut author, welcome) = Client::join(&server, "post", Who::named("the author")).await;
    assert_eq!(welcome.head.limits.edit_window_seconds, Some(0));
    let id = author.say("for good").await.id;
    let sent = edit(&id, 1, "changed");
    let refused = author.refused(&sent).await;
    assert_eq!((refused.code, refused.client_id), (ErrorCode::EditTooLate, Some(key(&sent))));
    assert_eq!(refused.retry_after_ms, None);
    is_what_there_is(&author, &server).await;
    assert_eq!(author.until_taken(&delete(&id)).await.rev, 2, "deleting has no end");
}

async fn reactions_have_a_rate_of_their_own(database: &Database) {
    let settings = [("CHAT_REACTION_BURST", "3"), ("CHAT_REACTIONS_PER_SECOND", "1")];
    let server = server_with(database, &settings).await;
    let mut client = Client::author(&server, "post", "the author").await;
    let id = client.say("a message").await.id;
    let mut sent = Vec::new();
    for _ in 0..20 {
        for on in [true, false] {
            let frame = react(&id, "👍", on);
            client.send(&frame).await;
            sent.push(key(&frame));
        }
    }
    client.answered(&sent).await;
    assert!(client.errors.len() > 20, "three at once, and one a second: {}", client.errors.len());
    for error in client.errors.values() {
        assert_eq!(error.code, ErrorCode::RateLimited);
        assert!(error.retry_after_ms.is_some());
    }
    client.say("and messages have their own").await;
}

async fn edits_and_deletions_count_as_messages(database: &Database) {
    let server = server_with(database, &[("CHAT_MESSAGE_BURST", "4"), ("CHAT_MESSAGES_PER_SECOND", "1")]).await;
    let mut client = Client::author(&server, "post", "the author").await;
    let id = client.say("a message").await.id;
    let mut sent = Vec::new();
    for n in 0..20 {
        let frame = if n % 2 == 0 { edit(&id, 1, &format!("text {n}")) } else { delete("1000000") };
        client.send(&frame).await;
        sent.push(key(&frame));
    }
    client.answered(&sent).await;
    let n_limited = client.errors.values().filter(|e| e.code == ErrorCode::RateLimited).count();
    assert!(n_limited > 8, "{n_limited}");
}

async fn what_was_missed_comes_in_pieces(database: &Database) {
    const PIECE_BYTES_MAX: usize = 16 * 1024;
    let mut server = Server::with(database, &LIMITS_OFF).await;
    let mut writer = Client::author(&server, "post", "the writer").await;
    let mut traveller = Client::reader(&server, "post").await;
    writer.say("while all are here").await;
    traveller.reach(1).await;
    let (who, mut history) = (traveller.who.clone(), traveller.drop_connection());
    let contents = (0..100).map(|n| format!("{n} {}", "x".repeat(1_200)));
    for content in contents {
        writer.say(&content).await;
    }
    for n_cuts in [0, 3] {
        let known = ResumePoint { rev: 1, ..history.resume_point().expect("a place") };
        let (mut back, welcome) = Client::join_at(&server, "post", who.clone(), &known).await;
        assert_eq!((welcome.head.head, welcome.head.room.rev, welcome.head.resumed), (Some(101), 1, true));
        assert_eq!(welcome.messages, []);
        back.reach(101).await;
        assert!(back.n_bytes_largest <= PIECE_BYTES_MAX, "{} bytes", back.n_bytes_largest);
        assert!(back.history.list.values().eq(database.messages("post").await[1..].iter()));
        back.leave().await;
        // Cut between pieces: each brings who comes back further.
        for cut in 1..=n_cuts {
            let mut again = Client::connect(&server, "post").await;
            (again.who, again.history) = (who.clone(), history);
            again.history.connected();
            again.ask_to_join(again.history.resume_point()).await;
            again.reach(1 + cut * 15).await;
            assert_eq!(again.history.head, Some(101), "there is more to come");
            history = again.drop_connection();
        }
        if n_cuts == 0 {
            // The same from the database as from memory.
            server.kill9().await;
            server = Server::with(database, &LIMITS_OFF).await;
        }
    }
    assert!(history.cursor >= 46);
    let mut again = Client::connect(&server, "post").await;
    again.come_back(who, history).await;
    again.reach(101).await;
    assert!(again.history.list.values().eq(database.messages("post").await.iter()));
    // Less than 64 KiB come whole.
    let known = ResumePoint { rev: 71, ..again.history.resume_point().expect("a place") };
    let (_, welcome) = Client::join_at(&server, "post", Who::reader(), &known).await;
    assert_eq!((welcome.head.head, welcome.messages.len()), (None, 30));
}

/// Waits until what it is told of who is typing is as wanted; gives their names.
async fn typing(client: &mut Client, what: &str, mut is_it: impl FnMut(&[&str]) -> bool) -> Vec<String> {
    let told = |frame: &ServerFrame<'static>| match frame {
        ServerFrame::Typing(typing) => {
            let names: Vec<_> = typing.authors.iter().map(|a| &*a.nickname).collect();
            (is_it(&names) && typing.more == 0).then(|| names.iter().map(|name| name.to_string()).collect())
        }
        _ => None,
    };
    client.wait(what, told).await
}

async fn who_types_is_told_for_a_while(database: &Database) {
    let server = Server::with(database, &LIMITS_OFF).await;
    let mut one = Client::author(&server, "post", "Anonymous Otter").await;
    let mut two = Client::author(&server, "post", "Anonymous Fox").await;
    let mut reader = Client::reader(&server, "post").await;
    let types = json!({"type": "TYPING", "payload": {}});
    // Nobody knows what to call a reader.
    reader.send(&types).await;
    reader.ping().await;
    one.send(&types).await;
    one.ping().await;
    two.send(&types).await;
    let both = ["Anonymous Otter", "Anonymous Fox"];
    typing(&mut reader, "both to type, in the order in which they began", |names| *names == both).await;
    let said = two.say("what I typed").await;
    let left = typing(&mut reader, "who has said it to be done", |names| !names.contains(&both[1])).await;
    // Told in one where this machine was slow.
    if !left.is_empty() {
        typing(&mut reader, "the other to be done, by itself", |names| names.is_empty()).await;
    }
    reader.reach(1).await;
    assert_eq!((said.rev, reader.history.cursor), (1, 1), "it takes no value of the counter");
    assert_eq!(database.counters("post").await, (1, 1));
    // With who leaves.
    one.send(&types).await;
    typing(&mut reader, "one to type", |names| *names == both[..1]).await;
    one.leave().await;
    typing(&mut reader, "nobody to type", |names| names.is_empty()).await;
    let mut unjoined = Client::connect(&server, "post").await;
    unjoined.send(&types).await;
    unjoined.error_of(ErrorCode::NotJoined).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_reach_the_other_server() {
    let database = Database::postgres().await;
    let servers = [Server::with(&database, &LIMITS_OFF).await, Server::with(&database, &LIMITS_OFF).await];
    for server in &servers {
        takes_changes(server).await;
    }
    let mut clients =
        [Client::author(&servers[0], "post", "one").await, Client::author(&servers[1], "post", "two").await];
    for client in &mut clients {
        client.history.may_jump = true;
    }
    let mut ids = Vec::new();
    for n in 0..4 {
        ids.push(clients[n % 2].say(&format!("message {n}")).await.id);
    }
    let mut rev = 4;
    for round in 0..5 {
        let emoji = ["👍", "🎉"][round % 2];
        for sent in [
            edit(&ids[0], i32::try_from(round).expect("few") + 1, &format!("edit {round}")),
            react(&ids[1], emoji, true),
            react(&ids[0], emoji, round < 3),
        ] {
            // What is one's own is edited where one is.
            let at = if sent["type"] == "EDIT" { 0 } else { round % 2 };
            rev = clients[at].until_taken(&sent).await.rev.max(rev);
        }
    }
    rev = clients[1].until_taken(&delete(&ids[3])).await.rev.max(rev);
    for client in &mut clients {
        client.reach(rev).await;
    }
    assert_eq!(clients[0].history.list, clients[1].history.list);
    for (client, server) in clients.iter().zip(&servers) {
        is_what_there_is(client, server).await;
        is_resumed_from_everywhere(client, server).await;
    }
}

/// During an update an old server is not shown what it does not know.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_wait_until_no_old_server_lives() {
    let database = Database::postgres().await;
    let server = server_with(&database, &LIMITS_OFF).await;
    let mut client = Client::author(&server, "post", "the author").await;
    let id = client.say("a message").await.id;
    client.until_taken(&edit(&id, 1, "edited")).await;
    database
        .run(
            "INSERT INTO servers (id, token, version, features, seen_at)
             VALUES ('old', gen_random_uuid(), '0.0.9', 'messages', now() + interval '1 hour')",
        )
        .await;
    crate::support::soon("changes to be refused", async || {
        let client_id = Uuid::new_v4();
        let sent = json!({"type": "REACT", "payload": {"clientId": client_id, "id": id, "emoji": "👍", "on": true}});
        client.send(&sent).await;
        client.answered(&[client_id]).await;
        let error = client.errors.get(&client_id);
        error.is_some_and(|e| e.code == ErrorCode::Overloaded && e.retry_after_ms.is_some())
    })
    .await;
    for sent in [edit(&id, 2, "again"), delete(&id), react(&id, "👍", false)] {
        let error = client.refused(&sent).await;
        assert_eq!((error.code, error.client_id), (ErrorCode::Overloaded, Some(key(&sent))));
    }
    client.say("messages go on").await;
    database.run("DELETE FROM servers WHERE id = 'old'").await;
    client.until_taken(&delete(&id)).await;
}
