use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

use actix::{
    Actor, ActorContext, ActorFutureExt, Addr, AsyncContext, Context, Handler, MessageResult, Recipient, SpawnHandle,
    WrapFuture,
    clock::{Instant, timeout},
    dev::SendError,
};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{
    backlog::{Backlog, NotHere, PAGE_MESSAGES, RESUME_CHANGES_MAX},
    fan_out::FanOut,
    messages::{
        CheckHead, Command, Deliver, GetSnapshot, HubId, Join, Leave, MembersWanted, Publish, Refusal, Retire,
        RoomIdle, RoomKey, SessionId, SessionRef, SetProfile, Snapshot,
    },
    presence::{PEOPLE_LISTED_MAX, Presence},
    timeline::{Offered, Timeline},
};
use crate::{
    domain::{Author, AuthorId, AvatarName, ChatMessage, Content, Epoch, NewMessage, Nickname, RoomId},
    metrics::Metrics,
    persistence::{Append, AppendResult, Persisted},
    protocol::{
        self, AckPayload, CloseCode, ErrorCode, ErrorPayload, Limits, ProfilePayload, RoomPosition, ServerFrame,
        WelcomeHead,
    },
    store::{Changes, Head, Page, PageCursor, Store, StoreError, StoredMessage},
};

/// What a room may hold and how long it waits.
#[derive(Debug, Clone)]
pub struct RoomLimits {
    /// Sessions in it; beyond it a join is refused.
    pub n_sessions_max: usize,
    /// How long a join waits for the database.
    pub read_timeout: Duration,
    /// What WELCOME says of the heartbeat, in seconds.
    pub heartbeat_seconds: u64,
}

/// Messages that a room's mailbox takes before senders are told to try again.
const MAILBOX_CAPACITY: usize = 1_024;
/// Changes that wait for missing ones before them; beyond it the room takes no more messages.
const AHEAD_MAX: usize = 1_000;
/// How long a room waits before it reads again what it could not read.
const REREAD_AFTER: Duration = Duration::from_millis(500);

/// A session's place in a room. Its end, however it comes, is the one way out.
#[derive(Debug)]
pub struct Membership {
    room: Addr<Room>,
    session: SessionId,
}

impl Membership {
    /// Wants a message stored and shown. The answer comes to the session's outbox.
    ///
    /// # Errors
    /// Where the room has too much to do; [`Ended`] where it is gone, which only a fault can bring about.
    pub fn publish(&self, client_id: Uuid, content: Content, received: Instant) -> Result<Result<(), Refusal>, Ended> {
        outcome(self.room.try_send(Publish { session: self.session, client_id, content, received }))
    }

    /// Sets nickname and avatar. The answer comes to the session's outbox.
    ///
    /// # Errors
    /// As [`Membership::publish`].
    pub fn set_profile(&self, nickname: Nickname, avatar: Option<AvatarName>) -> Result<Result<(), Refusal>, Ended> {
        outcome(self.room.try_send(SetProfile { session: self.session, nickname, avatar }))
    }
}

/// The room of a membership has ended while sessions were in it.
#[derive(Debug)]
pub struct Ended;

fn outcome<T>(sent: Result<(), SendError<T>>) -> Result<Result<(), Refusal>, Ended> {
    match sent {
        Ok(()) => Ok(Ok(())),
        Err(SendError::Full(_)) => Ok(Err(Refusal::OVERLOADED)),
        Err(SendError::Closed(_)) => Err(Ended),
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        #[expect(clippy::disallowed_methods, reason = "once per membership, and must not be lost")]
        self.room.do_send(Leave { session: self.session });
    }
}

