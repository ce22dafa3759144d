use std::sync::Arc;

use actix::{AsyncContext, Context, clock::Instant, dev::SendError};

use super::{Room, live::Arrived};
use crate::{
    event::Refusal,
    messages::{Publish, Recall, SessionId},
    persistence::{Append, AppendResult},
};
use chat_domain::{ChatMessage, Epoch, NewMessage};
use chat_store::StoredMessage;

/// Changes that wait for missing ones before them; beyond it the room takes no more messages.
const AHEAD_MAX: usize = 1_000;

/// A message on its way to the store.
pub(super) struct InFlight {
    pub(super) session: SessionId,
    /// The sender was told that nothing is known of it.
    pub(super) given_up: bool,
    pub(super) message: Arc<NewMessage>,
    pub(super) received: Instant,
}

impl Room {
    pub(super) fn publish(&mut self, publish: Publish, ctx: &mut Context<Self>) {
        let Publish { session, client_id, content, received } = publish;
        let Some(member) = self.members.get(&session) else { return };
        let author = self.presence.author(&member.author_id).filter(|_| member.is_author).cloned();
        let Some(author) = author else {
            return self.tell_error(session, Refusal::NicknameRequired, Some(client_id));
        };
        // Readers, or reads of the database, that lag far behind hold back who writes.
        let n_ahead = self.live.as_ref().map_or(0, |l| l.timeline.n_ahead());
        if self.delivery.fan_out.is_full() || n_ahead > AHEAD_MAX {
            return self.tell_error(session, Refusal::Overloaded, Some(client_id));
        }
        let message = Arc::new(NewMessage { room: self.id.clone(), author, content, client_id });
        let token = self.next_token;
        self.next_token += 1;
        self.in_flight.insert(token, InFlight { session, given_up: false, message: message.clone(), received });
        let append = Append { token, message, reply: ctx.address().recipient(), group: self.key.0 };
        if let Err(SendError::Full(_) | SendError::Closed(_)) = self.persistence.try_send(append) {
            self.in_flight.remove(&token);
            return self.tell_error(session, Refusal::Overloaded, Some(client_id));
        }
        self.metrics.messages_accepted.inc();
    }

    /// Looks among the recent messages only: a retry comes soon, and a flood must not reach the database.
    pub(super) fn recall(&mut self, Recall { session, client_id, content, refusal }: Recall) {
        let Some(member) = self.members.get(&session) else { return };
        let is_it =
            |m: &&Arc<ChatMessage>| m.client_id == client_id && m.author.id == member.author_id && m.content == content;
        let known = self.live.as_ref().and_then(|live| {
            live.backlog.messages().rev().find(is_it).map(|message| StoredMessage::of(message, live.epoch))
        });
        match known {
            Some(stored) => {
                self.metrics.messages_repeated.inc();
                self.tell_ack(session, client_id, &stored, true);
            }
            None => self.tell_error(session, refusal, Some(client_id)),
        }
    }

    pub(super) fn persisted(&mut self, token: u64, result: AppendResult, ctx: &mut Context<Self>) {
        if matches!(result, AppendResult::Unknown) {
            if let Some(in_flight) = self.in_flight.get_mut(&token) {
                in_flight.given_up = true;
                let (session, client_id) = (in_flight.session, in_flight.message.client_id);
                self.tell_error(session, Refusal::StoreUnavailable, Some(client_id));
            }
            return;
        }
        let Some(InFlight { session, given_up, message, received }) = self.in_flight.remove(&token) else { return };
        let client_id = Some(message.client_id);
        match result {
            AppendResult::Stored { epoch, change } => {
                self.tell_ack(session, message.client_id, &StoredMessage::of(&change, epoch), !given_up);
                self.stored(epoch, change, received, ctx);
            }
            AppendResult::Repeated(stored) => {
                self.metrics.messages_repeated.inc();
                self.tell_ack(session, message.client_id, &stored, !given_up);
                // Stored through another server, perhaps, and not shown here yet.
                self.want(stored.epoch, stored.rev, ctx);
            }
            AppendResult::Conflict => self.tell_error(session, Refusal::ClientIdConflict, client_id),
            AppendResult::Refused => self.tell_error(session, Refusal::NotStorable, client_id),
            AppendResult::Full => self.tell_error(session, Refusal::Overloaded, client_id),
            AppendResult::Unavailable if given_up => {}
            AppendResult::Unavailable => self.tell_error(session, Refusal::StoreUnavailable, client_id),
            // Told before.
            AppendResult::Unknown => {}
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
                #[cfg(debug_assertions)]
                if let Some(held) = self.swapped.take() {
                    self.delivery.fan_out.change(rev, event, n_bytes);
                    self.delivery.fan_out.change(rev - 1, held, n_bytes);
                    continue;
                } else if self.limits.swaps_order && !self.in_flight.is_empty() {
                    // Another one is on its way: this one comes behind it.
                    self.swapped = Some(event);
                    continue;
                }
                self.delivery.fan_out.change(rev, event, n_bytes);
            }
        }
    }
}
