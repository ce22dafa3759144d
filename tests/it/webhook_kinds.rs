//! What webhooks are told beside messages: rooms, reports, what waits for a moderator, and the guard.

use std::collections::HashSet;

use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    accounts,
    moderation::{get, post, refuses},
    support::{Client, Database, Server, check_schema, command::report, message, sql, until},
    webhooks::{Heard, Receiver, TOKEN, settings},
};

on_both!(each_kind_is_told_as_it_happens, what_was_decided_meanwhile_does_not_leave);

/// Tells a receiver these; the hook's id.
async fn told(server: &Server, receiver: &Receiver, (token, events): (&str, &[&str])) -> String {
    let wish = json!({"url": receiver.url(), "events": events});
    let (status, made) = post(server, "/api/v1/admin/webhooks", Some(token), &wish).await;
    assert_eq!((status, &made["events"]), (200, &json!(events)), "{made}");
    check_schema("Webhook", &made);
    made["id"].as_str().expect("an id").to_owned()
}

async fn done(server: &Server, path: &str, body: &Value) {
    let (status, answer) = post(server, &format!("/api/v1/admin/{path}"), Some(TOKEN), body).await;
    assert!((200..300).contains(&status), "{path}: {status} {answer}");
}

/// What was told of a kind, in its order: which change, and the whole.
fn of<'a>(heard: &'a [Heard], kind: &str) -> Vec<(&'a str, Value)> {
    let of_kind = |one: &'a Heard| {
        let body = one.json();
        (body["type"] == kind).then(|| (one.id.as_str(), body["data"].clone()))
    };
    heard.iter().filter_map(of_kind).collect()
}

fn changes(heard: &[Heard], kind: &str) -> Vec<String> {
    let change = |(_, data): (&str, Value)| data["change"].as_str().unwrap_or_default().to_owned();
    of(heard, kind).into_iter().map(change).collect()
}

/// The receiver's, once these changes of a kind were told.
async fn hears(receiver: &Receiver, kind: &str, expected: &[&str]) -> Vec<Heard> {
    until("the receiver to be told", async || Some(receiver.all()).filter(|all| changes(all, kind) == expected)).await
}

/// The id of what waits in a room; there is one.
async fn waiting(server: &Server, room: &str) -> String {
    let held = get(server, &format!("/api/v1/admin/held?room={room}"), TOKEN).await;
    assert_eq!(held["held"].as_array().map(Vec::len), Some(1), "{held}");
    held["held"][0]["id"].as_str().expect("an id").to_owned()
}

async fn each_kind_is_told_as_it_happens(database: &Database) {
    let server = Server::with(database, &settings()).await;
    let receiver = Receiver::new().await;
    let hook = told(&server, &receiver, (TOKEN, &["message.created", "room", "report", "held", "guard"])).await;
    // A room is made by its first message, and is told before it.
    let mut writer = Client::author(&server, "post", "writer").await;
    let spam = writer.say("buy this").await;
    let heard = receiver.hears(2).await;
    let kinds: Vec<_> = heard.iter().map(|one| one.json()["type"].clone()).collect();
    assert_eq!(kinds, ["room", "message.created"]);
    assert_eq!(of(&heard, "room")[0].1["roomId"], "post");
    // It is set; and the guard does it.
    done(&server, "rooms/post", &json!({"settings": {"holdNew": "all"}, "settingsRev": 0})).await;
    let heard = hears(&receiver, "room", &["made", "set"]).await;
    let set = &of(&heard, "room")[1].1;
    assert_eq!(
        (&set["settings"]["holdNew"], &set["settingsRev"], &set["by"]),
        (&json!("all"), &json!(1), &json!("operator"))
    );
    database
        .run(
            "INSERT INTO audit_log (room_id, actor, action, target, after) VALUES
             ('post', 'guard', 'room_set', 'null', '{\"settings\": {\"slowSeconds\": 30}, \"settingsRev\": 2}'),
             ('post', 'guard', 'room_set', 'null', '{\"settings\": {}, \"settingsRev\": 3, \"undoes\": \"2\"}')",
        )
        .await;
    let heard = hears(&receiver, "guard", &["on", "off"]).await;
    assert_eq!(of(&heard, "guard")[0].1["settings"], json!({"slowSeconds": 30}));
    // Somebody reports, with the message as it is; and it is settled.
    let mut reader = Client::author(&server, "post", "reader").await;
    reader.until_taken(&report(&spam.id, "advertising")).await;
    let heard = hears(&receiver, "report", &["reported"]).await;
    let reported = of(&heard, "report")[0].1.clone();
    assert_eq!((&reported["messageId"], &reported["reason"]), (&json!(spam.id), &json!("advertising")));
    assert_eq!(reported["message"]["content"], "buy this");
    done(&server, &format!("rooms/post/messages/{}/settle", spam.id), &json!({})).await;
    hears(&receiver, "report", &["reported", "settled"]).await;
    // Something waits, and is let through.
    assert_eq!(refuses(&mut reader, &message(Uuid::new_v4(), "am I here?")).await.code.as_str(), "HELD");
    let heard = hears(&receiver, "held", &["waits"]).await;
    let held = of(&heard, "held")[0].1.clone();
    assert_eq!((&held["content"], &held["author"]["nickname"]), (&json!("am I here?"), &json!("reader")));
    let id = waiting(&server, "post").await;
    assert_eq!(held["heldId"], json!(id));
    done(&server, "held/approve", &json!({"room": "post", "heldIds": [id]})).await;
    let heard = hears(&receiver, "held", &["waits", "approved"]).await;
    assert_eq!(of(&heard, "held")[1].1["heldIds"], json!([id]));
    // Who renames it.
    done(&server, "rooms/post/rename", &json!({"to": "new-name"})).await;
    let heard = hears(&receiver, "room", &["made", "set", "renamed"]).await;
    assert_eq!(of(&heard, "room")[2].1["to"], "new-name");
    let ids: HashSet<_> = heard.iter().map(|one| &one.id).collect();
    assert_eq!(ids.len(), heard.len(), "each once: {heard:?}");
    let told_of = heard.iter().map(|one| one.body.as_str()).collect::<String>();
    assert!(!told_of.contains("127.0.0.1") && !told_of.contains("network"), "where somebody is: {told_of}");
    again(&server, &receiver, (&hook, &of(&heard, "report"))).await;
}

