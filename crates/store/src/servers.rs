//! The servers on one database: what each says of itself, and what it knows of the others.

use std::{
    fmt,
    time::{Duration, Instant},
};

use chrono::{DateTime, Utc};
use uuid::Uuid;

/// A server that has not renewed its lease for so long, by the database's clock, is gone.
pub const SERVER_LEASE: Duration = Duration::from_secs(5);

/// What this build understands of what others may write: names, in `servers.features`. A kind of change that is not
/// among the features of every living server is not written yet, so that a server of the release before never meets
/// what it would not show.
const FEATURES: [&str; 7] = ["messages", CHANGES, "moderation", MODERATION, KEEPING, "aliases", ALIASES];

/// The feature of those that show what becomes of messages after they were written: edits, deletions, reactions, pins.
pub const CHANGES: &str = "changes";

/// The feature of those that go by bans and by all that a room allows. Those that have "moderation" alone hold no message
/// back.
pub const MODERATION: &str = "held";

/// The feature of those that let go of what is removed below a room's `first_seq`, and that reach rooms by the names that
/// they were given since.
pub const KEEPING: &str = "keeping";
/// The feature of those that know which identities act as another one, and which do so no more. Those that have "aliases"
/// alone would let a device that was taken back go on.
pub const ALIASES: &str = "devices";

/// The name of a server among those on one database: 1 to 64 of `A-Z a-z 0-9 . _ -`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerId(String);

/// Why a text is no [`ServerId`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it has 1 to 64 of the characters A-Z a-z 0-9 . _ -")]
pub struct ServerIdError;

/// Length of a [`ServerId`], as the column has it.
const ID_CHARS_MAX: usize = 64;
/// How much of a host's name goes into a made one.
const HOST_CHARS_MAX: usize = 48;

fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')
}

impl ServerId {
    /// Reads an id.
    pub fn parse(text: &str) -> Result<Self, ServerIdError> {
        let fits = (1..=ID_CHARS_MAX).contains(&text.len()) && text.chars().all(is_plain);
        if fits { Ok(Self(text.to_owned())) } else { Err(ServerIdError) }
    }

    /// One that no other server has: the host's name as far as it can be written, and a random part.
    pub fn made_for(host: &str) -> Self {
        let host: String = host.chars().take(HOST_CHARS_MAX).map(|c| if is_plain(c) { c } else { '-' }).collect();
        let host = if host.is_empty() { "server" } else { &host };
        let random: String = Uuid::new_v4().simple().to_string().chars().take(8).collect();
        Self(format!("{host}-{random}"))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ServerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What this process says of itself in its lease.
#[derive(Debug, Clone)]
pub struct OwnServer {
    /// Its name.
    pub id: ServerId,
    /// This process: it distinguishes two with one id.
    pub(crate) token: Uuid,
    /// Where the other servers reach it.
    pub url: Option<String>,
}

impl OwnServer {
    /// This process under this name.
    pub fn new(id: ServerId, url: Option<String>) -> Self {
        Self { id, token: Uuid::new_v4(), url }
    }

    /// The features that this build understands, as they stand in the lease.
    pub fn features() -> String {
        FEATURES.join(" ")
    }
}

/// A server whose lease lives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LivingServer {
    /// Its name.
    pub id: String,
    /// Where the other servers reach it, where it says so.
    pub url: Option<String>,
    /// Its release.
    pub version: String,
    /// What it understands of others' changes.
    pub features: Vec<String>,
    /// When it took its lease.
    pub started_at: DateTime<Utc>,
    /// When it last renewed it. Both by the database's clock.
    pub seen_at: DateTime<Utc>,
    /// Its sessions then.
    pub n_sessions: i64,
    /// Its live rooms then.
    pub n_rooms: i64,
}

/// What became of the renewal of a lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Renewal {
    /// It is held; the other servers that live.
    Held(Vec<LivingServer>),
    /// Another process has a lease under this id, and lives.
    Taken(LivingServer),
}

/// What a server knows of the others from the renewals of its own lease. Pure.
#[derive(Debug, Clone, Default)]
pub struct LeaseView {
    others: Vec<LivingServer>,
    /// Since when each renewal followed the one before in time, and when the last one was.
    held: Option<(Instant, Instant)>,
}

impl LeaseView {
    /// The lease was renewed, and these others live.
    pub fn renewed(&mut self, now: Instant, others: Vec<LivingServer>) {
        let since = match self.held {
            Some((since, last)) if now.saturating_duration_since(last) < SERVER_LEASE => since,
            _ => now,
        };
        self.held = Some((since, now));
        self.others = others;
    }

    /// The other servers that lived at the last renewal.
    pub fn others(&self) -> &[LivingServer] {
        &self.others
    }

    /// Whether this server is the first of all by its name: it does what one of them has to do. Not known, and so not yet,
    /// before the others were seen.
    pub fn is_first(&self, own: &ServerId, now: Instant) -> bool {
        let is_settled = self.held.is_some_and(|(since, _)| now.saturating_duration_since(since) >= SERVER_LEASE);
        is_settled && self.is_held(now) && self.others.iter().all(|other| *own.as_str() < *other.id)
    }

