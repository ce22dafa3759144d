//! Sessions of a blog's own users: for how long they write by what the blog has signed, and how that is renewed.

use std::time::Duration;

use actix::{AsyncContext, Context};

use super::{
    actor::{JoinContext, Session, Subscription},
    codec::ErrorReply,
    proof::{Proof, token_refusal},
    refusals::{TOO_MANY_PROFILES, refusal, too_fast},
};
use crate::accounts::{BadSiteToken, Verified};
use chat_rooms::Refusal;
use chat_wire::{AuthPayload, AuthToSend, ErrorCode, ServerFrame};

impl Subscription {
    /// Why whoever this is writes nothing now, where the time of a blog's token is over.
    pub(super) fn is_over(&self) -> Option<ErrorReply> {
        let is_over = self.proof.as_ref().is_some_and(|proof| proof.is_over);
        is_over.then(|| token_refusal(BadSiteToken::Over))
    }
}

impl Session {
    /// Takes a new token of the same person.
    pub(super) fn auth(&mut self, auth: &AuthToSend, ctx: &mut Context<Self>) {
        let (Some(subscription), Some(context)) = (self.subscription(), self.setup.join_context.get()) else {
            return self.error(refusal(ErrorCode::NotJoined, "JOIN first"), None);
        };
        let verified = match context.accounts.verified(&auth.token) {
            Ok(verified) if verified.author == *subscription.principal.author_id() => verified,
            Ok(_) => {
                let another = "AUTH takes a token of whoever has joined by one; somebody else joins anew";
                return self.error(refusal(ErrorCode::OtherUser, another), None);
            }
            Err(why) => {
                self.error(token_refusal(why), None);
                if why == BadSiteToken::Forged {
                    self.count_broken();
                }
                return;
            }
        };
        self.proven_for(verified.remaining, ctx);
        self.rename(&verified);
    }

    /// The session writes for so long, from now on.
    pub(super) fn proven_for(&mut self, remaining: Duration, ctx: &mut Context<Self>) {
        let timer = ctx.run_later(remaining, |this, _| this.token_is_over());
        let Some(proof) = self.proof() else { return };
        proof.is_over = false;
        if let Some(before) = proof.timer.replace(timer) {
            ctx.cancel_future(before);
        }
        let expires_in_ms = u64::try_from(remaining.as_millis()).unwrap_or(u64::MAX);
        self.tell(&ServerFrame::Auth(AuthPayload { expires_in_ms }));
    }

    /// The time of its token is over: it only reads from now on.
    fn token_is_over(&mut self) {
        let Some(proof) = self.proof() else { return };
        proof.is_over = true;
        self.error(token_refusal(BadSiteToken::Over), None);
    }

    /// The blog calls somebody something else than when they joined.
    fn rename(&mut self, verified: &Verified) {
        let called = (verified.nickname.clone(), verified.avatar);
        let (Some(subscription), Some(JoinContext { desk, accounts, .. })) =
            (self.subscription(), self.setup.join_context.get())
        else {
            return;
        };
        if subscription.proof.as_ref().is_none_or(|proof| proof.called.as_ref() == Some(&called)) {
            return;
        }
        let Subscription { membership, principal, permit, .. } = subscription;
        if desk.access().is_taken(principal, &called.0) {
            return self.error(Refusal::NicknameTaken, None);
        }
        if let Err(wait) = self.setup.rates.profile(permit.key(), &called.0, Some(called.1)) {
            return self.error(too_fast(TOO_MANY_PROFILES, wait), None);
        }
        accounts.note_verified(verified);
        let sent = membership.set_profile(called.0.clone(), Some(called.1));
        if let Some(proof) = self.proof() {
            proof.called = Some(called);
        }
        self.sent(sent, None);
    }

    fn proof(&mut self) -> Option<&mut Proof> {
        let room = &self.room;
        self.subscriptions.iter_mut().find(|subscription| subscription.room == *room)?.proof.as_deref_mut()
    }
}
