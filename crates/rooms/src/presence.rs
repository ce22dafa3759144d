use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};

use actix::clock::Instant;

use crate::{
    event::{People, PeopleLists},
    ids::SessionId,
};
use chat_domain::{Author, AuthorId};

/// Above this many people PRESENCE has no lists (docs/PROTOCOL.md).
pub const PEOPLE_LISTED_MAX: usize = 50;
/// A coming or going is told only after this long, so that a reload is no notice.
const NOTICE_AFTER: Duration = Duration::from_secs(5);
/// Comings and goings of a room that are told by name: so many at once.
const NOTICE_BURST: u32 = 10;
/// After that, one in so long. Beyond, only the number and the list of who is here say it.
const NOTICE_EVERY: Duration = Duration::from_secs(6);
/// Shortest time between two PRESENCEs.
const INTERVAL_SMALL: Duration = Duration::from_secs(1);
/// The same where there are no lists: only the number changes, and it goes to many.
const INTERVAL_LARGE: Duration = Duration::from_secs(3);
/// So long a PRESENCE without lists waits for a message to go with: alone it costs as much as a message, which would
/// then come behind it.
const COMPANY_WAIT: Duration = Duration::from_secs(1);

/// Who is in a room: sessions folded into identities, comings and goings into notices. Pure; the caller
/// passes the time.
#[derive(Debug, Default)]
pub struct Presence {
    people: HashMap<AuthorId, Person>,
    /// Comings and goings that were not told yet.
    notices: HashMap<AuthorId, Notice>,
    /// When each is to be told, in order. One whose notice has another time by now is stale.
    queue: VecDeque<(Instant, AuthorId)>,
    joined: Vec<Author>,
    left: Vec<Author>,
    /// Since when there is something to tell but comings and goings.
    changed_at: Option<Instant>,
    told_at: Option<Instant>,
    /// When the budget of notices is whole again.
    notices_whole_at: Option<Instant>,
    /// How often anything changed about who is here.
    n_changes: u64,
    /// Everybody with a nickname, in order, as of then.
    listed: Option<Listed>,
}

/// Above this many people a list of them may be [`LISTED_AGE_MAX`] old.
const LISTED_FRESH_MAX: usize = 500;
/// How old it may be: of a room that thousands come to and go from it is made once in this time, however often it is
/// asked for.
const LISTED_AGE_MAX: Duration = Duration::from_secs(1);

#[derive(Debug)]
struct Listed {
    at: Instant,
    n_changes: u64,
    authors: Vec<Author>,
}

/// Some of those who are here with a nickname.
#[derive(Debug, Default)]
pub struct MembersPage {
    /// How many there are.
    pub n_authors: usize,
    /// By nickname, then id.
    pub members: Vec<Author>,
    /// There are others behind these.
    pub has_more: bool,
}

#[derive(Debug)]
struct Notice {
    due: Instant,
    /// Who went, as they were; `None` for somebody who came.
    went: Option<Author>,
    /// What the others heard of the coming of somebody who went.
    coming: Coming,
}

#[derive(Debug, Default)]
struct Person {
    sessions: Vec<SessionId>,
    /// The latest profile of any tab; none while all are readers.
    author: Option<Author>,
    coming: Coming,
}

/// What the others heard of somebody's coming.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Coming {
    /// Nothing, or not yet: they found the name in a list.
    #[default]
    Unannounced,
    /// It was told, so the going is told, too.
    Announced,
    /// It was one of too many. The going is not told either.
    Suppressed,
}

impl Presence {
    /// How many people are here, readers included.
    pub fn count(&self) -> usize {
        self.people.len()
    }

    /// The profile of an identity, if it has one and is here.
    pub fn author(&self, id: &AuthorId) -> Option<&Author> {
        self.people.get(id)?.author.as_ref()
    }

    /// Everybody here who has a nickname, by nickname, then id.
    pub fn members(&self) -> Vec<Author> {
        let mut members: Vec<&Author> = self.people.values().filter_map(|p| p.author.as_ref()).collect();
        members.sort_by(|a, b| (a.nickname.as_str(), &a.id).cmp(&(b.nickname.as_str(), &b.id)));
        members.into_iter().cloned().collect()
    }

