//! Socket.IO as its own client speaks it.

use std::process::Stdio;

use serde_json::Value;
use uuid::Uuid;

use super::bot::{Bot, pong};
use crate::support::{Client, Folder, LIMITS_OFF, Proxy, Server, soon, within};

/// What it calls itself.
const BOT: &str = "socket.io bot";

/// The example in docs/SOCKETIO.md, as it stands there, with the real client: it answers, and after its line broke it
/// comes back by itself and answers what was asked meanwhile, once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_example_answers_and_comes_back() {
    let doc = include_str!("../../../docs/SOCKETIO.md");
    let (_, rest) = doc.split_once("\n```js socketio\n").expect("an example");
    let (text, _) = rest.split_once("\n```\n").expect("its end");
    let folder = Folder::new("socketio");
    // Where it looks for its packages.
    let packages = format!("{}/node_modules", env!("CARGO_MANIFEST_DIR"));
    std::os::unix::fs::symlink(packages, folder.0.join("node_modules")).expect("a link");
    let path = folder.0.join("bot.mjs");
    std::fs::write(&path, text).expect("a file");
    let (_database, server) = Server::alone(&LIMITS_OFF).await;
    let proxy = Proxy::to(server.address).await;
    let mut command = std::process::Command::new("node");
    command.arg(&path).stdin(Stdio::null()).stdout(Stdio::null());
    command.env("CHAT_URL", format!("http://{}", proxy.address)).env("BOT_ID", Uuid::new_v4().to_string());
    let _bot = Bot(command.spawn().expect("node, with what npm ci installs"));
    let mut person = Client::author(&server, "my-post", "person").await;
    let here = async |n: u32| {
        soon("the bot to come or go", async || server.json("/api/v1/rooms/my-post").await["presence"]["count"] == n)
            .await;
    };
    here(2).await;
    person.say("hello").await;
    let asked = person.say("!ping").await.seq;
    pong(&mut person, asked, BOT).await;
    proxy.down();
    here(1).await;
    let missed = person.say("!ping").await.seq;
    proxy.calm();
    pong(&mut person, missed, BOT).await;
    here(2).await;
    let last = person.say("!ping").await.seq;
    pong(&mut person, last, BOT).await;
    let stored = server.json("/api/v1/rooms/my-post/messages").await["messages"].clone();
    let pongs = stored.as_array().expect("a list").iter().filter(|message| message["content"] == "pong").count();
    assert_eq!(pongs, 3, "{stored}");
}

/// The real client, made as it comes and as old ones are: it is told why it does not get in.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_begins_with_polling_is_told() {
    let (_database, server) = Server::alone(&LIMITS_OFF).await;
    let script = r"
        import { io } from 'socket.io-client';
        const socket = io(process.env.CHAT_URL, { reconnection: false });
        socket.on('connect_error', ({ context }) => { console.log(context.responseText); socket.close(); });
    ";
    let mut command = std::process::Command::new("node");
    command.args(["--input-type=module", "--eval", script]).current_dir(env!("CARGO_MANIFEST_DIR"));
    command.env("CHAT_URL", format!("http://{}", server.address)).stdin(Stdio::null());
    let running = tokio::task::spawn_blocking(move || command.output());
    let output = within("the client to end", running).await.expect("a thread").expect("node");
    let said: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {output:?}"));
    assert_eq!(said["code"], 0, "{said}");
    assert!(said["message"].as_str().is_some_and(|message| message.contains("websocket")), "{said}");
}
