//! When members are to hear of people: who is here, and who is typing.

use std::sync::Arc;

use actix::{AsyncContext, Context, clock::Instant};

use super::Room;
use crate::event::Event;

impl Room {
    /// Tells members who is here, where that is due.
    pub(super) fn tell_people(&mut self, now: Instant) {
        if self.presence.is_due(now, self.delivery.fan_out.goes_to_all()) {
            if !self.members.is_empty() {
                let people = self.presence.here(true);
                let n_bytes = people.n_bytes_as_json();
                self.delivery.fan_out.broadcast(Arc::new(Event::People(people)), n_bytes);
            }
            self.presence.told(now);
        }
    }

    /// One timer, for what of it is due next.
    pub(super) fn set_people_timer(&mut self, now: Instant, ctx: &mut Context<Self>) {
        let due = [self.presence.due_at(), self.typing.due_at(), self.people_said_at()].into_iter().flatten().min();
        if self.people_timer.as_ref().map(|(at, _)| *at) == due {
            return;
        }
        if let Some((_, timer)) = self.people_timer.take() {
            ctx.cancel_future(timer);
        }
        if let Some(at) = due {
            let timer = ctx.run_later(at.saturating_duration_since(now), |this, ctx| {
                this.people_timer = None;
                this.settle(ctx);
            });
            self.people_timer = Some((at, timer));
        }
    }
}
