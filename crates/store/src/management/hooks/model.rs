use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use crate::management::model::{Audit, Held, Report, User};
use chat_domain::{AuthorId, Epoch, RoomId};

/// So many are told, and so many addresses are written to.
pub const HOOKS_MAX: i64 = 20;

/// The row of the broker among those who are told. To servers that do not know of it, it looks like one that was given up.
pub const BROKER: Uuid = Uuid::nil();

/// One who is to be told what happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewWebhook {
    /// Its id.
    pub id: Uuid,
    /// Where it is told.
    pub url: String,
    /// Of what, as a mask.
    pub events: i32,
    /// Of this room alone.
    pub room: Option<RoomId>,
    /// And of what stands in these lists, from where they end now.
    pub lists: Vec<HookList>,
    /// Who makes it.
    pub by: AuthorId,
}

/// What one who is told is to be told from now on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookChange {
    /// Who.
    pub id: Uuid,
    /// Where it is told.
    pub url: Option<String>,
    /// Of what, as a mask, and the lists in which that stands.
    pub events: Option<(i32, Vec<HookList>)>,
    /// The events for which rooms are followed, as a mask.
    pub of_rooms: i32,
    /// Who says so.
    pub by: AuthorId,
}

/// One who is told what happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// Its id.
    pub id: Uuid,
    /// Where it is told.
    pub url: String,
    /// Of what, as a mask.
    pub events: i32,
    /// Of this room alone.
    pub room: Option<RoomId>,
    /// Who made it.
    pub by: AuthorId,
    /// Since when.
    pub created_at: DateTime<Utc>,
    /// How often in a row it failed.
    pub tries: i32,
    /// Whether nothing is sent to it just now, because it failed.
    pub waits: bool,
    /// Since when it fails.
    pub failing_since: Option<DateTime<Utc>>,
    /// When it was given up.
    pub off_at: Option<DateTime<Utc>>,
}

/// What of a room one is to be told next, and for how long nobody else tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HookClaim {
    /// Who.
    pub hook: Uuid,
    /// Of which room.
    pub room: RoomId,
    /// In which life of it.
    pub epoch: Epoch,
    /// What is above this value of its counter.
    pub rev: i64,
    /// Until when; as the database has it, it names the claim.
    pub until: DateTime<Utc>,
}

/// What is told beside the rooms' messages stands in lists that only grow at their end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HookList {
    /// What those with rights did, and the guard.
    Deeds,
    /// What was reported.
    Reports,
    /// What waits for a moderator.
    Held,
}

impl HookList {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Deeds, Self::Reports, Self::Held];

    /// As `webhook_positions` has it.
    pub const fn number(self) -> i16 {
        match self {
            Self::Deeds => 1,
            Self::Reports => 2,
            Self::Held => 3,
        }
    }

    /// The same, read; none where a later release has more.
    pub fn from_number(number: i16) -> Option<Self> {
        Self::ALL.into_iter().find(|list| list.number() == number)
    }
}

/// From where one is to be told of a list, and for how long nobody else tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListClaim {
    /// Who.
    pub hook: Uuid,
    /// Of which list.
    pub list: HookList,
    /// What is behind this id.
    pub position: i64,
    /// Until when; as the database has it, it names the claim.
    pub until: DateTime<Utc>,
}

/// A row of a list.
#[derive(Debug, Clone, PartialEq)]
pub struct ListEntry {
    /// Its id.
    pub id: i64,
    /// What it says as it is now; none where that is nothing that can be told.
    pub item: Option<ListItem>,
}

/// What a row of a list says.
#[derive(Debug, Clone, PartialEq)]
pub enum ListItem {
    /// Somebody with a right, or the guard, did something.
    Deed(Audit),
    /// Somebody reported a message.
    Report(Report),
    /// A message waits for a moderator.
    Held(Held),
}

/// So long an id that is missing may still come: another transaction has taken it and is not through. None takes longer: the
/// database ends one that does nothing after 30 s (`postgres/session.rs`), and each statement sooner.
const LATE_MAX: TimeDelta = TimeDelta::seconds(60);

/// How many of these rows, each an id and since when it is there, can be told behind this id, so that none that comes later
/// belongs before them.
pub(crate) fn n_final(after: i64, rows: impl IntoIterator<Item = (i64, DateTime<Utc>)>, now: DateTime<Utc>) -> usize {
    let mut last = after;
    let is_final = |(id, at): &(i64, DateTime<Utc>)| {
        let is_next = *id == last.saturating_add(1);
        last = *id;
        is_next || now.signed_duration_since(*at) > LATE_MAX
    };
    rows.into_iter().take_while(is_final).count()
}

/// A try, before it is noted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewDelivery {
    /// Whom it was to reach.
    pub hook: Uuid,
    /// Its `webhook-id`.
    pub webhook_id: String,
    /// What had happened.
    pub event: &'static str,
    /// Where.
    pub room: Option<RoomId>,
    /// To which message.
    pub message: Option<i64>,
    /// By which value of the room's counter.
    pub rev: Option<i64>,
    /// Which row of which list it was of, where it was of none of a room's messages.
    pub entry: Option<(HookList, i64)>,
    /// What was answered.
    pub status: Option<u16>,
    /// Why nothing was.
    pub error: Option<String>,
    /// How long it took.
    pub millis: u32,
}

/// A try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Its number.
    pub id: i64,
    /// Its `webhook-id`.
    pub webhook_id: String,
    /// What had happened.
    pub event: String,
    /// Where.
    pub room: Option<RoomId>,
    /// To which message.
    pub message: Option<i64>,
    /// By which value of the room's counter.
    pub rev: Option<i64>,
    /// Which row of which list it was of.
    pub entry: Option<(HookList, i64)>,
    /// What was answered.
    pub status: Option<i16>,
    /// Why nothing was.
    pub error: Option<String>,
    /// How long it took.
    pub millis: i32,
    /// When.
    pub at: DateTime<Utc>,
}

/// What becomes of one that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WebhookFailed {
    /// It is tried again.
    Waits,
    /// It was given up, just now.
    Off,
}

/// An address that another system is to write to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewInbound {
    /// Its id.
    pub id: Uuid,
    /// A keyed hash of the secret in it.
    pub hash: String,
    /// Where what is written there appears.
    pub room: RoomId,
    /// As which bot.
    pub bot: chat_domain::UserId,
}

/// An address that another system writes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboundHook {
    /// Its id.
    pub id: Uuid,
    /// Where what is written there appears.
    pub room: RoomId,
    /// As whom.
    pub user: User,
    /// Since when.
    pub created_at: DateTime<Utc>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_still_come_is_waited_for() {
        let now = DateTime::<Utc>::UNIX_EPOCH + TimeDelta::days(1);
        let rows =
            |ids: &[(i64, i64)]| ids.iter().map(|(id, age)| (*id, now - TimeDelta::seconds(*age))).collect::<Vec<_>>();
        for (after, ids, expected) in [
            (0, &[][..], 0),
            (0, &[(1, 0), (2, 0)], 2),
            (4, &[(5, 0), (7, 0), (8, 0)], 1),
            (4, &[(6, 60)], 0),
            (4, &[(6, 61), (7, 0)], 2),
            (4, &[(6, 90), (8, 5)], 1),
        ] {
            assert_eq!(n_final(after, rows(ids), now), expected, "{after} {ids:?}");
        }
    }

    #[test]
    fn lists_are_known_by_their_numbers() {
        for list in HookList::ALL {
            assert_eq!(HookList::from_number(list.number()), Some(list));
        }
        assert_eq!(HookList::from_number(0), None);
    }
}
