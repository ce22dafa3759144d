//! What happens goes to a real RabbitMQ, which goes away, comes back, and refuses.

use std::{
    collections::HashSet,
    fs,
    process::{Child, Command, Stdio},
};

use lapin::{
    Channel, Connection, ConnectionProperties, ExchangeKind,
    message::BasicGetMessage,
    options::{BasicGetOptions, ExchangeDeclareOptions, ExchangeDeleteOptions, QueueBindOptions, QueueDeclareOptions},
    types::{AMQPValue, FieldTable, LongString},
};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    moderation::{get, post, refuses},
    support::{
        Client, Database, Folder, Proxy, RabbitMq, Server,
        command::{delete, edit, report},
        message, soon, until,
    },
    webhooks::{TOKEN, settings},
};

const EXCHANGE: &str = "chat.events";
const QUEUE: &str = "everything";
/// Each case has one of its own: what one does nobody else sees.
const VHOSTS: [&str; 10] = ["kinds", "files", "two", "away", "other", "full", "secure", "python", "alarm", "killed"];

/// Something that the broker has.
#[derive(Debug)]
struct Published {
    id: String,
    key: String,
    headers: Vec<(String, String)>,
    is_as_documented: bool,
    body: Value,
}

impl Published {
    fn of(message: &BasicGetMessage) -> Self {
        let properties = &message.properties;
        let text = |value: &AMQPValue| match value {
            AMQPValue::LongString(text) => text.to_string(),
            other => format!("{other:?}"),
        };
        let headers = properties.headers().as_ref().expect("headers").inner();
        let body: Value = serde_json::from_slice(&message.data).expect("JSON");
        let is_as_documented = *properties.delivery_mode() == Some(2)
            && properties.content_type().as_ref().is_some_and(|kind| kind.as_str() == "application/json")
            && properties.timestamp().is_some_and(|at| at > 1_700_000_000)
            && body["type"] == message.routing_key.as_str();
        Self {
            id: properties.message_id().as_ref().expect("an id").to_string(),
            key: message.routing_key.to_string(),
            headers: headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect(),
            is_as_documented,
            body,
        }
    }

    fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    fn text(&self) -> &str {
        self.body["data"]["message"]["content"].as_str().unwrap_or_default()
    }

    /// What it is, and what of it.
    fn what(&self) -> String {
        format!("{} {}", self.key, self.body["data"]["change"].as_str().unwrap_or_else(|| self.text()))
    }
}

/// Somebody who keeps what is published, in a durable queue.
struct Subscriber {
    _connection: Connection,
    channel: Channel,
    seen: HashSet<String>,
    /// What came more than once.
    n_again: usize,
}

impl Subscriber {
    async fn at(rabbit: &RabbitMq, vhost: &str) -> Self {
        let connection = Connection::connect(&rabbit.url(vhost), ConnectionProperties::default()).await;
        let connection = connection.expect("a connection");
        let channel = connection.create_channel().await.expect("a channel");
        Self { _connection: connection, channel, seen: HashSet::new(), n_again: 0 }
    }

    async fn of_all(rabbit: &RabbitMq, vhost: &str) -> Self {
        let subscriber = Self::at(rabbit, vhost).await;
        subscriber.declare(ExchangeKind::Topic).await;
        subscriber.bind(QUEUE, FieldTable::default()).await;
        subscriber
    }

    async fn declare(&self, kind: ExchangeKind) {
        let durable = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
        let declaring = self.channel.exchange_declare(EXCHANGE.into(), kind, durable, FieldTable::default());
        declaring.await.expect("an exchange");
    }

    async fn bind(&self, queue: &str, arguments: FieldTable) {
        let declaring = self.channel.queue_declare(queue.into(), QueueDeclareOptions::durable(), arguments);
        declaring.await.expect("a queue");
        let (queue, exchange, options) = (queue.into(), EXCHANGE.into(), QueueBindOptions::default());
        let binding = self.channel.queue_bind(queue, exchange, "#".into(), options, FieldTable::default());
        binding.await.expect("a binding");
    }

    /// Takes so many, each once by what names it.
    async fn takes(&mut self, n: usize) -> Vec<Published> {
        let mut all = Vec::new();
        while all.len() < n {
            let getting = async || {
                let got = self.channel.basic_get(QUEUE.into(), BasicGetOptions { no_ack: true }).await;
                got.expect("an answer")
            };
            let one = Published::of(&until("something to be published", getting).await);
            assert!(one.is_as_documented, "{one:?}");
            if self.seen.insert(one.id.clone()) {
                all.push(one);
            } else {
                self.n_again += 1;
            }
        }
        all
    }
}

