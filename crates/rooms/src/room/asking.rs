//! Commands of those who are no members: they wait until the room was loaded, as joins do.

use actix::{Context, Handler, clock::Instant};

use super::{Room, membership::Join};
use crate::{
    answer::{Published, ReplyTo},
    event::Refusal,
    messages::{Amend, Asked, Publish, Recall},
};

/// What waits for a read of the database.
#[derive(Debug)]
pub(super) enum Arrival {
    /// A session that wants to enter.
    Join(Join),
    /// A command of somebody who need not.
    Asked(Asked),
}

impl Asked {
    /// Whoever asked gets this answer.
    pub(crate) fn refuse(self, refusal: Refusal) {
        let (Self::Publish(Publish { reply, .. })
        | Self::Recall(Recall { reply, .. })
        | Self::Amend(Amend { reply, .. })) = self;
        // A member is told by its hub, which this has no way to; members ask by themselves.
        if let ReplyTo::Once(answer) = reply {
            let _ = answer.send(Err::<Published, _>(refusal));
        }
    }

    fn is_forgotten(&self) -> bool {
        let (Self::Publish(Publish { reply, .. })
        | Self::Recall(Recall { reply, .. })
        | Self::Amend(Amend { reply, .. })) = self;
        matches!(reply, ReplyTo::Once(answer) if answer.is_closed())
    }
}

impl Arrival {
    /// Nobody waits for the answer any more.
    pub(super) fn is_forgotten(&self) -> bool {
        match self {
            Self::Join(join) => join.reply.is_closed(),
            Self::Asked(asked) => asked.is_forgotten(),
        }
    }

    pub(super) fn refuse(self, refusal: Refusal) {
        match self {
            Self::Join(join) => Room::refuse_join(join, refusal),
            Self::Asked(asked) => asked.refuse(refusal),
        }
    }
}

impl Room {
    /// Does it where the room was loaded; else it waits for that, until `by` at the latest.
    pub(super) fn ask(&mut self, asked: Asked, by: Instant, ctx: &mut Context<Self>) {
        let is_full = self.live.is_none() && self.catch_up.n_waiting() >= self.limits.n_sessions_max;
        // It was on its way while the room was given another name.
        if is_full || self.limits.access.is_alias(&self.id) {
            return asked.refuse(Refusal::Overloaded);
        }
        self.arrive(Arrival::Asked(asked), by, ctx);
    }

    /// Does it.
    pub(super) fn carry_out(&mut self, asked: Asked, ctx: &mut Context<Self>) {
        match asked {
            Asked::Publish(publish) => self.publish(publish, ctx),
            Asked::Recall(recall) => self.recall(recall),
            Asked::Amend(amend) => self.amend(amend, ctx),
        }
    }
}

impl Handler<Asked> for Room {
    type Result = ();

    fn handle(&mut self, asked: Asked, ctx: &mut Self::Context) {
        self.idleness.n_joins_seen += 1;
        if let Some(share) = &self.share {
            share.touch();
        }
        self.ask(asked, Instant::now() + self.limits.read_timeout, ctx);
        self.settle(ctx);
    }
}
