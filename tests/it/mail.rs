//! Mail from end to end: the contact form and links for a new password, by a real server that takes mail.

use std::path::Path;

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    accounts::{self, Answered, ask, get, post, register, with},
    support::{Database, Folder, Proxy, Server, Smtp, certificates, check_schema, until},
};

on_both!(
    what_is_asked_is_mailed_to_the_owner,
    nothing_is_lost_while_mail_is_away_or_the_server_restarts,
    an_address_is_confirmed_by_a_link_and_another_one_takes_its_place,
);

const OWNER: &str = "owner@blog.example";

/// Settings of a server that mails over this port.
pub fn settings<'a>(url: &'a str, more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let usual = [
        ("CHAT_SMTP_URL", url),
        ("CHAT_MAIL_FROM", "The chat <chat@blog.example>"),
        ("CHAT_PUBLIC_URL", "https://chat.blog.example/talk"),
        ("CHAT_CONTACT_TO", OWNER),
        ("CHAT_ADMIN_TOKEN", TOKEN),
    ];
    [&usual[..], &accounts::OPEN, more].concat()
}

pub const TOKEN: &str = "the token of whoever runs it";

fn asking() -> Value {
    json!({"name": "수달", "email": "otter@example.com", "subject": "값이 얼마예요?", "text": "안녕하세요.\n<b>a</b> & b"})
}

async fn inquire(server: &Server, body: &Value) -> Answered {
    ask(server, Method::POST, "/api/v1/inquiries?lang=ko", &[], body).await
}

async fn kept(server: &Server) -> Vec<Value> {
    let answer = get(server, "admin/inquiries", TOKEN).await.ok();
    check_schema("Inquiries", &answer);
    answer["inquiries"].as_array().expect("a list").clone()
}

async fn what_is_asked_is_mailed_to_the_owner(database: &Database) {
    let mut smtp = Smtp::start().await;
    let url = format!("smtp://127.0.0.1:{}", smtp.port);
    let server = Server::with(database, &settings(&url, &[])).await;
    assert_eq!(inquire(&server, &asking()).await.ok(), json!({"received": true}));
    let letter = smtp.next().await;
    assert_eq!(letter["from"], json!([{"address": "chat@blog.example", "name": "The chat"}]));
    assert_eq!(letter["to"], json!([{"address": OWNER, "name": ""}]));
    assert_eq!(letter["replyTo"], json!([{"address": "otter@example.com", "name": "수달"}]));
    assert_eq!(letter["subject"], "[문의] 값이 얼마예요?");
    assert_eq!(letter["auto"], "auto-generated");
    let (text, html) = (letter["text"].as_str().expect("text"), letter["html"].as_str().expect("html"));
    assert!(text.contains("> 안녕하세요.\n> <b>a</b> & b"), "{text}");
    assert!(html.contains("&#60;b&#62;a") && !html.contains("<b>"), "{html}");
    until("it to be noted", async || kept(&server).await[0].get("mailedAt").map(|_| ())).await;
    let found = kept(&server).await;
    assert_eq!(found.len(), 1);
    assert_eq!((&found[0]["name"], &found[0]["text"]), (&json!("수달"), &json!("안녕하세요.\n<b>a</b> & b")));
    let id = found[0]["id"].as_str().expect("an id");
    let path = format!("admin/inquiries/{id}");
    assert_eq!(with(&server, Method::DELETE, &path, TOKEN, &Value::Null).await.status, 204);
    assert_eq!(with(&server, Method::DELETE, &path, TOKEN, &Value::Null).await.status, 404);
    assert!(kept(&server).await.is_empty());
}

