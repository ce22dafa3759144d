//! Being mailed of answers, from end to end: asked for, confirmed, gathered, and ended by one request.

use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    accounts::{self, Answered, ask, post, register, with},
    mail::settings,
    support::{Database, Proxy, Server, Smtp, check_schema, until},
};

on_both!(
    who_wrote_is_mailed_of_answers_once_they_have_confirmed_it,
    nothing_is_lost_or_told_twice_while_mail_is_away_or_the_server_restarts,
    an_address_that_confirms_nothing_is_asked_three_times,
    whoever_erases_themselves_is_mailed_no_more,
);

/// Letters about one room go together, and tests wait no longer than for this.
const OFTEN: (&str, &str) = ("CHAT_ANSWERS_EVERY_SECS", "1");

/// Somebody without an account.
struct Guest {
    secret: String,
    name: &'static str,
}

impl Guest {
    fn new(name: &'static str) -> Self {
        Self { secret: Uuid::new_v4().to_string(), name }
    }

    async fn write(&self, server: &Server, text: &str, answers: Option<&str>) -> String {
        let mut body = json!({"content": text, "nickname": self.name});
        if let Some(id) = answers {
            body["replyTo"] = id.into();
        }
        let headers = [("X-Anonymous-Id", self.secret.as_str()), ("Content-Type", "application/json")];
        let written = ask(server, Method::POST, "/api/v1/rooms/post/messages", &headers, &body).await.ok();
        written["message"]["id"].as_str().expect("an id").to_owned()
    }

    async fn delete(&self, server: &Server, id: &str) {
        let path = format!("/api/v1/rooms/post/messages/{id}");
        ask(server, Method::DELETE, &path, &[("X-Anonymous-Id", &self.secret)], &Value::Null).await.ok();
    }

    async fn wants(&self, server: &Server, body: &Value) -> Answered {
        let path = "/api/v1/rooms/post/answers?lang=en";
        ask(server, Method::POST, path, &[("X-Anonymous-Id", &self.secret)], body).await
    }

    /// Asks for it and confirms it.
    async fn waits(&self, server: &Server, smtp: &mut Smtp, email: &str) {
        assert_eq!(self.wants(server, &json!({"email": email})).await.ok(), json!({"received": true}));
        let letter = smtp.next().await;
        assert_eq!(letter["to"][0]["address"], email);
        let confirmed = confirm(server, &code_of(&letter)).await.ok();
        check_schema("AnswersConfirmed", &confirmed);
        assert_eq!(confirmed["roomId"], "post");
    }
}

async fn confirm(server: &Server, code: &str) -> Answered {
    post(server, "answers/confirm", None, &json!({"code": code})).await
}

fn text_of(letter: &Value) -> &str {
    letter["text"].as_str().expect("a text")
}

fn code_of(letter: &Value) -> String {
    let (_, code) = text_of(letter).split_once("/talk/answers?lang=en#").expect("a link");
    code.split_whitespace().next().expect("a code").to_owned()
}

/// The path and query behind what the chat is called outside.
fn path_of(url: &Value) -> String {
    let url = url.as_str().expect("an address");
    url.strip_prefix("https://chat.blog.example/talk").expect("an address of the chat").to_owned()
}

