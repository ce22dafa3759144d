//! Webhooks from end to end, told to a real receiver that goes away and comes back, and written to by other systems.

use std::{
    collections::HashSet,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use reqwest::Method;
use serde_json::{Value, json};
use sha2::Sha256;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

use crate::{
    accounts::{self, ask, get, post, with},
    support::{Client, Database, Server, Smtp, check_schema, soon, until},
};

on_both!(
    what_happens_is_told_in_order_and_signed,
    nothing_is_lost_while_the_receiver_or_the_server_is_away_and_no_deleted_text_leaves,
    one_is_changed_and_goes_on_with_its_secret,
    what_others_write_appears,
);

pub const TOKEN: &str = "the token of whoever runs it";

/// A server whose webhooks may go to this machine.
pub fn settings() -> Vec<(&'static str, &'static str)> {
    [&accounts::OPEN[..], &[("CHAT_ADMIN_TOKEN", TOKEN), ("CHAT_WEBHOOK_NETWORKS", "127.0.0.0/8")]].concat()
}

/// Something that a receiver was told.
#[derive(Debug, Clone)]
pub struct Heard {
    pub id: String,
    pub timestamp: String,
    signature: String,
    pub body: String,
}

impl Heard {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("JSON")
    }

    fn event(&self) -> (String, String) {
        let body = self.json();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        (text(&body["type"]), text(&body["data"]["message"]["content"]))
    }

    /// Whether it is signed with this secret, by the words of Standard Webhooks.
    fn is_signed(&self, secret: &str) -> bool {
        let key = STANDARD.decode(secret.strip_prefix("whsec_").expect("a secret")).expect("base64");
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).expect("a key");
        mac.update(format!("{}.{}.{}", self.id, self.timestamp, self.body).as_bytes());
        self.signature == format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    }
}

/// A server that takes what webhooks tell, and remembers it.
pub struct Receiver {
    address: SocketAddr,
    heard: Arc<Mutex<Vec<Heard>>>,
    serving: JoinHandle<()>,
}

/// Reads one request and takes it.
async fn take(mut stream: TcpStream, heard: Arc<Mutex<Vec<Heard>>>) -> Option<()> {
    let mut read = Vec::new();
    let end = loop {
        stream.read_buf(&mut read).await.ok().filter(|n| *n > 0)?;
        if let Some(end) = read.windows(4).position(|part| part == b"\r\n\r\n") {
            break end + 4;
        }
    };
    let head = String::from_utf8(read[..end].to_vec()).ok()?;
    assert!(head.starts_with("POST /hook?a=b HTTP/1.1\r\n"), "{head}");
    let header = |name: &str| {
        let mut lines = head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.to_owned())
    };
    let length: usize = header("content-length")?.parse().ok()?;
    while read.len() < end + length {
        stream.read_buf(&mut read).await.ok().filter(|n| *n > 0)?;
    }
    let one = Heard {
        id: header("webhook-id")?,
        timestamp: header("webhook-timestamp")?,
        signature: header("webhook-signature")?,
        body: String::from_utf8(read[end..].to_vec()).ok()?,
    };
    heard.lock().expect("no panic").push(one);
    stream.write_all(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n").await.ok()
}

impl Receiver {
    pub async fn at(address: SocketAddr) -> Self {
        let listener = TcpListener::bind(address).await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let heard = Arc::<Mutex<Vec<Heard>>>::default();
        let hearing = heard.clone();
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(take(stream, hearing.clone()));
            }
        });
        Self { address, heard, serving }
    }

    pub async fn new() -> Self {
        Self::at(SocketAddr::from(([127, 0, 0, 1], 0))).await
    }

    pub fn all(&self) -> Vec<Heard> {
        self.heard.lock().expect("no panic").clone()
    }

    /// What was told once it is so much.
    pub async fn hears(&self, n: usize) -> Vec<Heard> {
        until("the receiver to be told", async || Some(self.all()).filter(|all| all.len() >= n)).await
    }

    pub fn url(&self) -> String {
        format!("http://{}/hook?a=b", self.address)
    }

    /// Takes nothing more.
    pub async fn away(self) -> SocketAddr {
        self.serving.abort();
        let _ = self.serving.await;
        self.address
    }
}

/// Tells a receiver; the hook and its secret.
async fn told(server: &Server, receiver: &Receiver) -> (String, String) {
    let made = post(server, "admin/webhooks", Some(TOKEN), &json!({"url": receiver.url()})).await.ok();
    check_schema("Webhook", &made);
    let text = |name: &str| made[name].as_str().unwrap_or_else(|| panic!("{name} in {made}")).to_owned();
    (text("id"), text("secret"))
}