    /// Those with a nickname behind `after` (a nickname and an id), `limit` at most. The list is sorted once and kept.
    pub fn page(&mut self, after: Option<&(String, String)>, limit: usize, now: Instant) -> MembersPage {
        let is_large = self.people.len() > LISTED_FRESH_MAX;
        let is_good = |listed: &Listed| {
            listed.n_changes == self.n_changes || is_large && now.saturating_duration_since(listed.at) < LISTED_AGE_MAX
        };
        let listed = self.listed.take().filter(is_good);
        let listed = listed.unwrap_or_else(|| Listed { at: now, n_changes: self.n_changes, authors: self.members() });
        let is_before = |a: &Author, (nickname, id): &(String, String)| {
            (a.nickname.as_str(), a.id.as_str()) <= (nickname.as_str(), id.as_str())
        };
        let from = after.map_or(0, |after| listed.authors.partition_point(|a| is_before(a, after)));
        let rest = listed.authors.get(from..).unwrap_or_default();
        let page = MembersPage {
            n_authors: listed.authors.len(),
            members: rest.iter().take(limit).cloned().collect(),
            has_more: rest.len() > limit,
        };
        // Few are sorted in no time; nothing is kept of them.
        self.listed = is_large.then_some(listed);
        page
    }

    /// The sessions of an identity that is here.
    pub fn sessions(&self, id: &AuthorId) -> &[SessionId] {
        self.people.get(id).map_or(&[], |p| &p.sessions)
    }

    /// A session of `id` came.
    pub fn enter(&mut self, id: &AuthorId, session: SessionId, now: Instant) {
        let person = self.people.entry(id.clone()).or_default();
        person.sessions.push(session);
        if person.sessions.len() == 1 {
            self.n_changes += 1;
            self.changed_at.get_or_insert(now);
        }
    }

    /// An identity that is here has this profile now. True where that changes anything.
    pub fn set_author(&mut self, author: Author, now: Instant) -> bool {
        let Some(person) = self.people.get_mut(&author.id) else { return false };
        if person.author.as_ref() == Some(&author) {
            return false;
        }
        let is_new = person.author.is_none();
        let id = author.id.clone();
        person.author = Some(author);
        self.n_changes += 1;
        self.changed_at.get_or_insert(now);
        if is_new {
            match self.notices.remove(&id) {
                // Who is back before the going was told never went.
                Some(going) => person.coming = going.coming,
                None => self.notify(id, None, Coming::Unannounced, now),
            }
        }
        true
    }

    /// A session of `id` went.
    pub fn leave(&mut self, id: &AuthorId, session: SessionId, now: Instant) {
        if !self.has_lists() {
            // Should this make the room small enough for lists, they begin here.
            self.fold(now);
            self.forget_notices();
        }
        let Some(person) = self.people.get_mut(id) else { return };
        person.sessions.retain(|s| *s != session);
        if !person.sessions.is_empty() {
            return;
        }
        self.changed_at.get_or_insert(now);
        self.n_changes += 1;
        let Some(Person { author, coming, .. }) = self.people.remove(id) else { return };
        // Who goes before the coming was told never came.
        if author.is_some() && self.notices.remove(id).is_none() {
            self.notify(id.clone(), author, coming, now);
        }
    }

    fn notify(&mut self, id: AuthorId, went: Option<Author>, coming: Coming, now: Instant) {
        let due = now + NOTICE_AFTER;
        self.notices.insert(id.clone(), Notice { due, went, coming });
        self.queue.push_back((due, id));
    }

    /// One notice more, if the room has not had too many of late.
    fn may_notify(&mut self, now: Instant) -> bool {
        let whole_at = self.notices_whole_at.unwrap_or(now).max(now) + NOTICE_EVERY;
        let may = whole_at - now <= NOTICE_EVERY * NOTICE_BURST;
        if may {
            self.notices_whole_at = Some(whole_at);
        }
        may
    }

    /// When the next notice is due. Drops stale ones in front.
    fn next_notice(&mut self) -> Option<Instant> {
        while let Some((due, id)) = self.queue.front() {
            if self.notices.get(id).is_some_and(|n| n.due == *due) {
                return Some(*due);
            }
            self.queue.pop_front();
        }
        None
    }

