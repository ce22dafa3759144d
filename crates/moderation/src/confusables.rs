use unicode_normalization::char::is_combining_mark;
use unicode_security::confusable_detection::skeleton;

/// Characters that draw nothing: Default_Ignorable_Code_Point of Unicode with its variation selectors, controls other
/// than white space, the blank of Braille, and what only turns the direction of writing.
pub(super) fn draws_nothing(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffc}' | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
        || (c.is_control() && !c.is_whitespace())
}

/// Letters of scripts that are read as they stand: syllables and letters of Hangul, Han, Kana, and pictures.
/// Nobody hides a word in look-alikes among them, and most texts here consist of them.
pub(super) fn stands_for_itself(c: char) -> bool {
    matches!(c,
        '\u{ac00}'..='\u{d7a3}' | '\u{4e00}'..='\u{9fff}' | '\u{3041}'..='\u{3096}' | '\u{30a1}'..='\u{30fa}'
        | '\u{30fc}' | '\u{3131}'..='\u{3163}' | '\u{1f300}'..='\u{1faff}')
}

/// Marks that any letter can be struck through or surrounded with. Where they do not compose with their letter to one
/// that a language has, they are there to hide it.
pub(super) fn is_decoration(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}' | '\u{483}'..='\u{489}' | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}'
        | '\u{20d0}'..='\u{20ff}' | '\u{fe20}'..='\u{fe2f}')
}

/// Case folded: up and down again, so that `ß` is `ss` and both sigmas are one.
pub(super) fn in_one_case(c: char) -> impl Iterator<Item = char> {
    // ASCII has its own way, since nearly all letters that come here are of it.
    let (ascii, other) = if c.is_ascii() { (Some(c.to_ascii_lowercase()), None) } else { (None, Some(c)) };
    ascii.into_iter().chain(other.into_iter().flat_map(|c| c.to_uppercase().flat_map(char::to_lowercase)))
}

/// What UTS 39 says that a character looks like, in one case. ASCII stays as it is: in a text `1` is no `l`, and
/// `burn` no `bum`.
///
/// A letter looks like what its small form does, or else its capital: in `SНIT` the second is a Cyrillic one, which
/// only as a capital looks like an `H`. So a letter and its capital are one.
pub(super) fn look(c: char, out: &mut String) {
    for c in in_one_case(c) {
        if c.is_ascii() {
            out.push(c);
            continue;
        }
        let small = looks_of(c);
        if small.is_ascii() {
            // UTS 39 writes an m as two letters.
            out.push_str(if small == "rn" { "m" } else { &small });
            continue;
        }
        let mut capitals = c.to_uppercase();
        let capital = capitals.next().filter(|capital| *capital != c && capitals.next().is_none()).map(looks_of);
        out.push_str(&capital.filter(|looks| looks.is_ascii()).unwrap_or(small));
    }
}

fn looks_of(c: char) -> String {
    skeleton(c.encode_utf8(&mut [0; 4])).flat_map(in_one_case).collect()
}

/// How a character counts where a word begins or ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// A letter of a script that puts spaces between words.
    Letter,
    /// A digit.
    Digit,
    /// A letter of a script that does not, or that hangs endings on its words, as Korean does.
    Unspaced,
    /// No part of a word.
    Other,
}

/// The class of a character of folded text.
pub(super) fn class(c: char) -> Class {
    match c {
        'a'..='z' => Class::Letter,
        '0'..='9' => Class::Digit,
        _ if c.is_ascii() => Class::Other,
        // Thai, Lao, Myanmar, Hangul, Khmer, CJK with Kana and compatibility letters, and Han beyond the first plane.
        '\u{e00}'..='\u{eff}'
        | '\u{1000}'..='\u{109f}'
        | '\u{1100}'..='\u{11ff}'
        | '\u{1780}'..='\u{17ff}'
        | '\u{2e80}'..='\u{a4cf}'
        | '\u{a960}'..='\u{a97f}'
        | '\u{ac00}'..='\u{d7ff}'
        | '\u{f900}'..='\u{faff}'
        | '\u{1b000}'..='\u{1b16f}'
        | '\u{20000}'..='\u{3ffff}' => Class::Unspaced,
        _ if c.is_numeric() => Class::Digit,
        _ if c.is_alphabetic() || is_combining_mark(c) => Class::Letter,
        _ => Class::Other,
    }
}
