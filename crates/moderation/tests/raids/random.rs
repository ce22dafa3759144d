//! Random numbers that are the same with every release of every crate, since a table in the documents hangs on them.

/// SplitMix64 (Steele, Lea, Flood 2014).
pub struct Random(u64);

impl Random {
    /// The seed is spread first: seeds that are near each other would give the same numbers, moved by some places.
    pub fn new(seed: u64) -> Self {
        Self(Self(seed).next())
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let bits = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    /// From 0 to `n - 1`.
    pub fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    /// Once in a hundred times `percent`.
    pub fn happens(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    pub fn one_of<'a>(&mut self, texts: &[&'a str]) -> &'a str {
        texts[usize::try_from(self.below(u64::try_from(texts.len()).unwrap())).unwrap()]
    }

    /// A pause as between things that happen independently of each other, in milliseconds: `mean_ms` on average. The
    /// sum of three even ones is close enough to that, and needs no logarithm, which differs between machines.
    pub fn pause_ms(&mut self, mean_ms: u64) -> u64 {
        (self.below(mean_ms + 1) + self.below(mean_ms + 1)) * self.below(201) / 100
    }

    /// A sentence that nobody has said before: 5 to 14 words, each of 2 to 4 syllables of the language's kind.
    pub fn sentence(&mut self) -> String {
        const KOREAN: [&str; 24] = [
            "가", "나", "다", "라", "마", "바", "사", "아", "자", "하", "이", "는", "을", "도", "고", "서", "지", "만",
            "것", "같", "보", "세", "요", "우",
        ];
        const ENGLISH: [&str; 24] = [
            "the", "re", "in", "on", "at", "er", "an", "ti", "es", "or", "te", "of", "ed", "is", "it", "al", "ar",
            "st", "to", "nt", "ng", "se", "ha", "as",
        ];
        let syllables = if self.happens(50) { &KOREAN } else { &ENGLISH };
        let words = (0..5 + self.below(10)).map(|_| {
            let n = 2 + self.below(3);
            (0..n).map(|_| self.one_of(syllables)).collect::<String>()
        });
        words.collect::<Vec<_>>().join(" ")
    }
}
