//! Whether somebody may do something in a room, and what its members are told of what it is.

use std::{sync::Arc, time::Instant};

use actix::{ActorFutureExt, AsyncContext, Context, Handler, WrapFuture};
use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{Room, live::Live, publishing::InFlight};
use crate::{
    access::Doing,
    event::{EndReason, Event, Refusal, RoomState},
    messages::{DefaultsChanged, Inform},
    persistence::Write,
};
use chat_domain::{Action, ChangeRefusal, Content, NewChange, Principal, Rights};
use chat_store::{Head, RoomSettings};

/// What the database says of who may do what in a room.
pub(super) struct Guarded {
    guard_rev: i64,
    settings: RoomSettings,
    held_count: i64,
    rejected_until: Option<DateTime<Utc>>,
}

impl Guarded {
    pub(super) fn of(head: &Head) -> Self {
        let (settings, rejected_until) = (head.settings.clone(), head.rejected_until);
        Self { guard_rev: head.guard_rev, settings, held_count: head.held_count, rejected_until }
    }
}

impl Room {
    /// Whether somebody has a right here, bans aside.
    pub(super) fn has(&self, principal: &Principal, right: Rights) -> bool {
        self.limits.access.rights(principal).has(right)
    }

    /// Whether somebody may send a message now. What of it is counted is counted by this.
    pub(super) fn may_publish(
        &mut self,
        principal: &Principal,
        client_id: Uuid,
        content: &Content,
    ) -> Result<(), Refusal> {
        self.update_rules();
        self.may(principal, Doing::Message(content))?;
        if !self.rules.counts() {
            return Ok(());
        }
        // A retry of what is known to be stored must not be slowed down by itself.
        let author = principal.author_id();
        let is_retry = self.live.as_ref().is_some_and(|live| {
            live.backlog.messages().rev().any(|m| m.client_id == client_id && m.author.id == *author)
        });
        match is_retry || self.appends.has(author, client_id) || self.rechecks.has(author, client_id) {
            true => Ok(()),
            false => self.rules.take(author, content, self.has(principal, Rights::EXEMPT), Instant::now()),
        }
    }

    /// Whether somebody may do this to a message, as far as the room knows.
    pub(super) fn may_change(&mut self, principal: &Principal, change: &NewChange) -> Result<(), Refusal> {
        self.update_rules();
        let known = self.live.as_ref().and_then(|live| live.backlog.find(change.message));
        let access = &self.limits.access;
        let is_others = known.is_some_and(|m| !access.is_own(principal, &m.author.id));
        let is_lower = known.is_none_or(|m| access.role(principal).acts_on(access.rank(&m.author.id)));
        let not_yours = Err(Refusal::Change(ChangeRefusal::NotYours));
        match &change.action {
            Action::Edit { .. } if is_others => not_yours,
            Action::Edit { content, .. } => self.may(principal, Doing::Edit(content)),
            Action::Delete { as_moderator: false } if is_others => not_yours,
            Action::Delete { as_moderator: true } if is_others && !is_lower => Err(Refusal::Forbidden),
            Action::Delete { as_moderator: true } if is_others => self.may(principal, Doing::With(Rights::DELETE_ANY)),
            Action::Delete { .. } => self.may(principal, Doing::DeleteOwn),
            Action::React { .. } => self.may(principal, Doing::React),
            Action::Pin { .. } => self.may(principal, Doing::With(Rights::PIN)),
            // Not asked for here: an undo is.
            Action::Restore => self.may(principal, Doing::With(Rights::AUDIT)),
            // Nor is this: it is written past the rooms.
            Action::Unname => Err(Refusal::Forbidden),
        }
    }

    /// Whether somebody still may do what they were found to be allowed to.
    pub(super) fn may_still(&mut self, in_flight: &InFlight) -> Result<(), Refusal> {
        let principal = in_flight.principal.clone();
        match &in_flight.write {
            Write::Message(message) => {
                self.update_rules();
                self.may(&principal, Doing::Message(&message.content))
            }
            Write::Change(change) => self.may_change(&principal, &change.clone()),
        }
    }

    fn may(&self, principal: &Principal, doing: Doing<'_>) -> Result<(), Refusal> {
        let last_message_at = self.live.as_ref().and_then(|live| live.last_message_at);
        self.rules.check(&self.limits.access, (principal, &self.id), doing, last_message_at)
    }

