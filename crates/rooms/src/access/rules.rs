use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

use super::{Access, Ready};
use crate::{event::Refusal, persistence::Review};
use chat_domain::{AuthorId, Content, Principal, Rights, RoomId};
use chat_moderation::{HoldNew, Repeats, SlowMode, folded, n_links};
use chat_store::RoomSettings;

/// What somebody wants to do in a room, as far as it matters for whether they may.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Doing<'a> {
    /// A new message.
    Message(&'a Content),
    /// Another text of their own.
    Edit(&'a Content),
    /// A reaction.
    React,
    /// A deletion of their own message. Nobody is kept from it: what was wrong can always be taken back.
    DeleteOwn,
    /// Something to somebody else's message, with this right.
    With(Rights),
}

/// What a room allows, as its settings and those of all rooms say, and what of it was used up. Pure but for the clock that
/// it is given. In most rooms there are no settings, and then it takes a few words of memory.
#[derive(Debug, Default)]
pub(crate) struct Rules {
    /// What these were made of.
    of: Option<(i64, Arc<RoomSettings>)>,
    set: Option<Box<Set>>,
}

#[derive(Debug)]
struct Set {
    ready: Arc<Ready>,
    slow: SlowMode,
    repeats: Repeats,
}

impl Rules {
    /// Takes in the room's settings, and those of all rooms; whether what visitors are told of them is other than it was.
    pub fn update(&mut self, own: &RoomSettings, access: &Access) -> bool {
        let defaults = &access.defaults();
        let is_same = |(rev, of): &(i64, Arc<RoomSettings>)| *rev == own.rev && Arc::ptr_eq(of, defaults);
        if self.of.as_ref().is_some_and(is_same) {
            return false;
        }
        let is_first = self.of.replace((own.rev, defaults.clone())).is_none();
        let Some(ready) = access.ready(own, defaults) else {
            let had = self.set.take().is_some();
            return had && !is_first;
        };
        // What was used up stays so.
        if let Some(set) = &mut self.set {
            set.ready = ready;
        } else {
            self.set = Some(Box::new(Set { ready, slow: SlowMode::default(), repeats: Repeats::default() }));
        }
        !is_first
    }

    /// The settings as visitors get them: what all rooms have and this one, less what nobody may see.
    pub fn public(&self) -> Map<String, Value> {
        self.set.as_ref().map(|set| set.ready.rules.public()).unwrap_or_default()
    }

    /// The state of the two, which goes up with each change of either.
    pub fn rev(&self) -> i64 {
        self.of.as_ref().map_or(0, |(rev, defaults)| rev.saturating_add(defaults.rev))
    }

    /// Whether somebody may do something now.
    ///
    /// # Errors
    /// Why not.
    pub fn check(
        &self,
        access: &Access,
        (principal, room): (&Principal, &RoomId),
        doing: Doing<'_>,
        last_message_at: Option<DateTime<Utc>>,
    ) -> Result<(), Refusal> {
        let (rights, now) = (access.rights(principal), Utc::now());
        match doing {
            // Banned or not. Of a session that was open when its identity became an account's, nothing is its own.
            Doing::DeleteOwn if access.is_claimed(principal) => return Err(Refusal::Claimed),
            Doing::DeleteOwn => return Ok(()),
            Doing::With(right) if !rights.has(right) => return Err(Refusal::Forbidden),
            _ => {}
        }
        access.admit(principal, room, now)?;
        let Some(set) = self.set.as_ref().filter(|_| !rights.has(Rights::EXEMPT)) else { return Ok(()) };
        if set.ready.rules.locked || set.is_read_only(last_message_at, now) {
            return Err(Refusal::Locked);
        }
        match doing {
            Doing::Message(content) | Doing::Edit(content) => {
                set.ready.texts.check(content.as_str()).map_err(|_| Refusal::Blocked)
            }
            _ => Ok(()),
        }
    }

    /// What is to be found out about a text before it is stored, where there is something. The room adds what it knows
    /// of the sender.
    pub fn review(&self, content: &Content, looks_for_held: bool) -> Option<Review> {
        let rules = match &self.set {
            Some(set) => set.ready.rules.clone(),
            None if looks_for_held => Arc::default(),
            None => return None,
        };
        let n_links = if rules.hold_new == HoldNew::Links { n_links(content.as_str()) } else { 0 };
        let is_due = Review::is_due(&rules, n_links, looks_for_held);
        is_due.then_some(Review { rules, n_links, looks_for_held, seen_for: Duration::ZERO, otherwise: None })
    }

    /// Whether it matters how often somebody writes, or whether others have said the same.
    pub fn counts(&self) -> bool {
        self.set.as_ref().is_some_and(|set| set.ready.rules.slow_seconds > 0 || set.ready.rules.unique_seconds > 0)
    }

    /// Whether somebody may send one more message now; it counts where they may. Asked last, and not for a retry.
    ///
    /// # Errors
    /// Why not.
    pub fn take(&mut self, author: &AuthorId, content: &Content, is_exempt: bool, now: Instant) -> Result<(), Refusal> {
        let Some(set) = self.set.as_mut().filter(|_| !is_exempt) else { return Ok(()) };
        let ms = |wait: Duration| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).saturating_add(1);
        let unique = Duration::from_secs(set.ready.rules.unique_seconds.into());
        if !unique.is_zero() {
            let repeated = set.repeats.take(&folded(content.as_str()), now, unique);
            repeated.map_err(|wait| Refusal::Repeated { retry_after_ms: ms(wait) })?;
        }
        let slow = Duration::from_secs(set.ready.rules.slow_seconds.into());
        if !slow.is_zero() {
            let taken = set.slow.take(author, now, slow);
            taken.map_err(|wait| Refusal::SlowMode { retry_after_ms: ms(wait) })?;
        }
        Ok(())
    }
}

