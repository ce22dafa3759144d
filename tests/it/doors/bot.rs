//! The bots of the docs: each answers `!ping` in the room `my-post`.

use std::process::Child;

use chat_wire::ServerFrame;

use crate::support::{Client, Server, soon};

/// A bot that runs until it is dropped.
pub struct Bot(pub Child);

impl Drop for Bot {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Waits for the bot, asks it, and hears its answer.
pub async fn is_answered(server: &Server, nickname: &str) {
    let mut person = Client::author(server, "my-post", "person").await;
    soon("the bot to be here", async || server.json("/api/v1/rooms/my-post").await["presence"]["count"] == 2).await;
    person.say("hello").await;
    person.say("!ping").await;
    pong(&mut person, 2, nickname).await;
}

/// What somebody hears as the answer to their message with this `seq`.
pub async fn pong(person: &mut Client, asked: i64, nickname: &str) {
    let pong = person.wait("the answer", |frame| match frame {
        ServerFrame::Message(message)
            if message.content == "pong"
                && message.annotations.reply_to.as_ref().is_some_and(|reply| reply.seq == asked) =>
        {
            Some(message.clone())
        }
        _ => None,
    });
    assert_eq!(pong.await.author.nickname, nickname);
}
