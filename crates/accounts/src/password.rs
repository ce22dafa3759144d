use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::{PasswordHasher, PasswordVerifier, phc},
};

/// How short and how long a password may be, in code points (people.md, section 4).
const CHARS_MIN: usize = 8;
const CHARS_MAX: usize = 128;
/// Whatever is guessed by so many tries of the commonest words is refused.
const GUESSES_MAX: u64 = 10_000;
/// No common password is longer, and looking at a long one takes long.
const COMMON_CHARS_MAX: usize = 24;
/// OWASP, Password Storage Cheat Sheet: 19 MiB, two passes, one lane.
const MEMORY_KIB: u32 = 19_456;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// A password that somebody may have.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(String);

impl std::fmt::Debug for Password {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Password(secret)")
    }
}

/// Why a password is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WeakPassword {
    /// Fewer than eight characters.
    #[error("a password has at least 8 characters")]
    Short,
    /// More than 128 characters.
    #[error("a password has at most 128 characters")]
    Long,
    /// It is among those that are tried first.
    #[error("this password is one of the commonest, which are tried first")]
    Common,
}

impl WeakPassword {
    /// The reason, for people.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Short => "a password has at least 8 characters",
            Self::Long => "a password has at most 128 characters",
            Self::Common => "this password is one of the commonest, which are tried first",
        }
    }
}

impl Password {
    /// A password that somebody wants to have. Takes some milliseconds.
    ///
    /// # Errors
    /// See [`WeakPassword`].
    pub fn parse(typed: &str) -> Result<Self, WeakPassword> {
        match typed.chars().take(CHARS_MAX + 1).count() {
            0..CHARS_MIN => Err(WeakPassword::Short),
            n if n > CHARS_MAX => Err(WeakPassword::Long),
            n if n <= COMMON_CHARS_MAX && is_common(typed) => Err(WeakPassword::Common),
            _ => Ok(Self(typed.to_owned())),
        }
    }

    /// A password as somebody types it to prove who they are: any that could ever have been taken. What can be none is an
    /// empty one, which is nobody's.
    pub fn typed(typed: &str) -> Self {
        let is_possible = typed.chars().take(CHARS_MAX + 1).count() <= CHARS_MAX;
        Self(if is_possible { typed.to_owned() } else { String::new() })
    }

    /// What is kept of it, with this salt: tenths of a second of work. `None` where the library refuses, which it does not.
    pub fn hash(&self, salt: [u8; 16]) -> Option<PasswordHash> {
        let params = Params::new(MEMORY_KIB, PASSES, LANES, None).ok()?;
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let hash: phc::PasswordHash = argon2.hash_password_with_salt(self.0.as_bytes(), &salt).ok()?;
        Some(PasswordHash(hash.to_string()))
    }

    /// Whether this is the one that was hashed: as much work.
    pub fn is(&self, hash: &PasswordHash) -> bool {
        let Ok(hash) = phc::PasswordHash::new(&hash.0) else { return false };
        Argon2::default().verify_password(self.0.as_bytes(), &hash).is_ok()
    }
}

/// A word of a list, or hardly more: the list of common passwords ranks tens of thousands, and a word of rank n is guessed
/// by n tries.
fn is_common(typed: &str) -> bool {
    zxcvbn::zxcvbn(&typed.to_lowercase(), &[]).guesses() <= GUESSES_MAX + 1
}

/// What is kept of a password: a PHC string.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(String);

impl std::fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PasswordHash(secret)")
    }
}

impl PasswordHash {
    /// A hash as the store has it.
    pub fn from_stored(text: String) -> Self {
        Self(text)
    }

    /// The hash of a password that nobody knows: whoever has no account is answered as late as whoever has one.
    pub fn of_nobody() -> Self {
        let hash = "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5IGF0IGFsbCAhIQ$9TzkTJWjLuKDGJvxm1lvwcTAGbMqHCPn0aYzPIDK0yU";
        Self(hash.to_owned())
    }

    /// The hash as the store has it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_commonest_are_refused_whatever_their_case() {
        for common in
            ["password", "12345678", "qwertyuiop", "iloveyou", "PASSWORD", "Sunshine", "baseball1", "aaaaaaaa"]
        {
            assert_eq!(Password::parse(common), Err(WeakPassword::Common), "{common}");
        }
        for fine in ["correct horse battery staple", "수달은 강에 산다", "xkq-7fmw!zp", "가나다라마바사아자차카"]
        {
            assert!(Password::parse(fine).is_ok(), "{fine}");
        }
    }

    #[test]
    fn lengths_are_counted_in_characters() {
        let long = |n: usize| "수달7x-".chars().cycle().take(n).collect::<String>();
        for (text, expected) in [
            (String::new(), Some(WeakPassword::Short)),
            ("수".repeat(7), Some(WeakPassword::Short)),
            (long(128), None),
            (long(129), Some(WeakPassword::Long)),
        ] {
            assert_eq!(Password::parse(&text).err(), expected, "{text}");
        }
    }

    #[test]
    fn a_hash_is_of_one_password_and_one_salt() {
        let password = Password::typed("correct horse battery staple");
        let hash = password.hash([1; 16]).expect("a hash");
        assert!(hash.as_str().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", hash.as_str());
        assert!(hash.as_str().len() <= 200);
        assert!(password.is(&hash) && !Password::typed("correct horse battery stable").is(&hash));
        assert_ne!(password.hash([2; 16]), Some(hash));
        assert!(!password.is(&PasswordHash::from_stored("nothing".into())));
        assert!(phc::PasswordHash::new(PasswordHash::of_nobody().as_str()).is_ok(), "it costs as much");
        assert!(!Password::typed(&"a".repeat(10_000)).is(&PasswordHash::of_nobody()));
        assert!(!format!("{password:?}").contains("horse"));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn whatever_is_typed_is_judged(text in ".{0,140}") {
            let n = text.chars().count();
            match Password::parse(&text) {
                Ok(_) | Err(WeakPassword::Common) => prop_assert!((8..=128).contains(&n)),
                Err(WeakPassword::Short) => prop_assert!(n < 8),
                Err(WeakPassword::Long) => prop_assert!(n > 128),
            }
        }
    }
}