fn created(text: &str) -> (String, String) {
    ("message.created".to_owned(), text.to_owned())
}

async fn what_happens_is_told_in_order_and_signed(database: &Database) {
    let server = Server::with(database, &settings()).await;
    let mut writer = Client::author(&server, "post", "writer").await;
    writer.say("before anybody was told").await;
    let receiver = Receiver::new().await;
    let (hook, secret) = told(&server, &receiver).await;
    for n in 0..5 {
        writer.say(&format!("number {n}")).await;
    }
    // In a room that is new.
    Client::author(&server, "another", "writer").await.say("elsewhere").await;
    let heard = receiver.hears(6).await;
    let of_room = |room: &str| {
        let those = heard.iter().filter(|one| one.json()["data"]["roomId"] == room);
        those.map(Heard::event).collect::<Vec<_>>()
    };
    let expected: Vec<_> = (0..5).map(|n| created(&format!("number {n}"))).collect();
    assert_eq!((of_room("post"), of_room("another")), (expected, vec![created("elsewhere")]));
    assert!(heard.iter().all(|one| one.is_signed(&secret)), "{heard:?}");
    assert!(!heard[0].is_signed("whsec_bm90aGluZw=="));
    let ids: HashSet<_> = heard.iter().map(|one| &one.id).collect();
    assert_eq!(ids.len(), 6);
    // By hand: a test, and one of them again under its own id.
    let tested = post(&server, &format!("admin/webhooks/{hook}/test"), Some(TOKEN), &json!({})).await.ok();
    check_schema("WebhookTried", &tested);
    assert_eq!((&tested["taken"], &tested["status"]), (&json!(true), &json!(204)));
    let log = get(&server, &format!("admin/webhooks/{hook}/log"), TOKEN).await.ok();
    check_schema("WebhookLog", &log);
    let deliveries = log["deliveries"].as_array().expect("a list");
    assert_eq!((deliveries.len(), &deliveries[0]["event"]), (7, &json!("test")));
    assert!(!log.to_string().contains("number"), "no text is kept: {log}");
    let again = json!({"delivery": deliveries[1]["id"]});
    let sent = post(&server, &format!("admin/webhooks/{hook}/redeliver"), Some(TOKEN), &again).await.ok();
    assert_eq!(sent["taken"], true);
    let heard = receiver.hears(8).await;
    assert_eq!(heard[7].id, deliveries[1]["webhookId"].as_str().expect("an id"));
    // One room's, and one kind's.
    let wish = json!({"url": receiver.url(), "events": ["message.deleted"], "roomId": "post"});
    let only = post(&server, "admin/webhooks", Some(TOKEN), &wish).await.ok();
    assert_eq!((&only["roomId"], &only["events"]), (&json!("post"), &json!(["message.deleted"])));
    let listed = get(&server, "admin/webhooks", TOKEN).await.ok();
    check_schema("Webhooks", &listed);
    assert!(listed["webhooks"].as_array().expect("a list").iter().all(|hook| hook.get("secret").is_none()), "{listed}");
    let path = format!("admin/webhooks/{hook}");
    assert_eq!(with(&server, Method::DELETE, &path, TOKEN, &Value::Null).await.status, 204);
    assert_eq!(with(&server, Method::DELETE, &path, TOKEN, &Value::Null).await.refusal(), (404, "NOT_FOUND"));
    let ack = writer.say("to be deleted").await;
    let path = format!("admin/rooms/post/messages/{}/delete", ack.id);
    post(&server, &path, Some(TOKEN), &json!({})).await.ok();
    let heard = receiver.hears(9).await;
    assert_eq!(heard[8].event(), ("message.deleted".to_owned(), String::new()));
    refusals(&server).await;
}

