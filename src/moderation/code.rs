use chrono::TimeDelta;
use uuid::Uuid;

use chat_domain::IdentityKey;

/// How long a code is good.
pub const CODE_VALID: TimeDelta = TimeDelta::minutes(10);
/// How often it may be tried.
pub const CODE_TRIES: i32 = 5;
/// What codes are written with: nothing that looks like something else.
const ALPHABET: &[u8] = b"23456789ABCDEFGHJKLMNPQRSTUVWXYZ";
/// So many characters name a code.
const NAME: usize = 4;
/// So many prove it: with five tries one in 200 billion guesses right.
const PROOF: usize = 8;

/// A code by which somebody signs in once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OneTimeCode {
    name: String,
    proof: String,
}

impl OneTimeCode {
    /// A new one. 32 characters are five bits each, of which the low half of a UUID has 62 that are random.
    pub fn random() -> Self {
        let mut bits = Uuid::new_v4().as_u128();
        let mut character = || {
            let place = usize::try_from(bits % 32).unwrap_or_default();
            bits /= 32;
            ALPHABET.get(place).copied().map_or('2', char::from)
        };
        let mut text = |n| (0..n).map(|_| character()).collect::<String>();
        Self { name: text(NAME), proof: text(PROOF) }
    }

    /// Reads one as somebody types it: case, spaces and hyphens do not matter. `None` where it can be none.
    pub fn parse(typed: &str) -> Option<Self> {
        if typed.len() > 64 {
            return None;
        }
        let text: String = typed.chars().filter(|c| !c.is_whitespace() && *c != '-').collect();
        let text = text.to_ascii_uppercase();
        let is_code = text.len() == NAME + PROOF && text.bytes().all(|byte| ALPHABET.contains(&byte));
        let (name, proof) = text.split_at_checked(NAME).filter(|_| is_code)?;
        Some(Self { name: name.to_owned(), proof: proof.to_owned() })
    }

    /// What names its row.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What is kept of the rest.
    pub fn hash(&self, key: &IdentityKey) -> String {
        key.hash_of(&self.to_string())
    }
}

impl std::fmt::Display for OneTimeCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (a, b) = self.proof.split_at_checked(NAME).unwrap_or((&self.proof, ""));
        write!(f, "{}-{a}-{b}", self.name)
    }
}

/// The secret of a new login: 244 random bits in 64 hexadecimal digits.
pub fn new_token() -> String {
    format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple())
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn a_code_is_read_as_it_is_typed() {
        let code = OneTimeCode::random();
        let text = code.to_string();
        assert_eq!(text.len(), 14, "{text}");
        for typed in [text.clone(), text.to_lowercase(), text.replace('-', ""), format!(" {} ", text.replace('-', " "))]
        {
            assert_eq!(OneTimeCode::parse(&typed), Some(code.clone()), "{typed}");
        }
        for typed in
            ["", "ABCD", "ABCD-EFGH-JKM", "ABCD-EFGH-JKMNP", "ABCD-EFGH-JKM0", "가나다라-EFGH-JKMN", &"A".repeat(65)]
        {
            assert_eq!(OneTimeCode::parse(typed), None, "{typed}");
        }
    }

    #[test]
    fn codes_and_tokens_differ_and_hashes_depend_on_the_key() {
        let codes: HashSet<String> = (0..100).map(|_| OneTimeCode::random().to_string()).collect();
        let tokens: HashSet<String> = (0..100).map(|_| new_token()).collect();
        assert_eq!((codes.len(), tokens.len()), (100, 100));
        let used: HashSet<char> = codes.iter().flat_map(|code| code.chars()).collect();
        assert!(used.len() > 30, "{used:?}");
        let code = OneTimeCode::random();
        assert_ne!(code.hash(&IdentityKey::new(b"one")), code.hash(&IdentityKey::new(b"other")));
    }
}
