use std::sync::LazyLock;

use unicode_normalization::UnicodeNormalization;

use super::{
    confusables::{draws_nothing, is_decoration, look, stands_for_itself},
    jamo,
};

/// How often a fold is repeated until nothing changes. Each of its steps can make work for an earlier one once or
/// twice; a test finds no character of Unicode that needs more.
const PASSES_MAX: usize = 6;

/// A text as rules compare it: NFKC, one case, look-alike letters made the one they look like (UTS 39), white space
/// one space, what draws nothing dropped, and digits and signs between Latin letters read as letters (`sh1t`).
///
/// Syllables of Hangul stay syllables, however they were typed, and letters that stand alone (`ㅅㅂ`) stay letters.
/// Folding a folded text changes nothing.
pub fn folded(text: &str) -> String {
    let base = base(text);
    unleeted(&base, Leet::INSIDE).unwrap_or(base)
}

/// A name as the eye compares it: two that look alike have the same skeleton.
///
/// Wider than [`folded`], since all that a collision costs is a mark or another choice: ASCII look-alikes are one
/// (`I`, `l`, `1`; `0`, `o`; `rn`, `m`), and accents and spaces do not count.
pub fn skeleton(nickname: &str) -> String {
    let mut name = nickname.to_owned();
    for _ in 0..PASSES_MAX {
        let next = looks(&name);
        if next == name {
            break;
        }
        name = next;
    }
    name
}

/// One pass of [`skeleton`].
fn looks(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for c in composed(name).nfkc() {
        match jamo::as_compatible(c).unwrap_or(c) {
            c if c.is_whitespace() || draws_nothing(c) => {}
            c @ '\u{ac00}'..='\u{d7a3}' => out.push(c),
            c => look(c, &mut out),
        }
    }
    let one_case = out.nfd().filter(|c| !is_decoration(*c));
    // A small `i` is a capital one in another case, and that is an `l` to the eye.
    let looks = one_case.map(|c| {
        if matches!(c, 'i' | '1' | '|') {
            'l'
        } else if c == '0' {
            'o'
        } else {
            c
        }
    });
    let looks: String = looks.nfc().map(|c| jamo::as_compatible(c).unwrap_or(c)).collect();
    if looks.contains('m') { looks.replace('m', "rn") } else { looks }
}

/// [`folded`] without reading digits and signs as letters.
pub(super) fn base(text: &str) -> String {
    base_of_plain(text).unwrap_or_else(|| base_of_any_to_its_end(text))
}

fn base_of_any_to_its_end(text: &str) -> String {
    let mut folded = base_of_any(text);
    for _ in 1..PASSES_MAX {
        let next = base_of_any(&folded);
        if next == folded {
            break;
        }
        folded = next;
    }
    folded
}

/// Blocks whose characters are folded once and remembered: Latin, Greek, Cyrillic and Armenian; punctuation, arrows and
/// signs; punctuation of CJK; full-width ASCII. Folded anew, Russian takes 1 us a character (examples/check_time.rs).
const KNOWN: [(u32, u32); 4] = [(0xa1, 0x58f), (0x2010, 0x2bff), (0x3001, 0x303f), (0xff01, 0xff5e)];

/// What the characters of [`KNOWN`] become, block behind block. Empty where it depends on what stands beside them.
static FOLDS: LazyLock<Vec<Box<str>>> = LazyLock::new(|| {
    let chars = KNOWN.iter().flat_map(|(first, last)| *first..=*last);
    let folds = chars.map(|code| char::from_u32(code).map(|c| base_of_any_to_its_end(c.encode_utf8(&mut [0; 4]))));
    let stands_alone = |fold: &String| !fold.contains(' ');
    folds.map(|fold| fold.filter(stands_alone).unwrap_or_default().into_boxed_str()).collect()
});

/// The fold of a character, where it is known and the same beside any other that is.
fn known(c: char) -> Option<&'static str> {
    let code = u32::from(c);
    let mut before = 0;
    for (first, last) in KNOWN {
        if (first..=last).contains(&code) {
            let fold = FOLDS.get(usize::try_from(before + code - first).ok()?)?;
            return (!fold.is_empty()).then_some(fold);
        }
        before += last - first + 1;
    }
    None
}

/// The fold of a text of which every character is simple; most texts are.
fn base_of_plain(text: &str) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            ' ' | '\n' | '\t' => push_space(&mut out),
            '!'..='~' => out.push(c.to_ascii_lowercase()),
            // These would close a syllable that stands before them.
            'ㄳ' | 'ㄵ' | 'ㄶ' | 'ㄺ'..='ㅀ' | 'ㅄ' => return None,
            '\u{3131}'..='\u{3163}' => {
                // A vowel behind a letter or a syllable may compose.
                if c >= '\u{314f}' && out.chars().next_back().is_some_and(|b| ('\u{3131}'..='\u{3163}').contains(&b)) {
                    return None;
                }
                out.push(c);
            }
            '\u{fe0f}' | '\u{200b}' | '\u{200d}' => {}
            '\u{2018}' | '\u{2019}' => out.push('\''),
            '\u{201c}' | '\u{201d}' => out.push('"'),
            _ if stands_for_itself(c) => out.push(c),
            _ => out.push_str(known(c)?),
        }
    }
    trim_end(&mut out);
    Some(out)
}