    /// Whether the lease was renewed lately enough for the others to take this server for living.
    pub fn is_held(&self, now: Instant) -> bool {
        self.held.is_some_and(|(_, last)| now.saturating_duration_since(last) < SERVER_LEASE)
    }

    /// Whether a change of this kind may be written: every living server understands it. Not known, and so not yet,
    /// before this server's lease was renewed without a gap for as long as a lease lives: after a database that was
    /// away every lease looks dead until its server has renewed it.
    pub fn all_understand(&self, feature: &str, now: Instant) -> bool {
        let is_settled = self.held.is_some_and(|(since, _)| now.saturating_duration_since(since) >= SERVER_LEASE);
        is_settled && self.is_held(now) && FEATURES.contains(&feature) && every_one_understands(&self.others, feature)
    }
}

fn every_one_understands(servers: &[LivingServer], feature: &str) -> bool {
    servers.iter().all(|server| server.features.iter().any(|known| known == feature))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(features: &[&str]) -> LivingServer {
        LivingServer {
            id: "other".into(),
            url: None,
            version: "0.1.0".into(),
            features: features.iter().map(|&f| f.to_owned()).collect(),
            started_at: DateTime::UNIX_EPOCH,
            seen_at: DateTime::UNIX_EPOCH,
            n_sessions: 0,
            n_rooms: 0,
        }
    }

    #[test]
    fn an_id_is_plain_and_a_made_one_is_an_id() {
        for id in ["a", "chat-0", "chat.example_1", &"x".repeat(64)] {
            assert_eq!(ServerId::parse(id).map(|id| id.to_string()).as_deref(), Ok(id));
        }
        for wrong in ["", "a b", "a'b", "가", "a/b", "a\\", &"x".repeat(65)] {
            assert_eq!(ServerId::parse(wrong), Err(ServerIdError), "{wrong}");
        }
        for host in ["", "chat-5d9f", "호스트", &"h".repeat(300), "a b'c"] {
            let (one, other) = (ServerId::made_for(host), ServerId::made_for(host));
            assert_eq!(ServerId::parse(one.as_str()), Ok(one.clone()), "{host}");
            assert_ne!(one, other, "{host}");
        }
    }

    #[test]
    fn a_change_is_written_only_once_every_living_server_understands_it() {
        let start = Instant::now();
        let second = |n: u64| start + Duration::from_secs(n);
        let mut view = LeaseView::default();
        assert!(!view.all_understand("messages", start) && !view.is_held(start), "nothing is known yet");
        for n in 0..=10 {
            view.renewed(second(n), vec![server(&["messages", "pins"]), server(&["messages"])]);
            let do_all = view.all_understand("messages", second(n));
            assert_eq!(do_all, n >= 5, "after {n} s: the others have to be seen first");
        }
        assert!(!view.all_understand("pins", second(10)), "one does not know it, and this one neither");
        view.renewed(second(11), vec![server(&[])]);
        assert!(!view.all_understand("messages", second(11)), "a server that understands nothing came");
        view.renewed(second(12), vec![]);
        assert!(view.all_understand("messages", second(12)), "it is gone");
        assert!(!view.all_understand("messages", second(17)), "the lease was not renewed: others may have come");
    }

    #[test]
    fn of_all_that_live_one_is_the_first_once_they_were_seen() {
        let start = Instant::now();
        let second = |n: u64| start + Duration::from_secs(n);
        let [own, before] = ["b", "a"].map(|id| ServerId::parse(id).expect("an id"));
        let mut view = LeaseView::default();
        assert!(!view.is_first(&own, start), "nothing is known yet");
        for n in 0..=10 {
            view.renewed(second(n), vec![LivingServer { id: "c".into(), ..server(&[]) }]);
            assert_eq!(view.is_first(&own, second(n)), n >= 5, "after {n} s: the others have to be seen first");
        }
        view.renewed(second(11), vec![LivingServer { id: before.to_string(), ..server(&[]) }]);
        assert!(!view.is_first(&own, second(11)) && !view.is_first(&before, second(11)), "another one comes first");
        view.renewed(second(12), vec![]);
        assert!(view.is_first(&own, second(12)));
        assert!(!view.is_first(&own, second(17)), "the lease was not renewed: others may have come");
    }

    #[test]
    fn after_a_gap_the_others_have_to_be_seen_again() {
        let start = Instant::now();
        let second = |n: u64| start + Duration::from_secs(n);
        let mut view = LeaseView::default();
        for n in 0..=6 {
            view.renewed(second(n), vec![]);
        }
        assert!(view.all_understand("messages", second(6)) && view.is_held(second(10)));
        assert!(!view.is_held(second(11)), "the others take this one for gone");
        for n in 11..16 {
            view.renewed(second(n), vec![]);
            assert!(!view.all_understand("messages", second(n)), "after {n} s");
        }
        view.renewed(second(16), vec![]);
        assert!(view.all_understand("messages", second(16)));
    }
}
