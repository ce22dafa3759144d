//! The blog's own users: what a blog signs for them, what nobody else can, and how long it holds.

use std::{
    fs,
    process::{Command, Stdio},
    time::{SystemTime, UNIX_EPOCH},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chat_wire::{AuthPayload, ErrorCode, MessagePayload, ServerFrame, WelcomePayload};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use uuid::Uuid;

use super::{get, post, with};
use crate::{
    moderation::{done, owner as join_as_owner, refuses, signed_in},
    start::one_line,
    support::{
        Client, Database, Folder, LIMITS_OFF, Server, Who,
        command::{ban, delete, edit, react, report},
        soon,
    },
};

on_both!(
    a_blogs_user_is_shown_as_the_blog_says,
    what_no_blog_has_signed_is_refused,
    whose_token_is_over_reads_until_there_is_a_new_one,
    a_renewed_token_holds_as_long_as_it_says,
    a_ban_holds_whatever_the_blog_calls_somebody,
    a_blog_gives_no_right_and_no_name_of_who_keeps_order,
);

pub const CHAT: &str = "https://chat.example";
pub const BLOG: &str = "https://blog.example";
const OTHER: &str = "https://other.example";
const SECRET: &str = "0123456789abcdef0123456789abcdef";
const OTHER_SECRET: &str = "another secret of another blog, which is as good";

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("a time");
    i64::try_from(since.as_secs()).expect("a number")
}

pub fn sites() -> Value {
    json!([
        {"iss": BLOG, "aud": CHAT, "alg": "HS256", "secret": SECRET},
        {"iss": OTHER, "aud": CHAT, "alg": "HS256", "secret": OTHER_SECRET},
    ])
}

async fn server(database: &Database) -> Server {
    Server::with(database, &[LIMITS_OFF[0], ("CHAT_SITES", &sites().to_string())]).await
}

pub fn claims(changes: Value) -> Value {
    let mut claims = json!({"iss": BLOG, "sub": "42", "name": "수달이", "aud": CHAT, "iat": now(), "exp": now() + 600});
    for (name, value) in changes.as_object().expect("an object") {
        claims[name] = value.clone();
    }
    claims
}

pub fn message(head: &Value, claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}", part(head), part(claims))
}

fn hs256(message: &str, secret: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("a key");
    mac.update(message.as_bytes());
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
}

/// As a blog signs it.
pub fn token(changes: Value) -> String {
    hs256(&message(&json!({"alg": "HS256", "typ": "JWT"}), &claims(changes)), SECRET.as_bytes())
}

/// One that is over in so many seconds: its `exp` is past, within the minute that is granted.
fn ends_in(seconds: i64, changes: Value) -> String {
    let mut changes = changes;
    changes["iat"] = json!(now() - 600);
    changes["exp"] = json!(now() - 60 + seconds);
    token(changes)
}

pub fn who(token: String) -> Who {
    Who { token: Some(token), ..Who::reader() }
}

pub async fn join(server: &Server, token: String) -> (Client, WelcomePayload<'static>) {
    Client::join(server, "post", who(token)).await
}

fn auth(token: &str) -> Value {
    json!({"type": "AUTH", "payload": {"token": token}})
}

/// The message with this text, when it comes.
pub async fn shown(client: &mut Client, content: &str) -> MessagePayload<'static> {
    let wanted = |frame: &ServerFrame<'static>| match frame {
        ServerFrame::Message(message) if message.content == content => Some(message.clone()),
        _ => None,
    };
    client.wait(content, wanted).await
}

async fn renewed(client: &mut Client, token: &str) -> AuthPayload {
    client.send(&auth(token)).await;
    let told = |frame: &ServerFrame<'static>| match frame {
        ServerFrame::Auth(told) => Some(*told),
        ServerFrame::Error(error) => panic!("instead of AUTH: {error:?}"),
        _ => None,
    };
    client.wait("AUTH", told).await
}

