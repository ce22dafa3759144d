use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use actix::{AsyncContext, Context, Recipient, clock::Instant, dev::SendError};
use uuid::Uuid;

use super::{
    Room,
    live::{Arrived, Live},
};
use crate::{
    answer::{Published, ReplyTo},
    event::{Event, Refusal},
    messages::{Post, Publish, Recall},
    persistence::{Append, AppendResult, Persisted, Review, Write},
    sightings::Seen,
};
use chat_domain::{Author, AuthorId, Change, ChatMessage, Content, Epoch, Mention, NewMentions, NewMessage, Principal};
use chat_store::StoredMessage;

/// Changes that wait for missing ones before them; beyond it the room takes no more messages.
const AHEAD_MAX: usize = 1_000;

/// What a room has on its way to the store.
pub(super) struct Appends {
    persistence: Recipient<Append>,
    in_flight: HashMap<u64, InFlight>,
    next_token: u64,
    /// Who may do what, as the room knew it when `older` was looked for last.
    guard_rev: i64,
    /// Those that were checked against something else, and of which the sender still waits to hear.
    older: HashSet<u64>,
}

/// Something on its way to the store.
pub(super) struct InFlight {
    /// Where an answer goes, if there can still be one.
    pub(super) reply: Option<ReplyTo<Published>>,
    /// The sender was told that nothing is known of it.
    given_up: bool,
    pub(super) write: Write,
    /// What is to be found out before.
    pub(super) review: Option<Arc<Review>>,
    /// Who asked for it.
    pub(super) principal: Principal,
    received: Instant,
    /// The number under which it was first on its way; none where it never was.
    pub(super) first_token: Option<u64>,
    /// How often the room's `guard_rev` had changed meanwhile.
    pub(super) n_rechecks: u32,
}

impl InFlight {
    /// Whether it is a message of this author with this key.
    pub(super) fn is_message(&self, author: &AuthorId, client_id: Uuid) -> bool {
        match &self.write {
            Write::Message(message) => message.client_id == client_id && message.author.id == *author,
            Write::Change(_) => false,
        }
    }
}

impl Appends {
    pub(super) fn new(persistence: Recipient<Append>) -> Self {
        Self { persistence, in_flight: HashMap::new(), next_token: 0, guard_rev: 0, older: HashSet::new() }
    }

    /// Whether anything is on its way that was checked against another state of who may do what than this.
    pub(super) fn has_older(&mut self, guard_rev: i64) -> bool {
        if self.guard_rev != guard_rev {
            self.guard_rev = guard_rev;
            let is_older = |in_flight: &InFlight| !in_flight.given_up && in_flight.write.guard_rev() != guard_rev;
            let older = self.in_flight.iter().filter(|(_, in_flight)| is_older(in_flight));
            self.older = older.map(|(token, _)| *token).collect();
        }
        !self.older.is_empty()
    }

    /// Nothing more is known of one than that it may come to be stored: what comes now does not wait for it.
    fn gives_up(&mut self, token: u64) -> Option<&mut InFlight> {
        self.older.remove(&token);
        let in_flight = self.in_flight.get_mut(&token)?;
        in_flight.given_up = true;
        Some(in_flight)
    }

    /// One is answered.
    fn ends(&mut self, token: u64) -> Option<InFlight> {
        self.older.remove(&token);
        self.in_flight.remove(&token)
    }

    /// Whether nothing is on its way.
    pub(super) fn is_empty(&self) -> bool {
        self.in_flight.is_empty()
    }

    /// Whether a message of this author with this key is on its way.
    pub(super) fn has(&self, author: &AuthorId, client_id: Uuid) -> bool {
        self.in_flight.values().any(|in_flight| in_flight.is_message(author, client_id))
    }

    /// Sends one on its way, or gives it back where persistence has too much to do.
    #[expect(clippy::result_large_err, reason = "what is full gives it back, which is rare, and it goes nowhere else")]
    pub(super) fn begin(
        &mut self,
        mut in_flight: InFlight,
        (room, group): (Recipient<Persisted>, u64),
    ) -> Result<(), InFlight> {
        let token = self.next_token;
        self.next_token += 1;
        let (write, review) = (in_flight.write.clone(), in_flight.review.clone());
        let append = Append { token, write, review, reply: room, group };
        if let Err(SendError::Full(_) | SendError::Closed(_)) = self.persistence.try_send(append) {
            return Err(in_flight);
        }
        in_flight.first_token.get_or_insert(token);
        if in_flight.write.guard_rev() != self.guard_rev && !in_flight.given_up {
            self.older.insert(token);
        }
        self.in_flight.insert(token, in_flight);
        Ok(())
    }
}

