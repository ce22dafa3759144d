use std::{collections::HashMap, sync::Arc};

use actix::{AsyncContext, Context, Recipient, clock::Instant, dev::SendError};
use uuid::Uuid;

use super::{Room, live::Arrived};
use crate::{
    answer::{Published, ReplyTo},
    event::{Event, Refusal},
    messages::{Publish, Recall},
    persistence::{Append, AppendResult, Persisted},
};
use chat_domain::{Author, ChatMessage, Epoch, NewMessage};
use chat_store::StoredMessage;

/// Changes that wait for missing ones before them; beyond it the room takes no more messages.
const AHEAD_MAX: usize = 1_000;

/// The messages that a room has on their way to the store.
pub(super) struct Appends {
    persistence: Recipient<Append>,
    in_flight: HashMap<u64, InFlight>,
    next_token: u64,
}

/// A message on its way to the store.
struct InFlight {
    /// Where an answer goes, if there can still be one.
    reply: Option<ReplyTo<Published>>,
    /// The sender was told that nothing is known of it.
    given_up: bool,
    message: Arc<NewMessage>,
    received: Instant,
}

impl Appends {
    pub(super) fn new(persistence: Recipient<Append>) -> Self {
        Self { persistence, in_flight: HashMap::new(), next_token: 0 }
    }

    /// Whether nothing is on its way.
    pub(super) fn is_empty(&self) -> bool {
        self.in_flight.is_empty()
    }

    /// Sends one on its way, or gives its reply back where persistence has too much to do.
    fn begin(
        &mut self,
        message: NewMessage,
        received: Instant,
        reply: ReplyTo<Published>,
        (room, group): (Recipient<Persisted>, u64),
    ) -> Result<(), ReplyTo<Published>> {
        let (token, message) = (self.next_token, Arc::new(message));
        self.next_token += 1;
        let append = Append { token, message: message.clone(), reply: room, group };
        if let Err(SendError::Full(_) | SendError::Closed(_)) = self.persistence.try_send(append) {
            return Err(reply);
        }
        self.in_flight.insert(token, InFlight { reply: Some(reply), given_up: false, message, received });
        Ok(())
    }
}

impl Room {
    pub(super) fn publish(&mut self, publish: Publish, ctx: &mut Context<Self>) {
        let Publish { principal, profile, client_id, content, received, reply } = publish;
        let id = principal.author_id();
        let author = match (profile, &reply) {
            (Some((nickname, avatar)), _) => Some(Author { id: id.clone(), nickname, avatar }),
            (None, ReplyTo::Member(session)) => {
                let Some(member) = self.members.get(session) else { return };
                self.presence.author(id).filter(|_| member.is_author).cloned()
            }
            (None, ReplyTo::Once(_)) => self.presence.author(id).cloned(),
        };
        let Some(author) = author else {
            return self.reply(reply, client_id, Err(Refusal::NicknameRequired), true);
        };
        // Readers, or reads of the database, that lag far behind hold back who writes.
        let n_ahead = self.live.as_ref().map_or(0, |l| l.timeline.n_ahead());
        if self.delivery.fan_out.is_full() || n_ahead > AHEAD_MAX {
            return self.reply(reply, client_id, Err(Refusal::Overloaded), true);
        }
        let message = NewMessage { room: self.id.clone(), author, content, client_id };
        match self.appends.begin(message, received, reply, (ctx.address().recipient(), self.key.0)) {
            Ok(()) => self.metrics.messages_accepted.inc(),
            Err(reply) => self.reply(reply, client_id, Err(Refusal::Overloaded), true),
        }
    }

    /// Looks among the recent messages only: a retry comes soon, and a flood must not reach the database.
    pub(super) fn recall(&mut self, Recall { principal, client_id, content, refusal, reply }: Recall) {
        let id = principal.author_id();
        let is_it = |m: &&Arc<ChatMessage>| m.client_id == client_id && m.author.id == *id && m.content == content;
        let known = self.live.as_ref().and_then(|live| {
            live.backlog.messages().rev().find(is_it).map(|message| StoredMessage::of(message, live.epoch))
        });
        let published = known.map(|stored| Published { stored, is_repeated: true }).ok_or(refusal);
        self.reply(reply, client_id, published, true);
    }

