use std::{sync::Arc, time::Duration};

use actix::{
    ActorFutureExt, AsyncContext, Context, WrapFuture,
    clock::{Instant, timeout},
};

use super::{
    Member, Room,
    asking::Arrival,
    catch_up::{Found, NextRead, Shown, Waiting, Wanted},
    guarding::Guarded,
    live::{Answer, Live},
    membership::{Join, Membership},
    remote::Remote,
};
use crate::{
    access::Access,
    backlog::{PAGE_MESSAGES, RESUME_CHANGES_MAX, Replay},
    event::{EndReason, Messages, Refusal, Welcome},
    ids::SessionId,
    messages::ResumePoint,
};
use chat_domain::{Author, Change, PageCursor, RoomId};
use chat_store::{Changes, Loaded, Page, Store, StoreError};

/// How long a room waits before it reads again what it could not read.
const REREAD_AFTER: Duration = Duration::from_millis(500);

/// What a read of the database was for.
enum Read {
    Loaded(Box<Loaded>),
    /// The changes above the room's counter as it was then, and the one it was at.
    CaughtUp {
        above: i64,
        changes: Changes,
    },
    /// What is before this `seq`.
    OlderPage(i64, Page),
    /// The changes above a value below those that are held.
    OlderChanges {
        above: i64,
        changes: Changes,
    },
}

impl Room {
    // Joins.

    /// Answers a join, or lets it wait for a read, until `by` at the latest.
    pub(super) fn join(&mut self, join: Join, by: Instant, ctx: &mut Context<Self>) {
        if self.members.len() + self.catch_up.n_waiting() >= self.limits.n_sessions_max {
            return Self::refuse_join(join, Refusal::Overloaded);
        }
        // It was on its way while the room was given another name.
        if self.limits.access.is_alias(&self.id) {
            return Self::refuse_join(join, Refusal::Overloaded);
        }
        self.arrive(Arrival::Join(join), by, ctx);
    }

    /// Answers whoever comes, or lets them wait for a read.
    pub(super) fn arrive(&mut self, arrival: Arrival, by: Instant, ctx: &mut Context<Self>) {
        let n_before = self.catch_up.n_waiting();
        let arrived = self.catch_up.arrived(arrival, by);
        self.answer(arrived, ctx);
        if self.catch_up.n_waiting() > n_before {
            self.set_join_timer(ctx);
            self.read(ctx);
        }
    }

    fn answer(&mut self, mut waiting: Waiting<Arrival>, ctx: &mut Context<Self>) {
        if waiting.join.is_forgotten() {
            return;
        }
        let join = match (&mut waiting.join, &self.live) {
            (Arrival::Join(join), _) => join,
            (Arrival::Asked(_), None) => return self.catch_up.wait(waiting),
            (Arrival::Asked(_), Some(_)) => {
                return if let Arrival::Asked(asked) = waiting.join {
                    self.carry_out(asked, ctx)
                };
            }
        };
        if waiting.saw_all && self.live.as_ref().is_some_and(|l| l.is_behind(join)) {
            // The database itself is behind what the client saw: only a start over is left. Anybody can claim
            // this, so it is counted, and starts nobody else over.
            self.metrics.resumes_ahead.inc();
            self.store.client_knows_more();
            join.resume = join.resume.map(|resume| ResumePoint { epoch: None, ..resume });
        }
        match self.live.as_mut().map(|live| live.answer(join)) {
            None | Some(Answer::Later) => self.catch_up.wait(waiting),
            Some(answer) => {
                if let Arrival::Join(join) = waiting.join {
                    self.welcome(join, answer, ctx);
                }
            }
        }
    }

    /// One timer, for the join that has waited longest.
    fn set_join_timer(&mut self, ctx: &mut Context<Self>) {
        let Some(wait) = self.catch_up.set_timer(Instant::now()) else { return };
        ctx.run_later(wait, |this, ctx| {
            for late in this.catch_up.expire(Instant::now()) {
                late.refuse(Refusal::StoreUnavailable);
            }
            this.set_join_timer(ctx);
            this.settle(ctx);
        });
    }

    pub(super) fn refuse_join(join: Join, refusal: Refusal) {
        // The session counts it. It may be gone; then nobody needs the answer.
        let _ = join.reply.send(Err(refusal));
    }

