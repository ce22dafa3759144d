//! The codes of letters about answers: by which an address says that it wants them, and by which it ends that. Stored nowhere.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use uuid::Uuid;

use super::email::Email;
use chat_domain::IdentityKey;

/// Bytes of an id, and of the proof behind it.
const ID: usize = 16;
const PROOF: usize = 32;
/// Characters of [`answers_address_key`].
const KEY_CHARS: usize = 43;

fn proof(id: Uuid, key: &IdentityKey) -> [u8; PROOF] {
    key.derived("answers-confirmation", &id.to_string())
}

/// The code by which whoever reads the mail of an address says that they want to be mailed of answers.
pub fn answers_code(id: Uuid, key: &IdentityKey) -> String {
    let parts: [&[u8]; 2] = [id.as_bytes(), &proof(id, key)];
    URL_SAFE_NO_PAD.encode(parts.concat())
}

/// Whose code that is; none where it is none.
pub fn answers_id(code: &str, key: &IdentityKey) -> Option<Uuid> {
    let bytes = (code.len() <= 2 * (ID + PROOF)).then(|| URL_SAFE_NO_PAD.decode(code).ok()).flatten()?;
    let (id, rest) = bytes.split_first_chunk::<ID>()?;
    let said: [u8; PROOF] = rest.try_into().ok()?;
    let id = Uuid::from_bytes(*id);
    // Compared by a keyed hash of both: how much of it is right shows in no time.
    let hashed = |bytes: &[u8; PROOF]| key.hash_of(&URL_SAFE_NO_PAD.encode(bytes));
    (hashed(&said) == hashed(&proof(id, key))).then_some(id)
}

/// What stands for an address in the links that end its letters: nobody makes it or reads the address from it who has not the
/// server's key, and it stays the same, so that the link of an old letter is good for as long as there are letters.
pub fn answers_address_key(email: &Email, key: &IdentityKey) -> String {
    URL_SAFE_NO_PAD.encode(key.derived("answers-address", email.as_str()))
}

/// Whether a text may be one of those.
pub fn is_answers_address_key(text: &str) -> bool {
    text.len() == KEY_CHARS && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_code_is_good_for_one_row_of_one_chat() {
        let (key, id) = (IdentityKey::new(b"key"), Uuid::from_u128(7));
        let code = answers_code(id, &key);
        assert_eq!(answers_id(&code, &key), Some(id));
        assert_eq!(answers_id(&code, &IdentityKey::new(b"other")), None);
        assert_ne!(answers_code(Uuid::from_u128(8), &key), code);
    }

    #[test]
    fn an_address_has_one_key_that_does_not_tell_it() {
        let key = IdentityKey::new(b"key");
        let of = |text: &str| answers_address_key(&Email::parse(text).expect("an address"), &key);
        assert_eq!(of("Otter@example.com"), of("otter@example.com"));
        assert_ne!(of("otter@example.com"), of("seal@example.com"));
        assert!(is_answers_address_key(&of("otter@example.com")));
        assert!(!is_answers_address_key("") && !is_answers_address_key(&"é".repeat(43)));
    }

    proptest! {
        #[test]
        fn a_changed_code_is_none(at in 0_usize..64, c in "[A-Za-z0-9_-]") {
            let key = IdentityKey::new(b"key");
            let code = answers_code(Uuid::from_u128(7), &key);
            let mut changed = code.clone();
            changed.replace_range(at..=at, &c);
            prop_assert_eq!(answers_id(&changed, &key).is_some(), changed == code);
        }

        #[test]
        fn nothing_else_is_one(text in ".{0,300}") {
            prop_assert_eq!(answers_id(&text, &IdentityKey::new(b"key")), None);
        }
    }
}