    /// From when there is something to tell.
    fn tells_from(&mut self) -> Option<Instant> {
        // Where there are no lists nobody is told who came or went.
        let notice = if self.has_lists() { self.next_notice() } else { None };
        let wanted = match (notice, self.changed_at) {
            (Some(notice), Some(change)) => notice.min(change),
            (wanted, None) | (None, wanted) => wanted?,
        };
        Some(wanted.max(self.told_at.map_or(wanted, |at| at + self.interval())))
    }

    /// When something is to be told, if nothing else happens until then. `None`: nothing.
    pub fn due_at(&mut self) -> Option<Instant> {
        let wait = if self.has_lists() { Duration::ZERO } else { COMPANY_WAIT };
        Some(self.tells_from()? + wait)
    }

    /// Folds what is due at `now`. True where a PRESENCE is to be sent: [`Presence::here`], then
    /// [`Presence::told`]. `in_company`: something else goes to every member now.
    pub fn is_due(&mut self, now: Instant, in_company: bool) -> bool {
        let due = if in_company { self.tells_from() } else { self.due_at() };
        if due.is_none_or(|at| at > now) {
            return false;
        }
        self.fold(now);
        self.changed_at.is_some() || !self.joined.is_empty() || !self.left.is_empty()
    }

    /// Takes the comings and goings that are due at `now`.
    fn fold(&mut self, now: Instant) {
        while self.next_notice().is_some_and(|due| due <= now) {
            let Some((_, id)) = self.queue.pop_front() else { break };
            let Some(Notice { went, coming, .. }) = self.notices.remove(&id) else { continue };
            // A going is told where the coming was, so that nobody who was announced seems to be here for ever.
            let is_told = match coming {
                Coming::Announced if went.is_some() => true,
                Coming::Suppressed if went.is_some() => false,
                _ => self.may_notify(now),
            };
            if went.is_some() {
                self.left.extend(went.filter(|_| is_told));
            } else if let Some(person) = self.people.get_mut(&id) {
                person.coming = if is_told { Coming::Announced } else { Coming::Suppressed };
                self.joined.extend(person.author.clone().filter(|_| is_told));
            }
        }
    }

    fn forget_notices(&mut self) {
        self.joined.clear();
        self.left.clear();
    }

    /// Who is here now. `with_notices`: also who came and went, for those who were here, and not for a WELCOME.
    pub fn here(&self, with_notices: bool) -> People {
        let notices = |authors: &Vec<Author>| if with_notices { authors.clone() } else { vec![] };
        let lists = self.has_lists().then(|| PeopleLists {
            members: self.members(),
            joined: notices(&self.joined),
            left: notices(&self.left),
        });
        People { count: self.count(), lists }
    }

    /// What was due has been sent.
    pub fn told(&mut self, now: Instant) {
        self.changed_at = None;
        self.forget_notices();
        self.told_at = Some(now);
    }

    fn interval(&self) -> Duration {
        if self.has_lists() { INTERVAL_SMALL } else { INTERVAL_LARGE }
    }

