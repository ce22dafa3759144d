use std::{sync::Arc, time::Duration};

use actix::{
    ActorFutureExt, AsyncContext, Context, WrapFuture,
    clock::{Instant, timeout},
};
use bytes::Bytes;

use super::{
    Lane, Member, Room,
    live::{Answer, Live},
    membership::Membership,
    truth::Doubt,
};
use crate::{
    backlog::{PAGE_MESSAGES, RESUME_CHANGES_MAX},
    messages::{Join, Refusal, SessionId, SessionRef},
};
use chat_domain::{Author, AuthorId, PageCursor};
use chat_store::{Changes, Head, Page, StoreError};
use chat_wire::{CloseCode, Limits, RoomPosition, WelcomeHead};

/// How long a room waits before it reads again what it could not read.
const REREAD_AFTER: Duration = Duration::from_millis(500);

/// A join that waits for a read.
pub(super) struct Waiting {
    pub(super) join: Join,
    /// Until when it waits.
    pub(super) by: Instant,
    /// How many reads had begun when it came: a later one sees all that the client may have seen.
    pub(super) n_reads: u64,
}

/// What a read of the database was for.
enum Read {
    Loaded(Head, Page),
    /// The changes above the room's counter as it was then, and the one it was at.
    CaughtUp {
        above: i64,
        changes: Changes,
    },
    /// What is before this `seq`.
    Older(i64, Page),
}

impl Room {
    // Joins.

    /// Answers a join, or lets it wait for a read, until `by` at the latest.
    pub(super) fn join(&mut self, join: Join, by: Instant, ctx: &mut Context<Self>) {
        if join.reply.is_closed() {
            return;
        }
        if self.members.len() + self.waiting.len() >= self.limits.n_sessions_max {
            return Self::refuse_join(join, Refusal::OVERLOADED);
        }
        let Some(live) = &mut self.live else {
            return self.wait(join, by, ctx);
        };
        match live.answer(&join) {
            Answer::Welcome { resumed, has_more, messages } => self.welcome(join, resumed, has_more, messages, ctx),
            Answer::AfterCatchUp | Answer::AfterOlder => self.wait(join, by, ctx),
        }
    }

    fn wait(&mut self, join: Join, by: Instant, ctx: &mut Context<Self>) {
        self.waiting.push_back(Waiting { join, by, n_reads: self.n_reads });
        self.set_join_timer(ctx);
        self.read(ctx);
    }

    /// One timer, for the join that has waited longest.
    fn set_join_timer(&mut self, ctx: &mut Context<Self>) {
        let Some(front) = self.waiting.front() else { return };
        if std::mem::replace(&mut self.join_timer, true) {
            return;
        }
        ctx.run_later(front.by.saturating_duration_since(Instant::now()), |this, ctx| {
            this.join_timer = false;
            this.expire_joins();
            this.set_join_timer(ctx);
            this.settle(ctx);
        });
    }

    /// Refuses the joins that have waited long enough: their read may be the second one.
    fn expire_joins(&mut self) {
        let now = Instant::now();
        while let Some(late) = self.waiting.pop_front_if(|w| w.by <= now) {
            Self::refuse_join(late.join, Refusal::STORE_UNAVAILABLE);
        }
    }

    pub(super) fn refuse_join(join: Join, refusal: Refusal) {
        // The session counts it. It may be gone; then nobody needs the answer.
        let _ = join.reply.send(Err(refusal));
    }