    /// Says what became of a message. Members that are gone need no answer. `is_first`: nothing was said of it before.
    fn reply(
        &mut self,
        reply: ReplyTo<Published>,
        client_id: Uuid,
        published: Result<Published, Refusal>,
        is_first: bool,
    ) {
        if published.is_ok_and(|published| published.is_repeated) {
            self.metrics.messages_repeated.inc();
        }
        match (reply, published) {
            (ReplyTo::Member(session), Ok(Published { stored, .. })) => {
                self.send(session, Event::Stored { client_id, stored }, is_first);
            }
            (ReplyTo::Member(session), Err(refusal)) => {
                self.send(session, Event::Refused { client_id: Some(client_id), refusal }, true);
            }
            // Where nobody waits for it any more nobody needs it.
            (ReplyTo::Once(answer), published) => drop(answer.send(published)),
        }
    }

    pub(super) fn persisted(&mut self, token: u64, result: AppendResult, ctx: &mut Context<Self>) {
        if matches!(result, AppendResult::Unknown) {
            let Some(in_flight) = self.appends.in_flight.get_mut(&token) else { return };
            in_flight.given_up = true;
            let Some(reply) = in_flight.reply.take() else { return };
            in_flight.reply = reply.again();
            let client_id = in_flight.message.client_id;
            return self.reply(reply, client_id, Err(Refusal::StoreUnavailable), true);
        }
        let Some(in_flight) = self.appends.in_flight.remove(&token) else { return };
        let InFlight { reply, given_up, message, received } = in_flight;
        let published = match &result {
            AppendResult::Stored { epoch, change } => {
                Ok(Published { stored: StoredMessage::of(change, *epoch), is_repeated: false })
            }
            AppendResult::Repeated(stored) => Ok(Published { stored: *stored, is_repeated: true }),
            AppendResult::Conflict => Err(Refusal::ClientIdConflict),
            AppendResult::Refused => Err(Refusal::NotStorable),
            AppendResult::Full => Err(Refusal::Overloaded),
            AppendResult::Unavailable | AppendResult::Unknown => Err(Refusal::StoreUnavailable),
        };
        let says_nothing_new = given_up && matches!(result, AppendResult::Unavailable);
        if let Some(reply) = reply.filter(|_| !says_nothing_new) {
            self.reply(reply, message.client_id, published, !given_up);
        }
        match result {
            AppendResult::Stored { epoch, change } => self.stored(epoch, change, received, ctx),
            // Stored through another server, perhaps, and not shown here yet.
            AppendResult::Repeated(stored) => self.want(stored.epoch, stored.rev, ctx),
            _ => {}
        }
    }

    fn stored(&mut self, epoch: Epoch, change: Arc<ChatMessage>, received: Instant, ctx: &mut Context<Self>) {
        let committed = Instant::now();
        let waited = committed.saturating_duration_since(received);
        self.metrics.delivery_commit_seconds.observe(waited.as_secs_f64());
        let Some(live) = &mut self.live else {
            // The read under way may have come before this commit.
            self.catch_up.want(change.rev);
            return;
        };
        if epoch != live.epoch {
            return self.start_over();
        }
        match live.offer(change) {
            Arrived::Known => {}
            Arrived::Doubtful => self.doubt(ctx),
            Arrived::Next => {
                // With nobody here it goes into no outbox.
                if !self.members.is_empty() {
                    self.delivery.measure(received, committed);
                }
                let applied = live.timeline.take();
                self.show(applied);
            }
            // Another server committed in between: read what is missing before this one is shown.
            Arrived::Ahead => self.read(ctx),
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

    /// Changes, in order, to the backlog and to every member.
    pub(super) fn show(&mut self, changes: Vec<Arc<ChatMessage>>) {
        let Some(live) = &mut self.live else { return };
        for change in changes {
            if change.seq == change.rev {
                live.message_count += 1;
            }
            live.last_message_at = live.last_message_at.max(Some(change.created_at));
            let rev = change.rev;
            let (event, n_bytes) = live.backlog.push(change);
            if !self.members.is_empty() {
                self.delivery.fan_out.change(rev, event, n_bytes);
            }
        }
    }
}
