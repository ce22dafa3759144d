//! Blogs that publish their keys at an address: fetched, changed, away, and what a server does not take from there.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chat_wire::{ErrorCode, ServerFrame};
use ring::{
    rand::SystemRandom,
    signature::{Ed25519KeyPair, KeyPair},
};
use serde_json::{Value, json};

use super::sites::{BLOG, CHAT, claims, message, who};
use crate::support::{Client, Folder, LIMITS_OFF, NodeProgram, Server, certificates, until};

/// A blog's server.
struct Blog {
    port: u64,
    program: NodeProgram,
}

impl Blog {
    async fn start(settings: Value) -> Self {
        let mut blog = Self { port: 0, program: NodeProgram::start("key-server.mjs", &settings) };
        blog.port = blog.says("port").await.as_u64().expect("a port");
        blog
    }

    /// What it says next under this name.
    async fn says(&mut self, name: &str) -> Value {
        loop {
            if let Some(value) = self.program.next(name).await.get(name) {
                return value.clone();
            }
        }
    }

    async fn answers(&mut self, answer: Value) {
        self.program.order(&answer.to_string());
        self.says("answers").await;
    }

    async fn publishes(&mut self, keys: &[Value]) {
        self.answers(json!({"status": 200, "body": json!({"keys": keys}).to_string()})).await;
    }
}

fn pair() -> Ed25519KeyPair {
    let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).expect("a key");
    Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).expect("a key")
}

fn jwk(pair: &Ed25519KeyPair, kid: &str) -> Value {
    json!({"kty": "OKP", "crv": "Ed25519", "kid": kid, "x": URL_SAFE_NO_PAD.encode(pair.public_key().as_ref())})
}

fn token(pair: &Ed25519KeyPair, kid: &str) -> String {
    let message = message(&json!({"alg": "EdDSA", "typ": "JWT", "kid": kid}), &claims(json!({})));
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(pair.sign(message.as_bytes())))
}

fn sites(url: &str) -> String {
    json!([{"iss": BLOG, "aud": CHAT, "alg": "EdDSA", "jwks": url}]).to_string()
}

/// What a JOIN by this token is answered with, once: `None` where it is let in.
async fn answered(server: &Server, token: &str) -> Option<ErrorCode> {
    let mut client = Client::connect(server, "post").await;
    client.send(&who(token.to_owned()).join(None)).await;
    client
        .wait("an answer", |frame| match frame {
            ServerFrame::Welcome(_) => Some(None),
            ServerFrame::Error(error) => Some(Some(error.code)),
            _ => None,
        })
        .await
}

/// Comes again until it is let in, as a page does.
async fn is_let_in(server: &Server, token: &str) {
    until("to be let in", async || answered(server, token).await.is_none().then_some(())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_blog_publishes_its_keys_changes_them_and_goes_away() {
    let folder = Folder::new("rtc_jwks");
    certificates(&folder.0);
    let path = |name: &str| folder.0.join(name).display().to_string();
    let mut blog = Blog::start(json!({"key": path("server.key"), "cert": path("good.pem")})).await;
    let [old, new, other] = [pair(), pair(), pair()];
    blog.publishes(&[jwk(&old, "old")]).await;
    let (url, authority) = (format!("https://localhost:{}/keys?of=the%20chat", blog.port), path("ca.pem"));
    let settings = [LIMITS_OFF[0], ("CHAT_SITES", &*sites(&url)), ("SSL_CERT_FILE", &*authority)];
    let (_database, server) = Server::alone(&settings).await;
    assert_eq!(blog.says("asked").await, "/keys?of=the%20chat");
    is_let_in(&server, &token(&old, "old")).await;
    assert_eq!(answered(&server, &token(&other, "old")).await, Some(ErrorCode::BadToken));
    // Another key, and the old one is taken back. Whoever signs by the new one is why it is fetched.
    blog.publishes(&[jwk(&new, "new")]).await;
    is_let_in(&server, &token(&new, "new")).await;
    assert_eq!(answered(&server, &token(&old, "old")).await, Some(ErrorCode::BadToken));
    // What it says while something is wrong with it changes nothing.
    for wrong in [
        json!({"status": 500, "body": json!({"keys": [jwk(&other, "other")]}).to_string()}),
        json!({"status": 302, "body": "", "location": "https://localhost/elsewhere"}),
        json!({"status": 200, "body": "no keys"}),
        json!({"status": 200, "body": json!({"keys": [jwk(&other, "other")], "more": "x".repeat(70_000)}).to_string()}),
    ] {
        blog.answers(wrong).await;
        // By a key that nobody knows it is asked again.
        until("it to be asked", async || {
            assert_ne!(answered(&server, &token(&other, "other")).await, None);
            blog.program.said().filter(|said| said.get("asked").is_some()).map(|_| ())
        })
        .await;
    }
    drop(blog);
    assert_eq!(answered(&server, &token(&new, "new")).await, None, "the keys of before stay");
    server.logs("could not be fetched; those of before stay").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_of_a_stranger_are_not_taken_and_this_machine_may_do_without_tls() {
    let folder = Folder::new("rtc_jwks_stranger");
    certificates(&folder.0);
    let path = |name: &str| folder.0.join(name).display().to_string();
    let key = pair();
    // Whose certificate an authority has signed that is not trusted here.
    let mut stranger = Blog::start(json!({"key": path("server.key"), "cert": path("good.pem")})).await;
    stranger.publishes(&[jwk(&key, "a")]).await;
    let (url, authority) = (format!("https://localhost:{}/keys", stranger.port), path("other-ca.pem"));
    let settings = [LIMITS_OFF[0], ("CHAT_SITES", &*sites(&url)), ("SSL_CERT_FILE", &*authority)];
    let (_database, server) = Server::alone(&settings).await;
    server.logs("could not be fetched; those of before stay").await;
    assert_eq!(answered(&server, &token(&key, "a")).await, Some(ErrorCode::Overloaded), "nobody can tell yet");
    // On the machine itself.
    let mut blog = Blog::start(json!({})).await;
    blog.publishes(&[jwk(&key, "a")]).await;
    let url = format!("http://127.0.0.1:{}/keys", blog.port);
    let (_database, server) = Server::alone(&[LIMITS_OFF[0], ("CHAT_SITES", &*sites(&url))]).await;
    is_let_in(&server, &token(&key, "a")).await;
}