fn numbers(n: std::ops::Range<usize>) -> Vec<String> {
    n.map(|n| format!("number {n}")).collect()
}

async fn say(writer: &mut Client, n: std::ops::Range<usize>) {
    for text in numbers(n) {
        writer.say(&text).await;
    }
}

fn texts(all: &[Published]) -> Vec<&str> {
    all.iter().map(Published::text).filter(|text| !text.is_empty()).collect()
}

/// A server that tells this broker what happens, once it does.
async fn telling(database: &Database, url: &str) -> Server {
    let server = Server::with(database, &[&settings()[..], &[("CHAT_AMQP_URL", url)]].concat()).await;
    let begun =
        async || (database.number("SELECT count(*) FROM webhooks WHERE url = 'amqp:'").await == 1).then_some(());
    until("the broker to be one who is told", begun).await;
    server
}

/// How often a try ended so.
async fn fails(server: &Server, outcome: &str) {
    let name = format!("chat_amqp_total{{outcome=\"{outcome}\"}}");
    server.counts(&format!("a try to end with {outcome}"), &name, |n| n > 0.0).await;
}

/// Nothing came twice, but where RabbitMQ took longer to confirm than is waited for, as it may on a busy machine.
async fn is_once(subscriber: &Subscriber, servers: &[&Server]) -> bool {
    let mut n_failed = 0.0;
    for server in servers {
        for outcome in ["late", "away"] {
            n_failed += server.metric(&format!("chat_amqp_total{{outcome=\"{outcome}\"}}")).await;
        }
    }
    subscriber.n_again == 0 || n_failed > 0.0
}

/// Whoever was telling when it ended does not any more.
async fn free(database: &Database) {
    database.run("UPDATE webhook_cursors SET held_until = (SELECT min(created_at) FROM webhooks)").await;
}

async fn done(server: &Server, path: &str, body: &Value) {
    let (status, answer) = post(server, &format!("/api/v1/admin/{path}"), Some(TOKEN), body).await;
    assert!((200..300).contains(&status), "{path}: {status} {answer}");
}

/// One broker for all: it takes seconds to start.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_happens_goes_to_rabbitmq() {
    let mut rabbit = RabbitMq::start(&VHOSTS).await;
    let (postgres, sqlite) = (Database::postgres().await, Database::sqlite());
    tokio::join!(
        each_kind_is_published_in_order(&rabbit, "kinds", &postgres),
        each_kind_is_published_in_order(&rabbit, "files", &sqlite),
        each_once_over_two_servers_of_which_one_is_killed(&rabbit),
        nothing_is_lost_while_the_network_fails_and_no_deleted_text_leaves(&rabbit),
        who_may_not_come_in_and_what_is_no_topic_exchange_are_said(&rabbit),
        what_a_full_queue_refuses_comes_later(&rabbit),
        with_tls_its_certificate_counts(&rabbit),
        the_consumer_of_the_documentation_takes_what_happens(&rabbit),
    );
    what_a_broker_without_memory_does_not_take_comes_later(&rabbit).await;
    a_broker_that_is_killed_misses_nothing(&mut rabbit).await;
}

