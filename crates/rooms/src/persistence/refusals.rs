use std::{collections::HashMap, time::Duration};

use actix::clock::Instant;

/// How long a reason for refusing messages is no news.
const NEWS_AFTER: Duration = Duration::from_secs(60);
/// How many reasons are told apart; with more of them at once, none is news until one is old.
const REASONS_MAX: usize = 32;

/// Why the database refused messages, so that the log says each reason once and not for each message. Pure.
#[derive(Debug, Default)]
pub struct Refusals(HashMap<String, (Instant, u64)>);

impl Refusals {
    /// A message was refused. Where the log has not said why for a minute: how many were refused for it meanwhile.
    pub fn is_news(&mut self, why: &str, now: Instant) -> Option<u64> {
        if let Some((said_at, n_more)) = self.0.get_mut(why) {
            if now.saturating_duration_since(*said_at) < NEWS_AFTER {
                *n_more = n_more.saturating_add(1);
                return None;
            }
            *said_at = now;
            return Some(std::mem::take(n_more));
        }
        if self.0.len() >= REASONS_MAX {
            self.0.retain(|_, (said_at, _)| now.saturating_duration_since(*said_at) < NEWS_AFTER);
        }
        if self.0.len() >= REASONS_MAX {
            return None;
        }
        self.0.insert(why.to_owned(), (now, 0));
        Some(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_said_once_a_minute_with_how_often_it_came() {
        let (mut refusals, start) = (Refusals::default(), Instant::now());
        assert_eq!(refusals.is_news("SQLSTATE 23514", start), Some(0));
        assert_eq!(refusals.is_news("SQLSTATE 23514", start), None);
        assert_eq!(refusals.is_news("SQLSTATE P0001", start), Some(0));
        assert_eq!(refusals.is_news("SQLSTATE 23514", start + NEWS_AFTER), Some(1));
    }

    #[test]
    fn any_number_of_reasons_makes_a_bounded_number_of_lines() {
        let (mut refusals, start) = (Refusals::default(), Instant::now());
        let n_lines = (0..1_000).filter(|n| refusals.is_news(&format!("reason {n}"), start).is_some()).count();
        assert_eq!(n_lines, REASONS_MAX);
        assert_eq!(refusals.is_news("one more", start + NEWS_AFTER), Some(0));
    }
}
