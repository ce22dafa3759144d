use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use chat_domain::IdentityKey;

/// What a key begins with, so that whoever finds one knows what it is: no other secret does.
const KEY: &str = "rtc_";
/// So many characters of it are shown again, to tell it from others.
const PREFIX: usize = 12;

/// What a program shows: 256 bits as 43 characters of base64url behind `rtc_`.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey([u8; 32]);

impl std::fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ApiKey(secret)")
    }
}

impl ApiKey {
    /// One of these random bytes.
    pub fn new(random: [u8; 32]) -> Self {
        Self(random)
    }

    /// Whether this looks like a key, good or not.
    pub fn is_like(token: &str) -> bool {
        token.starts_with(KEY)
    }

    /// Reads one as a program sends it; `None` where it can be none.
    pub fn parse(token: &str) -> Option<Self> {
        let text = token.strip_prefix(KEY)?;
        let bytes = (text.len() == 43).then(|| URL_SAFE_NO_PAD.decode(text).ok()).flatten()?;
        Some(Self(bytes.try_into().ok()?))
    }

    /// What is shown of it later.
    pub fn prefix(&self) -> String {
        self.expose().chars().take(PREFIX).collect()
    }

    /// What is kept of it. It is found by this, which nobody without the server's key can steer: how much of a guess is
    /// right shows in no time.
    pub fn hash(&self, key: &IdentityKey) -> String {
        key.hash_of(&self.expose())
    }

    /// As it is given out.
    pub fn expose(&self) -> String {
        format!("{KEY}{}", URL_SAFE_NO_PAD.encode(self.0))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_key_is_read_and_nothing_else_is_one() {
        let (key, secret) = (ApiKey::new([9; 32]), IdentityKey::new(b"key"));
        assert_eq!(ApiKey::parse(&key.expose()), Some(key.clone()));
        assert!(ApiKey::is_like(&key.expose()) && !ApiKey::is_like("tk_"));
        assert!(key.expose().starts_with(&key.prefix()) && key.prefix().len() == PREFIX);
        assert_ne!(key.hash(&secret), key.hash(&IdentityKey::new(b"other")));
        assert!(!format!("{key:?}").contains(&key.prefix()));
        for text in ["", "rtc_", "rtc_abc", &"a".repeat(47), &format!("{}a", key.expose()), "rtc_\u{ac00}"] {
            assert_eq!(ApiKey::parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_breaks_it(text in ".{0,60}") {
            if let Some(key) = ApiKey::parse(&text) {
                prop_assert_eq!(key.expose(), text);
            }
        }
    }
}
