use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use actix::clock::Instant;

use crate::{
    event::{People, PeopleLists},
    ids::SessionId,
    people::{Difference, Elsewhere, HASHED_MAX, PEOPLE_LISTED_MAX, Person as Named, Summary, Who, identity_hash},
};
use chat_domain::{Author, AuthorId};

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

/// Who is in a room, on whatever server: sessions folded into identities, comings and goings into notices. Pure; the
/// caller passes the time.
#[derive(Debug, Default)]
pub struct Presence {
    /// Everybody with a session here, and those whom other servers name.
    people: HashMap<AuthorId, Person>,
    /// How many have a session here.
    n_local: usize,
    /// What other servers say.
    elsewhere: Elsewhere,
    /// How many people are in the room, and whether that is only about right.
    total: (usize, bool),
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
    /// The same, of those with a session here.
    n_local_changes: u64,
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
    /// As another server names this person, where one does.
    elsewhere: Option<Box<Named>>,
    /// See [`identity_hash`].
    hash: u64,
    coming: Coming,
}

impl Person {
    fn of(id: &AuthorId) -> Self {
        Self { hash: identity_hash(id), ..Self::default() }
    }

    /// As everybody sees this person. What a tab here says is newer than what is said elsewhere.
    fn shown(&self) -> Option<&Author> {
        self.author.as_ref().or_else(|| self.elsewhere.as_ref()?.author.as_ref())
    }

    fn is_local(&self) -> bool {
        !self.sessions.is_empty()
    }
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
    /// How many people are in the room, readers included.
    pub fn count(&self) -> usize {
        self.total.0
    }

    /// Whether the number is only about right.
    pub fn is_approximate(&self) -> bool {
        self.total.1
    }

    /// How many people have a session on this server.
    pub fn n_local(&self) -> usize {
        self.n_local
    }

    /// How often anything has changed of those with a session on this server.
    pub fn n_local_changes(&self) -> u64 {
        self.n_local_changes
    }

    /// Those with a session on this server, as the other servers are to hear it.
    pub fn own_part(&self, version: u64) -> Summary {
        let local = || self.people.iter().filter(|(_, person)| person.is_local());
        let named = |(id, person): (&AuthorId, &Person)| Named { id: id.clone(), author: person.author.clone() };
        let who = match self.n_local {
            few if few <= PEOPLE_LISTED_MAX => Who::Listed(local().map(named).collect()),
            some if some <= HASHED_MAX => Who::Hashed(local().map(|(_, person)| person.hash).collect()),
            _ => Who::Counted,
        };
        Summary { version, count: self.n_local, who }
    }

    /// The profile of an identity, if it has one and is here.
    pub fn author(&self, id: &AuthorId) -> Option<&Author> {
        self.people.get(id)?.shown()
    }

    /// Everybody here who has a nickname, by nickname, then id.
    pub fn members(&self) -> Vec<Author> {
        let mut members: Vec<&Author> = self.people.values().filter_map(Person::shown).collect();
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
        let person = self.people.entry(id.clone()).or_insert_with(|| Person::of(id));
        person.sessions.push(session);
        if person.sessions.len() == 1 {
            self.n_local += 1;
            self.n_local_changes += 1;
            self.recount(now);
        }
    }

    /// An identity that is here has this profile now. True where that changes anything of what its tabs have said.
    pub fn set_author(&mut self, author: Author, now: Instant) -> bool {
        if !self.people.get(&author.id).is_some_and(|p| p.is_local() && p.author.as_ref() != Some(&author)) {
            return false;
        }
        self.n_local_changes += 1;
        let id = author.id.clone();
        self.change(&id, true, now, |person| person.author = Some(author));
        true
    }

    /// A session of `id` went.
    pub fn leave(&mut self, id: &AuthorId, session: SessionId, now: Instant) {
        self.begin_lists(now);
        let Some(person) = self.people.get_mut(id).filter(|person| person.is_local()) else { return };
        person.sessions.retain(|s| *s != session);
        if person.is_local() {
            return;
        }
        self.n_local -= 1;
        self.n_local_changes += 1;
        self.change(id, true, now, |person| person.author = None);
        self.recount(now);
    }

    /// Another server says who is there; none where it is gone. `is_known`: nobody comes or goes by it.
    pub fn hear(&mut self, server: &Arc<str>, summary: Option<Arc<Summary>>, is_known: bool, now: Instant) {
        if let Some(difference) = self.elsewhere.hear(server, summary, is_known) {
            self.take_in(difference, now);
        }
    }

    /// The other servers can be heard, or cannot any more.
    pub fn set_reachable(&mut self, is_reachable: bool, now: Instant) {
        let difference = self.elsewhere.set_reachable(is_reachable, now);
        self.take_in(difference, now);
    }

