//! What a session's client asks of its room.

use std::time::Duration;

use actix::clock::Instant;
use uuid::Uuid;

use super::{
    actor::{Session, SessionSetup, Subscription},
    codec::ErrorReply,
    phase::Phase,
    refusals::{TOO_MANY_PROFILES, parse_profile, refusal, text_refusal, too_fast},
    writing::{Change, Writer},
};
use chat_domain::{ParseError, Principal};
use chat_rooms::{Ended, Membership, Refusal};
use chat_wire::{CloseCode, DeleteToSend, EditToSend, ErrorCode, MessageToSend, PinToSend, ProfileChange, ReactToSend};

/// How often a room hears that somebody types (docs/PROTOCOL.md). What comes in between says nothing new.
const TYPING_INTERVAL: Duration = Duration::from_secs(3);

impl Session {
    pub(super) fn profile(&mut self, change: ProfileChange) {
        let Some(Subscription { membership, permit, principal, .. }) = self.subscription() else {
            return self.error(refusal(ErrorCode::NotJoined, "JOIN first"), None);
        };
        if principal.is_verified() {
            let why = "the blog says what its users are called: AUTH with a new token";
            return self.error(refusal(ErrorCode::Forbidden, why), None);
        }
        if self.is_claimed(principal) {
            return self.error(Refusal::Claimed, None);
        }
        let (nickname, avatar) = match parse_profile(Some(&change.nickname), change.avatar.as_deref()) {
            Ok((Some(nickname), avatar)) => (nickname, avatar),
            Ok((None, _)) => return self.error(text_refusal(ParseError::Nickname), None),
            Err(error) => return self.error(text_refusal(error), None),
        };
        let access = self.setup.join_context.get().map(|context| context.desk.access());
        if access.is_some_and(|access| access.is_taken(principal, &nickname)) {
            return self.error(Refusal::NicknameTaken, None);
        }
        if let Err(wait) = self.setup.rates.profile(permit.key(), &nickname, avatar) {
            return self.error(too_fast(TOO_MANY_PROFILES, wait), None);
        }
        let sent = membership.set_profile(nickname, avatar);
        self.sent(sent, None);
    }

    pub(super) fn message(&mut self, message: MessageToSend) {
        let client_id = message.client_id;
        let Some((writer, membership)) = self.writer(client_id) else { return };
        let sent = match writer.message(message) {
            _ if self.slot.phase() == Phase::Leaving => return,
            Ok((post, Ok(()))) => membership.publish(post, Instant::now()),
            // A retry of what the room has stored gets its ACK all the same.
            Ok((post, Err(refusal))) => membership.recall(post, refusal),
            Err(error) => return self.error(error, Some(client_id)),
        };
        self.asked(sent, client_id);
    }

    pub(super) fn edit(&mut self, edit: EditToSend) {
        self.amend(edit.client_id, |writer| writer.edit(edit));
    }

    pub(super) fn delete(&mut self, delete: &DeleteToSend) {
        self.amend(delete.client_id, |writer| writer.delete(delete));
    }

    pub(super) fn react(&mut self, react: &ReactToSend) {
        self.amend(react.client_id, |writer| writer.react(react));
    }

    pub(super) fn pin(&mut self, pin: &PinToSend) {
        self.amend(pin.client_id, |_| Writer::pin(pin));
    }

    pub(super) fn typing(&mut self) {
        let now = Instant::now();
        let Some(subscription) = self.subscription() else {
            return self.error(refusal(ErrorCode::NotJoined, "JOIN first"), None);
        };
        if subscription.is_over().is_some() || self.is_claimed(&subscription.principal) {
            return;
        }
        let membership = &subscription.membership;
        if self.typed_at.is_none_or(|at| now.saturating_duration_since(at) >= TYPING_INTERVAL) {
            // A room with too much to do need not know.
            let is_over = membership.typing().is_err();
            self.typed_at = Some(now);
            if is_over {
                self.close(CloseCode::Restart);
            }
        }
    }

    /// Whether the identity that somebody joined by is an account's now: the session reads on, and does nothing more.
    fn is_claimed(&self, principal: &Principal) -> bool {
        self.setup.join_context.get().is_some_and(|context| context.desk.access().is_claimed(principal))
    }

    /// Asks for something to be done to a message, unless `what` refuses it.
    fn amend(&mut self, client_id: Uuid, what: impl FnOnce(&Writer<'_>) -> Result<Change, ErrorReply>) {
        let Some((writer, membership)) = self.writer(client_id) else { return };
        let sent = match what(&writer) {
            Ok(_) if self.slot.phase() == Phase::Leaving => return,
            Ok(Change { message, what }) => membership.amend(client_id, message, what, Instant::now()),
            Err(error) => return self.error(error, Some(client_id)),
        };
        self.asked(sent, client_id);
    }

    /// Whoever writes here, and their membership; where there is none, or it only reads by now, they are told so.
    fn writer(&self, client_id: Uuid) -> Option<(Writer<'_>, &Membership)> {
        let Subscription { permit, membership, .. } = self.joined(client_id)?;
        let SessionSetup { rates, metrics, .. } = &*self.setup;
        Some((Writer { author: permit.key(), address: self.address, room: &self.room, rates, metrics }, membership))
    }

    /// Its subscription; where there is none, or one that only reads by now, it is told so.
    pub(super) fn joined(&self, client_id: Uuid) -> Option<&Subscription> {
        let subscription = self.subscription();
        let why = match subscription {
            None => Some(refusal(ErrorCode::NotJoined, "JOIN first")),
            Some(subscription) => subscription.is_over(),
        };
        match why {
            Some(why) => self.error(why, Some(client_id)),
            None => return subscription,
        }
        None
    }

    /// What became of a command that was handed to the room, which will answer it.
    fn asked(&mut self, sent: Result<Result<(), Refusal>, Ended>, client_id: Uuid) {
        if let Ok(Ok(())) = sent {
            self.slot.liveness.borrow_mut().n_unanswered += 1;
        }
        self.sent(sent, Some(client_id));
    }

    /// What became of something that was handed to the room.
    pub(super) fn sent(&mut self, sent: Result<Result<(), Refusal>, Ended>, client_id: Option<Uuid>) {
        match sent {
            Ok(Ok(())) => {}
            Ok(Err(refusal)) => self.error(refusal, client_id),
            Err(Ended) => self.close(CloseCode::Restart),
        }
    }
}
