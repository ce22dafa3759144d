//! When a room doubts that the database still has what it has shown: a commit came back with a counter that was given
//! out before, or the counter of the poll stays lower. The database is asked on the connection that writes, and
//! decides; a doubt alone ends nothing.

use std::time::Duration;

use actix::{ActorFutureExt, AsyncContext, Context, WrapFuture};

use super::Room;
use crate::messages::Place;
use chat_store::{HistoryCheck, Known, Position, StoreError};

/// How long a room lets pass before it asks again. A reading connection that lags makes rooms doubt for as long as it
/// does, so the pause doubles with each answer that there is nothing, up to the longest.
const PAUSE: Duration = Duration::from_secs(2);
const PAUSE_MAX: Duration = Duration::from_secs(64);

/// Whether a room doubts its history. Pure; at most one question is under way.
#[derive(Debug)]
pub(super) struct Doubt {
    /// A question is under way, or was answered too short a time ago for another one.
    is_pausing: bool,
    /// Something more spoke against the history meanwhile.
    is_open: bool,
    pause: Duration,
}

impl Default for Doubt {
    fn default() -> Self {
        Self { is_pausing: false, is_open: false, pause: PAUSE }
    }
}

impl Doubt {
    /// Something speaks against the history. Tells whether to ask now.
    fn raise(&mut self) -> bool {
        self.is_open = std::mem::replace(&mut self.is_pausing, true);
        !self.is_open
    }

    /// The database has what was shown: how long to wait until [`Doubt::paused`].
    fn settled(&mut self) -> Duration {
        let pause = self.pause;
        self.pause = pause.saturating_mul(2).min(PAUSE_MAX);
        pause
    }

    /// The database did not answer: asked again soon.
    fn failed(&mut self) -> Duration {
        self.is_open = true;
        PAUSE
    }

    /// The wait is over. Tells whether to ask now.
    fn paused(&mut self) -> bool {
        self.is_pausing = std::mem::take(&mut self.is_open);
        self.is_pausing
    }
}

impl Room {
    /// Something speaks against the history that this room has shown.
    pub(super) fn doubt(&mut self, ctx: &mut Context<Self>) {
        if self.live.as_mut().is_some_and(|live| live.doubt.raise()) {
            self.check_history(ctx);
        }
    }

    fn check_history(&mut self, ctx: &mut Context<Self>) {
        let Some(live) = &self.live else { return };
        let newest = live.backlog.messages().next_back().map(|m| (m.seq, m.client_id));
        let known = Known { epoch: live.epoch, rev: live.timeline.rev(), newest };
        let (store, id) = (self.store.clone(), self.id.clone());
        let asking = async move { store.check_history(&id, known).await };
        ctx.spawn(asking.into_actor(self).map(move |answer, this, ctx| {
            this.checked(known, answer, ctx);
            this.settle(ctx);
        }));
    }

    fn checked(&mut self, known: Known, answer: Result<HistoryCheck, StoreError>, ctx: &mut Context<Self>) {
        if let Ok(HistoryCheck::Replaced(_)) = answer {
            self.metrics.history_replaced.inc();
            self.store.history_was_replaced();
        }
        // Meanwhile the poll may have said so too.
        let Some(live) = self.live.as_mut().filter(|live| live.epoch == known.epoch) else { return };
        let pause = match answer {
            Ok(HistoryCheck::Same) => live.doubt.settled(),
            Ok(HistoryCheck::Replaced(_) | HistoryCheck::OtherEpoch(_)) => return self.start_over(),
            Err(error) => {
                log::debug!("a room could not ask whether its history is the database's: {error}");
                live.doubt.failed()
            }
        };
        ctx.run_later(pause, |this, ctx| {
            if this.live.as_mut().is_some_and(|live| live.doubt.paused()) {
                this.check_history(ctx);
            }
        });
    }

    /// Tells the registry where the room is, so that a poll need not wake a room that has all.
    pub(super) fn publish_position(&self) {
        self.position.set(self.live.as_ref().map(|live| Place {
            position: Position { epoch: live.epoch, rev: live.timeline.rev() },
            guard_rev: live.guard_rev,
            first_seq: live.first_seq,
        }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_question_at_a_time_and_ever_more_seldom_while_the_answer_is_no() {
        let mut doubt = Doubt::default();
        let mut pauses = Vec::new();
        for _ in 0..7 {
            assert!(doubt.raise() || doubt.is_open);
            assert!(!doubt.raise(), "one is under way");
            pauses.push(doubt.settled().as_secs());
            assert!(doubt.paused(), "something spoke against it meanwhile");
        }
        assert_eq!(pauses, [2, 4, 8, 16, 32, 64, 64]);
        doubt.settled();
        assert!(!doubt.paused());
        assert!(doubt.raise(), "after the pause");
        assert_eq!(doubt.failed(), PAUSE);
        assert!(doubt.paused(), "no answer is no answer");
    }
}
