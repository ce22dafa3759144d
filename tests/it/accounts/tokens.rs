//! What proves a login, and what renews it: replay, theft, other algorithms, new keys.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::{OPEN, PASSWORD, get, log_in, post, register, session};
use crate::support::{Database, Server, soon};

on_both!(
    a_login_is_renewed_and_a_replay_gets_the_same_successor,
    a_late_replay_ends_the_login,
    a_token_of_another_algorithm_is_nobodys,
    new_keys_end_tokens_and_no_login,
    who_signs_out_is_signed_out,
    a_dump_of_the_database_has_no_secret,
);

async fn refresh(server: &Server, token: &str) -> super::Answered {
    post(server, "auth/refresh", None, &json!({"refreshToken": token})).await
}

async fn a_login_is_renewed_and_a_replay_gets_the_same_successor(database: &Database) {
    let server = Server::with(database, &OPEN).await;
    let first = register(&server, "otter@blog.example").await;
    let second = session(refresh(&server, &first.refresh).await);
    let replayed = session(refresh(&server, &first.refresh).await);
    assert_eq!(second.refresh, replayed.refresh, "two tabs do not log each other out");
    assert_ne!(second.refresh, first.refresh);
    let third = session(refresh(&server, &second.refresh).await);
    for access in [&first.access, &second.access, &third.access] {
        assert_eq!(get(&server, "me", access).await.status, 200, "good until it is over");
    }
    let logins = get(&server, "me/logins", &third.access).await.ok();
    assert_eq!(logins.as_array().map(Vec::len), Some(1), "one login all the while");
    for none in ["", "nothing", &"a".repeat(43), &first.access] {
        assert_eq!(refresh(&server, none).await.refusal(), (401, "BAD_TOKEN"), "{none}");
    }
    assert_eq!(post(&server, "auth/refresh", None, &json!({})).await.refusal(), (401, "BAD_TOKEN"));
}

async fn a_late_replay_ends_the_login(database: &Database) {
    let server = Server::with(database, &OPEN).await;
    let first = register(&server, "otter@blog.example").await;
    let other = session(log_in(&server, "otter@blog.example", PASSWORD).await);
    let second = session(refresh(&server, &first.refresh).await);
    // As if it had been used a minute ago.
    let earlier = match database.is_sqlite() {
        true => "UPDATE refresh_tokens SET used_at = used_at - 60000 WHERE used_at IS NOT NULL",
        false => "UPDATE refresh_tokens SET used_at = used_at - interval '1 minute' WHERE used_at IS NOT NULL",
    };
    database.run(earlier).await;
    assert_eq!(refresh(&server, &first.refresh).await.refusal(), (401, "BAD_TOKEN"));
    assert_eq!(refresh(&server, &second.refresh).await.refusal(), (401, "BAD_TOKEN"), "the thief's and the owner's");
    assert_eq!(get(&server, "me", &second.access).await.refusal(), (401, "BAD_TOKEN"), "at once");
    assert_eq!(get(&server, "me", &other.access).await.status, 200, "another login of theirs");
}

async fn a_token_of_another_algorithm_is_nobodys(database: &Database) {
    let server = Server::with(database, &OPEN).await;
    let own = register(&server, "otter@blog.example").await;
    let other = register(&server, "seal@blog.example").await;
    let parts: Vec<&str> = own.access.split('.').collect();
    let others: Vec<&str> = other.access.split('.').collect();
    let header: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(parts[0]).expect("base64")).expect("JSON");
    assert_eq!(header["alg"], "EdDSA");
    let with = |changes: Value| {
        let mut header = header.clone();
        for (name, value) in changes.as_object().expect("an object") {
            header[name] = value.clone();
        }
        URL_SAFE_NO_PAD.encode(header.to_string())
    };
    let (claims, signature) = (parts[1], parts[2]);
    for (why, token) in [
        ("none", format!("{}.{claims}.", with(json!({"alg": "none"})))),
        ("none with a signature", format!("{}.{claims}.{signature}", with(json!({"alg": "none"})))),
        ("HS256", format!("{}.{claims}.{signature}", with(json!({"alg": "HS256"})))),
        ("another key", format!("{}.{claims}.{signature}", with(json!({"kid": "another"})))),
        ("no key", format!("{}.{claims}.{signature}", with(json!({"kid": null})))),
        ("a key of its own", format!("{}.{claims}.{signature}", with(json!({"jwk": {"kty": "OKP"}})))),
        ("another's claims", format!("{}.{}.{signature}", parts[0], others[1])),
        ("another's signature", format!("{}.{claims}.{}", parts[0], others[2])),
        ("no signature", format!("{}.{claims}", parts[0])),
        ("dots", "..".to_owned()),
    ] {
        assert_eq!(get(&server, "me", &token).await.refusal(), (401, "BAD_TOKEN"), "{why}");
    }
    assert_eq!(get(&server, "me", &own.access).await.status, 200);
}

async fn new_keys_end_tokens_and_no_login(database: &Database) {
    let server = Server::with(database, &OPEN).await;
    let own = register(&server, "otter@blog.example").await;
    let ended = Server::run(&["rotate-keys", "--database-url", &database.url], &[]).await;
    assert!(ended.done().contains("1 before"));
    // A server beside which a command changes its file hears of it a little later; the next token tells it.
    soon("the old key to be forgotten", async || {
        let renewed = session(log_in(&server, "otter@blog.example", PASSWORD).await);
        let is_new = get(&server, "me", &renewed.access).await.status == 200;
        is_new && get(&server, "me", &own.access).await.status == 401
    })
    .await;
    let renewed = session(refresh(&server, &own.refresh).await);
    assert_eq!(get(&server, "me", &renewed.access).await.status, 200);
    let again = server.again(database, &OPEN).await;
    assert_eq!(get(&again, "me", &renewed.access).await.status, 200, "another server has the same keys");
}

async fn who_signs_out_is_signed_out(database: &Database) {
    let server = Server::with(database, &OPEN).await;
    let own = register(&server, "otter@blog.example").await;
    assert_eq!(post(&server, "auth/logout", Some(&own.access), &json!({})).await.status, 204);
    assert_eq!(get(&server, "me", &own.access).await.refusal(), (401, "BAD_TOKEN"), "at once, not after ten minutes");
    assert_eq!(refresh(&server, &own.refresh).await.refusal(), (401, "BAD_TOKEN"));
    assert_eq!(post(&server, "auth/logout", Some(&own.access), &json!({})).await.refusal(), (401, "BAD_TOKEN"));
    assert_eq!(post(&server, "auth/logout", None, &json!({})).await.refusal(), (401, "BAD_TOKEN"));
}

async fn a_dump_of_the_database_has_no_secret(database: &Database) {
    let server = Server::with(database, &OPEN).await;
    let own = register(&server, "otter@blog.example").await;
    let ticket = post(&server, "auth/ticket", Some(&own.access), &json!({})).await.text("ticket");
    let kept = [
        database.texts("SELECT hash AS text FROM refresh_tokens").await,
        database.texts("SELECT hash AS text FROM one_time_codes").await,
        database.texts("SELECT password_hash AS text FROM users WHERE password_hash IS NOT NULL").await,
    ]
    .concat();
    assert_eq!(kept.iter().filter(|text| text.starts_with("$argon2id$v=19$m=19456,t=2,p=1$")).count(), 1, "{kept:?}");
    for secret in [PASSWORD, &own.refresh, &ticket, &own.access] {
        assert!(!kept.iter().any(|text| text.contains(secret)), "{kept:?}");
        assert!(!server.log().contains(secret));
    }
}
