//! The partitions of the archive on PostgreSQL: a month of UTC each, by the time a message was written.

use chrono::{DateTime, Datelike, Months, NaiveDate, Utc};

/// A month.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Month(NaiveDate);

impl Month {
    /// The one that a time is in.
    pub fn of(at: DateTime<Utc>) -> Self {
        let day = at.date_naive();
        Self(day.with_day(1).unwrap_or(day))
    }

    /// The name of its partition.
    pub fn table(self) -> String {
        format!("messages_archive_{}", self.0.format("%Y_%m"))
    }

    /// Makes its table and takes it among the partitions. Neither makes a reader or a writer wait: `PARTITION OF` would
    /// lock the whole archive, and `ATTACH` does not.
    pub fn made(self) -> String {
        let table = self.table();
        let end = self.0.checked_add_months(Months::new(1)).unwrap_or(self.0);
        format!(
            "CREATE TABLE {table} (LIKE messages_archive INCLUDING DEFAULTS INCLUDING CONSTRAINTS);
            ALTER TABLE messages_archive ATTACH PARTITION {table}
                FOR VALUES FROM ('{}T00:00:00Z') TO ('{}T00:00:00Z')",
            self.0, end
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_has_its_table_and_its_bounds() {
        let at = |text: &str| text.parse::<DateTime<Utc>>().expect("a time");
        for (time, table, from, to) in [
            ("2026-03-01T00:00:00Z", "messages_archive_2026_03", "2026-03-01", "2026-04-01"),
            ("2026-03-31T23:59:59.999Z", "messages_archive_2026_03", "2026-03-01", "2026-04-01"),
            ("2025-12-31T12:00:00Z", "messages_archive_2025_12", "2025-12-01", "2026-01-01"),
        ] {
            let month = Month::of(at(time));
            assert_eq!(month.table(), table);
            let sql = month.made();
            assert!(sql.contains(&format!("FROM ('{from}T00:00:00Z') TO ('{to}T00:00:00Z')")), "{sql}");
        }
    }
}