/// The room actor: the only place that orders what its members see.
pub struct Room {
    key: RoomKey,
    id: RoomId,
    limits: RoomLimits,
    store: Store,
    persistence: Recipient<Append>,
    registry: Recipient<RoomIdle>,
    metrics: Arc<Metrics>,
    /// What the room shows; `None` until it was loaded.
    live: Option<Live>,
    members: HashMap<SessionId, Member>,
    hubs: BTreeMap<HubId, Lane>,
    presence: Presence,
    presence_timer: Option<(Instant, SpawnHandle)>,
    fan_out: FanOut,
    n_delivering: usize,
    oldest_received: Option<Instant>,
    in_flight: HashMap<u64, InFlight>,
    next_token: u64,
    /// Joins that wait for a read, each until its time. Bounded like the members.
    waiting: Vec<(Instant, Join)>,
    /// A read is under way; it serves this many of the joins in front.
    reading: Option<usize>,
    /// A timer will read again what could not be read.
    rereading: bool,
    /// Something is missing that no waiting join asks for: read until it is here.
    catch_up_to: i64,
    n_joins_seen: u64,
    idle_reported: Option<u64>,
}

/// What a loaded room knows.
struct Live {
    epoch: Epoch,
    timeline: Timeline,
    backlog: Backlog,
    message_count: i64,
    last_message_at: Option<DateTime<Utc>>,
}

struct Member {
    hub: HubId,
    author_id: AuthorId,
    is_author: bool,
}

/// A hub with members of this room.
struct Lane {
    deliver: Recipient<Deliver>,
    n_members: usize,
}

/// A message on its way to the store.
struct InFlight {
    session: SessionId,
    /// The sender was told that nothing is known of it.
    given_up: bool,
    message: Arc<NewMessage>,
    received: Instant,
}

/// How a join can be answered.
enum Answer {
    /// With these encoded messages.
    Welcome { resumed: bool, has_more: bool, messages: Bytes },
    /// Once the changes above the room's counter were read.
    AfterCatchUp,
    /// Once older changes were read.
    AfterOlder,
}

/// What a read of the database was for.
enum Read {
    Loaded(Head, Page),
    CaughtUp(Changes),
    /// What is before this `seq`.
    Older(i64, Page),
}

impl Room {
    /// The actor, not started.
    pub fn new(
        key: RoomKey,
        id: RoomId,
        limits: RoomLimits,
        store: Store,
        persistence: Recipient<Append>,
        registry: Recipient<RoomIdle>,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self {
            key,
            id,
            limits,
            store,
            persistence,
            registry,
            metrics,
            live: None,
            members: HashMap::new(),
            hubs: BTreeMap::new(),
            presence: Presence::default(),
            presence_timer: None,
            fan_out: FanOut::default(),
            n_delivering: 0,
            oldest_received: None,
            in_flight: HashMap::new(),
            next_token: 0,
            waiting: Vec::new(),
            reading: None,
            rereading: false,
            catch_up_to: 0,
            n_joins_seen: 0,
            idle_reported: None,
        }
    }

    // Joins.

    /// Answers a join, or lets it wait for a read, until `by` at the latest.
    fn join(&mut self, join: Join, by: Instant, ctx: &mut Context<Self>) {
        if join.reply.is_closed() {
            return;
        }
        if self.members.len() + self.waiting.len() >= self.limits.n_sessions_max {
            return self.refuse_join(join, Refusal::OVERLOADED);
        }
        let Some(live) = &mut self.live else {
            self.waiting.push((by, join));
            return self.read(ctx);
        };
        match live.answer(&join) {
            Answer::Welcome { resumed, has_more, messages } => self.welcome(join, resumed, has_more, messages, ctx),
            Answer::AfterCatchUp | Answer::AfterOlder => {
                self.waiting.push((by, join));
                self.read(ctx);
            }
        }
    }

    /// Refuses the joins that have waited long enough: their read may be the second one.
    fn expire_joins(&mut self) {
        let now = Instant::now();
        for (by, join) in std::mem::take(&mut self.waiting) {
            if by <= now {
                self.refuse_join(join, Refusal::STORE_UNAVAILABLE);
            } else {
                self.waiting.push((by, join));
            }
        }
    }

    fn refuse_join(&self, join: Join, refusal: Refusal) {
        self.metrics.joins.with_label_values(&["refused"]).inc();
        // The session may be gone; then nobody needs the answer.
        let _ = join.reply.send(Err(refusal));
    }

