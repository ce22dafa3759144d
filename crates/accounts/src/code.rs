use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use uuid::Uuid;

use chat_domain::IdentityKey;

/// What a ticket begins with: no other secret does.
const TICKET: &str = "tk_";
/// So many characters of it name its row.
const NAME: usize = 8;

/// Opens one socket within half a minute: who has it joins as the person whose login it came from.
#[derive(Clone, PartialEq, Eq)]
pub struct Ticket(String);

impl std::fmt::Debug for Ticket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Ticket(secret)")
    }
}

impl Ticket {
    /// One of these random bytes.
    pub fn new(random: [u8; 32]) -> Self {
        Self(URL_SAFE_NO_PAD.encode(random))
    }

    /// Reads what a JOIN brings; `None` where that is something else.
    pub fn parse(token: &str) -> Option<Self> {
        let text = token.strip_prefix(TICKET)?;
        let bytes = (text.len() == 43).then(|| URL_SAFE_NO_PAD.decode(text).ok()).flatten()?;
        Some(Self::new(bytes.try_into().ok()?))
    }

    /// What names its row.
    pub fn name(&self) -> &str {
        self.0.get(..NAME).unwrap_or_default()
    }

    /// What is kept of it.
    pub fn hash(&self, key: &IdentityKey) -> String {
        key.hash_of(&self.expose())
    }

    /// As it is given out.
    pub fn expose(&self) -> String {
        format!("{TICKET}{}", self.0)
    }
}

/// The code in the link of an invite: its id, and what only the server can derive from that. So it is stored nowhere, and
/// can be shown again.
pub fn invite_code(id: Uuid, key: &IdentityKey) -> String {
    let proof = key.derived("invite", &id.to_string());
    URL_SAFE_NO_PAD.encode([&id.as_bytes()[..], &proof].concat())
}

/// The invite whose code this is; `None` where it is none's.
pub fn invite_of(code: &str, key: &IdentityKey) -> Option<Uuid> {
    let bytes = (code.len() == 64).then(|| URL_SAFE_NO_PAD.decode(code).ok()).flatten()?;
    let id = Uuid::from_slice(bytes.get(..16)?).ok()?;
    // Compared by what is kept of both: how much of it is right shows in no time.
    (key.hash_of(code) == key.hash_of(&invite_code(id, key))).then_some(id)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_ticket_is_read_and_nothing_else_is_one() {
        let (ticket, key) = (Ticket::new([9; 32]), IdentityKey::new(b"key"));
        assert_eq!(Ticket::parse(&ticket.expose()), Some(ticket.clone()));
        assert_eq!(ticket.name().len(), 8);
        assert_ne!(ticket.hash(&key), ticket.hash(&IdentityKey::new(b"other")));
        assert!(!format!("{ticket:?}").contains(ticket.name()));
        for text in [
            "",
            "tk_",
            "tk_abc",
            &ticket.expose().replacen("tk_", "", 1),
            &"a".repeat(64),
            &format!("{}a", ticket.expose()),
        ] {
            assert_eq!(Ticket::parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn an_invite_is_known_by_its_code_alone(id: u128, other: u128, at in 0_usize..64, c in "[A-Za-z0-9_-]") {
            let (key, id) = (IdentityKey::new(b"key"), Uuid::from_u128(id));
            let code = invite_code(id, &key);
            prop_assert_eq!(invite_of(&code, &key), Some(id));
            prop_assert_eq!(invite_of(&code, &IdentityKey::new(b"other")), None);
            let mut changed = code.clone();
            changed.replace_range(at..=at, &c);
            prop_assert_eq!(invite_of(&changed, &key), (changed == code).then_some(id));
            // The proof of one is none of another.
            let other = invite_code(Uuid::from_u128(other), &key);
            if other != code {
                let mixed: String = code.chars().take(20).chain(other.chars().skip(20)).collect();
                prop_assert_eq!(invite_of(&mixed, &key).filter(|_| mixed != code && mixed != other), None);
            }
        }

        #[test]
        fn nothing_else_is_a_code(text in ".{0,80}") {
            prop_assert_eq!(invite_of(&text, &IdentityKey::new(b"key")), None);
        }
    }
}