    fn welcome(&mut self, join: Join, answer: Answer, ctx: &mut Context<Self>) {
        // Since it came, its identity has become another device of somebody's.
        if join.principal.user_id().is_none() && self.limits.access.is_other(join.principal.author_id()) {
            return Self::refuse_join(join, Refusal::Overloaded);
        }
        let Join { session, principal, profile, resume, reply, .. } = join;
        let author_id = principal.author_id().clone();
        let Some(live) = &self.live else { return };
        let (epoch, rev, first_seq) = (live.epoch, live.timeline.rev(), live.first_seq);
        let pinned = live.pinned.clone();
        let settings = self.public_settings();
        let known = resume.map_or(0, |resume| resume.rev);
        let (resumed, has_more, messages, pieces) = match answer {
            Answer::Latest(messages, has_more) => (false, has_more, messages, None),
            Answer::Resumed(Replay::Whole(messages)) => (true, false, messages, None),
            Answer::Resumed(Replay::Pieces(pieces)) => (true, false, Messages::default(), Some((known, pieces))),
            Answer::Later => return,
        };
        let now = Instant::now();
        let is_author = profile.is_some();
        self.presence.enter(&author_id, session.id, now);
        if let Some((nickname, avatar)) = profile {
            let badge = self.limits.access.badge(&principal);
            let author = Author { id: author_id.clone(), nickname, avatar, badge };
            if self.presence.set_author(author.clone(), now) {
                self.send_profile(&author);
            }
        }
        let welcome = Welcome {
            session: session.id,
            own: self.presence.author(&author_id).filter(|_| is_author).cloned(),
            also: self.limits.access.claims(&principal),
            room: self.id.clone(),
            epoch,
            settings,
            first_seq,
            rev,
            resumed,
            has_more,
            people: self.presence.here(false),
            heartbeat_seconds: self.limits.heartbeat_seconds,
            messages,
            pieces,
            pinned,
            edit_window: self.limits.edit_window,
            rights: principal.user_id().map(|_| self.limits.access.rights(&principal)),
        };
        self.delivery.fan_out.attach(session.hub, welcome);
        // No program is told what only those with a right hear: its key may not have it.
        let (hub, user) = (session.hub, principal.user_id().filter(|_| !principal.is_bot()));
        self.members.insert(session.id, Member { hub, author_id, is_author, user, joined: now });
        self.delivery.add_member(session.hub, || session.deliver);
        let outcome = match (resumed, resume.is_some()) {
            (true, _) => "resumed",
            (false, true) => "start_over",
            (false, false) => "fresh",
        };
        self.metrics.joins.inc(outcome);
        // Where nobody receives it, its drop takes the member out again.
        let _ = reply.send(Ok(Membership { room: ctx.address(), session: session.id, key: self.key, principal }));
    }

    pub(super) fn leave(&mut self, session: SessionId) {
        let Some(member) = self.members.remove(&session) else { return };
        self.presence.leave(&member.author_id, session, Instant::now());
        if self.presence.sessions(&member.author_id).is_empty() {
            self.typing.stops(&member.author_id);
        }
        self.delivery.remove_member(member.hub);
    }

    // Reads.

    fn shown(&self) -> Option<Shown> {
        self.live.as_ref().map(|live| Shown {
            rev: live.timeline.rev(),
            has_gap: live.timeline.has_gap(),
            first_seq: live.backlog.first_seq(),
        })
    }

    /// Begins the next read, if one is due.
    pub(super) fn read(&mut self, ctx: &mut Context<Self>) {
        self.begin_read(true, ctx);
    }

    fn begin_read(&mut self, may_be_changes: bool, ctx: &mut Context<Self>) {
        let (shown, live) = (self.shown(), &self.live);
        let wanted = |arrival: &Arrival| match (arrival, live) {
            (Arrival::Join(join), Some(live)) => live.wanted(join),
            _ => Wanted::Page,
        };
        let next = self.catch_up.begin(shown, wanted, may_be_changes);
        let Some(next) = next else { return };
        self.remote.asks();
        let bounded = timeout(
            self.limits.read_timeout,
            next.read(self.store.clone(), self.id.clone(), self.limits.access.clone()),
        );
        ctx.spawn(bounded.into_actor(self).map(move |result, this, ctx| {
            match result {
                Ok(Ok(read)) => this.take_in(read, ctx),
                Ok(Err(error)) => this.read_failed(&error.to_string(), ctx),
                Err(_) => this.read_failed("it did not answer in time", ctx),
            }
            this.settle(ctx);
        }));
    }