impl Room {
    pub(super) fn publish(&mut self, publish: Publish, ctx: &mut Context<Self>) {
        let Publish { principal, profile, post, received, reply } = publish;
        let Post { client_id, content, reply_to, mentions } = post;
        let id = principal.author_id();
        let author = match (profile, &reply) {
            (Some((nickname, avatar)), _) => {
                let badge = self.limits.access.badge(&principal);
                Some(Author { id: id.clone(), nickname, avatar, badge })
            }
            (None, ReplyTo::Member(session)) => {
                let Some(member) = self.members.get(session) else { return };
                self.presence.author(id).filter(|_| member.is_author).cloned()
            }
            (None, ReplyTo::Once(_)) => self.presence.author(id).cloned(),
        };
        let Some(author) = author else {
            return self.reply(reply, client_id, Err(Refusal::NicknameRequired), true);
        };
        self.typing.stops(&author.id);
        let refusal = self.may_publish(&principal, client_id, &content).err();
        if refusal == Some(Refusal::Blocked) {
            self.limits.sightings.say(&self.id, || Seen::Blocked);
        }
        // A retry of what the room has stored gets its ACK all the same, and one of what waits is told that it does.
        let may_wait = self.live.as_ref().is_some_and(Live::may_wait);
        if let Some(refusal) = refusal.filter(|refusal| !may_wait || matches!(refusal, Refusal::Banned { .. })) {
            let post = Post { client_id, content, reply_to, mentions };
            return self.recall(Recall { principal, post, refusal, reply });
        }
        let mentions = self.mentions(&content, mentions);
        let (room, guard_rev) = (self.id.clone(), self.guard_rev());
        let message = NewMessage { room, author, content, client_id, reply_to, mentions, guard_rev };
        let write = Write::Message(Arc::new(message));
        if self.begin_unless(refusal, principal, write, received, reply, ctx) && refusal.is_none() {
            self.metrics.messages_accepted.inc();
        }
    }

    /// Those of the asked mentions that can be, as far as the room knows.
    pub(super) fn mentions(&self, content: &Content, asked: Vec<Mention>) -> NewMentions {
        let wrote = |author: &AuthorId| {
            self.live.as_ref().is_some_and(|live| live.backlog.messages().any(|m| m.author.id == *author))
        };
        NewMentions::new(content, asked, |author| self.presence.author(author).is_some() || wrote(author))
    }

    /// What commands are checked against.
    pub(super) fn guard_rev(&self) -> i64 {
        self.live.as_ref().map_or(0, |live| live.guard_rev)
    }

    /// Sends a write on its way, or refuses it. Tells whether it is.
    pub(super) fn begin(
        &mut self,
        principal: Principal,
        write: Write,
        received: Instant,
        reply: ReplyTo<Published>,
        ctx: &mut Context<Self>,
    ) -> bool {
        self.begin_unless(None, principal, write, received, reply, ctx)
    }

    /// The same; what is no repeat of one that waits is refused with `otherwise`.
    fn begin_unless(
        &mut self,
        otherwise: Option<Refusal>,
        principal: Principal,
        write: Write,
        received: Instant,
        reply: ReplyTo<Published>,
        ctx: &mut Context<Self>,
    ) -> bool {
        // Readers, or reads of the database, that lag far behind hold back who writes.
        let n_ahead = self.live.as_ref().map_or(0, |l| l.timeline.n_ahead());
        let is_full = self.delivery.fan_out.is_full() || n_ahead > AHEAD_MAX;
        let mut in_flight = InFlight {
            reply: Some(reply),
            given_up: false,
            write,
            review: None,
            principal,
            received,
            first_token: None,
            n_rechecks: 0,
        };
        in_flight.review = self.review(&in_flight, otherwise);
        // What it may be a repeat of waits no more.
        if let (Some(refusal), None) = (otherwise, &in_flight.review) {
            self.refuse(in_flight, refusal);
            return false;
        }
        if is_full {
            self.refuse(in_flight, Refusal::Overloaded);
            return false;
        }
        if self.must_wait() {
            let held = self.rechecks.hold(in_flight);
            return held.map_err(|in_flight| self.refuse(in_flight, Refusal::Overloaded)).is_ok();
        }
        self.send_to_store(in_flight, ctx)
    }

