//! People of this room on other servers: what those say of them, and what they hear of the people here.

use std::sync::Arc;

use actix::clock::Instant;
use bytes::Bytes;

use super::Room;
use crate::{
    bus::{Outgoing, Said},
    people::Summary,
};
use chat_domain::{Author, Change};

impl Room {
    /// Another server says who is there.
    pub(super) fn hear_people(&mut self, server: &Arc<str>, summary: Option<Arc<Summary>>, is_known: bool) {
        self.presence.hear(server, summary, is_known, Instant::now());
    }

    pub(super) fn hear_reachable(&mut self, is_reachable: bool) {
        self.presence.set_reachable(is_reachable, Instant::now());
    }

    /// Somebody is typing on another server. Shown of those only who are known to be here.
    pub(super) fn hear_typing(&mut self, author: &Author) {
        if self.presence.author(&author.id).is_some() {
            self.typing.types(&author.id, self.presence.count(), Instant::now());
        }
    }

    /// Who has sent a message elsewhere is not typing it any more.
    pub(super) fn stop_typing_elsewhere(&mut self, changes: &[(Change, Option<Bytes>)]) {
        let messages = changes.iter().map(|(change, _)| &change.message);
        for message in messages.filter(|message| message.rev == message.seq) {
            if self.presence.sessions(&message.author.id).is_empty() {
                self.typing.stops(&message.author.id);
            }
        }
    }

    /// Says who is here, where that is due.
    pub(super) fn say_people(&mut self, now: Instant) {
        let bus = &self.limits.bus;
        let n_changes = self.presence.n_local_changes();
        if bus.is_open() && self.own_part.is_due(n_changes, bus.carries_all(), now) {
            let version = self.own_part.say(n_changes, self.presence.n_local() > 0, now, now_ms());
            let summary = Arc::new(self.presence.own_part(version));
            bus.say(Outgoing { room: self.id.clone(), said: Said::People(summary) });
        }
    }

    /// When that is due, if nothing changes until then.
    pub(super) fn people_said_at(&self) -> Option<Instant> {
        let bus = &self.limits.bus;
        bus.is_open().then(|| self.own_part.due_at(self.presence.n_local_changes(), bus.carries_all()))?
    }

    /// The room ends: nobody is in it here any more.
    pub(super) fn take_people_back(&mut self) {
        if let Some(version) = self.own_part.take_back(now_ms()) {
            let summary = Arc::new(Summary::empty(version));
            self.limits.bus.say(Outgoing { room: self.id.clone(), said: Said::People(summary) });
        }
    }
}

/// Milliseconds since 1970.
fn now_ms() -> u64 {
    u64::try_from(chrono::Utc::now().timestamp_millis()).unwrap_or_default()
}
