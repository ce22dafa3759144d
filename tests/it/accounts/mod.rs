//! Accounts with a password, from end to end.

mod bots;
mod claims;
mod cookies;
mod devices;
mod entering;
mod erasing;
mod own;
mod recipes;
mod sites;
mod sockets;
mod team;
mod tokens;

use reqwest::{Method, header::HeaderMap};
use serde_json::{Value, json};

use crate::support::{Database, LIMITS_OFF, Server, check_schema, until, within};

/// Everybody may register, and nobody is counted.
pub const OPEN: [(&str, &str); 2] = [("CHAT_REGISTRATION", "open"), LIMITS_OFF[0]];

pub const PASSWORD: &str = "correct horse battery staple";

/// An answer: status, body, headers.
pub struct Answered {
    pub status: u16,
    pub body: Value,
    pub headers: HeaderMap,
}

impl Answered {
    /// The status and the code of a refusal.
    pub fn refusal(&self) -> (u16, &str) {
        (self.status, self.body["error"]["code"].as_str().unwrap_or_default())
    }

    #[track_caller]
    pub fn ok(self) -> Value {
        assert!((200..300).contains(&self.status), "{}: {}", self.status, self.body);
        self.body
    }

    #[track_caller]
    pub fn text(&self, field: &str) -> String {
        self.body[field].as_str().unwrap_or_else(|| panic!("{field} in {}", self.body)).to_owned()
    }
}

/// Asks with these headers; again where the database is away for a moment.
pub async fn ask(server: &Server, method: Method, path: &str, headers: &[(&str, &str)], body: &Value) -> Answered {
    let client = reqwest::Client::builder().no_proxy().pool_max_idle_per_host(0).build().expect("a client");
    until(path, async || {
        let mut request = client.request(method.clone(), server.url(path));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if !body.is_null() {
            request = request.body(body.to_string());
        }
        let response = within(path, request.send()).await.expect("an answer");
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await.expect("a text");
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        if status >= 400 {
            check_schema("Error", &body);
        }
        (status != 503).then_some(Answered { status, body, headers })
    })
    .await
}

pub async fn post(server: &Server, path: &str, token: Option<&str>, body: &Value) -> Answered {
    let bearer = token.map(|token| format!("Bearer {token}"));
    let headers: Vec<_> = bearer.iter().map(|bearer| ("Authorization", bearer.as_str())).collect();
    ask(server, Method::POST, &format!("/api/v1/{path}"), &headers, body).await
}

pub async fn with(server: &Server, method: Method, path: &str, token: &str, body: &Value) -> Answered {
    ask(server, method, &format!("/api/v1/{path}"), &[("Authorization", &format!("Bearer {token}"))], body).await
}

pub async fn get(server: &Server, path: &str, token: &str) -> Answered {
    with(server, Method::GET, path, token, &Value::Null).await
}

/// What a login is answered with.
#[derive(Debug, Clone)]
pub struct Session {
    pub access: String,
    pub refresh: String,
    pub user: String,
    pub role: String,
}

#[track_caller]
pub fn session(answered: Answered) -> Session {
    let body = answered.ok();
    check_schema("Me", &body);
    assert_eq!(body["expiresIn"], 600, "{body}");
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    Session {
        access: text(&body["accessToken"]),
        refresh: text(&body["refreshToken"]),
        user: text(&body["user"]["id"]),
        role: text(&body["role"]),
    }
}

pub fn registering(email: &str) -> Value {
    json!({"email": email, "password": PASSWORD, "nickname": "수달"})
}

pub async fn register(server: &Server, email: &str) -> Session {
    session(post(server, "auth/register", None, &registering(email)).await)
}

pub async fn log_in(server: &Server, email: &str, password: &str) -> Answered {
    post(server, "auth/login", None, &json!({"email": email, "password": password})).await
}

/// The code of the link that this text has.
#[track_caller]
pub fn setup_code(said: &str) -> String {
    let (_, rest) = said.split_once("/setup#").unwrap_or_else(|| panic!("no link in {said}"));
    rest.split_whitespace().next().expect("a code").to_owned()
}

/// The first owner, by the link that the command prints.
pub async fn owner(database: &Database, server: &Server) -> Session {
    let ended = Server::run(&["owner", "--database-url", &database.url], &[]).await;
    assert!(ended.status.success(), "{}", ended.stderr);
    let mut body = registering("owner@blog.example");
    // Nobody else is called what the owner is.
    body["nickname"] = json!("주인장");
    body["code"] = json!(setup_code(&ended.stderr));
    session(post(server, "auth/setup", None, &body).await)
}
