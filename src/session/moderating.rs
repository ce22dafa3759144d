//! What a session's client asks of those who keep order, or as one of them.

use std::sync::Arc;

use actix::{ActorFutureExt, AsyncContext, Context, WrapFuture};
use uuid::Uuid;

use super::{
    actor::{JoinContext, Session, Subscription},
    codec::{ErrorReply, event_json},
    refusals::refusal,
};
use crate::moderation::{Actor, BanOrder, Decision, Desk, Refused, SETTLED_MAX};
use chat_domain::{AuthorId, Rights, RoomId};
use chat_rooms::{Audience, Event, Inform, Moderated, Refusal};
use chat_store::StoredMessage;
use chat_wire::{
    AckPayload, BanScope, BanToSend, ErrorCode, ErrorPayload, HeldToSettle, ReportToSend, RoomSetToSend, ServerFrame,
    UnbanToSend,
};

/// So much a session may have under way at once; more is to be tried again.
const UNDER_WAY_MAX: usize = 4;

/// What came of it.
enum Answer {
    Reported(StoredMessage),
    Done(Box<Moderated>),
}

impl Session {
    pub(super) fn report(&mut self, ReportToSend { client_id, id, reason }: ReportToSend, ctx: &mut Context<Self>) {
        let Some(Subscription { permit, principal, .. }) = self.joined(client_id) else { return };
        let Ok(id) = id.parse::<i64>() else {
            return self.error(ErrorReply::from(chat_domain::ChangeRefusal::NotFound), Some(client_id));
        };
        let (by, room) = (permit.key().clone(), self.room.clone());
        let access = self.setup.join_context.get().map(|context| context.desk.access());
        if let Some(Err(refusal)) = access.map(|access| access.admit(principal, &room, chrono::Utc::now())) {
            return self.error(refusal, Some(client_id));
        }
        self.order(client_id, ctx, async move |desk| desk.report(&by, &room, id, &reason).await.map(Answer::Reported));
    }

    pub(super) fn ban(&mut self, ban: BanToSend, ctx: &mut Context<Self>) {
        let client_id = ban.client_id;
        let Some((actor, room)) = self.acting(client_id) else { return };
        let Some(author) = self.target(&ban.author_id, client_id) else { return };
        let order = BanOrder {
            room: in_scope(ban.scope, room),
            author,
            seconds: (ban.seconds > 0).then_some(ban.seconds),
            delete_seconds: ban.delete_seconds,
            reason: ban.reason,
            with_network: ban.address,
        };
        self.order(client_id, ctx, async move |desk| desk.ban(&actor, order).await.map(Answer::done));
    }

    pub(super) fn unban(&mut self, unban: &UnbanToSend, ctx: &mut Context<Self>) {
        let client_id = unban.client_id;
        let Some((actor, room)) = self.acting(client_id) else { return };
        let Some(author) = self.target(&unban.author_id, client_id) else { return };
        let room = in_scope(unban.scope, room);
        self.order(client_id, ctx, async move |desk| desk.unban(&actor, author, room).await.map(Answer::done));
    }

    pub(super) fn set_room(&mut self, set: RoomSetToSend, ctx: &mut Context<Self>) {
        let RoomSetToSend { client_id, settings, settings_rev } = set;
        let Some((actor, room)) = self.acting(client_id) else { return };
        self.order(client_id, ctx, async move |desk| {
            let done = desk.set_room(&actor, &room, &settings, settings_rev).await;
            done.map(|(moderated, _)| Answer::done(moderated))
        });
    }

    /// Lets through, or decides against, messages that wait.
    pub(super) fn settle_held(&mut self, asked: HeldToSettle, decision: Decision, ctx: &mut Context<Self>) {
        let HeldToSettle { client_id, held_ids } = asked;
        let Some((actor, room)) = self.acting(client_id) else { return };
        let ids: Option<Vec<i64>> = held_ids.iter().map(|id| id.parse().ok()).collect();
        let Some(ids) = ids.filter(|ids| (1..=SETTLED_MAX).contains(&ids.len())) else {
            return self
                .error(refusal(ErrorCode::BadFrame, "heldIds are 1 to 50 ids of messages that wait"), Some(client_id));
        };
        self.order(client_id, ctx, async move |desk| {
            desk.settle_held(&actor, &room, &ids, decision).await.map(Answer::done)
        });
    }

    /// Tells who keeps order how much waits, behind the WELCOME.
    pub(super) fn tell_queue(&mut self, ctx: &mut Context<Self>) {
        let Some(JoinContext { desk, .. }) = self.setup.join_context.get() else { return };
        let Some(Subscription { principal, .. }) = self.subscription() else { return };
        if !desk.access().rights(principal).has(Rights::REVIEW) {
            return;
        }
        let (desk, room) = (desk.clone(), self.room.clone());
        desk.attended(&room);
        // By way of the room, which sends it behind the WELCOME.
        let telling = async move { desk.tell_queue(&room).await };
        ctx.spawn(telling.into_actor(self).map(|(), _, _| ()));
    }

