//! Figures as a reader sees them.

use crate::numbers::{float, whole};

/// A count with commas.
pub fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A time in three digits, with its unit.
pub fn latency(us: u64) -> String {
    let (number, unit) = match float(us) {
        us if us < 1e3 => return format!("{us:.0} µs"),
        us if us < 1e6 => (us / 1e3, "ms"),
        us => (us / 1e6, "s"),
    };
    match number {
        n if n < 10.0 => format!("{n:.2} {unit}"),
        n if n < 100.0 => format!("{n:.1} {unit}"),
        n => format!("{n:.0} {unit}"),
    }
}

/// Bytes in three digits, with their unit.
pub fn bytes(n: f64) -> String {
    let (number, unit) = match n {
        n if n.abs() < 1024.0 => (n, "B"),
        n if n.abs() < 1024.0 * 1024.0 => (n / 1024.0, "KiB"),
        n => (n / 1024.0 / 1024.0, "MiB"),
    };
    if number.abs() < 10.0 { format!("{number:.2} {unit}") } else { format!("{number:.1} {unit}") }
}

/// A rate: whole where it is large.
pub fn rate(per_second: f64) -> String {
    if per_second >= 100.0 { count(whole(per_second.round())) } else { format!("{per_second:.1}") }
}

/// A figure, or a dash where there is none.
pub fn or_dash<T>(figure: Option<T>, write: impl FnOnce(T) -> String) -> String {
    figure.map_or_else(|| "-".to_owned(), write)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_written_for_people() {
        for (n, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (12_345_678, "12,345,678")] {
            assert_eq!(count(n), text);
        }
        for (us, text) in
            [(7, "7 µs"), (1_500, "1.50 ms"), (12_340, "12.3 ms"), (480_000, "480 ms"), (2_500_000, "2.50 s")]
        {
            assert_eq!(latency(us), text);
        }
        for (n, text) in [(10.0, "10.0 B"), (2048.0, "2.00 KiB"), (3.5 * 1024.0 * 1024.0, "3.50 MiB")] {
            assert_eq!(bytes(n), text);
        }
    }
}