    fn take_in(&mut self, read: Read, ctx: &mut Context<Self>) {
        let found = match read {
            Read::Loaded(loaded) => {
                self.live = Some(Live::new(*loaded));
                Found::State
            }
            Read::CaughtUp { above, changes } => {
                let truncated = changes.truncated;
                if self.live.as_ref().is_some_and(|l| l.is_contradicted(above, &changes)) {
                    self.doubt(ctx);
                    Found::Contradiction { truncated }
                } else {
                    self.show_read(changes);
                    Found::Changes { truncated }
                }
            }
            Read::OlderPage(before, page) => {
                if let Some(live) = &mut self.live {
                    live.backlog.extend_back(before, page.messages.into_iter().map(Arc::new).collect(), page.has_more);
                }
                Found::State
            }
            Read::OlderChanges { above, changes } => {
                let messages: Vec<_> = changes.messages.iter().cloned().map(Arc::new).collect();
                let truncated = changes.truncated;
                // What is newer than the room is shown first: what the read has of older changes lacks those messages.
                self.show_read(changes);
                if let Some(live) = &mut self.live {
                    live.backlog.extend_log(above, messages, truncated);
                }
                Found::State
            }
        };
        for waiting in self.catch_up.end(found) {
            self.answer(waiting, ctx);
        }
        let is_contradicted = matches!(found, Found::Contradiction { .. });
        if is_contradicted {
            self.read_again_later(ctx);
        }
        self.begin_read(!is_contradicted, ctx);
    }

    fn read_again_later(&mut self, ctx: &mut Context<Self>) {
        if self.catch_up.pause(self.shown()) {
            ctx.run_later(REREAD_AFTER, |this, ctx| {
                this.catch_up.paused();
                this.read(ctx);
            });
        }
    }

    fn read_failed(&mut self, why: &str, ctx: &mut Context<Self>) {
        // The registry, which asks every second, says once that the database is away.
        log::debug!("a room could not read from the database: {why}");
        for join in self.catch_up.fail() {
            join.refuse(Refusal::StoreUnavailable);
        }
        self.read_again_later(ctx);
    }

    fn show_read(&mut self, changes: Changes) {
        let Some(live) = &mut self.live else { return };
        if changes.head.epoch != live.epoch {
            return self.start_over();
        }
        // Of a restored message the room may not know that it was deleted.
        let counted = (!changes.truncated).then_some((changes.head.rev, changes.head.message_count));
        let guarded = Guarded::of(&changes.head);
        let above = live.timeline.rev();
        let last_read = changes.messages.last().map_or(above, |m| m.rev);
        let upto = if changes.truncated { last_read } else { changes.head.rev };
        let read = changes.messages.into_iter().map(|message| Change::from(Arc::new(message)));
        // What the database has counts, and not what another server has sent of it.
        let sent = self.remote.settle(upto, !changes.truncated);
        sent.into_iter().for_each(|rev| live.timeline.discard(rev));
        let applied = live.timeline.fill(upto, read);
        self.show(above, applied, |_, _| {});
        if let (Some(live), Some((rev, count))) = (&mut self.live, counted)
            && live.timeline.rev() == rev
        {
            live.message_count = count;
        }
        self.glimpsed(guarded);
    }

    /// The room's epoch changed: what is cached may be another life's. Every session starts over.
    pub(super) fn start_over(&mut self) {
        self.live = None;
        self.remote = Remote::default();
        self.catch_up.start_over();
        self.delivery.fan_out.end_all(EndReason::StartOver);
    }
}

impl NextRead {
    /// Reads it from the database.
    async fn read(self, store: Store, id: RoomId, access: Access) -> Result<Read, StoreError> {
        match self {
            Self::Load => {
                let loaded = store.load(&id, PAGE_MESSAGES).await?;
                // Bans that were written with this value of the room's must not be missed; most rooms never had any.
                if loaded.head.guard_rev > 0 {
                    access.refresh(&store).await?;
                }
                Ok(Read::Loaded(Box::new(loaded)))
            }
            Self::Changes { above, claimed } => {
                // With the newest one that was shown: it must still be that one.
                let from = above.saturating_sub(1).max(0);
                let mut changes = store.changes_since(&id, from, RESUME_CHANGES_MAX + 1).await?;
                if claimed.is_some_and(|claimed| changes.head.rev < claimed) {
                    // Perhaps nobody has noticed yet that another server takes messages since a moment ago.
                    store.confirm_primary().await?;
                    changes = store.changes_since(&id, from, RESUME_CHANGES_MAX + 1).await?;
                }
                Ok(Read::CaughtUp { above, changes })
            }
            Self::OlderPage { before, n_older } => {
                let page = store.page(&id, PageCursor::Before(before), n_older).await?;
                Ok(Read::OlderPage(before, page))
            }
            Self::OlderChanges { above } => {
                let changes = store.changes_since(&id, above, RESUME_CHANGES_MAX).await?;
                Ok(Read::OlderChanges { above, changes })
            }
        }
    }
}