async fn each_kind_is_published_in_order(rabbit: &RabbitMq, vhost: &str, database: &Database) {
    let mut subscriber = Subscriber::of_all(rabbit, vhost).await;
    let server = telling(database, &rabbit.url(vhost)).await;
    server.logs_once("RabbitMQ is told what happens from now on").await;
    let mut writer = Client::author(&server, "post", "writer").await;
    let first = writer.say("frist").await;
    let all = subscriber.takes(2).await;
    assert_eq!(all.iter().map(Published::what).collect::<Vec<_>>(), ["room made", "message.created frist"]);
    let headers = ["kind", "room", "message", "rev"].map(|name| all[1].header(name));
    assert_eq!(headers, ["message.created", "post", first.id.as_str(), "1"]);
    writer.until_taken(&edit(&first.id, 1, "first")).await;
    assert_eq!(subscriber.takes(1).await[0].what(), "message.updated first");
    say(&mut writer, 0..10).await;
    let all = subscriber.takes(10).await;
    assert_eq!(texts(&all), numbers(0..10));
    assert!(all.iter().all(|one| one.key == "message.created" && one.header("room") == "post"), "{all:?}");
    writer.until_taken(&delete(&first.id)).await;
    assert_eq!(subscriber.takes(1).await[0].what(), "message.deleted ");
    let spam = writer.say("buy this").await;
    subscriber.takes(1).await;
    let mut reader = Client::author(&server, "post", "reader").await;
    reader.until_taken(&report(&spam.id, "advertising")).await;
    assert_eq!(subscriber.takes(1).await[0].what(), "report reported");
    done(&server, "rooms/post", &json!({"settings": {"holdNew": "all"}, "settingsRev": 0})).await;
    assert_eq!(subscriber.takes(1).await[0].what(), "room set");
    assert_eq!(refuses(&mut reader, &message(Uuid::new_v4(), "am I here?")).await.code.as_str(), "HELD");
    assert_eq!(subscriber.takes(1).await[0].what(), "held waits");
    database
        .run(
            "INSERT INTO audit_log (room_id, actor, action, target, after) VALUES
             ('post', 'guard', 'room_set', 'null', '{\"settings\": {\"slowSeconds\": 30}, \"settingsRev\": 2}')",
        )
        .await;
    assert_eq!(subscriber.takes(1).await[0].what(), "guard on");
    assert!(is_once(&subscriber, &[&server]).await, "{} came twice", subscriber.n_again);
    // It is no webhook that somebody sees, changes or ends, and nothing of what it was told is noted.
    assert_eq!(get(&server, "/api/v1/admin/webhooks", TOKEN).await["webhooks"], json!([]));
    let path = format!("/api/v1/admin/webhooks/{}/wake", Uuid::nil());
    assert_eq!(post(&server, &path, Some(TOKEN), &json!({})).await.0, 404);
    assert_eq!(database.number("SELECT count(*) FROM webhook_deliveries").await, 0);
    server.counts("all to be confirmed", "chat_amqp_total{outcome=\"taken\"}", |n| n >= 19.0).await;
    assert!(!server.log().contains("broker's"), "no log has the password");
}

async fn each_once_over_two_servers_of_which_one_is_killed(rabbit: &RabbitMq) {
    let mut subscriber = Subscriber::of_all(rabbit, "two").await;
    let database = Database::postgres().await;
    let url = rabbit.url("two");
    let first = telling(&database, &url).await;
    let second = telling(&database, &url).await;
    let mut writers = Vec::new();
    for room in ["one", "two", "three"] {
        writers.push(Client::author(&second, room, "writer").await);
    }
    for n in 0..20 {
        for writer in &mut writers {
            writer.say(&format!("number {n}")).await;
        }
    }
    let mut all = subscriber.takes(63).await;
    assert!(is_once(&subscriber, &[&first, &second]).await, "while nothing fails nothing comes twice");
    let before = subscriber.n_again;
    for n in 20..40 {
        for writer in &mut writers {
            writer.say(&format!("number {n}")).await;
        }
    }
    first.kill9().await;
    free(&database).await;
    all.extend(subscriber.takes(60).await);
    for room in ["one", "two", "three"] {
        let of_room = all.iter().filter(|one| one.header("room") == room);
        let told: Vec<_> = of_room.map(Published::text).filter(|text| !text.is_empty()).collect();
        assert_eq!(told, numbers(0..40), "{room}");
    }
    // What the one that was killed had published and could not note any more, and what the other one was telling when all
    // was freed: at most one of each room and list.
    let n_again = subscriber.n_again - before;
    assert!(n_again <= 8 || is_once(&subscriber, &[&second]).await, "{n_again} came twice");
}

