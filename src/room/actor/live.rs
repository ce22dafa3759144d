use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, Utc};

use crate::{
    domain::Epoch,
    room::{
        backlog::{Backlog, NotHere},
        messages::Join,
        timeline::Timeline,
    },
    store::{Head, Page},
};

/// What a loaded room knows.
pub(super) struct Live {
    pub(super) epoch: Epoch,
    pub(super) timeline: Timeline,
    pub(super) backlog: Backlog,
    pub(super) message_count: i64,
    pub(super) last_message_at: Option<DateTime<Utc>>,
}

/// How a join can be answered.
pub(super) enum Answer {
    /// With these encoded messages.
    Welcome { resumed: bool, has_more: bool, messages: Bytes },
    /// Once the changes above the room's counter were read.
    AfterCatchUp,
    /// Once older changes were read.
    AfterOlder,
}

impl Live {
    pub(super) fn new(head: Head, page: Page) -> Self {
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
    pub(super) fn resume_rev(&self, join: &Join) -> Option<i64> {
        let resume = join.resume.as_ref().filter(|r| Epoch::parse(&r.epoch) == Some(self.epoch))?;
        Some(i64::try_from(resume.rev).unwrap_or(i64::MAX))
    }

    /// Whether the client has seen more than this room has.
    pub(super) fn is_behind(&self, join: &Join) -> bool {
        self.resume_rev(join).is_some_and(|rev| rev > self.timeline.rev())
    }

    pub(super) fn answer(&mut self, join: &Join) -> Answer {
        let replay = match self.resume_rev(join) {
            Some(rev) if rev > self.timeline.rev() => return Answer::AfterCatchUp,
            Some(rev) => self.backlog.after(rev),
            None => Err(NotHere::TooMuch),
        };
        match replay {
            Ok(messages) => Answer::Welcome { resumed: true, has_more: false, messages },
            Err(NotHere::Older) => Answer::AfterOlder,
            // Less than a page is held, and more than that is there.
            Err(NotHere::TooMuch) if self.backlog.is_short() => Answer::AfterOlder,
            Err(NotHere::TooMuch) => {
                let (messages, has_more) = self.backlog.latest_page();
                Answer::Welcome { resumed: false, has_more, messages }
            }
        }
    }
}