async fn who_wrote_is_mailed_of_answers_once_they_have_confirmed_it(database: &Database) {
    let mut smtp = Smtp::start().await;
    let url = format!("smtp://127.0.0.1:{}", smtp.port);
    let server = Server::with(database, &settings(&url, &[OFTEN])).await;
    let [otter, seal] = ["Otter", "Seal"].map(Guest::new);
    let question = otter.write(&server, "Does anybody know?", None).await;
    assert_eq!(otter.wants(&server, &json!({"email": "otter@example.com"})).await.ok(), json!({"received": true}));
    let asked = smtp.next().await;
    assert_eq!((&asked["to"][0]["address"], &asked["stop"]), (&json!("otter@example.com"), &Value::Null));
    // What was answered before the address has confirmed is never mailed.
    seal.write(&server, "too early", Some(&question)).await;
    for code in ["", "x", &code_of(&asked)[1..]] {
        assert_eq!(confirm(&server, code).await.refusal(), (401, "BAD_CODE"));
    }
    assert_eq!(confirm(&server, &code_of(&asked)).await.ok()["roomId"], "post");
    assert_eq!(confirm(&server, &code_of(&asked)).await.status, 200, "pressed twice, it is as true as before");
    // Another address of the same person, to see by what goes there that the first one gets nothing.
    otter.waits(&server, &mut smtp, "second@example.com").await;
    otter.write(&server, "an answer to myself", Some(&question)).await;
    seal.write(&server, "not an answer", None).await;
    seal.write(&server, "I do: <b>rivers</b> & lakes", Some(&question)).await;
    let letters = [smtp.next().await, smtp.next().await];
    let mut to: Vec<_> = letters.iter().map(|l| l["to"][0]["address"].as_str().expect("an address")).collect();
    to.sort_unstable();
    assert_eq!(to, ["otter@example.com", "second@example.com"]);
    for letter in &letters {
        let text = text_of(letter);
        assert!(text.contains("Seal:\n> I do: <b>rivers</b> & lakes"), "{text}");
        for other in ["too early", "to myself", "not an answer"] {
            assert!(!text.contains(other), "{other}: {text}");
        }
        assert!(text.contains("https://chat.blog.example/talk/room/post?lang=en#m-"), "{text}");
        assert!(letter["html"].as_str().expect("html").contains("&#60;b&#62;rivers"));
        assert_eq!(letter["stopPost"], "List-Unsubscribe=One-Click");
    }
    // Opening the link ends nothing, one request without anything else does, and as often as it likes.
    let first = letters.iter().find(|l| l["to"][0]["address"] == "otter@example.com").expect("a letter");
    let path = path_of(&first["stop"]);
    assert_eq!(ask(&server, Method::GET, &path, &[], &Value::Null).await.status, 200);
    let form = ("Content-Type", "application/x-www-form-urlencoded");
    seal.write(&server, "once more", Some(&question)).await;
    let mut again: Vec<_> =
        [smtp.next().await, smtp.next().await].iter().map(|l| l["to"][0]["address"].clone()).collect();
    again.sort_by_key(Value::to_string);
    assert_eq!(again, ["otter@example.com", "second@example.com"]);
    for _ in 0..2 {
        let stopped = ask(&server, Method::POST, &path, &[form], &json!("List-Unsubscribe=One-Click")).await;
        assert_eq!(stopped.status, 204);
    }
    seal.write(&server, "and again", Some(&question)).await;
    let last = smtp.next().await;
    assert_eq!((&last["to"][0]["address"], text_of(&last).contains("and again")), (&json!("second@example.com"), true));
    assert!(!text_of(&last).contains("once more"), "it was told before");
    // Two that were confirmed, and three letters to one of them and two to the other.
    // The last one is counted once its server has answered.
    server.counts("the letters", "chat_mails_total{outcome=\"sent\"}", |n| n == 7.0).await;
    assert!(!server.log().contains("@example.com"), "no address in the log");
}

async fn nothing_is_lost_or_told_twice_while_mail_is_away_or_the_server_restarts(database: &Database) {
    let mut smtp = Smtp::start().await;
    // Keeps the port while mail is away: it is nobody else's.
    let line = Proxy::to(([127, 0, 0, 1], smtp.port).into()).await;
    let url = format!("smtp://{}", line.address);
    let server = Server::with(database, &settings(&url, &[OFTEN])).await;
    let [otter, seal] = ["Otter", "Seal"].map(Guest::new);
    let question = otter.write(&server, "Does anybody know?", None).await;
    otter.waits(&server, &mut smtp, "otter@example.com").await;
    line.down();
    line.cut();
    seal.write(&server, "the first", Some(&question)).await;
    server.logs("a letter (mail.answers) was not taken").await;
    let second = seal.write(&server, "the second", Some(&question)).await;
    seal.write(&server, "the third", Some(&question)).await;
    let server = server.again(database, &settings(&url, &[OFTEN])).await;
    // What is deleted while the letter waits does not leave.
    seal.delete(&server, &second).await;
    line.calm();
    let mut told = String::new();
    while !told.contains("the third") {
        told.push_str(text_of(&smtp.next().await));
    }
    assert_eq!((told.matches("the first").count(), told.matches("the third").count()), (1, 1), "{told}");
    assert!(!told.contains("the second"), "{told}");
}

async fn an_address_that_confirms_nothing_is_asked_three_times(database: &Database) {
    let mut smtp = Smtp::start().await;
    let url = format!("smtp://127.0.0.1:{}", smtp.port);
    let server = Server::with(database, &settings(&url, &[])).await;
    for name in ["a", "b", "c", "d", "e"] {
        let who = Guest::new(name);
        for _ in 0..2 {
            let answer = who.wants(&server, &json!({"email": "Victim@example.com"})).await;
            assert_eq!(answer.ok(), json!({"received": true}), "the same, whatever is mailed");
        }
    }
    assert_eq!(Guest::new("f").wants(&server, &json!({"email": "other@example.com"})).await.status, 202);
    for _ in 0..3 {
        assert_eq!(smtp.next().await["to"][0]["address"], "victim@example.com");
    }
    assert_eq!(smtp.next().await["to"][0]["address"], "other@example.com");
}

