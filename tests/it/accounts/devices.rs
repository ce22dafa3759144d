//! Another device of somebody without an account.

use chat_wire::{CloseCode, ErrorCode, ServerFrame};
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    Answered, OPEN, ask, owner, post, register,
    sockets::{ticket, who},
};
use crate::{
    moderation::done,
    support::{
        Client, Database, Redis, Server, Who, check_schema,
        command::{ban, edit, react, unban},
        message, until,
    },
};

on_both!(
    a_second_device_acts_as_the_first,
    a_code_is_good_once_and_wrong_ones_say_nothing,
    devices_make_no_chain_and_no_circle,
    a_ban_of_any_device_holds_for_all,
    devices_follow_into_an_account,
    a_device_that_is_taken_back_is_somebody_new,
    a_device_that_was_taken_back_may_come_again,
);

/// A code that the device with this identity shows.
async fn code(server: &Server, of: &Who) -> String {
    let asked = json!({"anonymousId": of.anonymous_id, "nickname": "수달", "avatar": "otter"});
    let answered = post(server, "devices/code", None, &asked).await;
    assert_eq!(answered.body["expiresIn"], 600, "{}", answered.body);
    check_schema("DeviceCode", &answered.body);
    answered.text("code")
}

/// This device types it.
async fn types(server: &Server, device: &Who, code: &str) -> Value {
    let asked = json!({"anonymousId": device.anonymous_id, "code": code});
    let answer = post(server, "devices", None, &asked).await.ok();
    check_schema("DeviceJoined", &answer);
    answer
}

async fn refused(server: &Server, device: &Who, code: &str) -> (u16, String) {
    let answered = post(server, "devices", None, &json!({"anonymousId": device.anonymous_id, "code": code})).await;
    let (status, code) = answered.refusal();
    (status, code.to_owned())
}

/// Joins; the client, its public id, and what it is told to be as well.
async fn join(server: &Server, as_whom: &Who) -> (Client, String, Vec<String>) {
    let (client, welcome) = Client::join(server, "post", as_whom.clone()).await;
    let own = welcome.head.own.expect("an author");
    let also = own.also.into_iter().map(|id| id.into_owned()).collect();
    (client, own.author.id.into_owned(), also)
}

async fn a_second_device_acts_as_the_first(database: &Database) {
    let server = Server::with(database, &OPEN).await;
    let (phone, laptop) = (Who::named("수달"), Who::named("다람쥐"));
    let (mut first, id, _) = join(&server, &phone).await;
    let (mut second, other, also) = join(&server, &laptop).await;
    assert_eq!(also, [""; 0]);
    let said = second.say("before").await;
    let own = first.say("by the first").await;
    let code = code(&server, &phone).await;
    let joined = types(&server, &laptop, &code.to_lowercase()).await;
    let expected = json!({
        "authorId": id, "also": [other], "changed": true, "nickname": "수달", "avatar": "otter"
    });
    assert_eq!(joined, expected);
    assert_eq!(second.closed().await, CloseCode::Restart.number(), "it comes back as who it is now");
    let as_first = Who { nickname: Some("수달".to_owned()), ..laptop.clone() };
    let (mut second, now, also) = join(&server, &as_first).await;
    assert_eq!((&now, &also), (&id, &vec![other.clone()]));
    // Both write as one, and what either wrote is both's.
    second.until_taken(&edit(&own.id, 1, "by the second")).await;
    first.until_taken(&edit(&said.id, 1, "by the first now")).await;
    let again = second.say("as the first").await;
    let shown = server.json(&format!("/api/v1/rooms/post/messages/{}", again.id)).await;
    assert_eq!(shown["message"]["author"]["id"], json!(id));
    let kept = server.json(&format!("/api/v1/rooms/post/messages/{}", said.id)).await;
    assert_eq!(kept["message"]["author"]["id"], json!(other), "a message keeps whose it is: {kept}");
    second.until_taken(&react(&own.id, "👍", true)).await;
    let secret = laptop.anonymous_id.to_string();
    let mine = server.get_with("/api/v1/rooms/post/reactions/mine?from=1&to=9", ("X-Anonymous-Id", &secret)).await;
    assert_eq!(mine.json::<Value>().await.expect("JSON")["reactions"][0]["id"], json!(own.id));
    // A server that starts later, and has only what is stored.
    drop((first, second));
    let server = server.again(database, &OPEN).await;
    let (_second, now, also) = join(&server, &as_first).await;
    assert_eq!((now, also), (id.clone(), vec![other.clone()]));
    let (_first, now, also) = join(&server, &phone).await;
    assert_eq!((now, also), (id, vec![other]));
}

