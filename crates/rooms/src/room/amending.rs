use std::sync::Arc;

use actix::Context;

use super::Room;
use crate::{
    bus::{Outgoing, Said},
    event::{Event, Refusal, TypingNow},
    messages::{Amend, Amendment},
    persistence::Write,
    typing::TYPING_NAMED_MAX,
};
use chat_domain::{Action, NewChange, Rights};

impl Room {
    pub(super) fn amend(&mut self, amend: Amend, ctx: &mut Context<Self>) {
        let Amend { principal, client_id, message, what, received, reply } = amend;
        let author = principal.author_id().clone();
        // An old server beside this one would not show it.
        if !self.limits.understood.by_all() {
            return self.reply(reply, client_id, Err(Refusal::Overloaded), true);
        }
        let action = match what {
            Amendment::Edit { version, content, mentions } => {
                let mentions = self.mentions(&content, mentions);
                Action::Edit { version, content, mentions, window: self.limits.edit_window }
            }
            Amendment::Delete => Action::Delete { as_moderator: self.has(&principal, Rights::DELETE_ANY) },
            Amendment::React { emoji, on } => Action::React { emoji, on },
            Amendment::Pin { on } => Action::Pin { on },
        };
        let (room, guard_rev) = (self.id.clone(), self.guard_rev());
        let also = self.limits.access.claims(&principal);
        let change = NewChange { room, message, author, also, client_id, guard_rev, action };
        if let Err(refusal) = self.may_change(&principal, &change) {
            return self.reply_to(&principal, reply, client_id, Err(refusal), true);
        }
        self.begin(principal, Write::Change(Arc::new(change)), received, reply, ctx);
    }

    pub(super) fn types(&mut self, session: crate::ids::SessionId) {
        let Some(member) = self.members.get(&session).filter(|member| member.is_author) else { return };
        let (now, author_id) = (actix::clock::Instant::now(), &member.author_id);
        self.typing.types(author_id, self.presence.count(), now);
        if self.limits.bus.carries_all()
            && let Some(author) = self.presence.author(author_id)
            && self.typing.may_say(author_id, now)
        {
            self.limits.bus.say(Outgoing { room: self.id.clone(), said: Said::Typing(author.clone()) });
        }
    }

    /// Tells members who is typing, where that is due.
    pub(super) fn tell_typing(&mut self, now: actix::clock::Instant) {
        let Some(who) = self.typing.due(now) else { return };
        let named = who.iter().filter_map(|id| self.presence.author(id)).take(TYPING_NAMED_MAX).cloned();
        let authors: Vec<_> = named.collect();
        let typing = TypingNow { more: who.len().saturating_sub(TYPING_NAMED_MAX), authors };
        let n_bytes = typing.n_bytes_as_json();
        self.delivery.fan_out.broadcast(Arc::new(Event::Typing(typing)), n_bytes);
    }
}
