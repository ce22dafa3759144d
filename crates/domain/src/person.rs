use std::fmt;

use uuid::Uuid;

/// An account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UserId(Uuid);

impl UserId {
    /// An id that was never used before; later ones are greater (UUIDv7).
    pub fn new() -> Self {
        Self(Uuid::now_v7())
    }

    /// An id as the store has it.
    pub fn from_uuid(uuid: Uuid) -> Self {
        Self(uuid)
    }

    /// The id as the store has it.
    pub fn as_uuid(self) -> Uuid {
        self.0
    }
}

impl Default for UserId {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

/// A visitor's network, an IPv4 address or a /64 of IPv6, as a keyed hash: one can be compared with another, and none be
/// turned back into an address without the server's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct NetworkKey(u64);

impl NetworkKey {
    /// A key as the store has it.
    pub fn from_stored(number: i64) -> Self {
        Self(number.cast_unsigned())
    }

    /// The key as the store has it.
    pub fn stored(self) -> i64 {
        self.0.cast_signed()
    }
}

impl From<[u8; 8]> for NetworkKey {
    fn from(bytes: [u8; 8]) -> Self {
        Self(u64::from_be_bytes(bytes))
    }
}