impl Set {
    /// Whether so long nobody has written that nobody is to any more.
    fn is_read_only(&self, last_message_at: Option<DateTime<Utc>>, now: DateTime<Utc>) -> bool {
        let days = i64::from(self.ready.rules.read_only_after_days);
        days > 0 && last_message_at.is_some_and(|at| now.signed_duration_since(at).num_days() >= days)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use chat_domain::{Role, UserId};

    fn settings(rev: i64, settings: Value) -> RoomSettings {
        RoomSettings { title: None, settings: settings.as_object().cloned().expect("an object"), rev }
    }

    fn content(text: &str) -> Content {
        Content::parse(text).expect("a content")
    }

    #[test]
    fn a_room_without_settings_allows_all() {
        let (mut rules, access) = (Rules::default(), Access::default());
        let (guest, room) = (Principal::anonymous(AuthorId::from_stored("a")), RoomId::parse("post").expect("an id"));
        assert!(!rules.update(&RoomSettings::default(), &access));
        let text = content("hello http://example.com");
        assert_eq!(rules.check(&access, (&guest, &room), Doing::Message(&text), None), Ok(()));
        assert_eq!(rules.take(guest.author_id(), &text, false, Instant::now()), Ok(()));
        assert!(rules.public().is_empty() && rules.set.is_none());
        let forbidden = rules.check(&access, (&guest, &room), Doing::With(Rights::PIN), None);
        assert_eq!(forbidden, Err(Refusal::Forbidden));
    }

    #[test]
    fn settings_hold_for_visitors_and_not_for_who_keeps_order() {
        let (mut rules, access) = (Rules::default(), Access::default());
        let (user, room) = (UserId::new(), RoomId::parse("post").expect("an id"));
        access.take(chat_store::Control { rev: 1, roles: vec![(user, Role::Moderator)], ..Default::default() });
        let guest = Principal::anonymous(AuthorId::from_stored("a"));
        let moderator = Principal::user(user, AuthorId::from_stored("m"));
        let own = settings(1, json!({"locked": true, "blockedWords": ["viagra"]}));
        rules.update(&own, &access);
        assert_eq!((rules.public(), rules.rev()), (settings(0, json!({"locked": true})).settings, 1));
        let text = content("hello");
        let of = |rules: &Rules, who, doing| rules.check(&access, (who, &room), doing, None);
        for doing in [Doing::Message(&text), Doing::Edit(&text), Doing::React] {
            assert_eq!(of(&rules, &guest, doing), Err(Refusal::Locked), "{doing:?}");
            assert_eq!(of(&rules, &moderator, doing), Ok(()), "{doing:?}");
        }
        assert_eq!(of(&rules, &guest, Doing::DeleteOwn), Ok(()));
        assert!(rules.update(&settings(2, json!({"blockedWords": ["viagra"]})), &access));
        let spam = content("buy V1AGRA now");
        assert_eq!(of(&rules, &guest, Doing::Message(&spam)), Err(Refusal::Blocked));
        assert_eq!(of(&rules, &guest, Doing::Message(&text)), Ok(()));
        assert!(rules.update(&settings(3, json!({})), &access), "they are told that there are none any more");
        assert_eq!(of(&rules, &guest, Doing::Message(&spam)), Ok(()));
    }

    #[test]
    fn slow_mode_counts_messages_and_a_room_falls_asleep() {
        let (mut rules, access) = (Rules::default(), Access::default());
        let (guest, room) = (Principal::anonymous(AuthorId::from_stored("a")), RoomId::parse("post").expect("an id"));
        rules.update(&settings(1, json!({"slowSeconds": 10, "readOnlyAfterDays": 30})), &access);
        let (text, now) = (content("hello"), Instant::now());
        let mut take = |after| rules.take(guest.author_id(), &text, false, now + Duration::from_secs(after));
        assert_eq!((take(0), take(4)), (Ok(()), Err(Refusal::SlowMode { retry_after_ms: 6_001 })));
        assert_eq!(take(10), Ok(()));
        let of = |days| Some(Utc::now() - chrono::TimeDelta::days(days));
        let check = |at| rules.check(&access, (&guest, &room), Doing::Message(&text), at);
        assert_eq!((check(of(29)), check(of(31)), check(None)), (Ok(()), Err(Refusal::Locked), Ok(())));
    }
}