    /// Whoever joined by an identity that acts as another one since then joins anew.
    fn end_others(&mut self) {
        let n_aliases = self.limits.access.n_aliases();
        if std::mem::replace(&mut self.n_aliases_known, n_aliases) == n_aliases {
            return;
        }
        let access = &self.limits.access;
        for (session, member) in &self.members {
            if member.user.is_none() && access.is_other(&member.author_id, member.device.as_ref()) {
                self.delivery.fan_out.end(member.hub, *session, EndReason::JoinAnew);
            }
        }
    }

    /// Goes by the settings as they are now; what visitors are told of them, where that is other than it was.
    fn update_rules(&mut self) {
        self.end_others();
        let Some(live) = &self.live else { return };
        if self.rules.update(&live.settings, &self.limits.access) {
            self.tell_state();
        }
    }

    /// Tells everybody what the room is.
    pub(super) fn tell_state(&mut self) {
        let Some(live) = &self.live else { return };
        let settings = self.settings_of(live);
        let state = RoomState { rev: live.timeline.rev(), settings, first_seq: live.first_seq };
        let n_bytes = 200 + serde_json::to_vec(&state.settings.settings).map_or(0, |json| json.len());
        self.delivery.fan_out.broadcast(Arc::new(Event::Room(state)), n_bytes);
    }

    /// What visitors are told of a room.
    pub(super) fn public_settings(&mut self) -> RoomSettings {
        self.update_rules();
        self.live.as_ref().map(|live| self.settings_of(live)).unwrap_or_default()
    }

    fn settings_of(&self, live: &Live) -> RoomSettings {
        RoomSettings { title: live.settings.title.clone(), settings: self.rules.public(), rev: self.rules.rev() }
    }

    /// The database says what commands are checked against now, and what the room is.
    pub(super) fn guarded(&mut self, Guarded { guard_rev, settings, held_count, rejected_until }: Guarded) {
        let Some(live) = &mut self.live else { return };
        // Two reads may come back in the wrong order; a new life of the room begins with a load.
        if live.guard_rev <= guard_rev {
            (live.guard_rev, live.held_count, live.rejected_until) = (guard_rev, held_count, rejected_until);
        }
        if live.settings.rev <= settings.rev {
            live.settings = settings;
        }
        self.update_rules();
    }

    /// The same from a read that did not look at the bans: the value that commands are checked against stays as it is, or
    /// they would be let through by bans that are older than it. The next poll, or the next write, reads both.
    pub(super) fn glimpsed(&mut self, guarded: Guarded) {
        let known = self.guard_rev();
        self.guarded(Guarded { guard_rev: guarded.guard_rev.min(known), ..guarded });
    }

    /// Who may do what has changed, or what the room is: reads it.
    pub(super) fn read_guard(&mut self, ctx: &mut Context<Self>) {
        let (store, id, access) = (self.store.clone(), self.id.clone(), self.limits.access.clone());
        let reading = actix::clock::timeout(self.limits.read_timeout, async move {
            // In this order: a ban is written with the room's value, so none of that value is missed.
            let head = store.head(&id).await?;
            access.refresh(&store).await.map(|()| head)
        });
        ctx.spawn(reading.into_actor(self).map(|head, this, ctx| {
            // Where the database does not answer the next poll finds it again.
            if let Ok(Ok(head)) = head
                && this.live.as_ref().is_some_and(|live| live.epoch == head.epoch)
            {
                this.guarded(Guarded::of(&head));
            }
            this.settle(ctx);
        }));
    }
}

impl Handler<DefaultsChanged> for Room {
    type Result = ();

    fn handle(&mut self, _: DefaultsChanged, ctx: &mut Self::Context) {
        match self.limits.access.is_alias(&self.id) {
            // Everybody comes again, and is led to the room that this is another name of.
            true => self.start_over(),
            false => self.update_rules(),
        }
        self.settle(ctx);
    }
}

impl Handler<Inform> for Room {
    type Result = ();

    fn handle(&mut self, inform: Inform, ctx: &mut Self::Context) {
        self.inform(&inform);
        self.settle(ctx);
    }
}
