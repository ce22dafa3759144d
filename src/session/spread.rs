use std::time::Duration;

/// A random number from 0 to 1, to spread what would otherwise happen in one instant.
pub fn random_unit() -> f64 {
    getrandom::u32().map_or(0.5, |n| f64::from(n) / f64::from(u32::MAX))
}

/// A part of a time, from 0 to 1.
pub fn share(of: Duration, part: f64) -> Duration {
    Duration::try_from_secs_f64(of.as_secs_f64() * part.clamp(0.0, 1.0)).unwrap_or(of)
}
