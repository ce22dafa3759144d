//! What holds for whoever writes, whichever door they come through: what is sent becomes what a room takes, or is refused.

use std::net::IpAddr;

use uuid::Uuid;

use super::{
    codec::ErrorReply,
    message_limit::{TooMuch, Written},
    rate_limit::RateLimits,
    refusals::{text_refusal, too_fast},
};
use chat_domain::{AuthorId, ChangeRefusal, Content, Emoji, Mention, RoomId};
use chat_metrics::Metrics;
use chat_rooms::{Amendment, Post, Refusal};
use chat_wire::{DeleteToSend, EditToSend, MentionToSend, MessageToSend, PinToSend, ReactToSend};

/// Somebody who writes in a room.
pub struct Writer<'a> {
    /// Whose name it is written under, by which it is limited.
    pub author: &'a AuthorId,
    /// Where they come from.
    pub address: IpAddr,
    /// The room.
    pub room: &'a RoomId,
    /// How much of it they may.
    pub rates: &'a RateLimits,
    /// Counts what they may not.
    pub metrics: &'a Metrics,
}

/// What a room is to do to one of its messages.
#[derive(Debug, PartialEq, Eq)]
pub struct Change {
    /// Which message.
    pub message: i64,
    /// What.
    pub what: Amendment,
}

impl Writer<'_> {
    /// What MESSAGE asks for; with it why it is refused, where a limit is reached: a retry of what the room has stored
    /// gets its answer all the same.
    ///
    /// # Errors
    /// Where it is nothing that could be stored.
    pub fn message(&self, message: MessageToSend) -> Result<(Post, Result<(), Refusal>), ErrorReply> {
        let MessageToSend { client_id, content, reply_to, mentions } = message;
        let content = Content::parse(&content).map_err(text_refusal)?;
        let reply_to = reply_to.map(|id| id.parse().map_err(|_| Refusal::InvalidReply)).transpose()?;
        let allowed = self.may_write(client_id, Some(&content));
        Ok((Post { client_id, content, reply_to, mentions: mentioned(mentions) }, allowed))
    }

    /// What EDIT asks for.
    ///
    /// # Errors
    /// Where it is nothing that could be done, or a limit is reached.
    pub fn edit(&self, edit: EditToSend) -> Result<Change, ErrorReply> {
        let EditToSend { client_id, id, version, content, mentions } = edit;
        let message = message_of(&id)?;
        let content = Content::parse(&content).map_err(text_refusal)?;
        self.may_write(client_id, Some(&content))?;
        Ok(Change { message, what: Amendment::Edit { version, content, mentions: mentioned(mentions) } })
    }

    /// What DELETE asks for.
    ///
    /// # Errors
    /// As [`Self::edit`].
    pub fn delete(&self, DeleteToSend { client_id, id }: &DeleteToSend) -> Result<Change, ErrorReply> {
        let message = message_of(id)?;
        self.may_write(*client_id, None)?;
        Ok(Change { message, what: Amendment::Delete })
    }

    /// What REACT asks for.
    ///
    /// # Errors
    /// As [`Self::edit`].
    pub fn react(&self, ReactToSend { id, emoji, on, .. }: &ReactToSend) -> Result<Change, ErrorReply> {
        let message = message_of(id)?;
        let emoji = Emoji::parse(emoji).map_err(text_refusal)?;
        let taken = self.rates.reaction(self.author, self.room);
        taken.map_err(|wait| too_fast("too many reactions in too short a time", wait))?;
        Ok(Change { message, what: Amendment::React { emoji, on: *on } })
    }

    /// What PIN asks for.
    ///
    /// # Errors
    /// Where it is nothing that could be done.
    pub fn pin(PinToSend { id, on, .. }: &PinToSend) -> Result<Change, ErrorReply> {
        Ok(Change { message: message_of(id)?, what: Amendment::Pin { on: *on } })
    }

    /// Asks the limits on messages, of which this is one: or an edit, or with no content a deletion.
    fn may_write(&self, client_id: Uuid, content: Option<&Content>) -> Result<(), Refusal> {
        let Self { author, address, room, .. } = *self;
        let allowed = self.rates.message(&Written { author, address, room, content, client_id });
        allowed.map_err(|TooMuch { limit, wait }| {
            self.metrics.messages_limited.inc(limit.as_str());
            too_fast(limit.sentence(), wait)
        })
    }
}

fn message_of(id: &str) -> Result<i64, Refusal> {
    id.parse().map_err(|_| Refusal::Change(ChangeRefusal::NotFound))
}

/// The mentions whose authors can be; the room looks at the rest.
fn mentioned(mentions: Vec<MentionToSend>) -> Vec<Mention> {
    let mention =
        |MentionToSend { author_id, from, to }| AuthorId::parse(&author_id).map(|author| Mention { author, from, to });
    mentions.into_iter().filter_map(mention).collect()
}
