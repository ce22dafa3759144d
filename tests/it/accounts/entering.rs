//! The ways in, each refusal by name.

use serde_json::{Value, json};

use super::{OPEN, PASSWORD, ask, get, log_in, owner, post, register, registering, session, setup_code};
use crate::support::{Database, LIMITS_OFF, Server};

on_both!(
    an_account_is_made_and_signed_in,
    what_cannot_be_taken_is_refused_by_name,
    who_is_not_invited_makes_no_account,
    nobody_registers_where_that_is_closed,
    the_first_owner_is_set_up_by_the_link,
    who_has_no_account_is_answered_as_who_has,
    guesses_are_counted_of_an_account_and_of_an_address,
    old_logins_go_on,
);

async fn settings(server: &Server) -> Value {
    server.json("/api/v1/auth/settings").await
}

async fn an_account_is_made_and_signed_in(database: &Database) {
    let server = Server::with(database, &OPEN).await;
    let made = register(&server, "Otter@Blog.example").await;
    assert_eq!(made.role, "member");
    let me = get(&server, "me", &made.access).await.ok();
    assert_eq!((me["user"]["id"].as_str(), me["email"].as_str()), (Some(&*made.user), Some("otter@blog.example")));
    let again = session(log_in(&server, " otter@BLOG.example", PASSWORD).await);
    assert_eq!(again.user, made.user);
    assert_ne!((again.access, again.refresh), (made.access.clone(), made.refresh));
    let taken = post(&server, "auth/register", None, &registering("OTTER@blog.example")).await;
    assert_eq!(taken.refusal(), (409, "EMAIL_TAKEN"));
    // 201, and nobody keeps it.
    let answered = post(&server, "auth/register", None, &registering("seal@blog.example")).await;
    assert_eq!((answered.status, answered.headers["cache-control"].to_str().ok()), (201, Some("no-store")));
    assert_eq!(post(&server, "auth/password/forgot", None, &json!({"email": "who@b.co"})).await.status, 202);
}

async fn what_cannot_be_taken_is_refused_by_name(database: &Database) {
    let server = Server::with(database, &OPEN).await;
    for (field, value, expected) in [
        ("email", json!("nobody"), (422, "INVALID_EMAIL")),
        ("password", json!("short"), (422, "WEAK_PASSWORD")),
        ("password", json!("password"), (422, "WEAK_PASSWORD")),
        ("password", json!("a".repeat(129)), (422, "WEAK_PASSWORD")),
        ("nickname", json!("x"), (400, "INVALID_NICKNAME")),
        ("nickname", json!("admin"), (400, "NICKNAME_TAKEN")),
        ("avatar", json!("unicorn-of-doom"), (400, "INVALID_AVATAR")),
        ("invite", json!("no such invite"), (403, "BAD_INVITE")),
        ("session", json!("neither"), (400, "BAD_REQUEST")),
        ("role", json!("owner"), (400, "BAD_REQUEST")),
    ] {
        let mut body = registering("otter@blog.example");
        body[field] = value;
        let answered = post(&server, "auth/register", None, &body).await;
        assert_eq!(answered.refusal(), expected, "{field}: {}", answered.body);
    }
    for body in [json!({}), json!([]), json!({"email": 1, "password": 2})] {
        for path in ["auth/register", "auth/login", "auth/setup", "auth/password/reset", "auth/password/forgot"] {
            assert_eq!(post(&server, path, None, &body).await.refusal(), (400, "BAD_REQUEST"), "{path} {body}");
        }
    }
    // What the schemas do not have is refused: a field that is spelled wrong does not count as left out.
    for (path, mut body) in [
        ("auth/login", json!({"email": "otter@blog.example", "password": PASSWORD})),
        ("auth/refresh", json!({"refreshToken": "none"})),
        ("auth/password/reset", json!({"code": "none", "password": PASSWORD})),
        ("auth/password/forgot", json!({"email": "otter@blog.example"})),
    ] {
        body["Session"] = json!("cookie");
        assert_eq!(post(&server, path, None, &body).await.refusal(), (400, "BAD_REQUEST"), "{path}");
    }
    let large = json!({"email": "a".repeat(10_000), "password": ""});
    assert_eq!(post(&server, "auth/login", None, &large).await.refusal(), (413, "TOO_LARGE"));
}

async fn who_is_not_invited_makes_no_account(database: &Database) {
    let server = Server::with(database, &LIMITS_OFF).await;
    assert_eq!(settings(&server).await["registration"], "invite");
    let owner = owner(database, &server).await;
    let refused = post(&server, "auth/register", None, &registering("owner@blog.example")).await;
    assert_eq!(refused.refusal(), (403, "BAD_INVITE"), "nothing is learnt of addresses");
    let wish = json!({"role": "moderator", "uses": 1, "hours": 1});
    let invite = post(&server, "admin/invites", Some(&owner.access), &wish).await;
    let (_, code) =
        invite.text("url").split_once("/register#").map(|(a, b)| (a.to_owned(), b.to_owned())).expect("a code");
    let mut body = registering("mod@blog.example");
    body["invite"] = json!(code);
    assert_eq!(session(post(&server, "auth/register", None, &body).await).role, "moderator");
    body["email"] = json!("second@blog.example");
    assert_eq!(post(&server, "auth/register", None, &body).await.refusal(), (403, "BAD_INVITE"), "used up");
}

async fn nobody_registers_where_that_is_closed(database: &Database) {
    let server = Server::with(database, &[("CHAT_REGISTRATION", "closed")]).await;
    let answered = post(&server, "auth/register", None, &registering("otter@blog.example")).await;
    assert_eq!(answered.refusal(), (403, "REGISTRATION_CLOSED"));
    assert_eq!(
        settings(&server).await,
        json!({"registration": "closed", "mail": false, "contact": false, "setup": true})
    );
}