async fn a_blogs_user_is_shown_as_the_blog_says(database: &Database) {
    let server = server(database).await;
    let mut reader = Client::reader(&server, "post").await;
    let mut client = Client::connect(&server, "post").await;
    // What the JOIN says besides is nothing to what the blog says.
    client.who = Who {
        avatar: Some("owl".into()),
        ..Who { token: Some(token(json!({"avatar": "cat"}))), ..Who::named("주인") }
    };
    client.ask_to_join(None).await;
    let (mut welcome, mut told) = (None, None);
    while welcome.is_none() || told.is_none() {
        match client.frame("WELCOME and AUTH").await {
            ServerFrame::Welcome(is) => welcome = Some(is),
            ServerFrame::Auth(is) => told = Some(is),
            _ => {}
        }
    }
    let own = welcome.and_then(|welcome| welcome.head.own).expect("an author").author;
    assert_eq!((&*own.nickname, &*own.avatar, own.badge.as_deref()), ("수달이", "cat", Some("verified")));
    let ms = told.expect("AUTH").expires_in_ms;
    assert!((600_000..=660_000).contains(&ms), "{ms}");
    client.say("hello").await;
    let seen = shown(&mut reader, "hello").await;
    assert_eq!(seen.author, own);
    let stored = server.json("/api/v1/rooms/post/messages").await;
    assert_eq!(stored["messages"][0]["author"]["badge"], "verified", "{stored}");

    // The blog says what they are called, and nobody else.
    let named = client.refused(&json!({"type": "PROFILE", "payload": {"nickname": "somebody"}})).await;
    assert_eq!(named.code, ErrorCode::Forbidden);
    // Later, on another page, after they were called something else: the same person.
    let (_there, welcome) = join(&server, token(json!({"name": "Otter"}))).await;
    let there = welcome.head.own.expect("an author").author;
    assert_eq!((&there.id, &*there.nickname), (&own.id, "Otter"));
    // Another one there, and the one of that name of another blog, are others.
    let (_one, welcome) = join(&server, token(json!({"sub": "43"}))).await;
    assert_ne!(welcome.head.own.expect("an author").author.id, own.id);
    let of_other = message(&json!({"alg": "HS256"}), &claims(json!({"iss": OTHER})));
    let (_other, welcome) = join(&server, hs256(&of_other, OTHER_SECRET.as_bytes())).await;
    assert_ne!(welcome.head.own.expect("an author").author.id, own.id);

    // Each has a row, which says what the blog said last; nothing of a token is in it.
    soon("the rows of all three", async || {
        let users = "SELECT site || ' ' || subject || ' ' || nickname AS text FROM users WHERE kind = 2 ORDER BY 1";
        let expected = [format!("{BLOG} 42 Otter"), format!("{BLOG} 43 수달이"), format!("{OTHER} 42 수달이")];
        database.texts(users).await == expected
    })
    .await;
    assert!(!server.log().contains("eyJ") && !server.log().contains(SECRET));
}

