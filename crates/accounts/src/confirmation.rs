use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use uuid::Uuid;

use super::email::Email;
use chat_domain::IdentityKey;

/// Bytes of the account's id, of the time, and of the proof, in this order; the address is behind them.
const ID: usize = 16;
const TIME: usize = 8;
const PROOF: usize = 32;
/// The longest address in base64url with what stands before it.
const CODE_BYTES_MAX: usize = 424;

/// What the code of a letter says by which somebody confirms an address: whose account it is, which address, until when.
/// Stored nowhere: the code proves itself, as long as the account is as it was when the letter went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confirmation {
    /// Whose account.
    pub user: Uuid,
    /// The address that is to be theirs.
    pub email: Email,
    /// Until when the code is good, in seconds since 1970.
    pub until: i64,
}

/// What an account has that a code is good for: with another address or password it is void.
#[derive(Clone, Copy)]
pub struct Holder<'a> {
    /// Its address.
    pub email: &'a str,
    /// What is kept of its password.
    pub password_hash: &'a str,
}

impl Confirmation {
    fn proof(&self, holder: Holder<'_>, key: &IdentityKey) -> [u8; PROOF] {
        let Self { user, email, until } = self;
        // No address and no hash has a line break in it, so no two of these are one text.
        let of = format!("{user}\n{until}\n{}\n{}\n{}", email.as_str(), holder.email, holder.password_hash);
        key.derived("confirmation", &of)
    }

    /// The code for who holds the account.
    pub fn code(&self, holder: Holder<'_>, key: &IdentityKey) -> String {
        let proof = self.proof(holder, key);
        let head: [&[u8]; 4] =
            [self.user.as_bytes(), &self.until.to_be_bytes(), &proof, self.email.as_str().as_bytes()];
        URL_SAFE_NO_PAD.encode(head.concat())
    }

    /// What a code says, and its proof; `None` where it is none. It is good only where [`Confirmation::is_proved`] says so.
    pub fn parse(code: &str) -> Option<(Self, [u8; PROOF])> {
        let bytes = (code.len() <= CODE_BYTES_MAX).then(|| URL_SAFE_NO_PAD.decode(code).ok()).flatten()?;
        let (user, rest) = bytes.split_first_chunk::<ID>()?;
        let (until, rest) = rest.split_first_chunk::<TIME>()?;
        let (proof, email) = rest.split_first_chunk::<PROOF>()?;
        let written = std::str::from_utf8(email).ok()?;
        // As `code` writes it and in no other way: in capitals it would be the same address, and two codes one.
        let email = Email::parse(written).ok().filter(|email| email.as_str() == written)?;
        Some((Self { user: Uuid::from_bytes(*user), email, until: i64::from_be_bytes(*until) }, *proof))
    }

    /// Whether a code with this proof is good now, in seconds since 1970, for who holds the account.
    pub fn is_proved(&self, proof: &[u8; PROOF], holder: Holder<'_>, key: &IdentityKey, now: i64) -> bool {
        // Compared by a keyed hash of both: how much of it is right shows in no time.
        let hashed = |bytes: &[u8; PROOF]| key.hash_of(&URL_SAFE_NO_PAD.encode(bytes));
        now < self.until && hashed(proof) == hashed(&self.proof(holder, key))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: i64 = 1_800_000_000;
    const HOLDER: Holder<'static> = Holder { email: "otter@example.com", password_hash: "$argon2id$a" };

    fn confirmation(email: &str) -> Confirmation {
        Confirmation { user: Uuid::from_u128(7), email: Email::parse(email).expect("an address"), until: NOW + 60 }
    }

    fn is_good(code: &str, holder: Holder<'_>, key: &[u8], now: i64) -> bool {
        let key = IdentityKey::new(key);
        Confirmation::parse(code).is_some_and(|(said, proof)| said.is_proved(&proof, holder, &key, now))
    }

    #[test]
    fn a_code_is_good_for_the_account_as_it_was() {
        let wanted = confirmation("new@example.com");
        let code = wanted.code(HOLDER, &IdentityKey::new(b"key"));
        assert_eq!(Confirmation::parse(&code).map(|(said, _)| said), Some(wanted));
        assert!(is_good(&code, HOLDER, b"key", NOW));
        assert!(!is_good(&code, HOLDER, b"key", NOW + 60), "it is over");
        assert!(!is_good(&code, HOLDER, b"other", NOW));
        assert!(!is_good(&code, Holder { email: "other@example.com", ..HOLDER }, b"key", NOW), "another address since");
        assert!(
            !is_good(&code, Holder { password_hash: "$argon2id$b", ..HOLDER }, b"key", NOW),
            "another password since"
        );
    }

    #[test]
    fn the_longest_address_has_a_code() {
        let email = format!("{}@{}.{}.{}.com", "a".repeat(64), "b".repeat(63), "c".repeat(63), "d".repeat(56));
        let code = confirmation(&email).code(HOLDER, &IdentityKey::new(b"key"));
        assert!(is_good(&code, HOLDER, b"key", NOW), "{} characters", code.len());
    }

    #[test]
    fn an_address_that_is_written_in_another_way_has_no_code() {
        let code = confirmation("new@example.com").code(HOLDER, &IdentityKey::new(b"key"));
        let mut bytes = URL_SAFE_NO_PAD.decode(&code).expect("what was encoded");
        let last = bytes.last_mut().expect("a letter");
        assert_eq!(*last, b'm');
        *last = b'M';
        assert!(!is_good(&URL_SAFE_NO_PAD.encode(bytes), HOLDER, b"key", NOW));
    }

    proptest! {
        #[test]
        fn a_changed_code_is_none(at in 0_usize..90, c in "[A-Za-z0-9_-]") {
            let code = confirmation("new@example.com").code(HOLDER, &IdentityKey::new(b"key"));
            let mut changed = code.clone();
            changed.replace_range(at..=at, &c);
            prop_assert_eq!(is_good(&changed, HOLDER, b"key", NOW), changed == code);
        }

        #[test]
        fn nothing_else_is_one(text in ".{0,500}") {
            prop_assert!(!is_good(&text, HOLDER, b"key", NOW));
        }
    }
}
