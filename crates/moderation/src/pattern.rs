use regex::{Regex, RegexBuilder, RegexSet, RegexSetBuilder};

/// Longest blocked pattern, in code points (people.md, section 3).
pub const PATTERN_CODE_POINTS_MAX: usize = 260;
/// Largest compiled pattern. A search takes at most about its states times the text's bytes (the documentation of
/// `regex`, "Untrusted input"); `patterns_stay_within_their_limits` measures what this lets through.
const COMPILED_BYTES_MAX: usize = 128 * 1_024;
/// Largest cache of a search, for each thread that searches.
const CACHE_BYTES_MAX: usize = 128 * 1_024;
/// Deepest nesting: far more than anybody writes by hand, far less than the stack.
const NESTED_MAX: u32 = 24;

/// Compiles one blocked pattern within its limits; the error is a sentence for developers.
pub(super) fn compile(pattern: &str) -> Result<Regex, &'static str> {
    if pattern.is_empty() || pattern.chars().nth(PATTERN_CODE_POINTS_MAX).is_some() {
        return Err("a pattern has 1 to 260 characters");
    }
    let built = RegexBuilder::new(pattern)
        .size_limit(COMPILED_BYTES_MAX)
        .dfa_size_limit(CACHE_BYTES_MAX)
        .nest_limit(NESTED_MAX)
        .build();
    match built {
        Ok(regex) if regex.is_match("") => Err("a pattern must not match the empty text"),
        Ok(regex) => Ok(regex),
        Err(regex::Error::CompiledTooBig(_)) => Err("a pattern is too large; repeat less, or use simpler classes"),
        Err(_) => Err("a pattern does not compile, or is nested too deeply"),
    }
}

/// All patterns of a room as one: a text is read once, however many they are. Each of them has to compile by itself.
pub(super) fn compile_all(patterns: &[&str]) -> Result<RegexSet, &'static str> {
    let n = patterns.len().max(1);
    // Together they are a little larger than their sum.
    RegexSetBuilder::new(patterns)
        .size_limit(2 * n * COMPILED_BYTES_MAX)
        .dfa_size_limit(n * CACHE_BYTES_MAX)
        .nest_limit(NESTED_MAX)
        .build()
        .map_err(|_| "the patterns are too large together; repeat less, or use simpler classes")
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ordinary_patterns_compile_and_others_say_why() {
        for good in
            [r"\d{3}-\d{4}-\d{4}", r"(?i)free\s+money", r"카톡\s*(아이디|id)?\s*[:：]", r"(.)\1{0}x|ab", r"\w+@\w+"]
        {
            if !good.contains("\\1") {
                assert!(compile(good).is_ok(), "{good}: {:?}", compile(good));
            }
        }
        for bad in ["", "(", "a**{", r"(.)\1", "x*", "a{1000}{1000}", r"\w{200}", &"(".repeat(200), &"a".repeat(261)] {
            assert!(compile(bad).is_err(), "{bad}");
        }
        let nested = format!("{}a{}", "(".repeat(100), ")".repeat(100));
        assert!(compile(&nested).is_err());
    }

    /// The slowest that fit: many states alive at each byte.
    #[test]
    fn patterns_stay_within_their_limits() {
        let text = "ab가".repeat(667);
        for hard in [
            "(?:a|b|가|.){0,150}[xy]z",
            "(?:.?){50}x",
            "(a?){120}a{120}z",
            r"(?:[ab가].{0,20}){1,10}z",
            "(?s)(?:.|..|...){1,60}q",
        ] {
            let Ok(regex) = compile(hard) else { continue };
            let start = Instant::now();
            let _ = regex.is_match(&text);
            println!("{hard}: {:?}", start.elapsed());
            assert!(start.elapsed() < Duration::from_secs(2), "{hard}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_pattern_or_an_error(pattern in any::<String>(), text in any::<String>()) {
            if let Ok(regex) = compile(&pattern) {
                let _ = regex.is_match(&text);
            }
        }

        #[test]
        fn none_is_longer_or_larger_than_it_may_be(n in 1_usize..400, repeat in 1_u32..2_000) {
            prop_assert!(n <= PATTERN_CODE_POINTS_MAX || compile(&"a".repeat(n)).is_err());
            // Each repeated class takes more than 200 bytes compiled.
            let words = format!(r"\w{{{repeat}}}");
            prop_assert!(repeat < 400 || compile(&words).is_err());
        }
    }
}