    fn take_in(&mut self, Difference { here, gone, is_news }: Difference, now: Instant) {
        if !gone.is_empty() {
            self.begin_lists(now);
        }
        for named in here {
            let id = named.id.clone();
            self.change(&id, is_news, now, |person| person.elsewhere = Some(Box::new(named)));
        }
        for id in gone {
            self.change(&id, is_news, now, |person| person.elsewhere = None);
        }
        self.recount(now);
    }

    /// Should what follows make the room small enough for lists, they begin here.
    fn begin_lists(&mut self, now: Instant) {
        if !self.has_lists() {
            self.fold(now);
            self.forget_notices();
        }
    }

    /// Changes what is known of somebody, whom others see come, go or change by it. `is_news`: they are to be told.
    fn change(&mut self, id: &AuthorId, is_news: bool, now: Instant, change: impl FnOnce(&mut Person)) {
        let person = self.people.entry(id.clone()).or_insert_with(|| Person::of(id));
        let was = person.shown().cloned();
        change(person);
        let (is, coming) = (person.shown().cloned(), person.coming);
        if !person.is_local() && person.elsewhere.is_none() {
            self.people.remove(id);
        }
        if was == is {
            return;
        }
        self.n_changes += 1;
        self.changed_at.get_or_insert(now);
        let pending = if was.is_some() == is.is_some() { None } else { self.notices.remove(id) };
        match (was, is, pending) {
            // Who is back before the going was told never went.
            (None, Some(_), Some(going)) => {
                if let Some(person) = self.people.get_mut(id) {
                    person.coming = going.coming;
                }
            }
            (None, Some(_), None) if is_news => self.notify(id.clone(), None, Coming::Unannounced, now),
            // Who goes before the coming was told never came.
            (went @ Some(_), None, None) if is_news => self.notify(id.clone(), went, coming, now),
            _ => {}
        }
    }

