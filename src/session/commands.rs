//! What a session's client asks of its room.

use std::time::Duration;

use actix::clock::Instant;
use uuid::Uuid;

use super::{
    actor::{Session, Subscription},
    message_limit::{TooMuch, Written},
    phase::Phase,
    refusals::{TOO_MANY_PROFILES, parse_profile, refusal, text_refusal, too_fast},
};
use chat_domain::{AuthorId, ChangeRefusal, Content, Emoji, Mention, ParseError, Principal};
use chat_rooms::{Amendment, Ended, Post, Refusal};
use chat_wire::{
    CloseCode, DeleteToSend, EditToSend, ErrorCode, MentionToSend, MessageToSend, PinToSend, ProfileChange, ReactToSend,
};

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
        let MessageToSend { client_id, content, reply_to, mentions } = message;
        let Some(Subscription { membership, .. }) = self.joined(client_id) else { return };
        let content = match Content::parse(&content) {
            Ok(content) => content,
            Err(error) => return self.error(text_refusal(error), Some(client_id)),
        };
        let reply_to = match reply_to.map(|id| id.parse().ok()) {
            None => None,
            Some(Some(id)) => Some(id),
            Some(None) => return self.error(Refusal::InvalidReply, Some(client_id)),
        };
        if self.slot.phase() == Phase::Leaving {
            return;
        }
        let allowed = self.may_write(client_id, Some(&content));
        let post = Post { client_id, content, reply_to, mentions: mentioned(mentions) };
        let sent = match allowed {
            Ok(()) => membership.publish(post, Instant::now()),
            // A retry of what the room has stored gets its ACK all the same.
            Err(refusal) => membership.recall(post, refusal),
        };
        self.asked(sent, client_id);
    }

    pub(super) fn edit(&mut self, edit: EditToSend) {
        let EditToSend { client_id, id, version, content, mentions } = edit;
        self.amend(client_id, &id, |session| {
            let content = Content::parse(&content).map_err(|error| session.error(text_refusal(error), Some(client_id)));
            let content = content.ok()?;
            let allowed = session.may_write(client_id, Some(&content));
            allowed.map_err(|refusal| session.error(refusal, Some(client_id))).ok()?;
            Some(Amendment::Edit { version, content, mentions: mentioned(mentions) })
        });
    }

    pub(super) fn delete(&mut self, DeleteToSend { client_id, id }: &DeleteToSend) {
        self.amend(*client_id, id, |session| {
            let allowed = session.may_write(*client_id, None);
            allowed.map_err(|refusal| session.error(refusal, Some(*client_id))).ok()?;
            Some(Amendment::Delete)
        });
    }

    pub(super) fn react(&mut self, ReactToSend { client_id, id, emoji, on }: &ReactToSend) {
        self.amend(*client_id, id, |session| {
            let emoji = Emoji::parse(emoji).map_err(|error| session.error(text_refusal(error), Some(*client_id)));
            let emoji = emoji.ok()?;
            let author = session.subscription()?.permit.key();
            if let Err(wait) = session.setup.rates.reaction(author, &session.room) {
                session.error(too_fast("too many reactions in too short a time", wait), Some(*client_id));
                return None;
            }
            Some(Amendment::React { emoji, on: *on })
        });
    }

    pub(super) fn pin(&mut self, PinToSend { client_id, id, on }: &PinToSend) {
        self.amend(*client_id, id, |_| Some(Amendment::Pin { on: *on }));
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

    /// Asks for something to be done to a message, unless `what` has refused it.
    fn amend(&mut self, client_id: Uuid, id: &str, what: impl FnOnce(&Self) -> Option<Amendment>) {
        if self.joined(client_id).is_none() {
            return;
        }
        let Ok(id) = id.parse() else {
            return self.error(Refusal::Change(ChangeRefusal::NotFound), Some(client_id));
        };
        let Some(what) = what(self) else { return };
        if self.slot.phase() == Phase::Leaving {
            return;
        }
        let Some(Subscription { membership, .. }) = self.subscription() else { return };
        let sent = membership.amend(client_id, id, what, Instant::now());
        self.asked(sent, client_id);
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

    /// Asks the limits on messages, of which this is one: or an edit, or with no content a deletion.
    fn may_write(&self, client_id: Uuid, content: Option<&Content>) -> Result<(), Refusal> {
        let Some(Subscription { permit, .. }) = self.subscription() else { return Err(Refusal::Overloaded) };
        let (author, address, room) = (permit.key(), self.address, &self.room);
        let allowed = self.setup.rates.message(&Written { author, address, room, content, client_id });
        allowed.map_err(|TooMuch { limit, wait }| {
            self.setup.metrics.messages_limited.inc(limit.as_str());
            too_fast(limit.sentence(), wait)
        })
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

/// The mentions whose authors can be; the room looks at the rest.
fn mentioned(mentions: Vec<MentionToSend>) -> Vec<Mention> {
    let mention =
        |MentionToSend { author_id, from, to }| AuthorId::parse(&author_id).map(|author| Mention { author, from, to });
    mentions.into_iter().filter_map(mention).collect()
}