async fn a_code_is_good_once_and_wrong_ones_say_nothing(database: &Database) {
    let server = Server::with(database, &OPEN).await;
    let [first, second, third] = ["수달", "다람쥐", "고래"].map(Who::named);
    let bad = (401, "BAD_CODE".to_owned());
    for none in ["", "ABCD", "2222-2222-2222", "가나다라-마바사아-자차카타"] {
        assert_eq!(refused(&server, &second, none).await, bad, "{none}");
    }
    let one = code(&server, &first).await;
    let another = code(&server, &first).await;
    assert_eq!(refused(&server, &second, &one).await, bad, "the last one counts");
    assert_eq!(types(&server, &second, &another).await["changed"], true);
    assert_eq!(refused(&server, &third, &another).await, bad, "it was used");
    // Five tries, and the right one is no good any more.
    let guessed = code(&server, &first).await;
    let wrong = format!("{}-2222-2222", &guessed[..4]);
    for _ in 0..5 {
        assert_eq!(refused(&server, &third, &wrong).await, bad);
    }
    assert_eq!(refused(&server, &third, &guessed).await, bad);
    for (body, status) in [
        (json!({"anonymousId": "nobody", "nickname": "수달"}), (400, "BAD_REQUEST")),
        (json!({"anonymousId": Uuid::new_v4()}), (400, "BAD_REQUEST")),
        (json!({"anonymousId": Uuid::new_v4(), "nickname": "x"}), (400, "INVALID_NICKNAME")),
        (json!({"anonymousId": Uuid::new_v4(), "nickname": "otter", "avatar": "dragon"}), (400, "INVALID_AVATAR")),
    ] {
        assert_eq!(post(&server, "devices/code", None, &body).await.refusal(), status, "{body}");
    }
    assert_eq!(database.number("SELECT count(*) FROM device_codes WHERE tries_left > 0").await, 0);
}

async fn devices_make_no_chain_and_no_circle(database: &Database) {
    let server = Server::with(database, &OPEN).await;
    let [a, b, c, d] = ["수달", "다람쥐", "고래", "토끼"].map(Who::named);
    let mut ids = Vec::new();
    for who in [&a, &b, &c, &d] {
        ids.push(join(&server, who).await.1);
    }
    assert_eq!(types(&server, &a, &code(&server, &a).await).await["changed"], false, "it is the same device");
    types(&server, &b, &code(&server, &a).await).await;
    // By the second device's code as well one acts as the first; and the first by it as itself.
    let by_second = code(&server, &b).await;
    assert_eq!(types(&server, &a, &by_second).await, json!({"authorId": ids[0], "also": [ids[1]], "changed": false}));
    types(&server, &d, &code(&server, &c).await).await;
    // Whoever had a further device brings it along.
    let joined = types(&server, &c, &by_second).await;
    assert_eq!(joined["authorId"], json!(ids[0]));
    let mut others = vec![ids[1].clone(), ids[2].clone(), ids[3].clone()];
    others.sort();
    for who in [&a, &b, &c, &d] {
        let (_client, id, mut also) = join(&server, who).await;
        also.sort();
        assert_eq!((&id, &also), (&ids[0], &others));
    }
    let chains = "SELECT count(*) FROM author_aliases a JOIN author_aliases b ON a.of_author = b.author_id";
    assert_eq!(database.number(chains).await, 0);
}

