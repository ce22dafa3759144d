use aho_corasick::{AhoCorasick, MatchKind};
use chat_domain::Emoji;
use regex::RegexSet;
use unicode_segmentation::UnicodeSegmentation;

use super::{
    confusables::{Class, class},
    fold::{Leet, base, folded, unleeted},
    links::n_links,
    pattern,
    settings::{RoomRules, SettingsError},
};

/// Why a text was blocked. Its author is told no more than that it was: else they would write around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Blocked {
    /// It has a blocked word.
    #[error("the text has a blocked word")]
    Word,
    /// It matches a blocked pattern.
    #[error("the text matches a blocked pattern")]
    Pattern,
    /// It has more links than a message may have.
    #[error("the text has too many links")]
    Links,
    /// It is not emoji alone.
    #[error("the text has something beside emoji")]
    NotEmoji,
}

/// A room's rules for texts, compiled. Cheap to ask, dear to make: one is made when the settings change.
#[derive(Debug)]
pub struct TextRules {
    words: Option<AhoCorasick>,
    patterns: RegexSet,
    n_links_max: Option<usize>,
    emoji_only: bool,
}

impl TextRules {
    /// Compiles the rules.
    ///
    /// # Errors
    /// A pattern that does not compile or is too large.
    pub fn compile(rules: &RoomRules) -> Result<Self, SettingsError> {
        let refused = |reason| SettingsError::new("blockedPatterns", reason);
        for pattern in &rules.blocked_patterns {
            pattern::compile(pattern).map_err(refused)?;
        }
        let patterns: Vec<&str> = rules.blocked_patterns.iter().map(String::as_str).collect();
        Self::with_patterns(rules, pattern::compile_all(&patterns).map_err(refused)?)
    }

    /// Compiles stored rules: a pattern that this release takes no more is left out, since a room with all its other
    /// rules is better than one without any.
    pub fn of_stored(rules: &RoomRules) -> Self {
        let taken = rules.blocked_patterns.iter().map(String::as_str).filter(|p| pattern::compile(p).is_ok());
        let patterns = pattern::compile_all(&taken.collect::<Vec<_>>()).unwrap_or_default();
        Self::with_patterns(rules, patterns).unwrap_or(Self {
            words: None,
            patterns: RegexSet::default(),
            n_links_max: None,
            emoji_only: rules.emoji_only,
        })
    }

    fn with_patterns(rules: &RoomRules, patterns: RegexSet) -> Result<Self, SettingsError> {
        // A word with digits between letters is blocked as it is written and as it is read.
        let forms = rules.blocked_words.iter().flat_map(|word| [base(word), folded(word)]);
        let mut forms: Vec<String> = forms.filter(|form| !form.is_empty()).collect();
        forms.sort_unstable();
        forms.dedup();
        let words = if forms.is_empty() {
            None
        } else {
            // Standard: all matches are looked at, since the longest may be within a word and a shorter one not.
            let built = AhoCorasick::builder().match_kind(MatchKind::Standard).build(forms);
            Some(built.map_err(|_| SettingsError::new("blockedWords", "the words are too many or too long"))?)
        };
        let n_links_max = rules.links_max.and_then(|n| usize::try_from(n).ok());
        Ok(Self { words, patterns, n_links_max, emoji_only: rules.emoji_only })
    }

    /// Judges a text.
    ///
    /// # Errors
    /// The first rule that it breaks.
    pub fn check(&self, content: &str) -> Result<(), Blocked> {
        if self.emoji_only && !is_emoji_only(content) {
            return Err(Blocked::NotEmoji);
        }
        if self.n_links_max.is_some_and(|n_max| n_links(content) > n_max) {
            return Err(Blocked::Links);
        }
        if self.words.is_none() && self.patterns.is_empty() {
            return Ok(());
        }
        let base = base(content);
        // Where digits or signs stand at letters, the text is also read with letters in their place.
        let mut read: Vec<String> = Leet::ALL.into_iter().filter_map(|leet| unleeted(&base, leet)).collect();
        read.dedup();
        if self.has_word(&base) || read.iter().any(|text| self.has_word(text)) {
            return Err(Blocked::Word);
        }
        if self.patterns.is_empty() {
            return Ok(());
        }
        // The first way of reading is that of `folded`.
        let folded = unleeted(&base, Leet::INSIDE).unwrap_or(base);
        let is_blocked = self.patterns.is_match(content) || (folded != content && self.patterns.is_match(&folded));
        if is_blocked { Err(Blocked::Pattern) } else { Ok(()) }
    }

    fn has_word(&self, folded: &str) -> bool {
        let Some(words) = &self.words else { return false };
        words.find_overlapping_iter(folded).any(|found| {
            let (Some(word), Some(before), Some(behind)) =
                (folded.get(found.range()), folded.get(..found.start()), folded.get(found.end()..))
            else {
                return false;
            };
            ends_at(word.chars().next(), before.chars().next_back())
                && ends_at(word.chars().next_back(), behind.chars().next())
        })
    }
}

/// Whether a word may end with `edge` where `next` is beside it. Scripts without spaces have no such ends, and a word
/// of theirs is found anywhere.
fn ends_at(edge: Option<char>, next: Option<char>) -> bool {
    let (Some(edge), Some(next)) = (edge, next) else { return true };
    match (class(edge), class(next)) {
        (Class::Letter, Class::Letter) | (Class::Digit, Class::Digit | Class::Letter) => false,
        (Class::Letter | Class::Digit | Class::Unspaced | Class::Other, _) => true,
    }
}