    pub(super) fn send_to_store(&mut self, in_flight: InFlight, ctx: &mut Context<Self>) -> bool {
        let begun = self.appends.begin(in_flight, (ctx.address().recipient(), self.key.0));
        begun.map_err(|in_flight| self.refuse(in_flight, Refusal::Overloaded)).is_ok()
    }

    pub(super) fn refuse(&mut self, in_flight: InFlight, refusal: Refusal) {
        let InFlight { reply, given_up, write, principal, .. } = in_flight;
        if let Some(reply) = reply {
            self.reply_to(&principal, reply, write.client_id(), Err(refusal), !given_up);
        }
    }

    /// Looks among the recent messages only: a retry comes soon, and a flood must not reach the database.
    pub(super) fn recall(&mut self, Recall { principal, post, refusal, reply }: Recall) {
        let Post { client_id, content, .. } = post;
        let id = principal.author_id();
        // What was edited or deleted since was another text then.
        let is_it = |m: &&Arc<ChatMessage>| {
            let has_changed = m.version() > 1 || m.is_deleted();
            m.client_id == client_id && m.author.id == *id && (has_changed || m.content == content)
        };
        let known = self.live.as_ref().and_then(|live| {
            let message = live.backlog.messages().rev().find(is_it)?.clone();
            Some(Published {
                stored: StoredMessage::of(&message, live.epoch),
                message: Some(message),
                is_repeated: true,
            })
        });
        let published = known.ok_or(refusal);
        self.reply_to(&principal, reply, client_id, published, true);
    }

    /// The message as the room has it now, where it is among the recent ones and no older than what is known to be stored.
    fn known(&self, stored: &StoredMessage) -> Option<Arc<ChatMessage>> {
        self.live.as_ref()?.backlog.find(stored.id).filter(|message| message.rev >= stored.rev).cloned()
    }

    /// As [`Room::reply`]; who is shut out is told why, as whoever did it has said.
    pub(super) fn reply_to(
        &mut self,
        principal: &Principal,
        reply: ReplyTo<Published>,
        client_id: Uuid,
        published: Result<Published, Refusal>,
        is_first: bool,
    ) {
        match (&reply, &published) {
            (ReplyTo::Member(session), Err(refusal @ Refusal::Banned { .. })) => {
                let notice = self.limits.access.ban(principal, &self.id, chrono::Utc::now());
                let reason = notice.map(|notice| notice.reason).filter(|reason| !reason.is_empty());
                let refused = Event::Refused { client_id: Some(client_id), refusal: *refusal, reason };
                self.send(*session, refused, true);
            }
            _ => self.reply(reply, client_id, published, is_first),
        }
    }

    /// Says what became of a write. Members that are gone need no answer. `is_first`: nothing was said of it before.
    pub(super) fn reply(
        &mut self,
        reply: ReplyTo<Published>,
        client_id: Uuid,
        published: Result<Published, Refusal>,
        is_first: bool,
    ) {
        if published.as_ref().is_ok_and(|published| published.is_repeated) {
            self.metrics.messages_repeated.inc();
        }
        match (reply, published) {
            (ReplyTo::Member(session), Ok(published)) => {
                let rev = published.rev();
                self.send(session, Event::Stored { client_id, stored: published.stored, rev }, is_first);
            }
            (ReplyTo::Member(session), Err(refusal)) => {
                self.send(session, Event::Refused { client_id: Some(client_id), refusal, reason: None }, true);
            }
            // Where nobody waits for it any more nobody needs it.
            (ReplyTo::Once(answer), published) => drop(answer.send(published)),
        }
    }

