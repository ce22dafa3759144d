use chrono::TimeDelta;

/// After this the first letter that was not taken goes again.
const FIRST: TimeDelta = TimeDelta::seconds(5);
/// No letter waits for longer.
const LONGEST: TimeDelta = TimeDelta::hours(24);
/// Then nobody waits for it any more.
const GIVEN_UP: TimeDelta = TimeDelta::days(3);

/// After how long a letter goes again that was not taken: later each time (four times as long, from 5 seconds to a day),
/// and not at all once it is three days old.
pub fn next_try(tries: i32, age: TimeDelta) -> Option<TimeDelta> {
    if age >= GIVEN_UP {
        return None;
    }
    let exponent = u32::try_from(tries.saturating_sub(1)).unwrap_or(0);
    let factor = 4_i32.checked_pow(exponent).unwrap_or(i32::MAX);
    Some(FIRST.checked_mul(factor).map_or(LONGEST, |wait| wait.min(LONGEST)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn later_each_time_up_to_a_day_for_three_days() {
        let waits: Vec<_> =
            (1..=9).filter_map(|tries| next_try(tries, TimeDelta::zero())).map(|w| w.num_seconds()).collect();
        assert_eq!(waits, [5, 20, 80, 320, 1_280, 5_120, 20_480, 81_920, 86_400]);
        assert_eq!(next_try(1, TimeDelta::days(3)), None);
    }

    proptest! {
        #[test]
        fn no_number_of_tries_breaks_it(tries in any::<i32>(), seconds in 0..260_000_i64) {
            let wait = next_try(tries, TimeDelta::seconds(seconds));
            prop_assert_eq!(wait.is_some(), seconds < 259_200);
            prop_assert!(wait.is_none_or(|wait| wait >= FIRST && wait <= LONGEST));
        }
    }
}
