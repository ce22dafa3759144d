/// The compatibility letters from U+3131 on, in the order of the conjoining ones that stand first in a syllable.
const LEADING: [char; 19] =
    ['ㄱ', 'ㄲ', 'ㄴ', 'ㄷ', 'ㄸ', 'ㄹ', 'ㅁ', 'ㅂ', 'ㅃ', 'ㅅ', 'ㅆ', 'ㅇ', 'ㅈ', 'ㅉ', 'ㅊ', 'ㅋ', 'ㅌ', 'ㅍ', 'ㅎ'];
/// The same for those that stand last.
const TRAILING: [char; 27] = [
    'ㄱ', 'ㄲ', 'ㄳ', 'ㄴ', 'ㄵ', 'ㄶ', 'ㄷ', 'ㄹ', 'ㄺ', 'ㄻ', 'ㄼ', 'ㄽ', 'ㄾ', 'ㄿ', 'ㅀ', 'ㅁ', 'ㅂ', 'ㅄ', 'ㅅ',
    'ㅆ', 'ㅇ', 'ㅈ', 'ㅊ', 'ㅋ', 'ㅌ', 'ㅍ', 'ㅎ',
];
/// How many vowels there are; U+314F is the first.
const N_VOWELS: u32 = 21;

/// The compatibility letter that a conjoining one is drawn as, where it stands alone.
///
/// NFKC makes conjoining letters of all; written back, `ㅅㅂ` is the same however it was typed.
pub(super) fn as_compatible(c: char) -> Option<char> {
    let code = u32::from(c);
    let at = |first: u32| usize::try_from(code.checked_sub(first)?).ok();
    match c {
        '\u{1100}'..='\u{1112}' => LEADING.get(at(0x1100)?).copied(),
        '\u{1161}'..='\u{1175}' => char::from_u32(code - 0x1161 + 0x314f),
        // NFKC takes these two for leading clusters, which no syllable of today begins with.
        '\u{111a}' => Some('ㅀ'),
        '\u{1121}' => Some('ㅄ'),
        '\u{11a8}'..='\u{11c2}' => TRAILING.get(at(0x11a8)?).copied(),
        _ => None,
    }
}

fn leading(c: char) -> Option<u32> {
    LEADING.iter().position(|l| *l == c).and_then(|at| u32::try_from(at).ok())
}

fn vowel(c: char) -> Option<u32> {
    u32::from(c).checked_sub(0x314f).filter(|at| *at < N_VOWELS)
}

fn trailing(c: char) -> Option<u32> {
    TRAILING.iter().position(|t| *t == c).and_then(|at| u32::try_from(at + 1).ok())
}

/// Makes syllables of compatibility letters that were typed one by one: `ㅅㅣㅂㅏㄹ` becomes `시발`, `ㅅㅂ` stays.
///
/// A consonant closes the syllable before it where no vowel follows it, as an input method would have it.
pub(super) fn composed(chars: &[char], out: &mut String) {
    let mut rest = chars;
    while let Some((&c, after)) = rest.split_first() {
        rest = after;
        let pair = after.first().and_then(|v| Some((leading(c)?, vowel(*v)?)));
        let Some((leading, vowel_at)) = pair else {
            out.push(c);
            continue;
        };
        rest = rest.get(1..).unwrap_or_default();
        let closes = |c: char| trailing(c).filter(|_| rest.get(1).is_none_or(|next| vowel(*next).is_none()));
        let last = rest.first().copied().and_then(closes);
        if last.is_some() {
            rest = rest.get(1..).unwrap_or_default();
        }
        // The arithmetic of the Unicode Standard, section 3.12.
        out.extend(char::from_u32(0xac00 + (leading * N_VOWELS + vowel_at) * 28 + last.unwrap_or(0)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(text: &str) -> String {
        let mut out = String::new();
        composed(&text.chars().collect::<Vec<_>>(), &mut out);
        out
    }

    #[test]
    fn letters_typed_one_by_one_are_syllables() {
        for (typed, read) in [
            ("ㅅㅣㅂㅏㄹ", "시발"),
            ("ㅎㅏㄴㄱㅡㄹ", "한글"),
            ("ㅅㅂ", "ㅅㅂ"),
            ("ㅋㅋㅋ", "ㅋㅋㅋ"),
            ("ㅏㅏ", "ㅏㅏ"),
            ("ㄱㅏㅏ", "가ㅏ"),
            ("ㄱㅏㅂㅅ", "갑ㅅ"),
        ] {
            assert_eq!(whole(typed), read);
        }
    }

    #[test]
    fn every_conjoining_letter_has_its_compatible_one() {
        use unicode_normalization::UnicodeNormalization;
        for c in ('\u{1100}'..='\u{1112}').chain('\u{1161}'..='\u{1175}') {
            let compatible = as_compatible(c).expect("one");
            assert_eq!(compatible.nfkc().collect::<String>(), c.to_string());
        }
        for c in '\u{11a8}'..='\u{11c2}' {
            assert!(('\u{3131}'..='\u{314e}').contains(&as_compatible(c).expect("one")));
        }
        for c in '\u{3131}'..='\u{3163}' {
            let conjoining = c.nfkc().next().expect("one");
            assert_eq!(as_compatible(conjoining), Some(c), "{c}");
        }
        assert_eq!(as_compatible('가'), None);
    }
}
