//! When a connection ends, and how.

use std::{io, time::Duration};

use actix::clock::{Instant, timeout};
use futures_util::StreamExt;

use super::running::{Connection, Ending, Gone, Protocol};
use chat_wire::{CloseCode, Inbound, close_frame};

/// How long a connection that ends waits for what is under way.
const ANSWER_MAX: Duration = Duration::from_secs(5);
/// What a client is told that says nothing.
pub const SILENT: &str = "nothing was heard for too long";

impl<P: Protocol> Connection<P> {
    /// Ends the connection behind what is under way, with this last frame.
    pub fn end(&mut self, last: Option<Vec<u8>>, code: CloseCode) {
        if self.ending.is_none() {
            self.ending = Some(Ending { last, code, is_promise: false, by: Instant::now() + ANSWER_MAX });
        }
    }

    /// Whether it ends.
    pub fn is_ending(&self) -> bool {
        self.ending.is_some()
    }

    /// Ends the connection as [`Self::end`] does. The last frame is not said where something is not answered by then.
    pub fn end_if_answered(&mut self, last: Option<Vec<u8>>, code: CloseCode) {
        self.end(last, code);
        self.ending.iter_mut().for_each(|ending| ending.is_promise = true);
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
        if silent >= silence_max {
            P::fatal(self, SILENT, CloseCode::NoSignOfLife);
        } else if self.client.is_none() && self.doing.is_none() && self.began + join_max <= now {
            P::fatal(self, "no CONNECT came in time", CloseCode::NotJoined);
        } else if self.rooms.is_empty() && self.site.phase.is_refusing() {
            // With rooms the session of each of them is told when, all in a while.
            P::fatal(self, "this server is going away; come back", CloseCode::Restart);
        }
        if self.last_ping + heartbeat <= now {
            self.last_ping = now;
            self.output.push(P::ping());
        }
        P::tick(self, now);
        Ok(())
    }

    /// Says the last words, and waits a moment for the client to hear them.
    pub(super) async fn close(mut self, Ending { last, code, .. }: Ending) {
        self.rooms.clear();
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