fn is_emoji_only(text: &str) -> bool {
    text.graphemes(true).all(|cluster| {
        let is_space = cluster.chars().all(char::is_whitespace);
        // Keyboards leave out the selector that makes a picture of a sign.
        is_space || Emoji::parse(cluster).is_ok() || Emoji::parse(&format!("{cluster}\u{fe0f}")).is_ok()
    })
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use proptest::prelude::*;

    use super::*;

    fn blocking(words: &[&str], patterns: &[&str]) -> TextRules {
        let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        let rules =
            RoomRules { blocked_words: owned(words), blocked_patterns: owned(patterns), ..RoomRules::default() };
        TextRules::compile(&rules).expect("rules")
    }

    #[test]
    fn words_are_found_however_they_are_written() {
        let rules =
            blocking(&["shit", "free money", "시발", "ㅅㅂ", "18놈", "ass", "slut", "бля", "a$ap", "死ね"], &[]);
        for bad in [
            "Shit",
            "what the SHIT!",
            "sh1t",
            "$hit",
            "s\u{200b}hit",
            "ѕhіt",
            "ｓｈｉｔ",
            "shit2",
            "sh!t",
            "안녕shit해",
            "FREE\n  money",
            "시발",
            "아시발점",
            "ㅅㅣㅂㅏㄹ",
            "시\u{3164}발",
            "와ㅅㅂㅋㅋ",
            "18놈",
            "야18놈아",
            "a55",
            "ass.",
            "s1ut",
            "БЛЯ",
            "a$ap",
            "お前死ねよ",
            "@shit",
            "shit!!",
            "fff sh1t!",
        ] {
            assert_eq!(rules.check(bad), Err(Blocked::Word), "{bad}");
        }
        for good in
            ["shitake", "class", "assess", "free the money", "삿바 시 발", "2018놈", "s hit", "slu", "бляха", "18 놈"]
        {
            assert_eq!(rules.check(good), Ok(()), "{good}");
        }
    }

    #[test]
    fn patterns_see_the_text_and_its_fold() {
        let rules = blocking(&[], &[r"[A-Z]{8}", r"카톡\s*:", "casino"]);
        for bad in ["SHOUTING!", "카톡 : abc", "CASINO", "c\u{200b}asino", "ｃａｓｉｎｏ", "cas1no"] {
            assert_eq!(rules.check(bad), Err(Blocked::Pattern), "{bad}");
        }
        assert_eq!(rules.check("shouting"), Ok(()));
    }

    #[test]
    fn links_and_emoji() {
        let links = TextRules::compile(&RoomRules { links_max: Some(1), ..RoomRules::default() }).expect("rules");
        assert_eq!(links.check("https://a.b"), Ok(()));
        assert_eq!(links.check("https://a.b www.c.com"), Err(Blocked::Links));
        let emoji = TextRules::compile(&RoomRules { emoji_only: true, ..RoomRules::default() }).expect("rules");
        for good in ["👍", "👍 ❤\n👨‍👩‍👧‍👦", "1️⃣🇰🇷", "❤"] {
            assert_eq!(emoji.check(good), Ok(()), "{good}");
        }
        for bad in ["a", "👍a", "1", "ㅋㅋ", "😀."] {
            assert_eq!(emoji.check(bad), Err(Blocked::NotEmoji), "{bad}");
        }
    }

    #[test]
    fn stored_rules_do_without_the_pattern_that_is_wrong() {
        let patterns = vec!["(".to_owned(), "bad".to_owned()];
        let rules =
            RoomRules { blocked_patterns: patterns, blocked_words: vec!["word".to_owned()], ..RoomRules::default() };
        assert_eq!(TextRules::compile(&rules).unwrap_err().field, "blockedPatterns");
        let stored = TextRules::of_stored(&rules);
        assert_eq!(stored.check("bad"), Err(Blocked::Pattern));
        assert_eq!(stored.check("a word"), Err(Blocked::Word));
    }

    /// Words that are all parts of each other, in a text of nothing else: the most matches there can be.
    #[test]
    fn the_worst_words_are_bounded() {
        let words: Vec<String> = (1..=64).map(|n| "a".repeat(n)).collect();
        let rules = TextRules::compile(&RoomRules { blocked_words: words, ..RoomRules::default() }).expect("rules");
        let start = Instant::now();
        assert_eq!(rules.check(&format!("x{}x", "a".repeat(1_998))), Ok(()));
        assert!(start.elapsed().as_secs() < 2, "{:?}", start.elapsed());
    }

    proptest! {
        #[test]
        fn any_text_is_judged(text in any::<String>(), words in prop::collection::vec("[a-z가-힣0-9$ㄱ-ㅎ]{1,5}", 0..20)) {
            let rules = RoomRules {
                blocked_words: words, blocked_patterns: vec![r"\d{3}".into(), r"(?i)x.y".into()], links_max: Some(0),
                emoji_only: false, ..RoomRules::default()
            };
            let rules = TextRules::compile(&rules).expect("rules");
            let _ = rules.check(&text);
            let emoji = TextRules::compile(&RoomRules { emoji_only: true, ..RoomRules::default() }).expect("rules");
            let _ = emoji.check(&text);
        }

        #[test]
        fn a_word_among_others_is_found(word in "[a-z]{1,8}|[가-힣]{1,4}", before in "[ .가-힣]{0,9}", behind in "[ .가-힣]{0,9}") {
            let rules = blocking(&[&word], &[]);
            prop_assert_eq!(rules.check(&format!("{before}{word}{behind}")), Err(Blocked::Word));
            prop_assert_eq!(rules.check(&format!("{before}{}{behind}", word.to_uppercase())), Err(Blocked::Word));
        }
    }
}
