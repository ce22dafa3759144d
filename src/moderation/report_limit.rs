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

/// How often somebody reports.
#[derive(Debug, Default)]
pub struct ReportLimit(Mutex<HashMap<AuthorId, (Instant, u32)>>);

impl ReportLimit {
    /// Counts a report.
    ///
    /// # Errors
    /// How long this person must wait.
    pub fn take(&self, who: &AuthorId, now: Instant) -> Result<(), Duration> {
        let mut people = self.0.lock().unwrap_or_else(PoisonError::into_inner);
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
        assert_eq!(limit.0.lock().expect("nobody panics with it").len(), PEOPLE_MAX);
        assert!(limit.take(&who(PEOPLE_MAX * 3), start + WITHIN).is_err());
        assert_eq!(limit.take(&who(PEOPLE_MAX * 3), start + WITHIN * 2), Ok(()));
    }
}