async fn one_is_changed_and_goes_on_with_its_secret(database: &Database) {
    let server = Server::with(database, &settings()).await;
    let mut writer = Client::author(&server, "post", "writer").await;
    let (first, second) = (Receiver::new().await, Receiver::new().await);
    let (hook, secret) = told(&server, &first).await;
    writer.say("to the first").await;
    first.hears(1).await;
    let path = format!("admin/webhooks/{hook}");
    let change = async |change: Value| with(&server, Method::PATCH, &path, TOKEN, &change).await;
    let changed = change(json!({"url": second.url(), "events": ["message.created"]})).await.ok();
    check_schema("Webhook", &changed);
    assert_eq!((&changed["url"], &changed["events"]), (&json!(second.url()), &json!(["message.created"])));
    let ack = writer.say("to the second").await;
    let heard = second.hears(1).await;
    assert_eq!(heard[0].event(), created("to the second"));
    assert!(heard[0].is_signed(&secret), "the secret stays");
    // What is not named stays as it is.
    let changed = change(json!({"events": ["message.deleted"]})).await.ok();
    assert_eq!(changed["url"], second.url());
    writer.say("of no interest").await;
    post(&server, &format!("admin/rooms/post/messages/{}/delete", ack.id), Some(TOKEN), &json!({})).await.ok();
    assert_eq!(second.hears(2).await[1].event().0, "message.deleted");
    assert_eq!(first.all().len(), 1);
    // What it was not told of is not told later either: it begins where things are.
    change(json!({"events": ["guard"]})).await.ok();
    writer.say("meanwhile").await;
    change(json!({"events": ["message.created", "room"]})).await.ok();
    writer.say("from now on").await;
    assert_eq!(second.hears(3).await[2].event(), created("from now on"));
    let set = json!({"settings": {"slowSeconds": 0, "linksMax": 3}, "settingsRev": 0});
    post(&server, "admin/rooms/post", Some(TOKEN), &set).await.ok();
    assert_eq!(second.hears(4).await[3].event().0, "room", "a list of its own, followed from then on");
    for wrong in
        [json!({"url": "http://10.0.0.1/"}), json!({"events": ["king"]}), json!({"events": []}), json!({"room": 1})]
    {
        assert_eq!(change(wrong.clone()).await.refusal(), (400, "BAD_REQUEST"), "{wrong}");
    }
    let member = accounts::register(&server, "otter@blog.example").await;
    let none = format!("admin/webhooks/{}", uuid::Uuid::new_v4());
    let to = json!({"url": second.url()});
    assert_eq!(with(&server, Method::PATCH, &path, &member.access, &to).await.refusal(), (403, "FORBIDDEN"));
    assert_eq!(with(&server, Method::PATCH, &none, TOKEN, &to).await.refusal(), (404, "NOT_FOUND"));
    let audit = get(&server, "admin/audit", TOKEN).await.ok();
    check_schema("AuditLog", &audit);
    let entry = audit["entries"].as_array().expect("a list").iter().find(|entry| entry["action"] == "webhook_set");
    assert_eq!(entry.map(|entry| &entry["after"]["url"]), Some(&json!(second.url())));
}

/// Where no webhook goes, and who makes none.
async fn refusals(server: &Server) {
    for url in [
        "http://10.0.0.1/",
        "https://192.168.1.1/",
        "https://[::1]/",
        "http://169.254.169.254/",
        "ftp://a.example/",
        "",
    ] {
        let answered = post(server, "admin/webhooks", Some(TOKEN), &json!({"url": url})).await;
        assert_eq!(answered.refusal(), (400, "BAD_REQUEST"), "{url}");
    }
    let wish = json!({"url": "https://a.example/", "events": ["king"]});
    assert_eq!(post(server, "admin/webhooks", Some(TOKEN), &wish).await.refusal(), (400, "BAD_REQUEST"));
    // A name is looked up when something is sent.
    let home = post(server, "admin/webhooks", Some(TOKEN), &json!({"url": "https://[2001:db8::1]/"})).await;
    assert_eq!(home.refusal(), (400, "BAD_REQUEST"));
    let member = accounts::register(server, "otter@blog.example").await;
    for path in ["admin/webhooks", "admin/hooks"] {
        assert_eq!(get(server, path, &member.access).await.refusal(), (403, "FORBIDDEN"), "{path}");
    }
    let nobody = uuid::Uuid::new_v4();
    for path in ["test", "wake"] {
        let answered = post(server, &format!("admin/webhooks/{nobody}/{path}"), Some(TOKEN), &json!({})).await;
        assert_eq!(answered.refusal(), (404, "NOT_FOUND"), "{path}");
    }
}

