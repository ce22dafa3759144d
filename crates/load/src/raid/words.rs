use crate::{
    numbers::{count, float, size, whole},
    options::RaidKind,
    state::Random,
};

/// What ordinary texts are made of: enough words that no two texts are alike.
const WORDS: [&str; 64] = [
    "again",
    "almost",
    "answer",
    "because",
    "before",
    "better",
    "blog",
    "book",
    "bread",
    "bridge",
    "chapter",
    "city",
    "cloud",
    "comment",
    "could",
    "country",
    "door",
    "early",
    "editor",
    "evening",
    "example",
    "family",
    "figure",
    "first",
    "garden",
    "history",
    "house",
    "idea",
    "island",
    "kitchen",
    "language",
    "later",
    "letter",
    "market",
    "mountain",
    "music",
    "never",
    "number",
    "often",
    "paper",
    "picture",
    "point",
    "post",
    "question",
    "quite",
    "rather",
    "reader",
    "river",
    "school",
    "second",
    "should",
    "simple",
    "station",
    "story",
    "street",
    "summer",
    "there",
    "train",
    "village",
    "water",
    "window",
    "winter",
    "writer",
    "yesterday",
];

/// What raiders paste.
const PASTED: &str = "Everybody leave this blog, the author is a thief, the truth is in our channel, come and see";

/// Makes up texts.
pub struct Words(Random);

impl Words {
    pub fn new(seed: u64) -> Self {
        Self(Random::new(seed))
    }

    /// A number from 0 to 1.
    pub fn unit(&mut self) -> f64 {
        self.0.unit()
    }

    /// A time whose mean is `mean_us`.
    pub fn pause_us(&mut self, mean_us: f64) -> u64 {
        self.0.exponential_us(mean_us)
    }

    /// What a raider writes.
    pub fn of_raider(&mut self, kind: RaidKind) -> String {
        match kind {
            RaidKind::Identity | RaidKind::Identities => self.sentence(),
            RaidKind::Links => format!("{} https://{}.example/", self.sentence(), self.below(1_000_000)),
            RaidKind::Pasted | RaidKind::SlowDrip => self.pasted(),
        }
    }

    /// What people write under a post.
    pub fn sentence(&mut self) -> String {
        let n = 8 + self.below(6);
        let words: Vec<&str> = (0..n).map(|_| self.one_of(&WORDS)).collect();
        words.join(" ")
    }

    /// The same text with a word before it, others behind it, and other signs.
    fn pasted(&mut self) -> String {
        let greeting = self.one_of(&["", "hey ", "ㅋㅋ ", "lol ", "WOW "]);
        let sign = self.one_of(&[",", "!", " -", "..."]);
        let tail = self.one_of(&["", "!!", " xd", " ㄱㄱ", " go"]);
        format!("{greeting}{}{tail}{}", PASTED.replace(',', sign), self.below(1_000))
    }

    fn below(&mut self, n: u64) -> u64 {
        whole(self.0.unit() * float(n)).min(n.saturating_sub(1))
    }

    fn one_of(&mut self, all: &[&'static str]) -> &'static str {
        let at = size(self.below(count(all.len())));
        all.get(at).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use chat_domain::Content;

    use super::*;

    #[test]
    fn each_kind_has_its_texts() {
        let mut words = Words::new(7);
        for (kind, n_different, part) in [
            (RaidKind::Identity, 100, " "),
            (RaidKind::Identities, 100, " "),
            (RaidKind::Links, 100, " https://"),
            (RaidKind::Pasted, 50, "the author is a thief"),
            (RaidKind::SlowDrip, 50, "the author is a thief"),
        ] {
            let texts: BTreeSet<String> = (0..100).map(|_| words.of_raider(kind)).collect();
            assert!(texts.len() >= n_different, "{kind:?}: {}", texts.len());
            for text in texts {
                assert!(text.contains(part), "{kind:?}: {text}");
                assert!(Content::parse(&text).is_ok_and(|content| content.as_str() == text), "{text}");
            }
        }
    }
}