async fn nothing_is_lost_while_the_network_fails_and_no_deleted_text_leaves(rabbit: &RabbitMq) {
    let mut subscriber = Subscriber::of_all(rabbit, "away").await;
    let proxy = Proxy::to(rabbit.address()).await;
    let url = rabbit.url_at(proxy.address, ("chat", "away"));
    let database = Database::postgres().await;
    let server = telling(&database, &url).await;
    let mut writer = Client::author(&server, "post", "writer").await;
    say(&mut writer, 0..5).await;
    assert_eq!(texts(&subscriber.takes(6).await), numbers(0..5));
    // Nothing comes through, and neither side notices: a new connection does.
    proxy.lose();
    say(&mut writer, 5..10).await;
    fails(&server, "late").await;
    assert_eq!(texts(&subscriber.takes(5).await), numbers(5..10));
    // Cut, and refused; nobody's message waits for it.
    proxy.down();
    let anger = writer.say("said in anger").await;
    fails(&server, "away").await;
    server.counts("the figure of failing", "chat_amqp_failing_seconds", |n| n >= 1.0).await;
    writer.until_taken(&delete(&anger.id)).await;
    say(&mut writer, 10..20).await;
    let log = server.log();
    assert!(log.contains("RabbitMQ does not take what happens: it is not reached"), "{log}");
    let server = server.again(&database, &[&settings()[..], &[("CHAT_AMQP_URL", url.as_str())]].concat()).await;
    free(&database).await;
    proxy.calm();
    let all = subscriber.takes(11).await;
    assert_eq!(texts(&all), numbers(10..20));
    assert!(all.iter().any(|one| one.key == "message.deleted"), "{all:?}");
    assert!(!format!("{all:?}").contains("anger"), "a deleted text left");
    server.counts("the figure of failing", "chat_amqp_failing_seconds", |n| n == 0.0).await;
    assert!(!server.log().contains("anger") && !log.contains("broker's"), "{log}");
}

async fn who_may_not_come_in_and_what_is_no_topic_exchange_are_said(rabbit: &RabbitMq) {
    let mut subscriber = Subscriber::at(rabbit, "other").await;
    subscriber.declare(ExchangeKind::Fanout).await;
    let database = Database::sqlite();
    let wrong = format!("amqp://chat:swordfish@{}/other", rabbit.address());
    let server = telling(&database, &wrong).await;
    server.logs("RabbitMQ does not take what happens: it lets nobody in with this user").await;
    fails(&server, "login").await;
    let mut writer = Client::author(&server, "post", "writer").await;
    say(&mut writer, 0..3).await;
    assert!(!server.log().contains("swordfish"), "{}", server.log());
    let settings = |url| [&settings()[..], &[("CHAT_AMQP_URL", url)]].concat();
    let reader = rabbit.url_at(rabbit.address(), ("reader", "other"));
    let server = server.again(&database, &settings(&reader)).await;
    fails(&server, "exchange").await;
    let url = rabbit.url("other");
    let server = server.again(&database, &settings(&url)).await;
    server.logs("its exchange chat.events is not a durable topic exchange").await;
    fails(&server, "exchange").await;
    // Once it is gone, all goes on by itself.
    let deleting = subscriber.channel.exchange_delete(EXCHANGE.into(), ExchangeDeleteOptions::default());
    deleting.await.expect("an exchange less");
    subscriber.declare(ExchangeKind::Topic).await;
    subscriber.bind(QUEUE, FieldTable::default()).await;
    free(&database).await;
    assert_eq!(texts(&subscriber.takes(4).await), numbers(0..3));
    server.logs("RabbitMQ takes what happens again").await;
}

async fn what_a_full_queue_refuses_comes_later(rabbit: &RabbitMq) {
    let mut subscriber = Subscriber::at(rabbit, "full").await;
    subscriber.declare(ExchangeKind::Topic).await;
    let mut arguments = FieldTable::default();
    arguments.insert("x-max-length".into(), AMQPValue::LongInt(1));
    arguments.insert("x-overflow".into(), AMQPValue::LongString(LongString::from("reject-publish")));
    subscriber.bind(QUEUE, arguments).await;
    let database = Database::sqlite();
    let server = telling(&database, &rabbit.url("full")).await;
    say(&mut Client::author(&server, "post", "writer").await, 0..3).await;
    fails(&server, "refused").await;
    assert_eq!(texts(&subscriber.takes(4).await), numbers(0..3));
}

async fn with_tls_its_certificate_counts(rabbit: &RabbitMq) {
    let mut subscriber = Subscriber::of_all(rabbit, "secure").await;
    let database = Database::sqlite();
    let (url, stranger, authority) = (rabbit.secure_url("secure"), rabbit.file("other-ca.pem"), rabbit.file("ca.pem"));
    let trusting = |file| [&settings()[..], &[("CHAT_AMQP_URL", url.as_str()), ("SSL_CERT_FILE", file)]].concat();
    let server = Server::with(&database, &trusting(&stranger)).await;
    fails(&server, "away").await;
    server.logs("certificate").await;
    say(&mut Client::author(&server, "post", "writer").await, 0..2).await;
    let _server = server.again(&database, &trusting(&authority)).await;
    free(&database).await;
    assert_eq!(texts(&subscriber.takes(3).await), numbers(0..2));
}

