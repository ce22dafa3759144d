//! Names and texts of other systems made to fit. Nothing of a text is lost.

use chat_domain::{CONTENT_CODE_POINTS_MAX, Content, NICKNAME_GRAPHEMES_MAX, Nickname};
use unicode_segmentation::UnicodeSegmentation;

/// What closes a fence of code and opens it again takes room as well.
const FENCE_MAX: usize = 80;

/// A text as messages: as few as may be, cut where a paragraph ends, else a line, else a word. What cannot be seen is
/// none. Code that goes on in the next message is code there as well.
pub fn split(text: &str) -> Vec<Content> {
    let clean: String = text.replace("\r\n", "\n").replace('\r', "\n");
    let clean: String = clean.chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t')).collect();
    if let Ok(content) = Content::parse(&clean) {
        return vec![content];
    }
    let mut parts = Vec::new();
    let mut rest = clean.trim();
    let mut fence: Option<String> = None;
    while !rest.is_empty() {
        let (part, behind) = first_part(rest, CONTENT_CODE_POINTS_MAX.saturating_sub(FENCE_MAX));
        let opened = fence.clone();
        for line in part.lines() {
            fence = fence_after(fence, line);
        }
        let mut whole = opened.map_or_else(String::new, |opening| format!("{opening}\n"));
        whole.push_str(part);
        if let (Some(opening), false) = (&fence, behind.trim().is_empty()) {
            let n_ticks = opening.chars().take_while(|c| *c == '`').count();
            whole.push('\n');
            whole.push_str(&"`".repeat(n_ticks));
        }
        parts.extend(Content::parse(&whole).ok());
        // Within code spaces at the beginning of a line count.
        rest = if fence.is_some() { behind.trim_start_matches('\n') } else { behind.trim_start() };
        if rest.trim().is_empty() {
            break;
        }
    }
    parts
}

/// The line that opened the code which this line leaves open.
fn fence_after(open: Option<String>, line: &str) -> Option<String> {
    let n_ticks = line.chars().take_while(|c| *c == '`').count();
    if n_ticks < 3 {
        return open;
    }
    match open {
        Some(opening) => {
            let needs = opening.chars().take_while(|c| *c == '`').count();
            let closes = n_ticks >= needs && line.trim_end().chars().all(|c| c == '`');
            if closes { None } else { Some(opening) }
        }
        None => {
            let name: String = line.chars().skip(n_ticks).collect();
            let is_fence = name.chars().all(|c| c.is_alphanumeric() || "_+#.- \t".contains(c));
            (is_fence && line.chars().count() <= FENCE_MAX / 2).then(|| line.to_owned())
        }
    }
}

/// What comes into one message of so many code points, and what is behind it.
fn first_part(text: &str, max: usize) -> (&str, &str) {
    let Some((end, _)) = text.char_indices().nth(max) else { return (text, "") };
    let window = text.get(..end).unwrap_or(text);
    // A part of less than a half would be a message too many.
    let half = window.char_indices().nth(max / 2).map_or(0, |(at, _)| at);
    let late = |at: Option<usize>| at.filter(|at| *at > half);
    let at = late(window.rfind("\n\n"))
        .or_else(|| late(window.rfind('\n')))
        .or_else(|| late(window.rfind(char::is_whitespace)))
        .or_else(|| {
            let mut last = None;
            for (at, _) in text.grapheme_indices(true).take_while(|(at, _)| *at <= end) {
                last = Some(at);
            }
            last.filter(|at| *at > 0)
        })
        .unwrap_or(end);
    (text.get(..at).unwrap_or(text), text.get(at..).unwrap_or_default())
}