    fn welcome(&mut self, join: Join, resumed: bool, has_more: bool, messages: Bytes, ctx: &mut Context<Self>) {
        let Join { session, author_id, profile, resume, reply, .. } = join;
        let Some(live) = &self.live else { return };
        let (epoch, rev) = (live.epoch.to_string(), live.timeline.rev());
        let now = Instant::now();
        let is_author = profile.is_some();
        self.presence.enter(&author_id, session.id);
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
        let chunks = protocol::welcome_chunks(&head, messages);
        self.fan_out.attach(session.hub, session.id, chunks);
        self.add_member(&session, author_id, is_author);
        let outcome = match (resumed, resume.is_some()) {
            (true, _) => "resumed",
            (false, true) => "start_over",
            (false, false) => "fresh",
        };
        self.metrics.joins.with_label_values(&[outcome]).inc();
        // Where nobody receives it, its drop takes the member out again.
        let _ = reply.send(Ok(Membership { room: ctx.address(), session: session.id }));
    }

    fn add_member(&mut self, session: &SessionRef, author_id: AuthorId, is_author: bool) {
        self.members.insert(session.id, Member { hub: session.hub, author_id, is_author });
        let lane = Lane { deliver: session.deliver.clone(), n_members: 0 };
        self.hubs.entry(session.hub).or_insert(lane).n_members += 1;
    }