async fn whoever_erases_themselves_is_mailed_no_more(database: &Database) {
    let mut smtp = Smtp::start().await;
    let url = format!("smtp://127.0.0.1:{}", smtp.port);
    let server = Server::with(database, &settings(&url, &[OFTEN])).await;
    let own = register(&server, "otter@example.com").await.access;
    assert_eq!(
        smtp.next().await["to"][0]["address"],
        "otter@example.com",
        "the one that asks for the account's address"
    );
    let [seal, owl] = ["Seal", "Owl"].map(Guest::new);
    let written = post(&server, "rooms/post/messages", Some(&own), &json!({"content": "hello"})).await.ok();
    let question = written["message"]["id"].as_str().expect("an id").to_owned();
    let wish = json!({"email": "otter@example.com"});
    assert_eq!(post(&server, "rooms/post/answers?lang=en", Some(&own), &wish).await.status, 202);
    assert_eq!(confirm(&server, &code_of(&smtp.next().await)).await.status, 200);
    seal.write(&server, "an answer", Some(&question)).await;
    assert!(text_of(&smtp.next().await).contains("an answer"));
    let comment = seal.write(&server, "what do you say?", None).await;
    seal.waits(&server, &mut smtp, "seal@example.com").await;
    let forget = json!({"password": accounts::PASSWORD, "texts": false});
    assert_eq!(with(&server, Method::DELETE, "me", &own, &forget).await.status, 204);
    owl.write(&server, "to nobody", Some(&question)).await;
    owl.write(&server, "to the seal", Some(&comment)).await;
    let next = smtp.next().await;
    assert_eq!((&next["to"][0]["address"], text_of(&next).contains("to nobody")), (&json!("seal@example.com"), false));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_servers_one_tells_it() {
    let mut smtp = Smtp::start().await;
    let url = format!("smtp://127.0.0.1:{}", smtp.port);
    let (_database, servers) = Server::pair(&settings(&url, &[OFTEN])).await;
    let [otter, seal] = ["Otter", "Seal"].map(Guest::new);
    let question = otter.write(&servers[0], "Does anybody know?", None).await;
    otter.waits(&servers[0], &mut smtp, "otter@example.com").await;
    for n in 0..3 {
        let text = format!("answer number {n}");
        seal.write(&servers[n % 2], &text, Some(&question)).await;
        let letter = smtp.next().await;
        assert!(text_of(&letter).contains(&text), "the {n}th letter is about what is new: {}", text_of(&letter));
    }
    let sent = async |server: &Server| server.metric("chat_mails_total{outcome=\"sent\"}").await;
    until("four letters to be counted", async || {
        let n = sent(&servers[0]).await + sent(&servers[1]).await;
        assert!(n <= 4.0, "{n} letters");
        (n == 4.0).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_input_is_refused_and_a_program_that_fills_in_every_box_gets_no_letter() {
    let mut smtp = Smtp::start().await;
    let url = format!("smtp://127.0.0.1:{}", smtp.port);
    let (_database, server) = Server::alone(&settings(&url, &[("CHAT_RATE_LIMITS", "on")])).await;
    let otter = Guest::new("Otter");
    for (body, refusal) in [
        (json!({"email": "otter"}), (422, "INVALID_EMAIL")),
        (json!({"email": "a@b.co\r\nBcc: c@d.co"}), (422, "INVALID_EMAIL")),
        (json!({"email": 7}), (400, "BAD_REQUEST")),
        (json!({}), (400, "BAD_REQUEST")),
        (json!({"email": "a@b.co", "room": "x"}), (400, "BAD_REQUEST")),
        (json!({"email": "x".repeat(2_000)}), (413, "TOO_LARGE")),
    ] {
        assert_eq!(otter.wants(&server, &body).await.refusal(), refusal, "{body}");
    }
    let wish = json!({"email": "otter@example.com"});
    let path = "/api/v1/rooms/post/answers";
    assert_eq!(ask(&server, Method::POST, path, &[], &wish).await.refusal(), (400, "BAD_REQUEST"), "as nobody");
    let token = [("Authorization", "Bearer nonsense")];
    assert_eq!(ask(&server, Method::POST, path, &token, &wish).await.refusal(), (401, "BAD_TOKEN"));
    assert_eq!(ask(&server, Method::POST, "/answers/nonsense", &[], &Value::Null).await.refusal(), (404, "NOT_FOUND"));
    let filled = json!({"email": "bot@example.com", "website": "https://buy.example"});
    assert_eq!(otter.wants(&server, &filled).await.status, 202);
    for n in 0..5 {
        let answer = otter.wants(&server, &json!({"email": format!("otter{n}@example.com")})).await;
        assert_eq!(answer.status, 202);
        assert_eq!(smtp.next().await["to"][0]["address"], format!("otter{n}@example.com"), "none to the bot");
    }
    assert_eq!(otter.wants(&server, &wish).await.refusal(), (429, "RATE_LIMITED"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_mail_there_is_none_of_it() {
    let (_database, server) = Server::alone(&accounts::OPEN).await;
    let otter = Guest::new("Otter");
    assert_eq!(otter.wants(&server, &json!({"email": "otter@example.com"})).await.refusal(), (404, "NOT_FOUND"));
    assert_eq!(confirm(&server, "x").await.refusal(), (404, "NOT_FOUND"));
    let page = server.get("/room/post").await.text().await.expect("a page");
    assert!(!page.contains("data-mails"));
}
