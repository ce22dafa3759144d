//! How a session comes into its room: as a visitor, as somebody with an account, or as one of a blog's own users.

use std::sync::Arc;

use actix::{ActorFutureExt, AsyncContext, Context, WrapFuture, clock::Instant};
use chrono::{DateTime, Utc};
use tokio::sync::oneshot;

use super::{
    actor::{JoinContext, Session, Subscription},
    caller::Caller,
    codec::ErrorReply,
    entry::NotJoined,
    proof::{Proof, bearer_refusal, token_refusal},
    refusals::{TOO_MANY_PROFILES, refusal, text_refusal, too_fast},
};
use crate::accounts::{AccountError, Accounts, BadSiteToken, Bearer, NotBearer};
use chat_domain::{Epoch, Scope};
use chat_rooms::{Join, Refusal, ResumePoint, SessionRef};
use chat_wire::{CloseCode, ErrorCode, JoinPayload};

impl Session {
    pub(super) fn join(&mut self, mut join: JoinPayload, ctx: &mut Context<Self>) {
        if self.subscription().is_some() {
            return self.error(refusal(ErrorCode::AlreadyJoined, "this session has joined already"), None);
        }
        self.slot.liveness.borrow_mut().join_by = Instant::now() + self.setup.hub.times().join_max;
        let setup = self.setup.clone();
        let Some(JoinContext { accounts, .. }) = setup.join_context.get() else {
            return self.refuse_join(Refusal::StoreUnavailable);
        };
        let Some(token) = join.token.take() else {
            let caller = Caller::Visitor(join.anonymous_id);
            return self.enter(join, caller, ctx);
        };
        if self.joining.as_ref().is_some_and(|joining| joining.is_bearer) {
            return self.join_as_bearer(accounts.clone(), join, token, ctx);
        }
        if Accounts::is_of_a_blog(&token) {
            return match accounts.verified(&token) {
                Ok(verified) => self.enter(join, Caller::Verified(verified), ctx),
                Err(why) => {
                    self.refuse_join(token_refusal(why));
                    if why == BadSiteToken::Forged {
                        self.count_broken();
                    }
                }
            };
        }
        let (accounts, session) = (accounts.clone(), ctx.address().recipient());
        let asked = async move {
            let signed = accounts.joins(&token).await?;
            // One that is ended at this moment is nobody's.
            Ok(signed.and_then(|signed| Some((accounts.enter(&signed, session)?, signed.user))))
        };
        // Frames behind the JOIN wait in the socket.
        ctx.wait(asked.into_actor(self).map(|found: Result<_, AccountError>, this, ctx| match found {
            _ if this.slot.phase().is_closed() => {}
            Ok(Some((login, user))) => this.enter(join, Caller::Account(Some(login), Arc::new(user)), ctx),
            Ok(None) => {
                this.refuse_join(refusal(ErrorCode::BadToken, "this login was ended, or never was one"));
                // Guessing costs the database a question each.
                this.count_broken();
            }
            Err(_) => this.refuse_join(Refusal::StoreUnavailable),
        }));
    }

    /// Joins by a token that a program brings with each request.
    fn join_as_bearer(&self, accounts: Accounts, join: JoinPayload, token: String, ctx: &mut Context<Self>) {
        let session = ctx.address().recipient();
        let asked = async move {
            Ok(match accounts.bearer(&token).await? {
                Bearer::Verified(verified) => Caller::Verified(verified),
                Bearer::Key(holder) if !holder.scopes.has(Scope::MessagesRead) => return Err(NotBearer::OutOfScope),
                Bearer::Key(holder) => {
                    let login = accounts.enter(&holder.signed, session).ok_or(NotBearer::Nobody)?;
                    Caller::Key(Some(login), Box::new(holder))
                }
                Bearer::Account(signed) => {
                    // One that is ended at this moment is nobody's.
                    let login = accounts.enter(&signed, session).ok_or(NotBearer::Nobody)?;
                    Caller::Account(Some(login), Arc::new(signed.user))
                }
            })
        };
        ctx.wait(asked.into_actor(self).map(|found: Result<_, NotBearer>, this, ctx| match found {
            _ if this.slot.phase().is_closed() => {}
            Ok(who) => this.enter(join, who, ctx),
            Err(why) => this.refuse_join(bearer_refusal(&why)),
        }));
    }