async fn nothing_is_lost_while_the_receiver_or_the_server_is_away_and_no_deleted_text_leaves(database: &Database) {
    let server = Server::with(database, &settings()).await;
    let mut writer = Client::author(&server, "post", "writer").await;
    let receiver = Receiver::new().await;
    let (hook, secret) = told(&server, &receiver).await;
    writer.say("first").await;
    let before = receiver.hears(1).await;
    let address = receiver.away().await;
    writer.say("second").await;
    let state = async |server: &Server| {
        let listed = get(server, "admin/webhooks", TOKEN).await.ok();
        listed["webhooks"][0]["state"].as_str().expect("a state").to_owned()
    };
    soon("the webhook to fail", async || state(&server).await == "failing").await;
    let secret_text = writer.say("said in anger").await;
    for n in 0..30 {
        writer.say(&format!("number {n}")).await;
    }
    let path = format!("admin/rooms/post/messages/{}/delete", secret_text.id);
    post(&server, &path, Some(TOKEN), &json!({})).await.ok();
    let server = server.again(database, &settings()).await;
    let receiver = Receiver::at(address).await;
    let woken = post(&server, &format!("admin/webhooks/{hook}/wake"), Some(TOKEN), &json!({})).await.ok();
    check_schema("Webhook", &woken);
    let heard = receiver.hears(32).await;
    assert!(heard.iter().all(|one| one.is_signed(&secret)));
    let mut seen: HashSet<_> = before.iter().map(|one| one.id.clone()).collect();
    let events: Vec<_> = heard.iter().filter(|one| seen.insert(one.id.clone())).map(Heard::event).collect();
    let mut expected = vec![created("second")];
    expected.extend((0..30).map(|n| created(&format!("number {n}"))));
    expected.push(("message.deleted".to_owned(), String::new()));
    assert_eq!(events, expected, "in order, each once");
    assert!(!heard.iter().any(|one| one.body.contains("anger")), "a deleted text left");
    soon("the webhook to be well", async || state(&server).await == "on").await;
    assert!(!server.log().contains("anger"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_owner_hears_of_one_that_failed_for_three_days() {
    let mut smtp = Smtp::start().await;
    let url = format!("smtp://127.0.0.1:{}", smtp.port);
    let mail = [
        ("CHAT_SMTP_URL", url.as_str()),
        ("CHAT_MAIL_FROM", "The chat <chat@blog.example>"),
        ("CHAT_PUBLIC_URL", "https://chat.blog.example"),
        ("CHAT_CONTACT_TO", "owner@blog.example"),
    ];
    let settings = [&settings()[..], &mail].concat();
    let database = Database::postgres().await;
    let server = Server::with(&database, &settings).await;
    let receiver = Receiver::new().await;
    let (hook, _) = told(&server, &receiver).await;
    receiver.away().await;
    Client::author(&server, "post", "writer").await.say("nobody hears it").await;
    let state = async || {
        let listed = get(&server, "admin/webhooks", TOKEN).await.ok();
        listed["webhooks"][0]["state"].as_str().expect("a state").to_owned()
    };
    soon("it to fail", async || state().await == "failing").await;
    database.run("UPDATE webhooks SET failing_since = now() - interval '73 hours', next_at = now()").await;
    soon("it to be off", async || state().await == "off").await;
    let letter = smtp.next().await;
    assert_eq!(letter["subject"], "A webhook of chat.blog.example is off · 웹훅이 멈췄습니다");
    server.logs("is given up: it has failed for three days").await;
    let audit = get(&server, "admin/audit", TOKEN).await.ok();
    check_schema("AuditLog", &audit);
    assert_eq!(audit["entries"][0]["action"], "webhook_off");
    let woken = post(&server, &format!("admin/webhooks/{hook}/wake"), Some(TOKEN), &json!({})).await.ok();
    assert_eq!(woken["state"], "on");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_servers_tell_everything_once() {
    let (_database, [here, there]) = Server::pair(&settings()).await;
    let receiver = Receiver::new().await;
    told(&here, &receiver).await;
    let mut writers = Vec::new();
    for (n, server) in [&here, &there].into_iter().enumerate() {
        for room in ["one", "two"] {
            writers.push((room, Client::author(server, room, &format!("writer {n}")).await));
        }
    }
    let mut said = HashSet::new();
    for n in 0..10 {
        for (room, writer) in &mut writers {
            let ack = writer.say(&format!("number {n}")).await;
            said.insert(((*room).to_owned(), ack.seq));
        }
    }
    let heard = receiver.hears(said.len()).await;
    let place = |one: &Heard| {
        let data = one.json()["data"].clone();
        let seq = data["message"]["seq"].as_i64().expect("a number");
        (data["roomId"].as_str().expect("a room").to_owned(), seq)
    };
    let places: Vec<_> = heard.iter().map(place).collect();
    assert_eq!(places.iter().cloned().collect::<HashSet<_>>(), said);
    assert_eq!(places.len(), said.len(), "none was sent twice");
    for room in ["one", "two"] {
        let seqs: Vec<_> = places.iter().filter(|(of, _)| of == room).map(|(_, seq)| *seq).collect();
        assert!(seqs.is_sorted(), "{room}: {seqs:?}");
    }
}

async fn what_others_write_appears(database: &Database) {
    let server = Server::with(database, &settings()).await;
    let mut reader = Client::author(&server, "post", "reader").await;
    reader.say("hello").await;
    let wish = json!({"roomId": "post", "nickname": "deploys"});
    let made = post(&server, "admin/hooks", Some(TOKEN), &wish).await.ok();
    check_schema("InboundHook", &made);
    let path = made["path"].as_str().expect("a path").to_owned();
    let listed = get(&server, "admin/hooks", TOKEN).await.ok();
    check_schema("InboundHooks", &listed);
    assert_eq!(listed["hooks"][0]["nickname"], "deploys");
    let (_, secret) = path.rsplit_once('/').expect("a secret");
    assert!(!listed.to_string().contains(secret), "it was told once");
    let say = async |headers: &[(&str, &str)], body: Value| ask(&server, Method::POST, &path, headers, &body).await;
    say(&[], json!({"text": "it is out", "username": "release bot", "icon": "https://a.example/b.png"})).await.ok();
    let push = json!({"repository": {"full_name": "otter/chat"}, "sender": {"login": "ollie"}, "ref": "refs/heads/main", "commits": [{}]});
    say(&[("X-GitHub-Event", "push")], push).await.ok();
    let alert = json!({"status": "resolved", "alerts": [{"labels": {"alertname": "ChatDown"}}], "commonLabels": {"alertname": "ChatDown"}});
    let answered = say(&[], alert).await.ok();
    check_schema("InboundWritten", &answered);
    // Whoever is there sees it as well.
    reader.reach(4).await;
    let page = server.json("/api/v1/rooms/post/messages").await;
    check_schema("MessagePage", &page);
    let messages = page["messages"].as_array().expect("messages");
    let of = |n: usize| {
        let message = &messages[n];
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        (text(&message["author"]["nickname"]), text(&message["author"]["badge"]), text(&message["content"]))
    };
    let said = |nickname: &str, text: &str| (nickname.to_owned(), "bot".to_owned(), text.to_owned());
    assert_eq!(of(1), said("release bot", "it is out"));
    assert_eq!(of(2), said("deploys", "[otter/chat] ollie pushed 1 commit to main"));
    assert_eq!(of(3), said("deploys", "[RESOLVED 1] ChatDown"));
    for (body, expected) in [
        (json!({}), (400, "BAD_REQUEST")),
        (json!({"text": ""}), (400, "INVALID_CONTENT")),
        (json!({"text": "a", "username": "x"}), (400, "INVALID_NICKNAME")),
    ] {
        assert_eq!(say(&[], body.clone()).await.refusal(), expected, "{body}");
    }
    for wrong in ["x", &"a".repeat(43), &secret.to_lowercase(), "%00", "..%2f"] {
        let path = format!("/api/v1/hooks/{wrong}");
        let answered = ask(&server, Method::POST, &path, &[], &json!({"text": "a"})).await;
        assert_eq!(answered.status, 404, "{wrong}");
    }
    let metrics = server.get("/metrics").await.text().await.expect("text");
    assert!(!metrics.contains(secret), "no figure has the secret");
    // As often as another system may, and no more.
    let mut n_taken = 0;
    let refused = loop {
        let answered = say(&[], json!({})).await;
        if answered.status == 429 {
            break answered;
        }
        n_taken += 1;
        assert!(n_taken < 120, "nobody counts");
    };
    assert_eq!(refused.refusal(), (429, "RATE_LIMITED"));
    let removing = format!("admin/hooks/{}", made["id"].as_str().expect("an id"));
    assert_eq!(with(&server, Method::DELETE, &removing, TOKEN, &Value::Null).await.status, 204);
    assert_eq!(say(&[], json!({"text": "late"})).await.refusal(), (404, "NOT_FOUND"));
    assert_eq!(get(&server, "admin/bots", TOKEN).await.ok(), json!({"bots": []}));
    assert!(!server.log().contains(secret), "no log has the secret");
}