async fn what_no_blog_has_signed_is_refused(database: &Database) {
    let keys = Folder::new("keys");
    let openssl = |arguments: &str| {
        let command = format!("openssl {arguments}");
        let done = Command::new("openssl")
            .current_dir(&keys.0)
            .args(arguments.split(' '))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        assert!(done.expect("openssl").success(), "{command}");
    };
    openssl("genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out rsa.pem");
    openssl("pkey -in rsa.pem -pubout -out rsa.pub");
    openssl("genpkey -algorithm ed25519 -out ed.pem");
    openssl("pkey -in ed.pem -pubout -out ed.pub");
    let read = |name: &str| fs::read_to_string(keys.0.join(name)).expect("a key");
    let (rsa, ed) = ("https://rsa.example", "https://ed.example");
    let mut all = sites();
    all.as_array_mut().expect("a list").extend([
        json!({"iss": rsa, "aud": CHAT, "alg": "RS256", "key": read("rsa.pub")}),
        json!({"iss": ed, "aud": CHAT, "alg": "EdDSA", "key": read("ed.pub")}),
    ]);
    let server = Server::with(database, &[LIMITS_OFF[0], ("CHAT_SITES", &all.to_string())]).await;
    let signed = |head: Value, changes: Value, how: &str| {
        let message = message(&head, &claims(changes));
        fs::write(keys.0.join("message"), &message).expect("a file");
        openssl(how);
        let signature = fs::read(keys.0.join("signature")).expect("a signature");
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    };
    let with_rsa = "dgst -sha256 -sign rsa.pem -out signature message";
    let with_ed = "pkeyutl -sign -rawin -inkey ed.pem -in message -out signature";
    let good_rsa = signed(json!({"alg": "RS256"}), json!({"iss": rsa}), with_rsa);
    let good_ed = signed(json!({"alg": "EdDSA"}), json!({"iss": ed}), with_ed);
    for good in [&good_rsa, &good_ed] {
        let (mut client, welcome) = join(&server, good.clone()).await;
        assert_eq!(welcome.head.own.and_then(|own| own.author.badge).as_deref(), Some("verified"));
        client.say("signed").await;
    }

    let head = |alg: &str| json!({"alg": alg, "typ": "JWT"});
    let hs = |head: Value, changes: Value, secret: &str| hs256(&message(&head, &claims(changes)), secret.as_bytes());
    let other_kid = |kid: &str| json!({"alg": "HS256", "kid": kid});
    let (body, _) = good_rsa.rsplit_once('.').expect("a token");
    let bad = [
        // No signature, and one by what is no secret.
        format!("{}.", message(&head("none"), &claims(json!({})))),
        format!("{}.", message(&head("HS256"), &claims(json!({})))),
        hs(head("none"), json!({}), SECRET),
        hs(head("HS256"), json!({"iss": rsa}), &read("rsa.pub")),
        hs(head("RS256"), json!({"iss": rsa}), &read("rsa.pub")),
        hs(head("HS256"), json!({"iss": ed}), &read("ed.pub")),
        hs256(body, SECRET.as_bytes()),
        // Another blog's key, whatever the token calls it.
        hs(head("HS256"), json!({}), OTHER_SECRET),
        hs(other_kid(OTHER), json!({}), OTHER_SECRET),
        hs(other_kid("/dev/null"), json!({}), ""),
        signed(json!({"alg": "RS256"}), json!({}), with_rsa),
        signed(json!({"alg": "EdDSA"}), json!({"iss": rsa}), with_ed),
        hs(json!({"alg": "HS256", "jwk": {"kty": "oct", "k": ""}}), json!({}), ""),
        hs(head("HS256"), json!({"iss": "https://nobody.example"}), SECRET),
        // For somebody else, for too long, before its time.
        token(json!({"aud": BLOG})),
        token(json!({"aud": null})),
        token(json!({"exp": now() + 3_700})),
        token(json!({"iat": now() + 120, "exp": now() + 600})),
        token(json!({"sub": 42})),
        token(json!({"sub": ""})),
        // What is none.
        token(json!({"more": "x".repeat(8_000)})),
        "eyJhbGciOiJub25lIn0.e30.".to_owned(),
        "..".to_owned(),
    ];
    let mut client = Client::connect(&server, "post").await;
    for token in bad {
        assert_eq!(client.refused(&who(token.clone()).join(None)).await.code, ErrorCode::BadToken, "{token:.200}");
    }
    for (changes, code) in [
        (json!({"iat": now() - 700, "exp": now() - 61}), ErrorCode::TokenExpired),
        (json!({"name": "a"}), ErrorCode::InvalidNickname),
        (json!({"name": "a\u{202e}b"}), ErrorCode::InvalidNickname),
        (json!({"avatar": "https://blog.example/me.png"}), ErrorCode::InvalidAvatar),
    ] {
        assert_eq!(client.refused(&who(token(changes.clone())).join(None)).await.code, code, "{changes}");
    }
    // It is nobody's login over HTTP, and what is one there is no blog's.
    for path in ["me", "admin/bans", "me/logins"] {
        assert_eq!(get(&server, path, &token(json!({}))).await.status, 401, "{path}");
    }
    client.who = who(token(json!({})));
    client.enter(None).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_guesses_tokens_is_shut_out_and_who_has_an_old_one_is_not() {
    let (_database, server) = Server::alone(&[("CHAT_SITES", &sites().to_string())]).await;
    let mut old = Client::connect(&server, "post").await;
    for _ in 0..60 {
        old.send(&who(ends_in(-1, json!({}))).join(None)).await;
    }
    for _ in 0..60 {
        old.error_of(ErrorCode::TokenExpired).await;
    }
    let mut guesses = Client::connect(&server, "post").await;
    for _ in 0..50 {
        guesses.send(&who("a.b.c".into()).join(None)).await;
    }
    assert_eq!(guesses.closed().await, chat_wire::CloseCode::ProtocolBroken.number());
}

async fn whose_token_is_over_reads_until_there_is_a_new_one(database: &Database) {
    let server = server(database).await;
    let mut other = Client::author(&server, "post", "another one").await;
    let (mut client, _) = join(&server, ends_in(3, json!({}))).await;
    let first = client.say("while it holds").await;
    let over = client.error_of(ErrorCode::TokenExpired).await;
    assert_eq!(over.client_id, None, "it comes by itself");
    for command in [
        crate::moderation::message("too late"),
        edit(&first.id, 1, "too late"),
        delete(&first.id),
        react(&first.id, "👍", true),
        report(&first.id, "too late"),
    ] {
        let refused = client.refused(&command).await;
        assert_eq!((refused.code, refused.client_id.is_some()), (ErrorCode::TokenExpired, true), "{command}");
    }
    other.say("who reads goes on").await;
    assert_eq!(&*shown(&mut client, "who reads goes on").await.author.nickname, "another one");
    // Nobody else's token makes it a writer's again.
    let of_other = hs256(&message(&json!({"alg": "HS256"}), &claims(json!({"iss": OTHER}))), OTHER_SECRET.as_bytes());
    for (token, code) in [
        (token(json!({"sub": "43"})), ErrorCode::OtherUser),
        (of_other, ErrorCode::OtherUser),
        (ends_in(-1, json!({})), ErrorCode::TokenExpired),
        (token(json!({"aud": BLOG})), ErrorCode::BadToken),
        ("none".to_owned(), ErrorCode::BadToken),
        (String::new(), ErrorCode::BadToken),
    ] {
        assert_eq!(client.refused(&auth(&token)).await.code, code);
        assert_eq!(client.refused(&crate::moderation::message("still")).await.code, ErrorCode::TokenExpired);
    }
    renewed(&mut client, &token(json!({}))).await;
    client.say("here again").await;
    client.send(&react(&first.id, "👍", true)).await;
    assert_eq!(server.json("/api/v1/rooms/post/messages").await["messages"].as_array().map(Vec::len), Some(3));
    // Of others there is nothing to renew.
    assert_eq!(other.refused(&auth(&token(json!({})))).await.code, ErrorCode::OtherUser);
    let mut nobody = Client::connect(&server, "post").await;
    assert_eq!(nobody.refused(&auth(&token(json!({})))).await.code, ErrorCode::NotJoined);
}

async fn a_renewed_token_holds_as_long_as_it_says(database: &Database) {
    let server = server(database).await;
    let (mut client, welcome) = join(&server, ends_in(3, json!({}))).await;
    let told = renewed(&mut client, &token(json!({"name": "Otter", "avatar": "cat"}))).await;
    assert!(told.expires_in_ms > 600_000, "{told:?}");
    let own = client
        .wait("the new name", |frame| match frame {
            ServerFrame::Profile(profile) => Some(profile.own.clone()),
            _ => None,
        })
        .await;
    assert_eq!((&*own.nickname, &*own.avatar, own.badge.as_deref()), ("Otter", "cat", Some("verified")));
    assert_eq!(Some(own.id), welcome.head.own.map(|own| own.author.id));
    // One whose token ends later than the first one of theirs has become a reader.
    let (mut later, _) = join(&server, ends_in(4, json!({"sub": "43"}))).await;
    later.error_of(ErrorCode::TokenExpired).await;
    client.say("as long as the new one").await;
    // The last word counts, also where it is shorter.
    renewed(&mut client, &ends_in(2, json!({"name": "Otter", "avatar": "cat"}))).await;
    client.error_of(ErrorCode::TokenExpired).await;
}

async fn a_ban_holds_whatever_the_blog_calls_somebody(database: &Database) {
    let server = server(database).await;
    let (mut client, welcome) = join(&server, token(json!({}))).await;
    let id = welcome.head.own.expect("an author").author.id;
    let secret = signed_in(database, &server).await;
    let (mut owner, _) = join_as_owner(&server, "post", &secret).await;
    done(&mut owner, &ban(&id, 600, "all")).await;
    assert_eq!(client.try_say(Uuid::new_v4(), "hello").await.map_err(|e| e.code), Err(ErrorCode::Banned));
    renewed(&mut client, &token(json!({"name": "Otter"}))).await;
    assert_eq!(client.try_say(Uuid::new_v4(), "hello").await.map_err(|e| e.code), Err(ErrorCode::Banned));
    let (mut again, _) = Client::join(&server, "elsewhere", who(token(json!({"name": "Seal"})))).await;
    assert_eq!(again.try_say(Uuid::new_v4(), "hello").await.map_err(|e| e.code), Err(ErrorCode::Banned));
    let (mut other, _) = join(&server, token(json!({"sub": "43"}))).await;
    other.say("it is not mine").await;
}

async fn a_blog_gives_no_right_and_no_name_of_who_keeps_order(database: &Database) {
    let server = server(database).await;
    let session = super::owner(database, &server).await;
    let ticket = post(&server, "auth/ticket", Some(&session.access), &json!({})).await.text("ticket");
    let (mut owner, welcome) = join_as_owner(&server, "post", &ticket).await;
    let said = owner.say("the owner's").await;
    let owner_id = welcome.head.own.expect("an author").author.id;
    let (mut client, welcome) = join(&server, token(json!({"role": "owner", "badge": "owner", "admin": true}))).await;
    assert_eq!(welcome.head.rights, None);
    let own = welcome.head.own.expect("an author").author;
    for command in [ban(&owner_id, 0, "room"), delete(&said.id), crate::support::command::pin(&said.id, true)] {
        let refused = refuses(&mut client, &command).await.code;
        assert!(matches!(refused, ErrorCode::Forbidden | ErrorCode::NotYours), "{refused:?} {command}");
    }
    let signed = token(json!({}));
    assert_eq!(post(&server, "auth/ticket", Some(&signed), &json!({})).await.refusal(), (401, "BAD_TOKEN"));
    let patched = with(&server, reqwest::Method::PATCH, "me", &signed, &json!({"nickname": "Owner"})).await;
    assert_eq!(patched.status, 401);
    // Whoever is called what the owner is, by their blog, reads, and hears why.
    let (mut namesake, welcome) = join(&server, token(json!({"sub": "44", "name": "주인장"}))).await;
    assert_eq!(welcome.head.own, None);
    namesake.error_of(ErrorCode::NicknameTaken).await;
    let unnamed = namesake.try_say(Uuid::new_v4(), "I am the owner").await.map_err(|error| error.code);
    assert_eq!(unnamed, Err(ErrorCode::NicknameRequired));
    // Nor do they get it by the way of a new token; once they are called something else they write.
    assert_eq!(own.nickname, "수달이");
    client.send(&auth(&token(json!({"name": "주인장"})))).await;
    client.error_of(ErrorCode::NicknameTaken).await;
    renewed(&mut namesake, &token(json!({"sub": "44", "name": "Otter"}))).await;
    namesake.say("by another name").await;
    assert_eq!(&*shown(&mut owner, "by another name").await.author.nickname, "Otter");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_server_knows_the_same_person_at_once() {
    let all = sites().to_string();
    let (database, [one, two]) = Server::pair(&[LIMITS_OFF[0], ("CHAT_SITES", &all)]).await;
    let signed = token(json!({}));
    let (mut here, welcome) = join(&one, signed.clone()).await;
    let (_there, elsewhere) = join(&two, signed).await;
    assert_eq!(welcome.head.own, elsewhere.head.own);
    here.say("hello").await;
    soon("one row", async || database.texts("SELECT subject AS text FROM users WHERE kind = 2").await == ["42"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_list_of_blogs_ends_the_start_and_shows_no_key() {
    let hidden = "hunter2-hunter2-hunter2-hunter2-hunter2";
    let entry = |alg: &str, name: &str| json!([{"iss": BLOG, "aud": CHAT, "alg": alg, name: hidden}]).to_string();
    for (value, why) in [
        (hidden.to_owned(), "a list in JSON"),
        (entry("none", "secret"), "entry 1"),
        (entry("RS256", "secret"), "HS256 goes with secret"),
        (entry("RS256", "jwks"), "an https address"),
        (entry("EdDSA", "key"), "PEM"),
        (json!([{"iss": BLOG, "aud": CHAT, "alg": "HS256", "secret": "hunter2"}]).to_string(), "at least 32 bytes"),
        (json!([{"iss": BLOG, "alg": "HS256", "secret": hidden}]).to_string(), "iss, aud, alg"),
    ] {
        one_line(&Server::run(&[], &[("CHAT_SITES", &value)]).await, &["CHAT_SITES", why], &["hunter2"]);
    }
}