    fn recount(&mut self, now: Instant) {
        let hashes = self.people.values().filter(|person| person.is_local()).map(|person| person.hash);
        let total = self.elsewhere.count(self.n_local, hashes);
        if total != self.total {
            self.total = total;
            self.n_changes += 1;
            self.changed_at.get_or_insert(now);
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
        self.tells_at().into_iter().chain(self.elsewhere.cut_at()).min()
    }

    fn tells_at(&mut self) -> Option<Instant> {
        let wait = if self.has_lists() { Duration::ZERO } else { COMPANY_WAIT };
        Some(self.tells_from()? + wait)
    }

    /// Folds what is due at `now`. True where a PRESENCE is to be sent: [`Presence::here`], then
    /// [`Presence::told`]. `in_company`: something else goes to every member now.
    pub fn is_due(&mut self, now: Instant, in_company: bool) -> bool {
        if self.elsewhere.cut_at().is_some_and(|at| at <= now) {
            let difference = self.elsewhere.cut();
            self.take_in(difference, now);
        }
        let due = if in_company { self.tells_from() } else { self.tells_at() };
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
                self.joined.extend(person.shown().cloned().filter(|_| is_told));
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
        People { count: self.count(), is_approximate: self.is_approximate(), lists }
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
            let People { count, lists, .. } = presence.here(true);
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
        assert_eq!(presence.here(true), People { count: 51, is_approximate: false, lists: None });
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

    /// As server `server` says that these people are on it.
    fn hear(presence: &mut Presence, server: &str, version: u64, people: &[usize], is_known: bool, now: Instant) {
        let named = |n: &usize| Named { id: test_author(*n).id, author: Some(test_author(*n)) };
        let who = Who::Listed(people.iter().map(named).collect());
        let summary = Arc::new(Summary { version, count: people.len(), who });
        presence.hear(&server.into(), Some(summary), is_known, now);
    }

    #[test]
    fn who_is_on_another_server_is_here_and_counts_once() {
        let (start, mut presence) = (Instant::now(), Presence::default());
        let id = come(&mut presence, 1, 1, start);
        hear(&mut presence, "a", 1, &[1, 2], false, start);
        let members = ["person 1", "person 2"].map(str::to_owned).to_vec();
        assert_eq!(tell(&mut presence, start).map(|t| (t.0, t.1)), Some((2, members)));
        assert!(presence.author(&test_author(2).id).is_some(), "whom one may mention");
        let own = presence.own_part(1);
        assert_eq!((own.count, presence.n_local()), (1, 1), "to others this server says who is here");
        // What a tab here says is newer than what is said elsewhere.
        let renamed = Author { nickname: test_author(7).nickname, ..test_author(1) };
        assert!(presence.set_author(renamed.clone(), start) && presence.author(&id) == Some(&renamed));
        presence.leave(&id, tab(1), start + SECOND);
        assert_eq!((presence.count(), presence.author(&id)), (2, Some(&test_author(1))), "there still");
        hear(&mut presence, "a", 2, &[2], false, start + SECOND);
        assert_eq!(presence.count(), 1);
    }

    #[test]
    fn who_moves_from_one_server_to_another_neither_comes_nor_goes() {
        let (start, mut presence) = (Instant::now(), Presence::default());
        hear(&mut presence, "a", 1, &[1], false, start);
        let told = |presence: &mut Presence, now| tell(presence, now).map_or((vec![], vec![]), |t| (t.2, t.3));
        assert_eq!(told(&mut presence, start + 5 * SECOND).0, ["person 1"], "told as if here");
        // To another one: first gone, then there. Then here, while there still. Then back.
        hear(&mut presence, "a", 2, &[], false, start + 6 * SECOND);
        hear(&mut presence, "b", 1, &[1], false, start + 10 * SECOND);
        let id = come(&mut presence, 1, 1, start + 20 * SECOND);
        hear(&mut presence, "b", 2, &[], false, start + 21 * SECOND);
        presence.leave(&id, tab(1), start + 30 * SECOND);
        hear(&mut presence, "a", 3, &[1], false, start + 34 * SECOND);
        assert_eq!(told(&mut presence, start + 60 * SECOND), (vec![], vec![]));
        presence.hear(&"a".into(), None, false, start + 61 * SECOND);
        assert_eq!(told(&mut presence, start + 66 * SECOND).1, ["person 1"]);
    }

    #[test]
    fn how_it_was_before_is_no_news_and_neither_is_a_bus_that_is_away() {
        let (start, mut presence) = (Instant::now(), Presence::default());
        hear(&mut presence, "a", 1, &[1, 2], true, start);
        let told = |presence: &mut Presence, now| {
            let told = tell(presence, now).map(|t| (t.0, t.2.len(), t.3.len()));
            (told, presence.is_approximate())
        };
        assert_eq!(told(&mut presence, start + 9 * SECOND), (Some((2, 0, 0)), false));
        presence.set_reachable(false, start + 10 * SECOND);
        assert_eq!(presence.due_at(), Some(start + 20 * SECOND));
        assert_eq!(told(&mut presence, start + 19 * SECOND), (None, false), "frozen");
        assert_eq!(told(&mut presence, start + 20 * SECOND), (Some((0, 0, 0)), true));
        assert_eq!(told(&mut presence, start + 40 * SECOND), (None, true));
        presence.set_reachable(true, start + 41 * SECOND);
        assert_eq!(told(&mut presence, start + 60 * SECOND), (Some((2, 0, 0)), false));
        hear(&mut presence, "a", 2, &[2], false, start + 61 * SECOND);
        assert_eq!(told(&mut presence, start + 70 * SECOND), (Some((1, 0, 1)), false), "this one went");
    }

    proptest! {
        /// On two servers that hear of each other late, however people come, go and move: in the end both have the same
        /// count and the same names, and what was told, added up, is who is here.
        #[test]
        fn two_servers_end_up_with_the_same(
            steps in proptest::collection::vec((0_usize..2, 0_usize..5, any::<bool>(), 0_u64..3_000), 1..60),
        ) {
            let mut now = Instant::now();
            let mut presences = [Presence::default(), Presence::default()];
            let mut open = [[0_usize; 5]; 2];
            let mut told = [std::collections::BTreeSet::new(), std::collections::BTreeSet::new()];
            let mut settle = |presences: &mut [Presence; 2], now: Instant| {
                for (presence, told) in presences.iter_mut().zip(&mut told) {
                    let Some((_, _, joined, left)) = tell(presence, now) else { continue };
                    for name in left { assert!(told.remove(&name), "{name} left without having come"); }
                    for name in joined { assert!(told.insert(name.clone()), "{name} came twice"); }
                }
                told.clone()
            };
            let say = |presences: &mut [Presence; 2], version: u64, now: Instant| {
                for (from, name) in [(0, "a"), (1, "b")] {
                    let part = Arc::new(presences[from].own_part(version));
                    presences[1 - from].hear(&name.into(), Some(part), false, now);
                }
            };
            for (version, (server, n, comes, wait)) in (1_u64..).zip(steps) {
                now += Duration::from_millis(wait);
                settle(&mut presences, now);
                if comes {
                    come(&mut presences[server], n, 100 * n + open[server][n], now);
                    open[server][n] += 1;
                } else if open[server][n] > 0 {
                    open[server][n] -= 1;
                    presences[server].leave(&test_author(n).id, tab(100 * n + open[server][n]), now);
                }
                if wait % 2 == 0 { say(&mut presences, version, now); }
            }
            say(&mut presences, 1_000, now);
            for _ in 0..3 { now += 10 * SECOND; settle(&mut presences, now); }
            let here: std::collections::BTreeSet<String> =
                (0..5).filter(|n| open[0][*n] + open[1][*n] > 0).map(|n| format!("person {n}")).collect();
            let told = settle(&mut presences, now);
            for (presence, told) in presences.iter().zip(told) {
                prop_assert_eq!(&told, &here);
                prop_assert_eq!((presence.count(), presence.is_approximate()), (here.len(), false));
                prop_assert_eq!(names(&presence.members()).len(), here.len());
            }
        }

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
