//! When a connection ends, and how.

use std::{io, time::Duration};

use actix::clock::{Instant, timeout};
use futures_util::StreamExt;

use super::connection::{Connection, Ending, Gone, TICK};
use chat_wire::{CloseCode, Inbound, close_frame, ping_frame, text_frame};

/// How long a connection that ends waits for what is under way.
const ANSWER_MAX: Duration = Duration::from_secs(5);

impl Connection {
    /// Ends the connection behind what is under way, with this last frame.
    pub(super) fn end(&mut self, last: Option<Vec<u8>>, code: CloseCode) {
        if self.ending.is_none() {
            self.ending = Some(Ending { last, code, is_promise: false, by: Instant::now() + ANSWER_MAX });
        }
    }

    /// Does what is due; fails where the client has taken nothing for too long.
    pub(super) fn look_at_the_clock(&mut self) -> Result<(), Gone> {
        let now = Instant::now();
        let times = self.setup.hub.times();
        let (silence_max, join_max, heartbeat) = (times.silence_max, times.join_max, times.heartbeat);
        if self.output.is_empty() {
            self.stalled = None;
        } else if now.saturating_duration_since(*self.stalled.get_or_insert(now)) >= silence_max {
            return Err(Gone);
        }
        if self.ending.is_some() {
            return Ok(());
        }
        let silent = now.saturating_duration_since(self.last_heard);
        // Twice as long as agreed upon, and a moment: networks are not punctual.
        let is_dead = self.heart_beat.receives.is_some_and(|every| silent >= every * 2 + TICK);
        if is_dead || silent >= silence_max {
            self.fatal("nothing was heard for too long", CloseCode::NoSignOfLife);
        } else if self.client.is_none() && self.began + join_max <= now {
            self.fatal("no CONNECT came in time", CloseCode::NotJoined);
        } else if self.subscriptions.is_empty() && self.site.phase.is_refusing() {
            // With subscriptions each of them is told when, all in a while.
            self.fatal("this server is going away; come back", CloseCode::Restart);
        }
        if self.last_ping + heartbeat <= now {
            self.last_ping = now;
            self.output.push(ping_frame());
        }
        let unsaid = now.saturating_duration_since(self.last_sent);
        if self.heart_beat.sends.is_some_and(|every| unsaid + 2 * TICK >= every) && self.output.is_empty() {
            self.output.push(text_frame("\n"));
        }
        Ok(())
    }

    /// Says the last words, and waits a moment for the client to hear them.
    pub(super) async fn close(mut self, Ending { last, code, .. }: Ending) {
        self.subscriptions.clear();
        if let Some(last) = last {
            self.say(last);
        }
        self.output.push(close_frame(code));
        let close_max = self.setup.hub.times().close_max;
        let heard = async {
            while !self.output.is_empty() {
                std::future::poll_fn(|cx| self.poll_write(cx)).await?;
            }
            // What the client sends now is dropped, up to its own close frame, and then up to its end.
            while !self.has_said_goodbye {
                self.has_said_goodbye = self.reader.next().await.is_none_or(|inbound| inbound == Inbound::Close);
            }
            self.socket.end();
            while self.reader.next().await.is_some() {}
            io::Result::Ok(())
        };
        if !matches!(timeout(close_max, heard).await, Ok(Ok(()))) {
            self.socket.cut();
        }
    }
}