    /// Joins as whoever it is.
    fn enter(&mut self, join: JoinPayload, who: Caller, ctx: &mut Context<Self>) {
        let setup = self.setup.clone();
        let Some(JoinContext { registry, identity, desk, .. }) = setup.join_context.get() else {
            return self.refuse_join(Refusal::StoreUnavailable);
        };
        let principal = who.principal((identity, desk.access()));
        let network = identity.network(self.address);
        // Whose it is by now joins by the account.
        if desk.access().is_claimed(&principal) {
            return self.refuse_join(Refusal::Claimed);
        }
        let principal = principal.from_network(network);
        let author_id = principal.author_id().clone();
        desk.came_from(&author_id, network);
        let profile = match who.profile((join.nickname.as_deref(), join.avatar.as_deref()), &principal) {
            Ok(profile) => profile,
            Err(error) => return self.refuse_join(text_refusal(error)),
        };
        // Whoever comes with a name that is not theirs to take reads on without one.
        let is_taken = profile.as_ref().is_some_and(|(nickname, _)| desk.access().is_taken(&principal, nickname));
        let profile = profile.filter(|_| !is_taken);
        if let Some((nickname, avatar)) = &profile
            && let Err(wait) = self.setup.rates.joins_as(&author_id, nickname, *avatar)
        {
            return self.refuse_join(too_fast(TOO_MANY_PROFILES, wait));
        }
        let Some(permit) = self.setup.admission.admit_identity(&author_id) else {
            self.setup.metrics.joins.inc("too_many_sessions");
            return self.close(CloseCode::TooManySessions);
        };
        let (reply, answer) = oneshot::channel();
        let session = SessionRef { id: self.slot.id, hub: self.setup.hub_id, deliver: self.setup.deliver.clone() };
        // By whichever of its names it was asked for.
        self.room = desk.access().resolve(&self.room);
        let room = self.room.clone();
        let thread = self.setup.thread.clone();
        let entering = principal.clone();
        let called = profile.clone();
        let resume = join.resume.map(|resume| ResumePoint {
            epoch: Epoch::parse(&resume.epoch),
            rev: i64::try_from(resume.rev).unwrap_or(i64::MAX),
        });
        let join = Join { room, session, principal, profile, resume, thread, reply };
        if registry.try_send(join).is_err() {
            return self.refuse_join(Refusal::Overloaded);
        }
        // Frames behind the JOIN wait in the socket until it is answered; rooms answer in bounded time.
        ctx.wait(answer.into_actor(self).map(move |answer, this, ctx| match answer {
            _ if this.slot.phase().is_closed() => {}
            Ok(Ok(membership)) => {
                let room = this.room.clone();
                let listed = this.setup.roster.enter(this.slot.id.0, permit.key(), &room);
                // A list that grows by itself begins with room for four.
                this.subscriptions.reserve_exact(1);
                let (mut user, mut login, mut proof, mut remaining) = (None, None, None, None);
                match who {
                    Caller::Visitor(_) => {}
                    Caller::Key(of, holder) => {
                        login = of;
                        this.ends_with(holder.expires_at, ctx);
                    }
                    Caller::Account(of, account) => (user, login) = (Some(account), of),
                    Caller::Verified(verified) => {
                        if let Some(JoinContext { accounts, .. }) = this.setup.join_context.get() {
                            accounts.note_verified(&verified);
                        }
                        (proof, remaining) = (Some(Box::new(Proof::new(called))), Some(verified.remaining));
                    }
                }
                let principal = entering;
                let subscription =
                    Subscription { room, membership, permit, principal, user, proof, listed, _login: login };
                this.subscriptions.push(subscription);
                if let Some(joining) = this.joining.take() {
                    joining.answer(Ok(()));
                }
                if let Some(remaining) = remaining {
                    this.proven_for(remaining, ctx);
                }
                if is_taken {
                    this.tell_name_is_taken();
                }
                this.tell_queue(ctx);
            }
            Ok(Err(refusal)) => this.refuse_join(refusal),
            // The room ended with the join in hand, which only a fault can do.
            Err(_) => this.refuse_join(Refusal::Overloaded),
        }));
    }

    /// Ends the session when the key is over that it came in by.
    fn ends_with(&self, expires_at: Option<DateTime<Utc>>, ctx: &mut Context<Self>) {
        if let Some(at) = expires_at {
            let remaining = (at - Utc::now()).to_std().unwrap_or_default();
            // As the hub does for an ended login.
            ctx.run_later(remaining, |this, _| this.close(CloseCode::LoginEnded));
        }
    }

    /// A JOIN that makes no member.
    fn refuse_join(&mut self, error: impl Into<ErrorReply>) {
        let error = error.into();
        let outcome = match error.code {
            ErrorCode::Overloaded => "overloaded",
            ErrorCode::StoreUnavailable => "store_unavailable",
            ErrorCode::RateLimited => "rate_limited",
            _ => "invalid",
        };
        self.setup.metrics.joins.inc(outcome);
        match self.joining.take() {
            None => self.error(error, None),
            // Its client cannot send another one on this way.
            Some(joining) => {
                self.setup.hub.count_error(error, false);
                joining.answer(Err(NotJoined::Refused(error)));
                self.close(CloseCode::Done);
            }
        }
    }
}
