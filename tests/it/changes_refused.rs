//! What cannot be done to a message, or sent with one: each is answered with its code, changes nothing, and leaves the
//! session as it was.

use chat_wire::ErrorCode;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{
    Client, Database, LIMITS_OFF, Server,
    command::{delete, edit, pin, react, reply},
    message,
};

on_both!(
    what_is_not_there_or_not_ones_own_stays_as_it_is,
    a_reaction_is_exactly_one_emoji,
    what_answers_nothing_is_not_stored,
    a_text_that_draws_nothing_is_refused,
    commands_that_cannot_be_read_are_named_by_their_keys,
);

/// A room with a message of each of two people and one that is deleted, and a message of another room.
struct Rooms {
    server: Server,
    one: Client,
    two: Client,
    /// Of `one`, who edited it once.
    first: String,
    /// Of `two`.
    second: String,
    /// Of `one`.
    deleted: String,
    elsewhere: String,
    before: Value,
}

impl Rooms {
    async fn new(database: &Database) -> Self {
        let server = Server::with(database, &LIMITS_OFF).await;
        let mut one = Client::author(&server, "post", "Anonymous Otter").await;
        let mut two = Client::author(&server, "post", "Anonymous Fox").await;
        let (first, second) = (one.say("the first").await.id, two.say("the second").await.id);
        let deleted = one.say("to be deleted").await.id;
        one.until_taken(&delete(&deleted)).await;
        one.until_taken(&edit(&first, 1, "the first, edited")).await;
        two.until_taken(&react(&second, "👍", true)).await;
        for client in [&mut one, &mut two] {
            client.reach(6).await;
        }
        let mut other = Client::join(&server, "other post", one.who.clone()).await.0;
        let elsewhere = other.say("in another room").await.id;
        let before = server.json("/api/v1/rooms/post/messages").await;
        assert_eq!(before["messages"].as_array().map(Vec::len), Some(3));
        Self { server, one, two, first, second, deleted, elsewhere, before }
    }

    /// Each of these is refused with this code by its key, and no retry is offered.
    async fn refuses(&mut self, code: ErrorCode, commands: impl IntoIterator<Item = Value>) {
        for command in commands {
            let error = self.one.refused(&command).await;
            assert_eq!((error.code, error.retry_after_ms), (code, None), "{command:.300}");
            assert_eq!(serde_json::to_value(error.client_id).ok().as_ref(), Some(&command["payload"]["clientId"]));
        }
    }

    /// Nothing was stored or shown, and both sessions live.
    async fn are_as_before(mut self, database: &Database) {
        self.one.ping().await;
        self.two.ping().await;
        assert_eq!((self.one.history.cursor, self.two.history.cursor), (6, 6));
        assert_eq!(self.server.json("/api/v1/rooms/post/messages").await, self.before);
        assert_eq!(database.counters("post").await, (6, 2));
        assert_eq!(database.number("SELECT count(*) FROM reactions").await, 1);
        assert_eq!(self.one.say("alive").await.seq, 7);
        self.two.reach(7).await;
    }
}

async fn what_is_not_there_or_not_ones_own_stays_as_it_is(database: &Database) {
    let mut rooms = Rooms::new(database).await;
    let (first, second, deleted) = (rooms.first.clone(), rooms.second.clone(), rooms.deleted.clone());
    let elsewhere = rooms.elsewhere.clone();
    let long = "1".repeat(1_000);
    for id in ["987654321", "0", "-1", "", "x", " 1", "1.0", "9223372036854775808", "null", &long, &elsewhere] {
        let commands = [edit(id, 1, "changed"), delete(id), react(id, "👍", true), react(id, "👍", false)];
        rooms.refuses(ErrorCode::MessageNotFound, commands).await;
    }
    rooms
        .refuses(ErrorCode::NotYours, [edit(&second, 1, "mine now"), edit(&second, 1, "the second"), delete(&second)])
        .await;
    rooms.refuses(ErrorCode::MessageDeleted, [edit(&deleted, 1, "back"), react(&deleted, "👍", true)]).await;
    let versions = [1, 3, 0, -1, i32::MIN, i32::MAX];
    rooms.refuses(ErrorCode::EditConflict, versions.map(|version| edit(&first, version, "another text"))).await;
    let pins = [pin(&first, true), pin(&second, false), pin(&deleted, true), pin("987654321", true)];
    rooms.refuses(ErrorCode::Forbidden, pins).await;
    rooms.are_as_before(database).await;
}