    fn has_lists(&self) -> bool {
        self.count() <= PEOPLE_LISTED_MAX
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::test_author;

    const SECOND: Duration = Duration::from_secs(1);

    fn names(list: &[Author]) -> Vec<String> {
        list.iter().map(|a| a.nickname.as_str().to_owned()).collect()
    }

    /// Count, members, joined, left.
    type Told = (usize, Vec<String>, Vec<String>, Vec<String>);

    /// Tells what is due.
    fn tell(presence: &mut Presence, now: Instant) -> Option<Told> {
        presence.is_due(now, false).then(|| {
            let People { count, lists } = presence.here(true);
            let of = |list: fn(&PeopleLists) -> &Vec<Author>| lists.as_ref().map_or(vec![], |lists| names(list(lists)));
            let told = (count, of(|l| &l.members), of(|l| &l.joined), of(|l| &l.left));
            presence.told(now);
            told
        })
    }

    fn tab(n: usize) -> SessionId {
        SessionId(uuid::Uuid::from_u128(n.try_into().expect("fits")))
    }

    /// Person `n` opens tab `session`.
    fn come(presence: &mut Presence, n: usize, session: usize, now: Instant) -> AuthorId {
        let author = test_author(n);
        presence.enter(&author.id, tab(session), now);
        presence.set_author(author.clone(), now);
        author.id
    }

    /// So many people came, each with a tab.
    fn crowd(n_people: usize, now: Instant) -> Presence {
        let mut presence = Presence::default();
        for n in 0..n_people {
            come(&mut presence, n, n, now);
        }
        presence
    }

    #[test]
    fn a_large_room_is_listed_page_by_page_and_sorted_once_a_second() {
        let now = Instant::now();
        let mut presence = crowd(1_200, now);
        let sorted = presence.members();
        let (mut listed, mut after) = (Vec::new(), None);
        loop {
            let page = presence.page(after.as_ref(), 500, now);
            assert_eq!(page.n_authors, 1_200);
            listed.extend(page.members);
            if !page.has_more {
                break;
            }
            after = listed.last().map(|a: &Author| (a.nickname.as_str().to_owned(), a.id.as_str().to_owned()));
        }
        assert_eq!(listed, sorted);
        // Whoever comes meanwhile is on the next list, a second later.
        let at = presence.listed.as_ref().map(|listed| listed.authors.as_ptr());
        come(&mut presence, 1_200, 1_200, now);
        assert_eq!(presence.page(None, 1, now + SECOND / 2).n_authors, 1_200);
        assert_eq!(presence.listed.as_ref().map(|listed| listed.authors.as_ptr()), at, "sorted once");
        assert_eq!(presence.page(None, 1, now + SECOND).n_authors, 1_201);
        // In a small room everybody is on it at once, and nothing is kept.
        let mut presence = Presence::default();
        for n in 0..3 {
            come(&mut presence, n, n, now);
            assert_eq!(presence.page(None, 500, now).members.len(), n + 1);
        }
        assert!(presence.listed.is_none());
    }

    #[test]
    fn counts_identities_and_not_tabs() {
        let (now, mut presence) = (Instant::now(), Presence::default());
        let id = come(&mut presence, 1, 1, now);
        come(&mut presence, 1, 2, now);
        presence.enter(&test_author(2).id, tab(3), now);
        assert_eq!((presence.count(), presence.members().len()), (2, 1));
        presence.leave(&id, tab(1), now);
        assert_eq!((presence.count(), presence.sessions(&id)), (2, &[tab(2)][..]));
        presence.leave(&id, tab(2), now);
        assert_eq!((presence.count(), presence.members().len()), (1, 0));
    }

    #[test]
    fn a_coming_is_told_after_five_seconds_and_a_reload_is_none() {
        let (start, mut presence) = (Instant::now(), Presence::default());
        let id = come(&mut presence, 1, 1, start);
        assert_eq!(tell(&mut presence, start).map(|t| (t.0, t.2.len())), Some((1, 0)));
        assert_eq!(presence.due_at(), Some(start + 5 * SECOND));
        assert_eq!(tell(&mut presence, start + 4 * SECOND), None);
        assert_eq!(tell(&mut presence, start + 5 * SECOND).map(|t| t.2), Some(vec!["person 1".to_owned()]));
        // A reload: the count moves, nothing is told.
        presence.leave(&id, tab(1), start + 6 * SECOND);
        assert_eq!(tell(&mut presence, start + 7 * SECOND).map(|t| (t.0, t.3.len())), Some((0, 0)));
        come(&mut presence, 1, 2, start + 8 * SECOND);
        assert_eq!(tell(&mut presence, start + 30 * SECOND).map(|t| (t.0, t.2.len(), t.3.len())), Some((1, 0, 0)));
        // A real going.
        presence.leave(&id, tab(2), start + 40 * SECOND);
        assert_eq!(tell(&mut presence, start + 46 * SECOND).map(|t| t.3), Some(vec!["person 1".to_owned()]));
        assert_eq!(presence.due_at(), None);
    }

    #[test]
    fn at_most_one_a_second() {
        let (start, mut presence) = (Instant::now(), Presence::default());
        come(&mut presence, 1, 1, start);
        assert!(tell(&mut presence, start).is_some());
        come(&mut presence, 2, 2, start + SECOND / 10);
        assert_eq!(presence.due_at(), Some(start + SECOND));
        assert_eq!(tell(&mut presence, start + SECOND / 2), None);
        assert_eq!(tell(&mut presence, start + SECOND).map(|t| t.0), Some(2));
    }

    #[test]
    fn lists_end_above_fifty_people() {
        let now = Instant::now();
        let mut presence = crowd(50, now);
        assert_eq!(presence.here(true).lists.map(|l| l.members.len()), Some(50));
        come(&mut presence, 50, 50, now);
        assert_eq!(presence.here(true), People { count: 51, lists: None });
        assert_eq!(presence.members().len(), 51);
    }

    #[test]
    fn where_there_are_no_lists_the_number_goes_with_a_message_or_a_second_later() {
        let start = Instant::now();
        let mut presence = crowd(51, start);
        assert!(!presence.is_due(start, false), "it waits for company");
        assert_eq!(presence.due_at(), Some(start + SECOND));
        assert!(presence.is_due(start, true));
        presence.told(start);
        // Who came is told to nobody.
        assert_eq!(presence.due_at(), None);
        assert!(!presence.is_due(start + 6 * SECOND, true));
        let id = come(&mut presence, 51, 51, start + SECOND);
        assert!(!presence.is_due(start + 2 * SECOND, true), "one in three seconds");
        assert_eq!(presence.due_at(), Some(start + 4 * SECOND));
        assert!(presence.is_due(start + 4 * SECOND, false));
        presence.told(start + 4 * SECOND);
        // With the lists the comings that nobody was told of are over, too.
        presence.leave(&id, tab(51), start + 9 * SECOND);
        presence.leave(&test_author(50).id, tab(50), start + 9 * SECOND);
        let told = tell(&mut presence, start + 9 * SECOND).expect("the number changed");
        assert_eq!((told.0, told.1.len(), told.2.len()), (50, 50, 0));
    }

    #[test]
    fn who_comes_and_goes_all_the_time_is_told_a_few_times_and_then_only_counted() {
        let (mut now, mut presence) = (Instant::now(), Presence::default());
        let (mut n_joined, mut n_left) = (0, 0);
        // For a minute a new one each half second, who stays for 6 s.
        for n in 0..120 {
            now += SECOND / 2;
            come(&mut presence, n, n, now);
            if let Some(before) = n.checked_sub(12) {
                presence.leave(&test_author(before).id, tab(before), now);
            }
            if let Some((count, members, joined, left)) = tell(&mut presence, now) {
                assert_eq!(count, members.len());
                n_joined += joined.len();
                n_left += left.len();
            }
        }
        assert!((10..=20).contains(&n_joined), "{n_joined} came");
        for n in 108..120 {
            presence.leave(&test_author(n).id, tab(n), now);
        }
        now += 6 * SECOND;
        n_left += tell(&mut presence, now).map_or(0, |told| told.3.len());
        assert_eq!(n_left, n_joined, "whose coming was told, their going was");
        // A minute later a coming is worth a word again.
        now += 60 * SECOND;
        come(&mut presence, 500, 500, now);
        assert!(tell(&mut presence, now).is_some());
        now += 5 * SECOND;
        assert_eq!(tell(&mut presence, now).map(|told| told.2), Some(vec!["person 500".to_owned()]));
    }

    proptest! {
        /// What was told, added up, is who is here.
        #[test]
        fn notices_add_up(steps in proptest::collection::vec((0_usize..6, any::<bool>(), 0_u64..4_000), 1..80)) {
            let (mut now, mut presence) = (Instant::now(), Presence::default());
            let mut sessions = [0_usize; 6];
            let mut told: std::collections::BTreeSet<String> = Default::default();
            let mut settle = |presence: &mut Presence, now: Instant| {
                if let Some((_, _, joined, left)) = tell(presence, now) {
                    for name in left { assert!(told.remove(&name), "{name} left without having come"); }
                    for name in joined { assert!(told.insert(name.clone()), "{name} came twice"); }
                }
                told.clone()
            };
            for (n, comes, wait) in steps {
                now += Duration::from_millis(wait);
                settle(&mut presence, now);
                if comes {
                    come(&mut presence, n, 10 * sessions[n], now);
                    sessions[n] += 1;
                } else if sessions[n] > 0 {
                    sessions[n] -= 1;
                    presence.leave(&test_author(n).id, tab(10 * sessions[n]), now);
                }
            }
            for _ in 0..3 { now += 10 * SECOND; settle(&mut presence, now); }
            let here: std::collections::BTreeSet<String> =
                (0..6).filter(|n| sessions[*n] > 0).map(|n| format!("person {n}")).collect();
            prop_assert_eq!(settle(&mut presence, now + 20 * SECOND), here);
            prop_assert_eq!(presence.count(), sessions.iter().filter(|n| **n > 0).count());
        }
    }
}