async fn a_ban_of_any_device_holds_for_all(database: &Database) {
    let server = Server::with(database, &OPEN).await;
    let keeper = owner(database, &server).await;
    let (mut keeper, _) = Client::join(&server, "post", who(ticket(&server, &keeper.access).await)).await;
    let (phone, laptop) = (Who::named("수달"), Who::named("다람쥐"));
    let (mut first, id, _) = join(&server, &phone).await;
    let (_, other, _) = join(&server, &laptop).await;
    done(&mut keeper, &ban(&other, 0, "all")).await;
    first.say("nobody's business yet").await;
    types(&server, &laptop, &code(&server, &phone).await).await;
    let (mut second, ..) = join(&server, &laptop).await;
    let refused = async |client: &mut Client| {
        client.until_answered(&message(Uuid::new_v4(), "a way around")).await.expect_err("shut out").code
    };
    assert_eq!(refused(&mut first).await, ErrorCode::Banned);
    assert_eq!(refused(&mut second).await, ErrorCode::Banned);
    done(&mut keeper, &unban(&other, "all")).await;
    second.say("allowed again").await;
    done(&mut keeper, &ban(&id, 0, "all")).await;
    assert_eq!(refused(&mut second).await, ErrorCode::Banned);
}

async fn devices_follow_into_an_account(database: &Database) {
    let server = Server::with(database, &OPEN).await;
    let own = register(&server, "otter@blog.example").await;
    let (phone, laptop) = (Who::named("수달"), Who::named("다람쥐"));
    let (_, id, _) = join(&server, &phone).await;
    let (mut second, other, _) = join(&server, &laptop).await;
    let said = second.say("as a guest").await;
    types(&server, &laptop, &code(&server, &phone).await).await;
    let open = code(&server, &phone).await;
    // By whichever device.
    let claimed = post(&server, "me/claim", Some(&own.access), &json!({"anonymousId": laptop.anonymous_id})).await.ok();
    let mut both = vec![id, other];
    both.sort();
    assert_eq!(claimed["also"], json!(both));
    for device in [&phone, &laptop] {
        let mut late = Client::connect(&server, "post").await;
        assert_eq!(late.refused(&device.join(None)).await.code, ErrorCode::Claimed);
        let asked = json!({"anonymousId": device.anonymous_id, "nickname": "수달"});
        assert_eq!(post(&server, "devices/code", None, &asked).await.refusal(), (409, "CLAIMED"));
    }
    assert_eq!(refused(&server, &Who::named("고래"), &open).await, (409, "CLAIMED".to_owned()));
    let guest = code(&server, &Who::named("토끼")).await;
    assert_eq!(refused(&server, &laptop, &guest).await, (409, "CLAIMED".to_owned()));
    let (mut account, welcome) = Client::join(&server, "post", who(ticket(&server, &own.access).await)).await;
    let also: Vec<String> = welcome.head.own.expect("an author").also.into_iter().map(|id| id.into_owned()).collect();
    assert_eq!(also.len(), 2);
    account.until_taken(&edit(&said.id, 1, "as myself")).await;
}

/// Whether this device's identity is that of somebody: what it is told of its devices.
async fn listed(server: &Server, device: &Who) -> Value {
    let secret = device.anonymous_id.to_string();
    let answer = ask(server, Method::GET, "/api/v1/devices", &[("X-Anonymous-Id", &secret)], &Value::Null).await.ok();
    check_schema("Devices", &answer);
    answer
}

/// This device takes another one back.
async fn removes(server: &Server, device: &Who, id: &str) -> Answered {
    let (secret, path) = (device.anonymous_id.to_string(), format!("/api/v1/devices/{id}"));
    ask(server, Method::DELETE, &path, &[("X-Anonymous-Id", &secret)], &Value::Null).await
}

