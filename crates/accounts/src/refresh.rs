use std::time::Duration;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use chat_domain::IdentityKey;

/// How long a login is renewed that nobody uses (people.md, section 4).
pub const REFRESH_VALID: Duration = Duration::from_secs(30 * 86_400);
/// Within so long a replay gets the same successor: two tabs that renew at once do not log each other out.
pub const REPLAY_WITHIN: Duration = Duration::from_secs(30);

/// What renews a login: 256 bits as 43 characters of base64url.
#[derive(Clone, PartialEq, Eq)]
pub struct RefreshToken([u8; 32]);

impl std::fmt::Debug for RefreshToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RefreshToken(secret)")
    }
}

impl RefreshToken {
    /// One of these random bytes.
    pub fn new(random: [u8; 32]) -> Self {
        Self(random)
    }

    /// Reads one as a client sends it; `None` where it can be none.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = (text.len() == 43).then(|| URL_SAFE_NO_PAD.decode(text).ok()).flatten()?;
        Some(Self(bytes.try_into().ok()?))
    }

    /// As it is given out.
    pub fn expose(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }

    /// What takes its place once it was used: always the same one, and one that nobody without the server's key can tell.
    pub fn successor(&self, key: &IdentityKey) -> Self {
        Self(key.derived("refresh", &self.expose()))
    }

    /// As it is kept.
    pub fn hash(&self, key: &IdentityKey) -> String {
        key.hash_of(&self.expose())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_what_was_given_out_is_read() {
        let token = RefreshToken::new([7; 32]);
        assert_eq!(RefreshToken::parse(&token.expose()), Some(token.clone()));
        assert!(!format!("{token:?}").contains(&token.expose()));
        for text in ["", "a", &"a".repeat(42), &"a".repeat(44), &"!".repeat(43), "가나다"] {
            assert_eq!(RefreshToken::parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn successors_are_a_chain_without_a_circle(random: [u8; 32], secret: [u8; 16], other: [u8; 16]) {
            let (key, first) = (IdentityKey::new(&secret), RefreshToken::new(random));
            let mut seen = HashSet::new();
            let mut token = first.clone();
            for _ in 0..50 {
                prop_assert!(seen.insert(token.expose()));
                prop_assert_eq!(token.successor(&key), token.successor(&key));
                // Neither what is kept of it nor it itself tells the next one.
                prop_assert_ne!(token.successor(&key).expose(), token.hash(&key));
                token = token.successor(&key);
            }
            prop_assume!(secret != other);
            prop_assert_ne!(first.successor(&key), first.successor(&IdentityKey::new(&other)));
        }
    }
}