async fn a_reaction_is_exactly_one_emoji(database: &Database) {
    let mut rooms = Rooms::new(database).await;
    let first = rooms.first.clone();
    let long = "👍".to_owned() + &"\u{fe0f}".repeat(400);
    let texts = ["", " ", "a", "가", "1", "👍👍", "👍 ", "🏽", "\u{200d}", "🇰", "❤", "👍a", "\0", "<b>", &long];
    rooms.refuses(ErrorCode::InvalidEmoji, texts.map(|text| react(&first, text, true))).await;
    rooms.are_as_before(database).await;
}

async fn what_answers_nothing_is_not_stored(database: &Database) {
    let mut rooms = Rooms::new(database).await;
    let ids = [&rooms.deleted, &rooms.elsewhere, "987654321", "0", "-1", "", "x", "9223372036854775808"];
    let commands = ids.map(|id| reply("an answer", id));
    rooms.refuses(ErrorCode::InvalidReply, commands).await;
    rooms.are_as_before(database).await;
}

async fn a_text_that_draws_nothing_is_refused(database: &Database) {
    let mut rooms = Rooms::new(database).await;
    let first = rooms.first.clone();
    let long = "x".repeat(2_001);
    for text in
        ["", " \n\t ", "\u{3164}", "\u{200b}\u{200b}", "\u{2800}", "\u{fe0f}", "\u{200d}", "a\0b", "a\u{1b}b", &long]
    {
        let commands = [message(Uuid::new_v4(), text), edit(&first, 2, text), reply(text, &first)];
        rooms.refuses(ErrorCode::InvalidContent, commands).await;
    }
    rooms.are_as_before(database).await;
}

async fn commands_that_cannot_be_read_are_named_by_their_keys(database: &Database) {
    let mut rooms = Rooms::new(database).await;
    let first = rooms.first.clone();
    let good = [edit(&first, 2, "x"), delete(&first), react(&first, "👍", true), pin(&first, true), reply("x", &first)];
    for command in &good {
        let fields = command["payload"].as_object().expect("an object").keys().filter(|key| *key != "clientId");
        for field in fields {
            for wrong in [json!({}), json!([1]), json!(1.5)] {
                let mut command = command.clone();
                command["payload"][field] = wrong;
                rooms.refuses(ErrorCode::BadFrame, [command]).await;
            }
        }
    }
    let mention = |from: Value| json!([{"authorId": "a", "from": from, "to": 2}]);
    for mentions in [json!(1), json!([1]), json!([{}]), mention(json!(-1)), mention(json!(4_294_967_296_u64))] {
        for command in [message(Uuid::new_v4(), "@a"), edit(&first, 2, "@a")] {
            let mut command = command;
            command["payload"]["mentions"] = mentions.clone();
            rooms.refuses(ErrorCode::BadFrame, [command]).await;
        }
    }
    for kind in ["EDIT", "DELETE", "REACT", "PIN"] {
        let error = rooms.one.refused(&json!({"type": kind, "payload": {}})).await;
        assert_eq!((error.code, error.client_id), (ErrorCode::BadFrame, None), "{kind}");
    }
    // Before a JOIN nothing is asked for.
    let mut unjoined = Client::connect(&rooms.server, "post").await;
    for command in good {
        let error = unjoined.refused(&command).await;
        assert_eq!(error.code, ErrorCode::NotJoined, "{command}");
        assert_eq!(serde_json::to_value(error.client_id).ok().as_ref(), Some(&command["payload"]["clientId"]));
    }
    rooms.are_as_before(database).await;
}