/// A process that ends with this value.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The example of docs/WEBHOOKS.md, as it stands there.
async fn the_consumer_of_the_documentation_takes_what_happens(rabbit: &RabbitMq) {
    let subscriber = Subscriber::at(rabbit, "python").await;
    subscriber.declare(ExchangeKind::Topic).await;
    subscriber.bind("my-consumer", FieldTable::default()).await;
    let database = Database::sqlite();
    let server = telling(&database, &rabbit.url("python")).await;
    say(&mut Client::author(&server, "post", "writer").await, 0..2).await;
    let doc = include_str!("../../docs/WEBHOOKS.md");
    let (_, example) = doc.split_once("### A consumer in Python\n\n```python\n").expect("an example");
    let (example, _) = example.split_once("\n```\n").expect("its end");
    let target = std::env::var("CARGO_TARGET_DIR").unwrap_or_else(|_| format!("{}/target", env!("CARGO_MANIFEST_DIR")));
    let folder = Folder::new("consumer");
    let output = fs::File::create(folder.path("printed")).expect("a file");
    let mut command = Command::new(format!("{target}/amqp-client/bin/python"));
    command.args(["-c", example]).env("AMQP_URL", rabbit.url("python")).stdout(output).stderr(Stdio::inherit());
    let _consumer = Running(command.spawn().expect("it runs, with what scripts/lib/install.sh installs"));
    // The test has bound the queue to all, and the example binds it to messages as well.
    soon("the consumer to print what it took", async || {
        let printed = fs::read_to_string(folder.path("printed")).expect("text");
        printed == "post room\npost message.created\npost message.created\n"
    })
    .await;
}

async fn what_a_broker_without_memory_does_not_take_comes_later(rabbit: &RabbitMq) {
    let mut subscriber = Subscriber::of_all(rabbit, "alarm").await;
    let database = Database::sqlite();
    let server = telling(&database, &rabbit.url("alarm")).await;
    let mut writer = Client::author(&server, "post", "writer").await;
    say(&mut writer, 0..1).await;
    assert_eq!(texts(&subscriber.takes(2).await), numbers(0..1));
    rabbit.ctl(&["set_vm_memory_high_watermark", "absolute", "1MB"]);
    say(&mut writer, 1..4).await;
    fails(&server, "blocked").await;
    rabbit.ctl(&["set_vm_memory_high_watermark", "0.9"]);
    assert_eq!(texts(&subscriber.takes(3).await), numbers(1..4));
}

async fn a_broker_that_is_killed_misses_nothing(rabbit: &mut RabbitMq) {
    let mut subscriber = Subscriber::of_all(rabbit, "killed").await;
    let proxy = Proxy::to(rabbit.address()).await;
    let database = Database::postgres().await;
    let server = telling(&database, &rabbit.url_at(proxy.address, ("chat", "killed"))).await;
    let mut writer = Client::author(&server, "post", "writer").await;
    say(&mut writer, 0..10).await;
    let taken = "chat_amqp_total{outcome=\"taken\"}";
    server.counts("the broker to have them", taken, |n| n >= 11.0).await;
    // What it has confirmed it has on disk.
    assert_eq!(texts(&subscriber.takes(3).await), numbers(0..2));
    rabbit.kill();
    say(&mut writer, 10..20).await;
    fails(&server, "away").await;
    rabbit.start_again("killed").await;
    proxy.lead_to(rabbit.address());
    let seen = std::mem::take(&mut subscriber.seen);
    subscriber = Subscriber { seen, ..Subscriber::at(rabbit, "killed").await };
    assert_eq!(texts(&subscriber.takes(18).await), numbers(2..20));
}

#[tokio::test]
async fn an_address_that_is_none_ends_the_start() {
    for url in ["http://127.0.0.1:5672", "amqp://user:swordfish@host:port", "127.0.0.1"] {
        let ended = Server::run(&[], &[("CHAT_AMQP_URL", url)]).await;
        assert!(!ended.status.success(), "{url}");
        assert!(ended.stderr.contains("CHAT_AMQP_URL") || ended.stderr.contains("--amqp-url"), "{}", ended.stderr);
        assert!(ended.stderr.contains("it is amqp://user:password@host:port/vhost"), "{}", ended.stderr);
        assert!(!ended.stderr.contains("swordfish") && ended.stderr.trim().lines().count() == 1, "{}", ended.stderr);
    }
}
