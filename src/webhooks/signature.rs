use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use uuid::Uuid;

use chat_domain::{Epoch, IdentityKey, RoomId};
use chat_store::HookList;

/// What the deliveries of one receiver are signed with. Derived from its id with the server's key, so it is stored nowhere.
pub struct HookSecret([u8; 32]);

impl HookSecret {
    /// That of this receiver.
    pub fn of(hook: Uuid, key: &IdentityKey) -> Self {
        Self(key.derived("webhook", &hook.to_string()))
    }

    /// As its owner gets it, once.
    pub fn expose(&self) -> String {
        format!("whsec_{}", STANDARD.encode(self.0))
    }

    /// The header `webhook-signature` of a delivery (Standard Webhooks, "Signature scheme"); none where there is no such key,
    /// which never is.
    pub fn sign(&self, id: &str, timestamp: i64, body: &str) -> Option<String> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).ok()?;
        mac.update(format!("{id}.{timestamp}.{body}").as_bytes());
        Some(format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())))
    }
}

/// The `webhook-id` of what a receiver is told: the same however often it is tried, and of nothing else.
pub fn webhook_id(key: &IdentityKey, hook: Uuid, (room, epoch, rev): (&RoomId, Epoch, i64)) -> String {
    // A room's id may have anything in it but this.
    let hash = key.hash_of(&format!("webhook {hook}/{epoch}/{rev}/{}", room.as_str()));
    format!("msg_{}", hash.chars().take(32).collect::<String>())
}

/// The same of a row of a list.
pub fn entry_id(key: &IdentityKey, hook: Uuid, (list, entry): (HookList, i64)) -> String {
    // No epoch is as short as this.
    let hash = key.hash_of(&format!("webhook {hook}/{}/{entry}", list.number()));
    format!("msg_{}", hash.chars().take(32).collect::<String>())
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn a_signature_is_that_of_the_standard() {
        // The example of the Standard Webhooks specification's libraries.
        let key = STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").expect("a key");
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).expect("a key");
        mac.update(b"msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.{\"test\": 2432232314}");
        assert_eq!(STANDARD.encode(mac.finalize().into_bytes()), "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        let secret = HookSecret([7; 32]);
        let signed = secret.sign("msg_a", 1, "{}").expect("a signature");
        assert!(signed.starts_with("v1,") && signed.len() == 47, "{signed}");
        for (id, at, body) in [("msg_b", 1, "{}"), ("msg_a", 2, "{}"), ("msg_a", 1, "{ }")] {
            assert_ne!(secret.sign(id, at, body).as_ref(), Some(&signed));
        }
    }

    #[test]
    fn each_change_of_each_room_has_an_id_of_its_own_for_each_receiver() {
        let key = IdentityKey::new(b"key");
        let mut seen = HashSet::new();
        for hook in [1, 2] {
            for room in ["a", "b"] {
                for epoch in [1, 2] {
                    for rev in [1, 2] {
                        let (room, epoch) =
                            (RoomId::parse(room).expect("a room"), Epoch::from_uuid(Uuid::from_u128(epoch)));
                        let id = webhook_id(&key, Uuid::from_u128(hook), (&room, epoch, rev));
                        assert_eq!(id, webhook_id(&key, Uuid::from_u128(hook), (&room, epoch, rev)));
                        assert!(seen.insert(id));
                    }
                }
            }
            for list in HookList::ALL {
                for entry in [1, 2] {
                    assert!(seen.insert(entry_id(&key, Uuid::from_u128(hook), (list, entry))));
                }
            }
        }
    }
}