    fn leave(&mut self, session: SessionId) {
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

    fn read(&mut self, ctx: &mut Context<Self>) {
        if self.reading.is_some() {
            return;
        }
        let (store, id) = (self.store.clone(), self.id.clone());
        let needs_newer = self.waiting.iter().any(|(_, join)| self.live.as_ref().is_some_and(|l| l.is_behind(join)));
        let work: std::pin::Pin<Box<dyn Future<Output = Result<Read, StoreError>>>> =
            match &self.live {
                None => Box::pin(async move {
                    store.load(&id, PAGE_MESSAGES).await.map(|(head, page)| Read::Loaded(head, page))
                }),
                Some(live) if needs_newer || self.catch_up_to > live.timeline.rev() || live.timeline.has_gap() => {
                    let rev = live.timeline.rev();
                    Box::pin(async move { store.changes_since(&id, rev, RESUME_CHANGES_MAX).await.map(Read::CaughtUp) })
                }
                Some(live) if !self.waiting.is_empty() => {
                    let before = live.backlog.first_seq();
                    Box::pin(async move {
                        let page = store.page(&id, PageCursor::Before(before), RESUME_CHANGES_MAX).await?;
                        Ok(Read::Older(before, page))
                    })
                }
                Some(_) => return,
            };
        self.reading = Some(self.waiting.len());
        let bounded = timeout(self.limits.read_timeout, work);
        ctx.spawn(bounded.into_actor(self).map(|result, this, ctx| {
            let n_served = this.reading.take().unwrap_or(0);
            match result {
                Ok(Ok(read)) => this.take_in(read, n_served, ctx),
                Ok(Err(error)) => this.read_failed(&error.to_string(), ctx),
                Err(_) => this.read_failed("it did not answer in time", ctx),
            }
            this.settle(ctx);
        }));
    }

    fn take_in(&mut self, read: Read, n_served: usize, ctx: &mut Context<Self>) {
        // A join that waited when a catch-up began is answered now, even if only by a start over. One that came
        // later may know of a commit that the read did not see: the next read is for that.
        let mut is_current = false;
        match read {
            Read::Loaded(head, page) => self.live = Some(Live::new(head, page)),
            Read::CaughtUp(changes) => {
                is_current = !changes.truncated;
                self.catch_up(changes);
            }
            Read::Older(before, page) => {
                if let Some(live) = &mut self.live {
                    live.backlog.extend_back(before, page.messages.into_iter().map(Arc::new).collect(), page.has_more);
                }
            }
        }
        for (i, (by, mut join)) in std::mem::take(&mut self.waiting).into_iter().enumerate() {
            if is_current && i < n_served && self.live.as_ref().is_some_and(|l| l.is_behind(&join)) {
                // The database itself is behind what the client saw: only a start over is left.
                join.resume = join.resume.map(|r| protocol::ResumePoint { epoch: String::new(), ..r });
            }
            self.join(join, by, ctx);
        }
        if self.live.as_ref().is_some_and(|l| self.catch_up_to > l.timeline.rev() || l.timeline.has_gap()) {
            self.read(ctx);
        }
    }

    fn read_failed(&mut self, why: &str, ctx: &mut Context<Self>) {
        // The registry, which asks every second, says once that the database is away.
        log::debug!("a room could not read from the database: {why}");
        for (_, join) in std::mem::take(&mut self.waiting) {
            self.refuse_join(join, Refusal::STORE_UNAVAILABLE);
        }
        let is_behind = self.live.as_ref().is_some_and(|l| l.timeline.has_gap() || self.catch_up_to > l.timeline.rev());
        if is_behind && !std::mem::replace(&mut self.rereading, true) {
            ctx.run_later(REREAD_AFTER, |this, ctx| {
                this.rereading = false;
                this.read(ctx);
            });
        }
    }

    fn catch_up(&mut self, changes: Changes) {
        let Some(live) = &mut self.live else { return };
        if changes.head.epoch != live.epoch {
            return self.start_over();
        }
        let last_read = changes.messages.last().map_or(live.timeline.rev(), |m| m.rev);
        let upto = if changes.truncated { last_read } else { changes.head.rev };
        if !changes.truncated {
            // What was asked for does not exist in this database; asking again would not end.
            self.catch_up_to = 0;
        }
        let applied = live.timeline.fill(upto, changes.messages.into_iter().map(Arc::new));
        self.show(applied);
    }

    /// The room's epoch changed: what is cached may be another life's. Every session starts over.
    fn start_over(&mut self) {
        self.live = None;
        self.catch_up_to = 0;
        self.fan_out.close_all(CloseCode::StartOver);
    }

    // Messages.

    fn publish(&mut self, publish: Publish, ctx: &mut Context<Self>) {
        let Publish { session, client_id, content, received } = publish;
        let Some(member) = self.members.get(&session) else { return };
        let author = self.presence.author(&member.author_id).filter(|_| member.is_author).cloned();
        let Some(author) = author else {
            let refusal = Refusal {
                code: ErrorCode::NicknameRequired,
                message: "choose a nickname first: PROFILE",
                retry_after_ms: None,
            };
            return self.tell_error(session, refusal, Some(client_id));
        };
        // Readers, or reads of the database, that lag far behind hold back who writes.
        let n_ahead = self.live.as_ref().map_or(0, |l| l.timeline.n_ahead());
        if self.fan_out.is_full() || n_ahead > AHEAD_MAX {
            return self.tell_error(session, Refusal::OVERLOADED, Some(client_id));
        }
        let message = Arc::new(NewMessage { room: self.id.clone(), author, content, client_id });
        let token = self.next_token;
        self.next_token += 1;
        self.in_flight.insert(token, InFlight { session, given_up: false, message: message.clone(), received });
        let append = Append { token, message, reply: ctx.address().recipient(), group: self.key.0 };
        if let Err(SendError::Full(_) | SendError::Closed(_)) = self.persistence.try_send(append) {
            self.in_flight.remove(&token);
            self.tell_error(session, Refusal::OVERLOADED, Some(client_id));
        }
    }

    fn persisted(&mut self, token: u64, result: AppendResult, ctx: &mut Context<Self>) {
        if result == AppendResult::Unknown {
            if let Some(in_flight) = self.in_flight.get_mut(&token) {
                in_flight.given_up = true;
                let (session, client_id) = (in_flight.session, in_flight.message.client_id);
                self.tell_error(session, Refusal::STORE_UNAVAILABLE, Some(client_id));
            }
            return;
        }
        let Some(InFlight { session, given_up, message, received }) = self.in_flight.remove(&token) else { return };
        let client_id = Some(message.client_id);
        match result {
            AppendResult::Stored(stored) => {
                self.tell_ack(session, message.client_id, &stored);
                self.stored(stored, &message, received, ctx);
            }
            AppendResult::Repeated(stored) => {
                self.tell_ack(session, message.client_id, &stored);
                // Stored through another server, perhaps, and not shown here yet.
                self.want(stored.epoch, stored.rev, ctx);
            }
            AppendResult::Conflict => {
                let refusal = Refusal {
                    code: ErrorCode::ClientIdConflict,
                    message: "this clientId was used for other content",
                    retry_after_ms: None,
                };
                self.tell_error(session, refusal, client_id);
            }
            AppendResult::Refused => {
                let refusal = Refusal {
                    code: ErrorCode::Internal,
                    message: "the message cannot be stored",
                    retry_after_ms: None,
                };
                self.tell_error(session, refusal, client_id);
            }
            AppendResult::Full => self.tell_error(session, Refusal::OVERLOADED, client_id),
            AppendResult::Unavailable if given_up => {}
            AppendResult::Unavailable => self.tell_error(session, Refusal::STORE_UNAVAILABLE, client_id),
            // Told before.
            AppendResult::Unknown => {}
        }
    }

    fn stored(&mut self, stored: StoredMessage, message: &NewMessage, received: Instant, ctx: &mut Context<Self>) {
        let Some(live) = &mut self.live else {
            // The read under way may have come before this commit.
            self.catch_up_to = self.catch_up_to.max(stored.rev);
            return;
        };
        if stored.epoch != live.epoch {
            return self.start_over();
        }
        let NewMessage { author, content, client_id, .. } = message;
        let StoredMessage { id, seq, rev, created_at, .. } = stored;
        let (author, content, client_id) = (author.clone(), content.clone(), *client_id);
        let change = Arc::new(ChatMessage { id, seq, rev, client_id, author, content, created_at });
        match live.timeline.offer(change) {
            Offered::Old => {}
            Offered::Next => {
                self.oldest_received = Some(self.oldest_received.map_or(received, |r| r.min(received)));
                let applied = live.timeline.take();
                self.show(applied);
            }
            // Another server committed in between: read what is missing before this one is shown.
            Offered::Ahead => self.read(ctx),
        }
    }

    /// Something says that the room's counter is at least `rev`.
    fn want(&mut self, epoch: Epoch, rev: i64, ctx: &mut Context<Self>) {
        let Some(live) = &self.live else { return };
        if epoch != live.epoch {
            return self.start_over();
        }
        if rev > live.timeline.rev() {
            self.catch_up_to = self.catch_up_to.max(rev);
            self.read(ctx);
        }
    }

    /// Changes, in order, to the backlog and to every member.
    fn show(&mut self, changes: Vec<Arc<ChatMessage>>) {
        let Some(live) = &mut self.live else { return };
        for change in changes {
            if change.seq == change.rev {
                live.message_count += 1;
            }
            live.last_message_at = live.last_message_at.max(Some(change.created_at));
            let json = live.backlog.push(change);
            // What `message_json` wrote is text.
            if let (false, Ok(json)) = (self.members.is_empty(), std::str::from_utf8(&json)) {
                self.fan_out.broadcast(protocol::message_frame_json(json));
            }
        }
    }

    // Frames to single sessions.

    fn tell(&mut self, session: SessionId, frame: &ServerFrame<'_>) {
        if let Some(member) = self.members.get(&session) {
            self.fan_out.direct(member.hub, session, &protocol::encode(frame));
        }
    }

    fn tell_error(&mut self, session: SessionId, refusal: Refusal, client_id: Option<Uuid>) {
        let Refusal { code, message, retry_after_ms } = refusal;
        self.metrics.errors.with_label_values(&[code.as_str()]).inc();
        let payload = ErrorPayload { code, message: message.into(), client_id, retry_after_ms };
        self.tell(session, &ServerFrame::Error(payload));
    }

    fn tell_ack(&mut self, session: SessionId, client_id: Uuid, stored: &StoredMessage) {
        let created_at = protocol::timestamp(stored.created_at);
        // Its value at creation is `seq`, whatever became of the message since.
        let ack = AckPayload { client_id, id: stored.id.to_string(), seq: stored.seq, rev: stored.seq, created_at };
        self.tell(session, &ServerFrame::Ack(ack));
    }

    fn tell_profile(&mut self, author: &Author) {
        let json = protocol::encode(&ServerFrame::Profile(ProfilePayload { own: author.into() }));
        for session in self.presence.sessions(&author.id) {
            // A session whose WELCOME is being made is not here yet; that tells it.
            let Some(member) = self.members.get_mut(session) else { continue };
            member.is_author = true;
            self.fan_out.direct(member.hub, *session, &json);
        }
    }

    // The end of every handler.

    /// Tells who is here if that is due, sends what was gathered, and says so where nobody is left.
    fn settle(&mut self, ctx: &mut Context<Self>) {
        let now = Instant::now();
        if self.presence.is_due(now) {
            if !self.members.is_empty() {
                let json = protocol::encode(&ServerFrame::Presence(self.presence.payload(true)));
                self.fan_out.broadcast(json);
            }
            self.presence.told(now);
        }
        self.set_presence_timer(now, ctx);
        self.flush(ctx);
        self.report_idle();
    }

    fn set_presence_timer(&mut self, now: Instant, ctx: &mut Context<Self>) {
        let due = self.presence.due_at(now);
        if self.presence_timer.as_ref().map(|(at, _)| *at) == due {
            return;
        }
        if let Some((_, timer)) = self.presence_timer.take() {
            ctx.cancel_future(timer);
        }
        if let Some(at) = due {
            let timer = ctx.run_later(at - now, |this, ctx| {
                this.presence_timer = None;
                this.settle(ctx);
            });
            self.presence_timer = Some((at, timer));
        }
    }

    fn flush(&mut self, ctx: &mut Context<Self>) {
        if self.n_delivering > 0 || self.fan_out.is_empty() {
            return;
        }
        let hubs = self.hubs.keys().copied().collect::<Vec<_>>();
        let rev = self.live.as_ref().map_or(0, |l| l.timeline.rev());
        let received = self.oldest_received.take();
        for (hub, commands) in self.fan_out.take(&hubs) {
            let Some(lane) = self.hubs.get(&hub) else { continue };
            self.n_delivering += 1;
            let delivered = lane.deliver.send(Deliver { room: self.key, rev, commands, received });
            ctx.spawn(delivered.into_actor(self).map(|_, this, ctx| {
                this.n_delivering -= 1;
                this.flush(ctx);
                this.report_idle();
            }));
        }
    }

    fn report_idle(&mut self) {
        let is_idle = self.members.is_empty()
            && self.waiting.is_empty()
            && self.in_flight.is_empty()
            && self.reading.is_none()
            && self.n_delivering == 0;
        if is_idle && self.idle_reported != Some(self.n_joins_seen) {
            self.idle_reported = Some(self.n_joins_seen);
            let idle = RoomIdle { room: self.id.clone(), key: self.key, n_joins_seen: self.n_joins_seen };
            #[expect(clippy::disallowed_methods, reason = "at most once per emptying, and must not be lost")]
            self.registry.do_send(idle);
        }
    }
}

impl Live {
    fn new(head: Head, page: Page) -> Self {
        let messages = page.messages.into_iter().map(Arc::new).collect();
        Self {
            epoch: head.epoch,
            timeline: Timeline::new(head.rev),
            backlog: Backlog::new(messages, page.has_more),
            message_count: head.message_count,
            last_message_at: head.last_message_at,
        }
    }

