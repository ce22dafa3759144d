use std::{collections::HashMap, sync::Arc, time::Instant};

use chrono::{DateTime, DurationRound, TimeDelta, Utc};

use chat_store::{Span, Totals, Written};

/// So many hours are shown, the one that runs included.
const HOURS: i32 = 48;
/// So many days are shown, today included. They are days of UTC: what was counted is the same for whoever asks.
const DAYS: i32 = 90;
/// So long behind its end nothing comes into an hour any more: a message has the time of its transaction.
const SETTLED_AFTER: TimeDelta = TimeDelta::minutes(2);

/// How much was written when. What was not counted yet is none.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Overview {
    /// By the hour, the oldest first.
    pub hours: Vec<(DateTime<Utc>, Option<Written>)>,
    /// By the day, the oldest first.
    pub days: Vec<(DateTime<Utc>, Option<Written>)>,
    /// How much there is in all.
    pub totals: Totals,
}

/// When it was counted last, and what.
pub type Counted = (Instant, Arc<Overview>);

impl Overview {
    /// Whether all of it was counted.
    pub fn is_complete(&self) -> bool {
        self.hours.iter().chain(&self.days).all(|(_, written)| written.is_some())
    }
}

/// The hours and days that are shown at some moment, the oldest first.
pub struct Spans {
    now: DateTime<Utc>,
    hours: Vec<Span>,
    days: Vec<Span>,
}

impl Spans {
    /// Those of this moment.
    pub fn at(now: DateTime<Utc>) -> Self {
        let back = |length: TimeDelta, n: i32| {
            let current = now.duration_trunc(length).unwrap_or(now);
            let begins = (0..n).rev().filter_map(move |n| current.checked_sub_signed(length.checked_mul(n)?));
            begins.collect::<Vec<_>>()
        };
        Self {
            now,
            hours: back(TimeDelta::hours(1), HOURS).into_iter().map(Span::Hour).collect(),
            days: back(TimeDelta::days(1), DAYS).into_iter().map(Span::Day).collect(),
        }
    }

    /// The first hour and the first day.
    pub fn first(&self) -> (Span, Span) {
        let first = |spans: &[Span], otherwise: Span| spans.first().copied().unwrap_or(otherwise);
        (first(&self.hours, Span::Hour(self.now)), first(&self.days, Span::Day(self.now)))
    }

    /// Whether what was counted of this one stays so.
    pub fn is_settled(&self, span: Span) -> bool {
        span.end().checked_add_signed(SETTLED_AFTER).is_some_and(|end| end <= self.now)
    }

    /// What is to be counted beside what was: the newest first, hours before days, since they are quick and looked at.
    pub fn missing(&self, counted: &HashMap<Span, Written>) -> Vec<Span> {
        let all = self.hours.iter().rev().chain(self.days.iter().rev()).copied();
        all.filter(|span| !self.is_settled(*span) || !counted.contains_key(span)).collect()
    }

    /// What is shown, as far as it was counted.
    pub fn overview(&self, counted: &HashMap<Span, Written>, totals: Totals) -> Overview {
        let of = |spans: &[Span]| spans.iter().map(|span| (span.begin(), counted.get(span).copied())).collect();
        Overview { hours: of(&self.hours), days: of(&self.days), totals }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().expect("a time")
    }

    #[test]
    fn the_last_hours_and_days_are_shown_up_to_now() {
        let spans = Spans::at(at("2026-03-01T10:20:30Z"));
        assert_eq!(spans.first(), (Span::Hour(at("2026-02-27T11:00:00Z")), Span::Day(at("2025-12-02T00:00:00Z"))));
        let shown = spans.overview(&HashMap::new(), Totals::default());
        assert_eq!((shown.hours.len(), shown.days.len()), (48, 90));
        assert_eq!(shown.hours.last(), Some(&(at("2026-03-01T10:00:00Z"), None)));
        assert_eq!(shown.days.last(), Some(&(at("2026-03-01T00:00:00Z"), None)));
        assert!(!shown.is_complete());
    }

    #[test]
    fn what_is_over_is_counted_once_and_what_runs_each_time() {
        let spans = Spans::at(at("2026-03-01T10:01:00Z"));
        let all = spans.missing(&HashMap::new());
        assert_eq!(all.len(), 138);
        assert_eq!(all.first(), Some(&Span::Hour(at("2026-03-01T10:00:00Z"))), "the newest first");
        let counted: HashMap<Span, Written> = all.iter().map(|span| (*span, Written::default())).collect();
        let again = spans.missing(&counted);
        // The hour that ended a minute ago may still get something.
        let expected = [
            Span::Hour(at("2026-03-01T10:00:00Z")),
            Span::Hour(at("2026-03-01T09:00:00Z")),
            Span::Day(at("2026-03-01T00:00:00Z")),
        ];
        assert_eq!(again, expected);
        assert!(Spans::at(at("2026-03-01T10:02:00Z")).is_settled(expected[1]));
        assert!(spans.overview(&counted, Totals::default()).is_complete());
    }
}