async fn nothing_is_lost_while_mail_is_away_or_the_server_restarts(database: &Database) {
    let mut smtp = Smtp::start().await;
    // Keeps the port meanwhile: it is nobody else's.
    let line = Proxy::to(([127, 0, 0, 1], smtp.port).into()).await;
    line.down();
    let url = format!("smtp://{}", line.address);
    let server = Server::with(database, &settings(&url, &[])).await;
    assert_eq!(inquire(&server, &asking()).await.status, 202);
    server.logs("was not taken, and goes again in").await;
    assert_eq!(kept(&server).await[0].get("mailedAt"), None);
    let server = server.again(database, &settings(&url, &[])).await;
    line.calm();
    let letter = smtp.next().await;
    assert_eq!(letter["subject"], "[문의] 값이 얼마예요?");
    until("it to be noted", async || kept(&server).await[0].get("mailedAt").map(|_| ())).await;
    server.counts("it to be counted", "chat_mails_total{outcome=\"sent\"}", |n| n == 1.0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_refused_for_a_while_goes_again_and_what_is_refused_for_good_does_not() {
    let mut smtp = Smtp::start().await;
    let url = format!("smtp://127.0.0.1:{}", smtp.port);
    let (_database, server) = Server::alone(&settings(&url, &[])).await;
    smtp.refuses(451).await;
    assert_eq!(inquire(&server, &asking()).await.status, 202);
    server.counts("a try", "chat_mails_total{outcome=\"later\"}", |n| n >= 1.0).await;
    smtp.refuses(0).await;
    let first = smtp.next().await;
    smtp.refuses(554).await;
    let again = json!({"email": "otter@example.com", "subject": "Another", "text": "one"});
    assert_eq!(inquire(&server, &again).await.status, 202);
    server.counts("a refusal", "chat_mails_total{outcome=\"refused\"}", |n| n == 1.0).await;
    assert_eq!(kept(&server).await.len(), 2, "what was asked is there all the same");
    smtp.refuses(0).await;
    let last = json!({"email": "otter@example.com", "subject": "The last", "text": "one"});
    assert_eq!(inquire(&server, &last).await.status, 202);
    let next = smtp.next().await;
    assert_eq!(next["subject"], "[문의] The last");
    assert_ne!(first["messageId"], next["messageId"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_input_is_refused_and_a_program_that_fills_in_every_box_is_not_heard() {
    let mut smtp = Smtp::start().await;
    let url = format!("smtp://127.0.0.1:{}", smtp.port);
    let (_database, server) = Server::alone(&settings(&url, &[])).await;
    let changed = |field: &str, value: Value| {
        let mut body = asking();
        body[field] = value;
        body
    };
    for (body, refusal) in [
        (changed("email", json!("otter")), (422, "INVALID_EMAIL")),
        (changed("email", json!("a@b.co\r\nBcc: c@d.co")), (422, "INVALID_EMAIL")),
        (changed("subject", json!("a\r\nBcc: c@d.co")), (400, "INVALID_CONTENT")),
        (changed("subject", json!("\u{3164}")), (400, "INVALID_CONTENT")),
        (changed("text", json!("x".repeat(8_001))), (400, "INVALID_CONTENT")),
        (changed("text", json!("x".repeat(70_000))), (413, "TOO_LARGE")),
        (changed("name", json!(7)), (400, "BAD_REQUEST")),
        (changed("to", json!("somebody@else.example")), (400, "BAD_REQUEST")),
        (json!({}), (400, "BAD_REQUEST")),
    ] {
        assert_eq!(inquire(&server, &body).await.refusal(), refusal, "{body}");
    }
    assert_eq!(inquire(&server, &changed("website", json!("https://buy.example"))).await.status, 202);
    assert!(kept(&server).await.is_empty());
    assert_eq!(inquire(&server, &asking()).await.status, 202);
    let letter = smtp.next().await;
    assert!(!letter["names"].as_array().expect("names").contains(&json!("Bcc")), "{letter}");
    // Who may read what was asked.
    let member = register(&server, "member@example.com").await.access;
    assert_eq!(get(&server, "admin/inquiries", &member).await.refusal(), (403, "FORBIDDEN"));
    assert_eq!(get(&server, "admin/inquiries?before=x", TOKEN).await.refusal(), (400, "BAD_REQUEST"));
    assert_eq!(ask(&server, Method::GET, "/api/v1/admin/inquiries", &[], &Value::Null).await.status, 401);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_asks_five_times_an_hour() {
    let smtp = Smtp::start().await;
    let url = format!("smtp://127.0.0.1:{}", smtp.port);
    let (_database, server) = Server::alone(&settings(&url, &[("CHAT_RATE_LIMITS", "on")])).await;
    for _ in 0..5 {
        assert_eq!(inquire(&server, &asking()).await.status, 202);
    }
    assert_eq!(inquire(&server, &asking()).await.refusal(), (429, "RATE_LIMITED"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_for_a_new_password_comes_by_mail_and_nothing_tells_who_has_an_account() {
    let mut smtp = Smtp::start().await;
    let url = format!("smtp://127.0.0.1:{}", smtp.port);
    let (_database, server) = Server::alone(&settings(&url, &[])).await;
    register(&server, "otter@example.com").await;
    assert!(smtp.next().await["text"].as_str().expect("a text").contains("/verify#"));
    let forgot = async |email: &str| post(&server, "auth/password/forgot", None, &json!({"email": email})).await;
    let (stranger, nobody, known) =
        (forgot("nobody@example.com").await, forgot("nonsense").await, forgot("Otter@example.com").await);
    assert_eq!([stranger.status, nobody.status, known.status], [202; 3]);
    assert_eq!([&stranger.body, &nobody.body], [&known.body; 2]);
    let letter = smtp.next().await;
    assert_eq!(letter["to"][0]["address"], "otter@example.com");
    let text = letter["text"].as_str().expect("a text");
    let (_, code) = text.split_once("https://chat.blog.example/talk/reset#").expect("a link");
    let code = code.split_whitespace().next().expect("a code");
    let new = json!({"code": code, "password": "another long password"});
    assert!((200..300).contains(&post(&server, "auth/password/reset", None, &new).await.status));
    assert_eq!(post(&server, "auth/password/reset", None, &new).await.refusal(), (401, "BAD_CODE"));
    let login = json!({"email": "otter@example.com", "password": "another long password"});
    post(&server, "auth/login", None, &login).await.ok();
}

/// The code behind the link of a letter.
#[track_caller]
fn code_of(letter: &Value, page: &str) -> String {
    let text = letter["text"].as_str().expect("a text");
    let link = format!("https://chat.blog.example/talk/{page}#");
    let (_, code) = text.split_once(&link).unwrap_or_else(|| panic!("a link to {page} in {text}"));
    code.split_whitespace().next().expect("a code").to_owned()
}

async fn is_confirmed(server: &Server, access: &str) -> (String, bool) {
    let me = get(server, "me", access).await.ok();
    check_schema("Me", &me);
    (me["email"].as_str().expect("an address").to_owned(), me["emailConfirmed"].as_bool().expect("whether it is"))
}

async fn an_address_is_confirmed_by_a_link_and_another_one_takes_its_place(database: &Database) {
    let mut smtp = Smtp::start().await;
    let url = format!("smtp://127.0.0.1:{}", smtp.port);
    let server = Server::with(database, &settings(&url, &[])).await;
    let confirm = async |code: &str| post(&server, "auth/verify-email", None, &json!({"code": code})).await;
    let own = register(&server, "Otter@example.com").await.access;
    let letter = smtp.next().await;
    assert_eq!(letter["to"][0]["address"], "otter@example.com");
    assert_eq!(is_confirmed(&server, &own).await, ("otter@example.com".into(), false));
    assert!(!letter["html"].as_str().expect("html").contains("http://"), "nothing is fetched");
    let code = code_of(&letter, "verify");
    let changed = |at: usize| {
        let other = if code.as_bytes()[at] == b'A' { "B" } else { "A" };
        [&code[..at], other, &code[at + 1..]].concat()
    };
    for at in [0, 40, code.len() - 2] {
        assert_eq!(confirm(&changed(at)).await.refusal(), (401, "BAD_CODE"), "{at}");
    }
    for none in ["", "x", &code[1..]] {
        assert_eq!(confirm(none).await.refusal(), (401, "BAD_CODE"));
    }
    assert_eq!(confirm(&code).await.status, 204);
    assert_eq!(is_confirmed(&server, &own).await, ("otter@example.com".into(), true));
    assert_eq!(confirm(&code).await.status, 204, "pressed twice, it is as true as before");

    // Another address: it is the account's once its link was followed.
    let wish = |email: &str, password: &str| json!({"email": email, "password": password});
    let change = async |body: &Value| post(&server, "me/email", Some(&own), body).await;
    assert_eq!(change(&wish("seal@example.com", "wrong")).await.refusal(), (401, "BAD_CREDENTIALS"));
    assert_eq!(change(&wish("seal", accounts::PASSWORD)).await.refusal(), (422, "INVALID_EMAIL"));
    assert_eq!(change(&wish("seal@example.com", accounts::PASSWORD)).await.status, 202);
    let letter = smtp.next().await;
    assert_eq!(letter["to"][0]["address"], "seal@example.com");
    let to_seal = code_of(&letter, "verify");
    assert_eq!(is_confirmed(&server, &own).await, ("otter@example.com".into(), true));
    // Meanwhile another one is asked for as well: whichever is followed first holds, the other one is void.
    assert_eq!(change(&wish("whale@example.com", accounts::PASSWORD)).await.status, 202);
    let to_whale = code_of(&smtp.next().await, "verify");
    assert_eq!(confirm(&to_seal).await.status, 204);
    assert_eq!(is_confirmed(&server, &own).await, ("seal@example.com".into(), true));
    assert_eq!(confirm(&to_whale).await.refusal(), (401, "BAD_CODE"));
    assert_eq!(confirm(&code).await.refusal(), (401, "BAD_CODE"), "that of the address of before");
    // One that somebody else has by the time it is followed. That they have it is said to whoever reads its mail alone.
    assert_eq!(change(&wish("cat@example.com", accounts::PASSWORD)).await.status, 202);
    let to_cat = code_of(&smtp.next().await, "verify");
    let cat = register(&server, "cat@example.com").await.access;
    assert_eq!(smtp.next().await["to"][0]["address"], "cat@example.com");
    assert_eq!(confirm(&to_cat).await.refusal(), (409, "EMAIL_TAKEN"));
    assert_eq!(change(&wish("cat@example.com", accounts::PASSWORD)).await.status, 202);
    // With a new password what was mailed before is void.
    let again = async |access: &str| post(&server, "me/verify-email", Some(access), &json!({})).await;
    assert_eq!(again(&own).await.status, 202, "there is nothing to confirm, and no letter");
    assert_eq!(again(&cat).await.status, 202);
    let letter = smtp.next().await;
    assert_eq!(letter["to"][0]["address"], "cat@example.com", "none went for the two before");
    let new = json!({"old": accounts::PASSWORD, "new": "another long password"});
    assert_eq!(post(&server, "me/password", Some(&cat), &new).await.status, 204);
    assert_eq!(confirm(&code_of(&letter, "verify")).await.refusal(), (401, "BAD_CODE"));
    assert_eq!(is_confirmed(&server, &cat).await, ("cat@example.com".into(), false));
    // Signing in goes by the address that is there now.
    let login = json!({"email": "seal@example.com", "password": accounts::PASSWORD});
    post(&server, "auth/login", None, &login).await.ok();
    assert_eq!(again("nonsense").await.refusal(), (401, "BAD_TOKEN"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_mail_nothing_is_confirmed_and_an_account_is_as_it_was() {
    let (_database, server) = Server::alone(&accounts::OPEN).await;
    let own = register(&server, "otter@example.com").await.access;
    let me = get(&server, "me", &own).await.ok();
    assert_eq!(me.get("emailConfirmed"), None, "{me}");
    for path in ["me/verify-email", "me/email"] {
        let body = json!({"email": "seal@example.com", "password": accounts::PASSWORD});
        assert_eq!(post(&server, path, Some(&own), &body).await.refusal(), (404, "NOT_FOUND"), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_to_confirm_is_mailed_five_times_an_hour() {
    let mut smtp = Smtp::start().await;
    let url = format!("smtp://127.0.0.1:{}", smtp.port);
    let (_database, server) = Server::alone(&settings(&url, &[("CHAT_RATE_LIMITS", "on")])).await;
    let own = register(&server, "otter@example.com").await.access;
    smtp.next().await;
    for _ in 0..4 {
        assert_eq!(post(&server, "me/verify-email", Some(&own), &json!({})).await.status, 202);
        smtp.next().await;
    }
    assert_eq!(post(&server, "me/verify-email", Some(&own), &json!({})).await.refusal(), (429, "RATE_LIMITED"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_way_is_encrypted_and_the_server_of_mail_proves_itself() {
    let folder = Folder::new("rtc_mail");
    certificates(&folder.0);
    let path = |name: &str| folder.0.join(name).display().to_string();
    let tls = |secure: bool| json!({"key": path("server.key"), "cert": path("good.pem"), "secure": secure, "user": "otter", "password": "p:/한"});
    for (secure, scheme) in [(false, "smtp"), (true, "smtps")] {
        let mut smtp = Smtp::with(tls(secure)).await;
        let url = format!("{scheme}://otter:p%3A%2F%ED%95%9C@localhost:{}", smtp.port);
        let authority = path("ca.pem");
        let (_database, server) = Server::alone(&settings(&url, &[("CHAT_SMTP_CA", &authority)])).await;
        assert_eq!(inquire(&server, &asking()).await.status, 202);
        let letter = smtp.next().await;
        assert_eq!((&letter["secure"], &letter["user"]), (&json!(true), &json!("otter")), "{scheme}");
        drop(server);
        // Another authority has signed it, or the password is another one: it waits.
        let (other, wrong) = (path("other-ca.pem"), format!("{scheme}://otter:wrong@localhost:{}", smtp.port));
        for (url, authority) in [(&url, &other), (&wrong, &authority)] {
            let (_database, server) = Server::alone(&settings(url, &[("CHAT_SMTP_CA", authority)])).await;
            assert_eq!(inquire(&server, &asking()).await.status, 202);
            server.logs("was not taken, and goes again in").await;
            assert!(!server.log().contains("wrong@"), "no password in the log");
        }
    }
    // Without STARTTLS nothing is said where it is asked for.
    let smtp = Smtp::start().await;
    let (url, authority) = (format!("smtp://localhost:{}", smtp.port), path("ca.pem"));
    let (_database, server) = Server::alone(&settings(&url, &[("CHAT_SMTP_CA", &authority)])).await;
    assert_eq!(inquire(&server, &asking()).await.status, 202);
    server.logs("was not taken, and goes again in").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mail_that_is_set_up_in_part_ends_the_start_with_a_line() {
    let missing = Path::new("/nowhere/ca.pem").display().to_string();
    let url = ("CHAT_SMTP_URL", "smtp://localhost");
    let (from, public) = (("CHAT_MAIL_FROM", "chat@blog.example"), ("CHAT_PUBLIC_URL", "https://chat.example"));
    for (set, line) in [
        (vec![("CHAT_CONTACT_TO", OWNER)], "CHAT_CONTACT_TO is set, so CHAT_SMTP_URL must be as well"),
        (vec![url], "CHAT_SMTP_URL is set, so CHAT_MAIL_FROM must be as well"),
        (vec![url, from], "CHAT_SMTP_URL is set, so CHAT_PUBLIC_URL must be as well"),
        (vec![url, from, public, ("CHAT_SMTP_CA", &missing)], "CHAT_SMTP_CA: the certificate in /nowhere/ca.pem"),
    ] {
        let folder = Folder::new("rtc_mail_start");
        let database = format!("sqlite://{}", folder.0.join("chat.db").display());
        let settings = [&set[..], &[("DATABASE_URL", &database), ("CHAT_LISTEN", "127.0.0.1:0")]].concat();
        let ended = Server::run(&[], &settings).await;
        assert!(!ended.status.success() && ended.stderr.contains(line), "{}", ended.stderr);
    }
    // Without any of it there is no form.
    let (_database, server) = Server::alone(&accounts::OPEN).await;
    assert_eq!(inquire(&server, &asking()).await.refusal(), (404, "NOT_FOUND"));
    let told = ask(&server, Method::GET, "/api/v1/auth/settings", &[], &Value::Null).await.ok();
    assert_eq!((&told["mail"], &told["contact"]), (&json!(false), &json!(false)));
}