    /// The counter value a join says it has seen, where it means this life of the room.
    fn resume_rev(&self, join: &Join) -> Option<i64> {
        let resume = join.resume.as_ref().filter(|r| Epoch::parse(&r.epoch) == Some(self.epoch))?;
        Some(i64::try_from(resume.rev).unwrap_or(i64::MAX))
    }

    /// Whether the client has seen more than this room has.
    fn is_behind(&self, join: &Join) -> bool {
        self.resume_rev(join).is_some_and(|rev| rev > self.timeline.rev())
    }

    fn answer(&mut self, join: &Join) -> Answer {
        let replay = match self.resume_rev(join) {
            Some(rev) if rev > self.timeline.rev() => return Answer::AfterCatchUp,
            Some(rev) => self.backlog.after(rev),
            None => Err(NotHere::TooMuch),
        };
        match replay {
            Ok(messages) => Answer::Welcome { resumed: true, has_more: false, messages },
            Err(NotHere::Older) => Answer::AfterOlder,
            Err(NotHere::TooMuch) => {
                let (messages, has_more) = self.backlog.latest_page();
                Answer::Welcome { resumed: false, has_more, messages }
            }
        }
    }
}

impl Actor for Room {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(MAILBOX_CAPACITY);
    }
}

impl Drop for Room {
    /// A room ends with sessions in it only by a fault. They are sent away: whoever joins next makes it anew, and
    /// two halves of one room must not live.
    fn drop(&mut self) {
        for lane in self.hubs.values() {
            let commands = vec![Command::CloseAll(CloseCode::Restart)];
            #[expect(clippy::disallowed_methods, reason = "once per room and thread, and must not be lost")]
            lane.deliver.do_send(Deliver { room: self.key, rev: 0, commands, received: None });
        }
    }
}

