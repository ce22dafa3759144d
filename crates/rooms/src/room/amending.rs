use std::sync::Arc;

use actix::{ActorFutureExt, AsyncContext, Context, WrapFuture};

use super::{Room, guarding::Guarded, publishing::InFlight};
use crate::{
    bus::{Outgoing, Said},
    event::{Event, Refusal, TypingNow},
    messages::{Amend, Amendment},
    persistence::Write,
    typing::TYPING_NAMED_MAX,
};
use chat_domain::{Action, NewChange, Rights};

/// How often one command is checked again.
const RECHECKS_MAX: u32 = 3;
/// How many commands wait until what they are checked against was read.
const HELD_MAX: usize = 1_000;

/// Commands that wait until the room has read who may do what, because that has changed since they were checked. All that
/// come meanwhile wait behind them, so that nobody overtakes themselves. Bounded; beyond it the room takes no more.
#[derive(Default)]
pub(super) struct Rechecks(Option<Vec<InFlight>>);

impl Rechecks {
    /// Whether what commands are checked against is being read.
    pub(super) fn is_open(&self) -> bool {
        self.0.is_some()
    }

    /// Keeps one until then, or gives it back.
    #[expect(clippy::result_large_err, reason = "what is full gives it back, which is rare, and it goes nowhere else")]
    pub(super) fn hold(&mut self, in_flight: InFlight) -> Result<(), InFlight> {
        match &mut self.0 {
            Some(held) if held.len() < HELD_MAX => {
                held.push(in_flight);
                Ok(())
            }
            _ => Err(in_flight),
        }
    }
}

impl Room {
    pub(super) fn amend(&mut self, amend: Amend, ctx: &mut Context<Self>) {
        let Amend { principal, client_id, message, what, received, reply } = amend;
        let author = principal.author_id().clone();
        // An old server beside this one would not show it.
        if !self.limits.understood.by_all() {
            return self.reply(reply, client_id, Err(Refusal::Overloaded), true);
        }
        let action = match what {
            Amendment::Edit { version, content, mentions } => {
                let mentions = self.mentions(&content, mentions);
                Action::Edit { version, content, mentions, window: self.limits.edit_window }
            }
            Amendment::Delete => Action::Delete { as_moderator: self.has(&principal, Rights::DELETE_ANY) },
            Amendment::React { emoji, on } => Action::React { emoji, on },
            Amendment::Pin { on } => Action::Pin { on },
        };
        let (room, guard_rev) = (self.id.clone(), self.guard_rev());
        let also = self.limits.access.claims(&principal);
        let change = NewChange { room, message, author, also, client_id, guard_rev, action };
        if let Err(refusal) = self.may_change(&principal, &change) {
            return self.reply_to(&principal, reply, client_id, Err(refusal), true);
        }
        self.begin(principal, Write::Change(Arc::new(change)), received, reply, ctx);
    }

    /// Who may do what has changed since this was checked: it is checked again once that was read.
    pub(super) fn recheck(&mut self, mut in_flight: InFlight, ctx: &mut Context<Self>) {
        in_flight.n_rechecks += 1;
        if in_flight.n_rechecks > RECHECKS_MAX {
            return self.refuse(in_flight, Refusal::Overloaded);
        }
        let is_first = self.rechecks.0.is_none();
        self.rechecks.0.get_or_insert_default();
        if let Err(in_flight) = self.rechecks.hold(in_flight) {
            self.refuse(in_flight, Refusal::Overloaded);
        }
        if !is_first {
            return;
        }
        let (store, id, access) = (self.store.clone(), self.id.clone(), self.limits.access.clone());
        let reading = actix::clock::timeout(self.limits.read_timeout, async move {
            // Both in this order: a ban of one room is written with that room's value.
            let head = store.head(&id).await?;
            access.refresh(&store).await.map(|()| head)
        });
        ctx.spawn(reading.into_actor(self).map(|head, this, ctx| {
            let head = head.ok().and_then(Result::ok);
            let guard_rev = head.as_ref().map(|head| head.guard_rev);
            if let Some(head) = head {
                this.guarded(Guarded::of(&head));
            }
            for mut in_flight in this.rechecks.0.take().unwrap_or_default() {
                match guard_rev.map(|guard_rev| (guard_rev, this.may_still(&in_flight))) {
                    Some((guard_rev, Ok(()))) => {
                        in_flight.write = with_guard(&in_flight.write, guard_rev);
                        let otherwise = in_flight.review.take().and_then(|review| review.otherwise);
                        in_flight.review = this.review(&in_flight, otherwise);
                        match otherwise.filter(|_| in_flight.review.is_none()) {
                            // What it may be a repeat of waits no more.
                            Some(refusal) => this.refuse(in_flight, refusal),
                            None => drop(this.send_to_store(in_flight, ctx)),
                        }
                    }
                    Some((_, Err(refusal))) => this.refuse(in_flight, refusal),
                    None => this.refuse(in_flight, Refusal::StoreUnavailable),
                }
            }
            this.settle(ctx);
        }));
    }

    pub(super) fn types(&mut self, session: crate::ids::SessionId) {
        let Some(member) = self.members.get(&session).filter(|member| member.is_author) else { return };
        let (now, author_id) = (actix::clock::Instant::now(), &member.author_id);
        self.typing.types(author_id, self.presence.count(), now);
        if self.limits.bus.carries_all()
            && let Some(author) = self.presence.author(author_id)
            && self.typing.may_say(author_id, now)
        {
            self.limits.bus.say(Outgoing { room: self.id.clone(), said: Said::Typing(author.clone()) });
        }
    }

    /// Tells members who is typing, where that is due.
    pub(super) fn tell_typing(&mut self, now: actix::clock::Instant) {
        let Some(who) = self.typing.due(now) else { return };
        let named = who.iter().filter_map(|id| self.presence.author(id)).take(TYPING_NAMED_MAX).cloned();
        let authors: Vec<_> = named.collect();
        let typing = TypingNow { more: who.len().saturating_sub(TYPING_NAMED_MAX), authors };
        let n_bytes = typing.n_bytes_as_json();
        self.delivery.fan_out.broadcast(Arc::new(Event::Typing(typing)), n_bytes);
    }
}

/// The same command as checked against this.
fn with_guard(write: &Write, guard_rev: i64) -> Write {
    match write {
        Write::Message(message) => {
            Write::Message(Arc::new(chat_domain::NewMessage { guard_rev, ..(**message).clone() }))
        }
        Write::Change(change) => Write::Change(Arc::new(NewChange { guard_rev, ..(**change).clone() })),
    }
}