    fn welcome(&mut self, join: Join, resumed: bool, has_more: bool, messages: Bytes, ctx: &mut Context<Self>) {
        let Join { session, author_id, profile, resume, reply, .. } = join;
        let Some(live) = &self.live else { return };
        let (epoch, rev) = (live.epoch.to_string(), live.timeline.rev());
        let now = Instant::now();
        let is_author = profile.is_some();
        self.presence.enter(&author_id, session.id, now);
        if let Some((nickname, avatar)) = profile {
            let author = Author { id: author_id.clone(), nickname, avatar };
            if self.presence.set_author(author.clone(), now) {
                self.tell_profile(&author);
            }
        }
        let own = self.presence.author(&author_id).filter(|_| is_author).map(Into::into);
        let head = WelcomeHead {
            session_id: session.id.0.to_string().into(),
            own,
            room: RoomPosition { id: self.id.as_str().into(), epoch: epoch.into(), rev },
            resumed,
            has_more,
            presence: self.presence.payload(false),
            limits: Limits::default(),
            heartbeat_seconds: self.limits.heartbeat_seconds,
        };
        let chunks = chat_wire::welcome_chunks(&head, messages);
        self.fan_out.attach(session.hub, session.id, chunks);
        self.add_member(&session, author_id, is_author);
        let outcome = match (resumed, resume.is_some()) {
            (true, _) => "resumed",
            (false, true) => "start_over",
            (false, false) => "fresh",
        };
        self.metrics.joins.inc(outcome);
        // Where nobody receives it, its drop takes the member out again.
        let _ = reply.send(Ok(Membership { room: ctx.address(), session: session.id, key: self.key }));
    }

    fn add_member(&mut self, session: &SessionRef, author_id: AuthorId, is_author: bool) {
        self.members.insert(session.id, Member { hub: session.hub, author_id, is_author });
        let lane = Lane { deliver: session.deliver.clone(), n_members: 0 };
        self.hubs.entry(session.hub).or_insert(lane).n_members += 1;
    }

    pub(super) fn leave(&mut self, session: SessionId) {
        let Some(member) = self.members.remove(&session) else { return };
        self.presence.leave(&member.author_id, session, Instant::now());
        if let Some(lane) = self.hubs.get_mut(&member.hub) {
            lane.n_members -= 1;
            if lane.n_members == 0 {
                self.hubs.remove(&member.hub);
            }
        }
    }

    // Reads. One at a time per room, whoever waits for it (single flight).

    pub(super) fn read(&mut self, ctx: &mut Context<Self>) {
        if self.reading {
            return;
        }
        let (store, id) = (self.store.clone(), self.id.clone());
        let needs_newer = self.waiting.iter().any(|w| self.live.as_ref().is_some_and(|l| l.is_behind(&w.join)));
        let work: std::pin::Pin<Box<dyn Future<Output = Result<Read, StoreError>>>> =
            match &self.live {
                None => Box::pin(async move {
                    store.load(&id, PAGE_MESSAGES).await.map(|(head, page)| Read::Loaded(head, page))
                }),
                Some(live) if needs_newer || self.catch_up_to > live.timeline.rev() || live.timeline.has_gap() => {
                    let above = live.timeline.rev();
                    let claimed = self.waiting.iter().filter_map(|w| live.resume_rev(&w.join)).max();
                    Box::pin(async move {
                        // With the newest one that was shown: it must still be that one.
                        let from = above.saturating_sub(1).max(0);
                        let mut changes = store.changes_since(&id, from, RESUME_CHANGES_MAX + 1).await?;
                        if claimed.is_some_and(|claimed| changes.head.rev < claimed) {
                            // Perhaps nobody has noticed yet that another server takes messages since a moment ago.
                            store.confirm_primary().await?;
                            changes = store.changes_since(&id, from, RESUME_CHANGES_MAX + 1).await?;
                        }
                        Ok(Read::CaughtUp { above, changes })
                    })
                }
                Some(live) if !self.waiting.is_empty() => {
                    let before = live.backlog.first_seq();
                    let resumes = self.waiting.iter().any(|w| live.resume_rev(&w.join).is_some());
                    let n_older = if resumes { RESUME_CHANGES_MAX } else { PAGE_MESSAGES };
                    Box::pin(async move {
                        let page = store.page(&id, PageCursor::Before(before), n_older).await?;
                        Ok(Read::Older(before, page))
                    })
                }
                Some(_) => return,
            };
        self.reading = true;
        self.n_reads += 1;
        let (this_read, wanted) = (self.n_reads, self.catch_up_to);
        let bounded = timeout(self.limits.read_timeout, work);
        ctx.spawn(bounded.into_actor(self).map(move |result, this, ctx| {
            this.reading = false;
            match result {
                Ok(Ok(read)) => this.take_in(read, this_read, wanted, ctx),
                Ok(Err(error)) => this.read_failed(&error.to_string(), ctx),
                Err(_) => this.read_failed("it did not answer in time", ctx),
            }
            this.settle(ctx);
        }));
    }

