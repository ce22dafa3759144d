use std::{collections::BTreeMap, fmt, str::FromStr};

use serde::Serialize;

use super::numbers::{float, micros, time};

/// A figure at the end of a run that a condition may be about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A time, kept in microseconds.
    Time,
    /// A count or a rate.
    Number,
}

/// Latencies are known by these: alone those of deliveries, behind a prefix the others.
const TIMES: [&str; 6] = ["p50", "p90", "p99", "p99.9", "mean", "max"];
const PREFIXES: [&str; 5] = ["", "ack-", "join-", "own-", "other-"];
/// The p99 of deliveries between servers minus that within them.
const DIFFERENCE: &str = "p99-difference";
/// How long after the begin of a raid the preset against it came.
const PRESET: &str = "raid-preset";
const NUMBERS: [&str; 11] = [
    "lost",
    "duplicated",
    "reordered",
    "unacknowledged",
    "errors",
    "rate",
    "deliveries",
    "flood-messages",
    "flood-kib",
    "raid-shown",
    "raid-talkers-refused",
];

/// The names that conditions may use.
pub fn names() -> impl Iterator<Item = (String, Kind)> {
    let times = PREFIXES.into_iter().flat_map(|of| TIMES.map(|time| (format!("{of}{time}"), Kind::Time)));
    let times = times.chain([DIFFERENCE, PRESET].map(|name| (name.to_owned(), Kind::Time)));
    times.chain(NUMBERS.map(|name| (name.to_owned(), Kind::Number)))
}

/// A condition that fails a run, as `p99>500ms` or `lost>0`.
#[derive(Debug, Clone, PartialEq)]
pub struct Threshold {
    written: String,
    name: String,
    compare: Compare,
    /// Microseconds or a plain number.
    bound: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Compare {
    Above,
    AtLeast,
    Below,
    AtMost,
}

impl Threshold {
    /// Parses a name, one of `>`, `>=`, `<`, `<=`, and a bound: a time for latencies, else a number.
    /// The error: a sentence that says what is expected.
    pub fn parse(written: &str) -> Result<Self, String> {
        let wrong = || "a condition is a name, > or <, and a bound, as 'p99>500ms' or 'lost>0'".to_owned();
        let at = written.find(['<', '>']).ok_or_else(wrong)?;
        let (name, rest) = written.split_at_checked(at).ok_or_else(wrong)?;
        let (compare, bound) =
            [(">=", Compare::AtLeast), ("<=", Compare::AtMost), (">", Compare::Above), ("<", Compare::Below)]
                .into_iter()
                .find_map(|(sign, compare)| Some((compare, rest.strip_prefix(sign)?.trim())))
                .ok_or_else(wrong)?;
        let name = name.trim();
        let Some((name, kind)) = names().find(|(known, _)| known == name) else {
            let names: Vec<_> = names().map(|(name, _)| name).collect();
            return Err(format!("{name:?} is none of {}", names.join(", ")));
        };
        let bound = match kind {
            Kind::Time if bound.bytes().all(|b| b.is_ascii_digit()) => {
                return Err(format!("{name} is a time: give its unit, as {bound}ms"));
            }
            Kind::Time => float(micros(time(bound)?)),
            Kind::Number => match f64::from_str(bound) {
                Ok(number) if number.is_finite() => number,
                _ => return Err(format!("{name} is a number, as 0")),
            },
        };
        Ok(Self { written: written.to_owned(), name, compare, bound })
    }

    /// Whether the condition is true of these figures (times in microseconds). A figure that is not there, since
    /// nothing was measured, makes it true: no run passes by measuring nothing.
    pub fn fails(&self, figures: &BTreeMap<String, f64>) -> bool {
        let Some(&figure) = figures.get(&self.name) else { return true };
        match self.compare {
            Compare::Above => figure > self.bound,
            Compare::AtLeast => figure >= self.bound,
            Compare::Below => figure < self.bound,
            Compare::AtMost => figure <= self.bound,
        }
    }
}

impl fmt::Display for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

/// A condition at the end of a run.
#[derive(Debug, Clone, Serialize)]
pub struct Verdict {
    /// As it was written.
    pub condition: String,
    /// Whether it was true, which fails the run.
    pub failed: bool,
}

/// Holds the conditions against the figures of a run.
pub fn judge(conditions: &[Threshold], figures: &BTreeMap<String, f64>) -> Vec<Verdict> {
    conditions.iter().map(|t| Verdict { condition: t.to_string(), failed: t.fails(figures) }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures() -> BTreeMap<String, f64> {
        [("p99", 500_000.0), ("lost", 0.0), ("rate", 20.0)].map(|(n, f)| (n.to_owned(), f)).into()
    }

    #[test]
    fn conditions_compare() {
        for (written, fails) in [
            ("p99>500ms", false),
            ("p99>=500ms", true),
            ("p99 > 0.4s", true),
            ("p99>499999us", true),
            ("p99<1s", true),
            ("p99<=0.5s", true),
            ("lost>0", false),
            ("lost>=0", true),
            ("rate<20", false),
            ("rate<20.5", true),
        ] {
            let threshold = Threshold::parse(written).expect(written);
            assert_eq!(threshold.fails(&figures()), fails, "{written}");
            assert_eq!(threshold.to_string(), written);
        }
    }

    #[test]
    fn what_was_not_measured_has_not_held() {
        assert!(Threshold::parse("ack-p99>1h").expect("a condition").fails(&figures()));
    }

    #[test]
    fn wrong_conditions_are_refused() {
        for wrong in [
            "", "p99", "p99=3", ">3ms", "p98>3ms", "p99>", "p99>5", "p99>fast", "lost>1ms", "lost>NaN", "lost>inf",
            "p99>-1ms", "한<1",
        ] {
            assert!(Threshold::parse(wrong).is_err(), "{wrong}");
        }
    }
}