/// One pass of the fold of any text.
fn base_of_any(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in composed(text).nfkc() {
        match jamo::as_compatible(c).unwrap_or(c) {
            c if c.is_whitespace() => push_space(&mut out),
            // NFKC has composed what belongs to a letter.
            c if draws_nothing(c) || is_decoration(c) => {}
            '\u{2018}' | '\u{2019}' => out.push('\''),
            '\u{201c}' | '\u{201d}' => out.push('"'),
            c if c.is_ascii() || stands_for_itself(c) => out.push(c.to_ascii_lowercase()),
            c => look(c, &mut out),
        }
    }
    let mut composed = String::with_capacity(out.len());
    for c in out.nfc() {
        match jamo::as_compatible(c).unwrap_or(c) {
            c if c.is_whitespace() => push_space(&mut composed),
            c if draws_nothing(c) || is_decoration(c) => {}
            c => composed.push(c),
        }
    }
    trim_end(&mut composed);
    composed
}

/// The text without what draws nothing, and with syllables for the letters of Hangul that were typed one by one.
fn composed(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut letters = Vec::new();
    for c in text.chars().filter(|c| !draws_nothing(*c)) {
        if ('\u{3131}'..='\u{3163}').contains(&c) {
            letters.push(c);
        } else {
            jamo::composed(&letters, &mut out);
            letters.clear();
            out.push(c);
        }
    }
    jamo::composed(&letters, &mut out);
    out
}

/// One space between words, none before the first.
fn push_space(out: &mut String) {
    if !out.is_empty() && !out.ends_with(' ') {
        out.push(' ');
    }
}

fn trim_end(out: &mut String) {
    if out.ends_with(' ') {
        out.pop();
    }
}

/// How digits and signs are read as letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Leet {
    /// Also those with a letter on one side only: `$hit`, `a55`.
    edges: bool,
    /// What `1`, `!` and `|` stand for.
    upright: u8,
}

impl Leet {
    /// That of [`folded`].
    pub(super) const INSIDE: Self = Self { edges: false, upright: b'i' };
    /// All ways of reading them.
    pub(super) const ALL: [Self; 4] = [
        Self::INSIDE,
        Self { edges: false, upright: b'l' },
        Self { edges: true, upright: b'i' },
        Self { edges: true, upright: b'l' },
    ];

    fn letter(self, sign: u8) -> Option<u8> {
        Some(match sign {
            b'0' => b'o',
            b'1' | b'!' | b'|' => self.upright,
            b'3' => b'e',
            b'4' | b'@' => b'a',
            b'5' | b'$' => b's',
            b'7' => b't',
            b'8' => b'b',
            _ => return None,
        })
    }
}