/// A name that fits, and whether it is another one than was given.
pub fn nickname_of(name: &str) -> (Nickname, bool) {
    if let Ok(nickname) = Nickname::parse(name) {
        return (nickname, false);
    }
    let mut graphemes: Vec<&str> = Vec::new();
    for grapheme in name.graphemes(true).take(1_000) {
        let is_space = grapheme.chars().all(char::is_whitespace);
        // What may not stand in a name may not stand between two letters either.
        if is_space || Nickname::parse(&format!("a{grapheme}b")).is_ok() {
            graphemes.push(grapheme);
        }
    }
    let folded = graphemes.concat();
    let folded = folded.split_whitespace().collect::<Vec<_>>().join(" ");
    let graphemes: Vec<&str> = folded.graphemes(true).collect();
    let cut = |n: usize| format!("{}…", graphemes.iter().take(n).copied().collect::<String>().trim_end());
    let shorter = (1..NICKNAME_GRAPHEMES_MAX).rev().map(cut);
    let candidates = [folded.clone(), format!("{folded}.")].into_iter().chain(shorter);
    let fitting = candidates.filter(|_| !graphemes.is_empty()).find_map(|name| Nickname::parse(&name).ok());
    (fitting.unwrap_or_else(|| Nickname::from_stored("Guest".to_owned())), true)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn texts(text: &str) -> Vec<String> {
        split(text).iter().map(|content| content.as_str().to_owned()).collect()
    }

    #[test]
    fn names_are_fitted() {
        let cases = [
            ("수달", "수달", false),
            ("  a   b ", "a b", false),
            ("김", "김.", true),
            ("", "Guest", true),
            ("\u{200b}", "Guest", true),
            ("ad\u{202e}min", "admin", true),
            ("Wednesday Reading « Cynwise's Battlefield", "Wednesday Read…", true),
            ("👩‍👩‍👧‍👦", "👩‍👩‍👧‍👦.", true),
        ];
        for (name, fitted, is_changed) in cases {
            let (nickname, changed) = nickname_of(name);
            assert_eq!((nickname.as_str(), changed), (fitted, is_changed), "{name:?}");
        }
    }

    #[test]
    fn texts_are_cut_where_it_hurts_least() {
        assert_eq!(texts("짧은 글"), ["짧은 글"]);
        assert_eq!(texts(" \n\u{0} "), [""; 0]);
        let paragraph = "가".repeat(1_500);
        assert_eq!(texts(&format!("{paragraph}\n\n{paragraph}")), [paragraph.clone(), paragraph]);
        let words = "otter ".repeat(1_000);
        let parts = texts(&words);
        assert_eq!(parts.len(), 4);
        assert!(parts.iter().all(|part| part.split(' ').all(|word| word == "otter")), "no word is cut");
        let hard = texts(&"👩‍👩‍👧‍👦".repeat(1_000));
        assert!(hard.iter().all(|part| part.graphemes(true).all(|g| g == "👩‍👩‍👧‍👦")), "no emoji is cut");
    }

    #[test]
    fn code_goes_on_as_code() {
        let code = format!("look:\n```rust\n{}```\nend", "    let otter = 1;\n".repeat(300));
        let parts = texts(&code);
        assert!(parts.len() > 2);
        for (n, part) in parts.iter().enumerate() {
            let fences: Vec<&str> = part.lines().filter(|line| line.starts_with("```")).collect();
            assert_eq!(fences, ["```rust", "```"], "part {n}");
        }
        assert_eq!(parts.concat().matches("    let otter = 1;").count(), 300, "nothing is lost");
    }

    proptest! {
        // Texts of several messages each: they take their time.
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn nothing_that_can_be_seen_is_lost(text in "([a-z가-힣👍 \n]{0,9}(\n\n|)){0,900}") {
            let seen = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<String>();
            let parts = split(&text);
            let joined: String = parts.iter().map(Content::as_str).collect();
            prop_assert_eq!(seen(&joined), seen(&text));
            prop_assert!(parts.len() <= text.chars().count() / 900 + 1);
        }

        #[test]
        fn whatever_comes_makes_messages(text in "(`{0,5}|\\PC|\n|\u{0}|\u{85}){0,4000}") {
            for part in split(&text) {
                prop_assert!(part.as_str().chars().count() <= CONTENT_CODE_POINTS_MAX);
            }
        }

    }

    proptest! {
        #[test]
        fn every_name_can_be_fitted(name in any::<String>()) {
            let (fitted, is_changed) = nickname_of(&name);
            prop_assert_eq!(Nickname::parse(fitted.as_str()), Ok(fitted));
            prop_assert!(is_changed || Nickname::parse(&name).is_ok());
        }
    }
}