async fn a_device_that_is_taken_back_is_somebody_new(database: &Database) {
    let server = Server::with(database, &OPEN).await;
    let [phone, laptop, tablet] = ["수달", "다람쥐", "고래"].map(Who::named);
    let (mut first, id, _) = join(&server, &phone).await;
    let (mut second, other, _) = join(&server, &laptop).await;
    let (_, third, _) = join(&server, &tablet).await;
    assert_eq!(listed(&server, &phone).await, json!({"authorId": id, "own": id, "devices": []}));
    let before = second.say("before it was a device").await;
    for device in [&laptop, &tablet] {
        types(&server, device, &code(&server, &phone).await).await;
    }
    let (mut second, now, _) = join(&server, &laptop).await;
    assert_eq!(now, id);
    let as_first = second.say("as the first").await;
    let list = listed(&server, &phone).await;
    let ids: Vec<&str> =
        list["devices"].as_array().expect("devices").iter().filter_map(|one| one["id"].as_str()).collect();
    assert_eq!(ids, [&other, &third], "in the order in which they came: {list}");
    assert!(list["devices"][0]["joinedAt"].is_string());
    // A further device sees and takes back itself alone.
    let own = listed(&server, &laptop).await;
    assert_eq!(
        (&own["authorId"], &own["own"], own["devices"].as_array().map(Vec::len)),
        (&json!(id), &json!(other), Some(1))
    );
    for (who, of, refusal) in [
        (&laptop, &*third, (403, "FORBIDDEN")),
        (&laptop, &id, (403, "FORBIDDEN")),
        (&phone, &id, (404, "NOT_FOUND")),
        (&phone, "nobody", (404, "NOT_FOUND")),
        (&phone, "no-id!", (404, "NOT_FOUND")),
        (&Who::named("토끼"), &other, (404, "NOT_FOUND")),
    ] {
        assert_eq!(removes(&server, who, of).await.refusal(), refusal, "{of}");
    }
    let open = code(&server, &laptop).await;
    assert_eq!(removes(&server, &phone, &other).await.status, 204);
    assert_eq!(removes(&server, &phone, &other).await.refusal(), (404, "NOT_FOUND"));
    assert_eq!(second.closed().await, CloseCode::Restart.number(), "it comes back as who it is now");
    assert_eq!(
        refused(&server, &Who::named("토끼"), &open).await,
        (401, "BAD_CODE".to_owned()),
        "a code that it had made"
    );
    let (mut second, fresh, also) = join(&server, &laptop).await;
    assert!(fresh != id && fresh != other && also.is_empty(), "{fresh} {also:?}");
    // What it wrote is whose it was: the first one's to edit, and not its own any more.
    for (n, said) in [&before, &as_first].into_iter().enumerate() {
        let answered = second.until_answered(&edit(&said.id, 1, "as nobody")).await;
        assert_eq!(answered.expect_err("not its own").code, ErrorCode::NotYours, "{n}");
        first.until_taken(&edit(&said.id, 1, "by the first")).await;
    }
    second.say("as somebody new").await;
    // The tablet stays, and leaves by itself; the same on a server that starts later.
    let (_, of_tablet, _) = join(&server, &tablet).await;
    assert_eq!(of_tablet, id);
    assert_eq!(removes(&server, &tablet, &third).await.status, 204);
    drop((first, second));
    let server = server.again(database, &OPEN).await;
    assert_eq!(join(&server, &laptop).await.1, fresh);
    let (_, alone, _) = join(&server, &tablet).await;
    assert!(alone != id && alone != third && alone != fresh);
    assert_eq!(listed(&server, &phone).await["devices"], json!([]));
    let (_, same, also) = join(&server, &phone).await;
    let mut both = vec![other, third];
    both.sort();
    assert_eq!((same, also.into_iter().collect::<std::collections::BTreeSet<_>>()), (id, both.into_iter().collect()));
}

async fn a_device_that_was_taken_back_may_come_again(database: &Database) {
    let server = Server::with(database, &OPEN).await;
    let [phone, laptop, stranger] = ["수달", "다람쥐", "고래"].map(Who::named);
    let (_, id, _) = join(&server, &phone).await;
    let (_, other, _) = join(&server, &laptop).await;
    types(&server, &laptop, &code(&server, &phone).await).await;
    assert_eq!(removes(&server, &phone, &other).await.status, 204);
    let (mut second, fresh, _) = join(&server, &laptop).await;
    let between = second.say("between").await;
    // To its old owner: what it said meanwhile is theirs as well.
    types(&server, &laptop, &code(&server, &phone).await).await;
    let (mut second, now, also) = join(&server, &laptop).await;
    assert_eq!(now, id);
    assert!(also.contains(&fresh) && also.contains(&other), "{also:?}");
    second.until_taken(&edit(&between.id, 1, "again")).await;
    let list = listed(&server, &phone).await;
    assert_eq!(
        list["devices"].as_array().expect("devices").iter().map(|one| &one["id"]).collect::<Vec<_>>(),
        [&json!(other)]
    );
    // All of it moves on together, and one more is taken back from there.
    let (_, of_stranger, _) = join(&server, &stranger).await;
    types(&server, &phone, &code(&server, &stranger).await).await;
    for device in [&phone, &laptop, &stranger] {
        assert_eq!(join(&server, device).await.1, of_stranger);
    }
    assert_eq!(removes(&server, &stranger, &other).await.status, 204);
    assert_eq!(join(&server, &phone).await.1, of_stranger);
    let last = join(&server, &laptop).await.1;
    assert!(last != of_stranger && last != fresh && last != other);
    // An account takes it over as who it is by now.
    let own = register(&server, "otter@blog.example").await;
    let claimed = post(&server, "me/claim", Some(&own.access), &json!({"anonymousId": laptop.anonymous_id})).await.ok();
    assert_eq!(claimed["also"], json!([last]), "{claimed}");
    let mut late = Client::connect(&server, "post").await;
    assert_eq!(late.refused(&laptop.join(None)).await.code, ErrorCode::Claimed);
    assert_eq!(join(&server, &phone).await.1, of_stranger, "the others are nobody's but their own");
}