    /// Tells somebody who has joined, behind their WELCOME, why they have no name.
    pub(super) fn tell_name_is_taken(&self) {
        let Some(JoinContext { desk, .. }) = self.setup.join_context.get() else { return };
        let Some(Subscription { principal, .. }) = self.subscription() else { return };
        let event = Event::Refused { client_id: None, refusal: Refusal::NicknameTaken, reason: None };
        let to = Audience::Author(principal.author_id().clone());
        desk.inform(&self.room, Inform { event: Arc::new(event), to, but: None });
    }

    /// Who asks, as somebody who acts with a right; where they have no account they have none.
    fn acting(&self, client_id: Uuid) -> Option<(Actor, RoomId)> {
        let Subscription { user, .. } = self.joined(client_id)?;
        let (Some(user), Some(JoinContext { desk, .. })) = (user, self.setup.join_context.get()) else {
            self.error(Refusal::Forbidden, Some(client_id));
            return None;
        };
        Some((desk.actor(user), self.room.clone()))
    }

    fn target(&self, author: &str, client_id: Uuid) -> Option<AuthorId> {
        let target = AuthorId::parse(author);
        if target.is_none() {
            self.error(refusal(ErrorCode::BadFrame, "authorId is the id of an author"), Some(client_id));
        }
        target
    }

    /// Does something at the desk, and answers with what came of it.
    fn order<F>(&mut self, client_id: Uuid, ctx: &mut Context<Self>, work: impl FnOnce(Desk) -> F)
    where
        F: Future<Output = Result<Answer, Refused>> + 'static,
    {
        let Some(JoinContext { desk, .. }) = self.setup.join_context.get() else {
            return self.error(Refusal::StoreUnavailable, Some(client_id));
        };
        if self.n_orders >= UNDER_WAY_MAX {
            return self.error(Refusal::Overloaded, Some(client_id));
        }
        self.n_orders += 1;
        let desk = desk.clone();
        let doing = work(desk.clone());
        ctx.spawn(doing.into_actor(self).map(move |done, this, _| {
            this.n_orders -= 1;
            match done {
                Ok(Answer::Reported(stored)) => this.tell(&ServerFrame::Ack(AckPayload {
                    client_id,
                    id: stored.id.to_string(),
                    seq: stored.seq,
                    rev: stored.seq,
                    created_at: chat_wire::timestamp(stored.created_at),
                })),
                Ok(Answer::Done(moderated)) => {
                    let event = Arc::new(Event::Moderated((*moderated).clone()));
                    desk.inform(
                        &this.room,
                        Inform { event, to: Audience::Right(Rights::AUDIT), but: Some(this.slot.id) },
                    );
                    this.tell_event(&Event::Moderated(Moderated { client_id: Some(client_id), ..*moderated }));
                }
                Err(refused) => this.refuse_order(&refused, client_id),
            }
        }));
    }

    fn refuse_order(&self, refused: &Refused, client_id: Uuid) {
        let (code, retry_after) = code_of(refused);
        self.setup.hub.count_error(refusal_of(code), true);
        self.tell(&ServerFrame::Error(ErrorPayload {
            message: refused.to_string().into(),
            retry_after_ms: retry_after,
            ..ErrorPayload::new(code, Some(client_id))
        }));
    }

    fn tell_event(&self, event: &Event) {
        self.setup.hub.tell(&self.slot, &event_json(event));
    }
}

impl Answer {
    fn done(moderated: Moderated) -> Self {
        Self::Done(Box::new(moderated))
    }
}

fn in_scope(scope: BanScope, room: RoomId) -> Option<RoomId> {
    match scope {
        BanScope::Room => Some(room),
        BanScope::All => None,
    }
}

fn refusal_of(code: ErrorCode) -> ErrorReply {
    ErrorReply::new(code, "")
}

/// The code for it, and after how many milliseconds a retry can help.
pub fn code_of(refused: &Refused) -> (ErrorCode, Option<u64>) {
    match refused {
        Refused::Forbidden => (ErrorCode::Forbidden, None),
        Refused::NotFound => (ErrorCode::MessageNotFound, None),
        Refused::Settings(_) => (ErrorCode::InvalidSettings, None),
        Refused::Conflict => (ErrorCode::SettingsConflict, None),
        Refused::Reason => (ErrorCode::InvalidContent, None),
        Refused::TooFast(wait) => {
            (ErrorCode::RateLimited, Some(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).saturating_add(1)))
        }
        Refused::Taken => (ErrorCode::RoomTaken, None),
        Refused::AlreadyUndone => (ErrorCode::AlreadyUndone, None),
        Refused::ChangedSince => (ErrorCode::ChangedSince, None),
        Refused::OldServer => (ErrorCode::Overloaded, Some(1_000)),
        Refused::Unavailable => (ErrorCode::StoreUnavailable, Some(2_000)),
    }
}
