use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use chat_domain::AuthorId;

/// So many reports a person within [`WITHIN`] (people.md, section 3).
const REPORTS_MAX: u32 = 5;
const WITHIN: Duration = Duration::from_secs(3_600);
/// So many people are remembered; whoever comes when there are as many reports nothing, so that a flood of identities
/// cannot fill the queue of those who keep order.
const PEOPLE_MAX: usize = 10_000;

/// So many reports a second are stored, whoever they are of: messages are stored on the same connection, and new
/// identities cost nothing.
const A_SECOND_MAX: u32 = 20;
const SECOND: Duration = Duration::from_secs(1);

/// How often somebody reports, and how often all do.
#[derive(Debug, Default)]
pub struct ReportLimit(Mutex<Counted>);

#[derive(Debug, Default)]
struct Counted {
    people: HashMap<AuthorId, (Instant, u32)>,
    /// Since when a second is counted, and how many reports it had.
    second: Option<(Instant, u32)>,
}

impl ReportLimit {
    /// Counts a report.
    ///
    /// # Errors
    /// How long this person must wait. Where all together report too often it does not count as one of theirs.
    pub fn take(&self, who: &AuthorId, now: Instant) -> Result<(), Duration> {
        let mut counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Counted { people, second } = &mut *counted;
        let age = |since: Instant| now.saturating_duration_since(since);
        if people.len() >= PEOPLE_MAX && !people.contains_key(who) {
            people.retain(|_, (since, _)| age(*since) < WITHIN);
            if people.len() >= PEOPLE_MAX {
                return Err(WITHIN);
            }
        }
        let (since, n) = people.entry(who.clone()).or_insert((now, 0));
        if age(*since) >= WITHIN {
            (*since, *n) = (now, 0);
        }
        if *n >= REPORTS_MAX {
            return Err(WITHIN.saturating_sub(age(*since)));
        }
        let (began, n_all) = second.get_or_insert((now, 0));
        if age(*began) >= SECOND {
            (*began, *n_all) = (now, 0);
        }
        if *n_all >= A_SECOND_MAX {
            return Err(SECOND.saturating_sub(age(*began)));
        }
        *n_all += 1;
        *n += 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_an_hour_and_the_number_of_people_is_bounded() {
        let (limit, start) = (ReportLimit::default(), Instant::now());
        let who = |n: usize| AuthorId::from_stored(&format!("author-{n}"));
        for _ in 0..5 {
            assert_eq!(limit.take(&who(1), start), Ok(()));
        }
        assert_eq!(limit.take(&who(1), start + Duration::from_secs(600)), Err(Duration::from_secs(3_000)));
        assert_eq!(limit.take(&who(2), start), Ok(()));
        assert_eq!(limit.take(&who(1), start + WITHIN), Ok(()));
        for n in 0..PEOPLE_MAX * 2 {
            let _ = limit.take(&who(n), start + WITHIN);
        }
        assert_eq!(limit.0.lock().expect("nobody panics with it").people.len(), PEOPLE_MAX);
        assert!(limit.take(&who(PEOPLE_MAX * 3), start + WITHIN).is_err());
        assert_eq!(limit.take(&who(PEOPLE_MAX * 3), start + WITHIN * 2), Ok(()));
    }

    #[test]
    fn a_thousand_reports_a_second_are_twenty() {
        let (limit, start) = (ReportLimit::default(), Instant::now());
        let of = |second: u64| {
            let at = start + Duration::from_secs(second);
            let who = |n: u64| AuthorId::from_stored(&format!("author-{}", second * 1_000 + n));
            (0..1_000).filter(|n| limit.take(&who(*n), at).is_ok()).count()
        };
        assert_eq!([of(0), of(1), of(2)], [20, 20, 20]);
        let (late, now) = (AuthorId::from_stored("late"), start + Duration::from_secs(2));
        for _ in 0..9 {
            assert_eq!(limit.take(&late, now), Err(SECOND));
        }
        assert_eq!(limit.take(&late, now + SECOND), Ok(()), "what was not stored is none of theirs");
    }
}