/// A session of an identity that is an account's now says nothing any more, not even that it types.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_was_taken_over_types_no_more_and_keeps_the_name() {
    let (_database, server) = Server::alone(&OPEN).await;
    let own = register(&server, "otter@blog.example").await;
    let guest = Who::named("손님");
    let (mut before, _) = Client::join(&server, "post", guest.clone()).await;
    let (mut reader, _) = Client::join(&server, "post", Who::named("독자")).await;
    post(&server, "me/claim", Some(&own.access), &json!({"anonymousId": guest.anonymous_id})).await.ok();
    let refused = before.refused(&json!({"type": "PROFILE", "payload": {"nickname": "another"}})).await;
    assert_eq!(refused.code, ErrorCode::Claimed);
    before.send(&json!({"type": "TYPING", "payload": {}})).await;
    // Answered in order: what it typed was looked at before.
    before.ping().await;
    reader.send(&json!({"type": "TYPING", "payload": {}})).await;
    let typing = before.wait("who types", |frame| match frame {
        ServerFrame::Typing(typing) => Some(serde_json::to_value(typing).expect("JSON")),
        _ => None,
    });
    let typing = typing.await;
    assert_eq!(typing["authors"][0]["nickname"], "독자", "{typing}");
    assert_eq!(typing["authors"].as_array().map(Vec::len), Some(1), "{typing}");
}

const NO_POLL: (&str, &str) = ("CHAT_POLL_SECS", "3600");

/// What is decided on one server holds on the other within a moment, over the bus alone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn claims_devices_and_ended_logins_cross_over_redis() {
    let redis = Redis::start().await;
    let url = redis.url();
    let settings = [&OPEN[..], &[("CHAT_BUS", &*url), NO_POLL]].concat();
    let (_database, [one, two]) = Server::pair(&settings).await;
    for server in [&one, &two] {
        server.counts("the bus to carry", "chat_bus_up", |up| up == 1.0).await;
    }
    let own = register(&one, "otter@blog.example").await;
    let (phone, laptop, guest) = (Who::named("수달"), Who::named("다람쥐"), Who::named("손님"));
    let (_, id, _) = join(&one, &phone).await;
    let (mut there, ..) = join(&two, &laptop).await;
    types(&one, &laptop, &code(&one, &phone).await).await;
    assert_eq!(there.closed().await, CloseCode::Restart.number());
    assert_eq!(join(&two, &laptop).await.1, id);
    let (mut there, ..) = join(&two, &guest).await;
    there.say("as a guest").await;
    post(&one, "me/claim", Some(&own.access), &json!({"anonymousId": guest.anonymous_id})).await.ok();
    let claimed = until("the claim to be heard", async || {
        let said = there.until_answered(&message(Uuid::new_v4(), "hello")).await;
        said.err().map(|refusal| refusal.code)
    });
    assert_eq!(claimed.await, ErrorCode::Claimed);
    let (mut signed_in, _) = Client::join(&two, "post", who(ticket(&two, &own.access).await)).await;
    signed_in.say("as an account").await;
    post(&one, "auth/logout", Some(&own.access), &json!({})).await;
    assert_eq!(signed_in.closed().await, CloseCode::LoginEnded.number());
}