async fn the_first_owner_is_set_up_by_the_link(database: &Database) {
    let server = Server::with(database, &LIMITS_OFF).await;
    assert_eq!(settings(&server).await["setup"], true);
    let printed = server.printed("/setup#").await;
    let code = setup_code(&format!("/setup#{printed}"));
    assert!(!server.log().contains(&code), "no secret in the log");
    let mut body = registering("owner@blog.example");
    for wrong in ["", "AAAA-AAAA-AAAA", &format!("{}-2222-2222", &code[..4])] {
        body["code"] = json!(wrong);
        assert_eq!(post(&server, "auth/setup", None, &body).await.refusal(), (401, "BAD_CODE"), "{wrong}");
    }
    body["code"] = json!(code);
    body["password"] = json!("12345678");
    assert_eq!(post(&server, "auth/setup", None, &body).await.refusal(), (422, "WEAK_PASSWORD"));
    body["password"] = json!(PASSWORD);
    let owner = session(post(&server, "auth/setup", None, &body).await);
    assert_eq!(owner.role, "owner");
    assert_eq!(settings(&server).await["setup"], false);
    body["email"] = json!("second@blog.example");
    assert_eq!(post(&server, "auth/setup", None, &body).await.refusal(), (401, "BAD_CODE"), "once");
    // The command has no link any more, and signs the same owner in.
    let ended = Server::run(&["owner", "--database-url", &database.url], &[]).await;
    assert!(!ended.stderr.contains("/setup#"), "{}", ended.stderr);
    let signed = post(&server, "auth/code", None, &json!({"code": ended.stdout.trim()})).await.ok();
    assert_eq!(signed["user"]["id"], owner.user);
}

async fn who_has_no_account_is_answered_as_who_has(database: &Database) {
    let server = Server::with(database, &OPEN).await;
    register(&server, "otter@blog.example").await;
    let known = log_in(&server, "otter@blog.example", "something else").await;
    let unknown = log_in(&server, "nobody@blog.example", "something else").await;
    let none = log_in(&server, "no address", "something else").await;
    assert_eq!(known.refusal(), (401, "BAD_CREDENTIALS"));
    assert_eq!((known.body.to_string(), known.status), (unknown.body.to_string(), unknown.status));
    assert_eq!(none.body, unknown.body);
    let names = |headers: &reqwest::header::HeaderMap| {
        headers.keys().map(|name| name.as_str().to_owned()).collect::<std::collections::BTreeSet<_>>()
    };
    assert_eq!(names(&known.headers), names(&unknown.headers));
    for email in ["otter@blog.example", "nobody@blog.example"] {
        let answered = post(&server, "auth/password/forgot", None, &json!({"email": email})).await;
        assert_eq!((answered.status, answered.body), (202, Value::Null));
    }
}

async fn guesses_are_counted_of_an_account_and_of_an_address(database: &Database) {
    let settings = [("CHAT_REGISTRATION", "open"), ("CHAT_TRUSTED_PROXIES", "127.0.0.0/8")];
    let server = Server::with(database, &settings).await;
    register(&server, "otter@blog.example").await;
    let guess = async |email: &str, password: &str, from: &str| {
        let body = json!({"email": email, "password": password});
        let headers = [("X-Forwarded-For", from)];
        let answered = ask(&server, reqwest::Method::POST, "/api/v1/auth/login", &headers, &body).await;
        (answered.status, answered.headers.contains_key("retry-after"))
    };
    // Of the account, from wherever; and of one that is none in the same way.
    for email in ["otter@blog.example", "nobody@blog.example"] {
        for n in 0..10 {
            assert_eq!(guess(email, "wrong", &format!("192.0.2.{n}")).await, (401, false), "{email} {n}");
        }
        assert_eq!(guess(email, PASSWORD, "192.0.2.99").await, (429, true), "{email}");
    }
    // Of an address, at whatever account.
    for n in 0..10 {
        assert_eq!(guess(&format!("{n}@blog.example"), "wrong", "198.51.100.1").await.0, 401);
    }
    assert_eq!(guess("other@blog.example", "wrong", "198.51.100.1").await, (429, true));
    assert_eq!(guess("other@blog.example", "wrong", "198.51.100.2").await, (401, false));
}

async fn old_logins_go_on(database: &Database) {
    let server = Server::with(database, &OPEN).await;
    let ended = Server::run(&["owner", "--database-url", &database.url], &[]).await;
    let signed = post(&server, "auth/code", None, &json!({"code": ended.stdout.trim()})).await.ok();
    let secret = signed["token"].as_str().expect("a secret");
    assert_eq!(get(&server, "me", secret).await.ok()["role"], "owner");
    let logins = get(&server, "me/logins", secret).await.ok();
    assert_eq!((logins.as_array().map(Vec::len), &logins[0]["current"]), (Some(1), &json!(true)));
    // The owner who came by a code gets a password by the link, and is the same one.
    let mut body = registering("owner@blog.example");
    body["code"] = json!(setup_code(&ended.stderr));
    let owner = session(post(&server, "auth/setup", None, &body).await);
    assert_eq!(signed["user"]["id"], owner.user);
    assert_eq!(post(&server, "auth/logout", Some(secret), &json!({})).await.status, 204);
    assert_eq!(get(&server, "me", secret).await.refusal(), (401, "BAD_TOKEN"));
    assert_eq!(get(&server, "me", &owner.access).await.status, 200, "another login");
}