    pub(super) fn persisted(&mut self, token: u64, result: AppendResult, ctx: &mut Context<Self>) {
        if matches!(result, AppendResult::Unknown) {
            let Some(in_flight) = self.appends.gives_up(token) else { return };
            let Some(reply) = in_flight.reply.take() else { return };
            in_flight.reply = reply.again();
            let client_id = in_flight.write.client_id();
            return self.reply(reply, client_id, Err(Refusal::StoreUnavailable), true);
        }
        let Some(in_flight) = self.appends.ends(token) else { return };
        if result == AppendResult::GuardChanged {
            return self.recheck(in_flight, ctx);
        }
        let InFlight { reply, given_up, write, principal, received, .. } = in_flight;
        let published = match &result {
            AppendResult::Stored { epoch, change } => {
                let (stored, message) = (StoredMessage::of(&change.message, *epoch), change.message.clone());
                Ok(Published { stored, message: Some(message), is_repeated: false })
            }
            AppendResult::Repeated(stored) => {
                Ok(Published { stored: *stored, message: self.known(stored), is_repeated: true })
            }
            AppendResult::Conflict => Err(Refusal::ClientIdConflict),
            AppendResult::InvalidReply => Err(Refusal::InvalidReply),
            AppendResult::Rejected(why) => Err(Refusal::Change(*why)),
            AppendResult::Refused => Err(Refusal::NotStorable),
            AppendResult::Held { reason, .. } => Err(Refusal::Held { reason: *reason }),
            AppendResult::NotNow(refusal) => Err(*refusal),
            AppendResult::Full | AppendResult::GuardChanged => Err(Refusal::Overloaded),
            AppendResult::Unavailable | AppendResult::Unknown => Err(Refusal::StoreUnavailable),
        };
        self.saw(&principal, &write, &result);
        if let (AppendResult::Stored { change, .. }, Write::Change(asked)) = (&result, &write) {
            self.tell_deed(&principal, asked, change.message.clone(), ctx);
        }
        let says_nothing_new = given_up && matches!(result, AppendResult::Unavailable);
        if let Some(reply) = reply.filter(|_| !says_nothing_new) {
            self.reply(reply, write.client_id(), published, !given_up);
        }
        match result {
            AppendResult::Stored { epoch, change } => self.stored(epoch, change, received, ctx),
            // Stored through another server, perhaps, and not shown here yet.
            AppendResult::Repeated(stored) => self.want(stored.epoch, stored.rev, ctx),
            _ => {}
        }
    }

    fn stored(&mut self, epoch: Epoch, change: Change, received: Instant, ctx: &mut Context<Self>) {
        let committed = Instant::now();
        let waited = committed.saturating_duration_since(received);
        self.metrics.delivery_commit_seconds.observe(waited.as_secs_f64());
        let Some(live) = &mut self.live else {
            // The read under way may have come before this commit.
            self.catch_up.want(change.rev());
            return self.say_change(epoch, change, None);
        };
        if epoch != live.epoch {
            return self.start_over();
        }
        let mut own = self.limits.bus.is_open().then(|| (change.clone(), None));
        match live.offer(change) {
            Arrived::Known => {}
            Arrived::Doubtful => self.doubt(ctx),
            Arrived::Next => {
                // With nobody here it goes into no outbox.
                if !self.members.is_empty() {
                    self.delivery.measure(received, committed);
                }
                let above = live.timeline.rev();
                let applied = live.timeline.take();
                self.show(above, applied, |rev, event| {
                    if let Some((_, shown_as)) = own.as_mut().filter(|(change, _)| change.rev() == rev) {
                        *shown_as = Some(event.clone());
                    }
                });
            }
            // Another server committed in between: read what is missing before this one is shown.
            Arrived::Ahead => self.read(ctx),
        }
        if let Some((change, event)) = own {
            self.say_change(epoch, change, event);
        }
    }

    /// Something says that the room's counter is at least `rev`.
    pub(super) fn want(&mut self, epoch: Epoch, rev: i64, ctx: &mut Context<Self>) {
        let Some(live) = &self.live else {
            // The read under way may have come before this commit.
            self.catch_up.want(rev);
            return;
        };
        if epoch != live.epoch {
            return self.start_over();
        }
        if rev > live.timeline.rev() {
            self.catch_up.want(rev);
            self.read(ctx);
        }
    }

    /// Changes, in order, to the backlog and to every member. All up to `above` were shown before. `each` gets each one's
    /// value of the counter and the event that it is shown as.
    pub(super) fn show(&mut self, above: i64, changes: Vec<Change>, mut each: impl FnMut(i64, &Arc<Event>)) {
        let Some(live) = &mut self.live else { return };
        // Of which messages a state was shown in this turn.
        let mut shown = HashSet::new();
        for change in changes {
            let (rev, message) = (change.rev(), change.message.clone());
            // A read brings what was written and changed since in its last state.
            let was_new = message.seq > above && shown.insert(message.seq);
            let (event, n_bytes) = live.backlog.push(change);
            self.remote.lend_bytes(rev, &event);
            each(rev, &event);
            live.follow(&message, was_new);
            if !self.members.is_empty() {
                self.delivery.fan_out.change(rev, event, n_bytes);
            }
        }
    }
}