impl Handler<Join> for Room {
    type Result = ();

    fn handle(&mut self, join: Join, ctx: &mut Self::Context) {
        self.n_joins_seen += 1;
        self.join(join, Instant::now() + self.limits.read_timeout, ctx);
        if !self.waiting.is_empty() {
            ctx.run_later(self.limits.read_timeout, |this, ctx| {
                this.expire_joins();
                this.settle(ctx);
            });
        }
        self.settle(ctx);
    }
}

impl Handler<Leave> for Room {
    type Result = ();

    fn handle(&mut self, Leave { session }: Leave, ctx: &mut Self::Context) {
        self.leave(session);
        self.settle(ctx);
    }
}

impl Handler<Publish> for Room {
    type Result = ();

    fn handle(&mut self, publish: Publish, ctx: &mut Self::Context) {
        self.publish(publish, ctx);
        self.settle(ctx);
    }
}

impl Handler<Persisted> for Room {
    type Result = ();

    fn handle(&mut self, Persisted(results): Persisted, ctx: &mut Self::Context) {
        for (token, result) in results {
            self.persisted(token, result, ctx);
        }
        self.settle(ctx);
    }
}

impl Handler<SetProfile> for Room {
    type Result = ();

    fn handle(&mut self, SetProfile { session, nickname, avatar }: SetProfile, ctx: &mut Self::Context) {
        let Some(member) = self.members.get(&session) else { return };
        let id = member.author_id.clone();
        let avatar = avatar
            .or_else(|| self.presence.author(&id).map(|a| a.avatar))
            .unwrap_or_else(|| AvatarName::derived_from(&id));
        let author = Author { id, nickname, avatar };
        self.presence.set_author(author.clone(), Instant::now());
        self.tell_profile(&author);
        self.settle(ctx);
    }
}