/// A folded text with digits and signs read as letters; `None` where there are none to read so. Byte by byte, since both
/// are ASCII; most texts have none, and are not copied.
pub(super) fn unleeted(base: &str, leet: Leet) -> Option<String> {
    let bytes = base.as_bytes();
    let mut read: Option<Vec<u8>> = None;
    let (mut at, mut after_letter) = (0, false);
    while let Some(byte) = bytes.get(at) {
        let run = bytes.get(at..).unwrap_or_default();
        let n = run.iter().take_while(|byte| leet.letter(**byte).is_some()).count();
        if n == 0 {
            after_letter = byte.is_ascii_lowercase();
            at += 1;
            continue;
        }
        let before_letter = run.get(n).is_some_and(u8::is_ascii_lowercase);
        let is_inside = after_letter && before_letter;
        if is_inside || (leet.edges && (after_letter || before_letter)) {
            // At the edge of a word these two are what they are.
            let stays = |sign: u8| matches!(sign, b'!' | b'|') && !is_inside;
            if run.iter().take(n).any(|sign| !stays(*sign)) {
                let read = read.get_or_insert_with(|| bytes.to_vec());
                for sign in read.iter_mut().skip(at).take(n).filter(|sign| !stays(**sign)) {
                    *sign = leet.letter(*sign).unwrap_or(*sign);
                }
            }
        }
        after_letter = false;
        at += n;
    }
    String::from_utf8(read?).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_looks_alike_is_one_text() {
        for (text, fold) in [
            ("  Buy\u{a0}\n NOW ", "buy now"),
            ("ＦＵＬＬ ｗｉｄｔｈ", "full width"),
            ("𝓯𝓪𝓷𝓬𝔂", "fancy"),
            ("р\u{430}yp\u{430}l", "paypal"),
            ("f\u{336}r\u{336}e\u{336}e", "free"),
            ("fr\u{200b}e\u{ad}e", "free"),
            ("sh1t b00bs h3ll", "shit boobs hell"),
            ("a55 $5 3.14 2024 $hit wow!", "a55 $5 3.14 2024 $hit wow!"),
            ("Straße ΣΑΣ", "strasse oao"),
            ("SНIТ вill", "shit bill"),
            ("burn bum 10 lo", "burn bum 10 lo"),
            ("“it’s”", "\"it's\""),
            ("", ""),
        ] {
            assert_eq!(folded(text), fold, "{text:?}");
        }
        assert_eq!(folded("Niño"), folded("NIN\u{303}O"));
        assert_ne!(folded("año"), folded("ano"), "languages tell these apart");
    }

    #[test]
    fn korean_survives() {
        assert_eq!(folded("안녕하세요 ㅋㅋㅋ"), "안녕하세요 ㅋㅋㅋ");
        assert_eq!(folded("\u{1112}\u{1161}\u{11ab}\u{1100}\u{1173}\u{11af}"), "한글");
        assert_eq!(folded("ㅎㅏㄴㄱㅡㄹ"), "한글");
        assert_eq!(folded("ㅅㅂ"), "ㅅㅂ");
        assert_eq!(folded("\u{1109}\u{1107}"), "ㅅㅂ");
        assert_eq!(folded("ﾵﾲ"), "ㅅㅂ");
        assert_eq!(folded("시\u{3164}발"), "시발");
        assert_eq!(folded("日本語 カタカナ"), "日本語 カタカナ");
        assert_eq!(folded("18년 5월"), "18년 5월");
    }

    #[test]
    fn names_that_look_alike_have_one_skeleton() {
        for names in [
            &[
                "Admin",
                "admin",
                "АDMIN",
                "Adm1n",
                "AdmIn",
                "Adrnin",
                "A d m i n",
                "Ádmin",
                "ａｄｍｉｎ",
                "ad\u{200b}min",
            ][..],
            &["Bill", "BiIl", "B1ll", "Вill"],
            &["수달", "\u{1109}\u{116e}\u{1103}\u{1161}\u{11af}", "ㅅㅜㄷㅏㄹ", "수\u{3164}달"],
            &["O0o", "ooo", "000"],
        ] {
            for name in names {
                assert_eq!(skeleton(name), skeleton(names[0]), "{name}");
            }
        }
        for (one, other) in
            [("수달", "수갈"), ("Anna", "Hanna"), ("owner", "owners"), ("ㅋㅋ", "ㅎㅎ"), ("김철수", "김철순")]
        {
            assert_ne!(skeleton(one), skeleton(other));
        }
    }

    #[test]
    fn folding_a_folded_character_changes_nothing() {
        for c in ('\0'..=char::MAX)
            .filter(|c| u32::from(*c) < 0x2_0000 || u32::from(*c) > 0xe_0000 && u32::from(*c) < 0xe_1000)
        {
            let once = folded(c.encode_utf8(&mut [0; 4]));
            if !stands_for_itself(c) {
                assert_eq!(folded(&once), once, "{c:?} U+{:x}", u32::from(c));
                let name = skeleton(&c.to_string());
                assert_eq!(skeleton(&name), name, "{c:?} U+{:x}", u32::from(c));
            }
        }
    }

    #[test]
    fn the_short_way_leads_where_the_long_one_does() {
        for text in
            ["It’s “fine” ❤\u{fe0f} 안녕ㅋㅋ  日本 x", "가ㅏ", "ㅋㅏ", "ABC\n\n가", "👨\u{200d}👩 ok", "ㅏㅏ가ㄱ"]
        {
            let long = base_of_any_to_its_end(text);
            assert!(base_of_plain(text).is_none_or(|short| short == long), "{text}: {long}");
        }
    }

    proptest! {
        #[test]
        fn folding_is_idempotent(text in any::<String>()) {
            let once = folded(&text);
            prop_assert_eq!(folded(&once), once);
        }

        #[test]
        fn folding_what_people_hide_words_in_is_idempotent(
            text in "[ a-zA-Z0-9!@$|가-힣ㄱ-ㅣ\u{1100}-\u{1175}\u{11a8}-\u{11c2}а-яА-Я\u{300}-\u{36f}ａ-ｚß\u{200b}\u{fe0f}ﾡ-ﾾİıſé]{0,30}",
        ) {
            let once = folded(&text);
            prop_assert_eq!(&folded(&once), &once);
            prop_assert!(!once.chars().any(draws_nothing));
            let name = skeleton(&text);
            prop_assert_eq!(skeleton(&name), name);
            let long = base_of_any_to_its_end(&text);
            prop_assert!(base_of_plain(&text).is_none_or(|short| short == long));
        }

        #[test]
        fn the_short_way_leads_there_for_any_text(
            text in "[ -~\u{a0}-\u{590}\u{2010}-\u{2bff}\u{3000}-\u{30ff}\u{ff01}-\u{ff5e}가-힣ㄱ-ㅣ]{0,20}",
        ) {
            let long = base_of_any_to_its_end(&text);
            prop_assert!(base_of_plain(&text).is_none_or(|short| short == long));
        }

        #[test]
        fn case_does_not_count(text in "[a-zA-Zа-яА-Яα-ωΑ-Ωß]{0,20}") {
            prop_assert_eq!(folded(&text.to_uppercase()), folded(&text.to_lowercase()));
        }
    }
}
