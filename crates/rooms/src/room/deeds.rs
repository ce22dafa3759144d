//! What a room tells of what is done in it by right: to those who keep order, and to whoever watches.

use std::sync::Arc;

use actix::{ActorFutureExt, AsyncContext, Context, WrapFuture};

use super::{Room, live::Live, publishing::InFlight};
use crate::{
    answer::ReplyTo,
    event::{Event, Moderated, Refusal},
    messages::{Audience, Inform},
    persistence::{AppendResult, Review, Write},
    sightings::Seen,
};
use chat_domain::{Action, ChatMessage, DeletedBy, NewChange, Principal, Rights};
use chat_store::{Audit, AuditQuery};

/// So far back the entry of what was just done is looked for: many may do something at the same moment.
const ENTRIES_READ: usize = 50;

impl Room {
    /// What is to be found out about a write before it is stored; what is no repeat of one that waits is refused with
    /// `otherwise`.
    pub(super) fn review(&self, in_flight: &InFlight, otherwise: Option<Refusal>) -> Option<Arc<Review>> {
        let may_wait = self.live.as_ref().is_some_and(Live::may_wait);
        let (content, looks_for_held) = match &in_flight.write {
            Write::Message(message) => (&message.content, may_wait),
            Write::Change(change) => match &change.action {
                Action::Edit { content, .. } => (content, false),
                _ => return None,
            },
        };
        let review = self.rules.review(content, looks_for_held)?;
        if self.has(&in_flight.principal, Rights::EXEMPT) {
            return None;
        }
        let session = in_flight.reply.as_ref().and_then(ReplyTo::member);
        let joined = session.and_then(|session| self.members.get(&session)).map(|member| member.joined);
        let seen_for = joined.map(|joined| joined.elapsed()).unwrap_or_default();
        Some(Arc::new(Review { seen_for, otherwise, ..review }))
    }

    /// Says what became of a write to whoever watches.
    pub(super) fn saw(&mut self, principal: &Principal, write: &Write, result: &AppendResult) {
        match (write, result) {
            (Write::Message(_), AppendResult::Stored { change, .. }) => {
                self.limits.sightings.say(&self.id, || Seen::Said(principal.clone(), change.message.clone()));
            }
            (Write::Message(message), AppendResult::Held { is_new, .. }) => {
                // The poll comes within a second; a repeat may be faster.
                if let Some(live) = &mut self.live {
                    live.held_count = live.held_count.max(1);
                }
                if *is_new {
                    let seen = || Seen::Held(principal.clone(), message.content.clone());
                    self.limits.sightings.say(&self.id, seen);
                }
            }
            _ => {}
        }
    }

    /// Something for some of the members.
    pub(super) fn inform(&mut self, Inform { event, to, but }: &Inform) {
        let access = &self.limits.access;
        let wanted = self.members.iter().filter(|(session, member)| match to {
            _ if Some(**session) == *but => false,
            Audience::Right(right) => member.user.is_some_and(|user| access.role_of(user).rights().has(*right)),
            Audience::Author(author) => member.author_id == *author,
        });
        let wanted: Vec<_> = wanted.map(|(session, member)| (*session, member.hub)).collect();
        for (session, hub) in wanted {
            self.delivery.fan_out.direct(hub, session, event.clone(), false);
        }
    }

    /// Something was done to a message by right: those who keep order hear by which entry it can be undone.
    pub(super) fn tell_deed(
        &self,
        principal: &Principal,
        change: &NewChange,
        message: Arc<ChatMessage>,
        ctx: &mut Context<Self>,
    ) {
        let by_right =
            || message.annotations.as_ref().and_then(|a| a.deleted).map(|(_, by)| by) == Some(DeletedBy::Moderator);
        let action = match change.action {
            Action::Delete { .. } if by_right() => "delete",
            Action::Pin { on: true } => "pin",
            Action::Pin { on: false } => "unpin",
            _ => return,
        };
        self.limits.sightings.say(&self.id, || Seen::Moderator);
        let Some(by) = self.presence.author(principal.author_id()).cloned() else { return };
        let (store, room) = (self.store.clone(), self.id.clone());
        let reading =
            async move { store.audit(AuditQuery { room: Some(room), before: None, limit: ENTRIES_READ }).await };
        let reading = actix::clock::timeout(self.limits.read_timeout, reading);
        ctx.spawn(reading.into_actor(self).map(move |entries, this, ctx| {
            // Without it there is no short way back; the list of what was done has it.
            let Ok(Ok(entries)) = entries else { return };
            let id = message.id.to_string();
            let is_it = |entry: &&Audit| {
                entry.action == action
                    && entry.actor == by.id
                    && entry.target.get("id").and_then(serde_json::Value::as_str) == Some(&*id)
            };
            let Some(entry) = entries.iter().find(is_it) else { return };
            let (target, message) = (Some(message.author.id.clone()), Some(message.id));
            // To whoever did it as well, who has an ACK for their command already.
            let told = Moderated { entry: entry.id, action, at: entry.at, by, target, message, client_id: None };
            let event = Arc::new(Event::Moderated(told));
            this.inform(&Inform { event, to: Audience::Right(Rights::AUDIT), but: None });
            this.settle(ctx);
        }));
    }
}
