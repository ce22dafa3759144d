//! The bots of docs/DOORS.md, as they stand there.

use std::process::{Child, Command, Stdio};

use chat_wire::ServerFrame;
use uuid::Uuid;

use crate::support::{Client, Database, Folder, LIMITS_OFF, Server, until};

/// A bot that runs until it is dropped, with all that it has started.
struct Bot(Child);

impl Drop for Bot {
    fn drop(&mut self) {
        // It leads a group of its own.
        let _ = Command::new("kill").args(["-s", "KILL", "--", &format!("-{}", self.0.id())]).status();
        let _ = self.0.wait();
    }
}

/// The block of this language that is a bot.
fn recipe(language: &str) -> String {
    let doc = include_str!("../../../docs/DOORS.md");
    let (_, rest) = doc.split_once(&format!("\n```{language} bot\n")).unwrap_or_else(|| panic!("no bot of {language}"));
    rest.split_once("\n```\n").expect("its end").0.to_owned()
}

async fn answers(program: &str, language: &str, file: &str, nickname: &str) {
    let database = Database::sqlite();
    let server = Server::with(&database, &LIMITS_OFF).await;
    let folder = Folder::new("bot");
    let path = folder.0.join(file);
    let text = recipe(language);
    assert!(text.lines().count() <= 32, "{} lines", text.lines().count());
    std::fs::write(&path, text).expect("a file");
    let mut command = Command::new("setsid");
    command.arg(program).arg(&path).stdin(Stdio::null()).stdout(Stdio::null());
    command.env("CHAT_ROOM_URL", server.url("/api/v1/rooms/post")).env("BOT_ID", Uuid::new_v4().to_string());
    for proxy in ["http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"] {
        command.env_remove(proxy);
    }
    let _bot = Bot(command.spawn().expect("a bot"));
    let mut person = Client::author(&server, "post", "person").await;
    until("the bot to be here", async || {
        let count = server.json("/api/v1/rooms/post").await["presence"]["count"].as_i64();
        (count == Some(2)).then_some(())
    })
    .await;
    person.say("hello").await;
    person.say("!ping").await;
    let pong = person.wait("the answer", |frame| match frame {
        ServerFrame::Message(message) if message.content == "pong" => Some(message.clone()),
        _ => None,
    });
    assert_eq!(pong.await.author.nickname, nickname);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_bot_of_curl_answers() {
    answers("sh", "sh", "bot.sh", "curl bot").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_bot_of_python_answers() {
    answers("python3", "python", "bot.py", "python bot").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_bot_of_javascript_answers() {
    answers("node", "js", "bot.mjs", "js bot").await;
}
