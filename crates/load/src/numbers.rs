//! Conversions between the kinds of numbers that measuring needs, in one place, each with its rule.

use std::time::Duration;

/// A count or a time as a number to calculate with. Exact up to 2^53, which is 285 years in microseconds.
#[expect(clippy::as_conversions, reason = "there is no lossless conversion, and 53 bits are enough")]
pub fn float(n: u64) -> f64 {
    n as f64
}

/// A number as a count: rounded down, negative and not-a-number become 0.
#[expect(clippy::as_conversions, reason = "saturates, which is the rule wanted here")]
pub fn whole(number: f64) -> u64 {
    number as u64
}

/// A length of a list as a count.
pub fn count(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}

/// A count as a length of a list.
pub fn size(n: u64) -> usize {
    usize::try_from(n).unwrap_or(usize::MAX)
}

pub fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// A part of a whole; 0 of nothing.
pub fn per(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { 0.0 }
}

/// A time with its unit: `500ms`, `10s`, `2m`; without a unit it is seconds.
pub fn time(written: &str) -> Result<Duration, String> {
    let wrong = || "it is a time, as 500ms, 10s or 2m".to_owned();
    let digits = written.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let number: f64 = digits.parse().map_err(|_| wrong())?;
    let seconds = match written.strip_prefix(digits) {
        Some("us") => number / 1e6,
        Some("ms") => number / 1e3,
        Some("s" | "") => number,
        Some("m") => number * 60.0,
        Some("h") => number * 3600.0,
        _ => return Err(wrong()),
    };
    let week = 7.0 * 86_400.0;
    Duration::try_from_secs_f64(seconds).ok().filter(|_| seconds <= week).ok_or_else(wrong)
}