    fn take_in(&mut self, read: Read, this_read: u64, wanted: i64, ctx: &mut Context<Self>) {
        // A join that waited when a catch-up began is answered now, even if only by a start over. One that came
        // later may know of a commit that the read did not see: the next read is for that.
        let (mut is_current, mut is_contradicted) = (false, false);
        match read {
            Read::Loaded(head, page) => self.live = Some(Live::new(head, page)),
            Read::CaughtUp { above, changes } => {
                is_current = !changes.truncated;
                is_contradicted = self.live.as_ref().is_some_and(|l| l.is_contradicted(above, &changes));
                if is_contradicted {
                    self.doubt(ctx);
                } else {
                    self.catch_up(changes, wanted);
                }
            }
            Read::Older(before, page) => {
                if let Some(live) = &mut self.live {
                    live.backlog.extend_back(before, page.messages.into_iter().map(Arc::new).collect(), page.has_more);
                }
            }
        }
        for Waiting { mut join, by, n_reads } in std::mem::take(&mut self.waiting) {
            if is_current && n_reads < this_read && self.live.as_ref().is_some_and(|l| l.is_behind(&join)) {
                // The database itself is behind what the client saw: only a start over is left. Anybody can claim
                // this, so it is counted, and starts nobody else over.
                self.metrics.resumes_ahead.inc();
                self.store.client_knows_more();
                join.resume = join.resume.map(|r| chat_wire::ResumePoint { epoch: String::new(), ..r });
            }
            self.join(join, by, ctx);
        }
        if is_contradicted {
            self.reread_later(ctx);
        } else if self.is_behind() {
            self.read(ctx);
        }
    }

    /// Whether something is missing that is known to be stored.
    fn is_behind(&self) -> bool {
        self.live.as_ref().is_some_and(|l| self.catch_up_to > l.timeline.rev() || l.timeline.has_gap())
    }

    fn reread_later(&mut self, ctx: &mut Context<Self>) {
        if self.is_behind() && !std::mem::replace(&mut self.rereading, true) {
            ctx.run_later(REREAD_AFTER, |this, ctx| {
                this.rereading = false;
                this.read(ctx);
            });
        }
    }

    fn read_failed(&mut self, why: &str, ctx: &mut Context<Self>) {
        // The registry, which asks every second, says once that the database is away.
        log::debug!("a room could not read from the database: {why}");
        for Waiting { join, .. } in std::mem::take(&mut self.waiting) {
            Self::refuse_join(join, Refusal::STORE_UNAVAILABLE);
        }
        self.reread_later(ctx);
    }

    /// `wanted` is what was to be caught up with when the read began.
    fn catch_up(&mut self, changes: Changes, wanted: i64) {
        let Some(live) = &mut self.live else { return };
        if changes.head.epoch != live.epoch {
            return self.start_over();
        }
        let last_read = changes.messages.last().map_or(live.timeline.rev(), |m| m.rev);
        let upto = if changes.truncated { last_read } else { changes.head.rev };
        if !changes.truncated && self.catch_up_to == wanted {
            // If it is not here, it does not exist in this database; asking again would not end. What was wanted
            // since is for the next read.
            self.catch_up_to = 0;
        }
        let applied = live.timeline.fill(upto, changes.messages.into_iter().map(Arc::new));
        self.show(applied);
    }

    /// The room's epoch changed: what is cached may be another life's. Every session starts over.
    pub(super) fn start_over(&mut self) {
        self.live = None;
        self.catch_up_to = 0;
        self.doubt = Doubt::default();
        self.fan_out.close_all(CloseCode::StartOver);
    }
}
