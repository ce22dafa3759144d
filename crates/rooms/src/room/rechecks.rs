use actix::{ActorFutureExt, AsyncContext, Context, WrapFuture};
use uuid::Uuid;

use super::{Room, guarding::Guarded, publishing::InFlight};
use crate::event::Refusal;
use chat_domain::AuthorId;

/// How often one command is checked again.
const RECHECKS_MAX: u32 = 3;
/// How many commands wait until what they are checked against was read.
const HELD_MAX: usize = 1_000;

/// Commands that wait because who may do what has changed: those that were checked against what held before, until the
/// room has read what holds now; and all that come while any of those may still be refused, so that nobody overtakes
/// themselves. Bounded; beyond it the room takes no more.
#[derive(Default)]
pub(super) struct Rechecks {
    held: Vec<InFlight>,
    is_reading: bool,
    /// What the database said last, until those that waited for it are on their way.
    read: Option<i64>,
}

impl Rechecks {
    /// Whether any command waits.
    pub(super) fn is_open(&self) -> bool {
        self.is_reading || !self.held.is_empty()
    }

    /// Keeps one until then, or gives it back.
    #[expect(clippy::result_large_err, reason = "what is full gives it back, which is rare, and it goes nowhere else")]
    pub(super) fn hold(&mut self, in_flight: InFlight) -> Result<(), InFlight> {
        if self.held.len() >= HELD_MAX {
            return Err(in_flight);
        }
        self.held.push(in_flight);
        Ok(())
    }

    /// Whether a message of this author with this key waits.
    pub(super) fn has(&self, author: &AuthorId, client_id: Uuid) -> bool {
        self.held.iter().any(|in_flight| in_flight.is_message(author, client_id))
    }

    /// All that wait, as they were first on their way; those that never were, behind them, as they came.
    fn take(&mut self) -> Vec<InFlight> {
        let mut held = std::mem::take(&mut self.held);
        held.sort_by_key(|in_flight| in_flight.first_token.unwrap_or(u64::MAX));
        held
    }
}

impl Room {
    /// Who may do what has changed since this was checked: it is checked again once that was read.
    pub(super) fn recheck(&mut self, mut in_flight: InFlight, ctx: &mut Context<Self>) {
        in_flight.n_rechecks += 1;
        if in_flight.n_rechecks > RECHECKS_MAX {
            return self.refuse(in_flight, Refusal::Overloaded);
        }
        // The room may have read it since, for another command or by a poll.
        let is_known = self.live.as_ref().is_some_and(|live| live.guard_rev > in_flight.write.guard_rev());
        // Without a bound of its own: it was on its way, which is bounded, and stands before all that came later.
        self.rechecks.held.push(in_flight);
        if is_known || std::mem::replace(&mut self.rechecks.is_reading, true) {
            return;
        }
        let (store, id, access) = (self.store.clone(), self.id.clone(), self.limits.access.clone());
        let reading = actix::clock::timeout(self.limits.read_timeout, async move {
            // Both in this order: a ban of one room is written with that room's value.
            let head = store.head(&id).await?;
            access.refresh(&store).await.map(|()| head)
        });
        ctx.spawn(reading.into_actor(self).map(|head, this, ctx| {
            this.rechecks.is_reading = false;
            match head.ok().and_then(Result::ok) {
                Some(head) => {
                    this.rechecks.read = Some(head.guard_rev);
                    this.guarded(Guarded::of(&head));
                    this.release(ctx);
                }
                None => {
                    this.rechecks.read = None;
                    for in_flight in this.rechecks.take() {
                        this.refuse(in_flight, Refusal::StoreUnavailable);
                    }
                }
            }
            this.settle(ctx);
        }));
    }

    /// Whether a command that comes now waits: one that came before it may yet be refused for what it was checked against,
    /// and sent again behind this one.
    pub(super) fn must_wait(&mut self) -> bool {
        let guard_rev = self.guard_rev();
        self.rechecks.is_open() || self.appends.has_older(guard_rev)
    }

    /// Sends those that wait on their way, as soon as all are answered that were checked against something else.
    pub(super) fn release(&mut self, ctx: &mut Context<Self>) {
        let known = self.guard_rev();
        if self.rechecks.held.is_empty() || self.rechecks.is_reading || self.appends.has_older(known) {
            return;
        }
        // What was read is known to a room that is loaded, or something newer.
        let guard_rev = self.rechecks.read.take().filter(|_| self.live.is_none()).unwrap_or(known);
        for mut in_flight in self.rechecks.take() {
            if let Err(refusal) = self.may_still(&in_flight) {
                self.refuse(in_flight, refusal);
                continue;
            }
            in_flight.write = in_flight.write.with_guard(guard_rev);
            let otherwise = in_flight.review.take().and_then(|review| review.otherwise);
            in_flight.review = self.review(&in_flight, otherwise);
            match otherwise.filter(|_| in_flight.review.is_none()) {
                // What it may be a repeat of waits no more.
                Some(refusal) => self.refuse(in_flight, refusal),
                None => drop(self.send_to_store(in_flight, ctx)),
            }
        }
    }
}