/// The log says what was told, without a text; one of it is sent again under its own id, as it is now.
async fn again(server: &Server, receiver: &Receiver, (hook, reports): (&str, &[(&str, Value)])) {
    let log = get(server, &format!("/api/v1/admin/webhooks/{hook}/log"), TOKEN).await;
    check_schema("WebhookLog", &log);
    assert!(!log.to_string().contains("advertising") && !log.to_string().contains("am I here"), "{log}");
    let (id, _) = reports[0];
    let deliveries = log["deliveries"].as_array().expect("a list");
    let delivery = deliveries.iter().find(|one| one["webhookId"] == id).expect("in the log");
    let n = receiver.all().len();
    done(server, &format!("webhooks/{hook}/redeliver"), &json!({"delivery": delivery["id"]})).await;
    let heard = receiver.hears(n + 1).await;
    assert_eq!((heard[n].id.as_str(), &heard[n].json()["data"]["change"]), (id, &json!("reported")));
}

async fn what_was_decided_meanwhile_does_not_leave(database: &Database) {
    let server = Server::with(database, &settings()).await;
    done(&server, "rooms/post", &json!({"settings": {"holdNew": "all"}, "settingsRev": 0})).await;
    let receiver = Receiver::new().await;
    let hook = told(&server, &receiver, (TOKEN, &["held"])).await;
    let address = receiver.away().await;
    let mut guest = Client::author(&server, "post", "guest").await;
    assert_eq!(refuses(&mut guest, &message(Uuid::new_v4(), "said in anger")).await.code.as_str(), "HELD");
    let id = waiting(&server, "post").await;
    done(&server, "held/reject", &json!({"room": "post", "heldIds": [id]})).await;
    let mut other = Client::author(&server, "post", "other").await;
    assert_eq!(refuses(&mut other, &message(Uuid::new_v4(), "kept")).await.code.as_str(), "HELD");
    server.kill9().await;
    // Whoever was telling when it ended does not any more. Before there is a server that could be telling already.
    database.run("UPDATE webhook_positions SET held_until = (SELECT min(created_at) FROM webhooks)").await;
    let server = Server::with(database, &settings()).await;
    let receiver = Receiver::at(address).await;
    done(&server, &format!("webhooks/{hook}/wake"), &json!({})).await;
    let heard = until("both lists to be told", async || Some(receiver.all()).filter(|all| all.len() >= 2)).await;
    let mut told = changes(&heard, "held");
    told.sort();
    assert_eq!(told, ["rejected", "waits"]);
    assert!(!heard.iter().any(|one| one.body.contains("anger")), "what was rejected left: {heard:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_servers_tell_each_deed_once_and_who_may_not_review_any_more_hears_no_report() {
    let (database, [here, there]) = Server::pair(&settings()).await;
    let admin = accounts::register(&here, "admin@blog.example").await;
    let found = get(&here, "/api/v1/admin/users?q=admin@", TOKEN).await;
    let path = format!("users/{}", found["users"][0]["id"].as_str().expect("an id"));
    done(&here, &path, &json!({"role": "admin"})).await;
    let receiver = Receiver::new().await;
    let (_, made) = until("the role to be known", async || {
        let wish = json!({"url": receiver.url(), "events": ["room", "report"]});
        let made = post(&here, "/api/v1/admin/webhooks", Some(&admin.access), &wish).await;
        Some(made).filter(|(status, _)| *status == 200)
    })
    .await;
    assert_eq!(made["events"], json!(["room", "report"]));
    let spam = Client::author(&there, "post", "writer").await.say("buy this").await;
    for rev in 0..20 {
        let server = if rev % 2 == 0 { &here } else { &there };
        done(server, "rooms/post", &json!({"settings": {"slowSeconds": rev}, "settingsRev": rev})).await;
    }
    let heard = until("all to be told", async || Some(receiver.all()).filter(|all| all.len() >= 21)).await;
    let revs: Vec<_> = of(&heard, "room").iter().filter_map(|(_, data)| data["settingsRev"].as_i64()).collect();
    assert_eq!(revs, (1..=20).collect::<Vec<_>>(), "in order, each once");
    done(&here, &path, &json!({"role": "member"})).await;
    for server in [&here, &there] {
        until("the role to be known", async || {
            let wish = json!({"url": receiver.url()});
            let (status, _) = post(server, "/api/v1/admin/webhooks", Some(&admin.access), &wish).await;
            (status != 200).then_some(())
        })
        .await;
    }
    Client::author(&there, "post", "reader").await.until_taken(&report(&spam.id, "advertising")).await;
    let client = sql(&database.url, "").await;
    until("the report to be passed by", async || {
        let rows = client.query("SELECT FROM webhook_positions WHERE list = 2 AND position > 0", &[]).await;
        (!rows.expect("rows").is_empty()).then_some(())
    })
    .await;
    assert!(of(&receiver.all(), "report").is_empty(), "somebody who may not see it was told");
}