impl Handler<CheckHead> for Room {
    type Result = ();

    fn handle(&mut self, CheckHead { epoch, rev }: CheckHead, ctx: &mut Self::Context) {
        // Commits of our own that are on their way back show by themselves whether anything is missing.
        let is_other_life = self.live.as_ref().is_some_and(|l| l.epoch != epoch);
        if self.in_flight.is_empty() || is_other_life {
            self.want(epoch, rev, ctx);
        }
        self.settle(ctx);
    }
}

impl Handler<GetSnapshot> for Room {
    type Result = MessageResult<GetSnapshot>;

    fn handle(&mut self, GetSnapshot { n_messages, members }: GetSnapshot, _: &mut Self::Context) -> Self::Result {
        let wanted = match members {
            MembersWanted::No => false,
            MembersWanted::IfFew => self.presence.count() <= PEOPLE_LISTED_MAX,
            MembersWanted::All => true,
        };
        MessageResult(self.live.as_ref().map(|live| {
            let skipped = live.backlog.messages().len().saturating_sub(n_messages);
            Snapshot {
                epoch: live.epoch,
                rev: live.timeline.rev(),
                message_count: live.message_count,
                last_message_at: live.last_message_at,
                n_people: self.presence.count(),
                members: if wanted { self.presence.members().into_iter().cloned().collect() } else { Vec::new() },
                messages: live.backlog.messages().skip(skipped).cloned().collect(),
                has_more: live.backlog.has_more_than(n_messages),
            }
        }))
    }
}

impl Handler<Retire> for Room {
    type Result = ();

    fn handle(&mut self, _: Retire, ctx: &mut Self::Context) {
        if self.members.is_empty() && self.waiting.is_empty() {
            ctx.stop();
        } else {
            log::error!("a room was to end while sessions were in it; it stays");
        }
    }
}
