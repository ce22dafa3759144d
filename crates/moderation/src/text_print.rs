/// Shortest text that can be told from others by its print, in code points. Greetings and laughter are shorter, and
/// a whole crowd says the same ones.
const CODE_POINTS_MIN: usize = 16;
/// Fewest different parts that a text must have: `ㅋㅋㅋㅋ...` of any length has one.
const PARTS_MIN: usize = 10;
/// How many of 64 bits two texts may differ in and be one with small changes. Unrelated texts differ in 32 on average,
/// with a standard deviation of 4.
const BITS_DIFFER_MAX: u32 = 12;

/// The print of a text: near for texts that share most of their parts, whatever stands around them (SimHash, Charikar
/// 2002, over sequences of three characters).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TextPrint(u64);

impl TextPrint {
    /// The print of a folded text; `None` where it is too short or too monotonous to have one.
    pub fn of(folded: &str) -> Option<Self> {
        let mut counts = [0_i32; 64];
        let mut seen = Vec::new();
        let (mut a, mut b, mut n) = ('\0', '\0', 0);
        for c in folded.chars().filter(|c| !c.is_whitespace() && !c.is_ascii_digit()) {
            n += 1;
            if n > 2 {
                let part =
                    mixed((u64::from(u32::from(a)) << 42) ^ (u64::from(u32::from(b)) << 21) ^ u64::from(u32::from(c)));
                for (bit, count) in counts.iter_mut().enumerate() {
                    *count += if part >> bit & 1 == 1 { 1 } else { -1 };
                }
                if seen.len() < PARTS_MIN && !seen.contains(&part) {
                    seen.push(part);
                }
            }
            (a, b) = (b, c);
        }
        if n < CODE_POINTS_MIN || seen.len() < PARTS_MIN {
            return None;
        }
        let print =
            counts.iter().enumerate().filter(|(_, count)| **count > 0).fold(0, |print, (bit, _)| print | 1 << bit);
        Some(Self(print))
    }

    /// Whether two texts are the same, or the same with small changes.
    pub fn is_near(self, other: Self) -> bool {
        (self.0 ^ other.0).count_ones() <= BITS_DIFFER_MAX
    }
}

/// Spreads the bits of a number (the finaliser of SplitMix64, Steele et al. 2014).
fn mixed(mut bits: u64) -> u64 {
    bits = bits.wrapping_add(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::folded;

    fn print(text: &str) -> TextPrint {
        TextPrint::of(&folded(text)).unwrap_or_else(|| panic!("{text} has a print"))
    }

    #[test]
    fn small_changes_leave_it_near() {
        let pasted = "Join our channel now and get 500 free coins, only today, ask for the code!";
        for changed in [
            "Join our channel now and get 900 free coins, only today, ask for the code! xk3",
            "JOIN our channel now and get 500 FREE coins, only today, ask for the code!!!",
            "hey Join our channel now and get 500 free coins, only today, ask me for the code!",
        ] {
            assert!(print(pasted).is_near(print(changed)), "{changed}");
        }
        let korean = "지금 우리 채널에 들어오시면 무료 코인 500개를 드립니다 오늘만 가능";
        assert!(
            print(korean).is_near(print("지금 우리 채널에 들어오시면 무료 코인 700개를 드립니다 오늘만 가능!! ㅎ"))
        );
    }

    #[test]
    fn other_texts_are_far() {
        let texts = [
            "I think the author is right about the second part of the argument.",
            "Has anybody tried this with the newer version of the compiler?",
            "지난번 글도 좋았는데 이번 글은 더 자세해서 도움이 됐어요",
            "저는 이 부분이 잘 이해가 안 가는데 설명해 주실 분 있나요",
            "Join our channel now and get 500 free coins, only today, ask for the code!",
        ];
        for (at, one) in texts.iter().enumerate() {
            for other in texts.iter().skip(at + 1) {
                assert!(!print(one).is_near(print(other)), "{one} / {other}");
            }
        }
    }

    #[test]
    fn laughter_and_greetings_have_none() {
        for text in ["ㅋㅋㅋㅋㅋㅋㅋㅋㅋㅋㅋㅋㅋㅋㅋㅋㅋㅋㅋㅋ", "축하합니다!!", "hahahahahahahahahahaha", "", "+1"]
        {
            assert_eq!(TextPrint::of(&folded(text)), None, "{text}");
        }
    }
}
